"""Makes a program that shows a mismatch smaller, as long as it still does.

Whatever validation accepts may be tried: calls are left out, functions emptied, runs of
instructions removed or replaced by constants, blocks unwrapped, what nobody uses deleted.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from wadjet.base.records import replace
from typing import Any, Final, final

from wadjet.base.errors import Error
from wadjet.core.binary import decode, encode
from wadjet.core.body import Body, Catch, Handler
from wadjet.core.module import Code, Module
from wadjet.core.opcodes import Op, row
from wadjet.core.types import F32, F64, I32, I64, V128, NumType, RefType, ValType, ref
from wadjet.core.validate import validate
from wadjet.testing.generate import Program
from wadjet.testing.generate.constants import const_op

#: Whether a program still shows what it should.
Check = Callable[[Program], bool]
#: A run of instructions.
Code_ = list[tuple[int, Any]]

_OPENERS: Final = frozenset({Op.BLOCK, Op.LOOP, Op.IF, Op.TRY, Op.TRY_TABLE})
_CONSTANTS: Final[tuple[Code_, ...]] = (
    [(Op.DROP, None)],
    *([(const_op(t), 0)] for t in (I32, I64, F32, F64, V128)),
    [(Op.UNREACHABLE, None)],
)


def shrink(program: Program, check: Check, seconds: float = 60.0) -> Program:
    """The smallest program found in the time given for which `check` still holds."""
    return _Shrinker(program, check, time.monotonic() + seconds).run()


def is_valid(program: Program) -> bool:
    """Whether the module is valid, and well-formed: blocks may have lost their ends."""
    try:
        validate(decode(encode(program.module), program.allowed), program.allowed)
    except Error:
        return False
    return True


def content(code: Code) -> Code_:
    """The instructions of a function, without the last `end`."""
    return list(zip(code.body.ops, code.body.imms))[:-1]


def with_body(program: Program, index: int, instructions: Code_) -> Program:
    """The program with another body for a defined function."""
    body = Body()
    for op, imm in [*instructions, (Op.END, None)]:
        body.add(op, imm, 0)
    codes = list(program.module.codes)
    codes[index] = Code(codes[index].locals, body)
    return replace(program, module=replace(program.module, codes=codes))


@final
class _Shrinker:
    def __init__(self, program: Program, check: Check, deadline: float) -> None:
        self.program: Final = [program]
        self.check: Final = check
        self.deadline: Final = deadline

    @property
    def best(self) -> Program:
        return self.program[0]

    def run(self) -> Program:
        size = -1
        while size != _size(self.best) and not self.late():
            size = _size(self.best)
            self.fewer_calls()
            for index in range(len(self.best.module.codes)):
                self.empty(index)
            for index in range(len(self.best.module.codes)):
                self.smaller(index)
            self.fewer_items()
        return self.best

    def late(self) -> bool:
        return time.monotonic() > self.deadline

    def attempt(self, candidate: Program) -> bool:
        """Go on with a candidate if it still shows the mismatch."""
        if self.late() or not is_valid(candidate) or not self.check(candidate):
            return False
        self.program[0] = candidate
        return True

    # -- what there is to try ---------------------------------------------------------------------

    def fewer_calls(self) -> None:
        size = len(self.best.calls)
        while size:
            at = 0
            while at < len(self.best.calls):
                calls = self.best.calls[:at] + self.best.calls[at + size :]
                if not self.attempt(replace(self.best, calls=calls)):
                    at += size
            size //= 2

    def empty(self, index: int) -> None:
        """A function that gives zeros, or traps."""
        module = self.best.module
        type_ = module.subtypes()[module.funcs[index]].comp
        zeros = _zeros(type_.results)  # type: ignore[union-attr]  # functions have function types
        for instructions in ([], zeros, [(Op.UNREACHABLE, None)]):
            if len(instructions) < len(content(module.codes[index])):
                if self.attempt(with_body(self.best, index, instructions)):
                    return

    def smaller(self, index: int) -> None:
        """Runs of instructions removed, long ones first; then blocks, then constants."""
        size = max(len(content(self.best.module.codes[index])) // 2, 1)
        while size:
            self.scan(index, lambda code, at, n=size: [code[:at] + code[at + n :]], size)  # type: ignore[misc]
            size //= 2
        self.scan(index, _unwrapped, 1)
        for size in (8, 4, 3, 2, 1):
            self.scan(index, lambda code, at, n=size: _replaced(code, at, n), 1)  # type: ignore[misc]

    def scan(self, index: int, change: Callable[[Code_, int], Sequence[Code_]], step: int) -> None:
        """Try changes at every place of a body."""
        at = 0
        while not self.late():
            code = content(self.best.module.codes[index])
            if at >= len(code):
                break
            tried = (with_body(self.best, index, c) for c in change(code, at))
            if not any(map(self.attempt, tried)):
                at += step

    def fewer_items(self) -> None:
        """Segments, exports, the start function, locals."""
        module = self.best.module
        for name in ("exports", "elems", "datas", "customs"):
            for i in reversed(range(len(getattr(module, name)))):
                items = list(getattr(self.best.module, name))
                del items[i]
                smaller = replace(self.best.module)
                setattr(smaller, name, items)
                if name == "datas" and module.data_count is not None:
                    smaller.data_count = len(items)
                self.attempt(replace(self.best, module=smaller))
        for index in reversed(range(len(module.codes))):
            self.attempt_unused_function(index)

    def attempt_unused_function(self, index: int) -> None:
        smaller = without_function(self.best.module, index)
        if smaller is not None:
            self.attempt(replace(self.best, module=smaller))


def _size(program: Program) -> int:
    module = program.module
    total = sum(len(code.body) for code in module.codes) + len(program.calls)
    return total + len(module.exports) + len(module.elems) + len(module.datas) + len(module.codes)


def _zeros(types: Sequence[ValType]) -> Code_:
    out: Code_ = []
    for t in types:
        if isinstance(t, NumType):
            out.append((const_op(t), 0))
        elif isinstance(t, RefType):
            out.append((Op.REF_NULL, ref(True, t.heap, t.exact)))
            if not t.nullable:
                out.append((Op.REF_AS_NON_NULL, None))
    return out


def _replaced(code: Code_, at: int, size: int) -> list[Code_]:
    """A run replaced by something simple."""
    run = code[at : at + size]
    if any(run == c for c in _CONSTANTS):
        return []
    choices = [c for c in _CONSTANTS if size > 1 or run[0][0] != c[0][0]]
    choices += [[(Op.DROP, None)] * 2, [(Op.DROP, None)] * 3]
    return [code[:at] + c + code[at + size :] for c in choices if len(c) <= size]


# --- blocks ---------------------------------------------------------------------------------------


def _unwrapped(code: Code_, at: int) -> list[Code_]:
    """A block without its brackets, or one arm of an `if`."""
    if code[at][0] not in _OPENERS:
        return []
    end, middle = _closing(code, at)
    inner = _lowered(code[at + 1 : end])
    found = [code[:at] + inner + code[end + 1 :]]
    if middle is not None:
        for arm in (code[at + 1 : middle], code[middle + 1 : end]):
            found.append([*code[:at], (Op.DROP, None), *_lowered(arm), *code[end + 1 :]])
    elif code[at][0] == Op.IF:
        found.append([*code[:at], (Op.DROP, None), *inner, *code[end + 1 :]])
    return found


def _closing(code: Code_, at: int) -> tuple[int, int | None]:
    """Where a block ends, and where its second arm begins."""
    depth, middle = 0, None
    for i in range(at, len(code)):
        op = code[i][0]
        if op in _OPENERS:
            depth += 1
        elif op in (Op.END, Op.DELEGATE):
            depth -= 1
            if depth == 0:
                return i, middle
        elif depth == 1 and middle is None and op in (Op.ELSE, Op.CATCH, Op.CATCH_ALL):
            middle = i
    raise AssertionError("blocks end")


def _lowered(code: Code_) -> Code_:
    """The content of a block that is no more: labels further out are one less."""
    out, depth = [], 0
    for op, imm in code:
        if op in (Op.END, Op.DELEGATE):
            depth -= 1
        out.append((op, _lower(op, imm, depth)))
        if op in _OPENERS:
            depth += 1
    return out


def _lower(op: int, imm: Any, depth: int) -> Any:
    kinds = row(op).immediates
    if not {"label", "labels", "cast", "catches", "handlers"} & set(kinds):
        return imm
    parts = imm if len(kinds) > 1 else (imm,)
    parts = tuple(_lower_part(kind, part, depth) for kind, part in zip(kinds, parts))
    return parts if len(kinds) > 1 else parts[0]


def _lower_part(kind: str, part: Any, depth: int) -> Any:
    def label(n: int) -> int:
        return n - 1 if n > depth else n

    if kind == "label":
        return label(part)
    if kind == "labels":
        return tuple(map(label, part))
    if kind == "cast":
        return (label(part[0]), *part[1:])
    if kind == "catches":
        return tuple(Catch(c.kind, c.tag, label(c.label)) for c in part)
    if kind == "handlers":
        return tuple(Handler(h.tag, None if h.label is None else label(h.label)) for h in part)
    return part


# --- functions ------------------------------------------------------------------------------------


def without_function(module: Module, index: int) -> Module | None:
    """The module without a defined function; None if something refers to it."""
    x = index + len(module.func_types()) - len(module.funcs)
    own = module.codes[index]
    bodies = [c.body for c in module.codes if c is not own] + list(_constants(module))
    used = [imm for body in bodies for imm in _functions_in(body)]
    used += [e.index for e in module.exports if e.kind == "func"]
    used += [i for e in module.elems for i in e.items if isinstance(i, int)]
    if x in used or module.start == x:
        return None

    def moved(n: int) -> int:
        return n - 1 if n > x else n

    codes = [Code(c.locals, _moved(c.body, moved)) for c in module.codes if c is not own]
    elems = []
    for e in module.elems:
        items: Any = [moved(i) if isinstance(i, int) else _moved(i, moved) for i in e.items]
        elems.append(replace(e, items=items))
    exports = [replace(e, index=moved(e.index)) if e.kind == "func" else e for e in module.exports]
    return replace(
        module,
        funcs=module.funcs[:index] + module.funcs[index + 1 :],
        codes=codes,
        elems=elems,
        exports=exports,
        globals=[replace(g, init=_moved(g.init, moved)) for g in module.globals],
        tables=[
            replace(t, init=None if t.init is None else _moved(t.init, moved))
            for t in module.tables
        ],
        start=None if module.start is None else moved(module.start),
    )


def _constants(module: Module) -> Iterator[Body]:
    yield from (g.init for g in module.globals)
    yield from (t.init for t in module.tables if t.init is not None)
    yield from (i for e in module.elems for i in e.items if isinstance(i, Body))


def _functions_in(body: Body) -> list[Any]:
    pairs = zip(body.ops, body.imms)
    return [imm for op, imm in pairs if row(op).immediates == ("func",)]


def _moved(body: Body, moved: Callable[[int], int]) -> Body:
    out = Body()
    for op, imm in zip(body.ops, body.imms):
        if row(op).immediates == ("func",):
            assert isinstance(imm, int), "the index of a function"
            imm = moved(imm)
        out.add(op, imm, 0)
    return out
