"""Hot functions are optimised beside the guest, in a process that may be missing or die."""

import os
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

import wadjet
from wadjet.core.features import ALL
from wadjet.core.module import Module
from wadjet.core.text import parse
from wadjet.core.validate import validate
from wadjet.engine.llvm.compile import FAIR, FULL, QUICK
from wadjet.engine.runtime.instance import Instance
from wadjet.engine.runtime.instantiate import instantiate
from wadjet.engine.runtime.store import Store
from wadjet.engine.tiers.auto import AutoCode
from wadjet.engine.tiers.background import Background, Worker, background
from wadjet.engine.tiers.worker import TEXT as LLVM_TEXT

SOURCE = Path(wadjet.__file__).resolve().parent.parent
#: `spin` is called again and again and has a loop of its own; `large` is larger than small.
TEXT = """
(module
  (memory 1)
  (func $spin (export "spin") (param i32) (result i32) (local i32)
    (loop $on
      (local.set 1 (i32.add (i32.mul (local.get 1) (i32.const 31)) (local.get 0)))
      (i32.store (i32.and (local.get 1) (i32.const 0xfffc)) (local.get 1))
      (br_if $on (local.tee 0 (i32.sub (local.get 0) (i32.const 1)))))
    (local.get 1))
  (func $large (export "large") (param i32) (result i32) LARGE (local.get 0)))
""".replace("LARGE", "(local.set 0 (i32.add (local.get 0) (i32.const 1)))" * 300)


def code_of(source: str | Module = TEXT) -> AutoCode:
    if isinstance(source, Module):
        return AutoCode(validate(source, ALL))
    return AutoCode(validate(parse(source, ALL), ALL), source=source)


def call(instance: Instance, index: int, argument: int) -> int:
    (result,) = instance.func(index).call_raw([argument])
    return result


def test_a_worker_compiles_what_it_reads_itself() -> None:
    worker = Worker()
    try:
        for source in (TEXT, parse(TEXT, ALL)):
            code = code_of(source)
            instance = instantiate(Store(), code, [])
            before = [call(instance, 0, 1000), call(instance, 1, 5)]
            for slot in (0, 1):
                image = worker.compile(code, slot)
                assert image.startswith(b"\x7fELF")
                code.add(image, FULL)
                assert code.level(slot) == FULL
            assert [call(instance, 0, 1000), call(instance, 1, 5)] == before
            assert before[1] == 305
    finally:
        worker.close()
    assert not worker.alive


def test_a_worker_knows_several_modules_at_a_time() -> None:
    worker = Worker()
    text = '(module (func (export "f") (result i32) (i32.const {})))'
    codes = [code_of(text.format(k)) for k in range(7)]
    try:
        for k in (0, 1, 2, 3, 4, 5, 6, 0, 6, 1, 1, 5):
            code = codes[k]
            code.add(worker.compile(code, 0), FULL)
            assert instantiate(Store(), code, []).func(0).call_raw([]) == [k]
    finally:
        worker.close()


def test_a_worker_says_when_it_cannot() -> None:
    text = "(module (func (result i32) (i64.const 1)) (func))"
    code = AutoCode(validate(parse(text, ALL), ALL, lazy=True), source=text)
    worker = Worker()
    try:
        assert worker.compile(code, 0) == b""
        assert worker.alive
        assert worker.compile(code, 1).startswith(b"\x7fELF")
    finally:
        worker.close()


def test_a_worker_that_dies_is_done_without() -> None:
    worker, code = Worker(), code_of()
    try:
        worker.kill()
        assert worker.compile(code, 0) == b""
        assert not worker.alive
    finally:
        worker.close()


def test_hot_functions_are_optimised_fully() -> None:
    code = code_of()
    instance = instantiate(Store(), code, [])
    end = time.monotonic() + 60
    while code.level(0) != FULL and time.monotonic() < end:
        assert call(instance, 0, 1_000_000) == call(instance, 0, 1_000_000)
    assert code.level(0) == FULL
    assert code.level(1) == -1


