"""Components from Python: what they need and offer, values of every kind, resources, mistakes."""

import inspect
from functools import wraps
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

import wadjet
from tests.api.guests import calc

TIERS = ("interpreter", "auto")


class File:
    closed = 0

    def __init__(self, name: str) -> None:
        self.name = name

    def size(self) -> int:
        return len(self.name)

    @staticmethod
    def largest(a: "File", b: "File") -> int:
        return max(a.size(), b.size())

    def close(self) -> None:
        File.closed += 1


class Store:
    File = File

    def open(self, name: str) -> File:
        if name == "missing":
            raise wadjet.ResultError("no such file")
        return File(name)


class Host:
    store = Store()

    def __init__(self) -> None:
        self.lines: list[tuple[str, int]] = []

    def log(self, text: str, level: int) -> None:
        self.lines.append((text, level))


@pytest.fixture(scope="module")
def component() -> wadjet.Component:
    return wadjet.Component(calc())


@pytest.fixture(params=TIERS)
def ops(request: pytest.FixtureRequest, component: wadjet.Component) -> Any:
    return component.instantiate(Host(), tier=request.param).ops


# --- descriptions ---------------------------------------------------------------------------------


def test_what_it_needs_and_offers(component: wadjet.Component) -> None:
    kinds = {item.name: item.kind for item in component.imports}
    assert kinds["demo:calc/store@1.2.3"] == "instance"
    assert kinds["log"] == "func"
    assert [item.name for item in component.exports] == ["demo:calc/ops@1.2.3", "twice"]
    assert repr(component) == f"<wadjet.Component: {len(kinds)} imports, 2 exports>"


def test_descriptions_are_wit(component: wadjet.Component) -> None:
    texts = {item.name: str(item) for item in component.imports + component.exports}
    assert texts["log"] == "log: func(text: string, level: u32);"
    assert texts["demo:calc/store@1.2.3"] == (
        "interface demo:calc/store@1.2.3 {\n"
        "  resource file {\n"
        "    constructor(name: string);\n"
        "    size: func() -> u32;\n"
        "    largest: static func(a: borrow<file>, b: borrow<file>) -> u32;\n"
        "  }\n"
        "  open: func(name: string) -> result<file, string>;\n"
        "}"
    )
    ops = texts["demo:calc/ops@1.2.3"]
    assert "  use demo:calc/types@1.2.3.{color as hue};\n" in ops
    assert "  maybe: func(x: option<option<u8>>) -> option<option<u8>>;\n" in ops


def test_files_bytes_and_text(tmp_path: Path) -> None:
    text = '(component (core module $m (func (export "f") (result i32) (i32.const 7)))\
        (core instance $i (instantiate $m))\
        (func (export "f") (result u32) (canon lift (core func $i "f"))))'
    assert wadjet.Component.from_text(text).instantiate().f() == 7
    path = tmp_path / "seven.wat"
    path.write_text(text)
    assert wadjet.Component.from_file(path).instantiate().f() == 7
    path.write_bytes(calc())
    assert len(wadjet.Component.from_file(path).exports) == 2
    with pytest.raises(wadjet.Malformed, match=r"core module.*wadjet\.Module"):
        wadjet.Component(b"\0asm\1\0\0\0")
    with pytest.raises(wadjet.Malformed):
        wadjet.Component(b"\0asm")


# --- instances ------------------------------------------------------------------------------------


def test_attributes_and_items(component: wadjet.Component) -> None:
    instance = component.instantiate(Host())
    assert dir(instance) == ["ops", "twice"]
    assert list(instance) == ["demo:calc/ops@1.2.3", "twice"]
    assert instance.twice(21) == 42
    assert instance["twice"] is instance.twice
    assert instance["demo:calc/ops@1.2.3"] is instance.ops
    assert instance["demo:calc/ops@1.0.0"] is instance.ops
    assert "demo:calc/ops@2.0.0" not in instance
    assert instance.ops["with-exec"] is instance.ops.with_exec
    assert "divide: func(a: u32, b: u32) -> result<u32, string>;" in str(instance.ops)
    with pytest.raises(AttributeError, match="has no 'nothing': it has ops, twice"):
        instance.nothing  # noqa: B018
    with pytest.raises(KeyError, match="demo:calc/ops"):
        instance.ops["nothing"]


