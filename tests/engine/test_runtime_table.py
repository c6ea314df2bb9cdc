"""Tables of raw words: bounds, growth, overlapping copies."""

from array import array

import pytest

from wadjet.base.errors import Exhaustion, Trap
from wadjet.core.types import FUNCREF, Limits, TableType
from wadjet.engine.contract.layout import VM_TABLE, load64
from wadjet.engine.runtime.budget import Budget
from wadjet.engine.runtime.table import MAX_ELEMENTS, Table

OUT = "out of bounds table access"


def plain(min_: int, max_: int | None = None, init: int = 0) -> Table:
    return Table(TableType(FUNCREF, Limits(min_, max_)), init)


def test_a_new_table_and_its_struct() -> None:
    table = plain(3, 10, 64)
    assert table.words.tolist() == [64, 64, 64]
    assert VM_TABLE.read(table.address, "base") == table.base
    assert VM_TABLE.read(table.address, "length") == 3
    table.set(2, 72)
    assert load64(table.base + 16) == 72


@pytest.mark.parametrize("index", [3, 1 << 31, (1 << 32) - 1, (1 << 64) - 1])
def test_out_of_bounds(index: int) -> None:
    table = plain(3)
    with pytest.raises(Trap, match=OUT):
        table.get(index)
    with pytest.raises(Trap, match=OUT):
        table.set(index, 0)


def test_growth() -> None:
    table = plain(1, 4, 8)
    early = table.words
    assert table.grow(2, 16) == 1
    assert table.words.tolist() == [8, 16, 16]
    assert len(early) == 1
    assert table.grow(2, 0) == -1
    assert table.grow(0, 0) == 3
    assert VM_TABLE.read(table.address, "length") == 3
    assert table.type.limits == Limits(3, 4)


def test_the_most_elements() -> None:
    table = plain(0)
    assert table.grow(MAX_ELEMENTS + 1, 0) == -1
    assert table.grow(MAX_ELEMENTS, 0) == 0
    assert table.grow(1, 0) == -1
    with pytest.raises(Exhaustion, match="out of memory"):
        plain(MAX_ELEMENTS + 1)


def test_fill_copy_init_write_nothing_unless_all_fits() -> None:
    table, other = plain(5), plain(3, None, 8)
    with pytest.raises(Trap, match=OUT):
        table.fill(3, 16, 3)
    with pytest.raises(Trap, match=OUT):
        table.copy(3, other, 0, 3)
    with pytest.raises(Trap, match=OUT):
        table.copy(0, other, 1, 3)
    segment = memoryview(array("Q", [24, 32]))
    with pytest.raises(Trap, match=OUT):
        table.init(0, segment, 1, 2)
    with pytest.raises(Trap, match=OUT):
        table.init(4, segment, 0, 2)
    with pytest.raises(Trap, match=OUT):
        table.fill(6, 0, 0)
    assert table.words.tolist() == [0] * 5
    table.fill(5, 16, 0)
    table.copy(0, other, 0, 2)
    table.init(3, segment, 0, 2)
    assert table.words.tolist() == [8, 8, 0, 24, 32]


@pytest.mark.parametrize(("to", "start"), [(0, 1), (1, 0), (2, 0), (0, 2)])
def test_overlapping_copies(to: int, start: int) -> None:
    table = plain(6)
    table.words[:] = memoryview(array("Q", range(8, 56, 8)))
    expected = table.words.tolist()
    expected[to : to + 4] = expected[start : start + 4]
    table.copy(to, table, start, 4)
    assert table.words.tolist() == expected


def test_tables_count_against_the_budget() -> None:
    budget = Budget(80)
    table = Table(TableType(FUNCREF, Limits(5)), 0, budget)
    assert table.grow(6, 0) == -1
    assert table.grow(5, 0) == 5
    del table
    assert budget.used == 0
