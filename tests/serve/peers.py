"""The other ends of connections: servers of handlers, and a client of HTTP/2 that can misbehave."""

import asyncio
import atexit
import gc
import shutil
import socket
import ssl
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from concurrent.futures import Future
from contextlib import asynccontextmanager, contextmanager
from functools import cache
from pathlib import Path
from threading import Thread
from typing import Any

import h2.config
import h2.connection
import h2.events
import pytest
import trustme

from wadjet.wasi.host.network import Network
from wadjet.wasi.http.client import Client
from wadjet.wasi.http.connection import Connections, ServerOptions
from wadjet.wasi.http.errors import HttpError
from wadjet.wasi.http.message import Body, Handler, Request, Response, read_all, whole_body
from wadjet.wasi.http.server import connections
from wadjet.wasi.http.tls import server_context

Talk = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@cache
def _authority() -> trustme.CA:
    return trustme.CA()


@cache
def certificate(*names: str) -> Path:
    """The file of a certificate for these names, and its key; without names, the authority's."""
    folder = Path(tempfile.mkdtemp(prefix="wadjet-tls-"))
    atexit.register(shutil.rmtree, folder)
    if not names:
        _authority().cert_pem.write_to_path(folder / "ca.pem")
        return folder / "ca.pem"
    issued = _authority().issue_cert(*names)
    issued.private_key_and_cert_chain_pem.write_to_path(folder / "cert.pem")
    return folder / "cert.pem"


def server_tls(*names: str) -> ssl.SSLContext:
    """What a server of these names speaks TLS with."""
    return server_context(certificate(*(names or ("localhost", "127.0.0.1"))))


async def echo(request: Request) -> Response:
    """Answers with the body of the request, and its trailers."""
    if request.body.length == 0:
        return Response(200, [("x-method", request.method.encode())], whole_body(b"hello"))
    return Response(200, [], Body(aiter(request.body), request.body.trailers))


@asynccontextmanager
async def serving(
    handler: Handler, *, tls: bool = False, **options: Any
) -> AsyncIterator[tuple[int, Connections]]:
    """A server of a handler: its port, and its connections."""
    scheme = "https" if tls else "http"
    made = connections(handler, ServerOptions(scheme=scheme, **options))
    loop = asyncio.get_running_loop()
    context = server_tls() if tls else None
    server = await loop.create_server(made.make, "127.0.0.1", 0, ssl=context)
    try:
        yield server.sockets[0].getsockname()[1], made
    finally:
        server.close()
        await made.drain(0.2)


@contextmanager
def server(handler: Handler) -> Iterator[int]:
    """A server of a handler, with TLS, in a thread of its own: its port."""
    ready: Future[tuple[int, Callable[[], object]]] = Future()

    async def main() -> None:
        async with serving(handler, tls=True) as (port, _):
            stop, loop = asyncio.Event(), asyncio.get_running_loop()
            ready.set_result((port, lambda: loop.call_soon_threadsafe(stop.set)))
            await stop.wait()

    thread = Thread(target=asyncio.run, args=(main(),))
    thread.start()
    port, stop = ready.result(10)
    try:
        yield port
    finally:
        stop()
        thread.join()


def free_port() -> int:
    """A port of this machine at which nobody listens."""
    with socket.create_server(("127.0.0.1", 0)) as found:
        port: int = found.getsockname()[1]
    return port


def client(**options: Any) -> Client:
    """A client that may reach everything, and trusts the authority here."""
    return Client(Network.of(True), certificate(), **options)


async def ask(sender: Client, url: str, **more: Any) -> tuple[int, bytes]:
    """Status and body of the response to a GET."""
    scheme, _, rest = url.partition("://")
    authority, slash, path = rest.partition("/")
    response = await sender.send(Request("GET", scheme, authority, slash + path, **more))
    return response.status, await read_all(response.body, 1 << 26)


def run(main: Callable[[], Awaitable[None]], seconds: float = 30.0) -> None:
    """Run this in a loop, in which nothing may go wrong unseen. What ends is given time to."""
    seen: list[Any] = []

    async def watched() -> None:
        loop = asyncio.get_running_loop()
        loop.set_exception_handler(lambda _, context: seen.append(context))
        await asyncio.wait_for(main(), seconds)
        gc.collect()
        for _ in range(50):
            await asyncio.sleep(0.01)
            if len(asyncio.all_tasks()) == 1:
                break

    asyncio.run(watched())
    assert not seen


class Peer:
    """A client of HTTP/2 by prior knowledge, frame by frame, through the library alone."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer
        config = h2.config.H2Configuration(client_side=True, header_encoding=None)
        self.wire = h2.connection.H2Connection(config)
        self.events: list[Any] = []
        self.closed = False

    @classmethod
    @asynccontextmanager
    async def to(cls, port: int) -> AsyncIterator["Peer"]:
        """A connection to a port of this machine."""
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        peer = cls(reader, writer)
        peer.wire.initiate_connection()
        peer.flush()
        try:
            yield peer
        finally:
            writer.close()
            await asyncio.gather(writer.wait_closed(), return_exceptions=True)

    def flush(self) -> None:
        """Send what the library has to send."""
        data = self.wire.data_to_send()
        if data:
            self.writer.write(data)

    def raw(self, kind: int, flags: int, stream: int, payload: bytes = b"") -> None:
        """Send a frame that the library need not know of."""
        head = len(payload).to_bytes(3, "big") + bytes([kind, flags]) + stream.to_bytes(4, "big")
        self.writer.write(head + payload)

    def request(
        self, path: str = "/", *, method: str = "GET", end: bool = True, more: Any = ()
    ) -> int:
        """Send the head of a request; the number of its stream."""
        number: int = self.wire.get_next_available_stream_id()
        fields = [
            (":method", method),
            (":scheme", "http"),
            (":authority", "localhost"),
            (":path", path),
            *more,
        ]
        self.wire.send_headers(number, fields, end_stream=end)
        self.flush()
        return number

    async def until(self, kind: type, stream: int | None = None, *, take: bool = True) -> Any:
        """The next event of a kind; None if the connection ends first."""
        position = 0
        while True:
            for event in self.events[position:]:
                position += 1
                if isinstance(event, kind) and stream in (None, getattr(event, "stream_id", None)):
                    return event
            data = await self.reader.read(1 << 16)
            if not data:
                self.closed = True
                return None
            for event in self.wire.receive_data(data):
                self.events.append(event)
                if isinstance(event, h2.events.DataReceived) and take:
                    self.wire.acknowledge_received_data(
                        event.flow_controlled_length, event.stream_id
                    )
            self.flush()

    def data(self, stream: int) -> bytes:
        """What came of a body."""
        return b"".join(
            event.data
            for event in self.events
            if isinstance(event, h2.events.DataReceived) and event.stream_id == stream
        )

    async def goaway(self) -> int | None:
        """The error code with which the server ends the connection; None if it just ends it."""
        event = await self.until(h2.events.ConnectionTerminated)
        return None if event is None else int(event.error_code)


@asynccontextmanager
async def talking(talk: Talk, context: ssl.SSLContext | None = None) -> AsyncIterator[int]:
    """A server that does as a function says with each connection: its port."""
    tasks: set[asyncio.Task[None]] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        tasks.add(task)
        try:
            await talk(reader, writer)
        except (ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=context)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def failure(sender: Client, url: str, **more: Any) -> HttpError:
    """How a request fails."""
    with pytest.raises(HttpError) as caught:
        await ask(sender, url, **more)
    return caught.value
