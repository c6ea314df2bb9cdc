"""A server of an HTTP component: sockets, signals' effects, and what operators look at."""

import asyncio
import socket
import ssl
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final, final

from wadjet.wasi.http.message import Request, Response, whole_body
from wadjet.wasi.http.server import connections
from wadjet.wasi.http.connection import AccessLog, Connections, ServerOptions
from wadjet.wasi.service import Service
from wadjet.wasi.tally import Share

#: Seconds between two times that a process tells the others what it has counted.
_TELLING: Final = 1.0
#: How many connections may wait to be taken.
_BACKLOG: Final = 4096


@dataclass(frozen=True, slots=True)
class Serving:
    """How to serve. `grace` seconds are left to requests under way when the server stops. `share`
    is where a server of several processes counts."""

    tls: ssl.SSLContext | None = None
    idle_timeout: float = 60.0
    grace: float = 10.0
    access_log: AccessLog | None = None
    share: Share | None = None


def listen(host: str, port: int) -> socket.socket:
    """A socket to take connections with. Raises OSError."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    return socket.create_server((host, port), family=family, backlog=_BACKLOG)


@final
class Server:
    """Takes connections and has a component answer them.

        server = Server(lambda: Service(component, Wasi()), Serving())
        await server.start([listen("127.0.0.1", 8080)])
        await server.stop()

    `make` makes the service, and anew with `reload`: what is under way then ends with the old one.
    """

    def __init__(self, make: Callable[[], Service], options: Serving) -> None:
        self._make: Final = make
        self._options: Final = options
        self._service = make()
        self._servers: Final[list[asyncio.Server]] = []
        self._connections: Final[list[Connections]] = []
        self._retiring: Final[set[asyncio.Task[None]]] = set()
        self._telling: asyncio.TimerHandle | None = None

    @property
    def service(self) -> Service:
        """What answers now."""
        return self._service

    async def start(
        self, sockets: Sequence[socket.socket], admin: Sequence[socket.socket] = ()
    ) -> None:
        """Take connections; `admin` are for `/healthz` and `/metrics`."""
        scheme = "https" if self._options.tls else "http"
        options = ServerOptions(self._options.idle_timeout, self._options.access_log, scheme)
        guests = connections(self._handle, options)
        self._connections.append(guests)
        loop = asyncio.get_running_loop()
        for each in sockets:
            made = await loop.create_server(guests.make, sock=each, ssl=self._options.tls)
            self._servers.append(made)
        operators = connections(self._answer, ServerOptions(self._options.idle_timeout))
        self._connections.append(operators)
        for each in admin:
            self._servers.append(await loop.create_server(operators.make, sock=each))
        self._tell()

    def _tell(self) -> None:
        """Let the other processes know what this one has counted, now and again."""
        share = self._options.share
        if share is not None:
            share.put(self._service.counters)
            self._telling = asyncio.get_running_loop().call_later(_TELLING, self._tell)

    async def _handle(self, request: Request) -> Response:
        return await self._service.handle(request)

    async def _answer(self, request: Request) -> Response:
        """What operators ask."""
        plain = [("content-type", b"text/plain; charset=utf-8")]
        if request.target == "/healthz":
            return Response(200, plain, whole_body(b"ok\n"))
        if request.target == "/metrics":
            return Response(200, plain, whole_body(self._metrics().encode()))
        return Response(404, plain, whole_body(b"ask for /healthz or /metrics\n"))

    def _metrics(self) -> str:
        share, counters = self._options.share, self._service.counters
        if share is not None:
            share.put(counters)
            counters = share.tally.total()
        return counters.metrics()

    def reload(self) -> None:
        """Make the service anew; the old one finishes what it began."""
        old, self._service = self._service, self._make()
        self._service.counters = old.counters
        task = asyncio.ensure_future(self._retire(old))
        self._retiring.add(task)
        task.add_done_callback(self._retiring.discard)

    async def _retire(self, service: Service) -> None:
        await service.drain(self._options.grace)
        await service.close()

    async def stop(self) -> None:
        """Take no more connections, finish what is under way, and end."""
        for server in self._servers:
            server.close()
        grace = self._options.grace
        await asyncio.gather(*(each.drain(grace) for each in self._connections))
        await asyncio.gather(*self._retiring)
        await self._service.close()
        if self._options.share is not None:
            self._options.share.put(self._service.counters)
        if self._telling is not None:
            self._telling.cancel()
