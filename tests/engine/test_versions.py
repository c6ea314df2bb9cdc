"""Loops in two versions do what they do in one: the same results, the same traps at the same
moment, the same memory."""

from collections.abc import Iterator
from itertools import product

import pytest

from tests.engine import compiled, interpreted
from wadjet.base.errors import Trap
from wadjet.core.text import parse
from wadjet.core.validate import validate
from wadjet.engine.contract.settings import Settings
from wadjet.engine.emit.unit import emit
from wadjet.engine.runtime.instance import Instance

END = 0x10000
#: Loops that stay as they are: LLVM would not vectorise them.
LEFT = {"with ways out", "with a trap of its own", "and returns", "of what comes next"}

#: name → the body of a function of $p, $n, $x with locals $s and $i. Where all is well it leaves
#: its result on the stack.
LOOPS = {
    "until an end": """
        (loop $l (i32.store (local.get $p) (local.get $s))
          (local.set $s (i32.add (local.get $s) (local.get $x)))
          (br_if $l (i32.ne (local.tee $p (i32.add (local.get $p) (i32.const 4)))
                            (i32.add (local.get $n) (local.get $x)))))
        (i32.xor (local.get $s) (local.get $p))""",
    "a number of times": """
        (loop $l (i32.store16 offset=6 (local.get $p) (local.get $n))
          (local.set $p (i32.add (local.get $p) (i32.const 12)))
          (br_if $l (local.tee $n (i32.sub (local.get $n) (i32.const 1)))))
        (local.get $p)""",
    "downwards": """
        (loop $l (local.set $s (i32.add (local.get $s) (i32.load8_u (local.get $p))))
          (i32.store8 (local.get $p) (local.get $s))
          (local.set $p (i32.sub (local.get $p) (i32.const 1)))
          (br_if $l (i32.gt_s (local.tee $n (i32.sub (local.get $n) (i32.const 3)))
                              (i32.const 1))))
        (local.get $s)""",
    "tested first": """
        (block $done (loop $l
          (br_if $done (i32.ge_u (local.get $i) (local.get $n)))
          (i32.store (i32.add (local.get $p) (i32.shl (local.get $i) (i32.const 2)))
            (i32.add (local.get $x)
              (i32.load (i32.add (local.get $x) (i32.mul (local.get $i) (i32.const 8))))))
          (local.set $i (i32.add (local.get $i) (i32.const 1)))
          (br $l)))
        (local.get $i)""",
    "at most": """
        (loop $l (i64.store (local.get $p) (i64.const -1))
          (local.set $p (i32.add (local.get $p) (i32.const 8)))
          (br_if $l (i32.le_u (local.tee $i (i32.add (local.get $i) (i32.const 2)))
                              (local.get $n))))
        (i32.add (local.get $i) (local.get $p))""",
    "of what comes next": """
        (loop $l (local.set $s (i32.load8_u (i32.add (local.get $x) (local.get $s))))
          (i32.store8 (local.get $p) (local.get $s))
          (local.set $p (i32.add (local.get $p) (i32.const 1)))
          (br_if $l (local.tee $n (i32.sub (local.get $n) (i32.const 1)))))
        (local.get $s)""",
    "with a choice": """
        (loop $l
          (if (i32.and (local.get $i) (i32.const 2))
            (then (i32.store8 (i32.add (local.get $p) (local.get $i)) (local.get $x))))
          (local.set $s (i32.xor (local.get $s) (i32.mul (local.get $i) (local.get $i))))
          (br_if $l (i32.ne (local.tee $i (i32.add (local.get $i) (i32.const 1)))
                            (local.get $n))))
        (i32.add (local.get $s) (local.get $i))""",
    "signed": """
        (local.set $i (i32.const -20))
        (loop $l (i32.store (i32.add (local.get $p) (i32.mul (local.get $i) (i32.const -4)))
                            (local.get $i))
          (br_if $l (i32.lt_s (local.tee $i (i32.add (local.get $i) (i32.const 1)))
                              (local.get $n))))
        (local.get $i)""",
    "with ways out": """
        (block $out (result i32)
          (loop $l
            (drop (br_if $out (local.get $i)
              (i32.eq (i32.load8_u (i32.add (local.get $p) (local.get $i))) (local.get $x))))
            (i32.store8 (i32.add (local.get $p) (local.get $i)) (local.get $i))
            (if (i32.and (local.get $i) (i32.const 2))
              (then (local.set $s (i32.add (local.get $s) (i32.const 5)))
                    (i32.store8 offset=7 (i32.add (local.get $p) (local.get $i)) (local.get $s))))
            (br_if $l (i32.ne (local.tee $i (i32.add (local.get $i) (i32.const 1)))
                              (local.get $n))))
          (i32.add (local.get $s) (local.get $i)))""",
    "with a trap of its own": """
        (loop $l (i32.store (local.get $p) (i32.div_u (i32.const 1000)
                                             (i32.sub (local.get $n) (i32.const 3))))
          (local.set $p (i32.add (local.get $p) (i32.const 4)))
          (br_if $l (local.tee $n (i32.sub (local.get $n) (i32.const 1)))))
        (i32.const 1)""",
    "and returns": """
        (local.set $s (loop $l (result i32)
          (if (i32.gt_u (i32.load (local.get $p)) (local.get $x)) (then (return (local.get $p))))
          (i32.store (local.get $p) (local.get $x))
          (local.set $p (i32.add (local.get $p) (i32.const 4)))
          (br_if $l (local.tee $n (i32.sub (local.get $n) (i32.const 1))))
          (i32.add (local.get $p) (local.get $n))))
        (local.get $s)""",
}

