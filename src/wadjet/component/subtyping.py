"""The only place that knows when one type may stand for another (Explainer.md, "Type Checking").

Value types and functions must be equal; modules, instances and components may have more exports
and fewer imports than asked for. Types are closed. Where the type asked for is a variable in
resources, matching finds out what stands for them: the `renaming` afterwards puts it in their
place. Problems are told as text, None meaning that there is none.
"""

from collections.abc import Iterable
from typing import Final, final

from wadjet.component.closed import (
    ClosedType, ComponentShape, Extern, InstanceShape, ModuleShape, TypeBound, ValueBound, closed,
    sort_of,
)  # fmt: skip
from wadjet.component.renaming import Renaming, Work
from wadjet.component.types import (
    Borrow, Defined, Enum, Flags, FuncType, Future, List, Map, Option, Own, Prim, Record, Resource,
    ResourceType, Result, Shape, Stream, Tuple, Variant,
)  # fmt: skip
from wadjet.core.subtyping import ClosedExtern, ClosedFunc, ClosedTag, match_extern, match_ref
from wadjet.core.types import DefType, GlobalType, MemoryType, TableType
from wadjet.core.types import FuncType as CoreFuncType

_Value = Prim | int | Defined


@final
class Matcher:
    """Matches types that were found with types that are wanted. `variables` are the resources of
    wanted types that may stand for any resource, as long as nothing was found for them."""

    __slots__ = ("_equal", "_work", "renaming", "variables")

    def __init__(self, work: Work, variables: Iterable[Resource] = ()) -> None:
        self._work: Final = work
        self.variables: Final = set(variables)
        self.renaming: Final = Renaming(work)
        self._equal: Final[set[tuple[Defined, Defined]]] = set()

    # Imports and exports.

    def extern(self, found: Extern, wanted: Extern) -> str | None:
        """What keeps one import or export from standing for another."""
        self._work.spend()
        match found, wanted:
            case ModuleShape(), ModuleShape():
                return self._module(found, wanted)
            case FuncType(), FuncType():
                return self.func(found, wanted)
            case ValueBound(a), ValueBound(b):
                return self.value(a, b)
            case TypeBound(a), TypeBound(b):
                return self.type(a, b)
            case ComponentShape(), ComponentShape():
                return self.component(found, wanted)
            case InstanceShape(), InstanceShape():
                return self.instance(found, wanted)
        return f"expected {_kind(wanted)}, found {_kind(found)}"

    def _module(self, found: ModuleShape, wanted: ModuleShape) -> str | None:
        if found is wanted:
            return None
        self._work.spend(len(found.imports) + len(wanted.exports))
        for (module, name), asked in found.imports.items():
            given = wanted.imports.get((module, name))
            if given is None:
                return f"missing expected import `{module}::{name}`"
            problem = core_problem(given, asked)
            if problem is not None:
                return f"type mismatch in import `{module}::{name}`: {problem}"
        for name, asked in wanted.exports.items():
            given = found.exports.get(name)
            if given is None:
                return f"missing expected export `{name}`"
            problem = core_problem(given, asked)
            if problem is not None:
                return f"type mismatch in export `{name}`: {problem}"
        return None

    def instance(self, found: InstanceShape, wanted: InstanceShape) -> str | None:
        """What keeps one instance from standing for another."""
        self.variables.update(wanted.made)
        for name, asked in wanted.exports.items():
            given = found.exports.get(name)
            if given is None:
                return f"missing expected export `{name}`"
            problem = self.extern(given, asked)
            if problem is not None:
                return f"type mismatch in instance export `{name}`: {problem}"
        return None

    def component(self, found: ComponentShape, wanted: ComponentShape) -> str | None:
        """What keeps one component from standing for another: it must do with the imports of the
        other, and, given them, have its exports."""
        wanted = self.renaming.component(wanted)
        if found is wanted:
            return None
        inner = Matcher(self._work, found.taken)
        for name, asked in found.imports.items():
            given = wanted.imports.get(name)
            if given is None:
                return f"missing expected import `{name}`"
            problem = inner.extern(given, asked)
            if problem is not None:
                return f"type mismatch in import `{name}`: {problem}"
        outer = Matcher(self._work, wanted.made)
        for name, asked in wanted.exports.items():
            given = found.exports.get(name)
            if given is None:
                return f"missing expected export `{name}`"
            problem = outer.extern(inner.renaming.extern(given), asked)
            if problem is not None:
                return f"type mismatch in component export `{name}`: {problem}"
        return None

    # Types.

    def type(self, found: ClosedType, wanted: ClosedType) -> str | None:
        """What keeps a type from being the one that is wanted."""
        problem: str | None
        match found, wanted:
            case ResourceType(), ResourceType():
                return self._introduce(found, wanted)
            case Defined(), Prim():
                return f"expected primitive, found {_noun(found)}"
            case Prim() | Defined(), Prim() | Defined():
                problem = self.value(found, wanted)
            case FuncType(), FuncType():
                problem = self.func(found, wanted)
            case InstanceShape(), InstanceShape():
                problem = self.instance(found, wanted)
                if problem is None:
                    back = Matcher(self._work)
                    problem = back.instance(self.renaming.instance(wanted), found)
            case ComponentShape(), ComponentShape():
                problem = self.component(found, wanted)
                if problem is None:
                    back = Matcher(self._work)
                    problem = back.component(self.renaming.component(wanted), found)
            case _:
                problem = f"expected {_type_kind(wanted)}, found {_type_kind(found)}"
        if problem is None:
            self.renaming.name(wanted, found)
        return problem

    def _introduce(self, found: ResourceType, wanted: ResourceType) -> str | None:
        """A name for a resource; the first one tells what a variable stands for."""
        if wanted.resource in self.variables:
            self.variables.discard(wanted.resource)
            self.renaming.resources[wanted.resource] = found.resource
        self.renaming.name(wanted, found)
        return self._resource(found, wanted)

    def _resource(self, found: int | ResourceType, wanted: int | ResourceType) -> str | None:
        assert isinstance(found, ResourceType), "types that are matched are closed"
        assert isinstance(wanted, ResourceType), "types that are matched are closed"
        if self.renaming.resource(wanted.resource) is found.resource:
            return None
        return "resource types are not the same"

    def func(self, found: FuncType, wanted: FuncType) -> str | None:
        """What keeps two functions from being equal."""
        if found.is_async != wanted.is_async:
            kinds = ("a sync", "an async")
            return f"expected {kinds[wanted.is_async]} function, found {kinds[found.is_async]} one"
        if len(found.params) != len(wanted.params):
            return f"expected {len(wanted.params)} parameters, found {len(found.params)}"
        for (a, given), (b, asked) in zip(found.params, wanted.params):
            if a != b:
                return f"expected parameter named `{b}`, found `{a}`"
            problem = self.value(given, asked)
            if problem is not None:
                return f"type mismatch in function parameter `{b}`: {problem}"
        if wanted.result is None:
            given_none = found.result is None
            return None if given_none else "the given function expected a result, found none"
        if found.result is None:
            return "the given function has no result, expected one"
        problem = self.value(found.result, wanted.result)
        return None if problem is None else f"type mismatch with result type: {problem}"

    # Value types.

    def value(self, found: _Value, wanted: _Value) -> str | None:
        """What keeps two value types from being equal."""
        self._work.spend()
        found, wanted = closed(found), closed(wanted)
        if isinstance(found, Prim):
            if isinstance(wanted, Prim):
                same = found is wanted
                return None if same else f"expected primitive `{wanted}` found primitive `{found}`"
            return f"expected {_noun(wanted)}, found {found}"
        if isinstance(wanted, Prim):
            return f"expected {wanted}, found {_noun(found)}"
        if (found is wanted and not found.handles) or (found, wanted) in self._equal:
            return None
        if type(found.shape) is not type(wanted.shape):
            return f"expected {_noun(wanted)}, found {_noun(found)}"
        problem = self._shape(found.shape, wanted.shape)
        if problem is None:
            self._equal.add((found, wanted))
        return problem

    def _shape(self, found: Shape, wanted: Shape) -> str | None:
        match found, wanted:
            case Record(a), Record(b):
                return self._record(a, b)
            case Variant(a), Variant(b):
                return self._variant(a, b)
            case Tuple(a), Tuple(b):
                return self._tuple(a, b)
            case Flags(a), Flags(b):
                return None if a == b else "mismatch in flags elements"
            case Enum(a), Enum(b):
                return None if a == b else "mismatch in enum elements"
            case List(a, n), List(b, m):
                if n != m:
                    return f"expected {m or 'no'} elements by type, found {n or 'no'}"
                return _within("list element", self.value(a, b))
            case Map(key, value), Map(asked_key, asked_value):
                problem = _within("map key", self.value(key, asked_key))
                return problem or _within("map value", self.value(value, asked_value))
            case Option(a), Option(b):
                return _within("option", self.value(a, b))
            case Result(ok, error), Result(asked_ok, asked_error):
                problem = _within("ok variant", self._maybe(ok, asked_ok, "ok"))
                return problem or _within("err variant", self._maybe(error, asked_error, "err"))
            case (Stream(a), Stream(b)) | (Future(a), Future(b)):
                return _within(_word(wanted), self._maybe(a, b, "element"))
            case (Own(a), Own(b)) | (Borrow(a), Borrow(b)):
                return self._resource(a, b)
        raise AssertionError(found)

    def _record(
        self, found: tuple[tuple[str, _Value], ...], wanted: tuple[tuple[str, _Value], ...]
    ) -> str | None:
        if len(found) != len(wanted):
            return f"expected {len(wanted)} fields, found {len(found)}"
        for (a, given), (b, asked) in zip(found, wanted):
            if a != b:
                return f"expected field name `{b}`, found `{a}`"
            problem = self.value(given, asked)
            if problem is not None:
                return f"type mismatch in record field `{b}`: {problem}"
        return None

    def _variant(
        self,
        found: tuple[tuple[str, _Value | None], ...],
        wanted: tuple[tuple[str, _Value | None], ...],
    ) -> str | None:
        if len(found) != len(wanted):
            return f"expected {len(wanted)} cases, found {len(found)}"
        for (a, given), (b, asked) in zip(found, wanted):
            if a != b:
                return f"expected case named `{b}`, found `{a}`"
            if asked is None and given is None:
                continue
            if asked is None:
                return f"expected case `{b}` to have no type"
            if given is None:
                return f"expected case `{b}` to have a type, found none"
            problem = self.value(given, asked)
            if problem is not None:
                return f"type mismatch in variant case `{b}`: {problem}"
        return None

    def _tuple(self, found: tuple[_Value, ...], wanted: tuple[_Value, ...]) -> str | None:
        if len(found) != len(wanted):
            return f"expected {len(wanted)} types, found {len(found)}"
        for i, (given, asked) in enumerate(zip(found, wanted)):
            problem = self.value(given, asked)
            if problem is not None:
                return f"type mismatch in tuple field {i}: {problem}"
        return None

    def _maybe(self, found: _Value | None, wanted: _Value | None, what: str) -> str | None:
        if wanted is None:
            return None if found is None else f"expected {what} type to not be present"
        if found is None:
            return f"expected {what} type, but found none"
        return self.value(found, wanted)


