"""The command line as a process: how fast it starts, and how it ends when nobody listens."""

import json
import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.process import ENV, WADJET, started
from wadjet.cli import COMMANDS, main

SOURCE = "(module" + "(func (nop) (nop) (nop) (nop))" * 20_000 + ")"


def loaded_by(*words: str) -> set[str]:
    """The modules that a command loads, by the names their rooms have."""
    run = subprocess.run(
        [sys.executable, "-X", "importtime", "-m", "wadjet", *words],
        capture_output=True,
        text=True,
        check=False,
        env=ENV,
    )
    return {line.rpartition("|")[2].strip() for line in run.stderr.splitlines()}


def test_help_loads_next_to_nothing() -> None:
    loaded = loaded_by("--help")
    assert "wadjet.cli" in loaded
    assert not {"argparse", "ctypes", "llvmlite", "wadjet.core", "wadjet.api"} & loaded


def test_static_commands_load_no_engine() -> None:
    loaded = loaded_by("objdump", "--help")
    assert "wadjet.tools.objdump" in loaded
    assert not {name for name in loaded if name.startswith(("wadjet.engine", "wadjet.api", "llvm"))}


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_help(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([command, "--help"]) == 0
    assert capsys.readouterr().out.startswith(f"usage: wadjet {command}")


@pytest.mark.parametrize("command", [["print"], ["objdump", "-d"]])
def test_a_closed_pipe_is_quiet(command: list[str], tmp_path: Path) -> None:
    path = tmp_path / "many.wasm"
    text = tmp_path / "many.wat"
    text.write_text(SOURCE)
    assert main(["parse", str(text), "-o", str(path)]) == 0
    with started(*command, str(path), stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        process.stdout.read(100)
        process.stdout.close()
        assert process.stderr.read() == b""
        assert process.wait(60) == 141


def test_no_binary_to_a_terminal(tmp_path: Path) -> None:
    text = tmp_path / "m.wat"
    text.write_text("(module)")
    terminal, theirs = pty.openpty()
    run = subprocess.run(
        [*WADJET, "parse", str(text)], stdout=theirs, stderr=subprocess.PIPE, check=False, env=ENV
    )
    os.close(theirs)
    os.close(terminal)
    assert run.returncode == 2
    assert run.stderr.startswith(b"wadjet: error: binary output to a terminal")


def test_pipes(tmp_path: Path) -> None:
    text = b'(module (func $f (export "f") (nop)))'
    binary = subprocess.run(
        [*WADJET, "parse", "-"], input=text, capture_output=True, check=True, env=ENV
    )
    assert binary.stdout.startswith(b"\0asm\1\0\0\0")
    again = subprocess.run(
        [*WADJET, "print", "-"], input=binary.stdout, capture_output=True, check=True, env=ENV
    )
    assert b'(export "f" (func $f))' in again.stdout


def test_doctor(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["doctor", "--json"]) == 0
    findings = {f["name"]: f for f in json.loads(capsys.readouterr().out)}
    assert findings["tier interpreter"]["good"]
    assert findings["python"]["detail"].split()[1] == sys.version.split()[0]
