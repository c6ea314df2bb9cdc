"""Writes the code that puts values into memory and makes core values of them (CanonicalABI.md,
"Storing", "Flat Lowering").

Functions that store take the context, the value and the address. Whatever a value holds elsewhere
is stored first, in order; then all that lies in one place is packed at once. A value of the host
that does not fit raises something: the caller asks `wadjet.canon.explain` what was wrong with it.
"""

import struct
from array import array
from collections.abc import Callable, Sequence
from itertools import groupby
from typing import Any, Final, final

from wadjet.canon.codec import APART, LETTERS, NUMBERS, UNSIGNED, Codec, Item, Names, Type
from wadjet.canon.forms import cases_of
from wadjet.canon.strings import STORES
from wadjet.canon.lifting import check_place, fields_of, pair_of, payload_offset
from wadjet.component import abi
from wadjet.component.abi import alignment, elem_size, flatten
from wadjet.component.closed import closed
from wadjet.component.types import (
    BOOL, CHAR, ERROR_CONTEXT, F32, F64, S8, S16, S32, S64, STRING, U8, U16, U32, U64, Borrow,
    Defined, Enum, Flags, Future, List, Map, Option, Own, Prim, Record, Result,
    Stream, Tuple, Variant,
)  # fmt: skip
from wadjet.core.types import F32 as CORE_F32
from wadjet.core.types import F64 as CORE_F64
from wadjet.core.types import I64, NumType

#: the values of integer types
RANGES: Final = {
    S8: (-0x80, 0x7F), U8: (0, 0xFF), S16: (-0x8000, 0x7FFF), U16: (0, 0xFFFF),
    S32: (-0x80000000, 0x7FFFFFFF), U32: (0, 0xFFFFFFFF),
    S64: (-0x8000000000000000, 0x7FFFFFFFFFFFFFFF), U64: (0, 0xFFFFFFFFFFFFFFFF),
}  # fmt: skip
#: what a bool is to machines; no other value is one
BITS: Final = {False: 0, True: 1}


def code_point(value: str) -> int:
    """The number of a character."""
    number = ord(value)
    if 0xD800 <= number <= 0xDFFF:
        raise ValueError("a surrogate is no char")
    return number


def bits_of_f32(value: float) -> int:
    """The 32 bits of a float."""
    return int.from_bytes(struct.pack("<f", value), "little")


def bits_of_f64(value: float) -> int:
    """The 64 bits of a float."""
    return int.from_bytes(struct.pack("<d", value), "little")


def octets(value: Any) -> "bytes | memoryview":
    """The bytes of a `list<u8>`."""
    if type(value) is bytes:
        return value
    if isinstance(value, str):
        raise TypeError("a str is no list of numbers")
    try:
        return memoryview(value).cast("B")
    except TypeError:
        return bytes(value)


def numbers(letter: str, value: Any) -> "memoryview":
    """The bytes of a list of numbers: of a buffer of that format, or of any sequence."""
    if not isinstance(value, array) or value.typecode != letter:
        if not (isinstance(value, memoryview) and value.format == letter):
            value = array(letter, value)
    return memoryview(value).cast("B")


