"""Conversions between integers and floats (spec 4.3.4)."""

from math import isfinite, isnan, trunc
from typing import Final

from wadjet.base.errors import Trap
from wadjet.base.faults import INTEGER_OVERFLOW, INVALID_CONVERSION
from wadjet.core.numerics.floats import FORMATS, MODES, resize
from wadjet.core.numerics.integers import Numeric, saturate, signed
from wadjet.core.numerics.rounding import F32, F64, Format, Mode, round_ratio


def _range(n: int, sign: bool) -> tuple[int, int]:
    """The least and the greatest number of N bits."""
    return (-(1 << (n - 1)), (1 << (n - 1)) - 1) if sign else (0, (1 << n) - 1)


def ftrunc_to_int(form: Format, n: int, sign: bool) -> Numeric:
    """trunc: towards zero; traps on a NaN and where the number does not fit."""
    low, high = _range(n, sign)
    mask = (1 << n) - 1
    decode = form.decode

    def convert(a: int) -> int:
        x = decode(a)
        if isnan(x):
            raise Trap(INVALID_CONVERSION)
        whole = trunc(x) if isfinite(x) else high + 1
        if not low <= whole <= high:
            raise Trap(INTEGER_OVERFLOW)
        return whole & mask

    return convert


def ftrunc_sat(form: Format, n: int, sign: bool) -> Numeric:
    """trunc_sat: towards zero; a NaN gives 0, what does not fit the nearest end."""
    low, high = _range(n, sign)
    mask = (1 << n) - 1
    decode, clamp = form.decode, saturate(low, high)

    def convert(a: int) -> int:
        x = decode(a)
        if isnan(x):
            return 0
        if not isfinite(x):
            return (high if x > 0.0 else low) & mask
        return clamp(trunc(x)) & mask

    return convert


def convert_int(n: int, sign: bool, form: Format, mode: int = Mode.NEAREST) -> Numeric:
    """convert: the float nearest to an integer (or next to it in a direction), rounded once."""
    number = signed(n) if sign else _same
    if mode == Mode.NEAREST and (n == 32 or form is F64):
        encode = form.encode
        return lambda a: encode(float(number(a)))  # only one of the two steps rounds
    return lambda a: round_ratio(form, number(a), 1, mode)


def _same(a: int) -> int:
    """reinterpret: patterns stay what they are."""
    return a


_SIGNS: Final = {"s": True, "u": False}


def scalars() -> dict[str, Numeric]:
    """Mnemonic → function, for every conversion between scalar types."""
    table: dict[str, Numeric] = {}
    for n in (32, 64):
        for suffix, sign in _SIGNS.items():
            for name, form in FORMATS.items():
                table[f"i{n}.trunc_{name}_{suffix}"] = ftrunc_to_int(form, n, sign)
                table[f"i{n}.trunc_sat_{name}_{suffix}"] = ftrunc_sat(form, n, sign)
                table[f"{name}.convert_i{n}_{suffix}"] = convert_int(n, sign, form)
                for direction, mode in MODES.items():
                    mnemonic = f"{name}.convert_{direction}_i{n}_{suffix}"
                    table[mnemonic] = convert_int(n, sign, form, mode)
        table[f"i{n}.reinterpret_f{n}"] = table[f"f{n}.reinterpret_i{n}"] = _same
    table["f32.demote_f64"] = resize(F64, F32)
    table["f64.promote_f32"] = resize(F32, F64)
    for direction, mode in MODES.items():
        table[f"f32.demote_{direction}_f64"] = resize(F64, F32, mode)
        table[f"f64.promote_{direction}_f32"] = resize(F32, F64, mode)
    return table
