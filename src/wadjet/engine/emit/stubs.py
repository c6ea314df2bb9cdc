"""Lazy stubs: the code a slot holds until its function is compiled.

A stub loads its slot number and jumps to a common part, which keeps all argument registers, has
`wj_lazy` compile the function, and goes on there. `emit.swap` is the other assembly in the house.
"""

from typing import Final


def assembly(lines: str) -> str:
    """Assembly as LLVM takes it along in a module."""
    rows = [line.strip() for line in lines.strip().splitlines()]
    return "\n".join(f'module asm "{row}"' for row in rows)


_X86_COMMON: Final = """
    .text
    .globl wj_lazy_common
    .hidden wj_lazy_common
    .type wj_lazy_common,@function
    wj_lazy_common:
    pushq %rbp
    movq %rsp, %rbp
    pushq %rdi
    pushq %rsi
    pushq %rdx
    pushq %rcx
    pushq %r8
    pushq %r9
    pushq %rax
    pushq %r10
    subq $128, %rsp
    movups %xmm0, (%rsp)
    movups %xmm1, 16(%rsp)
    movups %xmm2, 32(%rsp)
    movups %xmm3, 48(%rsp)
    movups %xmm4, 64(%rsp)
    movups %xmm5, 80(%rsp)
    movups %xmm6, 96(%rsp)
    movups %xmm7, 112(%rsp)
    movq 8(%rbp), %rsi
    andq $-16, %rsp
    call wj_lazy
    movq %rax, %r11
    leaq -192(%rbp), %rsp
    movups (%rsp), %xmm0
    movups 16(%rsp), %xmm1
    movups 32(%rsp), %xmm2
    movups 48(%rsp), %xmm3
    movups 64(%rsp), %xmm4
    movups 80(%rsp), %xmm5
    movups 96(%rsp), %xmm6
    movups 112(%rsp), %xmm7
    addq $128, %rsp
    popq %r10
    popq %rax
    popq %r9
    popq %r8
    popq %rcx
    popq %rdx
    popq %rsi
    popq %rdi
    popq %rbp
    addq $8, %rsp
    jmpq *%r11
    .size wj_lazy_common, .-wj_lazy_common
"""

_ARM_COMMON: Final = """
    .text
    .globl wj_lazy_common
    .hidden wj_lazy_common
    .type wj_lazy_common,@function
    wj_lazy_common:
    stp x29, x30, [sp, #-224]!
    mov x29, sp
    stp x0, x1, [sp, #16]
    stp x2, x3, [sp, #32]
    stp x4, x5, [sp, #48]
    stp x6, x7, [sp, #64]
    str x8, [sp, #80]
    stp q0, q1, [sp, #96]
    stp q2, q3, [sp, #128]
    stp q4, q5, [sp, #160]
    stp q6, q7, [sp, #192]
    mov x1, x16
    bl wj_lazy
    mov x16, x0
    ldp q6, q7, [sp, #192]
    ldp q4, q5, [sp, #160]
    ldp q2, q3, [sp, #128]
    ldp q0, q1, [sp, #96]
    ldr x8, [sp, #80]
    ldp x6, x7, [sp, #64]
    ldp x4, x5, [sp, #48]
    ldp x2, x3, [sp, #32]
    ldp x0, x1, [sp, #16]
    ldp x29, x30, [sp], #224
    br x16
    .size wj_lazy_common, .-wj_lazy_common
"""

#: architecture → the common part, as LLVM module assembly
COMMON: Final = {"x86_64": assembly(_X86_COMMON), "aarch64": assembly(_ARM_COMMON)}
