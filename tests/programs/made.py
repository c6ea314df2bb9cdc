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
    return _python("calc", "calc.wit", "app.py", "ops.py")


def python_flow() -> Path:
    """The same for async functions, streams and futures."""
    return _python("flow", "flow.wit", "flow_app.py")


def _python(world: str, wit: str, *sources: str) -> Path:
    """A component of a world, made of a module that begins the list of sources."""
    tool = pip_package("componentize-py", _PYTHON)

    def make(folder: Path) -> None:
        for name in (wit, *sources):
            shutil.copy(GUESTS / name, folder)
        run = "import sys, componentize_py; sys.exit(componentize_py.script())"
        module = sources[0].removesuffix(".py")
        words = ("-d", wit, "-w", world, "componentize", "--stub-wasi", module)
        env = {"PYTHONPATH": str(tool)}
        execute(sys.executable, "-c", run, *words, "-o", "made.wasm", cwd=folder, env=env)

    return once(f"made/{world}-python-{_PYTHON}", make) / "made.wasm"


def javascript_component() -> Path:
    """The guest in JavaScript, made by componentize-js, which is what jco makes components with."""
    tool = npm_package("@bytecodealliance/componentize-js", _JAVASCRIPT)

    def make(folder: Path) -> None:
        words = (tool, GUESTS / "app.js", GUESTS / "calc.wit", "calc", folder / "calc.wasm")
        execute("node", GUESTS / "componentize.mjs", *words, env=dict(os.environ))

    return once(f"made/calc-javascript-{_JAVASCRIPT}", make) / "calc.wasm"
