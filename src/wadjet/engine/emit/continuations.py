"""Continuations (stack switching): making, binding, resuming, suspending, switching.

The runtime's part is `emit.resumption`; what is shared stands in `contract.continuations`. Values
go out and come back in cells of the frame that waits, which it has on its own stack.
"""

from typing import Final, cast

from wadjet.core.body import Handler
from wadjet.core.opcodes import Op
from wadjet.core.types import ContType, DefType, FuncType, RefType, ValType
from wadjet.engine.contract.continuations import EXHAUSTED, UNHANDLED, VM_CONTINUATION
from wadjet.engine.contract.heap import ARRAY_ELEMENTS, VM_HEAP
from wadjet.engine.contract.layout import CELL, VM_CONTEXT, VM_FUNC, WORD
from wadjet.engine.contract.traps import TrapCode
from wadjet.engine.emit.control import branch
from wadjet.engine.emit.exceptions import after_call, new_exception, tag_type
from wadjet.engine.emit.function import Emit, FunctionEmitter
from wadjet.engine.emit.llvmtypes import in_memory, llvm_type, result_type, signature
from wadjet.engine.emit.objects import allocate

Values = tuple[ValType, ...]


def _func_type(e: FunctionEmitter, x: int) -> FuncType:
    """The function type behind a continuation type."""
    return _func_of(e.unit.valid.types[x])


def _func_of(type_: DefType) -> FuncType:
    comp = type_.comp
    assert isinstance(comp, ContType), "a valid index names a continuation type"
    assert isinstance(comp.func, DefType), "types are closed"
    func = comp.func.comp
    assert isinstance(func, FuncType), "continuations are of functions"
    return func


def _ready(e: FunctionEmitter) -> str:
    """Pops a continuation: its machine address, once it is known that it waits."""
    word = e.pop()
    e.unless(e.let(f"icmp ne i64 {word}, 0"), TrapCode.NULL_CONTINUATION)
    pointer = e.let(f"inttoptr i64 {word} to ptr")
    waits = _get(e, pointer, "waits")
    e.unless(e.let(f"icmp ne i64 {waits}, 0"), TrapCode.CONTINUATION_CONSUMED)
    return pointer


def _get(e: FunctionEmitter, pointer: str, member: str) -> str:
    slot = e.let(f"getelementptr i8, ptr {pointer}, i64 {VM_CONTINUATION[member]}")
    return e.let(f"load i64, ptr {slot}, align 8, !tbaa !9")


def _new(e: FunctionEmitter, length: str = "1") -> str:
    """A new continuation of so many cells, consumed until the runtime fills it: its word."""
    heap = e.hoist("heap", "%ctx", VM_CONTEXT["gc"])
    size = e.let(f"add i64 {e.let(f'mul i64 {length}, {CELL}')}, {ARRAY_ELEMENTS}")
    word = allocate(e, e.fixed("i64", heap, VM_HEAP["continuation"]), size)
    pointer = e.let(f"inttoptr i64 {word} to ptr")
    _set(e, pointer, "length", f"i64 {length}")
    _set(e, pointer, "waits", "i64 0")
    return word


def _set(e: FunctionEmitter, pointer: str, member: str, value: str) -> None:
    slot = e.let(f"getelementptr i8, ptr {pointer}, i64 {VM_CONTINUATION[member]}")
    e.emit(f"store {e.unit.lasting}{value}, ptr {slot}, align 8, !tbaa !9")


def _send(e: FunctionEmitter, cells: str, values: list[str], types: Values) -> None:
    """Put values into cells."""
    for k, (value, t) in enumerate(zip(values, types, strict=True)):
        e.emit(f"store {llvm_type(t)} {value}, ptr {_cell(e, cells, k)}, align 8")


def _receive(e: FunctionEmitter, cells: str, types: Values) -> list[str]:
    """Take values out of cells."""
    return [
        e.let(f"load {llvm_type(t)}, ptr {_cell(e, cells, k)}, align 8")
        for k, t in enumerate(types)
    ]


def _cell(e: FunctionEmitter, cells: str, k: int) -> str:
    return e.let(f"getelementptr i8, ptr {cells}, i64 {CELL * k}") if k else cells


# --- making --------------------------------------------------------------------------------------


def _cont_new(e: FunctionEmitter, imm: object, i: int) -> None:
    func = e.pop()
    e.unless(e.let(f"icmp ne i64 {func}, 0"), TrapCode.NULL_FUNCTION)
    word = _new(e)
    pointer = e.let(f"inttoptr i64 {word} to ptr")
    _set(e, pointer, "waits", f"i64 {e.let(f'add i64 {func}, 1')}")
    _set(e, pointer, "root", _start(e, _func_type(e, cast(int, imm))))
    e.push(word)


