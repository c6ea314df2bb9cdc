"""WIT types → closed component types, for whoever only asks what a type is like."""

from typing import Final, final

from wadjet.component.closed import closed
from wadjet.component.types import Defined, FuncType, Prim, Resource, ResourceType, prim
from wadjet.component.wit_bridge.writer import shape_of
from wadjet.wit import model
from wadjet.wit.model import Function, Primitive, Resolve, TypeId


@final
class Closing:
    """The closed types of one `Resolve`."""

    def __init__(self, resolve: Resolve) -> None:
        self._resolve: Final = resolve
        self._types: Final[dict[TypeId, Prim | Defined]] = {}
        self._resources: Final[dict[TypeId, ResourceType]] = {}

    def value(self, t: model.Type) -> Prim | Defined:
        """A type of values."""
        if isinstance(t, Primitive):
            return prim(t.value)
        if t not in self._types:
            kind = self._resolve.types[t].kind
            if isinstance(kind, model.Alias):
                self._types[t] = self.value(kind.target)
            else:
                self._types[t] = Defined(shape_of(kind, self.value, self._resource))
        return self._types[t]

    def _resource(self, id: TypeId) -> ResourceType:
        kind = self._resolve.types[id].kind
        if isinstance(kind, model.Alias) and not isinstance(kind.target, Primitive):
            return self._resource(kind.target)
        return self._resources.setdefault(id, ResourceType(Resource("import", (str(id),))))

    def func(self, function: Function) -> FuncType:
        """The type of a function."""
        params = tuple([(p.name, self.value(p.type)) for p in function.params])
        result = None if function.result is None else closed(self.value(function.result))
        return FuncType(params, result, function.is_async)
