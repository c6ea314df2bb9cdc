"""Whatever numbers a guest passes, it gets an error number, a trap or its end: nothing else."""

import random
import struct
from contextlib import suppress

import pytest

from tests.wasi.guest import DATA, RESULT, TEXT, Guest
from wadjet.base.errors import Exit, Trap
from wadjet.core.types import I64
from wadjet.wasi import Tree
from wadjet.wasi.p1.abi import ERRNO_NAMES, SIGNATURES
from wadjet.wasi.p1.functions import P1, Unstable

SIZE = 1 << 16
EDGES_32 = (0, 1, 2, 3, 4, 5, 7, 8, 15, 63, 64, 255, 256, 1024, 4096, 0xFFF0, 0xFFFC, 0xFFFF, SIZE,
            SIZE + 1, 0x7FFFFFFF, -1, -2, -8, -(1 << 31))  # fmt: skip
EDGES_64 = (*EDGES_32, 1 << 32, (1 << 63) - 1, -(1 << 63), 10**18)
NAMES = (b"file", b"dir", b"dir/inner", b"link", b"loop", b"up", b"..", b".", b"/", b"dir/..",
         b"file/", b"dir/", b"", b"\0", b"\xff", b"new", b"dir/../../x", b"a" * 300)  # fmt: skip


def _world() -> Tree:
    tree = Tree({"file": b"0123456789", "dir": {"inner": b"x"}}, capacity=1 << 20)
    root = tree.root()
    for target, name in (("file", "link"), ("loop", "loop"), ("../..", "up")):
        root.make_link_at(target, name)
    return tree


@pytest.mark.parametrize("kind", [P1, Unstable])
@pytest.mark.parametrize("seed", range(4))
def test_random_calls(kind: type[P1], seed: int) -> None:
    chance = random.Random(seed)
    signatures = {n: s for n, s in SIGNATURES.items() if n != "sock_accept"}
    counts = dict.fromkeys(("error", "success", "trap", "exit"), 0)
    with Guest(kind, SIZE, dirs={"/": _world(), "/b": {}}, args=["a"], env={"k": "v"}) as guest:
        guest.p1.deadline = None
        for _ in range(15_000):
            if chance.random() < 0.1:
                _scribble(guest, chance)
            name = chance.choice(list(signatures))
            args = [
                chance.choice(EDGES_64 if t is I64 else EDGES_32) for t in signatures[name].params
            ]
            if name.startswith(("fd_", "path_")) and chance.random() < 0.8:
                args[0] = chance.randrange(12)
            if name.startswith("path_") and chance.random() < 0.8:
                _name_paths(guest, chance, name, args)
            try:
                error = guest.functions[name](*args)
            except Trap:
                counts["trap"] += 1
            except Exit:
                counts["exit"] += 1
            else:
                assert type(error) is int
                assert 0 <= error < len(ERRNO_NAMES)
                counts["error" if error else "success"] += 1
            assert len(guest.bytes) == SIZE
    assert min(counts.values()) > 50, counts


def _scribble(guest: Guest, chance: random.Random) -> None:
    """Something for the calls to find: lists of buffers, subscriptions, noise."""
    for at in range(0, 512, 8):
        struct.pack_into("<ii", guest.bytes, at, chance.choice(EDGES_32), chance.choice(EDGES_32))
    for at in range(DATA, DATA + 480, 48):
        head = (chance.getrandbits(64), chance.randrange(4), chance.randrange(8))
        struct.pack_into("<QB7xI", guest.bytes, at, *head)
        struct.pack_into("<I4xQ", guest.bytes, at + 24, chance.randrange(5), chance.getrandbits(64))


def _name_paths(guest: Guest, chance: random.Random, name: str, args: list[int]) -> None:
    """Let the pointers of a path function point to names that mean something."""
    first = 0 if name == "path_symlink" else 2 if SIGNATURES[name].params[2:3] and name in (
        "path_open", "path_filestat_get", "path_filestat_set_times", "path_link"
    ) else 1  # fmt: skip
    args[first], args[first + 1] = guest.text(chance.choice(NAMES), TEXT)
    second = {"path_link": 5, "path_rename": 4, "path_symlink": 3}.get(name)
    if second is not None:
        args[second - 1] = chance.choice((3, 3, 3, 4))
        args[second], args[second + 1] = guest.text(chance.choice(NAMES), TEXT + 512)


