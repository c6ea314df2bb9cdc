"""Strings in memory (CanonicalABI.md, "Loading", "Storing"), as Python's own.

A load takes the context, the address and the length as it is passed, tag included. A store gives
the same two. What the host stores is encoded first and copied once, so no buffer ever has to grow.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from wadjet.canon.traps import STRING_BOUNDS, UNALIGNED, trap

if TYPE_CHECKING:
    from wadjet.canon.context import Context

Load = Callable[["Context", int, int], str]
Store = Callable[["Context", str], tuple[int, int]]

#: The most bytes that a string, or a list, may have.
MAX_BYTES: Final = (1 << 28) - 1


def _range(cx: "Context", p: int, count: int) -> memoryview:
    memory = cx.memory.view
    if count > MAX_BYTES or p + count > len(memory):
        trap(STRING_BOUNDS)
    cx.spend(count)
    return memory[p : p + count]


def load_utf8(cx: "Context", p: int, count: int) -> str:
    """A string of bytes."""
    try:
        return str(_range(cx, p, count), "utf-8")
    except UnicodeDecodeError as error:
        cut = error.reason == "unexpected end of data"
        trap("incomplete utf-8 byte sequence" if cut else f"invalid utf-8: byte {error.start}")


def load_utf16(cx: "Context", p: int, units: int) -> str:
    """A string of units of two bytes."""
    if p & 1:
        trap(UNALIGNED)
    try:
        return str(_range(cx, p, 2 * units), "utf-16-le")
    except UnicodeDecodeError as error:
        trap(f"unpaired surrogate: invalid utf-16, unit {error.start // 2}")


def load_latin1(cx: "Context", p: int, tagged: int) -> str:
    """A string of bytes, or of units where the tag is set."""
    if p & 1:
        trap(UNALIGNED)
    if tagged & cx.tag:
        return load_utf16(cx, p, tagged ^ cx.tag)
    return str(_range(cx, p, tagged), "latin-1")


def store_utf8(cx: "Context", value: str) -> tuple[int, int]:
    """Bytes."""
    data = value.encode()
    return cx.copy(data, 1), len(data)


def store_utf16(cx: "Context", value: str) -> tuple[int, int]:
    """Units of two bytes."""
    data = value.encode("utf-16-le")
    return cx.copy(data, 2), len(data) // 2


def store_latin1(cx: "Context", value: str) -> tuple[int, int]:
    """Bytes where they suffice, else units."""
    try:
        data = value.encode("latin-1")
    except UnicodeEncodeError:
        p, units = store_utf16(cx, value)
        return p, units | cx.tag
    return cx.copy(data, 2), len(data)


LOADS: Final[dict[str, Load]] = {
    "utf8": load_utf8,
    "utf16": load_utf16,
    "latin1+utf16": load_latin1,
}
STORES: Final[dict[str, Store]] = {
    "utf8": store_utf8,
    "utf16": store_utf16,
    "latin1+utf16": store_latin1,
}
