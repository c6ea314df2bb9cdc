"""`wadjet serve`: an HTTP component behind a port."""

import asyncio
import gc
import os
import signal
import socket
import sys
import time
from argparse import ArgumentParser, ArgumentTypeError, Namespace
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import IO, TYPE_CHECKING, Final, NoReturn

from wadjet.base.errors import Error
from wadjet.cli.common import BAD_USAGE, Command, Failure, add_tier, explain, settle
from wadjet.cli.grants import add_grants, granted, natural, seconds, size

if TYPE_CHECKING:
    import ssl

    from wadjet.wasi.http.message import Request
    from wadjet.wasi.http.connection import AccessLog
    from wadjet.wasi.service import Service
    from wadjet.wasi.serving import Server
    from wadjet.wasi.tally import Share

#: So many instances are cleared away together.
_BATCH: Final = 8
#: So many times what survives a look at all objects stays out of further ones.
_KEEPINGS: Final = 8
#: How long a worker that ended by itself is waited for before another takes its place.
_PAUSE: Final = 1.0
#: What the parent of several processes hears, and passes on.
_HEARD: Final = ("SIGINT", "SIGTERM", "SIGHUP")


def _options(parser: ArgumentParser) -> None:
    parser.add_argument(
        "--addr",
        metavar="HOST:PORT",
        type=_address,
        default=("127.0.0.1", 8080),
        help="where to take requests; port 0 is any free one (default: 127.0.0.1:8080)",
    )
    parser.add_argument(
        "--admin", metavar="HOST:PORT", type=_address, help="where to answer /healthz and /metrics"
    )
    parser.add_argument(
        "--workers", metavar="N", type=natural, default=1, help="how many processes (default: 1)"
    )
    parser.add_argument(
        "--timeout", metavar="S", type=seconds, default=30.0, help="time for one request"
    )
    parser.add_argument(
        "--slice", metavar="S", type=seconds, default=5.0, help="time to compute without a pause"
    )
    parser.add_argument(
        "--max-memory", metavar="BYTES", type=size, default=1 << 30, help="memory of an instance"
    )
    parser.add_argument(
        "--reuse", metavar="N", type=natural, default=1000, help="requests an instance serves"
    )
    parser.add_argument(
        "--instances",
        metavar="N",
        type=natural,
        default=1000,
        help="instances of a process at a time; further requests wait for one (default: 1000)",
    )
    parser.add_argument(
        "--concurrency",
        metavar="N",
        type=natural,
        default=1,
        help="requests an instance of WASI 0.3 serves at a time (default: 1)",
    )
    parser.add_argument(
        "--grace", metavar="S", type=seconds, default=10.0, help="time to finish when stopped"
    )
    parser.add_argument("--access-log", metavar="FILE", help="a line for each request; - is stderr")
    parser.add_argument("--tls-cert", metavar="FILE", help="a certificate: serve HTTPS")
    parser.add_argument("--tls-key", metavar="FILE", help="its key, if in a file of its own")
    add_grants(parser)
    add_tier(parser)
    parser.add_argument("file", metavar="FILE", help="a component, binary or text")


def _run(args: Namespace) -> int:
    from wadjet.wasi.serving import listen
    from wadjet.wasi.tally import Tally

    make = _maker(args)
    tls = _tls(args)
    _allow_files()
    try:
        main = listen(*args.addr)
        admin = [] if args.admin is None else [listen(*args.admin)]
    except OSError as error:
        raise Failure(f"cannot listen: {error.strerror or error}") from None
    workers: _Workers | None = None
    if args.workers > 1:
        tally = Tally(args.workers)
        workers = _Workers(
            args.workers, lambda place: _serve(args, make, tls, main, admin, tally.share(place))
        )
        workers.hear()  # whoever reads what follows may send a signal
    scheme = "http" if tls is None else "https"
    print(f"wadjet: serving {scheme}://{_shown(main)}", file=sys.stderr, flush=True)
    for each in admin:
        print(f"wadjet: operators at http://{_shown(each)}", file=sys.stderr, flush=True)
    return _serve(args, make, tls, main, admin) if workers is None else workers.run()


