"""ruff, mypy and import-linter are part of the test run: what they find fails it."""

import os
import subprocess
import sys
from pathlib import Path

from tests.architecture.tree import ROOT

BIN = Path(sys.executable).parent


def _passes(*command: str) -> None:
    done = subprocess.run(
        [str(BIN / command[0]), *command[1:]],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT / "src")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, f"{' '.join(command)}\n{done.stdout}{done.stderr}"


def test_ruff_finds_nothing() -> None:
    _passes("ruff", "check", "--no-cache")


def test_the_layout_is_ruffs() -> None:
    _passes("ruff", "format", "--check", "--diff", "--no-cache")


def test_mypy_strict_finds_nothing() -> None:
    _passes("mypy", "--strict", "src/wadjet", "bench")


def test_every_room_keeps_to_its_floor() -> None:
    """The contracts of `.importlinter`: layers, who may touch what, a place for every folder."""
    _passes("lint-imports", "--no-cache")
