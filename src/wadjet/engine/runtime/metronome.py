"""The metronome: a thread that now and then taps the threads that it finds in a guest.

Guest code contains no polls. A signal interrupts it instead, and its handler (`wj_on_tick`) stops
the guest if its time is over, or lets Python look at pending signals, so that Ctrl-C works as it
does in Python code. The tap also tells where the guest was, which is how hot functions are found.
Threads in which a host function runs are not tapped.
"""

import ctypes
import threading
import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Final, final
from weakref import WeakValueDictionary

from wadjet.engine.contract.layout import VM_STORE, Block, load64
from wadjet.engine.contract.machine import VM_THREAD
from wadjet.engine.contract.traps import TrapCode
from wadjet.engine.runtime.locks import new_lock
from wadjet.engine.runtime.threads import Thread

if TYPE_CHECKING:
    from wadjet.engine.runtime.store import Store

#: Seconds between two beats while a guest runs, or one with a deadline may.
_PERIOD: Final = 0.01
#: Otherwise it looks this seldom.
_IDLE: Final = 0.05
#: Seconds after which a guest lets others have their turn, where its store says so.
_TURN: Final = 0.005
#: So often a thread is looked at in haste after guests in it had to share it.
_HASTE: Final = 20
#: So many stores of one thread, one called from the other, have their deadlines kept.
_ROOM: Final = 64


@final
class _Watched:
    """A thread, and when each of its present runs was first seen (by serial number), by the clock
    of its store."""

    __slots__ = ("beats", "since", "thread")

    def __init__(self, thread: Thread) -> None:
        self.thread: Final = thread
        self.since: dict[int, float] = {}
        #: how often it will be looked at in haste
        self.beats = 0


@final
class Metronome:
    """Beats from the first entry into a guest on."""

    def __init__(
        self, symbols: Mapping[str, int], sampled: Callable[[int], None], kept: Callable[[], None]
    ) -> None:
        """`symbols` has the machine code to look at threads with. `sampled` is told the program
        counters that taps found; `kept` is called at each beat."""
        word = ctypes.c_int64
        # these keep the GIL: see `emit.glue`
        self._look = ctypes.PYFUNCTYPE(word, word, word, word)(symbols["wj_look"])
        self._stop = ctypes.PYFUNCTYPE(None, word, word, word)(symbols["wj_stop"])
        self._tap = ctypes.PYFUNCTYPE(None, word)(symbols["wj_tap"])
        self._sampled = sampled
        self._kept = kept
        self._runs = Block(16 * _ROOM)
        self._threads: list[_Watched] = []
        self._limited: WeakValueDictionary[int, Store] = WeakValueDictionary()
        self._lock = new_lock()
        self._beating = False
        self._hurry = threading.Event()
        self._period = _PERIOD
        self._traced: Callable[[list[int]], None] | None = None

    def trace(self, traced: Callable[[list[int]], None] | None, period: float = _PERIOD) -> None:
        """Tell somebody what taps find from now on: the addresses of the frames of a guest, the
        innermost first. `period` is the time between two beats in seconds."""
        for watched in self._threads[:]:
            watched.thread.forget_trace()
        self._traced, self._period = traced, period
        self._hurry.set()

    def add(self, thread: Thread) -> None:
        """Watch the calling thread while it lives. RuntimeError where no thread can be started."""
        with self._lock:
            if not self._beating:
                threading.Thread(target=self._run, name="wadjet-metronome", daemon=True).start()
                self._beating = True
        self._threads.append(_Watched(thread))

    def watch(self, store: "Store") -> None:
        """End guests of this store when their time is over."""
        self._limited[store.address] = store
        self._hurry.set()

    def forked(self) -> None:
        """In a child process: only the calling thread exists."""
        self._hurry = threading.Event()
        self._beating = False
        me = threading.get_ident()
        mine = [watched.thread for watched in self._threads if watched.thread.ident == me]
        self._threads = []
        for thread in mine:
            self.add(thread)

    def _run(self) -> None:
        while True:
            self._kept()
            wait = self._beat()
            if wait <= self._period:
                time.sleep(wait)
            else:
                self._hurry.clear()
                self._hurry.wait(wait)

    def _beat(self) -> float:
        """Look at every thread once; seconds until the next look."""
        wait = self._period if self._limited or self._traced else _IDLE
        for watched in self._threads[:]:
            address = watched.thread.address
            count = self._look(address, self._runs.address, _ROOM)
            if count < 0:
                self._threads.remove(watched)
            elif count == 0:
                watched.since.clear()
            else:
                wait = min(wait, self._period, self._attend(watched, count))
            if self._traced is not None and count >= 0:
                addresses = watched.thread.trace()
                if addresses:
                    self._traced(addresses)
            sample = 0 if count < 0 else VM_THREAD.read(address, "sample")
            if sample:
                VM_THREAD.write(address, "sample", 0)
                self._sampled(sample)
        return wait

    def _attend(self, watched: _Watched, count: int) -> float:
        """A thread is in guests of `count` stores: seconds until the first of them must end, or let
        others have their turn."""
        at, address = self._runs.address, watched.thread.address
        runs = [(load64(at + 16 * k), load64(at + 16 * k + 8)) for k in range(count)]
        before, watched.since = watched.since, {}
        rest = self._period
        for serial, store_address in runs:
            store = self._limited.get(store_address)
            if store is None or store.limits.seconds is None:
                continue
            now = store.clock()
            since = watched.since[serial] = before.get(serial, now)
            left = since + store.limits.seconds - now
            if left <= 0:
                self._stop(address, serial, TrapCode.TIMEOUT)
                continue
            if store.takes_turns:
                if serial in before:
                    VM_STORE.write(store_address, "turn", 1)
                    watched.beats = _HASTE
                if watched.beats:
                    watched.beats -= 1
                    left = min(left, _TURN)
            rest = min(rest, left)
        self._tap(address)
        return rest
