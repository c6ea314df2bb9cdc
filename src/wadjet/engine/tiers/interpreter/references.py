"""Instructions on references (spec 4.6.7): nulls, functions, i31, tests and casts."""

from collections.abc import Callable
from typing import Final

from wadjet.core.opcodes import Op
from wadjet.core.subtyping import close_ref, match_ref, top
from wadjet.core.types import EXTERN, FUNC, DefType, HeapType, RefType, ref
from wadjet.engine.contract.traps import TrapCode, failure
from wadjet.engine.tiers.interpreter.unit import Plain, Unit, Work

_MASK31: Final = (1 << 31) - 1


def require(word: int, code: int) -> int:
    """The word itself; a Trap where it is null."""
    if word == 0:
        raise failure(code)
    return word


def _null(_unit: Unit, _type: RefType) -> Work:
    return lambda: 0


def _is_null(_unit: Unit, _imm: None) -> Work:
    return lambda word: 0 if word else 1


def _func(unit: Unit, index: int) -> Work:
    address = unit.instance.func_address(index)
    return lambda: address


def _eq(_unit: Unit, _imm: None) -> Work:
    return lambda a, b: 1 if a == b else 0


def _as_non_null(_unit: Unit, _imm: None) -> Work:
    return lambda word: require(word, TrapCode.NULL_REFERENCE)


def _same(_unit: Unit, _imm: None) -> Work:
    """Conversions between externref and anyref: the words of both are made to be disjoint."""
    return lambda word: word


def _new_i31(_unit: Unit, _imm: None) -> Work:
    return lambda number: (number & _MASK31) << 1 | 1


def _i31_get_u(_unit: Unit, _imm: None) -> Work:
    return lambda word: require(word, TrapCode.NULL_I31) >> 1


def _i31_get_s(_unit: Unit, _imm: None) -> Work:
    def get(word: int) -> int:
        number = require(word, TrapCode.NULL_I31) >> 1
        return number | (number & 1 << 30) << 1

    return get


# --- tests and casts -----------------------------------------------------------------------------

Test = Callable[[int], bool]


def tester(unit: Unit, type_: RefType) -> Test:
    """Does a word refer to something of this type?"""
    target = close_ref(type_, unit.instance.types)
    root = top(target)
    find: Callable[[int], HeapType] = unit.heap.heap_type
    if root.heap is FUNC:
        find = _func_type(unit)
    known: dict[HeapType, bool] = {}
    nullable = target.nullable
    # what comes from the host, or has gone to it, is what its hierarchy is and no more
    hosted = match_ref(ref(False, root.heap, shared=root.shared), target)
    external = root.heap is EXTERN

    def test(word: int) -> bool:
        if word == 0:
            return nullable
        if external or word & 3 == 2:
            return hosted
        found = find(word)
        answer = known.get(found)
        if answer is None:
            precise = ref(False, found, isinstance(found, DefType), root.shared)
            answer = known[found] = match_ref(precise, target)
        return answer

    return test


def _func_type(unit: Unit) -> Callable[[int], DefType]:
    return lambda address: unit.callee_at(address).deftype


def _test(unit: Unit, type_: RefType) -> Work:
    test = tester(unit, type_)
    return lambda word: 1 if test(word) else 0


def _cast(unit: Unit, type_: RefType) -> Work:
    test = tester(unit, type_)

    def cast(word: int) -> int:
        if not test(word):
            raise failure(TrapCode.CAST_FAILURE)
        return word

    return cast


def descriptor_tester(unit: Unit, type_: RefType) -> Callable[[int, int], bool]:
    """Does a word refer to a struct with this descriptor, or is it null and may be?"""
    heap, nullable = unit.heap, type_.nullable

    def test(word: int, descriptor: int) -> bool:
        require(descriptor, TrapCode.NULL_DESCRIPTOR)
        if word == 0:
            return nullable
        return heap.is_object(word) and heap.descriptor(word) == descriptor

    return test


def _cast_desc_eq(unit: Unit, type_: RefType) -> Work:
    test = descriptor_tester(unit, type_)

    def cast(word: int, descriptor: int) -> int:
        if not test(word, descriptor):
            raise failure(TrapCode.DESCRIPTOR_CAST)
        return word

    return cast


REFERENCES: Final[dict[int, Plain]] = {
    Op.REF_NULL: Plain(0, 1, _null),
    Op.REF_IS_NULL: Plain(1, 1, _is_null),
    Op.REF_FUNC: Plain(0, 1, _func),
    Op.REF_EQ: Plain(2, 1, _eq),
    Op.REF_AS_NON_NULL: Plain(1, 1, _as_non_null),
    Op.ANY_CONVERT_EXTERN: Plain(1, 1, _same),
    Op.EXTERN_CONVERT_ANY: Plain(1, 1, _same),
    Op.REF_I31: Plain(1, 1, _new_i31),
    Op.REF_I31_SHARED: Plain(1, 1, _new_i31),
    Op.I31_GET_S: Plain(1, 1, _i31_get_s),
    Op.I31_GET_U: Plain(1, 1, _i31_get_u),
    Op.REF_TEST: Plain(1, 1, _test),
    Op.REF_TEST_NULL: Plain(1, 1, _test),
    Op.REF_CAST: Plain(1, 1, _cast),
    Op.REF_CAST_NULL: Plain(1, 1, _cast),
    Op.REF_CAST_DESC_EQ: Plain(2, 1, _cast_desc_eq),
    Op.REF_CAST_DESC_EQ_NULL: Plain(2, 1, _cast_desc_eq),
}
