"""Where the official suites are: test data that lives beside the project, never in it."""

import os
from pathlib import Path

import pytest

_ROOT = Path(__file__).resolve().parent.parent


def corpora(name: str) -> Path:
    """The folder of one suite. Skips, and says so, where it is absent."""
    base = Path(os.environ.get("WADJET_CORPORA", _ROOT.parent / "shared" / "corpora"))
    folder = base / name
    if not folder.is_dir():
        pytest.skip(f"NO CORPUS: {folder} is absent; set WADJET_CORPORA to run this suite")
    return folder


def workloads() -> Path:
    """The folder of real programs, beside the corpora."""
    base = Path(os.environ.get("WADJET_WORKLOADS", _ROOT.parent / "shared" / "workloads"))
    if not base.is_dir():
        pytest.skip(f"NO WORKLOADS: {base} is absent; set WADJET_WORKLOADS to run this suite")
    return base
