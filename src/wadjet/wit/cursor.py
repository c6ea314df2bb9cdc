"""Reading a stream of WIT tokens: what every production of the grammar begins with.

`Cursor` knows where it is, what it expected instead of what it found, names, versions, comments
and gates; the productions themselves are in `parse` and `types`.
"""

import re
from collections.abc import Callable
from typing import Final, TypeVar

from wadjet.base.errors import Malformed
from wadjet.wit.ast import Docs, Head, Id, PackageDecl, PackageName, Since, Unstable, UsePath
from wadjet.wit.lexer import (
    BAD,
    END,
    INTEGER,
    KEYWORDS,
    NAME,
    STRING,
    Source,
    Spot,
    label,
    string_value,
    tokenize,
)
from wadjet.wit.semver import Version, parse_version

_Item = TypeVar("_Item")

_WORD: Final = r"[0-9A-Za-z-]+(?:\.[0-9A-Za-z-]+)*+"
_VERSION: Final = re.compile(rf"[0-9]+\.[0-9]+\.[0-9]+(?:-{_WORD})?+(?:\+{_WORD})?+")


class Cursor:
    """A place in the tokens of a source."""

    def __init__(self, source: Source) -> None:
        self.tokens: Final = tokenize(source)
        self.index = 0
        self.kind = self.tokens.kinds[0]

    # Tokens

    def advance(self) -> None:
        """Go on to the next token."""
        self.index += 1
        self.kind = self.tokens.kinds[self.index]

    def ahead(self, by: int) -> str:
        """The kind of a later token; END where the text is shorter."""
        index = self.index + by
        return self.tokens.kinds[index] if index < len(self.tokens.kinds) else END

    def spot(self) -> Spot:
        """Where the current token begins."""
        return self.tokens.spot(self.index)

    def unexpected(self, expected: str, hint: str = "") -> Malformed:
        """The complaint that the current token is not what should be here."""
        if self.kind == BAD and self.tokens.fault is not None:
            return self.tokens.fault
        found = self.tokens.describe(self.index)
        return self.spot().malformed(f"expected {expected}, found {found}{hint}")

    def eat(self, kind: str) -> bool:
        """Pass a token of this kind, if it is here."""
        if self.kind != kind:
            return False
        self.advance()
        return True

    def expect(self, kind: str) -> Spot:
        """Pass a token of this kind, which must be here."""
        if self.kind != kind:
            raise self.unexpected(_NAMES.get(kind) or f"`{kind}`")
        spot = self.spot()
        self.advance()
        return spot

    def list_of(self, item: Callable[[], _Item], end: str) -> list[_Item]:
        """Items with commas between them, and maybe after the last, up to `end`."""
        items: list[_Item] = []
        while not self.eat(end):
            items.append(item())
            if not self.eat(","):
                self.expect(end)
                break
        return items

    # Names

    def id(self) -> Id:
        """An identifier."""
        if self.kind != NAME:
            hint = f" (as a name it is written `%{self.kind}`)" if self.kind in KEYWORDS else ""
            raise self.unexpected("a name", hint)
        spot = self.spot()
        name = label(self.tokens.spelling(self.index), spot)
        self.advance()
        return Id(name, spot)

    def version(self) -> Version:
        """A version; its tokens may have no white space between them."""
        source, start = self.tokens.source, self.tokens.starts[self.index]
        written = _VERSION.match(source.text, start)
        version = None if written is None else parse_version(written[0])
        if self.kind != INTEGER or written is None or version is None:
            if self.kind != INTEGER:
                raise self.unexpected("a version such as 1.0.0")
            raise self.spot().malformed("expected a version such as 1.0.0 or 1.0.0-rc.1")
        while self.tokens.starts[self.index] < written.end():
            self.advance()
        if self.tokens.ends[self.index - 1] != written.end():
            raise self.tokens.spot(self.index - 1).malformed("this cannot follow a version")
        return version

    def package_name(self) -> PackageDecl:
        """`namespace:name@version`; nested namespaces and packages (🪺) as well."""
        spot = self.spot()
        namespaces = [self.id().name]
        self.expect(":")
        name = self.id().name
        while self.eat(":"):
            namespaces.append(name)
            name = self.id().name
        while self.eat("/"):
            name = f"{name}/{self.id().name}"
        version = self.version() if self.eat("@") else None
        return PackageDecl(PackageName(":".join(namespaces), name, version), spot)

    def use_path(self) -> UsePath:
        """A name of this package, or the full name of something elsewhere."""
        first = self.id()
        if not self.eat(":"):
            return UsePath(first)
        parts = [first.name, self.id().name]
        while self.eat(":"):
            parts.append(self.id().name)
        self.expect("/")
        name = self.id()
        while self.eat("/"):
            parts[-1] = f"{parts[-1]}/{name.name}"
            name = self.id()
        version = self.version() if self.eat("@") else None
        package = PackageName(":".join(parts[:-1]), parts[-1], version)
        return UsePath(name, package, first.spot)

    # What stands before an item

    def docs(self) -> Docs | None:
        """The comments right before the current token."""
        comments = self.tokens.comments.get(self.index)
        if comments is None:
            return None
        spot = Spot(self.tokens.source, comments[0][0])
        return Docs(docs_text([written for _, written in comments]), spot)

    def head(self) -> Head:
        """Comments and attributes."""
        docs = self.docs()
        if self.kind != "@":
            return _BARE if docs is None else Head(docs)
        found: dict[str, tuple[Spot, Version | str]] = {}
        while self.kind == "@":
            self.advance()
            id = self.id()
            if id.name in found:
                raise id.spot.invalid(f"@{id.name} may be given once")
            found[id.name] = (id.spot, self._attribute(id))
        external = found.get("external-id")
        return Head(docs, _stability(found), None if external is None else str(external[1]))

    def _attribute(self, id: Id) -> Version | str:
        """The argument of an attribute, parentheses and all."""
        if id.name not in _ATTRIBUTES:
            known = "since, unstable, deprecated and external-id"
            raise id.spot.malformed(f"unknown attribute @{id.name}: there are {known}")
        self.expect("(")
        value: Version | str
        field = _ATTRIBUTES[id.name]
        if not field:
            written = self.tokens.spelling(self.index)
            spot = self.expect(STRING)
            value = string_value(written, spot)
        else:
            given = self.id()
            if given.name != field:
                raise given.spot.malformed(f"expected `{field}`, found `{given.name}`")
            self.expect("=")
            value = self.id().name if field == "feature" else self.version()
        self.expect(")")
        return value


