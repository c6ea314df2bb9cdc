"""Machine code on disk, so that the second start compiles nothing.

One file for each module and way to compile it, one for the code of the runtime itself. What decides
what code looks like is in the name of the file: the contents of the module, the settings, the
features, this engine, the compiler, the processor. A file is a header and records, each with a
checksum. Records are only ever added, under a lock, by one write each; what is behind the last
good record is ignored, and overwritten by the next who writes. So a reader needs no lock, and
processes that are killed or write at once harm nothing.

Whoever can write these files can run code in this process. So the folder belongs to the user and
is closed to all others, and so is every file; what is not, is not used. A guest that is given other
folders has no way in.

`WADJET_CACHE` names another folder, or is `off`.
"""

import os
import stat
import struct
import sys
from collections.abc import Iterable, Sequence
from contextlib import suppress
from functools import cache
from importlib.util import find_spec
from itertools import starmap
from typing import Final, final

from wadjet.base.digests import digest
from wadjet.engine.runtime.image import Placed, Saved
from wadjet.engine.tiers.processor import telling
from wadjet.engine.tiers.stock import stock

#: Bytes in the folder; beyond that, what was not used for longest goes.
LIMIT: Final = 1 << 30
_HERE: Final = os.path.dirname(os.path.realpath(__file__))
_MAGIC: Final = b"wadjet machine code\n"
#: kind, length, checksum
_RECORD: Final = struct.Struct("<4sQ16s")
#: Bytes to read at once.
_PIECE: Final = 1 << 30

Record = tuple[bytes, bytes]


# --- what code depends on ------------------------------------------------------------------------


@cache
def identity() -> bytes:
    """This engine, the compiler that it would use and the processor, as a digest.

    Found without loading any of them: by the sizes and dates of files. Changing a file of the
    engine changes it.
    """
    words = [sys.version, telling()]
    folders = _rooms(os.path.dirname(os.path.dirname(_HERE)))
    found = find_spec("llvmlite")
    if found is not None and found.origin is not None:
        folders.append(os.path.join(os.path.dirname(found.origin), "binding"))
    for folder in folders:
        for name, size, date in _files(folder):
            words.append(f"{name} {size} {date}")
    return digest("\n".join(words).encode())


def _rooms(package: str) -> list[str]:
    """The folders whose files decide what code looks like."""
    rooms = ["base", "core", "core/binary", "core/validate", "core/text"]
    inside = ["baseline", "contract", "emit", "gc", "llvm", "runtime", "tiers"]
    return [f"{package}/{room}" for room in rooms] + [f"{package}/engine/{room}" for room in inside]


def _files(folder: str) -> list[tuple[str, int, int]]:
    try:
        with os.scandir(folder) as entries:
            # not folders: they have new dates whenever Python keeps bytecode in them
            found = [(e.name, e.stat()) for e in entries if e.is_file()]
    except OSError:
        return []  # inside an archive
    return sorted((name, s.st_size, s.st_mtime_ns) for name, s in found)


# --- files ---------------------------------------------------------------------------------------


