"""Where the members of the runtime's own structs are, as text for glue and handlers."""

from typing import Final

from wadjet.engine.contract.continuations import VM_CONTINUATION, VM_STACK
from wadjet.engine.contract.heap import VM_HEAP
from wadjet.engine.contract.layout import VM_CONTEXT, VM_STORE
from wadjet.engine.contract.machine import VM_ACTIVATION, VM_RUNTIME, VM_THREAD


def word(struct: str, base: str, name: str) -> str:
    """The address of a member of the struct at `base`: "thread", "act", "store", …"""
    return f"getelementptr i8, ptr {base}, i64 {_STRUCTS[struct][name]}"


_STRUCTS: Final = {
    "thread": VM_THREAD,
    "act": VM_ACTIVATION,
    "store": VM_STORE,
    "context": VM_CONTEXT,
    "heap": VM_HEAP,
    "stack": VM_STACK,
    "cont": VM_CONTINUATION,
}


def rt(name: str) -> str:
    """The address of a member of VMRuntime, as a constant."""
    return f"getelementptr (i8, ptr @wj_runtime, i64 {VM_RUNTIME[name]})"
