"""WASI 0.2 whole: what a component that imports `wasi:…@0.2` is given."""

from collections.abc import Callable, Mapping

from wadjet.wasi.common.cli import Ending, TerminalInputs, TerminalOutputs, Terminals
from wadjet.wasi.common.random import InsecureRandom, SecureRandom
from wadjet.wasi.host.capabilities import Capabilities
from wadjet.wasi.host.handles import Handle
from wadjet.wasi.p2 import cli, clocks, filesystem, io

#: What makes the provider of an interface for one guest, by the interface's name.
Makers = Mapping[str, Callable[[], object]]


def interfaces(wasi: Capabilities, stdio: tuple[Handle, Handle, Handle]) -> Makers:
    """Every interface by its name, without a version."""
    return {
        "wasi:cli/environment": lambda: cli.Surroundings(wasi),
        "wasi:cli/exit": Ending,
        "wasi:cli/stderr": lambda: cli.Stdio(*stdio),
        "wasi:cli/stdin": lambda: cli.Stdio(*stdio),
        "wasi:cli/stdout": lambda: cli.Stdio(*stdio),
        "wasi:cli/terminal-input": TerminalInputs,
        "wasi:cli/terminal-output": TerminalOutputs,
        "wasi:cli/terminal-stderr": lambda: Terminals(*stdio),
        "wasi:cli/terminal-stdin": lambda: Terminals(*stdio),
        "wasi:cli/terminal-stdout": lambda: Terminals(*stdio),
        "wasi:clocks/monotonic-clock": lambda: clocks.MonotonicClock(wasi.clocks),
        "wasi:clocks/timezone": clocks.Timezone,
        "wasi:clocks/wall-clock": lambda: clocks.WallClock(wasi.clocks),
        "wasi:filesystem/preopens": lambda: filesystem.Preopens(wasi),
        "wasi:filesystem/types": filesystem.Filesystem,
        "wasi:io/error": io.Errors,
        "wasi:io/poll": io.Poll,
        "wasi:io/streams": io.Streams,
        "wasi:random/insecure": lambda: InsecureRandom(wasi.random),
        "wasi:random/insecure-seed": lambda: clocks.Seed(wasi.random),
        "wasi:random/random": lambda: SecureRandom(wasi.random),
    }


def sockets(wasi: Capabilities) -> Makers:
    """The interfaces of `wasi:sockets`. Few guests have any, and they take long to import."""
    from wadjet.wasi.p2 import names, network, tcp, udp

    return {
        "wasi:sockets/instance-network": lambda: network.InstanceNetwork(wasi.network),
        "wasi:sockets/ip-name-lookup": names.NameLookup,
        "wasi:sockets/network": network.Networks,
        "wasi:sockets/tcp": tcp.TcpSockets,
        "wasi:sockets/tcp-create-socket": lambda: tcp.TcpCreateSocket(wasi.network),
        "wasi:sockets/udp": udp.UdpSockets,
        "wasi:sockets/udp-create-socket": lambda: udp.UdpCreateSocket(wasi.network),
    }


def http(wasi: Capabilities) -> Makers:
    """The interfaces of `wasi:http`."""
    from wadjet.wasi.http.outgoing import handler
    from wadjet.wasi.p2 import http

    return {
        "wasi:http/types": http.Types,
        "wasi:http/outgoing-handler": lambda: http.OutgoingHandler(handler(wasi)),
    }
