"""The official test suite of WASI 0.1: every program, in every tier. Expected failures: none.

A program's specification (arguments, environment, a folder as its root, what it should print and
how it should end) lies beside it; the folder is copied afresh for each run.
"""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

import wadjet
from tests.corpora import corpora
from wadjet.wasi import Tree

TIERS = ("interpreter", "optimizing")
FOLDER = "wasm32-wasip1"


def _programs() -> list[Any]:
    base = corpora("wasi-testsuite")
    found = sorted(base.glob(f"*/testsuite/{FOLDER}/*.wasm"))
    return [pytest.param(p, id=f"{p.parts[-4]}-{p.stem}") for p in found]


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """`program` is each program, `rooted` each that is given a folder."""
    for name in {"program", "rooted"} & set(metafunc.fixturenames):
        try:
            programs = _programs()
        except pytest.skip.Exception as absent:
            programs = [pytest.param(None, marks=pytest.mark.skip(reason=str(absent)))]
        else:
            if name == "rooted":
                programs = [p for p in programs if _specification(p.values[0])["root"]]
        metafunc.parametrize(name, programs)


def test_the_suite_is_whole() -> None:
    assert len(_programs()) == 72


@pytest.fixture(scope="session")
def modules() -> dict[Path, wadjet.Module]:
    """Modules by their files: decoded once for all tiers."""
    return {}


def _specification(program: Path) -> dict[str, Any]:
    """What is said of a program, with the suite's own defaults."""
    defaults = {"args": [], "root": None, "env": {}, "exit_code": 0}
    beside = program.with_suffix(".json")
    return defaults | (json.loads(beside.read_text()) if beside.exists() else {})


def _check(module: wadjet.Module, program: Path, tier: str, dirs: dict[str, Any]) -> None:
    specification = _specification(program)
    result = wadjet.run(
        module,
        specification["args"],
        name=program.name,
        env=specification["env"],
        dirs=dirs,
        tier=tier,
        limits=wadjet.Limits(seconds=60),
    )
    assert result.returncode == specification["exit_code"], result.stderr.decode()
    for stream in ("stdout", "stderr"):
        if stream in specification:
            assert getattr(result, stream).decode() == specification[stream]


def _module(modules: dict[Path, wadjet.Module], program: Path) -> wadjet.Module:
    if program not in modules:
        modules[program] = wadjet.Module.from_file(program)
    return modules[program]


@pytest.mark.suite("wasi-testsuite 0.1")
@pytest.mark.parametrize("tier", TIERS)
def test_program(
    program: Path, tier: str, tmp_path: Path, modules: dict[Path, wadjet.Module]
) -> None:
    root = _specification(program)["root"]
    if root is not None:
        shutil.copytree(program.parent / root, tmp_path / "root", symlinks=True)
    dirs = {} if root is None else {"/": tmp_path / "root"}
    _check(_module(modules, program), program, tier, dirs)


def test_program_in_memory(rooted: Path, modules: dict[Path, wadjet.Module]) -> None:
    """The same with a tree in memory for the folder: a program cannot tell the difference."""
    folder = rooted.parent / _specification(rooted)["root"]
    files = {p.relative_to(folder).as_posix(): p for p in folder.rglob("*") if p.is_file()}
    tree = Tree({name: path.read_bytes() for name, path in files.items()})
    _check(_module(modules, rooted), rooted, "optimizing", {"/": tree})
