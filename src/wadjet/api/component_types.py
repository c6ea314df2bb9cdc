"""Types of components as WIT text: what a component says it needs and offers."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final, final

from wadjet.canon.classes import named_types
from wadjet.component.closed import (
    ComponentShape, Extern, InstanceShape, TypeBound, ValueBound, resources, sort_of,
)  # fmt: skip
from wadjet.component.types import (
    Borrow, Defined, Enum, Flags, FuncType, Future, List, Map, Option, Own, Prim, Record, Resource,
    ResourceType, Result, Shape, Stream, Tuple, ValType, Variant,
)  # fmt: skip

#: an item of a resource: what stands before its name
_ROLES: Final = ("[constructor]", "[method]", "[static]")


@dataclass(frozen=True, slots=True)
class ComponentItem:
    """One import or export of a component. As `str` it is WIT.

    `kind` is the sort of thing that it is: "func", "instance" (an interface), "type", "value",
    "component" or "core module"; `type` its type (see `wadjet.component.closed`).
    """

    name: str
    kind: str
    type: Extern = field(repr=False, compare=False)
    _spelling: "Spelling" = field(repr=False, compare=False)

    def __str__(self) -> str:
        return "\n".join(self._spelling.item(self.name, self.type))


def items(externs: Mapping[str, Extern], spelling: "Spelling") -> tuple[ComponentItem, ...]:
    """Descriptions of imports or exports, in order."""
    return tuple([ComponentItem(name, sort_of(e), e, spelling) for name, e in externs.items()])


@final
class Spelling:
    """How types of one component are written: those that it names, by name."""

    __slots__ = ("_origins", "_resources", "_types")

    def __init__(self, shape: ComponentShape) -> None:
        self._types: Final[dict[Defined, str]] = {}
        #: where a type's constructor, or a resource, was first named: interface and label
        self._origins: Final[dict[Shape | Resource, tuple[str, str]]] = {}
        self._resources: Final[dict[Resource, str]] = {}
        for _, module, label, t in named_types(shape):
            self._types.setdefault(t, label)
            self._origins.setdefault(t.shape, (module, label))
        for externs in (shape.imports, shape.exports):
            for path, found in resources(externs):
                self._resources.setdefault(found.resource, path[-1])
                self._origins.setdefault(found.resource, ("/".join(path[:-1]), path[-1]))

    def type(self, t: ValType | None) -> str:
        """A type where it is used."""
        if t is None:
            return "_"
        assert not isinstance(t, int), "a closed type names no index"
        if isinstance(t, Prim):
            return t.name
        return self._types.get(t) or self.constructor(t.shape)

    def constructor(self, shape: Shape) -> str:
        """A type that needs no name, or the kind of one that does."""
        match shape:
            case List(element, None) | Option(element) | Stream(element) | Future(element):
                word = type(shape).__name__.lower()
                return word if element is None else f"{word}<{self.type(element)}>"
            case List(element, length):
                return f"list<{self.type(element)}, {length}>"
            case Map(key, value):
                return f"map<{self.type(key)}, {self.type(value)}>"
            case Tuple(parts):
                return f"tuple<{', '.join([self.type(t) for t in parts])}>"
            case Result(None, None):
                return "result"
            case Result(ok, None):
                return f"result<{self.type(ok)}>"
            case Result(ok, error):
                return f"result<{self.type(ok)}, {self.type(error)}>"
            case Own(resource):
                return self.resource(resource)
            case Borrow(resource):
                return f"borrow<{self.resource(resource)}>"
        return type(shape).__name__.lower()

    def resource(self, t: ResourceType | int) -> str:
        """A resource where it is used."""
        assert isinstance(t, ResourceType), "a closed type names no index"
        return self._resources.get(t.resource, "resource")

    def func(self, t: FuncType, role: str = "") -> str:
        """The type of a function; of a method, without the parameter that it is called on."""
        params = t.params[1:] if role == "[method]" else t.params
        text = ", ".join([f"{label}: {self.type(p)}" for label, p in params])
        if role == "[constructor]":
            return f"constructor({text})"
        word = f"{'static ' if role == '[static]' else ''}{'async ' if t.is_async else ''}func"
        result = "" if t.result is None else f" -> {self.type(t.result)}"
        return f"{word}({text}){result}"

    def item(self, name: str, extern: Extern) -> Iterator[str]:
        """The lines of an import or export of a component."""
        match extern:
            case FuncType():
                yield f"{name}: {self.func(extern)};"
            case InstanceShape():
                yield f"interface {name} {{"
                for line in self._interface(name, extern):
                    yield f"  {line}"
                yield "}"
            case TypeBound(t):
                yield from self._definition("", name, t)
            case ValueBound(t):
                yield f"{name}: value<{self.type(t)}>;"
            case _:
                yield f"{name}: {sort_of(extern)};"

    def _interface(self, module: str, shape: InstanceShape) -> Iterator[str]:
        members = _members(shape.exports)
        for name, extern in shape.exports.items():
            if isinstance(extern, TypeBound):
                yield from self._definition(module, name, extern.type, members.get(name))
            elif not name.startswith(_ROLES):
                yield from self.item(name, extern)

    def _definition(
        self, module: str, name: str, t: object, members: "Members | None" = None
    ) -> Iterator[str]:
        """The lines of a named type."""
        origin = None
        if isinstance(t, Defined | ResourceType):
            origin = self._origins[t.shape if isinstance(t, Defined) else t.resource]
        if origin is not None and origin[0] != module and origin[0]:
            renamed = "" if origin[1] == name else f" as {name}"
            yield f"use {origin[0]}.{{{origin[1]}{renamed}}};"
        elif isinstance(t, ResourceType):
            yield from self._resource(name, members or {})
        elif isinstance(t, Defined):
            yield from self._shape(name, t.shape)
        elif isinstance(t, Prim):
            yield f"type {name} = {t.name};"

    def resource_lines(self, name: str, exports: Mapping[str, Extern]) -> Iterator[str]:
        """The lines of a resource that is defined among these exports."""
        return self._resource(name, _members(exports).get(name, {}))

    def _resource(self, name: str, members: "Members") -> Iterator[str]:
        if not members:
            yield f"resource {name};"
            return
        yield f"resource {name} {{"
        for label, (role, t) in members.items():
            before = "" if role == "[constructor]" else f"{label}: "
            yield f"  {before}{self.func(t, role)};"
        yield "}"

    def _shape(self, name: str, shape: Shape) -> Iterator[str]:
        rows: list[str]
        match shape:
            case Record(fields):
                rows = [f"{label}: {self.type(t)}" for label, t in fields]
            case Variant(cases):
                rows = [label if t is None else f"{label}({self.type(t)})" for label, t in cases]
            case Enum(labels) | Flags(labels):
                rows = list(labels)
            case _:
                yield f"type {name} = {self.constructor(shape)};"
                return
        yield f"{type(shape).__name__.lower()} {name} {{"
        for row in rows:
            yield f"  {row},"
        yield "}"


#: The functions of a resource by their own name ("" is the constructor), each with its role.
Members = dict[str, tuple[str, FuncType]]


def _members(exports: Mapping[str, Extern]) -> dict[str, Members]:
    """The functions of resources among exports, by resource."""
    found: dict[str, Members] = {}
    for name, extern in exports.items():
        if isinstance(extern, FuncType) and name.startswith(_ROLES):
            role, resource, label = split_role(name)
            found.setdefault(resource, {})[label] = role, extern
    return found


def split_role(name: str) -> tuple[str, str, str]:
    """`[method]file.read` → its role, resource and own name; role and resource of a function that
    belongs to no resource are empty, as is the own name of a constructor."""
    if not name.startswith(_ROLES):
        return "", "", name
    role, _, rest = name.partition("]")
    resource, _, label = rest.partition(".")
    return f"{role}]", resource, label
