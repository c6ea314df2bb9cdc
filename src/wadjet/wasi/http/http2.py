"""HTTP/2, from the server's end."""

import asyncio
import time
from collections.abc import AsyncIterator
from functools import partial
from typing import Any, Final, final

from wadjet.wasi.http.connection import Connection, Connections
from wadjet.wasi.http.errors import HttpError, http_error, internal
from wadjet.wasi.http.fields import Entries, is_token
from wadjet.wasi.http.http2_wire import (
    INTERNAL_ERROR, MOST_STREAMS, NO_ERROR, PROTOCOL_ERROR, REFUSED_STREAM, Block, Stream, Wire,
    block, entries,
)  # fmt: skip
from wadjet.wasi.http.message import (
    BODILESS, Body, Request, Response, empty_body, is_authority, is_target,
)  # fmt: skip

#: How many bytes of a request's body are kept before the client is made to wait.
_WINDOW: Final = (1 << 16) - 1
#: How many seconds a client that broke the rules has to read that.
_LINGER: Final = 0.5


@final
class Http2(Connection):
    """One connection: many requests at a time."""

    def __init__(self, connections: Connections) -> None:
        super().__init__(connections)
        self._wire: Final = Wire(self, is_client=False, window=_WINDOW)
        self._tasks: Final[dict[int, asyncio.Task[None]]] = {}
        self._retired = False

    # -- The transport's side ---------------------------------------------------------------------

    def connection_made(self, transport: Any) -> None:
        """Begin."""
        super().connection_made(transport)
        self._wire.start()

    def data_received(self, data: bytes) -> None:
        """Something came."""
        self.touch()
        self._wire.receive(data)

    def resume_writing(self) -> None:
        """The client keeps up again."""
        super().resume_writing()
        self._wire.wake()

    @property
    def is_waiting(self) -> bool:
        """Whether it is the client's turn."""
        streams = self._wire.streams.values()
        return (
            not self._tasks or self._wire.blocked > 0 or any(s.inflow.is_awaited for s in streams)
        )

    def gone(self) -> None:
        """The other side is gone: so are the requests under way."""
        self._wire.end(HttpError.of("connection-terminated"))

    def leave(self) -> None:
        """Close the connection, as the other side is silent."""
        self._wire.goaway()
        self.transport.close()

    def retire(self) -> None:
        """Take no more requests; close at once if none is under way."""
        if not self._retired:
            self._wire.goaway()
        self._finish()

    def _finish(self) -> None:
        """Nothing more is begun here."""
        self._retired = True
        if not self._tasks and not self.lost:
            self._wire.flush()
            self.transport.close()

    def abort(self) -> list["asyncio.Task[None]"]:
        """Cut the connection; what is to be waited for."""
        self.transport.abort()
        tasks = list(self._tasks.values())
        for task in tasks:
            task.cancel()
        return tasks

    # -- The wire's side --------------------------------------------------------------------------

    def write(self, data: bytes) -> None:
        """Send bytes."""
        self.transport.write(data)

    def on_head(self, number: int, fields: Block) -> None:
        """A request came."""
        stream = self._wire.add(number)
        busy = self._retired or len(self._tasks) >= MOST_STREAMS
        if busy or not _is_sound(fields):
            stream.reset(REFUSED_STREAM if busy else PROTOCOL_ERROR)
            self._wire.charge()
            return
        task = self._loop.create_task(self._serve(stream, fields))
        self._tasks[number] = task
        task.add_done_callback(partial(self._done, number))

    def _done(self, number: int, task: "asyncio.Task[None]") -> None:
        del self._tasks[number]
        if self._retired:
            self._finish()

    def on_end(self, stream: Stream) -> None:
        """A stream is over. If it was cut off, nobody waits for the response."""
        task = self._tasks.get(stream.number)
        if stream.failure is not None and task is not None and task is not asyncio.current_task():
            task.cancel()

    def on_goaway(self, last: int, code: int) -> None:
        """The client begins nothing more."""
        self._finish()

    def on_violation(self) -> None:
        """The client broke the rules, and was told so."""
        self._wire.end(HttpError.of("HTTP-protocol-error"))
        # Closing at once would throw away what it was told, if more of its bytes are on their way.
        self._loop.call_later(_LINGER, self.transport.close)

    # -- Requests ---------------------------------------------------------------------------------

    async def _serve(self, stream: Stream, fields: Block) -> None:
        """Answer one request."""
        incoming = _Incoming(stream, fields)
        request = incoming.request()
        outgoing = _Outgoing(self, stream, request)
        begun = time.monotonic()
        try:
            await outgoing.send(await self.all.answer(request))
        finally:
            stream.reset(NO_ERROR if stream.sent else INTERNAL_ERROR)
            log = self.all.options.access_log
            if log is not None:
                log(self.peer, request, outgoing.status, outgoing.count, time.monotonic() - begun)


