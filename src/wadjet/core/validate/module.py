"""Validation of modules (spec 3.5): every section, in the order in which they depend on another."""

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any, Final, final

from wadjet.core.body import Body
from wadjet.core.features import DEFAULT, Features
from wadjet.core.module import Data, Elem, Module
from wadjet.core.opcodes import Op
from wadjet.core.subtyping import defaultable, is_shared, match_ref
from wadjet.core.types import (
    F32, F64, FUNC, I32, I64, DefType, FuncUse, GlobalType, MemoryType, RefType, TableType,
    ValType, ref,
)  # fmt: skip
from wadjet.core.validate.context import Context, spell
from wadjet.core.validate.facts import Facts
from wadjet.core.validate.types import (
    check_func_type, check_global, check_memory, check_table, check_tag, check_types,
)  # fmt: skip

if TYPE_CHECKING:
    from wadjet.core.validate.bodies import Operands

#: Bodies of how many instructions, all in all, an eagerly validated module keeps with their facts.
_KEPT: Final = 1_000_000


@final
class ValidModule:
    """A module that is valid. Made by `validate` alone.

    `types` are its types, closed, by type index; `func_types` the type of every function, imports
    first.
    """

    __slots__ = (
        "_context",
        "_kept",
        "_referred",
        "_room",
        "features",
        "func_types",
        "module",
        "types",
    )

    def __init__(self, context: Context) -> None:
        assert context.checked, "only validate makes a ValidModule"
        self._context: Final = context
        self._kept: Final[dict[int, tuple[Facts, int]]] = {}
        self._referred: dict[DefType, list[int]] | None = None
        self._room = _KEPT
        self.module: Final[Module] = context.module
        self.features: Final[Features] = context.features
        self.types: Final[list[DefType]] = context.types
        self.func_types: Final[list[DefType]] = [context.types[x] for x in context.funcs]

    def facts(self, index: int) -> Facts:
        """The facts of a function that the module defines; `index` does not count imports.

        Where bodies were left for later, this checks the body: it raises Malformed or Invalid.
        Facts of a large module are found anew each time, unless somebody forgets what nobody
        needs any more.
        """
        kept = self._kept.get(index)
        if kept is not None:
            return kept[0]
        # what reads code is loaded when there is some to read
        from wadjet.core.validate.bodies import check_function

        facts = check_function(self._context, index)
        size = len(self.module.codes[index].body)
        if size <= self._room:
            self._room -= size
            self._kept[index] = facts, size
        return facts

    def referred(self, type_: DefType) -> Sequence[int]:
        """The functions that the module defines with just this type and has in element segments:
        what its indirect calls are likely to reach."""
        found = self._referred
        if found is None:
            found = self._referred = {}
            first = len(self.func_types) - len(self.module.funcs)
            items = (i for e in self.module.elems for i in e.items if isinstance(i, int))
            for index in dict.fromkeys(i for i in items if i >= first):
                found.setdefault(self.func_types[index], []).append(index)
        return found.get(type_, ())

    def operands(self, index: int, wanted: Iterable[int]) -> "dict[int, Operands]":
        """The types of all operands before and after each instruction with one of these ops."""
        from wadjet.core.validate.bodies import operands

        return operands(self._context, index, wanted)

    def forget(self, index: int) -> None:
        """Let go of the facts and the decoded body of a function; they are found again at need."""
        kept = self._kept.pop(index, None)
        if kept is not None:
            self._room += kept[1]
        self.module.codes[index].forget()

    def check_bodies(self) -> None:
        """Check every function. Raises Malformed or Invalid."""
        for index, code in enumerate(self.module.codes):
            self.facts(index)
            if index not in self._kept:
                code.forget()


def validate(module: Module, features: Features = DEFAULT, *, lazy: bool = False) -> ValidModule:
    """Check a module against the standard and the features. Raises Invalid, with the place.

    With `lazy`, the bodies of functions are left for `ValidModule.facts`, which then may raise.
    """
    cx = Context(module, features)
    check_types(cx)
    _check_imports(cx)
    _check_definitions(cx)
    _find_references(cx)
    _check_initialisers(cx)
    for elem in module.elems:
        _check_elem(cx, elem)
    for data in module.datas:
        _check_data(cx, data)
    _check_start(cx)
    _check_exports(cx)
    cx.checked = True
    valid = ValidModule(cx)
    if not lazy:
        valid.check_bodies()
    return valid


