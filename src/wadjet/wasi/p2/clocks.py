"""`wasi:clocks` and `wasi:random` 0.2."""

from dataclasses import dataclass
from typing import Final, final

from wadjet.wasi.common.filesystem import Instant
from wadjet.wasi.common.random import InsecureSeed
from wadjet.wasi.host.clocks import Clocks
from wadjet.wasi.p2.io import Alarm

_MAX_INSTANT: Final = (1 << 64) - 1


@final
class MonotonicClock:
    """`wasi:clocks/monotonic-clock`."""

    def __init__(self, clocks: Clocks) -> None:
        self._clocks: Final = clocks

    def now(self) -> int:
        """The time, in nanoseconds since some moment."""
        return self._clocks.monotonic.now()

    def resolution(self) -> int:
        """How fine it is."""
        return self._clocks.monotonic.resolution

    def subscribe_instant(self, when: int) -> Alarm:
        """Ready from a moment on."""
        return Alarm(self._clocks, when)

    def subscribe_duration(self, when: int) -> Alarm:
        """Ready after a while."""
        return Alarm(self._clocks, min(self.now() + when, _MAX_INSTANT))


@final
class WallClock:
    """`wasi:clocks/wall-clock`."""

    def __init__(self, clocks: Clocks) -> None:
        self._clocks: Final = clocks

    def now(self) -> Instant:
        """The time since 1970."""
        return Instant.of(max(self._clocks.realtime.now(), 0))

    def resolution(self) -> Instant:
        """How fine it is."""
        return Instant.of(self._clocks.realtime.resolution)


@dataclass(frozen=True, slots=True)
class TimezoneDisplay:
    """`timezone-display`."""

    utc_offset: int
    name: str
    in_daylight_saving_time: bool


@final
class Timezone:
    """`wasi:clocks/timezone`: where the machine stands is not told."""

    def display(self, when: object) -> TimezoneDisplay:
        """How to show a time."""
        return TimezoneDisplay(0, "UTC", False)

    def utc_offset(self, when: object) -> int:
        """How far clocks on the wall are from UTC, in seconds."""
        return 0


@final
class Seed(InsecureSeed):
    """`wasi:random/insecure-seed`."""

    def insecure_seed(self) -> tuple[int, int]:
        """Two numbers, the same each time."""
        return self.seed()
