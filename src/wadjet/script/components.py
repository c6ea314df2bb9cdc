"""Components in scripts: read, validated, instantiated, called, and their values compared."""

import struct
from typing import Any, Final, final

from wadjet.base.errors import Error
from wadjet.canon.classes import Classes
from wadjet.canon.root import Func, Instance, instantiate
from wadjet.canon.values import Err, Ok, Some
from wadjet.component import text
from wadjet.component.binary import decode
from wadjet.component.closed import closed
from wadjet.component.plan import Plan, plan
from wadjet.component.types import (
    BOOL, CHAR, F32, F64, STRING, U8, Defined, Enum, Flags, List, Map, Option, Prim, Record, Result,
    Tuple, ValType, Variant,
)  # fmt: skip
from wadjet.component.validate import ValidComponent, validate
from wadjet.core.features import Features
from wadjet.script.ast import (
    ComponentConst, Const, Either, FloatPattern, Invoke, Pattern, Source,
)  # fmt: skip


class Mismatch(Error):
    """What a script says does not fit what is there."""


def check(source: Source, features: Features) -> ValidComponent:
    """Read and validate a component. Raises Malformed or Invalid."""
    if source.form == "binary":
        component = decode(source.data, features)
    elif source.form == "quote":
        component = text.parse(source.data, features)
    else:
        component, _ = text.parse_at(source.tokens, source.at, features)
    return validate(component, features)


@final
class Components:
    """The components of one script and their instances, by name; None is the latest."""

    def __init__(self, features: Features, tier: str) -> None:
        self.features: Final = features
        self.tier: Final = tier
        self.plans: Final[dict[str | None, Plan]] = {}
        self.instances: Final[dict[str | None, Instance]] = {}
        self.registry: Final[dict[str, Instance]] = {}

    def define(self, source: Source) -> Plan:
        """Read and validate a component, and know it from now on."""
        for name in {None, source.name}:
            self.plans.pop(name, None)
        made = plan(check(source, self.features))
        for name in {None, source.name}:
            self.plans[name] = made
        return made

    def instantiate(self, component: str | None, instance: str | None) -> None:
        """Make an instance of a component that is known."""
        found = self.plans.get(component)
        if found is None:
            raise Mismatch(f"no component {component or ''}")
        for name in {None, instance}:
            self.instances.pop(name, None)
        made = self.make(found)
        for name in {None, instance}:
            self.instances[name] = made

    def make(self, component: Plan) -> Instance:
        """An instance with what is registered as its imports."""
        wanted = component.valid.shape.imports
        given = {name: self.registry[name] for name in wanted if name in self.registry}
        return instantiate(component, given, tier=self.tier)

    def register(self, name: str, instance: str | None) -> None:
        """Offer an instance under a name."""
        self.registry[name] = self._instance(instance)

    def _instance(self, name: str | None) -> Instance:
        found = self.instances.get(name)
        if found is None:
            raise Mismatch(f"no instance {name or ''}")
        return found

    def has(self, name: str | None) -> bool:
        """Whether an instance of this name is one of a component."""
        return name in self.instances

    def invoke(self, action: Invoke) -> tuple[Func, Any]:
        """Call a function: the function, and what it returned; results are `Ok` or `Err`."""
        instance = self._instance(action.module)
        func = instance.exports.get(action.name)
        if not isinstance(func, Func):
            raise Mismatch(f"no exported function {action.name!r}")
        classes = instance.inst.program.classes
        types = [closed(t) for _, t in func.type.params]
        if len(types) != len(action.args):
            raise Mismatch(f"{action.name} takes {len(types)} arguments")
        args = [to_python(value, t, classes) for value, t in zip(action.args, types, strict=True)]
        return func, func.calls("return")(*args)

    def compare(self, func: Func, expected: list[Pattern], value: Any) -> None:
        """Raise Mismatch unless a function returned what is expected."""
        if func.type.result is None:
            if expected:
                raise Mismatch(f"expected {expected}, got nothing")
            return
        if len(expected) != 1 or not matches(expected[0], closed(func.type.result), value):
            raise Mismatch(f"expected {expected}, got {value!r}")


# --- values ---------------------------------------------------------------------------------------


def to_python(value: Pattern, t: Prim | Defined, classes: Classes) -> Any:
    """A constant of a script as a value of a type."""
    if isinstance(value, Const) and isinstance(t, Prim):
        return _float(value.bits, t) if t is F32 or t is F64 else value.bits
    if not isinstance(value, ComponentConst):
        raise Mismatch(f"{value} is no value of a component")
    if isinstance(t, Prim):
        return _prim(value, t)
    parts: list[Any] = value.parts
    match t.shape:
        case Record():
            make, _ = classes.record(t)
            return make(*[to_python(v, p, classes) for (_, v), p in _fields(parts, t.shape)])
        case Tuple(items):
            return tuple([to_python(v, closed(p), classes) for v, p in zip(parts, items)])
        case List(element, length):
            made = [to_python(v, closed(element), classes) for v in parts]
            return bytes(made) if element is U8 and length is None else made
        case Map(key, each):
            pair = Defined(Tuple((key, each)))
            return dict([to_python(v, pair, classes) for v in parts])
        case Enum(labels):
            return classes.enum(t)[labels.index(parts[0])]
        case Flags(labels):
            return classes.flags(t)(sum(1 << labels.index(p) for p in parts))
    return _case(value, t, classes)


