"""Structured control (spec 4.6.8): blocks, branches, traps on purpose."""

from collections.abc import Iterable
from typing import Final, cast

from wadjet.core.body import BlockType
from wadjet.core.opcodes import Op
from wadjet.core.types import ValType
from wadjet.engine.contract.layout import CELL
from wadjet.engine.contract.traps import TrapCode
from wadjet.engine.emit.function import Emit, Frame, FunctionEmitter
from wadjet.engine.emit.llvmtypes import in_memory, llvm_type
from wadjet.engine.emit.versions import twice, watch


def _unreachable(e: FunctionEmitter, imm: object, i: int) -> None:
    e.goto(e.trap_label(TrapCode.UNREACHABLE))


def _nop(e: FunctionEmitter, imm: object, i: int) -> None:
    pass


def _block(e: FunctionEmitter, imm: object, i: int) -> None:
    open_frame(e, Op.BLOCK, imm, i)


def open_frame(e: FunctionEmitter, op: int, imm: object, i: int) -> Frame:
    """Open a block whose label is its end."""
    params, results = e.block_types(cast(BlockType, imm))
    label = e.label("end")
    frame = Frame(op, i, label, results, results, len(e.stack) - len(params))
    e.frames.append(frame)
    return frame


def _loop(e: FunctionEmitter, imm: object, i: int) -> None:
    if e.landing is not None and e.landing.loop == i:
        e.landing.meet(e)
    params, results = e.block_types(cast(BlockType, imm))
    label = e.label("loop")
    frame = Frame(Op.LOOP, i, label, params, results, len(e.stack) - len(params))
    frame.is_loop = True
    entry = e.edge(e.pops(len(params)))
    frame.edges.append(entry)
    e.frames.append(frame)
    e.goto(label)
    e.start(label)
    watch(e, frame)
    frame.phi_at = len(e.lines)
    e.emit("")  # the phis, once all edges are known
    for local in _changing(e, i):
        name = f"%{label}.{local}"
        frame.phis.append((name, e.local_types[local], local))
        e.locals[local] = name
    for k, t in enumerate(params):
        name = f"%{label}.p{k}"
        frame.phis.append((name, llvm_type(t), ~k))
        e.push(name)


def _changing(e: FunctionEmitter, i: int) -> Iterable[int]:
    """The locals that need a phi at the head of a loop."""
    if e.quick:
        return ()
    if e.landing is not None and e.landing.is_around(e, i):
        return range(len(e.locals))
    return sorted(e.facts.assigned[i])


def _finish_loop(e: FunctionEmitter, frame: Frame) -> None:
    """All back edges are known: write the phis at the loop's head."""
    rows = []
    for name, type_, which in frame.phis:
        pairs = ", ".join(
            f"[ {edge[1][which] if which >= 0 else edge[2][~which]}, %{edge[0]} ]"
            for edge in frame.edges
        )
        rows.append(f"{name} = phi {type_} {pairs}")
    e.lines[frame.phi_at] = "\n".join(rows)


def _if(e: FunctionEmitter, imm: object, i: int) -> None:
    flag = e.condition(e.pop())
    frame = open_frame(e, Op.IF, imm, i)
    params = e.stack[frame.height :]
    then = e.label("then")
    if i in e.facts.elses:
        frame.else_label = e.label("else")
        frame.else_edge = e.edge(params)
    else:
        frame.edges.append(e.edge(params))
    e.emit(f"br i1 {flag}, label %{then}, label %{frame.else_label or frame.label}{_hint(e, i)}")
    e.start(then)


def _hint(e: FunctionEmitter, i: int) -> str:
    """Branch weights where the module carries a hint for this branch."""
    hints = e.unit.module.hints.get(e.index)
    if hints is None:
        return ""
    likely = hints.get(i)
    return "" if likely is None else f", !prof !{7 if likely else 6}"


def _else(e: FunctionEmitter, imm: object, i: int) -> None:
    frame = e.frames[-1]
    fall_out(e, frame)
    assert frame.else_label is not None
    assert frame.else_edge is not None
    _, e.locals, params = frame.else_edge
    del e.stack[frame.height :]
    e.stack.extend(params)
    e.start(frame.else_label)


def fall_out(e: FunctionEmitter, frame: Frame) -> None:
    """Leave the block by its end, if control gets there."""
    if e.block is not None:
        frame.edges.append(e.edge(e.pops(len(frame.results))))
        e.goto(frame.label)


