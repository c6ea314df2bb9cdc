"""Imports and exports: what they bring, and what they say of the scope that has them (Explainer.md,
"Import and Export Definitions").
"""

from collections.abc import Callable

from wadjet.component import limits
from wadjet.component.closed import (
    ClosedType, ComponentShape, Extern, InstanceShape, ModuleShape, Path, TypeBound, ValueBound,
    resources, size, sort_of,
)  # fmt: skip
from wadjet.component.component import Export
from wadjet.component.renaming import opened
from wadjet.component.subtyping import Matcher
from wadjet.component.types import (
    Defined, EqType, EqValue, ExportDecl, ExternName, ExternType, Import, Resource, ResourceType,
    SubResource, TypeUse,
)  # fmt: skip
from wadjet.component.validate.externnames import check_name
from wadjet.component.validate.scope import INSTANCE_TYPE, Names, Scope
from wadjet.component.validate.valuetypes import close_value
from wadjet.component.validate.visibility import is_visible


def add_import(scope: Scope, d: Import) -> None:
    """Check an import and add what it brings."""
    name = d.name.name

    def take(path: Path) -> Resource:
        taken = Resource("import", (name, *path))
        scope.taken[taken] = taken.path
        return taken

    extern = _close(scope, d.type, d.place, take)
    _enter(scope, scope.imports, "import", d.name, extern, d.place)
    scope.add_extern(extern, d.place)


def add_export_decl(scope: Scope, d: ExportDecl) -> None:
    """Check an export that a type promises and add what it brings."""
    extern = _close(scope, d.type, d.place, _promise(scope, d.name.name, []))
    _enter(scope, scope.exports, "export", d.name, extern, d.place)
    scope.add_extern(extern, d.place)


def _promise(scope: Scope, name: str, made: list[Resource]) -> Callable[[Path], Resource]:
    """Makes the resources that an export is said to have; they are noted in `made`."""

    def make(path: Path) -> Resource:
        resource = Resource("export", (name, *path))
        scope.local[resource] = None
        made.append(resource)
        return resource

    return make


def add_export(scope: Scope, d: Export) -> None:
    """Check an export and add what it brings: the same definition under its new name."""
    extern = scope.extern(d.sort, d.index, d.place)
    if isinstance(extern, TypeBound):
        extern = TypeBound(_renamed(extern.type))
    if d.type is not None:
        made: list[Resource] = []
        asked = _close(scope, d.type, d.place, _promise(scope, d.name.name, made))
        problem = Matcher(scope.session.work, made).extern(extern, asked)
        if problem is not None:
            what = "ascribed type of export is not compatible with item's type"
            scope.fail(f"{what}: {problem}", d.place)
        extern = asked
    if isinstance(extern, ValueBound) and isinstance(extern.type, Defined) and extern.type.borrows:
        scope.fail("an exported value cannot contain a `borrow` type", d.place)
    _enter(scope, scope.exports, "export", d.name, extern, d.place)
    scope.add_extern(extern, d.place, used=True)


def _close(scope: Scope, t: ExternType, place: int, make: Callable[[Path], Resource]) -> Extern:
    """What the type of an import or export means; `make` makes the resources that it brings."""
    if isinstance(t, SubResource):
        return TypeBound(ResourceType(make(())))
    if isinstance(t, EqType):
        return TypeBound(_renamed(scope.type(t.type, place)))
    if isinstance(t, TypeUse):
        found = _used(scope, t, place)
        if isinstance(found, InstanceShape):
            return opened(found, scope.session.work, make)
        return found
    scope.session.require("cm-values", "a value", place)
    if isinstance(t, EqValue):
        return ValueBound(scope.at(scope.values, t.value, "value", place).type)
    return ValueBound(close_value(scope, t.type, place))


def _used(scope: Scope, t: TypeUse, place: int) -> Extern:
    """The type that is referred to, which must be one of the sort."""
    index = t.type
    if t.sort == "core module":
        module = scope.at(scope.core_types, index, "type", place)
        if not isinstance(module, ModuleShape):
            scope.fail(f"core type index {index} is not a module type", place)
        return module
    if t.sort == "func":
        return scope.func_type(index, place)
    found = scope.type(index, place)
    if t.sort == "component":
        if not isinstance(found, ComponentShape):
            scope.fail(f"type index {index} is not a component type", place)
        return found
    if not isinstance(found, InstanceShape):
        scope.fail(f"type index {index} is not an instance type", place)
    return found


def _renamed(t: ClosedType) -> ClosedType:
    """The same type under a name of its own."""
    if isinstance(t, Defined):
        return Defined(t.shape)
    return ResourceType(t.resource) if isinstance(t, ResourceType) else t


def _enter(
    scope: Scope, names: Names, kind: str, name: ExternName, extern: Extern, place: int
) -> None:
    """Check the name of an import or export and what its type shows of the scope, and note both."""
    if scope.kind != INSTANCE_TYPE:
        new: set[object] = set()
        if not is_visible(extern, (names.visible, new)):
            noun = sort_of(extern).removeprefix("core ")
            scope.fail(f"{noun} not valid to be used as {kind}", place)
        names.visible.update(new)
        if names is scope.imports:
            scope.exports.visible.update(new)
    check_name(scope.session, names, kind, name, extern, place)
    scope.total += size(extern)
    if scope.total > limits.TYPE_SIZE:
        scope.fail(f"effective type size exceeds the limit of {limits.TYPE_SIZE}", place)
    names.externs[name.name] = extern
    if isinstance(extern, TypeBound) and isinstance(extern.type, ResourceType):
        names.resources[extern.type] = name.name
        names.labels.add(name.name)
    if names is scope.exports:
        for path, found in resources({name.name: extern}):
            scope.explicit.setdefault(found.resource, path)
