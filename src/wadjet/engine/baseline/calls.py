"""Calls (spec 4.6.10) in baseline code: direct, imported, indirect, through references, and calls
of rows.

Callees may use every register but rbx and r12 to r15. Operands wait in their places meanwhile;
locals in other registers are saved before and fetched after.
"""

from typing import TYPE_CHECKING, Final, cast

from wadjet.core.opcodes import Op
from wadjet.core.types import FUNCREF, I32, V128, FuncType, ValType
from wadjet.engine.baseline.branches import stop
from wadjet.engine.baseline.frame import CONTEXT, ON_STACK, is_float, move, parallel
from wadjet.engine.baseline.function import Beyond, FunctionCompiler, Handler
from wadjet.engine.baseline.x86 import (
    AE, E, NE, R10, R11, RAX, RDI, RDX, RSI, XMM0, XMM1, at, copy_vector, int32, rm, to_frame,
    to_register,
)  # fmt: skip
from wadjet.engine.contract.layout import CELL, VM_CONTEXT, VM_FUNC, VM_STORE, VM_TABLE, WORD
from wadjet.engine.contract.traps import TrapCode
from wadjet.engine.emit.llvmtypes import in_memory

if TYPE_CHECKING:
    from wadjet.engine.emit.function import FunctionEmitter


def leave_registers(c: FunctionCompiler) -> None:
    """Save what a call would destroy: locals, and operands below the current ones."""
    if c.frame.lost:
        c.code += c.frame.save


def fetch_registers(c: FunctionCompiler) -> None:
    """Have it again."""
    if c.frame.lost:
        c.code += c.frame.fetch


def _on_stack(place: int, where: int, t: ValType) -> bytes:
    """An argument to its place above rsp."""
    offset = int32(place - ON_STACK)
    if t is V128:
        return copy_vector(XMM0, where) + b"\x0f\x11\x84\x24" + offset
    return to_register(RAX, where, 1) + b"\x48\x89\x84\x24" + offset


def _arguments(c: FunctionCompiler, type_: FuncType) -> None:
    """Operands to where the callee looks for them. Everything else is out of harm's way then."""
    count = len(type_.params)
    below = len(c.stack) - count
    c.spill(below)
    leave_registers(c)
    sources = tuple(c.stack[below:])
    passage = c.home.passage(type_)
    if passage.size:
        c.frame.outgoing(passage.size)
    text = passage.moves.get(sources)
    if text is None:
        text = passage.moves[sources] = _moves(passage.places, sources, type_)
    c.code += text
    for where in sources:
        c.release(where)
    del c.stack[below:]


def _moves(found: list[int], sources: tuple[int, ...], type_: FuncType) -> bytes:
    """Code that moves operands to where arguments go."""
    all_ = list(zip(found, sources, type_.params, strict=True))
    pieces = [_on_stack(*m) for m in all_ if m[0] >= ON_STACK]
    return b"".join([*pieces, *parallel([m for m in all_ if m[0] < ON_STACK])])


def _results(c: FunctionCompiler, type_: FuncType, cells: int, i: int) -> None:
    """Have what a call left."""
    fetch_registers(c)
    if c.home.exceptions:
        look(c)
    types = type_.results
    if cells:
        _from_cells(c, types, cells)
        return
    if len(types) == 1 and types[0] is not V128:
        t = types[0]
        d, c.next = c.destination(i + 1, is_float(t))
        source = XMM0 if is_float(t) else RAX
        if d < 0:
            c.code += to_frame(d, source)
        elif t is I32:
            c.code += rm(b"\x8b", d, RAX)
        else:
            c.code += move(d, source, t)
        return
    integers, floats = [RAX, RDX], [XMM0, XMM1]
    for t in types:
        source = (floats if is_float(t) else integers).pop(0)
        place = c.slots[len(c.stack)]
        if t is V128:
            c.needs_vectors()
        c.code += (copy_vector if t is V128 else to_frame)(place, source)
        c.stack.append(place)


