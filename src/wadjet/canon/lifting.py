"""Writes the code that reads values from memory and from core values (CanonicalABI.md, "Loading",
"Flat Lifting").

Functions that load take the context, a view of memory that is known to hold the value, and where in
it. Core values are as Python gets them: integers are signed.
"""

import struct
from array import array
from collections.abc import Callable, Sequence
from typing import Any, Final, final

from wadjet.canon.codec import LETTERS, NUMBERS, UNSIGNED, Build, Codec, Item, Names, Type
from wadjet.canon.forms import Case, itself
from wadjet.canon.strings import LOADS
from wadjet.canon.values import records as make_records
from wadjet.canon.traps import CHAR as BAD_CHAR
from wadjet.canon.traps import UNALIGNED, VALUE_BOUNDS, bad_case, trap
from wadjet.component import abi
from wadjet.component.abi import alignment, elem_size, flatten
from wadjet.component.closed import closed
from wadjet.component.types import (
    BOOL, CHAR, ERROR_CONTEXT, F32, F64, S8, S16, S32, S64, STRING, U8, U16, U32, Borrow, Defined,
    Enum, Flags, Future, List, Map, Option, Own, Prim, Record, Result, Stream, Tuple,
    Variant,
)  # fmt: skip
from wadjet.core.types import I32, NumType
from wadjet.core.types import F32 as CORE_F32
from wadjet.core.types import F64 as CORE_F64

_M32: Final = "0xFFFFFFFF"
_M64: Final = "0xFFFFFFFFFFFFFFFF"
#: types of up to so many nodes are read where they are used; larger ones by functions of their own
_SMALL: Final = 64
#: up to so many cases are told apart one after the other
_FEW: Final = 8


def char(bits: int) -> str:
    """A character of its number."""
    if bits >= 0x110000 or 0xD800 <= bits <= 0xDFFF:
        trap(BAD_CHAR)
    return chr(bits)


def f32_of(bits: int) -> float:
    """A float of the low 32 bits."""
    value: float = struct.unpack("<f", (bits & 0xFFFFFFFF).to_bytes(4, "little"))[0]
    return value


def f64_of(bits: int) -> float:
    """A float of 64 bits."""
    value: float = struct.unpack("<d", (bits & (1 << 64) - 1).to_bytes(8, "little"))[0]
    return value


def check_place(memory: memoryview, p: int, align: int, size: int) -> None:
    """Trap unless a value may lie there."""
    if p & align - 1:
        trap(UNALIGNED)
    if p + size > len(memory):
        trap(VALUE_BOUNDS)


