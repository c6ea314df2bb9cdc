"""WAVE in the forms of values that Python sees (`wadjet.canon.values`)."""

from collections.abc import Sequence
from enum import Enum as PythonEnum
from enum import Flag
from typing import Any, Final, final

from wadjet.canon.classes import Classes
from wadjet.canon.values import Err, Ok, Some
from wadjet.component.types import U8, Defined, List, Option
from wadjet.component.wave import Forms


@final
class PythonForms(Forms):
    """Makes values of the classes of one component, and takes them apart."""

    def __init__(self, classes: Classes) -> None:
        self._classes: Final = classes

    def record(self, t: Defined, fields: Sequence[object]) -> object:
        """A frozen dataclass."""
        made: Any = self._classes.record(t)[0]
        return made(*fields)

    def fields(self, t: Defined, value: object) -> Sequence[object]:
        """Its attributes."""
        return [getattr(value, name) for name in self._classes.record(t)[1]]

    def variant(self, t: Defined, case: int, payload: object) -> object:
        """An object of the class of the case."""
        made: Any = self._classes.variant(t)[case]
        return made(payload) if made.__match_args__ else made()

    def case(self, t: Defined, value: object) -> tuple[int, object]:
        """By the name of its class, whichever component's it is."""
        names = [each.__name__ for each in self._classes.variant(t)]
        return names.index(type(value).__name__), getattr(value, "value", None)

    def enum(self, t: Defined, case: int) -> object:
        """A member."""
        return self._classes.enum(t)[case]

    def label(self, t: Defined, value: object) -> int:
        """By its name."""
        assert isinstance(value, PythonEnum), "a case of an enum is a member"
        return [member.name for member in self._classes.enum(t)].index(value.name)

    def flags(self, t: Defined, bits: int) -> object:
        """An enum.Flag."""
        return self._classes.flags(t)(bits)

    def bits(self, t: Defined, value: object) -> int:
        """Its value."""
        assert isinstance(value, Flag), "flags are a Flag"
        return int(value.value)

    def option(self, t: Defined, some: bool, payload: object) -> object:
        """None or the value, which is held by Some if it is an option itself."""
        if not some:
            return None
        return Some(payload) if _nested(t) else payload

    def some(self, t: Defined, value: object) -> tuple[bool, object]:
        """What is not None is there."""
        return value is not None, value.value if isinstance(value, Some) else value

    def result(self, t: Defined, ok: bool, payload: object) -> object:
        """Ok or Err."""
        return Ok(payload) if ok else Err(payload)

    def side(self, t: Defined, value: object) -> tuple[bool, object]:
        """By its class."""
        assert isinstance(value, Ok | Err), "results are Ok or Err"
        return isinstance(value, Ok), value.value

    def list(self, t: Defined, items: Sequence[object]) -> object:
        """A list, or bytes."""
        assert isinstance(t.shape, List), "asked for lists alone"
        if t.shape.element is U8 and t.shape.length is None:
            return bytes(items)  # type: ignore[arg-type]  # integers, as their type says
        return items


def _nested(t: Defined) -> bool:
    assert isinstance(t.shape, Option), "asked for options alone"
    some = t.shape.some
    return isinstance(some, Defined) and isinstance(some.shape, Option)
