"""What `wasi:filesystem` is in every edition: descriptors, without their streams."""

import hashlib
import os
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Final

from wadjet.wasi.common.forms import answers, bits, name
from wadjet.wasi.host.capabilities import Capabilities
from wadjet.wasi.host.directory import Directory
from wadjet.wasi.host.errors import Code, HostError
from wadjet.wasi.host.handles import (
    DSYNC, NONBLOCK, RSYNC, SYNC, Advice, FileType, Handle, OpenOptions, Stat,
)  # fmt: skip

#: The bits of `descriptor-flags`, `path-flags` and `open-flags`.
READ, WRITE, FILE_SYNC, DATA_SYNC, REQUESTED_SYNC, MUTATE = 1, 2, 4, 8, 16, 32
SYMLINK_FOLLOW = 1
CREATE, DIRECTORY, EXCLUSIVE, TRUNCATE = 1, 2, 4, 8
_SYNC = ((FILE_SYNC, SYNC), (DATA_SYNC, DSYNC), (REQUESTED_SYNC, RSYNC))

#: Mixed into hashes of metadata, so that they give no inode away.
_SECRET: Final = os.urandom(16)
_MAX_TIME: Final = (1 << 63) - 1


@dataclass(frozen=True, slots=True)
class Instant:
    """A time since 1970: `datetime` of 0.2, `instant` of 0.3."""

    seconds: int
    nanoseconds: int

    @classmethod
    def of(cls, nanoseconds: int) -> "Instant":
        """The same, from nanoseconds."""
        return cls(*divmod(nanoseconds, 10**9))


@dataclass(frozen=True, slots=True)
class DescriptorStat:
    """`descriptor-stat`."""

    type: object
    link_count: int
    size: int
    data_access_timestamp: Instant | None
    data_modification_timestamp: Instant | None
    status_change_timestamp: Instant | None


@dataclass(frozen=True, slots=True)
class DirectoryEntry:
    """`directory-entry`."""

    type: object
    name: str


@dataclass(frozen=True, slots=True)
class MetadataHashValue:
    """`metadata-hash-value`."""

    lower: int
    upper: int


