"""The interpreter: control, calls, limits. The official suite is run by tests/spec."""

import gc
import threading
import time
import weakref

import pytest

from tests.engine.interpreted import call, export, make, run
from wadjet.base.errors import Exhaustion, Timeout, Trap, WasmException
from wadjet.core.numerics import NUMERICS, PAIRS
from wadjet.core.opcodes import ROWS
from wadjet.engine.contract.layout import VM_STORE
from wadjet.engine.contract.traps import TrapCode
from wadjet.engine.runtime.budget import Limits
from wadjet.engine.runtime.store import Store
from wadjet.engine.tiers.interpreter.prepare import PLAIN, RULES


def test_every_row_runs_in_exactly_one_way() -> None:
    ways = [RULES.keys(), PLAIN.keys(), NUMERICS.keys() | PAIRS.keys()]
    for row in ROWS:
        assert sum(row.op in way for way in ways) == 1, row
    for op, plain in PLAIN.items():
        row = next(row for row in ROWS if row.op == op)
        if row.params is not None and row.results is not None:
            assert (plain.operands, plain.results) == (len(row.params), len(row.results)), row


# --- control -------------------------------------------------------------------------------------


def test_a_branch_carries_its_values_over_what_lies_between() -> None:
    text = """(func (export "run") (param i32) (result i32 i32)
      (i32.const 7)
      (block $out (result i32 i32)
        (i32.const 100) (i32.const 200)
        (i32.const 1) (i32.const 2)
        (br_if $out (local.get 0))
        (i32.add)
        (br_table $out $out (local.get 0)))
      (i32.mul))"""
    assert run(text, 1) == [7, 1 * 2]
    assert run(text, 0) == [7, 200 * 3]


def test_loops_take_parameters() -> None:
    text = """(func (export "run") (param i32) (result i32)
      (i32.const 1) (local.get 0)
      (loop $again (param i32 i32) (result i32)
        (local.set 0)
        (local.get 0) (i32.mul)
        (local.get 0) (i32.const 1) (i32.sub) (local.tee 0)
        (local.get 0) (i32.const 0) (i32.gt_s)
        (br_if $again)
        (drop)))"""
    assert run(text, 6) == 720


def test_an_if_without_else_keeps_what_is_below() -> None:
    text = """(func (export "run") (param i32) (result i32)
      (i32.const 40)
      (if (param i32) (result i32) (local.get 0) (then (i32.const 2) (i32.add))))"""
    assert run(text, 1) == 42
    assert run(text, 0) == 40


def test_a_branch_out_of_the_function_leaves_the_topmost_values() -> None:
    text = """(func (export "run") (param i32) (result i32)
      (i32.const 1) (i32.const 2)
      (block (br_if 1 (i32.const 42) (local.get 0)) (drop))
      (i32.add))"""
    assert run(text, 1) == 42
    assert run(text, 0) == 3


def test_dead_code_is_skipped_whatever_it_says() -> None:
    text = """(func (export "run") (result i32)
      (block (result i32)
        (br 0 (i32.const 4))
        (block (loop (br 0) (drop) (drop (f32.add)) (br_table 0 1 1)))
        (if (then (unreachable)) (else (drop (call 0))))
        (i32.const 9))
      (return)
      (drop) (i32.add))"""
    assert run(text) == 4


@pytest.mark.parametrize(("index", "expected"), [(0, 10), (1, 11), (2, 12), (3, 13), (1 << 31, 13)])
def test_br_table(index: int, expected: int) -> None:
    text = """(func (export "run") (param i32) (result i32)
      (block $d (block $c (block $b (block $a
        (br_table $a $b $c $d (local.get 0)))
        (return (i32.const 10))) (return (i32.const 11))) (return (i32.const 12)))
      (i32.const 13))"""
    assert run(text, index) == expected


# --- calls ---------------------------------------------------------------------------------------

