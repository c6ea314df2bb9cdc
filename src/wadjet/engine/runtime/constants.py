"""Constant expressions (spec 3.4.2): what initialises globals, tables and segments."""

from collections.abc import Callable
from typing import Final

from wadjet.core.body import Body
from wadjet.core.opcodes import Op, row
from wadjet.engine.runtime.instance import Instance


def evaluate(body: Body, instance: Instance) -> int:
    """The raw value of a valid constant expression in an instance whose functions exist and
    whose globals exist as far as the expression names them."""
    stack: list[int] = []
    for op, imm in zip(body.ops[:-1], body.imms):
        special = _SPECIAL.get(op)
        if special is not None:
            stack.append(special(imm, instance))
        else:
            _operate(op, imm, stack, instance)
    assert len(stack) == 1, "a valid constant expression leaves one value"
    return stack[0]


def _i32(imm: object, _: Instance) -> int:
    assert isinstance(imm, int)
    return imm & 0xFFFF_FFFF


def _i64(imm: object, _: Instance) -> int:
    assert isinstance(imm, int)
    return imm & 0xFFFF_FFFF_FFFF_FFFF


def _pattern(imm: object, _: Instance) -> int:
    assert isinstance(imm, int)
    return imm


def _null(_imm: object, _: Instance) -> int:
    return 0


def _global(imm: object, instance: Instance) -> int:
    assert isinstance(imm, int)
    return instance.globals[imm].get_raw()


def _func(imm: object, instance: Instance) -> int:
    assert isinstance(imm, int)
    return instance.func_address(imm)


_SPECIAL: Final[dict[int, Callable[[object, Instance], int]]] = {
    Op.I32_CONST: _i32,
    Op.I64_CONST: _i64,
    Op.F32_CONST: _pattern,
    Op.F64_CONST: _pattern,
    Op.V128_CONST: _pattern,
    Op.REF_NULL: _null,
    Op.GLOBAL_GET: _global,
    Op.REF_FUNC: _func,
}


def _operate(op: int, imm: object, stack: list[int], instance: Instance) -> None:
    """An instruction with operands: arithmetic, or making an object."""
    # imported here: most modules have none, and these tables take milliseconds to build
    from wadjet.core.numerics import NUMERICS

    params = row(op).params
    assert params is not None
    operands = stack[len(stack) - len(params) :]
    del stack[len(stack) - len(params) :]
    stack.append(NUMERICS[op](*operands))
