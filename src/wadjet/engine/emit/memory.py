"""Memory instructions (spec 4.6.9): addresses, bounds, loads, stores, bulk operations.

Where a memory lies in a guarded reservation (32-bit addresses, 64 KiB pages) the hardware checks
every access: base + zero-extended address + offset cannot leave the reservation. Elsewhere the
check is explicit, against the current length.

`volatile` keeps each access where the program put it: LLVM would otherwise drop a load nobody
uses, although it may trap, or move a store across one that traps.
"""

from typing import Final, cast

from wadjet.core.body import MemArg
from wadjet.core.opcodes import BY_NAME, Op
from wadjet.core.types import I32
from wadjet.engine.contract.layout import VM_CONTEXT, VM_MEMORY, VM_SEGMENT
from wadjet.engine.contract.libcalls import MEMORY_GROW
from wadjet.engine.contract.traps import TrapCode
from wadjet.engine.emit.function import Emit, FunctionEmitter
from wadjet.engine.emit.libcalls import libcall


def memory_pointer(e: FunctionEmitter, memory: int) -> str:
    """The VMMemory of a memory."""
    if memory == 0:
        return e.fixed("ptr", "%ctx", VM_CONTEXT["memory"])
    return e.fixed("ptr", "%ctx", e.unit.layout("memories", memory))


def memory_base(e: FunctionEmitter, memory: int) -> str:
    """The base address of a memory: it never moves, so it is loaded once per function."""
    if memory == 0:
        return e.hoist("mem", "%ctx", VM_CONTEXT["memory_base"])
    struct = e.hoist(f"memory{memory}", "%ctx", e.unit.layout("memories", memory))
    return e.hoist(f"mem{memory}", struct, VM_MEMORY["base"])


def is_guarded(e: FunctionEmitter, memory: int) -> bool:
    """Whether the hardware checks accesses to this memory."""
    type_ = e.unit.memories[memory]
    return e.unit.settings.guards and type_.limits.addr is I32 and type_.page_log2 == 16


def widen(e: FunctionEmitter, address: str, is_i32: bool) -> str:
    """An address or a count as i64."""
    if not is_i32:
        return address
    if not address.startswith("%"):
        return str(int(address) & 0xFFFFFFFF)
    return e.let(f"zext i32 {address} to i64")


def is_memory32(e: FunctionEmitter, memory: int) -> bool:
    """Whether addresses of this memory are i32."""
    return e.unit.memories[memory].limits.addr is I32


def address(e: FunctionEmitter, operand: str, arg: MemArg, size: int) -> str:
    """The machine address of an access of `size` bytes, checked where the hardware does not."""
    if is_guarded(e, arg.memory) and not e.unit.settings.raw:
        if e.watch is not None and arg.memory == 0:
            e.watch.accesses.append((operand, arg.offset, size))
        return _at(e, _guarded(e, operand, arg.memory), arg.offset)
    wide = widen(e, operand, is_memory32(e, arg.memory))
    if e.unit.settings.raw:
        return e.let(f"inttoptr i64 {e.let(f'add i64 {wide}, {arg.offset}')} to ptr")
    _check(e, wide, arg, size)
    return _at(e, _pointer(e, wide, arg.memory), arg.offset)


def _guarded(e: FunctionEmitter, operand: str, memory: int) -> str:
    """Where an operand points to; programs like to use one several times in a row."""
    key = operand if memory == 0 else f"{memory} {operand}"
    found = e.known.get(key)
    if found is None:
        found = e.known[key] = _pointer(e, widen(e, operand, True), memory)
    return found


def _pointer(e: FunctionEmitter, wide: str, memory: int) -> str:
    return e.let(f"getelementptr i8, ptr {memory_base(e, memory)}, i64 {wide}")


def _at(e: FunctionEmitter, pointer: str, offset: int) -> str:
    return e.let(f"getelementptr i8, ptr {pointer}, i64 {offset}") if offset else pointer


def _check(e: FunctionEmitter, wide: str, arg: MemArg, size: int) -> None:
    """address + offset + size ≤ length, without wrapping."""
    length = e.word("i64", memory_pointer(e, arg.memory), VM_MEMORY["length"])
    reach = arg.offset + size
    if reach >= 1 << 64:
        e.unless("false", TrapCode.OUT_OF_BOUNDS_MEMORY)
        return
    least = e.let(f"icmp uge i64 {length}, {reach}")
    room = e.let(f"sub i64 {length}, {reach}")
    fits = e.let(f"icmp ule i64 {wide}, {room}")
    e.unless(e.let(f"and i1 {least}, {fits}"), TrapCode.OUT_OF_BOUNDS_MEMORY)


def volatile(e: FunctionEmitter) -> str:
    """The qualifier of guest accesses."""
    return "volatile " if e.unit.settings.strict_order else ""


def _load(type_: str, access: str, extend: str) -> Emit:
    size = {"float": 4, "double": 8}.get(access) or int(access[1:]) // 8

    def emit(e: FunctionEmitter, imm: object, i: int) -> None:
        arg = cast(MemArg, imm)
        pointer = address(e, e.pop(), arg, size)
        value = e.let(f"load {volatile(e)}{access}, ptr {pointer}, align 1, !tbaa !3")
        e.push(e.let(f"{extend} {access} {value} to {type_}") if extend else value)

    return emit


def _store(type_: str, access: str) -> Emit:
    size = {"float": 4, "double": 8}.get(access) or int(access[1:]) // 8

    def emit(e: FunctionEmitter, imm: object, i: int) -> None:
        arg = cast(MemArg, imm)
        operand, value = e.pops(2)
        pointer = address(e, operand, arg, size)
        if access != type_:
            value = e.let(f"trunc {type_} {value} to {access}")
        e.emit(f"store {volatile(e)}{access} {value}, ptr {pointer}, align 1, !tbaa !3")

    return emit


