"""Copying values of a type from one side to the other (CanonicalABI.md, "Loading", "Storing",
"Flat Lifting", "Flat Lowering"): lift and lower at once, value by value."""

from collections.abc import Callable
from functools import partial
from typing import Final, final

from wadjet.canon.adapters.assemble import Function
from wadjet.canon.adapters.places import InMemory, Place
from wadjet.canon.adapters.plain import Plain
from wadjet.canon.adapters.reasons import Reason
from wadjet.canon.adapters.strings import string
from wadjet.canon.adapters.structure import Structure
from wadjet.canon.adapters.ways import MAX_BYTES, Way
from wadjet.component.abi import (
    align_to, alignment, despecialize, discriminant, elem_size, flags_size, flatten,
)  # fmt: skip
from wadjet.component.closed import closed
from wadjet.component.types import (
    BOOL, CHAR, ERROR_CONTEXT, STRING, U8, U16, U32, U64, Borrow, Defined, Flags, Future, List,
    Map, Own, Prim, Record, Stream, Tuple, Variant,
)  # fmt: skip
from wadjet.core.types import I32, I64, NumType

Type = Prim | Defined

#: Types of more nodes than this are copied from memory to memory by a function of their own.
_INLINE: Final = 8
#: Where more values than this are copied one after the other, no function of any is spared.
_MANY: Final = 64
#: Values of no more bytes than this are copied by loads and stores.
_WORDS: Final = 64
#: bytes → the number of that size
_NUMBERS: Final = {1: U8, 2: U16, 4: U32, 8: U64}


