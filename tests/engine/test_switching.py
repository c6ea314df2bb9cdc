"""Stack switching, by the interpreter and in native code."""

from typing import Any

import pytest

from tests.engine import compiled, interpreted
from tests.engine.interpreted import call
from wadjet.base.errors import Exhaustion, Trap, WasmException
from wadjet.engine.runtime.budget import Limits
from wadjet.engine.runtime.store import Store


@pytest.fixture(params=[interpreted, compiled], ids=["interpreter", "optimizing"])
def tier(request: pytest.FixtureRequest) -> Any:
    """What makes and runs modules in a tier."""
    return request.param


GENERATOR = """
  (type $f (func (param i32))) (type $c (cont $f))
  (type $g (func)) (type $k (cont $g))
  (tag $yield (param i32)) (tag $other)
  (func $count (type $f)
    (loop $l (if (local.get 0) (then
      (suspend $yield (local.get 0))
      (local.set 0 (i32.sub (local.get 0) (i32.const 1)))
      (br $l)))))
  (elem declare func $count)"""


def test_a_generator(tier: Any) -> None:
    text = f"""{GENERATOR}
      (func (export "run") (param i32) (result i32) (local $sum i32) (local $k (ref null $k))
        (local.set $k (cont.bind $c $k (local.get 0) (cont.new $c (ref.func $count))))
        (loop $next
          (block $yielded (result i32 (ref $k))
            (resume $k (on $yield $yielded) (local.get $k))
            (return (local.get $sum)))
          (local.set $k)
          (local.set $sum (i32.add (local.get $sum)))
          (br $next))
        (unreachable))"""
    assert tier.run(text, 100) == 5050


def test_a_suspension_passes_over_resumes_that_do_not_handle_it(tier: Any) -> None:
    text = f"""{GENERATOR}
      (func $between (type $f)
        (block $h (result (ref $k))
          (resume $c (on $other $h) (local.get 0) (cont.new $c (ref.func $count)))
          (return))
        (drop))
      (elem declare func $between)
      (func (export "run") (result i32) (local $n i32) (local $k (ref null $k))
        (local.set $k (cont.bind $c $k (i32.const 3) (cont.new $c (ref.func $between))))
        (loop $next
          (block $yielded (result i32 (ref $k))
            (resume $k (on $yield $yielded) (local.get $k))
            (return (local.get $n)))
          (local.set $k) (drop)
          (local.set $n (i32.add (local.get $n) (i32.const 1)))
          (br $next))
        (unreachable))"""
    assert tier.run(text) == 3


def test_switch_goes_from_one_to_the_other_under_one_handler(tier: Any) -> None:
    text = """
      (rec (type $f (func (param i32 (ref null $c)) (result i32))) (type $c (cont $f)))
      (tag $swap (result i32))
      (func $ping (type $f)
        (loop $l (if (i32.lt_u (local.get 0) (i32.const 10)) (then
          (switch $c $swap (i32.add (local.get 0) (i32.const 1)) (local.get 1))
          (local.set 1) (local.set 0) (br $l))))
        (local.get 0))
      (elem declare func $ping)
      (func (export "run") (result i32)
        (resume $c (on $swap switch) (i32.const 0) (cont.new $c (ref.func $ping))
          (cont.new $c (ref.func $ping))))"""
    assert tier.run(text) == 10


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ("(suspend $other)", "unhandled tag"),
        ("(resume $k (ref.null $k))", "null continuation reference"),
        ("(drop (cont.new $c (ref.null $f)))", "null function reference"),
        (
            """(local.set $k (cont.bind $c $k (i32.const 0) (cont.new $c (ref.func $count))))
            (resume $k (local.get $k)) (resume $k (local.get $k))""",
            "continuation already consumed",
        ),
    ],
)
def test_traps(tier: Any, body: str, words: str) -> None:
    with pytest.raises(Trap, match=words):
        tier.run(f'{GENERATOR} (func (export "run") (local $k (ref null $k)) {body})')


def test_resume_throw_throws_where_the_continuation_waits(tier: Any) -> None:
    text = f"""{GENERATOR} (tag $stop (param i32)) (tag $done (result i32))
      (type $r (func (result i32))) (type $kr (cont $r))
      (func $body (type $r)
        (block $h (result i32)
          (try_table (catch $stop $h) (suspend $other)) (i32.const 0)))
      (elem declare func $body)
      (func (export "run") (result i32) (local $k (ref null $kr))
        (local.set $k (block $h (result (ref $kr))
          (resume $kr (on $other $h) (cont.new $kr (ref.func $body)))
          (return)))
        (resume_throw $kr $stop (i32.const 31) (local.get $k)))"""
    assert tier.run(text) == 31


