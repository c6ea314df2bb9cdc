"""The baseline tier: each function through the compiler that takes no time, when first called.

What is beyond that compiler goes through LLVM's quick level; `beyond` says which functions did.
"""

from collections.abc import Sequence
from typing import final

from wadjet.base.errors import Error
from wadjet.core.validate import ValidModule
from wadjet.engine.baseline.frame import arguments
from wadjet.engine.baseline.module import ARCH, Baseline
from wadjet.engine.baseline.piece import Piece, Tail
from wadjet.engine.contract.settings import Settings
from wadjet.engine.llvm.compile import QUICK
from wadjet.engine.runtime.loader import Linkable
from wadjet.engine.tiers.compiled import CompiledCode
from wadjet.engine.tiers.compiler import functions_object, runtime_object


@final
class BaselineCode(CompiledCode):
    """A module whose functions are compiled one by one, as quickly as can be."""

    def __init__(self, valid: ValidModule, settings: Settings | None = None) -> None:
        super().__init__(valid, settings)
        if self.settings.arch != ARCH:
            raise Error(f"no baseline tier for {self.settings.arch} yet; use another")
        self.compiler = Baseline(valid, self.settings, runtime_object)
        #: functions that LLVM compiled
        self.beyond: list[int] = []

    def variant(self, settings: Settings) -> "BaselineCode":
        """The same module with other settings."""
        return BaselineCode(self.valid, settings)

    def build(self, slots: Sequence[int]) -> tuple[bytes | Linkable, int]:
        """Compile the one function there is."""
        (slot,) = slots
        compiled = self.compiler.compile(slot)
        if compiled is None:
            self.beyond.append(slot + self.layout.func_imports)
            return functions_object(self.valid, slots, self.settings, QUICK), QUICK
        return Piece(compiled, slot + self.layout.func_imports), QUICK

    def build_tail(self, slot: int) -> bytes | Linkable:
        """A jump, if that will do."""
        index = slot + self.layout.func_imports
        if arguments(self.compiler.func_type(index))[1]:
            return super().build_tail(slot)
        return Tail(index)
