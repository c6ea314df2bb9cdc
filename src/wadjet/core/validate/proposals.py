"""Rules of the instructions beyond the standard: legacy exceptions, custom descriptors, stack
switching, shared references. Each proposal's own document is the reference."""

from typing import Final

from wadjet.core.body import Handler
from wadjet.core.opcodes import Op
from wadjet.core.subtyping import diff, is_shared, match_ref, match_results, top
from wadjet.core.types import ARRAY, EXN, I31, I32, AbsHeap, ContType, RefType, ValType, ref
from wadjet.core.validate import accesses
from wadjet.core.validate.code import Checker, Effect, Rule
from wadjet.core.validate.context import Signature, spell
from wadjet.core.validate.references import (
    branch_operands, check_cast, default_fields, expect_below, fresh, struct_fields,
)  # fmt: skip
from wadjet.core.validate.rules import NOTHING, block

# --- legacy exceptions --------------------------------------------------------------------------

_HANDLERS: Final = (Op.CATCH, Op.CATCH_ALL)


def catch(c: Checker, x: int) -> None:
    """A handler begins with what the tag carries."""
    _catch(c, Op.CATCH, c.tag(x).params)


def catch_all(c: Checker, _: None) -> None:
    """The last handler begins with nothing."""
    _catch(c, Op.CATCH_ALL, NOTHING)


def _catch(c: Checker, op: int, carried: list[ValType]) -> None:
    frame = c.pop_ctrl()
    assert frame.op in (Op.TRY, Op.CATCH), "a handler belongs to a try and follows no catch_all"
    c.facts.catches.setdefault(frame.start, []).append(c.at)
    c.push_ctrl(op, Signature(carried, frame.sig.results), frame.start)


def delegate(c: Checker, label: int) -> None:
    """Ends a try without handlers; the label is seen from outside."""
    frame = c.pop_ctrl()
    assert frame.op == Op.TRY, "delegate ends a try without handlers"
    c.frame(label)
    c.facts.ends[frame.start] = c.at
    c.push_vals(frame.sig.results)


def rethrow(c: Checker, label: int) -> None:
    """Only from inside a handler."""
    if c.frame(label).op not in _HANDLERS:
        c.fail(f"invalid rethrow label {label}: expected the label of a handler")
    c.unreachable()


# --- custom descriptors -------------------------------------------------------------------------


def struct_new_desc(c: Checker, x: int) -> Effect:
    """Like struct.new, with the descriptor on top."""
    descriptor = _descriptor(c, x)
    fields = struct_fields(c, x, descriptor)
    return [*fields, ref(True, descriptor, True)], [fresh(c, x)]


def struct_new_default_desc(c: Checker, x: int) -> Effect:
    """Like struct.new_default, with the descriptor on top."""
    descriptor = _descriptor(c, x)
    default_fields(c, x, descriptor)
    return [ref(True, descriptor, True)], [fresh(c, x)]


def _descriptor(c: Checker, x: int) -> int:
    found = c.defined(x).descriptor
    if found is None:
        c.fail(f"type without descriptor requires non-descriptor allocation: type {x}")
    return found


def ref_get_desc(c: Checker, x: int) -> Effect:
    """The descriptor of an exact reference is exact."""
    found = c.defined(x).descriptor
    if found is None:
        c.fail(f"type without descriptor {x}: ref.get_desc needs one that has it")
    t = c.pop_ref()
    c.note(t)
    if not match_ref(t, ref(True, x), c.types):
        c.fail(f"type mismatch: expected {ref(True, x)}, found {t} for ref.get_desc")
    return NOTHING, [ref(False, found, match_ref(t, ref(True, x, True), c.types))]


