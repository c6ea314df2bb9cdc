"""What functions of WASI 0.2 are refused with, asked by a real guest: those whose error cases do
not come up where they are used as they should be."""

import gc
import os
import resource
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.wasi02.through import Guest
from wadjet.wasi.common.forms import Member, ResultError, case, name
from wadjet.wasi.common.inet import Ipv4SocketAddress
from wadjet.wasi.http.message import Request, whole_body
from wadjet.wasi.p2.http import IncomingRequest

TYPES, STREAMS, HTTP = "filesystem/types", "io/streams", "http/types"
TCP, UDP, LOOKUP = "sockets/tcp", "sockets/udp", "sockets/ip-name-lookup"
READ, WRITE = 1, 2


def _v4(port: int, *address: int) -> Any:
    return case("ipv4", Ipv4SocketAddress(port, address or (127, 0, 0, 1)))


@pytest.fixture
def guest(tmp_path: Path) -> Iterator[Guest]:
    (tmp_path / "dir").mkdir()
    (tmp_path / "file").write_bytes(b"hello")
    (tmp_path / "absolute").symlink_to(tmp_path)
    os.mkfifo(tmp_path / "pipe")
    network = ["127.0.0.1", "listen:127.0.0.1", "no-such-name.invalid"]
    with Guest(dirs={"/d": tmp_path}, stdin=b"in", network=network) as made:
        yield made


def _root(guest: Guest) -> Any:
    return guest("filesystem/preopens", "get-directories")[0][0]


def _open(guest: Guest, path: str, flags: int = READ) -> Any:
    return guest(TYPES, "descriptor.open-at", _root(guest), 0, path, 0, flags)


DIRECTORY, READABLE, PIPE = ("dir", READ), ("file", READ), ("pipe", READ | WRITE)
KEEP = case("no-change")


#: What is open, the function, its other arguments, the code.
CASES: list[tuple[tuple[str, int], str, tuple[Any, ...], str]] = [
    (DIRECTORY, "advise", (0, 1, Member("NORMAL")), "BAD_DESCRIPTOR"),
    (PIPE, "advise", (0, 1, Member("NORMAL")), "INVALID_SEEK"),
    (READABLE, "append-via-stream", (), "BAD_DESCRIPTOR"),
    (DIRECTORY, "append-via-stream", (), "IS_DIRECTORY"),
    (DIRECTORY, "read", (1, 0), "IS_DIRECTORY"),
    (PIPE, "read", (1, 0), "INVALID_SEEK"),
    (READABLE, "read", (1, 2**63), "INVALID"),
    (DIRECTORY, "read-via-stream", (0,), "IS_DIRECTORY"),
    (("file", WRITE), "read-via-stream", (0,), "BAD_DESCRIPTOR"),
    (READABLE, "set-size", (1,), "BAD_DESCRIPTOR"),
    (("file", WRITE), "set-size", (2**63,), "INVALID"),
    (READABLE, "set-times", (KEEP, KEEP), "NOT_PERMITTED"),
    (PIPE, "sync", (), "INVALID"),
    (PIPE, "sync-data", (), "INVALID"),
    (READABLE, "stat-at", (0, "x"), "NOT_DIRECTORY"),
    (DIRECTORY, "metadata-hash-at", (0, "none"), "NO_ENTRY"),
    (DIRECTORY, "readlink-at", ("../file",), "NOT_PERMITTED"),
]


@pytest.mark.parametrize(("opened", "function", "arguments", "code"), CASES)
def test_descriptors(
    guest: Guest, opened: tuple[str, int], function: str, arguments: tuple[Any, ...], code: str
) -> None:
    descriptor = _open(guest, *opened)
    assert guest.refusal(TYPES, f"descriptor.{function}", descriptor, *arguments) == code


def test_links_are_read_if_they_are_relative(guest: Guest) -> None:
    root = _root(guest)
    assert guest.refusal(TYPES, "descriptor.readlink-at", root, "file") == "INVALID"
    assert guest.refusal(TYPES, "descriptor.readlink-at", root, "absolute") == "NOT_PERMITTED"


def test_a_stream_that_ended(guest: Guest) -> None:
    source = guest("cli/stdin", "get-stdin")
    sink = guest("cli/stdout", "get-stdout")
    assert guest(STREAMS, "input-stream.blocking-read", source, 9) == b"in"
    for function in ("read", "blocking-read", "skip", "blocking-skip"):
        assert guest.refusal(STREAMS, f"input-stream.{function}", source, 1) == "Closed"
    for function in ("splice", "blocking-splice"):
        assert guest.refusal(STREAMS, f"output-stream.{function}", sink, source, 1) == "Closed"


def test_a_stream_that_failed(guest: Guest) -> None:
    sink = guest(TYPES, "descriptor.write-via-stream", _open(guest, "file", WRITE), 2**63)
    guest(STREAMS, "output-stream.check-write", sink)
    failed = guest.refusal(STREAMS, "output-stream.blocking-write-and-flush", sink, b"x")
    assert failed == "LastOperationFailed"
    for function in ("check-write", "flush", "blocking-flush"):
        assert guest.refusal(STREAMS, f"output-stream.{function}", sink) == "Closed"


