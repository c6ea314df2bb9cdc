"""Names of imports and exports: grammar, and when two are too much alike."""

import pytest

from wadjet.base.errors import Invalid
from wadjet.component.features import ALL, DEFAULT
from wadjet.component.names import check_version, is_label, parse_name


@pytest.mark.parametrize(
    "text", ["a", "a-b-c", "a1-2-3", "A", "A-B-C", "A1-2-3", "a11-w0rds", "m1x3d-4CR0NYMS"]
)
def test_labels(text: str) -> None:
    assert is_label(text)


@pytest.mark.parametrize("text", ["", "1", "-", "a-", "a--b", "aB", "Ab", "a_b", "é", "a-bC", "١"])
def test_no_labels(text: str) -> None:
    assert not is_label(text)


def test_kinds_of_names() -> None:
    kinds = {
        "foo": "label",
        "[constructor]foo": "constructor",
        "[method]foo.bar": "method",
        "[static]foo.bar": "static",
        "a:b/c": "interface",
        "a:b/c@1.0.0": "interface",
    }
    for text, kind in kinds.items():
        assert parse_name(text, DEFAULT).kind == kind
    assert parse_name("[method]foo.bar", DEFAULT).resource == "foo"
    assert parse_name("a:b/c@1.2.3-rc.1", DEFAULT).version == "1.2.3-rc.1"


def test_strong_uniqueness() -> None:
    """The example of Explainer.md, "Name Uniqueness"."""
    names = ["foo", "foo-bar", "[constructor]foo", "[method]foo.bar", "[static]foo.baz",
             "foo:bar/baz"]  # fmt: skip
    keys = {parse_name(n, DEFAULT).key for n in names}
    assert len(keys) == len(names)
    alike = ["foo", "FOO", "foo-BAR", "[constructor]FOO", "[method]foo.BAR", "[static]foo.bar",
             "[method]foo.baz", "[method]foo.foo", "[static]foo-BAR.FOO-bar",
             "foo:bar/BAZ"]  # fmt: skip
    for text in alike:
        assert parse_name(text, DEFAULT).key in keys, text


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("aBc", "`aBc` is not in kebab case"),
        ("[method]a", "failed to find `.` character"),
        ("[method]a.b.c", "not in kebab case"),
        ("a:B/c", "not lowercase"),
        ("a:b", "expected `/` after package name"),
        ("a/b:c", "expected `:`"),
        ("a:b/c/d", "trailing characters found: `/d`"),
        ("a:b:c/d", "expected `/` after package name"),
        ("a:b/@1.0.0", "`` is not in kebab case"),
    ],
)
def test_bad_names(text: str, words: str) -> None:
    with pytest.raises(Invalid) as caught:
        parse_name(text, DEFAULT)
    assert words in caught.value.message


def test_nested_namespaces_are_gated() -> None:
    assert parse_name("a:b:c/d/e@1.0.0", ALL).kind == "interface"


@pytest.mark.parametrize(
    ("version", "words"),
    [
        ("", "empty string"),
        (".", "unexpected character '.'"),
        ("1.", "unexpected end of input"),
        ("1", "unexpected end of input"),
        ("1.2.x", "unexpected character 'x'"),
        ("1.2x.3", "unexpected character 'x'"),
        ("01.2.3", "leading zero"),
        ("1.2.3~", "unexpected character '~'"),
        ("1.2.3-", "empty identifier segment"),
        ("1.2.3-a..b", "empty identifier segment"),
        ("1.2.3+", "empty identifier segment"),
        ("1.2.3-01", "leading zero"),
    ],
)
def test_bad_versions(version: str, words: str) -> None:
    with pytest.raises(Invalid) as caught:
        check_version(version, None, DEFAULT)
    assert words in caught.value.message


@pytest.mark.parametrize("version", ["1.2.3", "0.0.0-a+b", "0.2.10-rc.1", "1.0.0+x-y.01"])
def test_versions(version: str) -> None:
    check_version(version, None, DEFAULT)


def test_canonical_versions() -> None:
    for version in ("1", "12", "0.2", "0.0.3", "0.0.0"):
        check_version(version, None, ALL)
    with pytest.raises(Invalid):
        check_version("0.2", None, DEFAULT)
    check_version("0.2", ".6-rc.1", ALL)
    check_version("1", ".2.3", ALL)
    for version, suffix in (("0.2.1", ""), ("0", ".2.3"), ("1", "x"), ("1", ".2"), ("0.2", "1.3")):
        with pytest.raises(Invalid):
            check_version(version, suffix, ALL)
