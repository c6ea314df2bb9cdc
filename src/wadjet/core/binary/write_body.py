"""The only place that writes instructions as bytes (spec 5.4)."""

from typing import Final, cast

from wadjet.base.leb128 import signed, unsigned
from wadjet.core.binary import grammar as g
from wadjet.core.binary import write_types as write
from wadjet.core.binary.grammar import grammar
from wadjet.core.binary.instructions import HAS_MEMORY
from wadjet.core.body import BlockType, Body, Catch, Handler, MemArg
from wadjet.core.features import ALL
from wadjet.core.opcodes import BY_OP, Row
from wadjet.core.types import RefType, ValType


def _head(row: Row | None) -> bytes:
    if row is None:
        return b""
    return bytes([row.code]) if row.prefix is None else bytes([row.prefix]) + unsigned(row.code)


_GRAMMAR: Final = grammar(ALL)
#: op id → what comes before the immediates
_HEADS: Final = [_head(row) for row in BY_OP]


def encode_body(body: Body) -> bytes:
    """One expression, its `end` included, in the shortest form."""
    out = bytearray()
    write_body(body, out)
    return bytes(out)


def write_body(body: Body, out: bytearray, offsets: list[int] | None = None) -> None:
    """Append one expression to `out`; note the position of each instruction in `offsets`."""
    kinds = _GRAMMAR.kinds
    for op, imm in zip(body.ops, body.imms):
        if offsets is not None:
            offsets.append(len(out))
        out += _HEADS[op]
        kind = kinds[op]
        if kind == g.INDEX:
            out += unsigned(cast(int, imm))
        elif kind == g.NONE or kind == g.END:
            pass
        elif kind == g.I32 or kind == g.I64:
            out += signed(cast(int, imm))
        elif kind == g.MEMARG:
            out += _memarg(cast(MemArg, imm))
        else:
            _write_immediates(_GRAMMAR.shapes[op], imm, out)


def _write_immediates(shape: tuple[int, ...], imm: object, out: bytearray) -> None:
    if len(shape) == 1:
        out += _immediate(shape[0], imm)
    elif shape:
        for kind, part in zip(shape, cast(tuple[object, ...], imm)):
            out += _immediate(kind, part)


def _immediate(kind: int, imm: object) -> bytes:
    match kind:
        case g.IMM_INDEX | g.IMM_DATA | g.IMM_COUNT:
            return unsigned(cast(int, imm))
        case g.IMM_MEMARG:
            return _memarg(cast(MemArg, imm))
        case g.IMM_BLOCK:
            return write.blocktype(cast(BlockType, imm))
        case g.IMM_LABELS:
            labels = [unsigned(label) for label in cast(tuple[int, ...], imm)]
            return write.vector(labels[:-1]) + labels[-1]
        case g.IMM_TYPES:
            return write.resulttype(cast(tuple[ValType, ...], imm))
        case g.IMM_CATCHES:
            return write.vector([_catch(item) for item in cast(tuple[Catch, ...], imm)])
        case g.IMM_HANDLERS:
            return write.vector([_handler(item) for item in cast(tuple[Handler, ...], imm)])
        case g.IMM_REF | g.IMM_REFNULL:
            return write.heaptype(cast(RefType, imm))
        case g.IMM_CAST:
            return _cast(cast(tuple[int, RefType, RefType], imm))
        case _:
            return _constant(kind, imm)


def _constant(kind: int, imm: object) -> bytes:
    if kind == g.IMM_LANES:
        return cast(bytes, imm)
    number = cast(int, imm)
    match kind:
        case g.IMM_F32:
            return number.to_bytes(4, "little")
        case g.IMM_F64:
            return number.to_bytes(8, "little")
        case g.IMM_V128:
            return number.to_bytes(16, "little")
        case g.IMM_LANE | g.IMM_FENCE | g.IMM_ORDER:
            return bytes([number])
        case g.IMM_ORDERS:
            return bytes([number | number << 4])
        case _:
            assert kind in (g.IMM_I32, g.IMM_I64), kind
            return signed(number)


def _memarg(imm: MemArg) -> bytes:
    if imm.memory == 0:
        return unsigned(imm.align) + unsigned(imm.offset)
    return unsigned(imm.align | HAS_MEMORY) + unsigned(imm.memory) + unsigned(imm.offset)


def _catch(item: Catch) -> bytes:
    tag = b"" if item.tag is None else unsigned(item.tag)
    return bytes([item.kind]) + tag + unsigned(item.label)


def _handler(item: Handler) -> bytes:
    if item.label is None:
        return b"\1" + unsigned(item.tag)
    return b"\0" + unsigned(item.tag) + unsigned(item.label)


def _cast(imm: tuple[int, RefType, RefType]) -> bytes:
    label, source, target = imm
    flags = source.nullable | target.nullable << 1
    return bytes([flags]) + unsigned(label) + write.heaptype(source) + write.heaptype(target)
