"""Canonical built-ins (CanonicalABI.md, "Canonical Definitions"): the core function of each.

A maker takes the instance, the definition and what finds core definitions, and returns the Python
function. Makers of built-ins whose thread may have to wait are in `_PAUSING`: what they return may
answer `BLOCK`.
"""

from collections.abc import Callable
from typing import Any, Final

from wadjet.canon import copies, threads
from wadjet.canon.context import FUEL, Context
from wadjet.canon.functions import waitable_set
from wadjet.canon.instance import ComponentInstance
from wadjet.canon.resources import ResourceHandle
from wadjet.canon.strings import LOADS, STORES
from wadjet.canon.tasks import Thread
from wadjet.canon.traps import IN_SET, VALUE_BOUNDS, UNALIGNED, trap
from wadjet.canon.values import ErrorContext
from wadjet.canon.waitables import (
    CANCELLED, NOTHING, SUBTASK, Event, Subtask, Waitable, WaitableSet,
)  # fmt: skip
from wadjet.component.abi import MAX_FLAT_PARAMS
from wadjet.component.component import Builtin
from wadjet.component.types import Defined, Prim, ResourceType
from wadjet.component.validate import Canonical
from wadjet.engine.runtime.func import Func as CoreFunc
from wadjet.engine.runtime.func import HostFunc

Pick = Callable[[str, int | None], Any]
Core = Callable[..., Any]
Maker = Callable[[ComponentInstance, Canonical, Pick], Core]

#: What a copy or a cancellation answers that is not over.
BLOCKED: Final = 0xFFFF_FFFF


def make_builtin(inst: ComponentInstance, step: Canonical, pick: Pick) -> CoreFunc:
    """The core function of a built-in, for one instance."""
    assert isinstance(step.definition, Builtin)
    name = step.definition.name
    make = _MAKERS.get(name)
    scheduler = inst.scheduler
    if make is not None:
        return HostFunc(scheduler.store, step.core, make(inst, step, pick))
    callable_ = _PAUSING[name](inst, step, pick)
    return scheduler.shims.pauser(scheduler, step.core, callable_)


def _context(inst: ComponentInstance, step: Canonical, pick: Pick) -> Context:
    options = step.options
    realloc: CoreFunc | None = pick("core func", options.realloc)
    entry = None if realloc is None else realloc.entry
    return Context(inst, pick("core memory", options.memory), entry, inst, options.ptr.size)


def running(inst: ComponentInstance) -> Thread:
    """The thread that runs."""
    thread = inst.scheduler.current
    assert thread is not None, "whatever has built-ins for threads runs in one"
    return thread


# --- resources ------------------------------------------------------------------------------------


def _runtime_type(inst: ComponentInstance, step: Canonical) -> Any:
    assert isinstance(step.type, ResourceType)
    return inst.resources[step.type.resource]


def _resource_new(inst: ComponentInstance, step: Canonical, pick: Pick) -> Core:
    type_ = _runtime_type(inst, step)

    def new(rep: int) -> int:
        inst.check_leave()
        return inst.handles.add(ResourceHandle(type_, rep, True))

    return new


def _resource_drop(inst: ComponentInstance, step: Canonical, pick: Pick) -> Core:
    type_ = _runtime_type(inst, step)

    def drop(index: int) -> None:
        inst.check_leave()
        inst.drop(index, type_)

    return drop


def _resource_rep(inst: ComponentInstance, step: Canonical, pick: Pick) -> Core:
    type_ = _runtime_type(inst, step)

    def rep(index: int) -> Any:
        return inst.resource(index, type_).rep

    return rep


# --- tasks ----------------------------------------------------------------------------------------


def _context_get(inst: ComponentInstance, step: Canonical, pick: Pick) -> Core:
    assert isinstance(step.definition, Builtin)
    slot = step.definition.immediates[1]
    assert isinstance(slot, int)
    scheduler = inst.scheduler

    def get() -> int:
        return scheduler.current.storage[slot]  # type: ignore[union-attr]

    return get


def _context_set(inst: ComponentInstance, step: Canonical, pick: Pick) -> Core:
    assert isinstance(step.definition, Builtin)
    slot = step.definition.immediates[1]
    assert isinstance(slot, int)
    scheduler = inst.scheduler

    def set_(value: int) -> None:
        scheduler.current.storage[slot] = value  # type: ignore[union-attr]

    return set_


