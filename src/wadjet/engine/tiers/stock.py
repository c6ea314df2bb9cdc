"""Objects of the runtime that were made beforehand, where wadjet was built (see `stocking`): a
first start finds here what it would have to wait for LLVM for.

They are for the plainest processor of their architecture, so one file serves all machines of a
platform. It is a head (magic, digest, sizes of what follows), an index (a line for each object:
name, NUL, where it is, how long it is), a dictionary (what many of the objects have in common), and
the objects, compressed with that. The digest is of everything that the objects rely on: the sources
that say what they look like, the platform and the version of LLVM. If it is another one, there is
no stock.
"""

import os
import struct
import sys
import zlib
from collections.abc import Mapping
from functools import cache
from importlib.util import find_spec
from typing import Final, final

from wadjet.base.digests import digest
from wadjet.engine.tiers.processor import architecture

_MAGIC: Final = b"wadjet stock 1\n\0"
_HEAD: Final = struct.Struct("<16s32sII")
#: How many objects are the dictionary, and its most useful size.
_SAMPLES: Final = 16
_WINDOW: Final = 1 << 15
#: Where it lies in an installation.
PLACE: Final = os.path.join(os.path.dirname(__file__), "stock.bin")
_PACKAGE: Final = os.path.dirname(os.path.dirname(os.path.dirname(os.path.realpath(__file__))))
#: What says how the runtime's objects look, and what they take for granted.
_SOURCES: Final = (
    "engine/contract", "engine/emit", "engine/llvm", "engine/gc/collector.py", "core/types.py",
)  # fmt: skip


def fingerprint(package: str | os.PathLike[str] = _PACKAGE) -> bytes:
    """What a stock must fit, in 32 bytes."""
    pieces = [f"{sys.platform} {architecture()}\n".encode()]
    llvm = find_spec("llvmlite")
    names = _sources(os.fspath(package))
    if llvm is not None and llvm.origin is not None:
        names.append(os.path.join(os.path.dirname(llvm.origin), "_version.py"))
    for name in names:
        content = _content(name)
        pieces += [f"{os.path.basename(name)} {len(content)}\n".encode(), content]
    return digest(b"".join(pieces))


def _content(name: str | os.PathLike[str]) -> bytes:
    """What is in a file, with fewer calls of the system than Python's own files make."""
    file = os.open(name, os.O_RDONLY)
    try:
        return os.read(file, os.fstat(file).st_size)
    finally:
        os.close(file)


def _sources(package: str) -> list[str]:
    """The files that count, in order."""
    found = []
    for source in _SOURCES:
        path = os.path.join(package, source)
        if source.endswith(".py"):
            found.append(path)
        else:
            names = sorted(name for name in os.listdir(path) if name.endswith(".py"))
            found += [os.path.join(path, name) for name in names]
    return found


def packed(objects: Mapping[str, bytes]) -> bytes:
    """The file for these objects, by name."""
    names = sorted(objects)
    common = b"".join([objects[name] for name in names[:: len(names) // _SAMPLES + 1]])[-_WINDOW:]
    lines, content, at = [], [], 0
    for name in names:
        packer = zlib.compressobj(9, zdict=common)
        small = packer.compress(objects[name]) + packer.flush()
        lines.append(f"\n{name}\0{at} {len(small)}")
        content.append(small)
        at += len(small)
    index = ("".join(lines) + "\n").encode()
    head = _HEAD.pack(_MAGIC, fingerprint(), len(index), len(common))
    return b"".join([head, index, common, *content])


@final
class Stock:
    """What is in a file, if it fits."""

    def __init__(self, place: str | os.PathLike[str]) -> None:
        self._index = self._common = self._content = b""
        try:
            data = _content(place)
            if len(data) < _HEAD.size:
                return
            magic, digest, index, common = _HEAD.unpack_from(data)
            if magic != _MAGIC or digest != fingerprint():
                return
        except OSError:  # there is none, or the sources are in an archive
            return
        at = _HEAD.size
        self._index, at = data[at : at + index], at + index
        self._common, self._content = data[at : at + common], data[at + common :]

    def get(self, name: str) -> bytes | None:
        """The object of this name; None if there is none that is whole."""
        key = f"\n{name}\0".encode()
        at = self._index.find(key)
        if at < 0:
            return None
        words = self._index[at + len(key) : self._index.index(b"\n", at + 1)]
        start, size = map(int, words.split())
        unpacker = zlib.decompressobj(zdict=self._common)
        try:
            found = unpacker.decompress(self._content[start : start + size])
        except zlib.error:  # damaged
            return None
        return found if unpacker.eof else None


@cache
def stock() -> Stock:
    """That of this installation."""
    return Stock(PLACE)
