"""Which types of a component share a class, and what classes are called."""

from typing import Any

from wadjet.canon.classes import Classes, named_types
from wadjet.component.closed import ComponentShape
from wadjet.component.text import parse
from wadjet.component.types import Defined
from wadjet.component.validate import validate

TEXT = """
(component
  (import "a:b/shapes@1.0.0" (instance $i
    (type $p (record (field "x" u32) (field "y-pos" u32)))
    (export "point" (type $pe (eq $p)))
    (type $l (list $pe))
    (export "points" (type (eq $l)))
    (type $v (variant (case "none") (case "at" $pe)))
    (export "where" (type (eq $v)))))
  (alias export $i "point" (type $point))
  (import "c:d/other" (instance
    (alias outer 1 $point (type $p))
    (export "point" (type (eq $p)))
    (export "pt" (type (eq $p)))
    (type $q (record (field "x" u32) (field "y-pos" u32)))
    (export "pixel" (type (eq $q)))
    (type $e (enum "import" "red-ish"))
    (export "color" (type (eq $e)))
    (type $f (flags "read" "write"))
    (export "access" (type (eq $f))))))
"""


def _shape() -> ComponentShape:
    return validate(parse(TEXT)).shape


def _types(shape: ComponentShape) -> dict[tuple[str, str], Defined]:
    return {(module.partition("/")[2], label): t for _, module, label, t in named_types(shape)}


def test_names() -> None:
    shape = _shape()
    types, classes = _types(shape), Classes(shape)
    point, fields = classes.record(types["shapes@1.0.0", "point"])
    assert (point.__name__, point.__module__) == ("Point", "a:b/shapes@1.0.0")
    assert fields == ("x", "y_pos")
    cases = classes.variant(types["shapes@1.0.0", "where"])
    assert [c.__qualname__ for c in cases] == ["Where.None_", "Where.At"]
    assert [e.name for e in classes.enum(types["other", "color"])] == ["IMPORT", "RED_ISH"]
    assert [f.name for f in classes.flags(types["other", "access"])] == ["READ", "WRITE"]
    assert classes.of(types["shapes@1.0.0", "points"]) is None


def test_what_is_used_elsewhere_has_one_class() -> None:
    shape = _shape()
    types, classes = _types(shape), Classes(shape)
    point, _ = classes.record(types["shapes@1.0.0", "point"])
    assert classes.record(types["other", "point"])[0] is point
    assert classes.record(types["other", "pt"])[0] is point
    pixel, _ = classes.record(types["other", "pixel"])
    assert pixel is not point
    assert pixel.__name__ == "Pixel"


def test_classes_that_exist_are_taken() -> None:
    shape = _shape()
    mine: Any = type("Point", (), {"__match_args__": ("x", "y_pos")})
    classes = Classes(shape, {("imports", "a:b/shapes@1.0.0", "Point"): mine})
    assert classes.record(_types(shape)["shapes@1.0.0", "point"])[0] is mine