def _backpressure_inc(inst: ComponentInstance, step: Canonical, pick: Pick) -> Core:
    def inc() -> None:
        inst.backpressure += 1
        if inst.backpressure == 1 << 16:
            trap("backpressure counter overflow")

    return inc


def _backpressure_dec(inst: ComponentInstance, step: Canonical, pick: Pick) -> Core:
    def dec() -> None:
        inst.backpressure -= 1
        if inst.backpressure < 0:
            trap("backpressure counter underflow")

    return dec


def _task_return(inst: ComponentInstance, step: Canonical, pick: Pick) -> Core:
    options = step.options
    memory = pick("core memory", options.memory)
    result = step.type
    assert result is None or isinstance(result, Prim | Defined)
    key = None if result is None else _key(inst, result)

    def return_(*flats: Any) -> None:
        inst.check_leave()
        task = running(inst).task
        lifted = task.func
        if lifted is None or not lifted.options.is_async:
            trap("invalid `task.return` signature: the task is not async")
        ft, given = lifted.type, lifted.options
        wanted = None if ft.result is None else _key(inst, ft.result)
        if wanted != key:
            trap("invalid `task.return` signature and/or options for current task")
        if memory is not None and (
            memory is not lifted.memory or given.encoding != options.encoding
        ):
            trap("invalid `task.return` signature and/or options for current task")
        assert task.passage is not None
        task.passage.cx.lender = None
        task.resolve(task.passage.lift(flats, MAX_FLAT_PARAMS, result=True))

    return return_


def _key(inst: ComponentInstance, t: Any) -> object:
    return inst.key(t) if isinstance(t, Defined) else t


def _task_cancel(inst: ComponentInstance, step: Canonical, pick: Pick) -> Core:
    def cancel() -> None:
        inst.check_leave()
        task = running(inst).task
        if task.func is None or not task.func.options.is_async:
            trap("`task.cancel` called by a task that is not async")
        task.cancel()

    return cancel


# --- waiting --------------------------------------------------------------------------------------


def _set_new(inst: ComponentInstance, step: Canonical, pick: Pick) -> Core:
    def new() -> int:
        inst.check_leave()
        return inst.handles.add(WaitableSet())

    return new


def _set_wait(inst: ComponentInstance, step: Canonical, pick: Pick) -> Core:
    tell, cancellable = _teller(inst, step, pick), _cancellable(step)

    def wait(index: int, p: int) -> Any:
        inst.check_leave()
        wset = waitable_set(inst, index)
        wset.waiting += 1

        def finish(cancelled: bool) -> int:
            wset.waiting -= 1
            return tell(CANCELLED if cancelled else wset.take_event(), p)

        if wset.has_event() and not running(inst).task.deliver_cancel(cancellable):
            return finish(False)
        return running(inst).block(finish, wset.has_event, cancellable)

    return wait


def _set_poll(inst: ComponentInstance, step: Canonical, pick: Pick) -> Core:
    tell, cancellable = _teller(inst, step, pick), _cancellable(step)

    def poll(index: int, p: int) -> int:
        inst.check_leave()
        wset = waitable_set(inst, index)
        if running(inst).task.deliver_cancel(cancellable):
            return tell(CANCELLED, p)
        return tell(wset.take_event() if wset.has_event() else NOTHING, p)

    return poll


def _cancellable(step: Canonical) -> bool:
    assert isinstance(step.definition, Builtin)
    return step.definition.immediates[0] is True


def _teller(inst: ComponentInstance, step: Canonical, pick: Pick) -> Callable[[Event, int], int]:
    """What writes the rest of an event where the guest wants it, and returns its code."""
    cx = _context(inst, step, pick)

    def tell(event: Event, p: int) -> int:
        p &= cx.mask
        memory = cx.memory.view
        if p & 3:
            trap(UNALIGNED)
        if p + 8 > len(memory):
            trap(VALUE_BOUNDS)
        memory[p : p + 4] = event[1].to_bytes(4, "little")
        memory[p + 4 : p + 8] = event[2].to_bytes(4, "little")
        return event[0]

    return tell


def _set_drop(inst: ComponentInstance, step: Canonical, pick: Pick) -> Core:
    def drop(index: int) -> None:
        inst.check_leave()
        waitable_set(inst, index).drop()
        inst.handles.remove(index)

    return drop


