"""Throwing and catching, in the standard's way and in the legacy one."""

from typing import Final

from wadjet.core.body import Catch
from wadjet.core.opcodes import Op
from wadjet.core.types import EXN, EXNREF, ValType, ref
from wadjet.testing.generate.control import Fill, may_nest, results_of_a_block, target
from wadjet.testing.generate.maker import Maker, Rule, Types

_EXN: Final = ref(False, EXN)


def throw(m: Maker) -> bool:
    """With what the tag carries."""
    tags = exceptions(m)
    if not tags:
        return False
    tag = m.rng.choice(tags)
    m.want(m.w.signature(m.w.tags[tag]).params)
    m.emit(Op.THROW, tag)
    m.never_returns()
    return True


def throw_ref(m: Maker) -> bool:
    """An exception caught before."""
    m.want((EXNREF if m.chance(0.1) else _EXN,))
    m.emit(Op.THROW_REF)
    m.never_returns()
    return True


def exceptions(m: Maker) -> list[int]:
    """Tags of exceptions: those of continuations may have results."""
    return [x for x in range(len(m.w.tags)) if not m.w.signature(m.w.tags[x]).results]


def caught_exception(m: Maker) -> bool:
    """Push an exception that has just been thrown and caught."""
    if not exceptions(m) or len(m.ctrls) > 8:
        return False
    m.open(Op.BLOCK, (), (_EXN,))
    m.open(Op.TRY_TABLE, (), (), (Catch(3, None, 0),))
    _simple_throw(m)
    m.close()
    m.emit(Op.UNREACHABLE)
    m.never_returns()
    m.close()
    return True


def _simple_throw(m: Maker) -> None:
    tag = m.rng.choice(exceptions(m))
    for t in m.w.signature(m.w.tags[tag]).params:
        if t is _EXN:  # that would go on for ever
            m.emit(Op.REF_NULL, EXNREF)
            m.emit(Op.REF_AS_NON_NULL)
            m.vals.append(t)
        else:
            m.supply.simple(m, t)
    m.emit(Op.THROW, tag)
    m.never_returns()


class Exceptions:
    """Rules of the blocks that catch; `fill` writes statements."""

    def __init__(self, fill: Fill) -> None:
        self.fill: Final = fill

    def rules(self) -> dict[int, Rule]:
        """Op → rule, of the standard."""
        return {
            Op.THROW: throw,
            Op.THROW_REF: throw_ref,
            Op.TRY_TABLE: self.try_table,
        }

    def legacy_rules(self) -> dict[int, Rule]:
        """Op → rule, of legacy exceptions."""
        return {
            Op.TRY: self.try_catch,
            Op.CATCH: self.try_catch,
            Op.CATCH_ALL: self.try_catch,
            Op.DELEGATE: self.try_delegate,
            Op.RETHROW: rethrow,
        }

    def try_table(self, m: Maker) -> bool:
        """A block around it for what is caught by its first clause; the others lead to whatever
        labels fit."""
        if not may_nest(m) or not exceptions(m):
            return False
        results = results_of_a_block(m)
        kind = m.rng.randrange(4)
        tag = m.rng.choice(exceptions(m)) if kind < 2 else None
        carried = self._carried(m, kind, tag)
        if len(carried) > 1 and not m.w.has("multi-value"):
            return False
        m.open(Op.BLOCK, (), results)
        m.open(Op.BLOCK, (), carried)
        clauses = [Catch(kind, tag, 0), *self._clauses(m)]
        m.rng.shuffle(clauses)
        m.open(Op.TRY_TABLE, (), results, tuple(clauses))
        self._content(m)
        m.close()
        m.emit(Op.BR, 1)
        m.never_returns()
        m.close()
        self.fill(m)
        m.close()
        return True

    def _content(self, m: Maker) -> None:
        """Statements, in which locals change before and after something is thrown."""
        self.fill(m)
        if not m.frame.unreachable and m.chance(0.5):
            throw(m)

    def _carried(self, m: Maker, kind: int, tag: int | None) -> Types:
        carried: list[ValType] = []
        if tag is not None:
            carried += m.w.signature(m.w.tags[tag]).params
        if kind in (1, 3):
            carried.append(_EXN)
        return tuple(carried)

    def _clauses(self, m: Maker) -> list[Catch]:
        """Further clauses for labels that take just what some exception carries."""
        clauses = []
        for _ in range(m.rng.randint(0, 2)):
            kind = m.rng.randrange(4)
            tag = m.rng.choice(exceptions(m)) if kind < 2 else None
            carried = self._carried(m, kind, tag)
            n = target(m, lambda frame, c=carried: m.w.all_fit(c, frame.label))  # type: ignore[misc]
            if n is not None:
                clauses.append(Catch(kind, tag, n))
        return clauses

    def try_catch(self, m: Maker) -> bool:
        """try with some handlers."""
        if not may_nest(m) or not exceptions(m):
            return False
        m.open(Op.TRY, (), results_of_a_block(m))
        self._content(m)
        for _ in range(m.rng.choice((0, 1, 1, 2))):
            tag = m.rng.choice(exceptions(m))
            m.arm(Op.CATCH, tag, m.w.signature(m.w.tags[tag]).params)
            self.fill(m)
        if m.chance(0.5):
            m.arm(Op.CATCH_ALL, None, ())
            self.fill(m)
        m.close()
        return True

    def try_delegate(self, m: Maker) -> bool:
        """try whose exceptions go to a block further out."""
        if not may_nest(m) or not exceptions(m):
            return False
        m.open(Op.TRY, (), results_of_a_block(m))
        self._content(m)
        m.close(Op.DELEGATE, m.rng.randrange(len(m.ctrls) - 1))
        return True


def rethrow(m: Maker) -> bool:
    """From within a handler."""
    found = [n for n in range(len(m.ctrls)) if m.label(n).op in (Op.CATCH, Op.CATCH_ALL)]
    if not found:
        return False
    m.emit(Op.RETHROW, m.rng.choice(found))
    m.never_returns()
    return True
