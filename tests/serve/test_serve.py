"""Serving HTTP components: what fails costs its own request; the server ends as it should."""

import asyncio
import gc
import os
import signal
import subprocess
import time
import warnings
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import contextmanager
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

import pytest

import wadjet
from tests.cli.process import started
from tests.corpora import corpora
from tests.serve.guest import binary, component
from wadjet import asgi
from wadjet.wasi import Wasi, pool
from wadjet.wasi.host.network import Network
from wadjet.wasi.http.client import Client
from wadjet.wasi.http.errors import HttpError
from wadjet.wasi.http.message import Body, Request, Response, read_all
from wadjet.wasi.patience import Patience
from wadjet.wasi.service import Service, ServiceLimits
from wadjet.wasi.serving import Server, Serving, listen

Talk = Callable[[str], Awaitable[tuple[int, bytes]]]


def serving(
    talk: Callable[[Server, Talk], Awaitable[None]], *, grace: float = 0.2, **limits: Any
) -> None:
    """Serve the guest, talk to it, and see that nothing is left."""

    async def main() -> None:
        limit = ServiceLimits(**{"seconds": 1.0, "slice": 0.5, **limits})
        server = Server(
            lambda: Service(component(), Wasi(stdin=None), limit, tier="interpreter"),
            Serving(grace=grace),
        )
        main_socket, admin = listen("127.0.0.1", 0), listen("127.0.0.1", 0)
        ports = [each.getsockname()[1] for each in (main_socket, admin)]
        await server.start([main_socket], [admin])
        client = Client(Network.of(True))

        async def ask(path: str) -> tuple[int, bytes]:
            port = ports[1] if path in ("/healthz", "/metrics") else ports[0]
            response = await client.send(Request("GET", "http", f"127.0.0.1:{port}", path))
            return response.status, await read_all(response.body, 1 << 20)

        try:
            await talk(server, ask)
        finally:
            await server.stop()
        assert len(asyncio.all_tasks()) == 1

    before = len(os.listdir("/proc/self/fd")) if os.path.isdir("/proc/self/fd") else 0
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        asyncio.run(main())
        gc.collect()
    if before:
        assert len(os.listdir("/proc/self/fd")) <= before


def test_answers_and_instances_are_used_again() -> None:
    async def talk(server: Server, ask: Talk) -> None:
        for _ in range(5):
            assert await ask("/") == (200, b"hello")
        assert server.service.counters.instances_made == 1

    serving(talk)


def test_requests_at_the_same_time() -> None:
    async def talk(server: Server, ask: Talk) -> None:
        found = await asyncio.gather(*(ask("/") for _ in range(20)))
        assert found == [(200, b"hello")] * 20

    serving(talk)


def test_a_trap_costs_its_own_request() -> None:
    async def talk(server: Server, ask: Talk) -> None:
        for _ in range(2):
            assert (await ask("/tr"))[0] == 502
            assert await ask("/") == (200, b"hello")
        assert server.service.counters.traps == 2

    serving(talk)


@pytest.mark.parametrize("path", ["/spin", "/sleep"])
def test_what_takes_too_long_costs_its_own_request(path: str) -> None:
    async def talk(server: Server, ask: Talk) -> None:
        late = asyncio.ensure_future(ask(path))
        await asyncio.sleep(0.1)
        assert await ask("/") == (200, b"hello")
        assert (await late)[0] == 504
        assert await ask("/") == (200, b"hello")
        assert server.service.counters.timeouts == 1

    serving(talk)


def test_an_instance_serves_so_many_requests() -> None:
    async def talk(server: Server, ask: Talk) -> None:
        for _ in range(4):
            assert (await ask("/"))[0] == 200
        assert server.service.counters.instances_made == 2

    serving(talk, reuse=2)


def test_guests_that_are_made_for_one_request() -> None:
    async def talk(server: Server, ask: Talk) -> None:
        for _ in range(4):
            assert await ask("/only-once") == (200, b"hello")
        assert server.service.pool.reuse == 1
        assert server.service.counters.instances_made == 4

    serving(talk)


def test_guests_that_never_answer_are_asked_twice_at_most() -> None:
    async def talk(server: Server, ask: Talk) -> None:
        assert (await ask("/"))[0] == 200
        assert (await ask("/say-nothin"))[0] == 502
        assert server.service.counters.instances_made == 2
        for _ in range(3):
            assert (await ask("/"))[0] == 200
        assert server.service.pool.reuse > 1

    serving(talk)


def test_health_metrics_and_reload() -> None:
    async def talk(server: Server, ask: Talk) -> None:
        assert await ask("/healthz") == (200, b"ok\n")
        await ask("/")
        assert b"wadjet_requests_total 1" in (await ask("/metrics"))[1]
        old = server.service
        server.reload()
        assert server.service is not old
        assert await ask("/") == (200, b"hello")

    serving(talk)


