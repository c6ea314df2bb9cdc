"""The state of a function on its way to machine code, and the vocabulary of those who compile its
instructions (see `walk`).

The operand stack holds where each operand is: a register, a place in the frame, a constant (see
`x86`), or the home of a local that was got and not yet used. Where blocks begin and end, operands
are in their own places in the frame; in between they stay wherever they came to be. What the next
instruction does with a result is looked at in advance: it is made where it is wanted.

Distances of jumps are filled in at the end. Only then is it known how the function begins, so
places in the code are counted from behind that.
"""

import struct
from collections.abc import Callable
from typing import TYPE_CHECKING, Final, NamedTuple, cast, final

from wadjet.core.body import Body, Catch
from wadjet.core.opcodes import BY_NAME, Op
from wadjet.core.types import V128, ValType
from wadjet.engine.baseline.encodings import store_local
from wadjet.engine.baseline.exits import WORD, Exit
from wadjet.engine.baseline.frame import BOTTOM, CONTEXT, Frame
from wadjet.engine.baseline.selection import COMPARE, EQUAL, UNEQUAL
from wadjet.engine.baseline.survey import ACCESS, Survey
from wadjet.engine.baseline.x86 import (
    CALL, CONST32, E, JUMP, JUMP_IF, NE, P, RDI, RDX, REGISTERS, RSI, XMM0, XMM1,
    copy_vector, load_constant, rm, to_frame, to_register,
)  # fmt: skip
from wadjet.engine.contract.traps import TrapCode
from wadjet.engine.contract.frames import SMALL_FRAME

if TYPE_CHECKING:
    from wadjet.engine.baseline.module import Baseline
    from wadjet.core.validate.facts import Facts
    from wadjet.engine.runtime.loader import Object


#: A place in the code that refers to something outside of it: the four bytes before (first) hold
#: the distance to a symbol (second: a name, or the number of a row) + an addend (third).
Call = tuple[int, str | int, int]


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


_I32_EQ: Final = BY_NAME["i32.eq"][0].op
_DISTANCE: Final = struct.Struct("<i")
#: Over the next jump, where the operands are not ordered; and that jump.
_IF_EQUAL: Final = b"\x7a\x06" + JUMP_IF[E]


