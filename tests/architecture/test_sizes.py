"""Small and even: no function above 70 lines, no file above 600, the median function near 10."""

import re
import statistics

from tests.architecture import tree

FUNCTION = 70
FILE = 600
MEDIAN = 12
#: files that are one table → why they are whole
LONG_FILES = {
    "src/wadjet/core/opcodes.py": "the instruction table: one row per line",
}


def test_no_file_is_long() -> None:
    files = tree.python("src", "tests", "bench")
    lines = {tree.name(path): len(path.read_text().splitlines()) for path in files}
    long = {path: n for path, n in lines.items() if n > FILE}
    assert {p: n for p, n in long.items() if p not in LONG_FILES} == {}
    assert set(LONG_FILES) <= set(long), "an exemption that nothing needs"


def test_no_function_is_long() -> None:
    """`# long: reason` on the line above a function exempts it."""
    long = []
    for path in tree.python("src", "tests", "bench"):
        lines = path.read_text().splitlines()
        for function in tree.functions(path):
            first = min([function.lineno, *(d.lineno for d in function.decorator_list)])
            length = (function.end_lineno or 0) - function.lineno + 1
            if length > FUNCTION and not re.search(r"# long: \w+ \w+", lines[first - 2]):
                long.append(f"{tree.name(path)}:{function.lineno} {function.name}: {length} lines")
    assert long == []


def test_the_usual_function_is_short() -> None:
    lengths = [
        (function.end_lineno or 0) - function.lineno + 1
        for path in tree.python("src")
        for function in tree.functions(path)
    ]
    assert statistics.median(lengths) <= MEDIAN
