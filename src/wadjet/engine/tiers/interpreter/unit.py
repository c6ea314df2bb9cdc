"""An instance as the interpreter sees it: memories as views, functions as callees."""

from collections.abc import Callable
from typing import Any, Final, final

from wadjet.core.body import BlockType
from wadjet.core.types import FuncType, NumType, ValType
from wadjet.engine.contract.traps import TrapCode, failure
from wadjet.engine.gc.heap import Heap
from wadjet.engine.runtime.func import Func, WasmFunc
from wadjet.engine.runtime.instance import Instance
from wadjet.engine.runtime.memory import Memory
from wadjet.engine.runtime.store import Store
from wadjet.engine.tiers.interpreter.steps import Callee, foreign


def heap_of(store: Store) -> Heap:
    """The heap of a store in which interpreted code runs."""
    heap = store.heap
    assert isinstance(heap, Heap), "interpreted and compiled instances share no store"
    return heap


@final
class Window:
    """A memory through its latest view. Memories neither shrink nor move, so an old view is right
    as far as it reaches; only what lies beyond it needs another look."""

    __slots__ = ("memory", "view")

    def __init__(self, memory: Memory) -> None:
        self.memory: Final = memory
        self.view = memory.view

    def reach(self, at: int, size: int) -> memoryview:
        """The view that holds `size` bytes at `at`; a Trap where the memory is not that long."""
        view = self.view
        if at + size > len(view):
            view = self.view = self.memory.view
            if at + size > len(view):
                raise failure(TrapCode.OUT_OF_BOUNDS_MEMORY)
        return view


@final
class Unit:
    """What the steps of one instance's functions are made from."""

    __slots__ = (
        "__weakref__", "_by_address", "_callees", "address_types", "instance", "table_types",
        "windows",
    )  # fmt: skip

    def __init__(self, instance: Instance) -> None:
        module = instance.module
        self.instance: Final = instance
        self.windows: Final = [Window(memory) for memory in instance.memories]
        #: address types of the memories and of the tables
        self.address_types: Final[list[NumType]] = [t.limits.addr for t in module.memory_types()]
        self.table_types: Final[list[NumType]] = [t.limits.addr for t in module.table_types()]
        count = len(instance.func_imports) + len(module.funcs)
        self._callees: Final[list[Callee | None]] = [None] * count
        self._by_address: Final[dict[int, Callee]] = {}

    @property
    def heap(self) -> Heap:
        """The heap of its store."""
        return heap_of(self.instance.store)

    def callee(self, index: int) -> Callee:
        """A function of the module, imported or its own."""
        found = self._callees[index]
        if found is None:
            func = self.instance.func(index)
            if isinstance(func, WasmFunc) and func.instance is self.instance:
                found = Callee(self, index, func.deftype)
            else:
                found = callee_of(func)
            self._callees[index] = found
        return found

    def callee_at(self, address: int) -> Callee:
        """The function that a funcref (not null) points at."""
        found = self._by_address.get(address)
        if found is None:
            found = callee_of(self.instance.store.func_at(address))
            self._by_address[address] = found
        return found

    def func_type(self, index: int) -> FuncType:
        """A function type of the module, closed."""
        comp = self.instance.types[index].comp
        assert isinstance(comp, FuncType), "a valid index names a function type"
        return comp

    def tag_arity(self, index: int) -> int:
        """How many values an exception with this tag carries."""
        comp = self.instance.tags[index].deftype.comp
        assert isinstance(comp, FuncType), "a tag has a function type"
        return len(comp.params)

    def block_arity(self, type_: BlockType) -> tuple[int, int]:
        """The numbers of parameters and results of a block."""
        if type_ is None:
            return 0, 0
        if isinstance(type_, ValType):
            return 0, 1
        func = self.func_type(type_)
        return len(func.params), len(func.results)


def callee_of(func: Func) -> Callee:
    """Any function as a callee: of the interpreter, or foreign to it."""
    if isinstance(func, WasmFunc) and isinstance(func.instance.unit, Unit):
        return func.instance.unit.callee(func.index)
    return foreign(func.deftype, func.call_raw)


#: What a computing step does: raw operands in, the raw result out (a list of several, or None).
Work = Callable[..., Any]
#: Makes it, given the immediate of the instruction.
Maker = Callable[[Unit, Any], Work]


@final
class Plain:
    """An instruction that only computes: how many operands and results, and how to make it.

    `operands` is None where the number depends on the immediate; `count` then tells it.
    `allocates` says that it makes something that lives in the heap.
    """

    __slots__ = ("allocates", "count", "make", "operands", "results")

    def __init__(
        self,
        operands: int | None,
        results: int,
        make: Maker,
        count: Callable[[Unit, Any], int] | None = None,
        *,
        allocates: bool = False,
    ) -> None:
        self.operands: Final = operands
        self.results: Final = results
        self.make: Final = make
        self.count: Final = count
        self.allocates: Final = allocates
