"""Types as written → types of a `Resolve`: the only place where a type gets its index."""

from typing import Final

from wadjet.base.errors import Invalid
from wadjet.wit import ast
from wadjet.wit.ast import Id
from wadjet.wit.lexer import Spot
from wadjet.wit.model import (
    Alias,
    Borrow,
    Case,
    Enum,
    Field,
    FixedList,
    Flags,
    Future,
    Kind,
    Label,
    List,
    Map,
    Option,
    Own,
    Primitive,
    Record,
    Resource,
    Result,
    Stability,
    Stream,
    Tuple,
    Type,
    TypeDef,
    TypeId,
    Variant,
    parts,
    with_parts,
)
from wadjet.wit.names import EXCLUDED

#: the type of what a gate has left out; what is made of it is left out as well
NO_TYPE: Final = TypeId(EXCLUDED)

_KEYS: Final = frozenset(Primitive) - {Primitive.F32, Primitive.F64, Primitive.ERROR_CONTEXT}
_RENAMED: Final = {"float32": "f32", "float64": "f64"}


class Arena:
    """The types of a Resolve as they are added, and what is known of each."""

    def __init__(self, types: list[TypeDef]) -> None:
        self.types: Final = types
        self._is_resource: list[bool] = []
        self._borrows: list[bool] = []

    def add(self, type: TypeDef) -> TypeId:
        """Append a type, whose parts are all there, and say its index."""
        kind = type.kind
        resource, borrows = isinstance(kind, Resource), isinstance(kind, Borrow)
        if isinstance(kind, Alias):
            resource = self.is_resource(kind.target)
        if not isinstance(kind, Own | Borrow):
            borrows = any(self.borrows(part) for part in parts(kind))
        self.types.append(type)
        self._is_resource.append(resource)
        self._borrows.append(borrows)
        return TypeId(len(self.types) - 1)

    def is_resource(self, type: Type) -> bool:
        """Whether it is a resource or another name of one."""
        return not isinstance(type, Primitive) and self._is_resource[type]

    def borrows(self, type: Type) -> bool:
        """Whether a borrowed handle is anywhere in it."""
        return not isinstance(type, Primitive) and self._borrows[type]


class PackageTypes:
    """The types of one package: what is written in place twice is there once."""

    def __init__(self, arena: Arena) -> None:
        self.arena: Final = arena
        self._in_place: Final[dict[Kind, TypeId]] = {}
        self._handles: Final[dict[TypeId, TypeId]] = {}

    def value(self, type: Type) -> Type:
        """The type of a value: where a resource is named, a handle that owns."""
        if isinstance(type, Primitive) or not self.arena.is_resource(type):
            return type
        if type not in self._handles:
            self._handles[type] = self.arena.add(TypeDef(None, Own(type)))
        return self._handles[type]

    def valued(self, kind: Kind) -> Kind:
        """A kind whose parts are types of values; handles and aliases keep what they name."""
        if isinstance(kind, Own | Borrow | Alias):
            return kind
        before = parts(kind)
        after = [self.value(part) for part in before]
        return kind if before == after else with_parts(kind, after)

    def in_place(self, kind: Kind, stability: Stability, spot: Spot) -> TypeId:
        """The type without a name that is of this kind. It is as settled as what it is for, or
        else as the first of its parts of which something is said."""
        if stability is None:
            types = self.arena.types
            of_parts = (types[p].stability for p in parts(kind) if not isinstance(p, Primitive))
            stability = next((said for said in of_parts if said is not None), None)
        kind = self.valued(kind)
        if kind not in self._in_place:
            made = TypeDef(None, kind, stability=stability, spot=spot)
            self._in_place[kind] = self.arena.add(made)
        return self._in_place[kind]


