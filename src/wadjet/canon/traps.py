"""The words of the traps of the Component Model, and the functions that raise them."""

from typing import Final, NoReturn

from wadjet.base.errors import Trap

CANNOT_ENTER: Final = "cannot enter component instance"
CANNOT_LEAVE: Final = "cannot leave component instance"
DEADLOCK: Final = "deadlock detected: event loop cannot make further progress"
CANNOT_BLOCK: Final = "cannot block a synchronous task before returning"
UNALIGNED: Final = "unaligned pointer"
CHAR: Final = "invalid `char` bit pattern"
DISCRIMINANT: Final = "invalid variant discriminant"
STRING_BOUNDS: Final = "string content out-of-bounds: string pointer/length out of bounds of memory"
LIST_BOUNDS: Final = "list content out-of-bounds: list pointer/length out of bounds of memory"
VALUE_BOUNDS: Final = "pointer out of bounds of memory"
REALLOC_BOUNDS: Final = "realloc return: beyond end of memory: list content out-of-bounds"
REALLOC_ALIGN: Final = "realloc return: result not aligned: unaligned pointer"
CONCURRENT: Final = "cannot have concurrent operations active on a future/stream"
BORROWS_REMAIN: Final = "borrow handles still remain at the end of the call"
IN_SET: Final = "waitable cannot be used synchronously while added to a waitable set"


def trap(message: str) -> NoReturn:
    """End what the guest does."""
    raise Trap(message)


def bad_case(index: int, count: int) -> NoReturn:
    """There is no such case of a variant."""
    raise Trap(f"{DISCRIMINANT}: {index} of {count}")
