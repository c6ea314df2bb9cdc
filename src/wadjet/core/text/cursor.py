"""The only place that walks over tokens: a position, and what to say when a token does not fit."""

from typing import Final

from wadjet.base.errors import Malformed
from wadjet.core.features import CATALOGUE, Features
from wadjet.core.opcodes import BY_NAME
from wadjet.core.text import literals
from wadjet.core.text.lexer import Tokens, is_string, string_bytes, string_name

#: Every word of the grammar that is no instruction.
KEYWORDS: Final = frozenset(
    """
    i8 i16 i32 i64 f32 f64 v128 i8x16 i16x8 i32x4 i64x2 f32x4 f64x2 any anyref eq eqref i31 i31ref
    structref arrayref none nullref nofunc funcref nullfuncref exn noexn exnref nullexnref extern
    noextern externref nullexternref cont nocont contref nullcontref ref null array struct field
    mut sub final rec then do else end catch catch_ref catch_all catch_all_ref on switch type tag
    global memory table func param result local data elem declare offset item start import export
    module binary quote definition instance script register invoke get assert_malformed
    assert_invalid assert_malformed_custom assert_invalid_custom assert_unlinkable assert_return
    assert_trap assert_exception assert_exhaustion assert_suspension nan:canonical nan:arithmetic
    either input output thread wait shared pagesize exact describes descriptor
    ref.extern ref.host ref.struct ref.array ref.exn seq_cst acq_rel
    """.split()
)

#: shape → (lanes, bits of a lane, whether they are floats)
SHAPES: Final = {
    "i8x16": (16, 8, False),
    "i16x8": (8, 16, False),
    "i32x4": (4, 32, False),
    "i64x2": (2, 64, False),
    "f32x4": (4, 32, True),
    "f64x2": (2, 64, True),
}


