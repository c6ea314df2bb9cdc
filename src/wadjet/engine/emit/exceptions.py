"""Exceptions (spec 4.6.8, throw, try_table), and the legacy try, catch, delegate, rethrow.

An exception on its way stands in `VMStore.exception`. After every call a function looks there: if
something is on its way, control goes to the innermost handler around the call, or out of the
function. That costs a compare per call and nothing else; throwing through ten frames is ten
returns. Modules in which no exception can turn up are compiled without (`Settings.exceptions`).
"""

from typing import Final, cast

from wadjet.core.body import Catch
from wadjet.core.opcodes import Op
from wadjet.core.types import FuncType
from wadjet.engine.contract.heap import exception_layout
from wadjet.engine.contract.layout import VM_CONTEXT, VM_STORE
from wadjet.engine.contract.traps import TrapCode
from wadjet.engine.emit.control import branch, close_frame, fall_out, open_frame
from wadjet.engine.emit.function import Edge, Emit, Frame, FunctionEmitter
from wadjet.engine.emit.llvmtypes import llvm_type
from wadjet.engine.emit.objects import allocate


class Handler:
    """A place where exceptions are caught: the edges that lead there, and what it looks for."""

    def __init__(self, label: str, catches: tuple[Catch, ...]) -> None:
        self.label = label
        self.catches = catches
        self.edges: list[Edge] = []
        #: legacy: the exception while a catch block of this try runs
        self.caught: str | None = None
        #: legacy: outside the try's own body the handler does not apply
        self.open = True


def after_call(e: FunctionEmitter) -> None:
    """Go to the handler if the call just made came back with an exception on its way."""
    if not e.unit.settings.exceptions:
        return
    store = e.hoist("store", "%ctx", VM_CONTEXT["store"])
    word = e.word("i64", store, VM_STORE["exception"])
    none = e.let(f"icmp eq i64 {word}, 0")
    after = e.label("ok")
    e.emit(f"br i1 {none}, label %{after}, label %{_unwind_label(e)}, !prof !7")
    e.start(after)


def _handler(e: FunctionEmitter, outside: Frame | None = None) -> Handler | None:
    """The innermost handler in force; with `outside`, the one around that frame."""
    frames = e.frames if outside is None else e.frames[: e.frames.index(outside)]
    for frame in reversed(frames):
        if isinstance(frame.extra, Handler) and frame.extra.open:
            return frame.extra
    return None


def _unwind_label(e: FunctionEmitter, outside: Frame | None = None) -> str:
    """Where an exception on its way goes from the current block (an edge is recorded)."""
    handler = _handler(e, outside)
    if handler is None:
        return e.propagate()
    handler.edges.append(e.edge([]))
    return handler.label


def _raise(e: FunctionEmitter, word: str, outside: Frame | None = None) -> None:
    """Send an exception on its way."""
    store = e.hoist("store", "%ctx", VM_CONTEXT["store"])
    slot = e.let(f"getelementptr i8, ptr {store}, i64 {VM_STORE['exception']}")
    e.emit(f"store i64 {word}, ptr {slot}, align 8, !tbaa !4")
    e.goto(_unwind_label(e, outside))


def tag_type(e: FunctionEmitter, tag: int) -> FuncType:
    """The type of a tag."""
    comp = e.unit.valid.types[e.unit.module.tag_types()[tag].type].comp
    assert isinstance(comp, FuncType)
    return comp


def throw(e: FunctionEmitter, imm: object, i: int, tag: str = "") -> None:
    """Make an exception and send it on its way; `tag` is the value of its tag, if that is there."""
    _raise(e, new_exception(e, cast(int, imm), tag))


def new_exception(e: FunctionEmitter, tag: int, value: str = "") -> str:
    """Make an exception of the operands on the stack, with the value of its tag if that is there.
    What is left is the word that stands for it."""
    type_ = tag_type(e, tag)
    layout = exception_layout(type_)
    payload = e.pops(len(type_.params))
    vm_tag = value or e.fixed("i64", "%ctx", e.unit.layout("tags", tag))
    word = allocate(e, vm_tag, str(layout.size))
    pointer = e.let(f"inttoptr i64 {word} to ptr")
    for offset, t, value in zip(layout.offsets, type_.params, payload, strict=True):
        slot = e.let(f"getelementptr i8, ptr {pointer}, i64 {offset}")
        e.emit(f"store {llvm_type(t)} {value}, ptr {slot}, align 4, !tbaa !8")
    return word


def _throw_ref(e: FunctionEmitter, imm: object, i: int) -> None:
    word = e.pop()
    e.unless(e.let(f"icmp ne i64 {word}, 0"), TrapCode.NULL_EXCEPTION)
    _raise(e, word)


def _try_table(e: FunctionEmitter, imm: object, i: int) -> None:
    block, catches = cast(tuple[object, tuple[Catch, ...]], imm)
    frame = open_frame(e, Op.TRY_TABLE, block, i)
    frame.extra = Handler(e.label("catch"), catches)
    frame.finish = _end_try_table


def _end_try_table(e: FunctionEmitter, frame: Frame) -> None:
    """At the `end`: the handler first (it branches outwards), then the join after the block."""
    handler = frame.extra
    assert isinstance(handler, Handler)
    fall_out(e, frame)
    if handler.edges:
        _dispatch(e, handler)
    close_frame(e, frame)


