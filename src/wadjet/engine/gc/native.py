"""The heap of a store in native memory: what generated code allocates in.

Same interface as `Heap`, so that whoever makes or reads objects from Python need not know which
it is. A word is the address of an object (see `wadjet.engine.contract.heap`).
"""

import ctypes
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Final, Protocol, final

from wadjet.base.errors import Unlinkable
from wadjet.core.types import (
    EXN, EXTERN, I31, AbsHeap, ArrayType, DefType, FuncType, StructType,
)  # fmt: skip
from wadjet.engine.contract.heap import (
    ARRAY_ELEMENTS, ARRAY_LENGTH, DISPLAY, GRANULE, KIND_ARRAY, KIND_CONTINUATION,
    KIND_EXCEPTION, KIND_STRUCT, MIN_DISPLAY, REACHED, STARTS, VM_HEAP, VM_TYPE,
    exception_layout, is_traced, round_up, size_of,
    struct_layout,
)  # fmt: skip
from wadjet.engine.contract.layout import CELL, WORD, Block, load64, store64
from wadjet.engine.contract.traps import TrapCode, failure
from wadjet.engine.gc.objects import ObjectHeap

if TYPE_CHECKING:
    from wadjet.engine.gc.heap import Give, Take

#: Address space set aside for the objects of one store.
_ROOM: Final = 16 << 30
#: The heap grows by this much at least, and is not collected before so much was allocated.
_STEP: Final = 8 << 20
_PATIENCE: Final = 32 << 20
_CHUNK: Final = 64 << 10


class Region(Protocol):
    """Reserved address space (see `wadjet.engine.runtime.pages`)."""

    @property
    def base(self) -> int:
        """Where it begins."""
        ...

    def commit(self, length: int) -> bool:
        """Make its first bytes accessible."""
        ...


class Stacks(Protocol):
    """The stacks of continuations (see `wadjet.engine.runtime.stacks`)."""

    @property
    def wants_collection(self) -> bool:
        """Whether it is time to look for those that nobody can resume."""
        ...

    @property
    def waiting(self) -> bool:
        """Whether any waits to go on."""
        ...

    def add(self) -> bool:
        """Put one into the pool, if there is room."""
        ...

    def trim(self) -> None:
        """Give back what lies idle."""
        ...


@final
class Roots:
    """Where references may be that no object holds: `end`, where the thread's stack of guest frames
    ends (0 if there is none); words of globals, tables, handles; other ranges, as (address, words).
    """

    __slots__ = ("end", "ranges", "words")

    def __init__(self, end: int, words: list[int], ranges: list[tuple[int, int]]) -> None:
        self.end: Final = end
        self.words: Final = words
        self.ranges: Final = ranges


@final
class Collector:
    """The compiled functions of `gc.collector`."""

    __slots__ = ("mark", "reap", "refill", "sweep")

    def __init__(self, wj_mark: int, at: Mapping[str, int]) -> None:
        """Addresses of machine code: `wj_mark` for marking, with the collector's own function
        bound; the others, by name, have a first parameter (a context) that is not used."""
        word = ctypes.c_uint64
        marking = ctypes.CFUNCTYPE(None, word, word, word, word)(wj_mark)
        self.mark = partial(marking, at["mark"])
        self.reap = ctypes.CFUNCTYPE(None, word, word)(at["reap"])
        self.sweep = ctypes.CFUNCTYPE(word, word, word)(at["sweep"])
        self.refill = ctypes.CFUNCTYPE(word, word, word, word)(at["refill"])