def _check_imports(cx: Context) -> None:
    for entry in cx.module.imports:
        t, place = entry.type, entry.place
        if isinstance(t, FuncUse):
            check_func_type(cx, t.type, place)
            if t.exact:
                cx.require("custom-descriptors", "an exact function import", place)
            cx.funcs.append(t.type)
            cx.exact_funcs.append(t.exact)
        elif isinstance(t, TableType):
            check_table(cx, t, place)
            cx.tables.append(t)
        elif isinstance(t, MemoryType):
            check_memory(cx, t, place)
            cx.memories.append(t)
        elif isinstance(t, GlobalType):
            check_global(cx, t, place)
            if t.mutable:
                cx.require("mutable-globals", "an imported mutable global", place)
            cx.globals.append(t)
        else:
            check_tag(cx, t.type, place)
            cx.tags.append(t.type)
    cx.imported_globals = len(cx.globals)


def _check_definitions(cx: Context) -> None:
    """The types of what the module defines; initialisers come later."""
    module = cx.module
    for i, tag in enumerate(module.tags):
        check_tag(cx, tag.type, _at(module.tag_places, i))
        cx.tags.append(tag.type)
    _check_funcs(cx)
    for i, memory in enumerate(module.memories):
        check_memory(cx, memory, _at(module.memory_places, i))
        cx.memories.append(memory)
    for table in module.tables:
        check_table(cx, table.type, table.place)
        cx.tables.append(table.type)
    for global_ in module.globals:
        check_global(cx, global_.type, global_.place)
    if len(cx.memories) > 1 and "multi-memory" not in cx.features:
        cx.fail(f"multiple memories: {len(cx.memories)} need the feature multi-memory", 0)
    if len(cx.tables) > 1 and "reference-types" not in cx.features:
        cx.fail(f"multiple tables: {len(cx.tables)} need the feature reference-types", 0)
    cx.datas = len(module.datas)


def _check_funcs(cx: Context) -> None:
    """There may be hundreds of thousands of functions, but they share their types."""
    funcs = cx.module.funcs
    good = {x for x in set(funcs) if x < len(cx.signatures) and cx.signatures[x] is not None}
    for i, x in enumerate(funcs):
        if x not in good:
            check_func_type(cx, x, _at(cx.module.func_places, i))
    cx.funcs.extend(funcs)
    cx.exact_funcs.extend(["custom-descriptors" in cx.features] * len(funcs))


def _at(places: Sequence[int], index: int) -> int:
    return places[index] if index < len(places) else 0


def _find_references(cx: Context) -> None:
    """Functions mentioned outside of code may be referred to in code (spec 3.5.16)."""
    module, refs = cx.module, cx.refs
    refs.update([e.index for e in module.exports if e.kind == "func"])
    bodies: list[Body | None] = [g.init for g in module.globals]
    bodies.extend([t.init for t in module.tables])
    for elem in module.elems:
        bodies.append(elem.offset)
        indices, items = _split(elem)
        refs.update(indices)
        bodies.extend(items)
    for body in bodies:
        if body is not None and Op.REF_FUNC in body.ops:
            for op, imm in zip(body.ops, body.imms, strict=True):
                if op == Op.REF_FUNC:
                    assert isinstance(imm, int)
                    refs.add(imm)


def _check_initialisers(cx: Context) -> None:
    """Tables see the imported globals, each global also those before it."""
    for i, table in enumerate(cx.module.tables):
        t = table.type
        if table.init is not None:
            cx.require("function-references", "a table with an initialiser", table.place)
            _check_constant(cx, table.init, t.element, t.shared)
        elif not defaultable(t.element):
            x = len(cx.tables) - len(cx.module.tables) + i
            cx.fail(
                f"type mismatch: table {x} of {t.element} needs an initialiser: "
                "its elements have no default",
                table.place,
            )
    for global_ in cx.module.globals:
        _check_constant(cx, global_.init, global_.type.value, global_.type.shared)
        cx.globals.append(global_.type)


