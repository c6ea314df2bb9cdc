"""The only place that says what a section is called and how many items it announces."""

from dataclasses import dataclass
from typing import Final

from wadjet.core.binary.reader import END_OF_INPUT, Reader, Section, sections

#: section id → name, as in the standard (spec 5.5.2)
SECTION_NAMES: Final = {
    0: "custom",
    1: "type",
    2: "import",
    3: "function",
    4: "table",
    5: "memory",
    6: "global",
    7: "export",
    8: "start",
    9: "element",
    10: "code",
    11: "data",
    12: "data count",
    13: "tag",
}
_CUSTOM: Final = 0


@dataclass(frozen=True, slots=True)
class Entry:
    """One section of a binary. `head` is the offset of its id byte; its content is the `size`
    bytes from `start` on. `count` is the number that its content begins with: how many items it
    holds (for start: the function index), None for a custom section, whose name is `custom`."""

    id: int
    name: str
    head: int
    start: int
    size: int
    count: int | None
    custom: str | None

    @property
    def end(self) -> int:
        """The offset behind the content."""
        return self.start + self.size

    @property
    def title(self) -> str:
        """The name of the section, or of the custom section in quotes."""
        return self.name if self.custom is None else f'custom "{self.custom}"'


def outline(data: bytes) -> list[Entry]:
    """The sections of a binary module in order (spec 5.5.2).

    Raises Malformed where the preamble is not a module's or a section does not fit.
    """
    return [_entry(data, section) for section in sections(data)]


def _entry(data: bytes, section: Section) -> Entry:
    reader = Reader(data, section.start)
    count, custom = None, None
    if section.id == _CUSTOM:
        custom = reader.name()
    else:
        count = reader.u32()
    if reader.pos > section.start + section.size:
        raise reader.fail(END_OF_INPUT, section.start)
    name = SECTION_NAMES[section.id]
    return Entry(section.id, name, section.head, section.start, section.size, count, custom)
