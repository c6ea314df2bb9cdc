"""Runs the cases of a suite against the ledger: what is not in it passes, what is in it fails."""

from collections.abc import Callable, Iterable
from pathlib import Path

from tests.scoreboard import Score


def ledger() -> dict[str, str]:
    """Case → why it cannot pass."""
    lines = Path(__file__).with_name("ledger.txt").read_text().splitlines()
    entries = [line.partition(" ") for line in lines if not line.startswith("#")]
    assert all(reason.strip() for _, _, reason in entries)
    return {case: reason for case, _, reason in entries}


def run(
    suite: str, cases: Iterable[tuple[str, Path]], check: Callable[[Path], str], score: Score
) -> int:
    """Check all cases; `check` says what is wrong, or nothing. The result is how many pass."""
    known = ledger()
    passed, failed, surprises = 0, 0, []
    for name, path in cases:
        complaint = check(path)
        passed, failed = passed + (not complaint), failed + bool(complaint)
        if complaint and name not in known:
            surprises.append(f"{name}: {complaint}")
        if not complaint and name in known:
            surprises.append(f"{name} passes, but is in the ledger: {known[name]}")
    print(f"{suite}: {passed} passed, {failed} in the ledger")  # noqa: T201 (shown by pytest -s)
    score(suite, "", passed, failed)
    assert surprises == []
    return passed
