"""The noun `Module` (spec 2.5): what decode and parse make, validate checks, encode and print read.

A `Module` is exactly what was written, valid or not, with just enough memory of its spelling
(segment flags, explicit `sub` and `rec`, grouped imports) to be written back byte for byte.
Two modules are equal when the same was written, at whatever places; names and hints do not count,
since they only explain what custom sections already hold.
"""

from collections.abc import Callable, Sequence
from wadjet.base.records import dataclass, field
from typing import Final, final

from wadjet.base.spans import Place
from wadjet.core.body import Body
from wadjet.core.types import (
    ExternType, FuncUse, GlobalType, MemoryType, RecType, RefType, SubType, TableType,
    TagType, ValType,
)  # fmt: skip

#: Kinds of imports and exports, in the order of their binary codes (spec 5.5.5).
KINDS: Final = ("func", "table", "memory", "global", "tag")
KindIndex = dict[str, int]


@dataclass(slots=True)
class Import:
    """One import. `group` numbers the compact group it was written in, None if alone; `form` is
    the group's binary form (0x7F: one module name; 0x7E: one module name and one type)."""

    module: str
    name: str
    type: ExternType
    place: int = field(default=0, compare=False)
    group: int | None = None
    form: int = 0


@dataclass(slots=True)
class Export:
    """One export: `kind` is one of `KINDS`, `index` counts imports first."""

    name: str
    kind: str
    index: int
    place: int = field(default=0, compare=False)


@dataclass(slots=True)
class Table:
    """A table definition; `init` is None where elements start as null."""

    type: TableType
    init: Body | None = None
    place: int = field(default=0, compare=False)


@dataclass(slots=True)
class Global:
    """A global definition with its constant initialiser."""

    type: GlobalType
    init: Body
    place: int = field(default=0, compare=False)


@dataclass(slots=True)
class Elem:
    """An element segment. `mode`: "active", "passive" or "declarative".

    `items` are function indices (`funcs` form) or constant expressions. `flags` is the binary
    form 0–7 as written, None if the encoder may choose.
    """

    type: RefType
    mode: str
    items: "list[int] | list[Body]"
    table: int = 0
    offset: Body | None = None
    flags: int | None = None
    place: int = field(default=0, compare=False)


@dataclass(slots=True)
class Data:
    """A data segment. `mode`: "active" or "passive"; `flags` 0–2 as written."""

    mode: str
    data: "bytes | memoryview"
    memory: int = 0
    offset: Body | None = None
    flags: int | None = None
    place: int = field(default=0, compare=False)


#: What a function's entry holds: its runs of locals (count, type), and its instructions.
CodeContent = tuple[list[tuple[int, ValType]], Body]


@final
class Code:
    """The locals and the body of one function: read at once, or only when somebody asks.

    `locals` are runs (count, type), as written. `start` and `size` are the byte range of the
    function in the binary, which begins at the locals. A lazy `Code` holds a reader: it is called
    with `start` and `size`, and may raise Malformed.
    """

    __slots__ = ("_body", "_locals", "_read", "size", "start")

    def __init__(
        self,
        locals_: list[tuple[int, ValType]] | None = None,
        body: Body | None = None,
        *,
        start: int = 0,
        size: int = 0,
        read: Callable[[int, int], CodeContent] | None = None,
    ) -> None:
        self._locals = locals_
        self._body = body
        self._read = read
        self.start = start
        self.size = size

    @property
    def locals(self) -> list[tuple[int, ValType]]:
        """Runs of declared locals, parameters not included."""
        locals_ = self._locals
        return self._force()[0] if locals_ is None else locals_

    @property
    def body(self) -> Body:
        """The instructions, the closing `end` included."""
        body = self._body
        return self._force()[1] if body is None else body

    def forget(self) -> None:
        """Drop what was decoded; it is read again when needed (a no-op for an eager `Code`)."""
        if self._read is not None:
            self._locals = self._body = None

    def __eq__(self, other: object) -> bool:
        """Same runs of locals and same instructions, wherever they came from."""
        if not isinstance(other, Code):
            return NotImplemented
        return self.locals == other.locals and self.body == other.body

    __hash__ = None  # type: ignore[assignment]  # mutable, compared by content

    def _force(self) -> CodeContent:
        # another thread may forget at any time: what is returned is what was read
        assert self._read is not None, "a Code needs a body or a reader"
        content = self._read(self.start, self.size)
        self._locals, self._body = content
        return content


@dataclass(slots=True)
class Custom:
    """A custom section: its bytes, and `after`, the id of the non-custom section before it (0 at
    the start; several customs keep their order)."""

    name: str
    data: bytes
    after: int = 0
    place: int = field(default=0, compare=False)


