"""The baseline tier: each function through the compiler that takes no time, when first called."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final, final

from wadjet.base.errors import Error
from wadjet.core.validate import ValidModule
from wadjet.engine.contract.settings import Settings
from wadjet.engine.llvm.compile import QUICK
from wadjet.engine.runtime.loader import Linkable
from wadjet.engine.tiers.compiled import CompiledCode
from wadjet.engine.tiers.compiler import functions_object, runtime_object

if TYPE_CHECKING:
    from wadjet.engine.baseline.exits import Exits
    from wadjet.engine.baseline.module import Baseline


class PromptCode(CompiledCode):
    """Machine code of which there is some at once. What is beyond the baseline compiler (functions
    that make tail calls with many arguments, and other processors) goes through LLVM's quick level;
    `beyond` says which functions did."""

    def __init__(
        self,
        valid: ValidModule,
        settings: Settings | None = None,
        source: bytes | str | None = None,
    ) -> None:
        super().__init__(valid, settings, source)
        #: functions that LLVM compiled at first
        self.beyond: Final[list[int]] = []
        self._compilers: Final[list[Baseline | None]] = []

    @property
    def compiler(self) -> "Baseline | None":
        """The baseline compiler; None where it does not know the processor. It is loaded when
        something must be compiled: a start from the cache needs none. (`cached_property` has a
        lock before Python 3.12, which a forked child may find taken.)"""
        if not self._compilers:
            from wadjet.engine.baseline.module import ARCH, Baseline

            here = self.settings.arch == ARCH
            how = self.valid, self.settings, runtime_object, self.exits() if here else None
            self._compilers.append(Baseline(*how) if here else None)
        return self._compilers[0]

    def exits(self) -> "Exits | None":
        """How loops leave for better code, if they do."""
        return None

    def build(self, slots: Sequence[int]) -> tuple[bytes | Linkable, int]:
        """Compile the one function there is."""
        (slot,) = slots
        index = slot + self.layout.func_imports
        if self.compiler is not None:
            compiled = self.compiler.compile(slot)
            if compiled is not None:
                from wadjet.engine.baseline.piece import Piece

                return Piece(compiled, index), QUICK
        self.beyond.append(index)
        return functions_object(self.valid, slots, self.settings, QUICK), QUICK

    def build_tail(self, slot: int) -> bytes | Linkable:
        """A call, if that will do."""
        index = slot + self.layout.func_imports
        from wadjet.engine.baseline.frame import arguments
        from wadjet.engine.baseline.piece import Tail

        if self.compiler is None or arguments(self.compiler.func_type(index))[1]:
            return super().build_tail(slot)
        return Tail(index)


@final
class BaselineCode(PromptCode):
    """A module whose functions are compiled one by one, as quickly as can be. It is not kept on
    disk: compiling takes no longer than looking there."""

    def __init__(self, valid: ValidModule, settings: Settings | None = None) -> None:
        super().__init__(valid, settings)
        if self.compiler is None:
            raise Error(f"no baseline tier for {self.settings.arch} yet; use another")

    def variant(self, settings: Settings) -> "BaselineCode":
        """The same module with other settings."""
        return BaselineCode(self.valid, settings)
