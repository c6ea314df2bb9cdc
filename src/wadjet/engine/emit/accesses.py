"""Atomic accesses to globals, tables, structs and arrays: plain ones, one after the other."""

from typing import Final, cast

from wadjet.core.accesses import ACCESSES, Access, plain
from wadjet.core.types import ArrayType, StructType, ValType
from wadjet.engine.emit.function import Emit, FunctionEmitter
from wadjet.engine.emit.llvmtypes import llvm_type
from wadjet.engine.emit.objects import OBJECTS
from wadjet.engine.emit.tables import TABLES
from wadjet.engine.emit.variables import VARIABLES

_PLAIN: Final = VARIABLES | TABLES | OBJECTS


def _access(access: Access) -> Emit:
    read, write = _PLAIN[access.read], _PLAIN[access.write]

    def get(e: FunctionEmitter, imm: object, i: int) -> None:
        read(e, plain(imm), i)

    def put(e: FunctionEmitter, imm: object, i: int) -> None:
        write(e, plain(imm), i)

    def modify(e: FunctionEmitter, imm: object, i: int) -> None:
        operands = e.pops(access.operands)
        where, values = operands[: access.where], operands[access.where :]
        for operand in where:
            e.push(operand)
        read(e, plain(imm), i)
        old = e.pop()
        new = _combine(e, access, _type(e, access, plain(imm)), old, values)
        for operand in (*where, new):
            e.push(operand)
        write(e, plain(imm), i)
        e.push(old)

    return {"get": get, "set": put}.get(access.verb, modify)


def _combine(e: FunctionEmitter, access: Access, type_: str, old: str, values: list[str]) -> str:
    """What is stored instead of the old value."""
    if access.verb == "xchg":
        return values[0]
    if access.verb == "cmpxchg":
        expected, value = values
        same = e.let(f"icmp eq {type_} {old}, {expected}")
        return e.let(f"select i1 {same}, {type_} {value}, {type_} {old}")
    return e.let(f"{access.verb} {type_} {old}, {values[0]}")


def _type(e: FunctionEmitter, access: Access, imm: object) -> str:
    """The machine type of what is stored there."""
    return llvm_type(_storage(e, access, imm))


def _storage(e: FunctionEmitter, access: Access, imm: object) -> ValType:
    if access.place == "global":
        return e.unit.globals[cast(int, imm)].value
    if access.place == "table":
        return e.unit.tables[cast(int, imm)].element
    if access.place == "struct":
        x, index = cast(tuple[int, int], imm)
        comp = e.unit.valid.types[x].comp
        assert isinstance(comp, StructType), "a valid index names a struct type"
        return comp.fields[index].storage
    comp = e.unit.valid.types[cast(int, imm)].comp
    assert isinstance(comp, ArrayType), "a valid index names an array type"
    return comp.field.storage


SHARED: Final[dict[int, Emit]] = {op: _access(access) for op, access in ACCESSES.items()}