COUNT_DOWN = """(module
  (func $down (export "down") (param i32) (result i32)
    (if (result i32) (local.get 0)
      (then (i32.add (i32.const 1) (call $down (i32.sub (local.get 0) (i32.const 1)))))
      (else (i32.const 0))))
  (func $tail (export "tail") (param i32 i32) (result i32)
    (if (result i32) (local.get 0)
      (then (return_call $tail (i32.sub (local.get 0) (i32.const 1))
        (i32.add (local.get 1) (i32.const 2))))
      (else (local.get 1))))
  (func $bottom (result i32) (i32.div_u (i32.const 1) (i32.const 0)))
  (func $middle (export "middle") (result i32) (call $bottom)))"""


def test_depth_is_a_matter_of_the_stack_limit_not_of_pythons() -> None:
    deep = make(COUNT_DOWN, store=Store(Limits(stack=16 << 20)))
    assert call(deep, "down", 100_000) == 100_000
    with pytest.raises(Exhaustion, match="call stack exhausted"):
        call(make(COUNT_DOWN), "down", 100_000)


def test_the_stack_is_whole_again_after_exhaustion() -> None:
    instance = make(COUNT_DOWN)
    for _ in range(20):
        with pytest.raises(Exhaustion, match="call stack exhausted"):
            call(instance, "down", 1 << 20)
        assert call(instance, "down", 1000) == 1000


def test_tail_calls_take_no_room() -> None:
    assert call(make(COUNT_DOWN), "tail", 50_000, 0) == 100_000


def test_instances_call_each_other_without_pythons_stack() -> None:
    store = Store(Limits(stack=16 << 20))
    table = """(table (export "t") 1 funcref) (type $t (func (param i32) (result i32)))"""
    holder = make(f"(module {table})", store=store)
    step = """(import "" "t" (table 1 funcref)) (type $t (func (param i32) (result i32)))
      (func (export "step") (type $t) (if (result i32) (local.get 0)
        (then (call_indirect (type $t) (i32.sub (local.get 0) (i32.const 1)) (i32.const 0)))
        (else (i32.const 42))))"""
    make(f"(module {step} (elem (i32.const 0) 0))", export(holder, "t"), store=store)
    second = make(f"(module {step})", export(holder, "t"), store=store)
    assert call(second, "step", 20_000) == 42


def test_host_functions_may_come_back() -> None:
    def host(n: int) -> int:
        return call(instance, "run", n - 1) + 1 if n else 0

    instance = make(
        """(module (import "" "h" (func $h (param i32) (result i32)))
          (func (export "run") (param i32) (result i32) (call $h (local.get 0))))""",
        host,
    )
    assert call(instance, "run", 20) == 20
    for _ in range(3):
        with pytest.raises(Exhaustion, match="call stack exhausted"):
            call(instance, "run", 1 << 20)
    assert call(instance, "run", 20) == 20


def test_what_a_host_function_raises_passes_through() -> None:
    def host() -> None:
        raise KeyError("mine")

    instance = make('(module (import "" "h" (func)) (func (export "run") (call 0)))', host)
    with pytest.raises(KeyError, match="mine"):
        call(instance, "run")


def test_host_functions_can_be_tail_called_and_have_several_results() -> None:
    instance = make(
        """(module (import "" "h" (func $h (param i32) (result i32 i64)))
          (func (export "run") (param i32) (result i32 i64) (return_call $h (local.get 0))))""",
        lambda n: (n + 1, n + 2),
    )
    assert call(instance, "run", 5) == [6, 7]


@pytest.mark.parametrize(
    ("index", "words"),
    [
        (0, "uninitialized element 0"),
        (1, "indirect call type mismatch"),
        (2, "undefined element"),
        ((1 << 32) - 1, "undefined element"),
    ],
)
def test_wrong_indirect_calls(index: int, words: str) -> None:
    text = """(table 2 funcref) (elem (i32.const 1) $f) (func $f (param i64))
      (func (export "run") (param i32) (call_indirect (local.get 0)))"""
    with pytest.raises(Trap, match=words):
        run(text, index)


# --- traps ---------------------------------------------------------------------------------------


