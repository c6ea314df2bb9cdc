"""Text out: what is printed reads again as the same module, and is laid out for people."""

import random
import struct
import time
from collections.abc import Iterator
from wadjet.base.records import replace
from fractions import Fraction
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.core.everything import body, everything
from tests.corpora import corpora, workloads
from wadjet.base.errors import Error
from wadjet.core.binary import decode, encode
from wadjet.core.body import MemArg
from wadjet.core.features import ALL
from wadjet.core.module import Code, Custom, Data, Elem, Export, Global, Module, Names
from wadjet.core.opcodes import Op
from wadjet.core.text import parse
from wadjet.core.text.lexer import Tokens, string_bytes, tokenize
from wadjet.core.text.notation import data_string, f32_text, f64_text, identifier, string
from wadjet.core.text.parse import parse_at
from wadjet.core.text.printer import print_chunks, print_module
from wadjet.core.types import (
    F32, FUNCREF, I32, I64, FuncType, GlobalType, Limits, MemoryType, RecType, SubType,
    ValType, ref,
)  # fmt: skip

#: the three ways to print, which the modules of a suite take in turn
WAYS = ({"folded": False}, {"folded": True}, {"names": False})


# What a text can say: the module without what it cannot.


def runs(code: Code) -> list[tuple[int, ValType]]:
    """The locals in as few runs as there can be."""
    found: list[tuple[int, ValType]] = []
    for count, t in code.locals:
        if count and found and found[-1][1] is t:
            found[-1] = (found[-1][0] + count, t)
        elif count:
            found.append((count, t))
    return found


def sayable(m: Module) -> Module:
    """Without forms of segments, runs of locals, empty sections, the data count, and without the
    custom sections that names and hints stand for."""
    elems = [Elem(e.type, e.mode, e.items, e.table, e.offset) for e in m.elems]
    datas = [Data(d.mode, bytes(d.data), d.memory, d.offset) for d in m.datas]
    codes = [Code(runs(code), code.body) for code in m.codes]
    order = (0, 1, 2, 3, 4, 5, 13, 6, 7, 8, 9, 12, 10, 11)
    customs = [c for c in m.customs if c.name not in ("name", "metadata.code.branch_hint")]
    customs.sort(key=lambda c: order.index(c.after))
    return Module(
        m.types, m.imports, m.funcs, m.tables, m.memories, m.tags, m.globals, m.exports, m.start,
        elems, None, codes, datas, customs,
    )  # fmt: skip


def said(names: Names) -> Names:
    """Without the functions and types of which nothing is named."""
    pairs = {
        kind: {index: inner for index, inner in getattr(names, kind).items() if inner}
        for kind in ("locals", "labels", "fields")
    }
    return replace(names, **pairs)


def assert_survives(module: Module, way: dict[str, bool]) -> None:
    text = print_module(module, **way)
    again = parse(text, ALL)
    assert sayable(again) == sayable(module)
    if way.get("names", True):
        assert again.names == said(module.names)
    assert again.hints == module.hints
    # and through the binary: text → binary → text → binary
    data = encode(again, names=True)
    assert encode(parse(print_module(decode(data, ALL), **way), ALL), names=True) == data


def modules_of(path: Path) -> Iterator[tuple[str, Module]]:
    """Every module of a script that can be read, with its place."""
    tokens = tokenize(path.read_bytes())
    texts, at = tokens.texts, 0
    while at < len(texts):
        if texts[at : at + 2] == ["(", "module"]:
            module, at = module_at(tokens, at)
            if module is not None:
                yield f"{path.name}:{tokens.locate(tokens.starts[at - 1])}", module
        else:
            at += 1


def module_at(tokens: Tokens, at: int) -> tuple[Module | None, int]:
    texts = tokens.texts
    word = at + 2
    while texts[word] == "definition" or texts[word][:1] == "$":
        word += 1
    try:
        if texts[word] in ("quote", "instance"):
            return None, word
        if texts[word] != "binary":
            return parse_at(tokens, at, ALL)
        data = b""
        while texts[word + 1][:1] == '"':
            word += 1
            data += string_bytes(texts[word])
        return decode(data, ALL), word + 1
    except Error:
        return None, at + 2


@pytest.mark.parametrize("way", WAYS, ids=str)
def test_everything_survives(way: dict[str, bool]) -> None:
    module = everything()
    again = parse(print_module(module, **way), ALL)
    module.locate = again.locate
    assert sayable(again) == sayable(module)


#: suite → how many modules it has, at least
SUITES = {
    "spec-core/core": 4800,
    "spec-core/legacy": 4,
    "spec-custom": 10,
    "spec-proposals": 1200,
}


