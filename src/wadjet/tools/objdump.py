"""What is in a binary module, for people: headers, details, disassembly, raw contents.

Types and instructions are written as in the text format. An index is followed by the name of what
it means, `call 7 <malloc>`: from the name section, or from an export or import where that has none.
"""

from collections.abc import Callable, Collection, Iterator
from typing import Final, final

from wadjet.core.body import Body
from wadjet.core.module import Code, Data, Elem, Module
from wadjet.core.opcodes import Op
from wadjet.core.text.notation import string
from wadjet.core.text.spelling import OPENERS, Space, Spelling, kind
from wadjet.core.types import FuncUse, GlobalType, Limits, MemoryType, TableType, TagType
from wadjet.tools.hexdump import hexdump
from wadjet.tools.metadata import DYLINK, PRODUCERS, TARGET_FEATURES, metadata
from wadjet.tools.outline import Entry, outline

_CLOSERS: Final = frozenset({Op.END, Op.ELSE, Op.CATCH, Op.CATCH_ALL, Op.DELEGATE})
_REOPENERS: Final = OPENERS | {Op.ELSE, Op.CATCH, Op.CATCH_ALL}
#: bytes of code on one line, and of data in the details of a segment or custom section
_CODE_ROW, _PREVIEW = 9, 64
_DEEPEST: Final = 40


