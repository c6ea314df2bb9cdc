"""The native frame of a function: where locals and operands have their places, which of them live
in registers, how the function begins and ends.

    rbp + 16…      arguments that came on the stack
    rbp - 8        the context
    …              registers to give back; where results go, if they go to memory
    …              a place for each local, then one for each operand by its height
    …              cells for results of calls that come in memory
    rsp            arguments for calls, as far as they go on the stack

A local that is used much lives in a register. Its place is then only for calls that would destroy
the register, and for who takes over the frame.
"""

from typing import Final, final

from wadjet.core.types import F32, F64, I32, V128, FuncType, ValType
from wadjet.core.validate.facts import Facts
from wadjet.engine.baseline.survey import CALLER, TAIL_CALL, Survey
from wadjet.engine.baseline.x86 import (
    BE, JUMP_IF, R8, R9, R10, R11, R12, R13, R14, R15, RAX, RBP, RBX, RCX, RDI, RDX, RSI, XMM0, at,
    copy_vector, int32, rm, to_frame, to_register, to_xmm,
)  # fmt: skip
from wadjet.engine.contract.layout import VM_CONTEXT, VM_STORE
from wadjet.engine.emit.llvmtypes import in_memory

#: Registers that calls leave alone, and those that they do not, for locals.
_KEPT: Final = (RBX, R12, R13, R14)
_LOST: Final = (R9, R8, RDI)
_LOST_XMM: Final = tuple(range(XMM0 + 8, XMM0 + 15))
#: Nothing lives here.
XMM15: Final = XMM0 + 15
#: Registers for operands, the last one first.
_TEMPS: Final = (R9, R8, RDI, RSI, R11, R10)
_TEMPS_XMM: Final = tuple(range(XMM0 + 7, XMM0 + 1, -1))
#: Uses that make it worth while to give a register back at the end, and to save one around calls.
_WORTH: Final = 4
_WORTH_SAVING: Final = 3
#: A function of more instructions, none in a loop, has its locals in the frame.
_LONG: Final = 400
#: So many locals may live in registers.
_MOST: Final = 16

_INTEGER_ARGUMENTS: Final = (RSI, RDX, RCX, R8, R9)
_FLOAT_ARGUMENTS: Final = tuple(range(XMM0, XMM0 + 8))
CONTEXT: Final = -8
#: The height of the first operand. A list that has some elements always keeps its memory when it
#: grows and shrinks, so below are two that stand for nothing.
BOTTOM: Final = 2


def is_float(t: ValType) -> bool:
    """Whether values of a type live in xmm registers."""
    return t is F64 or t is F32 or t is V128


def arguments(type_: FuncType) -> tuple[list[int], int]:
    """Where the arguments of a call are: registers, or (from `REGISTERS` on) 1000 + offset from
    where the stack's arguments begin; and how many bytes those take."""
    integers, floats = list(_INTEGER_ARGUMENTS), list(_FLOAT_ARGUMENTS)
    if in_memory(type_.results):
        del integers[0]
    found, size = [], 0
    for t in type_.params:
        pool = floats if is_float(t) else integers
        if pool:
            found.append(pool.pop(0))
            continue
        if t is V128:
            size = size + 15 & -16
        found.append(ON_STACK + size)
        size += 16 if t is V128 else 8
    return found, size


@final
class Passage:
    """How arguments get to functions of a type: their places and what those on the stack take (see
    `arguments`), and code that moves operands there, by operands."""

    __slots__ = ("moves", "places", "size")

    def __init__(self, type_: FuncType) -> None:
        self.places, self.size = arguments(type_)
        self.moves: Final[dict[tuple[int, ...], bytes]] = {}


#: Where registers to give back are: the one for memory, and the first of the others.
_MEMORY: Final = -16
_SAVED: Final = -24
_SAVE_MEMORY: Final = rm(b"\x89", R15, _MEMORY, 1)
_RESTORE_MEMORY: Final = rm(b"\x8b", R15, _MEMORY, 1)
_FETCH_MEMORY: Final = at(b"\x8b", R15, RDI, VM_CONTEXT["memory_base"], 1)


def _others(opcode: bytes) -> list[bytes]:
    """Moves of the first so many of the others."""
    moves = [rm(opcode, r, _SAVED - 8 * k, 1) for k, r in enumerate(_KEPT)]
    return [b"".join(moves[:count]) for count in range(len(moves) + 1)]


