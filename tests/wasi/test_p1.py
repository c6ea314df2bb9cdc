"""The functions of WASI 0.1, one after the other, without an engine."""

import struct
from pathlib import Path

import pytest

from tests.wasi.guest import DATA, RESULT, TEXT, Guest
from wadjet.base.errors import Exit
from wadjet.wasi import Tree, Wasi
from wadjet.wasi.p1.abi import (
    DIRECTORY_RIGHTS,
    FILE_RIGHTS,
    O_CREAT,
    O_DIRECTORY,
    O_EXCL,
    O_TRUNC,
    SIGNATURES,
    Right,
)
from wadjet.wasi.p1.functions import P1, Unstable

ATIM, ATIM_NOW, MTIM, MTIM_NOW = 1, 2, 4, 8
APPEND, DSYNC, NONBLOCK, RSYNC, SYNC = 1, 2, 4, 8, 16


def world() -> Tree:
    return Tree({"f": b"0123456789", "d": {"a": b"A", "b": b"BB"}})


def strings(guest: Guest, name: str) -> list[bytes]:
    """What `args_get` or `environ_get` give."""
    guest.ok(f"{name}_sizes_get", RESULT, RESULT + 4)
    count, size = guest.unpack("II")
    guest.ok(f"{name}_get", DATA, TEXT)
    assert guest.bytes[TEXT + size : TEXT + size + 4] == bytes(4)
    pointers = guest.unpack(f"{count}I", DATA)
    return [bytes(guest.bytes[p : guest.bytes.index(0, p)]) for p in pointers]


def test_arguments_and_environment() -> None:
    args = ["app", "", "ä b", '"']
    with Guest(args=args, env={"A": "1", "B": "x=y\n"}) as guest:
        assert strings(guest, "args") == [a.encode() for a in args]
        assert strings(guest, "environ") == [b"A=1", b"B=x=y\n"]
    with Guest() as guest:
        assert strings(guest, "args") == strings(guest, "environ") == []


def test_the_end() -> None:
    with Guest() as guest:
        for code in (0, 1, 42, 0xFFFF_FFFF):
            with pytest.raises(Exit) as info:
                guest.call("proc_exit", code)
            assert info.value.code == code
        with pytest.raises(Exit) as info:
            guest.call("proc_exit", -1)
        assert info.value.code == 0xFFFF_FFFF
        with pytest.raises(Exit) as info:
            guest.call("proc_raise", 6)
        assert info.value.code == 134
        guest.ok("proc_raise", 0)
        guest.ok("proc_raise", 16)
        assert guest.call("proc_raise", 18) == "notsup"
        assert guest.call("proc_raise", 31) == "inval"


def test_reading_and_writing() -> None:
    with Guest(dirs={"/": world()}) as guest:
        fd = guest.open("f", base=-1)
        assert fd == 4
        guest.ok("fd_read", fd, *guest.vectors((DATA, 3), (0, 0), (DATA + 10, 4)), RESULT)
        assert guest.number() == 7
        assert guest.bytes[DATA : DATA + 3] == b"012"
        assert guest.bytes[DATA + 10 : DATA + 14] == b"3456"
        guest.ok("fd_tell", fd, RESULT)
        assert guest.unpack("Q") == (7,)
        guest.ok("fd_pread", fd, *guest.vectors((DATA, 4)), 8, RESULT)
        assert guest.number() == 2
        guest.bytes[DATA : DATA + 3] = b"xyz"
        guest.ok("fd_pwrite", fd, *guest.vectors((DATA, 1), (DATA + 1, 2)), 1, RESULT)
        guest.ok("fd_write", fd, *guest.vectors((DATA, 3)), RESULT)
        guest.ok("fd_seek", fd, 0, 0, RESULT)
        assert guest.read(fd) == b"0xyz456xyz"
        assert guest.read(fd) == b""
        guest.ok("fd_sync", fd)
        guest.ok("fd_datasync", fd)
        guest.ok("fd_close", fd)
        for name in ("fd_close", "fd_sync", "fd_datasync"):
            assert guest.call(name, fd) == "badf"
        assert guest.read(fd) == guest.write(fd, b"") == "badf"