def test_functions_tell_their_types(component: wadjet.Component) -> None:
    ops = component.instantiate(Host()).ops
    assert ops.divide.__name__ == "divide"
    assert ops.divide.__doc__ == "divide: func(a: u32, b: u32) -> result<u32, string>"
    assert list(inspect.signature(ops.divide).parameters) == ["a", "b"]
    assert ops.Counter.plus.__doc__ == "plus: func(by: u32) -> u32"
    assert ops.Counter.__doc__.startswith("resource counter {\n  constructor(start: u32);")
    assert str(inspect.signature(ops.Counter)) == "(start: 'u32') -> 'counter'"


def test_values(ops: Any) -> None:
    assert ops.add(2, 3) == 5
    assert ops.add(a=2, b=3) == 5
    assert ops.flip(ops.Point(1.5, 2.5)) == ops.Point(2.5, 1.5)
    assert ops.flip(ops.Point(x=1.5, y_pos=2.5)).y_pos == 1.5
    assert ops.area(ops.Shape.None_()) == 0
    assert ops.area(ops.Shape.Circle(3.0)) == 9
    assert ops.area(ops.Shape.Rect(ops.Point(2.0, 4.0))) == 8
    assert ops.next(ops.Hue.LIGHT_BLUE) is ops.Hue.IMPORT
    assert ops.with_exec(ops.Access.READ) == ops.Access.READ | ops.Access.EXEC
    assert ops.echo("grüße 🎈") == "grüße 🎈"
    assert ops.reverse(b"abc") == b"cba"
    assert ops.reverse(bytearray(b"xyz")) == ops.reverse(memoryview(b"xyz")) == b"zyx"
    assert ops.maybe(None) is None
    assert ops.maybe(wadjet.Some(None)) == wadjet.Some(None)
    assert ops.maybe(wadjet.Some(7)) == wadjet.Some(7)


def test_types_used_elsewhere_are_the_same(component: wadjet.Component) -> None:
    one, other = component.instantiate(Host()), component.instantiate(Host())
    assert one.ops.Point is other.ops.Point
    assert one.ops.Counter is not other.ops.Counter


def test_results_raise(ops: Any) -> None:
    assert ops.divide(7, 2) == 3
    with pytest.raises(wadjet.ResultError, match="division by zero") as caught:
        ops.divide(7, 0)
    assert caught.value.value == "division by zero"
    assert ops.check(True) is None
    with pytest.raises(wadjet.ResultError, match="failed") as caught:
        ops.check(False)
    assert caught.value.value is None


def test_results_are_returned_by_choice(component: wadjet.Component) -> None:
    ops = component.instantiate(Host(), results="return").ops
    assert ops.divide(7, 2) == wadjet.Ok(3)
    match ops.divide(7, 0):
        case wadjet.Err(why):
            assert why == "division by zero"
    assert ops.check(True) == wadjet.Ok()
    assert ops.check(False) == wadjet.Err()
    with pytest.raises(ValueError, match="results are"):
        component.instantiate(Host(), results="both")  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("call", "error"),
    [
        (lambda ops: ops.add("2", 3), TypeError),
        (lambda ops: ops.add(-1, 3), OverflowError),
        (lambda ops: ops.add(1), TypeError),
        (lambda ops: ops.flip(3), TypeError),
        (lambda ops: ops.area(ops.Point(1.0, 2.0)), TypeError),
        (lambda ops: ops.echo(b"bytes"), TypeError),
        (lambda ops: ops.reverse("text"), TypeError),
    ],
)
def test_wrong_arguments(ops: Any, call: Any, error: type[Exception]) -> None:
    with pytest.raises(error):
        call(ops)
    assert ops.add(2, 3) == 5


def test_traps(ops: Any) -> None:
    with pytest.raises(wadjet.Trap, match="unreachable"):
        ops.fail()
    with pytest.raises(wadjet.Trap, match="cannot enter"):
        ops.add(1, 2)


# --- resources ------------------------------------------------------------------------------------


