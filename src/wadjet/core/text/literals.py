"""The only place that turns numbers of the text format into bits (spec 6.3.1, 6.3.2).

Integers become plain ints; floats become bit patterns, rounded exactly once to nearest even.
Each function takes a token and returns None where its value is out of range; whether the token
has the shape of a number at all is asked first, with `is_integer` and `is_number`.
"""

import re
import struct
from typing import Final

_NUM: Final = r"[0-9]+(?:_[0-9]+)*"
_HEX: Final = r"[0-9a-fA-F]+(?:_[0-9a-fA-F]+)*"
_NAT: Final = re.compile(rf"{_NUM}|0x{_HEX}")
_INTEGER: Final = re.compile(rf"[+-]?(?:{_NUM}|0x{_HEX})")
_NUMBER: Final = re.compile(
    rf"[+-]?(?:{_NUM}(?:\.(?:{_NUM})?)?(?:[eE][+-]?{_NUM})?"
    rf"|0x{_HEX}(?:\.(?:{_HEX})?)?(?:[pP][+-]?{_NUM})?|inf|nan(?::0x{_HEX})?)"
)

#: width in bits → (bits of precision, exponent of the least subnormal)
_FORMATS: Final = {32: (24, -149), 64: (53, -1074)}
#: longer digit strings than this are out of every range once leading zeros are gone
_DIGITS: Final = 40
#: exponents beyond this decide by themselves (digits of the mantissa are added to it)
_FAR: Final = 2000
#: no tie between two floats has more decimal digits than this
_EXACT: Final = 800


def is_nat(token: str) -> bool:
    """Whether the token is a natural number, as indices are."""
    return _NAT.fullmatch(token) is not None


def is_integer(token: str) -> bool:
    """Whether the token is an integer, with or without a sign."""
    return _INTEGER.fullmatch(token) is not None


def is_number(token: str) -> bool:
    """Whether the token is a number of any form."""
    return _NUMBER.fullmatch(token) is not None


def nat(token: str, bits: int) -> int | None:
    """An unsigned integer below 2^bits."""
    value = _magnitude(token)
    return value if value is not None and value >> bits == 0 else None


def integer(token: str, bits: int) -> int | None:
    """An integer of either signedness, in signed form."""
    if token[0] == "-":
        value = _magnitude(token[1:])
        return None if value is None or value > 1 << bits - 1 else -value
    value = _magnitude(token[1:] if token[0] == "+" else token)
    if value is None or value >> bits:
        return None
    return value if value >> bits - 1 == 0 else value - (1 << bits)


def _magnitude(token: str) -> int | None:
    """The value of a natural number, None if it is far out of any range."""
    if len(token) <= _DIGITS:
        return int(token, 16 if token[1:2] == "x" else 10)
    base, digits = (16, token[2:]) if token[1:2] == "x" else (10, token)
    digits = digits.replace("_", "").lstrip("0")
    return int(digits or "0", base) if len(digits) <= _DIGITS else None


def floating(token: str, bits: int) -> int | None:
    """The bit pattern of a float of 32 or 64 bits."""
    sign = 1 << bits - 1 if token[0] == "-" else 0
    body = token[1:] if token[0] in "+-" else token
    if body[0] in "in":
        special = _special(body, bits)
        return None if special is None else special | sign
    magnitude = _magnitude_float(body.replace("_", ""), bits)
    return None if magnitude is None else magnitude | sign


def _special(body: str, bits: int) -> int | None:
    precision, _ = _FORMATS[bits]
    infinity = ((1 << bits - precision) - 1) << precision - 1
    if body == "inf":
        return infinity
    if body == "nan":
        return infinity | 1 << precision - 2
    payload = nat(body[4:], precision - 1)
    return infinity | payload if payload else None


