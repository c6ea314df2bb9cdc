"""Functions of components: lifted ones of guests, and those of the host (CanonicalABI.md, "`canon
lift`", "`canon lower`")."""

from collections.abc import Callable, Generator, Sequence
from typing import TYPE_CHECKING, Any, Final, final

from wadjet.base.errors import Exhaustion, WasmException
from wadjet.canon import waitables
from wadjet.canon.context import Context
from wadjet.canon.host import is_awaitable
from wadjet.canon.instance import MAY_LEAVE, ComponentInstance, leave
from wadjet.canon.passages import Flats, Passage, Passing
from wadjet.canon.tasks import RESOLVED, Task, Thread
from wadjet.canon.traps import trap
from wadjet.canon.values import Err, Ok, ResultError
from wadjet.canon.waitables import Subtask, WaitableSet
from wadjet.component.abi import MAX_FLAT_ASYNC_PARAMS, MAX_FLAT_PARAMS, MAX_FLAT_RESULTS
from wadjet.component.types import Defined, FuncType, Result
from wadjet.component.validate import Options
from wadjet.engine.runtime.func import Func as CoreFunc
from wadjet.engine.runtime.memory import Memory

if TYPE_CHECKING:
    from wadjet.canon.program import Program

OnStart = Callable[[], tuple[Any, ...]]
OnResolve = Callable[[Any], None]
OnCancel = Callable[[ComponentInstance | None], None]
Invoke = Callable[[OnStart, OnResolve, ComponentInstance | None], OnCancel]

# what a callback answers
_EXIT: Final = 0
_YIELD: Final = 1
_WAIT: Final = 2


def as_tuple(results: Any) -> Flats:
    """What a core function gave Python, as a tuple."""
    if results is None:
        return ()
    return results if type(results) is tuple else (results,)


def call_core(entry: Callable[..., Any], args: Sequence[Any]) -> Flats:
    """Call a core function. An exception must not leave a component: it traps."""
    try:
        return as_tuple(entry(*args))
    except WasmException as error:
        trap(f"an exception left a component: {error}")


