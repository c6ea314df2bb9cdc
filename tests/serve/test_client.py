"""Requests that guests send: connections used again, HTTP/2, and servers that misbehave."""

import asyncio
import gc
import random
from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import replace
from typing import Any

import h2.config
import h2.connection
import h2.events
import pytest

from tests.serve.peers import (
    ask,
    certificate,
    client,
    echo,
    free_port,
    run,
    server,
    server_tls,
    serving,
    talking,
    failure,
)
from wadjet.api.component_host import LazyHost
from wadjet.wasi.common.forms import name
from wadjet.wasi.http import tls
from wadjet.wasi.http.errors import HttpError
from wadjet.wasi.http.fields import Entries
from wadjet.wasi.http.message import Body, Request, Response, empty_body, read_all, whole_body
from wadjet.wasi.http.pool import PoolLimits

_PIECE = bytes(1 << 16)
_HEAD = b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\n"


# -- Connections -----------------------------------------------------------------------------------


@pytest.mark.parametrize("secure", [False, True])
def test_a_connection_is_used_again(secure: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tls, "find_h2", lambda: None)

    async def main() -> None:
        async with serving(echo, tls=secure) as (port, connections):
            sender, scheme = client(), "https" if secure else "http"
            for _ in range(5):
                assert await ask(sender, f"{scheme}://localhost:{port}/") == (200, b"hello")
            assert len(connections.open) == 1
            found = await asyncio.gather(
                *(ask(sender, f"{scheme}://localhost:{port}/") for _ in range(20))
            )
            assert found == [(200, b"hello")] * 20
            await asyncio.sleep(0.05)
            assert 1 <= len(connections.open) <= PoolLimits().idle

    run(main)


def test_an_idle_connection_is_closed_after_a_while() -> None:
    async def main() -> None:
        async with serving(echo) as (port, connections):
            sender = client(limits=PoolLimits(seconds=0.05))
            await ask(sender, f"http://localhost:{port}/")
            assert len(connections.open) == 1
            await asyncio.sleep(0.2)
            assert not connections.open

    run(main)


def test_there_are_so_many_connections_at_most() -> None:
    async def main() -> None:
        async def silence(reader: asyncio.StreamReader, _: asyncio.StreamWriter) -> None:
            await reader.read()
            await asyncio.sleep(10)

        async with talking(silence) as port:
            sender = client(limits=PoolLimits(connections=2))
            url = f"http://127.0.0.1:{port}/"
            waiting = [asyncio.ensure_future(ask(sender, url)) for _ in range(2)]
            await asyncio.sleep(0.05)
            assert name((await failure(sender, url)).code) == "ConnectionLimitReached"
            for task in waiting:
                task.cancel()
            await asyncio.gather(*waiting, return_exceptions=True)

    run(main)


