"""What the interpreter runs: a function prepared once, as blocks of steps.

A step is (kind, a, b). Most steps only compute: what they do is a function `a` of their operands,
and the kind says how many operands it takes from the stack and how many results go back. The
others transfer control; they name the `Block` to go on with, so that no label is ever searched
for. All that is static has been looked up: callees, memories, cells, stack heights.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final, final

from wadjet.core.types import DefType, FuncType
from wadjet.engine.runtime.tag import Tag

if TYPE_CHECKING:
    from wadjet.engine.tiers.interpreter.unit import Unit

# Steps that compute, the most frequent first.
LOCAL_GET: Final = 0  # push local a
BINARY: Final = 1  # two operands, one result
CONST: Final = 2  # push a
LOCAL_SET: Final = 3  # pop into local a
UNARY: Final = 4  # one operand, one result
LOCAL_TEE: Final = 5  # copy the top into local a
STORE: Final = 6  # two operands, no result
NULLARY: Final = 7  # no operand, one result
SINK: Final = 8  # one operand, no result
DROP: Final = 9  # pop
TERNARY: Final = 10  # three operands, one result
APPLY: Final = 11  # b = (number of operands, number of results)
ALLOCATE: Final = 12  # the same, of what makes an object: the garbage may be collected first
HOST: Final = 13  # call the Python function a with the locals as its arguments
MOVE: Final = 14  # keep a values at the bottom and b at the top, drop what is between
CHECK: Final = 15  # a safe point, which costs a ticks
#: Steps from here on transfer control, or may.
TRANSFERS: Final = 16
BR_IF: Final = 16  # pop; if it is not zero, go to a
JUMP: Final = 17  # go to a
BR_UNLESS: Final = 18  # pop; if it is zero, go to a
CALL: Final = 19  # call a; b is where it returns to
RETURN: Final = 20  # leave with a values
CALL_VIA: Final = 21  # call what a makes of the top of the stack; b is where it returns to
BR_TABLE: Final = 22  # pop an index into the blocks a; b is the default
BR_ON: Final = 23  # if a(stack) says so, go to b
RETURN_CALL: Final = 24  # call a in place of this function
RETURN_CALL_VIA: Final = 25  # the same with what a makes of the top of the stack
SWITCH: Final = 26  # save this frame (it resumes at b), then let a rearrange the fibers
STOP: Final = 27  # trap with code a

Step = tuple[int, Any, Any]


@final
class Block:
    """Steps in a row, the last of which transfers control; `region` tells who catches what is
    thrown here."""

    __slots__ = ("region", "steps")

    def __init__(self, region: "Region | None", steps: list[Step] | None = None) -> None:
        self.region: Final = region
        self.steps: Final[list[Step]] = [] if steps is None else steps


@final
class Clause:
    """One catch: of `tag`, or of everything where that is None. The arguments (of a tag) and the
    reference (if asked for) are pushed at the region's height before going to `target`."""

    __slots__ = ("tag", "target", "with_ref")

    def __init__(self, tag: Tag | None, with_ref: bool, target: Block) -> None:
        self.tag: Final = tag
        self.with_ref: Final = with_ref
        self.target: Final = target


@final
class Region:
    """The body of a try_table or a legacy try. `height` is that of the stack around it."""

    __slots__ = ("clauses", "height", "parent")

    def __init__(self, parent: "Region | None", height: int) -> None:
        self.parent: Final = parent
        self.height: Final = height
        self.clauses: Final[list[Clause]] = []


#: Units charged to the stack limit: for a frame, and for each local and operand.
FRAME_COST: Final = 64
SLOT_COST: Final = 8


@final
class Callee:
    """A function as its callers need it. `entry` is made on the first call (see `prepare`).

    `zeros` are the initial values of the locals that are no parameters, `cost` is what a frame
    takes of the stack limit. Foreign functions have one step, which calls them.
    """

    __slots__ = ("arity", "cost", "deftype", "entry", "index", "unit", "zeros")

    def __init__(self, unit: "Unit | None", index: int, deftype: DefType) -> None:
        comp = deftype.comp
        assert isinstance(comp, FuncType), "only functions are called"
        self.unit: Final = unit
        self.index: Final = index
        self.deftype: Final = deftype
        self.arity: Final = len(comp.params)
        self.entry: Block | None = None
        self.zeros: list[int] = []
        self.cost = FRAME_COST


def foreign(deftype: DefType, call: Callable[[list[int]], list[int]]) -> Callee:
    """A callee outside the interpreter: `call` takes and gives raw values."""
    callee = Callee(None, 0, deftype)
    comp = deftype.comp
    assert isinstance(comp, FuncType), "only functions are called"
    callee.entry = Block(None, [(HOST, call, None), (RETURN, len(comp.results), None)])
    return callee


#: A function being run: where it goes on, its locals, its operands.
Frame = tuple[Callee, Block, list[int], list[int]]
