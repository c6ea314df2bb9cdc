"""The only place that knows when two types are the same and when one matches another (spec 3.3).

Types are compared closed: `roll` turns a recursion group of a module into `DefType`s that are
canonical in the whole process (spec 3.1, iso-recursive equality), so that equality is identity
and subtyping one look-up. Within a module nothing needs to be closed first: every matching
function takes the module's `types` and looks indices up on the way. For closed types, as linking
has them, `types` is left out.

Nothing here recurses: a closed type is matched without looking inside, and how far a type may be
from the root of its hierarchy is limited by validation.
"""

import itertools
from collections.abc import Sequence
from wadjet.base.records import dataclass
from typing import Final
from weakref import WeakKeyDictionary
from weakref import ref as weak

from wadjet.core.types import (
    ANY, ARRAY, CONT, EQ, EXN, EXTERN, FUNC, I31, NOCONT, NOEXN, NOEXTERN, NOFUNC, NONE, STRUCT,
    AbsHeap, ArrayType, CompType, ContType, DefType, ExternType, FieldType, FuncType, FuncUse,
    GlobalType, HeapType, Limits, MemoryType, RecType, RefType, StructType, SubType, TableType,
    TagType, ValType, BOT, ref,
)  # fmt: skip

#: Type spaces by index; empty where everything is closed.
Types = Sequence[DefType]

#: The heap type below all others: what a reference from unreachable code points to.
BOT_HEAP: Final = AbsHeap("bot", 0, "bot")
#: any and extern of which is not known whether they are shared: they come from unreachable code,
#: and match both (shared-everything threads, "bot-share").
EITHER_ANY: Final = AbsHeap("any", 0, "any")
EITHER_EXTERN: Final = AbsHeap("extern", 0, "extern")
EITHER: Final = frozenset((EITHER_ANY, EITHER_EXTERN))

#: abstract heap type → all abstract heap types that it matches
_ABOVE: Final[dict[AbsHeap, frozenset[AbsHeap]]] = {
    ANY: frozenset((ANY,)),
    EQ: frozenset((EQ, ANY)),
    I31: frozenset((I31, EQ, ANY)),
    STRUCT: frozenset((STRUCT, EQ, ANY)),
    ARRAY: frozenset((ARRAY, EQ, ANY)),
    NONE: frozenset((NONE, I31, STRUCT, ARRAY, EQ, ANY)),
    FUNC: frozenset((FUNC,)),
    NOFUNC: frozenset((NOFUNC, FUNC)),
    EXTERN: frozenset((EXTERN,)),
    NOEXTERN: frozenset((NOEXTERN, EXTERN)),
    EXN: frozenset((EXN,)),
    NOEXN: frozenset((NOEXN, EXN)),
    CONT: frozenset((CONT,)),
    NOCONT: frozenset((NOCONT, CONT)),
    EITHER_ANY: frozenset((ANY,)),
    EITHER_EXTERN: frozenset((EXTERN,)),
}
#: abstract heap type of a definition → the bottom of its hierarchy
_BOTTOM: Final = {STRUCT: NONE, ARRAY: NONE, FUNC: NOFUNC, CONT: NOCONT}
#: name of a top type → that type
_TOPS: Final = {h.name: h for h in (ANY, FUNC, EXTERN, EXN, CONT)}


# --- canonical types ----------------------------------------------------------------------------

#: A type without the indices: the same for two recursion groups exactly if they are equal.
_Key = tuple[object, ...]
_NUMBERS: Final = itertools.count(1)

# Key of a group (wrapped in a frozenset, which can be referred to weakly) → its members (likewise).
# Keys name other types by their ids, so they keep nothing alive; `DefType.anchor` keeps key and
# members alive as long as any type of the group lives. `setdefault` is atomic: when two threads
# roll the same group at once, both get the same types.
_GROUPS: Final[WeakKeyDictionary[frozenset[_Key], weak[frozenset[DefType]]]] = WeakKeyDictionary()


def canonical_types(groups: Sequence[RecType]) -> list[DefType]:
    """The closed types of a module's type section, by type index.

    The groups must be well-formed: indices in range, supertypes before their subtypes.
    """
    types: list[DefType] = []
    for group in groups:
        roll(group, types)
    return types


