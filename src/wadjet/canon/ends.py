"""The ends of streams and futures in the hands of the host.

What the host reads it asks for piece by piece (`StreamEnd`, `FutureEnd`). What it writes is pulled
from what it gave: only when a guest asks for more is the next piece asked for.
"""

from collections.abc import AsyncIterable, AsyncIterator, Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any, Final, final

from wadjet.canon.host import is_awaitable
from wadjet.canon.streams import (
    CANCELLED, COMPLETED, DROPPED, Buffer, Future, Reclaim, Stream, View,
)  # fmt: skip
from wadjet.canon.values import Err, Ok, ResultError
from wadjet.component.types import U8, Defined, Result

if TYPE_CHECKING:
    from wadjet.canon.tasks import Scheduler


@final
class Sink(Buffer):
    """Room for elements that the host reads."""

    __slots__ = ("_room", "values")

    def __init__(self, view: View, room: int) -> None:
        self.view = view
        self._room = room
        self.values: Any = None

    @property
    def remain(self) -> int:
        """Elements that are still to be copied."""
        return self._room

    @property
    def empty(self) -> bool:
        """Whether it was made for no elements at all."""
        return False

    def read(self, count: int, view: View | None) -> Any:
        """Never: it is only written to."""
        raise AssertionError("a sink is not read")

    def write(self, values: Any, count: int, view: View | None) -> None:
        """Keep the elements, which come at once: nothing more is taken then."""
        self.values = values
        self._room = 0


@final
class Source(Buffer):
    """Elements that the host writes."""

    __slots__ = ("_at", "_values")

    def __init__(self, view: View, values: Sequence[Any]) -> None:
        self.view = view
        self._values: Final = values
        self._at = 0

    @property
    def remain(self) -> int:
        """Elements that are still to be copied."""
        return len(self._values) - self._at

    @property
    def empty(self) -> bool:
        """Whether it was made for no elements at all."""
        return not self._values

    def read(self, count: int, view: View | None) -> Any:
        """The next elements."""
        first, self._at = self._at, self._at + count
        return self._values[first : self._at]

    def write(self, values: Any, count: int, view: View | None) -> None:
        """Never: it is only read."""
        raise AssertionError("a source is not written to")


class _End:
    """What both kinds of readable ends are. `element` is the type of what comes."""

    __slots__ = ("__weakref__", "shared", "view")

    def __init__(self, shared: Any, view: View) -> None:
        self.shared: Final = shared
        self.view: Final = view

    @property
    def scheduler(self) -> "Scheduler":
        """What must be given its turns."""
        return self.view.inst.scheduler

    def cancel(self) -> None:
        """Take back a read that waits; its `done` is told."""
        if self.shared.waits:
            self.shared.cancel()

    def drop(self) -> None:
        """Read no more: the writer learns that."""
        self.shared.drop()


@final
class StreamEnd(_End):
    """The readable end of a stream."""

    __slots__ = ()

    def read(self, count: int, done: Callable[[Any, bool], object]) -> None:
        """Read at most `count` elements. `done` is told them, as soon as there are some, and
        whether the writer is gone: perhaps at once."""
        sink = Sink(self.view, count)

        def on_copy(reclaim: Reclaim) -> None:
            reclaim()
            done(sink.values, False)

        def on_done(result: int) -> None:
            done(nothing_of(self.view) if sink.values is None else sink.values, result == DROPPED)

        self.shared.read(sink, on_copy, on_done)


@final
class FutureEnd(_End):
    """The readable end of a future."""

    __slots__ = ()

    def read(self, done: Callable[[Any, bool], object]) -> None:
        """Read the value. `done` is told it, and whether the writer is gone without a value."""
        sink = Sink(self.view, 1)

        def on_done(result: int) -> None:
            done(sink.values[0] if result == COMPLETED else None, result == DROPPED)

        self.shared.read(sink, on_done)


def nothing_of(view: View) -> Any:
    """No elements, as the host sees them."""
    return b"" if view.element is U8 else []


# --- what the host writes -------------------------------------------------------------------------