def _magnitude_float(body: str, bits: int) -> int | None:
    """Fast where the host's own conversion is exact, by integers where it might round twice."""
    hexadecimal = body[1:2] == "x"
    try:
        value = float.fromhex(body) if hexadecimal else float(body)
    except OverflowError:
        return None
    if bits == 64:
        pattern: int = struct.unpack("<Q", struct.pack("<d", value))[0]
        return pattern if pattern < 0x7FF0000000000000 else None
    if _near_tie(value):
        numerator, denominator = _hex_ratio(body) if hexadecimal else _ratio(body)
        return _round(numerator, denominator, bits)
    return int(struct.unpack("<I", struct.pack("<f", value))[0])


def _near_tie(value: float) -> bool:
    """Whether a double lies just between two f32, or too high: then rounding again may err."""
    if value > 3.4028234663852886e38:
        return True
    nearest: int = struct.unpack("<I", struct.pack("<f", value))[0]
    here: float = struct.unpack("<f", struct.pack("<I", nearest))[0]
    if here == value:
        return value == 0.0
    other = nearest + 1 if value > here else nearest - 1
    if other == 0x7F800000:
        return True
    there: float = struct.unpack("<f", struct.pack("<I", other))[0]
    return here + there == value * 2


def _ratio(body: str) -> tuple[int, int]:
    """A decimal float as numerator and denominator, far exponents brought near."""
    mantissa, _, exponent = body.lower().partition("e")
    whole, _, fraction = mantissa.partition(".")
    digits = (whole + fraction).lstrip("0")
    power = _exponent(exponent) - len(fraction)
    if not digits or power + len(digits) < -_FAR:
        return 0, 1
    if power + len(digits) > _FAR:
        return 1 << _FAR, 1
    if len(digits) > _EXACT:
        # what follows can only tell a tie from what lies beyond it
        power += len(digits) - _EXACT - 1
        digits = digits[:_EXACT] + ("1" if digits[_EXACT:].strip("0") else "0")
    return _scaled(int(digits), 10, power)


def _hex_ratio(body: str) -> tuple[int, int]:
    mantissa, _, exponent = body[2:].lower().partition("p")
    whole, _, fraction = mantissa.partition(".")
    digits = (whole + fraction).lstrip("0")
    power = _exponent(exponent) - 4 * len(fraction)
    if not digits or power + 4 * len(digits) < -_FAR:
        return 0, 1
    if power + 4 * len(digits) > _FAR:
        return 1 << _FAR, 1
    return _scaled(int(digits, 16), 2, power)


def _exponent(text: str) -> int:
    """A decimal exponent; one that is absurdly large stays just that."""
    digits = text.lstrip("+-").lstrip("0")
    value = int(digits or "0") if len(digits) < 15 else 10**15
    return -value if text.startswith("-") else value


def _scaled(mantissa: int, base: int, power: int) -> tuple[int, int]:
    return (mantissa * base**power, 1) if power >= 0 else (mantissa, base**-power)


def _round(numerator: int, denominator: int, bits: int) -> int | None:
    """The nearest float to a non-negative ratio, ties to even; None beyond the largest."""
    precision, least = _FORMATS[bits]
    if numerator == 0:
        return 0
    exponent = max(numerator.bit_length() - denominator.bit_length() - precision, least)
    quotient, rest, divisor = _divide(numerator, denominator, exponent)
    if quotient.bit_length() > precision:
        exponent += 1
        quotient, rest, divisor = _divide(numerator, denominator, exponent)
    if rest * 2 > divisor or (rest * 2 == divisor and quotient & 1):
        quotient += 1
    # a carry out of the mantissa flows into the exponent field by itself
    pattern = quotient + (exponent - least << precision - 1)
    return pattern if pattern < ((1 << bits - precision) - 1) << precision - 1 else None


def _divide(numerator: int, denominator: int, exponent: int) -> tuple[int, int, int]:
    """numerator / (denominator × 2^exponent) as quotient, remainder and divisor."""
    if exponent >= 0:
        denominator <<= exponent
    else:
        numerator <<= -exponent
    quotient, rest = divmod(numerator, denominator)
    return quotient, rest, denominator
