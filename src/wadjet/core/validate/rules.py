"""Rules of the instructions that every edition has (spec 3.4): control, variables, tables.

One small function per instruction whose effect depends on more than its row. `references` holds
those for references and aggregates, `proposals` those beyond the standard.
"""

from typing import Final

from wadjet.core.body import BlockType, Catch, MemArg
from wadjet.core.opcodes import ROWS, Op, row
from wadjet.core.opcodes import Effect as ByRow
from wadjet.core.subtyping import match_ref, match_results, match_val
from wadjet.core.types import BOT, EXN, FUNC, I32, I64, NumType, RefType, ValType, ref
from wadjet.core.validate.context import spell
from wadjet.core.validate.code import Checker, Effect, Rule

NOTHING: Final[list[ValType]] = []


def _effects() -> dict[int, tuple[Effect, Effect]]:
    found = {}
    known: dict[object, tuple[Effect, Effect]] = {}
    for r in ROWS:
        if r.params is not None and r.results is not None:
            key = r.params, r.results
            both = known.get(key)
            if both is None:
                both = known[key] = _effect(*key, I32), _effect(*key, I64)
            found[r.op] = both
    return found


def _effect(params: ByRow, results: ByRow, addr: NumType) -> Effect:
    """The fixed effect of a row where addresses have this type."""
    return [addr if t is None else t for t in params], [addr if t is None else t for t in results]


#: op → its fixed effect with 32-bit and with 64-bit addresses
EFFECTS: Final = _effects()
#: op of a memory access → the binary logarithm of its natural alignment
_NATURAL: Final = {r.op: r.natural.bit_length() - 1 for r in ROWS if r.natural}


# --- blocks -------------------------------------------------------------------------------------


def unreachable(c: Checker, _: None) -> None:
    """Control stops here."""
    c.unreachable()


def block(c: Checker, type_: BlockType) -> None:
    """block, loop, try: the parameters move inside."""
    sig = c.block(type_)
    if sig.params:
        c.pop_vals(sig.params)
    c.push_ctrl(c.ops[c.at], sig)


def if_(c: Checker, type_: BlockType) -> None:
    """Like block, after a condition."""
    sig = c.block(type_)
    c.pop_val(I32)
    if sig.params:
        c.pop_vals(sig.params)
    c.push_ctrl(Op.IF, sig)


def else_(c: Checker, _: None) -> None:
    """The second arm begins with the same parameters."""
    frame = c.pop_ctrl()
    assert frame.op == Op.IF, "else belongs to an if"
    c.facts.elses[frame.start] = c.at
    c.push_ctrl(Op.ELSE, frame.sig, frame.start)


def end(c: Checker, _: None) -> None:
    """An if without else is one whose second arm is empty."""
    frame = c.pop_ctrl()
    if frame.op == Op.IF and frame.sig.params is not frame.sig.results:
        c.push_ctrl(Op.ELSE, frame.sig, frame.start)
        c.pop_ctrl()
    if c.ctrls:
        c.facts.ends[frame.start] = c.at
        c.vals.extend(frame.sig.results)
    else:
        assert c.at == len(c.ops) - 1, "the end that closes a body is its last instruction"


# --- branches -----------------------------------------------------------------------------------


def br(c: Checker, label: int) -> None:
    """Always branches."""
    c.pop_vals(c.label(label))
    c.unreachable()


def br_if(c: Checker, label: int) -> Effect:
    """The operands stay where it does not branch."""
    types = c.label(label)
    return [*types, I32], types


def br_table(c: Checker, labels: tuple[int, ...]) -> None:
    """All labels take as many operands, and each must accept those that are there."""
    c.pop_val(I32)
    default = c.label(labels[-1])
    popped = c.pop_vals(default)
    known = [k for k, t in enumerate(popped) if t is not BOT]
    seen = {id(default)}
    for label in labels:
        types = c.label(label)
        if id(types) in seen:
            continue
        seen.add(id(types))
        if len(types) != len(default):
            c.fail(
                f"type mismatch: label {label} of br_table takes {spell(types)}, "
                f"the default label {spell(default)}"
            )
        for k in known:
            if not match_val(popped[k], types[k], c.types):
                c.mismatch(types, popped)
    c.unreachable()


def return_(c: Checker, _: None) -> None:
    """Branches to the end of the function."""
    c.pop_vals(c.results)
    c.unreachable()


# --- calls --------------------------------------------------------------------------------------


def call(c: Checker, x: int) -> Effect:
    """Parameters become results."""
    sig = c.func(x)
    return sig.params, sig.results


def call_indirect(c: Checker, imm: tuple[int, int]) -> Effect:
    """The index into the table is on top."""
    x, y = imm
    params, results = _indirect(c, x, y)
    return params, results


def return_call(c: Checker, x: int) -> None:
    """A call whose results are those of the caller."""
    sig = c.func(x)
    tail_call(c, sig.params, sig.results)


