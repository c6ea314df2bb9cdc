"""Continuations in native code under stress: many stacks, collections, ends of all kinds."""

import gc
import signal
import threading
import weakref
from pathlib import Path
from typing import Any

import pytest

from tests.engine import interpreted
from tests.engine.compiled import make, run
from tests.engine.interpreted import call
from wadjet.base.errors import Exhaustion, Timeout, Trap, Unlinkable, WasmException
from wadjet.engine.runtime.budget import Limits
from wadjet.engine.runtime.store import Store, unite
from wadjet.engine.runtime.tag import Tag

TASKS = """
  (type $f (func (param i32))) (type $c (cont $f))
  (type $g (func)) (type $k (cont $g))
  (tag $yield (param i32)) (tag $other)
  (type $box (struct (field (mut i32))))
  (type $bytes (array (mut i8)))
  (table $tasks 0 (ref null $k))
  (global $sum (mut i32) (i32.const 0))
  (elem declare func $count $deep)

  ;; yields n, n - 1, … 1
  (func $count (type $f)
    (loop $l (if (local.get 0) (then
      (suspend $yield (local.get 0))
      (local.set 0 (i32.sub (local.get 0) (i32.const 1)))
      (br $l)))))

  ;; yields at the bottom of a recursion
  (func $deep (type $f)
    (if (local.get 0)
      (then (call $deep (i32.sub (local.get 0) (i32.const 1))))
      (else (suspend $yield (i32.const 1)))))

  (func $start (param $n i32) (param $func (ref $f)) (result (ref $k))
    (cont.bind $c $k (local.get $n) (cont.new $c (local.get $func))))

  ;; runs a task until it yields: what waits now, or null when it has ended
  (func $step (param $task (ref null $k)) (result (ref null $k))
    (block $yielded (result i32 (ref $k))
      (resume $k (on $yield $yielded) (local.get $task))
      (return (ref.null $k)))
    (local.set $task)
    (global.set $sum (i32.add (global.get $sum)))
    (local.get $task))

  (func $spawn (export "spawn") (param $count i32) (param $n i32) (local $at i32)
    (local.set $at (table.grow $tasks (ref.null $k) (local.get $count)))
    (loop $l
      (table.set $tasks (local.get $at)
        (call $step (call $start (local.get $n) (ref.func $count))))
      (br_if $l (i32.lt_u (local.tee $at (i32.add (local.get $at) (i32.const 1)))
        (table.size $tasks)))))

  ;; one step for each that waits; how many still do
  (func $turn (export "turn") (result i32) (local $at i32) (local $left i32)
    (loop $l
      (if (i32.lt_u (local.get $at) (table.size $tasks))
        (then
          (if (i32.eqz (ref.is_null (table.get $tasks (local.get $at))))
            (then
              (table.set $tasks (local.get $at) (call $step (table.get $tasks (local.get $at))))
              (local.set $left (i32.add (local.get $left)
                (i32.eqz (ref.is_null (table.get $tasks (local.get $at))))))))
          (local.set $at (i32.add (local.get $at) (i32.const 1)))
          (br $l))))
    (local.get $left))

  (func (export "forget") (table.fill $tasks (i32.const 0) (ref.null $k) (table.size $tasks)))
  (func (export "sum") (result i32) (global.get $sum))"""


@pytest.fixture(autouse=True, scope="module")
def warm() -> None:
    """Whatever the process maps once, it has mapped before anything is counted."""
    call(make(f"(module {TASKS})"), "spawn", 1, 1)
    gc.collect()


def mappings() -> int:
    """How many mappings the process has."""
    return len(Path("/proc/self/maps").read_text().splitlines())


def collect(instance: Any) -> None:
    """Collect what no guest can reach."""
    instance.store.heap.collect(())


def test_ten_thousand_wait_at_once() -> None:
    before = mappings()
    instance = make(f"(module {TASKS})")
    call(instance, "spawn", 10_000, 5)
    assert mappings() - before >= 10_000
    for left in (10_000, 10_000, 10_000, 10_000, 0):
        assert call(instance, "turn") == left
    assert call(instance, "sum") == 10_000 * (5 + 4 + 3 + 2 + 1)
    collect(instance)
    assert mappings() - before < 500
    del instance
    gc.collect()
    assert mappings() - before < 50


def test_the_abandoned_leave_no_mapping() -> None:
    before = mappings()
    instance = make(f"(module {TASKS})")
    for _ in range(3):
        call(instance, "spawn", 1000, 5)
        assert mappings() - before >= 1000
        call(instance, "forget")
        collect(instance)
        assert mappings() - before < 300
    del instance
    gc.collect()
    assert mappings() - before < 50


