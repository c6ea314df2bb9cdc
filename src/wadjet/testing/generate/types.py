"""The type section of a generated module: hierarchies of structs, arrays and functions."""

from wadjet.base.records import replace
from typing import Final

from wadjet.core.types import (
    ANY, ARRAY, EQ, EXN, EXTERN, FUNC, I8, I16, I31, I32, I64, NOCONT, NOEXN, NOEXTERN, NOFUNC,
    NONE, STRUCT, AbsHeap, ArrayType, CompType, ContType, FieldType, FuncType, RefType,
    StructType, SubType, ValType, ref,
)  # fmt: skip
from wadjet.testing.generate.world import World

#: how deep a hierarchy of declared types becomes
_DEPTH: Final = 4


def make_types(w: World) -> None:
    """Fill the type section, and choose the reference types of the module."""
    _abstract(w)
    if w.has("gc"):
        for _ in range(w.rng.randint(2, 5)):
            _objects(w)
        _arrays(w)
    if w.has("function-references"):
        for _ in range(w.rng.randint(1, 3)):
            _functions(w)
    if w.has("custom-descriptors"):
        _descriptors(w)
    if w.has("stack-switching"):
        _continuations(w)


def _abstract(w: World) -> None:
    """Reference types that name no type of the module."""
    heaps: list[AbsHeap] = []
    if w.has("reference-types"):
        heaps += [FUNC, EXTERN]
    if w.has("gc"):
        heaps += [ANY, EQ, I31, STRUCT, ARRAY, NONE, NOFUNC, NOEXTERN]
    if w.has("exceptions"):
        heaps += [EXN]
        if w.has("gc"):
            heaps += [NOEXN]
    bottoms = (NONE, NOFUNC, NOEXTERN, NOEXN, NOCONT)
    for heap in heaps:
        if heap not in bottoms or w.chance(0.2):
            w.refs.append(ref(True, heap))
        if w.has("function-references") and heap not in bottoms and w.chance(0.5):
            w.refs.append(ref(False, heap))


# --- structs and arrays ---------------------------------------------------------------------------


def _objects(w: World) -> None:
    """A recursion group of structs and arrays, some below types that are there already."""
    count = w.rng.choice((1, 1, 2, 3))
    start = len(w.subs)
    subs = [_object(w, start + count) for _ in range(count)]
    w.add_types(*subs, spelled=w.chance(0.2))
    for x in range(start, start + count):
        w.refs.append(ref(True, x))
        if w.chance(0.6):
            w.refs.append(ref(False, x))


def _object(w: World, limit: int) -> SubType:
    parents = [
        x
        for x in (*w.of(StructType), *w.of(ArrayType))
        if not w.subs[x].final and w.closed[x].depth < _DEPTH and w.subs[x].descriptor is None
    ]
    if parents and w.chance(0.5):
        parent = w.rng.choice(parents)
        comp = _below(w, w.subs[parent].comp, limit)
        return SubType(comp, final=w.chance(0.4), supers=(parent,), spelled=True)
    comp = StructType(_fields(w, limit)) if w.chance(0.7) else ArrayType(_field(w, limit))
    final = w.chance(0.3)
    return SubType(comp, final=final, spelled=not final or w.chance(0.2))


def _fields(w: World, limit: int) -> tuple[FieldType, ...]:
    return tuple(_field(w, limit) for _ in range(w.rng.choice((0, 1, 2, 3, 5))))


def _field(w: World, limit: int) -> FieldType:
    return FieldType(_storage(w, limit), w.chance(0.75))


def _storage(w: World, limit: int) -> ValType:
    """What a field holds. A type that has not been made yet is only referred to by references
    that may be null, so that every type has values."""
    kind = w.rng.random()
    if kind < 0.25:
        return w.rng.choice((I8, I16))
    if kind < 0.7:
        return w.rng.choice(w.numbers)
    if kind < 0.85:
        return ref(True, w.rng.randrange(limit))
    return w.rng.choice(w.refs)


def _below(w: World, comp: CompType, limit: int) -> CompType:
    """A definition that may declare this one as its supertype."""
    if isinstance(comp, StructType):
        return StructType((*(_narrower(w, f) for f in comp.fields), *_fields(w, limit)))
    assert isinstance(comp, ArrayType), "one of the two"
    return ArrayType(_narrower(w, comp.field))


def _narrower(w: World, field: FieldType) -> FieldType:
    """Constant fields may be narrower in a subtype."""
    if field.mutable or not isinstance(field.storage, RefType):
        return field
    choices = [t for t in w.refs if w.fits(t, field.storage)]
    return replace(field, storage=w.rng.choice(choices)) if choices else field


def _arrays(w: World) -> None:
    """An array of each kind of element, mutable so that every instruction has one to work on."""
    storages = [I8, I16, *w.numbers, ref(True, ANY), ref(True, FUNC)]
    for storage in w.rng.sample(storages, w.rng.randint(3, len(storages))):
        x = w.add_types(SubType(ArrayType(FieldType(storage, True))))
        w.refs.append(ref(True, x))


# --- functions ------------------------------------------------------------------------------------


def _functions(w: World) -> None:
    """A function type and types below it, for indirect calls to functions of subtypes."""
    comp = FuncType(w.value_types(3), w.value_types(2))
    if not w.has("gc"):
        x = w.func_type(comp.params, comp.results)
        w.refs.append(ref(True, x))
        return
    x = w.add_types(SubType(comp, final=False, spelled=True))
    w.refs.append(ref(True, x))
    for _ in range(w.rng.randint(0, 2)):
        narrower = FuncType(comp.params, tuple(_narrow_result(w, t) for t in comp.results))
        below = SubType(narrower, final=w.chance(0.5), supers=(x,), spelled=True)
        x = w.add_types(below)
        w.refs.append(ref(True, x))
        comp = narrower
        if below.final:
            break


def _narrow_result(w: World, t: ValType) -> ValType:
    return _narrower(w, FieldType(t, False)).storage


# --- proposals ------------------------------------------------------------------------------------


def _descriptors(w: World) -> None:
    """A struct and its descriptor, and a pair of subtypes of both."""
    first = len(w.subs)
    fields = tuple(f for f in _fields(w, first) if not isinstance(f.storage, RefType))
    meta = (FieldType(I32, False), FieldType(I64, True))
    w.add_types(
        SubType(StructType(fields), final=False, descriptor=first + 1, spelled=True),
        SubType(StructType(meta), final=False, describes=first, spelled=True),
    )
    below = first + 2
    more = (*fields, FieldType(I32, True))
    w.add_types(
        SubType(StructType(more), supers=(first,), descriptor=below + 1, spelled=True),
        SubType(StructType(meta), supers=(first + 1,), describes=below, spelled=True),
    )
    for x in (first, first + 1, below, below + 1):
        w.refs.extend([ref(True, x), ref(True, x, True)])


def _continuations(w: World) -> None:
    """Continuations of a few function types, and two that switch between each other."""
    for params, results in (
        ((), ()),
        ((I32,), ()),
        ((I32,), (I64,)),
        ((), (I64,)),
        ((I64,), (I64,)),
    ):
        w.add_types(SubType(ContType(w.func_type(params, results))))
    there = len(w.subs)
    w.add_types(
        SubType(FuncType((I32, ref(True, there + 1)), (I64,))),
        SubType(ContType(there)),
    )
    w.refs.append(ref(True, there + 1))
