"""`Resolve` → WIT text, in one canonical form: what it reads back to is the same package.

The layout (two blanks, uses first, a blank line before each definition but the first) is that of
other WIT tools, so that texts can be compared.
"""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Final

from wadjet.wit.ast import Since, Stability
from wadjet.wit.lexer import KEYWORDS
from wadjet.wit.model import (
    Alias,
    Borrow,
    Case,
    Enum,
    FixedList,
    Flags,
    Function,
    Future,
    InterfaceId,
    InterfaceItem,
    Kind,
    List,
    Map,
    Option,
    Own,
    PackageId,
    Primitive,
    Record,
    Resolve,
    Resource,
    Result,
    Stream,
    Tuple,
    Type,
    TypeDef,
    TypeId,
    TypeItem,
    Variant,
    World,
    WorldId,
    WorldItem,
    WorldKey,
)

_ESCAPES: Final = {"\\": "\\\\", '"': '\\"', "\n": "\\n", "\r": "\\r", "\t": "\\t"}


def print_package(resolve: Resolve, package: PackageId, nested: Iterable[PackageId] = ()) -> str:
    """The text of a package. Those of `nested` follow in braces: with all that it refers to there,
    the text stands alone."""
    printer = _Printer(resolve)
    printer.package(package)
    for number, other in enumerate(nested):
        if number:
            printer.lines += ["", ""]
        printer.inline_package(other)
    return "".join(f"{line}\n" for line in printer.lines)


def dependencies(resolve: Resolve, package: PackageId) -> list[PackageId]:
    """The packages that one refers to, directly or not, in order of their indices."""
    found: set[PackageId] = set()
    rest = [package]
    while rest:
        for interface in _referred(resolve, rest.pop()):
            other = resolve.interfaces[interface].package
            if other != package and other not in found:
                found.add(other)
                rest.append(other)
    return sorted(found)


def _referred(resolve: Resolve, package: PackageId) -> Iterable[InterfaceId]:
    """The interfaces that a package's own refer to, and its worlds, inline ones included."""
    here = resolve.packages[package]
    rest = list(here.interfaces.values())
    for world in (resolve.worlds[id] for id in here.worlds.values()):
        for item in [*world.imports.values(), *world.exports.values()]:
            if isinstance(item, InterfaceItem):
                rest.append(item.id)
            elif isinstance(item, TypeItem):
                used = resolve.used_from(item.id)
                rest += [] if used is None else [used]
    for interface in rest:
        yield interface
        yield from resolve.dependencies(interface)


