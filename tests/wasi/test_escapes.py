"""Nothing leads out of a preopened directory: every way that is known, and many at random."""

import os
import random
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.wasi.guest import DATA, RESULT, TEXT, Guest
from tests.wasi.ways_out import LINKS, MAGIC, PATHS, SECRET, build, snapshot
from wadjet.wasi.host.directory import Directory
from wadjet.wasi.host.errors import HostError
from wadjet.wasi.host.handles import OpenOptions
from wadjet.wasi.host.plain import PlainDirectory
from wadjet.wasi.host.real import open_directory
from wadjet.wasi.p1.abi import Right


@pytest.fixture
def world(tmp_path: Path) -> Path:
    """`inside` is for the guest, `outside` is not."""
    return build(tmp_path)


def _every_call(guest: Guest, path: str) -> Iterator[str]:
    """Each path function in each of its roles, with this path; the outcomes."""
    pointer, length = guest.text(path)
    other, size = guest.text("fresh", TEXT + 2048)
    file, file_size = guest.text("file", TEXT + 3072)
    read, write = Right.FD_READ, Right.FD_READ | Right.FD_WRITE
    for follow in (0, 1):
        for oflags in (0, 1, 2, 8, 1 | 4, 1 | 8):
            for rights in (read, write, 0):
                error = guest.call(
                    "path_open", 3, follow, pointer, length, oflags, rights, 0, 0, RESULT
                )
                yield error
                if error == "success":
                    fd = guest.number()
                    assert guest.read(fd) != SECRET
                    guest.write(fd, b"overwritten")
                    guest.ok("fd_close", fd)
        yield guest.call("path_filestat_get", 3, follow, pointer, length, RESULT)
        yield guest.call("path_filestat_set_times", 3, follow, pointer, length, 1, 1, 1 | 4)
        yield guest.call("path_link", 3, follow, pointer, length, 3, other, size)
        guest.call("path_unlink_file", 3, other, size)
        yield guest.call("path_link", 3, follow, file, file_size, 3, pointer, length)
    yield guest.call("path_symlink", other, size, 3, pointer, length)
    yield guest.call("path_symlink", file, file_size, 3, pointer, length)
    yield guest.call("path_create_directory", 3, pointer, length)
    yield guest.call("path_rename", 3, file, file_size, 3, pointer, length)
    guest.call("path_rename", 3, pointer, length, 3, file, file_size)


@pytest.mark.parametrize("path", PATHS)
def test_no_path_leads_out(world: Path, path: str) -> None:
    before = snapshot(world / "outside")
    with Guest(dirs={"/": world / "inside"}) as guest:
        outcomes = list(_every_call(guest, path.replace("{outside}", str(world / "outside"))))
    assert len(outcomes) > 40
    assert snapshot(world / "outside") == before
    assert sorted(os.listdir(world)) == ["inside", "outside"]


@pytest.mark.parametrize("link", [*LINKS, *MAGIC, "absolute", "absolute_file", "here", "dir/up"])
def test_a_link_outside_is_refused_by_name(world: Path, link: str) -> None:
    with Guest(dirs={"/": world / "inside"}) as guest:
        assert guest.call("path_filestat_get", 3, 1, *guest.text(link), RESULT) == "perm"
        assert guest.open(link, follow=1) == "perm"
        assert guest.open(link, 1, follow=1) == "perm"
        # Looking at the link itself, and taking it away, is no harm.
        assert guest.call("path_filestat_get", 3, 0, *guest.text(link), RESULT) == "success"
        assert guest.at("path_readlink", link, DATA, 100, RESULT) == "success"
        assert guest.open(link) == "loop"
        assert guest.at("path_unlink_file", link) == "success"
    assert snapshot(world / "outside")[1:]


def test_links_made_by_a_guest(world: Path) -> None:
    with Guest(dirs={"/": world / "inside"}) as guest:
        target = guest.text("../outside/secret", TEXT + 2048)
        assert guest.call("path_symlink", *target, 3, *guest.text("mine")) == "success"
        assert guest.open("mine", follow=1) == "perm"
        target = guest.text(str(world / "outside/secret"), TEXT + 2048)
        assert guest.call("path_symlink", *target, 3, *guest.text("abs")) == "perm"
        assert not (world / "inside/abs").is_symlink()


def test_a_subdirectory_is_a_root_of_its_own(world: Path) -> None:
    with Guest(dirs={"/": world / "inside"}) as guest:
        fd = guest.open("dir")
        assert isinstance(fd, int)
        for path in ("..", "../file", "inner/../..", "inner/../../file", "up", "up/inside/file"):
            assert guest.open(path, fd=fd, follow=1) == "perm", path
        assert isinstance(guest.open("inner/..", fd=fd), int)


