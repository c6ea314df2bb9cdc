"""Paths at random, followed by wadjet and by the system itself: both must come to the same end.

Linux can follow a path without leaving a directory (`openat2` with RESOLVE_BENEATH). What it opens,
and what it refuses, is what ours must open and refuse, whatever was made, moved and linked before.
"""

import ctypes
import errno
import os
import struct
import tempfile
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.wasi.ways_out import snapshot
from wadjet.wasi.host.directory import Directory
from wadjet.wasi.host.errors import Code, HostError, code_of
from wadjet.wasi.host.handles import OpenOptions
from wadjet.wasi.host.real import OsDirectory, open_directory

_OPENAT2, _NO_MAGIC, _BENEATH = 437, 0x02, 0x08
_EXAMPLES = int(os.environ.get("WADJET_PATHS", "60"))
_CODES = {errno.EXDEV: Code.NOT_PERMITTED}
NAMES = ("a", "b", "c", "a", "b", "c", "secret", "outside", "inside", "é")
Step = tuple[str, tuple[str, ...]]

segments = st.sampled_from((*NAMES, "..", "..", ".", "", "...", "A"))
paths = st.builds(
    lambda head, parts: head + "/".join(parts),
    st.sampled_from(("",) * 12 + ("/", "//", "./")),
    st.lists(segments, min_size=1, max_size=5),
)
targets = paths | st.sampled_from(("../outside", "/", "/proc/self/cwd", "loop", "../inside/.."))
steps = st.one_of(
    st.tuples(st.sampled_from(("make_directory", "unlink", "remove_directory", "enter")),
              st.tuples(paths)),
    st.tuples(st.sampled_from(("rename", "link", "make_file")), st.tuples(paths, paths)),
    st.tuples(st.just("symlink"), st.tuples(targets, paths)),
    st.tuples(st.sampled_from(("look", "look", "follow")), st.tuples(paths)),
)  # fmt: skip


def beneath(directory: int, path: str, *, follow: bool) -> tuple[int, int] | Code:
    """Device and inode of what the system finds, or why it does not."""
    library = ctypes.CDLL(None, use_errno=True)
    flags = os.O_PATH | os.O_CLOEXEC | (0 if follow else os.O_NOFOLLOW)
    how = struct.pack("QQQ", flags, 0, _BENEATH | _NO_MAGIC)
    number = library.syscall(_OPENAT2, directory, path.encode(), how, len(how))
    if number < 0:
        error = ctypes.get_errno()
        return _CODES.get(error) or code_of(OSError(error, ""))
    try:
        status = os.fstat(number)
    finally:
        os.close(number)
    return status.st_dev, status.st_ino


def _present() -> bool:
    if not hasattr(os, "O_PATH"):
        return False
    number = os.open(os.sep, os.O_RDONLY)
    try:
        return beneath(number, ".", follow=False) not in (Code.IO, Code.NOT_PERMITTED)
    finally:
        os.close(number)


pytestmark = pytest.mark.skipif(not _present(), reason="NO ORACLE: this system has no openat2")


def ours(directory: Directory, path: str, *, follow: bool) -> tuple[int, int] | Code:
    try:
        stat = directory.stat_at(path, follow=follow)
    except (HostError, OSError) as error:
        return code_of(error)
    return stat.device, stat.inode


def _compare(directory: Directory, path: str, *, follow: bool) -> None:
    assert isinstance(directory, OsDirectory)
    mine, theirs = ours(directory, path, follow=follow), beneath(
        directory._number, path, follow=follow
    )  # fmt: skip
    assert mine == theirs, f"{path!r}: ours {mine}, the system's {theirs}"


def _take(held: list[Directory], step: Step) -> None:
    """One step, from the directory that was entered last."""
    what, where = step
    here = held[-1]
    match what:
        case "look" | "follow":
            _compare(here, where[0], follow=what == "follow")
        case "enter":
            made = here.open_at(where[0], OpenOptions(directory=True), follow=True)
            assert isinstance(made, Directory)
            held.append(made)
        case "make_file":
            options = OpenOptions(write=True, create=True)
            here.open_at(where[0], options, follow=where[1] > where[0]).close()
        case "rename":
            here.rename_at(where[0], held[0], where[1])
        case "link":
            here.link_at(where[0], held[0], where[1])
        case "symlink":
            here.make_link_at(*where)
        case _:
            getattr(here, f"{what}_at")(*where)


@settings(max_examples=_EXAMPLES, deadline=None)
@given(st.lists(steps, min_size=5, max_size=60))
def test_paths_lead_where_the_system_says(sequence: list[Step]) -> None:
    with tempfile.TemporaryDirectory() as name:
        inside, outside = Path(name, "inside"), Path(name, "outside")
        inside.mkdir()
        (outside / "inside").mkdir(parents=True)
        (outside / "secret").write_bytes(b"secret")
        (inside / "a/b/c").mkdir(parents=True)
        (inside / "b").symlink_to("../outside")
        (inside / "a/secret").symlink_to("../b/secret")
        before = snapshot(outside)
        held: list[Directory] = [open_directory(inside)]
        try:
            for step in sequence:
                with suppress(HostError, OSError):
                    _take(held, step)
                for follow in (False, True):
                    _compare(held[-1], step[1][-1], follow=follow)
        finally:
            for each in held:
                each.close()
        assert snapshot(outside) == before
        assert sorted(os.listdir(name)) == ["inside", "outside"]
