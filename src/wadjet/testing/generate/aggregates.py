"""Structs and arrays, with their descriptors."""

from typing import Final

from wadjet.core.opcodes import Op
from wadjet.core.subtyping import defaultable
from wadjet.core.types import (
    ARRAY, ARRAYREF, I32, ArrayType, FieldType, RefType, StructType, ValType, ref,
)  # fmt: skip
from wadjet.testing.generate.constants import fields_of
from wadjet.testing.generate.maker import Maker, Rule
from wadjet.testing.generate.references import hide


def reach(m: Maker, x: int) -> RefType:
    """Push a reference to a struct or array type: hardly ever null."""
    t = ref(m.chance(0.1), x)
    m.want((t,))
    return t


def _structs(m: Maker) -> list[int]:
    return m.w.of(StructType)


def _arrays(m: Maker) -> list[int]:
    return m.w.of(ArrayType)


# --- making ---------------------------------------------------------------------------------------


def new(m: Maker, x: int, simple: bool = False) -> None:
    """Push a new object of a type; if `simple`, in few instructions."""
    fields = fields_of(m.w, x)
    plain = all(defaultable(f.storage) for f in fields)
    descriptor = m.w.subs[x].descriptor
    if isinstance(m.w.subs[x].comp, ArrayType):
        _new_array(m, x, fields[0], plain, simple)
        return
    default = plain and (simple or m.chance(0.3))
    types: list[ValType] = [] if default else [f.unpacked for f in fields]
    if descriptor is None:
        _have(m, types, simple)
        op = Op.STRUCT_NEW_DEFAULT if default else Op.STRUCT_NEW
        m.apply(op, x, types, ref(False, x))
        return
    _have(m, types, simple)
    m.guarded(lambda: new(m, descriptor, simple))
    op = Op.STRUCT_NEW_DEFAULT_DESC if default else Op.STRUCT_NEW_DESC
    m.apply(op, x, [*types, ref(False, descriptor)], ref(False, x))
    m.vals[-1] = ref(False, x, True)


def _have(m: Maker, types: list[ValType], simple: bool) -> None:
    if simple:
        for t in types:
            m.supply.simple(m, t)
    else:
        m.want(types)


def _new_array(m: Maker, x: int, field: FieldType, plain: bool, simple: bool) -> None:
    t = field.unpacked
    kind = m.rng.random()
    if plain and (simple or kind < 0.3):
        m.number(I32, m.rng.randint(0, 9))
        m.apply(Op.ARRAY_NEW_DEFAULT, x, (I32,), ref(False, x))
    elif kind < 0.6:
        _have(m, [t], simple)
        _length(m, 12)
        m.apply(Op.ARRAY_NEW, x, (t, I32), ref(False, x))
    else:
        count = m.rng.choice((0, 1, 2, 3, 3, 5))
        _have(m, [t] * count, simple)
        m.apply(Op.ARRAY_NEW_FIXED, (x, count), (t,) * count, ref(False, x))


def _length(m: Maker, most: int) -> None:
    """Push a length that is never large: how large an object may be is not determined."""
    if m.chance(0.3):
        m.produce(I32)
        m.number(I32, 15)
        m.apply(0x71, None, (I32, I32), I32)
    else:
        m.number(I32, m.rng.randint(0, most))


def _newest(instruction: int, of_arrays: bool) -> Rule:
    """Make objects until it was by this instruction; types differ in what they can be made by."""

    def rule(m: Maker) -> bool:
        types = [x for x in (_arrays(m) if of_arrays else _structs(m)) if _makes(m, x, instruction)]
        if not types:
            return False
        new(m, m.rng.choice(types))
        return True

    return rule


def _makes(m: Maker, x: int, instruction: int) -> bool:
    described = instruction in (Op.STRUCT_NEW_DESC, Op.STRUCT_NEW_DEFAULT_DESC)
    default = instruction in (
        Op.STRUCT_NEW_DEFAULT, Op.STRUCT_NEW_DEFAULT_DESC, Op.ARRAY_NEW_DEFAULT,
    )  # fmt: skip
    if default and not all(defaultable(f.storage) for f in fields_of(m.w, x)):
        return False
    return (m.w.subs[x].descriptor is not None) == described


# --- structs --------------------------------------------------------------------------------------


def _get(m: Maker, packed: bool) -> tuple[int, int, FieldType] | None:
    """A field to read: of packed storage or not."""
    found = [
        (x, i, f)
        for x in _structs(m)
        for i, f in enumerate(fields_of(m.w, x))
        if (f.unpacked is not f.storage) == packed
    ]
    return m.rng.choice(found) if found else None


def _struct_get(op: int, packed: bool) -> Rule:
    def rule(m: Maker) -> bool:
        found = _get(m, packed)
        if found is None:
            return False
        x, i, field = found
        m.apply(op, (x, i), (reach(m, x),), field.unpacked)
        return True

    return rule


