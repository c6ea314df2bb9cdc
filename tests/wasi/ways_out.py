"""A folder for a guest with a folder outside that it must not reach, and every known way to try."""

import os
from collections.abc import Iterator
from pathlib import Path

SECRET = b"what no guest may see"

#: Links that the host, not a guest, has put inside: each leads outside.
LINKS = {
    "up": "..",
    "upup": "../..",
    "out": "../outside",
    "file_out": "../outside/secret",
    "sly": "dir/../../outside",
    "back": "dir/../../inside/../outside",
    "chain": "chain2",
    "chain2": "out",
    "dangling_out": "../outside/new",
    "slashes": "..//outside///",
}
#: Links to absolute paths, by what they lead to: the machine's own, and those of processes.
MAGIC = {"root": "/", "cwd": "/proc/self/cwd", "self": "/proc/self/root", "fd": "/proc/self/fd/0",
         "exe": "/proc/self/exe", "stdin": "/dev/stdin", "tty": "/dev/tty"}  # fmt: skip
#: Links that lead nowhere: to nothing, to each other, to themselves.
NOWHERE = {"dangling": "none/at/all", "loop": "loop", "ping": "pong", "pong": "dir/../ping",
           "deep": "dir/" * 300 + "x", "wide": "./" * 2000 + "file",
           "empty_name": "none//"}  # fmt: skip
#: Paths to try, with and without each of the links; `{outside}` is an absolute path.
PATHS = [
    "..", "../", "../outside", "../outside/secret", "../inside", "./..", "dir/../..",
    "dir/../../outside/secret", "dir/./../../outside/secret", "dir/inner/../../../outside/secret",
    "dir//..//..//outside//secret", "{outside}", "{outside}/secret", "/", "//", "/.", "/../",
    "/outside/secret", "//{outside}/secret", "/proc/self/root{outside}/secret", "/dev/stdin",
    "file/../../outside/secret", "none/../../outside/secret",
    "absolute", "absolute/", "absolute/secret", "absolute_file", "root{outside}/secret",
    "here/../outside/secret", "up/outside/secret", "dir/up/../../outside/secret",
    "cwd/../{outside}/secret", "self{outside}/secret", "fd/", "exe", "stdin", "tty",
    "loop/../../outside/secret", "ping/../out/secret", "deep/../../out/secret", "dangling/../out",
    "fifo/../../outside/secret", "...", ".../../../outside", "..\\outside\\secret",
    "dir\\..\\..\\outside", "C:\\", "\\\\server\\share", "file:///etc/passwd", "~", "~root/x",
    "..;/outside", "%2e%2e/outside/secret", "．．/outside/secret", "..\u200b/outside/secret",
    *(f"{link}{rest}" for link in LINKS for rest in ("", "/", "/.", "/..", "/secret", "/new",
                                                     "/outside/secret", "/../outside/secret")),
]  # fmt: skip


def build(folder: Path) -> Path:
    """`inside` is for the guest, `outside` is not; the folder that has both."""
    inside, outside = folder / "inside", folder / "outside"
    for each in (inside / "dir/inner", outside / "folder"):
        each.mkdir(parents=True)
    (outside / "secret").write_bytes(SECRET)
    (inside / "file").write_bytes(b"public")
    for name, target in {**LINKS, **MAGIC, **NOWHERE}.items():
        (inside / name).symlink_to(target)
    (inside / "dir/up").symlink_to("../..")
    (inside / "absolute").symlink_to(outside)
    (inside / "absolute_file").symlink_to(outside / "secret")
    (inside / "here").symlink_to(inside)
    if hasattr(os, "mkfifo"):
        os.mkfifo(inside / "fifo")
    return folder


def snapshot(folder: Path) -> list[tuple[object, ...]]:
    """Everything about what is outside."""
    found: list[tuple[object, ...]] = []
    for path in sorted([folder, *folder.rglob("*")]):
        status = path.lstat()
        data = path.read_bytes() if path.is_file() else b""
        found.append((path, status.st_mode, status.st_mtime_ns, status.st_nlink, data))
    return found


#: What may be open or not, by name: for descriptors of WASI 0.2 and 0.3.
FOLLOW, CREATE, DIRECTORY, EXCLUSIVE, TRUNCATE = 1, 1, 2, 4, 8
READ, WRITE, MUTATE = 1, 2, 32
#: Stands for the directory itself among arguments.
SELF = object()


def attempts(path: str, now: object) -> Iterator[tuple[str, tuple[object, ...]]]:
    """Each path function of `descriptor` in each of its roles, and its arguments. Names are those
    of methods in Python, `now` is the timestamp of that name."""
    for follow in (0, FOLLOW):
        for how in (0, CREATE, DIRECTORY, CREATE | EXCLUSIVE, TRUNCATE):
            for flags in (READ, WRITE, READ | WRITE, MUTATE, 0):
                yield "open_at", (follow, path, how, flags)
        yield "stat_at", (follow, path)
        yield "metadata_hash_at", (follow, path)
        yield "set_times_at", (follow, path, now, now)
        yield "link_at", (follow, path, SELF, "fresh")
        yield "link_at", (follow, "file", SELF, path)
    for below in (path, f"{path}/x", f"{path}/folder", f"{path}/secret"):
        yield "readlink_at", (below,)
        yield "symlink_at", ("file", below)
        yield "symlink_at", (below, "fresh_link")
        yield "unlink_file_at", ("fresh_link",)
        yield "create_directory_at", (below,)
        yield "rename_at", (below, SELF, "moved")
        yield "rename_at", ("dir/inner", SELF, below)
        yield "remove_directory_at", (below,)
        yield "unlink_file_at", (below,)


def inodes(folder: Path) -> set[tuple[int, int]]:
    """Device and inode of all that is in a folder, itself included."""
    found = [path.lstat() for path in [folder, *folder.rglob("*")]]
    return {(status.st_dev, status.st_ino) for status in found}