def _from_cells(c: FunctionCompiler, types: tuple[ValType, ...], cells: int) -> None:
    for k, t in enumerate(types):
        place = c.slots[len(c.stack)]
        if t is V128:
            c.needs_vectors()
        c.code += (copy_vector if t is V128 else to_frame)(place, cells + CELL * k)
        c.stack.append(place)


#: Compare the exception on its way with null.
_LOOK: Final = (
    rm(b"\x8b", R11, CONTEXT, 1)
    + at(b"\x8b", R11, R11, VM_CONTEXT["store"], 1)
    + at(b"\x83", 7, R11, VM_STORE["exception"], 1)
    + b"\0"
)


def look(c: FunctionCompiler) -> None:
    """Leave the function if the call came back with an exception on its way."""
    c.code += _LOOK
    c.jump_if(NE, c.handler_label())


def _cells(c: FunctionCompiler, type_: FuncType) -> int:
    """The place for results that come in memory, which the callee is told; 0 if none do."""
    if not in_memory(type_.results):
        return 0
    place = c.frame.cells(len(type_.results))
    c.code += rm(b"\x8d", RSI, place, 1)
    return place


def _call(c: FunctionCompiler, imm: object, i: int) -> None:
    index = cast(int, imm)
    type_ = c.home.func_type(index)
    layout = c.home.layout
    c.next = i + 1
    _arguments(c, type_)
    cells = _cells(c, type_)
    if index >= layout.func_imports:
        c.call("slots", WORD * (index - layout.func_imports), _ENTER_SLOT)
    else:
        text = rm(b"\x8b", R11, CONTEXT, 1)
        c.code += text + at(b"\x8b", R11, R11, layout("imports", index), 1) + _ENTER
    _results(c, type_, cells, i)


#: Call a function of the same instance: the distance of its slot follows.
_ENTER_SLOT: Final = rm(b"\x8b", RDI, CONTEXT, 1) + b"\xff\x15\0\0\0\0"
#: Call the VMFunc in r11.
_ENTER: Final = at(b"\x8b", RDI, R11, VM_FUNC["context"], 1) + at(b"\xff", 2, R11, VM_FUNC["code"])


def _enter(c: FunctionCompiler, type_: FuncType, i: int) -> None:
    """Call the VMFunc in r11, with operands that are in no register for operands."""
    _arguments(c, type_)
    cells = _cells(c, type_)
    c.code += _ENTER
    _results(c, type_, cells, i)


def _call_indirect(c: FunctionCompiler, imm: object, i: int) -> None:
    x, _ = cast(tuple[int, int], imm)
    c.next = i + 1
    _find(c, imm, i)
    _enter(c, c.home.type(x), i)


def _find(c: FunctionCompiler, imm: object, i: int) -> None:
    """The function that an indirect call reaches, to r11; operands leave registers."""
    x, table = cast(tuple[int, int], imm)
    layout, type_ = c.home.layout, c.home.valid.types[x]
    if not type_.final:
        c.home.row(c, i, _callee, ((c.home.tables[table].limits.addr,), (FUNCREF,), ()))
        _to_r11(c)
        return
    index = c.pop()
    wide = int(c.home.tables[table].limits.addr is not I32)
    c.to_gpr(RAX, index, wide)
    c.spill(len(c.stack))
    text = rm(b"\x8b", R10, CONTEXT, 1) + at(b"\x8b", R11, R10, layout("tables", table), 1)
    c.code += text + at(b"\x3b", RAX, R11, VM_TABLE["length"], 1)
    c.trap_if(AE, TrapCode.UNDEFINED_ELEMENT)
    # mov r11, [r11 + base]; mov r11, [r11 + 8*rax]; test r11, r11
    text = at(b"\x8b", R11, R11, VM_TABLE["base"], 1) + b"\x4d\x8b\x1c\xc3\x4d\x85\xdb"
    c.code += text
    c.trap_if(E, TrapCode.UNINITIALIZED_ELEMENT)
    text = at(b"\x8b", RAX, R10, layout("types", x), 1) + at(b"\x3b", RAX, R11, VM_FUNC["type"], 1)
    c.code += text
    c.trap_if(NE, TrapCode.INDIRECT_CALL_TYPE)


