"""What every kind of directory does: of the machine, of a machine without links, in memory."""

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from wadjet.wasi.host import real
from wadjet.wasi.host.directory import Directory
from wadjet.wasi.host.errors import Code, HostError, code_of
from wadjet.wasi.host.files import OsFile
from wadjet.wasi.host.handles import (
    APPEND,
    NONBLOCK,
    SEEK_CUR,
    SEEK_END,
    SEEK_SET,
    SYNC,
    Advice,
    FileType,
    Handle,
    OpenOptions,
)
from wadjet.wasi.host.plain import PlainDirectory, check_name
from wadjet.wasi.host.real import OsDirectory, open_directory
from wadjet.wasi.host.tree import Tree

READ = OpenOptions()
CREATE = OpenOptions(write=True, create=True)


@pytest.fixture(params=["real", "plain", "tree"])
def root(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Directory]:
    """An empty directory of each kind."""
    if request.param == "tree":
        made: Directory = Tree().root()
    elif request.param == "plain":
        made = PlainDirectory.at(tmp_path)
    else:
        made = open_directory(tmp_path)
        assert isinstance(made, OsDirectory)
    yield made
    made.close()


def put(root: Directory, path: str, data: bytes = b"") -> None:
    handle = root.open_at(path, CREATE, follow=False)
    assert handle.write([memoryview(data)]) == len(data)
    handle.close()


def get(handle: Handle, size: int = 100) -> bytes:
    buffer = bytearray(size)
    return bytes(buffer[: handle.read([memoryview(buffer)])])


def fails(code: Code, call: object, *args: object, **named: object) -> None:
    with pytest.raises((HostError, OSError)) as info:
        call(*args, **named)  # type: ignore[operator]  # a bound method of a directory
    assert isinstance(info.value, HostError | OSError)
    assert code_of(info.value) is code


def has_links(root: Directory) -> bool:
    return not isinstance(root, PlainDirectory)


def test_files(root: Directory) -> None:
    put(root, "f", b"hello")
    assert root.stat_at("f", follow=False).size == 5
    assert root.stat_at("f", follow=True).type is FileType.REGULAR_FILE
    with_ends = root.open_at("f", OpenOptions(write=True), follow=True)
    one, two = bytearray(2), bytearray(9)
    assert with_ends.read([memoryview(one), memoryview(two)]) == 5
    assert (one, two[:3]) == (b"he", b"llo")
    assert with_ends.read([memoryview(one)]) == 0
    assert with_ends.seek(-1, SEEK_END) == 4
    assert with_ends.seek(-2, SEEK_CUR) == 2
    fails(Code.INVALID, with_ends.seek, -3, SEEK_CUR)
    assert with_ends.write([memoryview(b"L"), memoryview(b"LO!")]) == 4
    assert with_ends.write_at([memoryview(b"H"), memoryview(b"E")], 0) == 2
    assert with_ends.seek(0, SEEK_CUR) == 6
    assert with_ends.seekable()
    assert with_ends.read_at([memoryview(two)], 1) == 5
    assert two[:5] == b"ELLO!"
    assert with_ends.read([]) == with_ends.write([]) == 0
    assert with_ends.read_at([], 1) == with_ends.write_at([], 100) == 0
    assert with_ends.seek(3, SEEK_SET) == 3
    assert with_ends.available() == 3
    with_ends.set_size(8)
    assert with_ends.stat().size == 8
    with_ends.allocate(6, 10)
    with_ends.allocate(0, 3)
    assert with_ends.stat().size == 16
    fails(Code.INVALID, with_ends.allocate, 0, 0)
    fails(Code.INVALID, with_ends.set_size, 1 << 63)
    fails(Code.INVALID, with_ends.read_at, [memoryview(two)], 1 << 63)
    fails(Code.INVALID, with_ends.write_at, [memoryview(two)], 1 << 63)
    with_ends.advise(0, 10, Advice.SEQUENTIAL)
    fails(Code.INVALID, with_ends.advise, 1 << 63, 10, Advice.SEQUENTIAL)
    with_ends.sync(data_only=True)
    with_ends.sync(data_only=False)
    with_ends.write_at([memoryview(b"z")], 20)
    with_ends.seek(0, SEEK_SET)
    assert get(with_ends) == b"HELLO!" + b"\0" * 14 + b"z"
    with_ends.close()
    with_ends.close()


