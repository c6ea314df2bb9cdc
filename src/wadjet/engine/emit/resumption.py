"""Continuations are resumed, suspended and switched between: the runtime's part, as LLVM text.

    wj_resume_cont  (context, continuation, VMHandlers, cells, count) → answer, continuation
    wj_throw_cont   the same with an exception instead of values
    wj_suspend      (context, tag, new continuation, cells, count) → answer
    wj_switch       (context, tag, continuation, new continuation, cells, count) → answer
    wj_bind         (continuation, new continuation, cells, count)
    wj_turn         (activation): the guest waits where it was stopped, until it is resumed

`answer` is the number of the clause that handles a suspension, or one of RETURNED, UNHANDLED,
EXHAUSTED (`contract.continuations`, as all that is shared). Neither ticks nor traps interrupt this
code, so a chain of stacks is always whole when others look at it.
"""

from wadjet.engine.contract.continuations import (
    EXHAUSTED, KEPT, RETURNED, SAVED, TOLL, UNHANDLED, VM_CONTINUATION,
)  # fmt: skip
from wadjet.engine.contract.layout import CELL
from wadjet.engine.contract.machine import ACTIVATION_BASE, TAIL_CELLS, THREAD_SIZE
from wadjet.engine.contract.libcalls import STACK_NEW
from wadjet.engine.emit.members import word
from wadjet.engine.emit.stacks import current


def resumption(arch: str) -> str:
    """All of it for one architecture."""
    parts = [_find(), _first(arch), _again(), _attach(), _resume(), _throw()]
    return "\n".join([*parts, _suspend(), _switch(), _bind(), _turn()])


def _find() -> str:
    """The stack, from `stack` outwards, whose resume has this clause, and the clause's number;
    null where nobody has."""
    return f"""
define internal {{ ptr, i64 }} @wj_find(ptr %stack, i64 %clause) #2 {{
entry:
  br label %look
look:
  %s = phi ptr [ %stack, %entry ], [ %parent, %next ]
  %parent.p = {word("stack", "%s", "parent")}
  %parent = load ptr, ptr %parent.p
  %outermost = icmp eq ptr %parent, null
  br i1 %outermost, label %nobody, label %table
table:
  %handlers.p = {word("stack", "%s", "handlers")}
  %handlers = load ptr, ptr %handlers.p
  %count = load i64, ptr %handlers
  br label %search
search:
  %k = phi i64 [ 0, %table ], [ %k.1, %compare ]
  %left = icmp ult i64 %k, %count
  br i1 %left, label %compare, label %next
compare:
  %k.1 = add i64 %k, 1
  %slot = getelementptr i64, ptr %handlers, i64 %k.1
  %have = load i64, ptr %slot
  %same = icmp eq i64 %have, %clause
  br i1 %same, label %found, label %search
next:
  br label %look
found:
  %pair = insertvalue {{ ptr, i64 }} poison, ptr %s, 0
  %both = insertvalue {{ ptr, i64 }} %pair, i64 %k.1, 1
  ret {{ ptr, i64 }} %both
nobody:
  ret {{ ptr, i64 }} zeroinitializer
}}
"""


