"""What holds references outside of frames and objects: globals, tables, element segments."""

from abc import abstractmethod
from collections.abc import Iterable
from typing import Final
from weakref import ref


class Holder:  # no ABC, for `isinstance` of what derives from it would run Python code
    """Something that may hold references where only it knows."""

    __slots__ = ()

    @abstractmethod
    def held(self) -> Iterable[int]:
        """The words, among them perhaps some that are no references."""


_holders: Final[set[ref[Holder]]] = set()


def register(holder: Holder) -> None:
    """Let collections see what it holds, for as long as it lives."""
    _holders.add(ref(holder, _holders.discard))


def all_held() -> list[int]:
    """The words of all holders in the process; those of other stores do no harm."""
    # a tuple is made in one go, whatever other threads do
    holders = [holder() for holder in tuple(_holders)]
    return [word for holder in holders if holder is not None for word in holder.held()]
