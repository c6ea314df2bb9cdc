"""The programs of the steady-state table: those of `WADJET_WORKLOADS`, or of one's own folder.

The folder holds `manifest.json`, a list of entries with `path`, `expect`, `args` and `preopen`.
"""

import json
import os
import re
from dataclasses import dataclass, field
from pathlib import Path

from bench.engines import ROOT, Outcome, Task


#: times that a program measured itself: SQLite's speedtest1 prints them at the ends of its lines
_ELAPSED = re.compile(rb" *(?:\d+\.\d{3}s)?$", re.MULTILINE)


@dataclass(frozen=True)
class Program:
    """One program with what it must print."""

    name: str
    wasm: Path
    args: tuple[str, ...]
    dirs: dict[str, Path]
    expect: bytes = field(repr=False)
    source: Path | None = None

    def task(self, stdout: Path, tier: str) -> Task:
        """The same, as a worker takes it."""
        return Task(
            wasm=str(self.wasm),
            args=(self.wasm.name, *self.args),
            dirs={guest: str(host) for guest, host in self.dirs.items()},
            stdin=os.devnull,
            stdout=str(stdout),
            source=str(self.source or ""),
            tier=tier,
        )

    def check(self, outcome: Outcome) -> None:
        """Raise AssertionError unless the run ended well and printed what it should."""
        assert outcome.code == 0, f"exit status {outcome.code}"
        said, expected = (_ELAPSED.sub(b"", text) for text in (outcome.stdout, self.expect))
        assert said == expected, f"wrong output {outcome.stdout[:200]!r}"


def folder() -> Path:
    """Where the workloads are."""
    return Path(os.environ.get("WADJET_WORKLOADS", ROOT.parent / "shared" / "workloads"))


def programs(kind: str = "bench") -> list[Program]:
    """The runnable programs of one subfolder, those with an expected output."""
    base = folder()
    found = []
    for entry in json.loads((base / "manifest.json").read_text()):
        path = entry["path"]
        if path.startswith(f"{kind}/") and path.endswith(".wasm") and "expect" in entry:
            stem = path.removeprefix(f"{kind}/").removesuffix(".wasm")
            source = base / "src" / "own" / f"{stem.removesuffix('.simd').removeprefix('own_')}.c"
            found.append(
                Program(
                    name=stem,
                    wasm=base / path,
                    args=tuple(entry.get("args", ())),
                    dirs={g: base / h for h, g in entry.get("preopen", {}).items()},
                    expect=(base / entry["expect"]).read_bytes(),
                    source=source if source.exists() else None,
                )
            )
    return found
