"""Precompiled modules: they start without a compiler, and anything else than here is refused."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

import wadjet
from tests.cli.process import ENV
from tests.engine.test_cache import ANSWERS, TEXT, use
from wadjet.cli import main
from wadjet.engine.tiers import cache, compiled
from wadjet.engine.tiers.compiled import CompiledCode

HELLO = """(module
  (import "wasi_snapshot_preview1" "fd_write"
    (func $write (param i32 i32 i32 i32) (result i32)))
  (memory (export "memory") 1)
  (data (i32.const 0) "\\08\\00\\00\\00\\06\\00\\00\\00hello\\n")
  (func (export "_start")
    (drop (call $write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 100)))))
"""


@pytest.fixture
def hello(tmp_path: Path) -> Path:
    source, out = tmp_path / "hello.wat", tmp_path / "hello.out"
    source.write_text(HELLO)
    assert main(["compile", str(source), "-o", str(out)]) == 0
    assert sorted(path.name for path in tmp_path.iterdir()) == ["hello.out", "hello.wat"]
    return out


def test_it_runs_without_cache_and_without_compiler(hello: Path) -> None:
    program = """
import json, sys, wadjet
result = wadjet.run(sys.argv[1])
print(json.dumps([result.stdout.decode(), [name for name in sys.modules if "llvmlite" in name]]))
"""
    env = {**ENV, "WADJET_CACHE": "off"}
    command = [sys.executable, "-c", program, str(hello)]
    done = subprocess.run(command, capture_output=True, text=True, check=True, env=env)
    assert json.loads(done.stdout) == ["hello\n", []]
    command = [sys.executable, "-m", "wadjet", "run", str(hello)]
    assert subprocess.run(command, capture_output=True, check=True, env=env).stdout == b"hello\n"


@pytest.mark.parametrize("tier", ["optimizing", "auto"])
def test_nothing_is_compiled_after_loading(tier: str, monkeypatch: pytest.MonkeyPatch) -> None:
    data = wadjet.Module.from_text(TEXT).serialize()

    def refuse(*_: object, **__: object) -> bytes:
        raise AssertionError("something was compiled")

    monkeypatch.setattr("wadjet.engine.tiers.optimizing.functions_object", refuse)
    monkeypatch.setattr("wadjet.engine.tiers.auto.functions_object", refuse)
    monkeypatch.setattr(compiled, "tail_object", refuse)
    for form in (data, bytearray(data), memoryview(data)):
        code = wadjet.Module.deserialize(form).code(tier)
        assert isinstance(code, CompiledCode)
        assert use(code) == ANSWERS


def test_it_is_the_same_module(tmp_path: Path) -> None:
    module = wadjet.Module.from_text(TEXT)
    progress: list[tuple[int, int]] = []
    path = tmp_path / "module.out"
    path.write_bytes(module.serialize(lambda done, count: progress.append((done, count))))
    assert sorted(progress) == [(k + 1, 9) for k in range(9)]
    again = wadjet.Module.from_file(path)
    assert again.core == module.core
    assert again.features == module.features
    assert wadjet.Instance(again, tier="interpreter").exports.step(0) == 9.0


def test_anything_else_is_refused(hello: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    data = hello.read_bytes()
    for end in (0, 7, 50, 120, len(data) - 1):
        with pytest.raises(wadjet.Error):
            wadjet.Module.deserialize(data[:end])
    for at in range(0, len(data), 401):
        with pytest.raises(wadjet.Error):
            wadjet.Module.deserialize(data[:at] + bytes([data[at] ^ 4]) + data[at + 1 :])
    monkeypatch.setattr(cache, "identity", lambda: b"somewhere else " * 2 + b"!!")
    with pytest.raises(wadjet.Error, match="another processor"):
        wadjet.Module.deserialize(data)


def test_what_is_wrong_is_told_in_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    bad, damaged = tmp_path / "bad.wat", tmp_path / "damaged.out"
    bad.write_text("(module (func (result i32)))")
    damaged.write_bytes(b"\0wadjet\1 and no more")
    assert main(["compile", str(bad)]) == 1
    assert main(["run", str(damaged)]) == 1
    assert main(["compile", str(tmp_path / "absent")]) == 1
    errors = capsys.readouterr().err
    assert errors.count("wadjet: error: ") == 3
    assert "Traceback" not in errors
    assert not [name for name in os.listdir(tmp_path) if name.endswith((".part", ".wadjet"))]
