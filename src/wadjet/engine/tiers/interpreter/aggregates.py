"""Instructions on structs and arrays (spec 4.6.12, 4.6.13)."""

from collections.abc import Callable
from typing import Any, Final

from wadjet.core.numerics.integers import iextend
from wadjet.core.opcodes import Op
from wadjet.core.types import DefType, FieldType, NumType
from wadjet.engine.contract.traps import TrapCode, failure
from wadjet.engine.gc import aggregates
from wadjet.engine.gc.aggregates import Make, array_field, packer, struct_fields
from wadjet.engine.gc.heap import Heap
from wadjet.engine.tiers.interpreter.references import require
from wadjet.engine.tiers.interpreter.unit import Maker, Plain, Unit, Work


def _new(factory: Callable[[Heap, DefType], Make]) -> Maker:
    """A maker from one of the functions that make objects; their immediate is a type."""
    return lambda unit, index: factory(unit.heap, unit.instance.types[index])


def _fixed(unit: Unit, imm: tuple[int, int]) -> Work:
    return aggregates.new_fixed_array(unit.heap, unit.instance.types[imm[0]])


def _field_count(unit: Unit, index: int) -> int:
    return len(struct_fields(unit.instance.types[index]))


def _field_count_desc(unit: Unit, index: int) -> int:
    return _field_count(unit, index) + 1


def _fixed_count(_unit: Unit, imm: tuple[int, int]) -> int:
    return imm[1]


# --- structs -------------------------------------------------------------------------------------


def _struct_get(unit: Unit, imm: tuple[int, int]) -> Work:
    heap, index = unit.heap, imm[1]
    return lambda word: heap.get(require(word, TrapCode.NULL_STRUCTURE), index)


def _struct_get_s(unit: Unit, imm: tuple[int, int]) -> Work:
    get = _struct_get(unit, imm)
    widen = _widener(struct_fields(unit.instance.types[imm[0]])[imm[1]])
    return lambda word: widen(get(word))


def _struct_set(unit: Unit, imm: tuple[int, int]) -> Work:
    heap, index = unit.heap, imm[1]
    pack = packer(struct_fields(unit.instance.types[imm[0]])[index])
    return lambda word, v: heap.set(require(word, TrapCode.NULL_STRUCTURE), index, pack(v))


def _get_desc(unit: Unit, _index: int) -> Work:
    heap = unit.heap
    return lambda word: heap.descriptor(require(word, TrapCode.NULL_REFERENCE))


def _widener(field: FieldType) -> Callable[[int], int]:
    """Sign extension of a packed field to 32 bits."""
    assert isinstance(field.storage, NumType), "only packed fields are extended"
    return iextend(32, 8 * field.storage.size)


# --- arrays --------------------------------------------------------------------------------------


def _bounded(heap: Heap, word: int, start: int, count: int) -> int:
    """The word itself; a Trap where it is null or the range exceeds the array."""
    if start + count > heap.length(require(word, TrapCode.NULL_ARRAY)):
        raise failure(TrapCode.OUT_OF_BOUNDS_ARRAY)
    return word


def _array_get(unit: Unit, _type: int) -> Work:
    heap = unit.heap
    return lambda word, index: heap.get(_bounded(heap, word, index, 1), index)


def _array_get_s(unit: Unit, type_: int) -> Work:
    get = _array_get(unit, type_)
    widen = _widener(array_field(unit.instance.types[type_]))
    return lambda word, index: widen(get(word, index))


def _array_set(unit: Unit, type_: int) -> Work:
    heap = unit.heap
    pack = packer(array_field(unit.instance.types[type_]))
    return lambda word, index, v: heap.set(_bounded(heap, word, index, 1), index, pack(v))


def _array_len(unit: Unit, _imm: None) -> Work:
    heap = unit.heap
    return lambda word: heap.length(require(word, TrapCode.NULL_ARRAY))


def _array_fill(unit: Unit, type_: int) -> Work:
    heap = unit.heap
    pack = packer(array_field(unit.instance.types[type_]))

    def fill(word: int, start: int, value: int, count: int) -> None:
        _bounded(heap, word, start, count)
        heap.write(word, start, [pack(value)] * count)

    return fill


def _array_copy(unit: Unit, _types: tuple[int, int]) -> Work:
    heap = unit.heap

    def copy(target: int, to: int, source: int, start: int, count: int) -> None:
        require(target, TrapCode.NULL_ARRAY)
        _bounded(heap, source, start, count)
        _bounded(heap, target, to, count)
        heap.write(target, to, heap.read(source, start, count))

    return copy


