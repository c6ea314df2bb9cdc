"""Branches: operands to where a label wants them, and the jump."""

from operator import itemgetter

from wadjet.core.types import V128, ValType
from wadjet.engine.baseline.frame import is_float, move
from wadjet.engine.baseline.function import Block, FunctionCompiler
from wadjet.engine.baseline.selection import CONTRARY
from wadjet.engine.baseline.x86 import (
    RAX, RCX, RDX, XMM0, XMM1, at, copy_vector, to_register,
)  # fmt: skip
from wadjet.engine.contract.layout import CELL


def stop(c: FunctionCompiler) -> None:
    """Control does not get to what follows."""
    c.live = False


def in_place(c: FunctionCompiler, block: Block) -> bool:
    """Whether what a branch to a block takes along is where it should be."""
    top, arity = len(c.stack), block.arity
    if arity == 0:
        return True
    if block is c.blocks[0] or top - arity != block.height:
        return False
    return c.slots[block.height : top] == c.stack[block.height :]


def carry(c: FunctionCompiler, block: Block) -> None:
    """Put what a branch to a block takes along where it should be; operands stay what they are."""
    if block is c.blocks[0]:
        return_values(c)
        return
    top, arity = len(c.stack), block.arity
    for k in range(arity):
        where = c.stack[top - arity + k]
        if where != c.slots[block.height + k]:
            c.to_slot(block.height + k, where)


def branch(c: FunctionCompiler, depth: int) -> None:
    """Go to a label, with the operands on top."""
    block = c.blocks[-1 - depth]
    carry(c, block)
    c.jump(block.label)
    stop(c)


def branch_if(c: FunctionCompiler, condition: int, depth: int) -> None:
    """Go to a label where the flags say so, with the operands on top; they stay where it does not
    happen."""
    block = c.blocks[-1 - depth]
    if in_place(c, block):
        c.jump_if(condition, block.label)
        return
    past = c.label()
    c.jump_if(CONTRARY[condition], past)
    carry(c, block)
    c.jump(block.label)
    c.place(past)


def return_values(c: FunctionCompiler) -> None:
    """The operands on top go where the function's results belong."""
    types = c.type.results
    values = c.stack[len(c.stack) - len(types) :]
    if c.frame.out:
        c.code += c.frame.out_pointer(RCX)
        for k, (where, t) in enumerate(zip(values, types)):
            if t is V128:
                c.code += copy_vector(XMM0, where) + at(b"\x0f\x11", XMM0, RCX, CELL * k)
            else:
                text = move(XMM0, where, t) if is_float(t) else to_register(RAX, where, 1)
                c.code += text + _keep(k, t)
        return
    integers, floats = [RAX, RDX], [XMM0, XMM1]
    moves = [
        ((floats if is_float(t) else integers).pop(0), where, t) for where, t in zip(values, types)
    ]
    # floats first: their constants go through rax
    for target, where, t in sorted(moves, key=itemgetter(0), reverse=True):
        c.code += move(target, where, t)


def _keep(k: int, t: ValType) -> bytes:
    if is_float(t):
        return at(b"\x0f\xd6", XMM0, RCX, CELL * k, 0, b"\x66")
    return at(b"\x89", RAX, RCX, CELL * k, 1)
