"""What the indices of one scope mean, and nothing that belongs to one kind of definition.

A scope is a component, a component type or an instance type (Binary.md, "Alias Definitions"). Its
index spaces fill up in the order in which validation proceeds, so that whatever is there stands
before what is being checked.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Final, NoReturn, TypeVar, final

from wadjet.base.errors import Invalid
from wadjet.base.spans import Place
from wadjet.component import limits
from wadjet.component.closed import (
    ClosedType, ComponentShape, Extern, InstanceShape, ModuleShape, Path, TypeBound, ValueBound,
    depth, size,
)  # fmt: skip
from wadjet.component.renaming import Work
from wadjet.component.types import Defined, FuncType, Prim, Resource, ResourceType
from wadjet.core.features import Features
from wadjet.core.module import Module
from wadjet.core.subtyping import ClosedExtern
from wadjet.core.types import DefType, GlobalType, MemoryType, NumType, TableType
from wadjet.core.validate.context import Context

COMPONENT: Final = "component"
COMPONENT_TYPE: Final = "component type"
INSTANCE_TYPE: Final = "instance type"

_T = TypeVar("_T")


@final
class Session:
    """What all scopes of one outermost component share."""

    __slots__ = ("features", "locate", "work")

    def __init__(self, features: Features, locate: Callable[[int], Place]) -> None:
        self.features: Final = features
        self.locate: Final = locate
        self.work: Final = Work()

    def fail(self, message: str, place: int) -> NoReturn:
        """Reject the component for what is written at this place."""
        raise Invalid(message, self.locate(place))

    def require(self, feature: str, what: str, place: int) -> None:
        """Reject `what` where its feature is off."""
        if feature not in self.features:
            self.fail(f"{what} requires the feature {feature}", place)

    def bounded(self, t: Extern | ClosedType, place: int) -> None:
        """Reject a type that is too large or too deep to be worked with."""
        if size(t) > limits.TYPE_SIZE:
            self.fail(f"effective type size exceeds the limit of {limits.TYPE_SIZE}", place)
        if depth(t) > limits.NESTING:
            self.fail(f"types nest too deep: the limit is {limits.NESTING}", place)


@final
class ValueEntry:
    """A value, which must be used exactly once."""

    __slots__ = ("place", "type", "used")

    def __init__(self, type_: Prim | Defined, place: int, used: bool = False) -> None:
        self.type: Final = type_
        self.place: Final = place
        self.used = used


@final
class Names:
    """The imports of a scope, or its exports: their types, and what must be told apart by name."""

    __slots__ = ("externs", "keys", "labels", "resources", "visible")

    def __init__(self) -> None:
        self.externs: Final[dict[str, Extern]] = {}
        #: canonical form of each name → the name
        self.keys: Final[dict[str, str]] = {}
        #: names of resource types at this level, by the type and all of them
        self.resources: Final[dict[ResourceType, str]] = {}
        self.labels: Final[set[str]] = set()
        #: the types that have an external name, and types made of nothing but such
        self.visible: Final[set[object]] = set()


@final
class Scope:
    """The index spaces of one scope, and the names and resources that it has so far."""

    __slots__ = (
        "components", "context_slot", "core", "core_funcs", "core_globals", "core_instances",
        "core_memories", "core_modules", "core_tables", "core_tags", "core_types", "explicit",
        "exports", "funcs", "imports", "instances", "kind", "local", "outer", "session", "started",
        "taken", "total", "types", "values",
    )  # fmt: skip

    def __init__(self, session: Session, kind: str, outer: "Scope | None") -> None:
        self.session: Final = session
        self.kind: Final = kind
        self.outer: Final = outer
        self.types: Final[list[ClosedType]] = []
        self.funcs: Final[list[FuncType]] = []
        self.values: Final[list[ValueEntry]] = []
        self.instances: Final[list[InstanceShape]] = []
        self.components: Final[list[ComponentShape]] = []
        self.core_modules: Final[list[ModuleShape]] = []
        self.core_instances: Final[list[Mapping[str, ClosedExtern]]] = []
        self.core_types: Final[list[DefType | ModuleShape]] = []
        self.core_funcs: Final[list[DefType]] = []
        self.core_tables: Final[list[TableType]] = []
        self.core_memories: Final[list[MemoryType]] = []
        self.core_globals: Final[list[GlobalType]] = []
        self.core_tags: Final[list[DefType]] = []
        #: the context in which core types are checked; it knows all of `core_types`
        self.core: Final = Context(Module(locate=session.locate), session.features)
        self.imports: Final = Names()
        self.exports: Final = Names()
        #: resources of imports and, once they are exported, of exports, with where they are found
        self.taken: Final[dict[Resource, Path]] = {}
        self.explicit: Final[dict[Resource, Path]] = {}
        #: resources that are made here: defined, or of instances
        self.local: Final[dict[Resource, None]] = {}
        #: how large the types of all imports and exports are
        self.total = 0
        #: the type of context.get and context.set, once there is one
        self.context_slot: NumType | None = None
        self.started = False

    def fail(self, message: str, place: int) -> NoReturn:
        """Reject the component for what is written at this place."""
        self.session.fail(message, place)

    def at(self, items: Sequence[_T], index: int, noun: str, place: int) -> _T:
        """What an index means."""
        if index >= len(items):
            self.fail(f"unknown {noun} {index}: {noun} index out of bounds", place)
        return items[index]

    def add(self, items: list[_T], item: _T, what: str, limit: int, place: int) -> None:
        """Add to an index space."""
        if len(items) >= limit:
            self.fail(f"too many {what}: the limit is {limit}", place)
        items.append(item)

    def add_extern(self, extern: Extern, place: int, used: bool = False) -> None:
        """Add what an import, an export or an alias brings to the space of its sort. `used`: a
        value that it brings is used already."""
        match extern:
            case ModuleShape():
                self.add(self.core_modules, extern, "modules", limits.MODULES, place)
            case FuncType():
                self.add(self.funcs, extern, "functions", limits.ITEMS, place)
            case ValueBound(type_):
                entry = ValueEntry(type_, place, used)
                self.add(self.values, entry, "values", limits.VALUES, place)
            case TypeBound(type_):
                self.add(self.types, type_, "types", limits.ITEMS, place)
            case ComponentShape():
                self.add(self.components, extern, "components", limits.COMPONENTS, place)
            case InstanceShape():
                self.add(self.instances, extern, "instances", limits.INSTANCES, place)

    def extern(self, sort: str, index: int, place: int) -> Extern:
        """The type of a definition that may be exported. Using a value here uses it up."""
        match sort:
            case "core module":
                return self.at(self.core_modules, index, "module", place)
            case "func":
                return self.at(self.funcs, index, "function", place)
            case "type":
                return TypeBound(self.type(index, place))
            case "component":
                return self.at(self.components, index, "component", place)
            case "instance":
                return self.at(self.instances, index, "instance", place)
        return ValueBound(self.use_value(index, place))

    def use_value(self, index: int, place: int) -> Prim | Defined:
        """The type of a value, which is used here and nowhere else."""
        self.session.require("cm-values", "a value", place)
        entry = self.at(self.values, index, "value", place)
        if entry.used:
            self.fail(f"value {index} cannot be used more than once", place)
        entry.used = True
        return entry.type

    def type(self, index: int, place: int) -> ClosedType:
        """What a type index means."""
        return self.at(self.types, index, "type", place)

    def value_type(self, index: int, place: int) -> Prim | Defined:
        """The value type at an index."""
        found = self.type(index, place)
        if not isinstance(found, Prim | Defined):
            self.fail(f"type index {index} is not a defined type", place)
        return found

    def resource_type(self, index: int, place: int) -> ResourceType:
        """The resource type at an index."""
        found = self.type(index, place)
        if not isinstance(found, ResourceType):
            self.fail(f"type index {index} is not a resource type", place)
        return found

    def func_type(self, index: int, place: int) -> FuncType:
        """The function type at an index."""
        found = self.type(index, place)
        if not isinstance(found, FuncType):
            self.fail(f"type index {index} is not a function type", place)
        return found

    def outward(self, count: int, place: int) -> "Scope":
        """The scope that is `count` scopes further out."""
        scope: Scope | None = self
        for _ in range(min(count, limits.NESTING + 1)):
            scope = None if scope is None else scope.outer
        if scope is None:
            self.fail(f"invalid outer alias count of {count}", place)
        return scope
