"""Random types, values of them, and two guests' memories to pass them through."""

import random
import string
import struct
from array import array
from dataclasses import dataclass
from typing import Any

from wadjet.canon.classes import Classes
from wadjet.canon.context import FUEL, Context
from wadjet.canon.instance import ComponentInstance
from wadjet.canon.program import Coder, Program
from wadjet.canon.shims import Shims
from wadjet.canon.tasks import Scheduler
from wadjet.canon.host import Host
from wadjet.canon.values import Err, Ok, Some
from wadjet.component.component import Component
from wadjet.component.plan import plan
from wadjet.component.types import (
    BOOL, CHAR, F32, F64, KEYS, PRIMS, ERROR_CONTEXT, S8, STRING, U8, Defined, Enum, Flags, List,
    Map, Option, Prim, Record, Result, Tuple, Variant,
)  # fmt: skip
from wadjet.component.validate import validate
from wadjet.core.types import I32, I64, Limits, MemoryType, NumType
from wadjet.engine.runtime.memory import Memory
from wadjet.engine.runtime.store import Store

Type = Prim | Defined
ENCODINGS = ("utf8", "utf16", "latin1+utf16")
SIMPLE = [t for t in PRIMS if t is not ERROR_CONTEXT]
NUMBERS = [t for t in SIMPLE if t not in (BOOL, CHAR, STRING)]


# --- types ----------------------------------------------------------------------------------------


def some_type(rng: random.Random, depth: int = 3) -> Type:
    """A type of at most this depth."""
    if depth == 0 or rng.random() < 0.3:
        return rng.choice(SIMPLE)
    return Defined(_shape(rng, depth - 1))


def _labels(count: int) -> tuple[str, ...]:
    return tuple([f"{string.ascii_lowercase[i % 26]}-l{i}" for i in range(count)])


def _shape(rng: random.Random, depth: int) -> Any:
    def part() -> Type:
        return some_type(rng, depth)

    def maybe() -> Type | None:
        return part() if rng.random() < 0.7 else None

    match rng.randrange(10):
        case 0:
            return Record(tuple([(label, part()) for label in _labels(rng.randint(1, 6))]))
        case 1:
            return Tuple(tuple([part() for _ in range(rng.randint(1, 5))]))
        case 2:
            count = rng.choice((1, 2, 3, 9, 12)) if rng.random() < 0.97 else 300
            return Variant(tuple([(label, maybe()) for label in _labels(count)]))
        case 3:
            return Enum(_labels(rng.choice((1, 2, 5, 256, 257))))
        case 4:
            return Flags(_labels(rng.choice((1, 8, 9, 16, 17, 32))))
        case 5:
            return Option(part())
        case 6:
            return Result(maybe(), maybe())
        case 7:
            return List(part(), rng.randint(1, 4))
        case 8:
            return Map(rng.choice([t for t in SIMPLE if t in KEYS]), part())
    return List(part())


# --- values ---------------------------------------------------------------------------------------


def some_value(rng: random.Random, t: Type, classes: Classes) -> Any:
    """A value of a type, in Python's form."""
    if isinstance(t, Prim):
        return _prim(rng, t)

    def of(part: Any) -> Any:
        return some_value(rng, part, classes)

    match t.shape:
        case Record(fields):
            return classes.record(t)[0](*[of(part) for _, part in fields])
        case Tuple(items):
            return tuple([of(part) for part in items])
        case Variant(cases):
            index = rng.randrange(len(cases))
            make, payload = classes.variant(t)[index], cases[index][1]
            return make() if payload is None else make(of(payload))
        case Enum():
            return rng.choice(classes.enum(t))
        case Flags(labels):
            return classes.flags(t)(rng.getrandbits(len(labels)))
        case Option(inner):
            if rng.random() < 0.4:
                return None
            nested = isinstance(inner, Defined) and isinstance(inner.shape, Option)
            return Some(of(inner)) if nested else of(inner)
        case Result(ok, error):
            make, part = (Ok, ok) if rng.random() < 0.5 else (Err, error)
            return make(None if part is None else of(part))
        case Map(key, value):
            return {of(key): of(value) for _ in range(rng.randint(0, 3))}
        case List(element, length):
            count = rng.choice((0, 1, 3, 17)) if length is None else length
            return _list([of(element) for _ in range(count)], element, length)
    raise AssertionError(t.shape)


