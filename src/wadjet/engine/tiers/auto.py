"""The tier that decides for itself: baseline code first, optimised code where it pays.

A function is compiled when it is first called, by the baseline compiler: that takes no time worth
speaking of. The metronome's samples tell which functions are hot; one that has run for a good part
of the time that optimising it takes is optimised fully, in the background. Calls go to the better
code from then on.
"""

from typing import Final, final

from wadjet.core.validate import ValidModule
from wadjet.engine.contract.settings import Settings
from wadjet.engine.llvm.compile import FULL
from wadjet.engine.tiers.baseline import PromptCode
from wadjet.engine.tiers.compiler import functions_object

#: Samples of a function until it is optimised, for each byte of its body: a sample stands for ten
#: milliseconds, optimising takes about 40 µs a byte, and it goes on beside the guest.
_SAMPLES: Final = 0.001


@final
class AutoCode(PromptCode):
    """A module whose functions are compiled at once, and well when they prove hot."""

    def __init__(
        self,
        valid: ValidModule,
        settings: Settings | None = None,
        source: bytes | str | None = None,
    ) -> None:
        super().__init__(valid, settings, source)
        #: by slot: how many samples found it running
        self._heat: dict[int, int] = {}

    def variant(self, settings: Settings) -> "AutoCode":
        """The same module with other settings."""
        return AutoCode(self.valid, settings, self.source)

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