def test_abandoned_ones_are_found_when_stacks_are_wanted() -> None:
    before = mappings()
    instance = make(f"(module {TASKS})")
    for _ in range(20):
        call(instance, "spawn", 1000, 5)
        call(instance, "forget")
    assert mappings() - before < 10_000


def test_what_a_stack_that_waits_refers_to_lives() -> None:
    text = f"""{TASKS}
      ;; keeps boxes in its frame and yields their sum, again and again
      (func $keeper (type $f) (local $a (ref null $box)) (local $b (ref null $box))
        (local.set $a (struct.new $box (local.get 0)))
        (local.set $b (struct.new $box (i32.mul (local.get 0) (i32.const 7))))
        (loop $l
          (suspend $yield (i32.sub (struct.get $box 0 (local.get $b))
            (i32.mul (struct.get $box 0 (local.get $a)) (i32.const 7))))
          (struct.set $box 0 (local.get $b) (struct.get $box 0 (local.get $b)))
          (br $l)))
      (elem declare func $keeper)
      (func (export "run") (param $turns i32) (result i32) (local $at i32)
        (drop (table.grow $tasks (ref.null $k) (i32.const 100)))
        (loop $l
          (table.set $tasks (local.get $at)
            (call $step (call $start (local.get $at) (ref.func $keeper))))
          (br_if $l (i32.lt_u (local.tee $at (i32.add (local.get $at) (i32.const 1)))
            (table.size $tasks))))
        (loop $m
          (drop (array.new $bytes (i32.const 255) (i32.const 100000)))
          (drop (call $turn))
          (br_if $m (local.tee $turns (i32.sub (local.get $turns) (i32.const 1)))))
        (global.get $sum))"""
    assert run(text, 1500) == 0


def test_arguments_that_are_bound_live_with_the_continuation() -> None:
    text = f"""{TASKS}
      (type $fb (func (param (ref $box) i32 (ref $box)) (result i32))) (type $cb (cont $fb))
      (type $fi (func (param i32 (ref $box)) (result i32))) (type $ci (cont $fi))
      (type $fr (func (param (ref $box)) (result i32))) (type $cr (cont $fr))
      (func $body (type $fb)
        (i32.add (struct.get $box 0 (local.get 0))
          (i32.mul (local.get 1) (struct.get $box 0 (local.get 2)))))
      (elem declare func $body)
      (func (export "run") (param $n i32) (result i32) (local $k (ref null $cr))
        (local.set $k
          (cont.bind $ci $cr (i32.const 10)
            (cont.bind $cb $ci (struct.new $box (i32.const 4)) (cont.new $cb (ref.func $body)))))
        (loop $l
          (drop (array.new $bytes (i32.const 255) (i32.const 100000)))
          (drop (struct.new $box (i32.const 1)))
          (br_if $l (local.tee $n (i32.sub (local.get $n) (i32.const 1)))))
        (resume $cr (struct.new $box (i32.const 6)) (local.get $k)))"""
    assert run(text, 1000) == 64


VALUES = """
  (type $f (func (param i64 f32 v128) (result f64 i32 v128 externref)))
  (type $c (cont $f))
  (type $r (func (param f64 v128) (result f64 i32 v128 externref))) (type $k (cont $r))
  (tag $t (param v128 i32 f64) (result f64 v128))
  (func $body (type $f) (local $d f64) (local $v v128)
    (suspend $t (i32x4.add (local.get 2) (v128.const i32x4 1 2 3 4))
      (i32.wrap_i64 (local.get 0)) (f64.promote_f32 (local.get 1)))
    (local.set $v) (local.set $d)
    (f64.add (local.get $d) (f64.const 0.5)) (i32.const 9) (local.get $v) (ref.null extern))
  (elem declare func $body)
  (func (export "run") (result i32) (local $k (ref null $k)) (local $v v128) (local $i i32)
      (local $d f64)
    (block $h (result v128 i32 f64 (ref $k))
      (resume $c (on $t $h) (i64.const 77) (f32.const 1.25) (v128.const i32x4 10 20 30 40)
        (cont.new $c (ref.func $body)))
      (unreachable))
    (local.set $k) (local.set $d) (local.set $i) (local.set $v)
    (if (i32.ne (local.get $i) (i32.const 77)) (then (return (i32.const 1))))
    (if (f64.ne (local.get $d) (f64.const 1.25)) (then (return (i32.const 2))))
    (if (i32.ne (i32x4.extract_lane 3 (local.get $v)) (i32.const 44))
      (then (return (i32.const 3))))
    (resume $k (f64.const 2) (v128.const i32x4 5 6 7 8) (local.get $k))
    (if (i32.eqz (ref.is_null)) (then (return (i32.const 4))))
    (local.set $v) (local.set $i) (local.set $d)
    (if (f64.ne (local.get $d) (f64.const 2.5)) (then (return (i32.const 5))))
    (if (i32.ne (local.get $i) (i32.const 9)) (then (return (i32.const 6))))
    (i32.mul (i32.const 100) (i32x4.extract_lane 2 (local.get $v))))"""


