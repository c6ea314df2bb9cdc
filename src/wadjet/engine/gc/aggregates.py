"""Making structs and arrays (spec 4.6.12): what constant expressions and running code share.

Each function takes the heap and a closed type and gives a function of the operands, in the order
in which they were pushed, to the word of the new object.
"""

from collections.abc import Callable
from typing import Final

from wadjet.core.types import I8, I16, ArrayType, DefType, FieldType, StructType
from wadjet.engine.contract.traps import TrapCode, failure
from wadjet.engine.gc.heap import MAX_LENGTH
from wadjet.engine.gc.objects import ObjectHeap

Make = Callable[..., int]

_MASKS: Final = {I8: 0xFF, I16: 0xFFFF}


def struct_fields(type_: DefType) -> tuple[FieldType, ...]:
    """The fields of a struct type."""
    comp = type_.comp
    assert isinstance(comp, StructType), "a valid index names a struct type"
    return comp.fields


def array_field(type_: DefType) -> FieldType:
    """What the elements of an array type are."""
    comp = type_.comp
    assert isinstance(comp, ArrayType), "a valid index names an array type"
    return comp.field


def packer(field: FieldType) -> Callable[[int], int]:
    """An operand as the field keeps it: cut to the width of a packed type."""
    mask = _MASKS.get(field.storage)  # type: ignore[call-overload]  # other types are not in it
    if mask is None:
        return lambda value: value
    return lambda value: value & mask


def new_struct(heap: ObjectHeap, type_: DefType) -> Make:
    """struct.new: one operand for each field."""
    packers = [packer(field) for field in struct_fields(type_)]
    return lambda *values: heap.new(type_, [pack(v) for pack, v in zip(packers, values)])


def new_default_struct(heap: ObjectHeap, type_: DefType) -> Make:
    """struct.new_default: every field is zero or null."""
    count = len(struct_fields(type_))
    return lambda: heap.new(type_, [0] * count)


def new_struct_desc(heap: ObjectHeap, type_: DefType) -> Make:
    """struct.new_desc: the fields, then the descriptor, which must not be null."""
    packers = [packer(field) for field in struct_fields(type_)]

    def make(*operands: int) -> int:
        *values, descriptor = operands
        fields = [pack(v) for pack, v in zip(packers, values)]
        return heap.new(type_, fields, _require(descriptor))

    return make


def new_default_struct_desc(heap: ObjectHeap, type_: DefType) -> Make:
    """struct.new_default_desc: the descriptor alone."""
    count = len(struct_fields(type_))
    return lambda descriptor: heap.new(type_, [0] * count, _require(descriptor))


def new_array(heap: ObjectHeap, type_: DefType) -> Make:
    """array.new: the value of every element, then their number."""
    pack = packer(array_field(type_))
    return lambda value, count: heap.new(type_, [pack(value)] * checked_length(count))


def new_default_array(heap: ObjectHeap, type_: DefType) -> Make:
    """array.new_default: the number of elements."""
    return lambda count: heap.new(type_, [0] * checked_length(count))


def new_fixed_array(heap: ObjectHeap, type_: DefType) -> Make:
    """array.new_fixed: the elements."""
    pack = packer(array_field(type_))
    return lambda *values: heap.new(type_, [pack(v) for v in values])


def checked_length(count: int) -> int:
    """The length itself; Exhaustion where no array may be so long."""
    if count > MAX_LENGTH:
        raise failure(TrapCode.OUT_OF_MEMORY, f"an array of {count} elements is too long")
    return count


def _require(descriptor: int) -> int:
    if descriptor == 0:
        raise failure(TrapCode.NULL_DESCRIPTOR)
    return descriptor
