"""Integer arithmetic (spec 4.3.2). A family is a function of the width: `idiv_s(32)` divides.

Operands and results are N-bit patterns, that is ints in [0, 2^N). The same families serve scalars
(N = 32, 64) and the lanes of vectors (N = 8, 16, 32, 64).
"""

from collections.abc import Callable
from typing import Final

from wadjet.base.errors import Trap
from wadjet.base.faults import DIVIDE_BY_ZERO, INTEGER_OVERFLOW

#: A numeric function: patterns in, one pattern out. Immediates, where a row has any, come last.
Numeric = Callable[..., int]
#: A numeric function with two results.
Pair = Callable[..., tuple[int, int]]
#: A numeric function for every width.
Family = Callable[[int], Numeric]


def signed(n: int) -> Numeric:
    """signed_N: the number that an N-bit pattern means in two's complement."""
    sign = 1 << (n - 1)
    return lambda i: (i ^ sign) - sign


def saturate(low: int, high: int) -> Numeric:
    """sat_N: the nearest number in [low, high], as given (not yet a pattern)."""
    return lambda i: low if i < low else high if i > high else i


def iadd(n: int) -> Numeric:
    """Sum modulo 2^N."""
    mask = (1 << n) - 1
    return lambda a, b: (a + b) & mask


def isub(n: int) -> Numeric:
    """Difference modulo 2^N."""
    mask = (1 << n) - 1
    return lambda a, b: (a - b) & mask


def imul(n: int) -> Numeric:
    """Product modulo 2^N."""
    mask = (1 << n) - 1
    return lambda a, b: (a * b) & mask


def idiv_u(n: int) -> Numeric:
    """Quotient, truncated; traps on a zero divisor."""

    def div_u(a: int, b: int) -> int:
        if b == 0:
            raise Trap(DIVIDE_BY_ZERO)
        return a // b

    return div_u


def irem_u(n: int) -> Numeric:
    """Remainder; traps on a zero divisor."""

    def rem_u(a: int, b: int) -> int:
        if b == 0:
            raise Trap(DIVIDE_BY_ZERO)
        return a % b

    return rem_u


def idiv_s(n: int) -> Numeric:
    """Quotient truncated towards zero; traps on a zero divisor and on -2^(N-1) / -1."""
    mask, sign = (1 << n) - 1, 1 << (n - 1)

    def div_s(a: int, b: int) -> int:
        if b == 0:
            raise Trap(DIVIDE_BY_ZERO)
        x, y = (a ^ sign) - sign, (b ^ sign) - sign
        if x == -sign and y == -1:
            raise Trap(INTEGER_OVERFLOW)
        quotient = abs(x) // abs(y)
        return quotient if (x < 0) == (y < 0) else -quotient & mask

    return div_s


def irem_s(n: int) -> Numeric:
    """Remainder with the sign of the dividend; traps on a zero divisor."""
    mask, sign = (1 << n) - 1, 1 << (n - 1)

    def rem_s(a: int, b: int) -> int:
        if b == 0:
            raise Trap(DIVIDE_BY_ZERO)
        x, y = (a ^ sign) - sign, (b ^ sign) - sign
        remainder = abs(x) % abs(y)
        return remainder if x >= 0 else -remainder & mask

    return rem_s


def inot(n: int) -> Numeric:
    """Complement."""
    mask = (1 << n) - 1
    return lambda a: a ^ mask


def iand(n: int) -> Numeric:
    """Conjunction."""
    return lambda a, b: a & b


def iandnot(n: int) -> Numeric:
    """a and not b."""
    return lambda a, b: a & ~b


def ior(n: int) -> Numeric:
    """Disjunction."""
    return lambda a, b: a | b


def ixor(n: int) -> Numeric:
    """Exclusive disjunction."""
    return lambda a, b: a ^ b


def ibitselect(n: int) -> Numeric:
    """Bits of a where c has ones, of b elsewhere."""
    return lambda a, b, c: (a & c) | (b & ~c)


def ishl(n: int) -> Numeric:
    """Shift left by b modulo N."""
    mask, modulo = (1 << n) - 1, n - 1
    return lambda a, b: (a << (b & modulo)) & mask


def ishr_u(n: int) -> Numeric:
    """Shift right by b modulo N, filling with zeros."""
    modulo = n - 1
    return lambda a, b: a >> (b & modulo)


def ishr_s(n: int) -> Numeric:
    """Shift right by b modulo N, filling with the sign."""
    mask, sign, modulo = (1 << n) - 1, 1 << (n - 1), n - 1
    return lambda a, b: (((a ^ sign) - sign) >> (b & modulo)) & mask


def irotl(n: int) -> Numeric:
    """Rotate left by b modulo N."""
    mask, modulo = (1 << n) - 1, n - 1

    def rotl(a: int, b: int) -> int:
        k = b & modulo
        return ((a << k) | (a >> (n - k))) & mask

    return rotl


def irotr(n: int) -> Numeric:
    """Rotate right by b modulo N."""
    mask, modulo = (1 << n) - 1, n - 1

    def rotr(a: int, b: int) -> int:
        k = b & modulo
        return ((a >> k) | (a << (n - k))) & mask

    return rotr


def iclz(n: int) -> Numeric:
    """Number of leading zeros."""
    return lambda a: n - a.bit_length()


