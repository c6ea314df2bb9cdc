"""What is written in a WIT file, as it is written: names are not looked up here (WIT.md, grammar).

`parse` makes a `Scope`, `resolve` reads it. Every name knows its `Spot`, so that whoever finds a
fault can point at it. Neither that nor comments make a difference to what is equal. The values
without a spot (package names, gates, primitive types) are used by the resolved model as well.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TypeAlias

from wadjet.wit.lexer import Spot
from wadjet.wit.semver import Version


class Primitive(StrEnum):
    """The types that need no definition; the value is the keyword."""

    BOOL = "bool"
    U8 = "u8"
    U16 = "u16"
    U32 = "u32"
    U64 = "u64"
    S8 = "s8"
    S16 = "s16"
    S32 = "s32"
    S64 = "s64"
    F32 = "f32"
    F64 = "f64"
    CHAR = "char"
    STRING = "string"
    ERROR_CONTEXT = "error-context"


@dataclass(frozen=True, slots=True)
class PackageName:
    """`namespace:name@version`. Nested namespaces and packages (🪺) keep their `:` and `/`."""

    namespace: str
    name: str
    version: Version | None = None

    def __str__(self) -> str:
        return self._with("")

    def member(self, name: str) -> str:
        """The full name of an interface or world: `wasi:io/poll@0.2.0`."""
        return self._with(f"/{name}")

    def _with(self, tail: str) -> str:
        version = "" if self.version is None else f"@{self.version}"
        return f"{self.namespace}:{self.name}{tail}{version}"


@dataclass(frozen=True, slots=True)
class Since:
    """`@since(version = …)`: part of the package from that version on."""

    version: Version
    deprecated: Version | None = None


@dataclass(frozen=True, slots=True)
class Unstable:
    """`@unstable(feature = …)`: there only for who asks for the feature."""

    feature: str
    deprecated: Version | None = None


#: how settled an item is; None where nothing is said
Stability: TypeAlias = Since | Unstable | None


@dataclass(frozen=True, slots=True)
class Id:
    """A name (without `%`) and where it stands."""

    name: str
    spot: Spot = field(compare=False)


@dataclass(frozen=True, slots=True)
class Docs:
    """The comments before an item, as one text, and where they begin."""

    text: str
    spot: Spot = field(compare=False)


@dataclass(frozen=True, slots=True)
class Head:
    """What may precede an item: comments, a gate, a name for the world outside (🏷️)."""

    docs: Docs | None = field(default=None, compare=False)
    stability: Stability = None
    external_id: str | None = None


@dataclass(frozen=True, slots=True)
class UsePath:
    """`name` in this package, or `namespace:package/name@version`; `spot` is the package's."""

    name: Id
    package: PackageName | None = None
    spot: Spot | None = field(default=None, compare=False)


# Types


@dataclass(frozen=True, slots=True)
class PrimitiveType:
    """A keyword that is a type."""

    primitive: Primitive
    spot: Spot = field(compare=False)


@dataclass(frozen=True, slots=True)
class NamedType:
    """The name of a type that is defined or used elsewhere."""

    id: Id

    @property
    def spot(self) -> Spot:
        """Where the name stands."""
        return self.id.spot


@dataclass(frozen=True, slots=True)
class HandleType:
    """`own<id>` or `borrow<id>`."""

    id: Id
    owned: bool

    @property
    def spot(self) -> Spot:
        """Where the name of the resource stands."""
        return self.id.spot


@dataclass(frozen=True, slots=True)
class ListType:
    """`list<element>` or, with a fixed length (🔧), `list<element, length>`."""

    element: "Type"
    length: int | None
    spot: Spot = field(compare=False)


@dataclass(frozen=True, slots=True)
class MapType:
    """`map<key, value>` (🗺️)."""

    key: "Type"
    value: "Type"
    spot: Spot = field(compare=False)


@dataclass(frozen=True, slots=True)
class OptionType:
    """`option<payload>`."""

    payload: "Type"
    spot: Spot = field(compare=False)


