"""wasi-threads: the proposal's own tests, and what a program's threads can do to one another."""

import json
import os
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import wadjet
from tests.corpora import corpora, workloads
from wadjet.wasi.threads import MAX_THREADS

TIERS = ("interpreter", "optimizing")
#: what every program here begins with
HEAD = """
  (import "wasi" "thread-spawn" (func $spawn (param i32) (result i32)))
  (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
  (import "env" "memory" (memory 1 1 shared))
  (export "memory" (memory 0))
"""
#: hold until the word at an address has reached a value
AWAIT = """
  (func $await (param $at i32) (param $value i32)
    (loop $again
      (br_if $again
        (i32.lt_u (i32.atomic.load (local.get $at)) (local.get $value)))))
  (func $count (param $at i32)
    (drop (i32.atomic.rmw.add (local.get $at) (i32.const 1))))
"""


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """`program` is each program of the proposal's suite."""
    if "program" in metafunc.fixturenames:
        try:
            found = sorted(corpora("wasi-threads").glob("*.wat"))
        except pytest.skip.Exception as absent:
            metafunc.parametrize(
                "program", [pytest.param(None, marks=pytest.mark.skip(reason=str(absent)))]
            )
        else:
            metafunc.parametrize("program", found, ids=[p.stem for p in found])


@pytest.fixture
def silence() -> Iterator[int]:
    """The reading end of a pipe that nobody writes to."""
    reading, writing = os.pipe()
    yield reading
    os.close(reading)
    os.close(writing)


@pytest.fixture(autouse=True)
def nobody_left() -> Iterator[None]:
    """Threads of a guest end with it."""
    yield
    deadline = time.monotonic() + 10  # the last of them may be about to leave
    while (names := _guests()) and time.monotonic() < deadline:
        time.sleep(0.01)
    assert names == []


def _guests() -> list[str]:
    return [t.name for t in threading.enumerate() if t.name.startswith("guest-")]


@pytest.mark.suite("wasi-threads")
@pytest.mark.parametrize("tier", TIERS)
def test_program(program: Path, tier: str, silence: int) -> None:
    specification = program.with_suffix(".json")
    wanted = json.loads(specification.read_text()) if specification.exists() else {}
    result = wadjet.run(
        wadjet.Module.from_file(program),
        stdin=silence,
        tier=tier,
        limits=wadjet.Limits(seconds=60),
    )
    assert result.returncode == wanted.get("exit_code", 0)


def test_the_suite_is_whole() -> None:
    assert len(list(corpora("wasi-threads").glob("*.wat"))) == 14


@pytest.mark.parametrize("tier", TIERS)
def test_a_compiled_program(tier: str) -> None:
    """Four threads count to a hundred thousand each, atomically."""
    program = workloads() / "features" / "wthr.wasm"
    assert wadjet.run(program, tier=tier).stdout == b"400000\n"


def _run(text: str, tier: str, **options: Any) -> wadjet.Result:
    options = {"limits": wadjet.Limits(seconds=60)} | options
    return wadjet.run(
        wadjet.Module.from_text(f"(module {HEAD} {AWAIT} {text})"), tier=tier, **options
    )


@pytest.mark.parametrize("tier", TIERS)
def test_threads_run_at_the_same_time(tier: str) -> None:
    """Both wait for the other, without any call that could let it run."""
    program = """
      (func (export "wasi_thread_start") (param i32 i32)
        (call $count (i32.const 0))
        (call $await (i32.const 4) (i32.const 1)))
      (func (export "_start")
        (drop (call $spawn (i32.const 0)))
        (call $await (i32.const 0) (i32.const 1))
        (call $count (i32.const 4))
        (call $exit (i32.const 7)))"""
    assert _run(program, tier).returncode == 7


