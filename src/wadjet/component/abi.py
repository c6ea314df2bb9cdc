"""How values lie in memory and in core parameters: the pure part of the Canonical ABI
(CanonicalABI.md, "Despecialization" to "Flattening").

All types are closed. `ptr` is the type of addresses: I32, or I64 for 64-bit memories. What is
found out about a type is kept with it, so that types made of shared parts cost no more than those
parts.
"""

from typing import Final, Literal

from wadjet.component.closed import closed
from wadjet.component.types import (
    BOOL, CHAR, ERROR_CONTEXT, F32, F64, S8, S16, S32, S64, STRING, U8, U16, U32, U64, Borrow,
    Defined, Enum, Flags, FuncType, Future, List, Map, Option, Own, Prim, Record, Result, Shape,
    Stream, Tuple, ValType, Variant,
)  # fmt: skip
from wadjet.core import types as core
from wadjet.core.types import NumType

MAX_FLAT_PARAMS: Final = 16
MAX_FLAT_ASYNC_PARAMS: Final = 4
MAX_FLAT_RESULTS: Final = 1

#: primitive type → bytes it takes, which is also its alignment (strings depend on addresses)
_BYTES: Final = {
    BOOL: 1, S8: 1, U8: 1, S16: 2, U16: 2, S32: 4, U32: 4, S64: 8, U64: 8, F32: 4, F64: 8,
    CHAR: 4, ERROR_CONTEXT: 4,
}  # fmt: skip
#: primitive type → the core value that it is passed as; all others are an i32
_FLAT: Final = {S64: core.I64, U64: core.I64, F32: core.F32, F64: core.F64}


def despecialize(shape: Shape) -> Shape:
    """The fundamental type that a specialized one stands for; others are themselves."""
    match shape:
        case Tuple(items):
            return Record(tuple([(str(i), t) for i, t in enumerate(items)]))
        case Enum(labels):
            return Variant(tuple([(label, None) for label in labels]))
        case Option(some):
            return Variant((("none", None), ("some", some)))
        case Result(ok, error):
            return Variant((("ok", ok), ("error", error)))
        case Map(key, value):
            return List(Defined(Record((("0", key), ("1", value)))))
    return shape


def discriminant(cases: int) -> Prim:
    """The type of the number that tells which of so many cases a variant is."""
    if cases <= 1 << 8:
        return U8
    return U16 if cases <= 1 << 16 else U32


def flags_size(count: int) -> int:
    """How many bytes so many flags take."""
    return 1 if count <= 8 else 2 if count <= 16 else 4


def align_to(offset: int, alignment: int) -> int:
    """The next multiple of an alignment, a power of two."""
    return offset + alignment - 1 & -alignment


def alignment(t: Prim | Defined, ptr: NumType) -> int:
    """What the address of a value must be a multiple of."""
    return _layout(t, ptr)[0]


def elem_size(t: Prim | Defined, ptr: NumType) -> int:
    """How many bytes a value takes as an element of a list, padding included."""
    return _layout(t, ptr)[1]


def _layout(t: Prim | Defined, ptr: NumType) -> tuple[int, int]:
    """Alignment and size."""
    if isinstance(t, Prim):
        if t is STRING:
            return ptr.size, 2 * ptr.size
        return _BYTES[t], _BYTES[t]
    found = t.layouts.get(ptr)
    if found is None:
        found = t.layouts[ptr] = _measure(t.shape, ptr)
    return found


def _measure(shape: Shape, ptr: NumType) -> tuple[int, int]:
    match shape:
        case Record(fields):
            return _row([closed(t) for _, t in fields], ptr)
        case Tuple(items):
            return _row([closed(t) for t in items], ptr)
        case List(element, int(length)):
            align, bytes_ = _layout(closed(element), ptr)
            return align, bytes_ * length
        case List() | Map():
            return ptr.size, 2 * ptr.size
        case Flags(labels):
            bytes_ = flags_size(len(labels))
            return bytes_, bytes_
        case Own() | Borrow() | Stream() | Future():
            return 4, 4
    variant = despecialize(shape)
    assert isinstance(variant, Variant), shape
    return _choice(variant, ptr)


def _row(items: list[Prim | Defined], ptr: NumType) -> tuple[int, int]:
    """Values one after the other, each at its alignment."""
    end, most = 0, 1
    for item in items:
        align, bytes_ = _layout(item, ptr)
        end = align_to(end, align) + bytes_
        most = max(most, align)
    return most, align_to(end, most)


