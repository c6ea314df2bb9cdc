"""Components as the host sees them: instances that it made, and what they export."""

from collections.abc import Callable, Mapping
from typing import Any, Final, final

from wadjet.base.errors import Error
from wadjet.canon.classes import Classes
from wadjet.canon.functions import HostFunction, Lifted
from wadjet.canon.host import Done, Host
from wadjet.canon.hostcalls import guest_call
from wadjet.canon.instance import ComponentInstance
from wadjet.canon.instantiate import at_path, build
from wadjet.canon.passages import Passage
from wadjet.canon.program import Program
from wadjet.canon.shims import Shims
from wadjet.canon.tasks import Scheduler, Task
from wadjet.canon.values import Err, Ok, ResultError
from wadjet.component.closed import Extern, InstanceShape, resources
from wadjet.component.plan import Plan, plan
from wadjet.component.types import Defined, FuncType, Result
from wadjet.component.validate import ValidComponent
from wadjet.engine.runtime.store import Store


class Cancelled(Error):
    """A call that was asked to stop has stopped."""


def instantiate(
    component: Plan | ValidComponent,
    imports: Mapping[str, Any],
    *,
    store: Store | None = None,
    tier: str = "auto",
    host: Host | None = None,
    forms: Classes | None = None,
    scheduler: Scheduler | None = None,
) -> "Instance":
    """Make an instance of a component.

    `imports` has what is given by the exact names of the imports: for functions Python callables
    or a `Func`; for instances mappings or an `Instance`; for resources a `HostResource`.
    Components that share resources or call each other live in one store, whose `scheduler` they
    share. Raises Unlinkable, and what start functions raise.
    """
    made = component if isinstance(component, Plan) else plan(component)
    program = Program.of(made, tier, forms)
    if scheduler is None:
        scheduler = _shared(imports)
    if scheduler is None:
        home = Store() if store is None else store
        scheduler = Scheduler(home, Shims(home, tier), Host() if host is None else host)
    inst = build(program, imports, scheduler)
    shape = made.valid.shape
    for path, found in resources(shape.exports):
        inst.resources.setdefault(found.resource, at_path(inst.exports, path))
    return Instance(inst, InstanceShape(shape.exports), inst.exports)


def _shared(imports: Mapping[str, Any]) -> Scheduler | None:
    """The scheduler of instances that are imported from."""
    for given in imports.values():
        if isinstance(given, Instance | Func):
            return given.inst.scheduler
        if isinstance(given, Mapping):
            found = _shared(given)
            if found is not None:
                return found
    return None


@final
class Instance:
    """An instance, of a component or exported by one: `exports` by name, `type` what they are.

    `resources` tells what the types of `type` mean by resources.
    """

    __slots__ = ("__weakref__", "exports", "inst", "resources", "type")

    def __init__(
        self, inst: ComponentInstance, shape: InstanceShape, exports: Mapping[str, Any]
    ) -> None:
        self.inst: Final = inst
        self.type: Final = shape
        self.resources: Final = inst.resources
        self.exports: Final[Mapping[str, Any]] = {
            name: _public(inst, name, extern, exports[name])
            for name, extern in shape.exports.items()
        }

    @property
    def store(self) -> Store:
        """The store it lives in."""
        return self.scheduler.store.current()

    @property
    def scheduler(self) -> Scheduler:
        """What runs its tasks."""
        return self.inst.scheduler

    def close(self) -> None:
        """End all tasks of its store, and drop what the instance owns of the host."""
        self.scheduler.close()
        self.inst.forsake()


def _public(inst: ComponentInstance, name: str, extern: Extern, value: Any) -> Any:
    if isinstance(extern, FuncType):
        return Func(name, extern, inst, value)
    if isinstance(extern, InstanceShape):
        return Instance(inst, extern, value)
    return value