@pytest.mark.parametrize("tier", TIERS)
def test_threads_start_threads(tier: str) -> None:
    """Each of three generations starts two; everybody's argument is its depth."""
    program = """
      (func (export "wasi_thread_start") (param $tid i32) (param $depth i32)
        (if (i32.or (i32.lt_s (local.get $tid) (i32.const 1))
                    (i32.ge_s (local.get $tid) (i32.const 0x20000000)))
          (then unreachable))
        (if (local.get $depth) (then
          (drop (call $spawn (i32.sub (local.get $depth) (i32.const 1))))
          (drop (call $spawn (i32.sub (local.get $depth) (i32.const 1))))))
        (call $count (i32.const 0)))
      (func (export "_start")
        (drop (call $spawn (i32.const 3)))
        (call $await (i32.const 0) (i32.const 15)))"""
    assert _run(program, tier).returncode == 0


@pytest.mark.parametrize("tier", TIERS)
@pytest.mark.parametrize("spinning", [True, False], ids=["spinning", "waiting"])
def test_a_trap_ends_the_program(tier: str, *, spinning: bool) -> None:
    stay = "(loop (br 0))" if spinning else _WAIT
    program = f"""
      (func (export "wasi_thread_start") (param i32 i32)
        (if (local.get 1) (then (call $await (i32.const 0) (i32.const 1)) unreachable))
        {stay})
      (func (export "_start")
        (drop (call $spawn (i32.const 0)))
        (drop (call $spawn (i32.const 1)))
        (call $count (i32.const 0))
        {stay})"""
    with pytest.raises(wadjet.Trap, match="unreachable"):
        _run(program, tier)


_WAIT = """
  (drop (memory.atomic.wait32 (i32.const 64) (i32.const 0) (i64.const -1)))
"""


@pytest.mark.parametrize("tier", TIERS)
def test_a_thread_that_returns_ends_alone(tier: str) -> None:
    program = """
      (func (export "wasi_thread_start") (param i32 i32) (call $count (i32.const 0)))
      (func (export "_start")
        (drop (call $spawn (i32.const 0)))
        (call $await (i32.const 0) (i32.const 1))
        (drop (memory.atomic.wait32 (i32.const 64) (i32.const 0) (i64.const 30_000_000)))
        (call $exit (i32.const 5)))"""
    assert _run(program, tier).returncode == 5


@pytest.mark.parametrize("tier", TIERS)
def test_time_is_up_for_all(tier: str) -> None:
    program = """
      (func (export "wasi_thread_start") (param i32 i32) (loop (br 0)))
      (func (export "_start") (drop (call $spawn (i32.const 0))) (loop (br 0)))"""
    with pytest.raises(wadjet.Timeout):
        _run(program, tier, limits=wadjet.Limits(seconds=0.2))


@pytest.mark.parametrize("tier", TIERS)
def test_a_failure_of_the_host_ends_the_program(tier: str) -> None:
    def fail() -> None:
        raise ZeroDivisionError

    program = """
      (import "env" "fail" (func $fail))
      (import "wasi" "thread-spawn" (func $spawn (param i32) (result i32)))
      (import "env" "memory" (memory 1 1 shared))
      (export "memory" (memory 0))
      (func (export "wasi_thread_start") (param i32 i32) (call $fail))
      (func (export "_start") (drop (call $spawn (i32.const 0))) (loop (br 0)))"""
    module = wadjet.Module.from_text(f"(module {program})")
    from wadjet.wasi import Wasi
    from wadjet.wasi.run import Program

    with (
        Program(module, Wasi(stdin=None), tier=tier, imports={"env": {"fail": fail}}) as running,
        pytest.raises(ZeroDivisionError),
    ):
        running.start()


def test_where_threads_cannot_start_there_are_none() -> None:
    """Without a function to start in, and where fuel is counted."""
    program = """
      (func (export "_start")
        (call $exit (i32.lt_s (call $spawn (i32.const 0)) (i32.const 0))))"""
    assert _run(program, "interpreter").returncode == 1
    started = '(func (export "wasi_thread_start") (param i32 i32))'
    assert _run(program + started, "interpreter").returncode == 0
    metered = wadjet.Limits(fuel=10**6)
    assert _run(program + started, "interpreter", limits=metered).returncode == 1
    unlike = '(func (export "wasi_thread_start") (param i32 i64))'
    assert _run(program + unlike, "interpreter").returncode == 1


