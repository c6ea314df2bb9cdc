"""The garbage-collected heap, as generated code, the collector and the runtime see it.

    VMHeap   one per store: where the next object goes, where the heap lies
    VMType   one per canonical type (and per tag): what an object is; its first word points here

An object begins with the address of its VMType. A struct's fields follow, naturally aligned; an
array has its length (i64) and then its elements; an exception its payload, like a struct; for
continuations see `contract.continuations`. Objects start at multiples of 16 bytes. Where the type
has a descriptor, the word before the object refers to it, the last of a granule that belongs to
the object too. A byte for each 16 bytes of the heap tells where objects start (1) and which of
them the collector has reached (3).
"""

from wadjet.base.records import dataclass
from typing import Final

from wadjet.core.types import ArrayType, DefType, FuncType, RefType, StructType, ValType
from wadjet.engine.contract.layout import Struct

VM_HEAP: Final = Struct(
    "VMHeap",
    free="ptr",  # the next object goes here …
    limit="ptr",  # … if it ends at or before this
    base="ptr",  # the heap is [base, top)
    top="ptr",
    map="ptr",  # one byte for each 16 bytes from base on
    holes="ptr",  # the first free stretch, or null: (next, bytes) stands in it
    stack="ptr",  # the collector's stack of objects still to scan
    depth="i64",  # how many there are
    handles="ptr",  # one byte per host reference: set when reached
    handle_count="i64",
    continuation="ptr",  # the VMType of continuations
    stacks="ptr",  # the first of their stacks (VMStack)
    pool="ptr",  # the first that nobody uses
    pooled="i64",  # how many nobody uses
)

VM_TYPE: Final = Struct(
    "VMType",
    id="i64",  # of the canonical type; of a tag, its own
    kind="i64",  # KIND_…
    size="i64",  # struct, exception: bytes in all, header included; array: bytes per element
    ref_count="i64",  # references in a struct; for an array, 1 if its elements are references
    refs="ptr",  # i32 offsets of the references in a struct
    depth="i64",  # how many proper supertypes there are
    descriptor="i64",  # distance from an object to the word of its descriptor; 0 if it has none
)

#: The supertypes of a VMType stand behind it, from the root to the type itself; there are always
#: so many words of them that a test against a type of smaller depth needs no bounds check.
DISPLAY: Final = VM_TYPE.size
MIN_DISPLAY: Final = 8

#: This bit tells objects that have a length from those whose size their type knows.
SIZED: Final = 8
KIND_STRUCT: Final = 1
KIND_EXCEPTION: Final = 2
KIND_ARRAY: Final = SIZED
KIND_CONTINUATION: Final = SIZED + 1

#: Objects start at multiples of this.
GRANULE: Final = 16
#: What the map says of a granule where an object starts, and where the collector has reached it.
STARTS: Final = 1
REACHED: Final = 3
HEADER: Final = 8
ARRAY_LENGTH: Final = 8
ARRAY_ELEMENTS: Final = 16
#: No array has more elements.
MAX_LENGTH: Final = 1 << 27


def size_of(storage: ValType) -> int:
    """Bytes of a field or element."""
    return 8 if isinstance(storage, RefType) else int(getattr(storage, "size"))  # noqa: B009


def is_traced(storage: ValType) -> bool:
    """Whether the collector must look at a value of this type (function references live elsewhere,
    and so need no tracing)."""
    if not isinstance(storage, RefType):
        return False
    heap = storage.heap
    top = heap.heap.top if isinstance(heap, DefType) else getattr(heap, "top", "any")
    return bool(top != "func")


@dataclass(frozen=True, slots=True)
class ObjectLayout:
    """Where the fields of a struct or the payload of an exception lie."""

    offsets: tuple[int, ...]
    size: int
    refs: tuple[int, ...]


def lay_out(storages: "list[ValType]", start: int = HEADER) -> ObjectLayout:
    """Place fields one after the other, so that a subtype's begin like its supertype's."""
    offsets, refs, end = [], [], start
    for storage in storages:
        size = size_of(storage)
        end = (end + size - 1) // size * size
        offsets.append(end)
        if is_traced(storage):
            refs.append(end)
        end += size
    return ObjectLayout(tuple(offsets), round_up(end), tuple(refs))


def round_up(size: int) -> int:
    """The size that an object really takes."""
    return max((size + GRANULE - 1) // GRANULE * GRANULE, GRANULE)


def struct_layout(type_: StructType) -> ObjectLayout:
    """The layout of a struct type."""
    return lay_out([field.storage for field in type_.fields])


def exception_layout(type_: FuncType) -> ObjectLayout:
    """The layout of an exception whose tag has this type."""
    return lay_out(list(type_.params))


def is_object(type_: DefType) -> bool:
    """Whether values of the type are objects of the heap."""
    return isinstance(type_.comp, StructType | ArrayType)
