"""What is wrong with a value of the host that could not be lowered: asked only after the fact."""

import struct
from array import array
from collections.abc import Sequence
from typing import Any, Final

from wadjet.canon.lowering import RANGES
from wadjet.component.closed import closed
from wadjet.component.types import (
    BOOL, CHAR, F32, F64, STRING, Defined, Enum, Flags, List, Map, Option, Prim, Record, Result,
    Tuple, Variant,
)  # fmt: skip
from wadjet.canon.naming import pascal, snake, upper

#: what lowering raises where a value does not fit
FAULTS: Final = (
    TypeError, ValueError, OverflowError, LookupError, AttributeError, struct.error,
)  # fmt: skip

Type = Prim | Defined


def explain(fault: Exception, values: Sequence[tuple[str, Type, Any]]) -> Exception:
    """The error to raise, with the path to what does not fit."""
    for label, t, value in values:
        found = _problem(f"`{label}`", t, value)
        if found is not None:
            return found
    if isinstance(fault, TypeError | ValueError | OverflowError):
        return fault
    return TypeError(f"a value does not fit: {fault}")


def _problem(path: str, t: Type, value: Any) -> Exception | None:
    if isinstance(t, Prim):
        return _of_prim(path, t, value)
    match t.shape:
        case Record(fields):
            return _of_record(path, fields, value)
        case Tuple(items):
            return _of_items(path, [closed(item) for item in items], value, "a tuple")
        case List(element, length):
            return _of_list(path, closed(element), length, value)
        case Map(key, each):
            return _of_map(path, closed(key), closed(each), value)
        case Option(some):
            return None if value is None else _of_payload(path, some, value)
        case Result(ok, error):
            return _of_cases(path, {"Ok": ok, "Err": error}, value)
        case Variant(cases):
            return _of_cases(path, {pascal(label): part for label, part in cases}, value)
        case Enum(labels):
            if getattr(value, "name", None) in [upper(label) for label in labels]:
                return None
            return _wanted(path, f"one of {', '.join(map(upper, labels))}", value)
        case Flags(labels):
            return _of_flags(path, len(labels), value)
    return None


def _wanted(path: str, what: str, value: Any) -> TypeError:
    return TypeError(f"{path} takes {what}, not {value!r:.100}")


def _of_prim(path: str, t: Prim, value: Any) -> Exception | None:
    if t in RANGES:
        low, high = RANGES[t]
        if not hasattr(type(value), "__index__"):
            return _wanted(path, "an int", value)
        if not low <= value <= high:
            return OverflowError(f"{path}: {t} takes {low} to {high}, not {value}")
    elif t is BOOL and not (isinstance(value, bool) or value in (0, 1)):
        return _wanted(path, "a bool", value)
    elif t is F32 or t is F64:
        if not isinstance(value, int | float) and not hasattr(value, "__float__"):
            return _wanted(path, "a number", value)
        if t is F32 and isinstance(value, float):
            try:
                struct.pack("<f", value)
            except OverflowError:
                return OverflowError(f"{path}: {value} is too large for an f32")
    elif t is CHAR:
        if not (isinstance(value, str) and len(value) == 1):
            return _wanted(path, "a str of one character", value)
    elif t is STRING and not isinstance(value, str):
        return _wanted(path, "a str", value)
    if (t is STRING or t is CHAR) and any("\ud800" <= c <= "\udfff" for c in value):
        return ValueError(f"{path} holds a surrogate, which is no Unicode scalar value")
    return None


def _of_record(path: str, fields: Sequence[tuple[str, Any]], value: Any) -> Exception | None:
    for label, part in fields:
        name = snake(label)
        if not hasattr(value, name):
            return _wanted(path, f"a record with the field {name}", value)
        found = _problem(f"{path}.{name}", closed(part), getattr(value, name))
        if found is not None:
            return found
    return None


def _of_items(path: str, types: Sequence[Type], value: Any, what: str) -> Exception | None:
    if not isinstance(value, tuple | list | array) or len(value) != len(types):
        return _wanted(path, f"{what} of {len(types)}", value)
    for i, (t, item) in enumerate(zip(types, value, strict=True)):
        found = _problem(f"{path}[{i}]", t, item)
        if found is not None:
            return found
    return None


def _of_list(path: str, element: Type, length: int | None, value: Any) -> Exception | None:
    try:
        items = list(value)
    except TypeError:
        return _wanted(path, "a list", value)
    if isinstance(value, str) or (length is not None and len(items) != length):
        return _wanted(path, "a list" if length is None else f"a list of {length}", value)
    for i, item in enumerate(items):
        found = _problem(f"{path}[{i}]", element, item)
        if found is not None:
            return found
    return None


def _of_map(path: str, key: Type, each: Type, value: Any) -> Exception | None:
    if not hasattr(value, "items"):
        return _wanted(path, "a dict", value)
    for k, v in value.items():
        found = _problem(f"a key of {path}", key, k) or _problem(f"{path}[{k!r}]", each, v)
        if found is not None:
            return found
    return None


def _of_payload(path: str, some: Any, value: Any) -> Exception | None:
    t = closed(some)
    if isinstance(t, Defined) and isinstance(t.shape, Option):
        if not hasattr(value, "value"):
            return _wanted(path, "None or a Some", value)
        value = value.value
    return _problem(path, t, value)


def _of_cases(path: str, cases: dict[str, Any], value: Any) -> Exception | None:
    name = type(value).__name__
    if name not in cases:
        return _wanted(path, f"one of {', '.join(cases)}", value)
    payload = cases[name]
    if payload is None:
        return None
    if not hasattr(value, "value"):
        return _wanted(path, f"a {name} with a value", value)
    return _problem(f"{path}.{name}", closed(payload), value.value)


def _of_flags(path: str, count: int, value: Any) -> Exception | None:
    bits = value if isinstance(value, int) else getattr(value, "value", None)
    if not isinstance(bits, int):
        return _wanted(path, "flags", value)
    return ValueError(f"{path}: there are no flags {bits:#x}") if bits >> count else None
