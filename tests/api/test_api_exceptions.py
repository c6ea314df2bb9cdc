"""Exceptions between guests and Python, in both directions and both tiers."""

import pytest

import wadjet
from wadjet import F64, I32, WasmException

TEXT = """
(type $box (struct (field $v i32)))
(import "e" "f" (func $f))
(import "e" "g" (func $g (param exnref) (result exnref)))
(import "e" "outer" (tag $outer (param i32 f64)))
(tag $oops (export "oops") (param i32 externref))
(tag $boxed (export "boxed") (param (ref $box)))
(tag $empty (export "empty"))
(func (export "throw") (param i32 externref) (throw $oops (local.get 0) (local.get 1)))
(func (export "throw_outer") (throw $outer (i32.const 7) (f64.const 1.5)))
(func (export "throw_box") (throw $boxed (struct.new $box (i32.const 9))))
(func (export "throw_empty") (throw $empty))
(func (export "catch") (result i32 externref)
  (block $h (result i32 externref)
    (try_table (catch $oops $h) (call $f))
    (i32.const 0) (ref.null extern)))
(func (export "catch_all") (result i32)
  (block $h
    (try_table (catch_all $h) (call $f))
    (return (i32.const 0)))
  (i32.const 1))
(func (export "catch_outer") (result i32 f64)
  (block $h (result i32 f64)
    (try_table (catch $outer $h) (call $f))
    (i32.const 0) (f64.const 0)))
(func (export "caught") (result exnref)
  (block $h (result exnref)
    (try_table (catch_all_ref $h) (call $f))
    (ref.null exn)))
(func (export "rethrow") (param exnref) (throw_ref (local.get 0)))
(func (export "pass") (param exnref) (result exnref) (call $g (local.get 0)))
"""


class Host:
    """Host functions that do what they are told."""

    def __init__(self) -> None:
        self.next: BaseException | None = None
        self.seen: list[object] = []

    def throw(self) -> None:
        if self.next is not None:
            raise self.next

    def note(self, value: object) -> object:
        self.seen.append(value)
        return value


@pytest.fixture
def host() -> Host:
    return Host()


@pytest.fixture
def outer() -> wadjet.Tag:
    return wadjet.Tag(I32, F64)


@pytest.fixture(params=["interpreter", "optimizing"])
def exports(request: pytest.FixtureRequest, host: Host, outer: wadjet.Tag) -> wadjet.Exports:
    imports = {"e": {"f": host.throw, "g": host.note, "outer": outer}}
    return wadjet.Instance(wadjet.Module(TEXT), imports, tier=request.param).exports


def test_an_uncaught_exception_brings_its_values(exports: wadjet.Exports) -> None:
    thing = object()
    with pytest.raises(WasmException) as caught:
        exports.throw(5, thing)
    assert caught.value.tag is exports.oops
    assert caught.value.payload == (5, thing)
    assert type(caught.value) is WasmException


def test_values_may_be_objects(exports: wadjet.Exports) -> None:
    with pytest.raises(WasmException) as caught:
        exports.throw_box()
    (box,) = caught.value.payload
    assert isinstance(box, wadjet.Ref)
    assert box["v"] == 9
    with pytest.raises(WasmException) as caught:
        exports.throw_empty()
    assert caught.value.payload == ()


def test_tags_come_from_python_too(exports: wadjet.Exports, outer: wadjet.Tag) -> None:
    with pytest.raises(WasmException) as caught:
        exports.throw_outer()
    assert caught.value.tag is outer
    assert caught.value.payload == (7, 1.5)


def test_a_host_function_may_throw(exports: wadjet.Exports, host: Host, outer: wadjet.Tag) -> None:
    thing = object()
    host.next = WasmException(exports.oops, 5, thing)
    assert exports.catch() == (5, thing)
    assert exports.catch_all() == 1
    host.next = WasmException(outer, -3, 2)
    assert exports.catch_outer() == (-3, 2.0)
    host.next = None
    assert exports.catch() == (0, None)


