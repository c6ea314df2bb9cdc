"""Core functions that can be suspended, and core code that suspends and resumes them.

A Python frame cannot wait on the stack of a continuation, and need not: a *pauser* is a core
function that calls Python, looks whether it must wait, suspends, and calls Python again when it is
resumed. A *runner* makes continuations, for functions of one type, and keeps those that wait in a
table. Both are small modules, compiled once for each type in a tier.

A guest that computes for long is suspended wherever it is (`wj_turn` in `engine.emit.resumption`),
if its store says so: the second clause of the runner's resumes is for that.
"""

from collections.abc import Callable, Generator, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final, final

from wadjet.base.errors import Trap, WasmException
from wadjet.canon.tasks import BLOCK
from wadjet.canon.traps import CANNOT_BLOCK, trap
from wadjet.core.features import ALL
from wadjet.core.text import parse
from wadjet.core.types import DefType, FuncType, GlobalType, I32, NumType
from wadjet.core.validate import validate
from wadjet.engine.contract.layout import CELL, octets
from wadjet.engine.runtime.code import ModuleCode
from wadjet.engine.runtime.func import Func, function_type
from wadjet.engine.runtime.global_ import Global
from wadjet.engine.runtime.instance import Instance
from wadjet.engine.runtime.instantiate import instantiate
from wadjet.engine.runtime.store import Store
from wadjet.engine.tiers import compile_module

if TYPE_CHECKING:
    from wadjet.canon.tasks import Scheduler, Thread

#: What a runner answers whose function was stopped so that others have their turn.
TURNED: Final = 2
_BASE: Final = '(module (tag (export "block")))'
_PAUSER: Final = """(module
  (type $t (func {params} {results}))
  (import "" "block" (tag $block))
  (import "" "blocked" (global $blocked (mut i32)))
  (import "" "try" (func $try (type $t)))
  (import "" "finish" (func $finish {results}))
  (func (export "f") (type $t)
    {arguments}
    (call $try)
    (loop $again (param {kinds}) (result {kinds})
      (if (param {kinds}) (result {kinds}) (global.get $blocked)
        (then
          {drops}
          (global.set $blocked (i32.const 0))
          (suspend $block)
          (call $finish)
          (br $again))))))
"""
_RUNNER: Final = """(module
  (type $f (func {params} {results}))
  (type $r (func {results}))
  (type $fresh (cont $f))
  (type $waiting (cont $r))
  (import "" "block" (tag $block))
  (table $funcs (export "funcs") 1 (ref null $f))
  (table $waiting (export "waiting") 1 (ref null $waiting))
  (func (export "start") (param $slot i32) {params} (result {kinds} i32)
    (block $turned (result (ref $waiting))
      (block $blocked (result (ref $waiting))
        {shifted}
        (cont.new $fresh (ref.as_non_null (table.get $funcs (i32.const 0))))
        (resume $fresh (on $block $blocked) (on $block $turned))
        (i32.const 0)
        (return))
      (call $keep (local.get $slot))
      {zeros} (i32.const 1)
      (return))
    (call $keep (local.get $slot))
    {zeros} (i32.const 2))
  (func (export "resume") (param $slot i32) (result {kinds} i32)
    (block $turned (result (ref $waiting))
      (block $blocked (result (ref $waiting))
        (table.get $waiting (local.get $slot))
        (table.set $waiting (local.get $slot) (ref.null $waiting))
        (resume $waiting (on $block $blocked) (on $block $turned) (ref.as_non_null))
        (i32.const 0)
        (return))
      (call $keep (local.get $slot))
      {zeros} (i32.const 1)
      (return))
    (call $keep (local.get $slot))
    {zeros} (i32.const 2))
  (func $keep (param $continuation (ref $waiting)) (param $slot i32)
    (table.set $waiting (local.get $slot) (local.get $continuation))))
"""


def _spelled(template: str, params: tuple[str, ...], results: tuple[str, ...]) -> str:
    count = len(params)
    return template.format(
        params=f"(param {' '.join(params)})" if params else "",
        results=f"(result {' '.join(results)})" if results else "",
        kinds=" ".join(results),
        arguments=" ".join([f"(local.get {i})" for i in range(count)]),
        shifted=" ".join([f"(local.get {i + 1})" for i in range(count)]),
        drops="drop " * len(results),
        zeros=" ".join([f"({t}.const 0)" for t in results]),
    )


@lru_cache(maxsize=1000)
def _code(text: str, tier: str) -> ModuleCode:
    return compile_module(validate(parse(text, ALL), ALL), tier, text)


@lru_cache(maxsize=1000)
def core_type(params: tuple[NumType, ...], results: tuple[NumType, ...]) -> DefType:
    """The canonical type of a core function."""
    return function_type(FuncType(params, results))


