"""What the baseline compiler made of a function, for the loader: an object like LLVM's."""

import struct
from typing import Final, final

from wadjet.engine.baseline.function import Compiled
from wadjet.engine.baseline.x86 import int32
from wadjet.engine.runtime.loader import Linkable, Surroundings, Symbol

_ALIGN: Final = 64
#: What code refers to and does not call.
_TABLES: Final = ("slots", "tails")
#: push rbp; mov rbp, rsp; sub rsp, 16; call …; leave; ret: what is called removes one word
_TO_TAIL: Final = b"\x55\x48\x89\xe5\x48\x83\xec\x10\xe8"
#: push rbp; mov rbp, rsp; call […]; pop rbp; ret 8
_FROM_TAIL: Final = b"\x55\x48\x89\xe5\xff\x15"


@final
class Piece(Linkable):
    """The code of function `index`, and behind it the rows that it calls. If it makes tail calls,
    its ordinary entry follows."""

    def __init__(self, compiled: Compiled, index: int) -> None:
        self._compiled: Final = compiled
        self._index: Final = index
        self._starts: Final[list[int]] = []
        size = len(compiled.code)
        for loaded in compiled.rows:
            start = size + _ALIGN - 1 & -_ALIGN
            self._starts.append(start)
            size = start + loaded.size
        if compiled.tail:
            self._starts.append(size + _ALIGN - 1 & -_ALIGN)
            size = self._starts[-1] + _ALIGN
        self.size = size

    def link(
        self, view: memoryview, base: int, around: Surroundings
    ) -> "tuple[list[Symbol], bool]":
        """See `Linkable.link`."""
        compiled = self._compiled
        code = compiled.code
        movable = True
        entries = []
        for start, loaded in zip(self._starts, compiled.rows):  # the entry is no row
            symbols, moves = loaded.link(view[start : start + loaded.size], base + start, around)
            movable = movable and moves
            entries.append(_entry(symbols))
        for end, symbol, addend in compiled.calls:
            if isinstance(symbol, int):
                goal = entries[symbol]
            else:
                goal = around.near(symbol, 1 << 31, symbol not in _TABLES)
            struct.pack_into("<i", code, end - 4, goal + addend - base - end)
        view[: len(code)] = code
        if not compiled.tail:
            return [Symbol(f"f{self._index}", base, compiled.size, True)], movable
        around.near("tails", 1 << 31, jump=False)
        start = self._starts[-1]
        door = _TO_TAIL + int32(-start - len(_TO_TAIL) - 4) + b"\xc9\xc3"
        view[start : start + len(door)] = door
        found = [Symbol(f"f{self._index}", base + start, len(door), True)]
        return [*found, Symbol(f"t{self._index}", base, len(code), True)], movable


@final
class Tail(Linkable):
    """The entry for tail calls of a function all of whose arguments come in registers: it calls
    the ordinary one."""

    size = len(_FROM_TAIL) + 8

    def __init__(self, index: int) -> None:
        self._index: Final = index

    def link(
        self, view: memoryview, base: int, around: Surroundings
    ) -> "tuple[list[Symbol], bool]":
        """See `Linkable.link`."""
        distance = around.near("slot", 1 << 31, jump=False) - base - len(_FROM_TAIL) - 4
        view[: self.size] = _FROM_TAIL + int32(distance) + b"\x5d\xc2\x08\0"
        return [Symbol(f"t{self._index}", base, self.size, True)], True


def _entry(symbols: list[Symbol]) -> int:
    """Where a row begins."""
    return next(symbol.address for symbol in symbols if symbol.name == "row")