def test_tcp_sockets_that_are_not_ready(guest: Guest) -> None:
    make = lambda: guest("sockets/tcp-create-socket", "create-tcp-socket", Member("IPV4"))  # noqa: E731
    network = guest("sockets/instance-network", "instance-network")
    fresh = make()
    for function, code in (
        ("finish-bind", "NOT_IN_PROGRESS"), ("finish-connect", "NOT_IN_PROGRESS"),
        ("finish-listen", "NOT_IN_PROGRESS"), ("local-address", "INVALID_STATE"),
        ("remote-address", "INVALID_STATE"), ("start-listen", "INVALID_STATE"),
        ("accept", "INVALID_STATE"),
    ):  # fmt: skip
        assert guest.refusal(TCP, f"tcp-socket.{function}", fresh) == code, function
    how = Member("BOTH")
    assert guest.refusal(TCP, "tcp-socket.shutdown", fresh, how) == "INVALID_STATE"
    backlog = guest.refusal(TCP, "tcp-socket.set-listen-backlog-size", fresh, 0)
    assert backlog == "INVALID_ARGUMENT"
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        address = _v4(closed.getsockname()[1])
    guest(TCP, "tcp-socket.start-connect", fresh, network, address)
    guest("io/poll", "pollable.block", guest(TCP, "tcp-socket.subscribe", fresh))
    assert guest.refusal(TCP, "tcp-socket.finish-connect", fresh) == "CONNECTION_REFUSED"
    assert guest.refusal(TCP, "tcp-socket.start-connect", fresh, network, address)


def test_udp_sockets_that_are_not_ready(guest: Guest) -> None:
    udp = guest("sockets/udp-create-socket", "create-udp-socket", Member("IPV4"))
    network = guest("sockets/instance-network", "instance-network")
    call = lambda function, *a: guest(UDP, f"udp-socket.{function}", udp, *a)  # noqa: E731
    refusal = lambda function, *a: guest.refusal(UDP, f"udp-socket.{function}", udp, *a)  # noqa: E731
    assert refusal("finish-bind") == "NOT_IN_PROGRESS"
    assert refusal("local-address") == refusal("remote-address") == "INVALID_STATE"
    assert refusal("stream", _v4(9)) == "INVALID_STATE"
    assert refusal("start-bind", network, _v4(9, 10, 0, 0, 1)) == "ACCESS_DENIED"
    for option in ("unicast-hop-limit", "receive-buffer-size", "send-buffer-size"):
        assert refusal(f"set-{option}", 0) == "INVALID_ARGUMENT"
    call("start-bind", network, _v4(0))
    assert refusal("start-bind", network, _v4(0))
    call("finish-bind")
    assert refusal("start-bind", network, _v4(0)) == "INVALID_STATE"
    assert refusal("stream", _v4(9, 10, 0, 0, 1)) == "ACCESS_DENIED"
    _, sink = call("stream", None)
    datagram = lambda to: type("D", (), {"data": b"x", "remote_address": to})()  # noqa: E731
    for to, code in ((None, "INVALID_ARGUMENT"), (_v4(9, 10, 0, 0, 1), "ACCESS_DENIED")):
        guest(UDP, "outgoing-datagram-stream.check-send", sink)
        sent = guest.refusal(UDP, "outgoing-datagram-stream.send", sink, [datagram(to)])
        assert sent == code


def test_no_more_sockets_than_the_system_gives(guest: Guest) -> None:
    limits = resource.getrlimit(resource.RLIMIT_NOFILE)
    for kind in ("tcp", "udp"):
        interface, function = f"sockets/{kind}-create-socket", f"create-{kind}-socket"
        guest(interface, function, Member("IPV4"))
        gc.collect()  # what it finds may want to read files
        least = os.open(os.devnull, os.O_RDONLY)
        os.close(least)
        refused = None
        resource.setrlimit(resource.RLIMIT_NOFILE, (least, limits[1]))
        try:
            guest(interface, function, Member("IPV4"))
        except ResultError as error:
            refused = name(error.value)
        finally:
            resource.setrlimit(resource.RLIMIT_NOFILE, limits)
        assert refused == "NEW_SOCKET_LIMIT"


def test_a_name_that_nobody_has(guest: Guest) -> None:
    network = guest("sockets/instance-network", "instance-network")
    stream = guest(LOOKUP, "resolve-addresses", network, "no-such-name.invalid")
    following = "resolve-address-stream.resolve-next-address"
    assert guest.refusal(LOOKUP, following, stream) == "WOULD_BLOCK"
    guest("io/poll", "pollable.block", guest(LOOKUP, "resolve-address-stream.subscribe", stream))
    found = guest.refusal(LOOKUP, following, stream)
    assert found in ("NAME_UNRESOLVABLE", "TEMPORARY_RESOLVER_FAILURE")


def test_what_is_there_once_of_http() -> None:
    with Guest() as guest:
        given = Request("PUT", "https", "a:1", "/x", [], whole_body(b"in"))
        body = guest(HTTP, "incoming-request.consume", (request := IncomingRequest(given)))
        assert guest.refusal(HTTP, "incoming-request.consume", request) == "NoneType"
        assert guest(HTTP, "incoming-body.stream", body) is not None
        assert guest.refusal(HTTP, "incoming-body.stream", body) == "NoneType"
        fields = guest(HTTP, "fields.new")
        assert guest.refusal(HTTP, "fields.set", fields, "a b", []) == "InvalidSyntax"
        response = guest(HTTP, "outgoing-response.new", fields)
        out = guest(HTTP, "outgoing-response.body", response)
        assert guest.refusal(HTTP, "outgoing-response.body", response) == "NoneType"
        assert guest(HTTP, "outgoing-body.write", out) is not None
        assert guest.refusal(HTTP, "outgoing-body.write", out) == "NoneType"
