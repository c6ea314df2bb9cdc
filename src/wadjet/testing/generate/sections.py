"""Everything of a generated module but its types and its code."""

from typing import Final

from wadjet.core.body import Body
from wadjet.core.module import Data, Elem, Export, Global, Import, Table
from wadjet.core.types import (
    EXTERNREF, F32, F64, FUNC, FUNCREF, I32, I64, FuncType, FuncUse, GlobalType, Limits,
    MemoryType, NumType, RefType, TableType, TagType, ValType, ref,
)  # fmt: skip
from wadjet.testing.generate.constants import can_make, constant, number_constant
from wadjet.testing.generate.world import World

#: The functions that a host offers under the module name "host" (see `wadjet.testing.engines`).
HOST: Final[dict[str, FuncType]] = {
    "note": FuncType((I64,), ()),
    "mix": FuncType((I32, I64), (I64,)),
    "pair": FuncType((I64,), (I32, I64)),
    "fail": FuncType((), ()),
    "object": FuncType((I32,), (EXTERNREF,)),
}
#: Those that only engines of this house are given.
OWN_HOST: Final[dict[str, FuncType]] = {
    "floats": FuncType((F32, F64), (F64, F32)),
    "again": FuncType((I32,), (I64,)),
    "identify": FuncType((EXTERNREF,), (I32,)),
    "call": FuncType((FUNCREF,), (I32,)),
}
_NEEDS: Final = {
    "object": "reference-types",
    "identify": "reference-types",
    "call": "reference-types",
    "pair": "multi-value",
    "floats": "multi-value",
}


def make_imports(w: World) -> None:
    """Import some functions of the host."""
    offered = HOST if w.options.portable else HOST | OWN_HOST
    for name, type_ in offered.items():
        feature = _NEEDS.get(name)
        likely = 0.2 if name == "fail" else 0.5
        if w.chance(likely) and (feature is None or w.has(feature)):
            x = w.func_type(type_.params, type_.results)
            w.module.imports.append(Import("host", name, FuncUse(x)))
            w.functions.append(len(w.funcs))
            w.funcs.append(x)


# --- memories and tables --------------------------------------------------------------------------


def make_memories(w: World) -> None:
    """Declare memories, all with a maximum, and export them."""
    count = w.rng.choice((1, 1, 1, 1, 0))
    if w.has("multi-memory"):
        count = w.rng.randint(1, 3)
    for i in range(count):
        t = _memory_type(w)
        w.module.memories.append(t)
        w.memories.append(t)
        w.module.exports.append(Export(f"memory{i}", "memory", i))


def _memory_type(w: World) -> MemoryType:
    addr = _address_type(w)
    if w.has("custom-page-sizes") and w.chance(0.5):
        least = w.rng.choice((0, 1, 100, 1000, 4096, 65_536, 70_001))
        return MemoryType(Limits(least, least + w.rng.randrange(2000), addr), page_log2=0,
                          page_spelled=True)  # fmt: skip
    least = w.rng.choice((0, 1, 1, 1, 2))
    shared = w.has("threads") and w.chance(0.5)
    return MemoryType(Limits(least, least + w.rng.randrange(3), addr), shared)


def _address_type(w: World) -> NumType:
    return I64 if w.has("memory64") and w.chance(0.4) else I32


def make_tables(w: World) -> None:
    """Declare tables; their elements come with the segments."""
    elements: list[RefType] = [FUNCREF]
    if w.has("reference-types"):
        for _ in range(w.rng.randint(0, 2)):
            elements.append(w.rng.choice([EXTERNREF, *w.refs]))
    for element in elements:
        init = None
        if not element.nullable or (w.has("function-references") and w.chance(0.2)):
            if not can_make(w, element):
                continue
            init = constant(w, element)
        least = w.rng.randint(0, 12)
        most = least + w.rng.randint(0, 10)
        t = TableType(element, Limits(least, most, _address_type(w)))
        w.module.tables.append(Table(t, init))
        w.tables.append(t)


# --- globals and tags -----------------------------------------------------------------------------


