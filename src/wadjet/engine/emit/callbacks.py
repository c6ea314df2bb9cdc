"""From machine code into Python: the runtime's answers, host functions, conversions; as LLVM text.

    wj_libcall    from guest code: call the runtime's Python side
    wj_lazy       from a lazy stub: compile the function, give its code
    wj_call_host  from a host function's door: call Python
    wj_raised     is the Python exception set one that guests can catch?
    wj_python     call a Python object of VMRuntime with three integers
    wj_read_…     Python integers as i32 and i64

Python runs on the thread's own stack alone (`wj_home`): it knows the bounds of that.
"""

from typing import Final

from wadjet.engine.contract.machine import ACTIVATION_FRAMES, VM_RUNTIME
from wadjet.engine.contract.traps import TrapCode
from wadjet.engine.emit.members import rt, word


def callbacks() -> str:
    """All of it."""
    return "\n".join([*_TEXTS, _libcall(), _lazy(), _host(), _raised(), _python(), _read()])


def _text(name: str, text: str) -> str:
    """A C string constant."""
    return f'@{name} = private constant [{len(text) + 1} x i8] c"{text}\\00"'


_TEXTS: Final = [
    _text("wj.range32", "an i32 must lie between -2**31 and 2**32 - 1"),
    _text("wj.range64", "an i64 must lie between -2**63 and 2**64 - 1"),
    _text("wj.arity", "expected %zd arguments, but %zd were given"),
]


def _libcall() -> str:
    return f"""
define hidden i64 @wj_libcall(ptr %ctx, i32 %id, ptr %buffer) #2 {{
  %wide = zext i32 %id to i64
  %number = inttoptr i64 %wide to ptr
  %status = call i64 @wj_home(ptr @wj_library, ptr %ctx, ptr %number, ptr %buffer)
  %trapped = icmp ne i64 %status, 0
  br i1 %trapped, label %trap, label %fine
trap:
  %code = trunc i64 %status to i32
  call void @wj_trap(ptr %ctx, i32 %code)
  unreachable
fine:
  %result = load i64, ptr %buffer
  ret i64 %result
}}

define internal i64 @wj_library(ptr %ctx, ptr %number, ptr %buffer) #2 {{
  %id = ptrtoint ptr %number to i64
  %status = call i32 @wj_answer(i64 {VM_RUNTIME["on_libcall"]}, ptr %ctx, i64 %id, ptr %buffer)
  %code = zext i32 %status to i64
  ret i64 %code
}}

define internal i32 @wj_answer(i64 %which, ptr %ctx, i64 %number, ptr %buffer) #2 {{
  %t = call ptr @wj_thread()
  %activation.p = {word("thread", "%t", "activation")}
  %act = load ptr, ptr %activation.p
  call void @wj_pause(ptr %act)
  %status = call i32 @wj_python(i64 %which, ptr %ctx, i64 %number, ptr %buffer)
  %bad = icmp slt i32 %status, 0
  br i1 %bad, label %error, label %back
error:
  call void @wj_host_error(ptr %act)
  unreachable
back:
  call void @wj_resume(ptr %act)
  ret i32 %status
}}
"""


def _lazy() -> str:
    return f"""
define hidden ptr @wj_lazy(ptr %ctx, i64 %slot) #2 {{
  %buffer = alloca i64, align 8
  %number = inttoptr i64 %slot to ptr
  %status = call i64 @wj_home(ptr @wj_compile, ptr %ctx, ptr %number, ptr %buffer)
  %t = call ptr @wj_thread()
  %activation.p = {word("thread", "%t", "activation")}
  %act = load ptr, ptr %activation.p
  call void @wj_share(ptr %act)
  %code = load ptr, ptr %buffer
  ret ptr %code
}}

define internal void @wj_share(ptr %act) #2 {{
  %store.p = {word("act", "%act", "store")}
  %store = load ptr, ptr %store.p
  %turn.p = {word("store", "%store", "turn")}
  %turn = load volatile i64, ptr %turn.p
  %over = icmp ne i64 %turn, 0
  br i1 %over, label %share, label %on, !prof !6
share:
  call void @wj_turn(ptr %act)
  br label %on
on:
  ret void
}}

define internal i64 @wj_compile(ptr %ctx, ptr %number, ptr %buffer) #2 {{
  %slot = ptrtoint ptr %number to i64
  %status = call i32 @wj_answer(i64 {VM_RUNTIME["on_compile"]}, ptr %ctx, i64 %slot, ptr %buffer)
  ret i64 0
}}
"""


