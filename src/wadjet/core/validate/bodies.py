"""Validation of functions and constant expressions (spec 3.4.18, 3.5): the two kinds of code."""

from collections.abc import Iterable, Sequence
from typing import Any, Final

from wadjet.core import limits
from wadjet.core.body import Body
from wadjet.core.features import Features
from wadjet.core.opcodes import Op, row
from wadjet.core.subtyping import defaultable, is_shared
from wadjet.core.types import ArrayType, StructType, ValType
from wadjet.core.validate.code import FLOOR, NO_EFFECT, Checker, Effect, Plan, Rule
from wadjet.core.validate.context import Context, Signature
from wadjet.core.validate.facts import Facts
from wadjet.core.validate.plans import plans

_NONE: Final[list[ValType]] = []


# --- functions ----------------------------------------------------------------------------------


def check_function(cx: Context, index: int) -> Facts:
    """Check the body of a function that the module defines; `index` does not count imports.

    Raises Invalid, and Malformed where the body is read only now.
    """
    return _check(cx, index, plans(cx.features))


#: The types of all operands before an instruction, and after it.
Operands = tuple[list[ValType], list[ValType]]


def operands(cx: Context, index: int, wanted: Iterable[int]) -> dict[int, Operands]:
    """The operands of the instructions with certain ops in a function that is valid, by index."""
    found: dict[int, Operands] = {}
    table = list(plans(cx.features))
    for op in wanted:
        table[op] = (*NO_EFFECT, _recorded(table[op], found))
    _check(cx, index, table)
    return found


def _recorded(plan: Plan, found: dict[int, Operands]) -> Rule:
    """The rule of a plan, with a note of what it does to the operands."""
    ins, outs, rule = plan

    def record(c: Checker, imm: Any) -> Effect | None:
        before = [t for t in c.vals if t is not FLOOR]
        effect = rule(c, imm) if rule is not None else (ins, outs)
        after = [t for t in c.vals if t is not FLOOR]
        if effect is not None:
            after[len(after) - len(effect[0]) :] = effect[1]
        found[c.at] = before, after
        return effect

    return record


def _check(cx: Context, index: int, table: Sequence[Plan]) -> Facts:
    module = cx.module
    code = module.codes[index]
    x = len(cx.funcs) - len(module.funcs) + index
    sig = cx.signatures[cx.funcs[x]]
    assert sig is not None
    runs = code.locals
    c = Checker(cx, code.body, sig.results, x)
    c.locals.extend(sig.params)
    total = 0
    for count, t in runs:
        c.check(t)
        total += count
        if total > limits.LOCALS:
            c.fail(f"too many locals: {total}, the limit is {limits.LOCALS}")
        if not defaultable(t):
            c.unset.update(range(len(c.locals), len(c.locals) + count))
        c.locals.extend([t] * count)
    if cx.subs[cx.funcs[x]].shared:
        _check_shared(c)
    return c.run(table, Signature(_NONE, sig.results))


def _check_shared(c: Checker) -> None:
    """A shared function has shared locals and uses only what is shared."""
    for x, t in enumerate(c.locals):
        if not is_shared(t, c.types):
            c.fail(f"shared functions cannot access unshared locals: local {x} has type {t}")
    for i, op in enumerate(c.ops):
        c.at = i
        kinds = row(op).immediates
        imm = c.imms[i]
        values = imm if isinstance(imm, tuple) and len(kinds) > 1 else (imm,)
        for kind, value in zip(kinds, values, strict=False):
            if isinstance(value, int):
                what = _unshared(c, kind, value)
                if what is not None:
                    c.fail(f"shared functions cannot access unshared {what}: {kind} {value}")
    c.at = 0


def _unshared(c: Checker, kind: str, x: int) -> str | None:
    """What an index means, if that is not shared."""
    if kind == "func":
        c.func(x)
        return None if c.types[c.context.funcs[x]].shared else "functions"
    if kind == "global":
        return None if c.global_(x).shared else "globals"
    if kind == "table":
        return None if c.table(x).shared else "tables"
    if kind == "mem":
        return None if c.memory(x).shared else "memories"
    if kind == "tag":
        c.tag(x)
        return None if c.types[c.context.tags[x]].shared else "tags"
    if kind == "type" and not c.defined(x).shared:
        comp = c.defined(x).comp
        return {StructType: "structs", ArrayType: "arrays"}.get(type(comp), "types")
    return None


# --- constant expressions -----------------------------------------------------------------------

_CONSTANT: Final[dict[str, frozenset[int]]] = {
    "mvp": frozenset(
        (Op.I32_CONST, Op.I64_CONST, Op.F32_CONST, Op.F64_CONST, Op.GLOBAL_GET, Op.END)
    ),
    "simd": frozenset((Op.V128_CONST,)),
    "reference-types": frozenset((Op.REF_NULL, Op.REF_FUNC)),
    "extended-const": frozenset(
        (Op.I32_ADD, Op.I32_SUB, Op.I32_MUL, Op.I64_ADD, Op.I64_SUB, Op.I64_MUL)
    ),
    "gc": frozenset(
        (
            Op.REF_I31, Op.STRUCT_NEW, Op.STRUCT_NEW_DEFAULT, Op.ARRAY_NEW, Op.ARRAY_NEW_DEFAULT,
            Op.ARRAY_NEW_FIXED, Op.ANY_CONVERT_EXTERN, Op.EXTERN_CONVERT_ANY,
        )
    ),
    "custom-descriptors": frozenset((Op.STRUCT_NEW_DESC, Op.STRUCT_NEW_DEFAULT_DESC)),
    "shared-everything-threads": frozenset((Op.REF_I31_SHARED,)),
}  # fmt: skip


_ALLOWED: Final[dict[Features, frozenset[int]]] = {}


def constant_ops(features: Features) -> frozenset[int]:
    """The instructions that a constant expression may consist of (spec 3.4.18)."""
    found = _ALLOWED.get(features)
    if found is None:
        on = [ops for feature, ops in _CONSTANT.items() if feature in features]
        found = _ALLOWED[features] = frozenset().union(*on)
    return found


def check_constant(cx: Context, body: Body, t: ValType, shared: bool = False) -> None:
    """Check a constant expression that gives a `t`; if `shared`, from shared globals only."""
    allowed = constant_ops(cx.features)
    c = Checker(cx, body, _NONE, None)
    for i, op in enumerate(c.ops):
        c.at = i
        if op not in allowed:
            c.fail(f"constant expression required: {c.name()} is not constant")
        if op == Op.GLOBAL_GET:
            x = c.imms[i]
            assert isinstance(x, int)
            _check_global(c, x, shared)
    c.at = 0
    c.run(plans(cx.features), cx.signature((), (t,)))


def _check_global(c: Checker, x: int, shared: bool) -> None:
    """Constants may read immutable globals that come before; without gc, only imported ones."""
    cx = c.context
    if "gc" not in cx.features and x >= cx.imported_globals:
        c.unknown("global", x, cx.imported_globals)
    t = c.global_(x)
    if t.mutable:
        c.fail(f"constant expression required: global {x} is mutable")
    if shared and not t.shared:
        c.fail(f"invalid type: global {x} is not shared, but what it initialises is")
