"""Validation of types (spec 3.2): definitions with their supertypes, and external types."""

from wadjet.core import limits
from wadjet.core.subtyping import is_shared, match_comp, match_def, roll
from wadjet.core.types import (
    FUNCREF, I64, ArrayType, CompType, FuncType, GlobalType, Limits, MemoryType, RecType,
    StructType, SubType, TableType, ValType,
)  # fmt: skip
from wadjet.core.validate.context import Context, Signature, spell


def check_types(cx: Context) -> None:
    """Check all recursion groups in order, and put their types into the context."""
    places = cx.module.type_places
    for group in cx.module.types:
        start, end = cx.limit, cx.limit + len(group.subs)
        check_group(cx, group, [places[x] if x < len(places) else 0 for x in range(start, end)])


def check_group(cx: Context, group: RecType, where: list[int]) -> None:
    """Check one recursion group, its types at these places, and put them into the context."""
    start = cx.limit
    cx.subs.extend(group.subs)
    cx.limit = len(cx.subs)
    if cx.limit > limits.TYPES:
        cx.fail(f"too many types: the limit is {limits.TYPES}", 0)
    _check_members(cx, group, start, where)
    roll(group, cx.types)
    for x, place in enumerate(where, start):
        _check_shared(cx, x, place)
        _check_supers(cx, x, place)
        comp = cx.subs[x].comp
        sig = cx.signature(comp.params, comp.results) if isinstance(comp, FuncType) else None
        cx.signatures.append(sig)


def _check_members(cx: Context, group: RecType, start: int, where: list[int]) -> None:
    """Everything that must hold before the group can be closed."""
    if len(group.subs) != 1 or group.spelled:
        cx.require("gc", "a recursion group", where[0] if where else 0)
    depths: list[int] = []
    for x, (sub, place) in enumerate(zip(group.subs, where, strict=True), start):
        _check_sub(cx, sub, x, place)
        depth = 0
        if sub.supers:
            y = sub.supers[0]
            depth = 1 + (cx.types[y].depth if y < start else depths[y - start])
        if depth > limits.SUBTYPE_DEPTH:
            cx.fail(f"sub type {x} is too deep: the limit is {limits.SUBTYPE_DEPTH}", place)
        depths.append(depth)
    for x, place in enumerate(where, start):
        _check_descriptors(cx, x, start, place)


def _check_sub(cx: Context, sub: SubType, x: int, place: int) -> None:
    if not sub.final or sub.supers or sub.spelled:
        cx.require("gc", "a sub type", place)
    if sub.shared:
        cx.require("shared-everything-threads", "a shared type", place)
    if len(sub.supers) > limits.SUPERTYPES:
        cx.fail(f"sub type {x} has several super types: {len(sub.supers)}", place)
    for y in sub.supers:
        if y >= cx.limit:
            cx.fail(f"unknown type {y}: there are {cx.limit}", place)
        if y >= x:
            cx.fail(f"unknown type: forward use of type {y} in sub type definition {x}", place)
    _check_comp(cx, sub.comp, place)


def _check_comp(cx: Context, comp: CompType, place: int) -> None:
    if isinstance(comp, FuncType):
        _check_many(cx, "parameters", len(comp.params), limits.PARAMS, place)
        _check_many(cx, "results", len(comp.results), limits.RESULTS, place)
        if len(comp.results) > 1:
            cx.require("multi-value", "a function with several results", place)
        _check_values(cx, comp.params, place)
        _check_values(cx, comp.results, place)
    elif isinstance(comp, StructType):
        cx.require("gc", "a structure type", place)
        _check_many(cx, "fields", len(comp.fields), limits.FIELDS, place)
        _check_values(cx, tuple([f.storage for f in comp.fields]), place)
    elif isinstance(comp, ArrayType):
        cx.require("gc", "an array type", place)
        _check_values(cx, (comp.field.storage,), place)
    else:
        cx.require("stack-switching", "a continuation type", place)
        assert isinstance(comp.func, int), "a module names types by index"
        if comp.func >= cx.limit:
            cx.fail(f"unknown type {comp.func}: there are {cx.limit}", place)
        if not isinstance(cx.subs[comp.func].comp, FuncType):
            cx.fail(f"non-function type {comp.func} in a continuation type", place)


def _check_many(cx: Context, what: str, count: int, limit: int, place: int) -> None:
    if count > limit:
        cx.fail(f"too many {what}: {count}, the limit is {limit}", place)


def _check_values(cx: Context, types: tuple[ValType, ...], place: int) -> None:
    for t in types:
        check_value(cx, t, place)


def _check_supers(cx: Context, x: int, place: int) -> None:
    """A type matches its supertype, which is not final."""
    sub = cx.subs[x]
    for y in sub.supers:
        above = cx.subs[y]
        if above.final:
            cx.fail(f"sub type {x} has final super type {y}", place)
        mismatch = f"sub type {x} does not match super type {y}"
        if sub.shared != above.shared:
            cx.fail(f"{mismatch}: a shared sub type must match super type likewise", place)
        _match_clauses(cx, x, y, mismatch, place)
        if not match_comp(sub.comp, above.comp, cx.types):
            cx.fail(mismatch, place)


