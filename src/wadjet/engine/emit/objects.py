"""Structs, arrays, i31 and casts (spec 4.6.3): the layout is in contract/heap.py.

Allocation is inline: advance `VMHeap.free`, mark the start in the map, write the header. The
collector never moves an object, so a reference may stay in a register across anything.
"""

from typing import Final, cast

from wadjet.core.opcodes import Op
from wadjet.core.types import ArrayType, FieldType, StructType, ValType
from wadjet.engine.contract.heap import (
    ARRAY_ELEMENTS, ARRAY_LENGTH, GRANULE, MAX_LENGTH, VM_HEAP, size_of, struct_layout,
)  # fmt: skip
from wadjet.engine.contract.layout import VM_CONTEXT, VM_SEGMENT, WORD
from wadjet.engine.contract.libcalls import GC_REFILL
from wadjet.engine.contract.traps import TrapCode
from wadjet.engine.emit.function import Emit, FunctionEmitter
from wadjet.engine.emit.libcalls import libcall
from wadjet.engine.emit.llvmtypes import llvm_type, zero
from wadjet.engine.emit.memory import check_span


def allocate(e: FunctionEmitter, vm_type: str, size: str, prefix: int = 0) -> str:
    """A new object of a VMType (i64): its word. `size` (an i64, a multiple of 16) includes the
    header; `prefix` bytes are set aside before the object."""
    if prefix:
        size = e.let(f"add i64 {size}, {prefix}")
    heap = e.hoist("heap", "%ctx", VM_CONTEXT["gc"])
    free = e.word("i64", heap, VM_HEAP["free"])
    end = e.let(f"add i64 {free}, {size}")
    limit = e.word("i64", heap, VM_HEAP["limit"])
    fast, slow, done = e.label("fast"), e.label("slow"), e.label("new")
    e.emit(f"br i1 {e.let(f'icmp ule i64 {end}, {limit}')}, label %{fast}, label %{slow}, !prof !7")
    e.start(fast)
    slot = e.let(f"getelementptr i8, ptr {heap}, i64 {VM_HEAP['free']}")
    e.emit(f"store {e.unit.lasting}i64 {end}, ptr {slot}, align 8, !tbaa !4")
    e.goto(done)
    e.start(slow)
    found = libcall(e, GC_REFILL, [size])
    e.goto(done)
    e.start(done)
    start = e.let(f"phi i64 [ {free}, %{fast} ], [ {found}, %{slow} ]")
    word = e.let(f"add i64 {start}, {prefix}") if prefix else start
    base = e.fixed("i64", heap, VM_HEAP["base"])
    map_ = e.fixed("ptr", heap, VM_HEAP["map"])
    granule = e.let(f"lshr i64 {e.let(f'sub i64 {word}, {base}')}, 4")
    mark = e.let(f"getelementptr i8, ptr {map_}, i64 {granule}")
    e.emit(f"store {e.unit.lasting}i8 1, ptr {mark}, align 1, !tbaa !4")
    header = _pointer(e, word)
    e.emit(f"store {e.unit.lasting}i64 {vm_type}, ptr {header}, align 8, !tbaa !9")
    return word


def _lasts(e: FunctionEmitter) -> str:
    """Whether LLVM must leave what is stored where it is (see `Unit.lasting`)."""
    return "true" if e.unit.lasting else "false"


def _pointer(e: FunctionEmitter, word: str) -> str:
    return e.let(f"inttoptr i64 {word} to ptr")


def _vm_type(e: FunctionEmitter, x: int) -> str:
    return e.fixed("i64", "%ctx", e.unit.layout("objects", x))


def _not_null(e: FunctionEmitter, word: str, trap: int) -> str:
    """The machine address of an object that must not be null."""
    e.unless(e.let(f"icmp ne i64 {word}, 0"), trap)
    return _pointer(e, word)


