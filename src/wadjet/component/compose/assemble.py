"""`Graph` → `Component`: imports that are shared, the components inside, their instances."""

from collections.abc import Callable
from typing import Final, final

from wadjet.base.errors import Invalid
from wadjet.base.spans import Place
from wadjet.component.closed import sort_of
from wadjet.component.component import Arg, Component, Export, Instantiate
from wadjet.component.compose.graph import (
    AccessNode, Graph, ImportNode, NewNode, Node, Package, TypeNode,
)  # fmt: skip
from wadjet.component.features import ALL
from wadjet.component.types import AliasExport, ExternName, Import
from wadjet.component.validate import validate
from wadjet.component.wit_bridge import merge_imports, outline, world_scope
from wadjet.component.wit_bridge.declarations import Declarations
from wadjet.component.wit_bridge.encode import TypeEncoder, extern_name
from wadjet.component.wit_bridge.outline import Scope
from wadjet.component.wit_bridge.writer import TypeWriter
from wadjet.core.module import place_of_offset
from wadjet.wit.model import (
    Function, InterfaceId, InterfaceItem, Resolve, TypeId, TypeItem, WorldItem, WorldKey,
)  # fmt: skip
from wadjet.wit.semver import highest_versions


def assemble(graph: Graph, locate: Callable[[int], Place] = place_of_offset) -> Component:
    """The component of a composition, which is valid. `locate` turns places of nodes into places
    for people. Raises Invalid where something does not fit."""
    made = _Assembly(graph, locate).component()
    made.locate = locate
    validate(made, ALL, lazy=True)
    return made


@final
class _DefinedTypes(TypeWriter):
    """Types that are defined here. `defined` makes those that have a name."""

    def __init__(
        self, resolve: Resolve, scope: Declarations, defined: Callable[[TypeId], int]
    ) -> None:
        super().__init__(resolve, scope)
        self._defined: Final = defined

    def named(self, id: TypeId) -> int:
        """As a definition of the composition."""
        return self._defined(id)


@final
class _Assembly:
    """One component on its way."""

    def __init__(self, graph: Graph, locate: Callable[[int], Place]) -> None:
        self._graph: Final = graph
        self._locate: Final = locate
        made = [node for node in graph.nodes if isinstance(node, NewNode)]
        implicit = [name for node in made for name in node.implicit]
        #: names of implicit imports → the names they have here
        self._names: Final = highest_versions(implicit)
        self._check_conflicts(made)
        sources: list[tuple[Scope, dict[str, str]]] = []
        if graph.world is not None:
            sources.append((world_scope(graph.world), {}))
        components = {node.package.name: node.package for node in made if node.implicit}
        for package in components.values():
            sources.append((outline(package.component), self._names))
        try:
            merged = merge_imports(sources)
        except Invalid as error:
            last = next((n.place for n in reversed(made) if n.implicit), 0)
            raise Invalid(error.message, self._locate(last)) from None
        self._resolve: Final[Resolve] = merged[0]
        self._items: Final[dict[str, WorldItem]] = merged[1]
        self._encoder: Final = TypeEncoder(self._resolve, Import)
        self._scope: Final = self._encoder.outer
        self._types: Final = _DefinedTypes(self._resolve, self._scope, self._defined)
        self._imports: Final[dict[str, int]] = {}
        self._packages: Final[dict[str, int]] = {}
        self._made: Final[dict[Node, int]] = {}
        self._wanted: Final = [*graph.imports, *(self._names.get(n, n) for n in implicit)]

    def _check_conflicts(self, made: list[NewNode]) -> None:
        for node in made:
            for name in node.implicit:
                if self._names.get(name, name) in self._graph.imports:
                    what = f"`{node.package.name}` implicitly imports `{name}`"
                    conflict = "which is imported explicitly as well"
                    raise Invalid(f"{what}, {conflict}", self._locate(node.place))

    def component(self) -> Component:
        """Everything, in the order in which one needs another."""
        for name in self._wanted:
            self._import(name, self._items[name])
        for each in self._graph.types:
            self._define(each)
        for node in self._graph.nodes:
            self._made[node] = self._node(node)
        for name, (node, place) in self._graph.exports.items():
            if not isinstance(node, TypeNode):
                sort = sort_of(node.extern)
                self._scope.add(Export(ExternName(name), sort, self._index(node), place=place))
        return self._scope.component()

    def _define(self, node: TypeNode) -> None:
        """Define and export a type after those that it is made of."""
        if node in self._made:
            return
        if isinstance(node.what, str):
            item = self._items[node.what]
            if isinstance(item, TypeItem):
                made = self._types.body(item.id)
            else:
                assert isinstance(item, Function), "a function of that type"
                made = self._types.func(item)
        else:
            made = self._scope.define(node.what)
        export = Export(ExternName(node.name), "type", made, place=node.place)
        self._made[node] = self._scope.add(export)

    def _defined(self, id: TypeId) -> int:
        """The index of a type of the world that the composition defines."""
        for node in self._graph.types:
            if isinstance(node.what, str) and self._items[node.what] == TypeItem(id):
                self._define(node)
                return self._made[node]
        found = self._encoder.alias(id)
        assert found is not None, "others belong to interfaces, which are imported"
        return found

    def _import(self, name: str, item: WorldItem) -> None:
        """Import something after the interfaces whose types it uses."""
        if name in self._imports:
            return
        if isinstance(item, TypeItem):
            self._of_type(item)
            self._imports[name] = self._encoder.types.index(item.id)
            return
        if isinstance(item, InterfaceItem):
            for needed in self._resolve.dependencies(item.id):
                self._interface(needed)
        else:
            for other in self._items.values():
                if isinstance(other, TypeItem):
                    self._of_type(other)
        key: WorldKey = name
        if isinstance(item, InterfaceItem) and self._resolve.full_name(item.id) == name:
            key = item.id
        called = extern_name(self._resolve, key, item)
        self._imports[name] = self._scope.import_(called, self._encoder.extern(item))

    def _interface(self, id: InterfaceId) -> None:
        name = self._resolve.full_name(id)
        assert name is not None, "only interfaces with a name are used from"
        self._import(name, self._items.get(name) or InterfaceItem(id))

    def _of_type(self, item: TypeItem) -> None:
        used = self._resolve.used_from(item.id)
        if used is not None:
            self._interface(used)

    def _index(self, node: Node) -> int:
        return self._imports[node.name] if isinstance(node, ImportNode) else self._made[node]

    def _node(self, node: Node) -> int:
        if isinstance(node, AccessNode):
            sort, of = sort_of(node.extern), self._index(node.of)
            return self._scope.add(AliasExport(sort, of, node.name, node.place))
        assert isinstance(node, NewNode), "imports are there already"
        args = []
        for name, extern in node.package.shape.imports.items():
            given = node.args.get(name)
            index = self._imports[self._names.get(name, name)] if given is None else -1
            index = index if given is None else self._index(given)
            args.append(Arg(name, sort_of(extern if given is None else given.extern), index))
        package = self._package(node.package)
        return self._scope.add(Instantiate(package, tuple(args), node.place))

    def _package(self, package: Package) -> int:
        if package.name not in self._packages:
            self._packages[package.name] = self._scope.add(package.component)
        return self._packages[package.name]