@pytest.mark.parametrize("suite", SUITES)
def test_suites_survive(suite: str) -> None:
    name, _, folder = suite.partition("/")
    count = 0
    for path in sorted((corpora(name) / folder).rglob("*.wast")):
        for where, module in modules_of(path):
            try:
                assert_survives(module, WAYS[count % 3])
            except (AssertionError, Error) as error:
                raise AssertionError(f"{where}, {WAYS[count % 3]}: {error}") from error
            count += 1
    assert count >= SUITES[suite]


def binaries(least: int, most: int) -> list[Path]:
    """Modules of the corpora and workloads by size."""
    roots = (corpora("wasi-testsuite"), workloads())
    found = [path for root in roots for path in sorted(root.rglob("*.wasm"))]
    return [path for path in found if least <= path.stat().st_size < most and is_module(path)]


def is_module(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(8) == b"\0asm\1\0\0\0"


def test_small_binaries_survive() -> None:
    paths = binaries(0, 40_000)
    assert len(paths) > 50
    for number, path in enumerate(paths):
        assert_survives(decode(path.read_bytes(), ALL), WAYS[number % 3])


@pytest.mark.slow
def test_large_binaries_survive() -> None:
    paths = binaries(40_000, 1 << 30)
    assert paths
    for number, path in enumerate(paths):
        assert_survives(decode(path.read_bytes(), ALL), WAYS[number % 3])


# Numbers and strings.


def f32(bits: int) -> float:
    return float(struct.unpack("<f", bits.to_bytes(4, "little"))[0])


@given(st.integers(0, 0x7F7F_FFFF))
def test_f32_reads_again(bits: int) -> None:
    """The decimal is nearer to the number than to its neighbours, by exact arithmetic."""
    text = Fraction(f32_text(bits))
    value = Fraction(f32(bits))
    above = Fraction(f32(bits + 1)) if bits < 0x7F7F_FFFF else value + 2**104
    below = Fraction(f32(bits - 1)) if bits else -above
    assert (value + below) / 2 < text < (value + above) / 2
    assert f32_text(bits | 1 << 31) == f"-{f32_text(bits)}"


@given(st.integers(0, (1 << 64) - 1))
def test_f64_reads_again(bits: int) -> None:
    module = parse(f"(module (global f64 (f64.const {f64_text(bits)})))")
    assert module.globals[0].init.imms[0] == bits


@pytest.mark.parametrize(
    ("bits", "text"),
    [
        (0, "0"),
        (0x8000_0000, "-0"),
        (0x3DCC_CCCD, "0.1"),
        (0x4B80_0000, "16777216"),
        (1, "1e-45"),
        (0x7F7F_FFFF, "3.4028235e+38"),
        (0x7F80_0000, "inf"),
        (0xFF80_0000, "-inf"),
        (0x7FC0_0000, "nan"),
        (0xFFC0_0000, "-nan"),
        (0x7FA0_0000, "nan:0x200000"),
    ],
)
def test_f32_text(bits: int, text: str) -> None:
    assert f32_text(bits) == text


@given(st.binary(max_size=40))
def test_data_strings_read_again(data: bytes) -> None:
    assert string_bytes(data_string(data)) == data
    assert string_bytes(data_string(memoryview(data))) == data


@given(st.text(max_size=20))
def test_names_read_again(name: str) -> None:
    assert string_bytes(string(name)).decode() == name
    assert "\u202e" not in string(name)


def test_identifiers() -> None:
    assert identifier("a.b::c<d>") == "$a.b::c<d>"
    assert identifier("two words") == '$"two words"'
    assert identifier("naïve") == '$"naïve"'


# Names.


def lines_of(text: str) -> list[str]:
    return [line.strip() for line in text.splitlines()]


def test_names_that_are_not_unique_are_annotated() -> None:
    module = parse("(module (func) (func) (func) (func (call 0) (call 1) (call 2)))")
    module.names.funcs = {0: "f", 1: "f", 2: "", 3: "f#1", 9: "beyond"}
    text = print_module(module)
    assert '(func $"f#1\'"' not in text
    assert "(func $f (;0;) (type 0))" in text
    assert '(func $f#1\' (@name "f") (;1;) (type 0))' in text
    assert '(func $#2 (@name "") (;2;) (type 0))' in text
    assert "call $f#1'" in text
    assert parse(text).names.funcs == {0: "f", 1: "f", 2: "", 3: "f#1"}


def test_labels_of_the_same_name() -> None:
    """A branch across an inner label of the same name must not say the name."""
    source = "(module (func (block $l (block $l (br $l) (br 1)) (br $l))))"
    text = print_module(parse(source))
    assert text.count("br $l") == 2
    assert text.count("br 1 (;@1;)") == 1
    assert parse(text) == parse(source)


def test_only_blocks_that_are_branched_to_are_numbered() -> None:
    text = print_module(parse("(module (func (block (block (br 0)))))"))
    assert lines_of(text)[3:6] == ["block", "block (;@2;)", "br 0 (;@2;)"]


def test_without_names_the_name_section_stays_as_it_is() -> None:
    module = decode(encode(parse("(module $m (func $f))"), names=True))
    text = print_module(module, names=False)
    assert "$" not in text
    assert '(@custom "name" (after code) ' in text
    assert encode(parse(text), names=True) == encode(module)


# Layout.


def test_folding_takes_what_is_there() -> None:
    """Operands that other statements separate, or that several results leave, are left alone."""
    source = """
    (module
      (func $two (result i32 i32) i32.const 1 i32.const 2)
      (func (result i32)
        i32.const 3
        nop
        i32.const 4
        i32.add
        drop
        call $two
        i32.add
        i32.const 5
        call $two
        i32.add
        i32.add))
    """
    text = print_module(parse(source), folded=True)
    assert lines_of(text)[8:-2] == [
        "(i32.const 3)",
        "(nop)",
        "(i32.const 4)",
        "(drop (i32.add))",
        "(i32.add (call $two))",
        "(i32.add (i32.const 5) (i32.add (call $two)))",
    ]
    assert parse(text) == parse(source)


def test_lines_are_short() -> None:
    expression = "(i32.add (local.get 0) " * 40 + "(local.get 0)" + ")" * 40
    module = parse(f"(module (func (param i32) (result i32) {expression}))")
    lines = print_module(module, folded=True).splitlines()
    assert max(len(line.rstrip(")")) for line in lines) <= 100
    assert len(lines) < 90


def test_chunks_are_the_text() -> None:
    module = everything()
    chunks = list(print_chunks(module))
    assert "".join(chunks) == print_module(module)
    assert all(not chunk or chunk.endswith("\n") for chunk in chunks)


# What nobody writes.


@pytest.mark.parametrize("folded", [False, True])
def test_deep_nesting(folded: bool) -> None:
    """No recursion, and indentation does not make the text explode."""
    depth = 50_000
    opened = [(Op.BLOCK, None)] * depth + [(Op.END, None)] * depth
    chain = [(Op.LOCAL_GET, 0)] + [(Op.LOCAL_TEE, 0)] * depth + [(Op.DROP, None)]
    module = Module(
        types=[RecType((SubType(FuncType((I32,), ())),))],
        funcs=[0],
        codes=[Code([], body(*opened, *chain))],
    )
    text = print_module(module, folded=folded)
    assert len(text) < 300 * depth
    assert parse(text).codes == module.codes


@pytest.mark.parametrize("folded", [False, True])
def test_indices_that_mean_nothing(folded: bool) -> None:
    """An invalid module is printed all the same."""
    strange = body(
        (Op.CALL, 7),
        (Op.LOCAL_GET, 9),
        (Op.BR, 99),
        (Op.BR_TABLE, (5, 6)),
        (Op.BLOCK, 77),
        (Op.THROW, 3),
        (Op.STRUCT_NEW, 50),
        (Op.RESUME, (50, ())),
        (Op.CALL_INDIRECT, (66, 3)),
        (Op.ELSE, None),
        (Op.END, None),
        (0x28, MemArg(2, 5, 9)),
    )
    module = Module(
        types=[],
        funcs=[44],
        codes=[Code([(1, ref(True, 88))], strange)],
        memories=[MemoryType(Limits(5, 1, I64))],
        globals=[Global(GlobalType(F32, False), body())],
        elems=[
            Elem(FUNCREF, "active", [body(), body((Op.REF_FUNC, 1), (Op.DROP, None))], 8, body())
        ],
        exports=[Export("x", "table", 31)],
        start=12,
        customs=[Custom("name", b"nonsense")],
    )
    text = print_module(module, folded=folded)
    for word in (
        "call 7",
        "local.get 9",
        "br 99",
        "(ref null 88)",
        "(type 66)",
        "(item",
        "(start 12)",
    ):
        assert word in text


@pytest.mark.parametrize("folded", [False, True])
def test_a_megabyte_takes_seconds(folded: bool) -> None:
    data = (workloads() / "bench" / "sqlite.wasm").read_bytes()
    assert len(data) > 1_000_000
    module = decode(data, ALL)
    start = time.process_time()
    text = print_module(module, folded=folded)
    assert time.process_time() - start < 5
    assert len(text) > 10_000_000


def test_damaged_modules_are_printed_as_they_are() -> None:
    """Whatever still decodes, valid or not, survives the text."""
    chance = random.Random(7)
    source = encode(everything())
    counts = [0, 0]
    for number in range(300):
        data = bytearray(source)
        for _ in range(chance.choice((1, 1, 2, 4))):
            data[chance.randrange(8, len(data))] = chance.choice(
                (0, 1, 0x7F, chance.randrange(256))
            )
        try:
            module = decode(bytes(data), ALL)
        except Error:
            counts[0] += 1
            continue
        counts[1] += 1
        again = parse(print_module(module, **WAYS[number % 3]), ALL)
        assert sayable(again) == sayable(module)
    assert min(counts) > 20
