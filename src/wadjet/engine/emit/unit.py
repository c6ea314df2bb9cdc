"""The public function of arrow 3a: some functions of a valid module → one LLVM module's text."""

from collections.abc import Iterable, Sequence
from functools import cache
from typing import Final

from wadjet.core.opcodes import GROUP, Op
from wadjet.core.validate.module import ValidModule
from wadjet.engine.contract.settings import Settings
from wadjet.engine.emit.accesses import SHARED
from wadjet.engine.emit.arith import ARITH
from wadjet.engine.emit.atomics import ATOMICS
from wadjet.engine.emit.calls import CALLS
from wadjet.engine.emit.canonical import canonical
from wadjet.engine.emit.casts import CASTS
from wadjet.engine.emit.continuations import CONTINUATIONS
from wadjet.engine.emit.control import CONTROL
from wadjet.engine.emit.exceptions import EXCEPTIONS
from wadjet.engine.emit.floats import CAREFUL
from wadjet.engine.emit.function import Emit, FunctionEmitter, Unit, func_type
from wadjet.engine.emit.inlining import Chain, Places, symbols
from wadjet.engine.emit.landing import Landing
from wadjet.engine.emit.memory import MEMORY
from wadjet.engine.emit.objects import OBJECTS
from wadjet.engine.emit.tables import TABLES
from wadjet.engine.emit.rounding import ROUNDING
from wadjet.engine.emit.simd_lanes import LANES
from wadjet.engine.emit.tails import tail_entry
from wadjet.engine.emit.templates import Template
from wadjet.engine.emit.variables import VARIABLES
from wadjet.engine.emit.variants import templates_for

SPECIAL: Final[list[Emit | None]] = [None] * (5 * GROUP)
_TABLES: Final = (
    CONTINUATIONS,
    CONTROL, VARIABLES, ARITH, MEMORY, CALLS, TABLES, OBJECTS, CASTS, EXCEPTIONS, LANES, ROUNDING,
    ATOMICS, CAREFUL, SHARED,
)  # fmt: skip
for _table in _TABLES:
    for _op, _emit in _table.items():
        assert SPECIAL[_op] is None, hex(_op)
        SPECIAL[_op] = _emit


@cache
def ways(settings: Settings) -> "tuple[list[Emit | None], dict[int, Template]]":
    """Emitters and templates for a processor and a profile."""
    templates = templates_for(settings)
    return canonical(SPECIAL, templates) if settings.deterministic else SPECIAL, templates


#: Metadata numbers used all over emit. `!tbaa` classes, none of which aliases another: !3 guest
#: memory, !4 the runtime's own words, !8 fields and elements of objects, !9 their headers. !0 marks
#: what never changes. Branch weights: !6 unlikely, !7 likely. !12 is for
#: loops that are not worth unrolling.
TRAILER: Final = """
attributes #0 = { nounwind "frame-pointer"="all" "probe-stack"="inline-asm" }
attributes #1 = { nounwind noreturn cold nomerge "frame-pointer"="all" }
!0 = !{}
!1 = !{!"wadjet"}
!2 = !{!"guest", !1}
!3 = !{!2, !2, i64 0}
!4 = !{!5, !5, i64 0}
!5 = !{!"runtime", !1}
!8 = !{!10, !10, i64 0}
!9 = !{!11, !11, i64 0}
!10 = !{!"object", !1}
!11 = !{!"header", !1}
!6 = !{!"branch_weights", i32 1, i32 2000}
!7 = !{!"branch_weights", i32 2000, i32 1}
!12 = distinct !{!12, !13}
!13 = !{!"llvm.loop.unroll.disable"}
"""


def emit(
    valid: ValidModule, indices: Iterable[int], settings: Settings, chains: Sequence[Chain] = ()
) -> str:
    """LLVM text that defines `@f<index>` for each of these (defined) functions, and `@t<index>`,
    the entry for tail calls, for those that make tail calls themselves.

    `chains` are callees to inline (see `inlining`). Undefined symbols in the text: `@slots` and
    `@tails` (the entries of every defined function of the module, in order), `@wj_trap`,
    `@wj_libcall`; nothing else, and no absolute address.
    """
    return _texts(Unit(valid, settings, frozenset(indices), symbols(chains)), chains)


def emit_landing(
    valid: ValidModule, index: int, settings: Settings, place: tuple[int, int],
    chains: Sequence[Chain] = (),
) -> str:  # fmt: skip
    """LLVM text that defines `@o<index>`: the function from a loop on (see `landing`). `place` is
    the loop's instruction and how far values are apart in the frame."""
    loop, stride = place
    first = len(valid.func_types) - len(valid.module.funcs)
    operands, _ = valid.operands(index - first, (Op.LOOP,))[loop]
    landing = Landing(loop, stride, operands)
    return _texts(Unit(valid, settings, frozenset((index,)), symbols(chains), landing), chains)


def _texts(unit: Unit, chains: Sequence[Chain]) -> str:
    how = ways(unit.settings)
    bodies = [FunctionEmitter(unit, index).run(*how) for index in sorted(unit.wanted)]
    if not chains:
        return "\n".join([*unit.declared.values(), *bodies, TRAILER])
    places = Places(chains)
    texts = [places.mark(body, ()) for body in bodies]
    for chain in chains:
        texts.append(places.mark(FunctionEmitter(unit, chain[-1], chain).run(*how), chain))
    return "\n".join([*unit.declared.values(), *texts, TRAILER, places.metadata()])


def emit_tail(valid: ValidModule, index: int) -> str:
    """LLVM text that defines `@t<index>`, the tail-call entry of a function that makes no tail
    calls itself: it calls what stands in `@slot`."""
    slot = ["%code = load ptr, ptr @slot, align 8"]
    text = tail_entry(f"@t{index}", func_type(valid, index), "%ctx", "%code", "#0", slot)
    return "\n".join(["@slot = external hidden global ptr", text, TRAILER])
