"""LLVM for the runtime's own code, in a process apart.

A start may need a few short objects that only LLVM can make (see `compiler.runtime_object`): those
that are not in stock, which are all where there is no stock. With LLVM this process would be four
times as large, for ever; so another one makes them, and ends when nothing was asked of it for a
while. If it will surely be wanted, it gets ready while this one reads the module. Where there can
be none, or LLVM is here anyway, nothing is gained, and the objects are made here.
"""

import os
import threading
from functools import cache
from typing import Final, final

from wadjet.engine.llvm.target import is_loaded
from wadjet.engine.tiers.background import Worker, background
from wadjet.engine.tiers.worker import TEXT

#: Seconds without a request after which the process is dismissed.
_PATIENCE: Final = 2.0


@final
class Apart:
    """The process, which comes and goes. Its methods give None where it cannot help."""

    def __init__(self) -> None:
        self._worker: Worker | None = None
        self._busy = False
        self._changed = threading.Condition()
        os.register_at_fork(after_in_child=self._forked)

    def start(self) -> None:
        """Have it get ready, unless it would be of no use."""
        with self._changed:
            if self._worker is None and not is_loaded():
                watch = threading.Thread(target=self._watch, name="wadjet-apart", daemon=True)
                try:
                    watch.start()
                except RuntimeError:
                    return  # no thread to be had, for instance as the interpreter shuts down
                self._worker = Worker(urgent=True)

    def compile(self, text: str, level: int) -> bytes | None:
        """The object of some LLVM text. If the optimiser's process has nothing to do, that makes
        it: it is there already."""
        content = text.encode()
        return background().ask(TEXT, level, content) or self._ask(level, content) or None

    def lend(self) -> Worker | None:
        """Give the process away, if there is one and nobody waits for its answer: once a guest is
        hot, most that had to be made has been made."""
        with self._changed:
            if self._busy or self._worker is None or not self._worker.alive:
                return None
            worker, self._worker = self._worker, None
            return worker

    def _ask(self, level: int, content: bytes) -> bytes:
        with self._changed:
            self.start()
            worker = self._worker
            # a signal handler may come by here while this very thread waits for an answer
            if worker is None or self._busy or is_loaded():
                return b""
            self._busy = True
            answered = False
            try:
                found = worker.ask(TEXT, level, content)
                answered = True
            finally:
                self._busy = False
                if not answered:  # interrupted: whatever is answered now is for nobody
                    worker.close()
                    self._worker = None
            self._changed.notify()
            return found

    def _watch(self) -> None:
        """Dismiss it when nobody has asked for a while."""
        with self._changed:
            while self._changed.wait(_PATIENCE):
                pass
            if self._worker is not None:
                self._worker.close()
                self._worker = None

    def _forked(self) -> None:
        """In a child process: it is the parent's."""
        if self._worker is not None:
            self._worker.abandon()
            self._worker = None
        self._busy = False
        self._changed = threading.Condition()


@cache
def apart() -> Apart:
    """That of this process."""
    return Apart()
