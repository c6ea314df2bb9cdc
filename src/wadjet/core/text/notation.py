"""The only place that says how a number or a string is written down (spec 6.3, printed).

Everything here re-reads as exactly the bits it was made from: floats as the shortest decimal that
does, NaNs with their payload, strings with every byte accounted for.
"""

import struct
from typing import Final

#: the distance between the two greatest finite binary32 numbers
_LAST_STEP: Final = 2.0**104
_IDCHARS: Final = frozenset(
    "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz!#$%&'*+-./:<=>?@\\^_`|~"
)
_ESCAPES: Final = {0x09: "\\t", 0x0A: "\\n", 0x0D: "\\r", 0x22: '\\"', 0x5C: "\\\\"}
#: every byte of a data string, as written (`str.translate` over its Latin-1 decoding)
_BYTES: Final = {
    byte: _ESCAPES.get(byte) or (chr(byte) if 0x20 <= byte < 0x7F else f"\\{byte:02x}")
    for byte in range(256)
}


def identifier(name: str) -> str:
    """`$name`, quoted where it holds characters that plain identifiers may not (spec 6.3.5)."""
    return f"${name}" if _IDCHARS.issuperset(name) else f"${string(name)}"


def string(name: str) -> str:
    """A name in quotes; characters nobody could see are written as `\\u{…}`."""
    if name.isascii() and name.isprintable() and '"' not in name and "\\" not in name:
        return f'"{name}"'
    return f'"{"".join(map(_character, name))}"'


def _character(char: str) -> str:
    if ord(char) in _ESCAPES:
        return _ESCAPES[ord(char)]
    return char if char.isprintable() else f"\\u{{{ord(char):x}}}"


def data_string(data: "bytes | memoryview") -> str:
    """Bytes in quotes: printable ASCII as it is, everything else escaped."""
    return f'"{str(data, "latin-1").translate(_BYTES)}"'


def f32_text(bits: int) -> str:
    """A binary32 by its bit pattern."""
    sign = "-" if bits >> 31 else ""
    magnitude = bits & 0x7FFF_FFFF
    if magnitude >= 0x7F80_0000:
        return sign + _special(magnitude & 0x7F_FFFF, 0x40_0000)
    return sign + _shortest(magnitude)


def f64_text(bits: int) -> str:
    """A binary64 by its bit pattern."""
    sign = "-" if bits >> 63 else ""
    magnitude = bits & 0x7FFF_FFFF_FFFF_FFFF
    if magnitude >= 0x7FF0_0000_0000_0000:
        return sign + _special(magnitude & 0xF_FFFF_FFFF_FFFF, 0x8_0000_0000_0000)
    value: float = struct.unpack("<d", magnitude.to_bytes(8, "little"))[0]
    return sign + repr(value).removesuffix(".0")


def v128_text(bits: int) -> str:
    """A vector by its bit pattern, as four 32-bit lanes."""
    return "i32x4 " + " ".join(f"{bits >> shift & 0xFFFF_FFFF:#010x}" for shift in (0, 32, 64, 96))


def _special(payload: int, canonical: int) -> str:
    if payload == 0:
        return "inf"
    return "nan" if payload == canonical else f"nan:{payload:#x}"


def _shortest(magnitude: int) -> str:
    """The fewest decimal digits that lie nearer to this binary32 than to either neighbour.

    Neighbours and the midpoints between them are exact binary64 numbers, so comparing against the
    midpoints decides it without rounding twice.
    """
    value = _single(magnitude)
    above = _single(magnitude + 1) if magnitude < 0x7F7F_FFFF else value + _LAST_STEP
    below = _single(magnitude - 1) if magnitude else -above
    for digits in range(1, 9):
        text = f"{value:.{digits}g}"
        if (value + below) / 2 < float(text) < (value + above) / 2:
            return text
    return f"{value:.9g}"


def _single(magnitude: int) -> float:
    number: float = struct.unpack("<f", magnitude.to_bytes(4, "little"))[0]
    return number
