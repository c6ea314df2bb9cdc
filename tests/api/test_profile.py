"""The deterministic profile (spec A.6): the same bits in every tier."""

import pytest

import wadjet
from wadjet.core.features import DEFAULT, DETERMINISTIC, parse_features
from wadjet.engine.tiers import TIERS

MODULE = """(module
  (func (export "add") (param i64 i64) (result i64)
    (i64.reinterpret_f64
      (f64.add (f64.reinterpret_i64 (local.get 0)) (f64.reinterpret_i64 (local.get 1)))))
  (func (export "madd") (param f32 f32 f32) (result f32)
    (f32x4.extract_lane 0
      (f32x4.relaxed_madd (f32x4.splat (local.get 0)) (f32x4.splat (local.get 1))
        (f32x4.splat (local.get 2))))))"""


@pytest.mark.parametrize("tier", TIERS)
def test_no_result_is_left_to_the_machine(tier: str) -> None:
    module = wadjet.Module.from_text(MODULE, features=parse_features("deterministic"))
    exports = wadjet.Instance(module, tier=tier).exports
    odd, one = 0x7FF8_0000_0000_1234, 0x3FF0_0000_0000_0000
    assert exports.add(odd, one) == 0x7FF8_0000_0000_0000
    near = 1 + 2.0**-23
    assert exports.madd(near, near, -(1 + 2.0**-22)) == 0.0, "rounded twice"


@pytest.mark.parametrize("tier", ["baseline", "optimizing", "auto"])
def test_otherwise_payloads_of_nans_go_on(tier: str) -> None:
    exports = wadjet.Instance(wadjet.Module.from_text(MODULE), tier=tier).exports
    odd, one = 0x7FF8_0000_0000_1234, 0x3FF0_0000_0000_0000
    assert exports.add(odd, one) in (odd, 0x7FF8_0000_0000_0000)


def test_a_profile_changes_nothing_in_what_is_valid() -> None:
    assert parse_features("deterministic") == DEFAULT | {DETERMINISTIC}
    with pytest.raises(wadjet.Invalid):
        wadjet.validate("(module (func (result i32)))", features=parse_features("deterministic"))