def make_globals(w: World) -> None:
    """The two globals of the machinery, and a few of random types."""
    w.fuel = add_global(w, I32, True, number_constant(50, I32))
    w.module.exports.append(Export("fuel", "global", w.fuel))
    w.hash = add_global(w, I64, True, number_constant(1, I64))
    for _ in range(w.rng.randint(0, 6)):
        t = w.value_type()
        if not isinstance(t, RefType) or can_make(w, t):
            add_global(w, t, w.chance(0.7), constant(w, t))


def add_global(w: World, t: ValType, mutable: bool, init: Body) -> int:
    """Define a global; its index."""
    type_ = GlobalType(t, mutable)
    w.module.globals.append(Global(type_, init))
    w.globals.append(type_)
    return len(w.globals) - 1


def make_tags(w: World) -> None:
    """Declare tags; those of continuations have the types that continuations fit."""
    if w.has("exceptions"):
        for i in range(w.rng.randint(1, 4)):
            params = () if i == 0 and w.chance(0.5) else w.value_types(4)
            _tag(w, w.func_type(params, ()))
    if w.has("stack-switching"):
        for params, results in (((), ()), ((I32,), (I64,)), ((), (I64,)), ((I64,), ())):
            _tag(w, w.func_type(params, results))


def _tag(w: World, x: int) -> None:
    w.module.exports.append(Export(f"tag{len(w.tags)}", "tag", len(w.tags)))
    w.module.tags.append(TagType(x))
    w.tags.append(x)


# --- segments -------------------------------------------------------------------------------------


def make_datas(w: World) -> None:
    """Active segments within bounds (almost always), and passive ones."""
    for memory, t in enumerate(w.memories):
        for _ in range(w.rng.randint(0, 2)):
            data = _bytes(w)
            room = t.limits.min * t.page_size - len(data)
            offset = w.rng.randint(0, min(room, 300)) if room >= 0 else 0
            if room < 0 or w.chance(0.02):
                data = data[: max(room, 0)] if w.chance(0.9) else data
            init = number_constant(offset, t.limits.addr)
            w.module.datas.append(Data("active", data, memory, init))
    if w.has("bulk-memory"):
        for _ in range(w.rng.randint(0, 2)):
            w.module.datas.append(Data("passive", _bytes(w)))
        w.module.data_count = len(w.module.datas)


def _bytes(w: World) -> bytes:
    return bytes(w.rng.choice((0, 1, 0x7F, 0x80, 0xFF, w.rng.randrange(256)))
                 for _ in range(w.rng.choice((0, 3, 16, 40, 100))))  # fmt: skip


def make_elems(w: World) -> None:
    """Functions into the tables of functions, other references into others, passive segments."""
    for table, t in enumerate(w.tables):
        least = t.limits.min
        if least and w.chance(0.9):
            _active(w, table, w.rng.randint(0, min(3, least - 1)), least)
    if w.has("bulk-memory"):
        for _ in range(w.rng.randint(0, 2)):
            t_ = w.rng.choice([FUNCREF, *w.refs]) if w.has("reference-types") else FUNCREF
            if can_make(w, t_):
                items = [constant(w, t_) for _ in range(w.rng.randint(0, 6))]
                w.module.elems.append(Elem(t_, "passive", items))


def _active(w: World, table: int, start: int, end: int) -> None:
    t = w.tables[table]
    offset = number_constant(start, t.limits.addr)
    fitting = w.functions_of(t.element)
    expressions = w.has("reference-types") and w.has("bulk-memory") and w.chance(0.3)
    if fitting and t.element.heap is FUNC and not expressions:
        items = [w.rng.choice(fitting) for _ in range(end - start)]
        w.placed.update({(table, start + k): function for k, function in enumerate(items)})
        w.referred.update(items)
        w.module.elems.append(Elem(ref(False, FUNC), "active", items, table, offset))
    elif expressions and can_make(w, t.element):
        bodies = [constant(w, t.element) for _ in range(min(end - start, 5))]
        w.module.elems.append(Elem(t.element, "active", bodies, table, offset))


def declare_functions(w: World) -> None:
    """A declarative segment for what code refers to."""
    if w.referred and w.has("reference-types"):
        elem = Elem(ref(False, FUNC), "declarative", sorted(w.referred))
        w.module.elems.append(elem)
