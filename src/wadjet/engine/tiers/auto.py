"""The tier that decides for itself: baseline code first, optimised code where it pays.

A function is compiled when it is first called, by the baseline compiler: that takes no time worth
speaking of. The metronome's samples tell which functions are hot; one that has run for a good part
of the time that optimising it takes is optimised fully, in the background. Calls go to the better
code from then on.

Who is in a loop does not wait for a call. If nobody has called a function since it was first found
running, it is not the function that is optimised but what is left of it, from a loop on (a
*landing*), and the loop goes there. The same is done for what still runs when there is better code
for calls. From which of several loops around each other: the outermost first, so that most is in
the landing as it is in the function; the next one if that has not been come by after a while.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final, NamedTuple, final

from wadjet.core.validate import ValidModule
from wadjet.engine.contract.settings import Settings
from wadjet.engine.llvm.compile import FULL
from wadjet.engine.runtime.image import Image, Placed
from wadjet.engine.runtime.loader import Linkable
from wadjet.engine.tiers.baseline import PromptCode
from wadjet.engine.tiers.compiler import functions_object, landing_object

if TYPE_CHECKING:
    from wadjet.engine.baseline.exits import Exits

#: Samples of a function until it is optimised, for each byte of its body: a sample stands for ten
#: milliseconds, optimising takes about 25 µs a byte, and it goes on beside the guest.
_SAMPLES: Final = 0.0005
#: The first sample is when one begins to look whether it is called.
_FEWEST: Final = 2
#: Functions that are compiled until an optimiser gets ready: short calls need fewer, programs more.
_MANY: Final = 8
#: Samples that find a loop where it was until an exit further inside is tried.
_PATIENCE: Final = 5


class WayOut(NamedTuple):
    """A loop that goes on and on: its instruction, how far values are apart in the frame, and where
    the distance to its landing goes."""

    loop: int
    stride: int
    image: Image
    word: int


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
        #: functions whose next call is to be noted: where it goes then
        self._awaited: dict[int, int] = {}
        #: functions that were called after they were found running
        self._called: set[int] = set()
        #: how many functions have been compiled at their first call
        self._begun = 0

    def variant(self, settings: Settings) -> "AutoCode":
        """The same module with other settings."""
        return AutoCode(self.valid, settings, self.source)

    def exits(self) -> "Exits":
        """Each loop has one."""
        from wadjet.engine.baseline.exits import PatchedExits

        return PatchedExits()

    def heat(self, running: Placed, pc: int) -> None:
        """A sample found this code running, at this address."""
        if running.level == FULL:
            return
        slot = running.function - self.layout.func_imports
        count = self._heat[slot] = self._heat.get(slot, 0) + 1
        if count == 1:
            self._await_call(slot)
        if count >= self._threshold(slot):
            from wadjet.engine.tiers.background import background

            background().submit(self, slot, pc)

    def _threshold(self, slot: int) -> int:
        return max(_FEWEST, int(_SAMPLES * self.size(slot)))

    # --- is it called? -------------------------------------------------------------------------

    def _await_call(self, slot: int) -> None:
        """Have the next call of a function come through its stub again."""
        with self.machine.lock:
            if self.level(slot) != FULL:
                self._awaited[slot] = self._image.slots[slot]
                self.direct(slot, self._image.stub(slot))

    def compile_slot(self, slot: int) -> int:
        """See `NativeCode.compile_slot`; note the call if it was waited for."""
        with self.machine.lock:
            address = self._awaited.pop(slot, None)
            if address is not None:
                self._called.add(slot)
                if self._image.slots[slot] == self._image.stub(slot):
                    self.direct(slot, address)
        return super().compile_slot(slot)

    def build(self, slots: Sequence[int]) -> tuple[bytes | Linkable, int]:
        """See `PromptCode.build`. What compiles many functions is a program, about to run."""
        self._begun += 1
        if self._begun == _MANY:
            from wadjet.engine.tiers.background import background

            background().get_ready(self)
        return super().build(slots)

    # --- better code ---------------------------------------------------------------------------

    def promote(self, slot: int) -> None:
        """Optimise a function here and now."""
        self.add(functions_object(self.valid, [slot], self.settings, FULL), FULL)

    def way_out(self, slot: int, pc: int) -> WayOut | None:
        """The outermost loop around an address in baseline code that has no landing yet; None where
        there is none, and where calls are what better code is for."""
        if self.level(slot) != FULL and slot in self._called:
            return None
        with self._lock:
            compiled = None if self.compiler is None else self.compiler.compile(slot)
            self.valid.forget(slot)
        if compiled is None:
            return None
        with self.machine.lock:
            image = next((each for each in self._images if each.holds(pc)), None)
            place = None if image is None else image.functions_at(pc)[-1]
            if image is None or place is None or place.size != compiled.size:
                return None
            offset = pc - image.address - place.start
            for loop, start, stop, word in compiled.exits:
                if start <= offset < stop and not image.leads(place.start + word):
                    return WayOut(loop, compiled.stride, image, place.start + word)
        return None

    def land(self, slot: int, way: WayOut, built: bytes) -> None:
        """From now on a loop goes on in a landing."""
        address = self.add_landing(built, FULL)
        with self.machine.lock:
            way.image.lead(way.word, address)
            self._heat[slot] = self._threshold(slot) - _PATIENCE

    def promote_loop(self, slot: int, way: WayOut) -> None:
        """Make a landing here and now."""
        place = way.loop, way.stride
        self.land(slot, way, landing_object(self.valid, slot, place, self.settings))
