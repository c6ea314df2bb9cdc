"""The only place that knows versions: Semantic Versioning 2.0, as WIT and interface names use it.

Two versions are on one *track* if the newer may stand in for the older. A track is spelt as the
canonical version of an interface name (Explainer.md, 🔗): all up to the first number that is not
zero, so `wasi:io/poll@0.2.6` has the canonical name `wasi:io/poll@0.2` and the suffix `.6`.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import total_ordering
from typing import Final

_NUMBER: Final = r"(?:0|[1-9][0-9]*)"
_PRE: Final = r"(?:0|[1-9][0-9]*|[0-9]*[A-Za-z-][0-9A-Za-z-]*)"
_BUILD: Final = r"[0-9A-Za-z-]+"
_VERSION: Final = re.compile(
    rf"({_NUMBER})\.({_NUMBER})\.({_NUMBER})"
    rf"(?:-({_PRE}(?:\.{_PRE})*))?(?:\+({_BUILD}(?:\.{_BUILD})*))?"
)
_TOO_BIG: Final = 1 << 64


@total_ordering
@dataclass(frozen=True, slots=True)
class Version:
    """`major.minor.patch-pre+build`; ordered by precedence, build identifiers last of all."""

    major: int
    minor: int
    patch: int
    pre: str = ""
    build: str = ""

    def __str__(self) -> str:
        pre = f"-{self.pre}" if self.pre else ""
        build = f"+{self.build}" if self.build else ""
        return f"{self.major}.{self.minor}.{self.patch}{pre}{build}"

    def __lt__(self, other: "Version") -> bool:
        return self._key() < other._key()

    def _key(self) -> tuple[object, ...]:
        numbers = (self.major, self.minor, self.patch)
        return (*numbers, self.pre == "", _identifiers(self.pre), _identifiers(self.build))


def _identifiers(text: str) -> list[tuple[bool, int, str]]:
    """Identifiers to compare: numbers by value and before words, words by their characters."""
    made = []
    for part in text.split(".") if text else ():
        number = part.isdecimal()
        digits = part.lstrip("0") if number else part
        made.append((not number, len(digits) if number else 0, digits))
    return made


def parse_version(text: str) -> Version | None:
    """Read a version that is the whole of `text`; None where it is none."""
    match = _VERSION.fullmatch(text)
    if match is None or max(len(match[i]) for i in (1, 2, 3)) > 20:
        return None
    numbers = [int(match[i]) for i in (1, 2, 3)]
    if max(numbers) >= _TOO_BIG:
        return None
    return Version(numbers[0], numbers[1], numbers[2], match[4] or "", match[5] or "")


def split(version: Version) -> tuple[str, str]:
    """The canonical version and the suffix that it leaves: `0.2.6-rc.1` → `0.2`, `.6-rc.1`."""
    if version.major:
        canonical = f"{version.major}"
    elif version.minor:
        canonical = f"0.{version.minor}"
    else:
        canonical = f"0.0.{version.patch}"
    return canonical, str(version)[len(canonical) :]


def compatible(wanted: Version, given: Version) -> bool:
    """Whether one of the two may stand in for the other, as far as their numbers tell.

    A pre-release promises nothing: it is compatible with itself alone, though its canonical name
    is that of the release.
    """
    if wanted.pre or given.pre:
        return str(wanted).partition("+")[0] == str(given).partition("+")[0]
    return split(wanted)[0] == split(given)[0]


def highest_versions(names: Iterable[str]) -> dict[str, str]:
    """For names with versions those that may stand in for them: of several on one track, the one
    of the highest version."""
    best: dict[tuple[str, str], tuple[Version, str]] = {}
    tracks: dict[str, tuple[str, str]] = {}
    for name in names:
        path, _, text = name.partition("@")
        version = parse_version(text)
        if version is not None and not version.pre:
            track = tracks[name] = path, split(version)[0]
            best[track] = max(best.get(track, (version, name)), (version, name))
    return {name: best[track][1] for name, track in tracks.items()}
