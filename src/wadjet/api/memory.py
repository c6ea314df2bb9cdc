"""`Memory`: the bytes that a guest and Python share."""

from typing import Final, SupportsIndex, final, overload
from weakref import WeakValueDictionary

from wadjet.api.buffer import Exporter
from wadjet.api.descriptions import address_type
from wadjet.base.errors import Exhaustion
from wadjet.core.types import Limits, MemoryType
from wadjet.engine.runtime import memory as runtime
from wadjet.engine.runtime.store import Store

#: id of a runtime memory → its one handle
_handles: Final[WeakValueDictionary[int, "Memory"]] = WeakValueDictionary()


@final
class Memory(Exporter):
    """A linear memory. It has the buffer protocol, and indexing reads and writes in place:

        memory = Memory(1, 16)          # pages of 64 KiB: now, at most
        memory[0:4] = b"\\0asm"
        memory[0]                       # an int
        memory[0:4]                     # a memoryview, no copy
        memoryview(memory), bytes(memory), struct.unpack_from("<I", memory, 0)

    A memory never moves. A view shows the bytes that existed when it was taken, and stays usable
    when the memory grows and when everything else that used the memory is gone.
    """

    __slots__ = ("__weakref__", "_memory")
    _memory: runtime.Memory

    def __init__(
        self,
        min: int | MemoryType,
        max: int | None = None,
        *,
        shared: bool = False,
        bits: int = 32,
        store: Store | None = None,
    ) -> None:
        """`min` and `max` count pages; or give the whole type. `bits` of an address: 32 or 64.

        A store's limit on memory counts. Raises `Exhaustion` where there is no room.
        """
        if isinstance(min, MemoryType):
            type_ = min
        else:
            _check_pages(min, max, shared)
            type_ = MemoryType(Limits(min, max, address_type(bits)), shared)
        self._memory = runtime.Memory(type_, None if store is None else store.budget)
        _handles[id(self._memory)] = self

    @classmethod
    def of(cls, memory: runtime.Memory) -> "Memory":
        """The handle of a memory that exists: the same object as long as somebody holds it."""
        found = _handles.get(id(memory))
        if found is None:
            found = cls.__new__(cls)
            found._memory = memory
            _handles[id(memory)] = found
        return found

    @property
    def runtime(self) -> runtime.Memory:
        """The memory instance behind the handle."""
        return self._memory

    @property
    def type(self) -> MemoryType:
        """Its type, with the present size as the minimum."""
        return self._memory.type

    @property
    def pages(self) -> int:
        """The size in pages (of 64 KiB, unless its type says otherwise)."""
        return self._memory.pages

    def grow(self, pages: int) -> int:
        """Add zeroed pages and return the old number of pages. `Exhaustion` beyond the maximum."""
        if pages < 0:
            raise ValueError("a memory cannot shrink")
        old = self._memory.grow(pages)
        if old < 0:
            raise Exhaustion(f"out of memory: cannot grow by {pages} pages")
        return old

    def read(self, offset: int, size: int) -> bytes:
        """A copy of `size` bytes; IndexError where they are not all inside."""
        return bytes(self._range(offset, size))

    def write(self, offset: int, data: bytes | bytearray | memoryview) -> None:
        """Copy bytes in; IndexError, and nothing written, where they do not all fit."""
        source = memoryview(data).cast("B")
        self._range(offset, source.nbytes)[:] = source

    def _range(self, offset: int, size: int) -> memoryview:
        view = self._memory.view
        if offset < 0 or size < 0 or offset + size > view.nbytes:
            raise IndexError(f"bytes {offset} to {offset + size} of {view.nbytes}")
        return view[offset : offset + size]

    def __len__(self) -> int:
        return self._memory.length

    @overload
    def __getitem__(self, index: SupportsIndex) -> int: ...
    @overload
    def __getitem__(self, index: slice) -> memoryview: ...
    def __getitem__(self, index: SupportsIndex | slice) -> int | memoryview:
        return self._memory.view[index]

    def __setitem__(
        self, index: SupportsIndex | slice, value: int | bytes | bytearray | memoryview
    ) -> None:
        self._memory.view[index] = value  # type: ignore[index, assignment]  # both forms at once

    def __buffer__(self, flags: int, /) -> memoryview:
        return memoryview(self._memory.view)

    def __repr__(self) -> str:
        most = self.type.limits.max
        return f"<wadjet.Memory {self.pages} pages{'' if most is None else f' of {most}'}>"


def _check_pages(min: int, max: int | None, shared: bool) -> None:
    if min < 0 or (max is not None and max < min):
        raise ValueError(f"a memory of {min} to {max} pages")
    if shared and max is None:
        raise ValueError("a shared memory needs a maximum")