class DescriptorBase(ABC):
    """`descriptor`: a handle, and what this descriptor may do with it (`flags`)."""

    #: an edition's own value for each type of file
    types: ClassVar[Mapping[FileType, object]]

    def __init__(self, wasi: Capabilities, handle: Handle, flags: int) -> None:
        self.wasi: Final = wasi
        self.handle: Final = handle
        self.flags: Final = flags

    @abstractmethod
    def refusal(self, code: Code) -> object:
        """An edition's own error code."""

    def close(self) -> None:
        """The guest is done with it."""
        self.handle.close()

    # -- What it may ------------------------------------------------------------------------------

    def expect(self, flag: int, otherwise: Code) -> Handle:
        """The handle, if the descriptor has this flag."""
        if not self.flags & flag:
            raise HostError(otherwise)
        return self.handle

    def file(self, flag: int) -> Handle:
        """The handle, if it is a file that may be read, or written."""
        if isinstance(self.handle, Directory):
            raise HostError(Code.IS_DIRECTORY)
        return self.expect(flag, Code.BAD_DESCRIPTOR)

    def directory(self) -> Directory:
        """The handle, if it is a directory."""
        if not isinstance(self.handle, Directory):
            raise HostError(Code.NOT_DIRECTORY)
        return self.handle

    def mutable(self) -> Directory:
        """The handle, if it is a directory that may be changed."""
        directory = self.directory()
        self.expect(MUTATE, Code.READ_ONLY)
        return directory

    # -- Of the open file -------------------------------------------------------------------------

    @answers
    def advise(self, offset: int, length: int, advice: object) -> None:
        """Tell how a range will be used."""
        if isinstance(self.handle, Directory):
            raise HostError(Code.BAD_DESCRIPTOR)
        self.handle.advise(offset, length, Advice[name(advice)])

    @answers
    def sync_data(self) -> None:
        """Wait until the data is on disk."""
        self._sync(data_only=True)

    @answers
    def sync(self) -> None:
        """Wait until everything is on disk."""
        self._sync(data_only=False)

    def _sync(self, *, data_only: bool) -> None:
        if self.flags & (WRITE | MUTATE):
            self.handle.sync(data_only=data_only)

    @answers
    def get_flags(self) -> int:
        """What it may, and how."""
        return self.flags

    @answers
    def get_type(self) -> object:
        """What kind of file it is."""
        return self.types[self.handle.stat().type]

    @answers
    def set_size(self, size: int) -> None:
        """Cut or extend."""
        self.file(WRITE).set_size(size)

    @answers
    def set_times(self, data_access_timestamp: object, data_modification_timestamp: object) -> None:
        """Set the times."""
        flag = MUTATE if isinstance(self.handle, Directory) else WRITE
        handle = self.expect(flag, Code.NOT_PERMITTED)
        handle.set_times(self._time(data_access_timestamp), self._time(data_modification_timestamp))

    def _time(self, wanted: object) -> int | None:
        """A `new-timestamp`, in nanoseconds."""
        kind = name(wanted)
        if kind == "NoChange":
            return None
        if kind == "Now":
            return self.wasi.clocks.realtime.now()
        when: Any = wanted.value  # type: ignore[attr-defined]  # the third case has one
        time: int = when.seconds * 10**9 + when.nanoseconds
        if when.nanoseconds >= 10**9 or not -_MAX_TIME <= time <= _MAX_TIME:
            raise HostError(Code.INVALID)
        return time

    @answers
    def stat(self) -> DescriptorStat:
        """The attributes."""
        return self._stat(self.handle.stat())

    def _stat(self, stat: Stat) -> DescriptorStat:
        times = (stat.accessed, stat.modified, stat.changed)
        return DescriptorStat(
            self.types[stat.type],
            stat.links,
            stat.size,
            *(Instant.of(time) if time else None for time in times),
        )

    def is_same_object(self, other: "DescriptorBase") -> bool:
        """Whether both are the same file."""
        mine, its = self.handle.stat(), other.handle.stat()
        return (mine.device, mine.inode) == (its.device, its.inode)

    @answers
    def metadata_hash(self) -> MetadataHashValue:
        """A number that changes when the file does."""
        return _hash(self.handle.stat())

    # -- Of paths ---------------------------------------------------------------------------------

    @answers
    def create_directory_at(self, path: str) -> None:
        """Create a directory."""
        self.mutable().make_directory_at(path)

    @answers
    def stat_at(self, path_flags: object, path: str) -> DescriptorStat:
        """The attributes of what is there."""
        return self._stat(self.directory().stat_at(path, follow=_follow(path_flags)))

    @answers
    def set_times_at(
        self,
        path_flags: object,
        path: str,
        data_access_timestamp: object,
        data_modification_timestamp: object,
    ) -> None:
        """Set the times of what is there."""
        accessed = self._time(data_access_timestamp)
        modified = self._time(data_modification_timestamp)
        self.mutable().set_times_at(path, accessed, modified, follow=_follow(path_flags))

    @answers
    def link_at(
        self,
        old_path_flags: object,
        old_path: str,
        new_descriptor: "DescriptorBase",
        new_path: str,
    ) -> None:
        """Give a file a second name."""
        if _follow(old_path_flags):
            raise HostError(Code.INVALID)
        self.mutable().link_at(old_path, new_descriptor.mutable(), new_path)

    def _open_at(self, path_flags: object, path: str, open_flags: object, flags: object) -> Any:
        """Open or create what is there; a descriptor of the same kind."""
        how, wanted = bits(open_flags), bits(flags)
        directory = self.directory()
        writes = wanted & (WRITE | MUTATE) or how & (CREATE | TRUNCATE)
        if writes and not self.flags & MUTATE:
            raise HostError(Code.READ_ONLY)
        if how & DIRECTORY and how & (CREATE | EXCLUSIVE | TRUNCATE):
            raise HostError(Code.INVALID)
        options = OpenOptions(
            read=bool(wanted & READ) or not wanted & WRITE,
            write=bool(wanted & WRITE or how & CREATE),
            create=bool(how & CREATE),
            exclusive=bool(how & EXCLUSIVE),
            truncate=bool(how & TRUNCATE),
            directory=bool(how & DIRECTORY),
            # nobody may hold up the others until somebody opens the other end of a named pipe
            flags=NONBLOCK | sum(flag for bit, flag in _SYNC if wanted & bit),
        )
        handle = directory.open_at(path, options, follow=_follow(path_flags))
        if isinstance(handle, Directory):
            wanted |= READ
        else:
            # What is created may be written, what nothing is said of be read.
            wanted = wanted & ~MUTATE | (READ if options.read else 0)
            wanted |= WRITE if options.write else 0
        return type(self)(self.wasi, handle, wanted)

    @answers
    def readlink_at(self, path: str) -> str:
        """Where a symbolic link leads."""
        target = self.directory().read_link_at(path)
        if target.startswith("/"):
            raise HostError(Code.NOT_PERMITTED)
        return target

    @answers
    def remove_directory_at(self, path: str) -> None:
        """Remove an empty directory."""
        self.mutable().remove_directory_at(path)

    @answers
    def rename_at(self, old_path: str, new_descriptor: "DescriptorBase", new_path: str) -> None:
        """Move what is there."""
        self.mutable().rename_at(old_path, new_descriptor.mutable(), new_path)

    @answers
    def symlink_at(self, old_path: str, new_path: str) -> None:
        """Create a symbolic link."""
        self.mutable().make_link_at(old_path, new_path)

    @answers
    def unlink_file_at(self, path: str) -> None:
        """Remove what is no directory."""
        self.mutable().unlink_at(path)

    @answers
    def metadata_hash_at(self, path_flags: object, path: str) -> MetadataHashValue:
        """As `metadata_hash`, of what is there."""
        return _hash(self.directory().stat_at(path, follow=_follow(path_flags)))


def preopened(kind: type[DescriptorBase], wasi: Capabilities) -> list[tuple[DescriptorBase, str]]:
    """New descriptors for the directories that were granted, with their names."""
    return [(kind(wasi, each, READ | MUTATE), title) for title, each in wasi.open_dirs()]


def _follow(flags: object) -> bool:
    return bool(bits(flags) & SYMLINK_FOLLOW)


def _hash(stat: Stat) -> MetadataHashValue:
    known = repr((stat.device, stat.inode, stat.size, stat.modified, stat.changed)).encode()
    digest = hashlib.blake2b(known, digest_size=16, key=_SECRET).digest()
    return MetadataHashValue(
        int.from_bytes(digest[:8], "little"), int.from_bytes(digest[8:], "little")
    )
