"""Core definitions in components: types, modules, instances (Explainer.md, "Instance Definitions",
"Type Definitions").
"""

from collections.abc import Mapping
from typing import Final

from wadjet.component import limits
from wadjet.component.closed import ModuleShape
from wadjet.component.component import CoreBundle, CoreInlineExport, CoreInstantiate, CoreModule
from wadjet.component.subtyping import core_problem
from wadjet.component.types import (
    AliasCoreExport, CoreTypeDef, ModuleAlias, ModuleDecl, ModuleExport, ModuleImport, ModuleType,
)  # fmt: skip
from wadjet.component.validate.scope import Scope
from wadjet.core import validate as core_validate
from wadjet.core.module import Module
from wadjet.core.subtyping import ClosedExtern, ClosedFunc, ClosedTag, canonical_types, close_extern
from wadjet.core.types import (
    ArrayType, ContType, DefType, ExternType, FuncType, FuncUse, GlobalType, MemoryType, RecType,
    RefType, StructType, SubType, TableType, TagType, ValType,
)  # fmt: skip
from wadjet.core.validate import ValidModule
from wadjet.core.validate.context import Context
from wadjet.core.validate.types import (
    check_func_type, check_global, check_group, check_memory, check_table, check_tag,
)  # fmt: skip

#: what stands for the type of a module in a context of core types; nothing may refer to it
_MODULE: Final = RecType((SubType(StructType(())),))
_NOUNS: Final = {
    "core func": "function",
    "core table": "table",
    "core memory": "memory",
    "core global": "global",
    "core tag": "tag",
}


def func_type(
    params: tuple[ValType, ...], results: tuple[ValType, ...], shared: bool = False
) -> DefType:
    """The core type of a function that a canonical definition makes."""
    return canonical_types([RecType((SubType(FuncType(params, results), shared=shared),))])[0]


def core_func(scope: Scope, index: int, place: int) -> FuncType:
    """The parameters and results of the core function at an index."""
    comp = scope.at(scope.core_funcs, index, "function", place).comp
    assert isinstance(comp, FuncType), "a function has a function type"
    return comp


# --- types ----------------------------------------------------------------------------------------


def add_core_type(scope: Scope, d: CoreTypeDef) -> None:
    """Check a core type definition and give it its indices."""
    what, most = "types", limits.ITEMS
    if isinstance(d.type, ModuleType):
        shape = _close_module(scope, d.type, d.place)
        scope.session.bounded(shape, d.place)
        scope.add(scope.core_types, shape, what, most, d.place)
        _mirror(scope.core, shape)
        return
    _add_group(scope, scope.core, d.type, d.place)
    for t in scope.core.types[len(scope.core_types) :]:
        scope.add(scope.core_types, t, what, most, d.place)


def add_alias_of_type(scope: Scope, found: DefType | ModuleShape, place: int) -> None:
    """Give a core type of an enclosing scope an index in this one."""
    scope.add(scope.core_types, found, "types", limits.ITEMS, place)
    _mirror(scope.core, found)


def _mirror(cx: Context, found: DefType | ModuleShape) -> None:
    """Let a context know a type that is closed already, under the next index."""
    t = canonical_types([_MODULE])[0] if isinstance(found, ModuleShape) else found
    cx.subs.append(SubType(t.comp, t.final, (), None, None, t.shared))
    cx.types.append(t)
    cx.limit = len(cx.subs)
    comp = t.comp
    sig = cx.signature(comp.params, comp.results) if isinstance(comp, FuncType) else None
    cx.signatures.append(sig)


def _add_group(scope: Scope, cx: Context, group: RecType, place: int) -> None:
    known = scope.core_types if cx is scope.core else ()
    for sub in group.subs:
        for index in _mentioned(sub):
            if index < len(known) and isinstance(known[index], ModuleShape):
                scope.fail(f"type index {index} is a module type, not a sub type", place)
    scope.session.work.spend(len(group.subs))
    check_group(cx, group, [place] * len(group.subs))


