"""From two instances and what their options name to an instance of an adapter's module
(`wadjet.canon.adapters`): what its imports are."""

from collections.abc import Callable, Iterator
from functools import lru_cache
from typing import Final, NamedTuple, final

from wadjet.canon.adapters import REASONS, Adapter, Need, Side
from wadjet.canon.context import Context
from wadjet.canon.instance import ComponentInstance
from wadjet.canon.traps import trap
from wadjet.component.types import (
    Borrow, Defined, Future, Own, Resource, ResourceType, Stream,
)  # fmt: skip
from wadjet.core.binary import encode
from wadjet.core.types import Limits, MemoryType
from wadjet.engine.runtime.code import ModuleCode
from wadjet.engine.runtime.func import Func
from wadjet.engine.runtime.instantiate import instantiate
from wadjet.engine.runtime.memory import Memory
from wadjet.engine.tiers import compile_module

#: What takes a handle over: from its index on one side to what it is on the other.
Transfer = Callable[[int], int]
#: What makes one for borrowed handles of a resource, from one context to the other.
Lend = Callable[[Context, Context, Resource], Transfer]


class End(NamedTuple):
    """One side of an adapter: its options, the instance, and what else imports may name."""

    side: Side
    inst: ComponentInstance
    memory: Memory | None
    realloc: object = None
    callee: object = None
    post_return: object = None


def type_of_memory(memory: Memory | None) -> MemoryType | None:
    """The type of a memory, without anything that belongs to one instance."""
    if memory is None:
        return None
    t = memory.type
    most = t.limits.max if t.shared else None
    return MemoryType(Limits(0, most, t.limits.addr), t.shared, t.page_log2)


def around(inst: ComponentInstance | None) -> Iterator[ComponentInstance]:
    """An instance and those that it lies in."""
    while inst is not None:
        yield inst
        inst = inst.parent


@lru_cache(maxsize=1000)
def _code(adapter: Adapter, tier: str) -> ModuleCode:
    """The code of an adapter in a tier."""
    return compile_module(adapter.valid, tier, encode(adapter.valid.module))


def pass_borrow(source: Context, target: Context, resource: Resource) -> Transfer:
    """Lend a resource for a call that has a task and a subtask."""
    return lambda i: target.lower_borrow(source.lift_borrow(i, resource), resource)


@final
class Linking:
    """Two ends to be joined. `there` and `back` are contexts for their handles, by types of the
    lower end's component; `entered` are the instances that a call enters."""

    __slots__ = ("_lift", "_lower", "back", "entered", "there")

    def __init__(self, lower: End, lift: End) -> None:
        self._lower: Final = lower
        self._lift: Final = lift
        self.there: Final = Context(lower.inst, None, None, lower.inst)
        self.back: Final = Context(lift.inst, None, None, lower.inst)
        outside = set(around(lower.inst))
        self.entered: Final = [i for i in around(lift.inst) if i not in outside]

    def exports(
        self, adapter: Adapter, lend: Lend = pass_borrow, hooks: object = None
    ) -> dict[str, Func]:
        """The functions of an adapter. `lend` makes what takes borrowed handles over; `hooks` has
        methods `enter`, `exit` and `leave`, as far as they are needed."""
        imports = [self._resolve(need, lend, hooks) for need in adapter.needs]
        inst = self._lower.inst
        code = _code(adapter, inst.program.tier)
        instance = instantiate(inst.scheduler.store, code, imports)
        return {e.name: instance.func(e.index) for e in adapter.valid.module.exports}

    def _resolve(self, need: Need, lend: Lend, hooks: object) -> object:
        """What one import is."""
        end = self._lower if need.side == "lower" else self._lift
        match need.kind:
            case "trap":
                return _trap
            case "enter" | "exit" | "leave":
                return getattr(hooks, need.kind)
            case "flags":
                return (self.entered[need.index] if need.index else end.inst).cell
            case "memory":
                return end.memory
            case "realloc":
                return end.realloc
            case "callee":
                return end.callee
            case "post-return":
                return end.post_return
        if need.side == "lower":
            return _transfer(need, self.there, self.back, lend)
        return _transfer(need, self.back, self.there, lend)


def _trap(code: int) -> None:
    trap(REASONS[code])


def _transfer(need: Need, source: Context, target: Context, lend: Lend) -> Transfer:
    """The function that takes a handle from one instance to another."""
    t = need.type
    if not isinstance(t, Defined):
        return lambda i: target.lower_error_context(source.lift_error_context(i))
    match t.shape:
        case Own(ResourceType(resource=resource)):
            return lambda i: target.lower_own(source.lift_own(i, resource), resource)
        case Borrow(ResourceType(resource=resource)):
            return lend(source, target, resource)
        case Stream():
            return lambda i: target.lower_stream(source.lift_stream(i, t), t)
    assert isinstance(t.shape, Future), t
    return lambda i: target.lower_future(source.lift_future(i, t), t)
