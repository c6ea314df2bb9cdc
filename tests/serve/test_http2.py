"""HTTP/2, the server's end: real peers, flow control, and ends of all kinds."""

import asyncio
import os
import shutil
import signal
import ssl
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path

import h2.events
import httpx
import pytest

import wadjet
from tests.corpora import corpora
from tests.serve.guest import binary, component
from tests.serve.peers import Peer, certificate, client, echo, run, serving
from wadjet import Component
from wadjet.cli import main
from wadjet.wasi import Wasi
from wadjet.wasi.http.errors import HttpError
from wadjet.wasi.http.fields import Entries
from wadjet.wasi.http.message import Body, Request, Response, read_all, whole_body
from wadjet.wasi.service import Service

_PIECE = bytes(1 << 16)


async def _shell(*words: str) -> bytes:
    process = await asyncio.create_subprocess_exec(
        *words, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    out, err = await process.communicate()
    assert process.returncode == 0, err
    return out


def _needs(program: str, *, feature: str = "") -> str:
    found = shutil.which(program)
    if found is None or feature.encode() not in subprocess.check_output([found, "--version"]):
        pytest.skip(f"NO {program.upper()}: {program} {feature} is not installed")
    return found


# -- Real peers ------------------------------------------------------------------------------------


def test_curl_by_alpn() -> None:
    curl = _needs("curl", feature="HTTP2")

    async def main() -> None:
        async with serving(echo, tls=True) as (port, _):
            words = ("-sS", "--http2", "--cacert", str(certificate()), "-w", " %{http_version}")
            assert await _shell(curl, *words, f"https://localhost:{port}/") == b"hello 2"

    run(main)


def test_curl_by_prior_knowledge_and_without() -> None:
    curl = _needs("curl", feature="HTTP2")

    async def main() -> None:
        async with serving(echo) as (port, _):
            url = f"http://localhost:{port}/"
            show = ("-sS", "-w", " %{http_version}")
            sent = ("-d", "x" * 100_000)
            assert await _shell(curl, *show, "--http2-prior-knowledge", url) == b"hello 2"
            assert await _shell(curl, *show, "--http2", url) == b"hello 1.1"
            back = await _shell(curl, *show, "--http2-prior-knowledge", *sent, url)
            assert back == b"x" * 100_000 + b" 2"

    run(main)


def test_h2load() -> None:
    h2load = _needs("h2load")

    async def main() -> None:
        async with serving(echo) as (port, _):
            out = await _shell(
                h2load, "-n", "500", "-c", "4", "-m", "20", f"http://localhost:{port}/"
            )
            assert b"500 succeeded, 0 failed, 0 errored" in out

    run(main)


def test_httpx_sends_many_requests_over_one_connection() -> None:
    async def main() -> None:
        async with serving(echo, tls=True) as (port, connections):
            context = ssl.create_default_context(cafile=str(certificate()))
            async with httpx.AsyncClient(http2=True, http1=False, verify=context) as client:
                url = f"https://localhost:{port}/"
                await client.get(url)
                sent = [client.post(url, content=b"x" * size) for size in range(1, 50_000, 1000)]
                for response, size in zip(
                    await asyncio.gather(*sent), range(1, 50_000, 1000), strict=True
                ):
                    assert (response.http_version, response.status_code) == ("HTTP/2", 200)
                    assert response.content == b"x" * size
                assert len(connections.open) == 1

    run(main)


# -- Guests ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("secure", [False, True])
def test_a_guest_of_each_edition_answers(secure: bool) -> None:
    """By prior knowledge from curl's library, or with TLS from the client of the house."""
    curl = "" if secure else _needs("curl", feature="HTTP2")
    suite = corpora("wasi-testsuite") / "rust/testsuite/wasm32-wasip3"
    later = Component.from_file(suite / "http-service-echo.wasm")

    async def main() -> None:
        for guest, path, body in ((component(), "/", b"hello"), (later, "/echo", b"x" * 100_000)):
            service = Service(guest, Wasi(stdin=None), tier="interpreter")
            async with serving(service.handle, tls=secure) as (port, _):
                if secure:
                    request = Request(
                        "POST", "https", f"localhost:{port}", path, [], whole_body(body)
                    )
                    response = await client().send(request)
                    assert await read_all(response.body, 1 << 20) == body
                else:
                    words = ("-sS", "--http2-prior-knowledge", "--data-binary", body.decode())
                    assert await _shell(curl, *words, f"http://localhost:{port}{path}") == body
            await service.close()

    run(main)


def test_the_command_serves_https(tmp_path: Path) -> None:
    file = tmp_path / "app.wasm"
    file.write_bytes(binary())
    words = ["serve", "--addr", "127.0.0.1:0", "--tls-cert", str(certificate("localhost"))]
    process = subprocess.Popen(
        [sys.executable, "-m", "wadjet", *words, "--tier", "interpreter", str(file)],
        stderr=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": str(Path(wadjet.__file__).parents[1])},
        text=True,
    )
    try:
        assert process.stderr is not None
        port = process.stderr.readline().strip().rpartition(":")[2]
        context = ssl.create_default_context(cafile=str(certificate()))
        with httpx.Client(http2=True, verify=context) as sender:
            for _ in range(3):
                response = sender.get(f"https://localhost:{port}/")
                assert (response.http_version, response.text) == ("HTTP/2", "hello")
        process.send_signal(signal.SIGTERM)
        _, err = process.communicate(timeout=30)
        assert process.returncode == 0, err
    finally:
        process.kill()
        process.communicate()


@pytest.mark.parametrize(
    ("words", "what"),
    [
        (["run", "--tls-ca", "/nowhere"], "--tls-ca: /nowhere: No such file"),
        (["run", "--tls-ca", __file__], "--tls-ca: "),
        (["serve", "--tls-key", __file__], "--tls-key: a key needs a certificate"),
        (["serve", "--tls-cert", __file__], f"{__file__}: "),
    ],
)
def test_the_commands_say_what_is_wrong_with_certificates(
    words: list[str], what: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with suppress(SystemExit):
        assert main([*words, "app.wasm"]) != 0
    assert what in capsys.readouterr().err


# -- Messages --------------------------------------------------------------------------------------


def test_a_request_as_the_handler_sees_it() -> None:
    seen: list[Request] = []

    async def handler(request: Request) -> Response:
        seen.append(request)
        return Response(204)

    async def main() -> None:
        async with serving(handler) as (port, _), Peer.to(port) as peer:
            crumbs = [("cookie", "a=1"), ("cookie", "b=2"), ("x-other", "1")]
            number = peer.request("/p?q", method="PURGE", more=crumbs)
            head = await peer.until(h2.events.ResponseReceived)
            assert dict(head.headers) == {b":status": b"204"}
            assert await peer.until(h2.events.StreamEnded, number)

    run(main)
    (request,) = seen
    assert (request.method, request.scheme, request.authority) == ("PURGE", "http", "localhost")
    assert request.target == "/p?q"
    assert request.headers == [("x-other", b"1"), ("cookie", b"a=1; b=2")]
    assert request.body.whole() == b""


def test_trailers_both_ways() -> None:
    async def main() -> None:
        async with serving(echo) as (port, _), Peer.to(port) as peer:
            number = peer.request(method="POST", end=False)
            peer.wire.send_data(number, b"abc", pad_length=7)
            peer.wire.send_headers(number, [("x-sum", "6")], end_stream=True)
            peer.flush()
            trailers = await peer.until(h2.events.TrailersReceived)
            assert dict(trailers.headers) == {b"x-sum": b"6"}
            assert peer.data(number) == b"abc"

    run(main)


def test_trailers_that_may_not_be_sent() -> None:
    async def trailers() -> Entries:
        return [("TE", b"gzip")]

    async def handler(request: Request) -> Response:
        return Response(200, [], Body(aiter(whole_body(b"abc")), trailers))

    async def main() -> None:
        async with serving(handler) as (port, _), Peer.to(port) as peer:
            number = peer.request()
            assert await peer.until(h2.events.StreamEnded, number)
            assert peer.data(number) == b"abc"

    run(main)


def test_head_has_no_body_and_fields_of_connections_are_dropped() -> None:
    async def handler(request: Request) -> Response:
        fields = [
            ("Connection", b"close"),
            ("TE", b"gzip"),
            ("Content-Length", b"5"),
            ("X-A", b"b"),
        ]
        return Response(200, fields, whole_body(b"hello"))

    async def main() -> None:
        async with serving(handler) as (port, _), Peer.to(port) as peer:
            number = peer.request(method="HEAD")
            head = await peer.until(h2.events.ResponseReceived)
            assert head.headers == [(b":status", b"200"), (b"content-length", b"5"), (b"x-a", b"b")]
            assert await peer.until(h2.events.StreamEnded, number)
            assert peer.data(number) == b""

    run(main)


def test_what_precedes_a_response() -> None:
    async def handler(request: Request) -> Response:
        assert request.inform is not None
        request.inform(103, [("link", b"</a>")])
        return Response(200, [], whole_body(await read_all(request.body, 10)))

    async def main() -> None:
        async with serving(handler) as (port, _), Peer.to(port) as peer:
            more = [("expect", "100-continue")]
            number = peer.request(method="POST", end=False, more=more)
            early = await peer.until(h2.events.InformationalResponseReceived)
            assert dict(early.headers) == {b":status": b"103", b"link": b"</a>"}
            while (b":status", b"100") not in peer.events[-1].headers:
                await peer.reader.read(0)
                peer.events += peer.wire.receive_data(await peer.reader.read(1 << 16))
            peer.wire.send_data(number, b"go", end_stream=True)
            peer.flush()
            await peer.until(h2.events.StreamEnded, number)
            assert peer.data(number) == b"go"

    run(main)


@pytest.mark.parametrize(
    ("name", "value"),
    [(":method", "A B"), (":path", "a"), (":path", "/a b"), (":authority", "a b"), ("host", "²")],
)
def test_what_is_no_request_is_refused(name: str, value: str) -> None:
    fields = {":method": "GET", ":scheme": "http", ":authority": "a", ":path": "/", name: value}
    if name == "host":
        del fields[":authority"]

    async def main() -> None:
        async with serving(echo) as (port, _), Peer.to(port) as peer:
            written = [(n.encode(), v.encode("latin-1")) for n, v in fields.items()]
            peer.wire.config.validate_outbound_headers = False
            peer.wire.send_headers(1, written, end_stream=True)
            peer.flush()
            assert int((await peer.until(h2.events.StreamReset, 1)).error_code) == 1
            assert await peer.until(h2.events.StreamEnded, peer.request())

    run(main)


def test_nothing_precedes_a_response_that_has_begun() -> None:
    async def main() -> None:
        async with serving(echo) as (port, _), Peer.to(port) as peer:
            more = [("expect", "100-continue")]
            number = peer.request(method="POST", end=False, more=more)
            head = await peer.until(h2.events.ResponseReceived)
            assert (b":status", b"200") in head.headers
            peer.wire.send_data(number, b"unasked", end_stream=True)
            peer.flush()
            await peer.until(h2.events.StreamEnded, number)
            assert peer.data(number) == b"unasked"
            early = h2.events.InformationalResponseReceived
            assert not any(isinstance(event, early) for event in peer.events)

    run(main)


def test_a_response_that_fails_on_the_way_is_cut_off() -> None:
    async def pieces() -> AsyncIterator[bytes]:
        yield b"some"
        raise HttpError.of("connection-terminated")

    async def handler(request: Request) -> Response:
        if request.target == "/refused":
            raise HttpError.of("HTTP-response-timeout")
        return Response(200, [], Body(pieces()))

    async def main() -> None:
        async with serving(handler) as (port, _), Peer.to(port) as peer:
            number = peer.request()
            assert int((await peer.until(h2.events.StreamReset, number)).error_code) == 2
            assert peer.data(number) == b"some"
            peer.events.clear()
            peer.request("/refused")
            head = await peer.until(h2.events.ResponseReceived)
            assert (b":status", b"504") in head.headers

    run(main)


# -- Flow control ----------------------------------------------------------------------------------


def test_a_slow_reader_holds_its_own_writer_back_and_nobody_else() -> None:
    made = 0

    async def pieces() -> AsyncIterator[bytes]:
        nonlocal made
        for _ in range(64):
            made += 1
            yield _PIECE

    async def handler(request: Request) -> Response:
        body = Body(pieces()) if request.target == "/big" else whole_body(b"small")
        return Response(200, [], body)

    async def main() -> None:
        async with serving(handler) as (port, _), Peer.to(port) as peer:
            peer.wire.increment_flow_control_window(1 << 24)
            big = peer.request("/big")
            while len(peer.data(big)) < 65535:
                peer.events += peer.wire.receive_data(await peer.reader.read(1 << 16))
            await asyncio.sleep(0.05)
            assert made == 1
            small = peer.request("/small")
            await peer.until(h2.events.StreamEnded, small, take=False)
            assert peer.data(small) == b"small"
            peer.wire.increment_flow_control_window(1 << 24, big)
            peer.flush()
            await peer.until(h2.events.StreamEnded, big)
            assert len(peer.data(big)) == 64 * len(_PIECE)

    run(main)


def test_a_body_that_nobody_reads_is_not_taken() -> None:
    go = asyncio.Event()

    async def handler(request: Request) -> Response:
        await go.wait()
        return Response(200, [], whole_body(b"%d" % len(await read_all(request.body, 1 << 24))))

    async def main() -> None:
        async with serving(handler) as (port, _), Peer.to(port) as peer:
            await peer.until(h2.events.RemoteSettingsChanged)
            number = peer.request(method="POST", end=False)
            sent = 0
            while window := peer.wire.local_flow_control_window(number):
                peer.wire.send_data(number, bytes(min(window, 16384)))
                sent += min(window, 16384)
            peer.flush()
            await asyncio.sleep(0.05)
            peer.wire.ping(b"12345678")
            peer.flush()
            await peer.until(h2.events.PingAckReceived)
            assert sent == 65535
            assert peer.wire.local_flow_control_window(number) == 0
            go.set()
            await peer.until(h2.events.WindowUpdated, number)
            peer.wire.end_stream(number)
            peer.flush()
            await peer.until(h2.events.StreamEnded, number)
            assert peer.data(number) == b"65535"

    run(main)


def test_what_nobody_wants_of_a_body_is_refused_once_the_response_is_sent() -> None:
    async def handler(request: Request) -> Response:
        return Response(413, [], whole_body(b"no"))

    async def main() -> None:
        async with serving(handler) as (port, _), Peer.to(port) as peer:
            number = peer.request(method="POST", end=False)
            reset = await peer.until(h2.events.StreamReset, number)
            assert int(reset.error_code) == 0
            assert peer.data(number) == b"no"

    run(main)


# -- The end ---------------------------------------------------------------------------------------


def test_a_stop_says_goaway_and_finishes_what_is_under_way() -> None:
    begun, go = asyncio.Event(), asyncio.Event()

    async def handler(request: Request) -> Response:
        begun.set()
        await go.wait()
        return Response(200, [], whole_body(b"done"))

    async def main() -> None:
        async with serving(handler) as (port, connections), Peer.to(port) as peer:
            peer.request()
            await begun.wait()
            stop = asyncio.ensure_future(connections.drain(5))
            goaway = bytes.fromhex("000008 07 00 00000000 00000001 00000000")
            await asyncio.wait_for(peer.reader.readuntil(goaway), 5)
            go.set()
            assert (await peer.reader.read()).endswith(b"done")
            await stop

    run(main)


def test_a_client_that_says_goaway_still_gets_its_response() -> None:
    async def handler(request: Request) -> Response:
        await asyncio.sleep(0.05)
        return Response(200, [], whole_body(b"late"))

    async def main() -> None:
        async with serving(handler) as (port, _), Peer.to(port) as peer:
            peer.request()
            peer.raw(7, 0, 0, bytes(8))
            assert (await peer.reader.read()).endswith(b"late")

    run(main)


def test_a_client_that_resets_ends_the_handler() -> None:
    ended = asyncio.Event()

    async def handler(request: Request) -> Response:
        try:
            await asyncio.sleep(60)
        finally:
            ended.set()
        return Response(200)

    async def main() -> None:
        async with serving(handler) as (port, _), Peer.to(port) as peer:
            number = peer.request()
            await asyncio.sleep(0.05)
            peer.wire.reset_stream(number)
            peer.flush()
            await asyncio.wait_for(ended.wait(), 5)

    run(main)


def test_silence_ends_a_connection() -> None:
    async def main() -> None:
        async with serving(echo, idle_timeout=0.1) as (port, _), Peer.to(port) as peer:
            assert await peer.goaway() == 0
            assert await peer.reader.read() == b""

    run(main)
