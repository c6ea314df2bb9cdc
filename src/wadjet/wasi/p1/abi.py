"""The binary interface of WASI 0.1 as tables: numbers, bits, layouts and signatures.

From `preview1/witx` (and `preview0/witx`) of the standard; a test compares the two.
"""

from struct import Struct
from typing import Final, final

from wadjet.core.types import I32, I64, FuncType
from wadjet.wasi.host.errors import Code
from wadjet.wasi.host.handles import Advice, FileType

#: `$errno`, in order. The host's codes are found by their POSIX names.
ERRNO_NAMES: Final = """
    success 2big acces addrinuse addrnotavail afnosupport again already badf badmsg busy canceled
    child connaborted connrefused connreset deadlk destaddrreq dom dquot exist fault fbig
    hostunreach idrm ilseq inprogress intr inval io isconn isdir loop mfile mlink msgsize multihop
    nametoolong netdown netreset netunreach nfile nobufs nodev noent noexec nolck nolink nomem
    nomsg noprotoopt nospc nosys notconn notdir notempty notrecoverable notsock notsup notty nxio
    overflow ownerdead perm pipe proto protonosupport prototype range rofs spipe srch stale
    timedout txtbsy xdev notcapable
""".split()
ERRNO: Final = {code: ERRNO_NAMES.index(code.value[1:].lower()) for code in Code}
SUCCESS: Final = 0
BADF: Final = ERRNO[Code.BAD_DESCRIPTOR]

#: `$rights`, one bit each, in order.
RIGHTS_NAMES: Final = """
    fd_datasync fd_read fd_seek fd_fdstat_set_flags fd_sync fd_tell fd_write fd_advise fd_allocate
    path_create_directory path_create_file path_link_source path_link_target path_open fd_readdir
    path_readlink path_rename_source path_rename_target path_filestat_get path_filestat_set_size
    path_filestat_set_times fd_filestat_get fd_filestat_set_size fd_filestat_set_times path_symlink
    path_remove_directory path_unlink_file poll_fd_readwrite sock_shutdown sock_accept
""".split()


class Right:
    """The bits of `$rights`, by name."""

    FD_DATASYNC: Final = 1 << 0
    FD_READ: Final = 1 << 1
    FD_SEEK: Final = 1 << 2
    FD_FDSTAT_SET_FLAGS: Final = 1 << 3
    FD_SYNC: Final = 1 << 4
    FD_TELL: Final = 1 << 5
    FD_WRITE: Final = 1 << 6
    FD_ADVISE: Final = 1 << 7
    FD_ALLOCATE: Final = 1 << 8
    PATH_CREATE_DIRECTORY: Final = 1 << 9
    PATH_CREATE_FILE: Final = 1 << 10
    PATH_LINK_SOURCE: Final = 1 << 11
    PATH_LINK_TARGET: Final = 1 << 12
    PATH_OPEN: Final = 1 << 13
    FD_READDIR: Final = 1 << 14
    PATH_READLINK: Final = 1 << 15
    PATH_RENAME_SOURCE: Final = 1 << 16
    PATH_RENAME_TARGET: Final = 1 << 17
    PATH_FILESTAT_GET: Final = 1 << 18
    PATH_FILESTAT_SET_SIZE: Final = 1 << 19
    PATH_FILESTAT_SET_TIMES: Final = 1 << 20
    FD_FILESTAT_GET: Final = 1 << 21
    FD_FILESTAT_SET_SIZE: Final = 1 << 22
    FD_FILESTAT_SET_TIMES: Final = 1 << 23
    PATH_SYMLINK: Final = 1 << 24
    PATH_REMOVE_DIRECTORY: Final = 1 << 25
    PATH_UNLINK_FILE: Final = 1 << 26
    POLL_FD_READWRITE: Final = 1 << 27
    SOCK_SHUTDOWN: Final = 1 << 28
    SOCK_ACCEPT: Final = 1 << 29
    ALL: Final = (1 << 30) - 1


