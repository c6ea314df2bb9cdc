"""The noun module instance (spec 4.2.5): the index spaces of one module, in native memory."""

from array import array
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, Final, final
from weakref import ref

from wadjet.core.subtyping import close_global
from wadjet.core.types import DefType
from wadjet.engine.contract.heap import is_traced
from wadjet.engine.contract.layout import (
    VM_CONTEXT, VM_FUNC, VM_HOST_FUNC, VM_SEGMENT, WORD, Block, octets, words,
)  # fmt: skip
from wadjet.engine.gc.holders import Holder, register
from wadjet.engine.runtime.code import ModuleCode
from wadjet.engine.runtime.func import HOST_SIZE, Func, HostFunc, WasmFunc
from wadjet.engine.runtime.global_ import Global
from wadjet.engine.runtime.memory import Memory
from wadjet.engine.runtime.registry import note
from wadjet.engine.runtime.table import Table
from wadjet.engine.runtime.tag import Tag

if TYPE_CHECKING:
    from wadjet.engine.runtime.store import Store

#: What can be imported and exported.
Extern = Func | Table | Memory | Global | Tag


@final
class Instance(Holder):
    """An instantiated module. Lists hold imports first, like the module's index spaces.

    `context` is the address of its VMContext, `vmfuncs` the VMFunc array of its own functions as
    64-bit words (four each). `instantiate` makes and fills it.
    """

    __slots__ = (
        "__weakref__", "_block", "_entries", "_func_imports", "_functions", "_globals",
        "code", "context", "given", "global_imports", "kept", "layout", "memories", "module",
        "store", "tables", "tags", "types", "unit", "valid", "words",
    )  # fmt: skip

    def __init__(
        self,
        store: "Store",
        code: ModuleCode,
        given: Sequence[Func | Callable[..., Any]],
        block: Block | None = None,
        functions: int = 0,
    ) -> None:
        """Allocate the VMContext and the VMFuncs behind it; everything else is added afterwards.

        In a `block`, all that lies in it stands there already, globals included, and `functions` is
        where the VMFuncs of its own functions are. What is `given` for imported functions may be
        Python callables then: right before that, each has its VMFunc and its VMHostFunc. A
        `HostFunc` is made when somebody wants one."""
        self.store = store
        #: replaced where it turns out to need other code (see `ModuleCode.let_pass`)
        self.code = code
        self.valid: Final = code.valid
        self.module: Final = code.valid.module
        self.layout: Final = code.layout
        self.types: Final[Sequence[DefType]] = code.valid.types
        self.memories: list[Memory] = []
        self.tables: list[Table] = []
        self._globals: list[Global] | None = [] if block is None else None
        #: the globals it imports, if it has a block already
        self.global_imports: Sequence[Global] = ()
        self.tags: list[Tag] = []
        #: the functions it imports, as they were given: callables are in its block
        self.given: Final = given
        self._func_imports: list[Func] | None = None
        self._block: Final = Block(code.block_size) if block is None else block
        #: the VMContext and what is behind it
        self.words: Final = self._block.words()
        self.context: Final = self._block.address
        self._functions: Final = self.context + (functions or code.layout.size)
        #: what holds the native copies of passive segments, by space and index
        self.kept: Final[dict[tuple[str, int], Block | None]] = {}
        #: what Python calls for its functions, as far as somebody holds that
        self._entries: dict[int, ref[Callable[..., Any]]] | None = None
        #: whatever the tier keeps with an instance
        self.unit: object = None
        if block is None:
            self.words[VM_CONTEXT["store"] // WORD] = store.address
            self.words[VM_CONTEXT["funcs"] // WORD] = self._functions
        store.adopt(self.context, self)

    @property
    def vmfuncs(self) -> memoryview:
        """The VMFuncs of its own functions as 64-bit words."""
        first = (self._functions - self.context) // WORD
        return self.words[first : first + VM_FUNC.size // WORD * len(self.module.funcs)]

    def fill_functions(self) -> None:
        """Fill the VMFuncs, column by column (there may be 100,000), all but the code."""
        count, first, stride = len(self.module.funcs), len(self.given), VM_FUNC.size // WORD
        columns = {
            "context": array("Q", [self.context]) * count,
            "type": self.code.func_type_ids,
            "index": array("Q", range(first, first + count)),
        }
        vmfuncs = self.vmfuncs
        for name, column in columns.items():
            vmfuncs[VM_FUNC[name] // WORD :: stride] = memoryview(column)

    @property
    def block(self) -> Block:
        """What all of that lies in."""
        return self._block

    @property
    def func_imports(self) -> list[Func]:
        """The functions it imports."""
        found = self._func_imports
        if found is None:
            given = enumerate(self.given)
            found = [g if isinstance(g, Func) else self._host(k, g) for k, g in given]
            self._func_imports = found
        return found

    def _host(self, index: int, callable_: Callable[..., Any]) -> HostFunc:
        """The host function that stands in its block already."""
        type_ = self.code.func_imports[index]
        place = self._block, self.func_address(index) - self.context
        return HostFunc(self.store, type_.type, callable_, place)

    @property
    def globals(self) -> list[Global]:
        """Its globals."""
        if self._globals is None:
            types = [close_global(g.type, self.types) for g in self.module.globals]
            own = [Global(t, None, self.cell(k)) for k, t in enumerate(types)]
            self._globals = [*self.global_imports, *own]
        return self._globals

    def move(self, store: "Store") -> None:
        """Become part of another store (see `Store.absorb`)."""
        self.store = store
        VM_CONTEXT.write(self.context, "store", store.address)
        for index, given in enumerate(self.given):
            if not isinstance(given, Func):
                host = self.func_address(index) + VM_FUNC.size
                VM_HOST_FUNC.write(host, "store", store.address)

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
        own = index - len(self.given)
        if own >= 0:
            return self._functions + own * VM_FUNC.size
        given = self.given[index]
        if isinstance(given, Func):
            return given.address
        return self._functions + own * HOST_SIZE

    def func_addresses(self, indices: "Sequence[int]") -> "array[int]":
        """The VMFuncs of functions."""
        count = len(self.given)
        first, size = self._functions - count * VM_FUNC.size, VM_FUNC.size
        addresses = [first + x * size for x in indices]
        if indices and min(indices) < count:
            addresses = [self.func_address(x) for x in indices]
        return array("Q", addresses)

    def func(self, index: int) -> Func:
        """A function by its index."""
        own = index - len(self.given)
        if own < 0:
            return self.func_imports[index]
        deftype = self.types[self.module.funcs[own]]
        return WasmFunc(self, index, self._functions + own * VM_FUNC.size, deftype)

    def func_at(self, address: int) -> Func:
        """The function whose VMFunc is at this address in its block."""
        offset = address - self._functions
        own, rest = divmod(offset, VM_FUNC.size if offset >= 0 else HOST_SIZE)
        assert rest == 0, "an address within a VMFunc"
        return self.func(own + len(self.given))

    def entry(self, func: WasmFunc) -> Callable[..., Any]:
        """What Python calls for a function: one object as long as somebody holds it."""
        entries = self._entries
        if entries is None:
            entries = self._entries = {}
        present = entries.get(func.index)
        found = None if present is None else present()
        if found is None:
            found = self.code.entry(func)
            note(entries, func.index, found)
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
        return octets(*self._segment("datas", index), self.kept.get(("datas", index)))

    def elem(self, index: int) -> memoryview:
        """The words of an element segment; none once dropped."""
        return words(*self._segment("elems", index), self.kept.get(("elems", index)))

    def keep_data(self, index: int, data: "bytes | memoryview") -> None:
        """Copy a passive data segment to where generated code finds it."""
        block = Block(len(data))
        octets(block.address, len(data))[:] = data
        self._keep("datas", index, block, len(data))

    def keep_elem(self, index: int, elements: "array[int]") -> None:
        """Copy a passive element segment to where generated code finds it."""
        block = Block(len(elements) * WORD)
        words(block.address, len(elements))[:] = memoryview(elements)
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
        self.kept[space, index] = block

    def _segment(self, space: str, index: int) -> tuple[int, int]:
        """Base and length; generated code drops segments without telling."""
        address = self.context + self.layout(space, index)
        length = VM_SEGMENT.read(address, "length")
        # ctypes wants an address even for nothing
        return VM_SEGMENT.read(address, "base") if length else self.context, length
