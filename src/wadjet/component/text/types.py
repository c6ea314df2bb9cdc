"""Types in the text of components (Explainer.md, "Type Definitions"): value types, functions,
types that are scopes of their own, core types, and the types of imports and exports.

A type that is written where an index is wanted becomes a definition of its own, just before.
"""

from collections.abc import Callable, Mapping
from typing import Final, TypeAlias

from wadjet.component.text.scope import OPAQUE, ScopeParser
from wadjet.component.types import (
    EXTERN_SORTS, PRIMS, AliasCoreExport, AliasExport, AliasOuter, AnyType, Borrow, ComponentType,
    CoreTypeDef, Decl, Enum, EqType, EqValue, ExportDecl, ExternType, Flags, FuncType, Future,
    Import, InstanceType, List, Map, ModuleAlias, ModuleDecl, ModuleExport, ModuleImport,
    ModuleType, Option, Own, Record, ResourceDef, Result, Shape, Stream, SubResource, Tuple,
    TypeDef, TypeUse, ValType, ValueUse, Variant,
)  # fmt: skip
from wadjet.core.module import Import as CoreImport
from wadjet.core.types import ExternType as CoreExternType
from wadjet.core.types import FuncUse, NumType, RecType, SubType, TagType

_PRIMS: Final = {t.name: t for t in PRIMS}

#: keyword → the method that reads what follows, with the place where it began
_Readers: TypeAlias = "Mapping[str, Callable[[ComponentTypeParser, int], None]]"


