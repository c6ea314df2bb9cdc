"""HTTP/1.1, from the client's end."""

import asyncio
from collections.abc import Callable
from typing import Any, Final, final

from wadjet.wasi.http.errors import HttpError, http_error
from wadjet.wasi.http.exchange import Channel, Link
from wadjet.wasi.http.extras import require_h11
from wadjet.wasi.http.fields import MAX_SECTION, Entries
from wadjet.wasi.http.inflow import Inflow
from wadjet.wasi.http.message import Request

#: How many bytes of a response's body are kept before the server is made to wait.
_HIGH_WATER: Final = 1 << 16


@final
class Http1Client(asyncio.Protocol, Link):
    """One connection: requests one after the other. `changed` is told when it is free or gone."""

    is_http2 = False

    def __init__(self, changed: Callable[[Link], None]) -> None:
        #: the library that keeps the protocol
        self.h11: Final = require_h11()
        self._wire: Final = self.h11.Connection(
            our_role=self.h11.CLIENT, max_incomplete_event_size=MAX_SECTION
        )
        self._changed: Final = changed
        self._channel: _Channel | None = None
        self._writable: Final = asyncio.Event()
        self._writable.set()
        #: something came of the response
        self._answered = False
        self._ended = False
        self._lost = False
        self._transport: Any = None

    # -- The transport's side ---------------------------------------------------------------------

    def connection_made(self, transport: Any) -> None:
        """Begin."""
        self._transport = transport

    def connection_lost(self, exc: Exception | None) -> None:
        """The other side is gone."""
        self._lost = True
        self._writable.set()
        channel, self._channel = self._channel, None
        if channel is not None:
            channel.is_lost = not self._answered
            channel.fail(self._incomplete(channel) if exc is None else http_error(exc))
        self._changed(self)

    def pause_writing(self) -> None:
        """The server does not keep up."""
        self._writable.clear()

    def resume_writing(self) -> None:
        """It does again."""
        self._writable.set()

    def eof_received(self) -> bool:
        """The server will send no more."""
        self._ended = True
        self._wire.receive_data(b"")
        self._pump()
        return False

    def data_received(self, data: bytes) -> None:
        """Something came."""
        self._answered = True
        self._wire.receive_data(data)
        self._pump()

    # -- Exchanges --------------------------------------------------------------------------------

    @property
    def active(self) -> int:
        """How many exchanges there are."""
        return 0 if self._channel is None else 1

    @property
    def is_gone(self) -> bool:
        """Whether it is closed."""
        return self._lost

    @property
    def has_room(self) -> bool:
        """Whether it is free."""
        return self._channel is None and not self._lost and not self._ended

    def open(self, request: Request) -> Channel:
        """Send the head of a request, and a body that is there as a whole. Raises HttpError."""
        channel = self._channel = _Channel(request, self)
        self._answered = False
        try:
            self._begin(channel, request)
        except HttpError:
            self.abort()
            raise
        return channel

    def _begin(self, channel: "_Channel", request: Request) -> None:
        self.write(self._head(request))
        whole = b"" if request.body.length == 0 else request.body.whole()
        if whole is not None and not channel.is_asking:
            if whole:
                self.write(self.h11.Data(data=whole))
            self.write(self.h11.EndOfMessage())
            channel.is_sent = True

    def _head(self, request: Request) -> Any:
        headers = list(request.headers)
        headers.insert(0, ("host", (request.authority or "").rpartition("@")[2].encode()))
        names = {name.lower() for name, _ in headers}
        if request.body.length is None:
            headers.append(("transfer-encoding", b"chunked"))
        elif "content-length" not in names and (
            request.body.length or request.method in ("POST", "PUT", "PATCH")
        ):
            headers.append(("content-length", str(request.body.length).encode()))
        target = request.target or "/"
        if target.startswith("?"):
            target = f"/{target}"
        try:
            return self.h11.Request(
                method=request.method.encode(), target=target.encode(), headers=headers
            )
        except (self.h11.LocalProtocolError, UnicodeEncodeError):
            raise HttpError.of("HTTP-request-URI-invalid") from None

    def write(self, event: Any) -> None:
        """Send an event. Raises HttpError."""
        if self._lost:
            raise HttpError.of("connection-terminated")
        try:
            data = self._wire.send(event)
        except self.h11.LocalProtocolError:
            raise HttpError.of("HTTP-request-body-size", None) from None
        if data:
            self._transport.write(data)

    async def room(self) -> None:
        """Wait until there is room for more."""
        await self._writable.wait()

    def _pump(self) -> None:
        """See what has come."""
        channel = self._channel
        if channel is None:
            self.abort()  # nobody asked for it, or it is the end
            return
        try:
            while not channel.inflow.over:
                event = self._wire.next_event()
                if event is self.h11.NEED_DATA or event is self.h11.PAUSED:
                    return
                self._take(channel, event)
        except self.h11.RemoteProtocolError as error:
            channel.fail(self._broken(channel, error))
            self.abort()
        else:
            self.settle()

    def _take(self, channel: "_Channel", event: Any) -> None:
        h11 = self.h11
        if isinstance(event, h11.InformationalResponse | h11.Response):
            channel.begin(event.status_code, _entries(event.headers))
        elif isinstance(event, h11.Data):
            channel.inflow.put(bytes(event.data))
            if channel.inflow.held > _HIGH_WATER:
                self._transport.pause_reading()
        elif isinstance(event, h11.EndOfMessage):
            channel.inflow.end(_entries(event.headers) or None)
        else:
            channel.fail(self._incomplete(channel))

    def _broken(self, channel: "_Channel", error: Any) -> HttpError:
        if self._ended:
            return self._incomplete(channel)
        if error.error_status_hint == 431:
            return HttpError.of("HTTP-response-header-section-size", None)
        return HttpError.of("HTTP-protocol-error")

    def _incomplete(self, channel: "_Channel") -> HttpError:
        """The server ended the connection too early."""
        channel.is_lost = not self._answered
        return HttpError.of(
            "HTTP-response-incomplete" if self._answered else "connection-terminated"
        )

    def taken(self, channel: "_Channel") -> None:
        """Some of a response was taken."""
        if self._channel is channel and channel.inflow.held <= _HIGH_WATER // 2:
            self._transport.resume_reading()

    def settle(self) -> None:
        """Be ready for the next request, once both sides are done with the last one."""
        h11, wire = self.h11, self._wire
        if wire.our_state is h11.SEND_BODY:
            return
        if wire.our_state is not h11.DONE or wire.their_state is not h11.DONE:
            self._transport.close()
        elif wire.trailing_data[0]:
            self.abort()  # nobody asked for that
        elif not self._lost:
            wire.start_next_cycle()
            self._channel = None
            self._transport.resume_reading()
            self._changed(self)

    def close(self, channel: "_Channel") -> None:
        """Nobody wants any more of this exchange: if it is not complete, the connection ends."""
        if self._channel is channel:
            self.abort()

    def abort(self) -> None:
        """Close it at once."""
        self._lost = True
        self._transport.abort()


@final
class _Channel(Channel):
    """The connection, for as long as it carries one exchange."""

    def __init__(self, request: Request, connection: Http1Client) -> None:
        super().__init__(request)
        self._connection: Final = connection
        self.inflow = Inflow(self._taken)

    def _taken(self, size: int) -> None:
        self._connection.taken(self)

    async def send(self, piece: bytes) -> None:
        """Send a piece of the body, and wait until there is room for more. Raises HttpError."""
        self._connection.write(self._connection.h11.Data(data=piece))
        await self._connection.room()

    async def end(self, trailers: Entries | None) -> None:
        """That was the body. Trailers need a body whose length was not said. Raises HttpError."""
        fields = (trailers or []) if self.request.body.length is None else []
        self._connection.write(self._connection.h11.EndOfMessage(headers=fields))
        if self.inflow.over:
            self._connection.settle()

    def close(self) -> None:
        """Cut it off if it is not complete."""
        self._connection.close(self)


def _entries(headers: Any) -> Entries:
    return [(name.decode("latin-1"), bytes(value)) for name, value in headers.raw_items()]
