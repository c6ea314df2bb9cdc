"""The doors between Python and guest code, one pair per signature.

    @enter_<sig>   Python → guest: a METH_FASTCALL function whose `self` is the address of a VMFunc
    @raw_<sig>     host → guest with raw values in a buffer of 16-byte cells (results overwrite it)
    @host_<sig>    guest → Python: calls the callable of a VMHostFunc
    @hostraw_<sig> guest → Python through a buffer, for values that need conversion (references,
                   vectors, several results)

An entry saves the stack with setjmp; whatever ends the guest's run longjmps back to it.
"""

from typing import Final

from wadjet.core.types import F32, F64, I32, I64, FuncType, RefType, ValType
from wadjet.engine.contract.layout import CELL, VM_FUNC, VM_HOST_FUNC, VM_STORE
from wadjet.engine.contract.machine import (
    ACTIVATION_JUMP, ACTIVATION_SIZE, VM_ACTIVATION,
)  # fmt: skip
from wadjet.engine.emit.llvmtypes import in_memory, llvm_type, result_type, signature
from wadjet.engine.emit.tails import tail_entry


def is_plain(type_: FuncType) -> bool:
    """Whether Python values can be converted by machine code alone."""
    return not any(
        isinstance(t, RefType) or llvm_type(t).startswith("<")
        for t in (*type_.params, *type_.results)
    )


