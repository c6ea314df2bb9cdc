"""WIT types → definitions of component types: what each is made of is defined before it, once."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from typing import Final, final

from wadjet.component import types
from wadjet.component.types import (
    Attribute, EqType, ExternName, FuncType, Prim, ResourceType, Shape, SubResource, ValType, prim,
)  # fmt: skip
from wadjet.component.wit_bridge.declarations import Declarations
from wadjet.wit import model
from wadjet.wit.model import Function, Primitive, Resolve, TypeId

#: what makes a function type: whether it is async, its parameters, its result
_Signature = tuple[bool, tuple[tuple[str, model.Type], ...], model.Type | None]


def attributes(said: Mapping[str, str | None]) -> tuple[Attribute, ...]:
    """The attributes of a name, those of which something is said."""
    return tuple([Attribute(kind, text) for kind, text in said.items() if text is not None])


def shape_of(
    kind: model.Kind,
    value: Callable[[model.Type], ValType],
    resource: Callable[[TypeId], int | ResourceType],
) -> Shape:
    """A kind of WIT type as a component type, its parts made by `value` and `resource`."""

    def maybe(t: model.Type | None) -> ValType | None:
        return None if t is None else value(t)

    match kind:
        case model.Record(fields):
            return types.Record(tuple([(f.name, value(f.type)) for f in fields]))
        case model.Variant(cases):
            return types.Variant(tuple([(c.name, maybe(c.type)) for c in cases]))
        case model.Enum(labels):
            return types.Enum(tuple([label.name for label in labels]))
        case model.Flags(labels):
            return types.Flags(tuple([label.name for label in labels]))
        case model.Own(id):
            return types.Own(resource(id))
        case model.Borrow(id):
            return types.Borrow(resource(id))
        case model.Tuple(items):
            return types.Tuple(tuple([value(item) for item in items]))
        case model.Option(payload):
            return types.Option(value(payload))
        case model.Result(ok, err):
            return types.Result(maybe(ok), maybe(err))
        case model.List(element):
            return types.List(value(element))
        case model.FixedList(element, length):
            return types.List(value(element), length)
        case model.Map(key, element):
            return types.Map(value(key), value(element))
        case model.Future(payload_or_none):
            return types.Future(maybe(payload_or_none))
        case model.Stream(payload_or_none):
            return types.Stream(maybe(payload_or_none))
    raise AssertionError(kind)


class TypeWriter(ABC):
    """Writes types of a `Resolve` into one scope, where component types are indices. What is there
    already is found again: types by their id, those without a name also by what they are."""

    def __init__(self, resolve: Resolve, scope: Declarations) -> None:
        self.resolve: Final = resolve
        self.scope: Final = scope
        self.ids: Final[dict[TypeId, int]] = {}
        self._kinds: Final[dict[model.Kind, int]] = {}
        self._signatures: Final[dict[_Signature, int]] = {}

    @abstractmethod
    def named(self, id: TypeId) -> int:
        """The index of a type that has a name and is not there yet."""

    def value(self, t: model.Type) -> Prim | int:
        """A type where one is used."""
        if isinstance(t, Primitive):
            return prim(t.value)
        if t not in self.ids:
            type_ = self.resolve.types[t]
            if type_.name is not None:
                self.ids[t] = self.named(t)
            else:
                if type_.kind not in self._kinds:
                    self._kinds[type_.kind] = self.scope.define(self.shape(type_.kind))
                self.ids[t] = self._kinds[type_.kind]
        return self.ids[t]

    def shape(self, kind: model.Kind) -> Shape:
        """What a type is made of."""
        return shape_of(kind, self.value, self.index)

    def index(self, id: TypeId) -> int:
        """The index of a type; a primitive one that is meant by a name is defined."""
        return self.scope.defined(self.value(id))

    def body(self, id: TypeId) -> int:
        """The index of what a type with a name is, apart from the name."""
        kind = self.resolve.types[id].kind
        if isinstance(kind, model.Alias):
            return self.scope.defined(self.value(kind.target))
        return self.scope.define(self.shape(kind))

    def func(self, function: Function) -> int:
        """The index of a function's type."""
        params = tuple([(p.name, p.type) for p in function.params])
        signature = function.is_async, params, function.result
        if signature not in self._signatures:
            made = tuple([(name, self.value(t)) for name, t in params])
            result = None if function.result is None else self.value(function.result)
            index = self.scope.define(FuncType(made, result, function.is_async))
            self._signatures[signature] = index
        return self._signatures[signature]


@final
class NamingWriter(TypeWriter):
    """Gives types their names where they are defined. `elsewhere` knows the index of those that
    are defined in another scope, and None for all others."""

    def __init__(
        self, resolve: Resolve, scope: Declarations, elsewhere: Callable[[TypeId], int | None]
    ) -> None:
        super().__init__(resolve, scope)
        self._elsewhere: Final = elsewhere

    def named(self, id: TypeId) -> int:
        """Define it, and import or export it under its name."""
        found = self._elsewhere(id)
        if found is not None:
            return found
        type_ = self.resolve.types[id]
        assert type_.name is not None, "asked for types with a name alone"
        name = ExternName(type_.name, attributes({"external-id": type_.external_id}))
        if isinstance(type_.kind, model.Resource):
            return self.scope.name_type(name, SubResource())
        return self.scope.name_type(name, EqType(self.body(id)))
