"""Built-ins of cooperative threads (CanonicalABI.md, "`canon thread.index`" and its kin)."""

from collections.abc import Callable, Generator
from functools import partial
from typing import Any, Final

from wadjet.canon.instance import ComponentInstance
from wadjet.canon.tasks import Task, Thread
from wadjet.canon.traps import trap
from wadjet.component.component import Builtin
from wadjet.component.validate import Canonical
from wadjet.core.types import FuncType
from wadjet.engine.runtime.func import Func as CoreFunc
from wadjet.engine.runtime.values import to_raw

Pick = Callable[[str, int | None], Any]
Core = Callable[..., Any]
Maker = Callable[[ComponentInstance, Canonical, Pick], Core]


def _running(inst: ComponentInstance) -> Thread:
    inst.check_leave()
    thread = inst.scheduler.current
    assert thread is not None, "whatever has threads runs in one"
    return thread


def _index(inst: ComponentInstance, step: Canonical, pick: Pick) -> Core:
    def index() -> int:
        found = _running(inst).index
        assert found is not None
        return found

    return index


def _new_indirect(inst: ComponentInstance, step: Canonical, pick: Pick) -> Core:
    assert isinstance(step.definition, Builtin)
    type_index, table_index = step.definition.immediates[-2:]
    assert isinstance(type_index, int)
    assert isinstance(table_index, int)
    wanted = inst.program.plan.valid.core_types[type_index]
    table = pick("core table", table_index)
    scheduler = inst.scheduler

    def new(at: int, argument: int) -> int:
        task = _running(inst).task
        at &= (1 << 64) - 1 if table.type.limits.addr.size == 8 else 0xFFFF_FFFF
        word = table.get(at)
        if word == 0:
            trap("uninitialized element: the table has no function there")
        func = scheduler.store.current().func_at(word)
        if func.deftype is not wanted:
            trap("indirect call type mismatch: the start function has another type")
        return _new(task, func, argument)

    return new


def _new(task: Task, func: CoreFunc, argument: int) -> int:
    """A thread of a task that is suspended before it has begun."""
    thread = Thread(task, _start(task, func, argument))
    task.register(thread)
    assert thread.index is not None
    return thread.index


def _start(task: Task, func: CoreFunc, argument: int) -> Generator[None, bool, None]:
    scheduler = task.inst.scheduler
    thread = scheduler.current
    assert thread is not None
    yield from scheduler.shims.runner(func.type).call(thread, func, (argument,))
    thread.task.unregister(thread)


def _spawn_indirect(inst: ComponentInstance, step: Canonical, pick: Pick) -> Core:
    new, resume_later = _new_indirect(inst, step, pick), _resume_later(inst, step, pick)

    def spawn(at: int, argument: int) -> int:
        index: int = new(at, argument)
        resume_later(index)
        return index

    return spawn


def _spawn_ref(inst: ComponentInstance, step: Canonical, pick: Pick) -> Core:
    resume_later, store = _resume_later(inst, step, pick), inst.scheduler.store
    signature = step.core.comp
    assert isinstance(signature, FuncType), "it is a function"
    reference = signature.params[0]

    def spawn(func: object, argument: int) -> int:
        task = _running(inst).task
        if func is None:
            trap("null function reference: there is nothing to start a thread with")
        word = to_raw(func, reference, store)
        index = _new(task, store.current().func_at(word), argument)
        resume_later(index)
        return index

    return spawn


def _available_parallelism(inst: ComponentInstance, step: Canonical, pick: Pick) -> Core:
    return lambda: 1  # threads of an instance take turns, those too that need not


def _other(inst: ComponentInstance, index: int) -> Thread:
    return inst.threads.get(index)


def _suspended(inst: ComponentInstance, index: int) -> Thread:
    thread = _other(inst, index)
    if not thread.suspended:
        trap("cannot resume thread which is not suspended")
    return thread


def _resume_later(inst: ComponentInstance, step: Canonical, pick: Pick) -> Core:
    def resume_later(index: int) -> None:
        inst.check_leave()
        _suspended(inst, index).resume_later()

    return resume_later


def _always() -> bool:
    return True


def _pause(yields: bool, inst: ComponentInstance, step: Canonical, pick: Pick) -> Core:
    """`thread.suspend` and `thread.yield`."""
    cancellable = _cancellable(step)

    def pause() -> Any:
        return _running(inst).block(int, _always if yields else None, cancellable)

    return pause


def _then_resume(yields: bool, inst: ComponentInstance, step: Canonical, pick: Pick) -> Core:
    """`thread.suspend-then-resume` and `thread.yield-then-resume`."""
    cancellable = _cancellable(step)

    def then_resume(index: int) -> Any:
        thread = _running(inst)
        other = _suspended(inst, index)
        return thread.block(int, _always if yields else None, cancellable, other)

    return then_resume


def _then_promote(yields: bool, inst: ComponentInstance, step: Canonical, pick: Pick) -> Core:
    """`thread.suspend-then-promote` and `thread.yield-then-promote`."""
    cancellable = _cancellable(step)

    def then_promote(index: int) -> Any:
        thread, other = _running(inst), _other(inst, index)
        if thread.task.deliver_cancel(cancellable):
            return 1
        promoted = None
        if other.ready is not None and other.ready():
            other.stop_waiting()
            promoted = other
        return thread.block(int, _always if yields else None, cancellable, promoted)

    return then_promote


def _cancellable(step: Canonical) -> bool:
    assert isinstance(step.definition, Builtin)
    return step.definition.immediates[0] is True


MAKERS: Final[dict[str, Maker]] = {
    "thread.index": _index,
    "thread.new-indirect": _new_indirect,
    "thread.resume-later": _resume_later,
    "thread.spawn-ref": _spawn_ref,
    "thread.spawn-indirect": _spawn_indirect,
    "thread.available-parallelism": _available_parallelism,
}
PAUSING: Final[dict[str, Maker]] = {
    "thread.suspend": partial(_pause, False),
    "thread.yield": partial(_pause, True),
    "thread.suspend-then-resume": partial(_then_resume, False),
    "thread.yield-then-resume": partial(_then_resume, True),
    "thread.suspend-then-promote": partial(_then_promote, False),
    "thread.yield-then-promote": partial(_then_promote, True),
}