@final
class Dump:
    """One module under inspection. `data` must be the bytes that `module` was decoded from.

    Every method yields lines. Bodies of functions are read by `disassembly` alone, so that the
    rest serves a lazily decoded module at once.
    """

    def __init__(self, module: Module, data: bytes) -> None:
        self.module: Final = module
        self.data: Final = data
        self.entries: Final = outline(data)
        self._names: Final = _known_names(module)
        self._spell: Final = _indexed(module, self._names)
        self._details: Final[dict[int, Callable[[], Iterator[str]]]] = {
            1: self._types,
            2: self._imports,
            3: self._functions,
            4: self._tables,
            5: self._memories,
            6: self._globals,
            7: self._exports,
            8: self._start,
            9: self._elems,
            10: self._codes,
            11: self._datas,
            12: self._data_count,
            13: self._tags,
        }

    # -- sections -------------------------------------------------------------------------------

    def headers(self) -> Iterator[str]:
        """The table of sections: where each one's content is, its size and number of items."""
        yield f"{'id':>4}  {'section':<28} {'start':>10} {'end':>10} {'size':>10} {'items':>8}"
        for e in self.entries:
            count = "" if e.count is None else str(e.count)
            line = f"{e.id:>4}  {e.title:<28} {e.start:#010x} {e.end:#010x} {e.size:>10} {count:>8}"
            yield line.rstrip()

    def contents(self) -> Iterator[str]:
        """The raw bytes of every section."""
        for entry in self.entries:
            yield f"{entry.title}:"
            yield from hexdump(memoryview(self.data)[entry.start : entry.end], entry.start)
            yield ""

    def details(self) -> Iterator[str]:
        """What every section says, item by item."""
        customs = iter(self.module.customs)
        for entry in self.entries:
            items = "" if entry.count is None else f"[{entry.count}]"
            yield f"{entry.title}{items}:"
            if entry.custom is None:
                yield from self._details[entry.id]()
            else:
                yield from self._custom(entry, next(customs).data)
            yield ""

    def _label(self, kind: str, index: int) -> str:
        name = self._names[kind].get(index)
        return f"{kind}[{index}]" if name is None else f"{kind}[{index}] <{name}>"

    def _types(self) -> Iterator[str]:
        index = 0
        for number, group in enumerate(self.module.types):
            for sub in group.subs:
                grouped = f"  in rec {number}" if len(group.subs) > 1 else ""
                text = self._spell.subtype(index, sub)
                yield f"  {self._label('type', index)} {text}{grouped}"
                index += 1

    def _imports(self) -> Iterator[str]:
        counts: dict[str, int] = {}
        for i in self.module.imports:
            what = kind(i.type)
            index = counts.get(what, 0)
            counts[what] = index + 1
            source = f"{string(i.module)} {string(i.name)}"
            yield f"  {self._label(what, index)} {self._spell.externtype(i.type)} <- {source}"

    def _functions(self) -> Iterator[str]:
        base = len(self.module.imported(FuncUse))
        for index, t in enumerate(self.module.funcs, base):
            yield f"  {self._label('func', index)} {self._spell.typeuse(t)}"

    def _tables(self) -> Iterator[str]:
        base = len(self.module.imported(TableType))
        for index, table in enumerate(self.module.tables, base):
            init = f" = {self._constant(table.init)}" if table.init else ""
            yield f"  {self._label('table', index)} {self._spell.externtype(table.type)}{init}"

    def _memories(self) -> Iterator[str]:
        base = len(self.module.imported(MemoryType))
        for index, t in enumerate(self.module.memories, base):
            sizes = _sizes(t.limits, t.page_size)
            yield f"  {self._label('memory', index)} {self._spell.externtype(t)}  ({sizes})"

    def _tags(self) -> Iterator[str]:
        base = len(self.module.imported(TagType))
        for index, t in enumerate(self.module.tags, base):
            yield f"  {self._label('tag', index)} {self._spell.externtype(t)}"

    def _globals(self) -> Iterator[str]:
        base = len(self.module.imported(GlobalType))
        for index, g in enumerate(self.module.globals, base):
            text = f"{self._spell.externtype(g.type)} = {self._constant(g.init)}"
            yield f"  {self._label('global', index)} {text}"

    def _exports(self) -> Iterator[str]:
        for e in self.module.exports:
            yield f"  {self._label(e.kind, e.index)} -> {string(e.name)}"

    def _start(self) -> Iterator[str]:
        if self.module.start is not None:
            yield f"  {self._label('func', self.module.start)}"

    def _elems(self) -> Iterator[str]:
        for index, elem in enumerate(self.module.elems):
            yield f"  {self._label('elem', index)} {self._elem(elem)}"
            texts = [self._item(item) for item in elem.items]
            yield from (f"    [{number}] {text}" for number, text in enumerate(texts))

    def _item(self, item: int | Body) -> str:
        return self._label("func", item) if isinstance(item, int) else self._constant(item)

    def _elem(self, elem: Elem) -> str:
        count = _counted(len(elem.items), "item")
        text = f"{elem.mode} {self._spell.valtype(elem.type)}, {count}"
        if elem.offset is None:
            return text
        return f"{text}, {self._label('table', elem.table)} at {self._constant(elem.offset)}"

    def _codes(self) -> Iterator[str]:
        base = len(self.module.imported(FuncUse))
        for index, code in enumerate(self.module.codes, base):
            size = _counted(code.size, "byte")
            yield f"  {code.start:08x}: {self._label('func', index)} {size}"

    def _datas(self) -> Iterator[str]:
        for index, data in enumerate(self.module.datas):
            yield f"  {self._label('data', index)} {self._data(data)}"
            yield from (f"    {line}" for line in hexdump(data.data, _address(data), _PREVIEW))

    def _data(self, data: Data) -> str:
        text = f"{data.mode}, {_counted(len(data.data), 'byte')}"
        if data.offset is None:
            return text
        return f"{text}, {self._label('memory', data.memory)} at {self._constant(data.offset)}"

    def _data_count(self) -> Iterator[str]:
        yield f"  {_counted(self.module.data_count or 0, 'data segment')}"

    def _constant(self, body: Body) -> str:
        """A constant expression, one instruction after the other."""
        return " ".join(self._spell.instructions(body)[:-1])

    # -- custom sections ------------------------------------------------------------------------

    def _custom(self, entry: Entry, data: bytes) -> Iterator[str]:
        found = metadata(self.module)
        if entry.custom in found.broken:
            yield f"  malformed: {found.broken[entry.custom]}"
        elif entry.custom == "name":
            if found.name is not None:
                yield f"  module {found.name}"
            yield from (f"  {what}: {count}" for what, count in found.named.items())
        elif entry.custom == PRODUCERS:
            for what, tools in found.producers.items():
                yield from (f"  {what}: {tool} {version}".rstrip() for tool, version in tools)
        elif entry.custom == TARGET_FEATURES:
            yield f"  {' '.join(found.features)}"
        elif entry.custom == DYLINK and found.dylink is not None:
            yield "  memory of {} bytes, aligned to 2^{}".format(*found.dylink.memory)
            yield "  table of {} elements, aligned to 2^{}".format(*found.dylink.table)
            yield from (f"  needs {name}" for name in found.dylink.needed)
        elif entry.custom == "metadata.code.branch_hint":
            yield from self._hints()
        else:
            yield from (f"  {line}" for line in hexdump(data, 0, _PREVIEW))

    def _hints(self) -> Iterator[str]:
        base = len(self.module.imported(FuncUse))
        for index, hints in self.module.hints.items():
            places = self.module.codes[index - base].body.places
            for at, likely in hints.items():
                word = "likely" if likely else "unlikely"
                yield f"  {places[at]:08x}: {self._label('func', index)} {word}"

    # -- code -----------------------------------------------------------------------------------

    def disassembly(self, only: Collection[str] = ()) -> Iterator[str]:
        """Every instruction: offset, bytes, text. `only` chooses functions by index or name.

        Raises Malformed where a body that is read only now turns out to be malformed.
        """
        base = len(self.module.imported(FuncUse))
        for index, code in enumerate(self.module.codes, base):
            if not only or {str(index), self._names["func"].get(index)}.intersection(only):
                yield from self._function(index, self.module.funcs[index - base], code)
                yield ""
                code.forget()

    def _function(self, index: int, type_index: int, code: Code) -> Iterator[str]:
        body = code.body
        plain = self._spell.locals(index, 1 << 32)
        yield f"{code.start:06x} {self._label('func', index)} {self._spell.typeuse(type_index)}:"
        first = len(ft.params) if (ft := self._spell.comp(type_index)) else 0
        yield from self._rows(code.start, body.places[0], _locals(code, first))
        local = Space({}, 0)
        for i, name in self.module.names.locals.get(index, {}).items():
            local.uses[i] = f"{i} <{name}>"
        texts = self._spell.instructions(body, index, local if plain.uses else None)
        ends = [*body.places[1:], code.start + code.size]
        depth = 0
        for op, place, end, text in zip(body.ops, body.places, ends, texts):
            if op in _CLOSERS:
                depth = max(0, depth - 1)
            yield from self._rows(place, end, "  " * min(depth, _DEEPEST) + text)
            if op in _REOPENERS:
                depth += 1

    def _rows(self, start: int, end: int, text: str) -> Iterator[str]:
        """One instruction; its bytes go on below it where they are many."""
        for at in range(start, end, _CODE_ROW):
            row = self.data[at : min(at + _CODE_ROW, end)].hex(" ")
            yield f" {at:06x}: {row:<{3 * _CODE_ROW}}| {text}".rstrip()
            text = ""


