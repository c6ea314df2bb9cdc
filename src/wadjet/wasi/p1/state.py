"""What the functions of WASI 0.1 share: the table of descriptors, and the guest's memory."""

from collections.abc import Callable
from heapq import heappop, heappush
from typing import Final, final

from wadjet.base.errors import Trap
from wadjet.wasi.host.capabilities import Capabilities
from wadjet.wasi.host.directory import MAX_PATH, Directory, DirectoryEntry
from wadjet.wasi.host.errors import Code, HostError
from wadjet.wasi.host.handles import MAX_BUFFERS, MAX_TRANSFER, FileType, Handle
from wadjet.wasi.host.polling import Look, wait_for
from wadjet.wasi.p1.abi import (
    DIRECTORY_RIGHTS,
    FILE_RIGHTS,
    FILESTAT,
    IOVEC,
    SOCKET_RIGHTS,
    STREAM_RIGHTS,
    WHENCE,
    Record,
    Right,
)

#: The most descriptors a guest may have open, and the most buffers one call may name: far more
#: than programs use, and few enough to be counted.
MAX_DESCRIPTORS: Final = 1 << 16
MAX_VECTORS: Final = 1 << 16

_SOCKETS: Final = (FileType.SOCKET_STREAM, FileType.SOCKET_DATAGRAM)


@final
class Descriptor:
    """One row of the table: a handle, and what this descriptor may do with it."""

    __slots__ = ("base", "filetype", "handle", "inheriting", "listing", "preopen")

    def __init__(
        self, handle: Handle, base: int, inheriting: int = 0, preopen: bytes | None = None
    ) -> None:
        self.handle: Final = handle
        self.filetype: Final = handle.stat().type
        self.base = base
        self.inheriting = inheriting
        #: the name of a preopened directory
        self.preopen: Final = preopen
        #: what `fd_readdir` last found, for its cookies to point into
        self.listing: list[DirectoryEntry] | None = None


def _no_memory() -> memoryview:
    raise Trap("the guest's memory is not there yet")


