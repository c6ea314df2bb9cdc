"""The only place that knows the tokens of WIT (WIT.md, lexical structure): text → `Tokens`.

The kind of a token is its own spelling, where it is a keyword or an operator, or else one of

    NAME      an identifier, `%` or not        INTEGER   digits
    STRING    a string in quotes               END       the end of the text
    BAD       what is no token: whoever comes to it raises its `fault`

A fault waits in the stream so that what is wrong before it is reported first. Comments are kept
aside with the number of the token they precede: those before an item document it.
"""

import re
from bisect import bisect_right
from dataclasses import dataclass, field
from typing import Final, final

from wadjet.base.errors import Invalid, Malformed
from wadjet.base.spans import Place

NAME: Final = "NAME"
STRING: Final = "STRING"
INTEGER: Final = "INTEGER"
END: Final = "END"
BAD: Final = "BAD"

KEYWORDS: Final = frozenset(
    "as async bool borrow char constructor enum error-context export f32 f64 flags from func "
    "future import include interface list map option own package record resource result s16 s32 "
    "s64 s8 static stream string tuple type u16 u32 u64 u8 use variant with world _".split()
)

_ESCAPE: Final = r"""\\(?:[tnr"'\\]|[0-9a-fA-F]{2}|u\{[0-9a-fA-F]+(?:_[0-9a-fA-F]+)*\})"""
_CHARACTERS: Final = r'[^"\\\x00-\x1f\x7f]'
_TOKEN: Final = re.compile(
    rf"""
    (?P<space>[ \t\r\n]++)
  | (?P<line>//[^\n]*+)
  | (?P<block>/\*)
  | (?P<word>%?+[^\W\d][\w-]*+|%)
  | (?P<integer>[0-9]++)
  | (?P<string>"{_CHARACTERS}*+(?:{_ESCAPE}{_CHARACTERS}*+)*+")
  | (?P<operator>->|[=,:;(){{}}<>\[\]*/.@+-])
    """,
    re.VERBOSE,
)
_COMMENT_EDGE: Final = re.compile(r"/\*|\*/")
_PART_OF_STRING: Final = re.compile(rf'"(?:{_CHARACTERS}|{_ESCAPE})*+')
_LABEL: Final = re.compile(r"(?:[a-z][a-z0-9]*|[A-Z][A-Z0-9]*)(?:-(?:[a-z0-9]+|[A-Z0-9]+))*")
#: control characters, overrides of direction, surrogates, what Unicode deprecates or discourages
_FORBIDDEN: Final = re.compile(
    "[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff"
    "\u0149\u0673\u0f77\u0f79\u17a3\u17a4\u17b4\u17b5]"
)


@final
class Source:
    """A text and the name it is known by."""

    __slots__ = ("_lines", "name", "text")

    def __init__(self, name: str, text: str) -> None:
        self.name: Final = name
        self.text: Final = text
        self._lines: list[int] = []

    def place(self, at: int) -> Place:
        """Line, column and, unless it is very long, the line itself."""
        if not self._lines:
            self._lines = [0, *(found.end() for found in re.finditer("\n", self.text))]
        line = bisect_right(self._lines, at)
        start = self._lines[line - 1]
        end = self.text.find("\n", start)
        end = min(len(self.text) if end < 0 else end, at + 80)
        excerpt = self.text[start:end].rstrip("\r") if at - start < 200 else None
        return Place(line=line, column=at - start + 1, excerpt=excerpt, source=self.name)


@dataclass(frozen=True, slots=True)
class Spot:
    """A character of a source, as the beginning of what is written there."""

    source: Source = field(repr=False)
    at: int

    def place(self) -> Place:
        """Where that is, for people."""
        return self.source.place(self.at)

    def malformed(self, message: str) -> Malformed:
        """A fault of syntax that points here."""
        return Malformed(message, self.place())

    def invalid(self, message: str) -> Invalid:
        """A fault of meaning that points here."""
        return Invalid(message, self.place())


@final
class Tokens:
    """All tokens of a source: the i-th is of `kinds[i]` and is `text[starts[i]:ends[i]]`.

    `comments[i]` are the comments right before it, as written, each with its start.
    """

    __slots__ = ("comments", "ends", "fault", "kinds", "source", "starts")

    def __init__(self, source: Source) -> None:
        self.source: Final = source
        self.kinds: list[str] = []
        self.starts: list[int] = []
        self.ends: list[int] = []
        self.comments: dict[int, list[tuple[int, str]]] = {}
        self.fault: Malformed | None = None

    def spelling(self, index: int) -> str:
        """A token as written."""
        return self.source.text[self.starts[index] : self.ends[index]]

    def spot(self, index: int) -> Spot:
        """Where a token begins."""
        return Spot(self.source, self.starts[index])

    def describe(self, index: int) -> str:
        """A token in words, for a message about it."""
        match self.kinds[index]:
            case "NAME":
                return f"the name `{_short(self.spelling(index))}`"
            case "INTEGER":
                return f"the number {_short(self.spelling(index))}"
            case "STRING":
                return "a string"
            case "END":
                return "the end of the file"
            case kind:
                return f"keyword `{kind}`" if kind in KEYWORDS else f"`{kind}`"

    def add(self, kind: str, start: int, end: int) -> None:
        """Append a token."""
        self.kinds.append(kind)
        self.starts.append(start)
        self.ends.append(end)

    def comment(self, start: int, end: int) -> None:
        """Keep a comment aside."""
        found = (start, self.source.text[start:end])
        self.comments.setdefault(len(self.kinds), []).append(found)