def test_values_of_all_types_cross() -> None:
    assert run(VALUES) == interpreted.run(VALUES) == 700


NESTED = f"""{TASKS}
  ;; resumes itself n times; the innermost yields to the outermost, m times
  (func $nest (param $n i32) (result i32) (local $result i32)
    (if (result i32) (local.get $n)
      (then
        (i32.add (i32.const 1)
          (block $h (result i32 (ref $ni))
            (resume $ci (on $none $h)
              (i32.sub (local.get $n) (i32.const 1)) (cont.new $ci (ref.func $nest)))
            (return (i32.add (i32.const 1))))
          (unreachable)))
      (else
        (suspend $yield (i32.const 1)) (suspend $yield (i32.const 2))
        (suspend $yield (i32.const 3)) (i32.const 0))))
  (elem declare func $nest)
  (type $ti (func (param i32) (result i32))) (type $ci (cont $ti))
  (type $tn (func (result i32))) (type $ni (cont $tn))
  (tag $none (param i32))
  (func $out (export "run") (param $n i32) (result i32) (local $k (ref null $ni))
    (local.set $k (cont.bind $ci $ni (local.get $n) (cont.new $ci (ref.func $nest))))
    (loop $l
      (block $h (result i32 (ref $ni))
        (resume $ni (on $yield $h) (local.get $k))
        (return (i32.add (i32.mul (global.get $sum) (i32.const 10000)))))
      (local.set $k)
      (global.set $sum (i32.add (global.get $sum)))
      (br $l))
    (unreachable))"""


def test_a_chain_waits_and_goes_on_as_a_whole() -> None:
    instance = make(f"(module {NESTED})")
    assert call(instance, "run", 2000) == 62000
    assert call(instance, "run", 3) == 12 * 10000 + 3


def test_a_suspension_through_tables_handlers_and_instances() -> None:
    inner = make(
        """(module (type $f (func (param i32) (result i32))) (tag $ask (export "ask") (type $f))
          (func (export "body") (type $f)
            (block $oops
              (try_table (catch_all $oops)
                (return (suspend $ask (i32.add (local.get 0) (i32.const 1))))))
            (unreachable)))"""
    )
    exports = {e.name: inner.export(e.kind, e.index) for e in inner.module.exports}
    outer = make(
        """(module (type $f (func (param i32) (result i32))) (type $c (cont $f))
          (import "" "ask" (tag $ask (type $f))) (import "" "body" (func $body (type $f)))
          (table funcref (elem $body))
          (func $via (type $f)
            (i32.mul (i32.const 2) (call_indirect (type $f) (local.get 0) (i32.const 0))))
          (elem declare func $via)
          (func (export "run") (param i32) (result i32) (local $k (ref null $c)) (local $n i32)
            (block $h (result i32 (ref $c))
              (resume $c (on $ask $h) (local.get 0) (cont.new $c (ref.func $via)))
              (return))
            (local.set $k) (local.set $n)
            (resume $c (i32.mul (local.get $n) (i32.const 10)) (local.get $k))))""",
        exports["ask"],
        exports["body"],
        store=inner.store,
    )
    assert call(outer, "run", 4) == 100


# --- ends ----------------------------------------------------------------------------------------


ENDS = f"""{TASKS} (memory 1)
  (import "" "host" (func $host (param i32) (result i32)))
  (tag $e (export "e") (param i32))
  (func $bad (type $f)
    (if (i32.eq (local.get 0) (i32.const 1)) (then (unreachable)))
    (if (i32.eq (local.get 0) (i32.const 2)) (then (drop (i32.load (i32.const -1)))))
    (if (i32.eq (local.get 0) (i32.const 3)) (then (call $bad (i32.const 3)) (br 0)))
    (if (i32.eq (local.get 0) (i32.const 4)) (then (throw $e (i32.const 40))))
    (if (i32.eq (local.get 0) (i32.const 5)) (then (drop (call $host (i32.const 5)))))
    (if (i32.eq (local.get 0) (i32.const 6)) (then (loop $l (br $l))))
    (if (i32.eq (local.get 0) (i32.const 7)) (then (suspend $other)))
    (if (i32.eq (local.get 0) (i32.const 8)) (then (drop (i32.div_u (local.get 0) (i32.const 0))))))
  (func $under (type $f)
    (suspend $yield (local.get 0))
    (resume $c (local.get 0) (cont.new $c (ref.func $bad))))
  (elem declare func $bad $under)
  (func $run (export "run") (param i32) (result i32)
    (call $step (call $step (call $start (local.get 0) (ref.func $under))))
    (ref.is_null))
  (func (export "catch") (param i32) (result i32)
    (block $h (result i32)
      (try_table (catch $e $h) (return (i32.add (i32.const 100) (call $run (local.get 0)))))
      (unreachable)))"""


