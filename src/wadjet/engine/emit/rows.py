"""One instruction as a function of its own: operands and results in memory, everything else as in
the body it stands in. For code that has no better way to do what the instruction does.

    i32 row(ptr context, ptr operands, i64 given)

The operands lie below each other, the first at the pointer; so do the results. What is given is
known where the row is called, so that one row does for many modules: of a throw, the tag. The
answer is 0, or 1 + n where control goes to label n, with the values it takes along as the results.
"""

import re
from collections.abc import Sequence
from typing import Final, NamedTuple

from wadjet.core.types import ValType
from wadjet.core.validate.module import ValidModule
from wadjet.engine.contract.layout import CELL
from wadjet.engine.contract.settings import Settings
from wadjet.engine.emit.function import Emit, Frame, FunctionEmitter, Unit
from wadjet.engine.emit.llvmtypes import llvm_type
from wadjet.engine.emit.unit import TRAILER, ways

#: The value that is given.
GIVEN: Final = "%given"
_OPERAND: Final = re.compile(r"%o(\d+)\b")


class Row(NamedTuple):
    """The LLVM text of a row, which defines `@row`, and how many of the operands are below those
    that it deals with."""

    text: str
    base: int


class Effect(NamedTuple):
    """The types of the operands before and after an instruction, and of those that each label
    around it takes, the innermost last."""

    before: Sequence[ValType]
    after: Sequence[ValType]
    labels: Sequence[Sequence[ValType]]


def emit_row(
    valid: ValidModule, place: tuple[int, int], settings: Settings, effect: Effect, stride: int,
    how: Emit | None = None,
) -> Row:  # fmt: skip
    """The row for the instruction at `place`: a function's index, and where it is in its body.
    `stride` bytes lie between two operands. `how` emits something else than all of it."""
    index, i = place
    unit = Unit(valid, settings, frozenset((index,)), {})
    unit.lasting = ""  # no instruction both accesses a memory and makes an object
    e = FunctionEmitter(unit, index)
    before, after, labels = effect
    names = [f"%o{k}" for k in range(len(before))]
    e.stack = names[:]
    for depth, types in zip(range(len(labels) - 1, -1, -1), labels):
        e.frames.append(Frame(0, -1, f"exit{depth}", tuple(types), (), 0))
    _instruction(e, i, how, settings)
    left = 0
    while left < min(len(names), len(e.stack)) and e.stack[left] == names[left]:
        left += 1
    lines = "\n".join([*e.lines, *e.stack[left:]])
    carried = [name for frame in e.frames for edge in frame.edges for name in edge[2]]
    used = [int(k) for k in _OPERAND.findall(" ".join([lines, *carried]))]
    base = min([left, *used])
    if e.block is not None:
        _leave(e, e.stack[base:], after[base:], stride, 0)
    for depth, frame in enumerate(reversed(e.frames)):
        if frame.edges:
            values = e.join(frame.edges, frame.label, frame.target)
            _leave(e, values, frame.target, stride, depth + 1)
    loads = [_load(k, before[k], stride * (base - k)) for k in range(base, len(before))]
    return Row("\n".join([*_function(e, loads), TRAILER]), base)


def _instruction(e: FunctionEmitter, i: int, how: Emit | None, settings: Settings) -> None:
    special, templates = ways(settings)
    op, imm = e.code.body.ops[i], e.code.body.imms[i]
    emit = how or special[op]
    if emit is not None:
        emit(e, imm, i)
        return
    template, name = templates[op], e.name()
    e.emit(template.fill((name, *e.pops(template.arity))))
    e.push(name)


def _load(k: int, t: ValType, offset: int) -> str:
    pointer = f"%o{k}.p = getelementptr i8, ptr %sp, i64 {offset}"
    return f"{pointer}\n%o{k} = load {llvm_type(t)}, ptr %o{k}.p, align 8"


def _leave(
    e: FunctionEmitter, values: Sequence[str], types: Sequence[ValType], stride: int, answer: int
) -> None:
    """Return, with results."""
    for k, (value, t) in enumerate(zip(values, types, strict=True)):
        slot = e.let(f"getelementptr i8, ptr %sp, i64 {-stride * k}")
        e.emit(f"store {llvm_type(t)} {value}, ptr {slot}, align 8")
    e.emit(f"ret i32 {answer}")


def _function(e: FunctionEmitter, loads: list[str]) -> list[str]:
    buffers = [f"%cells{n} = alloca [{CELL * n} x i8], align 16" for n in sorted(e.cells)]
    buffers += [f"%args{n} = alloca [{max(n, 1)} x i64]" for n in sorted(e.buffers)]
    head = [f"define hidden i32 @row(ptr %ctx, ptr %sp, i64 {GIVEN}) #0 {{", "entry:", *buffers]
    tail = []
    if e.trap_blocks:
        e.unit.declare("wj_trap", "declare void @wj_trap(ptr, i32) #1")
    for code, label in e.trap_blocks.items():
        tail.append(f"{label}:\ncall void @wj_trap(ptr %ctx, i32 {code}) #1\nunreachable")
    if e.propagates:
        tail.append("propagate:\nret i32 0")
    body = ["br label %body", "body:", *loads, *e.lines, *tail, "}"]
    return [*e.unit.declared.values(), *head, *e.hoisted.values(), *body]
