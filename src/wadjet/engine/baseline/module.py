"""The baseline compiler of one module: what all its functions share, and the rows they call.

A row is an instruction that has no encoding here, as a function of its own (`emit.rows`). LLVM
makes it when it is first met; programs share few of them, and whoever gives `make` keeps them.
"""

from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import cache
from typing import TYPE_CHECKING, Final, NamedTuple, cast, final

from wadjet.base.digests import digest
from wadjet.core.body import Handler as Suspended
from wadjet.core.body import MemArg
from wadjet.core.opcodes import ROWS, Op, row
from wadjet.core.types import I32, I64, V128, FuncType, ValType
from wadjet.core.validate import ValidModule
from wadjet.engine.baseline.branches import branch
from wadjet.engine.baseline.bulk import BULK
from wadjet.engine.baseline.calls import CALLS, fetch_registers, leave_registers, look
from wadjet.engine.baseline.control import CONTROL
from wadjet.engine.baseline.exceptions import EXCEPTIONS
from wadjet.engine.baseline.exits import Exits
from wadjet.engine.baseline.frame import CONTEXT, Passage
from wadjet.engine.baseline.function import (
    Beyond, Compiled, FunctionCompiler, Handler, Types, Vectors,
)  # fmt: skip
from wadjet.engine.baseline.selection import ACCESSES, NEEDS
from wadjet.engine.baseline.survey import VECTOR, Survey, marks_of_rows
from wadjet.engine.baseline.vectors import NEED, VECTOR_ACCESSES, VECTORS
from wadjet.engine.baseline.walk import SPECIAL, access, kinds_of_rows, walk
from wadjet.engine.baseline.x86 import CMP, NE, RAX, RDI, RSI, rm
from wadjet.engine.contract.layout import ContextLayout
from wadjet.engine.contract.settings import Settings
from wadjet.engine.runtime.loader import Object

#: The processor that it is for.
ARCH: Final = "x86_64"
if TYPE_CHECKING:
    from wadjet.engine.emit.function import Emit

#: The types of operands before and after an instruction, and of what each label takes.
Moves = tuple[Sequence[ValType], Sequence[ValType], Sequence[Types]]
#: Gives the object of a row, made of this text if need be.
Make = Callable[[str, Callable[[], str]], bytes]

#: How many encodings to remember before starting anew.
_REMEMBERED: Final = 1 << 17
#: For each op, encodings by operands.
_MEMOS: Final[list[dict[tuple[int, int, int], bytes]]] = [{} for _ in kinds_of_rows()]
#: What may go to a label.
_BRANCHES: Final = frozenset((
    Op.BR_ON_CAST, Op.BR_ON_CAST_FAIL, Op.BR_ON_CAST_DESC_EQ, Op.BR_ON_CAST_DESC_EQ_FAIL,
    Op.RESUME, Op.RESUME_THROW, Op.RESUME_THROW_REF,
))  # fmt: skip
#: What may come back with an exception on its way.
_THROWING: Final = frozenset((
    Op.RESUME, Op.RESUME_THROW, Op.RESUME_THROW_REF, Op.SUSPEND, Op.SWITCH,
))  # fmt: skip


class _Row(NamedTuple):
    loaded: Object
    base: int