@dataclass(slots=True)
class Names:
    """The name section (spec 7.4.1) and the extended-names proposal, decoded leniently."""

    module: str | None = None
    funcs: dict[int, str] = field(default_factory=dict)
    locals: dict[int, dict[int, str]] = field(default_factory=dict)
    labels: dict[int, dict[int, str]] = field(default_factory=dict)
    types: dict[int, str] = field(default_factory=dict)
    tables: dict[int, str] = field(default_factory=dict)
    memories: dict[int, str] = field(default_factory=dict)
    globals: dict[int, str] = field(default_factory=dict)
    elems: dict[int, str] = field(default_factory=dict)
    datas: dict[int, str] = field(default_factory=dict)
    fields: dict[int, dict[int, str]] = field(default_factory=dict)
    tags: dict[int, str] = field(default_factory=dict)


#: Branch hints: function index → {index of the `if` or `br_if` in the body: is it likely}.
Hints = dict[int, dict[int, bool]]


def place_of_offset(place: int) -> Place:
    """The place of a byte offset: how a module that came from bytes locates."""
    return Place(offset=place)


@dataclass(slots=True)
class Module:
    """A module as written. Index spaces count imports first, as the standard does."""

    types: list[RecType] = field(default_factory=list)
    imports: list[Import] = field(default_factory=list)
    #: type index of each defined function; `codes` runs parallel
    funcs: list[int] = field(default_factory=list)
    tables: list[Table] = field(default_factory=list)
    memories: list[MemoryType] = field(default_factory=list)
    tags: list[TagType] = field(default_factory=list)
    globals: list[Global] = field(default_factory=list)
    exports: list[Export] = field(default_factory=list)
    start: int | None = None
    elems: list[Elem] = field(default_factory=list)
    data_count: int | None = None
    codes: list[Code] = field(default_factory=list)
    datas: list[Data] = field(default_factory=list)
    customs: list[Custom] = field(default_factory=list)
    #: ids of the sections that the binary has although they are empty
    empty: frozenset[int] = frozenset()
    #: places of the `start` field and of each defined type, function, memory and tag, for errors
    start_place: int = field(default=0, compare=False)
    func_places: list[int] = field(default_factory=list, compare=False)
    type_places: list[int] = field(default_factory=list, compare=False)
    memory_places: list[int] = field(default_factory=list, compare=False)
    tag_places: list[int] = field(default_factory=list, compare=False)
    #: turns a place into line and column (text) or an offset (binary)
    locate: Callable[[int], Place] = field(default=place_of_offset, compare=False)
    _names: Names | Callable[[], Names] = field(default_factory=Names, compare=False, repr=False)
    _hints: Hints | Callable[[], Hints] = field(default_factory=dict, compare=False, repr=False)

    @property
    def names(self) -> Names:
        """Names, from the name section (read when first asked for) or the text's identifiers."""
        if not isinstance(self._names, Names):
            self._names = self._names()
        return self._names

    @names.setter
    def names(self, names: Names | Callable[[], Names]) -> None:
        self._names = names

    @property
    def hints(self) -> Hints:
        """Branch hints, from their custom section (read when first asked for) or the text."""
        if not isinstance(self._hints, dict):
            self._hints = self._hints()
        return self._hints

    @hints.setter
    def hints(self, hints: Hints | Callable[[], Hints]) -> None:
        self._hints = hints

    def subtypes(self) -> list[SubType]:
        """The flat type index space."""
        return [sub for group in self.types for sub in group.subs]

    def imported(self, kind: type[ExternType]) -> list[ExternType]:
        """The types of the imports of one kind, in order."""
        return [i.type for i in self.imports if isinstance(i.type, kind)]

    def func_types(self) -> list[int]:
        """Type index of every function, imports first."""
        return [i.type.type for i in self.imports if isinstance(i.type, FuncUse)] + self.funcs

    def table_types(self) -> list[TableType]:
        """Type of every table, imports first."""
        imported = [i.type for i in self.imports if isinstance(i.type, TableType)]
        return imported + [t.type for t in self.tables]

    def memory_types(self) -> list[MemoryType]:
        """Type of every memory, imports first."""
        return [i.type for i in self.imports if isinstance(i.type, MemoryType)] + self.memories

    def global_types(self) -> list[GlobalType]:
        """Type of every global, imports first."""
        imported = [i.type for i in self.imports if isinstance(i.type, GlobalType)]
        return imported + [g.type for g in self.globals]

    def tag_types(self) -> list[TagType]:
        """Type of every tag, imports first."""
        return [i.type for i in self.imports if isinstance(i.type, TagType)] + self.tags

    def export_types(self) -> list[ExternType]:
        """Type of every export of a valid module; runs parallel to `exports`."""
        funcs = self.func_types()
        others: dict[str, Sequence[ExternType]] = {
            "table": self.table_types(),
            "memory": self.memory_types(),
            "global": self.global_types(),
            "tag": self.tag_types(),
        }
        return [
            FuncUse(funcs[e.index]) if e.kind == "func" else others[e.kind][e.index]
            for e in self.exports
        ]


def expand_locals(runs: Sequence[tuple[int, ValType]]) -> list[ValType]:
    """Flatten runs of locals into one type per local."""
    return [t for count, t in runs for _ in range(count)]
