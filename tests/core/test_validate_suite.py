"""The official suites: every module that must be accepted or rejected, and with which words.

Only parsing, decoding and validation take part; nothing runs.
"""

from pathlib import Path

import pytest

from tests.corpora import corpora
from wadjet.base.errors import Error, Invalid, Malformed
from wadjet.core.binary import decode
from wadjet.core.features import Features
from wadjet.core.module import Module
from wadjet.core.text.parse import parse, parse_at
from wadjet.core.validate import validate
from wadjet.script.ast import AssertRejects, Command, Define, Source
from wadjet.script.parse import parse_script
from wadjet.script.suite import scripts, settings_for

#: What must be rejected, and as what; other rejections happen when a module is linked or started.
REJECTED = {"malformed": Malformed, "invalid": Invalid}


def load(source: Source, features: Features) -> Module:
    if source.form == "binary":
        return decode(source.data, features)
    if source.form == "quote":
        return parse(source.data, features)
    if source.form == "fields":
        return parse(source.tokens.source, features)
    return parse_at(source.tokens, source.at, features)[0]


def complaint(command: Command, features: Features) -> str | None:
    """What is wrong with what happens to the module of a command, if it has one."""
    if not isinstance(command, Define | AssertRejects) or command.source.what != "module":
        return None
    how, words = "", ""
    if isinstance(command, AssertRejects):
        how, words = command.how, command.message
    expected = REJECTED.get(how)
    try:
        validate(load(command.source, features), features)
    except (Malformed, Invalid) as error:
        if expected is None or not isinstance(error, expected):
            return f"line {command.line}: expected {how or 'valid'}, got {error!r}"
        if expected is Invalid and words not in error.message:  # the readers test their own words
            return f"line {command.line}: expected {words!r}, got {error}"
        return None
    return None if expected is None else f"line {command.line}: accepted, {words!r}"


def complaints(path: Path) -> list[str]:
    features = settings_for(path, "interpreter").features
    try:
        script = parse_script(path.read_bytes())
    except Error as error:
        return [str(error)]
    found = [complaint(command, features) for command in script.commands]
    return [text for text in found if text is not None]


@pytest.mark.parametrize("suite", ["spec-core", "spec-proposals"])
def test_suite(suite: str) -> None:
    failures: list[str] = []
    for path in scripts([corpora(suite)]):
        failures += [f"{path}: {text}" for text in complaints(path)]
    assert failures == []