def test_an_exception_leaves_a_continuation_for_who_resumed_it(tier: Any) -> None:
    text = f"""{GENERATOR} (tag $e)
      (func $thrower (type $f) (throw $e)) (elem declare func $thrower)
      (func (export "run") (param i32) (result i32)
        (block $h
          (try_table (catch_all $h)
            (resume $c (i32.const 0) (cont.new $c (ref.func $thrower))))
          (return (i32.const 0)))
        (if (local.get 0) (then (throw $e)))
        (i32.const 1))"""
    assert tier.run(text, 0) == 1
    with pytest.raises(WasmException):
        tier.run(text, 1)


def test_a_trap_in_a_continuation_names_everyone(tier: Any) -> None:
    text = """(module (type $f (func)) (type $c (cont $f))
      (func $inner (type $f) (unreachable)) (elem declare func $inner)
      (func $outer (export "run") (resume $c (cont.new $c (ref.func $inner)))))"""
    with pytest.raises(Trap) as info:
        call(tier.make(text), "run")
    assert [frame.name for frame in info.value.backtrace] == ["inner", "outer"]


RECURSE = """(type $f (func)) (type $c (cont $f))
  (func $r (type $f) (resume $c (cont.new $c (ref.func $r)))) (elem declare func $r)
  (func (export "run") (call $r))"""


def test_continuations_that_resume_each_other_use_up_the_stack(tier: Any) -> None:
    with pytest.raises(Exhaustion, match="call stack exhausted"):
        tier.run(RECURSE)


def test_suspended_stacks_give_back_their_room(tier: Any) -> None:
    text = f"""{GENERATOR}
      (func $deep (type $f)
        (if (local.get 0) (then (call $deep (i32.sub (local.get 0) (i32.const 1))))
          (else (suspend $other))))
      (elem declare func $deep)
      (func (export "run") (param i32) (local $k (ref null $k))
        (loop $l
          (local.set $k (block $h (result (ref $k))
            (resume $c (on $other $h) (i32.const 1000) (cont.new $c (ref.func $deep)))
            (unreachable)))
          (resume $k (local.get $k))
          (br_if $l (local.tee 0 (i32.sub (local.get 0) (i32.const 1))))))"""
    tier.run(text, 30, store=Store(Limits(stack=200_000)))


def test_host_functions_can_be_the_body_of_a_continuation(tier: Any) -> None:
    instance = tier.make(
        """(module (type $f (func (param i32) (result i32))) (type $c (cont $f))
          (import "" "h" (func $h (type $f))) (elem declare func $h)
          (func (export "run") (result i32)
            (resume $c (i32.const 4) (cont.new $c (ref.func $h)))))""",
        lambda n: n * 2,
    )
    assert call(instance, "run") == 8


def test_no_suspension_crosses_the_host(tier: Any) -> None:
    instance = tier.make(
        f"""(module (import "" "h" (func $h)) {GENERATOR}
          (func (export "inner") (suspend $other))
          (func $mid (type $f) (call $h)) (elem declare func $mid)
          (func (export "run")
            (block $x (result (ref $k))
              (resume $c (on $other $x) (i32.const 0) (cont.new $c (ref.func $mid))) (return))
            (drop)))""",
        lambda: call(instance, "inner"),
    )
    with pytest.raises(Trap, match="unhandled tag"):
        call(instance, "run")


def test_a_continuation_comes_back_from_python_with_its_exception(tier: Any) -> None:
    guest = tier.make(
        f"""(module (import "" "" (func $host)) {GENERATOR}
          (tag $e (param (ref $c)))
          (func (export "throw") (throw $e (cont.new $c (ref.func $count))))
          (func (export "run") (result i32)
            (block $yielded (result i32 (ref $k))
              (i32.const 7)
              (block $caught (result (ref $c))
                (try_table (catch $e $caught) (call $host))
                (unreachable))
              (resume $c (on $yield $yielded))
              (unreachable))
            (drop)))""",
        lambda: call(guest, "throw"),
    )
    assert call(guest, "run") == 7


@pytest.mark.parametrize(
    "body",
    [
        """(loop $on
             (block $yielded (result i32 (ref $k))
               (resume $c (on $yield $yielded) (i32.const 1) (cont.new $c (ref.func $count)))
               (return (i32.const -1)))
             (drop) (drop)
             (br_if $on (local.tee 0 (i32.sub (local.get 0) (i32.const 1)))))""",
        """(loop $on
             (block $caught (result exnref)
               (try_table (catch_all_ref $caught) (throw $other)) (unreachable))
             (drop)
             (br_if $on (local.tee 0 (i32.sub (local.get 0) (i32.const 1)))))""",
    ],
    ids=["continuations", "exceptions"],
)
def test_what_nobody_refers_to_takes_no_memory(tier: Any, body: str) -> None:
    text = f"""{GENERATOR}
      (func (export "run") (param i32) (result i32) {body} (local.get 0))"""
    assert tier.run(text, 5000, store=Store(Limits(memory=1 << 20))) == 0