def tokenize(source: Source) -> Tokens:
    """Cut a source into tokens; nothing but the END follows a BAD one.

    Raises Malformed for characters that may stand nowhere in WIT.
    """
    text = source.text
    forbidden = _FORBIDDEN.search(text)
    if forbidden is not None:
        spot = Spot(source, forbidden.start())
        raise spot.malformed(f"the character U+{ord(forbidden[0]):04X} may not stand in WIT")
    tokens = Tokens(source)
    at = 1 if text.startswith("\ufeff") else 0
    while at < len(text):
        match = _TOKEN.match(text, at)
        if match is None:
            return _bad(tokens, at, _complaint(text, at))
        end = match.end()
        match match.lastgroup:
            case "word":
                word = match[0]
                tokens.add(word if word in KEYWORDS else NAME, at, end)
            case "operator":
                tokens.add(match[0], at, end)
            case "integer":
                tokens.add(INTEGER, at, end)
            case "string":
                tokens.add(STRING, at, end)
            case "line":
                tokens.comment(at, end)
            case "block":
                end = _block_end(text, end)
                if end < 0:
                    return _bad(tokens, at, "this comment has no end: `*/` is missing")
                tokens.comment(at, end)
        at = end
    return _close(tokens)


def _close(tokens: Tokens) -> Tokens:
    """Add the END, twice: who passes it still stands somewhere."""
    end = len(tokens.source.text)
    tokens.add(END, end, end)
    tokens.add(END, end, end)
    return tokens


def _bad(tokens: Tokens, at: int, message: str) -> Tokens:
    tokens.fault = Spot(tokens.source, at).malformed(message)
    tokens.add(BAD, at, at)
    return _close(tokens)


def _block_end(text: str, at: int) -> int:
    """Where the block comment ends whose opening ends at `at`; they nest. -1: nowhere."""
    depth = 1
    for edge in _COMMENT_EDGE.finditer(text, at):
        depth += 1 if edge[0] == "/*" else -1
        if depth == 0:
            return edge.end()
    return -1


def _complaint(text: str, at: int) -> str:
    if text[at] != '"':
        return f"the character {text[at]!r} begins nothing"
    part = _PART_OF_STRING.match(text, at)
    assert part is not None, "a quote begins a string"
    if text.startswith("\\", part.end()):
        return f"unknown escape `{_short(text[part.end() : part.end() + 2])}` in a string"
    return "unterminated string"


def _short(text: str) -> str:
    return text if len(text) <= 40 else f"{text[:40]}…"


def label(spelling: str, spot: Spot) -> str:
    """The name that an identifier stands for: kebab-case, without `%`. Raises Malformed."""
    name = spelling.removeprefix("%")
    if not _LABEL.fullmatch(name):
        rule = "words of one case, the first beginning with a letter, joined by `-`"
        raise spot.malformed(f"`{_short(name)}` is not a name: names are {rule}")
    return name


def string_value(spelling: str, spot: Spot) -> str:
    """What a string token stands for. Raises Malformed if its bytes are not UTF-8."""
    made = bytearray()
    at, end = 1, len(spelling) - 1
    while at < end:
        stop = spelling.find("\\", at, end)
        stop = end if stop < 0 else stop
        made += spelling[at:stop].encode()
        if stop < end:
            stop = _escape(spelling, stop + 1, made, spot)
        at = stop
    try:
        return made.decode()
    except UnicodeDecodeError:
        raise spot.malformed("malformed UTF-8 encoding in a string") from None


_SIMPLE: Final = {"t": 9, "n": 10, "r": 13, '"': 34, "'": 39, "\\": 92}


def _escape(spelling: str, at: int, made: bytearray, spot: Spot) -> int:
    """Add the character whose escape goes on at `at`; the result is where it ends."""
    char = spelling[at]
    if char in _SIMPLE:
        made.append(_SIMPLE[char])
        return at + 1
    if char != "u":
        made.append(int(spelling[at : at + 2], 16))
        return at + 2
    end = spelling.index("}", at)
    digits = spelling[at + 2 : end].replace("_", "").lstrip("0")
    number = int(digits or "0", 16) if len(digits) <= 6 else 0x110000
    if number >= 0x110000 or 0xD800 <= number < 0xE000:
        raise spot.malformed(f"`\\u{{{_short(digits)}}}` is not a character")
    made += chr(number).encode()
    return end + 1
