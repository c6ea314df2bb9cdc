"""`wasi:filesystem` 0.2: descriptors, their streams, what was preopened."""

from typing import Final, final

from wadjet.wasi.common.filesystem import (
    READ,
    WRITE,
    DescriptorBase,
    DirectoryEntry,
    preopened,
)
from wadjet.wasi.common.forms import Member, answers
from wadjet.wasi.host.capabilities import Capabilities
from wadjet.wasi.host.errors import Code
from wadjet.wasi.host.handles import FileType, write_all
from wadjet.wasi.p2.io import CHUNK, Error, FileInput, FileOutput

#: `error-code` has these names of ours; whatever else happens is `io`.
_CODES: Final = frozenset(
    "ACCESS WOULD_BLOCK ALREADY BAD_DESCRIPTOR BUSY DEADLOCK QUOTA EXIST FILE_TOO_LARGE "
    "ILLEGAL_BYTE_SEQUENCE IN_PROGRESS INTERRUPTED INVALID IO IS_DIRECTORY LOOP TOO_MANY_LINKS "
    "MESSAGE_SIZE NAME_TOO_LONG NO_DEVICE NO_ENTRY NO_LOCK INSUFFICIENT_MEMORY "
    "INSUFFICIENT_SPACE NOT_DIRECTORY NOT_EMPTY NOT_RECOVERABLE UNSUPPORTED NO_TTY "
    "NO_SUCH_DEVICE OVERFLOW NOT_PERMITTED PIPE READ_ONLY INVALID_SEEK TEXT_FILE_BUSY "
    "CROSS_DEVICE".split()
)
_TYPES: Final = {
    kind: Member(kind.name if not kind.name.startswith("SOCKET") else "SOCKET") for kind in FileType
}


def error_code(code: Code) -> Member:
    """The `error-code` of a refusal."""
    return Member(code.name if code.name in _CODES else "IO")


@final
class DirectoryEntryStream:
    """`directory-entry-stream`."""

    def __init__(self, entries: list[DirectoryEntry]) -> None:
        self._entries: Final = iter(entries)

    def read_directory_entry(self) -> DirectoryEntry | None:
        """The next entry; None at the end."""
        return next(self._entries, None)


@final
class Descriptor(DescriptorBase):
    """`descriptor`."""

    types = _TYPES

    def refusal(self, code: Code) -> object:
        """The `error-code`."""
        return error_code(code)

    @answers
    def read_via_stream(self, offset: int) -> FileInput:
        """A stream from a place on."""
        return FileInput(self.file(READ), offset)

    @answers
    def write_via_stream(self, offset: int) -> FileOutput:
        """A stream to a place."""
        return FileOutput(self.file(WRITE), offset)

    @answers
    def append_via_stream(self) -> FileOutput:
        """A stream to the end."""
        return FileOutput(self.file(WRITE), None)

    @answers
    def read(self, length: int, offset: int) -> tuple[bytes, bool]:
        """Bytes from a place, and whether they are the last."""
        buffer = bytearray(min(length, CHUNK))
        count = self.file(READ).read_at([memoryview(buffer)], offset)
        return bytes(buffer[:count]), count == 0 and length > 0

    @answers
    def write(self, buffer: bytes, offset: int) -> int:
        """Write to a place; how many bytes."""
        write_all(self.file(WRITE), bytes(buffer), offset)
        return len(buffer)

    @answers
    def read_directory(self) -> DirectoryEntryStream:
        """What is in it."""
        directory = self.directory()
        return DirectoryEntryStream(
            [DirectoryEntry(_TYPES[entry.type], entry.name) for entry in directory.entries()]
        )

    @answers
    def open_at(
        self, path_flags: object, path: str, open_flags: object, flags: object
    ) -> "Descriptor":
        """Open or create what is there."""
        made: Descriptor = self._open_at(path_flags, path, open_flags, flags)
        return made


@final
class Filesystem:
    """`wasi:filesystem/types`."""

    Descriptor = Descriptor
    DirectoryEntryStream = DirectoryEntryStream

    def filesystem_error_code(self, err: Error) -> Member | None:
        """Why a stream of a file failed."""
        return error_code(err.code) if err.cause is None else None


@final
class Preopens:
    """`wasi:filesystem/preopens`."""

    def __init__(self, wasi: Capabilities) -> None:
        self._wasi: Final = wasi

    def get_directories(self) -> list[tuple[DescriptorBase, str]]:
        """The directories that were granted, with their names."""
        return preopened(Descriptor, self._wasi)
