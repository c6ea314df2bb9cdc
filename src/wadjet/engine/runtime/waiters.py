"""Threads that wait at an address of a shared memory (threads proposal: wait and notify).

Places are absolute addresses, since a shared memory may be known to many instances and stores
under different names. The lists are in order of arrival.
"""

import threading
import time
from collections import deque
from collections.abc import Callable
from typing import Final

from wadjet.engine.runtime.locks import new_lock

#: What memory.atomic.wait gives.
WOKEN: Final = 0
NOT_EQUAL: Final = 1
TIMED_OUT: Final = 2

#: A waiting thread looks this often whether it must stop for another reason.
_NAP: Final = 0.02

_lock: Final = new_lock()
_waiting: Final[dict[int, deque[threading.Event]]] = {}


def wait(address: int, equal: Callable[[], bool], timeout: int, poll: Callable[[], None]) -> int:
    """Wait until somebody notifies this address, or `timeout` nanoseconds have passed (negative:
    for ever).

    `equal` tells whether the memory still holds the expected value; it is asked once, with
    notifications held up. `poll` is called now and then and may raise.
    """
    deadline = None if timeout < 0 else time.monotonic() + timeout * 1e-9
    woken = threading.Event()
    with _lock:
        if not equal():
            return NOT_EQUAL
        _waiting.setdefault(address, deque()).append(woken)
    try:
        while not woken.is_set():
            rest = _NAP if deadline is None else min(_NAP, deadline - time.monotonic())
            if rest <= 0:
                break
            woken.wait(rest)
            poll()
    finally:
        with _lock:
            # under the lock, so that a notification counts exactly those who then wake
            late = woken.is_set()
            if not late:
                _forget(address, woken)
    return WOKEN if late else TIMED_OUT


def notify(address: int, count: int) -> int:
    """Wake up to `count` threads that wait at this address; how many that were."""
    with _lock:
        queue = _waiting.get(address, ())
        chosen = [queue.popleft() for _ in range(min(count, len(queue)))] if queue else []
        if not queue:
            _waiting.pop(address, None)
        for woken in chosen:
            woken.set()
    return len(chosen)


def _forget(address: int, woken: threading.Event) -> None:
    queue = _waiting[address]
    queue.remove(woken)
    if not queue:
        del _waiting[address]
