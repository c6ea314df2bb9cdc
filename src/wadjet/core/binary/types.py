"""The only place that reads types from bytes (spec 5.3)."""

from typing import Final

from wadjet.base.errors import Malformed
from wadjet.core import limits
from wadjet.core.binary.grammar import Grammar
from wadjet.core.binary.reader import TOO_LONG, Reader
from wadjet.core.types import (
    I8, I16, I32, I64, ArrayType, CompType, ContType, ExternType, FieldType, FuncType,
    FuncUse, GlobalType, HeapType, Limits, MemoryType, RecType, RefType, StructType, SubType,
    TableType, TagType, ValType, ref,
)  # fmt: skip

#: Type constructors (spec 5.3.4–5.3.8 and the proposals).
REF: Final = 0x64
REF_NULL: Final = 0x63
EXACT: Final = 0x62
SHARED: Final = 0x65
FUNC: Final = 0x60
STRUCT: Final = 0x5F
ARRAY: Final = 0x5E
CONT: Final = 0x5D
SUB: Final = 0x50
SUB_FINAL: Final = 0x4F
REC: Final = 0x4E
DESCRIPTOR: Final = 0x4D
DESCRIBES: Final = 0x4C
EMPTY_BLOCK: Final = 0x40
#: An imported function whose type must match exactly.
EXACT_FUNC: Final = 0x20

#: Bits of the flags of limits.
HAS_MAX: Final = 1
IS_SHARED: Final = 2
IS_64: Final = 4
HAS_PAGE_SIZE: Final = 8


