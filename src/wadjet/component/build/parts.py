"""The core modules that a component is built of, and what each of their imports asks for."""

from collections.abc import Iterator, Mapping
from wadjet.base.records import dataclass, field, replace
from typing import Final, final

from wadjet.base.errors import Invalid
from wadjet.component.abi import flatten_functype
from wadjet.component.build.mangling import (
    Offered, Wanted, canonical_name, core_exports, destructors, readings,
)  # fmt: skip
from wadjet.component.builtins import BY_NAME, Row
from wadjet.component.component import Component, CoreModule
from wadjet.component.wit_bridge.closing import Closing
from wadjet.core.module import Import as CoreImport
from wadjet.core.module import Module
from wadjet.core.types import (
    I32, I64, FuncType, FuncUse, GlobalType, MemoryType, TableType, TagType,
)  # fmt: skip
from wadjet.wit import compatible
from wadjet.wit.model import (
    Alias, Function, Future, InterfaceId, InterfaceItem, Primitive, Resolve, Resource, Stream, Type,
    TypeId, TypeItem, World, WorldId, WorldItem, WorldKey, parts,
)  # fmt: skip
from wadjet.wit.semver import parse_version

#: the core module whose exports adapters import
MAIN: Final = "__main_module__"


@dataclass(slots=True)
class Part:
    """One core module: the main one, whose name is `MAIN`, or an adapter."""

    name: str
    data: bytes
    module: Module
    worlds: list[Component]
    encoding: str = "utf8"
    #: names of what its worlds export
    exports: set[str] = field(default_factory=set)
    #: imports that have the name of an earlier one: the name they have now → that name
    renamed: dict[tuple[str, str], str] = field(default_factory=dict)
    needs: "list[Need]" = field(default_factory=list)
    offers: dict[str, Offered] = field(default_factory=dict)

    def export_kind(self, name: str) -> str | None:
        """The kind of the export of a name."""
        return next((e.kind for e in self.module.exports if e.name == name), None)

    def func_type(self, name: str) -> FuncType:
        """The type of an exported function."""
        index = next(e.index for e in self.module.exports if e.name == name and e.kind == "func")
        return type_at(self.module, self.module.func_types()[index])


def type_at(module: Module, index: int) -> FuncType:
    """The function type at an index of a module's types."""
    comp = module.subtypes()[index].comp
    assert isinstance(comp, FuncType), "validated"
    return comp


@dataclass(frozen=True, slots=True)
class Lowering:
    """A function of the world, lowered."""

    key: WorldKey
    function: Function
    is_async: bool


@dataclass(frozen=True, slots=True)
class Intrinsic:
    """A built-in. `about` is the resource, stream or future type it is of, or the result of the
    function that it ends; `key` is where that belongs."""

    row: Row
    wanted: Wanted
    key: WorldKey | None = None
    about: Type | None = None


@dataclass(frozen=True, slots=True)
class Internal:
    """Something that another part exports."""

    part: str
    name: str
    kind: str


@dataclass(frozen=True, slots=True)
class Ending:
    """A core module that is instantiated when all parts are there, and what it imports."""

    module: CoreModule
    imports: dict[tuple[str, str], Internal]


@dataclass(frozen=True, slots=True)
class Need:
    """One import of a part, and what it stands for. `type` is None for what is no function."""

    module: str
    name: str
    type: FuncType | None
    what: Lowering | Intrinsic | Internal


