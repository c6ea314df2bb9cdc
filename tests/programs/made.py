"""Components that tools of other projects make of the sources in `guests`, fetched by name."""

import os
import shutil
import sys
from pathlib import Path

from bench.programs import execute, npm_package, once, pip_package

GUESTS = Path(__file__).parent / "guests"
_PYTHON, _JAVASCRIPT = "0.25.1", "0.23.0"


def python_component() -> Path:
    """The guest in Python, made by componentize-py without imports of WASI."""
    tool = pip_package("componentize-py", _PYTHON)

    def make(folder: Path) -> None:
        for name in ("calc.wit", "app.py", "ops.py"):
            shutil.copy(GUESTS / name, folder)
        run = "import sys, componentize_py; sys.exit(componentize_py.script())"
        words = ("-d", "calc.wit", "-w", "calc", "componentize", "--stub-wasi", "app")
        env = {"PYTHONPATH": str(tool)}
        execute(sys.executable, "-c", run, *words, "-o", "calc.wasm", cwd=folder, env=env)

    return once(f"made/calc-python-{_PYTHON}", make) / "calc.wasm"


def javascript_component() -> Path:
    """The guest in JavaScript, made by componentize-js, which is what jco makes components with."""
    tool = npm_package("@bytecodealliance/componentize-js", _JAVASCRIPT)

    def make(folder: Path) -> None:
        words = (tool, GUESTS / "app.js", GUESTS / "calc.wit", "calc", folder / "calc.wasm")
        execute("node", GUESTS / "componentize.mjs", *words, env=dict(os.environ))

    return once(f"made/calc-javascript-{_JAVASCRIPT}", make) / "calc.wasm"
