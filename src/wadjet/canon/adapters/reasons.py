"""Why an adapter stops a call: codes that it gives to its `trap` import, and their words."""

from typing import Final, final


@final
class Reason:
    """Codes of what an adapter traps for."""

    CANNOT_LEAVE: Final = 1
    CANNOT_ENTER: Final = 2
    UNALIGNED: Final = 3
    POINTER_BOUNDS: Final = 4
    LIST_BOUNDS: Final = 5
    STRING_BOUNDS: Final = 6
    DISCRIMINANT: Final = 7
    CHAR: Final = 8
    UTF8: Final = 9
    UTF8_INCOMPLETE: Final = 10
    UTF16: Final = 11
    EXCEPTION: Final = 12


#: code → what the message of the trap says
REASONS: Final[dict[int, str]] = {
    Reason.CANNOT_LEAVE: "cannot leave component instance",
    Reason.CANNOT_ENTER: "cannot enter component instance",
    Reason.UNALIGNED: "unaligned pointer",
    Reason.POINTER_BOUNDS: "pointer out of bounds of memory",
    Reason.LIST_BOUNDS: "list content out-of-bounds",
    Reason.STRING_BOUNDS: "string content out-of-bounds",
    Reason.DISCRIMINANT: "invalid variant discriminant",
    Reason.CHAR: "invalid `char` bit pattern",
    Reason.UTF8: "invalid utf-8",
    Reason.UTF8_INCOMPLETE: "incomplete utf-8 byte sequence",
    Reason.UTF16: "invalid utf-16",
    Reason.EXCEPTION: "uncaught exception of a component's function",
}