# long: one function of LLVM text
def _first(arch: str) -> str:
    """A stack for a continuation that was not resumed before: arguments at its top, below them
    what `wj_swap` would have saved; null where the rest of Limits.stack, `room`, is too small."""
    saved = SAVED[arch]
    return f"""
define internal ptr @wj_first(ptr %ctx, ptr %cont, i64 %room, ptr %cells, i64 %count) #2 {{
entry:
  %buffer = alloca i64, align 8
  %left = sub i64 %room, {TOLL}
  %fits = icmp sgt i64 %left, 0
  br i1 %fits, label %take, label %full
full:
  ret ptr null
take:
  %heap.p = {word("context", "%ctx", "gc")}
  %heap = load ptr, ptr %heap.p
  %pool.p = {word("heap", "%heap", "pool")}
  %ready = load ptr, ptr %pool.p
  %some = icmp ne ptr %ready, null
  br i1 %some, label %pop, label %more, !prof !7
more:
  %made = call i64 @wj_libcall(ptr %ctx, i32 {STACK_NEW.id}, ptr %buffer)
  br label %pop
pop:
  %stack = load ptr, ptr %pool.p
  %free.p = {word("stack", "%stack", "free")}
  %free = load ptr, ptr %free.p
  store ptr %free, ptr %pool.p
  %pooled.p = {word("heap", "%heap", "pooled")}
  %pooled = load i64, ptr %pooled.p
  %pooled.1 = sub i64 %pooled, 1
  store i64 %pooled.1, ptr %pooled.p
  %bound.p = {word("cont", "%cont", "length")}
  %length = load i64, ptr %bound.p
  %bound = sub i64 %length, 1
  %all = add i64 %bound, %count
  %back = mul i64 %all, -{CELL}
  %args = getelementptr i8, ptr %stack, i64 %back
  %old = getelementptr i8, ptr %cont, i64 {VM_CONTINUATION.size}
  call void @wj_pass(ptr %args, ptr %old, i64 %bound)
  %rest = getelementptr <2 x i64>, ptr %args, i64 %bound
  call void @wj_pass(ptr %rest, ptr %cells, i64 %count)
  %sp = getelementptr i8, ptr %args, i64 -{saved.size}
  %frame.p = getelementptr i8, ptr %sp, i64 {saved.frame}
  store ptr null, ptr %frame.p
  %link.p = getelementptr i8, ptr %sp, i64 {saved.link}
  store ptr @wj_begin, ptr %link.p
  %waits.p = {word("cont", "%cont", "waits")}
  %waits = load ptr, ptr %waits.p
  %func = getelementptr i8, ptr %waits, i64 -1
  %func.p = getelementptr i8, ptr %sp, i64 {saved.func}
  store ptr %func, ptr %func.p
  %cells.p = getelementptr i8, ptr %sp, i64 {saved.cells}
  store ptr %args, ptr %cells.p
  %root.p = {word("cont", "%cont", "root")}
  %start = load ptr, ptr %root.p
  %start.p = getelementptr i8, ptr %sp, i64 {saved.start}
  store ptr %start, ptr %start.p
  %sp.p = {word("stack", "%stack", "sp")}
  store ptr %sp, ptr %sp.p
  store ptr %stack, ptr %root.p
  call void @wj_limit(ptr %stack, i64 %left)
  ret ptr %stack
}}

define internal void @wj_limit(ptr %stack, i64 %room) #2 {{
  %sp.p = {word("stack", "%stack", "sp")}
  %sp = load i64, ptr %sp.p
  %floor = sub i64 %sp, %room
  %floor.p = {word("stack", "%stack", "floor")}
  store i64 %floor, ptr %floor.p
  %low.p = {word("stack", "%stack", "low")}
  %low = load i64, ptr %low.p
  %limit = call i64 @llvm.umax.i64(i64 %low, i64 %floor)
  %limit.p = {word("stack", "%stack", "limit")}
  store i64 %limit, ptr %limit.p
  ret void
}}
"""


def _again() -> str:
    """Make a suspended chain ready to go on: its stacks together must fit into `room`. The
    innermost one, or null."""
    return f"""
define internal ptr @wj_again(ptr %cont, i64 %room, ptr %cells, i64 %count) #2 {{
entry:
  %waits.p = {word("cont", "%cont", "waits")}
  %top = load ptr, ptr %waits.p
  br label %measure
measure:
  %s = phi ptr [ %top, %entry ], [ %parent, %measure ]
  %used = phi i64 [ 0, %entry ], [ %used.1, %measure ]
  %size = call i64 @wj_used(ptr %s)
  %used.1 = add i64 %used, %size
  %parent.p = {word("stack", "%s", "parent")}
  %parent = load ptr, ptr %parent.p
  %more = icmp ne ptr %parent, null
  br i1 %more, label %measure, label %decide
decide:
  %left = sub i64 %room, %used.1
  %fits = icmp sgt i64 %left, 0
  br i1 %fits, label %share, label %full
full:
  ret ptr null
share:
  %t = phi ptr [ %top, %decide ], [ %above, %share ]
  %rest = phi i64 [ %left, %decide ], [ %rest.1, %share ]
  call void @wj_limit(ptr %t, i64 %rest)
  %back = call i64 @wj_used(ptr %t)
  %rest.1 = add i64 %rest, %back
  %above.p = {word("stack", "%t", "parent")}
  %above = load ptr, ptr %above.p
  %others = icmp ne ptr %above, null
  br i1 %others, label %share, label %give
give:
  %to.p = {word("stack", "%top", "cells")}
  %to = load ptr, ptr %to.p
  %length.p = {word("cont", "%cont", "length")}
  %length = load i64, ptr %length.p
  %bound = sub i64 %length, 1
  %old = getelementptr i8, ptr %cont, i64 {VM_CONTINUATION.size}
  call void @wj_pass(ptr %to, ptr %old, i64 %bound)
  %to.rest = getelementptr <2 x i64>, ptr %to, i64 %bound
  call void @wj_pass(ptr %to.rest, ptr %cells, i64 %count)
  %owner.p = {word("stack", "%top", "owner")}
  store ptr null, ptr %owner.p
  ret ptr %top
}}

define internal i64 @wj_used(ptr %stack) #2 {{
  %sp.p = {word("stack", "%stack", "sp")}
  %sp = load i64, ptr %sp.p
  %high = ptrtoint ptr %stack to i64
  %bytes = sub i64 %high, %sp
  %used = add i64 %bytes, {TOLL}
  ret i64 %used
}}
"""


