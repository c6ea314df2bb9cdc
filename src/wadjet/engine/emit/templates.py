"""One LLVM template per instruction with a plain meaning: the compiler's column of the table.

In a template `{0}` is the result and `{1}`, `{2}`, `{3}` are the operands; `{0}x`, `{0}y`, … are
free names. A template may hold several lines. Comparisons leave their `i1` in `{0}c` beside the
i32 the standard wants, so that a branch can use it as it is. `{trap:NAME …}` is not here: what can
trap has a special emitter (`arith`, `memory`, …). Alignment, order of operands and NaN rules follow
the standard; `tests/diff` compares every row with `wadjet.core.numerics`.
"""

from collections.abc import Callable
from operator import itemgetter
from string import Formatter
from typing import Final, final

from wadjet.core.opcodes import BY_NAME

Pick = Callable[[tuple[str, ...]], str | tuple[str, ...]]


@final
class Template:
    """A template made fast: a %-format, and the order in which to pick names for it."""

    __slots__ = ("arity", "flag", "format", "pick")

    def __init__(self, text: str, arity: int) -> None:
        order: list[int] = []
        parts: list[str] = []
        for literal, name, _, _ in Formatter().parse(text):
            parts.append(literal.replace("%", "%%"))
            if name is not None:
                parts.append("%s")
                order.append(int(name))
        self.format = "".join(parts)
        self.pick: Pick = itemgetter(*order)
        self.arity = arity
        self.flag = "{0}c =" in text

    def fill(self, names: tuple[str, ...]) -> str:
        """The lines, given (result, operands…)."""
        return self.format % self.pick(names)


def _compare(op: str, type_: str) -> str:
    return f"{{0}}c = {op} {type_} {{1}}, {{2}}\n{{0}} = zext i1 {{0}}c to i32"


def _integer(t: str) -> dict[str, str]:
    mask = int(t[1:]) - 1
    rows = {n: f"{{0}} = {n} {t} {{1}}, {{2}}" for n in ("add", "sub", "mul", "and", "or", "xor")}
    for name, op in (("shl", "shl"), ("shr_s", "ashr"), ("shr_u", "lshr")):
        rows[name] = f"{{0}}m = and {t} {{2}}, {mask}\n{{0}} = {op} {t} {{1}}, {{0}}m"
    for name, op in (("rotl", "fshl"), ("rotr", "fshr")):
        rows[name] = f"{{0}} = call {t} @llvm.{op}.{t}({t} {{1}}, {t} {{1}}, {t} {{2}})"
    for name, op in (("clz", "ctlz"), ("ctz", "cttz")):
        rows[name] = f"{{0}} = call {t} @llvm.{op}.{t}({t} {{1}}, i1 false)"
    rows["popcnt"] = f"{{0}} = call {t} @llvm.ctpop.{t}({t} {{1}})"
    rows["eqz"] = f"{{0}}c = icmp eq {t} {{1}}, 0\n{{0}} = zext i1 {{0}}c to i32"
    for name in ("eq", "ne"):
        rows[name] = _compare(f"icmp {name}", t)
    for name in ("lt", "gt", "le", "ge"):
        rows[f"{name}_s"] = _compare(f"icmp s{name}", t)
        rows[f"{name}_u"] = _compare(f"icmp u{name}", t)
    for width in (8, 16, 32):
        if width < mask:
            rows[f"extend{width}_s"] = (
                f"{{0}}t = trunc {t} {{1}} to i{width}\n{{0}} = sext i{width} {{0}}t to {t}"
            )
    return rows


def _float(t: str) -> dict[str, str]:
    suffix = {"float": "f32", "double": "f64"}[t]

    def unary(name: str) -> str:
        return f"{{0}} = call {t} @llvm.{name}.{suffix}({t} {{1}})"

    def binary(name: str) -> str:
        return f"{{0}} = call {t} @llvm.{name}.{suffix}({t} {{1}}, {t} {{2}})"

    rows = {n: unary(n) for n in ("ceil", "floor", "trunc", "sqrt")}
    rows["abs"] = unary("fabs")
    rows["nearest"] = unary("roundeven")
    rows["neg"] = f"{{0}} = fneg {t} {{1}}"
    rows["copysign"] = binary("copysign")
    for name, op in (("eq", "oeq"), ("ne", "une"), ("lt", "olt"), ("gt", "ogt"), ("le", "ole")):
        rows[name] = _compare(f"fcmp {op}", t)
    rows["ge"] = _compare("fcmp oge", t)
    return rows


def _conversions() -> dict[str, str]:
    rows = {
        "i32.wrap_i64": "{0} = trunc i64 {1} to i32",
        "i64.extend_i32_s": "{0} = sext i32 {1} to i64",
        "i64.extend_i32_u": "{0} = zext i32 {1} to i64",
        # the fence keeps LLVM from folding demote(promote(x)) to x, which a signalling NaN forbids
        "f32.demote_f64": "{0}x = call double @llvm.arithmetic.fence.f64(double {1})\n"
        "{0} = fptrunc double {0}x to float",
        "f64.promote_f32": "{0} = fpext float {1} to double",
        "i32.reinterpret_f32": "{0} = bitcast float {1} to i32",
        "i64.reinterpret_f64": "{0} = bitcast double {1} to i64",
        "f32.reinterpret_i32": "{0} = bitcast i32 {1} to float",
        "f64.reinterpret_i64": "{0} = bitcast i64 {1} to double",
    }
    floats = {"f32": "float", "f64": "double"}
    for i in ("i32", "i64"):
        for f, t in floats.items():
            for sign, s in (("s", "s"), ("u", "u")):
                rows[f"{f}.convert_{i}_{sign}"] = f"{{0}} = {s}itofp {i} {{1}} to {t}"
    return rows


def _texts() -> dict[str, str]:
    rows: dict[str, str] = {}
    for t in ("i32", "i64"):
        rows |= {f"{t}.{name}": text for name, text in _integer(t).items()}
    for t, llvm in (("f32", "float"), ("f64", "double")):
        rows |= {f"{t}.{name}": text for name, text in _float(llvm).items()}
    return rows | _conversions()


def by_op(texts: dict[str, str]) -> dict[int, Template]:
    """op id → template, given texts by mnemonic."""
    table = {}
    for name, text in texts.items():
        (row,) = BY_NAME[name]
        assert row.params is not None, name
        table[row.op] = Template(text, len(row.params))
    return table


#: mnemonic → template text of every scalar instruction that needs no special emitter
SCALARS: Final[dict[str, str]] = _texts()
