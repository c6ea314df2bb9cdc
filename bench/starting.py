"""From the file to the first result: whole processes, cold and warm, and what they take of memory.

    python -m bench.starting [NAME…] [--part starts|instances|scaling] [--rounds N] [--large]

*Cold* is with an empty cache, *warm* with what the first run left there. Beside wadjet runs
wasmtime from Python: compiling (its column of both tables) and with its own cache. Times are wall
clock from the start of the process to its first byte of output and to its end; memory is the most
that was resident. `--large` adds the programs of `bench.programs`.
"""

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from bench.engines import environment
from bench.programs import PROGRAMS, Job
from bench.workloads import folder, programs

#: Small programs that are measured anyway.
_CHOSEN = ("lua", "sqlite", "own_sha256")


@dataclass(frozen=True)
class Taken:
    """What one process took: seconds to the first output and in all, processor seconds, bytes."""

    first: float
    wall: float
    cpu: float
    memory: int


def process(command: list[str], stdin: bytes, env: dict[str, str]) -> Taken:
    """Run a process to its end. RuntimeError where it fails."""
    with tempfile.TemporaryFile() as given, tempfile.TemporaryFile() as said:
        given.write(stdin)
        given.seek(0)
        begun = time.perf_counter()
        child = subprocess.Popen(command, stdin=given, stdout=subprocess.PIPE, stderr=said, env=env)
        assert child.stdout is not None
        child.stdout.read(1)
        first = time.perf_counter() - begun
        while child.stdout.read(1 << 16):
            pass
        _, status, used = os.wait4(child.pid, 0)
        wall = time.perf_counter() - begun
        child.stdout.close()
        child.returncode = os.waitstatus_to_exitcode(status)
        said.seek(0)
        lines = said.read().decode(errors="replace").strip().splitlines() or ["it says nothing"]
    if child.returncode:
        raise RuntimeError(f"exit status {child.returncode}: {lines[-1]}")
    return Taken(first, wall, used.ru_utime + used.ru_stime, used.ru_maxrss * 1024)


def commands(job: Job, tier: str) -> dict[str, list[str]]:
    """How each engine runs a job, as a whole process."""
    ours = [sys.executable, "-m", "wadjet", "run", "--tier", tier]
    if job.features:
        ours += ["--features", job.features]
    for guest, here in job.dirs.items():
        ours += ["--dir", f"{here}::{guest}"]
    task = {"wasm": str(job.wasm), "args": job.args}
    dirs = {guest: str(here) for guest, here in job.dirs.items()}
    found = {"wadjet": [*ours, str(job.wasm), *job.args[1:]]}
    for name, cached in (("wasmtime", False), ("wasmtime cached", True)):
        text = json.dumps(task | {"dirs": dirs, "cached": cached})
        found[name] = [sys.executable, "-m", "bench.plain", text]
    return found


@contextmanager
def jobs(chosen: list[str], large: bool) -> Iterator[list[Job]]:
    """The first job of each program that is measured."""
    with tempfile.TemporaryDirectory() as name:
        work = Path(name)
        found = [
            Job(p.name, p.wasm, (p.wasm.name, *p.args), lambda _: None, p.dirs)
            for p in programs()
            if p.name in (chosen or _CHOSEN)
        ]
        if not chosen or "go_mix" in chosen:
            found.append(_go_mix(work))
        for program, make in PROGRAMS.items() if large or chosen else ():
            if program in chosen or (large and not chosen):
                found += make(work)[:1]
        yield found


def _go_mix(work: Path) -> Job:
    import lzma

    target = work / "go_mix.wasm"
    target.write_bytes(lzma.decompress((folder() / "lang" / "go_mix.wasm.xz").read_bytes()))
    return Job("go_mix", target, ("go_mix",), lambda _: None)


def starts(job: Job, rounds: int, tier: str) -> dict[str, list[Taken]]:
    """Every way to start a job: rounds interleave, and each cold start of ours has its warm one."""
    found: dict[str, list[Taken]] = {}
    ways = commands(job, tier)
    for turn in range(rounds):
        cache = tempfile.mkdtemp(prefix="wadjet-bench-")
        env = {**environment(), "WADJET_CACHE": cache}
        env.pop("PYTHONDONTWRITEBYTECODE", None)
        try:
            for way, engine in (
                ("cold", "wadjet"), ("warm", "wadjet"),
                ("wasmtime", "wasmtime"), ("wasmtime cached", "wasmtime cached"),
            ):  # fmt: skip
                try:
                    if way == "wasmtime cached" and turn == 0:
                        process(ways[engine], job.stdin, env)  # fills its cache
                    found.setdefault(way, []).append(process(ways[engine], job.stdin, env))
                except RuntimeError as error:
                    print(f"{job.name}, {way}: {error}", file=sys.stderr)
        finally:
            shutil.rmtree(cache, ignore_errors=True)
    return found


