"""Directories, and the only place where a path of a guest is followed.

A `Directory` is a capability: whoever holds it reaches what is below it and nothing else. Its
*entry* operations take one name and never follow a symbolic link; real directories and in-memory
trees provide those. Its *path* operations (`open_at` and so on) walk the path one name at a time
over them, so that `..`, absolute paths and symbolic links are resolved here, by this code, and not
by an operating system that knows more directories than the guest was given:

- `..` goes back the way the walk came, and is refused at the directory it began in;
- an absolute path, and a symbolic link to one, is refused;
- every step is taken from the handle of the step before, never from a remembered path.
"""

from abc import abstractmethod
from contextlib import AbstractContextManager
from wadjet.base.records import replace
from typing import NamedTuple, final

from wadjet.wasi.host.errors import Code, HostError, code_of
from wadjet.wasi.host.handles import Buffers, FileType, Handle, OpenOptions, Stat

#: The longest path, in bytes, and the most symbolic links one path may lead through.
MAX_PATH = 4096
MAX_LINKS = 40
#: The most directories one path may lead through: each is open while the path is walked.
MAX_DEPTH = 256


class DirectoryEntry(NamedTuple):
    """One line of a directory's listing."""

    name: str
    type: FileType
    inode: int


class Directory(Handle):
    """An open directory."""

    __slots__ = ()

    # -- Entries: `name` is one name; a symbolic link is never followed. ---------------------------

    @abstractmethod
    def enter(self, name: str) -> "Directory":
        """The subdirectory `name`, to walk on through; NOT_DIRECTORY or LOOP for anything else."""

    @abstractmethod
    def reopen(self) -> "Directory":
        """Another handle to this same directory."""

    @abstractmethod
    def open_entry(self, name: str, options: OpenOptions) -> Handle:
        """Open or create the entry `name`; LOOP if it is a symbolic link."""

    @abstractmethod
    def stat_entry(self, name: str) -> Stat:
        """The attributes of the entry `name`."""

    @abstractmethod
    def set_entry_times(self, name: str, accessed: int | None, modified: int | None) -> None:
        """As `Handle.set_times`, for the entry `name`."""

    @abstractmethod
    def read_link(self, name: str) -> str:
        """The target of the symbolic link `name`; INVALID if it is something else."""

    @abstractmethod
    def make_directory(self, name: str) -> None:
        """Create the empty directory `name`."""

    @abstractmethod
    def make_link(self, target: str, name: str) -> None:
        """Create the symbolic link `name` to `target`."""

    @abstractmethod
    def remove_directory(self, name: str) -> None:
        """Remove the empty directory `name`."""

    @abstractmethod
    def unlink(self, name: str) -> None:
        """Remove the entry `name`, which is not a directory."""

    @abstractmethod
    def rename(self, name: str, to: "Directory", new_name: str) -> None:
        """Move the entry `name` to `new_name` in `to`, replacing what is there."""

    @abstractmethod
    def link(self, name: str, to: "Directory", new_name: str) -> None:
        """Give the entry `name` a second name, `new_name` in `to`."""

    @abstractmethod
    def entries(self) -> list[DirectoryEntry]:
        """What is in the directory, without `.` and `..`."""

    # -- What a directory is not ------------------------------------------------------------------

    def read(self, buffers: Buffers) -> int:
        """Refused: a directory is not read as bytes."""
        raise HostError(Code.IS_DIRECTORY)

    write = read

    def read_at(self, buffers: Buffers, offset: int) -> int:
        """Refused: a directory is not read as bytes."""
        raise HostError(Code.IS_DIRECTORY)

    write_at = read_at

    # -- Paths ------------------------------------------------------------------------------------

    def open_at(self, path: str, options: OpenOptions, *, follow: bool) -> Handle:
        """Open `path`, creating it if `options` say so."""
        with Walk(self, path) as end:
            follow = (follow or end.slash) and not (options.create and options.exclusive)
            while end.name:
                if end.slash:
                    if options.create:
                        raise HostError(Code.IS_DIRECTORY)
                    options = replace(options, directory=True)
                try:
                    return end.directory.open_entry(end.name, options)
                except (HostError, OSError) as error:
                    # A link is one of these, whatever the system calls it where a directory is due.
                    is_link = code_of(error) in (Code.LOOP, Code.NOT_DIRECTORY)
                    if not (is_link and follow and end.follow()):
                        raise
            return _reopen(end.directory, options)

    def stat_at(self, path: str, *, follow: bool) -> Stat:
        """The attributes of what `path` names."""
        with Walk(self, path) as end:
            stat = end.settle(follow)
            if end.slash and stat.type is not FileType.DIRECTORY:
                raise HostError(Code.NOT_DIRECTORY)
            return stat

    def set_times_at(
        self, path: str, accessed: int | None, modified: int | None, *, follow: bool
    ) -> None:
        """As `Handle.set_times`, for what `path` names."""
        with Walk(self, path) as end:
            stat = end.settle(follow)
            if end.slash and stat.type is not FileType.DIRECTORY:
                raise HostError(Code.NOT_DIRECTORY)
            if end.name:
                end.directory.set_entry_times(end.name, accessed, modified)
            else:
                end.directory.set_times(accessed, modified)

    def read_link_at(self, path: str) -> str:
        """The target of the symbolic link at `path`."""
        with Walk(self, path) as end:
            if not end.name or end.slash:
                raise HostError(Code.INVALID)
            return end.directory.read_link(end.name)

    def make_directory_at(self, path: str) -> None:
        """Create an empty directory at `path`."""
        with Walk(self, path) as end:
            if not end.name:
                raise HostError(Code.EXIST)
            end.directory.make_directory(end.name)

    def make_link_at(self, target: str, path: str) -> None:
        """Create at `path` a symbolic link to `target`, which must be a relative path."""
        if target.startswith("/"):
            raise HostError(Code.NOT_PERMITTED)
        with Walk(self, path) as end:
            end.expect_free()
            end.directory.make_link(target, end.name)

    def remove_directory_at(self, path: str) -> None:
        """Remove the empty directory at `path`."""
        with Walk(self, path) as end:
            if not end.name:
                raise HostError(Code.INVALID)
            if end.slash and end.follow():  # which may have led outside
                raise HostError(Code.NOT_DIRECTORY)
            end.directory.remove_directory(end.name)

    def unlink_at(self, path: str) -> None:
        """Remove the file, or the symbolic link, at `path`."""
        with Walk(self, path) as end:
            if not end.name:
                raise HostError(Code.IS_DIRECTORY)
            if end.slash:
                end.expect_directory()
            end.directory.unlink(end.name)

    def rename_at(self, path: str, to: "Directory", new_path: str) -> None:
        """Move what is at `path` to `new_path` below `to`, replacing what is there."""
        with Walk(self, path) as end, Walk(to, new_path) as new:
            if not end.name or not new.name:
                raise HostError(Code.BUSY)
            if end.slash or new.slash:
                end.expect_directory()
            end.directory.rename(end.name, new.directory, new.name)

    def link_at(self, path: str, to: "Directory", new_path: str) -> None:
        """Give the file at `path` a second name, `new_path` below `to`."""
        with Walk(self, path) as end, Walk(to, new_path) as new:
            if not end.name:
                raise HostError(Code.NOT_PERMITTED)
            if end.slash:
                end.expect_directory()
            new.expect_free()
            end.directory.link(end.name, new.directory, new.name)


