"""Minimum, maximum and truncation of floats (spec 4.3.3, 4.3.4).

A processor does each in one instruction as long as the operands are ordinary; where they are not
(NaNs, zeros, out of range) it falls short of the standard. So the code is that instruction, a test
that is cheaper than the standard's rules, and the rules apart, where they do not cost.
"""

from collections.abc import Callable
from typing import Final

from wadjet.core.opcodes import BY_NAME
from wadjet.engine.contract.traps import TrapCode
from wadjet.engine.emit.function import Emit, FunctionEmitter
from wadjet.engine.emit.llvmtypes import FLOATS, Float


def _usually(e: FunctionEmitter, ok: str, type_: str, usual: str, else_: Callable[[], str]) -> None:
    """Push `usual` where the i1 `ok` holds, else what `else_` emits in a block apart."""
    source, apart, after = e.block, e.label("rare"), e.label("ok")
    e.emit(f"br i1 {ok}, label %{after}, label %{apart}, !prof !7")
    e.start(apart)
    rare = else_()
    end = e.block
    e.goto(after)
    e.start(after)
    e.push(e.let(f"phi {type_} [ {usual}, %{source} ], [ {rare}, %{end} ]"))


# --- minimum and maximum -------------------------------------------------------------------------


def _literal(operand: str, form: Float) -> int | None:
    """The bits of a constant operand that is not a NaN."""
    if operand.startswith("%"):
        return None
    if operand.startswith("0x"):
        bits = int(operand, 16)
    else:
        bits = 0 if operand == "0.0" else int(operand.removeprefix("bitcast (i32 ").split()[0])
    return bits if bits & ~form.sign <= form.inf else None


def _extreme(op: str, form: Float) -> Emit:
    """min, max. AArch64 has the standard's in one instruction."""
    t = form.type
    relation = "olt" if op == "min" else "ogt"

    def pick(e: FunctionEmitter, first: str, second: str) -> str:
        """The second operand where they are equal or unordered: what x86 has in hardware."""
        better = e.let(f"fcmp {relation} {t} {first}, {second}")
        return e.let(f"select i1 {better}, {t} {first}, {t} {second}")

    def with_constant(e: FunctionEmitter, x: str, constant: str, bits: int) -> None:
        # which zero wins over the other is known here
        wins = bits == (form.sign if op == "min" else 0)
        usual = pick(e, x, constant) if wins else pick(e, constant, x)
        ordered = e.let(f"fcmp ord {t} {x}, {x}")
        _usually(e, ordered, t, usual, lambda: e.let(f"fadd {t} {x}, {constant}"))

    def rare(e: FunctionEmitter, x: str, y: str) -> str:
        """Equal operands, which may be zeros of either sign, or NaNs, to be made quiet."""
        i = f"i{form.bits}"
        a, b = e.let(f"bitcast {t} {x} to {i}"), e.let(f"bitcast {t} {y} to {i}")
        both = e.let(f"{'or' if op == 'min' else 'and'} {i} {a}, {b}")
        equal, quiet = e.let(f"bitcast {i} {both} to {t}"), e.let(f"fadd {t} {x}, {y}")
        unordered = e.let(f"fcmp uno {t} {x}, {y}")
        return e.let(f"select i1 {unordered}, {t} {quiet}, {t} {equal}")

    def emit(e: FunctionEmitter, imm: object, i: int) -> None:
        x, y = e.pops(2)
        if e.unit.settings.arch == "aarch64":
            e.push(e.let(f"call {t} @llvm.{op}imum.{form.name}({t} {x}, {t} {y})"))
            return
        for operand, constant in ((x, y), (y, x)):
            bits = _literal(constant, form)
            if bits is not None:
                with_constant(e, operand, constant, bits)
                return
        differ = e.let(f"fcmp one {t} {x}, {y}")
        _usually(e, differ, t, pick(e, x, y), lambda: rare(e, x, y))

    return emit


# --- truncation ----------------------------------------------------------------------------------


