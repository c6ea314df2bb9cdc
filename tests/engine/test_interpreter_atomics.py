"""Atomic accesses, wait and notify in the interpreter."""

import threading
import time

import pytest

from tests.engine.interpreted import call, export, make, run
from wadjet.base.errors import Timeout, Trap
from wadjet.engine.runtime import waiters
from wadjet.engine.runtime.budget import Limits
from wadjet.engine.runtime.store import Store

SHARED = """(memory (export "m") 1 1 shared)
  (func (export "wait") (param i32 i32 i64) (result i32)
    (memory.atomic.wait32 (local.get 0) (local.get 1) (local.get 2)))
  (func (export "notify") (param i32 i32) (result i32)
    (memory.atomic.notify (local.get 0) (local.get 1)))
  (func (export "add") (param i32) (local i32) (local.set 1 (local.get 0))
    (loop $l (drop (i32.atomic.rmw.add (i32.const 8) (i32.const 1)))
      (br_if $l (local.tee 1 (i32.sub (local.get 1) (i32.const 1))))))"""


@pytest.mark.parametrize(
    ("op", "operand", "old", "new"),
    [
        ("i32.atomic.rmw.add", 0x11, 0x12345678, 0x12345689),
        ("i32.atomic.rmw8.add_u", 0x190, 0x78, 0x12345608),
        ("i32.atomic.rmw16.sub_u", 0x5679, 0x5678, 0x1234FFFF),
        ("i32.atomic.rmw8.xor_u", 0xFF, 0x78, 0x12345687),
        ("i32.atomic.rmw16.xchg_u", 0xABCDEF01, 0x5678, 0x1234EF01),
        ("i32.atomic.rmw.and", 0xFF00, 0x12345678, 0x5600),
        ("i32.atomic.rmw8.or_u", 0x07, 0x78, 0x1234567F),
    ],
)
def test_read_modify_write(op: str, operand: int, old: int, new: int) -> None:
    text = f"""(memory 1) (func (export "run") (param i32) (result i32 i32)
      (i32.store (i32.const 4) (i32.const 0x12345678))
      ({op} (i32.const 4) (local.get 0)) (i32.load (i32.const 4)))"""
    assert run(text, operand) == [old, new]


def test_narrow_compare_exchange_compares_only_what_is_in_memory() -> None:
    text = """(memory 1) (func (export "run") (param i32) (result i32 i32)
      (i32.store (i32.const 4) (i32.const 0x11111111))
      (i32.atomic.rmw8.cmpxchg_u (i32.const 4) (local.get 0) (i32.const 0xabcd))
      (i32.load (i32.const 4)))"""
    assert run(text, 0x11) == [0x11, 0x111111CD]
    assert run(text, 0x55555511) == [0x11, 0x111111CD]
    assert run(text, 0x12) == [0x11, 0x11111111]


@pytest.mark.parametrize("op", ["i32.atomic.load16_u", "i64.atomic.load32_u", "i64.atomic.load"])
def test_unaligned_accesses_trap(op: str) -> None:
    text = f'(memory 1) (func (export "run") (param i32) (drop ({op} (local.get 0))))'
    run(text, 8)
    with pytest.raises(Trap, match="unaligned atomic"):
        run(text, 1)
    with pytest.raises(Trap, match="out of bounds memory access"):
        run(text, 65536)


def test_waiting_on_a_memory_that_is_not_shared_traps() -> None:
    text = """(memory 1) (func (export "run") (result i32)
      (memory.atomic.wait32 (i32.const 0) (i32.const 0) (i64.const 0)))"""
    with pytest.raises(Trap, match="expected shared memory"):
        run(text)


def test_wait_tells_why_it_ended() -> None:
    instance = make(f"(module {SHARED})")
    assert call(instance, "wait", 0, 1, 0) == waiters.NOT_EQUAL
    assert call(instance, "wait", 0, 0, 1_000_000) == waiters.TIMED_OUT
    assert call(instance, "notify", 0, 5) == 0


def test_notify_wakes_as_many_as_asked() -> None:
    memory = export(make(f"(module {SHARED})"), "m")
    user = SHARED.replace('(memory (export "m") 1 1 shared)', '(import "" "m" (memory 1 1 shared))')
    results: list[int] = []

    def wait() -> None:
        guest = make(f"(module {user})", memory)
        results.append(call(guest, "wait", 16, 0, (1 << 64) - 1))

    threads = [threading.Thread(target=wait) for _ in range(3)]
    for thread in threads:
        thread.start()
    waker = make(f"(module {user})", memory)
    woken = 0
    deadline = time.monotonic() + 20
    while woken < 3 and time.monotonic() < deadline:
        now = call(waker, "notify", 16, 1)
        assert now <= 1
        woken += now
    for thread in threads:
        thread.join()
    assert (woken, results) == (3, [waiters.WOKEN] * 3)
    assert not waiters._waiting


def test_a_time_limit_ends_a_wait() -> None:
    instance = make(f"(module {SHARED})", store=Store(Limits(seconds=0.05)))
    with pytest.raises(Timeout):
        call(instance, "wait", 0, 0, (1 << 64) - 1)
    assert not waiters._waiting


def test_threads_do_not_lose_additions() -> None:
    memory = export(make(f"(module {SHARED})"), "m")
    user = SHARED.replace('(memory (export "m") 1 1 shared)', '(import "" "m" (memory 1 1 shared))')

    def add() -> None:
        call(make(f"(module {user})", memory), "add", 3000)

    threads = [threading.Thread(target=add) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert int.from_bytes(memory.view[8:12], "little") == 12_000