def test_creating(root: Directory) -> None:
    fails(Code.NO_ENTRY, root.open_at, "f", READ, follow=False)
    put(root, "f", b"data")
    exclusive = OpenOptions(write=True, create=True, exclusive=True)
    fails(Code.EXIST, root.open_at, "f", exclusive, follow=True)
    fails(Code.NOT_DIRECTORY, root.open_at, "f", OpenOptions(directory=True), follow=False)
    fails(Code.NOT_DIRECTORY, root.open_at, "f/", READ, follow=False)
    fails(Code.NOT_DIRECTORY, root.open_at, "f/.", READ, follow=False)
    fails(Code.NOT_DIRECTORY, root.open_at, "f/x", CREATE, follow=False)
    fails(Code.NOT_DIRECTORY, root.open_at, "f/..", READ, follow=False)
    fails(Code.IS_DIRECTORY, root.open_at, "new/", CREATE, follow=False)
    truncated = root.open_at("f", OpenOptions(truncate=True), follow=False)
    assert truncated.stat().size == 0
    truncated.close()
    root.make_directory_at("d/")
    for options in (OpenOptions(write=True), OpenOptions(truncate=True), CREATE):
        fails(Code.IS_DIRECTORY, root.open_at, "d", options, follow=False)
        fails(Code.IS_DIRECTORY, root.open_at, ".", options, follow=False)
    fails(Code.EXIST, root.open_at, ".", exclusive, follow=False)
    fails(Code.EXIST, root.make_directory_at, "d")
    fails(Code.EXIST, root.make_directory_at, "f")
    fails(Code.EXIST, root.make_directory_at, ".")
    fails(Code.NO_ENTRY, root.make_directory_at, "no/d")
    fails(Code.NAME_TOO_LONG, root.make_directory_at, "x" * 256)


def test_directories(root: Directory) -> None:
    root.make_directory_at("d")
    root.make_directory_at("d/e")
    put(root, "d/e/f", b"x")
    for path in ("d/e/", "d/./e", "d//e", "d/e/../e", "./d/e/.", "d/e/.."):
        inner = root.open_at(path, OpenOptions(directory=True), follow=False)
        assert isinstance(inner, Directory)
        expected = ["e"] if path.endswith("..") else ["f"]
        assert [e.name for e in inner.entries()] == expected
        fails(Code.IS_DIRECTORY, inner.read, [memoryview(bytearray(1))])
        fails(Code.IS_DIRECTORY, inner.write, [memoryview(b"x")])
        fails(Code.IS_DIRECTORY, inner.read_at, [memoryview(bytearray(1))], 0)
        inner.sync(data_only=False)
        inner.close()
    assert root.stat_at("d/e/..", follow=False).inode == root.stat_at("d", follow=False).inode
    types = {e.name: e.type for e in root.entries()}
    assert types == {"d": FileType.DIRECTORY}
    (entry,) = root.entries()
    assert entry.inode == root.stat_at("d", follow=False).inode
    fails(Code.NOT_EMPTY, root.remove_directory_at, "d")
    fails(Code.NOT_DIRECTORY, root.remove_directory_at, "d/e/f")
    fails(Code.INVALID, root.remove_directory_at, ".")
    fails(Code.INVALID, root.remove_directory_at, "d/e/..")
    fails(Code.IS_DIRECTORY, root.unlink_at, "d")
    fails(Code.IS_DIRECTORY, root.unlink_at, "d/")
    fails(Code.IS_DIRECTORY, root.unlink_at, ".")
    fails(Code.NOT_DIRECTORY, root.unlink_at, "d/e/f/")
    root.unlink_at("d/e/f")
    fails(Code.NO_ENTRY, root.unlink_at, "d/e/f")
    root.remove_directory_at("d/e/")
    root.remove_directory_at("d")
    assert root.entries() == []


def test_a_removed_directory_takes_nothing_in(root: Directory) -> None:
    root.make_directory_at("d")
    inner = root.open_at("d", READ, follow=False)
    assert isinstance(inner, Directory)
    root.remove_directory_at("d")
    fails(Code.NO_ENTRY, inner.make_directory_at, "x")
    fails(Code.NO_ENTRY, inner.open_at, "f", CREATE, follow=False)
    inner.close()


def test_an_open_file_outlives_its_name(root: Directory) -> None:
    put(root, "f", b"still here")
    handle = root.open_at("f", READ, follow=False)
    root.unlink_at("f")
    assert get(handle) == b"still here"
    assert handle.stat().links == 0
    handle.close()


