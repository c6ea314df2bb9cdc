"""WIT → component types: what a package, a world or an interface is to a component (WIT.md,
"Package Format").

Each interface and each world of a package becomes a component type, exported under its plain name.
That of an interface imports the interfaces it uses types of, with their types alone, and exports
the interface itself; that of a world exports the world, which is a component type again.
"""

from collections.abc import Iterable
from typing import Final, final

from wadjet.component.component import Component, Custom, Export
from wadjet.component.types import (
    AliasExport, AliasOuter, ComponentType, ExportDecl, ExternName, Import, TypeDef, TypeUse,
)  # fmt: skip
from wadjet.component.wit_bridge.declarations import Declarations
from wadjet.component.wit_bridge.docs import SECTION, encode_docs
from wadjet.component.wit_bridge.writer import NamingWriter, attributes
from wadjet.wit.model import (
    Function, InterfaceId, InterfaceItem, PackageId, Resolve, TypeId, TypeItem, WorldId, WorldItem,
    WorldKey,
)  # fmt: skip


def encode_package(resolve: Resolve, id: PackageId) -> Component:
    """A package in binary form, with its docs and gates in a custom section."""
    package = resolve.packages[id]
    made = Component()
    for name, interface in package.interfaces.items():
        _export_type(made, name, interface_type(resolve, interface))
    for name, world in package.worlds.items():
        _export_type(made, name, _wrapped(resolve, world))
    made.definitions.append(Custom(SECTION, encode_docs(resolve, id)))
    return made


def encode_world(resolve: Resolve, id: WorldId) -> Component:
    """A world alone in binary form."""
    made = Component()
    _export_type(made, resolve.worlds[id].name, _wrapped(resolve, id))
    return made


def encode_interface(resolve: Resolve, id: InterfaceId) -> Component:
    """An interface alone in binary form."""
    made = Component()
    name = resolve.interfaces[id].name
    assert name is not None, "only interfaces with a name stand alone"
    _export_type(made, name, interface_type(resolve, id))
    return made


def _export_type(component: Component, name: str, t: ComponentType) -> None:
    """Define a type and export it. An export adds an index as well."""
    index = len(component.definitions)
    component.definitions.append(TypeDef(t))
    component.definitions.append(Export(ExternName(name), "type", index))


def _wrapped(resolve: Resolve, id: WorldId) -> ComponentType:
    world = resolve.worlds[id]
    name = resolve.packages[world.package].name.member(world.name)
    exported = ExportDecl(ExternName(name), TypeUse("component", 0))
    return ComponentType((TypeDef(world_type(resolve, id)), exported))


def interface_type(resolve: Resolve, id: InterfaceId) -> ComponentType:
    """The component type that stands for an interface."""
    encoder = TypeEncoder(resolve)
    for needed in _with_needs(resolve, id):
        name = resolve.full_name(needed)
        assert name is not None, "only interfaces with a name are used from"
        if needed == id:
            encoder.outer.export(ExternName(name), encoder.instance(needed))
        else:
            encoder.outer.import_(ExternName(name), encoder.instance(needed, functions=()))
    return encoder.outer.component_type()


def _with_needs(resolve: Resolve, id: InterfaceId) -> list[InterfaceId]:
    """An interface after all those that it needs, directly or not."""
    found: dict[InterfaceId, None] = {}
    path = [(id, iter(resolve.dependencies(id)))]
    while path:
        last, rest = path[-1]
        needed = next(rest, None)
        if needed is None:
            found[last] = None
            path.pop()
        elif needed not in found:
            path.append((needed, iter(resolve.dependencies(needed))))
    return list(found)