def _join(inst: ComponentInstance, step: Canonical, pick: Pick) -> Core:
    def join(index: int, set_index: int) -> None:
        inst.check_leave()
        waitable = inst.handles.get(index)
        if not isinstance(waitable, Waitable):
            trap(f"handle index {index} is not a waitable")
        if waitable.sync_waiter:
            trap(IN_SET)
        waitable.join(None if set_index == 0 else waitable_set(inst, set_index))

    return join


def _subtask(inst: ComponentInstance, index: int) -> Subtask:
    found = inst.handles.get(index)
    if not isinstance(found, Subtask):
        trap(f"handle index {index} is not a subtask")
    return found


def _subtask_cancel(inst: ComponentInstance, step: Canonical, pick: Pick) -> Core:
    is_async = step.options.is_async

    def cancel(index: int) -> Any:
        inst.check_leave()
        subtask = _subtask(inst, index)
        if subtask.delivered:
            trap("`subtask.cancel` called after terminal status delivered")
        if subtask.cancel_requested:
            trap("`subtask.cancel` called twice: the subtask is being cancelled already")
        if subtask.set is not None and not is_async:
            trap(IN_SET)
        if not subtask.resolved():
            subtask.cancel_requested = True
            assert subtask.on_cancel is not None
            subtask.on_cancel(inst)
        return copies.settle(running(inst), subtask, subtask.resolved, is_async, SUBTASK, BLOCKED)

    return cancel


def _subtask_drop(inst: ComponentInstance, step: Canonical, pick: Pick) -> Core:
    def drop(index: int) -> None:
        inst.check_leave()
        _subtask(inst, index).drop()
        inst.handles.remove(index)

    return drop


# --- error contexts -------------------------------------------------------------------------------

#: Characters of a debug message that are kept, which may be any number; and the handles of an
#: instance with which it gets none any more.
_MESSAGE: Final = 4096
_HOARD: Final = 10_000


def _error_context_new(inst: ComponentInstance, step: Canonical, pick: Pick) -> Core:
    cx, load = _context(inst, step, pick), LOADS[step.options.encoding]

    def new(p: int, length: int) -> int:
        inst.check_leave()
        cx.fuel = FUEL
        message = load(cx, p & cx.mask, length & cx.mask)
        kept = _MESSAGE if len(inst.handles) < _HOARD else 0
        return inst.handles.add(ErrorContext(message[:kept]))

    return new


def _error_context_message(inst: ComponentInstance, step: Canonical, pick: Pick) -> Core:
    cx, store = _context(inst, step, pick), STORES[step.options.encoding]
    width = step.options.ptr.size

    def message(index: int, p: int) -> None:
        inst.check_leave()
        found = store(cx, inst.error_context(index).debug_message)
        p &= cx.mask
        if p & width - 1:
            trap(UNALIGNED)
        if p + 2 * width > len(cx.memory.view):
            trap(VALUE_BOUNDS)
        data = b"".join([part.to_bytes(width, "little") for part in found])
        cx.memory.view[p : p + 2 * width] = data

    return message


def _error_context_drop(inst: ComponentInstance, step: Canonical, pick: Pick) -> Core:
    def drop(index: int) -> None:
        inst.check_leave()
        inst.error_context(index)
        inst.handles.remove(index)

    return drop


_MAKERS: Final[dict[str, Maker]] = {
    "resource.new": _resource_new,
    "resource.drop": _resource_drop,
    "resource.rep": _resource_rep,
    "context.get": _context_get,
    "context.set": _context_set,
    "backpressure.inc": _backpressure_inc,
    "backpressure.dec": _backpressure_dec,
    "task.return": _task_return,
    "task.cancel": _task_cancel,
    "waitable-set.new": _set_new,
    "waitable-set.poll": _set_poll,
    "waitable-set.drop": _set_drop,
    "waitable.join": _join,
    "subtask.drop": _subtask_drop,
    "error-context.new": _error_context_new,
    "error-context.debug-message": _error_context_message,
    "error-context.drop": _error_context_drop,
    **copies.MAKERS,
    **threads.MAKERS,
}
_PAUSING: Final[dict[str, Maker]] = {
    "waitable-set.wait": _set_wait,
    "subtask.cancel": _subtask_cancel,
    **copies.PAUSING,
    **threads.PAUSING,
}
