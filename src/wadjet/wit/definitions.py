"""The types and functions of one interface or world: from what is written to what they mean."""

from collections.abc import Collection, Sequence
from typing import Final

from wadjet.wit import ast
from wadjet.wit.ast import Head, Id, Stability
from wadjet.wit.lexer import Spot
from wadjet.wit.model import (
    Alias,
    Borrow,
    Function,
    InterfaceId,
    Kind,
    Own,
    Owner,
    Param,
    Primitive,
    Resolve,
    Resource,
    Result,
    TypeDef,
    TypeId,
    parts,
)
from wadjet.wit.names import EXCLUDED, Foreign, Local, Names
from wadjet.wit.order import in_order
from wadjet.wit.semver import Version
from wadjet.wit.types import (
    NO_TYPE,
    Arena,
    PackageTypes,
    TypeReader,
    excluded,
    text_of,
)


class Gates:
    """Which gates of a package are open."""

    def __init__(
        self, package: ast.PackageName, features: frozenset[str], all_features: bool
    ) -> None:
        self._package: Final = package
        self._features: Final = features
        self._all: Final = all_features

    def open(self, stability: Stability, spot: Spot) -> bool:
        """Whether an item is there. Raises Invalid where its gate makes no sense."""
        if stability is None:
            return True
        if isinstance(stability, ast.Unstable):
            return self._all or stability.feature in self._features
        version: Version | None = self._package.version
        if version is None:
            message = f"package `{self._package}` has no version for `@since` to refer to"
            raise spot.invalid(message)
        if version < stability.version:
            message = f"@since names version {stability.version}, and this is {version} yet"
            raise spot.invalid(message)
        return True


class Context:
    """What the parts of a package that is being resolved have in common."""

    def __init__(self, resolve: Resolve, arena: Arena, names: Names, gates: Gates) -> None:
        self.resolve: Final = resolve
        self.arena: Final = arena
        self.names: Final = names
        self.gates: Final = gates
        self.types: Final = PackageTypes(arena)


