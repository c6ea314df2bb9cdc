"""Landings: code that goes on in the middle of a function, from the head of a loop to the end of
the function, with locals and operands taken from the frame of baseline code (`baseline.exits`).

A landing is the whole function once more, with another way in. What stands before the loop is
dropped by LLVM, unless a loop around it leads there again. Control may come to the loop from
outside of what is around it, so a value that was made there is good no longer: where both ways
meet, every local and operand gets a new name, and loops around the place have a phi for each local.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final, final

from wadjet.core.types import ValType
from wadjet.engine.emit.llvmtypes import llvm_type

if TYPE_CHECKING:
    from wadjet.engine.emit.function import FunctionEmitter


@final
class Landing:
    """The way into the loop that instruction `loop` is, with operands of these types. Values lie
    `stride` bytes apart, downwards: locals, then operands."""

    def __init__(self, loop: int, stride: int, operands: Sequence[ValType]) -> None:
        self.loop: Final = loop
        self._stride: Final = stride
        self._operands: Final = tuple(operands)
        #: the block where both ways meet
        self._label = ""

    def is_around(self, e: "FunctionEmitter", i: int) -> bool:
        """Whether the loop at i is around this one."""
        return i < self.loop < e.facts.ends[i]

    def meet(self, e: "FunctionEmitter") -> None:
        """The loop is about to begin: the usual way and this one meet."""
        assert all(frame.height == 0 for frame in e.frames), "else the loop has no exit"
        usual = e.edge(e.pops(len(e.stack)))
        values = [f"%landed{k}" for k in range(len(e.local_types) + len(self._operands))]
        count = len(e.local_types)
        label = e.label("meet")
        e.goto(label)
        edges = [usual, ("landing", values[:count], values[count:])]
        e.stack.extend(e.join(edges, label, self._operands))
        self._label = label

    def take(self, e: "FunctionEmitter") -> list[str]:
        """Take the values from %frame, and go to the loop."""
        lines = ["landing:"]
        for k, type_ in enumerate([*e.local_types, *map(llvm_type, self._operands)]):
            lines.append(f"%landed{k}.p = getelementptr i8, ptr %frame, i64 {-self._stride * k}")
            lines.append(f"%landed{k} = load {type_}, ptr %landed{k}.p, align 4")
        return [*lines, f"br label %{self._label}"]