@final
class Func:
    """An exported function, called with values in Python's form.

    `call` is what a call runs, with its parameters by name: who calls often keeps that.
    """

    __slots__ = ("__weakref__", "_call", "_passage", "inst", "lifted", "name", "type")

    def __init__(
        self, name: str, type_: FuncType, inst: ComponentInstance, lifted: Lifted | HostFunction
    ) -> None:
        self.name: Final = name
        self.type: Final = type_
        self.inst: Final = inst
        self.lifted: Final = lifted
        self._call: Callable[..., Any] | None = None
        self._passage: Passage | None = None

    @property
    def call(self) -> Callable[..., Any]:
        """The function that calls, and raises a bad result as `ResultError`."""
        if self._call is None:
            self._call = self.calls("raise")
        return self._call

    def __call__(self, *values: Any) -> Any:
        """Call it; see `call`."""
        return self.call(*values)

    def calls(self, results: str) -> Callable[..., Any]:
        """The function that calls: with "raise" it gives the value of a good result and raises
        `ResultError` for a bad one, with "return" it gives `Ok` or `Err`."""
        lifted, raises = self.lifted, results == "raise"
        if isinstance(lifted, HostFunction):
            return lifted.callable
        if not lifted.type.is_async:
            return guest_call(lifted, self.passage, raises=raises)

        def call(*values: Any) -> Any:
            return self._wait(values, results)

        return call

    @property
    def passage(self) -> Passage:
        """How its values get in and out."""
        if self._passage is None:
            assert isinstance(self.lifted, Lifted)
            self._passage = self.lifted.passage(self.inst.program, self.type, self.inst)
        return self._passage

    def _wait(self, values: tuple[Any, ...], results: str) -> Any:
        """Call it, and let everything run until it has returned."""
        ended: list[tuple[Any, BaseException | None]] = []
        self.start(values, lambda value, error: ended.append((value, error)), results)
        self.inst.scheduler.run(lambda: bool(ended))
        value, error = ended[0]
        if error is not None:
            raise error
        return value

    def start(self, values: tuple[Any, ...], done: Done, results: str = "raise") -> "Call":
        """Begin a call; `done` is told its value, or what it raised, when it is over: perhaps at
        once. The scheduler must be given its turns."""
        count = len(self.type.params)
        if len(values) != count:
            raise TypeError(f"{self.name} takes {count} arguments, {len(values)} given")
        call = Call(self, values, done, results)
        call.begin()
        return call


@final
class Call:
    """A call that the host began."""

    __slots__ = (
        "__weakref__", "_cancel", "_done", "_func", "_results", "_values", "begun", "over",
    )  # fmt: skip

    def __init__(self, func: Func, values: tuple[Any, ...], done: Done, results: str) -> None:
        self._func: Final = func
        self._values: Final = values
        self._done: Final = done
        self._results: Final = results
        self._cancel: Callable[[ComponentInstance | None], None] | None = None
        #: whether the guest knows of it
        self.begun = False
        #: whether `done` was called
        self.over = False

    def begin(self) -> None:
        """Run the guest until it waits or returns; later if one in its store computes."""
        scheduler = self._func.inst.scheduler
        scheduler.check_open()
        scheduler.calls[self] = self._fail
        if scheduler.turned is None:
            self._begin()
        else:
            scheduler.when_whole(self._begin)

    def _begin(self) -> None:
        if self.over:
            return
        self.begun = True
        lifted, scheduler = self._func.lifted, self._func.inst.scheduler
        try:
            if isinstance(lifted, Lifted):
                self._cancel = lifted.invoke(
                    lambda: self._values, self._resolve, None, self._func.passage, self._refuse
                )
            else:
                self._cancel = lifted.invoke(lambda: self._values, self._resolve, None)
        except Exception as error:  # noqa: BLE001 - `done` is told
            scheduler.calls.pop(self, None)
            self._fail(error)

    def runs(self, task: Task) -> bool:
        """Whether it is this task."""
        return self._cancel == task.request_cancel

    def cancel(self) -> None:
        """Ask the guest to stop. It may, or may return all the same."""
        cancel, self._cancel = self._cancel, None
        if not self.begun:
            self._resolve(None)
        elif cancel is not None:
            self._func.inst.scheduler.when_whole(lambda: self.over or cancel(None))

    def abandon(self) -> None:
        """Do not care any more: `done` will not be called."""
        self.over = True
        self._func.inst.scheduler.calls.pop(self, None)

    def _refuse(self, error: Exception) -> None:
        self._func.inst.scheduler.calls.pop(self, None)
        self._fail(error)

    def _fail(self, error: BaseException) -> None:
        self._end(None, error)

    def _resolve(self, result: tuple[Any, ...] | None) -> None:
        self._func.inst.scheduler.calls.pop(self, None)
        if result is None:
            self._end(None, Cancelled(f"the call of {self._func.name} was cancelled"))
            return
        value = result[0] if result else None
        t = self._func.type.result
        if self._results == "raise" and isinstance(t, Defined) and isinstance(t.shape, Result):
            assert isinstance(value, Ok | Err)
            if isinstance(value, Err):
                self._end(None, ResultError(value.value))
                return
            value = value.value
        self._end(value, None)

    def _end(self, value: Any, error: BaseException | None) -> None:
        if not self.over:
            self.over = True
            self._done(value, error)
