"""Directories of a machine without directory-relative calls (Windows), by their paths.

A path names whatever is there at the moment, so here the sandbox rests on three things: each name
is checked before it is joined (no separators, drives, streams or device names), no step goes
through a link, and a guest cannot make links at all. A guest can then not put anything between
looking and opening; that another program of the machine does is outside what this can prevent.
"""

import os
import sys
from pathlib import Path
from typing import final

from wadjet.wasi.host.directory import Directory, DirectoryEntry
from wadjet.wasi.host.errors import Code, HostError
from wadjet.wasi.host.files import OsFile, both_times, stat_of, system_flags, type_of
from wadjet.wasi.host.handles import FileType, Handle, OpenOptions, Stat

#: What Windows takes for something else than a part of a name, and names that are devices there.
_FORBIDDEN = frozenset('<>:"/\\|?*') | {chr(code) for code in range(32)}
_DEVICES = frozenset(
    ["CON", "PRN", "AUX", "NUL", "CONIN$", "CONOUT$", "CLOCK$"]
    + [f"{port}{digit}" for port in ("COM", "LPT") for digit in "0123456789¹²³"]
)


def check_name(name: str) -> None:
    """Refuse a name that Windows would not take for the plain name of an entry."""
    stem = name.split(".", 1)[0].rstrip(" ").upper()
    if _FORBIDDEN.intersection(name) or name[-1:] in (" ", ".") or stem in _DEVICES:
        raise HostError(Code.NOT_PERMITTED)


def _is_link(status: os.stat_result) -> bool:
    """Whether this is a symbolic link or, on Windows, any other point that leads elsewhere."""
    if sys.platform == "win32":
        return type_of(status.st_mode) is FileType.SYMBOLIC_LINK or bool(status.st_reparse_tag)
    return type_of(status.st_mode) is FileType.SYMBOLIC_LINK


@final
class PlainDirectory(Directory):
    """A directory of the machine, by an absolute path that leads through no link."""

    __slots__ = ("_path",)

    def __init__(self, path: Path) -> None:
        super().__init__()
        self._path = path

    @classmethod
    def at(cls, path: Path) -> "PlainDirectory":
        """The directory at `path`, wherever links on the way lead. Raises OSError."""
        real = path.resolve(strict=True)
        if not real.is_dir():
            raise NotADirectoryError(f"not a directory: {path}")
        return cls(real)

    def _entry(self, name: str) -> Path:
        check_name(name)
        return self._path / name

    def _status(self, name: str) -> os.stat_result:
        return os.lstat(self._entry(name))

    def enter(self, name: str) -> "PlainDirectory":
        """The subdirectory, if it is one and not a link to one."""
        status = self._status(name)
        if _is_link(status):
            raise HostError(Code.LOOP)
        if type_of(status.st_mode) is not FileType.DIRECTORY:
            raise HostError(Code.NOT_DIRECTORY)
        return PlainDirectory(self._path / name)

    def reopen(self) -> "PlainDirectory":
        """The same directory."""
        return PlainDirectory(self._path)

    def open_entry(self, name: str, options: OpenOptions) -> Handle:
        """Look, then open, then make sure that it is what was looked at."""
        path, flags = self._entry(name), system_flags(options)
        try:
            before = os.lstat(path)
        except FileNotFoundError:
            if not options.create:
                raise
            # What is not there yet cannot be a link either, and EXCL keeps it so.
            return OsFile(os.open(path, flags | os.O_EXCL, 0o666), options.flags)
        if _is_link(before):
            raise HostError(Code.LOOP)
        if type_of(before.st_mode) is FileType.DIRECTORY:
            return self._open_directory(name, options)
        if options.directory:
            raise HostError(Code.NOT_DIRECTORY)
        number = os.open(path, flags & ~os.O_TRUNC, 0o666)
        if not os.path.samestat(before, os.fstat(number)):
            os.close(number)
            raise HostError(Code.LOOP)
        if options.truncate:
            os.ftruncate(number, 0)
        return OsFile(number, options.flags)

    def _open_directory(self, name: str, options: OpenOptions) -> "PlainDirectory":
        if options.create and options.exclusive:
            raise HostError(Code.EXIST)
        if options.write or options.truncate or options.create:
            raise HostError(Code.IS_DIRECTORY)
        return PlainDirectory(self._path / name)

    def stat(self) -> Stat:
        """The attributes of the directory."""
        return stat_of(os.lstat(self._path))

    def stat_entry(self, name: str) -> Stat:
        """The attributes of an entry, of a link itself."""
        return stat_of(self._status(name))

    def set_times(self, accessed: int | None, modified: int | None) -> None:
        """Set the directory's own times."""
        os.utime(self._path, ns=both_times(accessed, modified, os.lstat(self._path)))

    def set_entry_times(self, name: str, accessed: int | None, modified: int | None) -> None:
        """Set the times of an entry that is no link."""
        status = self._status(name)
        if _is_link(status):
            raise HostError(Code.UNSUPPORTED)
        os.utime(self._path / name, ns=both_times(accessed, modified, status))

    def sync(self, *, data_only: bool) -> None:
        """Nothing to do: such systems keep directories themselves."""

    def read_link(self, name: str) -> str:
        """The target of a link, with slashes."""
        if not _is_link(self._status(name)):
            raise HostError(Code.INVALID)
        return os.readlink(self._path / name).replace(os.sep, "/")

    def make_directory(self, name: str) -> None:
        """Create a subdirectory."""
        os.mkdir(self._entry(name))

    def make_link(self, target: str, name: str) -> None:
        """Refused: see the top of this file."""
        raise HostError(Code.NOT_PERMITTED)

    def remove_directory(self, name: str) -> None:
        """Remove an empty subdirectory."""
        os.rmdir(self._entry(name))

    def unlink(self, name: str) -> None:
        """Remove an entry that is not a directory."""
        if type_of(self._status(name).st_mode) is FileType.DIRECTORY:
            raise HostError(Code.IS_DIRECTORY)
        os.unlink(self._path / name)

    def rename(self, name: str, to: Directory, new_name: str) -> None:
        """Move an entry."""
        if not isinstance(to, PlainDirectory):
            raise HostError(Code.CROSS_DEVICE)
        os.replace(self._entry(name), to._entry(new_name))

    def link(self, name: str, to: Directory, new_name: str) -> None:
        """Give an entry that is no link a second name."""
        if not isinstance(to, PlainDirectory):
            raise HostError(Code.CROSS_DEVICE)
        if _is_link(self._status(name)):
            raise HostError(Code.UNSUPPORTED)
        os.link(self._path / name, to._entry(new_name))

    def entries(self) -> list[DirectoryEntry]:
        """List the directory; names that are not Unicode are shown with replacements."""
        with os.scandir(self._path) as entries:
            return [
                DirectoryEntry(
                    entry.name.encode("utf-8", "replace").decode(),
                    type_of(entry.stat(follow_symlinks=False).st_mode),
                    entry.inode(),
                )
                for entry in entries
            ]
