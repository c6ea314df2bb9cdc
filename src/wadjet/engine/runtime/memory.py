"""The noun memory (spec 4.2.8): bytes in a reservation that never moves."""

import ctypes
from typing import Final, final

from wadjet.core.types import I32, Limits, MemoryType
from wadjet.engine.contract.layout import VM_MEMORY, Block, octets
from wadjet.engine.contract.traps import TrapCode, failure
from wadjet.engine.runtime.budget import Budget
from wadjet.engine.runtime.locks import new_lock
from wadjet.engine.runtime.pages import PAGE, Origin, Region, pooled, reserve

#: A 32-bit index plus a 32-bit static offset plus the widest access stays inside: such a memory
#: needs no bounds checks, the hardware makes them.
GUARDED_SIZE: Final = (8 << 30) + (64 << 10)
#: The most that a memory of 64-bit addresses may ever hold (as in the JavaScript embedding).
MAX_BYTES_64: Final = 16 << 30
MAX_BYTES_32: Final = 4 << 30
#: Pages of at least this size are whole pages of the system.
_PAGE_LOG2: Final = PAGE.bit_length() - 1

_growing: Final = new_lock()


@final
class Memory:
    """A memory instance. `address` is that of its VMMemory; `base` never changes.

    `guarded` tells whether every access with 32-bit index and offset stays inside the
    reservation; where it is False, accesses must be compared with `length`.
    """

    __slots__ = (
        "__weakref__", "_budget", "_declared", "_exported", "_region", "_struct", "_view",
        "address", "base", "guarded", "length", "page_log2", "shared",
    )  # fmt: skip

    def __init__(
        self,
        type_: MemoryType,
        budget: Budget | None = None,
        origin: Origin | None = None,
        place: tuple[Block, int] | None = None,
    ) -> None:
        """Allocate the minimum; Exhaustion where the budget or the machine does not have it. An
        `origin` is what it begins with; `place` is a block with its VMMemory, where all but the
        base is written, and the offset."""
        self._declared = type_
        self.page_log2: Final = type_.page_log2
        self.shared: Final = type_.shared
        length = type_.limits.min << type_.page_log2
        self._budget = Budget() if budget is None else budget
        # the first who had the origin was asked how large it is
        if (origin is None and length > _ceiling(type_)) or not self._budget.take(length):
            raise failure(TrapCode.OUT_OF_MEMORY, f"a memory of {length} bytes is too large")
        region = _reserve(type_, length, origin)
        if region is None or not region.commit(length):
            self._budget.give(length)
            raise failure(TrapCode.OUT_OF_MEMORY, f"no room for a memory of {length} bytes")
        self._region: Final = region
        self.base: Final = region.base
        #: bytes that may be accessed now
        self.length = length
        self.guarded: Final = (
            type_.limits.addr is I32
            and region.size >= GUARDED_SIZE
            and type_.page_log2 >= _PAGE_LOG2
        )
        if place is None:
            self._struct = Block(VM_MEMORY.size)
            self.address = self._struct.address
            VM_MEMORY.fill(self.address, region.base, length, region.size)
        else:
            self._struct, offset = place
            self.address = self._struct.address + offset
        self._view: memoryview | None = None
        self._exported: ctypes.py_object[memoryview] | None = None

    @property
    def type(self) -> MemoryType:
        """The type with the current size as its minimum, which is what imports match against."""
        declared = self._declared
        limits = Limits(self.pages, declared.limits.max, declared.limits.addr)
        return MemoryType(limits, declared.shared, declared.page_log2)

    @property
    def pages(self) -> int:
        """The size in pages."""
        return self.length >> self.page_log2

    def grow(self, delta: int) -> int:
        """Add pages; the old size in pages, or -1 where that cannot be (spec 4.6.10)."""
        with _growing:
            old = self.pages
            added = delta << self.page_log2
            length = self.length + added
            if length > min(_ceiling(self._declared), self._region.size):
                return -1
            if not self._budget.take(added):
                return -1
            if not self._region.commit(length):
                self._budget.give(added)
                return -1
            if self.length != length - added:  # a signal handler grew it meanwhile
                self._budget.give(added)
                return self.grow(delta)
            self.length = length
            VM_MEMORY.write(self.address, "length", length)
            self._view = None
            return old

    @property
    def view(self) -> memoryview:
        """The current bytes, writable. A view taken before the memory grew stays valid but short;
        every view keeps the bytes alive."""
        view = self._view
        if view is None:
            view = octets(self.base, self.length, self._region)
            self._exported = ctypes.py_object(view)
            self._view = view
        return view

    @property
    def exported(self) -> "ctypes.py_object[memoryview]":
        """The same, as C code reads it (see `wadjet.api.buffer`)."""
        while self._view is None or self._exported is None:
            _ = self.view
        return self._exported

    def __del__(self) -> None:
        if hasattr(self, "length"):
            self._budget.give(self.length)


def _ceiling(type_: MemoryType) -> int:
    """The most bytes that a memory of this type may come to hold."""
    if type_.limits.addr is I32:
        # one byte short of 2^32 for one-byte pages, whose number must fit an i32
        most = MAX_BYTES_32 if type_.page_log2 else MAX_BYTES_32 - 1
    else:
        most = MAX_BYTES_64
    declared = type_.limits.max
    return most if declared is None else min(most, declared << type_.page_log2)


def _reserve(type_: MemoryType, length: int, origin: Origin | None) -> Region | None:
    """Room for all growth, with guards where they can serve; less where there is no room."""
    if type_.limits.addr is I32 and type_.page_log2 >= _PAGE_LOG2:
        region = pooled(GUARDED_SIZE, length, origin)
        if region is not None or origin is not None:
            return region
    size = max(_ceiling(type_), length)
    while (region := reserve(size)) is None and size > length:
        size = max(size // 2, length)
    return region