@final
class Lowering:
    """Writes stores for one codec."""

    __slots__ = ("_temporary", "codec")

    def __init__(self, codec: Codec) -> None:
        self.codec: Final = codec
        self._temporary = 0

    def _fresh(self) -> str:
        self._temporary += 1
        return f"t{self._temporary}"

    # --- memory -----------------------------------------------------------------------------------

    def storer(self, t: Type) -> str:
        """The function `(cx, v, p)` of a type."""
        codec = self.codec
        name = codec.made.get(("store", t))
        if name is None:
            name = codec.made["store", t] = codec.fresh("store")
            codec.define(name, "cx, v, p", self._store_lines(t))
        return name

    def _store_lines(self, t: Type) -> list[str]:
        if isinstance(t, Defined):
            shape = abi.despecialize(t.shape)
            if isinstance(shape, List) and shape.length is not None:
                return self._fixed_lines(closed(shape.element), shape.length)
            if isinstance(shape, Variant) and not isinstance(t.shape, Enum):
                return self._variant_lines(t)
        lines: list[str] = []
        items: list[Item] = []
        parts = self._parts(t, "v", 0, items, lines)
        return [*lines, *self._pack(items, parts)]

    def _pack(self, items: list[Item], parts: list[str]) -> list[str]:
        """Write what lies between those parts that are stored by functions of their own: bytes
        that a format skips are written too."""
        lines = []
        values = Names(parts)
        for apart, run in groupby(items, key=lambda item: item[1] == APART):
            if apart:
                continue
            found = list(run)
            first = found[0][0]
            pack = self.codec.struct([(at - first, letter) for at, letter in found], 0, "pack_into")
            taken = ", ".join(values.take(len(found)))
            lines.append(f"{pack}(cx.memory.view, p + {first}, {taken})")
        return lines or ["pass"]

    def _inline(
        self, t: Type, value: str, offset: int, items: list[Item], lines: list[str]
    ) -> list[str]:
        """What lies at the items of a value, which are added; statements to come first, too."""
        if isinstance(t, Defined):
            shape = t.shape
            own = isinstance(shape, Variant | Option | Result)
            if own or (isinstance(shape, List) and shape.length is not None):
                lines.append(f"{self.storer(t)}(cx, {value}, p + {offset})")
                items.append((offset, APART))
                return []
        return self._parts(t, value, offset, items, lines)

    def _parts(
        self, t: Type, value: str, offset: int, items: list[Item], lines: list[str]
    ) -> list[str]:
        codec = self.codec
        if isinstance(t, Prim) and t is not STRING:
            items.append((offset, LETTERS[t]))
            return [self._number(t, value)]
        if isinstance(t, Prim) or isinstance(t.shape, List | Map):
            items += [(offset, codec.address), (offset + codec.ptr.size, codec.address)]
            return self._elsewhere(t, value, lines)
        match t.shape:
            case Record() | Tuple():
                return self._record(t, value, offset, items, lines)
            case Enum() | Flags():
                items.append((offset, UNSIGNED[elem_size(t, codec.ptr)]))
                return [self._small(t, value)]
        items.append((offset, "I"))
        name = self._fresh()
        lines.append(f"{name} = {self._handle(t, value)}")
        return [name]

    def _number(self, t: Prim, value: str) -> str:
        codec = self.codec
        if t is BOOL:
            return f"{codec.bind(BITS)}[{value}]"
        if t is CHAR:
            return f"{codec.bind(code_point)}({value})"
        if t is ERROR_CONTEXT:
            return f"cx.lower_error_context({value})"
        return value

    def _elsewhere(self, t: Type, value: str, lines: list[str]) -> list[str]:
        """Store a string or list; its address and length."""
        codec = self.codec
        if isinstance(t, Prim):
            store = codec.bind(STORES[codec.encoding])
        elif isinstance(t.shape, Map):
            store = self.map_storer(t)
        else:
            assert isinstance(t.shape, List)
            store = self.list_storer(closed(t.shape.element))
        first, second = self._fresh(), self._fresh()
        lines.append(f"{first}, {second} = {store}(cx, {value})")
        return [first, second]

    def _record(
        self, t: Defined, value: str, offset: int, items: list[Item], lines: list[str]
    ) -> list[str]:
        ptr, (_, access) = self.codec.ptr, self.codec.forms.record(t)
        value = self._held(value, lines)
        parts, at = [], offset
        if access[0] == "[0]":
            lines.append(f"if len({value}) != {len(access)}: raise ValueError")
        for part, way in zip(fields_of(t), access, strict=True):
            at = abi.align_to(at, alignment(part, ptr))
            parts += self._inline(part, value + way, at, items, lines)
            at += elem_size(part, ptr)
        return parts

    def _held(self, value: str, lines: list[str]) -> str:
        """A name for a value that is used several times."""
        if value.isidentifier():
            return value
        name = self._fresh()
        lines.append(f"{name} = {value}")
        return name

    def _small(self, t: Defined, value: str) -> str:
        """An enum or flags as a number."""
        codec = self.codec
        if isinstance(t.shape, Flags):
            bits = (1 << len(t.shape.labels)) - 1
            return f"{codec.bind(flag_bits)}({value}, {bits})"
        key = "numbers", t
        name = codec.made.get(key)
        if name is None:
            table = {member._name_: i for i, member in enumerate(codec.forms.enum(t))}
            name = codec.made[key] = codec.bind(table, "numbers")
        return f"{name}[{value}._name_]"

    def _handle(self, t: Defined, value: str) -> str:
        kind, about = self.codec.handle(t)
        return f"cx.lower_{kind}_of_host({value}, {about})"

    # --- lists ------------------------------------------------------------------------------------

    def list_storer(self, element: Type) -> str:
        """The function `(cx, v) -> (p, length)` of a type of elements."""
        codec = self.codec
        name = codec.made.get(("store list", element))
        if name is None:
            name = codec.made["store list", element] = codec.fresh("put")
            size, align = elem_size(element, codec.ptr), alignment(element, codec.ptr)
            codec.define(name, "cx, v", self._list_lines(element, size, align))
        return name

    def _list_lines(self, element: Type, size: int, align: int) -> list[str]:
        view = self._bytes_of(element)
        if view is not None:
            return [f"d = {view}", f"return cx.copy(d, {align}), len(d) // {size}"]
        return [
            "n = len(v)",
            f"p = o = cx.allocate({align}, n * {size})",
            *self._loop(element, size),
            "return o, n",
        ]

    def _bytes_of(self, element: Type) -> str | None:
        """The bytes of a list `v`, where a copy of bytes will do."""
        codec = self.codec
        if element is U8:
            return f"{codec.bind(octets)}(v)"
        if element in NUMBERS:
            assert isinstance(element, Prim)
            return f"{codec.bind(numbers)}({LETTERS[element]!r}, v)"
        return None

    def _loop(self, element: Type, size: int) -> list[str]:
        """Store the elements of `v` from `p` on; there is room for them."""
        lines: list[str] = []
        items: list[Item] = []
        parts = self._inline(element, "e", 0, items, lines)
        body = [*lines, *self._pack(items, parts)]
        before = []
        if not any("cx" in line for line in lines) and not any("cx" in part for part in parts):
            before = ["m = cx.memory.view"]
            body = [line.replace("cx.memory.view", "m") for line in body]
        loop = "for e in v:"
        return [*before, loop, *[f"    {line}" for line in body], f"    p += {size}"]

    def range_storer(self, element: Type) -> str:
        """The function `(cx, v, p)` that stores elements where there is room for them."""
        codec = self.codec
        name = codec.made.get(("store range", element))
        if name is None:
            name = codec.made["store range", element] = codec.fresh("put")
            size = elem_size(element, codec.ptr)
            view = self._bytes_of(element)
            lines = self._loop(element, size)
            if view is not None:
                lines = [f"d = {view}", "cx.memory.view[p : p + len(d)] = d"]
            codec.define(name, "cx, v, p", lines)
        return name

    def map_storer(self, t: Defined) -> str:
        """The function `(cx, v) -> (p, length)` of a map."""
        codec = self.codec
        pairs = self.list_storer(pair_of(t))
        name = codec.made.get(("store map", t))
        if name is None:
            name = codec.made["store map", t] = codec.fresh("put")
            codec.define(name, "cx, v", [f"return {pairs}(cx, v.items())"])
        return name

    def _fixed_lines(self, element: Type, length: int) -> list[str]:
        view = self._bytes_of(element)
        size = elem_size(element, self.codec.ptr)
        check = f"if len(v) != {length}: raise ValueError"
        if view is not None:
            return [check, f"cx.memory.view[p : p + {length * size}] = {view}"]
        return [check, *self._loop(element, size)]

    # --- variants ---------------------------------------------------------------------------------

    def _variant_lines(self, t: Defined) -> list[str]:
        codec = self.codec
        payloads = cases_of(t)
        offset = payload_offset(t, [(p, None) for p in payloads], codec)
        letter = LETTERS[abi.discriminant(len(payloads))]
        stores = tuple([None if p is None else codec.namespace[self.storer(p)] for p in payloads])
        pack = codec.struct([(0, letter)], 0, "pack_into")
        return [
            f"i = {codec.bind(codec.forms.case_of(t))}(v)",
            f"{pack}(cx.memory.view, p, i)",
            f"s = {codec.bind(stores)}[i]",
            f"if s is not None: s(cx, {codec.forms.payload(t)}, p + {offset})",
        ]

    # --- core values ------------------------------------------------------------------------------

    def flat(self, t: Type, value: str, lines: list[str]) -> list[str]:
        """A value as expressions of core values; statements to come first are added."""
        codec = self.codec
        if isinstance(t, Prim) and t is not STRING:
            return [self._flat_number(t, value, lines)]
        if isinstance(t, Prim):
            return self._elsewhere(t, value, lines)
        match t.shape:
            case Record() | Tuple():
                return self._flat_record(t, value, lines)
            case List(element, int(length)):
                return self._flat_list(closed(element), length, value, lines)
            case List() | Map():
                return self._elsewhere(t, value, lines)
            case Enum() | Flags():
                return [self._small(t, value)]
            case Own() | Borrow() | Stream() | Future():
                name = self._fresh()
                lines.append(f"{name} = {self._handle(t, value)}")
                return [name]
        flats = flatten(t, codec.ptr)
        assert flats is not None, "what is passed flat is flat in all its parts"
        names = [self._fresh() for _ in flats]
        lines.append(f"{', '.join(names)}, = {self._flat_variant(t, flats)}(cx, {value})")
        return names

    def _flat_number(self, t: Prim, value: str, lines: list[str]) -> str:
        """A number, of its type and in its range: machine code would complain too late."""
        name = self._fresh()
        if t in (F32, F64):
            lines.append(f"{name} = {value} * 1.0")
        elif t in RANGES:
            low, high = RANGES[t]
            lines.append(f"{name} = {value} | 0")
            lines.append(f"if not {low} <= {name} <= {high}: raise OverflowError")
        else:
            lines.append(f"{name} = {self._number(t, value)}")
        return name

    def _flat_record(self, t: Defined, value: str, lines: list[str]) -> list[str]:
        _, access = self.codec.forms.record(t)
        value = self._held(value, lines)
        if access[0] == "[0]":
            lines.append(f"if len({value}) != {len(access)}: raise ValueError")
        parts = []
        for part, way in zip(fields_of(t), access, strict=True):
            parts += self.flat(part, value + way, lines)
        return parts

    def _flat_list(self, element: Type, length: int, value: str, lines: list[str]) -> list[str]:
        value = self._held(value, lines)
        lines.append(f"if len({value}) != {length}: raise ValueError")
        parts = []
        for i in range(length):
            parts += self.flat(element, f"{value}[{i}]", lines)
        return parts

    def _flat_variant(self, t: Defined, flats: tuple[NumType, ...]) -> str:
        """The function that makes core values of a variant."""
        codec = self.codec
        name = codec.made.get(("lower", t))
        if name is None:
            name = codec.made["lower", t] = codec.fresh("lower")
            made: list[Callable[..., Any]] = []
            for i, payload in enumerate(cases_of(t)):
                lines: list[str] = []
                parts = [str(i), *self._flat_case(t, payload, flats[1:], lines)]
                parts += ["0"] * (len(flats) - len(parts))
                done = [*lines, f"return {', '.join(parts)},"]
                made.append(codec.define(codec.fresh("case"), "cx, v", done))
            table, find = codec.bind(tuple(made)), codec.bind(codec.forms.case_of(t))
            codec.define(name, "cx, v", [f"return {table}[{find}(v)](cx, v)"])
        return name

    def _flat_case(
        self, t: Defined, payload: Type | None, joined: tuple[NumType, ...], lines: list[str]
    ) -> list[str]:
        if payload is None:
            return []
        own = flatten(payload, self.codec.ptr)
        assert own is not None
        parts = self.flat(payload, self.codec.forms.payload(t), lines)
        return [
            self._coerced(part, have, want)
            for part, have, want in zip(parts, own, joined, strict=False)
        ]

    def _coerced(self, part: str, have: NumType, want: NumType) -> str:
        """A core value as a type that several cases have in common."""
        if have is want:
            return part
        if have is CORE_F32:
            return f"{self.codec.bind(bits_of_f32)}({part})"
        if have is CORE_F64:
            return f"{self.codec.bind(bits_of_f64)}({part})"
        assert want is I64, "an i32 among i64s"
        return f"({part} & 0xFFFFFFFF)"

    # --- all values of a call ---------------------------------------------------------------------

    def values(
        self, ts: Sequence[Type], names: Sequence[str], limit: int, out: str | None = None
    ) -> tuple[list[str], list[str]]:
        """Parameters or results: statements to come first, and the core values. More core values
        than `limit` go into memory: to the address `out`, or to new room, whose address is then
        what is passed."""
        codec = self.codec
        lines: list[str] = []
        flats = abi.flatten_types(list(ts), codec.ptr)
        if flats is not None and len(flats) <= limit:
            made = []
            for t, name in zip(ts, names, strict=True):
                made += self.flat(t, name, lines)
            return lines, made
        whole = Defined(Tuple(tuple(ts)))
        align, size = alignment(whole, codec.ptr), elem_size(whole, codec.ptr)
        if out is None:
            lines.append(f"p = cx.allocate({align}, {size})")
        else:
            lines.append(f"p = {out} & cx.mask")
            lines.append(f"{codec.bind(check_place)}(cx.memory.view, p, {align}, {size})")
        items: list[Item] = []
        parts, at = [], 0
        for t, name in zip(ts, names, strict=True):
            at = abi.align_to(at, alignment(t, codec.ptr))
            parts += self._inline(t, name, at, items, lines)
            at += elem_size(t, codec.ptr)
        lines += self._pack(items, parts)
        return lines, ["p"] if out is None else []


def flag_bits(value: Any, mask: int) -> int:
    """Flags as a number."""
    bits: int = value if isinstance(value, int) else value.value
    if bits & ~mask:
        raise ValueError(f"{value!r} has flags that there are not")
    return bits
