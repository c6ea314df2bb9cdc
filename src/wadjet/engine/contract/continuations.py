"""Continuations and their stacks, as generated code, the collector and the runtime see them.

    VMStack         one per native stack: at its very top; its frames lie in [sp, VMStack)
    VMContinuation  an object of the heap: what a contref refers to
    VMHandlers      what one resume handles: the number of its clauses, and a word for each

The thread's own stack takes part through a VMStack in the activation (`ACTIVATION_BASE`).
`VMStore.stack` is the stack that runs; `parent` leads from there to the base of the activation.
Of a suspended chain the innermost stack is `VMContinuation.waits`, the outermost has no parent.

A clause is the VMType of its tag (see `contract.heap`), plus 1 where it handles `switch`.
Values cross in 16-byte cells: whoever waits has set `VMStack.cells` to where it will look for them.
"""

from wadjet.base.records import dataclass
from typing import Final

from wadjet.engine.contract.heap import ARRAY_ELEMENTS, ARRAY_LENGTH
from wadjet.engine.contract.layout import CELL, WORD, Struct

VM_STACK: Final = Struct(
    "VMStack",
    sp="ptr",  # where its registers are saved, while it does not run
    parent="ptr",  # the stack that resumed it
    handlers="ptr",  # the VMHandlers of that resume
    cells="ptr",  # where it wants to receive values, while it waits
    limit="ptr",  # VMStore.stack_limit while it runs: the greater of the next two
    low="ptr",  # guest frames must stay above, since the stack ends `RESERVE` bytes below …
    floor="ptr",  # … and above this, so that all that run together stay within Limits.stack
    owner="ptr",  # the continuation that waits with this stack innermost, or null
    heap="ptr",  # VMHeap
    next="ptr",  # the next of all stacks of its heap
    free="ptr",  # the next that nobody uses
    # a VMContinuation of its own, for a guest that is stopped where nothing can be allocated
    kept_type="ptr",
    kept_length="i64",
    kept_waits="ptr",
    kept_root="ptr",
)

#: Like an array (see `contract.heap`) of cells: the first holds `waits` and `root`, the others the
#: arguments that are bound already.
VM_CONTINUATION: Final = Struct(
    "VMContinuation",
    type="ptr",
    length="i64",  # cells, the first included
    waits="ptr",  # the innermost VMStack; a VMFunc plus 1 before the first resume; 0 once consumed
    root="ptr",  # the outermost VMStack; before the first resume what calls the function
)
#: Where that of a VMStack is.
KEPT: Final = VM_STACK["kept_type"]
assert VM_CONTINUATION["length"] == ARRAY_LENGTH
assert VM_CONTINUATION["root"] == VM_STACK["kept_root"] - KEPT
assert VM_CONTINUATION.size == ARRAY_ELEMENTS + CELL

#: What a resume, a suspension or a switch answers in place of a clause's number.
UNHANDLED: Final = -1
EXHAUSTED: Final = -2
#: … and where the continuation came to its end. Clauses count from 1.
RETURNED: Final = 0

#: What entering a stack takes of Limits.stack besides its frames.
TOLL: Final = 1024
#: Bytes of a stack that guest frames leave to signal handlers and the runtime.
RESERVE: Final = 64 << 10


@dataclass(frozen=True, slots=True)
class Saved:
    """What `wj_swap` saves at `VMStack.sp`, in bytes from there: the frame pointer, the address to
    go on at, and three registers that carry what a new stack begins with."""

    size: int
    frame: int
    link: int
    func: int
    cells: int
    start: int


SAVED: Final = {
    "x86_64": Saved(7 * WORD, 5 * WORD, 6 * WORD, 4 * WORD, 3 * WORD, 2 * WORD),
    "aarch64": Saved(20 * WORD, 0, WORD, 2 * WORD, 3 * WORD, 4 * WORD),
}
