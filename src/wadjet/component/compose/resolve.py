"""`Document` → `Graph`: what the names of a composition mean.

Types are WIT's business: what a document defines and imports makes up a package with a world, which
is resolved as any other. What is left are values, in the order in which they are written.
"""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Final, TypeVar, final

from wadjet.base.errors import Invalid, Malformed
from wadjet.component import types
from wadjet.component.build.targets import world_shape
from wadjet.component.closed import Extern, TypeBound
from wadjet.component.component import Component
from wadjet.component.compose import ast
from wadjet.component.compose.graph import (
    Graph, ImportNode, NewNode, Node, Package, by_last_word, exports_of,
)  # fmt: skip
from wadjet.component.features import ALL
from wadjet.component.names import is_label
from wadjet.component.types import FuncType
from wadjet.component.validate import validate
from wadjet.component.wit_bridge import decode, encode_interface, encode_world
from wadjet.wit import print_package, resolve
from wadjet.wit.ast import (
    Extern as WitExtern, Head, Id, Interface, PackageName, Scope, TypeDef, UsePath, World,
)  # fmt: skip
from wadjet.wit.lexer import Spot
from wadjet.wit.model import Resolve, WorldId
from wadjet.wit.packages import references

#: finds the component, or the WIT package in binary form, of a name
Packages = Callable[[PackageName], Component | None]

_T = TypeVar("_T")
#: the world that holds what a document imports
_IMPORTS: Final = "imports-of-the-composition"
#: how names of imports begin there that have the types of functions which the document defines
_FUNC_TYPE: Final = "type-of-"


@final
class Resolved:
    """What a document means, and the world that it is for, with the place that says so."""

    def __init__(self, graph: Graph, wit: Resolve, targets: tuple[WorldId, Spot] | None) -> None:
        self.graph: Final = graph
        self.wit: Final = wit
        self.targets: Final = targets


def resolve_document(document: ast.Document, packages: Packages) -> Resolved:
    """Look up all names. Raises Invalid, with line and column, and Malformed for packages."""
    return _Resolver(document, packages).resolve()


