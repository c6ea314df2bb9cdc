"""`Global`: one variable that a guest and Python share."""

from typing import Any, Final, final
from weakref import WeakValueDictionary

from wadjet.core.types import GlobalType, ValType
from wadjet.engine.runtime import global_ as runtime
from wadjet.engine.runtime.store import Store
from wadjet.engine.runtime.values import to_python, to_raw

_handles: Final[WeakValueDictionary[int, "Global"]] = WeakValueDictionary()


@final
class Global:
    """A global variable.

    counter = Global(I32, 5, mutable=True)
    counter.value += 1
    """

    __slots__ = ("__weakref__", "_global", "_store")
    _global: runtime.Global
    _store: Store

    def __init__(
        self,
        type_: ValType | GlobalType,
        value: object,
        *,
        mutable: bool = False,
        store: Store | None = None,
    ) -> None:
        """The type of the value, or the whole type; TypeError, OverflowError for a bad value."""
        whole = type_ if isinstance(type_, GlobalType) else GlobalType(type_, mutable)
        self._store = Store(implicit=True) if store is None else store
        self._global = runtime.Global(whole, to_raw(value, whole.value, self._store))
        _handles[id(self._global)] = self

    @classmethod
    def of(cls, global_: runtime.Global, store: Store) -> "Global":
        """The handle of a global that exists: the same object as long as somebody holds it."""
        found = _handles.get(id(global_))
        if found is None:
            found = cls.__new__(cls)
            found._global, found._store = global_, store
            _handles[id(global_)] = found
        return found

    @property
    def runtime(self) -> runtime.Global:
        """The global instance behind the handle."""
        return self._global

    @property
    def store(self) -> Store:
        """The store that a reference in it belongs to."""
        return self._store.current()

    @property
    def type(self) -> GlobalType:
        """The type of its value, and whether it may change."""
        return self._global.type

    @property
    def value(self) -> Any:
        """The value; setting one of a constant global is a TypeError."""
        return to_python(self._global.get_raw(), self.type.value, self.store)

    @value.setter
    def value(self, value: object) -> None:
        if not self.type.mutable:
            raise TypeError("the global is constant")
        self._global.set_raw(to_raw(value, self.type.value, self.store))

    def get_raw(self) -> int:
        """The value's bit pattern."""
        return self._global.get_raw()

    def __repr__(self) -> str:
        return f"<wadjet.Global {self.type.value} {self.value!r}>"
