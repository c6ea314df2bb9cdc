"""Writing lazy stubs by the thousand: 16 bytes each, all made by a few slice assignments."""

from array import array
from collections.abc import Callable
from typing import Final

STUB: Final = 16


def _columns(text: bytearray, words: "array[int]", *places: int) -> None:
    """Write word k, byte by byte, into stub k at the given places."""
    data = words.tobytes()
    for byte, place in enumerate(places):
        text[place::STUB] = data[byte::4]


def x86_64(start: int, first: int, count: int, common: int) -> bytes:
    """`push number; jmp common`: 10 bytes, the rest int3."""
    text = bytearray((b"\x68\0\0\0\0\xe9\0\0\0\0" + b"\xcc" * 6) * count)
    _columns(text, array("I", range(first, first + count)), 1, 2, 3, 4)
    nearest = common - (start + 10)
    distances = array("q", range(nearest, nearest - STUB * count, -STUB)).tobytes()
    for byte in range(4):
        text[6 + byte :: STUB] = distances[byte::8]
    return bytes(text)


def aarch64(start: int, first: int, count: int, common: int) -> bytes:
    """`movz w16, low; movk w16, high, lsl 16; b common`; the last word brk."""
    words = array("I")
    for k in range(count):
        distance = (common - (start + STUB * k + 8)) >> 2
        number = first + k
        words.append(0x52800010 | (number & 0xFFFF) << 5)
        words.append(0x72A00010 | (number >> 16) << 5)
        words.append(0x14000000 | distance & 0x3FFFFFF)
        words.append(0xD4200000)
    return words.tobytes()


#: architecture → (address of the first stub, its number, how many, address of the
#: common part) → code
STUBS: Final[dict[str, Callable[[int, int, int, int], bytes]]] = {
    "x86_64": x86_64,
    "aarch64": aarch64,
}
