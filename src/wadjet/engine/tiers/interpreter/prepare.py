"""From a valid body to blocks of steps: every label resolved, every immediate bound."""

from typing import Any, Final

from wadjet.core.features import DETERMINISTIC
from wadjet.core.numerics import DETERMINISTIC as STRICT
from wadjet.core.numerics import NUMERICS, PAIRS
from wadjet.core.opcodes import row
from wadjet.core.types import FuncType
from wadjet.engine.tiers.interpreter.accesses import SHARED
from wadjet.engine.tiers.interpreter.aggregates import AGGREGATES
from wadjet.engine.tiers.interpreter.atomics import ATOMICS
from wadjet.engine.tiers.interpreter.continuations import CONTINUATIONS, SWITCHES
from wadjet.engine.tiers.interpreter.control import CONTROL
from wadjet.engine.tiers.interpreter.memory import MEMORY
from wadjet.engine.tiers.interpreter.preparation import Preparation, Rule
from wadjet.engine.tiers.interpreter.references import REFERENCES
from wadjet.engine.tiers.interpreter.steps import (
    CHECK, FRAME_COST, RETURN, SLOT_COST, Block, Callee,
)  # fmt: skip
from wadjet.engine.tiers.interpreter.tables import TABLES
from wadjet.engine.tiers.interpreter.unit import Plain, Work

#: op id → how the instruction is prepared, where it does more than compute
RULES: Final[dict[int, Rule]] = CONTROL | SWITCHES
#: op id → an instruction that computes but is no pure function of numbers
PLAIN: Final[dict[int, Plain]] = (
    MEMORY | TABLES | REFERENCES | AGGREGATES | ATOMICS | CONTINUATIONS | SHARED
)


def prepare(callee: Callee) -> Block:
    """Make the steps of a function; the block it begins with."""
    unit = callee.unit
    assert unit is not None, "foreign functions are made with their steps"
    instance = unit.instance
    own = callee.index - len(instance.func_imports)
    body, facts = instance.module.codes[own].body, instance.valid.facts(own)
    comp = callee.deftype.comp
    assert isinstance(comp, FuncType), "only functions have bodies"
    p = Preparation(unit, body, facts, len(comp.results))
    p.emit(CHECK, 1)
    _walk(p)
    if instance.store.limits.fuel is not None:
        for block in p.blocks:
            block.steps.insert(0, (CHECK, len(block.steps), None))
    callee.zeros = [0] * (p.locals - callee.arity)
    callee.cost = FRAME_COST + SLOT_COST * (p.locals + facts.height)
    callee.entry = p.entry
    return p.entry


def _walk(p: Preparation) -> None:
    """Prepare every instruction that control can reach."""
    ops, imms, dead = p.body.ops, p.body.imms, p.facts.dead
    last = len(ops) - 1
    i = 0
    while (i := dead.get(i, i)) < last:
        rule = RULES.get(ops[i])
        if rule is not None:
            rule(p, i, imms[i])
        else:
            _compute(p, ops[i], imms[i])
        i += 1
    if p.block is not None:
        p.leave(RETURN, p.ctrls[0].results)


def _compute(p: Preparation, op: int, imm: Any) -> None:
    """An instruction that only computes."""
    work = NUMERICS.get(op) or PAIRS.get(op)
    if op in STRICT and DETERMINISTIC in p.unit.instance.valid.features:
        work = STRICT[op]
    if work is None:
        found = PLAIN[op]
        count = found.operands
        if count is None:
            assert found.count is not None
            count = found.count(p.unit, imm)
        work = found.make(p.unit, imm)
        p.compute(work, count, found.results, allocates=found.allocates)
        return
    params, results = row(op).params, row(op).results
    assert params is not None, "numeric rows tell their effect"
    assert results is not None, "numeric rows tell their effect"
    p.compute(work if imm is None else _bind(work, imm), len(params), len(results))


def _bind(work: Work, imm: object) -> Work:
    """A function of the operands alone."""
    return lambda *operands: work(*operands, imm)
