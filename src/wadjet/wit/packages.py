"""Files → packages, in an order in which each comes after those that it refers to."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Literal

from wadjet.base.errors import Invalid
from wadjet.wit.ast import (
    Extern,
    Head,
    Id,
    Include,
    Interface,
    InterfaceItem,
    PackageDecl,
    PackageName,
    Scope,
    TopUse,
    Use,
    UsePath,
    World,
)
from wadjet.wit.lexer import Spot
from wadjet.wit.parse import parse
from wadjet.wit.semver import Version
from wadjet.wit.sources import Group


@dataclass(slots=True)
class Unit:
    """One package as written: the scopes (files, or one pair of braces) that make it up, and the
    group of files that it came with."""

    name: PackageName
    spot: Spot
    group: str
    docs: str | None = None
    scopes: list[Scope] = field(default_factory=list)
    binary: bool = False


@dataclass(slots=True)
class Reference:
    """A path in a scope. `inside` is the interface or world that depends on it; `names` are what
    a `use` takes from it."""

    inside: Id | None
    head: Head
    path: UsePath
    wants: Literal["interface", "world"]


def packages(groups: list[Group]) -> tuple[list[Unit], PackageName]:
    """All packages of some groups in order of need, and which is the last group's own."""
    units: list[Unit] = []
    main: Unit | None = None
    for group in groups:
        scopes = [
            text if isinstance(text, Scope) else parse(text, name) for name, text in group.texts
        ]
        for scope in scopes:
            units.extend(_inline(group, nested) for nested in scope.nested)
        main = _own(group, scopes)
        main.binary = group.binary
        units.append(main)
    if main is None:
        raise Invalid("there is no WIT file here")
    return _in_order(_by_name(units)), main.name


def _own(group: Group, scopes: list[Scope]) -> Unit:
    """The package that the files of a group make up together."""
    unit: Unit | None = None
    documented: Spot | None = None
    for scope in scopes:
        decl = scope.package
        if decl is None:
            continue
        if unit is None:
            unit = Unit(decl.name, decl.spot, group.name)
        if decl.name != unit.name:
            elsewhere = f"another file of this folder says `{unit.name}`"
            raise decl.spot.invalid(f"package `{decl.name}` cannot be here: {elsewhere}")
        if decl.docs is not None:
            if documented is not None:
                raise decl.docs.spot.invalid("the package is documented in another file as well")
            documented = decl.docs.spot
            unit.docs = decl.docs.text
    if unit is None:
        raise Invalid(f"no `package` header in {group.name}: one file must say what package it is")
    unit.scopes = scopes
    return unit


def _inline(group: Group, scope: Scope) -> Unit:
    """The package of `package … { … }`."""
    decl = _declared(scope)
    for nested in scope.nested:
        message = "a package cannot stand inside another: write it next to it"
        raise _declared(nested).spot.invalid(message)
    docs = None if decl.docs is None else decl.docs.text
    return Unit(decl.name, decl.spot, group.name, docs, [scope])


def _declared(scope: Scope) -> PackageDecl:
    assert scope.package is not None, "braces follow a name"
    return scope.package


def _by_name(units: list[Unit]) -> dict[PackageName, Unit]:
    """Packages in order of their names, but first those that were in binary form, as elsewhere. A
    dependency may come along twice if it is the same."""
    found: dict[PackageName, Unit] = {}
    for unit in units:
        first = found.setdefault(unit.name, unit)
        if first is not unit and (first.group == unit.group or first.scopes != unit.scopes):
            place = first.spot.place()
            raise unit.spot.invalid(f"package `{unit.name}` is defined twice: first at {place}")
    names = sorted(found, key=_sort_key)
    return {name: found[name] for name in sorted(names, key=lambda name: not found[name].binary)}


def _sort_key(name: PackageName) -> tuple[str, str, bool, Version]:
    version = name.version
    return name.namespace, name.name, version is not None, version or Version(0, 0, 0)


def _in_order(units: dict[PackageName, Unit]) -> list[Unit]:
    """Each after those it refers to; what cannot be so is Invalid."""
    needs = {name: _needs(unit) for name, unit in units.items()}
    ordered: dict[PackageName, Unit] = {}
    for root in units:
        path = [(root, iter(needs[root].items()))]
        entered: set[PackageName] = set()
        while path:
            name, rest = path[-1]
            for needed, spot in rest:
                if needed in entered:
                    raise spot.invalid(f"package `{needed}` depends on itself")
                if needed not in units:
                    raise spot.invalid(_missing(needed, units))
                if needed not in ordered:
                    entered.add(needed)
                    path.append((needed, iter(needs[needed].items())))
                    break
            else:
                path.pop()
                entered.discard(name)
                ordered.setdefault(name, units[name])
    return list(ordered.values())


def _missing(name: PackageName, units: Iterable[PackageName]) -> str:
    same = [
        f"`{each}`" for each in units if (each.namespace, each.name) == (name.namespace, name.name)
    ]
    hint = f": there is {', '.join(same)}, and the version is part of the name" if same else ""
    return f"package `{name}` is not there{hint}"


def _needs(unit: Unit) -> dict[PackageName, Spot]:
    """The packages that one refers to, each with the first place where it does."""
    needs: dict[PackageName, Spot] = {}
    for scope in unit.scopes:
        for reference in references(scope):
            path = reference.path
            if path.package is not None and path.spot is not None:
                needs.setdefault(path.package, path.spot)
    return needs


def references(scope: Scope) -> Iterator[Reference]:
    """All paths of a scope; in a world, those of imports come before those of exports."""
    for item in scope.items:
        match item:
            case TopUse(path, _):
                yield Reference(None, Head(), path, "interface")
            case Interface(_, name, items):
                yield from _uses(name, items)
            case World():
                yield from _of_world(item)


def _uses(inside: Id | None, items: list[InterfaceItem]) -> Iterator[Reference]:
    for item in items:
        if isinstance(item, Use):
            yield Reference(inside, item.head, item.path, "interface")


def _of_world(world: World) -> Iterator[Reference]:
    externs: dict[str, list[Extern]] = {"import": [], "export": []}
    for item in world.items:
        if isinstance(item, Extern):
            externs[item.keyword].append(item)
        elif isinstance(item, Use):
            yield Reference(None, item.head, item.path, "interface")
        elif isinstance(item, Include):
            yield Reference(world.name, item.head, item.path, "world")
    for extern in externs["import"] + externs["export"]:
        if isinstance(extern.what, UsePath):
            yield Reference(None, extern.head, extern.what, "interface")
        elif isinstance(extern.what, list):
            yield from _uses(None, extern.what)
