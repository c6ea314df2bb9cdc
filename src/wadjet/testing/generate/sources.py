"""Where values come from: constants, variables, fields, calls, blocks, and rows of the table."""

from collections.abc import Callable
from typing import Final

from wadjet.core.opcodes import Op, Row
from wadjet.core.subtyping import defaultable, top
from wadjet.core.types import (
    ANY, ARRAY, EQ, EXN, EXTERN, FUNC, I31, I32, STRUCT, AbsHeap, ArrayType, ContType, NumType,
    RefType, StructType, ValType, ref,
)  # fmt: skip
from wadjet.testing.generate.aggregates import new
from wadjet.testing.generate.calls import call_of, ref_func
from wadjet.testing.generate.constants import fields_of
from wadjet.testing.generate.control import Fill, may_nest, select
from wadjet.testing.generate.exceptions import caught_exception
from wadjet.testing.generate.generic import generic
from wadjet.testing.generate.maker import Maker, Supply
from wadjet.testing.generate.references import null

#: How deep new objects lie in each other; further in, there are no references that need any.
_NESTED_OBJECTS: Final = 2

#: Pushes a value of a type, or does nothing and returns False.
Source = Callable[[Maker, ValType], bool]


# --- in a few instructions ------------------------------------------------------------------------


def _variable(m: Maker, t: ValType) -> bool:
    """A local or a global."""
    locals_ = m.readable(t)
    if locals_ and m.chance(0.8):
        m.get_local(m.rng.choice(locals_))
        return True
    globals_ = m.w.globals_of(t)
    if globals_:
        x = m.rng.choice(globals_)
        m.emit(Op.GLOBAL_GET, x)
        m.vals.append(m.w.globals[x].value)
        return True
    return False


def _simple_reference(m: Maker, t: RefType) -> None:
    """A new object, a function, or null; where there is none of the type, null that traps."""
    if t.nullable and m.chance(0.15):
        null(m, t)
    elif _make(m, t):
        return
    else:
        null(m, ref(True, t.heap, t.exact))
        if not t.nullable:
            m.emit(Op.REF_AS_NON_NULL)
            m.vals[-1] = t


def _make(m: Maker, t: RefType) -> bool:
    """Make something that a reference type can refer to."""
    kind = top(t, m.w.closed).heap
    if kind is FUNC:
        return not t.exact and ref_func(m, t)
    if kind is EXTERN:
        return t.heap is EXTERN and _external(m)
    if kind is EXN:
        return t.heap is EXN and caught_exception(m)
    if kind is not ANY:
        return _continuation(m, t)
    if (
        isinstance(t.heap, AbsHeap)
        and t.heap in (ANY, EQ, I31)
        and (t.heap is I31 or m.chance(0.4))
    ):
        m.supply.simple(m, I32)
        m.apply(Op.REF_I31, None, (I32,), ref(False, I31))
        return True
    return _object(m, t)


def _object(m: Maker, t: RefType) -> bool:
    kinds = {STRUCT: (StructType,), ARRAY: (ArrayType,)}
    wanted = kinds.get(t.heap) if isinstance(t.heap, AbsHeap) else None
    found = [
        x
        for kind in wanted or (StructType, ArrayType)
        for x in m.w.of(kind)
        if m.w.fits(ref(False, x, t.exact), t)
    ]
    if m.within > _NESTED_OBJECTS:
        found = [x for x in found if all(defaultable(f.storage) for f in fields_of(m.w, x))]
    if not found:
        return False
    m.within += 1
    new(m, m.rng.choice(found), simple=True)
    m.within -= 1
    if t.exact:
        m.vals[-1] = ref(False, t.heap, True)
    return True


def _external(m: Maker) -> bool:
    if not m.w.has("gc"):
        return False
    m.supply.simple(m, I32)
    m.emit(Op.REF_I31)
    m.emit(Op.EXTERN_CONVERT_ANY)
    m.vals[-1:] = [ref(False, EXTERN)]
    return True


def _continuation(m: Maker, t: RefType) -> bool:
    found = [x for x in m.w.of(ContType) if m.w.fits(ref(False, x), t)]
    if not found:
        return False
    x = m.rng.choice(found)
    comp = m.w.subs[x].comp
    assert isinstance(comp, ContType), "a type of the module"
    assert isinstance(comp.func, int), "a type of the module"
    if not ref_func(m, ref(False, comp.func)):
        return False
    m.apply(Op.CONT_NEW, x, (m.vals[-1],), ref(False, x))
    return True


# --- in more --------------------------------------------------------------------------------------