def _wanted_descriptor(c: Checker, t: RefType) -> RefType:
    """The type of descriptor that casting to `t` compares with."""
    c.check(t)
    heap = f"(exact {t.heap})" if t.exact else f"{t.heap}"
    found = c.defined(t.heap).descriptor if isinstance(t.heap, int) else None
    if found is None:
        c.fail(f"type {heap} does not have a descriptor")
    return ref(True, found, t.exact)


def ref_cast_desc_eq(c: Checker, t: RefType) -> Effect:
    """A cast that compares descriptors."""
    descriptor = _wanted_descriptor(c, t)
    return [top(t, c.types), descriptor], [t]


def br_on_cast_desc_eq(c: Checker, imm: tuple[int, RefType, RefType]) -> Effect:
    """Branches with what it was cast to."""
    label, t1, t2 = imm
    check_cast(c, t1, t2)
    types = branch_operands(c, label, t2)
    return [*types, t1, _wanted_descriptor(c, t2)], [*types, diff(t1, t2)]


def br_on_cast_desc_eq_fail(c: Checker, imm: tuple[int, RefType, RefType]) -> Effect:
    """Branches with what it was not cast from."""
    label, t1, t2 = imm
    check_cast(c, t1, t2)
    types = branch_operands(c, label, diff(t1, t2))
    return [*types, t1, _wanted_descriptor(c, t2)], [*types, t2]


# --- stack switching ----------------------------------------------------------------------------


def _cont_type(c: Checker, x: int) -> Signature:
    """The signature of the function of a continuation type."""
    comp = c.defined(x).comp
    if not isinstance(comp, ContType):
        c.fail(f"non-continuation type {x} for {c.name()}")
    assert isinstance(comp.func, int), "a module names types by index"
    return c.func_type(comp.func)


def cont_new(c: Checker, x: int) -> Effect:
    """A function becomes a continuation."""
    _cont_type(c, x)
    comp = c.defined(x).comp
    assert isinstance(comp, ContType)
    return [ref(True, comp.func)], [ref(False, x)]


def cont_bind(c: Checker, imm: tuple[int, int]) -> Effect:
    """Some arguments are given now, the others later."""
    x, y = imm
    sig, rest = _cont_type(c, x), _cont_type(c, y)
    given = len(sig.params) - len(rest.params)
    if given < 0:
        c.fail(f"type mismatch in continuation arguments: type {y} takes more than type {x}")
    _check_func(c, sig.params[given:], sig.results, rest)
    return [*sig.params[:given], ref(True, x)], [ref(False, y)]


def _check_func(
    c: Checker, params: list[ValType], results: list[ValType], expected: Signature
) -> None:
    """Look whether a function type matches the one expected."""
    fits = match_results(expected.params, params, c.types)
    if not fits or not match_results(results, expected.results, c.types):
        c.fail(
            f"type mismatch in continuation types: expected {spell(expected.params)} -> "
            f"{spell(expected.results)}, found {spell(params)} -> {spell(results)}"
        )


def suspend(c: Checker, x: int) -> Effect:
    """To the handler and back."""
    sig = c.tag(x)
    return sig.params, sig.results


def resume(c: Checker, imm: tuple[int, tuple[Handler, ...]]) -> Effect:
    """Runs a continuation under handlers."""
    x, handlers = imm
    sig = _cont_type(c, x)
    _check_handlers(c, handlers, sig.results)
    return [*sig.params, ref(True, x)], sig.results


def resume_throw(c: Checker, imm: tuple[int, int, tuple[Handler, ...]]) -> Effect:
    """Throws into a continuation."""
    x, y, handlers = imm
    sig = _cont_type(c, x)
    carried = c.tag(y).params
    _check_handlers(c, handlers, sig.results)
    return [*carried, ref(True, x)], sig.results


def resume_throw_ref(c: Checker, imm: tuple[int, tuple[Handler, ...]]) -> Effect:
    """Throws an exception that is there into a continuation."""
    x, handlers = imm
    sig = _cont_type(c, x)
    _check_handlers(c, handlers, sig.results)
    return [ref(True, EXN), ref(True, x)], sig.results


