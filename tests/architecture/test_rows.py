"""No orphan rows: every instruction has a meaning, a rule and code, and nothing has two."""

from wadjet.core.features import CATALOGUE
from wadjet.core.numerics import NUMERICS, PAIRS
from wadjet.core.opcodes import BY_NAME, BY_OP, PREFIXES, ROWS, Op, Row
from wadjet.core.validate import proposals, references, rules
from wadjet.engine.contract.settings import Settings
from wadjet.engine.emit.unit import SPECIAL
from wadjet.engine.emit.variants import templates_for
from wadjet.engine.tiers.interpreter.prepare import PLAIN, RULES

TEMPLATES = templates_for(Settings())
#: rows with a fixed effect and no immediate that still are not functions of their operands alone
_IMPURE = {"nop", "array.len", "ref.i31", "ref.i31_shared", "i31.get_s", "i31.get_u"}
#: names in `Op` that differ from the mnemonic, where one mnemonic has two codes
_VARIANTS = {
    "SELECT_T": "select",
    "REF_TEST_NULL": "ref.test",
    "REF_CAST_NULL": "ref.cast",
    "REF_CAST_DESC_EQ_NULL": "ref.cast_desc_eq",
}


def _pure(row: Row) -> bool:
    """Whether the results follow from operands and lane immediates alone."""
    kinds = {kind.partition("/")[0] for kind in row.immediates}
    return row.params is not None and kinds <= {"lane", "lanes"} and row.mnemonic not in _IMPURE


def test_codes_and_names_are_unique() -> None:
    assert len({row.op for row in ROWS}) == len(ROWS)
    spelled = [(row.mnemonic, row.immediates) for row in ROWS]
    twice = {s for s in spelled if spelled.count(s) > 1}
    assert {mnemonic for mnemonic, _ in twice} <= set(_VARIANTS.values())


def test_rows_are_found_by_id_and_by_name() -> None:
    for row in ROWS:
        assert BY_OP[row.op] is row
        assert row in BY_NAME[row.mnemonic]
        assert row.op == row.code + (PREFIXES[row.prefix] if row.prefix is not None else 0)
        assert row.feature in CATALOGUE


def test_the_named_ids_are_the_rows() -> None:
    for name, op in vars(Op).items():
        if not name.startswith("_"):
            row = BY_OP[op]
            assert row is not None, name
            mnemonic = _VARIANTS.get(name, row.mnemonic.replace(".", "_").upper())
            assert mnemonic in (name, row.mnemonic), name


def test_every_pure_row_has_a_meaning() -> None:
    pure = {row.op for row in ROWS if _pure(row)}
    assert pure == NUMERICS.keys() | PAIRS.keys()
    assert not NUMERICS.keys() & PAIRS.keys()


def test_every_special_row_has_a_rule() -> None:
    tables = (rules.RULES, references.RULES, proposals.RULES)
    assert {row.op for row in ROWS if row.params is None} == set().union(*tables)
    assert sum(map(len, tables)) == len(set().union(*tables)), "two rules for one instruction"


def test_the_interpreter_runs_every_row_in_one_way() -> None:
    ways = {row: sum(row.op in t for t in (NUMERICS, PAIRS, RULES, PLAIN)) for row in ROWS}
    assert {row: n for row, n in ways.items() if n != 1} == {}


def test_every_row_has_code() -> None:
    ways = {row: (row.op in TEMPLATES) + (SPECIAL[row.op] is not None) for row in ROWS}
    assert [row for row, n in ways.items() if n > 1] == [], "a template and an emitter"
    assert [row for row, n in ways.items() if n == 0] == []
