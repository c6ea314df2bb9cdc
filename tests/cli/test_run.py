"""`wadjet run` as a process of its own: streams, signals, statuses."""

import signal
import subprocess
import time
from pathlib import Path

import pytest

from tests.cli.process import started
from wadjet.cli import main

SPIN = '(module (func (export "_start") (loop (br 0))))'
DEEP = """
(module
  (tag $oops (param i32))
  (func $deep (export "_start") (call $deep) (call $deep))
  (func (export "throw") (throw $oops (i32.const 7))))
"""
CAT = """
(module
  (import "wasi_snapshot_preview1" "fd_read" (func $read (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_write" (func $write (param i32 i32 i32 i32) (result i32)))
  (memory (export "memory") 1)
  (func (export "_start")
    (loop $more
      (i32.store (i32.const 0) (i32.const 64))
      (i32.store (i32.const 4) (i32.const 1024))
      (drop (call $read (i32.const 0) (i32.const 0) (i32.const 1) (i32.const 8)))
      (i32.store (i32.const 4) (i32.load (i32.const 8)))
      (if (i32.load (i32.const 8))
        (then
          (drop (call $write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 12)))
          (br $more))))))
"""


@pytest.fixture
def program(tmp_path: Path) -> Path:
    return tmp_path / "program.wat"


def test_standard_streams_are_the_guests(program: Path) -> None:
    program.write_text(CAT)
    pipe = subprocess.PIPE
    with started("run", str(program), stdin=pipe, stdout=pipe) as process:
        out, _ = process.communicate(b"through\n\xff\0 and out", timeout=60)
    assert (process.returncode, out) == (0, b"through\n\xff\0 and out")


def test_interrupt_ends_a_busy_guest(program: Path) -> None:
    program.write_text(SPIN)
    with started("run", str(program), stderr=subprocess.PIPE) as process:
        time.sleep(1.5)
        assert process.poll() is None
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=20)
    assert (process.returncode, err) == (130, b"")


def test_timeout(program: Path, capfd: pytest.CaptureFixture[str]) -> None:
    program.write_text(SPIN)
    start = time.monotonic()
    assert main(["run", "--timeout", "0.2", str(program)]) == 124
    assert 0.2 <= time.monotonic() - start < 10
    assert "time limit reached" in capfd.readouterr().err


def test_recursion_is_told_in_one_line(program: Path, capfd: pytest.CaptureFixture[str]) -> None:
    program.write_text(DEEP)
    assert main(["run", str(program)]) == 134
    lines = capfd.readouterr().err.splitlines()
    assert lines[0] == f"wadjet: trap: {program}: call stack exhausted"
    assert lines[1].startswith("  at deep (")
    assert len(lines) < 5


def test_uncaught_exception(program: Path, capfd: pytest.CaptureFixture[str]) -> None:
    program.write_text(DEEP)
    words = ["run", "--tier", "interpreter", "--invoke", "throw", str(program)]
    assert main(words) == 134
    err = capfd.readouterr().err
    assert err.startswith(f"wadjet: trap: {program}: uncaught exception")
    assert "(7,)" in err


def test_directories_are_granted_by_name(
    tmp_path: Path, program: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    program.write_text(
        """
        (module
          (import "wasi_snapshot_preview1" "fd_prestat_dir_name"
            (func $name (param i32 i32 i32) (result i32)))
          (memory (export "memory") 1)
          (func (export "first") (result i32 i32)
            (call $name (i32.const 3) (i32.const 0) (i32.const 5))
            (i32.load (i32.const 0))))
        """
    )
    words = ["run", "--dir", f"{tmp_path}::/data", "--invoke", "first", str(program)]
    assert main(words) == 0
    assert capfd.readouterr().out == f"0\n{int.from_bytes(b'/dat', 'little')}\n"


def test_environment_is_inherited_by_name_only(
    program: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WANTED", "1")
    monkeypatch.setenv("SECRET", "2")
    program.write_text(
        """
        (module
          (import "wasi_snapshot_preview1" "environ_sizes_get"
            (func $sizes (param i32 i32) (result i32)))
          (memory (export "memory") 1)
          (func (export "count") (result i32)
            (drop (call $sizes (i32.const 0) (i32.const 4)))
            (i32.load (i32.const 0))))
        """
    )
    assert (
        main(["run", "--env", "WANTED", "--env", "ABSENT", "--invoke", "count", str(program)]) == 0
    )
    assert capfd.readouterr().out == "1\n"


@pytest.mark.parametrize(
    ("word", "size"),
    [("1", 1), ("64KiB", 1 << 16), ("64 mib", 64 << 20), ("2G", 2 << 30), ("1TB", 1 << 40)],
)
def test_sizes(word: str, size: int) -> None:
    from wadjet.cli.grants import size as read

    assert read(word) == size


def test_memory_limit(program: Path, capfd: pytest.CaptureFixture[str]) -> None:
    program.write_text('(module (memory 2) (func (export "_start")))')
    assert main(["run", "--max-memory", "64KiB", str(program)]) == 134
    assert "memory" in capfd.readouterr().err


@pytest.mark.parametrize(("code", "status"), [(0, 0), (7, 7), (255, 255), (256, 1), (259, 3)])
def test_exit_status(code: int, status: int, program: Path) -> None:
    program.write_text(
        f"""
        (module
          (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
          (memory (export "memory") 1)
          (func (export "_start") (call $exit (i32.const {code}))))
        """
    )
    assert main(["run", str(program)]) == status


@pytest.mark.parametrize("words", [["a.wasm"], ["a.wasm", "b", "--tier", "-x", "--", "c"], ["./-"]])
def test_words_without_options_are_read_as_a_parser_reads_them(words: list[str]) -> None:
    from wadjet.cli.run_ import COMMAND

    with_option = COMMAND._read(["--tier", "auto", *words])
    assert type(COMMAND._read(words)) is not type(with_option)
    assert vars(COMMAND._read(words)) == vars(with_option)


def test_two_dashes_behind_the_file_mean_the_same_with_and_without_options() -> None:
    from wadjet.cli.run_ import COMMAND

    words = ["a.wasm", "--", "b"]
    assert vars(COMMAND._read(words)) == vars(COMMAND._read(["--tier", "auto", *words]))
