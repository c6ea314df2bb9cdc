"""Atomic accesses to memory, wait and notify (threads proposal).

All accesses are sequentially consistent. Unlike others they trap where the address is not a
multiple of the size, which is looked at first; bounds are checked as for all accesses.
"""

import re
from typing import Final, cast

from wadjet.core.body import MemArg
from wadjet.core.opcodes import BY_NAME, ROWS, Row
from wadjet.engine.contract.libcalls import MEMORY_NOTIFY, MEMORY_WAIT
from wadjet.engine.contract.traps import TrapCode
from wadjet.engine.emit.function import Emit, FunctionEmitter
from wadjet.engine.emit.libcalls import libcall
from wadjet.engine.emit.memory import address, is_memory32

_ACCESS: Final = re.compile(
    r"(?P<type>i32|i64)\.atomic\.(?P<verb>load|store|rmw)(8|16|32)?(_u)?(\.(?P<op>[a-z]+)(_u)?)?"
)


def _aligned(e: FunctionEmitter, operand: str, arg: MemArg, size: int) -> str:
    """The machine address of an atomic access."""
    if size > 1:
        t = "i32" if is_memory32(e, arg.memory) else "i64"
        low = e.let(f"add {t} {operand}, {arg.offset % size}")
        rest = e.let(f"and {t} {low}, {size - 1}")
        e.unless(e.let(f"icmp eq {t} {rest}, 0"), TrapCode.UNALIGNED_ATOMIC)
    return address(e, operand, arg, size)


def _read(e: FunctionEmitter, pointer: str, size: int) -> str:
    where = f"ptr {pointer} seq_cst, align {size}"
    return e.let(f"load atomic volatile i{8 * size}, {where}, !tbaa !3")


def _narrow(e: FunctionEmitter, value: str, type_: str, access: str) -> str:
    return value if type_ == access else e.let(f"trunc {type_} {value} to {access}")


def _push(e: FunctionEmitter, value: str, type_: str, access: str) -> None:
    e.push(value if type_ == access else e.let(f"zext {access} {value} to {type_}"))


def _access(row: Row) -> Emit:
    """A load, a store, a read-modify-write or a compare-exchange."""
    found = _ACCESS.fullmatch(row.mnemonic)
    assert found is not None, row
    type_, op, size = found["type"], found["op"], row.natural
    access = f"i{8 * size}"
    order = f"seq_cst, align {size}, !tbaa !3"

    def load(e: FunctionEmitter, imm: object, i: int) -> None:
        pointer = _aligned(e, e.pop(), cast(MemArg, imm), size)
        _push(e, _read(e, pointer, size), type_, access)

    def store(e: FunctionEmitter, imm: object, i: int) -> None:
        operand, value = e.pops(2)
        pointer = _aligned(e, operand, cast(MemArg, imm), size)
        value = _narrow(e, value, type_, access)
        e.emit(f"store atomic volatile {access} {value}, ptr {pointer} {order}")

    def modify(e: FunctionEmitter, imm: object, i: int) -> None:
        operand, value = e.pops(2)
        pointer = _aligned(e, operand, cast(MemArg, imm), size)
        value = _narrow(e, value, type_, access)
        old = e.let(f"atomicrmw volatile {op} ptr {pointer}, {access} {value} {order}")
        _push(e, old, type_, access)

    def exchange(e: FunctionEmitter, imm: object, i: int) -> None:
        operand, expected, value = e.pops(3)
        pointer = _aligned(e, operand, cast(MemArg, imm), size)
        expected, value = (_narrow(e, v, type_, access) for v in (expected, value))
        both = f"{access} {expected}, {access} {value} seq_cst {order}"
        pair = e.let(f"cmpxchg volatile ptr {pointer}, {both}")
        old = e.let(f"extractvalue {{ {access}, i1 }} {pair}, 0")
        _push(e, old, type_, access)

    if op is None:
        return load if found["verb"] == "load" else store
    return exchange if op == "cmpxchg" else modify


def _wait(size: int) -> Emit:
    type_ = f"i{8 * size}"

    def emit(e: FunctionEmitter, imm: object, i: int) -> None:
        arg = cast(MemArg, imm)
        operand, expected, timeout = e.pops(3)
        pointer = _aligned(e, operand, arg, size)
        _read(e, pointer, size)  # it must be accessible
        if not e.unit.memories[arg.memory].shared:
            e.unless("false", TrapCode.EXPECTED_SHARED)
        if size == 4:
            expected = e.let(f"zext {type_} {expected} to i64")
        where = e.let(f"ptrtoint ptr {pointer} to i64")
        status = libcall(e, MEMORY_WAIT, [where, str(size), expected, timeout])
        e.push(e.let(f"trunc i64 {status} to i32"))

    return emit


def _notify(e: FunctionEmitter, imm: object, i: int) -> None:
    operand, count = e.pops(2)
    pointer = _aligned(e, operand, cast(MemArg, imm), 4)
    _read(e, pointer, 4)
    where = e.let(f"ptrtoint ptr {pointer} to i64")
    woken = libcall(e, MEMORY_NOTIFY, [where, e.let(f"zext i32 {count} to i64")])
    e.push(e.let(f"trunc i64 {woken} to i32"))


def _fence(e: FunctionEmitter, imm: object, i: int) -> None:
    e.emit("fence seq_cst")


ATOMICS: Final[dict[int, Emit]] = {
    row.op: _access(row) for row in ROWS if _ACCESS.fullmatch(row.mnemonic)
} | {
    BY_NAME["memory.atomic.notify"][0].op: _notify,
    BY_NAME["memory.atomic.wait32"][0].op: _wait(4),
    BY_NAME["memory.atomic.wait64"][0].op: _wait(8),
    BY_NAME["atomic.fence"][0].op: _fence,
}