@final
class Shims:
    """The shims of one store, in one tier."""

    __slots__ = ("_base", "_blocked", "_global", "_runners", "store", "tier")

    def __init__(self, store: Store, tier: str) -> None:
        self.store: Final = store
        self.tier: Final = tier
        self._base: Instance | None = None
        self._global: Final = Global(GlobalType(I32, True), 0)
        self._blocked: Final = octets(self._global.address, CELL, self._global).cast("I")
        self._runners: Final[dict[FuncType, Runner]] = {}

    def _make(self, template: str, type_: FuncType, imports: dict[str, object]) -> Instance:
        if self._base is None:
            self._base = instantiate(self.store, _code(_BASE, self.tier), [])
        imports |= {"block": self._base.tags[0], "blocked": self._global}
        params = tuple([str(t) for t in type_.params])
        results = tuple([str(t) for t in type_.results])
        code = _code(_spelled(template, params, results), self.tier)
        return instantiate(self.store, code, [imports[i.name] for i in code.valid.module.imports])

    def pauser(
        self,
        scheduler: "Scheduler",
        type_: DefType,
        callable_: Callable[..., Any],
        *,
        may_wait: bool = True,
    ) -> Func:
        """A core function of a Python function that may return `BLOCK`. `may_wait`: it waits for
        other components, which a function that is not async cannot."""
        comp = type_.comp
        assert isinstance(comp, FuncType)
        blocked, none = self._blocked, _nothing(comp)

        def attempt(*args: Any) -> Any:
            thread = scheduler.current
            try:
                result = callable_(*args)
            except Trap as error:
                if may_wait and thread is not None and thread.in_frames:
                    # whether the fault or the wait is found first is nobody's business
                    error.message = f"{error.message}: in what {CANNOT_BLOCK}"
                raise
            if result is BLOCK:
                assert thread is not None
                if thread.in_frames and not thread.frozen:
                    return thread.wait_here()
                blocked[0] = 1
                return none
            return result

        def finish() -> Any:
            thread = scheduler.current
            assert thread is not None
            assert thread.finish is not None
            again, thread.finish = thread.finish, None
            result = again(thread.cancelled)
            if result is BLOCK:
                blocked[0] = 1
                return none
            return result

        instance = self._make(_PAUSER, comp, {"try": attempt, "finish": finish})
        return instance.func(instance.module.exports[0].index)

    def runner(self, type_: FuncType) -> "Runner":
        """What runs functions of a type on continuations."""
        found = self._runners.get(type_)
        if found is None:
            found = self._runners[type_] = Runner(self._make(_RUNNER, type_, {}))
        return found


def _nothing(type_: FuncType) -> Any:
    zeros = tuple([0 if str(t)[0] == "i" else 0.0 for t in type_.results])
    return None if not zeros else zeros[0] if len(zeros) == 1 else zeros


@final
class Runner:
    """Runs core functions of one type on continuations."""

    __slots__ = (
        "_count",
        "_free",
        "_func",
        "_funcs",
        "_instance",
        "_results",
        "_resume",
        "_start",
        "_waiting",
    )

    def __init__(self, instance: Instance) -> None:
        self._instance: Final = instance
        exports = {e.name: instance.export(e.kind, e.index) for e in instance.module.exports}
        start, resume = exports["start"], exports["resume"]
        assert isinstance(start, Func)
        assert isinstance(resume, Func)
        self._start: Final = start.entry
        self._resume: Final = resume.entry
        self._results: Final = len(start.type.results) - 1
        self._funcs: Final[Any] = exports["funcs"]
        #: what lies there now
        self._func: Func | None = None
        self._waiting: Final[Any] = exports["waiting"]
        self._free: Final = [0]
        self._count = 1

    def call(
        self, thread: "Thread", func: Func, args: Sequence[Any]
    ) -> Generator[None, bool, tuple[Any, ...]]:
        """Call a function on a continuation; its thread waits whenever that is suspended."""
        slot = self._slot()
        if self._func is not func:
            self._funcs.set(0, func.address)
            self._func = func
        try:
            results = self._start(slot, *args)
            while waits := results[-1] if self._results else results:
                if waits == TURNED:
                    thread.task.inst.scheduler.turn(thread)
                    yield
                else:
                    thread.cancelled = yield
                results = self._resume(slot)
        except WasmException as error:
            trap(f"an exception left a component: {error}")
        self._free.append(slot)
        return results[:-1] if self._results else ()

    def _slot(self) -> int:
        if not self._free:
            more = self._count
            self._waiting.grow(more, 0)
            self._free.extend(range(more, 2 * more))
            self._count += more
        return self._free.pop()