def test_many_and_large_buffers(tmp_path: Path) -> None:
    """A call may take fewer buffers than it is given, and says so; empty ones are passed over."""
    with Guest(size=1 << 20, dirs={"/": tmp_path, "/tree": {}}) as guest:
        for root in (3, 4):
            fd = guest.open("f", O_CREAT, fd=root, base=-1)
            assert isinstance(fd, int)
            guest.bytes[DATA] = 7
            table = 1 << 18
            for i in range(3000):
                struct.pack_into("<II", guest.bytes, table + 8 * i, DATA, 0 if i < 1500 else 1)
            guest.ok("fd_write", fd, table, 3000, RESULT)
            assert guest.number() == 1024
            guest.ok("fd_seek", fd, 0, 0, RESULT)
            guest.ok("fd_read", fd, table, 3000, RESULT)
            assert guest.number() == 1024
            guest.ok("fd_pwrite", fd, *guest.vectors((0, 1 << 20)), 0, RESULT)
            assert guest.number() == 1 << 20
            assert guest.call("fd_write", fd, 0, (1 << 16) + 1, RESULT) == "inval"
            guest.ok("fd_close", fd)


def test_seeking() -> None:
    with Guest(dirs={"/": world()}) as guest:
        fd = guest.open("f")
        assert isinstance(fd, int)
        for offset, whence, expected in ((3, 0, 3), (2, 1, 5), (-1, 2, 9), (-9, 1, 0), (99, 0, 99)):
            guest.ok("fd_seek", fd, offset, whence, RESULT)
            assert guest.unpack("Q") == (expected,)
        guest.ok("fd_seek", fd, (1 << 64) - 9, 1, RESULT)
        assert guest.unpack("Q") == (90,)
        assert guest.call("fd_seek", fd, -91, 1, RESULT) == "inval"
        assert guest.call("fd_seek", fd, 0, 3, RESULT) == "inval"
        assert guest.call("fd_seek", fd, 0, -1, RESULT) == "inval"
        guest.ok("fd_fdstat_set_rights", fd, Right.FD_TELL, 0)
        guest.ok("fd_seek", fd, 0, 1, RESULT)
        guest.ok("fd_tell", fd, RESULT)
        assert guest.call("fd_seek", fd, 0, 0, RESULT) == "notcapable"
        guest.ok("fd_fdstat_set_rights", fd, 0, 0)
        assert guest.call("fd_tell", fd, RESULT) == "notcapable"


def test_a_directory_is_not_a_file() -> None:
    with Guest(dirs={"/": world()}) as guest:
        at = guest.vectors((DATA, 1))
        assert guest.call("fd_read", 3, *at, RESULT) == "isdir"
        assert guest.call("fd_write", 3, *at, RESULT) == "isdir"
        assert guest.call("fd_pread", 3, *at, 0, RESULT) == "isdir"
        assert guest.call("fd_pwrite", 3, *at, 0, RESULT) == "isdir"
        assert guest.call("fd_seek", 3, 0, 0, RESULT) == "isdir"
        assert guest.call("fd_tell", 3, RESULT) == "isdir"
        assert guest.call("fd_filestat_set_size", 3, 0) == "isdir"
        assert guest.call("fd_allocate", 3, 0, 1) == "isdir"
        file = guest.open("f")
        assert isinstance(file, int)
        for name, signature in SIGNATURES.items():
            if name.startswith("path_"):
                args = [0] * len(signature.params)
                args[2 if name == "path_symlink" else 0] = file
                assert guest.call(name, *args) == "notdir", name
        assert guest.call("fd_readdir", file, DATA, 10, 0, RESULT) == "notdir"


def test_fdstat_and_rights() -> None:
    with Guest(dirs={"/": world()}) as guest:
        guest.ok("fd_fdstat_get", 3, RESULT)
        assert guest.unpack("BxHxxxxQQ") == (3, 0, DIRECTORY_RIGHTS, Right.ALL)
        fd = guest.open("f", base=-1, inheriting=-1, flags=APPEND | NONBLOCK)
        assert isinstance(fd, int)
        guest.ok("fd_fdstat_get", fd, RESULT)
        assert guest.unpack("BxHxxxxQQ") == (4, APPEND | NONBLOCK, FILE_RIGHTS, 0)
        some = Right.FD_READ | Right.FD_FDSTAT_SET_FLAGS
        guest.ok("fd_fdstat_set_rights", fd, some, 0)
        for base, inheriting in (
            (some | Right.FD_WRITE, 0),
            (some, 1),
            (-1, 0),
            (some | 1 << 60, 0),
        ):
            assert guest.call("fd_fdstat_set_rights", fd, base, inheriting) == "notcapable"
        assert guest.write(fd, b"x") == "notcapable"
        guest.ok("fd_fdstat_set_flags", fd, 0)
        assert guest.call("fd_fdstat_set_flags", fd, 32) == "inval"
        guest.ok("fd_fdstat_set_rights", fd, 0, 0)
        assert guest.read(fd) == "notcapable"
        for name, args in (
            ("fd_fdstat_set_flags", (0,)), ("fd_filestat_get", (RESULT,)), ("fd_sync", ()),
            ("fd_datasync", ()), ("fd_advise", (0, 1, 0)), ("fd_allocate", (0, 1)),
            ("fd_filestat_set_size", (1,)), ("fd_filestat_set_times", (0, 0, 0)),
        ):  # fmt: skip
            assert guest.call(name, fd, *args) == "notcapable", name