class Definitions:
    """The definitions of one interface or world, in the making.

    `owner` is None where a gate has left the whole out: its names are still looked up. `kind` is
    `interface` or `world`, and `scope` the number of the scope that it stands in.
    """

    def __init__(self, context: Context, kind: str, owner: Owner | None, scope: int) -> None:
        self._context: Final = context
        self._kind: Final = kind
        self._owner: Final = owner
        self._scope: Final = scope
        self.names: Final[dict[str, TypeId]] = {}
        self.functions: Final[set[str]] = set()
        self._reader: Final = TypeReader(context.types, self.names, self.functions)

    # Types

    def read_types(self, items: Sequence[ast.InterfaceItem | ast.WorldItem]) -> None:
        """Define the types among `items`: what is used first, then each after what it needs."""
        self._check_names(items)
        uses = [item for item in items if isinstance(item, ast.Use)]
        written = {item.name.name: item for item in items if isinstance(item, ast.TypeDef)}
        for use in uses:
            self._use(use)
        needs: dict[str, list[Id]] = {name: [] for name in self.names}
        for name, type_def in written.items():
            needs[name] = _names_in(type_def.body)
        for name in self._order(needs):
            if name in written:
                self._define(written[name])

    def _check_names(self, items: Sequence[ast.InterfaceItem | ast.WorldItem]) -> None:
        """Types and functions share their names, in any case. Notes which are of functions."""
        seen: set[str] = set()
        for item in items:
            names: list[Id] = []
            if isinstance(item, ast.Use):
                names = [name for _, name in item.names]
            elif isinstance(item, ast.TypeDef | ast.NamedFunc):
                names = [item.name]
            for name in names:
                if name.name.lower() in seen:
                    raise name.spot.invalid(f"`{name.name}` is defined more than once")
                seen.add(name.name.lower())
            if isinstance(item, ast.NamedFunc):
                self.functions.add(item.name.name)

    def _order(self, needs: dict[str, list[Id]]) -> list[str]:
        for ids in needs.values():
            for id in ids:
                if id.name not in needs:
                    self._reader.named(id)
        return in_order(needs, "type")

    def _use(self, use: ast.Use) -> None:
        source = self._context.names.interface(use.path, self._scope)
        for name, renamed_to in use.names:
            there = self._is_there(use.head.stability, name.spot)
            target = self._used(source, name, there)
            made = NO_TYPE
            if there and target != NO_TYPE:
                definition = TypeDef(renamed_to.name, Alias(target), self._owner, spot=name.spot)
                definition.stability = use.head.stability
                definition.external_id = use.head.external_id
                made = self._context.arena.add(definition)
            self.names[renamed_to.name] = made

    def _used(self, source: Local | Foreign, name: Id, there: bool) -> TypeId:
        """The type of this name in another interface."""
        functions: Collection[str]
        if isinstance(source, Local):
            types, functions = source.types, source.functions
        elif there:
            interface = self._context.resolve.interfaces[source.id]
            types, functions = interface.types, interface.functions
        else:
            return NO_TYPE
        if name.name in functions:
            raise name.spot.invalid(f"cannot use function `{name.name}`: only types can be used")
        if name.name not in types:
            raise name.spot.invalid(f"type `{name.name}` does not exist in that interface")
        if there and types[name.name] == NO_TYPE:
            raise excluded(name.spot, "a type")
        return types[name.name]

    def _is_there(self, stability: Stability, spot: Spot) -> bool:
        """Whether a type of this gate is defined, which it cannot be in what is left out."""
        there = self._context.gates.open(stability, spot)
        if there and self._owner is None:
            message = f"this type is not behind a gate as its {self._kind} is, which is left out"
            raise spot.invalid(message)
        return there

    def _define(self, written: ast.TypeDef) -> None:
        head, name, body = written.head, written.name, written.body
        there = self._is_there(head.stability, name.spot)
        self._reader.there = there
        kind = self._body(body, name, head.stability)
        if there and NO_TYPE in parts(kind):
            raise excluded(name.spot, "a type")
        made = NO_TYPE
        if there:
            kind = self._context.types.valued(kind)
            definition = TypeDef(name.name, kind, self._owner, text_of(head.docs))
            definition.stability = head.stability
            definition.external_id = head.external_id
            definition.spot = name.spot
            made = self._context.arena.add(definition)
        self.names[name.name] = made

    def _body(
        self, body: ast.Type | ast.Members | ast.Resource, name: Id, stability: Stability
    ) -> Kind:
        if isinstance(body, ast.Members):
            return self._reader.members(body, name, stability)
        if isinstance(body, ast.Resource):
            _check_methods(body, name)
            return Resource()
        return self._reader.kind(body, stability)

    # Functions

    def function(self, head: Head, name: Id, func: ast.Func) -> Function | None:
        """A function that belongs to no resource; None where a gate has left it out."""
        return self._function(Function(name.name, []), head, name, func)

    def method(self, resource: Id, method: ast.Method) -> Function | None:
        """A function of a resource; None where a gate has left it out."""
        written, id = method.function, self.names[resource.name]
        name = written.name.name
        made = Function(f"[{method.keyword}]{resource.name}.{name}", [], resource=id)
        match method.keyword:
            case "method":
                made.role = "method"
            case "static":
                made.role = "static"
            case _:
                made.role, made.name = "constructor", f"[constructor]{resource.name}"
        return self._function(made, written.head, written.name, written.func)

    def _function(self, made: Function, head: Head, name: Id, func: ast.Func) -> Function | None:
        spot = name.spot
        there = self._context.gates.open(head.stability, spot) and self._owner is not None
        if there and made.resource == NO_TYPE:
            raise excluded(spot, "a type")
        self._reader.there = there
        self._parameters(made, func, spot)
        made.result = None if func.result is None else self._reader.type(func.result)
        if there and (made.result == NO_TYPE or any(p.type == NO_TYPE for p in made.params)):
            raise excluded(spot, "a type")
        if made.role == "constructor" and there:
            self._constructed(made, func.result)
        made.is_async = func.is_async
        made.docs = text_of(head.docs)
        made.stability = head.stability
        made.external_id = head.external_id
        made.spot = spot
        return made if there else None

    def _parameters(self, made: Function, func: ast.Func, spot: Spot) -> None:
        seen: set[str] = set()
        if made.role == "method":
            seen.add("self")
            if self._reader.there and made.resource is not None:
                borrow = self._context.types.in_place(Borrow(made.resource), None, spot)
                made.params.append(Param("self", borrow))
        for name, type in func.params:
            if name.name.lower() in seen:
                raise name.spot.invalid(f"parameter `{name.name}` is defined more than once")
            seen.add(name.name.lower())
            made.params.append(Param(name.name, self._reader.type(type)))

    def _constructed(self, made: Function, written: ast.Type | None) -> None:
        """A constructor gives its resource, or a result of which that is the good side."""
        assert made.resource is not None, "a constructor is of a resource"
        if written is None:
            made.result = made.resource
            return
        types = self._context.arena.types
        given = made.result
        kind = None if given is None or isinstance(given, Primitive) else types[given].kind
        if not isinstance(kind, Result):
            message = "what a constructor gives, if it says so, is a `result` with its resource"
            raise written.spot.invalid(message)
        ok = None if kind.ok is None or isinstance(kind.ok, Primitive) else types[kind.ok].kind
        if ok != Own(made.resource):
            inner = written.ok if isinstance(written, ast.ResultType) else None
            spot = written.spot if inner is None else inner.spot
            raise spot.invalid("what a constructor makes must be its own resource")


