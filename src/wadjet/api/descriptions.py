"""What a module says it needs and offers: typed descriptions of imports and exports."""

from wadjet.base.records import dataclass
from typing import Literal

from wadjet.core.types import I32, I64, FuncType, GlobalType, MemoryType, NumType, TableType

#: The standard's kinds of imports and exports.
Kind = Literal["func", "table", "memory", "global", "tag"]
#: A tag is described by a FuncType too: its parameters are what an exception carries.
ItemType = FuncType | TableType | MemoryType | GlobalType


@dataclass(frozen=True, slots=True)
class ImportType:
    """One import: where it is looked up, what kind it is and its type."""

    module: str
    name: str
    kind: Kind
    type: ItemType


@dataclass(frozen=True, slots=True)
class ExportType:
    """One export: its name, what kind it is and its type."""

    name: str
    kind: Kind
    type: ItemType


def address_type(bits: int) -> NumType:
    """The type of addresses of this width."""
    if bits not in (32, 64):
        raise ValueError(f"addresses have 32 or 64 bits, not {bits}")
    return I32 if bits == 32 else I64
