"""Completing worlds: what a world needs and does not say is added, and everything ordered.

The interfaces whose types an import or export uses must be there as well (WIT.md, "Transitive
imports and worlds"). For an export they are the exported ones, where these are exported too, and
otherwise imports. That may fail: an interface cannot depend on another both ways.
"""

from collections.abc import Iterator
from typing import Final

from wadjet.base.errors import Invalid
from wadjet.wit.model import (
    Function,
    InterfaceId,
    InterfaceItem,
    Resolve,
    TypeItem,
    World,
    WorldId,
    WorldItem,
    WorldKey,
)

_Items = dict[WorldKey, WorldItem]


def elaborate(resolve: Resolve, id: WorldId) -> int:
    """Complete a world in its place, and say how much has been added. Raises Invalid where exports
    contradict each other."""
    world = resolve.worlds[id]
    before = len(world.imports) + len(world.exports)
    _Elaboration(resolve, world).run()
    return len(world.imports) + len(world.exports) - before


class _Elaboration:
    def __init__(self, resolve: Resolve, world: World) -> None:
        self._resolve: Final = resolve
        self._world: Final = world
        self._imports: _Items = {}
        self._exports: _Items = {}
        #: interfaces that exports need as imports
        self._required: set[InterfaceId] = set()

    def run(self) -> None:
        """Both sides: the exports may add to the imports."""
        world = self._world
        for key, item in self._by_class(world.imports):
            if isinstance(item, InterfaceItem):
                self._import(key, item)
                continue
            if isinstance(item, TypeItem):
                used = self._resolve.used_from(item.id)
                if used is not None:
                    stability = self._resolve.types[item.id].stability
                    self._import(used, InterfaceItem(used, stability=stability))
            self._imports[key] = item
        interfaces: dict[WorldKey, InterfaceItem] = {}
        for key, item in world.exports.items():
            if isinstance(item, InterfaceItem):
                interfaces[key] = item
            else:
                self._exports[key] = item
        for key, interface in interfaces.items():
            self._export(key, interface, interfaces)
        world.imports = dict(self._by_class(self._imports))
        world.exports = self._exports

    def _by_class(self, items: _Items) -> list[tuple[WorldKey, WorldItem]]:
        """Interfaces, then types, then functions: what comes later refers to what comes before."""
        return sorted(items.items(), key=lambda pair: self._class(pair[1]))

    def _class(self, item: WorldItem) -> int:
        match item:
            case InterfaceItem():
                return 0
            case TypeItem(id):
                return 1 if self._resolve.used_from(id) is not None else 2
            case Function():
                return 3 if item.resource is None else 4

    def _import(self, key: WorldKey, item: InterfaceItem) -> None:
        """Add an interface after those that it depends on. These are as settled as it is."""
        if key in self._imports:
            return
        path = [(key, item, self._needs(item))]
        while path:
            key, added, rest = path[-1]
            for needed in rest:
                if needed not in self._imports:
                    new = InterfaceItem(needed, stability=item.stability)
                    path.append((needed, new, self._needs(new)))
                    break
            else:
                path.pop()
                self._imports[key] = added

    def _needs(self, item: InterfaceItem) -> Iterator[InterfaceId]:
        return iter(self._resolve.dependencies(item.id))

    def _export(
        self, key: WorldKey, item: InterfaceItem, wanted: dict[WorldKey, InterfaceItem]
    ) -> None:
        """Export an interface after those that it depends on; import those not exported."""
        if key in self._exports:
            return
        path = [(key, item, True, self._needs(item))]
        while path:
            at, added, exported, rest = path[-1]
            for needed in rest:
                export_it = exported and needed in wanted
                if needed in self._exports:
                    if not export_it:
                        raise self._contradiction(key)
                elif export_it or needed not in self._required:
                    implied = InterfaceItem(needed, stability=item.stability)
                    new = wanted[needed] if export_it else implied
                    path.append((needed, new, export_it, self._needs(new)))
                    break
            else:
                path.pop()
                self._finish(key, at, added, exported)

    def _finish(self, root: WorldKey, key: WorldKey, item: InterfaceItem, exported: bool) -> None:
        """Add what an interface depends on, once that has been dealt with itself."""
        if not exported:
            self._required.add(item.id)
            self._imports.setdefault(key, item)
            return
        if item.id in self._required:
            raise self._contradiction(root)
        self._exports[key] = item

    def _contradiction(self, key: WorldKey) -> Invalid:
        name = self._resolve.key_name(key)
        why = "both as an export of this world and, through another interface, as an import"
        message = f"the exported interface `{name}` depends on an interface {why}"
        assert self._world.spot is not None, "it was written"
        return self._world.spot.invalid(message)
