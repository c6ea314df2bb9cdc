"""Atomic accesses to globals, tables, structs and arrays (shared-everything threads), by what each
row does: where it goes, which plain instructions do the same there, what it does in between.

All objects of a store belong to the one thread that is in it, so the plain instructions, one after
the other, are already atomic.
"""

import re
from wadjet.base.records import dataclass
from typing import Any, Final

from wadjet.core.opcodes import BY_NAME, ROWS

#: place → operands that say where in it
_PLACES: Final = {"global": 0, "table": 1, "struct": 1, "array": 2}
#: what is done → operands that say what
_VALUES: Final = {"get": 0, "set": 1, "cmpxchg": 2}
_MNEMONIC: Final = re.compile(
    r"(?P<place>global|table|struct|array)\.atomic\.(rmw\.)?(?P<verb>[a-z]+)(?P<sign>_[su])?"
)


@dataclass(frozen=True, slots=True)
class Access:
    """One row. `verb`: get, set, add, sub, and, or, xor, xchg, cmpxchg; `sign`: how get extends a
    packed value. `read` and `write` are the plain instructions."""

    name: str
    place: str
    verb: str
    sign: str
    read: int
    write: int

    @property
    def where(self) -> int:
        """How many operands say where; those that say what follow."""
        return _PLACES[self.place]

    @property
    def operands(self) -> int:
        """All operands."""
        return self.where + _VALUES.get(self.verb, 1)

    @property
    def results(self) -> int:
        """How many values it leaves."""
        return 0 if self.verb == "set" else 1

    @property
    def is_arithmetic(self) -> bool:
        """Whether it computes with what it finds."""
        return self.verb in ("add", "sub", "and", "or", "xor")


def plain(imm: Any) -> Any:
    """The immediate of the plain instructions: the same without the ordering, which is first."""
    _order, *rest = imm
    return rest[0] if len(rest) == 1 else tuple(rest)


def _accesses() -> dict[int, Access]:
    found = {}
    for row in ROWS:
        match = _MNEMONIC.fullmatch(row.mnemonic)
        if match is not None:
            place, verb, sign = match["place"], match["verb"], match["sign"] or ""
            read = BY_NAME[f"{place}.get{sign}"][0].op
            write = BY_NAME[f"{place}.set"][0].op
            found[row.op] = Access(row.mnemonic, place, verb, sign, read, write)
    return found


#: op id → access
ACCESSES: Final = _accesses()
