"""Calls from one component to another that never see Python: a function that one instance lifts and
another lowers, joined by an adapter (`wadjet.canon.adapters`)."""

from collections.abc import Callable, Iterator, Sequence
from functools import lru_cache, partial
from typing import Any, Final, NamedTuple, final

from wadjet.canon.adapters import REASONS, Adapter, Need, Side, adapter
from wadjet.canon.context import Context
from wadjet.canon.functions import Invoke, Lifted, as_tuple
from wadjet.canon.instance import ComponentInstance
from wadjet.canon.passages import Flats, Passing
from wadjet.canon.resources import ResourceHandle
from wadjet.canon.tasks import RESOLVED, STARTED, Task, Thread
from wadjet.canon.traps import BORROWS_REMAIN, trap
from wadjet.component.types import (
    Borrow,
    Defined,
    FuncType,
    Future,
    Own,
    Resource,
    ResourceType,
    Stream,
)
from wadjet.component.validate import Options
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


class Given(NamedTuple):
    """What the options of a lowered function name."""

    options: Options
    memory: Memory | None
    realloc: Func | None


def are_apart(one: ComponentInstance, other: ComponentInstance) -> bool:
    """Whether neither instance lies in the other: else every call between them traps."""
    return not one.within(other) and not other.within(one)


def fuse(inst: ComponentInstance, given: Given, type_: FuncType, callee: Lifted) -> Func:
    """The core function of a `canon lower` in an instance, of a function of another one that is not
    async. `type_` is how the caller's component has it."""
    linking = _Linking(inst, given, callee)
    scope = _Scope(callee.inst)
    return linking.exports(type_, scope.lending, scope)["call"]


def fuse_async(
    inst: ComponentInstance, given: Given, type_: FuncType, callee: Lifted
) -> tuple[Invoke, Passing]:
    """The same for an async function: what calls it, and what its values pass through."""
    linking = _Linking(inst, given, callee)
    halves = linking.exports(type_, _pass_borrow, None)
    there = _Halves(linking.there, halves["params"].entry, halves["results"].entry)
    return partial(callee.invoke, passage=_Through(linking.back)), there


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

    __slots__ = ("back", "callee", "entered", "given", "inst", "there")

    def __init__(self, inst: ComponentInstance, given: Given, callee: Lifted) -> None:
        self.inst: Final = inst
        self.given: Final = given
        self.callee: Final = callee
        outside = set(_around(inst))
        self.entered: Final = [each for each in _around(callee.inst) if each not in outside]
        #: handles of both sides, by types of the caller's component
        self.there: Final = Context(inst, None, None, inst)
        self.back: Final = Context(callee.inst, None, None, inst)

    def exports(self, type_: FuncType, lend: Lend, scope: "_Scope | None") -> dict[str, Func]:
        """The functions of the adapter. `lend` makes what takes borrowed handles over."""
        callee = self.callee
        lower = _side(self.given.options, self.given.memory)
        lift = _side(callee.options, callee.memory, callee.inst.program.plan.waits)
        made = adapter(type_, lower, lift, len(self.entered))
        imports = [self._resolve(need, lend, scope) for need in made.needs]
        code = _code(_Coded(made), self.inst.program.tier)
        instance = instantiate(self.inst.scheduler.store, code, imports)
        return {e.name: instance.func(e.index) for e in made.valid.module.exports}

    def _resolve(self, need: Need, lend: Lend, scope: "_Scope | None") -> object:
        """What one import is."""
        given: Given | Lifted = self.given if need.side == "lower" else self.callee
        match need.kind:
            case "trap":
                return _trap
            case "enter" | "exit" | "leave":
                return getattr(scope, need.kind)
            case "flags":
                inst = self.inst if need.side == "lower" else self.entered[need.index]
                return inst.cell
            case "callee":
                return self.callee.core
            case "memory":
                return given.memory
            case "realloc":
                return given.realloc
            case "post-return":
                return self.callee.post_return
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


def _pass_borrow(source: Context, target: Context, resource: Resource) -> Transfer:
    """Lend a resource for a call that has a task and a subtask."""
    return lambda i: target.lower_borrow(source.lift_borrow(i, resource), resource)


@final
class _Halves:
    """Values of an async function between the caller's core code and the callee's: they are never
    seen, core values go in and come out."""

    __slots__ = ("_params", "_results", "cx")

    def __init__(
        self, cx: Context, params: Callable[..., Any], results: Callable[..., Any]
    ) -> None:
        self.cx: Final = cx
        self._params: Final = params
        self._results: Final = results

    def lift(self, flats: Sequence[Any], limit: int, *, result: bool) -> tuple[Any, ...]:
        """Parameters, as the callee's core function takes them."""
        return as_tuple(self._params(*flats))

    def lower(
        self, values: Sequence[Any], limit: int, *, result: bool, out: int | None = None
    ) -> Flats:
        """The result, as the caller's core code gets it."""
        return as_tuple(self._results(*values) if out is None else self._results(*values, out))


@final
class _Through:
    """The callee's side of `_Halves`: nothing is left to be done."""

    __slots__ = ("cx",)

    def __init__(self, cx: Context) -> None:
        self.cx: Final = cx

    def lift(self, flats: Sequence[Any], limit: int, *, result: bool) -> tuple[Any, ...]:
        """Core values that leave the component."""
        return tuple(flats)

    def lower(
        self, values: Sequence[Any], limit: int, *, result: bool, out: int | None = None
    ) -> Flats:
        """Core values that get into the component."""
        return tuple(values)


@final
class _Scope:
    """The task of a fused function: the one call of it that is running, as the callee's instance
    cannot be entered meanwhile. What was left by a call that trapped does not matter, since it
    cannot be entered ever again."""

    __slots__ = ("_caller", "_lent", "_task", "_to")

    def __init__(self, to: ComponentInstance) -> None:
        self._to: Final = to
        #: handles that the caller lends
        self._lent: Final[list[ResourceHandle]] = []
        self._task: Task = Task(to)
        self._caller: Thread | None = None

    def lending(self, source: Context, target: Context, resource: Resource) -> Transfer:
        """The function that lends a resource of the caller to the callee."""
        inst, type_, to, lent = source.inst, source.resources[resource], self._to, self._lent

        def lend(index: int) -> int:
            handle = inst.resource(index, type_)
            handle.lends += 1
            lent.append(handle)
            return handle.rep  # type: ignore[no-any-return]  # the callee's own: a number

        def lend_on(index: int) -> int:
            rep = lend(index)
            task = self._task
            task.borrows += 1
            return to.handles.add(ResourceHandle(type_, rep, False, task))

        return lend if type_.impl is to else lend_on

    def enter(self) -> None:
        """A call begins, of a callee that may ask for its task."""
        task = self._task = Task(self._to)
        thread = task.implicit = Thread(task)
        scheduler = self._to.scheduler
        task.state = STARTED
        task.register(thread)
        self._caller, scheduler.current = scheduler.current, thread

    def exit(self) -> None:
        """The callee has returned."""
        task = self._task
        if task.borrows:
            trap(BORROWS_REMAIN)
        task.state = RESOLVED
        for handle in self._lent:
            handle.lends -= 1
        self._lent.clear()

    def leave(self) -> None:
        """The call is over."""
        task = self._task
        assert task.implicit is not None
        task.exit(task.implicit)
        self._to.scheduler.current = self._caller