def return_call_indirect(c: Checker, imm: tuple[int, int]) -> None:
    """An indirect call whose results are those of the caller."""
    x, y = imm
    params, results = _indirect(c, x, y)
    tail_call(c, params, results)


def _indirect(c: Checker, type_: int, x: int) -> Effect:
    table = c.table(x)
    sig = c.func_type(type_)
    if not match_ref(table.element, ref(True, FUNC, False, table.element.shared), c.types):
        c.fail(f"type mismatch: expected a table of functions, table {x} has {table.element}")
    return [*sig.params, table.limits.addr], sig.results


def tail_call(c: Checker, params: list[ValType], results: list[ValType]) -> None:
    """Check a call in tail position."""
    if not match_results(results, c.results, c.types):
        c.fail(
            f"type mismatch: current function requires result type {spell(c.results)} "
            f"but callee returns {spell(results)}"
        )
    c.pop_vals(params)
    c.unreachable()


# --- exceptions ---------------------------------------------------------------------------------


def throw(c: Checker, x: int) -> None:
    """Takes what the tag carries."""
    c.pop_vals(c.tag(x).params)
    c.unreachable()


def throw_ref(c: Checker, _: None) -> None:
    """Takes the exception itself."""
    c.pop_val(ref(True, EXN))
    c.unreachable()


def try_table(c: Checker, imm: tuple[BlockType, tuple[Catch, ...]]) -> None:
    """Handlers are labels of the blocks around it, seen from outside."""
    type_, catches = imm
    for catch in catches:
        kind, tag, label = catch
        carried = list(c.tag(tag).params) if tag is not None else []
        if kind in (1, 3):
            carried.append(ref(False, EXN))
        target = c.label(label)
        if not match_results(carried, target, c.types):
            c.fail(
                f"type mismatch: label requires {spell(target)} "
                f"but catch handler has {spell(carried)}"
            )
    block(c, type_)


# --- parametric and variable instructions -------------------------------------------------------


def drop(c: Checker, _: None) -> None:
    """Takes anything."""
    c.note(c.pop_any())


def select(c: Checker, _: None) -> None:
    """Without a type: two numbers or two vectors of one type."""
    c.pop_val(I32)
    t1 = c.pop_any()
    t2 = c.pop_any()
    for t in (t1, t2):
        if not isinstance(t, NumType):
            c.fail(f"type mismatch: expected a number or vector, found {t} for select")
    if t1 is not t2 and t1 is not BOT and t2 is not BOT:
        c.fail(f"type mismatch: expected {t2}, found {t1} at operand 2 of select")
    result = t2 if t1 is BOT else t1
    c.note(result)
    c.vals.append(result)


def select_t(c: Checker, types: tuple[ValType, ...]) -> Effect:
    """With its type written out."""
    if len(types) != 1:
        c.fail(f"invalid result arity: select takes one type, found {len(types)}")
    t = types[0]
    c.check(t)
    return [t, t, I32], [t]


def local_get(c: Checker, x: int) -> None:
    """A local without a default must have been assigned."""
    t = c.local(x)
    if x in c.unset:
        c.fail(f"uninitialized local {x}: a local of type {t} has no default")
    c.push_val(t)


def local_set(c: Checker, x: int) -> None:
    """Assigns."""
    c.pop_val(c.local(x))
    _assign(c, x)


def local_tee(c: Checker, x: int) -> None:
    """Assigns, and leaves the value."""
    t = c.local(x)
    c.pop_val(t)
    c.vals.append(t)
    _assign(c, x)


def _assign(c: Checker, x: int) -> None:
    c.assigned.add(x)
    if x in c.unset:
        c.unset.discard(x)
        c.inits.append(x)


def global_get(c: Checker, x: int) -> Effect:
    """Reads."""
    return NOTHING, [c.global_(x).value]


def global_set(c: Checker, x: int) -> Effect:
    """Writes, if it may."""
    t = c.global_(x)
    if not t.mutable:
        c.fail(f"immutable global {x}: global is immutable, expected a mutable one")
    return [t.value], NOTHING


# --- tables -------------------------------------------------------------------------------------


def table_get(c: Checker, x: int) -> Effect:
    """Reads an element."""
    t = c.table(x)
    return [t.limits.addr], [t.element]


def table_set(c: Checker, x: int) -> Effect:
    """Writes an element."""
    t = c.table(x)
    return [t.limits.addr, t.element], NOTHING


def table_grow(c: Checker, x: int) -> Effect:
    """Takes what new elements hold and how many there shall be."""
    t = c.table(x)
    return [t.element, t.limits.addr], [t.limits.addr]


def table_fill(c: Checker, x: int) -> Effect:
    """Takes where, what, and how many."""
    t = c.table(x)
    return [t.limits.addr, t.element, t.limits.addr], NOTHING


def table_copy(c: Checker, imm: tuple[int, int]) -> Effect:
    """From the second table to the first."""
    t1, t2 = c.table(imm[0]), c.table(imm[1])
    _elements(c, t2.element, t1.element, f"table {imm[1]}", f"table {imm[0]}")
    return [t1.limits.addr, t2.limits.addr, _shorter(t1.limits.addr, t2.limits.addr)], NOTHING


