"""The only place that lays a module out as text (spec 6.6): `Module` → source.

What cannot be said in text is left out: how an integer was padded, whether locals of one type came
in one run or several, a data count that nobody needs. All else survives text → binary → text.
"""

from collections.abc import Iterator
from itertools import groupby
from typing import Final, final

from wadjet.core.body import Body
from wadjet.core.module import (
    Code, Custom, Data, Elem, Export, Global, Import, Module, Names, Table,
)  # fmt: skip
from wadjet.core.text.folding import Folder
from wadjet.core.text.layout import flat, folded, inline, pad
from wadjet.core.text.notation import data_string, string
from wadjet.core.text.spelling import Space, Spelling, kind, runs
from wadjet.core.types import (
    FUNC, ExternType, FuncType, FuncUse, GlobalType, MemoryType, SubType, TableType, TagType, ref,
)  # fmt: skip

#: ids of the sections as `(@custom … (after …))` calls them, in the order they stand in a module
_SECTIONS: Final = {
    1: "type",
    2: "import",
    3: "func",
    4: "table",
    5: "memory",
    13: "tag",
    6: "global",
    7: "export",
    8: "start",
    9: "elem",
    12: "datacount",
    10: "code",
    11: "data",
}
_NAME: Final = "name"
_HINT: Final = "metadata.code.branch_hint"
#: bytes of a data segment on one line: when most of them are readable, and when not
_ROW, _ESCAPED_ROW = 80, 32
_WIDTH: Final = 100


def print_module(module: Module, *, folded: bool = False, names: bool = True) -> str:
    """The text of a module, complete: parsing it gives the same module again.

    `folded` writes operands inside their instructions. `names` False writes every reference as a
    number, and the name section as the bytes it is. Raises Malformed where a function body that is
    read only now turns out to be malformed.
    """
    return "".join(print_chunks(module, folded=folded, names=names))


def print_chunks(module: Module, *, folded: bool = False, names: bool = True) -> Iterator[str]:
    """Like `print_module`, in pieces of whole lines, never holding more than one function."""
    return _Printer(module, folded, names).chunks()


