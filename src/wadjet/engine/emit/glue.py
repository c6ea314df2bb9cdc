"""The runtime's own machine code, as LLVM text: entering and leaving guests, traps, signals.

It is compiled once per process (or taken from the cache) by the same compiler as guest code, so
that no C compiler is needed anywhere. What it shares with Python is in `contract/machine.py`.

    wj_thread      the VMThread of this thread (null before its first entry)
    wj_enter       begin a run: take the store, link the activation, let the GIL go
    wj_leave       end it normally
    wj_fail        end it after a longjmp: the Python exception is set when this returns
    wj_thrown      end it with a guest's exception on its way: the same
    wj_trap        stop the guest with a trap code
    wj_host_error  stop the guest because a Python exception is set
    wj_pause       leave the guest for Python: take the GIL
    wj_resume      go back into the guest after Python ran
    wj_mark        collect: mark from the thread's stack and what else is given

and `callbacks` into Python, the signal `handlers`, `stacks` and `resumption` for continuations.

What one thread reads of another (`wj_look`, `wj_stop`) it reads while it holds the GIL: whoever
ends a run then waits for the GIL before the activation's frame goes. So the native tier needs the
GIL; `native_machine` refuses interpreters without.
"""

from typing import Final

from wadjet.engine.contract.machine import (
    ACTIVATION_BASE, ACTIVATION_JUMP, VM_RUNTIME, Platform,
)  # fmt: skip
from wadjet.engine.contract.traps import TrapCode
from wadjet.engine.emit.callbacks import callbacks
from wadjet.engine.emit.handlers import handlers
from wadjet.engine.emit.members import rt, word
from wadjet.engine.emit.resumption import resumption
from wadjet.engine.emit.stacks import stacks
from wadjet.engine.emit.stubs import COMMON
from wadjet.engine.emit.swap import SWAP


def glue(platform: Platform, arch: str) -> str:
    """The text of the whole runtime module for one platform."""
    parts = [COMMON[arch], SWAP[arch], _DECLARATIONS, _thread(), _enter(), _leave(), _fail()]
    parts += [_thrown(), _stop(), _switch(), _mark(arch), callbacks(), handlers(platform, arch)]
    parts += [stacks(), resumption(arch)]
    return "\n".join([*parts, _TRAILER])


def _thread() -> str:
    return f"""
define hidden ptr @wj_thread() #2 {{
  %key64 = load i64, ptr {rt("thread_key")}
  %key = trunc i64 %key64 to i32
  %t = call ptr @pthread_getspecific(i32 %key)
  ret ptr %t
}}
"""


