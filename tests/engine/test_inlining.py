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
