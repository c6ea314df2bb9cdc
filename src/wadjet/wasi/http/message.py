"""Requests and responses, and the bodies that flow in them."""

import re
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any, Final, final

from wadjet.wasi.http.errors import HttpError
from wadjet.wasi.http.fields import Entries

_PATH: Final = re.compile(r"[/?*!$&'()*+,;=:@%\-._~\"{}|^\[\]\\0-9A-Za-z\x80-\U0010ffff]*")
_AUTHORITY: Final = re.compile(
    r"(?:[A-Za-z0-9\-._~!$&'()*+,;=%:]*@)?(?:\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9\-._~%]+)(?::(\d{0,5}))?"
)
_SCHEME: Final = re.compile(r"[A-Za-z][A-Za-z0-9+\-.]*")
#: The methods that have a case of their own.
METHODS: Final = "GET HEAD POST PUT DELETE CONNECT OPTIONS TRACE PATCH".split()
#: The responses that never have a body.
BODILESS: Final = frozenset((204, 304))


@final
class _Nothing:
    """No pieces."""

    def __aiter__(self) -> "_Nothing":
        return self

    async def __anext__(self) -> bytes:
        raise StopAsyncIteration


async def _no_trailers() -> Entries | None:
    return None


def _unheard(error: HttpError | None) -> None:
    """Nobody asks."""


def _unknown() -> bytes | None:
    return None


@final
class Body:
    """What follows the head of a message: pieces, then perhaps trailers.

    `trailers` may be called once the pieces are over. Either raises `HttpError`. Whoever takes the
    body says with `settle` how that went (None: well), and gives it back with `close`. Where
    `whole` gives bytes these are all of it, and neither pieces nor trailers need be asked for.
    """

    __slots__ = ("_close", "_pieces", "_settle", "_trailers", "_whole", "length")

    def __init__(
        self,
        pieces: AsyncIterator[bytes],
        trailers: Callable[[], Awaitable[Entries | None]] = _no_trailers,
        *,
        length: int | None = None,
        settle: Callable[[HttpError | None], None] = _unheard,
        close: Callable[[], Awaitable[None]] | None = None,
        whole: Callable[[], bytes | None] = _unknown,
    ) -> None:
        self._pieces: Final = pieces
        self._trailers: Final = trailers
        self._settle = settle
        self._close: Final = close
        self._whole: Final = whole
        #: how many bytes there will be, if that is known
        self.length: Final = length

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self._pieces

    def whole(self) -> bytes | None:
        """All that there will be, if it is there already."""
        return self._whole()

    async def trailers(self) -> Entries | None:
        """The fields at the end."""
        return await self._trailers()

    def settle(self, error: HttpError | None) -> None:
        """This is how taking it went. The first word counts."""
        settle, self._settle = self._settle, _unheard
        settle(error)

    async def close(self) -> None:
        """No more of it is wanted."""
        close: Any = getattr(self._pieces, "aclose", None)
        if close is not None:
            await close()
        if self._close is not None:
            await self._close()


def empty_body() -> Body:
    """Nothing follows."""
    return Body(_Nothing(), length=0, whole=bytes)


def whole_body(data: bytes) -> Body:
    """What is known as a whole."""

    async def pieces() -> AsyncIterator[bytes]:
        if data:
            yield data

    return Body(pieces(), length=len(data), whole=lambda: data)


async def read_all(body: Body, limit: int) -> bytes:
    """The body in one piece. Raises HttpError if it is longer than `limit`."""
    data = bytearray()
    async for piece in body:
        data += piece
        if len(data) > limit:
            raise HttpError.of("HTTP-response-body-size", None)
    return bytes(data)


@dataclass(slots=True)
class Request:
    """A request. `authority` is host and port; `target` path and query."""

    method: str = "GET"
    scheme: str | None = None
    authority: str | None = None
    target: str | None = None
    headers: Entries = field(default_factory=list)
    body: Body = field(default_factory=empty_body)
    #: nanoseconds, or None for no end
    connect_timeout: int | None = None
    first_byte_timeout: int | None = None
    between_bytes_timeout: int | None = None
    #: tells the client something before the response: an informational status, and fields
    inform: Callable[[int, Entries], None] | None = None


@dataclass(slots=True)
class Response:
    """A response."""

    status: int = 200
    headers: Entries = field(default_factory=list)
    body: Body = field(default_factory=empty_body)


#: Whatever answers requests. Raises HttpError.
Handler = Callable[[Request], Awaitable[Response]]


def is_target(text: str) -> bool:
    """Whether this may be path and query of a request."""
    return _PATH.fullmatch(text) is not None


def is_authority(text: str) -> bool:
    """Whether this may be host and port of a request."""
    match = _AUTHORITY.fullmatch(text)
    return match is not None and (not match[1] or int(match[1]) <= 0xFFFF)


def is_scheme(text: str) -> bool:
    """Whether this may be a scheme."""
    return _SCHEME.fullmatch(text) is not None