@final
class _Printer:
    """One printing of one module. Every method gives whole lines, indented, without newline."""

    def __init__(self, module: Module, folded: bool, names: bool) -> None:
        self.module: Final = module
        self.folded: Final = folded
        self.spell: Final = Spelling(module, names)
        self.folder: Final = Folder(module)
        self.customs: Final = _shown_customs(module, names)

    def chunks(self) -> Iterator[str]:
        yield self._head()
        for section in (0, *_SECTIONS):
            for lines in self._section(section):
                yield "".join(f"{line}\n" for line in lines)
            for custom in self.customs:
                if custom.after == section:
                    yield f"{self._custom(custom)}\n"
        yield ")\n"

    def _head(self) -> str:
        name = self.spell.module_name
        if name is None:
            return "(module\n"
        bound = Space({0: name}, 1)
        return f"(module {bound.bind(0)}\n"

    def _section(self, section: int) -> Iterator[list[str]]:
        m = self.module
        match section:
            case 1:
                yield from self._types()
            case 2:
                yield from self._imports()
            case 4:
                base = len(m.imported(TableType))
                yield [self._table(base + i, t) for i, t in enumerate(m.tables)]
            case 5:
                base = len(m.imported(MemoryType))
                yield [f"  ({self._extern(t, base + i)})" for i, t in enumerate(m.memories)]
            case 13:
                base = len(m.imported(TagType))
                yield [f"  ({self._extern(t, base + i)})" for i, t in enumerate(m.tags)]
            case 6:
                base = len(m.imported(GlobalType))
                yield [self._global(base + i, g) for i, g in enumerate(m.globals)]
            case 7:
                yield [self._export(e) for e in m.exports]
            case 8:
                yield [] if m.start is None else [f"  (start {self.spell.func.use(m.start)})"]
            case 9:
                yield from (self._elem(i, e) for i, e in enumerate(m.elems))
            case 10:
                yield from self._funcs()
            case 11:
                yield from (self._data(i, d) for i, d in enumerate(m.datas))
            case _:
                pass  # function types and the data count are told elsewhere

    def _custom(self, custom: Custom) -> str:
        place = f"after {_SECTIONS[custom.after]}" if custom.after in _SECTIONS else "before first"
        head = f"  (@custom {string(custom.name)} ({place})"
        return "\n".join(_with_rows(head, custom.data))

    # -- types and their uses -------------------------------------------------------------------

    def _types(self) -> Iterator[list[str]]:
        index = 0
        for group in self.module.types:
            if group.spelled or len(group.subs) != 1:
                lines = ["  (rec"]
                lines += [f"    {self._type(index + i, s)}" for i, s in enumerate(group.subs)]
                yield [*lines, "  )"]
            else:
                yield [f"  {self._type(index, group.subs[0])}"]
            index += len(group.subs)

    def _type(self, index: int, sub: SubType) -> str:
        return f"(type {self.spell.type.define(index)} {self.spell.subtype(index, sub)})"

    def _extern(self, t: ExternType, index: int | None) -> str:
        """An external type with its keyword and binding; `index` None where none may stand."""
        keyword, text = kind(t), self.spell.externtype(t)
        if index is None:
            return f"{keyword} {text}"
        ft = self.spell.comp(t.type) if isinstance(t, FuncUse) and not t.exact else None
        if isinstance(t, FuncUse) and ft is not None:
            space = self.spell.locals(index, len(ft.params))
            text = self.spell.typeuse(t.type, self.spell.params(ft, space))
        return f"{keyword} {self.spell.space(keyword).define(index)} {text}"

    # -- imports and exports --------------------------------------------------------------------

    def _imports(self) -> Iterator[list[str]]:
        counts: dict[type[object], int] = {}
        for group, members in groupby(self.module.imports, lambda i: i.group):
            imports = list(members)
            indices = []
            for i in imports:
                indices.append(counts.get(type(i.type), 0))
                counts[type(i.type)] = indices[-1] + 1
            if group is None:
                yield [self._import(i, index) for i, index in zip(imports, indices)]
            else:
                yield self._import_group(imports, indices)

    def _import(self, i: Import, index: int) -> str:
        extern = self._extern(i.type, index)
        return f"  (import {string(i.module)} {string(i.name)} ({extern}))"

    def _import_group(self, imports: list[Import], indices: list[int]) -> list[str]:
        """One entry of the compact import section: `(import "m" (item …)…)`."""
        lines = [f"  (import {string(imports[0].module)}"]
        if imports[0].form == _ONE_TYPE:
            lines += [f"    (item {string(i.name)})" for i in imports]
            lines.append(f"    ({self._extern(imports[0].type, None)})")
        else:
            for i, index in zip(imports, indices):
                lines.append(f"    (item {string(i.name)} ({self._extern(i.type, index)}))")
        return [*lines, "  )"]

    def _export(self, e: Export) -> str:
        return f"  (export {string(e.name)} ({e.kind} {self.spell.space(e.kind).use(e.index)}))"

    # -- definitions ----------------------------------------------------------------------------

    def _table(self, index: int, table: Table) -> str:
        init = "".join(f" {text}" for text in self._constant(table.init)) if table.init else ""
        return f"  ({self._extern(table.type, index)}{init})"

    def _global(self, index: int, g: Global) -> str:
        init = "".join(f" {text}" for text in self._constant(g.init))
        return f"  ({self._extern(g.type, index)}{init})"

    def _constant(self, body: Body) -> list[str]:
        """The expressions of a constant expression; one, where the module is valid."""
        return inline(body.ops, self.spell.instructions(body), self.folder.starts(body))

    def _wrapped(self, keyword: str, body: Body) -> str:
        """`(i32.const 0)`, or `(offset …)` around anything but one expression."""
        found = self._constant(body)
        return found[0] if len(found) == 1 else f"({' '.join([keyword, *found])})"

    def _elem(self, index: int, elem: Elem) -> list[str]:
        head = f"  (elem {self.spell.elem.define(index)}"
        if elem.mode == "declarative":
            head += " declare"
        elif elem.mode == "active":
            assert elem.offset is not None
            if elem.table or (elem.flags is not None and elem.flags & 2):
                head += f" (table {self.spell.table.use(elem.table)})"
            head += f" {self._wrapped('offset', elem.offset)}"
        use = self.spell.func.use
        items = [use(i) if isinstance(i, int) else self._wrapped("item", i) for i in elem.items]
        kind = "func" if _lists_functions(elem) else self.spell.valtype(elem.type)
        return _filled(f"{head} {kind}", items)

    def _data(self, index: int, data: Data) -> list[str]:
        head = f"  (data {self.spell.data.define(index)}"
        if data.mode == "active":
            assert data.offset is not None
            if data.memory or data.flags == 2:
                head += f" (memory {self.spell.mem.use(data.memory)})"
            head += f" {self._wrapped('offset', data.offset)}"
        return _with_rows(head, data.data)

    # -- functions ------------------------------------------------------------------------------

    def _funcs(self) -> Iterator[list[str]]:
        module = self.module
        base = len(module.imported(FuncUse))
        for i, (type_index, code) in enumerate(zip(module.funcs, module.codes, strict=True)):
            yield self._func(base + i, type_index, code)
            code.forget()

    def _func(self, index: int, type_index: int, code: Code) -> list[str]:
        ft = self.spell.comp(type_index) or _NO_TYPE
        count = len(ft.params) + sum(n for n, _ in code.locals)
        space = self.spell.locals(index, count)
        use = self.spell.typeuse(type_index, self.spell.params(ft, space))
        lines = [f"  (func {self.spell.func.define(index)} {use}"]
        lines += self._locals(len(ft.params), code, space)
        body = code.body
        texts = self.spell.instructions(body, index, space)
        hints = self.module.hints.get(index, {})
        if self.folded:
            starts = self.folder.starts(body, len(ft.results))
            lines += folded(body.ops, texts, starts, hints)
        else:
            lines += flat(body.ops, texts, hints)
        return [*lines, "  )"] if len(lines) > 1 else [f"{lines[0]})"]

    def _locals(self, first: int, code: Code, space: Space) -> list[str]:
        texts = [self.spell.valtype(t) for count, t in code.locals for _ in range(count)]
        return _filled_runs([f"(local {run})" for run in runs(space, texts, first)])