def struct_set(m: Maker) -> bool:
    """Writes a field that may be written."""
    found = [(x, i, f) for x in _structs(m) for i, f in enumerate(fields_of(m.w, x)) if f.mutable]
    if not found:
        return False
    x, i, field = m.rng.choice(found)
    t = ref(m.chance(0.1), x)
    m.want((t, field.unpacked))
    m.apply(Op.STRUCT_SET, (x, i), (t, field.unpacked))
    return True


# --- arrays ---------------------------------------------------------------------------------------


def _index(m: Maker) -> None:
    """Push an index: mostly small, as arrays are."""
    if m.chance(0.1):
        m.produce(I32)
    else:
        m.number(I32, m.rng.choice((0, 0, 0, 1, 1, 2, 3)))


def _array_get(op: int, packed: bool) -> Rule:
    def rule(m: Maker) -> bool:
        found = [
            x
            for x in _arrays(m)
            if (fields_of(m.w, x)[0].unpacked is not fields_of(m.w, x)[0].storage) == packed
        ]
        if not found:
            return False
        x = m.rng.choice(found)
        t = reach(m, x)
        _index(m)
        m.apply(op, x, (t, I32), fields_of(m.w, x)[0].unpacked)
        return True

    return rule


def _mutable(m: Maker) -> int | None:
    found = [x for x in _arrays(m) if fields_of(m.w, x)[0].mutable]
    return m.rng.choice(found) if found else None


def array_set(m: Maker) -> bool:
    """Writes an element."""
    x = _mutable(m)
    if x is None:
        return False
    t, field = reach(m, x), fields_of(m.w, x)[0]
    _index(m)
    m.produce(field.unpacked)
    m.apply(Op.ARRAY_SET, x, (t, I32, field.unpacked))
    return True


def array_len(m: Maker) -> bool:
    """Of any array."""
    t = ARRAYREF if m.chance(0.1) else ref(False, ARRAY)
    m.want((t,))
    m.apply(Op.ARRAY_LEN, None, (t,), I32)
    return True


def array_fill(m: Maker) -> bool:
    """Writes some elements."""
    x = _mutable(m)
    if x is None:
        return False
    t, field = reach(m, x), fields_of(m.w, x)[0]
    _index(m)
    m.produce(field.unpacked)
    _count(m)
    m.apply(Op.ARRAY_FILL, x, (t, I32, field.unpacked, I32))
    return True


def _count(m: Maker) -> None:
    """Push a number of elements."""
    if m.chance(0.03):
        m.constant(I32)
    else:
        m.number(I32, m.rng.choice((0, 0, 1, 1, 2, 4)))


def array_copy(m: Maker) -> bool:
    """From one array to another, sometimes the same."""
    x = _mutable(m)
    if x is None:
        return False
    storage = fields_of(m.w, x)[0].storage
    found = [y for y in _arrays(m) if m.w.fits(fields_of(m.w, y)[0].storage, storage)]
    y = m.rng.choice(found)
    t1 = reach(m, x)
    _index(m)
    if x == y and m.chance(0.5):  # both from one place, so that they may be the same
        held = m.scratch(ref(True, x))
        m.apply(Op.DROP, None, (I32,))
        m.apply(Op.LOCAL_TEE, held, (t1,), m.locals[held])
        _index(m)
        m.get_local(held)
    else:
        m.produce(ref(False, y))
    _index(m)
    _count(m)
    m.apply(Op.ARRAY_COPY, (x, y), (t1, I32, ref(True, y), I32, I32))
    return True


def _from_segment(op: int, fresh: bool, data: bool) -> Rule:
    """array.new_data and its like: from bytes or from references."""

    def rule(m: Maker) -> bool:
        found = []
        for x in _arrays(m):
            field = fields_of(m.w, x)[0]
            if fresh or field.mutable:
                found += [(x, y) for y in _segments(m, field, data)]
        if not found:
            return False
        x, y = m.rng.choice(found)
        operands: list[ValType] = [] if fresh else [reach(m, x), I32]
        if not fresh:
            _index(m)
        m.number(I32, m.rng.choice((0, 0, 0, 1, 2)))
        _count(m)
        results = (ref(False, x),) if fresh else ()
        m.apply(op, (x, y), (*operands, I32, I32), *results)
        return True

    return rule


def _segments(m: Maker, field: FieldType, data: bool) -> list[int]:
    """Segments from which elements of an array can be taken, passive ones if there are any."""
    if data:
        datas = m.w.module.datas
        found = [] if isinstance(field.storage, RefType) else list(range(len(datas)))
        return [y for y in found if datas[y].mode == "passive"] or found
    return [y for y, e in enumerate(m.w.module.elems) if m.w.fits(e.type, field.storage)]


# --- descriptors ----------------------------------------------------------------------------------


def _described(m: Maker) -> list[int]:
    return [x for x in _structs(m) if m.w.subs[x].descriptor is not None]


