"""HTTP/2, from the client's end."""

import asyncio
from collections.abc import Callable
from typing import Any, Final, final

from wadjet.wasi.http.errors import HttpError, http_error
from wadjet.wasi.http.exchange import Channel, Link
from wadjet.wasi.http.fields import Entries
from wadjet.wasi.http.http2_wire import (
    CANCEL, MOST_STREAMS, REFUSED_STREAM, Block, Stream, Wire, block, entries,
)  # fmt: skip
from wadjet.wasi.http.message import Request

#: How many bytes of a response's body are kept before the server is made to wait.
_WINDOW: Final = 1 << 18
#: The last number that a stream of a client may have.
_LAST: Final = (1 << 31) - 1


@final
class Http2Client(asyncio.Protocol, Link):
    """One connection: many requests at a time. `changed` is told when it has room, or is gone."""

    is_http2 = True

    def __init__(self, changed: Callable[[Link], None]) -> None:
        self._changed: Final = changed
        self._wire: Final = Wire(self, is_client=True, window=_WINDOW)
        self._channels: Final[dict[int, _Channel]] = {}
        self._transport: Any = None
        self._is_full = False
        self._lost = False
        #: the server takes no more requests
        self._leaving = False

    # -- The transport's side ---------------------------------------------------------------------

    def connection_made(self, transport: Any) -> None:
        """Begin."""
        self._transport = transport
        self._wire.start()

    def connection_lost(self, exc: Exception | None) -> None:
        """The other side is gone."""
        self._lost = True
        error = HttpError.of("connection-terminated") if exc is None else http_error(exc)
        self._wire.end(error)
        self._changed(self)

    def pause_writing(self) -> None:
        """The server does not keep up."""
        self._is_full = True

    def resume_writing(self) -> None:
        """It does again."""
        self._is_full = False
        self._wire.wake()

    def data_received(self, data: bytes) -> None:
        """Something came."""
        if not self._lost:
            self._wire.receive(data)

    # -- The wire's side --------------------------------------------------------------------------

    @property
    def is_full(self) -> bool:
        """Whether the server has yet to take what was sent."""
        return self._is_full

    def write(self, data: bytes) -> None:
        """Send bytes."""
        self._transport.write(data)

    def on_head(self, number: int, fields: Block) -> None:
        """A response came, or what precedes one."""
        channel = self._channels.get(number)
        if channel is not None:
            status = next(value for name, value in fields if name == b":status")
            if status.isdigit() and 100 <= int(status[:4]) <= 999:
                channel.begin(int(status), entries(fields))
            else:
                channel.fail(HttpError.of("HTTP-protocol-error"))
                channel.close()

    def on_end(self, stream: Stream) -> None:
        """An exchange is over."""
        channel = self._channels.pop(stream.number)
        if stream.failure is not None:
            answered = channel.head.done()
            channel.is_refused = stream.code == REFUSED_STREAM
            channel.is_lost = self._lost and not answered
            channel.fail(HttpError.of("HTTP-response-incomplete") if answered else stream.failure)
        elif not channel.head.done():
            channel.fail(HttpError.of("HTTP-protocol-error"))  # it ended before it began
        if self._leaving and not self._channels:
            self._transport.close()
        elif not self._lost:
            self._changed(self)

    def on_goaway(self, last: int, code: int) -> None:
        """The server takes no more requests; those after `last` it has not seen."""
        self._leaving = True
        for stream in [s for s in self._wire.streams.values() if s.number > last]:
            stream.fail(REFUSED_STREAM)
        if not self._channels:
            self._transport.close()

    def on_violation(self) -> None:
        """The server broke the rules, and was told so."""
        self._lost = True
        self._wire.end(HttpError.of("HTTP-protocol-error"))
        self._transport.close()

    # -- Exchanges --------------------------------------------------------------------------------

    @property
    def active(self) -> int:
        """How many exchanges there are."""
        return len(self._channels)

    @property
    def is_gone(self) -> bool:
        """Whether it is closed."""
        return self._lost

    @property
    def has_room(self) -> bool:
        """Whether it can take another exchange."""
        wire = self._wire.h2
        most = min(wire.remote_settings.max_concurrent_streams, MOST_STREAMS)
        return (
            not (self._lost or self._leaving)
            and len(self._channels) < most
            and wire.highest_outbound_stream_id + 2 < _LAST
        )

    def open(self, request: Request) -> Channel:
        """Send the head of a request, and a body that is there as a whole. Raises HttpError."""
        number = self._wire.h2.get_next_available_stream_id()
        stream = self._wire.add(number)
        channel = self._channels[number] = _Channel(request, stream)
        bodiless = request.body.length == 0 and not channel.is_asking
        stream.send_head(_head(request), end=bodiless)
        channel.is_sent = bodiless
        return channel

    def abort(self) -> None:
        """Close it at once."""
        self._lost = True
        self._transport.abort()


@final
class _Channel(Channel):
    """A stream, as the exchange sees it."""

    def __init__(self, request: Request, stream: Stream) -> None:
        super().__init__(request)
        self._stream: Final = stream
        self.inflow = stream.inflow

    async def send(self, piece: bytes) -> None:
        """Send a piece of the body, and wait until there is room for more. Raises HttpError."""
        await self._stream.send(piece)

    async def end(self, trailers: Entries | None) -> None:
        """That was the body. Raises HttpError."""
        self._stream.send_end(trailers)

    def close(self) -> None:
        """Cut it off if it is not complete."""
        self._stream.reset(CANCEL)


def _head(request: Request) -> Block:
    """The head of a request. Raises HttpError."""
    target = request.target or "/"
    if target.startswith("?"):
        target = f"/{target}"
    length = request.body.length
    fields: Block = [
        (b":method", request.method.encode()),
        (b":scheme", (request.scheme or "https").encode()),
        (b":authority", (request.authority or "").rpartition("@")[2].encode()),
        (b":path", target.encode()),
        *block(request.headers),
    ]
    if length is not None and not any(name == b"content-length" for name, _ in fields):
        if length or request.method in ("POST", "PUT", "PATCH"):
            fields.append((b"content-length", b"%d" % length))
    return fields
