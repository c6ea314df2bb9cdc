"""The templates that serve one processor under one profile, put together."""

from wadjet.engine.contract.settings import Settings
from wadjet.engine.emit.processors import forms
from wadjet.engine.emit.simd import strict
from wadjet.engine.emit.simd_relaxed import relaxed
from wadjet.engine.emit.templates import SCALARS, Template, by_op


def templates_for(settings: Settings) -> dict[int, Template]:
    """op id → template, for every instruction that needs no special emitter."""
    rows = SCALARS | strict() | forms(settings)
    return by_op(rows | relaxed(rows, settings.deterministic))
