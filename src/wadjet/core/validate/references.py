"""Rules of the instructions on references and aggregates (spec 3.4.3, 3.4.10 to 3.4.14)."""

from typing import Final

from wadjet.core import limits
from wadjet.core.opcodes import Op
from wadjet.core.subtyping import (
    EITHER, EITHER_ANY, EITHER_EXTERN, defaultable, diff, is_shared, match_ref, match_val, top,
)  # fmt: skip
from wadjet.core.types import (
    ANY, CONT, EQ, EXTERN, I32, AbsHeap, FieldType, RefType, ValType,
    ref,
)  # fmt: skip
from wadjet.core.validate.context import spell
from wadjet.core.validate.code import BOT_REF, Checker, Effect, Rule
from wadjet.core.validate.rules import NOTHING, tail_call

_I32: Final[list[ValType]] = [I32]


# --- references ---------------------------------------------------------------------------------


def ref_null(c: Checker, t: RefType) -> Effect:
    """Null of a type."""
    c.check(t)
    return NOTHING, [t]


def ref_func(c: Checker, x: int) -> Effect:
    """A function that is mentioned outside of code."""
    c.func(x)
    if x not in c.context.refs:
        c.fail(f"undeclared function reference {x}: no element segment, export or global names it")
    return NOTHING, [ref(False, c.context.funcs[x], c.context.exact_funcs[x])]


def ref_is_null(c: Checker, _: None) -> Effect:
    """Takes any reference."""
    c.note(c.pop_ref())
    return NOTHING, _I32


def non_null(t: RefType) -> RefType:
    """The type without null."""
    return ref(False, t.heap, t.exact, t.shared) if t.nullable else t


def ref_as_non_null(c: Checker, _: None) -> Effect:
    """Traps on null."""
    t = c.pop_ref()
    c.note(t)
    return NOTHING, [non_null(t)]


def ref_eq(c: Checker, _: None) -> Effect:
    """Two references that have an identity, both shared or both not."""
    t2 = c.pop_ref()
    t1 = c.pop_ref()
    c.note(t1)
    shared = is_shared(t2 if t1 is BOT_REF else t1, c.types)
    for t in (t1, t2):
        expect_below(c, t, EQ, shared)
    return NOTHING, _I32


def expect_below(c: Checker, t: RefType, heap: AbsHeap, shared: bool) -> None:
    """Reject a reference that does not match this abstract type, or is shared otherwise."""
    if not match_ref(t, ref(True, heap, False, shared), c.types):
        wanted = f"(shared {heap})" if shared else f"{heap}"
        c.fail(f"type mismatch: expected subtype of {wanted}, found {t.heap} for {c.name()}: {t}")


def ref_test(c: Checker, t: RefType) -> Effect:
    """Any reference of the same hierarchy."""
    _castable(c, t)
    return NOTHING, _I32


def ref_cast(c: Checker, t: RefType) -> Effect:
    """Like ref.test, and what it is then."""
    _castable(c, t)
    return NOTHING, [t]


def _castable(c: Checker, t: RefType) -> None:
    cast_target(c, t)
    found = c.pop_ref()
    c.note(found)
    expected = top(t, c.types)
    if not match_ref(found, expected, c.types):
        if found.heap in EITHER:
            found = ref(found.nullable, found.heap, False, expected.shared)
        c.fail(f"type mismatch: expected {expected}, found {found} for {c.name()}")


def cast_target(c: Checker, t: RefType) -> None:
    """A type that casts can tell: continuations carry no type at run time."""
    c.check(t)
    if top(t, c.types).heap is CONT:
        c.fail(f"invalid cast to continuation type {t}")


# --- branches on references ---------------------------------------------------------------------


def br_on_null(c: Checker, label: int) -> Effect:
    """Null stays behind when it branches."""
    t = c.pop_ref()
    c.note(t)
    types = c.label(label)
    return types, [*types, non_null(t)]