def roll(group: RecType, types: list[DefType]) -> None:
    """Append to `types` the closed types of the recursion group that follows them (spec 3.1)."""
    if not group.subs:
        return
    start = len(types)
    token = frozenset((tuple([_sub_key(sub, types, start) for sub in group.subs]),))
    held = _GROUPS.get(token)
    members = None if held is None else held()
    if members is None:
        built = _close_group(group, types)
        mine = frozenset(built)
        for t in built:
            t.anchor = (token, mine)
        offered = weak(mine)
        while members is None:  # None only while an equal group of another thread is just dying
            members = _GROUPS.setdefault(token, offered)()
    types[start:] = next(iter(members)).group


def _sub_key(sub: SubType, types: Types, start: int) -> _Key:
    supers = tuple(_heap_key(x, types, start) for x in sub.supers)
    describes = None if sub.describes is None else _heap_key(sub.describes, types, start)
    descriptor = None if sub.descriptor is None else _heap_key(sub.descriptor, types, start)
    comp = _comp_key(sub.comp, types, start)
    return (sub.final, sub.shared, supers, describes, descriptor, comp)


def _comp_key(comp: CompType, types: Types, start: int) -> _Key:
    if isinstance(comp, FuncType):
        params = tuple([_val_key(t, types, start) for t in comp.params])
        return (FUNC, params, tuple([_val_key(t, types, start) for t in comp.results]))
    if isinstance(comp, StructType):
        fields = [(_val_key(f.storage, types, start), f.mutable) for f in comp.fields]
        return (STRUCT, tuple(fields))
    if isinstance(comp, ArrayType):
        return (ARRAY, _val_key(comp.field.storage, types, start), comp.field.mutable)
    return (CONT, _heap_key(comp.func, types, start))


def _val_key(t: ValType, types: Types, start: int) -> object:
    if isinstance(t, RefType) and not isinstance(t.heap, AbsHeap):
        return (t.nullable, t.exact, _heap_key(t.heap, types, start))
    return t


def _heap_key(heap: HeapType, types: Types, start: int) -> object:
    """Types of earlier groups by id (positive), of this group by position (negative)."""
    if isinstance(heap, int):
        return types[heap].id if heap < start else start - heap - 1
    return heap.id if isinstance(heap, DefType) else heap


def _close_group(group: RecType, types: list[DefType]) -> tuple[DefType, ...]:
    """New types for a group that is not known yet; they are appended to `types` as well."""
    built = tuple(
        [
            DefType(next(_NUMBERS), i, heap_of(sub.comp), sub.final, sub.shared)
            for i, sub in enumerate(group.subs)
        ]
    )
    types.extend(built)
    for t, sub in zip(built, group.subs, strict=True):
        t.group = built
        t.comp = close_comp(sub.comp, types)
        t.supers = tuple([types[x] for x in sub.supers])
        if t.supers:
            t.supertypes = (*t.supers[0].supertypes, t)
            t.depth = len(t.supertypes) - 1
        if sub.describes is not None:
            t.describes = types[sub.describes]
        if sub.descriptor is not None:
            t.descriptor = types[sub.descriptor]
    return built


def heap_of(comp: CompType) -> AbsHeap:
    """The abstract heap type just above a definition: func, struct, array or cont."""
    if isinstance(comp, FuncType):
        return FUNC
    if isinstance(comp, StructType):
        return STRUCT
    return ARRAY if isinstance(comp, ArrayType) else CONT


# --- closing: from indices to defined types (spec 3.1) -------------------------------------------


def close(t: ValType, types: Types) -> ValType:
    """The closed form of a value or storage type."""
    return close_ref(t, types) if isinstance(t, RefType) else t


def close_ref(t: RefType, types: Types) -> RefType:
    """The closed form of a reference type."""
    if isinstance(t.heap, int):
        return ref(t.nullable, types[t.heap], t.exact, t.shared)
    return t


def close_comp(comp: CompType, types: Types) -> CompType:
    """The closed form of a definition."""
    if isinstance(comp, FuncType):
        params = tuple([close(t, types) for t in comp.params])
        return FuncType(params, tuple([close(t, types) for t in comp.results]))
    if isinstance(comp, StructType):
        return StructType(tuple([_close_field(f, types) for f in comp.fields]))
    if isinstance(comp, ArrayType):
        return ArrayType(_close_field(comp.field, types))
    return ContType(types[comp.func] if isinstance(comp.func, int) else comp.func)


