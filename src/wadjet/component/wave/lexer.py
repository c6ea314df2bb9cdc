"""WAVE text → tokens, and the contents of characters and strings."""

import re
from typing import Final, final

from wadjet.base.errors import Invalid, Malformed
from wadjet.base.spans import Place

KEYWORDS: Final = frozenset(("true", "false", "some", "none", "ok", "err", "inf", "nan"))
#: kind of the token that stands at the end
END: Final = "end of input"

_ESCAPE: Final = r"\\['\"tnr\\]|\\u\{[0-9a-fA-F]{1,6}\}"
_SPACE: Final = re.compile(r"(?:[ \t\n\r]|//[^\n]*)*")
_TOKEN: Final = re.compile(
    r"(?P<mark>[{}()\[\]:,])"
    r"|(?P<number>-inf|-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][-+]?[0-9]+)?)"
    r"|(?P<label>%?(?:[a-z][a-z0-9]*|[A-Z][A-Z0-9]*)(?:-(?:[a-z0-9]+|[A-Z0-9]+))*)"
    rf"|(?P<char>'(?:[^\\'\n]|{_ESCAPE})')"
    r'|(?P<lines>"""(?s:.*?)""")'
    rf'|(?P<string>"(?:[^\\"\n]|{_ESCAPE})*")'
)
_SIMPLE: Final = {"'": "'", '"': '"', "\\": "\\", "t": "\t", "n": "\n", "r": "\r"}
_ANY_ESCAPE: Final = re.compile(r"\\(?:u\{([0-9a-fA-F]{1,6})\}|(.?))", re.DOTALL)


@final
class Reader:
    """A text and where reading has come to. `kind` is that of the token there, `text` the token."""

    __slots__ = ("_next", "at", "kind", "source", "text")

    def __init__(self, source: str, at: int = 0) -> None:
        self.source: Final = source
        self._next = at
        self.at = at
        self.kind = ""
        self.text = ""
        self.advance()

    def advance(self) -> None:
        """Go to the next token."""
        space = _SPACE.match(self.source, self._next)
        assert space is not None, "it matches nothing as well"
        self.at = space.end()
        if self.at == len(self.source):
            self.kind, self.text, self._next = END, "", self.at
            return
        found = _TOKEN.match(self.source, self.at)
        if found is None:
            raise self.malformed("invalid token")
        assert found.lastgroup is not None, "all ways to match have names"
        self.text = found.group()
        self.kind = self.text if found.lastgroup == "mark" else found.lastgroup
        self._next = found.end()

    def takes(self, kind: str) -> bool:
        """Go on if the token is of this kind, and say whether it was."""
        if self.kind != kind:
            return False
        self.advance()
        return True

    def expect(self, kind: str) -> str:
        """The text of a token of this kind, which must be there."""
        text = self.text
        if not self.takes(kind):
            raise self.unexpected(kind)
        return text

    def unexpected(self, wanted: str) -> Malformed:
        """The error of a token that should be another."""
        found = repr(self.text) if self.text else END
        return self.malformed(f"unexpected {found}: expected {wanted}")

    def malformed(self, message: str, at: int | None = None) -> Malformed:
        """The error of a text that is no value."""
        return Malformed(message, self.place(self.at if at is None else at))

    def misfit(self, message: str, at: int) -> Invalid:
        """The error of a value that is not of its type."""
        return Invalid(message, self.place(at))

    def place(self, at: int) -> Place:
        """Where an offset of the text lies."""
        start = self.source.rfind("\n", 0, at) + 1
        end = self.source.find("\n", at)
        line = self.source[start : end if end >= 0 else None]
        return Place(line=self.source.count("\n", 0, at) + 1, column=at - start + 1, excerpt=line)

    def contents(self) -> str:
        """What a character or string token means; goes on."""
        kind, text, at = self.kind, self.text, self.at
        made = self._lines(text[3:-3], at) if kind == "lines" else self._unescaped(text[1:-1], at)
        self.advance()
        return made

    def _unescaped(self, text: str, at: int) -> str:
        def replace(found: re.Match[str]) -> str:
            if found[1] is None:
                if found[2] not in _SIMPLE:
                    raise self.malformed("invalid character escape", at)
                return _SIMPLE[found[2]]
            code = int(found[1], 16)
            if code > 0x10FFFF or 0xD800 <= code < 0xE000:
                raise self.malformed("invalid character escape: no Unicode scalar value", at)
            return chr(code)

        return _ANY_ESCAPE.sub(replace, text) if "\\" in text else text

    def _lines(self, text: str, at: int) -> str:
        """The contents of a string of several lines: what stands before its end is taken from the
        start of each."""
        first, *rest = text.split("\n")
        if first.strip("\r") or not rest:
            raise self.malformed(
                'invalid multiline string: a newline must follow the first """', at
            )
        indent = rest.pop()
        if indent.strip(" "):
            raise self.malformed(
                'invalid multiline string: only spaces may precede the last """', at
            )
        made = []
        for line in rest:
            if not line.startswith(indent):
                raise self.malformed("invalid multiline string: a line is not indented enough", at)
            made.append(self._unescaped(line[len(indent) :].removesuffix("\r"), at))
        return "\n".join(made)
