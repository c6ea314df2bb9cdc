"""What all instances of a module begin with, so that the next is a copy.

When a module is instantiated for the second time, what came of it is looked at before anything
runs: words of its VMContext, VMFuncs and tables that are addresses of its own are told from those
that are the same in every instance, and memories become an `Origin`. The next instance is the same
words with its own address added where it belongs and the addresses of its imports, and a region
that begins with the origin. Modules for which that would not do are in `template_of`.
"""

import ctypes
from array import array
from collections.abc import Callable, Iterable, Sequence
from itertools import accumulate
from typing import Any, Final, final

from wadjet.core.body import Body
from wadjet.core.module import Module
from wadjet.core.opcodes import Op
from wadjet.core.subtyping import close_table
from wadjet.core.types import GlobalType, MemoryType, RefType, TableType
from wadjet.engine.contract.heap import is_traced
from wadjet.engine.contract.layout import (
    HOST_MAGIC, VM_CONTEXT, VM_FUNC, VM_HOST_FUNC, VM_MEMORY, VM_TABLE, WORD,
)  # fmt: skip
from wadjet.engine.runtime.code import ModuleCode
from wadjet.engine.runtime.constants import evaluate
from wadjet.engine.runtime.func import HOST_SIZE, Func, HostFunc
from wadjet.engine.runtime.global_ import Global
from wadjet.engine.runtime.instance import Extern, Instance
from wadjet.engine.runtime.memory import Memory
from wadjet.engine.runtime.pages import Origin, round_up
from wadjet.engine.runtime.segments import run_data, run_elem
from wadjet.engine.runtime.shells import Shells
from wadjet.engine.runtime.store import Store
from wadjet.engine.runtime.table import Table
from wadjet.engine.runtime.tag import Tag

_MEMORY_BASE: Final = VM_CONTEXT["memory_base"] // WORD


@final
class _Words:
    """Some words of an instance, and which of them are addresses in its block, or that of its
    VMStore. All as large numbers, so that moving them is multiplications and additions."""

    __slots__ = ("_own", "_size", "_stores", "_words")

    def __init__(
        self, words: Sequence[int], own: Iterable[int], stores: Iterable[int] = ()
    ) -> None:
        """`own` are the places of addresses in the block: what stands there is the distance from
        its beginning. In `stores` there is 0."""
        self._size: Final = WORD * len(words)
        self._words: Final = _number(words)
        self._own: Final = _number(_marks(own, len(words)))
        self._stores: Final = _number(_marks(stores, len(words)))

    def write(self, address: int, base: int, store: int = 0) -> None:
        """Write them to an address, for an instance whose block is at `base`."""
        words = self._words + base * self._own + store * self._stores
        ctypes.memmove(address, words.to_bytes(self._size, "little"), self._size)


def _marks(places: Iterable[int], count: int) -> list[int]:
    marks = [0] * count
    for place in places:
        marks[place] = 1
    return marks


def _number(words: Sequence[int]) -> int:
    return int.from_bytes(b"".join([word.to_bytes(WORD, "little") for word in words]), "little")


