"""memory.grow, memory.fill and memory.copy (spec 4.6.6) in baseline code, for a first memory with
32-bit addresses: most programs have them, and rows would have to be made first."""

from typing import Final, cast

from wadjet.core.opcodes import Op
from wadjet.core.types import I32
from wadjet.engine.baseline.calls import fetch_registers, leave_registers
from wadjet.engine.baseline.frame import CONTEXT, parallel
from wadjet.engine.baseline.function import FunctionCompiler, Handler
from wadjet.engine.baseline.x86 import (
    CONST64, R10, RAX, RDI, RDX, RSI, A, at, load_constant, rm, to_frame, to_register,
)  # fmt: skip
from wadjet.engine.contract.layout import VM_CONTEXT, VM_MEMORY, WORD
from wadjet.engine.contract.libcalls import MEMORY_GROW
from wadjet.engine.contract.traps import TrapCode

#: lea rcx, [rdi + rdx]; lea rcx, [rsi + rdx]
_ENDS: Final = {RDI: b"\x48\x8d\x0c\x17", RSI: b"\x48\x8d\x0c\x16"}
#: cmp rcx, r10
_COMPARE: Final = b"\x4c\x39\xd1"


def _is_small(c: FunctionCompiler, memory: int) -> bool:
    """Whether it is the first memory, with 32-bit addresses."""
    return memory == 0 and c.home.memories[0].limits.addr is I32


def _grow(c: FunctionCompiler, imm: object, i: int) -> None:
    c.next = i + 1
    if not _is_small(c, cast(int, imm)):
        c.home.row(c, i)
        return
    delta = c.pop()
    c.spill(len(c.stack))
    leave_registers(c)
    buffer = c.frame.cells(1)
    c.code += to_register(RAX, delta, 0) + to_frame(buffer + WORD, RAX)
    c.code += to_frame(buffer, CONST64) + rm(b"\x8d", RDX, buffer, 1)
    c.code += load_constant(RSI, MEMORY_GROW.id) + rm(b"\x8b", RDI, CONTEXT, 1)
    c.call("wj_libcall")
    fetch_registers(c)
    d, c.next = c.destination(i + 1, False)
    c.code += to_register(d, RAX, 0) if d >= 0 else to_frame(d, RAX)


def _spans(c: FunctionCompiler, symbol: str, starts: tuple[int, ...]) -> None:
    """Call a function of the C library with the three operands on top. Those that these registers
    get are where spans begin, as long as the last operand says."""
    sources = [c.pop() for _ in range(3)]
    c.spill(len(c.stack))
    leave_registers(c)
    targets = (RDX, RSI, RDI)
    c.code += b"".join(parallel([(t, s, I32) for t, s in zip(targets, sources, strict=True)]))
    text = rm(b"\x8b", RAX, CONTEXT, 1) + at(b"\x8b", R10, RAX, VM_CONTEXT["memory"], 1)
    c.code += text + at(b"\x8b", R10, R10, VM_MEMORY["length"], 1)
    for start in starts:
        c.code += _ENDS[start] + _COMPARE
        c.trap_if(A, TrapCode.OUT_OF_BOUNDS_MEMORY)
    for start in starts:
        c.code += at(b"\x03", start, RAX, VM_CONTEXT["memory_base"], 1)
    c.call(symbol)
    fetch_registers(c)


def _fill(c: FunctionCompiler, imm: object, i: int) -> None:
    if _is_small(c, cast(int, imm)):
        _spans(c, "memset", (RDI,))
    else:
        c.next = i + 1
        c.home.row(c, i)


def _copy(c: FunctionCompiler, imm: object, i: int) -> None:
    if all(_is_small(c, memory) for memory in cast(tuple[int, int], imm)):
        _spans(c, "memmove", (RDI, RSI))
    else:
        c.next = i + 1
        c.home.row(c, i)


BULK: Final[dict[int, Handler]] = {
    Op.MEMORY_GROW: _grow,
    Op.MEMORY_FILL: _fill,
    Op.MEMORY_COPY: _copy,
}
