"""Words that do not keep alive what they refer to."""

from typing import final


@final
class Weak:
    """A word that becomes 0 when the object that it refers to is freed."""

    __slots__ = ("__weakref__", "word")

    def __init__(self, word: int) -> None:
        self.word = word
