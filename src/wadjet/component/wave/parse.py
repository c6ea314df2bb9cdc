"""WAVE text → values. Types say what is to be read, so nothing recurses deeper than they do."""

import struct
from collections.abc import Callable, Sequence
from typing import Final, TypeVar, final

from wadjet.component.closed import closed
from wadjet.component.types import (
    BOOL, CHAR, F32, F64, STRING, Defined, Enum, Flags, FuncType, List, Map, Option, Prim, Record,
    Result, Tuple, Variant,
)  # fmt: skip
from wadjet.component.wave.forms import Forms
from wadjet.component.wave.lexer import END, KEYWORDS, Reader

_T = TypeVar("_T")
#: decimal digits of the largest integer, and its sign
_DIGITS: Final = 21
_MISSING: Final = object()


def parse_value(text: str, t: Prim | Defined, forms: Forms) -> object:
    """Read a value of a type. Raises Malformed where the text is no value, Invalid where it is not
    one of this type; both know the line and column."""
    reader = Reader(text)
    made = _Parser(reader, forms).value(t)
    reader.expect(END)
    return made


def parse_call(
    text: str, find: Callable[[str], tuple[_T, FuncType] | None], forms: Forms
) -> tuple[_T, list[object]]:
    """Read `name(value, …)`. `find` tells what a name means, and the type of that; None if there
    is no such function. Options at the end may be left out. Raises as `parse_value` does."""
    name, bracket, _ = text.partition("(")
    found = find(name.strip())
    reader = Reader(text, len(name))
    if found is None:
        raise reader.misfit(f"there is no function `{name.strip()}`", 0)
    if not bracket:
        raise reader.unexpected("(")
    args = _Parser(reader, forms).args(found[1])
    reader.expect(END)
    return found[0], args


