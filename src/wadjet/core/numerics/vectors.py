"""128-bit vectors (spec 4.3.5). A v128 is one int, lane 0 in its lowest bits.

Most instructions are a scalar operation on every lane: `lanewise` lifts a function of lanes to
vectors. Immediates (lane indices) come after the operands.
"""

import struct
from collections.abc import Callable, Iterable, Sequence
from typing import Final

from wadjet.core.numerics import floats, integers
from wadjet.core.numerics.conversions import convert_int, ftrunc_sat
from wadjet.core.numerics.floats import resize
from wadjet.core.numerics.integers import Family, Numeric, saturate, signed
from wadjet.core.numerics.rounding import F32, F64, Format

_FORMATS: Final = {n: struct.Struct(f"<{128 // n}{c}") for n, c in zip((8, 16, 32, 64), "BHIQ")}
_FORMATS_S: Final = {n: struct.Struct(f"<{128 // n}{c}") for n, c in zip((8, 16, 32, 64), "bhiq")}

Split = Callable[[int], tuple[int, ...]]
Join = Callable[[Iterable[int]], int]


def _splitter(form: struct.Struct) -> Split:
    unpack = form.unpack

    def split(v: int) -> tuple[int, ...]:
        lanes: tuple[int, ...] = unpack(v.to_bytes(16, "little"))
        return lanes

    return split


def _joiner(form: struct.Struct) -> Join:
    pack = form.pack
    return lambda lanes: int.from_bytes(pack(*lanes), "little")


#: width → lanes of a vector as patterns, as signed numbers, and back from patterns or numbers
SPLIT: Final = {n: _splitter(form) for n, form in _FORMATS.items()}
SPLIT_S: Final = {n: _splitter(form) for n, form in _FORMATS_S.items()}
JOIN: Final = {n: _joiner(form) for n, form in _FORMATS.items()}
JOIN_S: Final = {n: _joiner(form) for n, form in _FORMATS_S.items()}

_ALL_ONES: Final = (1 << 128) - 1


def lanewise(n: int, f: Numeric) -> Numeric:
    """The vector operation that applies f to each lane of N bits, of one to three operands."""
    split, join = SPLIT[n], JOIN[n]
    return lambda *vectors: join(map(f, *map(split, vectors)))


def mask(n: int, relation: Numeric) -> Numeric:
    """A comparison of lanes: all ones where it holds, else zero."""
    ones = (1 << n) - 1
    return lanewise(n, lambda a, b: ones if relation(a, b) else 0)


def shift(n: int, f: Numeric) -> Numeric:
    """A shift of every lane by one scalar."""
    split, join = SPLIT[n], JOIN[n]
    return lambda v, count: join(f(lane, count) for lane in split(v))


def signed_lanes(n: int, f: Numeric) -> Numeric:
    """A lanewise operation whose operands and result are signed numbers."""
    split, join = SPLIT_S[n], JOIN_S[n]
    return lambda *vectors: join(map(f, *map(split, vectors)))


# Families of lanes that scalars do not have.


def iabs(n: int) -> Numeric:
    """Absolute value; the least number stays what it is."""
    number = signed(n)
    return lambda a: abs(number(a))  # the absolute value of the least number is its own pattern


def ineg(n: int) -> Numeric:
    """Negation modulo 2^N."""
    ones = (1 << n) - 1
    return lambda a: -a & ones


def imin_u(n: int) -> Numeric:
    """The lesser, unsigned."""
    return lambda a, b: a if a < b else b


def imax_u(n: int) -> Numeric:
    """The greater, unsigned."""
    return lambda a, b: a if a > b else b


def imin_s(n: int) -> Numeric:
    """The lesser, signed."""
    sign = 1 << (n - 1)
    return lambda a, b: a if a ^ sign < b ^ sign else b


def imax_s(n: int) -> Numeric:
    """The greater, signed."""
    sign = 1 << (n - 1)
    return lambda a, b: a if a ^ sign > b ^ sign else b


def iadd_sat_u(n: int) -> Numeric:
    """Sum, at most 2^N - 1."""
    top = (1 << n) - 1
    return lambda a, b: min(a + b, top)


def isub_sat_u(n: int) -> Numeric:
    """Difference, at least 0."""
    return lambda a, b: max(a - b, 0)


def iavgr_u(n: int) -> Numeric:
    """Mean, halves rounded up."""
    return lambda a, b: (a + b + 1) >> 1


_LANES: Final[dict[str, Family]] = {
    "abs": iabs, "neg": ineg, "min_s": imin_s, "min_u": imin_u, "max_s": imax_s, "max_u": imax_u,
    "add_sat_u": iadd_sat_u, "sub_sat_u": isub_sat_u, "avgr_u": iavgr_u,
}  # fmt: skip
_SHIFTS: Final[dict[str, Family]] = {
    "shl": integers.ishl, "shr_s": integers.ishr_s, "shr_u": integers.ishr_u,
}  # fmt: skip


