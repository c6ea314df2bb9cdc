"""Lifting and lowering as CanonicalABI.md says it, value by value and in Python: what adapters are
compared with. Core values are bit patterns; floats stay bits, since adapters keep them."""

import random
from dataclasses import dataclass
from typing import Any

from wadjet.component.abi import alignment, elem_size, flatten, flatten_types
from wadjet.component.types import (
    BOOL, CHAR, ERROR_CONTEXT, F32, F64, S8, S16, S32, S64, STRING, U8, U16, U32, U64, Defined,
    Enum, Flags, List, Map, Option, Prim, Record, Result, Tuple, Variant,
)  # fmt: skip
from wadjet.core.types import F32 as CORE_F32
from wadjet.core.types import F64 as CORE_F64
from wadjet.core.types import I32, I64, NumType

BITS = {U8: 8, S8: 8, U16: 16, S16: 16, U32: 32, S32: 32, U64: 64, S64: 64, F32: 32, F64: 64}
SIGNED = {S8, S16, S32, S64}
MOST = (1 << 28) - 1


class Stopped(Exception):
    """A trap of the reference."""


def trap_if(condition: bool) -> None:
    if condition:
        raise Stopped


@dataclass
class Guest:
    """Memory with a bump allocator, as the core modules of the tests have it."""

    memory: bytearray
    ptr: NumType
    encoding: str
    top: int = 1024

    def copy(self) -> "Guest":
        return Guest(bytearray(self.memory), self.ptr, self.encoding, self.top)

    def realloc(self, old: int, old_size: int, align: int, size: int) -> int:
        if old_size and size <= old_size:
            return old
        at = -(-self.top // align) * align
        self.top = at + size
        assert self.top <= len(self.memory), "the test wants more memory"
        self.memory[at : at + old_size] = self.memory[old : old + old_size]
        return at

    def get(self, at: int, size: int) -> int:
        return int.from_bytes(self.memory[at : at + size], "little")

    def put(self, at: int, size: int, value: int) -> None:
        self.memory[at : at + size] = value.to_bytes(size, "little")

    @property
    def tag(self) -> int:
        return 1 << 8 * self.ptr.size - 1


def handle(index: int) -> int:
    """What the host makes of a handle that passes."""
    return (index * 3 + 100) & 0xFFFFFFFF


def fundamental(t: Defined) -> Any:
    match t.shape:
        case Tuple(items):
            return Record(tuple((str(i), x) for i, x in enumerate(items)))
        case Enum(labels):
            return Variant(tuple((x, None) for x in labels))
        case Option(some):
            return Variant((("none", None), ("some", some)))
        case Result(ok, error):
            return Variant((("ok", ok), ("error", error)))
        case Map(key, value):
            return List(Defined(Tuple((key, value))))
    return t.shape


def disc_size(cases: int) -> int:
    return 1 if cases <= 256 else 2 if cases <= 65536 else 4


def align_to(at: int, align: int) -> int:
    return -(-at // align) * align


# --- lifting --------------------------------------------------------------------------------------


def scalar(t: Prim, raw: int) -> Any:
    if t is BOOL:
        return raw != 0
    if t is CHAR:
        trap_if(raw >= 0x110000 or 0xD800 <= raw < 0xE000)
        return raw
    if t is ERROR_CONTEXT:
        return raw
    bits = BITS[t]
    raw &= (1 << bits) - 1
    return raw - (1 << bits) if t in SIGNED and raw >> bits - 1 else raw


def load(g: Guest, at: int, t: Prim | Defined) -> Any:
    if t is STRING:
        return lift_string(g, g.get(at, g.ptr.size), g.get(at + g.ptr.size, g.ptr.size))
    if isinstance(t, Prim):
        return scalar(t, g.get(at, elem_size(t, g.ptr)))
    match fundamental(t):
        case Record(fields):
            values = []
            for _, x in fields:
                at = align_to(at, alignment(x, g.ptr))
                values.append(load(g, at, x))
                at += elem_size(x, g.ptr)
            return values
        case List(element, None):
            return lift_list(g, g.get(at, g.ptr.size), g.get(at + g.ptr.size, g.ptr.size), element)
        case List(element, length):
            return [load(g, at + i * elem_size(element, g.ptr), element) for i in range(length)]
        case Variant(cases):
            case = g.get(at, disc_size(len(cases)))
            trap_if(case >= len(cases))
            payload = cases[case][1]
            most = max([alignment(x, g.ptr) for _, x in cases if x is not None], default=1)
            at = align_to(at + disc_size(len(cases)), most)
            return case, None if payload is None else load(g, at, payload)
        case Flags(labels):
            return g.get(at, elem_size(t, g.ptr)) & (1 << len(labels)) - 1
    return g.get(at, 4)


def lift_string(g: Guest, at: int, tagged: int) -> tuple[str, str, int]:
    length, codec, align = tagged, "utf-8", 1
    if g.encoding == "utf16":
        length, codec, align = 2 * tagged, "utf-16-le", 2
    elif g.encoding == "latin1+utf16":
        align, codec = 2, "latin-1"
        if tagged & g.tag:
            length, codec = 2 * (tagged ^ g.tag), "utf-16-le"
    trap_if(length > MOST)
    trap_if(at % align != 0)
    trap_if(at + length > len(g.memory))
    try:
        return bytes(g.memory[at : at + length]).decode(codec), g.encoding, tagged
    except UnicodeError:
        raise Stopped from None


def lift_list(g: Guest, at: int, length: int, t: Any) -> list[Any]:
    size = elem_size(t, g.ptr)
    trap_if(length * size > MOST)
    trap_if(at % alignment(t, g.ptr) != 0)
    trap_if(at + length * size > len(g.memory))
    return [load(g, at + i * size, t) for i in range(length)]


class Values:
    """Core values one after the other, of these types."""

    def __init__(self, types: list[NumType], values: list[int]) -> None:
        self.types, self.values, self.at = types, values, 0

    def next(self, want: NumType) -> int:
        have, value = self.types[self.at], self.values[self.at]
        self.at += 1
        if have is I64 and want.size == 4:
            return value & 0xFFFFFFFF
        assert have.size == want.size
        return value


def core_of(t: Prim) -> NumType:
    return {S64: I64, U64: I64, F32: CORE_F32, F64: CORE_F64}.get(t, I32)


def lift_flat(g: Guest, values: Values, t: Prim | Defined) -> Any:
    if t is STRING:
        at = values.next(g.ptr)
        return lift_string(g, at, values.next(g.ptr))
    if isinstance(t, Prim):
        return scalar(t, values.next(core_of(t)))
    match fundamental(t):
        case Record(fields):
            return [lift_flat(g, values, x) for _, x in fields]
        case List(element, None):
            at = values.next(g.ptr)
            return lift_list(g, at, values.next(g.ptr), element)
        case List(element, length):
            return [lift_flat(g, values, element) for _ in range(length)]
        case Variant(cases):
            case = values.next(I32)
            trap_if(case >= len(cases))
            flat = flatten(t, g.ptr)
            assert flat is not None
            end = values.at + len(flat) - 1
            payload = cases[case][1]
            value = None if payload is None else lift_flat(g, values, payload)
            values.at = end
            return case, value
        case Flags(labels):
            return values.next(I32) & (1 << len(labels)) - 1
    return values.next(I32)


def lift_values(g: Guest, most: int, values: list[int], ts: list[Any]) -> list[Any]:
    flat = flatten_types(ts, g.ptr)
    if flat is None or len(flat) > most:
        whole = Defined(Tuple(tuple(ts)))
        trap_if(values[0] % alignment(whole, g.ptr) != 0)
        trap_if(values[0] + elem_size(whole, g.ptr) > len(g.memory))
        return list(load(g, values[0], whole))
    core = Values(list(flat), values)
    return [lift_flat(g, core, t) for t in ts]


# --- lowering -------------------------------------------------------------------------------------


class Lowering:
    """Lowers lifted values into a guest. With `first`, values are given by a test: strings are
    plain, and handles are as they are; else they come from the other side."""

    def __init__(self, g: Guest, first: random.Random | None = None) -> None:
        self.g, self.first = g, first

    def bits(self, t: Prim, value: Any) -> int:
        if t is BOOL:
            return int(value)
        if t is ERROR_CONTEXT:
            return self.passed(value)
        return int(value) & (1 << elem_size(t, I32) * 8) - 1

    def passed(self, index: int) -> int:
        return index if self.first else handle(index)

    def store(self, value: Any, t: Prim | Defined, at: int) -> None:
        g = self.g
        if isinstance(t, Prim) and t is not STRING:
            g.put(at, elem_size(t, g.ptr), self.bits(t, value))
            return
        match STRING if t is STRING else fundamental(t):  # type: ignore[arg-type]
            case Record(fields):
                for (_, x), v in zip(fields, value, strict=True):
                    at = align_to(at, alignment(x, g.ptr))
                    self.store(v, x, at)
                    at += elem_size(x, g.ptr)
            case List(element, int()):
                for i, v in enumerate(value):
                    self.store(v, element, at + i * elem_size(element, g.ptr))
            case List() | Prim():
                begin, length = self.lower_flat(value, t)
                g.put(at, g.ptr.size, begin)
                g.put(at + g.ptr.size, g.ptr.size, length)
            case Variant(cases):
                case, v = value
                g.put(at, disc_size(len(cases)), case)
                most = max([alignment(x, g.ptr) for _, x in cases if x is not None], default=1)
                if cases[case][1] is not None:
                    self.store(v, cases[case][1], align_to(at + disc_size(len(cases)), most))
            case Flags():
                g.put(at, elem_size(t, g.ptr), value)
            case _:
                g.put(at, 4, self.passed(value))

    def lower_flat(self, value: Any, t: Prim | Defined) -> list[int]:
        g = self.g
        if t is STRING:
            return list(self.string(value))
        if isinstance(t, Prim):
            bits = int(value) if t in SIGNED else self.bits(t, value)
            return [bits & (1 << core_of(t).size * 8) - 1]
        match fundamental(t):
            case Record(fields):
                parts = zip(fields, value, strict=True)
                return [x for (_, u), v in parts for x in self.lower_flat(v, u)]
            case List(element, None):
                size = elem_size(element, g.ptr)
                at = g.realloc(0, 0, alignment(element, g.ptr), len(value) * size)
                for i, v in enumerate(value):
                    self.store(v, element, at + i * size)
                return [at, len(value)]
            case List(element, _):
                return [x for v in value for x in self.lower_flat(v, element)]
            case Variant(cases):
                case, v = value
                flat = flatten(t, g.ptr)
                assert flat is not None
                payload = [] if cases[case][1] is None else self.lower_flat(v, cases[case][1])
                return [case, *payload, *[0] * (len(flat) - 1 - len(payload))]
            case Flags():
                return [value]
        return [self.passed(value)]

    def values(self, most: int, values: list[Any], ts: list[Any], into: int | None) -> list[int]:
        flat = flatten_types(ts, self.g.ptr)
        if flat is not None and len(flat) <= most:
            return [x for v, t in zip(values, ts, strict=True) for x in self.lower_flat(v, t)]
        whole = Defined(Tuple(tuple(ts)))
        align, size = alignment(whole, self.g.ptr), elem_size(whole, self.g.ptr)
        at = self.g.realloc(0, 0, align, size) if into is None else into
        self.store(values, whole, at)
        return [at] if into is None else []

    # --- strings ---------------------------------------------------------------------------------

    def string(self, value: Any) -> tuple[int, int]:
        g = self.g
        if self.first:
            return self.first_string(value)
        text, encoding, tagged = value
        simple, units = encoding, tagged
        if encoding == "latin1+utf16":
            tag = self.first_tag
            simple, units = ("utf16", tagged ^ tag) if tagged & tag else ("latin1", tagged)
        match g.encoding, simple:
            case "utf8", "utf8":
                return self.same(text.encode(), 1, units)
            case "utf8", "utf16":
                return self.to_utf8(text, units, 3)
            case "utf8", "latin1":
                return self.to_utf8(text, units, 2)
            case "utf16", "utf8":
                return self.to_utf16(text, units)
            case "utf16", _:
                return self.same(text.encode("utf-16-le"), 2, units)
        if encoding != "latin1+utf16":
            return self.maybe_latin1(text, units)
        if simple == "latin1":
            return self.same(text.encode("latin-1"), 2, units)
        return self.probably_utf16(text, units)

    #: the tag of the other side's lengths
    first_tag = 0

    def first_string(self, text: str) -> tuple[int, int]:
        g, rng = self.g, self.first
        assert rng is not None
        codec, tag = {"utf8": "utf-8", "utf16": "utf-16-le"}.get(g.encoding, "latin-1"), 0
        if g.encoding == "latin1+utf16" and (max(text, default="") > "\xff" or rng.random() < 0.5):
            codec, tag = "utf-16-le", g.tag
        data = text.encode(codec)
        at = g.realloc(0, 0, 1 if codec == "utf-8" else 2, len(data))
        g.memory[at : at + len(data)] = data
        return at, len(data) // (2 if codec == "utf-16-le" else 1) | tag

    def same(self, data: bytes, align: int, units: int) -> tuple[int, int]:
        at = self.g.realloc(0, 0, align, len(data))
        self.g.memory[at : at + len(data)] = data
        return at, units

    def to_utf8(self, text: str, units: int, worst: int) -> tuple[int, int]:
        g = self.g
        at = g.realloc(0, 0, 1, units)
        for i, c in enumerate(text):
            if ord(c) < 128:
                g.memory[at + i] = ord(c)
                continue
            at = g.realloc(at, units, 1, worst * units)
            data = text.encode()
            g.memory[at + i : at + len(data)] = data[i:]
            if worst * units > len(data):
                at = g.realloc(at, worst * units, 1, len(data))
            return at, len(data)
        return at, units

    def to_utf16(self, text: str, units: int) -> tuple[int, int]:
        g = self.g
        at = g.realloc(0, 0, 2, 2 * units)
        data = text.encode("utf-16-le")
        g.memory[at : at + len(data)] = data
        if len(data) < 2 * units:
            at = g.realloc(at, 2 * units, 2, len(data))
        return at, len(data) // 2

    def maybe_latin1(self, text: str, units: int) -> tuple[int, int]:
        g = self.g
        at = g.realloc(0, 0, 2, units)
        for done, c in enumerate(text):
            if ord(c) < 256:
                g.memory[at + done] = ord(c)
                continue
            at = g.realloc(at, units, 2, 2 * units)
            data = text.encode("utf-16-le")
            g.memory[at : at + len(data)] = data
            if 2 * units > len(data):
                at = g.realloc(at, 2 * units, 2, len(data))
            return at, len(data) // 2 | g.tag
        if len(text) < units:
            at = g.realloc(at, units, 2, len(text))
        return at, len(text)

    def probably_utf16(self, text: str, units: int) -> tuple[int, int]:
        g = self.g
        at = g.realloc(0, 0, 2, 2 * units)
        data = text.encode("utf-16-le")
        g.memory[at : at + len(data)] = data
        if max(text, default="") > "\xff":
            return at, units | g.tag
        g.memory[at : at + units] = text.encode("latin-1")
        return g.realloc(at, 2 * units, 1, units), units
