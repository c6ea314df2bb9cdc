"""Tail calls between functions with more arguments than there are registers, and different ones."""

import pytest

import wadjet
from wadjet.engine.tiers import TIERS

#: what a function takes: within the registers of every processor, and beyond
SHAPES = [["i64"] * 4, ["i64"] * 7, ["i64"] * 8, ["f64"] * 10, ["v128", "i64", "f32"] * 4]
ZEROS = {"v128": "(v128.const i64x2 0 0)", "i64": "(i64.const 0)", "f32": "(f32.const 0)"}


def zeros(shape: list[str]) -> str:
    return " ".join(ZEROS.get(t, f"({t}.const 0)") for t in shape)


@pytest.mark.parametrize("how", ["return_call $g", "return_call_ref $g", "return_call_indirect"])
@pytest.mark.parametrize("callee", SHAPES, ids=lambda shape: f"to-{shape[0]}-{len(shape)}")
@pytest.mark.parametrize("caller", SHAPES, ids=lambda shape: f"from-{shape[0]}-{len(shape)}")
def test_whoever_called_first_gets_the_result(
    caller: list[str], callee: list[str], how: str
) -> None:
    """There and back through ordinary calls in between, so that a stack that is off by a word is
    somebody's return address."""
    last = "(ref.func $g)" if "ref" in how else "(i32.const 0)" if "indirect" in how else ""
    call = how.replace("_ref $g", "_ref $callee").replace("indirect", "indirect (type $callee)")
    module = wadjet.Module.from_text(f"""(module
      (type $callee (func (param {" ".join(callee)}) (result i32)))
      (table funcref (elem $g))
      (global $depth (mut i32) (i32.const 3))
      (func $g (type $callee) (i32.const 7))
      (func $f (param {" ".join(caller)}) (result i32)
        (if (i32.eqz (global.get $depth)) (then ({call} {zeros(callee)} {last})))
        (global.set $depth (i32.sub (global.get $depth) (i32.const 1)))
        (i32.add (i32.const 1) (call $f {zeros(caller)})))
      (func (export "run") (result i32) (call $f {zeros(caller)})))""")
    for tier in TIERS:
        assert wadjet.Instance(module, tier=tier).exports.run() == 10


def sums(shape: list[str], add: str) -> str:
    """Code that adds the weighted sum of the parameters from 1 on to an i64 on the stack."""
    lines = []
    for k, t in enumerate(shape, 1):
        get = f"(local.get {k})"
        value = {
            "i64": get,
            "f32": f"(i64.trunc_sat_f32_s {get})",
            "f64": f"(i64.trunc_sat_f64_s {get})",
            "v128": f"(i64x2.extract_lane 1 {get})",
        }[t]
        lines.append(f"(i64.mul {value} (i64.const {k * k})) {add}")
    return "\n".join(lines)


def numbers(shape: list[str], start: int) -> str:
    """Operands that are all different."""
    values = enumerate(shape, start)
    return " ".join(
        f"(v128.const i64x2 -1 {k})" if t == "v128" else f"({t}.const {k})" for k, t in values
    )


@pytest.mark.parametrize("how", ["return_call $g", "return_call_ref $g", "return_call_indirect"])
@pytest.mark.parametrize("callee", SHAPES, ids=lambda shape: f"to-{shape[0]}-{len(shape)}")
@pytest.mark.parametrize("caller", SHAPES, ids=lambda shape: f"from-{shape[0]}-{len(shape)}")
def test_every_argument_arrives(caller: list[str], callee: list[str], how: str) -> None:
    """$f and $g leave for each other, more often than there is stack for; the last adds up what it
    was given."""

    def leave(name: str, table: int) -> str:
        kind = how.replace("$g", f"${name}").replace("_ref $", "_ref $t_")
        last = f"(ref.func ${name})" if "ref" in how else f"(i32.const {table})"
        if "indirect" in how:
            return f"({kind} (type $t_{name}) %s {last})"
        return f"({kind} %s {last if 'ref' in how else ''})"

    def function(name: str, shape: list[str], other: str, args: list[str], table: int) -> str:
        less = "(i32.sub (local.get 0) (i32.const 1))"
        return f"""(func ${name} (type $t_{name})
          (if (i32.eqz (local.get 0)) (then (i64.const 0) {sums(shape, "i64.add")} return))
          {leave(other, table) % f"{less} {numbers(args, 5)}"})"""

    module = wadjet.Module.from_text(f"""(module
      (type $t_f (func (param i32 {" ".join(caller)}) (result i64)))
      (type $t_g (func (param i32 {" ".join(callee)}) (result i64)))
      (table funcref (elem $f $g))
      {function("f", caller, "g", callee, 1)}
      {function("g", callee, "f", caller, 0)}
      (func (export "run") (param i32) (result i64)
        (call $f (local.get 0) {numbers(caller, 50)})))""")
    limits = wadjet.Limits(stack=1 << 20)
    for tier in TIERS:
        run = wadjet.Instance(module, tier=tier, store=wadjet.Store(limits)).exports.run
        assert run(0) == sum((49 + k) * k * k for k, _ in enumerate(caller, 1))
        assert run(1) == sum((4 + k) * k * k for k, _ in enumerate(callee, 1))
        assert run(2000) == sum((4 + k) * k * k for k, _ in enumerate(caller, 1))
        if tier != "interpreter":
            assert run(100_001) == run(1)


@pytest.mark.parametrize("shape", SHAPES, ids=lambda shape: f"{shape[0]}-{len(shape)}")
def test_every_argument_arrives_at_the_host(shape: list[str]) -> None:
    seen: list[object] = []
    kinds = [t for t in shape if t != "v128"]
    module = wadjet.Module.from_text(f"""(module
      (type $t (func (param {" ".join(kinds)}) (result i64)))
      (import "" "host" (func $host (type $t)))
      (func (export "run") (type $t) (return_call $host {numbers(kinds, 5)})))""")

    def host(*args: object) -> int:
        seen.append(args)
        return 7

    for tier in TIERS:
        run = wadjet.Instance(module, {"": {"host": host}}, tier=tier).exports.run
        assert run(*([0] * len(kinds))) == 7
        assert seen.pop() == tuple(range(5, 5 + len(kinds)))