@final
class Baseline:
    """See the module."""

    def __init__(
        self, valid: ValidModule, settings: Settings, make: Make, exits: Exits | None = None
    ) -> None:
        """`exits` are those that loops have, if any."""
        self.exits: Final = exits
        self.valid: Final = valid
        self.settings: Final = settings
        self.layout: Final = ContextLayout(valid.module)
        self.globals: Final = valid.module.global_types()
        self.tables: Final = valid.module.table_types()
        self._tags: Final = valid.module.tag_types()
        self.memories: Final = valid.module.memory_types()
        self.exceptions: Final = settings.exceptions
        self.guarded: Final = self._is_guarded()
        self.memos: Final = _MEMOS
        #: instructions since encodings were counted: at first as many as there may be
        self._uncounted = _REMEMBERED
        self._make: Final = make
        several = len(self.memories) > 1
        tables = _tables(settings.features, settings.deterministic, self.guarded, several)
        self.kinds, self.handlers, self.marks = tables
        #: how many operands more than validation knows of a suspension may leave
        self.spare: Final = 1 + max(
            [len(self.tag_type(k).params) for k in range(len(self._tags))], default=0
        )
        self._rows: Final[dict[object, _Row]] = {}
        self._passages: Final[dict[int, Passage]] = {}
        #: types of operands in the function being compiled
        self._operands: dict[int, tuple[list[ValType], list[ValType]]] | None = None

    def _is_guarded(self) -> bool:
        """Whether the hardware checks accesses to the first memory."""
        if not self.memories or not self.settings.guards:
            return False
        type_ = self.memories[0]
        return type_.limits.addr is I32 and type_.page_log2 == 16

    def type(self, x: int) -> FuncType:
        """A function type, by type index."""
        comp = self.valid.types[x].comp
        assert isinstance(comp, FuncType), "a valid index names a function type"
        return comp

    def func_type(self, index: int) -> FuncType:
        """The type of a function."""
        comp = self.valid.func_types[index].comp
        assert isinstance(comp, FuncType)
        return comp

    def passage(self, type_: FuncType) -> Passage:
        """How arguments get to functions of a type."""
        found = self._passages.get(id(type_))
        if found is None:
            found = self._passages[id(type_)] = Passage(type_)
        return found

    def tag_type(self, tag: int) -> FuncType:
        """The type of a tag."""
        comp = self.valid.types[self._tags[tag].type].comp
        assert isinstance(comp, FuncType)
        return comp

    def compile(self, slot: int) -> Compiled | None:
        """A function's code; None if it is beyond this compiler."""
        body = self.valid.module.codes[slot].body
        facts = self.valid.facts(slot)
        self._uncounted += len(body.ops)
        if self._uncounted > _REMEMBERED:
            self._forget()
        self._operands = None
        survey = Survey(body, self.marks, len(facts.locals), bool(facts.assigned))
        try:
            if not survey.seen & VECTOR:
                with suppress(Vectors):
                    return walk(FunctionCompiler(self, slot, body, facts, survey, 8))
            return walk(FunctionCompiler(self, slot, body, facts, survey, 16))
        except Beyond:
            return None

    def _forget(self) -> None:
        """Forget encodings if there are many."""
        self._uncounted = 0
        if sum(map(len, self.memos)) > _REMEMBERED:
            for memo in self.memos:
                memo.clear()
            self._passages.clear()

    # --- rows ----------------------------------------------------------------------------------

    def row(
        self, c: FunctionCompiler, i: int, how: "Emit | None" = None, effect: Moves | None = None,
        given: bytes = b"",
    ) -> None:  # fmt: skip
        """Compile an instruction as a call of a row. `how` emits another than its own, with
        another `effect`; `given` is code that puts what that wants to know into rdx, where rdi has
        the context."""
        op, imm = c.body.ops[i], c.body.imms[i]
        effect = effect or self._effect(c, i)
        before, after, labels = effect
        if V128 in before or V128 in after:
            c.needs_vectors()
        key = (op, imm, c.unit, tuple(before), tuple(after), tuple(labels))
        found = self._rows.get(key)
        if found is None:
            found = self._rows[key] = self._new_row(c, i, effect, how)
        floor = len(c.stack) - len(before)
        c.spill(floor)
        c.flush(floor)
        leave_registers(c)
        start = floor + found.base
        c.code += rm(b"\x8d", RSI, c.slots[start], 1) + rm(b"\x8b", RDI, CONTEXT, 1) + given
        c.call_row(found.loaded)
        fetch_registers(c)
        if self.exceptions and op in _THROWING:
            look(c)
        for depth in _targets(op, imm):
            other = c.label()
            c.code += rm(b"\x83", CMP, RAX) + bytes((depth + 1,))
            c.jump_if(NE, other)
            count = c.blocks[-1 - depth].arity
            c.stack[start:] = c.slots[start : start + count]
            branch(c, depth)
            c.live = True
            c.place(other)
        c.stack[floor:] = c.slots[floor : floor + len(after)]

    def _effect(self, c: FunctionCompiler, i: int) -> Moves:
        """The types of operands before and after an instruction: of those that it takes and leaves
        if its row tells, else of all."""
        r = row(c.body.ops[i])
        if r.params is not None and r.results is not None:
            at = self._address_type(c.body.imms[i], r.immediates)
            ins = tuple(at if t is None else t for t in r.params)
            return ins, tuple(at if t is None else t for t in r.results), ()
        if r.op == Op.MEMORY_COPY:
            ats = [self.memories[k].limits.addr for k in cast(tuple[int, int], c.body.imms[i])]
            return (*ats, I32 if I32 in ats else I64), (), ()
        if self._operands is None:
            wanted = {
                op
                for op in set(c.body.ops)
                if self.kinds[op] == SPECIAL and op not in CONTROL and row(op).params is None
            }
            self._operands = self.valid.operands(c.slot, wanted)
        labels: tuple[Types, ...] = ()
        if r.op in _BRANCHES:
            labels = tuple(b.params if b.is_loop else b.results for b in c.blocks)
        return (*self._operands[i], labels)

    def _address_type(self, imm: object, kinds: tuple[str, ...]) -> ValType:
        """The type of addresses of what an immediate names."""
        index = imm
        if isinstance(imm, MemArg):
            index = imm.memory
        elif isinstance(imm, tuple) and imm and isinstance(imm[0], MemArg):
            index = imm[0].memory
        elif isinstance(imm, tuple) and "mem" in kinds:
            index = imm[kinds.index("mem")]
        elif isinstance(imm, tuple) and "table" in kinds:
            index = imm[kinds.index("table")]
        if not isinstance(index, int):
            return I32
        if "table" in kinds:
            return self.tables[index].limits.addr
        named = "mem" in kinds or any(kind.startswith("memarg") for kind in kinds)
        return self.memories[index].limits.addr if named else I64

    def _new_row(self, c: FunctionCompiler, i: int, effect: Moves, how: "Emit | None") -> _Row:
        # loaded where it is needed: many programs have no rows
        from wadjet.engine.emit.rows import Effect, emit_row

        place, moves = (c.index, i), Effect(*effect)
        text, base = emit_row(self.valid, place, self.settings, moves, c.unit, how)
        name = f"row {digest(text.encode()).hex()}"
        return _Row(Object(self._make(name, lambda: text)), base)