def ref_get_desc(m: Maker) -> bool:
    """The descriptor of a struct."""
    found = _described(m)
    if not found:
        return False
    x = m.rng.choice(found)
    descriptor = m.w.subs[x].descriptor
    assert descriptor is not None, "chosen so"
    m.apply(Op.REF_GET_DESC, x, (reach(m, x),), ref(False, descriptor))
    return True


def cast_with_descriptor(m: Maker, t1: RefType, nullable: bool) -> RefType | None:
    """Push something that may be a `t1` and a descriptor, often its own; what they tell about."""
    found = [x for x in _described(m) if m.w.fits(ref(False, x), t1)]
    if not found:
        return None
    x = m.rng.choice(found)
    descriptor = m.w.subs[x].descriptor
    assert descriptor is not None, "chosen so"
    held = m.scratch(ref(True, x))
    m.produce(ref(False, x))
    m.emit(Op.LOCAL_SET, held)
    m.vals.pop()
    hide(m, t1, t1) if m.chance(0.2) else m.get_local(held)
    if m.chance(0.7):
        m.get_local(held)
        m.apply(Op.REF_GET_DESC, x, (ref(True, x),), ref(False, descriptor))
    else:
        m.produce(ref(False, descriptor))
    return ref(nullable, x)


def _cast_desc_eq(op: int, nullable: bool) -> Rule:
    def rule(m: Maker) -> bool:
        found = _described(m)
        if not found:
            return False
        t1 = ref(True, m.rng.choice(found))
        t2 = cast_with_descriptor(m, t1, nullable)
        if t2 is None:
            return False
        m.apply(op, t2, (t1, t1), t2)
        return True

    return rule


def _br_on_cast_desc_eq(op: int, fail: bool) -> Rule:
    def rule(m: Maker) -> bool:
        found = _described(m)
        if not found or len(m.ctrls) > 8:
            return False
        t1 = ref(True, m.rng.choice(found))
        taken = t1 if fail else ref(True, t1.heap)
        m.open(Op.BLOCK, (), (taken,))
        t2 = cast_with_descriptor(m, t1, m.chance(0.5))
        if t2 is not None:
            m.apply(op, (0, t1, t2), (t1, t1), t2 if fail else t1)
        m.close()
        return True

    return rule


AGGREGATES: Final[dict[int, Rule]] = {
    Op.STRUCT_NEW: _newest(Op.STRUCT_NEW, False),
    Op.STRUCT_NEW_DEFAULT: _newest(Op.STRUCT_NEW_DEFAULT, False),
    Op.STRUCT_GET: _struct_get(Op.STRUCT_GET, False),
    Op.STRUCT_GET_S: _struct_get(Op.STRUCT_GET_S, True),
    Op.STRUCT_GET_U: _struct_get(Op.STRUCT_GET_U, True),
    Op.STRUCT_SET: struct_set,
    Op.ARRAY_NEW: _newest(Op.ARRAY_NEW, True),
    Op.ARRAY_NEW_DEFAULT: _newest(Op.ARRAY_NEW_DEFAULT, True),
    Op.ARRAY_NEW_FIXED: _newest(Op.ARRAY_NEW_FIXED, True),
    Op.ARRAY_NEW_DATA: _from_segment(Op.ARRAY_NEW_DATA, True, True),
    Op.ARRAY_NEW_ELEM: _from_segment(Op.ARRAY_NEW_ELEM, True, False),
    Op.ARRAY_GET: _array_get(Op.ARRAY_GET, False),
    Op.ARRAY_GET_S: _array_get(Op.ARRAY_GET_S, True),
    Op.ARRAY_GET_U: _array_get(Op.ARRAY_GET_U, True),
    Op.ARRAY_SET: array_set,
    Op.ARRAY_LEN: array_len,
    Op.ARRAY_FILL: array_fill,
    Op.ARRAY_COPY: array_copy,
    Op.ARRAY_INIT_DATA: _from_segment(Op.ARRAY_INIT_DATA, False, True),
    Op.ARRAY_INIT_ELEM: _from_segment(Op.ARRAY_INIT_ELEM, False, False),
}
DESCRIPTORS: Final[dict[int, Rule]] = {
    Op.STRUCT_NEW_DESC: _newest(Op.STRUCT_NEW_DESC, False),
    Op.STRUCT_NEW_DEFAULT_DESC: _newest(Op.STRUCT_NEW_DEFAULT_DESC, False),
    Op.REF_GET_DESC: ref_get_desc,
    Op.REF_CAST_DESC_EQ: _cast_desc_eq(Op.REF_CAST_DESC_EQ, False),
    Op.REF_CAST_DESC_EQ_NULL: _cast_desc_eq(Op.REF_CAST_DESC_EQ_NULL, True),
    Op.BR_ON_CAST_DESC_EQ: _br_on_cast_desc_eq(Op.BR_ON_CAST_DESC_EQ, False),
    Op.BR_ON_CAST_DESC_EQ_FAIL: _br_on_cast_desc_eq(Op.BR_ON_CAST_DESC_EQ_FAIL, True),
}
