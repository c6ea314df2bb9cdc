"""Components and asyncio: functions that are awaited, streams that are iterated, futures.

Guests and the event loop take turns in one thread. Whenever something that a guest waits for is
over, `AsyncHost.pump` lets the guest's threads run until all of them wait again. A guest that is
called from a running loop waits in that loop; if its store says so, it is stopped there when it
computes for long, and goes on after others had their turn. One that is called from anywhere else
waits in a loop of its own, which runs for as long as somebody waits.
"""

import asyncio
import sys
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Generator, Iterator
from inspect import signature
from threading import Thread
from types import CoroutineType
from typing import TYPE_CHECKING, Any, Final, Generic, TypeVar, final
from weakref import WeakKeyDictionary

from wadjet.base.errors import Error
from wadjet.canon.ends import nothing_of
from wadjet.canon.host import Done, Host

if TYPE_CHECKING:
    from wadjet.api.component_host import LazyHost
    from wadjet.canon.root import Call, Func
    from wadjet.canon.ends import FutureEnd, StreamEnd
    from wadjet.canon.tasks import Scheduler

_T = TypeVar("_T")
#: told what was read, and whether its writer is gone
_Both = Callable[[Any, bool], object]
#: how many steps guests take before the loop has its turn
_STEPS: Final = 256
#: how many elements are read at a time where nobody says
_CHUNK: Final = 65536
#: So many rounds a loop makes before the next guest that was stopped goes on: an answer takes
#: several, and where there is nothing to do they take no time.
_ROUNDS: Final = 16


@final
class _Turns:
    """The guests of one loop that were stopped because they compute: one after the other goes on
    for a while, with rounds of the loop in between."""

    def __init__(self) -> None:
        self._steps: Final[deque[Callable[[], None]]] = deque()
        self._rounds = 0

    def add(self, step: Callable[[], None]) -> None:
        """Call it in its turn."""
        self._steps.append(step)
        if len(self._steps) == 1 and not self._rounds:
            self._next()

    def _next(self) -> None:
        self._rounds += 1
        if self._rounds <= _ROUNDS:
            asyncio.get_running_loop().call_soon(self._next)
            return
        try:
            self._steps.popleft()()
        finally:
            self._rounds = 0
            if self._steps:
                self._next()


_turns: "Final[WeakKeyDictionary[asyncio.AbstractEventLoop, _Turns]]" = WeakKeyDictionary()


class Promise(ABC):
    """What guests can wait for without a task that awaits it; it comes, and never fails."""

    __slots__ = ()

    @abstractmethod
    def future(self, loop: asyncio.AbstractEventLoop) -> "asyncio.Future[Any]":
        """A future of a loop that ends when it has come."""

    @abstractmethod
    def __await__(self) -> Generator[Any, None, Any]: ...


