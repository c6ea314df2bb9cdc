"""Structured control (spec 4.6.8), parametric and variable instructions, in baseline code."""

from typing import Final, cast

from wadjet.core.body import BlockType, Catch
from wadjet.core.opcodes import Op
from wadjet.core.types import F32, F64, I32, V128, ValType
from wadjet.engine.baseline.frame import CONTEXT, is_float
from wadjet.engine.baseline.branches import branch, branch_if, carry, in_place, return_values, stop
from wadjet.engine.baseline.exceptions import begin, close_handler
from wadjet.engine.baseline.function import Block, FunctionCompiler, Handler, Types
from wadjet.engine.baseline.selection import CONTRARY, EQUAL, UNEQUAL
from wadjet.engine.baseline.x86 import (
    CONST32, CONST64, E, NE, RAX, RCX, RDX, XMM0, at, compare, copy_vector, load_constant, rm,
    to_frame, to_register, to_xmm,
)  # fmt: skip
from wadjet.engine.contract.traps import TrapCode

_MASK: Final = (1 << 64) - 1

# --- blocks --------------------------------------------------------------------------------------


_NOTHING: Final[tuple[ValType, ...]] = ()


def _types(c: FunctionCompiler, type_: BlockType) -> tuple[Types, Types]:
    """Parameters and results of a block."""
    if type_ is None:
        return _NOTHING, _NOTHING
    if isinstance(type_, ValType):
        return _NOTHING, (type_,)
    func = c.home.type(type_)
    return func.params, func.results


def block(c: FunctionCompiler, imm: object, i: int) -> None:
    """Compile a block."""
    open_block(c, imm)


def open_block(c: FunctionCompiler, imm: object) -> Block:
    """Open a block whose label is its end."""
    params, results = _types(c, cast(BlockType, imm))
    c.flush()
    opened = Block(c.label(), len(c.stack) - len(params), params, results, False)
    c.blocks.append(opened)
    return opened


def _loop(c: FunctionCompiler, imm: object, i: int) -> None:
    params, results = _types(c, cast(BlockType, imm))
    c.flush()
    label = c.label()
    opened = Block(label, len(c.stack) - len(params), params, results, True)
    c.place(label)
    if c.home.exits is not None:
        c.home.exits.open(c, i)
    c.blocks.append(opened)


def _if(c: FunctionCompiler, imm: object, i: int) -> None:
    if_flags(c, c.condition(), NE, i)


def if_flags(c: FunctionCompiler, flags: bytes, condition: int, i: int) -> None:
    """Compile the `if` at i, on a condition of flags that code sets."""
    opened = open_block(c, c.body.imms[i])
    c.code += flags
    if i in c.facts.elses:
        opened.else_label = c.label()
        c.jump_if(CONTRARY[condition], opened.else_label)
    else:
        c.jump_if(CONTRARY[condition], opened.label)


def _try(c: FunctionCompiler, imm: object, i: int) -> None:
    begin(c, open_block(c, imm), ())


def _try_table(c: FunctionCompiler, imm: object, i: int) -> None:
    type_, catches = cast(tuple[BlockType, tuple[Catch, ...]], imm)
    begin(c, open_block(c, type_), catches)


def _else(c: FunctionCompiler, imm: object, i: int) -> None:
    opened = c.blocks[-1]
    if c.live:
        c.flush(opened.height)
        c.jump(opened.label)
    c.place(opened.else_label)
    c.settle(opened.height + len(opened.params))
    c.live = True


def end(c: FunctionCompiler, imm: object, i: int) -> None:
    """Compile the end of a block, or of the function."""
    closed = c.blocks.pop()
    if not c.blocks:
        if c.live:
            return_values(c)
        return
    if c.live:
        c.flush(closed.height)
    if closed.catcher is not None:
        close_handler(c, closed, closed.catcher)
    if closed.is_loop:
        c.ends[i] = len(c.code)
    else:
        c.place(closed.label)
    c.settle(closed.height + len(closed.results))
    c.live = True


# --- branches ------------------------------------------------------------------------------------


def _return(c: FunctionCompiler, imm: object, i: int) -> None:
    branch(c, len(c.blocks) - 1)


def _br_on_null(c: FunctionCompiler, imm: object, i: int) -> None:
    where = c.stack.pop()
    c.code += compare(where, CONST64, 1)
    branch_if(c, E, cast(int, imm))
    c.stack.append(where)