def test_resources_of_the_guest(ops: Any) -> None:
    with ops.Counter(10) as counter:
        assert isinstance(counter, ops.Counter)
        assert isinstance(counter, wadjet.Resource)
        assert counter.plus(5) == 15
        assert counter.plus(by=5) == 15
        assert ops.Counter.sum(counter, ops.Counter(start=3)) == 13
        assert ops.dropped() == 3
        counter.drop_()
        assert ops.dropped() == 3
    assert ops.dropped() == 13
    assert ops.made() == 2
    with pytest.raises(ValueError, match="dropped or given away"):
        counter.plus(1)
    counter.drop()
    assert ops.dropped() == 13


def test_resources_of_another_instance(component: wadjet.Component) -> None:
    one, other = component.instantiate(Host()).ops, component.instantiate(Host()).ops
    with pytest.raises(TypeError, match="another instance"):
        other.Counter.plus(one.Counter(1), 2)


def test_resources_of_the_host(component: wadjet.Component) -> None:
    ops = component.instantiate(Host()).ops
    File.closed = 0
    assert ops.size_of("four") == 4 + 4
    assert File.closed == 2
    assert ops.size_of("missing") == 0


def test_a_resource_of_the_host_may_be_any_object() -> None:
    text = """
        (component
          (import "a:b/files" (instance $f (export "file" (type (sub resource)))))
          (alias export $f "file" (type $file))
          (instance $o (export "file" (type $file)))
          (export "a:b/user" (instance $o)))
    """
    assert wadjet.Component.from_text(text).instantiate({"files": {}}).user.File is object
    assert wadjet.Component.from_text(text).instantiate().user.File is object


_FILES = """(instance $f
  (export "file" (type $file (sub resource)))
  (export "open" (func (param "number" u32) (result (own $file)))))"""


def test_what_a_guest_keeps_of_the_host_goes_when_it_is_closed() -> None:
    keeper = wadjet.Component.from_text(f"""
        (component
          (import "a:b/files" {_FILES})
          (component $keeper
            (import "f" {_FILES})
            (core func $open (canon lower (func $f "open")))
            (core module $m
              (import "" "open" (func $open (param i32) (result i32)))
              (func (export "keep") (param i32) (drop (call $open (local.get 0)))))
            (core instance $i (instantiate $m
              (with "" (instance (export "open" (func $open))))))
            (func (export "keep") (param "number" u32) (canon lift (core func $i "keep"))))
          (instance $k (instantiate $keeper (with "f" (instance $f))))
          (export "keep" (func $k "keep")))
    """)
    closed: list[int] = []

    class File:
        def __init__(self, number: int) -> None:
            self.number = number

        def close(self) -> None:
            closed.append(self.number)
            if self.number == 1:
                raise OSError("the disk is full")

    instance = keeper.instantiate({"files": {"file": File, "open": File}})
    for number in range(3):
        instance.keep(number)
    assert not closed
    with pytest.raises(OSError, match="full"):
        instance.close()
    assert closed == [2, 1, 0]
    instance.close()
    assert closed == [2, 1, 0]


def test_files_need_no_close(component: wadjet.Component) -> None:
    class Plain:
        def __init__(self, name: str) -> None: ...
        def size(self) -> int:
            return 1

        @staticmethod
        def largest(a: object, b: object) -> int:
            return 1

    class Exits(Plain):
        exited = 0

        def __exit__(self, *error: object) -> None:
            Exits.exited += 1

    for kind in (Plain, Exits):
        store = {"open": kind, "File": kind}
        assert component.instantiate({"store": store, "log": print}).ops.size_of("x") == 2
    assert Exits.exited == 2


# --- imports --------------------------------------------------------------------------------------


def _given(form: str) -> object:
    host = Host()
    match form:
        case "object":
            return host
        case "class":
            return Host
        case "module":
            module = ModuleType("host")
            module.store, module.log = Store, host.log  # type: ignore[attr-defined]
            return module
        case "exact names":
            store = {
                "open": File,
                "[constructor]file": File,
                "[method]file.size": File.size,
                "[static]file.largest": File.largest,
            }
            return {"demo:calc/store@1.2.3": store, "log": host.log}
        case "another version":
            return {"demo:calc/store@1.9.0": Store(), "log": host.log}
    return {"store": Store(), "log": host.log}


