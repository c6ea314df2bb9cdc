"""Tasks, threads and the scheduler (CanonicalABI.md, "Concurrency").

A thread whose core code may be suspended runs it on a continuation (`wadjet.canon.shims`), and is a
Python generator around that: it yields where it waits. A thread of a function that is not async has
no generator: it runs where it is called, and what waits in it lets other threads of its instance
run meanwhile, on top of its frames.
"""

from collections import deque
from collections.abc import Awaitable, Callable, Generator
from typing import TYPE_CHECKING, Any, Final, final

from wadjet.base.errors import Error, Exhaustion
from wadjet.canon.host import Done, Host
from wadjet.canon.instance import MAY_ENTER, ComponentInstance, leave
from wadjet.canon.traps import BORROWS_REMAIN, CANNOT_BLOCK, DEADLOCK, trap
from wadjet.engine.contract.traps import TrapCode, failure

if TYPE_CHECKING:
    from wadjet.canon.functions import Lifted
    from wadjet.canon.passages import Passing
    from wadjet.canon.shims import Shims
    from wadjet.engine.runtime.store import Store

#: What a built-in returns whose thread must wait first.
BLOCK: Final = object()
#: Threads that may wait at once, in one store.
MAX_THREADS: Final = 100_000
#: Instances of components that one may consist of.
MAX_INSTANCES: Final = 10_000

#: a thread's code: takes whether it was cancelled while it waited
Body = Generator[None, bool, None]
OnResolve = Callable[[Any], None]


def _nobody(result: Any) -> None:
    """Nobody wants the result."""


def _always() -> bool:
    return True


@final
class Thread:
    """A thread of a task (CanonicalABI.md, "Threads").

    It runs, or is suspended, or waits until `ready` says so. `body` None: it runs directly.
    """

    __slots__ = (
        "awake", "body", "cancellable", "cancelled", "finish", "frozen", "in_place", "index",
        "ready", "running", "started", "storage", "switch_to", "task",
    )  # fmt: skip

    def __init__(self, task: "Task", body: Body | None = None) -> None:
        self.task: Final = task
        self.body = body
        self.ready: Callable[[], bool] | None = None
        self.running = body is None
        self.started = False
        #: whether it waits with its frames in place
        self.in_place = False
        self.cancellable = False
        #: how it was resumed
        self.cancelled = False
        self.awake = False
        self.index: int | None = None
        self.storage: Final = [0, 0]
        #: what a built-in does once it need not wait any more
        self.finish: Callable[[bool], Any] | None = None
        self.switch_to: Thread | None = None
        #: whether its instance stays entered while it waits: it is not async, or others have
        #: their turn
        self.frozen = False

    @property
    def suspended(self) -> bool:
        """Whether it waits for nothing but to be resumed."""
        return not self.running and self.ready is None

    @property
    def alone(self) -> bool:
        """Whether it needs the instance to itself, so that it cannot run while a function that is
        not async is called."""
        task = self.task
        return self is task.implicit and task.is_async and task.exclusive

    @property
    def in_frames(self) -> bool:
        """Whether what it waits in stays where it is: it runs directly, or is to be waited for by
        whoever called it."""
        return self.body is None or (self is self.task.implicit and not self.task.is_async)

    # --- waiting ----------------------------------------------------------------------------------

    def wait(self, ready: Callable[[], bool]) -> None:
        """Be among those that wait."""
        waiting = self.task.inst.scheduler.waiting
        if len(waiting) >= MAX_THREADS:
            raise Exhaustion(f"more than {MAX_THREADS} threads wait")
        self.ready = ready
        waiting[self] = None

    def stop_waiting(self) -> None:
        """Be no longer among those that wait."""
        self.ready = None
        self.task.inst.scheduler.waiting.pop(self, None)

    def resume_later(self) -> None:
        """Be resumed when it is its turn."""
        self.wait(_always)

    def block(
        self,
        finish: Callable[[bool], Any],
        ready: Callable[[], bool] | None = None,
        cancellable: bool = False,
        switch_to: "Thread | None" = None,
    ) -> object:
        """What a built-in returns whose thread must wait: until `ready`, or until it is resumed if
        there is none. `finish` is then called with whether it was cancelled."""
        if self.task.deliver_cancel(cancellable):
            return finish(True)
        self.finish = finish
        self.cancellable = cancellable
        self.switch_to = switch_to
        if ready is not None:
            self.wait(ready)
        return BLOCK

    def pause(self, ready: Callable[[], bool], cancellable: bool) -> Generator[None, bool, bool]:
        """Wait in a body; whether it was cancelled."""
        if self.task.deliver_cancel(cancellable):
            return True
        self.cancellable = cancellable
        self.wait(ready)
        return (yield)

    # --- running ----------------------------------------------------------------------------------

    def resume(self, cancelled: bool = False) -> None:
        """Let it run until it waits or ends, and then whatever it switches to."""
        thread: Thread | None = self
        while thread is not None:
            assert not thread.running
            if thread.ready is not None:
                thread.stop_waiting()
            thread.cancelled = cancelled
            thread = thread._go()
            cancelled = False

    def go_on(self) -> None:
        """Let it run on that was stopped anywhere. What it waits for, if it was about to wait, it
        waits for still."""
        other = self._go()
        if other is not None:
            other.resume()

    def _go(self) -> "Thread | None":
        if self.body is None or self.in_place:
            self.awake = True
            return None
        scheduler = self.task.inst.scheduler
        saved, scheduler.current = scheduler.current, self
        first, self.started = not self.started, True
        self.running = True
        try:
            if first:
                next(self.body)
            else:
                self.body.send(self.cancelled)
        except StopIteration:
            pass
        except BaseException:
            scheduler.culprit = self.task
            raise
        finally:
            scheduler.current = saved
            self.running = False
        if scheduler.turned is not None:
            return None
        other, self.switch_to = self.switch_to, None
        return other

    def wait_here(self) -> Any:
        """Wait where it runs, with its frames in place: the result of what blocked it. Meanwhile
        other threads of the instance run. Traps where none can."""
        inst, result = self.task.inst, BLOCK
        scheduler = inst.scheduler
        self.in_place = True
        while result is BLOCK:
            self.running, self.awake = False, False
            while not self.awake:
                other, self.switch_to = self.switch_to, None
                if other is None:
                    other = scheduler.ready_in(inst)
                    if other is None:
                        trap(f"{CANNOT_BLOCK}: {DEADLOCK}")
                other.resume()
            self.running = True
            finish, self.finish = self.finish, None
            assert finish is not None, "it was blocked"
            result = finish(self.cancelled)
        self.in_place = False
        return result


