"""A world as the writer of bindings sees it, and what its types are called there.

A type is written in one of two ways. What comes out of a component is told exactly (`list`,
`bytes`); for what goes in, all that will be taken is said (`Sequence`).
"""

from collections.abc import Mapping
from enum import StrEnum
from typing import Final, final

from wadjet.canon.naming import interface_names, pascal
from wadjet.wit.model import (
    Alias, Borrow, Enum, FixedList, Flags, Function, Future, InterfaceId, InterfaceItem,
    Kind, List, Map, Option, Own, Primitive, Record, Resolve, Resource, Result, Stream, Tuple, Type,
    TypeId, TypeItem, Variant, WorldId, WorldItem, WorldKey, parts,
)  # fmt: skip


class Side(StrEnum):
    """Of a world: what it imports, or what it exports."""

    IMPORTS = "imports"
    EXPORTS = "exports"


#: what Python has for primitive types
_PRIMITIVES: Final = {
    Primitive.BOOL: "bool",
    Primitive.F32: "float",
    Primitive.F64: "float",
    Primitive.CHAR: "str",
    Primitive.STRING: "str",
    Primitive.ERROR_CONTEXT: "_wadjet.ErrorContext",
}
#: elements whose lists are arrays
_PACKED: Final = frozenset(
    (
        Primitive.S8, Primitive.U16, Primitive.S16, Primitive.U32, Primitive.S32, Primitive.U64,
        Primitive.S64, Primitive.F32, Primitive.F64,
    )
)  # fmt: skip


@final
class World:
    """A world with the names that Python has for what is in it."""

    __slots__ = ("_exported", "_homes", "_interfaces", "id", "resolve")

    def __init__(self, resolve: Resolve, id: WorldId) -> None:
        self.resolve: Final = resolve
        self.id: Final = id
        world = resolve.worlds[id]
        self._interfaces: Final = {
            Side.IMPORTS: _interfaces(resolve, world.imports),
            Side.EXPORTS: _interfaces(resolve, world.exports),
        }
        self._homes: Final = {side: _homes(found) for side, found in self._interfaces.items()}
        self._exported: Final[dict[TypeId, bool]] = {}

    def interfaces(self, side: Side) -> Mapping[str, tuple[str, InterfaceId]]:
        """The interfaces on one side by attribute, with the name that the world has for each."""
        return self._interfaces[side]

    @property
    def types(self) -> dict[str, TypeId]:
        """The types of the world itself."""
        items = self.resolve.worlds[self.id].imports.items()
        key_name = self.resolve.key_name
        return {key_name(key): item.id for key, item in items if isinstance(item, TypeItem)}

    def functions(self, side: Side) -> dict[str, Function]:
        """The functions of the world itself."""
        world = self.resolve.worlds[self.id]
        items = world.imports if side is Side.IMPORTS else world.exports
        return {item.name: item for item in items.values() if isinstance(item, Function)}

    def definition(self, id: TypeId) -> TypeId:
        """The definition behind other names of a type."""
        kind = self.resolve.types[id].kind
        while isinstance(kind, Alias) and not isinstance(kind.target, Primitive):
            id = kind.target
            kind = self.resolve.types[id].kind
        return id

    def has_class(self, id: TypeId) -> bool:
        """Whether a type has a class of its own."""
        kind = self.resolve.types[self.definition(id)].kind
        return isinstance(kind, Record | Variant | Enum | Flags | Resource)

    def home(self, id: TypeId, side: Side) -> tuple[Side, str]:
        """Where a type has its class, for those who are on this side: the side and the attribute of
        the interface, "" for the world itself."""
        id = self.definition(id)
        owner = self.resolve.types[id].owner
        assert owner is not None, "what has a class has a name"
        if owner[0] == "world":
            return Side.IMPORTS, ""
        if side is Side.EXPORTS and self._is_exported(id):
            return Side.EXPORTS, self._homes[Side.EXPORTS][owner[1]]
        for each in Side:
            if owner[1] in self._homes[each]:
                return each, self._homes[each][owner[1]]
        raise AssertionError("a world has all interfaces whose types it uses")

    def _is_exported(self, id: TypeId) -> bool:
        """Whether the exports have a type of their own, and not that of the imports: where there
        are no others, or where resources of theirs are in it."""
        found = self._exported.get(id)
        if found is None:
            owner = self.resolve.types[id].owner
            interface = None if owner is None or owner[0] == "world" else owner[1]
            if owner is None:  # it stands in another, and is where its parts are
                found = self._has_exported(id)
            elif interface not in self._homes[Side.EXPORTS]:
                found = False
            else:
                found = interface not in self._homes[Side.IMPORTS] or self._has_exported(id)
            self._exported[id] = found
        return found

    def _has_exported(self, id: TypeId) -> bool:
        kind = self.resolve.types[id].kind
        if isinstance(kind, Resource):
            return True
        inner = [self.definition(t) for t in parts(kind) if not isinstance(t, Primitive)]
        return any(self._is_exported(t) for t in inner)


