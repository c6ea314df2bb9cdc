"""Tail calls between functions that take different numbers of arguments on the stack."""

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