def _call(m: Maker, t: ValType) -> bool:
    found = m.w.functions_giving((t,))
    if not found:
        return False
    call_of(m, m.rng.choice(found))
    return True


def _select(m: Maker, t: ValType) -> bool:
    return select(m, t)


def _tee(m: Maker, t: ValType) -> bool:
    found = [x for x in m.writable(t) if m.locals[x] is t]
    if not found:
        return False
    x = m.rng.choice(found)
    m.produce(t)
    m.apply(Op.LOCAL_TEE, x, (t,), t)
    m.unset.discard(x)
    return True


def _from_table(m: Maker, t: ValType) -> bool:
    found = m.w.tables_of(t) if m.w.has("reference-types") else []
    if not found:
        return False
    x = m.rng.choice(found)
    table = m.w.tables[x]
    m.number(table.limits.addr, m.rng.randint(0, max(table.limits.min - 1, 0)))
    m.apply(Op.TABLE_GET, x, (table.limits.addr,), table.element)
    return True


def _from_field(m: Maker, t: ValType) -> bool:
    """A field of a struct or an element of an array."""
    found: list[tuple[int, int]] = []
    for x, sub in enumerate(m.w.subs):
        if isinstance(sub.comp, StructType):
            fields = enumerate(sub.comp.fields)
            found += [(x, i) for i, f in fields if m.w.fits(f.storage, t)]
        elif isinstance(sub.comp, ArrayType) and m.w.fits(sub.comp.field.storage, t):
            found.append((x, -1))
    if not found:
        return False
    x, i = m.rng.choice(found)
    m.produce(ref(False, x))
    comp = m.w.subs[x].comp
    if isinstance(comp, StructType):
        m.apply(Op.STRUCT_GET, (x, i), (ref(True, x),), comp.fields[i].storage)
    else:
        assert isinstance(comp, ArrayType), "one of the two"
        m.number(I32, m.rng.choice((0, 0, 1, 2)))
        m.apply(Op.ARRAY_GET, x, (ref(True, x), I32), comp.field.storage)
    return True


class Sources(Supply):
    """All sources together. `fill` writes statements, `rows` are the rows to choose from."""

    def __init__(self, fill: Fill, rows: dict[ValType, list[Row]]) -> None:
        self.fill: Final = fill
        self.rows: Final = rows
        self._of_numbers: Final[tuple[Source, ...]] = (
            self._row, self._row, self._row, self._row, self._row, _select, _tee, _call,
            self._block, _from_field, self._if,
        )  # fmt: skip
        self._of_references: Final[tuple[Source, ...]] = (
            _select, _tee, _call, self._block, _from_field, _from_table, self._if, _fresh,
        )  # fmt: skip

    def simple(self, m: Maker, t: ValType) -> None:
        """A variable, a constant, or something new."""
        if m.chance(0.6) and _variable(m, t):
            return
        if isinstance(t, NumType):
            m.constant(t)
        else:
            assert isinstance(t, RefType), "the other kind of value type"
            _simple_reference(m, t)

    def complex(self, m: Maker, t: ValType) -> bool:
        """An expression of a random form."""
        sources = self._of_numbers if isinstance(t, NumType) else self._of_references
        return m.rng.choice(sources)(m, t)

    def _row(self, m: Maker, t: ValType) -> bool:
        """A row that gives this type, with operands of its own."""
        rows = self.rows.get(t)
        return bool(rows) and generic(m, m.rng.choice(rows or []))

    def _block(self, m: Maker, t: ValType) -> bool:
        if not may_nest(m):
            return False
        m.open(Op.BLOCK, (), (t,))
        self.fill(m)
        m.close()
        return True

    def _if(self, m: Maker, t: ValType) -> bool:
        if not may_nest(m):
            return False
        m.produce(I32)
        m.pop(1)
        m.open(Op.IF, (), (t,))
        m.arm(Op.ELSE, None, ())
        m.close()
        return True

    def sink(self, m: Maker) -> None:
        """Into a local, into the hash, or nowhere."""
        t = m.vals[-1]
        kind = m.rng.random()
        found = m.writable(t)
        if found and kind < 0.5:
            m.set_local(m.rng.choice(found))
        elif kind < 0.9:
            m.mix()
        else:
            m.emit(Op.DROP)
            m.pop(1)


def _fresh(m: Maker, t: ValType) -> bool:
    """Something new with expressions for its fields."""
    if not isinstance(t, RefType):
        return False
    found = [
        x
        for kind in (StructType, ArrayType)
        for x in m.w.of(kind)
        if m.w.fits(ref(False, x, t.exact), t)
    ]
    if not found:
        return False
    new(m, m.rng.choice(found))
    return True
