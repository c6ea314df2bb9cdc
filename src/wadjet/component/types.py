"""The types of the component model as written (Explainer.md, "Type Definitions").

A type names others by index: a value type is a `Prim` or the index of a type definition. Closed,
it names them themselves: a value type is a `Prim` or a `Defined`. The constructors of value types
(`Record`, `List` …) and of functions serve both. Closed types of modules, instances and components
are in `wadjet.component.closed`.

Declarators of component and instance types are definitions like those of a component, so imports,
aliases and type definitions live here too.
"""

from dataclasses import dataclass, field
from typing import Final, final

from wadjet.core.module import Import as CoreImport
from wadjet.core.types import ExternType as CoreExternType
from wadjet.core.types import NumType, RecType

# --- sorts ----------------------------------------------------------------------------------------

#: sort of core definitions → its byte (Binary.md, `core:sort`)
CORE_SORTS: Final = {
    "core func": 0x00,
    "core table": 0x01,
    "core memory": 0x02,
    "core global": 0x03,
    "core tag": 0x04,
    "core type": 0x10,
    "core module": 0x11,
    "core instance": 0x12,
}
#: sort of the component model's own definitions → its byte (Binary.md, `sort`)
OWN_SORTS: Final = {"func": 0x01, "value": 0x02, "type": 0x03, "component": 0x04, "instance": 0x05}
#: every index space of a component
SORTS: Final = (*CORE_SORTS, *OWN_SORTS)
#: sorts that components may import and export
EXTERN_SORTS: Final = ("core module", *OWN_SORTS)
#: sorts that may be aliased from an enclosing component
OUTER_SORTS: Final = ("core module", "core type", "type", "component")


# --- value types ----------------------------------------------------------------------------------


@final
class Prim:
    """A primitive value type. `code` is its byte."""

    __slots__ = ("code", "name")

    def __init__(self, name: str, code: int) -> None:
        self.name: Final = name
        self.code: Final = code

    def __repr__(self) -> str:
        return self.name

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return prim, (self.name,)


BOOL: Final = Prim("bool", 0x7F)
S8: Final = Prim("s8", 0x7E)
U8: Final = Prim("u8", 0x7D)
S16: Final = Prim("s16", 0x7C)
U16: Final = Prim("u16", 0x7B)
S32: Final = Prim("s32", 0x7A)
U32: Final = Prim("u32", 0x79)
S64: Final = Prim("s64", 0x78)
U64: Final = Prim("u64", 0x77)
F32: Final = Prim("f32", 0x76)
F64: Final = Prim("f64", 0x75)
CHAR: Final = Prim("char", 0x74)
STRING: Final = Prim("string", 0x73)
ERROR_CONTEXT: Final = Prim("error-context", 0x64)

PRIMS: Final = (
    BOOL, S8, U8, S16, U16, S32, U32, S64, U64, F32, F64, CHAR, STRING, ERROR_CONTEXT,
)  # fmt: skip
_PRIMS: Final = {t.name: t for t in PRIMS}
#: what the keys of a map may be
KEYS: Final = frozenset((BOOL, S8, U8, S16, U16, S32, U32, S64, U64, CHAR, STRING))


def prim(name: str) -> Prim:
    """The primitive type with this name."""
    return _PRIMS[name]


@final
class Resource:
    """A resource type: equal to itself alone (Explainer.md, "Type Checking").

    Within one component (or component or instance type) every definition, import and instance that
    brings a resource makes one of these. `rep` is what represents it, known only where it is
    defined, with its destructor's core function index. `origin` says where it comes from: "type"
    with its type index, "import" with the path of names that leads to it, "instance" with the
    index of the component instance that made it and the path there, or "export" with the path,
    for the resources that a component or instance type promises.
    """

    __slots__ = ("dtor", "index", "origin", "path", "rep")

    def __init__(
        self,
        origin: str,
        path: tuple[str, ...] = (),
        index: int = 0,
        rep: NumType | None = None,
        dtor: int | None = None,
    ) -> None:
        self.origin: Final = origin
        self.path: Final = path
        self.index: Final = index
        self.rep: Final = rep
        self.dtor: Final = dtor

    def __repr__(self) -> str:
        return f"<resource of {self.origin} {'/'.join(self.path) or self.index}>"


@final
class ResourceType:
    """One name of a resource. Two names of one resource are equal types, but only a name that is
    imported or exported may be used in imports and exports."""

    __slots__ = ("resource",)

    def __init__(self, resource: Resource) -> None:
        self.resource: Final = resource

    def __repr__(self) -> str:
        return repr(self.resource)


