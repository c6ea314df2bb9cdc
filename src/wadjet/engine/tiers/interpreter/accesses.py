"""Atomic accesses to globals, tables, structs and arrays: plain ones, one after the other."""

from collections.abc import Callable
from typing import Any, Final

from wadjet.core.accesses import ACCESSES, Access, plain
from wadjet.core.numerics import integers
from wadjet.core.types import FieldType, NumType, ValType
from wadjet.engine.gc.aggregates import array_field, struct_fields
from wadjet.engine.tiers.interpreter.aggregates import AGGREGATES
from wadjet.engine.tiers.interpreter.tables import TABLES
from wadjet.engine.tiers.interpreter.unit import Plain, Unit, Work

_PLAIN: Final = TABLES | AGGREGATES
_ARITHMETIC: Final[dict[str, Callable[[int], Work]]] = {
    "add": integers.iadd,
    "sub": integers.isub,
    "and": integers.iand,
    "or": integers.ior,
    "xor": integers.ixor,
}


def _make(access: Access) -> Callable[[Unit, Any], Work]:
    def make(unit: Unit, imm: Any) -> Work:
        rest = plain(imm)
        read = _PLAIN[access.read].make(unit, rest)
        if access.verb == "get":
            return read
        write = _PLAIN[access.write].make(unit, rest)
        if access.verb == "set":
            return write
        if access.verb == "cmpxchg":
            return _compare_exchange(read, write)
        if access.verb == "xchg":
            return _modify(read, write, lambda _old, value: value)
        storage = _storage(unit, access, rest)
        assert isinstance(storage, NumType), "arithmetic is about numbers"
        return _modify(read, write, _ARITHMETIC[access.verb](8 * storage.size))

    return make


def _modify(read: Work, write: Work, operation: Work) -> Work:
    def rmw(*operands: int) -> int:
        *where, value = operands
        old: int = read(*where)
        write(*where, operation(old, value))
        return old

    return rmw


def _compare_exchange(read: Work, write: Work) -> Work:
    def cmpxchg(*operands: int) -> int:
        *where, expected, value = operands
        old: int = read(*where)
        if old == expected:
            write(*where, value)
        return old

    return cmpxchg


def _storage(unit: Unit, access: Access, imm: Any) -> ValType:
    """What is stored there."""
    if access.place == "global":
        value: ValType = unit.instance.globals[imm].type.value
        return value
    types = unit.instance.types
    field: FieldType = (
        struct_fields(types[imm[0]])[imm[1]]
        if access.place == "struct"
        else array_field(types[imm])
    )
    return field.storage


SHARED: Final[dict[int, Plain]] = {
    op: Plain(access.operands, access.results, _make(access)) for op, access in ACCESSES.items()
}