def _targets(op: int, imm: object) -> list[int]:
    """The labels that an instruction may go to."""
    if op not in _BRANCHES:
        return []
    assert isinstance(imm, tuple)
    if isinstance(imm[0], int) and op not in _THROWING:
        return [imm[0]]
    clauses = cast(tuple[Suspended, ...], imm[-1])
    return sorted({clause.label for clause in clauses if clause.label is not None})


def _row(c: FunctionCompiler, imm: object, i: int) -> None:
    c.next = i + 1
    c.home.row(c, i)


# --- what there are encodings for ----------------------------------------------------------------


#: By op: its kind (see `walk`), what handles it, and what it is (see `survey`).
_Tables = tuple[list[int], list[Handler], list[int]]


@cache
def _tables(
    features: tuple[str, ...], deterministic: bool, guarded: bool, several: bool
) -> _Tables:
    """The tables for a processor, a profile, and modules whose first memory is `guarded`, or that
    have `several`."""
    kinds = kinds_of_rows()
    known: dict[int, Handler] = VECTORS | CONTROL | CALLS | EXCEPTIONS | BULK
    if several:
        known |= dict.fromkeys(ACCESSES, access)
        for op in ACCESSES:
            kinds[op] = SPECIAL
    for op in _lacking(features, deterministic, guarded):
        kinds[op] = SPECIAL
        known.pop(op, None)
    handlers: list[Handler] = [_row] * len(kinds)
    for op, handler in known.items():
        handlers[op] = handler
    here = {op for op, kind in enumerate(kinds) if kind != SPECIAL} | set(known)
    marks = marks_of_rows(
        # what may destroy registers: rows, and what is no row but calls something
        callers={r.op for r in ROWS if r.op not in here}.union(CALLS, EXCEPTIONS, BULK),
        accesses=here.intersection((*ACCESSES, *VECTOR_ACCESSES)),
    )
    return kinds, handlers, marks


def _lacking(features: tuple[str, ...], deterministic: bool, guarded: bool) -> set[int]:
    """The rows that may not be encoded here, given what the processor can do and the profile."""
    found: set[int] = set()
    unmet = {name for name, need in NEEDS.items() if need not in features}
    if unmet:
        found.update([r.op for r in ROWS if r.mnemonic.partition(".")[2] in unmet])
    if NEED not in features:
        found.update(VECTORS)
    if not guarded:
        found.update((*ACCESSES, *VECTOR_ACCESSES))
    if deterministic:
        from wadjet.engine.emit.canonical import makes_nan

        found.update([r.op for r in ROWS if makes_nan(r.mnemonic)])
    return found