#: Nearly all constant expressions: one constant of the right type. There may be 100,000.
_PLAIN: Final[dict[ValType, list[int]]] = {
    I32: [Op.I32_CONST, Op.END],
    I64: [Op.I64_CONST, Op.END],
    F32: [Op.F32_CONST, Op.END],
    F64: [Op.F64_CONST, Op.END],
}


def _check_constant(cx: Context, body: Body, t: ValType, shared: bool = False) -> None:
    if body.ops == _PLAIN.get(t):
        return
    from wadjet.core.validate.bodies import check_constant

    check_constant(cx, body, t, shared)


def _check_elem(cx: Context, elem: Elem) -> None:
    t, place = elem.type, elem.place
    if t is not ref(t.nullable, FUNC):
        problem = cx.problem(t)
        if problem is not None:
            cx.fail(problem, place)
    if elem.mode == "active":
        if elem.table >= len(cx.tables):
            cx.fail(f"unknown table {elem.table}: there are {len(cx.tables)}", place)
        table = cx.tables[elem.table]
        if not match_ref(t, table.element, cx.types):
            cx.fail(
                f"type mismatch: element segment's type {t} does not match "
                f"table's element type {table.element}",
                place,
            )
        assert elem.offset is not None
        _check_constant(cx, elem.offset, table.limits.addr)
    else:
        cx.require("bulk-memory", f"a {elem.mode} element segment", place)
    indices, items = _split(elem)
    _check_elem_functions(cx, indices, t, place)
    shared = is_shared(t, cx.types)
    for item in items:
        _check_constant(cx, item, t, shared)
    cx.elems.append(t)


def _split(elem: Elem) -> tuple[list[int], list[Body]]:
    """The items of a segment as function indices, or as constant expressions."""
    items: Any = elem.items
    if items and isinstance(items[0], int):
        return items, []
    return [], items


def _check_elem_functions(cx: Context, indices: list[int], t: RefType, place: int) -> None:
    """A segment may list hundreds of thousands of functions, of few types."""
    funcs, count = cx.funcs, len(cx.funcs)
    if indices and max(indices) >= count:
        item = next(x for x in indices if x >= count)
        cx.fail(f"unknown function {item}: there are {count}", place)
    for x in {funcs[item] for item in indices}:
        found = ref(False, x)
        if not match_ref(found, t, cx.types):
            item = next(item for item in indices if funcs[item] == x)
            cx.fail(f"type mismatch: expected {t}, found {found} of function {item}", place)


def _check_data(cx: Context, data: Data) -> None:
    if data.mode != "active":
        cx.require("bulk-memory", "a passive data segment", data.place)
        return
    if data.memory >= len(cx.memories):
        cx.fail(f"unknown memory {data.memory}: there are {len(cx.memories)}", data.place)
    assert data.offset is not None
    _check_constant(cx, data.offset, cx.memories[data.memory].limits.addr)


def _check_start(cx: Context) -> None:
    x, place = cx.module.start, cx.module.start_place
    if x is None:
        return
    if x >= len(cx.funcs):
        cx.fail(f"unknown function {x}: there are {len(cx.funcs)}", place)
    sig = check_func_type(cx, cx.funcs[x], place)
    if sig.params or sig.results:
        cx.fail(
            "start function must not have parameters or results: "
            f"found {spell(sig.params)} -> {spell(sig.results)}",
            place,
        )


def _check_exports(cx: Context) -> None:
    counts = {
        "func": ("function", len(cx.funcs)),
        "table": ("table", len(cx.tables)),
        "memory": ("memory", len(cx.memories)),
        "global": ("global", len(cx.globals)),
        "tag": ("tag", len(cx.tags)),
    }
    names: set[str] = set()
    for export in cx.module.exports:
        noun, count = counts[export.kind]
        if export.index >= count:
            cx.fail(f"unknown {noun} {export.index}: there are {count}", export.place)
        if export.kind == "global" and cx.globals[export.index].mutable:
            cx.require("mutable-globals", "an exported mutable global", export.place)
        if export.name in names:
            cx.fail(f'duplicate export name "{export.name}"', export.place)
        names.add(export.name)
