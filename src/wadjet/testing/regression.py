"""Programs as files that explain themselves: a module in text form, and what to call in comments.

    ;; A store before an access that faults must be done.
    ;; call f(0x1, 0xffffffff)
    (module …)

Optional: `;; features -simd,threads` (as on the command line, beyond all), and `;; relaxed` where
only the deterministic profile has one result.
"""

import re
from pathlib import Path
from typing import Final

from wadjet.core.features import ALL, parse_features
from wadjet.core.text.parse import parse
from wadjet.core.text.printer import print_module
from wadjet.testing.generate import Call, Program

_CALL: Final = re.compile(r"^;; call (.*)\((.*)\)$", re.MULTILINE)
_FEATURES: Final = re.compile(r"^;; features (.*)$", re.MULTILINE)


def as_text(program: Program, what: str) -> str:
    """A program as the content of such a file."""
    lines = [f";; {line}" for line in what.splitlines()]
    lines += [f";; call {c.name}({', '.join(map(hex, c.args))})" for c in program.calls]
    if not program.canonical:
        lines.append(";; relaxed")
    return "\n".join([*lines, print_module(program.module)]) + "\n"


def read(path: Path) -> Program:
    """The program in a file."""
    text = path.read_text()
    found = _FEATURES.search(text)
    features = parse_features(found[1] if found else "-relaxed-dead-code", ALL)
    module = parse(text, features)
    calls = [
        Call(name, tuple(int(arg, 0) for arg in args.split(",") if arg.strip()))
        for name, args in _CALL.findall(text)
    ]
    used = frozenset({"mvp"})
    return Program(module, tuple(calls), used, features, ";; relaxed" not in text, portable=True)
