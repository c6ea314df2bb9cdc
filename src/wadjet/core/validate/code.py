"""The algorithm that checks code (spec 7.3): three stacks, the names of the appendix, one pass.

A `Checker` walks one body. Most instructions have a fixed effect in the instruction table, which
the generic rule applies; the others have a rule, a function that gets the checker and the
immediate. A rule returns what it takes and what it leaves and lets the generic rule do the rest,
or None if it dealt with the stacks itself.

The value stack holds a floor below the operands of every block. No type equals it, so comparing
the top of the stack with the types wanted also finds out whether the block has that many.
"""

from collections.abc import Callable, Sequence
from wadjet.base.records import replace
from typing import Any, Final, NoReturn, final

from wadjet.base.errors import Invalid
from wadjet.core.body import BlockType, Body
from wadjet.core.opcodes import Op, row
from wadjet.core.subtyping import BOT_HEAP, match_val
from wadjet.core.types import (
    BOT, ArrayType, FieldType, GlobalType, MemoryType, NumType, RefType, StructType,
    SubType, TableType, ValType, ref,
)  # fmt: skip
from wadjet.core.validate.context import Context, Signature, spell
from wadjet.core.validate.facts import Facts

#: What an instruction takes and what it leaves, last operand last.
Effect = tuple[list[ValType], list[ValType]]
NO_EFFECT: Final[Effect] = ([], [])
#: A rule for one instruction: it knows the shape of its immediate.
Rule = Callable[["Checker", Any], Effect | None]
#: How an instruction is checked: by its fixed effect, or by a rule.
Plan = tuple[list[ValType], list[ValType], Rule | None]

#: Instructions on locals.
ON_LOCALS: Final = (Op.LOCAL_GET, Op.LOCAL_SET, Op.LOCAL_TEE)
#: Below the operands of each block (see above).
FLOOR: Final = NumType("nothing", 0, 0)
#: A reference from unreachable code: it matches every reference type.
BOT_REF: Final = ref(False, BOT_HEAP)


@final
class Frame:
    """A control frame: a block that is open. `start` is the index of the instruction that opened
    it, `height` that of its floor in the value stack, `inits` the height of the other stack."""

    __slots__ = (
        "assigned", "dead", "height", "inits", "label", "op", "sig", "start", "unreachable",
    )  # fmt: skip

    def __init__(self, op: int, sig: Signature, start: int, height: int, inits: int) -> None:
        self.op: Final = op
        self.start: Final = start
        self.sig: Final = sig
        self.label: Final = sig.params if op == Op.LOOP else sig.results
        self.height: Final = height
        self.inits: Final = inits
        self.unreachable = False
        #: the first instruction that is unreachable
        self.dead = 0
        #: of a loop: the locals assigned before it in the loop around it
        self.assigned: set[int] = _NOBODY


_NOBODY: Final[set[int]] = set()


