"""Nothing is left after a test: no descriptor, thread or process, and no task when a loop ends.

This is looked at in the rooms that touch the world. What a whole process has once, such as those
who optimise in the background, is no leftover.
"""

import asyncio
import gc
import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

ROOMS = {"api", "canon", "serve", "wasi", "wasi02", "wasi03"}
#: Threads and files that are made once and stay, by how their names begin.
LASTING = ("wadjet", "/memfd:wadjet")
#: The process that optimises in the background, by its command.
OPTIMIZER = b"wadjet.engine.tiers.worker"
#: How long a thread that has been told to end may take.
PATIENCE = 2.0
_OWN = Path("/proc/self")

Found = dict[str, set[tuple[object, str]]]


def _descriptors() -> set[tuple[object, str]]:
    """Numbers of open files, and what they are."""
    found: set[tuple[object, str]] = set()
    for number in os.listdir(_OWN / "fd"):
        with suppress(FileNotFoundError):  # that of the listing itself
            found.add((number, os.readlink(_OWN / "fd" / number)))
    return found


def _threads() -> set[tuple[object, str]]:
    return {(thread.ident, thread.name) for thread in threading.enumerate()}


def _children() -> list[Path]:
    """The processes that this one began, also those that nobody has waited for."""
    found: list[Path] = []
    for task in (_OWN / "task").iterdir():
        with suppress(FileNotFoundError):  # the thread has ended, or the system does not say
            found += [_OWN.parent / child for child in (task / "children").read_text().split()]
    return found


def _lasting() -> set[str]:
    """The optimising process, and the pipes to it."""
    found: set[str] = set()
    for child in _children():
        with suppress(OSError):
            if OPTIMIZER in (child / "cmdline").read_bytes():
                found |= {str(child), *(os.readlink(child / "fd" / end) for end in "01")}
    return found


def _present() -> Found:
    threads = {"thread": _threads()}
    if not _OWN.is_dir():
        return threads
    processes: set[tuple[object, str]] = {(child.name, str(child)) for child in _children()}
    return {**threads, "descriptor": _descriptors(), "process": processes}


def _new(before: Found) -> list[str]:
    """What is there now and was not before."""
    present, lasting = _present(), _lasting() if _OWN.is_dir() else set()
    return [
        f"{kind} {key} ({name})"
        for kind, found in present.items()
        for key, name in sorted(found - before[kind], key=str)
        if name not in lasting and not name.startswith(LASTING)
    ]


@pytest.fixture(autouse=True)
def _nothing_left(request: pytest.FixtureRequest) -> Iterator[None]:
    """Compare before with after, and fail the test that left something."""
    if request.path.parent.name not in ROOMS:
        yield
        return
    before, tasks = _present(), []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(asyncio.runners, "_cancel_all_tasks", _noting(tasks))
        yield
    left = _new(before)
    if left:  # by what only the collector can end, or by who is just about to
        gc.collect()
        end = time.monotonic() + PATIENCE
        while (left := _new(before)) and time.monotonic() < end:
            time.sleep(0.01)
    assert not left + tasks, f"left behind: {left + tasks}"


def _noting(tasks: list[str]) -> Callable[[Any], None]:
    """What a runner ends its loop with, once it is noted what still runs there."""
    cancel: Callable[[Any], None] = asyncio.runners._cancel_all_tasks  # type: ignore[attr-defined]

    def noted(loop: asyncio.AbstractEventLoop) -> None:
        tasks.extend(f"task {task!r}" for task in asyncio.all_tasks(loop))
        cancel(loop)

    return noted
