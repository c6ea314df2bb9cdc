"""How much may come of little: `include` and implied imports multiply what is written."""

from typing import Final

from wadjet.wit.lexer import Spot

#: imports, exports, types and functions that are there without being written themselves
_LIMIT: Final = 200_000


class Budget:
    """What may still be added to the worlds of a `Resolve`."""

    def __init__(self) -> None:
        self._left = _LIMIT

    def spend(self, count: int, spot: Spot) -> None:
        """Take from it. Raises Invalid once it is used up; `spot` is what used it."""
        self._left -= count
        if self._left < 0:
            raise spot.invalid(f"too large: worlds have more than {_LIMIT} items by inclusion")
