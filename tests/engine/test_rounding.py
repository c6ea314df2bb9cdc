"""Rounding variants whose operands the compiler knows."""

import math

import pytest

import wadjet
from wadjet.core.features import ALL
from wadjet.engine.tiers import TIERS


@pytest.mark.parametrize("tier", TIERS)
def test_an_exact_zero_has_the_sign_of_its_direction(tier: str) -> None:
    functions = "".join(
        f'(func (export "{way}") (result f64) (f64.sub_{way} (f64.const 1) (f64.const 1)))'
        for way in ("floor", "ceil", "trunc")
    )
    module = wadjet.Module.from_text(f"(module {functions})", features=ALL)
    exports = wadjet.Instance(module, tier=tier).exports
    signs = {way: math.copysign(1, exports[way]()) for way in ("floor", "ceil", "trunc")}
    assert signs == {"floor": -1, "ceil": 1, "trunc": 1}
