"""Atomic accesses as machine code: against the interpreter, and between threads."""

import random
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import pytest

from wadjet.base.errors import Timeout, Trap
from wadjet.core.features import ALL
from wadjet.core.opcodes import ROWS, Row
from wadjet.core.text import parse
from wadjet.core.validate import validate
from wadjet.engine.runtime import waiters
from wadjet.engine.runtime.budget import Limits
from wadjet.engine.runtime.instance import Instance
from wadjet.engine.runtime.instantiate import instantiate
from wadjet.engine.runtime.memory import Memory
from wadjet.engine.runtime.store import Store
from wadjet.engine.tiers import compile_module

FEATURES = ALL - {"relaxed-dead-code"}
ACCESSES = [r for r in ROWS if r.feature == "threads" and r.mnemonic[0] == "i"]
FOREVER = (1 << 64) - 1
#: what threads share, by turns as its own and as an import
OWN = '(memory (export "m") 1 1 shared)'
IMPORTED = '(import "" "m" (memory 1 1 shared))'
FUNCTIONS = """
  (func (export "wait") (param i32 i32 i64) (result i32)
    (memory.atomic.wait32 (local.get 0) (local.get 1) (local.get 2)))
  (func (export "wait64") (param i32 i64 i64) (result i32)
    (memory.atomic.wait64 offset=8 (local.get 0) (local.get 1) (local.get 2)))
  (func (export "notify") (param i32 i32) (result i32)
    (memory.atomic.notify (local.get 0) (local.get 1)))
  (func (export "add") (param i32) (local i32) (local.set 1 (local.get 0))
    (loop $l (drop (i32.atomic.rmw.add (i32.const 8) (i32.const 1)))
      (br_if $l (local.tee 1 (i32.sub (local.get 1) (i32.const 1))))))
  (func (export "turns") (param $mine i32) (param $count i32)
    (loop $turn
      (loop $until (br_if $until
        (i32.ne (i32.and (i32.atomic.load (i32.const 0)) (i32.const 1)) (local.get $mine))))
      (drop (i32.atomic.rmw.add (i32.const 0) (i32.const 1)))
      (br_if $turn (local.tee $count (i32.sub (local.get $count) (i32.const 1))))))
"""


def make(fields: str, tier: str, *imports: object, store: Store | None = None) -> Instance:
    valid = validate(parse(f"(module {fields})", FEATURES), FEATURES)
    return instantiate(store or Store(), compile_module(valid, tier), imports)


def call(instance: Instance, name: str, *args: int) -> Any:
    found = {e.name: e.index for e in instance.module.exports if e.kind == "func"}[name]
    results = instance.func(found).call_raw(args)
    return results[0] if len(results) == 1 else results


def outcome(instance: Instance, name: str, *args: int) -> object:
    """The result, or the words of the trap."""
    try:
        return call(instance, name, *args)
    except Trap as trap:
        return trap.message


# --- accesses ------------------------------------------------------------------------------------


def function(r: Row, offset: int) -> str:
    params = r.params
    assert params is not None
    assert r.results is not None
    words = " ".join(str(t) if t else "at" for t in params)
    gets = " ".join(f"(local.get {k})" for k in range(len(params)))
    results = f"(result {r.results[0]})" if r.results else ""
    head = f'(func (export "{r.mnemonic} {offset}") (param {words}) {results}'
    return f"{head} ({r.mnemonic} offset={offset} {gets}))"


@pytest.mark.parametrize("page", ["", "(pagesize 1)"])
@pytest.mark.parametrize("bits", [32, 64])
def test_accesses_agree_with_the_interpreter(bits: int, page: str) -> None:
    offsets = (0, 4, 9)
    size = "1 2" if not page else "4000 8000"
    functions = " ".join(function(r, offset) for r in ACCESSES for offset in offsets)
    text = f"(memory i{bits} {size} {page}) {functions}".replace(" at", f" i{bits}")
    ours, theirs = make(text, "optimizing"), make(text, "interpreter")
    rng = random.Random(bits)
    end = len(ours.memories[0].view)
    places = [0, 8, 16, 17, 3, end - 16, end - 9, end - 8, end - 4, end - 1, end, end + 8, -8, -1]
    for r in ACCESSES:
        assert r.params is not None
        width = 64 if r.mnemonic.startswith("i64") else 32
        for offset in offsets:
            for place in places:
                some = rng.getrandbits(width) >> rng.choice([0, width - 9])
                operands = [some] * (len(r.params) - 1)
                if rng.random() < 0.5 and place + offset in range(end - 8):
                    bytes_ = ours.memories[0].view[place + offset :][: r.natural]
                    operands[:1] = [int.from_bytes(bytes_, "little")] * bool(operands)
                args = [place & (1 << bits) - 1, *operands]
                name = f"{r.mnemonic} {offset}"
                got, want = outcome(ours, name, *args), outcome(theirs, name, *args)
                assert got == want, (name, args)
    assert ours.memories[0].view == theirs.memories[0].view


