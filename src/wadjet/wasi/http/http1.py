"""HTTP/1.1, from the server's end."""

import asyncio
import time
from collections import deque
from collections.abc import AsyncIterator
from contextlib import suppress
from functools import lru_cache
from http import HTTPStatus
from typing import Any, Final, final

from wadjet.wasi.http.connection import Connection, Connections
from wadjet.wasi.http.errors import HttpError, http_error, internal, status_of
from wadjet.wasi.http.fields import Entries, content_length
from wadjet.wasi.http.inflow import Inflow
from wadjet.wasi.http.message import BODILESS, Body, Request, Response, empty_body
from wadjet.wasi.http.parsers import BadRequest, Head, parser

#: How many bytes of a request's body are kept before the client is made to wait.
_HIGH_WATER: Final = 1 << 16
#: How many requests may come before the first of them is answered.
_MOST_WAITING: Final = 16
#: How much of a body that nobody wants is read before the connection is closed instead.
_MAX_DISCARD: Final = 1 << 20
#: A client that has said it sends no more is taken for gone if nothing is sent for so many seconds.
_PARTING: Final = 1.0
#: How a connection of HTTP/2 begins.
_PREFACE: Final = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"


@final
class _Incoming:
    """A request that came, and what came of its body."""

    __slots__ = ("answered", "connection", "head", "inflow", "sent")

    def __init__(self, connection: "Http1", head: Head) -> None:
        self.connection: Final = connection
        self.head: Final = head
        self.inflow: Final = Inflow(lambda _: connection.regulate())
        #: whether the response has begun
        self.answered = False
        #: whether the client sends the body, or waits to be told so
        self.sent = not head.expects

    def fail(self) -> None:
        """The client will send no more of it."""
        self.inflow.fail(HttpError.of("connection-terminated"))

    def body(self) -> Body:
        """The body, as it comes."""
        return empty_body() if self.inflow.is_empty else Body(self._iterate(), self._fields)

    async def _iterate(self) -> AsyncIterator[bytes]:
        self.proceed()
        while (piece := await self._next()) is not None:
            yield piece

    async def _next(self) -> bytes | None:
        if not self.inflow.held:
            self.connection.touch()
        return await self.inflow.next()

    async def _fields(self) -> Entries | None:
        return self.inflow.trailers

    def proceed(self) -> None:
        """Tell a client that waits for this to send the body."""
        if not self.sent and not self.answered:
            self.sent = True
            if not self.inflow.held and not self.inflow.over:
                self.inform(100, [])

    def inform(self, status: int, headers: Entries) -> None:
        """Tell something before the response, as long as that has not begun."""
        connection = self.connection
        if not self.answered and not connection.lost:
            connection.transport.write(_head(status, headers))

    async def discard(self) -> bool:
        """Take what nobody wanted, unless that is too much; whether all has come."""
        left = _MAX_DISCARD
        with suppress(HttpError):
            while left >= 0 and (self.sent or self.inflow.held or self.inflow.over):
                piece = await self._next()
                if piece is None:
                    return True
                left -= len(piece)
        return False


