"""Component types → WIT: packages in binary form, and the world that a component is of."""

from collections.abc import Mapping, Sequence
from typing import Final, final

from wadjet.base.errors import Invalid
from wadjet.base.records import replace
from wadjet.component import types
from wadjet.component.component import Component, Custom, Export
from wadjet.component.features import ALL
from wadjet.component.names import parse_name
from wadjet.component.types import ExternName, FuncType, Prim, Shape
from wadjet.component.validate import validate
from wadjet.component.wit_bridge.docs import SECTION, decode_docs
from wadjet.component.wit_bridge.outline import (
    FuncNode, InstanceNode, Item, Pattern, Scope, TypeNode, outline,
)  # fmt: skip
from wadjet.component.wit_bridge.ordering import order_packages
from wadjet.wit import model
from wadjet.wit.model import (
    Function, Interface, InterfaceId, InterfaceItem, Package, PackageId, PackageName, Param,
    Primitive, Resolve, TypeId, TypeItem, World, WorldId, WorldItem, WorldKey,
)  # fmt: skip
from wadjet.wit.semver import highest_versions, parse_version

#: what the world of a component is called, and its package
ROOT: Final = "root"
ROOT_PACKAGE: Final = PackageName("root", "component")


def is_package(component: Component) -> bool:
    """Whether a component is a WIT package in binary form: it exports component types alone."""
    known = list[types.AnyType]()
    exports = 0
    for d in component.definitions:
        if isinstance(d, types.TypeDef):
            known.append(d.type)
        elif isinstance(d, Export) and d.sort == "type" and d.index < len(known):
            if not isinstance(known[d.index], types.ComponentType):
                return False
            known.append(known[d.index])
            exports += 1
        elif not isinstance(d, Custom):
            return False
    return exports > 0


def decode(component: Component) -> tuple[Resolve, WorldId | None]:
    """The WIT of a component: the packages that it is a binary form of, or the world that it is
    of (then the second result tells which). Raises Invalid and Malformed."""
    validate(component, ALL, lazy=True)
    scope = outline(component)
    decoder = _Decoder()
    if is_package(component):
        world, main = None, decoder.package_items(scope)
    else:
        main = decoder.package(ROOT_PACKAGE)
        world = decoder.world(ROOT, main, scope)
    for d in component.definitions:
        if isinstance(d, Custom) and d.name == SECTION:
            decode_docs(decoder.resolve, main, d.data)
    order_packages(decoder.resolve, main)
    return decoder.resolve, world


def decode_worlds(
    components: Sequence[Component], *, merge: bool = True
) -> tuple[Resolve, WorldId, list[set[str]]]:
    """The union of worlds that are in binary form one by one; last, what each of them exports.
    With `merge`, of an interface that is imported in several versions that may stand in for each
    other, all that they have is imported in the highest. Raises Invalid and Malformed."""
    for component in components:
        validate(component, ALL, lazy=True)
    outlines = [outline(component) for component in components]
    decoder, exports = _Decoder(renamed=_merged(outlines) if merge else {}), list[set[str]]()
    main = decoder.package(ROOT_PACKAGE)
    worlds = decoder.resolve.worlds
    for scope in outlines:
        first = len(worlds)
        decoder.package_items(scope)
        names = [decoder.resolve.key_name(key) for world in worlds[first:] for key in world.exports]
        exports.append(set(names))
    union, id = World(ROOT, main), WorldId(len(worlds))
    for world in worlds:
        _unite(union.imports, world.imports)
        _unite(union.exports, world.exports)
    worlds.append(union)
    decoder.resolve.packages[main].worlds[ROOT] = id
    order_packages(decoder.resolve, main)
    return decoder.resolve, id, exports


def _merged(outlines: Sequence[Scope]) -> dict[str, str]:
    """The interfaces that worlds import in a lower version than another does, with the name of
    that. What any of them exports keeps its version."""
    imports, exports = list[str](), set[str]()
    for package in outlines:
        for item in package.exports.values():
            if isinstance(item.node, Pattern):
                scope = package.inside(item.node, {})
                for inner in scope.exports.values():
                    if isinstance(inner.node, Pattern):
                        world = scope.inside(inner.node, {})
                        imports += [each.name.name for each in world.imports.values()]
                        exports |= {each.name.name for each in world.exports.values()}
    best = highest_versions([name for name in imports if name not in exports])
    return {name: found for name, found in best.items() if name != found}


