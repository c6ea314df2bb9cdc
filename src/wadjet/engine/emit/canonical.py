"""The deterministic profile (spec A.6): every NaN that arithmetic makes is the canonical one.

This is the only place that knows: it wraps the emitters of the rows that can make a NaN. What only
moves floats or changes their sign keeps payloads, as the standard says.
"""

import re
from typing import Final

from wadjet.core.opcodes import ROWS
from wadjet.engine.emit.arith import fence
from wadjet.engine.emit.function import Emit, FunctionEmitter
from wadjet.engine.emit.llvmtypes import FLOATS
from wadjet.engine.emit.simd import SHAPES, V128
from wadjet.engine.emit.templates import Template

_MAKERS: Final = re.compile(
    r"(f32|f64|f32x4|f64x2)\."
    r"(add|sub|mul|div|sqrt|ceil|floor|trunc|nearest|min|max|demote|promote|relaxed_\w+)"
    r"(_(ceil|floor|trunc|f64|f32|f64x2_zero|low_f32x4))*"
)


def makes_nan(mnemonic: str) -> bool:
    """Whether a row can make a NaN."""
    return _MAKERS.fullmatch(mnemonic) is not None


def canonical(special: "list[Emit | None]", templates: dict[int, Template]) -> "list[Emit | None]":
    """The emitters of the profile: these, each that can make a NaN followed by a look for one."""
    table = special[:]
    for row in ROWS:
        found = _MAKERS.fullmatch(row.mnemonic)
        if found is not None:
            inner = special[row.op] or _from_template(templates[row.op])
            table[row.op] = _canonical(inner, found[1])
    return table


def _from_template(template: Template) -> Emit:
    def emit(e: FunctionEmitter, imm: object, i: int) -> None:
        name = e.name()
        e.emit(template.fill((name, *e.pops(template.arity))))
        e.push(name)

    return emit


def _canonical(inner: Emit, shape: str) -> Emit:
    """`inner`, with a look at its result, which is a scalar or a vector of this shape. LLVM takes
    one NaN for as good as another, so it must not know where the result comes from."""
    form = FLOATS[shape[:3]]
    t, nan = form.type, form.constant(form.nan)
    vector = SHAPES.get(shape)

    def scalars(e: FunctionEmitter, imm: object, i: int) -> None:
        inner(e, imm, i)
        value = fence(e, e.pop(), t, form.name)
        unordered = e.let(f"fcmp uno {t} {value}, {value}")
        e.push(e.let(f"select i1 {unordered}, {t} {nan}, {t} {value}"))

    if vector is None:
        return scalars

    def vectors(e: FunctionEmitter, imm: object, i: int) -> None:
        inner(e, imm, i)
        t = vector.type
        value = fence(e, e.let(f"bitcast {V128} {e.pop()} to {t}"), t, vector.suffix)
        flags = e.let(f"fcmp uno {t} {value}, {value}")
        chosen = f"<{vector.count} x i1> {flags}, {t} {vector.all(nan)}, {t} {value}"
        e.push(e.let(f"bitcast {t} {e.let(f'select {chosen}')} to {V128}"))

    return vectors
