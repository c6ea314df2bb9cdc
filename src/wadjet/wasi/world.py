"""What components are given: the interfaces of WASI, in whatever version they ask for."""

from collections.abc import Callable, Iterable, Mapping
from typing import Final, final

from wadjet.wasi.host.capabilities import Capabilities
from wadjet.wasi.host.handles import Handle

#: What makes the provider of an interface for one guest, by the interface's name.
Makers = Mapping[str, Callable[[], object]]


class Wasi(Capabilities):
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
    `network` says what a guest may reach by itself: True for everything, or rules such as
    "example.com:443" or "listen:127.0.0.1:8080" (see `wadjet.wasi.host.network`). `http` is an
    ASGI application that answers the guest's HTTP requests in place of the network. `tls` says
    whom its HTTPS requests trust: a file or directory of certificates, or an `ssl.SSLContext`, in
    place of the system's authorities.

    Raises ValueError for names that hold a NUL and for what is no rule, TypeError for things of
    the wrong kind. That a directory exists is seen when the guest starts.
    """

    __slots__ = ()

    def interfaces(self, names: Iterable[str]) -> Mapping[str, object]:
        """Providers for those of the named interfaces that are WASI's, for one guest.

        `names` are imports such as "wasi:io/streams@0.2.3": any version of a track is served by
        the newest, and a guest may ask for several. Raises OSError for what is not there.
        """
        return World(self).interfaces(names)


@final
class World:
    """The interfaces of one guest. What it opened is closed with the world, or when the guest and
    the world are gone."""

    __slots__ = ("_made", "_stdio", "_wasi")

    def __init__(self, wasi: Capabilities) -> None:
        self._wasi: Final = wasi
        self._stdio: tuple[Handle, Handle, Handle] | None = None
        self._made: Final[dict[tuple[str, str], object]] = {}

    def interfaces(self, names: Iterable[str]) -> dict[str, object]:
        """Providers for those of the named interfaces that are WASI's."""
        found = {name: self._provider(name) for name in names if name.startswith("wasi:")}
        return {name: each for name, each in found.items() if each is not None}

    def _provider(self, name: str) -> object:
        """What stands for one interface; None where WASI has none of that name and version."""
        path, _, text = name.partition("@")
        # modules, which have no versions, start without WIT
        from wadjet.wit.semver import parse_version, split

        version = parse_version(text)
        track = "" if version is None else split(version)[0]
        if track not in ("0.2", "0.3"):
            return None
        key = path, track
        if key not in self._made:
            make = self._makers(path.partition("/")[0], track).get(path)
            self._made[key] = None if make is None else make()
        return self._made[key]

    def _makers(self, package: str, track: str) -> Makers:
        """The interfaces of a package in one edition: only what is asked for is imported."""
        if track == "0.2":
            from wadjet.wasi.p2 import world as edition
        else:
            from wadjet.wasi.p3 import world as edition  # type: ignore[no-redef]  # the other one
        if package == "wasi:http":
            return edition.http(self._wasi)
        if package == "wasi:sockets":
            return edition.sockets(self._wasi)
        if self._stdio is None:
            self._stdio = self._wasi.open_stdio()
        return edition.interfaces(self._wasi, self._stdio)

    def close(self) -> None:
        """Close the standard streams that are the guest's own."""
        for handle in self._stdio or ():
            handle.close()
