"""From the file to the first result: whole processes, cold and warm, and what they take.

    python -m bench --part cold --large --rounds 1

*Cold* is with an empty cache, *warm* with what the cold start left there. Beside wadjet runs
wasmtime from Python: compiling (its column of every table) and with its own cache. Times are wall
clock from the start of the process to its first byte of output and to its end; processor time is of
all processes, those that it started as well. Memory is the most that was resident: of the process
itself, and in a column apart of those that it started, together.
"""

import ctypes
import json
import lzma
import os
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

from bench.engines import environment
from bench.measure import Progress, Row
from bench.programs import PROGRAMS, Job
from bench.workloads import folder, programs

#: Small programs that are measured anyway: two large ones among them, and one-loop programs.
_CHOSEN = ("lua", "sqlite", "own_sha256", "own_mandelbrot", "own_matmul")
#: Seconds between two looks at how much memory is resident.
_PERIOD = 0.003
#: Columns beside those of the engines.
CACHED = "wasmtime, cached"
HELPERS = "its helpers"
FIRST, ALL, PROCESSOR, MEMORY = "first output", "in all", "processor time", "memory"
TITLES = tuple(
    f"{way}, {what}" for what in (FIRST, ALL, PROCESSOR, MEMORY) for way in ("Cold", "Warm")
)
#: Linux's number for becoming the parent of orphans.
_SUBREAPER = 36


@dataclass(frozen=True)
class Start:
    """One program and how each engine starts it."""

    name: str
    commands: dict[str, list[str]]
    stdin: bytes = b""


@dataclass(frozen=True)
class Taken:
    """What one process took: seconds to the first output, in all and of processors; bytes, of those
    that it started as well."""

    first: float
    wall: float
    processor: float
    memory: int
    helpers: int


class _Watch(threading.Thread):
    """Looks how much memory a process takes, and those that it started. What the system says when
    it has ended will not do: that counts the process it was forked from."""

    def __init__(self, pid: int) -> None:
        super().__init__(daemon=True)
        self._pid = pid
        self._over = threading.Event()
        #: process → the most bytes so far of the program that it runs now
        self.most: dict[int, int] = {}

    def run(self) -> None:
        """Until `stop`."""
        while not self._over.wait(_PERIOD):
            with suppress(OSError):
                for pid in (self._pid, *_children(self._pid)):
                    self.most[pid] = _resident(pid) or self.most.get(pid, 0)

    def stop(self) -> tuple[int, int]:
        """Bytes of the process, and of the others together."""
        self._over.set()
        self.join()
        own = self.most.pop(self._pid, 0)
        return own, sum(self.most.values())


def _children(pid: int) -> list[int]:
    found = []
    for task in Path(f"/proc/{pid}/task").iterdir():
        found += [int(word) for word in (task / "children").read_text().split()]
    return found


def _resident(pid: int) -> int:
    """The most that was resident, in bytes; 0 when the process has ended."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) << 10
    return 0


@cache
def _adopt() -> None:
    """Who is left behind by a process becomes this one's, so that its time is known."""
    ctypes.CDLL(None).prctl(_SUBREAPER, 1, 0, 0, 0)


def _processor() -> float:
    """Processor seconds of all that has ended below this process, once all has."""
    with suppress(ChildProcessError):
        while True:
            os.waitpid(-1, 0)
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def process(command: list[str], stdin: bytes, env: dict[str, str]) -> Taken:
    """Run a process to its end. RuntimeError where it fails."""
    _adopt()
    before = _processor()
    with tempfile.TemporaryFile() as given, tempfile.TemporaryFile() as said:
        given.write(stdin)
        given.seek(0)
        begun = time.perf_counter()
        child = subprocess.Popen(command, stdin=given, stdout=subprocess.PIPE, stderr=said, env=env)
        watch = _Watch(child.pid)
        watch.start()
        assert child.stdout is not None
        child.stdout.read(1)
        first = time.perf_counter() - begun
        while child.stdout.read(1 << 16):
            pass
        child.wait()
        wall = time.perf_counter() - begun
        own, others = watch.stop()
        child.stdout.close()
        said.seek(0)
        lines = said.read().decode(errors="replace").strip().splitlines() or ["it says nothing"]
    if child.returncode:
        raise RuntimeError(f"exit status {child.returncode}: {lines[-1]}")
    return Taken(first, wall, _processor() - before, own, others)


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
    for name, cached in (("wasmtime", False), (CACHED, True)):
        text = json.dumps(task | {"dirs": dirs, "cached": cached})
        found[name] = [sys.executable, "-m", "bench.plain", text]
    return found


