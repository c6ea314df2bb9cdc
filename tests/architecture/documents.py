"""The documents of the project, cut into what can be checked: code, links, names."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.architecture import tree

_FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.M | re.S)
_LINK = re.compile(r"\[[^\]]*\]\(([^)#\s]+)(#[^)\s]*)?\)")
_CODE = re.compile(r"`([^`\n]+)`")


@dataclass(frozen=True)
class Block:
    """A fenced block: its language, its text, and the line where the text begins."""

    language: str
    text: str
    line: int


def documents() -> list[Path]:
    """Every markdown file of the project."""
    return [path for path in tree.files() if path.suffix == ".md"]


def blocks(path: Path) -> list[Block]:
    """The fenced blocks of a document, in order."""
    text = path.read_text()
    return [
        Block(found[1], found[2], text.count("\n", 0, found.start()) + 2)
        for found in _FENCE.finditer(text)
    ]


def _prose(path: Path) -> str:
    return _FENCE.sub("", path.read_text())


def links(path: Path) -> Iterator[Path]:
    """The files that a document links to."""
    for found in _LINK.finditer(_prose(path)):
        if "://" not in found[1]:
            yield (path.parent / found[1]).resolve()


def names(path: Path) -> Iterator[str]:
    """What stands in backticks."""
    yield from (found[1] for found in _CODE.finditer(_prose(path)))
