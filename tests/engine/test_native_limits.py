"""What a guest may use, and who may interrupt it: memory, time, Ctrl-C."""

import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from types import FrameType

import pytest

from tests.engine.storm import storm
from wadjet import Exhaustion, Instance, Limits, Module, Store, Timeout
from wadjet.engine.runtime import metronome

GUEST = """
(module $guest
  (import "host" "call" (func $call (param i32) (result i32)))
  (memory 1)
  (func $loop (export "loop") (loop $again (br $again)))
  (func $forever (export "forever") (param i32)
    (loop $again (local.set 0 (i32.add (local.get 0) (i32.const 1))) (br $again)))
  (func $calls (export "calls")
    (loop $again (drop (call $call (i32.const 0))) (br $again)))
  (func $nest (export "nest") (param i32) (result i32)
    (call $call (local.get 0)))
  (func $good (export "good") (param i32) (result i32)
    (i32.add (local.get 0) (i32.const 1)))
  (func $grow (export "grow") (param i32) (result i32) (memory.grow (local.get 0)))
)
"""


@pytest.fixture(scope="module")
def module() -> Module:
    """All compiled: while a function is, it is in no backtrace yet."""
    made = Module.from_text(GUEST)
    exports = guest(made, limits=Limits(seconds=0.2)).exports
    for endless in (exports.loop, exports.calls, lambda: exports.forever(0)):
        with pytest.raises(Timeout):
            endless()
    exports.nest(1)
    return made


@pytest.fixture
def _brisk(monkeypatch: pytest.MonkeyPatch) -> None:
    """A metronome that beats quickly, so that a thousand interruptions do not take long."""
    monkeypatch.setattr(metronome, "_PERIOD", 0.001)
    monkeypatch.setattr(metronome, "_IDLE", 0.002)


def guest(module: Module, call: Callable[[int], int] = int, **options: object) -> Instance:
    imports = {"host": {"call": call}}
    return Instance(module, imports, tier="optimizing", **options)  # type: ignore[arg-type]


# --- memory --------------------------------------------------------------------------------------


def test_growing_past_the_limit_gives_minus_one(module: Module) -> None:
    def fills(instance: Instance) -> None:
        assert instance.exports.grow(16) == -1
        assert instance.exports.grow(0) == 1
        assert instance.exports.good(1) == 2

    one, other = (guest(module, limits=Limits(memory=1 << 20)) for _ in range(2))
    storm(lambda: fills(one), lambda: fills(other))
    assert one.exports.grow(15) == 1
    assert one.exports.grow(1) == -1


def test_creating_past_the_limit_is_exhaustion(module: Module) -> None:
    def fails(store: Store) -> None:
        with pytest.raises(Exhaustion, match="out of memory"):
            guest(module, store=store)

    stores = [Store(Limits(memory=60_000)) for _ in range(2)]
    storm(*(lambda s=s: fails(s) for s in stores))  # type: ignore[misc]
    assert [store.budget.used for store in stores] == [0, 0]


def test_too_many_memories_are_exhaustion(monkeypatch: pytest.MonkeyPatch, module: Module) -> None:
    from wadjet.engine.runtime import machine
    from wadjet.engine.tiers.native import native_machine

    count = native_machine()[0]._region_count
    monkeypatch.setattr(machine, "_MOST_REGIONS", count + 3)
    kept: list[Instance] = []

    def fill() -> None:
        for _ in range(count + 4):
            kept.append(guest(module))

    with pytest.raises(Exhaustion, match="out of memory"):
        fill()
    assert kept.pop().exports.good(1) == 2
    kept.append(guest(module))


# --- time ----------------------------------------------------------------------------------------


def runs_out(work: Callable[[], object], *names: str) -> None:
    start = time.monotonic()
    with pytest.raises(Timeout) as caught:
        work()
    assert caught.value.message == "time limit reached"
    assert [frame.name for frame in caught.value.backtrace] == list(names)
    assert time.monotonic() - start < 10


@pytest.mark.usefixtures("_brisk")
def test_a_loop_ends_when_its_time_is_over(module: Module) -> None:
    def ends(instance: Instance) -> None:
        runs_out(instance.exports.loop, "loop")
        runs_out(instance.exports.calls, "calls")
        assert instance.exports.good(1) == 2

    one, other = (guest(module, limits=Limits(seconds=0.001)) for _ in range(2))
    storm(lambda: ends(one), lambda: ends(other))


@pytest.mark.usefixtures("_brisk")
def test_a_store_for_two_threads_ends_each_in_its_own_time(module: Module) -> None:
    def ends(instance: Instance) -> None:
        runs_out(instance.exports.loop, "loop")
        assert instance.exports.good(1) == 2

    one = guest(module, limits=Limits(seconds=0.002))
    storm(lambda: ends(one), lambda: ends(one), rounds=100)