@final
class NativeHeap(ObjectHeap):
    """Objects in native memory. Nothing moves; `collect` frees what no root leads to."""

    def __init__(
        self, take: "Take", give: "Give", reserve: Callable[[int], Region | None],
        collector: Callable[[], Collector], roots: Callable[[], Roots],
        stacks: Callable[[int], Stacks],
    ) -> None:  # fmt: skip
        """`collector` is asked for when there is something to collect; `stacks` makes the stacks of
        its continuations, given the address of the VMHeap."""
        super().__init__()
        self._take, self._give = take, give
        self._collector = collector
        regions = [reserve(size) for size in (_ROOM, _ROOM // GRANULE, _ROOM // 2)]
        if any(region is None for region in regions):
            raise failure(TrapCode.OUT_OF_MEMORY, "no address space for a heap")
        self._objects, self._map, self._stack = [r for r in regions if r is not None]
        self._struct = Block(VM_HEAP.size)
        self.address: Final = self._struct.address
        self._types: dict[DefType, Block] = {}
        self._deftypes: dict[int, DefType] = {}
        self._tags: dict[int, tuple[Block, object]] = {}
        self._committed = 0
        self._allocated = 0
        self._live = 0
        self._roots = roots
        #: the latest exception that a host function threw into a guest: its word, and the exception
        #: itself, which is raised again if no guest catches it
        self.raised: tuple[int, BaseException] | None = None
        self._write("base", self._objects.base)
        self._write("top", self._objects.base)
        self._write("map", self._map.base)
        self._write("stack", self._stack.base)
        self._stacks: Final = stacks(self.address)
        self._continuation = self._describe(0, KIND_CONTINUATION, CELL, (0,), 0)
        self._write("continuation", self._continuation.address)

    def _write(self, name: str, value: int) -> None:
        VM_HEAP.write(self.address, name, value)

    # --- types -------------------------------------------------------------------------------

    def vm_type(self, type_: DefType) -> int:
        """The VMType of a struct or array type."""
        block = self._types.get(type_)
        if block is None:
            block = self._types[type_] = self._make_type(type_)
            self._deftypes[block.address] = type_
        return block.address

    def _make_type(self, type_: DefType) -> Block:
        comp = type_.comp
        if isinstance(comp, StructType):
            layout = struct_layout(comp)
            refs = layout.refs if type_.descriptor is None else (-WORD, *layout.refs)
            block = self._describe(type_.id, KIND_STRUCT, layout.size, refs, type_.depth)
            if type_.descriptor is not None:
                VM_TYPE.write(block.address, "descriptor", -WORD)
        else:
            assert isinstance(comp, ArrayType), "only structs and arrays are objects"
            storage = comp.field.storage
            refs = (0,) if is_traced(storage) else ()
            block = self._describe(type_.id, KIND_ARRAY, size_of(storage), refs, type_.depth)
        for depth, ancestor in enumerate(type_.supertypes):
            above = block.address if ancestor is type_ else self.vm_type(ancestor)
            store64(block.address + DISPLAY + WORD * depth, above)
        return block

    def vm_tag(self, number: int, type_: FuncType, tag: object) -> int:
        """The VMType of the exceptions of a tag, which is kept alive."""
        found = self._tags.get(number)
        if found is None:
            layout = exception_layout(type_)
            block = self._describe(number, KIND_EXCEPTION, layout.size, layout.refs, 0)
            found = self._tags[number] = block, tag
        return found[0].address

    def _describe(
        self, number: int, kind: int, size: int, refs: tuple[int, ...], depth: int
    ) -> Block:
        display = WORD * max(depth + 1, MIN_DISPLAY)
        block = Block(DISPLAY + display + 4 * len(refs))
        for name, value in (("id", number), ("kind", kind), ("size", size), ("depth", depth)):
            VM_TYPE.write(block.address, name, value)
        VM_TYPE.write(block.address, "ref_count", len(refs))
        table = block.address + DISPLAY + display
        VM_TYPE.write(block.address, "refs", table)
        for k, offset in enumerate(refs):
            ctypes.c_int32.from_address(table + 4 * k).value = offset
        return block

    # --- allocating ----------------------------------------------------------------------------

    def allocate(self, size: int) -> int:
        """A stretch of `size` bytes (a multiple of 16) whose contents are anything; Exhaustion
        where there is no room. The caller writes the header at once. Nothing is collected: words
        in the hands of Python code are seen by nobody."""
        free, limit = VM_HEAP.read(self.address, "free"), VM_HEAP.read(self.address, "limit")
        if free and free + size <= limit:
            self._write("free", free + size)
            return free
        found = self._stretch(size, max(size, _STEP)) or self._stretch(size, size)
        if not found:
            raise failure(TrapCode.OUT_OF_MEMORY, "the heap is full")
        return found

    def refill(self, size: int) -> int:
        """The same for a guest whose stretch is used up; garbage is collected when it is time, or
        where there is no room."""
        if self.wants_collection:
            self.collect(())
        found = self._stretch(size, max(size, _STEP, self._committed // 4))
        if not found:
            self.collect(())
            found = self._stretch(size, size)
        if not found:
            raise failure(TrapCode.OUT_OF_MEMORY, "the heap is full")
        return found

    def _stretch(self, size: int, step: int) -> int:
        """A stretch, if need be by making the heap larger by `step`; 0 where there is no room."""
        return self._take_hole(size) or (self._extend(step) and self._take_hole(size))

    def _take_hole(self, size: int) -> int:
        """A hole, which becomes the stretch: the first will do as a rule, and always as long as
        nothing was collected; looking through the others is for compiled code."""
        found = VM_HEAP.read(self.address, "holes")
        if found:
            length = load64(found + WORD)
            if length >= size:
                self._write("holes", load64(found))
                self._write("limit", found + length)
                self._write("free", found + size)
            else:
                found = self._collector().refill(0, self.address, size)
        if found:
            self._allocated += VM_HEAP.read(self.address, "limit") - found
        return found

    def _extend(self, step: int) -> bool:
        """Make the heap larger, if that may be."""
        step = (step + _CHUNK - 1) // _CHUNK * _CHUNK
        size = self._committed + step
        if size > _ROOM or not self._take(step):
            return False
        regions = (self._objects, size), (self._map, size // GRANULE), (self._stack, size // 2)
        if not all(region.commit(length) for region, length in regions):
            self._give(step)
            return False
        hole = self._objects.base + self._committed
        store64(hole, VM_HEAP.read(self.address, "holes"))
        store64(hole + WORD, step)
        self._write("holes", hole)
        self._committed = size
        self._write("top", self._objects.base + size)
        return True

    def _place(self, vm_type: int, size: int, prefix: int = 0) -> int:
        """Allocate and make it an object."""
        word = self.allocate(size + prefix) + prefix
        store64(word, vm_type)
        ctypes.c_ubyte.from_address(self._mark_of(word)).value = STARTS
        return word

    def new(self, type_: DefType, fields: list[int], descriptor: int = 0) -> int:
        """A struct or an array with these fields or elements."""
        vm_type, comp = self.vm_type(type_), type_.comp
        if isinstance(comp, StructType):
            prefix = GRANULE if type_.descriptor is not None else 0
            word = self._place(vm_type, struct_layout(comp).size, prefix)
            if prefix:
                store64(word - WORD, descriptor)
        else:
            size = VM_TYPE.read(vm_type, "size")
            word = self._place(vm_type, round_up(ARRAY_ELEMENTS + size * len(fields)))
            store64(word + ARRAY_LENGTH, len(fields))
        for index, value in enumerate(fields):
            self.set(word, index, value)
        return word

    def new_exception(self, vm_tag: int, type_: FuncType, payload: Sequence[int]) -> int:
        """An exception of a tag (by its VMType)."""
        layout = exception_layout(type_)
        word = self._place(vm_tag, layout.size)
        for offset, storage, value in zip(layout.offsets, type_.params, payload):
            _store(word + offset, size_of(storage), value)
        return word

    def payload(self, word: int, type_: FuncType) -> list[int]:
        """What an exception carries."""
        layout = exception_layout(type_)
        return [_load(word + o, size_of(t)) for o, t in zip(layout.offsets, type_.params)]

    def tag_of(self, word: int) -> object:
        """The tag of an exception, as `vm_tag` was given it."""
        return self._tags[VM_TYPE.read(load64(word), "id")][1]

    # --- using -------------------------------------------------------------------------------

    def is_object(self, word: int) -> bool:
        """Does the word refer to a struct or an array?"""
        return not word & 3 and word != 0 and load64(word) in self._deftypes

    def type_of(self, word: int) -> DefType:
        """The type that an object was made with."""
        return self._deftypes[load64(word)]

    def descriptor(self, word: int) -> int:
        """The descriptor that a struct was made with, or 0."""
        return load64(word - WORD) if self.type_of(word).descriptor is not None else 0

    def length(self, word: int) -> int:
        """The number of fields or elements."""
        comp = self.type_of(word).comp
        if isinstance(comp, StructType):
            return len(comp.fields)
        return load64(word + ARRAY_LENGTH)

    def _slot(self, word: int, index: int) -> tuple[int, int]:
        """Address and size of a field or element."""
        comp = self.type_of(word).comp
        if isinstance(comp, StructType):
            return word + struct_layout(comp).offsets[index], size_of(comp.fields[index].storage)
        assert isinstance(comp, ArrayType)
        size = size_of(comp.field.storage)
        return word + ARRAY_ELEMENTS + size * index, size

    def get(self, word: int, index: int) -> int:
        """One field or element (the index is in range)."""
        return _load(*self._slot(word, index))

    def set(self, word: int, index: int, value: int) -> None:
        """Replace one field or element."""
        _store(*self._slot(word, index), value)

    def read(self, word: int, start: int, count: int) -> list[int]:
        """A range of elements, copied."""
        return [self.get(word, start + k) for k in range(count)]

    def write(self, word: int, start: int, values: Sequence[int]) -> None:
        """Replace a range of elements."""
        for k, value in enumerate(values):
            self.set(word, start + k, value)

    def heap_type(self, word: int) -> AbsHeap | DefType:
        """The most precise heap type of a word (not null, no function) that a guest may hold."""
        if word & 1:
            return I31
        if word & 2:
            return EXTERN
        return self._deftypes.get(load64(word), EXN)

    @property
    def waits(self) -> bool:
        """Whether any stack has an owner; those that nobody can resume do not count."""
        if not self._stacks.waiting:
            return False
        self.collect(())
        return self._stacks.waiting

    def add_stack(self) -> None:
        """Have a stack for a continuation in the pool; Exhaustion where there is no room."""
        if self._stacks.wants_collection:
            self.collect(())
        if not VM_HEAP.read(self.address, "pool") and not self._stacks.add():
            self.collect(())
            if not VM_HEAP.read(self.address, "pool") and not self._stacks.add():
                raise failure(TrapCode.OUT_OF_MEMORY, "no room for the stack of a continuation")

    # --- freeing -----------------------------------------------------------------------------

    @property
    def wants_collection(self) -> bool:
        """Has so much been allocated that it is time to look for garbage?"""
        return self._allocated >= max(_PATIENCE, self._live)

    def collect(self, roots: Iterable[int]) -> None:
        """Free what neither `roots` nor stacks, globals, tables or handles lead to."""
        found = self._roots()
        words = [*found.words, *roots, *(() if self.raised is None else self.raised[:1])]
        held = Block(WORD * max(len(words), 1))
        for k, word in enumerate(words):
            store64(held.address + WORD * k, word)
        # the first range is the stack: where it starts is known only when marking begins
        ranges = [(0, found.end), (held.address, len(words)), *found.ranges]
        table = Block(2 * WORD * len(ranges))
        for k, (start, count) in enumerate(ranges):
            store64(table.address + 2 * WORD * k, start)
            store64(table.address + 2 * WORD * k + WORD, count)
        collector = self._collector()
        collector.mark(self.address, table.address, len(ranges))
        self._clear_weaks(self._reached)
        collector.reap(0, self.address)
        self._live = collector.sweep(0, self.address)
        self._allocated = 0
        self._stacks.trim()

    def _reached(self, word: int) -> bool:
        """Has marking come to this object?"""
        return ctypes.c_ubyte.from_address(self._mark_of(word)).value == REACHED

    def _mark_of(self, word: int) -> int:
        """Where the map tells of an object."""
        return self._map.base + (word - self._objects.base) // GRANULE

    def join(self, other: ObjectHeap) -> None:
        """Two native heaps cannot become one."""
        raise Unlinkable("an import belongs to a store that has objects of its own")


_WORDS: Final = {1: ctypes.c_uint8, 2: ctypes.c_uint16, 4: ctypes.c_uint32, 8: ctypes.c_uint64}


def _load(address: int, size: int) -> int:
    if size == 16:
        return int.from_bytes(ctypes.string_at(address, 16), "little")
    return _WORDS[size].from_address(address).value


def _store(address: int, size: int, value: int) -> None:
    if size == 16:
        ctypes.memmove(address, value.to_bytes(16, "little"), 16)
    else:
        _WORDS[size].from_address(address).value = value
