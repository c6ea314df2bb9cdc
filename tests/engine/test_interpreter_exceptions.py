"""Exceptions in the interpreter: within guests, and between guests and the host."""

import pytest

from tests.engine.interpreted import call, export, make, run
from wadjet.base.errors import Trap, WasmException

TAGS = "(tag $e (param i32)) (tag $n) (tag $r (param externref))"


def test_a_throw_crosses_frames_and_drops_what_they_held() -> None:
    text = f"""{TAGS}
      (func $deep (param i32) (i32.const 1) (i32.const 2)
        (if (local.get 0) (then (call $deep (i32.sub (local.get 0) (i32.const 1))))
          (else (throw $e (i32.const 42)))) (drop) (drop))
      (func (export "run") (param i32) (result i32)
        (i32.const 100)
        (block $h (result i32)
          (i32.const 5) (i32.const 6)
          (try_table (catch $e $h) (call $deep (local.get 0)))
          (drop) (drop) (unreachable))
        (i32.add))"""
    assert run(text, 0) == 142
    assert run(text, 50) == 142


def test_the_first_clause_that_fits_and_the_innermost_region_win() -> None:
    text = f"""{TAGS}
      (func (export "run") (param i32) (result i32)
        (block $outer (result i32)
          (block $all
            (return (i32.add (i32.const 10) (block $inner (result i32)
              (try_table (catch $e $outer)
                (try_table (catch $n $all) (catch $e $inner) (catch_all $all)
                  (if (local.get 0) (then (throw $n)))
                  (throw $e (i32.const 1))))
              (unreachable)))))
          (i32.const 20)))"""
    assert run(text, 0) == 11
    assert run(text, 1) == 20


def test_what_is_thrown_after_a_region_is_not_caught_by_it() -> None:
    text = f"""{TAGS} (func (export "run") (block $h (try_table (catch_all $h))) (throw $n))"""
    with pytest.raises(WasmException):
        run(text)


def test_an_exnref_throws_the_same_again() -> None:
    text = f"""{TAGS}
      (func (export "run") (result i32) (local exnref)
        (local.set 0 (block $k (result exnref)
          (try_table (catch_all_ref $k) (throw $e (i32.const 9))) (unreachable)))
        (block $h (result i32)
          (try_table (catch $e $h) (throw_ref (local.get 0))) (unreachable)))"""
    assert run(text) == 9


def test_legacy_blocks() -> None:
    text = f"""{TAGS}
      (func (export "run") (param i32) (result i32)
        (try (result i32)
          (do (try (result i32)
                (do (if (local.get 0) (then (throw $n))) (throw $e (i32.const 3)))
                (catch $e (drop) (rethrow 0))
                (catch_all (i32.const 7))))
          (catch $e (i32.add (i32.const 50)))))"""
    assert run(text, 0) == 53
    assert run(text, 1) == 7


def test_delegate_passes_over_what_lies_between() -> None:
    text = f"""{TAGS}
      (func (export "run") (result i32)
        (try $outer (result i32)
          (do (try (result i32)
                (do (try (result i32) (do (throw $e (i32.const 1))) (delegate $outer)))
                (catch $e (drop) (i32.const 100))))
          (catch $e (i32.add (i32.const 1)))))"""
    assert run(text) == 2


def test_what_nobody_catches_reaches_the_host_with_its_values() -> None:
    instance = make(
        """(module (tag $t (export "t") (param i32 f64 externref))
          (func (export "run") (param externref)
            (throw $t (i32.const -1) (f64.const 0.5) (local.get 0))))"""
    )
    word = instance.store.extern("kept")
    with pytest.raises(WasmException) as info:
        call(instance, "run", word)
    assert info.value.tag is export(instance, "t")
    assert info.value.payload == (-1, 0.5, "kept")


CATCHER = """(module (import "" "h" (func $h)) (tag $t (export "t") (param i32))
  (func (export "run") (result i32)
    (block $h (result i32) (try_table (catch $t $h) (call $h)) (i32.const -1)))
  (func (export "all") (result i32)
    (block $h (try_table (catch_all $h) (call $h)) (return (i32.const 0))) (i32.const 1)))"""


def test_guests_catch_what_the_host_throws() -> None:
    def host() -> None:
        raise WasmException(export(instance, "t"), 77)

    instance = make(CATCHER, host)
    assert call(instance, "run") == 77
    assert call(instance, "all") == 1


def test_the_hosts_own_exception_comes_back_if_no_guest_wants_it() -> None:
    class Mine(WasmException):
        pass

    def host() -> None:
        raise Mine("no tag at all")

    instance = make(CATCHER, host)
    with pytest.raises(Mine):
        call(instance, "run")
    assert call(instance, "all") == 1


def test_an_exception_passes_through_the_host_from_guest_to_guest() -> None:
    inner = make('(module (tag $t (export "t")) (func (export "run") (throw $t)))')
    outer = make(
        """(module (import "" "h" (func $h)) (import "" "t" (tag $t))
          (func (export "run") (result i32)
            (block $h (try_table (catch $t $h) (call $h)) (return (i32.const 0)))
            (i32.const 1)))""",
        lambda: call(inner, "run"),
        export(inner, "t"),
        store=inner.store,
    )
    assert call(outer, "run") == 1


def test_traps_are_not_caught() -> None:
    text = '(func (export "run") (block $h (try_table (catch_all $h) (unreachable))))'
    with pytest.raises(Trap, match="unreachable"):
        run(text)
