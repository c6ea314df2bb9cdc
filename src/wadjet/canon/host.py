"""What components need of the world around them: somebody who waits.

This room never waits by itself and knows no event loop. A `Host` starts awaitables and says when
they are done; the one here can only step coroutines that wait for nothing.
"""

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any

from wadjet.base.errors import Error

if TYPE_CHECKING:
    from wadjet.canon.ends import FutureEnd, StreamEnd

#: told the value, or the error, of something that was started
Done = Callable[[Any, BaseException | None], object]


class Host:
    """How awaitables that host functions return are waited for."""

    def run(self, awaitable: Awaitable[Any]) -> Any:
        """Wait here and now: the value. It is asked where no guest can be suspended."""
        steps = awaitable.__await__()
        try:
            next(steps)
        except StopIteration as end:
            return end.value
        raise Error("a host function waits, but there is no event loop: use the async interface")

    def start(self, awaitable: Awaitable[Any], done: Done) -> Callable[[], object]:
        """Begin to wait, and call `done` when it is over. What is returned stops it."""
        try:
            value = self.run(awaitable)
        except Exception as error:  # noqa: BLE001 - whoever waits for it gets it
            done(None, error)
        else:
            done(value, None)
        return _nothing

    def wait(self) -> bool:
        """Wait until something that was started is over; False if there is nothing."""
        return False

    def later(self, step: Callable[[], None]) -> None:
        """Call it when others have had their turn."""
        raise Error("guests take turns in event loops only")

    def reader(self, end: "StreamEnd") -> Any:
        """What host functions get of a stream."""
        return end

    def future(self, end: "FutureEnd") -> Any:
        """What host functions get of a future."""
        return end


def _nothing() -> None:
    pass


def is_awaitable(value: object) -> bool:
    """Whether a host function answers later."""
    return hasattr(type(value), "__await__")
