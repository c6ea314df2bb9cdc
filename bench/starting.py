"""From the file to the first result: whole processes, cold and warm, and what they take of memory.

*Cold* is with an empty cache, *warm* with what the cold start left there. Beside wadjet runs
wasmtime from Python: compiling (its column of every table) and with its own cache. Times are wall
clock from the start of the process to its first byte of output and to its end. Memory is the most
that was resident: of the process itself, and in a column apart of those that it started, together.
"""

import json
import lzma
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path

from bench.engines import environment
from bench.measure import Progress, Row
from bench.programs import PROGRAMS, Job
from bench.workloads import folder, programs

#: Small programs that are measured anyway.
_CHOSEN = ("lua", "sqlite", "own_sha256")
#: Seconds between two looks at how much memory is resident.
_PERIOD = 0.003
#: Columns beside those of the engines.
CACHED = "wasmtime, cached"
HELPERS = "its helpers"
FIRST, ALL, MEMORY = "first output", "in all", "memory"
TITLES = tuple(f"{way}, {what}" for what in (FIRST, ALL, MEMORY) for way in ("Cold", "Warm"))


@dataclass(frozen=True)
class Taken:
    """What one process took: seconds to the first output and in all; bytes, of those that it
    started as well."""

    first: float
    wall: float
    memory: int
    helpers: int


class _Watch(threading.Thread):
    """Looks how much memory a process takes, and those that it started. What the system says when
    it has ended will not do: that counts the process it was forked from."""

    def __init__(self, pid: int) -> None:
        super().__init__(daemon=True)
        self._pid = pid
        self._over = threading.Event()
        #: process → bytes, the most so far
        self.most: dict[int, int] = {}

    def run(self) -> None:
        """Until `stop`."""
        while not self._over.wait(_PERIOD):
            with suppress(OSError):
                for pid in (self._pid, *_children(self._pid)):
                    self.most[pid] = max(self.most.get(pid, 0), _resident(pid))

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
    """The most that was resident, in bytes."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) << 10
    return 0


def process(command: list[str], stdin: bytes, env: dict[str, str]) -> Taken:
    """Run a process to its end. RuntimeError where it fails."""
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
    return Taken(first, wall, own, others)


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


def starts(job: Job, rounds: int, tier: str, problems: dict[str, str]) -> dict[str, list[Taken]]:
    """Every way to start a job: rounds interleave, and each cold start of ours has its warm one.
    Of what fails, `problems` has why."""
    found: dict[str, list[Taken]] = {}
    ways = commands(job, tier)
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
                        process(ways[engine], job.stdin, env)  # fills its cache
                    found.setdefault(way, []).append(process(ways[engine], job.stdin, env))
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
    with jobs(chosen, large) as found:
        for job in found:
            say(job.name)
            problems: dict[str, str] = {}
            taken = starts(job, rounds, tier, problems)
            for title, rows in tables.items():
                way, what = title.split(", ", 1)
                rows.append(_row(job.name, way, what, taken, problems))
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
    return taken.first if what == FIRST else taken.wall
