"""Bytes → Module: what is malformed, how it is said, and what hostile bytes must not do."""

import tracemalloc
from itertools import pairwise

import pytest

from tests.core.everything import body, everything
from wadjet.base.errors import Malformed
from wadjet.base.leb128 import unsigned
from wadjet.core import limits
from wadjet.core.binary import decode, encode, encode_names, sections
from wadjet.core.binary.write_types import blob, name, vector
from wadjet.core.features import ALL, DEFAULT, WASM1, WASM2, Features
from wadjet.core.module import Custom, Module, Names
from wadjet.core.opcodes import PREFIXES, ROWS, Op

HEADER = b"\0asm\1\0\0\0"
TYPE = b"\1\4\1\x60\0\0"


def section(number: int, content: bytes) -> bytes:
    return bytes([number]) + blob(content)


def one_function(code: bytes, before: bytes = b"") -> bytes:
    """A module with one function, whose locals and body are `code`."""
    return HEADER + TYPE + section(3, b"\1\0") + before + section(10, b"\1" + blob(code))


def complaint(data: bytes, chosen: Features = DEFAULT) -> str:
    with pytest.raises(Malformed) as caught:
        decode(data, chosen)
    return caught.value.message


# The preamble and the order of sections.


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "unexpected end"),
        (b"\0as", "unexpected end"),
        (b"\0asm\1\0", "unexpected end"),
        (b"wasm\1\0\0\0", "magic header not detected"),
        (b"(module)", "magic header not detected: this looks like text"),
        (b"\0asm\2\0\0\0", "unknown binary version 02 00 00 00"),
        (b"\0asm\x0d\0\1\0", "unknown binary version 0xd in layer 1: this is a component"),
        (HEADER + b"\x0e\0", "malformed section id 14"),
        (HEADER + b"\3\1\0\1\1\0", "unexpected content after last section"),
        (HEADER + b"\1\1\0\1\1\0", "unexpected content after last section"),
        (HEADER + b"\1\2\0\0", "section size mismatch"),
        (HEADER + b"\1\5\0", "length out of bounds"),
        (HEADER + b"\3\2\1\0", "function and code section have inconsistent lengths: 1 and 0"),
        (HEADER + b"\x0c\1\1", "data count and data section have inconsistent lengths: 1 and 0"),
    ],
)
def test_outline(data: bytes, message: str) -> None:
    assert complaint(data).startswith(message)


def test_any_buffer_is_read() -> None:
    data = encode(everything())
    expected = decode(data, ALL)
    assert decode(memoryview(data), ALL) == expected
    assert decode(bytearray(data), ALL) == expected
    padded = b"??" + data + b"??"
    assert decode(memoryview(padded)[2:-2], ALL) == expected


def test_sections_give_the_outline() -> None:
    data = encode(everything())
    found = list(sections(data))
    order = [s.id for s in found if s.id]
    assert order == [1, 2, 3, 4, 5, 13, 6, 7, 8, 9, 12, 10, 11]
    assert found[0].head == 8
    assert found[-1].start + found[-1].size == len(data)
    for before, after in pairwise(found):
        assert before.start + before.size == after.head


def test_custom_sections_know_where_they_stand() -> None:
    customs = [("first", 0), ("first", 0), ("after code", 10), ("name", 11)]
    assert [(c.name, c.after) for c in decode(encode(everything()), ALL).customs] == customs


# Places.


def test_the_place_of_a_fault_in_a_body() -> None:
    two = vector([b"\2\0\x0b", b"\3\0\xff\x0b"])
    imported = section(2, b"\1" + name("m") + name("f") + b"\0\0")
    data = HEADER + TYPE + imported + section(3, b"\2\0\0") + section(10, two)
    with pytest.raises(Malformed) as caught:
        decode(data)
    place = caught.value.place
    assert caught.value.message == "illegal opcode ff"
    assert place is not None
    assert (place.offset, place.function) == (data.index(b"\xff"), 2)
    lazy = decode(data, lazy=True)
    assert lazy.codes[0].body == body()
    with pytest.raises(Malformed, match=r"illegal opcode ff \(offset 0x[0-9a-f]+, function 2\)"):
        _ = lazy.codes[1].body