def close_frame(e: FunctionEmitter, frame: Frame) -> None:
    """Join everything that leaves the block, its results on the stack."""
    fall_out(e, frame)
    del e.stack[frame.height :]
    e.stack.extend(e.join(frame.edges, frame.label, frame.results))


def _end(e: FunctionEmitter, imm: object, i: int) -> None:
    frame = e.frames.pop()
    if frame.finish is not None:
        frame.finish(e, frame)
    elif not e.frames:
        _end_function(e, frame)
    elif frame.is_loop:
        twice(e, frame)
        _finish_loop(e, frame)
        if e.block is None:
            del e.stack[frame.height :]
            e.stack.extend(e.join([], e.label("end"), frame.results))
    else:
        close_frame(e, frame)


def _end_function(e: FunctionEmitter, frame: Frame) -> None:
    close_frame(e, frame)
    values = e.pops(len(frame.results))
    if in_memory(frame.results):
        for k, (value, t) in enumerate(zip(values, frame.results, strict=True)):
            slot = e.let(f"getelementptr i8, ptr %out, i64 {CELL * k}")
            e.emit(f"store {llvm_type(t)} {value}, ptr {slot}, align 8")
        values = []
    if not values:
        e.emit("ret void")
    elif len(values) == 1:
        e.emit(f"ret {llvm_type(frame.results[0])} {values[0]}")
    else:
        aggregate = "poison"
        types = ", ".join(map(llvm_type, frame.results))
        for k, (value, t) in enumerate(zip(values, frame.results, strict=True)):
            pair = f"{llvm_type(t)} {value}, {k}"
            aggregate = e.let(f"insertvalue {{ {types} }} {aggregate}, {pair}")
        e.emit(f"ret {{ {types} }} {aggregate}")
    e.block = None


# --- branches ------------------------------------------------------------------------------------


def branch(e: FunctionEmitter, depth: int, values: list[str]) -> str:
    """Record an edge to the label at `depth` and return the LLVM label to jump to."""
    frame = e.frames[-1 - depth]
    frame.edges.append(e.edge(values))
    return frame.label


def carried(e: FunctionEmitter, depth: int) -> tuple[ValType, ...]:
    """The types a branch to this label takes along."""
    return e.frames[-1 - depth].target


def _br(e: FunctionEmitter, imm: object, i: int) -> None:
    depth = cast(int, imm)
    e.goto(branch(e, depth, e.pops(len(carried(e, depth)))))


def _br_if(e: FunctionEmitter, imm: object, i: int) -> None:
    flag = e.condition(e.pop())
    branch_if(e, flag, cast(int, imm), _hint(e, i))


def branch_if(e: FunctionEmitter, flag: str, depth: int, hint: str = "") -> None:
    """Branch where the i1 holds, taking along (and keeping) the operands on top of the stack."""
    count = len(carried(e, depth))
    values = e.stack[len(e.stack) - count :]
    label = branch(e, depth, values)
    after = e.label("next")
    e.emit(f"br i1 {flag}, label %{label}, label %{after}{hint}")
    e.start(after)


def _br_table(e: FunctionEmitter, imm: object, i: int) -> None:
    depths = cast(tuple[int, ...], imm)
    index = e.pop()
    values = e.pops(len(carried(e, depths[-1])))
    source = e.block
    bridges: dict[int, str] = {}
    for depth in depths:
        if depth not in bridges:
            bridges[depth] = e.label("case")
    cases = " ".join(f"i32 {n}, label %{bridges[d]}" for n, d in enumerate(depths[:-1]))
    e.emit(f"switch i32 {index}, label %{bridges[depths[-1]]} [ {cases} ]")
    assert source is not None
    for depth, bridge in bridges.items():
        e.start(bridge)
        e.goto(branch(e, depth, values))


def _return(e: FunctionEmitter, imm: object, i: int) -> None:
    depth = len(e.frames) - 1
    e.goto(branch(e, depth, e.pops(len(e.type.results))))


CONTROL: Final[dict[int, Emit]] = {
    Op.UNREACHABLE: _unreachable,
    Op.NOP: _nop,
    Op.BLOCK: _block,
    Op.LOOP: _loop,
    Op.IF: _if,
    Op.ELSE: _else,
    Op.END: _end,
    Op.BR: _br,
    Op.BR_IF: _br_if,
    Op.BR_TABLE: _br_table,
    Op.RETURN: _return,
}
