"""Component values as Python sees them, and the makers of their classes.

    bool, s8 … u64, f32, f64     bool, int, float
    char, string                 str (of one scalar value; of any number)
    list<u8>                     bytes; any buffer is taken
    list of other numbers        array.array; any buffer of that format or sequence is taken
    list, list of fixed length   list; any sequence is taken
    map, tuple                   dict, tuple
    record                       a class of its own: a frozen dataclass with slots, by `record`
    variant                      a class of its own with a class for each case, by `variant`
    enum, flags                  an `enum.Enum`, an `enum.Flag`, by `enumeration` and `flags`
    option                       None or the value; `Some(value)` if the value is an option itself
    result                       `Ok(value)` or `Err(value)`; a function whose result it is
                                 returns the value, or raises `ResultError`
    own, borrow                  the host's own object, or a `wadjet.Resource` of the guest

A function that is given a value takes any object with the right attributes for a record, and the
classes of another component that have the same names for variants, enums and flags.
"""

import dataclasses
import enum
from collections.abc import Iterable, Sequence
from itertools import starmap
from operator import attrgetter
from typing import Any, ClassVar, Final, Generic, NoReturn, TypeVar, final

from wadjet.base.errors import Error

_T = TypeVar("_T")

# --- what results and options are -----------------------------------------------------------------


class _Frozen:
    """What cannot be changed once it is made."""

    __slots__ = ()

    def __setattr__(self, name: str, value: object) -> NoReturn:
        raise dataclasses.FrozenInstanceError(f"cannot assign to field {name!r}")

    def __delattr__(self, name: str) -> NoReturn:
        raise dataclasses.FrozenInstanceError(f"cannot delete field {name!r}")


class _Holder(_Frozen, Generic[_T]):
    """Something that holds one value and never another."""

    __slots__ = ("value",)
    __match_args__ = ("value",)
    value: _T

    def __eq__(self, other: object) -> bool:
        if type(self) is not type(other):
            return NotImplemented
        return bool(self.value == other.value)

    def __hash__(self) -> int:
        return hash((type(self), self.value))

    def __repr__(self) -> str:
        return f"{type(self).__qualname__}({self.value!r})"

    def __reduce__(self) -> tuple[object, tuple[_T]]:
        return type(self), (self.value,)


_hold: Final = _Holder.__dict__["value"].__set__


@final
class Some(_Holder[_T]):
    """An option that has a value, where the value may be None itself."""

    __slots__ = ()

    def __init__(self, value: _T) -> None:
        _hold(self, value)


@final
class Ok(_Holder[_T]):
    """The good side of a result; `value` is None where that side has no value."""

    __slots__ = ()

    def __init__(self, value: _T = None) -> None:  # type: ignore[assignment]  # for Ok[None] alone
        _hold(self, value)


@final
class Err(_Holder[_T]):
    """The bad side of a result; `value` is None where that side has no value."""

    __slots__ = ()

    def __init__(self, value: _T = None) -> None:  # type: ignore[assignment]  # for Err[None] alone
        _hold(self, value)


class ResultError(Error):
    """A function answered with the bad side of its result: `value` is what it tells.

    A host function that raises one answers so.
    """

    def __init__(self, value: object = None) -> None:
        super().__init__(value)
        self.value = value

    def __str__(self) -> str:
        return "the function failed" if self.value is None else f"{self.value}"


@final
class ErrorContext:
    """What a guest or host tells of an error beside its value (`error-context`)."""

    __slots__ = ("__weakref__", "debug_message")

    def __init__(self, debug_message: str = "") -> None:
        #: for people: it may be cut short, or be missing
        self.debug_message: Final = debug_message

    def __repr__(self) -> str:
        return f"ErrorContext({self.debug_message!r})"


# --- records --------------------------------------------------------------------------------------


class Record(_Frozen):
    """The base of all records. `__match_args__` are their fields, in order."""

    __slots__ = ()
    __match_args__: ClassVar[tuple[str, ...]] = ()
    _values: Any  # an object → the value of its one field, or a tuple of those of all
    _draft: type

    def __eq__(self, other: object) -> bool:
        if type(self) is not type(other):
            return NotImplemented
        return bool(self._values(self) == self._values(other))

    def __hash__(self) -> int:
        return hash(self._values(self))

    def __repr__(self) -> str:
        fields = [f"{name}={getattr(self, name)!r}" for name in self.__match_args__]
        return f"{type(self).__qualname__}({', '.join(fields)})"

    def __reduce__(self) -> tuple[object, tuple[object, ...]]:
        return type(self), tuple([getattr(self, name) for name in self.__match_args__])