class _Text:
    """Lines of one function."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.count = 0

    def let(self, text: str) -> str:
        self.count += 1
        self.lines.append(f"%t{self.count} = {text}")
        return f"%t{self.count}"

    def add(self, text: str) -> None:
        self.lines.append(text)

    def label(self, name: str) -> None:
        self.lines.append(f"{name}:")

    def unless(self, ok: str, bad: str) -> None:
        """Go to `bad` where `ok` is false."""
        self.count += 1
        self.lines.append(
            f"br i1 {ok}, label %ok{self.count}, label %{bad}, !prof !7\nok{self.count}:"
        )

    def at(self, base: str, offset: int) -> str:
        return self.let(f"getelementptr i8, ptr {base}, i64 {offset}") if offset else base

    def load(self, type_: str, base: str, offset: int) -> str:
        return self.let(f"load {type_}, ptr {self.at(base, offset)}, align 4")

    def store(self, type_: str, value: str, base: str, offset: int) -> None:
        self.add(f"store {type_} {value}, ptr {self.at(base, offset)}, align 4")


#: value type → (C function that reads a Python object, its C type)
_READ: Final[dict[ValType, tuple[str, str]]] = {
    I32: ("wj_read_i32", "i32"),
    I64: ("wj_read_i64", "i64"),
    F32: ("PyFloat_AsDouble", "double"),
    F64: ("PyFloat_AsDouble", "double"),
}
_MAKE: Final[dict[ValType, tuple[str, str]]] = {
    I32: ("PyLong_FromLongLong", "i64"),
    I64: ("PyLong_FromLongLong", "i64"),
    F32: ("PyFloat_FromDouble", "double"),
    F64: ("PyFloat_FromDouble", "double"),
}


def _from_python(t: _Text, type_: ValType, object_: str, bad: str) -> str:
    """Convert a Python object to a number; go to `bad` with the exception set."""
    function, c_type = _READ[type_]
    value = t.let(f"call {c_type} @{function}(ptr {object_})")
    t.count += 1
    here = t.count
    compare = "fcmp oeq" if c_type == "double" else "icmp eq"
    minus = "-1.0" if c_type == "double" else "-1"
    odd = t.let(f"{compare} {c_type} {value}, {minus}")
    t.add(f"br i1 {odd}, label %odd{here}, label %fine{here}, !prof !6")
    t.label(f"odd{here}")
    error = t.let("call ptr @PyErr_Occurred()")
    clean = t.let(f"icmp eq ptr {error}, null")
    t.add(f"br i1 {clean}, label %fine{here}, label %{bad}")
    t.label(f"fine{here}")
    return t.let(f"fptrunc double {value} to float") if type_ is F32 else value


def _to_python(t: _Text, type_: ValType, value: str) -> str:
    """A new Python object from a number (null if memory ran out)."""
    function, c_type = _MAKE[type_]
    if type_ is I32:
        value = t.let(f"sext i32 {value} to i64")
    elif type_ is F32:
        value = t.let(f"fpext float {value} to double")
    return t.let(f"call ptr @{function}({c_type} {value})")


def _guarded_call(t: _Text, type_: FuncType, func: str, args: list[str]) -> str:
    """Enter the guest: activation, setjmp, call, leave. Ends in the block after the call;
    failures have returned `null` already (@raw: the same, as a pointer)."""
    context = t.load("ptr", func, VM_FUNC["context"])
    code = t.load("ptr", func, VM_FUNC["code"])
    refused = t.let(f"call i32 @wj_enter(ptr %act, ptr {func})")
    t.unless(t.let(f"icmp eq i32 {refused}, 0"), "bad")
    jump = t.at("%act", ACTIVATION_JUMP)
    again = t.let(f"call i32 @_setjmp(ptr {jump}) #3")
    t.unless(t.let(f"icmp eq i32 {again}, 0"), "failed")
    typed = [f"{llvm_type(p)} {a}" for p, a in zip(type_.params, args, strict=True)]
    result = result_type(type_.results)
    first = [f"ptr {context}", "ptr %out"] if in_memory(type_.results) else [f"ptr {context}"]
    call = f"call {result} {code}({', '.join([*first, *typed])})"
    value = ""
    if result != "void":
        value = t.let(call)
    else:
        t.add(call)
    store = t.load("ptr", "%act", VM_ACTIVATION["store"])
    thrown = t.load("i64", store, VM_STORE["exception"])
    t.unless(t.let(f"icmp eq i64 {thrown}, 0"), "thrown")
    t.add("call void @wj_leave(ptr %act)")
    return value


def _parts(t: _Text, type_: FuncType, value: str) -> list[str]:
    """The single results inside an LLVM result."""
    if in_memory(type_.results):
        return [t.load(llvm_type(r), "%out", CELL * k) for k, r in enumerate(type_.results)]
    if len(type_.results) == 1:
        return [value]
    result = result_type(type_.results)
    return [t.let(f"extractvalue {result} {value}, {k}") for k in range(len(type_.results))]


_FAIL: Final = """thrown:
call void @wj_thrown(ptr %act)
ret ptr null
failed:
call void @wj_fail(ptr %act)
ret ptr null
bad:
ret ptr null
}"""


def enter(type_: FuncType) -> str:
    """`PyObject *enter(self, args, nargs)`: what Python calls for a plain signature."""
    t = _Text()
    t.add(f"define hidden ptr @enter_{signature(type_)}(ptr %self, ptr %args, i64 %n) #2 {{")
    t.label("entry")
    t.add(f"%act = alloca [{ACTIVATION_SIZE} x i8], align 16")
    t.add(f"%out = alloca [{CELL * len(type_.results)} x i8], align 16")
    right = t.let(f"icmp eq i64 %n, {len(type_.params)}")
    t.unless(right, "arity")
    func = t.let("call ptr @PyLong_AsVoidPtr(ptr %self)")
    args = []
    for k, p in enumerate(type_.params):
        args.append(_from_python(t, p, t.load("ptr", "%args", 8 * k), "bad"))
    value = _guarded_call(t, type_, func, args)
    _return_python(t, type_, value)
    t.label("arity")
    t.add(f"call void @wj_bad_arity(i64 {len(type_.params)}, i64 %n)")
    t.add("ret ptr null")
    return "\n".join([*t.lines, _FAIL])


def _return_python(t: _Text, type_: FuncType, value: str) -> None:
    if not type_.results:
        t.add("call void @Py_IncRef(ptr @_Py_NoneStruct)")
        t.add("ret ptr @_Py_NoneStruct")
    elif len(type_.results) == 1:
        t.add(f"ret ptr {_to_python(t, type_.results[0], value)}")
    else:
        tuple_ = t.let(f"call ptr @PyTuple_New(i64 {len(type_.results)})")
        t.unless(t.let(f"icmp ne ptr {tuple_}, null"), "bad")
        for k, (r, part) in enumerate(zip(type_.results, _parts(t, type_, value), strict=True)):
            item = _to_python(t, r, part)
            t.unless(t.let(f"icmp ne ptr {item}, null"), "bad")
            t.let(f"call i32 @PyTuple_SetItem(ptr {tuple_}, i64 {k}, ptr {item})")
        t.add(f"ret ptr {tuple_}")


def raw(type_: FuncType) -> str:
    """`void *raw(func, cells)`: call with raw values; null if a Python exception is set."""
    t = _Text()
    t.add(f"define hidden ptr @raw_{signature(type_)}(ptr %func, ptr %cells) #2 {{")
    t.label("entry")
    t.add(f"%act = alloca [{ACTIVATION_SIZE} x i8], align 16")
    t.add(f"%out = alloca [{CELL * len(type_.results)} x i8], align 16")
    args = [t.load(llvm_type(p), "%cells", CELL * k) for k, p in enumerate(type_.params)]
    value = _guarded_call(t, type_, "%func", args)
    if type_.results:
        for k, (r, part) in enumerate(zip(type_.results, _parts(t, type_, value), strict=True)):
            t.store(llvm_type(r), part, "%cells", CELL * k)
    t.add("ret ptr %cells")
    return "\n".join([*t.lines, _FAIL])


# --- guest → Python ------------------------------------------------------------------------------


def _outside(kind: str, type_: FuncType, inner: str) -> str:
    """`@<kind>_<sig>`: what the guest calls. Takes its operands to `inner`, which runs on the
    thread's own stack, in a buffer of cells, where it finds the results."""
    t = _Text()
    params = [f"{llvm_type(p)} %p{k}" for k, p in enumerate(type_.params)]
    result, results = result_type(type_.results), type_.results
    first = ["ptr %host", "ptr %out"] if in_memory(results) else ["ptr %host"]
    name = f"{kind}_{signature(type_)}"
    t.add(f"define hidden {result} @{name}({', '.join([*first, *params])}) #2 {{")
    t.label("entry")
    room = CELL * max(len(type_.params), len(results), 1)
    t.add(f"%cells = alloca [{room} x i8], align 16")
    for k, p in enumerate(type_.params):
        if kind == "hostraw":
            t.add(f"store [2 x i64] zeroinitializer, ptr {t.at('%cells', CELL * k)}, align 16")
        t.store(llvm_type(p), f"%p{k}", "%cells", CELL * k)
    t.add(f"call void @wj_call_host(ptr @{inner}, ptr %host, ptr %cells)")
    values = [t.load(llvm_type(r), "%cells", CELL * k) for k, r in enumerate(results)]
    if in_memory(results):
        for k, (r, v) in enumerate(zip(results, values, strict=True)):
            t.store(llvm_type(r), v, "%out", CELL * k)
        values = []
    if not values:
        t.add("ret void")
    elif len(values) == 1:
        t.add(f"ret {result} {values[0]}")
    else:
        aggregate = "poison"
        for k, (r, v) in enumerate(zip(results, values, strict=True)):
            aggregate = t.let(f"insertvalue {result} {aggregate}, {llvm_type(r)} {v}, {k}")
        t.add(f"ret {result} {aggregate}")
    return "\n".join([*t.lines, "}"])