@pytest.mark.usefixtures("_brisk")
def test_the_outer_run_ends_though_python_swallows_the_end_of_the_inner(module: Module) -> None:
    def make() -> Instance:
        def call(_: int) -> int:
            with pytest.raises(Timeout):
                made.exports.loop()
            return 7

        made = guest(module, call, limits=Limits(seconds=0.001))
        return made

    def ends(instance: Instance) -> None:
        runs_out(lambda: instance.exports.nest(1), "nest")
        assert instance.exports.good(1) == 2

    one, other = make(), make()
    storm(lambda: ends(one), lambda: ends(other), rounds=300)


@pytest.mark.usefixtures("_brisk")
def test_the_limit_of_an_outer_store_ends_what_it_called(module: Module) -> None:
    """… and what the inner store's own outer runs do goes on."""
    inner = guest(module)
    ended = []

    def middle(x: int) -> int:
        with pytest.raises(Timeout) as caught:
            limited.exports.nest(x)
        ended.append([frame.name for frame in caught.value.backtrace])
        return 5

    def innermost(_: int) -> int:
        inner.exports.loop()
        return 0

    limited = guest(module, innermost, limits=Limits(seconds=0.001))
    outer = guest(module, middle, store=inner.store)
    for _ in range(30):
        assert outer.exports.nest(1) == 5
    assert ended == [["loop"]] * 30


@pytest.mark.usefixtures("_brisk")
def test_the_limit_of_an_inner_store_counts_from_its_own_entry(module: Module) -> None:
    inner = guest(module, limits=Limits(seconds=0.3))

    def call(x: int) -> int:
        time.sleep(0.02)
        result: int = inner.exports.good(x)
        return result

    outer = guest(module, call)
    start = time.monotonic()

    def enough(_: int) -> int:
        call(0)
        if time.monotonic() - start > 0.6:
            raise KeyError("enough")
        return 0

    with pytest.raises(KeyError):
        guest(module, enough, store=outer.store).exports.calls()


def test_a_guest_that_is_quick_is_not_stopped(module: Module) -> None:
    one = guest(module, limits=Limits(seconds=0.05))
    start = time.monotonic()
    while time.monotonic() - start < 0.3:
        assert one.exports.good(1) == 2


# --- Ctrl-C --------------------------------------------------------------------------------------


class Presser:
    """Presses Ctrl-C again and again, each time somebody is ready for it."""

    def __init__(self) -> None:
        self.ready = threading.Event()
        self.over = False
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.thread.start()

    def during(self, work: Callable[[], object]) -> object:
        """Press it while this runs."""
        self.ready.set()
        return work()

    def _run(self) -> None:
        while True:
            self.ready.wait()
            self.ready.clear()
            if self.over:
                return
            time.sleep(0.0002)
            os.kill(os.getpid(), signal.SIGINT)

    def close(self) -> None:
        self.over = True
        self.ready.set()
        self.thread.join()


@pytest.fixture
def presser() -> Iterator[Presser]:
    made = Presser()
    yield made
    made.close()


@pytest.mark.usefixtures("_brisk")
def test_ctrl_c_in_a_loop(module: Module, presser: Presser) -> None:
    one, other = guest(module), guest(module, limits=Limits(seconds=0.001))

    def pressed() -> None:
        with pytest.raises(KeyboardInterrupt):
            presser.during(one.exports.loop)
        assert one.exports.good(1) == 2

    def beside() -> None:
        runs_out(other.exports.loop, "loop")

    storm(pressed, beside)


@pytest.mark.usefixtures("_brisk")
def test_ctrl_c_in_a_host_function(module: Module, presser: Presser) -> None:
    def call(_: int) -> int:
        time.sleep(10)
        return 0

    one = guest(module, call)
    for _ in range(200):
        with pytest.raises(KeyboardInterrupt):
            presser.during(one.exports.calls)
        assert one.exports.good(1) == 2


@pytest.mark.usefixtures("_brisk")
def test_ctrl_c_in_nested_guests(module: Module, presser: Presser) -> None:
    swallowed = []

    def call(x: int) -> int:
        try:
            presser.during(one.exports.loop)
        except KeyboardInterrupt:
            if x:
                raise
            swallowed.append(x)
        return 3

    one = guest(module, call)
    for _ in range(200):
        with pytest.raises(KeyboardInterrupt):
            one.exports.nest(1)
        assert one.exports.nest(0) == 3
    assert len(swallowed) == 200


@pytest.mark.usefixtures("_brisk")
def test_a_handler_that_does_not_raise_lets_the_guest_go_on(
    module: Module, presser: Presser
) -> None:
    seen: list[int] = []
    one = guest(module, limits=Limits(seconds=0.1))
    refused: list[str] = []
    other = guest(module)

    def handler(number: int, _frame: FrameType | None) -> None:
        seen.append(number)
        assert other.exports.good(1) == 2
        try:
            one.exports.good(1)
        except Exception as error:  # noqa: BLE001 - looked at below
            refused.append(str(error))

    before = signal.signal(signal.SIGINT, handler)
    try:
        for _ in range(20):
            presser.during(lambda: runs_out(one.exports.loop, "loop"))
    finally:
        signal.signal(signal.SIGINT, before)
    assert len(seen) == 20
    assert set(refused) == {"a signal handler cannot call into the store that it has interrupted"}
    assert one.exports.good(1) == 2