STARTS = (0, 0x100, 0x103, END - 200, END - 96, END - 4, END, END + 80, 0xFFFF_FF80, 0xFFFF_FFFC)
COUNTS = (0, 1, 2, 9, 12, 24, 31)


def text(body: str) -> str:
    """A module whose `run` has this body."""
    return f"""(module (memory (export "memory") 1 1)
      (func (export "run") (param $p i32) (param $n i32) (param $x i32) (result i32)
        (local $s i32) (local $i i32) {body}))"""


def cases(name: str) -> Iterator[tuple[int, int, int]]:
    """Arguments that end in bounds, run out of them, or wrap."""
    for start, count in product(STARTS, COUNTS):
        if name == "until an end":
            yield start, start + 4 * count - 8 & 0xFFFF_FFFF, 8
            yield start, END, 0
        elif name == "tested first":
            yield start, count, 0x200
            yield start, count, END - 100
        elif count or name in ("tested first", "at most", "signed", "downwards"):
            yield start, count, 200


def outcome(instance: Instance, args: tuple[int, int, int]) -> tuple[object, bytes]:
    """What a call gives or says, and what the memory is then."""
    memory = interpreted.export(instance, "memory")
    memory.view[:] = bytes(range(1, 251)) * 262 + bytes(36)
    try:
        result: object = interpreted.call(instance, "run", *args)
    except Trap as trap:
        result = trap.args[0]
    return result, bytes(memory.view)


@pytest.mark.parametrize("name", LOOPS)
def test_both_versions_are_the_loop(name: str) -> None:
    written = text(LOOPS[name])
    valid = validate(parse(written))
    assert (".plain:" in emit(valid, [0], Settings(versions=True))) == (name not in LEFT)
    native, plain = compiled.make(written), interpreted.make(written)
    for args in cases(name):
        assert outcome(native, args) == outcome(plain, args), args


KEPT = {
    "an address that is not known": "(i32.store (i32.load (local.get $p)) (i32.const 1))",
    "a memory that may be shared": "",
    "a call": "(i32.store (local.get $p) (call $f))",
    "a global": "(i32.store (local.get $p) (i32.const 1)) (global.set $g (local.get $p))",
    "bulk": "(i32.store (local.get $p) (i32.const 1)) (memory.fill (local.get $p) (local.get $p)"
    " (i32.const 1))",
}


@pytest.mark.parametrize("name", KEPT)
def test_some_loops_have_one(name: str) -> None:
    body = KEPT[name] or "(i32.store (local.get $p) (i32.const 1))"
    shared = "1 1 shared" if not KEPT[name] else "1"
    valid = validate(
        parse(f"""(module (memory {shared}) (global $g (mut i32) (i32.const 0))
          (func $f (result i32) (i32.const 1))
          (func (param $p i32) (loop $l {body}
            (br_if $l (i32.ne (local.tee $p (i32.add (local.get $p) (i32.const 4)))
                              (i32.const 4000))))))""")
    )
    assert ".plain:" not in emit(valid, [1], Settings(versions=True))
