"""Relaxed SIMD (spec 4.3.6): one fixed choice wherever the standard leaves one.

The choice is everywhere that of the deterministic profile, which makes the instructions equal to
their strict relatives, but for one: multiply-add is fused. It exists for the sake of the fused
instruction, which every compiler therefore emits where the hardware has it; `DETERMINISTIC` holds
the unfused variants that the profile prescribes.
"""

from wadjet.core.numerics import integers, vectors
from wadjet.core.numerics.floats import arithmetic
from wadjet.core.numerics.integers import Numeric
from wadjet.core.numerics.rounding import F32, F64, Format, fma
from wadjet.core.numerics.vectors import JOIN, SPLIT_S, lanewise
from wadjet.core.relaxed import TWINS

_FORMATS = {"f32x4": F32, "f64x2": F64}


def _unfused(form: Format) -> Numeric:
    plus, times = arithmetic(form)["add"], arithmetic(form)["mul"]
    return lambda a, b, c: plus(times(a, b), c)


def _multiply_add(form: Format, madd: Numeric) -> tuple[Numeric, Numeric]:
    """relaxed_madd a·b + c, and relaxed_nmadd -a·b + c."""
    sign = form.sign
    return lanewise(form.bits, madd), lanewise(form.bits, lambda a, b, c: madd(a ^ sign, b, c))


def _dot(a: int, b: int) -> int:
    """Signed bytes times signed bytes (of which only seven bits are meant to be used), added in
    pairs, saturated to 16 bits."""
    products = [x * y for x, y in zip(SPLIT_S[8](a), SPLIT_S[8](b))]
    clamp = integers.saturate(-0x8000, 0x7FFF)
    return vectors.JOIN_S[16](clamp(x + y) for x, y in zip(products[::2], products[1::2]))


def _dot_add(a: int, b: int, c: int) -> int:
    """`_dot`, its results added in pairs to the lanes of c, wrapping at 32 bits."""
    sums = SPLIT_S[16](_dot(a, b))
    rows = zip(sums[::2], sums[1::2], SPLIT_S[32](c))
    return JOIN[32](x + y + z & 0xFFFF_FFFF for x, y, z in rows)


def relaxed(strict: dict[str, Numeric]) -> dict[str, Numeric]:
    """Mnemonic → function, given the table of the strict instructions."""
    table = {name: strict[twin] for name, twin in TWINS.items()}
    table["i16x8.relaxed_dot_i8x16_i7x16_s"] = _dot
    table["i32x4.relaxed_dot_i8x16_i7x16_add_s"] = _dot_add
    for shape, form in _FORMATS.items():
        madd, nmadd = _multiply_add(form, fma(form))
        table[f"{shape}.relaxed_madd"], table[f"{shape}.relaxed_nmadd"] = madd, nmadd
    return table


def unfused() -> dict[str, Numeric]:
    """The multiply-adds of the deterministic profile, which round twice."""
    table: dict[str, Numeric] = {}
    for shape, form in _FORMATS.items():
        madd, nmadd = _multiply_add(form, _unfused(form))
        table[f"{shape}.relaxed_madd"], table[f"{shape}.relaxed_nmadd"] = madd, nmadd
    return table