@final
class Http1(Connection):
    """One connection: requests one after the other, which may come before it is their turn."""

    def __init__(self, connections: Connections) -> None:
        super().__init__(connections)
        self._parser: Final = parser(self)
        #: the requests that came and are not answered; the first is under way if there is a task
        self._waiting: Final[deque[_Incoming]] = deque()
        self._reading: _Incoming | None = None
        self._task: asyncio.Task[None] | None = None
        self._paused = False
        #: the status that what came last deserves, once those before it are answered
        self._bad: int | None = None
        #: what may become the beginning of HTTP/2; None once it is known
        self._first: bytes | None = b"" if "h2" in connections.versions else None

    # -- The transport's side ---------------------------------------------------------------------

    def connection_made(self, transport: Any) -> None:
        """Begin, if it is not HTTP/2 that was agreed upon."""
        tls = transport.get_extra_info("ssl_object")
        if tls is not None and tls.selected_alpn_protocol() == "h2":
            self.all.hand_over(transport, "h2")
        else:
            super().connection_made(transport)

    def data_received(self, data: bytes) -> None:
        """Something came."""
        if self._first is not None:
            data = self._first + data
            if data[: len(_PREFACE)] == _PREFACE:
                self._leave()
                self.all.hand_over(self.transport, "h2", data)
                return
            self._first = data if _PREFACE.startswith(data) else None
            if self._first is not None:
                return
        self.touch()
        if self._bad is not None:
            return
        try:
            self._parser.feed(data)
        except BadRequest as error:
            self._refuse(error.status)
        self.regulate()
        self._begin()

    def _leave(self) -> None:
        """This is another protocol's connection."""
        self.unwatch()
        self.all.open.discard(self)

    def eof_received(self) -> bool:
        """The client will send no more. It may still listen, but most have gone."""
        if self._reading is not None:
            self._reading.fail()
        self._bad = self._bad or 0
        if self._task is None:
            return False
        self._loop.call_later(_PARTING, self._part, self._loop.time())
        return True

    def _part(self, since: float) -> None:
        """Give a client up to which nothing was sent since then."""
        if self.lost:
            return
        if self.active > since:
            self._loop.call_later(_PARTING, self._part, self._loop.time())
        else:
            self.transport.abort()

    def gone(self) -> None:
        """The other side is gone: so is the request under way."""
        for each in self._waiting:
            each.fail()
        if self._task is not None:
            self._task.cancel()

    @property
    def is_waiting(self) -> bool:
        """Whether it is the client's turn."""
        return self._task is None or self._waiting[0].inflow.is_awaited

    def regulate(self) -> None:
        """Read on or wait, by how much there is to do."""
        first = self._waiting[0] if self._waiting else None
        full = len(self._waiting) > _MOST_WAITING or (
            first is not None and first.inflow.held > _HIGH_WATER
        )
        if full != self._paused and not self.lost:
            self._paused = full
            (self.transport.pause_reading if full else self.transport.resume_reading)()

    # -- What came --------------------------------------------------------------------------------

    def on_request(self, head: Head) -> None:
        """A request begins."""
        self._reading = _Incoming(self, head)
        self._waiting.append(self._reading)

    def on_data(self, data: bytes) -> None:
        """A piece of its body."""
        assert self._reading is not None, "its head came before"
        self._reading.inflow.put(data)

    def on_end(self, trailers: Entries | None) -> None:
        """It is over."""
        incoming, self._reading = self._reading, None
        assert incoming is not None, "its head came before"
        incoming.inflow.end(trailers)

    def _refuse(self, status: int) -> None:
        """What came is no HTTP."""
        self._bad = status
        if self._reading is not None:
            self._reading.fail()
        elif self._task is None and not self._waiting:
            self._end()

    def refuse(self, status: int) -> None:
        """Answer with a status alone, and close the connection."""
        if not self.transport.is_closing():
            self.transport.write(
                _head(status, [("content-length", b"0"), ("connection", b"close")])
            )
        self.transport.close()

    def _end(self) -> None:
        """Close the connection; the client is told if what it sent last was wrong."""
        if self._bad:
            self.refuse(self._bad)
        else:
            self.transport.close()

    # -- Requests ---------------------------------------------------------------------------------

    def _begin(self) -> None:
        """Have the next request answered, if there is one."""
        if self._task is None and self._waiting and not self.lost:
            self._task = self._loop.create_task(self._serve(self._waiting[0]))

    def _request(self, incoming: _Incoming) -> Request:
        head = incoming.head
        scheme, authority, target = self.all.options.scheme, head.authority, head.target
        if target.startswith(("http://", "https://")):
            scheme, _, rest = target.partition("://")
            authority, slash, path = rest.partition("/")
            target = slash + path or "/"
        inform = None if head.is_old else incoming.inform
        body = incoming.body()
        return Request(head.method, scheme, authority, target, head.headers, body, inform=inform)

    async def _serve(self, incoming: _Incoming) -> None:
        """Answer one request, then be ready for the next."""
        request = self._request(incoming)
        begun = time.monotonic()
        outgoing: _Outgoing | None = None
        try:
            response = await self.all.answer(request)
            outgoing = _Outgoing(incoming, response)
            await outgoing.send()
        finally:
            self._log(request, outgoing, begun)
        if outgoing.keep_alive and not incoming.inflow.is_complete:
            outgoing.keep_alive = await incoming.discard()
        self._next(outgoing.keep_alive)

    def _log(self, request: Request, outgoing: "_Outgoing | None", begun: float) -> None:
        log = self.all.options.access_log
        if log is not None:
            status, sent = (0, 0) if outgoing is None else (outgoing.response.status, outgoing.sent)
            log(self.peer, request, status, sent, time.monotonic() - begun)

    def _next(self, keep_alive: bool) -> None:
        """Be ready for another request, if the connection can have one."""
        self._task = None
        if self.lost:
            return
        self._waiting.popleft()
        if not keep_alive:
            self.transport.close()
        elif self._waiting:
            self.regulate()
            self._begin()
        elif self._bad is not None:
            self._end()

    # -- The end ----------------------------------------------------------------------------------

    def retire(self) -> None:
        """Take no more requests; close at once if there is none."""
        if self._task is None:
            self.transport.close()

    def abort(self) -> list["asyncio.Task[None]"]:
        """Cut the connection; what is to be waited for."""
        self.transport.abort()
        if self._task is None:
            return []
        self._task.cancel()
        return [self._task]