def _mentioned(sub: SubType) -> list[int]:
    """The indices that a type definition refers to."""
    comp = sub.comp
    values: tuple[ValType, ...] = ()
    found = [x for x in (*sub.supers, sub.describes, sub.descriptor) if x is not None]
    match comp:
        case FuncType(params, results):
            values = params + results
        case StructType(fields):
            values = tuple([f.storage for f in fields])
        case ArrayType(field):
            values = (field.storage,)
        case ContType(int(index)):
            found.append(index)
    found += [t.heap for t in values if isinstance(t, RefType) and isinstance(t.heap, int)]
    return found


def _close_module(scope: Scope, t: ModuleType, place: int) -> ModuleShape:
    """The type of a module; its own type index space begins empty."""
    cx = Context(Module(locate=scope.session.locate), scope.session.features)
    imports: dict[tuple[str, str], ClosedExtern] = {}
    exports: dict[str, ClosedExtern] = {}
    for d in t.decls:
        match d:
            case ModuleImport(what):
                key = (what.module, what.name)
                _check_import_name(scope, key, imports, d.place)
                imports[key] = _close_extern(scope, cx, what.type, d.place)
            case ModuleExport(name, type_):
                if name in exports:
                    scope.fail(f"export name `{name}` already defined", d.place)
                exports[name] = _close_extern(scope, cx, type_, d.place)
            case _:
                _module_decl(scope, cx, d)
    return ModuleShape(imports, exports)


def _check_import_name(
    scope: Scope, key: tuple[str, str], known: dict[tuple[str, str], ClosedExtern], place: int
) -> None:
    if key in known:
        scope.fail(f"duplicate import name `{key[0]}:{key[1]}`", place)


def _module_decl(scope: Scope, cx: Context, d: ModuleDecl) -> None:
    """A type in a module type: defined there, or taken from an enclosing scope."""
    if isinstance(d, CoreTypeDef):
        if isinstance(d.type, ModuleType):
            scope.fail("invalid leading byte (0x50): a module type inside a module type", d.place)
        _add_group(scope, cx, d.type, d.place)
        return
    assert isinstance(d, ModuleAlias), d
    if d.count == 0:
        found: DefType | ModuleShape = scope.at(cx.types, d.index, "type", d.place)
    else:
        home = scope.outward(d.count - 1, d.place)
        found = scope.at(home.core_types, d.index, "type", d.place)
    if isinstance(found, ModuleShape):
        scope.fail(f"core type {d.index} is a module type, which no module type may alias", d.place)
    _mirror(cx, found)


def _close_extern(scope: Scope, cx: Context, t: ExternType, place: int) -> ClosedExtern:
    """What the type of an import or export of a module means."""
    if isinstance(t, FuncUse | TagType):
        scope.at(cx.types, t.type, "type", place)
    if isinstance(t, FuncUse):
        check_func_type(cx, t.type, place)
        if t.exact:
            cx.require("custom-descriptors", "an exact function import", place)
    elif isinstance(t, TagType):
        check_tag(cx, t.type, place)
    elif isinstance(t, TableType):
        check_table(cx, t, place)
    elif isinstance(t, MemoryType):
        check_memory(cx, t, place)
    else:
        check_global(cx, t, place)
    return close_extern(t, cx.types)


# --- modules --------------------------------------------------------------------------------------


def add_core_module(scope: Scope, d: CoreModule, lazy: bool) -> ValidModule:
    """Validate a module and add its type."""
    valid = core_validate.validate(d.module, scope.session.features, lazy=lazy)
    scope.add(
        scope.core_modules, module_shape(scope, valid, d.place), "modules", limits.MODULES, d.place
    )
    return valid


