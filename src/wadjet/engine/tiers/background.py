"""Optimising hot functions while the guest goes on: one thread that keeps one worker process busy.

The process is started when the first hot function turns up and ends when there has been nothing
to do for a while, or with this process. Where there can be none, small functions are optimised by
the thread itself, and large ones stay as they are: they would hold up everything else.
"""

import atexit
import json
import os
import subprocess
import sys
import threading
import time
from array import array
from contextlib import suppress
from functools import cache
from typing import IO, TYPE_CHECKING, Final, final
from weakref import ref

from wadjet.engine.llvm.compile import FULL
from wadjet.engine.runtime import log
from wadjet.engine.tiers.worker import ANSWER, COMPILE, LAND, OPEN, REQUEST, URGENT, describe

if TYPE_CHECKING:
    from wadjet.engine.tiers.auto import AutoCode, WayOut
    from wadjet.engine.tiers.compiled import CompiledCode

#: Seconds without work after which the worker is dismissed.
_PATIENCE: Final = 2.0
#: How many modules a worker knows at a time.
_PLACES: Final = 4
#: Bytes of a function that may be optimised in this process.
_SMALL: Final = 1000
#: Bytes of a module that a worker reads before it is asked for anything.
_READ_AHEAD: Final = 4 << 20
#: What the process runs: it must find this very package, wherever that is.
_START: Final = (
    "import sys, json; sys.path[:] = json.loads(sys.argv[1]); "
    "from wadjet.engine.tiers.worker import main; main(sys.argv[2:])"
)


@final
class _Job:
    """A hot function, how hot it is, and where it was found running last (0: nowhere)."""

    __slots__ = ("code", "heat", "pc", "slot")

    def __init__(self, code: "ref[AutoCode]", slot: int) -> None:
        self.code = code
        self.slot = slot
        self.heat = 0
        self.pc = 0


@final
class Background:
    """What there is to optimise: the hottest function first."""

    def __init__(self) -> None:
        self._jobs: dict[tuple[int, int], _Job] = {}
        self._changed = threading.Condition()
        self._running = False
        #: what is being optimised: whoever finds it running meanwhile says nothing new
        self._present: tuple[int, int] | None = None
        self._worker: Worker | None = None
        #: whose functions are likely to be the first
        self._expected: ref[AutoCode] | None = None
        os.register_at_fork(after_in_child=self._forked)

    def get_ready(self, code: "AutoCode") -> None:
        """Functions of this module are likely to be hot soon."""
        with self._changed:
            if not self._running and (os.cpu_count() or 1) > 1:
                self._expected = ref(code)
                self._start()

    def submit(self, code: "AutoCode", slot: int, pc: int = 0) -> None:
        """Have a function optimised, unless its module goes away first; what was found running at
        `pc` from a loop on, if that is better. Once more for one that waits already makes it more
        urgent."""
        key = id(code), slot
        with self._changed:
            if key == self._present:
                return
            job = self._jobs.setdefault(key, _Job(ref(code), slot))
            job.heat += 1
            job.pc = pc
            if not self._running:
                self._start()
            self._changed.notify()

    def _start(self) -> None:
        run = threading.Thread(target=self._run, name="wadjet-optimizer", daemon=True)
        # there may be no thread to be had, for instance as the interpreter shuts down
        with suppress(RuntimeError):
            run.start()
            self._running = True

    def ask(self, kind: int, level: int, content: bytes) -> bytes:
        """What the worker answers to a request, if there is one with nothing else to do."""
        worker = self._worker
        if worker is None or not worker.free.acquire(blocking=False):
            return b""
        answered = False
        try:
            found = worker.ask(kind, level, content)
            answered = True
        finally:
            if not answered:  # interrupted: whatever is answered now is for nobody
                worker.kill()
            worker.free.release()
        return found

    def _next(self) -> _Job | None:
        """The hottest job; None if there has been none for a while, and there is no thread now."""
        with self._changed:
            self._present = None
            if not self._jobs:
                self._changed.wait(_PATIENCE)
            if not self._jobs:
                self._running = False
                return None
            key = self._present = max(self._jobs, key=lambda k: self._jobs[k].heat)
            return self._jobs.pop(key)

    def _run(self) -> None:
        from wadjet.engine.tiers.apart import apart

        worker = self._worker = apart().lend() or Worker(urgent=True)
        expected, self._expected = self._expected, None
        try:
            if expected is not None:
                with worker.free:
                    worker.expect(expected())
                del expected
            while job := self._next():
                code = job.code()
                if code is not None:
                    self._optimize(worker, code, job)
                del code
        except BaseException:
            self._running = False
            raise
        finally:
            self._worker = None
            with worker.free:
                worker.close()

    def _forked(self) -> None:
        """In a child process: the thread and the worker are the parent's."""
        if self._worker is not None:
            self._worker.abandon()
            self._worker = None
        self._jobs = {}
        self._changed = threading.Condition()
        self._running = False

    def _optimize(self, worker: "Worker", code: "AutoCode", job: _Job) -> None:
        slot = job.slot
        way = code.way_out(slot, job.pc) if job.pc else None
        if way is None and code.level(slot) == FULL:
            return
        if worker.alive:
            begun = time.perf_counter()
            with worker.free:
                image = worker.compile(code, slot, way)
            if image and way is not None:
                code.land(slot, way, image)
            elif image:
                code.add(image, FULL)
            if log.say is not None:
                ms = 1000 * (time.perf_counter() - begun)
                name = code.name_of(slot + code.layout.func_imports)
                what = name if way is None else f"{name} from the loop at {way.loop} on"
                log.say(f"optimised {what} in the background: {ms:.2f} ms")
        elif code.size(slot) > _SMALL:
            return
        elif way is not None:
            code.promote_loop(slot, way)
        else:
            code.promote(slot)


