"""What the numeric rows are tried on: corner operands and seeded random ones, and functions in the
text format that apply one instruction to a whole array of operands."""

import os
import random
from itertools import product

from wadjet.core.opcodes import Row
from wadjet.core.types import F32, F64, I32, I64, NumType

SEED = 20
#: random tuples per row
COUNT = int(os.environ.get("WADJET_DIFF_COUNT", "150"))
#: bytes that one operand or result takes in memory
SLOT = 16


def corners(n: int) -> list[int]:
    """Integers near the ends, and small ones."""
    ends = [0, 1, 2, 3, 7, 1 << (n - 1), (1 << (n - 1)) - 1, (1 << n) - 1, (1 << n) - 2]
    return [*ends, n, n - 1, n + 1, 0x55 * (((1 << n) - 1) // 0xFF)]


F32_CORNERS = [
    0, 0x8000_0000, 1, 0x8000_0001, 0x007F_FFFF, 0x0080_0000, 0x3F00_0000, 0xBF00_0000,
    0x3F80_0000, 0xBF80_0000, 0x3FC0_0000, 0x4020_0000, 0x4B00_0000, 0x4EFF_FFFF, 0x4F00_0000,
    0xCF00_0000, 0xCF00_0001, 0x4F7F_FFFF, 0x4F80_0000, 0x5EFF_FFFF, 0x5F00_0000, 0xDF00_0000,
    0x5F80_0000, 0x7F7F_FFFF, 0xFF7F_FFFF, 0x7F80_0000, 0xFF80_0000, 0x7FC0_0000, 0xFFC0_1234,
    0x7F80_0001, 0xFFBF_FFFF,
]  # fmt: skip
F64_CORNERS = [
    0, 1 << 63, 1, (1 << 63) + 1, 0x000F_FFFF_FFFF_FFFF, 0x0010_0000_0000_0000,
    0x3FE0_0000_0000_0000, 0xBFE0_0000_0000_0000, 0x3FF0_0000_0000_0000, 0xBFEF_FFFF_FFFF_FFFF,
    0x3FF8_0000_0000_0000, 0x4004_0000_0000_0000, 0x41DF_FFFF_FFC0_0000, 0x41DF_FFFF_FFE0_0000,
    0x41E0_0000_0000_0000, 0xC1E0_0000_0000_0000, 0xC1E0_0000_0010_0000, 0xC1E0_0000_0020_0000,
    0x41EF_FFFF_FFE0_0000, 0x41F0_0000_0000_0000, 0x43DF_FFFF_FFFF_FFFF, 0x43E0_0000_0000_0000,
    0xC3E0_0000_0000_0000, 0xC3E0_0000_0000_0001, 0x43F0_0000_0000_0000, 0x4330_0000_0000_0001,
    0x7FEF_FFFF_FFFF_FFFF, 0xFFEF_FFFF_FFFF_FFFF, 0x7FF0_0000_0000_0000, 0xFFF0_0000_0000_0000,
    0x7FF8_0000_0000_0000, 0xFFF8_0000_0000_1234,
    0x7FF0_0000_0000_0001, 0xFFF7_FFFF_FFFF_FFFF, 0x47EF_FFFF_F000_0000, 0x3690_0000_0000_0000,
]  # fmt: skip
LANES = {8: corners(8), 16: corners(16), 32: corners(32) + F32_CORNERS, 64: F64_CORNERS}


def vector(rng: random.Random) -> int:
    """A vector of corner lanes of one width, or of random bits."""
    n = rng.choice([8, 16, 32, 64, 128])
    if n == 128:
        return rng.getrandbits(128)
    return sum(rng.choice(LANES[n]) << at for at in range(0, 128, n))


def operand(t: NumType, rng: random.Random) -> int:
    """A random operand; of floats, half have close exponents so that roundings are hard."""
    if t is F32 and rng.random() < 0.5:
        return rng.getrandbits(24) | rng.choice([0x3F, 0x40, 0xBF, 0x4B, 0x00]) << 24
    if t is F64 and rng.random() < 0.5:
        return rng.getrandbits(52) | rng.choice([0x3FF, 0x400, 0xBFE, 0x432, 0x43D, 0x41E]) << 52
    if t.size == 16:
        return vector(rng)
    return rng.getrandbits(8 * t.size) >> rng.choice([0, 0, 1, 8, 8 * t.size - 9])


def operands(r: Row) -> list[tuple[int, ...]]:
    """Operand tuples for a row: all pairs of corners, then random ones."""
    rng = random.Random(f"{SEED} {r.mnemonic}")
    fixed = {I32: corners(32), I64: corners(64), F32: F32_CORNERS, F64: F64_CORNERS}
    sets = [fixed.get(t) or [vector(rng) for _ in range(12)] for t in r.params]
    tuples = list(product(*sets)) if len(sets) < 4 else []
    return tuples + [tuple(operand(t, rng) for t in r.params) for _ in range(COUNT)]


def immediates(r: Row) -> list[tuple[object, ...]]:
    """The lane immediates to try."""
    if r.lanes:
        return [(lane,) for lane in range(r.lanes)]
    if r.immediates:
        rng = random.Random(SEED)
        return [(bytes(rng.randrange(32) for _ in range(16)),) for _ in range(6)]
    return [()]


def function(name: str, r: Row, imm: tuple[object, ...]) -> str:
    """A function over `count` tuples: operands at in, results at out, SLOT bytes each."""
    loads = [f"({t}.load offset={i * SLOT} (local.get $in))" for i, t in enumerate(r.params)]
    words = [" ".join(map(str, i)) if isinstance(i, bytes) else str(i) for i in imm]
    call = f"({r.mnemonic} {' '.join(words)} {' '.join(loads)})"
    sets = "".join(f"(local.set $r{i})" for i in reversed(range(len(r.results))))
    stores = " ".join(
        f"({t}.store offset={i * SLOT} (local.get $out) (local.get $r{i}))"
        for i, t in enumerate(r.results)
    )
    declared = " ".join(f"(local $r{i} {t})" for i, t in enumerate(r.results))
    return f"""(func (export "{name}") (param $in i32) (param $out i32) (param $count i32)
      {declared}
      (loop $next {call} {sets} {stores}
        (local.set $in (i32.add (local.get $in) (i32.const {SLOT * len(r.params)})))
        (local.set $out (i32.add (local.get $out) (i32.const {SLOT * len(r.results)})))
        (br_if $next (local.tee $count (i32.sub (local.get $count) (i32.const 1))))))"""