# long: one function of LLVM text
def _enter() -> str:
    return f"""
define hidden i32 @wj_enter(ptr %act, ptr %func) #2 {{
entry:
  %context.p = getelementptr i8, ptr %func, i64 8
  %context = load ptr, ptr %context.p
  %t0 = call ptr @wj_thread()
  %known = icmp ne ptr %t0, null
  br i1 %known, label %take, label %new, !prof !7
new:
  %here = call ptr @llvm.frameaddress.p0(i32 0)
  %made = call i32 @wj_python(i64 {VM_RUNTIME["on_thread"]}, ptr null, i64 0, ptr %here)
  %made.ok = icmp eq i32 %made, 0
  br i1 %made.ok, label %found, label %refused
found:
  %t1 = call ptr @wj_thread()
  br label %take
take:
  %t = phi ptr [ %t0, %entry ], [ %t1, %found ], [ %t, %wait ]
  %me.p = {word("thread", "%t", "pthread")}
  %me = load i64, ptr %me.p
  %store = load ptr, ptr %context
  %owner.p = {word("store", "%store", "owner")}
  %pair = cmpxchg ptr %owner.p, i64 0, i64 %me acquire monotonic
  %got = extractvalue {{ i64, i1 }} %pair, 1
  %owner = extractvalue {{ i64, i1 }} %pair, 0
  %mine = icmp eq i64 %owner, %me
  %in = or i1 %got, %mine
  br i1 %in, label %link, label %wait, !prof !7
wait:
  %waited = call i32 @wj_python(i64 {VM_RUNTIME["on_wait"]}, ptr %store, i64 0, ptr null)
  %waited.ok = icmp eq i32 %waited, 0
  br i1 %waited.ok, label %take, label %refused
link:
  %activation.p = {word("thread", "%t", "activation")}
  %previous = load ptr, ptr %activation.p
  %previous.p = {word("act", "%act", "previous")}
  store ptr %previous, ptr %previous.p
  %thread.p = {word("act", "%act", "thread")}
  store ptr %t, ptr %thread.p
  %store.p = {word("act", "%act", "store")}
  store ptr %store, ptr %store.p
  %inside.p = {word("store", "%store", "thread")}
  store ptr %t, ptr %inside.p
  %inner.p = {word("store", "%store", "activation")}
  %outer = load ptr, ptr %inner.p
  %outer.p = {word("act", "%act", "outer")}
  store ptr %outer, ptr %outer.p
  store ptr %act, ptr %inner.p
  %trap.p = {word("act", "%act", "trap")}
  store i64 0, ptr %trap.p
  %count.p = {word("act", "%act", "frame_count")}
  store i64 0, ptr %count.p
  %entries.p = {word("thread", "%t", "entries")}
  %entries = load i64, ptr %entries.p
  %entries.1 = add i64 %entries, 1
  store i64 %entries.1, ptr %entries.p
  %serial.p = {word("act", "%act", "serial")}
  store i64 %entries.1, ptr %serial.p
  %depth.p = {word("store", "%store", "depth")}
  %depth = load i64, ptr %depth.p
  %depth.1 = add i64 %depth, 1
  store i64 %depth.1, ptr %depth.p
  %base = getelementptr i8, ptr %act, i64 {ACTIVATION_BASE}
  %stack.p = {word("store", "%store", "stack")}
  %stack = load ptr, ptr %stack.p
  %saved.p = {word("act", "%act", "stack")}
  store ptr %stack, ptr %saved.p
  store ptr %base, ptr %stack.p
  %limit.p = {word("store", "%store", "stack_limit")}
  %limit = load ptr, ptr %limit.p
  %saved.limit.p = {word("act", "%act", "limit")}
  store ptr %limit, ptr %saved.limit.p
  %parent.p = {word("stack", "%base", "parent")}
  store ptr null, ptr %parent.p
  %outermost = icmp eq ptr %outer, null
  br i1 %outermost, label %first, label %inner
inner:
  ; the outer run may be on another stack just now, but this one is on the thread's own again
  %outer.base = getelementptr i8, ptr %outer, i64 {ACTIVATION_BASE}
  %outer.floor.p = {word("stack", "%outer.base", "floor")}
  %outer.floor = load i64, ptr %outer.floor.p
  br label %go
first:
  ; what Python code that holds the store has been asked for stays
  %fresh = icmp eq i64 %depth, 0
  br i1 %fresh, label %calm, label %measure
calm:
  %interrupt.p = {word("store", "%store", "interrupt")}
  store i64 0, ptr %interrupt.p
  br label %measure
measure:
  %low.p = {word("thread", "%t", "stack_low")}
  %low = load i64, ptr %low.p
  %size.p = {word("store", "%store", "stack_size")}
  %size = load i64, ptr %size.p
  %frame = call ptr @llvm.frameaddress.p0(i32 0)
  %top = ptrtoint ptr %frame to i64
  %budget = call i64 @llvm.usub.sat.i64(i64 %top, i64 %size)
  %bottom = call i64 @llvm.umax.i64(i64 %budget, i64 %low)
  br label %go
go:
  %floor = phi i64 [ %outer.floor, %inner ], [ %bottom, %measure ]
  %floor.p = {word("stack", "%base", "floor")}
  store i64 %floor, ptr %floor.p
  %base.limit.p = {word("stack", "%base", "limit")}
  store i64 %floor, ptr %base.limit.p
  store i64 %floor, ptr %limit.p
  %tstate = call ptr @PyEval_SaveThread()
  %tstate.p = {word("act", "%act", "tstate")}
  store ptr %tstate, ptr %tstate.p
  store atomic ptr %act, ptr %activation.p release, align 8
  ret i32 0
refused:
  ret i32 1
}}
"""


