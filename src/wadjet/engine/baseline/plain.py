"""Handlers of the plain rows that the walk does not deal with by itself."""

from typing import Final, cast

from wadjet.core.body import MemArg
from wadjet.core.opcodes import Op, row
from wadjet.engine.baseline.function import FunctionCompiler, Handler
from wadjet.engine.baseline.selection import ACCESSES, BINARY, COMPARE, UNARY
from wadjet.engine.baseline.x86 import CONST32, CONST64

_EQZ: Final = (0x45, 0x50)


def _set(c: FunctionCompiler, imm: object, i: int) -> None:
    c.assign(cast(int, imm), keep=False)


def _tee(c: FunctionCompiler, imm: object, i: int) -> None:
    c.assign(cast(int, imm), keep=True)


def _i64_const(c: FunctionCompiler, imm: object, i: int) -> None:
    c.stack.append(CONST64 + (cast(int, imm) & (1 << 64) - 1))


def _f32_const(c: FunctionCompiler, imm: object, i: int) -> None:
    c.stack.append(CONST32 + cast(int, imm))


def _f64_const(c: FunctionCompiler, imm: object, i: int) -> None:
    c.stack.append(CONST64 + cast(int, imm))


def _unary(op: int) -> Handler:
    return lambda c, imm, i: c.unary(op, i)


def _binary(op: int) -> Handler:
    return lambda c, imm, i: c.binary(op, i)


def _compare(op: int) -> Handler:
    return lambda c, imm, i: c.compare(op, i)


def _load(op: int) -> Handler:
    def handle(c: FunctionCompiler, imm: object, i: int) -> None:
        arg = cast(MemArg, imm)
        if arg.memory:
            c.home.row(c, i)
        else:
            c.load(op, arg, i)

    return handle


def _store(op: int) -> Handler:
    def handle(c: FunctionCompiler, imm: object, i: int) -> None:
        arg = cast(MemArg, imm)
        if arg.memory:
            c.home.row(c, i)
        else:
            c.store(op, arg)

    return handle


PLAIN: Final[dict[int, Handler]] = {
    Op.LOCAL_SET: _set,
    Op.LOCAL_TEE: _tee,
    Op.I64_CONST: _i64_const,
    Op.F32_CONST: _f32_const,
    Op.F64_CONST: _f64_const,
    **{op: _unary(op) for op in UNARY},
    **{op: _binary(op) for op in BINARY},
    **{op: _compare(op) for op in (*COMPARE, *_EQZ)},
    **{op: _load(op) if row(op).results else _store(op) for op in ACCESSES},
}
