"""Threads, instances, modules, processes and interpreters that come and go while guests run."""

import gc
import os
import threading
import time
import weakref
from pathlib import Path

import pytest

from tests.engine.processes import run, succeeds
from tests.engine.storm import storm
from wadjet import Instance, Limits, Module, Timeout, Trap, Unlinkable
from wadjet.engine.runtime.pages import let_go
from wadjet.engine.tiers.native import native_machine

GUEST = """
(module $guest
  (import "host" "call" (func $call (param i32) (result i32)))
  (memory 1)
  (func $loop (export "loop") (loop $again (br $again)))
  (func $nest (export "nest") (param i32) (result i32) (call $call (local.get 0)))
  (func $good (export "good") (param i32) (result i32)
    (i32.add (local.get 0) (i32.const 1)))
  (func $load (export "load") (param i32) (result i32) (i32.load (local.get 0))))
"""


def guest(call: object = int, **options: object) -> Instance:
    module = Module.from_text(GUEST)
    imports = {"host": {"call": call}}
    return Instance(module, imports, tier="optimizing", **options)  # type: ignore[arg-type]


# --- threads -------------------------------------------------------------------------------------


def test_a_thousand_threads_come_and_go() -> None:
    one, machine = guest(), native_machine()[0]
    results: list[int] = []

    def work() -> None:
        results.append(one.exports.nest(41))

    for _ in range(125):
        threads = [threading.Thread(target=work) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert results == [41] * 1000
    deadline = time.monotonic() + 10
    # those that are left: this one, perhaps others of the test run
    while len(machine.metronome._threads) > 4 and time.monotonic() < deadline:
        time.sleep(0.05)
    assert len(machine.metronome._threads) <= 4


def test_threads_that_threading_does_not_know() -> None:
    import _thread

    one, done = guest(), threading.Semaphore(0)
    results: list[int] = []

    def work() -> None:
        for _ in range(20):
            results.append(one.exports.nest(1))
            time.sleep(0.002)  # so that the metronome sees some of them inside
        done.release()

    for _ in range(20):
        _thread.start_new_thread(work, ())
    for _ in range(20):
        assert done.acquire(timeout=30)
    assert results == [1] * 400


def test_threads_that_end_between_two_beats() -> None:
    """Each has just been in a guest for long enough to be tapped."""
    one = guest(limits=Limits(seconds=0.012))

    def work() -> None:
        with pytest.raises(Timeout):
            one.exports.loop()

    for _ in range(50):
        thread = threading.Thread(target=work)
        thread.start()
        thread.join(30)
        assert not thread.is_alive()


def test_a_small_stack_is_enough() -> None:
    one, results = guest(), []
    before = threading.stack_size(256 << 10)
    try:
        thread = threading.Thread(target=lambda: results.append(one.exports.nest(5)))
        thread.start()
        thread.join(30)
    finally:
        threading.stack_size(before)
    assert results == [5]


# --- instances and modules -----------------------------------------------------------------------


def test_modules_and_instances_go_while_others_run() -> None:
    """Their code is freed, and its place taken by others, with threads in guests all the time."""
    steady = guest()

    def comes_and_goes() -> None:
        number = time.monotonic_ns() % 1000
        text = GUEST.replace("(i32.const 1)", f"(i32.const {number})")
        one = Instance(Module.from_text(text), {"host": {"call": int}}, tier="optimizing")
        assert one.exports.good(0) == number
        with pytest.raises(Trap) as caught:
            one.exports.load(-1)
        assert [frame.name for frame in caught.value.backtrace] == ["load"]

    def goes_on() -> None:
        assert steady.exports.nest(3) == 3
        with pytest.raises(Trap) as caught:
            steady.exports.load(-1)
        assert [frame.name for frame in caught.value.backtrace] == ["load"]

    storm(comes_and_goes, comes_and_goes, goes_on, rounds=40)


def test_everything_of_a_module_goes_when_nobody_has_it() -> None:
    machine = native_machine()[0]
    one = guest()
    one.exports.good(1)
    gone = [weakref.ref(one.runtime), weakref.ref(one.runtime.code), weakref.ref(one.store)]
    used = machine.arena.used()
    regions = len(machine._free_regions)
    del one
    gc.collect()
    assert [ref() for ref in gone] == [None] * 3
    let_go()
    assert sum(size for _, size in machine.arena.used()) < sum(size for _, size in used)
    assert len(machine._free_regions) > regions


def test_a_function_keeps_what_it_needs() -> None:
    function = guest().exports.nest
    gc.collect()
    assert function(7) == 7


def test_the_only_reference_goes_while_it_runs() -> None:
    def call(x: int) -> int:
        held.clear()
        gc.collect()
        return x

    held = [guest(call)]
    assert held[0].exports.nest(9) == 9


def test_code_is_freed_a_thousand_times() -> None:
    machine = native_machine()[0]

    def size() -> int:
        gc.collect()
        return sum(size for _, size in machine.arena.used())

    def use() -> None:
        fresh = Module.from_text('(func (export "f") (result i32) (i32.const 1))')
        assert Instance(fresh, tier="auto").exports.f() == 1

    use()
    before = size()
    for _ in range(1000):
        use()
    assert size() == before


# --- stores --------------------------------------------------------------------------------------


def test_stores_unite_while_threads_use_them() -> None:
    text = """(module (import "a" "good" (func $f (param i32) (result i32)))
      (func (export "g") (param i32) (result i32) (call $f (local.get 0))))"""
    module = Module.from_text(text)

    def unite(one: Instance, two: Instance) -> list[Instance]:
        first = Instance(module, {"a": {"good": one.exports.good}}, tier="optimizing")
        imports = {"a": {"good": two.exports.good}}
        return [first, Instance(module, imports, store=first.store, tier="optimizing")]

    def unite_at_last(one: Instance, two: Instance) -> None:
        for _ in range(1000):
            try:
                made = unite(one, two)
            except Unlinkable as error:  # one that is running cannot move
                message = str(error)
            else:
                assert all(instance.exports.g(1) == 2 for instance in made)
                return
            assert "running" in message

    for _ in range(20):
        one, two = guest(), guest()
        storm(
            lambda: unite_at_last(one, two),  # noqa: B023 - done before the next
            lambda: [one.exports.nest(5) for _ in range(500)],  # noqa: B023
            lambda: [two.exports.nest(5) for _ in range(500)],  # noqa: B023
            rounds=2,
        )


# --- processes -----------------------------------------------------------------------------------

FORK = """
def in_child(work):
    child = os.fork()
    if not child:
        try:
            work()
        except BaseException as error:
            print("child:", repr(error), flush=True)
            os._exit(1)
        os._exit(0)
    return os.waitpid(child, 0)[1]

def everything(instance):
    traps(instance)
    assert instance.exports.late(5) == 15  # compiled here
    seven = Module.from_text('(func (export "f") (result i32) (i32.const 7))')
    assert Instance(seven).exports.f() == 7
    try:
        guest(limits=Limits(seconds=0.05)).exports.loop()
    except Timeout:
        pass
    else:
        raise AssertionError("no end")
    threading.Timer(0.1, lambda: os.kill(os.getpid(), signal.SIGINT)).start()
    try:
        instance.exports.loop()
    except KeyboardInterrupt:
        pass
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
def test_a_child_has_all_that_the_parent_has() -> None:
    out = succeeds(
        FORK
        + """
one = guest()
traps(one)
assert in_child(lambda: everything(one)) == 0
# what the child compiled is not in the parent's way
assert one.exports.late(5) == 15
everything(one)
assert in_child(lambda: in_child(lambda: everything(one)) and os._exit(3)) == 0
print("done")
""",
        "-W", "ignore::DeprecationWarning",
    )  # fmt: skip
    assert out == "done\n"


def test_a_fork_inside_a_guest() -> None:
    out = succeeds(
        FORK
        + """
def call(x):
    child = os.fork()
    if child:
        os.waitpid(child, 0)
        return x
    return -x
one = guest(call)
result = one.exports.nest(5)
if result < 0:
    everything(one)
    print("child", result, flush=True)
    os._exit(0)
everything(one)
print("parent", result)
""",
        "-W", "ignore::DeprecationWarning",
    )  # fmt: skip
    assert out == "child -5\nparent 5\n"


def test_a_fork_while_other_threads_run_and_compile() -> None:
    out = succeeds(
        FORK
        + """
busy = guest()
threading.Thread(target=busy.exports.loop, daemon=True).start()
stop = False
def compiles():
    while not stop:
        traps(Instance(Module(GUEST.core), {"host": {"call": int}}))
everything(guest())  # all imported: Python itself cannot fork in the middle of an import
workers = [threading.Thread(target=compiles) for _ in range(2)]
for worker in workers:
    worker.start()
one = guest()
def work():
    everything(one)
    try:
        busy.exports.good(1)
    except Error as error:
        assert str(error) == "another thread was in this store when the process forked", error
    else:
        raise AssertionError("entered")
for _ in range(10):
    assert in_child(work) == 0
stop = True
for worker in workers:
    worker.join()
print("done", flush=True)
os._exit(0)
""",
        "-W", "ignore::DeprecationWarning",
    )  # fmt: skip
    assert out == "done\n"


def test_a_fork_with_an_optimizer_at_work() -> None:
    out = succeeds(
        FORK
        + """
one = Instance(Module.from_text('''(module
  (func $work (param i32) (result i32) (local i32)
    (loop $l (local.set 1 (i32.add (i32.mul (local.get 1) (i32.const 3)) (local.get 0)))
      (br_if $l (local.tee 0 (i32.sub (local.get 0) (i32.const 1)))))
    (local.get 1))
  (func (export "f") (param i32) (result i32) (call $work (local.get 0))))'''), tier="auto")
from wadjet.engine.tiers import auto
from wadjet.engine.tiers.background import background
code = one.runtime.code
expected = one.exports.f(1000)
for slot in range(2):
    background().submit(code, slot)
time.sleep(0.1)
def work():
    assert one.exports.f(1000) == expected
    background().submit(code, 0)
    deadline = time.monotonic() + 20
    while background()._worker is None and time.monotonic() < deadline:
        time.sleep(0.01)
    assert one.exports.f(1000) == expected
assert in_child(work) == 0
work()
print("done")
""",
        "-W", "ignore::DeprecationWarning",
    )  # fmt: skip
    assert out == "done\n"


# --- the end of the interpreter ------------------------------------------------------------------


@pytest.mark.parametrize("body", ["loop", "calls"])
def test_the_process_ends_while_daemons_are_in_guests(body: str) -> None:
    out = succeeds(f"""
faulthandler.enable()
ones = [guest() for _ in range(3)]
for one in ones:
    threading.Thread(target=one.exports.{body}, daemon=True).start()
time.sleep(0.2)
print("done", flush=True)
""")
    assert out == "done\n"


def test_the_process_ends_while_a_daemon_traps_again_and_again() -> None:
    out = succeeds("""
faulthandler.enable()
one = guest()
def again():
    while True:
        try:
            one.exports.load(-1)
        except Trap:
            pass
threads = [threading.Thread(target=again, daemon=True) for _ in range(3)]
for thread in threads:
    thread.start()
time.sleep(0.2)
print("done", flush=True)
""")
    assert out == "done\n"


def test_guests_run_while_the_interpreter_shuts_down() -> None:
    out = succeeds("""
import atexit
one = guest()
one.exports.good(1)
atexit.register(lambda: print("at exit", one.exports.good(1), flush=True))
class Last:
    def __init__(self, function):
        self.function = function
    def __del__(self):
        assert self.function(1) == 2
last = Last(one.exports.good)
""")
    assert out == "at exit 2\n"


def test_an_optimizer_at_work_does_not_hold_up_the_end() -> None:
    start = time.monotonic()
    out = succeeds("""
lines = "".join(f"(local.set 1 (i32.add (local.get 1) (i32.mul (local.get 0) (i32.const {k}))))"
    for k in range(3000))
one = Instance(Module.from_text(f'''(module (func (export "f") (param i32) (result i32) (local i32)
  {lines} (local.get 1)))'''), tier="auto")
from wadjet.engine.tiers.background import background
one.exports.f(1)
for _ in range(50):
    background().submit(one.runtime.code, 0)
deadline = time.monotonic() + 20
while background()._worker is None and time.monotonic() < deadline:
    time.sleep(0.01)
time.sleep(0.3)
print("done", flush=True)
""")
    assert out == "done\n"
    assert time.monotonic() - start < 20


# --- other interpreters --------------------------------------------------------------------------


def test_a_subinterpreter_is_refused_native_code() -> None:
    result = run("""
try:
    import _xxsubinterpreters as interpreters
except ImportError:
    import _interpreters as interpreters
traps(guest())
made = interpreters.create()
interpreters.run_string(made, '''
try:
    from wadjet import Instance, Module
    module = Module.from_text('(func (export "f") (result i32) (i32.const 4))')
    assert Instance(module).exports.f() == 4
    try:
        Instance(module, tier="optimizing")
    except Exception as error:
        print("refused:", error, flush=True)
except ImportError as error:
    print("refused:", error, flush=True)  # no ctypes here
''')
traps(guest())
""")
    assert result.returncode == 0, result
    assert result.stdout.startswith("refused: "), result


def test_an_optimizer_does_not_outlive_its_process() -> None:
    """A worker that optimises ends with the process that started it."""
    out = succeeds("""
one = Instance(Module.from_text('(func (export "f") (result i32) (i32.const 4))'), tier="auto")
from wadjet.engine.tiers.background import background
one.exports.f()
background().submit(one.runtime.code, 0)
deadline = time.monotonic() + 20
while background()._worker is None and time.monotonic() < deadline:
    time.sleep(0.01)
print(background()._worker._process.pid)
""")
    stat = Path(f"/proc/{int(out)}/stat")
    deadline = time.monotonic() + 20
    while stat.exists() and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not stat.exists()
