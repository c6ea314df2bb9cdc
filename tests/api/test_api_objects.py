"""Structs and arrays of the guest in Python's hands, in both kinds of heap."""

import gc
import weakref
from typing import Any

import pytest

import wadjet
from wadjet import F64, I32, Ref
from wadjet.core.types import DefType, RefType

TEXT = """
(type $point (sub (struct (field $x (mut i32)) (field $y f64) (field $tag (mut i8)))))
(type $pixel (sub $point
  (struct (field $x (mut i32)) (field $y f64) (field $tag (mut i8)) (field $hue (mut i64)))))
(type $bytes (array (mut i8)))
(type $words (array i16))
(type $wide (array (mut v128)))
(type $list (struct (field $head anyref) (field $tail (mut (ref null $list)))))
(type $strict (struct (field $in (ref $point)) (field externref)))
(type $function (func))
(func (export "make") (param i32) (result (ref $point))
  (struct.new $point (local.get 0) (f64.const 1.5) (i32.const 200)))
(func (export "x") (param (ref null $point)) (result i32) (struct.get $point $x (local.get 0)))
(func (export "bytes") (result (ref $bytes))
  (array.new_fixed $bytes 3 (i32.const 1) (i32.const 128) (i32.const 255)))
(func (export "at") (param (ref $bytes) i32) (result i32)
  (array.get_u $bytes (local.get 0) (local.get 1)))
(func (export "same") (param eqref eqref) (result i32) (ref.eq (local.get 0) (local.get 1)))
(func (export "any") (param anyref) (result anyref) (local.get 0))
(global (export "kept") (mut anyref) (ref.null any))
(func (export "churn") (param i32)
  (loop $more
    (drop (array.new $wide (v128.const i64x2 0 0) (i32.const 4096)))
    (local.set 0 (i32.sub (local.get 0) (i32.const 1)))
    (br_if $more (local.get 0))))
"""


@pytest.fixture(params=["interpreter", "optimizing"])
def instance(request: pytest.FixtureRequest) -> wadjet.Instance:
    return wadjet.Instance(wadjet.Module(TEXT), tier=request.param)


@pytest.fixture
def exports(instance: wadjet.Instance) -> wadjet.Exports:
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


def test_fields_have_names(exports: wadjet.Exports) -> None:
    point = exports.make(7)
    assert point["x"] == 7
    point["x"] += 1
    assert exports.x(point) == 8
    assert dict(point) == {"x": 8, "y": 1.5, "tag": -56}
    with pytest.raises(KeyError, match="'z'"):
        point["z"]
    with pytest.raises(TypeError):
        point["y"] = 2.0


def test_a_subtype_has_the_names_of_all_its_fields(instance: wadjet.Instance) -> None:
    pixel = instance.types.pixel(1, 2, 3, 4)
    assert dict(pixel) == {"x": 1, "y": 2.0, "tag": 3, "hue": 4}
    assert instance.exports.x(pixel) == 1


def test_modules_may_disagree_about_names() -> None:
    """The same type is called differently elsewhere: what both say holds, the rest is nobody's."""
    one = wadjet.Instance(wadjet.Module("(type $p (struct (field $a i32) (field $b i32)))"))
    point = one.types.p(1, 2)
    assert point["a"] == 1
    text = "(type $q (struct (field $b i32) (field $c i32)))"
    other = wadjet.Instance(wadjet.Module(text), store=one.store)
    assert other.types.q.matches(point)
    assert [point["a"], point["c"]] == [1, 2]
    with pytest.raises(KeyError, match="different fields"):
        point["b"]
    assert list(point.keys()) == ["a", "c"]


def test_arrays(exports: wadjet.Exports) -> None:
    octets = exports.bytes()
    assert list(octets) == [1, -128, -1]
    octets[0] = 77
    assert octets[-3] == 77
    assert octets[1:] == [-128, -1]
    octets[1:] = b"\x05\xff"
    assert octets.tobytes() == b"\x4d\x05\xff"
    assert exports.at(octets, 2) == 255
    with pytest.raises(ValueError, match="2 elements"):
        octets[1:] = [1]
    with pytest.raises(OverflowError):
        octets[:2] = [0, 256]
    assert octets.tobytes() == b"\x4d\x05\xff", "nothing was written"
    with pytest.raises(KeyError):
        octets["x"]


def test_arrays_from_python(instance: wadjet.Instance) -> None:
    types = instance.types
    assert instance.exports.at(types.bytes(b"abc"), 1) == ord("b")
    words = types.words([1, -1, 0xFFFF])
    assert list(words) == [1, -1, -1]
    assert words.tobytes() == b"\1\0\xff\xff\xff\xff"
    with pytest.raises(TypeError, match="constant"):
        words[0] = 5
    assert len(types.words()) == 0
    wide = types.wide([5, bytes(range(16))])
    assert list(wide) == [b"\5" + bytes(15), bytes(range(16))]
    wide[0] = -1
    assert wide.tobytes() == b"\xff" * 16 + bytes(range(16))


def test_structs_from_python(instance: wadjet.Instance) -> None:
    point = instance.types.point
    assert list(point(1, 2.5, 3)) == [1, 2.5, 3]
    assert list(point(1, tag=-1)) == [1, 0.0, -1]
    assert list(point()) == [0, 0.0, 0]
    assert instance.exports.x(point(x=12)) == 12
    for values, named, problem in (
        ((1, 2, 3, 4), {}, "3 fields"),
        ((1,), {"x": 1}, "given twice"),
        ((), {"z": 1}, "is no field"),
    ):
        with pytest.raises(TypeError, match=problem):
            point(*values, **named)
    with pytest.raises(OverflowError):
        point(1 << 40)