def _unlink() -> str:
    """Take the activation off its thread and give the store back; needs %act."""
    return f"""
  call void @wj_abandon(ptr %act)
  %thread.p = {word("act", "%act", "thread")}
  %t = load ptr, ptr %thread.p
  %previous.p = {word("act", "%act", "previous")}
  %previous = load ptr, ptr %previous.p
  %activation.p = {word("thread", "%t", "activation")}
  store volatile ptr %previous, ptr %activation.p
  %store.p = {word("act", "%act", "store")}
  %store = load ptr, ptr %store.p
  %outer.p = {word("act", "%act", "outer")}
  %outer = load ptr, ptr %outer.p
  %inner.p = {word("store", "%store", "activation")}
  store ptr %outer, ptr %inner.p
  %interrupt.p = {word("store", "%store", "interrupt")}
  %interrupt = load volatile i64, ptr %interrupt.p
  %quiet = icmp eq i64 %interrupt, 0
  br i1 %quiet, label %count, label %interrupted, !prof !7
interrupted:
  %until.p = {word("store", "%store", "until")}
  %until = load ptr, ptr %until.p
  %last = icmp eq ptr %until, %act
  br i1 %last, label %clear, label %count
clear:
  store volatile i64 0, ptr %interrupt.p
  br label %count
count:
  %depth.p = {word("store", "%store", "depth")}
  %depth = load i64, ptr %depth.p
  %depth.1 = sub i64 %depth, 1
  store i64 %depth.1, ptr %depth.p
  %outermost = icmp eq i64 %depth.1, 0
  %tstate.p = {word("act", "%act", "tstate")}
  %tstate = load ptr, ptr %tstate.p
  br i1 %outermost, label %release, label %unlinked
release:
  %owner.p = {word("store", "%store", "owner")}
  store atomic i64 0, ptr %owner.p release, align 8
  br label %unlinked
unlinked:"""


def _leave() -> str:
    return f"""
define hidden void @wj_leave(ptr %act) #2 {{
{_unlink()}
  call void @PyEval_RestoreThread(ptr %tstate)
  ret void
}}
"""


def _fail() -> str:
    """The run may have been stopped anywhere: between a throw and its handler, or while another
    rounding direction was set."""
    return f"""
define hidden void @wj_fail(ptr %act) #2 {{
  call void @llvm.set.rounding(i32 1)
  %failed.p = {word("act", "%act", "store")}
  %failed = load ptr, ptr %failed.p
  %exception.p = {word("store", "%failed", "exception")}
  store i64 0, ptr %exception.p
{_unlink()}
  %trap.p = {word("act", "%act", "trap")}
  %trap = load i64, ptr %trap.p
  %held = icmp eq i64 %trap, {TrapCode.HOST_ERROR}
  br i1 %held, label %done, label %raise
raise:
  call void @PyEval_RestoreThread(ptr %tstate)
  %status = call i32 @wj_python(i64 {VM_RUNTIME["on_fail"]}, ptr %act, i64 0, ptr null)
  br label %done
done:
  ret void
}}
"""


def _thrown() -> str:
    """The store is given back last: until then nobody else can allocate in its heap."""
    thrown = VM_RUNTIME["on_thrown"]
    return f"""
define hidden void @wj_thrown(ptr %act) #2 {{
  call void @wj_pause(ptr %act)
  %thrower.p = {word("act", "%act", "store")}
  %thrower = load ptr, ptr %thrower.p
  %exception.p = {word("store", "%thrower", "exception")}
  %exception = load i64, ptr %exception.p
  store i64 0, ptr %exception.p
  %number = call i32 @wj_python(i64 {thrown}, ptr %thrower, i64 %exception, ptr null)
{_unlink()}
  ret void
}}
"""


#: Registers that a callee must keep: the marker saves them where it can see them.
_KEPT: Final = {
    "x86_64": "~{rbx},~{r12},~{r13},~{r14},~{r15}",
    "aarch64": "~{x19},~{x20},~{x21},~{x22},~{x23},~{x24},~{x25},~{x26},~{x27},~{x28}",
}


def _mark(arch: str) -> str:
    """Complete the first range, the stack: it begins here and ends where `words` says."""
    return f"""
define hidden void @wj_mark(ptr %mark, i64 %heap, ptr %ranges, i64 %count) #2 {{
  call void asm sideeffect "", "{_KEPT[arch]}"()
  %here = call ptr @llvm.stacksave.p0()
  %low = ptrtoint ptr %here to i64
  store i64 %low, ptr %ranges
  %end.p = getelementptr i8, ptr %ranges, i64 8
  %end = load i64, ptr %end.p
  %bytes = call i64 @llvm.usub.sat.i64(i64 %end, i64 %low)
  %words = lshr i64 %bytes, 3
  store i64 %words, ptr %end.p
  call void %mark(i64 0, i64 %heap, ptr %ranges, i64 %count)
  ret void
}}
"""


