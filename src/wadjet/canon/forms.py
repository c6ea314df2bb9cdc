"""The two forms in which values leave the memory of a guest.

For the host they are what `wadjet.canon.values` says. For another component they are plain and
quick to make: tuples for records; (case, payload) for variants, options and results; numbers for
enums and flags; what represents a resource; bytes for lists of numbers. Both components agree on
the type, so labels do not matter.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from typing import Any, Final, final

from wadjet.canon.strings import LOADS, STORES
from wadjet.canon.transcoding import LOADS_FOR_COMPONENTS, STORES_FOR_COMPONENTS
from wadjet.canon.values import Err, Ok, Some
from wadjet.canon.classes import Classes
from wadjet.component.abi import despecialize
from wadjet.component.closed import closed
from wadjet.component.types import (
    Defined, Enum, Flags, Option, Prim, Record, Result, Tuple, ValType, Variant,
)  # fmt: skip

#: What a case of a variant is made of: its payload's type and the maker of its value. A maker
#: takes the payload, or is the value itself where there is none.
Case = tuple[Prim | Defined | None, Any]


def cases_of(t: Defined) -> list[Prim | Defined | None]:
    """The payloads of what is a variant in the end."""
    shape = despecialize(t.shape)
    assert isinstance(shape, Variant), "only variants have cases"
    return [_maybe(payload) for _, payload in shape.cases]


def _maybe(t: ValType | None) -> Prim | Defined | None:
    return None if t is None else closed(t)


class Forms(ABC):
    """How values look. `loads` and `stores` are those of strings, by encoding."""

    #: whether lists of numbers, which no bit pattern is wrong for, are bytes
    packed: bool
    #: names of the methods of `Context` for handles: lift and lower, by shape
    suffixes: tuple[str, str]
    loads: Mapping[str, Callable[..., Any]]
    stores: Mapping[str, Callable[..., tuple[int, int]]]

    @abstractmethod
    def record(self, t: Defined) -> tuple[Any, tuple[str, ...]]:
        """What makes a record of its fields (None for a tuple), and how to get at each."""

    @abstractmethod
    def cases(self, t: Defined) -> list[Case]:
        """The cases of a variant, option or result."""

    @abstractmethod
    def case_of(self, t: Defined) -> Callable[[Any], int]:
        """Tells which case a value is of. Raises KeyError where it is of none."""

    @abstractmethod
    def payload(self, t: Defined) -> str:
        """The payload of a variant `v`, as an expression."""

    @abstractmethod
    def enum(self, t: Defined) -> tuple[Any, ...] | None:
        """The cases of an enum; None if they are their numbers."""

    @abstractmethod
    def flags(self, t: Defined) -> Callable[[int], Any] | None:
        """What makes flags of bits; None if they are the bits."""


@final
class _Raw(Forms):
    """Values on their way to another component."""

    packed = True
    suffixes = ("", "")
    loads = LOADS_FOR_COMPONENTS
    stores = STORES_FOR_COMPONENTS

    def record(self, t: Defined) -> tuple[Any, tuple[str, ...]]:
        """A tuple."""
        shape = despecialize(t.shape)
        assert isinstance(shape, Record)
        return None, tuple([f"[{i}]" for i in range(len(shape.fields))])

    def cases(self, t: Defined) -> list[Case]:
        """Tuples of number and payload."""
        return [
            (payload, (i, None) if payload is None else lambda value, i=i: (i, value))
            for i, payload in enumerate(cases_of(t))
        ]

    def case_of(self, t: Defined) -> Callable[[Any], int]:
        """The number in front."""
        return _first

    def payload(self, t: Defined) -> str:
        """What stands behind it."""
        return "v[1]"

    def enum(self, t: Defined) -> None:
        """Numbers."""

    def flags(self, t: Defined) -> None:
        """Numbers."""


RAW: Final[Forms] = _Raw()


def _first(value: tuple[int, Any]) -> int:
    return value[0]


def may_be_none(t: ValType) -> bool:
    """Whether None is a value of the type, so that an option of it needs `Some`."""
    return isinstance(t, Defined) and isinstance(t.shape, Option)


@final
class HostForms(Forms):
    """Values in Python, with the classes of one component."""

    packed = False
    suffixes = ("_to_host", "_of_host")
    loads = LOADS
    stores = STORES

    def __init__(self, classes: Classes) -> None:
        self._classes: Final = classes

    def record(self, t: Defined) -> tuple[Any, tuple[str, ...]]:
        """An object of the record's class; a tuple."""
        if isinstance(t.shape, Tuple):
            return None, tuple([f"[{i}]" for i in range(len(t.shape.items))])
        cls, names = self._classes.record(t)
        return cls, tuple([f".{name}" for name in names])

    def cases(self, t: Defined) -> list[Case]:
        """Objects of the classes of cases; what options and results are."""
        payloads = cases_of(t)
        if isinstance(t.shape, Option):
            return [(None, None), (payloads[1], Some if may_be_none(t.shape.some) else itself)]
        if isinstance(t.shape, Result):
            makers: tuple[Any, ...] = Ok, Err
        else:
            makers = self._classes.variant(t)
        return [
            (payload, make() if payload is None else make)
            for payload, make in zip(payloads, makers, strict=True)
        ]

    def case_of(self, t: Defined) -> Callable[[Any], int]:
        """By class, or by the name of the class."""
        if isinstance(t.shape, Option):
            return _case_of_option
        makers = (Ok, Err) if isinstance(t.shape, Result) else self._classes.variant(t)
        return CaseFinder(makers)

    def payload(self, t: Defined) -> str:
        """Their `value`; what is there, for an option."""
        if isinstance(t.shape, Option) and not may_be_none(t.shape.some):
            return "v"
        return "v.value"

    def enum(self, t: Defined) -> tuple[Any, ...]:
        """Members of the enum's class."""
        assert isinstance(t.shape, Enum)
        return self._classes.enum(t)

    def flags(self, t: Defined) -> Callable[[int], Any]:
        """Members of the flags' class."""
        assert isinstance(t.shape, Flags)
        return self._classes.flags(t)


def itself(value: object) -> object:
    """The maker of what needs none."""
    return value


def _case_of_option(value: object) -> int:
    return 0 if value is None else 1


@final
class CaseFinder:
    """Tells cases apart: by class, for classes of others by their name."""

    __slots__ = ("_by_class", "_by_name")

    def __init__(self, classes: tuple[type, ...]) -> None:
        self._by_class: Final[dict[type, int]] = {cls: i for i, cls in enumerate(classes)}
        self._by_name: Final = {cls.__name__: i for i, cls in enumerate(classes)}

    def __call__(self, value: object) -> int:
        """The number of the case. Raises KeyError for a class of another name."""
        found = self._by_class.get(type(value))
        return self._by_name[type(value).__name__] if found is None else found
