"""Tables of handles and of threads (CanonicalABI.md, "Table State")."""

from typing import Final, Generic, TypeVar, final

from wadjet.canon.traps import trap

_T = TypeVar("_T")

#: Entries of one table. The standard would have 2^28 of them, which no Python process has room for.
MAX_LENGTH: Final = 1 << 20


@final
class Table(Generic[_T]):
    """Things by index; 0 is none. `noun` is what an index is called in traps."""

    __slots__ = ("_entries", "_free", "noun")

    def __init__(self, noun: str) -> None:
        self.noun: Final = noun
        self._entries: Final[list[_T | None]] = [None]
        self._free: Final[list[int]] = []

    def __len__(self) -> int:
        """How many there are."""
        return len(self._entries) - 1 - len(self._free)

    def get(self, index: int) -> _T:
        """What is at an index."""
        found = self._entries[index] if 0 <= index < len(self._entries) else None
        if found is None:
            trap(f"unknown {self.noun} index {index & 0xFFFF_FFFF}")
        return found

    def add(self, entry: _T) -> int:
        """Give something an index, the last that became free if there is one."""
        if self._free:
            index = self._free.pop()
            self._entries[index] = entry
            return index
        index = len(self._entries)
        if index > MAX_LENGTH:
            trap(f"too many {self.noun}s: the limit is {MAX_LENGTH}")
        self._entries.append(entry)
        return index

    def remove(self, index: int) -> _T:
        """Take out what is at an index."""
        found = self.get(index)
        self.free(index)
        return found

    def free(self, index: int) -> None:
        """Take out what is known to be at an index."""
        self._entries[index] = None
        self._free.append(index)

    def clear(self) -> list[_T]:
        """Take everything out."""
        found = self.all()
        self._entries[:] = [None]
        self._free.clear()
        return found

    def all(self) -> list[_T]:
        """Everything, by index."""
        return [entry for entry in self._entries if entry is not None]
