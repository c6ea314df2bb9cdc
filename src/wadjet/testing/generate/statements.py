"""Statements: which instruction comes next, and how often each kind does."""

import random
from typing import Final

from wadjet.core.opcodes import ROWS, Op, Row
from wadjet.core.types import I32, ValType
from wadjet.testing.generate.aggregates import AGGREGATES, DESCRIPTORS
from wadjet.testing.generate.bulk import BULK, TABLES
from wadjet.testing.generate.calls import CALLS, TAIL_CALLS
from wadjet.testing.generate.control import BRANCHES, VARIABLES, Control
from wadjet.testing.generate.exceptions import Exceptions
from wadjet.testing.generate.generic import generic
from wadjet.testing.generate.maker import Maker, Rule
from wadjet.testing.generate.references import REFERENCES
from wadjet.testing.generate.sources import Sources
from wadjet.testing.generate.switching import SWITCHING
from wadjet.testing.generate.world import World

#: what only ends or divides blocks
STRUCTURE: Final = frozenset({Op.ELSE, Op.END})
#: after these nothing in the block is reachable: they belong into an arm of an `if`
_ENDS: Final = frozenset(
    {
        Op.BR, Op.BR_TABLE, Op.RETURN, Op.UNREACHABLE, Op.THROW, Op.THROW_REF, Op.RETHROW,
        *TAIL_CALLS,
    }
)  # fmt: skip
#: kind of instruction → how often it is chosen, usually
_USUAL: Final[dict[str, float]] = {
    "integers": 3, "floats": 2, "conversions": 1, "vectors": 4, "relaxed": 2, "rounding": 2,
    "wide": 1, "memory": 3, "atomics": 2, "variables": 4, "control": 3, "branches": 2,
    "calls": 1.5, "tail calls": 0.5, "bulk": 0.7, "tables": 0.8, "references": 1.5,
    "aggregates": 4, "descriptors": 1.5, "exceptions": 2, "legacy exceptions": 1.5,
    "switching": 2,
}  # fmt: skip


class Statements:
    """The statements of one module: rules and rows by kind, of the features that it uses."""

    def __init__(self, w: World) -> None:
        self.w: Final = w
        self.rules: Final = self._rules()
        rows = [r for r in ROWS if r.feature in w.features and r.op not in STRUCTURE]
        self.kinds: Final[dict[str, list[Row]]] = {}
        for r in rows:
            if _allowed(r, w):
                self.kinds.setdefault(self._kind(r), []).append(r)
        self._names: Final = list(self.kinds)
        self._weights: Final = [_weight(name, w.rng) for name in self._names]
        giving: dict[ValType, list[Row]] = {}
        for r in rows:
            if r.op not in self.rules and r.results and len(r.results) == 1 and _allowed(r, w):
                t = r.results[0]
                assert t is not None, "rows that give addresses have a rule"
                giving.setdefault(t, []).append(r)
        self.sources: Final = Sources(self.fill, giving)

    def _rules(self) -> dict[int, Rule]:
        self._control = Control(self.fill).rules()
        exceptions = Exceptions(self.fill)
        self._exceptions = exceptions.rules()
        self._legacy = exceptions.legacy_rules()
        rules: dict[int, Rule] = {}
        for table in self._tables().values():
            assert not rules.keys() & table.keys(), "two rules for an instruction"
            rules |= table
        return rules

    def _tables(self) -> dict[str, dict[int, Rule]]:
        return {
            "control": self._control, "exceptions": self._exceptions,
            "legacy exceptions": self._legacy, "branches": BRANCHES, "variables": VARIABLES,
            "calls": CALLS, "tail calls": TAIL_CALLS, "bulk": BULK, "tables": TABLES,
            "references": REFERENCES, "aggregates": AGGREGATES, "descriptors": DESCRIPTORS,
            "switching": SWITCHING,
        }  # fmt: skip

    def _kind(self, r: Row) -> str:
        for name, table in self._tables().items():
            if r.op in table:
                return name
        return _kind_of_row(r)

    # -- writing ----------------------------------------------------------------------------------

    def fill(self, m: Maker) -> None:
        """A few statements; not many of those that nobody will ever reach."""
        for _ in range(m.rng.choice((0, 1, 1, 2, 3, 5)) if len(m.ctrls) > 1 else 1000):
            if m.room <= 0 or (m.frame.unreachable and m.chance(0.6)):
                return
            self.statement(m)

    def statement(self, m: Maker) -> None:
        """One instruction with its operands, if the first ideas work."""
        for _ in range(4):
            kind = m.rng.choices(self._names, self._weights)[0]
            if self._write(m, m.rng.choice(self.kinds[kind])):
                break
        else:
            m.room -= 1
        while len(m.here) > 12 or (m.here and m.chance(0.1)):
            self.sources.sink(m)

    def _write(self, m: Maker, r: Row) -> bool:
        rule = self.rules.get(r.op)
        if rule is None:
            return generic(m, r)
        if r.op not in _ENDS or m.chance(0.2) or len(m.ctrls) > 6:
            return rule(m)
        m.supply.simple(m, I32)
        m.pop(1)
        m.open(Op.IF, (), ())
        rule(m)
        m.close()
        return True


def _allowed(r: Row, w: World) -> bool:
    """Relaxed instructions have one meaning only under the deterministic profile; those that
    multiply and add only outside it, where all engines fuse them."""
    if r.feature != "relaxed-simd":
        return True
    return ("madd" in r.mnemonic) == w.canonical


def _kind_of_row(r: Row) -> str:
    by_feature = {
        "simd": "vectors", "relaxed-simd": "relaxed", "threads": "atomics",
        "rounding-variants": "rounding", "wide-arithmetic": "wide",
    }  # fmt: skip
    if r.params and None in r.params:
        return "atomics" if r.feature == "threads" else "memory"
    if r.feature in by_feature:
        return by_feature[r.feature]
    if r.mnemonic.endswith(".drop"):
        return "bulk"
    operands, results = r.params or (), r.results or ()
    if len(set(operands)) == 1 and operands[0] is not results[0] and r.op >= 0xA7:
        return "conversions"
    return "floats" if any(t is not None and repr(t)[0] == "f" for t in operands) else "integers"


def _weight(kind: str, rng: random.Random) -> float:
    """Modules differ in what they are mostly made of."""
    return _USUAL[kind] * rng.choice((0.1, 0.5, 1, 1, 1, 3))