@dataclass(frozen=True, slots=True)
class ResultType:
    """`result<ok, err>`; either may be missing."""

    ok: "Type | None"
    err: "Type | None"
    spot: Spot = field(compare=False)


@dataclass(frozen=True, slots=True)
class TupleType:
    """`tuple<…>`."""

    types: "Sequence[Type]"
    spot: Spot = field(compare=False)


@dataclass(frozen=True, slots=True)
class FutureType:
    """`future<payload>`, or `future` of nothing."""

    payload: "Type | None"
    spot: Spot = field(compare=False)


@dataclass(frozen=True, slots=True)
class StreamType:
    """`stream<payload>`, or `stream` of nothing."""

    payload: "Type | None"
    spot: Spot = field(compare=False)


#: a type where one may be written
Type: TypeAlias = (
    PrimitiveType
    | NamedType
    | HandleType
    | ListType
    | MapType
    | OptionType
    | ResultType
    | TupleType
    | FutureType
    | StreamType
)


# Definitions of types


@dataclass(slots=True)
class Member:
    """A field of a record, a case, or a flag: `type` is None where there is none."""

    name: Id
    type: Type | None
    docs: Docs | None = field(compare=False)


@dataclass(slots=True)
class Members:
    """`record`, `variant`, `enum` or `flags` (`keyword`) with what stands in the braces."""

    keyword: str
    members: list[Member]


@dataclass(slots=True)
class Func:
    """`async func(params) -> result`."""

    params: list[tuple[Id, Type]]
    result: Type | None
    is_async: bool


@dataclass(slots=True)
class NamedFunc:
    """A function of an interface."""

    head: Head
    name: Id
    func: Func


@dataclass(slots=True)
class Method:
    """A function inside a resource; `keyword` is `method`, `static` or `constructor`."""

    keyword: str
    function: NamedFunc


@dataclass(slots=True)
class Resource:
    """`resource name { … }`: its functions."""

    methods: list[Method] = field(default_factory=list)


@dataclass(slots=True)
class TypeDef:
    """A named type: an alias (`body` is a type), members, or a resource."""

    head: Head
    name: Id
    body: Type | Members | Resource


# Interfaces, worlds, files


@dataclass(slots=True)
class Use:
    """`use path.{name as rename, …}`; the second is the name that it has from here on."""

    head: Head
    path: UsePath
    names: list[tuple[Id, Id]]


@dataclass(slots=True)
class Include:
    """`include path with { name as rename, … }`."""

    head: Head
    path: UsePath
    renames: list[tuple[Id, Id]]


#: what may stand in an interface
InterfaceItem: TypeAlias = Use | TypeDef | NamedFunc


@dataclass(slots=True)
class Extern:
    """`import …` or `export …` (`keyword`) of a world.

    With a name: a function, an inline interface (its items), or an interface under another name
    (`path`, 🏷️). Without: the interface at `path`.
    """

    head: Head
    keyword: str
    name: Id | None
    what: Func | list[InterfaceItem] | UsePath


#: what may stand in a world
WorldItem: TypeAlias = Use | Include | TypeDef | Extern


@dataclass(slots=True)
class Interface:
    """`interface name { … }`."""

    head: Head
    name: Id
    items: list[InterfaceItem]


@dataclass(slots=True)
class World:
    """`world name { … }`."""

    head: Head
    name: Id
    items: list[WorldItem]


@dataclass(slots=True)
class TopUse:
    """`use path as name;` outside of any braces."""

    path: UsePath
    name: Id


@dataclass(slots=True)
class PackageDecl:
    """`package name`, as a header or before braces."""

    name: PackageName
    spot: Spot = field(compare=False)
    docs: Docs | None = field(default=None, compare=False)


@dataclass(slots=True)
class Scope:
    """What stands in one file, or in the braces of `package … { … }`.

    Names that a top-level `use` brings hold in their scope alone. `nested` are inline packages.
    """

    package: PackageDecl | None = None
    items: list[TopUse | Interface | World] = field(default_factory=list)
    nested: "list[Scope]" = field(default_factory=list)
