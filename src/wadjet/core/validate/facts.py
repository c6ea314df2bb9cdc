"""What validation leaves behind for those who run or compile the function: never derived twice."""

from typing import final

from wadjet.core.types import ValType


@final
class Facts:
    """Facts of one valid function body. Every key is an instruction index into its `Body`.

    ends      each block, loop, if, try, try_table → its matching `end` (or `delegate`)
    elses     each `if` that has one → its `else`
    catches   each legacy `try` → its `catch`/`catch_all` indices, in order
    dead      the first instruction that control cannot reach → the `end`, `else`, `catch` or
              `catch_all` where reachability is decided anew: skip to there
    types     instructions whose operand type the row does not tell → that type: the operands of
              untyped `select`, the operand of drop, ref.is_null, ref.as_non_null, br_on_null,
              br_on_non_null, ref.eq, any.convert_extern, extern.convert_any, ref.test, ref.cast
              (dead instructions have no entry)
    assigned  each loop → the locals that its body assigns (local.set, local.tee), as a frozenset
    locals    the type of every local, parameters first
    height    the greatest operand stack height
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