class Cursor:
    """A position `at` in a stream of tokens."""

    __slots__ = ("at", "features", "starts", "texts", "tokens")

    def __init__(self, tokens: Tokens, features: Features) -> None:
        self.tokens: Final = tokens
        self.texts: Final = tokens.texts
        self.starts: Final = tokens.starts
        self.features: Final = features
        self.at = 0

    def error(self, message: str, at: int | None = None) -> Malformed:
        """A rejection that points at the current token, or at token `at`."""
        return self.tokens.error(self.at if at is None else at, message)

    def unexpected(self, expected: str) -> Malformed:
        """The current token does not fit: either no token of the language, or misplaced."""
        text = self.texts[self.at]
        if text == "":
            return self.error(f"unexpected token: the text ends where {expected} should be")
        if self._known(text):
            return self.error(f"unexpected token {shorten(text)}: expected {expected}")
        rows = BY_NAME.get(text)
        feature = rows[0].feature if rows else ""
        if feature in CATALOGUE and feature not in self.features:
            return self.error(f"unknown operator {text}: the feature {feature} is off")
        return self.error(f"unknown operator {shorten(text)}")

    def _known(self, text: str) -> bool:
        if text in KEYWORDS or text[0] in '()"':
            return True
        if text[0] == "$":
            return '"' not in text or is_string(text[1:])
        rows = BY_NAME.get(text)
        if rows:
            return rows[0].feature in self.features
        word, _, number = text.partition("=")
        if word in ("offset", "align"):
            return literals.is_nat(number)
        return literals.is_number(text)

    def expect(self, text: str) -> None:
        """Step over a token that must be there."""
        if self.texts[self.at] != text:
            raise self.unexpected(repr(text) if text in "()" else text)
        self.at += 1

    def opens(self, word: str) -> bool:
        """Whether `(word` stands here."""
        return self.texts[self.at] == "(" and self.texts[self.at + 1] == word

    def take(self, word: str) -> bool:
        """Step over `word` if it stands here."""
        if self.texts[self.at] == word:
            self.at += 1
            return True
        return False

    def skip(self) -> None:
        """Step over one group, from its opening parenthesis to its closing one."""
        texts, at, depth = self.texts, self.at, 0
        while True:
            text = texts[at]
            at += 1
            if text == "(":
                depth += 1
            elif text == ")":
                depth -= 1
                if depth == 0:
                    self.at = at
                    return
            elif text == "":
                self.at = at - 1
                raise self.unexpected("')'")

    def string(self) -> bytes:
        """A string, as bytes."""
        text = self.texts[self.at]
        if text[:1] != '"':
            raise self.unexpected("a string")
        try:
            value = string_bytes(text)
        except Malformed as error:
            raise self.error(error.message) from None
        self.at += 1
        return value

    def strings(self) -> bytes:
        """As many strings as there are, joined."""
        parts = []
        while self.texts[self.at][:1] == '"':
            parts.append(self.string())
        return b"".join(parts)

    def name(self) -> str:
        """A string that is a name."""
        text = self.texts[self.at]
        if text[:1] != '"':
            raise self.unexpected("a name (a string)")
        value = self._name_of(text)
        self.at += 1
        return value

    def _name_of(self, text: str) -> str:
        try:
            return string_name(text)
        except Malformed as error:
            raise self.error(error.message) from None

    def identifier(self) -> str | None:
        """An optional `$id`, without the dollar."""
        text = self.texts[self.at]
        if text[:1] != "$":
            return None
        value = self.identifier_of(text)
        self.at += 1
        return value

    def identifier_of(self, text: str) -> str:
        """The name that an identifier token at the current place stands for."""
        if '"' not in text:
            value = text[1:]
        elif not is_string(text[1:]):
            raise self.error(f"unknown operator {shorten(text)}")
        else:
            value = self._name_of(text[1:])
        if not value:
            raise self.error("empty identifier")
        return value

    def natural(self, bits: int, what: str) -> int:
        """A natural number of 8, 32 or 64 bits."""
        text = self.texts[self.at]
        if len(text) < 3 and text.isdecimal():
            self.at += 1
            return int(text)
        if not literals.is_nat(text):
            raise self.unexpected(what)
        value = literals.nat(text, bits)
        if value is None:
            raise self.error(f"i{bits} constant out of range: {shorten(text)}")
        self.at += 1
        return value

    def is_index(self) -> bool:
        """Whether an index stands here: a natural number or an identifier."""
        first = self.texts[self.at][:1]
        return first == "$" or first.isdecimal()

    def need(self, feature: str, what: str) -> None:
        """Reject `what` unless its feature is on."""
        if feature not in self.features:
            raise self.error(f"unexpected token: {what} needs the feature {feature}, which is off")

    def number(self, bits: int) -> int:
        """An integer constant, in signed form."""
        text = self.texts[self.at]
        if len(text) < 3 and text.isdecimal():
            self.at += 1
            return int(text)
        if not literals.is_integer(text):
            raise self._no_number("an integer")
        value = literals.integer(text, bits)
        if value is None:
            raise self.error(f"constant out of range: {shorten(text)} does not fit i{bits}")
        self.at += 1
        return value

    def float_bits(self, bits: int) -> int:
        """A float constant, as its bit pattern."""
        text = self.texts[self.at]
        if not literals.is_number(text):
            raise self._no_number("a number")
        value = literals.floating(text, bits)
        if value is None:
            raise self.error(f"constant out of range: {shorten(text)} does not fit f{bits}")
        self.at += 1
        return value

    def _no_number(self, expected: str) -> Malformed:
        if literals.is_number(self.texts[self.at]):
            return self.error("constant out of range: not an integer")
        return self.unexpected(expected)

    def vector(self) -> int:
        """A shape and its lanes, as one little-endian number of 128 bits."""
        shape = SHAPES.get(self.texts[self.at])
        if shape is None:
            raise self.unexpected("a vector shape")
        count, bits, floats = shape
        self.at += 1
        self.expect_numbers(count, "wrong number of lane literals")
        value = 0
        for index in range(count):
            lane = self.float_bits(bits) if floats else self.number(bits) & (1 << bits) - 1
            value |= lane << index * bits
        return value

    def expect_numbers(self, count: int, complaint: str) -> None:
        """Reject anything but exactly `count` numbers here."""
        end = self.at
        while end - self.at <= count and literals.is_number(self.texts[end]):
            end += 1
        if end - self.at == count:
            return
        if end - self.at < count and self.texts[end] not in ("(", ")"):
            self.at = end
            raise self.unexpected("a number")
        raise self.error(f"{complaint}: expected {count} numbers")


def shorten(text: str) -> str:
    """A token for a message."""
    return text if len(text) <= 40 else text[:37] + "..."
