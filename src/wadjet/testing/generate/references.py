"""References: nulls, tests, casts, and the branches on them."""

from collections.abc import Callable
from typing import Final

from wadjet.core.opcodes import Op
from wadjet.core.subtyping import diff, top
from wadjet.core.types import (
    ANY, ANYREF, CONT, EQ, EXTERN, I31, I31REF, I32, AbsHeap, RefType, ValType, ref,
)  # fmt: skip
from wadjet.testing.generate.control import target
from wadjet.testing.generate.maker import Maker, Rule


def _some(m: Maker) -> RefType | None:
    """Any reference type: that of the topmost operand, if it is a reference."""
    if m.here and isinstance(m.vals[-1], RefType):
        return m.vals[-1]
    return m.rng.choice(m.w.refs) if m.w.refs else None


def non_null(t: RefType) -> RefType:
    """The same without null."""
    return ref(False, t.heap, t.exact)


def ref_null(m: Maker) -> bool:
    """Null, as a reference to any heap type."""
    t = _some(m)
    if t is None:
        return False
    null(m, ref(True, t.heap))
    return True


def null(m: Maker, t: RefType) -> None:
    """Null of this type."""
    m.emit(Op.REF_NULL, t)
    m.vals.append(t)


def ref_is_null(m: Maker) -> bool:
    """Of any reference."""
    t = _some(m)
    if t is None:
        return False
    m.want((t,))
    m.apply(Op.REF_IS_NULL, None, (t,), I32)
    return True


def ref_as_non_null(m: Maker) -> bool:
    """Mostly of one that is not."""
    t = _some(m)
    if t is None:
        return False
    m.want((non_null(t) if m.chance(0.85) else t,))
    m.apply(Op.REF_AS_NON_NULL, None, (t,), non_null(t))
    return True


def ref_eq(m: Maker) -> bool:
    """Of two, which are sometimes one."""
    found = [t for t in m.w.refs if m.w.fits(t, ref(True, EQ))]
    if not found:
        return False
    m.want((m.rng.choice(found), m.rng.choice(found)))
    m.apply(Op.REF_EQ, None, (ANYREF, ANYREF), I32)
    return True


def ref_i31(m: Maker) -> bool:
    """Of any number."""
    m.want((I32,))
    m.apply(Op.REF_I31, None, (I32,), ref(False, I31))
    return True


def _i31_get(op: int) -> Rule:
    def rule(m: Maker) -> bool:
        m.want((I31REF if m.chance(0.1) else ref(False, I31),))
        m.apply(op, None, (I31REF,), I32)
        return True

    return rule


def _convert(op: int, source: AbsHeap, result: AbsHeap) -> Rule:
    def rule(m: Maker) -> bool:
        t = ref(m.chance(0.5), source)
        m.want((t,))
        m.apply(op, None, (t,), ref(t.nullable, result))
        return True

    return rule


# --- tests and casts ------------------------------------------------------------------------------


def _hierarchy(m: Maker, t: RefType) -> list[RefType]:
    """The reference types of the hierarchy of `t`."""
    root = top(t, m.w.closed)
    return [u for u in m.w.refs if top(u, m.w.closed) is root and not u.exact]


def _castable(m: Maker) -> RefType | None:
    """A reference type that casts can tell."""
    t = _some(m)
    return None if t is None or top(t, m.w.closed).heap is CONT else t


def _test(nullable: bool) -> Rule:
    op = Op.REF_TEST_NULL if nullable else Op.REF_TEST

    def rule(m: Maker) -> bool:
        t = _castable(m)
        if t is None:
            return False
        found = m.rng.choice([t, *_hierarchy(m, t)])
        m.want((t,))
        m.apply(op, ref(nullable, found.heap), (t,), I32)
        return True

    return rule


def _cast(nullable: bool) -> Rule:
    op = Op.REF_CAST_NULL if nullable else Op.REF_CAST

    def rule(m: Maker) -> bool:
        t = _castable(m)
        if t is None:
            return False
        below = [u for u in _hierarchy(m, t) if m.w.fits(u, t)] or [t]
        found = m.rng.choice([t, *_hierarchy(m, t)])
        if m.chance(0.8):  # make something that the cast accepts
            found = m.rng.choice(below)
            hide(m, found if nullable else non_null(found), t)
        else:
            m.want((t,))
        result = ref(nullable, found.heap)
        m.apply(op, result, (t,), result)
        return True

    return rule