def _load(e: FunctionEmitter, slot: str, field: FieldType, signed: bool) -> str:
    storage = field.storage
    if size_of(storage) < 4:
        narrow = f"i{8 * size_of(storage)}"
        value = e.let(f"load {narrow}, ptr {slot}, align {size_of(storage)}, !tbaa !8")
        return e.let(f"{'sext' if signed else 'zext'} {narrow} {value} to i32")
    return e.let(f"load {llvm_type(storage)}, ptr {slot}, align {_align(storage)}, !tbaa !8")


def _store(e: FunctionEmitter, slot: str, storage: ValType, value: str) -> None:
    type_ = f"i{8 * size_of(storage)}" if size_of(storage) < 4 else llvm_type(storage)
    if size_of(storage) < 4:
        value = e.let(f"trunc i32 {value} to {type_}")
    e.emit(f"store {e.unit.lasting}{type_} {value}, ptr {slot}, align {_align(storage)}, !tbaa !8")


def _align(storage: ValType) -> int:
    return min(size_of(storage), 8)


# --- structs -------------------------------------------------------------------------------------


def _struct_of(e: FunctionEmitter, x: int) -> StructType:
    comp = e.unit.valid.types[x].comp
    assert isinstance(comp, StructType)
    return comp


def _new_struct(e: FunctionEmitter, x: int, values: list[str], descriptor: str | None) -> None:
    layout, type_ = struct_layout(_struct_of(e, x)), _struct_of(e, x)
    prefix = 0 if descriptor is None else GRANULE
    word = allocate(e, _vm_type(e, x), str(layout.size), prefix)
    pointer = _pointer(e, word)
    if descriptor is not None:
        slot = e.let(f"getelementptr i8, ptr {pointer}, i64 {-WORD}")
        e.emit(f"store {e.unit.lasting}i64 {descriptor}, ptr {slot}, align 8, !tbaa !8")
    for offset, field, value in zip(layout.offsets, type_.fields, values, strict=True):
        slot = e.let(f"getelementptr i8, ptr {pointer}, i64 {offset}")
        _store(e, slot, field.storage, value)
    e.push(word)


def _defaults(type_: StructType) -> list[str]:
    return [zero(llvm_type(field.unpacked)) for field in type_.fields]


def _struct_new(e: FunctionEmitter, imm: object, i: int) -> None:
    x = cast(int, imm)
    _new_struct(e, x, e.pops(len(_struct_of(e, x).fields)), None)


def _struct_new_default(e: FunctionEmitter, imm: object, i: int) -> None:
    x = cast(int, imm)
    _new_struct(e, x, _defaults(_struct_of(e, x)), None)


def _descriptor(e: FunctionEmitter) -> str:
    word = e.pop()
    e.unless(e.let(f"icmp ne i64 {word}, 0"), TrapCode.NULL_DESCRIPTOR)
    return word


def _struct_new_desc(e: FunctionEmitter, imm: object, i: int) -> None:
    x = cast(int, imm)
    descriptor = _descriptor(e)
    _new_struct(e, x, e.pops(len(_struct_of(e, x).fields)), descriptor)


def _struct_new_default_desc(e: FunctionEmitter, imm: object, i: int) -> None:
    x = cast(int, imm)
    _new_struct(e, x, _defaults(_struct_of(e, x)), _descriptor(e))


def _get_desc(e: FunctionEmitter, imm: object, i: int) -> None:
    pointer = _not_null(e, e.pop(), TrapCode.NULL_REFERENCE)
    slot = e.let(f"getelementptr i8, ptr {pointer}, i64 {-WORD}")
    e.push(e.let(f"load i64, ptr {slot}, align 8, !tbaa !8"))


def _struct_get(signed: bool) -> Emit:
    def emit(e: FunctionEmitter, imm: object, i: int) -> None:
        x, index = cast(tuple[int, int], imm)
        type_ = _struct_of(e, x)
        pointer = _not_null(e, e.pop(), TrapCode.NULL_STRUCTURE)
        offset = struct_layout(type_).offsets[index]
        slot = e.let(f"getelementptr i8, ptr {pointer}, i64 {offset}")
        e.push(_load(e, slot, type_.fields[index], signed))

    return emit