def test_a_trap_names_the_functions_on_the_stack() -> None:
    with pytest.raises(Trap) as info:
        call(make(COUNT_DOWN), "middle")
    assert [frame.name for frame in info.value.backtrace] == ["bottom", "middle"]
    assert str(info.value).startswith("integer divide by zero\n  at bottom\n  at middle")


def test_a_backtrace_reaches_through_the_host() -> None:
    inner = make(COUNT_DOWN)
    outer = make(
        """(module $outer (import "" "h" (func $h (result i32)))
          (func $run (export "run") (drop (call $h))))""",
        lambda: call(inner, "middle"),
    )
    with pytest.raises(Trap) as info:
        call(outer, "run")
    assert [str(frame) for frame in info.value.backtrace] == ["bottom", "middle", "outer!run"]


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ("(unreachable)", "unreachable"),
        ("(drop (i32.load (i32.const 65533)))", "out of bounds memory access"),
        ("(drop (i64.load offset=4294967295 (i32.const 4294967295)))", "out of bounds memory"),
        ("(i32.store8 (i32.const 65536) (i32.const 1))", "out of bounds memory access"),
        ("(drop (v128.load (i32.const 65521)))", "out of bounds memory access"),
        ("(memory.fill (i32.const 1) (i32.const 0) (i32.const 65536))", "out of bounds memory"),
        ("(memory.copy (i32.const 65536) (i32.const 0) (i32.const 1))", "out of bounds memory"),
        ("(memory.init 0 (i32.const 0) (i32.const 2) (i32.const 2))", "out of bounds memory"),
        ("(drop (table.get (i32.const 1)))", "out of bounds table access"),
        ("(drop (ref.as_non_null (ref.null func)))", "null reference"),
        ("(call_ref 0 (ref.null 0))", "null function reference"),
        ("(throw_ref (ref.null exn))", "null exception reference"),
        ("(drop (i31.get_u (ref.null i31)))", "null i31 reference"),
        ("(drop (array.len (ref.null array)))", "null array reference"),
        ("(drop (ref.cast (ref i31) (ref.null any)))", "cast failure"),
    ],
)
def test_traps(body: str, words: str) -> None:
    text = f"""(type (func)) (memory 1) (table 1 funcref) (data "abc")
      (func (export "run") {body})"""
    with pytest.raises(Trap, match=words):
        run(text)


def test_nothing_is_written_where_a_write_traps() -> None:
    instance = make(
        """(module (memory (export "m") 1) (func (export "run") (param i32)
          (i64.store (local.get 0) (i64.const -1))))"""
    )
    with pytest.raises(Trap, match="out of bounds"):
        call(instance, "run", 65532)
    assert bytes(export(instance, "m").view[65528:]) == bytes(8)


def test_64_bit_addresses_do_not_wrap() -> None:
    text = """(memory i64 1) (func (export "run") (param i64) (result i32)
      (i32.load offset=0xfffffffffffffff0 (local.get 0)))"""
    for address in (0, 15, 16, 100, 1 << 63, (1 << 64) - 1):
        with pytest.raises(Trap, match="out of bounds memory access"):
            run(text, address)


def test_memory_that_grows_is_seen_at_once() -> None:
    text = """(memory 1 3) (func (export "run") (result i32)
      (drop (i32.load (i32.const 0)))
      (drop (memory.grow (i32.const 1)))
      (i32.store (i32.const 131068) (i32.const 77))
      (memory.copy (i32.const 70000) (i32.const 131068) (i32.const 4))
      (i32.add (i32.load (i32.const 70000)) (memory.grow (i32.const 2))))"""
    assert run(text) == 76


def test_overlapping_copies_move() -> None:
    text = """(memory 1) (data (i32.const 0) "abcdefgh")
      (func (export "run") (param i32 i32) (result i64)
        (memory.copy (local.get 0) (local.get 1) (i32.const 6))
        (i64.load (i32.const 0)))"""
    assert run(text, 2, 0).to_bytes(8, "little") == b"ababcdef"
    assert run(text, 0, 2).to_bytes(8, "little") == b"cdefghgh"


# --- limits --------------------------------------------------------------------------------------

