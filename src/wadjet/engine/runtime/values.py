"""Values between Python and the guest: what goes in, what comes out, what is refused.

    type        takes                                             gives
    i32 i64     an int (or what has __index__) in the signed or   int, signed
                the unsigned range, else OverflowError
    f32 f64     what float() takes of numbers; f32 rounds to      float
                nearest
    v128        16 bytes, or an int in the signed or unsigned     bytes (16, little-endian)
                128-bit range
    funcref     a wadjet function, or None                        wadjet function, or None
    externref   any object; None is null                          the same object
    anyref …    an int of 31 bits, a `Ref`, any other object      int, `Ref`, the object
                (as an external reference), or None
    exnref      a `Ref`, or None                                  `Ref`, or None

A value of the wrong kind is a TypeError, as is None where null is not allowed. Raw values are
unsigned bit patterns; references are words (see `wadjet.engine.contract.layout`).
"""

import math
import operator
import struct
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Final, SupportsFloat, SupportsIndex, final

from wadjet.core.subtyping import match_ref
from wadjet.core.types import (
    ANY, EXTERN, F32, F64, I8, I16, I31, I32, I64, V128, ArrayType, DefType, FieldType, HeapType,
    RefType, StructType, ValType, ref,
)  # fmt: skip

if TYPE_CHECKING:
    from wadjet.engine.runtime.store import Store


def _int_to_raw(value: object, bits: int) -> int:
    try:
        number = operator.index(value)  # type: ignore[arg-type]  # that is what we ask it
    except TypeError:
        raise TypeError(f"i{bits} takes an int, not {type(value).__name__}") from None
    if not -(1 << bits - 1) <= number < 1 << bits:
        raise OverflowError(f"{number} does not fit i{bits}")
    return number & (1 << bits) - 1


def _i8_to_raw(value: object) -> int:
    return _int_to_raw(value, 8)


def _i16_to_raw(value: object) -> int:
    return _int_to_raw(value, 16)


def _i32_to_raw(value: object) -> int:
    return _int_to_raw(value, 32)


def _i64_to_raw(value: object) -> int:
    return _int_to_raw(value, 64)


def _to_float(value: object, name: str) -> float:
    if isinstance(value, float):
        return value
    if isinstance(value, SupportsFloat | SupportsIndex):
        return float(value)
    raise TypeError(f"{name} takes a number, not {type(value).__name__}")


def _f32_to_raw(value: object) -> int:
    number = _to_float(value, "f32")
    try:
        packed = struct.pack("<f", number)
    except OverflowError:
        packed = struct.pack("<f", math.copysign(math.inf, number))
    return int.from_bytes(packed, "little")


def _f64_to_raw(value: object) -> int:
    return int.from_bytes(struct.pack("<d", _to_float(value, "f64")), "little")


def _v128_to_raw(value: object) -> int:
    if isinstance(value, bytes | bytearray | memoryview):
        octets = bytes(value)
        if len(octets) != 16:
            raise TypeError(f"v128 takes 16 bytes, {len(octets)} given")
        return int.from_bytes(octets, "little")
    return _int_to_raw(value, 128)


def _i8_to_python(raw: int) -> int:
    return raw - (1 << 8) if raw >> 7 else raw


def _i16_to_python(raw: int) -> int:
    return raw - (1 << 16) if raw >> 15 else raw


def _i32_to_python(raw: int) -> int:
    return raw - (1 << 32) if raw >> 31 else raw


def _i64_to_python(raw: int) -> int:
    return raw - (1 << 64) if raw >> 63 else raw


def _f32_to_python(raw: int) -> float:
    value: float = struct.unpack("<f", raw.to_bytes(4, "little"))[0]
    return value


def _f64_to_python(raw: int) -> float:
    value: float = struct.unpack("<d", raw.to_bytes(8, "little"))[0]
    return value


def _v128_to_python(raw: int) -> bytes:
    return raw.to_bytes(16, "little")


_TO_RAW: Final[dict[ValType, Callable[[object], int]]] = {
    I8: _i8_to_raw,
    I16: _i16_to_raw,
    I32: _i32_to_raw,
    I64: _i64_to_raw,
    F32: _f32_to_raw,
    F64: _f64_to_raw,
    V128: _v128_to_raw,
}
_TO_PYTHON: Final[dict[ValType, Callable[[int], object]]] = {
    I8: _i8_to_python,
    I16: _i16_to_python,
    I32: _i32_to_python,
    I64: _i64_to_python,
    F32: _f32_to_python,
    F64: _f64_to_python,
    V128: _v128_to_python,
}