class State:
    """One guest's descriptors and memory.

    Set `memory` once there is an instance: a function that gives a fresh view, of format "B", of
    the whole memory. `deadline` is a reading of the machine's monotonic clock in nanoseconds
    beyond which no call waits, and `pause` is how calls wait then (see
    `wadjet.wasi.host.polling.wait`).
    """

    whence = WHENCE
    filestat = FILESTAT
    max_links = (1 << 64) - 1

    def __init__(self, wasi: Capabilities) -> None:
        """Open what `wasi` grants. Raises OSError where that is not there."""
        self.wasi: Final = wasi
        self.memory: Callable[[], memoryview] = _no_memory
        self.deadline: int | None = None
        self.pause: Look | None = None
        #: by `$clockid`
        self.clocks: Final = (
            wasi.clocks.realtime,
            wasi.clocks.monotonic,
            wasi.clocks.process_cpu,
            wasi.clocks.thread_cpu,
        )
        self._table: dict[int, Descriptor] = {}
        self._freed: list[int] = []
        try:
            self._populate(wasi)
        except BaseException:
            self.close()
            raise

    def _populate(self, wasi: Capabilities) -> None:
        for handle, base in zip(
            wasi.open_stdio(), (Right.FD_READ, Right.FD_WRITE, Right.FD_WRITE), strict=True
        ):
            others = FILE_RIGHTS if handle.seekable() else STREAM_RIGHTS
            self.insert(Descriptor(handle, base | others & ~(Right.FD_READ | Right.FD_WRITE)))
        for name, directory in wasi.open_dirs():
            self.insert(Descriptor(directory, DIRECTORY_RIGHTS, Right.ALL, name.encode()))
        for handle in wasi.open_sockets():
            self.insert(Descriptor(handle, SOCKET_RIGHTS, SOCKET_RIGHTS))

    def close(self) -> None:
        """Close every descriptor. The table is empty afterwards."""
        while self._table:
            self._table.popitem()[1].handle.close()

    # -- Descriptors ------------------------------------------------------------------------------

    def insert(self, descriptor: Descriptor) -> int:
        """Give a descriptor the lowest free number."""
        if len(self._table) >= MAX_DESCRIPTORS:
            descriptor.handle.close()
            raise HostError(Code.TOO_MANY_OPEN_FILES)
        number = heappop(self._freed) if self._freed else len(self._table)
        self._table[number] = descriptor
        return number

    def remove(self, number: int) -> Descriptor:
        """Take a descriptor out of the table, without closing its handle."""
        descriptor = self.descriptor(number)
        del self._table[number]
        heappush(self._freed, number)
        return descriptor

    def replace(self, number: int, descriptor: Descriptor) -> None:
        """Put another descriptor in place of an open one, which is closed."""
        self.descriptor(number).handle.close()
        self._table[number] = descriptor

    def descriptor(self, number: int, rights: int = 0) -> Descriptor:
        """The open descriptor of this number, if it has these rights."""
        descriptor = self._table.get(number)
        if descriptor is None:
            raise HostError(Code.BAD_DESCRIPTOR)
        if rights & ~descriptor.base:
            raise HostError(Code.NOT_CAPABLE)
        return descriptor

    def file(self, number: int, rights: int) -> Handle:
        """The handle behind a descriptor that must not be a directory."""
        descriptor = self._table.get(number)
        if descriptor is None:
            raise HostError(Code.BAD_DESCRIPTOR)
        if rights & ~descriptor.base:
            is_directory = descriptor.filetype is FileType.DIRECTORY
            raise HostError(Code.IS_DIRECTORY if is_directory else Code.NOT_CAPABLE)
        return descriptor.handle

    def directory(self, number: int, rights: int) -> Directory:
        """The directory behind a descriptor, if it has these rights."""
        handle = self.descriptor(number).handle
        if not isinstance(handle, Directory):
            raise HostError(Code.NOT_DIRECTORY)
        self.descriptor(number, rights)
        return handle

    def socket(self, number: int, rights: int) -> Handle:
        """The socket behind a descriptor, if it has these rights."""
        if self.descriptor(number).filetype not in _SOCKETS:
            raise HostError(Code.NOT_SOCKET)
        return self.descriptor(number, rights).handle

    def await_ready(self, handle: Handle, *, writing: bool) -> None:
        """Where there is a deadline, wait for the handle here and not in a call without one."""
        if self.deadline is not None:
            wait_for(handle, writing, self.wasi.clocks, self.deadline, self.pause)

    # -- Memory -----------------------------------------------------------------------------------

    def bytes_at(self, pointer: int, length: int) -> memoryview:
        """A region of the guest's memory. Traps if it is not all there."""
        view = self.memory()
        if pointer + length > len(view):
            raise Trap("out of bounds memory access")
        return view[pointer : pointer + length]

    def store(self, record: Record, pointer: int, *values: int) -> None:
        """Write one record. Traps if there is no such place, or it is not aligned."""
        if pointer & (record.alignment - 1):
            raise Trap("misaligned pointer")
        # A place that does not exist makes a struct.error, which `P1` turns into the trap.
        record.pack_into(self.memory(), pointer, *values)

    def path(self, pointer: int, length: int) -> str:
        """A string of the guest. ILLEGAL_BYTE_SEQUENCE if it is not UTF-8."""
        data = self.bytes_at(pointer, length)
        if length > MAX_PATH:
            raise HostError(Code.NAME_TOO_LONG)
        try:
            # a copy first: another thread of the guest may be writing there
            return str(bytes(data), "utf-8")
        except UnicodeDecodeError:
            raise HostError(Code.ILLEGAL_BYTE_SEQUENCE) from None

    def buffers(self, pointer: int, count: int) -> list[memoryview]:
        """The regions a list of `$iovec`s names, without the empty ones.

        At most `MAX_BUFFERS` of them and `MAX_TRANSFER` bytes: a call may do less than it is asked.
        """
        view = self.memory()
        size = len(view)
        if pointer & 3:
            raise Trap("misaligned pointer")
        if pointer + count * IOVEC.size > size:
            raise Trap("out of bounds memory access")
        if count > MAX_VECTORS:
            raise HostError(Code.INVALID)
        if count == 1:
            start, length = IOVEC.unpack_from(view, pointer)
            if start + length > size:
                raise Trap("out of bounds memory access")
            return [view[start : start + min(length, MAX_TRANSFER)]] if length else []
        regions: list[memoryview] = []
        left = MAX_TRANSFER
        for start, length in IOVEC.iter_unpack(view[pointer : pointer + count * IOVEC.size]):
            if start + length > size:
                raise Trap("out of bounds memory access")
            if length and left and len(regions) < MAX_BUFFERS:
                regions.append(view[start : start + min(length, left)])
                left -= len(regions[-1])
        return regions
