"""The only place that says how an index, a type and an instruction of a module are written.

A `Spelling` belongs to one module. Indices become identifiers where the module has names for
them: a name is quoted where it must be, and made unique (`$name#7`) where it is not, in which case
the definition carries the true name as an `(@name "…")` annotation (spec 7.4.1).
"""

import re
from typing import Final, final

from wadjet.core.body import Body, Catch, Handler, MemArg
from wadjet.core.module import Module, Names
from wadjet.core.opcodes import BY_OP, Op
from wadjet.core.text.notation import f32_text, f64_text, identifier, string, v128_text
from wadjet.core.types import (
    AbsHeap, ArrayType, CompType, ExternType, FieldType, FuncType, FuncUse, GlobalType, HeapType,
    I64, Limits, MemoryType, RefType, StructType, SubType, TableType, TagType, ValType,
)  # fmt: skip

#: op → its whole text, or None where there are immediates to write
_PLAIN: Final = [r.mnemonic if r and not r.immediates else None for r in BY_OP]
_KINDS: Final = [tuple(word.partition("/")[0] for word in r.immediates) if r else () for r in BY_OP]
_NATURAL: Final = [r.natural.bit_length() - 1 if r else 0 for r in BY_OP]
_MNEMONICS: Final = [r.mnemonic if r else "" for r in BY_OP]
#: instructions whose text puts the second immediate of the binary first (spec 6.5)
_SWAPPED: Final = frozenset(
    {Op.CALL_INDIRECT, Op.RETURN_CALL_INDIRECT, Op.MEMORY_INIT, Op.TABLE_INIT}
)
#: instructions that open a label, and all that speak of one
OPENERS: Final = frozenset({Op.BLOCK, Op.LOOP, Op.IF, Op.TRY, Op.TRY_TABLE})
_LABELS: Final = OPENERS | frozenset(
    op
    for op, kinds in enumerate(_KINDS)
    if not {"label", "labels", "cast", "catches", "handlers"}.isdisjoint(kinds)
)
_LOCALS: Final = frozenset({Op.LOCAL_GET, Op.LOCAL_SET, Op.LOCAL_TEE})
#: the mark of a block by its depth, which is for the eyes of those who follow a branch
_UNUSED: Final = re.compile(r" \(;@\d+;\)")
_CATCHES: Final = ("catch", "catch_ref", "catch_all", "catch_all_ref")


@final
class Space:
    """The identifiers of one index space. `uses` maps an index to `$name`, where it has one."""

    __slots__ = ("annotations", "uses")

    def __init__(self, names: dict[int, str], size: int) -> None:
        self.uses: Final[dict[int, str]] = {}
        #: index → the name as it is, where the identifier had to differ from it
        self.annotations: Final[dict[int, str]] = {}
        taken: set[str] = set()
        again: list[int] = []
        for index in sorted(names):
            name = names[index]
            if index >= size:
                continue
            if name and name not in taken:
                taken.add(name)
                self.uses[index] = identifier(name)
            else:
                again.append(index)
        for index in again:
            self._rename(index, names[index], taken)

    def _rename(self, index: int, name: str, taken: set[str]) -> None:
        self.annotations[index] = name
        unique = f"{name}#{index}"
        while unique in taken:
            unique += "'"
        taken.add(unique)
        self.uses[index] = identifier(unique)

    def use(self, index: int) -> str:
        """How a reference to this index is written."""
        found = self.uses.get(index)
        return str(index) if found is None else found

    def define(self, index: int) -> str:
        """What stands after the keyword of the definition: `$name (;7;)`, `(;7;)`."""
        return f"{self.bind(index)} (;{index};)" if index in self.uses else f"(;{index};)"

    def bind(self, index: int) -> str:
        """The binding identifier, with its annotation; empty where there is none."""
        found = self.uses.get(index)
        if found is None:
            return ""
        if index not in self.annotations:
            return found
        return f"{found} (@name {string(self.annotations[index])})"


