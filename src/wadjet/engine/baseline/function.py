"""One valid function → machine code, in a single walk over its body.

The operand stack holds where each operand is: a register, a place in the frame, a constant (see
`x86`), or the home of a local that was got and not yet used. Where blocks begin and end, operands
are in their own places in the frame; in between they stay wherever they came to be. What the next
instruction does with a result is looked at in advance: it is made where it is wanted, and a
comparison before a branch leaves no value at all.

Code is gathered as pieces, which are joined at the end; only then are the distances of jumps
known. Encodings are remembered by instruction and operands: programs repeat themselves.
"""

import struct
from collections.abc import Callable
from itertools import accumulate
from typing import TYPE_CHECKING, Any, Final, NamedTuple, cast, final

from wadjet.core.body import Catch, MemArg
from wadjet.core.opcodes import BY_NAME, ROWS, Op, row
from wadjet.core.types import V128, FuncType, ValType
from wadjet.engine.baseline import encodings
from wadjet.engine.baseline.encodings import FLOAT_ROWS
from wadjet.engine.baseline.exits import WORD, Exit
from wadjet.engine.baseline.frame import CONTEXT, Frame
from wadjet.engine.baseline.selection import (
    ACCESSES, BINARY, COMPARE, EQUAL, UNEQUAL,
)  # fmt: skip
from wadjet.engine.baseline.x86 import (
    CALL, CONST32, CONST64, E, JUMP, NE, P, RDI, RDX, REGISTERS, RSI, XMM0, XMM1, copy_vector,
    jump_if, load_constant, rm, to_frame, to_register,
)  # fmt: skip
from wadjet.engine.contract.traps import TrapCode
from wadjet.engine.emit.function import SMALL_FRAME

if TYPE_CHECKING:
    from wadjet.engine.baseline.module import Baseline
    from wadjet.core.validate.facts import Facts
    from wadjet.engine.runtime.loader import Object


class Call(NamedTuple):
    """A place in the code that refers to something outside of it: the four bytes before `end` hold
    the distance to `symbol` (a name, or the number of a row) + `addend`."""

    end: int
    symbol: str | int
    addend: int


class Compiled(NamedTuple):
    """A function's machine code, and what it refers to."""

    code: bytearray
    #: how much of the code is the function itself; what follows are ways to others
    size: int
    exits: list[Exit]
    #: how far values are apart in the frame
    stride: int
    calls: list[Call]
    rows: "list[Object]"
    #: whether it makes tail calls, and must be called like those who do
    tail: bool


class Beyond(Exception):
    """A function is not for this compiler."""


class Vectors(Exception):
    """A function has vectors, although none of its instructions says so: begin anew."""


Types = tuple[ValType, ...]


@final
class Catcher:
    """What catches exceptions that pass a block: where they go, what of them is wanted."""

    __slots__ = ("catches", "caught", "is_open", "label", "used")

    def __init__(self, label: int, catches: tuple[Catch, ...]) -> None:
        self.label = label
        self.catches: Final = catches
        #: whether anything goes there
        self.used = False
        #: legacy: outside the body of its `try` it does not apply
        self.is_open = True
        #: legacy: the place of the exception that was caught
        self.caught = 0


@final
class Block:
    """A block that is open: where branches to it go, the types of what it begins with and leaves,
    and how many operands are below it."""

    __slots__ = (
        "arity", "catcher", "else_label", "height", "is_loop", "label", "params", "results",
    )  # fmt: skip

    def __init__(
        self, label: int, height: int, params: Types, results: Types, is_loop: bool
    ) -> None:
        self.label: Final = label
        self.height: Final = height
        self.params: Final = params
        self.results: Final = results
        self.is_loop: Final = is_loop
        self.arity: Final = len(params if is_loop else results)
        self.else_label = -1
        self.catcher: Catcher | None = None


# How the walk deals with an instruction: by itself if it is local.get or i32.const, if it loads an
# integer or computes one from two operands, else by a handler.
_GET: Final = 0
_CONST32: Final = 1
_LOAD: Final = 2
_BINARY: Final = 3
SPECIAL: Final = 4
_EQZS: Final = {0x45: (0x46, CONST32), 0x50: (0x51, CONST64)}
_FLAG_USERS: Final = frozenset((Op.BR_IF, Op.IF, Op.SELECT))