def world_scope(component: Component) -> Scope:
    """What the world imports and exports that a component is the binary form of."""
    scope = outline(component)
    for _ in range(2):
        (item,) = scope.exports.values()
        assert isinstance(item.node, Pattern), "a world is the type of a component"
        scope = scope.inside(item.node, {})
    return scope


def merge_imports(
    sources: Sequence[tuple[Scope, Mapping[str, str]]],
) -> tuple[Resolve, dict[str, WorldItem]]:
    """What several components import, by name: interfaces of one name are one, with all that any
    of them wants of it. Beside each are names that imports of it have in place of their own.

    Raises Invalid where two want different things of one name.
    """
    decoder = _Decoder(strict=True)
    main = decoder.package(ROOT_PACKAGE)
    world, types_ = World(ROOT, main), dict[str, TypeId]()
    decoder.resolve.worlds.append(world)
    for scope, renamed in sources:
        for item in scope.imports.values():
            name = replace(item.name, name=renamed.get(item.name.name, item.name.name))
            decoder.unite(world, WorldId(0), Item(name, item.sort, item.node), types_)
    resolve = decoder.resolve
    return resolve, {resolve.key_name(key): item for key, item in world.imports.items()}


def _unite(into: dict[WorldKey, WorldItem], items: dict[WorldKey, WorldItem]) -> None:
    """Add what is not there yet, interfaces before all that may use them."""
    for key, item in items.items():
        into.setdefault(key, item)
    ordered = sorted(into.items(), key=lambda pair: not isinstance(pair[1], InterfaceItem))
    into.clear()
    into.update(ordered)


