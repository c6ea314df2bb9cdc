"""Whether a result is what a pattern says. Values are bit patterns, references words of a store."""

from typing import Final

from wadjet.api.runtime import Store
from wadjet.core.types import (
    ABS_HEAPS, I31, AbsHeap, DefType, HeapType, NumType, RefType, StructType, ValType,
)  # fmt: skip
from wadjet.script.ast import (
    CANONICAL, ComponentConst, Const, Either, FloatPattern, Pattern, RefConst, VectorPattern,
)  # fmt: skip

#: width → (exponent bits, highest bit of the fraction)
_NANS: Final = {
    32: (0x7F80_0000, 0x0040_0000),
    64: (0x7FF0_0000_0000_0000, 0x0008_0000_0000_0000),
}
_TOPS: Final = {heap.name: heap.top for heap in ABS_HEAPS}


def is_nan(bits: int, width: int, kind: str) -> bool:
    """Whether a float of 32 or 64 bits is a canonical or an arithmetic NaN."""
    exponent, quiet = _NANS[width]
    magnitude = bits & ~(1 << width - 1)
    if kind == CANONICAL:
        return magnitude == exponent | quiet
    return magnitude & (exponent | quiet) == exponent | quiet


def top(heap: HeapType) -> str:
    """The root of the hierarchy that a heap type belongs to."""
    assert not isinstance(heap, int), "types of values are closed"
    return heap.top if isinstance(heap, AbsHeap) else heap.heap.top


def matches(
    pattern: Pattern, word: int, type_: ValType, store: Store, hosts: dict[int, object]
) -> bool:
    """Whether a result of the given type fits; `hosts` are the host objects by number."""
    if isinstance(pattern, Either):
        return any(matches(each, word, type_, store, hosts) for each in pattern.choices)
    if isinstance(pattern, RefConst):
        return isinstance(type_, RefType) and _ref_matches(pattern, word, type_, store, hosts)
    if not isinstance(type_, NumType) or isinstance(pattern, ComponentConst):
        return False
    if isinstance(pattern, Const):
        return type_ is pattern.type and word == pattern.bits
    if isinstance(pattern, FloatPattern):
        return type_.size * 8 == pattern.bits and is_nan(word, pattern.bits, pattern.nan)
    return type_.size == 16 and _lanes_match(pattern, word)


def _lanes_match(pattern: VectorPattern, word: int) -> bool:
    width = pattern.width
    for index, wanted in enumerate(pattern.lanes):
        lane = word >> index * width & (1 << width) - 1
        if not (lane == wanted if isinstance(wanted, int) else is_nan(lane, width, wanted)):
            return False
    return True


def _ref_matches(
    pattern: RefConst, word: int, type_: RefType, store: Store, hosts: dict[int, object]
) -> bool:
    if pattern.kind == "null":
        wanted = pattern.heap
        return word == 0 and (wanted not in _TOPS or _TOPS[wanted] == top(type_.heap))
    if word == 0:
        return False
    root = top(type_.heap)
    if pattern.payload is not None:
        home = "extern" if pattern.kind == "extern" else "any"
        return root == home and word & 3 == 2 and store.object(word) is hosts.get(pattern.payload)
    return pattern.kind in _kinds(word, root, store)


def _kinds(word: int, root: str, store: Store) -> tuple[str, ...]:
    """All names of patterns for a reference that is not null."""
    if root != "any":
        return ("any", root)
    if word & 3 == 2:
        return ("any", "host")
    found = store.heap.heap_type(word)
    if found is I31:
        return ("any", "eq", "i31")
    assert isinstance(found, DefType), "what is left is a struct or an array"
    return ("any", "eq", "struct" if isinstance(found.comp, StructType) else "array")


def show(word: int, type_: ValType) -> str:
    """A result for a message."""
    return f"{type_!r}:{word:#x}"
