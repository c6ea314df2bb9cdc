"""What every compiler takes for granted about the frames of functions."""

from typing import Final

from wadjet.core.opcodes import Op

#: A function with one of these gives its frame away.
TAIL_CALLS: Final = frozenset((Op.RETURN_CALL, Op.RETURN_CALL_INDIRECT, Op.RETURN_CALL_REF))
#: A leaf with fewer locals and operands than this cannot use a noticeable piece of stack.
SMALL_FRAME: Final = 200
