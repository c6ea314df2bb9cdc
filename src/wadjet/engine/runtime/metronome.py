"""The metronome: a thread that now and then taps the threads that have been in a guest for long.

Guest code contains no polls. A signal interrupts it instead, and its handler (`wj_on_tick`) stops
the guest if its time is over, or lets Python look at pending signals, so that Ctrl-C works as it
does in Python code. Threads that come and go quickly are never tapped.
"""

import ctypes
import threading
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Final, final
from weakref import WeakValueDictionary

from wadjet.engine.contract.layout import VM_STORE, Block
from wadjet.engine.contract.machine import VM_ACTIVATION, VM_THREAD
from wadjet.engine.contract.traps import TrapCode
from wadjet.engine.runtime.signals import catch_ticks

if TYPE_CHECKING:
    from wadjet.engine.runtime.store import Store

_PERIOD: Final = 0.01
#: Without a guest or a deadline in sight, look this seldom.
_IDLE: Final = 0.05


@final
class _Watched:
    """One thread: what it was doing at the last beat."""

    __slots__ = ("address", "block", "entries", "since", "thread")

    def __init__(self, block: Block) -> None:
        self.block = block
        self.address = block.address
        self.thread = threading.current_thread()
        self.entries = -1
        self.since = 0.0


@final
class Metronome:
    """Beats as long as there are threads that ever entered a guest."""

    def __init__(self, signal: int, sampled: Callable[[int], None]) -> None:
        """`sampled` is told the program counters that taps found."""
        self._signal = signal
        self._sampled = sampled
        self._threads: list[_Watched] = []
        self._limited: WeakValueDictionary[int, Store] = WeakValueDictionary()
        self._started = False
        self._hurry = threading.Event()
        # PyDLL: the GIL is held, so that the thread cannot end between look and tap
        self._kill = ctypes.PyDLL(None).pthread_kill
        self._kill.argtypes = [ctypes.c_ulong, ctypes.c_int]

    def install(self, handler: int) -> None:
        """Handle the signal."""
        catch_ticks(self._signal, handler)

    def add(self, block: Block) -> None:
        """Watch the calling thread, whose VMThread this is; keep it while the thread lives."""
        self._threads.append(_Watched(block))
        if not self._started:
            self._started = True
            threading.Thread(target=self._run, name="wadjet-metronome", daemon=True).start()

    def watch(self, store: "Store") -> None:
        """End guests of this store when their time is over."""
        self._limited[store.address] = store
        self._hurry.set()

    def _run(self) -> None:
        while True:
            busy = self._beat()
            if busy or self._limited:
                time.sleep(_PERIOD)
            else:
                self._hurry.clear()
                self._hurry.wait(_IDLE)

    def _beat(self) -> bool:
        """Look at every thread once; whether any is in a guest."""
        busy = False
        now = time.monotonic()
        for watched in self._threads[:]:
            if not watched.thread.is_alive():
                self._threads.remove(watched)
                continue
            sample = VM_THREAD.read(watched.address, "sample")
            if sample:
                VM_THREAD.write(watched.address, "sample", 0)
                self._sampled(sample)
            activation = VM_THREAD.read(watched.address, "activation")
            if not activation:
                watched.entries = -1
                continue
            busy = True
            outermost = self._outermost(activation)
            if outermost != watched.entries:
                watched.entries, watched.since = outermost, now
                continue
            self._check_time(VM_ACTIVATION.read(activation, "store"), now - watched.since)
            self._kill(VM_THREAD.read(watched.address, "pthread"), self._signal)
        return busy

    def _outermost(self, activation: int) -> int:
        """What tells one outermost entry of a thread from the next."""
        while previous := VM_ACTIVATION.read(activation, "previous"):
            activation = previous
        return VM_ACTIVATION.read(activation, "serial")

    def _check_time(self, address: int, elapsed: float) -> None:
        store = self._limited.get(address)
        if store is not None and store.limits.seconds is not None:
            if elapsed >= store.limits.seconds:
                VM_STORE.write(address, "interrupt", TrapCode.TIMEOUT)
