"""`include`: the imports and exports of one world become those of another (WIT.md).

What goes by the name of an interface is there once, however often it is included. What has a name
of its own is copied, types and inline interfaces with it, maybe under another name, and must not
meet the same name again.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from wadjet.wit.ast import Id
from wadjet.wit.budget import Budget
from wadjet.wit.lexer import Spot
from wadjet.wit.model import (
    Alias,
    Function,
    InterfaceId,
    InterfaceItem,
    Owner,
    PackageId,
    Param,
    Primitive,
    Resolve,
    Since,
    Type,
    TypeId,
    TypeItem,
    WorldId,
    WorldItem,
    WorldKey,
    parts,
    with_parts,
)
from wadjet.wit.types import Arena


class Inclusion:
    """What a world includes; worlds are added one after the other."""

    def __init__(self, resolve: Resolve, arena: Arena, into: WorldId, budget: Budget) -> None:
        self._resolve: Final = resolve
        self._arena: Final = arena
        self._into: Final = into
        self._budget: Final = budget
        world = resolve.worlds[into]
        self._sides: Final = [("import", world.imports), ("export", world.exports)]
        self._taken: Final = {
            (word, key.lower())
            for word, items in self._sides
            for key in items
            if isinstance(key, str)
        }

    def add(self, source: WorldId, renames: Sequence[tuple[Id, Id]], spot: Spot) -> None:
        """Add what the world `source` has, some of it under other names; `spot` is where that is
        written. Raises Invalid where names meet, or where there is nothing to rename."""
        included, package = self._resolve.worlds[source], self._resolve.worlds[self._into].package
        new_names = _Renames(renames, spot)
        owners: tuple[Owner, Owner] = ("world", source), ("world", self._into)
        copier = _Copier(self._resolve, self._arena, *owners, package)
        for word, items in self._sides:
            of = included.imports if word == "import" else included.exports
            for key, item in of.items():
                if not isinstance(key, str):
                    assert isinstance(item, InterfaceItem), "only interfaces are their own names"
                    _merge(items, key, item, package != included.package, spot)
                    continue
                name = new_names.of(key)
                if (word, name.lower()) in self._taken:
                    taken = f"{word} of `{name}` conflicts with another of that name"
                    raise spot.invalid(f"{taken}: `with` can give it a different one")
                self._taken.add((word, name.lower()))
                items[name] = copier.item(item, name)
                self._budget.spend(copier.take_count(), spot)
        new_names.check()


class _Renames:
    """The names after `with`."""

    def __init__(self, renames: Sequence[tuple[Id, Id]], spot: Spot) -> None:
        self._new: Final = {old.name: new.name for old, new in reversed(renames)}
        self._unused: Final = dict.fromkeys(old.name for old, _ in renames)
        self._spot: Final = spot

    def of(self, name: str) -> str:
        """The new name of an import or export: resources take their functions along."""
        role, bracket, rest = name.rpartition("]")
        first, dot, function = rest.partition(".")
        if first not in self._new:
            return name
        self._unused.pop(first, None)
        return f"{role}{bracket}{self._new[first]}{dot}{function}"

    def check(self) -> None:
        """See that there was something to rename for each."""
        for name in self._unused:
            why = "the world included has no import or export with that name of its own"
            raise self._spot.invalid(f"`{name}` cannot be renamed: {why}")


def _merge(
    items: dict[WorldKey, WorldItem],
    key: InterfaceId,
    item: InterfaceItem,
    abroad: bool,
    spot: Spot,
) -> None:
    """Add an interface, or see that it is there with the same gate. Since when it has been part
    of another package says nothing in this one."""
    there = items.setdefault(key, replace(item))
    assert isinstance(there, InterfaceItem), "an interface is its own name"
    if abroad and isinstance(item.stability, Since):
        there.stability = None
    elif there.stability is None:
        there.stability = item.stability
    elif item.stability is not None and item.stability != there.stability:
        raise spot.invalid("an interface that is here already is included behind another gate")


class _Copier:
    """Copies what a world or an inline interface owns, once, for another owner."""

    def __init__(
        self, resolve: Resolve, arena: Arena, old: Owner, new: Owner, package: PackageId
    ) -> None:
        self._resolve: Final = resolve
        self._arena: Final = arena
        self._old: Final = old
        self._new: Final = new
        self._package: Final = package
        self._copies: dict[TypeId, TypeId] = {}
        self._count = 0

    def take_count(self) -> int:
        """How much has been copied since this was asked for last."""
        count, self._count = self._count, 0
        return count

    def item(self, item: WorldItem, name: str) -> WorldItem:
        """A copy, under a name."""
        match item:
            case Function():
                return replace(self._function(item), name=name)
            case TypeItem(id):
                copy = self._type(id)
                self._resolve.types[copy].name = name
                return TypeItem(copy)
            case InterfaceItem(id) if self._resolve.interfaces[id].name is None:
                return replace(item, id=self._interface(id))
            case InterfaceItem():
                return replace(item)

    def _function(self, function: Function) -> Function:
        self._count += 1
        params = [Param(param.name, self._any(param.type)) for param in function.params]
        copy = replace(function, params=params)
        if function.result is not None:
            copy.result = self._any(function.result)
        if function.resource is not None:
            copy.resource = self._type(function.resource)
        return copy

    def _interface(self, id: InterfaceId) -> InterfaceId:
        """A copy of an inline interface."""
        interfaces = self._resolve.interfaces
        copy = InterfaceId(len(interfaces))
        made = replace(interfaces[id], package=self._package, clone_of=id)
        inner = _Copier(
            self._resolve, self._arena, ("interface", id), ("interface", copy), self._package
        )
        inner._copies = self._copies
        made.types = {name: inner._type(type) for name, type in made.types.items()}
        functions = made.functions.items()
        made.functions = {name: inner._function(each) for name, each in functions}
        interfaces.append(made)
        self._count += inner.take_count()
        return copy

    def _any(self, type: Type) -> Type:
        return type if isinstance(type, Primitive) else self._type(type)

    def _type(self, root: TypeId) -> TypeId:
        """The copy of a type, and before it those of its parts."""
        path = [root]
        while path:
            id = path[-1]
            if id in self._copies:
                path.pop()
                continue
            missing = [part for part in self._copied_parts(id) if part not in self._copies]
            if missing:
                path.extend(reversed(missing))
                continue
            type = self._resolve.types[id]
            self._count += 1
            owner = None if type.owner is None else self._new
            kind = with_parts(type.kind, [self._copy_of(part) for part in parts(type.kind)])
            self._copies[id] = self._arena.add(replace(type, kind=kind, owner=owner))
            path.pop()
        return self._copies[root]

    def _copied_parts(self, id: TypeId) -> list[TypeId]:
        """The parts of a type that are copied with it: not what it uses from elsewhere."""
        kind = self._resolve.types[id].kind
        found = [part for part in parts(kind) if not isinstance(part, Primitive)]
        if isinstance(kind, Alias):
            return [part for part in found if self._resolve.types[part].owner == self._old]
        return found

    def _copy_of(self, part: Type) -> Type:
        return part if isinstance(part, Primitive) else self._copies.get(part, part)