@final
class _Parser:
    """Reads values from where a reader stands."""

    def __init__(self, reader: Reader, forms: Forms) -> None:
        self._reader: Final = reader
        self._forms: Final = forms

    def args(self, ft: FuncType) -> list[object]:
        """The arguments of a call, in brackets."""
        reader = self._reader
        reader.expect("(")
        made: list[object] = []
        while reader.kind != ")":
            if len(made) == len(ft.params):
                raise reader.misfit(
                    f"too many arguments: there are {len(made)} parameters", reader.at
                )
            made.append(self.value(closed(ft.params[len(made)][1])))
            if not reader.takes(","):
                break
        at = reader.at
        reader.expect(")")
        for label, t in ft.params[len(made) :]:
            made.append(self._left_out(closed(t), at, f"argument `{label}`"))
        return made

    def _left_out(self, t: Prim | Defined, at: int, what: str) -> object:
        """The value of an option that is not mentioned."""
        if not (isinstance(t, Defined) and isinstance(t.shape, Option)):
            raise self._reader.misfit(f"missing {what}", at)
        return self._forms.option(t, False, None)

    def value(self, t: Prim | Defined) -> object:
        """One value."""
        if isinstance(t, Prim):
            return self._primitive(t)
        match t.shape:
            case Record(fields):
                return self._forms.record(t, self._record(fields))
            case Flags(labels):
                return self._forms.flags(t, self._flags(labels))
            case Enum(labels):
                return self._forms.enum(t, self._label(labels))
            case Variant(cases):
                return self._variant(t, cases)
            case Option(some):
                return self._option(t, closed(some))
            case Result():
                return self._result(t, t.shape)
            case Tuple(items):
                return self._tuple([closed(item) for item in items])
            case List(element, length):
                return self._list(t, closed(element), length)
            case Map(key, value):
                return self._map(closed(key), closed(value))
        raise self._reader.misfit(f"values of {t!r} cannot be written", self._reader.at)

    def _primitive(self, t: Prim) -> object:
        reader = self._reader
        if t is BOOL:
            at, text = reader.at, reader.expect("label")
            if text not in ("true", "false"):
                raise reader.misfit(f"expected true or false, not {text}", at)
            return text == "true"
        if t is CHAR:
            return self._contents("char")
        if t is STRING:
            return self._contents("lines" if reader.kind == "lines" else "string")
        if t in (F32, F64):
            return self._float(t)
        return self._integer(t)

    def _contents(self, kind: str) -> str:
        if self._reader.kind != kind:
            raise self._reader.unexpected(f"a {kind}")
        return self._reader.contents()

    def _float(self, t: Prim) -> float:
        reader = self._reader
        text = reader.text if reader.text in ("nan", "inf") else reader.expect("number")
        if reader.text == text and text in ("nan", "inf"):
            reader.advance()
        made = float(text)
        if t is F64:
            return made
        try:
            rounded: float = struct.unpack("<f", struct.pack("<f", made))[0]
        except OverflowError:
            rounded = float("-inf" if made < 0 else "inf")
        return rounded

    def _integer(self, t: Prim) -> int:
        reader = self._reader
        at, text = reader.at, reader.expect("number")
        if not text.removeprefix("-").isdecimal() or text == "-0":
            raise reader.misfit(f"expected an integer, not {text}", at)
        low, high = _RANGES[t.name]
        made = int(text[:_DIGITS])
        if len(text) > _DIGITS or not low <= made <= high:
            raise reader.misfit(f"{text[:_DIGITS]} is out of range for {t}: {low} to {high}", at)
        return made

    def _labels(self) -> tuple[int, str]:
        """A label, where keywords are labels too."""
        at = self._reader.at
        return at, self._reader.expect("label").removeprefix("%")

    def _record(self, fields: Sequence[tuple[str, Prim | int | Defined]]) -> list[object]:
        reader, known = self._reader, dict(fields)
        start, found = reader.at, dict[str, object]()
        reader.expect("{")
        if reader.takes(":"):
            reader.expect("}")
        else:
            self._field(known, found)
            while reader.takes(",") and reader.kind != "}":
                self._field(known, found)
            reader.expect("}")
        made = []
        for label, t in fields:
            value = found.get(label, _MISSING)
            if value is _MISSING:
                value = self._left_out(closed(t), start, f"field `{label}`")
            made.append(value)
        return made

    def _field(self, known: dict[str, Prim | int | Defined], found: dict[str, object]) -> None:
        at, label = self._labels()
        if label not in known:
            raise self._reader.misfit(f"unknown field `{label}`: there are {_listed(known)}", at)
        if label in found:
            raise self._reader.misfit(f"duplicate field: `{label}`", at)
        self._reader.expect(":")
        found[label] = self.value(closed(known[label]))

    def _flags(self, labels: Sequence[str]) -> int:
        bits = 0
        self._reader.expect("{")
        while self._reader.kind != "}":
            at, label = self._labels()
            if label not in labels:
                raise self._reader.misfit(
                    f"unknown flag `{label}`: there are {_listed(labels)}", at
                )
            bit = 1 << labels.index(label)
            if bits & bit:
                raise self._reader.misfit(f"duplicate flag: `{label}`", at)
            bits |= bit
            if not self._reader.takes(","):
                break
        self._reader.expect("}")
        return bits

    def _label(self, labels: Sequence[str]) -> int:
        """The index of a case; cases that are called like a keyword have a sign before them."""
        reader = self._reader
        at, text = reader.at, reader.expect("label")
        if text in KEYWORDS:
            raise reader.misfit(
                f"`{text}` is a keyword: write `%{text}` for a case of that name", at
            )
        label = text.removeprefix("%")
        if label not in labels:
            raise reader.misfit(f"unknown case `{label}`: there are {_listed(labels)}", at)
        return labels.index(label)

    def _variant(
        self, t: Defined, cases: Sequence[tuple[str, Prim | int | Defined | None]]
    ) -> object:
        at = self._reader.at
        index = self._label([label for label, _ in cases])
        label, payload = cases[index]
        inner = None if payload is None else closed(payload)
        return self._forms.variant(t, index, self._payload(label, inner, at))

    def _payload(self, label: str, t: Prim | Defined | None, at: int) -> object:
        """What follows a case in brackets, if it has a payload."""
        reader = self._reader
        if t is None:
            if reader.kind == "(":
                raise reader.misfit(f"unexpected payload for the case `{label}`", at)
            return None
        if not reader.takes("("):
            raise reader.misfit(f"missing payload for the case `{label}`", at)
        made = self.value(t)
        reader.expect(")")
        return made

    def _option(self, t: Defined, some: Prim | Defined) -> object:
        reader, at = self._reader, self._reader.at
        if reader.kind == "label" and reader.text in ("some", "none"):
            label = reader.expect("label")
            is_some = label == "some"
            return self._forms.option(
                t, is_some, self._payload(label, some if is_some else None, at)
            )
        self._check_flat(some, "some or none")
        return self._forms.option(t, True, self.value(some))

    def _result(self, t: Defined, shape: Result) -> object:
        reader, at = self._reader, self._reader.at
        if reader.kind == "label" and reader.text in ("ok", "err"):
            label = reader.expect("label")
            side = shape.ok if label == "ok" else shape.error
            payload = self._payload(label, None if side is None else closed(side), at)
            return self._forms.result(t, label == "ok", payload)
        if shape.ok is None:
            raise reader.unexpected("ok or err")
        self._check_flat(closed(shape.ok), "ok or err")
        return self._forms.result(t, True, self.value(closed(shape.ok)))

    def _check_flat(self, t: Prim | Defined, wanted: str) -> None:
        """A payload may stand for the whole, unless it could be mistaken for that itself."""
        if isinstance(t, Defined) and isinstance(t.shape, Option | Result):
            raise self._reader.unexpected(wanted)

    def _tuple(self, items: Sequence[Prim | Defined]) -> tuple[object, ...]:
        reader, made = self._reader, list[object]()
        at = reader.at
        reader.expect("(")
        while reader.kind != ")" and len(made) < len(items):
            made.append(self.value(items[len(made)]))
            if not reader.takes(","):
                break
        reader.expect(")")
        if len(made) < len(items):
            raise reader.misfit(
                f"a tuple of {len(made)} values in place of one of {len(items)}", at
            )
        return tuple(made)

    def _list(self, t: Defined, element: Prim | Defined, length: int | None) -> object:
        at = self._reader.at
        made = self._sequence(lambda: self.value(element))
        if length is not None and len(made) != length:
            raise self._reader.misfit(
                f"a list of {len(made)} values in place of one of {length}", at
            )
        return self._forms.list(t, made)

    def _map(self, key: Prim | Defined, value: Prim | Defined) -> object:
        pair = [key, value]
        pairs = self._sequence(lambda: self._tuple(pair))
        return {made[0]: made[1] for made in pairs}

    def _sequence(self, read: Callable[[], _T]) -> list[_T]:
        reader, made = self._reader, list[_T]()
        reader.expect("[")
        while reader.kind != "]":
            made.append(read())
            if not reader.takes(","):
                break
        reader.expect("]")
        return made


def _listed(labels: Sequence[str] | dict[str, Prim | int | Defined]) -> str:
    return ", ".join(f"`{label}`" for label in labels)


_RANGES: Final = {
    f"{sign}{bits}": (-(1 << bits - 1), (1 << bits - 1) - 1)
    if sign == "s"
    else (0, (1 << bits) - 1)
    for sign in "su"
    for bits in (8, 16, 32, 64)
}
