"""The only place that knows the tokens of the text format (spec 6.3): source → `Tokens`.

A token is its own spelling: the first character tells what it is, so no kinds are stored.

    ( )          parentheses                 "…"   a string, quotes and escapes as written
    $…           an identifier               0-9 + -   a number
    a-z          a keyword                   ""    the end (there are several, for look-ahead)

White space and comments leave no trace. Annotations are taken out of the stream, checked for
lexical form and kept aside with the index of the token they precede.
"""

import re
from typing import Final, final

from wadjet.base.errors import Malformed
from wadjet.base.spans import Place

_ESCAPE: Final = r"""\\(?:[tnr"'\\]|[0-9a-fA-F]{2}|u\{[0-9a-fA-F]+(?:_[0-9a-fA-F]+)*\})"""
_STRING: Final = rf'"[^"\\\x00-\x1f\x7f]*+(?:{_ESCAPE}[^"\\\x00-\x1f\x7f]*+)*+"'
_IDCHAR: Final = r"[0-9A-Za-z!#$%&'*+\-./:<=>?@\\^_`|~]"
_COMMENT: Final = r";;[^\n\r]*+|\(;[^;(]*+(?:(?:;(?!\))|\((?!;))[^;(]*+)*+;\)"

#: Group 1 is a token; group 2 marks what needs a closer look (annotation, nested comment, error).
_TOKEN: Final = re.compile(
    rf"(?:[ \t\n\r]++|{_COMMENT})*+"
    rf"(?:(\((?![;@])|\)|{_IDCHAR}++(?!\")|(?:{_IDCHAR}|{_STRING})++)|(.)|\Z)",
    re.DOTALL,
)
_PLAIN_STRING: Final = re.compile(_STRING)
_ANNOTATION: Final = re.compile(rf"\(@({_IDCHAR}+(?!\")|{_STRING}(?!{_IDCHAR}|\"))")
_NEWLINE: Final = re.compile(r"\r\n?|\n")
_END: Final = ("", "", "", "")


@final
class Annotation:
    """`(@name items…)`: `place` is where it starts, `token` the index of the token after it.

    `items` are its tokens without the outer parentheses, `places` where each is written;
    annotations inside are left out.
    """

    __slots__ = ("end", "items", "name", "place", "places", "token")

    def __init__(self, name: str, place: int, token: int) -> None:
        self.name: Final = name
        self.place: Final = place
        self.token: Final = token
        self.items: list[str] = []
        self.places: list[int] = []
        self.end = place


@final
class Tokens:
    """All tokens of one source: `texts[i]` begins at `starts[i]`; the texts end in empty ones."""

    __slots__ = ("annotations", "source", "starts", "texts")

    def __init__(self, source: str) -> None:
        self.source: Final = source
        self.texts: list[str] = []
        self.starts: list[int] = []
        self.annotations: list[Annotation] = []

    def locate(self, place: int) -> Place:
        """Line and column of an index into the source."""
        return locate(self.source, place)

    def error(self, index: int, message: str) -> Malformed:
        """A rejection that points at token `index`."""
        return Malformed(message, self.locate(self.starts[index]))


def locate(source: str, place: int) -> Place:
    """Line, column and source line of an index into `source`."""
    line, start = 1, 0
    for newline in _NEWLINE.finditer(source, 0, place):
        line, start = line + 1, newline.end()
    found = _NEWLINE.search(source, place)
    end = len(source) if found is None else found.start()
    excerpt = source[start : min(end, place + 80)] if place - start < 200 else None
    return Place(line=line, column=place - start + 1, excerpt=excerpt)


def tokenize(source: str | bytes) -> Tokens:
    """Cut a source into tokens. Raises Malformed where the characters form none."""
    text = _decode(source)
    tokens = Tokens(text)
    texts, starts = tokens.texts, tokens.starts
    position = 0
    while position >= 0:
        stop = -1
        for match in _TOKEN.finditer(text, position):
            token = match[1]
            if token is None:
                stop = match.start(2)
                break
            texts.append(token)
            starts.append(match.start(1))
            if token[0] == '"' and not _PLAIN_STRING.fullmatch(token):
                raise tokens.error(len(texts) - 1, f"unknown operator {_short(token)}")
        position = _odd(tokens, stop) if stop >= 0 else -1
    texts.extend(_END)
    starts.extend([len(text)] * len(_END))
    return tokens


def _decode(source: str | bytes) -> str:
    """The source as characters; none of them a surrogate."""
    try:
        if isinstance(source, str):
            if not source.isascii():
                source.encode()
            return source
        return source.decode()
    except UnicodeDecodeError as error:
        good = error.object[: error.start].decode()
        raise Malformed("malformed UTF-8 encoding", locate(good, len(good))) from None
    except UnicodeEncodeError as error:
        raise Malformed("malformed UTF-8 encoding", Place(offset=error.start)) from None


def _odd(tokens: Tokens, at: int) -> int:
    """Go on at what the fast path does not know; the result is where to continue."""
    text = tokens.source
    if text.startswith("(;", at):
        return _block_comment(text, at)
    if text.startswith("(@", at):
        return _annotation(tokens, at)
    raise Malformed(_complaint(text, at, "misplaced"), locate(text, at))


