"""Templates of the vector instructions (spec 4.3.5): families of lanes, by shape.

A v128 is `<2 x i64>` between instructions. A template names its operands as lanes `{0}x`, `{0}y`,
`{0}z`, computes `{0}r` and casts it back; LLVM sees through the casts. What a processor does better
than LLVM finds by itself stands in `simd_native`; what has immediates, in `simd_lanes`.
"""

from typing import Final, final

from wadjet.core.opcodes import BY_NAME

V128: Final = "<2 x i64>"


@final
class Shape:
    """How the 128 bits are divided. `type` is the vector in LLVM text, `suffix` names it in
    intrinsics."""

    __slots__ = ("bits", "count", "lane", "name", "suffix", "type")

    def __init__(self, lane: str, bits: int, count: int) -> None:
        self.lane: Final = lane
        self.bits: Final = bits
        self.count: Final = count
        letter = lane[0] if lane[0] == "i" else "f"
        self.type: Final = f"<{count} x {lane}>"
        self.suffix: Final = f"v{count}{letter}{bits}"
        #: the standard's name of a whole vector
        self.name: Final = f"{letter}{bits}x{count}"

    def wider(self) -> "Shape":
        """The same number of integer lanes, twice as wide."""
        return Shape(f"i{2 * self.bits}", 2 * self.bits, self.count)

    def half(self) -> "Shape":
        """Half as many lanes."""
        return Shape(self.lane, self.bits, self.count // 2)

    def all(self, value: int | str) -> str:
        """A vector constant with the same value (as LLVM writes it) in every lane."""
        return f"splat ({self.lane} {value})"


INTEGERS: Final = {n: Shape(f"i{n}", n, 128 // n) for n in (8, 16, 32, 64)}
FLOATS: Final = {32: Shape("float", 32, 4), 64: Shape("double", 64, 2)}
SHAPES: Final = {s.name: s for s in (*INTEGERS.values(), *FLOATS.values())}


def lanes(shape: Shape, arity: int, *lines: str, result: str = "", value: str = "{0}r") -> str:
    """A template: operands as lanes of a shape, then lines, one of which names the value of type
    `result` (without it, the shape's) that the instruction gives."""
    casts = [f"{{0}}{'xyz'[k]} = bitcast {V128} {{{k + 1}}} to {shape.type}" for k in range(arity)]
    back = f"{{0}} = bitcast {result or shape.type} {value} to {V128}"
    return "\n".join([*casts, *lines, back])


def unary(shape: Shape, intrinsic: str, *more: str) -> str:
    """One operand through an intrinsic with further constant arguments."""
    args = ", ".join([f"{shape.type} {{0}}x", *more])
    return lanes(shape, 1, f"{{0}}r = call {shape.type} @llvm.{intrinsic}.{shape.suffix}({args})")


def binary(shape: Shape, intrinsic: str) -> str:
    """Two operands through an intrinsic."""
    t = shape.type
    call = f"{{0}}r = call {t} @llvm.{intrinsic}.{shape.suffix}({t} {{0}}x, {t} {{0}}y)"
    return lanes(shape, 2, call)


def infix(shape: Shape, op: str) -> str:
    """Two operands through an instruction of LLVM."""
    return lanes(shape, 2, f"{{0}}r = {op} {shape.type} {{0}}x, {{0}}y")


def mask(shape: Shape, relation: str) -> str:
    """A comparison: ones in the lanes where it holds."""
    integers = INTEGERS[shape.bits].type
    return lanes(
        shape,
        2,
        f"{{0}}m = {relation} {shape.type} {{0}}x, {{0}}y",
        f"{{0}}r = sext <{shape.count} x i1> {{0}}m to {integers}",
        result=integers,
    )


def resized(value: str, from_: str, to: str, op: str) -> list[str]:
    """A line that turns scalar `value` into `{0}i` of another type, and the name to use."""
    return [value] if from_ == to else [f"{{0}}i = {op} {from_} {value} to {to}", "{0}i"]


def spread(shape: Shape, value: str, to: str) -> list[str]:
    """Lines that put a scalar of the lane's type into every lane of vector `to`."""
    t, n = shape.type, shape.count
    return [
        f"{to}o = insertelement {t} poison, {shape.lane} {value}, i32 0",
        f"{to} = shufflevector {t} {to}o, {t} poison, <{n} x i32> zeroinitializer",
    ]


def _shift(shape: Shape, op: str) -> str:
    """All lanes by one count, modulo the lane's width."""
    cast = {64: "zext", 32: ""}.get(shape.bits, "trunc")
    *lines, count = resized("{0}n", "i32", shape.lane, cast)
    return "\n".join(
        [
            f"{{0}}x = bitcast {V128} {{1}} to {shape.type}",
            f"{{0}}n = and i32 {{2}}, {shape.bits - 1}",
            *lines,
            *spread(shape, count, "{0}y"),
            f"{{0}}r = {op} {shape.type} {{0}}x, {{0}}y",
            f"{{0}} = bitcast {shape.type} {{0}}r to {V128}",
        ]
    )


def _splat(shape: Shape) -> str:
    *lines, value = resized("{1}", "i32", shape.lane, "trunc") if shape.bits < 32 else ["{1}"]
    back = f"{{0}} = bitcast {shape.type} {{0}}r to {V128}"
    return "\n".join([*lines, *spread(shape, value, "{0}r"), back])


def _all_true(shape: Shape) -> str:
    n = shape.count
    return (
        f"{{0}}x = bitcast {V128} {{1}} to {shape.type}\n"
        f"{{0}}z = icmp eq {shape.type} {{0}}x, zeroinitializer\n"
        f"{{0}}b = bitcast <{n} x i1> {{0}}z to i{n}\n"
        f"{{0}}c = icmp eq i{n} {{0}}b, 0\n"
        "{0} = zext i1 {0}c to i32"
    )


def _bitmask(shape: Shape) -> str:
    n = shape.count
    return (
        f"{{0}}x = bitcast {V128} {{1}} to {shape.type}\n"
        f"{{0}}z = icmp slt {shape.type} {{0}}x, zeroinitializer\n"
        f"{{0}}b = bitcast <{n} x i1> {{0}}z to i{n}\n"
        f"{{0}} = zext i{n} {{0}}b to i32"
    )


def _integer(s: Shape) -> dict[str, str]:
    rows = {name: infix(s, name) for name in ("add", "sub", "mul")}
    rows["neg"] = lanes(s, 1, f"{{0}}r = sub {s.type} zeroinitializer, {{0}}x")
    rows["abs"] = unary(s, "abs", "i1 false")
    rows["popcnt"] = unary(s, "ctpop")
    rows["eq"], rows["ne"] = mask(s, "icmp eq"), mask(s, "icmp ne")
    for sign in ("s", "u"):
        for name in ("lt", "gt", "le", "ge"):
            rows[f"{name}_{sign}"] = mask(s, f"icmp {sign}{name}")
        for name in ("min", "max"):
            rows[f"{name}_{sign}"] = binary(s, f"{sign}{name}")
        for name in ("add", "sub"):
            rows[f"{name}_sat_{sign}"] = binary(s, f"{sign}{name}.sat")
    for name, op in (("shl", "shl"), ("shr_s", "ashr"), ("shr_u", "lshr")):
        rows[name] = _shift(s, op)
    rows["splat"], rows["all_true"], rows["bitmask"] = _splat(s), _all_true(s), _bitmask(s)
    rows["avgr_u"] = lanes(
        s,
        2,
        *_extended(s.type, s.wider().type, "zext"),
        f"{{0}}s = add {s.wider().type} {{0}}xw, {{0}}yw",
        f"{{0}}t = add {s.wider().type} {{0}}s, {s.wider().all(1)}",
        f"{{0}}h = lshr {s.wider().type} {{0}}t, {s.wider().all(1)}",
        f"{{0}}r = trunc {s.wider().type} {{0}}h to {s.type}",
    )
    return rows


def _extended(from_: str, to: str, op: str, names: str = "xy") -> list[str]:
    """Lines that widen operands: `{0}xw` from `{0}x`, …"""
    return [f"{{0}}{n}w = {op} {from_} {{0}}{n} to {to}" for n in names]


# --- between lanes of N and of 2N bits ------------------------------------------------------------


def indices(*values: int) -> str:
    """The mask of a shufflevector."""
    return f"<{len(values)} x i32> <{', '.join(f'i32 {v}' for v in values)}>"


def _narrow(wide: Shape, sign: str) -> str:
    """Both operands saturated to half the width, one after the other."""
    bits = wide.bits // 2
    low, high = (-(1 << bits - 1), (1 << bits - 1) - 1) if sign == "s" else (0, (1 << bits) - 1)
    t, small = wide.type, f"<{wide.count} x i{bits}>"
    lines = []
    for n in "xy":
        for op, bound, from_, to in (("smax", low, n, f"{n}l"), ("smin", high, f"{n}l", f"{n}h")):
            args = f"{t} {{0}}{from_}, {t} {wide.all(bound)}"
            lines.append(f"{{0}}{to} = call {t} @llvm.{op}.{wide.suffix}({args})")
        lines.append(f"{{0}}{n}t = trunc {t} {{0}}{n}h to {small}")
    both = indices(*range(2 * wide.count))
    lines.append(f"{{0}}r = shufflevector {small} {{0}}xt, {small} {{0}}yt, {both}")
    return lanes(wide, 2, *lines, result=f"<{2 * wide.count} x i{bits}>")


def _halves(small: Shape, arity: int, high: bool, op: str) -> list[str]:
    """Lines that widen one half of each operand's lanes, into `{0}xw`, `{0}yw`."""
    n = small.count // 2
    chosen = indices(*range(n, 2 * n) if high else range(n))
    lines = []
    for name in "xy"[:arity]:
        pair = f"{small.type} {{0}}{name}, {small.type} poison"
        lines.append(f"{{0}}{name}p = shufflevector {pair}, {chosen}")
        half = f"{small.half().type} {{0}}{name}p"
        lines.append(f"{{0}}{name}w = {op} {half} to {small.half().wider().type}")
    return lines


def _extadd(small: Shape, wide: Shape, sign: str) -> str:
    """Sums of neighbours: a wide lane holds both, the odd one in its upper half."""
    t, by = wide.type, wide.all(small.bits)
    if sign == "s":
        even = [f"{{0}}u = shl {t} {{0}}x, {by}", f"{{0}}e = ashr {t} {{0}}u, {by}"]
    else:
        even = [f"{{0}}e = and {t} {{0}}x, {wide.all((1 << small.bits) - 1)}"]
    shift = "ashr" if sign == "s" else "lshr"
    odd = f"{{0}}o = {shift} {t} {{0}}x, {by}"
    return lanes(wide, 1, *even, odd, f"{{0}}r = add {t} {{0}}e, {{0}}o")


def _widths() -> dict[str, str]:
    rows = {}
    for n in (8, 16, 32):
        small, wide = INTEGERS[n], INTEGERS[2 * n]
        for sign, op in (("s", "sext"), ("u", "zext")):
            rows[f"{small.name}.narrow_{wide.name}_{sign}"] = _narrow(wide, sign)
            rows[f"{wide.name}.extadd_pairwise_{small.name}_{sign}"] = _extadd(small, wide, sign)
            for word, high in (("low", False), ("high", True)):
                suffix, t = f"{word}_{small.name}_{sign}", wide.type
                half = _halves(small, 1, high, op)
                extend = lanes(small, 1, *half, result=t, value="{0}xw")
                rows[f"{wide.name}.extend_{suffix}"] = extend
                halves = _halves(small, 2, high, op)
                product = f"{{0}}r = mul {t} {{0}}xw, {{0}}yw"
                rows[f"{wide.name}.extmul_{suffix}"] = lanes(small, 2, *halves, product, result=t)
    return rows


def _products() -> dict[str, str]:
    s, wide = INTEGERS[16], INTEGERS[16].wider()
    t = wide.type
    pairs = [indices(*range(first, 8, 2)) for first in (0, 1)]
    product = [*_extended(s.type, t, "sext"), f"{{0}}p = mul {t} {{0}}xw, {{0}}yw"]
    dot = lanes(
        s,
        2,
        *product,
        f"{{0}}e = shufflevector {t} {{0}}p, {t} poison, {pairs[0]}",
        f"{{0}}o = shufflevector {t} {{0}}p, {t} poison, {pairs[1]}",
        "{0}r = add <4 x i32> {0}e, {0}o",
        result="<4 x i32>",
    )
    q15mulr = lanes(
        s,
        2,
        *product,
        f"{{0}}a = add {t} {{0}}p, {wide.all(0x4000)}",
        f"{{0}}h = ashr {t} {{0}}a, {wide.all(15)}",
        f"{{0}}m = call {t} @llvm.smin.{wide.suffix}({t} {{0}}h, {t} {wide.all(0x7FFF)})",
        f"{{0}}r = trunc {t} {{0}}m to {s.type}",
    )
    return {"i32x4.dot_i16x8_s": dot, "i16x8.q15mulr_sat_s": q15mulr}


# --- floats ---------------------------------------------------------------------------------------


def _float(s: Shape) -> dict[str, str]:
    rows = {name: unary(s, name) for name in ("ceil", "floor", "trunc", "sqrt")}
    rows["nearest"], rows["abs"] = unary(s, "roundeven"), unary(s, "fabs")
    rows["neg"] = lanes(s, 1, f"{{0}}r = fneg {s.type} {{0}}x")
    for name, op in (("eq", "oeq"), ("ne", "une"), ("lt", "olt"), ("gt", "ogt"), ("le", "ole")):
        rows[name] = mask(s, f"fcmp {op}")
    rows["ge"] = mask(s, "fcmp oge")
    rows["min"], rows["max"] = _extreme("min", s), _extreme("max", s)
    for name, relation in (("pmin", "olt"), ("pmax", "ogt")):
        rows[name] = lanes(
            s,
            2,
            f"{{0}}m = fcmp {relation} {s.type} {{0}}y, {{0}}x",
            f"{{0}}r = select <{s.count} x i1> {{0}}m, {s.type} {{0}}y, {s.type} {{0}}x",
        )
    return rows


def _extreme(op: str, s: Shape) -> str:
    """The lesser or the greater of both (`min`, `max`).

    A processor whose minimum is its second operand where the two are equal or unordered, as all
    x86 are, does each select in one instruction. Asking both ways round and joining the patterns
    gives zeros the right sign; a sum makes NaNs quiet.
    """
    relation, join = ("olt", "or") if op == "min" else ("ogt", "and")
    t, i, flags = s.type, INTEGERS[s.bits].type, f"<{s.count} x i1>"
    return lanes(
        s,
        2,
        f"{{0}}f = fcmp {relation} {t} {{0}}x, {{0}}y",
        f"{{0}}g = fcmp {relation} {t} {{0}}y, {{0}}x",
        f"{{0}}p = select {flags} {{0}}f, {t} {{0}}x, {t} {{0}}y",
        f"{{0}}q = select {flags} {{0}}g, {t} {{0}}y, {t} {{0}}x",
        f"{{0}}pi = bitcast {t} {{0}}p to {i}",
        f"{{0}}qi = bitcast {t} {{0}}q to {i}",
        f"{{0}}ji = {join} {i} {{0}}pi, {{0}}qi",
        f"{{0}}j = bitcast {i} {{0}}ji to {t}",
        f"{{0}}u = fcmp uno {t} {{0}}x, {{0}}y",
        f"{{0}}s = fadd {t} {{0}}x, {{0}}y",
        f"{{0}}r = select {flags} {{0}}u, {t} {{0}}s, {t} {{0}}j",
    )


def _low_half(shape: Shape) -> str:
    """A line that takes the low lanes of `{0}x` as `{0}p`."""
    chosen = indices(*range(shape.count // 2))
    return f"{{0}}p = shufflevector {shape.type} {{0}}x, {shape.type} poison, {chosen}"


def zero_padded(shape: Shape, value: str) -> str:
    """A line that gives `{0}r`: two lanes, and zeros after them."""
    t = shape.half().type
    return f"{{0}}r = shufflevector {t} {value}, {t} zeroinitializer, {indices(0, 1, 2, 3)}"


def _conversions() -> dict[str, str]:
    f32, f64, i32 = FLOATS[32], FLOATS[64], INTEGERS[32]
    rows = {
        "f32x4.demote_f64x2_zero": lanes(
            f64,
            1,
            f"{{0}}p = fptrunc {f64.type} {{0}}x to <2 x float>",
            zero_padded(f32, "{0}p"),
            result=f32.type,
        ),
        "f64x2.promote_low_f32x4": lanes(
            f32,
            1,
            _low_half(f32),
            f"{{0}}r = fpext <2 x float> {{0}}p to {f64.type}",
            result=f64.type,
        ),
    }
    for s in ("s", "u"):
        to = f"{s}itofp {i32.type} {{0}}x to {f32.type}"
        rows[f"f32x4.convert_i32x4_{s}"] = lanes(i32, 1, f"{{0}}r = {to}", result=f32.type)
        widen = f"{{0}}r = {s}itofp <2 x i32> {{0}}p to {f64.type}"
        low = lanes(i32, 1, _low_half(i32), widen, result=f64.type)
        rows[f"f64x2.convert_low_i32x4_{s}"] = low
        sat = f"@llvm.fpto{s}i.sat.v4i32.v4f32({f32.type} {{0}}x)"
        all_lanes = lanes(f32, 1, f"{{0}}r = call {i32.type} {sat}", result=i32.type)
        rows[f"i32x4.trunc_sat_f32x4_{s}"] = all_lanes
        sat = f"{{0}}p = call <2 x i32> @llvm.fpto{s}i.sat.v2i32.v2f64({f64.type} {{0}}x)"
        rows[f"i32x4.trunc_sat_f64x2_{s}_zero"] = lanes(
            f64, 1, sat, zero_padded(i32, "{0}p"), result=i32.type
        )
    return rows


# --- the whole vector -----------------------------------------------------------------------------


def _whole() -> dict[str, str]:
    v = V128
    rows = {f"v128.{op}": f"{{0}} = {op} {v} {{1}}, {{2}}" for op in ("and", "or", "xor")}
    rows["v128.not"] = f"{{0}} = xor {v} {{1}}, splat (i64 -1)"
    rows["v128.andnot"] = f"{{0}}n = xor {v} {{2}}, splat (i64 -1)\n{{0}} = and {v} {{1}}, {{0}}n"
    rows["v128.bitselect"] = (
        f"{{0}}x = and {v} {{1}}, {{3}}\n"
        f"{{0}}n = xor {v} {{3}}, splat (i64 -1)\n"
        f"{{0}}y = and {v} {{2}}, {{0}}n\n"
        f"{{0}} = or {v} {{0}}x, {{0}}y"
    )
    rows["v128.any_true"] = (
        f"{{0}}x = bitcast {v} {{1}} to i128\n"
        "{0}c = icmp ne i128 {0}x, 0\n"
        "{0} = zext i1 {0}c to i32"
    )
    rows["i8x16.swizzle"] = _swizzle()
    return rows


def _swizzle() -> str:
    """Lane by lane, for processors without an instruction for it (`simd_native` has the others)."""
    t = INTEGERS[8].type
    lines = [f"{{0}}m = and {t} {{0}}y, {INTEGERS[8].all(15)}"]
    for k in range(16):
        lines.append(f"{{0}}k{k} = extractelement {t} {{0}}m, i32 {k}")
        lines.append(f"{{0}}e{k} = extractelement {t} {{0}}x, i8 {{0}}k{k}")
        before = "poison" if k == 0 else f"{{0}}v{k - 1}"
        lines.append(f"{{0}}v{k} = insertelement {t} {before}, i8 {{0}}e{k}, i32 {k}")
    lines.append(f"{{0}}i = icmp ult {t} {{0}}y, {INTEGERS[8].all(16)}")
    lines.append(f"{{0}}r = select <16 x i1> {{0}}i, {t} {{0}}v15, {t} zeroinitializer")
    return lanes(INTEGERS[8], 2, *lines)


def strict() -> dict[str, str]:
    """Mnemonic → template text, for every vector instruction without immediates that
    `simd_lanes` does not have."""
    rows: dict[str, str] = {}
    for shape in INTEGERS.values():
        rows |= {f"{shape.name}.{name}": text for name, text in _integer(shape).items()}
    for shape in FLOATS.values():
        rows |= {f"{shape.name}.{name}": text for name, text in _float(shape).items()}
    rows |= _widths() | _products() | _conversions() | _whole()
    return {name: text for name, text in rows.items() if name in BY_NAME}
