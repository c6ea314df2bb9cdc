"""Annotations with a meaning: @custom sections, @name, @metadata.code.branch_hint.

All others have been read for their form by the lexer and are left alone.
"""

from bisect import bisect_left, bisect_right
from typing import Final, final

from wadjet.base.errors import Invalid, Malformed
from wadjet.core.body import Body
from wadjet.core.module import Custom, Module
from wadjet.core.opcodes import Op
from wadjet.core.text.lexer import Annotation, Tokens, string_bytes, string_name

_HINT: Final = "metadata.code.branch_hint"
#: section names in the order of a binary module, with their ids
_SECTIONS: Final = {
    "type": 1, "import": 2, "func": 3, "table": 4, "memory": 5, "tag": 13, "global": 6,
    "export": 7, "start": 8, "elem": 9, "datacount": 12, "code": 10, "data": 11,
}  # fmt: skip
_ORDER: Final = (0, *_SECTIONS.values())


@final
class Annotations:
    """The annotations of one source, as the parser of one module in it meets them."""

    __slots__ = ("_made", "_tokens", "_used")

    def __init__(self, tokens: Tokens, made: Module) -> None:
        self._tokens: Final = tokens
        self._made: Final = made
        self._used: Final[set[int]] = set()

    def _between(self, first: int, last: int) -> list[Annotation]:
        """Those before one of the tokens first … last."""
        every = self._tokens.annotations
        low = bisect_left(every, first, key=_token)
        return every[low : bisect_right(every, last, key=_token)]

    def before(self, token: int) -> list[Annotation]:
        """Those just before one token."""
        return self._between(token, token) if self._tokens.annotations else []

    def _error(self, place: int, message: str) -> Malformed:
        return Malformed(message, self._tokens.locate(place))

    def _bytes(self, token: str, place: int) -> bytes:
        try:
            return string_bytes(token)
        except Malformed as error:
            raise self._error(place, error.message) from None

    def _name(self, token: str, place: int, what: str = "") -> str:
        try:
            return string_name(token)
        except Malformed as error:
            raise self._error(place, what + error.message) from None

    def name_at(self, token: int, noun: str) -> str | None:
        """What an @name annotation before this token says."""
        if not self._tokens.annotations:
            return None
        found = [made for made in self._between(token, token) if made.name == "name"]
        if not found:
            return None
        if len(found) > 1:
            raise self._error(found[1].place, f"@name annotation: multiple {noun} names")
        made = found[0]
        self._used.add(made.place)
        if not made.items or made.items[0][:1] != '"':
            raise self._error(made.place, "@name annotation: string expected")
        if len(made.items) > 1:
            raise self._error(made.places[1], "@name annotation: unexpected token")
        return self._name(made.items[0], made.places[0])

    def hints(self, first: int, last: int, func: int, body: Body) -> None:
        """Take the branch hints of a function, whose tokens are first … last."""
        if not self._tokens.annotations:
            return
        found = [made for made in self._between(first + 1, last) if made.name == _HINT]
        at = {place: index for index, place in enumerate(body.places)} if found else {}
        for made in found:
            self._used.add(made.place)
            self._hint(made, self._made.hints.setdefault(func, {}), at, body)

    def _hint(
        self, made: Annotation, hints: dict[int, bool], at: dict[int, int], body: Body
    ) -> None:
        tokens = self._tokens
        payload = b""
        for item, place in zip(made.items, made.places, strict=True):
            if item[:1] != '"':
                raise self._error(place, f"@{_HINT} annotation: unexpected token")
            payload += self._bytes(item, place)
        if payload not in (b"\0", b"\1"):
            raise self._error(made.place, f"@{_HINT} annotation: invalid hint value")
        place = tokens.starts[made.token + (tokens.texts[made.token] == "(")]
        index = at.get(place)
        if index is None:
            raise self._error(made.place, f"@{_HINT} annotation: invalid placement")
        if body.ops[index] not in (Op.IF, Op.BR_IF):
            message = f"@{_HINT} annotation: invalid target"
            raise Invalid(message, tokens.locate(made.place))
        if index in hints:
            raise self._error(made.place, f"@{_HINT} annotation: duplicate annotation")
        hints[index] = payload == b"\1"

    def finish(self, first: int, last: int, fields: list[tuple[int, int]]) -> None:
        """Make the custom sections, and reject what stands where it means nothing.

        `first` and `last` are the tokens that annotations of the module precede; `fields` holds
        the token indices of each field's parentheses.
        """
        if not self._tokens.annotations:
            return
        starts = [field for field, _ in fields]
        for made in self._between(first, last):
            if made.name == "custom":
                at = bisect_left(starts, made.token) - 1
                if at >= 0 and made.token <= fields[at][1]:
                    raise self._error(made.place, "misplaced @custom annotation")
                self._custom(made)
            elif made.name == "name" and made.place not in self._used:
                raise self._error(made.place, "misplaced @name annotation")
            elif made.name == _HINT and made.place not in self._used:
                raise self._error(made.place, f"@{_HINT} annotation: not in a function")
        # as in a binary module, where a custom section stands among the others
        self._made.customs.sort(key=lambda custom: _ORDER.index(custom.after))

    def _custom(self, made: Annotation) -> None:
        """`(@custom "name" (before|after section)? "content"*)`."""
        items, places = made.items, made.places
        if not items or items[0][:1] != '"':
            raise self._error(made.place, "@custom annotation: missing section name")
        name = self._name(items[0], places[0], "@custom annotation: ")
        after, at = _ORDER[-1], 1
        if items[1:2] == ["("]:
            after, at = self._placement(made), items.index(")") + 1
        data = b""
        for item, place in zip(items[at:], places[at:], strict=True):
            if item[:1] != '"':
                raise self._error(place, "@custom annotation: unexpected token")
            data += self._bytes(item, place)
        self._made.customs.append(Custom(name, data, after, made.place))

    def _placement(self, made: Annotation) -> int:
        """The id of the section that the custom section follows, 0 for none."""
        close = made.items.index(")")
        words = made.items[2:close]
        if words[:1] not in (["before"], ["after"]):
            raise self._error(made.place, "@custom annotation: malformed placement")
        known = words[1] if len(words) > 1 else ""
        if known in ("first", "last"):
            position = 1 if known == "first" else len(_ORDER) - 1
        elif known in _SECTIONS:
            position = _ORDER.index(_SECTIONS[known])
        else:
            raise self._error(made.place, "@custom annotation: malformed section kind")
        if len(words) > 2:
            raise self._error(made.places[4], "@custom annotation: unexpected token")
        return _ORDER[position - (words[0] == "before")]


def _token(made: Annotation) -> int:
    return made.token
