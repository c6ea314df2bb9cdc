"""Templates for one kind of processor: where naming its instruction beats what LLVM finds.

Each form says which feature it needs, as LLVM names features; of several forms of an instruction
the last that the processor can do is taken. Processors and instructions not listed here use the
general templates. All forms compute the same.
"""

from typing import Final

from wadjet.engine.contract.settings import Settings
from wadjet.engine.emit.simd import FLOATS, INTEGERS, Shape, indices, lanes, zero_padded

#: (mnemonic, the feature it needs or "", template text)
Forms = list[tuple[str, str, str]]

_I8, _I16, _I32 = INTEGERS[8], INTEGERS[16], INTEGERS[32]
_F32, _F64 = FLOATS[32], FLOATS[64]


def forms(settings: Settings) -> dict[str, str]:
    """Mnemonic → template text, for the processor that the settings name."""
    known = _FORMS.get(settings.arch, [])
    return {name: text for name, need, text in known if not need or need in settings.features}


def needs(arch: str) -> dict[str, str]:
    """Mnemonic → a feature that decides what its text is, where there is one."""
    return {name: need for name, need, _ in _FORMS.get(arch, []) if need}


def _call(result: Shape, symbol: str, of: Shape, *args: str) -> str:
    """A line that gives `{0}r`: an intrinsic of arguments of one shape."""
    typed = ", ".join(f"{of.type} {arg}" for arg in args)
    return f"{{0}}r = call {result.type} @llvm.{symbol}({typed})"


# --- x86-64 ---------------------------------------------------------------------------------------


def _x86() -> Forms:
    def pair(of: Shape, symbol: str, to: Shape) -> str:
        return lanes(of, 2, _call(to, f"x86.{symbol}", of, "{0}x", "{0}y"), result=to.type)

    ones = _call(_I32, "x86.sse2.pmadd.wd", _I16, "{0}x", _I16.all(1))
    add_s = _call(_I16, "x86.ssse3.pmadd.ub.sw.128", _I8, _I8.all(1), "{0}x")
    add_u = _call(_I16, "x86.ssse3.pmadd.ub.sw.128", _I8, "{0}x", _I8.all(1))
    return [
        ("i8x16.narrow_i16x8_s", "", pair(_I16, "sse2.packsswb.128", _I8)),
        ("i8x16.narrow_i16x8_u", "", pair(_I16, "sse2.packuswb.128", _I8)),
        ("i16x8.narrow_i32x4_s", "", pair(_I32, "sse2.packssdw.128", _I16)),
        ("i16x8.narrow_i32x4_u", "sse4.1", pair(_I32, "sse41.packusdw", _I16)),
        ("i32x4.dot_i16x8_s", "", pair(_I16, "sse2.pmadd.wd", _I32)),
        ("i32x4.extadd_pairwise_i16x8_s", "", lanes(_I16, 1, ones, result=_I32.type)),
        ("i16x8.extadd_pairwise_i8x16_s", "ssse3", lanes(_I8, 1, add_s, result=_I16.type)),
        ("i16x8.extadd_pairwise_i8x16_u", "ssse3", lanes(_I8, 1, add_u, result=_I16.type)),
        ("i8x16.swizzle", "ssse3", _pshufb()),
        ("i16x8.q15mulr_sat_s", "ssse3", _pmulhrsw()),
        ("i32x4.trunc_sat_f32x4_s", "", _trunc_f32_s()),
        ("i32x4.trunc_sat_f32x4_u", "", _trunc_f32_u()),
        ("i32x4.trunc_sat_f32x4_u", "avx512vl", _trunc_unsigned(_F32, "ps")),
        ("i32x4.trunc_sat_f64x2_s_zero", "", _trunc_f64_s()),
        ("i32x4.trunc_sat_f64x2_u_zero", "sse4.1", _trunc_f64_u()),
        ("i32x4.trunc_sat_f64x2_u_zero", "avx512vl", _trunc_unsigned(_F64, "pd")),
    ]


def _pshufb() -> str:
    """pshufb gives 0 where an index has its top bit set: so shall all from 16 on."""
    t = _I8.type
    index = f"{{0}}i = call {t} @llvm.uadd.sat.v16i8({t} {{0}}y, {t} {_I8.all(0x70)})"
    return lanes(_I8, 2, index, _call(_I8, "x86.ssse3.pshuf.b.128", _I8, "{0}x", "{0}i"))


def _pmulhrsw() -> str:
    """pmulhrsw overflows for -1·-1 alone, to the least number, which nothing else gives."""
    t = _I16.type
    return lanes(
        _I16,
        2,
        _call(_I16, "x86.ssse3.pmul.hr.sw.128", _I16, "{0}x", "{0}y"),
        f"{{0}}m = icmp eq {t} {{0}}r, {_I16.all(-0x8000)}",
        f"{{0}}k = sext <8 x i1> {{0}}m to {t}",
        f"{{0}}f = xor {t} {{0}}r, {{0}}k",
        value="{0}f",
    )


# Saturating truncations. The instructions give the least integer for whatever does not fit, the
# unsigned ones of AVX-512 the greatest: so one end needs care, and NaNs, which become 0 first.

_TWO_31: Final = _F32.all("0x41E0000000000000")


def _clear_nans(s: Shape, bound: str) -> list[str]:
    """`{0}b`: `bound` in all lanes of `{0}x` but NaNs, there 0."""
    return [
        f"{{0}}o = fcmp ord {s.type} {{0}}x, {{0}}x",
        f"{{0}}b = select <{s.count} x i1> {{0}}o, {s.type} {bound}, {s.type} zeroinitializer",
    ]


