"""The baseline compiler: where operands are, how values get from one place to another, what it
shares with other code."""

import itertools
import random
import subprocess
import sys

import pytest

import wadjet
from tests.corpora import corpora
from wadjet.core.binary import decode
from wadjet.core.text import parse
from wadjet.core.validate import validate
from wadjet.engine.baseline.frame import parallel
from wadjet.engine.baseline.x86 import R8, R9, RDI, RSI, RAX, rm, to_register
from wadjet.core.types import I64
from wadjet.engine.tiers.baseline import BaselineCode

LETTERS = {"i32": 3, "i64": 5, "f32": 1.5, "f64": 2.25}


def exports(text: str, tier: str = "baseline", **options: object) -> wadjet.Exports:
    return wadjet.Instance(wadjet.Module.from_text(text), tier=tier, **options).exports  # type: ignore[arg-type]


def agree(text: str, *args: object) -> None:
    """`f` gives the same in the interpreter."""
    assert exports(text).f(*args) == exports(text, "interpreter").f(*args)


# --- encodings -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (rm(b"\x8b", RAX, -8), "8b45f8"),
        (rm(b"\x8b", RAX, -0x100), "8b8500ffffff"),
        (rm(b"\x8b", R9, -8, 1), "4c8b4df8"),
        (rm(b"\x0f\xbe", RAX, RSI, octet=True), "400fbec6"),
        (to_register(R8, RDI, 1), "4c8bc7"),
        (to_register(R8, (1 << 64) + (1 << 64) - 1, 1), "49c7c0ffffffff"),
    ],
)
def test_encodings(text: bytes, expected: str) -> None:
    assert text.hex() == expected


def test_moves_at_once_destroy_nothing() -> None:
    # as many moves as registers when nothing goes in a circle, one more for each circle
    registers = (RSI, RDI, R8, R9)
    for sources in itertools.permutations(registers):
        moves = [(d, s, I64) for d, s in zip(registers, sources, strict=True)]
        seen = {r: r for r in (*registers, RAX)}
        for text in filter(None, parallel(moves)):
            target, source = _decoded(text)
            seen[target] = seen[source]
        assert [seen[d] for d in registers] == list(sources)


def _decoded(text: bytes) -> tuple[int, int]:
    """Target and source of `mov` between registers."""
    rex, opcode, modrm = text
    assert opcode == 0x8B
    return (modrm >> 3 & 7) | (rex & 4) << 1, (modrm & 7) | (rex & 1) << 3


# --- operands ------------------------------------------------------------------------------------


@pytest.mark.parametrize("type_", ["i32", "i64", "f32", "f64"])
def test_more_operands_than_registers(type_: str) -> None:
    count = 30
    gets = "".join(f"({type_}.mul (local.get 0) ({type_}.const {k + 1}))" for k in range(count))
    sums = f"({type_}.sub)" * (count - 1)
    agree(f'(func (export "f") (param {type_}) (result {type_}) {gets} {sums})', LETTERS[type_])


def test_a_local_changes_while_its_old_value_waits() -> None:
    for filler in ("", "(loop $l (local.set 1 (i32.add (local.get 1) (i32.const 1))))"):
        agree(
            f"""(func (export "f") (param i32 i32) (result i32) {filler}
              (local.get 0) (local.get 0) (i32.const 3) (i32.add) (local.set 0)
              (local.get 0) (i32.mul) (local.tee 0 (i32.add (local.get 0) (local.get 1)))
              (i32.sub))""",
            7,
            9,
        )


def test_what_a_block_leaves_is_found_on_every_way() -> None:
    text = """(func (export "f") (param i32) (result i32 i64 i32)
      (i32.const 11)
      (block $out (result i64 i32)
        (i64.const 5) (local.get 0)
        (br_if $out (i32.eqz (local.get 0)))
        (i32.const 100) (i32.add)
        (br_if $out (i32.gt_u (local.get 0) (i32.const 8)))
        (drop) (drop) (i64.const 9) (i32.const 1)
        (br_table $out $out (local.get 0))))"""
    for value in (0, 1, 5, 9, -1):
        agree(text, value)


