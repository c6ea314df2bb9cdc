"""How rows of the instruction table become machine code: one encoder each, by name.

An encoder takes the register that shall hold the result and the operands (see `x86`), and gives
bytes. It may use rax, rcx, rdx, xmm0 and xmm1, in which no value ever stays; the result may be
asked for in rax or xmm0. Integers of 32 bits have zeros above them in registers, always.
"""

from collections.abc import Callable
from typing import Final, NamedTuple, TypeVar

from wadjet.core.opcodes import BY_NAME
from wadjet.engine.baseline.x86 import (
    ADD, AE, AND, A, B, BE, CONST32, E, G, GE, L, LE, NE, OR, R12, RAX, RCX, REGISTERS, SUB, XMM0,
    XMM1, XOR, alu, at, compare, int32, is_near, load_constant, rm, signed, to_register, to_xmm,
)  # fmt: skip

Unary = Callable[[int, int], bytes]
Binary = Callable[[int, int, int], bytes]
#: Sets the flags.
Flags = Callable[[int, int], bytes]

#: Conditions of floats that take two looks at the flags: equal and ordered, and the contrary.
EQUAL: Final = 16
UNEQUAL: Final = 17
#: What holds where a condition does not.
CONTRARY: Final = [c ^ 1 for c in range(16)] + [UNEQUAL, EQUAL]


class Compare(NamedTuple):
    """A row that gives 0 or 1: the flags, and what they are asked for."""

    flags: Flags
    condition: int


class Access(NamedTuple):
    """A load or a store of guest memory."""

    opcode: bytes
    wide: int
    prefix: bytes
    octet: bool
    #: bytes; of a constant operand of a store as well
    size: int


# --- integers ------------------------------------------------------------------------------------


def _alu(number: int, wide: int, commutes: bool) -> Binary:
    def encode(d: int, a: int, b: int) -> bytes:
        if commutes and (a >= CONST32 or b == d):
            a, b = b, a
        if b == d and a != d:
            return to_register(RAX, a, wide) + alu(number, RAX, b, wide) + to_register(d, RAX, wide)
        return to_register(d, a, wide) + alu(number, d, b, wide)

    return encode


def _sum(wide: int) -> Binary:
    plain = _alu(ADD, wide, True)

    def encode(d: int, a: int, b: int) -> bytes:
        if b >= CONST32 and d != a and 0 <= a < 16 and a != R12:
            value = signed(b, wide)
            if is_near(value):
                return at(b"\x8d", d, a, value, wide)
        return plain(d, a, b)

    return encode


def _product(wide: int) -> Binary:
    def encode(d: int, a: int, b: int) -> bytes:
        if a >= CONST32 or b == d:
            a, b = b, a
        if b >= CONST32:
            value = signed(b, wide)
            if a >= CONST32:
                return to_register(RAX, a, wide) + encode(d, RAX, b)
            if is_near(value):
                return rm(b"\x69", d, a, wide) + int32(value)
            return load_constant(RCX, value & 0xFFFFFFFFFFFFFFFF) + encode(d, a, RCX)
        return to_register(d, a, wide) + rm(b"\x0f\xaf", d, b, wide)

    return encode


def _shift(extension: int, wide: int) -> Binary:
    mask = 63 if wide else 31

    def encode(d: int, a: int, b: int) -> bytes:
        if b >= CONST32:
            count = b & mask
            text = to_register(d, a, wide)
            if a == d and not count:
                return b""
            return text + rm(b"\xc1", extension, d, wide) + bytes((count,))
        count_first = to_register(RCX, b, 0)
        return count_first + to_register(d, a, wide) + rm(b"\xd3", extension, d, wide)

    return encode


def _unary(opcode: bytes, wide: int, prefix: bytes = b"", octet: bool = False) -> Unary:
    def encode(d: int, a: int) -> bytes:
        if a >= CONST32:
            return to_register(RAX, a, 1) + rm(opcode, d, RAX, wide, prefix, octet)
        return rm(opcode, d, a, wide, prefix, octet)

    return encode


def _narrow(d: int, a: int) -> bytes:
    """The low 32 bits, zeros above: also where they are in place already."""
    return rm(b"\x8b", d, a) if d == a else to_register(d, a, 0)


def _integer_compare(wide: int, condition: int) -> Compare:
    return Compare(lambda a, b: compare(a, b, wide), condition)


# --- floats --------------------------------------------------------------------------------------


def _float(opcode: bytes, wide: int, commutes: bool) -> Binary:
    prefix = b"\xf2" if wide else b"\xf3"

    def encode(d: int, a: int, b: int) -> bytes:
        if commutes and b == d:
            a, b = b, a
        if b >= REGISTERS:
            first = to_xmm(XMM1, b, wide)
            return first + to_xmm(d, a, wide) + rm(opcode, d, XMM1, 0, prefix)
        if b == d and a != d:
            text = to_xmm(XMM0, a, wide) + rm(opcode, XMM0, b, 0, prefix)
            return text + to_xmm(d, XMM0, wide)
        return to_xmm(d, a, wide) + rm(opcode, d, b, 0, prefix)

    return encode


