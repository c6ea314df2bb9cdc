"""What a program waits for before its first instruction: only what it needs is loaded."""

import os
import subprocess
import sys
from pathlib import Path

from tests.cli.process import ENV

HELLO = """(module
  (import "wasi_snapshot_preview1" "fd_write"
    (func $write (param i32 i32 i32 i32) (result i32)))
  (memory (export "memory") 1)
  (data (i32.const 0) "\\08\\00\\00\\00\\06\\00\\00\\00hello\\n")
  (func (export "_start")
    (drop (call $write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 100)))))
"""
#: What costs time, and what a start from the cache has no use for.
NOT_LOADED = {
    "llvmlite", "dataclasses", "inspect", "json", "random", "shutil", "asyncio",
    "argparse", "hashlib", "pathlib", "subprocess", "wadjet.wasi.host.tree",
    "importlib.metadata", "wadjet.core.text", "wadjet.core.validate.code",
    "wadjet.engine.emit.function",
    "wadjet.engine.tiers.interpreter", "wadjet.component", "wadjet.wit",
}  # fmt: skip


def run(cache: Path, file: Path) -> set[str]:
    """Run a program in a process of its own; the modules it loaded."""
    done = subprocess.run(
        [sys.executable, "-X", "importtime", "-m", "wadjet", "run", str(file)],
        capture_output=True,
        text=True,
        check=True,
        env={**ENV, "WADJET_CACHE": str(cache)},
    )
    assert done.stdout == "hello\n"
    return {line.rpartition("|")[2].strip() for line in done.stderr.splitlines()}


def test_a_start_from_the_cache_loads_only_what_it_needs(tmp_path: Path) -> None:
    file, cache = tmp_path / "hello.wasm", tmp_path / "cache"
    text = tmp_path / "hello.wat"
    text.write_text(HELLO)
    command = [sys.executable, "-m", "wadjet", "parse", str(text), "-o", str(file)]
    subprocess.run(command, check=True, env={**os.environ, **ENV})
    run(cache, file)
    loaded = run(cache, file)
    assert "wadjet.engine.runtime.machine" in loaded
    assert not {name for name in loaded if name in NOT_LOADED}
    assert not {name for name in loaded if name.startswith("llvmlite")}
