"""Executable memory: one contiguous reservation that holds all machine code of the process.

Contiguous, so that 32-bit relative references reach everything and one comparison tells whether a
program counter is in guest code. Nothing is ever writable and executable under one address: where
the system has memory files, the same pages are mapped twice (once to write, once to run).
"""

import ctypes
import errno
import mmap
import os
from bisect import bisect_left
from functools import cache
from typing import Final, final

from wadjet.base.errors import Error

_SIZE: Final = 1 << 30
#: How much of it is for the runtime itself.
_RUNTIME: Final = 16 << 20
_ALIGN: Final = 64


@final
class Block:
    """A piece of the arena: `address` is where it runs, `writable` where Python writes it."""

    __slots__ = ("_arena", "address", "size", "writable")

    def __init__(self, arena: "Arena", offset: int, size: int) -> None:
        self._arena = arena
        self.address = arena.code + offset
        self.writable = arena.data + offset
        self.size = size

    def view(self) -> memoryview:
        """The bytes of the block, writable."""
        array = (ctypes.c_char * self.size).from_address(self.writable)
        return memoryview(array).cast("B")

    def __del__(self) -> None:
        if _with is not None:  # else all of the process goes
            self._arena.free(self.address - self._arena.code, self.size)


#: Stretches that are free: (offset, size), in order.
Holes = tuple[tuple[int, int], ...]


@final
class Arena:
    """First-fit allocation inside one part of the double mapping.

    Blocks are freed wherever Python's collector happens to run, also in the middle of `allocate`,
    so there is no lock: holes are replaced only if they are still those that were looked at.
    """

    def __init__(self, code: int, data: int, size: int) -> None:
        self.code = code
        self.data = data
        self.size = size
        self._holes: Holes = ((0, size),)

    def allocate(self, size: int) -> Block:
        """A block of at least `size` bytes, aligned to a cache line."""
        size = (max(size, 1) + _ALIGN - 1) // _ALIGN * _ALIGN
        while True:
            holes = self._holes
            start, rest = _without(holes, size)
            # nothing between the test and the assignment lets anyone else run
            if self._holes is holes:
                self._holes = rest
                return Block(self, start, size)

    def free(self, offset: int, size: int) -> None:
        """Take a block back (called when the last reference to it goes)."""
        while True:
            holes = self._holes
            rest = _with(holes, offset, size)
            if self._holes is holes:
                self._holes = rest
                return

    def used(self) -> list[tuple[int, int]]:
        """The stretches in use: (offset, size)."""
        found, end = [], 0
        for start, size in (*self._holes, (self.size, 0)):
            if start > end:
                found.append((end, start - end))
            end = start + size
        return found


def _without(holes: Holes, size: int) -> tuple[int, Holes]:
    """Take `size` bytes out of the first hole that has so many: where, and what is left."""
    for k, (start, length) in enumerate(holes):
        if length > size:
            return start, (*holes[:k], (start + size, length - size), *holes[k + 1 :])
        if length == size:
            return start, (*holes[:k], *holes[k + 1 :])
    raise Error(f"no room for {size} bytes of machine code")


def _with(holes: Holes, start: int, size: int) -> Holes:
    """Add a hole, and join it with those that it touches."""
    k = bisect_left(holes, (start, size))
    before, after = holes[:k], holes[k:]
    if before and sum(before[-1]) == start:
        start, size = before[-1][0], before[-1][1] + size
        before = before[:-1]
    if after and start + size == after[0][0]:
        size += after[0][1]
        after = after[1:]
    return (*before, (start, size), *after)


_RUN: Final = mmap.PROT_READ | mmap.PROT_EXEC
_WRITE: Final = mmap.PROT_READ | mmap.PROT_WRITE
_MAP_FIXED: Final = 0x10


def _new_file() -> int:
    """A memory file for all code."""
    file = os.memfd_create("wadjet-code", os.MFD_CLOEXEC)
    os.ftruncate(file, _SIZE)
    return file


def _map(file: int, access: int, at: int | None = None) -> int:
    """Map the file for an access, at an address that was mapped before if one is given."""
    libc = ctypes.CDLL(None, use_errno=True)
    libc.mmap.restype = ctypes.c_void_p
    libc.mmap.argtypes = [
        ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int, ctypes.c_int, ctypes.c_int, ctypes.c_long,
    ]  # fmt: skip
    flags = mmap.MAP_SHARED if at is None else mmap.MAP_SHARED | _MAP_FIXED
    address: int = libc.mmap(at, _SIZE, access, flags, file, 0)
    if address == ctypes.c_void_p(-1).value:
        raise Error(f"cannot map executable memory: {os.strerror(ctypes.get_errno())}")
    return address


@final
class _Mapping:
    """The memory file of this process, mapped to run and to write."""

    def __init__(self) -> None:
        self.file = _new_file()
        self.code: Final = _map(self.file, _RUN)
        self.data: Final = _map(self.file, _WRITE)

    def replace(self, file: int) -> None:
        """Let another file be what lies at these addresses."""
        _map(file, _RUN, self.code)
        _map(file, _WRITE, self.data)
        os.close(self.file)
        self.file = file


@cache
def _mapping() -> _Mapping:
    return _Mapping()


@final
class Copy:
    """All code as it is now, for a forked child: what is mapped the child shares with its parent.
    One of `move_in` and `close` ends it."""

    def __init__(self) -> None:
        self._file = _new_file()
        source, end = _mapping().file, 0
        while True:
            try:
                start = os.lseek(source, end, os.SEEK_DATA)
            except OSError as error:
                if error.errno == errno.ENXIO:
                    break  # nothing more has ever been written
                raise
            end = os.lseek(source, start, os.SEEK_HOLE)
            os.lseek(self._file, start, os.SEEK_SET)
            while start < end:
                start += os.sendfile(self._file, source, start, end - start)

    def move_in(self) -> None:
        """Let this be the code of this process."""
        _mapping().replace(self._file)

    def close(self) -> None:
        """It is not needed."""
        os.close(self._file)


@cache
def runtime_arena() -> Arena:
    """Where the runtime's own code lies: signal handlers, doors, the collector."""
    return Arena(_mapping().code, _mapping().data, _RUNTIME)


@cache
def guest_arena() -> Arena:
    """Where guest code lies, and nothing else: what runs there may be stopped at any point."""
    code, data = _mapping().code + _RUNTIME, _mapping().data + _RUNTIME
    return Arena(code, data, _SIZE - _RUNTIME)
