"""The functions of WASI 0.1 that take a path: `path_…`."""

from wadjet.wasi.host.directory import Directory
from wadjet.wasi.host.errors import Code, HostError
from wadjet.wasi.host.handles import DSYNC, RSYNC, SYNC, OpenOptions
from wadjet.wasi.p1.abi import (
    DIRECTORY_RIGHTS,
    FDFLAGS,
    FILE_RIGHTS,
    O_CREAT,
    O_DIRECTORY,
    O_EXCL,
    O_TRUNC,
    SIZE,
    STREAM_RIGHTS,
    SUCCESS,
    SYMLINK_FOLLOW,
    Right,
)
from wadjet.wasi.p1.descriptors import DescriptorFunctions
from wadjet.wasi.p1.state import Descriptor

#: The rights whose use needs a file that is open for reading, or for writing.
_READING = Right.FD_READ | Right.FD_READDIR
_WRITING = Right.FD_WRITE | Right.FD_ALLOCATE | Right.FD_FILESTAT_SET_SIZE


def _follows(flags: int) -> bool:
    """Whether `$lookupflags` ask to follow a symbolic link at the end of a path."""
    if flags & ~SYMLINK_FOLLOW:
        raise HostError(Code.INVALID)
    return flags == SYMLINK_FOLLOW


class PathFunctions(DescriptorFunctions):
    """`path_…`: a path is followed from a directory's descriptor, and never leads out of it."""

    def path_open(
        self,
        fd: int,
        lookup: int,
        path: int,
        length: int,
        oflags: int,
        base: int,
        inheriting: int,
        fdflags: int,
        result: int,
    ) -> int:
        """Open or create what is at a path."""
        directory = self.directory(fd, Right.PATH_OPEN)
        base, inheriting = base & Right.ALL, inheriting & Right.ALL
        self._expect_grants(fd, oflags, base | inheriting, fdflags)
        options = OpenOptions(
            read=bool(base & _READING) or not base & _WRITING,
            write=bool(base & _WRITING),
            create=bool(oflags & O_CREAT),
            exclusive=bool(oflags & O_EXCL),
            truncate=bool(oflags & O_TRUNC),
            directory=bool(oflags & O_DIRECTORY),
            flags=fdflags,
        )
        name = self.path(path, length)
        handle = directory.open_at(name, options, follow=_follows(lookup))
        if isinstance(handle, Directory):
            descriptor = Descriptor(handle, base & DIRECTORY_RIGHTS, inheriting)
        else:
            meaningful = FILE_RIGHTS if handle.seekable() else STREAM_RIGHTS
            descriptor = Descriptor(handle, base & meaningful)
        number = self.insert(descriptor)
        try:
            self.store(SIZE, result, number)
        except BaseException:
            self.fd_close(number)
            raise
        return SUCCESS

    def _expect_grants(self, fd: int, oflags: int, rights: int, fdflags: int) -> None:
        """What the guest asks for must be sensible, and among what the directory can give."""
        if (
            oflags & ~(O_CREAT | O_DIRECTORY | O_EXCL | O_TRUNC)
            or fdflags & ~FDFLAGS
            or oflags & (O_CREAT | O_DIRECTORY) == O_CREAT | O_DIRECTORY
        ):
            raise HostError(Code.INVALID)
        needed = 0
        if oflags & O_CREAT:
            needed |= Right.PATH_CREATE_FILE
        if oflags & O_TRUNC:
            needed |= Right.PATH_FILESTAT_SET_SIZE
        if fdflags & DSYNC:
            rights |= Right.FD_DATASYNC
        if fdflags & (RSYNC | SYNC):
            rights |= Right.FD_SYNC
        if rights & ~self.descriptor(fd, needed).inheriting:
            raise HostError(Code.NOT_CAPABLE)

    def path_filestat_get(self, fd: int, lookup: int, path: int, length: int, result: int) -> int:
        """The attributes of what is at a path."""
        directory = self.directory(fd, Right.PATH_FILESTAT_GET)
        stat = directory.stat_at(self.path(path, length), follow=_follows(lookup))
        self.store_filestat(result, stat)
        return SUCCESS

    def path_filestat_set_times(
        self,
        fd: int,
        lookup: int,
        path: int,
        length: int,
        accessed: int,
        modified: int,
        flags: int,
    ) -> int:
        """Set the times of what is at a path."""
        directory = self.directory(fd, Right.PATH_FILESTAT_SET_TIMES)
        times = self.times(accessed, modified, flags)
        directory.set_times_at(self.path(path, length), *times, follow=_follows(lookup))
        return SUCCESS

    def path_create_directory(self, fd: int, path: int, length: int) -> int:
        """Create an empty directory."""
        directory = self.directory(fd, Right.PATH_CREATE_DIRECTORY)
        directory.make_directory_at(self.path(path, length))
        return SUCCESS

    def path_remove_directory(self, fd: int, path: int, length: int) -> int:
        """Remove an empty directory."""
        directory = self.directory(fd, Right.PATH_REMOVE_DIRECTORY)
        directory.remove_directory_at(self.path(path, length))
        return SUCCESS

    def path_unlink_file(self, fd: int, path: int, length: int) -> int:
        """Remove a file or a symbolic link."""
        directory = self.directory(fd, Right.PATH_UNLINK_FILE)
        directory.unlink_at(self.path(path, length))
        return SUCCESS

    def path_symlink(self, target: int, size: int, fd: int, path: int, length: int) -> int:
        """Create a symbolic link."""
        directory = self.directory(fd, Right.PATH_SYMLINK)
        directory.make_link_at(self.path(target, size), self.path(path, length))
        return SUCCESS

    def path_readlink(
        self, fd: int, path: int, length: int, buffer: int, room: int, result: int
    ) -> int:
        """The target of a symbolic link, or as much of it as there is room for."""
        directory = self.directory(fd, Right.PATH_READLINK)
        target = directory.read_link_at(self.path(path, length))
        data = target.encode("utf-8", "surrogateescape")
        region = self.bytes_at(buffer, room)
        used = min(len(data), room)
        region[:used] = data[:used]
        self.store(SIZE, result, used)
        return SUCCESS

    def path_rename(
        self, fd: int, path: int, length: int, to: int, new_path: int, new_length: int
    ) -> int:
        """Move what is at a path."""
        source = self.directory(fd, Right.PATH_RENAME_SOURCE)
        target = self.directory(to, Right.PATH_RENAME_TARGET)
        source.rename_at(self.path(path, length), target, self.path(new_path, new_length))
        return SUCCESS

    def path_link(
        self,
        fd: int,
        lookup: int,
        path: int,
        length: int,
        to: int,
        new_path: int,
        new_length: int,
    ) -> int:
        """Give a file a second name. Symbolic links are linked to, not followed."""
        source = self.directory(fd, Right.PATH_LINK_SOURCE)
        target = self.directory(to, Right.PATH_LINK_TARGET)
        if _follows(lookup):
            raise HostError(Code.INVALID)
        source.link_at(self.path(path, length), target, self.path(new_path, new_length))
        return SUCCESS