FORMS = ("object", "class", "module", "exact names", "another version", "python names")


@pytest.mark.parametrize("form", FORMS)
def test_forms_of_imports(component: wadjet.Component, form: str) -> None:
    ops = component.instantiate(_given(form)).ops
    assert ops.size_of("four") == 8
    assert ops.echo("x") == "x"


def test_host_functions_get_values(component: wadjet.Component) -> None:
    host = Host()
    component.instantiate(host).ops.echo("hello")
    assert host.lines == [("hello", 7)]


def test_all_that_is_wrong_is_told_at_once(component: wadjet.Component) -> None:
    class Half:
        def __init__(self, name: str) -> None: ...

        @staticmethod
        def largest(a: object) -> int:
            return 0

    bad = {"store": {"File": Half, "open": "not a function"}, "log": lambda text: None}
    with pytest.raises(wadjet.Unlinkable) as caught:
        component.instantiate(bad)
    lines = str(caught.value).splitlines()
    assert lines[0] == "imports do not fit: 4 of them"
    told = "\n".join(sorted(lines[1:]))
    assert "func `demo:calc/store@1.2.3: [method]file.size` is missing" in told
    assert "func `demo:calc/store@1.2.3: [static]file.largest` is called with 2 arguments" in told
    assert "func `demo:calc/store@1.2.3: open`: 'not a function' is not callable" in told
    assert "func `log` is called with 2 arguments (text, level)" in told


def test_nothing_given(component: wadjet.Component) -> None:
    with pytest.raises(wadjet.Unlinkable) as caught:
        component.instantiate()
    assert "instance `demo:calc/store@1.2.3` is missing" in str(caught.value)
    assert "func `log` is missing" in str(caught.value)


def test_the_world_of_wasi_is_hinted_at() -> None:
    text = '(component (import "wasi:cli/stdout@0.2.0" (instance (export "f" (func)))))'
    with pytest.raises(wadjet.Unlinkable, match=r"wasi=wadjet\.Wasi"):
        wadjet.Component.from_text(text).instantiate()


def test_any_number_of_arguments_will_do(component: wadjet.Component) -> None:
    seen: list[tuple[object, ...]] = []
    imports = {"store": Store(), "log": lambda *args: seen.append(args)}
    component.instantiate(imports).ops.echo("x")
    assert seen == [("x", 7)]
    component.instantiate({"store": Store(), "log": print}).ops.echo("printed")


def test_decorated_methods_will_do(component: wadjet.Component) -> None:
    def decorated(method: Any) -> Any:
        @wraps(method)
        def call(self: Any, /, *args: Any) -> Any:
            return method(self, *args)

        return call

    class Decorated(Store):
        open = decorated(Store.open)

    imports = {"store": Decorated(), "log": print}
    assert component.instantiate(imports).ops.size_of("four") == 8


def test_exceptions_of_host_functions_pass_through(component: wadjet.Component) -> None:
    def log(text: str, level: int) -> None:
        raise LookupError(text)

    ops = component.instantiate({"store": Store(), "log": log}).ops
    with pytest.raises(LookupError, match="x"):
        ops.echo("x")


