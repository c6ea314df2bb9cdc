"""Randomness: the system's, or one that a seed repeats."""

import os
from abc import ABC, abstractmethod
from typing import final

# Big requests are filled piece by piece: a guest must not make the host hold a second copy.
_PIECE = 1 << 20


class Random(ABC):
    """A source of random bytes."""

    __slots__ = ()

    @abstractmethod
    def take(self, count: int) -> bytes:
        """The next `count` random bytes."""

    def fill(self, buffer: memoryview) -> None:
        """Overwrite the whole of `buffer` with random bytes."""
        for start in range(0, len(buffer), _PIECE):
            piece = buffer[start : start + _PIECE]
            piece[:] = self.take(len(piece))


@final
class SystemRandom(Random):
    """What the operating system gives: fit for keys."""

    __slots__ = ()

    def take(self, count: int) -> bytes:
        """The next `count` bytes of the system's generator."""
        return os.urandom(count)


@final
class SeededRandom(Random):
    """The same bytes for the same seed, every time. Not fit for keys."""

    __slots__ = ("_generator",)

    def __init__(self, seed: int) -> None:
        import random  # few need it, and it is slow to load

        self._generator = random.Random(seed)

    def take(self, count: int) -> bytes:
        """The next `count` bytes of this seed's sequence."""
        return self._generator.randbytes(count)
