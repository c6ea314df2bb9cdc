"""The choices that shape generated code. Part of every cache key."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Settings:
    """What the emitter must know about the machine and about what the user asked for.

    guards          memories lie in guarded reservations: 32-bit accesses need no check
    strict_order    every guest access keeps its place among the others (see RATIONALE.md)
    fuel            count instructions and stop at zero
    polls           check for interruption at loop heads (where signals cannot do it)
    deterministic   the deterministic profile: canonical NaNs
    """

    guards: bool = True
    strict_order: bool = True
    fuel: bool = False
    polls: bool = False
    deterministic: bool = False
