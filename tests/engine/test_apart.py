"""LLVM for the runtime's own code, in a process apart."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

#: Runs something that needs doors and a row, and says which modules are there.
PROGRAM = """
import sys, wadjet
from pathlib import Path
from wadjet.engine.tiers import stock
stock.PLACE = Path("nowhere")
module = wadjet.Module.from_text('''(module
  (func (export "f") (param i32) (result i32)
    (i32.mul (i32.const 0x01010101)
      (i32.wrap_i64 (i64.trunc_sat_f64_s (f64.convert_i32_s (local.get 0)))))))''')
%s
assert wadjet.Instance(module).exports.f(1) == 0x01010101
%s
"""


def _run(tmp_path: Path, before: str = "", after: str = "", *, strict: bool = True) -> None:
    env = {**os.environ, "WADJET_CACHE": str(tmp_path), "PYTHONPATH": os.pathsep.join(sys.path)}
    flags = ["-X", "dev", "-W", "error"] if strict else []
    command = [sys.executable, *flags, "-c", PROGRAM % (before, after)]
    done = subprocess.run(command, env=env, capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stderr) == (0, "")


def test_a_first_start_leaves_llvm_outside(tmp_path: Path) -> None:
    _run(tmp_path, after="assert 'llvmlite' not in sys.modules")


def test_the_next_start_needs_no_other_process(tmp_path: Path) -> None:
    _run(tmp_path)
    _run(tmp_path, after="assert 'wadjet.engine.tiers.apart' not in sys.modules")


def test_where_there_is_no_other_process_objects_are_made_here(tmp_path: Path) -> None:
    _run(tmp_path, "sys.executable = ''", "assert 'llvmlite' in sys.modules")


def test_a_process_that_dies_is_not_missed(tmp_path: Path) -> None:
    before = """
from wadjet.engine.tiers.apart import apart
helper = apart()
helper.start()
helper._worker.kill()
"""
    _run(tmp_path, before, "assert 'llvmlite' in sys.modules")


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_a_forked_child_has_its_own(tmp_path: Path) -> None:
    before = """
import os
from wadjet.engine.tiers.apart import apart
apart().start()
if child := os.fork():
    assert os.waitpid(child, 0)[1] == 0
"""
    _run(tmp_path, before, strict=False)  # the child has the parent's files open


def test_it_ends_when_nobody_asks(tmp_path: Path) -> None:
    after = """
import time
from wadjet.engine.tiers import apart
end = time.monotonic() + 30
while apart.apart()._worker is not None and time.monotonic() < end:
    time.sleep(0.05)
assert apart.apart()._worker is None
assert apart.apart().compile("define void @f() {\\n ret void\\n}", 0)
"""
    _run(tmp_path, "from wadjet.engine.tiers import apart; apart._PATIENCE = 0.2", after)


def test_it_goes_on_with_hot_functions(tmp_path: Path) -> None:
    after = """
from wadjet.engine.tiers.apart import apart
worker = apart().lend()
assert worker is not None
assert apart().lend() is None
code = module.code('auto')
assert worker.compile(code, 0).startswith(b'\\x7fELF')
worker.close()
assert apart().compile("define void @f() {\\n ret void\\n}", 0)
"""
    _run(tmp_path, "from wadjet.engine.tiers import apart; apart._PATIENCE = 60", after)
