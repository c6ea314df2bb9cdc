"""The only place that says which instructions are written inside which (spec 6.5.13).

Folding never changes the order of instructions: an operator takes the expressions directly before
it as its operands only where these leave exactly the values that it takes. Everything else stands
beside it, as in the flat form. So no types are needed, and no module is too odd to be written.
"""

from typing import Final, final

from wadjet.core.accesses import ACCESSES
from wadjet.core.body import Body
from wadjet.core.module import Module
from wadjet.core.opcodes import BY_OP, Op
from wadjet.core.text.spelling import OPENERS
from wadjet.core.types import ContType, FuncType, StructType, SubType

#: operands and results, or None where the number depends on more than the instruction
Arity = tuple[int, int] | None

_SPECIAL: Final[dict[int, tuple[int, int]]] = {
    Op.UNREACHABLE: (0, 0),
    Op.RETHROW: (0, 0),
    Op.THROW_REF: (1, 0),
    Op.DROP: (1, 0),
    Op.SELECT: (3, 1),
    Op.SELECT_T: (3, 1),
    Op.LOCAL_GET: (0, 1),
    Op.LOCAL_SET: (1, 0),
    Op.LOCAL_TEE: (1, 1),
    Op.GLOBAL_GET: (0, 1),
    Op.GLOBAL_SET: (1, 0),
    Op.TABLE_GET: (1, 1),
    Op.TABLE_SET: (2, 0),
    Op.TABLE_GROW: (2, 1),
    Op.TABLE_FILL: (3, 0),
    Op.TABLE_COPY: (3, 0),
    Op.TABLE_INIT: (3, 0),
    Op.MEMORY_COPY: (3, 0),
    Op.REF_NULL: (0, 1),
    Op.REF_FUNC: (0, 1),
    Op.REF_IS_NULL: (1, 1),
    Op.REF_AS_NON_NULL: (1, 1),
    Op.REF_EQ: (2, 1),
    Op.REF_TEST: (1, 1),
    Op.REF_TEST_NULL: (1, 1),
    Op.REF_CAST: (1, 1),
    Op.REF_CAST_NULL: (1, 1),
    Op.ANY_CONVERT_EXTERN: (1, 1),
    Op.EXTERN_CONVERT_ANY: (1, 1),
    Op.STRUCT_NEW_DEFAULT: (0, 1),
    Op.STRUCT_GET: (1, 1),
    Op.STRUCT_GET_S: (1, 1),
    Op.STRUCT_GET_U: (1, 1),
    Op.STRUCT_SET: (2, 0),
    Op.ARRAY_NEW: (2, 1),
    Op.ARRAY_NEW_DEFAULT: (1, 1),
    Op.ARRAY_NEW_DATA: (2, 1),
    Op.ARRAY_NEW_ELEM: (2, 1),
    Op.ARRAY_GET: (2, 1),
    Op.ARRAY_GET_S: (2, 1),
    Op.ARRAY_GET_U: (2, 1),
    Op.ARRAY_SET: (3, 0),
    Op.ARRAY_FILL: (4, 0),
    Op.ARRAY_COPY: (5, 0),
    Op.ARRAY_INIT_DATA: (4, 0),
    Op.ARRAY_INIT_ELEM: (4, 0),
    Op.CONT_NEW: (1, 1),
    Op.STRUCT_NEW_DEFAULT_DESC: (1, 1),
    Op.REF_GET_DESC: (1, 1),
    Op.REF_CAST_DESC_EQ: (2, 1),
    Op.REF_CAST_DESC_EQ_NULL: (2, 1),
} | {op: (access.operands, access.results) for op, access in ACCESSES.items()}
#: op → what the row or the list above tells
_FIXED: Final[list[Arity]] = [
    _SPECIAL.get(op)
    or (
        (len(r.params), len(r.results))
        if r and r.params is not None and r.results is not None
        else None
    )
    for op, r in enumerate(BY_OP)
]
#: branches: what they take beyond the label's values, and what they leave of them (None: nothing)
_BRANCHES: Final[dict[int, tuple[int, int | None]]] = {
    Op.BR: (0, None),
    Op.BR_TABLE: (1, None),
    Op.BR_IF: (1, 0),
    Op.BR_ON_NULL: (1, 1),
    Op.BR_ON_NON_NULL: (0, -1),
    Op.BR_ON_CAST: (0, 0),
    Op.BR_ON_CAST_FAIL: (0, 0),
    Op.BR_ON_CAST_DESC_EQ: (1, 0),
    Op.BR_ON_CAST_DESC_EQ_FAIL: (1, 0),
}
#: calls of a function type: how many operands beyond its parameters, and whether they come back
_CALLS: Final[dict[int, tuple[int, bool]]] = {
    Op.CALL: (0, True),
    Op.CALL_INDIRECT: (1, True),
    Op.CALL_REF: (1, True),
    Op.RETURN_CALL: (0, False),
    Op.RETURN_CALL_INDIRECT: (1, False),
    Op.RETURN_CALL_REF: (1, False),
}