def _struct_set(e: FunctionEmitter, imm: object, i: int) -> None:
    x, index = cast(tuple[int, int], imm)
    type_ = _struct_of(e, x)
    word, value = e.pops(2)
    pointer = _not_null(e, word, TrapCode.NULL_STRUCTURE)
    slot = e.let(f"getelementptr i8, ptr {pointer}, i64 {struct_layout(type_).offsets[index]}")
    _store(e, slot, type_.fields[index].storage, value)


# --- arrays --------------------------------------------------------------------------------------


def _field_of(e: FunctionEmitter, x: int) -> FieldType:
    comp = e.unit.valid.types[x].comp
    assert isinstance(comp, ArrayType)
    return comp.field


def _new_array(e: FunctionEmitter, x: int, count: str) -> tuple[str, str]:
    """A new array of `count` (i64) elements, which are yet to be written: word, elements."""
    fits = e.let(f"icmp ule i64 {count}, {MAX_LENGTH}")
    e.unless(fits, TrapCode.OUT_OF_MEMORY)
    size = size_of(_field_of(e, x).storage)
    total = e.let(f"add i64 {e.let(f'mul i64 {count}, {size}')}, {ARRAY_ELEMENTS + GRANULE - 1}")
    rounded = e.let(f"and i64 {total}, {-GRANULE}")
    word = allocate(e, _vm_type(e, x), rounded)
    pointer = _pointer(e, word)
    slot = e.let(f"getelementptr i8, ptr {pointer}, i64 {ARRAY_LENGTH}")
    e.emit(f"store {e.unit.lasting}i64 {count}, ptr {slot}, align 8, !tbaa !9")
    return word, e.let(f"getelementptr i8, ptr {pointer}, i64 {ARRAY_ELEMENTS}")


def _fill(e: FunctionEmitter, start: str, count: str, storage: ValType, value: str) -> None:
    """Write `count` (i64) equal elements."""
    if value in ("0", "0.0", "zeroinitializer"):
        size = e.let(f"mul i64 {count}, {size_of(storage)}")
        e.unit.declare("memset", "declare void @llvm.memset.p0.i64(ptr, i8, i64, i1)")
        e.emit(f"call void @llvm.memset.p0.i64(ptr {start}, i8 0, i64 {size}, i1 {_lasts(e)})")
        return
    source, loop, body, done = e.block, e.label("fill"), e.label("each"), e.label("filled")
    e.goto(loop)
    e.start(loop)
    k, following = e.name(), e.name()
    e.emit(f"{k} = phi i64 [ 0, %{source} ], [ {following}, %{body} ]")
    e.emit(f"br i1 {e.let(f'icmp ult i64 {k}, {count}')}, label %{body}, label %{done}")
    e.start(body)
    offset = e.let(f"mul i64 {k}, {size_of(storage)}")
    _store(e, e.let(f"getelementptr i8, ptr {start}, i64 {offset}"), storage, value)
    e.emit(f"{following} = add i64 {k}, 1")
    e.goto(loop)
    e.start(done)


def _widen(e: FunctionEmitter, value: str) -> str:
    return e.let(f"zext i32 {value} to i64")


def _array_new(e: FunctionEmitter, imm: object, i: int) -> None:
    x = cast(int, imm)
    value, count = e.pops(2)
    count = _widen(e, count)
    word, start = _new_array(e, x, count)
    _fill(e, start, count, _field_of(e, x).storage, value)
    e.push(word)


def _array_new_default(e: FunctionEmitter, imm: object, i: int) -> None:
    x = cast(int, imm)
    count = _widen(e, e.pop())
    word, start = _new_array(e, x, count)
    _fill(e, start, count, _field_of(e, x).storage, "0")
    e.push(word)


def _array_new_fixed(e: FunctionEmitter, imm: object, i: int) -> None:
    x, count = cast(tuple[int, int], imm)
    values = e.pops(count)
    storage = _field_of(e, x).storage
    word, start = _new_array(e, x, str(count))
    for k, value in enumerate(values):
        slot = e.let(f"getelementptr i8, ptr {start}, i64 {k * size_of(storage)}")
        _store(e, slot, storage, value)
    e.push(word)