def _br_on_non_null(c: FunctionCompiler, imm: object, i: int) -> None:
    c.code += compare(c.stack[-1], CONST64, 1)
    branch_if(c, NE, cast(int, imm))
    c.pop()


#: lea rcx, [table]; movsxd rax, [rcx + 4*rax]; add rax, rcx; jmp rax; the table follows
_DISPATCH: Final = b"\x48\x8d\x0d\x09\0\0\0\x48\x63\x04\x81\x48\x01\xc8\xff\xe0"


def _br_table(c: FunctionCompiler, imm: object, i: int) -> None:
    depths = cast(tuple[int, ...], imm)
    c.to_gpr(RAX, c.pop(), 0)
    last = len(depths) - 1
    text = load_constant(RCX, last) + rm(b"\x39", RCX, RAX)
    c.code += text + rm(b"\x0f\x43", RAX, RCX) + _DISPATCH  # cmovae eax, ecx
    targets: dict[int, int] = {}
    stubs = []
    for depth in depths:
        if depth not in targets:
            goal = c.blocks[-1 - depth]
            if in_place(c, goal):
                targets[depth] = goal.label
            else:
                targets[depth] = c.label()
                stubs.append((targets[depth], goal))
    c.tables.append((len(c.code), [targets[depth] for depth in depths]))
    c.code += bytes(4 * len(depths))
    for label, goal in stubs:
        c.place(label)
        carry(c, goal)
        c.jump(goal.label)
    stop(c)


def _unreachable(c: FunctionCompiler, imm: object, i: int) -> None:
    c.jump(c.trap_label(TrapCode.UNREACHABLE))
    stop(c)


def _nop(c: FunctionCompiler, imm: object, i: int) -> None:
    pass


# --- parametric and variable instructions --------------------------------------------------------


def _drop(c: FunctionCompiler, imm: object, i: int) -> None:
    c.pop()


def _select(c: FunctionCompiler, imm: object, i: int) -> None:
    select_flags(c, c.condition(), NE, i)


def select_flags(c: FunctionCompiler, flags: bytes, condition: int, i: int) -> None:
    """The first operand where the flags say so, else the second."""
    imm = c.body.imms[i]
    t = c.facts.types[i] if imm is None else cast(tuple[ValType, ...], imm)[0]
    b, a = c.pop(), c.pop()
    c.code += flags
    if condition in (EQUAL, UNEQUAL):
        # setp cl; setne al; or cl, al: not zero where they are unequal
        c.code += b"\x0f\x9a\xc1\x0f\x95\xc0\x08\xc1"
        condition = NE if condition == UNEQUAL else E
    if t is V128:
        _choose_vector(c, condition, a, b)
        return
    if is_float(t):
        _choose_float(c, condition, a, b, t)
        return
    wide = int(t is not I32)
    d = c.result(False)
    if d == b:
        a, b, condition = b, a, CONTRARY[condition]
    text = to_register(d, a, wide)
    if b >= CONST32:
        text, b = text + to_register(RAX, b, wide), RAX
    c.code += text + rm(bytes((0x0F, 0x40 | CONTRARY[condition])), d, b, wide)


def _choose_float(c: FunctionCompiler, condition: int, a: int, b: int, t: ValType) -> None:
    d = c.result(True)
    if d == b:
        a, b, condition = b, a, CONTRARY[condition]
    other = to_xmm(d, b, t is F64)
    c.code += to_xmm(d, a, t is F64) + bytes((0x70 | condition, len(other))) + other


def _choose_vector(c: FunctionCompiler, condition: int, a: int, b: int) -> None:
    """Into the operand's own place."""
    place = c.slots[len(c.stack)]
    other = copy_vector(XMM0, b)
    text = copy_vector(XMM0, a) + bytes((0x70 | condition, len(other))) + other
    c.code += text + copy_vector(place, XMM0)
    c.stack.append(place)


def _v128_const(c: FunctionCompiler, imm: object, i: int) -> None:
    bits = cast(int, imm)
    place = c.slots[len(c.stack)]
    low, high = CONST64 + (bits & _MASK), CONST64 + (bits >> 64)
    c.code += to_frame(place, low) + to_frame(place + 8, high)
    c.stack.append(place)


def _ref_null(c: FunctionCompiler, imm: object, i: int) -> None:
    c.stack.append(CONST64)


def _cell(c: FunctionCompiler, index: int) -> int:
    """Put the address of a global's cell into rax; what is left to add."""
    layout = c.home.layout
    imported = len(c.home.globals) - len(c.home.valid.module.globals)
    c.code += rm(b"\x8b", RAX, CONTEXT, 1)
    if index >= imported:
        return layout("cells", index - imported)
    c.code += at(b"\x8b", RAX, RAX, layout("globals", index), 1)
    return 0


