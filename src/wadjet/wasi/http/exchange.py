"""A request and its response, from the client's end, whatever version of HTTP carries them."""

import asyncio
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator
from typing import Final, NamedTuple, final

from wadjet.wasi.http.errors import HttpError, http_error, internal
from wadjet.wasi.http.fields import Entries
from wadjet.wasi.http.inflow import Inflow
from wadjet.wasi.http.message import Body, Request, Response

#: How long connecting, the first byte and each next one may take if a guest says nothing.
_TIMEOUT: Final = 600 * 10**9
#: How many seconds a server is given to say whether it wants a body.
_EXPECT: Final = 1.0


class Head(NamedTuple):
    """What a response begins with."""

    status: int
    headers: Entries


class Channel(ABC):
    """The part of a connection that one request and its response have to themselves."""

    inflow: Inflow

    def __init__(self, request: Request) -> None:
        self.request: Final = request
        loop = asyncio.get_running_loop()
        #: the head of the response, once it is there
        self.head: Final[asyncio.Future[Head]] = loop.create_future()
        #: done when the server has said whether it wants the body
        self.proceed: Final[asyncio.Future[None]] = loop.create_future()
        #: all of the request was sent with its head
        self.is_sent = False
        #: the server has not begun to work on the request, and said so
        self.is_refused = False
        #: the connection ended before anything came
        self.is_lost = False

    @property
    def is_asking(self) -> bool:
        """Whether the server is asked if it wants the body (RFC 9110, section 10.1.1)."""
        return any(
            name.lower() == "expect" and value.strip().lower() == b"100-continue"
            for name, value in self.request.headers
        )

    @abstractmethod
    async def send(self, piece: bytes) -> None:
        """Send a piece of the body, and wait until there is room for more. Raises HttpError."""

    @abstractmethod
    async def end(self, trailers: Entries | None) -> None:
        """That was the body. Raises HttpError."""

    @abstractmethod
    def close(self) -> None:
        """Nobody wants any more of it: what is not complete is cut off."""

    def begin(self, status: int, headers: Entries) -> None:
        """A head came: that of the response, or of something before it."""
        if status == 100 or status >= 200:
            self._settle_expectation()
        if status >= 200:
            if not self.head.done():
                self.head.set_result(Head(status, headers))
        elif self.request.inform is not None:
            self.request.inform(status, headers)

    def fail(self, error: HttpError) -> None:
        """No more will come. What came already stands."""
        self._settle_expectation()
        if not self.head.done():
            self.head.set_exception(error)
            self.head.exception()  # whoever waits for it hears of it; perhaps nobody does
        self.inflow.fail(error)

    def _settle_expectation(self) -> None:
        if not self.proceed.done():
            self.proceed.set_result(None)


class Link(ABC):
    """A connection that carries exchanges: one after the other, or many at a time."""

    @property
    @abstractmethod
    def active(self) -> int:
        """How many exchanges it carries."""

    @property
    @abstractmethod
    def has_room(self) -> bool:
        """Whether it can take another exchange now."""

    @property
    @abstractmethod
    def is_gone(self) -> bool:
        """Whether it is closed."""

    @property
    @abstractmethod
    def is_http2(self) -> bool:
        """Whether many exchanges fit into it."""

    @abstractmethod
    def open(self, request: Request) -> Channel:
        """Send the head of a request, and a body that is there as a whole. Raises HttpError."""

    @abstractmethod
    def abort(self) -> None:
        """Close it at once, whatever it carries."""


class within:  # noqa: N801 (it reads like `asyncio.timeout`)
    """`async with within(nanoseconds, label):` fails with the error of that name if it is late."""

    __slots__ = ("_label", "_timeout")

    def __init__(self, limit: int | None, label: str) -> None:
        self._timeout: Final = asyncio.timeout((_TIMEOUT if limit is None else limit) / 1e9)
        self._label: Final = label

    async def __aenter__(self) -> None:
        await self._timeout.__aenter__()

    async def __aexit__(self, *error: object) -> None:
        try:
            await self._timeout.__aexit__(*error)  # type: ignore[arg-type]
        except TimeoutError:
            raise HttpError.of(self._label) from None


@final
class Exchange:
    """One request on its way, and its response. What nobody holds any more is cut off."""

    def __init__(self, channel: Channel) -> None:
        self._channel: Final = channel
        self._request: Final = channel.request
        self._loop: Final = asyncio.get_running_loop()
        self._sending: asyncio.Task[None] | None = None
        self._closed = False

    async def run(self) -> Response:
        """Send the body while waiting for the head of the response. Raises HttpError.

        The body of a request that was sent with its head is not touched before there is a response:
        if there is none, it can be sent again.
        """
        channel, request = self._channel, self._request
        if not channel.is_sent:
            self._sending = self._loop.create_task(_send(channel))
        try:
            async with within(request.first_byte_timeout, "HTTP-response-timeout"):
                status, headers = await channel.head
        except BaseException:
            await self.close()
            raise
        if channel.is_sent:
            self._sending = self._loop.create_task(_drain(request.body))
        length = None if request.method != "HEAD" else 0
        body = Body(self._pieces(), self._trailers, length=length, close=self.close)
        return Response(status, headers, body)

    async def _pieces(self) -> AsyncIterator[bytes]:
        inflow, limit = self._channel.inflow, self._request.between_bytes_timeout
        try:
            while True:
                if inflow.held or inflow.over:
                    piece = await inflow.next()
                else:
                    async with within(limit, "connection-read-timeout"):
                        piece = await inflow.next()
                if piece is None:
                    return
                yield piece
        finally:
            await self.close()

    async def _trailers(self) -> Entries | None:
        return self._channel.inflow.trailers

    async def close(self) -> None:
        """No more of it is wanted."""
        if not self._closed:
            self._closed = True
            if self._sending is not None:
                self._sending.cancel()
                await asyncio.wait([self._sending])
                _settle(self._channel)
                await self._request.body.close()
            self._channel.close()

    def __del__(self) -> None:
        if not self._closed and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(_cut, self._channel, self._sending)


def _settle(channel: Channel) -> None:
    """Tell the maker of a request's body what became of it, unless that is known."""
    sent = channel.is_sent
    channel.request.body.settle(None if sent else HttpError.of("connection-terminated"))


def _cut(channel: Channel, sending: "asyncio.Task[None] | None") -> None:
    """End an exchange that nobody waits for."""
    if sending is not None:
        sending.cancel()
        _settle(channel)
    channel.close()


async def _drain(body: Body) -> None:
    """Take the end of a body that was sent already."""
    failure: HttpError | None = None
    try:
        if body.whole() is None:
            async for _ in body:
                pass  # there are none
            await body.trailers()
    except (HttpError, OSError) as error:
        failure = http_error(error)
    body.settle(failure)


async def _send(channel: Channel) -> None:
    """Send the body of a request, and tell its maker how that went."""
    body, request = channel.request.body, channel.request
    failure: HttpError | None = None
    try:
        if await _is_wanted(channel):
            async for piece in body:
                if piece:
                    async with within(request.between_bytes_timeout, "connection-write-timeout"):
                        await channel.send(piece)
            await channel.end(await body.trailers())
        else:
            failure = internal("the server answered without the body")
    except (HttpError, OSError) as error:
        failure = http_error(error)
        channel.fail(failure)
        channel.close()
    body.settle(failure)
    await body.close()


async def _is_wanted(channel: Channel) -> bool:
    """Whether the body shall be sent: a server that was asked may have answered already."""
    if channel.is_asking:
        await asyncio.wait([channel.proceed], timeout=_EXPECT)
        return not channel.head.done()
    return True
