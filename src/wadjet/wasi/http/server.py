"""One HTTP/1.1 connection, from the server's end."""

import asyncio
import socket
import time
from collections import deque
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Final, final

from wadjet.wasi.http.errors import HttpError, http_error, status_of
from wadjet.wasi.http.extras import require_h11
from wadjet.wasi.http.fields import Entries
from wadjet.wasi.http.message import Body, Handler, Request, Response, whole_body

#: How many bytes of a request's body are kept before the client is made to wait.
_HIGH_WATER: Final = 1 << 16
#: How much of a body that nobody wants is read before the connection is closed instead.
_MAX_DISCARD: Final = 1 << 20

#: What is told of each request: the connection's peer, the request, the status, bytes, seconds.
AccessLog = Callable[[str, Request, int, int, float], None]


@dataclass(slots=True)
class ServerOptions:
    """How connections are kept. Times are in seconds."""

    #: how long a connection may be silent between requests, or within a head or a body
    idle_timeout: float = 60.0
    access_log: AccessLog | None = None
    scheme: str = "http"


@final
class Connections:
    """All connections of one server, so that they can be ended together."""

    def __init__(self, handler: Handler, options: ServerOptions) -> None:
        self.handler: Final = handler
        self.options: Final = options
        self.h11: Final = require_h11()
        self.open: Final[set[Connection]] = set()
        self.draining = False
        self._emptied = asyncio.Event()

    def make(self) -> "Connection":
        """A new one, for `loop.create_server`."""
        return Connection(self)

    def closed(self, connection: "Connection") -> None:
        """One is over."""
        self.open.discard(connection)
        if not self.open:
            self._emptied.set()

    async def drain(self, seconds: float) -> None:
        """Take no more requests, let those under way finish for so long, then cut them off."""
        self.draining = True
        for connection in list(self.open):
            connection.retire()
        if self.open:
            self._emptied.clear()
            with suppress(TimeoutError):
                await asyncio.wait_for(self._emptied.wait(), seconds)
        tasks = [connection.abort() for connection in list(self.open)]
        await asyncio.gather(*[task for task in tasks if task is not None], return_exceptions=True)