def _global_get(c: FunctionCompiler, imm: object, i: int) -> None:
    index = cast(int, imm)
    t = c.home.globals[index].value
    if t is V128:
        c.needs_vectors()
        place = c.slots[len(c.stack)]
        text = at(b"\x0f\x10", XMM0, RAX, _cell(c, index))
        c.code += text + copy_vector(place, XMM0)
        c.stack.append(place)
        return
    d, c.next = c.destination(i + 1, is_float(t))
    offset = _cell(c, index)
    target = d if d >= 0 else XMM0 if is_float(t) else RAX
    if is_float(t):
        text = at(b"\x0f\x10", target, RAX, offset, 0, b"\xf2" if t is F64 else b"\xf3")
    else:
        text = at(b"\x8b", target, RAX, offset, int(t is not I32))
    c.code += text if d >= 0 else text + to_frame(d, target)


def _global_set(c: FunctionCompiler, imm: object, i: int) -> None:
    index = cast(int, imm)
    t = c.home.globals[index].value
    where = c.pop()
    offset = _cell(c, index)
    if t is V128:
        c.code += copy_vector(XMM0, where) + at(b"\x0f\x11", XMM0, RAX, offset)
        return
    wide = int(t not in (I32, F32))
    text = b""
    if where < 0 or where >= XMM0:
        text, where = to_register(RCX, where, wide), RCX
    c.code += text + at(b"\x89", where, RAX, offset, wide)


# --- arithmetic that traps -----------------------------------------------------------------------


def _division(wide: int, is_signed: bool, remainder: bool) -> Handler:
    least = 1 << (63 if wide else 31)
    minus = CONST64 + _MASK if wide else CONST32 + 0xFFFFFFFF
    base = CONST64 if wide else CONST32

    def compile_(c: FunctionCompiler, imm: object, i: int) -> None:
        b, a = c.pop(), c.pop()
        c.code += to_register(RCX, b, wide)
        if b < CONST32 or b == base:
            c.code += rm(b"\x85", RCX, RCX, wide)
            c.trap_if(E, TrapCode.DIVIDE_BY_ZERO)
        if is_signed and (b < CONST32 or b == minus):
            other = c.label()
            c.code += compare(RCX, minus, wide)
            c.jump_if(NE, other)
            if remainder:  # by 1, it is 0 as well
                c.code += load_constant(RCX, 1)
            else:
                c.code += load_constant(RAX, least) + _compare_rax(a, wide)
                c.trap_if(E, TrapCode.INTEGER_OVERFLOW)
            c.place(other)
        text = to_register(RAX, a, wide)
        if is_signed:
            text += b"\x48\x99" if wide else b"\x99"
        else:
            text += b"\x31\xd2"
        text += rm(b"\xf7", 7 if is_signed else 6, RCX, wide)
        d, c.next = c.destination(i + 1, False)
        result = RDX if remainder else RAX
        c.code += text + (to_register(d, result, wide) if d >= 0 else to_frame(d, result))

    return compile_


def _compare_rax(a: int, wide: int) -> bytes:
    if a >= CONST32:
        return to_register(RDX, a, wide) + rm(b"\x3b", RAX, RDX, wide)
    return rm(b"\x3b", RAX, a, wide)


def _divisions() -> dict[int, Handler]:
    found: dict[int, Handler] = {}
    for wide, first in enumerate((0x6D, 0x7F)):
        for k in range(4):
            found[first + k] = _division(wide, k % 2 == 0, k >= 2)
    return found


CONTROL: Final[dict[int, Handler]] = {
    Op.UNREACHABLE: _unreachable,
    Op.NOP: _nop,
    Op.LOOP: _loop,
    Op.IF: _if,
    Op.ELSE: _else,
    Op.TRY: _try,
    Op.TRY_TABLE: _try_table,
    Op.BR_TABLE: _br_table,
    Op.RETURN: _return,
    Op.BR_ON_NULL: _br_on_null,
    Op.BR_ON_NON_NULL: _br_on_non_null,
    Op.DROP: _drop,
    Op.SELECT: _select,
    Op.SELECT_T: _select,
    Op.V128_CONST: _v128_const,
    Op.REF_NULL: _ref_null,
    Op.GLOBAL_GET: _global_get,
    Op.GLOBAL_SET: _global_set,
    **_divisions(),
}
