"""Calls (spec 4.6.10): direct, imported, indirect, through references."""

from collections.abc import Sequence
from typing import Final, cast

from wadjet.core.opcodes import Op
from wadjet.core.types import I32, FuncType
from wadjet.engine.contract.layout import CELL, VM_CONTEXT, VM_FUNC, VM_TABLE, WORD
from wadjet.engine.contract.libcalls import IS_SUBTYPE
from wadjet.engine.contract.traps import TrapCode
from wadjet.engine.emit.exceptions import after_call
from wadjet.engine.emit.function import Emit, FunctionEmitter, func_type
from wadjet.engine.emit.libcalls import libcall
from wadjet.engine.emit.llvmtypes import in_memory, llvm_type, result_type
from wadjet.engine.emit.memory import widen
from wadjet.engine.emit.tails import arguments, send


def _enter(
    e: FunctionEmitter, callee: str, context: str, type_: FuncType, args: Sequence[str], out: str
) -> str:
    """Call machine code. What it returns, if anything; results that go to memory go to `out`."""
    e.calls = True
    typed = [f"{llvm_type(t)} {a}" for t, a in zip(type_.params, args, strict=True)]
    first = [f"ptr {context}", f"ptr {out}"] if out else [f"ptr {context}"]
    # notail: an endless recursion must exhaust the stack, not become an endless loop
    call = f"notail call {result_type(type_.results)} {callee}({', '.join([*first, *typed])})"
    if type_.results and not out:
        return e.let(call)
    e.emit(call)
    return ""


def _out(e: FunctionEmitter, type_: FuncType) -> str:
    """Where the results go, if they go to memory."""
    return e.result_cells(len(type_.results)) if in_memory(type_.results) else ""


def _invoke(e: FunctionEmitter, callee: str, context: str, type_: FuncType) -> None:
    """Call machine code with operands from the stack; push its results."""
    args, out = e.pops(len(type_.params)), _out(e, type_)
    _results(e, type_, _enter(e, callee, context, type_, args, out), out)


def _results(e: FunctionEmitter, type_: FuncType, value: str, out: str) -> None:
    """Push what a call left; leave the function if it is an exception."""
    after_call(e)
    if out:
        for k, t in enumerate(type_.results):
            slot = e.let(f"getelementptr i8, ptr {out}, i64 {CELL * k}")
            e.push(e.let(f"load {llvm_type(t)}, ptr {slot}, align 8"))
    elif len(type_.results) == 1:
        e.push(value)
    else:
        result = result_type(type_.results)
        for k in range(len(type_.results)):
            e.push(e.let(f"extractvalue {result} {value}, {k}"))


def _tail(e: FunctionEmitter, callee: str, context: str, type_: FuncType) -> None:
    """Leave the function by a call: the callee takes over its frame."""
    e.calls = True
    args = e.pops(len(type_.params))
    for line in send(type_, "%ctx", args, f"%{e.label('sent')}"):
        e.emit(line)
    result = result_type(type_.results)
    call = f"musttail call tailcc {result} {callee}({arguments(type_, context, '%out', args)})"
    if type_.results and not in_memory(type_.results):
        e.emit(f"ret {result_type(type_.results)} {e.let(call)}")
    else:
        e.emit(f"{call}\nret void")
    e.block = None


def _call(e: FunctionEmitter, imm: object, i: int) -> None:
    index = cast(int, imm)
    callee, context = target(e, index)
    _invoke(e, callee, context, func_type(e.unit.valid, index))


def target(e: FunctionEmitter, index: int, tail: bool = False) -> tuple[str, str]:
    """Code and context of a function of this module, by index; `tail` asks for its entry for tail
    calls."""
    layout = e.unit.layout
    if index < layout.func_imports:
        func = e.fixed("ptr", "%ctx", layout("imports", index))
        code = e.word("ptr", func, VM_FUNC["tail" if tail else "code"])
        return code, e.fixed("ptr", func, VM_FUNC["context"])
    copy = e.unit.copies.get((*e.chain, index))
    if copy is not None and not tail:
        return copy, "%ctx"
    if index == e.index and tail:
        return f"@t{index}", "%ctx"
    if index in e.unit.members and not tail:
        return f"@f{index}", "%ctx"
    table = "tails" if tail else "slots"
    e.unit.declare(table, f"@{table} = external hidden global ptr")
    slot = e.let(f"getelementptr i8, ptr @{table}, i64 {WORD * (index - layout.func_imports)}")
    return e.let(f"load ptr, ptr {slot}, align 8, !tbaa !4"), "%ctx"


def func_word(e: FunctionEmitter, index: int) -> str:
    """The reference to a function of this module, by index."""
    layout = e.unit.layout
    if index < layout.func_imports:
        func = e.fixed("ptr", "%ctx", layout("imports", index))
    else:
        funcs = e.fixed("ptr", "%ctx", VM_CONTEXT["funcs"])
        offset = VM_FUNC.size * (index - layout.func_imports)
        func = e.let(f"getelementptr i8, ptr {funcs}, i64 {offset}")
    return e.let(f"ptrtoint ptr {func} to i64")


def table_element(e: FunctionEmitter, table: int, index: str, trap: int) -> str:
    """The machine address of an element, its index (of the table's address type) checked."""
    wide = widen(e, index, e.unit.tables[table].limits.addr is I32)
    struct = e.fixed("ptr", "%ctx", e.unit.layout("tables", table))
    length = e.word("i64", struct, VM_TABLE["length"])
    e.unless(e.let(f"icmp ult i64 {wide}, {length}"), trap)
    base = e.fixed("ptr", struct, VM_TABLE["base"])
    return e.let(f"getelementptr i64, ptr {base}, i64 {wide}")


