"""What is written in a WAC document, as it is written. Types, interfaces and worlds are WIT's."""

from typing import TypeAlias

from wadjet.base.records import dataclass, field
from wadjet.wit.ast import (
    Func, Head, Id, Interface, InterfaceItem, PackageDecl, PackageName, TypeDef, UsePath, World,
)  # fmt: skip
from wadjet.wit.lexer import Spot


@dataclass(frozen=True, slots=True)
class Text:
    """A name in quotes: any that an import or export may have."""

    name: str
    spot: Spot = field(compare=False)


@dataclass(slots=True)
class New:
    """`new package { argument, … }`. `rest` is where `...` stands, if it does: what has not been
    given is imported."""

    package: PackageName
    args: "list[Arg]"
    rest: Spot | None
    spot: Spot


@dataclass(slots=True)
class Local:
    """A name that stands for a value."""

    id: Id


@dataclass(slots=True)
class Access:
    """`of.name`, or `of["name"]`: an export of an instance."""

    of: "Expr"
    name: Id | Text


Expr: TypeAlias = New | Local | Access


@dataclass(slots=True)
class Arg:
    """An argument: named, inferred from a local name (`name` is None), or, if it is `spread`, all
    exports of an instance that something is still missing of."""

    name: Id | Text | None
    value: Expr
    spread: bool
    spot: Spot


@dataclass(slots=True)
class Import:
    """`import id as name: what;`, where `what` may also be the name of a type."""

    head: Head
    id: Id
    name: Id | Text | None
    what: Func | list[InterfaceItem] | UsePath


@dataclass(slots=True)
class Let:
    """`let id = value;`"""

    id: Id
    value: Expr


@dataclass(slots=True)
class Export:
    """`export value as name;`, or `export value...;` for all that an instance exports."""

    value: Expr
    name: Id | Text | None
    spread: bool
    spot: Spot


@dataclass(slots=True)
class FuncAlias:
    """`type name = func(…);`: a type that only WAC can name."""

    name: Id
    func: Func


Statement: TypeAlias = Import | Let | Export | Interface | World | TypeDef | FuncAlias


@dataclass(slots=True)
class Document:
    """A composition: its package, the world that it is for, and what it says, in order."""

    package: PackageDecl
    targets: UsePath | None
    statements: list[Statement]
