"""What is compiled into its callers: the same answers, and the same backtraces."""

import pytest

from tests.engine import compiled, interpreted
from wadjet.base.errors import Trap
from wadjet.core.text import parse
from wadjet.core.validate import validate
from wadjet.engine.emit.inlining import plan
from wadjet.engine.runtime.lines import read_lines

TEXT = (
    """
(module $guest (memory 1)
  (func $leaf (param i32) (result i32) (i32.load (local.get 0)))
  (func $middle (param i32) (result i32)
    (i32.add (call $leaf (local.get 0))
             (i32.div_u (i32.const 7) (i32.load offset=4 (local.get 0)))))
  (func $far (param i32) (result i32)
    (loop) (i32.mul (i32.load (local.get 0)) (call $middle (i32.const 12))))
  (func $other (param i32) (result i32) (i32.mul (i32.const 3) (call $far (local.get 0))))
  (func $run (export "run") (param i32) (result i32)
    (i32.store (i32.const 16) (i32.const 7))
    (i32.add (call $middle (local.get 0))
      (i32.add (i32.load offset=0x8000 (local.get 0))
        (i32.add (call $leaf (i32.and (local.get 0) (i32.const 255)))
          (call $other (local.get 0))))))
  (func $again (param i32) (result i32)
    (if (result i32) (i32.eqz (local.get 0)) (then (i32.const 1))
      (else (i32.add (call $again (i32.sub (local.get 0) (i32.const 1)))
                     (call $large (local.get 0))))))
  (func $large (param i32) (result i32) (local.get 0) """
    + 40 * "(i32.add (i32.const 1))"
    + """)
  (func (export "once") (param i32) (result i32) (call $large (local.get 0)))
  (func (export "tail") (param i32) (result i32) (call $tail (local.get 0)))
  (func $tail (param i32) (result i32) (return_call $leaf (local.get 0))))"""
)

LEAF, MIDDLE, FAR, OTHER, RUN, AGAIN, LARGE, ONCE, TAIL = range(9)


def test_what_is_inlined() -> None:
    valid = validate(parse(TEXT))
    assert sorted(plan(valid, RUN)) == [(LEAF,), (MIDDLE,), (MIDDLE, LEAF), (OTHER,)]
    assert plan(valid, AGAIN) == [(LARGE,)]
    assert plan(valid, ONCE) == []
    assert plan(valid, TAIL) == []


@pytest.mark.parametrize("address", [12, 0, -4, 0x7FFD, 0x8000, 0xFFF4, 0xFFF9, 0xFFFD, 0x10000])
def test_backtraces_show_it(address: int) -> None:
    outcomes = []
    for room in (interpreted, compiled):
        try:
            outcomes.append(interpreted.call(room.make(TEXT), "run", address & 0xFFFF_FFFF))
        except Trap as trap:
            outcomes.append((trap.message, [frame.name for frame in trap.backtrace]))
    assert outcomes[0] == outcomes[1]


def test_a_bug_of_a_callee_is_not_the_callers() -> None:
    """A copy goes by the callee's own place in the module, not by where it ended up."""
    instance = compiled.make(TEXT)
    with pytest.raises(Trap) as caught:
        interpreted.call(instance, "run", 0xFFFF_FFF0)
    frames = [(frame.module, frame.name) for frame in caught.value.backtrace]
    assert frames == [("guest", "leaf"), ("guest", "middle"), ("guest", "run")]


def test_a_line_table_of_nothing() -> None:
    assert read_lines(b"", {}) == []


def test_a_function_with_two_entries_shows_it_too(capfd: pytest.CaptureFixture[str]) -> None:
    text = """(module $guest (memory 1)
      (func $leaf (param i32) (result i32) (i32.load (local.get 0)))
      (func $run (export "run") (param i32) (result i32)
        (if (i32.eqz (local.get 0)) (then (return_call $leaf (local.get 0))))
        (i32.add (i32.const 1) (call $leaf (local.get 0)))))"""
    backtraces = []
    for room in (interpreted, compiled):
        with pytest.raises(Trap) as caught:
            interpreted.call(room.make(text), "run", 0xFFFF_FFFF)
        backtraces.append([frame.name for frame in caught.value.backtrace])
    assert backtraces == [["leaf", "run"]] * 2
    assert capfd.readouterr().err == "", "LLVM minds what it is told"


INDIRECT = """
(module $guest
  (type $t (func (param i32) (result i32)))
  (type $pair (func (param i32) (result i32 i32)))
  (type $many (func (param i32) (result i32 i32 i32)))
  (import "" "host" (func $host (type $t)))
  (memory 1)
  (table $table 8 funcref)
  (elem (table $table) (i32.const 0) func $leaf $double $host $pair $many)
  (func $leaf (type $t) (i32.load (local.get 0)))
  (func $double (type $t) (i32.mul (i32.const 2) (call $leaf (local.get 0))))
  (func $pair (type $pair) (local.get 0) (i32.const 7))
  (func $many (type $many) (local.get 0) (i32.const 1) (i32.const 2))
  (func (export "set") (param i32 i32)
    (table.set $table (local.get 0) (table.get $table (local.get 1))))
  (func (export "run") (param $which i32) (param $at i32) (result i32) (local $sum i32)
    (i32.store (i32.const 16) (i32.const 5))
    (loop $again
      (local.set $sum (i32.add (local.get $sum)
        (call_indirect $table (type $t) (local.get $at) (local.get $which))))
      (br_if $again (i32.lt_u (local.get $sum) (i32.const 20))))
    (local.get $sum))
  (func (export "two") (param $which i32) (result i32)
    (loop $again (result i32)
      (call_indirect $table (type $pair) (i32.const 3) (local.get $which))
      (br_if $again (i32.ne (i32.const 7)))))
  (func (export "three") (param $which i32) (result i32)
    (loop $again (result i32)
      (call_indirect $table (type $many) (i32.const 3) (local.get $which))
      (i32.add) (i32.add))))"""


@pytest.mark.parametrize("moved", [None, (0, 1), (1, 3), (5, 0), (0, 2), (0, 6)], ids=str)
def test_indirect_calls_reach_what_the_table_has(moved: tuple[int, int] | None) -> None:
    outcomes: list[list[object]] = []
    for room in (interpreted, compiled):
        instance = room.make(INDIRECT, lambda n: n + 1)
        if moved is not None:
            interpreted.call(instance, "set", *moved)
        found: list[object] = []
        for name, *args in [
            *(("run", which, at) for which in range(9) for at in (16, 0x10000)),
            *((name, which) for name in ("two", "three") for which in range(9)),
        ]:
            try:
                found.append(interpreted.call(instance, str(name), *args))
            except Trap as trap:
                found.append(
                    (trap.message.rstrip(" 0123456789"), [frame.name for frame in trap.backtrace])
                )
        outcomes.append(found)
    assert outcomes[0] == outcomes[1]


def test_what_tables_have_is_inlined_if_it_is_little() -> None:
    valid = validate(parse(INDIRECT))
    leaf, double, pair, many, run = 1, 2, 3, 4, 6
    assert sorted(plan(valid, run)) == [(leaf,), (double,), (double, leaf)]
    assert plan(valid, run + 1) == [(pair,)]
    assert plan(valid, run + 2) == [(many,)]