def _choice(variant: Variant, ptr: NumType) -> tuple[int, int]:
    """A discriminant, then one of several payloads."""
    head = _BYTES[discriminant(len(variant.cases))]
    payloads = [_layout(closed(t), ptr) for _, t in variant.cases if t is not None]
    most = max([align for align, _ in payloads], default=1)
    end = align_to(head, most) + max([bytes_ for _, bytes_ in payloads], default=0)
    align = max(head, most)
    return align, align_to(end, align)


def has_pointers(t: ValType) -> bool:
    """Whether a value holds addresses: of strings, or of lists of variable length."""
    return t is STRING or (isinstance(t, Defined) and t.pointers)


# --- flattening -----------------------------------------------------------------------------------


def flatten(t: Prim | Defined, ptr: NumType) -> tuple[NumType, ...] | None:
    """The core values that a value is passed as; None if there are more than `MAX_FLAT_PARAMS`,
    when it goes through memory in any case."""
    if isinstance(t, Prim):
        return (ptr, ptr) if t is STRING else (_FLAT.get(t, core.I32),)
    if ptr not in t.flats:
        t.flats[ptr] = _flatten(t.shape, ptr)
    return t.flats[ptr]


def flatten_types(ts: list[Prim | Defined], ptr: NumType) -> tuple[NumType, ...] | None:
    """The core values that several values are passed as; None if there are too many."""
    made: tuple[NumType, ...] = ()
    for t in ts:
        flat = flatten(t, ptr)
        if flat is None or len(made) + len(flat) > MAX_FLAT_PARAMS:
            return None
        made += flat
    return made


def _flatten(shape: Shape, ptr: NumType) -> tuple[NumType, ...] | None:
    match shape:
        case Record(fields):
            return flatten_types([closed(t) for _, t in fields], ptr)
        case Tuple(items):
            return flatten_types([closed(t) for t in items], ptr)
        case List(element, int(length)):
            flat = flatten(closed(element), ptr)
            if flat is None or len(flat) * length > MAX_FLAT_PARAMS:
                return None
            return flat * length
        case List() | Map():
            return (ptr, ptr)
        case Flags() | Own() | Borrow() | Stream() | Future():
            return (core.I32,)
    variant = despecialize(shape)
    assert isinstance(variant, Variant), shape
    return _flatten_variant(variant, ptr)


def _flatten_variant(variant: Variant, ptr: NumType) -> tuple[NumType, ...] | None:
    joined: list[NumType] = []
    for _, payload in variant.cases:
        if payload is None:
            continue
        flat = flatten(closed(payload), ptr)
        if flat is None or len(flat) >= MAX_FLAT_PARAMS:
            return None
        for i, t in enumerate(flat):
            if i < len(joined):
                joined[i] = join(joined[i], t)
            else:
                joined.append(t)
    return (core.I32, *joined)


def join(a: NumType, b: NumType) -> NumType:
    """The core type that values of either type are passed as, where cases of a variant differ."""
    if a is b:
        return a
    return core.I32 if {a, b} == {core.I32, core.F32} else core.I64


def flatten_functype(
    ft: FuncType,
    ptr: NumType,
    context: Literal["lift", "lower"],
    *,
    is_async: bool = False,
    callback: bool = False,
) -> core.FuncType:
    """The type of the core function that is lifted to, or lowered from, a function. `is_async`
    and `callback` say which canonical options there are."""
    flat = flatten_types([closed(t) for _, t in ft.params], ptr)
    result = None if ft.result is None else closed(ft.result)
    returned = () if result is None else flatten(result, ptr)
    lowers_async = is_async and context == "lower"
    limit = MAX_FLAT_ASYNC_PARAMS if lowers_async else MAX_FLAT_PARAMS
    params = (ptr,) if flat is None or len(flat) > limit else flat
    if is_async and context == "lift":
        return core.FuncType(params, (core.I32,) if callback else ())
    if lowers_async:
        return core.FuncType(params if returned == () else (*params, ptr), (core.I32,))
    if returned is not None and len(returned) <= MAX_FLAT_RESULTS:
        return core.FuncType(params, returned)
    if context == "lift":
        return core.FuncType(params, (ptr,))
    return core.FuncType((*params, ptr), ())
