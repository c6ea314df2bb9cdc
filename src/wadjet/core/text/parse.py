"""Text → `Module` (spec 6.6): the fields of a module and the abbreviations among them.

Three walks over the fields: the first gives every identifier its index, the second reads the
types, the third everything else; thus anything may be named before it is defined.
"""

from functools import partial
from typing import Final, final

from wadjet.core.body import Body
from wadjet.core.features import DEFAULT, Features
from wadjet.core.module import (
    KINDS, Code, Data, Elem, Export, Global, Import, Module, Table,
)  # fmt: skip
from wadjet.core.opcodes import Op
from wadjet.core.text.annotations import Annotations
from wadjet.core.text.instructions import BodyParser
from wadjet.core.text.lexer import Tokens, locate, tokenize
from wadjet.core.text.resolve import Space
from wadjet.core.types import (
    FUNC, FUNCREF, I32, I64, ExternType, FuncUse, Limits, MemoryType, NumType, RefType, TableType,
    TagType, ValType, ref,
)  # fmt: skip

_FUNCS: Final = ref(False, FUNC)
_CONSTS: Final = {I32: Op.I32_CONST, I64: Op.I64_CONST}


def parse(source: str | bytes, features: Features = DEFAULT) -> Module:
    """Read one module in text. Raises Malformed, with line and column.

    The source is `(module …)` or the fields of a module alone.
    """
    tokens = tokenize(source)
    parser = ModuleParser(tokens, features)
    if parser.opens("module"):
        module = parser.module()
    else:
        module = parser.fields_alone()
    if parser.texts[parser.at] != "":
        raise parser.unexpected("the end of the text")
    return module


def parse_at(tokens: Tokens, at: int, features: Features) -> tuple[Module, int]:
    """Read the `(module …)` that begins at a token. Returns it and the index after its end.

    Scripts may write `(module definition …)`.
    """
    parser = ModuleParser(tokens, features)
    parser.at = at
    return parser.module(), parser.at


def parse_fields_at(
    tokens: Tokens, at: int, features: Features, name: str | None = None
) -> tuple[Module, int]:
    """Read the fields of a module that begin at a token, up to the closing parenthesis. Returns
    the module and the index of that parenthesis. `name` is what the module is called so far."""
    parser = ModuleParser(tokens, features)
    parser.at = at
    parser.made.names.module = name
    return parser.fields_inside(), parser.at