def test_fields_without_default_must_be_given(instance: wadjet.Instance) -> None:
    with pytest.raises(TypeError, match="no default"):
        instance.types.strict()
    inner = instance.types.pixel()
    thing = object()
    strict = instance.types.strict(inner, thing)
    assert strict["in"] is inner
    assert strict[1] is thing
    with pytest.raises(TypeError):
        instance.types.strict(instance.types.bytes())


def test_types_are_found_by_name_and_by_index(instance: wadjet.Instance) -> None:
    types = instance.types
    assert list(types) == ["point", "pixel", "bytes", "words", "wide", "list", "strict"]
    assert "function" not in types
    assert types["point"].index == types[0].index == 0
    assert types[0].name == "point"
    assert [f.storage for f in types.point.type.fields[:2]] == [I32, F64]
    assert types.point.matches(types.pixel())
    assert not types.pixel.matches(types.point())
    assert not types.point.matches(5)
    with pytest.raises(AttributeError, match="nothing"):
        _ = types.nothing
    with pytest.raises(KeyError):
        types["nothing"]
    with pytest.raises(IndexError):
        types[99]
    with pytest.raises(TypeError, match="no fields"):
        types[7]


def test_objects_by_type_alone(exports: wadjet.Exports) -> None:
    function = wadjet.Function.of(exports.x)
    store = function.__self__.store
    (param,) = function.type.params
    assert isinstance(param, RefType)
    assert isinstance(param.heap, DefType)
    point = store.new(param.heap, [5, 0, 0])
    assert exports.x(point) == 5
    with pytest.raises(TypeError, match="3 fields"):
        store.new(param.heap, [5])


def test_structs_with_descriptors_are_for_guests_to_make() -> None:
    text = """(rec (type $a (descriptor $d) (struct)) (type $d (describes $a) (struct)))"""
    features = wadjet.Module("(module)").features | {"custom-descriptors"}
    instance = wadjet.Instance(wadjet.Module(text, features=features), tier="interpreter")
    with pytest.raises(TypeError, match="descriptors"):
        instance.types.a()


# --- how long they live ------------------------------------------------------------------------


def _chain(instance: wadjet.Instance, length: int) -> Any:
    last = None
    for k in range(length):
        last = instance.types.list(k, last)
    return last


def test_a_handle_keeps_what_it_leads_to(instance: wadjet.Instance) -> None:
    chain = _chain(instance, 100)
    gc.collect()
    instance.store.collect()
    instance.exports.churn(200)
    seen = []
    while chain is not None:
        seen.append(chain["head"])
        chain = chain["tail"]
    assert seen == list(range(99, -1, -1))


def test_what_no_handle_leads_to_is_freed(instance: wadjet.Instance) -> None:
    chain = _chain(instance, 2)
    weak, inner = wadjet.WeakRef(chain), wadjet.WeakRef(chain["tail"])
    handle = weakref.ref(chain)
    instance.store.collect()
    assert weak() is chain
    assert inner() == chain["tail"]
    del chain
    assert handle() is None, "the handle itself"
    instance.store.collect()
    assert weak() is None
    assert inner() is None


def test_guests_keep_their_objects_without_handles(instance: wadjet.Instance) -> None:
    instance.exports.kept.value = instance.types.point(5)
    weak = wadjet.WeakRef(instance.exports.kept.value)
    instance.exports.churn(50)
    instance.store.collect()
    assert weak() is instance.exports.kept.value
    assert instance.exports.kept.value["x"] == 5
    instance.exports.kept.value = None
    instance.store.collect()
    assert weak() is None


def test_cycles_are_freed(instance: wadjet.Instance) -> None:
    first = instance.types.list(1)
    first["tail"] = instance.types.list(2, first)
    weak = wadjet.WeakRef(first)
    del first
    instance.store.collect()
    assert weak() is None


@pytest.mark.parametrize("tier", ["interpreter", "optimizing"])
def test_collecting_while_guests_run(tier: str) -> None:
    """A host function collects; what its callers hold in locals and operands stays."""
    text = """
      (type $box (struct (field $v i32)))
      (import "e" "collect" (func $collect))
      (func (export "run") (result i32) (local $box (ref null $box))
        (local.set $box (struct.new $box (i32.const 40)))
        (struct.new $box (i32.const 2))
        (call $collect)
        (struct.get $box $v)
        (i32.add (struct.get $box $v (local.get $box))))"""
    store = wadjet.Store()
    imports = {"e": {"collect": store.collect}}
    instance = wadjet.Instance(wadjet.Module(text), imports, store=store, tier=tier)
    assert instance.exports.run() == 42


@pytest.mark.parametrize("tier", ["interpreter", "optimizing"])
def test_segments_keep_their_elements(tier: str) -> None:
    text = """
      (type $box (struct (field $v i32)))
      (table $t 1 (ref null $box))
      (elem $e (ref $box) (item (struct.new $box (i32.const 42))))
      (func (export "run") (result i32)
        (table.init $t $e (i32.const 0) (i32.const 0) (i32.const 1))
        (struct.get $box $v (table.get $t (i32.const 0))))"""
    instance = wadjet.Instance(wadjet.Module(text), tier=tier)
    instance.store.collect()
    for k in range(100):
        instance.types.box(k)
    assert instance.exports.run() == 42