_SAVES: Final = _others(b"\x89")
_RESTORES: Final = _others(b"\x8b")
#: push rbp; mov rbp, rsp; the context to its place
_BEGIN: Final = b"\x55\x48\x89\xe5" + rm(b"\x89", RDI, CONTEXT, 1)
#: lea rax, [rsp - …]
_NEED: Final = b"\x48\x8d\x84\x24"
#: Compare that with the limit, and go elsewhere if it is lower: ends in a distance.
_CHECK: Final = (
    at(b"\x8b", R11, RDI, VM_CONTEXT["store"], 1)
    + at(b"\x3b", RAX, R11, VM_STORE["stack_limit"], 1)
    + JUMP_IF[BE][:-4]
)
#: Added to the offset of an argument on the stack.
ON_STACK: Final = 1000


@final
class Frame:
    """See the module. `unit` is what a place takes: 16 where there are vectors, else 8."""

    def __init__(
        self, type_: FuncType, facts: Facts, survey: Survey, length: int, unit: int, spare: int
    ) -> None:
        """`length` counts instructions; `spare` operands more than validation knows of may turn
        up."""
        self.type: Final = type_
        self.types: Final = facts.locals
        self.unit: Final = unit
        #: whether it makes tail calls: then it must be called by those who do (see `calls`)
        self.tail: Final = survey.seen & TAIL_CALL != 0
        self.calls: Final = survey.seen & CALLER != 0
        # what is in a long function without loops happens once
        is_dull = not facts.locals or (not facts.assigned and length > _LONG)
        chosen: dict[int, int] = {} if is_dull else self._choose(survey)
        used = list(chosen.values())
        #: so many of the registers that must be given back are used
        self._saved: Final = len([r for r in used if r in _KEPT])
        self.uses_memory = False
        #: registers for operands
        self.temps: Final = [r for r in _TEMPS if r not in used]
        self.temps_xmm: Final = list(_TEMPS_XMM)
        self.out: Final = in_memory(type_.results)
        start = 16 + 8 * self._saved + (8 if self.out else 0)
        count = len(facts.locals)
        self.places: Final = range(-start - unit, -start - unit * (count + 1), -unit)
        first = -start - unit * (count + 1)
        #: the place of the operand at each height
        self.slots: Final = [CONTEXT] * BOTTOM
        self.slots.extend(range(first, first - unit * (facts.height + 1 + spare), -unit))
        #: places for exceptions that are caught
        self._caught: Final = [self.slots[-1] - 8 * (k + 1) for k in range(survey.tries)]
        self._end: Final = self.slots[-1] - 8 * len(self._caught)
        self._cells = 0
        self._outgoing = 0
        #: where each local is
        self.homes: Final = list(self.places)
        for x, r in chosen.items():
            self.homes[x] = r
        #: locals in registers that calls destroy: code that saves them, code that fetches them
        lost = [(r, x) for x, r in chosen.items() if r in _LOST or r >= XMM0]
        self.lost: Final = bool(lost)
        self.save: Final = b"".join([to_frame(self.places[x], r) for r, x in lost])
        self.fetch: Final = b"".join([move(r, self.places[x], self.types[x]) for r, x in lost])

    # --- registers for locals ------------------------------------------------------------------

    def _choose(self, survey: Survey) -> dict[int, int]:
        """Local → register, for those that are worth it."""
        uses, worth = survey.uses, _WORTH_SAVING * survey.calls
        kept, lost, xmm = list(_KEPT), list(_LOST), list(_LOST_XMM)
        found = {}
        most = [x for x, weight in enumerate(uses) if weight]
        most.sort(key=uses.__getitem__, reverse=True)
        for x in most[:_MOST]:
            t, weight = self.types[x], uses[x]
            if t is V128:
                continue
            if is_float(t):
                if weight > worth and xmm:
                    found[x] = xmm.pop()
            elif weight > worth and lost:
                found[x] = lost.pop()
            elif weight >= _WORTH and kept:
                found[x] = kept.pop(0)
        return found

    # --- room ----------------------------------------------------------------------------------

    def keep(self) -> int:
        """A place for an exception that is caught, for as long as the function runs."""
        return self._caught.pop()

    def cells(self, count: int) -> int:
        """The lowest place of so many cells for results."""
        self._cells = max(self._cells, 16 * count)
        return self._end - 16 * count

    def outgoing(self, size: int) -> None:
        """Have so many bytes for arguments on the stack."""
        self._outgoing = max(self._outgoing, size)

    @property
    def size(self) -> int:
        """Bytes below rbp."""
        return (self._cells + self._outgoing - self._end + 31) & -16

    # --- beginning and end -----------------------------------------------------------------------

    def enter(self, exhausted: int) -> bytes:
        """How the function begins. At this distance behind that, a stack that is exhausted is dealt
        with; -1 if nobody looks."""
        size = self.size
        rest = [b"\x48\x81\xec" + int32(size)]
        if self.uses_memory:
            rest += [_SAVE_MEMORY, _SAVES[self._saved], _FETCH_MEMORY]
        else:
            rest.append(_SAVES[self._saved])
        if self.out:
            rest.append(rm(b"\x89", RSI, self._out_place(), 1))
        rest += self._take_arguments()
        rest += self._clear()
        text = b"".join(rest)
        if exhausted < 0:
            return _BEGIN + text
        check = _NEED + int32(-size) + _CHECK
        return _BEGIN + check + int32(exhausted + len(text)) + text

    def _out_place(self) -> int:
        return _SAVED - 8 * self._saved

    def restore(self) -> bytes:
        """Give registers back."""
        text = _RESTORES[self._saved]
        return _RESTORE_MEMORY + text if self.uses_memory else text

    def leave(self) -> bytes:
        """How it ends: with `leave; ret`, or `leave; ret 8`."""
        return self.restore() + (b"\xc9\xc2\x08\0" if self.tail else b"\xc9\xc3")

    def out_pointer(self, register: int) -> bytes:
        """Where results go, to a register."""
        return rm(b"\x8b", register, self._out_place(), 1)

    def _take_arguments(self) -> list[bytes]:
        framed, moves, late = [], [], []
        found, _ = arguments(self.type)
        for home, source, t in zip(self.homes, found, self.type.params):
            if source >= ON_STACK:
                late.append(_from_stack(source - ON_STACK + 16, t, home))
            elif home < 0:
                framed.append((copy_vector if t is V128 else to_frame)(home, source))
            else:
                moves.append((home, source, t))
        return [*framed, *parallel(moves), *late]

    def _clear(self) -> list[bytes]:
        """Zeros for the locals that are not parameters."""
        first, count = len(self.type.params), len(self.types)
        pieces = []
        for x in range(first, count):
            home = self.homes[x]
            if home >= XMM0:
                pieces.append(rm(b"\x0f\x57", home, home))
            elif home >= 0:
                pieces.append(rm(b"\x31", home, home))
        framed = [x for x in range(first, count) if self.homes[x] < 0]
        if not framed:
            return pieces
        if len(framed) <= 4 and self.unit == 8:
            return pieces + [rm(b"\xc7", 0, self.homes[x], 1) + int32(0) for x in framed]
        pieces.append(rm(b"\x0f\x57", XMM0, XMM0))
        high = self.places[framed[0]] + self.unit
        low = self.places[framed[-1]]
        steps = (high - low + 15) // 16
        if steps <= 32:
            return pieces + [rm(b"\x0f\x11", XMM0, high - 16 * (k + 1)) for k in range(steps)]
        pieces.append(rm(b"\x8d", RAX, high - 16 * steps, 1) + rm(b"\x8d", RCX, high, 1))
        # movups [rax], xmm0; add rax, 16; cmp rax, rcx; jb back
        pieces.append(b"\x0f\x11\x00\x48\x83\xc0\x10\x48\x39\xc8\x72\xf4")
        return pieces