def test_a_stop_waits_for_what_is_under_way_but_not_for_ever() -> None:
    async def talk(server: Server, ask: Talk) -> None:
        late = asyncio.ensure_future(ask("/sleep"))
        await asyncio.sleep(0.1)
        await server.stop()
        with pytest.raises(HttpError):
            await late

    serving(talk, seconds=30.0)


def test_a_stop_waits_for_an_answer() -> None:
    async def talk(server: Server, ask: Talk) -> None:
        late = asyncio.ensure_future(ask("/n"))
        await asyncio.sleep(0.05)
        await server.stop()
        assert await late == (200, b"hello")

    serving(talk, seconds=30.0, grace=5.0)


def test_reloading_fails_no_request() -> None:
    async def talk(server: Server, ask: Talk) -> None:
        found: list[tuple[int, bytes]] = []

        async def client() -> None:
            for path in ["/", "/n", "/"] * 3:
                found.append(await ask(path))

        clients = asyncio.gather(*(client() for _ in range(5)))
        for _ in range(3):
            await asyncio.sleep(0.1)
            server.reload()
        await clients
        assert found == [(200, b"hello")] * 45

    serving(talk, grace=5.0)


def test_what_breaks_off_is_told_so() -> None:
    async def talk(server: Server, ask: Talk) -> None:
        begun = time.monotonic()
        with pytest.raises(HttpError):
            await ask("/cut-off")
        assert time.monotonic() - begun < 5
        assert await ask("/") == (200, b"hello")
        assert server.service.counters.traps == 1

    serving(talk, seconds=10.0)


def test_an_instance_that_eats_up_its_memory_costs_its_own_request() -> None:
    async def talk(server: Server, ask: Talk) -> None:
        statuses = [(await ask("/eat"))[0] for _ in range(6)]
        assert statuses.count(502) == 1
        assert statuses[-1] == 200
        assert await ask("/") == (200, b"hello")

    serving(talk, memory=5 << 20)


def test_who_waits_for_an_instance_in_vain_is_told_so() -> None:
    async def talk(server: Server, ask: Talk) -> None:
        first = asyncio.ensure_future(ask("/sleep"))
        await asyncio.sleep(0.2)
        second, third = asyncio.ensure_future(ask("/n")), asyncio.ensure_future(ask("/"))
        assert (await first)[0] == 504
        assert await second == (200, b"hello")
        assert await third == (200, b"hello")

    serving(talk, instances=1)


def test_a_client_that_leaves_takes_nothing_with_it() -> None:
    async def talk(server: Server, ask: Talk) -> None:
        leaver = asyncio.ensure_future(ask("/sleep"))
        await asyncio.sleep(0.2)
        leaver.cancel()
        assert await ask("/") == (200, b"hello")
        while server.service.counters.in_flight:
            await asyncio.sleep(0.01)
        assert not server.service.under_way

    serving(talk, seconds=30.0)


def test_bodies_come_back_while_they_are_sent() -> None:
    """The guest has the first piece before the second is made."""

    async def main() -> None:
        limits = ServiceLimits(seconds=5.0)
        service = Service(component(), Wasi(stdin=None), limits, tier="interpreter")
        came = asyncio.Queue[bytes]()

        async def pieces() -> AsyncIterator[bytes]:
            yield b"one"
            assert await came.get() == b"one"
            yield b"two"

        response = await service.handle(Request("POST", target="/stream", body=Body(pieces())))
        found = []
        async for piece in response.body:
            found.append(piece)
            came.put_nowait(piece)
        await response.body.close()
        assert found == [b"one", b"two"]
        await service.close()

    asyncio.run(main())


def test_an_instance_of_0_3_serves_several_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """All requests are in one instance before the body of any is there."""
    monkeypatch.setattr(pool, "_LONG", 30.0)  # a busy machine is not the guest's fault
    folder = corpora("wasi-testsuite") / "rust/testsuite/wasm32-wasip3"

    async def main() -> None:
        echo = wadjet.Component.from_file(folder / "http-service-echo.wasm")
        service = Service(echo, Wasi(stdin=None), ServiceLimits(concurrency=8))
        gate = asyncio.Event()

        async def one(number: int) -> bytes:
            async def pieces() -> AsyncIterator[bytes]:
                await gate.wait()
                yield b"%d" % number

            request = Request("POST", "http", "x", "/echo", body=Body(pieces()))
            response = await service.handle(request)
            body = await read_all(response.body, 100)
            await response.body.close()
            return body

        tasks = [asyncio.ensure_future(one(i)) for i in range(8)]
        async with asyncio.timeout(30):
            while service.counters.in_flight < 8:
                await asyncio.sleep(0.01)
        gate.set()
        assert await asyncio.gather(*tasks) == [b"%d" % i for i in range(8)]
        assert service.counters.instances_made == 1
        await service.close()

    asyncio.run(main())


def test_time_that_the_loop_lost_counts_for_nobody() -> None:
    async def steps(count: int) -> None:
        for _ in range(count):
            await asyncio.sleep(0.02)

    async def main() -> None:
        patience = Patience()
        asyncio.get_running_loop().call_later(0.05, time.sleep, 0.5)
        async with patience.within(0.4):
            await steps(10)
        begun = time.monotonic()
        with pytest.raises(TimeoutError):
            async with patience.within(0.1):
                await steps(500)
        assert time.monotonic() - begun < 5

    asyncio.run(main())


