"""`wasi:filesystem` 0.3: descriptors, their streams, what was preopened."""

from collections.abc import AsyncIterator
from typing import Any, Final, final

from wadjet.wasi.common.filesystem import (
    READ, WRITE, DescriptorBase, DirectoryEntry, preopened,
)  # fmt: skip
from wadjet.wasi.common.forms import Err, Variant, answers, case
from wadjet.wasi.host.capabilities import Capabilities
from wadjet.wasi.host.errors import Code, HostError, code_of
from wadjet.wasi.host.handles import FileType, Handle, write_all
from wadjet.wasi.p3.streams import CHUNK, Outcome, Source, begin, drain, refused, release

#: `error-code` has these names of ours; whatever else happens is `other`.
_CODES: Final = frozenset(
    "ACCESS ALREADY BAD_DESCRIPTOR BUSY DEADLOCK QUOTA EXIST FILE_TOO_LARGE "
    "ILLEGAL_BYTE_SEQUENCE IN_PROGRESS INTERRUPTED INVALID IO IS_DIRECTORY LOOP TOO_MANY_LINKS "
    "MESSAGE_SIZE NAME_TOO_LONG NO_DEVICE NO_ENTRY NO_LOCK INSUFFICIENT_MEMORY "
    "INSUFFICIENT_SPACE NOT_DIRECTORY NOT_EMPTY NOT_RECOVERABLE UNSUPPORTED NO_TTY "
    "NO_SUCH_DEVICE OVERFLOW NOT_PERMITTED PIPE READ_ONLY INVALID_SEEK TEXT_FILE_BUSY "
    "CROSS_DEVICE".split()
)
_TYPES: Final = {kind: case(kind.value) for kind in FileType} | {
    FileType.UNKNOWN: case("other", None),
    FileType.SOCKET_DATAGRAM: case("socket"),
    FileType.SOCKET_STREAM: case("socket"),
}


def error_code(code: Code) -> Variant:
    """The `error-code` of a refusal."""
    label = code.name.lower().replace("_", "-")
    return case(label) if code.name in _CODES else case("other", label)


@final
class Descriptor(DescriptorBase):
    """`descriptor`."""

    types = _TYPES

    def refusal(self, code: Code) -> object:
        """The `error-code`."""
        return error_code(code)

    def read_via_stream(self, offset: int) -> tuple[AsyncIterator[bytes], Outcome]:
        """A stream from a place on, and how it ended."""
        try:
            handle = self.file(READ)
        except HostError as error:
            return refused(error_code(error.code))
        place = offset

        async def pull() -> bytes:
            nonlocal place
            buffer = bytearray(CHUNK)
            count = handle.read_at([memoryview(buffer)], place)
            place += count
            return bytes(memoryview(buffer)[:count])

        source = Source(pull, error_code)
        return source, source.outcome

    async def write_via_stream(self, data: Any, offset: int) -> Outcome:
        """Write what comes to a place; how it ended."""
        return begin(self._write(data, offset))

    async def append_via_stream(self, data: Any) -> Outcome:
        """Write what comes to the end; how it ended."""
        return begin(self._write(data, None))

    async def _write(self, data: Any, place: int | None) -> object:
        try:
            handle: Handle = self.file(WRITE)
        except (HostError, OSError) as error:
            await release(data)
            return Err(error_code(code_of(error)))

        def put(piece: bytes) -> None:
            nonlocal place
            write_all(handle, piece, place)
            if place is not None:
                place += len(piece)

        return await drain(data, put, error_code)

    def read_directory(self) -> tuple[AsyncIterator[list[DirectoryEntry]], Outcome]:
        """What is in it, and whether that is all."""
        try:
            entries = self.directory().entries()
        except (HostError, OSError) as error:
            return refused(error_code(code_of(error)))
        pieces = iter([[DirectoryEntry(_TYPES[e.type], e.name) for e in entries]])

        async def pull() -> list[DirectoryEntry]:
            return next(pieces, [])

        source = Source(pull, error_code)
        return source, source.outcome

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


@final
class Preopens:
    """`wasi:filesystem/preopens`."""

    def __init__(self, wasi: Capabilities) -> None:
        self._wasi: Final = wasi

    def get_directories(self) -> list[tuple[DescriptorBase, str]]:
        """The directories that were granted, with their names."""
        return preopened(Descriptor, self._wasi)
