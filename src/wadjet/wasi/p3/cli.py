"""`wasi:cli` 0.3: environment and standard streams."""

from collections.abc import AsyncIterator, Awaitable
from typing import Any, Final, final

from wadjet.wasi.common.cli import Environment
from wadjet.wasi.common.forms import Member
from wadjet.wasi.host.errors import Code, HostError
from wadjet.wasi.host.handles import Handle
from wadjet.wasi.host.polling import Interest, look
from wadjet.wasi.host.waiting import ready
from wadjet.wasi.p3.streams import CHUNK, Outcome, Source, begin, drain

_CODES: Final = {Code.ILLEGAL_BYTE_SEQUENCE: "ILLEGAL_BYTE_SEQUENCE", Code.PIPE: "PIPE"}
#: What a pipe that is ready takes without blocking.
_PIPE: Final = 4096


def error_code(code: Code) -> Member:
    """The `error-code` of a refusal."""
    return Member(_CODES.get(code, "IO"))


@final
class Surroundings(Environment):
    """`wasi:cli/environment`."""

    def get_initial_cwd(self) -> str | None:
        """Where the program starts: nowhere in particular."""
        return None


@final
class Stdin:
    """`wasi:cli/stdin`."""

    def __init__(self, handle: Handle) -> None:
        self._handle: Final = handle

    def read_via_stream(self) -> tuple[AsyncIterator[bytes], Outcome]:
        """The standard input, and how it ended."""
        source = Source(self._pull, error_code)
        return source, source.outcome

    async def _pull(self) -> bytes:
        number = self._handle.poll_number()
        buffer = bytearray(CHUNK)
        while True:
            if number is not None and not look([Interest(self._handle, False)])[0].ready:
                await ready(number, writing=False)
            try:
                count = self._handle.read([memoryview(buffer)])
            except HostError as error:
                if error.code is not Code.WOULD_BLOCK or number is None:
                    raise
            else:
                return bytes(memoryview(buffer)[:count])


class _Output:
    def __init__(self, handle: Handle) -> None:
        self._handle: Final = handle

    async def write_via_stream(self, data: Any) -> Outcome:
        """Write what comes; how it ended."""
        return begin(drain(data, self._put, error_code))

    def _put(self, data: bytes) -> Awaitable[None] | None:
        number = self._handle.poll_number()
        if number is not None:
            return self._put_when_ready(number, data)
        self._write(memoryview(data))
        return None

    async def _put_when_ready(self, number: int, data: bytes) -> None:
        left = memoryview(data)
        while left:
            if not look([Interest(self._handle, True)])[0].ready:
                await ready(number, writing=True)
            self._write(left[:_PIPE])
            left = left[_PIPE:]

    def _write(self, left: memoryview) -> None:
        while left:
            left = left[self._handle.write([left]) :]


@final
class Stdout(_Output):
    """`wasi:cli/stdout`."""


@final
class Stderr(_Output):
    """`wasi:cli/stderr`."""


@final
class Types:
    """`wasi:cli/types`: there is nothing to call."""
