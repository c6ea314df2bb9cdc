"""Writing core functions: a flat notation, straight into the lists of a `Body`.

A word of the notation is an instruction's mnemonic, followed by its immediates, or one of

    $x  local.get x        =x  local.set x        :x  local.tee x

Locals, labels, globals, memories and functions go by name; labels begin with @. The immediate of a
memory access is `memory+offset`, sixteen lanes are written with commas between, and a block of a
type is `block/i32`. Nothing here knows of components.
"""

from collections.abc import Callable, Sequence
from typing import Final, final

from wadjet.core.body import Body, Catch, MemArg
from wadjet.core.module import Code, Export, Import, Module, Names
from wadjet.core.opcodes import BY_NAME, Op, Row
from wadjet.core.types import (
    ExternType, FuncType, FuncUse, GlobalType, MemoryType, RecType, SubType, ValType, num_type,
)  # fmt: skip

#: mnemonic → row, the first form where there are several
_ROWS: Final[dict[str, Row]] = {name: rows[0] for name, rows in BY_NAME.items()}
_BLOCKS: Final = frozenset((Op.BLOCK, Op.LOOP, Op.IF))


@final
class Function:
    """A function that is being written. Its parameters are named p0, p1, … unless names are
    given; other locals are declared by `local` and `fresh`."""

    __slots__ = ("_labels", "_locals", "_names", "_params", "_runs", "_unit", "body")

    def __init__(self, unit: "Unit", params: Sequence[tuple[str, ValType]]) -> None:
        self._unit: Final = unit
        self._names: Final = {name: i for i, (name, _) in enumerate(params)}
        self._locals: Final[list[ValType]] = []
        self._params: Final = len(params)
        self._labels: Final[list[str]] = []
        self.body: Final = Body()

    def local(self, name: str, t: ValType) -> str:
        """Declare a local; the same name may be declared again, and is the same local."""
        if name not in self._names:
            self._names[name] = self._params + len(self._locals)
            self._locals.append(t)
        return name

    def fresh(self, t: ValType) -> str:
        """A new local, which is zero until it is set."""
        return self.local(f"{len(self._names)}", t)

    def write(self, text: str) -> None:
        """Append instructions."""
        words = text.split()
        at = 0
        while at < len(words):
            at = self._word(words, at)

    def branch(self, labels: Sequence[str]) -> None:
        """Append a br_table; the last label is the default."""
        self._add(Op.BR_TABLE, tuple([self._depth(label) for label in labels]))

    def code(self) -> Code:
        """The finished function."""
        assert not self._labels, "an open block"
        self._add(Op.END, None)
        return Code([(1, t) for t in self._locals], self.body)

    def _add(self, op: int, imm: object) -> None:
        self.body.add(op, imm, 0)

    def _word(self, words: list[str], at: int) -> int:
        """Append what stands at a position; where the next begins."""
        word = words[at]
        if word[0] == "$":
            self._add(Op.LOCAL_GET, self._names[word[1:]])
            return at + 1
        if word[0] in "=:":
            self._add(Op.LOCAL_SET if word[0] == "=" else Op.LOCAL_TEE, self._names[word[1:]])
            return at + 1
        mnemonic, _, block = word.partition("/")
        row = _ROWS[mnemonic]
        if row.op in _BLOCKS:
            return self._open(row, block, words, at)
        if row.op == Op.TRY_TABLE:
            self._labels.append("")
            self._add(row.op, (None, (Catch(2, None, self._depth(words[at + 1]) - 1),)))
            return at + 2
        if row.op == Op.END:
            self._labels.pop()
        count = len(row.immediates)
        given = words[at + 1 : at + 1 + count]
        imms = [self._immediate(k, w) for k, w in zip(row.immediates, given, strict=True)]
        self._add(row.op, None if not imms else imms[0] if count == 1 else tuple(imms))
        return at + 1 + count

    def _open(self, row: Row, block: str, words: list[str], at: int) -> int:
        """A block; one that is branched to has a label that begins with @."""
        self._add(row.op, num_type(block) if block else None)
        named = at + 1 < len(words) and words[at + 1][0] == "@"
        self._labels.append(words[at + 1] if named else "")
        return at + 2 if named else at + 1

    def _depth(self, label: str) -> int:
        return self._labels[::-1].index(label)

    def _immediate(self, kind: str, word: str) -> object:
        match kind.partition("/")[0]:
            case "i32" | "i64" | "v128" | "lane":
                return int(word, 0)
            case "lanes":
                return bytes(map(int, word.split(",")))
            case "label":
                return self._depth(word)
            case "memarg":
                memory, _, offset = word.partition("+")
                return MemArg(0, int(offset or 0), self._unit.memories[memory])
            case "mem":
                return self._unit.memories[word]
            case "global":
                return self._unit.globals[word]
        assert kind == "func", kind
        return self._unit.callee(self.body, word)