@final
class Lifting:
    """Writes loads for one codec."""

    __slots__ = ("codec",)

    def __init__(self, codec: Codec) -> None:
        self.codec: Final = codec

    # --- memory -----------------------------------------------------------------------------------

    def loader(self, t: Type) -> str:
        """The function `(cx, mem, p) -> value` of a type."""
        codec = self.codec
        name = codec.made.get(("load", t))
        if name is None:
            name = codec.made["load", t] = codec.fresh("load")
            codec.define(name, "cx, mem, p", self._load_lines(t))
        return name

    def _load_lines(self, t: Type) -> list[str]:
        if isinstance(t, Defined):
            shape = abi.despecialize(t.shape)
            if isinstance(shape, List) and shape.length is not None:
                return self._fixed_lines(closed(shape.element), shape.length)
            if isinstance(shape, Variant) and not isinstance(t.shape, Enum):
                return self._variant_lines(t)
        items: list[Item] = []
        build = self._parts(t, 0, items)
        names = [f"a{i}" for i in range(len(items))]
        lines = []
        if items:
            unpack = self.codec.struct(items, 0, "unpack_from")
            lines.append(f"{', '.join(names)}, = {unpack}(mem, p)")
        return [*lines, f"return {build(Names(names))}"]

    def _inline(self, t: Type, offset: int, items: list[Item]) -> Build:
        """What a value is, given the values at items, which are added."""
        if isinstance(t, Defined):
            shape = t.shape
            own = isinstance(shape, Variant | Option | Result)
            fixed = isinstance(shape, List) and shape.length is not None
            if own or fixed or (t.size > _SMALL and isinstance(shape, Record | Tuple)):
                loader = self.loader(t)
                return lambda _: f"{loader}(cx, mem, p + {offset})"
        return self._parts(t, offset, items)

    def _parts(self, t: Type, offset: int, items: list[Item]) -> Build:
        codec = self.codec
        if isinstance(t, Prim):
            return self._prim(t, offset, items)
        match t.shape:
            case Record() | Tuple():
                return self._record(t, offset, items)
            case List(element, None):
                return self._pair(offset, items, self.list_loader(closed(element)))
            case Map():
                return self._pair(offset, items, self.map_loader(t))
            case Enum():
                items.append((offset, UNSIGNED[elem_size(t, codec.ptr)]))
                pick = self._pick(t)
                return lambda names: f"{pick}({names.next()})"
            case Flags():
                items.append((offset, UNSIGNED[elem_size(t, codec.ptr)]))
                return lambda names: self._flags(t, names.next())
        items.append((offset, "I"))
        return lambda names: self._handle(t, names.next())

    def _prim(self, t: Prim, offset: int, items: list[Item]) -> Build:
        codec = self.codec
        if t is STRING:
            return self._pair(offset, items, codec.bind(LOADS[codec.encoding]))
        items.append((offset, LETTERS[t]))
        if t is CHAR:
            make = codec.bind(char)
            return lambda names: f"{make}({names.next()})"
        if t is ERROR_CONTEXT:
            return lambda names: f"cx.lift_error_context({names.next()})"
        return lambda names: names.next()

    def _pair(self, offset: int, items: list[Item], load: str) -> Build:
        """Address and length of what lies elsewhere."""
        address = self.codec.address
        items += [(offset, address), (offset + self.codec.ptr.size, address)]
        return lambda names: f"{load}(cx, {names.next()}, {names.next()})"

    def _record(self, t: Defined, offset: int, items: list[Item]) -> Build:
        ptr = self.codec.ptr
        builds, at = [], offset
        for part in fields_of(t):
            at = abi.align_to(at, alignment(part, ptr))
            builds.append(self._inline(part, at, items))
            at += elem_size(part, ptr)
        make = self._maker(t)
        return lambda names: f"{make}({', '.join([b(names) for b in builds])},)"

    def _maker(self, t: Defined) -> str:
        """What makes a record; nothing for a tuple, whose parentheses suffice."""
        make, _ = self.codec.forms.record(t)
        return "" if make is None else self.codec.bind(make, "new")

    def _pick(self, t: Defined) -> str:
        """The function that makes a case of an enum of its number."""
        name = self.codec.made.get(("pick", t))
        if name is None:
            pick = _picker(self.codec.forms.enum(t))
            name = self.codec.made["pick", t] = self.codec.bind(pick, "pick")
        return name

    def _flags(self, t: Defined, bits: str) -> str:
        assert isinstance(t.shape, Flags)
        bits = f"{bits} & {(1 << len(t.shape.labels)) - 1}"
        return f"{self.codec.bind(self.codec.forms.flags(t), 'flags')}({bits})"

    def _handle(self, t: Defined, index: str) -> str:
        kind, about = self.codec.handle(t)
        return f"cx.lift_{kind}_to_host({index}, {about})"

    # --- lists ------------------------------------------------------------------------------------

    def list_loader(self, element: Type) -> str:
        """The function `(cx, p, length) -> list` of a type of elements."""
        codec = self.codec
        name = codec.made.get(("list", element))
        if name is None:
            name = codec.made["list", element] = codec.fresh("list")
            size, align = elem_size(element, codec.ptr), alignment(element, codec.ptr)
            span = f"s = cx.span(p, n, {size}, {align})"
            codec.define(name, "cx, p, n", [span, *self.span_lines(element)])
        return name

    def span_lines(self, element: Type) -> list[str]:
        """The body of a function that reads `n` elements from their memory `s`."""
        if element is U8:
            return ["return bytes(s)"]
        if element in NUMBERS:
            assert isinstance(element, Prim)
            make = self.codec.bind(array)
            return [f"a = {make}({LETTERS[element]!r})", "a.frombytes(s)", "return a"]
        if element is BOOL:
            return ["return [x != 0 for x in s]"]
        return [f"return {self._elements(element)}"]

    def _elements(self, element: Type) -> str:
        """All elements in `s`, as an expression."""
        size = elem_size(element, self.codec.ptr)
        items: list[Item] = []
        build = self._inline(element, 0, items)
        names = [f"a{i}" for i in range(len(items))]
        made = build(Names(names)).replace("cx, mem, p", "cx, s, p")
        row = f"({', '.join(names)},)"
        each = f"{self.codec.struct(items, size, 'iter_unpack')}(s)" if items else ""
        if "cx, s, p" in made:
            addresses = f"range(0, n * {size}, {size})"
            each = f"zip({addresses}, {each})" if items else addresses
            names = [f"p, {row}" if items else "p"]
        records = self._record_class(element)
        if records is not None:
            made = made[made.index("(") :]
        whole = each if made == row else f"[{made} for {', '.join(names)}, in {each}]"
        if "cx, s, p" in made:
            whole = f"[{made} for {names[0]} in {each}]"
        if records is not None:
            return f"{self.codec.bind(make_records)}({records}, {whole})"
        return f"list({whole})" if made == row else whole

    def _record_class(self, t: Type) -> str | None:
        """The class of a record, where there is one."""
        if not (isinstance(t, Defined) and isinstance(t.shape, Record)) or t.size > _SMALL:
            return None
        return self._maker(t) or None

    def map_loader(self, t: Defined) -> str:
        """The function `(cx, p, length) -> dict` of a map."""
        codec = self.codec
        name = codec.made.get(("map", t))
        if name is None:
            pairs = self.list_loader(pair_of(t))
            name = codec.made["map", t] = codec.fresh("map")
            codec.define(name, "cx, p, n", [f"return dict({pairs}(cx, p, n))"])
        return name

    def _fixed_lines(self, element: Type, length: int) -> list[str]:
        size = elem_size(element, self.codec.ptr)
        lines = [f"n = {length}", f"s = mem[p : p + {length * size}]"]
        made = self.span_lines(element)
        made[-1] = f"return list({made[-1].removeprefix('return ')})"
        return [*lines, *made]

    # --- variants ---------------------------------------------------------------------------------

    def _variant_lines(self, t: Defined) -> list[str]:
        codec = self.codec
        cases = codec.forms.cases(t)
        offset = payload_offset(t, cases, codec)
        letter = LETTERS[abi.discriminant(len(cases))]
        lines = ["d = mem[p]"]
        if letter != "B":
            lines = [f"d, = {codec.struct([(0, letter)], 0, 'unpack_from')}(mem, p)"]
        lines.append(f"if d >= {len(cases)}: {codec.bind(bad_case)}(d, {len(cases)})")
        made = [self._case(case, f"cx, mem, p + {offset}") for case in cases]
        if len(cases) > _FEW:
            return [*lines, *self._table(made, "cx, mem, p")]
        return [*lines, *_chain(made)]

    def _case(self, case: Case, place: str) -> str:
        payload, make = case
        if payload is None:
            return self.codec.bind(make, "case")
        return self._made(make, f"{self.loader(payload)}({place})")

    def _made(self, make: object, payload: str) -> str:
        return payload if make is itself else f"{self.codec.bind(make, 'case')}({payload})"

    def _table(self, made: Sequence[str], params: str) -> list[str]:
        """Many cases: a function for each, by its number."""
        codec = self.codec
        table: list[Callable[..., Any]] = []
        for expression in made:
            table.append(codec.define(codec.fresh("case"), params, [f"return {expression}"]))
        return [f"return {codec.bind(tuple(table), 'table')}[d]({params})"]

    # --- core values ------------------------------------------------------------------------------

    def flat(self, t: Type, names: Names) -> str:
        """A value, as an expression of core values that are taken from `names`."""
        if isinstance(t, Prim):
            return self._flat_prim(t, names)
        codec = self.codec
        match t.shape:
            case Record() | Tuple():
                parts = [self.flat(part, names) for part in fields_of(t)]
                return f"{self._maker(t)}({', '.join(parts)},)"
            case List(element, None):
                return self._flat_pair(self.list_loader(closed(element)), names)
            case List(element, int(length)):
                parts = [self.flat(closed(element), names) for _ in range(length)]
                return f"[{', '.join(parts)}]"
            case Map():
                return self._flat_pair(self.map_loader(t), names)
            case Enum():
                return f"{self._pick(t)}({names.next()} & {_M32})"
            case Flags():
                return self._flags(t, names.next())
            case Own() | Borrow() | Stream() | Future():
                return self._handle(t, f"{names.next()} & {_M32}")
        flats = flatten(t, codec.ptr)
        assert flats is not None, "what is passed flat is flat in all its parts"
        return f"{self._flat_variant(t, flats)}(cx, {', '.join(names.take(len(flats)))})"

    def _flat_pair(self, load: str, names: Names) -> str:
        mask = _M32 if self.codec.ptr is I32 else _M64
        return f"{load}(cx, {names.next()} & {mask}, {names.next()} & {mask})"

    def _flat_prim(self, t: Prim, names: Names) -> str:
        codec = self.codec
        if t is STRING:
            return self._flat_pair(codec.bind(LOADS[codec.encoding]), names)
        name = names.next()
        if t is BOOL:
            return f"({name} != 0)"
        if t is CHAR:
            return f"{codec.bind(char)}({name} & {_M32})"
        if t is ERROR_CONTEXT:
            return f"cx.lift_error_context({name} & {_M32})"
        if t in (S32, S64, F32, F64):
            return name
        if t is S8 or t is S16:
            sign = 0x80 if t is S8 else 0x8000
            return f"(({name} & {2 * sign - 1} ^ {sign}) - {sign})"
        mask = "0xFF" if t is U8 else "0xFFFF" if t is U16 else _M32 if t is U32 else _M64
        return f"({name} & {mask})"

    def _flat_variant(self, t: Defined, flats: tuple[NumType, ...]) -> str:
        """The function that makes a variant of its core values."""
        codec = self.codec
        name = codec.made.get(("flat", t))
        if name is not None:
            return name
        name = codec.made["flat", t] = codec.fresh("flat")
        cases = codec.forms.cases(t)
        made = [self._flat_case(case, flats[1:]) for case in cases]
        params = ", ".join(["cx", "d", *[f"a{i}" for i in range(len(flats) - 1)]])
        bad = f"if not 0 <= d < {len(cases)}: {codec.bind(bad_case)}(d & {_M32}, {len(cases)})"
        chosen = _chain(made) if len(cases) <= _FEW else self._table(made, params)
        codec.define(name, params, [bad, *chosen])
        return name

    def _flat_case(self, case: Case, joined: tuple[NumType, ...]) -> str:
        codec = self.codec
        payload, make = case
        if payload is None:
            return codec.bind(make, "case")
        wanted = flatten(payload, codec.ptr)
        assert wanted is not None
        names = [
            self._coerced(f"a{i}", have, want)
            for i, (have, want) in enumerate(zip(joined, wanted, strict=False))
        ]
        return self._made(make, self.flat(payload, Names(names)))

    def _coerced(self, name: str, have: NumType, want: NumType) -> str:
        """A core value of a type that several cases have in common, as one of them has it."""
        if have is want:
            return name
        if want is CORE_F32:
            return f"{self.codec.bind(f32_of)}({name})"
        if want is CORE_F64:
            return f"{self.codec.bind(f64_of)}({name})"
        return f"(({name} & {_M32} ^ 0x80000000) - 0x80000000)"

    # --- all values of a call ---------------------------------------------------------------------

    def values(self, ts: Sequence[Type], limit: int) -> tuple[list[str], list[str], list[str]]:
        """Parameters or results: the names of the core values, statements to come first, and an
        expression for each value, to be evaluated in order. More core values than `limit` are in
        memory, at the address that is passed instead."""
        codec = self.codec
        flats = abi.flatten_types(list(ts), codec.ptr)
        if flats is not None and len(flats) <= limit:
            names = Names([f"a{i}" for i in range(len(flats))])
            return [f"a{i}" for i in range(len(flats))], [], [self.flat(t, names) for t in ts]
        whole = Defined(Tuple(tuple(ts)))
        align, size = alignment(whole, codec.ptr), elem_size(whole, codec.ptr)
        items: list[Item] = []
        builds, at = [], 0
        for t in ts:
            at = abi.align_to(at, alignment(t, codec.ptr))
            builds.append(self._inline(t, at, items))
            at += elem_size(t, codec.ptr)
        names = Names([f"b{i}" for i in range(len(items))])
        lines = ["mem = cx.memory.view", "p = a0 & cx.mask"]
        lines.append(f"{codec.bind(check_place)}(mem, p, {align}, {size})")
        if items:
            targets = ", ".join([f"b{i}" for i in range(len(items))])
            lines.append(f"{targets}, = {codec.struct(items, 0, 'unpack_from')}(mem, p)")
        return ["a0"], lines, [build(names) for build in builds]


def fields_of(t: Defined) -> list[Type]:
    """The types of a record's fields, or a tuple's items."""
    if isinstance(t.shape, Tuple):
        return [closed(part) for part in t.shape.items]
    assert isinstance(t.shape, Record)
    return [closed(part) for _, part in t.shape.fields]


def pair_of(t: Defined) -> Defined:
    """What a map is a list of."""
    shape = t.shape
    assert isinstance(shape, Map)
    return Defined(Tuple((shape.key, shape.value)))


def payload_offset(t: Defined, cases: Sequence[Case], codec: Codec) -> int:
    """Where a variant's payload lies."""
    head = elem_size(abi.discriminant(len(cases)), codec.ptr)
    payloads = [payload for payload, _ in cases if payload is not None]
    return abi.align_to(head, max([alignment(p, codec.ptr) for p in payloads], default=1))


def _chain(made: Sequence[str]) -> list[str]:
    lines = [f"if d == {i}: return {each}" for i, each in enumerate(made[:-1])]
    return [*lines, f"return {made[-1]}"]


def _picker(members: tuple[Any, ...]) -> Callable[[int], Any]:
    def pick(index: int) -> Any:
        if index >= len(members):
            bad_case(index, len(members))
        return members[index]

    return pick
