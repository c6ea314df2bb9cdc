"""Embedded files: a file system in the memory of the component that answers for it.

What its functions do is written in text, files.wat; here files are laid out as it wants them.
"""

import re
import struct
from collections.abc import Mapping
from importlib import resources
from typing import Final

from wadjet.base.errors import Invalid
from wadjet.component.build.preview1 import needed
from wadjet.component.compose.image import Image

#: a folder by the names in it: the bytes of files, and folders
Tree = Mapping[str, "bytes | Tree"]

#: the interfaces that files.wat implements, without version
TYPES: Final = "wasi:filesystem/types"
PREOPENS: Final = "wasi:filesystem/preopens"
STREAMS: Final = "wasi:io/streams"
STDIO: Final = ("wasi:cli/stdin", "wasi:cli/stdout", "wasi:cli/stderr")
#: what it needs of the host if streams of files are subscribed to
CLOCK: Final = "wasi:clocks/monotonic-clock"
#: what other functions of them answer, in WAVE, if it is not nothing: who writes is refused
ANSWERS: Final = dict.fromkeys(
    [
        f"[method]descriptor.{name}"
        for name in (
            "write", "write-via-stream", "append-via-stream", "set-size", "set-times",
            "set-times-at", "create-directory-at", "remove-directory-at", "unlink-file-at",
            "link-at", "rename-at", "symlink-at",
        )
    ],
    "err(read-only)",
) | {
    "[method]descriptor.readlink-at": "err(invalid)",
}  # fmt: skip
#: what needs streams of our own, so that those of the host must pass through here as well
STREAMED: Final = "[method]descriptor.read-via-stream"
#: room for results, and for the places of directory-entry-streams
_AREA: Final = 128
_STREAMS: Final = 1024 * 12
_FILE: Final = 6
_DIRECTORY: Final = 3
#: addresses must not look like errors
_MOST: Final = 1 << 30


def planted(tree: Tree, path: str, what: "bytes | Tree") -> Tree:
    """A folder with something more in it, at a path. Raises Invalid where something else is."""
    words = [word for word in path.split("/") if word not in ("", ".")]
    if ".." in words:
        raise Invalid(f"`{path}` is not a path from the root")
    if not words and isinstance(what, bytes):
        raise Invalid("the root is a folder")
    return _planted(tree, words, what, path)


def _planted(tree: Tree, words: list[str], what: "bytes | Tree", path: str) -> Tree:
    if not words:
        assert not isinstance(what, bytes), "as planted has it"
        for name, inner in what.items():
            tree = _planted(tree, [name], inner, path)
        return tree
    name, *rest = words
    there = tree.get(name)
    if there is not None and (isinstance(there, bytes) or (not rest and isinstance(what, bytes))):
        raise Invalid(f"two files are mounted at one place, at or in `{path}`")
    if rest or not isinstance(what, bytes):
        what = _planted({} if there is None else there, rest, what, path)
    return {**tree, name: what}


def written() -> set[str]:
    """The functions of files.wat: an interface without version, `#`, and a name."""
    return set(re.findall(r'\(export "([^"]+)"\)', _text()))


def file_system(image: Image, tree: Tree, versions: Mapping[str, str], wanted: set[str]) -> str:
    """The fields of a module that is a file system. `versions` has the names of interfaces with
    their versions; `wanted` is those of `written` that are asked for."""
    if any(".read-directory" in name for name in wanted):
        wanted = wanted | {f"{TYPES}#[dtor]directory-entry-stream"}
    if f"{TYPES}#{STREAMED}" in wanted:
        wanted = wanted | {f"{STREAMS}#[dtor]input-stream"}
    if any("output-stream" in name or name.startswith(STDIO[1:]) for name in wanted):
        wanted = wanted | {f"{STREAMS}#[dtor]output-stream"}
    text = needed(_text(), wanted)
    for plain, full in versions.items():
        text = text.replace(f"{plain}#", f"{full}#").replace(f'{plain}"', f'{full}"')
    area, streams = image.take(_AREA, 8), image.take(_STREAMS, 4)
    root = image.take(16, 4)
    _place(image, tree, root, root)
    globals_ = {"area": area, "streams": streams, "root": root}
    fields = [f"(global ${name} i32 (i32.const {at}))" for name, at in globals_.items()]
    return text.removeprefix("(module\n").removesuffix(")") + "".join(fields)


def _text() -> str:
    return (resources.files(__package__) / "files.wat").read_text("utf-8")


def _place(image: Image, what: "bytes | Tree", node: int, parent: int) -> None:
    """Lay out a file, or a folder and what is in it."""
    if isinstance(what, bytes):
        if len(image.data) + len(what) > _MOST:
            raise Invalid(f"the files are more than {_MOST >> 20} MiB")
        at = image.put(what)
        image.write(node, struct.pack("<IIII", _FILE, at, len(what), parent))
        return
    entries, nodes = image.take(12 * len(what), 4), image.take(16 * len(what), 4)
    image.write(node, struct.pack("<IIII", _DIRECTORY, entries, len(what), parent))
    for i, name in enumerate(sorted(what)):
        data = _name(name)
        entry = struct.pack("<III", image.put(data), len(data), nodes + 16 * i)
        image.write(entries + 12 * i, entry)
        _place(image, what[name], nodes + 16 * i, node)


def _name(name: str) -> bytes:
    try:
        return name.encode()
    except UnicodeEncodeError:
        raise Invalid(f"the name of a file is not UTF-8: {name!r}") from None