def _interfaces(
    resolve: Resolve, items: Mapping[WorldKey, WorldItem]
) -> dict[str, tuple[str, InterfaceId]]:
    named = {resolve.key_name(key): item for key, item in items.items()}
    plain = [name for name, item in named.items() if not isinstance(item, TypeItem)]
    attributes = interface_names([name for name in plain if not name.startswith("[")])
    return {
        attributes[name]: (name, item.id)
        for name, item in named.items()
        if isinstance(item, InterfaceItem)
    }


def _homes(interfaces: Mapping[str, tuple[str, InterfaceId]]) -> dict[InterfaceId, str]:
    found: dict[InterfaceId, str] = {}
    for attribute, (_, id) in interfaces.items():
        found.setdefault(id, attribute)
    return found


@final
class Hints:
    """What types are called in annotations. `taken` are the names that the bindings define, which
    mean something else there than in Python."""

    __slots__ = ("_taken", "_world")

    def __init__(self, world: World, taken: frozenset[str]) -> None:
        self._world: Final = world
        self._taken: Final = taken

    def builtin(self, name: str) -> str:
        """A name of Python's own."""
        return f"_builtins.{name}" if name in self._taken else name

    def place(self, side: Side, *names: str) -> str:
        """Something on one side of the world."""
        first = f"_{side}" if side in self._taken else f"{side}"
        return ".".join((first, *(name for name in names if name)))

    def class_of(self, id: TypeId, side: Side) -> str:
        """The class of a type that has one."""
        where, attribute = self._world.home(id, side)
        name = self._world.resolve.types[self._world.definition(id)].name
        assert name is not None, "what has a class has a name"
        return self.place(where, attribute, pascal(name))

    def type(self, t: Type | None, side: Side, *, exact: bool) -> str:
        """A type. `exact`: as it comes out of a component, and not what will be taken."""
        if t is None:
            return "None"
        if isinstance(t, Primitive):
            name = _PRIMITIVES.get(t, "int")
            return name if name.startswith("_") else self.builtin(name)
        if self._world.has_class(t):
            return self.class_of(t, side)
        return self._kind(self._world.resolve.types[t].kind, side, exact)

    def _kind(self, kind: Kind, side: Side, exact: bool) -> str:
        def inner(t: Type | None) -> str:
            return self.type(t, side, exact=exact)

        match kind:
            case Alias(target):
                return inner(target)
            case Own(resource) | Borrow(resource):
                return self.class_of(resource, side)
            case List(element) | FixedList(element, _):
                return self._list(element, inner(element), exact, isinstance(kind, FixedList))
            case Map(key, value):
                word = self.builtin("dict") if exact else "_abc.Mapping"
                return f"{word}[{inner(key)}, {inner(value)}]"
            case Tuple(types):
                return f"{self.builtin('tuple')}[{', '.join([inner(t) for t in types]) or '()'}]"
            case Option(payload):
                some = inner(payload)
                return f"{f'_wadjet.Some[{some}]' if self._is_option(payload) else some} | None"
            case Result(ok, error):
                return f"_wadjet.Ok[{inner(ok)}] | _wadjet.Err[{inner(error)}]"
            case Stream(payload):
                chunk = self._chunk(payload, inner(payload))
                return self._stream(chunk, exact)
            case Future(payload):
                word = f"_abc.Awaitable[{inner(payload)}]"
                return word if exact else f"{word} | {inner(payload)}"
        raise AssertionError(f"{kind} has a class of its own")

    def _list(self, element: Type, inner: str, exact: bool, fixed: bool) -> str:
        primitive = self._primitive(element)
        if primitive is Primitive.U8 and not fixed:
            name = self.builtin("bytes")
            others = [self.builtin("bytearray"), self.builtin("memoryview")]
            return name if exact else " | ".join([name, *others])
        if not exact:
            return f"_abc.Sequence[{inner}]"
        packed = primitive in _PACKED and not fixed
        return f"{'_array' if packed else self.builtin('list')}[{inner}]"

    def _chunk(self, element: Type | None, inner: str) -> str:
        """What a stream hands out at a time."""
        if element is None:
            return self.builtin("int")
        return self._list(element, inner, exact=True, fixed=False)

    def _stream(self, chunk: str, exact: bool) -> str:
        reader = f"_wadjet.StreamReader[{chunk}]"
        return reader if exact else f"{reader} | _abc.AsyncIterable[{chunk}] | {chunk}"

    def _primitive(self, t: Type) -> Primitive | None:
        """The primitive type that a type is in the end."""
        while not isinstance(t, Primitive):
            kind = self._world.resolve.types[t].kind
            if not isinstance(kind, Alias):
                return None
            t = kind.target
        return t

    def _is_option(self, t: Type) -> bool:
        if isinstance(t, Primitive):
            return False
        kind = self._world.resolve.types[self._world.definition(t)].kind
        if isinstance(kind, Alias):
            return self._is_option(kind.target)
        return isinstance(kind, Option)

    def result(self, t: Type | None, side: Side, *, exact: bool) -> str:
        """What a function returns: of a result, its good side, as the other is raised."""
        if t is not None and not isinstance(t, Primitive):
            kind = self._world.resolve.types[self._world.definition(t)].kind
            if isinstance(kind, Result):
                return self.type(kind.ok, side, exact=exact)
        return self.type(t, side, exact=exact)
