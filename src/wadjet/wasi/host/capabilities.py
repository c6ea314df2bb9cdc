"""What a guest is given: nothing but what is written down here."""

import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeAlias

from wadjet.wasi.host.clocks import Clocks, FixedClocks
from wadjet.wasi.host.directory import Directory
from wadjet.wasi.host.handles import Handle
from wadjet.wasi.host.random import Random, SeededRandom, SystemRandom
from wadjet.wasi.host.stdio import INHERIT, Sink, Source, open_sink, open_source

if TYPE_CHECKING:
    import socket
    import ssl

    from pathlib import Path

    from wadjet.wasi.host.network import Network
    from wadjet.wasi.host.tree import Content, Tree

#: What can be preopened: a directory of the machine, or a tree in memory, perhaps still to make.
Preopen: TypeAlias = "str | os.PathLike[str] | Tree | Content"


class Capabilities:
    """What a guest is given. People make a `wadjet.Wasi`, which says what all this means."""

    __slots__ = (
        "args",
        "clocks",
        "dirs",
        "env",
        "http",
        "network_rules",
        "outgoing",
        "random",
        "sockets",
        "stderr",
        "stdin",
        "stdout",
        "tls",
    )

    def __init__(
        self,
        args: Sequence[str] = (),
        env: Mapping[str, str] | None = None,
        dirs: Mapping[str, Preopen] | None = None,
        *,
        stdin: Source = INHERIT,
        stdout: Sink = INHERIT,
        stderr: Sink = INHERIT,
        clocks: Clocks | int | None = None,
        random: Random | int | None = None,
        sockets: "Sequence[socket.socket]" = (),
        network: "Network | str | Iterable[str] | bool | None" = None,
        http: Callable[..., Any] | None = None,
        tls: "ssl.SSLContext | str | os.PathLike[str] | None" = None,
    ) -> None:
        if isinstance(args, str):
            raise TypeError("args must be a sequence of strings, not one string")
        self.args = tuple(map(_checked, args))
        self.env = {_variable(name): _checked(value) for name, value in (env or {}).items()}
        self.clocks = FixedClocks(clocks) if isinstance(clocks, int) else clocks or Clocks()
        self.random = SeededRandom(random) if isinstance(random, int) else random or SystemRandom()
        self.dirs = {_checked(name): self._preopen(where) for name, where in (dirs or {}).items()}
        self.stdin = stdin
        self.stdout = stdout
        self.stderr = stderr
        self.sockets = tuple(sockets)
        self.http = http
        self.tls = tls
        #: what sends the guests' HTTP requests, once there are any
        self.outgoing: Callable[..., Any] | None = None
        self.network_rules = network
        if network is not None:
            _ = self.network  # what is no rule is told at once

    @property
    def network(self) -> "Network":
        """What of the network is granted."""
        # Few guests have any, and addresses take long to import.
        from wadjet.wasi.host.network import Network

        if not isinstance(self.network_rules, Network):
            self.network_rules = Network.of(self.network_rules)
        return self.network_rules

    def _preopen(self, where: Preopen) -> "Path | Tree":
        # What is said of directories is loaded with the first of them.
        from pathlib import Path

        from wadjet.wasi.host.tree import Tree

        if isinstance(where, Tree):
            return where
        if isinstance(where, Mapping):
            return Tree(where, now=self.clocks.realtime.now)
        return Path(where)

    def open_stdio(self) -> tuple[Handle, Handle, Handle]:
        """New handles for standard input, output and error. Raises OSError."""
        return open_source(self.stdin), open_sink(self.stdout, 1), open_sink(self.stderr, 2)

    def open_dirs(self) -> list[tuple[str, Directory]]:
        """New handles for the directories, with their names in the guest. Raises OSError."""
        if not self.dirs:
            return []
        from wadjet.wasi.host.real import open_directory
        from wadjet.wasi.host.tree import Tree

        return [
            (name, where.root() if isinstance(where, Tree) else open_directory(where))
            for name, where in self.dirs.items()
        ]

    def open_sockets(self) -> list[Handle]:
        """Handles for the sockets, which do not close them."""
        if not self.sockets:
            return []
        # Few guests have any, and the system's sockets take long to import.
        from wadjet.wasi.host.sockets import Socket

        return [Socket(system, owned=False) for system in self.sockets]


def _checked(text: str) -> str:
    if not isinstance(text, str):
        raise TypeError(f"expected a string, not {text!r}")
    if "\0" in text:
        raise ValueError(f"a NUL cannot be passed to a guest: {text!r}")
    return text


def _variable(name: str) -> str:
    if not name or "=" in name:
        raise ValueError(f"not the name of an environment variable: {name!r}")
    return _checked(name)
