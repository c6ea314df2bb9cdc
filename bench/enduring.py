"""What `wadjet serve` must hold out: slow clients, long bodies, guests that fail in every way.

    python -m bench.enduring slow [--clients 10000]
    python -m bench.enduring stream [--bytes 1073741824]
    python -m bench.enduring mixed [--minutes 10]

Each starts a server and prints what it saw; the status is 1 if anything was not as it should be.
"""

import argparse
import asyncio
import hashlib
import os
import random
import re
import resource
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path

ROOT = Path(__file__).parents[1]
#: the paths of `tests.serve.guest`: how often each is asked for, and what may come of it (0: the
#: response is cut off)
MIX = {
    "/": (70.0, {200}),
    "/n": (10.0, {200}),
    "/stream": (5.0, {200}),
    "/eat": (5.0, {200, 502}),
    "/tr": (5.0, {502}),
    "/cut-off": (3.0, {0}),
    "/sleep": (1.5, {504}),
    "/spin": (0.5, {504}),
}


# --- the server -----------------------------------------------------------------------------------


@dataclass
class Served:
    """A server that runs: where, and its processes, the one that takes no requests not among them
    if there are several."""

    host: str
    port: int
    process: "subprocess.Popen[str]"
    log: Path

    def told(self) -> Counter[str]:
        """What it said on standard error, and how often."""
        return Counter(line for line in self.log.read_text().splitlines() if ": " in line)

    def processes(self) -> list[int]:
        """Those that answer requests."""
        task = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children")
        children = [int(word) for word in task.read_text().split()]
        return children or [self.process.pid]

    def resident(self) -> float:
        """Mebibytes of memory."""
        found = 0
        for each in self.processes():
            found += int(re.findall(r"VmRSS:\s+(\d+)", _read(each, "status"))[0])
        return found / 1024

    def threads(self) -> int:
        """Threads of all processes."""
        return sum(int(re.findall(r"Threads:\s+(\d+)", _read(p, "status"))[0])
                   for p in self.processes())  # fmt: skip

    def files(self) -> int:
        """File descriptors of all processes."""
        return sum(len(os.listdir(f"/proc/{each}/fd")) for each in self.processes())


def _read(process: int, name: str) -> str:
    return Path(f"/proc/{process}/{name}").read_text()


@contextmanager
def serving(*options: str) -> Iterator[Served]:
    """A server of the guest of the tests. It must end well when it is told to."""
    binary: Callable[[], bytes] = import_module("tests.serve.guest").binary
    with tempfile.TemporaryDirectory() as folder:
        guest, log = Path(folder, "guest.wasm"), Path(folder, "log")
        guest.write_bytes(binary())
        command = [sys.executable, "-m", "wadjet", "serve", "--addr", "127.0.0.1:0", *options]
        with log.open("w") as errors:
            process = subprocess.Popen(
                [*command, str(guest)],
                env={**os.environ, "PYTHONPATH": str(ROOT / "src")},
                stderr=errors,
                text=True,
            )
        try:
            while not (found := re.search(r"http://(\S+):(\d+)", log.read_text())):
                time.sleep(0.1)
            yield Served(found[1], int(found[2]), process, log)
            process.send_signal(signal.SIGTERM)
            assert process.wait(30) == 0, log.read_text()
        finally:
            process.kill()
            process.wait()


# --- a client -------------------------------------------------------------------------------------


@dataclass
class Answer:
    """A response; 0 stands for one that was cut off."""

    status: int
    body: bytes


async def ask(served: Served, path: str, body: bytes = b"", method: str = "GET") -> Answer:
    """One request on a connection of its own."""
    reader, writer = await asyncio.open_connection(served.host, served.port)
    try:
        head = f"{method} {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n"
        writer.write(f"{head}content-length: {len(body)}\r\n\r\n".encode() + body)
        return await answer(reader)
    finally:
        writer.close()
        with suppress(OSError):
            await writer.wait_closed()


async def answer(reader: asyncio.StreamReader) -> Answer:
    """The response that comes."""
    try:
        head = (await reader.readuntil(b"\r\n\r\n")).lower()
        status = int(head.split(b" ", 2)[1])
        if b"transfer-encoding: chunked" not in head:
            length = int(re.findall(rb"content-length: (\d+)", head)[0])
            return Answer(status, await reader.readexactly(length))
        body = bytearray()
        async for piece in chunks(reader):
            body += piece
        return Answer(status, bytes(body))
    except (asyncio.IncompleteReadError, ConnectionError):
        return Answer(0, b"")


async def chunks(reader: asyncio.StreamReader) -> AsyncIterator[bytes]:
    """The pieces of a chunked body."""
    while size := int((await reader.readuntil(b"\r\n")).strip(), 16):
        yield await reader.readexactly(size)
        await reader.readexactly(2)
    await reader.readuntil(b"\r\n")


# --- slow clients ---------------------------------------------------------------------------------


async def slow(served: Served, count: int) -> bool:
    """Many clients that send a few bytes at a time; meanwhile a quick one asks again and again."""
    request = b"GET / HTTP/1.1\r\nhost: slow.example\r\nconnection: close\r\n\r\n"
    gate = asyncio.Semaphore(500)
    held = 0

    async def client() -> int:
        nonlocal held
        async with gate:
            reader, writer = await asyncio.open_connection(served.host, served.port)
        held += 1
        for at in range(0, len(request), 6):
            writer.write(request[at : at + 6])
            await asyncio.sleep(random.uniform(1, 3))
        found = await answer(reader)
        writer.close()
        return found.status

    clients = [asyncio.ensure_future(client()) for _ in range(count)]
    times, before, most = [], served.resident(), 0
    while not all(each.done() for each in clients):
        begun = time.monotonic()
        assert (await ask(served, "/")).status == 200
        times.append(time.monotonic() - begun)
        most = max(most, served.files())
        await asyncio.sleep(0.2)
    statuses = Counter(await asyncio.gather(*clients))
    print(f"{held} clients, at most {most} files open in the server; statuses {dict(statuses)}")
    print(f"resident {before:.0f} MiB before, {served.resident():.0f} MiB after")
    print(f"a quick client meanwhile: {_spread(times)}")
    return statuses == {200: count}