@final
class Classifier:
    """Finds out what the imports and exports of parts are to a world."""

    def __init__(
        self,
        resolve: Resolve,
        world: WorldId,
        adapters: Mapping[str, Part],
        internal: Mapping[tuple[str, str, str], Internal] | None = None,
    ) -> None:
        #: by part, module and name: imports that other parts answer, whatever they are called
        self._internal: Final = {} if internal is None else internal
        self._resolve: Final = resolve
        self._world: Final[World] = resolve.worlds[world]
        self._adapters: Final = adapters
        self.closing: Final = Closing(resolve)

    def imports(self, part: Part) -> Iterator[Need]:
        """What each import of a part stands for. Raises Invalid for one that stands for nothing."""
        for each in part.module.imports:
            try:
                yield self._import(part, each)
            except Invalid as error:
                message = f"import `{each.module}` `{each.name}`: {error.message}"
                raise Invalid(message, error.place) from None

    def _import(self, part: Part, each: CoreImport) -> Need:
        module, name = each.module, part.renamed.get((each.module, each.name), each.name)
        need = self._stands_for(part, each, module, name)
        return replace(need, name=each.name)

    def _stands_for(self, part: Part, each: CoreImport, module: str, name: str) -> Need:
        known = self._internal.get((part.name, module, name))
        if known is not None:
            called = (
                type_at(part.module, each.type.type) if isinstance(each.type, FuncUse) else None
            )
            return Need(module, name, called, known)
        if module == MAIN and part.name != MAIN:
            return Need(module, name, None, Internal(MAIN, name, _KINDS[type(each.type)]))
        if (module, name) == ("env", "memory") and isinstance(each.type, MemoryType):
            return Need(module, name, None, Internal(MAIN, "", "memory"))
        if not isinstance(each.type, FuncUse):
            raise Invalid("only functions can be imported from outside")
        ft = type_at(part.module, each.type.type)
        if module in self._adapters and part.name != module:
            return Need(module, name, ft, Internal(module, name, "func"))
        problem = ""
        for wanted in readings(module, name):
            try:
                what = self._read(wanted)
            except Invalid as error:
                problem = error.message
                continue
            if isinstance(what, Lowering):
                self._check(ft, what.function, "lower", is_async=what.is_async)
            elif not _has_signature(what.row, wanted, ft):
                problem = f"it is of a wrong type for `{what.row.name}`: {ft}"
                continue
            return Need(module, name, ft, what)
        raise Invalid(problem or "it is neither in the world nor a built-in function")

    def _check(
        self, found: FuncType, function: Function, how: str, is_async: bool, callback: bool = False
    ) -> None:
        lift = how == "lift"
        wanted = flatten_functype(
            self.closing.func(function),
            I32,
            "lift" if lift else "lower",
            is_async=is_async,
            callback=callback,
        )
        if wanted != found:
            raise Invalid(f"its type is {found}, and `{function.name}` makes it {wanted}")

    def _read(self, wanted: Wanted) -> Lowering | Intrinsic:
        items = self._world.exports if wanted.exported else self._world.imports
        key = self._key(items, wanted.interface)
        if wanted.what == "func":
            key, function = self._function(items, key, wanted.item)
            return Lowering(key, function, wanted.is_async)
        row = BY_NAME[wanted.what]
        if "type" in row.immediates:
            if row.needs in ("stream", "future"):
                return self._payload(row, wanted, items, key)
            return self._resource(row, wanted, items, key)
        if row.name == "task.return":
            key, function = self._function(items, key, wanted.item)
            return Intrinsic(row, wanted, key, function.result)
        if wanted.item:
            raise Invalid(f"`{row.name}` is about nothing, not `{wanted.item}`")
        return Intrinsic(row, wanted)

    def _key(self, items: Mapping[WorldKey, WorldItem], interface: str | None) -> WorldKey | None:
        """The import or export that is called so; None for the world itself."""
        if interface is None:
            return None
        known = {self._resolve.key_name(key): key for key in items}
        if interface in known:
            return known[interface]
        name, _, text = interface.partition("@")
        version = parse_version(text)
        for key in items:
            if canonical_name(self._resolve, key) == interface:
                return key
            other, _, found = self._resolve.key_name(key).partition("@")
            there = parse_version(found)
            if other == name and version and there and compatible(version, there):
                return key
        raise Invalid(f"the world has no interface `{interface}`")

    def _interface(self, items: Mapping[WorldKey, WorldItem], key: WorldKey) -> InterfaceId:
        item = items[key]
        if not isinstance(item, InterfaceItem):
            raise Invalid(f"`{self._resolve.key_name(key)}` is no interface")
        return item.id

    def _function(
        self, items: Mapping[WorldKey, WorldItem], key: WorldKey | None, name: str
    ) -> tuple[WorldKey, Function]:
        if key is None:
            item = items.get(name)
            if not isinstance(item, Function):
                raise Invalid(f"the world has no function `{name}`")
            return name, item
        functions = self._resolve.interfaces[self._interface(items, key)].functions
        if name not in functions:
            raise Invalid(f"the interface `{self._resolve.key_name(key)}` has no function `{name}`")
        return key, functions[name]

    def _resource(
        self, row: Row, wanted: Wanted, items: Mapping[WorldKey, WorldItem], key: WorldKey | None
    ) -> Intrinsic:
        if key is None:
            item = items.get(wanted.item)
            id = item.id if isinstance(item, TypeItem) else None
        else:
            id = self._resolve.interfaces[self._interface(items, key)].types.get(wanted.item)
        if id is None or not self._is_resource(id):
            raise Invalid(f"there is no resource `{wanted.item}`")
        if row.needs == "local" and not wanted.exported:
            raise Invalid(f"`{row.name}` is for resources that are exported")
        return Intrinsic(row, wanted, key, id)

    def _is_resource(self, id: TypeId) -> bool:
        kind = self._resolve.types[id].kind
        if isinstance(kind, Alias) and not isinstance(kind.target, Primitive):
            return self._is_resource(kind.target)
        return isinstance(kind, Resource)

    def _payload(
        self, row: Row, wanted: Wanted, items: Mapping[WorldKey, WorldItem], key: WorldKey | None
    ) -> Intrinsic:
        """A stream or future, which is counted among those of a function's type."""
        if wanted.detail == "unit":
            return Intrinsic(row, wanted, key)
        found_key, function = self._function(items, key, wanted.item)
        found = self._transfers(function)
        if not wanted.detail.isdecimal() or int(wanted.detail[:6]) >= len(found):
            raise Invalid(f"`{function.name}` has no stream or future of number {wanted.detail}")
        about = found[int(wanted.detail)]
        kind = self._resolve.types[about].kind
        if not isinstance(kind, Stream if row.needs == "stream" else Future):
            raise Invalid(f"number {wanted.detail} of `{function.name}` is no {row.needs}")
        return Intrinsic(row, wanted, found_key, about)

    def _transfers(self, function: Function) -> list[TypeId]:
        """The streams and futures of a function's type, those inside of others first."""
        found: list[TypeId] = []
        given = [p.type for p in function.params]
        for t in given if function.result is None else [*given, function.result]:
            self._collect(t, found)
        return found

    def _collect(self, t: Type, found: list[TypeId]) -> None:
        if isinstance(t, Primitive):
            return
        kind = self._resolve.types[t].kind
        if not isinstance(kind, Resource) and type(kind).__name__ not in ("Own", "Borrow"):
            for part in parts(kind):
                self._collect(part, found)
        if isinstance(kind, Stream | Future):
            found.append(t)

    # Exports.

    def exports(self, part: Part) -> dict[str, Offered]:
        """What the exports of a part are to the world, by name."""
        known: dict[str, tuple[Offered, Function | None]] = {}
        for key, item in self._world.exports.items():
            if self._resolve.key_name(key) not in part.exports:
                continue
            id = item.id if isinstance(item, InterfaceItem) else None
            for each in self._functions(item):
                for name, offered in core_exports(self._resolve, key, id, each):
                    known[name] = offered, each
            for resource in self._resources(id):
                for name, offered in destructors(self._resolve, key, resource):
                    known[name] = offered, None
        found = {}
        for export in part.module.exports:
            if export.kind == "func" and export.name in known:
                offered, function = known[export.name]
                self._check_export(part, export.name, offered, function)
                found[export.name] = offered
        return found

    def _functions(self, item: WorldItem) -> list[Function]:
        if isinstance(item, InterfaceItem):
            return list(self._resolve.interfaces[item.id].functions.values())
        return [item] if isinstance(item, Function) else []

    def _resources(self, id: InterfaceId | None) -> list[str]:
        types = {} if id is None else self._resolve.interfaces[id].types
        return [
            name for name, t in types.items() if isinstance(self._resolve.types[t].kind, Resource)
        ]

    def _check_export(
        self, part: Part, name: str, offered: Offered, function: Function | None
    ) -> None:
        if offered.what != "func" or function is None:
            return
        try:
            self._check(
                part.func_type(name),
                function,
                "lift",
                is_async=offered.how != "sync",
                callback=offered.how == "callback",
            )
        except Invalid as error:
            raise Invalid(f"export `{name}`: {error.message}") from None


def _has_signature(row: Row, wanted: Wanted, ft: FuncType) -> bool:
    """Whether a core function is of the type that a built-in has for 32-bit memories."""
    if row.signature is None:
        return True
    words = {"i64": I64, "slot": I64 if wanted.detail.startswith("i64") else I32}
    params, _, results = row.signature.partition("->")
    made = [tuple([words.get(word, I32) for word in side.split()]) for side in (params, results)]
    return ft == FuncType(made[0], made[1])


_KINDS: Final[dict[type, str]] = {
    FuncUse: "func",
    TableType: "table",
    MemoryType: "memory",
    GlobalType: "global",
    TagType: "tag",
}
