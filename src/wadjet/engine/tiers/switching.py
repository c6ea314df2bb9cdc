"""A tier for tests: functions begin in baseline code and go over to optimised code at points that
chance decides, each time the same ones for a seed: at a certain call, or in the middle of a loop in
a certain round. The compiler is waited for, so that whatever can differ between the two does so.
"""

from random import Random
from typing import TYPE_CHECKING, Final, final

from wadjet.core.validate import ValidModule
from wadjet.engine.baseline.exits import CountedExits
from wadjet.engine.contract.layout import Block
from wadjet.engine.contract.settings import Settings
from wadjet.engine.llvm.compile import FULL
from wadjet.engine.tiers.baseline import PromptCode
from wadjet.engine.tiers.compiler import functions_object, landing_object

if TYPE_CHECKING:
    from wadjet.engine.baseline.exits import Exits

#: After so many calls, after so many rounds. (A function that is never called again, or whose loops
#: never come so far, stays as it is.)
_CALLS: Final = (0, 1, 1, 2, 3, 7, 1000)
_ROUNDS: Final = (0, 0, 1, 1, 2, 5, 20, 300, 100_000)
_COUNTER: Final = 8


@final
class SwitchingCode(PromptCode):
    """See the module."""

    def __init__(self, valid: ValidModule, settings: Settings | None = None, seed: int = 0) -> None:
        super().__init__(valid, settings)
        self._seed: Final = seed
        #: by slot: how many calls are left, and where they go until then
        self._left: Final[dict[int, int]] = {}
        self._prompt: Final[dict[int, int]] = {}
        self._loops: Final = _Loops(seed, 2 * len(valid.module.funcs))
        #: by number: where loops go on
        self._landings: Final[dict[int, int]] = {}

    @property
    def landings(self) -> int:
        """How many loops went on in optimised code."""
        return len(self._landings)

    def variant(self, settings: Settings) -> "SwitchingCode":
        """The same module with other settings."""
        return SwitchingCode(self.valid, settings, self._seed)

    def exits(self) -> "Exits":
        """Each loop has one."""
        return CountedExits(self._loops.numbers)

    def compile_slot(self, number: int) -> int:
        """See `NativeCode.compile_slot`; numbers behind those of entries are loops."""
        with self._lock:
            if number >= 2 * len(self.valid.module.funcs):
                return self._landing(number)
            if number >= len(self.valid.module.funcs):
                return super().compile_slot(number)
            left = self._left.get(number)
            if left is None:
                chance = Random(f"{self._seed} {number}")
                left = chance.choice(_CALLS)
                self._prompt[number] = super().compile_slot(number)
            if left == 0 or self.level(number) == FULL:
                return self._optimized(number)
            self._left[number] = left - 1
            with self.machine.lock:
                self.direct(number, self._image.stub(number))
            return self._prompt[number]

    def _optimized(self, slot: int) -> int:
        if self.level(slot) != FULL:
            self.add(functions_object(self.valid, [slot], self.settings, FULL), FULL)
        return super().compile_slot(slot)

    def _landing(self, number: int) -> int:
        address = self._landings.get(number)
        if address is None:
            place = self._loops.places[number - self._loops.first]
            slot, loop, stride = place
            built = landing_object(self.valid, slot, (loop, stride), self.settings)
            address = self._landings[number] = self.add_landing(built, FULL)
        return address


@final
class _Loops:
    """The counters of loops, set by chance. `first` is the number of the first loop."""

    def __init__(self, seed: int, first: int) -> None:
        self._seed: Final = seed
        self.first: Final = first
        self._numbers: Final[dict[tuple[int, int, int], int]] = {}
        self._counters: Final[list[Block]] = []
        #: slot, loop and how far values are apart, from the first number on
        self.places: Final[list[tuple[int, int, int]]] = []

    def numbers(self, slot: int, loop: int, stride: int) -> tuple[int, int]:
        """See `CountedExits`."""
        key = slot, loop, stride
        k = self._numbers.get(key)
        if k is None:
            k = self._numbers[key] = len(self.places)
            self.places.append(key)
            counter = Block(_COUNTER)
            rounds = Random(f"{self._seed} {slot} {loop}").choice(_ROUNDS)
            counter.words()[0] = rounds
            self._counters.append(counter)
        return self._counters[k].address, self.first + k
