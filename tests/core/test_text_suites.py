"""Every module of the official scripts: those in text parse, those that must not are rejected."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.corpora import corpora
from wadjet.base.errors import Invalid, Malformed
from wadjet.core.text.parse import parse, parse_at
from wadjet.script.ast import AssertRejects, Command, Define, Source, Thread
from wadjet.script.parse import parse_script
from wadjet.script.suite import settings_for


def commands(of: list[Command]) -> Iterator[Command]:
    """All commands, those of threads included."""
    for command in of:
        yield command
        if isinstance(command, Thread):
            yield from commands(command.commands)


def verdict(source: Source, path: Path) -> Malformed | Invalid | None:
    """Parse a module that is given as text: how it was rejected, if it was."""
    features = settings_for(path, "interpreter").features
    try:
        if source.form == "text":
            parse_at(source.tokens, source.at, features)
        else:
            parse(source.data if source.form == "quote" else source.tokens.source, features)
    except (Malformed, Invalid) as error:
        return error
    return None


def complaint(command: Define | AssertRejects, error: Malformed | Invalid | None) -> str:
    """What is wrong with a verdict, or nothing."""
    malformed = isinstance(error, Malformed)
    if isinstance(command, AssertRejects) and (command.how == "malformed" or command.custom):
        if error is None:
            return f"accepted, expected {command.message!r}"
        fits = f": {error.message}".find(f": {command.message}") >= 0
        fits = fits and malformed == (command.how == "malformed")
        return "" if fits else f"expected {command.message!r}, got {error!r}"
    return "" if error is None else f"rejected: {error}"


@pytest.mark.parametrize(
    ("suite", "modules", "rejections"),
    [("spec-core", 4700, 1150), ("spec-custom", 8, 36), ("spec-proposals", 900, 45)],
)
def test_all_modules(suite: str, modules: int, rejections: int) -> None:
    accepted, rejected, wrong = 0, 0, []
    for path in sorted(corpora(suite).rglob("*.wast")):
        for command in commands(parse_script(path.read_bytes()).commands):
            if not isinstance(command, Define | AssertRejects) or command.source.form == "binary":
                continue
            if command.source.what != "module":
                continue
            error = verdict(command.source, path)
            accepted, rejected = accepted + (error is None), rejected + (error is not None)
            said = complaint(command, error)
            if said:
                wrong.append(f"{path}:{command.line}: {said}")
    assert not wrong
    assert accepted >= modules
    assert rejected >= rejections
