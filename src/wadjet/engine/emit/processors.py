"""Templates for one kind of processor: where naming its instruction beats what LLVM finds.

Each form says which feature it needs, as LLVM names features. The others, and processors not
listed here, use the general templates. All forms compute the same.
"""

from typing import Final

from wadjet.engine.contract.settings import Settings
from wadjet.engine.emit.simd import FLOATS, INTEGERS, Shape, lanes, zero_padded

#: mnemonic → (the feature it needs or "", template text)
Forms = dict[str, tuple[str, str]]

_I8, _I16, _I32 = INTEGERS[8], INTEGERS[16], INTEGERS[32]
_F32, _F64 = FLOATS[32], FLOATS[64]


def _call(result: Shape, symbol: str, of: Shape, *args: str) -> str:
    """A line that gives `{0}r`: an intrinsic of arguments of one shape."""
    typed = ", ".join(f"{of.type} {arg}" for arg in args)
    return f"{{0}}r = call {result.type} @llvm.{symbol}({typed})"


# --- x86-64 ----------------------------------------------------------------------------------------


def _x86() -> Forms:
    def pair(of: Shape, symbol: str, to: Shape) -> str:
        return lanes(of, 2, _call(to, f"x86.{symbol}", of, "{0}x", "{0}y"), result=to.type)

    ones = _call(_I32, "x86.sse2.pmadd.wd", _I16, "{0}x", _I16.all(1))
    add_s = _call(_I16, "x86.ssse3.pmadd.ub.sw.128", _I8, _I8.all(1), "{0}x")
    add_u = _call(_I16, "x86.ssse3.pmadd.ub.sw.128", _I8, "{0}x", _I8.all(1))
    return _x86_conversions() | {
        "i8x16.narrow_i16x8_s": ("", pair(_I16, "sse2.packsswb.128", _I8)),
        "i8x16.narrow_i16x8_u": ("", pair(_I16, "sse2.packuswb.128", _I8)),
        "i16x8.narrow_i32x4_s": ("", pair(_I32, "sse2.packssdw.128", _I16)),
        "i16x8.narrow_i32x4_u": ("sse4.1", pair(_I32, "sse41.packusdw", _I16)),
        "i32x4.dot_i16x8_s": ("", pair(_I16, "sse2.pmadd.wd", _I32)),
        "i16x8.extadd_pairwise_i8x16_s": ("ssse3", lanes(_I8, 1, add_s, result=_I16.type)),
        "i16x8.extadd_pairwise_i8x16_u": ("ssse3", lanes(_I8, 1, add_u, result=_I16.type)),
        "i32x4.extadd_pairwise_i16x8_s": ("", lanes(_I16, 1, ones, result=_I32.type)),
        "i8x16.swizzle": ("ssse3", _pshufb()),
        "i16x8.q15mulr_sat_s": ("ssse3", _pmulhrsw()),
    }


def _pshufb() -> str:
    """pshufb gives 0 where an index has its top bit set: so shall all from 16 on."""
    t = _I8.type
    index = f"{{0}}i = call {t} @llvm.uadd.sat.v16i8({t} {{0}}y, {t} {_I8.all(0x70)})"
    return lanes(_I8, 2, index, _call(_I8, "x86.ssse3.pshuf.b.128", _I8, "{0}x", "{0}i"))


def _pmulhrsw() -> str:
    """pmulhrsw, whose only overflow is -1·-1: it gives -1, the least number."""
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


def _x86_conversions() -> Forms:
    """Saturating truncations. The instruction gives the least integer for whatever does not fit,
    the unsigned ones of AVX-512 the greatest: only one end and NaNs need care."""
    return {
        "i32x4.trunc_sat_f32x4_s": ("", _trunc_f32_s()),
        "i32x4.trunc_sat_f64x2_s_zero": ("", _trunc_f64_s()),
        "i32x4.trunc_sat_f64x2_u_zero": ("sse4.1", _trunc_f64_u()),
    }


#: more of them, which take precedence where the processor has AVX-512
_AVX512: Final[Forms] = {}
