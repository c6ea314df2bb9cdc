"""The one place that says how generated code and the runtime share memory.

A `Struct` is a list of fields; from it come the LLVM type, every offset, and typed access from
Python. No literal offset exists anywhere else. All words are little-endian; a `ptr` is 8 bytes.

    VMContext   one per instance: fixed head, then one array per index space (see `ContextLayout`)
    VMStore     one per store: the stack limit and the current activation
    VMMemory    one per memory: base (never moves), length in bytes
    VMTable     one per table: base of 8-byte elements (never moves), length
    VMFunc      one per function value: what a funcref points at
    VMSegment   one per data or element segment: pointer and length, zero once dropped

Values in memory: i32 and f32 take 4 bytes, i64, f64 and every reference 8, v128 16; each global
has a cell of 16 bytes. References: 0 is null; a funcref is the address of a VMFunc; an externref
is a handle of the store; i31 is (value << 1) | 1; other GC references are addresses in the heap.
"""

import ctypes
from wadjet.base.records import dataclass
from typing import Final

from wadjet.core.types import FuncUse, GlobalType, MemoryType, TableType, TagType
from wadjet.core.module import Module

CELL: Final = 16
WORD: Final = 8

_SIZES: Final = {"ptr": 8, "i64": 8, "i32": 4}
_INTEGERS: Final = {"ptr": ctypes.c_uint64, "i64": ctypes.c_uint64, "i32": ctypes.c_uint32}


@dataclass(frozen=True)
class Field:
    """One member: `type` is an LLVM type, `offset` its distance from the start in bytes."""

    name: str
    type: str
    offset: int


