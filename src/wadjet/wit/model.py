"""What a set of WIT packages means: every name found, every gate decided, everything in order.

A `Resolve` holds four lists, and whatever refers to something says its index: `PackageId`,
`InterfaceId`, `WorldId`, `TypeId`. What is in it:

- A **type** is a `Primitive` or a `TypeId`. A `TypeDef` is named (a definition, or what a `use`
  brought: an `Alias` whose target belongs to another interface) or has no name and no owner (what
  is written in place, such as `list<u8>`: a package has each once, but for copies that an
  `include` makes). Types come after all types that they are made of, packages after those that
  they refer to: reading either list from its start meets no index that is not yet known.
- A **resource** that is the type of a value stands for a handle: it is an `Own` here. An alias of
  a resource is one itself.
- A **function** of a resource is one of its interface, under its full name (`[method]file.read`);
  `self` is among the parameters of a method.
- An **interface** has types and functions by name. One without a name stands in a world.
- A **world** lists imports and exports, those included: what it needs without saying so (the
  interfaces of types it uses) as well, and each after what it depends on. Interfaces come first,
  then types, then functions. A key is a name, or the interface itself where it goes by its own.
- Gates are decided: what is behind a feature nobody asked for is not there at all. What is there
  keeps its `stability`.

`docs` are the comments, without their marks. A `spot` tells where something was written, if it
was: what was read from a binary has none.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Literal, NewType, TypeAlias

from wadjet.wit.ast import PackageName, Primitive, Since, Stability, Unstable
from wadjet.wit.lexer import Spot

__all__ = [
    "Alias",
    "Borrow",
    "Case",
    "Enum",
    "Field",
    "FixedList",
    "Flags",
    "Function",
    "Future",
    "Interface",
    "InterfaceId",
    "InterfaceItem",
    "Kind",
    "Label",
    "List",
    "Map",
    "Option",
    "Own",
    "Owner",
    "Package",
    "PackageId",
    "PackageName",
    "Param",
    "Primitive",
    "Record",
    "Resolve",
    "Resource",
    "Result",
    "Since",
    "Stability",
    "Stream",
    "Tuple",
    "Type",
    "TypeDef",
    "TypeId",
    "TypeItem",
    "Unstable",
    "Variant",
    "World",
    "WorldId",
    "WorldItem",
    "WorldKey",
    "parts",
    "with_parts",
]

PackageId = NewType("PackageId", int)
InterfaceId = NewType("InterfaceId", int)
WorldId = NewType("WorldId", int)
TypeId = NewType("TypeId", int)

#: a type where one is used
Type: TypeAlias = Primitive | TypeId


# Kinds of types


@dataclass(frozen=True, slots=True)
class Field:
    """A field of a record."""

    name: str
    type: Type
    docs: str | None = None


@dataclass(frozen=True, slots=True)
class Case:
    """A case of a variant, with or without a payload."""

    name: str
    type: Type | None = None
    docs: str | None = None


@dataclass(frozen=True, slots=True)
class Label:
    """A case of an enum, or a flag."""

    name: str
    docs: str | None = None


@dataclass(frozen=True, slots=True)
class Record:
    """`record`: named fields."""

    fields: tuple[Field, ...]


@dataclass(frozen=True, slots=True)
class Variant:
    """`variant`: one of the cases."""

    cases: tuple[Case, ...]


@dataclass(frozen=True, slots=True)
class Enum:
    """`enum`: one of the names."""

    cases: tuple[Label, ...]


@dataclass(frozen=True, slots=True)
class Flags:
    """`flags`: any of the names."""

    flags: tuple[Label, ...]


@dataclass(frozen=True, slots=True)
class Resource:
    """`resource`: known by its handles alone."""


@dataclass(frozen=True, slots=True)
class Own:
    """A handle that owns: what the name of a resource stands for as a type."""

    resource: TypeId


@dataclass(frozen=True, slots=True)
class Borrow:
    """`borrow<…>`: a handle lent for a call."""

    resource: TypeId


@dataclass(frozen=True, slots=True)
class Tuple:
    """`tuple<…>`."""

    types: tuple[Type, ...]


@dataclass(frozen=True, slots=True)
class Option:
    """`option<…>`."""

    payload: Type


@dataclass(frozen=True, slots=True)
class Result:
    """`result<ok, err>`; None where a side has no value."""

    ok: Type | None
    err: Type | None


@dataclass(frozen=True, slots=True)
class List:
    """`list<…>`."""

    element: Type


@dataclass(frozen=True, slots=True)
class FixedList:
    """`list<…, length>` (🔧)."""

    element: Type
    length: int


@dataclass(frozen=True, slots=True)
class Map:
    """`map<key, value>` (🗺️)."""

    key: Type
    value: Type


@dataclass(frozen=True, slots=True)
class Future:
    """`future<…>`; None where it only tells that something happened."""

    payload: Type | None


@dataclass(frozen=True, slots=True)
class Stream:
    """`stream<…>`; None where it only tells how many."""

    payload: Type | None


@dataclass(frozen=True, slots=True)
class Alias:
    """Another name: of `type a = b`, and of what a `use` brings from another interface."""

    target: Type


#: what a type definition may be
Kind: TypeAlias = (
    Record
    | Variant
    | Enum
    | Flags
    | Resource
    | Own
    | Borrow
    | Tuple
    | Option
    | Result
    | List
    | FixedList
    | Map
    | Future
    | Stream
    | Alias
)


def parts(kind: Kind) -> list[Type]:
    """The types that a kind is made of, in the order of writing."""
    match kind:
        case Record(fields):
            return [field.type for field in fields]
        case Variant(cases):
            return [case.type for case in cases if case.type is not None]
        case Tuple(types):
            return list(types)
        case Result(ok, err):
            return [type for type in (ok, err) if type is not None]
        case Map(key, value):
            return [key, value]
        case Own(type) | Borrow(type) | Alias(type):
            return [type]
        case List(type) | FixedList(type, _) | Option(type):
            return [type]
        case Future(payload) | Stream(payload):
            return [] if payload is None else [payload]
        case Enum() | Flags() | Resource():
            return []


def with_parts(kind: Kind, types: list[Type]) -> Kind:
    """The same kind made of other types, given as `parts` gives them."""
    new: Iterator[Type] = iter(types)
    match kind:
        case Record(fields):
            return Record(tuple(Field(f.name, next(new), f.docs) for f in fields))
        case Variant(cases):
            return Variant(
                tuple(c if c.type is None else Case(c.name, next(new), c.docs) for c in cases)
            )
        case Tuple():
            return Tuple(tuple(types))
        case Result(ok, err):
            first = None if ok is None else next(new)
            return Result(first, None if err is None else next(new))
        case Map():
            return Map(next(new), next(new))
        case FixedList(_, length):
            return FixedList(next(new), length)
        case Own() | Borrow():
            resource = next(new)
            assert not isinstance(resource, Primitive), "a handle is of a resource"
            return type(kind)(resource)
        case List() | Option() | Alias():
            return type(kind)(next(new))
        case Future(payload) | Stream(payload):
            return type(kind)(None if payload is None else next(new))
        case Enum() | Flags() | Resource():
            return kind


# Definitions


#: where a type was defined; None: nowhere, as it was written in place
Owner: TypeAlias = tuple[Literal["interface"], InterfaceId] | tuple[Literal["world"], WorldId]


@dataclass(slots=True)
class TypeDef:
    """A type that is not primitive. `name` and `owner` are None together."""

    name: str | None
    kind: Kind
    owner: Owner | None = None
    docs: str | None = None
    stability: Stability = None
    external_id: str | None = None
    spot: Spot | None = field(default=None, compare=False, repr=False)


@dataclass(slots=True)
class Param:
    """A parameter of a function."""

    name: str
    type: Type


@dataclass(slots=True)
class Function:
    """A function, under its full name.

    `role` tells what it is to its `resource`; a `free` function has none.
    """

    name: str
    params: list[Param]
    result: Type | None = None
    role: Literal["free", "method", "static", "constructor"] = "free"
    resource: TypeId | None = None
    is_async: bool = False
    docs: str | None = None
    stability: Stability = None
    external_id: str | None = None
    spot: Spot | None = field(default=None, compare=False, repr=False)

    @property
    def item_name(self) -> str:
        """The name without resource and role: `read` of `[method]file.read`."""
        if self.role == "free":
            return self.name
        if self.role == "constructor":
            return "constructor"
        return self.name.partition(".")[2]


@dataclass(slots=True)
class Interface:
    """Types and functions by name. `name` is None for one that stands in a world.

    `clone_of` is the interface that an `include` copied this one from.
    """

    name: str | None
    package: PackageId
    types: dict[str, TypeId] = field(default_factory=dict)
    functions: dict[str, Function] = field(default_factory=dict)
    docs: str | None = None
    stability: Stability = None
    clone_of: InterfaceId | None = None
    spot: Spot | None = field(default=None, compare=False, repr=False)


@dataclass(slots=True)
class InterfaceItem:
    """An interface that a world imports or exports; docs and gate are those of the statement."""

    id: InterfaceId
    docs: str | None = None
    stability: Stability = None
    external_id: str | None = None
    spot: Spot | None = field(default=None, compare=False, repr=False)


@dataclass(slots=True)
class TypeItem:
    """A type that a world uses or defines: among the imports, always."""

    id: TypeId


#: what a world may import or export
WorldItem: TypeAlias = InterfaceItem | TypeItem | Function
#: the name something has in a world; an interface that goes by its own name is the name
WorldKey: TypeAlias = str | InterfaceId


@dataclass(slots=True)
class World:
    """What a component may import and must export."""

    name: str
    package: PackageId
    imports: dict[WorldKey, WorldItem] = field(default_factory=dict)
    exports: dict[WorldKey, WorldItem] = field(default_factory=dict)
    docs: str | None = None
    stability: Stability = None
    spot: Spot | None = field(default=None, compare=False, repr=False)


@dataclass(slots=True)
class Package:
    """Interfaces and worlds by name."""

    name: PackageName
    interfaces: dict[str, InterfaceId] = field(default_factory=dict)
    worlds: dict[str, WorldId] = field(default_factory=dict)
    docs: str | None = None


@dataclass(slots=True)
class Resolve:
    """All packages, and all that is in them, by index.

    `package_names` finds a package; `main` is the one that was asked for.
    """

    packages: list[Package] = field(default_factory=list)
    interfaces: list[Interface] = field(default_factory=list)
    worlds: list[World] = field(default_factory=list)
    types: list[TypeDef] = field(default_factory=list)
    package_names: dict[PackageName, PackageId] = field(default_factory=dict)
    main: PackageId = PackageId(0)

    def full_name(self, id: InterfaceId) -> str | None:
        """`wasi:io/poll@0.2.0`; None for an interface without a name."""
        interface = self.interfaces[id]
        if interface.name is None:
            return None
        return self.packages[interface.package].name.member(interface.name)

    def key_name(self, key: WorldKey) -> str:
        """The name under which a world imports or exports."""
        if isinstance(key, str):
            return key
        name = self.full_name(key)
        assert name is not None, "an interface without a name is not a key"
        return name

    def implements(self, key: WorldKey, item: WorldItem) -> str | None:
        """The full name of the interface that is there under another name (🏷️)."""
        if isinstance(key, str) and isinstance(item, InterfaceItem):
            return self.full_name(item.id)
        return None

    def used_from(self, id: TypeId) -> InterfaceId | None:
        """The interface a type was brought from by `use`; None if it is defined where it is."""
        type = self.types[id]
        if not isinstance(type.kind, Alias) or isinstance(type.kind.target, Primitive):
            return None
        origin = self.types[type.kind.target].owner
        if origin is None or origin == type.owner:
            return None
        assert origin[0] == "interface", "worlds are not used from"
        return origin[1]

    def dependencies(self, id: InterfaceId) -> list[InterfaceId]:
        """The interfaces whose types an interface uses, each once, in order of use."""
        found = (self.used_from(type) for type in self.interfaces[id].types.values())
        return list(dict.fromkeys(each for each in found if each is not None))
