"""One valid function → one LLVM function, in SSA form, in a single walk over its body.

WebAssembly's structured control makes SSA construction direct: every local has a current name,
a branch records the names it arrives with, and a join puts a phi where they differ. Loops need
their phis before the body is known; `Facts.assigned` says which locals those are.

For quick code locals are cells in memory instead (`Settings.quick`), and a walk remembers only what
it knows within a block.

The operand stack holds names (or constants, as LLVM spells them). Special instructions live in
the sibling files by chapter (`control`, `calls`, `memory`, `arith`, `variables`, `tables`, …), each
with a table op → function; everything else is a `Template`.
"""

from collections.abc import Callable
from typing import Final, final

from wadjet.base.errors import EngineBug
from wadjet.core.body import BlockType
from wadjet.core.opcodes import ROWS, row
from wadjet.core.types import FuncType, ValType
from wadjet.core.validate.facts import Facts
from wadjet.core.validate.module import ValidModule
from wadjet.engine.contract.frames import SMALL_FRAME, TAIL_CALLS
from wadjet.engine.contract.layout import CELL, VM_CONTEXT, VM_STORE, ContextLayout
from wadjet.engine.contract.traps import TrapCode
from wadjet.engine.emit.landing import Landing
from wadjet.engine.emit.llvmtypes import in_memory, llvm_type, result_type, zero
from wadjet.engine.contract.settings import Settings
from wadjet.engine.emit.tails import arguments, plain_entry, receive
from wadjet.engine.emit.templates import Template

#: Where control comes from: block label, names of all locals, names of the values it carries.
Edge = tuple[str, list[str], list[str]]


@final
class Frame:
    """A block under construction. `label` is where branches to it go."""

    __slots__ = (
        "edges", "else_edge", "else_label", "extra", "finish", "height", "is_loop", "label", "op",
        "phi_at", "phis", "results", "start", "target",
    )  # fmt: skip

    def __init__(
        self, op: int, start: int, label: str, target: tuple[ValType, ...],
        results: tuple[ValType, ...], height: int,
    ) -> None:  # fmt: skip
        self.op = op
        self.start = start
        self.label = label
        self.target = target  # types that a branch to the label carries
        self.results = results
        self.height = height  # operands below the block's own
        self.edges: list[Edge] = []
        self.is_loop = False
        self.phi_at = 0  # loops: the line that will hold the phis
        self.phis: list[tuple[str, str, int]] = []  # loops: (name, type, local or ~param)
        self.else_label: str | None = None
        self.else_edge: Edge | None = None
        self.extra: object = None  # exception handling keeps its state here
        self.finish: Callable[[FunctionEmitter, Frame], None] | None = None  # special ends


Emit = Callable[["FunctionEmitter", object, int], None]


_ACCESSES: Final = frozenset(r.op for r in ROWS if r.natural)


@final
class Watch:
    """What is noted of an innermost loop while it is emitted."""

    __slots__ = ("accesses", "marks")

    def __init__(self, frames: list[Frame]) -> None:
        #: operand, offset and size of each access to memory 0
        self.accesses: list[tuple[str, int, int]] = []
        #: how many edges each block around the loop had when it began
        self.marks = [(frame, len(frame.edges)) for frame in frames]


@final
class Unit:
    """What the functions of one LLVM module share: names declared, metadata, the layout."""

    def __init__(
        self, valid: ValidModule, settings: Settings, wanted: frozenset[int],
        copies: dict[tuple[int, ...], str], landing: Landing | None = None,
    ) -> None:  # fmt: skip
        self.valid = valid
        self.module = valid.module
        self.settings = settings
        self.layout = ContextLayout(valid.module)
        self.wanted = wanted
        #: if the one function is wanted from a loop on: the way there
        self.landing = landing
        #: functions defined in this LLVM module, which may call each other directly
        self.members = wanted if landing is None else frozenset[int]()
        #: what copies to inline are called: by the functions on the way to them
        self.copies = copies
        self.declared: dict[str, str] = {}
        self.func_types = valid.func_types
        self.memories = valid.module.memory_types()
        self.tables = valid.module.table_types()
        self.globals = valid.module.global_types()
        #: qualifies stores to globals, tables and objects: an access to a memory may fault, and
        #: what was stored before must be there then
        self.lasting = "volatile " if settings.strict_order and self._may_fault() else ""

    def _may_fault(self) -> bool:
        """Whether a function in here accesses a memory."""
        first = self.layout.func_imports
        bodies = [self.module.codes[index - first].body for index in self._bodies()]
        return any(not _ACCESSES.isdisjoint(body.ops) for body in bodies)

    def _bodies(self) -> set[int]:
        return {*self.wanted, *(chain[-1] for chain in self.copies)}

    def declare(self, symbol: str, text: str) -> str:
        """Make sure `symbol` is declared once; returns it."""
        self.declared.setdefault(symbol, text)
        return symbol