def test_a_directory_hands_down_what_it_has() -> None:
    with Guest(dirs={"/": world()}) as guest:
        some = Right.FD_READ | Right.FD_SEEK
        fd = guest.open("d", O_DIRECTORY, base=Right.PATH_OPEN | Right.FD_SEEK, inheriting=some)
        assert isinstance(fd, int)
        guest.ok("fd_fdstat_get", fd, RESULT)
        assert guest.unpack("BxHxxxxQQ") == (3, 0, Right.PATH_OPEN, some)
        assert isinstance(guest.open("a", fd=fd, base=some, inheriting=0), int)
        assert guest.open("a", fd=fd, base=Right.FD_WRITE, inheriting=0) == "notcapable"
        assert guest.open("a", fd=fd, base=0, inheriting=Right.FD_WRITE) == "notcapable"
        assert guest.open("new", O_CREAT, fd=fd, base=0, inheriting=0) == "notcapable"
        assert guest.open("a", O_TRUNC, fd=fd, base=0, inheriting=0) == "notcapable"
        for flag in (DSYNC, RSYNC, SYNC):
            assert guest.open("a", fd=fd, base=0, inheriting=0, flags=flag) == "notcapable"
        for name in (
            "path_create_directory", "path_remove_directory", "path_unlink_file",
        ):  # fmt: skip
            assert guest.at(name, "a", fd=fd) == "notcapable"
        assert guest.call("fd_readdir", fd, DATA, 100, 0, RESULT) == "notcapable"
        guest.ok("fd_fdstat_set_rights", fd, 0, 0)
        assert guest.open("a", fd=fd, base=0, inheriting=0) == "notcapable"


def test_opening() -> None:
    with Guest(dirs={"/": world()}) as guest:
        assert guest.open("none") == "noent"
        assert guest.open("f", O_DIRECTORY) == "notdir"
        assert guest.open("f", O_CREAT | O_EXCL) == "exist"
        assert guest.open("f", O_CREAT | O_DIRECTORY) == "inval"
        assert guest.open("f", 16) == "inval"
        assert guest.open("f", flags=32) == "inval"
        assert guest.open("f", follow=2) == "inval"
        assert guest.open("d", base=Right.FD_WRITE) == "isdir"
        assert guest.open(".", base=Right.FD_WRITE | Right.FD_READ) == "isdir"
        assert guest.open("x" * 5000) == "nametoolong"
        assert guest.at("path_create_directory", "x" * 256) == "nametoolong"
        pointer, length = guest.text(b"\xff")
        assert guest.call("path_create_directory", 3, pointer, length) == "ilseq"
        fd = guest.open("f", O_TRUNC, base=0)
        assert isinstance(fd, int)
        guest.ok("path_filestat_get", 3, 0, *guest.text("f"), RESULT)
        assert guest.unpack("Q", RESULT + 32) == (0,)


def test_descriptors_take_the_lowest_number() -> None:
    with Guest(dirs={"/": world(), "/b": {}}) as guest:
        assert [guest.open("f") for _ in range(4)] == [5, 6, 7, 8]
        for fd in (7, 5, 0):
            guest.ok("fd_close", fd)
        assert [guest.open("f") for _ in range(4)] == [0, 5, 7, 9]
        guest.ok("fd_renumber", 9, 6)
        assert guest.call("fd_close", 9) == "badf"
        assert guest.call("fd_renumber", 9, 6) == "badf"
        assert guest.call("fd_renumber", 6, 9) == "badf"
        guest.ok("fd_renumber", 6, 6)
        guest.ok("fd_close", 6)
        # A preopen that moves is one still.
        guest.ok("fd_renumber", 4, 5)
        guest.ok("fd_prestat_get", 5, RESULT)
        assert guest.call("fd_prestat_get", 4, RESULT) == "badf"


