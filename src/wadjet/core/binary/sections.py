"""The only place that reads the contents of sections (spec 5.5)."""

from typing import Final

from wadjet.base.leb128 import read_u32, read_u32s
from wadjet.core import limits
from wadjet.core.binary.grammar import Grammar
from wadjet.core.binary.instructions import FunctionReader, InstructionReader
from wadjet.core.binary.types import EMPTY_BLOCK
from wadjet.core.body import Body
from wadjet.core.module import (
    KINDS, Code, Custom, Data, Elem, Export, Global, Import, Module, Table,
)  # fmt: skip
from wadjet.core.types import FUNC, FUNCREF, ExternType, FuncUse, RefType, ref

#: A table definition with an initialiser begins with this byte and a zero.
TABLE_WITH_INIT: Final = EMPTY_BLOCK
#: Compact imports: several items of one module, or of one module and one type.
ITEMS: Final = 0x7F
ITEMS_OF_ONE_TYPE: Final = 0x7E

#: Bits of the flags of a segment; 2 means declarative where it is not active.
NOT_ACTIVE: Final = 1
EXPLICIT: Final = 2
EXPRESSIONS: Final = 4
SHARED_SEGMENT: Final = 8

#: Bytes from which on a data segment is not copied.
_LARGE: Final = 1 << 14


