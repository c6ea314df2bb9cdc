"""Stack switching: making, resuming, suspending and switching continuations.

The instructions that leave a fiber are SWITCH steps: when they act, the frame that executed them
is the last of its fiber, with the operands still on its stack.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

from wadjet.core.body import Handler
from wadjet.core.opcodes import Op
from wadjet.core.types import ContType, DefType, FuncType
from wadjet.engine.contract.traps import TrapCode, failure
from wadjet.engine.gc.heap import Heap
from wadjet.engine.runtime.exceptions import Thrown
from wadjet.engine.runtime.tag import Tag
from wadjet.engine.tiers.interpreter.fibers import Continuation, Fiber, Handlers, keep
from wadjet.engine.tiers.interpreter.preparation import Preparation, Rule
from wadjet.engine.tiers.interpreter.references import require
from wadjet.engine.tiers.interpreter.steps import SWITCH
from wadjet.engine.tiers.interpreter.unit import Plain, Unit, Work

if TYPE_CHECKING:
    from wadjet.engine.tiers.interpreter.run import Run

#: What a SWITCH step does.
Act = Callable[["Run"], None]


def _func_type(unit: Unit, index: int) -> FuncType:
    """The function type behind a continuation type."""
    comp = unit.instance.types[index].comp
    assert isinstance(comp, ContType), "a valid index names a continuation type"
    return _func_of(comp)


def _func_of(comp: ContType) -> FuncType:
    assert isinstance(comp.func, DefType), "types are closed"
    func = comp.func.comp
    assert isinstance(func, FuncType), "continuations are of functions"
    return func


# --- making --------------------------------------------------------------------------------------


def _new(unit: Unit, _type: int) -> Work:
    def new(word: int) -> int:
        callee = unit.callee_at(require(word, TrapCode.NULL_FUNCTION))
        fiber = Fiber()
        return keep(unit.heap, Continuation(fiber, fiber, callee, []))

    return new


def _bind(unit: Unit, _types: tuple[int, int]) -> Work:
    def bind(*operands: int) -> int:
        *args, word = operands
        old = _continuation(unit.heap, word)
        made = keep(unit.heap, Continuation(old.top, old.root, old.callee, old.args + args))
        old.take()  # last, since there may be no room
        return made

    return bind


def _bound(unit: Unit, types: tuple[int, int]) -> int:
    """How many operands cont.bind takes: the arguments that the new type lacks, and the old."""
    old, new = (len(_func_type(unit, index).params) for index in types)
    return old - new + 1


def _continuation(heap: Heap, word: int) -> Continuation:
    """What a contref refers to; traps if it is null."""
    found = heap.thing(require(word, TrapCode.NULL_CONTINUATION))
    assert isinstance(found, Continuation), "a contref refers to a continuation"
    return found


# --- going in and out ----------------------------------------------------------------------------


def _pop(stack: list[int], count: int) -> list[int]:
    at = len(stack) - count
    values = stack[at:]
    del stack[at:]
    return values


def _enter(run: "Run", continuation: Continuation, handlers: Handlers) -> None:
    """Make its fibers the current ones, on top of the fiber that runs."""
    fibers = continuation.fibers()
    if sum(fiber.used for fiber in fibers) > run.room:
        raise failure(TrapCode.STACK_EXHAUSTED)
    for fiber in fibers:
        fiber.base = run.room
        run.room -= fiber.used
    continuation.root.parent = run.fiber
    continuation.root.handlers = handlers
    run.fiber = continuation.top


def _go_on(run: "Run", continuation: Continuation, args: list[int]) -> None:
    """Give its innermost frame what it waits for; the first time, that frame must be made."""
    values = continuation.args + args
    if continuation.callee is not None:
        run.fiber.frames.append(run.frame(continuation.callee, values))
    else:
        run.fiber.frames[-1][3].extend(values)


def _leave(run: "Run", tag: Tag, switch: bool) -> Fiber:
    """Take the fibers out to the one whose resume handles the tag off the current ones; that one
    is returned. Traps where there is none."""
    root = run.fiber
    while not any(t is tag and (block is None) == switch for t, block in root.handlers):
        if root.parent is None:
            raise failure(TrapCode.UNHANDLED_TAG)
        root = root.parent
    level, fiber = run.room, run.fiber
    while True:
        fiber.used, level = fiber.base - level, fiber.base
        parent = fiber.parent
        assert parent is not None, "the outermost fiber has no handlers"
        if fiber is root:
            break
        fiber = parent
    run.room, run.fiber, root.parent = level, parent, None
    return root


# --- the instructions ----------------------------------------------------------------------------


def _suspension(tag: Tag, arity: int, heap: Heap) -> Act:
    def suspend(run: "Run") -> None:
        run.make_room()
        top = run.fiber
        root = _leave(run, tag, switch=False)
        args = _pop(top.frames[-1][3], arity)
        block = next(b for t, b in root.handlers if t is tag and b is not None)
        callee, _, locals_, stack = run.fiber.frames.pop()
        stack += args
        stack.append(keep(heap, Continuation(top, root, None, [])))
        run.fiber.frames.append((callee, block, locals_, stack))

    return suspend


def _resumption(arity: int, handlers: Handlers, heap: Heap) -> Act:
    def resume(run: "Run") -> None:
        stack = run.fiber.frames[-1][3]
        continuation = _continuation(heap, stack.pop()).take()
        args = _pop(stack, arity)
        _enter(run, continuation, handlers)
        _go_on(run, continuation, args)

    return resume


def _throwing(make: Callable[[list[int]], Thrown], handlers: Handlers, heap: Heap) -> Act:
    """Resume with an exception, which `make` takes off the stack."""

    def resume_throw(run: "Run") -> None:
        stack = run.fiber.frames[-1][3]
        word = stack.pop()
        error = make(stack)
        continuation = _continuation(heap, word).take()
        _enter(run, continuation, handlers)
        run.unwind(error)

    return resume_throw


def _switching(tag: Tag, arity: int, heap: Heap) -> Act:
    def switch(run: "Run") -> None:
        run.make_room()
        top = run.fiber
        stack = top.frames[-1][3]
        target = _continuation(heap, stack.pop()).take()
        args = _pop(stack, arity)
        root = _leave(run, tag, switch=True)
        args.append(keep(heap, Continuation(top, root, None, [])))
        _enter(run, target, root.handlers)
        _go_on(run, target, args)

    return switch


def _handlers(p: Preparation, clauses: tuple[Handler, ...]) -> Handlers:
    """Tags and where they lead. The stack is as it will be under the arguments of the tag."""
    found: Handlers = []
    for index, label in clauses:
        values = p.unit.tag_arity(index) + 1
        block = None if label is None else p.branch(label, p.height + values)
        found.append((p.unit.instance.tags[index], block))
    return found


def _emit(p: Preparation, act: Act, results: int) -> None:
    """Add a SWITCH step; the walk goes on in a new block, with the results on the stack."""
    after = p.new_block()
    p.emit(SWITCH, act, after)
    p.block = after
    p.height += results


def _suspend(p: Preparation, _i: int, index: int) -> None:
    tag, arity = p.unit.instance.tags[index], p.unit.tag_arity(index)
    p.height -= arity
    comp = tag.deftype.comp
    assert isinstance(comp, FuncType), "a tag has a function type"
    _emit(p, _suspension(tag, arity, p.unit.heap), len(comp.results))


def _resume(p: Preparation, _i: int, imm: tuple[int, tuple[Handler, ...]]) -> None:
    type_ = _func_type(p.unit, imm[0])
    p.height -= len(type_.params) + 1
    act = _resumption(len(type_.params), _handlers(p, imm[1]), p.unit.heap)
    _emit(p, act, len(type_.results))


def _resume_throw(p: Preparation, _i: int, imm: tuple[int, int, tuple[Handler, ...]]) -> None:
    index, tag_index, clauses = imm
    tag, arity = p.unit.instance.tags[tag_index], p.unit.tag_arity(tag_index)
    p.height -= arity + 1
    act = _throwing(
        lambda stack: Thrown(tag, _pop(stack, arity)), _handlers(p, clauses), p.unit.heap
    )
    _emit(p, act, len(_func_type(p.unit, index).results))


def _resume_throw_ref(p: Preparation, _i: int, imm: tuple[int, tuple[Handler, ...]]) -> None:
    heap = p.unit.heap

    def take(stack: list[int]) -> Thrown:
        error: Any = heap.thing(require(stack.pop(), TrapCode.NULL_EXCEPTION))
        assert isinstance(error, Thrown), "an exnref refers to an exception"
        return error

    p.height -= 2
    act = _throwing(take, _handlers(p, imm[1]), heap)
    _emit(p, act, len(_func_type(p.unit, imm[0]).results))


def _switch(p: Preparation, _i: int, imm: tuple[int, int]) -> None:
    index, tag_index = imm
    params = _func_type(p.unit, index).params
    back = params[-1]
    heap: Any = getattr(back, "heap", None)
    assert isinstance(heap, DefType), "switch passes a contref"
    assert isinstance(heap.comp, ContType), "switch passes a contref"
    tag = p.unit.instance.tags[tag_index]
    p.height -= len(params)
    act = _switching(tag, len(params) - 1, p.unit.heap)
    _emit(p, act, len(_func_of(heap.comp).params))


CONTINUATIONS: Final[dict[int, Plain]] = {
    Op.CONT_NEW: Plain(1, 1, _new, allocates=True),
    Op.CONT_BIND: Plain(None, 1, _bind, _bound, allocates=True),
}
SWITCHES: Final[dict[int, Rule]] = {
    Op.SUSPEND: _suspend,
    Op.RESUME: _resume,
    Op.RESUME_THROW: _resume_throw,
    Op.RESUME_THROW_REF: _resume_throw_ref,
    Op.SWITCH: _switch,
}
