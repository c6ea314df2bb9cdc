"""Calls from one component to another that never see Python: a function that one instance lifts and
another lowers, joined by an adapter (`wadjet.canon.adapters`)."""

from collections.abc import Callable, Iterator
from functools import lru_cache
from typing import Final, NamedTuple, final

from wadjet.canon.adapters import REASONS, Adapter, Need, Side, adapter
from wadjet.canon.context import Context
from wadjet.canon.functions import Lifted
from wadjet.canon.instance import ComponentInstance
from wadjet.canon.resources import ResourceHandle, RuntimeResource
from wadjet.canon.tasks import RESOLVED, STARTED, Task, Thread
from wadjet.canon.traps import BORROWS_REMAIN, trap
from wadjet.component.types import Borrow, Defined, FuncType, Future, Own, ResourceType, Stream
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

    __slots__ = ("back", "callee", "entered", "given", "inst", "scope", "there")

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
        self.scope: Final = _Scope(callee.inst)

    def resolve(self, need: Need) -> object:
        """What one import is."""
        match need.kind:
            case "trap":
                return _trap
            case "enter":
                return self.scope.enter
            case "exit":
                return self.scope.exit
            case "leave":
                return self.scope.leave
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
        if need.side == "lift":
            source, target = target, source
        return _transfer(need, source, target, self.scope)

    def _flags(self, need: Need) -> object:
        if need.side == "lower":
            return self.inst.cell
        return self.entered[need.index].cell if need.index else self.callee.inst.cell


def _trap(code: int) -> None:
    trap(REASONS[code])


def _transfer(need: Need, source: Context, target: Context, scope: "_Scope") -> Transfer:
    """The function that takes a handle from one instance to another."""
    t = need.type
    if not isinstance(t, Defined):
        return lambda i: target.lower_error_context(source.lift_error_context(i))
    match t.shape:
        case Own(ResourceType(resource=resource)):
            return lambda i: target.lower_own(source.lift_own(i, resource), resource)
        case Borrow(ResourceType(resource=resource)):
            return scope.lending(source.inst, source.resources[resource])
        case Stream():
            return lambda i: target.lower_stream(source.lift_stream(i, t), t)
    assert isinstance(t.shape, Future), t
    return lambda i: target.lower_future(source.lift_future(i, t), t)


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

    def lending(self, source: ComponentInstance, type_: RuntimeResource) -> Transfer:
        """The function that lends a resource of the caller to the callee."""
        to, lent = self._to, self._lent

        def lend(index: int) -> int:
            handle = source.resource(index, type_)
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
