"""Requests that guests send: backpressure, time, and TLS."""

import asyncio
import socket
import ssl
from collections.abc import AsyncIterator
from contextlib import suppress
from typing import Any

import pytest

from tests.serve.peers import (
    ask,
    certificate,
    client,
    echo,
    run,
    server_tls,
    serving,
    talking,
    failure,
)
from wadjet.wasi.common.forms import name
from wadjet.wasi.host.network import Network
from wadjet.wasi.http.client import Client
from wadjet.wasi.http.errors import HttpError
from wadjet.wasi.http.message import Body, Request, Response, read_all

_PIECE = bytes(1 << 16)
_HEAD = b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\n"


# -- Backpressure ----------------------------------------------------------------------------------


@pytest.mark.parametrize("secure", [False, True])
def test_a_slow_reader_holds_the_server_back(secure: bool) -> None:
    made = 0

    async def pieces() -> AsyncIterator[bytes]:
        nonlocal made
        for _ in range(400):
            made += 1
            yield _PIECE

    async def handler(request: Request) -> Response:
        return Response(200, [], Body(pieces()))

    async def main() -> None:
        async with serving(handler, tls=secure) as (port, _):
            scheme = "https" if secure else "http"
            response = await client().send(Request("GET", scheme, f"localhost:{port}", "/"))
            await asyncio.sleep(0.3)
            assert made < 200, "it was read, although nobody asked for it"
            assert len(await read_all(response.body, 1 << 26)) == 400 * len(_PIECE)

    run(main)


@pytest.mark.parametrize("secure", [False, True])
def test_a_slow_server_holds_the_body_back_and_time_runs_out(secure: bool) -> None:
    made = 0
    outcomes: list[Any] = []

    async def pieces() -> AsyncIterator[bytes]:
        nonlocal made
        for _ in range(1000):
            made += 1
            yield _PIECE

    async def handler(request: Request) -> Response:
        await asyncio.sleep(20)
        return Response(200)

    async def main() -> None:
        async with serving(handler, tls=secure) as (port, _):
            scheme = "https" if secure else "http"
            body = Body(pieces(), settle=outcomes.append)
            request = Request(
                "POST", scheme, f"localhost:{port}", "/", [], body, between_bytes_timeout=2 * 10**8
            )
            with pytest.raises(HttpError, match="ConnectionWriteTimeout"):
                await client().send(request)

    run(main)
    assert made < 200
    assert str(outcomes[0]) == "ConnectionWriteTimeout"


# -- Time ------------------------------------------------------------------------------------------


def test_time_runs_out() -> None:
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        if b"/late" not in head:
            writer.write(_HEAD + b"he")
        await asyncio.sleep(10)

    async def main() -> None:
        async with talking(talk) as port:
            sender, url, soon = client(), f"http://127.0.0.1:{port}", 10**8
            late = await failure(sender, f"{url}/late", first_byte_timeout=soon)
            assert name(late.code) == "HttpResponseTimeout"
            slow = await failure(sender, f"{url}/slow", between_bytes_timeout=soon)
            assert name(slow.code) == "ConnectionReadTimeout"
            silent = await failure(sender, f"https://127.0.0.1:{port}/", connect_timeout=soon)
            assert name(silent.code) == "ConnectionTimeout"
            assert not sender.links()

    run(main)


# -- TLS -------------------------------------------------------------------------------------------


def test_certificates_and_names_are_checked() -> None:
    async def main() -> None:
        async with serving(echo, tls=True) as (port, _):
            assert await ask(client(), f"https://127.0.0.1:{port}/") == (200, b"hello")
            stranger = Client(Network.of(True))
            wrong = await failure(stranger, f"https://localhost:{port}/")
            assert name(wrong.code) == "TlsCertificateError"
        loop = asyncio.get_running_loop()
        context = server_tls("other.example")
        server = await loop.create_server(asyncio.Protocol, "127.0.0.1", 0, ssl=context)
        port = server.sockets[0].getsockname()[1]
        wrong = await failure(client(), f"https://localhost:{port}/")
        assert name(wrong.code) == "TlsCertificateError"
        server.close()

    run(main)


def test_what_tls_says_of_its_failures() -> None:
    async def garbage(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(100)
        writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        await writer.drain()

    async def main() -> None:
        async with talking(garbage) as port:
            wrong = await failure(client(), f"https://127.0.0.1:{port}/")
            assert name(wrong.code) == "TlsProtocolError"
        with socket.create_server(("127.0.0.1", 0)) as listening:
            refusing = asyncio.ensure_future(asyncio.to_thread(_refuse, listening))
            port = listening.getsockname()[1]
            alert = await failure(client(), f"https://127.0.0.1:{port}/")
            await refusing
        assert name(alert.code) == "TlsAlertReceived"
        payload = alert.code.value  # type: ignore[attr-defined]  # a variant's
        assert (payload.alert_id, payload.alert_message) == (40, "handshake_failure")

    run(main)


def _refuse(listening: socket.socket) -> None:
    """Ask for a client's certificate, in vain. (asyncio would close without saying why.)"""
    context = server_tls()
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    context.verify_mode = ssl.CERT_REQUIRED
    context.load_verify_locations(certificate())
    connection, _ = listening.accept()
    with connection, suppress(ssl.SSLError):
        context.wrap_socket(connection, server_side=True).close()


def test_trust_that_cannot_be_read() -> None:
    async def main() -> None:
        sender = Client(Network.of(True), "/nowhere/ca.pem")
        wrong = await failure(sender, "https://127.0.0.1:1/")
        assert name(wrong.code) == "ConfigurationError"

    run(main)
