"""Encodings of x86-64 (AMD64 manual, volume 3, chapters 1 and 3): operands to bytes, nothing else.

An operand is an integer: below zero it is a displacement from rbp, where a value has a place in the
frame; 0 to 15 is a general register, 16 to 31 an xmm register. Constants have `CONST32` or
`CONST64` added to their bits.
"""

from functools import cache
from typing import Final

RAX: Final = 0
RCX: Final = 1
RDX: Final = 2
RBX: Final = 3
RSP: Final = 4
RBP: Final = 5
RSI: Final = 6
RDI: Final = 7
R8: Final = 8
R9: Final = 9
R10: Final = 10
R11: Final = 11
R12: Final = 12
R13: Final = 13
R14: Final = 14
R15: Final = 15
XMM0: Final = 16
XMM1: Final = 17
#: Registers come before this.
REGISTERS: Final = 32

CONST32: Final = 1 << 32
CONST64: Final = 1 << 64

# condition codes
B: Final = 0x2
AE: Final = 0x3
E: Final = 0x4
NE: Final = 0x5
BE: Final = 0x6
A: Final = 0x7
P: Final = 0xA
NP: Final = 0xB
L: Final = 0xC
GE: Final = 0xD
LE: Final = 0xE
G: Final = 0xF


def int32(value: int) -> bytes:
    """Four bytes of a number from -2^31 on."""
    return (value & 0xFFFFFFFF).to_bytes(4, "little")


def signed(constant: int, wide: int) -> int:
    """The number that a constant stands for, signed."""
    bits = 64 if wide else 32
    value = constant & (1 << bits) - 1
    return value - (1 << bits) if value >> bits - 1 else value


def is_near(value: int) -> bool:
    """Whether a number fits the 32 bits that most instructions have for one."""
    return -(1 << 31) <= value < 1 << 31


@cache
def rm(
    opcode: bytes, reg: int, operand: int, wide: int = 0, prefix: bytes = b"", octet: bool = False
) -> bytes:
    """An instruction on a register (or an extension of the opcode) and a register or a place in
    the frame. `octet` says that one of them is a byte register."""
    r = reg & 15
    rex = wide << 3 | (r >> 3) << 2
    low = (r & 7) << 3
    if operand < 0:
        near = operand >= -128
        tail = (
            bytes((0x45 | low, operand & 0xFF)) if near else bytes((0x85 | low,)) + int32(operand)
        )
        plain = not octet or r < 4
    else:
        b = operand & 15
        rex |= b >> 3
        tail = bytes((0xC0 | low | b & 7,))
        plain = not octet or (r < 4 and b < 4)
    head = prefix if not rex and plain else prefix + bytes((0x40 | rex,))
    return head + opcode + tail


@cache
def at(
    opcode: bytes, reg: int, base: int, offset: int, wide: int = 0, prefix: bytes = b""
) -> bytes:
    """An instruction on a register and memory at a register (not rsp, not r12) + offset."""
    r = reg & 15
    rex = wide << 3 | (r >> 3) << 2 | base >> 3
    head = prefix + (bytes((0x40 | rex,)) if rex else b"")
    if -128 <= offset < 128:
        return head + opcode + bytes((0x40 | (r & 7) << 3 | base & 7, offset & 0xFF))
    return head + opcode + bytes((0x80 | (r & 7) << 3 | base & 7,)) + int32(offset)


def indexed(
    opcode: bytes, reg: int, index: int, offset: int, wide: int, prefix: bytes, octet: bool
) -> bytes:
    """An instruction on a register and guest memory, r15 + index (-1 for none) + offset."""
    r = reg & 15
    rex = wide << 3 | (r >> 3) << 2 | 1
    head = prefix
    low = (r & 7) << 3
    if index < 0:
        return head + bytes((0x40 | rex,)) + opcode + bytes((0x87 | low,)) + int32(offset)
    rex |= (index >> 3) << 1
    sib = (index & 7) << 3 | 7
    start = head + bytes((0x40 | rex,)) + opcode
    if offset == 0:
        return start + bytes((0x04 | low, sib))
    if offset < 128:
        return start + bytes((0x44 | low, sib, offset))
    return start + bytes((0x84 | low, sib)) + int32(offset)


# --- moves ---------------------------------------------------------------------------------------


def load_constant(register: int, value: int) -> bytes:
    """Any 64 bits (as an unsigned number) to a register; flags stay as they are."""
    head = 0x41 if register >= 8 else 0
    number = 0xB8 | register & 7
    if value < 1 << 32:
        return (bytes((head, number)) if head else bytes((number,))) + int32(value)
    if value >= (1 << 64) - (1 << 31):
        return rm(b"\xc7", 0, register, 1) + int32(value)
    return bytes((0x48 | head & 1, number)) + value.to_bytes(8, "little")


