"""The engines compared, and how each runs one program over and over.

Every engine works in a process of its own, so that none disturbs another's signal handlers, heap
or caches. A worker reads lines and answers each with one line of JSON:

    (at start)   {"compile": seconds}                the program is compiled and ready
    run          {"seconds": s, "code": exit status} one fresh instance: processor time of `_start`
    micro        {metric: nanoseconds, …}            Python engines only

The worker of the Python engines is `bench/worker.py`, Node's is `bench/worker.mjs`; a native
program needs none: there the whole process is timed.
"""

import hashlib
import json
import os
import resource
import shutil
import subprocess
import sys
import tempfile
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def environment() -> dict[str, str]:
    """Ours with this tree in front of whatever is installed."""
    return {**os.environ, "PYTHONPATH": f"{ROOT / 'src'}{os.pathsep}{ROOT}"}


@dataclass(frozen=True)
class Task:
    """What a worker runs: paths are absolute strings, `dirs` maps guest paths to folders here."""

    wasm: str
    args: tuple[str, ...]
    dirs: Mapping[str, str]
    stdin: str
    stdout: str
    features: str = ""
    source: str = ""  # the C source of a native build, "" where there is none
    tier: str = "auto"  # wadjet's


@dataclass
class Outcome:
    """One run: processor seconds of the guest, exit status, and what it printed."""

    seconds: float
    code: int
    stdout: bytes = field(repr=False)


class Session(ABC):
    """One program held ready by one engine."""

    @abstractmethod
    def run(self) -> Outcome:
        """Run it once, from a fresh instance."""

    @abstractmethod
    def close(self) -> None:
        """End it."""


class WorkerSession(Session):
    """A worker process and the pipe to it."""

    def __init__(self, command: list[str], task: Task) -> None:
        self._task = task
        self._errors = tempfile.TemporaryFile()  # noqa: SIM115  # lives as long as the session
        self._process = subprocess.Popen(
            [*command, json.dumps(asdict(task))],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            text=True,
            cwd=ROOT,
            env=environment(),
        )
        self.compile_seconds = self._answer()["compile"]

    def _answer(self) -> dict[str, float]:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            self._process.wait()
            self._errors.seek(0)
            said = self._errors.read().decode(errors="replace").strip().splitlines()
            last = next((line for line in reversed(said) if "rror" in line), "it says nothing")
            raise RuntimeError(f"worker ended with {self._process.returncode}: {last}")
        answer: dict[str, float] = json.loads(line)
        return answer

    def ask(self, request: str) -> dict[str, float]:
        """Send one line, read the answer."""
        assert self._process.stdin is not None
        self._process.stdin.write(request + "\n")
        self._process.stdin.flush()
        return self._answer()

    def run(self) -> Outcome:
        """Run the program once more in the same worker."""
        answer = self.ask("run")
        stdout = Path(self._task.stdout).read_bytes()
        return Outcome(answer["seconds"], int(answer["code"]), stdout)

    def close(self) -> None:
        """Close the pipe, which ends the worker."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        self._process.wait()
        self._process.stdout.close()
        self._errors.close()


def _children() -> float:
    """Processor seconds of all child processes that have ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


class NativeSession(Session):
    """An executable, started anew for each run."""

    def __init__(self, executable: Path, task: Task) -> None:
        self._command = [str(executable), *task.args[1:]]

    def run(self) -> Outcome:
        """Time the whole process (its start is about a millisecond)."""
        before = _children()
        done = subprocess.run(self._command, capture_output=True, check=False)
        return Outcome(_children() - before, done.returncode, done.stdout)

    def close(self) -> None:
        """Nothing is held."""


class Engine(ABC):
    """One column of the tables."""

    name: str

    @abstractmethod
    def version(self) -> str | None:
        """What is installed, or None: then the column is left out."""

    @abstractmethod
    def session(self, task: Task) -> Session | None:
        """Compile the task's program; None where this engine has nothing to run."""


class PythonEngine(Engine):
    """An engine that is a Python package, driven by `bench/worker.py`."""

    def __init__(self, name: str) -> None:
        self.name = name

    def command(self) -> list[str]:
        """How its worker starts."""
        return [sys.executable, "-m", "bench.worker", self.name]

    def version(self) -> str | None:
        """What the package says of itself, or its installer, asked of a fresh interpreter."""
        code = (
            f"import {self.name} as package; from importlib.metadata import version;"
            f"print(getattr(package, '__version__', None) or version('{self.name}'))"
        )
        done = subprocess.run(
            [sys.executable, "-c", code],
            capture_output=True,
            text=True,
            check=False,
            env=environment(),
        )
        return done.stdout.strip() if done.returncode == 0 else None

    def session(self, task: Task) -> WorkerSession:
        """Start a worker."""
        return WorkerSession(self.command(), task)


class NodeEngine(Engine):
    """V8 under Node's own WASI. `WADJET_NODE` may name another executable."""

    name = "node"

    def __init__(self) -> None:
        self._node = os.environ.get("WADJET_NODE") or shutil.which("node")

    def version(self) -> str | None:
        """Node's version, or None where Node is absent."""
        if self._node is None:
            return None
        done = subprocess.run(
            [self._node, "--version"], capture_output=True, text=True, check=False
        )
        return done.stdout.strip() or None

    def session(self, task: Task) -> Session | None:
        """Start a worker."""
        assert self._node is not None
        return WorkerSession(
            [self._node, "--no-warnings", str(ROOT / "bench" / "worker.mjs")], task
        )


class NativeEngine(Engine):
    """The same C source through clang -O2 (the one inside ziglang), for the baseline x86-64 or
    AArch64 processor, as a distribution would build it."""

    name = "native"

    def version(self) -> str | None:
        """The compiler's version, or None where ziglang is absent."""
        command = [sys.executable, "-m", "ziglang", "cc", "--version"]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        return done.stdout.splitlines()[0] if done.returncode == 0 else None

    def session(self, task: Task) -> Session | None:
        """Compile the source once; the executable is kept by the hash of the source."""
        return NativeSession(self._executable(Path(task.source)), task) if task.source else None

    def _executable(self, source: Path) -> Path:
        flags = ["-O2", "-mcpu=baseline", "-fno-sanitize=all"]
        key = hashlib.sha256(source.read_bytes() + repr(flags).encode()).hexdigest()[:16]
        target = Path.home() / ".cache" / "wadjet-bench" / f"{source.stem}-{key}"
        if not target.exists():
            target.parent.mkdir(parents=True, exist_ok=True)
            draft = target.with_suffix(f".{os.getpid()}")
            command = [
                sys.executable,
                "-m",
                "ziglang",
                "cc",
                *flags,
                "-o",
                str(draft),
                str(source),
                "-lm",
            ]
            subprocess.run(command, check=True)
            draft.rename(target)
        return target


#: every engine, in the order of the columns
ENGINES: tuple[Engine, ...] = (
    PythonEngine("wadjet"),
    PythonEngine("wasmtime"),
    NodeEngine(),
    NativeEngine(),
)


def present(names: list[str]) -> dict[str, Engine]:
    """The engines that can run here, by name; all of them, or those named."""
    chosen = [e for e in ENGINES if not names or e.name in names]
    return {e.name: e for e in chosen if e.version() is not None}
