"""Instructions on linear memory (spec 4.6.10): loads, stores, bulk operations, SIMD accesses.

What a load or a store does is read off its mnemonic: the width in memory, the sign, the shape.
"""

import re
import struct
from typing import Final

from wadjet.core.body import MemArg
from wadjet.core.numerics import vectors
from wadjet.core.opcodes import ROWS, Op, Row
from wadjet.engine.contract.traps import TrapCode, failure
from wadjet.engine.tiers.interpreter.unit import Maker, Plain, Unit, Window, Work

#: What struct raises where the bytes or the address do not fit.
OUT: Final = (struct.error, OverflowError, IndexError)
_LETTERS: Final = {1: "B", 2: "H", 4: "I", 8: "Q"}
#: memory.fill writes so many bytes at a time
_CHUNK: Final = 1 << 20


def load(window: Window, offset: int, size: int, mask: int = 0) -> Work:
    """A load of `size` bytes, unsigned; with a mask, sign extended and cut to the mask."""
    letter = _LETTERS[size].lower() if mask else _LETTERS[size]
    unpack = struct.Struct(f"<{letter}").unpack_from

    def load_unsigned(address: int) -> int:
        at = address + offset
        try:
            value: int = unpack(window.view, at)[0]
        except OUT:
            value = unpack(window.reach(at, size), at)[0]
        return value

    def load_signed(address: int) -> int:
        return load_unsigned(address) & mask

    return load_signed if mask else load_unsigned


def store(window: Window, offset: int, size: int, cut: bool) -> Work:
    """A store of `size` bytes; `cut` if the operand may be wider."""
    pack = struct.Struct(f"<{_LETTERS[size]}").pack_into
    mask = (1 << 8 * size) - 1

    def store_whole(address: int, value: int) -> None:
        at = address + offset
        try:
            pack(window.view, at, value)
        except OUT:
            pack(window.reach(at, size), at, value)

    def store_part(address: int, value: int) -> None:
        store_whole(address, value & mask)

    return store_part if cut else store_whole


def _load_v128(window: Window, offset: int) -> Work:
    def load_v128(address: int) -> int:
        at = address + offset
        return int.from_bytes(window.reach(at, 16)[at : at + 16], "little")

    return load_v128


def _store_v128(window: Window, offset: int) -> Work:
    def store_v128(address: int, value: int) -> None:
        at = address + offset
        window.reach(at, 16)[at : at + 16] = value.to_bytes(16, "little")

    return store_v128


def _load_extend(window: Window, offset: int, lane: int, sign: bool) -> Work:
    """v128.load8x8_s and its kin: eight bytes, each lane widened to twice its size."""
    widen = vectors.extend(8 * lane, sign, high=False)
    whole = load(window, offset, 8)
    return lambda address: widen(whole(address))


def _load_splat(window: Window, offset: int, size: int) -> Work:
    whole = load(window, offset, size)
    splat = vectors.splat(8 * size)
    return lambda address: splat(whole(address))


def _load_lane(window: Window, offset: int, size: int, lane: int) -> Work:
    whole = load(window, offset, size)
    replace = vectors.replace_lane(8 * size)
    return lambda address, v: replace(v, whole(address), lane)


def _store_lane(window: Window, offset: int, size: int, lane: int) -> Work:
    part = store(window, offset, size, cut=False)
    extract = vectors.extract_lane(8 * size)
    return lambda address, v: part(address, extract(v, lane))


_SCALAR: Final = re.compile(r"[if](32|64)\.(load|store)(8|16|32)?(_[su])?")
_VECTOR: Final = re.compile(r"v128\.(load|store)(\d+)?(?:x(\d))?_?(s|u|splat|lane|zero)?")


