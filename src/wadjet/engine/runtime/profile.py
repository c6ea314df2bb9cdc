"""Where guests spend their time: what the metronome's taps find, counted."""

from collections import Counter
from typing import TYPE_CHECKING, Final, final

if TYPE_CHECKING:
    from wadjet.engine.runtime.machine import Machine

#: Functions from the outermost to the innermost.
Stack = tuple[str, ...]


@final
class Samples:
    """How often each stack of guest functions was found, while it `runs`."""

    def __init__(self, machine: "Machine") -> None:
        self._machine: Final = machine
        self.counts: Final[Counter[Stack]] = Counter()

    def start(self, period: float) -> None:
        """Count from now on, every so many seconds of running guests."""
        self._machine.metronome.trace(self._found, period)

    def stop(self) -> None:
        """Count no more."""
        self._machine.metronome.trace(None)

    def _found(self, addresses: list[int]) -> None:
        frames = [f for address in addresses for f in self._machine.frames_at(address)]
        stack = [str(frame) for frame in reversed(frames)]
        if stack:
            self.counts[tuple(stack)] += 1