@final
class _Resolver:
    def __init__(self, document: ast.Document, packages: Packages) -> None:
        self._document: Final = document
        self._find: Final = packages
        self._packages: Final[dict[PackageName, Package]] = {}
        self._locals: Final[dict[str, Node]] = {}
        #: names of types, interfaces and worlds
        self._defined: Final[set[str]] = set()

    def resolve(self) -> Resolved:
        """The whole document."""
        wit, world = self._wit()
        imports = world_shape(wit, world).imports
        graph = Graph(encode_world(wit, world))
        for statement in self._document.statements:
            match statement:
                case TypeDef() | ast.FuncAlias():
                    self._type(graph, statement, imports)
                case Interface() | World():
                    self._component_type(graph, statement, wit)
                case ast.Import():
                    self._import(graph, statement, imports)
                case ast.Let(id, value):
                    self._name(id, self._value(graph, value))
                case ast.Export():
                    self._export(graph, statement)
        return Resolved(graph, wit, self._target(wit))

    # Types.

    def _wit(self) -> tuple[Resolve, WorldId]:
        """The package that the types of the document make up, and the world of its imports."""
        document = self._document
        spot = document.package.spot
        world = World(Head(), Id(_IMPORTS, spot), [])
        scope = Scope(document.package, [world])
        seen: dict[str, Spot] = {}
        for statement in document.statements:
            match statement:
                case Interface() | World():
                    self._define(statement.name)
                    scope.items.append(statement)
                case TypeDef():
                    self._define(statement.name)
                    world.items.append(statement)
                case ast.FuncAlias(id, func):
                    self._define(id)
                    # nobody asks for this import: it is there so that its types are looked up
                    alias = Id(_FUNC_TYPE + id.name, id.spot)
                    world.items.append(WitExtern(Head(), "import", alias, func))
                case ast.Import():
                    world.items.append(self._wit_import(statement, seen))
        texts: dict[str, str | bytes | Scope] = {"document.wit": scope}
        for name, text in self._texts(scope).items():
            texts[f"deps/{str(name).replace('/', '-')}.wit"] = text
        made = resolve(texts, all_features=True)
        package = made.packages[made.package_names[document.package.name]]
        return made, package.worlds[_IMPORTS]

    def _define(self, id: Id) -> None:
        if id.name in self._defined:
            raise id.spot.invalid(f"`{id.name}` is defined already")
        self._defined.add(id.name)

    def _wit_import(self, statement: ast.Import, seen: dict[str, Spot]) -> WitExtern:
        named, what = statement.name, statement.what
        if isinstance(named, ast.Text) and not is_label(named.name):
            raise named.spot.invalid(f"import name `{named.name}` is not valid: it is no label")
        name = statement.id if named is None else Id(named.name, named.spot)
        if isinstance(what, UsePath):
            path = self._actual(what)
            key = _full(path) if named is None else name.name
            extern = WitExtern(statement.head, "import", None if named is None else name, path)
        else:
            key = name.name
            extern = WitExtern(statement.head, "import", name, what)
        if key in seen:
            raise name.spot.invalid(f"duplicate import `{key}`: first at {seen[key].place()}")
        seen[key] = name.spot
        return extern

    def _actual(self, path: UsePath) -> UsePath:
        """A path with the version that the package turns out to have, where none is said."""
        name = path.package
        if name is None or name.version is not None or name == self._document.package.name:
            return path
        assert path.spot is not None, "it names a package"
        made, _ = decode(self._load(name, path.spot))
        found = made.packages[made.main].name
        same = (found.namespace, found.name) == (name.namespace, name.name)
        return UsePath(path.name, found, path.spot) if same else path

    def _texts(self, scope: Scope) -> dict[PackageName, str]:
        """The WIT of all packages that are referred to. What comes with several of them may be
        there in parts: the longest text has most of it."""
        found: dict[PackageName, str] = {}
        wanted = {r.path.package: r.path for r in references(scope)}
        targets = self._document.targets
        if targets is not None:
            wanted[targets.package] = targets
        for name, path in wanted.items():
            if name is None or name == self._document.package.name:
                continue
            assert path.spot is not None, "it names a package"
            made, _ = decode(self._load(name, path.spot))
            for each, id in made.package_names.items():
                text = print_package(made, id)
                if each.namespace != "root" and len(text) > len(found.get(each, "")):
                    found[each] = text
        return found

    def _target(self, wit: Resolve) -> tuple[WorldId, Spot] | None:
        path = self._document.targets
        if path is None:
            return None
        name = path.package or self._document.package.name
        id = wit.package_names.get(name)
        worlds = {} if id is None else wit.packages[id].worlds
        if path.name.name not in worlds:
            raise path.name.spot.invalid(f"package `{name}` has no world `{path.name.name}`")
        return worlds[path.name.name], path.name.spot

    def _type(
        self, graph: Graph, statement: TypeDef | ast.FuncAlias, imports: Mapping[str, Extern]
    ) -> None:
        """Define a type that the world of imports has too, so that its parts are known there."""
        id, key = statement.name, statement.name.name
        if isinstance(statement, ast.FuncAlias):
            key = _FUNC_TYPE + key
        bound = imports[key]
        if isinstance(bound, FuncType):
            bound = TypeBound(bound)
        assert isinstance(bound, TypeBound), "so it was written"
        self._define_in(graph, id, key, bound)

    def _component_type(self, graph: Graph, statement: Interface | World, wit: Resolve) -> None:
        """Define an interface or a world."""
        name = statement.name
        package = wit.packages[wit.package_names[self._document.package.name]]
        if isinstance(statement, World):
            made = encode_world(wit, package.worlds[name.name])
        else:
            made = encode_interface(wit, package.interfaces[name.name])
        defined = made.definitions[0]
        assert isinstance(defined, types.TypeDef), "it is exported next"
        assert isinstance(defined.type, types.ComponentType), "as all WIT is"
        self._define_in(graph, name, defined.type, _bound(made))

    def _define_in(
        self, graph: Graph, id: Id, what: types.ComponentType | str, bound: TypeBound
    ) -> None:
        define = partial(graph.define, id.name, what, bound, id.spot.at)
        self._locals[id.name] = _at(id.spot, define)

    # Values.

    def _name(self, id: Id, node: Node) -> None:
        if id.name in self._locals or id.name in self._defined:
            raise id.spot.invalid(f"`{id.name}` is defined already")
        self._locals[id.name] = node

    def _import(self, graph: Graph, statement: ast.Import, imports: Mapping[str, Extern]) -> None:
        key = statement.id.name if statement.name is None else statement.name.name
        if statement.name is None and isinstance(statement.what, UsePath):
            key = _full(self._actual(statement.what), self._document.package.name)
        spot = statement.id.spot
        self._name(statement.id, graph.import_(key, imports[key], spot.at))

    def _value(self, graph: Graph, expr: ast.Expr) -> Node:
        match expr:
            case ast.Local(id):
                if id.name not in self._locals:
                    raise id.spot.invalid(f"there is no value `{id.name}`")
                return self._locals[id.name]
            case ast.Access(of, name):
                node = self._value(graph, of)
                return _at(name.spot, lambda: graph.access(node, _export_name(node, name)))
            case ast.New():
                return self._new(graph, expr)

    def _new(self, graph: Graph, expr: ast.New) -> NewNode:
        package = self._package(expr)
        args: dict[str, Node] = {}
        spreads: list[tuple[ast.Arg, Node]] = []
        for arg in expr.args:
            node = self._value(graph, arg.value)
            if arg.spread:
                spreads.append((arg, node))
                continue
            name = _arg_name(package, arg, node)
            if name in args:
                raise arg.spot.invalid(f"duplicate argument `{name}`")
            if name not in package.shape.imports:
                raise arg.spot.invalid(f"`{package.name}` has no import `{name}`")
            args[name] = node
        for arg, node in spreads:
            exports = _exports_at(arg.spot, node)
            found = [n for n in package.shape.imports if n in exports and n not in args]
            if not found:
                raise arg.spot.invalid(f"it has nothing that `{package.name}` still needs")
            for name in found:
                args[name] = graph.access(node, name, arg.spot.at)
        rest, place = expr.rest is not None, expr.spot.at
        return _at(expr.spot, lambda: graph.new(package, args, rest=rest, place=place))

    def _package(self, expr: ast.New) -> Package:
        name = expr.package
        if name not in self._packages:
            component = self._load(name, expr.spot)
            self._packages[name] = _at(expr.spot, lambda: Package(str(name), component))
        return self._packages[name]

    def _load(self, name: PackageName, spot: Spot) -> Component:
        """The component of a name."""
        try:
            found = self._find(name)
            if found is not None:
                validate(found, ALL, lazy=True)
        except (Malformed, Invalid) as error:
            raise spot.invalid(f"package `{name}` cannot be used: {error.message}") from None
        if found is None:
            raise spot.invalid(f"package `{name}` is not there")
        return found

    def _export(self, graph: Graph, statement: ast.Export) -> None:
        node, spot = self._value(graph, statement.value), _spot(statement)
        if statement.spread:
            exports = _exports_at(spot, node)
            left = [each for each in exports if each not in graph.exports]
            if not left:
                raise spot.invalid("there is nothing to export")
            for each in left:
                graph.export(each, graph.access(node, each, spot.at), spot.at)
            return
        name = node.name if statement.name is None else statement.name.name
        if name is None:
            raise spot.invalid("it has no name of its own: give it one with `as`")
        if name in self._defined:
            raise spot.invalid(f"export `{name}` conflicts with the definition of that name")
        made = name
        _at(spot, lambda: graph.export(made, node, spot.at))


