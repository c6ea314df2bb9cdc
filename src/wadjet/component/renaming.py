"""The only place that puts resources for the resources of a type, and finds those it is free in.

Whatever is not touched stays the same object, since names of types are told by identity
(`wadjet.component.types.Defined`). All walks recurse; how deep types may be is limited. How much is
walked in all is counted as `Work`, so that a component which makes the same large type again and
again meets a limit.
"""

from collections.abc import Callable, Mapping
from typing import Final, final

from wadjet.base.errors import Invalid
from wadjet.component import limits
from wadjet.component.closed import (
    ClosedType, ComponentShape, Extern, InstanceShape, ModuleShape, Path, TypeBound, ValueBound,
    closed,
)  # fmt: skip
from wadjet.component.types import (
    Borrow, Defined, FuncType, Future, List, Map, Option, Own, Prim, Record, Resource, ResourceType,
    Result, Shape, Stream, Tuple, Variant, parts,
)  # fmt: skip


@final
class Work:
    """How many steps are left for the types of one outermost component."""

    __slots__ = ("left",)

    def __init__(self) -> None:
        self.left = limits.WORK

    def spend(self, steps: int = 1) -> None:
        """Take some of them. Raises Invalid, without a place, when none are left."""
        self.left -= steps
        if self.left < 0:
            raise Invalid(f"types too complex: they take more than {limits.WORK} steps")


@final
class Renaming:
    """What resources are replaced by, and named types with them.

    `resources` and what `name` was told hold for all types asked for later; what was asked for
    before must not mention them.
    """

    __slots__ = ("_externs", "_named", "_shapes", "_values", "_work", "resources")

    def __init__(self, work: Work, resources: dict[Resource, Resource] | None = None) -> None:
        self.resources: Final[dict[Resource, Resource]] = {} if resources is None else resources
        self._work: Final = work
        self._values: Final[dict[Defined, Prim | Defined]] = {}
        self._named: Final[dict[ResourceType, ResourceType]] = {}
        self._shapes: Final[dict[object, InstanceShape | ComponentShape]] = {}
        self._externs = False

    def name(self, old: ClosedType, new: ClosedType) -> None:
        """Wherever `old` is named, name `new`, which is equal to it."""
        if isinstance(old, ResourceType) and isinstance(new, ResourceType):
            self._named[old] = new
        elif isinstance(old, Defined) and isinstance(new, Prim | Defined):
            self._values[old] = new
            self._externs = True

    def resource(self, resource: Resource) -> Resource:
        """What stands for a resource."""
        return self.resources.get(resource, resource)

    def resource_type(self, t: ResourceType) -> ResourceType:
        """What stands for a name of a resource."""
        found = self._named.get(t)
        if found is None:
            new = self.resources.get(t.resource)
            found = self._named[t] = t if new is None else ResourceType(new)
        return found

    def value(self, t: Prim | Defined) -> Prim | Defined:
        """What stands for a value type."""
        if isinstance(t, Prim):
            return t
        found = self._values.get(t)
        if found is None:
            found = t
            if t.handles or self._externs:
                shape = self._shape(t.shape)
                found = t if shape == t.shape else Defined(shape)
            self._values[t] = found
        return found

    def _part(self, t: Prim | int | Defined) -> Prim | Defined:
        self._work.spend()
        return self.value(closed(t))

    def _maybe(self, t: Prim | int | Defined | None) -> Prim | Defined | None:
        return None if t is None else self._part(t)

    def _resource(self, t: int | ResourceType) -> ResourceType:
        assert isinstance(t, ResourceType), "a closed type names no index"
        return self.resource_type(t)

    def _shape(self, shape: Shape) -> Shape:
        part = self._part
        match shape:
            case Record(fields):
                return Record(tuple([(label, part(t)) for label, t in fields]))
            case Variant(cases):
                return Variant(tuple([(label, self._maybe(t)) for label, t in cases]))
            case Tuple(items):
                return Tuple(tuple([part(t) for t in items]))
            case List(element, length):
                return List(part(element), length)
            case Map(key, value):
                return Map(part(key), part(value))
            case Option(some):
                return Option(part(some))
            case Result(ok, error):
                return Result(self._maybe(ok), self._maybe(error))
            case Stream(element):
                return Stream(self._maybe(element))
            case Future(element):
                return Future(self._maybe(element))
            case Own(resource):
                return Own(self._resource(resource))
            case Borrow(resource):
                return Borrow(self._resource(resource))
        return shape

    def func(self, t: FuncType) -> FuncType:
        """What stands for a function type."""
        params = tuple([(label, self._part(p)) for label, p in t.params])
        made = FuncType(params, self._maybe(t.result), t.is_async)
        return t if made == t else made

    def type(self, t: ClosedType) -> ClosedType:
        """What stands for a type."""
        match t:
            case Prim() | Defined():
                return self.value(t)
            case ResourceType():
                return self.resource_type(t)
            case FuncType():
                return self.func(t)
            case InstanceShape():
                return self.instance(t)
        return self.component(t)

    def extern(self, e: Extern) -> Extern:
        """What stands for the type of an import or export."""
        self._work.spend()
        match e:
            case ModuleShape():
                return e
            case FuncType():
                return self.func(e)
            case ValueBound(type_):
                return ValueBound(self.value(type_))
            case TypeBound(type_):
                return TypeBound(self.type(type_))
            case InstanceShape():
                return self.instance(e)
        return self.component(e)

    def externs(self, every: Mapping[str, Extern]) -> Mapping[str, Extern]:
        """What stands for imports or exports."""
        made = {name: self.extern(e) for name, e in every.items()}
        return every if made == every else made

    def instance(self, t: InstanceShape) -> InstanceShape:
        """What stands for the type of an instance."""
        found = self._shapes.get(t)
        if found is None:
            exports = self.externs(t.exports)
            found = t if exports is t.exports else InstanceShape(exports, t.made)
            self._shapes[t] = found
        assert isinstance(found, InstanceShape)
        return found

    def component(self, t: ComponentShape) -> ComponentShape:
        """What stands for the type of a component."""
        found = self._shapes.get(t)
        if found is None:
            imports, exports = self.externs(t.imports), self.externs(t.exports)
            found = t
            if imports is not t.imports or exports is not t.exports:
                found = ComponentShape(imports, exports, t.taken, t.made)
            self._shapes[t] = found
        assert isinstance(found, ComponentShape)
        return found


