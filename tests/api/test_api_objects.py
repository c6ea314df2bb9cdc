"""Structs, arrays and exceptions of the guest in Python's hands (where the tier has them)."""

import pytest

import wadjet
from wadjet import F64, I32, Ref
from wadjet.core.types import DefType, RefType

TEXT = """
(import "e" "f" (func $f))
(type $point (struct (field $x (mut i32)) (field $y f64) (field $tag (mut i8))))
(type $bytes (array (mut i8)))
(func (export "make") (param i32) (result (ref $point))
  (struct.new $point (local.get 0) (f64.const 1.5) (i32.const 200)))
(func (export "x") (param (ref null $point)) (result i32) (struct.get $point $x (local.get 0)))
(func (export "bytes") (result (ref $bytes))
  (array.new_fixed $bytes 3 (i32.const 1) (i32.const 128) (i32.const 255)))
(func (export "same") (param eqref eqref) (result i32) (ref.eq (local.get 0) (local.get 1)))
(func (export "any") (param anyref) (result anyref) (local.get 0))
(tag $oops (export "oops") (param i32 externref))
(func (export "throw") (param i32 externref) (throw $oops (local.get 0) (local.get 1)))
(func (export "catch") (result i32 externref)
  (block $h (result i32 externref)
    (try_table (catch $oops $h) (call $f))
    (i32.const 0) (ref.null extern)))
"""


@pytest.fixture
def exports() -> wadjet.Exports:
    calls: list[object] = []

    def host() -> None:
        if calls:
            raise calls.pop()  # type: ignore[misc]

    instance = wadjet.Instance(wadjet.Module(TEXT), {"e": {"f": host}}, tier="interpreter")
    instance.exports.__dict__["raise_next"] = calls.append
    return instance.exports


def test_structs(exports: wadjet.Exports) -> None:
    point = exports.make(7)
    assert isinstance(point, Ref)
    assert list(point) == [7, 1.5, -56]
    assert len(point) == 3
    point[0] = 9
    assert exports.x(point) == 9
    point[-1] = 255
    assert point[2] == -1
    for index, value, error in ((1, 2.5, TypeError), (0, "x", TypeError), (2, 256, OverflowError)):
        with pytest.raises(error):
            point[index] = value
    with pytest.raises(IndexError):
        point[3]
    assert exports.same(point, point) == 1
    assert exports.same(point, exports.make(9)) == 0
    assert exports.any(point) is point
    with pytest.raises(wadjet.Trap, match="null structure"):
        exports.x(None)
    with pytest.raises(TypeError):
        exports.x(exports.bytes())


def test_arrays(exports: wadjet.Exports) -> None:
    octets = exports.bytes()
    assert list(octets) == [1, -128, -1]
    octets[0] = 77
    assert octets[-3] == 77


def test_objects_from_python(exports: wadjet.Exports) -> None:
    store = exports.any.__self__.store
    (param,) = exports.x.type.params
    assert isinstance(param, RefType)
    assert isinstance(param.heap, DefType)
    point = store.new(param.heap, [5, 0, 0])
    assert exports.x(point) == 5
    assert [f.storage for f in point.type.fields[:2]] == [I32, F64]
    with pytest.raises(TypeError, match="3 fields"):
        store.new(param.heap, [5])


def test_an_uncaught_exception_brings_its_values(exports: wadjet.Exports) -> None:
    thing = object()
    with pytest.raises(wadjet.WasmException) as caught:
        exports.throw(5, thing)
    assert caught.value.tag is exports.oops
    assert caught.value.payload == (5, thing)


def test_a_host_function_may_throw(exports: wadjet.Exports) -> None:
    thing = object()
    exports.raise_next(wadjet.WasmException(exports.oops, (5, thing)))
    assert exports.catch() == (5, thing)
    exports.raise_next(wadjet.WasmException(wadjet.Tag(I32), (5,)))
    with pytest.raises(wadjet.WasmException):
        exports.catch()
    exports.raise_next(KeyError("not the guest's affair"))
    with pytest.raises(KeyError):
        exports.catch()
    assert exports.catch() == (0, None)
