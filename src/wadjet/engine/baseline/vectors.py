"""Vector instructions that x86-64 has as they are. Vectors live in the frame: an instruction loads
its operands into xmm0 and xmm1 and stores the result. The others are rows."""

from collections.abc import Callable
from typing import Final, NamedTuple, cast

from wadjet.core.body import MemArg
from wadjet.core.opcodes import BY_NAME, Op, row
from wadjet.engine.baseline.encodings import address
from wadjet.engine.baseline.function import FunctionCompiler, Handler
from wadjet.engine.baseline.x86 import (
    RAX, RCX, XMM0, XMM1, copy_vector, indexed, rm, to_frame, to_register, to_xmm,
)  # fmt: skip

#: What the processor must be able to do for all of this, as LLVM names it.
NEED: Final = "sse4.1"


class _Form(NamedTuple):
    """An instruction xmm0, xmm1 → xmm0: prefix, opcode, immediate byte, operands exchanged."""

    prefix: bytes
    opcode: bytes
    tail: bytes = b""
    swap: bool = False


def _place(c: FunctionCompiler, i: int) -> int:
    """Where the vector that instruction i makes goes: a local that it is assigned to at once, or
    the place of the operand."""
    if c.body.ops[i + 1] == Op.LOCAL_SET:
        c.next = i + 2
        x = cast(int, c.body.imms[i + 1])
        home = c.homes[x]
        if home in c.stack:
            c.unshare(x)
        return home
    place = c.slots[len(c.stack)]
    c.stack.append(place)
    return place


def _binary(form: _Form) -> Handler:
    code = rm(form.opcode, XMM0, XMM1, 0, form.prefix) + form.tail

    def handle(c: FunctionCompiler, imm: object, i: int) -> None:
        b, a = c.pop(), c.pop()
        if form.swap:
            a, b = b, a
        text = copy_vector(XMM0, a) + copy_vector(XMM1, b) + code
        c.code += text + copy_vector(_place(c, i), XMM0)

    return handle


def _unary(code: bytes) -> Handler:
    def handle(c: FunctionCompiler, imm: object, i: int) -> None:
        text = copy_vector(XMM0, c.pop()) + code
        c.code += text + copy_vector(_place(c, i), XMM0)

    return handle


def _shift(opcode: int, mask: int) -> Handler:
    code = rm(bytes((0x0F, opcode)), XMM0, XMM1, 0, b"\x66")
    count = rm(b"\x83", 4, RCX) + bytes((mask,)) + rm(b"\x0f\x6e", XMM1, RCX, 0, b"\x66")

    def handle(c: FunctionCompiler, imm: object, i: int) -> None:
        b, a = c.pop(), c.pop()
        text = to_register(RCX, b, 0) + count + copy_vector(XMM0, a) + code
        c.code += text + copy_vector(_place(c, i), XMM0)

    return handle


def _splat(load: Callable[[int], bytes], spread: bytes) -> Handler:
    """All lanes alike: `load` puts the scalar into xmm0."""

    def handle(c: FunctionCompiler, imm: object, i: int) -> None:
        text = load(c.pop()) + spread
        c.code += text + copy_vector(_place(c, i), XMM0)

    return handle


def _integer(wide: int) -> Callable[[int], bytes]:
    return lambda a: to_register(RAX, a, wide) + rm(b"\x0f\x6e", XMM0, RAX, wide, b"\x66")


def _real(wide: int) -> Callable[[int], bytes]:
    return lambda a: to_xmm(XMM0, a, wide)


def _extract(size: int, opcode: bytes, wide: int) -> Handler:
    def handle(c: FunctionCompiler, imm: object, i: int) -> None:
        where = c.pop() + size * cast(int, imm)
        d, c.next = c.destination(i + 1, is_real=False)
        text = rm(opcode, d if d >= 0 else RAX, where, wide)
        c.code += text if d >= 0 else text + to_frame(d, RAX)

    return handle


def _extract_float(size: int) -> Handler:
    wide = int(size == 8)

    def handle(c: FunctionCompiler, imm: object, i: int) -> None:
        where = c.pop() + size * cast(int, imm)
        d, c.next = c.destination(i + 1, is_real=True)
        text = to_xmm(d if d >= 0 else XMM0, where, wide)
        c.code += text if d >= 0 else text + to_frame(d, XMM0)

    return handle


def _replace(size: int, opcode: bytes, prefix: bytes) -> Handler:
    def handle(c: FunctionCompiler, imm: object, i: int) -> None:
        b, a = c.pop(), c.pop()
        text = to_register(RAX, b, int(size == 8))
        place = c.slots[len(c.stack)]
        text += copy_vector(place, a)
        c.stack.append(place)
        lane = place + size * cast(int, imm)
        c.code += text + rm(opcode, RAX, lane, int(size == 8), prefix, octet=size == 1)

    return handle


