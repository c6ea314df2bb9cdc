"""The choices that shape generated code. Part of every cache key."""

from wadjet.base.records import dataclass


@dataclass(frozen=True, slots=True)
class Settings:
    """What the emitter must know about the machine and about what the user asked for.

    guards          memories lie in guarded reservations: 32-bit accesses need no check
    strict_order    every guest access keeps its place among the others (see RATIONALE.md)
    fuel            count instructions and stop at zero
    polls           check for interruption at loop heads (where signals cannot do it)
    exceptions      calls may come back with a WebAssembly exception on its way
    raw             memory 0 is the process itself (for the runtime's own code, never for guests)
    deterministic   the deterministic profile: canonical NaNs
    quick           for LLVM's fast instruction selector, which keeps no value in a register from
                    one block to the next: locals live in memory, and code is short to read
    versions        loops get a second version for when nothing in them can trap (`emit.versions`)
    arch            the processor, as the first word of LLVM's triples; "" for any
    features        what it can do, as LLVM names it, sorted: for instructions named outright
    """

    guards: bool = True
    strict_order: bool = True
    fuel: bool = False
    polls: bool = False
    exceptions: bool = False
    raw: bool = False
    deterministic: bool = False
    quick: bool = False
    versions: bool = False
    arch: str = ""
    features: tuple[str, ...] = ()

    def key(self) -> str:
        """All of it in one line."""
        words = []
        for name in self.__match_args__:
            value = getattr(self, name)
            shown = " ".join(sorted(value)) if isinstance(value, frozenset) else value
            words.append(f"{name}={shown}")
        return "; ".join(words)
