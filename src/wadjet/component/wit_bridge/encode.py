"""WIT → component types: what a package, a world or an interface is to a component (WIT.md,
"Package Format").

Each interface and each world of a package becomes a component type, exported under its plain name.
That of an interface imports the interfaces it uses types of, with their types alone, and exports
the interface itself; that of a world exports the world, which is a component type again.
"""

from collections.abc import Iterable, Mapping
from typing import Final, final

from wadjet.component import types
from wadjet.component.component import Component, Custom, Export
from wadjet.component.types import (
    AliasExport, AliasOuter, Attribute, ComponentType, EqType, ExportDecl, ExternName, FuncType,
    Import, InstanceType, Prim, Shape, SubResource, TypeDef, TypeUse, prim,
)  # fmt: skip
from wadjet.component.wit_bridge.declarations import Declarations
from wadjet.component.wit_bridge.docs import SECTION, encode_docs
from wadjet.wit import model
from wadjet.wit.model import (
    Function, InterfaceId, InterfaceItem, PackageId, Primitive, Resolve, TypeId, TypeItem, WorldId,
    WorldItem, WorldKey,
)  # fmt: skip

#: what makes a function type: whether it is async, its parameters, its result
_Signature = tuple[bool, tuple[tuple[str, model.Type], ...], model.Type | None]


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
            encoder.outer.import_(ExternName(name), encoder.instance(needed, functions=False))
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
            encoder.value(item.id)
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
    return ExternName(resolve.key_name(key), _attributes(said))


def _attributes(said: Mapping[str, str | None]) -> tuple[Attribute, ...]:
    return tuple([Attribute(kind, text) for kind, text in said.items() if text is not None])


