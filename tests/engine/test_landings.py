"""Loops of baseline code go over to optimised code while they run, wherever they are."""

import threading
import time

import pytest

from wadjet.base.errors import Trap
from wadjet.core.features import ALL
from wadjet.core.text import parse
from wadjet.core.validate import validate
from wadjet.engine.llvm.compile import FULL, QUICK
from wadjet.engine.runtime.code import ModuleCode
from wadjet.engine.runtime.image import Placed
from wadjet.engine.runtime.instantiate import instantiate
from wadjet.engine.runtime.store import Store
from wadjet.engine.tiers.auto import AutoCode
from wadjet.engine.tiers.baseline import BaselineCode
from wadjet.engine.tiers.interpreter import InterpreterCode
from wadjet.engine.tiers.switching import SwitchingCode
from wadjet.testing.engines import digest

#: Every one has an export `f` that takes a small i32, and loops of many kinds.
PROGRAMS = {
    "nested": """(module (func (export "f") (param i32) (result i32) (local i32 i32 i32)
      (local.set 1 (local.get 0))
      (loop $a
        (local.set 2 (local.get 0))
        (loop $b
          (local.set 3 (i32.add (i32.mul (local.get 3) (i32.const 31)) (local.get 2)))
          (br_if $b (local.tee 2 (i32.sub (local.get 2) (i32.const 1)))))
        (local.set 3 (i32.xor (local.get 3) (local.get 1)))
        (br_if $a (local.tee 1 (i32.sub (local.get 1) (i32.const 1)))))
      (local.get 3)))""",
    "unassigned locals of loops around": """(module
      (func (export "f") (param $n i32) (result i64) (local $i i32) (local $j i32) (local $s i64)
        (local $k i64)
        (local.set $k (i64.extend_i32_s (local.get $n)))
        (local.set $i (local.get $n))
        (loop $a
          (local.set $j (i32.const 3))
          (loop $b (br_if $b (local.tee $j (i32.sub (local.get $j) (i32.const 1)))))
          (loop $c
            (local.set $s (i64.add (local.get $s) (i64.mul (local.get $k) (i64.const 7))))
            (br_if $c (i32.lt_u (local.tee $j (i32.add (local.get $j) (i32.const 1)))
              (local.get $n))))
          (br_if $a (local.tee $i (i32.sub (local.get $i) (i32.const 1)))))
        (i64.add (local.get $s) (local.get $k))))""",
    "operands below": """(module (func (export "f") (param i32) (result i32 i64 f64 f32)
      (local f32 f64)
      (i32.add (local.get 0) (i32.const 1000))
      (i64.const 0x123456789abc)
      (local.set 1 (f32.const 0.5))
      (loop $l (param i32 i64) (result i32 i64)
        (i64.add (i64.const 3))
        (local.set 2 (f64.add (local.get 2) (f64.const 1.25)))
        (local.set 1 (f32.add (local.get 1) (f32.const 1)))
        (br_if $l (local.tee 0 (i32.sub (local.get 0) (i32.const 1)))))
      (local.get 2) (local.get 1)))""",
    "operands below a block": """(module (func (export "f") (param i32) (result i32)
      (local.get 0)
      (block (loop $l (br_if $l (local.tee 0 (i32.sub (local.get 0) (i32.const 1))))))
      (i32.add (i32.const 5))))""",
    "branches to all sides": """(module (func (export "f") (param $n i32) (result i32)
      (local $i i32) (local $s i32)
      (block $out
        (if (i32.and (local.get $n) (i32.const 1))
          (then (local.set $s (i32.const 11)))
          (else
            (loop $l
              (local.set $s (i32.add (local.get $s) (local.get $i)))
              (local.set $i (i32.add (local.get $i) (i32.const 1)))
              (block $a (block $b
                (br_table $l $a $b $out (i32.rem_u (local.get $i) (i32.const 7))))
                (local.set $s (i32.mul (local.get $s) (i32.const 3)))
                (br_if $l (i32.lt_u (local.get $i) (local.get $n))))
              (local.set $s (i32.xor (local.get $s) (i32.const 99)))
              (br_if $l (i32.lt_u (local.get $i) (local.get $n))))))
        (loop $m (br_if $m (i32.gt_u (local.get $s)
          (i32.mul (local.tee $i (i32.add (local.get $i) (i32.const 50))) (local.get $i))))))
      (i32.add (local.get $s) (local.get $i))))""",
    "vectors": """(module (func (export "f") (param i32) (result v128) (local v128 i32)
      (local.set 1 (v128.const i32x4 1 2 3 4))
      (i32x4.splat (local.get 0))
      (loop $l
        (local.set 1 (i32x4.add (local.get 1) (v128.const i32x4 5 6 7 8)))
        (br_if $l (local.tee 0 (i32.sub (local.get 0) (i32.const 1)))))
      (i32x4.add (local.get 1))))""",
    "objects": """(module (type $t (struct (field (mut i32)) (field (ref null $t))))
      (type $list (sub (struct)))
      (func (export "f") (param i32) (result i32) (local (ref null $t)) (local i32)
        (loop $l
          (local.set 1 (struct.new $t (local.get 0) (local.get 1)))
          (br_if $l (local.tee 0 (i32.sub (local.get 0) (i32.const 1)))))
        (loop $m
          (local.set 2 (i32.add (i32.mul (local.get 2) (i32.const 3))
            (struct.get $t 0 (local.get 1))))
          (br_if $m (i32.eqz (ref.is_null
            (local.tee 1 (struct.get $t 1 (local.get 1)))))))
        (local.get 2)))""",
    "caught around": """(module (tag $e (param i32))
      (func $g (param i32) (if (i32.eqz (i32.rem_u (local.get 0) (i32.const 5)))
        (then (throw $e (local.get 0)))))
      (func (export "f") (param i32) (result i32) (local i32 i32)
        (local.set 1 (local.get 0))
        (loop $again
          (block $caught (result i32)
            (try_table (catch $e $caught)
              (loop $l
                (local.set 2 (i32.add (local.get 2) (i32.const 1)))
                (call $g (local.get 1))
                (br_if $l (local.tee 1 (i32.sub (local.get 1) (i32.const 1))))))
            (return (i32.add (local.get 2) (i32.const 1000))))
          (local.set 2 (i32.add (local.get 2)))
          (br_if $again (local.tee 1 (i32.sub (local.get 1) (i32.const 1)))))
        (local.get 2)))""",
    "legacy": """(module (tag $e (param i32))
      (func (export "f") (param i32) (result i32) (local i32)
        (try (do
          (loop $l
            (local.set 1 (i32.add (local.get 1) (local.get 0)))
            (if (i32.eq (local.get 0) (i32.const 2)) (then (throw $e (i32.const 77))))
            (br_if $l (local.tee 0 (i32.sub (local.get 0) (i32.const 1))))))
          (catch $e
            (local.set 0)
            (loop $m (br_if $m (local.tee 0 (i32.sub (local.get 0) (i32.const 1)))))
            (local.set 1 (i32.mul (local.get 1) (i32.const 3)))))
        (local.get 1)))""",
    "no way back": """(module (memory 1) (func $f (export "f") (param i32) (result i32)
      (loop $l (result i32)
        (i32.store (local.get 0) (local.get 0))
        (local.set 0 (i32.add (local.get 0) (i32.const 4)))
        (if (i32.gt_u (local.get 0) (i32.const 4000)) (then (return (i32.load (i32.const 8)))))
        (br $l))))""",
    "recursion": """(module (func $f (export "f") (param i32) (result i32) (local i32)
      (loop $l
        (if (local.get 0) (then
          (local.set 0 (i32.sub (local.get 0) (i32.const 1)))
          (local.set 1 (i32.add (local.get 1)
            (call $f (i32.shr_u (local.get 0) (i32.const 1)))))
          (br $l))))
      (i32.add (local.get 1) (i32.const 1))))""",
    "memory as a whole": """(module (memory 1 20) (func (export "f") (param i32)
      (result i32 i32 f64) (local i32 i32 i32 i32 i32 f64 f64)
      (local.set 1 (i32.const 1)) (local.set 2 (i32.const 2)) (local.set 3 (i32.const 3))
      (local.set 4 (i32.const 4)) (local.set 6 (f64.const 1.5))
      (loop $l
        (i32.const 77)
        (memory.fill (local.get 0) (i32.add (local.get 0) (local.get 1)) (i32.const 9))
        (memory.copy (i32.add (local.get 2) (local.get 0)) (local.get 0) (local.get 4))
        (local.set 5 (i32.add (i32.mul (local.get 5) (i32.const 31))
          (i32.load (i32.add (local.get 0) (local.get 2)))))
        (if (i32.and (local.get 0) (i32.const 4))
          (then (local.set 3 (i32.add (local.get 3) (memory.grow (i32.const 1))))))
        (local.set 7 (f64.add (f64.mul (local.get 7) (local.get 6))
          (f64.convert_i32_s (local.get 4))))
        (local.set 5 (i32.add (local.get 5)))
        (local.set 1 (i32.add (local.get 1) (local.get 3)))
        (br_if $l (local.tee 0 (i32.sub (local.get 0) (i32.const 1)))))
      (local.get 5) (i32.add (local.get 1) (memory.grow (i32.const 0))) (local.get 7)))""",
    "tail calls": """(module (func $f (export "f") (param i32) (result i32) (local i32)
      (local.set 1 (i32.const 3))
      (loop $l (br_if $l (local.tee 1 (i32.sub (local.get 1) (i32.const 1)))))
      (if (i32.eqz (local.get 0)) (then (return (i32.const 9))))
      (return_call $f (i32.sub (local.get 0) (i32.const 1)))))""",
}


