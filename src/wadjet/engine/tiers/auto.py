"""The tier that decides for itself: quick code first, optimised code where it pays.

A function is compiled when it is first called. If it has loops, it gets fair code at once, as long
as that is cheap and all such compiles together stay within a small budget: short programs then run
good code from the start. Everything else gets quick code. The metronome's samples tell which
functions are hot; one that has run for a good part of the time that optimising it takes is
optimised fully, in the background.
"""

import time
from collections.abc import Sequence
from typing import Final, final

from wadjet.core.validate import ValidModule
from wadjet.engine.contract.settings import Settings
from wadjet.engine.llvm.compile import FAIR, FULL, QUICK
from wadjet.engine.tiers.compiled import CompiledCode
from wadjet.engine.tiers.compiler import functions_object

#: Seconds that a module's calls may wait for fair code, all together.
BUDGET: Final = 0.5
#: Seconds that it takes per instruction, roughly, and what one call may wait for it at most.
_COST: Final = 25e-6
_MOST: Final = 0.15
#: Samples of a function until it is optimised, for each byte of its body: a sample stands for ten
#: milliseconds, optimising takes about 40 µs a byte, and it goes on beside the guest.
_SAMPLES: Final = 0.001


@final
class AutoCode(CompiledCode):
    """A module whose functions are compiled quickly at first, and well when they prove hot."""

    def __init__(
        self,
        valid: ValidModule,
        settings: Settings | None = None,
        source: bytes | str | None = None,
    ) -> None:
        super().__init__(valid, settings, source)
        self._spent = 0.0
        #: by slot: how many samples found it running
        self._heat: dict[int, int] = {}

    def variant(self, settings: Settings) -> "AutoCode":
        """The same module with other settings."""
        return AutoCode(self.valid, settings, self.source)

    def build(self, slots: Sequence[int]) -> tuple[bytes, int]:
        """Emit and compile, at the level that the policy says."""
        level = FAIR if all(map(self._deserves, slots)) else QUICK
        start = time.perf_counter()
        image = functions_object(self.valid, slots, self.settings, level)
        if level == FAIR:
            self._spent += time.perf_counter() - start
        return image, level

    def _deserves(self, slot: int) -> bool:
        """Whether to give it fair code before the first call."""
        cost = len(self.valid.module.codes[slot].body) * _COST
        return (
            cost <= _MOST and self._spent + cost <= BUDGET and bool(self.valid.facts(slot).assigned)
        )

    def heat(self, index: int) -> None:
        """A sample found this function running."""
        slot = index - self.layout.func_imports
        if self.level(slot) == FULL:
            return
        count = self._heat[slot] = self._heat.get(slot, 0) + 1
        if count >= _SAMPLES * self.size(slot):
            from wadjet.engine.tiers.background import background

            background().submit(self, slot)

    def promote(self, slot: int) -> None:
        """Optimise a function here and now."""
        self.add(functions_object(self.valid, [slot], self.settings, FULL), FULL)
