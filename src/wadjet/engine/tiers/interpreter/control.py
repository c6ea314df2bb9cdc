"""How control instructions become steps (spec 4.6.3 to 4.6.6), legacy exceptions included."""

from collections.abc import Callable
from typing import Any, Final

from wadjet.base.errors import Trap
from wadjet.core.body import BlockType, Catch
from wadjet.core.opcodes import Op
from wadjet.core.subtyping import match_def
from wadjet.core.types import DefType, FuncType, RefType
from wadjet.engine.contract.traps import MESSAGES, TrapCode, failure
from wadjet.engine.tiers.interpreter.exceptions import throw_ref, thrower
from wadjet.engine.tiers.interpreter.preparation import Preparation, Rule
from wadjet.engine.tiers.interpreter.references import descriptor_tester, require, tester
from wadjet.engine.tiers.interpreter.steps import (
    BR_IF, BR_ON, BR_TABLE, BR_UNLESS, CALL, CALL_VIA, CHECK, CONST, DROP, JUMP, LOCAL_GET,
    LOCAL_SET, LOCAL_TEE, RETURN, RETURN_CALL, RETURN_CALL_VIA, STOP, Callee, Clause, Region,
)  # fmt: skip
from wadjet.engine.tiers.interpreter.unit import Unit

# --- blocks --------------------------------------------------------------------------------------


def _nop(_p: Preparation, _i: int, _imm: None) -> None:
    pass


def _unreachable(p: Preparation, _i: int, _imm: None) -> None:
    p.leave(STOP, TrapCode.UNREACHABLE)


def _block(p: Preparation, _i: int, type_: BlockType) -> None:
    p.push(Op.BLOCK, type_)


def _loop(p: Preparation, _i: int, type_: BlockType) -> None:
    ctrl = p.push(Op.LOOP, type_)
    ctrl.target = p.new_block()
    p.start(ctrl.target)
    p.emit(CHECK, 1)


def _if(p: Preparation, _i: int, type_: BlockType) -> None:
    p.height -= 1
    ctrl = p.push(Op.IF, type_)
    ctrl.alternative = p.new_block()
    p.emit(BR_UNLESS, ctrl.alternative)


def _else(p: Preparation, _i: int, _imm: None) -> None:
    ctrl = p.ctrls[-1]
    if p.block is not None:
        p.leave(JUMP, p.branch(0))
    p.block, ctrl.alternative = ctrl.alternative, None
    p.height = ctrl.height + ctrl.params


def _end(p: Preparation, _i: int, _imm: None) -> None:
    ctrl = p.ctrls[-1]
    if ctrl.alternative is not None:  # an if without else: its false arm is empty
        target = p.branch(0, ctrl.height + ctrl.arity)
        ctrl.alternative.steps.append((JUMP, target, None))
    p.ctrls.pop()
    if ctrl.target is not None and ctrl.op != Op.LOOP:
        p.start(ctrl.target)
    elif p.block is None or ctrl.region is not ctrl.outside:
        p.start(p.new_block())
    p.height = ctrl.height + ctrl.results


# --- branches ------------------------------------------------------------------------------------


def _br(p: Preparation, _i: int, label: int) -> None:
    p.leave(JUMP, p.branch(label))


def _br_if(p: Preparation, _i: int, label: int) -> None:
    p.height -= 1
    p.emit(BR_IF, p.branch(label))


def _br_table(p: Preparation, _i: int, labels: tuple[int, ...]) -> None:
    p.height -= 1
    targets = {label: p.branch(label) for label in set(labels)}
    *blocks, default = (targets[label] for label in labels)
    p.leave(BR_TABLE, blocks, default)


def _return(p: Preparation, _i: int, _imm: None) -> None:
    p.leave(RETURN, p.ctrls[0].results)


def _pop_null(stack: list[int]) -> bool:
    if stack[-1]:
        return False
    stack.pop()
    return True


def _br_on_null(p: Preparation, _i: int, label: int) -> None:
    p.emit(BR_ON, _pop_null, p.branch(label, p.height - 1))


def _br_on_non_null(p: Preparation, _i: int, label: int) -> None:
    p.emit(BR_ON, lambda stack: not _pop_null(stack), p.branch(label))
    p.height -= 1


def _br_on_cast(p: Preparation, _i: int, imm: tuple[int, RefType, RefType]) -> None:
    label, _, type_ = imm
    test = tester(p.unit, type_)
    p.emit(BR_ON, lambda stack: test(stack[-1]), p.branch(label))


