"""ref.test, ref.cast, br_on_cast, also by descriptor: what kind of thing does a word refer to?

A word of the `any` hierarchy is 0 (null), odd (i31), ends in the bits 10 (a host reference) or is
the address of an object, whose VMType knows all its supertypes by depth: one load and one compare.
"""

from collections.abc import Callable
from typing import Final, cast

from wadjet.core.opcodes import Op
from wadjet.core.types import (
    ANY, ARRAY, EQ, EXN, EXTERN, FUNC, I31, STRUCT, AbsHeap, DefType, RefType,
)  # fmt: skip
from wadjet.engine.contract.heap import DISPLAY, KIND_ARRAY, KIND_STRUCT, MIN_DISPLAY, VM_TYPE
from wadjet.engine.contract.layout import VM_FUNC, WORD
from wadjet.engine.contract.libcalls import IS_SUBTYPE
from wadjet.engine.contract.traps import TrapCode
from wadjet.engine.emit.control import branch_if
from wadjet.engine.emit.function import Emit, FunctionEmitter
from wadjet.engine.emit.libcalls import libcall


def _deftype(e: FunctionEmitter, x: object) -> DefType:
    return e.unit.valid.types[x] if isinstance(x, int) else cast(DefType, x)


def matches(e: FunctionEmitter, word: str, target: RefType) -> str:
    """An i1: whether the word is of the target type."""
    check = _check_of(e, word, target)
    if check is None:
        return "true" if target.nullable else e.let(f"icmp ne i64 {word}, 0")
    return _unless_null(e, word, target.nullable, check)


def _unless_null(e: FunctionEmitter, word: str, on_null: bool, check: Callable[[], str]) -> str:
    """What `check` says of a word that is not null."""
    source, some, done = e.block, e.label("some"), e.label("tested")
    null = e.let(f"icmp eq i64 {word}, 0")
    e.emit(f"br i1 {null}, label %{done}, label %{some}")
    e.start(some)
    flag = check()
    last = e.block
    e.goto(done)
    e.start(done)
    answer = "true" if on_null else "false"
    return e.let(f"phi i1 [ {answer}, %{source} ], [ {flag}, %{last} ]")


def object_is(e: FunctionEmitter, word: str, test: Callable[[str], str]) -> str:
    """False for what is no object, else what `test` says of its VMType (in the same block)."""
    tag = e.let(f"and i64 {word}, 3")
    plain = e.let(f"icmp eq i64 {tag}, 0")
    source, object_, done = e.block, e.label("object"), e.label("known")
    e.emit(f"br i1 {plain}, label %{object_}, label %{done}")
    e.start(object_)
    pointer = e.let(f"inttoptr i64 {word} to ptr")
    flag = test(e.let(f"load ptr, ptr {pointer}, align 8, !tbaa !9"))
    e.goto(done)
    e.start(done)
    return e.let(f"phi i1 [ false, %{source} ], [ {flag}, %{object_} ]")


class _Check:
    """A test of a word that is not null."""

    def __init__(self, e: FunctionEmitter, word: str, target: RefType) -> None:
        self.e, self.word, self.target = e, word, target

    def __call__(self) -> str:
        heap = self.target.heap
        if isinstance(heap, AbsHeap):
            return self._abstract(heap)
        type_ = _deftype(self.e, heap)
        if type_.heap.top == "func":
            return self._function(cast(int, heap))
        if type_.heap.top in ("cont", "exn"):
            return "true"
        return object_is(
            self.e, self.word, lambda vm_type: self._is(vm_type, cast(int, heap), type_)
        )

    def _abstract(self, heap: AbsHeap) -> str:
        e, word = self.e, self.word
        if heap is I31:
            return e.let(f"trunc i64 {word} to i1")
        if heap is EQ:
            tag = e.let(f"and i64 {word}, 3")
            return e.let(f"icmp ne i64 {tag}, 2")
        if heap in (STRUCT, ARRAY):
            kind = KIND_STRUCT if heap is STRUCT else KIND_ARRAY
            return object_is(self.e, self.word, lambda vm_type: self._is_kind(vm_type, kind))
        return "true" if heap in (ANY, FUNC, EXTERN, EXN) else "false"

    def _is_kind(self, vm_type: str, kind: int) -> str:
        actual = self.e.fixed("i64", vm_type, VM_TYPE["kind"])
        return self.e.let(f"icmp eq i64 {actual}, {kind}")

    def _is(self, vm_type: str, x: int, type_: DefType) -> str:
        e = self.e
        wanted = e.fixed("ptr", "%ctx", e.unit.layout("objects", x))
        if type_.final or self.target.exact:
            return e.let(f"icmp eq ptr {vm_type}, {wanted}")
        if type_.depth < MIN_DISPLAY:
            found = e.fixed("ptr", vm_type, DISPLAY + WORD * type_.depth)
            return e.let(f"icmp eq ptr {found}, {wanted}")
        deep = e.let(f"icmp uge i64 {e.fixed('i64', vm_type, VM_TYPE['depth'])}, {type_.depth}")
        at = e.let(f"select i1 {deep}, i64 {DISPLAY + WORD * type_.depth}, i64 {DISPLAY}")
        slot = e.let(f"getelementptr i8, ptr {vm_type}, i64 {at}")
        found = e.let(f"load ptr, ptr {slot}, align 8, !tbaa !4")
        return e.let(f"icmp eq ptr {found}, {wanted}")

    def _function(self, x: int) -> str:
        e = self.e
        pointer = e.let(f"inttoptr i64 {self.word} to ptr")
        actual = e.fixed("i64", pointer, VM_FUNC["type"])
        wanted = e.fixed("i64", "%ctx", e.unit.layout("types", x))
        same = e.let(f"icmp eq i64 {actual}, {wanted}")
        if e.unit.valid.types[x].final or self.target.exact:
            return same
        source, slow, done = e.block, e.label("slow"), e.label("known")
        e.emit(f"br i1 {same}, label %{done}, label %{slow}")
        e.start(slow)
        answer = libcall(e, IS_SUBTYPE, [self.word, str(x)])
        flag = e.let(f"icmp ne i64 {answer}, 0")
        last = e.block
        e.goto(done)
        e.start(done)
        return e.let(f"phi i1 [ true, %{source} ], [ {flag}, %{last} ]")


