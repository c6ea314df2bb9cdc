"""A valid function → machine code, in a single walk over its body.

What programs have most of is dealt with here, by *kind*; the rest has a handler for each row. What
comes next is looked at in advance: a result that is assigned at once is made in the local's home,
and a comparison before a branch leaves no value at all. Encodings are remembered by instruction and
operands: programs repeat themselves.
"""

from collections.abc import Callable
from typing import Any, Final, cast

from wadjet.core.body import MemArg
from wadjet.core.opcodes import BY_NAME, ROWS, Op, row
from wadjet.engine.baseline import encodings
from wadjet.engine.baseline.branches import branch, branch_if
from wadjet.engine.baseline.control import block, end, if_flags, select_flags
from wadjet.engine.baseline.encodings import FLOAT_ROWS
from wadjet.engine.baseline.frame import BOTTOM
from wadjet.engine.baseline.function import Block, Compiled, FunctionCompiler
from wadjet.engine.baseline.selection import ACCESSES, COMPARE, CONDITIONS, UNARY
from wadjet.engine.baseline.selection import BINARY as BINARIES
from wadjet.engine.baseline.x86 import CONST32, CONST64, NE, REGISTERS

#: What makes an instruction of its op and three operands.
_Encode = Callable[[int, int, int, int], bytes]
_LOW32: Final = 0xFFFFFFFF
_LOW64: Final = 0xFFFFFFFFFFFFFFFF

# Kinds of instructions. First those that leave an operand and no code …
_GET: Final = 0
_CONST32: Final = 1
_CONST64: Final = 2
# … then those that make an integer of operands, …
_LOAD: Final = 3
_BINARY: Final = 4
# … those that take one, …
_SET: Final = 5
_TEE: Final = 6
_STORE: Final = 7
# … and the others, each with a function of its own.
_COMPARE: Final = 8
_EQZ: Final = 9
_BR_IF: Final = 10
_END: Final = 11
_BLOCK: Final = 12
_BR: Final = 13
_UNARY: Final = 14
_REAL_BINARY: Final = 15
_REAL_LOAD: Final = 16
#: Whatever has a handler.
SPECIAL: Final = 17

_I32_EQ: Final = BY_NAME["i32.eq"][0].op
_I64_EQ: Final = BY_NAME["i64.eq"][0].op
_I32_EQZ: Final = BY_NAME["i32.eqz"][0].op
_I64_EQZ: Final = BY_NAME["i64.eqz"][0].op
_WRAP: Final = BY_NAME["i32.wrap_i64"][0].op


def kinds_of_rows() -> list[int]:
    """For each op, its kind."""
    kinds = [SPECIAL] * (max(r.op for r in ROWS) + 1)
    for op in BINARIES:
        kinds[op] = _REAL_BINARY if op in FLOAT_ROWS else _BINARY
    for op in UNARY:
        kinds[op] = _UNARY
    for op in COMPARE:
        kinds[op] = _COMPARE
    for op in ACCESSES:
        kinds[op] = _STORE if not row(op).results else _REAL_LOAD if op in FLOAT_ROWS else _LOAD
    for op, kind in (
        (Op.LOCAL_GET, _GET), (Op.LOCAL_SET, _SET), (Op.LOCAL_TEE, _TEE), (Op.I32_CONST, _CONST32),
        (Op.F32_CONST, _CONST32), (Op.I64_CONST, _CONST64), (Op.F64_CONST, _CONST64),
        (_I32_EQZ, _EQZ), (_I64_EQZ, _EQZ), (Op.BR_IF, _BR_IF), (Op.BR, _BR), (Op.END, _END),
        (Op.BLOCK, _BLOCK),
    ):  # fmt: skip
        kinds[op] = kind
    return kinds


# long: the one loop that every instruction goes through
def walk(c: FunctionCompiler) -> Compiled:
    """Compile a function."""
    c.blocks.append(Block(c.end, BOTTOM, (), c.type.results, False))
    ops, imms, dead = c.body.ops, cast(list[Any], c.body.imms), c.facts.dead
    numbers = cast(list[int], imms)  # what many immediates are
    kinds, handlers, memos = c.home.kinds, c.home.handlers, c.home.memos
    stack, homes, code = c.stack, c.homes, c.code
    temps, pool = c.temps, c.free
    i, count = 0, len(ops)
    while i < count:
        op = ops[i]
        kind = kinds[op]
        i += 1
        if kind == _GET:
            stack.append(homes[numbers[i - 1]])
        elif kind == _CONST32:
            stack.append(CONST32 + (numbers[i - 1] & _LOW32))
        elif _LOAD <= kind <= _BINARY:
            b = 0
            if kind == _BINARY:
                b = stack.pop()
                if 0 <= b < REGISTERS and temps[b]:
                    pool.append(b)
            else:
                b = cast(MemArg, imms[i - 1])[1]
            a = stack.pop()
            if 0 <= a < REGISTERS and temps[a]:
                pool.append(a)
            # the result goes where it is wanted (see `FunctionCompiler.destination`)
            following = ops[i]
            if following == Op.LOCAL_SET or following == Op.LOCAL_TEE:
                d = homes[numbers[i]]
                i += 1
                if len(stack) > BOTTOM and d in stack:
                    c.unshare(numbers[i - 1])
                if following == Op.LOCAL_TEE:
                    stack.append(d)
            else:
                if not pool:
                    c.make_room(False)
                d = pool.pop()
                stack.append(d)
            memo = memos[op]
            text = memo.get((d, a, b))
            if text is None:
                encode = encodings.binary if kind == _BINARY else encodings.load
                text = memo[d, a, b] = encode(op, d, a, b)
            code += text
        elif kind == _SET:
            c.assign(numbers[i - 1], False)
        elif kind == _TEE:
            c.assign(numbers[i - 1], True)
        elif kind == _STORE:
            _store(c, op, imms[i - 1])
        elif kind == _CONST64:
            stack.append(CONST64 + (numbers[i - 1] & _LOW64))
        else:
            c.next = i
            if kind == SPECIAL:
                handlers[op](c, imms[i - 1], i - 1)
            else:
                _other(c, kind, op, imms[i - 1], i - 1)
            i = c.next
            if not c.live and i in dead:
                i = dead[i]
    return c.finish()


