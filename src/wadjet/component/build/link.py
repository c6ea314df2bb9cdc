"""Dynamic libraries → one component: `wadjet component link`.

Libraries that follow the convention of tool-conventions/DynamicLinking.md share a memory, a table
and a stack, are told where their parts of these begin, and import each other's functions and data.
A main module is made here that has what they share; the libraries are instantiated with it, calling
each other through the table of `shims`; a last module tells them where data and functions ended up,
and runs what they want to be run first. Libraries that may be opened by name are listed in a table
(`opening`), which `libdl.wat` reads.
"""

from collections.abc import Collection, Sequence
from importlib import resources
from typing import Final, final

from wadjet.base.errors import Invalid, Malformed
from wadjet.base.leb128 import read_u32
from wadjet.base.records import dataclass, field
from wadjet.component.abi import align_to
from wadjet.component.build.new import assemble, read_part
from wadjet.component.build.opening import Opening
from wadjet.component.build.parts import MAIN, Classifier, Ending, Internal, Part, type_at
from wadjet.component.component import Component, CoreModule
from wadjet.component.wit_bridge import decode_worlds
from wadjet.core.binary import encode
from wadjet.core.features import ALL
from wadjet.core.text import parse
from wadjet.core.text.notation import data_string, string
from wadjet.core.types import FuncType, FuncUse

_PAGE: Final = 1 << 16
_ENV, _GOT_MEMORY, _GOT_FUNC = "env", "GOT.mem", "GOT.func"
_MEMORY, _TABLE, _STACK_POINTER = "memory", "__indirect_function_table", "__stack_pointer"
#: what libraries want to be run when all is in its place, in this order
_FIRST: Final = ("__wasm_apply_data_relocs", "__wasm_call_ctors")
#: how the main module's exports begin that stand for functions which nobody exports
_MISSING: Final = "missing:"
#: flag of an import that may be missing
_WEAK: Final = 1


@dataclass(slots=True)
class _Library:
    """One library, and where its data and its part of the table begin."""

    part: Part
    memory_size: int = 0
    memory_align: int = 1
    table_size: int = 0
    table_align: int = 1
    weak: set[tuple[str, str]] = field(default_factory=set)
    memory_base: int = 0
    table_base: int = 0


@dataclass(frozen=True, slots=True)
class Choices:
    """How libraries are linked: the size of their stack; the names of those that may be opened,
    and whether `dlopen` and its kin are supplied; whether functions that nobody exports are
    there all the same, and trap."""

    stack: int = 1 << 20
    openable: Collection[str] = ()
    libdl: bool = False
    stubs: bool = False


def link(libraries: Sequence[tuple[str, bytes]], choices: Choices | None = None) -> Component:
    """The component of libraries, each with its name, whose worlds it has all of. Of several that
    export the same symbol the first counts. Raises Malformed and Invalid, also for symbols that
    nobody exports."""
    choices = Choices() if choices is None else choices
    made = [_library(name, data) for name, data in libraries]
    for name in choices.openable:
        if all(library.part.name != name for library in made):
            raise Invalid(f"no library is called `{name}`")
    if choices.libdl:
        made.append(_library("libdl", _libdl()))
    linking = _Linking(made, choices)
    main = read_part(MAIN, encode(parse(linking.main(), ALL)))
    parts = [main, *(library.part for library in made)]
    worlds = [world for part in parts for world in part.worlds]
    if not worlds:
        raise Invalid("no library says what world it is for: see `wadjet component embed`")
    resolve, world, exports = decode_worlds(worlds)
    every = set().union(*exports)
    for part in parts:
        part.exports = every
    classifier = Classifier(resolve, world, {}, linking.internal)
    return assemble(resolve, world, parts, classifier, linking.ending())


def _libdl() -> bytes:
    return encode(parse((resources.files(__package__) / "libdl.wat").read_text("utf-8"), ALL))


def _library(name: str, data: bytes) -> _Library:
    part = read_part(name, data)
    if part.export_kind("__wasm_call_ctors") and part.export_kind("_initialize"):
        raise Invalid(
            f"{name} exports both `__wasm_call_ctors` and `_initialize`: one can be first"
        )
    for custom in part.module.customs:
        if custom.name == "dylink.0":
            return _read(part, bytes(custom.data))
    raise Invalid(f"{name} is no dynamic library: it has no section dylink.0")


def _read(part: Part, data: bytes) -> _Library:
    """The section dylink.0: what a library needs, and which of its imports may be missing."""
    made, at = _Library(part), 0
    while at < len(data):
        kind = data[at]
        size, at = read_u32(data, at + 1)
        end = at + size
        if end > len(data):
            raise Malformed(f"the section dylink.0 of {part.name} ends too early")
        if kind == 1:
            numbers = []
            for _ in range(4):
                number, at = read_u32(data, at)
                numbers.append(number)
            made.memory_size, made.table_size = numbers[0], numbers[2]
            if max(numbers[1], numbers[3]) > 31:
                raise Malformed(f"{part.name} wants an alignment of more than 32 bits")
            made.memory_align, made.table_align = 1 << numbers[1], 1 << numbers[3]
        elif kind == 4:
            made.weak = _weak(data[at:end])
        at = end
    return made


