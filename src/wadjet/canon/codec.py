"""Code that reads and writes the values of one component, made once for each type.

Types are turned into Python source: reading a record is one `unpack_from` and one call of its
class, a list of records one `iter_unpack`. `Codec` keeps the functions; `lifting` and `lowering`
write them. What a function needs besides its source are constants of one namespace, under names
that `bind` gives.
"""

import struct
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Final, final

from wadjet.canon.forms import Forms
from wadjet.component.types import (
    BOOL, CHAR, ERROR_CONTEXT, F32, F64, S8, S16, S32, S64, U8, U16, U32, U64, Borrow, Defined,
    Future, Own, Prim, ResourceType, Stream,
)  # fmt: skip
from wadjet.core.types import NumType

#: primitive type → its letter in a format of `struct`, and of `array`
LETTERS: Final = {
    BOOL: "?", S8: "b", U8: "B", S16: "h", U16: "H", S32: "i", U32: "I", S64: "q", U64: "Q",
    F32: "f", F64: "d", CHAR: "I", ERROR_CONTEXT: "I",
}  # fmt: skip
#: numbers that every bit pattern is one of
NUMBERS: Final = frozenset((S8, U8, S16, U16, S32, U32, S64, U64, F32, F64))
#: letters of discriminants and flags by their size
UNSIGNED: Final = {1: "B", 2: "H", 4: "I"}

#: in place of a letter: what lies there is written by a function of its own
APART: Final = "apart"

Type = Prim | Defined
#: an offset and the letter of what lies there
Item = tuple[int, str]
#: makes an expression of the names of the values at its items, in their order
Build = Callable[["Names"], str]


@final
class Names:
    """Names that are taken one after the other."""

    __slots__ = ("_at", "_names")

    def __init__(self, names: Sequence[str]) -> None:
        self._names: Final = names
        self._at = 0

    def next(self) -> str:
        """The next one."""
        self._at += 1
        return self._names[self._at - 1]

    def take(self, count: int) -> list[str]:
        """The next few."""
        return [self.next() for _ in range(count)]


@final
class Codec:
    """The functions for values of one component, one string encoding and one size of addresses.

    `made` has their names by what they do and for which type.
    """

    __slots__ = ("_serial", "encoding", "forms", "made", "namespace", "ptr")

    def __init__(self, forms: Forms, ptr: NumType, encoding: str) -> None:
        self.forms: Final = forms
        self.ptr: Final = ptr
        self.encoding: Final = encoding
        self.namespace: Final[dict[str, Any]] = {}
        self.made: Final[dict[tuple[str, object], str]] = {}
        self._serial = 0

    def fresh(self, stem: str) -> str:
        """A name that nothing has yet, and that no parameter of a component's function has."""
        self._serial += 1
        return f"_{stem}_{self._serial}"

    def bind(self, value: object, stem: str = "k") -> str:
        """A name for a constant; the same for the same object."""
        key = "constant", id(value)
        name = self.made.get(key)
        if name is None:
            name = self.made[key] = self.fresh(stem)
            self.namespace[name] = value
        return name

    def define(self, name: str, params: str, lines: Iterable[str]) -> Any:
        """Make a function."""
        body = "\n".join([f"    {line}" for line in lines])
        source = f"def {name}({params}):\n{body}\n"
        exec(compile(source, f"<wadjet {name}>", "exec"), self.namespace)
        return self.namespace[name]

    def struct(self, items: Sequence[Item], size: int, method: str) -> str:
        """The name of a method of the `Struct` of these items in `size` bytes. Between items are
        bytes that nobody looks at."""
        text, at = "<", 0
        for offset, letter in items:
            text += "x" * (offset - at) + letter
            at = offset + struct.calcsize("<" + letter)
        text += "x" * (size - at)
        key = method, text
        name = self.made.get(key)
        if name is None:
            name = self.made[key] = self.fresh(method)
            self.namespace[name] = getattr(struct.Struct(text), method)
        return name

    def handle(self, t: Defined) -> tuple[str, str]:
        """What a handle is to, and the name of what tells which: a resource, or the whole type."""
        match t.shape:
            case Own(ResourceType(resource=resource)):
                return "own", self.bind(resource, "resource")
            case Borrow(ResourceType(resource=resource)):
                return "borrow", self.bind(resource, "resource")
            case Stream():
                return "stream", self.bind(t, "type")
        assert isinstance(t.shape, Future), t.shape
        return "future", self.bind(t, "type")

    @property
    def address(self) -> str:
        """The letter of an address."""
        return "I" if self.ptr.size == 4 else "Q"