@final
class _Plan:
    """Where what stands in the block of an instance: its VMContext, its VMMemories, its VMTables,
    for each import the VMFunc and the VMHostFunc that it has if it is a Python callable, and the
    VMFuncs of its own functions."""

    __slots__ = (
        "_addresses", "_instance", "functions", "hosts", "imports", "memories", "places", "tables",
        "uses",
    )  # fmt: skip

    def __init__(self, instance: Instance) -> None:
        module, count = instance.module, len(instance.func_imports)
        #: how many memories and tables are imported
        self.memories: Final = len(instance.memories) - len(module.memories)
        self.tables: Final = len(instance.tables) - len(module.tables)
        self._instance: Final = instance
        sizes = [VM_MEMORY.size] * len(module.memories) + [VM_TABLE.size] * len(module.tables)
        #: where VMMemories and VMTables are
        self.places: Final = list(accumulate(sizes, initial=instance.layout.size))
        #: where what imports have is, and what functions have
        self.hosts: Final = self.places.pop()
        self.functions: Final = self.hosts + HOST_SIZE * count
        #: the words for addresses of imported functions
        self.imports: Final = [instance.layout("imports", k) // WORD for k in range(count)]
        #: references to imported functions elsewhere: in which table, if any, word, number
        self.uses: Final[list[tuple[int | None, int, int]]] = []
        self._addresses: Final = {f.address: k for k, f in enumerate(instance.func_imports)}

    def relate(
        self, words: list[int], places: Iterable[int], table: int | None = None
    ) -> list[int]:
        """Make addresses in the instance's block distances; those of imported functions become
        what they are if these are Python callables. Which of the places have such."""
        instance, own = self._instance, []
        functions = instance.context + instance.layout.size
        for place in places:
            word = words[place]
            k = self._addresses.get(word)
            if k is not None:
                words[place] = self.hosts + k * HOST_SIZE
                self.uses.append((table, place, k))
            elif functions <= word <= instance.context + instance.code.block_size:
                words[place] += self.functions - functions
            elif instance.context <= word < functions:
                words[place] -= instance.context
            else:
                continue
            own.append(place)
        return own

    def elements(self, table: int) -> _Words:
        """What stands in a table."""
        words = self._instance.tables[table].words.tolist()
        return _Words(words, self.relate(words, range(len(words)), table))

    def block(self) -> _Words:
        """What stands in the block before the VMFuncs."""
        instance = self._instance
        words = instance.words[: instance.layout.size // WORD].tolist()
        stores = [VM_CONTEXT["store"] // WORD]
        words[stores[0]] = 0
        own = self.relate(words, _addresses(instance))
        for memory in instance.memories[self.memories :]:
            words += [0, memory.length, VM_MEMORY.read(memory.address, "reserved")]
        for table in instance.tables[self.tables :]:
            words += [0, table.length]
        memories, tables = range(len(instance.memories)), range(len(instance.tables))
        pointers = [instance.layout("memories", k) for k in memories[self.memories :]]
        pointers += [instance.layout("tables", k) for k in tables[self.tables :]]
        targets = list(zip(pointers, self.places))
        if instance.memories and not self.memories:
            targets.append((VM_CONTEXT["memory"], self.places[0]))
        for offset, place in targets:
            words[offset // WORD] = place
            own.append(offset // WORD)
        for k, func in enumerate(instance.func_imports):
            at = self.hosts + k * HOST_SIZE
            words[self.imports[k]] = at
            words += self._host(k, func, at + VM_FUNC.size)
            own += [self.imports[k], (at + VM_FUNC["context"]) // WORD]
            own.append((at + VM_FUNC.size + VM_HOST_FUNC["home"]) // WORD)
            stores.append((at + VM_FUNC.size + VM_HOST_FUNC["store"]) // WORD)
        return _Words(words, own, stores)

    def _host(self, index: int, func: Func, host: int) -> list[int]:
        """The VMFunc and the VMHostFunc of an import, all but the callable."""
        code = tail = 0
        if isinstance(func, HostFunc):
            code, tail = VM_FUNC.read(func.address, "code"), VM_FUNC.read(func.address, "tail")
        type_ = self._instance.code.func_imports[index]
        return [code, host, type_.type.id, 0, tail, 0, 0, HOST_MAGIC, 0]


@final
class Template:
    """See the module. Made by `template_of`."""

    __slots__ = (
        "_block", "_callables", "_datas", "_elems", "_functions", "_imports", "_kept", "_memories",
        "_ready", "_shells", "_tables", "_tags", "_uses",
    )  # fmt: skip

    def __init__(self, instance: Instance) -> None:
        """Of an instance in which nothing has run yet. OSError where the system has no origins."""
        module, plan = instance.module, _Plan(instance)
        self._shells: Final = Shells(plan.functions + VM_FUNC.size * len(module.funcs))
        self._functions: Final = plan.functions
        self._imports: Final = plan.imports
        callables = plan.hosts + VM_FUNC.size + VM_HOST_FUNC["callable"]
        self._callables: Final = slice(callables // WORD, plan.functions // WORD, HOST_SIZE // WORD)
        #: whether all imports have machine code for calls of Python callables
        self._ready: Final = all(isinstance(func, HostFunc) for func in instance.func_imports)
        self._memories: Final[list[tuple[MemoryType, Origin | None, int]]] = []
        for k, type_ in enumerate(module.memories):
            origin = _origin(instance, plan.memories + k)
            self._memories.append((type_, origin, plan.places[k]))
        self._tables: Final[list[tuple[TableType, _Words, int]]] = []
        for k, table in enumerate(module.tables):
            closed = close_table(table.type, instance.types)
            place = plan.places[len(self._memories) + k]
            self._tables.append((closed, plan.elements(plan.tables + k), place))
        #: segments that write to what is imported
        self._elems: Final = [
            e for e in module.elems if e.mode == "active" and e.table < plan.tables
        ]
        self._datas: Final = [
            d for d in module.datas if d.mode == "active" and d.memory < plan.memories
        ]
        self._block: Final = plan.block()
        self._uses: Final = plan.uses
        #: types of its own tags
        self._tags: Final = [instance.types[tag.type] for tag in module.tags]
        #: copies of passive segments
        self._kept: Final = dict(instance.kept)

    def make(
        self,
        store: Store,
        code: ModuleCode,
        given: Sequence[Func | Callable[..., Any]],
        others: Sequence[Extern] | None = None,
    ) -> Instance:
        """Another instance, in which nothing has run yet. `given` are the functions that it
        imports, `others` the rest of its imports: None if there is nothing but Python callables.
        Exhaustion where there is no room, Trap where a segment does not fit what is imported."""
        if not self._ready:
            given, others = _made(store, code, given), others or ()
        block = self._shells.take()
        base = block.address
        self._block.write(base, base, store.address)
        instance = Instance(store, code, given, block, self._functions)
        words = instance.words
        if block.version is None:
            instance.fill_functions()
        if code.escapes:
            store.pin(instance)
        if given:
            words[self._callables] = memoryview(array("Q", map(id, given)))
        if others:
            _import(instance, others)
        instance.tags += map(Tag.of, self._tags)
        self._make_memories(instance)
        for table_type, elements, place in self._tables:
            table = Table(table_type, 0, store.budget, (block, place))
            words[(place + VM_TABLE["base"]) // WORD] = table.base
            elements.write(table.base, base)
            instance.tables.append(table)
        if others is not None:
            self._link(instance)
        if self._kept:
            instance.kept.update(self._kept)
        code.attach_alike(instance, block)
        for elem in self._elems:
            run_elem(instance, elem)
        for data in self._datas:
            run_data(instance, data)
        return instance

    def _make_memories(self, instance: Instance) -> None:
        """Those that it does not import."""
        words, memories = instance.words, instance.memories
        for type_, origin, place in self._memories:
            memory = Memory(type_, instance.store.budget, origin, (instance.block, place))
            words[(place + VM_MEMORY["base"]) // WORD] = memory.base
            memories.append(memory)
        if memories:
            words[_MEMORY_BASE] = memories[0].base

    def _link(self, instance: Instance) -> None:
        """Let an instance refer to the functions among its imports that exist without it."""
        for k, func in enumerate(instance.given):
            if isinstance(func, Func):
                instance.words[self._imports[k]] = func.address
        for table, place, k in self._uses:
            func = instance.given[k]
            if isinstance(func, Func):
                words = instance.words if table is None else instance.tables[table].words
                words[place] = func.address


def _import(instance: Instance, others: Sequence[Extern]) -> None:
    """Let an instance have what it imports besides functions."""
    words, layout = instance.words, instance.layout
    instance.memories += [e for e in others if isinstance(e, Memory)]
    instance.tables += [e for e in others if isinstance(e, Table)]
    instance.tags += [e for e in others if isinstance(e, Tag)]
    instance.global_imports = [e for e in others if isinstance(e, Global)]
    spaces: dict[str, Sequence[Memory | Table | Global]] = {
        "memories": instance.memories,
        "tables": instance.tables,
        "globals": instance.global_imports,
    }
    for space, externs in spaces.items():
        for k, extern in enumerate(externs):
            words[layout(space, k) // WORD] = extern.address
    if instance.memories:
        words[VM_CONTEXT["memory"] // WORD] = instance.memories[0].address


def _made(
    store: Store, code: ModuleCode, given: Sequence[Func | Callable[..., Any]]
) -> Sequence[Func]:
    """All imports as functions that exist."""
    made = []
    for declared, each in zip(code.func_imports, given, strict=True):
        made.append(each if isinstance(each, Func) else HostFunc(store, declared.type, each))
    return made


def template_of(instance: Instance) -> Template | None:
    """The template of an instance in which nothing has run yet; None if it has something that the
    next must not share, or that differs in another way."""
    module = instance.module
    # imports, which come first, may be of any kind
    memories = instance.memories[len(module.imported(MemoryType)) :]
    tables = instance.tables[len(module.imported(TableType)) :]
    globals_ = instance.globals[len(module.imported(GlobalType)) :]
    plain = (
        instance.code.native
        and len({func.address for func in instance.func_imports}) == len(instance.func_imports)
        and all(elem.mode != "passive" for elem in module.elems)
        and all(memory.guarded for memory in memories)
        and not any(is_traced(t.type.element) for t in tables)
        and not any(is_traced(g.type.value) for g in globals_)
        and not _depends(module)
    )
    if not plain:
        return None
    try:
        return Template(instance)
    except OSError:
        return None


def _depends(module: Module) -> bool:
    """Whether what instances begin with depends on the values of imported globals."""
    count = len(module.imported(GlobalType))
    bodies = [g.init for g in module.globals]
    bodies += [t.init for t in module.tables if t.init is not None]
    bodies += [data.offset for data in module.datas if data.offset is not None]
    bodies += [elem.offset for elem in module.elems if elem.offset is not None]
    for elem in module.elems:
        bodies += [item for item in elem.items if isinstance(item, Body)]
    named = [imm for b in bodies for op, imm in zip(b.ops, b.imms) if op == Op.GLOBAL_GET]
    return any(isinstance(index, int) and index < count for index in named)


def _addresses(instance: Instance) -> list[int]:
    """The words of its block that are addresses in it, or of functions."""
    cells = instance.layout("globals", 0) // WORD
    return [
        VM_CONTEXT["funcs"] // WORD,
        *range(cells, cells + len(instance.globals)),
        *_references(instance),
    ]


def _references(instance: Instance) -> list[int]:
    """Where globals refer to functions, or might."""
    return [
        instance.layout("cells", k) // WORD
        for k, g in enumerate(instance.module.globals)
        if isinstance(g.type.value, RefType)
    ]


def _origin(instance: Instance, memory: int) -> Origin | None:
    """What the data segments wrote into a memory; None if that is nothing."""
    end = 0
    for data in instance.module.datas:
        if data.memory == memory and data.offset is not None and len(data.data):
            end = max(end, evaluate(data.offset, instance) + len(data.data))
    return Origin(instance.memories[memory].view[: round_up(end)]) if end else None
