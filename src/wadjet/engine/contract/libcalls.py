"""Every call that generated code makes into the runtime's Python side, defined once.

A libcall takes the context and integers (all as i64, narrower ones zero-extended) and gives one
i64. Its body (`wadjet.engine.runtime.libcalls`) may raise: a `Trap` ends the guest's run.
Contexts reach a body as the `Instance`. A test proves that every row has exactly one body.
"""

from wadjet.base.records import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Libcall:
    """`id` indexes `LIBCALLS`; `arity` counts the arguments after the context."""

    id: int
    name: str
    arity: int


_ALL: Final[list[Libcall]] = []


def _libcall(name: str, arity: int) -> Libcall:
    row = Libcall(len(_ALL), name, arity)
    _ALL.append(row)
    return row


#: (memory, pages) → old size in pages, or -1
MEMORY_GROW: Final = _libcall("memory_grow", 2)
#: (table, count, value) → old size, or -1
TABLE_GROW: Final = _libcall("table_grow", 3)
#: (table, start, value, count)
TABLE_FILL: Final = _libcall("table_fill", 4)
#: (to, from, target, source, count)
TABLE_COPY: Final = _libcall("table_copy", 5)
#: (table, segment, target, source, count)
TABLE_INIT: Final = _libcall("table_init", 5)
#: (segment)
ELEM_DROP: Final = _libcall("elem_drop", 1)
#: (VMFunc, type index) → 1 where the function's type is a subtype of that type
IS_SUBTYPE: Final = _libcall("is_subtype", 2)
#: (bytes) → the address of a stretch of the heap of that size
GC_REFILL: Final = _libcall("gc_refill", 1)
#: (machine address, bytes there, expected value, nanoseconds) → what memory.atomic.wait gives
MEMORY_WAIT: Final = _libcall("memory_wait", 4)
#: (machine address, count) → how many threads were woken
MEMORY_NOTIFY: Final = _libcall("memory_notify", 2)
#: () → 0; then there is a stack for a continuation in the heap's pool
STACK_NEW: Final = _libcall("stack_new", 0)

LIBCALLS: Final = tuple(_ALL)
