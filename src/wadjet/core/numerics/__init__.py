"""What every pure instruction computes (spec 4.3): the executable definition of the numerics.

Values are raw: ints that hold bit patterns, i32 in [0, 2^32), i64 in [0, 2^64), f32 and f64 as
their IEEE patterns, v128 as 128 bits with lane 0 lowest. So every NaN payload is exact.

The interpreter runs these functions, constant expressions and constant folding call them, and
compiled code is tested against them. They raise `Trap` where the standard says so.
"""

from typing import Final

from wadjet.core.numerics import conversions, floats, integers, vectors
from wadjet.core.numerics.integers import WIDE, Numeric, Pair
from wadjet.core.numerics.relaxed import relaxed, unfused
from wadjet.core.opcodes import BY_NAME, ROWS


def _by_row(functions: dict[str, Numeric]) -> dict[int, Numeric]:
    """Keep the functions that are instructions: a family may reach further than the rows do."""
    return {row.op: functions[row.mnemonic] for row in ROWS if row.mnemonic in functions}


_SCALARS: Final = integers.scalars() | floats.scalars() | conversions.scalars()
_VECTORS: Final = vectors.instructions()

#: op id → function of the operands, then the immediates (lanes); one result
NUMERICS: Final[dict[int, Numeric]] = _by_row(_SCALARS | _VECTORS | relaxed(_VECTORS))

#: op id → function of the operands, for the instructions with two results
PAIRS: Final[dict[int, Pair]] = {BY_NAME[name][0].op: pair for name, pair in WIDE.items()}

#: what replaces entries of `NUMERICS` under the deterministic profile
DETERMINISTIC: Final[dict[int, Numeric]] = _by_row(unfused())

__all__ = ["DETERMINISTIC", "NUMERICS", "PAIRS", "Numeric", "Pair"]
