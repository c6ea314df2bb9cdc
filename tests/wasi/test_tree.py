"""Trees in memory, as a Python program sees them."""

import pytest

from tests.wasi.guest import Guest
from wadjet.wasi import Link, Tree


def test_a_tree_is_a_mapping_of_its_files() -> None:
    tree = Tree({"a": b"1", "d": {"b": "zwei", "e": {}}, "d/x/c": bytearray(b"3")})
    assert dict(tree) == {"a": b"1", "d/b": b"zwei", "d/x/c": b"3"}
    assert len(tree) == 3
    assert list(tree) == ["a", "d/b", "d/x/c"]
    assert "d/b" in tree
    assert "d" not in tree
    tree["new/file"] = b"n"
    tree["a"] = "text"
    assert tree["new/file"] == b"n"
    assert tree["/a"] == b"text"
    del tree["d/x/c"]
    for path in ("d/x/c", "d", "none", "a/b"):
        with pytest.raises(KeyError):
            tree[path]
        with pytest.raises(KeyError):
            del tree[path]
    assert tree.get("none", b"") == b""


@pytest.mark.parametrize("path", ["", "..", "a/../b", "a//b", "./a", "a\0"])
def test_paths_must_be_plain(path: str) -> None:
    with pytest.raises(ValueError, match="path"):
        Tree({path: b""})
    with pytest.raises(ValueError, match="path"):
        Tree()[path] = b""


def test_what_cannot_be_stored() -> None:
    tree = Tree({"file": b"", "d": {}}, capacity=10_000)
    for path in ("d", "file/x", "x" * 300):
        with pytest.raises(OSError, match="cannot store"):
            tree[path] = b""
    with pytest.raises(OSError, match="INSUFFICIENT_SPACE"):
        tree["big"] = bytes(20_000)


def test_a_guest_and_python_share_a_tree() -> None:
    tree = Tree({"in.txt": b"from python", "l": Link("in.txt")})
    with Guest(dirs={"/": tree}) as guest:
        fd = guest.open("l", follow=1)
        assert isinstance(fd, int)
        assert guest.read(fd) == b"from python"
        tree["in.txt"] = b"changed"
        assert guest.read(fd) == b""
        fd = guest.open("out.txt", 1, base=-1)
        assert isinstance(fd, int)
        assert guest.write(fd, b"from the guest") == 14
        assert sorted(guest.listing(3)) == [".", "..", "in.txt", "l", "out.txt"]
    assert tree["out.txt"] == b"from the guest"


def test_capacity_comes_back() -> None:
    tree = Tree(capacity=5_000)
    for _ in range(20):
        tree["f"] = bytes(4_000)
        tree["f"] = b""
        tree["f"] = bytes(4_000)
        del tree["f"]


def test_stamps_come_from_the_guests_clock() -> None:
    with Guest(dirs={"/": {"f": b""}}, clocks=1_000_000_000) as guest:
        fd = guest.open("f")
        assert isinstance(fd, int)
        guest.ok("fd_filestat_get", fd, 128)
        assert 1_000_000_000 < guest.unpack("Q", 128 + 48)[0] < 1_000_100_000