def ends(host: Any, store: Store | None = None) -> Any:
    """An instance of the module above; imports come first in a module."""
    head, _, rest = ENDS.partition("(import")
    line, _, rest = rest.partition("\n")
    return make(f"(module (import{line} {head}{rest})", host, store=store)


@pytest.mark.parametrize(
    ("way", "words"),
    [(1, "unreachable"), (2, "out of bounds memory"), (7, "unhandled tag"), (8, "divide by zero")],
)
def test_a_trap_leaves_all_stacks_and_names_everyone(way: int, words: str) -> None:
    instance = ends(lambda n: n)
    for _ in range(200):
        with pytest.raises(Trap, match=words) as info:
            call(instance, "run", way)
        names = [frame.name for frame in info.value.backtrace]
        assert names == ["bad", "under", "step", "run"]
    assert call(instance, "run", 0) == 1


def test_stacks_of_runs_that_ended_are_used_again() -> None:
    instance = ends(lambda n: n)
    with pytest.raises(Trap):
        call(instance, "run", 1)
    before = mappings()
    for _ in range(1000):
        with pytest.raises(Trap):
            call(instance, "run", 1)
    assert mappings() - before < 20


def test_a_recursion_in_a_continuation_ends() -> None:
    instance = ends(lambda n: n)
    for _ in range(3):
        with pytest.raises(Exhaustion, match="call stack exhausted"):
            call(instance, "run", 3)
    assert call(instance, "run", 0) == 1


def test_an_exception_passes_through_stacks() -> None:
    instance = ends(lambda n: n)
    for _ in range(100):
        assert call(instance, "catch", 4) == 40
        assert call(instance, "catch", 0) == 101
    with pytest.raises(WasmException) as info:
        call(instance, "run", 4)
    assert info.value.payload == (40,)


def test_time_runs_out_in_a_continuation() -> None:
    instance = ends(lambda n: n, Store(Limits(seconds=0.2)))
    call(instance, "run", 0)  # compiling takes time as well
    with pytest.raises(Timeout) as info:
        call(instance, "run", 6)
    assert [frame.name for frame in info.value.backtrace] == ["bad", "under", "step", "run"]
    assert call(instance, "run", 0) == 1


def test_python_sees_signals_while_a_continuation_runs() -> None:
    class Alarm(Exception):
        pass

    def raise_alarm(_number: int, _frame: object) -> None:
        raise Alarm

    instance = ends(lambda n: n)
    old = signal.signal(signal.SIGALRM, raise_alarm)
    try:
        signal.setitimer(signal.ITIMER_REAL, 0.1)
        with pytest.raises(Alarm):
            call(instance, "run", 6)
    finally:
        signal.signal(signal.SIGALRM, old)
    assert call(instance, "run", 0) == 1


def test_the_memory_of_stacks_is_limited() -> None:
    instance = make(f"(module {TASKS})", store=Store(Limits(memory=64 << 20)))
    with pytest.raises(Exhaustion, match="out of memory"):
        call(instance, "spawn", 1000, 5)
    call(instance, "forget")
    call(instance, "spawn", 100, 5)
    assert call(instance, "turn") == 100


# --- Python in between ---------------------------------------------------------------------------


def test_python_called_from_a_continuation_enters_the_guest_again() -> None:
    depth = 0

    def host(_n: int) -> int:
        nonlocal depth
        if depth < 20:
            depth += 1
            call(instance, "run", 5)
        gc.collect()
        collect(instance)
        return 0

    instance = ends(host)
    assert call(instance, "run", 5) == 1
    assert depth == 20


def test_an_exception_of_python_ends_a_run_in_a_continuation() -> None:
    def host(_n: int) -> int:
        with pytest.raises(Trap):
            call(instance, "run", 1)
        raise ValueError("of the host")

    instance = ends(host)
    for _ in range(50):
        with pytest.raises(ValueError, match="of the host"):
            call(instance, "run", 5)
    assert call(instance, "run", 0) == 1


