"""Standard input, output and error: from and to whatever a Python program has at hand."""

import codecs
import io
import os
import sys
from collections.abc import Callable
from enum import Enum
from typing import Any, Protocol, TypeAlias, final, runtime_checkable

from wadjet.wasi.host.errors import Code, HostError
from wadjet.wasi.host.files import OsFile
from wadjet.wasi.host.handles import (
    APPEND,
    NONBLOCK,
    Buffers,
    FileType,
    Handle,
    Stat,
    gather,
    room,
    scatter,
)
from wadjet.wasi.host.polling import FOREVER, Interest, look

#: How much a `Capture` keeps if nothing else is said.
CAPTURE_LIMIT = 1 << 30


class Inherit(Enum):
    """The type of `INHERIT`."""

    INHERIT = "inherit"


#: The process's own standard input, output or error.
INHERIT = Inherit.INHERIT


@final
class Capture(Handle):
    """An output that is kept: `data` has the bytes written so far.

    A guest that writes more than `limit` bytes finds no space left.
    """

    __slots__ = ("_data", "_limit")

    def __init__(self, limit: int = CAPTURE_LIMIT) -> None:
        super().__init__(APPEND)
        self._data = bytearray()
        self._limit = limit

    @property
    def data(self) -> bytes:
        """What was written so far."""
        return bytes(self._data)

    def stat(self) -> Stat:
        """A pipe's."""
        return Stat(FileType.FIFO)

    def write(self, buffers: Buffers) -> int:
        """Keep the bytes."""
        piece = gather(buffers)
        if len(self._data) + len(piece) > self._limit:
            raise HostError(Code.INSUFFICIENT_SPACE)
        self._data += piece
        return len(piece)


@runtime_checkable
class Readable(Protocol):
    """A file object to read from, of bytes or of text."""

    def read(self, size: int, /) -> bytes | str | None:
        """At most `size` bytes or characters, none at the end; None if nothing is there yet."""


@runtime_checkable
class Writable(Protocol):
    """A file object to write to; one of text says so by being an `io.TextIOBase`."""

    def write(self, data: Any, /) -> object:
        """Take the data; the number of bytes taken, unless it is all of them."""


Bytes: TypeAlias = bytes | bytearray | memoryview
#: Where input may come from: the process's own, bytes, a file by its path, a descriptor number, a
#: file object, or a function that is given a size and returns at most so many bytes, none at the
#: end. None is an empty input.
Source: TypeAlias = (
    "Inherit | Bytes | os.PathLike[str] | int | Readable | Callable[[int], bytes] | None"
)
#: Where output may go: the process's own, a `Capture`, a file by its path (replaced), a descriptor
#: number, a file object, or a function that is given the bytes. None discards it.
Sink: TypeAlias = (
    "Inherit | Capture | os.PathLike[str] | int | Writable | Callable[[bytes], object] | None"
)


def open_source(source: Source) -> Handle:
    """A readable handle over `source`. Raises TypeError for what is none, OSError for files."""
    if source is None:
        return _reader(io.BytesIO())
    if isinstance(source, Inherit):
        return _inherited(0)
    if isinstance(source, bytes | bytearray | memoryview):
        return _reader(io.BytesIO(source))
    if isinstance(source, os.PathLike):
        return OsFile(os.open(source, os.O_RDONLY | getattr(os, "O_BINARY", 0)))
    if isinstance(source, int):
        return _Borrowed(source)
    if isinstance(source, Readable):
        return _reader(source)
    if callable(source):
        return _Input(source)
    raise TypeError(f"not a source of bytes: {source!r} (text must be encoded, a path be a Path)")


def open_sink(sink: Sink, number: int) -> Handle:
    """A writable handle over `sink`; `number` is 1 or 2, for `INHERIT`. Errors as above."""
    if sink is None:
        return _Output(len)
    if isinstance(sink, Inherit):
        return _inherited(number)
    if isinstance(sink, Capture):
        return sink
    if isinstance(sink, os.PathLike):
        flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | getattr(os, "O_BINARY", 0)
        return OsFile(os.open(sink, flags, 0o666))
    if isinstance(sink, int):
        return _Borrowed(sink)
    if isinstance(sink, Writable):
        return _writer(sink)
    if callable(sink):
        return _Output(sink)
    raise TypeError(f"not a sink for bytes: {sink!r} (a path must be a Path)")


def _inherited(number: int) -> Handle:
    """The process's own stream of this number."""
    stream = (sys.__stdin__, sys.__stdout__, sys.__stderr__)[number]
    if stream is not None and number and not stream.closed:
        stream.flush()
    if sys.platform == "win32" and stream is not None:
        # A Windows console takes text; Python's own stream knows how to give it that.
        return _reader(stream.buffer) if number == 0 else _writer(stream)
    return _Borrowed(number)


