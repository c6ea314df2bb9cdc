"""What every heap can do, whatever its objects are made of."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Sequence
from typing import Final, Self
from weakref import WeakSet

from wadjet.core.types import AbsHeap, DefType
from wadjet.engine.gc.weak import Weak


class ObjectHeap(ABC):
    """The structs and arrays of a store, by the words that refer to them."""

    __slots__ = ("_weaks",)

    def __init__(self) -> None:
        self._weaks: Final[WeakSet[Weak]] = WeakSet()

    def weak(self, word: int) -> Weak:
        """A weak reference to what a word refers to."""
        made = Weak(word)
        self._weaks.add(made)
        return made

    def _clear_weaks(self, lives: Callable[[int], bool]) -> None:
        """Clear the weak references to what is about to be freed."""
        for weak in list(self._weaks):
            if weak.word and not lives(weak.word):
                weak.word = 0

    @abstractmethod
    def new(self, type_: DefType, fields: list[int], descriptor: int = 0) -> int:
        """A struct or an array with these fields or elements; Exhaustion where there is no room."""

    @abstractmethod
    def is_object(self, word: int) -> bool:
        """Does the word refer to a struct or an array?"""

    @abstractmethod
    def type_of(self, word: int) -> DefType:
        """The type that an object was made with."""

    @abstractmethod
    def descriptor(self, word: int) -> int:
        """The descriptor that a struct was made with, or 0."""

    @abstractmethod
    def length(self, word: int) -> int:
        """The number of fields or elements."""

    @abstractmethod
    def get(self, word: int, index: int) -> int:
        """One field or element (the index is in range)."""

    @abstractmethod
    def set(self, word: int, index: int, value: int) -> None:
        """Replace one field or element."""

    @abstractmethod
    def read(self, word: int, start: int, count: int) -> list[int]:
        """A range of elements, copied."""

    @abstractmethod
    def write(self, word: int, start: int, values: Sequence[int]) -> None:
        """Replace a range of elements."""

    @abstractmethod
    def heap_type(self, word: int) -> AbsHeap | DefType:
        """The most precise heap type of a word (not null, no function) that a guest may hold."""

    @property
    @abstractmethod
    def wants_collection(self) -> bool:
        """Has so much been allocated that it is time to look for garbage?"""

    @property
    def waits(self) -> bool:
        """Whether frames of machine code wait in it, on the stacks of continuations."""
        return False

    @abstractmethod
    def collect(self, roots: Iterable[int]) -> None:
        """Free what neither these words nor what the heap knows of lead to."""

    @abstractmethod
    def join(self, other: Self) -> None:
        """Make one heap of two of a kind; Unlinkable where that cannot be."""