def _close_field(field: FieldType, types: Types) -> FieldType:
    return FieldType(close(field.storage, types), field.mutable)


def close_table(t: TableType, types: Types) -> TableType:
    """The closed form of a table type."""
    return TableType(close_ref(t.element, types), t.limits, t.shared)


def close_global(t: GlobalType, types: Types) -> GlobalType:
    """The closed form of a global type."""
    return GlobalType(close(t.value, types), t.mutable, t.shared)


@dataclass(frozen=True, slots=True)
class ClosedFunc:
    """The external type of a function. `exact`: of this very type, not of a subtype. The type of
    a function that exists is always exact."""

    type: DefType
    exact: bool = False


@dataclass(frozen=True, slots=True)
class ClosedTag:
    """The external type of a tag."""

    type: DefType


#: An external type that names no indices: what linking compares.
ClosedExtern = ClosedFunc | TableType | MemoryType | GlobalType | ClosedTag


def close_extern(t: ExternType, types: Types) -> ClosedExtern:
    """The closed form of the type of an import or export."""
    if isinstance(t, FuncUse):
        return ClosedFunc(types[t.type], t.exact)
    if isinstance(t, TagType):
        return ClosedTag(types[t.type])
    if isinstance(t, TableType):
        return close_table(t, types)
    return close_global(t, types) if isinstance(t, GlobalType) else t


# --- matching (spec 3.3): does the first type match (is it a subtype of) the second? -------------


def match_def(t1: DefType, t2: DefType) -> bool:
    """Defined types: equal, or t2 is among the declared supertypes of t1 (spec 3.3.10)."""
    if t1 is t2:
        return True
    depth = t2.depth
    return depth < t1.depth and t1.supertypes[depth] is t2


def match_ref(t1: RefType, t2: RefType, types: Types = ()) -> bool:
    """Reference types with their heap types (spec 3.3.3, 3.3.4; custom descriptors: exactness)."""
    if t1 is t2:
        return True
    if t1.nullable and not t2.nullable:
        return False
    h1, h2 = t1.heap, t2.heap
    if isinstance(h1, int):
        h1 = types[h1]
    if isinstance(h2, int):
        h2 = types[h2]
    if isinstance(h1, AbsHeap):
        if isinstance(h2, AbsHeap):
            if h1 is BOT_HEAP:
                return True
            return h2 in _ABOVE[h1] and (t1.shared == t2.shared or h1 in EITHER)
        return h1 is BOT_HEAP or (h1 is _BOTTOM[h2.heap] and t1.shared == h2.shared)
    if isinstance(h2, AbsHeap):
        return h2 in _ABOVE[h1.heap] and h1.shared == t2.shared
    if t2.exact:
        return h1 is h2 and t1.exact
    return match_def(h1, h2)


def match_val(t1: ValType, t2: ValType, types: Types = ()) -> bool:
    """Value types; also storage types, since packed types match only themselves (spec 3.3.5)."""
    if t1 is t2 or t1 is BOT:
        return True
    return isinstance(t1, RefType) and isinstance(t2, RefType) and match_ref(t1, t2, types)


def match_results(ts1: Sequence[ValType], ts2: Sequence[ValType], types: Types = ()) -> bool:
    """Result types: as many, and each matches (spec 3.3.6)."""
    if len(ts1) != len(ts2):
        return False
    return all(match_val(t1, t2, types) for t1, t2 in zip(ts1, ts2, strict=True))


def match_func(t1: FuncType, t2: FuncType, types: Types = ()) -> bool:
    """Function types: parameters the other way round (spec 3.3.8)."""
    return match_results(t2.params, t1.params, types) and match_results(
        t1.results, t2.results, types
    )


def match_field(f1: FieldType, f2: FieldType, types: Types = ()) -> bool:
    """Field types: mutable ones must match both ways (spec 3.3.9)."""
    if f1.mutable != f2.mutable or not match_val(f1.storage, f2.storage, types):
        return False
    return not f1.mutable or match_val(f2.storage, f1.storage, types)