def _move(e: FunctionEmitter, target: str, source: str, size: str) -> None:
    e.unit.declare("memmove", "declare void @llvm.memmove.p0.p0.i64(ptr, ptr, i64, i1)")
    args = f"ptr {target}, ptr {source}, i64 {size}, i1 {_lasts(e)}"
    e.emit(f"call void @llvm.memmove.p0.p0.i64({args})")


def _segment(
    e: FunctionEmitter, space: str, index: int, start: str, count: str, unit: int
) -> tuple[str, str]:
    """Where `count` elements of a segment stand, checked, and how many bytes they are."""
    segment = e.unit.layout(space, index)
    length = e.word("i64", "%ctx", segment + VM_SEGMENT["length"])
    trap = TrapCode.OUT_OF_BOUNDS_MEMORY if space == "datas" else TrapCode.OUT_OF_BOUNDS_TABLE
    size = e.let(f"mul i64 {count}, {unit}")
    if space == "datas":  # start counts bytes, and so does the length
        check_span(e, length, start, size, trap)
        offset = start
    else:
        check_span(e, length, start, count, trap)
        offset = e.let(f"mul i64 {start}, {unit}")
    base = e.word("ptr", "%ctx", segment + VM_SEGMENT["base"])
    return e.let(f"getelementptr i8, ptr {base}, i64 {offset}"), size


def _array_new_segment(space: str) -> Emit:
    def emit(e: FunctionEmitter, imm: object, i: int) -> None:
        x, segment = cast(tuple[int, int], imm)
        start, count = (_widen(e, v) for v in e.pops(2))
        unit = size_of(_field_of(e, x).storage)
        source, size = _segment(e, space, segment, start, count, unit)
        word, target = _new_array(e, x, count)
        # the allocation may have collected, but segments do not move
        _move(e, target, source, size)
        e.push(word)

    return emit


def _array_init_segment(space: str) -> Emit:
    def emit(e: FunctionEmitter, imm: object, i: int) -> None:
        x, segment = cast(tuple[int, int], imm)
        word, target, start, count = e.pops(4)
        start, count = _widen(e, start), _widen(e, count)
        unit = size_of(_field_of(e, x).storage)
        place = _range(e, word, _widen(e, target), count, unit)
        source, size = _segment(e, space, segment, start, count, unit)
        _move(e, place, source, size)

    return emit


def _length(e: FunctionEmitter, pointer: str) -> str:
    slot = e.let(f"getelementptr i8, ptr {pointer}, i64 {ARRAY_LENGTH}")
    return e.let(f"load i64, ptr {slot}, align 8, !tbaa !9")


def _range(e: FunctionEmitter, word: str, start: str, count: str, unit: int) -> str:
    """The machine address of `count` elements from `start` on, checked."""
    pointer = _not_null(e, word, TrapCode.NULL_ARRAY)
    check_span(e, _length(e, pointer), start, count, TrapCode.OUT_OF_BOUNDS_ARRAY)
    offset = e.let(f"add i64 {e.let(f'mul i64 {start}, {unit}')}, {ARRAY_ELEMENTS}")
    return e.let(f"getelementptr i8, ptr {pointer}, i64 {offset}")


def _element(e: FunctionEmitter, word: str, index: str, unit: int) -> str:
    pointer = _not_null(e, word, TrapCode.NULL_ARRAY)
    wide = _widen(e, index)
    inside = e.let(f"icmp ult i64 {wide}, {_length(e, pointer)}")
    e.unless(inside, TrapCode.OUT_OF_BOUNDS_ARRAY)
    start = e.let(f"getelementptr i8, ptr {pointer}, i64 {ARRAY_ELEMENTS}")
    return e.let(f"getelementptr [{unit} x i8], ptr {start}, i64 {wide}")


def _array_get(signed: bool) -> Emit:
    def emit(e: FunctionEmitter, imm: object, i: int) -> None:
        field = _field_of(e, cast(int, imm))
        word, index = e.pops(2)
        e.push(_load(e, _element(e, word, index, size_of(field.storage)), field, signed))

    return emit


