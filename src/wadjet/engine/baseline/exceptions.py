"""Exceptions (spec 4.6.8) and the legacy try, in baseline code: see `emit.exceptions` for how they
travel. Making one is a row; catching is a few compares."""

from typing import TYPE_CHECKING, Final, cast

from wadjet.core.body import Catch
from wadjet.core.opcodes import Op
from wadjet.core.types import EXNREF, F32, I32, V128
from wadjet.engine.baseline.branches import branch, stop
from wadjet.engine.baseline.frame import CONTEXT
from wadjet.engine.baseline.function import Block, Catcher, FunctionCompiler
from wadjet.engine.baseline.x86 import (
    NE, R10, R11, RAX, RDI, RDX, XMM0, at, copy_vector, int32, rm, to_frame,
)  # fmt: skip
from wadjet.engine.contract.heap import exception_layout
from wadjet.engine.contract.layout import VM_CONTEXT, VM_STORE

if TYPE_CHECKING:
    from wadjet.engine.emit.function import FunctionEmitter

_EXCEPTION: Final = VM_STORE["exception"]


def _store(c: FunctionCompiler) -> None:
    """The store, to r10."""
    c.code += rm(b"\x8b", RAX, CONTEXT, 1) + at(b"\x8b", R10, RAX, VM_CONTEXT["store"], 1)


def _take(c: FunctionCompiler) -> None:
    """The exception on its way, which is caught now, to r11."""
    _store(c)
    text = at(b"\x8b", R11, R10, _EXCEPTION, 1) + at(b"\xc7", 0, R10, _EXCEPTION, 1) + int32(0)
    c.code += text


def _send(c: FunctionCompiler, label: int) -> None:
    """The exception in r11 is on its way."""
    _store(c)
    c.code += at(b"\x89", R11, R10, _EXCEPTION, 1)
    c.jump(label)


def _is_tag(c: FunctionCompiler, tag: int, other: int) -> None:
    """Go elsewhere unless the exception in r11 has this tag."""
    text = rm(b"\x8b", RAX, CONTEXT, 1) + at(b"\x8b", RAX, RAX, c.home.layout("tags", tag), 1)
    c.code += text + at(b"\x3b", RAX, R11, 0, 1)
    c.jump_if(NE, other)


def _payload(c: FunctionCompiler, tag: int) -> None:
    """Push what the exception in r11 carries."""
    type_ = c.home.tag_type(tag)
    for offset, t in zip(exception_layout(type_).offsets, type_.params, strict=True):
        place = c.slots[len(c.stack)]
        if t is V128:
            c.needs_vectors()
            c.code += at(b"\x0f\x10", XMM0, R11, offset) + copy_vector(place, XMM0)
        else:
            wide = int(t is not I32 and t is not F32)
            c.code += at(b"\x8b", RAX, R11, offset, wide) + to_frame(place, RAX)
        c.stack.append(place)


def _push_word(c: FunctionCompiler) -> None:
    place = c.slots[len(c.stack)]
    c.code += to_frame(place, R11)
    c.stack.append(place)


# --- throwing ------------------------------------------------------------------------------------


def _thrown(e: "FunctionEmitter", imm: object, i: int) -> None:
    """A throw, in a row for all tags that carry the same."""
    from wadjet.engine.emit.exceptions import throw
    from wadjet.engine.emit.rows import GIVEN

    throw(e, imm, i, GIVEN)


def _throw(c: FunctionCompiler, imm: object, i: int) -> None:
    tag = cast(int, imm)
    given = at(b"\x8b", RDX, RDI, c.home.layout("tags", tag), 1)
    c.home.row(c, i, _thrown, (c.home.tag_type(tag).params, (), ()), given)
    c.jump(c.handler_label())
    stop(c)


def _throw_ref(c: FunctionCompiler, imm: object, i: int) -> None:
    c.home.row(c, i, effect=((EXNREF,), (), ()))
    c.jump(c.handler_label())
    stop(c)


def _rethrow(c: FunctionCompiler, imm: object, i: int) -> None:
    catcher = c.blocks[-1 - cast(int, imm)].catcher
    assert catcher is not None, "a valid label is that of a catch block"
    c.code += rm(b"\x8b", R11, catcher.caught, 1)
    _send(c, c.handler_label())
    stop(c)


# --- catching ------------------------------------------------------------------------------------


def close_handler(c: FunctionCompiler, block: Block, catcher: Catcher) -> None:
    """At the end of a block that catches, which is no longer open."""
    if not catcher.used:
        return
    if c.live:
        c.jump(block.label)
    c.settle(block.height)
    c.place(catcher.label)
    if catcher.caught:
        c.code += rm(b"\x8b", R11, catcher.caught, 1)
    elif catcher.catches:
        _take(c)
    else:  # there was no clause at all: it is still on its way
        c.jump(c.handler_label())
        return
    for clause in catcher.catches:
        other = c.label()
        if clause.tag is not None:
            _is_tag(c, clause.tag, other)
            _payload(c, clause.tag)
        if clause.kind in (1, 3):
            _push_word(c)
        branch(c, clause.label)
        c.settle(block.height)
        if clause.tag is None:
            return
        c.place(other)
    _send(c, c.handler_label())


def _catch(c: FunctionCompiler, imm: object, i: int) -> None:
    catcher = _next_clause(c)
    catcher.label = c.label()
    catcher.used = True
    _is_tag(c, cast(int, imm), catcher.label)
    _payload(c, cast(int, imm))


def _catch_all(c: FunctionCompiler, imm: object, i: int) -> None:
    _next_clause(c).used = False


def _next_clause(c: FunctionCompiler) -> Catcher:
    """Leave the try's body or the clause before; begin the next, with the exception in r11."""
    block = c.blocks[-1]
    catcher = block.catcher
    assert catcher is not None, "a catch belongs to a try"
    if c.live:
        c.flush(block.height)
        c.jump(block.label)
    c.settle(block.height)
    c.live = True
    c.place(catcher.label)
    if catcher.is_open:
        catcher.is_open = False
        catcher.caught = c.frame.keep()
        _take(c)
        c.code += to_frame(catcher.caught, R11)
    else:
        c.code += rm(b"\x8b", R11, catcher.caught, 1)
    return catcher


def _delegate(c: FunctionCompiler, imm: object, i: int) -> None:
    block = c.blocks.pop()
    catcher = block.catcher
    assert catcher is not None, "delegate belongs to a try"
    if c.live:
        c.flush(block.height)
        if catcher.used:
            c.jump(block.label)
    if catcher.used:
        c.place(catcher.label)
        c.jump(c.handler_label(len(c.blocks) - cast(int, imm)))
    c.place(block.label)
    c.settle(block.height + len(block.results))
    c.live = True


def begin(c: FunctionCompiler, block: Block, catches: tuple[Catch, ...]) -> None:
    """A block catches exceptions from now on."""
    block.catcher = Catcher(c.label(), catches)


EXCEPTIONS: Final = {
    Op.THROW: _throw,
    Op.THROW_REF: _throw_ref,
    Op.RETHROW: _rethrow,
    Op.CATCH: _catch,
    Op.CATCH_ALL: _catch_all,
    Op.DELEGATE: _delegate,
}
