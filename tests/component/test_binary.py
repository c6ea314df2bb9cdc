"""Bytes of components: exact both ways, rejected at the right place, hostile lengths harmless."""

from collections.abc import Callable

import pytest

from tests.corpora import corpora, workloads
from wadjet.base.errors import Malformed
from wadjet.component.binary import decode, encode, is_component
from wadjet.component.component import (
    Builtin, CanonOption, Component, CoreModule, Custom, Export, Lift, Names, Value,
)  # fmt: skip
from wadjet.component.limits import NESTING
from wadjet.component.types import (
    U32, AliasOuter, Attribute, ComponentType, CoreTypeDef, EqType, ExternName, Import,
    InstanceType, List, Record, TypeDef, TypeUse,
)  # fmt: skip
from wadjet.core.module import Module
from wadjet.core.types import FuncType, RecType, StructType, SubType

HEAD = b"\0asm\x0d\0\1\0"
HUGE = b"\xff\xff\xff\xff\x0f"


def section(number: int, content: bytes) -> bytes:
    assert len(content) < 128
    return bytes([number, len(content)]) + content


def malformed(data: bytes) -> Malformed:
    with pytest.raises(Malformed) as caught:
        decode(data)
    return caught.value


# --- exact ----------------------------------------------------------------------------------------


def test_real_components_are_written_as_they_were_read() -> None:
    folders = [workloads() / "components", corpora("wasi-testsuite")]
    found = 0
    for path in [p for folder in folders for p in sorted(folder.rglob("*.wasm"))]:
        data = path.read_bytes()
        if is_component(data):
            found += 1
            assert encode(decode(data, lazy=True)) == data, path.name
    assert found >= 59


def test_every_kind_of_definition_survives() -> None:
    given = Component(
        [
            Custom("first", b"\1\2"),
            TypeDef(U32),
            TypeDef(Record((("a", 0), ("b", U32)))),
            TypeDef(List(1, 7)),
            CoreModule(Module()),
            CoreTypeDef(RecType((SubType(FuncType((), ())),))),
            CoreTypeDef(RecType((SubType(StructType(()), final=False, spelled=True),))),
            Component([TypeDef(U32)]),
            AliasOuter("type", 0, 1),
            TypeDef(ComponentType((AliasOuter("type", 1, 0), Import(ExternName("x"), EqType(0))))),
            TypeDef(InstanceType(())),
            Import(ExternName("i", (Attribute("implements", "a:b/c"),)), TypeUse("instance", 4)),
            Builtin("task.return", (U32, (CanonOption("memory", 3),))),
            Builtin("waitable-set.poll", (True, 9)),
            Lift(0, (CanonOption("utf16"), CanonOption("realloc", 2), CanonOption("async")), 7),
            Export(ExternName("e"), "instance", 0, TypeUse("instance", 4)),
            Value(U32, b"\5"),
        ]
    )
    again = decode(encode(given))
    assert again == given
    assert encode(again) == encode(given)


def test_sections_are_as_they_were() -> None:
    data = HEAD + section(7, b"\1\x73") + section(7, b"\0") + section(7, b"\2\x73\x73")
    component = decode(data)
    assert component.runs == [(7, 1), (7, 0), (7, 2)]
    assert encode(component) == data
    component.definitions.append(TypeDef(U32))
    assert encode(component) == HEAD + section(7, b"\4\x73\x73\x73\x79")


def test_forms_of_names_are_kept() -> None:
    data = HEAD + section(10, b"\3\0\1a\1\0\1\1b\1\0\2\1c\0\1\0")
    assert [d.name.form for d in decode(data).definitions if isinstance(d, Import)] == [0, 1, 2]
    assert encode(decode(data)) == data


def test_names() -> None:
    component = Component([TypeDef(U32), TypeDef(U32)])
    component.names = Names("whole", {"type": {0: "x", 1: "ÿ"}, "core func": {7: "f"}})
    again = decode(encode(component, names=True))
    assert again.names == component.names
    assert encode(again, names=True) == encode(again)


def test_a_broken_name_section_counts_as_far_as_it_is_whole() -> None:
    content = b"\x0ecomponent-name" + b"\0\2\1a" + b"\1\5\3\1\0\1t" + b"\1\x7f"
    assert decode(HEAD + section(0, content)).names == Names("a", {"type": {0: "t"}})


# --- rejected -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("data", "words", "at"),
    [
        (b"", "unexpected end-of-file", 0),
        (b"\0asm\1\0\0\0", "this is a module", 4),
        (b"(component)", "this looks like text", 0),
        (HEAD + b"\x0d\0", "malformed section id 13", 8),
        (HEAD + b"\7\2\1", "unexpected end-of-file", 11),
        (HEAD + section(7, b"\1\x62"), "invalid leading byte (0x62) for component defined", 11),
        (HEAD + section(7, b"\1\x73\0"), "section size mismatch", 12),
        (HEAD + section(1, HEAD), "expected a version header for a module", 10),
        (HEAD + section(4, b"\0asm\1\0\0\0"), "expected a version header for a component", 14),
        (HEAD + section(1, b"\0asm\1\0\0\0\x63\0"), "malformed section id 99", 18),
        (HEAD + section(9, b"\0\0\2"), "at most one result", 12),
    ],
)
def test_faults_are_told_with_their_place(data: bytes, words: str, at: int) -> None:
    error = malformed(data)
    assert words in error.message
    assert error.place is not None
    assert error.place.offset == at


@pytest.mark.parametrize(
    "content",
    [
        section(7, HUGE),
        section(7, b"\1\x72" + HUGE),
        section(7, b"\1\x41" + HUGE),
        section(2, b"\1\1" + HUGE),
        section(5, b"\1\0\0" + HUGE),
        section(8, b"\1\1\0\0" + HUGE),
        section(0, HUGE),
        section(10, b"\1\0" + HUGE),
        section(12, b"\1\x79" + HUGE),
        b"\1" + HUGE,
    ],
)
def test_lengths_beyond_the_input_are_rejected(content: bytes) -> None:
    assert "unexpected end-of-file" in malformed(HEAD + content).message


def nested(depth: int) -> bytes:
    """Components inside one another."""
    component = Component()
    for _ in range(depth - 1):
        component = Component([component])
    return encode(component)


def nested_type(depth: int) -> bytes:
    """A component with instance types inside one another."""
    t = InstanceType(())
    for _ in range(depth - 2):
        t = InstanceType((TypeDef(t),))
    return encode(Component([TypeDef(t)]))


@pytest.mark.parametrize("make", [nested, nested_type])
def test_nesting_is_limited(make: Callable[[int], bytes]) -> None:
    assert encode(decode(make(NESTING))) == make(NESTING)
    assert "nesting too deep" in malformed(make(NESTING + 1)).message


def test_lazy_modules_tell_faults_of_bodies_later() -> None:
    module = b"\0asm\1\0\0\0\1\4\1\x60\0\0\3\2\1\0\x0a\5\1\3\0\xff\x0b"
    data = HEAD + section(1, module)
    assert "illegal opcode" in malformed(data).message
    component = decode(data, lazy=True)
    assert encode(component) == data
    (definition,) = component.definitions
    assert isinstance(definition, CoreModule)
    with pytest.raises(Malformed):
        _ = definition.module.codes[0].body