def test_limits_hold_in_one_loop_after_another() -> None:
    patience = Patience()

    async def main() -> None:
        with pytest.raises(TimeoutError):
            async with patience.within(0.02):
                await asyncio.sleep(30)
        async with patience.within(30) as clock:
            clock.end()
        await asyncio.sleep(0)  # what ended too late ends nothing

    for _ in range(3):
        asyncio.run(main())
        time.sleep(0.1)


def test_an_asgi_application() -> None:
    async def main() -> None:
        app = asgi.Component(component(), tier="interpreter")
        sent: list[Any] = []

        async def receive() -> Any:
            return {"type": "http.request", "body": b"", "more_body": False}

        async def send(event: Any) -> None:
            sent.append(event)

        scope = {"type": "http", "method": "GET", "path": "/", "headers": [], "scheme": "http"}
        await app(scope, receive, send)
        await app.close()
        assert sent[0]["status"] == 200
        assert b"".join(event.get("body", b"") for event in sent) == b"hello"

    asyncio.run(main())


def test_a_module_is_no_http_component() -> None:
    with pytest.raises(wadjet.Error, match="no HTTP component"):
        Service(wadjet.Component.from_text("(component)"), Wasi())


@contextmanager
def _served(folder: Path, *words: str) -> "Iterator[tuple[subprocess.Popen[str], str]]":
    """A process of `wadjet serve`, and its address."""
    file = folder / "app.wasm"
    file.write_bytes(binary())
    words = ("serve", "--addr", "127.0.0.1:0", "--tier", "interpreter", *words, str(file))
    with started(*words, stderr=subprocess.PIPE, text=True) as process:
        yield process, _address(process)


def _address(process: "subprocess.Popen[str]") -> str:
    """What the next line says."""
    assert process.stderr is not None
    return process.stderr.readline().partition("http://")[2].strip()


def _get(address: str, path: str) -> bytes:
    connection = HTTPConnection(address, timeout=30)
    connection.request("GET", path)
    response = connection.getresponse()
    body = response.read()
    connection.close()
    assert response.status == 200
    return body


def _ends(process: "subprocess.Popen[str]") -> None:
    """Asked to end, it does so in peace."""
    process.send_signal(signal.SIGTERM)
    _, err = process.communicate(timeout=30)
    assert process.returncode == 0, err


@pytest.mark.parametrize("workers", ["1", "2"])
def test_the_command(tmp_path: Path, workers: str) -> None:
    log = tmp_path / "log"
    words = ["--workers", workers, "--access-log", str(log)]
    with _served(tmp_path, *words) as (process, address):
        for _ in range(3):
            assert _get(address, "/") == b"hello"
        _ends(process)
    assert log.read_text().count('"GET /" 200 5') == 3


@pytest.mark.parametrize("seconds", [0.0, 0.01, 0.02, 0.03, 0.05, 0.1])
def test_a_signal_may_come_while_processes_begin(tmp_path: Path, seconds: float) -> None:
    with _served(tmp_path, "--workers", "4", "--grace", "1") as (process, _):
        time.sleep(seconds)
        _ends(process)


def test_processes_count_together_and_load_anew(tmp_path: Path) -> None:
    words = ["--admin", "127.0.0.1:0", "--workers", "2"]
    with _served(tmp_path, *words) as (process, address):
        admin = _address(process)
        for _ in range(5):
            assert _get(address, "/") == b"hello"
        process.send_signal(signal.SIGHUP)
        for _ in range(5):
            assert _get(address, "/") == b"hello"
        end = time.monotonic() + 30
        while b"wadjet_requests_total 10\n" not in _get(admin, "/metrics"):
            assert time.monotonic() < end
            time.sleep(0.2)
        _ends(process)


def test_bodies_flow_without_piling_up() -> None:
    """A client that reads slowly holds the writer back."""
    most = 0

    async def main() -> None:
        from wadjet.wasi.http.connection import ServerOptions
        from wadjet.wasi.http.server import connections as connections_of

        ahead = 0
        piece = bytes(1 << 16)

        async def pieces() -> Any:
            nonlocal ahead, most
            for _ in range(256):
                ahead += 1
                most = max(most, ahead)
                yield piece

        async def handler(request: Request) -> Response:
            return Response(200, [], Body(pieces()))

        connections = connections_of(handler, ServerOptions())
        server = await asyncio.get_running_loop().create_server(connections.make, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        response = await Client(Network.of(True)).send(
            Request("GET", "http", f"127.0.0.1:{port}", "/")
        )
        total = 0
        async for each in response.body:
            total += len(each)
            ahead -= len(each) / len(piece)
            await asyncio.sleep(0)
        assert total == 256 * len(piece)
        await connections.drain(1)
        server.close()

    asyncio.run(main())
    assert most < 200, "the writer did not wait for the reader"