def _is_ready(queue: Background) -> bool:
    return queue._running


def _ends(queue: Background) -> None:
    """Wait until it has no process any more."""
    end = time.monotonic() + 60
    while queue._worker is not None and time.monotonic() < end:
        time.sleep(0.05)
    assert queue._worker is None


def test_what_compiles_many_functions_is_expected_to_be_hot() -> None:
    queue = background()
    _ends(queue)
    code = code_of(f"(module {'(func)' * 20})")
    instance = instantiate(Store(), code, [])
    for index in range(5):
        instance.func(index).call_raw([])
    assert not _is_ready(queue)
    for index in range(5, 20):
        instance.func(index).call_raw([])
    assert _is_ready(queue)
    _ends(queue)


def test_a_worker_that_has_nothing_to_do_does_what_is_asked() -> None:
    queue, text = Background(), b"define void @f() {\n ret void\n}"
    assert queue.ask(LLVM_TEXT, FAIR, text) == b""  # it has none
    code = code_of()
    queue.get_ready(code)
    answer, end = b"", time.monotonic() + 60
    while not answer and time.monotonic() < end:
        answer = queue.ask(LLVM_TEXT, FAIR, text)
    assert answer.startswith(b"\x7fELF")
    worker = queue._worker
    assert worker is not None
    with worker.free:
        assert queue.ask(LLVM_TEXT, FAIR, text) == b""  # it has something to do
    _ends(queue)


@pytest.mark.parametrize("how", ["nothing to start", "cannot start", "dies at once"])
def test_without_a_worker_small_functions_are_optimised(
    how: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if how == "nothing to start":
        monkeypatch.setattr(sys, "executable", "")
    elif how == "cannot start":
        monkeypatch.setattr(sys, "executable", "/nowhere/python")
    else:
        monkeypatch.setattr(sys, "executable", "/bin/false")
    code, queue = code_of(), Background()
    instance = instantiate(Store(), code, [])
    before = [call(instance, 0, 1000), call(instance, 1, 5)]
    assert code.level(1) == QUICK
    end = time.monotonic() + 60
    while code.level(0) != FULL and time.monotonic() < end:
        queue.submit(code, 1)  # too large to be optimised here
        queue.submit(code, 0)
        time.sleep(0.05)
    assert code.level(0) == FULL
    assert code.level(1) == QUICK
    assert [call(instance, 0, 1000), call(instance, 1, 5)] == before


def test_nothing_is_done_for_modules_that_are_gone() -> None:
    code, queue = code_of(), Background()
    queue.submit(code, 0)
    del code
    while any(t.name == "wadjet-optimizer" and t.is_alive() for t in threading.enumerate()):
        time.sleep(0.05)


PROGRAM = """
import sys
sys.path.insert(0, sys.argv[1])
import wadjet
source = '''(module (func (export "spin") (param i32) (result i32)
  (loop (br_if 0 (local.tee 0 (i32.sub (local.get 0) (i32.const 1))))) (local.get 0)))'''
spin = wadjet.Instance(wadjet.Module(source)).exports.spin
import threading, time
end = time.monotonic() + 3
def begun():
    return any(t.name == "wadjet-optimizer" for t in threading.enumerate())
while time.monotonic() < end and not begun():
    spin(10_000_000)
time.sleep(float(sys.argv[2]))
"""


@pytest.mark.parametrize("rest", ["0", "0.2", "1"])
def test_a_process_that_ends_meanwhile_says_nothing(tmp_path: Path, rest: str) -> None:
    # the package is on the path of this one process, and nowhere else
    (tmp_path / "wadjet").symlink_to(SOURCE / "wadjet")
    env = {k: v for k, v in os.environ.items() if k != "PYTHONPATH"}
    run = subprocess.run(
        [sys.executable, "-c", PROGRAM, str(tmp_path), rest],
        capture_output=True,
        env=env,
        cwd=tmp_path,
        check=False,
        timeout=60,
    )
    assert (run.returncode, run.stdout, run.stderr) == (0, b"", b"")
