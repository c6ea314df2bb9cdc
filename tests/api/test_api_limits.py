"""`Limits` and threads: what guests may use, and that they do not stand in each other's way."""

import threading
import time
from collections.abc import Callable

import pytest

import wadjet
from wadjet import Limits

Make = Callable[..., wadjet.Instance]
FOREVER = '(func (export "loop") (loop br 0)) (func (export "quick"))'


def test_time(make: Make) -> None:
    exports = make(FOREVER, limits=Limits(seconds=0.1)).exports
    for _ in range(2):
        start = time.monotonic()
        with pytest.raises(wadjet.Timeout, match="time limit"):
            exports.loop()
        assert 0.05 < time.monotonic() - start < 5
        exports.quick()
    assert issubclass(wadjet.Timeout, TimeoutError)


def test_memory(make: Make) -> None:
    exports = make(
        '(memory (export "m") 1) (func (export "grow") (result i32) (memory.grow (i32.const 1)))',
        limits=Limits(memory=2 << 16),
    ).exports
    assert [exports.grow(), exports.grow()] == [1, -1]
    with pytest.raises(wadjet.Exhaustion):
        exports.m.grow(1)
    with pytest.raises(wadjet.Exhaustion, match="out of memory"):
        make("(memory 3)", limits=Limits(memory=2 << 16))


def test_stack(make: Make) -> None:
    exports = make('(func $f (export "f") (call $f)) (func (export "quick"))').exports
    for _ in range(3):
        with pytest.raises(wadjet.Exhaustion, match="call stack exhausted"):
            exports.f()
        exports.quick()


def test_fuel() -> None:
    module = wadjet.Module(FOREVER)
    exports = wadjet.Instance(module, limits=Limits(fuel=10_000)).exports
    exports.quick()
    with pytest.raises(wadjet.Exhaustion, match="fuel"):
        exports.loop()
    with pytest.raises(wadjet.Error, match="fuel"):
        wadjet.Instance(module, limits=Limits(fuel=1), tier="optimizing")


def test_a_store_and_limits_exclude_each_other(make: Make) -> None:
    with pytest.raises(ValueError, match="store"):
        make("(module)", store=wadjet.Store(), limits=Limits())


def test_two_threads_in_one_store_take_turns(make: Make) -> None:
    inside = threading.Lock()

    def enter() -> None:
        assert inside.acquire(blocking=False), "two threads at once"
        time.sleep(0.001)
        inside.release()

    exports = make(
        '(import "e" "f" (func)) (func (export "go") (call 0))', {"e": {"f": enter}}
    ).exports
    errors: list[BaseException] = []

    def work() -> None:
        try:
            for _ in range(20):
                exports.go()
        except BaseException as error:  # noqa: BLE001  # it is reported by the main thread
            errors.append(error)

    threads = [threading.Thread(target=work) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert not errors


def test_two_threads_run_two_instances(make: Make) -> None:
    barrier = threading.Barrier(2, timeout=20)
    text = '(import "e" "f" (func)) (func (export "go") (call 0))'
    # each waits inside its guest for the other: alone, neither would come out
    instances = [make(text, {"e": {"f": barrier.wait}}) for _ in range(2)]
    threads = [threading.Thread(target=each.exports.go) for each in instances]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert not any(thread.is_alive() for thread in threads)
    assert not barrier.broken
