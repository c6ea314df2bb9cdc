"""Values → WAVE text, in the one canonical form: what may be left out is."""

import math
import struct
from collections.abc import Iterable, Sequence
from decimal import Decimal
from typing import Final

from wadjet.component.closed import closed
from wadjet.component.types import (
    BOOL, CHAR, F32, F64, STRING, Defined, Enum, Flags, List, Map, Option, Prim, Record, Result,
    Tuple, ValType, Variant,
)  # fmt: skip
from wadjet.component.wave.forms import Forms
from wadjet.component.wave.lexer import KEYWORDS

_ESCAPES: Final = {
    "\\": "\\\\", "'": "\\'", '"': '\\"', "\t": "\\t", "\n": "\\n", "\r": "\\r",
}  # fmt: skip


def print_value(value: object, t: Prim | Defined, forms: Forms) -> str:
    """The text of a value of a type. Values that have no text, such as handles, are shown as
    Python shows them, in angle brackets."""
    if isinstance(t, Prim):
        return _primitive(value, t)
    match t.shape:
        case Record(fields):
            return _record(forms.fields(t, value), fields, forms)
        case Flags(labels):
            bits = forms.bits(t, value)
            return f"{{{', '.join(name for i, name in enumerate(labels) if bits >> i & 1)}}}"
        case Enum(labels):
            return _case(labels[forms.label(t, value)])
        case Variant(cases):
            index, payload = forms.case(t, value)
            label, inner = cases[index]
            return _case(label) + _payload(payload, inner, forms)
        case Option(some):
            there, payload = forms.some(t, value)
            return f"some{_payload(payload, some, forms)}" if there else "none"
        case Result(ok, error):
            good, payload = forms.side(t, value)
            return ("ok" if good else "err") + _payload(payload, ok if good else error, forms)
        case Tuple(items):
            return f"({_joined(_sequence(value), items, forms)})"
        case List(element):
            every = _sequence(value)
            return f"[{_joined(every, [element] * len(every), forms)}]"
        case Map(key, inner):
            assert isinstance(value, dict), "maps are dicts"
            pairs = [f"({_joined(pair, (key, inner), forms)})" for pair in value.items()]
            return f"[{', '.join(pairs)}]"
    return f"<{value!r}>"


def _sequence(value: object) -> Sequence[object]:
    if isinstance(value, bytes | bytearray | memoryview):
        return list(memoryview(value))
    assert isinstance(value, Iterable), "lists and tuples are sequences"
    return list(value)


def _joined(values: Iterable[object], types: Iterable[ValType], forms: Forms) -> str:
    return ", ".join(print_value(v, closed(t), forms) for v, t in zip(values, types))


def _case(label: str) -> str:
    return f"%{label}" if label in KEYWORDS else label


def _payload(value: object, t: ValType | None, forms: Forms) -> str:
    return "" if t is None else f"({print_value(value, closed(t), forms)})"


def _record(values: Sequence[object], fields: Sequence[tuple[str, ValType]], forms: Forms) -> str:
    texts = []
    for value, (label, t) in zip(values, fields):
        type_ = closed(t)
        text = print_value(value, type_, forms)
        absent = isinstance(type_, Defined) and isinstance(type_.shape, Option) and text == "none"
        if not absent:
            texts.append(f"{label}: {text}")
    return f"{{{', '.join(texts) if texts else ':'}}}"


def _primitive(value: object, t: Prim) -> str:
    if t is BOOL:
        return "true" if value else "false"
    if t is CHAR or t is STRING:
        assert isinstance(value, str), "characters and strings are str"
        quote = "'" if t is CHAR else '"'
        return quote + "".join(map(_escaped, value)) + quote
    if t is F32 or t is F64:
        assert isinstance(value, float | int), "numbers are numbers"
        return _float(float(value), t)
    return str(value)


def _escaped(char: str) -> str:
    if char in _ESCAPES:
        return _ESCAPES[char]
    return char if char.isprintable() or ord(char) > 0x9F else f"\\u{{{ord(char):x}}}"


def _float(value: float, t: Prim) -> str:
    """The shortest digits that mean this number, never with an exponent."""
    if math.isnan(value):
        return "nan"
    if math.isinf(value):
        return "inf" if value > 0 else "-inf"
    digits = repr(value) if t is F64 else _shortest(value)
    text = f"{Decimal(digits):f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def _shortest(value: float) -> str:
    """As few digits as tell a number from all others of 32 bits."""
    packed = struct.pack("<f", value)
    for count in range(1, 9):
        text = f"{value:.{count - 1}e}"
        if abs(float(text)) <= _LARGEST and struct.pack("<f", float(text)) == packed:
            return text
    return f"{value:.8e}"


#: what is larger may not fit 32 bits
_LARGEST: Final = 3.4028235677973362e38