def _other(c: FunctionCompiler, kind: int, op: int, imm: Any, i: int) -> None:
    """Instruction i, of a kind that has a function of its own."""
    if kind == _COMPARE:
        b = c.pop()
        _compare(c, op, c.pop(), b, i)
    elif kind == _END:
        end(c, imm, i)
    elif kind == _BR_IF:
        c.code += c.condition()
        branch_if(c, NE, imm)
    elif kind == _BLOCK:
        block(c, imm, i)
    elif kind == _EQZ:
        wide = op == _I64_EQZ
        _compare(c, _I64_EQ if wide else _I32_EQ, c.pop(), CONST64 if wide else CONST32, i)
    elif kind == _BR:
        branch(c, imm)
    elif kind == _UNARY:
        _unary(c, op, i)
    elif kind == _REAL_BINARY:
        _real_binary(c, op, i)
    else:
        _load(c, op, imm, i)


def _compare(c: FunctionCompiler, op: int, a: int, b: int, i: int) -> None:
    """Instruction i compares: what needs no value takes the flags."""
    memo = c.home.memos[op]
    text = memo.get((a, b, -1))
    if text is None:
        text = memo[a, b, -1] = COMPARE[op].flags(a, b)
    condition = CONDITIONS[op]
    i += 1
    following = c.body.ops[i]
    if following == Op.BR_IF:
        c.next = i + 1
        c.code += text
        branch_if(c, condition, cast(int, c.body.imms[i]))
    elif following == Op.IF:
        c.next = i + 1
        if_flags(c, text, condition, i)
    elif following == Op.SELECT:
        c.next = i + 1
        select_flags(c, text, condition, i)
    else:
        c.code += text
        d, c.next = c.destination(i, False)
        c.code += encodings.flag(d, condition)


def _unary(c: FunctionCompiler, op: int, i: int) -> None:
    """Instruction i computes something from one operand."""
    a = c.pop()
    if op == _WRAP and (a < 0 or a >= CONST32):
        # the low half of a place or a constant is there already
        c.stack.append(a if a < 0 else CONST32 + (a & _LOW32))
        return
    d, c.next = c.destination(i + 1, op in FLOAT_ROWS)
    memo = c.home.memos[op]
    text = memo.get((d, a, 0))
    if text is None:
        text = memo[d, a, 0] = encodings.unary(op, d, a)
    c.code += text


def _put(c: FunctionCompiler, op: int, x: int, y: int, z: int, encode: _Encode) -> None:
    """Append what is remembered of these operands."""
    memo = c.home.memos[op]
    text = memo.get((x, y, z))
    if text is None:
        text = memo[x, y, z] = encode(op, x, y, z)
    c.code += text


def _real_binary(c: FunctionCompiler, op: int, i: int) -> None:
    """Instruction i computes a float from two operands."""
    b = c.pop()
    a = c.pop()
    d, c.next = c.destination(i + 1, True)
    _put(c, op, d, a, b, encodings.binary)


def _load(c: FunctionCompiler, op: int, arg: MemArg, i: int) -> None:
    """Instruction i loads something."""
    a = c.pop()
    d, c.next = c.destination(i + 1, op in FLOAT_ROWS)
    _put(c, op, d, a, arg.offset, encodings.load)


def _store(c: FunctionCompiler, op: int, arg: MemArg) -> None:
    """An instruction stores something."""
    value = c.pop()
    _put(c, op, value, c.pop(), arg.offset, encodings.store)


def access(c: FunctionCompiler, imm: object, i: int) -> None:
    """Compile an access to any of several memories: the first is the one in a register."""
    arg, op = cast(MemArg, imm), c.body.ops[i]
    if arg.memory:
        c.home.row(c, i)
    elif row(op).results:
        _load(c, op, arg, i)
    else:
        _store(c, op, arg)
