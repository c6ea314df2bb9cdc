"""The optimizing tier: every function through LLVM's optimiser, when it is first called."""

from collections.abc import Sequence
from typing import final

from wadjet.engine.contract.settings import Settings
from wadjet.engine.llvm.compile import FULL
from wadjet.engine.tiers.compiled import CompiledCode
from wadjet.engine.tiers.compiler import functions_object


@final
class OptimizingCode(CompiledCode):
    """A module whose functions are compiled one by one at LLVM's full level."""

    least = FULL

    def variant(self, settings: Settings) -> "OptimizingCode":
        """The same module with other settings."""
        return OptimizingCode(self.valid, settings, self.source)

    def build(self, slots: Sequence[int]) -> tuple[bytes, int]:
        """Emit and compile."""
        return functions_object(self.valid, slots, self.settings), FULL
