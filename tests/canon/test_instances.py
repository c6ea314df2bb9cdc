"""Instances: what can be imported, what is exported, resources and who destroys them, values."""

from typing import Any

import pytest

from wadjet.base.errors import Error, Trap, Unlinkable
from wadjet.canon.resources import HostResource, Resource
from wadjet.canon.root import Func, Instance, instantiate
from wadjet.component import text
from wadjet.component.features import ALL
from wadjet.component.plan import plan
from wadjet.component.validate import validate
from wadjet.core import text as core_text
from wadjet.core.validate import validate as validate_core


def make(source: str, imports: dict[str, Any] | None = None, tier: str = "auto") -> Instance:
    valid = validate(text.parse(source, ALL), ALL)
    return instantiate(valid, {} if imports is None else imports, tier=tier)


ADDER = """(component
  (core module $m (func (export "add") (param i32 i32) (result i32)
    (i32.add (local.get 0) (local.get 1))))
  (core instance $i (instantiate $m))
  (func (export "add") (param "a" u32) (param "b" u32) (result u32)
    (canon lift (core func $i "add"))))"""

USER = """(component
  (import "math" (instance $math
    (export "add" (func (param "a" u32) (param "b" u32) (result u32)))))
  (core func $add (canon lower (func $math "add")))
  (core module $m
    (import "" "add" (func $add (param i32 i32) (result i32)))
    (func (export "thrice") (param i32) (result i32)
      (call $add (local.get 0) (call $add (local.get 0) (local.get 0)))))
  (core instance $i (instantiate $m (with "" (instance (export "add" (func $add))))))
  (func (export "thrice") (param "x" u32) (result u32) (canon lift (core func $i "thrice")))
  (export "math2" (instance $math)))"""


def test_one_instance_serves_another() -> None:
    adder = make(ADDER)
    user = make(USER, {"math": adder})
    assert user.store is adder.store
    assert user.exports["thrice"](14) == 42
    assert user.exports["math2"].exports["add"](1, 2) == 3


def test_a_function_of_a_guest_is_given_as_it_is() -> None:
    func = make(ADDER).exports["add"]
    assert isinstance(func, Func)
    assert make(USER, {"math": {"add": func}}).exports["thrice"](2) == 6


def test_the_host_serves_an_instance() -> None:
    user = make(USER, {"math": {"add": lambda a, b: a * b + 1}})
    assert user.exports["thrice"](3) == 31


@pytest.mark.parametrize(
    ("imports", "words"),
    [
        ({}, "missing import: `math`"),
        ({"math": {}}, "missing import: `math`/`add`"),
        ({"math": {"add": 5}}, "`math`/`add` must be a function"),
        ({"math": 5}, "`math` must be an instance"),
    ],
)
def test_what_is_missing_is_named(imports: dict[str, Any], words: str) -> None:
    with pytest.raises(Unlinkable, match=words):
        make(USER, imports)


def test_modules_and_components_are_imported() -> None:
    source = """(component
      (import "m" (core module $m (export "f" (func (result i32)))))
      (import "c" (component $c (export "add"
        (func (param "a" u32) (param "b" u32) (result u32)))))
      (core instance $i (instantiate $m))
      (instance $j (instantiate $c))
      (func (export "f") (result u32) (canon lift (core func $i "f")))
      (export "add" (func $j "add")))"""
    module = validate_core(core_text.parse('(module (func (export "f") (result i32) i32.const 7))'))
    component = plan(validate(text.parse(ADDER)))
    instance = make(source, {"m": module, "c": component})
    assert instance.exports["f"]() == 7
    assert instance.exports["add"](20, 22) == 42
    wrong = validate_core(core_text.parse('(module (func (export "f") (result i64) i64.const 7))'))
    with pytest.raises(Unlinkable, match="does not fit"):
        make(source, {"m": wrong, "c": component})


COUNTERS = """(component
  (core module $d
    (global $dropped (export "dropped") (mut i32) (i32.const 0))
    (func (export "dtor") (param i32) (global.set $dropped
      (i32.add (global.get $dropped) (local.get 0)))))
  (core instance $d (instantiate $d))
  (type $counter' (resource (rep i32) (dtor (core func $d "dtor"))))
  (export $counter "counter" (type $counter'))
  (core func $new (canon resource.new $counter'))
  (core func $rep (canon resource.rep $counter'))
  (core module $m
    (import "" "new" (func $new (param i32) (result i32)))
    (import "" "rep" (func $rep (param i32) (result i32)))
    (import "" "dropped" (global $dropped (mut i32)))
    (func (export "make") (param i32) (result i32) (call $new (local.get 0)))
    (func (export "get") (param i32) (result i32) (local.get 0))
    (func (export "take") (param i32) (result i32) (call $rep (local.get 0)))
    (func (export "dropped") (result i32) (global.get $dropped)))
  (core instance $i (instantiate $m (with "" (instance
    (export "new" (func $new)) (export "rep" (func $rep))
    (export "dropped" (global $d "dropped"))))))
  (func (export "make") (param "x" u32) (result (own $counter)) (canon lift (core func $i "make")))
  (func (export "get") (param "c" (borrow $counter)) (result u32) (canon lift (core func $i "get")))
  (func (export "take") (param "c" (own $counter)) (result u32) (canon lift (core func $i "take")))
  (func (export "dropped") (result u32) (canon lift (core func $i "dropped"))))"""


