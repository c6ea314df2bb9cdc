"""Counts what the official suites gave, and writes docs/scoreboard.md from it.

A test counts by its own outcome if it bears the marker `suite`; the tier is the marker's, or that
of the test's parameter of that name:

    @pytest.mark.suite("wasi-testsuite")
    @pytest.mark.parametrize("tier", ["interpreter", "optimizing"])

or it says how many assertions of a script passed, through the fixture `score`:

    score("spec-core", tier, passed, failed)

`pytest --scoreboard` rewrites the rows that the run measured and keeps the others.
"""

from collections.abc import Callable, Generator
from datetime import UTC, datetime
from pathlib import Path

import pytest

TABLE = Path(__file__).resolve().parent.parent / "docs" / "scoreboard.md"
HEAD = """\
# Scoreboard

What the official suites give, by tier. `pytest --scoreboard` writes this file; nobody else does.
A suite counts the assertions of its scripts, or its programs where it has no scripts.

| suite | tier | passed | failed | date |
|---|---|---:|---:|---|
"""
_PROPERTY = "score"

#: (suite, tier) → (passed, failed, date)
Rows = dict[tuple[str, str], tuple[int, int, str]]
Score = Callable[[str, str, int, int], None]


@pytest.fixture
def score(request: pytest.FixtureRequest) -> Score:
    """A function `score(suite, tier, passed, failed)` that adds to the suite's row."""

    def add(suite: str, tier: str, passed: int, failed: int) -> None:
        request.node.user_properties.append((_PROPERTY, [suite, tier, passed, failed]))

    return add


class Recorder:
    """Adds up what the reports bring, also those from other processes, and writes the table."""

    def __init__(self) -> None:
        self.counts: dict[tuple[str, str], list[int]] = {}

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Take the scores that came with the end of a test."""
        if report.when == "teardown":
            return
        for name, value in report.user_properties:
            if name == _PROPERTY and isinstance(value, list) and _counts(report):
                suite, tier, passed, failed = value
                row = self.counts.setdefault((suite, tier), [0, 0])
                row[0] += passed
                row[1] += failed

    def pytest_sessionfinish(self) -> None:
        """Write the table."""
        today = datetime.now(UTC).date().isoformat()
        rows = read(TABLE) if TABLE.exists() else {}
        for key, (passed, failed) in self.counts.items():
            rows[key] = (passed, failed, today)
        TABLE.write_text(render(rows))


def _counts(report: pytest.TestReport) -> bool:
    """A test reports thrice; its scores count once: with the call, or with a failed set-up."""
    return report.when == "call" or report.failed


def read(path: Path) -> Rows:
    """The rows of a table written by `render`."""
    rows: Rows = {}
    for line in path.read_text().splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if line.startswith("| ") and cells[2:3] != ["passed"]:
            suite, tier, passed, failed, date = cells
            rows[suite, tier] = (int(passed), int(failed), date)
    return rows


def render(rows: Rows) -> str:
    """The file, rows in alphabetical order."""
    lines = [
        f"| {suite} | {tier} | {passed} | {failed} | {date} |\n"
        for (suite, tier), (passed, failed, date) in sorted(rows.items())
    ]
    return HEAD + "".join(lines)


def pytest_addoption(parser: pytest.Parser) -> None:
    """The switch."""
    parser.addoption("--scoreboard", action="store_true", help="rewrite docs/scoreboard.md")


def pytest_configure(config: pytest.Config) -> None:
    """The controlling process alone records."""
    config.addinivalue_line("markers", "suite(name, tier=''): its outcome counts on the scoreboard")
    if config.getoption("--scoreboard") and not hasattr(config, "workerinput"):
        config.pluginmanager.register(Recorder(), "wadjet-scoreboard")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Give a test with the marker `suite` its own outcome as its score."""
    report = yield
    mark = item.get_closest_marker("suite")
    if mark is not None and not report.skipped and _counts(report):
        parameters = getattr(getattr(item, "callspec", None), "params", {})
        tier = mark.kwargs.get("tier") or str(parameters.get("tier", ""))
        passed = int(report.passed)
        report.user_properties.append((_PROPERTY, [mark.args[0], tier, passed, 1 - passed]))
    return report
