"""Values laid out in memory ahead of time, as the Canonical ABI has them (CanonicalABI.md,
"Storing"): what a function that always answers the same gives.
"""

import struct
from collections.abc import Sequence
from typing import Final, final

from wadjet.base.errors import Invalid
from wadjet.component.abi import align_to, alignment, despecialize, discriminant, elem_size
from wadjet.component.closed import closed
from wadjet.component.types import (
    BOOL, CHAR, F32, F64, STRING, Defined, Flags, List, Prim, Record, Result, Shape, ValType,
    Variant,
)  # fmt: skip
from wadjet.component.wave import Forms
from wadjet.core.types import I32

_SIZES: Final = {"8": "b", "16": "h", "32": "i", "64": "q"}


@final
class Plain(Forms):
    """Values as plain data: records as lists, cases by their index, with their payload."""

    def record(self, t: Defined, fields: Sequence[object]) -> object:
        """The fields."""
        return list(fields)

    def fields(self, t: Defined, value: object) -> Sequence[object]:
        """The list itself."""
        assert isinstance(value, list), "made by record"
        return value

    def variant(self, t: Defined, case: int, payload: object) -> object:
        """Index and payload."""
        return case, payload

    def case(self, t: Defined, value: object) -> tuple[int, object]:
        """The pair itself."""
        assert isinstance(value, tuple), "made by variant"
        return value

    def enum(self, t: Defined, case: int) -> object:
        """The index, as a case without payload."""
        return case, None

    def label(self, t: Defined, value: object) -> int:
        """The index."""
        return self.case(t, value)[0]

    def flags(self, t: Defined, bits: int) -> object:
        """The bits."""
        return bits

    def bits(self, t: Defined, value: object) -> int:
        """The bits themselves."""
        assert isinstance(value, int), "made by flags"
        return value

    def option(self, t: Defined, some: bool, payload: object) -> object:
        """As the variant that it is."""
        return int(some), payload

    def some(self, t: Defined, value: object) -> tuple[bool, object]:
        """As the variant that it is."""
        index, payload = self.case(t, value)
        return index == 1, payload

    def result(self, t: Defined, ok: bool, payload: object) -> object:
        """As the variant that it is."""
        return int(not ok), payload

    def side(self, t: Defined, value: object) -> tuple[bool, object]:
        """As the variant that it is."""
        index, payload = self.case(t, value)
        return index == 0, payload

    def list(self, t: Defined, items: Sequence[object]) -> object:
        """A list."""
        return [*items]


@final
class Image:
    """A memory that fills up from an address on."""

    def __init__(self, base: int) -> None:
        self.base: Final = base
        self.data: Final = bytearray()

    def take(self, size: int, align: int) -> int:
        """Room of so many zero bytes; its address."""
        start = align_to(self.base + len(self.data), align)
        self.data.extend(bytes(start + size - self.base - len(self.data)))
        return start

    def place(self, t: Prim | Defined, value: object) -> int:
        """Store a value somewhere; its address."""
        address = self.take(elem_size(t, I32), alignment(t, I32))
        self.store(t, value, address)
        return address

    def put(self, data: bytes) -> int:
        """Bytes somewhere; their address."""
        start = self.take(len(data), 1)
        self.write(start, data)
        return start

    def write(self, address: int, data: bytes) -> None:
        """Bytes at an address where room has been taken."""
        at = address - self.base
        self.data[at : at + len(data)] = data

    def store(self, t: ValType, value: object, address: int) -> None:
        """Store a value, made as `Plain` makes values, at an address."""
        if isinstance(t, Prim):
            self._primitive(t, value, address)
            return
        shape = despecialize(closed_shape(t))
        match shape:
            case Record(fields):
                assert isinstance(value, list | tuple), "as Plain has it"
                self._fields([p for _, p in fields], value, address)
            case Variant(cases):
                self._case(cases, value, address)
            case List(element, length):
                assert isinstance(value, list), "as Plain has it"
                self._list(closed(element), length, value, address)
            case Flags():
                assert isinstance(value, int), "as Plain has it"
                size = elem_size(closed(t), I32)
                self.write(address, value.to_bytes(size, "little"))
            case _:
                raise Invalid(f"values of {t!r} cannot be made ahead of time")

    def _primitive(self, t: Prim, value: object, address: int) -> None:
        if t is STRING:
            assert isinstance(value, str), "as its type says"
            data = value.encode()
            self.write(address, struct.pack("<II", self.put(data), len(data)))
        elif t is CHAR:
            assert isinstance(value, str), "as its type says"
            self.write(address, struct.pack("<I", ord(value)))
        elif t is BOOL:
            self.write(address, bytes([bool(value)]))
        elif t is F32 or t is F64:
            self.write(address, struct.pack("<f" if t is F32 else "<d", value))
        else:
            code = _SIZES.get(t.name[1:])
            if code is None:
                raise Invalid(f"values of {t} cannot be made ahead of time")
            self.write(
                address, struct.pack(f"<{code if t.name[0] == 's' else code.upper()}", value)
            )

    def _fields(self, types: Sequence[ValType], values: Sequence[object], address: int) -> None:
        for t, value in zip(types, values, strict=True):
            address = align_to(address, alignment(closed(t), I32))
            self.store(t, value, address)
            address += elem_size(closed(t), I32)

    def _case(
        self, cases: Sequence[tuple[str, ValType | None]], value: object, address: int
    ) -> None:
        assert isinstance(value, tuple), "as Plain has it"
        index, payload = value
        tag = discriminant(len(cases))
        self._primitive(tag, index, address)
        t = cases[index][1]
        if t is not None:
            most = max(alignment(closed(p), I32) for _, p in cases if p is not None)
            self.store(t, payload, align_to(address + elem_size(tag, I32), most))

    def _list(
        self, element: Prim | Defined, length: int | None, items: list[object], address: int
    ) -> None:
        size = elem_size(element, I32)
        start = address
        if length is None:
            start = self.take(size * len(items), alignment(element, I32))
            self.write(address, struct.pack("<II", start, len(items)))
        for i, item in enumerate(items):
            self.store(element, item, start + i * size)


def closed_shape(t: ValType) -> Shape:
    """What a type that is not primitive is made of."""
    made = closed(t)
    assert isinstance(made, Defined), "not primitive"
    return made.shape


def refusal(t: ValType | None) -> object:
    """The value of a result that says no, if the type has words for that."""
    if not (isinstance(t, Defined) and isinstance(t.shape, Result)):
        return None
    error = t.shape.error
    if isinstance(error, Defined):
        shape = despecialize(error.shape)
        if isinstance(shape, Variant):
            labels = [label for label, payload in shape.cases if payload is None]
            for word in _REFUSALS:
                if word in labels:
                    index = [label for label, _ in shape.cases].index(word)
                    return 1, (index, None)
    return None


#: what interfaces call that something is not allowed, the better words first
_REFUSALS: Final = (
    "access", "access-denied", "not-permitted", "HTTP-request-denied", "not-supported",
    "unsupported",
)  # fmt: skip