def test_interfaces_of_another_instance_are_imports() -> None:
    giver = wadjet.Component.from_text("""
        (component
          (core module $m (func (export "f") (param i32) (result i32)
            (i32.add (local.get 0) (i32.const 1))))
          (core instance $i (instantiate $m))
          (func $f (param "x" u32) (result u32) (canon lift (core func $i "f")))
          (instance $o (export "next" (func $f)))
          (export "a:b/numbers@1.0.0" (instance $o))
          (export "next" (func $f)))
    """).instantiate()
    taker = wadjet.Component.from_text("""
        (component
          (import "a:b/numbers@1.0.0" (instance $n
            (export "next" (func (param "x" u32) (result u32)))))
          (core func $next (canon lower (func $n "next")))
          (core module $m
            (import "" "next" (func $next (param i32) (result i32)))
            (func (export "f") (param i32) (result i32)
              (call $next (call $next (local.get 0)))))
          (core instance $i (instantiate $m
            (with "" (instance (export "next" (func $next))))))
          (func (export "second") (param "x" u32) (result u32)
            (canon lift (core func $i "f"))))
    """)
    assert taker.instantiate(giver).second(5) == 7
    assert taker.instantiate({"numbers": giver.numbers}).second(5) == 7
    assert taker.instantiate({"numbers": {"next": giver.next}}).second(5) == 7
    with pytest.raises(ValueError, match="its own limits"):
        taker.instantiate(giver, limits=wadjet.Limits(seconds=1))
    with pytest.raises(ValueError, match="its own limits"):
        taker.instantiate(giver, store=wadjet.Store())
    with pytest.raises(ValueError, match="one or the other"):
        taker.instantiate(giver, store=wadjet.Store(), limits=wadjet.Limits())


def test_limits() -> None:
    spin = wadjet.Component.from_text("""
        (component
          (core module $m (func (export "spin") (loop (br 0))))
          (core instance $i (instantiate $m))
          (func (export "spin") (canon lift (core func $i "spin"))))
    """)
    with pytest.raises(wadjet.Timeout):
        spin.instantiate(limits=wadjet.Limits(seconds=0.1)).spin()


def test_modules_and_components_are_imports() -> None:
    module = wadjet.Module('(module (func (export "f") (result i32) (i32.const 7)))')
    seven = wadjet.Component.from_text("""
        (component
          (import "m" (core module $m (export "f" (func (result i32)))))
          (core instance $i (instantiate $m))
          (func (export "f") (result u32) (canon lift (core func $i "f"))))
    """)
    assert seven.instantiate({"m": module}).f() == 7
    giver = wadjet.Component.from_text("""
        (component
          (core module $m (func (export "f") (result i32) (i32.const 8)))
          (core instance $i (instantiate $m))
          (func (export "f") (result u32) (canon lift (core func $i "f"))))
    """)
    taker = wadjet.Component.from_text("""
        (component
          (import "c" (component $c (export "f" (func (result u32)))))
          (instance $i (instantiate $c))
          (export "g" (func $i "f")))
    """)
    assert taker.instantiate({"c": giver}).g() == 8
    with pytest.raises(wadjet.Unlinkable):
        taker.instantiate({"c": 3})


def test_an_import_that_is_exported_again_is_what_was_given() -> None:
    text = '(component (import "log" (func $f (param "x" u32))) (export "again" (func $f)))'
    instance = wadjet.Component.from_text(text).instantiate({"log": print})
    assert instance.again is print
    assert print.__name__ == "print"


def test_a_resource_has_its_methods_wherever_it_is_named() -> None:
    instance = wadjet.Component.from_text("""
        (component
          (type $r' (resource (rep i32)))
          (core func $new (canon resource.new $r'))
          (core module $m (func (export "size") (param i32) (result i32) (local.get 0)))
          (core instance $i (instantiate $m))
          (component $uses
            (import "thing" (type $r (sub resource)))
            (export "thing" (type $r)))
          (component $defines
            (import "thing" (type $r (sub resource)))
            (import "make" (func $make (param "size" u32) (result (own $r))))
            (import "size" (func $size (param "self" (borrow $r)) (result u32)))
            (export $e "thing" (type $r))
            (export "[constructor]thing" (func $make)
              (func (param "size" u32) (result (own $e))))
            (export "[method]thing.size" (func $size)
              (func (param "self" (borrow $e)) (result u32))))
          (func $make (param "size" u32) (result (own $r')) (canon lift (core func $new)))
          (func $size (param "self" (borrow $r')) (result u32)
            (canon lift (core func $i "size")))
          (instance $uses (instantiate $uses (with "thing" (type $r'))))
          (instance $defines (instantiate $defines
            (with "thing" (type $r')) (with "make" (func $make)) (with "size" (func $size))))
          (export "a:b/uses" (instance $uses))
          (export "a:b/defines" (instance $defines)))
    """).instantiate()
    assert instance.uses.Thing is instance.defines.Thing
    assert instance.uses.Thing(7).size() == 7