def kinds_of_rows() -> list[int]:
    """For each op, how the walk deals with it."""
    kinds = [SPECIAL] * (max(r.op for r in ROWS) + 1)
    kinds[Op.LOCAL_GET], kinds[Op.I32_CONST] = _GET, _CONST32
    for op in BINARY:
        if op not in FLOAT_ROWS:
            kinds[op] = _BINARY
    for op in ACCESSES:
        if op not in FLOAT_ROWS and row(op).results:
            kinds[op] = _LOAD
    return kinds


@final
class FunctionCompiler:
    """The state of one function under construction, and the vocabulary of the handlers."""

    def __init__(
        self, home: "Baseline", slot: int, facts: "Facts", kinds: set[int], unit: int
    ) -> None:
        """`kinds` are the ops of its body."""
        self.home: Final = home
        self.slot: Final = slot
        self.body: Final = home.valid.module.codes[slot].body
        self.facts: Final = facts
        self.index: Final = slot + home.layout.func_imports
        type_ = home.valid.func_types[self.index].comp
        assert isinstance(type_, FuncType)
        self.type: Final = type_
        self.frame: Final = Frame(type_, facts, self.body, unit, kinds, home.callers, home.spare)
        self.frame.uses_memory = home.guarded and not home.accesses.isdisjoint(kinds)
        self.unit: Final = unit
        if unit == 8 and V128 in facts.locals:
            raise Vectors
        self.slots: Final = self.frame.slots
        self.homes: Final = self.frame.homes
        self.stack: list[int] = []
        #: registers for operands that are free
        self.free: list[int] = list(self.frame.temps)
        self.free_xmm: list[int] = list(self.frame.temps_xmm)
        self.temps: Final = frozenset((*self.frame.temps, *self.frame.temps_xmm))
        #: pieces of code; the first two are how the function begins
        self.out: list[bytes] = [b"", b""]
        #: label → the piece it stands before, -1 where that is not known yet
        self.labels: list[int] = []
        #: (piece that ends in a distance, label)
        self.jumps: list[tuple[int, int]] = []
        self.symbols: list[tuple[int, str | int, int]] = []
        #: tables of distances to labels: (piece, labels)
        self.tables: list[tuple[int, list[int]]] = []
        self.traps: dict[int, int] = {}
        self.blocks: list[Block] = []
        #: where the function ends
        self.end: Final = self.label()
        #: loops that have exits: (instruction, label of the way out, piece that they begin with)
        self.exits: list[tuple[int, int, int]] = []
        #: `end` of a loop → the piece that it stands before
        self.ends: dict[int, int] = {}
        #: (piece that ends in the distance to the word of an exit, which exit)
        self.words: list[tuple[int, int]] = []
        self.live = True
        self.next = 0  # the instruction to go on with
        self.rows: list[Object] = []

    # --- labels and jumps ----------------------------------------------------------------------

    def label(self) -> int:
        """A new label, to be placed."""
        self.labels.append(-1)
        return len(self.labels) - 1

    def place(self, label: int) -> None:
        """The label stands here."""
        self.labels[label] = len(self.out)

    def jump(self, label: int) -> None:
        """Go there."""
        self.jumps.append((len(self.out), label))
        self.out.append(JUMP)

    def jump_if(self, condition: int, label: int) -> None:
        """Go there where the flags say so."""
        if condition == UNEQUAL:
            self.jumps.append((len(self.out), label))
            self.out.append(jump_if(P))
            condition = NE
        self.jumps.append((len(self.out), label))
        # over the jump, where the operands are not ordered
        self.out.append(b"\x7a\x06" + jump_if(E) if condition == EQUAL else jump_if(condition))

    def trap_if(self, condition: int, code: int) -> None:
        """Trap where the flags say so."""
        self.jump_if(condition, self.trap_label(code))

    def trap_label(self, code: int) -> int:
        """Where a trap is raised."""
        found = self.traps.get(code)
        if found is None:
            found = self.traps[code] = self.label()
        return found

    def call(self, symbol: str, addend: int = 0, text: bytes = CALL) -> None:
        """An instruction that ends in the distance to a symbol."""
        self.symbols.append((len(self.out), symbol, addend))
        self.out.append(text)

    def call_row(self, loaded: "Object") -> None:
        """Call a row."""
        if loaded not in self.rows:
            self.rows.append(loaded)
        self.symbols.append((len(self.out), self.rows.index(loaded), 0))
        self.out.append(CALL)

    def handler_label(self, limit: int | None = None) -> int:
        """Where an exception on its way goes; with `limit`, out of the blocks behind the first so
        many."""
        for block in reversed(self.blocks[:limit]):
            catcher = block.catcher
            if catcher is not None and catcher.is_open:
                catcher.used = True
                return catcher.label
        return self.end

    def needs_vectors(self) -> None:
        """There is a vector."""
        if self.unit == 8:
            raise Vectors

    # --- operands ------------------------------------------------------------------------------

    def pop(self) -> int:
        """Where the top operand is; its register may be used again."""
        where = self.stack.pop()
        if where in self.temps:
            (self.free if where < XMM0 else self.free_xmm).append(where)
        return where

    def result(self, is_float: bool) -> int:
        """A register for a result, which is pushed."""
        free = self.free_xmm if is_float else self.free
        if not free:
            self._make_room(is_float)
        where = free.pop()
        self.stack.append(where)
        return where

    def _make_room(self, is_float: bool) -> None:
        """Free a register: that of the lowest operand."""
        for h, where in enumerate(self.stack):
            if where in self.temps and (where >= XMM0) == is_float:
                self.to_slot(h, where)
                self.stack[h] = self.slots[h]
                (self.free_xmm if is_float else self.free).append(where)
                return
        raise AssertionError("operands are all that registers are for")

    def to_slot(self, height: int, where: int) -> None:
        """Copy an operand to the place for this height."""
        place = self.slots[height]
        if self.unit == 16 and (where < 0 or XMM0 <= where < REGISTERS):
            self.out.append(copy_vector(place, where))
        else:
            self.out.append(to_frame(place, where))

    def spill(self, below: int) -> None:
        """Operands below a height leave the registers that hold operands."""
        stack = self.stack
        for h in range(below):
            where = stack[h]
            if where in self.temps:
                self.to_slot(h, where)
                stack[h] = self.slots[h]
                (self.free if where < XMM0 else self.free_xmm).append(where)

    def flush(self, start: int = 0) -> None:
        """Operands, from a height on, go to their own places."""
        stack, slots = self.stack, self.slots
        for h in range(start, len(stack)):
            where = stack[h]
            if where != slots[h]:
                self.to_slot(h, where)
                stack[h] = slots[h]
                if where in self.temps:
                    (self.free if where < XMM0 else self.free_xmm).append(where)

    def settle(self, height: int) -> None:
        """From here on there are so many operands, all in their places."""
        self.stack[:] = self.slots[:height]
        self.free[:] = self.frame.temps
        self.free_xmm[:] = self.frame.temps_xmm

    def unshare(self, local: int) -> None:
        """A local is about to change: operands that stand for what it was get copies. What a call
        has left in rax or xmm0, or a divisor in rcx, stays."""
        where = source = self.homes[local]
        stack = self.stack
        for h, each in enumerate(stack):
            if each == where:
                if source < 0 and self.unit == 16:
                    source = XMM1
                    self.out.append(copy_vector(source, where))
                elif source < 0:
                    source = RDX
                    self.out.append(to_register(source, where, 1))
                self.to_slot(h, source)
                stack[h] = self.slots[h]

    def to_gpr(self, register: int, where: int, wide: int) -> None:
        """An integer from anywhere to a general register."""
        text = to_register(register, where, wide)
        if text:
            self.out.append(text)

    # --- the walk ------------------------------------------------------------------------------

    # long: the one loop that every instruction goes through, and what is commonest is done in it
    def run(self) -> Compiled:
        """Compile the function."""
        self.blocks.append(Block(self.end, 0, (), self.type.results, False))
        ops, imms, dead = self.body.ops, cast(list[Any], self.body.imms), self.facts.dead
        kinds = self.home.kinds
        handlers, memo = self.home.handlers, self.home.memo
        stack, homes, out = self.stack, self.homes, self.out
        temps, pool = self.temps, self.free
        i, count = 0, len(ops)
        while i < count:
            op = ops[i]
            kind = kinds[op]
            i += 1
            if kind == _GET:
                stack.append(homes[imms[i - 1]])
                continue
            if kind == _CONST32:
                stack.append(0x100000000 + (imms[i - 1] & 0xFFFFFFFF))
                continue
            if kind > _BINARY:
                self.next = i
                handlers[op](self, imms[i - 1], i - 1)
                i = self.next
                if not self.live and i in dead:
                    i = dead[i]
                continue
            # what is left has one or two operands and one result in a register or a local
            b = 0
            if kind == _BINARY:
                b = stack.pop()
                if b in temps:
                    pool.append(b)
            else:
                b = imms[i - 1].offset
            a = stack.pop()
            if a in temps:
                pool.append(a)
            following = ops[i]
            if following == Op.LOCAL_SET or following == Op.LOCAL_TEE:
                d = homes[imms[i]]
                i += 1
                if d in stack:
                    self.unshare(imms[i - 1])
                if following == Op.LOCAL_TEE:
                    stack.append(d)
            else:
                if not pool:
                    self._make_room(False)
                d = pool.pop()
                stack.append(d)
            text = memo.get((op, d, a, b))
            if text is None:
                encode = encodings.binary if kind == _BINARY else encodings.load
                text = memo[op, d, a, b] = encode(op, d, a, b)
            out.append(text)
        return self._finish()

    def destination(self, i: int, is_real: bool) -> tuple[int, int]:
        """Where the result of the instruction before this one goes, and where the walk goes on: a
        local's home where it is assigned at once, else a register that is pushed."""
        following = self.body.ops[i]
        if following == Op.LOCAL_SET or following == Op.LOCAL_TEE:
            x = cast(int, self.body.imms[i])
            d = self.homes[x]
            if d in self.stack:
                self.unshare(x)
            if following == Op.LOCAL_TEE:
                self.stack.append(d)
            return d, i + 1
        return self.result(is_real), i

    def assign(self, x: int, keep: bool) -> None:
        """local.set, local.tee of what is on the stack."""
        where = self.stack[-1]
        home = self.homes[x]
        if where == home:
            if not keep:
                self.stack.pop()
            return
        t = self.facts.locals[x]
        self.pop()
        if home in self.stack:
            self.unshare(x)
        self.out.append(encodings.store_local(home, where, t))
        if keep:
            self.stack.append(home)

    def unary(self, op: int, i: int) -> None:
        """Instruction i computes something from one operand."""
        a = self.pop()
        if op == _WRAP and (a < 0 or a >= CONST32):
            # the low half of a place or a constant is there already
            self.stack.append(a if a < 0 else CONST32 + (a & 0xFFFFFFFF))
            return
        d, self.next = self.destination(i + 1, op in FLOAT_ROWS)
        memo = self.home.memo
        text = memo.get((op, d, a, 0))
        if text is None:
            text = memo[op, d, a, 0] = encodings.unary(op, d, a)
        self.out.append(text)

    def binary(self, op: int, i: int) -> None:
        """Instruction i computes a float from two operands."""
        b, a = self.pop(), self.pop()
        d, self.next = self.destination(i + 1, True)
        memo = self.home.memo
        text = memo.get((op, d, a, b))
        if text is None:
            text = memo[op, d, a, b] = encodings.binary(op, d, a, b)
        self.out.append(text)

    def load(self, op: int, arg: MemArg, i: int) -> None:
        """Instruction i loads something."""
        a = self.pop()
        d, self.next = self.destination(i + 1, op in FLOAT_ROWS)
        memo = self.home.memo
        text = memo.get((op, d, a, arg.offset))
        if text is None:
            text = memo[op, d, a, arg.offset] = encodings.load(op, d, a, arg.offset)
        self.out.append(text)

    def store(self, op: int, arg: MemArg) -> None:
        """An instruction stores something."""
        stack, temps = self.stack, self.temps
        value, a = stack.pop(), stack.pop()
        if value in temps:
            (self.free if value < XMM0 else self.free_xmm).append(value)
        if a in temps:
            self.free.append(a)
        memo = self.home.memo
        text = memo.get((op, value, a, arg.offset))
        if text is None:
            text = memo[op, value, a, arg.offset] = encodings.store(op, value, a, arg.offset)
        self.out.append(text)

    def compare(self, op: int, i: int) -> None:
        """Instruction i compares: what needs no value takes the flags."""
        if op in _EQZS:
            op, b = _EQZS[op]
        else:
            b = self.pop()
        a = self.pop()
        memo = self.home.memo
        text = memo.get((op, a, b, -1))
        found = COMPARE[op]
        if text is None:
            text = memo[op, a, b, -1] = found.flags(a, b)
        i += 1
        following = self.body.ops[i]
        if following in _FLAG_USERS:
            self.next = i + 1
            self.home.flag_users[following](self, text, found.condition, i)
            return
        self.out.append(text)
        d, self.next = self.destination(i, False)
        self.out.append(encodings.flag(d, found.condition))

    def condition(self) -> bytes:
        """Pop an i32; code after which NE holds where it is not zero."""
        where = self.pop()
        memo = self.home.memo
        key = (0x46, where, CONST32, -1)
        text = memo.get(key)
        if text is None:
            text = memo[key] = COMPARE[0x46].flags(where, CONST32)
        return text

    # --- the end -------------------------------------------------------------------------------

    def _finish(self) -> Compiled:
        self.place(self.end)
        out = self.out
        out.append(self.frame.leave())
        leaf = not self.frame.calls and self.frame.size < 8 * SMALL_FRAME
        if not leaf:
            self.jumps.append((0, self.trap_label(TrapCode.STACK_EXHAUSTED)))
        for code, label in self.traps.items():
            self.place(label)
            out.append(rm(b"\x8b", RDI, CONTEXT, 1) + load_constant(RSI, code))
            self.call("wj_trap")
        out[0], out[1] = self.frame.enter(not leaf)
        count = len(out)
        if self.exits:
            assert self.home.exits is not None, "who knows of exits has opened them"
            self.home.exits.close(self)
        return self._join(count)

    def _join(self, count: int) -> Compiled:
        """All pieces in a row, every distance filled in; the function has so many."""
        sizes = list(accumulate(map(len, self.out), initial=0))
        words = sizes[-1] + WORD - 1 & -WORD
        text = bytearray(b"".join(self.out)).ljust(words + WORD * len(self.exits), b"\0")
        starts = [sizes[piece] for piece in self.labels]
        pack = struct.pack_into
        for piece, label in self.jumps:
            stop = sizes[piece + 1]
            pack("<i", text, stop - 4, starts[label] - stop)
        for piece, labels in self.tables:
            base = sizes[piece]
            pack(f"<{len(labels)}i", text, base, *[starts[label] - base for label in labels])
        for piece, k in self.words:
            stop = sizes[piece + 1]
            pack("<i", text, stop - 4, words + WORD * k - stop)
        calls = [Call(sizes[piece + 1], name, addend) for piece, name, addend in self.symbols]
        ends = self.facts.ends
        exits = [
            Exit(loop, sizes[start], sizes[self.ends[ends[loop]]], words + WORD * k)
            for k, (loop, _, start) in enumerate(self.exits)
        ]
        return Compiled(text, sizes[count], exits, self.unit, calls, self.rows, self.frame.tail)


_WRAP: Final = BY_NAME["i32.wrap_i64"][0].op


#: Compiles one instruction, given its immediate and index.
Handler = Callable[[FunctionCompiler, object, int], None]
#: Compiles one that takes flags: the code that sets them, the condition, the index.
FlagUser = Callable[[FunctionCompiler, bytes, int, int], None]