def test_a_directory_moved_while_open(world: Path) -> None:
    """`..` goes the way the walk came, not to where a directory has gone meanwhile."""
    (world / "inside/a/b").mkdir(parents=True)
    root = open_directory(world / "inside")
    inner = root.open_at("a/b", OpenOptions(), follow=False)
    assert isinstance(inner, Directory)
    (world / "inside/a/b").rename(world / "outside/b")
    with pytest.raises(HostError):
        inner.stat_at("..", follow=True)
    with pytest.raises(HostError):
        inner.stat_at("../secret", follow=True)
    root.close()
    inner.close()


def test_two_preopens_do_not_add_up(world: Path) -> None:
    """Moving between two preopens is allowed; what they have in common above is not."""
    (world / "second").mkdir()
    with Guest(dirs={"/a": world / "inside", "/b": world / "second"}) as guest:
        old, new = guest.text("dir"), guest.text("moved", TEXT + 2048)
        assert guest.call("path_rename", 3, *old, 4, *new) == "success"
        fd = guest.open("moved", fd=4)
        assert isinstance(fd, int)
        assert guest.open("..", fd=fd) == "perm"
        up = guest.text("../second/x", TEXT + 2048)
        for name in ("path_rename", "path_link"):
            flags = [0] if name == "path_link" else []
            assert guest.call(name, 3, *flags, *guest.text("file"), 3, *up) == "perm"


@pytest.mark.parametrize("seed", range(3))
def test_random_paths(world: Path, seed: int) -> None:
    """What opens lies inside, whatever the path: its device and inode say so."""
    chance = random.Random(seed)
    inside = {(s.st_dev, s.st_ino) for s in _statuses(world / "inside")}
    parts = ["..", ".", "", "dir", "inner", "file", "secret", "outside", "inside", "here", "root",
             "absolute", *LINKS]  # fmt: skip
    root = open_directory(world / "inside")
    opened = 0
    for _ in range(4_000):
        path = "/".join(chance.choices(parts, k=chance.randint(1, 7)))
        try:
            handle = root.open_at(path, OpenOptions(), follow=chance.random() < 0.8)
        except (HostError, OSError):
            continue
        stat = handle.stat()
        handle.close()
        assert (stat.device, stat.inode) in inside, path
        opened += 1
    root.close()
    assert opened > 50


def _statuses(folder: Path) -> list[os.stat_result]:
    return [path.stat(follow_symlinks=False) for path in [folder, *folder.rglob("*")]]


def test_a_race_for_a_directory(world: Path) -> None:
    """Another program swaps a directory for a link to the outside, as fast as it can."""
    target, aside = world / "inside/dir", world / "inside/aside"
    (target / "secret").write_bytes(b"public")
    stop = threading.Event()

    def swap() -> None:
        while not stop.is_set():
            target.rename(aside)
            target.symlink_to("../outside")
            target.unlink()
            target.symlink_to(world / "outside")
            target.unlink()
            aside.rename(target)

    thread = threading.Thread(target=swap)
    thread.start()
    root = open_directory(world / "inside")
    outcomes: dict[str, int] = {}
    try:
        for i in range(100_000):
            if i > 6_000 and outcomes.get("read"):
                break
            path = ("dir/secret", "dir/../dir/secret", "dir/inner/../secret")[i % 3]
            try:
                handle = root.open_at(path, OpenOptions(), follow=True)
            except (HostError, OSError) as error:
                outcomes[str(type(error))] = outcomes.get(str(type(error)), 0) + 1
                continue
            data = bytearray(100)
            assert data[: handle.read([memoryview(data)])] == b"public"
            handle.close()
            outcomes["read"] = outcomes.get("read", 0) + 1
    finally:
        stop.set()
        thread.join()
        root.close()
    assert outcomes.get("read", 0) > 0
    assert (world / "outside/secret").read_bytes() == SECRET


@pytest.mark.parametrize(
    "path",
    ["dir/../..", "..", "out", "out/secret", "up/outside/secret", "absolute/secret", "file_out",
     "chain/secret", "root/etc"],
)  # fmt: skip
def test_without_relative_calls(world: Path, path: str) -> None:
    root = PlainDirectory.at(world / "inside")
    for follow in (True, False):
        for call in (
            lambda f: root.open_at(path, OpenOptions(), follow=f),
            lambda f: root.open_at(path, OpenOptions(write=True, create=True), follow=f),
            lambda _: root.make_directory_at(f"{path}/new"),
            lambda _: root.rename_at("file", root, f"{path}/new"),
            lambda _: root.link_at("file", root, f"{path}/new"),
        ):
            with pytest.raises((HostError, OSError)):
                call(follow)
    assert sorted(os.listdir(world / "outside")) == ["folder", "secret"]


def test_windows_paths_are_no_way_out(tmp_path: Path) -> None:
    (tmp_path / "d").mkdir()
    root = PlainDirectory.at(tmp_path / "d")
    for path in ("..\\x", "c:\\x", "c:x", "\\\\server\\share", "..\\..", "x:stream", "NUL"):
        with pytest.raises(HostError):
            root.open_at(path, OpenOptions(write=True, create=True), follow=True)
    assert os.listdir(tmp_path) == ["d"]
    assert os.listdir(tmp_path / "d") == []
