"""What all instances of a module that imports at most functions begin with, so that the next is a
copy.

When such a module is instantiated for the second time, what came of it is looked at before anything
runs: words of its VMContext, VMFuncs and tables that are addresses of its own are told from those
that are the same in every instance, and memories become an `Origin`. The next instance is the same
words with its own address added where it belongs and the addresses of its imports, and a region
that begins with the origin.
"""

import ctypes
from collections.abc import Sequence
from itertools import accumulate
from typing import Final, final

from wadjet.core.subtyping import close_table
from wadjet.core.types import MemoryType, RefType, TableType
from wadjet.engine.contract.heap import is_object, is_traced
from wadjet.engine.contract.layout import (
    VM_CONTEXT, VM_FUNC, VM_MEMORY, VM_TABLE, WORD, Block,
)  # fmt: skip
from wadjet.engine.runtime.code import ModuleCode
from wadjet.engine.runtime.constants import evaluate
from wadjet.engine.runtime.func import Func
from wadjet.engine.runtime.instance import Instance
from wadjet.engine.runtime.memory import Memory
from wadjet.engine.runtime.pages import Origin, round_up
from wadjet.engine.runtime.store import Store
from wadjet.engine.runtime.table import Table


@final
class _Words:
    """Some words of an instance, and which of them are addresses in its block. Both as one large
    number, so that moving them is a multiplication and an addition."""

    __slots__ = ("_own", "_size", "_words")

    def __init__(self, words: Sequence[int], own: Sequence[int], base: int) -> None:
        """`own` are the places of addresses, of an instance whose block is at `base`."""
        found = list(words)
        marks = [0] * len(found)
        for place in own:
            found[place] -= base
            marks[place] = 1
        self._size: Final = WORD * len(found)
        self._words: Final = _number(found)
        self._own: Final = _number(marks)

    def write(self, address: int, base: int) -> None:
        """Write them to an address, for an instance whose block is at `base`."""
        data = (self._words + base * self._own).to_bytes(self._size, "little")
        ctypes.memmove(address, data, self._size)


def _number(words: Sequence[int]) -> int:
    return int.from_bytes(b"".join([word.to_bytes(WORD, "little") for word in words]), "little")


@final
class Template:
    """See the module. Made by `template_of`."""

    __slots__ = ("_block", "_memories", "_origins", "_places", "_size", "_tables")

    def __init__(self, instance: Instance) -> None:
        """Of an instance in which nothing has run yet. OSError where the system has no origins."""
        module, base = instance.module, instance.context
        sizes = [VM_MEMORY.size] * len(module.memories) + [VM_TABLE.size] * len(module.tables)
        #: where VMMemories and VMTables are, behind the rest
        self._places: Final = list(accumulate(sizes, initial=instance.size))
        self._size: Final = self._places[-1]
        own = [VM_CONTEXT["funcs"] // WORD, *_global_places(instance)]
        first, stride = instance.layout.size // WORD, VM_FUNC.size // WORD
        context = first + VM_FUNC["context"] // WORD
        own += range(context, context + stride * len(module.funcs), stride)
        words = instance.words.tolist() + [0] * ((self._size - instance.size) // WORD)
        own += [place for place in _references(instance) if words[place]]
        self._block: Final = _Words(words, own, base)
        self._memories: Final[list[MemoryType]] = module.memories
        self._origins: Final = [_origin(instance, k) for k in range(len(module.memories))]
        self._tables: Final[list[tuple[TableType, _Words]]] = []
        for defined, table in zip(module.tables, instance.tables):
            elements = table.words.tolist()
            places = [place for place, word in enumerate(elements) if word]
            type_ = close_table(defined.type, instance.types)
            self._tables.append((type_, _Words(elements, places, base)))

    def make(self, store: Store, code: ModuleCode, imports: list[Func]) -> Instance:
        """Another instance, in which nothing has run yet. Exhaustion where there is no room."""
        block = Block(self._size)
        base = block.address
        self._block.write(base, base)
        instance = Instance(store, code, imports, block)
        layout = code.layout
        for k, func in enumerate(imports):
            instance.set_word(layout("imports", k), func.address)
        if code.escapes:
            store.pin(instance)
        for k, (type_, origin) in enumerate(zip(self._memories, self._origins)):
            memory = Memory(type_, store.budget, origin, (block, self._places[k]))
            instance.memories.append(memory)
            instance.set_word(layout("memories", k), memory.address)
        if instance.memories:
            instance.set_word(VM_CONTEXT["memory"], instance.memories[0].address)
            instance.set_word(VM_CONTEXT["memory_base"], instance.memories[0].base)
        places = self._places[len(self._memories) :]
        for k, (table_type, elements) in enumerate(self._tables):
            table = Table(table_type, 0, store.budget, (block, places[k]))
            elements.write(table.base, base)
            instance.tables.append(table)
            instance.set_word(layout("tables", k), table.address)
        code.attach_alike(instance)
        return instance


def template_of(instance: Instance) -> Template | None:
    """The template of an instance in which nothing has run yet; None if it has something that the
    next must not share, or that differs in another way."""
    module = instance.module
    plain = (
        instance.code.native
        and len(instance.func_imports) == len(module.imports)
        and not _refers_outside(instance)
        and not instance.tags
        and not instance.code.switches
        and not any(map(is_object, instance.types))
        and all(elem.mode != "passive" for elem in module.elems)
        and all(data.mode != "passive" for data in module.datas)
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


def _refers_outside(instance: Instance) -> bool:
    """Whether tables or globals refer to functions that are imported: those are elsewhere."""
    addresses = {func.address for func in instance.func_imports}
    found = [word for table in instance.tables for word in table.words]
    found += [instance.words[place] for place in _references(instance)]
    return not addresses.isdisjoint(found)


def _global_places(instance: Instance) -> Sequence[int]:
    """Where the addresses of globals stand."""
    first = instance.layout("globals", 0) // WORD
    return range(first, first + len(instance.module.globals))


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
