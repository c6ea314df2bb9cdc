"""Components that tools of other projects make of the sources in `guests`, fetched by name."""

import os
import shutil
import sys
from pathlib import Path

import pytest

from bench.programs import execute, npm_package, once, pip_package

GUESTS = Path(__file__).parent / "guests"
PYTHON = "0.25.1"
#: jco itself reads WIT as a guest, and in 1.35.0 its host grants that guest no folder
JCO = "1.34.0"


def examples(project: str, variable: str) -> list[pytest.MarkDecorator]:
    """The marks of a file of tests that make a project's examples from a checkout."""
    return [
        pytest.mark.programs,
        pytest.mark.slow,
        pytest.mark.skipif(
            not {"WADJET_PROGRAMS", variable} <= set(os.environ),
            reason=f"NO EXAMPLES: {variable} names a checkout of bytecodealliance/{project}, "
            "WADJET_PROGRAMS a folder for what is made of it",
        ),
    ]


def componentize_py(*words: str | Path, cwd: Path) -> None:
    """Run componentize-py."""
    run = "import sys, componentize_py; sys.exit(componentize_py.script())"
    env = {"PYTHONPATH": str(pip_package("componentize-py", PYTHON))}
    execute(sys.executable, "-c", run, *words, cwd=cwd, env=env)


def python_component() -> Path:
    """The guest in Python, made by componentize-py without imports of WASI."""
    return _python("calc", "calc.wit", "app.py", "ops.py")


def python_flow() -> Path:
    """The same for async functions, streams and futures."""
    return _python("flow", "flow.wit", "flow_app.py")


def _python(world: str, wit: str, *sources: str) -> Path:
    """A component of a world, made of a module that begins the list of sources."""

    def make(folder: Path) -> None:
        for name in (wit, *sources):
            shutil.copy(GUESTS / name, folder)
        module = sources[0].removesuffix(".py")
        words = ("-d", wit, "-w", world, "componentize", "--stub-wasi", module)
        componentize_py(*words, "-o", "made.wasm", cwd=folder)

    return once(f"made/{world}-python-{PYTHON}", make) / "made.wasm"


def javascript_component() -> Path:
    """The guest in JavaScript, made by jco with the engine StarlingMonkey in it."""
    return _javascript("calc", "calc.wit", "app.js", "--disable", "all")


def javascript_flow() -> Path:
    """The same for async functions, streams and futures, which jco makes with QuickJS in it."""
    return _javascript("flow-alone", "flow.wit", "flow_app.js", "--backend", "quickjs")


def _javascript(world: str, wit: str, source: str, *options: str) -> Path:
    """A component of a world, made of a module."""
    tool = npm_package("@bytecodealliance/jco", JCO)

    def make(folder: Path) -> None:
        words = ("componentize", GUESTS / source, "--wit", GUESTS / wit, "--world-name", world)
        out = ("--out", folder / "made.wasm")
        execute("node", tool / "dist" / "jco.js", *words, *options, *out, cwd=folder)

    return once(f"made/{world}-javascript-{JCO}", make) / "made.wasm"
