"""Continuations: made, bound, resumed under handlers, switched between."""

from typing import Final

from wadjet.core.body import Handler
from wadjet.core.opcodes import Op
from wadjet.core.types import EXNREF, ContType, FuncType, RefType, ref
from wadjet.testing.generate.exceptions import caught_exception, exceptions
from wadjet.testing.generate.maker import Maker, Rule, Types


def _func(m: Maker, x: int) -> int:
    """The function type of a continuation type."""
    comp = m.w.subs[x].comp
    assert isinstance(comp, ContType), "a type of the module"
    assert isinstance(comp.func, int), "a type of the module"
    return comp.func


def _sig(m: Maker, x: int) -> FuncType:
    return m.w.signature(_func(m, x))


def _conts(m: Maker) -> list[int]:
    return m.w.of(ContType)


def _switches(m: Maker, x: int) -> bool:
    """Whether continuations of a type expect to be told who switched to them."""
    params = _sig(m, x).params
    return bool(params) and isinstance(params[-1], RefType)


def cont_new(m: Maker, x: int | None = None) -> bool:
    """Of a function of the right type."""
    x = m.rng.choice(_conts(m)) if x is None else x
    t = ref(m.chance(0.05), _func(m, x))
    m.want((t,))
    m.apply(Op.CONT_NEW, x, (t,), ref(False, x))
    return True


def cont_bind(m: Maker) -> bool:
    """The first arguments now."""
    found = [
        (x, y)
        for x in _conts(m)
        for y in _conts(m)
        if _sig(m, x).results == _sig(m, y).results
        and _is_tail(_sig(m, y).params, _sig(m, x).params)
    ]
    x, y = m.rng.choice(found)
    given = _sig(m, x).params[: len(_sig(m, x).params) - len(_sig(m, y).params)]
    m.want((*given, ref(False, x)))
    m.apply(Op.CONT_BIND, (x, y), (*given, ref(True, x)), ref(False, y))
    return True


def _is_tail(part: Types, whole: Types) -> bool:
    return whole[len(whole) - len(part) :] == part


def suspend(m: Maker) -> bool:
    """To whatever handler there is."""
    tag = m.rng.randrange(len(m.w.tags))
    sig = m.w.signature(m.w.tags[tag])
    m.want(sig.params)
    m.apply(Op.SUSPEND, tag, sig.params, *sig.results)
    return True


def _resume(op: int) -> Rule:
    """A resumption within a block for each of its handlers."""

    def rule(m: Maker) -> bool:
        plain = [x for x in _conts(m) if not _switches(m, x)]
        if len(m.ctrls) > 7:
            return False
        x = m.rng.choice(plain)
        handlers, blocks = _handlers(m, _sig(m, x).results)
        imm: tuple[object, ...] = (x, handlers)
        m.open(Op.BLOCK, (), _sig(m, x).results)
        for types in reversed(blocks):
            m.open(Op.BLOCK, (), types)
        if op == Op.RESUME:
            m.want((*_sig(m, x).params, ref(False, x)))
        elif op == Op.RESUME_THROW:
            tag = m.rng.choice(exceptions(m))
            m.want((*m.w.signature(m.w.tags[tag]).params, ref(False, x)))
            imm = (x, tag, handlers)
        else:
            if not caught_exception(m):
                m.want((EXNREF,))
            m.want((ref(False, x),))
        m.emit(op, imm)
        del m.vals[m.frame.height :]
        m.vals.extend(_sig(m, x).results)
        for n in range(len(blocks)):
            m.want(_sig(m, x).results)
            m.emit(Op.BR, len(blocks) - n)
            m.never_returns()
            m.close()
            while m.here:  # what the handler got: the continuation may go on later
                m.supply.sink(m)
        m.close()
        return True

    return rule


def _handlers(m: Maker, results: Types) -> tuple[tuple[Handler, ...], list[Types]]:
    """Handlers of a resumption, and what the block of each takes, innermost first."""
    handlers: list[Handler] = []
    blocks: list[Types] = []
    for tag, x in enumerate(m.w.tags):
        sig = m.w.signature(x)
        rest = [y for y in _conts(m) if _sig(m, y) == FuncType(sig.results, results)]
        if rest and m.chance(0.6):
            handlers.append(Handler(tag, len(blocks)))
            blocks.append((*sig.params, ref(True, m.rng.choice(rest))))
        elif not sig.params and m.chance(0.3):
            handlers.append(Handler(tag, None))
    return tuple(handlers), blocks


def switch(m: Maker) -> bool:
    """To a continuation that expects to hear who we are."""
    x = next(x for x in _conts(m) if _switches(m, x))
    sig = _sig(m, x)
    tags = [tag for tag, y in enumerate(m.w.tags) if m.w.signature(y) == FuncType((), sig.results)]
    if not tags:
        return False
    back = sig.params[-1]
    assert isinstance(back, RefType), "made so"
    assert isinstance(back.heap, int), "made so"
    m.want((*sig.params[:-1], ref(False, x)))
    m.apply(Op.SWITCH, (x, m.rng.choice(tags)), sig.params, *_sig(m, back.heap).params)
    return True


SWITCHING: Final[dict[int, Rule]] = {
    Op.CONT_NEW: cont_new,
    Op.CONT_BIND: cont_bind,
    Op.SUSPEND: suspend,
    Op.RESUME: _resume(Op.RESUME),
    Op.RESUME_THROW: _resume(Op.RESUME_THROW),
    Op.RESUME_THROW_REF: _resume(Op.RESUME_THROW_REF),
    Op.SWITCH: switch,
}
