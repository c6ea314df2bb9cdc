"""Time: the machine's own, or a fixed one under which a program runs the same every time."""

import time
from collections.abc import Callable
from typing import final


@final
class Clock:
    """One clock: `now()` and `resolution`, both in nanoseconds."""

    __slots__ = ("now", "resolution")

    def __init__(self, now: Callable[[], int], resolution: int) -> None:
        self.now = now
        self.resolution = max(resolution, 1)


class Clocks:
    """The clocks a guest may read: here, those of the machine.

    `realtime` counts from 1970; the zero of the others means nothing.
    """

    __slots__ = ("monotonic", "process_cpu", "realtime", "thread_cpu")

    def __init__(self) -> None:
        self.realtime = Clock(time.time_ns, _nanoseconds(time.get_clock_info("time").resolution))
        self.monotonic = Clock(
            time.monotonic_ns, _nanoseconds(time.get_clock_info("monotonic").resolution)
        )
        self.process_cpu = Clock(
            time.process_time_ns, _nanoseconds(time.get_clock_info("process_time").resolution)
        )
        self.thread_cpu = Clock(
            time.thread_time_ns, _nanoseconds(time.get_clock_info("thread_time").resolution)
        )

    def elapse(self, nanoseconds: int) -> int:
        """A guest waits this long: the part of it that must really be waited."""
        return nanoseconds


@final
class FixedClocks(Clocks):
    """Clocks that start at `start` (nanoseconds since 1970) and move on only when looked at.

    Each reading is `step` nanoseconds later than the one before, so that a program which waits
    for time to pass sees it pass. Sleeping takes no time but moves the clocks.
    """

    __slots__ = ("_passed", "_step")

    def __init__(self, start: int = 0, step: int = 1_000) -> None:
        if start < 0 or step < 1:
            raise ValueError("a fixed clock starts at 0 or later and moves in steps of 1 or more")
        super().__init__()
        self._passed = 0
        self._step = step
        self.realtime = Clock(lambda: start + self._tick(), step)
        self.monotonic = self.process_cpu = self.thread_cpu = Clock(self._tick, step)

    def _tick(self) -> int:
        self._passed += self._step
        return self._passed

    def elapse(self, nanoseconds: int) -> int:
        """Let the time pass at once; nothing of it must really be waited."""
        self._passed += nanoseconds
        return 0


def yield_thread() -> None:
    """Let another thread of the machine run."""
    time.sleep(0)


def _nanoseconds(seconds: float) -> int:
    return round(seconds * 1e9)
