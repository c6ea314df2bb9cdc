"""Standard streams from and to everything that Python has at hand."""

import io
import os
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.wasi.guest import RESULT, Guest
from wadjet.wasi import INHERIT, Capture, Wasi
from wadjet.wasi.host.handles import NONBLOCK
from wadjet.wasi.p1.abi import Right


def _all_input(guest: Guest, size: int = 4) -> bytes:
    data = b""
    while True:
        piece = guest.read(0, size)
        assert isinstance(piece, bytes)
        if not piece:
            return data
        data += piece


class _Slow:
    """A file object with nothing but `read`, that gives more than it is asked for."""

    def __init__(self) -> None:
        self.left = [b"input", b" from", b" python"]

    def read(self, size: int) -> bytes:
        return self.left.pop(0) if self.left else b""


def _function() -> Callable[[int], bytes]:
    pieces = iter([b"input from", b" python"])
    return lambda size: next(pieces, b"")


@pytest.mark.parametrize(
    "source",
    [
        lambda: b"input from python",
        lambda: bytearray(b"input from python"),
        lambda: memoryview(b"input from python"),
        lambda: io.BytesIO(b"input from python"),
        lambda: io.StringIO("input from python"),
        lambda: io.BufferedReader(io.BytesIO(b"input from python")),
        lambda: io.TextIOWrapper(io.BytesIO(b"input from python")),
        _Slow,
        _function,
    ],
)
def test_sources(source: Callable[[], object]) -> None:
    with Guest(stdin=source()) as guest:
        assert guest.read(0, 0) == b""
        assert _all_input(guest) == b"input from python"
        assert guest.read(0) == b""


def test_text_is_encoded_bit_by_bit() -> None:
    with Guest(stdin=io.StringIO("äöü€")) as guest:
        assert _all_input(guest, 1).decode() == "äöü€"


def test_files(tmp_path: Path) -> None:
    (tmp_path / "in").write_bytes(b"input from a file")
    (tmp_path / "err").write_bytes(b"something longer that was there before")
    with (
        (tmp_path / "out").open("wb") as out,
        Guest(stdin=tmp_path / "in", stdout=out, stderr=tmp_path / "err") as guest,
    ):
        assert guest.read(0, 5) == b"input"
        guest.ok("fd_seek", 0, 6, 0, RESULT)
        assert guest.read(0) == b"from a file"
        assert guest.write(1, b"one ") == 4
        out.write(b"two ")
        out.flush()
        assert guest.write(1, b"three") == 5
        assert guest.write(2, b"error") == 5
    assert (tmp_path / "out").read_bytes() == b"one two three"
    assert (tmp_path / "err").read_bytes() == b"error"


def test_descriptors() -> None:
    reading, writing = os.pipe()
    with Guest(stdin=reading, stdout=writing) as guest:
        assert guest.write(1, b"round") == 5
        assert guest.read(0) == b"round"
    os.write(writing, b"still open")
    assert os.read(reading, 100) == b"still open"
    os.close(reading)
    os.close(writing)


def test_sinks() -> None:
    pieces: list[bytes] = []
    text, binary = io.StringIO(), io.BytesIO()
    wrapped = io.TextIOWrapper(binary, write_through=False)
    wrapped.write("before ")
    for sink in (pieces.append, text, wrapped):
        with Guest(stdout=sink) as guest:
            assert guest.write(1, "grün ".encode()[:3]) == 3
            assert guest.write(1, "grün ".encode()[3:]) == 3
            assert guest.write(1, b"") == 0
    assert b"".join(pieces).decode() == "grün "
    assert text.getvalue() == "grün "
    assert binary.getvalue().decode() == "before grün "
    with Guest(stdout=None) as guest:
        assert guest.write(1, b"nowhere") == 7


def test_a_file_that_takes_little_at_a_time() -> None:
    class Little(io.RawIOBase):
        taken = b""

        def writable(self) -> bool:
            return True

        def write(self, data: bytes) -> int:  # type: ignore[override]  # bytes are what it gets
            self.taken += data[:2]
            return len(data[:2])

    sink = Little()
    with Guest(stdout=sink) as guest:
        assert guest.write(1, b"in pieces") == 9
    assert sink.taken == b"in pieces"


def test_capture_has_a_limit() -> None:
    out = Capture(limit=10)
    with Guest(stdout=out) as guest:
        assert guest.write(1, b"12345678") == 8
        assert guest.write(1, b"9abc") == "nospc"
        assert guest.write(1, b"9a") == 2
    assert out.data == b"123456789a"


def test_errors_of_python_code() -> None:
    def broken(data: bytes) -> None:
        raise BrokenPipeError

    def bug(data: bytes) -> None:
        raise ZeroDivisionError("ours")

    with Guest(stdout=broken, stderr=bug) as guest:
        assert guest.write(1, b"x") == "pipe"
        with pytest.raises(ZeroDivisionError):
            guest.write(2, b"x")


