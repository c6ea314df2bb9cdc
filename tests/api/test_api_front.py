"""The front door: lazy, complete, documented."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import wadjet

SOURCE = Path(wadjet.__file__)


def _run(code: str) -> str:
    command = [sys.executable, "-c", code]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


def test_importing_loads_no_other_room() -> None:
    path = str(SOURCE.parent.parent)
    loaded = _run(
        f"import sys; sys.path.insert(0, {path!r}); import wadjet;"
        "print(*[m for m in sys.modules if m.startswith('wadjet') or m in ('ctypes', 'typing')])"
    )
    assert loaded == "wadjet", "and nothing that takes long to load"


def test_every_name_is_there_and_typed() -> None:
    tree = ast.parse(SOURCE.read_text())
    typed = {
        alias.asname
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and node.module and node.module.startswith("wadjet")
        for alias in node.names
    }
    public = {name for name in dir(wadjet) if name in wadjet._HOMES}
    assert typed == public
    for name in public:
        assert getattr(wadjet, name) is not None


def test_classes_and_functions_say_what_they_are() -> None:
    for name in wadjet._HOMES:
        thing = getattr(wadjet, name)
        if callable(thing):
            assert thing.__doc__, name


def test_other_names_are_attribute_errors() -> None:
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = wadjet.nothing  # type: ignore[attr-defined]


def test_errors_form_one_tree() -> None:
    for name in ("Malformed", "Invalid", "Unlinkable", "Trap", "Exhaustion", "WasmException"):
        assert issubclass(getattr(wadjet, name), wadjet.Error)
