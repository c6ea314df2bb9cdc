"""The stacks of continuations, as the runtime's machine code handles them; as LLVM text.

    wj_go, wj_pass    to another stack, and values to where it looks for them
    wj_finish         (VMFunc, cells, count): the function of a continuation has returned
    wj_abandon        at the end of a run: the stacks that it was on go back into the pool
    wj_home           (f, a, b, c) → f(a, b, c), called on the thread's own stack

What a VMStack is, and how stacks hang together, is told in `contract.continuations`.
"""

from typing import Final

from wadjet.engine.contract.continuations import RETURNED
from wadjet.engine.contract.layout import VM_FUNC
from wadjet.engine.contract.machine import ACTIVATION_BASE
from wadjet.engine.emit.members import word


def stacks() -> str:
    """All of it."""
    return "\n".join([_DECLARATIONS, _pass(), _go(), _finish(), _abandon(), _home()])


_DECLARATIONS: Final = """
declare hidden { i64, i64 } @wj_swap(ptr, ptr, i64, i64)
declare hidden i64 @wj_call_on(ptr, ptr, ptr, ptr, ptr, ptr)
declare hidden void @wj_begin()
"""


def current() -> str:
    """Lines that give %store and %cur, the stack that runs; they need %ctx."""
    return f"""
  %store = load ptr, ptr %ctx
  %cur.p = {word("store", "%store", "stack")}
  %cur = load ptr, ptr %cur.p"""


def _pass() -> str:
    """Copy cells. There are few, so a loop is best: `volatile` keeps LLVM from seeing a memcpy."""
    return """
define internal void @wj_pass(ptr %to, ptr %from, i64 %count) #2 {
entry:
  %none = icmp eq i64 %count, 0
  br i1 %none, label %done, label %loop
loop:
  %k = phi i64 [ 0, %entry ], [ %k.1, %loop ]
  %source = getelementptr <2 x i64>, ptr %from, i64 %k
  %target = getelementptr <2 x i64>, ptr %to, i64 %k
  %cell = load volatile <2 x i64>, ptr %source, align 8
  store volatile <2 x i64> %cell, ptr %target, align 8
  %k.1 = add i64 %k, 1
  %last = icmp eq i64 %k.1, %count
  br i1 %last, label %done, label %loop
done:
  ret void
}
"""


def _go() -> str:
    return f"""
define internal {{ i64, i64 }} @wj_go(ptr %store, ptr %from, ptr %to, i64 %answer, i64 %cont) #2 {{
  %stack.p = {word("store", "%store", "stack")}
  store ptr %to, ptr %stack.p
  %limit.p = {word("stack", "%to", "limit")}
  %limit = load ptr, ptr %limit.p
  %stack.limit.p = {word("store", "%store", "stack_limit")}
  store ptr %limit, ptr %stack.limit.p
  %back = notail call {{ i64, i64 }} @wj_swap(ptr %from, ptr %to, i64 %answer, i64 %cont)
  ret {{ i64, i64 }} %back
}}
"""


def _finish() -> str:
    """Nobody uses the stack any more, although this code still runs on it: nothing can take it from
    the pool before the swap."""
    return f"""
define hidden void @wj_finish(ptr %func, ptr %cells, i64 %count) #1 {{
  %ctx.p = getelementptr i8, ptr %func, i64 {VM_FUNC["context"]}
  %ctx = load ptr, ptr %ctx.p{current()}
  %parent.p = {word("stack", "%cur", "parent")}
  %parent = load ptr, ptr %parent.p
  %to.p = {word("stack", "%parent", "cells")}
  %to = load ptr, ptr %to.p
  call void @wj_pass(ptr %to, ptr %cells, i64 %count)
  call void @wj_release(ptr %cur)
  %back = call {{ i64, i64 }} @wj_go(
    ptr %store, ptr %cur, ptr %parent, i64 {RETURNED}, i64 0)
  unreachable
}}

define internal void @wj_release(ptr %stack) #2 {{
  %heap.p = {word("stack", "%stack", "heap")}
  %heap = load ptr, ptr %heap.p
  %pool.p = {word("heap", "%heap", "pool")}
  %pool = load ptr, ptr %pool.p
  %free.p = {word("stack", "%stack", "free")}
  store ptr %pool, ptr %free.p
  store ptr %stack, ptr %pool.p
  %parent.p = {word("stack", "%stack", "parent")}
  store ptr null, ptr %parent.p
  %pooled.p = {word("heap", "%heap", "pooled")}
  %pooled = load i64, ptr %pooled.p
  %pooled.1 = add i64 %pooled, 1
  store i64 %pooled.1, ptr %pooled.p
  ret void
}}
"""


def _abandon() -> str:
    return f"""
define hidden void @wj_abandon(ptr %act) #2 {{
entry:
  %base = getelementptr i8, ptr %act, i64 {ACTIVATION_BASE}
  %store.p = {word("act", "%act", "store")}
  %store = load ptr, ptr %store.p
  %stack.p = {word("store", "%store", "stack")}
  %cur = load ptr, ptr %stack.p
  br label %look
look:
  %s = phi ptr [ %cur, %entry ], [ %parent, %release ]
  %back = icmp eq ptr %s, %base
  br i1 %back, label %done, label %release, !prof !7
release:
  %parent.p = {word("stack", "%s", "parent")}
  %parent = load ptr, ptr %parent.p
  call void @wj_release(ptr %s)
  br label %look
done:
  %outer.p = {word("act", "%act", "stack")}
  %outer = load ptr, ptr %outer.p
  store ptr %outer, ptr %stack.p
  %limit.p = {word("act", "%act", "limit")}
  %limit = load ptr, ptr %limit.p
  %stack.limit.p = {word("store", "%store", "stack_limit")}
  store ptr %limit, ptr %stack.limit.p
  ret void
}}
"""


def _home() -> str:
    """CPython knows the bounds of its thread's stack, so it never runs on another."""
    return f"""
define hidden i64 @wj_home(ptr %f, ptr %a, ptr %b, ptr %c) #2 {{
  %t = call ptr @wj_thread()
  %activation.p = {word("thread", "%t", "activation")}
  %act = load ptr, ptr %activation.p
  %result = call i64 @wj_home_of(ptr %act, ptr %f, ptr %a, ptr %b, ptr %c)
  ret i64 %result
}}

define hidden i64 @wj_home_of(ptr %act, ptr %f, ptr %a, ptr %b, ptr %c) #2 {{
  %store.p = {word("act", "%act", "store")}
  %store = load ptr, ptr %store.p
  %cur.p = {word("store", "%store", "stack")}
  %cur = load ptr, ptr %cur.p
  %base = getelementptr i8, ptr %act, i64 {ACTIVATION_BASE}
  %there = icmp eq ptr %cur, %base
  br i1 %there, label %direct, label %away, !prof !7
direct:
  %near = call i64 %f(ptr %a, ptr %b, ptr %c)
  ret i64 %near
away:
  %sp.p = {word("stack", "%base", "sp")}
  %sp = load ptr, ptr %sp.p
  %far = notail call i64 @wj_call_on(
    ptr %cur, ptr %sp, ptr %f, ptr %a, ptr %b, ptr %c)
  ret i64 %far
}}
"""