def test_renaming(root: Directory) -> None:
    put(root, "a", b"a")
    put(root, "b", b"b")
    root.rename_at("a", root, "b")
    fails(Code.NO_ENTRY, root.stat_at, "a", follow=False)
    assert get(root.open_at("b", READ, follow=False)) == b"a"
    root.rename_at("b", root, "b")
    root.make_directory_at("d")
    root.make_directory_at("d/e")
    fails(Code.NO_ENTRY, root.rename_at, "none", root, "d")
    fails(Code.BUSY, root.rename_at, ".", root, "x")
    fails(Code.BUSY, root.rename_at, "b", root, "d/..")
    fails(Code.NOT_DIRECTORY, root.rename_at, "b", root, "c/")
    fails(Code.NOT_DIRECTORY, root.rename_at, "b/", root, "c")
    if sys.platform != "win32":
        fails(Code.IS_DIRECTORY, root.rename_at, "b", root, "d")
        fails(Code.NOT_DIRECTORY, root.rename_at, "d", root, "b")
        fails(Code.INVALID, root.rename_at, "d", root, "d/e/f")
        root.make_directory_at("full")
        put(root, "full/f")
        fails(Code.NOT_EMPTY, root.rename_at, "d", root, "full")
        root.make_directory_at("empty")
        root.rename_at("d/", root, "empty/")
        assert root.stat_at("empty/e", follow=False).type is FileType.DIRECTORY
    inner = root.open_at("empty", READ, follow=False)
    assert isinstance(inner, Directory)
    root.rename_at("b", inner, "b")
    inner.rename_at("b", root, "back")
    inner.rename_at("e", root, "e")
    assert root.stat_at("e", follow=False).type is FileType.DIRECTORY
    inner.close()


def test_links_to_files(root: Directory) -> None:
    put(root, "a", b"same")
    root.make_directory_at("d")
    root.link_at("a", root, "d/b")
    stat = root.stat_at("d/b", follow=False)
    assert stat.links == 2
    assert stat.inode == root.stat_at("a", follow=False).inode
    fails(Code.EXIST, root.link_at, "a", root, "d/b")
    fails(Code.EXIST, root.link_at, "a", root, "a")
    fails(Code.EXIST, root.link_at, "a", root, "d")
    fails(Code.EXIST, root.link_at, "a", root, "d/")
    fails(Code.NO_ENTRY, root.link_at, "a", root, "new/")
    fails(Code.NOT_DIRECTORY, root.link_at, "a/", root, "c")
    fails(Code.NO_ENTRY, root.link_at, "none", root, "c")
    fails(Code.NOT_PERMITTED, root.link_at, ".", root, "c")
    fails(Code.NOT_PERMITTED, root.link_at, "d", root, "c")
    root.unlink_at("a")
    assert get(root.open_at("d/b", READ, follow=False)) == b"same"
    assert root.stat_at("d/b", follow=False).links == 1


def test_times(root: Directory) -> None:
    put(root, "f")
    root.make_directory_at("d")
    root.set_times_at("f", 1_000_000_000_123, 2_000_000_000_456, follow=False)
    root.set_times_at("f", None, 3_000_000_000_789, follow=True)
    stat = root.stat_at("f", follow=False)
    assert abs(stat.accessed - 1_000_000_000_123) < 200
    assert abs(stat.modified - 3_000_000_000_789) < 200
    assert stat.changed > 10**18
    for path in ("d", "d/", "d/.", "."):
        root.set_times_at(path, 5 * 10**9, 6 * 10**9, follow=False)
        assert root.stat_at(path, follow=False).modified == 6 * 10**9
    fails(Code.NOT_DIRECTORY, root.set_times_at, "f/", 1, 1, follow=False)
    handle = root.open_at("f", READ, follow=False)
    handle.set_times(7 * 10**9, None)
    assert handle.stat().accessed == 7 * 10**9
    handle.close()


def test_flags(root: Directory) -> None:
    put(root, "f", b"one")
    handle = root.open_at("f", OpenOptions(write=True, flags=APPEND), follow=False)
    assert handle.flags == APPEND
    handle.write([memoryview(b"two")])
    handle.seek(0, SEEK_SET)
    handle.write([memoryview(b"three")])
    handle.set_flags(NONBLOCK)
    handle.seek(0, SEEK_SET)
    handle.write([memoryview(b"ONE")])
    handle.seek(0, SEEK_SET)
    assert get(handle) == b"ONEtwothree"
    if isinstance(handle, OsFile):
        fails(Code.INVALID, handle.set_flags, SYNC)
    handle.close()
    synced = root.open_at("f", OpenOptions(write=True, flags=SYNC), follow=False)
    assert synced.flags == SYNC
    synced.close()


