"""Reading and writing native structs from Python."""

import gc

import pytest

from wadjet.engine.contract.layout import (
    CELL, VM_FUNC, VM_STORE, Block, Struct, load64, octets, store64, words,
)  # fmt: skip


@pytest.mark.parametrize("size", [0, 1, 7, 8, 16, 24, 100, 4096, 1 << 20])
def test_blocks_are_zero_and_aligned(size: int) -> None:
    for _ in range(10):
        block = Block(size)
        assert block.address % CELL == 0
        assert bytes(octets(block.address, size)) == bytes(size)


def test_members_of_different_widths_do_not_touch_each_other() -> None:
    struct = Struct("S", a="i32", b="i32", c="i64", d="i32", e="ptr")
    assert [struct[name] for name in "abcde"] == [0, 4, 8, 16, 24]
    assert struct.size == 32
    block = Block(struct.size)
    values = {"a": 0xFFFF_FFFF, "b": 2, "c": (1 << 64) - 1, "d": 4, "e": 1 << 63}
    for name, value in values.items():
        struct.write(block.address, name, value)
    assert {name: struct.read(block.address, name) for name in values} == values
    struct.write(block.address, "b", -1)
    assert struct.read(block.address, "b") == 0xFFFF_FFFF
    assert struct.read(block.address, "c") == (1 << 64) - 1


def test_words() -> None:
    block = Block(VM_FUNC.size)
    store64(block.address + VM_FUNC["type"], -1)
    assert load64(block.address + VM_FUNC["type"]) == (1 << 64) - 1
    assert block.words().tolist()[:4] == [0, 0, (1 << 64) - 1, 0]
    assert bytes(block.octets()[16:24]) == b"\xff" * 8
    assert VM_STORE.size % 8 == 0


def test_a_view_keeps_its_owner() -> None:
    block = Block(64)
    block.words()[3] = 5
    view = words(block.address, 8, block)
    del block
    gc.collect()
    assert view[3] == 5
