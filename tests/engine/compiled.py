"""Modules in text, run as optimised machine code."""

from typing import Any

from tests.engine.interpreted import FEATURES, call
from wadjet.core.text import parse
from wadjet.core.validate import validate
from wadjet.engine.runtime.instance import Instance
from wadjet.engine.runtime.instantiate import instantiate
from wadjet.engine.runtime.store import Store
from wadjet.engine.tiers.optimizing import OptimizingCode


def make(text: str, *imports: object, store: Store | None = None) -> Instance:
    """A compiled instance of a module in text."""
    code = OptimizingCode(validate(parse(text, FEATURES), FEATURES))
    return instantiate(Store() if store is None else store, code, imports)


def run(text: str, *args: int, store: Store | None = None) -> Any:
    """Call the export `run` of a module with this content."""
    return call(make(f"(module {text})", store=store), "run", *args)
