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
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import NamedTuple

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
        slash = path.endswith("/")
        follow = (follow or slash) and not (options.create and options.exclusive)
        with resolve(self, path, follow=follow) as (directory, name, slash):
            if not name:
                return _reopen(directory, options)
            if slash:
                if options.create:
                    raise HostError(Code.IS_DIRECTORY)
                options = replace(options, directory=True)
            return directory.open_entry(name, options)

    def stat_at(self, path: str, *, follow: bool) -> Stat:
        """The attributes of what `path` names."""
        with resolve(self, path, follow=follow or path.endswith("/")) as (directory, name, slash):
            stat = directory.stat_entry(name) if name else directory.stat()
        if slash and stat.type is not FileType.DIRECTORY:
            raise HostError(Code.NOT_DIRECTORY)
        return stat

    def set_times_at(
        self, path: str, accessed: int | None, modified: int | None, *, follow: bool
    ) -> None:
        """As `Handle.set_times`, for what `path` names."""
        with resolve(self, path, follow=follow or path.endswith("/")) as (directory, name, slash):
            if not name:
                directory.set_times(accessed, modified)
            else:
                _expect_directory(directory, name, slash)
                directory.set_entry_times(name, accessed, modified)

    def read_link_at(self, path: str) -> str:
        """The target of the symbolic link at `path`."""
        with resolve(self, path) as (directory, name, slash):
            if not name or slash:
                raise HostError(Code.INVALID)
            return directory.read_link(name)

    def make_directory_at(self, path: str) -> None:
        """Create an empty directory at `path`."""
        with resolve(self, path) as (directory, name, _):
            if not name:
                raise HostError(Code.EXIST)
            directory.make_directory(name)

    def make_link_at(self, target: str, path: str) -> None:
        """Create at `path` a symbolic link to `target`, which must be a relative path."""
        if target.startswith("/"):
            raise HostError(Code.NOT_PERMITTED)
        with resolve(self, path) as (directory, name, slash):
            _expect_free(directory, name, slash)
            directory.make_link(target, name)

    def remove_directory_at(self, path: str) -> None:
        """Remove the empty directory at `path`."""
        with resolve(self, path) as (directory, name, _):
            if not name:
                raise HostError(Code.INVALID)
            directory.remove_directory(name)

    def unlink_at(self, path: str) -> None:
        """Remove the file, or the symbolic link, at `path`."""
        with resolve(self, path) as (directory, name, slash):
            if not name:
                raise HostError(Code.IS_DIRECTORY)
            _expect_directory(directory, name, slash)
            directory.unlink(name)

    def rename_at(self, path: str, to: "Directory", new_path: str) -> None:
        """Move what is at `path` to `new_path` below `to`, replacing what is there."""
        with resolve(self, path) as (directory, name, slash), resolve(to, new_path) as target:
            if not name or not target.name:
                raise HostError(Code.BUSY)
            _expect_directory(directory, name, slash or target.slash)
            directory.rename(name, target.directory, target.name)

    def link_at(self, path: str, to: "Directory", new_path: str) -> None:
        """Give the file at `path` a second name, `new_path` below `to`."""
        with resolve(self, path) as (directory, name, slash), resolve(to, new_path) as target:
            if not name:
                raise HostError(Code.NOT_PERMITTED)
            _expect_directory(directory, name, slash)
            _expect_free(target.directory, target.name, target.slash)
            directory.link(name, target.directory, target.name)


class Target(NamedTuple):
    """Where a path ends: the entry `name` of `directory`, or, if `name` is empty, that directory.

    `slash` says that the path ended in a slash: it names a directory or nothing.
    """

    directory: Directory
    name: str
    slash: bool


@contextmanager
def resolve(base: Directory, path: str, *, follow: bool = False) -> Iterator[Target]:
    """Walk `path` from `base` to its last name, which need not exist.

    With `follow`, a symbolic link there is followed too. Yields the `Target`; its directory is
    closed afterwards unless it is `base`. Raises `HostError` or `OSError`.
    """
    walk = _Walk(base, path)
    try:
        yield walk.target(follow)
    finally:
        walk.close()


class _Walk:
    """The way from `base` to where a path leads: the directories passed, each open."""

    __slots__ = ("_links", "_slash", "_todo", "_way")

    def __init__(self, base: Directory, path: str) -> None:
        self._way = [base]
        self._todo: list[str] = []
        self._links = 0
        self._slash = False
        self._prepend(path, last=True)

    def _prepend(self, path: str, last: bool) -> None:
        """Put the names of `path` before those still to walk."""
        if not path:
            raise HostError(Code.NO_ENTRY)
        if path.startswith("/"):
            raise HostError(Code.NOT_PERMITTED)
        if "\0" in path:
            raise HostError(Code.INVALID)
        if len(path) > MAX_PATH:
            raise HostError(Code.NAME_TOO_LONG)
        self._slash |= last and path.endswith(("/", "/."))
        self._todo += [name for name in reversed(path.split("/")) if name not in ("", ".")]

    def target(self, follow: bool) -> Target:
        """Walk, and say where the path ends."""
        while self._todo:
            name = self._todo.pop()
            if name == "..":
                self._back()
            elif self._todo:
                self._forward(name)
            elif not follow or not self._follow(name):
                return Target(self._way[-1], name, self._slash)
        return Target(self._way[-1], "", True)

    def _back(self) -> None:
        if len(self._way) == 1:
            raise HostError(Code.NOT_PERMITTED)
        self._way.pop().close()

    def _forward(self, name: str) -> None:
        """Into the directory `name`, or along the symbolic link of that name."""
        if len(self._way) > MAX_DEPTH:
            raise HostError(Code.NAME_TOO_LONG)
        try:
            self._way.append(self._way[-1].enter(name))
        except (HostError, OSError) as error:
            if code_of(error) not in (Code.NOT_DIRECTORY, Code.LOOP) or not self._follow(name):
                raise

    def _follow(self, name: str) -> bool:
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
        self._prepend(target, last=not self._todo)
        return True

    def close(self) -> None:
        """Close every directory passed; `base` is not ours."""
        for directory in self._way[1:]:
            directory.close()


def _reopen(directory: Directory, options: OpenOptions) -> Directory:
    if options.create and options.exclusive:
        raise HostError(Code.EXIST)
    if options.write or options.create or options.truncate:
        raise HostError(Code.IS_DIRECTORY)
    return directory.reopen()


def _expect_directory(directory: Directory, name: str, slash: bool) -> None:
    """After a slash there must be a directory, else NOT_DIRECTORY."""
    if slash and directory.stat_entry(name).type is not FileType.DIRECTORY:
        raise HostError(Code.NOT_DIRECTORY)


def _expect_free(directory: Directory, name: str, slash: bool) -> None:
    """Nothing but a directory can be created under a name with a slash: say which error it is."""
    if not name:
        raise HostError(Code.EXIST)
    if slash:
        _expect_directory(directory, name, slash)  # NO_ENTRY where there is nothing
        raise HostError(Code.EXIST)
