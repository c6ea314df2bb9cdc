"""Built-in functions (CanonicalABI.md, "Canonical Definitions"): the rules that the table of rows
does not tell, and the core types that it tells by signatures.
"""

from typing import Final, final

from wadjet.component.abi import flatten, flatten_functype, has_pointers
from wadjet.component.builtins import BY_NAME, Row
from wadjet.component.closed import ClosedType
from wadjet.component.component import Builtin, Immediate
from wadjet.component.types import Defined, FuncType, Future, Prim, Stream
from wadjet.component.validate.core import func_type
from wadjet.component.validate.options import (
    Canonical, Options, check_memory, need_memory, need_realloc, read_options, refuse,
)  # fmt: skip
from wadjet.component.validate.scope import Scope
from wadjet.component.validate.valuetypes import close_value
from wadjet.core import types as core
from wadjet.core.subtyping import match_ref
from wadjet.core.types import FUNC, I32, I64, DefType, ref

_STREAMS: Final[dict[str, type[Stream] | type[Future]]] = {"stream": Stream, "future": Future}
#: how many values of its own each thread has
_SLOTS: Final = 2


def builtin(scope: Scope, d: Builtin) -> Canonical:
    """Check a built-in function."""
    row = BY_NAME[d.name]
    if row.feature is not None:
        scope.session.require(row.feature, f"`{row.name}`", d.place)
    checker = _Checker(scope, row, d.place)
    for kind, immediate in zip(row.immediates, d.immediates, strict=True):
        checker.immediate(kind, immediate)
    return Canonical(d, checker.type, checker.core_type(), checker.options)


@final
class _Checker:
    """One built-in being checked. `words` are what the words of its signature stand for."""

    __slots__ = ("options", "place", "row", "scope", "shared", "type", "words")

    def __init__(self, scope: Scope, row: Row, place: int) -> None:
        self.scope: Final = scope
        self.row: Final = row
        self.place: Final = place
        self.options = Options()
        self.type: ClosedType | None = None
        self.shared = False
        self.words: Final[dict[str, core.ValType]] = {"i32": I32, "i64": I64}

    def immediate(self, kind: str, given: Immediate) -> None:
        """Check one immediate; those before it have been."""
        match kind, given:
            case "type", int(index):
                self._type(index)
            case "coretype", int(index):
                self._start(index)
            case "table", int(index):
                self._table(index)
            case "memory", int(index):
                self.options.memory = index
                self.options.ptr = check_memory(self.scope, index, self.place)
            case "opts", tuple(options):
                self.options = read_options(self.scope, options, self.place)
                self._options()
            case "result", int() | Prim():
                self.type = close_value(self.scope, given, self.place)
            case "valtype", core.ValType():
                self._slot_type(given)
            case "u32", int(slot):
                if slot >= _SLOTS:
                    self._fail(f"`{self.row.name}` immediate must be zero or one: {slot}")
            case "async", True:
                what = f"async `{self.row.name}`"
                self.scope.session.require("cm-more-async-builtins", what, self.place)
                self.options.is_async = True
            case "shared", bool(shared):
                self.shared = shared

    def core_type(self) -> DefType:
        """The type of the function, by the signature of its row."""
        if self.row.signature is None:
            return self._task_return()
        self.words["ptr"] = self.options.ptr
        params, _, results = self.row.signature.partition("->")
        return func_type(self._spelled(params), self._spelled(results), self.shared)

    def _spelled(self, words: str) -> tuple[core.ValType, ...]:
        return tuple([self.words[word] for word in words.split()])

    def _fail(self, message: str) -> None:
        self.scope.fail(message, self.place)

    def _wide(self, t: core.ValType, what: str) -> None:
        """Take i32, or i64 where that is on."""
        if t is I64:
            self.scope.session.require("cm-memory64", f"64-bit {what}", self.place)
        elif t is not I32:
            self._fail(f"`{self.row.name}` only supports `i32` or `i64`, not {t}")

    def _type(self, index: int) -> None:
        needs, scope = self.row.needs, self.scope
        if needs in _STREAMS:
            found = scope.value_type(index, self.place)
            if not (isinstance(found, Defined) and isinstance(found.shape, _STREAMS[needs])):
                self._fail(f"`{self.row.name}` requires a {needs} type")
            self.type = found
            return
        resource = scope.resource_type(index, self.place)
        self.type = resource
        if needs == "local":
            rep = resource.resource.rep
            if rep is None:
                scope.fail(f"type {index} is not a local resource", self.place)
            self.words["rep"] = rep

    def _start(self, index: int) -> None:
        """The type of the function that a thread starts with."""
        found = self.scope.at(self.scope.core_types, index, "type", self.place)
        comp = found.comp if isinstance(found, DefType) else None
        if not (isinstance(found, DefType) and isinstance(comp, core.FuncType)):
            self.scope.fail("start type must be a core function type", self.place)
        if len(comp.params) != 1 or comp.results:
            self._fail("start function must take a single argument and return nothing")
        if found.shared != self.shared:
            self._fail("start type must be shared exactly if the thread is")
        self._wide(comp.params[0], f"argument of `{self.row.name}`")
        self.words["arg"] = comp.params[0]
        self.words["start"] = ref(True, found)

    def _table(self, index: int) -> None:
        table = self.scope.at(self.scope.core_tables, index, "table", self.place)
        if table.shared != self.shared or not match_ref(
            table.element, ref(True, FUNC, shared=self.shared)
        ):
            self._fail("table is not a table of (ref null func), shared as the thread is")
        self._wide(table.limits.addr, f"table of `{self.row.name}`")
        self.words["index"] = table.limits.addr

    def _slot_type(self, t: core.ValType) -> None:
        self._wide(t, f"`{self.row.name}`")
        scope = self.scope
        if scope.context_slot not in (None, t):
            self._fail(f"`{self.row.name}` type must match previous context type")
        assert isinstance(t, core.NumType)
        scope.context_slot = t
        self.words["slot"] = t

    def _options(self) -> None:
        name, options, scope, place = self.row.name, self.options, self.scope, self.place
        refuse(scope, options, ("post-return", "callback"), f"`{name}`", place)
        if name == "task.return":
            refuse(scope, options, ("realloc", "async"), f"`{name}`", place)
        elif name.startswith("error-context"):
            refuse(scope, options, ("async",), f"`{name}`", place)
            need = need_memory if name == "error-context.new" else need_realloc
            need(scope, options, place)
        else:
            self._copy_options()

    def _copy_options(self) -> None:
        """Options of what reads from or writes to a stream or future."""
        if not self.options.is_async:
            what = f"synchronous `{self.row.name}`"
            self.scope.session.require("cm-more-async-builtins", what, self.place)
        assert isinstance(self.type, Defined)
        assert isinstance(self.type.shape, Stream | Future)
        element = self.type.shape.element
        if element is None:
            return
        need_memory(self.scope, self.options, self.place)
        if has_pointers(element) and self.row.name.endswith("read"):
            need_realloc(self.scope, self.options, self.place)

    def _task_return(self) -> DefType:
        """Results are passed as a lowered function would take them as parameters."""
        params: tuple[tuple[str, Prim | Defined], ...] = ()
        if isinstance(self.type, Prim | Defined):
            params = (("v", self.type),)
            flat = flatten(self.type, self.options.ptr)
            if has_pointers(self.type) or flat is None:
                need_memory(self.scope, self.options, self.place)
        made = flatten_functype(FuncType(params, None), self.options.ptr, "lower")
        return func_type(made.params, made.results)