def _bound(made: Component) -> TypeBound:
    """The one type that a component exports."""
    (bound,) = validate(made, ALL).shape.exports.values()
    assert isinstance(bound, TypeBound), "it was made so"
    return bound


def _spot(statement: ast.Export) -> Spot:
    """Where it is said under what name something is exported."""
    if statement.name is not None:
        return statement.name.spot
    match statement.value:
        case ast.Local(id):
            return id.spot
        case ast.Access(_, name):
            return name.spot
        case ast.New(spot=spot):
            return spot


def _full(path: UsePath, here: PackageName | None = None) -> str:
    """The full name at a path."""
    package = path.package or here
    return path.name.name if package is None else package.member(path.name.name)


def _export_name(node: Node, name: Id | ast.Text) -> str:
    """The export that is meant: a name without quotes may be the end of a full one."""
    if isinstance(name, ast.Text):
        return name.name
    return by_last_word(exports_of(node), name.name) or name.name


def _arg_name(package: Package, arg: ast.Arg, node: Node) -> str:
    """The import that an argument is for."""
    imports = package.shape.imports
    if isinstance(arg.name, ast.Text):
        return arg.name.name
    if arg.name is not None:
        return by_last_word(imports, arg.name.name) or arg.name.name
    assert isinstance(arg.value, ast.Local), "what is inferred has a name"
    if isinstance(node, ImportNode) or node.name is not None:
        if node.name in imports:
            return str(node.name)
    local = arg.value.id.name
    return by_last_word(imports, local) or local


def _exports_at(spot: Spot, node: Node) -> Mapping[str, Extern]:
    return _at(spot, lambda: exports_of(node))


def _at(spot: Spot, make: Callable[[], _T]) -> _T:
    """Do something; what is wrong with it is wrong at this place."""
    try:
        return make()
    except Invalid as error:
        if error.place is None:
            raise spot.invalid(error.message) from None
        raise