# states of tasks
INITIAL: Final = 1
STARTED: Final = 2
PENDING_CANCEL: Final = 3
CANCEL_DELIVERED: Final = 4
RESOLVED: Final = 5


@final
class Task:
    """A call of a lifted function (CanonicalABI.md, "Tasks"). `passage` is how its values get in
    and out."""

    __slots__ = (
        "borrows", "func", "implicit", "inst", "on_resolve", "on_start", "passage", "refuse",
        "state", "threads",
    )  # fmt: skip

    def __init__(
        self,
        inst: ComponentInstance,
        func: "Lifted | None" = None,
        on_start: Callable[[], tuple[Any, ...]] = tuple,
        on_resolve: OnResolve = _nobody,
        passage: "Passing | None" = None,
        refuse: Callable[[Exception], None] | None = None,
    ) -> None:
        """`refuse` is told what is wrong with arguments that do not fit."""
        self.inst: Final = inst
        self.func: Final = func
        self.on_start: Final = on_start
        self.on_resolve: Final = on_resolve
        self.passage: Final = passage
        self.refuse: Final = refuse
        self.state = INITIAL
        self.borrows = 0
        self.implicit: Thread | None = None
        self.threads: Final[list[Thread]] = []

    @property
    def is_async(self) -> bool:
        """Whether it may wait before it returns."""
        return self.func is not None and self.func.type.is_async

    @property
    def exclusive(self) -> bool:
        """Whether no other of its kind may run at the same time in its instance."""
        assert self.func is not None
        return not self.func.options.is_async or self.func.callback is not None

    def register(self, thread: Thread) -> None:
        """Give a thread its index."""
        self.threads.append(thread)
        thread.index = self.inst.threads.add(thread)

    def unregister(self, thread: Thread) -> None:
        """A thread ends."""
        self.threads.remove(thread)
        if not self.threads and self.state != RESOLVED:
            trap("async-lifted export failed to produce a result")
        assert thread.index is not None
        self.inst.threads.remove(thread.index)

    def enter(self, thread: Thread) -> Generator[None, bool, bool]:
        """Wait until the instance takes more calls; False if it was cancelled before."""
        inst = self.inst
        self.implicit = thread
        if self.is_async:
            self._let_go_on()
            if self._held_back() or inst.waiting_to_enter:
                inst.waiting_to_enter += 1
                cancelled = yield from thread.pause(lambda: not self._held_back(), True)
                inst.waiting_to_enter -= 1
                if cancelled:
                    self.cancel()
                    return False
            if self.exclusive:
                inst.exclusive = thread
        self.register(thread)
        return True

    def _let_go_on(self) -> None:
        """Let whoever keeps it out, but need not wait any more, run first."""
        other = self.inst.exclusive
        while (
            self.exclusive
            and other is not None
            and other.ready is not None
            and other.ready()
            and not self.inst.backpressure
            and self.inst.scheduler.turned is None
        ):
            other.resume()
            other = self.inst.exclusive

    def _held_back(self) -> bool:
        inst = self.inst
        if inst.scheduler.turned is not None:
            return True
        return inst.backpressure > 0 or (self.exclusive and inst.exclusive is not None)

    def exit(self, thread: Thread) -> None:
        """Its first thread ends."""
        self.unregister(thread)
        if self.is_async and self.exclusive:
            self.inst.exclusive = None

    def withdraw(self, thread: Thread) -> None:
        """It ends before anything of the guest has run."""
        self.state = RESOLVED
        self.exit(thread)

    def start(self) -> tuple[Any, ...]:
        """Its arguments."""
        self.state = STARTED
        return self.on_start()

    def resolve(self, result: Any) -> None:
        """It returns its result, as a tuple of one or none."""
        if self.state == RESOLVED:
            trap("task.return called more than once: the task has already returned")
        if self.borrows:
            trap(BORROWS_REMAIN)
        self.on_resolve(result)
        self.state = RESOLVED

    def cancel(self) -> None:
        """It ends without a result, as it was asked to."""
        if self.state != CANCEL_DELIVERED:
            trap("`task.cancel` called by task which has not been cancelled")
        if self.borrows:
            trap(BORROWS_REMAIN)
        self.on_resolve(None)
        self.state = RESOLVED

    def deliver_cancel(self, cancellable: bool) -> bool:
        """Whether a thread that would wait learns that it is cancelled instead."""
        if cancellable and self.state == PENDING_CANCEL:
            self.state = CANCEL_DELIVERED
            return True
        return False

    def request_cancel(self, caller: ComponentInstance | None) -> None:
        """Its caller wants it to end."""
        inst = self.inst
        if self.state == INITIAL:
            self.state = CANCEL_DELIVERED
            assert self.implicit is not None
            self.implicit.resume(True)
            return
        assert self.state == STARTED
        every = [t for t in self.threads if t.cancellable and not t.running]
        if self.exclusive and inst.exclusive not in (None, self.implicit):
            every = [t for t in every if t is not self.implicit]
        if every and inst.may_enter(caller):
            self.state = CANCEL_DELIVERED
            cells = inst.enter(caller)
            every[0].resume(True)
            leave(cells)
        else:
            self.state = PENDING_CANCEL