@final
class Ref:
    """A reference to something inside the guest's world: a struct, an array, an exception.

    It can be kept and given back; as long as it lives, so does what it refers to. Two are equal
    if they refer to the same thing. Structs and arrays are sequences of their fields or elements,
    as Python values (packed ones are signed):

        len(point), point[0], list(point)
        point[0] = 5            # TypeError where it is constant or the value does not fit
    """

    __slots__ = ("__weakref__", "store", "word")

    def __init__(self, store: "Store", word: int) -> None:
        self.store = store
        self.word: Final = word

    @property
    def type(self) -> "StructType | ArrayType":
        """What it is a struct or an array of; TypeError for anything else."""
        found = self.store.heap.heap_type(self.word)
        if isinstance(found, DefType) and isinstance(found.comp, StructType | ArrayType):
            return found.comp
        raise TypeError(f"a reference to {found} has no fields")

    def __len__(self) -> int:
        comp = self.type
        if isinstance(comp, StructType):
            return len(comp.fields)
        return self.store.heap.length(self.word)

    def __getitem__(self, index: SupportsIndex) -> object:
        at, field = self._field(index)
        return to_python(self.store.heap.get(self.word, at), field.storage, self.store)

    def __setitem__(self, index: SupportsIndex, value: object) -> None:
        at, field = self._field(index)
        if not field.mutable:
            raise TypeError(f"field {at} is constant")
        self.store.heap.set(self.word, at, to_raw(value, field.storage, self.store))

    def _field(self, index: SupportsIndex) -> tuple[int, FieldType]:
        at, count, comp = operator.index(index), len(self), self.type
        if not -count <= at < count:
            raise IndexError(f"field {at} of {count}")
        at %= count
        return at, comp.fields[at] if isinstance(comp, StructType) else comp.field

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Ref) and other.word == self.word and other.store is self.store

    def __hash__(self) -> int:
        return hash(self.word)

    def __repr__(self) -> str:
        return f"<wadjet.Ref {self.word:#x}>"


def top_of(heap: HeapType) -> str:
    """The name of the root of a closed heap type's hierarchy: any, func, extern, exn or cont."""
    assert not isinstance(heap, int), "only closed types leave a module"
    return heap.heap.top if isinstance(heap, DefType) else heap.top


def to_raw(value: object, type_: ValType, store: "Store") -> int:
    """The bit pattern of a Python value as a value of a closed type."""
    if isinstance(type_, RefType):
        return _ref_to_raw(value, type_, store)
    return _TO_RAW[type_](value)


def to_python(raw: int, type_: ValType, store: "Store") -> object:
    """The Python value of a bit pattern of a closed type."""
    if isinstance(type_, RefType):
        return _ref_to_python(raw, top_of(type_.heap), store)
    return _TO_PYTHON[type_](raw)


def results_to_raw(value: object, types: Sequence[ValType], store: "Store") -> list[int]:
    """What a Python function returned, as results: anything for none, a tuple for several."""
    if len(types) == 1:
        return [to_raw(value, types[0], store)]
    if not types:
        return []
    if not isinstance(value, tuple | list) or len(value) != len(types):
        raise TypeError(f"a tuple of {len(types)} results expected, {value!r} returned")
    return [to_raw(v, t, store) for v, t in zip(value, types)]


def _ref_to_raw(value: object, type_: RefType, store: "Store") -> int:
    if value is None:
        if not type_.nullable:
            raise TypeError(f"{type_} does not take None")
        return 0
    top = top_of(type_.heap)
    if top == "func":
        return _func_to_raw(value, type_, store)
    if isinstance(value, Ref):
        if value.store is not store.current():
            raise ValueError("a reference of another store")
        _require(EXTERN if top == "extern" else store.heap.heap_type(value.word), type_, value)
        return value.word
    if isinstance(value, int) and top == "any":
        if _fits_i31(value):
            _require(I31, type_, value)
            return (value << 1 | 1) & 0xFFFF_FFFF
        if type_.heap is not ANY:
            raise OverflowError(f"{value} does not fit i31")
    _require(ANY if top == "any" else EXTERN, type_, value)
    return store.extern(value)


def _refuse(value: object, type_: RefType) -> TypeError:
    return TypeError(f"{type_} does not take {type(value).__name__} {value!r}")


def _require(given: HeapType, type_: RefType, value: object) -> None:
    if not match_ref(ref(False, given), type_):
        raise _refuse(value, type_)


def _fits_i31(value: int) -> bool:
    return -(1 << 30) <= value < 1 << 30


def _func_to_raw(value: object, type_: RefType, store: "Store") -> int:
    from wadjet.engine.runtime.func import func_of  # functions need this module first

    func = func_of(value)
    if func is None:
        raise _refuse(value, type_)
    _require(func.deftype, type_, value)
    if func.store is not store.current():
        store.unite_with(func.store)
    store.pin(func.owner)
    return func.address


def _ref_to_python(word: int, top: str, store: "Store") -> object:
    if word == 0:
        return None
    if top == "func":
        return store.func_at(word).entry
    if word & 1:
        value = word >> 1
        return value - (1 << 31) if value >> 30 else value
    if word & 3 == 2:
        return store.object(word)
    return store.ref(word)
