"""Values that are written in a component (Binary.md, "Value Definitions"), as Python values."""

import struct
from typing import Any

from wadjet.base.leb128 import read_signed
from wadjet.canon.classes import Classes
from wadjet.canon.forms import Forms
from wadjet.component.abi import despecialize
from wadjet.component.closed import closed
from wadjet.component.types import (
    BOOL, CHAR, F32, F64, S8, S16, S32, S64, STRING, U8, Defined, Enum, Flags, List, Map, Option,
    Prim, Record, Variant,
)  # fmt: skip
from wadjet.core.binary.reader import Reader

_BITS = {S16: 16, S32: 32, S64: 64}


def read_constant(t: Prim | Defined, data: bytes, classes: Classes) -> Any:
    """A value of its bytes, which are valid."""
    return _read(Reader(data), t, Forms(classes))


def _read(reader: Reader, t: Prim | Defined, forms: Forms) -> Any:
    if isinstance(t, Prim):
        return _read_prim(reader, t)
    shape = despecialize(t.shape)
    match shape:
        case Record(fields):
            parts = [_read(reader, closed(part), forms) for _, part in fields]
            make, _ = forms.record(t)
            return tuple(parts) if make is None else make(*parts)
        case Variant(cases):
            short = isinstance(t.shape, Option) or (len(cases) == 2 and shape is not t.shape)
            case = reader.byte() if short else reader.u32()
            if isinstance(t.shape, Enum):
                return forms.enum(t)[case]
            payload, make = forms.cases(t)[case]
            return make if payload is None else make(_read(reader, payload, forms))
        case List(element, length):
            count = reader.length() if length is None else length
            items = [_read(reader, closed(element), forms) for _ in range(count)]
            if isinstance(t.shape, Map):
                return dict(items)
            return bytes(items) if element is U8 and length is None else items
        case Flags(labels):
            bits = int.from_bytes(reader.take((len(labels) + 7) // 8), "little")
            return forms.flags(t)(bits)
    raise AssertionError(f"no constant of {t}")


def _read_prim(reader: Reader, t: Prim) -> Any:
    if t is BOOL:
        return reader.byte() == 1
    if t is S8 or t is U8:
        return int.from_bytes(reader.take(1), "little", signed=t is S8)
    if t in _BITS:
        value, reader.pos = read_signed(reader.data, reader.pos, _BITS[t])
        return value
    if t is F32 or t is F64:
        size, letter = (4, "<f") if t is F32 else (8, "<d")
        return struct.unpack(letter, reader.take(size))[0]
    if t is CHAR:
        first = reader.peek()
        return reader.take(
            1 if first < 0x80 else 2 if first < 0xE0 else 3 if first < 0xF0 else 4
        ).decode()
    return reader.name() if t is STRING else reader.u32() if t.name != "u64" else reader.u64()