def test_many_arguments_and_results_of_all_types() -> None:
    chance = random.Random(5)
    for _ in range(40):
        types = chance.choices(list(LETTERS), k=chance.randrange(1, 24))
        order = chance.sample(range(len(types)), len(types))
        turned = " ".join(types[k] for k in order)
        gets = " ".join(f"(local.get {k})" for k in order)
        back = " ".join(f"(local.get {order.index(k)})" for k in range(len(types)))
        agree(
            f"""(module (func (export "f") (param {" ".join(types)}) (result {" ".join(types)})
              {gets} (call $turn))
             (func $turn (param {turned}) (result {" ".join(types)}) {back}))""",
            *[LETTERS[t] for t in types],
        )


def test_locals_survive_calls_whatever_register_they_live_in() -> None:
    names = "".join(f"(local $a{k} i32) (local $x{k} f64)" for k in range(12))
    steps = "".join(
        f"(local.set $a{k} (i32.add (local.get $a{k}) (local.get 0)))"
        f"(local.set $x{k} (f64.add (local.get $x{k}) (f64.convert_i32_s (local.get $a{k}))))"
        for k in range(12)
    )
    total = "(local.get $x0)" + "".join(f"(f64.add (local.get $x{k}))" for k in range(1, 12))
    agree(
        f"""(module (func (export "f") (param i32) (result f64) {names}
          (loop $l {steps} (drop (call $g (local.get 0)))
            (br_if $l (local.tee 0 (i32.sub (local.get 0) (i32.const 1))))) {total})
         (func $g (param i32) (result i32) (i32.popcnt (local.get 0))))""",
        40,
    )


def test_vectors_that_no_instruction_announces() -> None:
    agree(
        """(module (global $g (mut v128) (v128.const i64x2 1 2))
         (func (export "f") (result i32 v128 i64)
           (i32.const 1) (global.get $g) (i64.const 3)))"""
    )


def test_offsets_up_to_the_last() -> None:
    text = """(module (memory 1) (func (export "f") (param i32) (result i32)
      (i32.load offset={} (local.get 0))))"""
    assert exports(text.format(0xFFF0)).f(0) == 0
    for offset in (0x3FFFFFFF, 0x40000000, 0x80000000, 0xFFFFFFFF):
        with pytest.raises(wadjet.Trap, match="out of bounds"):
            exports(text.format(offset)).f(-1)


# --- beside other code ---------------------------------------------------------------------------


def test_tail_calls_need_no_stack() -> None:
    text = """(module (func $even (export "f") (param i64) (result i32)
        (if (result i32) (i64.eqz (local.get 0)) (then (i32.const 1))
          (else (return_call $odd (i64.sub (local.get 0) (i64.const 1))))))
      (func $odd (param i64) (result i32)
        (if (result i32) (i64.eqz (local.get 0)) (then (i32.const 0))
          (else (return_call $even (i64.sub (local.get 0) (i64.const 1)))))))"""
    assert exports(text).f(1_000_001) == 0


def test_endless_recursion_and_endless_loops_end() -> None:
    text = """(module (func $r (export "r") (param i32) (result i32)
        (i32.add (call $r (local.get 0)) (i32.const 1)))
      (func (export "l") (loop $l (br $l))))"""
    with pytest.raises(wadjet.Exhaustion):
        exports(text).r(1)
    with pytest.raises(wadjet.Timeout):
        exports(text, limits=wadjet.Limits(seconds=0.05)).l()


def test_traps_tell_where_they_came_from() -> None:
    text = """(module $m
      (func $inner (param i32) (result i32) (i32.div_u (i32.const 1) (local.get 0)))
      (func $outer (export "f") (param i32) (result i32) (call $inner (local.get 0))))"""
    with pytest.raises(wadjet.Trap, match="divide by zero") as caught:
        exports(text).f(0)
    assert [frame.name for frame in caught.value.backtrace] == ["inner", "outer"]


