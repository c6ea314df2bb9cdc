"""The official suite through its own runner, where that is: every program of 0.1 and of 0.3.

The runner is the suite's repository, which has no programs; those come from the corpus. It wants
Python 3.12 with colorama and requests.
"""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import wadjet
from tests.corpora import corpora

ADAPTER = Path(__file__).with_name("testsuite_adapter.py")
SOURCE = Path(wadjet.__file__).parents[1]
RUN = """\
import sys
sys.path.insert(0, sys.argv[1])
from wasi_test_runner.harness import run_tests
from wasi_test_runner.runtime_adapter import RuntimeAdapter
adapter, log, *suites = sys.argv[2:]
sys.exit(run_tests([RuntimeAdapter(adapter)], suites, color=False, json_log_file=log))
"""


def _alone(program: Path, tmp_path: Path) -> Path:
    """A suite of one program, with files of its own: the runner leaves links of others there."""
    language = program.parents[2].name
    suite = tmp_path / language / program.stem / program.parent.name
    suite.mkdir(parents=True)
    for each in program.parent.iterdir():
        if each.is_dir():
            shutil.copytree(each, suite / each.name, symlinks=True)
        elif each.name == "manifest.json" or each.stem == program.stem:
            shutil.copy(each, suite)
    return suite


@pytest.mark.programs
@pytest.mark.skipif(
    "WADJET_WASI_RUNNER" not in os.environ,
    reason="NO RUNNER: WADJET_WASI_RUNNER names a checkout of WebAssembly/wasi-testsuite, "
    "WADJET_WASI_PYTHON the Python that runs it (default: this one)",
)
@pytest.mark.parametrize(("edition", "count"), [("wasm32-wasip1", 72), ("wasm32-wasip3", 55)])
def test_every_program(edition: str, count: int, tmp_path: Path) -> None:
    programs = corpora("wasi-testsuite").glob(f"*/testsuite/{edition}/*.wasm")
    suites = [_alone(program, tmp_path) for program in programs]
    log, runner = tmp_path / "log.json", Path(os.environ["WADJET_WASI_RUNNER"], "test-runner")
    python = os.environ.get("WADJET_WASI_PYTHON", sys.executable)
    command = [python, "-c", RUN, runner, ADAPTER, log, *suites]
    path = os.pathsep.join([str(SOURCE), os.environ.get("PYTHONPATH", "")])
    given = {"PYTHONPATH": path, "WADJET": f"{sys.executable} -m wadjet"}
    done = subprocess.run(command, env={**os.environ, **given}, capture_output=True, text=True)
    assert log.exists(), done.stderr
    results = [case for suite in json.loads(log.read_text())["results"] for case in suite["tests"]]
    assert [case for case in results if case["outcome"] != "pass"] == []
    assert done.returncode == 0
    assert len(results) == count
