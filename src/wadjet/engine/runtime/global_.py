"""The noun global (spec 4.2.9): one value in a cell of 16 bytes."""

from typing import Final, final

from wadjet.core.types import V128, GlobalType, NumType
from wadjet.engine.contract.heap import is_traced
from wadjet.engine.contract.layout import CELL, Block, octets
from wadjet.engine.gc.holders import Holder, register

_MASK64: Final = (1 << 64) - 1


@final
class Global(Holder):
    """A global instance. `address` is that of its cell; its type is closed."""

    __slots__ = ("__weakref__", "_cell", "_wide", "address", "type")

    def __init__(
        self, type_: GlobalType, raw: int | None, cell: tuple[Block, int] | None = None
    ) -> None:
        """`cell` places it at an offset of a block that others own; else it gets its own. Without
        `raw`, the value stands there already."""
        block, offset = (Block(CELL), 0) if cell is None else cell
        self.type: Final = type_
        self.address: Final = block.address + offset
        narrow = isinstance(type_.value, NumType) and type_.value.size == 4
        self._wide: Final = type_.value is V128
        self._cell: Final = octets(self.address, CELL, block).cast("I" if narrow else "Q")
        if raw is not None:
            self.set_raw(raw)
        if is_traced(type_.value):
            register(self)

    def held(self) -> list[int]:
        """Its reference, for collections."""
        return [self.get_raw()]

    def get_raw(self) -> int:
        """The value's bit pattern."""
        cell = self._cell
        low: int = cell[0]
        return low | cell[1] << 64 if self._wide else low

    def set_raw(self, raw: int) -> None:
        """Replace the value's bit pattern (mutability is the caller's affair)."""
        if self._wide:
            self._cell[0] = raw & _MASK64
            self._cell[1] = raw >> 64
        else:
            self._cell[0] = raw
