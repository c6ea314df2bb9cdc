"""Whether strings are well-formed: sixteen bytes at a time, then character by character.

UTF-8 is checked as Keiser and Lemire do ("Validating UTF-8 in less than one instruction per byte").
Three tables, by the halves of a byte and by the upper half of the next, have a bit for each way in
which two bytes cannot follow one another; no bit may be in all three.
"""

from typing import Final

from wadjet.canon.adapters.assemble import Function
from wadjet.canon.adapters.units import Units, splat
from wadjet.core.types import I32, V128

# What two bytes in a row may be wrong about.
_TOO_SHORT: Final = 1  # a lead, and no continuation
_TOO_LONG: Final = 2  # ASCII, and a continuation
_OVERLONG_3: Final = 4
_TOO_LARGE: Final = 8
_SURROGATE: Final = 16
_OVERLONG_2: Final = 32
_OVERLONG_4: Final = 64  # and too large, with a lead above F4
_TWO_CONTINUATIONS: Final = 128  # right, if an earlier lead wants a third or fourth byte

_CARRY: Final = _TOO_SHORT | _TOO_LONG | _TWO_CONTINUATIONS
_LARGE: Final = _CARRY | _TOO_LARGE | _OVERLONG_4
_FOLLOWS: Final = _TOO_LONG | _OVERLONG_2 | _TWO_CONTINUATIONS
#: by the upper half of the first byte, by its lower half, by the upper half of the second
_TABLES: Final = (
    (
        *[_TOO_LONG] * 8, *[_TWO_CONTINUATIONS] * 4, _TOO_SHORT | _OVERLONG_2, _TOO_SHORT,
        _TOO_SHORT | _OVERLONG_3 | _SURROGATE, _TOO_SHORT | _TOO_LARGE | _OVERLONG_4,
    ),
    (
        _CARRY | _OVERLONG_3 | _OVERLONG_2 | _OVERLONG_4, _CARRY | _OVERLONG_2, _CARRY, _CARRY,
        _CARRY | _TOO_LARGE, *[_LARGE] * 8, _LARGE | _SURROGATE, _LARGE, _LARGE,
    ),
    (
        *[_TOO_SHORT] * 8, _FOLLOWS | _OVERLONG_3 | _OVERLONG_4,
        _FOLLOWS | _OVERLONG_3 | _TOO_LARGE, *[_FOLLOWS | _SURROGATE | _TOO_LARGE] * 2,
        *[_TOO_SHORT] * 4,
    ),
)  # fmt: skip


def valid_utf8(units: Units) -> str:
    """The function [address, units] -> [] that traps unless it is UTF-8."""
    first, low, second = [_vector(bytes(table)) for table in _TABLES]

    def write(f: Function) -> None:
        for name in ("v", "p", "a"):  # these sixteen bytes, those before them, shifted by one
            f.local(name, V128)
        _strides(f, units, 16, f"""
            $v $p v128.or i8x16.bitmask if
                $p $v {_shifted(1)} =a
                {first} $a i32.const 4 i8x16.shr_u i8x16.swizzle
                {low} $a {_bytes(15)} v128.and i8x16.swizzle v128.and
                {second} $v i32.const 4 i8x16.shr_u i8x16.swizzle v128.and
                $p $v {_shifted(2)} {_bytes(0xE0 - 0x80)} i8x16.sub_sat_u
                $p $v {_shifted(3)} {_bytes(0xF0 - 0x80)} i8x16.sub_sat_u v128.or
                {_bytes(0x80)} v128.and v128.xor v128.any_true br_if @odd
            end""")  # fmt: skip
        back = " ".join(
            f"$p i8x16.extract_lane_u {16 - i} i32.const {lead} i32.ge_u i32.const {i} i32.mul"
            for i, lead in ((1, 0xC0), (2, 0xE0), (3, 0xF0))
        )
        _finish(f, units, f"{back} i32.add i32.add", 1, "utf8")

    return units.function("valid-utf8", units.range(), (), write)


