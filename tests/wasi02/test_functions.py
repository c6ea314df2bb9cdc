"""Every function of WASI 0.2, called by a real guest, with its error cases."""

import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.wasi02.through import Guest
from wadjet.base.errors import Exit, Trap
from wadjet.wasi import Capture
from wadjet.wasi.common.forms import Err, Member, Ok, ResultError, case, name
from wadjet.wasi.common.filesystem import Instant
from wadjet.wasi.common.inet import Ipv4SocketAddress, Ipv6SocketAddress

READ, WRITE, MUTATE = 1, 2, 32
FOLLOW = 1
CREATE, DIRECTORY, EXCLUSIVE, TRUNCATE = 1, 2, 4, 8
STREAMS, TYPES = "io/streams", "filesystem/types"
LOCALHOST = (127, 0, 0, 1)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A directory with a file, a directory and links, one of which leads out."""
    root = tmp_path / "root"
    (root / "dir").mkdir(parents=True)
    (root / "file").write_bytes(b"hello")
    (root / "link").symlink_to("file")
    (root / "out").symlink_to("../secret")
    (tmp_path / "secret").write_bytes(b"secret")
    return root


@pytest.fixture
def guest(folder: Path) -> Iterator[Guest]:
    out, err = Capture(), Capture()
    with Guest(
        args=["app", "x"],
        env={"K": "v"},
        dirs={"/d": folder},
        stdin=b"input",
        stdout=out,
        stderr=err,
        clocks=10**18,
        random=7,
        network=["127.0.0.1", "[::1]", "listen:127.0.0.1", "listen:[::1]", "localhost"],
    ) as made:
        yield made


def test_environment_and_exit(guest: Guest) -> None:
    assert guest("cli/environment", "get-arguments") == ["app", "x"]
    assert guest("cli/environment", "get-environment") == [("K", "v")]
    assert guest("cli/environment", "initial-cwd") is None
    assert not guest.missing("cli/environment")
    for function, argument, code in (
        ("exit", Ok(), 0),
        ("exit", Err(), 1),
        ("exit-with-code", 42, 42),
    ):
        with pytest.raises(Exit) as end, Guest() as ending:
            ending("cli/exit", function, argument)
        assert end.value.code == code


def test_clocks(guest: Guest) -> None:
    monotonic = "clocks/monotonic-clock"
    first, then = guest(monotonic, "now"), guest(monotonic, "now")
    assert first < then
    assert guest(monotonic, "resolution") >= 1
    for pollable in (
        guest(monotonic, "subscribe-instant", 0),
        guest(monotonic, "subscribe-duration", 10**12),
    ):
        guest("io/poll", "pollable.block", pollable)
        assert guest("io/poll", "pollable.ready", pollable)
    assert guest(monotonic, "now") > 10**12, "fixed clocks move on when they are waited for"
    assert guest("clocks/wall-clock", "now").seconds >= 10**9
    assert guest("clocks/wall-clock", "resolution").nanoseconds == 1000
    zone = "clocks/timezone"
    assert guest(zone, "utc-offset", Instant(0, 0)) == 0
    assert guest(zone, "display", Instant(0, 0)).name == "UTC"
    for interface in (monotonic, "clocks/wall-clock", zone):
        assert not guest.missing(interface)


def test_random(guest: Guest) -> None:
    assert len(guest("random/random", "get-random-bytes", 33)) == 33
    assert len(guest("random/insecure", "get-insecure-random-bytes", 5)) == 5
    numbers = {guest("random/random", "get-random-u64") for _ in range(4)}
    numbers |= {guest("random/insecure", "get-insecure-random-u64") for _ in range(4)}
    assert len(numbers) == 8
    seed = guest("random/insecure-seed", "insecure-seed")
    assert seed == guest("random/insecure-seed", "insecure-seed")
    for interface in ("random/random", "random/insecure", "random/insecure-seed"):
        assert not guest.missing(interface)


def test_a_seed_repeats_what_is_random() -> None:
    found = []
    for _ in range(2):
        with Guest(random=3) as guest:
            found.append(guest("random/random", "get-random-bytes", 16))
    assert found[0] == found[1]


def test_standard_streams_and_terminals() -> None:
    out, err = Capture(), Capture()
    with Guest(stdin=b"in", stdout=out, stderr=err) as guest:
        assert (
            guest(STREAMS, "input-stream.blocking-read", guest("cli/stdin", "get-stdin"), 9)
            == b"in"
        )
        for interface in ("stdout", "stderr"):
            stream = guest(f"cli/{interface}", f"get-{interface}")
            guest(STREAMS, "output-stream.blocking-write-and-flush", stream, interface.encode())
        for interface in ("stdin", "stdout", "stderr"):
            terminal = f"cli/terminal-{interface}"
            assert guest(terminal, f"get-terminal-{interface}") is None
            assert not guest.missing(terminal)
    assert (out.data, err.data) == (b"stdout", b"stderr")


def test_streams(guest: Guest) -> None:
    source = guest("cli/stdin", "get-stdin")
    sink = guest("cli/stdout", "get-stdout")
    assert guest(STREAMS, "input-stream.read", source, 1) == b"i"
    assert guest(STREAMS, "input-stream.skip", source, 1) == 1
    assert guest(STREAMS, "input-stream.blocking-skip", source, 1) == 1
    assert guest("io/poll", "pollable.ready", guest(STREAMS, "input-stream.subscribe", source))
    assert guest(STREAMS, "output-stream.splice", sink, source, 1) == 1
    assert guest(STREAMS, "output-stream.blocking-splice", sink, source, 9) == 1
    assert guest.refusal(STREAMS, "input-stream.blocking-read", source, 1) == "Closed"
    assert guest(STREAMS, "output-stream.check-write", sink) >= 4
    guest(STREAMS, "output-stream.write", sink, b"ab")
    guest(STREAMS, "output-stream.write-zeroes", sink, 2)
    guest(STREAMS, "output-stream.blocking-write-zeroes-and-flush", sink, 3)
    guest(STREAMS, "output-stream.blocking-write-and-flush", sink, b"")
    guest(STREAMS, "output-stream.flush", sink)
    guest(STREAMS, "output-stream.blocking-flush", sink)
    ready = guest(STREAMS, "output-stream.subscribe", sink)
    assert list(guest("io/poll", "poll", [ready])) == [0]
    assert not guest.missing(STREAMS)


@pytest.mark.parametrize(
    ("interface", "function", "arguments"),
    [
        (STREAMS, "output-stream.write", (b"x",)),
        (STREAMS, "output-stream.write-zeroes", (1,)),
        (STREAMS, "output-stream.blocking-write-and-flush", (bytes(4097),)),
        (STREAMS, "output-stream.blocking-write-zeroes-and-flush", (4097,)),
    ],
)
def test_writing_without_permission_traps(
    guest: Guest, interface: str, function: str, arguments: tuple[Any, ...]
) -> None:
    with pytest.raises(Trap):
        guest(interface, function, guest("cli/stdout", "get-stdout"), *arguments)


def test_waiting_for_nothing_traps(guest: Guest) -> None:
    with pytest.raises(Trap):
        guest("io/poll", "poll", [])


def _root(guest: Guest) -> Any:
    ((descriptor, title),) = guest("filesystem/preopens", "get-directories")
    assert title == "/d"
    return descriptor


def _open(guest: Guest, path: str, how: int = 0, flags: int = READ, follow: int = 0) -> Any:
    return guest(TYPES, "descriptor.open-at", _root(guest), follow, path, how, flags)


def test_files(guest: Guest, folder: Path) -> None:
    file = _open(guest, "new", CREATE | EXCLUSIVE, READ | WRITE)
    assert guest(TYPES, "descriptor.write", file, b"0123456789", 0) == 10
    assert guest(TYPES, "descriptor.read", file, 4, 2) == (b"2345", False)
    assert guest(TYPES, "descriptor.read", file, 4, 10) == (b"", True)
    guest(TYPES, "descriptor.set-size", file, 4)
    guest(TYPES, "descriptor.advise", file, 0, 4, Member("SEQUENTIAL"))
    guest(TYPES, "descriptor.sync-data", file)
    guest(TYPES, "descriptor.sync", file)
    assert guest(TYPES, "descriptor.get-flags", file).value == READ | WRITE
    assert name(guest(TYPES, "descriptor.get-type", file)) == "REGULAR_FILE"
    moment = case("timestamp", Instant(1000, 5))
    guest(TYPES, "descriptor.set-times", file, case("no-change"), moment)
    stat = guest(TYPES, "descriptor.stat", file)
    assert (stat.size, stat.data_modification_timestamp) == (
        4,
        type(stat.data_modification_timestamp)(1000, 5),
    )
    source = guest(TYPES, "descriptor.read-via-stream", file, 1)
    assert guest(STREAMS, "input-stream.blocking-read", source, 9) == b"123"
    for function, offset in (("write-via-stream", (1,)), ("append-via-stream", ())):
        sink = guest(TYPES, f"descriptor.{function}", file, *offset)
        guest(STREAMS, "output-stream.blocking-write-and-flush", sink, b"XY")
    assert (folder / "new").read_bytes() == b"0XY3XY"
    assert guest.refusal(TYPES, "descriptor.read-directory", file) == "NOT_DIRECTORY"
    readable = _open(guest, "file")
    assert guest.refusal(TYPES, "descriptor.write", readable, b"x", 0) == "BAD_DESCRIPTOR"
    assert guest.refusal(TYPES, "descriptor.write-via-stream", readable, 0) == "BAD_DESCRIPTOR"


def test_directories(guest: Guest, folder: Path) -> None:
    root = _root(guest)
    call = lambda function, *a: guest(TYPES, f"descriptor.{function}", root, *a)  # noqa: E731
    call("create-directory-at", "made")
    call("symlink-at", "file", "made/link")
    assert call("readlink-at", "made/link") == "file"
    call("link-at", 0, "file", root, "hard")
    call("rename-at", "hard", root, "renamed")
    assert call("stat-at", 0, "renamed").link_count == 2
    assert call("metadata-hash-at", 0, "renamed") == call("metadata-hash-at", FOLLOW, "link")
    assert call("is-same-object", _root(guest))
    assert call("metadata-hash") == guest(TYPES, "descriptor.metadata-hash", _root(guest))
    call("set-times-at", 0, "renamed", case("now"), case("timestamp", Instant(7, 0)))
    assert (folder / "file").stat().st_mtime == 7
    call("unlink-file-at", "renamed")
    call("unlink-file-at", "made/link")
    call("remove-directory-at", "made")
    stream = call("read-directory")
    found = set()
    while entry := guest(TYPES, "directory-entry-stream.read-directory-entry", stream):
        found.add((entry.name, name(entry.type)))
    assert ("file", "REGULAR_FILE") in found
    assert ("link", "SYMBOLIC_LINK") in found
    assert guest.refusal(TYPES, "descriptor.unlink-file-at", root, "dir") == "IS_DIRECTORY"
    assert guest.refusal(TYPES, "descriptor.stat-at", root, 0, "none") == "NO_ENTRY"
    assert guest.refusal(TYPES, "descriptor.create-directory-at", root, "dir") == "EXIST"


def test_the_code_of_a_failed_stream(guest: Guest) -> None:
    stream = guest(TYPES, "descriptor.write-via-stream", _open(guest, "file", 0, WRITE), 2**63)
    with pytest.raises(ResultError) as caught:
        guest(STREAMS, "output-stream.blocking-write-and-flush", stream, b"x")
    error = caught.value.value.value
    assert name(guest(TYPES, "filesystem-error-code", error)) == "INVALID"
    assert guest("sockets/network", "network-error-code", error) is None
    assert guest("http/types", "http-error-code", error) is None
    assert guest("io/error", "error.to-debug-string", error) == "invalid"


def test_no_link_to_elsewhere_is_made(guest: Guest) -> None:
    refused = guest.refusal(TYPES, "descriptor.symlink-at", _root(guest), "/etc", "abs")
    assert refused == "NOT_PERMITTED"


def test_a_directory_that_may_only_be_read(guest: Guest) -> None:
    reading = _open(guest, "dir", DIRECTORY, READ)
    for function, arguments in (
        ("open-at", (0, "x", CREATE, READ)),
        ("open-at", (0, "x", 0, WRITE)),
        ("open-at", (0, ".", 0, MUTATE)),
        ("create-directory-at", ("x",)),
        ("remove-directory-at", ("x",)),
        ("unlink-file-at", ("x",)),
        ("symlink-at", ("x", "y")),
        ("rename-at", ("x", reading, "y")),
        ("link-at", (0, "x", reading, "y")),
        ("set-times-at", (0, "x", case("now"), case("now"))),
    ):
        assert guest.refusal(TYPES, f"descriptor.{function}", reading, *arguments) == "READ_ONLY"


def v4(port: int, *address: int) -> Any:
    return case("ipv4", Ipv4SocketAddress(port, address or LOCALHOST))


def v6(port: int, *address: int) -> Any:
    return case("ipv6", Ipv6SocketAddress(port, 0, address or (0, 0, 0, 0, 0, 0, 0, 1), 0))


def _tcp(guest: Guest, family: str = "IPV4") -> Any:
    return guest("sockets/tcp-create-socket", "create-tcp-socket", Member(family))


def _network(guest: Guest) -> Any:
    return guest("sockets/instance-network", "instance-network")


def test_tcp(guest: Guest) -> None:
    tcp, network = "sockets/tcp", _network(guest)
    call = lambda function, *a: guest(tcp, f"tcp-socket.{function}", *a)  # noqa: E731
    listener, client = _tcp(guest), _tcp(guest)
    call("start-bind", listener, network, v4(0))
    call("finish-bind", listener)
    assert guest.refusal(tcp, "tcp-socket.finish-bind", listener) == "NOT_IN_PROGRESS"
    call("set-listen-backlog-size", listener, 5)
    call("start-listen", listener)
    call("finish-listen", listener)
    assert call("is-listening", listener)
    assert guest.refusal(tcp, "tcp-socket.accept", listener) == "WOULD_BLOCK"
    address = call("local-address", listener)
    call("start-connect", client, network, address)
    guest("io/poll", "pollable.block", call("subscribe", client))
    source, sink = call("finish-connect", client)
    guest("io/poll", "poll", [call("subscribe", listener)])
    made, theirs, ours = call("accept", listener)
    assert call("remote-address", made) == call("local-address", client)
    guest(STREAMS, "output-stream.blocking-write-and-flush", sink, b"ping")
    assert guest(STREAMS, "input-stream.blocking-read", theirs, 9) == b"ping"
    call("shutdown", client, Member("SEND"))
    assert guest.refusal(STREAMS, "input-stream.blocking-read", theirs, 9) == "Closed"
    guest(STREAMS, "output-stream.blocking-write-and-flush", ours, b"pong")
    assert guest(STREAMS, "input-stream.blocking-read", source, 9) == b"pong"
    assert name(call("address-family", client)) == "IPV4"
    for option, value in (
        ("keep-alive-enabled", True),
        ("keep-alive-idle-time", 30 * 10**9),
        ("keep-alive-interval", 10 * 10**9),
        ("keep-alive-count", 4),
        ("hop-limit", 9),
        ("receive-buffer-size", 1 << 16),
        ("send-buffer-size", 1 << 16),
    ):
        call(f"set-{option}", client, value)
        assert call(option, client) == value
        if value is not True:
            refusal = guest.refusal(tcp, f"tcp-socket.set-{option}", client, 0)
            assert refusal == "INVALID_ARGUMENT"
    assert not guest.missing(tcp)


def test_udp(guest: Guest) -> None:
    udp, network = "sockets/udp", _network(guest)
    call = lambda function, *a: guest(udp, f"udp-socket.{function}", *a)  # noqa: E731
    make = lambda: guest("sockets/udp-create-socket", "create-udp-socket", Member("IPV4"))  # noqa: E731
    one, two = make(), make()
    for each in (one, two):
        call("start-bind", each, network, v4(0))
        call("finish-bind", each)
        assert guest("io/poll", "pollable.ready", call("subscribe", each))
    address = call("local-address", two)
    _, sink = call("stream", one, address)
    assert call("remote-address", one) == address
    source, _ = call("stream", two, None)
    assert guest(udp, "incoming-datagram-stream.receive", source, 4) == []
    ready = guest(udp, "outgoing-datagram-stream.subscribe", sink)
    guest("io/poll", "pollable.block", ready)
    assert guest(udp, "outgoing-datagram-stream.check-send", sink) >= 2
    datagram = lambda data, to: type("D", (), {"data": data, "remote_address": to})()  # noqa: E731
    given = [datagram(b"a", None), datagram(b"bc", address)]
    assert guest(udp, "outgoing-datagram-stream.send", sink, given) == 2
    guest("io/poll", "poll", [guest(udp, "incoming-datagram-stream.subscribe", source)])
    found = guest(udp, "incoming-datagram-stream.receive", source, 4)
    assert found[0].data == b"a"
    assert found[0].remote_address == call("local-address", one)
    assert name(call("address-family", one)) == "IPV4"
    for option, value in (
        ("unicast-hop-limit", 7),
        ("receive-buffer-size", 1 << 16),
        ("send-buffer-size", 1 << 16),
    ):
        call(f"set-{option}", one, value)
        assert call(option, one) == value
    assert not guest.missing(udp)


def test_names(guest: Guest) -> None:
    network, lookup = _network(guest), "sockets/ip-name-lookup"
    stream = guest(lookup, "resolve-addresses", network, "localhost")
    guest("io/poll", "pollable.block", guest(lookup, "resolve-address-stream.subscribe", stream))
    found = []
    while (ip := guest(lookup, "resolve-address-stream.resolve-next-address", stream)) is not None:
        found.append(ip.value)
    assert LOCALHOST in found
    assert guest.refusal(lookup, "resolve-addresses", network, "example.com") == "ACCESS_DENIED"
    assert guest.refusal(lookup, "resolve-addresses", network, "not a name") == "INVALID_ARGUMENT"
    assert not guest.missing(lookup)


@pytest.mark.parametrize(
    ("address", "why"),
    [
        (v4(80, 10, 0, 0, 1), "ACCESS_DENIED"),
        (v4(80, 169, 254, 169, 254), "ACCESS_DENIED"),
        (v4(80, 127, 0, 0, 2), "ACCESS_DENIED"),
        (v4(80, 0, 0, 0, 0), "INVALID_ARGUMENT"),
        (v4(0, 127, 0, 0, 1), "INVALID_ARGUMENT"),
        (v4(80, 224, 0, 0, 1), "INVALID_ARGUMENT"),
        (v4(80, 255, 255, 255, 255), "INVALID_ARGUMENT"),
        (v6(80, 0, 0, 0, 0, 0, 0xFFFF, 0x7F00, 1), "INVALID_ARGUMENT"),
        (v6(80, 0, 0, 0, 0, 0, 0, 0x7F00, 1), "ACCESS_DENIED"),
        (v6(80, 0x64, 0xFF9B, 0, 0, 0, 0, 0x7F00, 1), "ACCESS_DENIED"),
        (v6(80, 0xFE80, 0, 0, 0, 0, 0, 0, 1), "ACCESS_DENIED"),
        (v6(80, 0, 0, 0, 0, 0, 0, 0, 0), "INVALID_ARGUMENT"),
        (v6(80, 0xFF02, 0, 0, 0, 0, 0, 0, 1), "INVALID_ARGUMENT"),
    ],
)
def test_no_address_is_reached_that_is_not_granted(guest: Guest, address: Any, why: str) -> None:
    client = _tcp(guest, "IPV4" if name(address) == "Ipv4" else "IPV6")
    network = _network(guest)
    assert guest.refusal("sockets/tcp", "tcp-socket.start-connect", client, network, address) == why


def test_nothing_is_reached_without_a_grant() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server, Guest() as guest:
        port = server.getsockname()[1]
        network, tcp = _network(guest), "sockets/tcp"
        denied = guest.refusal(tcp, "tcp-socket.start-connect", _tcp(guest), network, v4(port))
        assert denied == "ACCESS_DENIED"
        assert guest.refusal(tcp, "tcp-socket.start-bind", _tcp(guest), network, v4(0)) == denied
        lookup = "sockets/ip-name-lookup"
        assert guest.refusal(lookup, "resolve-addresses", network, "localhost") == denied
        assert guest.refusal(lookup, "resolve-addresses", network, "127.0.0.1") == denied
