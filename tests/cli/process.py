"""`wadjet` as a process of its own, whether or not it is installed."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import wadjet

_SOURCE = Path(wadjet.__file__).resolve().parent.parent
ENV = {**os.environ, "PYTHONPATH": str(_SOURCE)}
WADJET = [sys.executable, "-m", "wadjet"]


@contextmanager
def started(*words: str, **options: Any) -> "Iterator[subprocess.Popen[Any]]":
    """`wadjet` with these words. Neither it nor a process that it began is there afterwards: one
    that was left would hold the streams open, and whoever reads them would wait for ever."""
    command = [*WADJET, *words]
    process = subprocess.Popen(command, env=ENV, process_group=0, **options)
    try:
        yield process
    finally:
        with suppress(ProcessLookupError):  # all have ended
            os.killpg(process.pid, signal.SIGKILL)
        process.communicate(timeout=60)