def _within(what: str, problem: str | None) -> str | None:
    return None if problem is None else f"type mismatch in {what}: {problem}"


def _kind(extern: Extern) -> str:
    return sort_of(extern).removeprefix("core ")


def _type_kind(t: ClosedType) -> str:
    match t:
        case ResourceType():
            return "resource"
        case Prim() | Defined():
            return "defined type"
        case FuncType():
            return "func"
        case InstanceShape():
            return "instance"
    return "component"


def _noun(t: Defined) -> str:
    return _word(t.shape)


def _word(shape: Shape) -> str:
    return type(shape).__name__.lower()


# --- core definitions -----------------------------------------------------------------------------


def core_problem(found: ClosedExtern, wanted: ClosedExtern) -> str | None:
    """What keeps one core definition from standing for another (core specification, 3.3.16)."""
    if match_extern(found, wanted):
        return None
    match found, wanted:
        case ClosedFunc(a), ClosedFunc(b):
            return f"expected: {spell_func(b)} found: {spell_func(a)}"
        case ClosedTag(a), ClosedTag(b):
            return f"expected: {spell_func(b)} found: {spell_func(a)}"
        case GlobalType(), GlobalType():
            if found.mutable != wanted.mutable:
                return "mismatch in mutability of globals"
            return f"expected global type {wanted.value}, found {found.value}"
        case TableType(), TableType():
            return _table_problem(found, wanted)
        case MemoryType(), MemoryType():
            return _memory_problem(found, wanted)
    return f"expected {core_kind(wanted)}, found {core_kind(found)}"


