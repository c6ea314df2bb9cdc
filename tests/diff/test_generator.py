"""The generator of programs and what compares engines by them (`wadjet.testing`).

`python -m wadjet.testing` is the same without an end.
"""

from dataclasses import replace
from pathlib import Path

import pytest

from wadjet.core.binary import encode
from wadjet.core.opcodes import ROWS
from wadjet.core.validate import validate
from wadjet.testing.engines import Outcome, engine
from wadjet.testing.generate import PRESETS, Options, generate
from wadjet.testing.oracle import Report, difference, observe
from wadjet.testing.regression import as_text, read
from wadjet.testing.worker import Worker

#: Every row but those for references between threads turns up in so many programs.
MANY = 600
ALL = Options(features=PRESETS["all"], canonical=None)
SMALL = replace(ALL, functions=2, length=30)


def test_a_seed_says_all() -> None:
    first, second = generate(7, ALL), generate(7, ALL)
    assert encode(first.module) == encode(second.module)
    assert first.calls == second.calls
    assert encode(generate(8, ALL).module) != encode(first.module)


def test_programs_are_valid_and_have_every_row() -> None:
    missing = {row.op: row for row in ROWS}
    for seed in range(MANY):
        program = generate(seed, ALL)
        if seed % 10 == 0:
            validate(program.module, PRESETS["all"])
        for code in program.module.codes:
            for op in missing.keys() & set(code.body.ops):
                del missing[op]
    assert {row.feature for row in missing.values()} == {"shared-everything-threads"}


@pytest.mark.parametrize("tiers", [("interpreter", "baseline"), ("interpreter", "optimizing")])
def test_tiers_agree(tiers: tuple[str, str]) -> None:
    worker = Worker(tiers)
    try:
        found = {seed: worker.compare(generate(seed, SMALL)) for seed in range(40)}
    finally:
        worker.close()
    assert {seed: str(mismatch) for seed, mismatch in found.items() if mismatch} == {}


def test_differences_are_found() -> None:
    """Whatever one of two reports is changed in."""
    seeds = (s for s in range(100) if _told(s))
    seed = next(seeds)
    program = generate(seed, ALL)

    def report() -> Report:
        return observe(engine("interpreter"), program)

    assert difference(program, report(), report()) is None
    changed = report()
    index = next(i for i, o in enumerate(changed.outcomes) if o.kind == "values" and o.detail)
    detail = changed.outcomes[index].detail
    assert isinstance(detail, tuple)
    changed.outcomes[index] = Outcome("values", (int(detail[0]) ^ 1, *detail[1:]))
    assert "value 0 is" in str(difference(program, report(), changed))
    changed = report()
    changed.outcomes[index] = Outcome("trap", "unreachable")
    assert "trap: unreachable" in str(difference(program, report(), changed))
    changed = report()
    changed.memories[0] = changed.memories[0][:-1] + bytes((changed.memories[0][-1] ^ 1,))
    assert "memory 0" in str(difference(program, report(), changed))
    changed = report()
    changed.trace.append(("note", 5))
    assert "the host was told" in str(difference(program, report(), changed))


def _told(seed: int) -> bool:
    """Whether a program shows all that can be shown."""
    shown = observe(engine("interpreter"), generate(seed, ALL))
    values = any(o.kind == "values" and o.detail for o in shown.outcomes)
    return values and bool(shown.trace) and bool(shown.memories)


def test_a_program_as_text_is_the_same_program(tmp_path: Path) -> None:
    for seed in range(20):
        program = generate(seed, ALL)
        file = tmp_path / f"{seed}.wat"
        file.write_text(as_text(program, "because"))
        again = read(file)
        assert again.calls == program.calls
        assert validate(again.module, PRESETS["all"])
        assert len(again.module.codes) == len(program.module.codes)
        for code, same in zip(program.module.codes, again.module.codes, strict=True):
            assert list(code.body.ops) == list(same.body.ops)