def br_on_non_null(c: Checker, label: int) -> Effect:
    """The reference goes along when it branches."""
    t = c.pop_ref()
    c.note(t)
    types = branch_operands(c, label, non_null(t))
    return types, types


def br_on_cast(c: Checker, imm: tuple[int, RefType, RefType]) -> Effect:
    """Branches with what it was cast to."""
    label, t1, t2 = imm
    check_cast(c, t1, t2)
    types = branch_operands(c, label, t2)
    return [*types, t1], [*types, diff(t1, t2)]


def br_on_cast_fail(c: Checker, imm: tuple[int, RefType, RefType]) -> Effect:
    """Branches with what it was not cast from."""
    label, t1, t2 = imm
    check_cast(c, t1, t2)
    types = branch_operands(c, label, diff(t1, t2))
    return [*types, t1], [*types, t2]


def check_cast(c: Checker, t1: RefType, t2: RefType) -> None:
    """A cast goes down; with custom descriptors, anywhere in the same hierarchy."""
    c.check(t1)
    cast_target(c, t2)
    if "custom-descriptors" in c.context.features:
        good = top(t1, c.types) is top(t2, c.types)
    else:
        good = match_ref(t2, t1, c.types)
    if not good:
        c.fail(f"type mismatch on cast: type {t2} does not match {t1}")


def branch_operands(c: Checker, label: int, t: RefType) -> list[ValType]:
    """What a branch takes along besides a last operand of type `t`."""
    types = c.label(label)
    if not types:
        c.fail(f"type mismatch: {c.name()} to label with empty types, it takes {t} along")
    if not match_val(t, types[-1], c.types):
        c.fail(f"type mismatch: {c.name()} requires type {t} but label has {spell(types)}")
    return types[:-1]


# --- calls through references -------------------------------------------------------------------


def call_ref(c: Checker, x: int) -> Effect:
    """The function is on top."""
    sig = c.func_type(x)
    return [*sig.params, ref(True, x)], sig.results


def return_call_ref(c: Checker, x: int) -> None:
    """A call through a reference whose results are those of the caller."""
    sig = c.func_type(x)
    tail_call(c, [*sig.params, ref(True, x)], sig.results)


# --- structures ---------------------------------------------------------------------------------


def struct_new(c: Checker, x: int) -> Effect:
    """Takes all fields."""
    return struct_fields(c, x, None), [fresh(c, x)]


def struct_new_default(c: Checker, x: int) -> Effect:
    """All fields must have a default."""
    default_fields(c, x, None)
    return NOTHING, [fresh(c, x)]


def fresh(c: Checker, x: int) -> RefType:
    """A reference to what was just made: its type is exactly known."""
    return ref(False, x, "custom-descriptors" in c.context.features)


def struct_fields(c: Checker, x: int, descriptor: int | None) -> list[ValType]:
    """What making a structure takes."""
    _described(c, x, descriptor)
    return [f.unpacked for f in c.struct_type(x).fields]


def default_fields(c: Checker, x: int, descriptor: int | None) -> None:
    """Look whether a structure can be made from defaults."""
    _described(c, x, descriptor)
    for i, f in enumerate(c.struct_type(x).fields):
        if not defaultable(f.storage):
            c.fail(f"type mismatch: field type is not defaultable: field {i} has {f.storage}")


def _described(c: Checker, x: int, descriptor: int | None) -> None:
    """What has a descriptor is allocated with it, the rest without (custom descriptors)."""
    needed = c.defined(x).descriptor
    if needed is not None and descriptor is None:
        c.fail(f"type with descriptor requires descriptor allocation: {needed} describes {x}")


def struct_get(c: Checker, imm: tuple[int, int]) -> Effect:
    """Reads a field that is not packed."""
    x, i = imm
    f = c.field(x, i)
    unpacked(c, f, False)
    return [ref(True, x)], [f.storage]