def _br_on_cast_fail(p: Preparation, _i: int, imm: tuple[int, RefType, RefType]) -> None:
    label, _, type_ = imm
    test = tester(p.unit, type_)
    p.emit(BR_ON, lambda stack: not test(stack[-1]), p.branch(label))


def _pop_descriptor(unit: Unit, type_: RefType) -> Callable[[list[int]], bool]:
    test = descriptor_tester(unit, type_)

    def match(stack: list[int]) -> bool:
        descriptor = stack.pop()
        return test(stack[-1], descriptor)

    return match


def _br_on_cast_desc_eq(p: Preparation, _i: int, imm: tuple[int, RefType, RefType]) -> None:
    label, _, type_ = imm
    p.height -= 1
    p.emit(BR_ON, _pop_descriptor(p.unit, type_), p.branch(label))


def _br_on_cast_desc_eq_fail(p: Preparation, _i: int, imm: tuple[int, RefType, RefType]) -> None:
    label, _, type_ = imm
    p.height -= 1
    match = _pop_descriptor(p.unit, type_)
    p.emit(BR_ON, lambda stack: not match(stack), p.branch(label))


# --- calls ---------------------------------------------------------------------------------------


def _type_of(callee: Callee) -> FuncType:
    comp = callee.deftype.comp
    assert isinstance(comp, FuncType), "only functions are called"
    return comp


def _call(p: Preparation, _i: int, index: int) -> None:
    callee = p.unit.callee(index)
    p.call(CALL, callee, _type_of(callee))


def _return_call(p: Preparation, _i: int, index: int) -> None:
    p.leave(RETURN_CALL, p.unit.callee(index))


def _indirect(unit: Unit, imm: tuple[int, int]) -> Callable[[int], Callee]:
    """An index into a table → the function there, if it has the type."""
    expected: DefType = unit.instance.types[imm[0]]
    table, find = unit.instance.tables[imm[1]], unit.callee_at

    def resolve(index: int) -> Callee:
        if index >= table.length:
            raise failure(TrapCode.UNDEFINED_ELEMENT)
        word = table.get(index)
        if word == 0:
            raise Trap(f"{MESSAGES[TrapCode.UNINITIALIZED_ELEMENT]} {index}")
        callee = find(word)
        if callee.deftype is not expected and not match_def(callee.deftype, expected):
            raise failure(TrapCode.INDIRECT_CALL_TYPE)
        return callee

    return resolve


def _call_indirect(p: Preparation, _i: int, imm: tuple[int, int]) -> None:
    p.height -= 1
    p.call(CALL_VIA, _indirect(p.unit, imm), p.unit.func_type(imm[0]))


def _return_call_indirect(p: Preparation, _i: int, imm: tuple[int, int]) -> None:
    p.leave(RETURN_CALL_VIA, _indirect(p.unit, imm))


def _by_reference(unit: Unit) -> Callable[[int], Callee]:
    """A funcref → the function."""
    find = unit.callee_at
    return lambda word: find(require(word, TrapCode.NULL_FUNCTION))


def _call_ref(p: Preparation, _i: int, type_: int) -> None:
    p.height -= 1
    p.call(CALL_VIA, _by_reference(p.unit), p.unit.func_type(type_))


def _return_call_ref(p: Preparation, _i: int, _type: int) -> None:
    p.leave(RETURN_CALL_VIA, _by_reference(p.unit))


# --- exceptions ----------------------------------------------------------------------------------


def _throw(p: Preparation, _i: int, index: int) -> None:
    tag = p.unit.instance.tags[index]
    p.compute(thrower(tag), p.unit.tag_arity(index), 0)
    p.block = None


def _throw_ref(p: Preparation, _i: int, _imm: None) -> None:
    p.compute(throw_ref(p.unit), 1, 0)
    p.block = None


def _try_table(p: Preparation, _i: int, imm: tuple[BlockType, tuple[Catch, ...]]) -> None:
    type_, catches = imm
    height = p.height - p.unit.block_arity(type_)[0]
    region = Region(p.ctrls[-1].region, height)
    for kind, index, label in catches:
        tag = None if index is None else p.unit.instance.tags[index]
        values = 0 if index is None else p.unit.tag_arity(index)
        with_ref = kind in _WITH_REF
        target = p.branch(label, height + values + with_ref)
        region.clauses.append(Clause(tag, with_ref, target))
    p.push(Op.TRY_TABLE, type_).region = region
    p.start(p.new_block())


#: catch_ref and catch_all_ref
_WITH_REF: Final = (1, 3)


