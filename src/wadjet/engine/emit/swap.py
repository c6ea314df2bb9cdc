"""Going from one native stack to another: a few instructions for each architecture.

    wj_swap     (from, to, a, b) → (a, b) of whoever swaps back; both are VMStacks
    wj_begin    where a new stack goes on: calls what its first registers say, and never returns
    wj_call_on  (stack, sp, f, a, b, c) → f(a, b, c), called on the stack that reaches down to sp

All save the registers that a callee must keep, and the stack pointer in `VMStack.sp`: so the
collector finds every word that a stack at rest holds, and a backtrace its frame pointer.
Where in the saved area what stands is in `contract.continuations.SAVED`.
"""

from typing import Final

from wadjet.engine.contract.continuations import VM_STACK
from wadjet.engine.emit.stubs import assembly

assert VM_STACK["sp"] == 0


def _function(name: str, *lines: str) -> list[str]:
    head = [f".globl {name}", f".hidden {name}", f".type {name},@function", f"{name}:"]
    return [*head, *lines, f".size {name}, .-{name}"]


_X86_SAVE: Final = [f"pushq %{r}" for r in ("rbp", "rbx", "r12", "r13", "r14", "r15")]
_X86_RESTORE: Final = [f"popq %{r}" for r in ("r15", "r14", "r13", "r12", "rbx", "rbp")]

_X86: Final = [
    ".text",
    *_function(
        "wj_swap",
        *_X86_SAVE,
        "movq %rsp, (%rdi)",
        "movq (%rsi), %rsp",
        *_X86_RESTORE,
        "movq %rdx, %rax",
        "movq %rcx, %rdx",
        "retq",
    ),
    *_function("wj_begin", "movq %rbx, %rdi", "movq %r12, %rsi", "callq *%r13", "ud2"),
    *_function(
        "wj_call_on",
        *_X86_SAVE,
        "movq %rsp, (%rdi)",
        "movq %rdi, %rbx",
        "movq %rsi, %rsp",
        "andq $-16, %rsp",
        "movq %rdx, %rax",
        "movq %rcx, %rdi",
        "movq %r8, %rsi",
        "movq %r9, %rdx",
        "callq *%rax",
        "movq (%rbx), %rsp",
        *_X86_RESTORE,
        "retq",
    ),
]

_ARM_PAIRS: Final = [f"x{k}, x{k + 1}" for k in range(19, 29, 2)] + [
    f"d{k}, d{k + 1}" for k in range(8, 16, 2)
]
_ARM_SAVE: Final = ["stp x29, x30, [sp, #-160]!"] + [
    f"stp {pair}, [sp, #{16 * k}]" for k, pair in enumerate(_ARM_PAIRS, 1)
]
_ARM_RESTORE: Final = [f"ldp {pair}, [sp, #{16 * k}]" for k, pair in enumerate(_ARM_PAIRS, 1)] + [
    "ldp x29, x30, [sp], #160"
]

_ARM: Final = [
    ".text",
    *_function(
        "wj_swap",
        *_ARM_SAVE,
        "mov x9, sp",
        "str x9, [x0]",
        "ldr x9, [x1]",
        "mov sp, x9",
        *_ARM_RESTORE,
        "mov x0, x2",
        "mov x1, x3",
        "ret",
    ),
    *_function("wj_begin", "mov x0, x19", "mov x1, x20", "blr x21", "brk #1"),
    *_function(
        "wj_call_on",
        *_ARM_SAVE,
        "mov x9, sp",
        "str x9, [x0]",
        "mov x19, x0",
        "and x9, x1, #-16",
        "mov sp, x9",
        "mov x9, x2",
        "mov x0, x3",
        "mov x1, x4",
        "mov x2, x5",
        "blr x9",
        "ldr x9, [x19]",
        "mov sp, x9",
        *_ARM_RESTORE,
        "ret",
    ),
]

#: architecture → LLVM module assembly
SWAP: Final = {"x86_64": assembly("\n".join(_X86)), "aarch64": assembly("\n".join(_ARM))}