class SectionReader(InstructionReader):
    """Reads section contents into a module. Every method stops where its content stops; that this
    is where the section stops is for `decode` to see."""

    __slots__ = ("groups", "lazy", "module")

    def __init__(self, data: bytes, grammar: Grammar, *, lazy: bool) -> None:
        super().__init__(data, grammar)
        self.lazy = lazy
        self.module = Module()
        #: how many groups of imports were read; one without imports leaves no trace
        self.groups = 0

    def section(self, number: int, size: int, after: int) -> None:
        """Read the content, `size` bytes long, of the section with this id, into the module.
        `after` is the id of the last section that was not custom."""
        match number:
            case 0:
                self._custom(size, after)
            case 1:
                self._types()
            case 2:
                self._imports()
            case 3:
                self._functions()
            case 4:
                self._tables()
            case 5:
                self._memories()
            case 6:
                self._globals()
            case 7:
                self._exports()
            case 8:
                self.module.start_place = self.pos
                self.module.start = self.u32()
            case 9:
                self._elems()
            case 10:
                self._codes()
            case 11:
                self._datas()
            case 12:
                self.module.data_count = self.u32()
            case _:
                self._tags()

    def _custom(self, size: int, after: int) -> None:
        start = self.pos
        name = self.name()
        rest = size - (self.pos - start)
        if rest < 0:
            raise self.fail("unexpected end of a custom section in its name", start)
        self.module.customs.append(Custom(name, self.take(rest), after, start))

    def _list(self, number: int, what: str, limit: int) -> int:
        """Read the length of the list that is a section, and remember if it is empty."""
        count = self.count(what, limit)
        if count == 0:
            self.module.empty |= {number}
        return count

    def _types(self) -> None:
        module = self.module
        for _ in range(self._list(1, "recursion groups", limits.REC_GROUPS)):
            place = self.pos
            group = self.rectype()
            module.types.append(group)
            module.type_places.extend([place] * len(group.subs))
            if len(module.type_places) > limits.TYPES:
                raise self.fail(f"too many types: the limit is {limits.TYPES}", place)

    # Imports.

    def _imports(self) -> None:
        for _ in range(self._list(2, "imports", limits.IMPORTS)):
            place = self.pos
            name = self.name()
            item = self.name()
            kind = self.peek()
            if item or kind not in (ITEMS, ITEMS_OF_ONE_TYPE) or not self.has("compact-imports"):
                self._import(Import(name, item, self.externtype(), place))
            else:
                self.pos += 1
                self._items(name, kind)

    def _items(self, name: str, form: int) -> None:
        group = self.groups
        common: ExternType | None = self.externtype() if form == ITEMS_OF_ONE_TYPE else None
        count = self.count("imports", limits.IMPORTS)
        self.groups += count > 0
        for _ in range(count):
            place = self.pos
            item = self.name()
            found = self.externtype() if common is None else common
            self._import(Import(name, item, found, place, group, form))

    def _import(self, item: Import) -> None:
        imports = self.module.imports
        if len(imports) >= limits.IMPORTS:
            raise self.fail(f"too many imports: the limit is {limits.IMPORTS}", item.place)
        imports.append(item)

    # Definitions.

    def _functions(self) -> None:
        count = self._list(3, "functions", limits.FUNCTIONS)
        funcs, places = self.module.funcs, self.module.func_places
        data, pos, size = self.data, self.pos, self.size
        for _ in range(count):
            places.append(pos)
            if pos < size and data[pos] < 0x80:
                funcs.append(data[pos])
                pos += 1
            else:
                index, pos = read_u32(data, pos)
                funcs.append(index)
        self.pos = pos

    def _tables(self) -> None:
        for _ in range(self._list(4, "tables", limits.TABLES)):
            place = self.pos
            if self.peek() == TABLE_WITH_INIT and self.grammar.indices:
                self.pos += 1
                self.zero()
                type_ = self.tabletype()
                self.module.tables.append(Table(type_, self.expression(), place))
            else:
                self.module.tables.append(Table(self.tabletype(), None, place))

    def _memories(self) -> None:
        for _ in range(self._list(5, "memories", limits.MEMORIES)):
            self.module.memory_places.append(self.pos)
            self.module.memories.append(self.memorytype())

    def _tags(self) -> None:
        for _ in range(self._list(13, "tags", limits.TAGS)):
            self.module.tag_places.append(self.pos)
            self.module.tags.append(self.tagtype())

    def _globals(self) -> None:
        for _ in range(self._list(6, "globals", limits.GLOBALS)):
            place = self.pos
            type_ = self.globaltype()
            self.module.globals.append(Global(type_, self.expression(), place))

    def _exports(self) -> None:
        kinds = len(KINDS) if self.has_tags() else len(KINDS) - 1
        for _ in range(self._list(7, "exports", limits.EXPORTS)):
            place = self.pos
            name = self.name()
            kind = self.byte()
            if kind >= kinds:
                raise self.fail(f"malformed export kind {kind:#04x}", self.pos - 1)
            self.module.exports.append(Export(name, KINDS[kind], self.u32(), place))

    # Segments.

    def _elems(self) -> None:
        known = EXPRESSIONS | EXPLICIT | NOT_ACTIVE
        if not self.has("bulk-memory") and not self.has("reference-types"):
            known = 0
        for _ in range(self._list(9, "element segments", limits.ELEMS)):
            place = self.pos
            flags = self._segment_flags(known, "malformed elements segment kind")
            self.module.elems.append(self._elem(flags, place))

    def _segment_flags(self, known: int, message: str) -> int:
        pos = self.pos
        flags = self.u32()
        if self.has("shared-everything-threads"):
            known |= SHARED_SEGMENT
        if flags & ~known:
            raise self.fail(f"{message} {flags:#x}", pos)
        return flags

    def _elem(self, flags: int, place: int) -> Elem:
        mode = "active"
        table = 0
        offset: Body | None = None
        if flags & NOT_ACTIVE:
            mode = "declarative" if flags & EXPLICIT else "passive"
        else:
            table = self.u32() if flags & EXPLICIT else 0
            offset = self.expression()
        items: list[int] | list[Body]
        if flags & EXPRESSIONS:
            type_ = self.reftype() if flags & (EXPLICIT | NOT_ACTIVE) else FUNCREF
            items = [self.expression() for _ in range(self.count("elements", limits.ELEM_ITEMS))]
        else:
            type_ = self._elem_kind() if flags & (EXPLICIT | NOT_ACTIVE) else ref(False, FUNC)
            count = self.count("elements", limits.ELEM_ITEMS)
            items, self.pos = read_u32s(self.data, self.pos, count)
        return Elem(type_, mode, items, table, offset, flags, place)

    def _elem_kind(self) -> RefType:
        kind = self.byte()
        if kind != 0:
            raise self.fail(f"malformed element kind {kind:#04x}", self.pos - 1)
        return ref(False, FUNC)

    def _datas(self) -> None:
        known = EXPLICIT | NOT_ACTIVE if self.has("bulk-memory") else 0
        message = "malformed data segment kind"
        for _ in range(self._list(11, "data segments", limits.DATAS)):
            place = self.pos
            if self.peek() == 0:  # as nearly all of them, and there may be 100,000
                self.pos += 1
                offset = self.expression()
                self.module.datas.append(Data("active", self._content(), 0, offset, 0, place))
                continue
            flags = self._segment_flags(known, message)
            if flags & (EXPLICIT | NOT_ACTIVE) == EXPLICIT | NOT_ACTIVE:
                raise self.fail(f"{message} {flags:#x}", place)
            if flags & NOT_ACTIVE:
                self.module.datas.append(Data("passive", self._content(), flags=flags, place=place))
                continue
            memory = self.u32() if flags & EXPLICIT else 0
            offset = self.expression()
            self.module.datas.append(Data("active", self._content(), memory, offset, flags, place))

    def _content(self) -> bytes | memoryview:
        """The bytes of a data segment, where they are if they are many."""
        length = self.length()
        if length < _LARGE or length > self.size - self.pos:
            return self.take(length)
        pos = self.pos
        self.pos += length
        return memoryview(self.data)[pos : self.pos]

    # Functions.

    def _codes(self) -> None:
        module = self.module
        imported = len(module.imported(FuncUse))
        reader = FunctionReader(self.data, self.grammar, imported, module.data_count is not None)
        count = self._list(10, "functions", limits.FUNCTIONS)
        data, starts, codes = self.data, reader.starts, module.codes
        read, lazy, end = reader.read, self.lazy, self.size
        pos = self.pos
        for _ in range(count):
            if pos + 1 < end and data[pos + 1] < 0x80:
                size, start = data[pos], pos + 1
                if size >= 0x80:
                    size, start = size & 0x7F | data[start] << 7, pos + 2
            else:
                size, start = read_u32(data, pos)
            if size > end - start:
                raise self.fail(f"length out of bounds: {size}", pos)
            starts.append(start)
            if lazy:
                codes.append(Code(start=start, size=size, read=read))
            else:
                runs, body = read(start, size)
                codes.append(Code(runs, body, start=start, size=size))
            pos = start + size
        self.pos = pos
