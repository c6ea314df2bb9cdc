"""What a hostile guest may put into its memory or pass: adapters trap for it, each with the words
that fit, and in every tier."""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.canon.adapters_cases import ENCODINGS, PAGES, Cases, Linked, export, link
from tests.canon.adapters_reference import Guest, Lowering, Stopped, lift_values
from wadjet.base.errors import Trap
from wadjet.canon.adapters import Side
from wadjet.component.abi import MAX_FLAT_PARAMS, flatten_types
from wadjet.component.types import (
    BOOL, CHAR, STRING, U8, U32, U64, Defined, Enum, Flags, FuncType, List, Option, Prim, Record,
    Tuple, Variant,
)  # fmt: skip
from wadjet.core.types import I64, Limits, MemoryType

SIZE = PAGES << 16
TIERS = ("interpreter", "optimizing")
POINTERS = "pointer out of bounds of memory"
LISTS = "list content out-of-bounds"
STRINGS = "string content out-of-bounds"
UNALIGNED = "unaligned pointer"
CASE = "invalid variant discriminant"
BAD_CHAR = "invalid `char` bit pattern"

MEMORY = {32: MemoryType(Limits(0)), 64: MemoryType(Limits(0, None, I64))}
PAIR = Defined(Record((("a", U32), ("b", U64))))
MANY = tuple([Defined(Option(U32))] * 9)
BIG = Defined(Variant(tuple((f"c{i}", None) for i in range(300))))


def side(encoding: Any = "utf8", bits: int = 32) -> Side:
    return Side(MEMORY[bits], encoding, True)


def func(params: tuple[Any, ...], result: Any = None) -> FuncType:
    return FuncType(tuple((f"p{i}", t) for i, t in enumerate(params)), result)


def write(linked: Linked, name: str, at: int, data: bytes) -> None:
    instance = linked.lower if name == "lower" else linked.lift
    export(instance, "memory").view[at : at + len(data)] = data


def ready(t: FuncType, lower: Side, lift: Side, tier: str) -> Linked:
    linked = link(t, lower, lift, tier)
    for instance in (linked.lower, linked.lift):
        export(instance, "top").set_raw(1024)
    return linked


#: type of the parameter, core values, what lies at 64 in the caller's memory, the trap's words
PARAMS: list[tuple[Prim | Defined, tuple[int, ...], bytes, str]] = [
    (CHAR, (0xD800,), b"", BAD_CHAR),
    (CHAR, (0xDFFF,), b"", BAD_CHAR),
    (CHAR, (0x110000,), b"", BAD_CHAR),
    (CHAR, (0xFFFFFFFF,), b"", BAD_CHAR),
    (Defined(Enum(("a", "b"))), (2,), b"", CASE),
    (Defined(Option(U8)), (0xFFFFFFFF, 0), b"", CASE),
    (BIG, (300,), b"", CASE),
    (Defined(List(U8)), (SIZE, 1), b"", LISTS),
    (Defined(List(U8)), (SIZE + 1, 0), b"", LISTS),
    (Defined(List(U8)), (0, SIZE + 1), b"", LISTS),
    (Defined(List(U8)), (0xFFFFFFFF, 2), b"", LISTS),
    (Defined(List(U8)), (0, 0xFFFFFFFF), b"", LISTS),
    (Defined(List(U32)), (2, 0), b"", UNALIGNED),
    (Defined(List(U32)), (8, 0x40000001), b"", LISTS),
    (Defined(List(U32)), (8, 1 << 26), b"", LISTS),
    (Defined(List(PAIR)), (4, 1), b"", UNALIGNED),
    (Defined(List(PAIR)), (SIZE - 8, 1), b"", LISTS),
    (Defined(List(CHAR)), (64, 2), b"a\0\0\0\0\xd8\0\0", BAD_CHAR),
    (Defined(List(BIG)), (64, 2), b"\x2b\x01\x2c\x01", CASE),
    (Defined(List(Defined(Option(CHAR)))), (64, 1), b"\1\0\0\0\0\0\x11\0", BAD_CHAR),
    (Defined(List(Defined(Option(CHAR)))), (64, 1), b"\2\0\0\0\0\0\0\0", CASE),
    (Defined(List(STRING)), (64, 1), b"\xff\xff\xff\xff\1\0\0\0", STRINGS),
    (Defined(List(Defined(List(U32)))), (64, 1), b"\2\0\0\0\0\0\0\0", UNALIGNED),
    (Defined(Tuple(MANY)), (SIZE - 64,), b"", POINTERS),
    (Defined(Tuple(MANY)), (66,), b"", UNALIGNED),
    (Defined(Tuple(MANY)), (0xFFFFFFFC,), b"", POINTERS),
    (Defined(Tuple(MANY)), (64,), b"\2", CASE),
]


@pytest.mark.parametrize("tier", TIERS)
@pytest.mark.parametrize(("t", "given", "data", "words"), PARAMS)
def test_bad_parameters_trap(
    t: Prim | Defined, given: tuple[int, ...], data: bytes, words: str, tier: str
) -> None:
    linked = ready(func((t,)), side(), side(), tier)
    write(linked, "lower", 64, data)
    with pytest.raises(Trap, match=words):
        linked.call(*given)


