"""The one place that asks the operating system for address space.

A `Region` is a reserved range of addresses of which only a prefix exists. Growing commits more of
it and never moves it, so that generated code may keep the base for as long as it likes.
"""

import ctypes
import gc
import mmap
import sys
from collections.abc import Callable
from typing import Final, Protocol, final

#: Bytes in a page of the operating system (on Windows the granularity of reservations).
PAGE: Final = mmap.ALLOCATIONGRANULARITY


class _System(Protocol):
    """What an operating system must do for us. Failure is None or False, never an exception."""

    def reserve(self, size: int) -> int | None:
        """Set `size` bytes of inaccessible address space aside; give its address."""
        ...

    def commit(self, address: int, size: int) -> bool:
        """Make pages readable and writable; new ones are zero."""
        ...

    def release(self, address: int, size: int) -> None:
        """Give a whole reservation back."""
        ...


@final
class _Posix:
    """mmap without access, mprotect for what exists, munmap (Linux, macOS, the BSDs)."""

    _NORESERVE: Final = getattr(mmap, "MAP_NORESERVE", 0)

    def __init__(self) -> None:
        libc = ctypes.CDLL(None)
        self._mmap = libc.mmap
        self._mmap.restype = ctypes.c_void_p
        self._mmap.argtypes = [
            ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int, ctypes.c_int, ctypes.c_int,
            ctypes.c_long,
        ]  # fmt: skip
        self._mprotect = libc.mprotect
        self._mprotect.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int]
        self._munmap = libc.munmap
        self._munmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t]

    def reserve(self, size: int) -> int | None:
        flags = mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS | self._NORESERVE
        address: int | None = self._mmap(None, size, 0, flags, -1, 0)
        return None if address is None or address == ctypes.c_void_p(-1).value else address

    def commit(self, address: int, size: int) -> bool:
        return bool(self._mprotect(address, size, mmap.PROT_READ | mmap.PROT_WRITE) == 0)

    def release(self, address: int, size: int) -> None:
        self._munmap(address, size)


@final
class _Windows:
    """VirtualAlloc with MEM_RESERVE, then MEM_COMMIT."""

    _COMMIT: Final = 0x1000
    _RESERVE: Final = 0x2000
    _RELEASE: Final = 0x8000
    _NOACCESS: Final = 0x01
    _READWRITE: Final = 0x04

    def __init__(self) -> None:
        # ctypes has `windll` on Windows only, where alone this runs
        kernel = getattr(ctypes, "windll").kernel32  # noqa: B009
        self._alloc = kernel.VirtualAlloc
        self._alloc.restype = ctypes.c_void_p
        self._alloc.argtypes = [
            ctypes.c_void_p, ctypes.c_size_t, ctypes.c_uint32, ctypes.c_uint32,
        ]  # fmt: skip
        self._free = kernel.VirtualFree
        self._free.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_uint32]

    def reserve(self, size: int) -> int | None:
        address: int | None = self._alloc(None, size, self._RESERVE, self._NOACCESS)
        return address

    def commit(self, address: int, size: int) -> bool:
        return self._alloc(address, size, self._COMMIT, self._READWRITE) is not None

    def release(self, address: int, size: int) -> None:
        self._free(address, 0, self._RELEASE)


_SYSTEM: Final[_System] = _Windows() if sys.platform == "win32" else _Posix()


def round_up(size: int) -> int:
    """The smallest whole number of pages that holds `size` bytes."""
    return (size + PAGE - 1) // PAGE * PAGE


@final
class Region:
    """A reservation: `base`, `size` bytes of it, the first `committed` accessible.

    It is given back when the last reference to it goes, so whoever lets others use the bytes must
    let them hold the region too.
    """

    __slots__ = ("_release", "base", "committed", "size")

    def __init__(self, base: int, size: int) -> None:
        self.base: Final = base
        self.size: Final = size
        self.committed = 0
        # kept here because module globals may be gone when the interpreter shuts down
        self._release: Callable[[int, int], None] = _SYSTEM.release

    def commit(self, length: int) -> bool:
        """Make the first `length` bytes accessible. False where the system refuses."""
        wanted = round_up(length)
        if wanted <= self.committed:
            return True
        if wanted > self.size:
            return False
        if not _SYSTEM.commit(self.base + self.committed, wanted - self.committed):
            return False
        self.committed = wanted
        return True

    def open(self, start: int) -> bool:
        """Make all bytes from `start` (a multiple of `PAGE`) on accessible: a stack, and what is
        before it guards its end. False where the system refuses."""
        return _SYSTEM.commit(self.base + start, self.size - start)

    def __del__(self) -> None:
        self._release(self.base, self.size)


def reserve(size: int) -> Region | None:
    """Reserve at least `size` bytes of address space, or None where there is no room.

    Regions that only wait for the cyclic garbage collector take room too: they are collected
    before giving up.
    """
    size = round_up(max(size, 1))
    base = _SYSTEM.reserve(size)
    if base is None:
        gc.collect()
        base = _SYSTEM.reserve(size)
    return None if base is None else Region(base, size)