@final
class AsyncHost(Host):
    """Waits for awaitables with asyncio."""

    def __init__(self, owner: "LazyHost") -> None:
        self._owner: Final = owner
        self._own: asyncio.AbstractEventLoop | None = None
        self._waiting: Final[set[asyncio.Future[Any]]] = set()
        self._pumping = False

    def run(self, awaitable: Awaitable[Any]) -> Any:
        """Wait here and now. Where a loop runs already, another thread waits in one of its own."""
        if _running() is None:
            return self._loop().run_until_complete(_await(awaitable))
        result: list[Any] = []

        def wait() -> None:
            try:
                result.append(asyncio.run(_await(awaitable)))
            except BaseException as error:  # noqa: BLE001 - raised in the thread that asked
                result.extend((None, error))

        thread = Thread(target=wait)
        thread.start()
        thread.join()
        if len(result) > 1:
            raise result[1]
        return result[0]

    def start(self, awaitable: Awaitable[Any], done: Done) -> Callable[[], object]:
        """Begin to wait."""
        loop = self._loop()
        if isinstance(awaitable, Promise):
            return self._wait_without_task(awaitable.future(loop), done)
        task = loop.create_task(self._wait_for(awaitable, done))
        self._waiting.add(task)

        def over(task: "asyncio.Task[None]") -> None:
            if type(awaitable) is CoroutineType:
                awaitable.close()  # it has not begun if the task was cancelled before it did
            self._over(task)

        task.add_done_callback(over)
        return task.cancel

    def _wait_without_task(self, future: "asyncio.Future[Any]", done: Done) -> Callable[[], object]:
        self._waiting.add(future)

        def over(future: "asyncio.Future[Any]") -> None:
            if not future.cancelled():
                done(future.result(), None)
            self._over(future)

        future.add_done_callback(over)
        return future.cancel

    async def _wait_for(self, awaitable: Awaitable[Any], done: Done) -> None:
        try:
            value = await awaitable
        except asyncio.CancelledError:
            task = asyncio.current_task()
            if task is not None and task.cancelling():
                raise
            done(None, Error("what a guest waits for was cancelled"))
        except Exception as error:  # noqa: BLE001 - the guest's call ends with it
            done(None, error)
        else:
            done(value, None)

    def _over(self, future: "asyncio.Future[Any]") -> None:
        self._waiting.discard(future)
        if future.get_loop() is not self._own:
            self.pump()

    def wait(self) -> bool:
        """Wait until something is over, where no loop runs."""
        mine = [task for task in self._waiting if task.get_loop() is self._own]
        if not mine or self._own is None:
            if self._waiting:
                raise Error("a call that waits was made while an event loop runs: await it instead")
            return False
        self._own.run_until_complete(asyncio.wait(mine, return_when=asyncio.FIRST_COMPLETED))
        return True

    def _loop(self) -> asyncio.AbstractEventLoop:
        running = _running()
        if running is not None:
            return running
        if self._own is None:
            self._own = asyncio.new_event_loop()
        return self._own

    def __del__(self) -> None:
        self._end_loop()

    def _end_loop(self) -> None:
        """Close the loop of its own; connections that are kept end with its generators."""
        own = self._own
        if own is None or own.is_closed():
            return
        if _running() is None and not sys.is_finalizing():
            own.run_until_complete(own.shutdown_asyncgens())
        own.close()

    @property
    def scheduler(self) -> "Scheduler | None":
        """What runs the guests, once there are any."""
        return self._owner.scheduler

    def pump(self) -> None:
        """Let guests run until all of them wait; with turns for the loop in between."""
        scheduler = self.scheduler
        if self._pumping or scheduler is None or not scheduler.waiting:
            return
        self._pumping = True
        try:
            for _ in range(_STEPS):
                if not scheduler.tick():
                    return
        finally:
            self._pumping = False
        asyncio.get_running_loop().call_soon(self.pump)

    def later(self, step: Callable[[], None]) -> None:
        """Call it when all others that take turns in the running loop had theirs."""
        loop = asyncio.get_running_loop()
        turns = _turns.get(loop)
        if turns is None:
            turns = _turns[loop] = _Turns()

        def stepped() -> None:
            step()
            self.pump()

        turns.add(stepped)

    def close(self) -> None:
        """Stop all that waits."""
        for task in list(self._waiting):
            task.cancel()
        if self._own is not None and not self._own.is_closed() and _running() is None:
            mine = [task for task in self._waiting if task.get_loop() is self._own]
            if mine:
                self._own.run_until_complete(asyncio.wait(mine))
            self._end_loop()

    def coroutine(self, func: "Func", results: str) -> Callable[..., Any]:
        """The coroutine function for a guest's function. Cancelling the coroutine asks the guest to
        stop, and waits until it has. A guest whose function is not async cannot be asked: it is
        left where it waits, and can never be called again."""

        async def call(*args: Any, **named: Any) -> Any:
            if named:
                args = signature(call).bind(*args, **named).args
            ended: asyncio.Future[Any] = asyncio.get_running_loop().create_future()

            def done(value: Any, error: BaseException | None) -> None:
                if ended.done():
                    return
                if error is None:
                    ended.set_result(value)
                else:
                    ended.set_exception(error)

            running = func.start(args, done, results)
            self.pump()
            try:
                return await (ended if ended.done() else asyncio.shield(ended))
            except asyncio.CancelledError:
                await self._stop(running, ended, func.type.is_async)
                raise

        return call

    async def _stop(self, call: "Call", ended: "asyncio.Future[Any]", is_async: bool) -> None:
        """End a call that nobody waits for any more."""
        if not is_async:
            call.abandon()
            return
        ended.add_done_callback(asyncio.Future.exception)  # it is seen even if nobody waits here
        call.cancel()
        self.pump()
        await asyncio.wait([ended])

    def reader(self, end: "StreamEnd") -> "StreamReader[Any]":
        """What Python gets of a stream."""
        return StreamReader(self, end)

    def future(self, end: "FutureEnd") -> "FutureReader[Any]":
        """What Python gets of a future."""
        return FutureReader(self, end)


def begin(func: "Func", args: tuple[Any, ...], done: Done, results: str = "raise") -> "Call":
    """Begin a call of a guest's function in a running loop. `done` is told its value, or what it
    raised, when it is over: perhaps at once."""
    call = func.start(args, done, results)
    host: Any = func.inst.scheduler.host
    host.real.pump()
    return call


def _running() -> asyncio.AbstractEventLoop | None:
    try:
        return asyncio.get_running_loop()
    except RuntimeError:
        return None