@final
class Lifted:
    """A core function lifted by an instance."""

    __slots__ = (
        "__weakref__", "callback", "core", "entry", "inst", "memory", "options", "post_return",
        "realloc", "type",
    )  # fmt: skip

    def __init__(
        self,
        inst: ComponentInstance,
        type_: FuncType,
        options: Options,
        core: CoreFunc,
        pick: Callable[[str, int | None], Any],
    ) -> None:
        """`pick` gives the core definition of a sort that an option names, None for none."""
        self.inst: Final = inst
        self.type: Final = type_
        self.options: Final = options
        self.core: Final = core
        self.entry: Final = core.entry
        self.memory: Final[Memory | None] = pick("core memory", options.memory)
        realloc: CoreFunc | None = pick("core func", options.realloc)
        post_return: CoreFunc | None = pick("core func", options.post_return)
        self.realloc: Final = realloc
        self.post_return: Final = None if post_return is None else post_return.entry
        self.callback: Final[CoreFunc | None] = pick("core func", options.callback)

    def context(self, view: ComponentInstance) -> Context:
        """A context for values whose types are those of `view`'s component."""
        realloc = None if self.realloc is None else self.realloc.entry
        size = self.options.ptr.size
        return Context(self.inst, self.memory, realloc, view, size)

    def passage(self, program: "Program", type_: FuncType, view: ComponentInstance) -> Passage:
        """How values of the host get in and out, as a type of `view`'s component has them."""
        coder = program.coder(self.options.ptr, self.options.encoding)
        return Passage(coder, type_, self.context(view))

    # --- calls ------------------------------------------------------------------------------------

    def invoke(
        self,
        on_start: OnStart,
        on_resolve: OnResolve,
        caller: ComponentInstance | None,
        passage: Passing,
        refuse: Callable[[Exception], None] | None = None,
    ) -> OnCancel:
        """Call it: what asks it to end. A caller that is None is the host. With `refuse`, which is
        told of arguments that do not fit, it runs on a continuation even if it is not async."""
        inst = self.inst
        cells = inst.enter(caller)
        task = Task(inst, self, on_start, on_resolve, passage, refuse)
        thread = Thread(task)
        try:
            if self.type.is_async or refuse is not None:
                thread.running = False
                thread.body = self._body(task, thread)
                thread.resume()
            else:
                self._run(task, thread)
        except RecursionError:
            raise Exhaustion("call stack exhausted: components call each other too deep") from None
        if not thread.frozen:
            leave(cells)
        return task.request_cancel

    def _lower(self, task: Task) -> Flats:
        assert task.passage is not None
        cx = task.passage.cx
        cx.task = task
        try:
            return task.passage.lower(task.start(), MAX_FLAT_PARAMS, result=False)
        finally:
            cx.task = None  # what was given must not live until the next call

    def _finish(self, task: Task, flats: Flats) -> None:
        """A function without the option `async` has returned."""
        assert task.passage is not None
        task.passage.cx.lender = None
        task.resolve(task.passage.lift(flats, MAX_FLAT_RESULTS, result=True))
        if self.post_return is not None:
            flags = self.inst.flags
            flags[0] &= ~MAY_LEAVE
            call_core(self.post_return, flats)
            flags[0] |= MAY_LEAVE

    def _run(self, task: Task, thread: Thread) -> None:
        """A function that is not async, where it is called."""
        scheduler = self.inst.scheduler
        saved, scheduler.current = scheduler.current, thread
        try:
            task.implicit = thread
            task.register(thread)
            self._finish(task, call_core(self.entry, self._lower(task)))
            task.exit(thread)
        finally:
            scheduler.current = saved

    def _body(self, task: Task, thread: Thread) -> Generator[None, bool, None]:
        """A function on a continuation."""
        entered = yield from task.enter(thread)
        if not entered:
            return
        try:
            flats = self._lower(task)
        except (TypeError, ValueError, OverflowError) as error:
            if task.refuse is None:
                raise
            task.withdraw(thread)
            task.refuse(error)
            return
        shims = self.inst.scheduler.shims
        results = yield from shims.runner(self.core.type).call(thread, self.core, flats)
        if not self.options.is_async:
            self._finish(task, results)
        elif self.callback is not None:
            yield from self._callbacks(task, thread, results[0])
        task.exit(thread)

    def _callbacks(self, task: Task, thread: Thread, packed: int) -> Generator[None, bool, None]:
        inst, callback = self.inst, self.callback
        assert callback is not None
        runner = inst.scheduler.shims.runner(callback.type)

        def free() -> bool:
            return inst.exclusive is None

        while (code := packed & 0xF) != _EXIT:
            inst.exclusive = None
            if code == _YIELD:
                cancelled = yield from thread.pause(free, True)
                event = waitables.CANCELLED if cancelled else waitables.NOTHING
            elif code == _WAIT:
                event = yield from _wait(inst, thread, (packed & 0xFFFF_FFFF) >> 4, free)
            else:
                trap(f"unsupported callback code: {code}")
            inst.exclusive = task.implicit
            (packed,) = yield from runner.call(thread, callback, event)


def waitable_set(inst: ComponentInstance, index: int) -> WaitableSet:
    """The waitable set at an index."""
    found = inst.handles.get(index)
    if not isinstance(found, WaitableSet):
        trap(f"handle index {index} is not a waitable set")
    return found


def _wait(
    inst: ComponentInstance, thread: Thread, index: int, free: Callable[[], bool]
) -> Generator[None, bool, waitables.Event]:
    wset = waitable_set(inst, index)
    wset.waiting += 1
    cancelled = yield from thread.pause(lambda: free() and wset.has_event(), True)
    wset.waiting -= 1
    return waitables.CANCELLED if cancelled else wset.take_event()


@final
class HostFunction:
    """A Python callable with the type of an import of the component that `view` is one of."""

    __slots__ = ("__weakref__", "callable", "name", "type", "view")

    def __init__(
        self, name: str, type_: FuncType, view: ComponentInstance, callable_: Callable[..., Any]
    ) -> None:
        self.name: Final = name
        self.type: Final = type_
        self.view: Final = view
        self.callable: Final = callable_

    @property
    def fails(self) -> bool:
        """Whether its result says if it failed."""
        return isinstance(self.type.result, Defined) and isinstance(self.type.result.shape, Result)

    def answer(self, value: Any) -> tuple[Any, ...]:
        """What it returned, as results."""
        if self.type.result is None:
            return ()
        if self.fails and type(value) is not Ok and type(value) is not Err:
            return (Ok(value),)
        return (value,)

    def failure(self, error: BaseException) -> tuple[Any, ...]:
        """What it raised, as results. Raises what is none."""
        if self.fails and isinstance(error, ResultError):
            return (Err(error.value),)
        raise error

    def call(self, args: Sequence[Any]) -> Any:
        """Its results, or something to wait for."""
        try:
            value = self.callable(*args)
        except ResultError as error:
            return self.failure(error)
        return value if is_awaitable(value) else self.answer(value)

    def invoke(
        self, on_start: OnStart, on_resolve: OnResolve, caller: ComponentInstance | None
    ) -> OnCancel:
        """Call it as a function that may answer later."""
        answer = self.call(on_start())
        if not is_awaitable(answer):
            on_resolve(answer)
            return _too_late
        ended: list[bool] = []

        def done(value: Any, error: BaseException | None) -> None:
            if ended:
                return
            ended.append(True)
            try:
                on_resolve(self.answer(value) if error is None else self.failure(error))
            except Exception as problem:
                if not self.view.scheduler.fail(problem):
                    raise

        stop = self.view.scheduler.start(answer, done)

        def cancel(_: ComponentInstance | None) -> None:
            if not ended:
                ended.append(True)
                stop()
                on_resolve(None)

        return cancel


