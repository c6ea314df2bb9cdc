"""Constants, parametric and variable instructions (spec 4.6.1, 4.6.4, 4.6.5)."""

from typing import Final, cast

from wadjet.core.opcodes import Op
from wadjet.core.types import RefType, ValType
from wadjet.engine.contract.layout import CELL
from wadjet.engine.emit.function import Emit, FunctionEmitter
from wadjet.engine.emit.llvmtypes import float_bits, llvm_type

_LANE: Final = (1 << 64) - 1


def _const(e: FunctionEmitter, imm: object, i: int) -> None:
    e.push(str(imm))


def _f32_const(e: FunctionEmitter, imm: object, i: int) -> None:
    e.push(float_bits(cast(int, imm), double=False))


def _f64_const(e: FunctionEmitter, imm: object, i: int) -> None:
    e.push(float_bits(cast(int, imm), double=True))


def _v128_const(e: FunctionEmitter, imm: object, i: int) -> None:
    bits = cast(int, imm)
    e.push(f"<i64 {bits & _LANE}, i64 {bits >> 64}>")


def _drop(e: FunctionEmitter, imm: object, i: int) -> None:
    e.pop()


def _select(e: FunctionEmitter, imm: object, i: int) -> None:
    flag = e.condition(e.pop())
    first, second = e.pops(2)
    t = llvm_type(e.facts.types[i])
    e.push(e.let(f"select i1 {flag}, {t} {first}, {t} {second}"))


def _select_t(e: FunctionEmitter, imm: object, i: int) -> None:
    flag = e.condition(e.pop())
    first, second = e.pops(2)
    t = llvm_type(cast(tuple[ValType, ...], imm)[0])
    e.push(e.let(f"select i1 {flag}, {t} {first}, {t} {second}"))


def _local_get(e: FunctionEmitter, imm: object, i: int) -> None:
    x = cast(int, imm)
    if not e.quick:
        e.stack.append(e.locals[x])
        return
    name = e.known.get(x)
    if name is None:
        name = e.known[x] = e.let(f"load {e.local_types[x]}, ptr %l{x}")
    e.stack.append(name)


def _local_set(e: FunctionEmitter, imm: object, i: int) -> None:
    _assign(e, cast(int, imm), e.stack.pop())


def _local_tee(e: FunctionEmitter, imm: object, i: int) -> None:
    _assign(e, cast(int, imm), e.stack[-1])


def _assign(e: FunctionEmitter, x: int, value: str) -> None:
    if e.quick:
        e.known[x] = value
        e.lines.append(f"store {e.local_types[x]} {value}, ptr %l{x}")
    else:
        e.locals[x] = value


def _cell(e: FunctionEmitter, index: int) -> str:
    """The address of a global's cell: inside the context, or elsewhere if it is imported."""
    layout = e.unit.layout
    imported = len(e.unit.globals) - len(e.unit.module.globals)
    if index >= imported:
        return e.let(f"getelementptr i8, ptr %ctx, i64 {layout('cells', index - imported)}")
    return e.fixed("ptr", "%ctx", layout("globals", index))


def _global_get(e: FunctionEmitter, imm: object, i: int) -> None:
    index = cast(int, imm)
    type_ = e.unit.globals[index]
    t = llvm_type(type_.value)
    cell = _cell(e, index)
    fixed = "" if type_.mutable else ", !invariant.load !0"
    e.push(e.let(f"load {t}, ptr {cell}, align {_align(t)}, !tbaa !4{fixed}"))


def _global_set(e: FunctionEmitter, imm: object, i: int) -> None:
    index = cast(int, imm)
    t = llvm_type(e.unit.globals[index].value)
    value = e.pop()
    cell = _cell(e, index)
    e.emit(f"store {e.unit.lasting}{t} {value}, ptr {cell}, align {_align(t)}, !tbaa !4")


def _align(type_: str) -> int:
    return {"i32": 4, "float": 4, "<2 x i64>": CELL}.get(type_, 8)


def _ref_null(e: FunctionEmitter, imm: object, i: int) -> None:
    assert isinstance(imm, RefType)
    e.push("0")


VARIABLES: Final[dict[int, Emit]] = {
    Op.I32_CONST: _const,
    Op.I64_CONST: _const,
    Op.F32_CONST: _f32_const,
    Op.F64_CONST: _f64_const,
    Op.V128_CONST: _v128_const,
    Op.DROP: _drop,
    Op.SELECT: _select,
    Op.SELECT_T: _select_t,
    Op.LOCAL_GET: _local_get,
    Op.LOCAL_SET: _local_set,
    Op.LOCAL_TEE: _local_tee,
    Op.GLOBAL_GET: _global_get,
    Op.GLOBAL_SET: _global_set,
    Op.REF_NULL: _ref_null,
}
