"""`Table`: references by index, as call_indirect uses them."""

import operator
from collections.abc import Iterator
from typing import Final, SupportsIndex, final
from weakref import WeakValueDictionary

from wadjet.api.descriptions import address_type
from wadjet.base.errors import Exhaustion
from wadjet.core.types import FUNCREF, Limits, RefType, TableType
from wadjet.engine.runtime import table as runtime
from wadjet.engine.runtime.store import Store
from wadjet.engine.runtime.values import to_python, to_raw

_handles: Final[WeakValueDictionary[int, "Table"]] = WeakValueDictionary()


@final
class Table:
    """A table of references: functions, or any Python objects for externref.

    table = Table(10, element=EXTERNREF)
    table[0] = "anything"
    table[0], len(table), list(table)
    """

    __slots__ = ("__weakref__", "_store", "_table")
    _table: runtime.Table
    _store: Store

    def __init__(
        self,
        min: int | TableType,
        max: int | None = None,
        *,
        element: RefType = FUNCREF,
        init: object = None,
        bits: int = 32,
        store: Store | None = None,
    ) -> None:
        """`min` and `max` count elements; or give the whole type. All start as `init`."""
        if isinstance(min, TableType):
            type_ = min
        elif min < 0 or (max is not None and max < min):
            raise ValueError(f"a table of {min} to {max} elements")
        else:
            type_ = TableType(element, Limits(min, max, address_type(bits)))
        self._store = Store(implicit=True) if store is None else store
        word = 0 if init is None else to_raw(init, type_.element, self._store)
        self._table = runtime.Table(type_, word, self._store.budget)
        _handles[id(self._table)] = self

    @classmethod
    def of(cls, table: runtime.Table, store: Store) -> "Table":
        """The handle of a table that exists: the same object as long as somebody holds it."""
        found = _handles.get(id(table))
        if found is None:
            found = cls.__new__(cls)
            found._table, found._store = table, store
            _handles[id(table)] = found
        return found

    @property
    def runtime(self) -> runtime.Table:
        """The table instance behind the handle."""
        return self._table

    @property
    def store(self) -> Store:
        """The store that its references belong to."""
        return self._store.current()

    @property
    def type(self) -> TableType:
        """Its type, with the present size as the minimum."""
        return self._table.type

    def grow(self, count: int, value: object = None) -> int:
        """Add elements and return the old size. `Exhaustion` beyond the maximum."""
        if count < 0:
            raise ValueError("a table cannot shrink")
        old = self._table.grow(count, to_raw(value, self._table.type.element, self.store))
        if old < 0:
            raise Exhaustion(f"out of memory: cannot grow by {count} elements")
        return old

    def __len__(self) -> int:
        return self._table.length

    def __getitem__(self, index: SupportsIndex) -> object:
        word = self._table.words[operator.index(index)]
        return to_python(word, self._table.type.element, self.store)

    def __setitem__(self, index: SupportsIndex, value: object) -> None:
        words = self._table.words
        words[operator.index(index)] = to_raw(value, self._table.type.element, self.store)

    def __iter__(self) -> Iterator[object]:
        return map(self.__getitem__, range(len(self)))

    def __repr__(self) -> str:
        return f"<wadjet.Table {len(self)} {self._table.type.element}>"