def host(type_: FuncType) -> str:
    """A host function with a plain signature: numbers in, at most one number out."""
    t = _Text()
    count, inner = len(type_.params), f"hostin_{signature(type_)}"
    t.add(f"define hidden i32 @{inner}(ptr %host, ptr %cells) #2 {{")
    t.label("entry")
    array = "%objects"
    t.add(f"{array} = alloca [{count + 1} x ptr], align 16")
    objects = []
    for k, p in enumerate(type_.params):
        item = _to_python(t, p, t.load(llvm_type(p), "%cells", CELL * k))
        t.unless(t.let(f"icmp ne ptr {item}, null"), "wrong")
        objects.append(item)
        t.store("ptr", item, array, 8 * (k + 1))
    callable_ = t.load("ptr", "%host", VM_HOST_FUNC["callable"])
    # PY_VECTORCALL_ARGUMENTS_OFFSET: the callee may use the word before the arguments
    first = t.at(array, 8)
    flag = count - (1 << 63)
    answer = t.let(
        f"call ptr @PyObject_Vectorcall(ptr {callable_}, ptr {first}, i64 {flag}, ptr null)"
    )
    for item in objects:
        t.add(f"call void @Py_DecRef(ptr {item})")
    t.unless(t.let(f"icmp ne ptr {answer}, null"), "wrong")
    if type_.results:
        value = _from_python(t, type_.results[0], answer, "misfit")
        t.store(llvm_type(type_.results[0]), value, "%cells", 0)
    t.add(f"call void @Py_DecRef(ptr {answer})")
    t.add("ret i32 0")
    if type_.results:
        t.label("misfit")
        t.add(f"call void @Py_DecRef(ptr {answer})")
        t.add("br label %wrong")
    t.label("wrong")
    t.add("ret i32 -1")
    return "\n".join([*t.lines, "}", _outside("host", type_, inner)])