@final
class RecordFile:
    """One file of records. `key` (32 bytes) is everything that its contents depend on."""

    def __init__(self, folder: str | os.PathLike[str], key: bytes) -> None:
        #: of the file, in the folder
        self.name: Final = key.hex()
        self._folder: Final = folder
        self._path: Final = os.path.join(folder, self.name)
        self._head: Final = _MAGIC + key
        #: how much of the file is known, and good
        self._size = 0

    def read(self) -> list[Record]:
        """The good records that are new since the last call; none if there is no such file."""
        try:
            file = self._open(os.O_RDONLY)
        except OSError:
            return []
        try:
            os.utime(file)  # it is in use
            return self._news(file)
        except OSError:
            return []
        finally:
            os.close(file)

    def append(self, records: Sequence[Record], *, alone: bool) -> bool:
        """Add records; whether that was possible. With `alone`, only behind what this object has
        read or written itself."""
        import fcntl

        try:
            if not os.path.exists(self._path):
                _trim(self._folder)
            file = self._open(os.O_RDWR | os.O_CREAT)
        except OSError:
            return False
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return self._append(file, records, alone)
        except OSError:
            return False  # someone else is writing, or the disk is full
        finally:
            os.close(file)

    def remove(self) -> None:
        """Have done with the file, and whatever is in it."""
        with suppress(OSError):
            os.unlink(self._path)

    def _open(self, flags: int) -> int:
        file = os.open(self._path, flags | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        found = os.fstat(file)
        if not (stat.S_ISREG(found.st_mode) and _is_private(found)):
            os.close(file)
            raise PermissionError(f"{self._path} is open to others")
        return file

    def _news(self, file: int) -> list[Record]:
        """The good records behind what is known, which they then are."""
        found: list[Record] = []
        data = _read_from(file, self._size)
        at, first = 0, self._size
        if first == 0:
            if not data.startswith(self._head):
                return found
            at = self._size = len(self._head)
        while at + _RECORD.size <= len(data):
            kind, length, checksum = _RECORD.unpack_from(data, at)
            content = data[at + _RECORD.size : at + _RECORD.size + length]
            if len(content) < length or self._checksum(kind, first + at, content) != checksum:
                break
            at += _RECORD.size + length
            self._size = first + at
            found.append((kind, content))
        return found

    def _append(self, file: int, records: Sequence[Record], alone: bool) -> bool:
        if os.fstat(file).st_size < self._size:  # the file that was known is gone
            if alone:
                return False
            self._size = 0
        if self._news(file) and alone:
            return False
        data = b"" if self._size else self._head
        for kind, content in records:
            checksum = self._checksum(kind, self._size + len(data), content)
            data += _RECORD.pack(kind, len(content), checksum) + content
        if self._size + len(data) > LIMIT // 2:
            return False
        os.ftruncate(file, self._size)
        if os.pwrite(file, data, self._size) != len(data):
            return False
        self._size += len(data)
        return True

    def _checksum(self, kind: bytes, at: int, content: bytes) -> bytes:
        return digest(self._head + kind + at.to_bytes(8, "little"), content)[:16]


def _read_from(file: int, start: int) -> bytes:
    pieces = []
    while (rest := os.fstat(file).st_size - start) > 0:
        piece = os.pread(file, min(rest, _PIECE), start)
        pieces.append(piece)
        start += len(piece)
    return b"".join(pieces)


def _is_private(found: os.stat_result) -> bool:
    """Whether nobody but this user can write it."""
    return found.st_uid == os.geteuid() and not found.st_mode & (stat.S_IWGRP | stat.S_IWOTH)


def folder() -> str | None:
    """Where files are kept; None if nothing shall be, or cannot be kept safely."""
    named = os.environ.get("WADJET_CACHE", "")
    if named == "off" or find_spec("fcntl") is None:  # no locks
        return None
    try:
        path = named or _default()
        os.makedirs(path, mode=0o700, exist_ok=True)
        found = os.lstat(path)
    except OSError:
        return None
    return path if stat.S_ISDIR(found.st_mode) and _is_private(found) else None


def _default() -> str:
    """OSError where the user has no home."""
    base = os.environ.get("XDG_CACHE_HOME", "")
    if sys.platform != "darwin" and base.startswith("/"):
        return os.path.join(base, "wadjet")
    home = os.path.expanduser("~")
    if home == "~":
        raise FileNotFoundError("no home")
    inside = "Library/Caches" if sys.platform == "darwin" else ".cache"
    return os.path.join(home, inside, "wadjet")


def _trim(path: str | os.PathLike[str]) -> None:
    """Remove what was not used for longest, where there is too much."""
    try:
        with os.scandir(path) as entries:
            found = [(e.stat(follow_symlinks=False), e.path) for e in entries]
    except OSError:
        return
    total = sum(s.st_size for s, _ in found)
    for s, name in sorted(found, key=lambda each: each[0].st_mtime_ns):
        if total <= LIMIT * 3 // 4:
            return
        with suppress(OSError):
            os.unlink(name)
            total -= s.st_size


# --- contents ------------------------------------------------------------------------------------


def open_file(*parts: bytes) -> RecordFile | None:
    """The file for what depends on these parts, and on all that code depends on."""
    where = folder()
    if where is None:
        return None
    sized = [len(part).to_bytes(8, "little") + part for part in parts]
    return RecordFile(where, digest(identity(), *sized))


_OBJECT: Final = b"OBJT"
#: The kind of a record of a module's code.
CODE: Final = b"CODE"


@final
class ObjectStore:
    """Objects of the runtime itself, by name: those in stock, and those kept on disk. All processes
    add to one file, which is not looked at as long as the stock has what is wanted."""

    def __init__(self) -> None:
        self._file: RecordFile | None = None
        self._opened = False
        self._found: Final[dict[bytes, bytes]] = {}

    def _open(self) -> None:
        if not self._opened:
            self._opened = True
            self._file = open_file(b"runtime")
            if self._file is not None:
                self._learn(self._file.read())

    def _learn(self, records: Iterable[Record]) -> None:
        for kind, content in records:
            name, _, data = content.partition(b"\0")
            if kind == _OBJECT:
                self._found[name] = data

    def get(self, name: str) -> bytes | None:
        """What is in stock, or was put there under this name, here or in an earlier process."""
        key = name.encode()
        if key not in self._found:
            found = stock().get(name)
            if found is not None:
                self._found[key] = found
            else:
                self._open()
        return self._found.get(key)

    def put(self, name: str, data: bytes) -> None:
        """Keep an object."""
        self._open()
        content = name.encode() + b"\0" + data
        self._learn([(_OBJECT, content)])
        if self._file is not None:
            self._file.append([(_OBJECT, content)], alone=False)

    def all(self) -> dict[bytes, bytes]:
        """Everything that was used, or is on disk, by name."""
        return dict(self._found)

    def lend(self, found: dict[bytes, bytes]) -> None:
        """Have these objects too, as far as they are missing, for the life of this process."""
        for name, data in found.items():
            self._found.setdefault(name, data)


#: start, bytes of code, bytes of names, number of functions
_CODE_HEAD: Final = struct.Struct("<QQII")
#: function, tail, is_global, level, start, size
_FUNCTION: Final = struct.Struct("<I??BQQ")


def pack(saved: Saved) -> Record:
    """What was saved of an image, as a record."""
    names = "\n".join(saved.names).encode()
    head = _CODE_HEAD.pack(saved.start, len(saved.code), len(names), len(saved.functions))
    functions = b"".join([_FUNCTION.pack(*each) for each in saved.functions])
    return CODE, b"".join([head, names, functions, saved.code])


def unpack(record: Record) -> Saved | None:
    """What `pack` made a record of; None if it is of another kind."""
    kind, content = record
    if kind != CODE:
        return None
    start, size, length, count = _CODE_HEAD.unpack_from(content)
    at = _CODE_HEAD.size
    names = content[at : at + length].decode().split("\n") if length else []
    rows = content[at + length : at + length + count * _FUNCTION.size]
    functions = list(starmap(Placed, _FUNCTION.iter_unpack(rows)))
    return Saved(names, functions, start, content[len(content) - size :])
