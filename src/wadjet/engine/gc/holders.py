"""What holds references outside of frames and objects: globals, tables, element segments."""

import threading
from abc import ABC, abstractmethod
from collections.abc import Iterable
from typing import Final
from weakref import WeakSet


class Holder(ABC):
    """Something that may hold references where only it knows."""

    __slots__ = ()

    @abstractmethod
    def held(self) -> Iterable[int]:
        """The words, among them perhaps some that are no references."""


_holders: Final[WeakSet[Holder]] = WeakSet()
_lock: Final = threading.Lock()


def register(holder: Holder) -> None:
    """Let collections see what it holds, for as long as it lives."""
    with _lock:
        _holders.add(holder)


def all_held() -> list[int]:
    """The words of all holders in the process; those of other stores do no harm."""
    with _lock:
        holders = list(_holders)
    return [word for holder in holders for word in holder.held()]