def module_shape(scope: Scope, valid: ValidModule, place: int) -> ModuleShape:
    """The type of a module. Two imports of one name would be one to a component."""
    module = valid.module
    imports: dict[tuple[str, str], ClosedExtern] = {}
    for entry in module.imports:
        key = (entry.module, entry.name)
        _check_import_name(scope, key, imports, place)
        imports[key] = close_extern(entry.type, valid.types)
    exports = {
        e.name: close_extern(t, valid.types)
        for e, t in zip(module.exports, module.export_types(), strict=True)
    }
    return ModuleShape(imports, exports)


# --- instances ------------------------------------------------------------------------------------


def add_core_instantiate(scope: Scope, d: CoreInstantiate) -> None:
    """Check the instantiation of a module, and add the instance."""
    module = scope.at(scope.core_modules, d.module, "module", d.place)
    args: dict[str, Mapping[str, ClosedExtern]] = {}
    for name, index in d.args:
        if name in args:
            scope.fail(f"duplicate module instantiation argument named `{name}`", d.place)
        args[name] = scope.at(scope.core_instances, index, "core instance", d.place)
    scope.session.work.spend(len(module.imports))
    for (from_, name), wanted in module.imports.items():
        if from_ not in args:
            scope.fail(f"missing module instantiation argument named `{from_}`", d.place)
        found = args[from_].get(name)
        argument = f"module instantiation argument `{from_}`"
        if found is None:
            scope.fail(f"{argument} does not export an item named `{name}`", d.place)
        problem = core_problem(found, wanted)
        if problem is not None:
            scope.fail(f"type mismatch for export `{name}` of {argument}: {problem}", d.place)
    _add_instance(scope, module.exports, d.place)


def add_core_bundle(scope: Scope, d: CoreBundle) -> None:
    """Check a core instance that is put together from definitions, and add it."""
    exports: dict[str, ClosedExtern] = {}
    for e in d.exports:
        if e.name in exports:
            scope.fail(f"duplicate instantiation export name `{e.name}` already defined", d.place)
        exports[e.name] = _core_item(scope, e, d.place)
    _add_instance(scope, exports, d.place)


def _add_instance(scope: Scope, exports: Mapping[str, ClosedExtern], place: int) -> None:
    scope.add(scope.core_instances, exports, "instances", limits.INSTANCES, place)


def _core_item(scope: Scope, e: CoreInlineExport, place: int) -> ClosedExtern:
    noun = _NOUNS[e.sort]
    match e.sort:
        case "core func":
            return ClosedFunc(scope.at(scope.core_funcs, e.index, noun, place))
        case "core table":
            return scope.at(scope.core_tables, e.index, noun, place)
        case "core memory":
            return scope.at(scope.core_memories, e.index, noun, place)
        case "core global":
            return scope.at(scope.core_globals, e.index, noun, place)
    scope.session.require("exceptions", "a tag", place)
    return ClosedTag(scope.at(scope.core_tags, e.index, noun, place))


def add_core_alias(scope: Scope, d: AliasCoreExport) -> None:
    """Check an alias of an export of a core instance, and add what it means."""
    exports = scope.at(scope.core_instances, d.instance, "core instance", d.place)
    found = exports.get(d.name)
    if found is None:
        scope.fail(f"core instance {d.instance} has no export named `{d.name}`", d.place)
    noun = _NOUNS[d.sort]
    what, most = f"core {noun} definitions", limits.ITEMS
    match d.sort, found:
        case "core func", ClosedFunc(type_):
            scope.add(scope.core_funcs, type_, what, most, d.place)
        case "core table", TableType():
            scope.add(scope.core_tables, found, what, most, d.place)
        case "core memory", MemoryType():
            scope.add(scope.core_memories, found, what, most, d.place)
        case "core global", GlobalType():
            scope.add(scope.core_globals, found, what, most, d.place)
        case "core tag", ClosedTag(type_):
            scope.add(scope.core_tags, type_, what, most, d.place)
        case _:
            home = f"core instance {d.instance}"
            scope.fail(f"export `{d.name}` for {home} is not a {noun}", d.place)
