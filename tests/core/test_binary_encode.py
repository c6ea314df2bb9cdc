"""Module → bytes → Module, for one module with everything and for every real program."""

import lzma
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.core.everything import body, every_instruction, everything, immediates_of
from tests.corpora import corpora, workloads
from wadjet.base.errors import Malformed
from wadjet.core.binary import decode, encode, encode_body
from wadjet.core.binary.names import HINTS_SECTION
from wadjet.core.features import ALL
from wadjet.core.module import Code, Data, Elem, Import, Module, Names
from wadjet.core.opcodes import ROWS, Op
from wadjet.core.types import (
    EXTERNREF,
    FUNC,
    FUNCREF,
    FuncType,
    FuncUse,
    I32,
    RecType,
    SubType,
    ref,
)

FUNC_TYPE = RecType((SubType(FuncType((), ())),))


def test_everything_round_trips() -> None:
    module = everything()
    data = encode(module)
    again = decode(data, ALL)
    assert again == module
    assert encode(again) == data
    assert decode(data, ALL, lazy=True) == module


def test_every_row_is_in_it() -> None:
    used = set(every_instruction().ops)
    assert used == {row.op for row in ROWS}
    assert sum(len(immediates_of(row)) for row in ROWS) > len(ROWS)


@pytest.mark.parametrize(
    ("op", "imm", "encoded"),
    [
        (Op.I32_CONST, -1, "417f0b"),
        (Op.I64_CONST, 64, "42c0000b"),
        (Op.F32_CONST, 0x7FC00000, "430000c07f0b"),
        (Op.CALL, 200, "10c8010b"),
        (Op.CALL_INDIRECT, (1, 2), "1101020b"),
        (Op.BR_TABLE, (1, 2, 0), "0e020102000b"),
        (Op.REF_NULL, FUNCREF, "d0700b"),
        (Op.REF_NULL, ref(True, 64), "d0c0000b"),
        (Op.ARRAY_NEW_DATA, (1, 2), "fb0901020b"),
        (Op.BR_ON_CAST, (1, ref(True, 0), ref(False, FUNC)), "fb18010100700b"),
        (Op.MEMORY_COPY, (0, 1), "fc0a00010b"),
    ],
)
def test_exact_bytes_of_a_body(op: int, imm: object, encoded: str) -> None:
    assert encode_body(body((op, imm))).hex() == encoded


def test_empty_sections_are_written_again() -> None:
    data = bytes.fromhex("0061736d01000000 010100 030100 0c0100 0a0100 0b0100")
    assert encode(decode(data)) == data


def test_forms_are_chosen_where_none_was_written() -> None:
    zero = body((Op.I32_CONST, 0))
    item = body((Op.REF_FUNC, 0))
    funcs = ref(False, FUNC)
    elems = [
        Elem(funcs, "active", [0], 0, zero),
        Elem(funcs, "passive", [0]),
        Elem(funcs, "active", [0], 1, zero),
        Elem(funcs, "declarative", [0]),
        Elem(FUNCREF, "active", [item], 0, zero),
        Elem(EXTERNREF, "passive", []),
        Elem(EXTERNREF, "active", [item], 0, zero),
        Elem(FUNCREF, "declarative", [item]),
    ]
    datas = [Data("active", b"a", 0, zero), Data("passive", b"b"), Data("active", b"c", 1, zero)]
    again = decode(encode(Module(elems=elems, datas=datas)))
    assert [elem.flags for elem in again.elems] == list(range(8))
    assert [data.flags for data in again.datas] == [0, 1, 2]
    for chosen, written in zip(elems, again.elems):
        chosen.flags = written.flags
    assert again.elems == elems


def test_a_group_of_one_type_is_widened_when_types_differ() -> None:
    imports = [
        Import("m", "a", FuncUse(0), group=0, form=0x7E),
        Import("m", "b", FuncUse(1), group=0, form=0x7E),
    ]
    again = decode(encode(Module(imports=imports)))
    assert [(i.name, i.type, i.form) for i in again.imports] == [
        ("a", FuncUse(0), 0x7F),
        ("b", FuncUse(1), 0x7F),
    ]


def test_names_are_written_on_request() -> None:
    module = Module()
    module.names = Names(module="m", funcs={1: "b", 0: "a"}, locals={0: {1: "x"}}, tags={0: "t"})
    assert decode(encode(module)).names == Names()
    again = decode(encode(module, names=True))
    assert again.names == module.names
    assert encode(again, names=True) == encode(module, names=True)


def hinted(imm: int) -> Module:
    block = body((Op.CALL, imm), (Op.I32_CONST, 1), (Op.IF, None), (Op.END, None))
    return Module(types=[FUNC_TYPE], funcs=[0, 0], codes=[Code([], block), Code([(2, I32)], block)])


def test_hints_follow_their_instructions() -> None:
    module = hinted(0)
    module.hints = {0: {2: True}, 1: {2: False}}
    data = encode(module)
    again = decode(data)
    assert [(c.name, c.after, c.data.hex()) for c in again.customs] == [
        (HINTS_SECTION, 3, "0200010501010101070100")
    ]
    assert again.hints == module.hints
    assert encode(again) == data
    # the same hints, when the call before them has grown by a byte
    again.codes = hinted(200).codes
    assert decode(encode(again)).hints == module.hints


def programs(folder: Path) -> Iterator[tuple[Path, bytes]]:
    for path in sorted(folder.rglob("*.wasm")):
        yield path, path.read_bytes()
    for path in sorted(folder.rglob("*.wasm.xz")):
        yield path, lzma.decompress(path.read_bytes())


def test_every_program_round_trips() -> None:
    counts = {"exact": 0, "padded": 0, "component": 0}
    for folder in (corpora("wasi-testsuite"), corpora("spec-js-api"), workloads()):
        for path, data in programs(folder):
            counts[round_trip(path, data)] += 1
    least = {"exact": 30, "padded": 161, "component": 59}
    assert all(counts[kind] >= least[kind] for kind in least), counts


def round_trip(path: Path, data: bytes) -> str:
    if data[6:8] == b"\1\0":
        with pytest.raises(Malformed, match=r"unknown binary version 0xd.*is a component"):
            decode(data, ALL)
        return "component"
    module = decode(data, ALL)
    written = encode(module)
    if written == data:
        return "exact"
    assert len(written) < len(data), f"{path}: differs by more than the length of its numbers"
    again = decode(written, ALL)
    assert again == module, path
    assert encode(again) == written, path
    return "padded"
