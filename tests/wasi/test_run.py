"""Whole programs: `wadjet.run`, commands, reactors, and how they end."""

import io
import os
import time
from pathlib import Path

import pytest

import wadjet
from wadjet.wasi import Capture, Tree, Wasi
from wadjet.wasi.run import Program, Result, run_command

TIERS = pytest.mark.parametrize("tier", ["interpreter", "optimizing"])

#: Writes its input to its output until that ends, then ends itself with its number of arguments.
CAT = """
(module
  (import "wasi_snapshot_preview1" "fd_read"
    (func $read (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_write"
    (func $write (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "args_sizes_get" (func $args (param i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
  (memory (export "memory") 1)
  (data (i32.const 0) "\\40\\00\\00\\00\\00\\10\\00\\00")
  (func (export "_start")
    (loop $on
      (i32.store (i32.const 4) (i32.const 4096))
      (drop (call $read (i32.const 0) (i32.const 0) (i32.const 1) (i32.const 16)))
      (i32.store (i32.const 4) (i32.load (i32.const 16)))
      (drop (call $write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 20)))
      (br_if $on (i32.load (i32.const 16))))
    (drop (call $args (i32.const 24) (i32.const 28)))
    (call $exit (i32.load (i32.const 24)))))
"""

#: Exports functions instead of a beginning, and remembers whether it was prepared.
REACTOR = """
(module
  (import "wasi_snapshot_preview1" "random_get" (func $random (param i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
  (memory (export "memory") 1)
  (global $ready (mut i32) (i32.const 0))
  (func (export "_initialize") (global.set $ready (i32.const 1)))
  (func (export "add") (param i32 i32) (result i32) (i32.add (local.get 0) (local.get 1)))
  (func (export "ready") (result i32) (global.get $ready))
  (func (export "random") (result i32)
    (drop (call $random (i32.const 0) (i32.const 4))) (i32.load (i32.const 0)))
  (func (export "end") (call $exit (i32.const 7))))
"""


def command(body: str, imports: str = "") -> wadjet.Module:
    return wadjet.Module.from_text(
        f'(module {imports} (memory (export "memory") 1) (func (export "_start") {body}))'
    )


@TIERS
def test_a_command(tier: str) -> None:
    module = wadjet.Module.from_text(CAT)
    text = os.urandom(10_000)
    result = wadjet.run(module, ["-v"], stdin=text, tier=tier)
    assert result == Result(2, text, b"")


def test_what_a_program_may_be(tmp_path: Path) -> None:
    text = tmp_path / "cat.wat"
    text.write_text(CAT)
    assert wadjet.run(text).returncode == 1
    assert wadjet.run(str(text), stdin=b"x").stdout == b"x"
    binary = b"\0asm\1\0\0\0"
    with pytest.raises(wadjet.Error, match="_start"):
        wadjet.run(binary)
    with pytest.raises(wadjet.Malformed):
        wadjet.run(b"nonsense")
    with pytest.raises(FileNotFoundError):
        wadjet.run(tmp_path / "none.wasm")


def test_where_output_goes() -> None:
    module = wadjet.Module.from_text(CAT)
    sink = io.BytesIO()
    result = wadjet.run(module, stdin=io.BytesIO(b"data"), stdout=sink)
    assert (result.stdout, sink.getvalue()) == (b"", b"data")
    pieces: list[bytes] = []
    wadjet.run(module, stdin=b"data", stdout=pieces.append)
    assert b"".join(pieces) == b"data"


def test_a_whole_world() -> None:
    out = Capture()
    wasi = Wasi(["a", "b", "c"], stdin=b"in", stdout=out)
    result = wadjet.run(wadjet.Module.from_text(CAT), wasi=wasi)
    assert (result.returncode, out.data, result.stdout) == (3, b"in", b"")
    for more in ({"args": ["x"]}, {"stdin": b""}, {"dirs": {}}, {"name": "x"}):
        with pytest.raises(TypeError, match="wasi"):
            wadjet.run(wadjet.Module.from_text(CAT), wasi=wasi, **more)  # type: ignore[arg-type]


def test_the_programs_name() -> None:
    module = command(
        "(drop (call $args (i32.const 0) (i32.const 8)))"
        "(drop (call $write (i32.const 1) (i32.const 64) (i32.const 1) (i32.const 72)))",
        '(import "wasi_snapshot_preview1" "args_get" (func $args (param i32 i32) (result i32)))'
        '(import "wasi_snapshot_preview1" "fd_write"'
        "  (func $write (param i32 i32 i32 i32) (result i32)))"
        '(data (i32.const 64) "\\08\\00\\00\\00\\07\\00\\00\\00")',
    )
    assert wadjet.run(module, name="program-x").stdout == b"program"
    assert wadjet.run(module).stdout == b"program"


