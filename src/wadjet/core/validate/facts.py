"""What validation leaves behind for those who run or compile the function: never derived twice."""

from typing import final

from wadjet.core.types import ValType


@final
class Facts:
    """Facts of one valid function body. Every key is an instruction index into its `Body`.

    ends      each block, loop, if, try, try_table → its matching `end` (or `delegate`)
    elses     each `if` that has one → its `else`
    catches   each legacy `try` that has them → its `catch` and `catch_all` indices, in order
    dead      each instruction that control cannot reach because the one before it never falls
              through → the next `end`, `else`, `catch`, `catch_all` or `delegate` of the same
              block, where reachability is decided anew: skip to there. Key and value are the same
              where nothing lies in between. Control does not fall into that place either.
    types     instructions whose operand type the row does not tell → that type: the operands of
              untyped `select`, the operand of drop, ref.is_null, ref.as_non_null, br_on_null,
              br_on_non_null, any.convert_extern, extern.convert_any, ref.test, ref.cast,
              ref.get_desc, the first operand of ref.eq. What never runs need not have an entry.
    assigned  each loop → the locals that its body assigns (local.set, local.tee). It may name
              more: where loops nest so deeply that exact sets would outgrow the body itself, the
              later ones name every local.
    locals    the type of every local, parameters first
    height    the greatest number of operands on the stack at a time

    Types are as in the module: references name defined types by index.
    """

    __slots__ = ("assigned", "catches", "dead", "elses", "ends", "height", "locals", "types")

    def __init__(self) -> None:
        self.ends: dict[int, int] = {}
        self.elses: dict[int, int] = {}
        self.catches: dict[int, list[int]] = {}
        self.dead: dict[int, int] = {}
        self.types: dict[int, ValType] = {}
        self.assigned: dict[int, frozenset[int]] = {}
        self.locals: list[ValType] = []
        self.height = 0