@final
class Walk(AbstractContextManager["Walk"]):
    """The way from `base` to where `path` ends: the entry `name` of `directory`.

    The entry need not exist. Where the path ends in a directory that the walk has entered, `name`
    is empty. `slash` says that the path ends in a slash and so names a directory or nothing. The
    directories passed are open until the walk is closed; `base` is the caller's. Raises
    `HostError` or `OSError`.
    """

    __slots__ = ("_links", "_todo", "_way", "name", "slash")

    def __init__(self, base: Directory, path: str) -> None:
        self._way = [base]
        self._todo: list[str] = []
        self._links = 0
        self.name = ""
        self.slash = False
        try:
            self._prepend(path)
            self._go_on()
        except BaseException:
            self.close()
            raise

    @property
    def directory(self) -> Directory:
        """The directory the walk has come to."""
        return self._way[-1]

    def close(self) -> None:
        """Close every directory passed."""
        while len(self._way) > 1:
            self._way.pop().close()

    def __exit__(self, *_: object) -> None:
        self.close()

    def follow(self) -> bool:
        """Walk on where the symbolic link `name` leads; False if it is none."""
        link, self.name = self.name, ""
        if not self._splice(link):
            self.name = link
            return False
        self._go_on()
        return True

    def settle(self, follow: bool) -> Stat:
        """Follow links at the end (a slash does so too); the attributes of what is there."""
        while self.name:
            stat = self.directory.stat_entry(self.name)
            is_link = stat.type is FileType.SYMBOLIC_LINK and (follow or self.slash)
            if not (is_link and self.follow()):
                return stat
        return self.directory.stat()

    def expect_directory(self) -> None:
        """Refuse if the entry is not a directory."""
        if self.directory.stat_entry(self.name).type is not FileType.DIRECTORY:
            raise HostError(Code.NOT_DIRECTORY)

    def expect_free(self) -> None:
        """Refuse if something other than a directory cannot be created here."""
        if self.name and self.slash:
            self.expect_directory()  # NO_ENTRY where there is nothing
        if not self.name or self.slash:
            raise HostError(Code.EXIST)

    def _prepend(self, path: str) -> None:
        """Put the names of `path` before those still to walk."""
        if not path:
            raise HostError(Code.NO_ENTRY)
        if path[0] == "/":
            raise HostError(Code.NOT_PERMITTED)
        if "\0" in path:
            raise HostError(Code.INVALID)
        if len(path) > MAX_PATH:
            raise HostError(Code.NAME_TOO_LONG)
        if not self._todo and path.endswith(("/", "/.")):
            self.slash = True
        self._todo += [name for name in reversed(path.split("/")) if name not in ("", ".")]

    def _go_on(self) -> None:
        """Walk until the last name, which is only looked at by whoever wanted to come here."""
        while self._todo:
            name = self._todo.pop()
            if name == "..":
                self._back()
            elif self._todo:
                self._enter(name)
            else:
                self.name = name

    def _back(self) -> None:
        if len(self._way) == 1:
            raise HostError(Code.NOT_PERMITTED)
        self._way.pop().close()

    def _enter(self, name: str) -> None:
        """Into the directory `name`, or along the symbolic link of that name."""
        if len(self._way) > MAX_DEPTH:
            raise HostError(Code.NAME_TOO_LONG)
        try:
            self._way.append(self._way[-1].enter(name))
        except (HostError, OSError) as error:
            is_link = code_of(error) in (Code.NOT_DIRECTORY, Code.LOOP)
            if not (is_link and self._splice(name)):
                raise

    def _splice(self, name: str) -> bool:
        """If `name` is a symbolic link, put its target's names before those still to walk."""
        try:
            target = self._way[-1].read_link(name)
        except (HostError, OSError) as error:
            if code_of(error) in (Code.INVALID, Code.NO_ENTRY):
                return False
            raise
        self._links += 1
        if self._links > MAX_LINKS:
            raise HostError(Code.LOOP)
        self._prepend(target)
        return True


def _reopen(directory: Directory, options: OpenOptions) -> Directory:
    if options.create and options.exclusive:
        raise HostError(Code.EXIST)
    if options.write or options.create or options.truncate:
        raise HostError(Code.IS_DIRECTORY)
    return directory.reopen()