def _stop() -> str:
    return f"""
define hidden void @wj_trap(ptr %ctx, i32 %code) #1 {{
  %t = call ptr @wj_thread()
  %activation.p = {word("thread", "%t", "activation")}
  %act = load ptr, ptr %activation.p
  %fp = call ptr @llvm.frameaddress.p0(i32 0)
  call void @wj_capture(ptr %act, ptr null, ptr %fp)
  %wide = zext i32 %code to i64
  call void @wj_jump(ptr %act, i64 %wide)
  unreachable
}}

define hidden void @wj_host_error(ptr %act) #1 {{
  call void @wj_jump(ptr %act, i64 {TrapCode.HOST_ERROR})
  unreachable
}}

define hidden void @wj_jump(ptr %act, i64 %code) #1 {{
  %trap.p = {word("act", "%act", "trap")}
  store i64 %code, ptr %trap.p
  %jump = getelementptr i8, ptr %act, i64 {ACTIVATION_JUMP}
  call void @longjmp(ptr %jump, i32 1)
  unreachable
}}
"""


def _switch() -> str:
    """From the guest to Python and back."""
    return f"""
define hidden void @wj_pause(ptr %act) #2 {{
  %tstate.p = {word("act", "%act", "tstate")}
  %tstate = load ptr, ptr %tstate.p
  call void @PyEval_RestoreThread(ptr %tstate)
  store volatile ptr null, ptr %tstate.p
  ret void
}}

define hidden void @wj_resume(ptr %act) #2 {{
  %tstate = call ptr @PyEval_SaveThread()
  %tstate.p = {word("act", "%act", "tstate")}
  store volatile ptr %tstate, ptr %tstate.p
  %store.p = {word("act", "%act", "store")}
  %store = load ptr, ptr %store.p
  %interrupt.p = {word("store", "%store", "interrupt")}
  %interrupt = load volatile i64, ptr %interrupt.p
  %quiet = icmp eq i64 %interrupt, 0
  br i1 %quiet, label %on, label %off, !prof !7
on:
  ret void
off:
  %fp = call ptr @llvm.frameaddress.p0(i32 0)
  call void @wj_capture(ptr %act, ptr null, ptr %fp)
  call void @wj_jump(ptr %act, i64 %interrupt)
  unreachable
}}
"""


_DECLARATIONS: Final = """
@wj_runtime = external hidden global i8
@PyExc_OverflowError = external global ptr
@PyExc_TypeError = external global ptr
declare ptr @pthread_getspecific(i32)
declare void @longjmp(ptr, i32) noreturn
declare ptr @signal(i32, ptr)
declare i32 @raise(i32)
declare i32 @pthread_kill(i64, i32)
declare i32 @sigaltstack(ptr, ptr)
declare ptr @__errno_location()
declare ptr @PyEval_SaveThread()
declare void @PyEval_RestoreThread(ptr)
declare ptr @PyObject_Vectorcall(ptr, ptr, i64, ptr)
declare ptr @PyLong_FromVoidPtr(ptr)
declare ptr @PyLong_FromLongLong(i64)
declare i64 @PyLong_AsLongLong(ptr)
declare i64 @PyLong_AsUnsignedLongLong(ptr)
declare ptr @PyNumber_Index(ptr)
declare ptr @PyErr_Occurred()
declare void @PyErr_Clear()
declare void @PyErr_SetString(ptr, ptr)
declare ptr @PyErr_Format(ptr, ptr, ...)
declare i32 @PyErr_ExceptionMatches(ptr)
declare i32 @PyErr_CheckSignals()
declare void @PyErr_Fetch(ptr, ptr, ptr)
declare void @PyErr_NormalizeException(ptr, ptr, ptr)
declare void @PyErr_Restore(ptr, ptr, ptr)
declare i32 @PyException_SetTraceback(ptr, ptr)
declare void @Py_DecRef(ptr)
declare ptr @llvm.frameaddress.p0(i32 immarg)
declare void @llvm.memcpy.p0.p0.i64(ptr, ptr, i64, i1 immarg)
declare void @llvm.set.rounding(i32)
declare i64 @llvm.usub.sat.i64(i64, i64)
declare ptr @llvm.stacksave.p0()
declare i64 @llvm.umax.i64(i64, i64)
"""

_TRAILER: Final = """
attributes #1 = { nounwind noreturn cold "frame-pointer"="all" }
attributes #2 = { nounwind "frame-pointer"="all" }
!6 = !{!"branch_weights", i32 1, i32 2000}
!7 = !{!"branch_weights", i32 2000, i32 1}
"""