# --- arrays and segments -------------------------------------------------------------------------

#: From a segment: (start, number of elements) → values; a Trap where it is not that long.
Read = Callable[[int, int], list[int]]


def _data_reader(unit: Unit, type_: int, data: int) -> Read:
    """Elements out of the bytes of a data segment."""
    storage = array_field(unit.instance.types[type_]).storage
    assert isinstance(storage, NumType), "only numbers come from bytes"
    size, instance = storage.size, unit.instance

    def read(start: int, count: int) -> list[int]:
        segment: Any = instance.data(data)
        if start + count * size > len(segment):
            raise failure(TrapCode.OUT_OF_BOUNDS_MEMORY)
        octets = bytes(segment[start : start + count * size])
        return [
            int.from_bytes(octets[at : at + size], "little") for at in range(0, len(octets), size)
        ]

    return read


def _elem_reader(unit: Unit, elem: int) -> Read:
    """Elements out of an element segment."""
    instance = unit.instance

    def read(start: int, count: int) -> list[int]:
        segment = instance.elem(elem)
        if start + count > len(segment):
            raise failure(TrapCode.OUT_OF_BOUNDS_TABLE)
        return list(segment[start : start + count])

    return read


def _new_from(unit: Unit, type_: int, read: Read) -> Work:
    heap, deftype = unit.heap, unit.instance.types[type_]
    return lambda start, count: heap.new(deftype, read(start, count))


def _init_from(unit: Unit, read: Read) -> Work:
    heap = unit.heap

    def init(word: int, to: int, start: int, count: int) -> None:
        _bounded(heap, word, to, count)
        heap.write(word, to, read(start, count))

    return init


def _new_data(unit: Unit, imm: tuple[int, int]) -> Work:
    return _new_from(unit, imm[0], _data_reader(unit, *imm))


def _new_elem(unit: Unit, imm: tuple[int, int]) -> Work:
    return _new_from(unit, imm[0], _elem_reader(unit, imm[1]))


def _init_data(unit: Unit, imm: tuple[int, int]) -> Work:
    return _init_from(unit, _data_reader(unit, *imm))


def _init_elem(unit: Unit, imm: tuple[int, int]) -> Work:
    return _init_from(unit, _elem_reader(unit, imm[1]))


AGGREGATES: Final[dict[int, Plain]] = {
    Op.STRUCT_NEW: Plain(None, 1, _new(aggregates.new_struct), _field_count, allocates=True),
    Op.STRUCT_NEW_DEFAULT: Plain(0, 1, _new(aggregates.new_default_struct), allocates=True),
    Op.STRUCT_NEW_DESC: Plain(
        None, 1, _new(aggregates.new_struct_desc), _field_count_desc, allocates=True
    ),
    Op.STRUCT_NEW_DEFAULT_DESC: Plain(
        1, 1, _new(aggregates.new_default_struct_desc), allocates=True
    ),
    Op.STRUCT_GET: Plain(1, 1, _struct_get),
    Op.STRUCT_GET_S: Plain(1, 1, _struct_get_s),
    Op.STRUCT_GET_U: Plain(1, 1, _struct_get),
    Op.STRUCT_SET: Plain(2, 0, _struct_set),
    Op.REF_GET_DESC: Plain(1, 1, _get_desc),
    Op.ARRAY_NEW: Plain(2, 1, _new(aggregates.new_array), allocates=True),
    Op.ARRAY_NEW_DEFAULT: Plain(1, 1, _new(aggregates.new_default_array), allocates=True),
    Op.ARRAY_NEW_FIXED: Plain(None, 1, _fixed, _fixed_count, allocates=True),
    Op.ARRAY_NEW_DATA: Plain(2, 1, _new_data, allocates=True),
    Op.ARRAY_NEW_ELEM: Plain(2, 1, _new_elem, allocates=True),
    Op.ARRAY_GET: Plain(2, 1, _array_get),
    Op.ARRAY_GET_S: Plain(2, 1, _array_get_s),
    Op.ARRAY_GET_U: Plain(2, 1, _array_get),
    Op.ARRAY_SET: Plain(3, 0, _array_set),
    Op.ARRAY_LEN: Plain(1, 1, _array_len),
    Op.ARRAY_FILL: Plain(4, 0, _array_fill),
    Op.ARRAY_COPY: Plain(5, 0, _array_copy),
    Op.ARRAY_INIT_DATA: Plain(4, 0, _init_data),
    Op.ARRAY_INIT_ELEM: Plain(4, 0, _init_elem),
}
