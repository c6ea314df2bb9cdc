"""The noun `Component`: what decode and parse make, validate checks, encode and print read.

A `Component` is the list of its definitions exactly as they were written, in their order, valid or
not: each may refer only to what stands before it, by index into one of thirteen index spaces. It
remembers how definitions were gathered into sections, so that it can be written back byte for
byte; equality does not look at that, nor at places and names.
"""

from collections.abc import Callable
from dataclasses import dataclass, field

from wadjet.base.spans import Place
from wadjet.component.types import (
    Alias, AliasCoreExport, AliasExport, AliasOuter, CoreTypeDef, ExternName, ExternType, Import,
    TypeDef, ValType, sort_of,
)  # fmt: skip
from wadjet.core.module import Module, place_of_offset
from wadjet.core.types import RecType
from wadjet.core.types import ValType as CoreValType


@dataclass(slots=True)
class CoreModule:
    """A core module. `source` are the bytes that it was read from, and is written back as."""

    module: Module
    source: bytes | None = field(default=None, compare=False, repr=False)
    place: int = field(default=0, compare=False)


@dataclass(frozen=True, slots=True)
class CoreInlineExport:
    """One export of a core instance that is put together from definitions."""

    name: str
    sort: str
    index: int


@dataclass(frozen=True, slots=True)
class CoreInstantiate:
    """`(core instance (instantiate m (with "a" (instance i))*))`."""

    module: int
    args: tuple[tuple[str, int], ...]
    place: int = field(default=0, compare=False)


@dataclass(frozen=True, slots=True)
class CoreBundle:
    """`(core instance (export "a" (func f))*)`."""

    exports: tuple[CoreInlineExport, ...]
    place: int = field(default=0, compare=False)


@dataclass(frozen=True, slots=True)
class Arg:
    """One argument of an instantiation."""

    name: str
    sort: str
    index: int


@dataclass(frozen=True, slots=True)
class InlineExport:
    """One export of an instance that is put together from definitions."""

    name: ExternName
    sort: str
    index: int


@dataclass(frozen=True, slots=True)
class Instantiate:
    """`(instance (instantiate c (with "a" (sort i))*))`."""

    component: int
    args: tuple[Arg, ...]
    place: int = field(default=0, compare=False)


@dataclass(frozen=True, slots=True)
class Bundle:
    """`(instance (export "a" (sort i))*)`."""

    exports: tuple[InlineExport, ...]
    place: int = field(default=0, compare=False)


@dataclass(frozen=True, slots=True)
class CanonOption:
    """One canonical option: a name of `builtins.OPTIONS`, and its index if it has one."""

    name: str
    index: int | None = None


@dataclass(frozen=True, slots=True)
class Lift:
    """`(canon lift f opt* (func (type t)))`: a core function made a component's."""

    func: int
    options: tuple[CanonOption, ...]
    type: int
    place: int = field(default=0, compare=False)


@dataclass(frozen=True, slots=True)
class Lower:
    """`(canon lower f opt* (core func))`: a component's function made a core function."""

    func: int
    options: tuple[CanonOption, ...]
    place: int = field(default=0, compare=False)


#: An immediate of a built-in: an index or a number, a flag, options, a type or none.
Immediate = int | bool | tuple[CanonOption, ...] | ValType | CoreValType | None


@dataclass(frozen=True, slots=True)
class Builtin:
    """`(canon name immediate* (core func))`: a row of `builtins.ROWS` and its immediates."""

    name: str
    immediates: tuple[Immediate, ...] = ()
    place: int = field(default=0, compare=False)


@dataclass(frozen=True, slots=True)
class Start:
    """`(start f (value v)* (result (value))*)`."""

    func: int
    args: tuple[int, ...]
    results: int
    place: int = field(default=0, compare=False)


@dataclass(frozen=True, slots=True)
class Export:
    """An export; `type` is None where the definition's own type counts."""

    name: ExternName
    sort: str
    index: int
    type: ExternType | None = None
    place: int = field(default=0, compare=False)


@dataclass(frozen=True, slots=True)
class Value:
    """A value definition: `data` is the value as bytes (Binary.md, "Value Definitions")."""

    type: ValType
    data: bytes
    place: int = field(default=0, compare=False)


@dataclass(frozen=True, slots=True)
class Custom:
    """A custom section, at its place among the definitions."""

    name: str
    data: bytes
    place: int = field(default=0, compare=False)


@dataclass(slots=True)
class Names:
    """What is called how: the component, and by sort each index that has a name."""

    component: str | None = None
    maps: dict[str, dict[int, str]] = field(default_factory=dict)

    def of(self, sort: str) -> dict[int, str]:
        """The names of one index space."""
        return self.maps.setdefault(sort, {})


@dataclass(slots=True)
class Component:
    """A component as written. Places count from the start of the outermost component's source.

    `runs` tells how a binary gathered the definitions: (id, number of definitions) of each section
    in order; None if the encoder may choose.
    """

    definitions: "list[Definition]" = field(default_factory=list)
    runs: list[tuple[int, int]] | None = field(default=None, compare=False)
    place: int = field(default=0, compare=False)
    #: turns a place into line and column (text) or an offset (binary)
    locate: Callable[[int], Place] = field(default=place_of_offset, compare=False, repr=False)
    _names: Names | Callable[[], Names] = field(default_factory=Names, compare=False, repr=False)

    @property
    def names(self) -> Names:
        """Names, from the component-name section (read when first asked for) or the text."""
        if not isinstance(self._names, Names):
            self._names = self._names()
        return self._names

    @names.setter
    def names(self, names: Names | Callable[[], Names]) -> None:
        self._names = names


CoreInstance = CoreInstantiate | CoreBundle
Instance = Instantiate | Bundle
Canon = Lift | Lower | Builtin
Definition = (
    CoreModule | CoreInstance | CoreTypeDef | Component | Instance | Alias | TypeDef | Canon
    | Start | Import | Export | Value | Custom
)  # fmt: skip


def section_of(definition: Definition) -> int:
    """The id of the section that holds a definition (Binary.md, "Component Definitions")."""
    return _SECTIONS[type(definition)]


_SECTIONS: dict[type, int] = {
    Custom: 0,
    CoreModule: 1,
    CoreInstantiate: 2,
    CoreBundle: 2,
    CoreTypeDef: 3,
    Component: 4,
    Instantiate: 5,
    Bundle: 5,
    AliasExport: 6,
    AliasCoreExport: 6,
    AliasOuter: 6,
    TypeDef: 7,
    Lift: 8,
    Lower: 8,
    Builtin: 8,
    Start: 9,
    Import: 10,
    Export: 11,
    Value: 12,
}


def additions(definition: Definition) -> tuple[str, int]:
    """The index space that a definition adds to, and how many entries."""
    match definition:
        case CoreModule():
            return "core module", 1
        case CoreInstantiate() | CoreBundle():
            return "core instance", 1
        case CoreTypeDef(type_):
            return "core type", len(type_.subs) if isinstance(type_, RecType) else 1
        case Component():
            return "component", 1
        case Instantiate() | Bundle():
            return "instance", 1
        case AliasExport(sort) | AliasCoreExport(sort) | AliasOuter(sort):
            return sort, 1
        case TypeDef():
            return "type", 1
        case Lift():
            return "func", 1
        case Lower() | Builtin():
            return "core func", 1
        case Start(_, _, results):
            return "value", results
        case Import(_, type_):
            return sort_of(type_), 1
        case Export(_, sort):
            return sort, 1
        case Value():
            return "value", 1
    return "", 0
