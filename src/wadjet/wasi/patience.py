"""Time limits that count only the time in which the event loop could have done the work."""

import asyncio
from types import TracebackType
from typing import Final, Self, final

#: Seconds between two looks at the loop, and how late one may be.
_BEAT: Final = 0.05
_SLACK: Final = 0.02


@final
class Patience:
    """Limits for what waits in one loop, where a guest that computes keeps all others waiting.

    Time that the loop lost so is nobody's fault but that guest's, and is given to the others.
    """

    def __init__(self) -> None:
        #: how many limits run
        self.limits = 0
        self._lost = 0.0
        #: when the loop should look at the clock next
        self._due = 0.0
        #: what looks, and in which loop
        self._timer: asyncio.TimerHandle | None = None
        self._loop: asyncio.AbstractEventLoop | None = None

    def within(self, seconds: float) -> "Within":
        """Cancel what is done in here after so many seconds. Raises TimeoutError then."""
        return Within(self, seconds)

    def lost(self, loop: asyncio.AbstractEventLoop) -> float:
        """The seconds that the loop lost so far."""
        if self._timer is None or self._loop is not loop:
            self._loop = loop
            self._look_again(loop)
        late = loop.time() - self._due
        return self._lost + late if late > _SLACK else self._lost

    def _look_again(self, loop: asyncio.AbstractEventLoop) -> None:
        self._due = loop.time() + _BEAT
        self._timer = loop.call_at(self._due, self._beat, loop)

    def _beat(self, loop: asyncio.AbstractEventLoop) -> None:
        self._lost = self.lost(loop)
        if self.limits:
            self._look_again(loop)
        else:
            self._timer = self._loop = None


@final
class Within:
    """One limit, as `asyncio.timeout` has them, for one task."""

    __slots__ = ("_before", "_ended", "_loop", "_lost", "_patience", "_seconds", "_task", "_timer")

    def __init__(self, patience: Patience, seconds: float) -> None:
        self._patience: Final = patience
        self._seconds: Final = seconds
        self._ended = False

    async def __aenter__(self) -> Self:
        task, patience = asyncio.current_task(), self._patience
        assert task is not None, "limits are for tasks"
        self._task = task
        #: by how many others it is cancelled
        self._before = task.cancelling()
        self._loop = loop = asyncio.get_running_loop()
        patience.limits += 1
        self._lost = patience.lost(loop)
        self._timer: asyncio.Handle = loop.call_later(self._seconds, self._look)
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._patience.limits -= 1
        self._timer.cancel()
        if self._ended:
            others = self._task.uncancel() > self._before
            if kind is asyncio.CancelledError and not others:
                raise TimeoutError from error

    def end(self) -> None:
        """Its time is over now."""
        if not self._ended:
            self._timer.cancel()
            self._timer = self._loop.call_soon(self._cancel)

    def _look(self) -> None:
        """Whether its time is over, or some of it was lost."""
        lost = self._patience.lost(self._loop)
        more, self._lost = lost - self._lost, lost
        if more > _SLACK:
            self._timer = self._loop.call_later(more, self._look)
        else:
            self._cancel()

    def _cancel(self) -> None:
        self._ended = True
        self._task.cancel()
