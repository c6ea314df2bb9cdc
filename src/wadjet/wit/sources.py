"""The only place of this room that reads files: where WIT is kept → groups of texts.

The layout is that of WIT.md, "Filesystem structure": all `*.wit` of a folder are one package;
`deps` in it holds the packages it needs, each a file or a folder of its own.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, TypeAlias

from wadjet.base.errors import Invalid

#: a file or folder; several of them; or texts by name, with names such as `deps/io/poll.wit`
Where: TypeAlias = str | Path | Sequence[str | Path] | Mapping[str, str | bytes]

_BINARY: Final = (".wat", ".wasm")


@dataclass(slots=True)
class Group:
    """The files of one package: `texts` in order of their names."""

    name: str
    texts: list[tuple[str, str | bytes]] = field(default_factory=list)


def read(where: Where) -> list[Group]:
    """Find all groups; the last is the one that was asked for, the others are what it may need.

    Of several paths the last counts. A missing file is an OSError.
    """
    if isinstance(where, Mapping):
        return _from_mapping(where)
    if isinstance(where, str | Path):
        return _from_path(Path(where))
    return [group for path in where for group in _from_path(Path(path))]


def _from_path(path: Path) -> list[Group]:
    if not path.is_dir():
        _refuse_binary(path)
        return [Group(str(path), [(str(path), path.read_bytes())])]
    folder = path / "deps"
    entries = sorted(folder.iterdir(), key=lambda p: p.name) if folder.is_dir() else []
    groups = []
    for entry in entries:
        if entry.is_dir():
            groups.append(_folder(entry))
        elif entry.suffix == ".wit":
            groups.append(Group(str(entry), [(str(entry), entry.read_bytes())]))
        else:
            _refuse_binary(entry)
    return [*groups, _folder(path)]


def _folder(path: Path) -> Group:
    files = sorted(p for p in path.iterdir() if p.suffix == ".wit" and p.is_file())
    return Group(str(path), [(str(file), file.read_bytes()) for file in files])


def _refuse_binary(path: Path) -> None:
    if path.suffix in _BINARY:
        raise Invalid(f"{path} is a package in binary form, and this reads WIT text alone")


def _from_mapping(texts: Mapping[str, str | bytes]) -> list[Group]:
    """As from a folder: what is below `deps` is grouped by the name after that."""
    groups: dict[str, Group] = {}
    for name, text in sorted(texts.items()):
        folders = name.split("/")
        inside = folders[0] == "deps" and len(folders) > 1
        key = folders[1] if inside else ""
        groups.setdefault(key, Group(f"deps/{key}" if inside else ".")).texts.append((name, text))
    main = groups.pop("", Group("."))
    return [*groups.values(), main]
