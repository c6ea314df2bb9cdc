"""Stacks of frames, and continuations: stacks that wait to go on (stack switching)."""

from collections.abc import Iterator
from typing import Final, final

from wadjet.engine.contract.traps import TrapCode, failure
from wadjet.engine.gc.heap import Heap
from wadjet.engine.runtime.tag import Tag
from wadjet.engine.tiers.interpreter.steps import Block, Callee, Frame

#: What one resume handles: tags with the block to go to, or None for `switch`.
Handlers = list[tuple[Tag, Block | None]]


@final
class Fiber:
    """A stack of frames, the innermost last.

    `parent` is the fiber that resumed it, with `handlers`. `base` is what was left of the stack
    limit when it was entered; `used` what it takes of it while it is suspended.
    """

    __slots__ = ("base", "frames", "handlers", "parent", "used")

    def __init__(self, base: int = 0) -> None:
        self.frames: Final[list[Frame]] = []
        self.parent: Fiber | None = None
        self.handlers: Handlers = []
        self.base = base
        self.used = 0

    def held(self) -> Iterator[int]:
        """The values in its frames."""
        for _, _, locals_, stack in self.frames:
            yield from locals_
            yield from stack


@final
class Continuation:
    """What a contref refers to: the fibers from `top`, which goes on, out to `root`, which lost
    its parent. `args` were bound before. Before the first resume, `callee` is to be called."""

    __slots__ = ("args", "callee", "consumed", "root", "top")

    def __init__(self, top: Fiber, root: Fiber, callee: Callee | None, args: list[int]) -> None:
        self.top: Final = top
        self.root: Final = root
        self.callee: Final = callee
        self.args: Final = args
        self.consumed = False

    def take(self) -> "Continuation":
        """The continuation, which cannot be taken again."""
        if self.consumed:
            raise failure(TrapCode.CONTINUATION_CONSUMED)
        self.consumed = True
        return self

    def fibers(self) -> list[Fiber]:
        """From the outermost to the innermost."""
        chain = [self.top]
        while chain[-1] is not self.root:
            parent = chain[-1].parent
            assert parent is not None, "the root is an ancestor of the top"
            chain.append(parent)
        return chain[::-1]

    def held(self) -> Iterator[int]:
        """The values that it waits with."""
        yield from self.args
        if not self.consumed:
            for fiber in self.fibers():
                yield from fiber.held()


def keep(heap: Heap, continuation: Continuation) -> int:
    """The word of a continuation."""
    return heap.keep(continuation, continuation.held)
