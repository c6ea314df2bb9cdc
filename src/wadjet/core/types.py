"""The types of WebAssembly (spec 2.3): as written, references name types by index; closed, they
name defined types themselves (`DefType`).

Naming key, used all over the house:

    t value type    ht heap type    rt reference type    ft function type    st storage type
    x index         i instruction   n number             v value             c context

Reference types with the same spelling are one object (`ref` interns them), so that validation may
compare by identity first. Whether two *different* spellings mean the same type is a question for
`wadjet.core.subtyping`.
"""

from wadjet.base.records import dataclass
from typing import Final, final


class ValType:
    """A value type: a `NumType` (numbers and vectors), a `RefType`, or `BOT` (validation only)."""

    __slots__ = ()


@final
class NumType(ValType):
    """i32, i64, f32, f64, v128, and the packed storage types i8 and i16. `size` is in bytes."""

    __slots__ = ("code", "name", "size")

    def __init__(self, name: str, code: int, size: int) -> None:
        self.name: Final = name
        self.code: Final = code
        self.size: Final = size

    def __repr__(self) -> str:
        return self.name

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return num_type, (self.name,)


I32: Final = NumType("i32", 0x7F, 4)
I64: Final = NumType("i64", 0x7E, 8)
F32: Final = NumType("f32", 0x7D, 4)
F64: Final = NumType("f64", 0x7C, 8)
V128: Final = NumType("v128", 0x7B, 16)
#: Packed types: only as the storage of a struct field or an array element.
I8: Final = NumType("i8", 0x78, 1)
I16: Final = NumType("i16", 0x77, 2)
#: The bottom type: what an operand popped from unreachable code is (spec 3.2, "bot").
BOT: Final = NumType("bot", 0, 0)

_NUMS: Final = {t.name: t for t in (I32, I64, F32, F64, V128, I8, I16, BOT)}


def num_type(name: str) -> NumType:
    """The number, vector or packed type with this name."""
    return _NUMS[name]


@final
class AbsHeap:
    """An abstract heap type; `top` names the root of its hierarchy, `code` is its binary form."""

    __slots__ = ("code", "name", "top")

    def __init__(self, name: str, code: int, top: str) -> None:
        self.name: Final = name
        self.code: Final = code
        self.top: Final = top

    def __repr__(self) -> str:
        return self.name

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return abs_heap, (self.name,)


ANY: Final = AbsHeap("any", 0x6E, "any")
EQ: Final = AbsHeap("eq", 0x6D, "any")
I31: Final = AbsHeap("i31", 0x6C, "any")
STRUCT: Final = AbsHeap("struct", 0x6B, "any")
ARRAY: Final = AbsHeap("array", 0x6A, "any")
NONE: Final = AbsHeap("none", 0x71, "any")
FUNC: Final = AbsHeap("func", 0x70, "func")
NOFUNC: Final = AbsHeap("nofunc", 0x73, "func")
EXTERN: Final = AbsHeap("extern", 0x6F, "extern")
NOEXTERN: Final = AbsHeap("noextern", 0x72, "extern")
EXN: Final = AbsHeap("exn", 0x69, "exn")
NOEXN: Final = AbsHeap("noexn", 0x74, "exn")
CONT: Final = AbsHeap("cont", 0x68, "cont")
NOCONT: Final = AbsHeap("nocont", 0x75, "cont")

ABS_HEAPS: Final = (
    ANY, EQ, I31, STRUCT, ARRAY, NONE, FUNC, NOFUNC,
    EXTERN, NOEXTERN, EXN, NOEXN, CONT, NOCONT,
)  # fmt: skip
_ABS: Final = {h.name: h for h in ABS_HEAPS}


def abs_heap(name: str) -> AbsHeap:
    """The abstract heap type with this name."""
    return _ABS[name]


@final
class DefType:
    """A defined type, closed and canonical: two are equal exactly if they are one object.

    `wadjet.core.subtyping` makes them. `comp` names other types by their DefTypes, never by index.
    `group` is the recursion group that the type belongs to and `position` its place therein.
    `supers` are the declared supertypes; `supertypes` are all of them, from the root down to the
    type itself, so that whether `t` is a subtype of `s` is one look-up:
    `t.supertypes[s.depth] is s` (where t is deep enough). `heap` is the abstract type just above.
    `id` is a small number, unique for as long as the process lives; `anchor` keeps the canonical
    form findable while any type of the group is alive.
    """

    __slots__ = (
        "anchor", "comp", "depth", "describes", "descriptor", "final", "group", "heap", "id",
        "position", "refs", "shared", "supers", "supertypes",
    )  # fmt: skip

    def __init__(
        self, number: int, position: int, heap: AbsHeap, final: bool, shared: bool
    ) -> None:
        self.id: Final = number
        self.position: Final = position
        self.heap: Final = heap
        self.final: Final = final
        self.shared: Final = shared
        # What follows may refer to the type itself: filled in by subtyping, then never changed.
        self.comp: CompType = _NO_FUNC
        self.group: tuple[DefType, ...] = ()
        self.supers: tuple[DefType, ...] = ()
        self.supertypes: tuple[DefType, ...] = (self,)
        self.depth = 0
        self.describes: DefType | None = None
        self.descriptor: DefType | None = None
        self.anchor: object = None
        #: the reference types to this type, for `ref`
        self.refs: dict[tuple[bool, bool, bool], RefType] = {}

    def __repr__(self) -> str:
        return f"<{self.heap} type {self.id}>"

    def __reduce__(self) -> tuple[object, ...]:
        raise TypeError("closed types have an identity of their own and cannot be pickled")