def _bitselect(c: FunctionCompiler, imm: object, i: int) -> None:
    mask, b, a = c.pop(), c.pop(), c.pop()
    other = copy_vector(XMM1, b)
    text = copy_vector(XMM0, a) + other + _XOR + copy_vector(XMM1, mask) + _AND + other + _XOR
    c.code += text + copy_vector(_place(c, i), XMM0)


def _load(opcode: bytes, prefix: bytes, spread: bytes) -> Handler:
    def handle(c: FunctionCompiler, imm: object, i: int) -> None:
        arg = cast(MemArg, imm)
        if arg.memory:
            c.home.row(c, i)
            return
        text, index, offset = address(c.pop(), arg.offset)
        text += indexed(opcode, XMM0, index, offset, 0, prefix, False) + spread
        c.code += text + copy_vector(_place(c, i), XMM0)

    return handle


def _store(c: FunctionCompiler, imm: object, i: int) -> None:
    arg = cast(MemArg, imm)
    if arg.memory:
        c.home.row(c, i)
        return
    value, a = c.pop(), c.pop()
    text, index, offset = address(a, arg.offset)
    text += copy_vector(XMM0, value)
    c.code += text + indexed(b"\x0f\x11", XMM0, index, offset, 0, b"", False)


def _sse(opcode: int, tail: bytes = b"", swap: bool = False) -> _Form:
    return _Form(b"\x66", bytes((0x0F, opcode)), tail, swap)


def _sse4(opcode: int) -> _Form:
    return _Form(b"\x66", bytes((0x0F, 0x38, opcode)))


_XOR: Final = rm(b"\x0f\xef", XMM0, XMM1, 0, b"\x66")
_AND: Final = rm(b"\x0f\xdb", XMM0, XMM1, 0, b"\x66")
#: shufps xmm0, xmm0, 0; punpcklqdq xmm0, xmm0; pshuflw and pshufd of xmm0 by 0
_FOUR: Final = b"\x0f\xc6\xc0\x00"
_TWO: Final = b"\x66\x0f\x6c\xc0"
_EIGHT: Final = b"\xf2\x0f\x70\xc0\x00\x66\x0f\x70\xc0\x00"

_PAIRS: Final = {
    "v128.and": _sse(0xDB), "v128.or": _sse(0xEB), "v128.xor": _sse(0xEF),
    "v128.andnot": _sse(0xDF, swap=True),
    "i8x16.add": _sse(0xFC), "i16x8.add": _sse(0xFD), "i32x4.add": _sse(0xFE),
    "i64x2.add": _sse(0xD4), "i8x16.sub": _sse(0xF8), "i16x8.sub": _sse(0xF9),
    "i32x4.sub": _sse(0xFA), "i64x2.sub": _sse(0xFB),
    "i8x16.add_sat_s": _sse(0xEC), "i8x16.add_sat_u": _sse(0xDC),
    "i16x8.add_sat_s": _sse(0xED), "i16x8.add_sat_u": _sse(0xDD),
    "i8x16.sub_sat_s": _sse(0xE8), "i8x16.sub_sat_u": _sse(0xD8),
    "i16x8.sub_sat_s": _sse(0xE9), "i16x8.sub_sat_u": _sse(0xD9),
    "i8x16.avgr_u": _sse(0xE0), "i16x8.avgr_u": _sse(0xE3),
    "i16x8.mul": _sse(0xD5), "i32x4.mul": _sse4(0x40), "i32x4.dot_i16x8_s": _sse(0xF5),
    "i8x16.min_u": _sse(0xDA), "i8x16.max_u": _sse(0xDE),
    "i16x8.min_s": _sse(0xEA), "i16x8.max_s": _sse(0xEE),
    "i8x16.min_s": _sse4(0x38), "i32x4.min_s": _sse4(0x39), "i16x8.min_u": _sse4(0x3A),
    "i32x4.min_u": _sse4(0x3B), "i8x16.max_s": _sse4(0x3C), "i32x4.max_s": _sse4(0x3D),
    "i16x8.max_u": _sse4(0x3E), "i32x4.max_u": _sse4(0x3F),
    "i8x16.eq": _sse(0x74), "i16x8.eq": _sse(0x75), "i32x4.eq": _sse(0x76), "i64x2.eq": _sse4(0x29),
    "i8x16.gt_s": _sse(0x64), "i16x8.gt_s": _sse(0x65), "i32x4.gt_s": _sse(0x66),
    "i8x16.lt_s": _sse(0x64, swap=True), "i16x8.lt_s": _sse(0x65, swap=True),
    "i32x4.lt_s": _sse(0x66, swap=True),
    "i8x16.narrow_i16x8_s": _sse(0x63), "i8x16.narrow_i16x8_u": _sse(0x67),
    "i16x8.narrow_i32x4_s": _sse(0x6B), "i16x8.narrow_i32x4_u": _sse4(0x2B),
}  # fmt: skip
#: float operations: opcode, immediate, whether the operands change places
_REALS: Final = {
    "add": (0x58, b"", False), "mul": (0x59, b"", False), "sub": (0x5C, b"", False),
    "div": (0x5E, b"", False), "pmin": (0x5D, b"", True), "pmax": (0x5F, b"", True),
    "eq": (0xC2, b"\x00", False), "ne": (0xC2, b"\x04", False), "lt": (0xC2, b"\x01", False),
    "le": (0xC2, b"\x02", False), "gt": (0xC2, b"\x01", True), "ge": (0xC2, b"\x02", True),
}  # fmt: skip
_SINGLES: Final = {
    "i8x16.abs": b"\x66\x0f\x38\x1c\xc0", "i16x8.abs": b"\x66\x0f\x38\x1d\xc0",
    "i32x4.abs": b"\x66\x0f\x38\x1e\xc0",
    "i16x8.extend_low_i8x16_s": b"\x66\x0f\x38\x20\xc0",
    "i32x4.extend_low_i16x8_s": b"\x66\x0f\x38\x23\xc0",
    "i64x2.extend_low_i32x4_s": b"\x66\x0f\x38\x25\xc0",
    "i16x8.extend_low_i8x16_u": b"\x66\x0f\x38\x30\xc0",
    "i32x4.extend_low_i16x8_u": b"\x66\x0f\x38\x33\xc0",
    "i64x2.extend_low_i32x4_u": b"\x66\x0f\x38\x35\xc0",
    "f32x4.sqrt": b"\x0f\x51\xc0", "f64x2.sqrt": b"\x66\x0f\x51\xc0",
    "f32x4.convert_i32x4_s": b"\x0f\x5b\xc0", "f64x2.convert_low_i32x4_s": b"\xf3\x0f\xe6\xc0",
    "f64x2.promote_low_f32x4": b"\x0f\x5a\xc0",
}  # fmt: skip


