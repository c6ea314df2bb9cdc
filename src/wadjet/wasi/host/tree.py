"""File systems in memory: a `Tree` of directories, files and symbolic links.

To Python a `Tree` is a mapping from the paths of its files to their bytes; to a guest it is a
directory like any other. `Tree.root()` gives the capability.
"""

import time
from collections.abc import Callable, Iterator, Mapping, MutableMapping
from wadjet.base.records import dataclass
from itertools import count
from typing import Final, TypeAlias, final

from wadjet.wasi.host.directory import Directory, DirectoryEntry
from wadjet.wasi.host.errors import Code, HostError
from wadjet.wasi.host.handles import (
    APPEND,
    SEEK_CUR,
    SEEK_END,
    Advice,
    Buffers,
    FileType,
    Handle,
    OpenOptions,
    Stat,
    check_offset,
    gather,
)

#: How many bytes a tree may hold if nothing else is said.
CAPACITY = 1 << 30
#: What a node counts for beside its content, so that empty files are not free.
_NODE_COST = 256
_MAX_NAME = 255

_devices = count(1 << 32)


@dataclass(frozen=True, slots=True)
class Link:
    """A symbolic link, where the content of a `Tree` is written down."""

    target: str


Bytes: TypeAlias = bytes | bytearray | memoryview | str
#: What a `Tree` may be made from: names, or paths, and what is there.
Content: TypeAlias = "Mapping[str, Bytes | Link | Content]"


class _Node:
    """One file, directory or link, whatever its names are."""

    __slots__ = ("accessed", "changed", "cost", "inode", "links", "modified", "opens")

    type: FileType

    def __init__(self, inode: int, now: int) -> None:
        self.inode: Final = inode
        self.links = 0
        self.opens = 0
        self.cost = 0
        self.accessed = self.modified = self.changed = now


@final
class _File(_Node):
    __slots__ = ("data",)
    type = FileType.REGULAR_FILE

    def __init__(self, inode: int, now: int) -> None:
        super().__init__(inode, now)
        self.data = bytearray()


@final
class _Symlink(_Node):
    __slots__ = ("target",)
    type = FileType.SYMBOLIC_LINK

    def __init__(self, inode: int, now: int, target: str) -> None:
        super().__init__(inode, now)
        self.target: Final = target


@final
class _Folder(_Node):
    __slots__ = ("children", "parent")
    type = FileType.DIRECTORY

    def __init__(self, inode: int, now: int, parent: "_Folder | None") -> None:
        super().__init__(inode, now)
        self.children: dict[str, _Node] = {}
        self.parent = parent

    def is_within(self, other: _Node) -> bool:
        """Whether this folder is `other` or somewhere below it."""
        folder: _Folder | None = self
        while folder is not None and folder is not other:
            folder = folder.parent
        return folder is not None


