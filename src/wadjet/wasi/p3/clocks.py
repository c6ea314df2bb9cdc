"""`wasi:clocks` and `wasi:random` 0.3."""

from collections.abc import Awaitable
from typing import Final, final

from wadjet.wasi.common.filesystem import Instant
from wadjet.wasi.common.random import InsecureSeed
from wadjet.wasi.host.clocks import Clocks
from wadjet.wasi.host.waiting import elapse


@final
class MonotonicClock:
    """`wasi:clocks/monotonic-clock`."""

    def __init__(self, clocks: Clocks) -> None:
        self._clocks: Final = clocks

    def now(self) -> int:
        """The time, in nanoseconds since some moment."""
        return self._clocks.monotonic.now()

    def get_resolution(self) -> int:
        """How fine it is."""
        return self._clocks.monotonic.resolution

    def wait_until(self, when: int) -> Awaitable[None] | None:
        """Wait for a moment, if it has not passed."""
        return None if when <= self.now() else self._wait(when)

    async def _wait(self, when: int) -> None:
        while (left := when - self.now()) > 0:
            await elapse(self._clocks, left)

    def wait_for(self, how_long: int) -> Awaitable[None] | None:
        """Wait for a while."""
        return self.wait_until(self.now() + how_long)


@final
class SystemClock:
    """`wasi:clocks/system-clock`."""

    def __init__(self, clocks: Clocks) -> None:
        self._clocks: Final = clocks

    def now(self) -> Instant:
        """The time since 1970."""
        return Instant.of(self._clocks.realtime.now())

    def get_resolution(self) -> int:
        """How fine it is."""
        return self._clocks.realtime.resolution


@final
class Timezone:
    """`wasi:clocks/timezone`: where the machine stands is not told."""

    def iana_id(self) -> str | None:
        """The name of the zone."""
        return "UTC"

    def utc_offset(self, when: object) -> int | None:
        """How far clocks on the wall are from UTC, in nanoseconds."""
        return 0

    def to_debug_string(self) -> str:
        """The zone, for a person to read."""
        return "UTC"


@final
class Types:
    """`wasi:clocks/types`: there is nothing to call."""


@final
class Seed(InsecureSeed):
    """`wasi:random/insecure-seed`."""

    def get_insecure_seed(self) -> tuple[int, int]:
        """Two numbers, the same each time."""
        return self.seed()
