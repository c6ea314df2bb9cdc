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
    exnref      a `WasmException`, or None                        the like

A value of the wrong kind is a TypeError, as is None where null is not allowed. Raw values are
unsigned bit patterns; references are words (see `wadjet.engine.contract.layout`).
"""

import math
import operator
import struct
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, Final, SupportsFloat, SupportsIndex, final

from wadjet.base.errors import WasmException
from wadjet.core.subtyping import match_ref
from wadjet.core.types import (
    ANY, EXN, EXTERN, F32, F64, I8, I16, I31, I32, I64, V128, ArrayType, DefType, FieldType,
    HeapType, NumType, RefType, StructType, ValType, ref,
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

    It can be kept and given back; as long as it lives, so does what it refers to (see `WeakRef`).
    Two are equal if they refer to the same thing. Structs and arrays are sequences of their fields
    or elements, as Python values (packed ones are signed). Fields also have the names that modules
    give them:

        len(point), point[0], list(point)
        point["x"] += 1         # TypeError where it is constant or the value does not fit
        array[2:4]              # a list
        array[2:4] = [1, 2]     # of the same length
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

    def __iter__(self) -> Iterator[Any]:
        comp, store = self.type, self.store
        raw = store.heap.read(self.word, 0, len(self))
        return iter([to_python(r, _field(comp, k).storage, store) for k, r in enumerate(raw)])

    def __getitem__(self, index: "SupportsIndex | str | slice") -> Any:
        if isinstance(index, slice):
            return list(self)[index]
        at = self._at(index)
        return to_python(
            self.store.heap.get(self.word, at), _field(self.type, at).storage, self.store
        )

    def __setitem__(self, index: "SupportsIndex | str | slice", value: object) -> None:
        if isinstance(index, slice):
            places: Sequence[int] = range(*index.indices(len(self)))
            values = list(value)  # type: ignore[call-overload]  # that is what we ask it
            if len(values) != len(places):
                raise ValueError(f"{len(places)} elements cannot become {len(values)}")
        else:
            places, values = [self._at(index)], [value]
        fields = [_field(self.type, at) for at in places]
        for at, field in zip(places, fields):
            if not field.mutable:
                raise TypeError(f"field {at} is constant")
        raw = [to_raw(v, field.storage, self.store) for v, field in zip(values, fields)]
        for at, word in zip(places, raw):
            self.store.heap.set(self.word, at, word)

    def _at(self, index: SupportsIndex | str) -> int:
        """The number of a field; IndexError or KeyError where there is none."""
        if isinstance(index, str):
            return self._named(index)
        at, count = operator.index(index), len(self)
        if not -count <= at < count:
            raise IndexError(f"field {at} of {count}")
        return at % count

    def _named(self, name: str) -> int:
        at = self._names().get(name)
        if at is None:
            raise KeyError(f"no module here has a field {name!r} of this type")
        if at < 0:
            raise KeyError(f"modules here mean different fields by {name!r}")
        return at

    def _names(self) -> dict[str, int]:
        found = self.store.heap.heap_type(self.word)
        return self.store.field_names(found) if isinstance(found, DefType) else {}

    def keys(self) -> Iterator[str]:
        """The names of the fields that have one (so `dict(point)` works)."""
        return iter([name for name, at in self._names().items() if at >= 0])

    def tobytes(self) -> bytes:
        """The elements of an array of numbers, little-endian, one after the other."""
        comp = self.type
        storage = comp.field.storage if isinstance(comp, ArrayType) else None
        if not isinstance(storage, NumType):
            raise TypeError(f"{comp} is no array of numbers")
        raw = self.store.heap.read(self.word, 0, len(self))
        return b"".join(word.to_bytes(storage.size, "little") for word in raw)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Ref) and other.word == self.word and other.store is self.store

    def __hash__(self) -> int:
        return hash(self.word)

    def __repr__(self) -> str:
        found = self.store.heap.heap_type(self.word)
        what = found.heap if isinstance(found, DefType) else found
        return f"<wadjet.Ref {what} {self.word:#x}>"


@final
class WeakRef:
    """A reference that does not keep alive what it refers to: call it for a `Ref`, or None once the
    object was collected.

        weak = wadjet.WeakRef(point)
        weak()                  # point
    """

    __slots__ = ("_store", "_weak")

    def __init__(self, ref: Ref) -> None:
        self._store: Final = ref.store
        self._weak: Final = ref.store.heap.weak(ref.word)

    def __call__(self) -> Ref | None:
        """A handle, if the object is still there."""
        word = self._weak.word
        return self._store.current().ref(word) if word else None


def _field(comp: StructType | ArrayType, at: int) -> FieldType:
    return comp.fields[at] if isinstance(comp, StructType) else comp.field


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
    if top == "exn":
        return _exn_to_raw(value, type_, store)
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
    # a thing that exists is of its defined type exactly
    if not match_ref(ref(False, given, exact=isinstance(given, DefType)), type_):
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


def _exn_to_raw(value: object, type_: RefType, store: "Store") -> int:
    from wadjet.engine.runtime.exceptions import to_word  # exceptions need this module first

    if not isinstance(value, WasmException):
        raise _refuse(value, type_)
    _require(EXN, type_, value)
    return to_word(value, store)


def _ref_to_python(word: int, top: str, store: "Store") -> object:
    if word == 0:
        return None
    if top == "func":
        return store.func_at(word).entry
    if top == "exn":
        from wadjet.engine.runtime.exceptions import from_word

        return from_word(word, store)
    if word & 1:
        value = word >> 1
        return value - (1 << 31) if value >> 30 else value
    if word & 3 == 2:
        return store.object(word)
    return store.ref(word)
