"""The measurements: steady state, calls and memory, start-up. Rounds of the engines interleave."""

import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path

from bench.engines import ROOT, Engine, PythonEngine, Session, Task, environment
from bench.workloads import Program

Progress = Callable[[str], None]


@dataclass
class Row:
    """One line of a table: what was measured, and the median per engine in `unit`."""

    name: str
    unit: str
    medians: dict[str, float] = field(default_factory=dict)
    problems: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Plan:
    """How often each program runs, before and while it is measured, and in which tier of ours."""

    rounds: int
    warm: int
    tier: str


def steady(
    engines: dict[str, Engine], programs: Iterable[Program], plan: Plan, say: Progress
) -> list[Row]:
    """Processor seconds of each program once everything is compiled."""
    rows = []
    for program in programs:
        say(program.name)
        with tempfile.TemporaryDirectory() as folder:
            rows.append(_steady_row(engines, program, plan, Path(folder)))
    return rows


def _steady_row(engines: dict[str, Engine], program: Program, plan: Plan, folder: Path) -> Row:
    row = Row(program.name, "s")
    sessions: dict[str, Session] = {}
    samples: dict[str, list[float]] = {}
    for name, engine in engines.items():
        try:
            session = engine.session(program.task(folder / f"{name}.out", plan.tier))
        except RuntimeError as error:
            row.problems[name] = str(error)
            continue
        if session is not None:
            sessions[name], samples[name] = session, []
    try:
        for turn in range(plan.warm + plan.rounds):
            for name, session in list(sessions.items()):
                try:
                    outcome = session.run()
                    program.check(outcome)
                except (RuntimeError, AssertionError) as error:
                    row.problems[name] = str(error)
                    sessions.pop(name).close()
                    continue
                if turn >= plan.warm:
                    samples[name].append(outcome.seconds)
    finally:
        for session in sessions.values():
            session.close()
    row.medians = {n: statistics.median(samples[n]) for n in sessions if samples[n]}
    return row


def micro(engines: dict[str, Engine], rounds: int, say: Progress) -> list[Row]:
    """Calls, callbacks, memory access and instantiation from Python."""
    say("calls, memory, instantiation")
    empty = Task("", (), {}, os.devnull, os.devnull)
    workers = {n: e.session(empty) for n, e in engines.items() if isinstance(e, PythonEngine)}
    rows: dict[str, Row] = {}
    samples: dict[tuple[str, str], list[float]] = {}
    try:
        for _ in range(rounds):
            for name, worker in workers.items():
                for metric, value in worker.ask("micro").items():
                    samples.setdefault((metric, name), []).append(value)
    finally:
        for worker in workers.values():
            worker.close()
    for (metric, name), values in samples.items():
        rows.setdefault(metric, Row(metric, "ns")).medians[name] = statistics.median(values)
    return list(rows.values())


def startup(rounds: int, say: Progress) -> list[Row]:
    """Milliseconds of whole processes, from start to end."""
    say("start-up")
    python = [sys.executable]
    hello = str(ROOT / "examples" / "mandelbrot.wasm")
    commands = {
        "python -c pass": {"python": [*python, "-c", "pass"]},
        "import": {
            "wadjet": [*python, "-c", "import wadjet"],
            "wasmtime": [*python, "-c", "import wasmtime"],
        },
        "wadjet --help": {"wadjet": [*python, "-m", "wadjet", "--help"]},
        "wadjet run, a small program": {
            "wadjet": [*python, "-m", "wadjet", "run", hello, "8", "1"]
        },
    }
    rows = {name: Row(name, "ms") for name in commands}
    samples: dict[tuple[str, str], list[float]] = {}
    for turn in range(rounds + 1):
        for name, engines in commands.items():
            for engine, command in engines.items():
                seconds = _process(command)
                if turn > 0:  # the first only warms the system's own caches
                    samples.setdefault((name, engine), []).append(seconds * 1000)
    for (name, engine), values in samples.items():
        rows[name].medians[engine] = statistics.median(values)
    return list(rows.values())


def _process(command: list[str]) -> float:
    begun = time.perf_counter()
    subprocess.run(command, check=True, capture_output=True, env=environment())
    return time.perf_counter() - begun