def host_raw(type_: FuncType) -> str:
    """A host function of any signature: Python converts, through the buffer of cells."""
    return _outside("hostraw", type_, "wj_host_raw")


def doors_in(type_: FuncType) -> str:
    """The doors of one signature from Python to guests, as one LLVM module's text."""
    parts = [enter(type_)] if is_plain(type_) else []
    return "\n".join([_DECLARATIONS, raw(type_), *parts, _TRAILER])


def doors_out(type_: FuncType) -> str:
    """The doors of one signature from guests to Python, as one LLVM module's text."""
    if is_plain(type_) and len(type_.results) <= 1:
        kind, text = "host", host(type_)
    else:
        kind, text = "hostraw", host_raw(type_)
    return "\n".join([_DECLARATIONS, text, _host_tail_entry(kind, type_), _TRAILER])


def _host_tail_entry(kind: str, type_: FuncType) -> str:
    """`@<kind>tail_<sig>`: the same host function for those who call it in the tail position."""
    key = signature(type_)
    return tail_entry(f"@{kind}tail_{key}", type_, "%host", f"@{kind}_{key}", "#2")


_DECLARATIONS: Final = """
@_Py_NoneStruct = external global i8
declare i32 @wj_enter(ptr, ptr)
declare void @wj_leave(ptr)
declare void @wj_fail(ptr)
declare void @wj_thrown(ptr)
declare void @wj_call_host(ptr, ptr, ptr)
declare i32 @wj_host_raw(ptr, ptr)
declare void @wj_bad_arity(i64, i64)
declare i32 @wj_read_i32(ptr)
declare i64 @wj_read_i64(ptr)
declare i32 @_setjmp(ptr) returns_twice
declare ptr @PyErr_Occurred()
declare ptr @PyLong_AsVoidPtr(ptr)
declare ptr @PyLong_FromLongLong(i64)
declare ptr @PyFloat_FromDouble(double)
declare double @PyFloat_AsDouble(ptr)
declare ptr @PyTuple_New(i64)
declare i32 @PyTuple_SetItem(ptr, i64, ptr)
declare ptr @PyObject_Vectorcall(ptr, ptr, i64, ptr)
declare void @Py_IncRef(ptr)
declare void @Py_DecRef(ptr)
"""

_TRAILER: Final = """
attributes #2 = { nounwind "frame-pointer"="all" }
attributes #3 = { returns_twice }
!6 = !{!"branch_weights", i32 1, i32 2000}
!7 = !{!"branch_weights", i32 2000, i32 1}
"""
