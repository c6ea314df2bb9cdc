"""What passes from one component to another without ever being a Python value: calls of functions
that one instance lifts and another lowers, elements of streams and futures (all by way of
`wadjet.canon.adapters`)."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, Final, final

from wadjet.canon.adapters import Plain, Side, adapter, element_copier
from wadjet.canon.context import Context
from wadjet.canon.functions import Invoke, Lifted, as_tuple
from wadjet.canon.instance import ComponentInstance
from wadjet.canon.linking import End, Linking, Transfer, type_of_memory
from wadjet.canon.passages import Flats, Passing
from wadjet.canon.resources import ResourceHandle
from wadjet.canon.streams import ElementCopier, Window
from wadjet.canon.tasks import RESOLVED, STARTED, Task, Thread
from wadjet.canon.traps import BORROWS_REMAIN, trap
from wadjet.component.types import FuncType, Resource
from wadjet.component.validate import Options
from wadjet.engine.runtime.func import Func
from wadjet.engine.runtime.memory import Memory


def are_apart(one: ComponentInstance, other: ComponentInstance) -> bool:
    """Whether neither instance lies in the other: else every call between them traps."""
    return not one.within(other) and not other.within(one)


def lowering_end(
    inst: ComponentInstance, options: Options, memory: Memory | None, realloc: Func | None
) -> End:
    """The caller's end of a function."""
    return End(_side(options, memory), inst, memory, realloc)


def _lifting_end(callee: Lifted) -> End:
    """The callee's end."""
    side = _side(callee.options, callee.memory, callee.inst.program.plan.waits)
    return End(
        side, callee.inst, callee.memory, callee.realloc, callee.core, callee.post_return
    )  # fmt: skip


def _side(options: Options, memory: Memory | None, task: bool = False) -> Side:
    return Side(
        type_of_memory(memory),
        options.encoding,
        options.realloc is not None,
        options.post_return is not None,
        options.is_async,
        options.callback is not None,
        task=task,
    )


def fuse(lower: End, type_: FuncType, callee: Lifted) -> Func:
    """The core function of a `canon lower`, of a function of another instance that is not async.
    `type_` is how the caller's component has it."""
    lift = _lifting_end(callee)
    linking, scope = Linking(lower, lift), _Scope(callee.inst)
    made = adapter(type_, lower.side, lift.side, len(linking.entered))
    return linking.exports(made, scope.lending, scope)["call"]


def fuse_async(lower: End, type_: FuncType, callee: Lifted) -> tuple[Invoke, Passing]:
    """The same for an async function: what calls it, and what its values pass through."""
    lift = _lifting_end(callee)
    linking = Linking(lower, lift)
    halves = linking.exports(adapter(type_, lower.side, lift.side))
    there = _Halves(linking.there, halves["params"].entry, halves["results"].entry)
    return partial(callee.invoke, passage=_Through(linking.back)), there


def element_copy(source: Window, target: Window) -> ElementCopier:
    """What copies elements from one guest's buffers to another's."""
    element = source.element
    assert element is not None, "there is nothing to copy"
    if Plain()(element):
        return partial(_copy_bytes, source.cx.memory, target.cx.memory, source.size)
    lower, lift = _window_end(source), _window_end(target)
    made = element_copier(element, lower.side, lift.side)
    copy: ElementCopier = Linking(lower, lift).exports(made)["copy"].entry
    return copy


def _window_end(window: Window) -> End:
    cx = window.cx
    side = Side(type_of_memory(cx.memory), window.encoding, cx.realloc is not None)
    return End(side, cx.inst, cx.memory, cx.realloc)


def _copy_bytes(source: Memory, target: Memory, size: int, p: int, q: int, count: int) -> None:
    target.view[q : q + count * size] = source.view[p : p + count * size]


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
