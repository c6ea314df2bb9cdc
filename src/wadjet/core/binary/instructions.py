"""The only place that reads instructions from bytes (spec 5.4)."""

from bisect import bisect_right
from typing import Final, final

from wadjet.base.errors import Malformed
from wadjet.base.leb128 import read_s32, read_s64, read_signed, read_u32
from wadjet.base.spans import Place
from wadjet.core import limits
from wadjet.core.binary import grammar as g
from wadjet.core.binary.grammar import (
    BLOCK, END, I32, I64, ILLEGAL, INDEX, MEMARG, NESTING, NONE, PAIR, Grammar,
)  # fmt: skip
from wadjet.core.binary.reader import END_OF_INPUT
from wadjet.core.binary.types import TypeReader
from wadjet.core.body import Body, Catch, Handler, MemArg
from wadjet.core.module import CodeContent
from wadjet.core.opcodes import BY_OP, GROUP, PREFIXES, Op, row
from wadjet.core.types import RefType, ValType

#: Flags of a memory access: above the alignment, a bit that says a memory index follows.
HAS_MEMORY: Final = 0x40


class InstructionReader(TypeReader):
    """Reads expressions. `data_count` says whether instructions may refer to data segments: in
    the body of a function only after a data count section (spec 5.5.16)."""

    __slots__ = ("data_count", "memargs")

    def __init__(self, data: bytes, grammar: Grammar, pos: int = 0) -> None:
        super().__init__(data, grammar, pos)
        self.data_count = True
        #: memory accesses look alike: each kind is one object
        self.memargs: dict[int, MemArg] = {}

    def _plain_constant(self) -> Body | None:
        """`i32.const N end`, which nearly all constant expressions are; None for anything else."""
        start = self.pos
        number, end = read_s32(self.data, start + 1)
        if end >= self.size or self.data[end] != Op.END:
            return None
        self.pos = end + 1
        return Body([Op.I32_CONST, Op.END], [number, None], [start, end])

    def expression(self) -> Body:
        """Read instructions up to the `end` that closes them all.

        One flat loop: `nest` holds the op ids of the open blocks. The commonest immediates are
        read here, the others by `_rare`, with `self.pos` brought up to date around it.
        """
        if self.peek() == Op.I32_CONST:
            constant = self._plain_constant()
            if constant is not None:
                return constant
        body = Body()
        ops, imms, places = body.ops, body.imms, body.places
        data, kinds, memargs = self.data, self.grammar.kinds, self.memargs
        nest: list[int] = []
        pos = self.pos
        imm: object
        try:
            while True:
                place = pos
                op = data[pos]
                pos += 1
                if op >= 0xFB:
                    op, pos = self._prefixed(op, pos)
                kind = kinds[op]
                imm = None
                if kind == INDEX:
                    index = data[pos]
                    pos += 1
                    if index >= 0x80:
                        index, pos = read_u32(data, pos - 1)
                    imm = index
                elif kind == NONE:
                    pass
                elif kind == MEMARG:
                    align, offset = data[pos], data[pos + 1]
                    if align < HAS_MEMORY and offset < 0x80:
                        imm = memargs.get(offset << 6 | align)
                        if imm is None:
                            imm = memargs[offset << 6 | align] = MemArg(align, offset)
                        pos += 2
                    else:
                        self.pos = pos
                        imm = self._memarg()
                        pos = self.pos
                elif kind <= I64:  # the two kinds of numbers
                    number = data[pos]
                    pos += 1
                    if number >= 0x80:
                        number, pos = read_signed(data, pos - 1, 32 if kind == I32 else 64)
                    elif number >= 0x40:
                        number -= 0x80
                    imm = number
                elif kind == END:
                    if not nest:
                        break
                    nest.pop()
                else:
                    self.pos = pos
                    imm = self._rare(op, kind, nest, place)
                    pos = self.pos
                ops.append(op)
                imms.append(imm)
                places.append(place)
        except IndexError:
            raise self.fail(END_OF_INPUT, self.size) from None
        body.add(Op.END, None, place)
        self.pos = pos
        return body

    def _prefixed(self, prefix: int, pos: int) -> tuple[int, int]:
        """The op id whose prefix was read, and the position after its number."""
        first = PREFIXES.get(prefix)
        if first is None:
            return prefix, pos
        number, pos = read_u32(self.data, pos)
        if number >= GROUP:
            raise self.fail(f"illegal opcode {prefix:02x} {number:02x}", pos - 1)
        return first + number, pos

    def _rare(self, op: int, kind: int, nest: list[int], place: int) -> object:
        """Read the immediates of an instruction that the loop has no fast way for."""
        if kind == BLOCK:
            nest.append(op)
            return self.blocktype()
        if kind == PAIR:
            return self.u32(), self.u32()
        if kind == NESTING:
            return self._nesting(op, nest, place)
        if kind == ILLEGAL:
            raise self.fail(_illegal(op), place)
        return self._immediates(op)

    def _nesting(self, op: int, nest: list[int], place: int) -> object:
        """Read an instruction that opens, divides or closes a block in its own way."""
        imm = self._immediates(op)
        if op == Op.TRY_TABLE:
            nest.append(op)
            return imm
        inner = nest[-1] if nest else -1
        if inner not in _MAY_FOLLOW[op]:
            name = row(op).mnemonic
            raise self.fail(f"END opcode expected: a misplaced {name}", place)
        if op == Op.DELEGATE:
            nest.pop()
        else:
            nest[-1] = op
        return imm

    def _immediates(self, op: int) -> object:
        """Read the immediates of an instruction, one after the other, into their shape."""
        shape = self.grammar.shapes[op]
        if not shape:
            return None
        if len(shape) == 1:
            return self._immediate(shape[0])
        return tuple([self._immediate(kind) for kind in shape])

    def _immediate(self, kind: int) -> object:
        match kind:
            case g.IMM_INDEX | g.IMM_COUNT:
                return self.u32()
            case g.IMM_DATA:
                return self._data_index()
            case g.IMM_MEMARG:
                return self._memarg()
            case g.IMM_LABELS:
                labels = [self.u32() for _ in range(self.length())]
                labels.append(self.u32())
                return tuple(labels)
            case g.IMM_BLOCK:
                return self.blocktype()
            case g.IMM_TYPES:
                return tuple([self.valtype() for _ in range(self.length())])
            case g.IMM_CATCHES:
                return tuple([self._catch() for _ in range(self.length())])
            case g.IMM_HANDLERS:
                return tuple([self._handler() for _ in range(self.length())])
            case g.IMM_REF:
                return self.heap_ref(nullable=False)
            case g.IMM_REFNULL:
                return self.heap_ref(nullable=True)
            case g.IMM_CAST:
                return self._cast()
            case _:
                return self._constant(kind)

    def _constant(self, kind: int) -> object:
        match kind:
            case g.IMM_I32:
                number, self.pos = read_s32(self.data, self.pos)
                return number
            case g.IMM_I64:
                number, self.pos = read_s64(self.data, self.pos)
                return number
            case g.IMM_F32:
                return int.from_bytes(self.take(4), "little")
            case g.IMM_F64:
                return int.from_bytes(self.take(8), "little")
            case g.IMM_V128:
                return int.from_bytes(self.take(16), "little")
            case g.IMM_LANES:
                return self.take(16)
            case g.IMM_LANE:
                return self.byte()
            case g.IMM_ORDER | g.IMM_ORDERS:
                return self._order(kind)
            case _:
                assert kind in (g.IMM_ZERO, g.IMM_FENCE), kind
                self.zero()
                return 0

    def _order(self, kind: int) -> int:
        """Read an ordering; two that must be the same stand in one byte."""
        byte = self.byte()
        order = byte & 0xF
        if order > 1 or byte >> 4 != (order if kind == g.IMM_ORDERS else 0):
            raise self.fail(f"invalid atomic consistency ordering {byte:#04x}", self.pos - 1)
        return order

    def _memarg(self) -> MemArg:
        """Read the immediate of a memory access (spec 5.4.7)."""
        pos = self.pos
        flags = self.u32()
        several = self.has("multi-memory")
        if flags >= 2 * HAS_MEMORY or (flags >= HAS_MEMORY and not several):
            raise self.fail(f"malformed memop flags {flags:#x}", pos)
        memory = self.u32() if flags & HAS_MEMORY else 0
        offset = self.u64() if self.has("memory64") else self.u32()
        align = flags & ~HAS_MEMORY
        if memory != 0:
            return MemArg(align, offset, memory)
        found = self.memargs.get(offset << 6 | align)
        if found is None:
            found = self.memargs[offset << 6 | align] = MemArg(align, offset)
        return found

    def _data_index(self) -> int:
        if not self.data_count:
            raise self.fail("data count section required")
        return self.u32()

    def _catch(self) -> Catch:
        kind = self.byte()
        if kind > 3:
            raise self.fail(f"malformed catch clause {kind:#04x}", self.pos - 1)
        tag = self.u32() if kind < 2 else None
        return Catch(kind, tag, self.u32())

    def _handler(self) -> Handler:
        kind = self.byte()
        if kind > 1:
            raise self.fail(f"malformed on clause {kind:#04x}", self.pos - 1)
        tag = self.u32()
        return Handler(tag, self.u32() if kind == 0 else None)

    def _cast(self) -> tuple[int, RefType, RefType]:
        flags = self.byte()
        if flags > 3:
            raise self.fail(f"malformed br_on_cast flags {flags:#04x}", self.pos - 1)
        label = self.u32()
        source = self.heap_ref(flags & 1 != 0)
        return label, source, self.heap_ref(flags & 2 != 0)

    def function(self, size: int) -> CodeContent:
        """Read the locals and the body of a function of `size` bytes (spec 5.5.13)."""
        start = self.pos
        if size > limits.BODY_SIZE:
            raise self.fail(f"too large a function body: the limit is {limits.BODY_SIZE} bytes")
        runs: list[tuple[int, ValType]] = []
        total = 0
        for _ in range(self.length()):
            count = self.u32()
            runs.append((count, self.valtype()))
            total += count
        if total > limits.LOCALS:
            raise self.fail(f"too many locals: {total}, the limit is {limits.LOCALS}", start)
        body = self.expression()
        if self.pos != start + size:
            raise self.fail("section size mismatch: the body ends elsewhere", start)
        return runs, body


