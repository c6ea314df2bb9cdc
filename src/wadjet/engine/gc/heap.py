"""The heap of a store: structs, arrays, and the things that guests hold by reference alone.

A reference word is a multiple of 8, so it is neither null, nor an i31 (odd), nor a host reference
(which ends in the bits 10). Fields and elements are raw values; packed ones are kept in their own
width, unsigned.
"""

import itertools
from collections.abc import Callable, Sequence
from typing import Final, final

from wadjet.core.types import EXN, EXTERN, I31, AbsHeap, DefType
from wadjet.engine.contract.layout import WORD
from wadjet.engine.contract.traps import TrapCode, failure

#: No array may be longer, whatever the limits say (2^27 elements fill a gigabyte).
MAX_LENGTH: Final = 1 << 27
#: Words are never used twice in the process, so that heaps can be joined.
_words: Final = itertools.count(WORD, WORD)
#: Bytes charged for an object besides its fields.
HEADER: Final = 16


@final
class Object:
    """A struct or an array: its type, its fields or elements, the word of its descriptor."""

    __slots__ = ("descriptor", "fields", "marked", "type")

    def __init__(self, type_: DefType, fields: list[int], descriptor: int) -> None:
        self.type: Final = type_
        self.fields: Final = fields
        self.descriptor: Final = descriptor
        self.marked = False


#: Bytes in, whether they may be had; and bytes back (see `Budget`).
Take = Callable[[int], bool]
Give = Callable[[int], None]


@final
class Heap:
    """Objects by word. Nothing is freed but by `collect`."""

    __slots__ = ("_give", "_objects", "_take", "_things", "allocated")

    def __init__(self, take: Take, give: Give) -> None:
        self._take = take
        self._give = give
        self._objects: dict[int, Object] = {}
        self._things: dict[int, object] = {}
        #: bytes allocated since the last collection
        self.allocated = 0

    # -- making -----------------------------------------------------------------------------------

    def new(self, type_: DefType, fields: list[int], descriptor: int = 0) -> int:
        """A struct or an array with these fields or elements; Exhaustion where there is no room.

        The heap keeps the list.
        """
        size = HEADER + WORD * len(fields)
        if not self._take(size):
            raise failure(TrapCode.OUT_OF_MEMORY)
        self.allocated += size
        word = next(_words)
        self._objects[word] = Object(type_, fields, descriptor)
        return word

    def keep(self, thing: object) -> int:
        """The word of an exception or a continuation."""
        word = next(_words)
        self._things[word] = thing
        return word

    def thing(self, word: int) -> object:
        """What `keep` was given."""
        return self._things[word]

    def join(self, other: "Heap") -> None:
        """Make one heap of two: from now on both have all objects."""
        self._objects.update(other._objects)
        self._things.update(other._things)
        other._objects, other._things = self._objects, self._things

    # -- using ------------------------------------------------------------------------------------

    def is_object(self, word: int) -> bool:
        """Does the word refer to a struct or an array?"""
        return word in self._objects

    def type_of(self, word: int) -> DefType:
        """The type that an object was made with."""
        return self._objects[word].type

    def descriptor(self, word: int) -> int:
        """The descriptor that a struct was made with, or 0."""
        return self._objects[word].descriptor

    def length(self, word: int) -> int:
        """The number of fields or elements."""
        return len(self._objects[word].fields)

    def get(self, word: int, index: int) -> int:
        """One field or element (the index is in range)."""
        return self._objects[word].fields[index]

    def set(self, word: int, index: int, value: int) -> None:
        """Replace one field or element."""
        self._objects[word].fields[index] = value

    def read(self, word: int, start: int, count: int) -> list[int]:
        """A range of elements, copied."""
        return self._objects[word].fields[start : start + count]

    def write(self, word: int, start: int, values: Sequence[int]) -> None:
        """Replace a range of elements."""
        self._objects[word].fields[start : start + len(values)] = values

    def heap_type(self, word: int) -> AbsHeap | DefType:
        """The most precise heap type of a word (not null, no function) that a guest may hold."""
        if word & 1:
            return I31
        if word & 2:
            return EXTERN
        found = self._objects.get(word)
        return EXN if found is None else found.type
