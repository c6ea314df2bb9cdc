"""What `wadjet serve` must hold out: slow clients, long bodies, guests that fail in every way.

    python -m bench.enduring slow [--clients 10000]
    python -m bench.enduring stream [--bytes 1073741824]
    python -m bench.enduring mixed [--minutes 10] [--workers 1]

Each starts a server and prints what it saw; the status is 1 if anything was not as it should be.
Nothing is waited for without an end, and nothing is left.
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
#: clients that ask for what is in the mix, and others that want nothing but computing
CLIENTS, COMPUTING = 16, 4
#: Seconds within which anything is answered, an unanswered request is given up, and a server ends.
PATIENCE, START, STOP = 30.0, 60.0, 60.0
#: What a good request may take while others compute in the same process: half of them, 99 of 100,
#: and all (on a machine that does other things too).
MEDIAN, LATE, LONGEST = 0.1, 0.5, 5.0
#: MiB by which a server may grow in the second half of its time.
GROWTH = 48.0


# --- the server -----------------------------------------------------------------------------------


@dataclass
class Served:
    """A server that runs: where, and its processes, the one that takes no requests not among them
    if there are several."""

    host: str
    port: int
    process: "subprocess.Popen[str]"
    log: Path
    #: where operators ask
    admin: int = 0

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

    def left(self) -> int:
        """How many processes of its session there are besides those that answer requests."""
        return len(_session(self.process.pid)) - len({self.process.pid, *self.processes()})

    def files(self) -> int:
        """File descriptors of all processes."""
        return sum(len(os.listdir(f"/proc/{each}/fd")) for each in self.processes())


def _read(process: int, name: str) -> str:
    return Path(f"/proc/{process}/{name}").read_text()


def _session(leader: int) -> list[int]:
    """The processes of a session that have not ended."""
    found = []
    for each in Path("/proc").iterdir():
        if each.name.isdecimal():
            with suppress(OSError):
                state, _, _, session = (each / "stat").read_text().rpartition(") ")[2].split()[:4]
                if int(session) == leader and state != "Z":
                    found.append(int(each.name))
    return found


@contextmanager
def serving(*options: str) -> Iterator[Served]:
    """A server of the guest of the tests. It must end well when it is told to."""
    binary: Callable[[], bytes] = import_module("tests.serve.guest").binary
    with tempfile.TemporaryDirectory() as folder:
        guest, log = Path(folder, "guest.wasm"), Path(folder, "log")
        guest.write_bytes(binary())
        command = [sys.executable, "-m", "wadjet", "serve", "--addr", "127.0.0.1:0"]
        command += ["--admin", "127.0.0.1:0", *options]
        with log.open("w") as errors:
            process = subprocess.Popen(
                [*command, str(guest)],
                env={**os.environ, "PYTHONPATH": str(ROOT / "src")},
                stderr=errors,
                text=True,
                start_new_session=True,
            )
        try:
            end = time.monotonic() + START
            while len(found := re.findall(r"http://(\S+):(\d+)", log.read_text())) < 2:
                assert process.poll() is None, log.read_text()
                assert time.monotonic() < end, log.read_text()
                time.sleep(0.1)
            (host, port), (_, admin) = found
            yield Served(host, int(port), process, log, int(admin))
            process.send_signal(signal.SIGTERM)
            assert process.wait(STOP) == 0, log.read_text()
            assert not _session(process.pid), "processes are left"
        finally:
            for each in _session(process.pid):
                with suppress(ProcessLookupError):
                    os.kill(each, signal.SIGKILL)
            process.wait()


# --- a client -------------------------------------------------------------------------------------


@dataclass
class Answer:
    """A response; 0 stands for one that was cut off, -1 for none in time."""

    status: int
    body: bytes


async def ask(served: Served, path: str, body: bytes = b"", method: str = "GET") -> Answer:
    """One request on a connection of its own; what is for operators, on theirs."""
    port = served.admin if path == "/healthz" else served.port
    head = f"{method} {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n"
    whole = f"{head}content-length: {len(body)}\r\n\r\n".encode() + body
    try:
        async with asyncio.timeout(PATIENCE):
            return await _ask(served.host, port, whole)
    except TimeoutError:
        return Answer(-1, b"")


async def _ask(host: str, port: int, request: bytes) -> Answer:
    try:
        reader, writer = await asyncio.open_connection(host, port)
    except OSError:
        return Answer(0, b"")
    try:
        writer.write(request)
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


class Mixed:
    """Guests that answer, and guests that fail in every way, at the same time."""

    def __init__(self, served: Served, minutes: float) -> None:
        self.served = served
        self.begin = time.monotonic()
        self.end = self.begin + 60 * minutes
        self.seen: Counter[tuple[str, int]] = Counter()
        self.wrong: Counter[str] = Counter()
        #: how long what is answered at once took, by path
        self.times: dict[str, list[float]] = {"/": [], "/healthz": []}
        #: MiB resident, now and again
        self.sizes: list[float] = []

    @property
    def over(self) -> bool:
        """Whether it is time to end."""
        return time.monotonic() >= self.end

    async def ask(self, path: str, good: set[int]) -> None:
        """One request, and whether its answer is among the good ones."""
        body = random.randbytes(100_000) if path == "/stream" else b""
        begun = time.monotonic()
        found = await ask(self.served, path, body, "POST" if body else "GET")
        if path in self.times:
            self.times[path].append(time.monotonic() - begun)
        self.seen[path, found.status] += 1
        right = body or (b"ok\n" if path == "/healthz" else b"hello")
        if found.status not in good or (found.status == 200 and found.body != right):
            self.wrong[f"{path} {found.status} {found.body[:40]!r}"] += 1

    async def client(self) -> None:
        """A client that wants this and that."""
        paths, weights = list(MIX), [weight for weight, _ in MIX.values()]
        while not self.over:
            path = random.choices(paths, weights)[0]
            await self.ask(path, MIX[path][1])

    async def computer(self) -> None:
        """A client whose guests always compute."""
        while not self.over:
            await self.ask("/spin", {504})

    async def operator(self) -> None:
        """One that looks whether all is well."""
        while not self.over:
            await self.ask("/healthz", {200})
            self.sizes.append(self.served.resident())
            await asyncio.sleep(0.5)

    async def leaver(self) -> None:
        """A client that goes away before it has its answer."""
        while not self.over:
            for path in ("/n", "/spin"):
                with suppress(OSError):
                    _, writer = await asyncio.open_connection(self.served.host, self.served.port)
                    writer.write(f"GET {path} HTTP/1.1\r\nhost: x\r\n\r\n".encode())
                    await asyncio.sleep(0.05)
                    writer.close()
            await asyncio.sleep(0.5)

    async def run(self) -> bool:
        """All of them until it is time; the verdict."""
        for path in MIX:
            await ask(self.served, path)
        await asyncio.sleep(3)
        first = self._count()
        clients = [self.client() for _ in range(CLIENTS)]
        computers = [self.computer() for _ in range(COMPUTING)]
        await asyncio.gather(*clients, *computers, self.operator(), self.leaver())
        await asyncio.sleep(5)
        last = self._count()
        for (path, status), number in sorted(self.seen.items()):
            print(f"{path:9} {status:3} {number:8,}")
        print(f"told: {dict(self.served.told())}")
        print(f"not as it should be: {dict(self.wrong) or 'nothing'}")
        return self._verdict([after - before for before, after in zip(first, last)])

    def _count(self) -> tuple[int, int, int]:
        return self.served.files(), self.served.threads(), self.served.left()

    def _verdict(self, left: list[int]) -> bool:
        """One line about all of it."""
        half = len(self.sizes) // 2
        grown = max(self.sizes[half:]) - max(self.sizes[:half])
        minutes = (time.monotonic() - self.begin) / 60
        print(
            f"{minutes:.1f} minutes, {self.seen.total():,} requests, {self.wrong.total()} wrong; "
            f"hello {_spread(self.times['/'])}; healthz {_spread(self.times['/healthz'])}; "
            f"left: {left[0]} files, {left[1]} threads, {left[2]} processes; "
            f"{self.sizes[0]:.0f} MiB at first, {self.sizes[-1]:.0f} at last, "
            f"{grown:+.0f} in the second half"
        )
        bounded = all(map(_bounded, self.times.values()))
        return not self.wrong and bounded and max(left) <= 2 and grown < GROWTH


def _bounded(times: list[float]) -> bool:
    """Whether others that compute cost these requests no more than they may."""
    ordered = sorted(times)
    late = ordered[int(len(ordered) * 0.99)]
    return statistics.median(times) < MEDIAN and late < LATE and ordered[-1] < LONGEST


def main() -> int:
    """Do what was asked for; 1 if it was not held out."""
    parser = argparse.ArgumentParser(prog="python -m bench.enduring", description=__doc__)
    parser.add_argument("what", choices=("slow", "stream", "mixed"))
    parser.add_argument("--clients", type=int, default=10_000)
    parser.add_argument("--bytes", type=int, default=1 << 30)
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--workers", type=int, default=1)
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
        flags = "--timeout 5 --slice 0.5 --max-memory 16M".split()
        flags += ["--workers", str(options.workers)]
        run = lambda served: within(Mixed(served, options.minutes), options.minutes)  # noqa: E731
    with serving(*flags) as served:
        good = asyncio.run(_run(run, served))
    print("good" if good else "BAD")
    return 0 if good else 1


async def within(mixed: Mixed, minutes: float) -> bool:
    """The verdict; False if it does not come to its end."""
    try:
        async with asyncio.timeout(60 * minutes + 5 * PATIENCE):
            return await mixed.run()
    except TimeoutError:
        print(f"no end after {minutes} minutes; not as it should be: {dict(mixed.wrong)}")
        return False


async def _run(run: Callable[[Served], Awaitable[bool]], served: Served) -> bool:
    return await run(served)


if __name__ == "__main__":
    sys.exit(main())