def _check_handlers(c: Checker, handlers: tuple[Handler, ...], results: list[ValType]) -> None:
    for handler in handlers:
        tag = c.tag(handler.tag)
        if handler.label is None:
            if tag.params:
                c.fail(f"type mismatch in switch tag {handler.tag}: it carries {spell(tag.params)}")
            continue
        types = c.label(handler.label)
        last = types[-1] if types else None
        if not isinstance(last, RefType) or not isinstance(last.heap, int):
            c.fail(
                "type mismatch: instruction requires concrete continuation reference type "
                f"but label has {spell(types)}"
            )
        _check_func(c, tag.results, results, _cont_type(c, last.heap))
        if not match_results(tag.params, types[:-1], c.types):
            carried = spell([*tag.params, last])
            c.fail(f"type mismatch: label requires {spell(types)} but handler has {carried}")


def switch(c: Checker, imm: tuple[int, int]) -> Effect:
    """Suspends and resumes another continuation at once."""
    x, y = imm
    sig = _cont_type(c, x)
    back = sig.params[-1] if sig.params else None
    if not isinstance(back, RefType) or not isinstance(back.heap, int):
        c.fail(
            "type mismatch: instruction requires continuation reference type "
            f"but the type annotation has {spell(sig.params)}"
        )
    returning = _cont_type(c, back.heap)
    tag = c.tag(y)
    if tag.params:
        c.fail(f"type mismatch in switch tag {y}: it carries {spell(tag.params)}")
    for found, expected in ((sig.results, tag.results), (tag.results, returning.results)):
        if not match_results(found, expected, c.types):
            c.fail(
                "type mismatch in continuation types: "
                f"expected results {spell(expected)}, found {spell(found)}"
            )
    return [*sig.params[:-1], ref(True, x)], returning.params


# --- shared references --------------------------------------------------------------------------


def _either(c: Checker, heap: AbsHeap) -> Effect:
    """Takes a reference, shared or not, and leaves an i32."""
    t = c.pop_ref()
    expect_below(c, t, heap, is_shared(t, c.types))
    return NOTHING, [I32]


def array_len(c: Checker, _: None) -> Effect:
    """Of a shared array as well."""
    return _either(c, ARRAY)


def i31_get(c: Checker, _: None) -> Effect:
    """Of a shared i31 as well."""
    return _either(c, I31)


_OWN: Final[dict[int, Rule]] = {
    Op.TRY: block,
    Op.CATCH: catch,
    Op.CATCH_ALL: catch_all,
    Op.DELEGATE: delegate,
    Op.RETHROW: rethrow,
    Op.STRUCT_NEW_DESC: struct_new_desc,
    Op.STRUCT_NEW_DEFAULT_DESC: struct_new_default_desc,
    Op.REF_GET_DESC: ref_get_desc,
    Op.REF_CAST_DESC_EQ: ref_cast_desc_eq,
    Op.REF_CAST_DESC_EQ_NULL: ref_cast_desc_eq,
    Op.BR_ON_CAST_DESC_EQ: br_on_cast_desc_eq,
    Op.BR_ON_CAST_DESC_EQ_FAIL: br_on_cast_desc_eq_fail,
    Op.CONT_NEW: cont_new,
    Op.CONT_BIND: cont_bind,
    Op.SUSPEND: suspend,
    Op.RESUME: resume,
    Op.RESUME_THROW: resume_throw,
    Op.RESUME_THROW_REF: resume_throw_ref,
    Op.SWITCH: switch,
}
RULES: Final[dict[int, Rule]] = _OWN | accesses.RULES

#: Rules that replace a fixed effect where references may be shared.
SHARED: Final[dict[int, Rule]] = {
    Op.ARRAY_LEN: array_len,
    Op.I31_GET_S: i31_get,
    Op.I31_GET_U: i31_get,
}