def table_init(c: Checker, imm: tuple[int, int]) -> Effect:
    """From an element segment."""
    x, y = imm
    table, elem = c.table(y), c.elem(x)
    _elements(c, elem, table.element, f"elem segment {x}", f"table {y}")
    return [table.limits.addr, I32, I32], NOTHING


def _elements(c: Checker, found: RefType, expected: RefType, source: str, target: str) -> None:
    if not match_ref(found, expected, c.types):
        c.fail(f"type mismatch: {target} holds {expected}, found {found} in {source}")


def _shorter(t1: NumType, t2: NumType) -> NumType:
    """The address type that fits both."""
    return I64 if t1 is I64 and t2 is I64 else I32


# --- memories, and what else has immediates to check --------------------------------------------


def memory_copy(c: Checker, imm: tuple[int, int]) -> Effect:
    """From the second memory to the first."""
    t1, t2 = c.memory(imm[0]).limits.addr, c.memory(imm[1]).limits.addr
    return [t1, t2, _shorter(t1, t2)], NOTHING


def indexed(c: Checker, imm: int | tuple[int, ...]) -> Effect:
    """A fixed effect, of a memory, table or segment that must be there."""
    op = c.ops[c.at]
    indices = imm if isinstance(imm, tuple) else (imm,)
    addr = I32
    for kind, x in zip(reversed(row(op).immediates), reversed(indices), strict=True):
        if kind == "mem":
            addr = c.memory(x).limits.addr
        elif kind == "table":
            addr = c.table(x).limits.addr
        elif kind == "elem":
            c.elem(x)
        else:
            assert kind == "data", kind
            c.data(x)
    return EFFECTS[op][addr is I64]


def access(c: Checker, imm: MemArg) -> Effect:
    """Loads and stores: the alignment is at most natural, the offset an address (spec 3.4.8)."""
    align, offset, memory = imm
    op = c.ops[c.at]
    addr = c.memory(memory).limits.addr
    if align > _NATURAL[op]:
        natural = f"at most 2**{_NATURAL[op]}"
        c.fail(f"alignment must not be larger than natural: found 2**{align}, expected {natural}")
    if addr is I64:
        return EFFECTS[op][1]
    if offset >= 1 << 32:
        c.fail(f"offset out of range: {offset:#x} in a memory with 32-bit addresses")
    return EFFECTS[op][0]


def atomic_access(c: Checker, imm: MemArg) -> Effect:
    """Atomic accesses: the alignment is natural (threads)."""
    natural = _NATURAL[c.ops[c.at]]
    c.memory(imm.memory)
    if imm.align != natural:
        c.fail(f"atomic alignment must be natural: found 2**{imm.align}, expected 2**{natural}")
    return access(c, imm)


def lane(c: Checker, imm: int) -> Effect:
    """The lane must be there."""
    op = c.ops[c.at]
    lanes = row(op).lanes
    if imm >= lanes:
        c.fail(f"invalid lane index {imm}: there are {lanes}")
    return EFFECTS[op][0]


def lane_access(c: Checker, imm: tuple[MemArg, int]) -> Effect:
    """Loads and stores of one lane."""
    effect = access(c, imm[0])
    lane(c, imm[1])
    return effect


def shuffle(c: Checker, lanes: bytes) -> Effect:
    """Lanes of either operand."""
    if max(lanes) >= 32:
        c.fail(f"invalid lane index {max(lanes)}: there are 32")
    return EFFECTS[c.ops[c.at]][0]


RULES: Final[dict[int, Rule]] = {
    Op.UNREACHABLE: unreachable,
    Op.BLOCK: block,
    Op.LOOP: block,
    Op.IF: if_,
    Op.ELSE: else_,
    Op.END: end,
    Op.THROW: throw,
    Op.THROW_REF: throw_ref,
    Op.TRY_TABLE: try_table,
    Op.BR: br,
    Op.BR_IF: br_if,
    Op.BR_TABLE: br_table,
    Op.RETURN: return_,
    Op.CALL: call,
    Op.CALL_INDIRECT: call_indirect,
    Op.RETURN_CALL: return_call,
    Op.RETURN_CALL_INDIRECT: return_call_indirect,
    Op.DROP: drop,
    Op.SELECT: select,
    Op.SELECT_T: select_t,
    Op.LOCAL_GET: local_get,
    Op.LOCAL_SET: local_set,
    Op.LOCAL_TEE: local_tee,
    Op.GLOBAL_GET: global_get,
    Op.GLOBAL_SET: global_set,
    Op.TABLE_GET: table_get,
    Op.TABLE_SET: table_set,
    Op.TABLE_GROW: table_grow,
    Op.TABLE_FILL: table_fill,
    Op.TABLE_COPY: table_copy,
    Op.TABLE_INIT: table_init,
    Op.MEMORY_COPY: memory_copy,
}
