"""Strings from one encoding to another (CanonicalABI.md, "Loading", "Storing").

`latin1` and `utf16` are the two forms that a string of `latin1+utf16` may have. Every unit is read
once, looked at and written: a string that changes meanwhile cannot bring bad bytes across.
"""

from typing import Final, final

from wadjet.canon.adapters.assemble import Function
from wadjet.canon.adapters.reasons import Reason
from wadjet.canon.adapters.units import Units
from wadjet.canon.adapters.validity import is_wide, valid_utf8, valid_utf16
from wadjet.canon.adapters.ways import MAX_BYTES, Way
from wadjet.core.types import I32, NumType

#: encoding, or form, → bytes of a unit
_UNIT: Final = {"utf8": 1, "latin1": 1, "utf16": 2}
#: (form of the source, encoding of the target) → bytes of the target for a unit, at most
_WORST: Final = {("utf16", "utf8"): 3, ("latin1", "utf8"): 2, ("utf8", "utf16"): 2}


def string(way: Way) -> str:
    """The function [address, length] -> [address, length] that copies a string."""
    s = way.s
    text = _Strings(way)
    to_count = "i32.wrap_i64" if s == "i64" else ""
    ptr = way.source.ptr

    def check(f: Function, form: str) -> None:
        f.write(f"$n {s}.const {MAX_BYTES // _UNIT[form]} {s}.gt_u")
        way.trap_if(f, Reason.STRING_BOUNDS)
        f.write(f"$s $n {to_count} i32.const {_UNIT[form]} i32.mul")
        f.write(f"i32.const {Reason.STRING_BOUNDS} call {way.in_source()}")
        f.write(f"$s $n {to_count} call {text.transcoder(form)} return")

    def write(f: Function) -> None:
        if way.source.encoding != "utf8":
            way.aligned(f, "s", 2)
        if way.source.encoding != "latin1+utf16":
            check(f, way.source.encoding)
        else:
            tag = 1 << 8 * ptr.size - 1
            f.write(f"$n {s}.const {-tag} {s}.and {s}.const 0 {s}.ne")
            f.write(f"if $n {s}.const {-tag} {s}.xor =n")
            check(f, "utf16")
            f.write("end")
            check(f, "latin1")
        f.write("unreachable")

    results = (way.target.ptr, way.target.ptr)
    return way.unit.function(f"{way.source_name}/string", [("s", ptr), ("n", ptr)], results, write)