def called(name: str, component: Path) -> Start:
    """A component of which a function is called, in each engine from Python."""
    command = [sys.executable, "-m", "bench.called"]
    ways = {"wadjet": [*command, "wadjet", str(component)]}
    ways["wasmtime"] = [*command, "wasmtime", str(component)]
    ways[CACHED] = [*ways["wasmtime"], "cached"]
    return Start(name, ways)


def _components() -> Iterable[tuple[str, Path]]:
    """Those of the same world, in JavaScript and in Python."""
    from tests.programs.made import python_component

    yield "a JavaScript component", folder() / "components" / "calc_qjs.wasm"
    yield "a Python component", python_component()


@contextmanager
def starts(chosen: list[str], large: bool, tier: str) -> Iterator[list[Start]]:
    """What is measured: a program that others need the output of comes before them."""
    with jobs(chosen, large) as found:
        begun = [Start(job.name, commands(job, tier), job.stdin) for job in found]
        if large and not chosen:
            begun += [called(*each) for each in _components()]
        yield begun


@contextmanager
def jobs(chosen: list[str], large: bool) -> Iterator[list[Job]]:
    """The jobs of each program that is measured."""
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
                found += make(work)
        found = list({job.name: job for job in found}.values())  # some programs share a job
        yield [replace(job, wasm=_named(job, work / "programs")) for job in found]


def _named(job: Job, place: Path) -> Path:
    """The program under the name that it is to be told: some are many tools in one."""
    name = job.args[0]
    if job.wasm.name == name or "/" in name:
        return job.wasm
    place.mkdir(exist_ok=True)
    (place / name).symlink_to(job.wasm)
    return place / name


def _go_mix(work: Path) -> Job:
    target = work / "go_mix.wasm"
    target.write_bytes(lzma.decompress((folder() / "lang" / "go_mix.wasm.xz").read_bytes()))
    return Job("go_mix", target, ("go_mix",), lambda _: None)


def rounds_of(start: Start, rounds: int, problems: dict[str, str]) -> dict[str, list[Taken]]:
    """Every way to start a program: rounds interleave, and each cold start of ours has its warm
    one. Of what fails, `problems` has why."""
    found: dict[str, list[Taken]] = {}
    ways = start.commands
    for turn in range(rounds):
        cache = tempfile.mkdtemp(prefix="wadjet-bench-")
        env = {**environment(), "WADJET_CACHE": cache}
        env.pop("PYTHONDONTWRITEBYTECODE", None)
        try:
            for way, engine in (
                ("Cold", "wadjet"), ("Warm", "wadjet"), ("wasmtime", "wasmtime"), (CACHED, CACHED),
            ):  # fmt: skip
                try:
                    if way == CACHED and turn == 0:
                        process(ways[engine], start.stdin, env)  # fills its cache
                    found.setdefault(way, []).append(process(ways[engine], start.stdin, env))
                except RuntimeError as error:
                    problems[engine] = str(error)
        finally:
            shutil.rmtree(cache, ignore_errors=True)
    return found


def measure(
    chosen: list[str], large: bool, rounds: int, tier: str, say: Progress
) -> dict[str, list[Row]]:
    """The tables of `TITLES`: a row for each program, named ones or those that are there anyway."""
    tables: dict[str, list[Row]] = {title: [] for title in TITLES}
    with starts(chosen, large, tier) as found:
        for start in found:
            say(start.name)
            problems: dict[str, str] = {}
            taken = rounds_of(start, rounds, problems)
            for title, rows in tables.items():
                way, what = title.split(", ", 1)
                rows.append(_row(start.name, way, what, taken, problems))
    return tables


def _row(
    name: str, way: str, what: str, taken: dict[str, list[Taken]], problems: dict[str, str]
) -> Row:
    row = Row(name, "MB" if what == MEMORY else "s", problems=problems)
    for column, source in (("wadjet", way), ("wasmtime", "wasmtime"), (CACHED, CACHED)):
        if taken.get(source):
            row.medians[column] = statistics.median(_figure(t, what) for t in taken[source])
    if what == MEMORY and taken.get(way):
        row.medians[HELPERS] = statistics.median(t.helpers / 1e6 for t in taken[way])
    return row


def _figure(taken: Taken, what: str) -> float:
    if what == MEMORY:
        return taken.memory / 1e6
    return {FIRST: taken.first, ALL: taken.wall, PROCESSOR: taken.processor}[what]