_NO_TYPE: Final = FuncType((), ())
#: the type of a segment that lists function indices
_FUNCS: Final = ref(False, FUNC)
#: the form of a group of imports that names its type once
_ONE_TYPE: Final = 0x7E


def _shown_customs(module: Module, names: bool) -> list[Custom]:
    """The custom sections that nothing else in the text stands for."""
    hidden = set()
    if names and module.names != Names():
        hidden.add(_NAME)
    if module.hints:
        hidden.add(_HINT)
    return [c for c in module.customs if c.name not in hidden]


def _filled_runs(texts: list[str]) -> list[str]:
    """Short texts side by side, on as many lines as they need."""
    lines: list[str] = []
    for text in texts:
        if lines and len(lines[-1]) + len(text) < _WIDTH:
            lines[-1] += f" {text}"
        else:
            lines.append(f"{pad(2)}{text}")
    return lines


def _filled(head: str, items: list[str]) -> list[str]:
    """`head item item …)`, on one line if it fits, else wrapped below."""
    if len(head) + sum(len(item) + 1 for item in items) < _WIDTH:
        return [f"{' '.join([head, *items])})"]
    return [head, *_filled_runs(items), "  )"]


def _lists_functions(elem: Elem) -> bool:
    """Whether a segment is written as function indices (an empty one tells by its flags)."""
    if elem.items:
        return isinstance(elem.items[0], int)
    if elem.flags is not None:
        return not elem.flags & 4
    return elem.type is _FUNCS


def _with_rows(head: str, data: "bytes | memoryview") -> list[str]:
    """`head "…")`, long data in rows below it."""
    view = memoryview(data)
    if len(view) <= _ESCAPED_ROW:
        return [f"{head} {data_string(view)})"]
    readable = sum(0x20 <= byte < 0x7F for byte in view[:1024]) * 4 > min(len(view), 1024) * 3
    row = _ROW if readable else _ESCAPED_ROW
    rows = [f"{pad(2)}{data_string(view[i : i + row])}" for i in range(0, len(view), row)]
    return [head, *rows, "  )"]
