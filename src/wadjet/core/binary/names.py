"""The only place that knows the name section and the branch hints (spec, appendix "Custom
Sections"; the extended name section; "Code Metadata").

Custom sections never make a module malformed. Of a broken name section, what comes before the
fault counts; a broken hint section, whose hints may well sit on the wrong instructions, gives none.
"""

from bisect import bisect_left
from collections.abc import Sequence
from typing import Final, final

from wadjet.base.errors import Malformed
from wadjet.base.leb128 import unsigned
from wadjet.core.binary.reader import Reader
from wadjet.core.binary.write_types import name
from wadjet.core.module import Code, Hints, Names
from wadjet.core.opcodes import Op

NAME_SECTION: Final = "name"
HINTS_SECTION: Final = "metadata.code.branch_hint"

_Map = dict[int, str]
_IndirectMap = dict[int, dict[int, str]]
_MODULE_NAME: Final = 0


def _maps(names: Names) -> dict[int, _Map]:
    """Subsection id → the name map it holds."""
    return {
        1: names.funcs,
        4: names.types,
        5: names.tables,
        6: names.memories,
        7: names.globals,
        8: names.elems,
        9: names.datas,
        11: names.tags,
    }


def _indirect_maps(names: Names) -> dict[int, _IndirectMap]:
    """Subsection id → the indirect name map it holds."""
    return {2: names.locals, 3: names.labels, 10: names.fields}


@final
class NameReader:
    """The content of a name section, not yet read."""

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
                size = reader.length()
                end = reader.pos + size
                self._subsection(reader, number, names)
                if reader.pos > end:
                    break
                reader.pos = end
        except Malformed:
            return names
        return names

    def _subsection(self, reader: Reader, number: int, names: Names) -> None:
        maps, indirect = _maps(names), _indirect_maps(names)
        if number == _MODULE_NAME:
            names.module = _lenient_name(reader)
        elif number in maps:
            _read_map(reader, maps[number])
        elif number in indirect:
            for _ in range(reader.length()):
                _read_map(reader, indirect[number].setdefault(reader.u32(), {}))


def _read_map(reader: Reader, into: _Map) -> None:
    for _ in range(reader.length()):
        index = reader.u32()
        into[index] = _lenient_name(reader)


def _lenient_name(reader: Reader) -> str:
    return reader.blob().decode(errors="replace")


def encode_names(names: Names) -> bytes:
    """The content of a name section with these names; empty if there are none."""
    parts: dict[int, bytes] = {}
    if names.module is not None:
        parts[_MODULE_NAME] = name(names.module)
    for number, flat in _maps(names).items():
        if flat:
            parts[number] = _map(flat)
    for number, nested in _indirect_maps(names).items():
        if nested:
            entries = [unsigned(index) + _map(inner) for index, inner in sorted(nested.items())]
            parts[number] = unsigned(len(entries)) + b"".join(entries)
    return b"".join(
        bytes([number]) + unsigned(len(part)) + part for number, part in sorted(parts.items())
    )


def _map(names: _Map) -> bytes:
    entries = [unsigned(index) + name(text) for index, text in sorted(names.items())]
    return unsigned(len(entries)) + b"".join(entries)


@final
class HintReader:
    """The content of a section of branch hints, not yet read, and the functions it is about."""

    __slots__ = ("codes", "data", "imported")

    def __init__(self, data: bytes, codes: Sequence[Code], imported: int) -> None:
        self.data: Final = data
        self.codes: Final = codes
        self.imported: Final = imported

    def read(self) -> Hints:
        """Read all hints. Reads the bodies that have any."""
        hints: Hints = {}
        reader = Reader(self.data)
        try:
            for _ in range(reader.length()):
                index = reader.u32()
                hints[index] = self._function(reader, index)
        except Malformed:
            return {}
        return hints if reader.pos == reader.size else {}

    def _function(self, reader: Reader, index: int) -> dict[int, bool]:
        if not self.imported <= index < self.imported + len(self.codes):
            raise reader.fail("hints for no function")
        code = self.codes[index - self.imported]
        body = code.body
        found: dict[int, bool] = {}
        for _ in range(reader.length()):
            place = code.start + reader.u32()
            at = bisect_left(body.places, place)
            if at == len(body) or body.places[at] != place or body.ops[at] not in _HINTED:
                raise reader.fail("a hint for no branch")
            if reader.u32() != 1:
                raise reader.fail("a hint takes one byte")
            found[at] = reader.byte() != 0
        return found


_HINTED: Final = (Op.IF, Op.BR_IF)


def encode_hints(hints: dict[int, dict[int, bool]]) -> bytes:
    """The content of a section of branch hints: function index → {byte offset: is it likely}."""
    out = [unsigned(len(hints))]
    for index, items in sorted(hints.items()):
        out.append(unsigned(index) + unsigned(len(items)))
        for offset, likely in sorted(items.items()):
            out.append(unsigned(offset) + bytes([1, likely]))
    return b"".join(out)
