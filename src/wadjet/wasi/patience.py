"""Time limits that count only the time in which the event loop could have done the work."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final, final

#: Seconds between two looks at the loop, and how late one may be.
_BEAT: Final = 0.05
_SLACK: Final = 0.02


@final
class Patience:
    """Limits for what waits in one loop, where a guest that computes keeps all others waiting.

    Time that the loop lost so is nobody's fault but that guest's, and is given to the others.
    """

    def __init__(self) -> None:
        self._waiting = 0
        self._lost = 0.0
        #: when the loop should look at the clock next
        self._due = 0.0
        self._timer: asyncio.TimerHandle | None = None

    @asynccontextmanager
    async def within(self, seconds: float) -> AsyncIterator[asyncio.Timeout]:
        """Cancel what is done in here after so many seconds. Raises TimeoutError then; rescheduling
        what is given ends it earlier."""
        loop = asyncio.get_running_loop()
        if self._timer is None:
            self._beat()
        self._waiting += 1
        try:
            async with asyncio.timeout(None) as clock:
                look = _Look(self, clock, seconds)
                try:
                    yield clock
                finally:
                    look.timer.cancel()
        finally:
            self._waiting -= 1
            if not self._waiting and self._timer is not None:
                self._lost = self.lost(loop)
                self._timer.cancel()
                self._timer = None

    def lost(self, loop: asyncio.AbstractEventLoop) -> float:
        """The seconds that the loop lost so far."""
        late = loop.time() - self._due
        return self._lost + late if late > _SLACK else self._lost

    def _beat(self) -> None:
        loop = asyncio.get_running_loop()
        if self._timer is not None:
            self._lost = self.lost(loop)
        self._due = loop.time() + _BEAT
        self._timer = loop.call_at(self._due, self._beat)


@final
class _Look:
    """What looks whether the time of one task is over."""

    def __init__(self, patience: Patience, clock: asyncio.Timeout, seconds: float) -> None:
        self._patience: Final = patience
        self._clock: Final = clock
        self._loop: Final = asyncio.get_running_loop()
        self._lost = patience.lost(self._loop)
        self.timer = self._loop.call_later(seconds, self._look)

    def _look(self) -> None:
        lost = self._patience.lost(self._loop)
        more, self._lost = lost - self._lost, lost
        if more > _SLACK:
            self.timer = self._loop.call_later(more, self._look)
        else:
            self._clock.reschedule(self._loop.time())
