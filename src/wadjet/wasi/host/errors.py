"""What can go wrong outside the guest: one enumeration, which each edition maps to its own.

Functions of this room raise `HostError` for what they refuse themselves and let the operating
system's `OSError` pass; `code_of` reads either.
"""

import errno
from enum import Enum


class Code(Enum):
    """Why the world said no. The names are WASI 0.2's, the values POSIX's."""

    ACCESS = "EACCES"
    ADDRESS_IN_USE = "EADDRINUSE"
    ADDRESS_NOT_BINDABLE = "EADDRNOTAVAIL"
    ADDRESS_FAMILY = "EAFNOSUPPORT"
    ALREADY = "EALREADY"
    BAD_DESCRIPTOR = "EBADF"
    BAD_MESSAGE = "EBADMSG"
    BUSY = "EBUSY"
    CANCELED = "ECANCELED"
    CONNECTION_ABORTED = "ECONNABORTED"
    CONNECTION_REFUSED = "ECONNREFUSED"
    CONNECTION_RESET = "ECONNRESET"
    CROSS_DEVICE = "EXDEV"
    DEADLOCK = "EDEADLK"
    DESTINATION_REQUIRED = "EDESTADDRREQ"
    EXIST = "EEXIST"
    FILE_TOO_LARGE = "EFBIG"
    HOST_UNREACHABLE = "EHOSTUNREACH"
    ILLEGAL_BYTE_SEQUENCE = "EILSEQ"
    IN_PROGRESS = "EINPROGRESS"
    INSUFFICIENT_MEMORY = "ENOMEM"
    INSUFFICIENT_SPACE = "ENOSPC"
    INTERRUPTED = "EINTR"
    INVALID = "EINVAL"
    INVALID_SEEK = "ESPIPE"
    IO = "EIO"
    IS_CONNECTED = "EISCONN"
    IS_DIRECTORY = "EISDIR"
    LOOP = "ELOOP"
    MESSAGE_SIZE = "EMSGSIZE"
    NAME_TOO_LONG = "ENAMETOOLONG"
    NETWORK_DOWN = "ENETDOWN"
    NETWORK_RESET = "ENETRESET"
    NETWORK_UNREACHABLE = "ENETUNREACH"
    NO_BUFFER_SPACE = "ENOBUFS"
    NO_DEVICE = "ENODEV"
    NO_ENTRY = "ENOENT"
    NO_LOCK = "ENOLCK"
    NO_PROTOCOL_OPTION = "ENOPROTOOPT"
    NO_SUCH_DEVICE = "ENXIO"
    NO_TTY = "ENOTTY"
    NOT_CAPABLE = "ENOTCAPABLE"
    NOT_CONNECTED = "ENOTCONN"
    NOT_DIRECTORY = "ENOTDIR"
    NOT_EMPTY = "ENOTEMPTY"
    NOT_PERMITTED = "EPERM"
    NOT_RECOVERABLE = "ENOTRECOVERABLE"
    NOT_SOCKET = "ENOTSOCK"
    OVERFLOW = "EOVERFLOW"
    PIPE = "EPIPE"
    PROTOCOL = "EPROTO"
    PROTOCOL_UNSUPPORTED = "EPROTONOSUPPORT"
    QUOTA = "EDQUOT"
    READ_ONLY = "EROFS"
    STALE = "ESTALE"
    TEXT_FILE_BUSY = "ETXTBSY"
    TIMED_OUT = "ETIMEDOUT"
    TOO_MANY_LINKS = "EMLINK"
    TOO_MANY_OPEN_FILES = "EMFILE"
    TOO_MANY_OPEN_FILES_IN_SYSTEM = "ENFILE"
    UNSUPPORTED = "ENOTSUP"
    WOULD_BLOCK = "EAGAIN"


class HostError(Exception):
    """A refusal by the host. Never reaches the user: each edition turns it into its error code."""

    def __init__(self, code: Code) -> None:
        super().__init__(code.name)
        self.code = code


def _numbers() -> dict[int, Code]:
    """The system's error numbers. Windows knows the sockets' ones under a second name too."""
    numbers: dict[int, Code] = {}
    for code in Code:
        for name in (code.value, f"WSA{code.value}"):
            number = getattr(errno, name, None)
            if number is not None:
                numbers.setdefault(number, code)
    for name, code in (("EWOULDBLOCK", Code.WOULD_BLOCK), ("EOPNOTSUPP", Code.UNSUPPORTED)):
        numbers.setdefault(getattr(errno, name), code)
    return numbers


_BY_NUMBER = _numbers()


def code_of(error: HostError | OSError) -> Code:
    """The code of a refusal, whoever said it. An unknown system error is `Code.IO`."""
    if isinstance(error, HostError):
        return error.code
    if error.errno is None:
        return _nameless(error)
    return _BY_NUMBER.get(error.errno, Code.IO)


def _nameless(error: OSError) -> Code:
    """The code of an `OSError` that Python code raised without a number."""
    for kind, code in (
        (BlockingIOError, Code.WOULD_BLOCK),
        (BrokenPipeError, Code.PIPE),
        (ConnectionAbortedError, Code.CONNECTION_ABORTED),
        (ConnectionResetError, Code.CONNECTION_RESET),
        (FileNotFoundError, Code.NO_ENTRY),
        (PermissionError, Code.ACCESS),
        (TimeoutError, Code.TIMED_OUT),
    ):
        if isinstance(error, kind):
            return code
    return Code.IO
