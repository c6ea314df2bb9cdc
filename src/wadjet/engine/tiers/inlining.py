"""Which functions to compile along with a function, so that the optimiser may inline them."""

from collections.abc import Iterable
from typing import Final

from wadjet.core.opcodes import Op
from wadjet.core.validate import ValidModule

#: A callee of more instructions than this is not worth copying …
SMALL: Final = 60
#: … and no more than so many instructions are copied in all.
_MOST: Final = 600


def companions(valid: ValidModule, slots: Iterable[int]) -> set[int]:
    """The slots of small functions that these functions call, directly or through one another."""
    codes = valid.module.codes
    imports = len(valid.func_types) - len(codes)
    wanted = set(slots)
    found: set[int] = set()
    pending = list(wanted)
    room = _MOST
    while pending:
        body = codes[pending.pop()].body
        for op, imm in zip(body.ops, body.imms):
            if op != Op.CALL:
                continue
            assert isinstance(imm, int)
            slot = imm - imports
            if slot < 0 or slot in found or slot in wanted:
                continue
            size = len(codes[slot].body)
            if size <= min(SMALL, room):
                room -= size
                found.add(slot)
                pending.append(slot)
    return found
