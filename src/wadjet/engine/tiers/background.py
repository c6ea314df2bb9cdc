"""Optimising hot functions while the guest goes on: one thread that keeps one worker process busy.

The process is started when the first hot function turns up and ends when there has been nothing
to do for a while.
"""

import queue
import subprocess
import sys
import threading
from functools import cache
from typing import TYPE_CHECKING, Final, final
from weakref import ref

from wadjet.engine.llvm.worker import ANSWER, REQUEST

if TYPE_CHECKING:
    from wadjet.engine.tiers.auto import AutoCode

#: Seconds without work after which the worker is dismissed.
_PATIENCE: Final = 2.0


@final
class Background:
    """A queue of functions to optimise."""

    def __init__(self) -> None:
        self._jobs: queue.SimpleQueue[tuple[ref[AutoCode], int]] = queue.SimpleQueue()
        self._lock = threading.Lock()
        self._running = False

    def submit(self, code: "AutoCode", slot: int) -> None:
        """Have a function optimised, unless its module goes away first."""
        self._jobs.put((ref(code), slot))
        with self._lock:
            if not self._running:
                self._running = True
                threading.Thread(target=self._run, name="wadjet-optimizer", daemon=True).start()

    def _run(self) -> None:
        worker = _Worker()
        try:
            while True:
                try:
                    owner, slot = self._jobs.get(timeout=_PATIENCE)
                except queue.Empty:
                    with self._lock:
                        if self._jobs.empty():
                            self._running = False
                            return
                    continue
                code = owner()
                if code is not None:
                    code.optimize(slot, worker.compile)
                del code
        finally:
            worker.close()


@final
class _Worker:
    """The process at the other end."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "wadjet.engine.llvm.worker"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )

    def compile(self, text: str, level: int) -> bytes | None:
        """Compile there; None if that fails, and the function stays as it is."""
        process = self._process
        assert process.stdin is not None
        assert process.stdout is not None
        data = text.encode()
        try:
            process.stdin.write(REQUEST.pack(level, len(data)) + data)
            process.stdin.flush()
            head = process.stdout.read(ANSWER.size)
            length = ANSWER.unpack(head)[0] if len(head) == ANSWER.size else 0
            image = process.stdout.read(length)
        except OSError:
            return None  # the process died: whatever it was, the function runs as it is
        return image if length and len(image) == length else None

    def close(self) -> None:
        """End the process."""
        process = self._process
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.close()
        process.stdout.close()
        process.wait()


@cache
def background() -> Background:
    """The queue of this process."""
    return Background()
