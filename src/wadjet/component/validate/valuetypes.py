"""Value and function types: what is written becomes closed (Explainer.md, "Type Definitions")."""

from collections.abc import Iterable
from dataclasses import replace

from wadjet.component import limits
from wadjet.component.abi import elem_size
from wadjet.component.names import is_label
from wadjet.component.types import (
    CHAR, ERROR_CONTEXT, KEYS, Borrow, Defined, Enum, Flags, FuncType, Future, List, Map, Option,
    Own, Prim, Record, ResourceType, Result, Shape, Stream, Tuple, ValType, Variant,
)  # fmt: skip
from wadjet.component.validate.scope import Scope
from wadjet.core.types import I64


def close_value(scope: Scope, t: ValType, place: int) -> Prim | Defined:
    """What a value type means."""
    if isinstance(t, int):
        return scope.value_type(t, place)
    if t is ERROR_CONTEXT:
        scope.session.require("cm-error-context", "the type error-context", place)
    return t


def _maybe(scope: Scope, t: ValType | None, place: int) -> Prim | Defined | None:
    return None if t is None else close_value(scope, t, place)


def close_shape(scope: Scope, shape: Shape, place: int) -> Defined:
    """A new value type for a definition."""
    _check_shape(scope, shape, place)
    made = Defined(_close(scope, shape, place))
    _check_closed(scope, made.shape, place)
    scope.session.bounded(made, place)
    if elem_size(made, I64) >= limits.VALUE_SIZE:
        scope.fail(f"type exceeds maximum byte size: {limits.VALUE_SIZE - 1}", place)
    return made


def _close(scope: Scope, shape: Shape, place: int) -> Shape:
    match shape:
        case Record(fields):
            return Record(tuple([(label, close_value(scope, t, place)) for label, t in fields]))
        case Variant(cases):
            return Variant(tuple([(label, _maybe(scope, t, place)) for label, t in cases]))
        case Tuple(items):
            return Tuple(tuple([close_value(scope, t, place) for t in items]))
        case List(element, length):
            return List(close_value(scope, element, place), length)
        case Map(key, value):
            return Map(close_value(scope, key, place), close_value(scope, value, place))
        case Option(some):
            return Option(close_value(scope, some, place))
        case Result(ok, error):
            return Result(_maybe(scope, ok, place), _maybe(scope, error, place))
        case Stream(element):
            return Stream(_maybe(scope, element, place))
        case Future(element):
            return Future(_maybe(scope, element, place))
        case Own(resource):
            return Own(_resource(scope, resource, place))
        case Borrow(resource):
            return Borrow(_resource(scope, resource, place))
    return shape


def _resource(scope: Scope, resource: int | ResourceType, place: int) -> ResourceType:
    assert isinstance(resource, int), "a component as written names types by index"
    return scope.resource_type(resource, place)


def _check_shape(scope: Scope, shape: Shape, place: int) -> None:
    """What can be said about a type as it is written: how many parts, and what they are called."""
    match shape:
        case Record(fields):
            if not fields:
                scope.fail("record type must have at least one field", place)
            check_labels(scope, [label for label, _ in fields], "record field", "field", place)
        case Variant(cases):
            if not cases:
                scope.fail("variant type must have at least one case", place)
            check_labels(scope, [label for label, _ in cases], "variant case", "case", place)
        case Tuple(items) if not items:
            scope.fail("tuple type must have at least one type", place)
        case Flags(labels):
            if not labels:
                scope.fail("flags must have at least one entry", place)
            if len(labels) > 32:
                scope.fail("cannot have more than 32 flags", place)
            check_labels(scope, labels, "flag", "flag", place)
        case Enum(labels):
            if not labels:
                scope.fail("enum type must have at least one variant", place)
            check_labels(scope, labels, "enum tag", "tag", place)
        case List(_, int(length)):
            scope.session.require("cm-fixed-length-lists", "a list of fixed length", place)
            if length == 0:
                scope.fail("fixed-length lists must have more than zero elements", place)
        case Map():
            scope.session.require("cm-map", "a map", place)
        case Stream() | Future():
            scope.session.require("cm-async", "a stream or future", place)


def _check_closed(scope: Scope, shape: Shape, place: int) -> None:
    """What can be said only when it is known what the parts are."""
    match shape:
        case Map(key) if key not in KEYS:
            scope.fail("a map key must be a bool, an integer, a char or a string", place)
        case Stream(element) if element is CHAR:
            scope.fail("`stream<char>` is not valid at this time, use `stream<u8>`", place)
        case Stream(element) | Future(element):
            if isinstance(element, Defined) and element.borrows:
                scope.fail("a stream or future cannot contain a `borrow` type", place)


def check_labels(scope: Scope, labels: Iterable[str], what: str, previous: str, place: int) -> None:
    """Labels are words and acronyms, and no two of them alike but for case."""
    seen: dict[str, str] = {}
    for label in labels:
        key = label.lower()
        if not label:
            scope.fail(f"{what} name cannot be empty", place)
        if not is_label(label):
            scope.fail(f"{what} name `{label}` is not in kebab case", place)
        if key in seen:
            conflict = f"conflicts with previous {previous} name `{seen[key]}`"
            scope.fail(f"{what} name `{label}` {conflict}", place)
        seen[key] = label


def close_func(scope: Scope, t: FuncType, place: int) -> FuncType:
    """What a function type means."""
    if t.is_async:
        scope.session.require("cm-async", "an async function", place)
    labels = [label for label, _ in t.params]
    check_labels(scope, labels, "function parameter", "parameter", place)
    params = tuple([(label, close_value(scope, p, place)) for label, p in t.params])
    result = _maybe(scope, t.result, place)
    if isinstance(result, Defined) and result.borrows:
        scope.fail("function result cannot contain a `borrow` type", place)
    made = replace(t, params=params, result=result)
    scope.session.bounded(made, place)
    return made