def _check_shared(cx: Context, x: int, place: int) -> None:
    """What is shared refers only to what is shared."""
    sub = cx.subs[x]
    if not sub.shared:
        return
    comp, types = sub.comp, cx.types
    parts: tuple[ValType, ...]
    if isinstance(comp, FuncType):
        parts = comp.params + comp.results
    elif isinstance(comp, StructType):
        parts = tuple([f.storage for f in comp.fields])
    elif isinstance(comp, ArrayType):
        parts = (comp.field.storage,)
    else:
        assert isinstance(comp.func, int)
        parts = ()
        if not types[comp.func].shared:
            cx.fail(f"shared composite type must contain shared types: type {comp.func}", place)
    for t in parts:
        if not is_shared(t, types):
            cx.fail(f"shared composite type must contain shared types: found {t}", place)


# --- custom descriptors -------------------------------------------------------------------------


def _check_descriptors(cx: Context, x: int, start: int, place: int) -> None:
    """`describes` and `descriptor` are two ends of one bond within a recursion group."""
    sub = cx.subs[x]
    described, descriptor = sub.describes, sub.descriptor
    if described is None and descriptor is None:
        return
    cx.require("custom-descriptors", "a descriptor clause", place)
    if described is not None:
        if not start <= described < cx.limit:
            cx.fail(f"described type is outside rec group: type {described}", place)
        if cx.subs[described].descriptor != x:
            cx.fail(f"described type is not described by descriptor: type {described}", place)
        if described >= x:
            cx.fail(f"forward use of described type {described}", place)
    if descriptor is not None:
        if not start <= descriptor < cx.limit:
            cx.fail(f"descriptor type is outside rec group: type {descriptor}", place)
        if cx.subs[descriptor].describes != x:
            cx.fail(f"type is not described by its descriptor: type {descriptor}", place)
    if not isinstance(sub.comp, StructType):
        which = "descriptor" if descriptor is not None else "described"
        cx.fail(f"{which} type must be a struct: type {x}", place)


def _match_clauses(cx: Context, x: int, y: int, mismatch: str, place: int) -> None:
    """Clauses of a type against those of its supertype."""
    sub, above, types = cx.subs[x], cx.subs[y], cx.types
    if sub.describes is not None and above.describes is not None:
        if not match_def(types[sub.describes], types[above.describes]):
            cx.fail(f"described type {sub.describes} does not match {above.describes}", place)
    elif sub.describes is not above.describes:
        cx.fail(f"{mismatch}: only one of them describes another type", place)
    if above.descriptor is not None:
        if sub.descriptor is None:
            cx.fail(f"{mismatch}: only the super type has a descriptor", place)
        if not match_def(types[sub.descriptor], types[above.descriptor]):
            cx.fail(f"descriptor type {sub.descriptor} does not match {above.descriptor}", place)


# --- external types (spec 3.2.12 to 3.2.16) -----------------------------------------------------


def check_limits(cx: Context, bounds: Limits, most: int, what: str, place: int) -> None:
    """Limits within a range; `what` says which."""
    low, high = bounds.min, bounds.max
    if bounds.addr is I64:
        cx.require("memory64", "a 64-bit address type", place)
    if low > most or (high is not None and high > most):
        cx.fail(what, place)
    if high is not None and low > high:
        cx.fail(f"size minimum must not be greater than maximum: {low} > {high}", place)


def check_memory(cx: Context, t: MemoryType, place: int) -> None:
    """A memory fits into its address space."""
    if t.page_log2 != 16 or t.page_spelled:
        cx.require("custom-page-sizes", "a page size", place)
    if t.page_log2 not in (0, 16):
        cx.fail(f"invalid custom page size: 2**{t.page_log2}, expected 1 or 65536", place)
    bits = 64 if t.limits.addr is I64 else 32
    most = (1 << bits - t.page_log2) - (t.page_log2 == 0)
    what = f"memory size must be at most {most} pages"
    if most == 1 << 16:
        what += " (4GiB)"
    check_limits(cx, t.limits, most, what, place)
    if t.shared:
        cx.require("threads", "a shared memory", place)
        if t.limits.max is None:
            cx.fail("shared memory must have maximum", place)


def check_table(cx: Context, t: TableType, place: int) -> None:
    """A table of references."""
    if t.element is not FUNCREF:
        check_value(cx, t.element, place)
    most = (1 << (64 if t.limits.addr is I64 else 32)) - 1
    check_limits(cx, t.limits, most, f"table size must be at most {most}", place)
    if t.shared:
        cx.require("shared-everything-threads", "a shared table", place)
        if not is_shared(t.element, cx.types):
            cx.fail(f"shared tables must have a shared element type: found {t.element}", place)


def check_global(cx: Context, t: GlobalType, place: int) -> None:
    """A global of any value type."""
    check_value(cx, t.value, place)
    if t.shared:
        cx.require("shared-everything-threads", "a shared global", place)
        if not is_shared(t.value, cx.types):
            cx.fail(f"shared globals must have a shared value type: found {t.value}", place)


def check_value(cx: Context, t: ValType, place: int) -> None:
    """Reject a value type that is not valid."""
    problem = cx.problem(t)
    if problem is not None:
        cx.fail(problem, place)


def check_func_type(cx: Context, x: int, place: int) -> Signature:
    """The signature of a function type that must be there."""
    if x >= cx.limit:
        cx.fail(f"unknown type {x}: there are {cx.limit}", place)
    sig = cx.signatures[x]
    if sig is None:
        cx.fail(f"non-function type {x}", place)
    return sig


def check_tag(cx: Context, x: int, place: int) -> None:
    """A tag carries the parameters of a function type."""
    cx.require("exceptions", "a tag", place)
    sig = check_func_type(cx, x, place)
    if sig.results and "stack-switching" not in cx.features:
        cx.fail(f"non-empty tag result type: {spell(sig.results)}", place)