@final
class Defined:
    """A closed value type: `shape` is its constructor, whose parts are closed too.

    Every type definition makes one, and so does every import and export of a type: what a type
    means is its shape, what it is called is this object. `size` counts its nodes as if nothing
    were shared, `depth` how deep they lie; `handles` and `borrows` tell whether any handle, and
    any borrowed one, is among them, `pointers` whether strings or lists of variable length are.
    `layouts` and `flats` belong to `wadjet.component.abi`.
    """

    __slots__ = ("borrows", "depth", "flats", "handles", "layouts", "pointers", "shape", "size")

    def __init__(self, shape: "Shape") -> None:
        self.shape: Final = shape
        self.size = 1
        self.depth = 1
        self.handles = self.borrows = isinstance(shape, Borrow)
        self.handles = self.handles or isinstance(shape, Own)
        self.pointers = isinstance(shape, Map) or (isinstance(shape, List) and shape.length is None)
        self.layouts: Final[dict[NumType, tuple[int, int]]] = {}
        self.flats: Final[dict[NumType, tuple[NumType, ...] | None]] = {}
        for part in parts(shape):
            if isinstance(part, Defined):
                self.size += part.size
                self.depth = max(self.depth, part.depth + 1)
                self.handles = self.handles or part.handles
                self.borrows = self.borrows or part.borrows
                self.pointers = self.pointers or part.pointers
            else:
                self.size += 1
                self.pointers = self.pointers or part is STRING
        if isinstance(shape, Stream | Future):
            self.pointers = False

    def __repr__(self) -> str:
        return f"<{type(self.shape).__name__.lower()}>"


#: A value type: a primitive, the index of a type definition, or, closed, that type itself.
ValType = Prim | int | Defined


@dataclass(frozen=True, slots=True)
class Record:
    """`(record (field "l" t)+)`."""

    fields: tuple[tuple[str, ValType], ...]


@dataclass(frozen=True, slots=True)
class Variant:
    """`(variant (case "l" t?)+)`."""

    cases: tuple[tuple[str, ValType | None], ...]


@dataclass(frozen=True, slots=True)
class List:
    """`(list t)`, or `(list t n)` with the length in its type."""

    element: ValType
    length: int | None = None


@dataclass(frozen=True, slots=True)
class Map:
    """`(map k v)`."""

    key: ValType
    value: ValType


@dataclass(frozen=True, slots=True)
class Tuple:
    """`(tuple t+)`."""

    items: tuple[ValType, ...]


@dataclass(frozen=True, slots=True)
class Flags:
    """`(flags "l"+)`."""

    labels: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Enum:
    """`(enum "l"+)`."""

    labels: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Option:
    """`(option t)`."""

    some: ValType


@dataclass(frozen=True, slots=True)
class Result:
    """`(result t? (error u)?)`."""

    ok: ValType | None
    error: ValType | None


@dataclass(frozen=True, slots=True)
class Own:
    """`(own x)`: a handle that owns its resource."""

    resource: int | ResourceType


@dataclass(frozen=True, slots=True)
class Borrow:
    """`(borrow x)`: a handle lent for a call."""

    resource: int | ResourceType


@dataclass(frozen=True, slots=True)
class Stream:
    """`(stream t?)`."""

    element: ValType | None


@dataclass(frozen=True, slots=True)
class Future:
    """`(future t?)`."""

    element: ValType | None


#: A value type that is not primitive, by its constructor.
Shape = (
    Record | Variant | List | Map | Tuple | Flags | Enum | Option | Result
    | Own | Borrow | Stream | Future
)  # fmt: skip


def parts(shape: Shape) -> "tuple[ValType, ...]":
    """The value types that a type is directly built of, in order."""
    match shape:
        case Record(fields):
            return tuple([t for _, t in fields])
        case Variant(cases):
            return tuple([t for _, t in cases if t is not None])
        case Tuple(items):
            return items
        case Map(key, value):
            return key, value
        case Result(ok, error):
            return tuple([t for t in (ok, error) if t is not None])
        case List(element, _) | Option(element):
            return (element,)
        case Stream(element) | Future(element):
            return () if element is None else (element,)
    return ()


# --- other types ----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class FuncType:
    """`(func async? (param "l" t)* (result t)?)`."""

    params: tuple[tuple[str, ValType], ...]
    result: ValType | None
    is_async: bool = False


@dataclass(frozen=True, slots=True)
class ResourceDef:
    """`(resource (rep t) (dtor x)?)`: the definition of a resource. `dtor` is a core function."""

    rep: NumType
    dtor: int | None = None


