"""`Module` → bytes: the only place that writes modules (spec 5.5).

Every number takes the fewest bytes. What else there is to choose was kept by `decode`, so that
`encode(decode(data)) == data` where `data` was as short; and `decode(encode(module)) == module`.
Branch hints are moved along with the instructions they belong to; what other custom sections say
about positions in the code is not: it holds only if the code was as short before.
"""

from collections.abc import Iterator
from itertools import groupby
from typing import Final

from wadjet.base.leb128 import unsigned
from wadjet.core.binary import write_types as write
from wadjet.core.binary.names import HINTS_SECTION, NAME_SECTION, encode_hints, encode_names
from wadjet.core.binary.reader import MAGIC, SECTION_ORDER, VERSION
from wadjet.core.binary.sections import (
    EXPLICIT, EXPRESSIONS, ITEMS, ITEMS_OF_ONE_TYPE, NOT_ACTIVE, TABLE_WITH_INIT,
)  # fmt: skip
from wadjet.core.binary.write_body import encode_body, write_body
from wadjet.core.body import Body
from wadjet.core.module import (
    KINDS, Code, Custom, Data, Elem, Export, Import, Module, Table,
)  # fmt: skip
from wadjet.core.types import FUNC, FUNCREF, FuncUse, ref

_CODE: Final = 10


def encode(module: Module, *, names: bool = False) -> bytes:
    """Write a module. With `names`, also the name section for `module.names`, unless it has one.

    A lazily decoded module reads all its bodies, and may raise `Malformed`.
    """
    hints: dict[int, dict[int, bool]] = {}
    contents = _contents(module)
    contents[_CODE] = _codes(module, hints)
    customs = _customs(module, hints)
    out = [MAGIC + VERSION, *_written(customs, 0)]
    for number in SECTION_ORDER:
        if number == _CODE and hints and all(c.name != HINTS_SECTION for c in customs):
            out.append(_custom(HINTS_SECTION, encode_hints(hints)))
        content = contents[number]
        if content or number in module.empty:
            out.append(bytes([number]) + write.blob(content or b"\0"))
        out.extend(_written(customs, number))
    if names and all(custom.name != NAME_SECTION for custom in customs):
        content = encode_names(module.names)
        out.append(_custom(NAME_SECTION, content) if content else b"")
    return b"".join(out)


def _contents(module: Module) -> dict[int, bytes]:
    """Section id → content of all sections but the code; nothing where there is nothing."""
    start, count = module.start, module.data_count
    return {
        1: _list([write.rectype(group) for group in module.types]),
        2: _list(list(_imports(module.imports))),
        3: _list([unsigned(index) for index in module.funcs]),
        4: _list([_table(table) for table in module.tables]),
        5: _list([write.memorytype(memory) for memory in module.memories]),
        13: _list([write.tagtype(tag) for tag in module.tags]),
        6: _list([write.globaltype(g.type) + encode_body(g.init) for g in module.globals]),
        7: _list([_export(export) for export in module.exports]),
        8: b"" if start is None else unsigned(start),
        9: _list([_elem(elem) for elem in module.elems]),
        12: b"" if count is None else unsigned(count),
        11: _list([_data(data) for data in module.datas]),
    }


def _list(parts: list[bytes]) -> bytes:
    return write.vector(parts) if parts else b""


def _imports(imports: list[Import]) -> Iterator[bytes]:
    """Entries of the import section: single imports, and groups in their compact form."""
    for group, members in groupby(imports, key=lambda item: item.group):
        items = list(members)
        if group is None:
            for item in items:
                head = write.name(item.module) + write.name(item.name)
                yield head + write.externtype(item.type)
        else:
            yield _group(items)


def _group(items: list[Import]) -> bytes:
    first = items[0]
    head = write.name(first.module) + write.name("")
    if first.form == ITEMS_OF_ONE_TYPE and all(item.type == first.type for item in items):
        names = write.vector([write.name(item.name) for item in items])
        return head + bytes([ITEMS_OF_ONE_TYPE]) + write.externtype(first.type) + names
    pairs = [write.name(item.name) + write.externtype(item.type) for item in items]
    return head + bytes([ITEMS]) + write.vector(pairs)


def _table(table: Table) -> bytes:
    if table.init is None:
        return write.tabletype(table.type)
    head = bytes([TABLE_WITH_INIT, 0])
    return head + write.tabletype(table.type) + encode_body(table.init)


def _export(export: Export) -> bytes:
    return write.name(export.name) + bytes([KINDS.index(export.kind)]) + unsigned(export.index)


def _elem(elem: Elem) -> bytes:
    flags = _elem_flags(elem) if elem.flags is None else elem.flags
    out = unsigned(flags)
    if not flags & NOT_ACTIVE:
        assert elem.offset is not None, "an active segment has an offset"
        out += unsigned(elem.table) if flags & EXPLICIT else b""
        out += encode_body(elem.offset)
    if flags & EXPRESSIONS:
        out += write.reftype(elem.type) if flags & (EXPLICIT | NOT_ACTIVE) else b""
    else:
        out += b"\0" if flags & (EXPLICIT | NOT_ACTIVE) else b""
    items = [encode_body(item) if isinstance(item, Body) else unsigned(item) for item in elem.items]
    return out + write.vector(items)


def _elem_flags(elem: Elem) -> int:
    """The shortest form of an element segment of which no form was written."""
    if elem.items:
        expressions = isinstance(elem.items[0], Body)
    else:
        expressions = elem.type is not ref(False, FUNC)
    flags = EXPRESSIONS if expressions else 0
    if elem.mode == "passive":
        return flags | NOT_ACTIVE
    if elem.mode == "declarative":
        return flags | NOT_ACTIVE | EXPLICIT
    plain = elem.table == 0 and (not expressions or elem.type is FUNCREF)
    return flags if plain else flags | EXPLICIT


def _data(data: Data) -> bytes:
    flags = data.flags
    if flags is None:
        flags = NOT_ACTIVE if data.mode == "passive" else EXPLICIT if data.memory else 0
    out = unsigned(flags)
    if not flags & NOT_ACTIVE:
        assert data.offset is not None, "an active segment has an offset"
        out += unsigned(data.memory) if flags & EXPLICIT else b""
        out += encode_body(data.offset)
    return out + write.blob(data.data)


def _codes(module: Module, hints: dict[int, dict[int, bool]]) -> bytes:
    """The code section; fills `hints` with those of the module, by their new byte offsets."""
    imported = len(module.imported(FuncUse))
    parts = []
    for index, code in enumerate(module.codes, imported):
        wanted = module.hints.get(index)
        offsets: list[int] | None = None if wanted is None else []
        parts.append(_code(code, offsets))
        if wanted is not None and offsets is not None:
            hints[index] = {offsets[at]: likely for at, likely in wanted.items()}
    return _list(parts)


def _code(code: Code, offsets: list[int] | None) -> bytes:
    out = bytearray(write.vector([unsigned(count) + write.valtype(t) for count, t in code.locals]))
    write_body(code.body, out, offsets)
    return write.blob(out)


def _customs(module: Module, hints: dict[int, dict[int, bool]]) -> list[Custom]:
    """The custom sections, those of branch hints renewed."""
    return [
        Custom(custom.name, encode_hints(hints), custom.after)
        if custom.name == HINTS_SECTION and hints
        else custom
        for custom in module.customs
    ]


def _written(customs: list[Custom], after: int) -> list[bytes]:
    return [_custom(custom.name, custom.data) for custom in customs if custom.after == after]


def _custom(name: str, data: bytes) -> bytes:
    return b"\0" + write.blob(write.name(name) + data)