def _weak(data: bytes) -> set[tuple[str, str]]:
    """The imports that may be missing."""
    count, at = read_u32(data, 0)
    found = set()
    for _ in range(count):
        names = []
        for _ in range(2):
            size, at = read_u32(data, at)
            names.append(data[at : at + size].decode("utf-8", "replace"))
            at += size
        flags, at = read_u32(data, at)
        if flags & _WEAK:
            found.add((names[0], names[1]))
    return found


@final
class _Linking:
    """Where everything goes. `internal` says which imports of libraries stand for what."""

    def __init__(self, libraries: list[_Library], choices: Choices) -> None:
        self._libraries: Final = libraries
        self._choices: Final = choices
        self._stack: Final = align_to(choices.stack, 16)
        self.internal: Final[dict[tuple[str, str, str], Internal]] = {}
        #: symbol → the first part that exports it, by kind
        self._providers: Final[dict[tuple[str, str], str]] = {}
        #: functions that nobody exports → their types
        self._stubs: Final[dict[str, str]] = {}
        self._memory_cells: Final[dict[str, str | None]] = {}
        #: functions that have an address → their place in the table
        self._slots: Final[dict[tuple[str, str], int]] = {}
        self._func_cells: Final[dict[str, int]] = {}
        self._place()
        for library in libraries:
            for export in library.part.module.exports:
                key = export.kind, export.name
                self._providers.setdefault(key, library.part.name)
        for library in libraries:
            self._resolve(library)
        self._opening: Final = Opening(self._memory_end)
        for library in libraries:
            if library.part.name in choices.openable:
                self._opening.add(library.part.name, self._symbols(library))
        self._opening.finish()
        self._heap: Final = align_to(self._memory_end + len(self._opening.data), 16)

    def _place(self) -> None:
        memory, table = self._stack, 1
        for library in self._libraries:
            library.memory_base = memory = align_to(memory, library.memory_align)
            library.table_base = table = align_to(table, library.table_align)
            memory, table = memory + library.memory_size, table + library.table_size
        if memory >= 1 << 32 or table > 10_000_000:
            raise Invalid("the libraries want more memory, or a larger table, than there may be")
        self._memory_end, self._table_end = align_to(memory, 16), table

    def _resolve(self, library: _Library) -> None:
        """Find what a library imports of others."""
        part = library.part
        for each in part.module.imports:
            where, name = each.module, each.name
            key = part.name, where, name
            weak = (where, name) in library.weak
            if where == _GOT_MEMORY:
                self._memory_cells[name] = self._provider("global", name, part, weak)
                self.internal[key] = Internal(MAIN, f"{where}.{name}", "global")
            elif where == _GOT_FUNC:
                provider = self._provider("func", name, part, weak)
                self._func_cells[name] = 0 if provider is None else self._slot(provider, name)
                self.internal[key] = Internal(MAIN, f"{where}.{name}", "global")
            elif where == _ENV and isinstance(each.type, FuncUse):
                provider = self._provider("func", name, part, weak)
                if provider is None or provider == MAIN:  # it may be missing, but not be called
                    self._stubs[name] = _type(type_at(part.module, each.type.type))
                    self.internal[key] = Internal(MAIN, _MISSING + name, "func")
                else:
                    self.internal[key] = Internal(provider, name, "func")
            elif where == _ENV:
                self.internal[key] = self._shared(part.name, name)

    def _provider(self, kind: str, name: str, part: Part, weak: bool) -> str | None:
        """The part that has a symbol; the main one has stubs, nobody what may be missing."""
        found = self._providers.get((kind, name))
        if found is None and not weak and name not in _ENDS:
            if kind != "func" or not self._choices.stubs:
                raise Invalid(f"no library exports `{name}`, which {part.name} imports")
            self._stubs.setdefault(name, "")
            return MAIN
        return found

    def _slot(self, provider: str, name: str) -> int:
        """The address of a function."""
        return self._slots.setdefault((provider, name), self._table_end + len(self._slots))

    def _symbols(self, library: _Library) -> dict[str, int | None]:
        """The addresses of what a library exports; those of data are not known yet."""
        name = library.part.name
        found: dict[str, int | None] = {}
        for export in library.part.module.exports:
            if export.kind == "func" and export.name not in _FIRST:
                found[export.name] = self._slot(name, export.name)
            elif export.kind == "global":
                found[export.name] = None
        return found

    def _shared(self, library: str, name: str) -> Internal:
        match name:
            case "memory":
                return Internal(MAIN, _MEMORY, "memory")
            case "__indirect_function_table":
                return Internal(MAIN, _TABLE, "table")
            case "__stack_pointer":
                return Internal(MAIN, _STACK_POINTER, "global")
            case "__memory_base" | "__table_base":
                return Internal(MAIN, f"{library}:{name}", "global")
        raise Invalid(f"{library} imports `{name}` of env, which is nothing that libraries share")

    # The module that has what is shared.

    def main(self) -> str:
        """Its text."""
        pages = align_to(self._heap, _PAGE) // _PAGE
        slots = self._table_end + len(self._slots)
        fields = [
            f'(memory (export "{_MEMORY}") {pages})',
            f'(table (export "{_TABLE}") {slots} funcref)',
            _cell(_STACK_POINTER, self._stack, mutable=True),
        ]
        for library in self._libraries:
            name = library.part.name
            fields.append(_cell(f"{name}:__memory_base", library.memory_base))
            fields.append(_cell(f"{name}:__table_base", library.table_base))
        for name, type_ in self._stubs.items():
            fields.append(f"(func (export {string(_MISSING + name)}) {type_} unreachable)")
        if self._choices.openable:
            data = data_string(self._opening.data)
            fields.append(f"(data (i32.const {self._opening.base}) {data})")
        places = (self._heap, pages * _PAGE, 0, self._stack, self._opening.base)
        ends = dict(zip(_ENDS, places, strict=True))
        for name in self._memory_cells:
            fields.append(_cell(f"{_GOT_MEMORY}.{name}", ends.get(name, 0), mutable=True))
        for name, slot in self._func_cells.items():
            fields.append(_cell(f"{_GOT_FUNC}.{name}", slot, mutable=True))
        return f"(module {' '.join(fields)})"

    # The module that comes last.

    def ending(self) -> Ending:
        """It fills the cells and the table, and calls what is to be called first."""
        imports = {(MAIN, _TABLE): Internal(MAIN, _TABLE, "table")}
        fields = [f'(import "{MAIN}" "{_TABLE}" (table 0 funcref))']
        elems, code = list[str](), list[str]()
        for (provider, name), slot in self._slots.items():
            fields.append(self._import(imports, provider, name, f"$f{slot}"))
            elems.append(f"(elem (i32.const {slot}) func $f{slot})")
        for i, (name, found) in enumerate(self._memory_cells.items()):
            if found is not None:
                cell = f"{_GOT_MEMORY}.{name}"
                imports[MAIN, cell] = Internal(MAIN, cell, "global")
                fields.append(f'(import "{MAIN}" {string(cell)} (global $cell{i} (mut i32)))')
                place = self._data(imports, fields, found, name, f"$data{i}")
                code.append(f"(global.set $cell{i} {place})")
        if self._opening.unknown:
            imports[MAIN, _MEMORY] = Internal(MAIN, _MEMORY, "memory")
            fields.append(f'(import "{MAIN}" "{_MEMORY}" (memory 0))')
        for at, provider, name in self._opening.unknown:
            place = self._data(imports, fields, provider, name, f"$at{at}")
            code.append(f"(i32.store (i32.const {at}) {place})")
        for first in _FIRST:
            for i, library in enumerate(self._libraries):
                if library.part.export_kind(first) == "func":
                    fields.append(self._import(imports, library.part.name, first, f"${first}{i}"))
                    code.append(f"(call ${first}{i})")
        start = f"(func $start {' '.join(code)}) (start $start)"
        text = f"(module {' '.join(fields)} {' '.join(elems)} {start})"
        return Ending(CoreModule(parse(text, ALL)), imports)

    def _of(self, name: str) -> _Library:
        return next(library for library in self._libraries if library.part.name == name)

    def _data(
        self,
        imports: dict[tuple[str, str], Internal],
        fields: list[str],
        provider: str,
        name: str,
        called: str,
    ) -> str:
        """The address of a library's data, as an expression."""
        imports[provider, name] = Internal(provider, name, "global")
        fields.append(f"(import {string(provider)} {string(name)} (global {called} i32))")
        return f"(i32.add (i32.const {self._of(provider).memory_base}) (global.get {called}))"

    def _import(
        self, imports: dict[tuple[str, str], Internal], provider: str, name: str, called: str
    ) -> str:
        """The import of a function, which may be asked for twice."""
        if provider == MAIN:
            stub = _MISSING + name
            imports[MAIN, stub] = Internal(MAIN, stub, "func")
            return f'(import "{MAIN}" {string(stub)} (func {called} {self._stubs[name]}))'
        imports[provider, name] = Internal(provider, name, "func")
        module = self._of(provider).part.module
        index = next(e.index for e in module.exports if (e.kind, e.name) == ("func", name))
        ft = type_at(module, module.func_types()[index])
        return f"(import {string(provider)} {string(name)} (func {called} {_type(ft)}))"


#: data that the main module has the addresses of
_ENDS: Final = (
    "__heap_base", "__heap_end", "__stack_low", "__stack_high", "__wasm_libdl_libraries",
)  # fmt: skip


def _type(ft: FuncType) -> str:
    params, results = " ".join(map(repr, ft.params)), " ".join(map(repr, ft.results))
    return f"(param {params}) (result {results})"


def _cell(name: str, value: int, *, mutable: bool = False) -> str:
    t = "(mut i32)" if mutable else "i32"
    return f"(global (export {string(name)}) {t} (i32.const {value}))"
