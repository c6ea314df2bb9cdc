"""Clocks, randomness, and waiting for them or for input."""

import os
import socket
import struct
import threading
import time

import pytest

from tests.wasi.guest import DATA, RESULT, Guest
from wadjet.base.errors import Timeout
from wadjet.wasi import FixedClocks, SeededRandom, Tree, Wasi
from wadjet.wasi.host.clocks import Clocks
from wadjet.wasi.p1.functions import P1, Unstable

SUBSCRIPTIONS, EVENTS = 2048, 8192
CLOCK, READ, WRITE = 0, 1, 2


def subscribe(guest: Guest, *wanted: tuple[int, ...]) -> int:
    """Lay out subscriptions: (CLOCK, id, timeout, flags) or (READ or WRITE, fd)."""
    old = isinstance(guest.p1, Unstable)
    size, clock_at = (56, 24) if old else (48, 16)
    for i, (kind, *rest) in enumerate(wanted):
        at = SUBSCRIPTIONS + i * size
        guest.bytes[at : at + size] = bytes(size)
        struct.pack_into("<QB", guest.bytes, at, 100 + i, kind)
        if kind == CLOCK:
            if old:
                struct.pack_into("<Q", guest.bytes, at + 16, 0xFFFFFFFF)
            number, timeout, *flags = rest
            struct.pack_into(
                "<I4xQQH", guest.bytes, at + clock_at, number, timeout, 0, *(flags or [0])
            )
        else:
            struct.pack_into("<I", guest.bytes, at + 16, rest[0])
    return len(wanted)


def poll(guest: Guest, *wanted: tuple[int, ...]) -> list[tuple[int, ...]] | str:
    """`poll_oneoff`: the events as (userdata, error, type, bytes, flags)."""
    count = subscribe(guest, *wanted)
    error = guest.call("poll_oneoff", SUBSCRIPTIONS, EVENTS, count, RESULT)
    if error != "success":
        return error
    return [guest.unpack("QHBxxxxxQHxxxxxx", EVENTS + 32 * i) for i in range(guest.number())]


@pytest.mark.parametrize("kind", [P1, Unstable])
def test_the_first_clock_rings(kind: type[P1]) -> None:
    with Guest(kind, clocks=Clocks()) as guest:
        begun = time.monotonic()
        events = poll(guest, (CLOCK, 1, 10**11), (CLOCK, 1, 30_000_000), (CLOCK, 0, 10**11))
        assert 0.03 <= time.monotonic() - begun < 5
        assert events == [(101, 0, CLOCK, 0, 0)]


def test_fixed_clocks_take_no_time() -> None:
    with Guest(clocks=FixedClocks(5, step=1)) as guest:
        begun = time.monotonic()
        year = 365 * 86_400 * 10**9
        assert poll(guest, (CLOCK, 1, year), (CLOCK, 0, year)) == [
            (100, 0, CLOCK, 0, 0),
            (101, 0, CLOCK, 0, 0),
        ]
        assert time.monotonic() - begun < 5
        guest.ok("clock_time_get", 1, 0, RESULT)
        assert guest.unpack("Q") == (year + 1,)
        guest.ok("clock_time_get", 0, 0, RESULT)
        assert guest.unpack("Q") == (year + 5 + 2,)
        # an absolute time, once to come and once gone by
        assert poll(guest, (CLOCK, 1, year + 10, 1)) == [(100, 0, CLOCK, 0, 0)]
        assert poll(guest, (CLOCK, 0, 0, 1), (CLOCK, 1, year)) == [(100, 0, CLOCK, 0, 0)]


def test_what_cannot_be_waited_for_is_told_at_once() -> None:
    with Guest(dirs={"/": {"f": b"1234"}}, clocks=Clocks()) as guest:
        file = guest.open("f")
        assert isinstance(file, int)
        forever = (CLOCK, 1, 10**12)
        assert poll(guest, forever, (READ, 99)) == [(101, 8, READ, 0, 0)]
        assert poll(guest, forever, (READ, 1)) == [(101, 76, READ, 0, 0)]
        assert poll(guest, forever, (READ, 3)) == [(101, 8, READ, 0, 0)]
        assert poll(guest, forever, (CLOCK, 2, 1)) == [(101, 28, CLOCK, 0, 0)]
        assert poll(guest, forever, (CLOCK, 1, 1, 2)) == [(101, 28, CLOCK, 0, 0)]
        assert poll(guest, forever, (READ, 99), (READ, file)) == [
            (101, 8, READ, 0, 0),
            (102, 0, READ, 4, 0),
        ]
        assert poll(guest, forever, (WRITE, 1), (CLOCK, 1, 0)) == [
            (101, 0, WRITE, 1, 0),
            (102, 0, CLOCK, 0, 0),
        ]
        assert poll(guest) == "inval"
        assert poll(guest, (3, 0)) == "inval"
        assert guest.call("poll_oneoff", SUBSCRIPTIONS, EVENTS, -1, RESULT) == "inval"


