"""Constants in text (Explainer.md, "Value Definitions"): what they say becomes bytes.

A character between apostrophes is understood as far as it is a word of the text format; others,
and constants of types that are not defined where they can be seen, are written `(binary "…")`.
"""

from typing import Final

from wadjet.base.leb128 import signed, unsigned
from wadjet.component.component import Value
from wadjet.component.text.canon import CanonParser
from wadjet.component.types import (
    BOOL, CHAR, F32, F64, S8, S16, S32, S64, STRING, U8, U16, U32, U64, Enum, Flags, List, Map,
    Option, Prim, Record, Result, Shape, Tuple, ValType, Variant,
)  # fmt: skip

_SIGNED: Final = {S8: 8, S16: 16, S32: 32, S64: 64}
_UNSIGNED: Final = {U8: 8, U16: 16, U32: 32, U64: 64}
_FLOATS: Final = {F32: 32, F64: 64}


class ValueParser(CanonParser):
    """Reads value definitions."""

    __slots__ = ()

    def define_value(self, place: int) -> None:
        """A value definition after its keyword."""
        name, called = self.binding("value")
        type_ = self.value_type()
        if self.opens("binary"):
            self.at += 2
            data = self.strings()
            self.expect(")")
        else:
            data = self._constant(type_)
        self.emit(Value(type_, data, place), name, called)

    def _constant(self, t: ValType) -> bytes:
        self.check_nesting()
        if isinstance(t, Prim):
            return self._prim(t)
        known = self.frame.defs[t] if isinstance(t, int) and t < len(self.frame.defs) else None
        if isinstance(known, Prim):
            return self._prim(known)
        self.depth += 1
        made = self._compound(known)
        self.depth -= 1
        return made

    def _prim(self, t: Prim) -> bytes:
        text = self.texts[self.at]
        if t is BOOL:
            if text not in ("true", "false"):
                raise self.unexpected("true or false")
            self.at += 1
            return bytes([text == "true"])
        if t in _UNSIGNED:
            value = self.natural(_UNSIGNED[t], f"a number of type {t}")
            return bytes([value]) if t is U8 else unsigned(value)
        if t in _SIGNED:
            return self._signed(t, _SIGNED[t])
        if t in _FLOATS:
            bits = _FLOATS[t]
            return self.float_bits(bits).to_bytes(bits // 8, "little")
        if t is CHAR:
            if len(text) != 3 or text[0] != "'" or text[2] != "'":
                raise self.unexpected("a character between apostrophes")
            self.at += 1
            return text[1].encode()
        if t is STRING:
            data = self.name().encode()
            return unsigned(len(data)) + data
        raise self.error(f"there is no constant of type {t}")

    def _signed(self, t: Prim, bits: int) -> bytes:
        value = self.number(64)
        if not -1 << bits - 1 <= value < 1 << bits - 1:
            raise self.error(f"constant out of range of {t}", self.at - 1)
        return bytes([value & 0xFF]) if t is S8 else signed(value)

    def _compound(self, t: object) -> bytes:
        """A constant of a type by its definition."""
        if isinstance(t, Option | Result):
            return self._choice(t)
        words = {
            Record: "record", Tuple: "tuple", List: "list", Map: "list", Flags: "flags",
            Enum: "enum", Variant: "variant",
        }  # fmt: skip
        word = words.get(type(t))
        if word is None or not isinstance(t, Shape):
            raise self.error("the type of this constant is not known here: use (binary …)")
        self.expect("(")
        self.expect(word)
        made = self._parts(t)
        self.expect(")")
        return made

    def _parts(self, t: Shape) -> bytes:
        match t:
            case Record(fields):
                return b"".join([self._constant(part) for _, part in fields])
            case Tuple(items):
                return b"".join([self._constant(part) for part in items])
            case Enum(labels):
                return unsigned(self._label(labels))
            case Flags(labels):
                bits = 0
                while self.texts[self.at] != ")":
                    bits |= 1 << self._label(labels)
                return bits.to_bytes((len(labels) + 7) // 8, "little")
            case Variant(cases):
                case = self._label(tuple([label for label, _ in cases]))
                payload = cases[case][1]
                return unsigned(case) + (b"" if payload is None else self._constant(payload))
            case Map(key, value):
                return self._elements([Tuple((key, value))], None)
            case List(element, length):
                return self._elements([element], length)
        raise AssertionError(t)

    def _elements(self, element: "list[ValType] | list[Tuple]", length: int | None) -> bytes:
        part = element[0]
        items = []
        while self.texts[self.at] != ")":
            found = self._compound(part) if isinstance(part, Tuple) else self._constant(part)
            items.append(found)
        if length is None:
            return unsigned(len(items)) + b"".join(items)
        if len(items) != length:
            raise self.error(f"expected {length} elements, found {len(items)}")
        return b"".join(items)

    def _label(self, labels: tuple[str, ...]) -> int:
        label = self.name()
        if label not in labels:
            raise self.error(f"there is no `{label}` among the labels", self.at - 1)
        return labels.index(label)

    def _choice(self, t: Option | Result) -> bytes:
        """`none`, `(some v)`, `ok`, `(ok v)`, `error`, `(error v)`."""
        names = ("none", "some") if isinstance(t, Option) else ("ok", "error")
        payloads = (None, t.some) if isinstance(t, Option) else (t.ok, t.error)
        for case, (word, payload) in enumerate(zip(names, payloads, strict=True)):
            if payload is None and self.take(word):
                return bytes([case])
            if payload is not None and self.opens(word):
                self.at += 2
                made = bytes([case]) + self._constant(payload)
                self.expect(")")
                return made
        raise self.unexpected(" or ".join(names))