def struct_get_packed(c: Checker, imm: tuple[int, int]) -> Effect:
    """Reads a packed field and extends it."""
    x, i = imm
    unpacked(c, c.field(x, i), True)
    return [ref(True, x)], _I32


def unpacked(c: Checker, f: FieldType, packed: bool) -> None:
    """Packed storage is read with a sign, other storage without."""
    if (f.storage is not f.unpacked) != packed:
        if packed:
            c.fail(f"type mismatch: {c.name()} needs packed storage, found {f.storage}")
        c.fail(f"type mismatch: {c.name()} cannot read packed storage, found {f.storage}")


def struct_set(c: Checker, imm: tuple[int, int]) -> Effect:
    """Writes a field, if it may."""
    x, i = imm
    f = c.field(x, i)
    if not f.mutable:
        c.fail(f"immutable field {i} of type {x}: field is immutable, expected a mutable one")
    return [ref(True, x), f.unpacked], NOTHING


# --- arrays -------------------------------------------------------------------------------------


def array_new(c: Checker, x: int) -> Effect:
    """Takes what all elements hold, and how many."""
    return [c.array_type(x).unpacked, I32], [fresh(c, x)]


def array_new_default(c: Checker, x: int) -> Effect:
    """The elements must have a default."""
    f = c.array_type(x)
    if not defaultable(f.storage):
        c.fail(f"type mismatch: array type is not defaultable: its elements have {f.storage}")
    return _I32, [fresh(c, x)]


def array_new_fixed(c: Checker, imm: tuple[int, int]) -> Effect:
    """Takes every element."""
    x, n = imm
    f = c.array_type(x)
    if n > limits.ARRAY_FIXED:
        c.fail(f"too many operands of array.new_fixed: {n}, the limit is {limits.ARRAY_FIXED}")
    frame = c.ctrls[-1]
    if frame.unreachable:  # only those that are there need to be looked at
        n = min(n, len(c.vals) - frame.height - 1)
    return [f.unpacked] * n, [fresh(c, x)]


def array_new_data(c: Checker, imm: tuple[int, int]) -> Effect:
    """Elements from a data segment: numbers or vectors."""
    x, y = imm
    _from_data(c, c.array_type(x), y)
    return [I32, I32], [fresh(c, x)]


def array_new_elem(c: Checker, imm: tuple[int, int]) -> Effect:
    """Elements from an element segment: references."""
    x, y = imm
    _from_elem(c, c.array_type(x), y)
    return [I32, I32], [fresh(c, x)]


def _from_data(c: Checker, f: FieldType, y: int) -> None:
    if isinstance(f.storage, RefType):
        c.fail(f"array type is not numeric or vector: its elements have {f.storage}")
    c.data(y)


def _from_elem(c: Checker, f: FieldType, y: int) -> None:
    t = c.elem(y)
    if not match_val(t, f.storage, c.types):
        c.fail(f"type mismatch: the array holds {f.storage}, found {t} in elem segment {y}")


def array_get(c: Checker, x: int) -> Effect:
    """Reads an element that is not packed."""
    f = c.array_type(x)
    unpacked(c, f, False)
    return [ref(True, x), I32], [f.storage]


def array_get_packed(c: Checker, x: int) -> Effect:
    """Reads a packed element and extends it."""
    unpacked(c, c.array_type(x), True)
    return [ref(True, x), I32], _I32


def mutable_array(c: Checker, x: int) -> FieldType:
    """The elements of an array that may be written."""
    f = c.array_type(x)
    if not f.mutable:
        c.fail(f"immutable array type {x}: array is immutable, expected a mutable one")
    return f


def array_set(c: Checker, x: int) -> Effect:
    """Writes an element."""
    return [ref(True, x), I32, mutable_array(c, x).unpacked], NOTHING


def array_fill(c: Checker, x: int) -> Effect:
    """Takes where, what, and how many."""
    return [ref(True, x), I32, mutable_array(c, x).unpacked, I32], NOTHING