def _maker(args: Namespace) -> "Callable[[], Service]":
    """What makes the service of the file as it is then."""
    from wadjet.api.component import Component
    from wadjet.wasi.http.extras import require_h11
    from wadjet.wasi.service import Service, ServiceLimits

    limits = ServiceLimits(
        args.timeout,
        args.slice,
        args.max_memory,
        max(args.reuse, 1),
        max(args.concurrency, 1),
        max(args.instances, 1),
    )
    wasi = granted(args, [Path(args.file).name], stdin=None)

    def make() -> Service:
        try:
            require_h11()
            component = Component.from_file(args.file)
            return Service(
                component, wasi, limits, tier=args.tier, report=_report, ended=_tidying()
            )
        except Error as error:
            raise Failure(explain(args.file, error)) from None
        except OSError as error:
            raise Failure(f"{args.file}: {error.strerror or error}") from None

    return make


def _tidying() -> Callable[[], None]:
    """What looks for garbage whenever a few instances have ended: they hold much memory, and many
    at once would take long to clear away."""
    count = 0

    def ended() -> None:
        nonlocal count
        count += 1
        if count % _BATCH == 0:
            asyncio.get_running_loop().call_soon(gc.collect)

    return ended


def _allow_files() -> None:
    """As many connections as the system lets this process have."""
    try:
        import resource
    except ImportError:  # Windows has no such limit
        return
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    with suppress(ValueError, OSError):  # "unlimited" is more than some systems allow
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


def _report(what: str) -> None:
    print(f"wadjet: {what}", file=sys.stderr, flush=True)


def _serve(
    args: Namespace,
    make: "Callable[[], Service]",
    tls: "ssl.SSLContext | None",
    main: socket.socket,
    admin: list[socket.socket],
    share: "Share | None" = None,
) -> int:
    """Serve in this process until a signal says to stop."""
    from wadjet.wasi.serving import Server, Serving

    log = None if args.access_log is None else _access_log(args.access_log)
    options = Serving(tls, grace=args.grace, access_log=log, share=share)

    async def run() -> None:
        server = Server(make, options)
        await server.start([main], admin)
        settle()
        _keep()
        await _until_stopped(server)
        await server.stop()

    with asyncio.Runner(loop_factory=_loop_factory()) as runner:
        runner.run(run())
    return 0


def _keep() -> None:
    """Have Python look no more at what the first requests leave behind: code, and what is known of
    it. It is a lot, and everybody waits during a look."""
    left = _KEEPINGS

    def after(phase: str, info: dict[str, int]) -> None:
        nonlocal left
        if phase == "stop" and info["generation"] == 2:
            gc.freeze()
            left -= 1
            if not left:
                gc.callbacks.remove(after)

    gc.callbacks.append(after)


async def _until_stopped(server: "Server") -> None:
    """Until SIGINT or SIGTERM; SIGHUP reloads the component."""
    stopped = asyncio.Event()
    loop = asyncio.get_running_loop()

    def reload() -> None:
        try:
            server.reload()
        except Failure as failure:
            print(f"wadjet: not reloaded: {failure.message}", file=sys.stderr, flush=True)

    if sys.platform == "win32":
        signal.signal(signal.SIGINT, lambda *_: loop.call_soon_threadsafe(stopped.set))
    else:
        loop.add_signal_handler(signal.SIGINT, stopped.set)
        loop.add_signal_handler(signal.SIGTERM, stopped.set)
        loop.add_signal_handler(signal.SIGHUP, reload)
    await stopped.wait()


def _loop_factory() -> "Callable[[], asyncio.AbstractEventLoop] | None":
    """uvloop's, where that is installed."""
    try:
        import uvloop
    except ImportError:
        return None
    found: Callable[[], asyncio.AbstractEventLoop] = uvloop.new_event_loop
    return found


