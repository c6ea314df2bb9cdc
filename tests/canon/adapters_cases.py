"""Types, values and guests for the tests of adapters, and what runs an adapter between guests."""

import random
from dataclasses import dataclass
from typing import Any

from tests.canon.adapters_reference import Guest, Lowering, handle, lift_values
from wadjet.base.errors import Trap
from wadjet.canon.adapters import REASONS, Adapter, Need, Side, adapter
from wadjet.component.abi import (
    MAX_FLAT_PARAMS, MAX_FLAT_RESULTS, flatten, flatten_functype,
)  # fmt: skip
from wadjet.component.types import (
    ERROR_CONTEXT, F32, F64, KEYS, PRIMS, S8, S16, S32, S64, STRING, U8, U16, U32, U64, Borrow,
    Defined, Enum, Flags, FuncType, Future, List, Map, Option, Own, Prim, Record, Resource,
    ResourceType, Result, Stream, Tuple, Variant,
)  # fmt: skip
from wadjet.core.features import DEFAULT
from wadjet.core.text import parse
from wadjet.core.types import I32, I64, GlobalType, Limits, MemoryType
from wadjet.core.validate import validate
from wadjet.engine.runtime.global_ import Global
from wadjet.engine.runtime.instance import Instance
from wadjet.engine.runtime.instantiate import instantiate
from wadjet.engine.runtime.store import Store
from wadjet.engine.tiers import compile_module

ENCODINGS = ("utf8", "utf16", "latin1+utf16")
PAGES = 3
_EDGES = (0, 1, 0x7F, 0x80, 0xFF, 0x7FFF, 0x8000, 0xFFFF, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF)
_FLOATS = (0, 0x3F800000, 0x7FC00000, 0x7F800001, 0xFFC12345, 0x80000000)
_NUMBERS = [S8, U8, S16, U16, S32, U32, S64, U64, F32, F64]
_CHARS = ("az09 ", "\x00\x7f", "\x80\xe9\xff", "Āж世퟿￿", "😀\U00010000\U0010ffff")


class Cases:
    """Random types and values of them."""

    def __init__(self, seed: int) -> None:
        self.rng = random.Random(seed)

    def type(self, depth: int, borrows: bool) -> Prim | Defined:
        """A value type."""
        rng = self.rng
        if depth == 0 or rng.random() < 0.3:
            return rng.choice(PRIMS) if rng.random() < 0.7 else STRING
        kind = rng.randrange(13 if borrows else 12)
        sub = depth - 1
        match kind:
            case 0 | 1:
                count = rng.choice((1, 2, 3, 5, 9))
                fields = [(f"f{i}", self.type(sub, borrows)) for i in range(count)]
                return Defined(Record(tuple(fields)))
            case 2:
                count = rng.choice((1, 2, 3, 7))
                some = [
                    None if rng.random() < 0.3 else self.type(sub, borrows) for _ in range(count)
                ]
                return Defined(Variant(tuple((f"c{i}", t) for i, t in enumerate(some))))
            case 3 | 4:
                return Defined(List(self.type(sub, borrows)))
            case 5:
                return Defined(List(self.type(sub, borrows), rng.choice((1, 2, 5, 20))))
            case 6:
                return Defined(Map(rng.choice(sorted(KEYS, key=repr)), self.type(sub, borrows)))
            case 7:
                return Defined(
                    Tuple(tuple(self.type(sub, borrows) for _ in range(rng.randint(1, 4))))
                )
            case 8:
                return Defined(
                    Flags(tuple(f"x{i}" for i in range(rng.choice((1, 7, 8, 9, 16, 17, 32)))))
                )
            case 9:
                count = rng.choice((1, 3, 256, 257))
                return Defined(Enum(tuple(f"e{i}" for i in range(count))))
            case 10:
                if rng.random() < 0.5:
                    return Defined(Option(self.type(sub, borrows)))
                ok = None if rng.random() < 0.3 else self.type(sub, borrows)
                return Defined(Result(ok, None if rng.random() < 0.3 else self.type(sub, borrows)))
            case 11:
                resource = ResourceType(Resource("type"))
                return Defined(rng.choice((Own(resource), Stream(None), Future(U8))))
        return Defined(Borrow(ResourceType(Resource("type"))))

    def plain_list(self) -> Defined:
        """A list that is copied as bytes, or nearly one."""
        rng = self.rng
        items = tuple(rng.choice(_NUMBERS) for _ in range(rng.randint(1, 4)))
        return Defined(List(rng.choice((Defined(Tuple(items)), *_NUMBERS))))

    def func(self) -> FuncType:
        """A function type."""
        count = self.rng.choice((0, 1, 1, 2, 3, 6, 18))
        deep = 1 if count > 3 else 3
        params = [self.type(self.rng.randint(0, deep), True) for _ in range(count)]
        if self.rng.random() < 0.1:
            params.append(self.plain_list())
        result = None if self.rng.random() < 0.15 else self.type(self.rng.randint(0, 3), False)
        return FuncType(tuple((f"p{i}", t) for i, t in enumerate(params)), result)

    def text(self) -> str:
        """A string; mostly of few kinds of characters, in runs."""
        rng = self.rng
        kinds = _CHARS[: rng.randint(1, len(_CHARS))]
        parts = []
        for _ in range(rng.choice((0, 1, 1, 3, 8))):
            some = rng.choice(kinds)
            length = rng.choice((1, 1, 2, 7, 8, 9, 15, 16, 17, 40))
            parts.append("".join(rng.choice(some) for _ in range(length)))
        return "".join(parts)

    def value(self, t: Prim | Defined, room: list[int]) -> Any:
        """A value; `room` is how many elements lists may still have."""
        rng = self.rng
        if isinstance(t, Prim):
            return self.scalar(t)
        match t.shape:
            case Record(fields):
                return [self.value(x, room) for _, x in fields]
            case Tuple(items):
                return [self.value(x, room) for x in items]
            case List(element, None):
                return [self.value(element, room) for _ in range(self.length(room))]
            case List(element, length):
                return [self.value(element, room) for _ in range(length)]
            case Map(key, value):
                many = range(self.length(room))
                return [[self.value(key, room), self.value(value, room)] for _ in many]
            case Flags(labels):
                return rng.getrandbits(len(labels))
            case Enum(labels):
                return rng.randrange(len(labels)), None
            case Variant(cases):
                return self.case([x for _, x in cases], room)
            case Option(some):
                return self.case([None, some], room)
            case Result(ok, error):
                return self.case([ok, error], room)
        return rng.getrandbits(28)

    def case(self, cases: list[Any], room: list[int]) -> tuple[int, Any]:
        case = self.rng.randrange(len(cases))
        return case, None if cases[case] is None else self.value(cases[case], room)

    def length(self, room: list[int]) -> int:
        length = min(self.rng.choice((0, 1, 2, 3, 17, 33)), room[0])
        room[0] -= length
        return length

    def scalar(self, t: Prim) -> Any:
        rng = self.rng
        if t is STRING:
            return self.text()
        if t.name == "bool":
            return rng.random() < 0.5
        if t.name == "char":
            return ord(rng.choice(rng.choice(_CHARS)))
        if t is ERROR_CONTEXT:
            return rng.getrandbits(28)
        bits = int(t.name[1:])
        raw = rng.choice((*_EDGES, *_FLOATS, rng.getrandbits(64), rng.getrandbits(64)))
        raw = raw << 32 | raw if bits == 64 and rng.random() < 0.5 else raw
        raw &= (1 << bits) - 1
        return raw - (1 << bits) if t.name[0] == "s" and raw >> bits - 1 else raw

    def side(self, post_return: bool = False) -> Side:
        """Options of a side that has memory and realloc."""
        t = MemoryType(Limits(0, None, self.rng.choice((I32, I32, I64))))
        return Side(t, self.rng.choice(ENCODINGS), True, post_return)

    def guest(self, side: Side) -> Guest:
        """Memory with something in it."""
        memory = bytearray(self.rng.randbytes(4096) * (PAGES * 16))
        return Guest(memory, side.ptr, side.encoding, 1024 + self.rng.randrange(64))


