"""Engines that run generated programs, behind one narrow interface: ours, tier by tier, and
wasmtime where it is installed."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from wadjet.base.records import dataclass, replace
from functools import cache
from importlib.util import find_spec
from typing import TYPE_CHECKING, Final, final

from wadjet.base.errors import Exhaustion, Trap, WasmException
from wadjet.core.binary import decode
from wadjet.core.features import ALL, Features
from wadjet.core.opcodes import ROWS
from wadjet.core.types import AbsHeap, ArrayType, DefType, RefType, StructType, ValType
from wadjet.core.validate import ValidModule, validate
from wadjet.engine.contract.traps import CODES
from wadjet.engine.runtime.instance import Instance
from wadjet.engine.runtime.instantiate import instantiate
from wadjet.engine.runtime.store import Store
from wadjet.engine.tiers import compile_module
from wadjet.testing.generate import Program
from wadjet.testing.host import Host, HostFailure, HostObject

if TYPE_CHECKING:
    from wadjet.engine.runtime.code import ModuleCode


#: Elements of an array that a digest looks at.
_LOOKED_AT: Final = 16


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a call ended: "values" (bit patterns), "trap" (the standard's words), "exception" (tag
    and payload), "exhaustion", "failure" (of the host)."""

    kind: str
    detail: object = None

    def __str__(self) -> str:
        if self.kind != "values":
            return self.kind if self.detail is None else f"{self.kind}: {self.detail}"
        assert isinstance(self.detail, tuple), "the values"
        return f"({', '.join(map(hex, self.detail))})"


class Stopped(Exception):
    """Instantiation ended early."""

    def __init__(self, outcome: Outcome) -> None:
        super().__init__(outcome)
        self.outcome: Final = outcome


class Guest(ABC):
    """An instance of a generated module."""

    @abstractmethod
    def refuel(self, amount: int) -> None:
        """Set the fuel."""

    @abstractmethod
    def call(self, name: str, args: Sequence[int]) -> Outcome:
        """Call an export on bit patterns."""

    @abstractmethod
    def memory(self, index: int) -> bytes:
        """What a memory holds."""

    @abstractmethod
    def state(self) -> Outcome:
        """What globals and tables hold, in whatever way is the same for all engines."""

    def promote(self) -> None:  # noqa: B027 - most engines have one kind of code
        """Go over to the best code there is, if the engine has several kinds."""


class Engine(ABC):
    """A way to run modules. `coarse` engines tell fewer things apart when they trap."""

    name: str
    coarse = False

    @abstractmethod
    def accepts(self, program: Program) -> bool:
        """Whether it can run the program, and is bound to one result."""

    @abstractmethod
    def start(self, program: Program, data: bytes, host: Host) -> Guest:
        """Instantiate the module (`data` is its binary). Raises Stopped."""


# --- ours -----------------------------------------------------------------------------------------


def _words(value: object) -> object:
    """A value of an exception, so that equal bits are equal."""
    if isinstance(value, int | bytes | None):
        return value
    return value.hex() if isinstance(value, float) else "reference"


def words(message: str) -> str:
    """The standard's words that a message begins with."""
    found = [known for known in CODES if message.startswith(known)]
    return max(found, key=len, default=message)


def outcome_of(run: Callable[[], Sequence[int]], tags: Sequence[object] = ()) -> Outcome:
    """How something of ours ends."""
    try:
        return Outcome("values", tuple(run()))
    except Trap as trap:
        return Outcome("trap", words(trap.message))
    except Exhaustion as end:
        return Outcome("exhaustion", words(end.message))
    except WasmException as error:
        known = [i for i, tag in enumerate(tags) if tag is error.tag]
        return Outcome("exception", (*known, *map(_words, error.payload)))
    except HostFailure:
        return Outcome("failure")


def digest(word: int, t: ValType, store: Store, depth: int = 2) -> int:
    """A number as it is; of a reference what engines must agree on: null, small integers, host
    objects, which function it is, what an object is and holds. (Types have other numbers in the
    next run: one that nobody uses any more is forgotten.)"""
    if not isinstance(t, RefType) or word == 0:
        return word
    assert isinstance(t.heap, AbsHeap | DefType), "closed types"
    top = t.heap.top if isinstance(t.heap, AbsHeap) else t.heap.heap.top
    if top == "func":
        func = store.func_at(word)
        return hash((func.name, len(func.type.params), len(func.type.results)))
    if top not in ("any", "extern"):
        return 1
    if word & 1:
        return word
    if word & 2:
        found = store.object(word)
        return found.number if isinstance(found, HostObject) else -1
    return _object_digest(word, store, depth)


def _object_digest(word: int, store: Store, depth: int) -> int:
    heap = store.heap
    type_ = heap.type_of(word)
    length = heap.length(word)
    comp = type_.comp
    if not depth:
        return hash((isinstance(comp, StructType), length))
    if isinstance(comp, StructType):
        storages = [f.storage for f in comp.fields]
    else:
        assert isinstance(comp, ArrayType), "a struct or an array"
        storages = [comp.field.storage] * min(length, _LOOKED_AT)
    values = [digest(heap.get(word, i), t, store, depth - 1) for i, t in enumerate(storages)]
    return hash((isinstance(comp, StructType), length, *values))


