"""Instructions that the table tells all about: any row with a fixed effect becomes code."""

import re
from collections.abc import Callable
from typing import Final

from wadjet.core.body import MemArg
from wadjet.core.opcodes import ROWS, Op, Row
from wadjet.core.types import F32, F64, I32, I64, V128, NumType, ValType
from wadjet.testing.generate.maker import Maker, op
from wadjet.testing.generate.values import immediate, number

#: rows that give a NaN whose bits are not determined: arithmetic, but not moves of bits
_MAKES_NAN: Final = re.compile(
    r"(f32|f64|f32x4|f64x2)\.(relaxed_)?"
    r"(add|sub|mul|div|sqrt|ceil|floor|trunc|nearest|min|max|n?madd|demote|promote)(_\w+)?"
)
#: op → the type of scalar or lane that may be such a NaN
NANS: Final[dict[int, str]] = {
    r.op: found[1] for r in ROWS if (found := _MAKES_NAN.fullmatch(r.mnemonic))
}
#: a NaN that every engine makes under the deterministic profile
_CANONICAL: Final = {"f32": 0x7FC0_0000, "f64": 0x7FF8_0000_0000_0000}
_CANONICAL_VECTORS: Final = {
    "f32x4": sum(0x7FC0_0000 << at for at in range(0, 128, 32)),
    "f64x2": 0x7FF8_0000_0000_0000 << 64 | 0x7FF8_0000_0000_0000,
}

_DIVIDES: Final = re.compile(r"i(32|64)\.(div|rem)_[su]")
_TRUNCATES: Final = re.compile(r"i(32|64)\.trunc_f(32|64)_[su]")


# --- immediates -----------------------------------------------------------------------------------


def memarg(m: Maker, row: Row) -> MemArg | None:
    """The immediate of an access to some memory; the alignment of atomic ones is natural."""
    if not m.w.memories:
        return None
    memory = m.rng.randrange(len(m.w.memories))
    exact = row.natural.bit_length() - 1
    atomic = row.feature == "threads"
    offset = _offset(m, memory, row.natural)
    if atomic:
        offset -= offset % row.natural if m.chance(0.97) else 0
        return MemArg(exact, offset, memory)
    return MemArg(m.rng.randint(0, exact), offset, memory)


def _offset(m: Maker, memory: int, size: int) -> int:
    t = m.w.memories[memory]
    length = t.limits.min * t.page_size
    kind = m.rng.random()
    if kind < 0.5:
        return 0
    if kind < 0.9:
        return m.rng.randrange(64)
    if kind < 0.985:
        return m.rng.randint(0, max(length - size, 0))
    widest = 64 if t.limits.addr is I64 else 32
    return m.rng.choice((length - size + 1, length, (1 << widest) - 1, 1 << 31, 1 << 32)) % (
        1 << widest
    )


def _lane(m: Maker, row: Row) -> int:
    return m.rng.randrange(row.lanes)


def _lanes(m: Maker, row: Row) -> bytes:
    return bytes(m.rng.randrange(32) for _ in range(16))


def _const(t: NumType) -> Callable[[Maker, Row], object]:
    return lambda m, row: immediate(t, number(t, m.rng))


def _index(count: Callable[[Maker], int]) -> Callable[[Maker, Row], object]:
    def choose(m: Maker, row: Row) -> object:
        most = count(m)
        return m.rng.randrange(most) if most else None

    return choose


#: kind of immediate → how to choose one; None where there is nothing to choose from
IMMEDIATES: Final[dict[str, Callable[[Maker, Row], object]]] = {
    "memarg": memarg,
    "lane": _lane,
    "lanes": _lanes,
    "fence": lambda m, row: 0,
    "i32": _const(I32),
    "i64": _const(I64),
    "f32": _const(F32),
    "f64": _const(F64),
    "v128": _const(V128),
    "data": _index(lambda m: len(m.w.module.datas)),
    "elem": _index(lambda m: len(m.w.module.elems)),
}


# --- operands -------------------------------------------------------------------------------------


