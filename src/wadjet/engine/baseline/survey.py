"""What a look at a whole body tells before the walk: what kinds of instructions there are, and how
often each local is used."""

from typing import Any, Final, cast, final

from wadjet.core.body import Body
from wadjet.core.opcodes import ROWS, Op
from wadjet.engine.contract.frames import TAIL_CALLS

#: How much more often a loop runs than what is around it, and the depth where that is enough.
_OFTEN: Final = 8
_DEEP: Final = 4
#: How often something runs, by the number of loops around it: what is in none does not count.
_WEIGHTS: Final = [_OFTEN**depth - 1 for depth in range(_DEEP + 1)]

# What an instruction is. Only the first stands alone.
LOCAL: Final = 1
OPENS: Final = 2
LOOP: Final = 4
CLOSES: Final = 8
#: It may make a call.
CALLER: Final = 16
#: It accesses memory.
ACCESS: Final = 32
TAIL_CALL: Final = 64
VECTOR: Final = 128
TRY: Final = 256

_LOCALS: Final = (Op.LOCAL_GET, Op.LOCAL_SET, Op.LOCAL_TEE)
_OPENS: Final = (Op.BLOCK, Op.LOOP, Op.IF, Op.TRY, Op.TRY_TABLE)


def marks_of_rows(callers: set[int], accesses: set[int]) -> list[int]:
    """For each op, what it is; 0 for nothing of interest."""
    marks = [0] * (max(r.op for r in ROWS) + 1)
    for r in ROWS:
        if r.feature in ("simd", "relaxed-simd") or r.mnemonic.startswith("v128"):
            marks[r.op] |= VECTOR
    for ops, mark in (
        (_LOCALS, LOCAL), (_OPENS, OPENS), ((Op.LOOP,), LOOP), ((Op.END, Op.DELEGATE), CLOSES),
        (callers, CALLER), (accesses, ACCESS), (TAIL_CALLS, TAIL_CALL), ((Op.TRY,), TRY),
    ):  # fmt: skip
        for op in ops:
            marks[op] |= mark
    return marks


@final
class Survey:
    """`seen` has the marks of all instructions. `uses` and `calls` say how often each local is used
    and how often something is called, by a guess at how often loops run. What is outside of them
    does not count, unless there is none. `tries` counts legacy blocks that catch."""

    __slots__ = ("calls", "seen", "tries", "uses")

    def __init__(self, body: Body, marks: list[int], locals_: int, has_loops: bool) -> None:
        self.uses: Final = [0] * locals_
        self.seen = 0
        self.calls = 0
        self.tries = 0
        self._look(body, marks, 0 if has_loops else 1)

    def _look(self, body: Body, marks: list[int], weight: int) -> None:
        uses = self.uses
        seen = calls = depth = 0
        #: for each open block, whether it is a loop
        blocks = [False]
        for op, imm in zip(body.ops, cast(list[Any], body.imms)):
            mark = marks[op]
            if mark == 0:
                continue
            if mark == LOCAL:
                local: int = imm
                uses[local] = uses[local] + weight
                continue
            seen |= mark
            if mark & CALLER:
                calls += weight
            elif mark & OPENS:
                is_loop = mark & LOOP != 0
                blocks.append(is_loop)
                if is_loop:
                    depth += 1
                    weight = _WEIGHTS[min(depth, _DEEP)]
                elif mark & TRY:
                    self.tries += 1
            elif mark & CLOSES and blocks.pop():
                depth -= 1
                weight = _WEIGHTS[min(depth, _DEEP)]
        self.seen, self.calls = seen, calls
