"""The noun module instance (spec 4.2.5): the index spaces of one module, in native memory."""

import itertools
from array import array
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, Final, final
from weakref import WeakValueDictionary

from wadjet.core.subtyping import close_global
from wadjet.core.types import DefType
from wadjet.engine.contract.heap import is_traced
from wadjet.engine.contract.layout import (
    VM_CONTEXT, VM_FUNC, VM_SEGMENT, WORD, Block, octets, words,
)  # fmt: skip
from wadjet.engine.gc.holders import Holder, register
from wadjet.engine.runtime.code import ModuleCode
from wadjet.engine.runtime.func import Func, WasmFunc
from wadjet.engine.runtime.global_ import Global
from wadjet.engine.runtime.memory import Memory
from wadjet.engine.runtime.table import Table
from wadjet.engine.runtime.tag import Tag

if TYPE_CHECKING:
    from wadjet.engine.runtime.store import Store

#: What can be imported and exported.
Extern = Func | Table | Memory | Global | Tag

_ids: Final = itertools.count(1)


@final
class Instance(Holder):
    """An instantiated module. Lists hold imports first, like the module's index spaces.

    `context` is the address of its VMContext, `vmfuncs` the VMFunc array of its own functions as
    64-bit words (four each). `instantiate` makes and fills it.
    """

    __slots__ = (
        "__weakref__", "_block", "_entries", "_functions", "_globals", "_kept", "_names", "_words",
        "code", "context", "func_imports", "id", "layout", "memories", "module", "store",
        "tables", "tags", "types", "unit", "valid", "vmfuncs",
    )  # fmt: skip

    def __init__(
        self,
        store: "Store",
        code: ModuleCode,
        func_imports: list[Func],
        block: Block | None = None,
    ) -> None:
        """Allocate the VMContext and the VMFuncs behind it; everything else is added afterwards.
        In a `block`, all that lies in it stands there already, globals included."""
        self.store = store
        #: replaced where it turns out to need other code (see `ModuleCode.let_pass`)
        self.code = code
        self.valid: Final = code.valid
        self.module: Final = code.valid.module
        self.layout: Final = code.layout
        self.types: Final[Sequence[DefType]] = code.valid.types
        self.id: Final = next(_ids)
        self.memories: list[Memory] = []
        self.tables: list[Table] = []
        self._globals: list[Global] | None = [] if block is None else None
        self.tags: list[Tag] = []
        self.func_imports: Final = func_imports
        self._block: Final = Block(self.size) if block is None else block
        self._words: Final = self._block.words()
        self.context: Final = self._block.address
        self._functions: Final = self.context + self.layout.size
        self.vmfuncs: Final = self._words[self.layout.size // WORD : self.size // WORD]
        #: what holds the native copies of passive segments, by space and index
        self._kept: dict[tuple[str, int], Block | None] = {}
        self._entries: WeakValueDictionary[int, Callable[..., Any]] | None = None
        self._names: dict[int, str] | None = None
        #: whatever the tier keeps with an instance
        self.unit: object = None
        self.set_word(VM_CONTEXT["store"], store.address)
        self.set_word(VM_CONTEXT["funcs"], self._functions)
        self.set_word(VM_CONTEXT["instance"], self.id)
        store.adopt(self.context, self)

    @property
    def size(self) -> int:
        """Bytes of the VMContext and the VMFuncs together."""
        return self.layout.size + VM_FUNC.size * len(self.module.funcs)

    @property
    def words(self) -> memoryview:
        """The VMContext and the VMFuncs as 64-bit words."""
        return self._words

    def set_word(self, offset: int, word: int) -> None:
        """Write a word of the VMContext."""
        self._words[offset // WORD] = word

    @property
    def globals(self) -> list[Global]:
        """Its globals."""
        if self._globals is None:
            types = [close_global(g.type, self.types) for g in self.module.globals]
            self._globals = [Global(t, None, self.cell(k)) for k, t in enumerate(types)]
        return self._globals

    def move(self, store: "Store") -> None:
        """Become part of another store (see `Store.absorb`)."""
        self.store = store
        VM_CONTEXT.write(self.context, "store", store.address)

    # -- native memory --------------------------------------------------------------------------

    def slots(self, space: str, count: int) -> memoryview:
        """The `count` words of one index space in the VMContext (see `ContextLayout`)."""
        return words(self.context + self.layout(space, 0), count, self._block)

    def cell(self, index: int) -> tuple[Block, int]:
        """Where the defined global with this number (imports not counted) has its cell."""
        return self._block, self.layout("cells", index)

    # -- functions ------------------------------------------------------------------------------

    def func_address(self, index: int) -> int:
        """The VMFunc of a function: what a funcref to it is."""
        own = index - len(self.func_imports)
        if own < 0:
            return self.func_imports[index].address
        return self._functions + own * VM_FUNC.size

    def func_addresses(self, indices: "Sequence[int]") -> "array[int]":
        """The VMFuncs of functions."""
        count = len(self.func_imports)
        first, size = self._functions - count * VM_FUNC.size, VM_FUNC.size
        addresses = [first + x * size for x in indices]
        if indices and min(indices) < count:
            addresses = [self.func_address(x) for x in indices]
        return array("Q", addresses)

    def func(self, index: int) -> Func:
        """A function by its index."""
        own = index - len(self.func_imports)
        if own < 0:
            return self.func_imports[index]
        deftype = self.types[self.module.funcs[own]]
        return WasmFunc(self, index, self._functions + own * VM_FUNC.size, deftype)

    def func_at(self, address: int) -> Func:
        """The own function whose VMFunc is at this address."""
        own, rest = divmod(address - self._functions, VM_FUNC.size)
        assert rest == 0, "an address within a VMFunc"
        return self.func(own + len(self.func_imports))

    def func_name(self, index: int) -> str:
        """The name a function is first exported under, else that in the name section (which is
        then read), else its number."""
        if self._names is None:
            exports = self.module.exports
            self._names = {e.index: e.name for e in reversed(exports) if e.kind == "func"}
        name = self._names.get(index) or self.module.names.funcs.get(index)
        return f"function {index}" if name is None else name

    def entry(self, func: WasmFunc) -> Callable[..., Any]:
        """What Python calls for a function: one object as long as somebody holds it."""
        entries = self._entries
        if entries is None:
            entries = self._entries = WeakValueDictionary()
        found = entries.get(func.index)
        if found is None:
            found = entries[func.index] = self.code.entry(func)
        return found

    def export(self, kind: str, index: int) -> Extern:
        """What an export of this kind and index stands for."""
        if kind == "func":
            return self.func(index)
        spaces: dict[str, Sequence[Extern]] = {
            "memory": self.memories,
            "table": self.tables,
            "global": self.globals,
            "tag": self.tags,
        }
        return spaces[kind][index]

    # -- segments -------------------------------------------------------------------------------

    def data(self, index: int) -> memoryview:
        """The bytes of a data segment; none once dropped."""
        return octets(*self._segment("datas", index), self._kept.get(("datas", index)))

    def elem(self, index: int) -> memoryview:
        """The words of an element segment; none once dropped."""
        return words(*self._segment("elems", index), self._kept.get(("elems", index)))

    def keep_data(self, index: int, data: "bytes | memoryview") -> None:
        """Copy a passive data segment to where generated code finds it."""
        block = Block(len(data))
        octets(block.address, len(data))[:] = data
        self._keep("datas", index, block, len(data))

    def keep_elem(self, index: int, elements: "array[int]") -> None:
        """Copy a passive element segment to where generated code finds it."""
        block = Block(len(elements) * WORD)
        block.words()[:] = memoryview(elements)
        self._keep("elems", index, block, len(elements))
        if is_traced(self.module.elems[index].type):
            register(self)

    def held(self) -> Iterator[int]:
        """The references in element segments, for collections."""
        for index in range(len(self.module.elems)):
            yield from self.elem(index)

    def drop_data(self, index: int) -> None:
        """data.drop."""
        self._keep("datas", index, None, 0)

    def drop_elem(self, index: int) -> None:
        """elem.drop."""
        self._keep("elems", index, None, 0)

    def _keep(self, space: str, index: int, block: Block | None, length: int) -> None:
        address = self.context + self.layout(space, index)
        VM_SEGMENT.write(address, "length", length)
        VM_SEGMENT.write(address, "base", block.address if block is not None else 0)
        self._kept[space, index] = block

    def _segment(self, space: str, index: int) -> tuple[int, int]:
        """Base and length; generated code drops segments without telling."""
        address = self.context + self.layout(space, index)
        length = VM_SEGMENT.read(address, "length")
        # ctypes wants an address even for nothing
        return VM_SEGMENT.read(address, "base") if length else self.context, length
