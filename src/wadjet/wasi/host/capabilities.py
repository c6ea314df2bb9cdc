"""What a guest is given: nothing but what is written down here."""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias, final

from wadjet.wasi.host.clocks import Clocks, FixedClocks
from wadjet.wasi.host.directory import Directory
from wadjet.wasi.host.handles import Handle
from wadjet.wasi.host.random import Random, SeededRandom, SystemRandom
from wadjet.wasi.host.real import open_directory
from wadjet.wasi.host.stdio import INHERIT, Sink, Source, open_sink, open_source
from wadjet.wasi.host.tree import Content, Tree

if TYPE_CHECKING:
    import socket

#: What can be preopened: a directory of the machine, or a tree in memory, perhaps still to make.
Preopen: TypeAlias = "str | os.PathLike[str] | Tree | Content"


@final
class Wasi:
    """The world a guest sees. Nothing is granted by default but standard input and output.

    `args` are the program's arguments, its own name first. `env` is its environment; none of the
    process's own is passed on. `dirs` maps each directory's name in the guest to a directory of
    the machine (a path), or to one in memory: a `Tree`, or a mapping to make one of. A guest
    reaches what is below these directories, and no path or link leads out of them.

    `stdin` may be `INHERIT`, None (empty), bytes, a `Path`, a file descriptor, a file object or a
    function of a size; `stdout` and `stderr` may be `INHERIT`, None (discarded), a `Capture`, a
    `Path`, a file descriptor, a file object or a function of bytes.

    `clocks` are the machine's or a `FixedClocks`; an int stands for fixed clocks that start there
    (nanoseconds since 1970). `random` is the system's generator or, for an int, the sequence that
    this seed gives. `sockets` are listening or connected sockets, which stay the caller's.

    Raises ValueError for names that hold a NUL, TypeError for things of the wrong kind. That a
    directory exists is seen when the guest starts.
    """

    __slots__ = (
        "args",
        "clocks",
        "dirs",
        "env",
        "random",
        "sockets",
        "stderr",
        "stdin",
        "stdout",
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

    def _preopen(self, where: Preopen) -> Path | Tree:
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
