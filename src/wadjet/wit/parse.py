"""WIT text → `Scope`: the grammar of WIT.md, one method for each production.

Whoever is not acquainted with the grammar begins at `File.file` and reads downwards.
"""

from typing import Final

from wadjet.base.errors import Malformed
from wadjet.base.spans import Place
from wadjet.wit.ast import (
    Docs,
    Extern,
    Func,
    FutureType,
    HandleType,
    Head,
    Id,
    Include,
    Interface,
    InterfaceItem,
    ListType,
    MapType,
    Member,
    Members,
    Method,
    NamedFunc,
    NamedType,
    OptionType,
    Primitive,
    PrimitiveType,
    Resource,
    ResultType,
    Scope,
    StreamType,
    TopUse,
    TupleType,
    Type,
    TypeDef,
    Use,
    UsePath,
    World,
    WorldItem,
)
from wadjet.wit.cursor import Cursor
from wadjet.wit.lexer import END, INTEGER, NAME, Source, Spot

#: how deep types, and packages in packages, may be nested
DEPTH_LIMIT: Final = 100
_LENGTH_LIMIT: Final = 1 << 32


def parse(text: str | bytes, name: str = "<wit>") -> Scope:
    """Read the text of one file, known as `name` in messages. Raises Malformed, or Invalid for
    gates that contradict themselves. Names are not looked up: that is for `resolve`."""
    return File(Source(name, decode(text, name))).file()


def use_path(text: str) -> UsePath:
    """Read the name of an interface or world, full or not. Raises Malformed."""
    cursor = Cursor(Source("<name>", text))
    path = cursor.use_path()
    cursor.expect(END)
    return path


def decode(text: str | bytes, name: str) -> str:
    """The text of a file. Raises Malformed where it is not UTF-8."""
    if isinstance(text, str):
        return text
    try:
        return text.decode()
    except UnicodeDecodeError as error:
        place = Place(offset=error.start, source=name)
        raise Malformed(f"{name} is not in UTF-8", place) from None


class _Types(Cursor):
    """Types, where one may be written."""

    def type(self, depth: int = 0) -> Type:
        """A type; `depth` counts those that it is inside of."""
        spot = self.spot()
        if depth >= DEPTH_LIMIT:
            raise spot.malformed(f"type nesting too deep: {DEPTH_LIMIT} levels are enough")
        kind = self.kind
        if kind == NAME:
            return NamedType(self.id())
        if kind in _PRIMITIVES:
            self.advance()
            return PrimitiveType(_PRIMITIVES[kind], spot)
        if kind not in _CONSTRUCTORS:
            raise self.unexpected("a type")
        self.advance()
        if kind in _ALONE and self.kind != "<":
            return ResultType(None, None, spot) if kind == "result" else self._empty(kind, spot)
        self.expect("<")
        if kind in ("own", "borrow"):
            made: Type = HandleType(self.id(), kind == "own")
        elif kind == "tuple":
            return TupleType(tuple(self.list_of(lambda: self.type(depth + 1), ">")), spot)
        elif kind == "result" and self.eat("_"):
            self.expect(",")
            made = ResultType(None, self.type(depth + 1), spot)
        else:
            made = self._compound(kind, self.type(depth + 1), depth, spot)
        self.expect(">")
        return made

    def _empty(self, kind: str, spot: Spot) -> Type:
        return FutureType(None, spot) if kind == "future" else StreamType(None, spot)

    def _compound(self, kind: str, first: Type, depth: int, spot: Spot) -> Type:
        """A type with arguments, of which the first has been read."""
        match kind:
            case "list":
                return ListType(first, self._length() if self.eat(",") else None, spot)
            case "map":
                self.expect(",")
                return MapType(first, self.type(depth + 1), spot)
            case "result":
                return ResultType(first, self.type(depth + 1) if self.eat(",") else None, spot)
            case "option":
                return OptionType(first, spot)
            case "future":
                return FutureType(first, spot)
            case _:
                return StreamType(first, spot)

    def _length(self) -> int:
        """The length of a list that has always the same: a number, not zero, of 32 bits."""
        if self.kind != INTEGER:
            raise self.unexpected("the length of the list")
        spot, written = self.spot(), self.tokens.spelling(self.index)
        self.advance()
        length = int(written) if len(written) <= 10 and written[0] != "0" else 0
        if not 0 < length < _LENGTH_LIMIT:
            raise spot.malformed("the length of a list is a number from 1 to 4294967295")
        return length


