"""Code units of strings: reading, writing, checking, in long strides where they are simple.

Functions take a number of units as an i32, and come once for each memory that they read and write.
What `decode` gives is a scalar value and, in the upper byte, how many units it took.
"""

from collections.abc import Callable
from typing import Final, final

from wadjet.canon.adapters.assemble import Function
from wadjet.canon.adapters.reasons import Reason
from wadjet.canon.adapters.ways import Way
from wadjet.core.types import I32, V128, NumType

#: lanes of 16 bits, of which these are set
_ABOVE_ASCII: Final = 0xFF80
_ABOVE_LATIN1: Final = 0xFF00
#: (form, encoding) → the bits that no unit has that is the same in both; 0 if all are
_STOP: Final = {
    ("utf8", "utf8"): _ABOVE_ASCII, ("utf8", "utf16"): _ABOVE_ASCII,
    ("utf8", "latin1"): _ABOVE_ASCII, ("utf16", "utf8"): _ABOVE_ASCII,
    ("utf16", "latin1"): _ABOVE_LATIN1, ("latin1", "utf8"): _ABOVE_ASCII, ("latin1", "utf16"): 0,
}  # fmt: skip
_LOAD: Final = {"utf8": "i32.load8_u", "latin1": "i32.load8_u", "utf16": "i32.load16_u"}
_SIZE: Final = {"utf8": 1, "latin1": 1, "utf16": 2}


def splat(lane: int) -> str:
    """A vector of eight 16-bit lanes."""
    return f"v128.const {int.from_bytes(lane.to_bytes(2, 'little') * 8, 'little')}"