@final
class ModuleParser(BodyParser):
    """Reads one module; used once."""

    __slots__ = ("annotations", "first_kind", "groups", "made", "next_index", "spaces", "surveyed")

    def __init__(self, tokens: Tokens, features: Features) -> None:
        super().__init__(tokens, features)
        self.made = Module(locate=partial(locate, tokens.source))
        self.spaces: Final = {
            "func": self.funcs,
            "table": self.tables,
            "memory": self.memories,
            "global": self.globals,
            "tag": self.tags,
        }
        #: the index that the next entry of each space gets in the third walk
        self.next_index: Final = dict.fromkeys(KINDS, 0)
        #: token indices of each field's parentheses
        self.surveyed: list[tuple[int, int]] = []
        self.first_kind = ""
        self.groups = 0
        self.annotations = Annotations(tokens, self.made)

    def module(self) -> Module:
        """`(module definition? id? field*)`."""
        start = self.at
        self.expect("(")
        self.expect("module")
        self.take("definition")
        self.made.names.module = self.identifier()
        self._fields_of_module(start + 1)
        self.expect(")")
        return self.made

    def fields_alone(self) -> Module:
        """Fields without the module around them, up to the end of the text."""
        self._fields_of_module(0)
        return self.made

    def fields_inside(self) -> Module:
        """Fields up to the parenthesis that closes the module, which is left."""
        self._fields_of_module(self.at)
        if self.texts[self.at] != ")":
            raise self.unexpected("a field of a module or ')'")
        return self.made

    def _fields_of_module(self, first: int) -> None:
        made = self.made
        called = self.called("module")
        made.names.module = made.names.module if called is None else called
        self._survey()
        end = self.at
        for field, _ in self.surveyed:
            if self.texts[field + 1] in ("type", "rec"):
                self.at = field
                self.type_field()
        for field, _ in self.surveyed:
            word = self.texts[field + 1]
            if word not in ("type", "rec"):
                self.at = field + 2
                _FIELDS[word](self)
                self.expect(")")
        made.types = self.types.groups
        if self.uses_data:
            made.data_count = len(made.datas)
        made.type_places = self.types.places
        shown = self.types.shown_fields.items()
        made.names.fields = {type_: names for type_, names in shown if names}
        self.at = end
        self.annotations.finish(first, end, self.surveyed)

    # the first walk: identifiers

    def _survey(self) -> None:
        while self.texts[self.at] == "(":
            start = self.at
            word = self.texts[start + 1]
            self.at += 2
            if word in self.spaces:
                self._survey_definition(word)
            elif word == "import":
                self._survey_import()
            elif word == "type":
                self._bind(self.types.names, self.made.names.types)
            elif word == "rec":
                while self.opens("type"):
                    inner = self.at
                    self.at += 2
                    self._bind(self.types.names, self.made.names.types)
                    self.at = inner
                    self.skip()
            elif word == "elem":
                self._bind(self.elems, self.made.names.elems)
            elif word == "data":
                self._bind(self.datas, self.made.names.datas)
            elif word not in _FIELDS:
                self.at = start + 1
                raise self.unexpected("a field of a module")
            self.at = start
            self.skip()
            self.surveyed.append((start, self.at - 1))

    def _bind(self, space: Space, names: dict[int, str]) -> None:
        """Bind an optional identifier; a name annotation after it says what to call it."""
        name, shown = self.binding(space.noun)
        index = space.bind(name, self)
        if shown is not None:
            names[index] = shown

    def called(self, noun: str) -> str | None:
        """What an @name annotation here says."""
        return self.annotations.name_at(self.at, noun)

    def _bind_kind(self, kind: str) -> None:
        names = self.made.names
        by_kind = {
            "func": names.funcs,
            "table": names.tables,
            "memory": names.memories,
            "global": names.globals,
            "tag": names.tags,
        }
        self._bind(self.spaces[kind], by_kind[kind])

    def _survey_definition(self, kind: str) -> None:
        start = self.at - 2
        self._bind_kind(kind)
        while self.opens("export"):
            self.skip()
        if self.opens("import"):
            self._check_order(start)
            return
        self.first_kind = self.first_kind or kind
        if kind in ("table", "memory"):
            # an inline segment takes an index too
            space, word = (self.elems, "elem") if kind == "table" else (self.datas, "data")
            self.at = start
            self.skip()
            if word in self.texts[start : self.at]:
                space.bind(None, self)

    def _survey_import(self) -> None:
        self._check_order(self.at - 2)
        self.name()
        if not self.opens("item"):
            self.name()
            self._survey_import_type()
            return
        bare = 0
        while self.opens("item"):
            self.at += 2
            self.name()
            if self.texts[self.at] == "(":
                self._survey_import_type()
            else:
                bare += 1
            self.expect(")")
        if bare:
            self.expect("(")
            kind = self.texts[self.at]
            if kind not in self.spaces:
                raise self.unexpected("func, table, memory, global or tag")
            self.spaces[kind].count += bare

    def _survey_import_type(self) -> None:
        start = self.at
        self.expect("(")
        kind = self.texts[self.at]
        if kind not in self.spaces:
            raise self.unexpected("func, table, memory, global or tag")
        self.at += 1
        self._bind_kind(kind)
        self.at = start
        self.skip()

    def _check_order(self, start: int) -> None:
        """Imports come before all definitions of what can be imported."""
        if self.first_kind:
            noun = self.spaces[self.first_kind].noun
            raise self.error(f"import after {noun} definition", start)

    # the third walk: imports and exports

    def _import(self) -> None:
        place = self.starts[self.at - 2]
        module = self.name()
        if not self.opens("item"):
            name = self.name()
            self._add_import(module, name, self._externtype(), place)
            return
        self.need("compact-imports", "a group of imports")
        group, bare = self.groups, []
        self.groups += 1
        while self.opens("item"):
            place = self.starts[self.at]
            self.at += 2
            name = self.name()
            if self.texts[self.at] == ")":
                bare.append((name, place))
            elif bare:
                raise self.unexpected("')': the type comes after the last item")
            else:
                self._add_import(module, name, self._externtype(), place, group, 0x7F)
            self.expect(")")
        if bare:
            type_ = self._externtype(anonymous=True)
            for name, place in bare:
                self._add_import(module, name, type_, place, group, 0x7E)

    def _externtype(self, anonymous: bool = False) -> ExternType:
        self.expect("(")
        kind = self.texts[self.at]
        self.at += 1
        if anonymous and self.texts[self.at][:1] == "$":
            raise self.error("identifier not allowed on a type that several imports share")
        self.identifier()
        self.shown = {}
        made = self._type_of(kind, [])
        if kind == "func" and not anonymous:
            self._name_locals(self.next_index[kind])
        self.expect(")")
        return made

    def _type_of(self, kind: str, names: list[str | None]) -> ExternType:
        """The type of an import of the given kind."""
        if kind == "func":
            if self.opens("exact"):
                self.need("custom-descriptors", "an exact function import")
                self.at += 2
                exact = FuncUse(self.typeuse(names), True)
                self.expect(")")
                return exact
            return FuncUse(self.typeuse(names))
        if kind == "table":
            return self.tabletype()
        if kind == "memory":
            return self.memorytype()
        if kind == "global":
            return self.globaltype()
        return TagType(self.typeuse(names))

    def _add_import(
        self,
        module: str,
        name: str,
        type_: ExternType,
        place: int,
        group: int | None = None,
        form: int = 0,
    ) -> None:
        self.made.imports.append(Import(module, name, type_, place, group, form))
        self.next_index[_kind_of(type_)] += 1

    def _head(self, kind: str) -> tuple[int, int, bool]:
        """What all definitions begin with: id, exports, maybe an import, which ends it.

        Returns the place of the field, its index, and whether it was an import.
        """
        place = self.starts[self.at - 2]
        self.identifier()
        index = self.next_index[kind]
        while self.opens("export"):
            self.at += 2
            self.made.exports.append(Export(self.name(), kind, index, place))
            self.expect(")")
        if not self.opens("import"):
            self.next_index[kind] = index + 1
            return place, index, False
        self.at += 2
        module, name = self.name(), self.name()
        self.expect(")")
        self.shown = {}
        self._add_import(module, name, self._type_of(kind, []), place)
        if kind == "func":
            self._name_locals(index)
        return place, index, True

    def _export(self) -> None:
        place = self.starts[self.at - 2]
        name = self.name()
        self.expect("(")
        kind = self.texts[self.at]
        if kind not in self.spaces:
            raise self.unexpected("func, table, memory, global or tag")
        self.at += 1
        self.made.exports.append(Export(name, kind, self.spaces[kind].index(self), place))
        self.expect(")")

    def _start(self) -> None:
        if self.made.start is not None:
            raise self.error("multiple start sections", self.at - 1)
        self.made.start_place = self.starts[self.at - 2]
        self.made.start = self.funcs.index(self)

    # the third walk: definitions

    def _func(self) -> None:
        first = self.at - 2
        place, index, imported = self._head("func")
        if imported:
            return
        names: list[str | None] = []
        self.shown = {}
        self.made.funcs.append(self.typeuse(names))
        self.made.func_places.append(place)
        space = self.locals = Space("local")
        for name in names:
            space.bind(name, self)
        runs: list[tuple[int, ValType]] = []
        while self.opens("local"):
            self.at += 2
            name, called = self.binding("local")
            if called is not None:
                self.shown[space.bind(name, self)] = called
                _extend(runs, [self.valtype()])
            else:
                types = self.valtypes()
                space.count += len(types)
                _extend(runs, types)
            self.expect(")")
        body = self.expression()
        self.made.codes.append(Code(runs, body, start=place))
        self._name_locals(index)
        if self.label_names:
            self.made.names.labels[index] = self.label_names
        self.annotations.hints(first, self.at, index, body)

    def _name_locals(self, func: int) -> None:
        if self.shown:
            self.made.names.locals[func] = self.shown

    def _table(self) -> None:
        place, index, imported = self._head("table")
        if imported:
            return
        address, shared = self.table_head()
        if self.is_reftype():
            element = self.reftype()
            segment = self._inline_elem(element, index, address, place)
            size = len(segment.items)
            type_ = TableType(element, Limits(size, size, address), shared)
            self.made.tables.append(Table(type_, None, place))
            self.made.elems.append(segment)
            return
        limits = self.limits(address)
        type_ = TableType(self.reftype(), limits, shared)
        init = None if self.texts[self.at] == ")" else self.expression()
        self.made.tables.append(Table(type_, init, place))

    def _inline_elem(self, type_: RefType, table: int, address: NumType, place: int) -> Elem:
        self.expect("(")
        self.expect("elem")
        items: list[int] | list[Body]
        if self.texts[self.at] == "(":
            items = self._elem_items()
        else:
            items = self._func_items(type_)
            type_ = _FUNCS if type_ is FUNCREF else type_
        self.expect(")")
        return Elem(type_, "active", items, table, _zero(address, place), None, place)

    def _func_items(self, type_: RefType) -> list[int] | list[Body]:
        """Function indices; as expressions where the binary form for indices has another type."""
        indices, bodies = [], []
        while self.is_index():
            place = self.starts[self.at]
            indices.append(self.funcs.index(self))
            body = Body()
            body.add(Op.REF_FUNC, indices[-1], place)
            body.add(Op.END, None, place)
            bodies.append(body)
        return indices if type_ is _FUNCS or type_ is FUNCREF else bodies

    def _elem_items(self) -> list[Body]:
        items = []
        while self.texts[self.at] == "(":
            items.append(self._wrapped("item"))
        return items

    def _wrapped(self, word: str) -> Body:
        """`(item …)` or `(offset …)` around an expression, or one folded instruction for it."""
        if not self.opens(word):
            return self.folded_expression()
        self.at += 2
        body = self.expression()
        self.expect(")")
        return body

    def _elem(self) -> None:
        place = self.starts[self.at - 2]
        self.identifier()
        made = Elem(_FUNCS, "passive", [], place=place)
        if self.take("declare"):
            made.mode = "declarative"
        elif (found := self._home("table", self.tables)) is not None:
            made.table = found
            made.mode, made.offset = "active", self._wrapped("offset")
        elif self.texts[self.at] == "(" and not self.is_reftype():
            made.mode, made.offset = "active", self._wrapped("offset")
        if self.is_reftype():
            made.type = self.reftype()
            made.items = self._elem_items()
        else:
            if not self.take("func") and (made.offset is None or not self._ends_or_index()):
                raise self.unexpected("func or a reference type")
            made.items = self._func_items(_FUNCS)
        self.made.elems.append(made)

    def _home(self, word: str, space: Space) -> int | None:
        """`(table x)` or `(memory x)` of a segment; the first edition wrote the number alone."""
        if self.opens(word):
            self.at += 2
            index = space.index(self)
            self.expect(")")
            return index
        first = self.texts[self.at][:1]
        if first.isdecimal() and "bulk-memory" not in self.features:
            return space.index(self)
        return None

    def _ends_or_index(self) -> bool:
        return self.texts[self.at] == ")" or self.is_index()

    def _memory(self) -> None:
        place, index, imported = self._head("memory")
        if imported:
            return
        start = self.at
        address = I64 if self.take("i64") else I32
        self.take("i32")
        log2, spelled = self.pagesize()
        if self.opens("data"):
            self.at += 2
            data = self._data_string()
            self.expect(")")
            size = len(data) + (1 << log2) - 1 >> log2
            type_ = MemoryType(Limits(size, size, address), False, log2, spelled)
            offset = _zero(address, place)
            self.made.datas.append(Data("active", data, index, offset, None, place))
        else:
            self.at = start
            type_ = self.memorytype()
        self.made.memories.append(type_)
        self.made.memory_places.append(place)

    def _data(self) -> None:
        place = self.starts[self.at - 2]
        self.identifier()
        made = Data("passive", b"", place=place)
        found = self._home("memory", self.memories)
        if found is not None:
            made.memory = found
            made.mode, made.offset = "active", self._wrapped("offset")
        elif self.texts[self.at] == "(" and self.texts[self.at + 1] not in _DATA_NUMBERS:
            made.mode, made.offset = "active", self._wrapped("offset")
        made.data = self._data_string()
        self.made.datas.append(made)

    def _data_string(self) -> bytes:
        """Strings, and numbers as in `(i16 1 2)`, `(f64 0.1)` or `(v128 i32x4 1 2 3 4)`."""
        parts = [self.strings()]
        while self.texts[self.at] == "(":
            self.at += 1
            width = _DATA_NUMBERS.get(self.texts[self.at])
            if width is None:
                raise self.unexpected("a number type")
            kind = self.texts[self.at]
            self.at += 1
            while self.texts[self.at] != ")":
                value = (
                    self.vector() if width == 128
                    else self.float_bits(width) if kind[0] == "f"
                    else self.number(width)
                )  # fmt: skip
                parts.append((value & (1 << width) - 1).to_bytes(width // 8, "little"))
            self.expect(")")
            parts.append(self.strings())
        return b"".join(parts)

    def _global(self) -> None:
        place, _, imported = self._head("global")
        if not imported:
            type_ = self.globaltype()
            self.made.globals.append(Global(type_, self.expression(), place))

    def _tag(self) -> None:
        place, _, imported = self._head("tag")
        if not imported:
            self.made.tags.append(TagType(self.typeuse([])))
            self.made.tag_places.append(place)


_DATA_NUMBERS: Final = {"i8": 8, "i16": 16, "i32": 32, "i64": 64, "f32": 32, "f64": 64, "v128": 128}
_FIELDS: Final = {
    "type": ModuleParser.type_field,
    "rec": ModuleParser.type_field,
    "import": ModuleParser._import,
    "func": ModuleParser._func,
    "table": ModuleParser._table,
    "memory": ModuleParser._memory,
    "global": ModuleParser._global,
    "tag": ModuleParser._tag,
    "export": ModuleParser._export,
    "start": ModuleParser._start,
    "elem": ModuleParser._elem,
    "data": ModuleParser._data,
}


def _kind_of(type_: ExternType) -> str:
    if isinstance(type_, FuncUse):
        return "func"
    if isinstance(type_, TableType):
        return "table"
    if isinstance(type_, MemoryType):
        return "memory"
    return "tag" if isinstance(type_, TagType) else "global"


def _extend(runs: list[tuple[int, ValType]], types: list[ValType]) -> None:
    """Append locals to the runs, joining equal neighbours."""
    for type_ in types:
        if runs and runs[-1][1] is type_:
            runs[-1] = (runs[-1][0] + 1, type_)
        else:
            runs.append((1, type_))


def _zero(address: NumType, place: int) -> Body:
    """The offset of an inline segment."""
    body = Body()
    body.add(_CONSTS[address], 0, place)
    body.add(Op.END, None, place)
    return body
