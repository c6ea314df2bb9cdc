"""Exact rounding of rational numbers to binary floating point, in every direction (spec 4.3.3).

What the hardware rounds for us (one operation, to nearest) is in `floats`; this file serves where
Python's floats cannot: fused multiply-add, i64 to f32, and the rounding variants.
"""

import struct
from collections.abc import Callable
from math import copysign, isfinite, isqrt
from typing import Final, final


@final
class Format:
    """A binary floating-point format: f32 or f64.

    `precision` counts significant bits, the hidden one included; `least` is the exponent of the
    smallest positive number. `one`, `inf`, `nan` and `sign` are bit patterns.
    """

    __slots__ = (
        "bits", "decode", "emin", "encode", "inf", "least", "nan", "precision", "sign",
    )  # fmt: skip

    def __init__(self, bits: int, precision: int) -> None:
        self.bits: Final = bits
        self.precision: Final = precision
        exponent_bits = bits - precision
        self.emin: Final = 2 - (1 << (exponent_bits - 1))
        self.least: Final = self.emin - (precision - 1)
        self.sign: Final = 1 << (bits - 1)
        self.inf: Final = ((1 << exponent_bits) - 1) << (precision - 1)
        #: the canonical NaN, positive: what every operation that makes a NaN gives
        self.nan: Final = self.inf | 1 << (precision - 2)
        #: bit pattern → Python float (exact; a NaN's payload may change)
        self.decode: Final[Callable[[int], float]] = _decoder(bits)
        #: Python float → bit pattern, rounded to nearest even, NaNs made canonical
        self.encode: Final[Callable[[float], int]] = _encode32 if bits == 32 else _encode64


_I32: Final = struct.Struct("<I")
_I64: Final = struct.Struct("<Q")
_F32: Final = struct.Struct("<f")
_F64: Final = struct.Struct("<d")


def _decoder(bits: int) -> Callable[[int], float]:
    pack, unpack = (_I32.pack, _F32.unpack) if bits == 32 else (_I64.pack, _F64.unpack)

    def decode(raw: int) -> float:
        value: float = unpack(pack(raw))[0]
        return value

    return decode


def _encode32(x: float) -> int:
    if x != x:
        return 0x7FC0_0000
    try:
        raw: int = _I32.unpack(_F32.pack(x))[0]
    except OverflowError:  # finite, but rounds to infinity
        return 0x7F80_0000 if x > 0 else 0xFF80_0000
    return raw


def _encode64(x: float) -> int:
    if x != x:
        return 0x7FF8_0000_0000_0000
    raw: int = _I64.unpack(_F64.pack(x))[0]
    return raw


F32: Final = Format(32, 24)
F64: Final = Format(64, 53)


@final
class Mode:
    """Rounding directions (IEEE 754, 4.3)."""

    NEAREST: Final = 0  # ties to even
    CEIL: Final = 1
    FLOOR: Final = 2
    TRUNC: Final = 3


def round_ratio(form: Format, n: int, d: int, mode: int) -> int:
    """The bit pattern of n/d rounded in the given direction; n = 0 gives +0. d is positive."""
    if n < 0:
        return form.sign | _round_magnitude(form, -n, d, mode, mode == Mode.FLOOR)
    return _round_magnitude(form, n, d, mode, mode == Mode.CEIL)


def _round_magnitude(form: Format, n: int, d: int, mode: int, away: bool) -> int:
    """n/d ≥ 0; `away` says that a directed mode goes away from zero here."""
    if n == 0:
        return 0
    exponent = n.bit_length() - d.bit_length()  # n/d lies in (2^(exponent-1), 2^(exponent+1))
    if n << max(0, -exponent) < d << max(0, exponent):
        exponent -= 1
    quantum = max(exponent - form.precision + 1, form.least)
    m, rest = divmod(n << max(0, -quantum), d << max(0, quantum))
    if mode == Mode.NEAREST:
        twice = 2 * rest
        scaled = d << max(0, quantum)
        m += twice > scaled or (twice == scaled and m & 1)
    elif away and rest:
        m += 1
    # A carry out of the fraction runs into the exponent, just as it should.
    raw = m + ((quantum - form.least) << (form.precision - 1))
    if raw >= form.inf:
        return form.inf if mode == Mode.NEAREST or away else form.inf - 1
    return raw


#: Exact results: operands in, the ratio out.
Exact = Callable[..., tuple[int, int]]


def exact_add(x: float, y: float) -> tuple[int, int]:
    """x + y as a ratio."""
    (a, b), (c, d) = x.as_integer_ratio(), y.as_integer_ratio()
    return a * d + c * b, b * d


def exact_mul(x: float, y: float) -> tuple[int, int]:
    """x · y as a ratio."""
    (a, b), (c, d) = x.as_integer_ratio(), y.as_integer_ratio()
    return a * c, b * d


def exact_div(x: float, y: float) -> tuple[int, int]:
    """x / y as a ratio, whose denominator is zero where y is."""
    (a, b), (c, d) = x.as_integer_ratio(), y.as_integer_ratio()
    return (a * d, b * c) if c >= 0 else (-a * d, -b * c)


def exact_sqrt(x: float) -> tuple[int, int]:
    """A ratio that rounds as the square root of x ≥ 0 does: 128 bits and a sticky one."""
    n, d = x.as_integer_ratio()
    scale = max(0, 256 - n.bit_length() + d.bit_length()) // 2
    root = isqrt((n << 2 * scale) // d)
    sticky = root * root * d != n << 2 * scale
    return 2 * root + sticky, 1 << (scale + 1)


def exact_same(x: float) -> tuple[int, int]:
    """x itself as a ratio."""
    return x.as_integer_ratio()


def fma(form: Format) -> Callable[[int, int, int], int]:
    """fma_N: x·y + z, rounded once."""

    def fused(a: int, b: int, c: int) -> int:
        x, y, z = form.decode(a), form.decode(b), form.decode(c)
        if not (isfinite(x) and isfinite(y) and isfinite(z)):
            # With finite factors the product is finite, whatever the rounded one would be.
            return form.encode(z if isfinite(x) and isfinite(y) else x * y + z)
        (xn, xd), (yn, yd), (zn, zd) = (v.as_integer_ratio() for v in (x, y, z))
        n = xn * yn * zd + zn * xd * yd
        if n == 0:  # the sign of an exact zero follows the rules of addition
            return form.encode(copysign(0.0, x) * copysign(1.0, y) + z if z == 0 else 0.0)
        return round_ratio(form, n, xd * yd * zd, Mode.NEAREST)

    return fused