def checked_entry(e: FunctionEmitter, type_index: int, table: int) -> str:
    """The VMFunc that an indirect call reaches: in bounds, not null, of the right type."""
    return _checked(e, _element(e, table), type_index)


def _element(e: FunctionEmitter, table: int) -> str:
    """The word in a table at the index on the stack, which must be in bounds."""
    slot = table_element(e, table, e.pop(), TrapCode.UNDEFINED_ELEMENT)
    return e.let(f"load i64, ptr {slot}, align 8, !tbaa !4")


def _checked(e: FunctionEmitter, raw: str, type_index: int) -> str:
    """The VMFunc that a word refers to: not null, of the right type."""
    e.unless(e.let(f"icmp ne i64 {raw}, 0"), TrapCode.UNINITIALIZED_ELEMENT)
    func = e.let(f"inttoptr i64 {raw} to ptr")
    actual = e.fixed("i64", func, VM_FUNC["type"])
    expected = e.fixed("i64", "%ctx", e.unit.layout("types", type_index))
    same = e.let(f"icmp eq i64 {actual}, {expected}")
    if e.unit.valid.types[type_index].final:
        e.unless(same, TrapCode.INDIRECT_CALL_TYPE)
    else:
        _unless_subtype(e, same, raw, type_index)
    return func


def _unless_subtype(e: FunctionEmitter, same: str, func: str, type_index: int) -> None:
    """An open type may be met by a subtype: ask the runtime where they are not the same."""
    slow, after = e.label("slow"), e.label("ok")
    e.emit(f"br i1 {same}, label %{after}, label %{slow}, !prof !7")
    e.start(slow)
    answer = libcall(e, IS_SUBTYPE, [func, str(type_index)])
    e.unless(e.let(f"icmp ne i64 {answer}, 0"), TrapCode.INDIRECT_CALL_TYPE)
    e.goto(after)
    e.start(after)


def _func_of(
    e: FunctionEmitter, func: str, type_index: int, tail: bool = False
) -> tuple[str, str, FuncType]:
    """Code, context and type of the function behind a VMFunc; `tail` asks for its entry for tail
    calls."""
    type_ = e.unit.valid.types[type_index].comp
    assert isinstance(type_, FuncType)
    code = e.word("ptr", func, VM_FUNC["tail" if tail else "code"])
    return code, e.fixed("ptr", func, VM_FUNC["context"]), type_


def _referenced(e: FunctionEmitter) -> str:
    """The VMFunc of the function reference on the stack, which must not be null."""
    raw = e.pop()
    e.unless(e.let(f"icmp ne i64 {raw}, 0"), TrapCode.NULL_FUNCTION)
    return e.let(f"inttoptr i64 {raw} to ptr")


def _call_indirect(e: FunctionEmitter, imm: object, i: int) -> None:
    type_index, table = cast(tuple[int, int], imm)
    copies = e.unit.copies
    likely = e.unit.valid.referred(e.unit.valid.types[type_index]) if copies else ()
    known = [index for index in likely if (*e.chain, index) in copies]
    if known:
        _call_one_of(e, known, _element(e, table), type_index)
    else:
        _invoke(e, *_func_of(e, checked_entry(e, type_index, table), type_index))


def _call_one_of(e: FunctionEmitter, known: Sequence[int], raw: str, type_index: int) -> None:
    """An indirect call that may reach functions whose copies are here."""
    type_ = func_type(e.unit.valid, known[0])
    args, out, after = e.pops(len(type_.params)), _out(e, type_), e.label("called")
    ways = []

    def way(callee: str, context: str) -> None:
        value = _enter(e, callee, context, type_, args, out)
        ways.append(f"[ {value}, %{e.block} ]")
        e.goto(after)

    for index in known:
        here, other = e.label("known"), e.label("other")
        same = e.let(f"icmp eq i64 {raw}, {func_word(e, index)}")
        e.emit(f"br i1 {same}, label %{here}, label %{other}")
        e.start(here)
        way(e.unit.copies[(*e.chain, index)], "%ctx")
        e.start(other)
    code, context, _ = _func_of(e, _checked(e, raw, type_index), type_index)
    way(code, context)
    e.start(after)
    returned = result_type(type_.results)
    value = "" if returned == "void" else e.let(f"phi {returned} {', '.join(ways)}")
    _results(e, type_, value, out)


def _call_ref(e: FunctionEmitter, imm: object, i: int) -> None:
    _invoke(e, *_func_of(e, _referenced(e), cast(int, imm)))


def _return_call(e: FunctionEmitter, imm: object, i: int) -> None:
    index = cast(int, imm)
    type_ = func_type(e.unit.valid, index)
    _tail(e, *target(e, index, tail=True), type_)


def _return_call_indirect(e: FunctionEmitter, imm: object, i: int) -> None:
    type_index, table = cast(tuple[int, int], imm)
    e.unit.declare("tails", "@tails = external hidden global ptr")
    _tail(e, *_func_of(e, checked_entry(e, type_index, table), type_index, tail=True))


def _return_call_ref(e: FunctionEmitter, imm: object, i: int) -> None:
    e.unit.declare("tails", "@tails = external hidden global ptr")
    _tail(e, *_func_of(e, _referenced(e), cast(int, imm), tail=True))


CALLS: Final[dict[int, Emit]] = {
    Op.CALL: _call,
    Op.CALL_INDIRECT: _call_indirect,
    Op.CALL_REF: _call_ref,
    Op.RETURN_CALL: _return_call,
    Op.RETURN_CALL_INDIRECT: _return_call_indirect,
    Op.RETURN_CALL_REF: _return_call_ref,
}
