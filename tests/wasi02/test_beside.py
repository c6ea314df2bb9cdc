"""What our host and wasmtime's answer the same guest: file systems, every function, every path.

Where they differ, the text of the standard judges; the list below is all there is.
"""

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.wasi02.beside import Refused, Wasmtime
from tests.wasi02.test_refusals import CASES
from tests.wasi02.through import Guest
from tests.wasi.ways_out import PATHS, SELF, attempts, build
from wadjet.wasi.common.forms import Member, ResultError, case, name

pytest.importorskip("wasmtime", reason="NO PEER: wasmtime is not installed")

TYPES = "filesystem/types"
#: One path in so many; every path with 1.
_STEP = int(os.environ.get("WADJET_BESIDE", "10"))
#: A named pipe without a reader holds the other host up, and terminals are not the same everywhere.
_TRIED = [p for p in PATHS if not any(word in p for word in ("fifo", "tty", "stdin"))]

#: (function, ours, theirs) → why ours is right as well, or alone.
SLASH = (
    "A link out of the folder, with a slash behind it. Both refuse. Ours asks the system about the "
    "name as it stands, and says what POSIX says of a name with a slash that is no directory or "
    "must be free; wasmtime follows the link first. path-resolution.md wants not-permitted of a "
    "path that was resolved to the outside, and leaves open what is looked at first."
)
NO_FOLLOW = (
    "A link where a directory is asked for and links are not followed. POSIX lets open fail with "
    "ENOTDIR (O_DIRECTORY) or ELOOP (O_NOFOLLOW) and does not say which; Linux says the former."
)
EARLY = (
    "Streams to and from what is open for something else, or is a directory. The interface lets "
    "the function itself fail (`may fail with an error-code`), as ours does; wasmtime's fails when "
    "the stream is used."
)
MODE = (
    "What is open for reading alone is cut: POSIX's ftruncate fails with EBADF or EINVAL. Its "
    "times are set: ours asks for a descriptor that may write, wasmtime for a folder that may be "
    "changed; the official suite of 0.3 takes either."
)
BOTH = "A directory is read: it is a directory, and a descriptor that reading is not for."
JUDGED = {
    ("open_at", "is-directory", "not-permitted"): SLASH,
    ("link_at", "not-directory", "not-permitted"): SLASH,
    ("readlink_at", "invalid", "not-permitted"): SLASH,
    ("symlink_at", "not-directory", "not-permitted"): SLASH,
    ("unlink_file_at", "not-directory", "not-permitted"): SLASH,
    ("rename_at", "not-directory", "not-permitted"): SLASH,
    ("create_directory_at", "exist", "not-permitted"): SLASH,
    ("remove_directory_at", "not-directory", "not-permitted"): SLASH,
    ("open_at", "not-directory", "loop"): NO_FOLLOW,
}


@pytest.fixture(scope="module", autouse=True)
def _begun(tmp_path_factory: pytest.TempPathFactory) -> None:
    """What the other host has once for a process is there before the first test."""
    peer = Wasmtime(tmp_path_factory.mktemp("begun"))
    root = peer("filesystem/preopens", "get-directories")[0][0]
    peer(TYPES, "descriptor.stat-at", root, 0, ".")


def _ours(guest: Guest) -> Callable[..., tuple[str, Any]]:
    def call(function: str, *args: Any) -> tuple[str, Any]:
        try:
            return "ok", guest(TYPES, f"descriptor.{function.replace('_', '-')}", *args)
        except ResultError as error:
            return name(error.value).lower().replace("_", "-"), None

    return call


def _theirs(peer: Wasmtime) -> Callable[..., tuple[str, Any]]:
    def call(function: str, *args: Any) -> tuple[str, Any]:
        try:
            return "ok", peer(TYPES, f"descriptor.{function.replace('_', '-')}", *args)
        except Refused as error:
            return error.code, None

    return call


def _outcomes(call: Any, root: Any, path: str, now: object) -> Iterator[str]:
    for function, arguments in attempts(path, now):
        given = [root if each is SELF else each for each in arguments]
        outcome, made = call(function, root, *given)
        if made is not None and hasattr(made, "handle"):
            made.close()
        yield outcome


@pytest.mark.parametrize("path", _TRIED[::_STEP])
def test_paths(tmp_path: Path, path: str) -> None:
    from wasmtime.component import Variant

    worlds = []
    for host in ("ours", "theirs"):
        (tmp_path / host).mkdir()
        worlds.append(build(tmp_path / host))
    paths = [path.replace("{outside}", str(world / "outside")) for world in worlds]
    with Guest(dirs={"/d": worlds[0] / "inside"}) as guest:
        root = guest("filesystem/preopens", "get-directories")[0][0]
        ours = list(_outcomes(_ours(guest), root, paths[0], case("now")))
    peer = Wasmtime(worlds[1] / "inside")
    root = peer("filesystem/preopens", "get-directories")[0][0]
    theirs = list(_outcomes(_theirs(peer), root, paths[1], Variant("now")))
    functions = [function for function, _ in attempts(path, None)]
    differences = {each for each in zip(functions, ours, theirs, strict=True) if each[1] != each[2]}
    assert differences <= set(JUDGED)


#: (function, ours, theirs) of an open file → why ours is right as well, or alone.
JUDGED_OPEN = {
    ("append-via-stream", "bad-descriptor", "ok"): EARLY,
    ("append-via-stream", "is-directory", "bad-descriptor"): BOTH,
    ("read-via-stream", "bad-descriptor", "ok"): EARLY,
    ("read", "is-directory", "bad-descriptor"): BOTH,
    ("set-size", "bad-descriptor", "invalid"): MODE,
    ("set-times", "not-permitted", "ok"): MODE,
}


def test_open_files(tmp_path: Path) -> None:
    peer = Wasmtime(tmp_path)
    call = _theirs(peer)
    root = peer("filesystem/preopens", "get-directories")[0][0]
    (tmp_path / "dir").mkdir()
    (tmp_path / "file").write_bytes(b"hello")
    differences = set()
    for (file, flags), function, arguments, code in CASES:
        if file == "pipe":
            continue
        given = [each.name.lower() if isinstance(each, Member) else each for each in arguments]
        given = [_variant(each) if name(each) == "NoChange" else each for each in given]
        _, opened = call("open-at", root, 0, file, 0, flags)
        outcome, _ = call(function, opened, *given)
        ours = code.lower().replace("_", "-")
        if ours != outcome:
            differences.add((function, ours, outcome))
    assert differences == set(JUDGED_OPEN)


def _variant(value: object) -> object:
    from wasmtime.component import Variant

    return Variant("no-change")