def _sat_s(n: int) -> Numeric:
    return saturate(-(1 << (n - 1)), (1 << (n - 1)) - 1)


def add_sat_s(n: int) -> Numeric:
    """Signed sums of lanes, saturated."""
    sat = _sat_s(n)
    return signed_lanes(n, lambda a, b: sat(a + b))


def sub_sat_s(n: int) -> Numeric:
    """Signed differences of lanes, saturated."""
    sat = _sat_s(n)
    return signed_lanes(n, lambda a, b: sat(a - b))


def _q15mulr_sat(a: int, b: int) -> int:
    """The product of two signed fractions, rounded; only -1·-1 exceeds and saturates."""
    return min((a * b + 0x4000) >> 15, 0x7FFF)


def all_true(n: int) -> Numeric:
    """Are all lanes other than zero?"""
    split = SPLIT[n]
    return lambda v: 1 if all(split(v)) else 0


def bitmask(n: int) -> Numeric:
    """The sign bits of the lanes, lane 0 lowest."""
    split = SPLIT_S[n]
    return lambda v: sum(1 << i for i, lane in enumerate(split(v)) if lane < 0)


def narrow(n: int, sign: bool) -> Numeric:
    """Two vectors of signed 2N-bit lanes saturated into one of N-bit lanes."""
    split, join = SPLIT_S[2 * n], (JOIN_S if sign else JOIN)[n]
    clamp = _sat_s(n) if sign else saturate(0, (1 << n) - 1)
    return lambda a, b: join(map(clamp, split(a) + split(b)))


def _source(n: int, sign: bool) -> Split:
    return (SPLIT_S if sign else SPLIT)[n]


def _half(n: int, high: bool) -> slice:
    """The low or the high half of the lanes of N bits."""
    count = 64 // n
    return slice(count, 2 * count) if high else slice(0, count)


def extend(n: int, sign: bool, high: bool) -> Numeric:
    """One half of the N-bit lanes, widened to 2N bits."""
    split, join, half = _source(n, sign), (JOIN_S if sign else JOIN)[2 * n], _half(n, high)
    return lambda v: join(split(v)[half])


def extmul(n: int, sign: bool, high: bool) -> Numeric:
    """Products of one half of the N-bit lanes, exact in 2N bits."""
    split, join, half = _source(n, sign), (JOIN_S if sign else JOIN)[2 * n], _half(n, high)
    return lambda a, b: join(x * y for x, y in zip(split(a)[half], split(b)[half]))


def _pairs(lanes: Sequence[int]) -> Iterable[tuple[int, int]]:
    return zip(lanes[::2], lanes[1::2])


def extadd_pairwise(n: int, sign: bool) -> Numeric:
    """Sums of neighbouring N-bit lanes, exact in 2N bits."""
    split, join = _source(n, sign), (JOIN_S if sign else JOIN)[2 * n]
    return lambda v: join(x + y for x, y in _pairs(split(v)))


def _dot_i16x8_s(a: int, b: int) -> int:
    """Sums of neighbouring products; only (-2^15)² + (-2^15)² wraps."""
    products = [x * y for x, y in zip(SPLIT_S[16](a), SPLIT_S[16](b))]
    return JOIN[32]((x + y) & 0xFFFF_FFFF for x, y in _pairs(products))


def _swizzle(v: int, indices: int) -> int:
    lanes = v.to_bytes(16, "little")
    chosen = bytes(lanes[i] if i < 16 else 0 for i in indices.to_bytes(16, "little"))
    return int.from_bytes(chosen, "little")


def _shuffle(a: int, b: int, lanes: Sequence[int]) -> int:
    both = a.to_bytes(16, "little") + b.to_bytes(16, "little")
    return int.from_bytes(bytes(both[i] for i in lanes), "little")


def splat(n: int) -> Numeric:
    """One scalar in every lane; of a wider scalar, its low N bits."""
    ones = (1 << n) - 1
    each = sum(1 << i for i in range(0, 128, n))
    return lambda x: (x & ones) * each


def extract_lane(n: int, result: int | None = None) -> Numeric:
    """A lane as it is, or sign extended to `result` bits."""
    ones = (1 << n) - 1
    if result is None:
        return lambda v, lane: v >> lane * n & ones
    widen = integers.iextend(result, n)
    return lambda v, lane: widen(v >> lane * n)


def replace_lane(n: int) -> Numeric:
    """The vector with one lane replaced by the low N bits of a scalar."""
    ones = (1 << n) - 1

    def replace(v: int, x: int, lane: int) -> int:
        at = lane * n
        return (v & ~(ones << at)) | (x & ones) << at

    return replace