def test_there_are_so_many_threads_and_no_more() -> None:
    program = f"""
      (func (export "wasi_thread_start") (param i32 i32) {_WAIT})
      (func (export "_start") (local $n i32)
        (loop $more
          (if (i32.gt_s (call $spawn (i32.const 0)) (i32.const 0)) (then
            (local.set $n (i32.add (local.get $n) (i32.const 1)))
            (br $more))))
        (call $exit (local.get $n)))"""
    assert _run(program, "optimizing").returncode == MAX_THREADS


@pytest.mark.parametrize("tier", TIERS)
def test_threads_of_a_library_live_between_calls(tier: str) -> None:
    from wadjet.wasi import Wasi
    from wadjet.wasi.run import Program

    text = f"""(module {HEAD} {AWAIT}
      (func (export "wasi_thread_start") (param i32 i32)
        (loop $on (call $count (i32.const 0)) (br $on)))
      (func (export "begin") (result i32) (call $spawn (i32.const 0)))
      (func (export "more") (call $await (i32.const 0)
        (i32.add (i32.const 1) (i32.atomic.load (i32.const 0))))))"""
    with Program(wadjet.Module.from_text(text), Wasi(stdin=None), tier=tier) as program:
        assert program.invoke("begin") == 1
        program.invoke("more")
        program.invoke("more")
        assert any(t.name == "guest-1" for t in threading.enumerate())


@pytest.mark.parametrize("tier", TIERS)
def test_a_store_can_be_asked_to_stop(tier: str) -> None:
    store = wadjet.Store()
    module = wadjet.Module.from_text('(module (func (export "spin") (loop (br 0))))')
    instance = wadjet.Instance(module, store=store, tier=tier)
    asked = threading.Timer(0.1, store.interrupt)
    asked.start()
    with pytest.raises(wadjet.Interrupted):
        instance.exports.spin()
    asked.join()


@pytest.mark.parametrize("tier", TIERS)
def test_calls_of_several_threads_take_turns(tier: str) -> None:
    """Each thread opens and closes files, as fast as it can, until all have done so often."""
    program = """
      (import "wasi_snapshot_preview1" "path_open"
        (func $open (param i32 i32 i32 i32 i32 i64 i64 i32 i32) (result i32)))
      (import "wasi_snapshot_preview1" "fd_close" (func $close (param i32) (result i32)))
      (import "wasi" "thread-spawn" (func $spawn (param i32) (result i32)))
      (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
      (import "env" "memory" (memory 1 1 shared))
      (export "memory" (memory 0))
      (data (i32.const 100) "file")
      (func $work (param $at i32) (local $n i32)
        (loop $again
          (if (call $open (i32.const 3) (i32.const 0) (i32.const 100) (i32.const 4) (i32.const 0)
                (i64.const 2) (i64.const 0) (i32.const 0) (local.get $at))
            (then unreachable))
          (if (call $close (i32.load (local.get $at))) (then unreachable))
          (local.set $n (i32.add (local.get $n) (i32.const 1)))
          (br_if $again (i32.lt_u (local.get $n) (i32.const 200))))
        (drop (i32.atomic.rmw.add (i32.const 0) (i32.const 1))))
      (func (export "wasi_thread_start") (param i32 i32)
        (call $work (i32.mul (local.get 0) (i32.const 8))))
      (func (export "_start")
        (drop (call $spawn (i32.const 0)))
        (drop (call $spawn (i32.const 0)))
        (call $work (i32.const 80))
        (loop $again
          (br_if $again (i32.lt_u (i32.atomic.load (i32.const 0)) (i32.const 3)))))"""
    module = wadjet.Module.from_text(f"(module {program})")
    result = wadjet.run(module, dirs={"/": {"file": b"x"}}, tier=tier)
    assert result.returncode == 0
