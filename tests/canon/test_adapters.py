"""Adapters against a plain reference: valid, the same after a trip through bytes, and right for
random types, values, encodings and sizes of addresses."""

import os

import pytest

from tests.canon.adapters_cases import Cases, check, link
from wadjet.canon.adapters import adapter
from wadjet.core.binary import decode, encode
from wadjet.core.validate import validate

COUNT = int(os.environ.get("WADJET_ADAPTER_CASES", "60"))


@pytest.mark.parametrize("seed", range(COUNT))
def test_modules_are_valid_and_survive_encoding(seed: int) -> None:
    cases = Cases(seed)
    made = adapter(cases.func(), cases.side(), cases.side())
    data = encode(made.valid.module)
    again = decode(data)
    validate(again)
    assert encode(again) == data
    assert len(made.needs) == len(again.imports)


@pytest.mark.parametrize("tier", ["interpreter", "optimizing"])
def test_random_calls(tier: str) -> None:
    for seed in range(COUNT if tier == "interpreter" else COUNT // 6):
        cases = Cases(seed)
        t, lower, lift = cases.func(), cases.side(), cases.side(post_return=seed % 2 == 0)
        linked = link(t, lower, lift, tier)
        for i in range(2 if tier == "interpreter" else 10):
            try:
                check(cases, t, lower, lift, linked)
            except Exception as problem:
                problem.add_note(f"seed {seed}, call {i}, {t}, {lower}, {lift}")
                raise
