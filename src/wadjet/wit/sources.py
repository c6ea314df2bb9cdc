"""The only place of this room that reads files: where WIT is kept → groups of texts.

The layout is that of WIT.md, "Filesystem structure": all `*.wit` of a folder are one package;
`deps` in it holds the packages it needs, each a file or a folder of its own.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, TypeAlias

from wadjet.base.errors import Invalid
from wadjet.wit.ast import Scope

#: a file or folder; several of them; or texts by name, with names such as `deps/io/poll.wit`,
#: where a text may have been read already
Where: TypeAlias = str | Path | Sequence[str | Path] | Mapping[str, str | bytes | Scope]

#: name and contents of a package in binary form → its text
Translate: TypeAlias = Callable[[str, bytes], str]

_BINARY: Final = (".wat", ".wasm")


@dataclass(slots=True)
class Group:
    """The files of one package: `texts` in order of their names. `binary`: translated ones."""

    name: str
    texts: list[tuple[str, str | bytes | Scope]] = field(default_factory=list)
    binary: bool = False


def read(where: Where, translate: Translate | None = None) -> list[Group]:
    """Find all groups; the last is the one that was asked for, the others are what it may need.

    Of several paths the last counts. A missing file is an OSError. Packages in binary form are
    Invalid, unless there is somebody to `translate` them.
    """
    if isinstance(where, Mapping):
        return _from_mapping(where)
    if isinstance(where, str | Path):
        return _from_path(Path(where), translate)
    return [group for path in where for group in _from_path(Path(path), translate)]


def _from_path(path: Path, translate: Translate | None) -> list[Group]:
    if not path.is_dir():
        return [_file(path, translate)]
    folder = path / "deps"
    entries = sorted(folder.iterdir(), key=lambda p: p.name) if folder.is_dir() else []
    groups = []
    for entry in entries:
        if entry.is_dir():
            groups.append(_folder(entry))
        elif entry.suffix in (".wit", *_BINARY):
            groups.append(_file(entry, translate))
    return [*groups, _folder(path)]


def _file(path: Path, translate: Translate | None) -> Group:
    """A file that is a package of its own."""
    text: str | bytes = path.read_bytes()
    if path.suffix in _BINARY:
        if translate is None:
            raise Invalid(f"{path} is a package in binary form, and this reads WIT text alone")
        assert isinstance(text, bytes)
        text = translate(path.name, text)
    return Group(str(path), [(str(path), text)], path.suffix in _BINARY)


def _folder(path: Path) -> Group:
    files = sorted(p for p in path.iterdir() if p.suffix == ".wit" and p.is_file())
    return Group(str(path), [(str(file), file.read_bytes()) for file in files])


def _from_mapping(texts: Mapping[str, str | bytes | Scope]) -> list[Group]:
    """As from a folder: what is below `deps` is grouped by the name after that."""
    groups: dict[str, Group] = {}
    for name, text in sorted(texts.items()):
        folders = name.split("/")
        inside = folders[0] == "deps" and len(folders) > 1
        key = folders[1] if inside else ""
        groups.setdefault(key, Group(f"deps/{key}" if inside else ".")).texts.append((name, text))
    main = groups.pop("", Group("."))
    return [*groups.values(), main]