def test_bodies_remember_where_they_were() -> None:
    data = one_function(b"\0\x41\x80\x01\x1a\x0b")
    code = decode(data).codes[0]
    assert data[code.start : code.start + code.size] == b"\0\x41\x80\x01\x1a\x0b"
    assert [place - code.start for place in code.body.places] == [1, 4, 5]


def test_a_lazy_body_can_be_forgotten() -> None:
    code = decode(one_function(b"\0\1\x0b"), lazy=True).codes[0]
    first = code.body
    assert code.body is first
    code.forget()
    assert code.body is not first
    assert code.body == first


# Features.


def test_every_row_needs_its_feature() -> None:
    for row in ROWS:
        if row.mnemonic in ("else", "end", "catch", "catch_all", "delegate"):
            continue
        without = ALL - {row.feature}
        prefix = f"{row.prefix:02x} " if row.prefix is not None else ""
        head = bytes([row.prefix]) + unsigned(row.code) if row.prefix else bytes([row.code])
        message = complaint(one_function(b"\0" + head + b"\0" * 20), without)
        expected = f"illegal opcode {prefix}{row.code:02x}: {row.mnemonic} needs {row.feature}"
        assert message == expected


@pytest.mark.parametrize(
    ("data", "feature", "message"),
    [
        (section(1, b"\1\x60\1\x7b\0"), "simd", "malformed reference type 0x7b"),
        (section(1, b"\1\x60\1\x6f\0"), "reference-types", "malformed reference type 0x6f"),
        (section(1, b"\1\x60\1\x6e\0"), "gc", "malformed reference type 0x6e"),
        (section(1, b"\1\x60\1\x69\0"), "exceptions", "malformed reference type 0x69"),
        (section(1, b"\1\x60\1\x68\0"), "stack-switching", "malformed reference type 0x68"),
        (section(1, b"\1\x5f\0"), "gc", "malformed definition type 0x5f"),
        (section(1, b"\1\x4e\0"), "gc", "malformed definition type 0x4e"),
        (section(1, b"\2\x60\0\0\x5d\0"), "stack-switching", "malformed definition type 0x5d"),
        (section(1, b"\1\x4d\0\x5f\0"), "custom-descriptors", "malformed definition type 0x4d"),
        (section(1, b"\1\x65\x5f\0"), "shared-everything-threads", "malformed definition type"),
        (section(1, b"\1\x60\1\x63\x62\0\0"), "custom-descriptors", "malformed heap type"),
        (section(2, b"\1\1m\0\x7f\0"), "compact-imports", "malformed import kind 0x7f"),
        (section(2, b"\1\1m\1f\x20\0"), "custom-descriptors", "malformed import kind 0x20"),
        (section(5, b"\1\3\0\0"), "threads", "malformed limits flags 0x03"),
        (section(5, b"\1\4\0"), "memory64", "malformed limits flags 0x04"),
        (section(5, b"\1\x08\0\0"), "custom-page-sizes", "malformed limits flags 0x08"),
        (section(4, b"\1\x70\2\0"), "shared-everything-threads", "tables cannot be shared"),
        (section(6, b"\1\x7f\2\x41\0\x0b"), "shared-everything-threads", "malformed mutability"),
        (section(12, b"\0"), "bulk-memory", "malformed section id 12"),
        (section(11, b"\1\1\0"), "bulk-memory", "malformed data segment kind 0x1"),
    ],
)
def test_constructs_need_their_feature(data: bytes, feature: str, message: str) -> None:
    decode(HEADER + data, ALL)
    # what is shared may come with either of two features
    off = {feature, "shared-everything-threads"} if feature == "threads" else {feature}
    assert complaint(HEADER + data, ALL - off).startswith(message)


def test_indices_that_once_were_zero_bytes() -> None:
    grow = one_function(b"\0\x40\1\x0b")
    decode(grow)
    assert complaint(grow, WASM2) == "zero byte expected"
    call = one_function(b"\0\x11\0\1\x0b")
    decode(call, WASM2)
    assert complaint(call, WASM1) == "zero byte expected"
    load = one_function(b"\0\x28\x42\1\0\x0b")
    decode(load)
    assert complaint(load, WASM2).startswith("malformed memop flags")


