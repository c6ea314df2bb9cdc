"""Functions → objects: the one way through emitter and compiler, for every tier, for the worker and
for the code of the runtime itself. Neither is loaded before something must be compiled."""

import time
from collections.abc import Callable, Iterable, Sequence
from wadjet.base.records import replace
from functools import cache
from typing import TYPE_CHECKING, Final

from wadjet.core.validate import ValidModule
from wadjet.engine.contract.settings import Settings
from wadjet.engine.llvm.compile import FAIR, FULL, QUICK, compile_text
from wadjet.engine.llvm.target import host_target
from wadjet.engine.runtime import log
from wadjet.engine.tiers.cache import ObjectStore

if TYPE_CHECKING:
    from wadjet.engine.emit.inlining import Chain
    from wadjet.engine.tiers.apart import Apart


#: Computing with vectors of integers, rotations, unsigned conversions, instructions by name.
_WIDE: Final = (
    " = add <", " = sub <", " = mul <", " = or <", " = xor <", " = shl <", " = lshr <", " = ashr <",
    "<8 x", "<16 x", "@llvm.fsh", " uitofp i64 ", " uitofp <", " fptoui ", "@llvm.x86.",
)  # fmt: skip


@cache
def objects() -> ObjectStore:
    """The runtime's own objects, kept from one process to the next."""
    return ObjectStore()


def _helper() -> "Apart":
    from wadjet.engine.tiers.apart import apart

    return apart()


def get_ready() -> None:
    """Somebody is going to want the runtime's objects."""
    if objects().get("glue") is None:
        _helper().start()


def runtime_object(name: str, text: Callable[[], str], level: int = FAIR) -> bytes:
    """The object of some text of the runtime; the name says all that the text depends on. It is
    made only if it is neither in stock nor on disk."""
    found = objects().get(name)
    if found is None:
        begun = time.perf_counter()
        made = text()
        found = _helper().compile(made, level) or compile_text(made, host_target(), level)
        if log.say is not None:
            log.say(f"compiled {name}: {1000 * (time.perf_counter() - begun):.2f} ms")
        objects().put(name, found)
    return found


def functions_object(
    valid: ValidModule, slots: Iterable[int], settings: Settings, level: int = FULL
) -> bytes:
    """The object of some functions of a module. Malformed or Invalid where a body that was left for
    later is."""
    from wadjet.engine.emit.inlining import plan
    from wadjet.engine.emit.unit import emit

    first = len(valid.func_types) - len(valid.module.funcs)
    indices = [first + slot for slot in slots]
    settings = replace(settings, quick=level == QUICK, versions=level == FULL)
    chains = plan(valid, indices[0]) if level == FULL and len(indices) == 1 else []
    text = emit(valid, indices, settings, chains)
    return _compiled(valid, text, chains, level)


def landing_object(
    valid: ValidModule, slot: int, place: tuple[int, int], settings: Settings
) -> bytes:
    """The object of a function from a loop on (see `emit_landing`)."""
    from wadjet.engine.emit.inlining import plan
    from wadjet.engine.emit.unit import emit_landing

    index = len(valid.func_types) - len(valid.module.funcs) + slot
    settings = replace(settings, versions=True)
    chains = plan(valid, index)
    text = emit_landing(valid, index, settings, place, chains)
    return _compiled(valid, text, chains, FULL)


def _compiled(valid: ValidModule, text: str, chains: "Sequence[Chain]", level: int) -> bytes:
    first = len(valid.func_types) - len(valid.module.funcs)
    for chain in chains:
        valid.forget(chain[-1] - first)
    target = host_target()
    return compile_text(text, target.narrow() if _is_narrow(text) else target, level)


def _is_narrow(text: str) -> bool:
    """Whether it computes with floats, and nothing that AVX-512 is better at."""
    floats = " = fmul " in text
    return floats and not any(word in text for word in _WIDE)


def tail_object(valid: ValidModule, slot: int) -> bytes:
    """The object of an entry for tail calls that only calls the function."""
    from wadjet.engine.emit.unit import emit_tail

    first = len(valid.func_types) - len(valid.module.funcs)
    return compile_text(emit_tail(valid, first + slot), host_target(), QUICK)