#: A heap type: abstract, or a defined type, given by its index in the module or closed.
HeapType = AbsHeap | int | DefType


@final
class RefType(ValType):
    """`(ref null? ht)`. Made by `ref` alone. `exact` belongs to custom descriptors, `shared` to
    shared-everything threads (there it is part of an abstract heap type)."""

    __slots__ = ("exact", "heap", "nullable", "shared")

    def __init__(self, nullable: bool, heap: HeapType, exact: bool, shared: bool) -> None:
        self.nullable: Final = nullable
        self.heap: Final = heap
        self.exact: Final = exact
        self.shared: Final = shared

    def __repr__(self) -> str:
        heap = f"(exact {self.heap})" if self.exact else str(self.heap)
        if self.nullable and isinstance(self.heap, AbsHeap):
            short = _SHORT[self.heap.name]
            return f"(shared {short})" if self.shared else short
        heap = f"(shared {heap})" if self.shared else heap
        return f"(ref null {heap})" if self.nullable else f"(ref {heap})"

    def __reduce__(self) -> tuple[object, tuple[bool, HeapType, bool, bool]]:
        return ref, (self.nullable, self.heap, self.exact, self.shared)


_SHORT: Final = {h.name: f"{h.name}ref" for h in ABS_HEAPS} | {
    "none": "nullref",
    "nofunc": "nullfuncref",
    "noextern": "nullexternref",
    "noexn": "nullexnref",
    "nocont": "nullcontref",
}
_REFS: Final[dict[tuple[bool, AbsHeap | int, bool, bool], RefType]] = {}


def ref(nullable: bool, heap: HeapType, exact: bool = False, shared: bool = False) -> RefType:
    """The reference type with this spelling, always the same object."""
    if isinstance(heap, DefType):
        own = (nullable, exact, shared)
        known = heap.refs.get(own)
        return known or heap.refs.setdefault(own, RefType(nullable, heap, exact, shared))
    key = (nullable, heap, exact, shared)
    found = _REFS.get(key)
    if found is None:
        found = _REFS.setdefault(key, RefType(nullable, heap, exact, shared))
    return found


FUNCREF: Final = ref(True, FUNC)
EXTERNREF: Final = ref(True, EXTERN)
ANYREF: Final = ref(True, ANY)
EQREF: Final = ref(True, EQ)
I31REF: Final = ref(True, I31)
STRUCTREF: Final = ref(True, STRUCT)
ARRAYREF: Final = ref(True, ARRAY)
EXNREF: Final = ref(True, EXN)


@dataclass(frozen=True, slots=True)
class FuncType:
    """`(func (param …) (result …))`."""

    params: tuple[ValType, ...]
    results: tuple[ValType, ...]

    def __repr__(self) -> str:
        params = " ".join(map(repr, self.params))
        return f"[{params}] -> [{' '.join(map(repr, self.results))}]"


@dataclass(frozen=True, slots=True)
class FieldType:
    """The type of a struct field or of an array's elements."""

    storage: ValType
    mutable: bool

    @property
    def unpacked(self) -> ValType:
        """The value type that reading the field gives (i8 and i16 widen to i32)."""
        return I32 if self.storage is I8 or self.storage is I16 else self.storage


@dataclass(frozen=True, slots=True)
class StructType:
    """`(struct (field …)…)`."""

    fields: tuple[FieldType, ...]


@dataclass(frozen=True, slots=True)
class ArrayType:
    """`(array …)`."""

    field: FieldType


@dataclass(frozen=True, slots=True)
class ContType:
    """`(cont $ft)` of stack switching; `func` is the index of a function type."""

    func: HeapType


CompType = FuncType | StructType | ArrayType | ContType
_NO_FUNC: Final = FuncType((), ())


@dataclass(frozen=True, slots=True)
class SubType:
    """One type definition: `(sub final? x* comp)`, with the clauses of custom descriptors.

    `spelled` says whether the `sub` keyword was written (it changes the binary form only where
    the type is final without supertypes, so it is kept for exact re-encoding).
    """

    comp: CompType
    final: bool = True
    supers: tuple[int, ...] = ()
    describes: int | None = None
    descriptor: int | None = None
    shared: bool = False
    spelled: bool = False


@dataclass(frozen=True, slots=True)
class RecType:
    """A recursion group. `spelled` tells `(rec (type …))` from a lone type definition."""

    subs: tuple[SubType, ...]
    spelled: bool = False


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds in pages or elements; `addr` (I32 or I64) is the type of addresses."""

    min: int
    max: int | None = None
    addr: NumType = I32


@dataclass(frozen=True, slots=True)
class MemoryType:
    """A memory. `page_log2` is the binary logarithm of the page size in bytes (16 or 0)."""

    limits: Limits
    shared: bool = False
    page_log2: int = 16
    #: whether the page size was written out (kept for exact re-encoding)
    page_spelled: bool = False

    @property
    def page_size(self) -> int:
        """Bytes per page."""
        return 1 << self.page_log2


@dataclass(frozen=True, slots=True)
class TableType:
    """A table of references."""

    element: RefType
    limits: Limits
    shared: bool = False


@dataclass(frozen=True, slots=True)
class GlobalType:
    """A global variable."""

    value: ValType
    mutable: bool
    shared: bool = False


@dataclass(frozen=True, slots=True)
class TagType:
    """An exception tag; `type` is the index of a function type."""

    type: int


@dataclass(frozen=True, slots=True)
class FuncUse:
    """The type of an imported or exported function: an index into the module's types."""

    type: int
    exact: bool = False


ExternType = FuncUse | TableType | MemoryType | GlobalType | TagType
