"""HTTP/2, the server's end: clients that want to do harm."""

import asyncio
import random
from collections.abc import Callable
from typing import Any

import h2.events
import pytest

from tests.serve.peers import Peer, echo, run, serving
from wadjet.wasi.http.message import Request, Response

_CALM = 11


def _rapid_reset(peer: Peer) -> None:
    for _ in range(1000):
        number = peer.request()
        peer.wire.reset_stream(number)
        peer.flush()


def _pings(peer: Peer) -> None:
    for _ in range(1000):
        peer.raw(6, 0, 0, bytes(8))


def _settings(peer: Peer) -> None:
    for _ in range(1000):
        peer.raw(4, 0, 0)


def _priorities(peer: Peer) -> None:
    for _ in range(1000):
        peer.raw(2, 0, 1, bytes(5))


def _empty_pieces(peer: Peer) -> None:
    number = peer.request(method="POST", end=False)
    for _ in range(1000):
        peer.raw(0, 0, number)


def _unknown_frames(peer: Peer) -> None:
    for _ in range(1000):
        peer.raw(0x42, 0, 0)


@pytest.mark.parametrize(
    "flood", [_rapid_reset, _pings, _settings, _priorities, _empty_pieces, _unknown_frames]
)
def test_floods_end_the_connection(flood: Callable[[Peer], None]) -> None:
    handled = 0

    async def handler(request: Request) -> Response:
        nonlocal handled
        handled += 1
        await asyncio.sleep(1)
        return Response(200)

    async def main() -> None:
        async with serving(handler) as (port, _), Peer.to(port) as peer:
            await peer.until(h2.events.RemoteSettingsChanged)
            flood(peer)
            assert await peer.goaway() == _CALM

    run(main)
    assert handled <= 200


def _continuations(peer: Peer) -> None:
    peer.raw(1, 0, 1, b"\x82")
    for _ in range(1000):
        peer.raw(9, 0, 1, b"\0\1a\1b")


def _large_fields(peer: Peer) -> None:
    more = [(f"x-{number}", "v" * 1000) for number in range(80)]
    peer.request(more=more)


def _large_frame(peer: Peer) -> None:
    peer.raw(0, 0, 1, bytes(20_000))


def _too_many_streams(peer: Peer) -> None:
    for number in range(1, 301, 2):
        peer.raw(1, 5, number, b"\x82\x84\x86\x41\x01a")


def _no_preface_but(data: bytes) -> Callable[[Peer], None]:
    return lambda peer: peer.writer.write(data)


@pytest.mark.parametrize(
    ("act", "codes"),
    [
        (_continuations, {1, _CALM}),
        (_large_fields, {_CALM}),
        (_large_frame, {6}),
        (_too_many_streams, {1}),
        (_no_preface_but(b"\0\0\x04\x08\0\0\0\0\0\0\0\0\0"), {1}),
    ],
)
def test_broken_rules_end_the_connection(act: Callable[[Peer], None], codes: set[int]) -> None:
    async def handler(request: Request) -> Response:
        await asyncio.sleep(1)
        return Response(200)

    async def main() -> None:
        async with serving(handler) as (port, _), Peer.to(port) as peer:
            await peer.until(h2.events.RemoteSettingsChanged)
            act(peer)
            assert await peer.goaway() in codes

    run(main)


def _valid_bytes() -> bytes:
    """A connection's worth of good frames."""
    peer: Any = Peer.__new__(Peer)
    config = h2.config.H2Configuration(client_side=True, header_encoding=None)
    peer.wire = h2.connection.H2Connection(config)
    peer.wire.initiate_connection()
    out = bytearray(peer.wire.data_to_send())
    for _ in range(4):
        number = peer.wire.get_next_available_stream_id()
        fields = [(":method", "POST"), (":scheme", "http"), (":authority", "a"), (":path", "/")]
        peer.wire.send_headers(number, fields)
        peer.wire.send_data(number, b"x" * 50)
        peer.wire.send_headers(number, [("t", "1")], end_stream=True)
        peer.wire.ping(bytes(8))
        out += peer.wire.data_to_send()
    return bytes(out)


@pytest.mark.parametrize("seed", range(5))
def test_damaged_frames_harm_nobody(seed: int) -> None:
    """Whatever comes, the server says so or closes, and goes on serving others."""
    chance = random.Random(seed)
    good = _valid_bytes()

    async def damage(port: int) -> None:
        data = bytearray(good)
        for _ in range(chance.randrange(1, 6)):
            data[chance.randrange(24, len(data))] = chance.randrange(256)
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(data)
        await asyncio.wait_for(asyncio.gather(reader.read(), return_exceptions=True), 10)
        writer.close()

    async def main() -> None:
        async with serving(echo, idle_timeout=0.05) as (port, _):
            await asyncio.gather(*(damage(port) for _ in range(20)))
            async with Peer.to(port) as peer:
                number = peer.request()
                await peer.until(h2.events.StreamEnded, number)
                assert peer.data(number) == b"hello"

    run(main)