def _case(value: ComponentConst, t: Defined, classes: Classes) -> Any:
    parts: list[Any] = value.parts
    match t.shape:
        case Option(some):
            if value.kind == "option.none":
                return None
            made = to_python(parts[0], closed(some), classes)
            nested = isinstance(some, Defined) and isinstance(some.shape, Option)
            return Some(made) if nested else made
        case Result(ok, error):
            part = ok if value.kind == "result.ok" else error
            make: Any = Ok if value.kind == "result.ok" else Err
            return make(None if part is None else to_python(parts[0], closed(part), classes))
        case Variant(cases):
            index = [label for label, _ in cases].index(parts[0])
            make, payload = classes.variant(t)[index], cases[index][1]
            return (
                make() if payload is None else make(to_python(parts[1], closed(payload), classes))
            )
    raise Mismatch(f"{value} is no value of a component")


def _fields(parts: list[Any], shape: Record) -> list[tuple[Any, Prim | Defined]]:
    if [label for label, _ in parts] != [label for label, _ in shape.fields]:
        raise Mismatch(f"a record has the fields {[label for label, _ in shape.fields]}")
    return list(zip(parts, [closed(t) for _, t in shape.fields], strict=True))


def _prim(value: ComponentConst, t: Prim) -> Any:
    part = value.parts[0] if value.parts else None
    if t is BOOL:
        return bool(part)
    if t is CHAR or t is STRING or isinstance(part, str):
        return part
    assert isinstance(part, int)
    bits = int(t.name[1:])
    part &= (1 << bits) - 1
    return part - (1 << bits) if t.name[0] == "s" and part >> bits - 1 else part


def _float(bits: int, t: Prim) -> float:
    size, letter = (4, "<f") if t is F32 else (8, "<d")
    value: float = struct.unpack(letter, bits.to_bytes(size, "little"))[0]
    return value


def matches(pattern: Pattern, t: Prim | Defined, value: Any) -> bool:
    """Whether a value of a type is what a script expects."""
    if isinstance(pattern, Either):
        return any(matches(choice, t, value) for choice in pattern.choices)
    if isinstance(pattern, FloatPattern):
        return isinstance(value, float) and value != value
    if isinstance(t, Prim):
        return _same(to_python(pattern, t, _NO_CLASSES), value)
    if not isinstance(pattern, ComponentConst):
        return False
    parts: list[Any] = pattern.parts
    match t.shape:
        case Record():
            fields = _fields(parts, t.shape)
            got = [getattr(value, name) for name in type(value).__match_args__]
            return all(matches(v, p, x) for ((_, v), p), x in zip(fields, got, strict=True))
        case Tuple(items):
            return _all(parts, items, value)
        case List(element, _):
            return len(parts) == len(value) and _all(parts, [element] * len(parts), list(value))
        case Map(key, each):
            pair = Defined(Tuple((key, each)))
            return len(parts) == len(value) and _all(parts, [pair] * len(parts), [*value.items()])
        case Enum(labels):
            return bool(value.value == labels.index(parts[0]))
        case Flags(labels):
            return bool(value.value == sum(1 << labels.index(p) for p in parts))
    return _matches_case(pattern, t, value)


def _matches_case(pattern: ComponentConst, t: Defined, value: Any) -> bool:
    parts: list[Any] = pattern.parts
    match t.shape:
        case Option(some):
            if pattern.kind == "option.none":
                return value is None
            inner = value.value if isinstance(value, Some) else value
            return value is not None and matches(parts[0], closed(some), inner)
        case Result(ok, error):
            good = pattern.kind == "result.ok"
            part = ok if good else error
            if not isinstance(value, Ok if good else Err):
                return False
            return part is None or matches(parts[0], closed(part), value.value)
        case Variant(cases):
            index = [label for label, _ in cases].index(parts[0])
            if type(value).__name__.lower() != str(parts[0]).replace("-", "").lower():
                return False
            payload = cases[index][1]
            return payload is None or matches(parts[1], closed(payload), value.value)
    return False


def _all(parts: list[Any], types: "tuple[ValType, ...] | list[ValType]", values: Any) -> bool:
    return all(matches(p, closed(t), v) for p, t, v in zip(parts, types, values, strict=True))


def _same(expected: Any, value: Any) -> bool:
    if isinstance(expected, float) and isinstance(value, float):
        return struct.pack("<d", expected) == struct.pack("<d", value) or (
            expected != expected and value != value
        )
    return bool(expected == value and isinstance(value, bool) == isinstance(expected, bool))


_NO_CLASSES: Final[Any] = None
