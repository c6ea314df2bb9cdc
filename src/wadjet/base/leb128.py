"""LEB128, the variable-length integers of the binary format (spec 5.2.2).

A reader takes the bytes and a position and gives (value, position after it). An integer of N bits
takes at most ceil(N/7) bytes, and the bits of the last byte that do not fit must be zero (signed:
copies of the sign). Violations and running out of bytes raise `Malformed`. The writers always
give the shortest form.
"""

from typing import Final

from wadjet.base.errors import Malformed
from wadjet.base.spans import Place


def read_u32(data: bytes, pos: int) -> tuple[int, int]:
    """Read an unsigned 32-bit integer."""
    return read_unsigned(data, pos, 32)


def read_u64(data: bytes, pos: int) -> tuple[int, int]:
    """Read an unsigned 64-bit integer."""
    return read_unsigned(data, pos, 64)


def read_s32(data: bytes, pos: int) -> tuple[int, int]:
    """Read a signed 32-bit integer."""
    return read_signed(data, pos, 32)


def read_s33(data: bytes, pos: int) -> tuple[int, int]:
    """Read a signed 33-bit integer: a type index, where negative numbers mean something else."""
    return read_signed(data, pos, 33)


def read_s64(data: bytes, pos: int) -> tuple[int, int]:
    """Read a signed 64-bit integer."""
    return read_signed(data, pos, 64)


def read_u32s(data: bytes, pos: int, count: int) -> tuple[list[int], int]:
    """Read unsigned 32-bit integers in a row. There may be hundreds of thousands, nearly all of
    three bytes or fewer."""
    values: list[int] = []
    safe = len(data) - 2
    for _ in range(count):
        if pos < safe:
            first = data[pos]
            if first < 0x80:
                values.append(first)
                pos += 1
                continue
            second = data[pos + 1]
            if second < 0x80:
                values.append(first & 0x7F | second << 7)
                pos += 2
                continue
            third = data[pos + 2]
            if third < 0x80:
                values.append(first & 0x7F | (second & 0x7F) << 7 | third << 14)
                pos += 3
                continue
        value, pos = read_unsigned(data, pos, 32)
        values.append(value)
    return values, pos


def read_unsigned(data: bytes, pos: int, bits: int) -> tuple[int, int]:
    """Read an unsigned integer of `bits` bits at `pos`."""
    size = len(data)
    value = 0
    shift = 0
    while shift < bits:
        if pos >= size:
            raise _error("unexpected end of section or function", pos)
        byte = data[pos]
        part = byte & 0x7F
        if bits - shift < 7 and part >> (bits - shift):
            raise _error("integer too large", pos)
        pos += 1
        value |= part << shift
        if byte < 0x80:
            return value, pos
        shift += 7
    raise _error("integer representation too long", pos)


def read_signed(data: bytes, pos: int, bits: int) -> tuple[int, int]:
    """Read a signed integer of `bits` bits at `pos`."""
    size = len(data)
    value = 0
    shift = 0
    while shift < bits:
        if pos >= size:
            raise _error("unexpected end of section or function", pos)
        byte = data[pos]
        part = byte & 0x7F
        if bits - shift < 7:
            high = part >> (bits - shift - 1)
            if high != 0 and high != 0x7F >> (bits - shift - 1):
                raise _error("integer too large", pos)
        pos += 1
        value |= part << shift
        shift += 7
        if byte < 0x80:
            return (value - (1 << shift) if byte & 0x40 else value), pos
    raise _error("integer representation too long", pos)


def unsigned(value: int) -> bytes:
    """The shortest unsigned LEB128 of a number that is not negative."""
    assert value >= 0, value
    if value < 0x80:
        return _ONE[value]
    out = bytearray()
    while value >= 0x80:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def signed(value: int) -> bytes:
    """The shortest signed LEB128 of a number."""
    if -0x40 <= value < 0x40:
        return _ONE[value & 0x7F]
    out = bytearray()
    while not -0x40 <= value < 0x40:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value & 0x7F)
    return bytes(out)


_ONE: Final = [bytes([byte]) for byte in range(0x80)]


def _error(message: str, pos: int) -> Malformed:
    return Malformed(message, Place(offset=pos))
