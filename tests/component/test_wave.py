"""WAVE: the official cases, and values of every type there and back."""

import math
import re
from pathlib import Path

import pytest

from tests.corpora import corpora
from tests.scoreboard import Score
from wadjet.base.errors import Error, Invalid, Malformed
from wadjet.canon.classes import Classes
from wadjet.canon.values import Err, Ok, Some
from wadjet.canon.wave import PythonForms
from wadjet.component import types
from wadjet.component.closed import ComponentShape, InstanceShape, TypeBound, closed
from wadjet.component.features import ALL
from wadjet.component.types import Defined, FuncType, Prim
from wadjet.component.validate import validate
from wadjet.component.wave import parse_call, parse_value, print_value
from wadjet.component.wit_bridge import encode_package, read

#: a value that spells its whole type is printed as shortly as the type allows
NAME = re.compile(r"(?:ui:tests/)?(?:ui\.)?([a-z0-9-]+)(?:@0\.1\.0)?")


def ui() -> tuple[dict[str, FuncType], PythonForms]:
    resolve = read(corpora("wave-ui") / "ui" / "ui.wit")
    valid = validate(encode_package(resolve, resolve.main), ALL)
    bound = valid.shape.exports["ui"]
    assert isinstance(bound, TypeBound)
    assert isinstance(bound.type, ComponentShape)
    instance = bound.type.exports["ui:tests/ui@0.1.0"]
    assert isinstance(instance, InstanceShape)
    functions = {n: f for n, f in instance.exports.items() if isinstance(f, FuncType)}
    return functions, PythonForms(Classes(bound.type))


def cases(path: Path) -> list[str]:
    """The inputs of a file, without the comments before them."""
    texts = re.split(r";\n|;$", path.read_text())
    return [bare for text in texts if (bare := re.sub(r"\A(?://.*\n)*", "", text))]


def answer(text: str, functions: dict[str, FuncType], forms: PythonForms) -> str:
    """A call read and written again, with the names of the parameters."""

    def find(name: str) -> tuple[FuncType, FuncType] | None:
        found = NAME.fullmatch(name)
        ft = functions.get(found[1]) if found else None
        return None if ft is None else (ft, ft)

    ft, values = parse_call(text, find, forms)
    printed = [
        f"{label}: {print_value(value, closed(t), forms)}"
        for (label, t), value in zip(ft.params, values, strict=True)
    ]
    return f"{text.partition('(')[0]}({', '.join(printed)})"


def test_what_is_accepted(score: Score) -> None:
    functions, forms = ui()
    wrong, passed = [], 0
    for path in sorted((corpora("wave-ui") / "ui").glob("accept-*.waves")):
        wanted = [w for w in path.with_suffix(".out").read_text().splitlines() if w[:2] != "//"]
        for text, line in zip(cases(path), wanted, strict=True):
            found = answer(text, functions, forms)
            passed += found == line
            wrong += [(path.name, text, found, line)] if found != line else []
    score("wave-ui", "accept", passed, len(wrong))
    assert wrong == []
    assert passed >= 61


def test_what_is_rejected(score: Score) -> None:
    functions, forms = ui()
    wrong, passed = [], 0
    for path in sorted((corpora("wave-ui") / "ui").glob("reject-*.waves")):
        for text in cases(path):
            try:
                wrong.append((path.name, text, answer(text, functions, forms)))
            except (Malformed, Invalid) as error:
                passed += error.place is not None
    score("wave-ui", "reject", passed, len(wrong))
    assert wrong == []
    assert passed >= 110


def defined(shape: types.Shape) -> Defined:
    return Defined(shape)


