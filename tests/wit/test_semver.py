"""Versions: reading, order, tracks."""

from itertools import pairwise

import pytest

from wadjet.wit.semver import Version, compatible, parse_version, split


@pytest.mark.parametrize(
    "text",
    "0.0.0 1.2.3 10.20.30 1.0.0-alpha 1.0.0-0.3.7 1.0.0-x-y-z.-- 1.0.0+21AF26D3-117B344092BD "
    "1.0.0-rc-2024-01-01+001 18446744073709551615.0.0".split(),
)
def test_versions(text: str) -> None:
    version = parse_version(text)
    assert version is not None
    assert str(version) == text


@pytest.mark.parametrize(
    "text",
    [
        *("1 1.2 1.2.3.4 01.2.3 1.2.3- 1.2.3-01 1.2.3-a..b 1.2.3+ v1.2.3 1.2.3-a_b".split()),
        *("", " 1.2.3", "18446744073709551616.0.0", "9" * 10_000 + ".0.0"),
    ],
)
def test_what_is_no_version(text: str) -> None:
    assert parse_version(text) is None


def test_order() -> None:
    ordered = (
        "0.0.1 0.9.0 1.0.0-1 1.0.0-2 1.0.0-10 1.0.0-alpha 1.0.0-alpha.1 1.0.0-alpha.beta "
        "1.0.0-beta 1.0.0 1.0.0+1 1.0.0+a 1.0.1 2.0.0"
    ).split()
    versions = [version(text) for text in ordered]
    assert all(one < other for one, other in pairwise(versions))
    assert version("1.0.0-" + "9" * 10_000) > version("1.0.0-" + "8" * 10_000)


def version(text: str) -> Version:
    found = parse_version(text)
    assert found is not None
    return found


@pytest.mark.parametrize(
    ("text", "canonical", "suffix"),
    [
        ("1.2.3", "1", ".2.3"),
        ("0.2.6-rc.1", "0.2", ".6-rc.1"),
        ("0.0.1-alpha", "0.0.1", "-alpha"),
        ("0.0.0", "0.0.0", ""),
        ("12.0.0+b", "12", ".0.0+b"),
    ],
)
def test_canonical_versions(text: str, canonical: str, suffix: str) -> None:
    assert split(version(text)) == (canonical, suffix)


@pytest.mark.parametrize(
    ("one", "other", "same_track"),
    [
        ("1.2.3", "1.9.0", True),
        ("1.2.3", "2.0.0", False),
        ("0.2.0", "0.2.12", True),
        ("0.2.0", "0.3.0", False),
        ("0.0.1", "0.0.2", False),
        ("0.0.1", "0.0.1+b", True),
        ("0.2.0-rc.1", "0.2.0", False),
        ("0.2.0-rc.1", "0.2.0-rc.1+b", True),
    ],
)
def test_tracks(one: str, other: str, same_track: bool) -> None:
    assert compatible(version(one), version(other)) == same_track
    assert compatible(version(other), version(one)) == same_track
