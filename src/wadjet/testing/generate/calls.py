"""Calls of every kind, and references to functions."""

from collections.abc import Callable
from typing import Final

from wadjet.core.opcodes import Op
from wadjet.core.types import FUNC, FUNCREF, FuncType, NumType, RefType, ref
from wadjet.testing.generate.maker import Maker, Rule


def call(m: Maker) -> bool:
    """Of any function that there is."""
    if not m.w.functions:
        return False
    call_of(m, m.rng.choice(m.w.functions))
    return True


def call_of(m: Maker, function: int) -> None:
    """Of this one."""
    sig = m.w.sig_of(function)
    m.want(sig.params)
    m.apply(Op.CALL, function, sig.params, *sig.results)


#: Which function types will do.
Accepts = Callable[[int], bool]


def _any(x: int) -> bool:
    return True


def _in_tail_position(m: Maker) -> Accepts:
    """Function types whose results this function may leave."""
    results = m.ctrls[0].results
    return lambda x: m.w.all_fit(m.w.signature(x).results, results)


def _indirect(m: Maker, accepts: Accepts) -> tuple[int, int] | None:
    """Push the operands of an indirect call, mostly of one that works; its immediates."""
    tables = [x for x, t in enumerate(m.w.tables) if m.w.fits(t.element, ref(True, FUNC))]
    working = [
        (table, at, x)
        for (table, at), function in m.w.placed.items()
        for x in _types_of(m, function)
        if accepts(x)
    ]
    types = [x for x in m.w.of(FuncType) if accepts(x)]
    if working and m.chance(0.9):
        table, at, x = m.rng.choice(working)
        m.want(m.w.signature(x).params)
        m.number(m.w.tables[table].limits.addr, at)
    elif tables and types:
        table, x = m.rng.choice(tables), m.rng.choice(types)
        m.want(m.w.signature(x).params)
        _place(m, table)
    else:
        return None
    return x, table


def _types_of(m: Maker, function: int) -> tuple[int, ...]:
    """The type of a function, and the one above it."""
    x = m.w.funcs[function]
    return (x, *m.w.subs[x].supers)


def _place(m: Maker, table: int) -> None:
    """Push an index into a table."""
    t = m.w.tables[table].limits
    if m.chance(0.2):
        m.produce(t.addr)
    else:
        m.number(t.addr, m.rng.randint(0, t.min))


def call_indirect(m: Maker) -> bool:
    """Through a table, as the function's own type or as one above it."""
    imm = _indirect(m, _any)
    if imm is None:
        return False
    sig = m.w.signature(imm[0])
    t: NumType = m.w.tables[imm[1]].limits.addr
    m.apply(Op.CALL_INDIRECT, imm, (*sig.params, t), *sig.results)
    return True


def _referable(m: Maker, accepts: Accepts) -> int | None:
    """A function type of which there is a function."""
    found = [m.w.funcs[f] for f in m.w.functions if accepts(m.w.funcs[f])]
    return m.rng.choice(found) if found else None


def call_ref(m: Maker) -> bool:
    """Through a reference."""
    x = _referable(m, _any)
    if x is None:
        return False
    sig = m.w.signature(x)
    t = ref(m.chance(0.3), x)
    m.want((*sig.params, t))
    m.apply(Op.CALL_REF, x, (*sig.params, t), *sig.results)
    return True


def return_call(m: Maker) -> bool:
    """A tail call of a function that gives what this one should."""
    found = m.w.functions_giving(m.ctrls[0].results)
    if not found:
        return False
    function = m.rng.choice(found)
    m.want(m.w.sig_of(function).params)
    m.emit(Op.RETURN_CALL, function)
    m.never_returns()
    return True


def return_call_indirect(m: Maker) -> bool:
    """A tail call through a table."""
    imm = _indirect(m, _in_tail_position(m))
    if imm is None:
        return False
    m.emit(Op.RETURN_CALL_INDIRECT, imm)
    m.never_returns()
    return True


def return_call_ref(m: Maker) -> bool:
    """A tail call through a reference."""
    x = _referable(m, _in_tail_position(m))
    if x is None:
        return False
    m.want((*m.w.signature(x).params, ref(m.chance(0.3), x)))
    m.emit(Op.RETURN_CALL_REF, x)
    m.never_returns()
    return True


def ref_func(m: Maker, t: RefType = FUNCREF) -> bool:
    """A reference to a function that fits."""
    found = m.w.functions_of(t)
    if not found:
        return False
    function = m.rng.choice(found)
    m.w.referred.add(function)
    m.emit(Op.REF_FUNC, function)
    m.vals.append(ref(False, m.w.funcs[function]))
    return True


CALLS: Final[dict[int, Rule]] = {
    Op.CALL: call,
    Op.CALL_INDIRECT: call_indirect,
    Op.CALL_REF: call_ref,
    Op.REF_FUNC: ref_func,
}
TAIL_CALLS: Final[dict[int, Rule]] = {
    Op.RETURN_CALL: return_call,
    Op.RETURN_CALL_INDIRECT: return_call_indirect,
    Op.RETURN_CALL_REF: return_call_ref,
}