def _try(p: Preparation, i: int, type_: BlockType) -> None:
    ctrl = p.push(Op.TRY, type_)
    end = p.facts.ends[i]
    if p.body.ops[end] == Op.DELEGATE:
        label: Any = p.body.imms[end]
        # what the body throws is thrown inside of the labelled block
        ctrl.region = Region(p.ctrls[-2 - label].region, ctrl.height)
    else:
        ctrl.slot = p.locals
        p.locals += 1
        region = Region(ctrl.outside, ctrl.height)
        for at in p.facts.catches.get(i, ()):
            index: Any = p.body.imms[at]
            tag = None if index is None else p.unit.instance.tags[index]
            ctrl.catches[at] = p.new_block()
            region.clauses.append(Clause(tag, True, ctrl.catches[at]))
        ctrl.region = region
    p.start(p.new_block())


def _catch(p: Preparation, i: int, index: int | None) -> None:
    ctrl = p.ctrls[-1]
    if p.block is not None:
        p.leave(JUMP, p.branch(0))
    ctrl.region = ctrl.outside
    p.block = ctrl.catches[i]
    p.emit(LOCAL_SET, ctrl.slot)
    p.height = ctrl.height + (0 if index is None else p.unit.tag_arity(index))


def _rethrow(p: Preparation, _i: int, label: int) -> None:
    p.emit(LOCAL_GET, p.ctrls[-1 - label].slot)
    p.height += 1
    p.compute(throw_ref(p.unit), 1, 0)
    p.block = None


# --- operands and locals -------------------------------------------------------------------------


def _drop(p: Preparation, _i: int, _imm: None) -> None:
    p.emit(DROP)
    p.height -= 1


def _select(p: Preparation, _i: int, _imm: object) -> None:
    p.compute(lambda a, b, condition: a if condition else b, 3, 1)


def _local_get(p: Preparation, _i: int, index: int) -> None:
    p.emit(LOCAL_GET, index)
    p.height += 1


def _local_set(p: Preparation, _i: int, index: int) -> None:
    p.emit(LOCAL_SET, index)
    p.height -= 1


def _local_tee(p: Preparation, _i: int, index: int) -> None:
    p.emit(LOCAL_TEE, index)


def _const(bits: int) -> Rule:
    """Integers are signed as immediates; everything else is a pattern already."""
    mask = (1 << bits) - 1

    def rule(p: Preparation, _i: int, value: int) -> None:
        p.emit(CONST, value & mask)
        p.height += 1

    return rule


CONTROL: Final[dict[int, Rule]] = {
    Op.NOP: _nop,
    Op.UNREACHABLE: _unreachable,
    Op.BLOCK: _block,
    Op.LOOP: _loop,
    Op.IF: _if,
    Op.ELSE: _else,
    Op.END: _end,
    Op.BR: _br,
    Op.BR_IF: _br_if,
    Op.BR_TABLE: _br_table,
    Op.RETURN: _return,
    Op.BR_ON_NULL: _br_on_null,
    Op.BR_ON_NON_NULL: _br_on_non_null,
    Op.BR_ON_CAST: _br_on_cast,
    Op.BR_ON_CAST_FAIL: _br_on_cast_fail,
    Op.BR_ON_CAST_DESC_EQ: _br_on_cast_desc_eq,
    Op.BR_ON_CAST_DESC_EQ_FAIL: _br_on_cast_desc_eq_fail,
    Op.CALL: _call,
    Op.CALL_INDIRECT: _call_indirect,
    Op.CALL_REF: _call_ref,
    Op.RETURN_CALL: _return_call,
    Op.RETURN_CALL_INDIRECT: _return_call_indirect,
    Op.RETURN_CALL_REF: _return_call_ref,
    Op.THROW: _throw,
    Op.THROW_REF: _throw_ref,
    Op.TRY_TABLE: _try_table,
    Op.TRY: _try,
    Op.CATCH: _catch,
    Op.CATCH_ALL: _catch,
    Op.DELEGATE: _end,
    Op.RETHROW: _rethrow,
    Op.DROP: _drop,
    Op.SELECT: _select,
    Op.SELECT_T: _select,
    Op.LOCAL_GET: _local_get,
    Op.LOCAL_SET: _local_set,
    Op.LOCAL_TEE: _local_tee,
    Op.I32_CONST: _const(32),
    Op.I64_CONST: _const(64),
    Op.F32_CONST: _const(32),
    Op.F64_CONST: _const(64),
    Op.V128_CONST: _const(128),
}
