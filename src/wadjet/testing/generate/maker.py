"""The stack machine that makes one function body: it knows types, so all it writes is valid."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from itertools import groupby
from typing import Final, final

from wadjet.core.body import BlockType, Body
from wadjet.core.module import Code
from wadjet.core.opcodes import BY_NAME, Op
from wadjet.core.subtyping import defaultable
from wadjet.core.types import F32, F64, I32, I64, V128, NumType, RefType, ValType
from wadjet.testing.generate.constants import const_op
from wadjet.testing.generate.values import immediate, number
from wadjet.testing.generate.world import World

Types = tuple[ValType, ...]
#: Writes one instruction with its operands, or does nothing and returns False.
Rule = Callable[["Maker"], bool]

#: how deep expressions and blocks nest
_DEEP: Final = 4
#: a prime to mix bits with
PRIME: Final = 0x9E37_79B9_7F4A_7C15


def op(mnemonic: str) -> int:
    """The id of the (first) row with this name."""
    return BY_NAME[mnemonic][0].op


@final
class Frame:
    """A block that is open. Branches take `label`; `private` blocks must not be branched to:
    they are loops whose counter would be missed."""

    __slots__ = ("height", "label", "op", "params", "private", "results", "unreachable", "unset")

    def __init__(
        self, op: int, params: Types, results: Types, height: int, unset: set[int]
    ) -> None:
        self.op = op
        self.params: Final = params
        self.results: Final = results
        self.label: Final = params if op == Op.LOOP else results
        self.height: Final = height
        self.unset: Final = frozenset(unset)
        self.unreachable = False
        self.private = False


class Supply(ABC):
    """Where values come from and where they go: all that a maker asks the rules above it for."""

    @abstractmethod
    def simple(self, m: "Maker", t: ValType) -> None:
        """Push something that can be used as a `t`, in few instructions."""

    @abstractmethod
    def complex(self, m: "Maker", t: ValType) -> bool:
        """Push an expression that can be used as a `t`, if the first idea works."""

    @abstractmethod
    def sink(self, m: "Maker") -> None:
        """Take the topmost operand off the stack, if possible so that it still matters."""


@final
class Maker:
    """Writes instructions and follows the types on the stack, as validation will.

    `room` is about how many more instructions there should be. `locals` are all locals,
    parameters first; random code does not write the `reserved` ones. `trips` is how often the
    innermost counted loops run, all together. `within` counts the new objects that what is being
    pushed will be part of.
    """

    def __init__(self, w: World, supply: Supply, params: Types, results: Types, room: int) -> None:
        self.w: Final = w
        self.supply: Final = supply
        self.rng: Final = w.rng
        self.body: Final = Body()
        self.arity: Final = len(params)
        self.locals: Final[list[ValType]] = list(params)
        self.reserved: Final[set[int]] = set()
        self.unset: set[int] = set()
        self.vals: Final[list[ValType]] = []
        self.ctrls: Final = [Frame(Op.BLOCK, (), results, 0, set())]
        self.room = room
        self.level = 0
        #: operands below this height are meant for an instruction that is still to come
        self.floor = 0
        self.trips = 1
        self.within = 0
        self._scratch: Final[dict[ValType, int]] = {}

    def chance(self, probability: float) -> bool:
        """Whether something of this probability happens."""
        return self.rng.random() < probability

    # -- writing ----------------------------------------------------------------------------------

    def emit(self, op: int, imm: object = None) -> None:
        """One instruction, whatever it does to the stack."""
        self.body.add(op, imm, 0)
        self.room -= 1

    def write(self, name: str, *imms: object) -> None:
        """One instruction by its name, whatever it does to the stack."""
        self.emit(op(name), imms[0] if len(imms) == 1 else imms or None)

    def script(self, *instructions: str | tuple[str, object]) -> None:
        """Instructions by name, some with an immediate, whatever they do to the stack."""
        for each in instructions:
            name, imm = each if isinstance(each, tuple) else (each, None)
            self.emit(op(name), imm)

    def apply(self, op: int, imm: object, params: Sequence[ValType], *results: ValType) -> None:
        """One instruction whose operands are on the stack."""
        self.emit(op, imm)
        self.pop(len(params))
        self.vals.extend(results)

    def pop(self, count: int) -> None:
        """Take operands off; unreachable code may have fewer."""
        del self.vals[max(len(self.vals) - count, self.frame.height) :]

    def code(self) -> Code:
        """What was made."""
        runs = [(len(list(run)), t) for t, run in groupby(self.locals[self.arity :])]
        return Code(runs, self.body)

    # -- the stack --------------------------------------------------------------------------------

    @property
    def frame(self) -> Frame:
        """The innermost block."""
        return self.ctrls[-1]

    @property
    def here(self) -> list[ValType]:
        """The operands of the innermost block."""
        return self.vals[self.frame.height :]

    def want(self, types: Sequence[ValType]) -> None:
        """Have operands of these types on top: those that are there, and new ones."""
        have = self.vals[max(self.frame.height, self.floor) :]
        ready = next(
            k
            for k in range(min(len(have), len(types)), -1, -1)
            if all(map(self.w.fits, have[len(have) - k :], types))
        )
        if ready and self.chance(0.2):
            ready = 0
        if self.frame.unreachable and not self.here and self.chance(0.4):
            ready = self.rng.randint(0, len(types))  # nobody pushed them, nobody will miss them
        for t in types[ready:]:
            self.produce(t)

    def never_returns(self) -> None:
        """What follows in this block is unreachable."""
        del self.vals[self.frame.height :]
        self.frame.unreachable = True

    def label(self, n: int) -> Frame:
        """The block that a label means."""
        return self.ctrls[-1 - n]

    def labels(self) -> list[int]:
        """The labels that may be branched to."""
        return [n for n in range(len(self.ctrls)) if not self.label(n).private]

    # -- locals -----------------------------------------------------------------------------------

    def add_local(self, t: ValType, reserved: bool = False) -> int:
        """A new local. What has no default must be added before the first block."""
        x = len(self.locals)
        self.locals.append(t)
        if not defaultable(t):
            self.unset.add(x)
        if reserved:
            self.reserved.add(x)
        return x

    def scratch(self, t: ValType) -> int:
        """A local of a type that has a default, which nobody relies on for long."""
        found = self._scratch.get(t)
        if found is None:
            found = self._scratch[t] = self.add_local(t, reserved=True)
        return found

    def readable(self, t: ValType) -> list[int]:
        """Locals that hold what can be used as a `t`."""
        fits, unset, hidden = self.w.fits, self.unset, self._scratch.values()
        return [
            x
            for x, own in enumerate(self.locals)
            if x not in unset and x not in hidden and fits(own, t)
        ]

    def writable(self, t: ValType) -> list[int]:
        """Locals that a `t` may be put in."""
        return [
            x for x, own in enumerate(self.locals) if x not in self.reserved and self.w.fits(t, own)
        ]

    def set_local(self, x: int) -> None:
        """local.set of what is on the stack."""
        self.emit(Op.LOCAL_SET, x)
        self.pop(1)
        self.unset.discard(x)

    def get_local(self, x: int) -> None:
        """local.get."""
        self.emit(Op.LOCAL_GET, x)
        self.vals.append(self.locals[x])

    # -- values -----------------------------------------------------------------------------------

    def produce(self, t: ValType) -> None:
        """Push a value that can be used as a `t`: something simple, or an expression."""
        self.guarded(lambda: self._produce(t))

    def guarded(self, push: Callable[[], None]) -> None:
        """Have something pushed on top of operands that it must leave alone."""
        floor, self.floor = self.floor, len(self.vals)
        push()
        self.floor = floor

    def _produce(self, t: ValType) -> None:
        if self.level < _DEEP and self.room > 0 and not self.chance(0.35):
            self.level += 1
            made = any(self.supply.complex(self, t) for _ in range(3))
            self.level -= 1
            if made:
                return
        self.supply.simple(self, t)

    def constant(self, t: NumType, bits: int | None = None) -> None:
        """Push a constant (its bits), by default a random one."""
        chosen = number(t, self.rng) if bits is None else bits
        self.emit(const_op(t), immediate(t, chosen))
        self.vals.append(t)

    def number(self, t: NumType, value: int) -> None:
        """Push a small constant, whatever the width of the type."""
        self.constant(t, value % (1 << 8 * t.size))

    # -- blocks -----------------------------------------------------------------------------------

    def block_type(self, params: Types, results: Types) -> BlockType:
        """How to write the type of a block."""
        if not params and len(results) < 2 and not self.chance(0.05):
            return results[0] if results else None
        if not self.w.has("multi-value"):
            assert not params, "nothing else is asked for"
            assert len(results) < 2, "nothing else is asked for"
            return results[0] if results else None
        return self.w.func_type(params, results)

    def open(self, op: int, params: Types, results: Types, *more: object) -> Frame:
        """Begin a block whose parameters are on the stack."""
        type_ = self.block_type(params, results)
        self.emit(op, (type_, *more) if more else type_)
        self.pop(len(params))
        frame = Frame(op, params, results, len(self.vals), self.unset)
        self.ctrls.append(frame)
        self.vals.extend(params)
        return frame

    def arm(self, op: int, imm: object, operands: Sequence[ValType]) -> None:
        """End one arm of a block and begin the next: else, catch, catch_all."""
        frame = self.frame
        self.settle(frame.results)
        self.emit(op, imm)
        del self.vals[frame.height :]
        self.unset = set(frame.unset)
        frame.op, frame.unreachable = op, False
        self.vals.extend(operands)

    def close(self, op: int = Op.END, imm: object = None) -> None:
        """End a block, with its results on the stack."""
        frame = self.frame
        self.settle(frame.results)
        self.emit(op, imm)
        self.ctrls.pop()
        del self.vals[frame.height :]
        self.vals.extend(frame.results)
        self.unset = set(frame.unset)

    def settle(self, results: Types) -> None:
        """Leave nothing but these on the stack of the block."""
        frame = self.frame
        if frame.unreachable and not self.here and self.chance(0.6):
            for t in results[self.rng.randint(0, len(results)) :]:
                self.produce(t)
            return
        surplus = len(self.here) - len(results)
        if surplus > 0 and frame.op != Op.LOOP and self.chance(0.25):
            if self.w.all_fit(self.here[surplus:], results):
                self.emit(Op.BR, 0)
                self.never_returns()
                return
        while self.here and not self._leads_to(results):
            self.supply.sink(self)
        for t in results[len(self.here) :]:
            self.produce(t)

    def _leads_to(self, results: Types) -> bool:
        have = self.here
        return len(have) <= len(results) and all(map(self.w.fits, have, results))

    # -- fixed code -------------------------------------------------------------------------------

    def mix(self) -> None:
        """Take a number off the stack into the hash of the module."""
        t = self.vals[-1] if self.here else I64
        if t is V128:
            x = self.scratch(V128)
            self.emit(Op.LOCAL_TEE, x)
            self.write("i64x2.extract_lane", 0)
            self.emit(Op.LOCAL_GET, x)
            self.write("i64x2.extract_lane", 1)
            self.write("i64.const", 3)
            self.write("i64.rotl")
            self.write("i64.xor")
        elif isinstance(t, RefType):
            self.emit(Op.REF_IS_NULL)
            self.write("i64.extend_i32_u")
        else:
            self.to_i64(t)
        self.emit(Op.GLOBAL_GET, self.w.hash)
        self.write("i64.xor")
        self.emit(Op.I64_CONST, immediate(I64, PRIME))
        self.emit(Op.I64_MUL)
        self.emit(Op.GLOBAL_SET, self.w.hash)
        self.pop(1)

    def to_i64(self, t: ValType) -> None:
        """Turn the bits of a scalar on the stack into an i64 (the stack is not followed)."""
        if t is F32:
            self.write("i32.reinterpret_f32")
        if t in (I32, F32):
            self.write("i64.extend_i32_u")
        if t is F64:
            self.write("i64.reinterpret_f64")

    def burn(self, leave: Callable[[], None]) -> None:
        """Take one from the fuel; where there is none left, `leave` writes how to go."""
        fuel = self.w.fuel
        self.emit(Op.GLOBAL_GET, fuel)
        self.write("i32.eqz")
        self.vals.append(I32)
        self.pop(1)
        self.open(Op.IF, (), ())
        leave()
        self.close()
        self.emit(Op.GLOBAL_GET, fuel)
        self.emit(Op.I32_CONST, 1)
        self.emit(Op.I32_SUB)
        self.emit(Op.GLOBAL_SET, fuel)