def _attach() -> str:
    """Take a continuation and put it on top of `parent`, which is in use down to `here`: the stack
    to run, or null where Limits.stack does not allow it and nothing has happened."""
    return f"""
define internal ptr @wj_attach(
  ptr %ctx, ptr %cont, ptr %parent, i64 %here, ptr %handlers, ptr %cells, i64 %count
) #2 {{
entry:
  %floor.p = {word("stack", "%parent", "floor")}
  %floor = load i64, ptr %floor.p
  %room = sub i64 %here, %floor
  %waits.p = {word("cont", "%cont", "waits")}
  %waits = load i64, ptr %waits.p
  %tag = and i64 %waits, 1
  %is.new = icmp ne i64 %tag, 0
  br i1 %is.new, label %new, label %old
new:
  %first = call ptr @wj_first(ptr %ctx, ptr %cont, i64 %room, ptr %cells, i64 %count)
  br label %link
old:
  %again = call ptr @wj_again(ptr %cont, i64 %room, ptr %cells, i64 %count)
  br label %link
link:
  %top = phi ptr [ %first, %new ], [ %again, %old ]
  %ok = icmp ne ptr %top, null
  br i1 %ok, label %join, label %done
join:
  store ptr null, ptr %waits.p
  %root.p = {word("cont", "%cont", "root")}
  %root = load ptr, ptr %root.p
  %parent.p = {word("stack", "%root", "parent")}
  store ptr %parent, ptr %parent.p
  %handlers.p = {word("stack", "%root", "handlers")}
  store ptr %handlers, ptr %handlers.p
  br label %done
done:
  ret ptr %top
}}
"""


def _resume() -> str:
    return f"""
define hidden {{ i64, i64 }} @wj_resume_cont(
  ptr %ctx, ptr %cont, ptr %handlers, ptr %cells, i64 %count
) #2 {{
entry:{current()}
  %frame = call ptr @llvm.frameaddress.p0(i32 0)
  %here = ptrtoint ptr %frame to i64
  %top = call ptr @wj_attach(
    ptr %ctx, ptr %cont, ptr %cur, i64 %here, ptr %handlers, ptr %cells, i64 %count)
  %ok = icmp ne ptr %top, null
  br i1 %ok, label %go, label %full
go:
  %cells.p = {word("stack", "%cur", "cells")}
  store ptr %cells, ptr %cells.p
  %back = call {{ i64, i64 }} @wj_go(ptr %store, ptr %cur, ptr %top, i64 0, i64 0)
  ret {{ i64, i64 }} %back
full:
  ret {{ i64, i64 }} {{ i64 {EXHAUSTED}, i64 0 }}
}}
"""