@final
class Copier:
    """Writes what copies values in one way. `structure` tells which types are alike."""

    __slots__ = ("_plain", "_structure", "way")

    def __init__(self, way: Way, structure: Structure) -> None:
        self.way: Final = way
        self._structure: Final = structure
        self._plain: Final = Plain()

    def copy(self, f: Function, t: Type, src: Place, dst: Place, inline: int = _INLINE) -> None:
        """Copy a value. Types of more nodes than `inline` get a function of their own."""
        if t is STRING:
            self._pair(f, string(self.way), src, dst)
        elif t is ERROR_CONTEXT:
            self._handle(f, "error-context", t, 0, src, dst)
        elif isinstance(t, Prim):
            self._scalar(f, t, src, dst)
        elif isinstance(src, InMemory) and isinstance(dst, InMemory):
            self._between(f, t, src, dst, inline)
        else:
            self._compound(f, t, src, dst)

    def _scalar(self, f: Function, t: Prim, src: Place, dst: Place) -> None:
        dst.begin(f)
        src.read(f, t)
        if t is BOOL:
            f.write("i32.const 0 i32.ne")
        elif t is CHAR:
            f.write(f"call {self._char()}")
        dst.end(f, t)

    def _char(self) -> str:
        """The function [i32] -> [i32] that traps unless it is given a scalar value."""

        def write(f: Function) -> None:
            f.write("$c i32.const 0x110000 i32.ge_u")
            f.write("$c i32.const -0x800 i32.and i32.const 0xD800 i32.eq i32.or")
            self.way.trap_if(f, Reason.CHAR)
            f.write("$c")

        return self.way.unit.function("char", [("c", I32)], (I32,), write)

    def _between(self, f: Function, t: Defined, src: InMemory, dst: InMemory, inline: int) -> None:
        """From memory to memory."""
        if self._plain(t):
            self._bulk(f, elem_size(t, I32), src, dst)
        elif t.size <= inline:
            self._compound(f, t, src, dst)
        else:
            s, d = self.way.s, self.way.d
            f.write(f"${src.pointer} {s}.const {src.offset} {s}.add")
            f.write(f"${dst.pointer} {d}.const {dst.offset} {d}.add call {self._outlined(t)}")

    def _outlined(self, t: Defined) -> str:
        """The function [source, destination] -> [] that copies from memory to memory."""

        def write(f: Function) -> None:
            self._compound(f, t, InMemory(self.way.src, "s"), InMemory(self.way.dst, "d"))

        return self._function("copy", t, [("s", self._s), ("d", self._d)], (), write)

    def _bulk(self, f: Function, size: int, src: InMemory, dst: InMemory) -> None:
        """Copy bytes that need no look."""
        if size > _WORDS:
            s, d = self.way.s, self.way.d
            n = "i64" if s == d == "i64" else "i32"
            f.write(f"${dst.pointer} {d}.const {dst.offset} {d}.add")
            f.write(f"${src.pointer} {s}.const {src.offset} {s}.add {n}.const {size}")
            f.write(f"memory.copy {self.way.dst} {self.way.src}")
            return
        at = 0
        for step in (8, 4, 2, 1):
            while size - at >= step:
                self._scalar(f, _NUMBERS[step], src.at(at), dst.at(at))
                at += step

    def _compound(self, f: Function, t: Defined, src: Place, dst: Place) -> None:
        """A value that has parts, or is a handle."""
        shape = t.shape
        match shape:
            case Record(fields):
                self.row(f, [closed(x) for _, x in fields], src, dst)
            case Tuple(items):
                self.row(f, [closed(x) for x in items], src, dst)
            case List(element, int(length)):
                self._fixed(f, closed(element), length, src, dst)
            case List() | Map():
                fundamental = despecialize(shape)
                assert isinstance(fundamental, List)
                self._pair(f, self._list(t, closed(fundamental.element)), src, dst)
            case Flags(labels):
                self._flags(f, len(labels), src, dst)
            case Own() | Borrow() | Stream() | Future():
                kind = type(shape).__name__.lower()
                self._handle(f, kind, t, self._structure.handle(shape), src, dst)
            case _:
                variant = despecialize(shape)
                assert isinstance(variant, Variant)
                self._variant(f, variant, src, dst)

    def _handle(self, f: Function, kind: str, t: Type, number: int, src: Place, dst: Place) -> None:
        name = self.way.imports.handle(kind, self.way.source_name, t, number)
        dst.begin(f)
        src.read(f, U32)
        f.write(f"call {name}")
        dst.end(f, U32)

    def _flags(self, f: Function, count: int, src: Place, dst: Place) -> None:
        t = _NUMBERS[flags_size(count)]
        dst.begin(f)
        src.read(f, t)
        if count < 32:
            f.write(f"i32.const {(1 << count) - 1} i32.and")
        dst.end(f, t)

    # --- parts one after the other ---------------------------------------------------------------

    def row(self, f: Function, ts: list[Type], src: Place, dst: Place) -> None:
        """Copy values that lie one after the other."""
        sources = _parts(ts, src, self._s)
        targets = _parts(ts, dst, self._d)
        for t, a, b in zip(ts, sources, targets, strict=True):
            self.copy(f, t, a, b, _INLINE if len(ts) <= _MANY else 1)

    def _fixed(self, f: Function, t: Type, length: int, src: Place, dst: Place) -> None:
        """A list whose length is in its type; of locals there are never many."""
        if not isinstance(src, InMemory) or not isinstance(dst, InMemory):
            self.row(f, [t] * length, src, dst)
            return
        s, d = self.way.s, self.way.d
        f.write(f"${src.pointer} {s}.const {src.offset} {s}.add")
        f.write(f"${dst.pointer} {d}.const {dst.offset} {d}.add")
        f.write(f"i32.const {length}")
        self.elements(f, t)

    # --- variants --------------------------------------------------------------------------------

    def _variant(self, f: Function, variant: Variant, src: Place, dst: Place) -> None:
        """A discriminant, and what the case that it names carries."""
        payloads = [None if t is None else closed(t) for _, t in variant.cases]
        number = discriminant(len(payloads))
        case = f.fresh(I32)
        src.read(f, number if isinstance(src, InMemory) else U32)
        f.write(f":{case} i32.const {len(payloads)} i32.ge_u")
        self.way.trap_if(f, Reason.DISCRIMINANT)
        dst.begin(f)
        f.write(f"${case}")
        dst.end(f, number if isinstance(dst, InMemory) else U32)
        if any(payloads):
            a, b = _payload(payloads, src, self._s), _payload(payloads, dst, self._d)
            self._switch(f, case, payloads, a, b)

    def _switch(
        self, f: Function, case: str, payloads: list[Type | None], src: Place, dst: Place
    ) -> None:
        """Copy the payload that there is. Cases that carry the same type share what copies it."""
        numbers = [None if t is None else self._structure.number(t) for t in payloads]
        distinct = {n: t for n, t in zip(numbers, payloads, strict=True) if t is not None}
        inline = _INLINE if len(distinct) <= _MANY else 1
        f.write("block @none")
        for n in distinct:
            f.write(f"block @{n}")
        f.write(f"${case}")
        f.branch(["@none" if n is None else f"@{n}" for n in numbers])
        for t in reversed(distinct.values()):
            f.write("end")
            self.copy(f, t, src, dst, inline)
            f.write("br @none")
        f.write("end")

    # --- lists -----------------------------------------------------------------------------------

    def _pair(self, f: Function, name: str, src: Place, dst: Place) -> None:
        """An address and a length, which the function makes new ones of."""
        pointer, length = f.fresh(self._d), f.fresh(self._d)
        for part in _halves(src, self._s):
            part.read(f, _address(self._s))
        f.write(f"call {name} ={length} ={pointer}")
        for part, value in zip(_halves(dst, self._d), (pointer, length), strict=True):
            part.begin(f)
            f.write(f"${value}")
            part.end(f, _address(self._d))

    def _list(self, t: Defined, element: Type) -> str:
        """The function [address, length] -> [address, length] that copies a list."""
        way, s, d = self.way, self.way.s, self.way.d
        size, new_size = elem_size(element, self._s), elem_size(element, self._d)
        to_count = "i32.wrap_i64" if s == "i64" else ""
        to_length = "i64.extend_i32_u" if d == "i64" else ""

        def write(f: Function) -> None:
            f.local("count", I32)
            f.local("d", self._d)
            f.write(f"$n {s}.const {MAX_BYTES // size} {s}.gt_u")
            way.trap_if(f, Reason.LIST_BOUNDS)
            way.aligned(f, "s", alignment(element, self._s))
            f.write(f"""
                $s $n {to_count} :count i32.const {size} i32.mul i32.const {Reason.LIST_BOUNDS}
                call {way.in_source()}
                {d}.const 0 i32.const 0 i32.const {alignment(element, self._d)}
                $count i32.const {new_size} i32.mul i32.const {Reason.LIST_BOUNDS}
                call {way.allocate()} =d""")
            f.write("$s $d $count")
            self.elements(f, element)
            f.write(f"$d $count {to_length}")

        params = [("s", self._s), ("n", self._s)]
        return self._function("list", t, params, (self._d, self._d), write)

    def elements(self, f: Function, t: Type) -> None:
        """Copy as many values as the i32 on the stack says, from the address below the address
        below it."""
        write = self._write_bytes if self._plain(t) else self._write_elements
        params = [("s", self._s), ("d", self._d), ("n", I32)]
        f.write(f"call {self._function('elements', t, params, (), partial(write, t))}")

    def _write_bytes(self, t: Type, f: Function) -> None:
        to_bytes = "i64.extend_i32_u" if self._s is self._d is I64 else ""
        f.write(f"$d $s $n i32.const {elem_size(t, I32)} i32.mul {to_bytes}")
        f.write(f"memory.copy {self.way.dst} {self.way.src}")

    def _write_elements(self, t: Type, f: Function) -> None:
        way, s, d = self.way, self.way.s, self.way.d
        f.write("block @done loop @next $n i32.eqz br_if @done")
        self.copy(f, t, InMemory(way.src, "s"), InMemory(way.dst, "d"))
        f.write(f"""
            $s {s}.const {elem_size(t, self._s)} {s}.add =s
            $d {d}.const {elem_size(t, self._d)} {d}.add =d
            $n i32.const 1 i32.sub =n br @next end end""")

    def _function(
        self, name: str, t: Type, params: list[tuple[str, NumType]], results: tuple[NumType, ...],
        write: Callable[[Function], None],
    ) -> str:  # fmt: skip
        full = f"{self.way.source_name}/{name}-{self._structure.number(t)}"
        return self.way.unit.function(full, params, results, write)

    @property
    def _s(self) -> NumType:
        return self.way.source.ptr

    @property
    def _d(self) -> NumType:
        return self.way.target.ptr


def _address(ptr: NumType) -> Prim:
    """Addresses as numbers."""
    return U64 if ptr is I64 else U32


def _halves(place: Place, ptr: NumType) -> tuple[Place, Place]:
    """The address and the length of a string or a list."""
    if isinstance(place, InMemory):
        return place, place.at(ptr.size)
    return place.part(0, 1), place.part(1, 1)


def _parts(ts: list[Type], place: Place, ptr: NumType) -> list[Place]:
    """Where values lie that lie one after the other."""
    found: list[Place] = []
    at = 0
    for t in ts:
        if isinstance(place, InMemory):
            at = align_to(at, alignment(t, ptr))
            found.append(place.at(at))
            at += elem_size(t, ptr)
        else:
            flat = flatten(t, ptr)
            assert flat is not None, "more core values than fit"
            found.append(place.part(at, len(flat)))
            at += len(flat)
    return found


def _payload(payloads: list[Type | None], place: Place, ptr: NumType) -> Place:
    """Where the payload of a variant lies."""
    if isinstance(place, InMemory):
        most = max(alignment(t, ptr) for t in payloads if t is not None)
        return place.at(align_to(elem_size(discriminant(len(payloads)), ptr), most))
    return place.part(1, len(place.slots) - 1)
