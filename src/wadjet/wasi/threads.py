"""wasi-threads: a program whose threads are instances of their own over the memory they share.

The program imports a shared memory, exports it as `memory`, asks for a thread by
`wasi.thread-spawn(argument)` and exports `wasi_thread_start(tid, argument)`. Each thread has a
store of its own, so they run in parallel. What the host does for them it does one call at a time.
"""

import itertools
import threading
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final, final

from wadjet.api.instance import Instance
from wadjet.api.memory import Memory
from wadjet.api.module import Module
from wadjet.api.runtime import Limits, Store
from wadjet.core.types import I32, FuncType, MemoryType
from wadjet.wasi.host.errors import Code
from wadjet.wasi.host.turns import Turns
from wadjet.wasi.p1.abi import ERRNO
from wadjet.wasi.p1.functions import P1

#: The most threads that may be alive at a time, besides the main one.
MAX_THREADS: Final = 256
#: Thread ids are positive and less than this.
_TIDS: Final = 1 << 29
#: What `thread-spawn` gives where there is no thread: any negative number.
_REFUSED: Final = -ERRNO[Code.WOULD_BLOCK]
_START: Final = "wasi_thread_start"
_START_TYPE: Final = FuncType((I32, I32), ())
#: Whoever must stop is told so again and again, since it may be on its way into the guest.
_NAP: Final = 0.005
#: So far ahead, in nanoseconds, that it never comes: calls then wait where they can be woken.
_NEVER: Final = 1 << 62


def shared_memories(module: Module) -> Iterator[tuple[str, str, MemoryType]]:
    """The shared memories that a module imports, by module and name. A program with threads has
    one."""
    for each in module.core.imports:
        if isinstance(each.type, MemoryType) and each.type.shared:
            yield each.module, each.name, each.type


@final
class Threads:
    """All threads of one program. The first that traps, exits or raises ends them all, as does
    the end of the main one; what it ended with is raised in the main thread.

        threads = Threads(module, store, p1, tier)
        instance = Instance(module, threads.equip(functions, imports), store=store, tier=tier)
        threads.call(instance.exports._start)
        threads.finish()
    """

    def __init__(self, module: Module, store: Store, p1: P1, tier: str) -> None:
        """`store` is the main thread's; `p1` the world of all."""
        self._module: Final = module
        self._store: Final = store
        self._tier: Final = tier
        self._imports: Mapping[str, Any] = {}
        self._turns: Final = Turns()
        p1.pause, p1.deadline = self._turns.look, _NEVER
        self._lock: Final = threading.Lock()
        self._living: Final[dict[int, tuple[threading.Thread, Store]]] = {}
        #: threads that are done with the guest, the last of them perhaps still about to end
        self._leaving: list[threading.Thread] = []
        self._tids: Final = itertools.cycle(range(1, _TIDS))
        #: threads may come into being
        self._open = store.limits.fuel is None and _can_start(module)
        self._ended = False
        self._cause: BaseException | None = None
        #: the main thread is not in the guest
        self._idle: Final = threading.Event()
        self._idle.set()

    def equip(
        self, functions: Mapping[str, Mapping[str, Callable[..., Any]]], given: Mapping[str, Any]
    ) -> Mapping[str, Any]:
        """The imports of every instance: the host's functions, `thread-spawn`, what is given, and
        new memories for the shared ones that nobody gave. Exhaustion where there is no room."""
        imports: dict[str, Any] = {
            name: {key: self._in_turn(f) for key, f in members.items()}
            for name, members in functions.items()
        }
        imports |= {"wasi": {"thread-spawn": self.spawn}} | dict(given)
        for place, name, type_ in shared_memories(self._module):
            members = imports.get(place, {})
            if isinstance(members, Mapping) and name not in members:
                imports[place] = {**members, name: Memory(type_, store=self._store)}
        self._imports = imports
        return imports

    def _in_turn(self, function: Callable[..., Any]) -> Callable[..., Any]:
        def call(*args: int) -> Any:
            with self._turns:
                return function(*args)

        return call

    # -- Threads ----------------------------------------------------------------------------------

    def spawn(self, argument: int) -> int:
        """`thread-spawn`: the id of a new thread, or a negative number where there is none.

        There is none where the program cannot start threads or has too many, and where its fuel
        is counted, which cannot be shared.
        """
        limits = self._store.limits
        with self._lock:
            if not self._open or self._ended or len(self._living) >= MAX_THREADS:
                return _REFUSED
            tid = next(tid for tid in self._tids if tid not in self._living)
            store = Store(
                Limits(memory=limits.memory, stack=limits.stack), budget=self._store.budget
            )
            work = threading.Thread(
                target=self._run, args=(tid, argument, store), name=f"guest-{tid}", daemon=True
            )
            self._living[tid] = work, store
        try:
            work.start()
        except RuntimeError:  # the system has no more
            with self._lock:
                del self._living[tid]
            return _REFUSED
        return tid

    def _run(self, tid: int, argument: int, store: Store) -> None:
        """The life of one thread."""
        try:
            instance = Instance(self._module, self._imports, store=store, tier=self._tier)
            instance.exports[_START](tid, argument)
        except BaseException as end:  # noqa: BLE001 (the main thread raises it)
            self._end(end)
        finally:
            with self._lock:
                work, _ = self._living.pop(tid)
                self._leaving = [*(t for t in self._leaving if t.is_alive()), work]

    # -- The end ----------------------------------------------------------------------------------

    def call(self, function: Callable[..., Any], *args: Any, **options: Any) -> Any:
        """Call what enters the guest, in the main thread. Raises what ended the program, in
        whichever thread."""
        self._check()
        self._idle.clear()
        try:
            result = function(*args, **options)
        except BaseException as end:  # noqa: BLE001 (raised again below, if it was the first)
            self._idle.set()
            self._end(end)
            self._join()
        finally:
            self._idle.set()
        self._check()
        return result

    def _check(self) -> None:
        if self._cause is not None:
            self._join()
            raise self._cause from None

    def finish(self) -> None:
        """End the program. Raises what ended it before that."""
        self._end(None)
        self._join()
        self._check()

    def close(self) -> None:
        """End the program, whatever it was that ended it, and leave no thread behind."""
        self._end(None)
        self._join()
        self._turns.close()

    def _end(self, cause: BaseException | None) -> None:
        """End all threads, unless somebody else has done so; returns when the main one is out of
        the guest."""
        with self._lock:
            if self._ended:
                return
            self._ended, self._cause = True, cause
        self._turns.end()
        while not self._idle.wait(_NAP):
            self._store.interrupt()

    def _join(self) -> None:
        """In the main thread: wait until it is the only one."""
        while self._living:
            with self._lock:
                living = list(self._living.values())
            for _, store in living:
                store.interrupt()
            for work, _ in living[:1]:
                work.join(_NAP)
        for work in self._leaving:
            work.join()
        self._store.interrupt(0)


def _can_start(module: Module) -> bool:
    """Whether threads have a function to start in, and a memory that all see."""
    exports = {e.name: e.type for e in module.exports}
    memory = exports.get("memory")
    shared = isinstance(memory, MemoryType) and memory.shared
    return shared and exports.get(_START) == _START_TYPE