ROUNDS = (5, 2, 7, 1, 30, 5, 12)


def results(code: ModuleCode) -> list[list[int]]:
    """What `f` gives, several times over."""
    store = Store()
    (index,) = [e.index for e in code.valid.module.exports if e.name == "f"]
    func = instantiate(store, code, []).func(index)
    found = []
    for n in ROUNDS:
        words = func.call_raw([n])
        found.append([digest(w, t, store) for w, t in zip(words, func.type.results, strict=True)])
    return found


#: programs whose loops have no exits
STAYING = {"operands below a block", "tail calls"}


@pytest.mark.parametrize("name", PROGRAMS)
def test_loops_go_on_in_optimised_code(name: str) -> None:
    valid = validate(parse(PROGRAMS[name], ALL), ALL)
    expected = results(BaselineCode(valid))
    assert results(InterpreterCode(valid)) == expected
    landings = 0
    for seed in range(12):
        code = SwitchingCode(valid, seed=seed)
        assert results(code) == expected, seed
        landings += code.landings
    assert (landings == 0) == (name in STAYING)


TRAPPING = """(module
  (memory 1)
  (func $inner (param i32) (result i32) (i32.load (local.get 0)))
  (func $looping (param i32) (result i32)
    (loop $l
      (local.set 0 (i32.add (local.get 0) (i32.const 16)))
      (drop (call $inner (local.get 0)))
      (br $l))
    (unreachable))
  (func $f (export "f") (param i32) (result i32)
    (i32.add (call $looping (local.get 0)) (i32.const 1))))"""


