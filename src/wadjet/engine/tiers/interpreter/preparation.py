"""The state of preparing one body: the block that steps go to, the stack's height, the labels."""

from collections.abc import Callable
from typing import Any, Final, final

from wadjet.core.body import BlockType, Body
from wadjet.core.opcodes import Op
from wadjet.core.types import FuncType
from wadjet.core.validate.facts import Facts
from wadjet.engine.tiers.interpreter.steps import (
    ALLOCATE, APPLY, BINARY, JUMP, MOVE, NULLARY, RETURN, SINK, STORE, TERNARY, UNARY, Block,
    Region,
)  # fmt: skip
from wadjet.engine.tiers.interpreter.unit import Unit, Work

#: (operands, results) → kind of step; others are APPLY
_KINDS: Final = {
    (0, 1): NULLARY, (1, 1): UNARY, (2, 1): BINARY, (3, 1): TERNARY, (1, 0): SINK, (2, 0): STORE,
}  # fmt: skip


@final
class Ctrl:
    """A block being prepared. `height` is that of the stack below its parameters; `arity` is how
    many values a branch to it carries. `target` is made when a branch first wants it.

    `region` is that of its inside, `outside` of what follows it. `alternative` is where the else
    of an if begins. A legacy try keeps what it has caught in the local `slot`; `catches` says
    where each of its catches begins.
    """

    __slots__ = (
        "alternative", "arity", "catches", "height", "op", "outside", "params", "region",
        "results", "slot", "target",
    )  # fmt: skip

    def __init__(
        self, op: int, height: int, params: int, results: int, region: Region | None
    ) -> None:
        self.op: Final = op
        self.height: Final = height
        self.params: Final = params
        self.results: Final = results
        self.arity: Final = params if op == Op.LOOP else results
        self.target: Block | None = None
        self.outside: Final = region
        self.region = region
        self.alternative: Block | None = None
        self.slot = 0
        self.catches: dict[int, Block] = {}


@final
class Preparation:
    """Where the walk over a body is. `block` is None where control cannot be."""

    __slots__ = ("block", "blocks", "body", "ctrls", "entry", "facts", "height", "locals", "unit")

    def __init__(self, unit: Unit, body: Body, facts: Facts, results: int) -> None:
        self.unit: Final = unit
        self.body: Final = body
        self.facts: Final = facts
        self.height = 0
        #: number of locals, those that hold caught exceptions included
        self.locals = len(facts.locals)
        function = Ctrl(Op.BLOCK, 0, 0, results, None)
        function.target = Block(None, [(RETURN, results, None)])
        self.ctrls: Final = [function]
        self.blocks: Final[list[Block]] = []
        self.entry: Final = self.new_block()
        self.block: Block | None = self.entry

    # -- steps and blocks -------------------------------------------------------------------------

    def emit(self, kind: int, a: Any = None, b: Any = None) -> None:
        """Add a step."""
        assert self.block is not None, "dead code is skipped"
        self.block.steps.append((kind, a, b))

    def leave(self, kind: int, a: Any = None, b: Any = None) -> None:
        """Add a step after which control does not go on here."""
        self.emit(kind, a, b)
        self.block = None

    def compute(self, work: Work, operands: int, results: int, *, allocates: bool = False) -> None:
        """Add a step that computes."""
        kind = ALLOCATE if allocates else _KINDS.get((operands, results), APPLY)
        self.emit(kind, work, (operands, results))
        self.height += results - operands

    def new_block(self) -> Block:
        """An empty block in the region where the walk is."""
        block = Block(self.ctrls[-1].region)
        self.blocks.append(block)
        return block

    def start(self, block: Block) -> None:
        """Go on in this block; if control is somewhere, it goes there."""
        if self.block is not None:
            self.emit(JUMP, block)
        self.block = block

    def call(self, kind: int, a: Any, type_: FuncType) -> None:
        """Add a step that calls: the walk goes on in a new block, to which the call returns."""
        after = self.new_block()
        self.emit(kind, a, after)
        self.block = after
        self.height += len(type_.results) - len(type_.params)

    # -- labels -----------------------------------------------------------------------------------

    def push(self, op: int, type_: BlockType) -> Ctrl:
        """Enter a block whose parameters are on the stack."""
        params, results = self.unit.block_arity(type_)
        ctrl = Ctrl(op, self.height - params, params, results, self.ctrls[-1].region)
        self.ctrls.append(ctrl)
        return ctrl

    def branch(self, label: int, height: int | None = None) -> Block:
        """Where a branch goes that finds the stack at this height (now, if not given)."""
        height = self.height if height is None else height
        ctrl = self.ctrls[-1 - label]
        if ctrl.target is None:
            ctrl.target = Block(ctrl.outside)
            self.blocks.append(ctrl.target)
        if height == ctrl.height + ctrl.arity or label + 1 == len(self.ctrls):
            return ctrl.target  # leaving the function needs the topmost values only
        return Block(None, [(MOVE, ctrl.height, ctrl.arity), (JUMP, ctrl.target, None)])


#: What preparing an instruction does: (walk, its index, its immediate).
Rule = Callable[[Preparation, int, Any], None]