def table(chosen: list[Job], rounds: int, tier: str) -> None:
    """Print a line for each job as soon as it is known, and the means at the end."""
    titles = ("first output", "in all", "memory")
    print(f"{'seconds; MB':16} " + " ".join(f"{title:^43}" for title in titles))
    names = ("cold", "warm", "wasmtime", "cached")
    print(" " * 16, " ".join(f"{name:>10}" for _ in titles for name in names))
    ratios: dict[str, list[float]] = {}
    for job in chosen:
        taken = starts(job, rounds, tier)
        ways = ("cold", "warm", "wasmtime", "wasmtime cached")
        cells = []
        for read in (_first, _wall, _memory):
            for way in ways:
                values = [read(each) for each in taken.get(way, [])]
                cells.append(f"{statistics.median(values):10.3f}" if values else f"{'-':>10}")
        print(f"{job.name:16} " + " ".join(cells), flush=True)
        for way in ("cold", "warm"):
            if taken.get(way) and taken.get("wasmtime"):
                for what, read in (("first", _first), ("all", _wall), ("memory", _memory)):
                    ours = statistics.median(map(read, taken[way]))
                    theirs = statistics.median(map(read, taken["wasmtime"]))
                    ratios.setdefault(f"{way}, {what}", []).append(ours / theirs)
    for name, values in ratios.items():
        mean = statistics.geometric_mean(values)
        print(f"{name} ÷ wasmtime: geometric mean {mean:.3f}, most {max(values):.3f}")


def _first(taken: Taken) -> float:
    return taken.first


def _wall(taken: Taken) -> float:
    return taken.wall


def _memory(taken: Taken) -> float:
    return taken.memory / 1e6


# --- instances -----------------------------------------------------------------------------------

_DATA = "wadjet! " * (1 << 17)
_MODULE = (
    f'(module (memory 16) (data (i32.const 0) "{_DATA}") '
    '(func (export "load") (param i32) (result i32) (i32.load (local.get 0))))'
)


def instances() -> None:
    """Microseconds of processor time for an instance with 1 MiB of data, made and freed."""
    import wasmtime

    import wadjet

    module = wadjet.Module.from_text(_MODULE)
    engine = wasmtime.Engine()
    other = wasmtime.Module(engine, _MODULE)

    def ours() -> None:
        wadjet.Instance(module)

    def ours_called() -> None:
        wadjet.Instance(module).exports.load(0)

    def theirs() -> None:
        wasmtime.Instance(wasmtime.Store(engine), other, [])

    def theirs_called() -> None:
        store = wasmtime.Store(engine)
        load = wasmtime.Instance(store, other, []).exports(store)["load"]
        assert isinstance(load, wasmtime.Func)
        load(store, 0)

    for name, make in (
        ("wadjet", ours), ("wasmtime", theirs),
        ("wadjet, with a call", ours_called), ("wasmtime, with a call", theirs_called),
    ):  # fmt: skip
        print(f"{name:24} {1e6 * _each(make):8.1f} µs")
    begun = time.perf_counter()
    crowd = [threading.Thread(target=_each, args=(ours_called, 500, 1)) for _ in range(4)]
    for thread in crowd:
        thread.start()
    for thread in crowd:
        thread.join()
    print(f"{'wadjet, four threads':24} {2000 / (time.perf_counter() - begun):8.0f} a second")


def _each(make: Callable[[], None], count: int = 500, rounds: int = 7) -> float:
    samples = []
    for _ in range(rounds):
        begun = time.thread_time()
        for _ in range(count):
            make()
        samples.append((time.thread_time() - begun) / count)
    return statistics.median(samples)


# --- scaling -------------------------------------------------------------------------------------


def scaling() -> None:
    """Seconds to read and check modules of growing size, and microseconds for each kilobyte."""
    import wadjet
    from wadjet.core.binary import encode
    from wadjet.core.text import parse

    body = "(local.set 1 (i32.add (i32.mul (local.get 0) (local.get 1)) (i32.const 77)))" * 40
    function = f"(func (param i32) (result i32) (local i32) {body} (local.get 1))"
    for count in (500, 1000, 2000, 4000):
        data = encode(parse(f"(module {function * count})"))
        begun = time.process_time()
        wadjet.Module(data)
        eager = time.process_time() - begun
        begun = time.process_time()
        wadjet.Module(data, lazy=True)
        lazy = time.process_time() - begun
        rate = 1e6 * eager / (len(data) / 1000)
        print(f"{len(data):10} bytes: {eager:7.3f} s, lazily {lazy:7.4f} s; {rate:7.1f} µs/kB")


def main() -> int:
    """Measure what was asked for."""
    parser = argparse.ArgumentParser(prog="python -m bench.starting", description=__doc__)
    parser.add_argument("program", nargs="*")
    parts = ("starts", "instances", "scaling")
    parser.add_argument("--part", action="append", choices=parts)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--tier", default="auto")
    parser.add_argument("--large", action="store_true")
    options = parser.parse_args()
    chosen = options.part or (["starts"] if options.program else parts)
    if "instances" in chosen:
        instances()
    if "scaling" in chosen:
        scaling()
    if "starts" in chosen:
        with jobs(options.program, options.large) as found:
            table(found, options.rounds, options.tier)
    return 0


if __name__ == "__main__":
    sys.exit(main())
