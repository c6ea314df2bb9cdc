"""Ways out of baseline code into better code of the same function, while it runs (on-stack
replacement).

At the head of a loop operands lie in the frame, and locals there or in registers. So a loop may
leave for a *landing* (`emit.landing`): a function that takes locals and operands from the frame,
goes on from the head of the loop to the end of the function, and returns what that returns. The
frame waits below it. A way there is no part of the function to whoever looks at return addresses,
so a backtrace shows the function once.

A loop has no exit where operands lie below a block around it (compilers leave none there), in a
legacy catch clause, and in functions that make tail calls, which could not leave their frame.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import TYPE_CHECKING, Final, NamedTuple, final

from wadjet.engine.baseline.frame import BOTTOM, CONTEXT
from wadjet.engine.baseline.x86 import (
    JUMP, NE, RAX, RDI, RDX, RSI, int32, load_constant, rm, to_frame,
)  # fmt: skip

if TYPE_CHECKING:
    from wadjet.engine.baseline.function import Block, FunctionCompiler

#: What a loop's word takes.
WORD: Final = 4
#: mov eax, [rip + …]
_LOOK: Final = b"\x8b\x05\0\0\0\0"
#: test eax, eax
_TEST: Final = b"\x85\xc0"
#: lea rcx, [rip + …]
_ADDRESS: Final = b"\x48\x8d\x0d\0\0\0\0"
#: movsxd rax, eax; add rcx, rax
_ADD: Final = b"\x48\x63\xc0\x48\x01\xc1"
#: sub dword [rax], 1
_COUNT: Final = b"\x83\x28\x01"
_NEGATIVE: Final = 0x8
_CALL: Final = b"\xff\xd1"


class Exit(NamedTuple):
    """A loop (by its instruction) that has a way out, where its code begins and ends and where its
    word is, as offsets in the code of the function; the word of a counted one is of no use."""

    loop: int
    start: int
    stop: int
    word: int


class Exits(ABC):
    """How loops leave."""

    @abstractmethod
    def look(self, c: "FunctionCompiler", loop: int, way: int) -> None:
        """At the head of a loop: go to the label `way` if it is time."""

    @abstractmethod
    def way(self, c: "FunctionCompiler", k: int) -> None:
        """Exit k of the function: all that is needed to find its landing, to rcx (and rax)."""

    @abstractmethod
    def find(self, c: "FunctionCompiler") -> None:
        """The address of the landing, to rcx."""

    def open(self, c: "FunctionCompiler", i: int) -> None:
        """A loop begins here, at instruction i."""
        if c.frame.tail or not all(map(_is_plain, c.blocks)):
            return
        way = c.label()
        c.exits.append((i, way, len(c.code)))
        self.look(c, i, way)

    def close(self, c: "FunctionCompiler") -> None:
        """Behind the function: the ways out of its loops."""
        common = c.label()
        for k, (_, way, _) in enumerate(c.exits):
            c.place(way)
            self.way(c, k)
            c.jump(common)
        c.place(common)
        self.find(c)
        pairs = zip(c.frame.places, c.homes, strict=True)
        for place, home in pairs:
            if home >= 0:
                c.code += to_frame(place, home)
        first = RSI
        if c.frame.out:
            c.code += c.frame.out_pointer(RSI)
            first = RDX
        values = c.slots[BOTTOM] + c.unit * len(c.homes)
        c.code += rm(b"\x8d", first, values, 1) + rm(b"\x8b", RDI, CONTEXT, 1) + _CALL
        c.jump(c.end)


def _is_plain(block: "Block") -> bool:
    return block.height == BOTTOM and (block.catcher is None or block.catcher.is_open)


@final
class PatchedExits(Exits):
    """Each loop looks at a word behind the function: zero, or how far from there its landing is."""

    def look(self, c: "FunctionCompiler", loop: int, way: int) -> None:
        """See `Exits.look`."""
        c.word(_LOOK, len(c.exits) - 1)
        c.code += _TEST
        c.jump_if(NE, way)

    def way(self, c: "FunctionCompiler", k: int) -> None:
        """The word's address and contents."""
        c.word(_ADDRESS, k)

    def find(self, c: "FunctionCompiler") -> None:
        """Add them."""
        c.code += _ADD


@final
class CountedExits(Exits):
    """Each loop counts down and leaves below zero."""

    def __init__(self, numbers: Callable[[int, int, int], tuple[int, int]]) -> None:
        """Given a slot, a loop in it and how far values are apart in the frame, `numbers` says
        where the loop's counter of 32 bits is, and what number lazy stubs have for its landing."""
        self._numbers: Final = numbers

    def look(self, c: "FunctionCompiler", loop: int, way: int) -> None:
        """See `Exits.look`."""
        address, _ = self._numbers(c.slot, loop, c.unit)
        c.code += load_constant(RAX, address) + _COUNT
        c.jump_if(_NEGATIVE, way)

    def way(self, c: "FunctionCompiler", k: int) -> None:
        """The address of a stub that finds the landing and goes on there."""
        _, number = self._numbers(c.slot, c.exits[k][0], c.unit)
        # over the stub: push number; jmp wj_lazy_common
        c.code += b"\x48\x8d\x0d" + int32(2) + b"\xeb\x0a"
        c.call("wj_lazy_common", 0, b"\x68" + int32(number) + JUMP)

    def find(self, c: "FunctionCompiler") -> None:
        """The stub has done it."""
