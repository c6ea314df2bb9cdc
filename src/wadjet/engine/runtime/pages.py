"""The one place that asks the operating system for address space.

A `Region` is a reserved range of addresses of which only a prefix exists. Growing commits more of
it and never moves it, so that generated code may keep the base for as long as it likes.

A reservation that is given back is kept for the next who wants one of its size, up to a number of
them: taking it is then no system call, giving it back is one. It may begin with an `Origin`: bytes
that all who have it see at first, and each changes for itself. The system copies a page when it is
first written to.
"""

import ctypes
import gc
import mmap
import os
import sys
from collections.abc import Callable
from typing import Final, Protocol, final

#: Bytes in a page of the operating system (on Windows the granularity of reservations).
PAGE: Final = mmap.ALLOCATIONGRANULARITY
#: How many idle reservations of one size and origin are kept.
IDLE: Final = 128
#: Bytes that are cleared sooner than the system gives others.
_FEW: Final = 4 * PAGE
#: Of so many bytes the system takes the pages back so soon that other threads may wait meanwhile.
_SOON: Final = 4 << 20


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

    def renew(self, address: int, size: int, most: int) -> bool:
        """Let the first `size` bytes be what they were at first, and leave no access to those
        behind, up to `most`."""
        ...

    def show(self, address: int, size: int, file: int) -> bool:
        """Let a file be what the first `size` bytes of a reservation are at first."""
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
        # the first lets other threads run meanwhile, which takes longer than little work
        self._madvise, self._madvise_soon = libc.madvise, ctypes.PyDLL(None).madvise
        for advise in (self._madvise, self._madvise_soon):
            advise.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int]

    def reserve(self, size: int) -> int | None:
        flags = mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS | self._NORESERVE
        address: int | None = self._mmap(None, size, 0, flags, -1, 0)
        return None if address is None or address == ctypes.c_void_p(-1).value else address

    def commit(self, address: int, size: int) -> bool:
        return bool(self._mprotect(address, size, mmap.PROT_READ | mmap.PROT_WRITE) == 0)

    def release(self, address: int, size: int) -> None:
        self._munmap(address, size)

    def renew(self, address: int, size: int, most: int) -> bool:
        if sys.platform != "linux":
            return False  # elsewhere the advice does not bind
        advise = self._madvise_soon if most <= _SOON else self._madvise
        if advise(address, most, _DONTNEED):
            return False
        return most == size or not self._mprotect(address + size, most - size, 0)

    def show(self, address: int, size: int, file: int) -> bool:
        access = mmap.PROT_READ | mmap.PROT_WRITE
        found = self._mmap(address, size, access, mmap.MAP_PRIVATE | _FIXED, file, 0)
        return bool(found == address)


#: MAP_FIXED, which Python does not name: the same wherever there is a memfd.
_FIXED: Final = 0x10
_DONTNEED: Final = getattr(mmap, "MADV_DONTNEED", 4)


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

    def renew(self, address: int, size: int, most: int) -> bool:
        return False

    def show(self, address: int, size: int, file: int) -> bool:
        return False


_SYSTEM: Final[_System] = _Windows() if sys.platform == "win32" else _Posix()


def round_up(size: int) -> int:
    """The smallest whole number of pages that holds `size` bytes."""
    return (size + PAGE - 1) // PAGE * PAGE


#: what is told of reservations before they go
_watchers: Final[list[Callable[[int], None]]] = []


def watch(watcher: Callable[[int], None]) -> None:
    """Be told the base of every reservation before it goes."""
    _watchers.append(watcher)


def _release(
    base: int,
    size: int,
    watchers: list[Callable[[int], None]] = _watchers,
    release: Callable[[int, int], None] = _SYSTEM.release,
) -> None:
    for watcher in watchers:
        watcher(base)
    release(base, size)


@final
class Origin:
    """What regions begin with: a file that lies in memory alone. `size` is a number of pages."""

    __slots__ = ("_close", "_file", "idle", "size")

    def __init__(self, content: memoryview) -> None:
        """OSError where the system has no such files."""
        assert len(content) % PAGE == 0, "whole pages"
        self.size: Final = len(content)
        self._close = os.close  # see `Region`
        self._file: Final = os.memfd_create("wadjet", os.MFD_CLOEXEC)
        self.idle: Final = _Idle(0)
        os.truncate(self._file, self.size)
        for start in range(0, self.size, PAGE):
            page = bytes(content[start : start + PAGE])
            if page != _ZEROS:  # what is not written takes no memory
                os.pwrite(self._file, page, start)

    def show(self, base: int) -> bool:
        """Let a new reservation begin with it. False where the system refuses."""
        return _SYSTEM.show(base, self.size, self._file)

    def __del__(self) -> None:
        if hasattr(self, "_file"):
            self._close(self._file)