def test_tags_come_with_any_feature_that_uses_them() -> None:
    data = HEADER + TYPE + section(13, b"\1\0\0") + section(7, b"\1\1t\4\0")
    for feature in ("exceptions", "legacy-exceptions", "stack-switching"):
        assert len(decode(data, WASM1 | {feature}).tags) == 1
    assert complaint(data, WASM1) == "malformed section id 13"
    assert complaint(HEADER + section(7, b"\1\1t\4\0"), WASM1) == "malformed export kind 0x04"


def test_wasm1_still_has_tables_of_functions() -> None:
    assert len(decode(HEADER + section(4, b"\1\x70\0\0"), WASM1).tables) == 1


# Bodies.


@pytest.mark.parametrize(
    ("code", "message"),
    [
        (b"\0\5\x0b", "END opcode expected: a misplaced else"),
        (b"\0\4\x40\5\5\x0b\x0b", "END opcode expected: a misplaced else"),
        (b"\0\2\x40\7\0\x0b\x0b", "END opcode expected: a misplaced catch"),
        (b"\0\6\x40\x19\7\0\x0b\x0b", "END opcode expected: a misplaced catch"),
        (b"\0\6\x40\x19\x18\0\x0b", "END opcode expected: a misplaced delegate"),
        (b"\0\2\x40\x0b", "unexpected end of section or function"),
        (b"\0\x41\x80\x80\x80\x80\x10\x0b", "integer too large"),
        (b"\0\x20\x80\x80\x80\x80\x80\0\x0b", "integer representation too long"),
        (b"\0\xfb\x80\x80\x04\x0b", "illegal opcode fb 10000"),
        (b"\0\xfe\3\1\x0b", "zero byte expected"),
        (b"\0\x1f\x40\1\4\0\x0b\x0b", "malformed catch clause 0x04"),
        (b"\0\xfb\x18\4\0\x6e\x6e\x0b", "malformed br_on_cast flags 0x04"),
        (b"\0\xd0\x45\x0b", "malformed heap type"),
        (b"\0\x28\x80\1\0\x0b", "malformed memop flags 0x80"),
        (b"\0\x0b\1", "section size mismatch"),
        (b"\1\x82\x80\x80\x80\x10\x7f\x0b", "integer too large"),
        (b"\2\xff\xff\xff\xff\x0f\x7f\1\x7f\x0b", "too many locals: 4294967296"),
        (b"\1\xd1\x86\3\x7f\x0b", "too many locals: 50001"),
        (b"\1\1\x40\x0b", "malformed reference type 0x40"),
    ],
)
def test_bodies(code: bytes, message: str) -> None:
    assert complaint(one_function(code), ALL).startswith(message)


def test_data_segments_need_a_count() -> None:
    for code in (b"\0\xfc\x09\0\x0b", b"\0\xfc\x08\0\0\x0b", b"\0\xfb\x09\0\0\x0b"):
        assert complaint(one_function(code)) == "data count section required"
        lazy = decode(one_function(code), lazy=True)
        with pytest.raises(Malformed, match="data count section required"):
            _ = lazy.codes[0].body
        counted = one_function(code, section(12, b"\1")) + section(11, b"\1\1\0")
        assert len(decode(counted).datas) == 1


@pytest.mark.parametrize("opener", [b"\2\x40", b"\3\x40", b"\4\x40", b"\6\x40", b"\x1f\x40\0"])
def test_depth_is_no_matter(opener: bytes) -> None:
    depth = 100_000
    module = decode(one_function(b"\0" + opener * depth + b"\x0b" * depth + b"\x0b"), ALL)
    assert len(module.codes[0].body) == 2 * depth + 1
    assert decode(encode(module), ALL) == module


def test_numbers_of_instructions_may_be_padded() -> None:
    code = decode(one_function(b"\0\xfd\x8c\x80\0" + bytes(16) + b"\x1a\x0b")).codes[0]
    assert code.body.ops == [Op.V128_CONST, Op.DROP, Op.END]


def test_prefixes_without_a_number() -> None:
    for prefix in PREFIXES:
        assert complaint(HEADER + section(6, b"\1\x7f\0" + bytes([prefix]))) == (
            "unexpected end of section or function"
        )


# Hostile counts.