def address(m: Maker, memory: int, offset: int, size: int, natural: int = 1) -> None:
    """Push an address for an access of `size` bytes: mostly within bounds, often near others,
    sometimes just beyond. `natural` is the alignment that the sum of address and offset needs."""
    t = m.w.memories[memory]
    addr = t.limits.addr
    room = t.limits.min * t.page_size - offset - size
    kind = m.rng.random()
    if room < 0 or kind < 0.55:
        at = m.rng.randint(0, max(min(room, 80), 0))
    elif kind < 0.62:
        at = room + m.rng.choice((0, 0, 0, -1, -2, -size, 1))
    elif kind < 0.63:
        m.constant(addr)
        return
    else:
        m.produce(addr)
        mask = (1 << (room + 1).bit_length() - 1) - 1
        m.number(addr, mask & -natural)
        m.apply(op(f"{addr}.and"), None, (addr, addr), addr)
        return
    at -= (at + offset) % natural if m.chance(0.97) else 0
    m.number(addr, max(at, 0))


def _divisor(m: Maker, t: ValType) -> None:
    """Push a number that is hardly ever zero."""
    assert isinstance(t, NumType), "an integer"
    m.produce(t)
    if m.chance(0.93):
        m.number(t, m.rng.choice((1, 1, 2, 0x80)))
        m.apply(op(f"{t}.or"), None, (t, t), t)


def _truncatable(m: Maker, t: ValType) -> None:
    """Push a float that fits integers."""
    if m.chance(0.1):
        m.produce(t)
        return
    m.produce(I32)
    m.number(I32, m.rng.choice((0xFF, 0xFFFF, 0x7FFF_FFFF)))
    m.apply(op("i32.and"), None, (I32, I32), I32)
    m.apply(op(f"{t}.convert_i32_{m.rng.choice('su')}"), None, (I32,), t)


def _operands(m: Maker, row: Row, imm: object) -> None:
    """Push what a row takes. What would nearly always trap is kept from it."""
    assert row.params is not None, "rows without a rule tell their effect"
    place = imm[0] if isinstance(imm, tuple) and not isinstance(imm, MemArg) else imm
    if isinstance(place, MemArg):
        natural = row.natural if row.feature == "threads" else 1
        address(m, place.memory, place.offset, row.natural, natural)
        for t in row.params[1:]:
            assert t is not None, "an access takes one address"
            m.produce(t)
        return
    params = [t for t in row.params if t is not None]
    if _DIVIDES.fullmatch(row.mnemonic):
        m.produce(params[0])
        _divisor(m, params[1])
    elif _TRUNCATES.fullmatch(row.mnemonic):
        _truncatable(m, params[0])
    else:
        m.want(params)


# --- the rule -------------------------------------------------------------------------------------


def generic(m: Maker, row: Row) -> bool:
    """Write a row of fixed effect with its operands; False where the module lacks what its
    immediates name."""
    assert row.params is not None, "rows with a rule go by it"
    assert row.results is not None, "rows with a rule go by it"
    imms = [IMMEDIATES[kind.partition("/")[0]](m, row) for kind in row.immediates]
    if None in imms:
        return False
    imm = tuple(imms) if len(imms) > 1 else imms[0] if imms else None
    _operands(m, row, imm)
    m.emit(row.op, imm)
    m.pop(len(row.params))
    for t in row.results:
        assert t is not None, "rows that give addresses have a rule"
        m.vals.append(t)
    if m.w.canonical and row.op in NANS:
        canonicalise(m, NANS[row.op])
    return True


def canonicalise(m: Maker, shape: str) -> None:
    """Replace NaNs in what is on the stack by the canonical one."""
    if shape in _CANONICAL:
        t = F32 if shape == "f32" else F64
        x = m.scratch(t)
        m.emit(Op.LOCAL_TEE, x)
        m.write(f"{t}.const", _CANONICAL[shape])
        m.emit(Op.LOCAL_GET, x)
        m.emit(Op.LOCAL_GET, x)
        m.write(f"{t}.eq")
        m.emit(Op.SELECT)
    else:
        x = m.scratch(V128)
        m.emit(Op.LOCAL_TEE, x)
        m.write("v128.const", _CANONICAL_VECTORS[shape])
        m.emit(Op.LOCAL_GET, x)
        m.emit(Op.LOCAL_GET, x)
        m.write(f"{shape}.eq")
        m.write("v128.bitselect")
    m.emit(Op.LOCAL_TEE, x)  # other code may look at that local
    m.room += 6  # this is not what the module is about