@final
class Units:
    """Functions that read units in one memory and write in another, or in the same."""

    def __init__(self, way: Way, src: str, s: NumType, dst: str, d: NumType) -> None:
        self.way: Final = way
        self.src: Final = src
        self.dst: Final = dst
        self.s_type: Final = s
        self.d_type: Final = d
        self.s: Final = s.name
        self.d: Final = d.name

    # --- many at once ----------------------------------------------------------------------------

    def run(self, form: str, encoding: str) -> str:
        """The function [source, destination, units] -> [units] that copies units up to the first
        that is not the same in the other encoding."""
        stop = _STOP[form, encoding]
        step = 16 if form != "utf16" and encoding != "utf16" else 8
        size, wide = _SIZE[form], _SIZE[encoding]

        def write(f: Function) -> None:
            for name, t in (("v", V128), ("all", I32), ("c", I32)):
                f.local(name, t)
            f.write(f"$n =all block @slow loop @next $n i32.const {step} i32.lt_u br_if @slow")
            self._stride(f, size, wide, stop)
            self.step(f, step, step * size, step * wide)
            f.write("br @next end end block @done loop @next $n i32.eqz br_if @done")
            f.write(f"$s {_LOAD[form]} {self.src}+0")
            if stop:
                f.write(f":c i32.const {stop} i32.and br_if @done $d $c")
            else:
                f.write("=c $d $c")
            f.write(f"{'i32.store16' if wide == 2 else 'i32.store8'} {self.dst}+0")
            self.step(f, 1, size, wide)
            f.write("br @next end end $all $n i32.sub")

        params = [("s", self.s_type), ("d", self.d_type), ("n", I32)]
        return self.function(f"{form}-as-{encoding}", params, (I32,), write)

    def _stride(self, f: Function, size: int, wide: int, stop: int) -> None:
        """Copy one vector of units, or leave for @slow."""
        if size == wide:
            f.write(f"$s v128.load {self.src}+0 :v i8x16.bitmask br_if @slow")
            f.write(f"$d $v v128.store {self.dst}+0")
            return
        load = "v128.load8x8_u" if size == 1 else "v128.load"
        f.write(f"$s {load} {self.src}+0 =v")
        if stop:
            f.write(f"$v {splat(stop)} v128.and v128.any_true br_if @slow")
        if wide == 2:
            f.write(f"$d $v v128.store {self.dst}+0")
        else:
            f.write(f"$d $v $v i8x16.narrow_i16x8_u v128.store64_lane {self.dst}+0 0")

    def step(self, f: Function, units: int, read: int, written: int) -> None:
        """Go on by so many units, and bytes of source and destination."""
        f.write(f"$s {self.s}.const {read} {self.s}.add =s")
        if written:
            f.write(f"$d {self.d}.const {written} {self.d}.add =d")
        f.write(f"$n i32.const {units} i32.sub =n")

    def transcode(self, form: str, encoding: str) -> str:
        """The function [source, units, destination] -> [end of what was written]; there must be
        room for the worst."""
        size, wide = _SIZE[form], _SIZE[encoding]
        to_s = "i64.extend_i32_u" if self.s == "i64" else ""
        to_d = "i64.extend_i32_u" if self.d == "i64" else ""

        def write(f: Function) -> None:
            f.local("k", I32)
            f.local("c", I32)
            f.write(f"""
                block @done loop @next
                    $s $d $n call {self.run(form, encoding)} =k
                    $s $k i32.const {size} i32.mul {to_s} {self.s}.add =s
                    $d $k i32.const {wide} i32.mul {to_d} {self.d}.add =d
                    $n $k i32.sub :n i32.eqz br_if @done
                    loop @odd
                        $s $n call {self.decode(form)} =c
                        $c i32.const 24 i32.shr_u =k
                        $s $k i32.const {size} i32.mul {to_s} {self.s}.add =s
                        $d $d $c i32.const 0xFFFFFF i32.and call {self.encode(encoding)}
                        {to_d} {self.d}.add =d
                        $n $k i32.sub :n i32.eqz br_if @done
                        $s {_LOAD[form]} {self.src}+0
                        i32.const {_STOP[form, encoding]} i32.and br_if @odd
                    end
                    br @next
                end end $d""")

        params = [("s", self.s_type), ("n", I32), ("d", self.d_type)]
        return self.function(f"{form}-to-{encoding}", params, (self.d_type,), write)

    def inflate(self) -> str:
        """The function [address, units] -> [] that turns Latin-1 into UTF-16 where it is."""
        d, to_ptr = self.d, "i64.extend_i32_u" if self.d == "i64" else ""

        def write(f: Function) -> None:
            f.write(f"""
                block @done loop @next
                    $n i32.eqz br_if @done
                    $n i32.const 1 i32.sub =n
                    $d $n i32.const 1 i32.shl {to_ptr} {d}.add
                    $d $n {to_ptr} {d}.add i32.load8_u {self.dst}+0
                    i32.store16 {self.dst}+0 br @next
                end end""")

        return self.function("inflate", [("d", self.d_type), ("n", I32)], (), write)

    # --- one character ---------------------------------------------------------------------------

    def decode(self, form: str) -> str:
        """The function [address, units] -> [value and units] that reads a character; it traps
        where there is none."""
        write = {"utf8": self._utf8, "utf16": self._utf16, "latin1": self._latin1}[form]
        return self.function(f"{form}-character", self.range(), (I32,), write)

    def encode(self, encoding: str) -> str:
        """The function [address, value] -> [bytes] that writes a character."""
        write = {"utf8": self._put_utf8, "utf16": self._put_utf16}[encoding]
        params = [("d", self.d_type), ("c", I32)]
        return self.function(f"put-{encoding}", params, (I32,), write)

    def _latin1(self, f: Function) -> None:
        f.write(f"$s i32.load8_u {self.src}+0 i32.const 0x1000000 i32.or")

    def _utf8(self, f: Function) -> None:
        """Unicode 3.9, table 3-7: what is not shortest, a surrogate or too large is ill-formed."""
        for name in ("c", "t"):
            f.local(name, I32)
        f.write(f"""
            $s i32.load8_u {self.src}+0 :c i32.const 0x80 i32.lt_u
            if $c i32.const 0x1000000 i32.or return end
            $c i32.const 0xC2 i32.lt_u $c i32.const 0xF4 i32.gt_u i32.or""")
        self.way.trap_if(f, Reason.UTF8)
        f.write("$c i32.const 0xE0 i32.lt_u if")
        self._continued(f, 1, 0x1F)
        f.write("$c i32.const 0x2000000 i32.or return end $c i32.const 0xF0 i32.lt_u if")
        self._continued(f, 2, 0x0F)
        f.write("$c i32.const 0x800 i32.lt_u")
        f.write("$c i32.const 0xF800 i32.and i32.const 0xD800 i32.eq i32.or")
        self.way.trap_if(f, Reason.UTF8)
        f.write("$c i32.const 0x3000000 i32.or return end")
        self._continued(f, 3, 0x07)
        f.write("$c i32.const 0x10000 i32.sub i32.const 0x100000 i32.ge_u")
        self.way.trap_if(f, Reason.UTF8)
        f.write("$c i32.const 0x4000000 i32.or")

    def _continued(self, f: Function, count: int, mask: int) -> None:
        """The rest of a character: so many bytes, each with six bits."""
        f.write(f"$n i32.const {count} i32.le_u")
        self.way.trap_if(f, Reason.UTF8_INCOMPLETE)
        f.write(f"$c i32.const {mask} i32.and =c")
        for i in range(1, count + 1):
            f.write(f"$s i32.load8_u {self.src}+{i} i32.const 0x80 i32.xor :t")
            f.write("i32.const 0xC0 i32.and")
            self.way.trap_if(f, Reason.UTF8)
            f.write("$c i32.const 6 i32.shl $t i32.or =c")

    def _utf16(self, f: Function) -> None:
        f.local("c", I32)
        f.local("t", I32)
        f.write(f"""
            $s i32.load16_u {self.src}+0 :c i32.const 0xF800 i32.and i32.const 0xD800 i32.ne
            if $c i32.const 0x1000000 i32.or return end
            $c i32.const 0xDC00 i32.ge_u $n i32.const 2 i32.lt_u i32.or""")
        self.way.trap_if(f, Reason.UTF16)
        f.write(f"$s i32.load16_u {self.src}+2 :t")
        f.write("i32.const 0xFC00 i32.and i32.const 0xDC00 i32.ne")
        self.way.trap_if(f, Reason.UTF16)
        f.write("""
            $c i32.const 0x3FF i32.and i32.const 10 i32.shl $t i32.const 0x3FF i32.and i32.or
            i32.const 0x2010000 i32.add""")

    def _put_utf8(self, f: Function) -> None:
        put = f"i32.store8 {self.dst}"
        six = "i32.const 0x3F i32.and i32.const 0x80 i32.or"
        f.write(f"""
            $c i32.const 0x80 i32.lt_u if $d $c {put}+0 i32.const 1 return end
            $c i32.const 0x800 i32.lt_u if
                $d $c i32.const 6 i32.shr_u i32.const 0xC0 i32.or {put}+0
                $d $c {six} {put}+1 i32.const 2 return
            end
            $c i32.const 0x10000 i32.lt_u if
                $d $c i32.const 12 i32.shr_u i32.const 0xE0 i32.or {put}+0
                $d $c i32.const 6 i32.shr_u {six} {put}+1
                $d $c {six} {put}+2 i32.const 3 return
            end
            $d $c i32.const 18 i32.shr_u i32.const 0xF0 i32.or {put}+0
            $d $c i32.const 12 i32.shr_u {six} {put}+1
            $d $c i32.const 6 i32.shr_u {six} {put}+2
            $d $c {six} {put}+3 i32.const 4""")

    def _put_utf16(self, f: Function) -> None:
        put = f"i32.store16 {self.dst}"
        f.write(f"""
            $c i32.const 0x10000 i32.lt_u if $d $c {put}+0 i32.const 2 return end
            $d $c i32.const 10 i32.shr_u i32.const 0xD7C0 i32.add {put}+0
            $d $c i32.const 0x3FF i32.and i32.const 0xDC00 i32.or {put}+2 i32.const 4""")

    def range(self) -> list[tuple[str, NumType]]:
        """The parameters of a function that reads units."""
        return [("s", self.s_type), ("n", I32)]

    def function(
        self, name: str, params: list[tuple[str, NumType]], results: tuple[NumType, ...],
        write: Callable[[Function], None],
    ) -> str:  # fmt: skip
        """A function of the module, once for these memories."""
        return self.way.unit.function(f"{self.src}>{self.dst}/{name}", params, results, write)