def test_calls_go_both_ways_between_tiers() -> None:
    from wadjet.engine.tiers.auto import AutoCode

    text = """(module (tag $t (param i32))
      (func $a (export "f") (param i32) (result i32)
        (if (result i32) (i32.eqz (local.get 0)) (then (throw $t (i32.const 7)))
          (else (i32.add (call $b (i32.sub (local.get 0) (i32.const 1))) (i32.const 1)))))
      (func $b (param i32) (result i32)
        (block $h (result i32)
          (try_table (result i32) (catch $t $h) (call $a (local.get 0))))))"""
    module = wadjet.Module.from_text(text)
    expected = wadjet.Instance(module, tier="interpreter").exports.f(9)
    for promoted in ((), (0,), (1,), (0, 1)):
        fresh = wadjet.Module.from_text(text)
        instance = wadjet.Instance(fresh, tier="auto")
        code = fresh.code("auto")
        assert isinstance(code, AutoCode)
        for slot in promoted:
            code.promote(slot)
        assert instance.exports.f(9) == expected


@pytest.mark.parametrize("name", ["lua", "cmark", "own_nbody.simd"])
def test_nothing_is_beyond_it(name: str) -> None:
    path = corpora("spec-core").parent.parent / "workloads" / "bench" / f"{name}.wasm"
    valid = validate(decode(path.read_bytes()))
    code = BaselineCode(valid)
    assert code.compiler is not None
    for slot in range(len(valid.module.codes)):
        assert code.compiler.compile(slot) is not None


def test_tail_calls_with_arguments_on_the_stack_are_beyond_it() -> None:
    many = " ".join(["i64"] * 9)
    gets = " ".join(f"(local.get {k})" for k in range(9))
    text = f'(func $f (export "f") (param {many}) (result i64) (return_call $f {gets}))'
    code = BaselineCode(validate(parse(text)))
    assert code.compiler is not None
    assert code.compiler.compile(0) is None


def test_plain_code_needs_no_llvm(tmp_path: object) -> None:
    program = """
import sys, wadjet
text = '(func (export "f") (param i32) (result i32) (i32.add (local.get 0) (i32.const %s)))'
made = wadjet.Instance(wadjet.Module.from_text(text % sys.argv[1]), tier="auto")
print(made.exports.f(1), "llvmlite" in sys.modules)
"""
    import os

    environment = os.environ | {
        "WADJET_CACHE": str(tmp_path),
        "PYTHONPATH": os.pathsep.join(sys.path),
    }
    seen = [
        subprocess.run(
            [sys.executable, "-c", program, number],
            env=environment, capture_output=True, text=True, check=True, timeout=60,
        ).stdout.split()
        for number in ("1", "2")
    ]  # fmt: skip
    assert seen == [["2", "False"], ["3", "False"]]


@pytest.mark.parametrize("vectors", ["", "(local v128)"])
@pytest.mark.parametrize("type_", ["i32", "i64", "f32", "f64"])
def test_what_was_read_before_a_call_stays_when_its_result_is_assigned(
    type_: str, vectors: str
) -> None:
    """The operand below stands for the local until that changes; the copy must not destroy what the
    call has left."""
    agree(
        f"""(module
          (func $seven (result {type_}) ({type_}.const 7))
          (func (export "f") (param {type_}) (result {type_} {type_}) {vectors}
            (local.get 0)
            (local.tee 0 (call $seven))))""",
        LETTERS[type_],
    )


def test_what_was_read_before_other_results_are_assigned_stays() -> None:
    for result in (
        "(memory.grow (i32.const 1))",
        "(i32.div_s (i32.const 100) (i32.const 7))",
        "(i32.rem_u (i32.const 100) (local.get 0))",
        "(i32.shl (i32.const 100) (local.get 0))",
        "(global.get $g)",
        "(i32.lt_s (local.get 0) (i32.const 7))",
        "(i32.trunc_f32_s (f32.const 7))",
        "(i32x4.extract_lane 2 (v128.const i32x4 1 2 3 4))",
    ):
        agree(
            f"""(module (memory 1 9) (global $g i32 (i32.const 8))
              (func (export "f") (param i32) (result i32 i32)
                (local.get 0) (local.tee 0 {result})))""",
            3,
        )
