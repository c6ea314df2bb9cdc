"""What an open thing can do: the interface that files, directories, streams and sockets share.

An operation that a kind of handle does not have fails with the code POSIX gives for it, so the
skins need not ask what they hold. Buffers are writable (reading) or readable (writing)
memoryviews of bytes, usually straight into a guest's memory: nothing is copied on the way.
"""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from wadjet.base.records import dataclass
from enum import Enum

from wadjet.wasi.host.errors import Code, HostError

Buffers = Sequence[memoryview]

#: Where `Handle.seek` counts from.
SEEK_SET, SEEK_CUR, SEEK_END = 0, 1, 2

#: The flags of an open handle, a set of bits.
APPEND, DSYNC, NONBLOCK, RSYNC, SYNC = 1, 2, 4, 8, 16

#: The farthest position in a file, and the highest size.
MAX_OFFSET = (1 << 63) - 1
#: The most bytes one read or write moves (what Linux moves at most).
MAX_TRANSFER = 0x7FFF_F000
#: The most buffers one read or write takes (what Linux and macOS take).
MAX_BUFFERS = 1024


class FileType(Enum):
    """What kind of thing a handle or a directory entry is."""

    UNKNOWN = "unknown"
    BLOCK_DEVICE = "block-device"
    CHARACTER_DEVICE = "character-device"
    DIRECTORY = "directory"
    FIFO = "fifo"
    REGULAR_FILE = "regular-file"
    SOCKET_DATAGRAM = "socket-datagram"
    SOCKET_STREAM = "socket-stream"
    SYMBOLIC_LINK = "symbolic-link"


class Advice(Enum):
    """How a program means to use a range of a file."""

    NORMAL = "normal"
    SEQUENTIAL = "sequential"
    RANDOM = "random"
    WILL_NEED = "will-need"
    DONT_NEED = "dont-need"
    NO_REUSE = "no-reuse"


@dataclass(frozen=True, slots=True)
class Stat:
    """The attributes of a file. Times are in nanoseconds since 1970; 0 where nobody knows them."""

    type: FileType
    size: int = 0
    links: int = 1
    device: int = 0
    inode: int = 0
    accessed: int = 0
    modified: int = 0
    changed: int = 0


@dataclass(frozen=True, slots=True)
class OpenOptions:
    """How to open a path. `flags` are those of the handle that results."""

    read: bool = True
    write: bool = False
    create: bool = False
    exclusive: bool = False
    truncate: bool = False
    directory: bool = False
    flags: int = 0


class Handle(ABC):
    """Anything open."""

    __slots__ = ("flags",)

    def __init__(self, flags: int = 0) -> None:
        #: the flags in force, changed through `set_flags`
        self.flags = flags

    @abstractmethod
    def stat(self) -> Stat:
        """The attributes of what is open."""

    def close(self) -> None:  # noqa: B027 (many handles hold nothing to give back)
        """Give the resource back. Closing twice does nothing."""

    def read(self, buffers: Buffers) -> int:
        """Fill the buffers from the current position; the number of bytes, 0 at the end."""
        raise HostError(Code.BAD_DESCRIPTOR)

    def write(self, buffers: Buffers) -> int:
        """Write the buffers at the current position; the number of bytes taken."""
        raise HostError(Code.BAD_DESCRIPTOR)

    def read_at(self, buffers: Buffers, offset: int) -> int:
        """As `read`, from `offset`, leaving the position alone."""
        raise HostError(Code.INVALID_SEEK)

    def write_at(self, buffers: Buffers, offset: int) -> int:
        """As `write`, at `offset`, leaving the position alone."""
        raise HostError(Code.INVALID_SEEK)

    def seek(self, offset: int, whence: int) -> int:
        """Move the position; the new one, from the start."""
        raise HostError(Code.INVALID_SEEK)

    def seekable(self) -> bool:
        """Whether there is a position at all."""
        return False

    def set_size(self, size: int) -> None:
        """Cut the file short, or extend it with zeros."""
        raise HostError(Code.INVALID)

    def set_times(self, accessed: int | None, modified: int | None) -> None:
        """Set the times, in nanoseconds since 1970. None leaves one as it is."""
        raise HostError(Code.BAD_DESCRIPTOR)

    def allocate(self, offset: int, length: int) -> None:
        """Make sure of room for a range of the file; extends the file if need be."""
        raise HostError(Code.INVALID_SEEK)

    def advise(self, offset: int, length: int, advice: Advice) -> None:
        """Tell how a range of the file will be used. Never changes what is read."""
        raise HostError(Code.INVALID_SEEK)

    def sync(self, *, data_only: bool) -> None:
        """Wait until everything (or everything needed to read the data) is on disk."""
        raise HostError(Code.INVALID)

    def set_flags(self, flags: int) -> None:
        """Replace the flags. What cannot be changed on an open handle is refused."""
        if (flags ^ self.flags) & ~NONBLOCK:
            raise HostError(Code.INVALID)
        self.flags = flags

    def accept(self, *, nonblocking: bool) -> "Handle":
        """The next connection to a listening socket."""
        raise HostError(Code.NOT_SOCKET)

    def receive(
        self, buffers: Buffers, *, peek: bool = False, wait_all: bool = False
    ) -> tuple[int, bool]:
        """Read from a socket: the number of bytes, and whether a datagram was cut short.

        `peek` leaves the bytes where they are; `wait_all` waits for the buffers to fill.
        """
        raise HostError(Code.NOT_SOCKET)

    def shutdown(self, *, reading: bool, writing: bool) -> None:
        """End one or both directions of a connection."""
        raise HostError(Code.NOT_SOCKET)

    def poll_number(self) -> int | None:
        """The system's descriptor to wait on, or None for what is always ready."""
        return None

    def available(self) -> int:
        """How many bytes a read would find, as far as that is known; at least 1."""
        return 1


def check_offset(offset: int, length: int = 0) -> int:
    """`offset` itself, if a file can have that position (and `length` bytes after it)."""
    if offset + length > MAX_OFFSET:
        raise HostError(Code.INVALID)
    return offset


def scatter(data: bytes, buffers: Buffers) -> int:
    """Spread `data`, no longer than the buffers together, over them; the number of bytes."""
    start = 0
    for buffer in buffers:
        if start == len(data):
            break
        piece = data[start : start + len(buffer)]
        buffer[: len(piece)] = piece
        start += len(piece)
    return start


def room(buffers: Buffers) -> int:
    """How many bytes the buffers hold together, as far as one transfer goes."""
    return min(sum(map(len, buffers)), MAX_TRANSFER)


def gather(buffers: Buffers) -> bytes:
    """The bytes of all buffers in one piece, as far as one transfer goes."""
    if len(buffers) == 1:
        return bytes(buffers[0][:MAX_TRANSFER])
    total, pieces = 0, []
    for buffer in buffers:
        pieces.append(buffer[: MAX_TRANSFER - total])
        total += len(pieces[-1])
    return b"".join(pieces)


def write_all(handle: Handle, data: bytes, offset: int | None) -> None:
    """Write all the data at an offset, or (None) at the end of the file, wherever that is then."""
    left = memoryview(data)
    while left:
        count = handle.write_at([left], handle.stat().size if offset is None else offset)
        if offset is not None:
            offset += count
        left = left[count:]
