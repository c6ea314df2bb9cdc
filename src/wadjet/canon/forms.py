"""How values look that leave the memory of a guest for Python, and those that get there: as
`wadjet.canon.values` says. (Values on their way to another component are never seen: `adapters`.)
"""

from collections.abc import Callable
from typing import Any, Final, final

from wadjet.canon.values import Err, Ok, Some
from wadjet.canon.classes import Classes
from wadjet.component.abi import despecialize
from wadjet.component.closed import closed
from wadjet.component.types import (
    Defined, Enum, Flags, Option, Prim, Result, Tuple, ValType, Variant,
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


def may_be_none(t: ValType) -> bool:
    """Whether None is a value of the type, so that an option of it needs `Some`."""
    return isinstance(t, Defined) and isinstance(t.shape, Option)


@final
class Forms:
    """How values look, with the classes of one component."""

    def __init__(self, classes: Classes) -> None:
        self._classes: Final = classes

    def record(self, t: Defined) -> tuple[Any, tuple[str, ...]]:
        """What makes a record of its fields (None for a tuple), and how to get at each."""
        if isinstance(t.shape, Tuple):
            return None, tuple([f"[{i}]" for i in range(len(t.shape.items))])
        cls, names = self._classes.record(t)
        return cls, tuple([f".{name}" for name in names])

    def cases(self, t: Defined) -> list[Case]:
        """The cases of a variant, option or result."""
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
        """Tells which case a value is of, by its class or the name of that. Raises KeyError where
        it is of none."""
        if isinstance(t.shape, Option):
            return _case_of_option
        makers = (Ok, Err) if isinstance(t.shape, Result) else self._classes.variant(t)
        return CaseFinder(makers)

    def payload(self, t: Defined) -> str:
        """The payload of a variant `v`, as an expression."""
        if isinstance(t.shape, Option) and not may_be_none(t.shape.some):
            return "v"
        return "v.value"

    def enum(self, t: Defined) -> tuple[Any, ...]:
        """The cases of an enum: members of its class."""
        assert isinstance(t.shape, Enum)
        return self._classes.enum(t)

    def flags(self, t: Defined) -> Callable[[int], Any]:
        """What makes flags of bits."""
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