class TypeReader(Reader):
    """Reads types by the grammar of a set of features."""

    __slots__ = ("grammar",)

    def __init__(self, data: bytes, grammar: Grammar, pos: int = 0, end: int | None = None) -> None:
        super().__init__(data, pos, end)
        self.grammar: Final = grammar

    def has(self, feature: str) -> bool:
        """Whether a feature is on."""
        return feature in self.grammar.features

    def malformed_type(self, what: str, byte: int) -> Malformed:
        """The error for a byte, just read, that begins no type of this sort."""
        pos = self.pos - 1
        return self.fail(TOO_LONG if byte >= 0x80 else f"malformed {what} type {byte:#04x}", pos)

    # Values (5.3.1–5.3.5).

    def valtype(self) -> ValType:
        """Read a value type."""
        byte = self.byte()
        found = self.grammar.values[byte]
        return found if found is not None else self._long_ref(byte)

    def reftype(self) -> RefType:
        """Read a reference type."""
        byte = self.byte()
        heap = self.grammar.heaps[byte]
        return ref(True, heap) if heap is not None else self._long_ref(byte)

    def _long_ref(self, byte: int) -> RefType:
        if byte in (REF, REF_NULL) and self.grammar.indices:
            return self.heap_ref(byte == REF_NULL)
        raise self.malformed_type("reference", byte)

    def heap_ref(self, nullable: bool) -> RefType:
        """Read a heap type, and make a reference type of it."""
        byte = self.byte()
        heap = self.grammar.heaps[byte]
        if heap is not None:
            return ref(nullable, heap)
        if byte == EXACT and self.has("custom-descriptors"):
            return ref(nullable, self.u32(), exact=True)
        if byte == SHARED and self.has("shared-everything-threads"):
            byte = self.byte()
            heap = self.grammar.heaps[byte]
            if heap is None:
                raise self.malformed_type("heap", byte)
            return ref(nullable, heap, shared=True)
        self.pos -= 1
        return ref(nullable, self._heap_index())

    def _heap_index(self) -> int:
        pos = self.pos
        index = self.s33()
        if index < 0 or not self.grammar.indices:
            long = self.pos > pos + 1
            raise self.fail(TOO_LONG if long and index < 0 else "malformed heap type", pos)
        return index

    def resulttype(self, what: str, limit: int) -> tuple[ValType, ...]:
        """Read a list of value types."""
        return tuple([self.valtype() for _ in range(self.count(what, limit))])

    def blocktype(self) -> ValType | int | None:
        """Read a block type (spec 5.4.2): nothing, one result, or the index of a type."""
        pos = self.pos
        byte = self.byte()
        if byte == EMPTY_BLOCK:
            return None
        found = self.grammar.values[byte]
        if found is not None:
            return found
        if self.has("multi-value") and (byte < EMPTY_BLOCK or byte >= 0x80):
            self.pos = pos
            index = self.s33()
            if index < 0:
                raise self.fail(TOO_LONG, pos)
            return index
        return self._long_ref(byte)

    # Definitions (5.3.6–5.3.9).

    def rectype(self) -> RecType:
        """Read a recursion group, or a lone type definition."""
        if self.peek() == REC and self.has("gc"):
            self.pos += 1
            count = self.count("types in a recursion group", limits.REC_GROUP_SIZE)
            return RecType(tuple([self.subtype() for _ in range(count)]), spelled=True)
        return RecType((self.subtype(),))

    def subtype(self) -> SubType:
        """Read one type definition."""
        final, spelled = True, False
        supers: tuple[int, ...] = ()
        if self.peek() in (SUB, SUB_FINAL) and self.has("gc"):
            spelled = True
            final = self.byte() == SUB_FINAL
            supers = tuple([self.u32() for _ in range(self.length())])
        shared = self.peek() == SHARED and self.has("shared-everything-threads")
        if shared:
            self.pos += 1
        describes = self._clause(DESCRIBES)
        descriptor = self._clause(DESCRIPTOR)
        comp = self.comptype()
        return SubType(comp, final, supers, describes, descriptor, shared, spelled)

    def _clause(self, code: int) -> int | None:
        if self.peek() != code or not self.has("custom-descriptors"):
            return None
        self.pos += 1
        return self.u32()

    def comptype(self) -> CompType:
        """Read a composite type."""
        byte = self.byte()
        if byte == FUNC:
            params = self.resulttype("parameters", limits.PARAMS)
            return FuncType(params, self.resulttype("results", limits.RESULTS))
        if byte == STRUCT and self.has("gc"):
            count = self.count("fields", limits.FIELDS)
            return StructType(tuple([self.fieldtype() for _ in range(count)]))
        if byte == ARRAY and self.has("gc"):
            return ArrayType(self.fieldtype())
        if byte == CONT and self.has("stack-switching"):
            heap: HeapType = self.heap_ref(True).heap
            return ContType(heap)
        raise self.malformed_type("definition", byte)

    def fieldtype(self) -> FieldType:
        """Read the type of a field: storage and mutability."""
        byte = self.peek()
        storage: ValType
        if byte in (I8.code, I16.code):
            self.pos += 1
            storage = I8 if byte == I8.code else I16
        elif 0 <= byte < 0x80 and self.grammar.values[byte] is None and byte not in (REF, REF_NULL):
            raise self.fail(f"malformed storage type {byte:#04x}")
        else:
            storage = self.valtype()
        return FieldType(storage, self._mutability() == 1)

    def _mutability(self, allowed: int = 1) -> int:
        flags = self.byte()
        if flags & ~allowed:
            raise self.fail(f"malformed mutability {flags:#04x}", self.pos - 1)
        return flags

    # What can be imported (5.3.10–5.3.15).

    def globaltype(self) -> GlobalType:
        """Read the type of a global."""
        value = self.valtype()
        shared = self.has("shared-everything-threads")
        flags = self._mutability(3 if shared else 1)
        return GlobalType(value, flags & 1 != 0, flags & 2 != 0)

    def tagtype(self) -> TagType:
        """Read the type of a tag."""
        self.zero()
        return TagType(self.u32())

    def tabletype(self) -> TableType:
        """Read the type of a table."""
        element = self.reftype()
        pos = self.pos
        flags = self._flags(HAS_MAX | IS_SHARED | IS_64)
        limit = self._bounds(flags)
        if flags & IS_SHARED and not self.has("shared-everything-threads"):
            raise self.fail("tables cannot be shared (yet)", pos)
        return TableType(element, limit, flags & IS_SHARED != 0)

    def memorytype(self) -> MemoryType:
        """Read the type of a memory."""
        flags = self._flags(HAS_MAX | IS_SHARED | IS_64 | HAS_PAGE_SIZE)
        bounds = self._bounds(flags)
        shared = flags & IS_SHARED != 0
        if not flags & HAS_PAGE_SIZE:
            return MemoryType(bounds, shared)
        pos = self.pos
        page_log2 = self.u32()
        if page_log2 >= 64:
            raise self.fail(f"invalid custom page size 2^{page_log2}", pos)
        return MemoryType(bounds, shared, page_log2, page_spelled=True)

    def _flags(self, known: int) -> int:
        """Read the flags of limits. A table flagged as shared is refused by its own words."""
        if not self.has("threads") and not self.has("shared-everything-threads"):
            known &= ~IS_SHARED
        if not self.has("memory64"):
            known &= ~IS_64
        if not self.has("custom-page-sizes"):
            known &= ~HAS_PAGE_SIZE
        flags = self.byte()
        if flags & ~known:
            raise self.fail(f"malformed limits flags {flags:#04x}", self.pos - 1)
        return flags

    def _bounds(self, flags: int) -> Limits:
        wide = self.has("memory64")
        least = self.u64() if wide else self.u32()
        most = None
        if flags & HAS_MAX:
            most = self.u64() if wide else self.u32()
        return Limits(least, most, I64 if flags & IS_64 else I32)

    def externtype(self) -> ExternType:
        """Read the type of an import."""
        kind = self.byte()
        if kind == 0:
            return FuncUse(self.u32())
        if kind == 1:
            return self.tabletype()
        if kind == 2:
            return self.memorytype()
        if kind == 3:
            return self.globaltype()
        if kind == 4 and self.has_tags():
            return self.tagtype()
        if kind == EXACT_FUNC and self.has("custom-descriptors"):
            return FuncUse(self.u32(), exact=True)
        raise self.fail(f"malformed import kind {kind:#04x}", self.pos - 1)

    def has_tags(self) -> bool:
        """Whether there are tags: two kinds of exceptions use them, and stack switching."""
        return (
            self.has("exceptions") or self.has("legacy-exceptions") or self.has("stack-switching")
        )
