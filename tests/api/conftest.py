"""What the tests of the API share: they run in every tier."""

import gc
from collections.abc import Callable
from typing import Any

import pytest

import wadjet


@pytest.fixture(params=["interpreter", "optimizing"])
def tier(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    if name == "optimizing":
        pytest.importorskip("llvmlite")
    return name


@pytest.fixture
def make(tier: str) -> Callable[..., wadjet.Instance]:
    """Makes an instance of a module in text."""

    def instance(text: str, imports: object = None, **options: Any) -> wadjet.Instance:
        return wadjet.Instance(wadjet.Module(text), imports, tier=tier, **options)

    return instance


@pytest.fixture
def clean() -> None:
    """Nothing waits for the garbage collector when the test begins."""
    gc.collect()
