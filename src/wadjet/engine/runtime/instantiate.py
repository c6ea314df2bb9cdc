"""The arrow from code and imports to an instance (spec 4.7.2): link, allocate, initialise."""

from array import array
from collections.abc import Callable, Sequence
from typing import Any

from wadjet.base.errors import Unlinkable
from wadjet.core.module import Import
from wadjet.core.subtyping import (
    ClosedExtern, ClosedFunc, ClosedTag, close_global, close_table, match_extern,
)  # fmt: skip
from wadjet.core.types import GlobalType, TableType
from wadjet.engine.contract.layout import VM_CONTEXT, WORD
from wadjet.engine.runtime.code import ModuleCode
from wadjet.engine.runtime.constants import evaluate
from wadjet.engine.runtime.func import HOST_TYPES, Func, HostFunc, func_of
from wadjet.engine.runtime.global_ import Global
from wadjet.engine.runtime.instance import Extern, Instance
from wadjet.engine.runtime.memory import Memory
from wadjet.engine.runtime.segments import items_of, run_data, run_elem
from wadjet.engine.runtime.store import Store
from wadjet.engine.runtime.table import Table
from wadjet.engine.runtime.template import template_of
from wadjet.engine.runtime.tag import Tag
from wadjet.engine.runtime.values import to_raw

#: What one import is bound to.
Linked = Extern | Callable[..., Any]


def instantiate(store: Store, code: ModuleCode, imports: Sequence[object]) -> Instance:
    """Make an instance; `imports` runs parallel to the module's imports.

    A Python callable stands for a function of the declared type, a plain value for an immutable
    global. Raises Unlinkable where one does not fit, Trap where an active segment does not,
    Exhaustion where there is no room, and whatever the start function raises. What the segments
    and the start function wrote to imported tables and memories before that stays written.
    """
    instance = initialize(store, code, imports)
    start(instance)
    return instance


def initialize(store: Store, code: ModuleCode, imports: Sequence[object]) -> Instance:
    """Make an instance as `instantiate` does, all but the run of its start function."""
    store = store.current()
    store.settle(code.native)
    code.prepare(store)
    module, types = code.valid.module, code.valid.types
    if code.template is not None and len(imports) == code.layout.func_imports:
        if HOST_TYPES.issuperset(map(type, imports)):  # the usual case
            # these are callables
            return code.template.make(store, code, tuple(imports))  # type: ignore[arg-type]
    linked = [
        link(store, i, declared, each)
        for i, declared, each in zip(module.imports, code.imports, imports, strict=True)
    ]
    code = code.linked([e for e in linked if isinstance(e, Func)])
    if code.template is not None:
        # `link` saw to it that these are functions, and those are none
        functions: Any = [linked[k] for k in code.func_places]
        others: Any = [linked[k] for k in code.other_places]
        return code.template.make(store, code, functions, others)
    given = [_extern(store, *each) for each in zip(code.imports, linked)]
    instance = Instance(store, code, [e for e in given if isinstance(e, Func)])
    instance.memories += [e for e in given if isinstance(e, Memory)]
    instance.memories += [Memory(t, store.budget) for t in module.memories]
    instance.tags += [e for e in given if isinstance(e, Tag)]
    instance.tags += [Tag.of(types[t.type]) for t in module.tags]
    instance.fill_functions()
    if code.escapes:
        store.pin(instance)
    instance.globals.extend([e for e in given if isinstance(e, Global)])
    _make_globals(instance)
    instance.tables += [e for e in given if isinstance(e, Table)]
    _make_tables(instance)
    _fill_context(instance)
    code.attach(instance)
    _run_segments(instance)
    if code.again:
        code.template = template_of(instance)
    code.again = True
    return instance


def start(instance: Instance) -> None:
    """Run the start function of a new instance, if it has one."""
    if instance.module.start is not None:
        instance.func(instance.module.start).call_raw([])


# --- linking -------------------------------------------------------------------------------------