@pytest.mark.parametrize("seed", range(6))
def test_a_backtrace_has_each_function_once(seed: int) -> None:
    valid = validate(parse(TRAPPING, ALL), ALL)
    instance = instantiate(Store(), SwitchingCode(valid, seed=seed), [])
    for _ in range(3):
        with pytest.raises(Trap, match="out of bounds memory access") as caught:
            instance.func(2).call_raw([0])
        assert [frame.name for frame in caught.value.backtrace] == ["inner", "looping", "f"]


SPIN = """(module
  (memory 1)
  (global $stop (mut i32) (i32.const 0))
  (func $spin (export "f") (param i32) (result i32) (local i32)
    (loop $outer
      (loop $inner
        (local.set 1 (i32.add (i32.mul (local.get 1) (i32.const 31)) (local.get 0)))
        (i32.store (i32.and (local.get 1) (i32.const 0xfffc)) (local.get 1))
        (br_if $inner (i32.and (local.tee 0 (i32.add (local.get 0) (i32.const 1)))
          (i32.const MASK))))
      (br_if $outer (i32.eqz (global.get $stop))))
    (local.get 0)))"""


@pytest.mark.parametrize("mask", [0xFF, 0x3FFFFFFF], ids=["outer", "inner"])
def test_a_long_loop_is_left_for_better_code(mask: int, monkeypatch: pytest.MonkeyPatch) -> None:
    code = AutoCode(validate(parse(SPIN.replace("MASK", str(mask)), ALL), ALL))
    instance = instantiate(Store(), code, [])
    levels: set[int] = set()
    heat = code.heat

    def note(running: Placed, pc: int) -> None:
        levels.add(running.level)
        heat(running, pc)

    monkeypatch.setattr(code, "heat", note)
    results: list[list[int]] = []
    thread = threading.Thread(target=lambda: results.append(instance.func(0).call_raw([0])))
    thread.start()
    end = time.monotonic() + 60
    while FULL not in levels and time.monotonic() < end:
        time.sleep(0.01)
    instance.globals[0].set_raw(1)
    thread.join(60)
    assert FULL in levels
    assert code.level(0) == QUICK  # nobody has called it again
    assert results[0][0] & mask == 0


def test_what_goes_on_from_a_loop_is_kept_with_the_rest() -> None:
    """Distances to landings in the same image are kept; others are not."""
    text = SPIN.replace("MASK", "255").replace("(i32.const 0))\n", "(i32.const 1))\n", 1)
    valid = validate(parse(text, ALL), ALL)
    code = AutoCode(valid)
    assert results_of(code) == [256]
    image = code._images[0]
    (placed,) = image.functions
    way = code.way_out(0, image.address + placed.start + 80)
    assert way is not None
    assert way.loop == 0
    code.promote_loop(0, way)
    assert code.way_out(0, image.address + placed.start + 80) != way
    copy = AutoCode(valid)
    copy.load(code.saved())
    assert copy._images[0].leads(way.word)
    assert results_of(copy) == [256]
    image.lead(way.word, image.address + (1 << 20))
    copy = AutoCode(valid)
    copy.load(code.saved())
    assert not copy._images[0].leads(way.word)
    assert results_of(copy) == [256]


def results_of(code: AutoCode) -> list[int]:
    """What `f` of a new instance gives."""
    return instantiate(Store(), code, []).func(0).call_raw([0])
