"""What a component must import of its world: what its parts ask for, and all types of that."""

from collections.abc import Iterable
from typing import Final, final

from wadjet.component.build.parts import Intrinsic, Lowering, Part
from wadjet.wit.model import (
    Function, InterfaceId, InterfaceItem, Primitive, Resolve, Type, TypeId, TypeItem, World,
    WorldKey, parts,
)  # fmt: skip


@final
class Live:
    """The functions that are asked for, by import, and the types that are mentioned."""

    def __init__(self, resolve: Resolve, world: World, every: Iterable[Part]) -> None:
        self._resolve: Final = resolve
        self.functions: Final[dict[WorldKey, dict[str, Function]]] = {}
        self.types: Final[set[TypeId]] = set()
        self._exported: Final = {key for key in world.exports if not isinstance(key, str)}
        #: types of exported interfaces: what they are made of may have to be imported
        self._own: Final[set[TypeId]] = set()
        for part in every:
            for need in part.needs:
                what = need.what
                if isinstance(what, Lowering):
                    self.functions.setdefault(what.key, {})[what.function.name] = what.function
                    self._function(what.function)
                elif isinstance(what, Intrinsic) and what.about is not None:
                    self._type(what.about, exported=what.wanted.exported)
        for item in world.exports.values():
            if isinstance(item, Function):
                self._function(item)  # the types of a world are those that it imports
            elif isinstance(item, InterfaceItem):
                self._interface(item.id)

    def _interface(self, id: InterfaceId) -> None:
        """An exported interface. Its own types are not imported."""
        interface = self._resolve.interfaces[id]
        for t in interface.types.values():
            self._own.add(t)
            for part in parts(self._resolve.types[t].kind):
                self._type(part, exported=True)
        for function in interface.functions.values():
            self._function(function, exported=True)

    def _function(self, function: Function, *, exported: bool = False) -> None:
        if function.resource is not None:
            self._type(function.resource, exported=exported)
        for param in function.params:
            self._type(param.type, exported=exported)
        if function.result is not None:
            self._type(function.result, exported=exported)

    def _type(self, t: Type, *, exported: bool = False) -> None:
        if isinstance(t, Primitive) or t in self.types or (exported and t in self._own):
            return
        type_ = self._resolve.types[t]
        owner = type_.owner
        own = owner is not None and owner[0] == "interface" and owner[1] in self._exported
        (self._own if exported and own else self.types).add(t)
        for part in parts(type_.kind):
            self._type(part, exported=exported)

    def types_of(self, id: InterfaceId) -> list[TypeId]:
        """The types of an interface that are mentioned, in its order."""
        return [t for t in self._resolve.interfaces[id].types.values() if t in self.types]

    def imports(self, key: WorldKey, id: InterfaceId) -> bool:
        """Whether anything of an imported interface is asked for. One that is there under another
        name than its own is not where its types are looked for."""
        named_otherwise = isinstance(key, str) and self._resolve.interfaces[id].name is not None
        return bool(self.functions.get(key) or (not named_otherwise and self.types_of(id)))

    def imports_type(self, item: TypeItem) -> bool:
        """Whether a type of the world is mentioned."""
        return item.id in self.types