@pytest.mark.parametrize("tier", TIERS)
@pytest.mark.parametrize(
    ("given", "words"),
    [
        ((1 << 63, 1), LISTS),
        ((0, 1 << 63), LISTS),
        (((1 << 64) - 8, 1), LISTS),
        (((1 << 64) - 8, 2), LISTS),
        ((1 << 32, 1), LISTS),
        ((0, 1 << 32), LISTS),
        ((4, 1), UNALIGNED),
    ],
)
def test_bad_long_addresses_trap(given: tuple[int, ...], words: str, tier: str) -> None:
    linked = ready(func((Defined(List(U64)),)), side(bits=64), side(), tier)
    with pytest.raises(Trap, match=words):
        linked.call(*given)


def strings() -> Iterator[tuple[str, bytes, str]]:
    """Ill-formed strings by encoding, with the words of their traps."""
    for data in (
        "80", "BF", "C0 80", "C1 BF", "E0 80 80", "E0 9F BF", "ED A0 80", "ED BF BF", "F0 80 80 80",
        "F0 8F BF BF", "F4 90 80 80", "F5 80 80 80", "FF", "FE FF", "C3 28", "E2 82 28",
        "F0 9F 98 28", "C3 C3 A9", "E2 28 A1",
    ):  # fmt: skip
        yield "utf8", bytes.fromhex(data), "invalid utf-8"
    for data in ("C3", "E2 82", "F0 9F 98", "F0"):
        yield "utf8", bytes.fromhex(data), "incomplete utf-8 byte sequence"
    for text in ("\ud800", "\udfff", "\udc00\ud800", "\ud800a", "\ud800\ud800\udc00"):
        yield "utf16", text.encode("utf-16-le", "surrogatepass"), "invalid utf-16"
        yield "latin1+utf16", text.encode("utf-16-le", "surrogatepass"), "invalid utf-16"