def test_an_exception_of_python_can_be_caught_outside_the_continuation() -> None:
    def host(_n: int) -> int:
        raise WasmException(tag, 7)

    instance = ends(host)
    tag = {e.name: instance.export(e.kind, e.index) for e in instance.module.exports}["e"]
    assert isinstance(tag, Tag)
    assert call(instance, "catch", 5) == 7


def test_runs_within_a_run_keep_to_the_limit_of_the_stack() -> None:
    def host(_n: int) -> int:
        call(instance, "run", 5)
        return 0

    instance = ends(host, Store(Limits(stack=128 << 10)))
    with pytest.raises(Exhaustion, match="call stack exhausted"):
        call(instance, "run", 5)
    assert call(instance, "run", 0) == 1


def test_frames_that_wait_keep_their_instance() -> None:
    """`inner` is known to `outer` by a table alone, which then forgets it."""
    outer = make(f'(module {TASKS} (table $t (export "t") 1 funcref) {HANDED})')
    exports = {e.name: outer.export(e.kind, e.index) for e in outer.module.exports}
    inner = make(
        """(module (import "" "ask" (func $ask (param i32)))
          (func (export "f") (param i32) (loop $l (call $ask (local.get 0))
            (local.set 0 (i32.add (local.get 0) (i32.const 1))) (br $l))))""",
        exports["ask"],
        store=outer.store,
    )
    exports["t"].set(0, inner.func_address(1))
    call(outer, "begin", 1)
    exports["t"].set(0, 0)
    alive = weakref.ref(inner)
    del inner
    gc.collect()
    assert alive() is not None
    for _ in range(5):
        assert call(outer, "turn") == 1
    assert call(outer, "sum") == 1 + 2 + 3 + 4 + 5 + 6
    del outer, exports
    gc.collect()
    assert alive() is None


HANDED = """
  (func (export "ask") (param i32) (suspend $yield (local.get 0)))
  (func $via (type $f) (call_indirect $t (type $f) (local.get 0) (i32.const 0)))
  (elem declare func $via)
  (func (export "begin") (param i32)
    (drop (table.grow $tasks (ref.null $k) (i32.const 1)))
    (table.set $tasks (i32.const 0)
      (call $step (call $start (local.get 0) (ref.func $via)))))"""


def test_a_store_in_which_continuations_wait_stays_where_it_is() -> None:
    instance = make(f"(module {TASKS})", store=Store(implicit=True))
    call(instance, "spawn", 1, 5)
    with pytest.raises(Unlinkable, match="continuations wait"):
        unite((Store(), instance.store))
    assert call(instance, "turn") == 1
    call(instance, "forget")
    assert unite((Store(implicit=True), instance.store)).current() is instance.store.current()
    made = Store()
    assert unite((made, instance.store)) is made
    call(instance, "spawn", 1, 5)
    assert call(instance, "turn") == 1


def test_a_continuation_can_go_on_in_another_thread() -> None:
    instance = make(f"(module {TASKS})")
    call(instance, "spawn", 50, 100)
    left: list[int] = []
    for _ in range(10):
        thread = threading.Thread(target=lambda: left.append(call(instance, "turn")))
        thread.start()
        thread.join()
    assert left == [50] * 10


def test_the_first_call_of_a_function_may_be_in_a_continuation() -> None:
    text = f"""{TASKS}
      (func $fresh (param i32) (result i32) (i32.mul (local.get 0) (i32.const 3)))
      (func $body (type $f) (suspend $yield (call $fresh (local.get 0))))
      (elem declare func $body)
      (func (export "run") (result i32)
        (drop (call $step (call $start (i32.const 5) (ref.func $body))))
        (global.get $sum))"""
    assert run(text) == 15


def test_frames_as_large_as_a_stack() -> None:
    locals_ = "(local i64)" * 20_000
    uses = "".join(f"(local.set {k} (i64.extend_i32_u (local.get 0)))" for k in range(1, 20_000))
    sums = "(i64.const 0)" + "".join(f"(i64.add (local.get {k}))" for k in range(1, 20_000))
    text = f"""{TASKS}
      (func $large (type $f) {locals_} {uses} (call $leaf) (suspend $yield (i32.wrap_i64 {sums}))
        (call $large (local.get 0)))
      (func $leaf)
      (elem declare func $large)
      (func (export "run") (result i32) (local $k (ref null $k))
        (local.set $k (call $start (i32.const 1) (ref.func $large)))
        (loop $l (local.set $k (call $step (local.get $k))) (br $l))
        (unreachable))"""
    with pytest.raises(Exhaustion):
        run(text)
