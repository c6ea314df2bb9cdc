"""Line tables of objects, in the form of DWARF 4: which code was inlined from where.

Only what LLVM makes for one file of text is read. The "files" are the chains of functions that
`emit.inlining` put there as names; lines do not count.
"""

from typing import Final, NamedTuple

from wadjet.base.leb128 import read_s64, read_u64

#: The section.
NAME: Final = ".debug_line"
_ADDRESS: Final = 8


class Inlined(NamedTuple):
    """A piece of a section that came from callees, the outermost first."""

    section: int
    start: int
    size: int
    functions: tuple[int, ...]


def read_lines(data: bytes, addresses: dict[int, tuple[int, int]]) -> list[Inlined]:
    """All that was inlined. `addresses` are the relocated words of the table: offset → (section,
    offset in it)."""
    found: list[Inlined] = []
    pos = 0
    while pos + 10 < len(data):
        end = pos + 4 + int.from_bytes(data[pos : pos + 4], "little")
        program = pos + 10 + int.from_bytes(data[pos + 6 : pos + 10], "little")
        found += _Table(data, pos, addresses).run(program, end)
        pos = end
    return found


class _Table:
    """One table, being read: its header, and the state of its program."""

    def __init__(self, data: bytes, pos: int, addresses: dict[int, tuple[int, int]]) -> None:
        self._data = data
        self._addresses = addresses
        self._base = int.from_bytes(data[pos + 13 : pos + 14], "little", signed=True)
        self._range, self._first = data[pos + 14], data[pos + 15]
        self._arities = data[pos + 16 : pos + 15 + self._first]
        pos += 15 + self._first
        while data[pos]:  # directories
            pos = data.index(0, pos) + 1
        self._files: list[tuple[int, ...]] = [()]
        pos += 1
        while data[pos]:
            stop = data.index(0, pos)
            words = data[pos:stop].decode().split()
            self._files.append(tuple(map(int, words)) if words != ["-"] else ())
            pos = stop + 1
            for _ in range(3):
                _, pos = read_u64(data, pos)
        self._section = self._at = 0
        self._file, self._line = 1, 1
        #: where the last row was, and what it said
        self._row: tuple[int, tuple[int, ...]] | None = None
        self._found: list[Inlined] = []

    def run(self, pos: int, end: int) -> list[Inlined]:
        """Run the program."""
        data = self._data
        while pos < end:
            op = data[pos]
            pos += 1
            if op >= self._first:
                op -= self._first
                self._at += op // self._range
                self._line += self._base + op % self._range
                self._emit()
            elif op == 0:
                pos = self._extended(pos)
            else:
                pos = self._standard(op, pos)
        return self._found

    def _standard(self, op: int, pos: int) -> int:
        data = self._data
        if op == 1:
            self._emit()
        elif op == 2:
            advance, pos = read_u64(data, pos)
            self._at += advance
        elif op == 3:
            advance, pos = read_s64(data, pos)
            self._line += advance
        elif op == 4:
            self._file, pos = read_u64(data, pos)
        elif op == 8:
            self._at += (255 - self._first) // self._range
        elif op == 9:
            self._at += int.from_bytes(data[pos : pos + 2], "little")
            pos += 2
        else:
            for _ in range(self._arities[op - 1]):
                _, pos = read_u64(data, pos)
        return pos

    def _extended(self, pos: int) -> int:
        length, pos = read_u64(self._data, pos)
        op = self._data[pos]
        if op == 1:
            self._emit()
            self._row, self._file, self._line = None, 1, 1
        elif op == 2:
            self._section, self._at = self._addresses[pos + 1]
        return pos + length

    def _emit(self) -> None:
        """A row: what the last one said held up to here."""
        if self._row is not None and self._row[1] and self._row[0] < self._at:
            start, functions = self._row
            self._found.append(Inlined(self._section, start, self._at - start, functions))
        # code without a line belongs to nobody in particular
        self._row = self._at, self._files[self._file] if self._line else ()