def _table() -> dict[str, Handler]:
    found = {name: _binary(form) for name, form in _PAIRS.items()}
    for shape, prefix in (("f32x4", b""), ("f64x2", b"\x66")):
        for name, (opcode, tail, swap) in _REALS.items():
            form = _Form(prefix, bytes((0x0F, opcode)), tail, swap)
            found[f"{shape}.{name}"] = _binary(form)
        for way, name in enumerate(("nearest", "floor", "ceil", "trunc")):
            opcode = 0x09 if prefix else 0x08
            text = b"\x66" + bytes((0x0F, 0x3A, opcode, 0xC0, 8 | way))
            found[f"{shape}.{name}"] = _unary(text)
    found |= {name: _unary(text) for name, text in _SINGLES.items()}
    for shape, bits, codes in (
        ("i16x8", 15, (0xF1, 0xD1, 0xE1)),
        ("i32x4", 31, (0xF2, 0xD2, 0xE2)),
        ("i64x2", 63, (0xF3, 0xD3)),
    ):
        for name, code in zip(("shl", "shr_u", "shr_s"), codes):
            found[f"{shape}.{name}"] = _shift(code, bits)
    found |= {
        "v128.bitselect": _bitselect,
        "v128.store": _store,
        "v128.load": _load(b"\x0f\x10", b"", b""),
        "v128.load32_zero": _load(b"\x0f\x10", b"\xf3", b""),
        "v128.load64_zero": _load(b"\x0f\x10", b"\xf2", b""),
        "v128.load32_splat": _load(b"\x0f\x10", b"\xf3", _FOUR),
        "v128.load64_splat": _load(b"\x0f\x10", b"\xf2", _TWO),
        "i16x8.splat": _splat(_integer(0), _EIGHT),
        "i32x4.splat": _splat(_integer(0), _FOUR),
        "i64x2.splat": _splat(_integer(1), _TWO),
        "f32x4.splat": _splat(_real(0), _FOUR),
        "f64x2.splat": _splat(_real(1), _TWO),
        "i8x16.extract_lane_s": _extract(1, b"\x0f\xbe", 0),
        "i8x16.extract_lane_u": _extract(1, b"\x0f\xb6", 0),
        "i16x8.extract_lane_s": _extract(2, b"\x0f\xbf", 0),
        "i16x8.extract_lane_u": _extract(2, b"\x0f\xb7", 0),
        "i32x4.extract_lane": _extract(4, b"\x8b", 0),
        "i64x2.extract_lane": _extract(8, b"\x8b", 1),
        "f32x4.extract_lane": _extract_float(4),
        "f64x2.extract_lane": _extract_float(8),
        "i8x16.replace_lane": _replace(1, b"\x88", b""),
        "i16x8.replace_lane": _replace(2, b"\x89", b"\x66"),
        "i32x4.replace_lane": _replace(4, b"\x89", b""),
        "i64x2.replace_lane": _replace(8, b"\x89", b""),
        "f32x4.replace_lane": _replace(4, b"\x89", b""),
        "f64x2.replace_lane": _replace(8, b"\x89", b""),
    }
    return found


VECTORS: Final[dict[int, Handler]] = {BY_NAME[n][0].op: handler for n, handler in _table().items()}
#: those that access memory
VECTOR_ACCESSES: Final = frozenset(op for op in VECTORS if row(op).natural)
