"""The optimizing tier: every function through LLVM's optimiser, when it is first called."""

from collections.abc import Sequence
from typing import final

from wadjet.core.validate import ValidModule
from wadjet.engine.contract.settings import Settings
from wadjet.engine.emit.unit import emit, emit_tail
from wadjet.engine.llvm.compile import FULL, QUICK, compile_text
from wadjet.engine.llvm.target import host_target
from wadjet.engine.runtime.native import NativeCode
from wadjet.engine.tiers.native import host_settings, native_machine


@final
class OptimizingCode(NativeCode):
    """A module whose functions are compiled one by one at LLVM's full level."""

    def __init__(self, valid: ValidModule, settings: Settings | None = None) -> None:
        super().__init__(valid, *native_machine(), settings or host_settings())

    def variant(self, settings: Settings) -> "OptimizingCode":
        """The same module with other settings."""
        return OptimizingCode(self.valid, settings)

    def build_tail(self, slot: int) -> bytes:
        """Emit and compile."""
        text = emit_tail(self.valid, slot + self.layout.func_imports)
        return compile_text(text, host_target(), QUICK)

    def build(self, slots: Sequence[int]) -> tuple[bytes, int]:
        """Emit and compile."""
        indices = [slot + self.layout.func_imports for slot in slots]
        text = emit(self.valid, indices, self.settings)
        return compile_text(text, host_target(), FULL), FULL