@final
class Tree(MutableMapping[str, bytes]):
    """A file system in memory, holding at most `capacity` bytes.

    `content` maps names, or paths with slashes, to bytes, text (stored as UTF-8), `Link`s, or
    further such mappings. As a mapping, a tree has its files' paths for keys; a path leads through
    directories only, not through links.

        tree = Tree({"in.txt": b"…", "lib": {"a.py": "…"}})
        wadjet.run("app.wasm", dirs={"/": tree})
        tree["out.txt"]
    """

    def __init__(
        self,
        content: "Content | None" = None,
        *,
        capacity: int = CAPACITY,
        now: Callable[[], int] = time.time_ns,
    ) -> None:
        self._inodes = count(1)
        self._free = capacity
        self._now = now
        self._device = next(_devices)
        self._root = _Folder(next(self._inodes), now(), None)
        self._root.links = 1
        self._fill(self._root, content or {})

    def root(self) -> "TreeDirectory":
        """A new handle to the tree's own directory."""
        return TreeDirectory(self, self._root)

    # -- As a mapping -----------------------------------------------------------------------------

    def __getitem__(self, path: str) -> bytes:
        names = _names(path)
        node: _Node | None = self._root
        for name in names:
            node = node.children.get(name) if isinstance(node, _Folder) else None
        if not isinstance(node, _File):
            raise KeyError(path)
        return bytes(node.data)

    def __setitem__(self, path: str, data: Bytes) -> None:
        try:
            self._put(self._root, path, data)
        except HostError as error:
            raise OSError(f"cannot store {path!r}: {error}") from None

    def __delitem__(self, path: str) -> None:
        self[path]  # a KeyError for what is not a file
        *parents, name = _names(path)
        folder: _Node = self._root
        for parent in parents:
            assert isinstance(folder, _Folder)
            folder = folder.children[parent]
        assert isinstance(folder, _Folder)
        self.detach(folder, name)

    def __iter__(self) -> Iterator[str]:
        todo = [("", self._root)]
        while todo:
            prefix, folder = todo.pop()
            for name, node in sorted(folder.children.items()):
                if isinstance(node, _File):
                    yield prefix + name
                elif isinstance(node, _Folder):
                    todo.append((f"{prefix}{name}/", node))

    def __len__(self) -> int:
        return sum(1 for _ in self)

    def _fill(self, folder: _Folder, content: "Content") -> None:
        for path, value in content.items():
            self._put(folder, path, value)

    def _put(self, folder: _Folder, path: str, value: "Bytes | Link | Content") -> None:
        """Store one value, with the folders on the way to it."""
        *parents, name = _names(path)
        for parent in parents:
            folder = self._subfolder(folder, parent)
        if isinstance(value, Mapping):
            self._fill(self._subfolder(folder, name), value)
        elif isinstance(value, Link):
            self.attach(folder, name, self.new_link(value.target))
        else:
            data = value.encode() if isinstance(value, str) else value
            node = folder.children.get(name)
            if node is None:
                node = self.attach(folder, name, self.new_file())
            if not isinstance(node, _File):
                raise HostError(Code.EXIST)
            self.resize(node, len(data))
            node.data[:] = data

    def _subfolder(self, folder: _Folder, name: str) -> _Folder:
        node = folder.children.get(name)
        if node is None:
            node = self.attach(folder, name, self.new_folder(folder))
        if not isinstance(node, _Folder):
            raise HostError(Code.NOT_DIRECTORY)
        return node

    # -- Nodes, for the handles below -------------------------------------------------------------

    def now(self) -> int:
        """The time, for stamps."""
        return self._now()

    def new_file(self) -> _File:
        """A new, empty, nameless file."""
        return _File(next(self._inodes), self._now())

    def new_link(self, target: str) -> _Symlink:
        """A new, nameless symbolic link."""
        return _Symlink(next(self._inodes), self._now(), target)

    def new_folder(self, parent: _Folder) -> _Folder:
        """A new, empty, nameless directory."""
        return _Folder(next(self._inodes), self._now(), parent)

    def attach(self, folder: _Folder, name: str, node: _Node) -> _Node:
        """Enter `node` under a name that is free; the node itself."""
        if len(_stored(name)) > _MAX_NAME:
            raise HostError(Code.NAME_TOO_LONG)
        if not folder.links:
            raise HostError(Code.NO_ENTRY)
        if node.links == 0 and node.opens == 0:
            self._charge(node, _NODE_COST)
        folder.children[name] = node
        node.links += 1
        folder.modified = folder.changed = node.changed = self._now()
        return node

    def detach(self, folder: _Folder, name: str) -> None:
        """Take the name away; what nobody names or holds any more is gone."""
        node = folder.children.pop(name)
        node.links -= 1
        folder.modified = folder.changed = node.changed = self._now()
        self.release(node)

    def release(self, node: _Node) -> None:
        """If nobody names or holds the node, take its cost off the account."""
        if node.links == 0 and node.opens == 0:
            self._charge(node, -node.cost)

    def resize(self, file: _File, size: int) -> None:
        """Cut the file short, or extend it with zeros."""
        growth = size - len(file.data)
        self._charge(file, growth)
        if growth < 0:
            del file.data[size:]
        elif growth > 0:
            file.data.extend(bytes(growth))

    def _charge(self, node: _Node, amount: int) -> None:
        if amount > self._free:
            raise HostError(Code.INSUFFICIENT_SPACE)
        self._free -= amount
        node.cost += amount

    def stat(self, node: _Node) -> Stat:
        """The attributes of a node."""
        size = 0
        if isinstance(node, _File):
            size = len(node.data)
        elif isinstance(node, _Symlink):
            size = len(_stored(node.target))
        return Stat(
            node.type,
            size,
            node.links,
            self._device,
            node.inode,
            node.accessed,
            node.modified,
            node.changed,
        )

    def set_times(self, node: _Node, accessed: int | None, modified: int | None) -> None:
        """Set the times of a node."""
        node.accessed = node.accessed if accessed is None else accessed
        node.modified = node.modified if modified is None else modified
        node.changed = self._now()