def _hardware(
    e: FunctionEmitter, x: str, int_: str, form: Float, signed: bool
) -> tuple[str, str] | None:
    """x86's truncation, which gives the least integer for all that does not fit: the result and
    whether it is right for certain. None where there is none."""
    if e.unit.settings.arch != "x86_64" or (int_ == "i64" and not signed):
        return None
    symbol = {"f32": "sse.cvttss2si", "f64": "sse2.cvttsd2si"}[form.name]
    vector = f"<{128 // form.bits} x {form.type}>"
    value = e.let(f"insertelement {vector} poison, {form.type} {x}, i32 0")
    wide = int_ == "i64" or not signed
    operand = f"{symbol}64({vector} {value})" if wide else f"{symbol}({vector} {value})"
    result = e.let(f"call {'i64' if wide else 'i32'} @llvm.x86.{operand}")
    if signed:
        return result, e.let(f"icmp ne {int_} {result}, {-(1 << (int(int_[1:]) - 1))}")
    fits = e.let(f"icmp ult i64 {result}, {1 << 32}")
    return e.let(f"trunc i64 {result} to i32"), fits


def _bounds(int_: str, form: Float, signed: bool) -> tuple[str, str, str]:
    """What lies in range: the relation to the lower bound, it, and the first number too large."""
    width = int(int_[1:])
    high = 2.0 ** (width - 1 if signed else width)
    low, relation = (-high, "oge") if signed else (-1.0, "ogt")
    if signed and width < form.precision:
        low, relation = low - 1.0, "ogt"  # there are fractions below the least integer
    return relation, form.literal(low), form.literal(high)


def _truncation(int_: str, form: Float, signed: bool) -> Emit:
    """trunc: NaN is an invalid conversion, anything out of range an overflow."""
    t = form.type
    relation, low, high = _bounds(int_, form, signed)
    op = "fptosi" if signed else "fptoui"

    def check(e: FunctionEmitter, x: str) -> None:
        above, under = e.let(f"fcmp {relation} {t} {x}, {low}"), e.let(f"fcmp olt {t} {x}, {high}")
        inside, bad, after = e.let(f"and i1 {above}, {under}"), e.label("bad"), e.label("ok")
        e.emit(f"br i1 {inside}, label %{after}, label %{bad}, !prof !7")
        e.start(bad)
        number = e.let(f"fcmp ord {t} {x}, {x}")
        overflow = e.trap_label(TrapCode.INTEGER_OVERFLOW)
        invalid = e.trap_label(TrapCode.INVALID_CONVERSION)
        e.emit(f"br i1 {number}, label %{overflow}, label %{invalid}")
        e.start(after)

    def emit(e: FunctionEmitter, imm: object, i: int) -> None:
        x = e.pop()
        found = _hardware(e, x, int_, form, signed)
        if found is None:
            check(e, x)
            e.push(e.let(f"{op} {t} {x} to {int_}"))
            return
        result, trusted = found

        def rare() -> str:
            check(e, x)
            return result

        _usually(e, trusted, int_, result, rare)

    return emit


def _saturation(int_: str, form: Float, signed: bool) -> Emit:
    """trunc_sat: NaN gives 0, what does not fit the nearest end."""
    t = form.type
    call = f"call {int_} @llvm.fpto{'s' if signed else 'u'}i.sat.{int_}.{form.name}({t} "

    def emit(e: FunctionEmitter, imm: object, i: int) -> None:
        x = e.pop()
        found = _hardware(e, x, int_, form, signed)
        if found is None:
            e.push(e.let(f"{call}{x})"))
        else:
            _usually(e, found[1], int_, found[0], lambda: e.let(f"{call}{x})"))

    return emit


def _table() -> dict[str, Emit]:
    rows: dict[str, Emit] = {}
    for f, form in FLOATS.items():
        rows[f"{f}.min"], rows[f"{f}.max"] = _extreme("min", form), _extreme("max", form)
        for i in ("i32", "i64"):
            for suffix, signed in (("s", True), ("u", False)):
                rows[f"{i}.trunc_{f}_{suffix}"] = _truncation(i, form, signed)
                rows[f"{i}.trunc_sat_{f}_{suffix}"] = _saturation(i, form, signed)
    return rows


CAREFUL: Final[dict[int, Emit]] = {BY_NAME[name][0].op: emit for name, emit in _table().items()}
