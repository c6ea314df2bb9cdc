"""The convention of tail calls: what crosses in registers, and what in cells.

LLVM promises tail calls in `tailcc` alone. There it (22) leaves the stack as it was for the caller:
arguments that belong there do not arrive. So none go there. Those for which there is no register
cross in cells of the VMThread, which the callee empties before it does anything else.
"""

from collections.abc import Sequence

from wadjet.core.types import FuncType
from wadjet.engine.contract.layout import CELL, VM_HOST_FUNC, VM_STORE
from wadjet.engine.contract.machine import TAIL_CELLS
from wadjet.engine.emit.llvmtypes import in_memory, llvm_type, result_type

#: Registers for integers and references besides the context's, and for floats and vectors, that
#: x86-64 and AArch64 both have.
_INTEGERS, _FLOATS = 5, 8


def in_cells(type_: FuncType) -> list[int]:
    """The parameters that have no register."""
    integers, floats = _INTEGERS - in_memory(type_.results), _FLOATS
    found = []
    for k, t in enumerate(type_.params):
        if llvm_type(t) in ("i32", "i64"):
            integers -= 1
            full = integers < 0
        else:
            floats -= 1
            full = floats < 0
        if full:
            found.append(k)
    return found


def arguments(type_: FuncType, context: str, out: str, values: Sequence[str]) -> str:
    """The arguments in registers, with their types: a call's, or (as names) a function's."""
    elsewhere = in_cells(type_)
    found = [f"ptr {context}", f"ptr {out}"] if in_memory(type_.results) else [f"ptr {context}"]
    found += [
        f"{llvm_type(t)} {value}"
        for k, (t, value) in enumerate(zip(type_.params, values, strict=True))
        if k not in elsewhere
    ]
    return ", ".join(found)


def send(type_: FuncType, context: str, values: Sequence[str], name: str) -> list[str]:
    """Code that puts the other arguments into their cells, for a call. `context` is of the caller
    or the callee (a VMContext or a VMHostFunc); what is defined has names that begin with
    `name`."""
    lines: list[str] = []
    for number, k in enumerate(in_cells(type_)):
        if not lines:
            lines = _cells(context, name)
        lines.append(f"{name}.{k} = getelementptr i8, ptr {name}, i64 {CELL * number}")
        lines.append(f"store {llvm_type(type_.params[k])} {values[k]}, ptr {name}.{k}, align 8")
    return lines


def receive(type_: FuncType, context: str) -> list[str]:
    """Code that takes them out, as `%p<k>`."""
    lines: list[str] = []
    for number, k in enumerate(in_cells(type_)):
        if not lines:
            lines = _cells(context, "%sent")
        lines.append(f"%sent.{k} = getelementptr i8, ptr %sent, i64 {CELL * number}")
        lines.append(f"%p{k} = load {llvm_type(type_.params[k])}, ptr %sent.{k}, align 8")
    return lines


def _cells(context: str, name: str) -> list[str]:
    """The cells of the thread that runs, as `name`."""
    lines: list[str] = []
    base = context
    for step, offset in (("store", VM_HOST_FUNC["store"]), ("thread", VM_STORE["thread"])):
        lines.append(f"{name}.{step}.p = getelementptr i8, ptr {base}, i64 {offset}")
        base = f"{name}.{step}"
        lines.append(f"{base} = load ptr, ptr {base}.p, align 8")
    return [*lines, f"{name} = getelementptr i8, ptr {base}, i64 {TAIL_CELLS}"]


def tail_entry(
    name: str,
    type_: FuncType,
    context: str,
    callee: str,
    attributes: str,
    first: Sequence[str] = (),
) -> str:
    """A function in this convention that does nothing but call one in the C convention, after the
    lines in `first`."""
    params = arguments(type_, context, "%out", _names(type_))
    head = f"tailcc {result_type(type_.results)} {name}({params}) {attributes}"
    call = f"{result_type(type_.results)} {callee}({_all(type_, context)})"
    return _forward(head, type_, [*receive(type_, context), *first], call)


def plain_entry(index: int, type_: FuncType) -> str:
    """`@f…` in the C convention, which does nothing but call `@t…` in this one."""
    result, names = result_type(type_.results), _names(type_)
    head = f"{result} @f{index}({_all(type_, '%ctx')}) #0"
    call = f"tailcc {result} @t{index}({arguments(type_, '%ctx', '%out', names)})"
    return _forward(head, type_, send(type_, "%ctx", names, "%sent"), call)


def _forward(head: str, type_: FuncType, lines: Sequence[str], call: str) -> str:
    call = f"notail call {call}"
    result = result_type(type_.results)
    end = [call, "ret void"] if result == "void" else [f"%r = {call}", f"ret {result} %r"]
    return "\n".join([f"define hidden {head} {{", *lines, *end, "}"])


def _names(type_: FuncType) -> list[str]:
    return [f"%p{k}" for k in range(len(type_.params))]


def _all(type_: FuncType, context: str) -> str:
    first = [f"ptr {context}", "ptr %out"] if in_memory(type_.results) else [f"ptr {context}"]
    return ", ".join([*first, *(f"{llvm_type(t)} %p{k}" for k, t in enumerate(type_.params))])
