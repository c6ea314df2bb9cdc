"""Rules of atomic accesses to globals, tables, structs and arrays (shared-everything threads)."""

from typing import Any, Final

from wadjet.core.accesses import ACCESSES, Access, plain
from wadjet.core.subtyping import is_shared, match_ref
from wadjet.core.types import (
    ANY, EQ, I8, I16, I32, I64, AbsHeap, NumType, RefType, ValType, ref,
)  # fmt: skip
from wadjet.core.validate.code import Checker, Effect, Rule
from wadjet.core.validate.rules import NOTHING


def _rule(access: Access) -> Rule:
    def rule(c: Checker, imm: tuple[int, ...]) -> Effect:
        where, storage = _PLACES[access.place](c, access, plain(imm))
        _check_storage(c, access, storage)
        value = I32 if storage in (I8, I16) else storage
        if access.verb == "get":
            return where, [value]
        if access.verb == "set":
            return [*where, value], NOTHING
        if access.verb == "cmpxchg":
            return [*where, _expected(c, value), value], [value]
        return [*where, value], [value]

    return rule


def _expected(c: Checker, value: ValType) -> ValType:
    """What cmpxchg compares with: any reference that has an identity, where it is about those."""
    return ref(True, EQ, False, is_shared(value, c.types)) if isinstance(value, RefType) else value


# --- places -------------------------------------------------------------------------------------

#: The operands that say where, and what is stored there.
_Place = tuple[list[ValType], ValType]


def _global(c: Checker, access: Access, x: int) -> _Place:
    if x >= len(c.context.globals):
        c.fail(f"unknown global {x}: global index out of bounds")
    found = c.global_(x)
    if access.verb != "get" and not found.mutable:
        c.fail(f"immutable global {x}: global is immutable, expected a mutable one")
    return NOTHING, found.value


def _table(c: Checker, _access: Access, x: int) -> _Place:
    found = c.table(x)
    return [found.limits.addr], found.element


def _struct(c: Checker, access: Access, imm: tuple[int, int]) -> _Place:
    x, i = imm
    field = c.field(x, i)
    if access.verb != "get" and not field.mutable:
        c.fail(f"immutable field {i} of type {x}: field is immutable, expected a mutable one")
    if access.verb == "get" and not access.sign and field.storage is not field.unpacked:
        c.fail("can only use struct `get` with non-packed storage types")
    return [ref(True, x)], field.storage


def _array(c: Checker, access: Access, x: int) -> _Place:
    field = c.array_type(x)
    if access.verb != "get" and not field.mutable:
        c.fail(f"immutable array type {x}: array is immutable, expected a mutable one")
    if access.verb == "get" and not access.sign and field.storage is not field.unpacked:
        c.fail("cannot use array.get with packed storage types")
    return [ref(True, x), I32], field.storage


_PLACES: Final[dict[str, Any]] = {
    "global": _global,
    "table": _table,
    "struct": _struct,
    "array": _array,
}


# --- what may be accessed -----------------------------------------------------------------------


def _allowed(access: Access) -> tuple[tuple[NumType, ...], AbsHeap | None]:
    """The numbers that an access works on, and the references: those below a heap type."""
    if access.sign:
        return (I8, I16), None
    if access.is_arithmetic:
        return (I32, I64), None
    heap = EQ if access.verb == "cmpxchg" else ANY
    if access.place == "table":
        return (), heap
    if access.verb == "set" and access.place != "global":
        return (I8, I16, I32, I64), heap
    return (I32, I64), heap


def _check_storage(c: Checker, access: Access, storage: ValType) -> None:
    numbers, heap = _allowed(access)
    if isinstance(storage, RefType):
        fits = heap is not None and _is_below(c, storage, heap)
    else:
        fits = storage in numbers
    if fits:
        return
    if access.sign:
        c.fail(
            f"cannot use {access.place}.get{access.sign} with non-packed storage types: "
            f"found {storage}"
        )
    name = f"{access.place}.atomic.rmw.*" if access.is_arithmetic else access.name
    c.fail(f"invalid type: `{name}` only allows {_spell(numbers, heap)}, found {storage}")


def _is_below(c: Checker, t: RefType, heap: AbsHeap) -> bool:
    return match_ref(t, ref(True, heap, False, is_shared(t, c.types)), c.types)


def _spell(numbers: tuple[NumType, ...], heap: AbsHeap | None) -> str:
    """The types in words."""
    words = [f"`{number}`" for number in numbers]
    if heap is not None:
        words.append(f"subtypes of `{heap}ref`")
    *first, last = words
    return f"{', '.join(first)} and {last}" if first else last


RULES: Final[dict[int, Rule]] = {op: _rule(access) for op, access in ACCESSES.items()}