def link(store: Store, import_: Import, declared: ClosedExtern, given: object) -> Linked:
    """What one import is bound to: a Python callable stands for a host function of the declared
    type. Unlinkable where `given` is not of that type."""
    found = _as_extern(store, declared, given)
    if isinstance(declared, ClosedFunc):
        if found is None and callable(given):
            return given
        if isinstance(found, Func) and found.deftype is declared.type and found.store is store:
            return found  # what follows would say the same
    if found is None or not match_extern(type_of(found), declared):
        what = repr(given) if found is None else describe(type_of(found))
        raise Unlinkable(
            f"incompatible import type: {import_.module!r} {import_.name!r} "
            f"must be {describe(declared)}, given is {what}"
        )
    if isinstance(found, Func) and found.store is not store:
        raise Unlinkable(
            f"incompatible import: {import_.module!r} {import_.name!r} belongs to another store"
        )
    return found


def _as_extern(store: Store, declared: ClosedExtern, given: object) -> Extern | None:
    if isinstance(given, Func | Table | Memory | Global | Tag):
        return given
    func = func_of(given)
    if func is not None:
        return func
    if isinstance(declared, GlobalType) and not declared.mutable:
        try:
            return Global(declared, to_raw(given, declared.value, store))
        except (TypeError, ValueError, OverflowError):
            return None
    return None


def _extern(store: Store, declared: ClosedExtern, linked: Linked) -> Extern:
    """What exists of it in the store, or now does."""
    if isinstance(linked, Extern):
        return linked
    assert isinstance(declared, ClosedFunc), "`link` saw to it"
    return HostFunc(store, declared.type, linked)


def type_of(extern: Extern) -> ClosedExtern:
    """The external type of something that exists, at its present size (spec 4.5.1)."""
    if isinstance(extern, Func):
        return ClosedFunc(extern.deftype, exact=True)
    return ClosedTag(extern.deftype) if isinstance(extern, Tag) else extern.type


def describe(type_: ClosedExtern) -> str:
    """An external type in a few words, for messages."""
    if isinstance(type_, ClosedFunc):
        return f"a function {type_.type.comp}"
    if isinstance(type_, ClosedTag):
        return f"a tag {type_.type.comp}"
    if isinstance(type_, GlobalType):
        return f"a {'mutable' if type_.mutable else 'constant'} global {type_.value}"
    limits = type_.limits
    most = "" if limits.max is None else f" to {limits.max}"
    shared = "shared " if type_.shared else ""
    wide = "64-bit " if limits.addr.size == WORD else ""
    if isinstance(type_, TableType):
        return f"a {shared}{wide}table of {limits.min}{most} {type_.element}"
    size = "" if type_.page_log2 == 16 else f" of {type_.page_size} byte"
    return f"a {shared}{wide}memory of {limits.min}{most} pages{size}"


# --- allocating ----------------------------------------------------------------------------------


def _make_globals(instance: Instance) -> None:
    for number, g in enumerate(instance.module.globals):
        type_ = close_global(g.type, instance.types)
        cell = instance.cell(number)
        instance.globals.append(Global(type_, evaluate(g.init, instance), cell))


def _make_tables(instance: Instance) -> None:
    for t in instance.module.tables:
        init = 0 if t.init is None else evaluate(t.init, instance)
        type_ = close_table(t.type, instance.types)
        instance.tables.append(Table(type_, init, instance.store.budget))


def _fill_context(instance: Instance) -> None:
    """The index spaces, as generated code sees them."""
    spaces: dict[str, list[int]] = {
        "memories": [m.address for m in instance.memories],
        "tables": [t.address for t in instance.tables],
        "globals": [g.address for g in instance.globals],
        "tags": [t.id for t in instance.tags],
        "imports": [f.address for f in instance.func_imports],
    }
    for space, column in spaces.items():
        instance.slots(space, len(column))[:] = memoryview(array("Q", column))
    ids = instance.code.type_ids
    instance.slots("types", len(ids))[:] = memoryview(ids)
    if instance.memories:
        VM_CONTEXT.write(instance.context, "memory", instance.memories[0].address)
        VM_CONTEXT.write(instance.context, "memory_base", instance.memories[0].base)


# --- initialising --------------------------------------------------------------------------------


def _run_segments(instance: Instance) -> None:
    """Write active segments, keep passive ones: first those of elements, then those of data."""
    for index, elem in enumerate(instance.module.elems):
        if elem.mode == "passive":
            instance.keep_elem(index, items_of(elem, instance))
        elif elem.mode == "active":
            run_elem(instance, elem)
    for index, data in enumerate(instance.module.datas):
        if data.mode == "passive":
            instance.keep_data(index, data.data)
        else:
            run_data(instance, data)