def hide(m: Maker, t: ValType, wider: ValType) -> None:
    """Push a value as something wider, so that its type is not known where it is used."""
    if m.chance(0.4):
        m.produce(t)
        return
    m.open(Op.BLOCK, (), (wider,))
    m.produce(t)
    m.close()


# --- branches -------------------------------------------------------------------------------------


def br_on_null(m: Maker) -> bool:
    """Branches without the reference."""
    n, t = target(m), _some(m)
    if n is None or t is None:
        return False
    types = m.label(n).label
    m.want((*types, t))
    m.apply(Op.BR_ON_NULL, n, (*types, t), *types, non_null(t))
    return True


def br_on_non_null(m: Maker) -> bool:
    """Branches with the reference."""
    n = target(m, lambda f: bool(f.label) and isinstance(f.label[-1], RefType))
    if n is None:
        return False
    types = m.label(n).label
    last = types[-1]
    assert isinstance(last, RefType), "the target was chosen so"
    t = ref(True, last.heap, last.exact)
    m.want((*types[:-1], t))
    m.apply(Op.BR_ON_NON_NULL, n, types, *types[:-1])
    return True


#: Which types a cast from the first to the second takes along, and which it leaves.
_Outcome = Callable[[RefType, RefType], tuple[RefType, RefType]]


def _on_cast(t1: RefType, t2: RefType) -> tuple[RefType, RefType]:
    return t2, diff(t1, t2)


def _on_cast_fail(t1: RefType, t2: RefType) -> tuple[RefType, RefType]:
    return diff(t1, t2), t2


def _br_on_cast(op: int, outcome: _Outcome) -> Rule:
    """A cast whose type is chosen so that some label takes what it takes along."""

    def rule(m: Maker) -> bool:
        n = target(m, lambda f: bool(f.label) and isinstance(f.label[-1], RefType))
        if n is None:
            return False
        types = m.label(n).label
        last = types[-1]
        assert isinstance(last, RefType), "the target was chosen so"
        if top(last, m.w.closed).heap is CONT:
            return False
        own = _hierarchy(m, last)
        pairs = [
            (t1, t2)
            for t1 in own
            for t2 in own
            if m.w.fits(t2, t1) and m.w.fits(outcome(t1, t2)[0], last)
        ]
        if not pairs:
            return False
        t1, t2 = m.rng.choice(pairs)
        m.want(types[:-1])
        hide(m, m.rng.choice((t1, t2)), t1)
        m.apply(op, (n, t1, t2), types, *types[:-1], outcome(t1, t2)[1])
        return True

    return rule


REFERENCES: Final[dict[int, Rule]] = {
    Op.REF_NULL: ref_null,
    Op.REF_IS_NULL: ref_is_null,
    Op.REF_AS_NON_NULL: ref_as_non_null,
    Op.REF_EQ: ref_eq,
    Op.REF_I31: ref_i31,
    Op.I31_GET_S: _i31_get(Op.I31_GET_S),
    Op.I31_GET_U: _i31_get(Op.I31_GET_U),
    Op.ANY_CONVERT_EXTERN: _convert(Op.ANY_CONVERT_EXTERN, EXTERN, ANY),
    Op.EXTERN_CONVERT_ANY: _convert(Op.EXTERN_CONVERT_ANY, ANY, EXTERN),
    Op.REF_TEST: _test(False),
    Op.REF_TEST_NULL: _test(True),
    Op.REF_CAST: _cast(False),
    Op.REF_CAST_NULL: _cast(True),
    Op.BR_ON_NULL: br_on_null,
    Op.BR_ON_NON_NULL: br_on_non_null,
    Op.BR_ON_CAST: _br_on_cast(Op.BR_ON_CAST, _on_cast),
    Op.BR_ON_CAST_FAIL: _br_on_cast(Op.BR_ON_CAST_FAIL, _on_cast_fail),
}