def _low(n: int, m: int, f: Numeric) -> Numeric:
    """f from the low lanes of N bits to lanes of M bits; the rest, if any, is zero."""
    split, join, count = SPLIT[n], JOIN[m], min(128 // n, 128 // m)
    zeros = [0] * (128 // m - count)
    return lambda v: join([*map(f, split(v)[:count]), *zeros])


def _shapes() -> dict[str, Numeric]:
    """Instructions that every integer shape may have (rows decide which do)."""
    table: dict[str, Numeric] = {}
    for n in (8, 16, 32, 64):
        shape = f"i{n}x{128 // n}"
        for name, family in (integers.ARITHMETIC | _LANES).items():
            table[f"{shape}.{name}"] = lanewise(n, family(n))
        for name, family in integers.RELATIONS.items():
            table[f"{shape}.{name}"] = mask(n, family(n))
        for name, family in _SHIFTS.items():
            table[f"{shape}.{name}"] = shift(n, family(n))
        table[f"{shape}.add_sat_s"] = add_sat_s(n)
        table[f"{shape}.sub_sat_s"] = sub_sat_s(n)
        table[f"{shape}.all_true"] = all_true(n)
        table[f"{shape}.bitmask"] = bitmask(n)
        table[f"{shape}.splat"] = splat(n)
        table[f"{shape}.extract_lane"] = table[f"{shape}.extract_lane_u"] = extract_lane(n)
        table[f"{shape}.extract_lane_s"] = extract_lane(n, 32)
        table[f"{shape}.replace_lane"] = replace_lane(n)
    return table


def _widths() -> dict[str, Numeric]:
    """Instructions between lanes of N and of 2N bits."""
    table: dict[str, Numeric] = {}
    for n in (8, 16, 32):
        small, wide = f"i{n}x{128 // n}", f"i{2 * n}x{64 // n}"
        for suffix, sign in (("s", True), ("u", False)):
            table[f"{small}.narrow_{wide}_{suffix}"] = narrow(n, sign)
            table[f"{wide}.extadd_pairwise_{small}_{suffix}"] = extadd_pairwise(n, sign)
            for word, high in (("low", False), ("high", True)):
                table[f"{wide}.extend_{word}_{small}_{suffix}"] = extend(n, sign, high)
                table[f"{wide}.extmul_{word}_{small}_{suffix}"] = extmul(n, sign, high)
    return table


def _float_shape(shape: str, form: Format) -> dict[str, Numeric]:
    n = form.bits
    table = {f"{shape}.{k}": lanewise(n, f) for k, f in floats.arithmetic(form).items()}
    table |= {f"{shape}.{k}": mask(n, f) for k, f in floats.relations(form).items()}
    table[f"{shape}.splat"] = splat(n)
    table[f"{shape}.extract_lane"] = extract_lane(n)
    table[f"{shape}.replace_lane"] = replace_lane(n)
    return table


def _conversions() -> dict[str, Numeric]:
    table: dict[str, Numeric] = {
        "f32x4.demote_f64x2_zero": _low(64, 32, resize(F64, F32)),
        "f64x2.promote_low_f32x4": _low(32, 64, resize(F32, F64)),
    }
    for suffix, sign in (("s", True), ("u", False)):
        table[f"i32x4.trunc_sat_f32x4_{suffix}"] = _low(32, 32, ftrunc_sat(F32, 32, sign))
        table[f"i32x4.trunc_sat_f64x2_{suffix}_zero"] = _low(64, 32, ftrunc_sat(F64, 32, sign))
        table[f"f32x4.convert_i32x4_{suffix}"] = _low(32, 32, convert_int(32, sign, F32))
        table[f"f64x2.convert_low_i32x4_{suffix}"] = _low(32, 64, convert_int(32, sign, F64))
    return table


def instructions() -> dict[str, Numeric]:
    """Mnemonic → function, for every pure instruction of fixed-width SIMD."""
    whole: dict[str, Numeric] = {
        "v128.not": integers.inot(128),
        "v128.and": integers.iand(128),
        "v128.andnot": integers.iandnot(128),
        "v128.or": integers.ior(128),
        "v128.xor": integers.ixor(128),
        "v128.bitselect": integers.ibitselect(128),
        "v128.any_true": lambda v: 1 if v else 0,
        "i8x16.swizzle": _swizzle,
        "i8x16.shuffle": _shuffle,
        "i16x8.q15mulr_sat_s": signed_lanes(16, _q15mulr_sat),
        "i32x4.dot_i16x8_s": _dot_i16x8_s,
    }
    shapes = _shapes() | _widths() | _conversions() | whole
    return shapes | _float_shape("f32x4", F32) | _float_shape("f64x2", F64)
