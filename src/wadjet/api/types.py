"""`instance.types`: the struct and array types of a module, to make objects of from Python."""

from collections.abc import Iterator
from typing import Any, Final, final

from wadjet.api.runtime import Ref
from wadjet.core.subtyping import defaultable, match_def
from wadjet.core.types import ArrayType, DefType, FieldType, RefType, StructType
from wadjet.engine.runtime import instance as runtime


@final
class AggregateType:
    """A struct or array type of a module. Calling it makes an object in the instance's store:

        point = instance.types.point
        point(3, 4)             # the fields in order, …
        point(y=4)              # … or by name; what is missing is zero or null
        numbers = instance.types.numbers
        numbers([1, 2, 3])      # an array, from anything that can be iterated over

    The result is a `Ref`. TypeError and OverflowError where values do not fit or a field without
    default is missing, Exhaustion where there is no room.
    """

    __slots__ = ("_deftype", "_instance", "_names", "index", "name")

    def __init__(self, instance: runtime.Instance, index: int) -> None:
        """Type `index` of the instance's module. TypeError for one of functions."""
        names = instance.module.names
        self._instance: Final = instance
        self._deftype: Final[DefType] = instance.types[index]
        self._names: Final = names.fields.get(index, {})
        #: its place in the module
        self.index: Final = index
        #: its name, from the module's name section
        self.name: Final = names.types.get(index)
        if not isinstance(self._deftype.comp, StructType | ArrayType):
            raise TypeError(f"type {self.name or index} has no fields: {self._deftype.comp}")

    @property
    def type(self) -> StructType | ArrayType:
        """The fields of a struct, or what an array is made of."""
        comp = self._deftype.comp
        assert isinstance(comp, StructType | ArrayType), "as checked at first"
        return comp

    def __call__(self, *values: Any, **named: Any) -> Ref:
        """A new object (see the class)."""
        comp = self.type
        given = (
            self._struct(comp, values, named)
            if isinstance(comp, StructType)
            else self._array(*values, **named)
        )
        return self._instance.store.new(self._deftype, given)

    def _struct(
        self, comp: StructType, values: tuple[Any, ...], named: dict[str, Any]
    ) -> list[Any]:
        """The fields in order, defaults included."""
        if len(values) > len(comp.fields):
            raise TypeError(f"{self!r} has {len(comp.fields)} fields, {len(values)} given")
        given: dict[int, Any] = dict(enumerate(values))
        places = {name: at for at, name in self._names.items()}
        for name, value in named.items():
            if name not in places or places[name] in given:
                problem = "is given twice" if name in places else "is no field"
                raise TypeError(f"{name!r} {problem} of {self!r}")
            given[places[name]] = value
        return [
            given[at] if at in given else self._default(at, field)
            for at, field in enumerate(comp.fields)
        ]

    def _default(self, at: int, field: FieldType) -> Any:
        if not defaultable(field.storage):
            raise TypeError(f"field {self._names.get(at, at)} of {self!r} has no default")
        return None if isinstance(field.storage, RefType) else 0

    def _array(self, elements: Any = ()) -> list[Any]:
        return list(elements)

    def matches(self, value: object) -> bool:
        """Whether a value refers to an object of this type or of a subtype."""
        if not isinstance(value, Ref) or value.store is not self._instance.store:
            return False
        found = value.store.heap.heap_type(value.word)
        return isinstance(found, DefType) and match_def(found, self._deftype)

    def __repr__(self) -> str:
        return f"<wadjet.AggregateType {self.name or self.index}>"


@final
class Types:
    """The types of an instance's module, by name (as attribute or item) or by index:

    instance.types.point, instance.types["name with spaces"], instance.types[0]

    Iteration gives the names of all struct and array types that have one.
    """

    __slots__ = ("_instance", "_places")

    def __init__(self, instance: runtime.Instance) -> None:
        self._instance: Final = instance
        self._places: Final = {
            name: index
            for index, name in instance.module.names.types.items()
            if index < len(instance.types)
            and isinstance(instance.types[index].comp, StructType | ArrayType)
        }

    def __getitem__(self, key: str | int) -> AggregateType:
        if isinstance(key, int):
            if not 0 <= key < len(self._instance.types):
                raise IndexError(f"type {key} of {len(self._instance.types)}")
            return AggregateType(self._instance, key)
        return AggregateType(self._instance, self._places[key])

    def __getattr__(self, name: str) -> AggregateType:
        try:
            if name in Types.__slots__:
                raise KeyError(name)  # a copy under construction
            return self[name]
        except KeyError:
            raise AttributeError(f"the module has no struct or array type {name!r}") from None

    def __iter__(self) -> Iterator[str]:
        return iter(self._places)

    def __len__(self) -> int:
        return len(self._places)

    def __contains__(self, name: object) -> bool:
        return name in self._places

    def __dir__(self) -> list[str]:
        return [name for name in self if name.isidentifier()]

    def __repr__(self) -> str:
        return f"<wadjet.Types {', '.join(self)}>"
