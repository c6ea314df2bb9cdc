"""Hello, world over HTTP: `wadjet serve` beside other ways to have Python serve a guest.

`python -m bench.serving` prints the table alone. The load comes from wrk, which must be installed.
Peers that are not installed are left out. All have two processes, and one instance in each.
"""

import argparse
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
PROCESSES = 2
CONNECTIONS = 64
#: what servers of Python need to be measured, by name
PEERS = {
    "uvicorn alone": ("uvicorn",),
    "wadjet in uvicorn": ("uvicorn",),
    "wasmtime in uvicorn": ("uvicorn", "wasmtime"),
    "extism in uvicorn": ("uvicorn", "extism"),
}
#: a component without WASI: it is called with a path and gives the body
PLAIN = """(component
  (core module $m
    (memory (export "memory") 1)
    (global $top (mut i32) (i32.const 1024))
    (func (export "realloc") (param i32 i32 i32 i32) (result i32) (i32.const 1024))
    (data (i32.const 0) "\\10\\00\\00\\00\\05\\00\\00\\00")
    (data (i32.const 16) "hello")
    (func (export "handle") (param i32 i32) (result i32) (i32.const 0)))
  (core instance $i (instantiate $m))
  (func (export "handle") (param "path" string) (result string)
    (canon lift (core func $i "handle")
      (memory (core memory $i "memory")) (realloc (core func $i "realloc")))))"""
#: the same for extism
PLUGIN = """(module
  (import "extism:host/env" "alloc" (func $alloc (param i64) (result i64)))
  (import "extism:host/env" "store_u8" (func $store (param i64 i32)))
  (import "extism:host/env" "output_set" (func $output (param i64 i64)))
  (func (export "handle") (result i32) (local $at i64)
    (local.set $at (call $alloc (i64.const 5)))
    (call $store (local.get $at) (i32.const 0x68))
    (call $store (i64.add (local.get $at) (i64.const 1)) (i32.const 0x65))
    (call $store (i64.add (local.get $at) (i64.const 2)) (i32.const 0x6c))
    (call $store (i64.add (local.get $at) (i64.const 3)) (i32.const 0x6c))
    (call $store (i64.add (local.get $at) (i64.const 4)) (i32.const 0x6f))
    (call $output (local.get $at) (i64.const 5))
    (i32.const 0)))"""
Application = Callable[[Any, Any, Any], Awaitable[None]]


@dataclass
class Figures:
    """What was measured of one server. Milliseconds are of wrk."""

    rate: float
    cpu: float
    median: str
    late: str
    half: float
    half_late: str
    bad: int


# --- the peers ------------------------------------------------------------------------------------


def peer(name: str) -> Application:
    """The ASGI application of a peer."""
    if name == "wadjet in uvicorn":
        from wadjet import asgi

        return asgi.Component(os.environ["BENCH_GUEST"])
    make: Callable[[], Callable[[str], bytes]] = {
        "uvicorn alone": lambda: lambda path: b"hello",
        "wasmtime in uvicorn": _wasmtime,
        "extism in uvicorn": _extism,
    }[name]
    return _application(make())