@final
class FunctionEmitter:
    """The state of one function under construction, and the vocabulary of the special emitters."""

    def __init__(self, unit: Unit, index: int, chain: tuple[int, ...] = ()) -> None:
        self.unit = unit
        self.index = index
        #: if this is a copy: the functions on the way to it
        self.chain = chain
        #: if this begins in the middle: where
        self.landing = None if chain else unit.landing
        valid = unit.valid
        defined = index - unit.layout.func_imports
        self.code = valid.module.codes[defined]
        self.facts: Facts = valid.facts(defined)
        self.type = func_type(valid, index)
        #: whether it makes tail calls: then its body is `@t…` in the tailcc convention, with an
        #: ordinary `@f…` in front of it
        self.tail = not TAIL_CALLS.isdisjoint(self.code.body.ops)
        self.lines: list[str] = []
        self.stack: list[str] = []
        self.block: str | None = "body"
        self.frames: list[Frame] = []
        self.flags: set[str] = set()  # i32 names that have an i1 beside them
        self.trap_blocks: dict[int, str] = {}
        self.count = 0
        self.hoisted: dict[str, str] = {}  # loads made once in the entry block
        self.buffers: set[int] = set()  # sizes of the argument buffers that libcalls need
        self.propagates = False  # whether an exception can leave the function
        self.cells: set[int] = set()  # sizes of the buffers for results that come in memory
        self.calls = False  # whether it calls anything, so that the stack must be checked
        self.quick = unit.settings.quick
        #: the innermost loop under construction, where it may get a second version (`versions`)
        self.watch: Watch | None = None
        #: what is known until the block ends: contents of local x, machine address of an operand
        self.known: dict[int | str, str] = {}
        self.local_types = [llvm_type(t) for t in self.facts.locals]
        self.locals = [] if self.quick else self._initial()

    def _initial(self) -> list[str]:
        """What the locals hold at first."""
        params = 0 if self.landing is not None else len(self.type.params)
        return [f"%p{i}" for i in range(params)] + [zero(t) for t in self.local_types[params:]]

    # --- names, lines, operands ------------------------------------------------------------

    def name(self) -> str:
        """A fresh name."""
        self.count += 1
        return f"%v{self.count}"

    def label(self, stem: str) -> str:
        """A fresh block label."""
        self.count += 1
        return f"{stem}{self.count}"

    def emit(self, line: str) -> None:
        """Append one line of LLVM text."""
        self.lines.append(line)

    def let(self, text: str) -> str:
        """Append `name = text` and return the fresh name."""
        self.count += 1
        name = f"%v{self.count}"
        self.lines.append(f"{name} = {text}")
        return name

    def push(self, name: str) -> None:
        """Push an operand."""
        self.stack.append(name)

    def pop(self) -> str:
        """Pop an operand."""
        return self.stack.pop()

    def pops(self, count: int) -> list[str]:
        """Pop several operands, in the order they were pushed."""
        if not count:
            return []
        taken = self.stack[-count:]
        del self.stack[-count:]
        return taken

    def condition(self, name: str) -> str:
        """An i1 that is true where the i32 `name` is not zero."""
        if name in self.flags:
            return f"{name}c"
        if not name.startswith("%"):
            return "true" if int(name) else "false"
        return self.let(f"icmp ne i32 {name}, 0")

    def push_flag(self, flag: str) -> None:
        """Push the i32 that a comparison gives, remembering its i1 (`flag` is the text after =)."""
        name = self.name()
        self.lines.append(f"{name}c = {flag}\n{name} = zext i1 {name}c to i32")
        self.flags.add(name)
        self.stack.append(name)

    # --- blocks ------------------------------------------------------------------------------

    def start(self, label: str) -> None:
        """Begin a basic block."""
        self.lines.append(f"{label}:")
        self.block = label
        self.known.clear()

    def goto(self, label: str) -> None:
        """End the block with a jump."""
        self.lines.append(f"br label %{label}")
        self.block = None

    def edge(self, values: list[str]) -> Edge:
        """Control leaving the current block with these values."""
        assert self.block is not None
        return self.block, self.locals[:], values

    def unless(self, ok: str, trap: int) -> None:
        """Trap with this code where the i1 `ok` is false; go on in a new block."""
        after = self.label("ok")
        self.lines.append(
            f"br i1 {ok}, label %{after}, label %{self.trap_label(trap)}, !prof !7\n{after}:"
        )
        self.block = after
        if self.quick:
            self.known.clear()

    def trap_label(self, trap: int) -> str:
        """The label of the block that raises this trap (one per function and code)."""
        return self.trap_blocks.setdefault(trap, f"trap{trap}")

    # --- the runtime's words -----------------------------------------------------------------

    def result_cells(self, count: int) -> str:
        """A buffer for the results of a call."""
        self.cells.add(count)
        return f"%cells{count}"

    def propagate(self) -> str:
        """The label of the block that leaves the function with an exception on its way."""
        self.propagates = True
        return "propagate"

    def hoist(self, key: str, base: str, offset: int) -> str:
        """A pointer that never changes while the instance lives, loaded once on entry."""
        name = f"%h.{key}"
        if name not in self.hoisted:
            self.hoisted[name] = (
                f"{name}.p = getelementptr i8, ptr {base}, i64 {offset}\n"
                f"{name} = load ptr, ptr {name}.p, align 8, !tbaa !4, !invariant.load !0"
            )
        return name

    def fixed(self, type_: str, base: str, offset: int) -> str:
        """Load a word that never changes while the instance lives."""
        slot = self.let(f"getelementptr i8, ptr {base}, i64 {offset}")
        return self.let(f"load {type_}, ptr {slot}, align 8, !tbaa !4, !invariant.load !0")

    def word(self, type_: str, base: str, offset: int) -> str:
        """Load a word of the runtime that may change."""
        slot = self.let(f"getelementptr i8, ptr {base}, i64 {offset}")
        return self.let(f"load {type_}, ptr {slot}, align 8, !tbaa !4")

    def join(self, edges: list[Edge], label: str, types: tuple[ValType, ...]) -> list[str]:
        """Begin block `label`, reached by `edges`: merge locals and values, return the values."""
        self.start(label)
        if not edges:  # nobody comes here; LLVM will drop the block
            return [zero(llvm_type(t)) for t in types]
        first = edges[0]
        if len(edges) == 1:
            self.locals = first[1][:]
            return first[2]
        values = []
        for k, t in enumerate(types):
            values.append(self._phi(llvm_type(t), [(e[2][k], e[0]) for e in edges]))
        self.locals = self._merge_locals(edges)
        return values

    def _merge_locals(self, edges: list[Edge]) -> list[str]:
        merged = edges[0][1][:]
        differ: set[int] = set()
        for edge in edges[1:]:
            if edge[1] != merged:
                differ.update(i for i, (a, b) in enumerate(zip(merged, edge[1])) if a != b)
        for i in sorted(differ):
            merged[i] = self._phi(self.local_types[i], [(e[1][i], e[0]) for e in edges])
        return merged

    def _phi(self, type_: str, sources: list[tuple[str, str]]) -> str:
        first = sources[0][0]
        if all(value == first for value, _ in sources):
            return first
        pairs = ", ".join(f"[ {value}, %{block} ]" for value, block in sources)
        return self.let(f"phi {type_} {pairs}")

    def block_types(self, type_: BlockType) -> tuple[tuple[ValType, ...], tuple[ValType, ...]]:
        """Parameters and results of a block type."""
        if type_ is None:
            return (), ()
        if isinstance(type_, ValType):
            return (), (type_,)
        found = self.unit.valid.types[type_].comp
        assert isinstance(found, FuncType)
        return found.params, found.results

    # --- the walk ------------------------------------------------------------------------------

    def run(self, special: "list[Emit | None]", templates: "dict[int, Template]") -> str:
        """Emit the whole function. `special` maps op ids to the emitters that are not templates;
        where an op has both, the emitter counts."""
        self.frames.append(
            Frame(0x02, -1, "return", self.type.results, self.type.results, 0),
        )
        body, dead = self.code.body, self.facts.dead
        ops, imms, stack, lines = body.ops, body.imms, self.stack, self.lines
        i, end = 0, len(ops)
        while i < end:
            op = ops[i]
            handler = special[op]
            if handler is not None:
                handler(self, imms[i], i)
            else:
                template = templates.get(op)
                if template is None:
                    raise EngineBug(f"no emitter for {row(op).mnemonic}")
                self.count += 1
                name = f"%v{self.count}"
                arity = template.arity
                operands = stack[-arity:]
                del stack[-arity:]
                lines.append(template.fill((name, *operands)))
                if template.flag:
                    self.flags.add(name)
                stack.append(name)
            i += 1
            if self.block is None and i in dead:
                i = dead[i]
        return self._assemble()

    def _assemble(self) -> str:
        result = result_type(self.type.results)
        buffers = [f"%cells{n} = alloca [{CELL * n} x i8], align 16" for n in sorted(self.cells)]
        buffers += [f"%args{n} = alloca [{max(n, 1)} x i64]" for n in sorted(self.buffers)]
        check = self._stack_check()
        traps = []
        if self.trap_blocks:
            self.unit.declare("wj_trap", "declare void @wj_trap(ptr, i32) #1")
        for code, label in self.trap_blocks.items():
            traps.append(f"{label}:\ncall void @wj_trap(ptr %ctx, i32 {code}) #1\nunreachable")
        if self.propagates:
            nothing = "void" if result == "void" else f"{result} zeroinitializer"
            traps.append(f"propagate:\nret {nothing}")
        cells = self._cells() if self.quick else []
        sent = receive(self.type, "%ctx") if self.tail else []
        lines = [self._head(), "entry:", *sent, *buffers, *cells, *self.hoisted.values(), *check]
        if self.landing is not None:
            lines += self.landing.take(self)
        lines += ["body:", *self.lines, *traps, "}"]
        if self.tail:
            lines.append(plain_entry(self.index, self.type))
        return "\n".join(lines)

    def _head(self) -> str:
        """The line that it begins with."""
        params = ["ptr %ctx", "ptr %out"] if in_memory(self.type.results) else ["ptr %ctx"]
        result = result_type(self.type.results)
        if self.landing is not None:
            return f"define hidden {result} @o{self.index}({', '.join(params)}, ptr %frame) #0 {{"
        names = [f"%p{i}" for i in range(len(self.type.params))]
        if self.tail:
            params = [arguments(self.type, "%ctx", "%out", names)]
            return f"define hidden tailcc {result} @t{self.index}({params[0]}) #0 {{"
        params += [f"{llvm_type(t)} {name}" for t, name in zip(self.type.params, names)]
        if self.chain:
            name = f"{result} {self.unit.copies[self.chain]}"
            return f"define internal {name}({', '.join(params)}) alwaysinline #0 {{"
        return f"define hidden {result} @f{self.index}({', '.join(params)}) #0 {{"

    def _cells(self) -> list[str]:
        """The locals as cells, each with its initial value."""
        lines = []
        for x, (type_, value) in enumerate(zip(self.local_types, self._initial(), strict=True)):
            lines.append(f"%l{x} = alloca {type_}\nstore {type_} {value}, ptr %l{x}")
        return lines

    def _stack_check(self) -> list[str]:
        """How the function begins: with a look at the stack limit, unless it is a small leaf."""
        begin = "body" if self.landing is None else "landing"
        leaf = not self.calls and len(self.local_types) + self.facts.height < SMALL_FRAME
        if leaf or self.chain or self.unit.settings.raw:
            return [f"br label %{begin}"]
        self.unit.declare("llvm.frameaddress", "declare ptr @llvm.frameaddress.p0(i32 immarg)")
        store = self.hoist("store", "%ctx", VM_CONTEXT["store"])
        return [
            "%stack.here = call ptr @llvm.frameaddress.p0(i32 0)",
            f"%stack.slot = getelementptr i8, ptr {store}, i64 {VM_STORE['stack_limit']}",
            "%stack.limit = load ptr, ptr %stack.slot, !tbaa !4",
            "%stack.ok = icmp ugt ptr %stack.here, %stack.limit",
            f"br i1 %stack.ok, label %{begin}, "
            f"label %{self.trap_label(TrapCode.STACK_EXHAUSTED)}, !prof !7",
        ]


def func_type(valid: ValidModule, index: int) -> FuncType:
    """The function type of a function, by its index."""
    comp = valid.func_types[index].comp
    assert isinstance(comp, FuncType)
    return comp