def test_symbolic_links(root: Directory) -> None:
    if not has_links(root):
        fails(Code.NOT_PERMITTED, root.make_link_at, "f", "l")
        return
    put(root, "f", b"target")
    root.make_directory_at("d")
    put(root, "d/inner", b"in")
    for target, path in (
        ("f", "l"), ("../f", "d/up"), ("d", "dir"), ("dir/up", "far"), ("d/", "slash"),
        ("nowhere", "dangling"), ("loop", "loop"), ("b", "a"), ("a", "b"),
    ):  # fmt: skip
        root.make_link_at(target, path)
        assert root.read_link_at(path) == target
        assert root.stat_at(path, follow=False).type is FileType.SYMBOLIC_LINK
        assert root.stat_at(path, follow=False).size == len(target)
    for path in ("l", "d/up", "dir/up", "far", "slash/up", "dir/../l", "dir/../d/up"):
        assert root.stat_at(path, follow=True).type is FileType.REGULAR_FILE
        handle = root.open_at(path, READ, follow=True)
        assert get(handle) == b"target"
        handle.close()
        fails(Code.LOOP, root.open_at, path, READ, follow=False)
    assert root.stat_at("dir/", follow=False).type is FileType.DIRECTORY
    assert root.stat_at("slash", follow=True).type is FileType.DIRECTORY
    fails(Code.NOT_DIRECTORY, root.stat_at, "l/", follow=False)
    fails(Code.NO_ENTRY, root.stat_at, "dangling", follow=True)
    for path in ("loop", "a", "loop/x", "a/x"):
        fails(Code.LOOP, root.stat_at, path, follow=True)
        fails(Code.LOOP, root.open_at, path, READ, follow=True)
    fails(Code.INVALID, root.read_link_at, "f")
    fails(Code.INVALID, root.read_link_at, "dir/")
    fails(Code.INVALID, root.read_link_at, ".")
    fails(Code.NO_ENTRY, root.read_link_at, "none")
    fails(Code.EXIST, root.make_link_at, "x", "f")
    fails(Code.EXIST, root.make_link_at, "x", "d/")
    fails(Code.NO_ENTRY, root.make_link_at, "x", "new/")
    fails(Code.NO_ENTRY, root.make_link_at, "", "new")
    fails(Code.NOT_DIRECTORY, root.unlink_at, "dir/")
    fails(Code.NOT_DIRECTORY, root.remove_directory_at, "dir")
    fails(Code.NOT_DIRECTORY, root.remove_directory_at, "dir/")
    fails(Code.EXIST, root.make_directory_at, "dangling")
    fails(Code.EXIST, root.link_at, "f", root, "dangling")
    root.link_at("dangling", root, "again")
    assert root.read_link_at("again") == "nowhere"
    root.rename_at("again", root, "moved")
    assert root.read_link_at("moved") == "nowhere"
    # What a dangling link points to is created where that is, unless it must be new.
    exclusive = OpenOptions(write=True, create=True, exclusive=True)
    fails(Code.EXIST, root.open_at, "dangling", exclusive, follow=True)
    root.open_at("dangling", CREATE, follow=True).close()
    assert root.stat_at("nowhere", follow=False).type is FileType.REGULAR_FILE
    root.set_times_at("l", 1 * 10**9, 2 * 10**9, follow=False)
    assert root.stat_at("l", follow=False).modified == 2 * 10**9
    assert root.stat_at("f", follow=False).modified > 10**18
    root.set_times_at("l", 1 * 10**9, 2 * 10**9, follow=True)
    assert root.stat_at("f", follow=False).modified == 2 * 10**9


def test_many_links_in_a_row(root: Directory) -> None:
    if not has_links(root):
        return
    put(root, "l0", b"end")
    for i in range(45):
        root.make_link_at(f"l{i}", f"l{i + 1}")
    assert root.stat_at("l40", follow=True).size == 3
    fails(Code.LOOP, root.stat_at, "l41", follow=True)


def test_bad_paths(root: Directory) -> None:
    put(root, "f")
    root.make_directory_at("d")
    for path, code in (
        ("", Code.NO_ENTRY),
        ("/f", Code.NOT_PERMITTED),
        ("/", Code.NOT_PERMITTED),
        ("..", Code.NOT_PERMITTED),
        ("d/../..", Code.NOT_PERMITTED),
        ("d/../../f", Code.NOT_PERMITTED),
        ("f\0", Code.INVALID),
        ("./" * 2049, Code.NAME_TOO_LONG),
        ("none/../f", Code.NO_ENTRY),
        ("f/../f", Code.NOT_DIRECTORY),
    ):
        fails(code, root.stat_at, path, follow=True)
        fails(code, root.open_at, path, CREATE, follow=True)
        fails(
            code, root.make_directory_at, path + ("x" if path.endswith("/") and path != "/" else "")
        )