def _check_methods(resource: ast.Resource, name: Id) -> None:
    """Functions of a resource have different names, in any case, and none has that of the
    resource: in many languages the constructor has it (Explainer.md, strongly-unique)."""
    seen: set[str] = set()
    for method in resource.methods:
        own = method.function.name
        folded = own.name.lower() if method.keyword != "constructor" else "[constructor]"
        if folded in seen:
            message = f"`{own.name}` is defined more than once in resource `{name.name}`"
            raise own.spot.invalid(message)
        seen.add(folded)
    if name.name.lower() in seen:
        raise name.spot.invalid(f"a function of resource `{name.name}` has its name")


def settle(context: Context, function: Function) -> None:
    """Make the types of a signature types of values: a resource becomes a handle that owns."""
    for param in function.params:
        param.type = context.types.value(param.type)
    if function.result is None:
        return
    function.result = context.types.value(function.result)
    if context.arena.borrows(function.result):
        assert function.spot is not None, "it was written"
        gives = f"function `{function.name}` gives a type that contains a `borrow`"
        raise function.spot.invalid(f"{gives}: what is lent cannot be returned")


def _names_in(body: ast.Type | ast.Members | ast.Resource) -> list[Id]:
    """The names that a definition is made of, in the order of writing."""
    found: list[Id] = []
    rest: list[ast.Type | ast.Members | ast.Resource | None] = [body]
    while rest:
        match rest.pop():
            case ast.NamedType(id) | ast.HandleType(id, _):
                found.append(id)
            case ast.ListType(inner, _, _) | ast.OptionType(inner, _):
                rest.append(inner)
            case ast.FutureType(inner, _) | ast.StreamType(inner, _):
                rest.append(inner)
            case ast.MapType(first, second, _) | ast.ResultType(first, second, _):
                rest += [second, first]
            case ast.TupleType(types, _):
                rest += reversed(types)
            case ast.Members(_, members):
                rest += [member.type for member in reversed(members)]
    return found


def interface_id(found: Local | Foreign) -> InterfaceId | None:
    """The index of an interface; None where a gate has left it out."""
    return None if found.id == EXCLUDED else InterfaceId(found.id)