OPTION = defined(types.Option(types.U8))
PAIR = defined(types.Record((("first-one", types.U8), ("second", OPTION))))
SHAPE = defined(types.Variant((("all", None), ("range", PAIR), ("ok", types.STRING))))
COLOR = defined(types.Enum(("red", "none")))
PERMS = defined(types.Flags(("read", "write", "true")))
VALUES: list[tuple[Prim | Defined, str, object]] = [
    (types.BOOL, "true", True),
    (types.S8, "-128", -128),
    (types.U64, "18446744073709551615", 2**64 - 1),
    (types.F64, "-0", -0.0),
    (types.F64, "0.1", 0.1),
    (types.F32, "16777216", 2.0**24),
    (types.F64, "-inf", -math.inf),
    (types.CHAR, "'\\u{7}'", "\a"),
    (types.STRING, '"\\"☃\\n"', '"☃\n'),
    (OPTION, "some(3)", 3),
    (OPTION, "none", None),
    (defined(types.Option(OPTION)), "some(none)", Some(None)),
    (defined(types.Result(None, None)), "ok", Ok()),
    (defined(types.Result(types.U8, types.STRING)), 'err("x")', Err("x")),
    (defined(types.Tuple((types.U8, types.CHAR))), "(1, 'a')", (1, "a")),
    (defined(types.List(types.U8)), "[1, 2]", b"\1\2"),
    (defined(types.List(types.U16)), "[1, 2]", [1, 2]),
    (defined(types.List(types.U8, 2)), "[1, 2]", [1, 2]),
    (defined(types.Map(types.STRING, types.U8)), '[("a", 1)]', {"a": 1}),
]


@pytest.mark.parametrize(("t", "text", "value"), VALUES, ids=lambda value: str(value))
def test_values_of_every_type(t: Prim | Defined, text: str, value: object) -> None:
    forms = PythonForms(Classes(ComponentShape({}, {}, {}, {})))
    assert parse_value(text, t, forms) == value
    assert print_value(value, t, forms) == text


def test_values_with_classes_of_their_own() -> None:
    forms = PythonForms(Classes(ComponentShape({}, {"shape": TypeBound(SHAPE)}, {}, {})))
    for t, text in (
        (PAIR, "{first-one: 1, second: some(2)}"),
        (PAIR, "{first-one: 1}"),
        (SHAPE, "all"),
        (SHAPE, "range({first-one: 7})"),
        (SHAPE, '%ok("x")'),
        (COLOR, "red"),
        (COLOR, "%none"),
        (PERMS, "{}"),
        (PERMS, "{read, true}"),
    ):
        assert print_value(parse_value(text, t, forms), t, forms) == text
    assert repr(parse_value("range({first-one: 7})", SHAPE, forms)) == (
        "Shape.Range(Record(first_one=7, second=None))"
    )


@pytest.mark.parametrize(
    ("t", "text", "words", "column"),
    [
        (types.U8, "256", "out of range for u8: 0 to 255", 1),
        (types.U8, "1" * 5000, "out of range", 1),
        (types.S8, "1.5", "expected an integer", 1),
        (types.U8, "-0", "expected an integer", 1),
        (types.U8, "", "end of input: expected number", 1),
        (types.U8, "1 1", "expected end of input", 3),
        (types.U8, "01", "expected end of input", 2),
        (OPTION, "some 1", "missing payload", 1),
        (defined(types.List(types.U8, 2)), "[1]", "a list of 1 values", 1),
        (defined(types.Tuple((types.U8, types.U8))), "(1)", "a tuple of 1 values", 1),
        (defined(types.Tuple((types.U8,))), "(1, 2)", r"expected \)", 5),
        (SHAPE, "some", "`some` is a keyword", 1),
        (SHAPE, "round", "there are `all`, `range`, `ok`", 1),
        (defined(types.Stream(None)), "x", "cannot be written", 1),
        (types.STRING, '"\\u{110000}"', "invalid character escape", 1),
        (defined(types.List(types.U8)), "[" * 5000, "expected number", 2),
    ],
)
def test_what_is_wrong_and_where(t: Prim | Defined, text: str, words: str, column: int) -> None:
    forms = PythonForms(Classes(ComponentShape({}, {}, {}, {})))
    with pytest.raises(Error, match=words) as caught:
        parse_value(text, t, forms)
    assert isinstance(caught.value, Malformed | Invalid)
    assert caught.value.place is not None
    assert (caught.value.place.line, caught.value.place.column) == (1, column)