@final
class Unit:
    """A module that is being written. Imports and functions are made once for each name."""

    __slots__ = ("_calls", "_defined", "_pending", "_types", "globals", "memories", "module")

    def __init__(self) -> None:
        self.module: Final = Module()
        self.memories: Final[dict[str, int]] = {}
        self.globals: Final[dict[str, int]] = {}
        self._types: Final[dict[FuncType, int]] = {}
        #: function name → its index: of an import, or from -1 downwards for those defined here
        self._defined: Final[dict[str, int]] = {}
        self._pending: Final[list[tuple[Function, Callable[[Function], None]]]] = []
        #: calls of functions that are defined here: the body, where in it, and which
        self._calls: Final[list[tuple[Body, int, int]]] = []

    def import_func(self, name: str, params: Sequence[ValType], results: Sequence[ValType]) -> None:
        """Import a function."""
        self._defined[name] = len(self.module.imported(FuncUse))
        self._import(name, FuncUse(self._type(params, results)))

    def import_global(self, name: str, t: GlobalType) -> None:
        """Import a global."""
        self.globals[name] = len(self.globals)
        self._import(name, t)

    def import_memory(self, name: str, t: MemoryType) -> None:
        """Import a memory."""
        self.memories[name] = len(self.memories)
        self._import(name, t)

    def function(
        self,
        name: str,
        params: Sequence[tuple[str, ValType]],
        results: Sequence[ValType],
        write: Callable[[Function], None],
    ) -> str:
        """Have a function of this name, which `write` will write later if it is a new one."""
        if name not in self._defined:
            self._defined[name] = -1 - len(self.module.funcs)
            self.module.funcs.append(self._type([t for _, t in params], results))
            self._pending.append((Function(self, params), write))
        return name

    def export(self, name: str) -> None:
        """Export a function that is defined here, under its name."""
        self.module.exports.append(Export(name, "func", self._defined[name]))

    def callee(self, body: Body, name: str) -> int:
        """What a call that is about to be appended to a body holds."""
        index = self._defined[name]
        if index < 0:
            self._calls.append((body, len(body), index))
        return index

    def finish(self) -> Module:
        """Write what is still to be written. The module that comes of it."""
        for function, write in self._pending:  # which grows meanwhile
            write(function)
            self.module.codes.append(function.code())
        imported = len(self.module.imported(FuncUse))
        for body, at, index in self._calls:
            body.imms[at] = imported - 1 - index
        for export in self.module.exports:
            export.index = imported - 1 - export.index
        indices = [(i if i >= 0 else imported - 1 - i, name) for name, i in self._defined.items()]
        self.module.names = Names(funcs=dict(sorted(indices)))
        return self.module

    def _import(self, name: str, t: ExternType) -> None:
        module, _, field = name.partition(".")
        self.module.imports.append(Import(module, field, t))

    def _type(self, params: Sequence[ValType], results: Sequence[ValType]) -> int:
        t = FuncType(tuple(params), tuple(results))
        if t not in self._types:
            self._types[t] = len(self._types)
            self.module.types.append(RecType((SubType(t),)))
        return self._types[t]