@pytest.mark.parametrize("name", [n for n, s in SIGNATURES.items() if s.params])
def test_every_pointer_beyond_memory_traps_or_is_never_used(name: str) -> None:
    """With every 32-bit argument past the end, nothing but a trap or an error comes back."""
    for value in (SIZE, SIZE - 1, -4, -8, 0x7FFFFFF8):
        with Guest(size=SIZE, dirs={"/": _world()}) as guest:
            for fd in (0, 1, 3):
                args = [value] * len(SIGNATURES[name].params)
                args[0] = fd
                with suppress(Trap, Exit):
                    guest.functions[name](*args)


def test_bad_pointers_trap() -> None:
    with Guest(dirs={"/": _world()}) as guest:
        for pointer, message in (
            (SIZE, "out of bounds memory access"),
            (-4, "out of bounds memory access"),
            (SIZE - 2, "misaligned pointer"),
            (RESULT + 1, "misaligned pointer"),
        ):
            with pytest.raises(Trap, match=message):
                guest.call("args_sizes_get", RESULT, pointer)
        with pytest.raises(Trap, match="out of bounds"):
            guest.call("fd_write", 1, SIZE - 4, 1, RESULT)
        with pytest.raises(Trap, match="out of bounds"):
            guest.call("fd_write", 1, *guest.vectors((SIZE - 1, 2)), RESULT)
        with pytest.raises(Trap, match="out of bounds"):
            guest.call("fd_write", 1, *guest.vectors((0, 1), (0, SIZE + 1)), RESULT)
        with pytest.raises(Trap, match="out of bounds"):
            guest.call("random_get", 1, SIZE)
        with pytest.raises(Trap, match="misaligned"):
            guest.call("fd_write", 1, 1, 1, RESULT)
        with pytest.raises(Trap, match="out of bounds"):
            guest.call("path_create_directory", 3, SIZE - 1, 2)


def test_a_result_that_cannot_be_stored_leaves_no_descriptor() -> None:
    with Guest(dirs={"/": _world()}) as guest:
        pointer, length = guest.text("file")
        for _ in range(3):
            with pytest.raises(Trap):
                guest.call("path_open", 3, 0, pointer, length, 0, 0, 0, 0, SIZE)
        assert guest.open("file") == 4


def test_memory_before_there_is_any_traps() -> None:
    guest = Guest()
    p1 = P1(guest.p1.wasi)
    with pytest.raises(Trap):
        p1.functions()["random_get"][1](0, 1)


def test_descriptors_run_out() -> None:
    with Guest(dirs={"/": _world()}) as guest:
        pointer, length = guest.text("file")
        call = guest.functions["path_open"]
        results = {call(3, 0, pointer, length, 0, 0, 0, 0, RESULT) for _ in range((1 << 16) + 2)}
        assert {ERRNO_NAMES[r or 0] for r in results} == {"success", "mfile"}
        assert guest.number() == (1 << 16) - 1
        guest.ok("fd_close", 77)
        assert guest.open("file") == 77


def test_a_tree_is_never_larger_than_it_may_be() -> None:
    with Guest(dirs={"/": Tree(capacity=10_000)}) as guest:
        fd = guest.open("f", 1, base=-1)
        assert isinstance(fd, int)
        assert guest.call("fd_filestat_set_size", fd, 1 << 60) == "nospc"
        assert guest.call("fd_allocate", fd, 0, 1 << 40) == "nospc"
        at = guest.vectors(guest.text(b"x", DATA))
        assert guest.call("fd_pwrite", fd, *at, 1 << 62, RESULT) == "nospc"
        assert guest.call("fd_pwrite", fd, *at, -1, RESULT) == "inval"
        guest.ok("fd_filestat_set_size", fd, 9_000)
        # Removing the name frees nothing while the file is open.
        assert guest.at("path_unlink_file", "f") == "success"
        other = guest.open("g", 1, base=-1)
        assert isinstance(other, int)
        assert guest.call("fd_filestat_set_size", other, 9_000) == "nospc"
        guest.ok("fd_close", fd)
        guest.ok("fd_filestat_set_size", other, 9_000)
        made = [guest.at("path_create_directory", f"d{i}") for i in range(50)]
        assert made[0] == "success"
        assert made[-1] == "nospc"
