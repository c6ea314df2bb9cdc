"""What of a function's type matters to an adapter, as a value that can be compared: no names, no
identity of resources, shared parts once."""

from typing import Final, final

from wadjet.component.closed import closed
from wadjet.component.types import (
    Borrow, Defined, Enum, Flags, FuncType, Future, List, Map, Option, Own, Prim, Record,
    ResourceType, Result, Shape, Stream, Tuple, Variant, parts,
)  # fmt: skip

#: A row says what a type is, by the numbers of the rows of its parts.
Row = tuple[object, ...]


@final
class Structure:
    """The types of a function, taken apart. `rows` has a row for each distinct one, `params` and
    `result` are numbers of rows; `handles` are the types of handles, by their own numbers."""

    __slots__ = ("_handles", "_numbers", "_rows", "handles", "params", "result")

    def __init__(self, t: FuncType) -> None:
        self._rows: Final[dict[Row, int]] = {}
        self._numbers: Final[dict[Defined, int]] = {}
        self._handles: Final[dict[object, int]] = {}
        self.handles: Final[list[Shape]] = []
        self.params: Final = tuple([self.number(closed(p)) for _, p in t.params])
        self.result: Final = None if t.result is None else self.number(closed(t.result))

    @property
    def rows(self) -> tuple[Row, ...]:
        """All rows, by number."""
        return tuple(self._rows)

    def handle(self, shape: Shape) -> int:
        """The number of a type of handles: those of one resource, of a stream, of a future."""
        match shape:
            case Own(ResourceType(resource=resource)) | Borrow(ResourceType(resource=resource)):
                key: object = (type(shape), resource)
            case _:
                key = shape
        if key not in self._handles:
            self._handles[key] = len(self.handles)
            self.handles.append(shape)
        return self._handles[key]

    def number(self, t: Prim | Defined) -> int:
        """The number of a type's row: the same for all that an adapter treats alike."""
        if isinstance(t, Prim):
            return self._rows.setdefault((t,), len(self._rows))
        if t not in self._numbers:
            self._numbers[t] = self._rows.setdefault(self._row(t.shape), len(self._rows))
        return self._numbers[t]

    def _row(self, shape: Shape) -> Row:
        if isinstance(shape, Own | Borrow | Stream | Future):
            return type(shape), self.handle(shape)
        inner = tuple([self.number(closed(p)) for p in parts(shape)])
        match shape:
            case List(_, length):
                return List, length, inner
            case Flags(labels) | Enum(labels):
                return type(shape), len(labels)
            case Variant(cases):
                return Variant, tuple([t is None for _, t in cases]), inner
            case Result(ok, error):
                return Result, ok is None, error is None, inner
        assert isinstance(shape, Record | Tuple | Map | Option), shape
        return type(shape), inner
