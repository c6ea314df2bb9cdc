"""Closed types of what components are made of: they name no index, and belong to no component.

    ModuleShape      a core module: imports and exports, closed as core WebAssembly closes them
    FuncType         a function, its types closed (wadjet.component.types)
    InstanceShape    an instance: what it exports
    ComponentShape   a component: what it imports and exports
    TypeBound        a type that is imported or exported
    ValueBound       a value

Resources are variables (Explainer.md, "Type Checking"). A component type is universal in the
resources that it takes and existential in those it makes; an instance type as defined is
existential in those it makes. Whoever uses such a type opens it: puts resources of its own for
the variables (`wadjet.component.subtyping`). The instance of an import, or of an instantiation,
is open already and makes none.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final, final

from wadjet.component.types import Defined, FuncType, Prim, Resource, ResourceType
from wadjet.core.subtyping import ClosedExtern

#: Where a resource is found among imports or exports: the names that lead to it.
Path = tuple[str, ...]


@final
class ModuleShape:
    """The type of a core module."""

    __slots__ = ("depth", "exports", "imports", "size")

    def __init__(
        self,
        imports: Mapping[tuple[str, str], ClosedExtern],
        exports: Mapping[str, ClosedExtern],
    ) -> None:
        self.imports: Final = imports
        self.exports: Final = exports
        self.size: Final = 1 + len(imports) + len(exports)
        self.depth: Final = 1


@final
class InstanceShape:
    """The type of an instance. `made` are the resources that every use of the type makes anew."""

    __slots__ = ("depth", "exports", "made", "size")

    def __init__(
        self, exports: "Mapping[str, Extern]", made: Mapping[Resource, Path] | None = None
    ) -> None:
        self.exports: Final = exports
        self.made: Final[Mapping[Resource, Path]] = {} if made is None else made
        self.size: Final = 1 + sum([size(e) for e in exports.values()])
        self.depth: Final = 1 + max([depth(e) for e in exports.values()], default=0)


@final
class ComponentShape:
    """The type of a component. `taken` are the resources of its imports, `made` those that each
    instance makes, with the paths where they are found."""

    __slots__ = ("depth", "exports", "imports", "made", "size", "taken")

    def __init__(
        self,
        imports: "Mapping[str, Extern]",
        exports: "Mapping[str, Extern]",
        taken: Mapping[Resource, Path],
        made: Mapping[Resource, Path],
    ) -> None:
        self.imports: Final = imports
        self.exports: Final = exports
        self.taken: Final = taken
        self.made: Final = made
        every = [*imports.values(), *exports.values()]
        self.size: Final = 1 + sum([size(e) for e in every])
        self.depth: Final = 1 + max([depth(e) for e in every], default=0)


#: What a type index may mean.
ClosedType = Prim | Defined | FuncType | ResourceType | InstanceShape | ComponentShape


@dataclass(frozen=True, slots=True)
class TypeBound:
    """A type that is imported or exported under a name."""

    type: ClosedType


@dataclass(frozen=True, slots=True)
class ValueBound:
    """A value that is imported or exported."""

    type: Prim | Defined


#: The type of an import or export.
Extern = ModuleShape | FuncType | ValueBound | TypeBound | ComponentShape | InstanceShape


def sort_of(extern: Extern) -> str:
    """The sort of what has this type."""
    match extern:
        case ModuleShape():
            return "core module"
        case FuncType():
            return "func"
        case ValueBound():
            return "value"
        case TypeBound():
            return "type"
        case ComponentShape():
            return "component"
    return "instance"


def func_values(t: FuncType) -> list[Prim | Defined]:
    """The types of parameters and result of a closed function type, in order."""
    every = [*(p for _, p in t.params), *([] if t.result is None else [t.result])]
    return [closed(v) for v in every]


def closed(t: Prim | int | Defined) -> Prim | Defined:
    """A value type that is known to be closed."""
    assert not isinstance(t, int), "a closed type names no index"
    return t


def size(t: Extern | ClosedType) -> int:
    """How many nodes a type has, as if nothing in it were shared."""
    if isinstance(t, TypeBound | ValueBound):
        return size(t.type)
    if isinstance(t, FuncType):
        return 1 + sum([size(v) for v in func_values(t)])
    return 1 if isinstance(t, Prim | ResourceType) else t.size


def depth(t: Extern | ClosedType) -> int:
    """How deep the nodes of a type lie."""
    if isinstance(t, TypeBound | ValueBound):
        return depth(t.type)
    if isinstance(t, FuncType):
        return 1 + max([depth(v) for v in func_values(t)], default=0)
    return 1 if isinstance(t, Prim | ResourceType) else t.depth


def resources(exports: "Mapping[str, Extern]") -> Iterator[tuple[Path, ResourceType]]:
    """The resource types among exports, those of exported instances included, in order."""
    for name, extern in exports.items():
        if isinstance(extern, TypeBound) and isinstance(extern.type, ResourceType):
            yield (name,), extern.type
        elif isinstance(extern, InstanceShape):
            for path, found in resources(extern.exports):
                yield (name, *path), found
