"""Constants on which implementations differ: the corners of every number type, and their like."""

import random
from typing import Final

from wadjet.core.types import F32, F64, I32, I64, V128, NumType


def corners(bits: int) -> list[int]:
    """Integers of a width (unsigned): small ones, and those beside every turning point."""
    top = 1 << bits
    half = top >> 1
    near = [0, 1, 2, 3, 7, 8, 0x7F, 0x80, 0xFF, bits - 1, bits, bits + 1]
    far = [half - 1, half, half + 1, top - 1, top - 2, top // 3, half >> 1]
    middle = [1 << bits // 2, (1 << bits // 2) - 1]
    return [n % top for n in (*near, *far, *middle)]


#: sign and exponent and fraction of: zeros, denormals, least and greatest normal numbers, halves,
#: ones, neighbours of 2^24, of 2^31, 2^32, 2^63 and 2^64, infinities, NaNs quiet and signalling
FLOATS32: Final = (
    0, 0x8000_0000, 1, 0x8000_0001, 0x007F_FFFF, 0x0080_0000, 0x3EFF_FFFF, 0x3F00_0000,
    0xBF00_0000, 0x3F7F_FFFF, 0x3F80_0000, 0xBF80_0000, 0x3FC0_0000, 0x4020_0000, 0x4B00_0000,
    0x4B80_0000, 0x4EFF_FFFF, 0x4F00_0000, 0xCF00_0000, 0xCF00_0001, 0x4F7F_FFFF, 0x4F80_0000,
    0x5EFF_FFFF, 0x5F00_0000, 0xDF00_0000, 0x5F80_0000, 0x7F7F_FFFF, 0xFF7F_FFFF, 0x7F80_0000,
    0xFF80_0000, 0x7FC0_0000, 0xFFC0_0000, 0xFFC0_1234, 0x7F80_0001, 0xFFBF_FFFF,
)  # fmt: skip
FLOATS64: Final = (
    0, 1 << 63, 1, (1 << 63) + 1, 0x000F_FFFF_FFFF_FFFF, 0x0010_0000_0000_0000,
    0x3FDF_FFFF_FFFF_FFFF, 0x3FE0_0000_0000_0000, 0xBFE0_0000_0000_0000, 0x3FEF_FFFF_FFFF_FFFF,
    0x3FF0_0000_0000_0000, 0xBFF0_0000_0000_0000, 0x3FF8_0000_0000_0000, 0x4004_0000_0000_0000,
    0x41DF_FFFF_FFC0_0000, 0x41DF_FFFF_FFE0_0000, 0x41E0_0000_0000_0000, 0xC1E0_0000_0000_0000,
    0xC1E0_0000_0010_0000, 0xC1E0_0000_0020_0000, 0x41EF_FFFF_FFE0_0000, 0x41F0_0000_0000_0000,
    0x4330_0000_0000_0001, 0x43DF_FFFF_FFFF_FFFF, 0x43E0_0000_0000_0000, 0xC3E0_0000_0000_0000,
    0xC3E0_0000_0000_0001, 0x43F0_0000_0000_0000, 0x3690_0000_0000_0000, 0x47EF_FFFF_F000_0000,
    0x7FEF_FFFF_FFFF_FFFF, 0xFFEF_FFFF_FFFF_FFFF, 0x7FF0_0000_0000_0000, 0xFFF0_0000_0000_0000,
    0x7FF8_0000_0000_0000, 0xFFF8_0000_0000_0000, 0xFFF8_0000_0000_1234, 0x7FF0_0000_0000_0001,
    0xFFF7_FFFF_FFFF_FFFF,
)  # fmt: skip

_CORNERS: Final[dict[int, tuple[int, ...]]] = {
    8: tuple(corners(8)),
    16: tuple(corners(16)),
    32: (*corners(32), *FLOATS32),
    64: (*corners(64), *FLOATS64),
}


def _integer(bits: int, rng: random.Random) -> int:
    kind = rng.random()
    if kind < 0.5:
        return rng.choice(corners(bits))
    if kind < 0.8:
        return rng.randrange(-16, 64) % (1 << bits)
    return rng.getrandbits(bits) >> rng.randrange(bits)


def _float(bits: int, rng: random.Random) -> int:
    kind = rng.random()
    if kind < 0.5:
        return rng.choice(FLOATS32 if bits == 32 else FLOATS64)
    if kind < 0.6:
        return rng.getrandbits(bits)
    # near one, where roundings are hard and results stay finite
    fraction, bias = (23, 127) if bits == 32 else (52, 1023)
    exponent = bias + rng.randrange(-6, 32)
    return rng.getrandbits(1) << bits - 1 | exponent << fraction | rng.getrandbits(fraction)


def _vector(rng: random.Random) -> int:
    width = rng.choice((8, 16, 32, 64, 128))
    if width == 128:
        return rng.getrandbits(128)
    return sum(rng.choice(_CORNERS[width]) << at for at in range(0, 128, width))


def number(t: NumType, rng: random.Random) -> int:
    """The bit pattern of a value of a number or vector type, corners preferred."""
    if t is V128:
        return _vector(rng)
    if t is F32 or t is F64:
        return _float(8 * t.size, rng)
    return _integer(8 * t.size, rng)


def immediate(t: NumType, bits: int) -> int:
    """The immediate of the constant instruction with these bits: integers are signed."""
    if t is I32 or t is I64:
        width = 8 * t.size
        return bits - (1 << width) if bits >> width - 1 else bits
    return bits
