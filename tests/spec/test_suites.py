"""The official suites, in every tier, against a ledger of what is known to fail.

A line of `ledger-<tier>.txt` is `path:line reason` for one command, or `path reason` for a whole
script. What is not in the ledger must pass, and what is in it must fail.
"""

from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.corpora import corpora
from tests.scoreboard import Score
from tests.switching import SWITCHING
from wadjet.script.suite import run_file

#: folder of a suite → at least so many scripts are below it (subfolders listed here not counted)
FOLDERS = {
    "spec-core/core": 97,
    "spec-core/core/bulk-memory": 8,
    "spec-core/core/exceptions": 4,
    "spec-core/core/gc": 17,
    "spec-core/core/memory64": 25,
    "spec-core/core/multi-memory": 41,
    "spec-core/core/relaxed-simd": 7,
    "spec-core/core/simd": 59,
    "spec-core/legacy": 4,
    "spec-custom": 6,
    "spec-proposals": 60,
}


LEDGERS = ("interpreter", "baseline", "optimizing", "switching")
TIERS = (*LEDGERS[:3], *SWITCHING)
#: these take more than ten seconds in the interpreter
SLOW = {"spec-core/core", "spec-core/core/simd"}


@dataclass
class Ledger:
    """What is expected to fail: single commands, and whole scripts."""

    lines: dict[tuple[str, int], str] = field(default_factory=dict)
    scripts: dict[str, str] = field(default_factory=dict)


def ledger(tier: str) -> Ledger:
    """Read the ledger of a tier. Every entry has a reason."""
    made = Ledger()
    text = Path(__file__).with_name(f"ledger-{tier}.txt").read_text()
    for entry in filter(None, text.splitlines()):
        if entry.startswith("#"):
            continue
        where, _, reason = entry.partition(" ")
        path, _, line = where.partition(":")
        assert reason.strip(), f"no reason: {entry}"
        if line:
            made.lines[path, int(line)] = reason
        else:
            made.scripts[path] = reason
    return made


def root(folder: str) -> Path:
    """Where a folder of a suite is."""
    suite, _, rest = folder.partition("/")
    return corpora(suite) / rest


def scripts(folder: str) -> list[Path]:
    """The scripts of one folder, without those of folders that have a test of their own."""
    here = root(folder)
    nested = [root(each) for each in FOLDERS if each.startswith(f"{folder}/")]
    return [
        path
        for path in sorted(here.rglob("*.wast"))
        if not any(path.is_relative_to(other) for other in nested)
    ]


@pytest.mark.parametrize("tier", TIERS)
@pytest.mark.parametrize(
    "folder", [pytest.param(f, marks=pytest.mark.slow if f in SLOW else ()) for f in FOLDERS]
)
def test_folder(folder: str, tier: str, score: Score) -> None:
    suite = folder.partition("/")[0]
    base = corpora(suite).parent
    known, paths = ledger(tier.partition(":")[0]), scripts(folder)
    passed, failed, wrong = 0, 0, []
    for path in paths:
        name = path.relative_to(base).as_posix()
        result = run_file(path, tier)
        failures = {failure.line: failure.reason for failure in result.failures}
        failed += len(failures)
        passed += len(result.results) - len(failures)
        if name in known.scripts:
            if not failures:
                wrong.append(f"{name}: passes, but the ledger says: {known.scripts[name]}")
            continue
        expected = {line for path_, line in known.lines if path_ == name}
        wrong += [f"{name}:{n}: {why}" for n, why in failures.items() if n not in expected]
        wrong += [f"{name}:{n}: passes unexpectedly" for n in expected if n not in failures]
    score(suite, tier.partition(":")[0], passed, failed)
    counts = f"{len(paths)} scripts, {passed} commands passed, {failed} failed"
    print(f"{folder}, {tier}: {counts}")  # noqa: T201  # what `pytest -rP` shows
    assert len(paths) >= FOLDERS[folder]
    assert not wrong, f"{len(wrong)} surprises:\n" + "\n".join(wrong[:50])


@pytest.mark.parametrize("tier", LEDGERS)
def test_ledger_names_real_scripts(tier: str) -> None:
    base = corpora("spec-core").parent
    known = ledger(tier)
    for name in {name for name, _ in known.lines} | set(known.scripts):
        assert (base / name).is_file(), name


def test_no_script_is_forgotten() -> None:
    listed = {path for folder in FOLDERS for path in scripts(folder)}
    suites = {folder.partition("/")[0] for folder in FOLDERS}
    assert listed == {path for suite in suites for path in corpora(suite).rglob("*.wast")}
