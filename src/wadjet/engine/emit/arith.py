"""Arithmetic that LLVM's own instructions do not define for all operands (spec 4.3.2, 4.3.3)."""

from typing import Final

from wadjet.core.opcodes import BY_NAME
from wadjet.engine.contract.traps import TrapCode
from wadjet.engine.emit.function import Emit, FunctionEmitter
from wadjet.engine.emit.llvmtypes import FLOATS, Float


def _literal(operand: str) -> int | None:
    """The value of a constant operand."""
    return None if operand.startswith("%") else int(operand)


def _division(type_: str, op: str) -> Emit:
    """div_s, div_u, rem_u: traps on zero; div_s also where the quotient does not fit."""
    least = -(1 << (int(type_[1:]) - 1))

    def emit(e: FunctionEmitter, imm: object, i: int) -> None:
        x, y = e.pops(2)
        divisor = _literal(y)
        if divisor is None or divisor == 0:
            e.unless(e.let(f"icmp ne {type_} {y}, 0"), TrapCode.DIVIDE_BY_ZERO)
        if op == "sdiv" and (divisor is None or divisor == -1):
            most = e.let(f"icmp ne {type_} {x}, {least}")
            other = e.let(f"icmp ne {type_} {y}, -1")
            e.unless(e.let(f"or i1 {most}, {other}"), TrapCode.INTEGER_OVERFLOW)
        e.push(e.let(f"{op} {type_} {x}, {y}"))

    return emit


def _remainder_s(type_: str) -> Emit:
    """rem_s: traps on zero; the remainder by -1 is 0, which LLVM leaves undefined for the least."""

    def emit(e: FunctionEmitter, imm: object, i: int) -> None:
        x, y = e.pops(2)
        divisor = _literal(y)
        if divisor is None or divisor == 0:
            e.unless(e.let(f"icmp ne {type_} {y}, 0"), TrapCode.DIVIDE_BY_ZERO)
        if divisor is None or divisor == -1:
            minus = e.let(f"icmp eq {type_} {y}, -1")
            y = e.let(f"select i1 {minus}, {type_} 1, {type_} {y}")
        e.push(e.let(f"srem {type_} {x}, {y}"))

    return emit


def _float_arithmetic(op: str, form: Float) -> Emit:
    """add, sub, mul, div of scalars."""

    def emit(e: FunctionEmitter, imm: object, i: int) -> None:
        x, y = e.pops(2)
        if not (op == "fdiv" and x in UNITS[form.name]):
            x = hide(e, x, form)
        e.push(e.let(f"{op} {form.type} {x}, {hide(e, y, form)}"))

    return emit


#: LLVM folds x*1, x-0, x/-1 … to x, and a signalling NaN would slip through unquieted: constants
#: of these values are hidden from it. Format → how they are written.
UNITS: Final = {
    name: {form.literal(v) for v in (0.0, -0.0, 1.0, -1.0)} | {"0.0"}
    for name, form in FLOATS.items()
}


def hide(e: FunctionEmitter, operand: str, form: Float) -> str:
    """The operand, without LLVM knowing what it is if it is a constant that it would fold."""
    return fence(e, operand, form.type, form.name) if operand in UNITS[form.name] else operand


def fence(e: FunctionEmitter, operand: str, type_: str, suffix: str) -> str:
    """The operand, without LLVM knowing what it is. `suffix` names the type in intrinsics."""
    symbol = f"llvm.arithmetic.fence.{suffix}"
    e.unit.declare(symbol, f"declare {type_} @{symbol}({type_})")
    return e.let(f"call {type_} @{symbol}({type_} {operand})")


def _wide_sum(op: str) -> Emit:
    """add128, sub128: two pairs (low, high) to one."""

    def emit(e: FunctionEmitter, imm: object, i: int) -> None:
        a_low, a_high, b_low, b_high = e.pops(4)
        a, b = _pair(e, a_low, a_high), _pair(e, b_low, b_high)
        _push_pair(e, e.let(f"{op} i128 {a}, {b}"))

    return emit


def _wide_product(extend: str) -> Emit:
    """mul_wide: all bits of the product."""

    def emit(e: FunctionEmitter, imm: object, i: int) -> None:
        x, y = (e.let(f"{extend} i64 {operand} to i128") for operand in e.pops(2))
        _push_pair(e, e.let(f"mul i128 {x}, {y}"))

    return emit


def _pair(e: FunctionEmitter, low: str, high: str) -> str:
    high = e.let(f"zext i64 {high} to i128")
    return e.let(f"or i128 {e.let(f'shl i128 {high}, 64')}, {e.let(f'zext i64 {low} to i128')}")


def _push_pair(e: FunctionEmitter, wide: str) -> None:
    e.push(e.let(f"trunc i128 {wide} to i64"))
    e.push(e.let(f"trunc i128 {e.let(f'lshr i128 {wide}, 64')} to i64"))


def _table() -> dict[int, Emit]:
    rows: dict[str, Emit] = {}
    for t in ("i32", "i64"):
        rows[f"{t}.div_s"] = _division(t, "sdiv")
        rows[f"{t}.div_u"] = _division(t, "udiv")
        rows[f"{t}.rem_u"] = _division(t, "urem")
        rows[f"{t}.rem_s"] = _remainder_s(t)
    for name, form in FLOATS.items():
        for op in ("add", "sub", "mul", "div"):
            rows[f"{name}.{op}"] = _float_arithmetic(f"f{op}", form)
    for op in ("add", "sub"):
        rows[f"i64.{op}128"] = _wide_sum(op)
    rows["i64.mul_wide_s"], rows["i64.mul_wide_u"] = _wide_product("sext"), _wide_product("zext")
    return {BY_NAME[name][0].op: emit for name, emit in rows.items()}


ARITH: Final[dict[int, Emit]] = _table()
