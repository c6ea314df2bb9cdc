"""WASI 0.3 whole: what a component that imports `wasi:…@0.3` is given."""

from collections.abc import Callable, Mapping

from wadjet.wasi.common.cli import Ending, TerminalInputs, TerminalOutputs, Terminals
from wadjet.wasi.common.random import InsecureRandom, SecureRandom
from wadjet.wasi.host.capabilities import Capabilities
from wadjet.wasi.host.handles import Handle
from wadjet.wasi.p3 import cli, clocks, filesystem

#: What makes the provider of an interface for one guest, by the interface's name.
Makers = Mapping[str, Callable[[], object]]


def interfaces(wasi: Capabilities, stdio: tuple[Handle, Handle, Handle]) -> Makers:
    """Every interface by its name, without a version."""
    return {
        "wasi:cli/environment": lambda: cli.Surroundings(wasi),
        "wasi:cli/exit": Ending,
        "wasi:cli/stderr": lambda: cli.Stderr(stdio[2]),
        "wasi:cli/stdin": lambda: cli.Stdin(stdio[0]),
        "wasi:cli/stdout": lambda: cli.Stdout(stdio[1]),
        "wasi:cli/terminal-input": TerminalInputs,
        "wasi:cli/terminal-output": TerminalOutputs,
        "wasi:cli/terminal-stderr": lambda: Terminals(*stdio),
        "wasi:cli/terminal-stdin": lambda: Terminals(*stdio),
        "wasi:cli/terminal-stdout": lambda: Terminals(*stdio),
        "wasi:cli/types": cli.Types,
        "wasi:clocks/monotonic-clock": lambda: clocks.MonotonicClock(wasi.clocks),
        "wasi:clocks/system-clock": lambda: clocks.SystemClock(wasi.clocks),
        "wasi:clocks/timezone": clocks.Timezone,
        "wasi:clocks/types": clocks.Types,
        "wasi:filesystem/preopens": lambda: filesystem.Preopens(wasi),
        "wasi:filesystem/types": filesystem.Filesystem,
        "wasi:random/insecure": lambda: InsecureRandom(wasi.random),
        "wasi:random/insecure-seed": lambda: clocks.Seed(wasi.random),
        "wasi:random/random": lambda: SecureRandom(wasi.random),
    }


def sockets(wasi: Capabilities) -> Makers:
    """The interfaces of `wasi:sockets`. Few guests have any, and they take long to import."""
    from wadjet.wasi.p3 import sockets

    return {
        "wasi:sockets/ip-name-lookup": lambda: sockets.NameLookup(wasi.network),
        "wasi:sockets/types": lambda: sockets.Sockets(wasi.network),
    }


def http(wasi: Capabilities) -> Makers:
    """The interfaces of `wasi:http`. `handler` is there for a middleware that has nobody behind
    it but the network."""
    from wadjet.wasi.http.outgoing import handler
    from wadjet.wasi.p3 import http

    return {
        "wasi:http/types": http.Types,
        "wasi:http/client": lambda: http.Client(handler(wasi)),
        "wasi:http/handler": lambda: http.Upstream(handler(wasi)),
    }