def _callee(e: "FunctionEmitter", imm: object, i: int) -> None:
    """What an indirect call reaches, where subtypes may be met."""
    from wadjet.engine.emit.calls import checked_entry

    x, table = cast(tuple[int, int], imm)
    e.push(e.let(f"ptrtoint ptr {checked_entry(e, x, table)} to i64"))


def _call_ref(c: FunctionCompiler, imm: object, i: int) -> None:
    c.next = i + 1
    _to_r11(c)
    _enter(c, c.home.type(cast(int, imm)), i)


def _to_r11(c: FunctionCompiler) -> None:
    """The function that the operand on top refers to, to r11; other operands leave registers."""
    c.to_gpr(RAX, c.pop(), 1)
    c.spill(len(c.stack))
    c.code += rm(b"\x8b", R11, RAX, 1) + rm(b"\x85", R11, R11, 1)
    c.trap_if(E, TrapCode.NULL_FUNCTION)


# --- tail calls ----------------------------------------------------------------------------------
#
# LLVM's tailcc passes arguments in registers as the C convention does. Those on the stack take an
# odd number of words, also if there are none, and the callee removes them. So a function that makes
# tail calls has one word above its return address, and leaves it to whom it calls.


def _tail_arguments(c: FunctionCompiler, type_: FuncType) -> None:
    passage = c.home.passage(type_)
    if passage.size or c.home.passage(c.type).size:
        raise Beyond
    sources = c.stack[len(c.stack) - len(type_.params) :]
    c.code += b"".join(parallel(list(zip(passage.places, sources, type_.params, strict=True))))
    if in_memory(type_.results):
        c.code += c.frame.out_pointer(RSI)


def _go(c: FunctionCompiler) -> None:
    """Leave the function for the VMFunc in r11."""
    text = at(b"\x8b", RDI, R11, VM_FUNC["context"], 1) + at(b"\x8b", R11, R11, VM_FUNC["tail"], 1)
    # leave; jmp r11
    c.code += text + c.frame.restore() + b"\xc9\x41\xff\xe3"
    stop(c)


def _return_call(c: FunctionCompiler, imm: object, i: int) -> None:
    index = cast(int, imm)
    layout = c.home.layout
    _tail_arguments(c, c.home.func_type(index))
    if index < layout.func_imports:
        text = rm(b"\x8b", R11, CONTEXT, 1)
        c.code += text + at(b"\x8b", R11, R11, layout("imports", index), 1)
        _go(c)
        return
    c.code += rm(b"\x8b", RDI, CONTEXT, 1) + c.frame.restore() + b"\xc9"
    c.call("tails", WORD * (index - layout.func_imports), b"\xff\x25\0\0\0\0")
    stop(c)


def _return_call_indirect(c: FunctionCompiler, imm: object, i: int) -> None:
    x, _ = cast(tuple[int, int], imm)
    _find(c, imm, i)
    _tail_arguments(c, c.home.type(x))
    _go(c)


def _return_call_ref(c: FunctionCompiler, imm: object, i: int) -> None:
    _to_r11(c)
    _tail_arguments(c, c.home.type(cast(int, imm)))
    _go(c)


CALLS: Final[dict[int, Handler]] = {
    Op.CALL: _call,
    Op.CALL_INDIRECT: _call_indirect,
    Op.CALL_REF: _call_ref,
    Op.RETURN_CALL: _return_call,
    Op.RETURN_CALL_INDIRECT: _return_call_indirect,
    Op.RETURN_CALL_REF: _return_call_ref,
}