_PRIMITIVES: Final = {primitive.value: primitive for primitive in Primitive}
_CONSTRUCTORS: Final = frozenset("own borrow list map option result tuple future stream".split())
#: types whose arguments may be left out, `<` and all
_ALONE: Final = frozenset(("result", "future", "stream"))


class _Definitions(_Types):
    """Functions and definitions of types."""

    def func(self) -> Func:
        """`async func(name: type, …) -> type`."""
        is_async = self.eat("async")
        self.expect("func")
        return self._signature(is_async)

    def _signature(self, is_async: bool) -> Func:
        self.expect("(")
        params = self.list_of(self._param, ")")
        return Func(params, self.type() if self.eat("->") else None, is_async)

    def _param(self) -> tuple[Id, Type]:
        name = self.id()
        self.expect(":")
        return name, self.type()

    def named_func(self, head: Head) -> NamedFunc:
        """`name: func(…);`"""
        name = self.id()
        self.expect(":")
        func = self.func()
        self.expect(";")
        return NamedFunc(head, name, func)

    def type_def(self, head: Head) -> TypeDef:
        """Any definition of a type; the current token is one of `DEFINING`."""
        keyword = self.kind
        self.advance()
        name = self.id()
        body: Type | Members | Resource
        match keyword:
            case "type":
                self.expect("=")
                body = self.type()
                self.expect(";")
            case "resource":
                body = self._resource()
            case _:
                self.expect("{")
                body = Members(keyword, self.list_of(_MEMBER[keyword].__get__(self), "}"))
        return TypeDef(head, name, body)

    def _field(self) -> Member:
        docs = self.docs()
        name = self.id()
        self.expect(":")
        return Member(name, self.type(), docs)

    def _case(self) -> Member:
        member = self._label()
        if self.eat("("):
            member.type = self.type()
            self.expect(")")
        return member

    def _label(self) -> Member:
        docs: Docs | None = self.docs()
        return Member(self.id(), None, docs)

    def _resource(self) -> Resource:
        """What follows the name of a resource."""
        resource = Resource()
        if self.eat(";"):
            return resource
        self.expect("{")
        while not self.eat("}"):
            resource.methods.append(self._method(self.head()))
        return resource

    def _method(self, head: Head) -> Method:
        if self.kind == "constructor":
            name = Id("constructor", self.spot())
            self.advance()
            func = self._signature(is_async=False)
            keyword = "constructor"
        elif self.kind == NAME:
            name = self.id()
            self.expect(":")
            keyword = "static" if self.eat("static") else "method"
            func = self.func()
        else:
            raise self.unexpected("`constructor` or a name")
        self.expect(";")
        return Method(keyword, NamedFunc(head, name, func))


DEFINING: Final = frozenset("type resource record variant enum flags".split())
_MEMBER: Final = {
    "record": _Definitions._field,
    "variant": _Definitions._case,
    "enum": _Definitions._label,
    "flags": _Definitions._label,
}


