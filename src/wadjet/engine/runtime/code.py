"""What a tier gives the runtime: the code of one module, ready to be instantiated at will."""

from abc import ABC, abstractmethod
from array import array
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Final

from wadjet.core.subtyping import ClosedExtern, ClosedFunc, close_extern
from wadjet.core.types import ContType, FuncType, GlobalType, MemoryType, RefType, TableType
from wadjet.engine.contract.layout import VM_FUNC, ContextLayout

if TYPE_CHECKING:
    from wadjet.core.validate import ValidModule
    from wadjet.engine.runtime.func import Func, WasmFunc
    from wadjet.engine.runtime.instance import Instance
    from wadjet.engine.runtime.shells import Shell
    from wadjet.engine.runtime.store import Store
    from wadjet.engine.runtime.template import Template


class ModuleCode(ABC):
    """A valid module with a way to run it; immutable and shared by all its instances.

    `native` says that functions are machine code, which can only call machine code: such a module
    shares no store with others.
    """

    native: ClassVar[bool] = False

    def __init__(self, valid: "ValidModule") -> None:
        self.valid: Final = valid
        self.layout: Final = ContextLayout(valid.module)
        #: bytes of a VMContext and the VMFuncs behind it
        self.block_size: Final = self.layout.size + VM_FUNC.size * len(valid.module.funcs)
        types = valid.types
        #: ids of the canonical types, by type index and by defined function
        self.type_ids: Final = array("Q", [t.id for t in types])
        self.func_type_ids: Final = array("Q", map(self.type_ids.__getitem__, valid.module.funcs))
        #: what each import must be
        self.imports: Final = [close_extern(i.type, types) for i in valid.module.imports]
        #: the same of functions; which imports are functions, and which are not
        self.func_imports: Final = [t for t in self.imports if isinstance(t, ClosedFunc)]
        places = enumerate(self.imports)
        self.func_places: Final = [k for k, t in places if isinstance(t, ClosedFunc)]
        self.other_places: Final = sorted({*range(len(self.imports))} - {*self.func_places})
        #: what it exports, by name
        self.exports: Final = {e.name: e for e in valid.module.exports}
        self._names: dict[int, str] | None = None
        #: whether it has continuations
        self.switches: Final = any(isinstance(t.comp, ContType) for t in types)
        #: whether it was instantiated before, and what instances begin with from the third on
        self.again = False
        self.template: Template | None = None
        #: whether references to its functions may go where no importer or handle shows them
        self.escapes: Final = _escapes(valid)

    def func_name(self, index: int) -> str:
        """The name a function is first exported under, else that in the name section (which is
        then read), else its number."""
        module = self.valid.module
        if self._names is None:
            exports = reversed(module.exports)
            self._names = {e.index: e.name for e in exports if e.kind == "func"}
        name = self._names.get(index) or module.names.funcs.get(index)
        return f"function {index}" if name is None else name

    def linked(self, imports: "Sequence[Func]") -> "ModuleCode":
        """The code to use with these imported functions: itself, unless they make a difference."""
        return self

    def let_pass(self, instance: "Instance") -> None:  # noqa: B027 - interpreted code always does
        """Let exceptions of host functions through: somebody who might catch them imports from an
        instance of this module."""

    def prepare(self, store: "Store") -> None:  # noqa: B027 - most tiers need nothing
        """Make a store ready for instances of this module, before anything is allocated in it."""

    @abstractmethod
    def attach(self, instance: "Instance") -> None:
        """Fill what of the instance belongs to the tier: `code` of its VMFuncs. Called once, when
        all else is in place but the segments have not run."""

    def attach_alike(self, instance: "Instance", shell: "Shell") -> None:
        """The same for an instance that was made after the pattern of one that was attached, in
        such a block."""
        self.attach(instance)

    @abstractmethod
    def call(self, instance: "Instance", func_index: int, args: Sequence[int]) -> list[int]:
        """Run a defined function (the index counts imports first) on raw values.

        The caller has entered the store and checked the number of arguments. Raises Trap,
        Exhaustion, WasmException and whatever host functions raise.
        """

    def entry(self, func: "WasmFunc") -> Callable[..., Any]:
        """What Python code calls: converts arguments and results. Its `__self__` is `func`."""
        from wadjet.engine.runtime.func import Function

        return Function.of(func)


def _escapes(valid: "ValidModule") -> bool:
    """Does the module share tables, or pass references through what it imports and exports?"""
    module = valid.module
    used = [*(i.type for i in module.imports), *module.export_types()]
    types = [close_extern(t, valid.types) for t in used]
    return any(map(_passes_references, types))


def _passes_references(type_: ClosedExtern) -> bool:
    if isinstance(type_, TableType):
        return True
    if isinstance(type_, GlobalType):
        return isinstance(type_.value, RefType)
    if isinstance(type_, MemoryType):
        return False
    comp = type_.type.comp
    assert isinstance(comp, FuncType), "functions and tags have function types"
    return any(isinstance(t, RefType) for t in (*comp.params, *comp.results))
