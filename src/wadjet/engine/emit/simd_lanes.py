"""Vector instructions with immediates or memory (spec 4.6.3, 4.6.9), and arithmetic on float lanes
whose constants LLVM must not see through."""

from typing import Final, cast

from wadjet.core.body import MemArg
from wadjet.core.opcodes import BY_NAME
from wadjet.engine.emit.arith import fence, hide
from wadjet.engine.emit.function import Emit, FunctionEmitter
from wadjet.engine.emit.llvmtypes import FLOATS as SCALARS
from wadjet.engine.emit.memory import address, volatile
from wadjet.engine.emit.simd import FLOATS, INTEGERS, SHAPES, V128, Shape, indices, spread


def _as_lanes(e: FunctionEmitter, value: str, shape: Shape) -> str:
    return e.let(f"bitcast {V128} {value} to {shape.type}")


def _push_lanes(e: FunctionEmitter, value: str, type_: str) -> None:
    e.push(e.let(f"bitcast {type_} {value} to {V128}"))


# --- lanes ----------------------------------------------------------------------------------------


def _extract(shape: Shape, extend: str = "") -> Emit:
    """extract_lane: narrow lanes are extended to i32."""

    def emit(e: FunctionEmitter, imm: object, i: int) -> None:
        vector = _as_lanes(e, e.pop(), shape)
        lane = e.let(f"extractelement {shape.type} {vector}, i32 {cast(int, imm)}")
        e.push(e.let(f"{extend} {shape.lane} {lane} to i32") if extend else lane)

    return emit


def _replace(shape: Shape) -> Emit:
    narrow = shape.bits < 32

    def emit(e: FunctionEmitter, imm: object, i: int) -> None:
        vector, value = e.pops(2)
        if narrow:
            value = e.let(f"trunc i32 {value} to {shape.lane}")
        _insert(e, shape, vector, value, cast(int, imm))

    return emit


def _insert(e: FunctionEmitter, shape: Shape, vector: str, value: str, lane: int) -> None:
    """Push the vector with one lane replaced."""
    before = f"{shape.type} {_as_lanes(e, vector, shape)}"
    after = e.let(f"insertelement {before}, {shape.lane} {value}, i32 {lane}")
    _push_lanes(e, after, shape.type)


def _shuffle(e: FunctionEmitter, imm: object, i: int) -> None:
    bytes_ = INTEGERS[8]
    x, y = (_as_lanes(e, operand, bytes_) for operand in e.pops(2))
    chosen = indices(*cast(bytes, imm))
    pair = f"{bytes_.type} {x}, {bytes_.type} {y}"
    _push_lanes(e, e.let(f"shufflevector {pair}, {chosen}"), bytes_.type)


def _spread(e: FunctionEmitter, shape: Shape, value: str) -> None:
    """Push a vector with the same scalar in every lane."""
    name = e.name()
    e.emit("\n".join(spread(shape, value, name)))
    _push_lanes(e, name, shape.type)


# --- floats ---------------------------------------------------------------------------------------


def _float_splat(shape: Shape) -> Emit:
    def emit(e: FunctionEmitter, imm: object, i: int) -> None:
        _spread(e, shape, hide(e, e.pop(), SCALARS[f"f{shape.bits}"]))

    return emit


def _literal_lanes(operand: str, shape: Shape) -> set[int]:
    """The patterns in the lanes of a constant vector; none where it is not constant."""
    if operand.startswith("%"):
        return set()
    if operand == "zeroinitializer":
        return {0}
    words = [int(word.split()[1]) for word in operand.strip("<>").split(",")]
    bits = words[0] | words[1] << 64
    mask = (1 << shape.bits) - 1
    return {bits >> at & mask for at in range(0, 128, shape.bits)}


def _float_arithmetic(op: str, shape: Shape) -> Emit:
    """add, sub, mul, div. As for scalars, constants that LLVM would fold are hidden from it."""
    sign = 1 << shape.bits - 1
    one = {32: 0x3F80_0000, 64: 0x3FF0_0000_0000_0000}[shape.bits]
    units = {0, sign, one, one | sign}

    def operand(e: FunctionEmitter, value: str) -> str:
        vector = _as_lanes(e, value, shape)
        if _literal_lanes(value, shape) & units:
            return fence(e, vector, shape.type, shape.suffix)
        return vector

    def emit(e: FunctionEmitter, imm: object, i: int) -> None:
        x, y = (operand(e, value) for value in e.pops(2))
        _push_lanes(e, e.let(f"{op} {shape.type} {x}, {y}"), shape.type)

    return emit