def ictz(n: int) -> Numeric:
    """Number of trailing zeros."""
    return lambda a: (a & -a).bit_length() - 1 if a else n


def ipopcnt(n: int) -> Numeric:
    """Number of ones."""
    return lambda a: a.bit_count()


def iextend(n: int, m: int) -> Numeric:
    """iextendM_s_N: the low m bits of an N-bit pattern, sign extended."""
    mask, low, sign = (1 << n) - 1, (1 << m) - 1, 1 << (m - 1)
    return lambda a: (((a & low) ^ sign) - sign) & mask


def ieqz(n: int) -> Numeric:
    """Is a zero?"""
    return lambda a: 0 if a else 1


def ieq(n: int) -> Numeric:
    """a = b."""
    return lambda a, b: 1 if a == b else 0


def ine(n: int) -> Numeric:
    """a ≠ b."""
    return lambda a, b: 1 if a != b else 0


def ilt_u(n: int) -> Numeric:
    """a < b, unsigned."""
    return lambda a, b: 1 if a < b else 0


def igt_u(n: int) -> Numeric:
    """a > b, unsigned."""
    return lambda a, b: 1 if a > b else 0


def ile_u(n: int) -> Numeric:
    """a ≤ b, unsigned."""
    return lambda a, b: 1 if a <= b else 0


def ige_u(n: int) -> Numeric:
    """a ≥ b, unsigned."""
    return lambda a, b: 1 if a >= b else 0


# Flipping the sign bits turns the signed order into the unsigned one.


def ilt_s(n: int) -> Numeric:
    """a < b, signed."""
    sign = 1 << (n - 1)
    return lambda a, b: 1 if a ^ sign < b ^ sign else 0


def igt_s(n: int) -> Numeric:
    """a > b, signed."""
    sign = 1 << (n - 1)
    return lambda a, b: 1 if a ^ sign > b ^ sign else 0


def ile_s(n: int) -> Numeric:
    """a ≤ b, signed."""
    sign = 1 << (n - 1)
    return lambda a, b: 1 if a ^ sign <= b ^ sign else 0


def ige_s(n: int) -> Numeric:
    """a ≥ b, signed."""
    sign = 1 << (n - 1)
    return lambda a, b: 1 if a ^ sign >= b ^ sign else 0


#: Families whose result is a truth value; on lanes it becomes a mask of ones.
RELATIONS: Final[dict[str, Family]] = {
    "eq": ieq, "ne": ine, "lt_s": ilt_s, "lt_u": ilt_u, "gt_s": igt_s, "gt_u": igt_u,
    "le_s": ile_s, "le_u": ile_u, "ge_s": ige_s, "ge_u": ige_u,
}  # fmt: skip

#: Families that scalars and lanes share.
ARITHMETIC: Final[dict[str, Family]] = {
    "add": iadd, "sub": isub, "mul": imul, "popcnt": ipopcnt,
}  # fmt: skip

#: Families of scalars alone.
SCALAR: Final[dict[str, Family]] = {
    "div_s": idiv_s, "div_u": idiv_u, "rem_s": irem_s, "rem_u": irem_u,
    "and": iand, "or": ior, "xor": ixor, "shl": ishl, "shr_s": ishr_s, "shr_u": ishr_u,
    "rotl": irotl, "rotr": irotr, "clz": iclz, "ctz": ictz, "eqz": ieqz,
}  # fmt: skip


def scalars() -> dict[str, Numeric]:
    """Mnemonic → function, for every i32 and i64 instruction with one result."""
    table: dict[str, Numeric] = {}
    for n in (32, 64):
        for name, family in (ARITHMETIC | SCALAR | RELATIONS).items():
            table[f"i{n}.{name}"] = family(n)
        for m in (8, 16, 32):
            table[f"i{n}.extend{m}_s"] = iextend(n, m)
    mask = (1 << 32) - 1
    table["i32.wrap_i64"] = lambda a: a & mask
    table["i64.extend_i32_s"] = iextend(64, 32)
    table["i64.extend_i32_u"] = lambda a: a
    del table["i32.extend32_s"]
    return table


_MASK64: Final = (1 << 64) - 1


def _split(wide: int) -> tuple[int, int]:
    """The low and the high half of a 128-bit result, of either sign."""
    return wide & _MASK64, (wide >> 64) & _MASK64


def _add128(a_low: int, a_high: int, b_low: int, b_high: int) -> tuple[int, int]:
    return _split((a_high << 64 | a_low) + (b_high << 64 | b_low))


def _sub128(a_low: int, a_high: int, b_low: int, b_high: int) -> tuple[int, int]:
    return _split((a_high << 64 | a_low) - (b_high << 64 | b_low))


def _mul_wide_s(a: int, b: int) -> tuple[int, int]:
    number = signed(64)
    return _split(number(a) * number(b))


def _mul_wide_u(a: int, b: int) -> tuple[int, int]:
    return _split(a * b)


#: Wide arithmetic: the instructions with two results, the low half first.
WIDE: Final[dict[str, Pair]] = {
    "i64.add128": _add128,
    "i64.sub128": _sub128,
    "i64.mul_wide_s": _mul_wide_s,
    "i64.mul_wide_u": _mul_wide_u,
}
