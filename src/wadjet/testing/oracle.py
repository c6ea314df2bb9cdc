"""Runs one program through several engines and finds where they differ.

Results are compared bit for bit, traps by their kind, exceptions by tag and payload; after each
program also memories, globals and tables, and what the host was told. NaNs need no special rule:
either the module itself makes the canonical one of every NaN whose bits the standard leaves open,
or all engines that run it follow the deterministic profile.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from wadjet.core.binary import encode
from wadjet.testing.engines import Engine, Guest, Outcome, Stopped
from wadjet.testing.generate import FUEL, Program
from wadjet.testing.host import Host


@dataclass(slots=True)
class Report:
    """What one engine shows of a program: the outcome of each call, then of looking at the state,
    or of instantiation if that fails; the memories; what the host was told."""

    outcomes: list[Outcome] = field(default_factory=list)
    memories: list[bytes] = field(default_factory=list)
    trace: list[tuple[object, ...]] = field(default_factory=list)


def observe(engine: Engine, program: Program, data: bytes | None = None) -> Report:
    """Run a program in an engine."""
    host = Host()
    report = Report(trace=host.trace)
    try:
        guest = engine.start(program, encode(program.module) if data is None else data, host)
    except Stopped as stopped:
        report.outcomes.append(stopped.outcome)
        return report
    host.reenter = lambda n: _again(guest, program, n)
    exports = {export.name for export in program.module.exports}
    for i, call in enumerate(program.calls):
        if i == len(program.calls) // 2:
            guest.promote()
        if "fuel" in exports:
            guest.refuel(FUEL)
        report.outcomes.append(guest.call(call.name, call.args))
    report.outcomes.append(guest.state())
    memories = range(len(program.module.memory_types()))
    report.memories = [guest.memory(i) for i in memories if f"memory{i}" in exports]
    return report


def _again(guest: Guest, program: Program, n: int) -> int:
    """Call the guest from within a call of it; a number for how that ends."""
    if not program.calls:
        return 0
    call = program.calls[n % len(program.calls)]
    outcome = guest.call(call.name, call.args)
    if isinstance(outcome.detail, tuple) and all(isinstance(v, int) for v in outcome.detail):
        return sum(outcome.detail) % (1 << 31)
    return len(outcome.kind)


# --- comparing ------------------------------------------------------------------------------------

#: the standard's words → those that a coarse engine has for the same
_COARSE: Final = {
    "undefined element": "out of bounds table access",
    "null function reference": "null reference",
    "null structure reference": "null reference",
    "null array reference": "null reference",
    "null i31 reference": "null reference",
    "null exception reference": "null reference",
}


def _coarse(outcome: Outcome) -> Outcome:
    if outcome.kind == "trap":
        return Outcome("trap", _COARSE.get(str(outcome.detail), outcome.detail))
    return outcome if outcome.kind == "values" else Outcome(outcome.kind)


def difference(program: Program, a: Report, b: Report, coarse: bool = False) -> str | None:
    """Where two reports differ first, in words; None where they agree."""
    outcomes, others = a.outcomes, b.outcomes
    if coarse:
        outcomes, others = list(map(_coarse, outcomes)), list(map(_coarse, others))
    for i, (x, y) in enumerate(zip(outcomes, others)):
        if x != y and "unknown" not in (x.kind, y.kind):
            return f"{_place(program, i)}: {_pair(x, y)}"
    if len(outcomes) != len(others):
        return f"instantiation: {_pair(outcomes[0], others[0])}"
    for i, (m, n) in enumerate(zip(a.memories, b.memories)):
        if m != n:
            at = next((k for k, (p, q) in enumerate(zip(m, n)) if p != q), min(len(m), len(n)))
            return f"memory {i} at {at:#x}: {m[at : at + 16].hex()} / {n[at : at + 16].hex()}"
    if a.trace != b.trace:
        return f"the host was told {a.trace} / {b.trace}"
    return None


def _pair(x: Outcome, y: Outcome) -> str:
    """Two outcomes; of many values only those that differ."""
    if x.kind == y.kind == "values":
        assert isinstance(x.detail, tuple), "their values"
        assert isinstance(y.detail, tuple), "their values"
        pairs = enumerate(zip(x.detail, y.detail))
        return ", ".join(f"value {i} is {p:#x} / {q:#x}" for i, (p, q) in pairs if p != q)
    return f"{x} / {y}"


def _place(program: Program, i: int) -> str:
    if i >= len(program.calls):
        return "state"
    call = program.calls[i]
    return f"call {i}, {call.name}({', '.join(map(hex, call.args))})"


@dataclass(frozen=True, slots=True)
class Mismatch:
    """Two engines that differ about a program, and where."""

    first: str
    second: str
    where: str

    def __str__(self) -> str:
        return f"{self.first} / {self.second}: {self.where}"


def compare(program: Program, engines: Sequence[Engine]) -> Mismatch | None:
    """Run a program in all engines that accept it, and compare each with the first."""
    chosen = [engine for engine in engines if engine.accepts(program)]
    if len(chosen) < 2:
        return None
    data = encode(program.module)
    first, *others = chosen
    wanted = observe(first, program, data)
    for engine in others:
        coarse = first.coarse or engine.coarse
        found = difference(program, wanted, observe(engine, program, data), coarse)
        if found is not None:
            return Mismatch(first.name, engine.name, found)
    return None