# --- memory ---------------------------------------------------------------------------------------


def _read(e: FunctionEmitter, arg: MemArg, operand: str, type_: str, size: int) -> str:
    pointer = address(e, operand, arg, size)
    return e.let(f"load {volatile(e)}{type_}, ptr {pointer}, align 1, !tbaa !3")


def _write(e: FunctionEmitter, arg: MemArg, operand: str, typed: str, size: int) -> None:
    pointer = address(e, operand, arg, size)
    e.emit(f"store {volatile(e)}{typed}, ptr {pointer}, align 1, !tbaa !3")


def _load(e: FunctionEmitter, imm: object, i: int) -> None:
    e.push(_read(e, cast(MemArg, imm), e.pop(), V128, 16))


def _store(e: FunctionEmitter, imm: object, i: int) -> None:
    operand, value = e.pops(2)
    _write(e, cast(MemArg, imm), operand, f"{V128} {value}", 16)


def _load_extend(small: Shape, op: str) -> Emit:
    """loadNxM: half a vector, its lanes widened."""
    half = small.half()

    def emit(e: FunctionEmitter, imm: object, i: int) -> None:
        value = _read(e, cast(MemArg, imm), e.pop(), half.type, 8)
        wide = half.wider().type
        _push_lanes(e, e.let(f"{op} {half.type} {value} to {wide}"), wide)

    return emit


def _load_splat(shape: Shape) -> Emit:
    def emit(e: FunctionEmitter, imm: object, i: int) -> None:
        value = _read(e, cast(MemArg, imm), e.pop(), shape.lane, shape.bits // 8)
        _spread(e, shape, value)

    return emit


def _load_zero(shape: Shape) -> Emit:
    """load32_zero, load64_zero: the first lane, zeros in the others."""

    def emit(e: FunctionEmitter, imm: object, i: int) -> None:
        value = _read(e, cast(MemArg, imm), e.pop(), shape.lane, shape.bits // 8)
        _insert(e, shape, "zeroinitializer", value, 0)

    return emit


def _load_lane(shape: Shape) -> Emit:
    def emit(e: FunctionEmitter, imm: object, i: int) -> None:
        arg, lane = cast(tuple[MemArg, int], imm)
        operand, vector = e.pops(2)
        value = _read(e, arg, operand, shape.lane, shape.bits // 8)
        _insert(e, shape, vector, value, lane)

    return emit


def _store_lane(shape: Shape) -> Emit:
    def emit(e: FunctionEmitter, imm: object, i: int) -> None:
        arg, lane = cast(tuple[MemArg, int], imm)
        operand, vector = e.pops(2)
        value = e.let(f"extractelement {shape.type} {_as_lanes(e, vector, shape)}, i32 {lane}")
        _write(e, arg, operand, f"{shape.lane} {value}", shape.bits // 8)

    return emit


# --- the table ------------------------------------------------------------------------------------


def _accesses() -> dict[str, Emit]:
    rows: dict[str, Emit] = {"v128.load": _load, "v128.store": _store}
    for n in (8, 16, 32):
        for sign, op in (("s", "sext"), ("u", "zext")):
            rows[f"v128.load{n}x{64 // n}_{sign}"] = _load_extend(INTEGERS[n], op)
    # floats where they fit: such a value goes to a vector register at once
    for n, shape in (INTEGERS | FLOATS).items():
        rows[f"v128.load{n}_splat"] = _load_splat(shape)
        rows[f"v128.load{n}_lane"] = _load_lane(shape)
        rows[f"v128.store{n}_lane"] = _store_lane(shape)
        if n >= 32:
            rows[f"v128.load{n}_zero"] = _load_zero(shape)
    return rows


def _lanes() -> dict[str, Emit]:
    rows: dict[str, Emit] = {"i8x16.shuffle": _shuffle}
    for name, shape in SHAPES.items():
        rows[f"{name}.replace_lane"] = _replace(shape)
        if shape.bits >= 32:
            rows[f"{name}.extract_lane"] = _extract(shape)
        else:
            rows[f"{name}.extract_lane_s"] = _extract(shape, "sext")
            rows[f"{name}.extract_lane_u"] = _extract(shape, "zext")
    for shape in FLOATS.values():
        rows[f"{shape.name}.splat"] = _float_splat(shape)
        for op in ("add", "sub", "mul", "div"):
            rows[f"{shape.name}.{op}"] = _float_arithmetic(f"f{op}", shape)
    return rows


LANES: Final[dict[int, Emit]] = {
    BY_NAME[name][0].op: emit for name, emit in (_accesses() | _lanes()).items()
}