def test_what_is_no_stream() -> None:
    for wrong in ("text", 1.5, object()):
        with pytest.raises(TypeError, match="not a source"):
            Guest(stdin=wrong)
        with pytest.raises(TypeError, match="not a sink"):
            Guest(stdout=wrong)


def test_a_closed_pipe_is_an_error() -> None:
    reading, writing = os.pipe()
    os.close(reading)
    with Guest(stdout=writing) as guest:
        assert guest.write(1, b"x") == "pipe"
    os.close(writing)


def test_only_its_own_direction() -> None:
    with Guest(stdin=b"x") as guest:
        assert guest.write(0, b"x") == "notcapable"
        assert guest.read(1) == "notcapable"


def test_types_and_rights(tmp_path: Path) -> None:
    (tmp_path / "f").write_bytes(b"x")
    with (
        Path(os.devnull).open("wb", 0) as nowhere,
        Guest(stdin=tmp_path / "f", stdout=nowhere.fileno()) as guest,
    ):
        expected = [(4, True), (2, True), (0, False)]
        for fd, (kind, seekable) in enumerate(expected):
            guest.ok("fd_fdstat_get", fd, RESULT)
            filetype, _, base, _ = guest.unpack("BxHxxxxQQ")
            assert filetype == kind
            # A terminal is a character device without these rights: /dev/null must not be one.
            assert bool(base & (Right.FD_SEEK | Right.FD_TELL)) is seekable
            if not seekable:
                assert guest.call("fd_tell", fd, RESULT) == "spipe"
                assert guest.call("fd_seek", fd, 0, 0, RESULT) == "spipe"


def test_a_terminal() -> None:
    if not hasattr(os, "openpty"):
        pytest.skip("no terminals here")
    ours, theirs = os.openpty()
    with Guest(stdin=theirs, stdout=os.fdopen(theirs, "wb", 0, closefd=False)) as guest:
        for fd in (0, 1):
            guest.ok("fd_fdstat_get", fd, RESULT)
            filetype, _, base, _ = guest.unpack("BxHxxxxQQ")
            assert filetype == 2
            assert not base & (Right.FD_SEEK | Right.FD_TELL)
    os.close(ours)
    os.close(theirs)


def test_nonblocking_input_is_only_pretended() -> None:
    reading, writing = os.pipe()
    with Guest(stdin=reading) as guest:
        guest.ok("fd_fdstat_set_flags", 0, NONBLOCK)
        guest.ok("fd_fdstat_get", 0, RESULT)
        assert guest.unpack("BxH")[1] == NONBLOCK
        assert guest.read(0) == "again"
        assert os.get_blocking(reading)
        os.write(writing, b"now")
        assert guest.read(0) == b"now"
        guest.ok("fd_fdstat_set_flags", 0, 0)
        later = threading.Timer(0.05, os.write, (writing, b"later"))
        later.start()
        assert guest.read(0) == b"later"
        later.join()
    os.close(reading)
    os.close(writing)


def test_somebody_elses_nonblocking_mode_does_not_reach_the_guest() -> None:
    reading, writing = os.pipe()
    os.set_blocking(reading, False)
    os.set_blocking(writing, False)
    with Guest(stdin=reading, stdout=writing) as guest:
        later = threading.Timer(0.05, os.write, (writing, b"later"))
        later.start()
        assert guest.read(0) == b"later"
        later.join()
        filled = 0
        while (count := guest.write(1, bytes(1 << 12))) == 1 << 12 and filled < 15 << 12:
            filled += count
        drained = threading.Timer(0.05, os.read, (reading, 1 << 20))
        drained.start()
        assert guest.write(1, bytes(1 << 13)) in (1 << 12, 1 << 13)
        drained.join()
    os.close(reading)
    os.close(writing)


def test_inherited_streams() -> None:
    script = (
        "import sys\n"
        "from tests.wasi.guest import Guest\n"
        "from wadjet.wasi import INHERIT\n"
        "print('before', end=' ')\n"
        "with Guest(stdin=INHERIT, stdout=INHERIT, stderr=INHERIT) as guest:\n"
        "    guest.write(1, guest.read(0))\n"
        "    guest.write(2, b'error')\n"
        "print(' after', end='')\n"
    )
    ended = subprocess.run(
        [sys.executable, "-c", script],
        input=b"input",
        capture_output=True,
        timeout=30,
        check=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(p for p in sys.path if p)},
    )
    assert ended.stdout == b"before input after"
    assert ended.stderr == b"error"


def test_the_default_is_the_processs_own() -> None:
    wasi = Wasi()
    assert wasi.stdin is wasi.stdout is wasi.stderr is INHERIT


def test_streams_are_opened_for_each_guest_anew() -> None:
    wasi = Wasi(stdin=b"input")
    for _ in range(2):
        handle = wasi.open_stdio()[0]
        buffer = bytearray(10)
        assert handle.read([memoryview(buffer)]) == 5