class _Workers:
    """Several processes that take connections from one socket. One that dies is replaced."""

    def __init__(self, count: int, serve: Callable[[int], int]) -> None:
        """`serve` is called in each process with its place among them."""
        self._count: Final = count
        self._serve: Final = serve
        #: the places of those that run
        self._running: Final[dict[int, int]] = {}
        self._stopping = False

    def hear(self) -> None:
        """Handle signals from now on. Raises Failure where there can be no such processes."""
        if not hasattr(os, "fork"):
            raise Failure("--workers: this system has one process for each server", BAD_USAGE)
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, self._stop)
        signal.signal(signal.SIGHUP, lambda number, _: self._pass_on(number))

    def run(self) -> int:
        """Until a signal says to stop; the exit status."""
        for place in range(self._count):
            if not self._stopping:
                self._start(place)
        while self._running:
            worker, status = os.wait()
            place = self._running.pop(worker)
            if not self._stopping:
                print(f"wadjet: worker {worker} ended ({status})", file=sys.stderr, flush=True)
                time.sleep(_PAUSE)
                self._start(place)
        return 0

    def _start(self, place: int) -> None:
        # no signal comes to a worker as long as it has the parent's handlers
        heard = [getattr(signal, name) for name in _HEARD]
        before = signal.pthread_sigmask(signal.SIG_BLOCK, heard)
        worker = os.fork()
        if not worker:
            for number in heard:
                signal.signal(number, signal.SIG_DFL)
        else:
            self._running[worker] = place
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
        if not worker:
            self._work(place)
        elif self._stopping:  # the signal came before there was this one to pass it on to
            os.kill(worker, signal.SIGTERM)

    def _work(self, place: int) -> NoReturn:
        """What a worker does."""
        status = 1
        try:
            status = self._serve(place)
        except Failure as failure:
            print(f"wadjet: error: {failure.message}", file=sys.stderr, flush=True)
        finally:
            os._exit(status)

    def _stop(self, number: int, _: object) -> None:
        self._stopping = True
        self._pass_on(signal.SIGTERM)

    def _pass_on(self, number: int) -> None:
        for worker in list(self._running):
            os.kill(worker, number)


def _access_log(name: str) -> "AccessLog":
    """What writes the line of a request."""
    try:
        file: IO[str] = sys.stderr if name == "-" else open(name, "a", buffering=1)  # noqa: SIM115
    except OSError as error:
        raise Failure(f"{name}: {error.strerror or error}") from None

    def log(peer: str, request: "Request", status: int, sent: int, took: float) -> None:
        now = time.strftime("%Y-%m-%dT%H:%M:%S%z")
        target = (request.target or "").encode("ascii", "backslashreplace").decode()
        what = f'"{request.method} {target}"'
        print(f"{peer} {now} {what} {status} {sent} {took * 1e3:.1f}ms", file=file)

    return log


def _tls(args: Namespace) -> "ssl.SSLContext | None":
    if args.tls_cert is None:
        if args.tls_key is not None:
            raise Failure("--tls-key: a key needs a certificate (--tls-cert)", BAD_USAGE)
        return None
    from wadjet.wasi.http.tls import server_context

    try:
        return server_context(args.tls_cert, args.tls_key)
    except OSError as error:
        raise Failure(f"{args.tls_cert}: {error.strerror or error}") from None


def _shown(listening: socket.socket) -> str:
    host, port, *_ = listening.getsockname()
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def _address(word: str) -> tuple[str, int]:
    host, colon, port = word.rpartition(":")
    if not colon or not port.isdecimal() or int(port) > 0xFFFF:
        raise ArgumentTypeError(f"{word!r} is no HOST:PORT")
    return host.removeprefix("[").removesuffix("]") or "0.0.0.0", int(port)


COMMAND = Command(
    "serve",
    "Serve an HTTP component: wasi:http/incoming-handler of WASI 0.2, or wasi:http/handler\n"
    "of 0.3. SIGINT and SIGTERM finish what is under way and stop; SIGHUP loads FILE anew.\n\n"
    "A request whose guest traps is answered with 502, one that takes too long with 504.",
    _options,
    _run,
)