@final
class _Block:
    """One open block while folding: where it starts, its label's arity, what its end leaves."""

    __slots__ = ("arity", "params", "pending", "results", "start")

    def __init__(self, start: int, params: int, results: int, arity: int) -> None:
        self.start = start
        self.params = params
        self.results = results
        self.arity = arity
        #: (start, results) of the expressions whose values nobody has taken yet
        self.pending: list[tuple[int, int]] = []

    def take(self, count: int, at: int) -> int:
        """Give up the latest expressions that leave exactly `count` values; where they start."""
        pending = self.pending
        keep = len(pending)
        left = count
        while left > 0 and keep > 0:
            keep -= 1
            left -= pending[keep][1]
        if left != 0:
            pending.clear()
            return at
        start = pending[keep][0] if count else at
        del pending[keep:]
        return start

    def leave(self, start: int, results: int) -> None:
        """An expression from `start` on is complete; one without values is a statement."""
        if results:
            self.pending.append((start, results))
        else:
            self.pending.clear()


@final
class Folder:
    """Finds the operands of instructions of one module."""

    def __init__(self, module: Module) -> None:
        self._types: Final = module.subtypes()
        self._funcs: Final = module.func_types()
        self._tags: Final = module.tag_types()

    def starts(self, body: Body, results: int = 1) -> list[int]:
        """For every instruction, the index where the expression that it completes begins.

        The expression of an `end` or `delegate` is its whole block. `results` is how many values
        the body leaves: what `return` and a branch to the outermost label take.
        """
        blocks = [_Block(0, 0, results, results)]
        starts = list(range(len(body)))
        last = len(body) - 1
        for i, (op, imm) in enumerate(zip(body.ops, body.imms)):
            block = blocks[-1]
            if op in OPENERS:
                params, outs = self._block_arity(op, imm)
                if op == Op.IF:
                    starts[i] = block.take(params + 1, i)
                elif params:
                    block.pending.clear()
                arity = params if op == Op.LOOP else outs
                blocks.append(_Block(starts[i], params, outs, arity))
            elif op in (Op.ELSE, Op.CATCH, Op.CATCH_ALL):
                block.pending.clear()
            elif op in (Op.END, Op.DELEGATE):
                if i < last and len(blocks) > 1:
                    blocks.pop()
                    starts[i] = block.start
                    blocks[-1].leave(block.start, block.results)
            else:
                arity_ = _FIXED[op] or self._arity(op, imm, blocks)
                if arity_ is None:
                    block.pending.clear()
                else:
                    starts[i] = block.take(arity_[0], i)
                    block.leave(starts[i], arity_[1])
        return starts

    def _block_arity(self, op: int, imm: object) -> tuple[int, int]:
        block = imm[0] if op == Op.TRY_TABLE and isinstance(imm, tuple) else imm
        if not isinstance(block, int):
            return 0, 0 if block is None else 1
        return self._func(block) or (0, 0)

    def _arity(self, op: int, imm: object, blocks: list[_Block]) -> Arity:
        """Operands and results of an instruction that refers to a label, function, type or tag."""
        index = imm if isinstance(imm, int) else imm[0] if isinstance(imm, tuple) else 0
        assert isinstance(index, int)
        if op in _BRANCHES:
            return self._branch(op, imm, blocks)
        if op in _CALLS:
            known = self._callee(index) if op in (Op.CALL, Op.RETURN_CALL) else self._func(index)
            more, returns = _CALLS[op]
            return known and (known[0] + more, known[1] if returns else 0)
        if op == Op.RETURN:
            return blocks[0].results, 0
        if op in (Op.THROW, Op.SUSPEND):
            known = self._tag(index)
            return known and (known[0], known[1] if op == Op.SUSPEND else 0)
        if op in (Op.STRUCT_NEW, Op.STRUCT_NEW_DESC):
            return self._struct(index, 1 if op == Op.STRUCT_NEW_DESC else 0)
        if op == Op.ARRAY_NEW_FIXED:
            assert isinstance(imm, tuple)
            return imm[1], 1
        return self._resume(op, imm)

    def _branch(self, op: int, imm: object, blocks: list[_Block]) -> Arity:
        label = imm[-1] if op == Op.BR_TABLE and isinstance(imm, tuple) else imm
        if isinstance(label, tuple):
            label = label[0]
        assert isinstance(label, int)
        if label >= len(blocks):
            return None
        arity = blocks[-1 - label].arity
        more, left = _BRANCHES[op]
        return arity + more, 0 if left is None else max(0, arity + left)

    def _resume(self, op: int, imm: object) -> Arity:
        if op not in (Op.RESUME, Op.RESUME_THROW, Op.RESUME_THROW_REF):
            return None
        assert isinstance(imm, tuple)
        known = self._continued(imm[0])
        if known is None:
            return None
        if op == Op.RESUME:
            return known[0] + 1, known[1]
        if op == Op.RESUME_THROW_REF:
            return 2, known[1]
        tag = self._tag(imm[1])
        return tag and (tag[0] + 1, known[1])

    def _sub(self, index: int) -> SubType | None:
        return self._types[index] if index < len(self._types) else None

    def _func(self, index: int) -> Arity:
        sub = self._sub(index)
        if sub is None or not isinstance(sub.comp, FuncType):
            return None
        return len(sub.comp.params), len(sub.comp.results)

    def _continued(self, index: int) -> Arity:
        sub = self._sub(index)
        if sub is None or not isinstance(sub.comp, ContType) or not isinstance(sub.comp.func, int):
            return None
        return self._func(sub.comp.func)

    def _struct(self, index: int, more: int) -> Arity:
        sub = self._sub(index)
        if sub is None or not isinstance(sub.comp, StructType):
            return None
        return len(sub.comp.fields) + more, 1

    def _callee(self, func: int) -> Arity:
        return self._func(self._funcs[func]) if func < len(self._funcs) else None

    def _tag(self, tag: int) -> Arity:
        return self._func(self._tags[tag].type) if tag < len(self._tags) else None
