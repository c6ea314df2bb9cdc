"""WAC text → `Document`: the grammar of WebAssembly compositions, which contains WIT's.

A name may stand for the type of a function here; as WIT has no such names, they are looked up while
reading: WAC is read from top to bottom, and names stand before their use.
"""

from typing import Final, final

from wadjet.component.compose.ast import (
    Access, Arg, Document, Export, Expr, FuncAlias, Import, Let, Local, New, Statement, Text,
)  # fmt: skip
from wadjet.wit.ast import (
    Extern, Func, Head, Id, Interface, InterfaceItem, Members, NamedFunc, TypeDef, UsePath, World,
    WorldItem,
)  # fmt: skip
from wadjet.wit.lexer import END, KEYWORDS, NAME, STRING, Source, Spot
from wadjet.wit.parse import DEFINING, DEPTH_LIMIT, File, decode


def parse(text: str | bytes, name: str = "<wac>") -> Document:
    """Read a document, known as `name` in messages. Raises Malformed, and Invalid for names of
    function types that are not there."""
    return _Wac(Source(name, decode(text, name))).document()


@final
class _Wac(File):
    """Statements, and what WIT does not have in its items."""

    def __init__(self, source: Source) -> None:
        super().__init__(source)
        #: names of function types: those of the document, then those of the interface
        self._aliases: Final[list[dict[str, Func]]] = [{}]
        #: whether words are read that cannot be keywords
        self._in_path = False

    def id(self) -> Id:
        """An identifier."""
        if not (self._in_path and self.kind in KEYWORDS):
            return super().id()
        made = Id(self.kind, self.spot())
        self.advance()
        return made

    def _word(self) -> str:
        """The word that a statement begins with."""
        return self.tokens.spelling(self.index) if self.kind == NAME else self.kind

    def document(self) -> Document:
        """The whole text."""
        self.head()
        self.expect("package")
        package = self.package_name()
        targets = None
        if self._word() == "targets":
            self.advance()
            self._in_path = True
            targets = self.use_path()
            self._in_path = False
        self.expect(";")
        statements: list[Statement] = []
        while self.kind != END:
            statements.append(self._statement(self.head()))
        return Document(package, targets, statements)

    def _statement(self, head: Head) -> Statement:
        match self._word():
            case "import":
                return self._import(head)
            case "let":
                self.advance()
                id = self.id()
                self.expect("=")
                value = self._expr(0)
                self.expect(";")
                return Let(id, value)
            case "export":
                return self._export()
            case "interface":
                self.advance()
                return Interface(head, self.id(), self.interface_items())
            case "world":
                self.advance()
                return World(head, self.id(), self.world_items())
        if self.kind in DEFINING and self.kind != "resource":
            return self._alias() or self.type_def(head)
        expected = "`import`, `let`, `export`, `interface`, `world` or a type"
        raise self.unexpected(expected)

    def _alias(self) -> FuncAlias | None:
        """`type id = func(…);` or another name of such a type, if it is one."""
        if self.kind != "type" or self.ahead(1) != NAME or self.ahead(2) != "=":
            return None
        known = self.ahead(3) == NAME and self.ahead(4) == ";"
        if self.ahead(3) not in ("func", "async"):
            after = self.tokens.spelling(self.index + 3) if known else ""
            if not any(after in names for names in self._aliases):
                return None
        self.advance()
        id = self.id()
        self.expect("=")
        func = self._func_ref()
        self.expect(";")
        self._aliases[-1][id.name] = func
        return FuncAlias(id, func)

    def _func_ref(self) -> Func:
        """The type of a function, or a name of one."""
        if self.kind != NAME:
            return self.func()
        id = self.id()
        for names in reversed(self._aliases):
            if id.name in names:
                return names[id.name]
        raise id.spot.invalid(f"`{id.name}` is not the name of a function type")

    # Interfaces and worlds

    def interface_items(self) -> list[InterfaceItem]:
        """As in WIT, and function types may have names."""
        self.expect("{")
        self._aliases.append({})
        items: list[InterfaceItem] = []
        while not self.eat("}"):
            head = self.head()
            if self.kind == "use":
                items.append(self.use(head))
            elif self.kind in DEFINING:
                if self._alias() is None:
                    items.append(self.type_def(head))
            elif self.kind == NAME:
                name = self.id()
                self.expect(":")
                func = self._func_ref()
                self.expect(";")
                items.append(NamedFunc(head, name, func))
            else:
                raise self.unexpected("a function, a type or `use`")
        self._aliases.pop()
        return items

    def type_def(self, head: Head) -> TypeDef:
        """As in WIT, but nothing is made of nothing."""
        made = super().type_def(head)
        if isinstance(made.body, Members) and not made.body.members:
            raise made.name.spot.malformed(f"{made.body.keyword} must contain at least one member")
        return made

    def world_items(self) -> list[WorldItem]:
        """As in WIT, and imports and exports may be of a function type that has a name."""
        self.expect("{")
        items: list[WorldItem] = []
        while not self.eat("}"):
            head = self.head()
            if self.kind in ("import", "export"):
                extern = self._aliased(head) or self.extern(head)
                if isinstance(extern.what, list):
                    self.expect(";")
                items.append(extern)
            elif self.kind == "use":
                items.append(self.use(head))
            elif self.kind == "include":
                items.append(self.include(head))
            elif self.kind in DEFINING:
                items.append(self.type_def(head))
            else:
                raise self.unexpected("`import`, `export`, `include`, `use` or a type")
        return items

    def _aliased(self, head: Head) -> Extern | None:
        """`import name: alias;`, if it is one."""
        if [self.ahead(i) for i in range(1, 5)] != [NAME, ":", NAME, ";"]:
            return None
        if self.tokens.spelling(self.index + 3) not in self._aliases[0]:
            return None
        keyword = self.kind
        self.advance()
        name = self.id()
        self.expect(":")
        func = self._func_ref()
        self.expect(";")
        return Extern(head, keyword, name, func)

    # Statements

    def _name(self) -> Id | Text:
        """A name, in quotes or not."""
        if self.kind != STRING:
            return self.id()
        text, spot = self.tokens.spelling(self.index), self.spot()
        self.advance()
        return Text(text[1:-1], spot)

    def _import(self, head: Head) -> Import:
        self.expect("import")
        id = self.id()
        name = self._name() if self.eat("as") else None
        self.expect(":")
        what: Func | list[InterfaceItem] | UsePath
        if self.eat("interface"):
            what = self.interface_items()
        elif self.kind in ("func", "async"):
            what = self.func()
        else:
            path = self.use_path()
            alias = self._aliases[0].get(path.name.name) if path.package is None else None
            what = path if alias is None else alias
        self.expect(";")
        return Import(head, id, name, what)

    def _export(self) -> Export:
        spot = self.expect("export")
        value = self._expr(0)
        if self._dots():
            self.expect(";")
            return Export(value, None, True, spot)
        name = self._name() if self.eat("as") else None
        self.expect(";")
        return Export(value, name, False, spot)

    def _dots(self) -> Spot | None:
        """`...`, if it is here."""
        if [self.kind, self.ahead(1), self.ahead(2)] != [".", ".", "."]:
            return None
        spot = self.spot()
        for _ in range(3):
            self.advance()
        return spot

    # Expressions

    def _expr(self, depth: int) -> Expr:
        if depth >= DEPTH_LIMIT:
            raise self.spot().malformed(f"nesting too deep: {DEPTH_LIMIT} levels are enough")
        made: Expr
        if self.eat("("):
            made = self._expr(depth + 1)
            self.expect(")")
        elif self._word() == "new":
            made = self._new(depth)
        else:
            made = Local(self.id())
        for _ in range(DEPTH_LIMIT):
            if self.kind == "." and self.ahead(1) != ".":
                self.advance()
                made = Access(made, self.id())
            elif self.eat("["):
                if self.kind != STRING:
                    raise self.unexpected("a string")
                made = Access(made, self._name())
                self.expect("]")
            else:
                return made
        raise self.spot().malformed(f"nesting too deep: {DEPTH_LIMIT} levels are enough")

    def _new(self, depth: int) -> New:
        self.advance()
        spot = self.spot()
        package = self.package_name().name
        self.expect("{")
        made = New(package, [], None, spot)
        while not self.eat("}"):
            dots = self._dots()
            if dots is not None and self.kind in ("}", ","):
                made.rest = dots
                self.eat(",")
                self.expect("}")
                break
            made.args.append(self._arg(dots, depth))
            if not self.eat(","):
                self.expect("}")
                break
        return made

    def _arg(self, dots: Spot | None, depth: int) -> Arg:
        spot = self.spot()
        if dots is not None:
            return Arg(None, Local(self.id()), True, spot)
        name = self._name()
        if self.eat(":"):
            return Arg(name, self._expr(depth + 1), False, spot)
        if isinstance(name, Text):
            raise self.unexpected("`:`")
        return Arg(None, Local(name), False, spot)