def test_preopens() -> None:
    with Guest(dirs={"/": {}, "/däta": {}}) as guest:
        for fd, name in ((3, b"/"), (4, "/däta".encode())):
            guest.ok("fd_prestat_get", fd, RESULT)
            assert guest.unpack("BxxxI") == (0, len(name))
            guest.ok("fd_prestat_dir_name", fd, DATA, len(name) + 1)
            assert guest.bytes[DATA : DATA + len(name)] == name
            assert guest.call("fd_prestat_dir_name", fd, DATA, len(name) - 1) == "nametoolong"
        for fd in (0, 5, -1):
            assert guest.call("fd_prestat_get", fd, RESULT) == "badf"
            assert guest.call("fd_prestat_dir_name", fd, DATA, 100) == "badf"


@pytest.mark.parametrize("kind", ["real", "tree"])
def test_listing(kind: str, tmp_path: Path) -> None:
    names = [f"file-{i}" for i in range(40)]
    for name in names:
        (tmp_path / name).touch()
    root = tmp_path if kind == "real" else Tree(dict.fromkeys(names, b""))
    with Guest(dirs={"/": root}) as guest:
        expected = {".", "..", *names}
        assert set(guest.listing(3)) == expected
        # piece by piece, as C libraries do it
        cookie, found = 0, []
        while True:
            guest.ok("fd_readdir", 3, DATA, 100, cookie, RESULT)
            used, at = guest.number(), 0
            while at + 24 <= used:
                cookie_next, inode, length, filetype = guest.unpack("QQIBxxx", DATA + at)
                if at + 24 + length > used:
                    break
                name = bytes(guest.bytes[DATA + at + 24 : DATA + at + 24 + length]).decode()
                if name != "..":
                    guest.ok("path_filestat_get", 3, 0, *guest.text(name), TEXT + 512)
                    assert guest.unpack("Q", TEXT + 512 + 8) == (inode,)
                assert filetype == (3 if name in (".", "..") else 4)
                found.append(name)
                cookie = cookie_next
                at += 24 + length
            if used < 100:
                break
        assert len(found) == len(expected)
        assert set(found) == expected
        # a list stays as it was until it is read from the start again
        assert guest.at("path_unlink_file", names[0]) == "success"
        assert len(guest.listing(3, cookie=2)) == 40
        assert len(guest.listing(3)) == 41
        assert guest.listing(3, cookie=41) == guest.listing(3, cookie=1 << 63) == []
        assert guest.listing(3, cookie=-1) == []
        assert guest.listing(3, 0) == []
        guest.ok("fd_readdir", 3, DATA, 30, 0, RESULT)
        assert guest.number() == 30


def test_filestat(tmp_path: Path) -> None:
    (tmp_path / "f").write_bytes(b"12345")
    (tmp_path / "g").hardlink_to(tmp_path / "f")
    status = (tmp_path / "f").stat()
    with Guest(dirs={"/": tmp_path}) as guest:
        fd = guest.open("f")
        assert isinstance(fd, int)
        guest.ok("fd_filestat_get", fd, RESULT)
        first = guest.unpack("QQBxxxxxxxQQQQQ")
        assert first == (
            status.st_dev, status.st_ino, 4, 2, 5,
            status.st_atime_ns, status.st_mtime_ns, status.st_ctime_ns,
        )  # fmt: skip
        guest.ok("path_filestat_get", 3, 1, *guest.text("g"), RESULT)
        assert guest.unpack("QQBxxxxxxxQQQQQ") == first


def test_times() -> None:
    with Guest(dirs={"/": world()}, clocks=10**15) as guest:
        fd = guest.open("f")
        assert isinstance(fd, int)

        def times() -> tuple[int, ...]:
            guest.ok("fd_filestat_get", fd, RESULT)
            return guest.unpack("QQ", RESULT + 40)

        guest.ok("fd_filestat_set_times", fd, 11, 22, ATIM | MTIM)
        assert times() == (11, 22)
        guest.ok("fd_filestat_set_times", fd, 33, 44, MTIM)
        assert times() == (11, 44)
        guest.ok("path_filestat_set_times", 3, 0, *guest.text("f"), 55, 66, ATIM | MTIM_NOW)
        assert times()[0] == 55
        assert 10**15 < times()[1] < 10**15 + 10**9
        guest.ok("fd_filestat_set_times", fd, 0, 0, ATIM_NOW)
        assert times()[0] > 10**15
        guest.ok("fd_filestat_set_times", fd, 0, 0, 0)
        for flags in (ATIM | ATIM_NOW, MTIM | MTIM_NOW, 16):
            assert guest.call("fd_filestat_set_times", fd, 1, 1, flags) == "inval"
            assert (
                guest.call("path_filestat_set_times", 3, 0, *guest.text("f"), 1, 1, flags)
                == "inval"
            )


