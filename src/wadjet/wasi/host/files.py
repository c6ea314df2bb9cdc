"""Files of the machine: whatever a descriptor number of the operating system stands for."""

import os
import stat as modes
import sys

from wadjet.wasi.host.errors import Code, HostError
from wadjet.wasi.host.handles import (
    APPEND,
    DSYNC,
    MAX_BUFFERS,
    NONBLOCK,
    RSYNC,
    SYNC,
    Advice,
    Buffers,
    FileType,
    Handle,
    OpenOptions,
    Stat,
    check_offset,
    gather,
    room,
    scatter,
)

if sys.platform != "win32":
    import fcntl

_TYPES = {
    modes.S_IFREG: FileType.REGULAR_FILE,
    modes.S_IFDIR: FileType.DIRECTORY,
    modes.S_IFLNK: FileType.SYMBOLIC_LINK,
    modes.S_IFCHR: FileType.CHARACTER_DEVICE,
    modes.S_IFBLK: FileType.BLOCK_DEVICE,
    modes.S_IFIFO: FileType.FIFO,
    modes.S_IFSOCK: FileType.SOCKET_STREAM,
}

#: What this system can do; 0 where it cannot.
_SYSTEM_FLAGS = {
    APPEND: os.O_APPEND,
    NONBLOCK: getattr(os, "O_NONBLOCK", 0),
    DSYNC: getattr(os, "O_DSYNC", 0),
    RSYNC: getattr(os, "O_RSYNC", 0),
    SYNC: getattr(os, "O_SYNC", 0),
}
_ALWAYS = getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_NOCTTY", 0) | getattr(os, "O_BINARY", 0)
_ADVICE = {
    advice: getattr(os, f"POSIX_FADV_{advice.name.replace('_', '')}", None) for advice in Advice
}


def type_of(mode: int) -> FileType:
    """The file type in a `st_mode`."""
    return _TYPES.get(modes.S_IFMT(mode), FileType.UNKNOWN)


def stat_of(result: os.stat_result) -> Stat:
    """What the operating system says of a file, in our words. Times before 1970 become 0."""
    return Stat(
        type_of(result.st_mode),
        result.st_size,
        result.st_nlink,
        result.st_dev & 0xFFFF_FFFF_FFFF_FFFF,
        result.st_ino & 0xFFFF_FFFF_FFFF_FFFF,
        max(result.st_atime_ns, 0),
        max(result.st_mtime_ns, 0),
        max(result.st_ctime_ns, 0),
    )


def system_flags(options: OpenOptions) -> int:
    """The flags of `os.open` for these options, without those that concern links."""
    # Truncating needs the right to write on some systems, whatever the guest will do with it.
    write = options.write or options.truncate
    flags = _ALWAYS | (os.O_RDWR if options.read else os.O_WRONLY) if write else _ALWAYS
    for wanted, flag in (
        (options.create, os.O_CREAT),
        (options.exclusive, os.O_EXCL),
        (options.truncate, os.O_TRUNC),
        (options.directory, getattr(os, "O_DIRECTORY", 0)),
    ):
        if wanted:
            flags |= flag
    for bit, flag in _SYSTEM_FLAGS.items():
        if options.flags & bit:
            flags |= flag
    return flags


def both_times(accessed: int | None, modified: int | None, now: os.stat_result) -> tuple[int, int]:
    """The pair `os.utime` wants, with what is there for what shall stay."""
    pair = (
        now.st_atime_ns if accessed is None else accessed,
        now.st_mtime_ns if modified is None else modified,
    )
    if max(pair) > (1 << 63) - 1:
        raise HostError(Code.INVALID)
    return pair


def _read_plain(number: int, buffers: Buffers) -> int:
    """`os.readv` where the system has none."""
    return scatter(os.read(number, room(buffers)), buffers)


def _write_plain(number: int, buffers: Buffers) -> int:
    """`os.writev` where the system has none."""
    return os.write(number, gather(buffers))


def _read_at_plain(number: int, buffers: Buffers, offset: int) -> int:
    """`os.preadv` where the system has none: goes there and back."""
    here = os.lseek(number, 0, os.SEEK_CUR)
    os.lseek(number, offset, os.SEEK_SET)
    try:
        return _read(number, buffers)
    finally:
        os.lseek(number, here, os.SEEK_SET)


def _write_at_plain(number: int, buffers: Buffers, offset: int) -> int:
    """`os.pwritev` where the system has none: goes there and back."""
    here = os.lseek(number, 0, os.SEEK_CUR)
    os.lseek(number, offset, os.SEEK_SET)
    try:
        return _write(number, buffers)
    finally:
        os.lseek(number, here, os.SEEK_SET)


