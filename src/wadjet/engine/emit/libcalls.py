"""Calls from generated code into the runtime (contract/libcalls.py)."""

from wadjet.engine.contract.libcalls import Libcall
from wadjet.engine.emit.function import FunctionEmitter


def libcall(e: FunctionEmitter, row: Libcall, args: list[str]) -> str:
    """Call the runtime with i64 arguments; the i64 result."""
    assert len(args) == row.arity
    e.calls = True
    e.unit.declare("wj_libcall", "declare i64 @wj_libcall(ptr, i32, ptr)")
    buffer = f"%args{row.arity}"
    e.buffers.add(row.arity)
    for k, arg in enumerate(args):
        slot = e.let(f"getelementptr i64, ptr {buffer}, i64 {k}") if k else buffer
        e.emit(f"store i64 {arg}, ptr {slot}, align 8")
    return e.let(f"call i64 @wj_libcall(ptr %ctx, i32 {row.id}, ptr {buffer})")
