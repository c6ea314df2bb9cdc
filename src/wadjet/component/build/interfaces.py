"""Exporting an interface: the instance of a component made for it, which gives everything its name.

Types of an interface must be exported by the instance whose functions mention them, resources
before their methods. A component inside does that: it imports types and functions as they are
outside, under made-up names, and exports them under their own.
"""

from collections.abc import Callable
from typing import Final, final

from wadjet.component.component import Arg, Export, Instantiate
from wadjet.component.types import EqType, ExternName, Import, SubResource, TypeUse
from wadjet.component.wit_bridge.declarations import Declarations
from wadjet.component.wit_bridge.writer import TypeWriter, attributes
from wadjet.wit.model import Alias, Function, InterfaceId, Primitive, Resolve, Resource, TypeId


@final
class OuterWriter(TypeWriter):
    """The types of an exported interface in the component that exports it: they have no names
    there, but for those of other interfaces, which are where `elsewhere` says."""

    def __init__(
        self,
        resolve: Resolve,
        scope: Declarations,
        id: InterfaceId,
        elsewhere: Callable[[TypeId], int],
    ) -> None:
        super().__init__(resolve, scope)
        self._owner: Final = ("interface", id)
        self._elsewhere: Final = elsewhere

    def named(self, id: TypeId) -> int:
        """What it is made of, or where it is."""
        if self.resolve.types[id].owner != self._owner:
            return self._elsewhere(id)
        return self.body(id)


@final
class _Importing(TypeWriter):
    """Types as the component inside imports them. `args` are those that it is given for them."""

    def __init__(self, resolve: Resolve, scope: Declarations, outer: TypeWriter) -> None:
        super().__init__(resolve, scope)
        self._outer: Final = outer
        self.args: Final[list[Arg]] = []

    def named(self, id: TypeId) -> int:
        """An import of its own."""
        resource = self._resource(id)
        what = SubResource() if resource == id else EqType(self._same(id, resource))
        name = f"import-type-{len(self.args)}"
        self.args.append(Arg(name, "type", self._outer.index(id)))
        return self.scope.import_(ExternName(name), what)

    def _same(self, id: TypeId, resource: TypeId | None) -> int:
        return self.body(id) if resource is None else self.index(resource)

    def _resource(self, id: TypeId) -> TypeId | None:
        """The resource that a name is one of, if it is."""
        kind = self.resolve.types[id].kind
        if isinstance(kind, Alias) and not isinstance(kind.target, Primitive):
            return self._resource(kind.target)
        return id if isinstance(kind, Resource) else None


@final
class _Exporting(TypeWriter):
    """Types as the component inside exports them. What belongs elsewhere stays what is imported."""

    def __init__(self, resolve: Resolve, imports: _Importing, id: InterfaceId) -> None:
        super().__init__(resolve, imports.scope)
        self._imports: Final = imports
        self._owner: Final = ("interface", id)

    def named(self, id: TypeId) -> int:
        """An export, where the type is one of the interface."""
        type_ = self.resolve.types[id]
        if type_.owner != self._owner:
            return self._imports.index(id)
        assert type_.name is not None, "asked for types with a name alone"
        made = self._imports.index(id) if isinstance(type_.kind, Resource) else self.body(id)
        name = ExternName(type_.name, attributes({"external-id": type_.external_id}))
        return self.scope.add(Export(name, "type", made))


def export_interface(
    outer: TypeWriter, id: InterfaceId, functions: list[tuple[Function, int]], name: ExternName
) -> int:
    """Export an interface whose functions have been lifted; the index of the instance."""
    resolve, scope = outer.resolve, Declarations(Import)
    imports = _Importing(resolve, scope, outer)
    args = []
    for i, (function, lifted) in enumerate(functions):
        made = TypeUse("func", imports.func(function))
        scope.import_(ExternName(f"import-func-{i}"), made)
        args.append(Arg(f"import-func-{i}", "func", lifted))
    exports = _Exporting(resolve, imports, id)
    for t in resolve.interfaces[id].types.values():
        exports.value(t)
    for i, (function, _) in enumerate(functions):
        called = ExternName(function.name, attributes({"external-id": function.external_id}))
        ascribed = TypeUse("func", exports.func(function))
        # an exported function is one more: all that were imported come before the exported ones
        scope.add(Export(called, "func", i, ascribed))
    made_of = outer.scope.add(scope.component())
    instance = outer.scope.add(Instantiate(made_of, (*imports.args, *args)))
    return outer.scope.add(Export(name, "instance", instance))
