"""What holds for every file of the tree: no path of one machine, nothing half done, no excuse."""

import ast
import re

from tests.architecture import tree
from tests.architecture.tree import ROOT

#: what must not stand in the tree, each in two halves so that this file may pass its own test
UNFINISHED = re.compile(
    "|".join(("TO" + "DO", "FIX" + "ME", "X" + "XX", "NotImpl" + "ementedError"))
)
MACHINE = re.compile("|".join(("/wo" + "rk/", "/ro" + "ot/", "/op" + "t/", "/ho" + r"me/\w")))
NUMBERED = re.compile(r"\bissue #?\d|\(#\d+\)", re.IGNORECASE)
_TEXT = {".py", ".md", ".toml", ".ini", ".wat", ".mjs", ".c", ".cfg", ".txt", ".sh", ""}


def _lines_with(pattern: re.Pattern[str]) -> list[str]:
    return [
        f"{tree.name(path)}:{number}: {line.strip()}"
        for path in tree.files()
        if path.suffix in _TEXT and path.name != "LICENSE"
        for number, line in enumerate(path.read_text(errors="replace").splitlines(), 1)
        if pattern.search(line)
    ]


def test_nothing_is_half_done() -> None:
    assert _lines_with(UNFINISHED) == []


def test_no_path_of_one_machine() -> None:
    assert _lines_with(MACHINE) == []


def test_the_project_speaks_of_itself_alone() -> None:
    """A number of a tracker tells a reader nothing: the reason itself belongs there."""
    assert _lines_with(NUMBERED) == []


def test_no_handler_swallows_everything() -> None:
    silent = [
        f"{tree.name(path)}:{node.lineno}"
        for path in tree.python("src", "bench", "tests")
        for node in ast.walk(tree.parse(path))
        if isinstance(node, ast.ExceptHandler)
        and (node.type is None or getattr(node.type, "id", "") in ("Exception", "BaseException"))
        and all(isinstance(statement, ast.Pass | ast.Continue) for statement in node.body)
    ]
    assert silent == []


def test_every_skip_says_why() -> None:
    mute = []
    for path in tree.python("tests"):
        for node in ast.walk(tree.parse(path)):
            called = node.func if isinstance(node, ast.Call) else None
            if isinstance(called, ast.Attribute) and called.attr in ("skip", "skipif", "xfail"):
                reason = (
                    [k for k in node.keywords if k.arg == "reason"]
                    if isinstance(node, ast.Call)
                    else []
                )
                if not reason and not (called.attr == "skip" and node.args):
                    mute.append(f"{tree.name(path)}:{node.lineno}")
    assert mute == []


def test_every_exemption_of_a_checker_says_what_it_exempts() -> None:
    bare = re.compile(r"#\s*(noqa(?!:)|type:\s*ignore(?!\[))")
    loose = [
        f"{tree.name(path)}:{number}"
        for path in tree.python("src", "bench", "tests")
        for number, line in enumerate(path.read_text().splitlines(), 1)
        if bare.search(line)
    ]
    assert loose == []


def test_every_module_says_what_it_is_for() -> None:
    mute = [
        tree.name(p) for p in tree.python("src", "bench") if not ast.get_docstring(tree.parse(p))
    ]
    assert mute == []
    one_word = [
        tree.name(p)
        for p in tree.python("src", "bench")
        if len((ast.get_docstring(tree.parse(p)) or "").split()) < 3
    ]
    assert one_word == []


def test_the_wheel_carries_its_type_information() -> None:
    assert (ROOT / "src" / "wadjet" / "py.typed").is_file()
