"""The standard's words for the faults of arithmetic: numerics and the trap table both use them."""

from typing import Final

DIVIDE_BY_ZERO: Final = "integer divide by zero"
INTEGER_OVERFLOW: Final = "integer overflow"
INVALID_CONVERSION: Final = "invalid conversion to integer"