@final
class Connection(asyncio.Protocol):
    """One connection: requests one after the other."""

    def __init__(self, connections: Connections) -> None:
        self._all: Final = connections
        self._h11: Final = connections.h11
        self._wire: Final = self._h11.Connection(our_role=self._h11.SERVER)
        self._task: asyncio.Task[None] | None = None
        self._incoming: deque[bytes] = deque()
        self._held = 0
        self._ended = False
        self._trailers: Entries | None = None
        self._arrived = asyncio.Event()
        self._writable = asyncio.Event()
        self._writable.set()
        self._lost = False
        self._idle: asyncio.TimerHandle | None = None
        self._peer = "-"

    # -- The transport's side ---------------------------------------------------------------------

    def connection_made(self, transport: Any) -> None:
        """Begin."""
        self._transport: asyncio.Transport = transport
        peer = transport.get_extra_info("peername")
        self._peer = str(peer[0]) if isinstance(peer, tuple) else "-"
        system = transport.get_extra_info("socket")
        if system is not None and isinstance(peer, tuple):
            # Without this a response's pieces would wait for each other to be acknowledged.
            system.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._all.open.add(self)
        self._watch()

    def connection_lost(self, exc: Exception | None) -> None:
        """The other side is gone: so is the request under way."""
        self._lost = True
        self._unwatch()
        self._arrived.set()
        self._writable.set()
        if self._task is not None:
            self._task.cancel()
        self._all.closed(self)

    def pause_writing(self) -> None:
        """The client does not keep up."""
        self._writable.clear()

    def resume_writing(self) -> None:
        """It does again."""
        self._writable.set()

    def eof_received(self) -> bool:
        """The client will send no more; it may still listen."""
        self._wire.receive_data(b"")
        self._pump()
        return self._task is not None

    def data_received(self, data: bytes) -> None:
        """Something came."""
        self._wire.receive_data(data)
        self._pump()

    def _watch(self) -> None:
        self._unwatch()
        loop = asyncio.get_running_loop()
        self._idle = loop.call_later(self._all.options.idle_timeout, self._transport.close)

    def _unwatch(self) -> None:
        if self._idle is not None:
            self._idle.cancel()
            self._idle = None

    # -- Requests ---------------------------------------------------------------------------------

    def _pump(self) -> None:
        """See what has come."""
        h11 = self._h11
        while not self._lost:
            try:
                event = self._wire.next_event()
            except h11.RemoteProtocolError as error:
                self._reject(error.error_status_hint)
                return
            if event is h11.NEED_DATA or event is h11.PAUSED:
                return
            if isinstance(event, h11.Request):
                self._unwatch()
                self._task = asyncio.ensure_future(self._serve(event))
            elif isinstance(event, h11.Data):
                self._hold(bytes(event.data))
            elif isinstance(event, h11.EndOfMessage):
                self._trailers = _entries(event.headers) or None
                self._ended = True
                self._arrived.set()
            else:  # the client has closed its side
                if self._task is None:
                    self._transport.close()
                return

    def _hold(self, piece: bytes) -> None:
        self._incoming.append(piece)
        self._held += len(piece)
        self._arrived.set()
        if self._held > _HIGH_WATER:
            self._transport.pause_reading()

    def _reject(self, status: int) -> None:
        """What came is no HTTP."""
        self._ended = self._lost = True
        self._arrived.set()
        if self._task is None and self._wire.our_state is self._h11.IDLE:
            headers = [("content-length", "0"), ("connection", "close")]
            response = self._h11.Response(status_code=status, headers=headers)
            self._transport.write(self._wire.send(response) or b"")
        self._transport.close()

    async def _pieces(self) -> AsyncIterator[bytes]:
        """The body of the request, as it comes."""
        if self._wire.they_are_waiting_for_100_continue:
            proceed = self._h11.InformationalResponse(status_code=100, headers=[])
            self._transport.write(self._wire.send(proceed) or b"")
        while True:
            while self._incoming:
                piece = self._incoming.popleft()
                self._held -= len(piece)
                if self._held <= _HIGH_WATER // 2 and not self._lost:
                    self._transport.resume_reading()
                yield piece
            if self._ended and not self._lost:
                return
            if self._lost:
                raise HttpError.of("connection-terminated")
            self._arrived.clear()
            await self._arrived.wait()

    async def _fields(self) -> Entries | None:
        return self._trailers

    def _request(self, event: Any) -> Request:
        headers = _entries(event.headers)
        target = event.target.decode("latin-1")
        authority = next((v.decode("latin-1") for n, v in headers if n.lower() == "host"), None)
        scheme = self._all.options.scheme
        if target.startswith(("http://", "https://")):
            scheme, _, rest = target.partition("://")
            authority, slash, path = rest.partition("/")
            target = slash + path or "/"
        body = Body(self._pieces(), self._fields)
        return Request(event.method.decode(), scheme, authority, target, headers, body)

    async def _serve(self, event: Any) -> None:
        """Answer one request, then be ready for the next."""
        request = self._request(event)
        begun = time.monotonic()
        status, sent = 0, 0
        try:
            response = await self._answer(request)
            status = response.status
            sent = await self._respond(request, response)
        finally:
            log = self._all.options.access_log
            if log is not None:
                log(self._peer, request, status, sent, time.monotonic() - begun)
            self._task = None
        await self._next()

    async def _answer(self, request: Request) -> Response:
        try:
            return await self._all.handler(request)
        except HttpError as error:
            message = f"{error}\n".encode()
            return Response(
                status_of(error.code), [("content-type", b"text/plain")], whole_body(message)
            )

    async def _respond(self, request: Request, response: Response) -> int:
        """Send a response; how many bytes of a body it had. What fails on the way ends the
        connection, so that the client can tell."""
        body, sent = response.body, 0
        try:
            self._send(self._head(request, response))
            async for piece in body:
                if piece and request.method != "HEAD":
                    self._send(self._h11.Data(data=piece))
                    sent += len(piece)
                    await self._writable.wait()
            trailers = await body.trailers()
            chunked = body.length is None and request.method != "HEAD"
            self._send(self._h11.EndOfMessage(headers=(trailers or []) if chunked else []))
        except (HttpError, OSError, self._h11.LocalProtocolError) as error:
            body.settle(http_error(error))
            self._transport.abort()
        else:
            body.settle(None)
        finally:
            await body.close()
        return sent

    def _head(self, request: Request, response: Response) -> Any:
        headers = list(response.headers)
        names = {name.lower() for name, _ in headers}
        no_body = response.status in (204, 304) or response.status < 200
        if "content-length" not in names and not no_body:
            length = response.body.length
            if length is not None:
                headers.append(("content-length", str(length).encode()))
            elif request.method != "HEAD":
                headers.append(("transfer-encoding", b"chunked"))
        if self._all.draining:
            headers.append(("connection", b"close"))
        return self._h11.Response(status_code=response.status, headers=headers)

    def _send(self, event: Any) -> None:
        if self._lost:
            raise HttpError.of("connection-terminated")
        data = self._wire.send(event)
        if data:
            self._transport.write(data)

    async def _next(self) -> None:
        """Be ready for another request, if the connection can have one."""
        if not self._ended:
            await self._discard()
        wire, h11 = self._wire, self._h11
        if wire.our_state is not h11.DONE or wire.their_state is not h11.DONE or self._lost:
            self._transport.close()
            return
        wire.start_next_cycle()
        self._incoming.clear()
        self._held, self._ended, self._trailers = 0, False, None
        self._watch()
        self._pump()

    async def _discard(self) -> None:
        """Read what nobody wanted of a body, unless it is too much."""
        left = _MAX_DISCARD
        if self._wire.they_are_waiting_for_100_continue:
            return
        try:
            async for piece in self._pieces():
                left -= len(piece)
                if left < 0:
                    return
        except HttpError:
            return

    # -- The end ----------------------------------------------------------------------------------

    def retire(self) -> None:
        """Take no more requests; close at once if there is none."""
        if self._task is None:
            self._transport.close()

    def abort(self) -> "asyncio.Task[None] | None":
        """Cut the connection; what is to be waited for."""
        self._transport.abort()
        if self._task is not None:
            self._task.cancel()
        return self._task


def _entries(headers: Any) -> Entries:
    return [(name.decode("latin-1"), bytes(value)) for name, value in headers.raw_items()]