def _host() -> str:
    """From a host function's door: call its inner part (host, cells), with the GIL and on the
    thread's own stack. It gives 0, or -1 with a Python exception set: that stops the guest, or is
    on its way as a WebAssembly exception when this returns."""
    return f"""
define hidden void @wj_call_host(ptr %f, ptr %host, ptr %cells) #2 {{
entry:
  %t = call ptr @wj_thread()
  %activation.p = {word("thread", "%t", "activation")}
  %act = load ptr, ptr %activation.p
  %store.p = {word("act", "%act", "store")}
  %store = load ptr, ptr %store.p
  %limit.p = {word("store", "%store", "stack_limit")}
  %limit = load ptr, ptr %limit.p
  %here = call ptr @llvm.frameaddress.p0(i32 0)
  %fits = icmp ugt ptr %here, %limit
  br i1 %fits, label %call, label %deep, !prof !7
deep:
  ; Python would not run here
  %cur.p = {word("store", "%store", "stack")}
  %cur = load ptr, ptr %cur.p
  %parent.p = {word("stack", "%cur", "parent")}
  %parent = load ptr, ptr %parent.p
  %away = icmp ne ptr %parent, null
  br i1 %away, label %call, label %full
full:
  call void @wj_trap(ptr %host, i32 {TrapCode.STACK_EXHAUSTED})
  unreachable
call:
  %done = call i64 @wj_home_of(ptr %act, ptr @wj_inside, ptr %f, ptr %host, ptr %cells)
  call void @wj_share(ptr %act)
  ret void
}}

define internal i64 @wj_inside(ptr %f, ptr %host, ptr %cells) #2 {{
entry:
  %t = call ptr @wj_thread()
  %activation.p = {word("thread", "%t", "activation")}
  %act = load ptr, ptr %activation.p
  call void @wj_pause(ptr %act)
  %status = call i32 %f(ptr %host, ptr %cells)
  %good = icmp eq i32 %status, 0
  br i1 %good, label %back, label %wrong, !prof !7
wrong:
  %caught = call i32 @wj_raised(ptr %host, ptr %act)
  %error = icmp eq i32 %caught, 0
  br i1 %error, label %stop, label %back
stop:
  call void @wj_host_error(ptr %act)
  unreachable
back:
  call void @wj_resume(ptr %act)
  ret i64 0
}}

define hidden i32 @wj_host_raw(ptr %host, ptr %cells) #2 {{
  %status = call i32 @wj_python(i64 {VM_RUNTIME["on_host"]}, ptr %host, i64 0, ptr %cells)
  ret i32 %status
}}
"""


def _raised() -> str:
    """A host function raised. 1 if that was a WebAssembly exception, and the guest that called
    looks for one after its calls: then it is on its way in the store, and no Python exception is
    set."""
    return f"""
define hidden i32 @wj_raised(ptr %host, ptr %act) #2 {{
entry:
  %error = alloca [3 x ptr], align 8
  %class = load ptr, ptr {rt("wasm_exception")}
  %matches = call i32 @PyErr_ExceptionMatches(ptr %class)
  %is = icmp ne i32 %matches, 0
  br i1 %is, label %ask, label %no
ask:
  %fp = call ptr @llvm.frameaddress.p0(i32 0)
  call void @wj_capture(ptr %act, ptr null, ptr %fp)
  %frames = getelementptr i8, ptr %act, i64 {ACTIVATION_FRAMES}
  %caller = load i64, ptr %frames
  %count.p = {word("act", "%act", "frame_count")}
  %count = load i64, ptr %count.p
  %none = icmp eq i64 %count, 0
  %pc = select i1 %none, i64 0, i64 %caller
  %value.p = getelementptr i8, ptr %error, i64 8
  %trace.p = getelementptr i8, ptr %error, i64 16
  call void @PyErr_Fetch(ptr %error, ptr %value.p, ptr %trace.p)
  call void @PyErr_NormalizeException(ptr %error, ptr %value.p, ptr %trace.p)
  %type = load ptr, ptr %error
  %value = load ptr, ptr %value.p
  %trace = load ptr, ptr %trace.p
  %traced = icmp ne ptr %trace, null
  br i1 %traced, label %attach, label %call
attach:
  %set = call i32 @PyException_SetTraceback(ptr %value, ptr %trace)
  br label %call
call:
  %status = call i32 @wj_python(i64 {VM_RUNTIME["on_raised"]}, ptr %host, i64 %pc, ptr %value)
  %refused = icmp eq i32 %status, 0
  br i1 %refused, label %restore, label %drop
restore:
  call void @PyErr_Restore(ptr %type, ptr %value, ptr %trace)
  ret i32 0
drop:
  call void @Py_DecRef(ptr %type)
  call void @Py_DecRef(ptr %value)
  call void @Py_DecRef(ptr %trace)
  %caught = icmp eq i32 %status, 1
  %result = zext i1 %caught to i32
  ret i32 %result
no:
  ret i32 0
}}
"""


