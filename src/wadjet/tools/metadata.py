"""What the well-known custom sections say (tool-conventions: ProducersSection, Linking, Dynamic).

Readers are lenient in one way only: a section that is not what its name promises raises Malformed,
and whoever lists a whole module goes on with the next.
"""

from dataclasses import dataclass, field
from typing import Final

from wadjet.base.errors import Malformed
from wadjet.core.binary.reader import Reader
from wadjet.core.module import Module, Names

PRODUCERS: Final = "producers"
TARGET_FEATURES: Final = "target_features"
DYLINK: Final = "dylink.0"

#: subsection of dylink.0 → what it holds
_MEM_INFO, _NEEDED = 1, 2
_PREFIXES: Final = {0x2B: "+", 0x2D: "-", 0x3D: "="}


@dataclass(slots=True)
class Dylink:
    """What a dynamic library needs: bytes and alignment (log2) of memory, slots and alignment of
    table, and the libraries it needs in turn."""

    memory: tuple[int, int] = (0, 0)
    table: tuple[int, int] = (0, 0)
    needed: list[str] = field(default_factory=list)


@dataclass(slots=True)
class Metadata:
    """All that the custom sections of one module say about it.

    `producers` maps a field ("language", "processed-by", "sdk") to tools and their versions;
    `features` are names with a prefix: + used, - must not be used. `broken` maps the name of a
    section to what is wrong with it.
    """

    name: str | None = None
    producers: dict[str, list[tuple[str, str]]] = field(default_factory=dict)
    features: list[str] = field(default_factory=list)
    dylink: Dylink | None = None
    #: kind of thing → how many of them the name section names
    named: dict[str, int] = field(default_factory=dict)
    broken: dict[str, str] = field(default_factory=dict)


def metadata(module: Module) -> Metadata:
    """Read the custom sections of a module. Never raises for what is in them."""
    found = Metadata(name=module.names.module, named=_named(module.names))
    for custom in module.customs:
        try:
            if custom.name == PRODUCERS:
                found.producers = producers(custom.data)
            elif custom.name == TARGET_FEATURES:
                found.features = target_features(custom.data)
            elif custom.name == DYLINK:
                found.dylink = dylink(custom.data)
        except Malformed as error:
            found.broken[custom.name] = str(error)
    return found


def producers(data: bytes) -> dict[str, list[tuple[str, str]]]:
    """The content of a producers section: field → (tool, version). Raises Malformed."""
    reader = Reader(data)
    fields: dict[str, list[tuple[str, str]]] = {}
    for _ in range(reader.length()):
        values = fields.setdefault(reader.name(), [])
        values += [(reader.name(), reader.name()) for _ in range(reader.length())]
    return fields


def target_features(data: bytes) -> list[str]:
    """The content of a target_features section: names with their prefix. Raises Malformed."""
    reader = Reader(data)
    found = []
    for _ in range(reader.length()):
        prefix = _PREFIXES.get(reader.byte())
        if prefix is None:
            raise reader.fail("unknown prefix of a feature", reader.pos - 1)
        found.append(prefix + reader.name())
    return found


def dylink(data: bytes) -> Dylink:
    """The content of a dylink.0 section, as far as it is about memory, table and libraries."""
    reader = Reader(data)
    found = Dylink()
    while reader.pos < reader.size:
        kind = reader.byte()
        part = Reader(reader.blob())
        if kind == _MEM_INFO:
            found.memory = part.u32(), part.u32()
            found.table = part.u32(), part.u32()
        elif kind == _NEEDED:
            found.needed = [part.name() for _ in range(part.length())]
    return found


def _named(names: Names) -> dict[str, int]:
    spaces: dict[str, dict[int, str]] = {
        "functions": names.funcs,
        "types": names.types,
        "tables": names.tables,
        "memories": names.memories,
        "tags": names.tags,
        "globals": names.globals,
        "element segments": names.elems,
        "data segments": names.datas,
    }
    counts = {kind: len(space) for kind, space in spaces.items()}
    counts["locals"] = sum(map(len, names.locals.values()))
    counts["labels"] = sum(map(len, names.labels.values()))
    counts["fields"] = sum(map(len, names.fields.values()))
    return {kind: count for kind, count in counts.items() if count}
