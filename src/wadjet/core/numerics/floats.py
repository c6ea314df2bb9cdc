"""Floating-point arithmetic (spec 4.3.3) on bit patterns; NaN results are canonical and positive,
as the deterministic profile has it. Each family is a function of the format.

Python's floats are binary64, rounded to nearest even by the hardware. A binary32 sum, difference,
product, quotient or square root computed in binary64 and then rounded is the correctly rounded
one, because 53 ≥ 2·24 + 2 (Figueroa, 1995).
"""

from collections.abc import Callable
from math import ceil, copysign, floor, isfinite, isnan, sqrt, trunc
from operator import add, mul
from typing import Final

from wadjet.core.numerics.integers import Numeric
from wadjet.core.numerics.rounding import (
    F32, F64, Exact, Format, Mode, exact_add, exact_div, exact_mul, exact_same, exact_sqrt,
    round_ratio,
)  # fmt: skip

_NAN: Final = float("nan")
_INF: Final = float("inf")

#: An operation on Python floats.
Plain = Callable[..., float]


def _sub(x: float, y: float) -> float:
    return x - y


def _div(x: float, y: float) -> float:
    if y == 0.0:
        if x == 0.0 or isnan(x):
            return _NAN
        return copysign(_INF, x) * copysign(1.0, y)
    return x / y


def _sqrt(x: float) -> float:
    return sqrt(x) if x >= 0.0 or x == 0.0 else _NAN


def _min(x: float, y: float) -> float:
    if isnan(x) or isnan(y):
        return _NAN
    if x == y == 0.0:
        return x if copysign(1.0, x) < 0.0 else y
    return x if x < y else y


def _max(x: float, y: float) -> float:
    if isnan(x) or isnan(y):
        return _NAN
    if x == y == 0.0:
        return x if copysign(1.0, x) > 0.0 else y
    return x if x > y else y


def _to_integral(step: Callable[[float], int]) -> Plain:
    """Round to an integral value; infinities, NaNs and the sign of zero stay."""
    return lambda x: copysign(float(step(x)), x) if isfinite(x) else x


_UNARY: Final[dict[str, Plain]] = {
    "sqrt": _sqrt,
    "ceil": _to_integral(ceil),
    "floor": _to_integral(floor),
    "trunc": _to_integral(trunc),
    "nearest": _to_integral(round),
}
_BINARY: Final[dict[str, Plain]] = {
    "add": add, "sub": _sub, "mul": mul, "div": _div, "min": _min, "max": _max,
}  # fmt: skip


def funary(form: Format, op: Plain) -> Numeric:
    """An operation of one operand on the patterns of a format."""
    decode, encode = form.decode, form.encode
    return lambda a: encode(op(decode(a)))


def fbinary(form: Format, op: Plain) -> Numeric:
    """An operation of two operands on the patterns of a format."""
    decode, encode = form.decode, form.encode
    return lambda a, b: encode(op(decode(a), decode(b)))


# Sign operations work on the pattern alone: a NaN keeps its payload.


def fabs(form: Format) -> Numeric:
    """Absolute value."""
    mask = form.sign - 1
    return lambda a: a & mask


def fneg(form: Format) -> Numeric:
    """Negation."""
    sign = form.sign
    return lambda a: a ^ sign


def fcopysign(form: Format) -> Numeric:
    """a with the sign of b."""
    sign, mask = form.sign, form.sign - 1
    return lambda a, b: (a & mask) | (b & sign)


def fpmin(form: Format) -> Numeric:
    """The second operand if it is less, else the first, bit for bit."""
    decode = form.decode
    return lambda a, b: b if decode(b) < decode(a) else a


def fpmax(form: Format) -> Numeric:
    """The second operand if it is greater, else the first, bit for bit."""
    decode = form.decode
    return lambda a, b: b if decode(a) < decode(b) else a


def feq(form: Format) -> Numeric:
    """a = b; false where either is a NaN."""
    decode = form.decode
    return lambda a, b: 1 if decode(a) == decode(b) else 0


def fne(form: Format) -> Numeric:
    """a ≠ b; true where either is a NaN."""
    decode = form.decode
    return lambda a, b: 1 if decode(a) != decode(b) else 0