def test_what_no_guest_catches_goes_on(exports: wadjet.Exports, host: Host) -> None:
    """The very same exception, whether it is the guest's affair or not."""
    host.next = WasmException(wadjet.Tag(I32), 5)
    with pytest.raises(WasmException) as caught:
        exports.catch()
    assert caught.value is host.next
    host.next = KeyError("not the guest's affair")
    for name in ("catch", "catch_all", "caught"):
        with pytest.raises(KeyError):
            exports[name]()


def test_what_it_carries_must_fit(exports: wadjet.Exports, host: Host) -> None:
    for values, error in (
        ((5,), TypeError),
        (("x", None), TypeError),
        ((1 << 40, 0), OverflowError),
    ):
        host.next = WasmException(exports.oops, *values)
        with pytest.raises(error):
            exports.catch()


def test_references_to_exceptions_are_exceptions(exports: wadjet.Exports, host: Host) -> None:
    thing = object()
    host.next = WasmException(exports.oops, 5, thing)
    found = exports.caught()
    assert isinstance(found, WasmException)
    assert found.tag is exports.oops
    assert found.payload == (5, thing)
    with pytest.raises(WasmException) as caught:
        exports.rethrow(found)
    assert caught.value.payload == (5, thing)
    host.next = found
    assert exports.catch() == (5, thing), "raised again by the host"
    host.next = None
    assert exports.caught() is None


def test_exceptions_made_in_python_are_references(exports: wadjet.Exports, host: Host) -> None:
    made = WasmException(exports.oops, 8, None)
    passed = exports["pass"](made)
    assert passed.tag is exports.oops
    assert passed.payload == (8, None)
    assert [seen.payload for seen in host.seen] == [(8, None)]  # type: ignore[attr-defined]
    assert exports["pass"](None) is None
    for _ in range(2):
        with pytest.raises(WasmException) as caught:
            exports.rethrow(made)
        assert caught.value.payload == (8, None)
    with pytest.raises(wadjet.Trap, match="null exception"):
        exports.rethrow(None)
    with pytest.raises(TypeError):
        exports.rethrow(KeyError())
    with pytest.raises(TypeError, match="no tag"):
        exports.rethrow(WasmException("a tag"))


def test_references_survive_collections(exports: wadjet.Exports, host: Host) -> None:
    host.next = WasmException(exports.oops, 5, "x")
    held = [exports.caught() for _ in range(100)]
    store = wadjet.Function.of(exports.caught).__self__.store
    store.collect()
    more = [exports.caught() for _ in range(100)]
    assert {e.payload for e in held + more} == {(5, "x")}
    for each in held:
        with pytest.raises(WasmException):
            exports.rethrow(each)


def test_through_a_function_of_the_host(exports: wadjet.Exports, host: Host) -> None:
    """Guest, host and guest again: the inner one throws, the outer one catches."""

    class Calls(Host):
        def throw(self) -> None:
            exports.throw(11, "deep")

    calls = Calls()
    imports = {"e": {"f": calls.throw, "g": calls.note, "outer": wadjet.Tag(I32, F64)}}
    function = wadjet.Function.of(exports.throw).__self__
    tier = "optimizing" if function.store.native else "interpreter"
    # another tag of the same type: it is not caught by `catch`, but by `catch_all`
    instance = wadjet.Instance(wadjet.Module(TEXT), imports, store=function.store, tier=tier)
    with pytest.raises(WasmException) as caught:
        instance.exports.catch()
    assert caught.value.tag is exports.oops
    assert caught.value.payload == (11, "deep")
    assert instance.exports.catch_all() == 1


def test_a_message_says_what_it_was() -> None:
    error = WasmException(wadjet.Tag(I32), 5)
    assert str(error).startswith("uncaught exception <wadjet.Tag ")
    assert str(error).endswith("with (5,)")