_read = getattr(os, "readv", _read_plain)
_write = getattr(os, "writev", _write_plain)
_read_at = getattr(os, "preadv", _read_at_plain)
_write_at = getattr(os, "pwritev", _write_at_plain)


class OsFile(Handle):
    """An open file of the machine, which it closes. Not a directory."""

    __slots__ = ("_number",)

    def __init__(self, number: int, flags: int = 0) -> None:
        super().__init__(flags)
        self._number = number

    def __del__(self) -> None:
        self.close()

    def close(self) -> None:
        """Close the descriptor."""
        number, self._number = self._number, -1
        if number >= 0:
            os.close(number)

    def stat(self) -> Stat:
        """What `fstat` says."""
        return stat_of(os.fstat(self._number))

    def read(self, buffers: Buffers) -> int:
        """Read at the system's own position."""
        count: int = _read(self._number, buffers[:MAX_BUFFERS]) if buffers else 0
        return count

    def write(self, buffers: Buffers) -> int:
        """Write at the system's own position."""
        count: int = _write(self._number, buffers[:MAX_BUFFERS]) if buffers else 0
        return count

    def read_at(self, buffers: Buffers, offset: int) -> int:
        """Read elsewhere."""
        if not buffers:
            return 0
        count: int = _read_at(self._number, buffers[:MAX_BUFFERS], check_offset(offset))
        return count

    def write_at(self, buffers: Buffers, offset: int) -> int:
        """Write elsewhere."""
        if not buffers:
            return 0
        count: int = _write_at(self._number, buffers[:MAX_BUFFERS], check_offset(offset))
        return count

    def seek(self, offset: int, whence: int) -> int:
        """Move the system's position."""
        return os.lseek(self._number, offset, whence)

    def seekable(self) -> bool:
        """Whether the system lets the position be moved."""
        try:
            os.lseek(self._number, 0, os.SEEK_CUR)
        except OSError:
            return False
        return True

    def set_size(self, size: int) -> None:
        """Truncate or extend."""
        os.ftruncate(self._number, check_offset(size))

    def set_times(self, accessed: int | None, modified: int | None) -> None:
        """Set the times; the time of the change itself follows."""
        if os.utime not in os.supports_fd:
            raise HostError(Code.UNSUPPORTED)
        times = both_times(accessed, modified, os.fstat(self._number))
        os.utime(self._number, ns=times)

    def allocate(self, offset: int, length: int) -> None:
        """Reserve the range on disk, or where that cannot be, just extend the file."""
        end = check_offset(offset, length) + length
        if length == 0:
            raise HostError(Code.INVALID)
        if hasattr(os, "posix_fallocate"):
            os.posix_fallocate(self._number, offset, length)
        elif os.fstat(self._number).st_size < end:
            os.ftruncate(self._number, end)

    def advise(self, offset: int, length: int, advice: Advice) -> None:
        """Pass the advice on where the system takes any."""
        check_offset(offset, length)
        kind = _ADVICE[advice]
        if kind is not None and hasattr(os, "posix_fadvise"):
            os.posix_fadvise(self._number, offset, length, kind)

    def sync(self, *, data_only: bool) -> None:
        """`fsync`, or where there is one, `fdatasync`."""
        if data_only and hasattr(os, "fdatasync"):
            os.fdatasync(self._number)
        else:
            os.fsync(self._number)

    def set_flags(self, flags: int) -> None:
        """Append and non-blocking mode can be changed, the synchronous modes cannot."""
        if (flags ^ self.flags) & ~(APPEND | NONBLOCK):
            raise HostError(Code.INVALID)
        if sys.platform == "win32":
            raise HostError(Code.UNSUPPORTED)
        kept = fcntl.fcntl(self._number, fcntl.F_GETFL) & ~(os.O_APPEND | os.O_NONBLOCK)
        wanted = sum(_SYSTEM_FLAGS[bit] for bit in (APPEND, NONBLOCK) if flags & bit)
        fcntl.fcntl(self._number, fcntl.F_SETFL, kept | wanted)
        self.flags = flags

    def poll_number(self) -> int | None:
        """The descriptor: the system calls regular files always ready."""
        return self._number

    def available(self) -> int:
        """What lies between the position and the end of a regular file."""
        status = os.fstat(self._number)
        if not modes.S_ISREG(status.st_mode):
            return 1
        return max(status.st_size - os.lseek(self._number, 0, os.SEEK_CUR), 1)
