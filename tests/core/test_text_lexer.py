"""Tokens, comments, strings and annotations of the text format."""

import pytest

from wadjet.base.errors import Malformed
from wadjet.core.text.lexer import string_bytes, string_name, tokenize


def words(source: str | bytes) -> list[str]:
    """The tokens without the empty ones at the end."""
    return [text for text in tokenize(source).texts if text]


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("", []),
        ("(module)", ["(", "module", ")"]),
        ("a b\tc\nd\re", ["a", "b", "c", "d", "e"]),
        ("(func(nop))", ["(", "func", "(", "nop", ")", ")"]),
        (";; all of it", []),
        ("a;;b\nc", ["a", "c"]),
        ("a;;b\rc", ["a", "c"]),
        ("a(;b;)c", ["a", "c"]),
        ("a(;b(;c;)d;)e", ["a", "e"]),
        ("a(;;;)b", ["a", "b"]),
        ("a(;(;;);)b", ["a", "b"]),
        ('"a b" "\\"" ""', ['"a b"', '"\\""', '""']),
        ('$x $"a b"', ["$x", '$"a b"']),
        ("offset=4 0x1p-3 -inf", ["offset=4", "0x1p-3", "-inf"]),
        ('a"b"', ['a"b"']),
        ("(@a (b) c) d", ["d"]),
        ('(@"a b" ")") d', ["d"]),
        ("(@a (@b) ;; )\n (; ) ;) ) d", ["d"]),
        ("(@a , ; [ ] { }) d", ["d"]),
    ],
)
def test_tokens(source: str, expected: list[str]) -> None:
    assert words(source) == expected
    assert words(source.encode()) == expected


@pytest.mark.parametrize(
    ("source", "message", "line", "column"),
    [
        ("a\n  \x01", "misplaced control character", 2, 3),
        ("é", "misplaced unicode character", 1, 1),
        ("a [", "unknown operator [", 1, 3),
        ('a""b""', "", 0, 0),
        ('"a""b"', "unknown operator", 1, 1),
        ('"abc', "unclosed string literal", 1, 1),
        ('"abc\n"', "unclosed string literal", 1, 1),
        ('"a\\z"', "illegal escape", 1, 1),
        ('"a\x00"', "illegal control character in string literal", 1, 1),
        ('$"a\n"', "empty identifier", 1, 2),
        ("(; (; ;)", "unclosed comment", 1, 1),
        ("(@a", "unclosed annotation", 1, 1),
        ("(@a\n(", "unclosed annotation", 2, 1),
        ("(@)", "empty annotation id", 1, 1),
        ("(@ x)", "empty annotation id", 1, 1),
        ('(@"" x)', "empty annotation id", 1, 1),
        ('(@"\\ff" x)', "malformed UTF-8 encoding", 1, 1),
        ("(@a \x01)", "illegal character", 1, 5),
        ("(@a $)", "empty identifier", 1, 5),
    ],
)
def test_errors(source: str, message: str, line: int, column: int) -> None:
    if not message:
        assert words(source) == [source]
        return
    with pytest.raises(Malformed) as caught:
        tokenize(source)
    assert caught.value.message.startswith(message)
    place = caught.value.place
    assert place is not None
    assert (place.line, place.column) == (line, column)


def test_source_must_be_utf8() -> None:
    with pytest.raises(Malformed, match="malformed UTF-8 encoding") as caught:
        tokenize(b"ab\n c\xff")
    assert caught.value.place is not None
    assert (caught.value.place.line, caught.value.place.column) == (2, 3)
    with pytest.raises(Malformed, match="malformed UTF-8 encoding"):
        tokenize("\ud800")


def test_annotations_are_kept_aside() -> None:
    tokens = tokenize('a (@x "y" (z 1 (@in n)) w) b (@x) c')
    assert [text for text in tokens.texts if text] == ["a", "b", "c"]
    first, second = tokens.annotations
    assert (first.name, first.token) == ("x", 1)
    assert first.items == ['"y"', "(", "z", "1", ")", "w"]
    assert tokens.source[first.place : first.end] == '(@x "y" (z 1 (@in n)) w)'
    assert (second.token, second.items) == (2, [])


@pytest.mark.parametrize(
    ("token", "expected"),
    [
        (r'"\t\n\r\"\'\\"', b"\t\n\r\"'\\"),
        (r'"\00\fF\41"', b"\0\xffA"),
        (r'"\u{e9}\u{1_0000}\u{0041}"', "é\U00010000A".encode()),
        ('"é"', "é".encode()),
    ],
)
def test_strings(token: str, expected: bytes) -> None:
    assert words(token) == [token]
    assert string_bytes(token) == expected


@pytest.mark.parametrize("token", [r'"\u{d800}"', r'"\u{110000}"', r'"\u{ffffffffffff}"'])
def test_strings_name_no_surrogates(token: str) -> None:
    with pytest.raises(Malformed):
        string_bytes(token)


def test_names_are_utf8() -> None:
    assert string_name(r'"\c3\a9"') == "é"
    with pytest.raises(Malformed, match="malformed UTF-8 encoding"):
        string_name(r'"\c3"')


def test_places() -> None:
    tokens = tokenize("(a\r\n  b\r c\n(; ;)\td)")
    assert [tokens.locate(start).line for start in tokens.starts[:6]] == [1, 1, 2, 3, 4, 4]
    place = tokens.locate(tokens.starts[4])
    assert (place.column, place.excerpt) == (7, "(; ;)\td)")
    assert place.pointer() == "(; ;)\td)\n     \t^"