def _start(e: FunctionEmitter, type_: FuncType) -> str:
    """What begins on a new stack: `start(VMFunc, cells)` calls the function and never returns."""
    name = f"@start_{signature(type_)}"
    e.unit.declare("wj_finish", "declare void @wj_finish(ptr, ptr, i64) #1")
    results = type_.results
    lines = [
        f"define internal void {name}(ptr %func, ptr %cells) #0 {{",
        f"%out = alloca [{CELL * max(len(results), 1)} x i8], align 16",
        f"%code.p = getelementptr i8, ptr %func, i64 {VM_FUNC['code']}",
        "%code = load ptr, ptr %code.p, align 8",
        f"%ctx.p = getelementptr i8, ptr %func, i64 {VM_FUNC['context']}",
        "%ctx = load ptr, ptr %ctx.p, align 8",
    ]
    args = ["ptr %ctx", "ptr %out"] if in_memory(results) else ["ptr %ctx"]
    for k, t in enumerate(type_.params):
        lines.append(f"%a{k}.p = getelementptr i8, ptr %cells, i64 {CELL * k}")
        lines.append(f"%a{k} = load {llvm_type(t)}, ptr %a{k}.p, align 8")
        args.append(f"{llvm_type(t)} %a{k}")
    result = result_type(results)
    call = f"notail call {result} %code({', '.join(args)})"
    lines += [call] if result == "void" else [f"%r = {call}", *_keep(results)]
    lines += [f"call void @wj_finish(ptr %func, ptr %out, i64 {len(results)}) #1", "unreachable"]
    e.unit.declare(name, "\n".join([*lines, "}"]))
    return f"ptr {name}"


def _keep(results: Values) -> list[str]:
    """Lines that put `%r` into the cells at `%out`."""
    if len(results) == 1:
        return [f"store {llvm_type(results[0])} %r, ptr %out, align 8"]
    lines = []
    for k, t in enumerate(results):
        lines.append(f"%r{k} = extractvalue {result_type(results)} %r, {k}")
        lines.append(f"%r{k}.p = getelementptr i8, ptr %out, i64 {CELL * k}")
        lines.append(f"store {llvm_type(t)} %r{k}, ptr %r{k}.p, align 8")
    return lines


def _cont_bind(e: FunctionEmitter, imm: object, i: int) -> None:
    old, new = (_func_type(e, x).params for x in cast(tuple[int, int], imm))
    given = old[: len(old) - len(new)]
    pointer = _ready(e)
    values = e.pops(len(given))
    length = _get(e, pointer, "length")
    word = _new(e, e.let(f"add i64 {length}, {len(given)}"))
    cells = e.result_cells(max(len(given), 1))
    _send(e, cells, values, given)
    e.unit.declare("wj_bind", "declare void @wj_bind(ptr, ptr, ptr, i64)")
    made = e.let(f"inttoptr i64 {word} to ptr")
    e.emit(f"call void @wj_bind(ptr {pointer}, ptr {made}, ptr {cells}, i64 {len(given)})")
    e.push(word)


# --- going in ------------------------------------------------------------------------------------


def _handlers(e: FunctionEmitter, clauses: tuple[Handler, ...]) -> str:
    """The VMHandlers of a resume."""
    size = 1 + len(clauses)
    e.buffers.add(size)
    table = f"%args{size}"
    e.emit(f"store i64 {len(clauses)}, ptr {table}, align 8")
    for k, clause in enumerate(clauses, 1):
        word = _tag(e, clause.tag, clause.label is None)
        slot = e.let(f"getelementptr i8, ptr {table}, i64 {WORD * k}")
        e.emit(f"store i64 {word}, ptr {slot}, align 8")
    return table


def _tag(e: FunctionEmitter, tag: int, switch: bool) -> str:
    """The word of a clause for a tag."""
    word = e.fixed("i64", "%ctx", e.unit.layout("tags", tag))
    return e.let(f"add i64 {word}, 1") if switch else word


def _cells(e: FunctionEmitter, sent: int, received: Values, clauses: tuple[Handler, ...]) -> str:
    """A buffer for all that a resume may send or receive."""
    carried = [len(tag_type(e, clause.tag).params) for clause in clauses]
    return e.result_cells(max(sent, len(received), *carried, 1))


_PAIR: Final = "{ i64, i64 }"


def _go_on(
    e: FunctionEmitter, answer: str, clauses: tuple[Handler, ...], cells: str, results: Values
) -> None:
    """Branch where a suspension is handled; else push the results."""
    number = e.let(f"extractvalue {_PAIR} {answer}, 0")
    word = e.let(f"extractvalue {_PAIR} {answer}, 1")
    e.unless(e.let(f"icmp ne i64 {number}, {EXHAUSTED}"), TrapCode.STACK_EXHAUSTED)
    labels = [e.label("clause") for _ in clauses]
    cases = " ".join(f"i64 {k}, label %{label}" for k, label in enumerate(labels, 1))
    returned = e.label("returned")
    e.emit(f"switch i64 {number}, label %{returned} [ {cases} ]")
    for clause, label in zip(clauses, labels, strict=True):
        e.start(label)
        if clause.label is None:  # a switch never gets here
            e.emit("unreachable")
            continue
        values = _receive(e, cells, tag_type(e, clause.tag).params)
        e.goto(branch(e, clause.label, [*values, word]))
    e.start(returned)
    after_call(e)
    e.stack.extend(_receive(e, cells, results))


