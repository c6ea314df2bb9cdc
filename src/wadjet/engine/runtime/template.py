"""What all instances of a module that imports at most functions begin with, so that the next is a
copy.

When such a module is instantiated for the second time, what came of it is looked at before anything
runs: words of its VMContext, VMFuncs and tables that are addresses of its own are told from those
that are the same in every instance, and memories become an `Origin`. The next instance is the same
words with its own address added where it belongs and the addresses of its imports, and a region
that begins with the origin.
"""

import ctypes
from array import array
from collections.abc import Callable, Iterable, Sequence
from itertools import accumulate
from typing import Any, Final, final

from wadjet.core.subtyping import ClosedFunc, close_table
from wadjet.core.types import MemoryType, RefType, TableType
from wadjet.engine.contract.heap import is_object, is_traced
from wadjet.engine.contract.layout import (
    HOST_MAGIC, VM_CONTEXT, VM_FUNC, VM_HOST_FUNC, VM_MEMORY, VM_TABLE, WORD,
)  # fmt: skip
from wadjet.engine.runtime.code import ModuleCode
from wadjet.engine.runtime.constants import evaluate
from wadjet.engine.runtime.func import HOST_SIZE, Func, HostFunc
from wadjet.engine.runtime.instance import Instance
from wadjet.engine.runtime.memory import Memory
from wadjet.engine.runtime.pages import Origin, round_up
from wadjet.engine.runtime.shells import Shells
from wadjet.engine.runtime.store import Store
from wadjet.engine.runtime.table import Table

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

    __slots__ = ("_addresses", "_instance", "functions", "hosts", "imports", "places", "uses")

    def __init__(self, instance: Instance) -> None:
        module, count = instance.module, len(instance.func_imports)
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

    def relate(self, words: list[int], own: Iterable[int], table: int | None = None) -> None:
        """Make addresses in the instance's block distances; those of imported functions become
        what they are if these are Python callables."""
        instance = self._instance
        functions = instance.context + instance.layout.size
        for place in own:
            k = self._addresses.get(words[place])
            if k is not None:
                words[place] = self.hosts + k * HOST_SIZE
                self.uses.append((table, place, k))
            elif words[place] >= functions:
                words[place] += self.functions - functions
            else:
                words[place] -= instance.context

    def elements(self, table: int) -> _Words:
        """What stands in a table."""
        words = self._instance.tables[table].words.tolist()
        own = [place for place, word in enumerate(words) if word]
        self.relate(words, own, table)
        return _Words(words, own)

    def block(self) -> _Words:
        """What stands in the block before the VMFuncs."""
        instance = self._instance
        words = instance.words[: instance.layout.size // WORD].tolist()
        own, stores = _addresses(instance), [VM_CONTEXT["store"] // WORD]
        words[stores[0]] = 0
        self.relate(words, own)
        for memory in instance.memories:
            words += [0, memory.length, VM_MEMORY.read(memory.address, "reserved")]
        for table in instance.tables:
            words += [0, table.length]
        pointers = [instance.layout("memories", k) for k in range(len(instance.memories))]
        pointers += [instance.layout("tables", k) for k in range(len(instance.tables))]
        targets = list(zip(pointers, self.places))
        if instance.memories:
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
        type_ = self._instance.code.imports[index]
        assert isinstance(type_, ClosedFunc), "it imports functions only"
        return [code, host, type_.type.id, 0, tail, 0, 0, HOST_MAGIC, 0]


@final
class Template:
    """See the module. Made by `template_of`."""

    __slots__ = (
        "_block", "_callables", "_functions", "_imports", "_kept", "_memories", "_ready", "_shells",
        "_tables", "_uses",
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
            self._memories.append((type_, _origin(instance, k), plan.places[k]))
        self._tables: Final[list[tuple[TableType, _Words, int]]] = []
        for k, table in enumerate(module.tables):
            closed = close_table(table.type, instance.types)
            place = plan.places[len(self._memories) + k]
            self._tables.append((closed, plan.elements(k), place))
        self._block: Final = plan.block()
        self._uses: Final = plan.uses
        #: copies of passive segments
        self._kept: Final = dict(instance.kept)

    def make(
        self,
        store: Store,
        code: ModuleCode,
        given: Sequence[Func | Callable[..., Any]],
        *,
        plain: bool = False,
    ) -> Instance:
        """Another instance, in which nothing has run yet; `given` are its imports, Python callables
        all of them if `plain`. Exhaustion where there is no room."""
        if not self._ready:
            given, plain = _made(store, code, given), False
        block = self._shells.take()
        base = block.address
        self._block.write(base, base, store.address)
        instance = Instance(store, code, given, block, self._functions)
        words = instance.words
        if block.version is None:
            instance.fill_functions()
        if code.escapes:
            store.pin(instance)
        for type_, origin, place in self._memories:
            memory = Memory(type_, store.budget, origin, (block, place))
            words[(place + VM_MEMORY["base"]) // WORD] = memory.base
            instance.memories.append(memory)
        if instance.memories:
            words[_MEMORY_BASE] = instance.memories[0].base
        for table_type, elements, place in self._tables:
            table = Table(table_type, 0, store.budget, (block, place))
            words[(place + VM_TABLE["base"]) // WORD] = table.base
            elements.write(table.base, base)
            instance.tables.append(table)
        if given:
            words[self._callables] = memoryview(array("Q", map(id, given)))
        if not plain:
            self._link(instance)
        if self._kept:
            instance.kept.update(self._kept)
        code.attach_alike(instance, block)
        return instance

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


def _made(
    store: Store, code: ModuleCode, given: Sequence[Func | Callable[..., Any]]
) -> Sequence[Func]:
    """All imports as functions that exist."""
    made = []
    for declared, each in zip(code.imports, given, strict=True):
        assert isinstance(declared, ClosedFunc), "it imports functions only"
        made.append(each if isinstance(each, Func) else HostFunc(store, declared.type, each))
    return made


def template_of(instance: Instance) -> Template | None:
    """The template of an instance in which nothing has run yet; None if it has something that the
    next must not share, or that differs in another way."""
    module = instance.module
    plain = (
        instance.code.native
        and len({func.address for func in instance.func_imports}) == len(module.imports)
        and not instance.tags
        and not instance.code.switches
        and not any(map(is_object, instance.types))
        and all(elem.mode != "passive" for elem in module.elems)
        and all(memory.guarded for memory in instance.memories)
        and not any(is_traced(t.type.element) for t in instance.tables)
        and not any(is_traced(g.type.value) for g in instance.globals)
    )
    if not plain:
        return None
    try:
        return Template(instance)
    except OSError:
        return None


def _addresses(instance: Instance) -> list[int]:
    """The words of its block that are addresses in it, or of functions."""
    cells = instance.layout("globals", 0) // WORD
    return [
        VM_CONTEXT["funcs"] // WORD,
        *range(cells, cells + len(instance.module.globals)),
        *[place for place in _references(instance) if instance.words[place]],
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
