"""The only place that says how indices and types of a component are written.

A `Scope` belongs to one component or type: it knows what each index is called and counts as
definitions are written.
"""

from collections.abc import Sequence
from typing import Final, final

from wadjet.component.component import Definition, Names, additions
from wadjet.component.types import (
    SORTS, AnyType, Borrow, CoreTypeDef, Decl, Enum, EqType, EqValue, ExportDecl, ExternName,
    ExternType, Flags, FuncType, Future, List, Map, ModuleAlias, ModuleDecl, Option, Own, Prim,
    Record, ResourceDef, Result, Shape, Stream, SubResource, Tuple, TypeUse, ValType, Variant,
    sort_of,
)  # fmt: skip
from wadjet.core.module import Module
from wadjet.core.text.notation import string
from wadjet.core.text.spelling import Space, Spelling
from wadjet.core.types import RecType, StructType, SubType

_OPAQUE: Final = RecType((SubType(StructType(())),))


@final
class Scope:
    """What the indices of one scope are called. `core` spells its core types."""

    __slots__ = ("_counts", "_spaces", "core")

    def __init__(
        self, parts: Sequence[Definition | Decl | ModuleDecl], names: Names | None = None
    ) -> None:
        given = Names() if names is None else names
        self._counts: Final = dict.fromkeys(SORTS, 0)
        core = Module(types=[group for part in parts for group in _core_types(part)])
        core.names.types = dict(given.maps.get("core type", {}))
        self.core: Final = Spelling(core)
        sizes = dict.fromkeys(SORTS, 0)
        for part in parts:
            sort, count = added(part)
            if sort:
                sizes[sort] += count
        self._spaces: Final = {s: Space(given.maps.get(s, {}), sizes[s]) for s in SORTS}
        self._spaces["core type"] = self.core.type

    def use(self, sort: str, index: int) -> str:
        """How a reference to an index is written."""
        return self._spaces[sort].use(index)

    def next(self, sort: str) -> int:
        """The index that the next definition of a sort gets."""
        return self._counts[sort]

    def define(self, sort: str) -> str:
        """What stands after the keyword of the next definition: `$name (;7;)` or `(;7;)`."""
        index = self._counts[sort]
        self._counts[sort] = index + 1
        return self._spaces[sort].define(index)

    def item(self, sort: str, index: int) -> str:
        """`(sort idx)`."""
        return f"({sort} {self.use(sort, index)})"

    # Types.

    def value(self, t: ValType) -> str:
        """A value type."""
        if isinstance(t, Prim):
            return t.name
        assert isinstance(t, int), "a component as written names types by index"
        return self.use("type", t)

    def _maybe(self, t: ValType | None) -> str:
        return "" if t is None else f" {self.value(t)}"

    def func(self, t: FuncType) -> str:
        """`async (param "x" t)… (result t)`, with a space before each."""
        params = "".join([f" (param {string(label)} {self.value(p)})" for label, p in t.params])
        result = "" if t.result is None else f" (result {self.value(t.result)})"
        return f"{' async' if t.is_async else ''}{params}{result}"

    def deftype(self, t: AnyType) -> str:
        """A type that is no scope of its own."""
        match t:
            case Prim():
                return t.name
            case FuncType():
                return f"(func{self.func(t)})"
            case ResourceDef(rep, dtor):
                after = "" if dtor is None else f" (dtor {self.item('core func', dtor)})"
                return f"(resource (rep {rep}){after})"
        assert isinstance(t, Shape), t
        return f"({self._shape(t)})"

    def _shape(self, t: Shape) -> str:
        match t:
            case Record(fields):
                every = [f" (field {string(label)} {self.value(f)})" for label, f in fields]
                return f"record{''.join(every)}"
            case Variant(cases):
                every = [f" (case {string(label)}{self._maybe(c)})" for label, c in cases]
                return f"variant{''.join(every)}"
            case List(element, length):
                return f"list {self.value(element)}{'' if length is None else f' {length}'}"
            case Map(key, value):
                return f"map {self.value(key)} {self.value(value)}"
            case Tuple(items):
                return f"tuple{''.join([self._maybe(item) for item in items])}"
            case Flags(labels) | Enum(labels):
                word = "flags" if isinstance(t, Flags) else "enum"
                return f"{word}{''.join([f' {string(label)}' for label in labels])}"
            case Option(some):
                return f"option {self.value(some)}"
            case Result(ok, error):
                after = "" if error is None else f" (error {self.value(error)})"
                return f"result{self._maybe(ok)}{after}"
            case Own(resource) | Borrow(resource):
                assert isinstance(resource, int), "a component as written names types by index"
                return f"{'own' if isinstance(t, Own) else 'borrow'} {self.use('type', resource)}"
            case Stream(element):
                return f"stream{self._maybe(element)}"
            case Future(element):
                return f"future{self._maybe(element)}"
        raise AssertionError(t)

    def extern(self, t: ExternType, bind: bool = True) -> str:
        """`(sort (;7;) type)`, of an import or export; `bind` says whether it is the definition."""
        sort = sort_of(t)
        head = f"{sort} {self.define(sort)}" if bind else sort
        return f"({head} {self._extern_type(t)})"

    def _extern_type(self, t: ExternType) -> str:
        match t:
            case TypeUse(sort, index):
                space = "core type" if sort == "core module" else "type"
                return f"(type {self.use(space, index)})"
            case EqType(index):
                return f"(eq {self.use('type', index)})"
            case SubResource():
                return "(sub resource)"
            case EqValue(index):
                return f"(eq {self.use('value', index)})"
        return self.value(t.type)


def extern_name(n: ExternName) -> str:
    """The name of an import or export with its attributes."""
    return " ".join([string(n.name), *[f"({a.kind} {string(a.text)})" for a in n.attributes]])


def added(part: Definition | Decl | ModuleDecl) -> tuple[str, int]:
    """The index space that a definition or declarator adds to, and how many entries."""
    if isinstance(part, ExportDecl):
        return sort_of(part.type), 1
    if isinstance(part, ModuleAlias):
        return "core type", 1
    return additions(part) if isinstance(part, Definition) else ("", 0)


def _core_types(part: Definition | Decl | ModuleDecl) -> list[RecType]:
    """The core types that a definition adds, opaque where they are no types of functions, structs
    and so on."""
    if isinstance(part, CoreTypeDef):
        return [part.type] if isinstance(part.type, RecType) else [_OPAQUE]
    sort, count = added(part)
    return [_OPAQUE] * count if sort == "core type" else []