async def _await(awaitable: Awaitable[_T]) -> _T:
    return await awaitable


async def _answer(
    host: AsyncHost, begin: Callable[[_Both], object], cancel: Callable[[], object]
) -> Any:
    """Wait for what calls back with two arguments; both of them. `cancel` takes it back."""
    ended: asyncio.Future[Any] = asyncio.get_running_loop().create_future()

    def done(first: Any, second: Any) -> None:
        if not ended.done():
            ended.set_result((first, second))

    begin(done)
    host.pump()
    try:
        return await ended
    except asyncio.CancelledError:
        cancel()
        host.pump()
        raise


def _answer_now(host: AsyncHost, begin: Callable[[_Both], object]) -> Any:
    """The same, blocking."""
    ended: list[Any] = []
    begin(lambda first, second: ended.append((first, second)))
    assert host.scheduler is not None, "who has a stream has a guest"
    host.scheduler.run(lambda: bool(ended))
    return ended[0]


@final
class StreamReader(Generic[_T]):
    """The readable end of a stream, of which parts come as lists, arrays or, of bytes, `bytes`.

        async for chunk in stream: ...
        data = await stream.read(1024)       # empty: the stream has ended
        for chunk in stream: ...             # blocking

    It may be given to a guest instead, as an argument or a result.
    """

    __slots__ = ("__weakref__", "_finished", "_host", "end")

    def __init__(self, host: AsyncHost, end: "StreamEnd") -> None:
        self._host: Final = host
        #: the guest's side of it
        self.end: Final = end
        self._finished = False

    async def read(self, count: int = _CHUNK) -> _T:
        """Up to so many elements, as soon as there are any; none when the stream has ended."""
        if self._finished:
            return self._nothing()
        end = self.end
        answer = _answer(self._host, lambda done: end.read(count, done), end.cancel)
        chunk, self._finished = await answer
        return chunk  # type: ignore[no-any-return]

    def _nothing(self) -> _T:
        empty: _T = nothing_of(self.end.view)
        return empty

    def __aiter__(self) -> AsyncIterator[_T]:
        return self

    async def __anext__(self) -> _T:
        chunk = await self.read()
        if not chunk:
            raise StopAsyncIteration
        return chunk

    def __iter__(self) -> Iterator[_T]:
        while not self._finished:
            begin = lambda done: self.end.read(_CHUNK, done)  # noqa: E731
            chunk, self._finished = _answer_now(self._host, begin)
            if chunk:
                yield chunk

    def close(self) -> None:
        """Read no more: the writer is told."""
        self._finished = True
        self.end.drop()


@final
class FutureReader(Generic[_T]):
    """The readable end of a future: `await` it, or `get` it, once."""

    __slots__ = ("__weakref__", "_host", "end")

    def __init__(self, host: AsyncHost, end: "FutureEnd") -> None:
        self._host: Final = host
        #: the guest's side of it
        self.end: Final = end

    def __await__(self) -> Generator[Any, None, _T]:
        end = self.end
        value, dropped = yield from _answer(self._host, end.read, end.cancel).__await__()
        return self._value(value, dropped)

    def get(self) -> _T:
        """The value, blocking."""
        return self._value(*_answer_now(self._host, self.end.read))

    def _value(self, value: _T, dropped: bool) -> _T:
        if dropped:
            raise Error("the future was dropped before it had a value")
        return value

    def close(self) -> None:
        """Do without it: the writer is told."""
        self.end.drop()


@final
class StreamWriter(Generic[_T]):
    """A stream that Python writes: give it to a guest as an argument or a result.

    writer = StreamWriter()
    task = asyncio.create_task(guest.consume(writer))
    await writer.write(b"…")
    writer.close()
    """

    def __init__(self) -> None:
        self._parts: Final[asyncio.Queue[_T | None]] = asyncio.Queue(1)
        self._closed = False

    async def write(self, part: _T) -> None:
        """Write a part (as its reader gets it), as soon as what was written before is read.

        Raises BrokenPipeError when nobody reads any more.
        """
        if self._closed:
            raise BrokenPipeError("the stream is closed")
        await self._parts.put(part)

    async def close(self) -> None:
        """End the stream, when all is read."""
        if not self._closed:
            self._closed = True
            await self._parts.put(None)

    def __aiter__(self) -> AsyncIterator[_T]:
        return self

    async def __anext__(self) -> _T:
        part = await self._parts.get()
        if part is None:
            raise StopAsyncIteration
        return part

    async def aclose(self) -> None:
        """Nobody reads any more."""
        self._closed = True
        while not self._parts.empty():
            self._parts.get_nowait()
