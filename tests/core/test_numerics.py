"""The numerics against rows, laws and known corners (hardware results: tests/diff)."""

import struct
from fractions import Fraction
from math import inf, nextafter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wadjet.base.errors import Trap
from wadjet.core.numerics import DETERMINISTIC, NUMERICS, PAIRS
from wadjet.core.numerics.rounding import F32, F64, Format, Mode, round_ratio
from wadjet.core.opcodes import BY_NAME, ROWS, Row
from wadjet.core.types import NumType

#: rows of numbers alone that mean more than a pure function of operands and lanes
IMPURE = {"nop", "memory.size", "memory.grow", "memory.init", "memory.fill", "table.size"}
IMPURE |= {"data.drop", "elem.drop", "atomic.fence"}


def run(name: str, *args: object) -> int:
    return NUMERICS[BY_NAME[name][0].op](*args)


def is_pure(r: Row) -> bool:
    """Numbers in, numbers out, and nothing else than the row tells."""
    if r.params is None or r.results is None or r.natural or r.mnemonic in IMPURE:
        return False
    types = [*r.params, *r.results]
    return all(isinstance(t, NumType) for t in types) and not r.mnemonic.endswith(".const")


def test_every_pure_row_has_exactly_one_function() -> None:
    pure = {r.op for r in ROWS if is_pure(r)}
    assert pure == NUMERICS.keys() | PAIRS.keys()
    assert not NUMERICS.keys() & PAIRS.keys()
    assert DETERMINISTIC.keys() < NUMERICS.keys()


@pytest.mark.parametrize("r", [r for r in ROWS if r.op in NUMERICS], ids=lambda r: r.mnemonic)
def test_results_are_patterns_of_the_result_type(r: Row) -> None:
    imm: list[object] = [0] if r.lanes else [bytes(range(16))] if r.immediates else []
    for seed in (0, 1, 0x7F, (1 << 128) - 1, 0x8040_2010_0804_0201_8040_2010_0804_0201):
        args = [seed & ((1 << 8 * t.size) - 1) for t in r.params]
        try:
            result = NUMERICS[r.op](*args, *imm)
        except Trap:
            continue
        assert type(result) is int
        assert 0 <= result < 1 << 8 * r.results[0].size


@pytest.mark.parametrize(
    ("name", "args", "words"),
    [
        ("i32.div_s", (1, 0), "integer divide by zero"),
        ("i32.div_u", (1, 0), "integer divide by zero"),
        ("i64.rem_s", (1, 0), "integer divide by zero"),
        ("i64.rem_u", (1, 0), "integer divide by zero"),
        ("i32.div_s", (1 << 31, (1 << 32) - 1), "integer overflow"),
        ("i32.trunc_f32_s", (0x7FC0_0000,), "invalid conversion to integer"),
        ("i32.trunc_f32_s", (0x7F80_0000,), "integer overflow"),
        ("i32.trunc_f32_u", (0xBF80_0000,), "integer overflow"),
        ("i64.trunc_f64_s", (0x43E0_0000_0000_0000,), "integer overflow"),
    ],
)
def test_traps(name: str, args: tuple[int, ...], words: str) -> None:
    with pytest.raises(Trap) as info:
        run(name, *args)
    assert info.value.message == words


def test_remainder_of_the_least_number_does_not_trap() -> None:
    assert run("i32.rem_s", 1 << 31, (1 << 32) - 1) == 0


