"""The only place that turns identifiers into indices, and type uses into type indices.

One `Space` per index space (spec 6.3.5 "identifier contexts"); one `TypeSpace` for the types,
which also adds the definitions that inline function types ask for (spec 6.6.4, type uses).
"""

from typing import Final, final

from wadjet.core.text.cursor import Cursor, shorten
from wadjet.core.types import FuncType, RecType, SubType


@final
class Space:
    """The names of one index space; `noun` is what an entry is called in messages."""

    __slots__ = ("count", "indices", "noun")

    def __init__(self, noun: str) -> None:
        self.noun: Final = noun
        self.indices: dict[str, int] = {}
        self.count = 0

    def bind(self, name: str | None, cursor: Cursor) -> int:
        """Give the next index, under a name if there is one. Malformed if the name is taken."""
        index = self.count
        self.count += 1
        if name is not None:
            if name in self.indices:
                raise cursor.error(f"duplicate {self.noun} ${name}", cursor.at - 1)
            self.indices[name] = index
        return index

    def index(self, cursor: Cursor) -> int:
        """Read an index: a number as it is, an identifier by its name."""
        text = cursor.texts[cursor.at]
        if text[:1] != "$":
            return cursor.natural(32, f"a {self.noun} index")
        found = self.indices.get(text[1:])
        if found is None:
            found = self.indices.get(cursor.identifier_of(text))
        if found is None:
            raise cursor.error(f"unknown {self.noun} {shorten(text)}")
        cursor.at += 1
        return found


@final
class TypeSpace:
    """The types: recursion groups as written, then one for each function type used inline."""

    __slots__ = ("fields", "flat", "groups", "names", "places", "shown_fields", "uses")

    def __init__(self) -> None:
        self.names: Final = Space("type")
        self.groups: list[RecType] = []
        self.flat: list[SubType] = []
        self.places: list[int] = []
        #: type index → the names of a structure's fields
        self.fields: dict[int, Space] = {}
        #: type index → what its fields are called
        self.shown_fields: dict[int, dict[int, str]] = {}
        #: function type → the first type that an inline use of it means
        self.uses: dict[FuncType, int] = {}

    def add(self, group: RecType, places: list[int]) -> None:
        """Append one recursion group."""
        lone = group.subs[0] if len(group.subs) == 1 else None
        if lone is not None and isinstance(lone.comp, FuncType) and _plain(lone):
            self.uses.setdefault(lone.comp, len(self.flat))
        self.groups.append(group)
        self.flat.extend(group.subs)
        self.places.extend(places)

    def use(self, wanted: FuncType, place: int) -> int:
        """The index of a function type used inline, which is added unless it is there."""
        found = self.uses.get(wanted)
        if found is None:
            found = len(self.flat)
            self.add(RecType((SubType(wanted),)), [place])
        return found

    def func(self, index: int) -> FuncType | None:
        """The function type at an index, if it is one."""
        comp = self.flat[index].comp if index < len(self.flat) else None
        return comp if isinstance(comp, FuncType) else None

    def field(self, type_: int, cursor: Cursor) -> int:
        """Read the index of a field of a structure type."""
        return self.fields.get(type_, _NO_FIELDS).index(cursor)


_NO_FIELDS: Final = Space("field")


def _plain(sub: SubType) -> bool:
    """Whether an inline function type can mean this definition."""
    return (
        sub.final
        and not sub.supers
        and not sub.shared
        and sub.describes is None
        and sub.descriptor is None
    )