class _Printer:
    """Lines of text, and how far they are moved in."""

    def __init__(self, resolve: Resolve) -> None:
        self._resolve: Final = resolve
        self._package = PackageId(0)
        self._margin = ""
        self.lines: list[str] = []

    def _line(self, text: str) -> None:
        self.lines.append(self._margin + text)

    @contextmanager
    def _braces(self, head: str) -> Iterator[None]:
        """Lines in braces after `head`."""
        self._line(f"{head} {{")
        before = self._margin
        self._margin = f"{before}  "
        yield
        self._margin = before
        self._line("}")

    # Packages

    def package(self, id: PackageId) -> None:
        """A package with a header."""
        self._package = id
        package = self._resolve.packages[id]
        self._docs(package.docs)
        self._line(f"package {self._package_name(id)};")
        self._line("")
        for interface in package.interfaces.values():
            self._interface(interface)
            self._line("")
        for world in package.worlds.values():
            self._world(world)

    def inline_package(self, id: PackageId) -> None:
        """A package in braces."""
        self._package = id
        package = self._resolve.packages[id]
        self._docs(package.docs)
        with self._braces(f"package {self._package_name(id)}"):
            for interface in package.interfaces.values():
                self._interface(interface)
            for world in package.worlds.values():
                self._world(world)

    def _package_name(self, id: PackageId, member: str = "") -> str:
        """The name of a package, or of something in it."""
        name = self._resolve.packages[id].name
        namespace = ":".join(_name(part) for part in name.namespace.split(":"))
        path = "/".join(_name(part) for part in name.name.split("/"))
        version = "" if name.version is None else f"@{name.version}"
        return f"{namespace}:{path}{f'/{_name(member)}' if member else ''}{version}"

    # Interfaces

    def _interface(self, id: InterfaceId) -> None:
        interface = self._resolve.interfaces[id]
        assert interface.name is not None, "what a package defines has a name"
        self._head(interface.docs, interface.stability, None)
        with self._braces(f"interface {_name(interface.name)}"):
            self._interface_body(id)

    def _interface_body(self, id: InterfaceId) -> None:
        interface = self._resolve.interfaces[id]
        functions = interface.functions.values()
        any_lines = self._types(interface.types, functions, any_lines=False)
        for function in functions:
            if function.resource is None:
                if any_lines:
                    self.lines.append("")
                any_lines = True
                self._function(function, f"{_name(function.name)}: ")

    def _types(
        self, types: Mapping[str, TypeId], functions: Iterable[Function], *, any_lines: bool
    ) -> bool:
        """What is used, then what is defined. `any_lines`: whether something stands before, and
        as the result, whether anything does now."""
        methods: dict[TypeId, list[Function]] = {}
        for function in functions:
            if function.resource is not None:
                methods.setdefault(function.resource, []).append(function)
        any_lines = self._uses(types) or any_lines
        for id in types.values():
            if self._resolve.used_from(id) is None:
                if any_lines:
                    self.lines.append("")
                any_lines = True
                self._type_def(self._resolve.types[id], methods.get(id, []))
        return any_lines

    def _uses(self, types: Mapping[str, TypeId]) -> bool:
        """One `use` for each interface that types come from one after the other."""
        uses: list[tuple[InterfaceId, TypeDef, list[str]]] = []
        for name, id in types.items():
            source, used = self._resolve.used_from(id), self._resolve.types[id]
            if source is None:
                continue
            assert isinstance(used.kind, Alias), "what is used is another name"
            assert not isinstance(used.kind.target, Primitive), "of a type that has one"
            original = _name(self._resolve.types[used.kind.target].name or "")
            text = original if original == _name(name) else f"{original} as {_name(name)}"
            if uses and _same_use(uses[-1], source, used):
                uses[-1][2].append(text)
            else:
                uses.append((source, used, [text]))
        for source, used, names in uses:
            self._head(None, used.stability, used.external_id)
            self._line(f"use {self._path(source)}.{{{', '.join(names)}}};")
        return bool(uses)

    def _path(self, id: InterfaceId) -> str:
        """How an interface is referred to in the package that is being printed."""
        interface = self._resolve.interfaces[id]
        assert interface.name is not None, "only what has a name is referred to"
        if interface.package == self._package:
            return _name(interface.name)
        return self._package_name(interface.package, interface.name)

    # Worlds

    def _world(self, id: WorldId) -> None:
        world = self._resolve.worlds[id]
        self._head(world.docs, world.stability, None)
        with self._braces(f"world {_name(world.name)}"):
            self._world_body(world)

    def _world_body(self, world: World) -> None:
        """Imports (interfaces, types with their functions, functions), then exports."""
        types: dict[str, TypeId] = {}
        functions: list[Function] = []
        any_lines = False
        for key, item in world.imports.items():
            if isinstance(item, InterfaceItem):
                self._world_interface("import", key, item)
                any_lines = True
            elif isinstance(item, TypeItem):
                types[self._resolve.key_name(key)] = item.id
            else:
                functions.append(item)
        any_lines = self._types(types, functions, any_lines=any_lines)
        for function in functions:
            if function.resource is None:
                self._function(function, f"import {_name(function.name)}: ")
                any_lines = True
        if world.exports and any_lines:
            self.lines.append("")
        for key, item in world.exports.items():
            self._export(key, item)

    def _export(self, key: WorldKey, item: WorldItem) -> None:
        assert not isinstance(item, TypeItem), "types are imports"
        if isinstance(item, Function):
            self._function(item, f"export {_name(item.name)}: ")
        else:
            self._world_interface("export", key, item)

    def _world_interface(self, keyword: str, key: WorldKey, item: InterfaceItem) -> None:
        interface = self._resolve.interfaces[item.id]
        docs = interface.docs if interface.name is None else None
        self._head(item.docs or docs, item.stability, item.external_id)
        if not isinstance(key, str):
            self._line(f"{keyword} {self._path(item.id)};")
        elif interface.name is not None:
            self._line(f"{keyword} {_name(key)}: {self._path(item.id)};")
        else:
            with self._braces(f"{keyword} {_name(key)}: interface"):
                self._interface_body(item.id)

    # Types and functions

    def _type_def(self, type: TypeDef, methods: list[Function]) -> None:
        assert type.name is not None, "what is defined has a name"
        self._head(type.docs, type.stability, type.external_id)
        name = _name(type.name)
        match type.kind:
            case Resource():
                self._resource(name, methods)
            case Record(fields):
                rows = [(f.docs, f"{_name(f.name)}: {self._type(f.type)}") for f in fields]
                self._members(f"record {name}", rows)
            case Variant(cases):
                rows = [(case.docs, self._case(case)) for case in cases]
                self._members(f"variant {name}", rows)
            case Enum(labels):
                self._members(f"enum {name}", [(label.docs, _name(label.name)) for label in labels])
            case Flags(labels):
                rows = [(label.docs, _name(label.name)) for label in labels]
                self._members(f"flags {name}", rows)
            case Own(resource):
                self._line(f"type {name} = own<{self._type(resource)}>;")
            case kind:
                self._line(f"type {name} = {self._kind(kind)};")

    def _members(self, head: str, rows: list[tuple[str | None, str]]) -> None:
        with self._braces(head):
            for docs, text in rows:
                self._docs(docs)
                self._line(f"{text},")

    def _case(self, case: Case) -> str:
        payload = "" if case.type is None else f"({self._type(case.type)})"
        return f"{_name(case.name)}{payload}"

    def _resource(self, name: str, methods: list[Function]) -> None:
        if not methods:
            self._line(f"resource {name};")
            return
        with self._braces(f"resource {name}"):
            for method in methods:
                before = "" if method.role == "constructor" else f"{_name(method.item_name)}: "
                self._function(method, before)

    def _function(self, function: Function, before: str) -> None:
        """A function, after its name and what else stands before."""
        self._head(function.docs, function.stability, function.external_id)
        static = "static " if function.role == "static" else ""
        is_async = "async " if function.is_async else ""
        word = "constructor" if function.role == "constructor" else f"{static}{is_async}func"
        written = function.params[1:] if function.role == "method" else function.params
        params = ", ".join(f"{_name(param.name)}: {self._type(param.type)}" for param in written)
        result = "" if self._is_understood(function) else f" -> {self._maybe(function.result)}"
        self._line(f"{before}{word}({params}){result};")

    def _is_understood(self, function: Function) -> bool:
        """Whether the result is not written: there is none, or it is what a constructor makes."""
        if function.role != "constructor" or isinstance(function.result, Primitive):
            return function.result is None
        if function.result is None or function.resource is None:
            return True
        return self._resolve.types[function.result].kind == Own(function.resource)

    def _type(self, type: Type) -> str:
        """A type where it is used: its name, or what it is."""
        if isinstance(type, Primitive):
            return type.value
        definition = self._resolve.types[type]
        return self._kind(definition.kind) if definition.name is None else _name(definition.name)

    def _maybe(self, type: Type | None) -> str:
        return "_" if type is None else self._type(type)

    def _kind(self, kind: Kind) -> str:
        """A type that needs no definition."""
        match kind:
            case Alias(type) | Own(type):
                return self._type(type)
            case Borrow(resource):
                return f"borrow<{self._type(resource)}>"
            case Tuple(types):
                return f"tuple<{', '.join(self._type(type) for type in types)}>"
            case Option(type):
                return f"option<{self._type(type)}>"
            case List(type):
                return f"list<{self._type(type)}>"
            case FixedList(type, length):
                return f"list<{self._type(type)}, {length}>"
            case Map(key, value):
                return f"map<{self._type(key)}, {self._type(value)}>"
            case Result(None, None):
                return "result"
            case Result(ok, None):
                return f"result<{self._maybe(ok)}>"
            case Result(ok, err):
                return f"result<{self._maybe(ok)}, {self._maybe(err)}>"
            case Future(payload):
                return "future" if payload is None else f"future<{self._type(payload)}>"
            case Stream(payload):
                return "stream" if payload is None else f"stream<{self._type(payload)}>"
            case _:
                raise AssertionError(f"{kind} needs a name")

    # What stands before an item

    def _head(self, docs: str | None, stability: Stability, external_id: str | None) -> None:
        self._docs(docs)
        if stability is not None:
            if isinstance(stability, Since):
                self._line(f"@since(version = {stability.version})")
            else:
                self._line(f"@unstable(feature = {_name(stability.feature)})")
            if stability.deprecated is not None:
                self._line(f"@deprecated(version = {stability.deprecated})")
        if external_id is not None:
            self._line(f'@external-id("{"".join(map(_escaped, external_id))}")')

    def _docs(self, docs: str | None) -> None:
        for line in docs.split("\n") if docs else ():
            self._line(f"/// {line}" if line else "///")


def _same_use(
    last: tuple[InterfaceId, TypeDef, list[str]], source: InterfaceId, used: TypeDef
) -> bool:
    """Whether a type can be added to the last `use`."""
    type = last[1]
    same_head = (type.stability, type.external_id) == (used.stability, used.external_id)
    return last[0] == source and same_head


def _name(name: str) -> str:
    """A name as it is written where it may be a keyword."""
    return f"%{name}" if name in KEYWORDS else name


def _escaped(char: str) -> str:
    """A character in a string."""
    if char in _ESCAPES:
        return _ESCAPES[char]
    return char if char.isprintable() else f"\\u{{{ord(char):x}}}"
