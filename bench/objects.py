"""Objects and exceptions of guests, through wadjet and through wasmtime, in one process."""

import statistics
import time
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import wadjet
from bench.measure import Row

GUEST = Path(__file__).with_name("objects.wat")
#: what is measured, the export, how often it does that, and its answer
CASES = (
    ("a node of a tree", "trees", 40, 65_535),
    ("a throw across ten frames", "throws", 100_000, 1),
)

Call = Callable[[int], Any]


def _wadjet(name: str) -> Call:
    instance = wadjet.Instance(wadjet.Module.from_file(GUEST), tier="optimizing")
    found: Call = instance.exports[name]
    return found


def _wasmtime(name: str) -> Call:
    import wasmtime
    from wadjet.core.binary import encode
    from wadjet.core.text import parse

    config = wasmtime.Config()
    config.wasm_exceptions = config.wasm_gc = config.wasm_function_references = True
    store = wasmtime.Store(wasmtime.Engine(config))
    module = wasmtime.Module(store.engine, encode(parse(GUEST.read_text())))
    func: Any = wasmtime.Instance(store, module, []).exports(store)[name]
    return lambda n: func(store, n)


def measure(rounds: int, say: Callable[[str], None]) -> list[Row]:
    """Nanoseconds of processor time each, the engines taking turns."""
    say("objects")
    makers = {"wadjet": _wadjet}
    if find_spec("wasmtime") is not None:
        makers["wasmtime"] = _wasmtime
    found = []
    for what, name, count, units in CASES:
        row = Row(what, "ns")
        calls = {engine: make(name) for engine, make in makers.items()}
        samples: dict[str, list[float]] = {engine: [] for engine in makers}
        for turn in range(rounds + 1):
            for engine, call in calls.items():
                begun = time.thread_time_ns()
                assert call(count) == count * units
                if turn > 0:  # the first finds the heap empty
                    each = (time.thread_time_ns() - begun) / (count * units)
                    samples[engine].append(each)
        row.medians = {engine: statistics.median(values) for engine, values in samples.items()}
        found.append(row)
    return found