def _throw() -> str:
    """One that was not resumed before has no frame that could catch: the exception comes back."""
    return f"""
define hidden {{ i64, i64 }} @wj_throw_cont(
  ptr %ctx, ptr %cont, ptr %handlers, ptr %cells, i64 %exception
) #2 {{
entry:{current()}
  %exception.p = {word("store", "%store", "exception")}
  %waits.p = {word("cont", "%cont", "waits")}
  %waits = load i64, ptr %waits.p
  %tag = and i64 %waits, 1
  %is.new = icmp ne i64 %tag, 0
  br i1 %is.new, label %new, label %old
new:
  store i64 0, ptr %waits.p
  store i64 %exception, ptr %exception.p
  ret {{ i64, i64 }} {{ i64 {RETURNED}, i64 0 }}
old:
  %frame = call ptr @llvm.frameaddress.p0(i32 0)
  %here = ptrtoint ptr %frame to i64
  %top = call ptr @wj_attach(
    ptr %ctx, ptr %cont, ptr %cur, i64 %here, ptr %handlers, ptr %cells, i64 0)
  %ok = icmp ne ptr %top, null
  br i1 %ok, label %go, label %full
go:
  store i64 %exception, ptr %exception.p
  %cells.p = {word("stack", "%cur", "cells")}
  store ptr %cells, ptr %cells.p
  %back = call {{ i64, i64 }} @wj_go(ptr %store, ptr %cur, ptr %top, i64 0, i64 0)
  ret {{ i64, i64 }} %back
full:
  ret {{ i64, i64 }} {{ i64 {EXHAUSTED}, i64 0 }}
}}
"""


def _detach() -> str:
    """Make what runs from %root inwards wait in the continuation %new, for values in %cells."""
    return f"""
  %waits.p = {word("cont", "%new", "waits")}
  store ptr %cur, ptr %waits.p
  %root.p = {word("cont", "%new", "root")}
  store ptr %root, ptr %root.p
  %owner.p = {word("stack", "%cur", "owner")}
  store ptr %new, ptr %owner.p
  %cells.p = {word("stack", "%cur", "cells")}
  store ptr %cells, ptr %cells.p
  %parent.p = {word("stack", "%root", "parent")}
  store ptr null, ptr %parent.p"""


def _handler() -> str:
    """%root, the stack whose resume handles %tag, its %number and %parent; else returns."""
    return f"""
  %found = call {{ ptr, i64 }} @wj_find(ptr %cur, i64 %tag)
  %root = extractvalue {{ ptr, i64 }} %found, 0
  %number = extractvalue {{ ptr, i64 }} %found, 1
  %handled = icmp ne ptr %root, null
  br i1 %handled, label %out, label %unhandled
unhandled:
  ret i64 {UNHANDLED}
out:
  %resumer.p = {word("stack", "%root", "parent")}
  %resumer = load ptr, ptr %resumer.p"""


def _suspend() -> str:
    return f"""
define hidden i64 @wj_suspend(ptr %ctx, i64 %tag, ptr %new, ptr %cells, i64 %count) #2 {{
entry:{current()}{_handler()}
{_detach()}
  %to.p = {word("stack", "%resumer", "cells")}
  %to = load ptr, ptr %to.p
  call void @wj_pass(ptr %to, ptr %cells, i64 %count)
  %word = ptrtoint ptr %new to i64
  %back = call {{ i64, i64 }} @wj_go(
    ptr %store, ptr %cur, ptr %resumer, i64 %number, i64 %word)
  ret i64 {RETURNED}
}}
"""


def _switch() -> str:
    return f"""
define hidden i64 @wj_switch(
  ptr %ctx, i64 %tag, ptr %cont, ptr %new, ptr %cells, i64 %count
) #2 {{
entry:{current()}{_handler()}
  %here.p = {word("stack", "%resumer", "sp")}
  %here = load i64, ptr %here.p
  %handlers.p = {word("stack", "%root", "handlers")}
  %handlers = load ptr, ptr %handlers.p
  %top = call ptr @wj_attach(
    ptr %ctx, ptr %cont, ptr %resumer, i64 %here, ptr %handlers, ptr %cells, i64 %count)
  %ok = icmp ne ptr %top, null
  br i1 %ok, label %go, label %full
full:
  ret i64 {EXHAUSTED}
go:{_detach()}
  %back = call {{ i64, i64 }} @wj_go(ptr %store, ptr %cur, ptr %top, i64 0, i64 0)
  ret i64 {RETURNED}
}}
"""