def _table_problem(found: TableType, wanted: TableType) -> str:
    a, b = found.element, wanted.element
    if not (match_ref(a, b) and match_ref(b, a)):
        return f"expected table element type {b}, found {a}"
    if found.limits.addr is not wanted.limits.addr:
        return "mismatch in index type used for tables"
    if found.shared != wanted.shared:
        return "mismatch in the shared flag for tables"
    return "mismatch in table limits"


def _memory_problem(found: MemoryType, wanted: MemoryType) -> str:
    if found.shared != wanted.shared:
        return "mismatch in the shared flag for memories"
    if found.limits.addr is not wanted.limits.addr:
        return "mismatch in index type used for memories"
    if found.page_log2 != wanted.page_log2:
        return "mismatch in page size for memories"
    return "mismatch in memory limits"


def core_kind(extern: ClosedExtern) -> str:
    """What kind of core definition has this type."""
    match extern:
        case ClosedFunc():
            return "func"
        case ClosedTag():
            return "tag"
        case GlobalType():
            return "global"
        case TableType():
            return "table"
    return "memory"


def spell_func(t: DefType) -> str:
    """A core function type as text has it."""
    assert isinstance(t.comp, CoreFuncType), "functions and tags have function types"
    params = "".join(f" {p}" for p in t.comp.params)
    results = "".join(f" {r}" for r in t.comp.results)
    params = f" (param{params})" if params else ""
    return f"(func{params}{f' (result{results})' if results else ''})"
