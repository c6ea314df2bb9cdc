"""Packages in an order in which each comes after those that it refers to."""

from collections.abc import Iterator

from wadjet.wit.model import (
    Alias, InterfaceItem, PackageId, Primitive, Resolve, TypeItem, World,
)  # fmt: skip


def order_packages(resolve: Resolve, main: PackageId) -> None:
    """Give the packages of a `Resolve` new indices, and note which is the one asked for."""
    needs: dict[PackageId, list[PackageId]] = {id: [] for id in resolve.package_names.values()}
    for interface in resolve.interfaces:
        needs[interface.package] += _of_types(resolve, list(interface.types.values()))
    for world in resolve.worlds:
        needs[world.package] += _of_world(resolve, world)
    order: dict[PackageId, None] = {}
    for root in needs:
        path = [(root, iter(needs[root]))]
        entered = {root}
        while path:
            last, rest = path[-1]
            needed = next(rest, None)
            if needed is None:
                order[last] = None
                path.pop()
            elif needed not in order and needed not in entered:
                entered.add(needed)
                path.append((needed, iter(needs[needed])))
    _renumber(resolve, {old: PackageId(new) for new, old in enumerate(order)}, main)


def _of_types(resolve: Resolve, types: list[int]) -> list[PackageId]:
    """The packages whose types are used."""
    found = []
    for id in types:
        kind = resolve.types[id].kind
        if isinstance(kind, Alias) and not isinstance(kind.target, Primitive):
            owner = resolve.types[kind.target].owner
            if owner is not None and owner[0] == "interface":
                found.append(resolve.interfaces[owner[1]].package)
    return found


def _of_world(resolve: Resolve, world: World) -> Iterator[PackageId]:
    for item in [*world.imports.values(), *world.exports.values()]:
        if isinstance(item, InterfaceItem):
            yield resolve.interfaces[item.id].package
        elif isinstance(item, TypeItem):
            yield from _of_types(resolve, [item.id])


def _renumber(resolve: Resolve, new: dict[PackageId, PackageId], main: PackageId) -> None:
    resolve.packages = [resolve.packages[old] for old in new]
    resolve.package_names = {p.name: PackageId(i) for i, p in enumerate(resolve.packages)}
    resolve.main = new[main]
    for interface in resolve.interfaces:
        interface.package = new[interface.package]
    for world in resolve.worlds:
        world.package = new[world.package]