class TypeReader:
    """Reads types where the names of one interface or world are known.

    With `there` False nothing is made, as a gate has left out what the types are for: names are
    looked up, and the result is NO_TYPE. So it is for whatever is made of something left out.
    """

    def __init__(self, types: PackageTypes, names: dict[str, TypeId], functions: set[str]) -> None:
        self._types: Final = types
        self._names: Final = names
        self._functions: Final = functions
        self.there = True

    def type(self, written: ast.Type, stability: Stability = None) -> Type:
        """A type where one is used; a resource is itself here, not yet a handle."""
        match written:
            case ast.PrimitiveType(primitive, _):
                return primitive
            case ast.NamedType(id):
                return self.named(id)
            case ast.HandleType(id, True):
                return self._resource(id)
        kind = self.kind(written, stability)
        if not self.there or NO_TYPE in parts(kind):
            return NO_TYPE
        return self._types.in_place(kind, stability, written.spot)

    def named(self, id: Id) -> TypeId:
        """The type of this name."""
        found = self._names.get(id.name)
        if found is not None:
            return found
        if id.name in self._functions:
            raise id.spot.invalid(f"cannot use function `{id.name}` as a type")
        raise id.spot.invalid(f"type `{id.name}` does not exist{renamed(id.name)}")

    def _resource(self, id: Id) -> TypeId:
        """The resource of this name, to make a handle of."""
        found = self.named(id)
        if found != NO_TYPE and not self._types.arena.is_resource(found):
            raise id.spot.invalid(f"a handle is of a resource, and `{id.name}` is none")
        return found

    def kind(self, written: ast.Type, stability: Stability) -> Kind:
        """What a type is, as the body of a definition; parts may be NO_TYPE."""
        match written:
            case ast.PrimitiveType() | ast.NamedType():
                return Alias(self.type(written))
            case ast.HandleType(id, owned):
                resource = self._resource(id)
                return Own(resource) if owned else Borrow(resource)
            case ast.ListType(element, None, _):
                return List(self.type(element, stability))
            case ast.ListType(element, int(length), _):
                return FixedList(self.type(element, stability), length)
            case ast.MapType(key, value, spot):
                return self._map(key, value, stability, spot)
            case ast.OptionType(payload, _):
                return Option(self.type(payload, stability))
            case ast.ResultType(ok, err, _):
                return Result(self._maybe(ok, stability), self._maybe(err, stability))
            case ast.TupleType(types, _):
                return Tuple(tuple(self.type(each, stability) for each in types))
            case ast.FutureType(maybe, _):
                return Future(self._maybe(maybe, stability))
            case ast.StreamType(maybe, _):
                return Stream(self._maybe(maybe, stability))
            case _:
                raise AssertionError(written)

    def _maybe(self, written: ast.Type | None, stability: Stability) -> Type | None:
        return None if written is None else self.type(written, stability)

    def _map(self, key: ast.Type, value: ast.Type, stability: Stability, spot: Spot) -> Map:
        made = Map(self.type(key, stability), self.type(value, stability))
        if made.key not in _KEYS:
            wanted = "`bool`, `char`, `string` or an integer"
            raise spot.invalid(f"invalid map key type: the keys of a map are of {wanted}")
        return made

    def members(self, written: ast.Members, name: Id, stability: Stability) -> Kind:
        """The body of a record, variant, enum or flags."""
        _check_names([member.name for member in written.members])
        labels = tuple(Label(m.name.name, text_of(m.docs)) for m in written.members)
        match written.keyword:
            case "record":
                return Record(tuple(self._field(m, stability) for m in written.members))
            case "flags":
                return Flags(labels)
        if not labels:
            raise name.spot.invalid(f"empty {written.keyword}: it needs at least one case")
        if written.keyword == "enum":
            return Enum(labels)
        cases = (
            Case(m.name.name, self._maybe(m.type, stability), text_of(m.docs))
            for m in written.members
        )
        return Variant(tuple(cases))

    def _field(self, member: ast.Member, stability: Stability) -> Field:
        assert member.type is not None, "a field has a type"
        type = self.type(member.type, stability)
        if self.there and type == NO_TYPE:
            raise excluded(member.name.spot, "a type")
        return Field(member.name.name, type, text_of(member.docs))


def _check_names(names: list[Id]) -> None:
    """Names side by side differ by more than their case."""
    seen: set[str] = set()
    for name in names:
        if name.name.lower() in seen:
            raise name.spot.invalid(f"`{name.name}` is defined more than once")
        seen.add(name.name.lower())


def text_of(docs: ast.Docs | None) -> str | None:
    """The text of comments, if there are any."""
    return None if docs is None else docs.text


def renamed(name: str) -> str:
    """A hint for who writes a name that a type once had."""
    return f"; it is called `{_RENAMED[name]}` now" if name in _RENAMED else ""


def excluded(spot: Spot, what: str) -> Invalid:
    """The complaint that something refers to what a gate has left out."""
    return spot.invalid(f"this refers to {what} that is left out, as its feature is not enabled")