@TIERS
def test_a_reactor(tier: str) -> None:
    module = wadjet.Module.from_text(REACTOR)
    with Program(module, Wasi(random=1), tier=tier) as program:
        assert program.invoke("ready") == 0
        program.initialize()
        assert program.invoke("ready") == 1
        assert program.invoke("add", 2, 3) == 5
        first = program.invoke("random")
        assert first != program.invoke("random")
        with pytest.raises(wadjet.Exit) as info:
            program.invoke("end")
        assert info.value.code == 7
        with pytest.raises(KeyError):
            program.invoke("none")
        with pytest.raises(wadjet.Error, match="not a command"):
            program.start()
    with Program(module, Wasi(random=1), tier=tier) as program:
        assert program.invoke("random") == first


@TIERS
def test_a_trap_is_a_trap(tier: str) -> None:
    with pytest.raises(wadjet.Trap, match="unreachable"):
        wadjet.run(command("unreachable"), tier=tier)
    with pytest.raises(wadjet.Trap, match="out of bounds memory access"):
        wadjet.run(
            command(
                "(drop (call $random (i32.const -4) (i32.const 4)))",
                '(import "wasi_snapshot_preview1" "random_get"'
                "  (func $random (param i32 i32) (result i32)))",
            ),
            tier=tier,
        )


@TIERS
def test_a_program_that_ends_by_itself(tier: str) -> None:
    assert wadjet.run(command(""), tier=tier).returncode == 0


SLEEP = """
(module
  (import "wasi_snapshot_preview1" "poll_oneoff"
    (func $poll (param i32 i32 i32 i32) (result i32)))
  (memory (export "memory") 1)
  (func (export "_start")
    (i32.store (i32.const 16) (i32.const 1))
    (i64.store (i32.const 24) (i64.const 1000000000000))
    (drop (call $poll (i32.const 0) (i32.const 64) (i32.const 1) (i32.const 128)))))
"""


@TIERS
def test_time_runs_out_while_waiting(tier: str) -> None:
    begun = time.monotonic()
    with pytest.raises(wadjet.Timeout):
        wadjet.run(wadjet.Module.from_text(SLEEP), limits=wadjet.Limits(seconds=0.1), tier=tier)
    assert time.monotonic() - begun < 20


def test_imports_of_ones_own() -> None:
    called: list[int] = []
    module = command("(call $log (i32.const 5))", '(import "env" "log" (func $log (param i32)))')
    with pytest.raises(wadjet.Unlinkable, match="unknown import"):
        wadjet.run(module)
    with Program(module, Wasi(), imports={"env": {"log": called.append}}) as program:
        assert program.start() == 0
    assert called == [5]


@TIERS
def test_both_editions_in_one_module(tier: str) -> None:
    """The older edition opens what the newer one closes: they share one table."""
    module = command(
        "(if (call $close (i32.const 3)) (then unreachable))"
        "(if (i32.ne (call $old_close (i32.const 3)) (i32.const 8)) (then unreachable))",
        '(import "wasi_snapshot_preview1" "fd_close" (func $close (param i32) (result i32)))'
        '(import "wasi_unstable" "fd_close" (func $old_close (param i32) (result i32)))',
    )
    assert wadjet.run(module, dirs={"/": {}}, tier=tier).returncode == 0


def test_nothing_stays_open(tmp_path: Path) -> None:
    if not os.path.isdir("/proc/self/fd"):
        pytest.skip("cannot count open files here")
    module = wadjet.Module.from_text(CAT)
    trap = command("unreachable")
    for _ in range(3):  # what is kept of a module that is run often is there then
        wadjet.run(module)
        with pytest.raises(wadjet.Trap):
            wadjet.run(trap)
    before = os.listdir("/proc/self/fd")
    for _ in range(3):
        wadjet.run(module, dirs={"/": tmp_path, "/t": Tree()}, stdin=b"")
        with pytest.raises(wadjet.Trap):
            wadjet.run(trap, dirs={"/": tmp_path})
        with pytest.raises(FileNotFoundError):
            wadjet.run(module, dirs={"/": tmp_path, "/x": tmp_path / "none"})
        with pytest.raises(wadjet.Unlinkable):
            wadjet.run(wadjet.Module.from_text('(module (import "a" "b" (func)))'))
    assert os.listdir("/proc/self/fd") == before


def test_run_command() -> None:
    assert run_command(wadjet.Module.from_text(CAT), Wasi(["a"], stdin=None, stdout=None)) == 1