@pytest.mark.parametrize("tier", ["interpreter", "auto"])
def test_resources_of_guests(tier: str) -> None:
    exports = make(COUNTERS, tier=tier).exports
    with exports["make"](5) as counter:
        assert isinstance(counter, Resource)
        assert exports["get"](counter) == 5
        assert exports["get"](counter) == 5
        assert exports["dropped"]() == 0
    assert exports["dropped"]() == 5
    counter.drop()
    assert exports["dropped"]() == 5
    with pytest.raises(ValueError, match="dropped or given away"):
        exports["get"](counter)
    given = exports["make"](6)
    assert exports["take"](given) == 6
    with pytest.raises(ValueError, match="dropped or given away"):
        exports["take"](given)


def test_resources_of_other_instances_do_not_fit() -> None:
    one, other = make(COUNTERS), make(COUNTERS)
    counter = one.exports["make"](1)
    with pytest.raises(TypeError, match="another instance"):
        other.exports["get"](counter)
    with pytest.raises(TypeError, match="wanted, not int"):
        one.exports["get"](5)
    assert one.exports["get"](counter) == 1


FILES = """(component
  (import "fs" (instance $fs
    (export "file" (type $file (sub resource)))
    (export "[constructor]file" (func (param "name" string) (result (own $file))))
    (export "[method]file.size" (func (param "self" (borrow $file)) (result u32)))))
  (alias export $fs "file" (type $file))
  (core module $libc (memory (export "mem") 1) (data (i32.const 16) "a.txt"))
  (core instance $libc (instantiate $libc))
  (alias core export $libc "mem" (core memory $mem))
  (core func $open (canon lower (func $fs "[constructor]file") (memory $mem)))
  (core func $size (canon lower (func $fs "[method]file.size")))
  (core func $drop (canon resource.drop $file))
  (core module $m
    (import "" "open" (func $open (param i32 i32) (result i32)))
    (import "" "size" (func $size (param i32) (result i32)))
    (import "" "drop" (func $drop (param i32)))
    (func (export "run") (result i32) (local $f i32) (local $size i32)
      (local.set $f (call $open (i32.const 16) (i32.const 5)))
      (local.set $size (call $size (local.get $f)))
      (call $drop (local.get $f))
      (local.get $size))
    (func (export "twice") (call $drop (i32.const 1)) (call $drop (i32.const 1))))
  (core instance $i (instantiate $m (with "" (instance
    (export "open" (func $open)) (export "size" (func $size)) (export "drop" (func $drop))))))
  (func (export "run") (result u32) (canon lift (core func $i "run")))
  (func (export "twice") (canon lift (core func $i "twice"))))"""


class File:
    def __init__(self, name: str) -> None:
        self.name = name


def test_resources_of_the_host_are_its_objects() -> None:
    dropped: list[File] = []
    fs = {
        "file": HostResource("file", dropped.append),
        "[constructor]file": File,
        "[method]file.size": lambda file: len(file.name),
    }
    instance = make(FILES, {"fs": fs})
    assert instance.exports["run"]() == 5
    assert [file.name for file in dropped] == ["a.txt"]
    with pytest.raises(Trap, match="unknown handle index 1"):
        instance.exports["twice"]()


def test_an_exception_of_the_host_ends_the_call_and_the_instance() -> None:
    def add(a: int, b: int) -> int:
        raise KeyError("no")

    user = make(USER, {"math": {"add": add}})
    with pytest.raises(KeyError):
        user.exports["thrice"](1)
    with pytest.raises(Trap, match="cannot enter"):
        user.exports["thrice"](1)


def test_what_the_host_returns_must_fit() -> None:
    user = make(USER, {"math": {"add": lambda a, b: "three"}})
    with pytest.raises(TypeError, match="`result` takes an int, not 'three'"):
        user.exports["thrice"](1)


def test_values_and_start_functions() -> None:
    source = """(component
      (import "name" (value $name string))
      (import "log" (func $log (param "text" string) (result u32)))
      (start $log (value $name) (result (value $length)))
      (export "length" (value $length)))"""
    instance = make(source, {"name": "héllo", "log": len})
    assert instance.exports["length"] == 5


def test_a_resource_that_is_lent_cannot_be_dropped() -> None:
    exports = make(COUNTERS).exports
    counter = exports["make"](3)
    counter._handle.lends = 1
    with pytest.raises(Error, match="lent"):
        counter.drop()


@pytest.mark.parametrize(
    "labels", [("a0", "t1", "p"), ("cx", "flags", "core"), ("f0", "r", "inst")]
)
def test_parameters_have_any_names(labels: tuple[str, ...]) -> None:
    params = " ".join(f'(param "{label}" string)' for label in labels)
    source = f"""(component
      (core module $m (memory (export "mem") 1) (global $n (mut i32) (i32.const 64))
        (func (export "realloc") (param i32 i32 i32 i32) (result i32)
          (global.set $n (i32.add (global.get $n) (local.get 3)))
          (i32.sub (global.get $n) (local.get 3)))
        (func (export "f") (param i32 i32 i32 i32 i32 i32) (result i32)
          (i32.add (local.get 1) (i32.mul (i32.const 100) (local.get 5)))))
      (core instance $i (instantiate $m))
      (func (export "f") {params} (result u32)
        (canon lift (core func $i "f") (memory (core memory $i "mem"))
          (realloc (core func $i "realloc")))))"""
    func = make(source).exports["f"]
    assert func("a", "bb", "ccc") == 301
    assert func.call(**dict(zip(labels, ("a", "bb", "ccc"), strict=True))) == 301


def test_types_may_be_deep() -> None:
    t = "u8"
    for _ in range(90):
        t = f"(tuple {t})"
    source = f"""(component
      (core module $m (func (export "f") (param i32) (result i32) (local.get 0)))
      (core instance $i (instantiate $m))
      (func (export "f") (param "x" {t}) (result {t}) (canon lift (core func $i "f"))))"""
    value: Any = 7
    for _ in range(90):
        value = (value,)
    assert make(source).exports["f"](value) == value