def _complaint(text: str, at: int, fault: str) -> str:
    """What is wrong with the character at `at`; `fault` says it for characters of no token."""
    char = text[at]
    if char == '"':
        bad = _bad_string(text, at)
        return f"empty identifier: {bad}" if text[at - 1 : at] == "$" else bad
    if char in ",;[]{}":
        return f"unknown operator {char}"
    if fault == "illegal":
        return f"illegal character {char!r}"
    return f"misplaced {'control' if ord(char) < 0x20 else 'unicode'} character {char!r}"


def _bad_string(text: str, at: int) -> str:
    good = re.compile(rf'"(?:[^"\\\x00-\x1f\x7f]++|{_ESCAPE})*+').match(text, at)
    assert good is not None, "a quote begins a string"
    rest = text[good.end() : good.end() + 1]
    if rest in ("", "\n", "\r"):
        return "unclosed string literal"
    return "illegal escape" if rest == "\\" else "illegal control character in string literal"


def _block_comment(text: str, start: int) -> int:
    """Skip a comment that holds others. Returns the index after it."""
    depth = 0
    for mark in re.compile(r"\(;|;\)").finditer(text, start):
        depth += 1 if mark[0] == "(;" else -1
        if depth == 0:
            return mark.end()
    raise Malformed("unclosed comment", locate(text, start))


def _annotation(tokens: Tokens, start: int) -> int:
    """Take one annotation out of the stream, nested ones with it. Returns the index after it."""
    text = tokens.source
    made, position = _open_annotation(tokens, start)
    opened = [start]
    hidden = 0  # how many are open where a nested annotation began
    while opened:
        match = _TOKEN.match(text, position)
        assert match is not None, "every character matches"
        token, at, position = match[1], match.start(1), match.end()
        if token is None:
            at = match.start(2)
            if at < 0:
                raise Malformed("unclosed annotation", locate(text, opened[-1]))
            if text.startswith("(;", at):
                position = _block_comment(text, at)
                continue
            token, position = _odd_inside(text, at)
        if token == "$":
            raise Malformed("empty identifier", locate(text, at))
        if token[0] == "(":
            opened.append(at)
            hidden = hidden or (len(opened) if token != "(" else 0)
        if not hidden and (token != ")" or len(opened) > 1):
            made.items.append(token)
            made.places.append(at)
        if token == ")":
            hidden = hidden if hidden < len(opened) else 0
            opened.pop()
    made.end = position
    return position


def _odd_inside(text: str, at: int) -> tuple[str, int]:
    """What the fast path does not know, inside an annotation: the token and the index after it."""
    if text.startswith("(@", at):
        nested = _ANNOTATION.match(text, at)
        return ("(", at + 1) if nested is None else (nested[0], nested.end())
    if text[at] in ",;[]{}":
        return text[at], at + 1
    raise Malformed(_complaint(text, at, "illegal"), locate(text, at))


def _open_annotation(tokens: Tokens, at: int) -> tuple[Annotation, int]:
    """Read `(@name`. Returns the annotation and the index after its name."""
    match = _ANNOTATION.match(tokens.source, at)
    if match is None:
        raise Malformed("empty annotation id", locate(tokens.source, at))
    name = match[1]
    if name.startswith('"'):
        name = _annotation_name(tokens, name, at)
    made = Annotation(name, at, len(tokens.texts))
    tokens.annotations.append(made)
    return made, match.end()


def _annotation_name(tokens: Tokens, token: str, at: int) -> str:
    try:
        name = string_name(token)
    except Malformed as error:
        raise Malformed(error.message, tokens.locate(at)) from None
    if not name:
        raise Malformed("empty annotation id", tokens.locate(at))
    return name


def is_string(token: str) -> bool:
    """Whether the token is one string and nothing else."""
    return _PLAIN_STRING.fullmatch(token) is not None


_ESCAPES: Final = re.compile(_ESCAPE.encode())
_SIMPLE: Final = {b"t": b"\t", b"n": b"\n", b"r": b"\r", b'"': b'"', b"'": b"'", b"\\": b"\\"}


def string_bytes(token: str) -> bytes:
    """The bytes that a string token (with its quotes) stands for (spec 6.3.3).

    Raises Malformed, without a place, where an escape names no code point.
    """
    raw = token[1:-1].encode()
    if b"\\" not in raw:
        return raw
    try:
        return _ESCAPES.sub(_unescape, raw)
    except ValueError:
        raise Malformed("malformed UTF-8 encoding: no such code point") from None


def _unescape(match: re.Match[bytes]) -> bytes:
    body = match[0][1:]
    found = _SIMPLE.get(body)
    if found is not None:
        return found
    if body[:1] != b"u":
        return bytes.fromhex(body.decode())
    digits = body[2:-1].replace(b"_", b"").lstrip(b"0")
    if len(digits) > 6:
        raise ValueError(digits)
    return chr(int(digits or b"0", 16)).encode()


def string_name(token: str) -> str:
    """The name that a string token stands for: its bytes must be UTF-8 (spec 6.3.4)."""
    try:
        return string_bytes(token).decode()
    except UnicodeDecodeError:
        raise Malformed("malformed UTF-8 encoding") from None


def _short(token: str) -> str:
    return token if len(token) <= 40 else token[:37] + "..."