class File(_Definitions):
    """Interfaces, worlds and what is around them. Languages that contain WIT build on this."""

    def file(self) -> Scope:
        """A file: maybe a header, then items."""
        scope = Scope()
        if self.kind == "package":
            start, docs = self.index, self.docs()
            self.advance()
            decl = self.package_name()
            if self.eat(";"):
                decl.docs = docs
                scope.package = decl
            else:
                self.index = start
                self.kind = self.tokens.kinds[start]
        self._items(scope, END, 0)
        return scope

    def _items(self, scope: Scope, end: str, depth: int) -> None:
        """What stands in a file or in the braces of a package, up to its end."""
        while self.kind != end:
            head = self.head()
            match self.kind:
                case "interface":
                    self.advance()
                    scope.items.append(Interface(head, self.id(), self.interface_items()))
                case "world":
                    self.advance()
                    scope.items.append(World(head, self.id(), self.world_items()))
                case "use":
                    self._refuse_attributes(head, "a `use` outside of an interface")
                    scope.items.append(self._top_use())
                case "package":
                    self._refuse_attributes(head, "a package")
                    scope.nested.append(self._nested(head.docs, depth))
                case _:
                    raise self.unexpected("`interface`, `world`, `use` or `package`")

    def _refuse_attributes(self, head: Head, what: str) -> None:
        if head.stability is not None or head.external_id is not None:
            raise self.spot().malformed(f"{what} has no attributes")

    def _nested(self, docs: Docs | None, depth: int) -> Scope:
        """`package name { … }`."""
        spot = self.expect("package")
        if depth >= DEPTH_LIMIT:
            raise spot.malformed(f"package nesting too deep: {DEPTH_LIMIT} levels are enough")
        decl = self.package_name()
        decl.docs = docs
        self.expect("{")
        scope = Scope(decl)
        self._items(scope, "}", depth + 1)
        self.advance()
        return scope

    def _top_use(self) -> TopUse:
        self.expect("use")
        path = self.use_path()
        name = self.id() if self.eat("as") else path.name
        self.expect(";")
        return TopUse(path, name)

    # Interfaces

    def interface_items(self) -> list[InterfaceItem]:
        """Everything in the braces of an interface, and these."""
        self.expect("{")
        items: list[InterfaceItem] = []
        while not self.eat("}"):
            head = self.head()
            if self.kind == "use":
                items.append(self.use(head))
            elif self.kind in DEFINING:
                items.append(self.type_def(head))
            elif self.kind == NAME:
                items.append(self.named_func(head))
            else:
                raise self.unexpected("a function, a type or `use`")
        return items

    def use(self, head: Head) -> Use:
        """`use path.{name, name as name};`"""
        self.expect("use")
        path = self.use_path()
        self.expect(".")
        self.expect("{")
        names = self.list_of(self._used_name, "}")
        self.expect(";")
        return Use(head, path, names)

    def _used_name(self) -> tuple[Id, Id]:
        name = self.id()
        return name, self.id() if self.eat("as") else name

    # Worlds

    def world_items(self) -> list[WorldItem]:
        """Everything in the braces of a world, and these."""
        self.expect("{")
        items: list[WorldItem] = []
        while not self.eat("}"):
            head = self.head()
            if self.kind in ("import", "export"):
                items.append(self.extern(head))
            elif self.kind == "use":
                items.append(self.use(head))
            elif self.kind == "include":
                items.append(self.include(head))
            elif self.kind in DEFINING:
                items.append(self.type_def(head))
            else:
                raise self.unexpected("`import`, `export`, `include`, `use` or a type")
        return items

    def extern(self, head: Head) -> Extern:
        """`import` or `export`."""
        keyword = self.kind
        self.advance()
        name: Id | None = None
        if self.kind == NAME and self.ahead(1) == ":" and not self._at_full_name():
            name = self.id()
            self.expect(":")
        what: Func | list[InterfaceItem] | UsePath
        if name is not None and self.eat("interface"):
            return Extern(head, keyword, name, self.interface_items())
        if name is not None and self.kind in ("func", "async"):
            what = self.func()
        else:
            what = self.use_path()
        self.expect(";")
        return Extern(head, keyword, name, what)

    def _at_full_name(self) -> bool:
        """Whether `a:b` here is the full name of an interface, not a name and what has it.

        It is one if nothing stands between the parts; `a: b/c` can be nothing else.
        """
        ends, starts, at = self.tokens.ends, self.tokens.starts, self.index
        together = ends[at] == starts[at + 1] and ends[at + 1] == starts[at + 2]
        return self.ahead(2) == NAME and (together or self.ahead(3) == "/")

    def include(self, head: Head) -> Include:
        """`include path;` or `include path with { name as name, … }`."""
        self.expect("include")
        path = self.use_path()
        if not self.eat("with"):
            self.expect(";")
            return Include(head, path, [])
        self.expect("{")
        renames = self.list_of(self._rename, "}")
        self.eat(";")
        return Include(head, path, renames)

    def _rename(self) -> tuple[Id, Id]:
        name = self.id()
        self.expect("as")
        return name, self.id()
