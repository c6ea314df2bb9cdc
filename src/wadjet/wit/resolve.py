"""WIT → `Resolve`: what packages mean. `resolve` is the only function that others need.

A package is resolved when all that it refers to has been. First come its interfaces, each after
those whose types it uses, then its worlds; then function signatures are settled, since what names
a resource stands for a handle; at last worlds take in what they `include` and are completed.
"""

from collections.abc import Collection, Sequence
from typing import Final

from wadjet.wit import ast
from wadjet.wit.budget import Budget
from wadjet.wit.definitions import Context, Definitions, Gates, interface_id, settle
from wadjet.wit.elaborate import elaborate
from wadjet.wit.include import Inclusion
from wadjet.wit.model import (
    Function,
    Interface,
    InterfaceId,
    InterfaceItem,
    Owner,
    Package,
    PackageId,
    Resolve,
    TypeItem,
    World,
    WorldId,
    WorldItem,
    WorldKey,
)
from wadjet.wit.names import EXCLUDED, Foreign, Local, Names
from wadjet.wit.packages import Unit, packages
from wadjet.wit.sources import Translate, Where, read
from wadjet.wit.types import NO_TYPE, Arena, excluded, text_of


def resolve(
    where: Where,
    features: Collection[str] = (),
    *,
    all_features: bool = False,
    translate: Translate | None = None,
) -> Resolve:
    """Read WIT and find out what it means.

    `where` is a folder, a file, several of them (the last is what is asked for, the others are
    there to be referred to), or a mapping from names to texts in place of a folder. Items that are
    `@unstable` are there if their feature is among `features`. `translate` makes text of packages
    in binary form: this room does not know them. Raises Malformed where the text is not WIT,
    Invalid where it means nothing, OSError where it cannot be read.
    """
    units, main = packages(read(where, translate))
    made = Resolve()
    arena, budget = Arena(made.types), Budget()
    for unit in units:
        names = Names(unit.scopes)
        gates = Gates(unit.name, frozenset(features), all_features)
        _Package(unit, Context(made, arena, names, gates)).resolve(budget)
        if unit.name == main:
            made.main = PackageId(len(made.packages) - 1)
    return made


class _Package:
    """One package on its way into a `Resolve`."""

    def __init__(self, unit: Unit, context: Context) -> None:
        self._context: Final = context
        self._resolve: Final = context.resolve
        self._package: Final = Package(unit.name, docs=unit.docs)
        self._id: Final = PackageId(len(self._resolve.packages))
        self._worlds: list[_World] = []

    def resolve(self, budget: Budget) -> None:
        """Add the package and all that is in it."""
        resolve, locals_ = self._resolve, self._context.names.locals
        resolve.packages.append(self._package)
        resolve.package_names[self._package.name] = self._id
        first = len(resolve.interfaces)
        for foreign in self._context.names.foreign.values():
            self._find(foreign)
        for local in locals_.values():
            self._allocate(local)
        for local in locals_.values():
            if isinstance(local.written, ast.Interface):
                self._interface(local, local.written)
        for local in locals_.values():
            if isinstance(local.written, ast.World):
                self._worlds.append(_World(self._context, self._id, local, local.written))
        for interface in resolve.interfaces[first:]:
            for function in interface.functions.values():
                settle(self._context, function)
        for world in self._worlds:
            world.settle()
        for world in self._worlds:
            world.complete(budget)

    def _find(self, foreign: Foreign) -> None:
        """Find what another package must have, if any reference to it is there."""
        first = foreign.references[0].path
        package = self._resolve.packages[self._resolve.package_names[foreign.package]]
        gates = self._context.gates
        if not any(
            gates.open(reference.head.stability, reference.path.name.spot)
            for reference in foreign.references
        ):
            return
        there: dict[str, InterfaceId] | dict[str, WorldId]
        there = package.interfaces if foreign.kind == "interface" else package.worlds
        if foreign.name not in there:
            message = f"package `{foreign.package}` has no {foreign.kind} `{foreign.name}`"
            raise first.name.spot.invalid(message)
        foreign.id = there[foreign.name]

    def _allocate(self, local: Local) -> None:
        """Give an interface or world its index, unless a gate leaves it out."""
        written = local.written
        head, name = written.head, written.name
        if not self._context.gates.open(head.stability, name.spot):
            return
        docs = text_of(head.docs)
        if isinstance(written, ast.Interface):
            local.id = len(self._resolve.interfaces)
            interface = Interface(name.name, self._id, docs=docs, stability=head.stability)
            interface.spot = name.spot
            self._resolve.interfaces.append(interface)
            self._package.interfaces[name.name] = InterfaceId(local.id)
        else:
            local.id = len(self._resolve.worlds)
            world = World(name.name, self._id, docs=docs, stability=head.stability)
            world.spot = name.spot
            self._resolve.worlds.append(world)
            self._package.worlds[name.name] = WorldId(local.id)

    def _interface(self, local: Local, written: ast.Interface) -> None:
        made = fill_interface(self._context, interface_id(local), written.items, local.scope)
        local.types, local.functions = made.names, made.functions


def fill_interface(
    context: Context, id: InterfaceId | None, items: Sequence[ast.InterfaceItem], scope: int
) -> Definitions:
    """Define what an interface has; without an index, only look at its names."""
    owner: Owner | None = None if id is None else ("interface", id)
    definitions = Definitions(context, "interface", owner, scope)
    definitions.read_types(items)
    functions: list[Function | None] = []
    for item in items:
        if isinstance(item, ast.NamedFunc):
            functions.append(definitions.function(item.head, item.name, item.func))
        elif isinstance(item, ast.TypeDef) and isinstance(item.body, ast.Resource):
            functions += [definitions.method(item.name, each) for each in item.body.methods]
    if id is not None:
        interface = context.resolve.interfaces[id]
        types = definitions.names.items()
        interface.types = {name: type for name, type in types if type != NO_TYPE}
        interface.functions = {each.name: each for each in functions if each is not None}
    return definitions