def opened(t: InstanceShape, work: Work, make: Callable[[Path], Resource]) -> InstanceShape:
    """The instance of one use of an instance type. `make` makes the resource at each path."""
    if not t.made:
        return t
    renaming = Renaming(work, {old: make(path) for old, path in t.made.items()})
    return InstanceShape(renaming.externs(t.exports))


@final
class Mentions:
    """Finds the resources that types are free in: those they mention but do not bind."""

    __slots__ = ("_bound", "_found", "_seen", "_work")

    def __init__(self, work: Work) -> None:
        self._work: Final = work
        self._seen: Final[set[object]] = set()
        self._found: Final[dict[Resource, None]] = {}
        self._bound: Final[set[Resource]] = set()

    @property
    def free(self) -> list[Resource]:
        """Those of all types seen so far, in order of their first mention."""
        return [r for r in self._found if r not in self._bound]

    def value(self, t: Prim | int | Defined) -> None:
        """Look at a value type."""
        if not isinstance(t, Defined) or not t.handles or t in self._seen:
            return
        self._seen.add(t)
        self._work.spend()
        if isinstance(t.shape, Own | Borrow):
            assert isinstance(t.shape.resource, ResourceType)
            self._found[t.shape.resource.resource] = None
        for part in parts(t.shape):
            self.value(part)

    def see(self, e: Extern | ClosedType) -> None:
        """Look at a type."""
        self._work.spend()
        match e:
            case TypeBound(t) | ValueBound(t):
                self.see(t)
            case Prim() | Defined():
                self.value(e)
            case ResourceType(resource=resource):
                self._found[resource] = None
            case FuncType(params, result):
                for _, p in params:
                    self.value(p)
                if result is not None:
                    self.value(result)
            case InstanceShape() | ComponentShape():
                self._scope(e)

    def _scope(self, e: InstanceShape | ComponentShape) -> None:
        if e in self._seen:
            return
        self._seen.add(e)
        self._bound.update(e.made)
        if isinstance(e, ComponentShape):
            self._bound.update(e.taken)
            for extern in e.imports.values():
                self.see(extern)
        for extern in e.exports.values():
            self.see(extern)
