"""Constant expressions (spec 3.4.2): what initialises globals, tables and segments."""

from collections.abc import Callable
from typing import Final

from wadjet.core.body import Body
from wadjet.core.opcodes import Op, row
from wadjet.core.types import DefType
from wadjet.engine.gc import aggregates
from wadjet.engine.gc.aggregates import Make, struct_fields
from wadjet.engine.gc.objects import ObjectHeap
from wadjet.engine.runtime.instance import Instance


def evaluate(body: Body, instance: Instance) -> int:
    """The raw value of a valid constant expression in an instance whose functions exist and
    whose globals exist as far as the expression names them."""
    special = _SPECIAL.get(body.ops[0])
    if special is not None and len(body) == 2:
        return special(body.imms[0], instance)
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


#: instructions that make an object of the type that their immediate names first
_FACTORIES: Final[dict[int, Callable[[ObjectHeap, DefType], Make]]] = {
    Op.STRUCT_NEW: aggregates.new_struct,
    Op.STRUCT_NEW_DEFAULT: aggregates.new_default_struct,
    Op.STRUCT_NEW_DESC: aggregates.new_struct_desc,
    Op.STRUCT_NEW_DEFAULT_DESC: aggregates.new_default_struct_desc,
    Op.ARRAY_NEW: aggregates.new_array,
    Op.ARRAY_NEW_DEFAULT: aggregates.new_default_array,
    Op.ARRAY_NEW_FIXED: aggregates.new_fixed_array,
}
#: how many operands they take, where that does not depend on the type
_COUNTS: Final = {
    Op.STRUCT_NEW_DEFAULT: 0,
    Op.STRUCT_NEW_DEFAULT_DESC: 1,
    Op.ARRAY_NEW: 2,
    Op.ARRAY_NEW_DEFAULT: 1,
}
#: conversions between externref and anyref: the word stays the same (see `Store.extern`)
_CONVERSIONS: Final = (Op.ANY_CONVERT_EXTERN, Op.EXTERN_CONVERT_ANY)


def _operate(op: int, imm: object, stack: list[int], instance: Instance) -> None:
    """An instruction with operands: arithmetic, or making an object."""
    if op in _CONVERSIONS:
        return
    if op in (Op.REF_I31, Op.REF_I31_SHARED):
        stack.append((stack.pop() & 0x7FFF_FFFF) << 1 | 1)
        return
    if op in _FACTORIES:
        index, count = _object(op, imm, instance)
        work: Make = _FACTORIES[op](instance.store.heap, instance.types[index])
    else:
        # imported here: most modules do without, and these tables take milliseconds to build
        from wadjet.core.numerics import NUMERICS

        params = row(op).params
        assert params is not None, "arithmetic has a fixed effect"
        work, count = NUMERICS[op], len(params)
    start = len(stack) - count
    operands = stack[start:]
    del stack[start:]
    stack.append(work(*operands))


def _object(op: int, imm: object, instance: Instance) -> tuple[int, int]:
    """The type that an object is to have and the number of operands that make it."""
    if isinstance(imm, tuple):  # array.new_fixed
        return imm
    assert isinstance(imm, int), "a type index"
    if op in _COUNTS:
        return imm, _COUNTS[op]
    fields = len(struct_fields(instance.types[imm]))
    return imm, fields + (op == Op.STRUCT_NEW_DESC)
