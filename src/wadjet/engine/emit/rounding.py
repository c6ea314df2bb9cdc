"""Arithmetic with a named rounding direction (rounding-variants proposal).

Each instruction in use becomes one helper function, which sets the processor's rounding direction
around a single operation. The helper is never inlined: elsewhere LLVM takes rounding to nearest
for granted. And it must not learn what its operands are: it would compute an exact result itself,
and give a zero the sign that it has when rounding to nearest.
"""

import re
from typing import Final

from wadjet.core.opcodes import ROWS, Row
from wadjet.engine.emit.function import Emit, FunctionEmitter
from wadjet.engine.emit.llvmtypes import llvm_type

#: suffix of the mnemonic → direction as llvm.set.rounding numbers them
_DIRECTIONS: Final = {"ceil": 2, "floor": 3, "trunc": 0}
_NEAREST: Final = 1

_VARIANT: Final = re.compile(
    r"(?P<to>f\d\d)\.(?P<verb>[a-z]+)_(?P<way>ceil|floor|trunc)(_(?P<of>[if]\d\d))?(_(?P<sign>[su]))?"
)


def _intrinsic(verb: str, sign: str | None) -> str:
    """LLVM's name of an operation."""
    if verb == "convert":
        return f"{sign}itofp"
    return {"sqrt": "sqrt", "demote": "fptrunc", "promote": "fpext"}.get(verb, f"f{verb}")


def _variant(row: Row) -> Emit:
    found = _VARIANT.fullmatch(row.mnemonic)
    assert found is not None
    assert row.params is not None
    assert row.results is not None
    name = _intrinsic(found["verb"], found["sign"])
    types = [llvm_type(t) for t in row.params if t is not None]
    result = llvm_type(row.results[0]) if row.results[0] is not None else ""
    shapes = found["to"] if found["of"] is None else f"{found['to']}.{found['of']}"
    symbol = f"round.{row.mnemonic}"
    params = [f"{t} %x{k}" for k, t in enumerate(types)]
    extra = ['metadata !"round.dynamic"'] if name != "fpext" else []
    hidden = [f"{t} %y{k}" for k, t in enumerate(types)]
    args = ", ".join([*hidden, *extra, 'metadata !"fpexcept.strict"'])
    hide = "".join([
        f"%c{k} = alloca {t}\nstore volatile {t} %x{k}, ptr %c{k}\n"
        f"%y{k} = load volatile {t}, ptr %c{k}\n"
        for k, t in enumerate(types)
    ])  # fmt: skip
    text = (
        f"define internal {result} @{symbol}({', '.join(params)}) noinline nounwind strictfp {{\n"
        f"{hide}"
        f"call void @llvm.set.rounding(i32 {_DIRECTIONS[found['way']]}) strictfp\n"
        f"%r = call {result} @llvm.experimental.constrained.{name}.{shapes}({args}) strictfp\n"
        f"call void @llvm.set.rounding(i32 {_NEAREST}) strictfp\n"
        f"ret {result} %r\n}}"
    )

    def emit(e: FunctionEmitter, imm: object, i: int) -> None:
        e.unit.declare(symbol, text)
        typed = [f"{t} {x}" for t, x in zip(types, e.pops(len(types)), strict=True)]
        e.push(e.let(f"call {result} @{symbol}({', '.join(typed)})"))

    return emit


ROUNDING: Final[dict[int, Emit]] = {
    row.op: _variant(row) for row in ROWS if row.feature == "rounding-variants"
}
