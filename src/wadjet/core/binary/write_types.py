"""The only place that writes types as bytes (spec 5.3), and the values around them (spec 5.2)."""

from collections.abc import Sequence

from wadjet.base.leb128 import signed, unsigned
from wadjet.core.binary import types as code
from wadjet.core.types import (
    I64, AbsHeap, ArrayType, CompType, ExternType, FieldType, FuncType, FuncUse, GlobalType,
    Limits, MemoryType, NumType, RecType, RefType, StructType, SubType, TableType, TagType, ValType,
    ref,
)  # fmt: skip


def vector(parts: Sequence[bytes]) -> bytes:
    """A list: its length, and its elements as already written."""
    return unsigned(len(parts)) + b"".join(parts)


def blob(data: bytes | bytearray | memoryview) -> bytes:
    """A list of bytes."""
    return unsigned(len(data)) + bytes(data)


def name(text: str) -> bytes:
    """A name, as UTF-8."""
    return blob(text.encode())


def valtype(t: ValType) -> bytes:
    """A value type or a packed type."""
    if isinstance(t, NumType):
        return bytes([t.code])
    assert isinstance(t, RefType), t
    return reftype(t)


def reftype(t: RefType) -> bytes:
    """A reference type: one byte where there is such a form."""
    if t.nullable and isinstance(t.heap, AbsHeap) and not t.shared:
        return bytes([t.heap.code])
    return bytes([code.REF_NULL if t.nullable else code.REF]) + heaptype(t)


def heaptype(t: RefType) -> bytes:
    """The heap type of a reference type."""
    if isinstance(t.heap, AbsHeap):
        return bytes([code.SHARED, t.heap.code] if t.shared else [t.heap.code])
    assert isinstance(t.heap, int), "a module names its types by index"
    if t.exact:
        return bytes([code.EXACT]) + unsigned(t.heap)
    return signed(t.heap)


def blocktype(t: ValType | int | None) -> bytes:
    """A block type."""
    if t is None:
        return bytes([code.EMPTY_BLOCK])
    return signed(t) if isinstance(t, int) else valtype(t)


def resulttype(ts: Sequence[ValType]) -> bytes:
    """A list of value types."""
    return vector([valtype(t) for t in ts])


def rectype(group: RecType) -> bytes:
    """A recursion group, or the type definition that stands alone."""
    subs = [subtype(sub) for sub in group.subs]
    if len(subs) == 1 and not group.spelled:
        return subs[0]
    return bytes([code.REC]) + vector(subs)


def subtype(sub: SubType) -> bytes:
    """One type definition."""
    out = b""
    if sub.spelled or sub.supers or not sub.final:
        head = code.SUB_FINAL if sub.final else code.SUB
        out = bytes([head]) + vector([unsigned(index) for index in sub.supers])
    if sub.shared:
        out += bytes([code.SHARED])
    if sub.describes is not None:
        out += bytes([code.DESCRIBES]) + unsigned(sub.describes)
    if sub.descriptor is not None:
        out += bytes([code.DESCRIPTOR]) + unsigned(sub.descriptor)
    return out + comptype(sub.comp)


def comptype(comp: CompType) -> bytes:
    """A composite type."""
    if isinstance(comp, FuncType):
        return bytes([code.FUNC]) + resulttype(comp.params) + resulttype(comp.results)
    if isinstance(comp, StructType):
        return bytes([code.STRUCT]) + vector([fieldtype(field) for field in comp.fields])
    if isinstance(comp, ArrayType):
        return bytes([code.ARRAY]) + fieldtype(comp.field)
    return bytes([code.CONT]) + heaptype(ref(True, comp.func))


def fieldtype(field: FieldType) -> bytes:
    """The type of a field."""
    return valtype(field.storage) + bytes([field.mutable])


def globaltype(t: GlobalType) -> bytes:
    """The type of a global."""
    return valtype(t.value) + bytes([t.mutable | t.shared << 1])


def tagtype(t: TagType) -> bytes:
    """The type of a tag."""
    return b"\0" + unsigned(t.type)


def tabletype(t: TableType) -> bytes:
    """The type of a table."""
    return reftype(t.element) + _limits(t.limits, code.IS_SHARED if t.shared else 0)


def memorytype(t: MemoryType) -> bytes:
    """The type of a memory. The default page size is written only if it was spelled out."""
    flags = code.IS_SHARED if t.shared else 0
    if not t.page_spelled and t.page_log2 == 16:
        return _limits(t.limits, flags)
    return _limits(t.limits, flags | code.HAS_PAGE_SIZE) + unsigned(t.page_log2)


def _limits(limits: Limits, flags: int) -> bytes:
    if limits.addr is I64:
        flags |= code.IS_64
    if limits.max is None:
        return bytes([flags]) + unsigned(limits.min)
    return bytes([flags | code.HAS_MAX]) + unsigned(limits.min) + unsigned(limits.max)


def externtype(t: ExternType) -> bytes:
    """The type of an import."""
    if isinstance(t, FuncUse):
        return bytes([code.EXACT_FUNC if t.exact else 0]) + unsigned(t.type)
    if isinstance(t, TableType):
        return b"\1" + tabletype(t)
    if isinstance(t, MemoryType):
        return b"\2" + memorytype(t)
    if isinstance(t, GlobalType):
        return b"\3" + globaltype(t)
    return b"\4" + tagtype(t)
