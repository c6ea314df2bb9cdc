"""The documents tell the truth: their code runs, their links lead somewhere, their names exist."""

import doctest
import importlib
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.architecture import tree
from tests.architecture.documents import Block, blocks, documents, links, names
from tests.architecture.tree import ROOT

_OPTIONS = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE


def _with(*languages: str) -> list[Path]:
    return [p for p in documents() if any(b.language in languages for b in blocks(p))]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where examples run: a copy of `examples/`, so that they may write files."""
    shutil.copytree(ROOT / "examples", tmp_path / "examples")
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize("path", _with("python", "pycon"), ids=tree.name)
@pytest.mark.usefixtures("folder")
def test_the_python_of_a_document_runs(path: Path) -> None:
    """Blocks of one document share their names. A `pycon` block also shows what it prints."""
    space: dict[str, object] = {"__name__": "__example__"}
    for block in blocks(path):
        if block.language == "python":
            padded = "\n" * (block.line - 1) + block.text
            exec(compile(padded, str(path), "exec"), space)
        elif block.language == "pycon":
            _session(block, path, space)


def _session(block: Block, path: Path, space: dict[str, object]) -> None:
    parser = doctest.DocTestParser()
    test = parser.get_doctest(block.text, space, tree.name(path), str(path), block.line - 1)
    test.globs = space
    said: list[str] = []
    runner = doctest.DocTestRunner(optionflags=_OPTIONS)
    failures = runner.run(test, out=said.append, clear_globs=False).failed
    assert failures == 0, "".join(said)


@pytest.mark.parametrize("path", _with("console"), ids=tree.name)
def test_the_commands_of_a_document_print_what_it_says(path: Path, folder: Path) -> None:
    """In a `console` block, `$ ` begins a command; what follows is its output, `...` any text."""
    command = folder / "wadjet"
    command.write_text(f'#!/bin/sh\nexec {sys.executable} -m wadjet "$@"\n')
    command.chmod(0o755)
    env = {**os.environ, "PATH": f"{folder}{os.pathsep}{os.environ['PATH']}"}
    env["PYTHONPATH"] = str(ROOT / "src")
    checker = doctest.OutputChecker()
    for block in blocks(path):
        if block.language == "console":
            for line, expected in re.findall(r"^\$ (.*)\n((?:(?!\$ ).*\n)*)", block.text, re.M):
                done = subprocess.run(
                    line,
                    shell=True,
                    cwd=folder,
                    env=env,
                    capture_output=True,
                    text=True,
                    check=False,
                )
                said = done.stdout + done.stderr
                assert checker.check_output(expected, said, _OPTIONS), f"$ {line}\n{said}"


@pytest.mark.parametrize("path", documents(), ids=tree.name)
def test_links_lead_somewhere(path: Path) -> None:
    assert [str(target) for target in links(path) if not target.exists()] == []


@pytest.mark.parametrize("path", documents(), ids=tree.name)
def test_names_in_backticks_exist(path: Path) -> None:
    """A dotted name of ours can be imported; a path below a folder of ours is there."""
    missing = []
    for name in names(path):
        dotted = re.fullmatch(r"(wadjet(?:\.\w+)+)(?:\(.*\))?", name)
        if dotted and not _resolves(dotted[1]):
            missing.append(name)
        if re.fullmatch(r"(?:src|tests|bench|docs|examples|\.ci)/[\w./-]+", name):
            if not (ROOT / name).exists():
                missing.append(name)
    assert missing == []


def _resolves(dotted: str) -> bool:
    parts = dotted.split(".")
    for cut in range(len(parts), 0, -1):
        try:
            thing: object = importlib.import_module(".".join(parts[:cut]))
        except ModuleNotFoundError:
            continue
        for attribute in parts[cut:]:
            if not hasattr(thing, attribute):
                return False
            thing = getattr(thing, attribute)
        return True
    return False


def test_the_readme_has_exactly_two_set_up_commands() -> None:
    """They stand alone in `sh` blocks, and `.ci/run` runs what they run."""
    commands = [b.text.strip() for b in blocks(ROOT / "README.md") if b.language == "sh"]
    assert len(commands) == 2
    assert all("\n" not in command for command in commands)
    script = (ROOT / ".ci" / "run").read_text()
    assert "wadjet run examples/mandelbrot.wasm" in commands[0]
    assert 'wadjet" run examples/mandelbrot.wasm' in script
    assert "'.[test]'" in commands[1]
    assert "'.[test]'" in script
    assert "-m pytest" in commands[1]
    assert "-m pytest" in script


def test_every_room_is_in_the_architecture() -> None:
    """Those that the layering knows: the floors, and the rooms of `core`, `engine` and `wasi`."""
    package = ROOT / "src" / "wadjet"
    divided = {package / name for name in ("core", "engine", "wasi")}
    rooms = {p.parent for p in tree.python("src/wadjet") if p.name == "__init__.py"}
    known = {room for room in rooms if room.parent == package or room.parent in divided}
    assert known
    assert sorted(tree.name(room) for room in known - set(links(ROOT / "ARCHITECTURE.md"))) == []


def test_the_rationale_asks_questions() -> None:
    text = (ROOT / "RATIONALE.md").read_text()
    headings = re.findall(r"^### (.*)$", text, re.M)
    assert headings
    assert [heading for heading in headings if not heading.endswith("?")] == []