@dataclass(frozen=True, slots=True)
class ModuleType:
    """`(module decl*)`: the type of a core module."""

    decls: "tuple[ModuleDecl, ...]"


@dataclass(frozen=True, slots=True)
class ComponentType:
    """`(component decl*)`."""

    decls: "tuple[Decl | Import, ...]"


@dataclass(frozen=True, slots=True)
class InstanceType:
    """`(instance decl*)`."""

    decls: "tuple[Decl, ...]"


#: What a type definition may be.
AnyType = Prim | Shape | FuncType | ComponentType | InstanceType | ResourceDef

# --- names ----------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Attribute:
    """What a name says besides itself: `kind` is "implements", "versionsuffix" or "external-id"."""

    kind: str
    text: str


#: kind of attribute → its byte
ATTRIBUTES: Final = {"implements": 0, "versionsuffix": 1, "external-id": 2}


@dataclass(frozen=True, slots=True)
class ExternName:
    """The name of an import or export with its attributes.

    `form` is the byte before it (0 and 1 mean the same, 2 announces attributes), None if the
    encoder may choose.
    """

    name: str
    attributes: tuple[Attribute, ...] = ()
    form: int | None = field(default=None, compare=False)

    def attribute(self, kind: str) -> str | None:
        """The text of the attribute of this kind, if there is one."""
        return next((a.text for a in self.attributes if a.kind == kind), None)


# --- types of imports and exports -----------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class TypeUse:
    """`(func (type x))` and the like: `sort` is "core module", "func", "component", "instance"."""

    sort: str
    type: int


@dataclass(frozen=True, slots=True)
class EqType:
    """`(type (eq x))`: a type equal to one that is known."""

    type: int


@dataclass(frozen=True, slots=True)
class SubResource:
    """`(type (sub resource))`: some resource type."""


@dataclass(frozen=True, slots=True)
class EqValue:
    """`(value (eq x))`: a value equal to one that is known."""

    value: int


@dataclass(frozen=True, slots=True)
class ValueUse:
    """`(value t)`."""

    type: ValType


ExternType = TypeUse | EqType | SubResource | EqValue | ValueUse


def sort_of(t: ExternType) -> str:
    """The sort of what is imported or exported with this type."""
    if isinstance(t, TypeUse):
        return t.sort
    return "type" if isinstance(t, EqType | SubResource) else "value"


# --- definitions that types contain ---------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class CoreTypeDef:
    """A core type definition: a recursion group, or the type of a module."""

    type: RecType | ModuleType
    place: int = field(default=0, compare=False)


@dataclass(frozen=True, slots=True)
class TypeDef:
    """A type definition."""

    type: AnyType
    place: int = field(default=0, compare=False)


@dataclass(frozen=True, slots=True)
class AliasExport:
    """An alias of an export of an instance of a component."""

    sort: str
    instance: int
    name: str
    place: int = field(default=0, compare=False)


@dataclass(frozen=True, slots=True)
class AliasCoreExport:
    """An alias of an export of an instance of a core module."""

    sort: str
    instance: int
    name: str
    place: int = field(default=0, compare=False)


@dataclass(frozen=True, slots=True)
class AliasOuter:
    """An alias of a definition of the scope that is `count` scopes further out."""

    sort: str
    count: int
    index: int
    place: int = field(default=0, compare=False)


Alias = AliasExport | AliasCoreExport | AliasOuter


@dataclass(frozen=True, slots=True)
class Import:
    """An import."""

    name: ExternName
    type: ExternType
    place: int = field(default=0, compare=False)


@dataclass(frozen=True, slots=True)
class ExportDecl:
    """An export that a component or instance type promises."""

    name: ExternName
    type: ExternType
    place: int = field(default=0, compare=False)


#: What instance types declare; component types also declare imports.
Decl = CoreTypeDef | TypeDef | Alias | ExportDecl


@dataclass(frozen=True, slots=True)
class ModuleImport:
    """An import that a module type declares."""

    what: CoreImport
    place: int = field(default=0, compare=False)


@dataclass(frozen=True, slots=True)
class ModuleExport:
    """An export that a module type declares."""

    name: str
    type: CoreExternType
    place: int = field(default=0, compare=False)


@dataclass(frozen=True, slots=True)
class ModuleAlias:
    """A core type of an enclosing scope, in a module type."""

    count: int
    index: int
    place: int = field(default=0, compare=False)


ModuleDecl = CoreTypeDef | ModuleAlias | ModuleImport | ModuleExport