@final
class _Incoming:
    """A request that came."""

    def __init__(self, stream: Stream, fields: Block) -> None:
        self._stream: Final = stream
        self._special: Final = {n: v.decode("latin-1") for n, v in fields if n[:1] == b":"}
        self._headers: Final = _joined(entries(fields))
        self._expects: Final = any(
            name == "expect" and value.lower() == b"100-continue" for name, value in self._headers
        )

    def request(self) -> Request:
        """What the handler gets."""
        special, headers = self._special, self._headers
        host = next((v.decode("latin-1") for n, v in headers if n == "host"), None)
        ended = self._stream.inflow.is_empty
        return Request(
            special[b":method"],
            special.get(b":scheme"),
            special.get(b":authority") or host,
            special.get(b":path"),
            headers,
            empty_body() if ended else Body(self._pieces(), self._trailers),
            inform=self._inform,
        )

    async def _pieces(self) -> AsyncIterator[bytes]:
        inflow = self._stream.inflow
        if self._expects and not inflow.held and not inflow.over:
            self._inform(100, [])
        while True:
            piece = await inflow.next()
            if piece is None:
                return
            yield piece

    async def _trailers(self) -> Entries | None:
        return self._stream.inflow.trailers

    def _inform(self, status: int, headers: Entries) -> None:
        self._stream.inform([(b":status", b"%d" % status), *block(headers)])


def _is_sound(fields: Block) -> bool:
    """Whether a request says in the right form what is asked for, and of whom."""
    said = {name: value.decode("latin-1") for name, value in reversed(fields)}
    target = said.get(b":path", "*")  # CONNECT has none
    authority = said.get(b":authority") or said.get(b"host")
    return (
        is_token(said[b":method"])
        and (target[0] == "/" or target == "*")
        and is_target(target)
        and (not authority or is_authority(authority))
    )


def _joined(headers: Entries) -> Entries:
    """Fields with one `cookie` where the client has sent its crumbs (RFC 9113, section 8.2.3)."""
    crumbs = [value for name, value in headers if name == "cookie"]
    if len(crumbs) < 2:
        return headers
    rest = [(name, value) for name, value in headers if name != "cookie"]
    return [*rest, ("cookie", b"; ".join(crumbs))]


@final
class _Outgoing:
    """A response on its way: its `status`, and how many bytes of its body were sent."""

    def __init__(self, connection: Http2, stream: Stream, request: Request) -> None:
        self._connection: Final = connection
        self._stream: Final = stream
        self._request: Final = request
        self.status = 0
        self.count = 0

    async def send(self, response: Response) -> None:
        """Send it. What fails on the way ends the stream, so that the client can tell."""
        body, self.status = response.body, response.status
        try:
            await self._send(response)
        except (HttpError, OSError) as error:
            body.settle(http_error(error))
        else:
            body.settle(None)
        finally:
            await body.close()

    async def _send(self, response: Response) -> None:
        stream, body = self._stream, response.body
        await self._connection.room()
        whole = body.whole()
        fields = self._head(response, body.length if whole is None else len(whole))
        if self._request.method == "HEAD" or response.status in BODILESS or whole == b"":
            stream.send_head(fields, end=True)
        elif whole is not None and stream.send_whole(fields, whole):
            self.count = len(whole)
        else:
            stream.send_head(fields)
            await self._send_body(body, whole)

    async def _send_body(self, body: Body, whole: bytes | None) -> None:
        if whole is not None:
            await self._send_piece(whole)
            self._stream.send_end()
            return
        async for piece in body:
            if piece:
                await self._send_piece(piece)
        self._stream.send_end(await body.trailers())

    async def _send_piece(self, piece: bytes) -> None:
        await self._stream.send(piece)
        self.count += len(piece)

    def _head(self, response: Response, length: int | None) -> Block:
        status = response.status
        if status < 200:
            raise internal(f"{status} is no status of a response")
        fields = [(b":status", b"%d" % status), *block(response.headers)]
        if length is not None and self._request.method != "HEAD" and status not in BODILESS:
            if not any(name == b"content-length" for name, _ in fields):
                fields.append((b"content-length", b"%d" % length))
        return fields
