"""Whole instructions: operands and results wherever they are, to bytes."""

from typing import Final

from wadjet.core.opcodes import ROWS
from wadjet.core.types import F64, I32, V128, ValType
from wadjet.engine.baseline.frame import is_float
from wadjet.engine.baseline.selection import (
    ACCESSES, BINARY, EQUAL, UNARY, UNEQUAL, Access,
)  # fmt: skip
from wadjet.engine.baseline.x86 import (
    CONST32, RAX, RCX, REGISTERS, XMM0, copy_vector, indexed, load_constant, rm, set_flag, signed,
    to_frame, to_register, to_xmm,
)  # fmt: skip

#: Rows whose result is a float (or a vector).
FLOAT_ROWS: Final = frozenset(
    r.op for r in ROWS if r.results and r.results[0] is not None and is_float(r.results[0])
)
#: Beyond this, an offset is not added by the access.
_FAR: Final = 0x3FFFFFFF


def binary(op: int, d: int, a: int, b: int) -> bytes:
    """A row of two operands, its result anywhere."""
    encode = BINARY[op]
    if d >= 0:
        return encode(d, a, b)
    if op in FLOAT_ROWS:
        return encode(XMM0, a, b) + to_frame(d, XMM0)
    return encode(RAX, a, b) + to_frame(d, RAX)


def unary(op: int, d: int, a: int) -> bytes:
    """A row of one operand, its result anywhere."""
    encode = UNARY[op]
    if d >= 0:
        return encode(d, a)
    if op in FLOAT_ROWS:
        return encode(XMM0, a) + to_frame(d, XMM0)
    return encode(RAX, a) + to_frame(d, RAX)


def store_local(home: int, where: int, t: ValType) -> bytes:
    """A value of a type to a local's home."""
    if t is V128:
        return copy_vector(home, where)
    if home < 0:
        return to_frame(home, where)
    if home >= XMM0:
        return to_xmm(home, where, t is F64)
    return to_register(home, where, t is not I32)


def address(a: int, offset: int) -> tuple[bytes, int, int]:
    """Code, the register that holds an address (-1 for none), and what is left to add."""
    if a >= CONST32:
        offset += a & 0xFFFFFFFF
        if offset < 1 << 31:
            return b"", -1, offset
        return load_constant(RAX, offset), RAX, 0
    if offset > _FAR:
        text = to_register(RAX, a, 0) + load_constant(RCX, offset)
        return text + rm(b"\x03", RAX, RCX, 1), RAX, 0
    if a < 0:
        return to_register(RAX, a, 0), RAX, offset
    return b"", a, offset


def load(op: int, d: int, a: int, offset: int) -> bytes:
    """A load of a scalar."""
    access: Access = ACCESSES[op]
    text, index, offset = address(a, offset)
    is_real = op in FLOAT_ROWS
    target = d if d >= 0 else XMM0 if is_real else RAX
    text += indexed(access.opcode, target, index, offset, access.wide, access.prefix, access.octet)
    return text if d >= 0 else text + to_frame(d, target)


def store(op: int, value: int, a: int, offset: int) -> bytes:
    """A store of a scalar."""
    access: Access = ACCESSES[op]
    text, index, offset = address(a, offset)
    opcode = access.opcode
    if access.opcode == b"\x0f\x11":
        if value < 0 or value >= REGISTERS:
            # as bits: floats are only moved
            wide = int(access.size == 8)
            text += to_register(RCX, value, wide)
            return text + indexed(b"\x89", RCX, index, offset, wide, b"", False)
        return text + indexed(opcode, value, index, offset, 0, access.prefix, False)
    if value >= CONST32:
        number = signed(value, access.wide)
        if is_small(number, access.size):
            code = b"\xc6" if access.size == 1 else b"\xc7"
            plain = indexed(code, 0, index, offset, access.wide, access.prefix, False)
            width = min(access.size, 4)
            return text + plain + (number & (1 << 8 * width) - 1).to_bytes(width, "little")
    if value < 0 or value >= REGISTERS:
        text += to_register(RCX, value, 1)
        value = RCX
    return text + indexed(opcode, value, index, offset, access.wide, access.prefix, access.octet)


def is_small(number: int, size: int) -> bool:
    """Whether a constant can stand in a store of so many bytes."""
    return size < 8 or -(1 << 31) <= number < 1 << 31


def flag(d: int, condition: int) -> bytes:
    """A condition as an i32 in a register or a place."""
    target = d if d >= 0 else RAX
    if condition == EQUAL:
        # setnp al; sete cl; and al, cl
        text = b"\x0f\x9b\xc0\x0f\x94\xc1\x20\xc8" + rm(b"\x0f\xb6", target, RAX)
    elif condition == UNEQUAL:
        # setp al; setne cl; or al, cl
        text = b"\x0f\x9a\xc0\x0f\x95\xc1\x08\xc8" + rm(b"\x0f\xb6", target, RAX)
    else:
        text = set_flag(target, condition)
    return text if d >= 0 else text + to_frame(d, RAX)
