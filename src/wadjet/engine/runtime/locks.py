"""Locks that a forked child finds free, whoever held them in the parent."""

import os
import threading
from typing import TYPE_CHECKING, Any, Final
from weakref import WeakSet

if TYPE_CHECKING:
    from threading import RLock

_all: "Final[WeakSet[Any]]" = WeakSet()


def new_lock() -> "RLock":
    """A lock that the thread that holds it may take again: Python's collector and signal handlers
    can bring it to the same place at any time."""
    lock = threading.RLock()
    _all.add(lock)
    return lock


def _free_all() -> None:
    for lock in list(_all):
        lock._at_fork_reinit()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_free_all)