def guest_module(ptr: str, core: Any, memory: str) -> str:
    """A core module with memory, a bump allocator, and a function that notes what it is given in
    a memory of its own, and returns what stands there behind it."""
    params, results = core.params, core.results
    notes = "".join(
        f"({t}.store 1 offset={16 * i} (i32.const 0) (local.get {i}))" for i, t in enumerate(params)
    )
    back = "".join(
        f"({t}.load 1 offset={1024 + 16 * i} (i32.const 0))" for i, t in enumerate(results)
    )
    taken, given = (" ".join(map(repr, ts)) for ts in (params, results))
    return f"""(module
      (memory (export "memory") {ptr} {memory}) (memory (export "notes") 1)
      (global $top (export "top") (mut {ptr}) ({ptr}.const 0))
      (func (export "realloc") (param $old {ptr}) (param $size {ptr}) (param $align {ptr})
          (param $new {ptr}) (result {ptr}) (local $at {ptr})
        (if ({ptr}.ne (local.get $size) ({ptr}.const 0)) (then
          (if ({ptr}.le_u (local.get $new) (local.get $size)) (then (return (local.get $old))))))
        (local.set $at ({ptr}.and
          ({ptr}.sub ({ptr}.add (global.get $top) (local.get $align)) ({ptr}.const 1))
          ({ptr}.sub ({ptr}.const 0) (local.get $align))))
        (global.set $top ({ptr}.add (local.get $at) (local.get $new)))
        (if ({ptr}.ne (local.get $size) ({ptr}.const 0)) (then
          (memory.copy (local.get $at) (local.get $old) (local.get $size))))
        (local.get $at))
      (func (export "callee") (param {taken}) (result {given})
        {notes} {back})
      (func (export "post-return") (param {given})
        (i32.store 1 offset=2048 (i32.const 0)
          (i32.add (i32.load 1 offset=2048 (i32.const 0)) (i32.const 1)))))"""


