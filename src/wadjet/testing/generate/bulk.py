"""Memories and tables as a whole: sizes, growing, copying, filling; and segments."""

from typing import Final

from wadjet.core.body import MemArg
from wadjet.core.opcodes import Op, row
from wadjet.core.types import I32, I64, NumType
from wadjet.testing.generate.generic import address, memarg
from wadjet.testing.generate.maker import Maker, Rule, op


def _memory(m: Maker) -> int | None:
    return m.rng.randrange(len(m.w.memories)) if m.w.memories else None


def _small(m: Maker, t: NumType, most: int = 24) -> None:
    """Push a length."""
    if m.chance(0.02):
        m.constant(t)
    else:
        m.number(t, m.rng.choice((0, 1, m.rng.randint(0, most), m.rng.randint(0, most))))


def memory_size(m: Maker) -> bool:
    """In pages."""
    x = _memory(m)
    if x is None:
        return False
    m.emit(Op.MEMORY_SIZE, x)
    m.vals.append(m.w.memories[x].limits.addr)
    return True


def memory_grow(m: Maker) -> bool:
    """By little, or by too much."""
    x = _memory(m)
    if x is None:
        return False
    t = m.w.memories[x].limits.addr
    if m.chance(0.8):
        m.number(t, m.rng.choice((0, 1, 1, 2, 3, -1)))
    else:
        m.produce(t)
    m.apply(Op.MEMORY_GROW, x, (t,), t)
    return True


def memory_fill(m: Maker) -> bool:
    """With one byte."""
    x = _memory(m)
    if x is None:
        return False
    t = m.w.memories[x].limits.addr
    address(m, x, 0, 24)
    m.produce(I32)
    _small(m, t)
    m.apply(Op.MEMORY_FILL, x, (t, I32, t))
    return True


def memory_copy(m: Maker) -> bool:
    """From one memory to another, or overlapping within one."""
    to, source = _memory(m), _memory(m)
    if to is None or source is None:
        return False
    t1, t2 = m.w.memories[to].limits.addr, m.w.memories[source].limits.addr
    t3 = I64 if t1 is I64 and t2 is I64 else I32
    address(m, to, 0, 24)
    address(m, source, 0, 24)
    _small(m, t3)
    m.apply(Op.MEMORY_COPY, (to, source), (t1, t2, t3))
    return True


def memory_init(m: Maker) -> bool:
    """From a segment; active ones are empty by then."""
    x = _memory(m)
    datas = m.w.module.datas
    if x is None or not datas:
        return False
    t = m.w.memories[x].limits.addr
    data = m.rng.randrange(len(datas))
    address(m, x, 0, 24)
    _slice(m, len(datas[data].data))
    m.apply(Op.MEMORY_INIT, (data, x), (t, I32, I32))
    return True


def _slice(m: Maker, length: int) -> None:
    """Push start and length of a part of something this long, or a little longer."""
    start = m.rng.randint(0, length)
    m.number(I32, start)
    if m.chance(0.93):
        m.number(I32, m.rng.randint(0, length - start))
    else:
        _small(m, I32)


# --- tables ---------------------------------------------------------------------------------------


def _table(m: Maker) -> int:
    return m.rng.randrange(len(m.w.tables))


def _index(m: Maker, table: int, room: int = 1) -> None:
    """Push an index into a table, mostly one within it."""
    t = m.w.tables[table].limits
    if m.chance(0.1):
        m.produce(t.addr)
    else:
        beyond = m.chance(0.05)
        m.number(t.addr, m.rng.randint(0, max(t.min - room, 0)) + beyond)


def table_get(m: Maker) -> bool:
    """Reads an element."""
    x = _table(m)
    t = m.w.tables[x]
    _index(m, x)
    m.apply(Op.TABLE_GET, x, (t.limits.addr,), t.element)
    return True


def table_set(m: Maker) -> bool:
    """Writes an element."""
    x = _table(m)
    t = m.w.tables[x]
    _index(m, x)
    m.produce(t.element)
    m.apply(Op.TABLE_SET, x, (t.limits.addr, t.element))
    return True


def table_size(m: Maker) -> bool:
    """In elements."""
    x = _table(m)
    m.emit(Op.TABLE_SIZE, x)
    m.vals.append(m.w.tables[x].limits.addr)
    return True


def table_grow(m: Maker) -> bool:
    """By little, or by too much."""
    x = _table(m)
    t = m.w.tables[x]
    m.produce(t.element)
    m.number(t.limits.addr, m.rng.choice((0, 1, 2, 5, -1)))
    m.apply(Op.TABLE_GROW, x, (t.element, t.limits.addr), t.limits.addr)
    return True


def table_fill(m: Maker) -> bool:
    """With one reference."""
    x = _table(m)
    t = m.w.tables[x]
    _index(m, x, 3)
    m.produce(t.element)
    _small(m, t.limits.addr, 4)
    m.apply(Op.TABLE_FILL, x, (t.limits.addr, t.element, t.limits.addr))
    return True


def table_copy(m: Maker) -> bool:
    """From one table to another whose elements are the same or wider."""
    to = _table(m)
    found = m.w.tables_of(m.w.tables[to].element)
    source = m.rng.choice(found)
    t1, t2 = m.w.tables[to].limits.addr, m.w.tables[source].limits.addr
    t3 = I64 if t1 is I64 and t2 is I64 else I32
    _index(m, to, 4)
    _index(m, source, 4)
    _small(m, t3, 4)
    m.apply(Op.TABLE_COPY, (to, source), (t1, t2, t3))
    return True


def table_init(m: Maker) -> bool:
    """From a segment."""
    x = _table(m)
    t = m.w.tables[x]
    elems = m.w.module.elems
    found = [i for i, e in enumerate(elems) if m.w.fits(e.type, t.element)]
    if not found:
        return False
    elem = m.rng.choice(found)
    _index(m, x, 3)
    _slice(m, 0 if elems[elem].mode != "passive" else len(elems[elem].items))
    m.apply(Op.TABLE_INIT, (elem, x), (t.limits.addr, I32, I32))
    return True


# --- waiting --------------------------------------------------------------------------------------


def _wait(instruction: int) -> Rule:
    """Nobody will ever notify: only waits that end at once."""

    def rule(m: Maker) -> bool:
        r = row(instruction)
        imm = memarg(m, r)
        if imm is None:
            return False
        assert isinstance(imm, MemArg), "the immediate of an access"
        addr = m.w.memories[imm.memory].limits.addr
        address(m, imm.memory, imm.offset, r.natural, r.natural)
        expected = I64 if r.natural == 8 else I32
        m.produce(expected)
        m.number(I64, m.rng.choice((0, 1, 1000)))
        m.apply(instruction, imm, (addr, expected, I64), I32)
        return True

    return rule


_WAITS: Final = {x: _wait(x) for x in map(op, ("memory.atomic.wait32", "memory.atomic.wait64"))}

BULK: Final[dict[int, Rule]] = {
    Op.MEMORY_SIZE: memory_size,
    Op.MEMORY_GROW: memory_grow,
    Op.MEMORY_FILL: memory_fill,
    Op.MEMORY_COPY: memory_copy,
    Op.MEMORY_INIT: memory_init,
    **_WAITS,
}
TABLES: Final[dict[int, Rule]] = {
    Op.TABLE_GET: table_get,
    Op.TABLE_SET: table_set,
    Op.TABLE_SIZE: table_size,
    Op.TABLE_GROW: table_grow,
    Op.TABLE_FILL: table_fill,
    Op.TABLE_COPY: table_copy,
    Op.TABLE_INIT: table_init,
}
