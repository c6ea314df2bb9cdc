"""The names of imports and exports (Explainer.md, "Import and Export Definitions"): their grammar,
and when two of them are too much alike.

What is wrong with a name is raised as `Invalid` without a place.
"""

import re
from dataclasses import dataclass
from typing import Final

from wadjet.base.errors import Invalid
from wadjet.core.features import Features
from wadjet.wit.semver import parse_version, split

_LABEL: Final = re.compile(
    "(?:[a-z][0-9a-z]*|[A-Z][0-9A-Z]*)(?:-(?:[0-9a-z]+|[0-9A-Z]+))*", re.ASCII
)
_CANONICAL: Final = re.compile(r"[1-9][0-9]*|0\.[1-9][0-9]*|0\.0\.[1-9][0-9]*|0\.0\.0", re.ASCII)
_ANNOTATION: Final = re.compile(r"\[(constructor|method|static)\]")
_NUMBERS: Final = ("major", "minor", "patch")


@dataclass(frozen=True, slots=True)
class Name:
    """A name that is well-formed. `kind` is "label", "constructor", "method", "static" or
    "interface"; `resource` is the first label of the annotated ones; `version` is what follows the
    @ of an interface name."""

    text: str
    kind: str
    resource: str = ""
    version: str | None = None

    @property
    def key(self) -> str:
        """Names with the same key must not stand side by side: they are not strongly unique."""
        lower = self.text.lower()
        if self.kind not in ("method", "static"):
            return lower
        plain = lower.partition("]")[2]
        resource, _, member = plain.partition(".")
        return resource if resource == member else plain


def is_label(text: str) -> bool:
    """Whether a text is a label: words and acronyms with hyphens between them."""
    return _LABEL.fullmatch(text) is not None


def parse_name(text: str, features: Features) -> Name:
    """Read the name of an import or export. What follows an @ is left for `check_version`."""
    annotated = _ANNOTATION.match(text)
    if annotated is not None:
        return _annotated(text, annotated[1], text[annotated.end() :])
    if ":" in text:
        return _interface(text, "cm-nested-names" in features)
    _check_label(text)
    return Name(text, "label")


def _check_label(text: str) -> None:
    if not is_label(text):
        raise Invalid(f"`{text}` is not in kebab case")


def _annotated(text: str, kind: str, rest: str) -> Name:
    if kind == "constructor":
        _check_label(rest)
        return Name(text, kind, rest)
    resource, dot, member = rest.partition(".")
    if not dot:
        raise Invalid("failed to find `.` character")
    _check_label(resource)
    _check_label(member)
    return Name(text, kind, resource)


def _interface(text: str, nested: bool) -> Name:
    """`<namespace> <words> <projection> <version>?`, repeated parts where they are on."""
    path, at, version = text.partition("@")
    package, slash, projection = path.partition("/")
    namespaces = package.split(":")
    for words in namespaces[: None if nested else 2]:
        _check_words(words)
    if len(namespaces) < 2:
        raise Invalid("expected `:` after namespace")
    if (len(namespaces) > 2 and not nested) or not slash:
        raise Invalid("expected `/` after package name")
    labels = projection.split("/")
    for label in labels[: None if nested else 1]:
        _check_label(label)
    if len(labels) > 1 and not nested:
        rest = path[len(package) + 1 + len(labels[0]) :]
        raise Invalid(f"trailing characters found: `{rest}`")
    return Name(text, "interface", version=version if at else None)


def _check_words(words: str) -> None:
    _check_label(words)
    for char in words:
        if char.isupper():
            raise Invalid(f"character `{char}` is not lowercase in package name/namespace")


def check_version(version: str, suffix: str | None, features: Features) -> None:
    """Check the version of an interface name: a semantic version, or the canonical part of one
    whose rest may stand in the versionsuffix."""
    if suffix is not None:
        whole = parse_version(version + suffix)
        if _CANONICAL.fullmatch(version) is None:
            raise Invalid(f"version `{version}` is not canonical, as a versionsuffix demands")
        if whole is None or split(whole)[0] != version:
            raise Invalid(f"`{version}` and versionsuffix `{suffix}` do not make a version")
        return
    if "cm-canonical-names" in features and _CANONICAL.fullmatch(version):
        return
    if parse_version(version) is None:
        raise Invalid(f"invalid interface version: {_version_problem(version)}")


def _version_problem(text: str) -> str:
    """What is wrong with a text that is no semantic version."""
    if not text:
        return "empty string, expected a version"
    at = 0
    for i, number in enumerate(_NUMBERS):
        start = at
        while at < len(text) and text[at] in "0123456789":
            at += 1
        if at == start:
            if at == len(text):
                return f"unexpected end of input while reading the {number} number"
            return f"unexpected character {text[at]!r} while reading the {number} number"
        if text[start] == "0" and at - start > 1:
            return f"invalid leading zero in the {number} number"
        if i < 2:
            if at == len(text):
                return f"unexpected end of input after the {number} number"
            if text[at] != ".":
                return f"unexpected character {text[at]!r} after the {number} number"
            at += 1
    return _identifier_problem(text, at)


def _identifier_problem(text: str, at: int) -> str:
    if at < len(text) and text[at] not in "-+":
        return f"unexpected character {text[at]!r} after the patch number"
    before, _, build = text[at:].partition("+")
    parts = before[1:].split(".") if before else []
    parts += build.split(".") if "+" in text[at:] else []
    if "" in parts:
        return "empty identifier segment"
    return "a number out of range, or an identifier with a leading zero or a strange character"
