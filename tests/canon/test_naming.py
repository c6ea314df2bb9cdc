"""What WIT's names are in Python."""

import keyword

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wadjet.canon.naming import interface_names, matches, member, pascal, snake, upper

_WORD = st.from_regex(r"[a-z][0-9a-z]{0,3}|[A-Z][0-9A-Z]{0,3}", fullmatch=True)
_LATER = st.from_regex(r"[0-9a-z]{1,4}|[0-9A-Z]{1,4}", fullmatch=True)
LABELS = st.tuples(_WORD, st.lists(_LATER, max_size=3)).map(lambda t: "-".join((t[0], *t[1])))


@pytest.mark.parametrize(
    ("label", "small", "camel", "capital"),
    [
        ("get-stdout", "get_stdout", "GetStdout", "GET_STDOUT"),
        ("HTTP-error", "http_error", "HttpError", "HTTP_ERROR"),
        ("sha-256", "sha_256", "Sha_256", "SHA_256"),
        ("sha256", "sha256", "Sha256", "SHA256"),
        ("import", "import_", "Import", "IMPORT"),
        ("none", "none", "None_", "NONE"),
        ("%type", "type", "Type", "TYPE"),
    ],
)
def test_examples(label: str, small: str, camel: str, capital: str) -> None:
    assert (snake(label), pascal(label), upper(label)) == (small, camel, capital)


def test_members_of_resources() -> None:
    assert member("drop") == "drop_"
    assert member("read-via-stream") == "read_via_stream"


@given(LABELS, LABELS)
def test_different_names_stay_different(a: str, b: str) -> None:
    for rule in (snake, pascal, upper, member):
        assert rule(a).isidentifier()
        assert not keyword.iskeyword(rule(a))
        assert (rule(a) == rule(b)) == (a.lower() == b.lower())


def test_interfaces_go_by_their_last_name() -> None:
    names = ["wasi:cli/stdout@0.2.0", "wasi:http/types@0.2.0", "run", "my-own:pkg/HTTP-api"]
    assert interface_names(names) == {
        "wasi:cli/stdout@0.2.0": "stdout",
        "wasi:http/types@0.2.0": "types",
        "run": "run",
        "my-own:pkg/HTTP-api": "http_api",
    }


def test_interfaces_of_one_name_take_in_more() -> None:
    names = ["a:b/types@1.0.0", "a:c/types@1.0.0", "d:c/types@1.0.0", "d:c/types@2.0.0-rc.1"]
    assert list(interface_names(names).values()) == [
        "b_types",
        "a_c_types",
        "d_c_types_1_0_0",
        "d_c_types_2_0_0_rc_1",
    ]


def test_plain_names_keep_theirs() -> None:
    assert interface_names(["types", "a:b/types"]) == {"types": "types", "a:b/types": "b_types"}


@pytest.mark.parametrize(
    ("asked", "offered", "fits"),
    [
        ("wasi:io/poll@0.2.0", "wasi:io/poll@0.2.0", True),
        ("wasi:io/poll@0.2.0", "wasi:io/poll@0.2.6", True),
        ("wasi:io/poll@0.2.6", "wasi:io/poll@0.2.0", True),
        ("wasi:io/poll@0.2.0", "wasi:io/poll@0.3.0", False),
        ("wasi:io/poll@1.0.0", "wasi:io/poll@1.9.0", True),
        ("wasi:io/poll@0.2.0", "wasi:io/streams@0.2.0", False),
        ("wasi:io/poll@0.3.0-rc.1", "wasi:io/poll@0.3.0-rc.2", False),
        ("wasi:io/poll", "wasi:io/poll@0.2.0", False),
        ("poll", "poll", True),
    ],
)
def test_versions(asked: str, offered: str, fits: bool) -> None:
    assert matches(asked, offered) == fits
