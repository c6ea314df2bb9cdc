"""Generated programs do the same in baseline code and when they leave it where chance has it.

`python -m wadjet.testing --tiers baseline,switching` is the same without an end.
"""

import pytest

from tests.switching import SWITCHING, SWITCHING_LONG
from wadjet.testing.generate import PRESETS, Options, generate
from wadjet.testing.worker import Worker

_SEEDS = range(200 if SWITCHING_LONG else 8)
_OPTIONS = Options(features=PRESETS["native"], functions=3, length=50, canonical=True)


@pytest.mark.parametrize("tier", SWITCHING)
def test_generated_programs_switch(tier: str) -> None:
    worker = Worker(["baseline", tier])
    try:
        found = {seed: worker.compare(generate(seed, _OPTIONS)) for seed in _SEEDS}
    finally:
        worker.close()
    assert {seed: str(mismatch) for seed, mismatch in found.items() if mismatch} == {}
