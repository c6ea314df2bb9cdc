"""The scoreboard reads back what it wrote, and a run adds up what its tests gave."""

import subprocess
import sys
from pathlib import Path

from tests import scoreboard
from tests.architecture.tree import ROOT

SUITE = """
import pytest

@pytest.mark.suite("programs")
@pytest.mark.parametrize("tier", ["interpreter", "optimizing"])
@pytest.mark.parametrize("case", range(3))
def test_case(case, tier):
    assert case or tier == "optimizing"

@pytest.mark.suite("programs", tier="optimizing")
def test_skipped():
    pytest.skip("no corpus")

def test_script(score):
    score("scripts", "interpreter", 10, 1)
    score("scripts", "interpreter", 5, 0)
"""


def test_what_is_written_can_be_read(tmp_path: Path) -> None:
    rows = {("b", "interpreter"): (1, 2, "2026-01-02"), ("a", ""): (3, 0, "2026-01-03")}
    table = tmp_path / "scoreboard.md"
    table.write_text(scoreboard.render(rows))
    assert scoreboard.read(table) == rows
    assert table.read_text().index("| a |") < table.read_text().index("| b |")


def test_a_run_counts_outcomes_and_scores(tmp_path: Path) -> None:
    (tmp_path / "test_suite.py").write_text(SUITE)
    (tmp_path / "conftest.py").write_text(
        "from pathlib import Path\n"
        "from tests import scoreboard\n"
        "scoreboard.TABLE = Path(__file__).with_name('table.md')\n"
        "pytest_plugins = ['tests.scoreboard']\n"
    )
    command = [sys.executable, "-m", "pytest", "-q", "--scoreboard", "-n", "2"]
    options = ["-p", "no:cacheprovider", "-c", "/dev/null", "--rootdir", str(tmp_path)]
    subprocess.run(
        [*command, *options, str(tmp_path)],
        cwd=tmp_path,
        env={"PYTHONPATH": str(ROOT)},
        capture_output=True,
        check=False,
    )
    counted = {k: v[:2] for k, v in scoreboard.read(tmp_path / "table.md").items()}
    assert counted == {
        ("programs", "interpreter"): (2, 1),
        ("programs", "optimizing"): (3, 0),
        ("scripts", "interpreter"): (15, 1),
    }
