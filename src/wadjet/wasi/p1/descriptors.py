"""The functions of WASI 0.1 that work on an open descriptor: `fd_…`."""

from wadjet.wasi.host.directory import Directory, DirectoryEntry
from wadjet.wasi.host.errors import Code, HostError
from wadjet.wasi.host.handles import SEEK_CUR, FileType, Handle, Stat
from wadjet.wasi.p1.abi import (
    ADVICE,
    ATIM,
    ATIM_NOW,
    DIRENT,
    FDFLAGS,
    FDSTAT,
    FILETYPE,
    MTIM,
    MTIM_NOW,
    PRESTAT,
    SIZE,
    SUCCESS,
    WORD,
    Right,
)
from wadjet.wasi.p1.state import State


class DescriptorFunctions(State):
    """`fd_…`: each takes the numbers the guest passes and returns an `$errno`."""

    # -- Reading and writing ----------------------------------------------------------------------

    def fd_read(self, fd: int, iovs: int, count: int, result: int) -> int:
        """Read at the current position."""
        handle = self.file(fd, Right.FD_READ)
        regions = self.buffers(iovs, count)
        if self.deadline is not None:
            self.await_ready(handle, writing=False)
        self.store(SIZE, result, handle.read(regions))
        return SUCCESS

    def fd_write(self, fd: int, iovs: int, count: int, result: int) -> int:
        """Write at the current position."""
        handle = self.file(fd, Right.FD_WRITE)
        regions = self.buffers(iovs, count)
        if self.deadline is not None:
            self.await_ready(handle, writing=True)
        self.store(SIZE, result, handle.write(regions))
        return SUCCESS

    def fd_pread(self, fd: int, iovs: int, count: int, offset: int, result: int) -> int:
        """Read elsewhere."""
        handle = self.file(fd, Right.FD_READ | Right.FD_SEEK)
        self.store(SIZE, result, handle.read_at(self.buffers(iovs, count), offset))
        return SUCCESS

    def fd_pwrite(self, fd: int, iovs: int, count: int, offset: int, result: int) -> int:
        """Write elsewhere."""
        handle = self.file(fd, Right.FD_WRITE | Right.FD_SEEK)
        self.store(SIZE, result, handle.write_at(self.buffers(iovs, count), offset))
        return SUCCESS

    def fd_seek(self, fd: int, offset: int, whence: int, result: int) -> int:
        """Move the position."""
        if whence >= len(self.whence):
            raise HostError(Code.INVALID)
        base = self.whence[whence]
        delta = offset - (1 << 64) if offset >> 63 else offset
        handle = self._seekable(fd, tells=delta == 0 and base == SEEK_CUR)
        self.store(WORD, result, handle.seek(delta, base))
        return SUCCESS

    def fd_tell(self, fd: int, result: int) -> int:
        """The current position."""
        self.store(WORD, result, self._seekable(fd, tells=True).seek(0, SEEK_CUR))
        return SUCCESS

    def _seekable(self, fd: int, *, tells: bool) -> Handle:
        """The file, with the right to move its position, or just to ask for it."""
        descriptor = self.descriptor(fd)
        if descriptor.filetype is not FileType.DIRECTORY and not descriptor.handle.seekable():
            raise HostError(Code.INVALID_SEEK)
        # The right to seek implies the right to tell.
        may_tell = tells and descriptor.base & (Right.FD_SEEK | Right.FD_TELL)
        return self.file(fd, 0 if may_tell else Right.FD_SEEK)

    # -- The file behind --------------------------------------------------------------------------

    def fd_advise(self, fd: int, offset: int, length: int, advice: int) -> int:
        """Tell how a range will be used."""
        if advice >= len(ADVICE):
            raise HostError(Code.INVALID)
        self.file(fd, Right.FD_ADVISE).advise(offset, length, ADVICE[advice])
        return SUCCESS

    def fd_allocate(self, fd: int, offset: int, length: int) -> int:
        """Make room for a range."""
        self.file(fd, Right.FD_ALLOCATE).allocate(offset, length)
        return SUCCESS

    def fd_datasync(self, fd: int) -> int:
        """Wait for the data to be on disk."""
        self.descriptor(fd, Right.FD_DATASYNC).handle.sync(data_only=True)
        return SUCCESS

    def fd_sync(self, fd: int) -> int:
        """Wait for everything to be on disk."""
        self.descriptor(fd, Right.FD_SYNC).handle.sync(data_only=False)
        return SUCCESS

    def fd_filestat_get(self, fd: int, result: int) -> int:
        """The attributes of the file."""
        self.store_filestat(result, self.descriptor(fd, Right.FD_FILESTAT_GET).handle.stat())
        return SUCCESS

    def fd_filestat_set_size(self, fd: int, size: int) -> int:
        """Truncate or extend."""
        self.file(fd, Right.FD_FILESTAT_SET_SIZE).set_size(size)
        return SUCCESS

    def fd_filestat_set_times(self, fd: int, accessed: int, modified: int, flags: int) -> int:
        """Set the times."""
        handle = self.descriptor(fd, Right.FD_FILESTAT_SET_TIMES).handle
        handle.set_times(*self.times(accessed, modified, flags))
        return SUCCESS

    def store_filestat(self, result: int, stat: Stat) -> None:
        """Write a `$filestat`."""
        self.store(
            self.filestat,
            result,
            stat.device,
            stat.inode,
            FILETYPE[stat.type],
            min(stat.links, self.max_links),
            stat.size,
            stat.accessed,
            stat.modified,
            stat.changed,
        )

    def times(self, accessed: int, modified: int, flags: int) -> tuple[int | None, int | None]:
        """What `$fstflags` make of two timestamps; None leaves a time as it is."""
        if (
            flags & ~(ATIM | ATIM_NOW | MTIM | MTIM_NOW)
            or flags & (ATIM | ATIM_NOW) == ATIM | ATIM_NOW
            or flags & (MTIM | MTIM_NOW) == MTIM | MTIM_NOW
        ):
            raise HostError(Code.INVALID)
        now = self.wasi.clocks.realtime.now() if flags & (ATIM_NOW | MTIM_NOW) else 0
        return (
            accessed if flags & ATIM else now if flags & ATIM_NOW else None,
            modified if flags & MTIM else now if flags & MTIM_NOW else None,
        )

    # -- The descriptor itself --------------------------------------------------------------------

    def fd_close(self, fd: int) -> int:
        """Close."""
        self.remove(fd).handle.close()
        return SUCCESS

    def fd_renumber(self, fd: int, to: int) -> int:
        """Give a descriptor the number of another, which is closed."""
        self.descriptor(to)
        if fd != to:
            self.replace(to, self.remove(fd))
        return SUCCESS

    def fd_fdstat_get(self, fd: int, result: int) -> int:
        """Type, flags and rights."""
        descriptor = self.descriptor(fd)
        self.store(
            FDSTAT,
            result,
            FILETYPE[descriptor.filetype],
            descriptor.handle.flags,
            descriptor.base,
            descriptor.inheriting,
        )
        return SUCCESS

    def fd_fdstat_set_flags(self, fd: int, flags: int) -> int:
        """Change the flags."""
        if flags & ~FDFLAGS:
            raise HostError(Code.INVALID)
        self.descriptor(fd, Right.FD_FDSTAT_SET_FLAGS).handle.set_flags(flags)
        return SUCCESS

    def fd_fdstat_set_rights(self, fd: int, base: int, inheriting: int) -> int:
        """Give rights up."""
        descriptor = self.descriptor(fd)
        if base & ~descriptor.base or inheriting & ~descriptor.inheriting:
            raise HostError(Code.NOT_CAPABLE)
        descriptor.base, descriptor.inheriting = base, inheriting
        return SUCCESS

    # -- Directories ------------------------------------------------------------------------------

    def fd_prestat_get(self, fd: int, result: int) -> int:
        """What kind of preopen this is, and how long its name."""
        self.store(PRESTAT, result, 0, len(self._preopen_name(fd)))
        return SUCCESS

    def fd_prestat_dir_name(self, fd: int, pointer: int, length: int) -> int:
        """The name of a preopened directory."""
        name = self._preopen_name(fd)
        if length < len(name):
            raise HostError(Code.NAME_TOO_LONG)
        self.bytes_at(pointer, len(name))[:] = name
        return SUCCESS

    def _preopen_name(self, fd: int) -> bytes:
        name = self.descriptor(fd).preopen
        if name is None:
            # Programs look for preopens from 3 on until this answer.
            raise HostError(Code.BAD_DESCRIPTOR)
        return name

    def fd_readdir(self, fd: int, pointer: int, length: int, cookie: int, result: int) -> int:
        """List a directory from the entry `cookie` on, until the buffer is full.

        A cookie is the number of entries before. Reading from 0 lists the directory anew; reading
        on goes on in that list, whatever became of the directory meanwhile.
        """
        directory = self.directory(fd, Right.FD_READDIR)
        descriptor = self.descriptor(fd)
        buffer = self.bytes_at(pointer, length)
        if cookie == 0 or descriptor.listing is None:
            descriptor.listing = _listing(directory)
        used = 0
        for index in range(cookie, len(descriptor.listing)):
            entry = descriptor.listing[index]
            name = entry.name.encode("utf-8", "surrogateescape")
            head = DIRENT.pack(index + 1, entry.inode, len(name), FILETYPE[entry.type])
            piece = (head + name)[: length - used]
            buffer[used : used + len(piece)] = piece
            used += len(piece)
            if used == length:
                break
        self.store(SIZE, result, used)
        return SUCCESS


def _listing(directory: Directory) -> list[DirectoryEntry]:
    """The entries, with `.` and `..`. What is above is none of the guest's business."""
    inode = directory.stat().inode
    return [
        DirectoryEntry(".", FileType.DIRECTORY, inode),
        DirectoryEntry("..", FileType.DIRECTORY, inode),
        *directory.entries(),
    ]
