"""The only place that decides where lines of instructions break and how deep they stand.

Two layouts of the same instruction texts: `flat`, one instruction a line, and `folded`, where an
expression stands on one line if it is short enough. Indentation stops growing at a depth that no
reader follows, so that the text of deeply nested code does not explode.
"""

from collections.abc import Mapping, Sequence
from typing import Final, final

from wadjet.core.opcodes import Op
from wadjet.core.text.spelling import OPENERS

_DEEPEST: Final = 30
_PADS: Final = tuple("  " * depth for depth in range(_DEEPEST + 1))
_WIDTH: Final = 100
#: an expression that is shorter may stand on one line at any depth
_SHORT: Final = 40

_MIDDLES: Final = frozenset({Op.ELSE, Op.CATCH, Op.CATCH_ALL})
_CLOSERS: Final = _MIDDLES | {Op.END, Op.DELEGATE}
_BLOCKS: Final = OPENERS | _CLOSERS
_HINTS: Final = {
    False: '(@metadata.code.branch_hint "\\00")',
    True: '(@metadata.code.branch_hint "\\01")',
}
_NO_HINTS: Final[dict[int, bool]] = {}


def pad(depth: int) -> str:
    """The indentation at this depth."""
    return _PADS[min(depth, _DEEPEST)]


def flat(
    ops: Sequence[int], texts: Sequence[str], hints: Mapping[int, bool] = _NO_HINTS, depth: int = 2
) -> list[str]:
    """Lines of a body, its closing `end` left out. `hints`: instruction → branch likely."""
    lines: list[str] = []
    base = depth
    for i in range(len(ops) - 1):
        op = ops[i]
        if op in _CLOSERS:
            depth = max(base, depth - 1)
        if i in hints:
            lines.append(pad(depth) + _HINTS[hints[i]])
        lines.append(pad(depth) + texts[i])
        if op in OPENERS or op in _MIDDLES:
            depth += 1
    return lines


def folded(
    ops: Sequence[int],
    texts: Sequence[str],
    starts: Sequence[int],
    hints: Mapping[int, bool] = _NO_HINTS,
    depth: int = 2,
) -> list[str]:
    """Lines of a body in folded form; `starts` tells which expressions are operands of which."""
    return _Folded(ops, texts, starts, hints, depth).lines()


def inline(ops: Sequence[int], texts: Sequence[str], starts: Sequence[int]) -> list[str]:
    """The expressions of a short body, each folded and on one line."""
    return [line.strip() for line in _Folded(ops, texts, starts, {}, 0, 1 << 60).lines()]


#: what an open parenthesis of a block is: the block, an arm of it, an arm that ends on its line
_BLOCK, _ARM, _SHORT_ARM = 0, 1, 2


@final
class _Folded:
    """One body being written in folded form.

    Instructions are visited in order. One that has operands is opened before the first of them and
    closed at its own place; what is written between is inside its parentheses.
    """

    def __init__(
        self,
        ops: Sequence[int],
        texts: Sequence[str],
        starts: Sequence[int],
        hints: Mapping[int, bool],
        depth: int,
        width: int = _WIDTH,
    ) -> None:
        self._ops: Final = ops
        self._texts: Final = texts
        self._starts: Final = starts
        self._hints: Final = hints
        self._width: Final = width
        self._depth = depth
        self._pieces: list[str] = []
        self._blocks: list[int] = []
        #: everything up to this instruction goes on the current line
        self._inline = -1
        #: instruction → those with operands that begin there, innermost first
        self._opening: Final[dict[int, list[int]]] = {}
        #: sums over all instructions before: length of text, and how many cannot share a line
        self._lengths: Final = [0]
        self._breaks: Final = [0]
        for i, op in enumerate(ops):
            if starts[i] != i and op not in _CLOSERS:
                self._opening.setdefault(starts[i], []).append(i)
            self._lengths.append(self._lengths[-1] + len(texts[i]) + 3)
            self._breaks.append(self._breaks[-1] + (op in _BLOCKS or i in hints))

    def lines(self) -> list[str]:
        """The whole body, the closing `end` left out."""
        for i in range(len(self._ops) - 1):
            for operator in reversed(self._opening.get(i, ())):
                self._open(operator, i)
            if self._ops[i] in _BLOCKS:
                self._block(i)
            elif self._starts[i] == i:
                self._line(f"({self._texts[i]})", i)
            else:
                self._pieces.append(")")
                if self._inline < 0:
                    self._depth -= 1
            if i == self._inline:
                self._inline = -1
        return "".join(self._pieces).split("\n")[1:]

    def _line(self, text: str, i: int) -> None:
        """Start a new line for instruction `i`, or go on with the current one."""
        if self._inline >= 0:
            self._pieces.append(f" {text}")
            return
        if i in self._hints:
            self._pieces.append(f"\n{pad(self._depth)}{_HINTS[self._hints[i]]}")
        self._pieces.append(f"\n{pad(self._depth)}{text}")

    def _fits(self, first: int, last: int, more: int = 0) -> bool:
        """Whether instructions `first` to `last` may stand on one line, with `more` characters."""
        length = self._lengths[last + 1] - self._lengths[first] + more
        room = max(_SHORT, self._width - 2 * min(self._depth, _DEEPEST))
        return length <= room and self._breaks[last + 1] == self._breaks[first]

    def _open(self, operator: int, first: int) -> None:
        """Write an instruction whose operands begin with `first` and come next."""
        text = self._texts[operator]
        self._line(f"({text}", operator)
        if self._inline >= 0:
            return
        if self._fits(first, operator):
            self._inline = operator
            return
        self._depth += 1
        if self._ops[operator] == Op.IF and self._fits(first, operator - 1, len(text)):
            self._inline = operator - 1

    def _block(self, i: int) -> None:
        op = self._ops[i]
        if op in OPENERS:
            if self._starts[i] == i:
                self._line(f"({self._texts[i]}", i)
                self._depth += 1
            self._blocks.append(_BLOCK)
            if op == Op.IF or op == Op.TRY:
                self._arm("(then" if op == Op.IF else "(do", i)
            return
        if self._blocks and self._blocks[-1] != _BLOCK:
            self._shut()
        if op in _MIDDLES:
            self._arm(f"({self._texts[i]}", i)
            return
        if op == Op.DELEGATE:
            self._line(f"({self._texts[i]})", i)
        self._shut()

    def _arm(self, head: str, i: int) -> None:
        """Open an arm of a block; if what it holds is one short expression, on the same line."""
        self._line(head, i + 1)
        self._depth += 1
        last = i
        while last - i < _SHORT and self._ops[last + 1] not in _BLOCKS:
            last += 1
        short = self._ops[last + 1] in _CLOSERS
        if short and last > i:
            short = self._starts[last] == i + 1 and self._fits(i + 1, last)
            self._inline = last if short else -1
        self._blocks.append(_SHORT_ARM if short else _ARM)

    def _shut(self) -> None:
        self._depth -= 1
        short = not self._blocks or self._blocks.pop() == _SHORT_ARM
        self._pieces.append(")" if short else f"\n{pad(self._depth)})")