def valid_utf16(units: Units) -> str:
    """The function [address, units] -> [] that traps unless it is UTF-16."""

    def write(f: Function) -> None:
        for name in ("v", "p", "a"):  # here: whether units are high surrogates; `a`: which are
            f.local(name, V128)
        _strides(f, units, 8, f"""
            $v {splat(0xFC00)} v128.and :a {splat(0xDC00)} i16x8.eq
            $p $a {splat(0xD800)} i16x8.eq :v {_shifted(2)}
            v128.xor v128.any_true br_if @odd""")  # fmt: skip
        _finish(f, units, "$p i16x8.extract_lane_u 7 i32.const 1 i32.and", 2, "utf16")

    return units.function("valid-utf16", units.range(), (), write)


def _strides(f: Function, units: Units, step: int, look: str) -> None:
    """Look at vectors `v`, each after the one before, `p`, which is zero at first; leave for @odd
    if anything is wrong. What `look` leaves in `v` is the next `p`."""
    f.local("start", units.s_type)
    f.local("all", I32)
    f.write(f"""
        $s =start $n =all
        block @odd loop @next
            $n i32.const {step} i32.ge_u if $s v128.load {units.src}+0 =v {look} $v =p""")
    units.step(f, step, 16, 0)
    f.write("br @next end end")


def _finish(f: Function, units: Units, back: str, size: int, form: str) -> None:
    """Check what is left, from where its first character begins, `back` units before; or all, if
    anything was wrong, to find out what."""
    f.local("k", I32)
    to_s = "i64.extend_i32_u" if units.s == "i64" else ""
    careful = _careful(units, size, form)
    f.write(f"""
        {back} =k
        $s $k i32.const {size} i32.mul {to_s} {units.s}.sub $n $k i32.add call {careful} return
        end $start $all call {careful}""")


def _careful(units: Units, size: int, form: str) -> str:
    """The function [address, units] -> [] that looks at one character after the other."""
    to_s = "i64.extend_i32_u" if units.s == "i64" else ""

    def write(f: Function) -> None:
        f.local("k", I32)
        f.write(f"""
            block @done loop @next
                $n i32.eqz br_if @done i32.const 1 =k
                $s {"i32.load8_u" if size == 1 else "i32.load16_u"} {units.src}+0
                i32.const 0x80 i32.ge_u
                if $s $n call {units.decode(form)} i32.const 24 i32.shr_u =k end
                $s $k i32.const {size} i32.mul {to_s} {units.s}.add =s
                $n $k i32.sub =n br @next
            end end""")

    return units.function(f"careful-{form}", units.range(), (), write)


def is_wide(units: Units) -> str:
    """The function [address, units] -> [i32] that tells whether any unit is above 255."""

    def write(f: Function) -> None:
        f.write("block @slow loop @next $n i32.const 8 i32.lt_u br_if @slow")
        f.write(f"$s v128.load {units.src}+0 {splat(0xFF00)} v128.and v128.any_true")
        f.write("if i32.const 1 return end")
        units.step(f, 8, 16, 0)
        f.write("br @next end end block @done loop @next $n i32.eqz br_if @done")
        f.write(f"$s i32.load8_u {units.src}+1 if i32.const 1 return end")
        units.step(f, 1, 2, 0)
        f.write("br @next end end i32.const 0")

    return units.function("is-wide", units.range(), (I32,), write)


def _vector(data: bytes) -> str:
    return f"v128.const {int.from_bytes(data, 'little')}"


def _bytes(value: int) -> str:
    """Sixteen times the same byte."""
    return _vector(bytes([value]) * 16)


def _shifted(count: int) -> str:
    """Of two vectors in a row: the second, begun so many bytes earlier."""
    lanes = range(16 - count, 32 - count)
    return f"i8x16.shuffle {','.join(map(str, lanes))}"
