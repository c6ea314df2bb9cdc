"""Golden tests of the command line: each file says its commands, its input and their output.

A file of tests/golden/cli begins with its commands, `;;$ wadjet print %`, then comes the input,
then for each command the same line again and below it what the command did:

    ;;| a line of standard output
    ;;! a line of standard error
    ;;= the exit status, if it is not 0

`%` stands for the input as a file, `%.wasm` for the binary of it. `BLESS=1 pytest …` writes what
happens into the files.
"""

import os
import shlex
from pathlib import Path

import pytest

from wadjet.cli import main
from wadjet.core.binary import encode
from wadjet.core.features import ALL
from wadjet.core.text import parse

GOLDEN = Path(__file__).resolve().parent.parent / "golden" / "cli"
FILES = sorted(GOLDEN.glob("*.wat"))
COMMAND = ";;$ "


def split(text: str) -> tuple[list[str], str]:
    """The commands of a golden file, and its input."""
    lines = text.splitlines()
    count = next(i for i, line in enumerate(lines) if not line.startswith(COMMAND))
    rest = lines[count:]
    end = next((i for i, line in enumerate(rest) if line.startswith(COMMAND)), len(rest))
    return lines[:count], "\n".join(rest[:end]).strip("\n") + "\n"


def quoted(sign: str, text: str) -> list[str]:
    return [f";;{sign} {line}".rstrip() for line in text.splitlines()]


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_golden(
    path: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    text = path.read_text()
    commands, source = split(text)
    monkeypatch.chdir(tmp_path)
    Path("input.wat").write_text(source)
    if any("%.wasm" in command for command in commands):
        Path("input.wasm").write_bytes(encode(parse(source, ALL), names=True))
    seen = [*commands, source.rstrip("\n")]
    for command in commands:
        program, *words = shlex.split(command.removeprefix(COMMAND))
        assert program == "wadjet"
        status = main([word.replace("%.", "input.").replace("%", "input.wat") for word in words])
        out, err = capfd.readouterr()
        seen += [command, *quoted("|", out), *quoted("!", err)]
        seen += [f";;= {status}"] if status else []
    actual = "\n".join(seen) + "\n"
    if os.environ.get("BLESS"):
        path.write_text(actual)
    assert actual == text


def test_there_are_golden_files() -> None:
    assert len(FILES) >= 10
