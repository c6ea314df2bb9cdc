"""Guests that lie: whatever they leave in their memories or pass as core values, lifting gives a
value or traps, and reads nothing outside of the memory."""

import os
import random

import pytest

from tests.canon.generated import ENCODINGS, Guest, World, some_type
from tests.canon.test_roundtrip import core
from wadjet.base.errors import Exhaustion, Invalid, Malformed, Timeout, Trap
from wadjet.canon import context
from wadjet.canon.context import FUEL
from wadjet.canon.passages import lifter, lowerer
from wadjet.canon.root import instantiate
from wadjet.canon.streams import GuestBuffer, Window
from wadjet.component import text
from wadjet.component.abi import MAX_FLAT_PARAMS, flatten_types
from wadjet.component.features import ALL
from wadjet.component.types import CHAR, STRING, U8, U16, U64, Defined, Enum, List, Variant
from wadjet.component.validate import validate
from wadjet.core.types import F32, F64, I32, I64
from wadjet.engine.runtime.budget import Limits
from wadjet.engine.runtime.store import Store

CASES = int(os.environ.get("WADJET_CASES", "800"))


@pytest.mark.parametrize("seed", range(2))
def test_any_bytes_are_a_value_or_trap(seed: int) -> None:
    rng = random.Random(seed)
    world = World()
    trapped = 0
    for number in range(CASES // 2):
        if number % 200 == 0:
            world.fresh()
        t = some_type(rng)
        guest = world.guest(rng.choice((I32, I64)), rng.choice(ENCODINGS))
        memory = guest.cx.memory.view
        spot = rng.randrange(0, 4096)
        memory[spot : spot + 512] = rng.randbytes(512)
        bits = 8 * guest.coder.codec.ptr.size
        address = rng.choice(
            (spot & -8, spot, len(memory) - rng.randrange(64), rng.getrandbits(bits))
        )
        guest.cx.fuel = 1 << 24
        lift = lifter(guest.coder, (t,), 0)
        trapped += is_trap(lift, guest, address - (1 << bits if address >> bits - 1 else 0))
    assert trapped > CASES // 40


def is_trap(lift: object, guest: Guest, *flats: float) -> bool:
    try:
        lift(guest.cx, *flats)  # type: ignore[operator]
    except (Trap, Exhaustion):
        return True
    return False


@pytest.mark.parametrize("seed", range(2))
def test_any_core_values_are_a_value_or_trap(seed: int) -> None:
    rng = random.Random(seed)
    world = World()
    for _ in range(CASES // 4):
        t = some_type(rng, 2)
        guest = world.guest(rng.choice((I32, I64)), rng.choice(ENCODINGS))
        flats = flatten_types([t], guest.coder.codec.ptr)
        if flats is None:
            continue
        raw = tuple(
            [rng.uniform(-9, 9) if f in (F32, F64) else rng.getrandbits(8 * f.size) for f in flats]
        )
        guest.cx.fuel = 1 << 24
        lift = lifter(guest.coder, (t,), MAX_FLAT_PARAMS)
        is_trap(lift, guest, *core(guest, t, MAX_FLAT_PARAMS, raw))


WRONG = [
    (CHAR, (0x110000).to_bytes(4, "little"), "invalid `char` bit pattern"),
    (CHAR, (0xD800).to_bytes(4, "little"), "invalid `char` bit pattern"),
    (CHAR, (0xDFFF).to_bytes(4, "little"), "invalid `char` bit pattern"),
    (Defined(Enum(("a", "b"))), b"\x02", "invalid variant discriminant"),
    (Defined(Variant((("a", None), ("b", U8)))), b"\x02\0", "invalid variant discriminant"),
    (STRING, b"\0\0\x10\0\x01\0\0\0", "out of bounds"),
    (STRING, b"\xff\xff\xff\xff\x02\0\0\0", "out of bounds"),
    (STRING, b"\0\0\0\0\0\0\0\x80", "out of bounds"),
    (Defined(List(U64)), b"\x04\0\0\0\x01\0\0\0", "unaligned pointer"),
    (Defined(List(U64)), b"\0\0\0\0\xff\xff\xff\xff", "too many"),
    (Defined(List(U16)), b"\xfe\xff\x01\0\x02\0\0\0", "out of bounds"),
]


@pytest.mark.parametrize(("t", "data", "words"), WRONG)
def test_what_is_wrong_traps_with_a_reason(t: Defined, data: bytes, words: str) -> None:
    guest = World().guest(I32, "utf8")
    guest.cx.memory.view[64 : 64 + len(data)] = data
    with pytest.raises(Trap, match=words):
        lifter(guest.coder, (t,), 0)(guest.cx, 64)


@pytest.mark.parametrize(
    ("encoding", "data"),
    [
        ("utf8", b"\xff"),
        ("utf8", b"\xed\xa0\x80"),
        ("utf8", b"\xc0\x80"),
        ("utf8", b"\xf4\x90\x80\x80"),
        ("utf8", b"a\xe4\xb8"),
        ("utf16", b"\x00\xd8"),
        ("utf16", b"\x00\xdc\x00\xd8"),
    ],
)
def test_strings_that_are_none(encoding: str, data: bytes) -> None:
    guest = World().guest(I32, encoding)
    guest.cx.memory.view[1024 : 1024 + len(data)] = data
    units = len(data) // (2 if encoding == "utf16" else 1)
    with pytest.raises(Trap):
        lifter(guest.coder, (STRING,), 2)(guest.cx, 1024, units)


def test_lists_that_overlap_meet_a_limit() -> None:
    guest = World().guest(I32, "utf8")
    view = guest.cx.memory.view
    view[0:0x10000] = (0).to_bytes(4, "little") + (0x10000).to_bytes(4, "little") + bytes(0xFFF8)
    for at in range(0, 0x10000, 8):
        view[at : at + 8] = (0).to_bytes(4, "little") + (0x1F000).to_bytes(4, "little")
    lift = lifter(guest.coder, (Defined(List(Defined(List(U8)))),), 2)
    guest.cx.fuel = FUEL >> 4
    with pytest.raises(Exhaustion, match="exceed"):
        lift(guest.cx, 0, 0x2000)


@pytest.mark.parametrize("answer", [3, 1 << 17, 0xFFFF_FFF0, -8])
def test_allocators_that_lie(answer: int) -> None:
    guest = World().guest(I32, "utf8")
    liar = context.Context(guest.cx.inst, guest.cx.memory, lambda *_: answer, guest.cx.inst, 4)
    with pytest.raises(Trap, match="realloc return"):
        lowerer(guest.coder, (Defined(List(U64)),), 16)(liar, [1, 2])


def test_buffers_that_lie() -> None:
    cx = World().guest(I32, "utf8").cx
    for p, length in ((1, 2), (1 << 17, 1), (8, 1 << 28), (0x1FFFC, 1)):
        with pytest.raises(Trap):
            GuestBuffer(Window(cx, U64, I32, "utf8"), p, length)


def doubling(levels: int) -> str:
    """A component that makes 2^levels instances."""
    inner = "(component $c0)"
    for level in range(1, levels + 1):
        twice = f"(instance (instantiate $c{level - 1}))" * 2
        inner = f"(component $c{level} {inner} {twice})"
    return inner


def test_instances_by_the_million_meet_a_limit() -> None:
    component = validate(text.parse(doubling(40), ALL), ALL)
    with pytest.raises(Exhaustion, match="instances"):
        instantiate(component, {}, tier="interpreter")


HOARDER = """(component
  (core module $libc (memory (export "mem") 1) (table (export "table") 1 funcref))
  (core instance $libc (instantiate $libc))
  (type $mine (resource (rep i32)))
  (type $bytes (stream u8))
  (core func $new (canon {builtin}))
  (core module $m
    (import "" "new" (func $new (param {params}) (result {result})))
    (func (export "run") (loop (drop (call $new {args})) (br 0))))
  (core instance $i (instantiate $m (with "" (instance (export "new" (func $new))))))
  (func (export "run") (canon lift (core func $i "run"))))"""


@pytest.mark.parametrize(
    ("builtin", "args", "result"),
    [
        ("waitable-set.new", [], "i32"),
        ("resource.new $mine", [7], "i32"),
        ("stream.new $bytes", [], "i64"),
        ('error-context.new (memory (core memory $libc "mem"))', [0, 100], "i32"),
    ],
)
def test_handles_by_the_million_meet_a_limit(
    builtin: str, args: list[int], result: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if args or result == "i64":
        monkeypatch.setattr("wadjet.canon.table.MAX_LENGTH", 50_000)
    source = HOARDER.format(
        builtin=builtin,
        params=" ".join("i32" for _ in args),
        result=result,
        args=" ".join(f"(i32.const {arg})" for arg in args),
    )
    component = validate(text.parse(source, ALL), ALL)
    instance = instantiate(component, {}, tier="auto")
    with pytest.raises(Trap, match="too many handles"):
        instance.exports["run"]()
    with pytest.raises(Trap, match="cannot enter"):
        instance.exports["run"]()


TWICE = " ".join(f"(type $t{i} (tuple $t{i - 1} $t{i - 1}))" for i in range(1, 60))
IN_ITSELF = "(component $c (alias outer $c 0 (component $x)) (instance (instantiate $x)))"


@pytest.mark.parametrize(
    ("source", "words"),
    [
        (f"(component (type {'(tuple ' * 20_000}u8{')' * 20_000}))", "nesting too deep"),
        (f"(component (type $t0 (tuple u8 u8)) {TWICE})", "effective type size exceeds"),
        (f"{'(component ' * 5_000}{')' * 5_000}", "nesting too deep"),
        ("(component (type (list (list u8 65535) 65535)))", "exceeds maximum byte size"),
        (IN_ITSELF, "unknown component"),
        (f"(component {IN_ITSELF})", "unknown component"),
    ],
)
def test_types_and_components_out_of_proportion_are_rejected(source: str, words: str) -> None:
    with pytest.raises((Malformed, Invalid), match=words):
        validate(text.parse(source, ALL), ALL)


HUGE = """(component
  (core module $m (memory (export "mem") 1)
    (func (export "f") (result i32)
      (i32.store (i32.const 0) (i32.const 16)) (i32.store (i32.const 4) (i32.const -1))
      (i32.const 0)))
  (core instance $i (instantiate $m))
  (func (export "f") (result {})
    (canon lift (core func $i "f") (memory (core memory $i "mem")))))"""


@pytest.mark.parametrize(
    "t", ["string", "(list u8)", "(list bool)", "(list (list string))", "(map u8 u64)"]
)
def test_lists_that_are_huge_trap(t: str) -> None:
    component = validate(text.parse(HUGE.format(t), ALL), ALL)
    with pytest.raises(Trap, match="out of bounds of memory"):
        instantiate(component, {}, tier="auto").exports["f"]()


CALLER = """(component
  (import "g" (func $g))
  (core func $g (canon lower (func $g)))
  (core module $m (import "" "g" (func $g)) (func (export "f") (call $g)))
  (core instance $i (instantiate $m (with "" (instance (export "g" (func $g))))))
  (func (export "f") (canon lift (core func $i "f"))))"""


def test_instances_do_not_come_back_to_themselves() -> None:
    component = validate(text.parse(CALLER, ALL), ALL)
    instance = instantiate(component, {"g": lambda: instance.exports["f"]()}, tier="auto")
    with pytest.raises(Trap, match="cannot enter"):
        instance.exports["f"]()


SPIN = """(component
  (core func $yield (canon thread.yield))
  (core module $m
    (import "" "yield" (func $yield (result i32)))
    (func (export "run") (loop (drop (call $yield)) (br 0))))
  (core instance $i (instantiate $m (with "" (instance (export "yield" (func $yield))))))
  (func (export "run") async (canon lift (core func $i "run"))))"""


@pytest.mark.parametrize("tier", ["interpreter", "auto"])
def test_tasks_that_never_return_meet_a_limit(tier: str) -> None:
    component = validate(text.parse(SPIN, ALL), ALL)
    for _ in range(20):  # the alarm rings at a different moment each time
        instance = instantiate(component, {}, tier=tier, store=Store(Limits(seconds=0.02)))
        with pytest.raises(Timeout):
            instance.exports["run"]()
