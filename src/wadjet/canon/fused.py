"""Calls from one component to another that never see Python: a function that one instance lifts and
another lowers, joined by an adapter (`wadjet.canon.adapters`)."""

from collections.abc import Callable, Iterator
from functools import lru_cache
from typing import Final, NamedTuple, final

from wadjet.canon.adapters import REASONS, Adapter, Need, Side, adapter
from wadjet.canon.context import Context
from wadjet.canon.functions import Lifted
from wadjet.canon.instance import ComponentInstance
from wadjet.canon.tasks import STARTED, Task, Thread
from wadjet.canon.traps import trap
from wadjet.canon.waitables import RETURNED, Subtask
from wadjet.component.types import Borrow, Defined, FuncType, Future, Own, ResourceType, Stream
from wadjet.component.validate import Options
from wadjet.core.binary import encode
from wadjet.core.types import Limits, MemoryType
from wadjet.engine.runtime.code import ModuleCode
from wadjet.engine.runtime.func import Func
from wadjet.engine.runtime.instantiate import instantiate
from wadjet.engine.runtime.memory import Memory
from wadjet.engine.tiers import compile_module


class Given(NamedTuple):
    """What the options of a lowered function name."""

    options: Options
    memory: Memory | None
    realloc: Func | None


def fits(inst: ComponentInstance, type_: FuncType, callee: Lifted) -> bool:
    """Whether an adapter can join the two: the function is not async, and neither instance lies in
    the other, as then every call traps."""
    to = callee.inst
    return not type_.is_async and not inst.within(to) and not to.within(inst)


def fuse(inst: ComponentInstance, given: Given, type_: FuncType, callee: Lifted) -> Func:
    """The core function of a `canon lower` in an instance, of a function of another one. `type_` is
    how the caller's component has it."""
    outside = set(_around(inst))
    entered = [each for each in _around(callee.inst) if each not in outside]
    lower = _side(given.options, given.memory)
    lift = _side(callee.options, callee.memory, callee.inst.program.plan.waits)
    made = adapter(type_, lower, lift, len(entered))
    linking = _Linking(inst, given, callee, entered)
    imports = [linking.resolve(need) for need in made.needs]
    code = _code(_Coded(made), inst.program.tier)
    instance = instantiate(inst.scheduler.store, code, imports)
    return instance.func(made.valid.module.exports[0].index)


def _around(inst: ComponentInstance | None) -> Iterator[ComponentInstance]:
    """An instance and those that it lies in."""
    while inst is not None:
        yield inst
        inst = inst.parent


def _side(options: Options, memory: Memory | None, task: bool = False) -> Side:
    """The options of one side, without anything that belongs to one instance."""
    t = None
    if memory is not None:
        of = memory.type
        most = of.limits.max if of.shared else None
        t = MemoryType(Limits(0, most, of.limits.addr), of.shared, of.page_log2)
    return Side(
        t,
        options.encoding,
        options.realloc is not None,
        options.post_return is not None,
        options.is_async,
        options.callback is not None,
        task=task,
    )


@final
class _Coded:
    """An adapter, compared by its key."""

    __slots__ = ("adapter",)

    def __init__(self, made: Adapter) -> None:
        self.adapter: Final = made

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Coded) and self.adapter.key == other.adapter.key

    def __hash__(self) -> int:
        return hash(self.adapter.key)


@lru_cache(maxsize=1000)
def _code(coded: _Coded, tier: str) -> ModuleCode:
    """The code of an adapter in a tier."""
    valid = coded.adapter.valid
    return compile_module(valid, tier, encode(valid.module))


@final
class _Linking:
    """What the imports of one adapter are."""

    __slots__ = ("back", "callee", "entered", "given", "inst", "scopes", "there")

    def __init__(
        self, inst: ComponentInstance, given: Given, callee: Lifted,
        entered: list[ComponentInstance],
    ) -> None:  # fmt: skip
        self.inst: Final = inst
        self.given: Final = given
        self.callee: Final = callee
        self.entered: Final = entered
        #: handles of both sides, by types of the caller's component
        self.there: Final = Context(inst, None, None, inst)
        self.back: Final = Context(callee.inst, None, None, inst)
        self.scopes: Final = _Scopes(callee, self.there, self.back)

    def resolve(self, need: Need) -> object:
        """What one import is."""
        match need.kind:
            case "trap":
                return _trap
            case "enter":
                return self.scopes.enter
            case "exit":
                return self.scopes.exit
            case "leave":
                return self.scopes.leave
            case "flags":
                return self._flags(need)
            case "callee":
                return self.callee.core
            case "memory" | "realloc":
                given: Given | Lifted = self.given if need.side == "lower" else self.callee
                return given.memory if need.kind == "memory" else given.realloc
            case "post-return":
                return self.callee.post_return
        source, target = self.there, self.back
        return _transfer(need, *((source, target) if need.side == "lower" else (target, source)))

    def _flags(self, need: Need) -> object:
        if need.side == "lower":
            return self.inst.cell
        return self.entered[need.index].cell if need.index else self.callee.inst.cell


def _trap(code: int) -> None:
    trap(REASONS[code])


def _transfer(need: Need, source: Context, target: Context) -> Callable[[int], int]:
    """The function that takes a handle from one instance to another."""
    t = need.type
    if not isinstance(t, Defined):
        return lambda i: target.lower_error_context(source.lift_error_context(i))
    match t.shape:
        case Own(ResourceType(resource=resource)):
            return lambda i: target.lower_own(source.lift_own(i, resource), resource)
        case Borrow(ResourceType(resource=resource)):
            return lambda i: target.lower_borrow(source.lift_borrow(i, resource), resource)
        case Stream():
            return lambda i: target.lower_stream(source.lift_stream(i, t), t)
    assert isinstance(t.shape, Future), t
    return lambda i: target.lower_future(source.lift_future(i, t), t)


@final
class _Scopes:
    """The tasks of one fused function: of those calls that are running, the innermost last."""

    __slots__ = ("_back", "_callee", "_running", "_scheduled", "_there")

    def __init__(self, callee: Lifted, there: Context, back: Context) -> None:
        self._callee: Final = callee
        self._there: Final = there
        self._back: Final = back
        self._scheduled: Final = callee.inst.program.plan.waits
        self._running: Final[list[tuple[Subtask, Thread, Thread | None]]] = []

    def enter(self) -> None:
        """A call begins."""
        inst = self._callee.inst
        scheduler = inst.scheduler
        task, subtask = Task(inst, self._callee), Subtask()
        task.state = STARTED
        thread = task.implicit = Thread(task)
        self._running.append((subtask, thread, scheduler.current))
        self._there.lender, self._back.task = subtask, task
        if self._scheduled:
            task.register(thread)
            scheduler.current = thread

    def exit(self) -> None:
        """The callee has returned."""
        subtask, thread, _ = self._running[-1]
        thread.task.resolve(())
        subtask.state = RETURNED
        subtask.deliver()
        if not self._scheduled:
            self._running.pop()

    def leave(self) -> None:
        """The call is over."""
        _, thread, caller = self._running.pop()
        thread.task.exit(thread)
        self._callee.inst.scheduler.current = caller