@pytest.mark.parametrize("number", [1, 2, 3, 4, 5, 13, 6, 7, 9, 10, 11])
def test_a_count_alone_allocates_nothing(number: int) -> None:
    for count in (0xFFFFFFFF, 1_000_000_000, 2**31):
        tracemalloc.start()
        message = complaint(HEADER + section(number, unsigned(count) + bytes(100)))
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert message.startswith("length out of bounds")
        assert peak < 1_000_000


@pytest.mark.parametrize(
    ("data", "what"),
    [
        (
            section(1, b"\1\x60" + unsigned(limits.PARAMS + 1) + b"\x7f" * 1001 + b"\0"),
            "parameters",
        ),
        (section(1, b"\1\x60\0" + unsigned(limits.RESULTS + 1) + b"\x7f" * 1001), "results"),
        (section(1, b"\1\x5f" + unsigned(limits.FIELDS + 1) + b"\x7f\0" * 10_001), "fields"),
        (section(5, unsigned(limits.MEMORIES + 1) + b"\0\0" * 101), "memories"),
        (section(4, unsigned(limits.TABLES + 1) + b"\x70\0\0" * 100_001), "tables"),
        (section(11, unsigned(limits.DATAS + 1) + b"\1\0" * 100_001), "data segments"),
        (section(3, unsigned(limits.FUNCTIONS + 1) + bytes(1_000_001)), "functions"),
        (section(1, b"\2" + 2 * (b"\x4e" + unsigned(600_000) + b"\x5f\0" * 600_000)), "types"),
        (
            section(2, b"\2" + 2 * (b"\0\0\x7e\3\x7f\0" + unsigned(600_000) + bytes(600_000))),
            "imports",
        ),
    ],
)
def test_limits(data: bytes, what: str) -> None:
    assert complaint(HEADER + data).startswith(f"too many {what}: ")


def test_a_body_may_be_large_but_not_too_large() -> None:
    fits = b"\0" + b"\1" * (limits.BODY_SIZE - 2) + b"\x0b"
    decode(one_function(fits), lazy=True)
    assert complaint(one_function(b"\0\1" + fits[1:])).startswith("too large a function body")


# Custom sections, which never make a module malformed.


NAMES = Names(
    module="m",
    funcs={0: "f", 7: "ünï"},
    locals={0: {0: "x", 1: "y"}, 3: {}},
    labels={0: {2: "again"}},
    types={1: "t"},
    tables={0: "table"},
    memories={0: "memory"},
    globals={0: "g"},
    elems={0: "e"},
    datas={0: "d"},
    fields={1: {0: "field"}},
    tags={0: "tag"},
)


def named(data: bytes) -> Module:
    return decode(encode(Module(customs=[Custom("name", data)])))


def test_names_round_trip() -> None:
    assert named(encode_names(NAMES)).names == NAMES


def test_names_are_read_once() -> None:
    module = named(encode_names(NAMES))
    assert module.names is module.names


def test_broken_names_count_up_to_the_fault() -> None:
    data = encode_names(NAMES)
    for end in range(len(data)):
        found = named(data[:end]).names
        assert set(found.funcs.items()) <= set(NAMES.funcs.items())
    assert named(data[:-1]).names.fields == NAMES.fields
    assert named(b"\1\3\1\0\5abc").names == Names()
    assert named(b"\1\4\1\0\1\xff").names.funcs == {0: "\ufffd"}
    assert named(b"\x63\1\0" + data).names == NAMES


def test_many_empty_subsections_take_no_time() -> None:
    assert named(b"\x63\0" * 200_000).names == Names()


@pytest.mark.parametrize(
    ("data", "hints"),
    [
        ("010001050101", {0: {2: True}}),
        ("010001850001" + "00", {0: {2: False}}),
        ("", {}),
        ("0100010501", {}),
        ("01000105010100", {}),
        ("010001050201" + "00", {}),
        ("010001040101", {}),
        ("010001030101", {}),
        ("0101010501" + "01", {}),
        ("0100" + "ffffffff0f" + "050101", {}),
    ],
)
def test_hints_all_or_none(data: str, hints: dict[int, dict[int, bool]]) -> None:
    custom = section(0, name("metadata.code.branch_hint") + bytes.fromhex(data))
    code = b"\0\x10\0\x41\1\x04\x40\x0b\x0b"
    module = decode(one_function(code, custom))
    assert module.hints == hints
    assert [c.after for c in module.customs] == [3]