@final
class Checker:
    """Checks one body, and gathers its facts. `at` is the index of the current instruction."""

    __slots__ = (
        "assigned", "at", "context", "ctrls", "everything", "facts", "function", "imms", "inits",
        "locals", "ops", "places", "relaxed", "results", "room", "types", "unset", "vals",
    )  # fmt: skip

    def __init__(
        self, context: Context, body: Body, results: list[ValType], function: int | None
    ) -> None:
        self.context: Final = context
        self.types: Final = context.types
        self.ops: Final = body.ops
        self.imms: Final = body.imms
        self.places: Final = body.places
        #: what `return` takes along
        self.results: Final = results
        #: index of the function, None for a constant expression
        self.function: Final = function
        self.facts: Final = Facts()
        self.locals: Final[list[ValType]] = self.facts.locals
        #: locals without a default that have not been assigned yet
        self.unset: Final[set[int]] = set()
        self.relaxed: Final = "relaxed-dead-code" in context.features
        self.at = 0
        self.vals: Final[list[ValType]] = []
        self.ctrls: Final[list[Frame]] = []
        self.inits: Final[list[int]] = []
        # locals assigned so far in the innermost loop; room that is left for exact sets
        self.assigned: set[int] = set()
        self.room = 2 * len(self.ops) + 1000
        self.everything: frozenset[int] | None = None

    # --- the one pass ---------------------------------------------------------------------------

    def run(self, plans: Sequence[Plan], sig: Signature) -> Facts:
        """Check the body, a block without parameters that leaves `sig.results`. Raises Invalid.

        The commonest instructions, those on locals, are dealt with here as long as nothing is
        wrong; their rules say the same, and reject.
        """
        self.push_ctrl(Op.BLOCK, sig)
        vals, ctrls, relaxed = self.vals, self.ctrls, self.relaxed
        locals_, unset, highest = self.locals, self.unset, 0
        imms: list[Any] = self.imms
        for i, op in enumerate(self.ops):
            if relaxed and ctrls[-1].unreachable:
                del vals[ctrls[-1].height + 1 :]
            if op in ON_LOCALS:
                x = imms[i]
                if x < len(locals_) and x not in unset:
                    t = locals_[x]
                    if op == Op.LOCAL_GET:
                        vals.append(t)
                        if len(vals) - len(ctrls) > highest:
                            highest = len(vals) - len(ctrls)
                        continue
                    if vals[-1] is t:
                        self.assigned.add(x)
                        if op == Op.LOCAL_SET:
                            vals.pop()
                        continue
            params, results, rule = plans[op]
            if rule is not None:
                self.at = i
                effect = rule(self, imms[i])
                params, results = effect if effect is not None else NO_EFFECT
            if not params:
                vals += results
            elif vals[-len(params) :] == params:
                vals[-len(params) :] = results
            else:
                self.at = i
                self.pop_vals(params)
                vals += results
            if len(vals) - len(ctrls) > highest:
                highest = len(vals) - len(ctrls)
        assert not ctrls, "a body ends with the end that closes it"
        self.facts.height = highest
        return self.facts

    # --- the value stack ------------------------------------------------------------------------

    def push_val(self, t: ValType) -> None:
        """Push one operand."""
        self.vals.append(t)

    def push_vals(self, ts: list[ValType]) -> None:
        """Push operands, the last one on top."""
        self.vals.extend(ts)

    def pop_any(self) -> ValType:
        """Pop an operand of any type: BOT where unreachable code has run out of them."""
        actual = self.vals.pop()
        if actual is FLOOR:
            self.vals.append(FLOOR)
            if not self.ctrls[-1].unreachable:
                self.fail(f"type mismatch: {self.name()} needs an operand, found nothing")
            return BOT
        return actual

    def pop_val(self, expect: ValType) -> ValType:
        """Pop an operand that matches a type; returns what it is."""
        if self.vals[-1] is expect:
            return self.vals.pop()
        return self.pop_vals([expect])[0]

    def pop_vals(self, expect: list[ValType], whose: str = "") -> list[ValType]:
        """Pop operands that match types; returns what they are, BOT for those nobody pushed."""
        vals, frame = self.vals, self.ctrls[-1]
        have = vals[max(frame.height + 1, len(vals) - len(expect)) :]
        missing = len(expect) - len(have)
        if missing and not frame.unreachable:
            self.mismatch(expect, have, whose)
        for actual, wanted in zip(have, expect[missing:], strict=True):
            if actual is not wanted and not match_val(actual, wanted, self.types):
                self.mismatch(expect, have, whose)
        del vals[len(vals) - len(have) :]
        return [BOT] * missing + have if missing else have

    def pop_ref(self) -> RefType:
        """Pop a reference."""
        actual = self.pop_any()
        if actual is BOT:
            return BOT_REF
        if not isinstance(actual, RefType):
            self.fail(f"type mismatch: expected a reference, found {actual} for {self.name()}")
        return actual

    # --- the control stack ----------------------------------------------------------------------

    def push_ctrl(self, op: int, sig: Signature, start: int | None = None) -> None:
        """Open a block whose parameters have been popped; push them inside. `start` is the
        instruction where the block began, if not this one."""
        start = self.at if start is None else start
        frame = Frame(op, sig, start, len(self.vals), len(self.inits))
        if op == Op.LOOP:
            frame.assigned = self.assigned
            self.assigned = set()
        if self.relaxed and self.ctrls and self.ctrls[-1].unreachable:
            frame.unreachable, frame.dead = True, self.at + 1
        self.ctrls.append(frame)
        self.vals.append(FLOOR)
        if sig.params:
            self.push_vals(sig.params)

    def pop_ctrl(self) -> Frame:
        """Close a block: just its results must be on the stack."""
        frame = self.ctrls[-1]
        vals, results = self.vals, frame.sig.results
        first = frame.height + 1
        if vals[first:] != results:
            have = vals[first:]
            if len(have) > len(results):
                self.mismatch(results, have, "the block")
            self.pop_vals(results, "the block")
        del vals[frame.height :]
        if frame.unreachable:
            self.facts.dead[frame.dead] = self.at
        while len(self.inits) > frame.inits:
            self.unset.add(self.inits.pop())
        if frame.op == Op.LOOP:
            self._close_loop(frame)
        self.ctrls.pop()
        return frame

    def _close_loop(self, frame: Frame) -> None:
        """Note which locals a loop assigns, as long as there is room for exact sets."""
        self.room -= len(self.assigned)
        if self.room >= 0:
            self.facts.assigned[frame.start] = frozenset(self.assigned)
            frame.assigned |= self.assigned
        else:  # from here on, for all loops that close later, which includes those around
            if self.everything is None:
                self.everything = frozenset(range(len(self.locals)))
            self.facts.assigned[frame.start] = self.everything
        self.assigned = frame.assigned

    def unreachable(self) -> None:
        """Mark what follows in the block as unreachable: the stack is polymorphic."""
        frame = self.ctrls[-1]
        del self.vals[frame.height + 1 :]
        if not frame.unreachable:
            frame.unreachable = True
            frame.dead = self.at + 1

    def frame(self, label: int) -> Frame:
        """The block that a label means, counted from the innermost."""
        if label >= len(self.ctrls):
            self.fail(f"unknown label {label}: there are {len(self.ctrls)}")
        return self.ctrls[-1 - label]

    def label(self, label: int) -> list[ValType]:
        """The types of the operands that a branch to this label takes along."""
        return self.frame(label).label

    # --- what immediates mean -------------------------------------------------------------------

    def check(self, t: ValType) -> None:
        """Reject a type that is not valid here."""
        problem = self.context.problem(t)
        if problem is not None:
            self.fail(problem)

    def block(self, type_: BlockType) -> Signature:
        """The signature of a block."""
        if isinstance(type_, int):
            sig = self.func_type(type_)
            if "multi-value" not in self.context.features:
                self.fail("a block of a function type needs the feature multi-value")
            return sig
        found = self.context.blocks.get(type_)
        if found is None:
            assert type_ is not None
            self.check(type_)
            found = self.context.blocks[type_] = self.context.signature((), (type_,))
        return found

    def defined(self, x: int) -> SubType:
        """The definition of a type."""
        subs = self.context.subs
        if x >= len(subs):
            self.unknown("type", x, len(subs))
        return subs[x]

    def func_type(self, x: int) -> Signature:
        """The signature of a function type."""
        sigs = self.context.signatures
        if x >= len(sigs):
            self.unknown("type", x, len(sigs))
        sig = sigs[x]
        if sig is None:
            self.fail(f"non-function type {x} for {self.name()}")
        return sig

    def struct_type(self, x: int) -> StructType:
        """The structure type with this index."""
        comp = self.defined(x).comp
        if not isinstance(comp, StructType):
            self.fail(f"type mismatch: non-structure type {x} for {self.name()}")
        return comp

    def field(self, x: int, i: int) -> FieldType:
        """The type of a field of a structure."""
        fields = self.struct_type(x).fields
        if i >= len(fields):
            self.unknown("field", i, len(fields))
        return fields[i]

    def array_type(self, x: int) -> FieldType:
        """The type of the elements of an array type."""
        comp = self.defined(x).comp
        if not isinstance(comp, ArrayType):
            self.fail(f"type mismatch: non-array type {x} for {self.name()}")
        return comp.field

    def func(self, x: int) -> Signature:
        """The signature of a function."""
        funcs = self.context.funcs
        if x >= len(funcs):
            self.unknown("function", x, len(funcs))
        return self.func_type(funcs[x])

    def tag(self, x: int) -> Signature:
        """The signature of a tag."""
        tags = self.context.tags
        if x >= len(tags):
            self.unknown("tag", x, len(tags))
        return self.func_type(tags[x])

    def table(self, x: int) -> TableType:
        """The type of a table."""
        tables = self.context.tables
        if x >= len(tables):
            self.unknown("table", x, len(tables))
        return tables[x]

    def memory(self, x: int) -> MemoryType:
        """The type of a memory."""
        memories = self.context.memories
        if x >= len(memories):
            self.unknown("memory", x, len(memories))
        return memories[x]

    def global_(self, x: int) -> GlobalType:
        """The type of a global."""
        globals_ = self.context.globals
        if x >= len(globals_):
            self.unknown("global", x, len(globals_))
        return globals_[x]

    def elem(self, x: int) -> RefType:
        """The type of an element segment."""
        elems = self.context.elems
        if x >= len(elems):
            self.unknown("elem segment", x, len(elems))
        return elems[x]

    def data(self, x: int) -> None:
        """Look whether there is such a data segment."""
        if x >= self.context.datas:
            self.unknown("data segment", x, self.context.datas)

    def local(self, x: int) -> ValType:
        """The type of a local."""
        if x >= len(self.locals):
            self.unknown("local", x, len(self.locals))
        return self.locals[x]

    # --- what is noted, and how it is rejected --------------------------------------------------

    def note(self, t: ValType) -> None:
        """Note the type of an operand that the instruction alone does not tell."""
        if t is not BOT and t is not BOT_REF:
            self.facts.types[self.at] = t

    def name(self) -> str:
        """The mnemonic of the current instruction."""
        return row(self.ops[self.at]).mnemonic

    def fail(self, message: str) -> NoReturn:
        """Reject the module for the current instruction."""
        place = self.context.module.locate(self.places[self.at])
        raise Invalid(message, replace(place, function=self.function))

    def unknown(self, what: str, x: int, count: int) -> NoReturn:
        """Reject an index out of range."""
        self.fail(f"unknown {what} {x}: there are {count}")

    def mismatch(self, expect: list[ValType], have: list[ValType], whose: str = "") -> NoReturn:
        """Reject what is on the stack for the instruction, or `whose` results it shall be."""
        needs, holds = spell(expect), spell(have)
        whose = whose or self.name()
        extra = len(have) - len(expect)
        if extra > 0:
            what = f"{extra} too many at the end of {whose}"
            self.fail(f"type mismatch: block requires {needs} but stack has {holds}: {what}")
        for k in range(len(expect) - 1, -1, -1):
            actual = have[k + extra] if k + extra >= 0 else FLOOR
            if actual is FLOOR or not match_val(actual, expect[k], self.types):
                found = "heap type bot" if actual is BOT_REF else f"{actual}"
                what = f"expected {expect[k]}, found {found} at operand {k + 1} of {whose}"
                text = f"instruction requires {needs} but stack has {holds}"
                self.fail(f"type mismatch: {text}: {what}")
        raise AssertionError("the operands match")