@final
class _Outgoing:
    """A response on its way: how many bytes of its body were `sent`, and whether the connection
    can have another request after it."""

    __slots__ = (
        "_asked", "_chunked", "_connection", "_incoming", "_left", "keep_alive", "response", "sent",
    )  # fmt: skip

    def __init__(self, incoming: _Incoming, response: Response) -> None:
        self._incoming: Final = incoming
        self._connection: Final = incoming.connection
        self._asked: Final = incoming.head
        self.response: Final = response
        self.sent = 0
        self.keep_alive = self._asked.keep_alive and not self._connection.all.draining
        self._chunked = False
        #: how much of what was promised is still to come, if that was said
        self._left: int | None = None

    async def send(self) -> None:
        """Send it. What fails on the way ends the connection, so that the client can tell."""
        body = self.response.body
        try:
            await self._send()
        except (HttpError, OSError) as error:
            body.settle(http_error(error))
            self.keep_alive = False
            if self._incoming.answered:
                self._connection.transport.abort()
            else:
                self._connection.refuse(status_of(http_error(error).code))
        else:
            body.settle(None)
        finally:
            await body.close()

    async def _send(self) -> None:
        body, whole = self.response.body, self.response.body.whole()
        if whole is None:
            self._incoming.proceed()
        elif not self._incoming.sent:
            self.keep_alive = False
        head = self._head(whole)
        if self._asked.method == "HEAD" or self.response.status in BODILESS:
            self._write(head)
        elif whole is not None:
            self._count(whole)
            self._write(head + whole)
        else:
            self._write(head)
            await self._stream(body)
        if self._left:
            raise HttpError.of("HTTP-response-body-size", self.sent)

    async def _stream(self, body: Body) -> None:
        async for piece in body:
            if piece:
                self._count(piece)
                self._write(b"%x\r\n%b\r\n" % (len(piece), piece) if self._chunked else piece)
                self._connection.touch()
                await self._connection.room()
        trailers = await body.trailers()
        if self._chunked:
            self._write(b"0\r\n%b\r\n" % _lines(trailers or []))

    def _write(self, data: bytes) -> None:
        transport = self._connection.transport
        if transport.is_closing():
            raise HttpError.of("connection-terminated")
        self._incoming.answered = True
        transport.write(data)

    def _count(self, piece: bytes) -> None:
        size = len(piece)
        if self._left is not None:
            self._left -= size
            if self._left < 0:
                raise HttpError.of("HTTP-response-body-size", self.sent + size)
        self.sent += size

    def _head(self, whole: bytes | None) -> bytes:
        """The head, which says how the end of the body can be told."""
        status, body = self.response.status, self.response.body
        if status < 200:
            raise internal(f"{status} is no status of a response")
        headers, asked = list(self.response.headers), self._asked
        try:
            length = content_length(headers)
        except ValueError as error:
            raise internal(str(error)) from None
        if asked.method == "HEAD" or status in BODILESS:
            pass
        elif length is not None:
            self._left = length
        else:
            length = body.length if whole is None else len(whole)
            if length is not None:
                headers.append(("content-length", b"%d" % length))
                self._left = length
            elif asked.is_old:
                self.keep_alive = False
            else:
                self._chunked = True
                headers.append(("transfer-encoding", b"chunked"))
        if not self.keep_alive:
            headers.append(("connection", b"close"))
        elif asked.is_old:
            headers.append(("connection", b"keep-alive"))
        return _head(status, headers)


@lru_cache(maxsize=1000)
def _status_line(status: int) -> bytes:
    """The first line of a response."""
    try:
        phrase = HTTPStatus(status).phrase
    except ValueError:
        phrase = ""
    return f"HTTP/1.1 {status} {phrase}\r\n".encode()


def _head(status: int, headers: Entries) -> bytes:
    return b"%b%b\r\n" % (_status_line(status), _lines(headers))


def _lines(headers: Entries) -> bytes:
    return b"".join([b"%b: %b\r\n" % (name.encode("latin-1"), value) for name, value in headers])
