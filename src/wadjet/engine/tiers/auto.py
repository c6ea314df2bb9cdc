"""The tier that decides for itself: quick code first, optimised code where it pays.

A function is compiled when it is first called. If it has loops, it gets fair code at once, as long
as that is cheap and all such compiles together stay within a small budget: short programs then run
good code from the start. Everything else gets quick code. The metronome's samples tell which
functions are hot, and those are optimised fully in the background.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Final, final

from wadjet.core.validate import ValidModule
from wadjet.engine.contract.settings import Settings
from wadjet.engine.emit.unit import emit, emit_tail
from wadjet.engine.llvm.compile import FAIR, FULL, QUICK, compile_text
from wadjet.engine.llvm.target import host_target
from wadjet.engine.runtime.native import NativeCode
from wadjet.engine.tiers.background import background
from wadjet.engine.tiers.native import host_settings, native_machine

#: Seconds that a module's calls may wait for fair code, all together.
BUDGET: Final = 0.5
#: Seconds that it takes per instruction, roughly, and what one call may wait for it at most.
_COST: Final = 25e-6
_MOST: Final = 0.15

Compile = Callable[[str, int], bytes | None]


@final
class AutoCode(NativeCode):
    """A module whose functions are compiled quickly at first, and well when they prove hot."""

    def __init__(self, valid: ValidModule, settings: Settings | None = None) -> None:
        super().__init__(valid, *native_machine(), settings or host_settings())
        self._spent = 0.0
        #: slots whose code is optimised fully, or will be
        self._hot: set[int] = set()

    def variant(self, settings: Settings) -> "AutoCode":
        """The same module with other settings."""
        return AutoCode(self.valid, settings)

    def build_tail(self, slot: int) -> bytes:
        """Emit and compile."""
        text = emit_tail(self.valid, slot + self.layout.func_imports)
        return compile_text(text, host_target(), QUICK)

    def build(self, slots: Sequence[int]) -> tuple[bytes, int]:
        """Emit and compile, at the level that the policy says."""
        level = QUICK
        if all(map(self._deserves, slots)):
            level = FAIR
        text = self._emit(slots, level)
        start = time.perf_counter()
        image = compile_text(text, host_target(), level)
        if level == FAIR:
            self._spent += time.perf_counter() - start
        return image, level

    def _emit(self, slots: Sequence[int], level: int) -> str:
        indices = [s + self.layout.func_imports for s in slots]
        return emit(self.valid, indices, replace(self.settings, quick=level == QUICK))

    def _deserves(self, slot: int) -> bool:
        """Whether to give it fair code before the first call."""
        cost = len(self.valid.module.codes[slot].body) * _COST
        return (
            cost <= _MOST and self._spent + cost <= BUDGET and bool(self.valid.facts(slot).assigned)
        )

    def heat(self, index: int) -> None:
        """A sample found this function running."""
        slot = index - self.layout.func_imports
        if slot not in self._hot:
            self._hot.add(slot)
            background().submit(self, slot)

    def optimize(self, slot: int, compile_: Compile) -> None:
        """Replace a function's quick code (called in the background)."""
        image = compile_(self._emit([slot], FULL), FULL)
        if image is not None:
            self.add(image, FULL)