def describe(dump: Dump) -> dict[str, object]:
    """The same for programs: sections, imports, exports and functions as JSON has them."""
    module, spell = dump.module, Spelling(dump.module, names=False)
    base = len(module.imported(FuncUse))
    names = _known_names(module)
    return {
        "size": len(dump.data),
        "sections": [
            {
                "id": e.id,
                "name": e.name if e.custom is None else e.custom,
                "custom": e.custom is not None,
                "start": e.start,
                "size": e.size,
                "count": e.count,
            }
            for e in dump.entries
        ],
        "types": [spell.subtype(i, sub) for i, sub in enumerate(module.subtypes())],
        "imports": [
            {
                "module": i.module,
                "name": i.name,
                "kind": kind(i.type),
                "type": spell.externtype(i.type),
            }
            for i in module.imports
        ],
        "exports": [{"name": e.name, "kind": e.kind, "index": e.index} for e in module.exports],
        "functions": [
            {
                "index": index,
                "name": names["func"].get(index),
                "type": type_index,
                "start": code.start,
                "size": code.size,
            }
            for index, (type_index, code) in enumerate(zip(module.funcs, module.codes), base)
        ],
        "producers": metadata(module).producers,
        "features": metadata(module).features,
    }


def _known_names(module: Module) -> dict[str, dict[int, str]]:
    """Kind → index → name; exports and imports name what the name section does not."""
    given = module.names
    known: dict[str, dict[int, str]] = {
        "type": dict(given.types),
        "func": dict(given.funcs),
        "table": dict(given.tables),
        "memory": dict(given.memories),
        "tag": dict(given.tags),
        "global": dict(given.globals),
        "elem": dict(given.elems),
        "data": dict(given.datas),
    }
    counts: dict[str, int] = {}
    for i in module.imports:
        what = kind(i.type)
        index = counts.get(what, 0)
        counts[what] = index + 1
        known[what].setdefault(index, f"{i.module}.{i.name}")
    for e in module.exports:
        known[e.kind].setdefault(e.index, e.name)
    return known


def _indexed(module: Module, names: dict[str, dict[int, str]]) -> Spelling:
    """A spelling that gives both, the index and the name: `7 <malloc>`."""
    spell = Spelling(module)
    for what, known in names.items():
        spell.space(what).uses.clear()
        spell.space(what).uses.update({i: f"{i} <{name}>" for i, name in known.items()})
    return spell


def _locals(code: Code, first: int) -> str:
    """`local[2..4] i32, local[5] f64`: the declared locals of a function."""
    runs = []
    for count, t in code.locals:
        last = first + count - 1
        runs.append(f"local[{first}] {t}" if count == 1 else f"local[{first}..{last}] {t}")
        first += count
    return ", ".join(runs) or "no locals"


def _address(data: Data) -> int:
    """Where a segment goes in memory, as far as that is plain."""
    body = data.offset
    if body is None or len(body) != 2 or body.ops[0] not in (Op.I32_CONST, Op.I64_CONST):
        return 0
    address = body.imms[0]
    assert isinstance(address, int)
    return address & 0xFFFF_FFFF if body.ops[0] == Op.I32_CONST else address & (1 << 64) - 1


def _counted(count: int, noun: str) -> str:
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def _sizes(limits: Limits, page: int) -> str:
    least = _size(limits.min * page)
    return least if limits.max is None else f"{least} to {_size(limits.max * page)}"


def _size(count: int) -> str:
    for unit in ("bytes", "KiB", "MiB", "GiB"):
        if count < 1024 or count % 1024:
            return f"{count} {unit}"
        count //= 1024
    return f"{count} TiB"
