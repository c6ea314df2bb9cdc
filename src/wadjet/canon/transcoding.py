"""Strings that pass from one component to another (CanonicalABI.md, `store_string_into_range`).

A string is what was read, how it was encoded and how long it said it was. The steps in which memory
is asked for are the standard's: guests can see them.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from wadjet.canon.strings import LOADS

if TYPE_CHECKING:
    from wadjet.canon.context import Context

#: text, "utf8", "utf16" or "latin1", whether "latin1" or "utf16" was found out at run time, units
String = tuple[str, str, bool, int]


def _load_utf8(cx: "Context", p: int, count: int) -> String:
    return LOADS["utf8"](cx, p, count), "utf8", False, count


def _load_utf16(cx: "Context", p: int, units: int) -> String:
    return LOADS["utf16"](cx, p, units), "utf16", False, units


def _load_latin1(cx: "Context", p: int, tagged: int) -> String:
    text = LOADS["latin1+utf16"](cx, p, tagged)
    if tagged & cx.tag:
        return text, "utf16", True, tagged ^ cx.tag
    return text, "latin1", True, tagged


def _store_utf8(cx: "Context", value: String) -> tuple[int, int]:
    text, source, _, units = value
    data = text.encode()
    if source == "utf8":
        return cx.copy(data, 1), units
    p = cx.allocate(1, units)
    plain = _ascii_prefix(text)
    if plain == len(text):
        cx.memory.view[p : p + units] = data
        return p, units
    worst = units * (3 if source == "utf16" else 2)
    cx.memory.view[p : p + plain] = data[:plain]
    p = cx.reallocate(p, units, 1, worst)
    cx.memory.view[p + plain : p + len(data)] = data[plain:]
    if worst > len(data):
        p = cx.reallocate(p, worst, 1, len(data))
    return p, len(data)


def _ascii_prefix(text: str) -> int:
    if text.isascii():
        return len(text)
    return next(i for i, c in enumerate(text) if c > "\x7f")


def _store_utf16(cx: "Context", value: String) -> tuple[int, int]:
    text, source, _, units = value
    data = text.encode("utf-16-le")
    if source != "utf8":
        return cx.copy(data, 2), units
    worst = 2 * units
    p = cx.allocate(2, worst)
    cx.memory.view[p : p + len(data)] = data
    if len(data) < worst:
        p = cx.reallocate(p, worst, 2, len(data))
    return p, len(data) // 2


def _store_latin1(cx: "Context", value: String) -> tuple[int, int]:
    text, source, tagged, units = value
    if not tagged:
        return _store_either(cx, text, source, units)
    if source == "latin1":
        return cx.copy(text.encode("latin-1"), 2), units
    return _store_maybe_latin1(cx, text, units)


def _store_either(cx: "Context", text: str, source: str, units: int) -> tuple[int, int]:
    """Begin with bytes, change to units at the first character that is too large."""
    p = cx.allocate(2, units)
    narrow = next((i for i, c in enumerate(text) if c > "\xff"), len(text))
    cx.memory.view[p : p + narrow] = text[:narrow].encode("latin-1")
    if narrow == len(text):
        if narrow < units:
            p = cx.reallocate(p, units, 2, narrow)
        return p, narrow
    worst = 2 * units
    p = cx.reallocate(p, units, 2, worst)
    data = text.encode("utf-16-le")
    cx.memory.view[p : p + len(data)] = data
    if worst > len(data):
        p = cx.reallocate(p, worst, 2, len(data))
    return p, len(data) // 2 | cx.tag


def _store_maybe_latin1(cx: "Context", text: str, units: int) -> tuple[int, int]:
    """Begin with units, and shrink to bytes if all characters turn out to be small."""
    data = text.encode("utf-16-le")
    p = cx.copy(data, 2)
    if any(c > "\xff" for c in text):
        return p, units | cx.tag
    cx.memory.view[p : p + units] = text.encode("latin-1")
    return cx.reallocate(p, 2 * units, 1, units), units


LOADS_FOR_COMPONENTS: Final[dict[str, Callable[["Context", int, int], String]]] = {
    "utf8": _load_utf8,
    "utf16": _load_utf16,
    "latin1+utf16": _load_latin1,
}
STORES_FOR_COMPONENTS: Final[dict[str, Callable[["Context", String], tuple[int, int]]]] = {
    "utf8": _store_utf8,
    "utf16": _store_utf16,
    "latin1+utf16": _store_latin1,
}