def _spread(times: list[float]) -> str:
    ordered = sorted(times)
    late = ordered[int(len(ordered) * 0.99)]
    return (
        f"{len(times)} requests, median {1e3 * statistics.median(times):.1f} ms, "
        f"99% {1e3 * late:.1f} ms, longest {1e3 * ordered[-1]:.1f} ms"
    )


# --- long bodies ----------------------------------------------------------------------------------


async def stream(served: Served, total: int) -> bool:
    """A body that comes back while it is sent."""
    await ask(served, "/stream", bytes(1 << 20), "POST")
    before, most = served.resident(), 0.0
    reader, writer = await asyncio.open_connection(served.host, served.port)
    sent, came, count = hashlib.sha256(), hashlib.sha256(), 0
    writer.write(b"POST /stream HTTP/1.1\r\nhost: x\r\n")
    writer.write(f"content-length: {total}\r\n\r\n".encode())

    async def send() -> None:
        for at in range(0, total, 1 << 16):
            piece = at.to_bytes(8, "big") * (1 << 13)
            sent.update(piece[: total - at])
            writer.write(piece[: total - at])
            await writer.drain()

    begun = time.monotonic()
    sending = asyncio.ensure_future(send())
    head = await reader.readuntil(b"\r\n\r\n")
    async for piece in chunks(reader):
        came.update(piece)
        if (count := count + len(piece)) % (1 << 24) < len(piece):
            most = max(most, served.resident())
    took = time.monotonic() - begun
    await sending
    writer.close()
    print(f"{count} bytes in {took:.1f} s ({count / took / (1 << 20):.0f} MiB/s each way)")
    print(f"resident {before:.0f} MiB before, at most {most:.0f} MiB")
    same = sent.digest() == came.digest()
    return head.startswith(b"HTTP/1.1 200") and same and most < before + 32


# --- everything that can go wrong -----------------------------------------------------------------


async def mixed(served: Served, minutes: float) -> bool:
    """Guests that answer, and guests that fail in every way, at the same time."""
    seen: Counter[tuple[str, int]] = Counter()
    wrong: Counter[str] = Counter()
    times: list[float] = []
    end = time.monotonic() + 60 * minutes
    paths, weights = list(MIX), [weight for weight, _ in MIX.values()]

    async def client() -> None:
        while time.monotonic() < end:
            path = random.choices(paths, weights)[0]
            body = random.randbytes(100_000) if path == "/stream" else b""
            begun = time.monotonic()
            found = await ask(served, path, body, "POST" if body else "GET")
            if path == "/":
                times.append(time.monotonic() - begun)
            seen[path, found.status] += 1
            good = found.status in MIX[path][1]
            if found.status == 200:
                good = good and found.body == (body or b"hello")
            if not good:
                wrong[f"{path} {found.status} {found.body[:40]!r}"] += 1

    async def leaver() -> None:
        """A client that goes away before it has its answer."""
        while time.monotonic() < end:
            _, writer = await asyncio.open_connection(served.host, served.port)
            writer.write(b"GET /n HTTP/1.1\r\nhost: x\r\n\r\n")
            await asyncio.sleep(0.05)
            writer.close()

    for path in MIX:
        await ask(served, path)
    await asyncio.sleep(3)
    first = served.files(), served.threads(), served.resident()
    await asyncio.gather(*(client() for _ in range(16)), leaver())
    await asyncio.sleep(3)
    last = served.files(), served.threads(), served.resident()
    for (path, status), number in sorted(seen.items()):
        print(f"{path:9} {status:3} {number:8,}")
    print(f"hello: {_spread(times)}")
    for name, one, other in zip(("files", "threads", "MiB resident"), first, last):
        print(f"{name}: {one:.0f} at first, {other:.0f} at last")
    print(f"told: {dict(served.told())}")
    print(f"not as it should be: {dict(wrong) or 'nothing'}")
    return not wrong and last[0] <= first[0] + 2 and last[1] <= first[1] + 2


def main() -> int:
    """Do what was asked for; 1 if it was not held out."""
    parser = argparse.ArgumentParser(prog="python -m bench.enduring", description=__doc__)
    parser.add_argument("what", choices=("slow", "stream", "mixed"))
    parser.add_argument("--clients", type=int, default=10_000)
    parser.add_argument("--bytes", type=int, default=1 << 30)
    parser.add_argument("--minutes", type=float, default=10)
    options = parser.parse_args()
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    run: Callable[[Served], Awaitable[bool]]
    flags: list[str] = []
    if options.what == "slow":
        run = lambda served: slow(served, options.clients)  # noqa: E731
    elif options.what == "stream":
        run = lambda served: stream(served, options.bytes)  # noqa: E731
    else:
        flags = "--workers 2 --timeout 2 --slice 0.5 --max-memory 16M".split()
        run = lambda served: mixed(served, options.minutes)  # noqa: E731
    with serving(*flags) as served:
        good = asyncio.run(_run(run, served))
    print("good" if good else "BAD")
    return 0 if good else 1


async def _run(run: Callable[[Served], Awaitable[bool]], served: Served) -> bool:
    return await run(served)


if __name__ == "__main__":
    sys.exit(main())
