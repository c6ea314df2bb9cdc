"""The noun table (spec 4.2.7): references in a reservation that never moves."""

from array import array
from typing import Final, final

from wadjet.core.types import Limits, TableType
from wadjet.engine.contract.heap import is_traced
from wadjet.engine.contract.layout import VM_TABLE, WORD, Block, words
from wadjet.engine.contract.traps import TrapCode, failure
from wadjet.engine.gc.holders import Holder, register
from wadjet.engine.runtime.budget import Budget
from wadjet.engine.runtime.pages import pooled

#: The most elements that a table may hold (as in the JavaScript embedding).
MAX_ELEMENTS: Final = 10_000_000


@final
class Table(Holder):
    """A table instance of reference words. `address` is that of its VMTable.

    Its type is closed: it means the same in every module. Indices and counts are unsigned; what
    goes out of bounds is a Trap before anything is written.
    """

    __slots__ = (
        "__weakref__", "_budget", "_declared", "_most", "_region", "_struct", "_words",
        "address", "base", "length",
    )  # fmt: skip

    def __init__(
        self,
        type_: TableType,
        init: int = 0,
        budget: Budget | None = None,
        place: tuple[Block, int] | None = None,
    ) -> None:
        """Allocate the minimum, filled with `init`; Exhaustion where there is no room. `place` is a
        block with its VMTable, where all but the base is written, and the offset."""
        length = type_.limits.min
        most = type_.limits.max
        self._declared = type_
        self._most: Final = MAX_ELEMENTS if most is None else min(most, MAX_ELEMENTS)
        self._budget = Budget() if budget is None else budget
        if length > MAX_ELEMENTS or not self._budget.take(length * WORD):
            raise failure(TrapCode.OUT_OF_MEMORY, f"a table of {length} elements is too large")
        region = pooled(self._most * WORD, length * WORD)
        if region is None or not region.commit(length * WORD):
            self._budget.give(length * WORD)
            raise failure(TrapCode.OUT_OF_MEMORY, f"no room for a table of {length} elements")
        self._region: Final = region
        self.base: Final = region.base
        self.length = length
        self._words: memoryview | None = None
        if place is None:
            self._struct = Block(VM_TABLE.size)
            self.address = self._struct.address
            VM_TABLE.fill(self.address, region.base, length)
        else:
            self._struct, offset = place
            self.address = self._struct.address + offset
        if init:
            self.fill(0, init, length)
        if is_traced(type_.element):
            register(self)

    def held(self) -> list[int]:
        """Its references, for collections."""
        return self.words.tolist()

    @property
    def type(self) -> TableType:
        """The closed type with the current size as its minimum."""
        declared = self._declared
        limits = Limits(self.length, declared.limits.max, declared.limits.addr)
        return TableType(declared.element, limits, declared.shared)

    @property
    def words(self) -> memoryview:
        """The current elements as 64-bit words, writable."""
        view = self._words
        if view is None or len(view) != self.length:
            view = self._words = words(self.base, self.length, self._region)
        return view

    def get(self, index: int) -> int:
        """One element."""
        self._check(index, 1)
        word: int = self.words[index]
        return word

    def set(self, index: int, word: int) -> None:
        """Write one element."""
        self._check(index, 1)
        self.words[index] = word

    def grow(self, delta: int, word: int) -> int:
        """Add elements; the old size, or -1 where that cannot be (spec 4.6.9)."""
        old = self.length
        if old + delta > self._most or not self._budget.take(delta * WORD):
            return -1
        if not self._region.commit((old + delta) * WORD):
            self._budget.give(delta * WORD)
            return -1
        self.length = old + delta
        VM_TABLE.write(self.address, "length", self.length)
        if word:
            self.fill(old, word, delta)
        return old

    def fill(self, start: int, word: int, count: int) -> None:
        """table.fill: `count` elements from `start` become `word`."""
        self._check(start, count)
        self.words[start : start + count] = array("Q", [word]) * count

    def copy(self, to: int, source: "Table", start: int, count: int) -> None:
        """table.copy: elements of `source` (perhaps this table) to index `to`."""
        source._check(start, count)
        self._check(to, count)
        # a slice assignment between views moves like memmove: the ranges may overlap
        self.words[to : to + count] = source.words[start : start + count]

    def init(self, to: int, elements: memoryview, start: int, count: int) -> None:
        """table.init: words of an element segment to index `to`."""
        if start + count > len(elements):
            raise failure(TrapCode.OUT_OF_BOUNDS_TABLE)
        self._check(to, count)
        self.words[to : to + count] = elements[start : start + count]

    def _check(self, start: int, count: int) -> None:
        if start + count > self.length:
            raise failure(TrapCode.OUT_OF_BOUNDS_TABLE)

    def __del__(self) -> None:
        if hasattr(self, "_words"):
            self._budget.give(self.length * WORD)
