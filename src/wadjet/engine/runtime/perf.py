"""Telling Linux's `perf` the names of guest functions: `WADJET_PERF`.

`WADJET_PERF=map` adds a line for each function to /tmp/perf-PID.map. `WADJET_PERF=jitdump` writes
jit-PID.dump in the current folder, with the code itself: record with `perf record -k mono`, then
`perf inject --jit`. Both are for machines and guests that one trusts: names come from the guest.
"""

import mmap
import os
import struct
import sys
import threading
import time
from collections.abc import Callable
from functools import cache
from typing import Final

#: Address, code, name of a function that is in place.
Told = Callable[[int, bytes, str], None]

#: magic, version, size of this, ELF machine, pad, process, time, flags
_HEAD: Final = struct.Struct("<IIIIIIQQ")
_MAGIC: Final = 0x4A695444
_MACHINES: Final = {"x86_64": 62, "aarch64": 183}
#: kind, size of all, time; process, thread, address (twice), size, number
_LOAD: Final = struct.Struct("<IIQIIQQQQ")


@cache
def teller(arch: str) -> Told | None:
    """What to call for each function that is put into place; None if nobody asked."""
    wanted = os.environ.get("WADJET_PERF", "")
    if wanted not in ("map", "jitdump") or sys.platform != "linux":
        return None
    return _map() if wanted == "map" else _dump(arch)


def _open(path: str) -> int:
    """A new file that is nobody else's. OSError where something else has the name."""
    flags = os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW | os.O_CLOEXEC
    file = os.open(path, flags, 0o600)
    if os.fstat(file).st_uid != os.geteuid():
        os.close(file)
        raise PermissionError(f"{path} belongs to somebody else")
    return file


def _map() -> Told:
    file = _open(f"/tmp/perf-{os.getpid()}.map")

    def tell(address: int, code: bytes, name: str) -> None:
        os.write(file, f"{address:x} {len(code):x} {_line(name)}\n".encode())

    return tell


def _dump(arch: str) -> Told:
    file = _open(f"jit-{os.getpid()}.dump")
    head = (_MAGIC, 1, _HEAD.size, _MACHINES[arch], 0, os.getpid(), time.monotonic_ns(), 0)
    os.write(file, _HEAD.pack(*head))
    # perf finds the file by this mapping
    mark = mmap.mmap(file, 0, mmap.MAP_PRIVATE, mmap.PROT_READ | mmap.PROT_EXEC)
    count = 0

    def tell(address: int, code: bytes, name: str) -> None:
        nonlocal count
        assert mark is not None
        content = _line(name).encode() + b"\0" + code
        size, now = _LOAD.size + len(content), time.monotonic_ns()
        who = os.getpid(), threading.get_native_id()
        os.write(file, _LOAD.pack(0, size, now, *who, address, address, len(code), count) + content)
        count += 1

    return tell


def _line(name: str) -> str:
    """A name that stays on its line."""
    return "".join([letter if letter.isprintable() else "?" for letter in name])