@final
class _Borrowed(OsFile):
    """A descriptor of the process, which is not ours to close or to change.

    Non-blocking mode belongs to everybody who shares the open file, a shell included; so it is
    only pretended here: neither is ours set on it, nor does somebody else's reach the guest.
    """

    __slots__ = ()

    def close(self) -> None:
        """Leave the descriptor open."""

    def set_flags(self, flags: int) -> None:
        """Take note of the guest's wish."""
        Handle.set_flags(self, flags)

    def read(self, buffers: Buffers) -> int:
        """Read; wait for input unless the guest asked not to."""
        if self.flags & NONBLOCK:
            self._expect(writing=False)
        while True:
            try:
                return OsFile.read(self, buffers)
            except BlockingIOError:
                self._wait(writing=False)

    def write(self, buffers: Buffers) -> int:
        """Write; wait for room unless the guest asked not to."""
        if self.flags & NONBLOCK:
            self._expect(writing=True)
        while True:
            try:
                return OsFile.write(self, buffers)
            except BlockingIOError:
                self._wait(writing=True)

    def _expect(self, *, writing: bool) -> None:
        if not look([Interest(self, writing)])[0].ready:
            raise HostError(Code.WOULD_BLOCK)

    def _wait(self, *, writing: bool) -> None:
        if self.flags & NONBLOCK:
            raise HostError(Code.WOULD_BLOCK)
        look([Interest(self, writing)], FOREVER)


@final
class _Input(Handle):
    """An input that Python code provides, piece by piece."""

    __slots__ = ("_left", "_pull", "_terminal")

    def __init__(self, pull: Callable[[int], bytes], *, terminal: bool = False) -> None:
        super().__init__()
        self._pull = pull
        self._left = b""
        self._terminal = terminal

    def stat(self) -> Stat:
        """A terminal's or a pipe's."""
        return _stream_stat(self._terminal)

    def read(self, buffers: Buffers) -> int:
        """Take what is left of the last piece, or the next piece."""
        wanted = room(buffers)
        if not wanted:
            return 0
        data = self._left or self._pull(wanted)
        self._left = data[wanted:]
        return scatter(data[:wanted], buffers)


@final
class _Output(Handle):
    """An output that Python code takes, piece by piece."""

    __slots__ = ("_push", "_terminal")

    def __init__(self, push: Callable[[bytes], object], *, terminal: bool = False) -> None:
        super().__init__()
        self._push = push
        self._terminal = terminal

    def stat(self) -> Stat:
        """A terminal's or a pipe's."""
        return _stream_stat(self._terminal)

    def write(self, buffers: Buffers) -> int:
        """Hand the bytes over, in one piece."""
        data = gather(buffers)
        self._push(data)
        return len(data)


def _stream_stat(terminal: bool) -> Stat:
    return Stat(FileType.CHARACTER_DEVICE if terminal else FileType.FIFO)


def _is_terminal(file: object) -> bool:
    isatty = getattr(file, "isatty", None)
    return isatty is not None and bool(isatty())


def _reader(file: Readable) -> Handle:
    """An input from a file object, of bytes or of text."""
    below = getattr(file, "buffer", file)
    # read1 gives what is there instead of waiting for all that is wanted.
    read = getattr(below, "read1", below.read)

    def pull(wanted: int) -> bytes:
        data = read(wanted)
        if data is None:
            raise HostError(Code.WOULD_BLOCK)
        return data.encode() if isinstance(data, str) else bytes(data)

    return _Input(pull, terminal=_is_terminal(file))


def _writer(file: Writable) -> Handle:
    """An output to a file object, of bytes or of text."""
    _flush(file)
    if isinstance(file, io.TextIOBase) and not hasattr(file, "buffer"):
        decoder = codecs.getincrementaldecoder("utf-8")("replace")
        return _Output(lambda data: file.write(decoder.decode(data)))
    below: Writable = getattr(file, "buffer", file) if isinstance(file, io.TextIOBase) else file

    def push(data: bytes) -> None:
        # Unbuffered files may take a part only.
        left = memoryview(data)
        while left:
            count = below.write(bytes(left))
            if count == 0:
                raise HostError(Code.WOULD_BLOCK)
            left = left[count if isinstance(count, int) else len(left) :]
        _flush(below)

    return _Output(push, terminal=_is_terminal(file))


def _flush(file: object) -> None:
    flush = getattr(file, "flush", None)
    if flush is not None:
        flush()
