"""Text of components: what short forms stand for, identifiers, places of faults, printing."""

import pytest

from tests.component.same import normal
from tests.corpora import corpora, workloads
from wadjet.base.errors import Malformed
from wadjet.component.binary import decode
from wadjet.component.component import (
    Bundle, Component, CoreBundle, CoreInstantiate, Custom, Export, Instantiate, Lift, Lower,
    Value,
)  # fmt: skip
from wadjet.component.limits import NESTING
from wadjet.component.text import parse
from wadjet.component.text.printer import print_component
from wadjet.component.types import (
    STRING, U8, U32, AliasCoreExport, AliasExport, AliasOuter, CoreTypeDef, ExternName, FuncType,
    Import, InstanceType, List, ModuleType, Record, TypeDef, TypeUse,
)  # fmt: skip


def kinds(source: str) -> list[str]:
    return [type(d).__name__ for d in parse(source).definitions]


def fault(source: str) -> Malformed:
    with pytest.raises(Malformed) as caught:
        parse(source)
    return caught.value


# --- short forms ----------------------------------------------------------------------------------


def test_a_type_in_place_is_defined_just_before() -> None:
    made = parse('(component (import "f" (func (param "x" (list (option u8))) (result string))))')
    assert made.definitions[-2:] == [
        TypeDef(FuncType((("x", 1),), STRING)),
        Import(ExternName("f"), TypeUse("func", 2)),
    ]
    assert made.definitions[1] == TypeDef(List(0))


def test_an_inline_alias_comes_before_what_refers_to_it() -> None:
    made = parse("""
        (component
          (import "i" (instance $i (export "j" (instance (export "f" (func))))))
          (core func (canon lower (func $i "j" "f"))))
    """)
    assert made.definitions[-3:] == [
        AliasExport("instance", 0, "j"),
        AliasExport("func", 1, "f"),
        Lower(0, ()),
    ]


def test_an_identifier_of_an_enclosing_scope_is_aliased_once() -> None:
    made = parse("""
        (component
          (type $t (record (field "x" u32)))
          (component (type (list $t)) (type (option $t))))
    """)
    inner = made.definitions[1]
    assert isinstance(inner, Component)
    assert inner.definitions[0] == AliasOuter("type", 1, 0)
    assert len(inner.definitions) == 3


def test_what_is_exported_in_place_is_exported_at_the_end() -> None:
    made = parse('(component (type (export "a") (export "b") u8) (type (list 0)))')
    assert made.definitions[2:] == [
        Export(ExternName("a"), "type", 0),
        Export(ExternName("b"), "type", 0),
    ]


def test_inverted_forms() -> None:
    source = """
        (component
          (core module $m (func (export "f")))
          (core instance $i (instantiate $m))
          (core func $f (alias core export $i "f"))
          (func $g (export "g") (canon lift (core func $f)))
          (instance $n (import "n") (export "m" (core module)))
          (core module $o (alias export $n "m"))
          (core func $l (canon lower (func $g))))
    """
    assert kinds(source) == [
        "CoreModule", "CoreInstantiate", "AliasCoreExport", "TypeDef", "Lift", "TypeDef", "Import",
        "AliasExport", "Lower", "Export",
    ]  # fmt: skip
    made = parse(source)
    assert made.definitions[2] == AliasCoreExport("core func", 0, "f")
    assert made.definitions[4] == Lift(0, (), 0)


def test_bundles_in_arguments() -> None:
    made = parse("""
        (component
          (core module $m)
          (core instance (instantiate $m (with "a" (instance))))
          (component $c)
          (instance (instantiate $c (with "x" (instance (export "c" (component $c)))))))
    """).definitions
    assert [type(d) for d in made[1:3]] == [CoreBundle, CoreInstantiate]
    assert [type(d) for d in made[4:6]] == [Bundle, Instantiate]


def test_function_types_in_a_module_type_are_defined_in_it() -> None:
    made = parse("""
        (component
          (core type (module
            (type $f (func (param i32)))
            (import "a" "b" (func (type $f)))
            (export "c" (func (result i64)))
            (export "d" (func (param i32))))))
    """)
    (definition,) = made.definitions
    assert isinstance(definition, CoreTypeDef)
    assert isinstance(definition.type, ModuleType)
    names = [type(d).__name__ for d in definition.type.decls]
    assert names == ["CoreTypeDef", "ModuleImport", "CoreTypeDef", "ModuleExport", "ModuleExport"]


def test_a_type_is_known_by_its_identifier_inside() -> None:
    made = parse("""
        (component
          (type $c (instance
            (type $a u8)
            (type (instance (alias outer $c $a (type $b)) (export "x" (type (eq $b))))))))
    """)
    (outer,) = made.definitions
    assert isinstance(outer, TypeDef)
    assert isinstance(outer.type, InstanceType)
    inner = outer.type.decls[1]
    assert isinstance(inner, TypeDef)
    assert isinstance(inner.type, InstanceType)
    assert inner.type.decls[0] == AliasOuter("type", 1, 0)


