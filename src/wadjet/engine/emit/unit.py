"""The public function of arrow 3a: some functions of a valid module → one LLVM module's text."""

from collections.abc import Iterable
from typing import Final

from wadjet.core.opcodes import GROUP
from wadjet.core.validate.module import ValidModule
from wadjet.engine.emit.arith import ARITH
from wadjet.engine.emit.calls import CALLS
from wadjet.engine.emit.casts import CASTS
from wadjet.engine.emit.control import CONTROL
from wadjet.engine.emit.exceptions import EXCEPTIONS
from wadjet.engine.emit.function import Emit, FunctionEmitter, Unit
from wadjet.engine.emit.memory import MEMORY
from wadjet.engine.contract.settings import Settings
from wadjet.engine.emit.objects import OBJECTS
from wadjet.engine.emit.tables import TABLES
from wadjet.engine.emit.templates import TEMPLATES
from wadjet.engine.emit.variables import VARIABLES

SPECIAL: Final[list[Emit | None]] = [None] * (5 * GROUP)
for _table in (CONTROL, VARIABLES, ARITH, MEMORY, CALLS, TABLES, OBJECTS, CASTS, EXCEPTIONS):
    for _op, _emit in _table.items():
        assert SPECIAL[_op] is None and _op not in TEMPLATES, hex(_op)
        SPECIAL[_op] = _emit

#: Metadata numbers used all over emit. `!tbaa` classes: !3 guest memory, !4 the runtime's own
#: words, !8 fields and elements of objects, !9 their headers; none aliases another. !0 marks what never changes. Weights: !6 unlikely, !7 likely.
_TRAILER: Final = """
attributes #0 = { nounwind "frame-pointer"="all" "probe-stack"="inline-asm" }
attributes #1 = { nounwind noreturn cold "frame-pointer"="all" }
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
"""


def emit(valid: ValidModule, indices: Iterable[int], settings: Settings) -> str:
    """LLVM text that defines `@f<index>` for each of these (defined) functions.

    Undefined symbols in it: `@slots` (machine code of every defined function of the module, in
    order), `@wj_trap`, `@wj_libcall`; nothing else, and no absolute address.
    """
    members = frozenset(indices)
    unit = Unit(valid, settings, members)
    bodies = [FunctionEmitter(unit, index).run(SPECIAL) for index in sorted(members)]
    return "\n".join([*unit.declared.values(), *bodies, _TRAILER])