def test_size_and_advice() -> None:
    with Guest(dirs={"/": world()}) as guest:
        fd = guest.open("f", base=-1)
        assert isinstance(fd, int)
        for advice in range(6):
            guest.ok("fd_advise", fd, 0, 10, advice)
        assert guest.call("fd_advise", fd, 0, 10, 6) == "inval"
        assert guest.call("fd_advise", fd, -1, 10, 0) == "inval"
        guest.ok("fd_allocate", fd, 5, 10)
        guest.ok("fd_filestat_get", fd, RESULT)
        assert guest.unpack("Q", RESULT + 32) == (15,)
        guest.ok("fd_filestat_set_size", fd, 2)
        assert guest.read(fd) == b"01"
        assert guest.call("fd_filestat_set_size", fd, -1) == "inval"
        assert guest.call("fd_allocate", fd, 0, 0) == "inval"
        assert guest.call("fd_allocate", fd, 0, -1) == "inval"


def test_reading_links() -> None:
    with Guest(dirs={"/": world()}) as guest:
        target = guest.text("f", TEXT + 512)
        assert guest.call("path_symlink", *target, 3, *guest.text("link")) == "success"
        for room, expected in ((10, b"f\0"), (1, b"f\xee"), (0, b"\xee\xee")):
            guest.bytes[DATA : DATA + 2] = b"\0\0" if room > 1 else b"\xee\xee"
            assert guest.at("path_readlink", "link", DATA, room, RESULT) == "success"
            assert guest.number() == min(room, 1)
            assert guest.bytes[DATA : DATA + 2] == expected
        assert guest.at("path_readlink", "f", DATA, 10, RESULT) == "inval"


def test_moving_and_linking() -> None:
    with Guest(dirs={"/": world(), "/other": {}}) as guest:
        old, new = guest.text("f"), guest.text("d/moved", TEXT + 512)
        assert guest.call("path_link", 3, 0, *old, 3, *new) == "success"
        assert guest.call("path_link", 3, 0, *old, 3, *new) == "exist"
        assert guest.call("path_link", 3, 1, *old, 3, *guest.text("x", TEXT + 512)) == "inval"
        assert guest.call("path_rename", 3, *old, 3, *guest.text("g", TEXT + 512)) == "success"
        assert guest.call("path_rename", 3, *old, 3, *guest.text("g", TEXT + 512)) == "noent"
        old = guest.text("g")
        assert guest.call("path_rename", 3, *old, 4, *guest.text("x", TEXT + 512)) == "xdev"
        assert guest.call("path_link", 3, 0, *old, 4, *guest.text("x", TEXT + 512)) == "xdev"
        assert guest.at("path_remove_directory", "d") == "notempty"
        assert guest.at("path_unlink_file", "d") == "isdir"


def test_the_older_edition() -> None:
    with Guest(Unstable, dirs={"/": world()}) as guest:
        fd = guest.open("f")
        assert isinstance(fd, int)
        # whence: 0 is the current position, 1 the end, 2 the start
        for offset, whence, expected in ((3, 2, 3), (2, 0, 5), (-1, 1, 9)):
            guest.ok("fd_seek", fd, offset, whence, RESULT)
            assert guest.unpack("Q") == (expected,)
        guest.ok("fd_filestat_get", fd, RESULT)
        _, _, filetype, links, size, *_ = guest.unpack("QQBxxxIQQQQ")
        assert (filetype, links, size) == (4, 1, 10)
        assert "sock_accept" not in guest.functions


def test_both_editions_over_one_state() -> None:
    with Guest(dirs={"/": world()}) as guest:
        fd = guest.open("f")
        assert isinstance(fd, int)
        older = {n: f for n, (_, f) in Unstable.over(guest.p1).functions().items()}
        assert older["fd_seek"](fd, -2, 1, RESULT) == 0
        assert guest.unpack("Q") == (8,)
        guest.ok("fd_tell", fd, RESULT)
        assert guest.unpack("Q") == (8,)
        assert older["fd_close"](fd) == 0
        assert guest.call("fd_close", fd) == "badf"


def test_a_world_that_is_not_there_leaves_nothing_open(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        P1(Wasi(dirs={"/a": tmp_path, "/b": tmp_path / "none"}))