def _names(path: str) -> list[str]:
    """The names of a path given by a Python program, which must be plain."""
    names = path.strip("/").split("/")
    if any(name in ("", ".", "..") or "\0" in name for name in names):
        raise ValueError(f"not the path of a file in a tree: {path!r}")
    return names


def _stored(text: str) -> bytes:
    """A name or a target as a file system would keep it."""
    return text.encode("utf-8", "surrogateescape")


@final
class TreeFile(Handle):
    """An open file of a tree, with a position of its own."""

    __slots__ = ("_file", "_open", "_position", "_tree")

    def __init__(self, tree: Tree, file: _File, flags: int) -> None:
        super().__init__(flags)
        self._tree = tree
        self._file = file
        self._position = 0
        self._open = True
        file.opens += 1

    def close(self) -> None:
        """Let go of the file."""
        if self._open:
            self._open = False
            self._file.opens -= 1
            self._tree.release(self._file)

    def stat(self) -> Stat:
        """The attributes of the file."""
        return self._tree.stat(self._file)

    def read(self, buffers: Buffers) -> int:
        """Read on from the position."""
        done = self.read_at(buffers, self._position)
        self._position += done
        return done

    def read_at(self, buffers: Buffers, offset: int) -> int:
        """Read from anywhere."""
        data, start = self._file.data, check_offset(offset)
        for buffer in buffers:
            # A copy, not a view: the file may be resized by another thread meanwhile.
            piece = data[start : start + len(buffer)]
            buffer[: len(piece)] = piece
            start += len(piece)
        self._file.accessed = self._tree.now()
        return start - offset

    def write(self, buffers: Buffers) -> int:
        """Write on from the position, or at the end in append mode."""
        if self.flags & APPEND:
            self._position = len(self._file.data)
        done = self.write_at(buffers, self._position)
        self._position += done
        return done

    def write_at(self, buffers: Buffers, offset: int) -> int:
        """Write anywhere; a gap before it fills with zeros."""
        data, piece = self._file.data, gather(buffers)
        end = check_offset(offset, len(piece)) + len(piece)
        if piece and end > len(data):
            self._tree.resize(self._file, end)
        data[offset:end] = piece
        self._file.modified = self._file.changed = self._tree.now()
        return len(piece)

    def seek(self, offset: int, whence: int) -> int:
        """Move the position, beyond the end too."""
        base = {SEEK_CUR: self._position, SEEK_END: len(self._file.data)}.get(whence, 0)
        if base + offset < 0:
            raise HostError(Code.INVALID)
        self._position = check_offset(base + offset)
        return self._position

    def seekable(self) -> bool:
        """Always."""
        return True

    def set_size(self, size: int) -> None:
        """Truncate or extend."""
        self._tree.resize(self._file, check_offset(size))
        self._file.modified = self._file.changed = self._tree.now()

    def set_times(self, accessed: int | None, modified: int | None) -> None:
        """Set the times."""
        self._tree.set_times(self._file, accessed, modified)

    def allocate(self, offset: int, length: int) -> None:
        """Extend the file so that it holds the range."""
        if length == 0:
            raise HostError(Code.INVALID)
        end = check_offset(offset, length) + length
        if end > len(self._file.data):
            self.set_size(end)

    def advise(self, offset: int, length: int, advice: Advice) -> None:
        """Nothing to do with any advice."""
        check_offset(offset, length)

    def sync(self, *, data_only: bool) -> None:
        """Nothing to do: there is no disk."""

    def set_flags(self, flags: int) -> None:
        """Every flag can be changed."""
        self.flags = flags

    def available(self) -> int:
        """What lies between the position and the end."""
        return max(len(self._file.data) - self._position, 1)