def test_alignment_comes_before_bounds() -> None:
    text = '(memory 1) (func (export "f") (param i32) (drop (i64.atomic.load (local.get 0))))'
    instance = make(text, "optimizing")
    for place, words in ((65537, "unaligned atomic"), (65536, "out of bounds memory access")):
        with pytest.raises(Trap, match=words):
            call(instance, "f", place)


def test_a_fence_is_code() -> None:
    text = '(func (export "f") (result i32) (atomic.fence) (i32.const 7))'
    assert call(make(text, "optimizing"), "f") == 7


# --- threads -------------------------------------------------------------------------------------


@contextmanager
def threads(count: int) -> Iterator[Callable[..., Any]]:
    """Run things in threads; their results, or whatever they raise, at the end."""
    with ThreadPoolExecutor(count) as pool:
        futures: list[Any] = []
        yield lambda f, *args: futures.append(pool.submit(f, *args))
        for future in futures:
            future.result(60)


def guest(memory: Memory, tier: str = "optimizing", seconds: float = 60) -> Instance:
    """An instance in a store of its own that uses this memory."""
    return make(IMPORTED + FUNCTIONS, tier, memory, store=Store(Limits(seconds=seconds)))


@pytest.fixture
def memory() -> Memory:
    return make(OWN + FUNCTIONS, "optimizing").memories[0]


def test_threads_take_turns_in_one_memory(memory: Memory) -> None:
    """Each spins until the other has written: neither could wait for the other to return."""
    with threads(2) as start:
        start(call, guest(memory), "turns", 0, 200)
        start(call, guest(memory), "turns", 1, 200)
    assert int.from_bytes(memory.view[:4], "little") == 400


def test_additions_are_not_lost(memory: Memory) -> None:
    with threads(3) as start:
        for _ in range(3):
            start(call, guest(memory), "add", 200_000)
    assert int.from_bytes(memory.view[8:12], "little") == 600_000


@pytest.mark.parametrize("tier", ["optimizing", "interpreter"])
def test_wait_until_notified_across_stores_and_tiers(memory: Memory, tier: str) -> None:
    results: list[int] = []
    waker = guest(memory)
    with threads(3) as start:
        for _ in range(3):
            start(lambda: results.append(call(guest(memory, tier), "wait", 16, 0, FOREVER)))
        woken, deadline = 0, time.monotonic() + 60
        while woken < 3 and time.monotonic() < deadline:
            now = call(waker, "notify", 16, 1)
            assert now <= 1
            woken += now
    assert results == [waiters.WOKEN] * 3
    assert not waiters._waiting


def test_wait_tells_why_it_ended(memory: Memory) -> None:
    instance = guest(memory)
    assert call(instance, "wait", 0, 1, 0) == waiters.NOT_EQUAL
    assert call(instance, "wait", 0, 0, 1_000_000) == waiters.TIMED_OUT
    assert call(instance, "wait64", 0, 1 << 63, 0) == waiters.NOT_EQUAL
    memory.view[8:16] = (1 << 63).to_bytes(8, "little")
    assert call(instance, "wait64", 0, 1 << 63, 0) == waiters.TIMED_OUT
    assert call(instance, "notify", 0, 5) == 0


def test_wait_wants_an_aligned_place_in_a_shared_memory(memory: Memory) -> None:
    shared, own = guest(memory), make(f"(memory 1) {FUNCTIONS}", "optimizing")
    for instance, place, words in (
        (shared, 2, "unaligned atomic"),
        (shared, 65536, "out of bounds memory access"),
        (own, 0, "expected shared memory"),
    ):
        with pytest.raises(Trap, match=words):
            call(instance, "wait", place, 0, 0)
    assert call(own, "notify", 0, 1) == 0
    with pytest.raises(Trap, match="out of bounds memory access"):
        call(own, "notify", 65536, 1)


def test_a_time_limit_ends_a_wait(memory: Memory) -> None:
    instance = guest(memory, seconds=0.1)
    with pytest.raises(Timeout, match="time limit reached"):
        call(instance, "wait", 0, 0, FOREVER)
    assert not waiters._waiting
    assert call(instance, "wait", 0, 1, 0) == waiters.NOT_EQUAL


def test_an_interrupt_ends_a_wait(memory: Memory) -> None:
    """Ctrl-C in the main thread."""
    import _thread

    assert threading.current_thread() is threading.main_thread()
    timer = threading.Timer(0.2, _thread.interrupt_main)
    timer.start()
    with pytest.raises(KeyboardInterrupt):
        call(guest(memory), "wait", 0, 0, FOREVER)
    timer.join()
    assert not waiters._waiting
