"""Modules in text, run by the interpreter."""

from typing import Any

from wadjet.core.features import ALL
from wadjet.core.text import parse
from wadjet.core.validate import validate
from wadjet.engine.runtime.instance import Extern, Instance
from wadjet.engine.runtime.instantiate import instantiate
from wadjet.engine.runtime.store import Store
from wadjet.engine.tiers.interpreter import InterpreterCode

FEATURES = ALL - {"relaxed-dead-code"}


def make(text: str, *imports: object, store: Store | None = None) -> Instance:
    """An interpreted instance of a module in text."""
    code = InterpreterCode(validate(parse(text, FEATURES), FEATURES))
    return instantiate(Store() if store is None else store, code, imports)


def export(instance: Instance, name: str) -> Any:
    """What is exported under a name."""
    found = {e.name: e for e in instance.module.exports}[name]
    extern: Extern = instance.export(found.kind, found.index)
    return extern


def call(instance: Instance, name: str, *args: int) -> Any:
    """Call an export on raw values; the raw result, or a list of several."""
    results = export(instance, name).call_raw(list(args))
    return results[0] if len(results) == 1 else results


def run(text: str, *args: int, store: Store | None = None) -> Any:
    """Call the export `run` of a module with this content."""
    return call(make(f"(module {text})", store=store), "run", *args)