#: The rights that mean something on a directory, on a stream, on a file, on a socket.
DIRECTORY_RIGHTS: Final = (
    Right.FD_DATASYNC
    | Right.FD_FDSTAT_SET_FLAGS
    | Right.FD_SYNC
    | Right.FD_ADVISE
    | Right.PATH_CREATE_DIRECTORY
    | Right.PATH_CREATE_FILE
    | Right.PATH_LINK_SOURCE
    | Right.PATH_LINK_TARGET
    | Right.PATH_OPEN
    | Right.FD_READDIR
    | Right.PATH_READLINK
    | Right.PATH_RENAME_SOURCE
    | Right.PATH_RENAME_TARGET
    | Right.PATH_FILESTAT_GET
    | Right.PATH_FILESTAT_SET_SIZE
    | Right.PATH_FILESTAT_SET_TIMES
    | Right.FD_FILESTAT_GET
    | Right.FD_FILESTAT_SET_TIMES
    | Right.PATH_SYMLINK
    | Right.PATH_REMOVE_DIRECTORY
    | Right.PATH_UNLINK_FILE
    | Right.POLL_FD_READWRITE
)
STREAM_RIGHTS: Final = (
    Right.FD_DATASYNC
    | Right.FD_READ
    | Right.FD_FDSTAT_SET_FLAGS
    | Right.FD_SYNC
    | Right.FD_WRITE
    | Right.FD_ADVISE
    | Right.FD_ALLOCATE
    | Right.FD_FILESTAT_GET
    | Right.FD_FILESTAT_SET_SIZE
    | Right.FD_FILESTAT_SET_TIMES
    | Right.POLL_FD_READWRITE
)
FILE_RIGHTS: Final = STREAM_RIGHTS | Right.FD_SEEK | Right.FD_TELL
SOCKET_RIGHTS: Final = (
    Right.FD_READ
    | Right.FD_WRITE
    | Right.FD_FDSTAT_SET_FLAGS
    | Right.FD_FILESTAT_GET
    | Right.POLL_FD_READWRITE
    | Right.SOCK_SHUTDOWN
    | Right.SOCK_ACCEPT
)

#: `$filetype`. What the host knows beyond it is unknown there.
FILETYPE: Final = {
    FileType.UNKNOWN: 0,
    FileType.BLOCK_DEVICE: 1,
    FileType.CHARACTER_DEVICE: 2,
    FileType.DIRECTORY: 3,
    FileType.REGULAR_FILE: 4,
    FileType.SOCKET_DATAGRAM: 5,
    FileType.SOCKET_STREAM: 6,
    FileType.SYMBOLIC_LINK: 7,
    FileType.FIFO: 0,
}
#: `$advice`, in order.
ADVICE: Final = tuple(Advice)

#: `$oflags`, `$lookupflags`, `$fstflags`, `$subclockflags`, `$riflags`, `$sdflags`.
O_CREAT, O_DIRECTORY, O_EXCL, O_TRUNC = 1, 2, 4, 8
SYMLINK_FOLLOW: Final = 1
ATIM, ATIM_NOW, MTIM, MTIM_NOW = 1, 2, 4, 8
ABSTIME: Final = 1
RECV_PEEK, RECV_WAITALL = 1, 2
SHUT_RD, SHUT_WR = 1, 2
#: `$roflags`, `$eventrwflags`.
RECV_DATA_TRUNCATED: Final = 1
FD_READWRITE_HANGUP: Final = 1
#: `$eventtype`.
EVENT_CLOCK, EVENT_FD_READ, EVENT_FD_WRITE = 0, 1, 2
#: All bits of `$fdflags`; they are the host's own flags, bit by bit.
FDFLAGS: Final = 31

#: `$signal`: those that do nothing, and those that stop a process; the others end it.
IGNORED_SIGNALS: Final = frozenset([0, 13, 16, 17, 22, 27])
STOPPING_SIGNALS: Final = frozenset([18, 19, 20, 21])
LAST_SIGNAL: Final = 30


@final
class Record:
    """The layout of one record in memory: little-endian, `size` bytes long, and aligned."""

    __slots__ = ("alignment", "pack_into", "size")

    def __init__(self, fields: str, alignment: int) -> None:
        layout = Struct(f"<{fields}")
        self.alignment: Final = alignment
        self.size: Final = layout.size
        self.pack_into: Final = layout.pack_into