class Struct:
    """A C-like struct made of ptr, i64 and i32 members, naturally aligned."""

    def __init__(self, name: str, **fields: str) -> None:
        self.name = name
        self.fields: dict[str, Field] = {}
        offset = 0
        for key, type_ in fields.items():
            size = _SIZES[type_]
            offset = (offset + size - 1) // size * size
            self.fields[key] = Field(key, type_, offset)
            offset += size
        self.size = (offset + 7) // 8 * 8
        self._words = ctypes.c_uint64 * (self.size // 8)

    def __getitem__(self, name: str) -> int:
        """The offset of a member."""
        return self.fields[name].offset

    def read(self, address: int, name: str) -> int:
        """The value of a member, unsigned, of the struct at this address."""
        field = self.fields[name]
        return _INTEGERS[field.type].from_address(address + field.offset).value

    def fill(self, address: int, *values: int) -> None:
        """Set all members, which must be words, of the struct at this address."""
        assert WORD * len(values) == self.size, "one value for each member"
        self._words.from_address(address)[:] = list(values)

    def write(self, address: int, name: str, value: int) -> None:
        """Set a member of the struct at this address (the value is cut to the member's width)."""
        field = self.fields[name]
        _INTEGERS[field.type].from_address(address + field.offset).value = value


def load64(address: int) -> int:
    """The unsigned 64-bit word at an address."""
    return ctypes.c_uint64.from_address(address).value


def store64(address: int, word: int) -> None:
    """Write a 64-bit word (negative numbers in two's complement) at an address."""
    ctypes.c_uint64.from_address(address).value = word


def octets(address: int, count: int, owner: object = None) -> memoryview:
    """`count` bytes of native memory; the view keeps `owner` alive."""
    array = (ctypes.c_ubyte * count).from_address(address)
    # ctypes knows nothing of who owns the memory: the attribute makes the view's exporter know
    array.owner = owner  # type: ignore[attr-defined]
    return memoryview(array).cast("B")


def words(address: int, count: int, owner: object = None) -> memoryview:
    """`count` 64-bit words of native memory; the view keeps `owner` alive."""
    return octets(address, count * WORD, owner).cast("Q")


class Block:
    """Zeroed native memory, aligned to 16 bytes; freed with the last reference."""

    __slots__ = ("_buffer", "address", "size")

    def __init__(self, size: int, buffer: "ctypes.Array[ctypes.c_ubyte] | None" = None) -> None:
        """In what was the `buffer` of another of this size, if there is one."""
        self._buffer = (ctypes.c_ubyte * (size + CELL))() if buffer is None else buffer
        start = ctypes.addressof(self._buffer)
        self.address: Final = (start + CELL - 1) // CELL * CELL
        self.size: Final = size

    def octets(self) -> memoryview:
        """The bytes; the view keeps the memory."""
        skip = -ctypes.addressof(self._buffer) % CELL
        return memoryview(self._buffer).cast("B")[skip : skip + self.size]

    def words(self) -> memoryview:
        """The 64-bit words; the view keeps the memory."""
        return self.octets().cast("Q")


VM_STORE: Final = Struct(
    "VMStore",
    stack_limit="ptr",  # the lowest stack address a guest frame may reach
    activation="ptr",  # innermost VMActivation of this store, or null
    owner="i64",  # id of the thread that is inside this store, 0 if none, or see below
    depth="i64",  # how many entries from the host are active, and holds (see `Store.hold`)
    exception="i64",  # the exception on its way (a reference), or 0
    interrupt="i64",  # non-zero: stop at the next safe point (codes in traps.py)
    until="ptr",  # the outermost VMActivation that is meant to stop, null for all of them
    fuel="i64",  # what is left where fuel is compiled in
    stack_size="i64",  # bytes of native stack that one entry from the host may use
    stack="ptr",  # the VMStack that runs (see `contract.continuations`), or null
    thread="ptr",  # the VMThread that entered it last
    turn="i64",  # non-zero: a guest on a continuation lets others have their turn, wherever it is
)

#: Owner of a store that has become part of another.
MOVED: Final = 1
#: Owner of a store in which another thread was when the process forked.
ABANDONED: Final = 2


def suspended(thread: int) -> int:
    """Owner of a store whose guest a signal stopped anywhere, so that nobody may enter it, not even
    its own thread (an id), until the signal's handler has returned."""
    return ~thread & (1 << 64) - 1


VM_MEMORY: Final = Struct(
    "VMMemory",
    base="ptr",
    length="i64",  # bytes that may be accessed now
    reserved="i64",  # bytes of address space behind `base`, guard included
)

VM_TABLE: Final = Struct(
    "VMTable",
    base="ptr",
    length="i64",  # elements
)

VM_FUNC: Final = Struct(
    "VMFunc",
    code="ptr",  # entry in the C convention: (callee context, parameters…)
    context="ptr",  # VMContext of its instance; a VMHostFunc for a host function
    type="i64",  # id of its canonical type (see `wadjet.core.subtyping`)
    index="i64",  # function index in its module
    tail="ptr",  # entry for tail calls, in LLVM's tailcc; 0 until somebody makes tail calls
)

VM_SEGMENT: Final = Struct("VMSegment", base="ptr", length="i64")

#: First word of every VMHostFunc: odd, so that no VMContext can begin with it
HOST_MAGIC: Final = int.from_bytes(b"wadjetHF", "big") | 1

VM_HOST_FUNC: Final = Struct(
    "VMHostFunc",
    store="ptr",  # VMStore; first, as in VMContext: an entry finds it without knowing which it has
    callable="ptr",  # PyObject *: what to call; kept by the HostFunc or the instance it belongs to
    magic="i64",
    home="ptr",  # VMContext of the instance in whose block it lies, null if it lies in none
)

VM_CONTEXT: Final = Struct(
    "VMContext",
    store="ptr",  # VMStore
    memory_base="ptr",  # base of memory 0, copied here because it never changes
    memory="ptr",  # VMMemory of memory 0
    funcs="ptr",  # VMFunc array of the defined functions
    gc="ptr",  # VMHeap of the store, for inline allocation
)


class ContextLayout:
    """Where each index space of one module lives behind the head of its VMContext.

    All arrays hold 8-byte words: `memories` VMMemory*, `tables` VMTable*, `globals` pointers to
    16-byte cells (imported ones live elsewhere), `imports` VMFunc* of imported functions,
    `types` canonical type ids, `tags` ids (native code: VMTypes) of tags, `objects` the VMTypes of
    struct and array types (0 for others, or where there is no native heap). `datas` and `elems`
    hold VMSegments inline.
    """

    def __init__(self, module: Module) -> None:
        self.func_imports = len(module.imported(FuncUse))
        counts = {
            "memories": len(module.imported(MemoryType)) + len(module.memories),
            "tables": len(module.imported(TableType)) + len(module.tables),
            "globals": len(module.imported(GlobalType)) + len(module.globals),
            "imports": self.func_imports,
            "types": sum(len(group.subs) for group in module.types),
            "tags": len(module.imported(TagType)) + len(module.tags),
            "objects": sum(len(group.subs) for group in module.types),
        }
        self._starts: dict[str, int] = {}
        self._strides: dict[str, int] = {}
        offset = VM_CONTEXT.size
        for name, count in counts.items():
            self._starts[name], self._strides[name] = offset, WORD
            offset += WORD * count
        for name, count in (("datas", len(module.datas)), ("elems", len(module.elems))):
            self._starts[name], self._strides[name] = offset, VM_SEGMENT.size
            offset += VM_SEGMENT.size * count
        offset = (offset + CELL - 1) // CELL * CELL
        #: own globals: cells inline, so that generated code reaches them without a pointer
        self._starts["cells"], self._strides["cells"] = offset, CELL
        offset += CELL * len(module.globals)
        self.size = offset

    def __call__(self, space: str, index: int) -> int:
        """Offset of entry `index` of the space, in bytes from the start of the VMContext."""
        return self._starts[space] + self._strides[space] * index
