"""What a composition is made of: imports, instances of components, and what is taken out of them.

A `Graph` grows from what needs nothing to what needs it, so it has no cycles. Whatever cannot be is
Invalid without a place: whoever builds the graph knows where it was asked for.
"""

from collections.abc import Mapping
from typing import Final, TypeAlias, final

from wadjet.base.errors import Invalid
from wadjet.base.records import dataclass
from wadjet.component.closed import ComponentShape, Extern, InstanceShape, TypeBound
from wadjet.component.component import Component
from wadjet.component.features import ALL
from wadjet.component.names import parse_name
from wadjet.component.types import ComponentType
from wadjet.component.validate import validate


@final
class Package:
    """A component that can be instantiated, under the name it is known by."""

    __slots__ = ("component", "name", "shape")

    def __init__(self, name: str, component: Component) -> None:
        self.name: Final = name
        self.component: Final = component
        self.shape: Final[ComponentShape] = validate(component, ALL, lazy=True).shape


@dataclass(slots=True)
class ImportNode:
    """An import of the composition. `name` is what everything of it is called by default."""

    name: str
    extern: Extern
    place: int

    __hash__ = object.__hash__


@dataclass(slots=True)
class NewNode:
    """An instance. What `args` do not give, the composition imports: `implicit`."""

    package: Package
    args: "dict[str, Node]"
    implicit: list[str]
    extern: InstanceShape
    place: int
    name: str | None = None

    __hash__ = object.__hash__


@dataclass(slots=True)
class AccessNode:
    """An export of an instance."""

    of: "Node"
    name: str
    extern: Extern
    place: int

    __hash__ = object.__hash__


@dataclass(slots=True)
class TypeNode:
    """A type that the composition defines, and exports under its name. `what` is the type itself if
    it needs no other, else what `world` calls what has it."""

    name: str
    what: ComponentType | str
    extern: TypeBound
    place: int

    __hash__ = object.__hash__


Node: TypeAlias = ImportNode | NewNode | AccessNode | TypeNode


@final
class Graph:
    """A composition. `world` is the world in binary form that has its explicit imports."""

    def __init__(self, world: Component | None = None) -> None:
        self.world: Final = world
        self.imports: Final[dict[str, ImportNode]] = {}
        self.types: Final[list[TypeNode]] = []
        self.nodes: Final[list[Node]] = []
        self.exports: Final[dict[str, tuple[Node, int]]] = {}

    def import_(self, name: str, extern: Extern, place: int = 0) -> ImportNode:
        """Add an import, which `world` must have."""
        if name in self.imports:
            raise Invalid(f"there is an import `{name}` already")
        made = self.imports[name] = ImportNode(name, extern, place)
        return made

    def new(
        self, package: Package, args: Mapping[str, Node], *, rest: bool, place: int = 0
    ) -> NewNode:
        """Instantiate a component. With `rest`, what is not given is imported."""
        wanted = package.shape.imports
        for name in args:
            if name not in wanted:
                raise Invalid(f"`{package.name}` has no import `{name}`{_there(wanted)}")
        missing = [name for name in wanted if name not in args]
        if missing and not rest:
            raise Invalid(f"`{package.name}` also needs `{missing[0]}`: give it, or `...`")
        shape = InstanceShape(package.shape.exports)
        made = NewNode(package, dict(args), missing, shape, place)
        self.nodes.append(made)
        return made

    def access(self, of: Node, name: str, place: int = 0) -> AccessNode:
        """Take an export out of an instance."""
        exports = exports_of(of)
        if name not in exports:
            raise Invalid(f"there is no export `{name}`{_there(exports)}")
        made = AccessNode(of, name, exports[name], place)
        self.nodes.append(made)
        return made

    def define(
        self, name: str, what: ComponentType | str, extern: TypeBound, place: int = 0
    ) -> TypeNode:
        """Define a type."""
        made = TypeNode(name, what, extern, place)
        self.export(name, made, place)
        self.types.append(made)
        return made

    def export(self, name: str, node: Node, place: int = 0) -> None:
        """Export something. A type has one name: the last that it was given."""
        if name in self.exports:
            raise Invalid(f"there is an export `{name}` already")
        try:
            parse_name(name, ALL)
        except Invalid as error:
            raise Invalid(f"export name `{name}` is not valid: {error.message}") from None
        if isinstance(node, TypeNode):
            self.exports.pop(node.name, None)
            node.name = name
        self.exports[name] = node, place


def exports_of(node: Node) -> Mapping[str, Extern]:
    """What an instance exports."""
    if not isinstance(node.extern, InstanceShape):
        raise Invalid("this is not an instance")
    return node.extern.exports


def _there(names: Mapping[str, Extern]) -> str:
    listed = ", ".join(f"`{name}`" for name in names)
    return f": there are {listed}" if listed else ": it has none"


def by_last_word(names: Mapping[str, Extern], word: str) -> str | None:
    """The one full name of an interface that ends in this word."""
    found = [name for name in names if name.partition("@")[0].endswith(f"/{word}")]
    return found[0] if len(found) == 1 else None