@final
class _Decoder:
    """One reading. `_named` are the types that have a name, `_kinds` those that have none. A strict
    one wants things of one name to be the same; so do interfaces that are `renamed`."""

    def __init__(self, *, strict: bool = False, renamed: Mapping[str, str] | None = None) -> None:
        self.resolve: Final = Resolve()
        self._strict: Final = strict
        self._renamed: Final = renamed or {}
        self._merged: Final = {*self._renamed.values()}
        self._interfaces: Final[dict[str, InterfaceId]] = {}
        self._named: Final[dict[TypeNode, TypeId]] = {}
        self._kinds: Final[dict[model.Kind, TypeId]] = {}

    # Packages.

    def package(self, name: PackageName) -> PackageId:
        """The package of a name, new if need be."""
        resolve = self.resolve
        if name not in resolve.package_names:
            resolve.package_names[name] = PackageId(len(resolve.packages))
            resolve.packages.append(Package(name))
        return resolve.package_names[name]

    def package_items(self, scope: Scope) -> PackageId:
        """The interfaces and worlds of a package in binary form."""
        main: PackageId | None = None
        for item in scope.exports.values():
            if not isinstance(item.node, Pattern):
                raise Invalid(f"the export `{item.name.name}` is no component type")
            package = self._package_item(scope.inside(item.node, {}))
            if main is not None and package != main:
                raise Invalid("items of different packages in one")
            main = package
        if main is None:
            raise Invalid("this is no package: it exports nothing")
        return main

    def _package_item(self, scope: Scope) -> PackageId:
        for item in scope.imports.values():
            self._named_interface(item)
        package = None
        for item in scope.exports.values():
            if isinstance(item.node, InstanceNode):
                package = self.resolve.interfaces[self._named_interface(item)].package
            elif isinstance(item.node, Pattern):
                name, label = _member(item.name)
                package = self.package(name)
                self.world(label, package, scope.inside(item.node, {}))
        if package is None:
            raise Invalid("a component type that exports neither an interface nor a world")
        return package

    # Interfaces and worlds.

    def _named_interface(self, item: Item) -> InterfaceId:
        if not isinstance(item.node, InstanceNode):
            raise Invalid(f"`{item.name.name}` is no interface")
        name, label = _member(item.name)
        full_name = name.member(label)
        if full_name in self._renamed:
            full_name = self._renamed[full_name]
            name, label = _member(ExternName(full_name))
        if full_name not in self._interfaces:
            package = self.package(name)
            id = self._new_interface(label, package)
            self._interfaces[full_name] = id
            self.resolve.packages[package].interfaces[label] = id
        id = self._interfaces[full_name]
        self._fill(id, item.node, self._strict or full_name in self._merged)
        return id

    def _new_interface(self, name: str | None, package: PackageId) -> InterfaceId:
        self.resolve.interfaces.append(Interface(name, package))
        return InterfaceId(len(self.resolve.interfaces) - 1)

    def _fill(self, id: InterfaceId, instance: InstanceNode, strict: bool) -> None:
        """Add what an interface has and is not known yet; what is known gets one more node."""
        interface = self.resolve.interfaces[id]
        for name, item in instance.exports.items():
            if isinstance(item.node, TypeNode):
                if name not in interface.types:
                    interface.types[name] = self._define(item, item.node, ("interface", id))
                elif strict:
                    known = self.resolve.types[interface.types[name]].kind
                    self._same(name, known, self._kind_of_named(item.node))
                self._named[item.node] = interface.types[name]
            elif not isinstance(item.node, FuncNode) or item.sort != "func":
                raise Invalid(f"`{name}` is neither a type nor a function")
            elif name not in interface.functions:
                interface.functions[name] = self._function(item, item.node, interface.types)
            elif strict:
                found = self._function(item, item.node, interface.types)
                self._same(name, interface.functions[name], found)

    def _same(self, name: str, known: object, found: object) -> None:
        if known != found:
            raise Invalid(f"conflicting definitions of `{name}`")

    def unite(self, world: World, id: WorldId, item: Item, types_: dict[str, TypeId]) -> None:
        """Add an import to a world that may have it already."""
        name, before = item.name.name, world.imports.get(item.name.name)
        if isinstance(before, InterfaceItem) and isinstance(item.node, InstanceNode):
            self._fill(before.id, item.node, self._strict)
            return
        self._world_item(world, id, item, world.imports, types_)
        if before is not None:
            self._same(name, before, world.imports[name])

    def world(self, name: str, package: PackageId, scope: Scope) -> WorldId:
        """A world: what a component imports and exports."""
        world, id = World(name, package), WorldId(len(self.resolve.worlds))
        self.resolve.worlds.append(world)
        self.resolve.packages[package].worlds[name] = id
        types_: dict[str, TypeId] = {}
        for item in scope.imports.values():
            self._world_item(world, id, item, world.imports, types_)
        for item in scope.exports.values():
            self._world_item(world, id, item, world.exports, types_)
        return id

    def _world_item(
        self,
        world: World,
        id: WorldId,
        item: Item,
        into: dict[WorldKey, WorldItem],
        types_: dict[str, TypeId],
    ) -> None:
        name, node = item.name.name, item.node
        external = item.name.attribute("external-id")
        if isinstance(node, InstanceNode):
            key, interface = self._world_interface(world, item, node)
            into[key] = InterfaceItem(interface, external_id=external)
        elif isinstance(node, TypeNode):
            if name not in types_:
                types_[name] = self._define(item, node, ("world", id))
            self._named[node] = types_[name]
            world.imports.setdefault(name, TypeItem(types_[name]))
        elif isinstance(node, FuncNode) and item.sort == "func":
            into[name] = self._function(item, node, types_)
        else:
            raise Invalid(f"WIT has no words for `{name}`, which is a {item.sort}")

    def _world_interface(
        self, world: World, item: Item, node: InstanceNode
    ) -> tuple[WorldKey, InterfaceId]:
        implements = item.name.attribute("implements")
        if implements is not None:
            return item.name.name, self._named_interface(Item(ExternName(implements), "", node))
        if parse_name(item.name.name, ALL).kind == "interface":
            id = self._named_interface(item)
            return id, id
        id = self._new_interface(None, world.package)
        self._fill(id, node, self._strict)
        return item.name.name, id

    def _function(self, item: Item, node: FuncNode, types_: dict[str, TypeId]) -> Function:
        name = parse_name(item.name.name, ALL)
        ft, scope = node.type, node.scope
        made = Function(name.text, self._params(ft, scope), self._maybe(ft.result, scope))
        made.is_async = ft.is_async
        made.external_id = item.name.attribute("external-id")
        if name.kind in ("constructor", "method", "static"):
            if name.resource not in types_:
                raise Invalid(f"`{name.text}` is of a resource that is not there")
            made.resource = types_[name.resource]
        match name.kind:
            case "constructor" | "method" | "static" as role:
                made.role = role
        return made

    def _params(self, ft: FuncType, scope: Scope) -> list[Param]:
        return [Param(label, self._value(t, scope)) for label, t in ft.params]

    # Types.

    def _define(self, item: Item, node: TypeNode, owner: model.Owner) -> TypeId:
        """A new type with a name."""
        made = model.TypeDef(item.name.name, self._kind_of_named(node), owner)
        made.external_id = item.name.attribute("external-id")
        return self._add(made)

    def _kind_of_named(self, node: TypeNode) -> model.Kind:
        source = node.source
        while source is not None and source not in self._named and source.source is not None:
            source = source.source
        if source is not None and source in self._named:
            return model.Alias(self._named[source])
        if isinstance(node.written, Prim):
            return model.Alias(Primitive(node.written.name))
        if node.written is None:
            return model.Resource()
        return self._kind(node.written, node.scope)

    def _add(self, made: model.TypeDef) -> TypeId:
        self.resolve.types.append(made)
        return TypeId(len(self.resolve.types) - 1)

    def _value(self, t: types.ValType, scope: Scope) -> model.Type:
        if isinstance(t, Prim):
            return Primitive(t.name)
        assert isinstance(t, int), "a component as written names types by index"
        node: TypeNode | None = scope.type(t)
        written, inner = scope.type(t).written, scope.type(t).scope
        while node is not None:
            if node in self._named:
                return self._named[node]
            node = node.source
        if isinstance(written, Prim):
            return Primitive(written.name)
        if written is None:
            raise Invalid("a resource without a name")
        kind = self._kind(written, inner)
        if kind not in self._kinds:
            self._kinds[kind] = self._add(model.TypeDef(None, kind))
        return self._kinds[kind]

    def _maybe(self, t: types.ValType | None, scope: Scope) -> model.Type | None:
        return None if t is None else self._value(t, scope)

    def _kind(self, shape: Shape, scope: Scope) -> model.Kind:
        match shape:
            case types.Record(fields):
                made = [model.Field(label, self._value(t, scope)) for label, t in fields]
                return model.Record(tuple(made))
            case types.Variant(cases):
                each = [model.Case(label, self._maybe(t, scope)) for label, t in cases]
                return model.Variant(tuple(each))
            case types.Enum(labels):
                return model.Enum(tuple([model.Label(label) for label in labels]))
            case types.Flags(labels):
                return model.Flags(tuple([model.Label(label) for label in labels]))
            case types.Own(resource):
                return model.Own(self._resource(resource, scope))
            case types.Borrow(resource):
                return model.Borrow(self._resource(resource, scope))
            case types.Tuple(items):
                return model.Tuple(tuple([self._value(item, scope) for item in items]))
            case types.Option(some):
                return model.Option(self._value(some, scope))
            case types.Result(ok, error):
                return model.Result(self._maybe(ok, scope), self._maybe(error, scope))
            case types.List(element, None):
                return model.List(self._value(element, scope))
            case types.List(element, int(length)):
                return model.FixedList(self._value(element, scope), length)
            case types.Map(key, value):
                return model.Map(self._value(key, scope), self._value(value, scope))
            case types.Future(maybe):
                return model.Future(self._maybe(maybe, scope))
            case types.Stream(maybe):
                return model.Stream(self._maybe(maybe, scope))
        raise AssertionError(shape)

    def _resource(self, resource: int | types.ResourceType, scope: Scope) -> TypeId:
        assert isinstance(resource, int), "a component as written names types by index"
        found = self._value(resource, scope)
        assert not isinstance(found, Primitive), "validated"
        return found


def _member(given: ExternName) -> tuple[PackageName, str]:
    """The package of a full name, and what it names there."""
    path, _, version = given.name.partition("@")
    version += given.attribute("versionsuffix") or ""
    package, slash, label = path.rpartition("/")
    namespace, colon, name = package.partition(":")
    if not (slash and colon):
        raise Invalid(f"`{given.name}` is not the name of an interface")
    parsed = parse_version(version) if version else None
    if version and parsed is None:
        raise Invalid(f"`{version}` in `{given.name}` is not a version")
    return PackageName(namespace, name, parsed), label