def _size(e: FunctionEmitter, imm: object, i: int) -> None:
    memory = cast(int, imm)
    length = e.word("i64", memory_pointer(e, memory), VM_MEMORY["length"])
    pages = e.let(f"lshr i64 {length}, {e.unit.memories[memory].page_log2}")
    e.push(narrow(e, pages, is_memory32(e, memory)))


def narrow(e: FunctionEmitter, value: str, is_i32: bool) -> str:
    """An i64 as the address type."""
    return e.let(f"trunc i64 {value} to i32") if is_i32 else value


def _grow(e: FunctionEmitter, imm: object, i: int) -> None:
    memory = cast(int, imm)
    small = is_memory32(e, memory)
    delta = widen(e, e.pop(), small)
    e.push(narrow(e, libcall(e, MEMORY_GROW, [str(memory), delta]), small))


# --- bulk ----------------------------------------------------------------------------------------


def _span(e: FunctionEmitter, memory: int, start: str, count: str) -> str:
    """Check that [start, start + count) lies in a memory; its machine address."""
    length = e.word("i64", memory_pointer(e, memory), VM_MEMORY["length"])
    check_span(e, length, start, count, TrapCode.OUT_OF_BOUNDS_MEMORY)
    return e.let(f"getelementptr i8, ptr {memory_base(e, memory)}, i64 {start}")


def check_span(e: FunctionEmitter, length: str, start: str, count: str, trap: int) -> None:
    """start + count ≤ length, without wrapping; all i64."""
    least = e.let(f"icmp ule i64 {count}, {length}")
    room = e.let(f"sub i64 {length}, {count}")
    fits = e.let(f"icmp ule i64 {start}, {room}")
    e.unless(e.let(f"and i1 {least}, {fits}"), trap)


def _fill(e: FunctionEmitter, imm: object, i: int) -> None:
    memory = cast(int, imm)
    small = is_memory32(e, memory)
    start, value, count = e.pops(3)
    start, count = widen(e, start, small), widen(e, count, small)
    pointer = _span(e, memory, start, count)
    byte = e.let(f"trunc i32 {value} to i8")
    e.unit.declare("memset", "declare void @llvm.memset.p0.i64(ptr, i8, i64, i1)")
    e.emit(f"call void @llvm.memset.p0.i64(ptr {pointer}, i8 {byte}, i64 {count}, i1 true)")


def _copy(e: FunctionEmitter, imm: object, i: int) -> None:
    to, from_ = cast(tuple[int, int], imm)
    to32, from32 = is_memory32(e, to), is_memory32(e, from_)
    start, source, count = e.pops(3)
    count = widen(e, count, to32 or from32)
    target = _span(e, to, widen(e, start, to32), count)
    origin = _span(e, from_, widen(e, source, from32), count)
    e.unit.declare("memmove", "declare void @llvm.memmove.p0.p0.i64(ptr, ptr, i64, i1)")
    e.emit(f"call void @llvm.memmove.p0.p0.i64(ptr {target}, ptr {origin}, i64 {count}, i1 true)")


def _init(e: FunctionEmitter, imm: object, i: int) -> None:
    data, memory = cast(tuple[int, int], imm)
    start, source, count = e.pops(3)
    count, source = widen(e, count, True), widen(e, source, True)
    target = _span(e, memory, widen(e, start, is_memory32(e, memory)), count)
    segment = e.unit.layout("datas", data)
    length = e.word("i64", "%ctx", segment + VM_SEGMENT["length"])
    check_span(e, length, source, count, TrapCode.OUT_OF_BOUNDS_MEMORY)
    base = e.word("ptr", "%ctx", segment + VM_SEGMENT["base"])
    origin = e.let(f"getelementptr i8, ptr {base}, i64 {source}")
    e.unit.declare("memmove", "declare void @llvm.memmove.p0.p0.i64(ptr, ptr, i64, i1)")
    e.emit(f"call void @llvm.memmove.p0.p0.i64(ptr {target}, ptr {origin}, i64 {count}, i1 true)")


def _drop(e: FunctionEmitter, imm: object, i: int) -> None:
    drop_segment(e, e.unit.layout("datas", cast(int, imm)))


def drop_segment(e: FunctionEmitter, segment: int) -> None:
    """A dropped segment is one of length zero."""
    slot = e.let(f"getelementptr i8, ptr %ctx, i64 {segment + VM_SEGMENT['length']}")
    e.emit(f"store i64 0, ptr {slot}, align 8, !tbaa !4")


def _accesses() -> dict[str, Emit]:
    rows: dict[str, Emit] = {}
    for t, llvm in (("i32", "i32"), ("i64", "i64"), ("f32", "float"), ("f64", "double")):
        rows[f"{t}.load"] = _load(llvm, llvm, "")
        rows[f"{t}.store"] = _store(llvm, llvm)
    for t in ("i32", "i64"):
        for width in (8, 16, 32):
            if width < int(t[1:]):
                rows[f"{t}.store{width}"] = _store(t, f"i{width}")
                rows[f"{t}.load{width}_s"] = _load(t, f"i{width}", "sext")
                rows[f"{t}.load{width}_u"] = _load(t, f"i{width}", "zext")
    return rows


MEMORY: Final[dict[int, Emit]] = {BY_NAME[n][0].op: emit for n, emit in _accesses().items()} | {
    Op.MEMORY_SIZE: _size,
    Op.MEMORY_GROW: _grow,
    Op.MEMORY_FILL: _fill,
    Op.MEMORY_COPY: _copy,
    Op.MEMORY_INIT: _init,
    Op.DATA_DROP: _drop,
}