class ComponentTypeParser(ScopeParser):
    """Reads types."""

    __slots__ = ()

    # Value types.

    def value_type(self) -> ValType:
        """A primitive, an index, or a type in place."""
        found = _PRIMS.get(self.texts[self.at])
        if found is not None:
            self.at += 1
            return found
        if self.is_index():
            return self.index("type")
        if self.uses_type():
            return self.reference("type")
        place = self.starts[self.at]
        self.expect("(")
        shape = self.shape()
        self.expect(")")
        return self.emit(TypeDef(shape, place))

    def maybe_value_type(self) -> ValType | None:
        """A value type, unless the parenthesis around it closes here."""
        return None if self.texts[self.at] == ")" else self.value_type()

    def uses_type(self) -> bool:
        """Whether `(type idx …)` stands here, a reference rather than a definition."""
        if not self.opens("type"):
            return False
        first = self.texts[self.at + 2][:1]
        after = self.texts[self.at + 3][:1]
        return (first == "$" or first.isdecimal()) and after in (")", '"')

    def shape(self) -> Shape:
        """The constructor of a value type and its parts, without the parentheses."""
        self.check_nesting()
        word = self.texts[self.at]
        read = _SHAPES.get(word)
        if read is None:
            raise self.unexpected("a value type")
        self.at += 1
        self.depth += 1
        made = read(self)
        self.depth -= 1
        return made

    def _record(self) -> Shape:
        fields = []
        while self.opens("field"):
            self.at += 2
            fields.append((self.name(), self.value_type()))
            self.expect(")")
        return Record(tuple(fields))

    def _variant(self) -> Shape:
        cases = []
        while self.opens("case"):
            self.at += 2
            self.identifier()
            cases.append((self.name(), self.maybe_value_type()))
            self.expect(")")
        return Variant(tuple(cases))

    def _tuple(self) -> Shape:
        items = []
        while self.texts[self.at] != ")":
            items.append(self.value_type())
        return Tuple(tuple(items))

    def _labels(self) -> tuple[str, ...]:
        labels = []
        while self.texts[self.at][:1] == '"':
            labels.append(self.name())
        return tuple(labels)

    def _flags(self) -> Shape:
        return Flags(self._labels())

    def _enum(self) -> Shape:
        return Enum(self._labels())

    def _list(self) -> Shape:
        element = self.value_type()
        if self.texts[self.at] == ")":
            return List(element)
        return List(element, self.natural(32, "a length"))

    def _map(self) -> Shape:
        return Map(self.value_type(), self.value_type())

    def _option(self) -> Shape:
        return Option(self.value_type())

    def _result(self) -> Shape:
        ok = None if self.opens("error") else self.maybe_value_type()
        error = None
        if self.opens("error"):
            self.at += 2
            error = self.value_type()
            self.expect(")")
        return Result(ok, error)

    def _own(self) -> Shape:
        return Own(self.reference("type"))

    def _borrow_type(self) -> Shape:
        return Borrow(self.reference("type"))

    def _stream(self) -> Shape:
        return Stream(self.maybe_value_type())

    def _future(self) -> Shape:
        return Future(self.maybe_value_type())

    # Type definitions.

    def deftype(self, title: str | None) -> AnyType:
        """What a type definition holds; `title` is what the type is called."""
        found = _PRIMS.get(self.texts[self.at])
        if found is not None:
            self.at += 1
            return found
        self.expect("(")
        made: AnyType
        if self.take("func"):
            made = self.functype()
        elif self.take("component"):
            made = self.component_type(title)
        elif self.take("instance"):
            made = self.instance_type(title)
        elif self.take("resource"):
            made = self._resource()
        else:
            made = self.shape()
        self.expect(")")
        return made

    def functype(self) -> FuncType:
        """`async? (param "l" t)* (result t)?`."""
        is_async = self.take("async")
        params = []
        while self.opens("param"):
            self.at += 2
            params.append((self.name(), self.value_type()))
            self.expect(")")
        result = None
        if self.opens("result"):
            self.at += 2
            result = self.value_type()
            self.expect(")")
        return FuncType(tuple(params), result, is_async)

    def _resource(self) -> ResourceDef:
        self.expect("(")
        self.expect("rep")
        rep = self.valtype()
        if not isinstance(rep, NumType):
            raise self.error("a resource is represented by a number", self.at - 1)
        self.expect(")")
        dtor = None
        if self.opens("dtor"):
            self.at += 2
            dtor = self.reference("core func")
            self.expect(")")
        return ResourceDef(rep, dtor)

    def component_type(self, title: str | None = None) -> ComponentType:
        """The declarators of a component type, up to the closing parenthesis, which is left."""
        decls = self._decls(title)
        return ComponentType(tuple([d for d in decls if isinstance(d, Decl | Import)]))

    def instance_type(self, title: str | None = None) -> InstanceType:
        """The declarators of an instance type, up to the closing parenthesis, which is left."""
        decls = self._decls(title)
        if any(isinstance(d, Import) for d in decls):
            raise self.error("unexpected token: an instance type has no imports")
        return InstanceType(tuple([d for d in decls if isinstance(d, Decl)]))

    def _decls(self, title: str | None) -> list[object]:
        frame = self.open(title)
        self._declarators(_DECLS, "core, type, alias, import or export")
        self.close()
        return list(frame.out)

    def _declarators(self, known: "_Readers", wanted: str) -> None:
        """Declarators up to the closing parenthesis, each read by what is known for its first
        word."""
        while self.texts[self.at] == "(":
            place = self.starts[self.at]
            self.at += 1
            read = known.get(self.texts[self.at])
            if read is None:
                raise self.unexpected(wanted)
            self.at += 1
            read(self, place)
            self.expect(")")

    def _export_decl(self, place: int) -> None:
        name = self.extern_name()
        type_, bound, called = self.extern_desc()
        self.emit(ExportDecl(name, type_, place), bound, called)

    def define_type(self, place: int) -> None:
        """A type definition after its keyword."""
        name, called = self.binding("type")
        made = self.deftype(name)
        self.emit(TypeDef(made, place), name, called)

    def define_import(self, place: int) -> None:
        """An import after its keyword."""
        name = self.extern_name()
        type_, bound, called = self.extern_desc()
        self.emit(Import(name, type_, place), bound, called)

    # Aliases.

    def define_alias(self, place: int) -> None:
        """An alias after its keyword."""
        if self.take("outer"):
            count, index_at = self._scope(), self.at
            self.at += 1
            self.expect("(")
            sort = self.sort()
            name, called = self.binding(sort)
            self.expect(")")
            end, self.at = self.at, index_at
            made = AliasOuter(sort, count, self._outer_index(sort, count), place)
            self.at = end
            self.emit(made, name, called)
            return
        core = self.take("core")
        self.expect("export")
        instance = self.index("core instance" if core else "instance")
        export = self.name()
        self.expect("(")
        sort = self.sort()
        name, called = self.binding(sort)
        self.expect(")")
        kind = AliasCoreExport if core else AliasExport
        self.emit(kind(sort, instance, export, place), name, called)

    def inverted_alias(self, sort: str, name: str | None, called: str | None) -> int:
        """`(alias …)` in the definition that it makes, which is of a sort."""
        place = self.starts[self.at]
        self.at += 2
        if self.take("outer"):
            count = self._scope()
            made = AliasOuter(sort, count, self._outer_index(sort, count), place)
            self.expect(")")
            return self.emit(made, name, called)
        core = self.take("core")
        self.expect("export")
        instance = self.index("core instance" if core else "instance")
        kind = AliasCoreExport if core else AliasExport
        export = self.name()
        self.expect(")")
        return self.emit(kind(sort, instance, export, place), name, called)

    def _scope(self) -> int:
        """How many scopes out an outer alias goes: a number or what a scope is called."""
        text = self.texts[self.at]
        if text[:1] != "$":
            return self.natural(32, "a number of scopes")
        wanted = self.identifier_of(text)
        for depth, frame in enumerate(reversed(self.frames)):
            if frame.title == wanted:
                self.at += 1
                return depth
        raise self.error(f"outer component `{wanted}` not found")

    def _outer_index(self, sort: str, count: int) -> int:
        text = self.texts[self.at]
        if text[:1] != "$":
            return self.natural(32, f"a {sort} index")
        if count >= len(self.frames):
            raise self.error(f"outer count of `{count}` is too large")
        return self.frames[-1 - count].spaces[sort].index(self)

    # Types of imports and exports.

    def extern_desc(self) -> tuple[ExternType, str | None, str | None]:
        """`(sort id? type)`: the type, the identifier, and what to call it."""
        self.expect("(")
        sort = self.sort()
        if sort not in EXTERN_SORTS:
            self.at -= 1
            raise self.unexpected("core module, func, value, type, component or instance")
        name, called = self.binding(sort)
        made = self.extern_type(sort)
        self.expect(")")
        return made, name, called

    def extern_type(self, sort: str) -> ExternType:
        """The type of an import or export of a sort."""
        if sort == "type":
            return self._type_bound()
        if sort == "value":
            if self.opens("eq"):
                self.at += 2
                made = EqValue(self.reference("value"))
                self.expect(")")
                return made
            return ValueUse(self.value_type())
        return TypeUse(sort, self.type_use(sort))

    def _type_bound(self) -> ExternType:
        self.expect("(")
        made: ExternType
        if self.take("eq"):
            made = EqType(self.reference("type"))
        else:
            self.expect("sub")
            self.expect("resource")
            made = SubResource()
        self.expect(")")
        return made

    def type_use(self, sort: str) -> int:
        """`(type idx)`, or the type of something of this sort in place: its index."""
        place = self.starts[self.at]
        if self.uses_type():
            return self.reference("core type" if sort == "core module" else "type")
        if sort == "core module":
            return self.emit(CoreTypeDef(self.module_type(), place))
        made: AnyType
        if sort == "func":
            made = self.functype()
        elif sort == "component":
            made = self.component_type()
        else:
            made = self.instance_type()
        return self.emit(TypeDef(made, place))

    # Core types.

    def define_core_type(self, place: int) -> None:
        """`type …` or `rec …` after the word core: a core type definition."""
        if self.take("type"):
            if self.texts[self.at] == "(" or self.texts[self.at + 1] == "(":
                self._core_type(place)
                return
            raise self.unexpected("a core type")
        if self.texts[self.at] != "rec":
            raise self.unexpected("type or rec")
        self.at += 1
        self._core_rec(place)

    def _core_type(self, place: int) -> None:
        """A type that stands alone: its own name is known within it."""
        frame = self.frame
        name, called = self.binding("type")
        if self.opens("module"):
            self.at += 2
            self.emit(CoreTypeDef(self.module_type(name), place), name, called)
            self.expect(")")
            return
        index = frame.core.names.bind(name, self)
        if called is not None:
            frame.names.of("core type")[index] = called
        self._add_group(RecType((self.subtype(index),)), place)

    def _core_rec(self, place: int) -> None:
        frame = self.frame
        start = self.at
        first = frame.core.names.count
        while self.opens("type"):
            self.at += 2
            name, called = self.binding("type")
            index = frame.core.names.bind(name, self)
            if called is not None:
                frame.names.of("core type")[index] = called
            while self.texts[self.at] != ")":
                self.skip()
            self.at += 1
        end, self.at = self.at, start
        subs: list[SubType] = []
        while self.at < end:
            self.at += 2
            self.identifier()
            subs.append(self.subtype(first + len(subs)))
            self.expect(")")
        self._add_group(RecType(tuple(subs), spelled=True), place)

    def _add_group(self, group: RecType, place: int) -> None:
        self.frame.core.add(group, [place] * len(group.subs))
        self._flush_groups(place)

    def _flush_groups(self, place: int) -> None:
        """Write down the core types that are new: also those that function types in place made."""
        frame = self.frame
        for group in frame.core.groups[frame.groups :]:
            frame.out.append(CoreTypeDef(group, place))
        frame.groups = len(frame.core.groups)
        frame.core.names.count = len(frame.core.flat)

    def module_type(self, title: str | None = None) -> ModuleType:
        """The declarators of a module type, up to the closing parenthesis, which is left."""
        frame = self.open(title)
        self._declarators(_MODULE_DECLS, "type, rec, alias, import or export")
        self.close()
        return ModuleType(tuple([d for d in frame.out if isinstance(d, ModuleDecl)]))

    def _module_import(self, place: int) -> None:
        module, name = self.name(), self.name()
        what = CoreImport(module, name, self._core_extern(place), place)
        self.frame.out.append(ModuleImport(what, place))

    def _module_export(self, place: int) -> None:
        name = self.name()
        self.frame.out.append(ModuleExport(name, self._core_extern(place), place))

    def _module_alias(self, place: int) -> None:
        self.expect("outer")
        count = self._scope()
        index = self._outer_index("core type", count)
        self.expect("(")
        self.expect("type")
        name = self.identifier()
        self.expect(")")
        frame = self.frame
        frame.core.names.bind(name, self)
        frame.core.flat.append(OPAQUE)
        frame.out.append(ModuleAlias(count, index, place))

    def _core_extern(self, place: int) -> CoreExternType:
        """`(kind id? type)` of a core import or export."""
        self.expect("(")
        kind = self.texts[self.at]
        if kind not in ("func", "table", "memory", "global", "tag"):
            raise self.unexpected("func, table, memory, global or tag")
        self.at += 1
        self.identifier()
        made: CoreExternType
        if kind == "table":
            made = self.tabletype()
        elif kind == "memory":
            made = self.memorytype()
        elif kind == "global":
            made = self.globaltype()
        else:
            use = self.typeuse([])
            made = FuncUse(use) if kind == "func" else TagType(use)
            self._flush_groups(place)
        self.expect(")")
        return made