def _check_of(e: FunctionEmitter, word: str, target: RefType) -> _Check | None:
    """The test that a non-null word needs, if any."""
    if target.heap in (ANY, FUNC, EXTERN, EXN):
        return None
    return _Check(e, word, target)


def _test(e: FunctionEmitter, imm: object, i: int) -> None:
    flag = matches(e, e.pop(), cast(RefType, imm))
    e.push(e.let(f"zext i1 {flag} to i32"))


def _cast(e: FunctionEmitter, imm: object, i: int) -> None:
    word = e.pop()
    e.unless(matches(e, word, cast(RefType, imm)), TrapCode.CAST_FAILURE)
    e.push(word)


def _br_on_cast(e: FunctionEmitter, imm: object, i: int) -> None:
    depth, _, target = cast(tuple[int, RefType, RefType], imm)
    branch_if(e, matches(e, e.stack[-1], target), depth)


def _br_on_cast_fail(e: FunctionEmitter, imm: object, i: int) -> None:
    depth, _, target = cast(tuple[int, RefType, RefType], imm)
    flag = matches(e, e.stack[-1], target)
    branch_if(e, e.let(f"xor i1 {flag}, true"), depth)


# --- by descriptor -------------------------------------------------------------------------------


def _described(e: FunctionEmitter, target: RefType) -> tuple[str, str]:
    """Pops a descriptor, and looks whether the word below (which is popped too) refers to a struct
    that has it, or is null where the target may be: the word and an i1."""
    word, descriptor = e.pops(2)
    e.unless(e.let(f"icmp ne i64 {descriptor}, 0"), TrapCode.NULL_DESCRIPTOR)

    def is_described(vm_type: str) -> str:
        # where there is no descriptor, this loads the header, which is never equal to one
        offset = e.fixed("i64", vm_type, VM_TYPE["descriptor"])
        pointer = e.let(f"inttoptr i64 {word} to ptr")
        slot = e.let(f"getelementptr i8, ptr {pointer}, i64 {offset}")
        found = e.let(f"load i64, ptr {slot}, align 8")
        return e.let(f"icmp eq i64 {found}, {descriptor}")

    return word, _unless_null(e, word, target.nullable, lambda: object_is(e, word, is_described))


def _cast_desc_eq(e: FunctionEmitter, imm: object, i: int) -> None:
    word, flag = _described(e, cast(RefType, imm))
    e.unless(flag, TrapCode.DESCRIPTOR_CAST)
    e.push(word)


def _br_on_cast_desc_eq(e: FunctionEmitter, imm: object, i: int) -> None:
    depth, _, target = cast(tuple[int, RefType, RefType], imm)
    word, flag = _described(e, target)
    e.push(word)
    branch_if(e, flag, depth)


def _br_on_cast_desc_eq_fail(e: FunctionEmitter, imm: object, i: int) -> None:
    depth, _, target = cast(tuple[int, RefType, RefType], imm)
    word, flag = _described(e, target)
    e.push(word)
    branch_if(e, e.let(f"xor i1 {flag}, true"), depth)


CASTS: Final[dict[int, Emit]] = {
    Op.REF_TEST: _test,
    Op.REF_TEST_NULL: _test,
    Op.REF_CAST: _cast,
    Op.REF_CAST_NULL: _cast,
    Op.BR_ON_CAST: _br_on_cast,
    Op.BR_ON_CAST_FAIL: _br_on_cast_fail,
    Op.REF_CAST_DESC_EQ: _cast_desc_eq,
    Op.REF_CAST_DESC_EQ_NULL: _cast_desc_eq,
    Op.BR_ON_CAST_DESC_EQ: _br_on_cast_desc_eq,
    Op.BR_ON_CAST_DESC_EQ_FAIL: _br_on_cast_desc_eq_fail,
}