LETTERS = dict(zip("s8 u8 s16 u16 s32 u32 s64 u64 f32 f64".split(), "bBhHiIqQfd", strict=True))


def _list(items: list[Any], element: Any, length: int | None) -> Any:
    if length is not None or element not in NUMBERS:
        return items
    return bytes(items) if element is U8 else array(LETTERS[element.name], items)


def _prim(rng: random.Random, t: Prim) -> Any:
    if t is BOOL:
        return rng.random() < 0.5
    if t is CHAR:
        return _char(rng)
    if t is STRING:
        kinds = (string.ascii_letters, "aé\xff", "aλ中", "a\U0001f600é")
        return "".join(rng.choices(rng.choice(kinds), k=rng.choice((0, 1, 5, 40))))
    if t is F32 or t is F64:
        value = rng.choice((0.0, -0.0, 1.5, -2.25, float("inf"), rng.uniform(-1e9, 1e9)))
        return struct.unpack("<f", struct.pack("<f", value))[0] if t is F32 else value
    bits = int(t.name[1:])
    value = rng.choice((0, 1, (1 << bits) - 1, 1 << bits - 1, rng.getrandbits(bits)))
    return value - (1 << bits) if t.name[0] == "s" and value >> bits - 1 else value


def _char(rng: random.Random) -> str:
    number = rng.choice((0, 0x7F, 0xD7FF, 0xE000, 0xFFFF, 0x10FFFF, rng.randrange(0xD800)))
    return chr(number)


# --- guests ---------------------------------------------------------------------------------------


@dataclass
class Guest:
    """A memory with an allocator, as one canonical definition sees it, and code for values."""

    cx: Context
    coder: Coder


class Bump:
    """An allocator of one memory, which begins anew now and then."""

    def __init__(self, memory: Memory) -> None:
        self.memory = memory
        self.next = 64

    def __call__(self, old: int, old_size: int, align: int, size: int) -> int:
        p = self.next + align - 1 & -align
        self.next = p + size
        short = self.next - len(self.memory.view)
        if short > 0:
            self.memory.grow((short >> 16) + 1)
        kept = min(old_size, size)
        self.memory.view[p : p + kept] = self.memory.view[old : old + kept].tobytes()
        return p


class World:
    """Where guests are made."""

    def __init__(self) -> None:
        self.store = Store()
        self.program = Program(plan(validate(Component())), "interpreter")
        scheduler = Scheduler(self.store, Shims(self.store, "interpreter"), Host())
        self.inst = ComponentInstance(self.program, scheduler)
        self.classes = self.program.classes
        self._memories = {ptr: Memory(MemoryType(Limits(2, None, ptr))) for ptr in (I32, I64)}

    def fresh(self) -> None:
        """Forget the code of all types so far."""
        self.program = Program(self.program.plan, "interpreter")
        self.inst = ComponentInstance(self.program, self.inst.scheduler)
        self.classes = self.program.classes

    def guest(self, ptr: NumType, encoding: str) -> Guest:
        """A guest with addresses of this type and strings in this encoding."""
        memory = self._memories[ptr]
        cx = Context(self.inst, memory, Bump(memory), self.inst, ptr.size)
        cx.fuel = FUEL
        return Guest(cx, self.program.coder(ptr, encoding))


def any_guest(rng: random.Random, world: World) -> Guest:
    """A guest of some kind."""
    return world.guest(rng.choice((I32, I64)), rng.choice(ENCODINGS))


__all__ = ["ENCODINGS", "S8", "Guest", "World", "any_guest", "some_type", "some_value"]