#: What the innermost block must be for an instruction that divides or closes it.
_MAY_FOLLOW: Final[dict[int, tuple[int, ...]]] = {
    Op.ELSE: (Op.IF,),
    Op.CATCH: (Op.TRY, Op.CATCH),
    Op.CATCH_ALL: (Op.TRY, Op.CATCH),
    Op.DELEGATE: (Op.TRY,),
}


def _illegal(op: int) -> str:
    found = BY_OP[op]
    if op < GROUP:
        text = f"illegal opcode {op:02x}"
    else:
        prefix = next(p for p, first in PREFIXES.items() if first <= op < first + GROUP)
        text = f"illegal opcode {prefix:02x} {op % GROUP:02x}"
    return text if found is None else f"{text}: {found.mnemonic} needs {found.feature}"


@final
class FunctionReader:
    """Reads functions of one module, in any order and from any thread.

    `starts` lists where each function starts, to name the one that is malformed; `imported` is
    the number of imported functions, which come first in the index space.
    """

    __slots__ = ("data", "data_count", "grammar", "imported", "memargs", "starts")

    def __init__(self, data: bytes, grammar: Grammar, imported: int, data_count: bool) -> None:
        self.data: Final = data
        self.grammar: Final = grammar
        self.imported: Final = imported
        self.data_count: Final = data_count
        self.starts: Final[list[int]] = []
        self.memargs: Final[dict[int, MemArg]] = {}

    def read(self, start: int, size: int) -> CodeContent:
        """Read the function at `start`."""
        reader = InstructionReader(self.data, self.grammar, start)
        reader.data_count = self.data_count
        reader.memargs = self.memargs
        try:
            return reader.function(size)
        except Malformed as error:
            offset = start if error.place is None else error.place.offset
            index = self.imported + bisect_right(self.starts, start) - 1
            raise Malformed(error.message, Place(offset=offset, function=index)) from None