def _too_late(_: ComponentInstance | None) -> None:
    pass


Callee = Lifted | HostFunction


@final
class Lowered:
    """A function of a component, or of the host, as an instance's core code calls it."""

    __slots__ = ("inst", "invoke", "options", "params", "passage", "results")

    def __init__(
        self,
        inst: ComponentInstance,
        options: Options,
        invoke: Invoke,
        passage: Passing,
        params: int,
    ) -> None:
        """`invoke` calls the callee; `params` is the number of core parameters without the address
        for the result."""
        self.inst: Final = inst
        self.options: Final = options
        self.invoke: Final = invoke
        self.passage: Final = passage
        self.params: Final = params
        is_async = options.is_async
        self.results: Final = 0 if is_async else MAX_FLAT_RESULTS

    def __call__(self, *flats: Any) -> Any:
        """The call, as core code sees it; `BLOCK` where the thread must wait."""
        inst = self.inst
        inst.check_leave()
        subtask = Subtask()
        call = _Call(self, subtask, flats)
        subtask.on_cancel = self.invoke(call.start, call.resolve, inst)
        if self.options.is_async:
            return call.packed()
        if subtask.resolved():
            return call.finish(False)
        thread = inst.scheduler.current
        assert thread is not None
        return thread.block(call.finish, subtask.resolved)


@final
class _Call:
    """One call of a lowered function."""

    __slots__ = ("flats", "index", "lowered", "subtask")

    def __init__(self, lowered: Lowered, subtask: Subtask, flats: Flats) -> None:
        self.lowered: Final = lowered
        self.subtask: Final = subtask
        self.flats: Final = flats
        #: of the subtask, once it has one
        self.index = 0

    def start(self) -> tuple[Any, ...]:
        """The arguments."""
        lowered = self.lowered
        self.subtask.state = waitables.STARTED
        self._progress()
        limit = MAX_FLAT_ASYNC_PARAMS if lowered.options.is_async else MAX_FLAT_PARAMS
        lowered.passage.cx.lender = self.subtask
        return lowered.passage.lift(self.flats[: lowered.params], limit, result=False)

    def resolve(self, result: tuple[Any, ...] | None) -> None:
        """It has returned, or ended without a result."""
        subtask, lowered = self.subtask, self.lowered
        if result is None:
            started = subtask.state != waitables.STARTING
            subtask.state = waitables.CANCELLED_BEFORE_STARTED + started
        else:
            rest = self.flats[lowered.params :]
            out = rest[0] if rest else None
            passage = lowered.passage
            subtask.results = passage.lower(result, lowered.results, result=True, out=out)
            subtask.state = waitables.RETURNED
        self._progress()

    def _progress(self) -> None:
        if self.index:
            self.subtask.event = self._event

    def _event(self) -> waitables.Event:
        if self.subtask.resolved():
            self.subtask.deliver()
        return waitables.SUBTASK, self.index, self.subtask.state

    def finish(self, _: bool) -> Any:
        """The results of a call that is over."""
        self.subtask.deliver()
        results = self.subtask.results
        return results[0] if len(results) == 1 else None

    def packed(self) -> int:
        """How far the call has come, and the index of the subtask if it is not over."""
        subtask = self.subtask
        if subtask.resolved():
            subtask.deliver()
            return waitables.RETURNED
        self.index = self.lowered.inst.handles.add(subtask)
        return subtask.state | self.index << 4


def guest_thread(inst: ComponentInstance) -> Thread:
    """A thread for code that belongs to no call: start functions, destructors."""
    task = Task(inst)
    task.state = RESOLVED
    return Thread(task)