def test_constants() -> None:
    made = parse("""
        (component
          (type $r (record (field "a" u8) (field "b" (option string))))
          (value $one $r (record 7 (some "hi")))
          (type $v (variant (case "x") (case "y" s32)))
          (value $two $v (variant "y" -2))
          (value (list (result u8)) (list (ok 1) error))
          (value (flags "a" "b" "c") (flags "c" "a"))
          (value char 'x')
          (value f32 nan)
          (value u16 (binary "\\07")))
    """)
    values = [d.data for d in made.definitions if isinstance(d, Value)]
    assert values == [
        b"\7\1\2hi", b"\1\x7e", b"\2\0\1\1", b"\5", b"x", b"\0\0\xc0\x7f", b"\7",
    ]  # fmt: skip


def test_custom_sections() -> None:
    made = parse('(component (@custom "a" "\\00b" "c") (type u8) (@custom "z"))')
    assert made.definitions == [Custom("a", b"\0bc"), TypeDef(U8), Custom("z", b"")]


def test_names() -> None:
    source = '(component $c (type $t u8) (type (@name "two words") u8) (core module $m))'
    names = parse(source).names
    assert names.component == "c"
    assert names.of("type") == {0: "t", 1: "two words"}
    assert names.of("core module") == {0: "m"}


def test_fields_alone() -> None:
    assert parse("(type u8) (type u32)").definitions == [TypeDef(U8), TypeDef(U32)]


# --- faults ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("source", "words", "line", "column"),
    [
        ("(component\n  (type $x u9))", "unknown operator u9", 2, 12),
        ("(component (type (list $x)))", "unknown type $x", 1, 24),
        ("(component (type $a u8) (type $a u8))", "duplicate type $a", 1, 34),
        ('(component (import "a\\zz" (func)))', "invalid string escape", 1, 20),
        ("(component (blob))", "unknown operator blob", 1, 13),
        ("(component (core memory 1))", "expected an alias", 1, 25),
        ("(component (alias outer $x 0 (type)))", "outer component `x` not found", 1, 25),
        ("(component (canon resource.nwe 0 (core func)))", "unknown operator resource.nwe", 1, 19),
        ("(component (core module (func $f (call $g))))", "unknown function $g", 1, 40),
        ("(component) x", "unknown operator x", 1, 13),
        ("(component", "the text ends", 1, 11),
    ],
)
def test_faults_are_told_with_their_place(source: str, words: str, line: int, column: int) -> None:
    error = fault(source)
    assert words in error.message
    assert error.place is not None
    assert (error.place.line, error.place.column) == (line, column)


def test_only_some_sorts_come_from_enclosing_scopes() -> None:
    source = '(component (import "f" (func $f)) (component (export "f" (func $f))))'
    assert "outer item `f` is not a module, type, or component" in fault(source).message


@pytest.mark.parametrize("part", ["(component ", "(type (component ", "(type (list (list "])
@pytest.mark.parametrize("depth", [NESTING + 1, 20_000])
def test_nesting_is_limited(part: str, depth: int) -> None:
    source = "(component " + part * depth + ")" * (part.count("(") * depth + 1)
    if part == "(type (list (list ":
        source = "(component (type " + "(list " * depth + "u8" + ")" * (depth + 2)
    assert "nesting too deep" in fault(source).message


def test_deep_nesting_within_the_limit_is_read() -> None:
    depth = NESTING - 3
    source = "(component (type " + "(list " * depth + "u8" + ")" * (depth + 2)
    assert len(parse(source).definitions) == depth
    parse("(component " * (NESTING - 1) + "(type (list u8))" + ")" * (NESTING - 1))


# --- printing -------------------------------------------------------------------------------------

PRINTED = """\
(component $c
  (type $r (;0;) (resource (rep i32)))
  (type (;1;)
    (component
      (type (;0;) (record (field "x" u32) (field "y" string)))
      (import "x" (type (;1;) (eq 0)))
      (export "f" (func (;0;) (type 7)))
    )
  )
  (import "a:b/c@1.0.0" (external-id "url") (component (;0;) (type 1)))
  (core module $m (;0;)
    (type (;0;) (func))
    (func $f (;0;) (type 0))
  )
  (export $e (;2;) "r" (type $r) (type (sub resource)))
  (core func (;0;) (canon stream.read 5 async (memory (core memory 0))))
  (@custom "note" "\\00text")
)
"""


def test_printed() -> None:
    assert print_component(parse(PRINTED)) == PRINTED


def test_real_components_survive_being_printed() -> None:
    paths = [workloads() / "components" / name for name in ("mini.wasm", "hello_p2.wasm")]
    paths += sorted(corpora("wasi-testsuite").rglob("wasm32-wasip3/cli-env.wasm"))
    for path in paths:
        for names in (True, False):
            again = parse(print_component(decode(path.read_bytes()), names=names))
            assert normal(again) == normal(decode(path.read_bytes())), path.name


def test_names_that_are_no_identifiers_survive() -> None:
    component = Component([TypeDef(U8), TypeDef(Record((("a", 0),))), TypeDef(List(1))])
    component.names.maps["type"] = {0: "a b", 1: "a b", 2: ""}
    again = parse(print_component(component))
    assert again == component
    assert again.names.of("type") == {0: "a b", 1: "a b", 2: ""}