@pytest.mark.parametrize(("method", "works"), [("GET", True), ("POST", False)])
def test_a_connection_that_ended_just_then(method: str, works: bool) -> None:
    """What may be repeated is sent again on a new connection."""
    seen: list[bytes] = []

    async def once(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for _ in range(2):
            seen.append(await reader.readuntil(b"\r\n\r\n"))
            if len(seen) == 2:
                return
            writer.write(_HEAD + b"hello")

    async def main() -> None:
        async with talking(once) as port:
            sender = client()
            request = Request("GET", "http", f"127.0.0.1:{port}", "/")
            await read_all((await sender.send(request)).body, 9)
            again = replace(request, method=method, body=empty_body())
            if works:
                assert await read_all((await sender.send(again)).body, 9) == b"hello"
            else:
                with pytest.raises(HttpError, match="ConnectionTerminated"):
                    await sender.send(again)
            assert len(seen) == (3 if works else 2)

    run(main)


@pytest.mark.parametrize("how", ["goaway", "reset"])
def test_what_a_server_has_not_begun_is_sent_again(how: str) -> None:
    """Whatever the method is."""
    connections = 0

    async def once(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal connections
        connections += 1
        wire = h2.connection.H2Connection(h2.config.H2Configuration(client_side=False))
        wire.initiate_connection()
        while data := await reader.read(1 << 16):
            for event in wire.receive_data(data):
                if not isinstance(event, h2.events.RequestReceived):
                    continue
                if event.stream_id == 1:
                    wire.send_headers(1, [(":status", "204")], end_stream=True)
                elif how == "reset":
                    wire.reset_stream(event.stream_id, 7)
                else:
                    wire.close_connection(0, last_stream_id=1)
            writer.write(wire.data_to_send())

    async def main() -> None:
        async with talking(once, server_tls()) as port:
            sender = client()
            request = Request("POST", "https", f"localhost:{port}", "/")
            for _ in range(3):
                response = await sender.send(replace(request, body=empty_body()))
                assert response.status == 204
                assert await read_all(response.body, 1) == b""
        assert connections == 3

    run(main)


def test_what_nobody_reads_is_cut_off() -> None:
    async def endless() -> AsyncIterator[bytes]:
        while True:
            yield _PIECE

    async def handler(request: Request) -> Response:
        return Response(200, [], Body(endless()))

    async def main() -> None:
        for secure in (False, True):
            async with serving(handler, tls=secure) as (port, _):
                sender, scheme = client(), "https" if secure else "http"
                request = Request("GET", scheme, f"localhost:{port}", "/")
                response = await sender.send(request)
                assert response.status == 200
                del response
                gc.collect()
                await asyncio.sleep(0.1)
                assert all(link.active == 0 for link in sender.links())

    run(main)


def test_all_ends_with_its_loop() -> None:
    sender = client()

    async def main() -> None:
        async with serving(echo) as (port, _):
            await ask(sender, f"http://localhost:{port}/")
            assert len(sender.links()) == 1

    for _ in range(2):
        run(main)


def test_all_ends_with_the_loop_of_blocking_calls() -> None:
    with server(echo) as port:
        host = LazyHost()
        assert host.run(ask(client(), f"https://localhost:{port}/")) == (200, b"hello")
        host.close()


# -- Messages --------------------------------------------------------------------------------------


@pytest.mark.parametrize("secure", [False, True])
def test_trailers_and_bodies_both_ways(secure: bool) -> None:
    async def pieces() -> AsyncIterator[bytes]:
        for _ in range(50):
            yield _PIECE

    async def trailers() -> Entries:
        return [("x-sum", b"1")]

    outcomes: list[HttpError | None] = []

    async def main() -> None:
        async with serving(echo, tls=secure) as (port, _):
            body = Body(pieces(), trailers, settle=outcomes.append)
            scheme = "https" if secure else "http"
            request = Request("POST", scheme, f"localhost:{port}", "/", [], body)
            response = await client().send(request)
            assert len(await read_all(response.body, 1 << 26)) == 50 * len(_PIECE)
            assert await response.body.trailers() == [("x-sum", b"1")]

    run(main)
    assert outcomes == [None]


@pytest.mark.parametrize("secure", [False, True])
def test_the_maker_of_a_body_hears_what_became_of_it(secure: bool) -> None:
    """Also of one that is empty, and of one whose trailers never come."""
    outcomes: list[HttpError | None] = []

    async def nothing() -> AsyncIterator[bytes]:
        for piece in ():
            yield piece

    async def never() -> Entries:
        await asyncio.Event().wait()
        return []

    async def main() -> None:
        async with serving(echo, tls=secure) as (port, _):
            sender, scheme = client(), "https" if secure else "http"
            bodies = [
                Body(nothing(), never, length=0, settle=outcomes.append),
                Body(nothing(), length=0, settle=outcomes.append, whole=bytes),
                Body(nothing(), length=0, settle=outcomes.append),
            ]
            for body in bodies:
                response = await sender.send(
                    Request("GET", scheme, f"localhost:{port}", "/", [], body)
                )
                assert await read_all(response.body, 9) == b"hello"
                assert outcomes
                assert outcomes[0] is None
                outcomes.clear()

    run(main)


def test_a_server_that_hangs_up_at_once() -> None:
    async def talk(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.transport.abort()

    async def main() -> None:
        async with talking(talk) as port:
            sender = client(limits=PoolLimits(connections=1))
            for _ in range(3):
                wrong = await failure(sender, f"http://127.0.0.1:{port}/")
                assert name(wrong.code) == "ConnectionTerminated"
            await asyncio.sleep(0)
            assert not sender.links()

    run(main)


def test_what_is_no_request_costs_its_connection() -> None:
    async def main() -> None:
        async with serving(echo) as (port, _):
            sender = client(limits=PoolLimits(connections=1))
            wrong = Request("A B", "http", f"localhost:{port}", "/")
            for _ in range(2):
                with pytest.raises(HttpError, match="HttpRequestUriInvalid"):
                    await sender.send(wrong)
                await asyncio.sleep(0.01)
            assert await ask(sender, f"http://localhost:{port}/") == (200, b"hello")

    run(main)


def test_many_requests_share_one_connection_of_http2() -> None:
    async def main() -> None:
        async with serving(echo, tls=True) as (port, connections):
            sender = client()
            found = await asyncio.gather(
                *(ask(sender, f"https://localhost:{port}/{n}") for n in range(50))
            )
            assert found == [(200, b"hello")] * 50
            assert len(connections.open) == 1

    run(main)


async def _hypercorn(port: int, stop: asyncio.Event) -> None:
    """Another server, of an ASGI application that echoes."""
    from hypercorn.asyncio import serve
    from hypercorn.config import Config

    async def application(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "http":
            return
        await send({"type": "http.response.start", "status": 200, "headers": []})
        more = True
        while more:
            event = await receive()
            more = event.get("more_body", False)
            await send({"type": "http.response.body", "body": event["body"], "more_body": True})
        await send({"type": "http.response.body", "body": scope["http_version"].encode()})

    config = Config()
    config.bind, config.certfile = [f"127.0.0.1:{port}"], str(certificate("localhost"))
    config.keyfile, config.accesslog, config.errorlog = config.certfile, None, None
    config.graceful_timeout = 0.1
    await serve(application, config, shutdown_trigger=stop.wait)


def test_another_server() -> None:
    async def pieces() -> AsyncIterator[bytes]:
        for _ in range(30):
            yield _PIECE

    async def main() -> None:
        port, stop, sender = free_port(), asyncio.Event(), client()
        server = asyncio.ensure_future(_hypercorn(port, stop))
        for _ in range(100):
            with suppress(HttpError):
                await ask(sender, f"https://localhost:{port}/")
                break
            await asyncio.sleep(0.02)
        requests = [
            Request("POST", "https", f"localhost:{port}", "/", [], Body(pieces())) for _ in range(5)
        ]
        for response in await asyncio.gather(*map(sender.send, requests)):
            assert await read_all(response.body, 1 << 26) == 30 * _PIECE + b"2"
        assert len(sender.links()) == 1
        await sender.close()
        stop.set()
        await server

    run(main)


def test_what_precedes_a_response_is_passed_on() -> None:
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 103 Early\r\nlink: </a>\r\n\r\n" + _HEAD + b"hello")

    early: list[tuple[int, Entries]] = []

    async def handler(request: Request) -> Response:
        assert request.inform is not None
        request.inform(103, [("link", b"</a>")])
        return Response(200, [], whole_body(b"hello"))

    async def main() -> None:
        inform = lambda status, fields: early.append((status, fields))  # noqa: E731
        async with talking(talk) as port:
            assert await ask(client(), f"http://127.0.0.1:{port}/", inform=inform) == (
                200,
                b"hello",
            )
        async with serving(handler, tls=True) as (port, _):
            assert await ask(client(), f"https://localhost:{port}/", inform=inform) == (
                200,
                b"hello",
            )

    run(main)
    assert early == [(103, [("link", b"</a>")])] * 2


@pytest.mark.parametrize("secure", [False, True])
@pytest.mark.parametrize("wanted", [True, False])
def test_a_server_is_asked_whether_it_wants_a_body(secure: bool, wanted: bool) -> None:
    asked: list[bytes] = []
    outcomes: list[HttpError | None] = []

    async def pieces() -> AsyncIterator[bytes]:
        asked.append(b"body")
        yield b"body"

    async def handler(request: Request) -> Response:
        if not wanted:
            return Response(403, [], whole_body(b"no"))
        return Response(200, [], whole_body(await read_all(request.body, 10)))

    async def main() -> None:
        async with serving(handler, tls=secure) as (port, _):
            body = Body(pieces(), settle=outcomes.append)
            scheme, fields = "https" if secure else "http", [("expect", b"100-continue")]
            request = Request("POST", scheme, f"localhost:{port}", "/", fields, body)
            response = await client().send(request)
            data = await read_all(response.body, 10)
            assert (response.status, data) == ((200, b"body") if wanted else (403, b"no"))

    run(main)
    assert asked == ([b"body"] if wanted else [])
    assert [each is None for each in outcomes] == [wanted]


def test_a_body_that_fails_fails_the_request() -> None:
    async def pieces() -> AsyncIterator[bytes]:
        yield b"some"
        raise HttpError.of("HTTP-request-body-size", None)

    async def main() -> None:
        for secure in (False, True):
            async with serving(echo, tls=secure) as (port, _):
                scheme = "https" if secure else "http"
                request = Request("POST", scheme, f"localhost:{port}", "/", [], Body(pieces()))
                with pytest.raises(HttpError, match="HttpRequestBodySize"):
                    await read_all((await client().send(request)).body, 100)

    run(main)


@pytest.mark.parametrize(
    ("answer", "code"),
    [
        (b"", "ConnectionTerminated"),
        (b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nshort", "HttpResponseIncomplete"),
        (b"HTTP/1.1 200 OK\r\n", "HttpResponseIncomplete"),
        (b"SSH-2.0\r\n\r\n", "HttpProtocolError"),
        (
            b"HTTP/1.1 200 OK\r\nx: " + bytes(1 << 18).replace(b"\0", b"x"),
            "HttpResponseHeaderSectionSize",
        ),
        (b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n", "HttpProtocolError"),
    ],
)
def test_what_is_no_response(answer: bytes, code: str) -> None:
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(answer)
        await writer.drain()

    async def main() -> None:
        async with talking(talk) as port:
            assert name((await failure(client(), f"http://127.0.0.1:{port}/")).code) == code

    run(main)


def _response(wire: Any, number: int) -> bytes:
    """A response, and what else may come of a server."""
    wire.send_headers(number, [(":status", "103"), ("link", "</a>")])
    wire.send_headers(number, [(":status", "200"), ("content-length", "50")])
    wire.ping(bytes(8))
    wire.send_data(number, b"x" * 30, pad_length=3)
    wire.update_settings({4: 70_000})
    wire.send_data(number, b"x" * 20)
    wire.increment_flow_control_window(100, number)
    wire.send_headers(number, [("x-sum", "1")], end_stream=True)
    return bytes(wire.data_to_send())


@pytest.mark.parametrize("seed", range(4))
def test_a_damaged_response_is_an_error_or_none(seed: int) -> None:
    chance = random.Random(seed)
    answers: list[str] = []

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        config = h2.config.H2Configuration(client_side=False)
        wire = h2.connection.H2Connection(config)
        wire.initiate_connection()
        events: list[Any] = []
        while not any(isinstance(each, h2.events.StreamEnded) for each in events):
            events += wire.receive_data(await reader.read(1 << 16))
        data = bytearray(_response(wire, 1))
        for _ in range(chance.randrange(4)):
            data[chance.randrange(len(data))] = chance.randrange(256)
        writer.write(data)
        await reader.read()

    async def attempt(port: int) -> None:
        limits = {"first_byte_timeout": 2 * 10**8, "between_bytes_timeout": 2 * 10**8}
        try:
            _, body = await ask(client(), f"https://localhost:{port}/", **limits)
        except HttpError as error:
            answers.append(str(error))
        else:
            answers.append(f"{len(body)} bytes")

    async def main() -> None:
        async with talking(talk, server_tls()) as port:
            await asyncio.gather(*(attempt(port) for _ in range(20)))

    run(main)
    assert len(answers) == 20
    assert "50 bytes" in answers


@pytest.mark.parametrize(
    ("request_", "code"),
    [
        (Request("CONNECT", "http", "localhost:1"), "HttpRequestMethodInvalid"),
        (Request("GET", "ftp", "localhost:1"), "HttpProtocolError"),
        (Request("GET", "http", None), "HttpRequestUriInvalid"),
        (Request("GET", "http", "localhost:1"), "ConnectionRefused"),
    ],
)
def test_what_cannot_be_sent(request_: Request, code: str) -> None:
    async def main() -> None:
        with pytest.raises(HttpError, match=code):
            await client().send(request_)

    run(main)
