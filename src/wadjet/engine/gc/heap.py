"""The heap of a store: structs, arrays, and the things that guests hold by reference alone.

A reference word is a multiple of 8, so it is neither null, nor an i31 (odd), nor a host reference
(which ends in the bits 10). Fields and elements are raw values; packed ones are kept in their own
width, unsigned.
"""

import itertools
from collections.abc import Callable, Iterable, MutableSet, Sequence
from typing import Final, final

from wadjet.core.types import (
    EXN, EXTERN, I31, AbsHeap, ArrayType, DefType, RefType, StructType,
)  # fmt: skip
from wadjet.engine.contract.layout import WORD
from wadjet.engine.contract.traps import TrapCode, failure
from wadjet.engine.gc.objects import ObjectHeap

#: No array may be longer, whatever the limits say (2^27 elements fill a gigabyte).
MAX_LENGTH: Final = 1 << 27
#: Words are never used twice in the process, so that heaps can be joined. They are so large that
#: few numbers can be taken for one: see `Heap.collect`.
_words: Final = itertools.count(1 << 40, WORD)
#: Bytes charged for an object besides its fields.
HEADER: Final = 16
#: Bytes charged for an exception or a continuation.
_THING: Final = 512
#: The least number of bytes between two collections.
_PERIOD: Final = 4 << 20


@final
class Object:
    """A struct or an array: its type, its fields or elements, the word of its descriptor."""

    __slots__ = ("descriptor", "fields", "type")

    def __init__(self, type_: DefType, fields: list[int], descriptor: int) -> None:
        self.type: Final = type_
        self.fields: Final = fields
        self.descriptor: Final = descriptor


#: Bytes in, whether they may be had; and bytes back (see `Budget`).
Take = Callable[[int], bool]
Give = Callable[[int], None]
#: The words that a kept thing refers to.
References = Callable[[], Iterable[int]]


@final
class Heap(ObjectHeap):
    """Objects by word. Nothing is freed but by `collect`."""

    __slots__ = ("_allocated", "_give", "_objects", "_patience", "_take", "_things")

    def __init__(self, take: Take, give: Give) -> None:
        super().__init__()
        self._take = take
        self._give = give
        self._objects: dict[int, Object] = {}
        self._things: dict[int, tuple[object, References]] = {}
        #: bytes allocated since the last collection, and how many may be before the next
        self._allocated = 0
        self._patience = _PERIOD

    # -- making -----------------------------------------------------------------------------------

    def new(self, type_: DefType, fields: list[int], descriptor: int = 0) -> int:
        """A struct or an array with these fields or elements; Exhaustion where there is no room.

        The heap keeps the list.
        """
        self._charge(HEADER + WORD * len(fields))
        word = next(_words)
        self._objects[word] = Object(type_, fields, descriptor)
        return word

    def keep(self, thing: object, references: References) -> int:
        """The word of an exception or a continuation; Exhaustion where there is no room.

        `references` tells what words it holds.
        """
        self._charge(_THING)
        word = next(_words)
        self._things[word] = thing, references
        return word

    def _charge(self, size: int) -> None:
        if not self._take(size):
            raise failure(TrapCode.OUT_OF_MEMORY)
        self._allocated += size

    def thing(self, word: int) -> object:
        """What `keep` was given."""
        return self._things[word][0]

    def join(self, other: "Heap") -> None:
        """Make one heap of two: from now on both have all objects."""
        self._objects.update(other._objects)
        self._things.update(other._things)
        other._objects, other._things = self._objects, self._things
        self._weaks.update(other._weaks)

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

    # -- freeing ----------------------------------------------------------------------------------

    @property
    def wants_collection(self) -> bool:
        """Has so much been allocated that it is time to look for garbage?"""
        return self._allocated >= self._patience

    @property
    def is_full(self) -> bool:
        """Is there no room for another exception or continuation?"""
        if not self._take(_THING):
            return True
        self._give(_THING)
        return False

    def collect(self, roots: Iterable[int]) -> None:
        """Free what no root leads to.

        `roots` are all the raw values that a guest may still use. They need not be references:
        a number that looks like one only keeps something alive for longer.
        """
        live = self._reachable(roots)
        self._clear_weaks(live.__contains__)
        freed = kept = 0
        for word, found in list(self._objects.items()):
            size = HEADER + WORD * len(found.fields)
            if word in live:
                kept += size
            else:
                del self._objects[word]
                freed += size
        for word in self._things.keys() - live:
            del self._things[word]
            freed += _THING
        kept += _THING * len(self._things)
        self._give(freed)
        self._allocated = 0
        self._patience = max(_PERIOD, kept)

    def _reachable(self, roots: Iterable[int]) -> MutableSet[int]:
        objects, things = self._objects, self._things
        live: MutableSet[int] = set()
        pending = list(roots)
        while pending:
            word = pending.pop()
            if word in live:
                continue
            found = objects.get(word)
            if found is not None:
                live.add(word)
                pending.append(found.descriptor)
                if _holds_references(found.type):
                    pending.extend(found.fields)
            elif word in things:
                live.add(word)
                pending.extend(things[word][1]())
        return live


def _holds_references(type_: DefType) -> bool:
    """May objects of this type refer to others?"""
    comp = type_.comp
    if isinstance(comp, StructType):
        return any(isinstance(field.storage, RefType) for field in comp.fields)
    return isinstance(comp, ArrayType) and isinstance(comp.field.storage, RefType)