def flt(form: Format) -> Numeric:
    """a < b."""
    decode = form.decode
    return lambda a, b: 1 if decode(a) < decode(b) else 0


def fgt(form: Format) -> Numeric:
    """a > b."""
    decode = form.decode
    return lambda a, b: 1 if decode(a) > decode(b) else 0


def fle(form: Format) -> Numeric:
    """a ≤ b."""
    decode = form.decode
    return lambda a, b: 1 if decode(a) <= decode(b) else 0


def fge(form: Format) -> Numeric:
    """a ≥ b."""
    decode = form.decode
    return lambda a, b: 1 if decode(a) >= decode(b) else 0


FORMATS: Final = {"f32": F32, "f64": F64}


def relations(form: Format) -> dict[str, Numeric]:
    """Name → comparison with a truth value; on lanes it becomes a mask of ones."""
    families = {"eq": feq, "ne": fne, "lt": flt, "gt": fgt, "le": fle, "ge": fge}
    return {name: family(form) for name, family in families.items()}


def arithmetic(form: Format) -> dict[str, Numeric]:
    """Name → operation that gives a number of the same format."""
    table = {name: funary(form, op) for name, op in _UNARY.items()}
    table |= {name: fbinary(form, op) for name, op in _BINARY.items()}
    families = {
        "abs": fabs, "neg": fneg, "copysign": fcopysign, "pmin": fpmin, "pmax": fpmax,
    }  # fmt: skip
    return table | {name: family(form) for name, family in families.items()}


def scalars() -> dict[str, Numeric]:
    """Mnemonic → function, for every f32 and f64 instruction but the conversions."""
    table: dict[str, Numeric] = {}
    for prefix, form in FORMATS.items():
        for name, function in (arithmetic(form) | relations(form) | _directed(form)).items():
            table[f"{prefix}.{name}"] = function
    return table


# The rounding variants: the exact result as a ratio, then rounded once.


def directed(source: Format, target: Format, plain: Plain, exact: Exact, mode: int) -> Numeric:
    """An operation rounded in the direction `mode`. `plain` tells the results that are exact in
    every direction: NaNs, infinities from infinities or division by zero, and zeros."""

    def apply(*raws: int) -> int:
        operands = [source.decode(raw) for raw in raws]
        near = plain(*operands)
        if isnan(near) or not all(map(isfinite, operands)):
            return target.encode(near)
        n, d = exact(*operands)
        if n == 0 or d == 0:
            return target.encode(near)
        return round_ratio(target, n, d, mode)

    return apply


def _add_floor(x: float, y: float) -> float:
    """x + y, except that a sum of zero is -0 unless both operands are +0 (IEEE 754, 6.3)."""
    total = x + y
    if total == 0.0 and (copysign(1.0, x) < 0.0 or copysign(1.0, y) < 0.0):
        return -0.0
    return total


MODES: Final = {"ceil": Mode.CEIL, "floor": Mode.FLOOR, "trunc": Mode.TRUNC}


def _directed(form: Format) -> dict[str, Numeric]:
    table: dict[str, Numeric] = {}
    for suffix, mode in MODES.items():
        plus = directed(form, form, _add_floor if mode == Mode.FLOOR else add, exact_add, mode)
        table[f"add_{suffix}"] = plus
        table[f"sub_{suffix}"] = _subtract(plus, form.sign)
        table[f"mul_{suffix}"] = directed(form, form, mul, exact_mul, mode)
        table[f"div_{suffix}"] = directed(form, form, _div, exact_div, mode)
        table[f"sqrt_{suffix}"] = directed(form, form, _sqrt, exact_sqrt, mode)
    return table


def _subtract(plus: Numeric, sign: int) -> Numeric:
    return lambda a, b: plus(a, b ^ sign)


def resize(source: Format, target: Format, mode: int = Mode.NEAREST) -> Numeric:
    """promote and demote: the same number in another format."""
    if mode == Mode.NEAREST:
        decode, encode = source.decode, target.encode
        return lambda a: encode(decode(a))
    return directed(source, target, lambda x: x, exact_same, mode)