@final
class Labels:
    """The labels around one instruction: names are used where they mean the right one."""

    __slots__ = ("_named", "_names", "_openers", "_stack", "targets")

    def __init__(self, names: dict[int, str]) -> None:
        self._names = names
        self._openers = 0
        #: name and number of the opener of each open label, outermost first
        self._stack: list[tuple[str | None, int]] = []
        #: name → depths of the open labels of this name
        self._named: dict[str, list[int]] = {}
        #: numbers of the openers that branches speak of by depth
        self.targets: Final[set[int]] = set()

    def open(self) -> str:
        """Enter a block; gives the binding that its opener carries."""
        name = self._names.get(self._openers) or None
        self._stack.append((name, self._openers))
        self._openers += 1
        if name is None:
            return f"(;@{len(self._stack)};)"
        self._named.setdefault(name, []).append(len(self._stack))
        return identifier(name)

    def close(self) -> None:
        """Leave the innermost block (nothing to leave at the end of the whole expression)."""
        if self._stack:
            name, _ = self._stack.pop()
            if name is not None:
                self._named[name].pop()

    def use(self, label: int) -> str:
        """How a branch to this label is written here."""
        depth = len(self._stack) - label
        if depth <= 0:
            return str(label)
        name, opener = self._stack[depth - 1]
        if name is not None and self._named[name][-1] == depth:
            return identifier(name)
        self.targets.add(opener)
        return f"{label} (;@{depth};)"