def test_input_wakes_a_waiting_guest() -> None:
    reading, writing = os.pipe()
    with Guest(stdin=reading, clocks=Clocks()) as guest:
        assert poll(guest, (CLOCK, 1, 20_000_000), (READ, 0)) == [(100, 0, CLOCK, 0, 0)]
        later = threading.Timer(0.05, os.write, (writing, b"x"))
        later.start()
        begun, cpu = time.monotonic(), time.process_time()
        assert poll(guest, (CLOCK, 1, 10**11), (READ, 0)) == [(101, 0, READ, 1, 0)]
        assert time.monotonic() - begun < 5
        assert time.process_time() - cpu < 0.04, "waiting must not keep the processor busy"
        later.join()
        assert guest.read(0) == b"x"
        os.close(writing)
        assert poll(guest, (READ, 0)) == [(100, 0, READ, 1, 1)]
        assert guest.read(0) == b""
    os.close(reading)


def test_a_deadline_ends_every_wait() -> None:
    reading, writing = os.pipe()
    with (
        socket.create_server(("127.0.0.1", 0)) as server,
        Guest(stdin=reading, clocks=Clocks(), sockets=[server]) as guest,
    ):
        at = guest.vectors((DATA, 10))
        count = subscribe(guest, (CLOCK, 1, 10**12), (READ, 0))
        for call in (
            lambda: guest.call("poll_oneoff", SUBSCRIPTIONS, EVENTS, count, RESULT),
            lambda: guest.call("poll_oneoff", SUBSCRIPTIONS, EVENTS, 1, RESULT),
            lambda: guest.call("fd_read", 0, *at, RESULT),
            lambda: guest.call("sock_accept", 3, 0, RESULT),
        ):
            guest.p1.deadline = time.monotonic_ns() + 30_000_000
            begun = time.monotonic()
            with pytest.raises(Timeout):
                call()
            assert 0.025 <= time.monotonic() - begun < 5
        os.write(writing, b"in time")
        guest.p1.deadline = time.monotonic_ns() + 10**10
        assert guest.read(0) == b"in time"
        assert poll(guest, (CLOCK, 1, 1_000_000)) == [(100, 0, CLOCK, 0, 0)]
    os.close(reading)
    os.close(writing)


def test_clocks() -> None:
    with Guest(clocks=Clocks()) as guest:
        for clock in range(4):
            guest.ok("clock_res_get", clock, RESULT)
            assert 0 < guest.unpack("Q")[0] < 10**9
            guest.ok("clock_time_get", clock, 1, RESULT)
            first = guest.unpack("Q")[0]
            guest.ok("clock_time_get", clock, -1, RESULT)
            assert guest.unpack("Q")[0] >= first
        guest.ok("clock_time_get", 0, 0, RESULT)
        assert abs(guest.unpack("Q")[0] - time.time_ns()) < 10**10
        for clock in (4, -1):
            assert guest.call("clock_time_get", clock, 0, RESULT) == "inval"
            assert guest.call("clock_res_get", clock, RESULT) == "inval"
        guest.ok("sched_yield")


def test_fixed_worlds_repeat() -> None:
    def trace(seed: int) -> list[bytes]:
        with Guest(clocks=1_000, random=seed, dirs={"/": Tree({"f": b""})}) as guest:
            guest.ok("clock_time_get", 0, 0, DATA)
            guest.ok("clock_time_get", 1, 0, DATA + 8)
            guest.ok("random_get", DATA + 16, 1000)
            return [bytes(guest.bytes[DATA : DATA + 1016])]

    assert trace(1) == trace(1) != trace(2)
    with pytest.raises(ValueError, match="fixed clock"):
        FixedClocks(-1)


def test_randomness() -> None:
    with Guest() as guest:
        guest.ok("random_get", DATA, 64)
        first = bytes(guest.bytes[DATA : DATA + 64])
        guest.ok("random_get", DATA, 64)
        assert first != guest.bytes[DATA : DATA + 64] != bytes(64)
        guest.ok("random_get", 0, len(guest.bytes))
        guest.ok("random_get", len(guest.bytes), 0)
    buffer = bytearray((1 << 20) + 3)
    SeededRandom(3).fill(memoryview(buffer))
    assert buffer[-3:] != bytes(3)


def test_capabilities_are_checked_when_given() -> None:
    for wrong in ({"args": ["a\0b"]}, {"env": {"A": "\0"}}, {"env": {"A=B": ""}},
                  {"env": {"": ""}}, {"dirs": {"\0": "."}}):  # fmt: skip
        with pytest.raises(ValueError):
            Wasi(**wrong)  # type: ignore[arg-type]  # wrong on purpose
    for wrong in ({"args": "text"}, {"args": [1]}, {"env": {"A": 1}}):
        with pytest.raises(TypeError):
            Wasi(**wrong)  # type: ignore[arg-type]