def _bind() -> str:
    return f"""
define hidden void @wj_bind(ptr %cont, ptr %new, ptr %cells, i64 %count) #2 {{
entry:
  %length.p = {word("cont", "%cont", "length")}
  %length = load i64, ptr %length.p
  %waits.p = {word("cont", "%cont", "waits")}
  %waits = load i64, ptr %waits.p
  store i64 0, ptr %waits.p
  %new.waits.p = {word("cont", "%new", "waits")}
  store i64 %waits, ptr %new.waits.p
  %root.p = {word("cont", "%cont", "root")}
  %root = load ptr, ptr %root.p
  %new.root.p = {word("cont", "%new", "root")}
  store ptr %root, ptr %new.root.p
  %bound = sub i64 %length, 1
  %from = getelementptr i8, ptr %cont, i64 {VM_CONTINUATION.size}
  %to = getelementptr i8, ptr %new, i64 {VM_CONTINUATION.size}
  call void @wj_pass(ptr %to, ptr %from, i64 %bound)
  %rest = getelementptr <2 x i64>, ptr %to, i64 %bound
  call void @wj_pass(ptr %rest, ptr %cells, i64 %count)
  %tag = and i64 %waits, 1
  %is.new = icmp ne i64 %tag, 0
  br i1 %is.new, label %done, label %own
own:
  %top = inttoptr i64 %waits to ptr
  %owner.p = {word("stack", "%top", "owner")}
  store ptr %new, ptr %owner.p
  br label %done
done:
  ret void
}}
"""


# long: one function of LLVM text
def _turn() -> str:
    """All that runs in a store waits at once, perhaps in the middle of making an object: until it
    is resumed, nobody may enter the store. The outermost resume goes on at its last clause. Nothing
    happens where there is no such resume, or where Python waits for what runs.

    What is on its way, in the store and in the thread's cells, is kept meanwhile.
    """
    size = THREAD_SIZE - TAIL_CELLS
    return f"""
define hidden void @wj_turn(ptr %act) #2 {{
entry:
  %cells = alloca [{size} x i8], align 16
  %store.p = {word("act", "%act", "store")}
  %store = load ptr, ptr %store.p
  %turn.p = {word("store", "%store", "turn")}
  store volatile i64 0, ptr %turn.p
  %outer.p = {word("act", "%act", "outer")}
  %outer = load ptr, ptr %outer.p
  %alone = icmp eq ptr %outer, null
  br i1 %alone, label %where, label %done
where:
  %base = getelementptr i8, ptr %act, i64 {ACTIVATION_BASE}
  %cur.p = {word("store", "%store", "stack")}
  %cur = load ptr, ptr %cur.p
  %home = icmp eq ptr %cur, %base
  br i1 %home, label %done, label %look
look:
  %root = phi ptr [ %cur, %where ], [ %above, %look ]
  %above.p = {word("stack", "%root", "parent")}
  %above = load ptr, ptr %above.p
  %found = icmp eq ptr %above, %base
  br i1 %found, label %wait, label %look
wait:
  %handlers.p = {word("stack", "%root", "handlers")}
  %handlers = load ptr, ptr %handlers.p
  %last = load i64, ptr %handlers
  %new = getelementptr i8, ptr %root, i64 {KEPT}
  %length.p = {word("cont", "%new", "length")}
  store i64 1, ptr %length.p{_detach()}
  %exception.p = {word("store", "%store", "exception")}
  %exception = load i64, ptr %exception.p
  store i64 0, ptr %exception.p
  %thread.p = {word("act", "%act", "thread")}
  %t = load ptr, ptr %thread.p
  %sent = getelementptr i8, ptr %t, i64 {TAIL_CELLS}
  call void @llvm.memcpy.p0.p0.i64(ptr %cells, ptr %sent, i64 {size}, i1 false)
  call void @llvm.set.rounding(i32 1)
  %word = ptrtoint ptr %new to i64
  %back = call {{ i64, i64 }} @wj_go(ptr %store, ptr %cur, ptr %base, i64 %last, i64 %word)
  call void @llvm.memcpy.p0.p0.i64(ptr %sent, ptr %cells, i64 {size}, i1 false)
  store i64 %exception, ptr %exception.p
  br label %done
done:
  ret void
}}
"""
