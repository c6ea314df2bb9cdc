"""Which rule each instruction obeys, given the features that are on."""

from collections.abc import Sequence
from typing import Any, Final

from wadjet.core.features import Features
from wadjet.core.opcodes import BY_OP, ROWS, Row, row
from wadjet.core.validate import proposals, references, rules
from wadjet.core.validate.code import NO_EFFECT, Checker, Plan, Rule

_RULES: Final[dict[int, Rule]] = {**rules.RULES, **references.RULES, **proposals.RULES}

#: immediates that need no look
_FREE: Final = frozenset(("i32", "i64", "f32", "f64", "v128", "fence"))
_PLANS: Final[dict[Features, list[Plan]]] = {}


def plans(features: Features) -> Sequence[Plan]:
    """For each op id, how the instruction is checked."""
    found = _PLANS.get(features)
    if found is None:
        found = [(*NO_EFFECT, off)] * len(BY_OP)
        for r in ROWS:
            if r.feature in features:
                found[r.op] = _plan(r, features)
        _PLANS[features] = found
    return found


def _plan(r: Row, features: Features) -> Plan:
    if "shared-everything-threads" in features and r.op in proposals.SHARED:
        return (*NO_EFFECT, proposals.SHARED[r.op])
    if r.params is None:
        return (*NO_EFFECT, _RULES[r.op])
    if not r.immediates or r.immediates[0] in _FREE:
        return (*rules.EFFECTS[r.op][0], None)
    return (*NO_EFFECT, _check_of(r))


def _check_of(r: Row) -> Rule:
    """The rule for a fixed effect with an immediate that must be looked at."""
    if r.natural:
        if len(r.immediates) > 1:
            return rules.lane_access
        return rules.atomic_access if r.feature == "threads" else rules.access
    if r.lanes:
        return rules.lane
    return rules.shuffle if r.immediates == ("lanes",) else rules.indexed


def off(c: Checker, _: Any) -> None:
    """An instruction of a feature that is off."""
    found = row(c.ops[c.at])
    c.fail(f"{found.mnemonic} needs the feature {found.feature}")