def world_type(resolve: Resolve, id: WorldId) -> ComponentType:
    """The component type that a world is."""
    world = resolve.worlds[id]
    encoder = TypeEncoder(resolve, Import)
    for key, item in world.imports.items():
        if isinstance(item, TypeItem):
            encoder.types.value(item.id)
        else:
            encoder.outer.import_(extern_name(resolve, key, item), encoder.extern(item))
    for key, item in world.exports.items():
        assert not isinstance(item, TypeItem), "worlds export no types"
        encoder.outer.export(extern_name(resolve, key, item), encoder.extern(item))
    return encoder.outer.component_type()


def extern_name(resolve: Resolve, key: WorldKey, item: WorldItem) -> ExternName:
    """The name of an import or export of a world, with what else it says."""
    said = {"implements": resolve.implements(key, item)}
    if isinstance(item, Function | InterfaceItem):
        said["external-id"] = item.external_id
    return ExternName(resolve.key_name(key), attributes(said))


@final
class TypeEncoder:
    """Writes interfaces and functions into the type of a component, or into a component itself:
    `outer`. `types` are the types that belong to no instance."""

    def __init__(
        self, resolve: Resolve, names_by: type[Import] | type[ExportDecl] = ExportDecl
    ) -> None:
        self._resolve: Final = resolve
        self.outer: Final = Declarations(names_by)
        self.types: Final = NamingWriter(resolve, self.outer, self.alias)
        #: interface → the instance that has its types
        self._instances: Final[dict[InterfaceId, int]] = {}
        self._count = 0
        #: type of an interface → its alias in the outer scope
        self._aliases: Final[dict[TypeId, int]] = {}

    def extern(self, item: InterfaceItem | Function) -> TypeUse:
        """The type of an import or export."""
        if isinstance(item, InterfaceItem):
            return self.instance(item.id)
        return TypeUse("func", self.types.func(item))

    def instance(
        self,
        id: InterfaceId,
        functions: Iterable[Function] | None = None,
        types: Iterable[TypeId] | None = None,
    ) -> TypeUse:
        """The type of the instance of an interface, with all that it has or what is given. The next
        instance of `outer` must be of it."""
        interface = self._resolve.interfaces[id]
        wanted = interface.functions.values() if functions is None else functions
        writer = NamingWriter(self._resolve, Declarations(), lambda t: self._inward(writer, id, t))
        for type_ in interface.types.values() if types is None else types:
            writer.value(type_)
        for function in _in_order(self._resolve, id, wanted):
            name = ExternName(function.name, attributes({"external-id": function.external_id}))
            writer.scope.export(name, TypeUse("func", writer.func(function)))
        self.stands_for(id, self._count)
        self._count += 1
        return TypeUse("instance", self.outer.define(writer.scope.instance_type()))

    def stands_for(self, id: InterfaceId, instance: int) -> None:
        """From now on the types of an interface are those of this instance."""
        self._instances[id] = instance
        for type_ in self._resolve.interfaces[id].types.values():
            self._aliases.pop(type_, None)

    def _inward(self, writer: NamingWriter, id: InterfaceId, type_: TypeId) -> int | None:
        """A type of another interface inside the instance of this one."""
        if self._resolve.types[type_].owner == ("interface", id):
            return None
        outer = self.alias(type_)
        return None if outer is None else writer.scope.add(AliasOuter("type", 1, outer))

    def alias(self, id: TypeId) -> int | None:
        """A type that belongs to an interface, taken out of its instance; None for others."""
        type_ = self._resolve.types[id]
        if type_.owner is None or type_.owner[0] == "world":
            return None
        assert type_.name is not None, "a type with an owner has a name"
        if id not in self._aliases:
            instance = self._instances[type_.owner[1]]
            self._aliases[id] = self.outer.add(AliasExport("type", instance, type_.name))
        return self._aliases[id]


def _in_order(resolve: Resolve, id: InterfaceId, functions: Iterable[Function]) -> list[Function]:
    """Functions of resources by resource, then those of none: as the text has them."""
    order = {id: i for i, id in enumerate(resolve.interfaces[id].types.values())}
    return sorted(functions, key=lambda f: len(order) if f.resource is None else order[f.resource])
