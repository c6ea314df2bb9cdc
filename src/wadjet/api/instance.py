"""`Instance`: a module that lives, and what it exports."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, Final, final

from wadjet.api.global_ import Global
from wadjet.api.memory import Memory
from wadjet.api.module import Module
from wadjet.api.table import Table
from wadjet.api.types import Types
from wadjet.base.errors import Error, Unlinkable
from wadjet.core.module import Export, Import
from wadjet.engine.runtime import instance as runtime
from wadjet.engine.runtime.budget import Limits
from wadjet.engine.runtime.func import HOST_TYPES, Func, func_of
from wadjet.engine.runtime.global_ import Global as RuntimeGlobal
from wadjet.engine.runtime.instantiate import initialize, start
from wadjet.engine.runtime.memory import Memory as RuntimeMemory
from wadjet.engine.runtime.store import Store, unite
from wadjet.engine.runtime.table import Table as RuntimeTable

_MISSING: Final = object()


@final
class Exports:
    """What an instance exports, by attribute or by item: functions to call, and `Memory`,
    `Table`, `Global` and `Tag` objects.

        exports.add(1, 2)
        exports["name with spaces"]
        for name in exports: ...

    An item is made when first asked for and stays the same object. An export whose name is that
    of a method here (`keys`) still wins as an attribute.
    """

    def __init__(self, instance: runtime.Instance) -> None:
        # Attributes are the exports themselves, so that looking one up costs nothing; what the
        # class needs lies under a name that is no identifier.
        exports = instance.code.exports
        self.__dict__[""] = instance, exports
        if "keys" in exports:
            self["keys"]

    def __getitem__(self, name: str) -> Any:
        if name == "":
            return self._make(name)
        found = self.__dict__.get(name, _MISSING)
        return self._make(name) if found is _MISSING else found

    def __getattr__(self, name: str) -> Any:
        try:
            return self._make(name)
        except KeyError:
            raise AttributeError(f"the module has no export {name!r}") from None

    def _make(self, name: str) -> Any:
        instance, exports = self.__dict__[""]
        export: Export = exports[name]
        made = _handle(instance, export)
        if name:
            self.__dict__[name] = made
        return made

    def __iter__(self) -> Iterator[str]:
        return iter(self.__dict__[""][1])

    def keys(self) -> Iterator[str]:
        """The names, in the module's order (with item access this makes `dict(exports)` work)."""
        return iter(self)

    def __len__(self) -> int:
        return len(self.__dict__[""][1])

    def __contains__(self, name: object) -> bool:
        return name in self.__dict__[""][1]

    def __dir__(self) -> list[str]:
        return [name for name in self if name.isidentifier()]

    def __repr__(self) -> str:
        return f"<wadjet.Exports {', '.join(self)}>"


def _handle(instance: runtime.Instance, export: Export) -> Any:
    """What Python sees of an export."""
    made = instance.export(export.kind, export.index)
    if isinstance(made, Func):
        return made.entry
    if isinstance(made, RuntimeMemory):
        return Memory.of(made)
    if isinstance(made, RuntimeTable):
        return Table.of(made, instance.store)
    if isinstance(made, RuntimeGlobal):
        return Global.of(made, instance.store)
    return made


@final
class Instance:
    """An instantiated module.

        instance = Instance(module, {"env": {"log": print, "memory": memory}})

    Imports are looked up in two steps, the import's module name and then its name: each step is a
    mapping, an object with attributes, another instance or its exports. A Python callable serves
    as a function of the type that the module declares (see `wadjet.engine.runtime.values` for
    what it gets and may return), a number as a constant global.

    `store` or `limits` say where the instance lives and what it may use; without them it shares
    the store of what it imports, or has one of its own. `tier` is "interpreter", "baseline",
    "optimizing" or "auto". `before_start` is called with the exports when all is in place but the
    start function has not run: for host functions that need the instance's memory.

    Raises `Unlinkable` for an import that is missing or does not fit, `Trap` for a segment that
    does not fit, and whatever the start function raises.
    """

    __slots__ = ("__weakref__", "_instance", "_types", "exports", "module")

    def __init__(
        self,
        module: Module,
        imports: object = None,
        *,
        store: Store | None = None,
        limits: Limits | None = None,
        tier: str = "auto",
        before_start: Callable[[Exports], None] | None = None,
    ) -> None:
        if store is not None and limits is not None:
            raise ValueError("a store has its own limits: give one or the other")
        given = _all(imports, module.core.imports)
        if limits is not None:
            store = Store(limits)
        if HOST_TYPES.issuperset(map(type, given)):  # the usual case
            home = Store(implicit=True) if store is None else store.current()
        else:
            home, given = _unwrap(store, given)
        if home.limits.fuel is not None:
            tier = _metered(tier)
        self.module: Final = module
        self._instance: Final = initialize(home, module.code(tier), given)
        self.exports: Final = Exports(self._instance)
        self._types: Types | None = None
        if before_start is not None:
            before_start(self.exports)
        start(self._instance)

    @property
    def store(self) -> Store:
        """The store it lives in."""
        return self._instance.store

    @property
    def types(self) -> Types:
        """The module's struct and array types, to make objects of."""
        if self._types is None:
            self._types = Types(self._instance)
        return self._types

    @property
    def runtime(self) -> runtime.Instance:
        """The module instance behind the handle."""
        return self._instance

    def __repr__(self) -> str:
        return f"<wadjet.Instance of {self.module!r}>"


def _metered(tier: str) -> str:
    """The tier for guests whose fuel is counted."""
    if tier == "optimizing":
        raise Error("machine code does not count fuel: use the interpreter")
    return "interpreter"


def _all(imports: object, wanted: Sequence[Import]) -> list[object]:
    """What is given for each import; Unlinkable where nothing is."""
    found = []
    for i in wanted:
        place = imports.get(i.module) if type(imports) is dict else None
        given = place.get(i.name, _MISSING) if type(place) is dict else _MISSING
        found.append(_find(imports, i.module, i.name) if given is _MISSING else given)
    return found


def _find(imports: object, module: str, name: str) -> object:
    """What is given for an import; Unlinkable where nothing is."""
    found = _member(imports, module)
    if found is not _MISSING:
        found = _member(found, name)
    if found is _MISSING:
        raise Unlinkable(f"unknown import: {module!r} {name!r}")
    return found


def _member(place: object, name: str) -> object:
    if type(place) is dict:
        return place.get(name, _MISSING)
    if isinstance(place, Instance):
        place = place.exports
    if isinstance(place, Mapping | Exports):
        # not `get`, which would be looked up as an export
        return place[name] if name in place else _MISSING  # noqa: SIM401
    return getattr(place, name, _MISSING)


def _unwrap(store: Store | None, given: Iterable[object]) -> tuple[Store, list[object]]:
    """The store for a new instance with these imports, and the runtime's objects behind them."""
    stores = [] if store is None else [store]
    found: list[object] = []
    for each in given:
        if isinstance(each, Memory | Table | Global):
            found.append(each.runtime)
            if not isinstance(each, Memory):
                stores.append(each.store)
            continue
        func = func_of(each)
        found.append(each if func is None else func)
        if func is not None:
            stores.append(func.store)
    return unite(stores) if stores else Store(implicit=True), found