def test_deep_paths(root: Directory) -> None:
    """A path may lead through 256 directories, which are open meanwhile and closed afterwards."""
    here = root.reopen()
    for _ in range(300):
        here.make_directory("d")
        below = here.enter("d").reopen()
        here.close()
        here = below
    here.close()
    before = _open_files()
    assert root.stat_at("d/" * 256, follow=False).type is FileType.DIRECTORY
    fails(Code.NAME_TOO_LONG, root.stat_at, "d/" * 258, follow=False)
    assert root.stat_at("d/" * 200 + "../" * 200, follow=False).type is FileType.DIRECTORY
    fails(Code.NOT_PERMITTED, root.stat_at, "d/" * 20 + "../" * 21, follow=False)
    assert _open_files() == before


def _open_files() -> int:
    return len(os.listdir("/proc/self/fd")) if os.path.isdir("/proc/self/fd") else 0


def test_between_worlds(tmp_path: Path) -> None:
    outside, inside = open_directory(tmp_path), Tree().root()
    other = Tree().root()
    for a, b in ((outside, inside), (inside, outside), (inside, other)):
        put(a, "f")
        fails(Code.CROSS_DEVICE, a.rename_at, "f", b, "g")
        fails(Code.CROSS_DEVICE, a.link_at, "f", b, "g")
    outside.close()


def test_two_directories_of_the_machine(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    a, b = open_directory(tmp_path / "a"), open_directory(tmp_path / "b")
    put(a, "f", b"x")
    a.rename_at("f", b, "g")
    b.link_at("g", a, "h")
    assert (tmp_path / "a/h").samefile(tmp_path / "b/g")
    a.close()
    b.close()


def test_a_directory_that_is_not_there(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    for make in (open_directory, PlainDirectory.at):
        with pytest.raises(FileNotFoundError):
            make(tmp_path / "none")
        with pytest.raises(NotADirectoryError):
            make(tmp_path / "file")


@pytest.mark.parametrize(
    "name",
    ["a\\b", "c:", "c:x", "x:stream", "NUL", "nul.txt", "con", "COM1", "lpt9.x", "a.", "a ", "a*",
     "x|y", "CONIN$", "aux .txt", "tab\t", "a/b"],
)  # fmt: skip
def test_names_that_windows_takes_for_something_else(name: str) -> None:
    fails(Code.NOT_PERMITTED, check_name, name)


def test_names_that_are_names() -> None:
    for name in ("a", ".hidden", "nullable", "com", "com10", "auxiliary.c", "a b", "ä", "x.y.z"):
        check_name(name)


def test_names_of_any_bytes(tmp_path: Path) -> None:
    (tmp_path / os.fsdecode(b"\xff\xfe")).write_bytes(b"odd")
    root = open_directory(tmp_path)
    (entry,) = root.entries()
    assert entry.name.encode("utf-8", "surrogateescape") == b"\xff\xfe"
    assert root.stat_at(entry.name, follow=False).size == 3
    fails(Code.ILLEGAL_BYTE_SEQUENCE, root.stat_at, "\ud800", follow=False)
    root.close()


def test_reading_and_writing_without_vectors(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The calls that some systems lack have plain stand-ins."""
    from wadjet.wasi.host import files

    for name in ("read", "write", "read_at", "write_at"):
        monkeypatch.setattr(files, f"_{name}", getattr(files, f"_{name}_plain"))
    root = open_directory(tmp_path)
    test_files(root)
    root.close()


def test_without_relative_calls(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(real, "_RELATIVE", False)
    assert isinstance(open_directory(tmp_path), PlainDirectory)


def test_special_files(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    root = open_directory(tmp_path)
    assert root.stat_at("pipe", follow=False).type is FileType.FIFO
    assert [e.type for e in root.entries()] == [FileType.FIFO]
    handle = root.open_at("pipe", OpenOptions(flags=NONBLOCK), follow=False)
    assert not handle.seekable()
    assert handle.available() == 1
    fails(Code.INVALID_SEEK, handle.seek, 0, SEEK_CUR)
    assert get(handle) == b""
    handle.close()
    root.close()
