"""Memories: sizes, limits, views, and what the native structs say of them."""

import gc
import sys

import pytest

from tests.engine.stub import mappings
from wadjet.base.errors import Exhaustion
from wadjet.core.types import I64, Limits, MemoryType
from wadjet.engine.contract.layout import VM_MEMORY
from wadjet.engine.runtime import memory as module
from wadjet.engine.runtime.budget import Budget
from wadjet.engine.runtime.memory import GUARDED_SIZE, Memory
from wadjet.engine.runtime.pages import PAGE, Region, reserve

linux_only = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")


def plain(min_: int, max_: int | None = None) -> Memory:
    return Memory(MemoryType(Limits(min_, max_)))


def test_a_region_commits_a_prefix_and_does_not_move() -> None:
    region = reserve(64 * PAGE)
    assert region is not None
    assert region.commit(1)
    assert region.committed == PAGE
    base = region.base
    assert region.commit(5 * PAGE + 1)
    assert (region.base, region.committed) == (base, 6 * PAGE)
    assert region.commit(3), "what is there already needs nothing"
    assert region.committed == 6 * PAGE
    assert not region.commit(65 * PAGE)


@linux_only
def test_a_region_is_given_back_with_its_last_reference() -> None:
    before = mappings()
    region = reserve(GUARDED_SIZE)
    assert region is not None
    assert mappings() > before
    del region
    assert mappings() == before


def test_a_new_memory_is_zero_and_its_struct_agrees() -> None:
    memory = plain(2, 5)
    assert memory.pages == 2
    assert memory.length == 2 << 16
    assert bytes(memory.view) == bytes(2 << 16)
    assert VM_MEMORY.read(memory.address, "base") == memory.base
    assert VM_MEMORY.read(memory.address, "length") == memory.length
    assert VM_MEMORY.read(memory.address, "reserved") >= GUARDED_SIZE
    assert memory.guarded


def test_growing_keeps_place_and_contents() -> None:
    memory = plain(1, 4)
    memory.view[:5] = b"hello"
    base, early = memory.base, memory.view
    assert memory.grow(2) == 1
    assert memory.base == base
    assert VM_MEMORY.read(memory.address, "length") == 3 << 16
    assert memory.view.nbytes == 3 << 16
    assert early.nbytes == 1 << 16
    memory.view[0] = ord("j")
    assert bytes(early[:5]) == b"jello"
    assert memory.view[-1] == 0


@pytest.mark.parametrize(("start", "most", "delta"), [(1, 1, 1), (0, 3, 4), (2, None, 65535)])
def test_growing_beyond_the_maximum_changes_nothing(
    start: int, most: int | None, delta: int
) -> None:
    memory = plain(start, most)
    assert memory.grow(delta) == -1
    assert memory.pages == start


@pytest.mark.parametrize("delta", [0xFFFF_FFFF, 0xFFFF_FFFF_FFFF_FFFF])
def test_absurd_growth_is_refused(delta: int) -> None:
    assert plain(1).grow(delta) == -1
    wide = Memory(MemoryType(Limits(1, None, I64)))
    assert wide.grow(delta) == -1


def test_the_type_has_the_present_size_as_its_minimum() -> None:
    memory = plain(1, 4)
    memory.grow(1)
    assert memory.type == MemoryType(Limits(2, 4))


def test_pages_of_one_byte() -> None:
    memory = Memory(MemoryType(Limits(10, 5000), page_log2=0))
    assert (memory.pages, memory.length, memory.guarded) == (10, 10, False)
    assert memory.grow(4990) == 10
    assert memory.length == 5000
    assert memory.grow(1) == -1


def test_64_bit_memories_are_not_guarded() -> None:
    memory = Memory(MemoryType(Limits(1, 70_000, I64)))
    assert not memory.guarded
    assert memory.grow(1) == 1


def test_more_than_the_machine_has_is_exhaustion() -> None:
    with pytest.raises(Exhaustion, match="out of memory"):
        Memory(MemoryType(Limits(1 << 37, None, I64)))


def test_a_budget_bounds_creation_and_growth_and_is_given_back() -> None:
    budget = Budget(3 << 16)
    memory = Memory(MemoryType(Limits(2)), budget)
    assert memory.grow(2) == -1
    assert memory.grow(1) == 2
    with pytest.raises(Exhaustion):
        Memory(MemoryType(Limits(1)), budget)
    assert budget.used == 3 << 16
    del memory
    gc.collect()
    assert budget.used == 0


def test_without_room_for_guards_a_memory_asks_for_checks(monkeypatch: pytest.MonkeyPatch) -> None:
    def scarce(size: int) -> Region | None:
        return None if size > 1 << 28 else reserve(size)

    monkeypatch.setattr(module, "reserve", scarce)
    monkeypatch.setattr(module, "pooled", lambda *_: None)
    memory = plain(3)
    assert not memory.guarded
    assert memory.grow(1) == 3
    assert memory.grow(1 << 14) == -1
    assert memory.pages == 4


def test_no_room_at_all_is_exhaustion_and_costs_no_budget(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "reserve", lambda size: None)
    monkeypatch.setattr(module, "pooled", lambda *_: None)
    budget = Budget(1 << 20)
    with pytest.raises(Exhaustion, match="out of memory"):
        Memory(MemoryType(Limits(1)), budget)
    assert budget.used == 0


@linux_only
def test_a_view_keeps_the_bytes_when_the_memory_is_gone() -> None:
    before = mappings()
    memory = plain(1)
    memory.view[7] = 42
    view = memory.view[4:10]
    del memory
    gc.collect()
    assert view[3] == 42
    assert mappings() > before
    del view
    gc.collect()
    assert mappings() == before