def parallel(moves: "list[tuple[int, int, ValType]]") -> list[bytes]:
    """Move values (from anywhere) to registers all at once: no move destroys what another reads."""
    found: list[bytes] = []
    left = []
    for d, s, t in moves:
        if d != s:
            left.append((d, s, t))
        elif t is I32:
            found.append(move(d, s, t))
    while left:
        read = [s for _, s, _ in left]
        waiting = []
        for d, s, t in left:
            if d in read:
                waiting.append((d, s, t))
            else:
                found.append(move(d, s, t))
        if len(waiting) == len(left):  # they go round in circles: take one out
            k = next((k for k, (_, _, t) in enumerate(left) if is_float(t)), 0)
            waiting[k] = _aside(found, *left[k])
        left = waiting
    return found


def _aside(found: list[bytes], target: int, source: int, t: ValType) -> tuple[int, int, ValType]:
    """Put the source of a move where nothing else is."""
    if is_float(t):
        found.append(copy_vector(XMM15, source))
        return target, XMM15, t
    found.append(to_register(RAX, source, 1))
    return target, RAX, t


def move(target: int, source: int, t: ValType) -> bytes:
    """A value of a type from anywhere to a register."""
    if t is V128:
        return copy_vector(target, source)
    if is_float(t):
        return to_xmm(target, source, t is F64)
    if t is I32 and target == source:
        return rm(b"\x8b", target, source)
    return to_register(target, source, t is not I32)


def _from_stack(offset: int, t: ValType, home: int) -> bytes:
    """An argument that came on the stack, to its home."""
    if t is V128:
        text = at(b"\x0f\x10", XMM0, RBP, offset)
        return text + copy_vector(home, XMM0)
    if home >= XMM0:
        return at(b"\x0f\x10", home, RBP, offset, 0, b"\xf2" if t is F64 else b"\xf3")
    if home >= 0:
        return at(b"\x8b", home, RBP, offset, int(t is not I32))
    return at(b"\x8b", RAX, RBP, offset, 1) + to_frame(home, RAX)
