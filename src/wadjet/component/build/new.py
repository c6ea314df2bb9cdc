"""Core modules written for a world → a component: `wadjet component new`.

The component imports what its modules ask for, lowers it, instantiates the modules, and lifts what
they export. What is lowered needs the memory of a module that needs it itself: see `shims`.
Adapters are modules that stand between the main module and the world; they share its memory.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from typing import Final, TypeVar, final

from wadjet.base.errors import Invalid
from wadjet.component.abi import has_pointers
from wadjet.component.build import shims
from wadjet.component.build.interfaces import OuterWriter, export_interface
from wadjet.component.build.liveness import Live
from wadjet.component.build.mangling import STANDARD, encoding_in
from wadjet.component.build.metadata import PREFIX, without_worlds, worlds_of
from wadjet.component.build.options import lift_needs, lower_needs
from wadjet.component.build.parts import (
    MAIN, Classifier, Ending, Internal, Intrinsic, Lowering, Need, Part,
)  # fmt: skip
from wadjet.component.component import (
    Builtin, CanonOption, Component, CoreBundle, CoreInlineExport, CoreInstantiate, CoreModule,
    Export, Immediate, Lift, Lower,
)  # fmt: skip
from wadjet.component.features import ALL
from wadjet.component.types import (
    AliasCoreExport, AliasExport, CoreTypeDef, ExternName, Future, Import, Prim, ResourceDef,
    Stream, TypeUse,
)  # fmt: skip
from wadjet.component.validate import validate
from wadjet.component.wit_bridge import decode_worlds
from wadjet.component.wit_bridge.encode import TypeEncoder, extern_name
from wadjet.component.wit_bridge.writer import TypeWriter
from wadjet.core.binary import decode, encode
from wadjet.core.module import Module
from wadjet.core.types import I32, I64, FuncType, MemoryType, RecType, SubType
from wadjet.core.validate import validate as validate_module
from wadjet.wit.model import (
    Function, InterfaceItem, Resolve, Resource, TypeId, TypeItem, WorldId, WorldKey,
)  # fmt: skip

_T = TypeVar("_T")

_DTOR: Final = FuncType((I32,), ())


def new(
    module: bytes, adapters: Mapping[str, bytes] | None = None, *, merge: bool = True
) -> Component:
    """The component of a core module that was made for a world, which must be noted in it (see
    `metadata.embed`). `adapters` are core modules by the name under which others import them. With
    `merge`, one version of an interface is imported in place of all that it may stand in for.

    Raises Malformed and Invalid, naming the import or export that does not fit.
    """
    parts = [read_part(MAIN, module)]
    given = {name: read_part(name, data) for name, data in (adapters or {}).items()}
    worlds = [world for part in (*parts, *given.values()) for world in part.worlds]
    if not worlds:
        raise Invalid("the module does not say what world it is for: see `wadjet component embed`")
    resolve, world, exports = decode_worlds(worlds, merge=merge)
    rest = iter(exports)
    for part in (*parts, *given.values()):
        part.exports = set().union(*(next(rest) for _ in part.worlds))
    wanted = {each.module for each in parts[0].module.imports}
    used = {name: part for name, part in given.items() if name in wanted or part.exports}
    classifier = Classifier(resolve, world, used)
    every = [*parts, *used.values()]
    return assemble(resolve, world, every, classifier)


def assemble(
    resolve: Resolve,
    world: WorldId,
    parts: list[Part],
    classifier: Classifier,
    ending: Ending | None = None,
) -> Component:
    """The component of a world made of parts, the main one first."""
    for part in parts:
        part.needs = list(classifier.imports(part))
        part.offers = classifier.exports(part)
    made = _Assembly(resolve, world, parts, classifier, ending).component()
    validate(made, ALL, lazy=True)
    return made


def read_part(name: str, data: bytes) -> Part:
    """A core module to build with. Raises Malformed and Invalid."""
    module = decode(data, ALL, lazy=True)
    validate_module(module, ALL, lazy=True)
    worlds, encoding = worlds_of(module)
    renamed = _rename_twins(module)
    if renamed:
        module.customs = [c for c in module.customs if not c.name.startswith(PREFIX)]
        data = encode(module)
    else:
        data = without_worlds(data, module)
    return Part(name, data, module, worlds, encoding, renamed=renamed)


def _rename_twins(module: Module) -> dict[tuple[str, str], str]:
    """Give imports of one name different names, which modules in components must have; from each
    new name to the old one."""
    seen: Counter[tuple[str, str]] = Counter()
    renamed = {}
    for each in module.imports:
        twins = seen[each.module, each.name]
        seen[each.module, each.name] += 1
        if twins:
            name = f"{each.name} [{twins}]"
            renamed[each.module, name] = each.name
            each.name = name
    return renamed


@final
class _Assembly:
    """One component on its way."""

    def __init__(
        self,
        resolve: Resolve,
        world: WorldId,
        parts: list[Part],
        classifier: Classifier,
        ending: Ending | None,
    ) -> None:
        self._ending: Final = ending
        #: libraries share an allocator, which any of them may have
        self._others: Final = [] if ending is None else parts
        self._resolve: Final = resolve
        self._world: Final = resolve.worlds[world]
        self._parts: Final = {part.name: part for part in parts}
        self._closing: Final = classifier.closing
        self._live: Final = Live(resolve, self._world, parts)
        self._encoder: Final = TypeEncoder(resolve, Import)
        self._scope: Final = self._encoder.outer
        #: imported instances by key; imported functions by key and name
        self._instances: Final[dict[WorldKey, int]] = {}
        self._funcs: Final[dict[tuple[WorldKey, str], int]] = {}
        #: core instances of parts, and what has been taken out of them
        self._made: Final[dict[str, int]] = {}
        self._aliases: Final[dict[tuple[int, str, str], int]] = {}
        #: what is called through the table: its type, and how to make what belongs there
        self._late: Final[list[tuple[FuncType, Callable[[], int]]]] = []
        self._shimmed: Final[dict[tuple[str, str, str], int]] = {}
        self._dtors: Final[dict[tuple[WorldKey, str], int]] = {}
        self._shim = 0
        #: types of exported interfaces before they are exported
        self._writers: Final[dict[WorldKey, OuterWriter]] = {}

    def component(self) -> Component:
        """Everything, in the order in which one needs another."""
        self._import_world()
        self._make_shims()
        self._define_resources()
        for part in self._parts.values():
            self._instantiate(part)
        self._fix_up()
        self._end()
        for part in self._parts.values():
            self._initialize(part)
        for key, item in self._world.exports.items():
            if isinstance(item, InterfaceItem):
                self._export_interface(key, item)
            elif isinstance(item, Function):
                lifted = self._lift(key, item, self._encoder.types)
                name = extern_name(self._resolve, key, item)
                self._scope.add(Export(name, "func", lifted))
        return self._scope.component()

    # Imports.

    def _import_world(self) -> None:
        for key, item in self._world.imports.items():
            name = extern_name(self._resolve, key, item)
            if isinstance(item, InterfaceItem):
                if self._live.imports(key, item.id):
                    functions = self._live.functions.get(key, {}).values()
                    t = self._encoder.instance(item.id, functions, self._live.types_of(item.id))
                    self._instances[key] = self._scope.import_(name, t)
            elif isinstance(item, TypeItem):
                if self._live.imports_type(item):
                    self._encoder.types.value(item.id)
            elif key in self._live.functions:
                use = TypeUse("func", self._encoder.types.func(item))
                self._funcs[key, item.name] = self._scope.import_(name, use)

    def _func(self, key: WorldKey, name: str) -> int:
        """The index of an imported function."""
        if (key, name) not in self._funcs:
            alias = AliasExport("func", self._instances[key], name)
            self._funcs[key, name] = self._scope.add(alias)
        return self._funcs[key, name]

    # What is called through the table.

    def _make_shims(self) -> None:
        for part in self._parts.values():
            for need in part.needs:
                if self._is_late(part, need):
                    assert need.type is not None, "only functions are called through the table"
                    self._shimmed[part.name, need.module, need.name] = len(self._late)
                    self._late.append((need.type, _later(self._actual, part, need)))
        for part in self._parts.values():
            for name, offered in part.offers.items():
                if offered.what == "dtor":
                    self._dtors[offered.key, offered.item] = len(self._late)
                    self._late.append((_DTOR, _later(self._exported_func, part, name)))
        if self._late:
            module = self._scope.add(shims.indirect([ft for ft, _ in self._late]))
            self._shim = self._scope.add(CoreInstantiate(module, ()))

    def _is_late(self, part: Part, need: Need) -> bool:
        """Whether something can be made only after what needs it has been instantiated."""
        match need.what:
            case Lowering(_, function, is_async):
                return lower_needs(self._closing.func(function), is_async)[0]
            case Intrinsic(row, _, _, about):
                if row.name == "task.return":
                    return about is not None and has_pointers(self._closing.value(about))
                return not {"opts", "memory", "table"}.isdisjoint(row.immediates)
            case Internal(owner, _, kind):
                return kind == "func" and owner != MAIN

    def _core_alias(self, instance: int, kind: str, name: str) -> int:
        """Something that a core instance exports."""
        at = instance, kind, name
        if at not in self._aliases:
            self._aliases[at] = self._scope.add(AliasCoreExport(f"core {kind}", instance, name))
        return self._aliases[at]

    def _exported_func(self, part: Part, name: str) -> int:
        return self._core_alias(self._made[part.name], "func", name)

    def _fix_up(self) -> None:
        """Fill the table."""
        if not self._late:
            return
        exports = []
        for i, (_, make) in enumerate(self._late):
            exports.append(CoreInlineExport(str(i), "core func", make()))
        table = self._core_alias(self._shim, "table", shims.TABLE)
        exports.append(CoreInlineExport(shims.TABLE, "core table", table))
        bundle = self._scope.add(CoreBundle(tuple(exports)))
        module = self._scope.add(shims.fixup([ft for ft, _ in self._late]))
        self._scope.add(CoreInstantiate(module, (("", bundle),)))

    def _end(self) -> None:
        """What comes after all parts, if there is something."""
        if self._ending is None:
            return
        bundles: dict[str, list[CoreInlineExport]] = {}
        for (module, name), what in self._ending.imports.items():
            index = self._core_alias(self._made[what.part], what.kind, what.name)
            given = CoreInlineExport(name, f"core {what.kind}", index)
            bundles.setdefault(module, []).append(given)
        args = [(m, self._scope.add(CoreBundle(tuple(b)))) for m, b in bundles.items()]
        self._scope.add(CoreInstantiate(self._scope.add(self._ending.module), tuple(args)))

    # Core instances.

    def _define_resources(self) -> None:
        for key, item in self._world.exports.items():
            if not isinstance(item, InterfaceItem):
                continue
            writer = OuterWriter(self._resolve, self._scope, item.id, self._before_export)
            self._writers[key] = writer
            for name, id in self._resolve.interfaces[item.id].types.items():
                if isinstance(self._resolve.types[id].kind, Resource):
                    slot = self._dtors.get((key, name))
                    dtor = None if slot is None else self._core_alias(self._shim, "func", str(slot))
                    writer.ids[id] = self._scope.define(ResourceDef(I32, dtor))

    def _before_export(self, id: TypeId) -> int:
        """Where a type is while nothing is exported yet."""
        owner = self._resolve.types[id].owner
        if owner is not None and owner[0] == "interface" and owner[1] in self._writers:
            return self._writers[owner[1]].index(id)
        return self._elsewhere(id)

    def _elsewhere(self, id: TypeId) -> int:
        """Where a type of another interface, or of the world, is."""
        found = self._encoder.alias(id)
        return self._encoder.types.index(id) if found is None else found

    def _instantiate(self, part: Part) -> None:
        bundles: dict[str, dict[str, CoreInlineExport]] = {}
        for need in part.needs:
            kind = need.what.kind if isinstance(need.what, Internal) else "func"
            given = CoreInlineExport(need.name, f"core {kind}", self._given(part, need))
            bundles.setdefault(need.module, {})[need.name] = given
        module = self._scope.add(CoreModule(part.module, part.data))
        args = [
            (name, self._scope.add(CoreBundle(tuple(items.values()))))
            for name, items in bundles.items()
        ]
        self._made[part.name] = self._scope.add(CoreInstantiate(module, tuple(args)))

    def _given(self, part: Part, need: Need) -> int:
        """The index of what a part is given for an import."""
        slot = self._shimmed.get((part.name, need.module, need.name))
        if slot is not None:
            return self._core_alias(self._shim, "func", str(slot))
        return self._actual(part, need)

    def _actual(self, part: Part, need: Need) -> int:
        """The index of what an import stands for."""
        match need.what:
            case Lowering(key, function, is_async):
                memory, realloc = lower_needs(self._closing.func(function), is_async)
                options = self._options(part, memory, self._import_realloc if realloc else None)
                if is_async:
                    options.append(CanonOption("async"))
                return self._scope.add(Lower(self._func(key, function.name), tuple(options)))
            case Intrinsic():
                return self._scope.add(self._builtin(part, need.what))
            case Internal(_, "", "memory"):
                return self._memory()
            case Internal(owner, name, kind):
                return self._internal(owner, name, kind)

    def _internal(self, owner: str, name: str, kind: str) -> int:
        part = self._parts[owner]
        if part.export_kind(name) != kind:
            if name == "cabi_realloc" and owner == MAIN:
                return self._grower()
            raise Invalid(f"there must be an export `{name}`, a {kind}, in {_called(part)}")
        return self._core_alias(self._made[owner], kind, name)

    def _memory(self) -> int:
        """The memory that all parts share."""
        main = self._parts[MAIN]
        for name in ("memory", f"{STANDARD}_memory"):
            if main.export_kind(name) == "memory":
                return self._core_alias(self._made[MAIN], "memory", name)
        for each in main.module.imports:
            if (each.module, each.name) == ("env", "memory") and isinstance(each.type, MemoryType):
                if "holder" not in self._made:
                    module = self._scope.add(shims.holder(each.type))
                    self._made["holder"] = self._scope.add(CoreInstantiate(module, ()))
                return self._core_alias(self._made["holder"], "memory", "memory")
        raise Invalid("the module must export its memory, as `memory`")

    def _grower(self) -> int:
        """An allocator for a module that has none."""
        if "grower" not in self._made:
            memory = CoreInlineExport("memory", "core memory", self._memory())
            bundle = self._scope.add(CoreBundle((memory,)))
            module = self._scope.add(shims.grower())
            self._made["grower"] = self._scope.add(CoreInstantiate(module, (("", bundle),)))
        return self._core_alias(self._made["grower"], "func", "cabi_realloc")

    def _import_realloc(self, part: Part) -> int:
        return self._realloc(part, "cabi_import_realloc")

    def _export_realloc(self, part: Part) -> int:
        return self._realloc(part, "cabi_export_realloc")

    def _realloc(self, part: Part, special: str) -> int:
        """The allocator of a part: one for this purpose, its general one, or the main module's."""
        main = self._parts[MAIN]
        for name in (special, "cabi_realloc", f"{STANDARD}_realloc", "canonical_abi_realloc"):
            for owner in (part, main, *self._others):
                if owner.export_kind(name) == "func" and (owner is part or name != special):
                    return self._exported_func(owner, name)
        return self._grower()

    def _options(
        self, part: Part, memory: bool, realloc: Callable[[Part], int] | None
    ) -> list[CanonOption]:
        options = []
        if part.encoding != "utf8":
            options.append(CanonOption(part.encoding))
        if memory:
            options.append(CanonOption("memory", self._memory()))
        if realloc is not None:
            options.append(CanonOption("realloc", realloc(part)))
        return options

    # Built-ins.

    def _builtin(self, part: Part, what: Intrinsic) -> Builtin:
        immediates = tuple([self._immediate(part, what, kind) for kind in what.row.immediates])
        return Builtin(what.row.name, immediates)

    def _immediate(self, part: Part, what: Intrinsic, kind: str) -> Immediate:
        wanted = what.wanted
        match kind:
            case "type":
                return self._about(what)
            case "result":
                return None if what.about is None else self._writer(what).value(what.about)
            case "coretype":
                start = RecType((SubType(FuncType((I32,), ())),))
                return self._scope.add(CoreTypeDef(start))
            case "table":
                return self._internal(part.name, "__indirect_function_table", "table")
            case "async":
                return wanted.is_async
            case "cancellable":
                return wanted.cancellable
            case "memory":
                return self._memory()
            case "opts":
                return tuple(self._builtin_options(part, what))
            case "valtype":
                return I64 if wanted.detail.startswith("i64") else I32
            case "u32":
                slot = wanted.detail.rpartition("-")[2]
                if slot.isdecimal() and len(slot) < 5:
                    return int(slot)
        raise Invalid(f"`{what.row.name}` cannot be imported this way")

    def _writer(self, what: Intrinsic) -> TypeWriter:
        """Who knows the types that a built-in is about."""
        if what.wanted.exported and what.key is not None and what.key in self._writers:
            return self._writers[what.key]
        return self._encoder.types

    def _about(self, what: Intrinsic) -> int:
        """The index of the resource, stream or future."""
        if what.about is None:
            return self._scope.define(Stream(None) if what.row.needs == "stream" else Future(None))
        writer = self._writer(what)
        found: Prim | int = writer.value(what.about)
        assert isinstance(found, int), "it is not primitive"
        return found

    def _builtin_options(self, part: Part, what: Intrinsic) -> Iterator[CanonOption]:
        name = what.row.name
        if name == "task.return":
            late = what.about is not None and has_pointers(self._closing.value(what.about))
            yield from self._options(part, late, None)
            return
        encoding = encoding_in(what.wanted.detail)
        if encoding is not None:
            yield CanonOption(encoding)
        elif part.encoding != "utf8":
            yield CanonOption(part.encoding)
        yield CanonOption("memory", self._memory())
        if name.endswith((".read", "debug-message")):
            yield CanonOption("realloc", self._import_realloc(part))
        if what.wanted.is_async:
            yield CanonOption("async")

    # Exports.

    def _initialize(self, part: Part) -> None:
        """Run what a part wants to be run before anything else."""
        for name in ("_initialize", f"{STANDARD}_initialize"):
            if part.export_kind(name) == "func":
                func = self._exported_func(part, name)
                bundle = self._scope.add(CoreBundle((CoreInlineExport("", "core func", func),)))
                module = self._scope.add(shims.starter())
                self._scope.add(CoreInstantiate(module, (("", bundle),)))

    def _export_interface(self, key: WorldKey, item: InterfaceItem) -> None:
        """Lift the functions of an interface, and export it."""
        writer = OuterWriter(self._resolve, self._scope, item.id, self._elsewhere)
        for id in self._resolve.interfaces[item.id].types.values():
            if isinstance(self._resolve.types[id].kind, Resource):
                writer.ids[id] = self._writers[key].ids[id]
        functions = [
            (function, self._lift(key, function, writer))
            for function in self._resolve.interfaces[item.id].functions.values()
        ]
        name: ExternName = extern_name(self._resolve, key, item)
        instance = export_interface(writer, item.id, functions, name)
        if not isinstance(key, str):
            self._encoder.stands_for(item.id, instance)

    def _lift(self, key: WorldKey, function: Function, writer: TypeWriter) -> int:
        part, name, how = self._offered(key, function)
        memory, realloc = lift_needs(self._closing.func(function), how != "sync")
        options = self._options(part, memory, self._export_realloc if realloc else None)
        if how != "sync":
            options.append(CanonOption("async"))
        for what in ("callback", "post-return"):
            beside = self._beside(part, key, function, what)
            if beside is not None:
                options.append(CanonOption(what, self._exported_func(part, beside)))
        if how == "callback" and options[-1].name != "callback":
            raise Invalid(f"the export `{name}` needs a callback: `[callback]{name}`")
        func = self._exported_func(part, name)
        return self._scope.add(Lift(func, tuple(options), writer.func(function)))

    def _offered(self, key: WorldKey, function: Function) -> tuple[Part, str, str]:
        """Who exports a function, under what name, and how it is to be lifted."""
        for part in self._parts.values():
            for name, offered in part.offers.items():
                if (offered.what, offered.key, offered.item) == ("func", key, function.name):
                    return part, name, offered.how
        where = self._resolve.key_name(key)
        core = function.name if where == function.name else f"{where}#{function.name}"
        raise Invalid(f"no module exports `{function.name}` of `{where}`, as `{core}`")

    def _beside(self, part: Part, key: WorldKey, function: Function, what: str) -> str | None:
        """The export that belongs to a function's."""
        for name, offered in part.offers.items():
            if (offered.what, offered.key, offered.item) == (what, key, function.name):
                return name
        return None


def _called(part: Part) -> str:
    return "the main module" if part.name == MAIN else f"the adapter {part.name}"


def _later(make: Callable[[Part, _T], int], part: Part, what: _T) -> Callable[[], int]:
    """A call that is made when the table is filled."""
    return lambda: make(part, what)
