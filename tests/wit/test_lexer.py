"""Tokens, comments, names and strings."""

import pytest

from wadjet.base.errors import Malformed
from wadjet.wit.lexer import BAD, END, KEYWORDS, Source, Spot, label, string_value, tokenize


def kinds(text: str) -> list[str]:
    return tokenize(Source("x.wit", text)).kinds[:-1]


def spot(text: str = "") -> Spot:
    return Spot(Source("x.wit", text), 0)


def test_keywords_and_operators_are_their_own_kinds() -> None:
    found = kinds("package a:b@1.0; f: func() -> list<u8> { } = * / + -")
    assert found == (
        "package NAME : NAME @ INTEGER . INTEGER ; NAME : func ( ) -> list < u8 > { } = * / + - END"
    ).split(" ")
    assert kinds("%func a-b A1-b2") == ["NAME", "NAME", "NAME", END]
    assert "error-context" in KEYWORDS


def test_white_space_is_what_the_standard_says() -> None:
    assert kinds("\ufeffa\r\n\tb\rc ") == ["NAME", "NAME", "NAME", END]


def test_comments_nest_and_are_kept_with_what_follows() -> None:
    tokens = tokenize(Source("x.wit", "/* a /* b */ c */ x // d\n/// e\ny"))
    assert tokens.kinds == ["NAME", "NAME", END, END]
    assert tokens.comments == {0: [(0, "/* a /* b */ c */")], 1: [(20, "// d"), (25, "/// e")]}


@pytest.mark.parametrize(
    ("text", "column", "message"),
    [
        ("a /* b /* */", 3, "comment has no end"),
        ('a "b', 3, "unterminated string"),
        ('a "b\n"', 3, "unterminated string"),
        (r'a "\q"', 3, "unknown escape"),
        ("a #", 3, "begins nothing"),
    ],
)
def test_a_fault_waits_until_it_is_reached(text: str, column: int, message: str) -> None:
    tokens = tokenize(Source("x.wit", text))
    assert tokens.kinds[:2] == ["NAME", BAD]
    assert tokens.fault is not None
    assert tokens.fault.place is not None
    assert (tokens.fault.place.line, tokens.fault.place.column) == (1, column)
    assert message in tokens.fault.message


@pytest.mark.parametrize("char", "\0 \x07 \x7f \x85 \u202e \u2066 \u0149 \u17b5 \ud800".split(" "))
def test_characters_that_may_stand_nowhere(char: str) -> None:
    with pytest.raises(Malformed, match="may not stand in WIT") as caught:
        tokenize(Source("x.wit", f"package a:b;\n// {char}"))
    assert caught.value.place is not None
    assert (caught.value.place.line, caught.value.place.column) == (2, 4)


@pytest.mark.parametrize("name", ["a", "a1", "A", "a-B", "parse-XML-document", "a-1", "A1-4CR0NYM"])
def test_names(name: str) -> None:
    assert label(name, spot()) == name
    assert label(f"%{name}", spot()) == name


@pytest.mark.parametrize("name", ["", "%", "_a", "a_b", "aB", "a--b", "a-", "1", "é", "%%a", "²"])
def test_what_is_no_name(name: str) -> None:
    with pytest.raises(Malformed, match="is not a name"):
        label(name, spot(name))


@pytest.mark.parametrize(
    ("written", "value"),
    [
        ('""', ""),
        ('"a☃"', "a☃"),
        (r'"\t\n\r\"\'\\"', "\t\n\r\"'\\"),
        (r'"\7f\e2\98\83"', "\x7f☃"),
        (r'"\u{7fff}\u{1_0000}\u{000041}"', "\u7fff\U00010000A"),
    ],
)
def test_strings(written: str, value: str) -> None:
    assert string_value(written, spot()) == value


@pytest.mark.parametrize("written", [r'"\ff"', r'"\u{d800}"', r'"\u{110000}"', r'"\u{fffffffff}"'])
def test_what_is_no_string(written: str) -> None:
    with pytest.raises(Malformed):
        string_value(written, spot())


def test_places_have_line_column_and_excerpt() -> None:
    source = Source("dir/x.wit", "one\r\n\ttwo\n" + "x" * 500)
    place = source.place(6)
    assert (place.line, place.column, place.excerpt) == (2, 2, "\ttwo")
    assert str(place) == "dir/x.wit:2:2"
    assert place.pointer() == "\ttwo\n\t^"
    assert source.place(5).line == 2
    assert source.place(4).line == 1
    far = source.place(400)
    assert (far.line, far.excerpt) == (3, None)
