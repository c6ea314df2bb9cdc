"""A function body or constant expression as one flat sequence of decoded instructions.

Decoded once (from bytes or text), read by everyone after: three parallel lists hold the row id,
the immediates and the place of each instruction. The last instruction is always the `end` (op
0x0B) that closes the whole expression.

Immediates have one shape per row, in the order of the row's `immediates`:
no immediate → None; one → the value itself; several → a tuple of the values. The values are

    index kinds, u32, i32, i64    int (constants in signed form)
    f32, f64, v128                int: the bit pattern, so NaN payloads survive; v128 little-endian
    memarg/N                      `MemArg` (align as written, i.e. the exponent; offset; memory)
    lane/N                        int
    lanes                         bytes of length 16
    block                         `None` (empty) | a ValType (one result) | int (type index)
    labels                        tuple of label indices, the default last
    types                         tuple of ValTypes
    ref, refnull                  a RefType
    cast                          tuple (label, RefType from, RefType to)
    catches                       tuple of `Catch`
    handlers                      tuple of `Handler`
    fence                         int (0)
    order, orders                 int: 0 seq_cst, 1 acq_rel
"""

from typing import Final, NamedTuple, final

from wadjet.core.types import ValType

END: Final = 0x0B


class MemArg(NamedTuple):
    """The immediate of a memory access: log2 of the hinted alignment, static offset, memory."""

    align: int
    offset: int
    memory: int = 0


class Catch(NamedTuple):
    """One clause of try_table. `kind`: 0 catch, 1 catch_ref, 2 catch_all, 3 catch_all_ref."""

    kind: int
    tag: int | None
    label: int


class Handler(NamedTuple):
    """One clause of resume: `(on $tag $label)`, or `(on $tag switch)` where label is None."""

    tag: int
    label: int | None


#: The type of a block: nothing, one result, or the index of a function type.
BlockType = None | ValType | int


@final
class Body:
    """Parallel lists: `ops[i]` row id, `imms[i]` immediates, `places[i]` where it was written.

    A place is a byte offset in a binary module, or an index into the source of a text module.
    """

    __slots__ = ("imms", "ops", "places")

    def __init__(
        self,
        ops: list[int] | None = None,
        imms: list[object] | None = None,
        places: list[int] | None = None,
    ) -> None:
        self.ops: list[int] = [] if ops is None else ops
        self.imms: list[object] = [] if imms is None else imms
        self.places: list[int] = [] if places is None else places

    def add(self, op: int, imm: object, place: int) -> None:
        """Append one instruction."""
        self.ops.append(op)
        self.imms.append(imm)
        self.places.append(place)

    def __len__(self) -> int:
        return len(self.ops)

    def __eq__(self, other: object) -> bool:
        """Same instructions with the same immediates; places do not count."""
        if not isinstance(other, Body):
            return NotImplemented
        return self.ops == other.ops and self.imms == other.imms

    __hash__ = None  # type: ignore[assignment]  # mutable, compared by content