def _resume(e: FunctionEmitter, imm: object, i: int) -> None:
    x, clauses = cast(tuple[int, tuple[Handler, ...]], imm)
    type_ = _func_type(e, x)
    pointer = _ready(e)
    cells = _cells(e, len(type_.params), type_.results, clauses)
    _send(e, cells, e.pops(len(type_.params)), type_.params)
    e.calls = True
    e.unit.declare("wj_resume_cont", f"declare {_PAIR} @wj_resume_cont(ptr, ptr, ptr, ptr, i64)")
    table, count = _handlers(e, clauses), len(type_.params)
    args = f"ptr %ctx, ptr {pointer}, ptr {table}, ptr {cells}, i64 {count}"
    answer = e.let(f"call {_PAIR} @wj_resume_cont({args})")
    _go_on(e, answer, clauses, cells, type_.results)


def _throw_into(
    e: FunctionEmitter, x: int, pointer: str, exception: str, clauses: tuple[Handler, ...]
) -> None:
    results = _func_type(e, x).results
    cells = _cells(e, 0, results, clauses)
    e.calls = True
    e.unit.declare("wj_throw_cont", f"declare {_PAIR} @wj_throw_cont(ptr, ptr, ptr, ptr, i64)")
    table = _handlers(e, clauses)
    args = f"ptr %ctx, ptr {pointer}, ptr {table}, ptr {cells}, i64 {exception}"
    _go_on(e, e.let(f"call {_PAIR} @wj_throw_cont({args})"), clauses, cells, results)


def _resume_throw(e: FunctionEmitter, imm: object, i: int) -> None:
    x, tag, clauses = cast(tuple[int, int, tuple[Handler, ...]], imm)
    pointer = _ready(e)
    _throw_into(e, x, pointer, new_exception(e, tag), clauses)


def _resume_throw_ref(e: FunctionEmitter, imm: object, i: int) -> None:
    x, clauses = cast(tuple[int, tuple[Handler, ...]], imm)
    continuation, exception = e.pop(), e.pop()
    e.unless(e.let(f"icmp ne i64 {exception}, 0"), TrapCode.NULL_EXCEPTION)
    e.push(continuation)
    _throw_into(e, x, _ready(e), exception, clauses)


# --- going out -----------------------------------------------------------------------------------


def _come_back(e: FunctionEmitter, answer: str, cells: str, results: Values) -> None:
    """Push what a suspended continuation was resumed with, or trap where it was not suspended."""
    e.unless(e.let(f"icmp ne i64 {answer}, {UNHANDLED}"), TrapCode.UNHANDLED_TAG)
    after_call(e)
    e.stack.extend(_receive(e, cells, results))


def _suspend(e: FunctionEmitter, imm: object, i: int) -> None:
    tag = cast(int, imm)
    type_ = tag_type(e, tag)
    values = e.pops(len(type_.params))
    new = e.let(f"inttoptr i64 {_new(e)} to ptr")
    cells = e.result_cells(max(len(type_.params), len(type_.results), 1))
    _send(e, cells, values, type_.params)
    e.calls = True
    e.unit.declare("wj_suspend", "declare i64 @wj_suspend(ptr, i64, ptr, ptr, i64)")
    args = f"ptr %ctx, i64 {_tag(e, tag, False)}, ptr {new}, ptr {cells}, i64 {len(values)}"
    _come_back(e, e.let(f"call i64 @wj_suspend({args})"), cells, type_.results)


def _switch(e: FunctionEmitter, imm: object, i: int) -> None:
    x, tag = cast(tuple[int, int], imm)
    params = _func_type(e, x).params
    back = params[-1]
    assert isinstance(back, RefType), "switch passes a contref"
    results = _func_of(cast(DefType, _closed(e, back))).params
    pointer = _ready(e)
    values = e.pops(len(params) - 1)
    word = _new(e)
    new = e.let(f"inttoptr i64 {word} to ptr")
    cells = e.result_cells(max(len(params), len(results)))
    _send(e, cells, [*values, word], params)
    e.calls = True
    e.unit.declare("wj_switch", "declare i64 @wj_switch(ptr, i64, ptr, ptr, ptr, i64)")
    args = f"ptr %ctx, i64 {_tag(e, tag, True)}, ptr {pointer}, ptr {new}, ptr {cells}"
    answer = e.let(f"call i64 @wj_switch({args}, i64 {len(params)})")
    e.unless(e.let(f"icmp ne i64 {answer}, {EXHAUSTED}"), TrapCode.STACK_EXHAUSTED)
    _come_back(e, answer, cells, results)


def _closed(e: FunctionEmitter, type_: RefType) -> object:
    heap = type_.heap
    return e.unit.valid.types[heap] if isinstance(heap, int) else heap


CONTINUATIONS: Final[dict[int, Emit]] = {
    Op.CONT_NEW: _cont_new,
    Op.CONT_BIND: _cont_bind,
    Op.RESUME: _resume,
    Op.RESUME_THROW: _resume_throw,
    Op.RESUME_THROW_REF: _resume_throw_ref,
    Op.SUSPEND: _suspend,
    Op.SWITCH: _switch,
}