def _positive(s: Shape) -> list[str]:
    """`{0}p`: `{0}x`, but 0 for negative lanes and NaNs."""
    return [
        f"{{0}}m = fcmp ogt {s.type} {{0}}x, zeroinitializer",
        f"{{0}}p = select <{s.count} x i1> {{0}}m, {s.type} {{0}}x, {s.type} zeroinitializer",
    ]


def _less(s: Shape, x: str, y: str, to: str) -> list[str]:
    """`to`: the lesser of both, y where they are not ordered."""
    return [
        f"{to}f = fcmp olt {s.type} {x}, {y}",
        f"{to} = select <{s.count} x i1> {to}f, {s.type} {x}, {s.type} {y}",
    ]


def _trunc_f32_s() -> str:
    t, i = _F32.type, _I32.type
    return lanes(
        _F32,
        1,
        *_clear_nans(_F32, "{0}x"),
        f"{{0}}h = fcmp oge {t} {{0}}x, {_TWO_31}",
        f"{{0}}k = sext <4 x i1> {{0}}h to {i}",
        f"{{0}}i = call {i} @llvm.x86.sse2.cvttps2dq({t} {{0}}b)",
        f"{{0}}r = xor {i} {{0}}i, {{0}}k",  # from the least number to the greatest
        result=i,
    )


def _trunc_f32_u() -> str:
    """In two parts: up to 2^31, and what exceeds it."""
    t, i = _F32.type, _I32.type
    return lanes(
        _F32,
        1,
        *_positive(_F32),
        f"{{0}}e = fsub {t} {{0}}p, {_TWO_31}",
        f"{{0}}h = fcmp oge {t} {{0}}e, {_TWO_31}",
        f"{{0}}k = sext <4 x i1> {{0}}h to {i}",
        f"{{0}}low = call {i} @llvm.x86.sse2.cvttps2dq({t} {{0}}p)",
        f"{{0}}over = call {i} @llvm.x86.sse2.cvttps2dq({t} {{0}}e)",
        f"{{0}}sat = xor {i} {{0}}over, {{0}}k",
        f"{{0}}high = call {i} @llvm.smax.v4i32({i} {{0}}sat, {i} zeroinitializer)",
        f"{{0}}r = add {i} {{0}}low, {{0}}high",
        result=i,
    )


def _trunc_f64_s() -> str:
    return lanes(
        _F64,
        1,
        *_clear_nans(_F64, _F64.all("2147483647.0")),
        *_less(_F64, "{0}x", "{0}b", "{0}l"),
        _call(_I32, "x86.sse2.cvttpd2dq", _F64, "{0}l"),
        result=_I32.type,
    )


def _trunc_f64_u() -> str:
    """2^52 is added, which moves the integer to the lower half of the pattern."""
    t, i = _F64.type, _I32.type
    return lanes(
        _F64,
        1,
        *_positive(_F64),
        *_less(_F64, "{0}p", _F64.all("4294967295.0"), "{0}l"),
        f"{{0}}w = call {t} @llvm.trunc.v2f64({t} {{0}}l)",
        f"{{0}}s = fadd {t} {{0}}w, {_F64.all('0x4330000000000000')}",
        f"{{0}}i = bitcast {t} {{0}}s to {i}",
        f"{{0}}d = shufflevector {i} {{0}}i, {i} poison, {indices(0, 2)}",
        zero_padded(_I32, "{0}d"),
        result=i,
    )


def _trunc_unsigned(s: Shape, letters: str) -> str:
    """AVX-512 has it."""
    t, i = s.type, _I32.type
    symbol = f"@llvm.x86.avx512.mask.cvtt{letters}2udq.128"
    args = f"{t} {{0}}p, {i} zeroinitializer, i8 -1"
    return lanes(s, 1, *_positive(s), f"{{0}}r = call {i} {symbol}({args})", result=i)


# --- AArch64 --------------------------------------------------------------------------------------


def _aarch64() -> Forms:
    swizzle = _call(_I8, "aarch64.neon.tbl1.v16i8", _I8, "{0}x", "{0}y")
    q15mulr = _call(_I16, "aarch64.neon.sqrdmulh.v8i16", _I16, "{0}x", "{0}y")
    rows = [
        ("i8x16.swizzle", "", lanes(_I8, 2, swizzle)),
        ("i16x8.q15mulr_sat_s", "", lanes(_I16, 2, q15mulr)),
    ]
    for sign in ("s", "u"):
        rows.append((f"i32x4.trunc_sat_f64x2_{sign}_zero", "", _through_i64(sign)))
        for small, wide in ((_I8, _I16), (_I16, _I32)):
            symbol = f"aarch64.neon.{sign}addlp.{wide.suffix}.{small.suffix}"
            text = lanes(small, 1, _call(wide, symbol, small, "{0}x"), result=wide.type)
            rows.append((f"{wide.name}.extadd_pairwise_{small.name}_{sign}", "", text))
    for name in ("min", "max"):
        whole = f"{name}imum"
        for s in (_F32, _F64):
            call = _call(s, f"{whole}.{s.suffix}", s, "{0}x", "{0}y")
            rows.append((f"{s.name}.{name}", "", lanes(s, 2, call)))
    return rows


def _through_i64(sign: str) -> str:
    """Truncated to 64 bits first, then narrowed, both saturating."""
    i64, t = INTEGERS[64].type, _F64.type
    return lanes(
        _F64,
        1,
        f"{{0}}w = call {i64} @llvm.fpto{sign}i.sat.v2i64.v2f64({t} {{0}}x)",
        f"{{0}}n = call <2 x i32> @llvm.aarch64.neon.{sign}qxtn.v2i32({i64} {{0}}w)",
        zero_padded(_I32, "{0}n"),
        result=_I32.type,
    )


_FORMS: Final[dict[str, Forms]] = {"x86_64": _x86(), "aarch64": _aarch64()}