def record(
    name: str, fields: Sequence[str], *, module: str = "wadjet", scope: str = "", doc: str = ""
) -> type[Record]:
    """The class of a record, given its Python names: `record("Point", ["x", "y"])`.

    `module` and `scope` say where the class is found, as they do for the other makers.
    """
    draft = type(name, (), {"__slots__": tuple(fields)})
    setters = {f"_{field}": draft.__dict__[field].__set__ for field in fields}
    draft.__init__ = _init(fields, "self_.{0} = {0}", {})  # type: ignore[misc]  # made here
    body = {
        "__slots__": (),
        "__annotations__": dict.fromkeys(fields, Any),
        "__init__": _init(fields, "_{0}(self_, {0})", setters),
        "_values": attrgetter(*fields),
        "_draft": draft,
    }
    made = _class(name, (Record, draft), body, module, scope, doc)
    return dataclasses.dataclass(init=False, repr=False, eq=False)(made)


def _init(fields: Sequence[str], line: str, scope: dict[str, Any]) -> Any:
    """A function that takes the fields in order or by name and does a line of code for each."""
    lines = [f"def __init__(self_, {', '.join(fields)}):", *(line.format(f) for f in fields)]
    made: dict[str, Any] = {}
    exec("\n    ".join(lines), scope, made)  # of names that were kebab case
    return made["__init__"]


def _class(
    name: str, bases: tuple[type, ...], body: dict[str, Any], module: str, scope: str, doc: str
) -> Any:
    """A class that knows where it is found."""
    qualname = f"{scope}.{name}" if scope else name
    known = {"__module__": module, "__qualname__": qualname, "__doc__": doc or name}
    return type(name, bases, {**body, **known})


def records(made: type[Record], rows: Iterable[tuple[object, ...]]) -> list[Record]:
    """Many records of one class, from tuples of the values of their fields.

    They are drafts until they are whole: objects of a class that can be written to, which is three
    times as fast as going around what keeps records from being written to.
    """
    every: list[Record] = list(starmap(made._draft, rows))
    for each in every:
        each.__class__ = made
    return every


# --- variants, enums, flags -----------------------------------------------------------------------


class Variant(_Frozen):
    """The base of all variants: each has a class for each of its cases, nested in it and derived
    from it. Cases with a payload have it as their `value`."""

    __slots__ = ()
    __match_args__: ClassVar[tuple[str, ...]] = ()
    #: the classes of the cases, in order
    _cases: "tuple[type[Variant], ...]" = ()

    def __init__(self) -> None:
        if type(self)._cases and "_case" not in type(self).__dict__:
            raise TypeError(f"{type(self).__qualname__} is made by one of its cases")

    def __eq__(self, other: object) -> bool:
        if type(self) is not type(other):
            return NotImplemented
        return all(getattr(self, name) == getattr(other, name) for name in self.__match_args__)

    def __hash__(self) -> int:
        return hash((type(self), *(getattr(self, name) for name in self.__match_args__)))

    def __repr__(self) -> str:
        values = [repr(getattr(self, name)) for name in self.__match_args__]
        return f"{type(self).__qualname__}({', '.join(values)})"

    def __reduce__(self) -> tuple[object, tuple[object, ...]]:
        return type(self), tuple([getattr(self, name) for name in self.__match_args__])


def variant(
    name: str,
    cases: Iterable[tuple[str, bool]],
    *,
    module: str = "wadjet",
    scope: str = "",
    doc: str = "",
) -> type[Variant]:
    """The class of a variant, given the Python names of its cases, each with whether it has a
    payload: `variant("Filter", [("All", False), ("Range", True)])`."""
    made: type[Variant] = _class(name, (Variant,), {"__slots__": ()}, module, scope, doc)
    classes = []
    for case, has_payload in cases:
        body: dict[str, Any] = {"__slots__": (), "_case": True}
        if has_payload:
            body |= {"__slots__": ("value",), "__match_args__": ("value",), "__init__": None}
        each = _class(case, (made,), body, module, made.__qualname__, doc)
        if has_payload:
            each.__init__ = _init(["value"], "_{0}(self_, {0})", {"_value": each.value.__set__})
        setattr(made, case, each)
        classes.append(each)
    made._cases = tuple(classes)
    return made


def enumeration(
    name: str, cases: Iterable[str], *, module: str = "wadjet", scope: str = "", doc: str = ""
) -> type[enum.Enum]:
    """The class of an enum, given the Python names of its cases; their values count from 0."""
    members = [(case, index) for index, case in enumerate(cases)]
    qualname = f"{scope}.{name}" if scope else name
    made = enum.Enum(name, members, module=module, qualname=qualname)  # type: ignore[misc]
    made.__doc__ = doc or name
    return made


def flags(
    name: str, labels: Iterable[str], *, module: str = "wadjet", scope: str = "", doc: str = ""
) -> type[enum.Flag]:
    """The class of flags, given the Python names of the flags; their values are 1, 2, 4 …"""
    members = [(label, 1 << index) for index, label in enumerate(labels)]
    qualname = f"{scope}.{name}" if scope else name
    made = enum.Flag(name, members, module=module, qualname=qualname)  # type: ignore[misc]
    made.__doc__ = doc or name
    return made