@pytest.mark.parametrize("target", ENCODINGS)
@pytest.mark.parametrize(("encoding", "bad", "words"), list(strings()))
def test_ill_formed_strings_trap(encoding: str, bad: bytes, words: str, target: Any) -> None:
    unit, tag = (1, 0) if encoding == "utf8" else (2, (encoding != "utf16") << 31)
    fine = "fine" if unit == 1 else "f\0i\0n\0e\0"
    linked = ready(func((STRING,)), side(encoding), side(target), "interpreter")
    for before, after in ((0, 0), (1, 0), (4, 0), (9, 1), (0, 9)):
        data = fine.encode() * before + bad + fine.encode() * after
        if after and "incomplete" in words:
            continue
        write(linked, "lower", 64, data)
        for flags in linked.flags.values():
            flags.set_raw(3)
        with pytest.raises(Trap, match=words):
            linked.call(64, len(data) // unit | tag)


@pytest.mark.parametrize("target", ENCODINGS)
@pytest.mark.parametrize(("encoding", "codec"), [("utf8", "utf-8"), ("utf16", "utf-16-le")])
def test_what_is_well_formed_is_what_python_decodes(encoding: Any, codec: str, target: Any) -> None:
    cases = Cases(7)
    rng = cases.rng
    linked = ready(func((STRING,)), side(encoding), side(target), "optimizing")
    unit = 1 if encoding == "utf8" else 2
    for _ in range(1500):
        text = "".join(cases.text() for _ in range(rng.randint(1, 4)))
        data = bytearray(text.encode(codec))
        for _ in range(rng.choice((0, 1, 1, 2))):
            place = rng.randrange(len(data) + 1)
            byte = rng.choice((rng.randrange(256), 0x80, 0xBF, 0xC0, 0xED, 0xE0, 0xF0, 0xF4, 0xDC))
            data[place : place + rng.randrange(3)] = bytes([byte])
        del data[len(data) // unit * unit :]
        try:
            bytes(data).decode(codec)
            fine = True
        except UnicodeError:
            fine = False
        for flags in linked.flags.values():
            flags.set_raw(3)
        export(linked.lift, "top").set_raw(1024)
        write(linked, "lower", 64, bytes(data))
        if fine:
            linked.call(64, len(data) // unit)
        else:
            with pytest.raises(Trap, match=r"utf-?8|utf-?16"):
                linked.call(64, len(data) // unit)


@pytest.mark.parametrize(
    ("encoding", "given", "words"),
    [
        ("utf8", (SIZE - 1, 2), STRINGS),
        ("utf8", (0, 1 << 28), STRINGS),
        ("utf8", (0, 0xFFFFFFFF), STRINGS),
        ("utf16", (1, 0), UNALIGNED),
        ("utf16", (0, (SIZE >> 1) + 1), STRINGS),
        ("utf16", (0, 0x80000001), STRINGS),
        ("latin1+utf16", (3, 1), UNALIGNED),
        ("latin1+utf16", (1, 1 << 31), UNALIGNED),
        ("latin1+utf16", (SIZE - 2, 1 << 31 | 2), STRINGS),
        ("latin1+utf16", (SIZE - 2, 3), STRINGS),
        ("latin1+utf16", (0, 0xFFFFFFFF), STRINGS),
    ],
)
@pytest.mark.parametrize("target", ENCODINGS)
def test_bad_ranges_of_strings_trap(
    encoding: Any, given: tuple[int, int], words: str, target: Any
) -> None:
    linked = ready(func((STRING,)), side(encoding), side(target), "interpreter")
    with pytest.raises(Trap, match=words):
        linked.call(*given)


#: type of the result, what the callee returns, the caller's address, the trap's words
RESULTS: list[tuple[Prim | Defined, int, tuple[int, ...], str]] = [
    (PAIR, 4, (64,), UNALIGNED),
    (PAIR, SIZE - 8, (64,), POINTERS),
    (PAIR, 64, (4,), UNALIGNED),
    (PAIR, 64, (SIZE,), POINTERS),
    (CHAR, 0xD900, (), BAD_CHAR),
    (Defined(Enum(("a",))), 1, (), CASE),
    (STRING, SIZE - 4, (64,), POINTERS),
]


@pytest.mark.parametrize("tier", TIERS)
@pytest.mark.parametrize(("t", "returned", "into", "words"), RESULTS)
def test_bad_results_trap(
    t: Prim | Defined, returned: int, into: tuple[int, ...], words: str, tier: str
) -> None:
    linked = ready(func((), t), side(), side(), tier)
    export(linked.lift, "notes").view[1024:1028] = returned.to_bytes(4, "little")
    with pytest.raises(Trap, match=words):
        linked.call(*into)


@pytest.mark.parametrize(
    ("t", "top", "words"),
    [
        (STRING, SIZE - 1, STRINGS),
        (Defined(List(U8)), SIZE - 1, LISTS),
        (Defined(List(U32)), 0xFFFFFFF0, LISTS),
        (Defined(Tuple(MANY)), SIZE - 8, POINTERS),
    ],
)
def test_what_realloc_returns_is_checked(t: Prim | Defined, top: int, words: str) -> None:
    linked = ready(func((t,)), side(), side(), "interpreter")
    export(linked.lift, "top").set_raw(top)
    with pytest.raises(Trap, match=words):
        linked.call(*(64, 2)[: 1 if isinstance(t, Defined) and isinstance(t.shape, Tuple) else 2])


def test_bits_that_mean_nothing_do_not_pass() -> None:
    t = Defined(Tuple((BOOL, Defined(Flags(("a", "b", "c"))), U8)))
    linked = ready(func((t, Defined(List(t)))), side(), side(), "interpreter")
    write(linked, "lower", 64, b"\x80\xff\xff")
    linked.call(256, 0xFFFFFFFF, 0xFFFFFF00, 64, 1)
    notes = export(linked.lift, "notes").view
    assert [notes[16 * i : 16 * i + 4].tobytes() for i in range(3)] == [
        b"\1\0\0\0", b"\7\0\0\0", b"\0\0\0\0"
    ]  # fmt: skip
    assert export(linked.lift, "memory").view[1024:1027] == b"\1\7\xff"


@pytest.mark.parametrize("seed", range(200))
def test_random_memory_traps_or_is_right(seed: int) -> None:
    """Arguments and memory at random: the reference and the adapter agree on whether they trap."""
    cases = Cases(seed)
    rng = cases.rng
    lower, lift = cases.side(), cases.side()
    t = func(tuple(cases.type(2, True) for _ in range(rng.randint(1, 3))))
    params = [p for _, p in t.params]
    flat = flatten_types(params, lower.ptr)
    if flat is None:
        flat = (lower.ptr,)
    linked = ready(t, lower, lift, "interpreter")
    for _ in range(10):
        small = bytes(rng.choice((0, 0, 0, 1, 2, 8, 16, 0x41, 0xC3, 0xA9)) for _ in range(512))
        caller = Guest(bytearray(small * (SIZE // 512)), lower.ptr, lower.encoding)
        given = [rng.choice((0, 1, 2, 4, 8, 16, 64, 300, 1 << 16, SIZE, 1 << 31)) for _ in flat]
        write(linked, "lower", 0, bytes(caller.memory))
        export(linked.lift, "top").set_raw(1024)
        for flags in linked.flags.values():
            flags.set_raw(3)
        stops = False
        callee = Guest(bytearray(export(linked.lift, "memory").view), lift.ptr, lift.encoding)
        there = Lowering(callee)
        there.first_tag = caller.tag
        try:
            there.values(
                MAX_FLAT_PARAMS, lift_values(caller, MAX_FLAT_PARAMS, given, params), params, None
            )
        except Stopped:
            stops = True
        except AssertionError:  # more memory than the guest has
            stops = True
        if stops:
            with pytest.raises(Trap):
                linked.call(*given)
        else:
            linked.call(*given)
            assert export(linked.lift, "memory").view == callee.memory
