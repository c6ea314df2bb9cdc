"""The instruction table beside the standard's own grammar: it may be ahead, never different.

`WADJET_SPECTEC` names a folder with the `.spectec` files of `specification/wasm-3.0`, as the
repository WebAssembly/spec has them.
"""

import os
from pathlib import Path

import pytest

from tests.architecture import spectec
from tests.architecture.spectec import Encoding, Spelling
from wadjet.core.features import WASM3
from wadjet.core.opcodes import BY_OP, PREFIXES, ROWS, Op, Row
from wadjet.core.types import RefType, ValType

_ROOT = Path(__file__).resolve().parents[2]
#: parts of `if` and of every block in the standard's grammar, rows of their own in the table
_PUNCTUATION = {Op.ELSE, Op.END}


@pytest.fixture(scope="module")
def folder() -> Path:
    """The grammar, or a loud skip."""
    default = _ROOT.parent / "shared" / "corpora" / "spectec"
    found = Path(os.environ.get("WADJET_SPECTEC", default))
    if not (found / "5.3-binary.instructions.spectec").is_file():
        pytest.skip(f"NO SPECTEC: {found} has no grammar; set WADJET_SPECTEC to audit the table")
    return found


@pytest.fixture(scope="module")
def encodings(folder: Path) -> list[Encoding]:
    """The binary grammar."""
    found = spectec.encodings(folder)
    assert len(found) > 480, "the grammar was not understood"
    return found


@pytest.fixture(scope="module")
def spellings(folder: Path) -> dict[tuple[str, ...], Spelling]:
    """The text grammar."""
    return spectec.mnemonics(folder)


def _op(encoding: Encoding) -> int:
    return encoding.code + (PREFIXES[encoding.prefix] if encoding.prefix is not None else 0)


def _spelling(encoding: Encoding, spellings: dict[tuple[str, ...], Spelling]) -> Spelling:
    return spellings.get(encoding.key) or spellings[encoding.key[:1]]


def test_every_instruction_of_the_grammar_has_its_row(
    encodings: list[Encoding], spellings: dict[tuple[str, ...], Spelling]
) -> None:
    wrong = []
    for encoding in encodings:
        row = BY_OP[_op(encoding)]
        if row is None:
            wrong.append(f"no row for {encoding}")
            continue
        kinds = tuple(kind.partition("/")[0] for kind in row.immediates)
        spelling = _spelling(encoding, spellings)
        if row.mnemonic != spelling.mnemonic:
            wrong.append(f"{row}: the standard writes {spelling.mnemonic}")
        if kinds != encoding.immediates:
            wrong.append(f"{row}: {kinds}, the standard has {encoding.immediates}")
        if row.natural != spelling.natural:
            wrong.append(f"{row}: natural alignment {spelling.natural}")
    assert wrong == []


def test_every_row_of_the_third_edition_is_in_the_grammar(encodings: list[Encoding]) -> None:
    known = {_op(encoding) for encoding in encodings} | _PUNCTUATION
    assert [row for row in ROWS if row.feature in WASM3 and row.op not in known] == []


def test_no_proposal_takes_a_code_of_the_standard(encodings: list[Encoding]) -> None:
    rows = [BY_OP[_op(encoding)] for encoding in encodings]
    assert [row for row in rows if row is not None and row.feature not in WASM3] == []


def test_stack_effects_are_the_typing_rules(folder: Path, encodings: list[Encoding]) -> None:
    rules = spectec.effects(folder)
    checked, wrong = 0, []
    for encoding in encodings:
        row = BY_OP[_op(encoding)]
        if row is not None and row.params is not None:
            checked += 1
            expected = spectec.effect(encoding, rules)
            if _effect(row) != expected:
                wrong.append(f"{row}: {_effect(row)}, the standard has {expected}")
    assert wrong == []
    assert checked > 400


def test_lane_counts_follow_the_shape() -> None:
    for row in ROWS:
        if row.lanes:
            shape, _, _ = row.mnemonic.partition(".")
            lanes = 16 // row.natural if row.natural else int(shape.partition("x")[2])
            assert row.lanes == lanes, row


def _effect(row: Row) -> str:
    assert row.params is not None
    assert row.results is not None
    ins, outs = (" ".join(map(_word, side)) for side in (row.params, row.results))
    return f"{ins} -> {outs}".strip()


def _word(t: ValType | None) -> str:
    if isinstance(t, RefType) and not t.nullable:
        return f"ref_{t.heap}"
    return "at" if t is None else repr(t)
