"""Table and reference instructions (spec 4.6.2, 4.6.6)."""

from typing import Final, cast

from wadjet.core.opcodes import Op
from wadjet.core.types import I32
from wadjet.engine.contract.layout import VM_TABLE
from wadjet.engine.contract.libcalls import (
    ELEM_DROP, TABLE_COPY, TABLE_FILL, TABLE_GROW, TABLE_INIT,
)  # fmt: skip
from wadjet.engine.contract.traps import TrapCode
from wadjet.engine.emit.calls import func_word, table_element
from wadjet.engine.emit.control import branch_if
from wadjet.engine.emit.function import Emit, FunctionEmitter
from wadjet.engine.emit.libcalls import libcall
from wadjet.engine.emit.memory import narrow, widen


def _is_small(e: FunctionEmitter, table: int) -> bool:
    return e.unit.tables[table].limits.addr is I32


def _get(e: FunctionEmitter, imm: object, i: int) -> None:
    slot = table_element(e, cast(int, imm), e.pop(), TrapCode.OUT_OF_BOUNDS_TABLE)
    e.push(e.let(f"load i64, ptr {slot}, align 8, !tbaa !4"))


def _set(e: FunctionEmitter, imm: object, i: int) -> None:
    index, value = e.pops(2)
    slot = table_element(e, cast(int, imm), index, TrapCode.OUT_OF_BOUNDS_TABLE)
    e.emit(f"store {e.unit.lasting}i64 {value}, ptr {slot}, align 8, !tbaa !4")


def _size(e: FunctionEmitter, imm: object, i: int) -> None:
    table = cast(int, imm)
    struct = e.fixed("ptr", "%ctx", e.unit.layout("tables", table))
    length = e.word("i64", struct, VM_TABLE["length"])
    e.push(narrow(e, length, _is_small(e, table)))


def _grow(e: FunctionEmitter, imm: object, i: int) -> None:
    table = cast(int, imm)
    value, count = e.pops(2)
    small = _is_small(e, table)
    old = libcall(e, TABLE_GROW, [str(table), widen(e, count, small), value])
    e.push(narrow(e, old, small))


def _fill(e: FunctionEmitter, imm: object, i: int) -> None:
    table = cast(int, imm)
    small = _is_small(e, table)
    start, value, count = e.pops(3)
    libcall(e, TABLE_FILL, [str(table), widen(e, start, small), value, widen(e, count, small)])


def _copy(e: FunctionEmitter, imm: object, i: int) -> None:
    to, from_ = cast(tuple[int, int], imm)
    small_to, small_from = _is_small(e, to), _is_small(e, from_)
    target, source, count = e.pops(3)
    args = [widen(e, target, small_to), widen(e, source, small_from)]
    args.append(widen(e, count, small_to or small_from))
    libcall(e, TABLE_COPY, [str(to), str(from_), *args])


def _init(e: FunctionEmitter, imm: object, i: int) -> None:
    segment, table = cast(tuple[int, int], imm)
    target, source, count = e.pops(3)
    args = [widen(e, target, _is_small(e, table)), widen(e, source, True), widen(e, count, True)]
    libcall(e, TABLE_INIT, [str(table), str(segment), *args])


def _drop(e: FunctionEmitter, imm: object, i: int) -> None:
    libcall(e, ELEM_DROP, [str(cast(int, imm))])


def _is_null(e: FunctionEmitter, imm: object, i: int) -> None:
    e.push_flag(f"icmp eq i64 {e.pop()}, 0")


def _eq(e: FunctionEmitter, imm: object, i: int) -> None:
    first, second = e.pops(2)
    e.push_flag(f"icmp eq i64 {first}, {second}")


def _as_non_null(e: FunctionEmitter, imm: object, i: int) -> None:
    value = e.stack[-1]
    e.unless(e.let(f"icmp ne i64 {value}, 0"), TrapCode.NULL_REFERENCE)


def _br_on_null(e: FunctionEmitter, imm: object, i: int) -> None:
    value = e.pop()
    branch_if(e, e.let(f"icmp eq i64 {value}, 0"), cast(int, imm))
    e.push(value)


def _br_on_non_null(e: FunctionEmitter, imm: object, i: int) -> None:
    branch_if(e, e.let(f"icmp ne i64 {e.stack[-1]}, 0"), cast(int, imm))
    e.pop()


def _func(e: FunctionEmitter, imm: object, i: int) -> None:
    e.push(func_word(e, cast(int, imm)))


TABLES: Final[dict[int, Emit]] = {
    Op.TABLE_GET: _get,
    Op.TABLE_SET: _set,
    Op.TABLE_SIZE: _size,
    Op.TABLE_GROW: _grow,
    Op.TABLE_FILL: _fill,
    Op.TABLE_COPY: _copy,
    Op.TABLE_INIT: _init,
    Op.ELEM_DROP: _drop,
    Op.REF_IS_NULL: _is_null,
    Op.REF_FUNC: _func,
    Op.REF_EQ: _eq,
    Op.REF_AS_NON_NULL: _as_non_null,
    Op.BR_ON_NULL: _br_on_null,
    Op.BR_ON_NON_NULL: _br_on_non_null,
}
