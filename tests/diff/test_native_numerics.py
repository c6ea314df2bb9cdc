"""Every numeric row as machine code against its definition in `core.numerics`.

Each variant of the compiler's templates compiles one module with all rows, as functions that walk
over operands in memory and as functions whose operands are constants, which LLVM folds.
"""

import random
import struct
from collections.abc import Callable
from wadjet.base.records import replace
from functools import cache

import llvmlite.binding as llvm
import pytest

from wadjet.base.errors import Trap
from wadjet.core.features import ALL
from wadjet.core.numerics import DETERMINISTIC, NUMERICS, PAIRS, rounding
from wadjet.core.opcodes import Row, row
from wadjet.core.text import parse
from wadjet.core.types import F32, F64, I32, V128, ValType
from wadjet.core.validate import ValidModule, validate
from wadjet.engine.contract.settings import Settings
from wadjet.engine.emit.unit import emit
from wadjet.engine.llvm.compile import FULL, QUICK, compile_text
from wadjet.engine.llvm.target import Target, host_target
from wadjet.engine.runtime.instance import Instance
from wadjet.engine.runtime.instantiate import instantiate
from wadjet.engine.runtime.store import Store
from wadjet.engine.tiers.processor import host_settings
from wadjet.engine.tiers.optimizing import OptimizingCode

from tests.diff.operands import SLOT, function, immediates, operands

FEATURES = ALL - {"relaxed-dead-code"}
ROWS = [row(op) for op in sorted(NUMERICS | PAIRS)]
#: tuples of operands that become constants in the code, per row
CONSTANTS = 24
#: results, or the words of a trap
Outcome = tuple[int, ...] | str


def literal(t: ValType, value: int) -> str:
    """A constant instruction with these bits."""
    if t is V128:
        words = " ".join(map(str, struct.unpack("<4I", value.to_bytes(16, "little"))))
        return f"(v128.const i32x4 {words})"
    if t is F32 or t is F64:
        form = rounding.F32 if t is F32 else rounding.F64
        number = form.decode(value).hex()
        if number == "nan":
            number = f"nan:{value & ((1 << form.precision - 1) - 1):#x}"
        sign = "-" if value & form.sign else ""
        return f"({t}.const {sign}{number.removeprefix('-')})"
    return f"({t}.const {value})"


def folded(name: str, r: Row, imm: tuple[object, ...], tuples: list[tuple[int, ...]]) -> str:
    """A function that applies a row to constants and stores the results."""
    words = " ".join(" ".join(map(str, i)) if isinstance(i, bytes) else str(i) for i in imm)
    lines, width = [], SLOT * len(r.results)
    for k, args in enumerate(tuples):
        constants = " ".join(literal(t, v) for t, v in zip(r.params, args))
        sets = "".join(f"(local.set $r{i})" for i in reversed(range(len(r.results))))
        lines.append(f"({r.mnemonic} {words} {constants}){sets}")
        for i, t in enumerate(r.results):
            at = k * width + i * SLOT
            lines.append(f"({t}.store offset={at} (local.get $out) (local.get $r{i}))")
    declared = " ".join(f"(local $r{i} {t})" for i, t in enumerate(r.results))
    return f'(func (export "{name}") (param $out i32) {declared} {" ".join(lines)})'


def meaning(op: int, deterministic: bool) -> Callable[..., int]:
    if deterministic and op in DETERMINISTIC:
        return DETERMINISTIC[op]
    return NUMERICS[op]


def expected(
    r: Row, args: tuple[int, ...], imm: tuple[object, ...], deterministic: bool
) -> Outcome:
    """What the definition says."""
    try:
        if r.op in PAIRS:
            return PAIRS[r.op](*args)
        return (meaning(r.op, deterministic)(*args, *imm),)
    except Trap as trap:
        return trap.message


@cache
def cases(r: Row, i: int, deterministic: bool) -> list[tuple[tuple[int, ...], Outcome]]:
    """Operands and what is to come of them, for one of the row's immediates."""
    imm = immediates(r)[i]
    return [(args, expected(r, args, imm, deterministic)) for args in operands(r)]


@cache
def constants(r: Row, i: int) -> list[int]:
    """Which of the cases become constants in the code."""
    calm = [k for k, (_, want) in enumerate(cases(r, i, False)) if not isinstance(want, str)]
    return random.Random(r.mnemonic).sample(calm, min(CONSTANTS, len(calm)))


@cache
def module() -> ValidModule:
    parts = ['(memory (export "m") 64)']
    for r in ROWS:
        for i, imm in enumerate(immediates(r)):
            parts.append(function(f"{r.op} {i}", r, imm))
            tuples = [cases(r, i, False)[k][0] for k in constants(r, i)]
            parts.append(folded(f"{r.op} {i} const", r, imm, tuples))
    return validate(parse(f"(module {' '.join(parts)})", FEATURES), FEATURES)