_BARE: Final = Head()
_NAMES: Final = {STRING: "a string", END: "the end"}
#: attribute → the name of its argument, or nothing if that is a plain string
_ATTRIBUTES: Final = {
    "since": "version",
    "unstable": "feature",
    "deprecated": "version",
    "external-id": "",
}


def _stability(found: dict[str, tuple[Spot, Version | str]]) -> Since | Unstable | None:
    """The gate that some attributes make."""
    deprecated = found.get("deprecated")
    until = deprecated[1] if deprecated is not None else None
    assert not isinstance(until, str), "an argument named version is a version"
    if "since" in found:
        spot, version = found["since"]
        assert isinstance(version, Version), "an argument named version is a version"
        if "unstable" in found:
            raise spot.invalid("an item is either @since or @unstable, not both")
        return Since(version, until)
    if "unstable" in found:
        return Unstable(str(found["unstable"][1]), until)
    if deprecated is not None:
        raise deprecated[0].invalid("@deprecated goes with @since or @unstable")
    return None


def docs_text(comments: list[str]) -> str:
    """Comments as one text: without their marks, moved left together, without blank ends."""
    texts = []
    for comment in comments:
        # of a block that is no documentation other tools keep the rest of its marks, too
        text = comment[3:-2] if comment.startswith("/**") else comment.lstrip("/")
        texts.append(text.rstrip())
    margin = min((len(text) - len(text.lstrip(" \t")) for text in texts if text), default=0)
    lines: list[str] = []
    for text in texts:
        blank = " " * margin
        lines.extend(text.removeprefix(blank).replace("\r\n", "\n").split("\n"))
    return "\n".join(lines).rstrip("\n")
