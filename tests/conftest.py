"""For all tests: the scoreboard, and a last line that a program can read."""

import os
import signal

import hypothesis
import pytest

# how long an example takes is the machine's affair
hypothesis.settings.register_profile("wadjet", deadline=None)
hypothesis.settings.load_profile("wadjet")

# what is tested is compiled here and now, not found on disk
os.environ["WADJET_CACHE"] = "off"

# a shell that starts the tests in the background has them, and all they start, ignore Ctrl-C
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

pytest_plugins = ["tests.scoreboard", "tests.leftovers"]


def pytest_unconfigure(config: pytest.Config) -> None:
    """Close the run with `N passed, N failed`; an error in a fixture is a failure."""
    reporter = config.pluginmanager.get_plugin("terminalreporter")
    if reporter is None or hasattr(config, "workerinput") or config.option.collectonly:
        return
    counts = {kind: len(reporter.stats.get(kind, ())) for kind in ("passed", "failed", "error")}
    reporter.write_line(f"{counts['passed']} passed, {counts['failed'] + counts['error']} failed")