#: first word of a declarator → what reads the rest
_DECLS: Final[_Readers] = {
    "type": ComponentTypeParser.define_type,
    "alias": ComponentTypeParser.define_alias,
    "import": ComponentTypeParser.define_import,
    "export": ComponentTypeParser._export_decl,
    "core": ComponentTypeParser.define_core_type,
}
_MODULE_DECLS: Final[_Readers] = {
    "type": ComponentTypeParser._core_type,
    "rec": ComponentTypeParser._core_rec,
    "alias": ComponentTypeParser._module_alias,
    "import": ComponentTypeParser._module_import,
    "export": ComponentTypeParser._module_export,
}
_SHAPES: Final = {
    "record": ComponentTypeParser._record,
    "variant": ComponentTypeParser._variant,
    "tuple": ComponentTypeParser._tuple,
    "flags": ComponentTypeParser._flags,
    "enum": ComponentTypeParser._enum,
    "list": ComponentTypeParser._list,
    "map": ComponentTypeParser._map,
    "option": ComponentTypeParser._option,
    "result": ComponentTypeParser._result,
    "own": ComponentTypeParser._own,
    "borrow": ComponentTypeParser._borrow_type,
    "stream": ComponentTypeParser._stream,
    "future": ComponentTypeParser._future,
}