class _World:
    """One world on its way into a `Resolve`."""

    def __init__(
        self, context: Context, package: PackageId, local: Local, written: ast.World
    ) -> None:
        self._context: Final = context
        self._package: Final = package
        self._written: Final = written
        self._scope: Final = local.scope
        self._id: Final = None if local.id == EXCLUDED else WorldId(local.id)
        self._imports: Final[dict[WorldKey, WorldItem]] = {}
        self._exports: Final[dict[WorldKey, WorldItem]] = {}
        #: name of an import or export → what has it
        self._taken: Final[dict[tuple[str, str], str]] = {}
        self._paths: Final[set[tuple[str, str]]] = set()
        owner: Owner | None = None if self._id is None else ("world", self._id)
        self._definitions: Final = Definitions(context, "world", owner, local.scope)
        self._read()

    def _read(self) -> None:
        """Define what the world has by itself."""
        self._definitions.read_types(self._written.items)
        for item in self._written.items:
            if isinstance(item, ast.Include):
                self._context.names.world(item.path, self._scope)
        for name, type in self._definitions.names.items():
            self._taken["import", name.lower()] = "type"
            if type != NO_TYPE:
                self._imports[name] = TypeItem(type)
        for item in self._written.items:
            if isinstance(item, ast.Extern):
                self._extern(item)
            elif isinstance(item, ast.TypeDef) and isinstance(item.body, ast.Resource):
                for method in item.body.methods:
                    self._add("import", self._definitions.method(item.name, method))
        if self._id is not None:
            world = self._context.resolve.worlds[self._id]
            world.imports, world.exports = self._imports, self._exports

    def _add(self, keyword: str, item: Function | None) -> None:
        if item is not None:
            self._items(keyword)[item.name] = item

    def _items(self, keyword: str) -> dict[WorldKey, WorldItem]:
        return self._imports if keyword == "import" else self._exports

    def _extern(self, extern: ast.Extern) -> None:
        """One import or export."""
        what, name = extern.what, extern.name
        if isinstance(what, ast.UsePath):
            self._path(extern, what)
            return
        assert name is not None, "functions and inline interfaces are named"
        self._take(extern.keyword, name, "function" if isinstance(what, ast.Func) else "interface")
        if isinstance(what, ast.Func):
            self._add(extern.keyword, self._definitions.function(extern.head, name, what))
            return
        head, context = extern.head, self._context
        there = context.gates.open(head.stability, name.spot) and self._id is not None
        id = None
        if there:
            made = Interface(None, self._package, docs=text_of(head.docs), spot=name.spot)
            made.stability = head.stability
            id = InterfaceId(len(context.resolve.interfaces))
            context.resolve.interfaces.append(made)
        fill_interface(context, id, what, self._scope)
        if id is not None:
            item = InterfaceItem(id, None, head.stability, head.external_id, name.spot)
            self._items(extern.keyword)[name.name] = item

    def _path(self, extern: ast.Extern, path: ast.UsePath) -> None:
        """An interface that is defined elsewhere, under its own name or another."""
        found = self._context.names.interface(path, self._scope)
        head = extern.head
        spot = path.name.spot
        if extern.name is not None:
            spot = extern.name.spot
            self._take(extern.keyword, extern.name, "interface")
        elif (extern.keyword, found.full_name) in self._paths:
            raise spot.invalid(f"this interface is {extern.keyword}ed more than once")
        else:
            self._paths.add((extern.keyword, found.full_name))
        if not self._context.gates.open(head.stability, spot) or self._id is None:
            return
        interface = interface_id(found)
        if interface is None:
            raise excluded(spot, "an interface")
        item = InterfaceItem(interface, text_of(head.docs), head.stability, head.external_id, spot)
        key: WorldKey = interface if extern.name is None else extern.name.name
        self._items(extern.keyword)[key] = item

    def _take(self, keyword: str, name: ast.Id, what: str) -> None:
        """A name is imported once, and exported once, whatever the case of its letters."""
        key = keyword, name.name.lower()
        if key in self._taken:
            other = f"there is {_ARTICLE[self._taken[key]]} of that name already"
            raise name.spot.invalid(f"{keyword} `{name.name}` conflicts: {other}")
        self._taken[key] = what

    def settle(self) -> None:
        """Make what functions name types of values."""
        if self._id is None:
            return
        for item in [*self._imports.values(), *self._exports.values()]:
            if isinstance(item, Function):
                settle(self._context, item)

    def complete(self, budget: Budget) -> None:
        """Take in what is included, and add what is needed and not said."""
        if self._id is None:
            return
        resolve = self._context.resolve
        inclusion = Inclusion(resolve, self._context.arena, self._id, budget)
        for item in self._written.items:
            if not isinstance(item, ast.Include):
                continue
            spot = item.path.name.spot
            if not self._context.gates.open(item.head.stability, spot):
                continue
            found = self._context.names.world(item.path, self._scope)
            if found.id == EXCLUDED:
                raise excluded(spot, "a world")
            inclusion.add(WorldId(found.id), item.renames, spot)
        budget.spend(elaborate(resolve, self._id), self._written.name.spot)


_ARTICLE: Final = {"type": "a type", "function": "a function", "interface": "an interface"}
