"""Numbers of the text format: shapes, ranges, and exactly one rounding."""

import random
import struct
from fractions import Fraction

import pytest

from wadjet.core.text.literals import floating, integer, is_integer, is_nat, is_number, nat


@pytest.mark.parametrize("token", ["0", "007", "1_000", "0x0", "0xAb_c"])
def test_naturals(token: str) -> None:
    assert is_nat(token)
    assert is_integer(f"-{token}")
    assert is_number(f"+{token}")


@pytest.mark.parametrize(
    "token", ["", "_1", "1_", "1__0", "0x", "0x_1", "0X1", "+", "-", "1-", "٣", "0b1", "1a"]
)
def test_no_numbers(token: str) -> None:
    assert not is_nat(token)
    assert not is_integer(token)
    assert not is_number(token)


@pytest.mark.parametrize(
    "token",
    ["1.", "1.5", "1e5", "1.e-5", "1.5E+5", "0x1.", "0x1.8p3", "0x1P-3", "inf", "nan", "nan:0x1"],
)
def test_floats(token: str) -> None:
    assert is_number(token)
    assert is_number(f"-{token}")
    assert not is_integer(token)


@pytest.mark.parametrize("token", [".5", "1._5", "1e", "1e1.", "0x1e+", "0x1.p", "nan:1", "nan:"])
def test_no_floats(token: str) -> None:
    assert not is_number(token)


def test_integer_ranges() -> None:
    assert nat("255", 8) == 255
    assert nat("256", 8) is None
    assert integer("0xffffffff", 32) == -1
    assert integer("0x80000000", 32) == -(1 << 31)
    assert integer("-0x80000000", 32) == -(1 << 31)
    assert integer("+0x7fff_ffff", 32) == (1 << 31) - 1
    assert integer("-0x80000001", 32) is None
    assert integer("4294967296", 32) is None
    assert integer("-128", 8) == -128
    assert integer("-129", 8) is None
    assert nat("0" * 5000 + "7", 32) == 7
    assert nat("9" * 5000, 64) is None
    assert integer("-" + "9" * 5000, 64) is None


@pytest.mark.parametrize(
    ("token", "f32", "f64"),
    [
        ("0", 0, 0),
        ("-0", 1 << 31, 1 << 63),
        ("-0x0p0", 1 << 31, 1 << 63),
        ("1", 0x3F800000, 0x3FF0000000000000),
        ("1_0.2_5", 0x41240000, 0x4024800000000000),
        ("inf", 0x7F800000, 0x7FF0000000000000),
        ("-inf", 0xFF800000, 0xFFF0000000000000),
        ("nan", 0x7FC00000, 0x7FF8000000000000),
        ("-nan:0x1", 0xFF800001, 0xFFF0000000000001),
        ("nan:0x0", None, None),
        ("nan:0x80_0000", None, 0x7FF0000000800000),
        ("1e39", None, 0x48078287F49C4A1D),
        ("1e400", None, None),
        ("0e99999999999999999999", 0, 0),
        ("1e99999999999999999999", None, None),
        ("1e-99999999999999999999", 0, 0),
        ("0x1p99999999999999999999", None, None),
        ("0x1p-99999999999999999999", 0, 0),
        # the largest f32, the tie beyond it, and just below that tie
        ("0x1.fffffep127", 0x7F7FFFFF, 0x47EFFFFFE0000000),
        ("0x1.ffffffp127", None, 0x47EFFFFFF0000000),
        ("0x1.fffffefffffffffffp127", 0x7F7FFFFF, 0x47EFFFFFF0000000),
        ("340282356779733661637539395458142568447.9999", 0x7F7FFFFF, 0x47EFFFFFF0000000),
        ("340282356779733661637539395458142568448", None, 0x47EFFFFFF0000000),
        # half of the least subnormal is a tie to zero; anything more is not
        ("0x1p-150", 0, 0x3690000000000000),
        ("0x1.00000000000000001p-150", 1, 0x3690000000000000),
        ("0x1p-1075", 0, 0),
        ("0x1.00000000000000001p-1075", 0, 1),
    ],
)
def test_float_bits(token: str, f32: int | None, f64: int | None) -> None:
    assert floating(token, 32) == f32
    assert floating(token, 64) == f64


def test_ties_are_rounded_once() -> None:
    """Decimal numbers on, just above and just below the middle of two f32."""
    rng = random.Random(3)
    for _ in range(3000):
        low = rng.randrange(0, 0x7F7FFFFF)
        here: float = struct.unpack("<f", struct.pack("<I", low))[0]
        there: float = struct.unpack("<f", struct.pack("<I", low + 1))[0]
        middle = (Fraction(here) + Fraction(there)) / 2
        power = middle.denominator.bit_length() - 1
        digits = middle.numerator * 5**power
        zeros = "0" * rng.choice((1, 30, 900, 4000))
        even = low + (low & 1)
        assert floating(f"{digits}e-{power}", 32) == even
        assert floating(f"{digits}{zeros}e-{power + len(zeros)}", 32) == even
        assert floating(f"{digits}{zeros}1e-{power + len(zeros) + 1}", 32) == low + 1
        below = f"{digits - 1}9{zeros.replace('0', '9')}e-{power + len(zeros) + 1}"
        assert floating(below, 32) == low


def test_long_numbers_are_quick() -> None:
    assert floating("0." + "0" * 100_000 + "1e100000", 64) == floating("0.1", 64)
    assert floating("1" * 100_000, 64) is None
    assert floating("0x0." + "0" * 100_000 + "1p400004", 32) == floating("1", 32)