@final
class TypeEncoder:
    """Writes types of a `Resolve` into the type of a component, and of one instance at a time.

    `outer` is the component's. While an instance is being written, `_scope` is the instance's;
    what is already there is found in `_ids`, `_kinds` and `_signatures`, which belong to a scope.
    """

    def __init__(
        self, resolve: Resolve, names_by: type[Import] | type[ExportDecl] = ExportDecl
    ) -> None:
        self._resolve: Final = resolve
        self.outer: Final = Declarations(names_by)
        self._scope = self.outer
        self._ids: dict[TypeId, int] = {}
        self._kinds: dict[model.Kind, int] = {}
        self._signatures: dict[_Signature, int] = {}
        self._interface: InterfaceId | None = None
        #: interface → the instance that has its types
        self._instances: Final[dict[InterfaceId, int]] = {}
        self._count = 0
        #: type of another interface → its alias in the outer scope
        self._aliases: Final[dict[TypeId, int]] = {}

    def extern(self, item: InterfaceItem | Function) -> TypeUse:
        """The type of an import or export."""
        if isinstance(item, InterfaceItem):
            return self.instance(item.id)
        return TypeUse("func", self.func(item))

    def instance(self, id: InterfaceId, *, functions: bool = True) -> TypeUse:
        """The type of the instance of an interface. The next instance of `outer` must be of it."""
        interface = self._resolve.interfaces[id]
        made = self._instance_type(id, interface.functions.values() if functions else ())
        self._instances[id] = self._count
        self._count += 1
        for type_ in self._resolve.interfaces[id].types.values():
            self._aliases.pop(type_, None)  # an export's types are those that later exports use
        return TypeUse("instance", self.outer.define(made))

    def _instance_type(self, id: InterfaceId, functions: Iterable[Function]) -> InstanceType:
        saved = self._ids, self._kinds, self._signatures
        self._ids, self._kinds, self._signatures = {}, {}, {}
        self._scope, self._interface = Declarations(), id
        for type_ in self._resolve.interfaces[id].types.values():
            self.value(type_)
        for function in self._in_order(id, functions):
            name = ExternName(function.name, _attributes({"external-id": function.external_id}))
            self._scope.export(name, TypeUse("func", self.func(function)))
        made = self._scope.instance_type()
        self._scope, self._interface = self.outer, None
        self._ids, self._kinds, self._signatures = saved
        return made

    def _in_order(self, id: InterfaceId, functions: Iterable[Function]) -> list[Function]:
        """Functions of resources by resource, then those of none: as the text has them."""
        order = {id: i for i, id in enumerate(self._resolve.interfaces[id].types.values())}
        return sorted(
            functions, key=lambda f: len(order) if f.resource is None else order[f.resource]
        )

    def func(self, function: Function) -> int:
        """The index of a function's type."""
        params = tuple([(p.name, p.type) for p in function.params])
        signature = function.is_async, params, function.result
        if signature not in self._signatures:
            made = tuple([(name, self.value(t)) for name, t in params])
            result = self._maybe(function.result)
            index = self._scope.define(FuncType(made, result, function.is_async))
            self._signatures[signature] = index
        return self._signatures[signature]

    def _maybe(self, t: model.Type | None) -> Prim | int | None:
        return None if t is None else self.value(t)

    def value(self, t: model.Type) -> Prim | int:
        """A type where one is used. What it is made of is defined before it, as far as it is not
        there yet."""
        if isinstance(t, Primitive):
            return prim(t.value)
        type_ = self._resolve.types[t]
        if t in self._ids:
            return self._ids[t]
        if type_.name is None and type_.kind in self._kinds:
            return self._kinds[type_.kind]
        elsewhere = self._elsewhere(t)
        made = self._define(t) if elsewhere is None else elsewhere
        self._ids[t] = made
        if type_.name is None:
            self._kinds[type_.kind] = made
        return made

    def _elsewhere(self, id: TypeId) -> int | None:
        """An alias of a type that belongs to another interface."""
        type_ = self._resolve.types[id]
        if type_.owner is None or type_.owner[0] == "world" or type_.owner[1] == self._interface:
            return None
        assert type_.name is not None, "a type with an owner has a name"
        if id not in self._aliases:
            instance = self._instances[type_.owner[1]]
            self._aliases[id] = self.outer.alias(AliasExport("type", instance, type_.name))
        outer = self._aliases[id]
        if self._scope is self.outer:
            return outer
        return self._scope.alias(AliasOuter("type", 1, outer))

    def _define(self, id: TypeId) -> int:
        type_ = self._resolve.types[id]
        kind = type_.kind
        if type_.name is None:
            return self._scope.define(self._shape(kind))
        name = ExternName(type_.name, _attributes({"external-id": type_.external_id}))
        if isinstance(kind, model.Resource):
            return self._scope.name_type(name, SubResource())
        if isinstance(kind, model.Alias):
            made = self._scope.defined(self.value(kind.target))
        else:
            made = self._scope.define(self._shape(kind))
        return self._scope.name_type(name, EqType(made))

    def _shape(self, kind: model.Kind) -> Shape:
        value = self.value
        match kind:
            case model.Record(fields):
                return types.Record(tuple([(f.name, value(f.type)) for f in fields]))
            case model.Variant(cases):
                return types.Variant(tuple([(c.name, self._maybe(c.type)) for c in cases]))
            case model.Enum(labels):
                return types.Enum(tuple([label.name for label in labels]))
            case model.Flags(labels):
                return types.Flags(tuple([label.name for label in labels]))
            case model.Own(resource):
                return types.Own(self._index(resource))
            case model.Borrow(resource):
                return types.Borrow(self._index(resource))
            case model.Tuple(items):
                return types.Tuple(tuple([value(item) for item in items]))
            case model.Option(payload):
                return types.Option(value(payload))
            case model.Result(ok, err):
                return types.Result(self._maybe(ok), self._maybe(err))
            case model.List(element):
                return types.List(value(element))
            case model.FixedList(element, length):
                return types.List(value(element), length)
            case model.Map(key, element):
                return types.Map(value(key), value(element))
            case model.Future(maybe):
                return types.Future(self._maybe(maybe))
            case model.Stream(maybe):
                return types.Stream(self._maybe(maybe))
        raise AssertionError(kind)

    def _index(self, resource: TypeId) -> int:
        index = self.value(resource)
        assert isinstance(index, int), "a resource is not primitive"
        return index
