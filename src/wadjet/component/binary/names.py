"""The only place that knows the component-name section (Binary.md, "Name Section").

Names never make a component malformed: of a broken section, what comes before the fault counts.
"""

from typing import Final, final

from wadjet.base.errors import Malformed
from wadjet.base.leb128 import unsigned
from wadjet.component.binary.codes import CORE_BY_CODE, OWN_BY_CODE
from wadjet.component.component import Names
from wadjet.component.types import CORE_SORTS, OWN_SORTS, SORTS
from wadjet.core.binary.reader import Reader
from wadjet.core.binary.write_types import name as write_name

NAME_SECTION: Final = "component-name"


@final
class NameReader:
    """The content of a component-name section, not yet read."""

    __slots__ = ("data",)

    def __init__(self, data: bytes) -> None:
        self.data: Final = data

    def read(self) -> Names:
        """Read all names, up to the first fault."""
        names = Names()
        reader = Reader(self.data)
        try:
            while reader.pos < reader.size:
                number = reader.byte()
                end = reader.length()
                end += reader.pos
                if number == 0:
                    names.component = _name(reader)
                elif number == 1:
                    _read_map(reader, names)
                if reader.pos > end:
                    break
                reader.pos = end
        except Malformed:
            return names
        return names


def _name(reader: Reader) -> str:
    return reader.blob().decode(errors="replace")


def _read_map(reader: Reader, names: Names) -> None:
    code = reader.byte()
    sort = CORE_BY_CODE.get(reader.byte()) if code == 0 else OWN_BY_CODE.get(code)
    if sort is None:
        raise reader.fail("names of no sort")
    into = names.of(sort)
    for _ in range(reader.length()):
        index = reader.u32()
        into[index] = _name(reader)


def encode_names(names: Names) -> bytes:
    """The content of a component-name section with these names; empty if there are none."""
    out = b""
    if names.component is not None:
        content = write_name(names.component)
        out += b"\0" + unsigned(len(content)) + content
    for sort in SORTS:
        found = names.maps.get(sort)
        if found:
            code = bytes([0, CORE_SORTS[sort]] if sort in CORE_SORTS else [OWN_SORTS[sort]])
            entries = [unsigned(index) + write_name(text) for index, text in sorted(found.items())]
            content = code + unsigned(len(entries)) + b"".join(entries)
            out += b"\1" + unsigned(len(content)) + content
    return out
