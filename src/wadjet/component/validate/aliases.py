"""Aliases of exports and of enclosing scopes (Explainer.md, "Alias Definitions")."""

from typing import Final

from wadjet.component import limits
from wadjet.component.closed import sort_of
from wadjet.component.renaming import Mentions
from wadjet.component.types import Alias, AliasCoreExport, AliasExport, AliasOuter
from wadjet.component.validate.core import add_alias_of_type, add_core_alias
from wadjet.component.validate.scope import COMPONENT, Scope

_NOUNS: Final = {"core module": "module", "func": "function"}


def add_alias(scope: Scope, d: Alias) -> None:
    """Check an alias, and add what it means to the index space of its sort."""
    if scope.kind != COMPONENT and _only_in_components(d):
        scope.fail("aliases in types may only refer to types or instances", d.place)
    if isinstance(d, AliasExport):
        _alias_export(scope, d)
    elif isinstance(d, AliasCoreExport):
        add_core_alias(scope, d)
    else:
        _alias_outer(scope, d)


def _only_in_components(d: Alias) -> bool:
    if isinstance(d, AliasExport):
        return d.sort not in ("type", "instance")
    return isinstance(d, AliasCoreExport) or d.sort not in ("type", "core type")


def _alias_export(scope: Scope, d: AliasExport) -> None:
    instance = scope.at(scope.instances, d.instance, "instance", d.place)
    found = instance.exports.get(d.name)
    if found is None:
        scope.fail(f"instance {d.instance} has no export named `{d.name}`", d.place)
    if sort_of(found) != d.sort:
        noun = _NOUNS.get(d.sort, d.sort)
        scope.fail(f"export `{d.name}` for instance {d.instance} is not a {noun}", d.place)
    scope.add_extern(found, d.place)


def _alias_outer(scope: Scope, d: AliasOuter) -> None:
    home = scope.outward(d.count, d.place)
    if d.sort == "core module":
        module = scope.at(home.core_modules, d.index, "module", d.place)
        scope.add(scope.core_modules, module, "modules", limits.MODULES, d.place)
    elif d.sort == "component":
        component = scope.at(home.components, d.index, "component", d.place)
        scope.add(scope.components, component, "components", limits.COMPONENTS, d.place)
    elif d.sort == "core type":
        add_alias_of_type(scope, scope.at(home.core_types, d.index, "type", d.place), d.place)
    else:
        _alias_type(scope, home, d)


def _alias_type(scope: Scope, home: Scope, d: AliasOuter) -> None:
    """A component is closed: no resource of another one may come in."""
    found = home.type(d.index, d.place)
    crossed: Scope | None = scope
    while crossed is not home and crossed is not None:
        if crossed.kind == COMPONENT:
            mentions = Mentions(scope.session.work)
            mentions.see(found)
            if mentions.free:
                scope.fail(
                    "cannot alias outer type which transitively refers to resources "
                    "not defined in the current component",
                    d.place,
                )
            break
        crossed = crossed.outer
    scope.add(scope.types, found, "types", limits.ITEMS, d.place)