def _array_set(e: FunctionEmitter, imm: object, i: int) -> None:
    storage = _field_of(e, cast(int, imm)).storage
    word, index, value = e.pops(3)
    _store(e, _element(e, word, index, size_of(storage)), storage, value)


def _array_len(e: FunctionEmitter, imm: object, i: int) -> None:
    pointer = _not_null(e, e.pop(), TrapCode.NULL_ARRAY)
    e.push(e.let(f"trunc i64 {_length(e, pointer)} to i32"))


def _array_fill(e: FunctionEmitter, imm: object, i: int) -> None:
    storage = _field_of(e, cast(int, imm)).storage
    word, start, value, count = e.pops(4)
    count = _widen(e, count)
    place = _range(e, word, _widen(e, start), count, size_of(storage))
    _fill(e, place, count, storage, value)


def _array_copy(e: FunctionEmitter, imm: object, i: int) -> None:
    x, _ = cast(tuple[int, int], imm)
    unit = size_of(_field_of(e, x).storage)
    to, target, from_, source, count = e.pops(5)
    count = _widen(e, count)
    e.unless(e.let(f"icmp ne i64 {to}, 0"), TrapCode.NULL_ARRAY)
    e.unless(e.let(f"icmp ne i64 {from_}, 0"), TrapCode.NULL_ARRAY)
    place = _range(e, to, _widen(e, target), count, unit)
    origin = _range(e, from_, _widen(e, source), count, unit)
    _move(e, place, origin, e.let(f"mul i64 {count}, {unit}"))


# --- i31 -----------------------------------------------------------------------------------------


def _ref_i31(e: FunctionEmitter, imm: object, i: int) -> None:
    shifted = e.let(f"shl i32 {e.pop()}, 1")
    e.push(_widen(e, e.let(f"or i32 {shifted}, 1")))


def _i31_get(op: str) -> Emit:
    def emit(e: FunctionEmitter, imm: object, i: int) -> None:
        word = e.pop()
        e.unless(e.let(f"icmp ne i64 {word}, 0"), TrapCode.NULL_I31)
        e.push(e.let(f"{op} i32 {e.let(f'trunc i64 {word} to i32')}, 1"))

    return emit


def _same(e: FunctionEmitter, imm: object, i: int) -> None:
    """any.convert_extern, extern.convert_any: one representation serves both."""


OBJECTS: Final[dict[int, Emit]] = {
    Op.STRUCT_NEW: _struct_new,
    Op.STRUCT_NEW_DEFAULT: _struct_new_default,
    Op.STRUCT_NEW_DESC: _struct_new_desc,
    Op.STRUCT_NEW_DEFAULT_DESC: _struct_new_default_desc,
    Op.REF_GET_DESC: _get_desc,
    Op.STRUCT_GET: _struct_get(False),
    Op.STRUCT_GET_S: _struct_get(True),
    Op.STRUCT_GET_U: _struct_get(False),
    Op.STRUCT_SET: _struct_set,
    Op.ARRAY_NEW: _array_new,
    Op.ARRAY_NEW_DEFAULT: _array_new_default,
    Op.ARRAY_NEW_FIXED: _array_new_fixed,
    Op.ARRAY_NEW_DATA: _array_new_segment("datas"),
    Op.ARRAY_NEW_ELEM: _array_new_segment("elems"),
    Op.ARRAY_GET: _array_get(False),
    Op.ARRAY_GET_S: _array_get(True),
    Op.ARRAY_GET_U: _array_get(False),
    Op.ARRAY_SET: _array_set,
    Op.ARRAY_LEN: _array_len,
    Op.ARRAY_FILL: _array_fill,
    Op.ARRAY_COPY: _array_copy,
    Op.ARRAY_INIT_DATA: _array_init_segment("datas"),
    Op.ARRAY_INIT_ELEM: _array_init_segment("elems"),
    Op.REF_I31: _ref_i31,
    Op.REF_I31_SHARED: _ref_i31,
    Op.I31_GET_S: _i31_get("ashr"),
    Op.I31_GET_U: _i31_get("lshr"),
    Op.ANY_CONVERT_EXTERN: _same,
    Op.EXTERN_CONVERT_ANY: _same,
}