@dataclass
class Linked:
    """Two guests and the adapter between them."""

    adapter: Adapter
    lower: Instance
    lift: Instance
    joined: Instance
    flags: dict[tuple[str | None, int], Global]
    hooks: list[str]

    def call(self, *args: int) -> list[int]:
        """Call the lowered function."""
        return self.run("call", *args)

    def run(self, name: str, *args: int) -> list[int]:
        """Call an export of the adapter."""
        return self.joined.func(self.index(name)).call_raw(list(args))

    def index(self, name: str) -> int:
        exports = self.adapter.valid.module.exports
        return next(e.index for e in exports if e.name == name)


def instance_of(store: Store, side: Side, core: Any, tier: str, pages: int = PAGES) -> Instance:
    """The instance of a guest."""
    t = side.memory
    memory = f"{pages}"
    if t is not None and t.page_log2 == 0:
        memory = f"{pages << 16} (pagesize 1)"
    elif t is not None and t.shared:
        memory = f"{pages} {t.limits.max} shared"
    features = DEFAULT | {"custom-page-sizes"}
    valid = validate(parse(guest_module(side.ptr.name, core, memory), features), features)
    return instantiate(store, compile_module(valid, tier), [])


def export(instance: Instance, name: str) -> Any:
    """What an instance exports under a name."""
    found = next(e for e in instance.module.exports if e.name == name)
    match found.kind:
        case "func":
            return instance.func(found.index)
        case "memory":
            return instance.memories[found.index]
    return instance.globals[found.index]


def link(t: FuncType, lower: Side, lift: Side, tier: str, entering: int = 1) -> Linked:
    """Guests joined by an adapter."""
    made = adapter(t, lower, lift, entering)
    store = Store()
    core = flatten_functype(t, lift.ptr, "lift", is_async=lift.is_async, callback=lift.callback)
    sides = {
        "lower": instance_of(store, lower, core, tier), "lift": instance_of(store, lift, core, tier)
    }  # fmt: skip
    flags: dict[tuple[str | None, int], Global] = {}
    hooks: list[str] = []

    def stop(code: int) -> None:
        raise Trap(REASONS[code])

    def given(need: Need) -> object:
        match need.kind:
            case "flags":
                return flags.setdefault((need.side, need.index), Global(GlobalType(I32, True), 3))
            case "trap":
                return stop
            case "enter" | "exit" | "leave":
                return lambda: hooks.append(need.kind)
            case "memory" | "realloc" | "callee" | "post-return":
                return export(sides[str(need.side)], need.kind)
        assert need.kind in ("own", "borrow", "stream", "future", "error-context")
        return lambda i: signed(handle(i & 0xFFFFFFFF))

    code = compile_module(made.valid, tier)
    joined = instantiate(store, code, [given(need) for need in made.needs])
    return Linked(made, sides["lower"], sides["lift"], joined, flags, hooks)


def signed(i: int) -> int:
    return i - (1 << 32) if i >> 31 else i


def put(instance: Instance, guest: Guest) -> None:
    """Make an instance what a guest of the reference is."""
    export(instance, "memory").view[:] = guest.memory
    export(instance, "top").set_raw(guest.top)


def check(cases: Cases, t: FuncType, lower: Side, lift: Side, linked: Linked) -> None:
    """One call with random arguments and a random result, against the reference."""
    params = [p for _, p in t.params]
    results = [] if t.result is None else [t.result]
    caller, callee = cases.guest(lower), cases.guest(lift)
    room = [120]
    arguments = [cases.value(p, room) for p in params]
    given = Lowering(caller, cases.rng).values(MAX_FLAT_PARAMS, arguments, params, None)
    answer = [cases.value(r, room) for r in results]
    returned = Lowering(callee, cases.rng).values(MAX_FLAT_RESULTS, answer, results, None)
    flat = () if t.result is None else flatten(t.result, lower.ptr)
    into = None
    if flat is None or len(flat) > MAX_FLAT_RESULTS:
        into = caller.realloc(0, 0, 8, 1 << 12)
    put(linked.lower, caller)
    put(linked.lift, callee)
    notes = export(linked.lift, "notes").view
    for i, value in enumerate(returned):
        notes[1024 + 16 * i : 1032 + 16 * i] = value.to_bytes(8, "little")
    got = linked.call(*given, *([] if into is None else [into]))
    core = flatten_functype(t, lift.ptr, "lift")
    there = Lowering(callee)
    there.first_tag = caller.tag
    lifted = lift_values(caller, MAX_FLAT_PARAMS, given, params)
    wanted = there.values(MAX_FLAT_PARAMS, lifted, params, None)
    noted = [
        int.from_bytes(notes[16 * i : 16 * i + p.size], "little") for i, p in enumerate(core.params)
    ]
    assert noted == wanted, "parameters"
    assert export(linked.lift, "memory").view == callee.memory, "memory of the callee"
    back = Lowering(caller)
    back.first_tag = callee.tag
    lifted = lift_values(callee, MAX_FLAT_RESULTS, returned, results)
    assert got == back.values(MAX_FLAT_RESULTS, lifted, results, into), "results"
    assert export(linked.lower, "memory").view == caller.memory, "memory of the caller"
    assert all(g.get_raw() == 3 for g in linked.flags.values())
