"""Sockets that a guest was given."""

import socket
import threading

from tests.wasi.guest import DATA, RESULT, Guest
from wadjet.wasi.host.handles import NONBLOCK

FLAGS = RESULT + 8


def test_a_server() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server, Guest(sockets=[server]) as guest:
        assert guest.call("fd_prestat_get", 3, RESULT) == "badf"
        guest.ok("fd_fdstat_get", 3, RESULT)
        assert guest.unpack("B") == (6,)
        with socket.create_connection(server.getsockname()) as client:
            guest.ok("sock_accept", 3, 0, RESULT)
            fd = guest.number()
            assert fd == 4
            client.sendall(b"question")
            at = guest.vectors((DATA, 4), (DATA + 100, 40))
            guest.ok("sock_recv", fd, *at, 1, RESULT, FLAGS)
            guest.ok("sock_recv", fd, *at, 0, RESULT, FLAGS)
            assert guest.number() == 8
            assert guest.unpack("H", FLAGS) == (0,)
            assert (
                guest.bytes[DATA : DATA + 4] + guest.bytes[DATA + 100 : DATA + 104] == b"question"
            )
            guest.ok("sock_send", fd, *guest.vectors((DATA, 4)), 0, RESULT)
            assert client.recv(100) == b"ques"
            assert guest.write(fd, b"by fd_write") == 11
            assert client.recv(100) == b"by fd_write"
            guest.ok("sock_shutdown", fd, 2)
            assert client.recv(100) == b""
            client.sendall(b"more")
            client.shutdown(socket.SHUT_WR)
            assert guest.read(fd) == b"more"
            assert guest.read(fd) == b""
            guest.ok("fd_close", fd)
            assert guest.call("sock_shutdown", fd, 1) == "badf"
        assert server.fileno() >= 0


def test_waiting_for_all() -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs, Guest(sockets=[theirs]) as guest:
        ours.sendall(b"half")
        later = threading.Timer(0.05, ours.sendall, (b"rest",))
        later.start()
        guest.ok("sock_recv", 3, *guest.vectors((DATA, 8)), 2, RESULT, FLAGS)
        later.join()
        assert guest.number() == 8
        assert guest.bytes[DATA : DATA + 8] == b"halfrest"


def test_without_blocking() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server, Guest(sockets=[server]) as guest:
        guest.ok("fd_fdstat_set_flags", 3, NONBLOCK)
        assert guest.call("sock_accept", 3, 0, RESULT) == "again"
        with socket.create_connection(server.getsockname()):
            guest.ok("fd_fdstat_set_flags", 3, 0)
            guest.ok("sock_accept", 3, NONBLOCK, RESULT)
            fd = guest.number()
            at = guest.vectors((DATA, 8))
            assert guest.call("sock_recv", fd, *at, 0, RESULT, FLAGS) == "again"
            assert guest.call("fd_fdstat_set_flags", fd, 1) == "inval"


def test_datagrams() -> None:
    with (
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as one,
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as two,
    ):
        one.bind(("127.0.0.1", 0))
        two.bind(("127.0.0.1", 0))
        two.connect(one.getsockname())
        with Guest(sockets=[two]) as guest:
            guest.ok("fd_fdstat_get", 3, RESULT)
            assert guest.unpack("B") == (5,)
            one.sendto(b"a long datagram", two.getsockname())
            guest.ok("sock_recv", 3, *guest.vectors((DATA, 6)), 0, RESULT, FLAGS)
            assert guest.number() == 6
            assert guest.unpack("H", FLAGS) == (1,)


def test_bad_flags_and_other_descriptors() -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs, Guest(sockets=[theirs], dirs={"/": {}}) as guest:
        at = guest.vectors((DATA, 8))
        assert guest.call("sock_recv", 4, *at, 4, RESULT, FLAGS) == "inval"
        assert guest.call("sock_send", 4, *at, 1, RESULT) == "inval"
        assert guest.call("sock_shutdown", 4, 0) == "inval"
        assert guest.call("sock_shutdown", 4, 4) == "inval"
        assert guest.call("sock_accept", 4, 1, RESULT) == "inval"
        for fd, error in ((0, "notsock"), (3, "notsock"), (9, "badf")):
            assert guest.call("sock_recv", fd, *at, 0, RESULT, FLAGS) == error
            assert guest.call("sock_send", fd, *at, 0, RESULT) == error
            assert guest.call("sock_shutdown", fd, 1) == error
            assert guest.call("sock_accept", fd, 0, RESULT) == error
        assert guest.call("fd_seek", 4, 0, 0, RESULT) == "spipe"
        assert guest.call("fd_filestat_set_size", 4, 0) == "notcapable"
        # The table's own handle goes, the caller's socket stays.
        guest.ok("fd_close", 4)
        assert theirs.fileno() >= 0


def test_a_guests_own_connections_are_closed_with_it() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        with Guest(sockets=[server]) as guest:
            client = socket.create_connection(server.getsockname())
            guest.ok("sock_accept", 3, 0, RESULT)
        assert client.recv(1) == b""
        client.close()
