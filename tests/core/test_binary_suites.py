"""Every binary module of the official suites: malformed with the official words, or read."""

from functools import cache
from pathlib import Path

import pytest

from tests.core.wast_binaries import BinaryModule, binary_modules
from tests.corpora import corpora
from wadjet.base.errors import Malformed
from wadjet.core.binary import decode
from wadjet.core.features import DEFAULT, WASM2, Features

#: part of a path → the features its scripts are written for
FEATURES: dict[str, Features] = {
    "threads-main": WASM2 | {"threads"},
    "testsuite/threads": WASM2 | {"threads"},
    "custom-page-sizes": DEFAULT | {"custom-page-sizes"},
    "custom-descriptors": DEFAULT | {"custom-descriptors"},
    "stack-switching": DEFAULT | {"stack-switching"},
    "rounding-mode-control": DEFAULT | {"rounding-variants"},
    "shared-everything-threads": DEFAULT | {"shared-everything-threads"},
    "legacy": DEFAULT | {"legacy-exceptions"},
}


def features_of(path: Path) -> Features:
    text = path.as_posix()
    return next((found for part, found in FEATURES.items() if part in text), DEFAULT)


#: Where our words differ from the script's, and why.
LEDGER = {
    # The index of an exact heap type is a u32 in the proposal, so a second 0x62 is index 98, and
    # the fault is the byte too many; the script thinks of a signed index.
    "exact.wast:155": "section size mismatch",
}


@cache
def cases(suite: str) -> list[tuple[BinaryModule, Features]]:
    return [
        (module, features_of(path))
        for path in sorted(corpora(suite).rglob("*.wast"))
        for module in binary_modules(path)
    ]


#: suite → how many malformed modules and how many others it has, at least
SUITES = {"spec-core": (711, 99), "spec-custom": (0, 1), "spec-proposals": (316, 71)}


@pytest.mark.parametrize("suite", SUITES)
@pytest.mark.parametrize("lazy", [False, True])
def test_official_binaries(suite: str, lazy: bool) -> None:
    wrong = []
    counts = {True: 0, False: 0}
    for module, features in cases(suite):
        counts[module.verdict == "malformed"] += 1
        found = outcome(module.data, features, lazy)
        expected = module.message if module.verdict == "malformed" else ""
        expected = LEDGER.get(module.where, expected)
        if lazy and expected and found:
            continue  # a body is read after the rest, so another fault may be found first
        if expected not in found or bool(expected) != bool(found):
            wrong.append(f"{module.where}: expected {expected!r}, found {found!r}")
    assert wrong == []
    least_malformed, least_other = SUITES[suite]
    assert counts[True] >= least_malformed
    assert counts[False] >= least_other


def outcome(data: bytes, features: Features, lazy: bool) -> str:
    """The complaint about a module, empty if there is none."""
    try:
        module = decode(data, features, lazy=lazy)
        for code in module.codes:
            assert code.body.ops[-1] == 0x0B
    except Malformed as error:
        return error.message
    return ""
