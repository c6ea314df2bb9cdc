"""A guest without an engine: WASI 0.1's functions over a bytearray for memory."""

import struct
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

from wadjet.wasi import Capture, FixedClocks, Wasi
from wadjet.wasi.p1.abi import ERRNO_NAMES, Right
from wadjet.wasi.p1.functions import P1

#: Where a guest keeps results, lists of buffers, buffers and strings.
RESULT, VECTORS, DATA, TEXT = 64, 256, 1024, 4096


class Guest(AbstractContextManager["Guest"]):
    """Calls functions by name, and says what went wrong by the name of the error.

    What is not said about the world is harmless: no input, captured output, fixed clocks.
    """

    def __init__(self, kind: type[P1] = P1, size: int = 1 << 16, **world: Any) -> None:
        self.stdout, self.stderr = Capture(), Capture()
        given = {"stdin": None, "stdout": self.stdout, "stderr": self.stderr}
        given["clocks"] = FixedClocks(10**18)
        self.p1 = kind(Wasi(**(given | world)))
        self.bytes = bytearray(size)
        self.p1.memory = lambda: memoryview(self.bytes)
        self.functions: dict[str, Callable[..., int | None]] = {
            name: function for name, (_, function) in self.p1.functions().items()
        }

    def __exit__(self, *_: object) -> None:
        self.p1.close()

    def call(self, name: str, *args: int) -> str:
        """The name of the error that a call gives."""
        error = self.functions[name](*args)
        assert error is not None
        return ERRNO_NAMES[error]

    def ok(self, name: str, *args: int) -> None:
        """A call that succeeds."""
        assert self.call(name, *args) == "success"

    def unpack(self, fields: str, at: int = RESULT) -> tuple[int, ...]:
        """What a call has written."""
        return struct.unpack_from(f"<{fields}", self.bytes, at)

    def number(self, at: int = RESULT) -> int:
        """A 32-bit result."""
        return self.unpack("I", at)[0]

    def text(self, text: str | bytes, at: int = TEXT) -> tuple[int, int]:
        """Pointer and length of a string."""
        data = text.encode() if isinstance(text, str) else text
        self.bytes[at : at + len(data)] = data
        return at, len(data)

    def vectors(self, *regions: tuple[int, int]) -> tuple[int, int]:
        """Pointer and count of a list of buffers."""
        for i, region in enumerate(regions):
            struct.pack_into("<II", self.bytes, VECTORS + 8 * i, *region)
        return VECTORS, len(regions)

    def open(
        self,
        path: str,
        oflags: int = 0,
        *,
        fd: int = 3,
        base: int = Right.ALL & ~Right.FD_WRITE & ~Right.FD_ALLOCATE & ~Right.FD_FILESTAT_SET_SIZE,
        inheriting: int = Right.ALL,
        flags: int = 0,
        follow: int = 0,
    ) -> int | str:
        """`path_open`: a descriptor, or the name of an error."""
        pointer, length = self.text(path)
        error = self.call(
            "path_open", fd, follow, pointer, length, oflags, base, inheriting, flags, RESULT
        )
        return self.number() if error == "success" else error

    def at(self, name: str, path: str, *args: int, fd: int = 3) -> str:
        """A call of the shape (fd, path, …)."""
        return self.call(name, fd, *self.text(path), *args)

    def write(self, fd: int, data: bytes) -> int | str:
        """`fd_write` of one buffer: the count, or the name of an error."""
        error = self.call("fd_write", fd, *self.vectors(self.text(data, DATA)), RESULT)
        return self.number() if error == "success" else error

    def read(self, fd: int, size: int = 1024) -> bytes | str:
        """`fd_read` into one buffer: the bytes, or the name of an error."""
        error = self.call("fd_read", fd, *self.vectors((DATA, size)), RESULT)
        return bytes(self.bytes[DATA : DATA + self.number()]) if error == "success" else error

    def listing(self, fd: int, size: int = 4096, cookie: int = 0) -> list[str]:
        """`fd_readdir` once: the whole names in the buffer."""
        self.ok("fd_readdir", fd, DATA, size, cookie, RESULT)
        names, at, end = [], DATA, DATA + self.number()
        while at + 24 <= end:
            length = self.unpack("I", at + 16)[0]
            if at + 24 + length <= end:
                names.append(self.bytes[at + 24 : at + 24 + length].decode())
            at += 24 + length
        return names
