"""Runs folders of scripts: which features each file needs, and what came of it."""

import json
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Final, TextIO

from wadjet.base.errors import Error
from wadjet.component import features as components
from wadjet.core.features import DEFAULT, Features, parse_features
from wadjet.script.parse import parse_script
from wadjet.script.run import Result, Settings, run_script

#: folder → the features that its files were written for, as `parse_features` reads them
_FOLDERS: Final[dict[str, str]] = {
    "custom-page-sizes": "custom-page-sizes",
    "custom-descriptors": "custom-descriptors",
    "stack-switching": "stack-switching",
    "shared-everything-threads": "shared-everything-threads",
    "rounding-mode-control": "rounding-variants",
    "legacy": "legacy-exceptions",
    "threads": "wasm1,threads",
    "threads-main": "wasm2,threads",
}
#: folders of components → features beside those that components have by default
_COMPONENTS: Final[dict[str, str]] = {
    "component-model": "cm-more-async-builtins,cm-threads,cm-async-stackful,cm-fixed-length-lists",
}
#: so many failures of one script are written out; JSON has them all
_SHOWN: Final = 20
#: scripts whose modules import what no host offers: they are validated and no more
_STATIC: Final = frozenset({"shared-funcs", "shared-globals", "shared-tables", "shared-types"})


@dataclass(frozen=True, slots=True)
class FileResult:
    """The results of one script, in the order of its commands."""

    path: Path
    results: list[Result]
    seconds: float

    @property
    def failures(self) -> list[Result]:
        """Those that failed."""
        return [result for result in self.results if not result.ok]


def settings_for(path: Path, tier: str, features: Features | None = None) -> Settings:
    """How a script is to be run, by the folders it lies in; `features` overrides what they say."""
    folders = path.resolve().parts[:-1]
    chosen = DEFAULT
    for folder in dict.fromkeys(reversed(folders)):
        if folder in _FOLDERS:
            chosen = parse_features(_FOLDERS[folder])
        elif folder in _COMPONENTS:
            chosen = components.parse_features(_COMPONENTS[folder])
    if features is not None:
        chosen = features
    return Settings(tier, chosen, instantiate=path.stem not in _STATIC)


def run_file(path: Path, tier: str = "auto", features: Features | None = None) -> FileResult:
    """Run one script. Raises Malformed if it is no script at all."""
    start = time.perf_counter()
    script = parse_script(path.read_bytes())
    results = run_script(script, settings_for(path, tier, features))
    return FileResult(path, results, time.perf_counter() - start)


def scripts(paths: Iterable[Path]) -> list[Path]:
    """All scripts among files and below folders, in order."""
    found: list[Path] = []
    for path in paths:
        found.extend(sorted(path.rglob("*.wast")) if path.is_dir() else [path])
    return found


def run_paths(
    paths: Iterable[Path],
    tier: str = "auto",
    features: Features | None = None,
    json_out: Path | None = None,
    out: TextIO | None = None,
) -> int:
    """Run scripts and folders of scripts, as `wadjet wast` does.

    Writes the failures, a line for each file that has some, and the totals to `out`; all of it to
    `json_out` as JSON. Returns the exit status: 0 only if everything passed.
    """
    files: list[FileResult] = []
    for path in scripts(paths):
        try:
            files.append(run_file(path, tier, features))
        except (Error, OSError) as error:
            files.append(FileResult(path, [Result(0, f"{error}".splitlines()[0])], 0.0))
        _tell(files[-1], out)
    passed = sum(len(file.results) - len(file.failures) for file in files)
    failed = sum(len(file.failures) for file in files)
    print(f"{passed} passed, {failed} failed", file=out)
    if json_out is not None:
        json_out.write_text(json.dumps(_as_json(files, passed, failed), indent=1) + "\n")
    return 1 if failed else 0


def _tell(file: FileResult, out: TextIO | None) -> None:
    failures, count = file.failures, len(file.results)
    for failure in failures[:_SHOWN]:
        print(f"{file.path}:{failure.line}: {failure.reason}", file=out)
    if failures:
        more = f" ({len(failures) - _SHOWN} more failures)" if len(failures) > _SHOWN else ""
        print(f"{file.path}: {count - len(failures)} of {count} passed{more}", file=out)


def _as_json(files: list[FileResult], passed: int, failed: int) -> dict[str, object]:
    return {
        "passed": passed,
        "failed": failed,
        "files": [
            {
                "path": str(file.path),
                "passed": len(file.results) - len(file.failures),
                "failed": len(file.failures),
                "seconds": round(file.seconds, 3),
                "failures": [{"line": f.line, "reason": f.reason} for f in file.failures],
            }
            for file in files
        ],
    }