def stream_of(value: Any, view: View, key: int) -> Stream:
    """A stream of what the host offers: one that it got itself, pieces that come with time, or all
    at once."""
    end = getattr(value, "end", value)
    if isinstance(end, StreamEnd) and end.scheduler is view.inst.scheduler:
        shared: Stream = end.shared
        return shared
    if not isinstance(value, AsyncIterable | Iterable):
        raise TypeError(f"a stream is made of what can be iterated, not {type(value).__name__}")
    made = Stream(key, view.element)
    _Pump(made, view, value).offer()
    return made


@final
class _Pump:
    """Writes to a stream what it pulls from an iterable of pieces, or from all there is."""

    __slots__ = ("_pieces", "_rest", "_shared", "_stop", "_view")

    def __init__(self, shared: Stream, view: View, value: Any) -> None:
        self._shared: Final = shared
        self._view: Final = view
        self._pieces: AsyncIterator[Any] | None = None
        self._rest: Any = None
        self._stop: Callable[[], object] | None = None
        if isinstance(value, AsyncIterable):
            self._pieces = value.__aiter__()
        else:
            self._rest = value if isinstance(value, bytes | list | tuple) else list(value)

    def offer(self) -> None:
        """Wait until somebody wants to read."""
        self._shared.write(Source(self._view, ()), _keep, self._wanted)

    def _wanted(self, result: int) -> None:
        if result != COMPLETED:
            self._end()
        elif self._pieces is not None:
            scheduler = self._view.inst.scheduler
            self._shared.on_drop = self._end
            self._stop = scheduler.start(_next(self._pieces), self._pulled)
        elif self._rest is not None:
            rest, self._rest = self._rest, None
            self._write(rest)
        else:
            self._shared.drop()

    def _pulled(self, piece: Any, error: BaseException | None) -> None:
        self._stop = self._shared.on_drop = None
        if error is not None:
            scheduler = self._view.inst.scheduler
            self._shared.drop()
            if not scheduler.fail(error):
                raise error
        elif piece is None:
            self._pieces = None
            self._shared.drop()
        elif not self._shared.dropped:
            self._write(piece)

    def _write(self, values: Any) -> None:
        if not len(values):
            self._wanted(COMPLETED)
            return
        source = Source(self._view, values)

        def on_copy(reclaim: Reclaim) -> None:
            if not source.remain:
                reclaim()
                self.offer()

        self._shared.write(source, on_copy, lambda result: self._written(source, result))

    def _written(self, source: Source, result: int) -> None:
        if result == DROPPED:
            self._end()
        elif not source.remain:
            self.offer()
        else:
            self._write(source.read(source.remain, None))

    def _end(self) -> None:
        """Nobody reads any more."""
        stop, self._stop = self._stop, None
        self._shared.on_drop = None
        if stop is not None:
            stop()
        close = getattr(self._pieces, "aclose", None)
        self._pieces = None
        if close is not None:
            self._view.inst.scheduler.host.start(close(), _whatever)


async def _next(pieces: AsyncIterator[Any]) -> Any:
    """The next piece, None at the end."""
    try:
        return await pieces.__anext__()
    except StopAsyncIteration:
        return None


def _keep(_: Reclaim) -> None:
    """A copy of nothing has no end of its own."""


def _whatever(_: Any, __: BaseException | None) -> None:
    """How an iterator closes is its own affair."""


def future_of(value: Any, view: View, key: int) -> Future:
    """A future of what the host offers: one that it got itself, something to wait for, or the
    value."""
    end = getattr(value, "end", value)
    if isinstance(end, FutureEnd) and end.scheduler is view.inst.scheduler:
        shared: Future = end.shared
        return shared
    made = Future(key, view.element)
    if is_awaitable(value):
        view.inst.scheduler.start(value, lambda v, error: _settle(made, view, v, error))
    else:
        _settle(made, view, value, None)
    return made


def _settle(shared: Future, view: View, value: Any, error: BaseException | None) -> None:
    t = view.element
    fails = isinstance(t, Defined) and isinstance(t.shape, Result)
    if isinstance(error, ResultError) and fails:
        value, error = Err(error.value), None
    if error is not None:
        if not view.inst.scheduler.fail(error):
            raise error
        return
    if fails and type(value) is not Ok and type(value) is not Err:
        value = Ok(value)
    shared.write(Source(view, [value]), _ignore)


def _ignore(result: int) -> None:
    assert result in (COMPLETED, DROPPED, CANCELLED)
