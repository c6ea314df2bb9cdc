"""Constant expressions: what globals, tables and segments begin with."""

from typing import Final

from wadjet.core.body import Body
from wadjet.core.opcodes import BY_NAME, Op
from wadjet.core.subtyping import defaultable
from wadjet.core.types import (
    ANY, ARRAY, EQ, EXTERN, FUNC, I31, I32, I64, STRUCT, AbsHeap, ArrayType, FieldType,
    NumType, RefType, StructType, ValType, ref,
)  # fmt: skip
from wadjet.testing.generate.values import immediate, number
from wadjet.testing.generate.world import World

#: abstract heap type → one below it that constants can make
_MADE: Final = {ANY: I31, EQ: I31, I31: I31, STRUCT: STRUCT, ARRAY: ARRAY}


def constant(w: World, t: ValType) -> Body:
    """A constant expression that gives a `t` (see `can_make`)."""
    body = Body()
    if isinstance(t, RefType):
        _reference(w, body, t, 0)
    else:
        assert isinstance(t, NumType), "the other kind of value type"
        _number(w, body, t)
    body.add(Op.END, None, 0)
    return body


def number_constant(value: int, t: NumType) -> Body:
    """The constant expression of an address or a size."""
    body = Body()
    body.add(const_op(t), value, 0)
    body.add(Op.END, None, 0)
    return body


def const_op(t: NumType) -> int:
    """The constant instruction of a number or vector type."""
    return BY_NAME[f"{t}.const"][0].op


def can_make(w: World, t: RefType) -> bool:
    """Whether there is a constant expression for a reference type."""
    return t.nullable or _makeable(w, t) is not None


def _number(w: World, body: Body, t: NumType, depth: int = 0) -> None:
    known = [x for x, g in enumerate(w.globals) if g.value is t and not g.mutable]
    if known and w.has("gc") and w.chance(0.3):
        body.add(Op.GLOBAL_GET, w.rng.choice(known), 0)
    elif t in (I32, I64) and depth < 2 and w.has("extended-const") and w.chance(0.3):
        _number(w, body, t, depth + 1)
        _number(w, body, t, depth + 1)
        body.add(BY_NAME[f"{t}.{w.rng.choice(('add', 'sub', 'mul'))}"][0].op, None, 0)
    else:
        body.add(const_op(t), immediate(t, number(t, w.rng)), 0)


def _reference(w: World, body: Body, t: RefType, depth: int) -> None:
    made = _makeable(w, t)
    if made is None or (t.nullable and (depth > 2 or w.chance(0.3))):
        assert t.nullable, "can_make said so"
        body.add(Op.REF_NULL, ref(True, t.heap, t.exact), 0)
    elif made is I31:
        _number(w, body, I32)
        body.add(Op.REF_I31, None, 0)
    elif made is EXTERN:
        _number(w, body, I32)
        body.add(Op.REF_I31, None, 0)
        body.add(Op.EXTERN_CONVERT_ANY, None, 0)
    elif made is FUNC:
        function = w.rng.choice(w.functions_of(t))
        w.referred.add(function)
        body.add(Op.REF_FUNC, function, 0)
    else:
        assert isinstance(made, int), "the index of a struct or an array"
        _object(w, body, made, depth)


def _makeable(w: World, t: RefType) -> "AbsHeap | int | None":
    """What to make for a reference type: FUNC, I31, EXTERN, or the index of a type."""
    if t.exact:
        return None
    if w.functions_of(t):
        return FUNC
    if not w.has("gc"):
        return None
    if t.heap is EXTERN:
        return EXTERN
    if isinstance(t.heap, AbsHeap) and _MADE.get(t.heap) is I31:
        return I31
    objects = [x for x in _constructible(w) if w.fits(ref(False, x), t)]
    return w.rng.choice(objects) if objects else None


def _constructible(w: World) -> list[int]:
    return [
        x
        for x in (*w.of(StructType), *w.of(ArrayType))
        if w.subs[x].descriptor is None and all(_simple(f) for f in fields_of(w, x))
    ]


def _simple(field: FieldType) -> bool:
    return defaultable(field.storage)


def fields_of(w: World, x: int) -> tuple[FieldType, ...]:
    """The fields of a struct, or the one of an array."""
    comp = w.subs[x].comp
    if isinstance(comp, StructType):
        return comp.fields
    assert isinstance(comp, ArrayType), "a struct or an array"
    return (comp.field,)


def _object(w: World, body: Body, x: int, depth: int) -> None:
    fields = fields_of(w, x)
    if isinstance(w.subs[x].comp, ArrayType):
        if w.chance(0.5):
            body.add(Op.I32_CONST, w.rng.randrange(6), 0)
            body.add(Op.ARRAY_NEW_DEFAULT, x, 0)
            return
        count = w.rng.randrange(4)
        for _ in range(count):
            _field(w, body, fields[0].unpacked, depth)
        body.add(Op.ARRAY_NEW_FIXED, (x, count), 0)
    elif w.chance(0.3):
        body.add(Op.STRUCT_NEW_DEFAULT, x, 0)
    else:
        for field in fields:
            _field(w, body, field.unpacked, depth)
        body.add(Op.STRUCT_NEW, x, 0)


def _field(w: World, body: Body, t: ValType, depth: int) -> None:
    if isinstance(t, RefType):
        _reference(w, body, t, depth + 1)
    else:
        assert isinstance(t, NumType), "the other kind of value type"
        _number(w, body, t)