def array_copy(c: Checker, imm: tuple[int, int]) -> Effect:
    """From the second array to the first."""
    x, y = imm
    f1 = mutable_array(c, x)
    f2 = c.array_type(y)
    if not match_val(f2.storage, f1.storage, c.types):
        c.fail(f"array types do not match: {f2.storage} does not fit into {f1.storage}")
    return [ref(True, x), I32, ref(True, y), I32, I32], NOTHING


def array_init_data(c: Checker, imm: tuple[int, int]) -> Effect:
    """Elements from a data segment."""
    x, y = imm
    _from_data(c, mutable_array(c, x), y)
    return [ref(True, x), I32, I32, I32], NOTHING


def array_init_elem(c: Checker, imm: tuple[int, int]) -> Effect:
    """Elements from an element segment."""
    x, y = imm
    _from_elem(c, mutable_array(c, x), y)
    return [ref(True, x), I32, I32, I32], NOTHING


# --- external references ------------------------------------------------------------------------


def any_convert_extern(c: Checker, _: None) -> Effect:
    """From outside to inside."""
    return _convert(c, EXTERN, ANY)


def extern_convert_any(c: Checker, _: None) -> Effect:
    """From inside to outside."""
    return _convert(c, ANY, EXTERN)


def _convert(c: Checker, source: AbsHeap, target: AbsHeap) -> Effect:
    t = c.pop_ref()
    c.note(t)
    shared = is_shared(t, c.types)
    expected = ref(True, source, False, shared)
    if not match_ref(t, expected, c.types):
        c.fail(f"type mismatch: expected {expected}, found {t} for {c.name()}")
    if (t is BOT_REF and "shared-everything-threads" in c.context.features) or t.heap in EITHER:
        target = EITHER_ANY if target is ANY else EITHER_EXTERN
    return NOTHING, [ref(t.nullable, target, False, shared)]


RULES: Final[dict[int, Rule]] = {
    Op.REF_NULL: ref_null,
    Op.REF_FUNC: ref_func,
    Op.REF_IS_NULL: ref_is_null,
    Op.REF_AS_NON_NULL: ref_as_non_null,
    Op.REF_EQ: ref_eq,
    Op.REF_TEST: ref_test,
    Op.REF_TEST_NULL: ref_test,
    Op.REF_CAST: ref_cast,
    Op.REF_CAST_NULL: ref_cast,
    Op.BR_ON_NULL: br_on_null,
    Op.BR_ON_NON_NULL: br_on_non_null,
    Op.BR_ON_CAST: br_on_cast,
    Op.BR_ON_CAST_FAIL: br_on_cast_fail,
    Op.CALL_REF: call_ref,
    Op.RETURN_CALL_REF: return_call_ref,
    Op.STRUCT_NEW: struct_new,
    Op.STRUCT_NEW_DEFAULT: struct_new_default,
    Op.STRUCT_GET: struct_get,
    Op.STRUCT_GET_S: struct_get_packed,
    Op.STRUCT_GET_U: struct_get_packed,
    Op.STRUCT_SET: struct_set,
    Op.ARRAY_NEW: array_new,
    Op.ARRAY_NEW_DEFAULT: array_new_default,
    Op.ARRAY_NEW_FIXED: array_new_fixed,
    Op.ARRAY_NEW_DATA: array_new_data,
    Op.ARRAY_NEW_ELEM: array_new_elem,
    Op.ARRAY_GET: array_get,
    Op.ARRAY_GET_S: array_get_packed,
    Op.ARRAY_GET_U: array_get_packed,
    Op.ARRAY_SET: array_set,
    Op.ARRAY_FILL: array_fill,
    Op.ARRAY_COPY: array_copy,
    Op.ARRAY_INIT_DATA: array_init_data,
    Op.ARRAY_INIT_ELEM: array_init_elem,
    Op.ANY_CONVERT_EXTERN: any_convert_extern,
    Op.EXTERN_CONVERT_ANY: extern_convert_any,
}