def _root(wide: int) -> Unary:
    prefix = b"\xf2" if wide else b"\xf3"
    return lambda d, a: to_xmm(d, a, wide) + rm(b"\x0f\x51", d, d, 0, prefix)


def _round(wide: int, way: int) -> Unary:
    opcode = b"\x0f\x3a\x0b" if wide else b"\x0f\x3a\x0a"
    mode = bytes((8 | way,))
    return lambda d, a: to_xmm(d, a, wide) + rm(opcode, d, d, 0, b"\x66") + mode


def _sign(wide: int, opcode: bytes, extension: int, count: int) -> Unary:
    """A bitwise operation with a mask: all ones, shifted one way."""
    shift = b"\x0f\x73" if wide else b"\x0f\x72"
    mask = rm(b"\x0f\x76", XMM1, XMM1, 0, b"\x66")
    mask += rm(shift, extension, XMM1, 0, b"\x66") + bytes((count,))
    return lambda d, a: to_xmm(d, a, wide) + mask + rm(opcode, d, XMM1)


def _float_compare(wide: int, condition: int, swapped: bool) -> Compare:
    prefix = b"\x66" if wide else b""

    def flags(a: int, b: int) -> bytes:
        if swapped:
            a, b = b, a
        text = b""
        if b >= REGISTERS:
            text, b = to_xmm(XMM1, b, wide), XMM1
        if a < 0 or a >= REGISTERS:
            text, a = text + to_xmm(XMM0, a, wide), XMM0
        return text + rm(b"\x0f\x2e", a, b, 0, prefix)

    return Compare(flags, condition)


def _from_integer(double: bool, wide: int, extend: bool) -> Unary:
    prefix = b"\xf2" if double else b"\xf3"

    def encode(d: int, a: int) -> bytes:
        text = rm(b"\x0f\x57", d, d)
        if a >= CONST32 or extend:
            text, a = text + to_register(RAX, a, wide and not extend), RAX
        return text + rm(b"\x0f\x2a", d, a, wide, prefix)

    return encode


def _between(prefix: bytes, wide: int) -> Unary:
    """demote, promote."""
    return lambda d, a: to_xmm(d, a, wide) + rm(b"\x0f\x5a", d, d, 0, prefix)


def _float_bits(wide: int) -> Unary:
    return lambda d, a: to_register(d, a, wide)


def _bits_float(wide: int) -> Unary:
    def encode(d: int, a: int) -> bytes:
        if 0 <= a < 16:
            return rm(b"\x0f\x6e", d, a, wide, b"\x66")
        return to_xmm(d, a, wide)

    return encode


# --- the table -----------------------------------------------------------------------------------

_CONDITIONS: Final = {
    "eq": E, "ne": NE, "lt_s": L, "lt_u": B, "gt_s": G, "gt_u": A, "le_s": LE, "le_u": BE,
    "ge_s": GE, "ge_u": AE,
}  # fmt: skip
#: name → condition, and whether the operands change places
_FLOAT_CONDITIONS: Final = {
    "eq": (EQUAL, False), "ne": (UNEQUAL, False), "gt": (A, False), "ge": (AE, False),
    "lt": (A, True), "le": (AE, True),
}  # fmt: skip
_BINARY: Final[dict[str, Binary]] = {}
_UNARY: Final[dict[str, Unary]] = {}
_COMPARE: Final[dict[str, Compare]] = {}

for _wide, _t in enumerate(("i32", "i64")):
    _BINARY[f"{_t}.add"] = _sum(_wide)
    _BINARY[f"{_t}.mul"] = _product(_wide)
    for _name, _number in (("and", AND), ("or", OR), ("xor", XOR)):
        _BINARY[f"{_t}.{_name}"] = _alu(_number, _wide, True)
    _BINARY[f"{_t}.sub"] = _alu(SUB, _wide, False)
    for _name, _number in (("rotl", 0), ("rotr", 1), ("shl", 4), ("shr_u", 5), ("shr_s", 7)):
        _BINARY[f"{_t}.{_name}"] = _shift(_number, _wide)
    for _name, _condition in _CONDITIONS.items():
        _COMPARE[f"{_t}.{_name}"] = _integer_compare(_wide, _condition)
    _UNARY[f"{_t}.clz"] = _unary(b"\x0f\xbd", _wide, b"\xf3")
    _UNARY[f"{_t}.ctz"] = _unary(b"\x0f\xbc", _wide, b"\xf3")
    _UNARY[f"{_t}.popcnt"] = _unary(b"\x0f\xb8", _wide, b"\xf3")
    _UNARY[f"{_t}.extend8_s"] = _unary(b"\x0f\xbe", _wide, octet=True)
    _UNARY[f"{_t}.extend16_s"] = _unary(b"\x0f\xbf", _wide)