def to_register(register: int, source: int, wide: int) -> bytes:
    """An integer from anywhere to a register: with `wide` 64 bits, else 32 and zeros above."""
    if source >= CONST32:
        whole = wide and source >= CONST64
        return load_constant(register, source & (0xFFFFFFFFFFFFFFFF if whole else 0xFFFFFFFF))
    if source == register:
        return b""
    if source >= 16:
        return rm(b"\x0f\x7e", source, register, wide, b"\x66")
    return rm(b"\x8b", register, source, wide)


def to_frame(place: int, source: int) -> bytes:
    """A value of at most 64 bits from anywhere to a place in the frame, through rax if need be."""
    if source == place:
        return b""
    if source >= CONST32:
        wide = source >= CONST64
        value = signed(source, wide)
        if is_near(value):
            return rm(b"\xc7", 0, place, 1) + int32(value)
        return load_constant(RAX, value & 0xFFFFFFFFFFFFFFFF) + rm(b"\x89", RAX, place, 1)
    if source < 0:
        return rm(b"\x8b", RAX, source, 1) + rm(b"\x89", RAX, place, 1)
    if source >= 16:
        return rm(b"\x0f\xd6", source, place, 0, b"\x66")
    return rm(b"\x89", source, place, 1)


def copy_vector(to: int, source: int) -> bytes:
    """128 bits between places and xmm registers, through xmm0 if need be."""
    if to == source:
        return b""
    if to < 0 and source < 0:
        return rm(b"\x0f\x10", XMM0, source) + rm(b"\x0f\x11", XMM0, to)
    if to < 0:
        return rm(b"\x0f\x11", source, to)
    return rm(b"\x0f\x10", to, source)


def to_xmm(register: int, source: int, wide: int) -> bytes:
    """A float from anywhere to an xmm register (through rax if it is a constant)."""
    if source == register:
        return b""
    if source >= CONST32:
        bits = source & (0xFFFFFFFFFFFFFFFF if wide else 0xFFFFFFFF)
        if not bits:
            return rm(b"\x0f\x57", register, register)
        return load_constant(RAX, bits) + rm(b"\x0f\x6e", register, RAX, wide, b"\x66")
    if source < 0:
        return rm(b"\x0f\x10", register, source, 0, b"\xf2" if wide else b"\xf3")
    return rm(b"\x0f\x28", register, source)


# --- arithmetic ----------------------------------------------------------------------------------

ADD: Final = 0
OR: Final = 1
AND: Final = 4
SUB: Final = 5
XOR: Final = 6
CMP: Final = 7


def alu(number: int, target: int, source: int, wide: int) -> bytes:
    """`add`, `or`, `and`, `sub`, `xor`, `cmp` of a register (or place) and anything; constants of
    64 bits go through rcx."""
    if source >= CONST32:
        value = signed(source, wide)
        if -128 <= value < 128:
            return rm(b"\x83", number, target, wide) + bytes((value & 0xFF,))
        if is_near(value):
            return rm(b"\x81", number, target, wide) + int32(value)
        return load_constant(RCX, value & 0xFFFFFFFFFFFFFFFF) + alu(number, target, RCX, wide)
    if target < 0:
        if source < 0:
            return rm(b"\x8b", RAX, target, wide) + alu(number, RAX, source, wide)
        return rm(bytes((number << 3 | 1,)), source, target, wide)
    return rm(bytes((number << 3 | 3,)), target, source, wide)


def compare(first: int, second: int, wide: int) -> bytes:
    """Set the flags; a constant that comes first goes through rax."""
    if first >= CONST32:
        return to_register(RAX, first, wide) + alu(CMP, RAX, second, wide)
    if second in (CONST32, CONST64) and first >= 0:
        return rm(b"\x85", first, first, wide)
    return alu(CMP, first, second, wide)


def set_flag(register: int, condition: int) -> bytes:
    """A condition as 0 or 1 in a register."""
    return rm(bytes((0x0F, 0x90 | condition)), 0, RAX, octet=True) + rm(b"\x0f\xb6", register, RAX)


# what ends in a distance, for the caller to fill in
JUMP_IF: Final = [bytes((0x0F, 0x80 | condition, 0, 0, 0, 0)) for condition in range(16)]
JUMP: Final = b"\xe9\0\0\0\0"
CALL: Final = b"\xe8\0\0\0\0"
