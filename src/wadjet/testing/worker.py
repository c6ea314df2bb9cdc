"""A process that runs programs, so that neither a crash nor a hang ends whoever asks for it."""

import multiprocessing
from collections.abc import Sequence
from multiprocessing.connection import Connection
from typing import Final, final

from wadjet.testing.engines import engine
from wadjet.testing.generate import Program
from wadjet.testing.oracle import Mismatch, compare

#: Programs that one process runs: LLVM keeps a little memory of everything it compiled.
_MOST: Final = 400
#: How long starting the process may take, in seconds.
_START: Final = 60.0


@final
class Worker:
    """Compares engines in a process of its own, which is started when needed and after crashes."""

    def __init__(self, engines: Sequence[str], seconds: float = 20.0) -> None:
        self.engines: Final = tuple(engines)
        self.seconds: Final = seconds
        self._process: multiprocessing.process.BaseProcess | None = None
        self._pipe: Connection | None = None
        self._count = 0

    def compare(self, program: Program) -> Mismatch | None:
        """Like `oracle.compare`; a crash or a hang is a mismatch as well."""
        self._count += 1
        if self._count % _MOST == 0:
            self.close()
        pipe = self._pipe if self._pipe is not None else self._start()
        pipe.send(program)
        if not pipe.poll(self.seconds):
            self.close()
            return Mismatch("", "", f"no answer within {self.seconds} seconds")
        try:
            found = pipe.recv()
        except EOFError:
            return Mismatch("", "", f"crash: exit status {self._end()}")
        assert found is None or isinstance(found, Mismatch), "what the process sends"
        return found

    def _start(self) -> Connection:
        context = multiprocessing.get_context("spawn")
        self._pipe, theirs = context.Pipe()
        self._process = context.Process(target=_serve, args=(theirs, self.engines), daemon=True)
        self._process.start()
        theirs.close()
        if not self._pipe.poll(_START) or self._pipe.recv() != "ready":
            raise RuntimeError("the process that compares engines does not start")
        return self._pipe

    def _end(self) -> int | None:
        """The exit status of a process that has gone."""
        process, self._process, self._pipe = self._process, None, None
        assert process is not None, "it was started"
        process.join(5.0)
        return process.exitcode

    def close(self) -> None:
        """End the process."""
        if self._process is not None:
            self._process.kill()
            self._end()


def _serve(pipe: Connection, names: Sequence[str]) -> None:
    """Answer requests until nobody asks any more."""
    engines = [engine(name) for name in names]
    pipe.send("ready")
    while True:
        try:
            program = pipe.recv()
        except EOFError:
            return
        try:
            answer = compare(program, engines)
        except Exception as error:  # noqa: BLE001  (whatever it is: no engine may raise it)
            answer = Mismatch("", "", f"{type(error).__name__}: {str(error)[:2000]}")
        pipe.send(answer)