@final
class OwnGuest(Guest):
    """An instance in one of our tiers."""

    def __init__(self, instance: Instance) -> None:
        self._instance: Final = instance
        self._exports: Final = {e.name: e.index for e in instance.module.exports}

    def refuel(self, amount: int) -> None:
        """Set the fuel."""
        self._instance.globals[self._exports["fuel"]].set_raw(amount)

    def call(self, name: str, args: Sequence[int]) -> Outcome:
        """Call an export on bit patterns."""
        func = self._instance.func(self._exports[name])
        store, results = self._instance.store, func.type.results
        return outcome_of(
            lambda: [digest(word, t, store) for word, t in zip(func.call_raw(args), results)],
            self._instance.tags,
        )

    def memory(self, index: int) -> bytes:
        """What a memory holds."""
        return bytes(self._instance.memories[index].view)

    def state(self) -> Outcome:
        """As the guest sees it, if it exports a function for that; else as we do."""
        if "state" in self._exports:
            return self.call("state", ())
        instance = self._instance
        values = [digest(g.get_raw(), g.type.value, instance.store) for g in instance.globals]
        for table in instance.tables:
            element = table.type.element
            values += [digest(word, element, instance.store) for word in table.words]
        return Outcome("values", tuple(values))

    def promote(self) -> None:
        """Optimise every function, as samples would have it."""
        from wadjet.engine.tiers.auto import AutoCode

        code = self._instance.code
        if isinstance(code, AutoCode):
            for slot in range(len(self._instance.module.funcs)):
                code.promote(slot)


@final
class OwnEngine(Engine):
    """One of our tiers. `features` are those that it runs."""

    def __init__(
        self,
        name: str,
        features: Features,
        make: "Callable[[ValidModule], ModuleCode]",
        accepts: Callable[[Program], bool],
    ) -> None:
        self.name = name
        self.features: Final = features
        self._make: Final = make
        self._accepts: Final = accepts

    def accepts(self, program: Program) -> bool:
        """Whether it runs the features, and gives the one result there is."""
        return program.features <= self.features and self._accepts(program)

    def start(self, program: Program, data: bytes, host: Host) -> Guest:
        """Decode, validate, instantiate."""
        module = decode(data, program.allowed)
        code = self._make(validate(module, program.allowed))
        functions = host.functions()
        made: list[Instance] = []
        imports = [functions[i.name] for i in module.imports]

        def instantiate_it() -> tuple[()]:
            made.append(instantiate(Store(), code, imports))
            return ()

        outcome = outcome_of(instantiate_it)
        if not made:
            raise Stopped(outcome)
        return OwnGuest(made[0])


def _always(program: Program) -> bool:
    return True


def _profile(program: Program) -> bool:
    """Relaxed instructions that multiply and add are in canonical modules only: there they are
    fused, but not under the deterministic profile."""
    return not (program.canonical and "relaxed-simd" in program.features)


@cache
def _native_features() -> Features:
    """What the compiler knows."""
    from wadjet.engine.contract.settings import Settings
    from wadjet.engine.emit.unit import SPECIAL
    from wadjet.engine.emit.variants import templates_for

    templates = templates_for(Settings())
    lacking = {r.feature for r in ROWS if r.op not in templates and SPECIAL[r.op] is None}
    return ALL - lacking


def _native_accepts(program: Program) -> bool:
    """Where there is no fused multiply-add, relaxed ones are not fused."""
    from wadjet.engine.llvm.target import host_target

    here = host_target()
    fuses = here.arch != "x86_64" or "+fma" in here.features.split(",")
    return program.canonical and (fuses or "relaxed-simd" not in program.features)


def _deterministic(valid: ValidModule) -> "ModuleCode":
    from wadjet.engine.tiers.optimizing import OptimizingCode
    from wadjet.engine.tiers.processor import host_settings

    return OptimizingCode(valid, replace(host_settings(), deterministic=True))


def _own(name: str) -> OwnEngine:
    if name == "interpreter":
        return OwnEngine(name, ALL, lambda v: compile_module(v, "interpreter"), _always)
    if name == "deterministic":
        return OwnEngine(name, _native_features(), _deterministic, _profile)
    return OwnEngine(name, _native_features(), lambda v: compile_module(v, name), _native_accepts)


def engine(name: str) -> Engine:
    """An engine by its name: "interpreter", "baseline", "optimizing", "auto" (whose functions are
    promoted half-way), "switching" (whose functions are promoted where chance has it, in loops
    too; "switching:7" has another seed), "deterministic" (the optimizing tier under that profile),
    or "wasmtime"."""
    if name == "wasmtime":
        from wadjet.testing.wasmtime_engine import WasmtimeEngine

        return WasmtimeEngine()
    known = ("interpreter", "baseline", "optimizing", "auto", "switching", "deterministic")
    if name.partition(":")[0] not in known:
        raise ValueError(f"unknown engine {name!r}")
    return _own(name)


def available() -> tuple[str, ...]:
    """Names of the engines that can run here."""
    names = ["interpreter"]
    if find_spec("llvmlite") is not None:
        names += ["baseline", "optimizing", "auto", "switching", "deterministic"]
    if find_spec("wasmtime") is not None:
        names.append("wasmtime")
    return tuple(names)
