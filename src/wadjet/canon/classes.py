"""The Python classes of the types of one component.

A class is called what its type is called where an interface, or the component itself, imports or
exports it; the interface's full name is the class's module. Types of one name that are made alike
have one class, so that what one interface gives another takes, whichever of their names it goes by.
"""

from collections.abc import Iterator, Mapping
from enum import Enum as PythonEnum
from enum import Flag
from typing import Any, Final, final

from wadjet.canon import values
from wadjet.canon.naming import pascal, snake, upper
from wadjet.component.closed import ComponentShape, Extern, InstanceShape, TypeBound
from wadjet.component.types import (
    Borrow, Defined, Enum, Flags, List, Own, Prim, Record, ResourceType, Result, Shape, Variant,
    parts,
)  # fmt: skip

#: a type made alike with another has the same number
_Number = int


@final
class Classes:
    """Classes by type; each is made when it is first asked for.

    `given` are classes that exist already, by where they are: "imports" or "exports", the full name
    of the interface ("" for the component itself) and the Python name of the type.
    """

    __slots__ = ("_by_shape", "_by_type", "_given", "_made", "_names", "_numbers")

    def __init__(
        self, shape: ComponentShape, given: Mapping[tuple[str, str, str], type] | None = None
    ) -> None:
        self._given: Final = {} if given is None else given
        #: where a type is named: side of the component, interface and label
        self._names: Final[dict[Defined, tuple[str, str, str]]] = {}
        #: the first of the names of one definition, which share its shape
        self._by_shape: Final[dict[int, Defined]] = {}
        self._by_type: Final[dict[Defined, Any]] = {}
        self._made: Final[dict[tuple[str, _Number], Any]] = {}
        self._numbers: Final = _Numbers()
        for side, module, label, t in named_types(shape):
            self._names.setdefault(t, (side, module, label))
            self._by_shape.setdefault(id(t.shape), t)

    def record(self, t: Defined) -> tuple[type[values.Record], tuple[str, ...]]:
        """The class of a record and the names of its fields, in order."""
        made: type[values.Record] = self._class(t)
        return made, made.__match_args__

    def variant(self, t: Defined) -> tuple[type[values.Variant], ...]:
        """The classes of a variant's cases, in order."""
        made: type[values.Variant] = self._class(t)
        return made._cases

    def enum(self, t: Defined) -> tuple[PythonEnum, ...]:
        """The cases of an enum, in order."""
        made: type[PythonEnum] = self._class(t)
        return tuple(made)

    def flags(self, t: Defined) -> type[Flag]:
        """The class of flags."""
        made: type[Flag] = self._class(t)
        return made

    def of(self, t: Defined) -> type | None:
        """The class of a type that has one of its own: a record, variant, enum or flags."""
        found: type | None = None
        if isinstance(t.shape, Record | Variant | Enum | Flags):
            found = self._class(t)
        return found

    def given(self, side: str, module: str, name: str) -> type | None:
        """The class that was given for a type of this name, if one was."""
        return self._given.get((side, module, name))

    def _class(self, t: Defined) -> Any:
        found = self._by_type.get(t)
        if found is None:
            first = self._by_shape.get(id(t.shape), t)
            nameless = "", "", type(t.shape).__name__.lower()
            side, module, label = self._names.get(first, nameless)
            key = label, self._numbers.of(t)
            found = self._made.get(key)
            if found is None:
                name = pascal(label)
                found = self.given(side, module, name) or _make(t.shape, name, module)
                self._made[key] = found
            self._by_type[t] = found
        return found


def _make(shape: Shape, name: str, module: str) -> type:
    """The class of a record, variant, enum or flags."""
    module = module or "wadjet"
    match shape:
        case Record(fields):
            return values.record(name, [snake(label) for label, _ in fields], module=module)
        case Variant(cases):
            names = [(pascal(label), t is not None) for label, t in cases]
            return values.variant(name, names, module=module)
        case Enum(labels):
            return values.enumeration(name, [upper(label) for label in labels], module=module)
    assert isinstance(shape, Flags), "no other type has a class of its own"
    return values.flags(name, [upper(label) for label in shape.labels], module=module)


def named_types(shape: ComponentShape) -> Iterator[tuple[str, str, str, Defined]]:
    """The types that a component imports and exports, those of its interfaces included: the side,
    the name of the interface or "", the type's own name, and the type. Imports come first."""
    for side, externs in (("imports", shape.imports), ("exports", shape.exports)):
        for module, name, t in _named("", externs):
            yield side, module, name, t


def _named(module: str, externs: Mapping[str, Extern]) -> Iterator[tuple[str, str, Defined]]:
    for name, extern in externs.items():
        if isinstance(extern, TypeBound) and isinstance(extern.type, Defined):
            yield module, name, extern.type
        elif isinstance(extern, InstanceShape):
            yield from _named(f"{module}/{name}" if module else name, extern.exports)


@final
class _Numbers:
    """Numbers types so that those which are made alike have the same number."""

    __slots__ = ("_by_form", "_by_type")

    def __init__(self) -> None:
        self._by_type: Final[dict[Defined, _Number]] = {}
        self._by_form: Final[dict[object, _Number]] = {}

    def of(self, t: Defined) -> _Number:
        """The number of a type."""
        found = self._by_type.get(t)
        if found is None:
            form = self._form(t.shape)
            found = self._by_type[t] = self._by_form.setdefault(form, len(self._by_form))
        return found

    def _form(self, shape: Shape) -> object:
        """What two types have in common if and only if they are made alike."""
        kind = type(shape)
        if isinstance(shape, Own | Borrow):
            assert isinstance(shape.resource, ResourceType), "a closed type names no index"
            return kind, shape.resource.resource
        inner = tuple([t if isinstance(t, Prim) else self.of(t) for t in _parts(shape)])
        match shape:
            case Record(fields):
                return kind, tuple([label for label, _ in fields]), inner
            case Variant(cases):
                return kind, tuple([(label, t is None) for label, t in cases]), inner
            case Enum(labels) | Flags(labels):
                return kind, labels
            case List(_, length):
                return kind, length, inner
            case Result(ok, error):
                return kind, ok is None, error is None, inner
        return kind, inner


def _parts(shape: Shape) -> list[Prim | Defined]:
    return [t for t in parts(shape) if not isinstance(t, int)]
