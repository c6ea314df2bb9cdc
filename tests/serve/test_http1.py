"""HTTP/1.1 as bytes: what a server takes, refuses, and answers, with either reader of requests."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from importlib.util import find_spec

import pytest

from wadjet.wasi.http import parsers
from wadjet.wasi.http.connection import ServerOptions
from wadjet.wasi.http.errors import HttpError
from wadjet.wasi.http.message import Body, Request, Response, empty_body, read_all, whole_body
from wadjet.wasi.http.server import connections

Talk = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
HOST = b"Host: x\r\n"
PLAIN = [("x", b"1")]


@pytest.fixture(params=["llhttp", "h11"], autouse=True)
def reader(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    name: str = request.param
    if name == "h11":
        monkeypatch.setattr(parsers, "find_httptools", lambda: None)
    elif find_spec("httptools") is None:
        pytest.skip("NO HTTPTOOLS: requests are read by h11 alone")
    return name


#: Readers of bodies that their handlers left behind.
_left: list[asyncio.Future[bytes]] = []


async def _handler(request: Request) -> Response:
    """Says what was asked, in ways that the path names."""
    what = (request.target or "").partition("?")[0]
    if what == "/echo":
        body = await read_all(request.body, 1 << 20)
        trailers = await request.body.trailers() or []
        return Response(200, PLAIN, whole_body(body + b"".join(v for _, v in trailers)))
    if what == "/pieces":
        return Response(200, PLAIN, Body(_pieces(), _trailers))
    if what == "/early":
        return Response(200, PLAIN, Body(request.body.__aiter__()))
    if what == "/left":
        _left.append(asyncio.ensure_future(anext(aiter(request.body))))
        await asyncio.sleep(0)
    if what == "/short":
        return Response(200, [("content-length", b"9")], Body(_pieces(), length=9))
    if what == "/wrong":
        return Response(200, [("content-length", b"x")], whole_body(b"abc"))
    if what == "/nothing":
        return Response(204)
    if what == "/hint":
        assert request.inform is not None
        request.inform(103, [("link", b"</a>")])
    if what == "/fail":
        raise HttpError.of("HTTP-response-timeout")
    text = f"{request.method} {request.scheme} {request.authority} {request.target}"
    return Response(200, PLAIN, whole_body(text.encode()))


async def _pieces() -> AsyncIterator[bytes]:
    for each in (b"ab", b"", b"cde"):
        yield each


async def _trailers() -> list[tuple[str, bytes]]:
    return [("sum", b"7")]


def talking(talk: Talk, options: ServerOptions | None = None) -> None:
    """Talk to a server, which must be left with nothing."""

    async def main() -> None:
        made = connections(_handler, options or ServerOptions())
        server = await asyncio.get_running_loop().create_server(made.make, "127.0.0.1", 0)
        reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
        await asyncio.wait_for(talk(reader, writer), 10)
        writer.close()
        server.close()
        await made.drain(1)
        assert not made.open
        assert len(asyncio.all_tasks()) == 1

    asyncio.run(main())


def exchange(sent: bytes, wanted: bytes, *, bytewise: bool = False) -> None:
    """What is sent gets exactly this, and then the connection is closed."""

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for piece in [sent[i : i + 1] for i in range(len(sent))] if bytewise else [sent]:
            writer.write(piece)
            if bytewise:
                await asyncio.sleep(0)
        assert await reader.read() == wanted

    talking(talk)


def whole(body: bytes, *more: bytes, status: bytes = b"200 OK") -> bytes:
    """A response with a body of a known length."""
    fields = [b"x: 1", b"content-length: %d" % len(body), *more]
    return b"HTTP/1.1 %b\r\n%b\r\n\r\n%b" % (status, b"\r\n".join(fields), body)


CLOSE = b"connection: close"


@pytest.mark.parametrize("bytewise", [False, True])
def test_requests_one_after_the_other_and_at_once(bytewise: bool) -> None:
    one = b"GET /%d HTTP/1.1\r\n" + HOST
    sent = b"".join(one % i + b"\r\n" for i in range(3))
    wanted = b"".join(whole(b"GET http x /%d" % i) for i in range(3))
    exchange(
        sent + one % 3 + b"Connection: close\r\n\r\n",
        wanted + whole(b"GET http x /3", CLOSE),
        bytewise=bytewise,
    )


@pytest.mark.parametrize("bytewise", [False, True])
def test_bodies_and_trailers_that_come(bytewise: bool) -> None:
    chunked = b"POST /echo HTTP/1.1\r\n" + HOST + b"Transfer-Encoding: chunked\r\n"
    sent = chunked + b"\r\n3\r\nabc\r\n2\r\nde\r\n0\r\nsum: 7\r\n\r\n"
    counted = (
        b"POST /echo HTTP/1.1\r\n" + HOST + b"Connection: close\r\nContent-Length: 2\r\n\r\nxy"
    )
    exchange(sent + counted, whole(b"abcde7") + whole(b"xy", CLOSE), bytewise=bytewise)


def test_a_body_that_nobody_wants_is_passed_over() -> None:
    sent = b"POST / HTTP/1.1\r\n" + HOST + b"Content-Length: 3\r\n\r\nabc"
    last = b"GET / HTTP/1.1\r\n" + HOST + b"Connection: close\r\n\r\n"
    exchange(sent + last, whole(b"POST http x /") + whole(b"GET http x /", CLOSE))


def test_a_body_whose_reader_was_left_behind_is_passed_over() -> None:
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"POST /left HTTP/1.1\r\n" + HOST + b"Content-Length: 5\r\n\r\n")
        answer = whole(b"POST http x /left")
        assert await reader.readexactly(len(answer)) == answer
        await asyncio.sleep(0.01)  # the rest is waited for now
        left = _left.pop()
        left.cancel()
        await asyncio.wait([left])
        writer.write(b"later" + b"GET / HTTP/1.1\r\n" + HOST + b"\r\n")
        answer = whole(b"GET http x /")
        assert await reader.readexactly(len(answer)) == answer

    talking(talk)


def test_pieces_and_trailers_that_go() -> None:
    last = b"GET /pieces HTTP/1.1\r\n" + HOST + b"Connection: close\r\n\r\n"
    head = b"HTTP/1.1 200 OK\r\nx: 1\r\ntransfer-encoding: chunked\r\nconnection: close\r\n\r\n"
    exchange(last, head + b"2\r\nab\r\n3\r\ncde\r\n0\r\nsum: 7\r\n\r\n")


def test_old_clients_get_bodies_without_chunks() -> None:
    head = b"HTTP/1.1 200 OK\r\nx: 1\r\nconnection: close\r\n\r\n"
    exchange(b"GET /pieces HTTP/1.0\r\n\r\n", head + b"abcde")
    kept = b"GET / HTTP/1.0\r\nConnection: keep-alive\r\n" + HOST + b"\r\n"
    again = whole(b"GET http x /", b"connection: keep-alive")
    exchange(kept + b"GET / HTTP/1.0\r\n" + HOST + b"\r\n", again + whole(b"GET http x /", CLOSE))


def test_responses_without_a_body() -> None:
    head = b"HEAD / HTTP/1.1\r\n" + HOST + b"\r\n"
    nothing = b"GET /nothing HTTP/1.1\r\n" + HOST + b"Connection: close\r\n\r\n"
    exchange(
        head + nothing,
        b"HTTP/1.1 200 OK\r\nx: 1\r\n\r\nHTTP/1.1 204 No Content\r\nconnection: close\r\n\r\n",
    )


def test_targets() -> None:
    sent = b"OPTIONS * HTTP/1.1\r\n" + HOST + b"\r\n"
    sent += b"GET http://y:1/a?b HTTP/1.1\r\n" + HOST + b"Connection: close\r\n\r\n"
    exchange(sent, whole(b"OPTIONS http x *") + whole(b"GET http y:1 /a?b", CLOSE))


def test_methods_that_nobody_registered() -> None:
    sent = b"FETCH / HTTP/1.1\r\n" + HOST + b"Connection: close\r\n\r\n"
    exchange(sent, whole(b"FETCH http x /", CLOSE))


def test_offers_of_other_protocols_are_declined() -> None:
    offer = b"GET / HTTP/1.1\r\n" + HOST + b"Connection: Upgrade\r\nUpgrade: h2c\r\n\r\n"
    last = b"GET / HTTP/1.1\r\n" + HOST + b"Connection: close\r\n\r\n"
    exchange(offer + last, whole(b"GET http x /") + whole(b"GET http x /", CLOSE))


REFUSED = b"HTTP/1.1 %b\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"


@pytest.mark.parametrize(
    "sent",
    [
        b"nonsense\r\n\r\n",
        b"GET / HTTP/1.1\r\n\r\n",
        b"GET / HTTP/1.1\r\n" + HOST + HOST + b"\r\n",
        b"GET / HTTP/1.1\r\nHost : x\r\n\r\n",
        b"GET / HTTP/1.1\r\n" + HOST + b"Content-Length: 3\r\nContent-Length: 4\r\n\r\nabcd",
        b"GET / HTTP/1.1\r\n" + HOST + b"a: \0\r\n\r\n",
    ],
)
def test_what_is_no_request(sent: bytes) -> None:
    exchange(sent, REFUSED % b"400 Bad Request")


@pytest.mark.parametrize(
    "endless",
    [b"a", b"GET /", b"GET / HTTP/1.1\r\nx: ", b"GET / HTTP/1.1\r\n" + b"x: y\r\n" * 9000],
)
def test_heads_without_end(endless: bytes) -> None:
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(endless)
        while not writer.is_closing() and not reader.at_eof():
            writer.write(b"z" * 4096)
            await asyncio.sleep(0)
            if reader._buffer:  # type: ignore[attr-defined]  # something came
                break
        assert (await reader.readline()).split()[1] in (b"400", b"431", b"501")

    talking(talk)


def test_what_comes_before_a_bad_request_is_answered() -> None:
    sent = b"GET / HTTP/1.1\r\n" + HOST + b"\r\n" + b"nonsense\r\n\r\n"
    exchange(sent, whole(b"GET http x /") + REFUSED % b"400 Bad Request")


@pytest.mark.parametrize("path", [b"/echo", b"/early"])
def test_a_client_that_waits_is_told_to_go_on_before_the_response(path: bytes) -> None:
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"POST %b HTTP/1.1\r\n%b" % (path, HOST))
        writer.write(b"Expect: 100-continue\r\nContent-Length: 3\r\n\r\n")
        assert await reader.readuntil(b"\r\n\r\n") == b"HTTP/1.1 100 Continue\r\n\r\n"
        writer.write(b"abc")
        assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 200 OK\r\n")
        assert b"abc" in await reader.read(100)

    talking(talk)


def test_a_body_that_was_not_asked_for_is_not_waited_for() -> None:
    sent = b"POST / HTTP/1.1\r\n" + HOST + b"Expect: 100-continue\r\nContent-Length: 3\r\n\r\n"
    exchange(sent, whole(b"POST http x /", CLOSE))


def test_something_before_the_response() -> None:
    sent = b"GET /hint HTTP/1.1\r\n" + HOST + b"Connection: close\r\n\r\n"
    hint = b"HTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\n"
    exchange(sent, hint + whole(b"GET http x /hint", CLOSE))


def test_responses_that_are_not_as_long_as_they_say_are_cut_off() -> None:
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"GET /short HTTP/1.1\r\n" + HOST + b"\r\n")
        with pytest.raises((asyncio.IncompleteReadError, ConnectionError)):
            await reader.readexactly(len(b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\n") + 9)

    talking(talk)


def test_failures_have_their_status() -> None:
    sent = b"GET /wrong HTTP/1.1\r\n" + HOST + b"\r\n"
    exchange(sent, REFUSED % b"502 Bad Gateway")

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"GET /fail HTTP/1.1\r\n" + HOST + b"\r\n")
        assert (await reader.readline()).split()[1] == b"504"

    talking(talk)


@pytest.mark.parametrize(
    "sent", [b"", b"GET / HT", b"POST /echo HTTP/1.1\r\n%bContent-Length: 9\r\n\r\n"]
)
def test_silence_ends_a_connection(sent: bytes) -> None:
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(sent.replace(b"%b", HOST))
        assert await reader.read() == b""

    talking(talk, ServerOptions(idle_timeout=0.1))


def test_a_client_that_sends_no_more_may_still_listen() -> None:
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"GET / HTTP/1.1\r\n" + HOST + b"\r\n")
        writer.write_eof()
        assert await reader.read() == whole(b"GET http x /")

    talking(talk)


def test_a_client_that_does_not_read_is_cut_off() -> None:
    over = asyncio.Event()

    async def endless(request: Request) -> Response:
        async def pieces() -> AsyncIterator[bytes]:
            try:
                while True:
                    yield bytes(1 << 20)
            finally:
                over.set()

        return Response(200, [], Body(pieces()))

    async def main() -> None:
        made = connections(endless, ServerOptions(idle_timeout=0.1))
        server = await asyncio.get_running_loop().create_server(made.make, "127.0.0.1", 0)
        _, writer = await asyncio.open_connection(*server.sockets[0].getsockname(), limit=1)
        writer.write(b"GET / HTTP/1.1\r\n" + HOST + b"\r\n")
        await asyncio.wait_for(over.wait(), 10)
        writer.close()
        server.close()
        await made.drain(1)

    asyncio.run(main())


def test_empty_bodies_are_known() -> None:
    assert empty_body().whole() == b""
