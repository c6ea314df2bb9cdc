"""Classes of plain data: `dataclasses`, as far as this house needs them, but cheap to make.

The decorator of the standard library compiles five functions for each class and loads `inspect` for
that. Dozens of such classes would be a quarter of what a small program waits for until it runs.
Here a class costs next to nothing: its constructor is compiled when it has made a few objects
without, and all else is shared. Type checkers and mypyc see the standard library's.
"""

from operator import attrgetter
from typing import TYPE_CHECKING, Any, Final, TypeVar

__all__ = ["dataclass", "field", "replace"]

_T = TypeVar("_T")
_MISSING: Final = object()
#: So many objects take less time than the compiler.
_FEW: Final = 8

if TYPE_CHECKING:
    from dataclasses import dataclass as dataclass
    from dataclasses import field as field
    from dataclasses import replace as replace
else:

    def dataclass(*, frozen=False, slots=False):
        """A decorator that gives a class a constructor of its annotated fields, equality, a
        representation, and a hash if it is `frozen`."""
        return lambda cls: _complete(cls, frozen, slots)

    def field(*, default=_MISSING, default_factory=None, compare=True, repr=True):
        """More about a field than its default."""
        return _Field(default, default_factory, compare, repr)

    def replace(record, **changes):
        """The same record with other values in some fields."""
        values = {name: getattr(record, name) for name in record.__match_args__}
        return type(record)(**(values | changes))


class _Field:
    """What there is to know about a field but its name."""

    __slots__ = ("compare", "default", "factory", "repr")

    def __init__(self, default: Any, factory: Any = None, compare: bool = True, repr_: bool = True):
        self.default = default
        self.factory = factory
        self.compare = compare
        self.repr = repr_


def _fields(cls: type) -> dict[str, _Field]:
    found = {}
    for name in cls.__annotations__:
        given = cls.__dict__.get(name, _MISSING)
        found[name] = given if isinstance(given, _Field) else _Field(given)
    return found


def _complete(cls: Any, frozen: bool, slots: bool) -> Any:
    """The class with all that it gets: with slots another one, since they can only be said when a
    class is made. (One that mypyc compiled has no need of them.)"""
    fields, few = _fields(cls), _FEW

    def __init__(self: Any, *args: Any, **options: Any) -> None:  # noqa: N807 - it becomes one
        """For the first few objects. Then the real one is compiled, and takes its place; also for
        arguments that do not fit, which it knows how to refuse."""
        nonlocal few
        few -= 1
        if few < 0 or not _fill(self, fields, args, options):
            compiled = made.__init__ = _compile(made, fields, frozen)
            compiled(self, *args, **options)

    added = {"__init__": __init__, "__match_args__": tuple(fields)}
    if frozen:
        added |= {"__setattr__": _refuse, "__delattr__": _refuse}
    for name, method in _methods(fields, frozen).items():
        # a class without a `__hash__` of its own has None there, if it has an `__eq__`
        if cls.__dict__.get(name) is None:
            added[name] = method
    if slots and "__mypyc_attrs__" not in cls.__dict__:
        # all at once: each attribute that is set later makes Python look through the whole class
        dropped = {*fields, "__dict__", "__weakref__"}
        body = {name: value for name, value in cls.__dict__.items() if name not in dropped}
        made = type(cls)(cls.__name__, cls.__bases__, body | added | {"__slots__": tuple(fields)})
        made.__qualname__ = cls.__qualname__
        return made
    for name, spec in fields.items():
        if isinstance(cls.__dict__.get(name), _Field) and spec.default is not _MISSING:
            added[name] = spec.default
    for name, value in added.items():
        setattr(cls, name, value)
    made = cls
    return made


def _methods(fields: dict[str, _Field], frozen: bool) -> dict[str, Any]:
    """What a class gets unless it has it."""
    compared = [name for name, spec in fields.items() if spec.compare]
    shown = [name for name, spec in fields.items() if spec.repr]
    key: Any = attrgetter(*compared) if compared else type

    def __eq__(self: Any, other: object) -> Any:  # noqa: N807 - it becomes one
        return key(self) == key(other) if other.__class__ is self.__class__ else NotImplemented

    def __hash__(self: Any) -> int:  # noqa: N807 - it becomes one
        return hash(key(self))

    def __repr__(self: Any) -> str:  # noqa: N807 - it becomes one
        values = ", ".join(f"{name}={getattr(self, name)!r}" for name in shown)
        return f"{type(self).__qualname__}({values})"

    def __reduce__(self: Any) -> Any:  # noqa: N807 - it becomes one
        return type(self), tuple([getattr(self, name) for name in fields])

    found = {"__eq__": __eq__, "__repr__": __repr__, "__reduce__": __reduce__}
    return found | {"__hash__": __hash__ if frozen else None}


def _refuse(self: Any, name: str, *_: object) -> None:
    raise AttributeError(f"cannot assign to field {name!r}")


def _fill(
    self: Any, fields: dict[str, _Field], args: tuple[Any, ...], options: dict[str, Any]
) -> bool:
    """Give a new object its fields, if these arguments are right."""
    values = dict(zip(fields, args))
    if len(args) > len(fields) or not options.keys() <= fields.keys() - values.keys():
        return False
    values |= options
    for name, spec in fields.items():
        if name not in values:
            if spec.factory is not None:
                values[name] = spec.factory()
            elif spec.default is not _MISSING:
                values[name] = spec.default
            else:
                return False
    for name, value in values.items():
        object.__setattr__(self, name, value)
    if hasattr(self, "__post_init__"):
        self.__post_init__()
    return True


def _compile(cls: Any, fields: dict[str, _Field], frozen: bool) -> Any:
    known: dict[str, Any] = {"MISSING": _MISSING, "assign": object.__setattr__}
    parameters, lines = ["self"], []
    for name, spec in fields.items():
        value = name
        if spec.factory is not None:
            known[f"make_{name}"] = spec.factory
            parameters.append(f"{name}=MISSING")
            value = f"make_{name}() if {name} is MISSING else {name}"
        elif spec.default is not _MISSING:
            known[f"default_{name}"] = spec.default
            parameters.append(f"{name}=default_{name}")
        else:
            parameters.append(name)
        lines.append(f"assign(self, {name!r}, {value})" if frozen else f"self.{name} = {value}")
    if hasattr(cls, "__post_init__"):
        lines.append("self.__post_init__()")
    head = f"def __init__({', '.join(parameters)}):"
    exec("\n    ".join([head, *lines]), known)
    known["__init__"].__qualname__ = f"{cls.__qualname__}.__init__"
    return known["__init__"]