def match_comp(t1: CompType, t2: CompType, types: Types = ()) -> bool:
    """Definitions: structs may have more fields than their supertype (spec 3.3.8)."""
    if isinstance(t1, FuncType):
        return isinstance(t2, FuncType) and match_func(t1, t2, types)
    if isinstance(t1, StructType):
        if not isinstance(t2, StructType) or len(t1.fields) < len(t2.fields):
            return False
        pairs = zip(t1.fields, t2.fields, strict=False)
        return all(match_field(f1, f2, types) for f1, f2 in pairs)
    if isinstance(t1, ArrayType):
        return isinstance(t2, ArrayType) and match_field(t1.field, t2.field, types)
    if not isinstance(t2, ContType):
        return False
    return match_def(_def_of(t1.func, types), _def_of(t2.func, types))


def _def_of(heap: HeapType, types: Types) -> DefType:
    found = types[heap] if isinstance(heap, int) else heap
    assert isinstance(found, DefType), "a continuation type names a function type"
    return found


def match_limits(l1: Limits, l2: Limits) -> bool:
    """Limits: at least the minimum, at most the maximum, if there is one (spec 3.3.11)."""
    if l1.addr is not l2.addr or l1.min < l2.min:
        return False
    return l2.max is None or (l1.max is not None and l1.max <= l2.max)


def match_table(t1: TableType, t2: TableType, types: Types = ()) -> bool:
    """Table types: the same element type, limits that match (spec 3.3.15)."""
    return (
        t1.shared == t2.shared
        and match_limits(t1.limits, t2.limits)
        and match_ref(t1.element, t2.element, types)
        and match_ref(t2.element, t1.element, types)
    )


def match_memory(t1: MemoryType, t2: MemoryType) -> bool:
    """Memory types: the same page size, limits that match (spec 3.3.14)."""
    same = t1.shared == t2.shared and t1.page_log2 == t2.page_log2
    return same and match_limits(t1.limits, t2.limits)


def match_global(t1: GlobalType, t2: GlobalType, types: Types = ()) -> bool:
    """Global types: mutable ones must match both ways (spec 3.3.13)."""
    if t1.mutable != t2.mutable or t1.shared != t2.shared:
        return False
    if not match_val(t1.value, t2.value, types):
        return False
    return not t1.mutable or match_val(t2.value, t1.value, types)


def match_extern(t1: ClosedExtern, t2: ClosedExtern) -> bool:
    """External types, closed: does what is given (t1) fit what an import asks for (spec 3.3.16)?"""
    if isinstance(t1, ClosedFunc):
        if not isinstance(t2, ClosedFunc):
            return False
        if t2.exact:
            return t1.exact and t1.type is t2.type
        return match_def(t1.type, t2.type)
    if isinstance(t1, ClosedTag):
        return isinstance(t2, ClosedTag) and t1.type is t2.type
    if isinstance(t1, TableType):
        return isinstance(t2, TableType) and match_table(t1, t2)
    if isinstance(t1, MemoryType):
        return isinstance(t2, MemoryType) and match_memory(t1, t2)
    return isinstance(t2, GlobalType) and match_global(t1, t2)


# --- around a type --------------------------------------------------------------------------------


def top(t: RefType, types: Types = ()) -> RefType:
    """The nullable reference to the top of the hierarchy that `t` belongs to (spec 3.3.3)."""
    heap = types[t.heap] if isinstance(t.heap, int) else t.heap
    if isinstance(heap, DefType):
        return ref(True, _TOPS[heap.heap.top], False, heap.shared)
    return ref(True, _TOPS[heap.top], False, t.shared)


def diff(t1: RefType, t2: RefType) -> RefType:
    """What is left of t1 when it is known not to be a t2: only null can be ruled out."""
    return ref(False, t1.heap, t1.exact, t1.shared) if t2.nullable else t1


def is_shared(t: ValType, types: Types = ()) -> bool:
    """May the type live in shared objects? Numbers and vectors may, references if marked so."""
    if not isinstance(t, RefType):
        return True
    heap = types[t.heap] if isinstance(t.heap, int) else t.heap
    return heap.shared if isinstance(heap, DefType) else t.shared


def defaultable(t: ValType) -> bool:
    """Does the type have a default value: zero or null (spec 3.2.1)?"""
    return not isinstance(t, RefType) or t.nullable
