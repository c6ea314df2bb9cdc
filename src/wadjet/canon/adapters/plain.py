"""Which types may be copied as bytes, without a look at any value."""

from typing import Final, final

from wadjet.component.abi import elem_size, flags_size
from wadjet.component.closed import closed
from wadjet.component.types import (
    F32, F64, S8, S16, S32, S64, U8, U16, U32, U64, Defined, Flags, List, Prim, Record, Tuple,
)  # fmt: skip
from wadjet.core.types import I32

_NUMBERS: Final = frozenset((S8, U8, S16, U16, S32, U32, S64, U64, F32, F64))


@final
class Plain:
    """Tells whether every value of as many bytes is one of the type, lies the same on both sides,
    and has no padding, which must not be carried from one component into another."""

    __slots__ = ("_known",)

    def __init__(self) -> None:
        self._known: Final[dict[Defined, bool]] = {}

    def __call__(self, t: Prim | Defined) -> bool:
        """Whether values of this type are copied as bytes."""
        if isinstance(t, Prim):
            return t in _NUMBERS
        if t not in self._known:
            self._known[t] = self._look(t)
        return self._known[t]

    def _look(self, t: Defined) -> bool:
        match t.shape:
            case Record(fields):
                return self._row(t, [closed(x) for _, x in fields])
            case Tuple(items):
                return self._row(t, [closed(x) for x in items])
            case List(element, int()):
                return self(closed(element))
            case Flags(labels):
                return len(labels) == 8 * flags_size(len(labels))
        return False

    def _row(self, t: Defined, parts: list[Prim | Defined]) -> bool:
        if not all(map(self, parts)):
            return False
        return elem_size(t, I32) == sum([elem_size(part, I32) for part in parts])