_ZEROS: Final = bytes(PAGE)


@final
class _Idle:
    """Reservations of one size and origin that nobody uses: where they are."""

    __slots__ = ("_clear", "_few", "_release", "_renew", "bases")

    def __init__(self, few: int) -> None:
        """Of so many bytes it costs less to clear them than to ask the system for new ones."""
        self.bases: Final[list[tuple[int, int]]] = []
        self._few: Final = few
        # kept here because module globals may be gone when the interpreter shuts down
        self._release = _release
        self._renew = _SYSTEM.renew
        self._clear = ctypes.memset

    def take(self, first: int) -> "Region | None":
        """One of which the first bytes are accessible; None if there is none."""
        try:
            base, size = self.bases.pop()
        except IndexError:
            return None
        return Region(base, size, first, self)

    def take_back(self, base: int, size: int, first: int, committed: int) -> bool:
        """Keep a reservation, as it was at first, for the next; whether that was possible."""
        if len(self.bases) >= IDLE:
            return False
        if committed == first <= self._few:
            self._clear(base, 0, first)
        elif not self._renew(base, first, committed):
            return False
        self.bases.append((base, size))
        return True

    def __del__(self) -> None:
        if _SYSTEM is not None:  # else all of the process goes
            for base, size in self.bases:
                self._release(base, size)


@final
class Region:
    """A reservation: `base`, `size` bytes of it, the first `committed` accessible.

    It is given back when the last reference to it goes, so whoever lets others use the bytes must
    let them hold the region too.
    """

    __slots__ = ("_first", "_idle", "base", "committed", "size")

    def __init__(self, base: int, size: int, first: int = 0, idle: _Idle | None = None) -> None:
        """`first` bytes are accessible from the beginning; `idle` may have it afterwards."""
        self.base: Final = base
        self.size: Final = size
        self._first = first
        self.committed = first
        self._idle = idle

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

    def begin(self, origin: Origin) -> bool:
        """Let a new region begin with these bytes, accessible. False where the system refuses."""
        self.committed = origin.size if origin.show(self.base) else 0
        return self.committed > 0

    def share(self, idle: _Idle) -> None:
        """Let others have the reservation afterwards, as it is now."""
        self._first, self._idle = self.committed, idle

    # defaults, because module globals may be gone when the interpreter shuts down
    def __del__(self, release: Callable[[int, int], None] = _release) -> None:
        idle = self._idle
        if idle is None or not idle.take_back(self.base, self.size, self._first, self.committed):
            release(self.base, self.size)


#: by size and number of accessible bytes: idle reservations that begin with nothing
_idle: Final[dict[tuple[int, int], _Idle]] = {}


def reserve(size: int) -> Region | None:
    """Reserve at least `size` bytes of address space, or None where there is no room.

    Regions that only wait for the cyclic garbage collector take room too: they are collected
    before giving up.
    """
    size = round_up(max(size, 1))
    base = _SYSTEM.reserve(size)
    if base is None:
        let_go()
        base = _SYSTEM.reserve(size)
    return None if base is None else Region(base, size)


def pooled(size: int, first: int, origin: Origin | None = None) -> Region | None:
    """A region of which the first bytes are accessible, when others like it are likely to be wanted
    again. An `origin` tells how it begins; sizes are the same then each time."""
    size, first = round_up(max(size, 1)), round_up(first)
    if origin is None:
        idle = _idle.get((size, first)) or _idle.setdefault((size, first), _Idle(_FEW))
    else:
        idle = origin.idle
    region = idle.take(first)
    if region is not None:
        return region
    fresh = reserve(size)
    if fresh is None or (origin is not None and not fresh.begin(origin)) or not fresh.commit(first):
        return None
    fresh.share(idle)
    return fresh


def mapped(path: str | os.PathLike[str]) -> memoryview:
    """The contents of a file, which are read when they are looked at. OSError where that fails."""
    with open(path, "rb") as file:
        return memoryview(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ))


def let_go() -> None:
    """Give all idle reservations back, and those that only wait for the collector."""
    gc.collect()
    for idle in list(_idle.values()):
        while idle.bases:
            _release(*idle.bases.pop())