def _scalar_access(row: Row) -> Maker:
    found = _SCALAR.fullmatch(row.mnemonic)
    assert found is not None, row
    bits, verb, narrow, sign = found.groups()
    mask = (1 << int(bits)) - 1 if sign == "_s" else 0
    size = row.natural

    def make(unit: Unit, arg: MemArg) -> Work:
        window = unit.windows[arg.memory]
        if verb == "load":
            return load(window, arg.offset, size, mask)
        return store(window, arg.offset, size, narrow is not None)

    return make


def _vector_access(row: Row) -> Maker:
    found = _VECTOR.fullmatch(row.mnemonic)
    assert found is not None, row
    verb, _, lanes, what = found.groups()
    size = row.natural

    def make(unit: Unit, arg: MemArg) -> Work:
        window = unit.windows[arg.memory]
        if what == "splat":
            return _load_splat(window, arg.offset, size)
        if what == "zero":
            return load(window, arg.offset, size)
        if lanes is not None:
            return _load_extend(window, arg.offset, 8 // int(lanes), what == "s")
        return (_load_v128 if verb == "load" else _store_v128)(window, arg.offset)

    def make_lane(unit: Unit, imm: tuple[MemArg, int]) -> Work:
        arg, lane = imm
        access = _load_lane if verb == "load" else _store_lane
        return access(unit.windows[arg.memory], arg.offset, size, lane)

    return make_lane if what == "lane" else make


# --- whole memories ------------------------------------------------------------------------------


def _size(unit: Unit, memory: int) -> Work:
    found = unit.instance.memories[memory]
    return lambda: found.pages


def _grow(unit: Unit, memory: int) -> Work:
    found = unit.instance.memories[memory]
    mask = (1 << 8 * unit.address_types[memory].size) - 1
    return lambda pages: found.grow(pages) & mask


def _fill(unit: Unit, memory: int) -> Work:
    window = unit.windows[memory]

    def fill(start: int, value: int, count: int) -> None:
        view = window.reach(start, count)
        chunk = bytes([value & 0xFF]) * min(count, _CHUNK)
        for at in range(start, start + count, _CHUNK):
            size = min(_CHUNK, start + count - at)
            view[at : at + size] = chunk[:size]

    return fill


def _copy(unit: Unit, memories: tuple[int, int]) -> Work:
    target, source = (unit.windows[memory] for memory in memories)

    def copy(to: int, start: int, count: int) -> None:
        read, written = source.reach(start, count), target.reach(to, count)
        # a slice assignment between views moves like memmove: the ranges may overlap
        written[to : to + count] = read[start : start + count]

    return copy


def _init(unit: Unit, imm: tuple[int, int]) -> Work:
    data, memory = imm
    instance, window = unit.instance, unit.windows[memory]

    def init(to: int, start: int, count: int) -> None:
        view, segment = window.reach(to, count), instance.data(data)
        if start + count > len(segment):
            raise failure(TrapCode.OUT_OF_BOUNDS_MEMORY)
        view[to : to + count] = segment[start : start + count]

    return init


def _drop(unit: Unit, data: int) -> Work:
    instance = unit.instance
    return lambda: instance.drop_data(data)


def _accesses() -> dict[int, Plain]:
    """Every row with a memory argument but the atomics."""
    table: dict[int, Plain] = {}
    for row in ROWS:
        if row.natural and row.prefix != 0xFE:
            assert row.params is not None, "accesses tell their effect"
            assert row.results is not None, "accesses tell their effect"
            vector = row.mnemonic.startswith("v128")
            make = _vector_access(row) if vector else _scalar_access(row)
            table[row.op] = Plain(len(row.params), len(row.results), make)
    return table


MEMORY: Final[dict[int, Plain]] = _accesses() | {
    Op.MEMORY_SIZE: Plain(0, 1, _size),
    Op.MEMORY_GROW: Plain(1, 1, _grow),
    Op.MEMORY_FILL: Plain(3, 0, _fill),
    Op.MEMORY_COPY: Plain(3, 0, _copy),
    Op.MEMORY_INIT: Plain(3, 0, _init),
    Op.DATA_DROP: Plain(0, 0, _drop),
}
