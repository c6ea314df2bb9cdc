"""Streams and futures of the component model, as far as WASI makes and takes them.

What a guest is given to read is an asynchronous iterator, asked for the next piece when the guest
reads and closed when the guest has enough. What a guest writes comes as such an iterator.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Generator
from typing import Any, Final, Generic, Protocol, TypeVar, final

from wadjet.api.aio import Promise
from wadjet.wasi.common.forms import Err, Ok
from wadjet.wasi.host.errors import Code, HostError, code_of

T = TypeVar("T")
#: The most one piece has.
CHUNK: Final = 1 << 16


class Reader(Protocol):
    """What a guest writes, to the host: pieces, until the guest has no more."""

    def __aiter__(self) -> AsyncIterator[bytes]:
        """The pieces."""


@final
class Outcome(Promise):
    """A future that is settled once, from anywhere; any number may await it."""

    __slots__ = ("_result", "_settled", "_waiters")

    def __init__(self) -> None:
        self._settled = False
        self._result: Any = None
        self._waiters: list[asyncio.Future[Any]] = []

    def settle(self, result: object) -> None:
        """This is it, unless something else was before."""
        if self._settled:
            return
        self._settled, self._result = True, result
        for waiter in self._waiters:
            if not waiter.done():
                waiter.set_result(result)
        self._waiters.clear()

    @property
    def settled(self) -> bool:
        """Whether there is a result."""
        return self._settled

    def future(self, loop: asyncio.AbstractEventLoop) -> "asyncio.Future[Any]":
        """A future of a loop that ends when there is a result, with that."""
        waiter: asyncio.Future[Any] = loop.create_future()
        if self._settled:
            waiter.set_result(self._result)
        else:
            self._waiters.append(waiter)
        return waiter

    def __await__(self) -> Generator[Any, None, Any]:
        if not self._settled:
            yield from self.future(asyncio.get_running_loop()).__await__()
        return self._result


@final
class Source(Generic[T]):
    """A stream for a guest, of what `pull` gives piece by piece; an empty piece is the end.

    `outcome` tells how it ended: ok, also if the guest wanted no more, or an error.
    """

    __slots__ = ("_done", "_pull", "_refusal", "outcome")

    def __init__(
        self,
        pull: Callable[[], Awaitable[T]],
        refusal: Callable[[Code], object],
        done: Callable[[], None] = lambda: None,
    ) -> None:
        self._pull: Final = pull
        self._refusal: Final = refusal
        self._done: Final = done
        self.outcome: Final = Outcome()

    def __aiter__(self) -> "Source[T]":
        return self

    async def __anext__(self) -> T:
        if self.outcome.settled:
            raise StopAsyncIteration
        try:
            piece = await self._pull()
        except (HostError, OSError) as error:
            self._end(Err(self._refusal(code_of(error))))
            raise StopAsyncIteration from None
        if not piece:
            self._end(Ok())
            raise StopAsyncIteration
        return piece

    def aclose(self) -> Awaitable[None]:
        """The guest wants no more: what is held for it is let go here and now."""
        self._end(Ok())
        return _nothing()

    def _end(self, result: object) -> None:
        if not self.outcome.settled:
            self.outcome.settle(result)
            self._done()


async def _nothing() -> None:
    """There is nothing to wait for."""


def refused(refusal: object) -> tuple[AsyncIterator[Any], Outcome]:
    """A stream that is over before it began, and why."""

    async def nothing() -> Any:
        return b""

    source: Source[Any] = Source(nothing, lambda _: refusal)
    source.outcome.settle(Err(refusal))
    return source, source.outcome


async def drain(
    data: Any, put: Callable[[bytes], Awaitable[None] | None], refusal: Callable[[Code], object]
) -> object:
    """Hand on what a guest writes until it has no more; the result for its future.

    After an error the guest's stream is let go, so that it need not write in vain.
    """
    try:
        async for piece in data:
            waits = put(bytes(piece))
            if waits is not None:
                await waits
    except (HostError, OSError) as error:
        return Err(refusal(code_of(error)))
    finally:
        await release(data)
    return Ok()


async def release(data: Any) -> None:
    """No more is wanted of a guest's stream."""
    close = getattr(data, "aclose", None) or getattr(data, "close", None)
    if close is not None:
        waits = close()
        if waits is not None:
            await waits


def begin(work: Coroutine[Any, Any, object]) -> Outcome:
    """Do this from now on, whoever waits for the result: that of `work`.

    A function whose result is such a future must be a coroutine function: what it returned itself
    would be taken for something that the guest has to wait for.
    """
    outcome = Outcome()

    def over(task: "asyncio.Task[object]") -> None:
        _running.discard(task)
        if not task.cancelled():
            outcome.settle(task.result())

    task = asyncio.ensure_future(work)
    _running.add(task)
    task.add_done_callback(over)
    return outcome


#: The loop itself holds tasks by weak references alone.
_running: Final[set["asyncio.Task[object]"]] = set()