SIZE: Final = Record("I", 4)
WORD: Final = Record("Q", 8)
HALF: Final = Record("H", 2)
#: type, flags, base rights, inheriting rights
FDSTAT: Final = Record("BxHxxxxQQ", 8)
#: device, inode, type, links, size, and the three times
FILESTAT: Final = Record("QQBxxxxxxxQQQQQ", 8)
#: type, length of the name
PRESTAT: Final = Record("BxxxI", 4)
#: userdata, error, type, bytes, flags
EVENT: Final = Record("QHBxxxxxQHxxxxxx", 8)
#: next cookie, inode, length of the name, type; put where the buffer has room
DIRENT: Final = Struct("<QQIBxxx")
#: pointer, length
IOVEC: Final = Struct("<II")
#: userdata, type, descriptor; then, at `CLOCK_AT`: clock, timeout, precision, flags
SUBSCRIPTION: Final = Struct("<QBxxxxxxxI")
CLOCK: Final = Struct("<IxxxxQQH")
CLOCK_AT: Final = 16
SUBSCRIPTION_SIZE: Final = 48

#: The same in `wasi_unstable`: a clock subscription begins with an identifier of its own, a file
#: has fewer than 2^32 links, and `$whence` counts in another order.
UNSTABLE_FILESTAT: Final = Record("QQBxxxIQQQQ", 8)
UNSTABLE_CLOCK_AT: Final = 24
UNSTABLE_SUBSCRIPTION_SIZE: Final = 56
WHENCE: Final = (0, 1, 2)
UNSTABLE_WHENCE: Final = (1, 2, 0)

_LETTERS: Final = {"i": I32, "I": I64}


def _signature(params: str, result: str = "i") -> FuncType:
    return FuncType(tuple(_LETTERS[p] for p in params), tuple(_LETTERS[r] for r in result))


#: The functions, with their types in core WebAssembly: i is i32, I is i64.
SIGNATURES: Final = {
    "args_get": _signature("ii"),
    "args_sizes_get": _signature("ii"),
    "environ_get": _signature("ii"),
    "environ_sizes_get": _signature("ii"),
    "clock_res_get": _signature("ii"),
    "clock_time_get": _signature("iIi"),
    "fd_advise": _signature("iIIi"),
    "fd_allocate": _signature("iII"),
    "fd_close": _signature("i"),
    "fd_datasync": _signature("i"),
    "fd_fdstat_get": _signature("ii"),
    "fd_fdstat_set_flags": _signature("ii"),
    "fd_fdstat_set_rights": _signature("iII"),
    "fd_filestat_get": _signature("ii"),
    "fd_filestat_set_size": _signature("iI"),
    "fd_filestat_set_times": _signature("iIIi"),
    "fd_pread": _signature("iiiIi"),
    "fd_prestat_get": _signature("ii"),
    "fd_prestat_dir_name": _signature("iii"),
    "fd_pwrite": _signature("iiiIi"),
    "fd_read": _signature("iiii"),
    "fd_readdir": _signature("iiiIi"),
    "fd_renumber": _signature("ii"),
    "fd_seek": _signature("iIii"),
    "fd_sync": _signature("i"),
    "fd_tell": _signature("ii"),
    "fd_write": _signature("iiii"),
    "path_create_directory": _signature("iii"),
    "path_filestat_get": _signature("iiiii"),
    "path_filestat_set_times": _signature("iiiiIIi"),
    "path_link": _signature("iiiiiii"),
    "path_open": _signature("iiiiiIIii"),
    "path_readlink": _signature("iiiiii"),
    "path_remove_directory": _signature("iii"),
    "path_rename": _signature("iiiiii"),
    "path_symlink": _signature("iiiii"),
    "path_unlink_file": _signature("iii"),
    "poll_oneoff": _signature("iiii"),
    "proc_exit": _signature("i", ""),
    "proc_raise": _signature("i"),
    "sched_yield": _signature(""),
    "random_get": _signature("ii"),
    "sock_accept": _signature("iii"),
    "sock_recv": _signature("iiiiii"),
    "sock_send": _signature("iiiii"),
    "sock_shutdown": _signature("ii"),
}