@final
class Worker:
    """The process at the other end. `alive` until something goes wrong with it; then it has not
    answered, and will not. If it is `urgent`, it gets ready before it is asked for anything. Where
    several threads may ask, they hold `free` meanwhile."""

    def __init__(self, *, urgent: bool = False) -> None:
        self.alive = False
        self.free: Final = threading.Lock()
        #: whose module is in which place, the next to be given up first
        self._places: dict[ref[CompiledCode], int] = {}
        if not sys.executable or getattr(sys, "frozen", False):
            return  # what would be started is some program
        flags = ["-I", "-S", "-B"] if sys.dont_write_bytecode else ["-I", "-S"]
        command = [sys.executable, *flags, "-c", _START, json.dumps(sys.path)]
        command += [URGENT] if urgent else []
        try:
            self._process = subprocess.Popen(
                command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                process_group=0,  # Ctrl-C at a terminal is not meant for it
            )
        except OSError:
            return
        self.alive = True
        atexit.register(self._process.kill)

    def expect(self, code: "CompiledCode | None") -> None:
        """Have it read a module for which it is going to be asked, if that is soon done."""
        if self.alive and code is not None and code.source and len(code.source) < _READ_AHEAD:
            try:
                self._place(code)
                self._streams()[0].flush()
            except OSError:
                self.alive = False

    def compile(self, code: "CompiledCode", slot: int, way: "WayOut | None" = None) -> bytes:
        """The optimised object of a function, or of what is left of it on a way out; empty if there
        is none, and it stays as it is."""
        kind, numbers = COMPILE, [slot]
        if way is not None:
            kind, numbers = LAND, [slot, way.loop, way.stride]
        try:
            place = self._place(code)
        except OSError:
            self.alive = False
            return b""
        return self.ask(kind, FULL, array("I", numbers).tobytes(), place)

    def ask(self, kind: int, level: int, content: bytes, place: int = 0) -> bytes:
        """What it answers to a request; empty if that is nothing, or it cannot."""
        if not self.alive:
            return b""
        stdin, stdout = self._streams()
        try:
            stdin.write(REQUEST.pack(kind, place, level, len(content)) + content)
            stdin.flush()
            head = stdout.read(ANSWER.size)
            length = ANSWER.unpack(head)[0] if len(head) == ANSWER.size else -1
            image = stdout.read(length) if length >= 0 else b""
        except OSError:
            length, image = -1, b""
        if len(image) != length:
            self.alive = False  # whatever it was, there will be no other answer
            return b""
        return image

    def _place(self, code: "CompiledCode") -> int:
        """Where the worker has a module; it is given what it does not know."""
        owner = ref(code)
        place = self._places.pop(owner, None)
        if place is None:
            place = len(self._places)
            if place == _PLACES:
                place = self._places.pop(next(iter(self._places)))
            content = describe(code.text(), code.valid.features, code.settings)
            self._streams()[0].write(REQUEST.pack(OPEN, place, 0, len(content)))
            self._streams()[0].write(content)
        self._places[owner] = place
        return place

    def _streams(self) -> tuple[IO[bytes], IO[bytes]]:
        """What it reads, and what it writes."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        return self._process.stdin, self._process.stdout

    def kill(self) -> None:
        """End the process, whatever it is doing."""
        self._process.kill()
        self._process.wait()

    def abandon(self) -> None:
        """Leave it to the parent of this process. (Not `close`, which would send what the parent
        has not sent yet.)"""
        if not self.alive:
            return
        atexit.unregister(self._process.kill)
        for stream in self._streams():
            nothing = os.open(os.devnull, os.O_RDWR)
            os.dup2(nothing, stream.fileno(), inheritable=False)
            os.close(nothing)

    def close(self) -> None:
        """End it, if it was started."""
        if not hasattr(self, "_process"):
            return
        self.alive = False
        atexit.unregister(self._process.kill)
        self.kill()
        for stream in self._streams():
            with suppress(OSError):  # it may hold something that was never read
                stream.close()


@cache
def background() -> Background:
    """The queue of this process."""
    return Background()