for _wide, _t in enumerate(("f32", "f64")):
    for _name, _code in (("add", 0x58), ("mul", 0x59), ("sub", 0x5C), ("div", 0x5E)):
        _BINARY[f"{_t}.{_name}"] = _float(bytes((0x0F, _code)), _wide, _name in ("add", "mul"))
    for _name, (_condition, _swapped) in _FLOAT_CONDITIONS.items():
        _COMPARE[f"{_t}.{_name}"] = _float_compare(_wide, _condition, _swapped)
    _UNARY[f"{_t}.sqrt"] = _root(_wide)
    for _way, _name in enumerate(("nearest", "floor", "ceil", "trunc")):
        _UNARY[f"{_t}.{_name}"] = _round(_wide, _way)
    _UNARY[f"{_t}.neg"] = _sign(_wide, b"\x0f\x57", 6, 63 if _wide else 31)
    _UNARY[f"{_t}.abs"] = _sign(_wide, b"\x0f\x54", 2, 1)
    _UNARY[f"{_t}.convert_i32_s"] = _from_integer(bool(_wide), 0, False)
    _UNARY[f"{_t}.convert_i32_u"] = _from_integer(bool(_wide), 1, True)
    _UNARY[f"{_t}.convert_i64_s"] = _from_integer(bool(_wide), 1, False)
_UNARY["i32.wrap_i64"] = _UNARY["i64.extend_i32_u"] = _narrow
_UNARY["i64.extend_i32_s"] = _UNARY["i64.extend32_s"] = _unary(b"\x63", 1)
_UNARY["f32.demote_f64"] = _between(b"\xf2", 1)
_UNARY["f64.promote_f32"] = _between(b"\xf3", 0)
_UNARY["i32.reinterpret_f32"] = _float_bits(0)
_UNARY["i64.reinterpret_f64"] = _float_bits(1)
_UNARY["f32.reinterpret_i32"] = _bits_float(0)
_UNARY["f64.reinterpret_i64"] = _bits_float(1)

#: What the processor must be able to do for some of these (as LLVM names it); all of x86-64's own
#: instructions go without saying.
NEEDS: Final = {
    "clz": "lzcnt", "ctz": "bmi", "popcnt": "popcnt",
    "nearest": "sse4.1", "floor": "sse4.1", "ceil": "sse4.1", "trunc": "sse4.1",
}  # fmt: skip

_ACCESSES: Final = {
    "i32.load": Access(b"\x8b", 0, b"", False, 4),
    "i64.load": Access(b"\x8b", 1, b"", False, 8),
    "f32.load": Access(b"\x0f\x10", 0, b"\xf3", False, 4),
    "f64.load": Access(b"\x0f\x10", 0, b"\xf2", False, 8),
    "i32.load8_s": Access(b"\x0f\xbe", 0, b"", False, 1),
    "i32.load8_u": Access(b"\x0f\xb6", 0, b"", False, 1),
    "i32.load16_s": Access(b"\x0f\xbf", 0, b"", False, 2),
    "i32.load16_u": Access(b"\x0f\xb7", 0, b"", False, 2),
    "i64.load8_s": Access(b"\x0f\xbe", 1, b"", False, 1),
    "i64.load8_u": Access(b"\x0f\xb6", 0, b"", False, 1),
    "i64.load16_s": Access(b"\x0f\xbf", 1, b"", False, 2),
    "i64.load16_u": Access(b"\x0f\xb7", 0, b"", False, 2),
    "i64.load32_s": Access(b"\x63", 1, b"", False, 4),
    "i64.load32_u": Access(b"\x8b", 0, b"", False, 4),
    "i32.store": Access(b"\x89", 0, b"", False, 4),
    "i64.store": Access(b"\x89", 1, b"", False, 8),
    "f32.store": Access(b"\x0f\x11", 0, b"\xf3", False, 4),
    "f64.store": Access(b"\x0f\x11", 0, b"\xf2", False, 8),
    "i32.store8": Access(b"\x88", 0, b"", True, 1),
    "i32.store16": Access(b"\x89", 0, b"\x66", False, 2),
    "i64.store8": Access(b"\x88", 0, b"", True, 1),
    "i64.store16": Access(b"\x89", 0, b"\x66", False, 2),
    "i64.store32": Access(b"\x89", 0, b"", False, 4),
}


_T = TypeVar("_T")


def _by_op(names: dict[str, _T]) -> dict[int, _T]:
    return {BY_NAME[name][0].op: value for name, value in names.items()}


BINARY: Final = _by_op(_BINARY)
UNARY: Final = _by_op(_UNARY)
COMPARE: Final = _by_op(_COMPARE)
#: For each op of those, its condition.
CONDITIONS: Final = [
    COMPARE[op].condition if op in COMPARE else -1 for op in range(max(COMPARE) + 1)
]
ACCESSES: Final = _by_op(_ACCESSES)