@final
class FunctionCompiler:
    """The state of one function under construction, and the vocabulary of the handlers."""

    def __init__(
        self, home: "Baseline", slot: int, body: Body, facts: "Facts", survey: Survey, unit: int
    ) -> None:
        self.home: Final = home
        self.slot: Final = slot
        self.body: Final = body
        self.facts: Final = facts
        self.index: Final = slot + home.layout.func_imports
        if unit == 8 and V128 in facts.locals:
            raise Vectors
        self.type: Final = home.func_type(self.index)
        self.frame: Final = Frame(self.type, facts, survey, len(body.ops), unit, home.spare)
        self.frame.uses_memory = home.guarded and survey.seen & ACCESS != 0
        self.unit: Final = unit
        self.slots: Final = self.frame.slots
        self.homes: Final = self.frame.homes
        #: where operands are, from `BOTTOM` on
        self.stack: list[int] = self.slots[:BOTTOM]
        #: registers for operands that are free
        self.free: list[int] = list(self.frame.temps)
        self.free_xmm: list[int] = list(self.frame.temps_xmm)
        #: for each register, whether it is one of those
        self.temps: Final = [False] * REGISTERS
        for register in (*self.free, *self.free_xmm):
            self.temps[register] = True
        #: all but how the function begins
        self.code = bytearray()
        #: label → where in the code it is, -1 where that is not known yet
        self.labels: list[int] = []
        #: (end of a distance, label)
        self.jumps: list[tuple[int, int]] = []
        self.symbols: list[tuple[int, str | int, int]] = []
        #: tables of distances to labels: (place, labels)
        self.tables: list[tuple[int, list[int]]] = []
        self.traps: dict[int, int] = {}
        self.blocks: list[Block] = []
        #: where the function ends
        self.end: Final = self.label()
        #: loops that have exits: (instruction, label of the way out, where they begin)
        self.exits: list[tuple[int, int, int]] = []
        #: `end` of a loop → where it is
        self.ends: dict[int, int] = {}
        #: (end of the distance to the word of an exit, which exit)
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
        self.labels[label] = len(self.code)

    def jump(self, label: int) -> None:
        """Go there."""
        self._distance(JUMP, label)

    def jump_if(self, condition: int, label: int) -> None:
        """Go there where the flags say so."""
        if condition == EQUAL:
            self._distance(_IF_EQUAL, label)
            return
        if condition == UNEQUAL:
            self._distance(JUMP_IF[P], label)
            condition = NE
        self._distance(JUMP_IF[condition], label)

    def _distance(self, text: bytes, label: int) -> None:
        self.code += text
        self.jumps.append((len(self.code), label))

    def word(self, text: bytes, k: int) -> None:
        """An instruction that ends in the distance to the word of an exit."""
        self.code += text
        self.words.append((len(self.code), k))

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
        self.code += text
        self.symbols.append((len(self.code), symbol, addend))

    def call_row(self, loaded: "Object") -> None:
        """Call a row."""
        if loaded not in self.rows:
            self.rows.append(loaded)
        self.code += CALL
        self.symbols.append((len(self.code), self.rows.index(loaded), 0))

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
        self.release(where)
        return where

    def release(self, where: int) -> None:
        """What was there is no operand any more."""
        if 0 <= where < REGISTERS and self.temps[where]:
            if where < XMM0:
                self.free.append(where)
            else:
                self.free_xmm.append(where)

    def is_temporary(self, where: int) -> bool:
        """Whether it is a register for operands."""
        return 0 <= where < REGISTERS and self.temps[where]

    def result(self, is_float: bool) -> int:
        """A register for a result, which is pushed."""
        free = self.free_xmm if is_float else self.free
        if not free:
            self.make_room(is_float)
        where = free.pop()
        self.stack.append(where)
        return where

    def make_room(self, is_float: bool) -> None:
        """Free a register: that of the lowest operand."""
        for h, where in enumerate(self.stack):
            if self.is_temporary(where) and (where >= XMM0) == is_float:
                self.to_slot(h, where)
                self.stack[h] = self.slots[h]
                self.release(where)
                return
        raise AssertionError("operands are all that registers are for")

    def to_slot(self, height: int, where: int) -> None:
        """Copy an operand to the place for this height."""
        place = self.slots[height]
        if self.unit == 16 and (where < 0 or XMM0 <= where < REGISTERS):
            self.code += copy_vector(place, where)
        else:
            self.code += to_frame(place, where)

    def spill(self, below: int) -> None:
        """Operands below a height leave the registers that hold operands."""
        stack = self.stack
        for h in range(BOTTOM, below):
            where = stack[h]
            if self.is_temporary(where):
                self.to_slot(h, where)
                stack[h] = self.slots[h]
                self.release(where)

    def flush(self, start: int = BOTTOM) -> None:
        """Operands, from a height on, go to their own places."""
        stack, slots = self.stack, self.slots
        for h in range(start, len(stack)):
            where = stack[h]
            if where != slots[h]:
                self.to_slot(h, where)
                stack[h] = slots[h]
                self.release(where)

    def settle(self, height: int) -> None:
        """From here on there are so many operands, all in their places."""
        if height > BOTTOM or len(self.stack) > BOTTOM:
            self.stack[:] = self.slots[:height]
        if len(self.free) < len(self.frame.temps):
            self.free[:] = self.frame.temps
        if len(self.free_xmm) < len(self.frame.temps_xmm):
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
                    self.code += copy_vector(source, where)
                elif source < 0:
                    source = RDX
                    self.code += to_register(source, where, 1)
                self.to_slot(h, source)
                stack[h] = self.slots[h]

    def to_gpr(self, register: int, where: int, wide: int) -> None:
        """An integer from anywhere to a general register."""
        text = to_register(register, where, wide)
        if text:
            self.code += text

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
        stack = self.stack
        where = stack[-1]
        home = self.homes[x]
        if where == home:
            if not keep:
                stack.pop()
            return
        self.pop()
        if home in stack:
            self.unshare(x)
        self.code += store_local(home, where, self.facts.locals[x])
        if keep:
            stack.append(home)

    def condition(self) -> bytes:
        """Pop an i32; code after which NE holds where it is not zero."""
        where = self.pop()
        memo = self.home.memos[_I32_EQ]
        text = memo.get((where, CONST32, -1))
        if text is None:
            text = memo[where, CONST32, -1] = COMPARE[_I32_EQ].flags(where, CONST32)
        return text

    # --- the end -------------------------------------------------------------------------------

    def finish(self) -> Compiled:
        """The function has been walked through."""
        self.place(self.end)
        frame = self.frame
        self.code += frame.leave()
        exhausted = -1
        if frame.calls or frame.size >= 8 * SMALL_FRAME:
            exhausted = self.trap_label(TrapCode.STACK_EXHAUSTED)
        for code, label in self.traps.items():
            self.place(label)
            self.code += rm(b"\x8b", RDI, CONTEXT, 1) + load_constant(RSI, code)
            self.call("wj_trap")
        beginning = frame.enter(-1 if exhausted < 0 else self.labels[exhausted])
        size = len(beginning) + len(self.code)
        if self.exits:
            assert self.home.exits is not None, "who knows of exits has opened them"
            self.home.exits.close(self)
        return self._complete(beginning, size)

    def _complete(self, beginning: bytes, size: int) -> Compiled:
        """Fill in every distance. The function itself has so many bytes."""
        code, labels = self.code, self.labels
        fill, start = _DISTANCE.pack_into, len(beginning)
        words = (start + len(code) + WORD - 1 & -WORD) - start
        for end, label in self.jumps:
            fill(code, end - 4, labels[label] - end)
        for place, goals in self.tables:
            distances = [labels[label] - place for label in goals]
            struct.pack_into(f"<{len(goals)}i", code, place, *distances)
        for end, k in self.words:
            fill(code, end - 4, words + WORD * k - end)
        whole = bytearray(beginning)
        whole += code
        whole += bytes(start + words + WORD * len(self.exits) - len(whole))
        calls: list[Call] = [(start + end, name, addend) for end, name, addend in self.symbols]
        ends = self.facts.ends
        exits = [
            Exit(loop, start + begin, start + self.ends[ends[loop]], start + words + WORD * k)
            for k, (loop, _, begin) in enumerate(self.exits)
        ]
        return Compiled(whole, size, exits, self.unit, calls, self.rows, self.frame.tail)


#: Compiles one instruction, given its immediate and index.
Handler = Callable[[FunctionCompiler, object, int], None]