@pytest.mark.parametrize(
    ("name", "args", "expected"),
    [
        ("f32.add", (0x7F80_0000, 0xFF80_0000), 0x7FC0_0000),  # ∞ - ∞: the canonical NaN
        ("f32.add", (0xFFC0_1234, 0), 0x7FC0_0000),  # a payload does not survive arithmetic
        ("f32.neg", (0x7FC0_1234,), 0xFFC0_1234),  # but it does survive sign operations
        ("f32.min", (0, 0x8000_0000), 0x8000_0000),
        ("f32.max", (0x8000_0000, 0), 0),
        ("f64.nearest", (0x3FE0_0000_0000_0000,), 0),
        ("f64.nearest", (0xBFE0_0000_0000_0000,), 0x8000_0000_0000_0000),
        ("f64.ceil", (0xBFE0_0000_0000_0000,), 0x8000_0000_0000_0000),
        ("f32.convert_i64_u", (0x8000_0080_0000_0001,), 0x5F00_0001),  # rounded twice: …00
        ("f32.demote_f64", (0x47EF_FFFF_F000_0000,), 0x7F80_0000),
        ("f32.sub_floor", (0x3F80_0000, 0x3F80_0000), 0x8000_0000),
        ("f32.sub_ceil", (0x3F80_0000, 0x3F80_0000), 0),
        ("f32.add_floor", (0, 0), 0),
        ("f64.mul_trunc", (0x7FE0_0000_0000_0000,) * 2, 0x7FEF_FFFF_FFFF_FFFF),
        ("f32.div_ceil", (0x3F80_0000, 0), 0x7F80_0000),
        ("i32x4.dot_i16x8_s", ((1 << 128) // 0xFFFF * 0x8000,) * 2, (1 << 128) // 0xFFFFFFFF << 31),
    ],
)
def test_corners(name: str, args: tuple[int, ...], expected: int) -> None:
    assert run(name, *args) == expected


def test_wide_arithmetic_carries_between_halves() -> None:
    ones = (1 << 64) - 1
    ops = {r.mnemonic: PAIRS[r.op] for r in ROWS if r.op in PAIRS}
    assert ops["i64.add128"](ones, 0, 1, 0) == (0, 1)
    assert ops["i64.sub128"](0, 0, 1, 0) == (ones, ones)
    assert ops["i64.mul_wide_u"](ones, ones) == (1, ones - 1)
    assert ops["i64.mul_wide_s"](ones, 2) == (ones - 1, ones)


def test_multiply_add_is_fused_and_the_deterministic_profile_is_not() -> None:
    op = BY_NAME["f64x2.relaxed_madd"][0].op
    x, minus_square = F64.encode(1 + 2**-30), F64.encode(-(1 + 2**-29))
    assert F64.decode(NUMERICS[op](x, x, minus_square) & (1 << 64) - 1) == 2**-60
    assert DETERMINISTIC[op](x, x, minus_square) == 0


def neighbours(form: Format, x: float) -> tuple[float, float]:
    """The numbers of the format just below and above x, which is one of them."""
    if form is F64:
        return nextafter(x, -inf), nextafter(x, inf)
    raw = form.encode(abs(x))
    low, high = form.decode(raw - 1) if raw else -(2.0**-149), form.decode(raw + 1)
    return (low, high) if x >= 0 else (-high, -low)


ratios = st.fractions(min_value=Fraction(2) ** -140, max_value=Fraction(2) ** 120)


@pytest.mark.parametrize("form", [F32, F64], ids=["f32", "f64"])
@given(value=ratios, negative=st.booleans())
def test_rounding_brackets_the_exact_value(form: Format, value: Fraction, negative: bool) -> None:
    exact = -value if negative else value
    down, up, nearest, towards_zero = (
        form.decode(round_ratio(form, exact.numerator, exact.denominator, mode))
        for mode in (Mode.FLOOR, Mode.CEIL, Mode.NEAREST, Mode.TRUNC)
    )
    assert Fraction(down) <= exact <= Fraction(up)
    assert down == up == exact or neighbours(form, down)[1] == up
    assert abs(Fraction(nearest) - exact) == min(exact - Fraction(down), Fraction(up) - exact)
    assert towards_zero == (up if negative else down)


@given(st.floats(width=64))
def test_nearest_rounding_is_the_hardwares(x: float) -> None:
    raw = struct.unpack("<Q", struct.pack("<d", x))[0]
    if x - x == 0 and x != 0:
        ratio = x.as_integer_ratio()
        assert round_ratio(F64, *ratio, Mode.NEAREST) == raw
        assert round_ratio(F32, *ratio, Mode.NEAREST) == run("f32.demote_f64", raw)


@given(st.integers(0, (1 << 128) - 1), st.integers(0, (1 << 128) - 1))
def test_lanes_agree_with_scalars(a: int, b: int) -> None:
    relations = {"i32.lt_s", "f64.le"}
    for name in ["i32.add", "i64.mul", "f32.add", "f64.div", "f32.min", *relations]:
        scalar = BY_NAME[name][0]
        n = 8 * scalar.params[0].size
        vector = run(f"{name[0]}{n}x{128 // n}{name[3:]}", a, b)
        ones = (1 << n) - 1
        for at in range(0, 128, n):
            expected = run(name, a >> at & ones, b >> at & ones)
            assert vector >> at & ones == (-expected & ones if name in relations else expected)