@final
class _Strings:
    """What copies strings in one way. The functions take an address and the number of units,
    and give an address and a length as the target's encoding has it."""

    def __init__(self, way: Way) -> None:
        self.way: Final = way
        self.d: Final = way.d
        self.source: Final = Units(way, way.src, way.source.ptr, way.dst, way.target.ptr)
        self.target: Final = Units(way, way.dst, way.target.ptr, way.dst, way.target.ptr)
        self.to_ptr: Final = "i64.extend_i32_u" if way.d == "i64" else ""
        self.to_count: Final = "i32.wrap_i64" if way.d == "i64" else ""
        self.to_source: Final = "i64.extend_i32_u" if way.s == "i64" else ""
        self.tag: Final = f"{way.d}.const {-(1 << 8 * way.target.ptr.size - 1)} {way.d}.or"

    def transcoder(self, form: str) -> str:
        """The function that copies a source of this form."""
        way = self.way
        write = {
            "utf8": self._to_utf8,
            "utf16": self._to_utf16,
            "latin1+utf16": self._to_latin1_or_utf16,
        }[way.target.encoding]
        ptr = way.target.ptr
        params: list[tuple[str, NumType]] = [("s", way.source.ptr), ("n", I32)]

        def body(f: Function) -> None:
            for name, t in (("d", ptr), ("w", ptr), ("c", I32), ("k", I32), ("all", I32)):
                f.local(name, t)
            f.write("$n =all")
            write(f, form)

        return way.unit.function(f"{way.source_name}/from-{form}", params, (ptr, ptr), body)

    def _resize(self, f: Function, size: str, alignment: int, new: str, old: str = "$d") -> None:
        """Reallocate. Sizes are instructions that put an i32 on the stack."""
        f.write(f"{old} {size} i32.const {alignment} {new} i32.const {Reason.STRING_BOUNDS}")
        f.write(f"call {self.way.allocate()} =d")

    def _allocate(self, f: Function, alignment: int, size: str) -> None:
        self._resize(f, "i32.const 0", alignment, size, old=f"{self.d}.const 0")

    def _same(self, f: Function, unit: int, alignment: int) -> None:
        """Copy bytes as they are, to a string of as many units."""
        self._allocate(f, alignment, f"$n i32.const {unit} i32.mul")
        f.write("$d =w")
        self._bytes(f, unit)

    def _bytes(self, f: Function, unit: int) -> None:
        """Copy all that is left as it is."""
        length = "i64.extend_i32_u" if self.way.s == self.d == "i64" else ""
        f.write(f"$w $s $n i32.const {unit} i32.mul {length}")
        f.write(f"memory.copy {self.way.dst} {self.way.src}")

    def _advance(self, f: Function, form: str, wide: int) -> None:
        """After `k` units were copied as they are: they are behind us."""
        f.write(f"$s $k i32.const {_UNIT[form]} i32.mul {self.to_source} {self.way.s}.add =s")
        f.write(f"$w $k i32.const {wide} i32.mul {self.to_ptr} {self.d}.add =w")
        f.write("$n $k i32.sub =n")

    def _behind(self, f: Function) -> None:
        """Put on the stack how many bytes were written, an i32."""
        f.write(f"$w $d {self.d}.sub {self.to_count}")

    def _rest(self, f: Function, form: str, encoding: str) -> None:
        """Transcode all that is left; `w` is then the end."""
        if form != encoding:
            f.write(f"$s $n $w call {self.source.transcode(form, encoding)} =w")
            return
        self._bytes(f, _UNIT[form])
        f.write(f"$w $n call {valid_utf16(self.target)}")
        f.write(f"$w $n i32.const {_UNIT[form]} i32.mul {self.to_ptr} {self.d}.add =w")

    # --- by encoding of the target ---------------------------------------------------------------

    def _to_utf8(self, f: Function, form: str) -> None:
        if form == "utf8":
            self._same(f, 1, 1)
            f.write(f"$d $n call {valid_utf8(self.target)} $d $n {self.to_ptr}")
            return
        self._allocate(f, 1, "$n")
        f.write(f"$d =w $s $d $n call {self.source.run(form, 'utf8')} =k")
        self._advance(f, form, 1)
        f.write(f"$n i32.eqz if $d $all {self.to_ptr} return end")
        worst = f"$all i32.const {_WORST[form, 'utf8']} i32.mul"
        self._resize(f, "$all", 1, worst)
        f.write(f"$d $k {self.to_ptr} {self.d}.add =w")
        self._rest(f, form, "utf8")
        self._shrink(f, worst, 1)
        f.write(f"$d $k {self.to_ptr}")

    def _shrink(self, f: Function, size: str, alignment: int) -> None:
        """Give back what was allocated and not written; `k` is then how much was."""
        self._behind(f)
        f.write(f":k {size} i32.ne if")
        self._resize(f, size, alignment, "$k")
        f.write("end")

    def _to_utf16(self, f: Function, form: str) -> None:
        if form == "utf16":
            self._same(f, 2, 2)
            f.write(f"$d $n call {valid_utf16(self.target)} $d $n {self.to_ptr}")
            return
        twice = "$all i32.const 2 i32.mul"
        self._allocate(f, 2, twice)
        f.write("$d =w")
        if form == "latin1":
            f.write(f"$s $d $n call {self.source.run(form, 'utf16')} drop $d $n {self.to_ptr}")
            return
        self._rest(f, form, "utf16")
        self._shrink(f, twice, 2)
        f.write(f"$d $k i32.const 1 i32.shr_u {self.to_ptr}")

    def _to_latin1_or_utf16(self, f: Function, form: str) -> None:
        if self.way.source.encoding != "latin1+utf16":
            self._maybe_latin1(f, form)
        elif form == "latin1":
            self._same(f, 1, 2)
            f.write(f"$d $n {self.to_ptr}")
        else:
            self._probably_utf16(f)

    def _maybe_latin1(self, f: Function, form: str) -> None:
        """Latin-1 as long as it goes, then UTF-16."""
        self._allocate(f, 2, "$n")
        f.write("$d =w block @done loop @next")
        f.write(f"$s $w $n call {self.source.run(form, 'latin1')} =k")
        self._advance(f, form, 1)
        f.write(f"""
            $n i32.eqz br_if @done
            $s $n call {self.source.decode(form)} :c i32.const 0xFFFFFF i32.and
            i32.const 256 i32.ge_u if""")
        self._become_utf16(f, form)
        f.write(f"""
            end $w $c i32.store8 {self.way.dst}+0 $w {self.d}.const 1 {self.d}.add =w
            $c i32.const 24 i32.shr_u :k i32.const {_UNIT[form]} i32.mul {self.to_source}
            $s {self.way.s}.add =s $n $k i32.sub =n br @next end end""")
        self._shrink(f, "$all", 2)
        f.write(f"$d $k {self.to_ptr}")

    def _become_utf16(self, f: Function, form: str) -> None:
        """The characters so far were written as Latin-1, what follows does not fit."""
        twice = "$all i32.const 2 i32.mul"
        self._behind(f)
        f.write("=k")
        self._resize(f, "$all", 2, twice)
        f.write(f"$d $k call {self.target.inflate()}")
        f.write(f"$d $k i32.const 2 i32.mul {self.to_ptr} {self.d}.add =w")
        self._rest(f, form, "utf16")
        self._shrink(f, twice, 2)
        f.write(f"$d $k i32.const 1 i32.shr_u {self.to_ptr} {self.tag} return")

    def _probably_utf16(self, f: Function) -> None:
        """UTF-16, which remains so if it must."""
        self._same(f, 2, 2)
        f.write(f"$d $n call {is_wide(self.target)}")
        f.write(f"if $d $n call {valid_utf16(self.target)} $d $n {self.to_ptr} {self.tag} return")
        f.write(f"end $d $d $n call {self.target.run('utf16', 'latin1')} drop")
        self._resize(f, "$n i32.const 2 i32.mul", 1, "$n")
        f.write(f"$d $n {self.to_ptr}")
