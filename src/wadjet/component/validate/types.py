"""Type definitions of every kind, and the types that are scopes of their own (Explainer.md, "Type
Definitions", "Declarators").
"""

from wadjet.component import limits
from wadjet.component.closed import ClosedType, ComponentShape, InstanceShape
from wadjet.component.renaming import Mentions
from wadjet.component.types import (
    ComponentType, CoreTypeDef, Decl, ExportDecl, FuncType, Import, InstanceType, Prim, Resource,
    ResourceDef, ResourceType, TypeDef,
)  # fmt: skip
from wadjet.component.validate.aliases import add_alias
from wadjet.component.validate.core import add_core_type, core_func
from wadjet.component.validate.externs import add_export_decl, add_import
from wadjet.component.validate.scope import COMPONENT, COMPONENT_TYPE, INSTANCE_TYPE, Scope
from wadjet.component.validate.valuetypes import close_func, close_shape, close_value
from wadjet.core.types import I32, I64


def add_type(scope: Scope, d: TypeDef) -> None:
    """Check a type definition and add what it means."""
    made = _close(scope, d)
    scope.add(scope.types, made, "types", limits.ITEMS, d.place)


def _close(scope: Scope, d: TypeDef) -> ClosedType:
    t, place = d.type, d.place
    if isinstance(t, Prim):
        return close_value(scope, t, place)
    if isinstance(t, FuncType):
        return close_func(scope, t, place)
    if isinstance(t, ResourceDef):
        return _define_resource(scope, t, place)
    if not isinstance(t, ComponentType | InstanceType):
        return close_shape(scope, t, place)
    inner = Scope(scope.session, _KINDS[type(t)], scope)
    for decl in t.decls:
        _declare(inner, decl)
    shape = component_shape(inner, place) if inner.kind == COMPONENT_TYPE else _instance(inner)
    scope.session.bounded(shape, place)
    return shape


_KINDS = {ComponentType: COMPONENT_TYPE, InstanceType: INSTANCE_TYPE}


def _declare(scope: Scope, d: Decl | Import) -> None:
    if isinstance(d, TypeDef):
        add_type(scope, d)
    elif isinstance(d, ExportDecl):
        add_export_decl(scope, d)
    elif isinstance(d, Import):
        add_import(scope, d)
    elif isinstance(d, CoreTypeDef):
        add_core_type(scope, d)
    else:
        add_alias(scope, d)


def _define_resource(scope: Scope, t: ResourceDef, place: int) -> ResourceType:
    if scope.kind != COMPONENT:
        scope.fail("resources can only be defined within a concrete component", place)
    if t.rep is I64:
        scope.session.require("cm-memory64", "a resource represented by i64", place)
    elif t.rep is not I32:
        scope.fail(f"resources can only be represented by i32, not {t.rep}", place)
    if t.dtor is not None:
        found = core_func(scope, t.dtor, place)
        if found.params != (t.rep,) or found.results:
            scope.fail(f"core function {t.dtor} has wrong signature for a destructor", place)
    resource = Resource("type", (), len(scope.types), t.rep, t.dtor)
    scope.local[resource] = None
    return ResourceType(resource)


def _instance(scope: Scope) -> InstanceShape:
    """The instance type of a scope: all resources that it makes, it exports."""
    return InstanceShape(scope.exports.externs, {r: scope.explicit[r] for r in scope.local})


def component_shape(scope: Scope, place: int) -> ComponentShape:
    """The component type of a scope, whose definitions are all there."""
    imports, exports = Mentions(scope.session.work), Mentions(scope.session.work)
    for extern in scope.imports.externs.values():
        imports.see(extern)
    for extern in scope.exports.externs.values():
        exports.see(extern)
    for resource in imports.free:
        if resource in scope.local:
            scope.fail("local resource type found in imports", place)
    made = {}
    for resource in exports.free:
        if resource in scope.local:
            if resource not in scope.explicit:
                what = "local resource type found in export but not exported itself"
                scope.fail(what, place)
            made[resource] = scope.explicit[resource]
    return ComponentShape(scope.imports.externs, scope.exports.externs, scope.taken, made)