@final
class Spelling:
    """How the things of one module are written. `names` False leaves everything to indices."""

    def __init__(self, module: Module, names: bool = True) -> None:
        given = module.names if names else Names()
        self.types: Final = module.subtypes()
        self.module_name: Final = given.module
        self.type: Final = Space(given.types, len(self.types))
        self.func: Final = Space(given.funcs, len(module.func_types()))
        self.table: Final = Space(given.tables, len(module.table_types()))
        self.mem: Final = Space(given.memories, len(module.memory_types()))
        self.tag: Final = Space(given.tags, len(module.tag_types()))
        self.glob: Final = Space(given.globals, len(module.global_types()))
        self.elem: Final = Space(given.elems, len(module.elems))
        self.data: Final = Space(given.datas, len(module.datas))
        self._spaces: Final = {
            "type": self.type,
            "func": self.func,
            "table": self.table,
            "mem": self.mem,
            "tag": self.tag,
            "global": self.glob,
            "elem": self.elem,
            "data": self.data,
        }
        self._fields: Final[dict[int, Space]] = {}
        self._names: Final = given
        self._refs: Final[dict[RefType, str]] = {}
        #: (op, immediate) → text, for all that reads the same everywhere in the module
        self._texts: Final[dict[tuple[int, object], str]] = {}

    def space(self, kind: str) -> Space:
        """The index space of a kind of import or export."""
        return self._spaces["mem" if kind == "memory" else kind]

    # -- spaces inside definitions --------------------------------------------------------------

    def fields(self, type_index: int) -> Space:
        """The fields of one struct type."""
        found = self._fields.get(type_index)
        if found is None:
            names = self._names.fields.get(type_index, {})
            found = self._fields[type_index] = Space(names, 1 << 32)
        return found

    def locals(self, func: int, size: int) -> Space:
        """The parameters and locals of one function, of which there are `size`."""
        return Space(self._names.locals.get(func, {}), size)

    # -- types ----------------------------------------------------------------------------------

    def heaptype(self, heap: HeapType, exact: bool = False, shared: bool = False) -> str:
        """A heap type (spec 6.4.3), with the wrappers of the proposals."""
        if isinstance(heap, AbsHeap):
            text = heap.name
        else:
            assert isinstance(heap, int), "a module as written has no closed types"
            text = self.type.use(heap)
        text = f"(exact {text})" if exact else text
        return f"(shared {text})" if shared else text

    def valtype(self, t: ValType) -> str:
        """A value or storage type (spec 6.4.5)."""
        if not isinstance(t, RefType):
            return repr(t)
        found = self._refs.get(t)
        if found is None:
            found = self._refs[t] = self._reftype(t)
        return found

    def _reftype(self, t: RefType) -> str:
        if isinstance(t.heap, AbsHeap):
            return repr(t)
        null = "null " if t.nullable else ""
        return f"(ref {null}{self.heaptype(t.heap, t.exact, t.shared)})"

    def valtypes(self, keyword: str, types: tuple[ValType, ...]) -> str:
        """` (param i32 i32)`, with a space before it; empty for no types."""
        return f" ({keyword} {' '.join(map(self.valtype, types))})" if types else ""

    def functype(self, ft: FuncType) -> str:
        """` (param …) (result …)`, with a space before each."""
        return self.valtypes("param", ft.params) + self.valtypes("result", ft.results)

    def comp(self, index: int) -> FuncType | None:
        """The function type with this index, None where that is something else or nothing."""
        sub: SubType | None = self.types[index] if index < len(self.types) else None
        return sub.comp if sub is not None and isinstance(sub.comp, FuncType) else None

    def typeuse(self, index: int, params: str | None = None) -> str:
        """`(type $t) (param …) (result …)` (spec 6.4.10); `params` replaces the parameters."""
        ft = self.comp(index)
        text = f"(type {self.type.use(index)})"
        if ft is None:
            return text
        shown = self.valtypes("param", ft.params) if params is None else params
        return text + shown + self.valtypes("result", ft.results)

    # -- definitions of types, and types of what is imported and defined -------------------------

    def subtype(self, index: int, sub: SubType) -> str:
        """A type definition without `type` and its binding (spec 6.4.9)."""
        text = self._comp(index, sub.comp)
        if sub.shared:
            text = f"(shared {text})"
        use = self.type.use
        if sub.descriptor is not None:
            text = f"(descriptor {use(sub.descriptor)}) {text}"
        if sub.describes is not None:
            text = f"(describes {use(sub.describes)}) {text}"
        if sub.spelled or sub.supers or not sub.final:
            supers = "".join(f"{use(x)} " for x in sub.supers)
            text = f"(sub {'final ' if sub.final else ''}{supers}{text})"
        return text

    def _comp(self, index: int, comp: CompType) -> str:
        if isinstance(comp, FuncType):
            return f"(func{self.functype(comp)})"
        if isinstance(comp, StructType):
            space = self.fields(index)
            found = runs(space, [self._field(f) for f in comp.fields])
            return f"(struct{''.join(f' (field {text})' for text in found)})"
        if isinstance(comp, ArrayType):
            return f"(array {self._field(comp.field)})"
        return f"(cont {self.heaptype(comp.func)})"

    def _field(self, field: FieldType) -> str:
        text = self.valtype(field.storage)
        return f"(mut {text})" if field.mutable else text

    def params(self, ft: FuncType, space: Space) -> str:
        """` (param $x i32)…` with the names of a function's parameters."""
        texts = [self.valtype(t) for t in ft.params]
        return "".join(f" (param {run})" for run in runs(space, texts))

    def externtype(self, t: ExternType) -> str:
        """An external type without keyword and binding (spec 6.4.8)."""
        if isinstance(t, FuncUse):
            use = f"(exact (type {self.type.use(t.type)}))"
            return use if t.exact else self.typeuse(t.type)
        if isinstance(t, TagType):
            return self.typeuse(t.type)
        if isinstance(t, GlobalType):
            return self._global_type(t)
        return self._memory_type(t) if isinstance(t, MemoryType) else self._table_type(t)

    def _limits(self, limits: Limits, shared: str = "") -> str:
        address = "i64 " if limits.addr is I64 else ""
        most = "" if limits.max is None else f" {limits.max}"
        return f"{address}{shared}{limits.min}{most}"

    def _memory_type(self, t: MemoryType) -> str:
        text = self._limits(t.limits) + (" shared" if t.shared else "")
        return f"{text} (pagesize {t.page_size})" if t.page_spelled or t.page_log2 != 16 else text

    def _table_type(self, t: TableType) -> str:
        shared = "shared " if t.shared else ""
        return f"{self._limits(t.limits, shared)} {self.valtype(t.element)}"

    def _global_type(self, t: GlobalType) -> str:
        text = self.valtype(t.value)
        if t.shared:
            return f"(shared mut {text})" if t.mutable else f"(shared {text})"
        if t.mutable:
            return f"(mut {text})"
        if isinstance(t.value, RefType) and text.startswith("(shared"):
            # in full: the short form would make the global shared
            return f"(ref null {self.heaptype(t.value.heap, shared=True)})"
        return text

    # -- instructions ---------------------------------------------------------------------------

    def instructions(self, body: Body, func: int = -1, locals_: Space | None = None) -> list[str]:
        """The text of every instruction of a body, the closing `end` included, not indented.

        `func` is the index of the function it belongs to (-1 for a constant expression) and
        `locals_` the names of its locals, where the caller has them already.
        """
        space = locals_ if locals_ is not None else self.locals(func, 1 << 32)
        labels = Labels(self._names.labels.get(func, {}))
        texts = [
            text if text is not None and op != Op.END else self._text(op, imm, space, labels)
            for op, imm, text in zip(body.ops, body.imms, map(_PLAIN.__getitem__, body.ops))
        ]
        openers = [i for i, op in enumerate(body.ops) if op in OPENERS]
        for number, i in enumerate(openers):
            if number not in labels.targets:
                texts[i] = _UNUSED.sub("", texts[i], count=1)
        return texts

    def _text(self, op: int, imm: object, locals_: Space, labels: Labels) -> str:
        if op in _LOCALS:
            assert isinstance(imm, int)
            return f"{_MNEMONICS[op]} {locals_.use(imm)}"
        if op == Op.END:
            labels.close()
            return "end"
        if op in _LABELS:
            return self._control(op, imm, labels)
        key = (op, imm)
        found = self._texts.get(key)
        if found is None:
            found = self._texts[key] = _MNEMONICS[op] + self._immediates(op, imm)
        return found

    def _immediates(self, op: int, imm: object) -> str:
        kinds = _KINDS[op]
        if len(kinds) == 1:
            return self._immediate(op, kinds[0], imm)
        assert isinstance(imm, tuple)
        if kinds in (("type", "field"), ("mem", "mem")):
            return self._pair(kinds, imm)
        if kinds[1:] == ("type", "field"):
            return self._immediate(op, kinds[0], imm[0]) + self._pair(kinds[1:], imm[1:])
        words = [self._immediate(op, kind, value) for kind, value in zip(kinds, imm, strict=True)]
        return "".join(reversed(words) if op in _SWAPPED else words)

    def _pair(self, kinds: tuple[str, ...], imm: tuple[int, int]) -> str:
        """Two immediates of which one changes how the other is written."""
        first, second = imm
        if kinds[1] == "field":
            return f" {self.type.use(first)} {self.fields(first).use(second)}"
        return f" {self.mem.use(first)} {self.mem.use(second)}" if first or second else ""

    def _immediate(self, op: int, kind: str, value: object) -> str:
        """One immediate with a space before it; empty where the grammar lets it go unsaid."""
        if isinstance(value, MemArg):
            return self._memarg(op, value)
        if isinstance(value, RefType):
            if op == Op.REF_NULL:
                return f" {self.heaptype(value.heap, value.exact, value.shared)}"
            return f" {self.valtype(value)}"
        if isinstance(value, bytes):
            return f" {' '.join(map(str, value))}"
        if isinstance(value, tuple):
            return f" (result{''.join(f' {self.valtype(t)}' for t in value)})"
        assert isinstance(value, int)
        return self._number(op, kind, value)

    def _number(self, op: int, kind: str, value: int) -> str:
        if kind == "fence" or (
            value == 0 and (kind == "mem" or (op in _SWAPPED and kind == "table"))
        ):
            return ""
        if kind == "type" and op in (Op.CALL_INDIRECT, Op.RETURN_CALL_INDIRECT):
            return f" {self.typeuse(value)}"
        space = self._spaces.get(kind)
        if space is not None:
            return f" {space.use(value)}"
        if kind in ("order", "orders"):
            return " acq_rel" if value else " seq_cst"
        if kind == "f32":
            return f" {f32_text(value)}"
        if kind == "f64":
            return f" {f64_text(value)}"
        return f" {v128_text(value) if kind == 'v128' else value}"

    def _memarg(self, op: int, memarg: MemArg) -> str:
        text = f" {self.mem.use(memarg.memory)}" if memarg.memory else ""
        if memarg.offset:
            text += f" offset={memarg.offset}"
        if memarg.align != _NATURAL[op]:
            text += f" align={1 << memarg.align}"
        return text

    # -- instructions that open labels or speak of them -----------------------------------------

    def _control(self, op: int, imm: object, labels: Labels) -> str:
        mnemonic = _MNEMONICS[op]
        if op == Op.TRY_TABLE:
            assert isinstance(imm, tuple)
            catches = "".join(self._catch(c, labels) for c in imm[1])
            return f"{mnemonic} {labels.open()}{self._blocktype(imm[0])}{catches}"
        if op in OPENERS:
            return f"{mnemonic} {labels.open()}{self._blocktype(imm)}"
        if op == Op.DELEGATE:
            labels.close()
        if isinstance(imm, int):
            return f"{mnemonic} {labels.use(imm)}"
        assert isinstance(imm, tuple)
        if op == Op.BR_TABLE:
            return f"{mnemonic} {' '.join(map(labels.use, imm))}"
        return f"{mnemonic} {self._branch(op, imm, labels)}"

    def _branch(self, op: int, imm: tuple[object, ...], labels: Labels) -> str:
        if _KINDS[op] == ("cast",):
            label, source, target = imm
            assert isinstance(label, int)
            assert isinstance(source, RefType)
            assert isinstance(target, RefType)
            return f"{labels.use(label)} {self.valtype(source)} {self.valtype(target)}"
        *indices, handlers = imm
        words = [
            self._number(op, kind, index)
            for kind, index in zip(_KINDS[op], indices, strict=False)
            if isinstance(index, int)
        ]
        assert isinstance(handlers, tuple)
        words += [self._handler(h, labels) for h in handlers]
        return "".join(words).lstrip()

    def _blocktype(self, block: object) -> str:
        if block is None:
            return ""
        if isinstance(block, ValType):
            return f" (result {self.valtype(block)})"
        assert isinstance(block, int)
        return f" {self.typeuse(block)}"

    def _catch(self, catch: Catch, labels: Labels) -> str:
        tag = "" if catch.tag is None else f" {self.tag.use(catch.tag)}"
        return f" ({_CATCHES[catch.kind]}{tag} {labels.use(catch.label)})"

    def _handler(self, handler: Handler, labels: Labels) -> str:
        target = "switch" if handler.label is None else labels.use(handler.label)
        return f" (on {self.tag.use(handler.tag)} {target})"


def kind(t: ExternType) -> str:
    """The keyword of an external type: func, table, memory, global or tag."""
    if isinstance(t, FuncUse):
        return "func"
    if isinstance(t, TagType):
        return "tag"
    if isinstance(t, GlobalType):
        return "global"
    return "memory" if isinstance(t, MemoryType) else "table"


def runs(space: Space, texts: list[str], first: int = 0) -> list[str]:
    """What stands after `param`, `local` or `field`: a name and its type, or types without."""
    found: list[str] = []
    plain: list[str] = []
    for index, text in enumerate(texts, first):
        if index not in space.uses:
            plain.append(text)
            continue
        if plain:
            found.append(" ".join(plain))
            plain = []
        found.append(f"{space.bind(index)} {text}")
    return [*found, " ".join(plain)] if plain else found
