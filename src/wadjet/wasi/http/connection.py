"""The connections of a server: what every version of HTTP does with its transport."""

import asyncio
import socket
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Final, final

from wadjet.wasi.http.errors import HttpError, status_of
from wadjet.wasi.http.message import Handler, Request, Response, whole_body

#: What is told of each request: the connection's peer, the request, the status, bytes, seconds.
AccessLog = Callable[[str, Request, int, int, float], None]


@dataclass(slots=True)
class ServerOptions:
    """How connections are kept. Times are in seconds."""

    #: how long a connection may be silent where the client has something to do
    idle_timeout: float = 60.0
    access_log: AccessLog | None = None
    scheme: str = "http"


#: What makes a connection of each version of HTTP, by the names that TLS has for them (ALPN).
#: Connections begin as "http/1.1".
Versions = Mapping[str, Callable[["Connections"], "Connection"]]


@final
class Connections:
    """All connections of one server, so that they can be ended together."""

    def __init__(self, handler: Handler, options: ServerOptions, versions: Versions) -> None:
        self.handler: Final = handler
        self.options: Final = options
        self.versions: Final = versions
        self.open: Final[set[Connection]] = set()
        self.draining = False
        self._emptied: Final = asyncio.Event()

    def make(self) -> "Connection":
        """A new one, for `loop.create_server`."""
        return self.versions["http/1.1"](self)

    def hand_over(self, transport: Any, version: str, data: bytes = b"") -> "Connection":
        """Let another version of HTTP have a transport, and the bytes that came already."""
        made = self.versions[version](self)
        transport.set_protocol(made)
        made.connection_made(transport)
        if data:
            made.data_received(data)
        return made

    async def answer(self, request: Request) -> Response:
        """The response of the handler; where that fails, one that says so."""
        try:
            return await self.handler(request)
        except HttpError as error:
            text = f"{error}\n".encode()
            headers = [("content-type", b"text/plain")]
            return Response(status_of(error.code), headers, whole_body(text))

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
        tasks = [task for each in list(self.open) for task in each.abort()]
        await asyncio.gather(*tasks, return_exceptions=True)


class Connection(asyncio.Protocol, ABC):
    """One connection. A version of HTTP says what the bytes mean (`data_received`,
    `eof_received`), whether it `is_waiting` for the client, and how to end (`retire`, `abort`,
    `gone`)."""

    #: the other side is gone
    lost = False
    #: who that is, for the log
    peer = "-"
    transport: asyncio.Transport

    def __init__(self, connections: Connections) -> None:
        self.all: Final = connections
        #: when something came or went the last time, by the loop's clock
        self.active = 0.0
        self._loop: Final = asyncio.get_running_loop()
        self._writable: asyncio.Event | None = None
        self._idle: asyncio.TimerHandle | None = None

    # -- What each version says -------------------------------------------------------------------

    @property
    @abstractmethod
    def is_waiting(self) -> bool:
        """Whether it is the client's turn: if it stays silent now, the connection is closed."""

    @abstractmethod
    def retire(self) -> None:
        """Take no more requests; close at once if none is under way."""

    @abstractmethod
    def abort(self) -> list["asyncio.Task[None]"]:
        """Cut the connection; what is to be waited for."""

    @abstractmethod
    def gone(self) -> None:
        """The other side is gone: so are the requests under way."""

    def leave(self) -> None:
        """Close the connection, as the other side is silent."""
        self.transport.close()

    # -- The transport's side ---------------------------------------------------------------------

    def connection_made(self, transport: Any) -> None:
        """Begin."""
        self.transport = transport
        peer = transport.get_extra_info("peername")
        if isinstance(peer, tuple):
            self.peer = str(peer[0])
            # Without this a response's pieces would wait for each other to be acknowledged.
            system = transport.get_extra_info("socket")
            system.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.all.open.add(self)
        self.touch()
        self._watch(self.all.options.idle_timeout)

    def connection_lost(self, exc: Exception | None) -> None:
        """The other side is gone."""
        self.lost = True
        self.unwatch()
        self.resume_writing()
        self.gone()
        self.all.closed(self)

    def pause_writing(self) -> None:
        """The client does not keep up."""
        self._writable = asyncio.Event()

    def resume_writing(self) -> None:
        """It does again."""
        writable, self._writable = self._writable, None
        if writable is not None:
            self.touch()
            writable.set()

    @property
    def is_full(self) -> bool:
        """Whether the client has yet to take what was sent."""
        return self._writable is not None

    async def room(self) -> None:
        """Wait until the client has taken most of what was sent. Raises HttpError if it is gone."""
        if self._writable is not None:
            await self._writable.wait()
        if self.lost:
            raise HttpError.of("connection-terminated")

    # -- Silence ----------------------------------------------------------------------------------

    def touch(self) -> None:
        """Something came or went."""
        self.active = self._loop.time()

    def unwatch(self) -> None:
        """Look no more."""
        if self._idle is not None:
            self._idle.cancel()
            self._idle = None

    def _watch(self, seconds: float) -> None:
        self._idle = self._loop.call_later(seconds, self._look)

    def _look(self) -> None:
        """Close a connection that is silent for too long. Looking seldom costs less than a timer
        for each request."""
        limit = self.all.options.idle_timeout
        silent = self._loop.time() - self.active
        if not self.is_waiting and not self.is_full:
            self._watch(limit)
        elif silent < limit:
            self._watch(limit - silent)
        elif self.is_full:
            self.transport.abort()
        else:
            self.leave()