def _python() -> str:
    """Call a Python object of VMRuntime: its int result, -1 if an exception is set."""
    return """
define hidden i32 @wj_python(i64 %which, ptr %a, i64 %b, ptr %c) #2 {
entry:
  %callable.p = getelementptr i8, ptr @wj_runtime, i64 %which
  %callable = load ptr, ptr %callable.p
  %args = alloca [4 x ptr], align 8
  %a.o = call ptr @PyLong_FromVoidPtr(ptr %a)
  %b.o = call ptr @PyLong_FromLongLong(i64 %b)
  %c.o = call ptr @PyLong_FromVoidPtr(ptr %c)
  %s1 = getelementptr i8, ptr %args, i64 8
  store ptr %a.o, ptr %s1
  %s2 = getelementptr i8, ptr %args, i64 16
  store ptr %b.o, ptr %s2
  %s3 = getelementptr i8, ptr %args, i64 24
  store ptr %c.o, ptr %s3
  %r = call ptr @PyObject_Vectorcall(ptr %callable, ptr %s1, i64 -9223372036854775805, ptr null)
  call void @Py_DecRef(ptr %a.o)
  call void @Py_DecRef(ptr %b.o)
  call void @Py_DecRef(ptr %c.o)
  %bad = icmp eq ptr %r, null
  br i1 %bad, label %error, label %read
read:
  %v = call i64 @PyLong_AsLongLong(ptr %r)
  call void @Py_DecRef(ptr %r)
  %v32 = trunc i64 %v to i32
  ret i32 %v32
error:
  ret i32 -1
}
"""


def _read() -> str:
    """Python integers as i32 and i64, signed or unsigned; -1 with an exception set if neither."""
    return """
define hidden i32 @wj_read_i32(ptr %o) #2 {
  %v = call i64 @PyLong_AsLongLong(ptr %o)
  %shifted = add i64 %v, 2147483648
  %fits = icmp ult i64 %shifted, 6442450944
  br i1 %fits, label %fine, label %bad, !prof !7
fine:
  %r = trunc i64 %v to i32
  ret i32 %r
bad:
  %set = call ptr @PyErr_Occurred()
  %clean = icmp eq ptr %set, null
  br i1 %clean, label %raise, label %done
raise:
  %class = load ptr, ptr @PyExc_OverflowError
  call void @PyErr_SetString(ptr %class, ptr @wj.range32)
  br label %done
done:
  ret i32 -1
}

define hidden i64 @wj_read_i64(ptr %o) #2 {
  %v = call i64 @PyLong_AsLongLong(ptr %o)
  %odd = icmp eq i64 %v, -1
  br i1 %odd, label %look, label %fine, !prof !6
fine:
  ret i64 %v
look:
  %set = call ptr @PyErr_Occurred()
  %clean = icmp eq ptr %set, null
  br i1 %clean, label %fine, label %error
error:
  %overflow = load ptr, ptr @PyExc_OverflowError
  %is = call i32 @PyErr_ExceptionMatches(ptr %overflow)
  %is.not = icmp eq i32 %is, 0
  br i1 %is.not, label %done, label %again
again:
  call void @PyErr_Clear()
  %index = call ptr @PyNumber_Index(ptr %o)
  %none = icmp eq ptr %index, null
  br i1 %none, label %done, label %unsigned
unsigned:
  %u = call i64 @PyLong_AsUnsignedLongLong(ptr %index)
  call void @Py_DecRef(ptr %index)
  %set2 = call ptr @PyErr_Occurred()
  %clean2 = icmp eq ptr %set2, null
  br i1 %clean2, label %whole, label %raise
whole:
  ret i64 %u
raise:
  call void @PyErr_Clear()
  call void @PyErr_SetString(ptr %overflow, ptr @wj.range64)
  br label %done
done:
  ret i64 -1
}

define hidden void @wj_bad_arity(i64 %want, i64 %got) #2 {
  %class = load ptr, ptr @PyExc_TypeError
  %r = call ptr (ptr, ptr, ...) @PyErr_Format(ptr %class, ptr @wj.arity, i64 %want, i64 %got)
  ret void
}
"""
