"""Directories of the machine, as capabilities.

`OsDirectory` holds a directory open and reaches its entries by name from there (`openat` and its
siblings), with `O_NOFOLLOW` each time. That the directory may be renamed or replaced meanwhile
changes nothing: no path is ever looked up twice. Where the system has no such calls (Windows),
`wadjet.wasi.host.plain` stands in.
"""

import os
from typing import final

from wadjet.wasi.host.directory import Directory, DirectoryEntry
from wadjet.wasi.host.errors import Code, HostError
from wadjet.wasi.host.files import OsFile, both_times, stat_of, system_flags, type_of
from wadjet.wasi.host.handles import FileType, Handle, OpenOptions, Stat

_DIRECTORY = (
    os.O_RDONLY
    | getattr(os, "O_DIRECTORY", 0)
    | getattr(os, "O_NOFOLLOW", 0)
    | getattr(os, "O_CLOEXEC", 0)
)
#: To walk through a directory one need not be allowed to list it.
_WALK = _DIRECTORY | getattr(os, "O_PATH", 0)
_NOFOLLOW = getattr(os, "O_NOFOLLOW", 0)

#: Whether entries can be reached from an open directory at all.
_RELATIVE = os.supports_dir_fd >= {
    os.open, os.stat, os.mkdir, os.rmdir, os.unlink, os.rename, os.link, os.symlink, os.readlink,
}  # fmt: skip


def open_directory(path: str | os.PathLike[str]) -> Directory:
    """The directory of the machine at `path`, as a capability. Raises OSError."""
    if not _RELATIVE:
        from pathlib import Path

        from wadjet.wasi.host.plain import PlainDirectory

        return PlainDirectory.at(Path(path))
    return OsDirectory(os.open(path, _DIRECTORY & ~_NOFOLLOW))


def _bytes(name: str) -> bytes:
    """The name as the system stores it, whatever Python's file system encoding is."""
    try:
        return name.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:
        raise HostError(Code.ILLEGAL_BYTE_SEQUENCE) from None


def _text(name: bytes) -> str:
    return name.decode("utf-8", "surrogateescape")


@final
class OsDirectory(Directory):
    """An open directory of the machine, by the descriptor number it closes."""

    __slots__ = ("_number",)

    def __init__(self, number: int) -> None:
        super().__init__()
        self._number = number

    def __del__(self) -> None:
        self.close()

    def close(self) -> None:
        """Close the descriptor."""
        number, self._number = self._number, -1
        if number >= 0:
            os.close(number)

    def enter(self, name: str) -> "OsDirectory":
        """Open the subdirectory, for walking only."""
        return OsDirectory(os.open(_bytes(name), _WALK, dir_fd=self._number))

    def reopen(self) -> "OsDirectory":
        """Open this directory once more, with a position in its listing of its own."""
        return OsDirectory(os.open(".", _DIRECTORY, dir_fd=self._number))

    def open_entry(self, name: str, options: OpenOptions) -> Handle:
        """`openat`, never through a link."""
        flags = system_flags(options) | _NOFOLLOW
        number = os.open(_bytes(name), flags, 0o666, dir_fd=self._number)
        if type_of(os.fstat(number).st_mode) is FileType.DIRECTORY:
            return OsDirectory(number)
        return OsFile(number, options.flags)

    def stat(self) -> Stat:
        """What `fstat` says."""
        return stat_of(os.fstat(self._number))

    def stat_entry(self, name: str) -> Stat:
        """What `fstatat` says, of a link itself."""
        return stat_of(self._status(name))

    def _status(self, name: str) -> os.stat_result:
        return os.stat(_bytes(name), dir_fd=self._number, follow_symlinks=False)

    def set_times(self, accessed: int | None, modified: int | None) -> None:
        """Set the directory's own times."""
        # By name, since a handle for walking only is no good for this.
        times = both_times(accessed, modified, os.fstat(self._number))
        os.utime(".", ns=times, dir_fd=self._number)

    def set_entry_times(self, name: str, accessed: int | None, modified: int | None) -> None:
        """`utimensat`, of a link itself."""
        times = both_times(accessed, modified, self._status(name))
        os.utime(_bytes(name), ns=times, dir_fd=self._number, follow_symlinks=False)

    def sync(self, *, data_only: bool) -> None:
        """Wait until the entries themselves are on disk."""
        os.fsync(self._number)

    def read_link(self, name: str) -> str:
        """`readlinkat`."""
        return _text(os.readlink(_bytes(name), dir_fd=self._number))

    def make_directory(self, name: str) -> None:
        """`mkdirat`."""
        os.mkdir(_bytes(name), dir_fd=self._number)

    def make_link(self, target: str, name: str) -> None:
        """`symlinkat`."""
        os.symlink(_bytes(target), _bytes(name), dir_fd=self._number)

    def remove_directory(self, name: str) -> None:
        """`unlinkat`, for directories."""
        os.rmdir(_bytes(name), dir_fd=self._number)

    def unlink(self, name: str) -> None:
        """`unlinkat`."""
        try:
            os.unlink(_bytes(name), dir_fd=self._number)
        except PermissionError:
            # That is also what some systems, macOS among them, say of a directory.
            if self.stat_entry(name).type is FileType.DIRECTORY:
                raise HostError(Code.IS_DIRECTORY) from None
            raise

    def rename(self, name: str, to: Directory, new_name: str) -> None:
        """`renameat`."""
        if not isinstance(to, OsDirectory):
            raise HostError(Code.CROSS_DEVICE)
        os.rename(_bytes(name), _bytes(new_name), src_dir_fd=self._number, dst_dir_fd=to._number)

    def link(self, name: str, to: Directory, new_name: str) -> None:
        """`linkat`, of a link itself."""
        if not isinstance(to, OsDirectory):
            raise HostError(Code.CROSS_DEVICE)
        os.link(
            _bytes(name),
            _bytes(new_name),
            src_dir_fd=self._number,
            dst_dir_fd=to._number,
            follow_symlinks=False,
        )

    def entries(self) -> list[DirectoryEntry]:
        """List the directory."""
        with os.scandir(self._number) as entries:
            return [
                DirectoryEntry(_text(os.fsencode(entry.name)), entry_type(entry), entry.inode())
                for entry in entries
            ]


def entry_type(entry: os.DirEntry[str]) -> FileType:
    """The type of a listed entry; UNKNOWN if it is gone by now."""
    try:
        if entry.is_symlink():
            return FileType.SYMBOLIC_LINK
        if entry.is_dir(follow_symlinks=False):
            return FileType.DIRECTORY
        if entry.is_file(follow_symlinks=False):
            return FileType.REGULAR_FILE
        return type_of(entry.stat(follow_symlinks=False).st_mode)
    except OSError:
        return FileType.UNKNOWN