def _dispatch(e: FunctionEmitter, handler: Handler) -> None:
    """Compare the exception with each clause in turn; what no clause wants goes on outwards.

    The frame is closed already, so labels count from the block around it, as the standard says.
    """
    e.join(handler.edges, handler.label, ())
    word = _take(e)
    for clause in handler.catches:
        after = e.label("other")
        if clause.tag is not None:
            hit = e.label("hit")
            e.emit(f"br i1 {_is_tag(e, word, clause.tag)}, label %{hit}, label %{after}")
            e.start(hit)
        values = [] if clause.tag is None else _payload(e, word, tag_type(e, clause.tag))
        if clause.kind in (1, 3):
            values.append(word)
        e.goto(branch(e, clause.label, values))
        if clause.tag is None:
            return
        e.start(after)
    _raise(e, word)


def _take(e: FunctionEmitter) -> str:
    """The exception on its way, which is caught now."""
    store = e.hoist("store", "%ctx", VM_CONTEXT["store"])
    slot = e.let(f"getelementptr i8, ptr {store}, i64 {VM_STORE['exception']}")
    word = e.let(f"load i64, ptr {slot}, align 8, !tbaa !4")
    e.emit(f"store i64 0, ptr {slot}, align 8, !tbaa !4")
    return word


def _is_tag(e: FunctionEmitter, word: str, tag: int) -> str:
    pointer = e.let(f"inttoptr i64 {word} to ptr")
    actual = e.let(f"load i64, ptr {pointer}, align 8, !tbaa !8")
    wanted = e.fixed("i64", "%ctx", e.unit.layout("tags", tag))
    return e.let(f"icmp eq i64 {actual}, {wanted}")


def _payload(e: FunctionEmitter, word: str, type_: FuncType) -> list[str]:
    layout = exception_layout(type_)
    pointer = e.let(f"inttoptr i64 {word} to ptr")
    values = []
    for offset, t in zip(layout.offsets, type_.params, strict=True):
        slot = e.let(f"getelementptr i8, ptr {pointer}, i64 {offset}")
        values.append(e.let(f"load {llvm_type(t)}, ptr {slot}, align 4, !tbaa !8"))
    return values


# --- legacy --------------------------------------------------------------------------------------


def _try(e: FunctionEmitter, imm: object, i: int) -> None:
    frame = open_frame(e, Op.TRY, imm, i)
    frame.extra = Handler(e.label("catch"), ())
    frame.finish = _end_try


def _catch(e: FunctionEmitter, imm: object, i: int) -> None:
    tag = cast(int, imm)
    handler = _next_clause(e)
    assert handler.caught is not None
    hit, other = e.label("hit"), e.label("other")
    flag = _is_tag(e, handler.caught, tag)
    e.emit(f"br i1 {flag}, label %{hit}, label %{other}")
    assert e.block is not None
    handler.edges = [(e.block, e.locals[:], [])]
    handler.label = other
    e.start(hit)
    e.stack.extend(_payload(e, handler.caught, tag_type(e, tag)))


def _catch_all(e: FunctionEmitter, imm: object, i: int) -> None:
    handler = _next_clause(e)
    handler.edges = []


def _next_clause(e: FunctionEmitter) -> Handler:
    """Leave the try's body or the clause before; begin the next where unmatched exceptions come."""
    frame = e.frames[-1]
    handler = frame.extra
    assert isinstance(handler, Handler)
    fall_out(e, frame)
    del e.stack[frame.height :]
    e.join(handler.edges, handler.label, ())
    if handler.open:
        handler.open = False
        handler.caught = _take(e)
    return handler


def _end_try(e: FunctionEmitter, frame: Frame) -> None:
    """The end of a legacy try: what no clause wanted goes on outwards."""
    handler = frame.extra
    assert isinstance(handler, Handler)
    fall_out(e, frame)
    if handler.edges:
        e.join(handler.edges, handler.label, ())
        if handler.caught is None:
            e.goto(_unwind_label(e))  # still on its way: there was no clause at all
        else:
            _raise(e, handler.caught)
    close_frame(e, frame)


def _delegate(e: FunctionEmitter, imm: object, i: int) -> None:
    depth = cast(int, imm)
    frame = e.frames.pop()
    handler = frame.extra
    assert isinstance(handler, Handler)
    fall_out(e, frame)
    if handler.edges:
        e.join(handler.edges, handler.label, ())
        e.goto(_unwind_label(e, e.frames[-depth] if depth else None))
    close_frame(e, frame)


def _rethrow(e: FunctionEmitter, imm: object, i: int) -> None:
    handler = e.frames[-1 - cast(int, imm)].extra
    assert isinstance(handler, Handler)
    assert handler.caught is not None
    _raise(e, handler.caught)


EXCEPTIONS: Final[dict[int, Emit]] = {
    Op.THROW: throw,
    Op.THROW_REF: _throw_ref,
    Op.TRY_TABLE: _try_table,
    Op.TRY: _try,
    Op.CATCH: _catch,
    Op.CATCH_ALL: _catch_all,
    Op.DELEGATE: _delegate,
    Op.RETHROW: _rethrow,
}
