"""The ways to run a module, behind one function: plain interpretation or machine code."""

from importlib.util import find_spec
from typing import TYPE_CHECKING, Final

from wadjet.base.errors import Error

if TYPE_CHECKING:
    from wadjet.core.validate import ValidModule
    from wadjet.engine.runtime.code import ModuleCode

#: What `tier` may be. `auto` is the fastest that this machine has.
TIERS: Final = ("auto", "interpreter", "baseline", "optimizing")
#: One more for tests (see `switching`); "switching:7" has the seed 7.
SWITCHING: Final = "switching"


def _has_native() -> bool:
    """Whether this machine and this interpreter can run machine code."""
    if find_spec("llvmlite") is None:
        return False
    from wadjet.engine.runtime.machine import unsupported

    return not unsupported()


def get_ready() -> None:
    """A module is about to run in the tier `auto` or `baseline`. What that takes beside its code is
    prepared meanwhile, if it is not there (see `apart`)."""
    if _has_native():
        from wadjet.engine.tiers.compiler import get_ready

        get_ready()


def compile_module(
    valid: "ValidModule", tier: str = "auto", source: bytes | str | None = None
) -> "ModuleCode":
    """A module's code in a tier. Tiers are imported when first asked for. `source` is the binary or
    the text that the module was read from, if it still is what it was: such code may be kept."""
    name, _, seed = tier.partition(":")
    if name == SWITCHING:
        from wadjet.engine.tiers.switching import SwitchingCode

        return SwitchingCode(valid, seed=int(seed or 0))
    if tier not in TIERS:
        raise Error(f"unknown tier {tier!r}; known are {', '.join(TIERS)}")
    if tier == "optimizing":
        from wadjet.engine.tiers.optimizing import OptimizingCode

        return OptimizingCode(valid, source=source)
    if tier == "baseline":
        from wadjet.engine.tiers.baseline import BaselineCode

        return BaselineCode(valid)
    if tier == "auto" and _has_native():
        from wadjet.engine.tiers.auto import AutoCode

        return AutoCode(valid, source=source)
    from wadjet.engine.tiers.interpreter import InterpreterCode

    return InterpreterCode(valid)
