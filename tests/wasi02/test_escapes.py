"""Nothing leads out of a preopened directory of WASI 0.2: every known way, through a real guest."""

import os
from pathlib import Path

import pytest

from tests.wasi02.through import Guest
from tests.wasi.ways_out import PATHS, SECRET, SELF, attempts, build, inodes, snapshot
from wadjet.wasi.common.filesystem import DescriptorBase
from wadjet.wasi.common.forms import ResultError, case

TYPES = "filesystem/types"
#: so many folders are granted to one guest
SHARE = 20


@pytest.mark.parametrize("first", range(0, len(PATHS), SHARE))
def test_no_path_leads_out(tmp_path: Path, first: int) -> None:
    worlds = []
    for number, path in enumerate(PATHS[first : first + SHARE]):
        (tmp_path / str(number)).mkdir()
        worlds.append((build(tmp_path / str(number)), path))
    dirs = {f"/{world.name}": world / "inside" for world, _ in worlds}
    with Guest(dirs=dirs) as guest:
        roots = {title: root for root, title in guest("filesystem/preopens", "get-directories")}
        for world, path in worlds:
            _try_everything(guest, roots[f"/{world.name}"], world, path)


def _try_everything(guest: Guest, root: DescriptorBase, world: Path, path: str) -> None:
    outside = world / "outside"
    before, forbidden = snapshot(outside), inodes(outside) | {_inode(world)}
    path = path.replace("{outside}", str(outside))
    for function, arguments in attempts(path, case("now")):
        given = [root if each is SELF else each for each in arguments]
        try:
            made = guest(TYPES, f"descriptor.{function.replace('_', '-')}", root, *given)
        except ResultError:
            continue
        if isinstance(made, DescriptorBase):
            stat = made.handle.stat()
            assert (stat.device, stat.inode) not in forbidden, (function, arguments)
            made.close()
        assert made != (SECRET, True)
    assert snapshot(outside) == before, path
    assert sorted(os.listdir(world)) == ["inside", "outside"]


def _inode(path: Path) -> tuple[int, int]:
    status = path.stat()
    return status.st_dev, status.st_ino


def test_processes_are_no_way_out(tmp_path: Path) -> None:
    """A granted folder of `/proc` has links that the system follows by magic. We do not."""
    if not Path("/proc/self/fd").is_dir():
        pytest.skip("no /proc here")
    with Guest(dirs={"/p": "/proc/self"}) as guest:
        ((root, _),) = guest("filesystem/preopens", "get-directories")
        for path in ("root/usr", "cwd/x", "exe", "fd/0", "root", "cwd", "fd/../cwd/x"):
            refused = guest.refusal(TYPES, "descriptor.open-at", root, 1, path, 0, 1)
            assert refused == "NOT_PERMITTED", path
            assert guest.refusal(TYPES, "descriptor.stat-at", root, 1, path) == "NOT_PERMITTED"
        assert guest.refusal(TYPES, "descriptor.readlink-at", root, "exe") == "NOT_PERMITTED"


def test_special_files_hold_nobody_up(tmp_path: Path) -> None:
    (tmp_path / "plain").write_bytes(b"")
    os.mkfifo(tmp_path / "pipe")
    with Guest(dirs={"/d": tmp_path}) as guest:
        ((root, _),) = guest("filesystem/preopens", "get-directories")
        reading = guest(TYPES, "descriptor.open-at", root, 0, "pipe", 0, 1)
        assert guest(TYPES, "descriptor.get-type", reading).name == "FIFO"
        reading.close()
        refused = guest.refusal(TYPES, "descriptor.open-at", root, 0, "pipe", 0, 2)
        assert refused == "NO_SUCH_DEVICE"


@pytest.mark.parametrize(
    ("name", "code"),
    [("", "NO_ENTRY"), ("x" * 256, "NAME_TOO_LONG"), ("x/" * 3000, "NAME_TOO_LONG"),
     ("a\0b", "INVALID"), ("file/x", "NOT_DIRECTORY"), ("loop", "LOOP"), ("ping", "LOOP"),
     ("FILE", "NO_ENTRY"), ("file/", "NOT_DIRECTORY"), ("..", "NOT_PERMITTED")],
)  # fmt: skip
def test_names_that_are_refused(tmp_path: Path, name: str, code: str) -> None:
    world = build(tmp_path)
    with Guest(dirs={"/d": world / "inside"}) as guest:
        ((root, _),) = guest("filesystem/preopens", "get-directories")
        for function, arguments in (("stat-at", (1, name)), ("open-at", (1, name, 0, 1))):
            assert guest.refusal(TYPES, f"descriptor.{function}", root, *arguments) == code
