"""Every way a guest can be stopped: its code, and the standard's own words for it."""

from typing import Final, final

from wadjet.base.faults import DIVIDE_BY_ZERO, INTEGER_OVERFLOW, INVALID_CONVERSION

from wadjet.base.errors import Exhaustion, Interrupted, Timeout, Trap


@final
class TrapCode:
    """Codes that generated code, the fault handler and the runtime agree on."""

    UNREACHABLE: Final = 1
    OUT_OF_BOUNDS_MEMORY: Final = 2
    OUT_OF_BOUNDS_TABLE: Final = 3
    UNDEFINED_ELEMENT: Final = 4
    UNINITIALIZED_ELEMENT: Final = 5
    INDIRECT_CALL_TYPE: Final = 6
    DIVIDE_BY_ZERO: Final = 7
    INTEGER_OVERFLOW: Final = 8
    INVALID_CONVERSION: Final = 9
    NULL_REFERENCE: Final = 10
    NULL_FUNCTION: Final = 11
    NULL_STRUCTURE: Final = 12
    NULL_ARRAY: Final = 13
    NULL_I31: Final = 14
    CAST_FAILURE: Final = 15
    OUT_OF_BOUNDS_ARRAY: Final = 16
    UNALIGNED_ATOMIC: Final = 17
    EXPECTED_SHARED: Final = 18
    NULL_EXCEPTION: Final = 19
    NULL_CONTINUATION: Final = 20
    CONTINUATION_CONSUMED: Final = 21
    UNHANDLED_TAG: Final = 22
    NULL_DESCRIPTOR: Final = 23
    DESCRIPTOR_CAST: Final = 24
    # not traps of the standard, but ends of a run all the same
    STACK_EXHAUSTED: Final = 32
    OUT_OF_FUEL: Final = 33
    OUT_OF_MEMORY: Final = 34
    TIMEOUT: Final = 35
    HOST_ERROR: Final = 36  # a Python exception is set and waits at the entry
    WASM_EXCEPTION: Final = 37
    INTERRUPTED: Final = 38


#: code → what the official suite expects the message to begin with
MESSAGES: Final[dict[int, str]] = {
    TrapCode.UNREACHABLE: "unreachable",
    TrapCode.OUT_OF_BOUNDS_MEMORY: "out of bounds memory access",
    TrapCode.OUT_OF_BOUNDS_TABLE: "out of bounds table access",
    TrapCode.UNDEFINED_ELEMENT: "undefined element",
    TrapCode.UNINITIALIZED_ELEMENT: "uninitialized element",
    TrapCode.INDIRECT_CALL_TYPE: "indirect call type mismatch",
    TrapCode.DIVIDE_BY_ZERO: DIVIDE_BY_ZERO,
    TrapCode.INTEGER_OVERFLOW: INTEGER_OVERFLOW,
    TrapCode.INVALID_CONVERSION: INVALID_CONVERSION,
    TrapCode.NULL_REFERENCE: "null reference",
    TrapCode.NULL_FUNCTION: "null function reference",
    TrapCode.NULL_STRUCTURE: "null structure reference",
    TrapCode.NULL_ARRAY: "null array reference",
    TrapCode.NULL_I31: "null i31 reference",
    TrapCode.CAST_FAILURE: "cast failure",
    TrapCode.OUT_OF_BOUNDS_ARRAY: "out of bounds array access",
    TrapCode.UNALIGNED_ATOMIC: "unaligned atomic",
    TrapCode.EXPECTED_SHARED: "expected shared memory",
    TrapCode.NULL_EXCEPTION: "null exception reference",
    TrapCode.NULL_CONTINUATION: "null continuation reference",
    TrapCode.CONTINUATION_CONSUMED: "continuation already consumed",
    TrapCode.UNHANDLED_TAG: "unhandled tag",
    TrapCode.NULL_DESCRIPTOR: "null descriptor reference",
    TrapCode.DESCRIPTOR_CAST: "descriptor cast failure",
    TrapCode.STACK_EXHAUSTED: "call stack exhausted",
    TrapCode.OUT_OF_FUEL: "all fuel consumed",
    TrapCode.OUT_OF_MEMORY: "out of memory",
    TrapCode.TIMEOUT: "time limit reached",
    TrapCode.INTERRUPTED: "interrupted",
}

_ENDS: Final[dict[int, type[Exhaustion] | type[Interrupted]]] = {
    TrapCode.STACK_EXHAUSTED: Exhaustion,
    TrapCode.OUT_OF_FUEL: Exhaustion,
    TrapCode.OUT_OF_MEMORY: Exhaustion,
    TrapCode.TIMEOUT: Timeout,
    TrapCode.INTERRUPTED: Interrupted,
}

#: The other way round.
CODES: Final = {message: code for code, message in MESSAGES.items()}


def failure(code: int, detail: str = "") -> Trap | Exhaustion | Interrupted:
    """The exception for a code that has a message: the standard's words, then ": detail"."""
    message = f"{MESSAGES[code]}: {detail}" if detail else MESSAGES[code]
    return _ENDS.get(code, Trap)(message)
