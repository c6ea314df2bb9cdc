"""The official component suite: every component in it is read, and valid or rejected with the words
that the scripts expect; text and bytes say the same; and all scripts run, in every tier.
"""

from collections import Counter
from functools import cache
from pathlib import Path

import pytest

from tests.component.same import normal
from tests.corpora import corpora
from tests.scoreboard import Score
from wadjet.base.errors import Invalid, Malformed
from wadjet.component import text
from wadjet.component.binary import decode, encode
from wadjet.component.component import Component
from wadjet.component.text.printer import print_component
from wadjet.component.validate import validate
from wadjet.core.features import Features
from wadjet.script.ast import AssertRejects, Define, Source
from wadjet.script.parse import parse_script
from wadjet.script.suite import run_file, settings_for

#: at least so many scripts, components that are valid, and components that are rejected
SCRIPTS, VALID, REJECTED = 63, 285, 455
#: assertions, and commands in all
ASSERTIONS, COMMANDS = 980, 1425
#: what cannot be said in text: a form of names that means what another does, an attribute twice
UNSPEAKABLE = {"binary.wast:1187", "binary.wast:1379"}
_ERRORS = {"malformed": Malformed, "invalid": Invalid}


@cache
def folder() -> Path:
    return corpora("component-model")


def scripts() -> list[Path]:
    return sorted(folder().rglob("*.wast"))


def load(source: Source, features: Features) -> Component:
    if source.form == "binary":
        return decode(source.data, features)
    if source.form == "quote":
        return text.parse(source.data, features)
    return text.parse_at(source.tokens, source.at, features)[0]


def complaint(command: Define | AssertRejects, features: Features) -> str | None:
    """What is wrong with what becomes of a component."""
    how, words = "", ""
    if isinstance(command, AssertRejects) and command.how in _ERRORS:
        how, words = command.how, command.message
    try:
        validate(load(command.source, features), features)
    except (Malformed, Invalid) as error:
        if not how or not isinstance(error, _ERRORS[how]):
            return f"expected {how or 'valid'}, got {error!r}"
        return None if words in error.message else f"expected {words!r}, got {error.message!r}"
    return f"accepted, expected {words!r}" if how else None


def test_every_component(score: Score) -> None:
    found: Counter[str] = Counter()
    wrong = []
    for path in scripts():
        features = settings_for(path, "interpreter").features
        for command in parse_script(path.read_bytes()).commands:
            if not isinstance(command, Define | AssertRejects):
                continue
            problem = complaint(command, features)
            kind = "rejected"
            if isinstance(command, Define) or command.how not in _ERRORS:
                kind = "valid"
            found["wrong" if problem is not None else kind] += 1
            if problem is not None:
                wrong.append(f"{path.name}:{command.line}: {problem}")
    print(", ".join(f"{count} {kind}" for kind, count in sorted(found.items())))  # noqa: T201
    score("component-model", "static", found["valid"] + found["rejected"], len(wrong))
    assert wrong == []
    assert len(scripts()) >= SCRIPTS
    assert found["valid"] >= VALID
    assert found["rejected"] >= REJECTED


@pytest.mark.parametrize("tier", ["interpreter", "baseline", "optimizing", "auto"])
def test_every_script(score: Score, tier: str) -> None:
    passed, wrong, asserted = 0, [], 0
    for path in scripts():
        commands = parse_script(path.read_bytes()).commands
        asserted += sum(type(command).__name__.startswith("Assert") for command in commands)
        done = run_file(path, tier)
        passed += len(done.results) - len(done.failures)
        wrong += [f"{path.name}:{failure.line}: {failure.reason}" for failure in done.failures]
    score("component-model", tier, passed, len(wrong))
    assert wrong == []
    assert asserted >= ASSERTIONS
    assert passed >= COMMANDS


@pytest.mark.parametrize("names", [True, False])
def test_text_and_bytes_say_the_same(names: bool) -> None:
    wrong, count = [], 0
    for path in scripts():
        features = settings_for(path, "interpreter").features
        for command in parse_script(path.read_bytes()).commands:
            where = f"{path.name}:{command.line}"
            if not isinstance(command, Define | AssertRejects) or where in UNSPEAKABLE:
                continue
            try:
                component = load(command.source, features)
            except Malformed:
                continue
            count += 1
            written = encode(component)
            if encode(decode(written, features)) != written:
                wrong.append(f"{where}: written and read")
            printed = print_component(component, names=names)
            again = text.parse(printed, features)
            if print_component(again, names=names) != printed:
                wrong.append(f"{where}: printed twice")
            if normal(again) != normal(decode(written, features)):
                wrong.append(f"{where}: printed and parsed")
    assert wrong == []
    assert count >= VALID + REJECTED - 100
