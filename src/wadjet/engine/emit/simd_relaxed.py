"""Templates of relaxed SIMD (spec 4.3.6): the choices of `wadjet.core.numerics.relaxed`."""

from wadjet.core.relaxed import TWINS
from wadjet.engine.emit.simd import FLOATS, INTEGERS, Shape, lanes

_I16, _I32 = INTEGERS[16], INTEGERS[32]


def relaxed(strict: dict[str, str], deterministic: bool) -> dict[str, str]:
    """Mnemonic → template text, given those of the strict instructions. Multiply-adds are fused,
    unless the profile is the deterministic one."""
    rows = {name: strict[twin] for name, twin in TWINS.items()}
    madd = _unfused if deterministic else _fused
    for s in FLOATS.values():
        rows[f"{s.name}.relaxed_madd"] = lanes(s, 3, *madd(s, "{0}x"))
        minus = f"{{0}}n = fneg {s.type} {{0}}x"
        rows[f"{s.name}.relaxed_nmadd"] = lanes(s, 3, minus, *madd(s, "{0}n"))
    rows["i16x8.relaxed_dot_i8x16_i7x16_s"] = lanes(_I16, 2, *_dot(), value="{0}d")
    rows["i32x4.relaxed_dot_i8x16_i7x16_add_s"] = lanes(
        _I16, 3, *_dot(), *_add_pairs(), result=_I32.type
    )
    return rows


def _fused(s: Shape, x: str) -> list[str]:
    t = s.type
    return [f"{{0}}r = call {t} @llvm.fma.{s.suffix}({t} {x}, {t} {{0}}y, {t} {{0}}z)"]


def _unfused(s: Shape, x: str) -> list[str]:
    return [f"{{0}}p = fmul {s.type} {x}, {{0}}y", f"{{0}}r = fadd {s.type} {{0}}p, {{0}}z"]


def _dot() -> list[str]:
    """`{0}d`: products of signed bytes, in pairs; each 16-bit lane of an operand holds two."""
    t = _I16.type
    lines = []
    for name in "xy":
        lines.append(f"{{0}}{name}u = shl {t} {{0}}{name}, {_I16.all(8)}")
        lines.append(f"{{0}}{name}e = ashr {t} {{0}}{name}u, {_I16.all(8)}")
        lines.append(f"{{0}}{name}o = ashr {t} {{0}}{name}, {_I16.all(8)}")
    lines += [f"{{0}}p{k} = mul {t} {{0}}x{k}, {{0}}y{k}" for k in "eo"]
    return [*lines, f"{{0}}d = call {t} @llvm.sadd.sat.v8i16({t} {{0}}pe, {t} {{0}}po)"]


def _add_pairs() -> list[str]:
    """`{0}r`: the lanes of `{0}d`, in pairs, added to those of the third operand."""
    t = _I32.type
    return [
        f"{{0}}dw = bitcast {_I16.type} {{0}}d to {t}",
        f"{{0}}du = shl {t} {{0}}dw, {_I32.all(16)}",
        f"{{0}}de = ashr {t} {{0}}du, {_I32.all(16)}",
        f"{{0}}do = ashr {t} {{0}}dw, {_I32.all(16)}",
        f"{{0}}ds = add {t} {{0}}de, {{0}}do",
        f"{{0}}zw = bitcast {_I16.type} {{0}}z to {t}",
        f"{{0}}r = add {t} {{0}}ds, {{0}}zw",
    ]
