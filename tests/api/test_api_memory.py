"""`Memory`: pages, indexing, the buffer protocol across growth and after everything is gone."""

import gc
import hashlib
import struct
import sys
from collections.abc import Callable

import pytest

import wadjet
from tests.engine.stub import mappings
from wadjet import Memory

Make = Callable[..., wadjet.Instance]


def test_pages_and_growth() -> None:
    memory = Memory(1, 3)
    assert (memory.pages, len(memory)) == (1, 65536)
    assert memory.grow(2) == 1
    assert (memory.pages, len(memory)) == (3, 3 * 65536)
    with pytest.raises(wadjet.Exhaustion, match="out of memory"):
        memory.grow(1)
    with pytest.raises(ValueError, match="shrink"):
        memory.grow(-1)
    assert memory.grow(0) == 3
    assert repr(memory) == "<wadjet.Memory 3 pages of 3>"


@pytest.mark.parametrize(
    ("arguments", "options"), [((-1,), {}), ((2, 1), {}), ((1,), {"shared": True})]
)
def test_nonsense_is_refused(arguments: tuple[int, ...], options: dict[str, bool]) -> None:
    with pytest.raises(ValueError, match="memory"):
        Memory(*arguments, **options)
    with pytest.raises(ValueError, match="bits"):
        Memory(1, bits=16)


def test_indexing() -> None:
    memory = Memory(1)
    memory[0:4] = b"\0asm"
    memory[-1] = 255
    assert memory[1] == ord("a")
    assert memory[65535] == 255
    assert memory[0:4] == b"\0asm"
    assert isinstance(memory[0:4], memoryview)
    with pytest.raises(IndexError):
        memory[65536]
    with pytest.raises(IndexError):
        memory[65536] = 0
    with pytest.raises(ValueError, match="different"):
        memory[0:4] = b"12345"
    with pytest.raises(ValueError):
        memory[0] = 256


def test_slices_are_no_copies() -> None:
    memory = Memory(1)
    part = memory[10:20]
    part[0] = 7
    assert memory[10] == 7


def test_read_and_write_check_their_bounds() -> None:
    memory = Memory(1)
    memory.write(65530, b"123456")
    assert memory.read(65530, 6) == b"123456"
    assert memory.read(65536, 0) == b""
    for offset, size in ((65531, 6), (-1, 2), (0, -1), (65537, 0)):
        with pytest.raises(IndexError):
            memory.read(offset, size)
    with pytest.raises(IndexError):
        memory.write(65531, b"123456")
    assert memory.read(65530, 6) == b"123456"


def test_the_buffer_protocol() -> None:
    memory = Memory(1)
    view = memoryview(memory)
    assert (view.nbytes, view.format, view.itemsize, view.readonly) == (65536, "B", 1, False)
    struct.pack_into("<I", memory, 8, 0xDEADBEEF)
    assert struct.unpack_from("<I", memory, 8) == (0xDEADBEEF,)
    assert bytes(memory) == bytes(view)
    assert hashlib.sha256(memory).digest() == hashlib.sha256(bytes(view)).digest()
    assert int.from_bytes(memory[8:12], "little") == 0xDEADBEEF
    assert bytearray(memory)[8] == 0xEF


def test_views_survive_growth_and_see_later_writes() -> None:
    memory = Memory(1, 4)
    early = memoryview(memory)
    memory.grow(3)
    memory[5] = 9
    assert early[5] == 9
    assert early.nbytes == 65536
    assert memoryview(memory).nbytes == 4 * 65536


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_a_buffer_keeps_the_bytes_and_nothing_else(clean: None) -> None:
    before = mappings()
    view = memoryview(Memory(1))
    view[3] = 1
    gc.collect()
    assert bytes(view[:5]) == b"\0\0\0\1\0"
    view.release()
    gc.collect()
    assert mappings() <= before


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_a_buffer_outlives_the_instance(make: Make, clean: None) -> None:
    instance = make('(memory (export "m") 1) (data (i32.const 0) "abc")')
    view = memoryview(instance.exports.m)[:3]
    del instance
    gc.collect()
    assert bytes(view) == b"abc"


def test_growth_by_the_guest_is_seen(make: Make) -> None:
    instance = make("""
        (memory (export "m") 1 5)
        (func (export "grow") (param i32) (result i32) (memory.grow (local.get 0)))
        (func (export "size") (result i32) (memory.size))
        (func (export "put") (param i32 i32) (i32.store8 (local.get 0) (local.get 1)))
    """)
    memory, exports = instance.exports.m, instance.exports
    early = memoryview(memory)
    assert exports.grow(2) == 1
    assert memory.pages == exports.size() == 3
    exports.put(3 * 65536 - 1, 77)
    assert memory[-1] == 77
    assert memoryview(memory)[-1] == 77
    exports.put(0, 5)
    assert early[0] == 5
    assert memory.grow(2) == 3
    assert exports.size() == 5
    exports.put(5 * 65536 - 1, 78)
    assert memory[-1] == 78
    assert exports.grow(1) == -1


def test_growing_while_the_guest_runs(make: Make) -> None:
    memory = Memory(1, 3)
    instance = make(
        """
        (import "e" "m" (memory 1)) (import "e" "grow" (func $grow))
        (func (export "go") (result i32)
          (call $grow) (i32.store8 (i32.const 131071) (i32.const 6))
          (i32.load8_u (i32.const 131071)))
        """,
        {"e": {"m": memory, "grow": lambda: memory.grow(1)}},
    )
    assert instance.exports.go() == 6
    assert memory[131071] == 6


def test_64_bit_memories(make: Make) -> None:
    instance = make("""
        (memory (export "m") i64 1)
        (func (export "put") (param i64 i32) (i32.store8 (local.get 0) (local.get 1)))
    """)
    instance.exports.put(65535, 4)
    assert instance.exports.m[65535] == 4
    with pytest.raises(wadjet.Trap, match="out of bounds memory access"):
        instance.exports.put(65536, 4)
    with pytest.raises(wadjet.Trap, match="out of bounds memory access"):
        instance.exports.put(-1, 4)


def test_one_handle_per_memory(make: Make) -> None:
    memory = Memory(1)
    text = '(import "e" "m" (memory 1)) (export "again" (memory 0))'
    instance = make(text, {"e": {"m": memory}})
    assert instance.exports.again is memory
