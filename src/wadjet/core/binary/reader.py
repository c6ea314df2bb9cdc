"""The only place that reads values from bytes (spec 5.2), and the outline of a binary."""

from collections.abc import Iterator
from typing import Final, NamedTuple

from wadjet.base.errors import Malformed
from wadjet.base.leb128 import read_s33, read_unsigned
from wadjet.base.spans import Place

MAGIC: Final = b"\0asm"
VERSION: Final = b"\x01\0\0\0"
#: The preamble of a component differs in the second half of what is the version of a module.
COMPONENT_LAYER: Final = b"\x01\0"

END_OF_INPUT: Final = "unexpected end of section or function"
TOO_LONG: Final = "integer representation too long"


class Reader:
    """A position in a byte string, and the values that can be read there.

    Each method moves `pos` behind what it read and raises `Malformed` where it cannot. Nothing
    stops a reader at the end of a section: whoever opened a section compares `pos` afterwards.
    With `end`, the reader takes the bytes to end there; only an integer may reach beyond it.
    """

    __slots__ = ("data", "pos", "size")

    def __init__(self, data: bytes, pos: int = 0, end: int | None = None) -> None:
        self.data: Final = data
        self.size: Final = len(data) if end is None else end
        self.pos = pos

    def fail(self, message: str, pos: int | None = None) -> Malformed:
        """The error to raise, at `pos` or at the current position."""
        return Malformed(message, Place(offset=self.pos if pos is None else pos))

    def byte(self) -> int:
        """Read one byte."""
        pos = self.pos
        if pos >= self.size:
            raise self.fail(END_OF_INPUT)
        self.pos = pos + 1
        return self.data[pos]

    def peek(self) -> int:
        """The next byte without moving, −1 at the end."""
        return self.data[self.pos] if self.pos < self.size else -1

    def zero(self) -> None:
        """Read a byte that must be zero."""
        if self.byte() != 0:
            raise self.fail("zero byte expected", self.pos - 1)

    def u32(self) -> int:
        """Read an unsigned 32-bit integer, such as an index."""
        pos = self.pos
        if pos < self.size:
            byte = self.data[pos]
            if byte < 0x80:
                self.pos = pos + 1
                return byte
        value, self.pos = read_unsigned(self.data, pos, 32)
        return value

    def u64(self) -> int:
        """Read an unsigned 64-bit integer."""
        value, self.pos = read_unsigned(self.data, self.pos, 64)
        return value

    def s33(self) -> int:
        """Read a signed 33-bit integer."""
        value, self.pos = read_s33(self.data, self.pos)
        return value

    def take(self, count: int) -> bytes:
        """Read `count` bytes."""
        pos = self.pos
        if count > self.size - pos:
            raise self.fail(END_OF_INPUT, self.size)
        self.pos = pos + count
        return self.data[pos : pos + count]

    def length(self) -> int:
        """Read the length of a list or of a section: no more than there are bytes left, counted
        from the length itself, as the official tests count."""
        pos = self.pos
        count = self.u32()
        if count > self.size - pos:
            raise self.fail(f"length out of bounds: {count}", pos)
        return count

    def count(self, what: str, limit: int) -> int:
        """Read the length of a list of things of which there may be up to `limit`."""
        pos = self.pos
        count = self.length()
        if count > limit:
            raise self.fail(f"too many {what}: {count}, the limit is {limit}", pos)
        return count

    def blob(self) -> bytes:
        """Read a list of bytes."""
        return self.take(self.length())

    def name(self) -> str:
        """Read a name (spec 5.2.4)."""
        pos = self.pos
        text = self.blob()
        try:
            return text.decode()
        except UnicodeDecodeError as error:
            raise self.fail(f"malformed UTF-8 encoding: {error.reason}", pos) from None


class Section(NamedTuple):
    """Where one section is: its id byte at `head`, its content of `size` bytes at `start`."""

    id: int
    head: int
    start: int
    size: int


#: The ids of sections in the order in which a module must have them (spec 5.5.15).
SECTION_ORDER: Final = (1, 2, 3, 4, 5, 13, 6, 7, 8, 9, 12, 10, 11)


def sections(data: bytes) -> Iterator[Section]:
    """The outline of a module: its sections in order, contents unread (spec 5.5.2).

    Checks the preamble, and that ids are assigned and sizes fit, each when it is reached. A last
    section that is larger than what is left is still given, for its content may tell more.
    """
    _preamble(data)
    reader = Reader(data, 8)
    while reader.pos < reader.size:
        head = reader.pos
        number = reader.byte()
        if number > 13:
            raise reader.fail(f"malformed section id {number}", head)
        size = reader.u32()
        yield Section(number, head, reader.pos, size)
        if size > reader.size - reader.pos:
            raise reader.fail(f"length out of bounds: {size}", head)
        reader.pos += size


def _preamble(data: bytes) -> None:
    if len(data) < 4:
        raise Malformed("unexpected end of the preamble", Place(offset=len(data)))
    if data[:4] != MAGIC:
        hint = ": this looks like text" if data[:64].lstrip()[:1] in (b"(", b";") else ""
        raise Malformed(f"magic header not detected{hint}", Place(offset=0))
    if len(data) < 8:
        raise Malformed("unexpected end of the preamble", Place(offset=len(data)))
    if data[4:8] != VERSION:
        found = int.from_bytes(data[4:6], "little")
        if data[6:8] == COMPONENT_LAYER:
            raise Malformed(
                f"unknown binary version {found:#x} in layer 1: this is a component, not a module",
                Place(offset=4),
            )
        raise Malformed(f"unknown binary version {data[4:8].hex(' ')}", Place(offset=4))