def _application(answer: Callable[[str], bytes]) -> Application:
    async def application(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "http":
            return
        body = answer(scope["path"])
        headers = [(b"content-length", b"%d" % len(body))]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": body})

    return application


def _wasmtime() -> Callable[[str], bytes]:
    import wasmtime
    from wasmtime import component

    engine = wasmtime.Engine()
    store = wasmtime.Store(engine)
    guest = component.Component(engine, PLAIN)
    handle = component.Linker(engine).instantiate(store, guest).get_func(store, "handle")
    assert handle is not None, "the guest exports it"

    def answer(path: str) -> bytes:
        body: str = handle(store, path)
        handle.post_return(store)
        return body.encode()

    return answer


def _extism() -> Callable[[str], bytes]:
    import extism

    from wadjet.core.binary import encode
    from wadjet.core.features import DEFAULT
    from wadjet.core.text import parse

    plugin = extism.Plugin(encode(parse(PLUGIN, DEFAULT)))
    return lambda path: bytes(plugin.call("handle", path.encode()))


def _serve(name: str, port: int) -> None:
    """Serve a peer, in this process and its children."""
    import uvicorn

    os.environ["BENCH_PEER"] = name
    uvicorn.run(
        "bench.serving:the_peer",
        factory=True,
        port=port,
        workers=PROCESSES,
        access_log=False,
        log_level="warning",
    )


def the_peer() -> Application:
    """The application, in a process of uvicorn's."""
    return peer(os.environ["BENCH_PEER"])


# --- the load -------------------------------------------------------------------------------------


def commands(folder: Path) -> Iterator[tuple[str, list[str]]]:
    """How each server is started; `{port}` stands for the port."""
    binary: Callable[[], bytes] = import_module("tests.serve.guest").binary
    guest = folder / "hello.wasm"
    guest.write_bytes(binary())
    os.environ["BENCH_GUEST"] = str(guest)
    python = [sys.executable, "-m"]
    options = ["--addr", "127.0.0.1:{port}", "--workers", str(PROCESSES), "--reuse", "1000000"]
    yield "wadjet serve", [*python, "wadjet", "serve", *options, str(guest)]
    for name, needs in PEERS.items():
        if all(find_spec(each) for each in needs):
            yield name, [*python, "bench.serving", "--serve", name, "--port", "{port}"]


@contextmanager
def running(command: list[str]) -> Iterator[tuple[str, int]]:
    """A server that takes requests: its address, and its process."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    path = os.pathsep.join([str(ROOT / "src"), str(ROOT)])
    process = subprocess.Popen(
        [word.replace("{port}", str(port)) for word in command],
        env={**os.environ, "PYTHONPATH": path},
        start_new_session=True,
        stderr=subprocess.DEVNULL,
    )
    try:
        _wait_for(port)
        yield f"http://127.0.0.1:{port}/", process.pid
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(20)
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)


def _wait_for(port: int) -> None:
    for _ in range(300):
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
            return
        except OSError:
            time.sleep(0.1)
    raise TimeoutError("the server does not listen")


def processor_time(leader: int) -> float:
    """Seconds of processor time that a process and its children took so far."""
    total = 0
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            fields = (folder / "stat").read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if int(fields[3]) == leader:  # its session
            total += int(fields[11]) + int(fields[12])
    return total / os.sysconf("SC_CLK_TCK")


def load(address: str, seconds: int, pause: int = 0) -> str:
    """What wrk says, with each connection resting `pause` milliseconds before each request."""
    words = ["wrk", "-t1", f"-c{CONNECTIONS}", f"-d{seconds}", "--latency", address]
    with tempfile.NamedTemporaryFile("w", suffix=".lua") as script:
        script.write(f"function delay() return {pause} end\n")
        script.flush()
        extra = ["-s", script.name] if pause else []
        return subprocess.run([*words, *extra], capture_output=True, text=True, check=True).stdout


def _found(pattern: str, text: str) -> str:
    match = re.search(pattern, text)
    return match[1] if match else "0"


def measure_one(command: list[str], seconds: int) -> Figures:
    """Load a server, wholly and then with half of what it did."""
    with running(command) as (address, leader):
        load(address, 3)
        before = processor_time(leader)
        whole = load(address, seconds)
        cpu = processor_time(leader) - before
        rate = float(_found(r"Requests/sec:\s+(\S+)", whole))
        half = load(address, seconds, max(1, round(2000 * CONNECTIONS / rate)))
    return Figures(
        rate,
        1e6 * cpu / max(1, int(_found(r"(\d+) requests in", whole))),
        _found(r"\s50%\s+(\S+)", whole),
        _found(r"\s99%\s+(\S+)", whole),
        float(_found(r"Requests/sec:\s+(\S+)", half)),
        _found(r"\s99%\s+(\S+)", half),
        int(_found(r"Non-2xx or 3xx responses: (\d+)", whole + half)),
    )


def measure(seconds: int, say: Callable[[str], None]) -> str:
    """The table, or why there is none."""
    if shutil.which("wrk") is None:
        return "Serving was not measured: wrk is not installed."
    lines = [
        "### Serving",
        "",
        "| | requests/s | µs of processor each | median | 99% | half load | 99% there | bad |",
        "|---|---:|---:|---:|---:|---:|---:|---:|",
    ]
    with tempfile.TemporaryDirectory() as folder:
        for name, command in commands(Path(folder)):
            say(name)
            f = measure_one(command, seconds)
            lines.append(
                f"| {name} | {f.rate:,.0f} | {f.cpu:.0f} | {f.median} | {f.late} "
                f"| {f.half:,.0f} | {f.half_late} | {f.bad} |"
            )
    return "\n".join(lines)


def main() -> None:
    """Measure, or be a peer."""
    parser = argparse.ArgumentParser(prog="python -m bench.serving", description=__doc__)
    parser.add_argument("--seconds", type=int, default=5, help="how long each load lasts")
    parser.add_argument("--serve", choices=PEERS, help=argparse.SUPPRESS)
    parser.add_argument("--port", type=int, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.serve:
        _serve(options.serve, options.port)
    else:
        print(measure(options.seconds, lambda what: print(what, file=sys.stderr, flush=True)))


if __name__ == "__main__":
    main()