@final
class Scheduler:
    """The threads of one store. `current` is the one that runs, `turned` one that was stopped
    somewhere so that others than those of this store have their turn."""

    __slots__ = (
        "_frozen", "_instances", "_keys", "_late", "_stops", "_stretch", "calls", "closed",
        "culprit", "current", "host", "shims", "store", "turned", "waiting",
    )  # fmt: skip

    def __init__(self, store: "Store", shims: "Shims", host: Host) -> None:
        self.store: Final = store
        self.shims: Final = shims
        self.host: Final = host
        #: in the order in which they began to wait
        self.waiting: Final[dict[Thread, None]] = {}
        self.current: Thread | None = None
        #: calls of the host that are not over: what ends each with an error
        self.calls: Final[dict[object, Callable[[BaseException], None]]] = {}
        self.closed = False
        self.turned: Thread | None = None
        #: whether `turned` is frozen anyway
        self._frozen = False
        #: how many seconds guests have computed without waiting, when they were stopped last
        self._stretch = 0.0
        #: what is to be done when `turned` waits or ends
        self._late: Final[deque[Callable[[], object]]] = deque()
        #: whose thread has trapped, or computed for too long
        self.culprit: Task | None = None
        self._instances = 0
        self._keys: Final[dict[object, int]] = {}
        #: what stops that which the host waits for
        self._stops: Final[dict[object, Callable[[], object]]] = {}

    def count_instance(self, *, inner: bool) -> None:
        """Another instance is made, as a part of one or not. A component of a few lines may ask for
        any number of parts."""
        self._instances = self._instances + 1 if inner else 1
        if self._instances > MAX_INSTANCES:
            raise Exhaustion(f"more than {MAX_INSTANCES} instances of components")

    def key(self, form: object) -> int:
        """A number for what may be compared."""
        return self._keys.setdefault(form, len(self._keys))

    def scratch(self, inst: ComponentInstance) -> Thread | None:
        """The thread in which an allocator runs; None where nobody would ask for it."""
        return Thread(Task(inst)) if inst.program.plan.waits else None

    def ready_in(self, inst: ComponentInstance) -> Thread | None:
        """A thread of an instance that may go on while a function of it is called."""
        for thread in self.waiting:
            if thread.task.inst is inst and thread.index is not None:
                assert thread.ready is not None
                if not thread.alone and thread.ready():
                    return thread
        return None

    def tick(self) -> bool:
        """Let one thread run that is ready; False if none is. If it traps, that ends all calls of
        the host; if there are none, it is raised."""
        if self.turned is not None:
            return False
        for thread in self.waiting:
            assert thread.ready is not None
            inst = thread.task.inst
            if (thread.frozen or inst.may_enter()) and thread.ready():
                self._run(thread)
                return True
        return False

    def _run(self, thread: Thread) -> None:
        thread.frozen = False
        self._enter(thread, thread.resume)

    def _enter(self, thread: Thread, go: Callable[[], None]) -> None:
        cells = thread.task.inst.entering(None)
        for cell in cells:
            cell[0] &= ~MAY_ENTER
        try:
            go()
        except BaseException as error:
            if not self.fail(error) or not isinstance(error, Exception):
                raise
            return
        if not thread.frozen:
            leave(cells)

    # --- taking turns -----------------------------------------------------------------------------

    def turn(self, thread: Thread) -> None:
        """A thread was stopped anywhere in its guest. It goes on when others had their turn; until
        then nobody enters its store."""
        self._frozen, thread.frozen = thread.frozen, True
        self.turned = thread
        self.store.current().freeze()
        self.host.later(self._go_on)

    @property
    def computing(self) -> float:
        """For how many seconds `turned` has computed without waiting."""
        return self._stretch

    def _go_on(self) -> None:
        """It is its turn again, unless it has computed for too long."""
        thread, store = self.turned, self.store.current()
        if thread is None or self.closed:
            return
        most = store.limits.seconds
        if most is not None and self._stretch > most:
            self._give_up(thread)
            return
        begun = store.clock()
        self._resume(thread)
        if self.turned is not None:
            self._stretch += store.clock() - begun
            return
        self._stretch = 0.0
        while self._late and self.turned is None:
            self._late.popleft()()

    def _give_up(self, thread: Thread) -> None:
        """It is stopped for ever, and so is its store."""
        self.culprit = thread.task
        error = failure(TrapCode.TIMEOUT)
        if not self.fail(error):
            raise error

    def _resume(self, thread: Thread) -> None:
        """Let a thread go on that was stopped anywhere."""
        self.turned = None
        self.store.current().thaw()
        thread.frozen = self._frozen
        self._enter(thread, thread.go_on)

    def when_whole(self, action: Callable[[], object]) -> None:
        """Do what may enter the store, now or when nothing in it is stopped anywhere."""
        if self.turned is None:
            action()
        else:
            self._late.append(action)

    # --- the host ---------------------------------------------------------------------------------

    def fail(self, error: BaseException) -> bool:
        """End all calls of the host with an error; False if there are none."""
        calls = list(self.calls.values())
        self.calls.clear()
        for end in calls:
            end(error)
        return bool(calls)

    def run(self, done: Callable[[], bool]) -> None:
        """Let threads run, and the host wait, until something is done. The time limit of the
        store counts from here."""
        store = self.store.current()
        store.enter()
        try:
            while not done():
                store.check_interrupt()
                if not self.tick() and not self.host.wait():
                    trap(DEADLOCK)
        finally:
            store.leave()

    def start(self, awaitable: Awaitable[Any], done: Done) -> Callable[[], object]:
        """Have the host wait for something, and tell when it is over; what stops it."""
        over = False

        def told(value: Any, error: BaseException | None) -> None:
            nonlocal over
            over = True
            self._stops.pop(told, None)
            if not self.closed:
                self.when_whole(lambda: self._tell(done, value, error))

        stop = self.host.start(awaitable, told)
        if not over:
            self._stops[told] = stop

        def stop_once() -> None:
            found = self._stops.pop(told, None)
            if found is not None:
                found()

        return stop_once

    def _tell(self, done: Done, value: Any, error: BaseException | None) -> None:
        if not self.closed:
            done(value, error)

    def close(self) -> None:
        """End all threads, all calls of the host, and whatever it waits for."""
        if self.closed:
            return
        self.closed = True
        self.waiting.clear()
        self._late.clear()
        stops = list(self._stops.values())
        self._stops.clear()
        for stop in stops:
            stop()
        self.fail(Error("the instance was closed"))

    def check_open(self) -> None:
        """Raise Error once it is closed."""
        if self.closed:
            raise Error("the instance was closed")