FOREVER = '(func (export "run") (loop $l (br $l)))'
FIBONACCI = """(func $f (export "run") (param i32) (result i32)
  (if (result i32) (i32.lt_u (local.get 0) (i32.const 2)) (then (local.get 0)) (else
    (i32.add (call $f (i32.sub (local.get 0) (i32.const 1)))
             (call $f (i32.sub (local.get 0) (i32.const 2)))))))"""


@pytest.mark.parametrize(("text", "args"), [(FOREVER, ()), (FIBONACCI, (60,))])
def test_a_time_limit_ends_loops_and_recursion(text: str, args: tuple[int, ...]) -> None:
    store = Store(Limits(seconds=0.05))
    instance = make(f"(module {text})", store=store)
    for _ in range(2):
        start = time.monotonic()
        with pytest.raises(Timeout, match="time limit reached"):
            call(instance, "run", *args)
        assert time.monotonic() - start < 5


def test_a_guest_can_be_interrupted_from_another_thread() -> None:
    store = Store()
    instance = make(f"(module {FOREVER})", store=store)
    timer = threading.Timer(0.05, store.interrupt, (TrapCode.TIMEOUT,))
    timer.start()
    with pytest.raises(Timeout):
        call(instance, "run")
    timer.join()
    assert VM_STORE.read(store.address, "interrupt") == 0


def test_fuel_is_used_up_and_what_is_left_stays() -> None:
    store = Store(Limits(fuel=10_000))
    instance = make(f"(module {FIBONACCI})", store=store)
    assert call(instance, "run", 10) == 55
    left = VM_STORE.read(store.address, "fuel")
    assert 0 < left < 10_000
    assert call(instance, "run", 10) == 55
    assert VM_STORE.read(store.address, "fuel") == left - (10_000 - left)
    with pytest.raises(Exhaustion, match="all fuel consumed"):
        call(instance, "run", 40)
    with pytest.raises(Exhaustion, match="all fuel consumed"):
        call(instance, "run", 0)


def test_fuel_comes_back_however_a_call_ends() -> None:
    def host() -> None:
        raise KeyError

    store = Store(Limits(fuel=10_000))
    instance = make(
        """(module (import "" "h" (func $h)) (tag $t)
          (func (export "host") (call $h)) (func (export "throw") (throw $t))
          (func (export "trap") (unreachable)))""",
        host,
        store=store,
    )
    for name in ("host", "throw", "trap"):
        with pytest.raises((KeyError, WasmException, Trap)):
            call(instance, name)
    assert 9_950 < VM_STORE.read(store.address, "fuel") < 10_000


def test_instances_are_freed() -> None:
    instance = make(f"(module (memory 1) {FIBONACCI})")
    assert call(instance, "run", 5) == 5
    gone = weakref.ref(instance)
    del instance
    gc.collect()
    assert gone() is None


def test_stores_are_left_however_a_call_ends() -> None:
    store = Store()
    instance = make('(module (func (export "run") (unreachable)))', store=store)
    for _ in range(1000):
        with pytest.raises(Trap):
            call(instance, "run")
    assert VM_STORE.read(store.address, "depth") == 0
    assert VM_STORE.read(store.address, "owner") == 0


def test_two_threads_run_two_stores() -> None:
    results: list[int] = []

    def work() -> None:
        results.append(run(FIBONACCI, 16))

    threads = [threading.Thread(target=work) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert results == [987, 987]


def test_a_table_that_names_the_same_block_twice_shares_it() -> None:
    body = "(block $b (br_table " + "$b " * 5000 + "(local.get 0)))"
    assert run(f'(func (export "run") (param i32) (result i32) {body} (i32.const 3))', 9) == 3


def test_deep_nesting_of_blocks() -> None:
    body = "(block " * 2000 + "(br 1999)" + ")" * 2000
    assert run(f'(func (export "run") (result i32) {body} (i32.const 5))') == 5


def test_constants_are_patterns() -> None:
    text = """(func (export "run") (param i32) (result i64)
      (select (i64.const -1) (i64.const 2) (local.get 0)))"""
    assert run(text, 0) == 2
    assert run(text, 7) == (1 << 64) - 1