class Compiled:
    """The module compiled with some settings, for some processor."""

    def __init__(self, settings: Settings, target: Target, level: int) -> None:
        self.deterministic = settings.deterministic
        valid = module()
        code = OptimizingCode(valid, settings)
        indices = range(len(valid.module.codes))
        code.add(compile_text(emit(valid, indices, settings), target, level), level)
        self.instance: Instance = instantiate(Store(), code, [])
        self.functions = {e.name: e.index for e in valid.module.exports if e.kind == "func"}
        self.memory = self.instance.memories[0]

    def call(self, name: str, *args: int) -> None:
        self.instance.func(self.functions[name]).call_raw(args)

    def results(self, r: Row, start: int, count: int) -> list[tuple[int, ...]]:
        width = SLOT * len(r.results)
        data = bytes(self.memory.view[start : start + width * count])
        return [
            tuple(
                int.from_bytes(data[at + i * SLOT : at + i * SLOT + t.size], "little")
                for i, t in enumerate(r.results)
            )
            for at in range(0, len(data), width)
        ]

    def run(self, name: str, r: Row, tuples: list[tuple[int, ...]]) -> list[tuple[int, ...]]:
        """Results for each tuple of operands. Raises Trap."""
        packed = b"".join(v.to_bytes(SLOT, "little") for t in tuples for v in t)
        start = (len(packed) + SLOT) // SLOT * SLOT
        self.memory.view[: len(packed)] = packed
        if tuples:
            self.call(name, 0, start, len(tuples))
        return self.results(r, start, len(tuples))


def _targets() -> dict[str, tuple[Settings, Target, int]]:
    """What is compiled how: for this processor, in both profiles, at both levels; with the
    general templates; for lesser processors of the same architecture."""
    here, target = host_settings(), host_target()
    table = {
        "host": (here, target, FULL),
        "quick": (here, target, QUICK),
        "deterministic": (replace(here, deterministic=True), target, FULL),
        "general": (Settings(), target, FULL),
    }
    if target.arch == "x86_64":
        v3 = ("avx", "avx2", "fma", "popcnt", "sse2", "sse4.1", "sse4.2", "ssse3")
        for cpu, features in (("x86-64", ()), ("x86-64-v3", v3)):
            settings = replace(here, features=features)
            table[cpu] = settings, replace(target, cpu=cpu, features=""), FULL
    return table


@pytest.fixture(scope="module", params=list(_targets()))
def compiled(request: pytest.FixtureRequest) -> Compiled:
    return Compiled(*_targets()[request.param])


#: rows whose NaNs keep their payloads: they move floats or change their signs
_BITWISE = ("abs", "neg", "copysign", "pmin", "pmax", "reinterpret", "splat", "lane", "select")


def float_bits(r: Row) -> int:
    """Width of the float lanes that a row computes, where NaNs may differ; else 0."""
    shape, _, name = r.mnemonic.partition(".")
    if any(word in name for word in _BITWISE) or r.results[0] is I32:
        return 0
    return {"f32": 32, "f32x4": 32, "f64": 64, "f64x2": 64}.get(shape, 0)


def same(r: Row, want: tuple[int, ...], got: tuple[int, ...], exact: bool) -> bool:
    """Whether results agree; where a NaN is due, any arithmetic one will do unless `exact`."""
    bits = 0 if exact else float_bits(r)
    if want == got or not bits:
        return want == got
    quiet = {32: 0x7FC0_0000, 64: 0x7FF8_0000_0000_0000}[bits]
    mask = (1 << bits) - 1
    size = 8 * r.results[0].size
    pairs = [(want[0] >> at & mask, got[0] >> at & mask) for at in range(0, size, bits)]
    return all(g & quiet == quiet if w == quiet else w == g for w, g in pairs)


Checked = list[tuple[tuple[int, ...], Outcome, tuple[int, ...]]]


def check(r: Row, imm: tuple[object, ...], checked: Checked, exact: bool) -> None:
    for args, want, got in checked:
        fits = not isinstance(want, str) and same(r, want, got, exact)
        assert fits, f"{r.mnemonic} {imm} of {[*map(hex, args)]}: {got} instead of {want}"


@pytest.mark.parametrize("r", ROWS, ids=lambda r: r.mnemonic)
def test_native_code_agrees_with_the_definition(compiled: Compiled, r: Row) -> None:
    exact = compiled.deterministic
    for i, imm in enumerate(immediates(r)):
        name, every = f"{r.op} {i}", cases(r, i, exact)
        calm = [case for case in every if not isinstance(case[1], str)]
        got = compiled.run(name, r, [args for args, _ in calm])
        check(r, imm, [(*case, g) for case, g in zip(calm, got)], exact)
        for args, words in [case for case in every if isinstance(case[1], str)][:40]:
            with pytest.raises(Trap) as info:
                compiled.run(name, r, [args])
            assert info.value.message == words
        compiled.call(f"{name} const", 0)
        folded = [every[k] for k in constants(r, i)]
        got = compiled.results(r, 0, len(folded))
        check(r, imm, [(*case, g) for case, g in zip(folded, got)], exact)


@pytest.mark.parametrize("level", [QUICK, FULL])
def test_other_processors_are_served(level: int) -> None:
    llvm.initialize_all_targets()
    llvm.initialize_all_asmprinters()
    valid = module()
    text = emit(valid, range(len(valid.module.codes)), Settings(arch="aarch64"))
    target = Target("aarch64-unknown-linux-gnu", "generic", "+neon")
    assert compile_text(text, target, level).startswith(b"\x7fELF")
