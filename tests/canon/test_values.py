"""The Python forms of component values."""

import copy
import dataclasses
import enum
import inspect
from typing import Any

import pytest

from wadjet.base.errors import Error
from wadjet.canon import values
from wadjet.canon.values import Err, Ok, ResultError, Some


def test_records_are_frozen_dataclasses() -> None:
    point: Any = values.record("Point", ["x", "y"], module="shapes")
    p = point(1, y=2)
    assert (p.x, p.y) == (1, 2)
    assert p == point(1, 2)
    assert p != point(2, 1)
    assert p != (1, 2)
    assert hash(p) == hash(point(1, 2))
    assert repr(p) == "Point(x=1, y=2)"
    assert point.__module__ == "shapes"
    assert [f.name for f in dataclasses.fields(point)] == ["x", "y"]
    assert dataclasses.asdict(p) == {"x": 1, "y": 2}
    assert dataclasses.replace(p, y=5) == point(1, 5)
    assert copy.deepcopy(p) == p
    assert str(inspect.signature(point)) == "(x, y)"
    assert not hasattr(p, "__dict__")
    with pytest.raises(dataclasses.FrozenInstanceError):
        p.x = 3
    with pytest.raises(dataclasses.FrozenInstanceError):
        del p.x
    with pytest.raises(TypeError, match="y"):
        point(1)
    match p:
        case point(x, y):
            assert (x, y) == (1, 2)


def test_records_of_one_field() -> None:
    one: Any = values.record("One", ["only"])
    assert one(1) == one(1)
    assert one(1) != one(2)
    assert repr(one(1)) == "One(only=1)"


def test_fields_may_have_any_name() -> None:
    names = ["self", "cls", "value", "fields", "set_self", "type", "match", "import_", "name"]
    made: Any = values.record("Odd", names)
    assert made(*range(9)).self == 0
    assert made(*range(9)) == made(**dict(zip(names, range(9))))


def test_many_records_at_once() -> None:
    point: Any = values.record("Point", ["x", "y"])
    made = values.records(point, [(1, 2), (3, 4)])
    assert made == [point(1, 2), point(3, 4)]
    assert type(made[0]) is point
    with pytest.raises(dataclasses.FrozenInstanceError):
        made[0].x = 3  # type: ignore[attr-defined]


def test_variants_match() -> None:
    some: Any = values.variant("Filter", [("All", False), ("Range", True), ("None_", False)])
    seen = []
    for value in (some.All(), some.Range(7), some.None_()):
        assert isinstance(value, some)
        match value:
            case some.All():
                seen.append("all")
            case some.Range(low):
                seen.append(low)
            case some.None_():
                seen.append("none")
    assert seen == ["all", 7, "none"]
    assert some.Range(7) == some.Range(value=7)
    assert some.Range(7) != some.Range(8)
    assert some.All() == some.All()
    assert some.All() != some.None_()
    assert len({some.All(), some.All(), some.None_()}) == 2
    assert repr(some.Range(7)) == "Filter.Range(7)"
    assert repr(some.All()) == "Filter.All()"
    assert copy.copy(some.Range(7)) == some.Range(7)
    with pytest.raises(TypeError, match="one of its cases"):
        some()
    with pytest.raises(dataclasses.FrozenInstanceError):
        some.Range(7).value = 8


def test_enums_and_flags() -> None:
    color: Any = values.enumeration("Color", ["RED", "LIGHT_BLUE"])
    assert issubclass(color, enum.Enum)
    assert [c.value for c in color] == [0, 1]
    assert color.LIGHT_BLUE.name == "LIGHT_BLUE"
    access: Any = values.flags("Access", ["READ", "WRITE"])
    assert issubclass(access, enum.Flag)
    assert access(3) == access.READ | access.WRITE
    assert not access(0)


def test_results_and_options() -> None:
    assert Ok() == Ok(None)
    assert Ok(1) != Err(1)
    assert Some(None) != Some(Some(None))
    assert repr(Some(Ok("x"))) == "Some(Ok('x'))"
    match Err("bad"):
        case Err(why):
            assert why == "bad"
    with pytest.raises(dataclasses.FrozenInstanceError):
        Ok(1).value = 2
    error = ResultError(Some(3))
    assert isinstance(error, Error)
    assert error.value == Some(3)
