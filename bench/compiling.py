"""How long modules take to be read, checked and compiled: by size, and for each instruction."""

import gc
import statistics
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import wadjet
from bench.measure import Row
from bench.workloads import programs
from wadjet.core.binary import decode, encode
from wadjet.core.features import ALL
from wadjet.core.text import parse
from wadjet.core.validate import validate
from wadjet.engine.baseline.module import Baseline
from wadjet.engine.tiers.compiler import runtime_object
from wadjet.engine.tiers.processor import host_settings

#: Functions of a program that are compiled.
_MOST = 2000


def scaling(rounds: int) -> list[Row]:
    """Milliseconds to make a `Module`, by size: all of it, and as far as a run needs."""
    body = "(local.set 1 (i32.add (i32.mul (local.get 0) (local.get 1)) (i32.const 77)))" * 40
    function = f"(func (param i32) (result i32) (local i32) {body} (local.get 1))"
    rows = []
    for count in (500, 1000, 2000, 4000):
        data = encode(parse(f"(module {function * count})"))
        for name, lazy in (("whole", False), ("lazily", True)):
            seconds = _median(partial(wadjet.Module, data, lazy=lazy), rounds)
            rows.append(Row(f"{len(data) / 1e6:.2f} MB, {name}", "ms", {"wadjet": 1000 * seconds}))
    return rows


def instructions(rounds: int) -> list[Row]:
    """Nanoseconds for each instruction of real programs, and milliseconds for each megabyte."""
    rows = []
    for program in programs():
        if program.name in ("sqlite", "lua", "brotli"):
            rows += _program(program.name, program.wasm, rounds)
    return rows


def _program(name: str, path: Path, rounds: int) -> list[Row]:
    data = path.read_bytes()

    def whole() -> None:
        validate(decode(data, ALL), ALL)

    valid = validate(decode(data, ALL, lazy=True), ALL, lazy=True)
    compiler = Baseline(valid, host_settings(), runtime_object, None)
    slots = range(min(len(valid.module.codes), _MOST))
    count = sum(len(valid.module.codes[slot].body) for slot in slots)
    for slot in slots:
        valid.facts(slot)

    def baseline() -> None:
        for slot in slots:
            compiler.compile(slot)

    megabytes = len(data) / 1e6
    return [
        Row(
            f"{name}: a megabyte read and checked",
            "ms",
            {"wadjet": 1000 * _median(whole, rounds) / megabytes},
        ),
        Row(
            f"{name}: an instruction in the baseline compiler",
            "ns",
            {"wadjet": 1e9 * _median(baseline, rounds) / count},
        ),
    ]


def _median(work: Callable[[], object], rounds: int) -> float:
    """Seconds of the thread's processor time, without the collector of cycles."""
    samples = []
    for _ in range(rounds):
        gc.collect()
        gc.disable()
        try:
            begun = time.thread_time()
            work()
            samples.append(time.thread_time() - begun)
        finally:
            gc.enable()
    return statistics.median(samples)