@final
class TreeDirectory(Directory):
    """An open directory of a tree."""

    __slots__ = ("_folder", "_tree")

    def __init__(self, tree: Tree, folder: _Folder) -> None:
        super().__init__()
        self._tree = tree
        self._folder = folder

    def _node(self, name: str) -> _Node:
        node = self._folder.children.get(name)
        if node is None:
            raise HostError(Code.NO_ENTRY)
        return node

    def enter(self, name: str) -> "TreeDirectory":
        """The subdirectory."""
        node = self._node(name)
        if not isinstance(node, _Folder):
            raise HostError(Code.NOT_DIRECTORY)
        return TreeDirectory(self._tree, node)

    def reopen(self) -> "TreeDirectory":
        """Another handle."""
        return TreeDirectory(self._tree, self._folder)

    def open_entry(self, name: str, options: OpenOptions) -> Handle:
        """Open or create."""
        node = self._folder.children.get(name)
        if node is None:
            if not options.create:
                raise HostError(Code.NO_ENTRY)
            node = self._tree.attach(self._folder, name, self._tree.new_file())
        elif options.create and options.exclusive:
            raise HostError(Code.EXIST)
        if isinstance(node, _Folder):
            if options.write or options.truncate or options.create:
                raise HostError(Code.IS_DIRECTORY)
            return TreeDirectory(self._tree, node)
        if options.directory:
            raise HostError(Code.NOT_DIRECTORY)
        if not isinstance(node, _File):
            raise HostError(Code.LOOP)
        file = TreeFile(self._tree, node, options.flags)
        if options.truncate:
            file.set_size(0)
        return file

    def stat(self) -> Stat:
        """The attributes of the directory."""
        return self._tree.stat(self._folder)

    def stat_entry(self, name: str) -> Stat:
        """The attributes of an entry."""
        return self._tree.stat(self._node(name))

    def set_times(self, accessed: int | None, modified: int | None) -> None:
        """Set the directory's own times."""
        self._tree.set_times(self._folder, accessed, modified)

    def set_entry_times(self, name: str, accessed: int | None, modified: int | None) -> None:
        """Set an entry's times."""
        self._tree.set_times(self._node(name), accessed, modified)

    def sync(self, *, data_only: bool) -> None:
        """Nothing to do: there is no disk."""

    def read_link(self, name: str) -> str:
        """The target of a link."""
        node = self._node(name)
        if not isinstance(node, _Symlink):
            raise HostError(Code.INVALID)
        return node.target

    def make_directory(self, name: str) -> None:
        """Create a subdirectory."""
        self._expect_free(name)
        self._tree.attach(self._folder, name, self._tree.new_folder(self._folder))

    def make_link(self, target: str, name: str) -> None:
        """Create a symbolic link."""
        self._expect_free(name)
        if not target:
            raise HostError(Code.NO_ENTRY)
        self._tree.attach(self._folder, name, self._tree.new_link(target))

    def _expect_free(self, name: str) -> None:
        if name in self._folder.children:
            raise HostError(Code.EXIST)

    def remove_directory(self, name: str) -> None:
        """Remove an empty subdirectory."""
        node = self._node(name)
        if not isinstance(node, _Folder):
            raise HostError(Code.NOT_DIRECTORY)
        if node.children:
            raise HostError(Code.NOT_EMPTY)
        self._tree.detach(self._folder, name)

    def unlink(self, name: str) -> None:
        """Remove a file or a link."""
        if isinstance(self._node(name), _Folder):
            raise HostError(Code.IS_DIRECTORY)
        self._tree.detach(self._folder, name)

    def rename(self, name: str, to: Directory, new_name: str) -> None:
        """Move an entry within the tree."""
        node = self._node(name)
        folder = self._other(to)
        old = folder.children.get(new_name)
        if old is node:
            return
        if isinstance(node, _Folder) and folder.is_within(node):
            raise HostError(Code.INVALID)
        if isinstance(old, _Folder):
            if not isinstance(node, _Folder):
                raise HostError(Code.IS_DIRECTORY)
            if old.children:
                raise HostError(Code.NOT_EMPTY)
        elif old is not None and isinstance(node, _Folder):
            raise HostError(Code.NOT_DIRECTORY)
        self._move(node, name, folder, new_name, replaces=old is not None)

    def _move(
        self, node: _Node, name: str, folder: _Folder, new_name: str, *, replaces: bool
    ) -> None:
        node.opens += 1  # keeps its place on the account while it has no name
        try:
            if replaces:
                self._tree.detach(folder, new_name)
            self._tree.attach(folder, new_name, node)
            self._tree.detach(self._folder, name)
        finally:
            node.opens -= 1
        if isinstance(node, _Folder):
            node.parent = folder

    def link(self, name: str, to: Directory, new_name: str) -> None:
        """Give a file or a link a second name within the tree."""
        node = self._node(name)
        folder = self._other(to)
        if new_name in folder.children:
            raise HostError(Code.EXIST)
        if isinstance(node, _Folder):
            raise HostError(Code.NOT_PERMITTED)
        self._tree.attach(folder, new_name, node)

    def _other(self, to: Directory) -> _Folder:
        if not isinstance(to, TreeDirectory) or to._tree is not self._tree:
            raise HostError(Code.CROSS_DEVICE)
        return to._folder

    def entries(self) -> list[DirectoryEntry]:
        """List the directory."""
        return [
            DirectoryEntry(name, node.type, node.inode)
            for name, node in self._folder.children.items()
        ]
