"""Worlds of WIT as Python modules: the classes of their types, and what type checkers need to know.

`generate` makes two files of a world. The module (`.py`) has the classes of its types, and
`instantiate`, whose instances use them. The stub (`.pyi`) tells of what types everything is: the
exports, and as protocols the imports.

    imports.types     the types of an interface that the world imports (as it is called there)
    imports.Types     the protocol of its functions: what a host's object must be able to do
    exports.types     the types and functions of an interface that the world exports
    Imports           the protocol of all that `instantiate` is given
    World             what it returns (as the world is called)

Names are those of `wadjet.canon.naming`, as at run time.
"""

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final, final

from wadjet.canon.naming import member, pascal, snake, upper
from wadjet.tools.bindgen_types import Hints, Side, World
from wadjet.wit.model import (
    Enum, Flags, Function, InterfaceId, Kind, Param, Record, Resolve, Resource, TypeId,
    Variant, WorldId,
)  # fmt: skip

_MARGIN: Final = "    "
_NOTE: Final = "Made by `wadjet bindgen`; what is changed here is lost when it is made again."
_STUB_HEAD: Final = """\
import builtins as _builtins
import collections.abc as _abc
import dataclasses as _dataclasses
import enum as _enum
import typing as _typing
from array import array as _array

import wadjet as _wadjet
"""
#: interfaces that `wasi=` supplies
_WASI: Final = "wasi:"


@dataclass(frozen=True, slots=True)
class Bindings:
    """The two files of a world: `name` is that of the module."""

    name: str
    module: str
    stub: str


def generate(resolve: Resolve, id: WorldId) -> Bindings:
    """The bindings of a world."""
    world = World(resolve, id)
    return Bindings(snake(resolve.worlds[id].name), _Module(world).text(), _Stub(world).text())


def _taken(world: World) -> frozenset[str]:
    """Every name that may be defined in bindings."""
    resolve = world.resolve
    found = {name for side in Side for name in world.interfaces(side)}
    for type in resolve.types:
        found.update(_names(type.name or "", type.kind))
    functions = [f for interface in resolve.interfaces for f in interface.functions.values()]
    for side in Side:
        functions += world.functions(side).values()
    for function in functions:
        found |= {snake(function.item_name), *(snake(param.name) for param in function.params)}
    return frozenset(found)


def _names(name: str, kind: Kind) -> Iterator[str]:
    if name:
        yield pascal(name)
    match kind:
        case Record(fields):
            yield from [snake(field.name) for field in fields]
        case Variant(cases):
            yield from [pascal(case.name) for case in cases]
        case Enum(labels) | Flags(labels):
            yield from [upper(label.name) for label in labels]


class _Writer:
    """Lines of Python, and how far they are moved in."""

    def __init__(self, world: World) -> None:
        self.world: Final = world
        self.resolve: Final = world.resolve
        self.lines: Final[list[str]] = []
        self.margin = ""

    def line(self, text: str) -> None:
        """One line."""
        self.lines.append(self.margin + text if text else "")

    def head(self, text: str, docs: str | None = None) -> None:
        """The head of a class or function; what follows is in it until `end`."""
        self.line(f"{text}:")
        self.margin += _MARGIN
        if docs is not None:
            self.docs(docs)

    def end(self) -> None:
        """The end of what the last head began."""
        if self.lines[-1].endswith(":"):
            self.line("pass")
        self.margin = self.margin.removesuffix(_MARGIN)

    def docs(self, text: str) -> None:
        """A docstring."""
        text = text.replace("\\", "\\\\").replace('"""', '\\"\\"\\"')
        first, *rest = text.split("\n")
        if first.endswith('"'):
            first += " "
        if not rest:
            self.line(f'"""{first}"""')
            return
        self.line(f'"""{first}')
        for line in rest:
            self.line(line)
        self.line('"""')

    @property
    def world_docs(self) -> str:
        """What is said of the module."""
        world = self.resolve.worlds[self.world.id]
        name = self.resolve.packages[world.package].name.member(world.name)
        docs = f"\n\n{world.docs}" if world.docs else ""
        return f"The world {name}.{docs}\n\n{_NOTE}"

    @property
    def world_name(self) -> str:
        """The class of the world's instances."""
        name = pascal(self.resolve.worlds[self.world.id].name)
        return f"{name}_" if name == "Imports" else name

    def own_types(self, side: Side, attribute: str, id: InterfaceId | None) -> "list[_Named]":
        """The types with classes that an interface, or the world itself, has on one side."""
        types = self.world.types if id is None else self.resolve.interfaces[id].types
        return [
            _Named(pascal(name), type, self.world.home(type, side) == (side, attribute))
            for name, type in types.items()
            if self.world.has_class(type)
        ]

    def is_own(self, named: "_Named") -> bool:
        """Whether a class is made where it is named, and is not another name of one made before."""
        definition = self.world.definition(named.type)
        name = self.resolve.types[definition].name
        return named.here and name is not None and pascal(name) == named.name


@dataclass(frozen=True, slots=True)
class _Named:
    """A type with a class. `here`: the class belongs to the interface that names it."""

    name: str
    type: TypeId
    here: bool


@final
class _Module(_Writer):
    """Writes the module."""

    def text(self) -> str:
        """All of it."""
        self.line("# mypy: ignore-errors")
        self.line("# pyright: reportAttributeAccessIssue=false")
        self.docs(self.world_docs)
        self.line("")
        self.line("import wadjet.api.bindings as _make")
        sides: dict[Side, list[str]] = {}
        for side in Side:
            sides[side] = self._side(side)
        for line in [*sides[Side.IMPORTS], *sides[Side.EXPORTS]]:
            self.line(line)
        self._classes()
        self.head("def instantiate(component, imports=None, **options)")
        self.docs("An instance of a component that has this world: see `wadjet.Component`.")
        self.line("return component.instantiate(imports, types=_TYPES, **options)")
        self.end()
        return "".join(f"{line}\n" for line in self.lines)

    def _side(self, side: Side) -> list[str]:
        """The classes of one side. The result are the lines that give them their other names."""
        others: list[str] = []
        self.line("\n")
        self.head(f"class {side}", f"What the world {side}.")
        if side is Side.IMPORTS:
            self._types(side, "", None, others)
        for attribute, (name, id) in self.world.interfaces(side).items():
            self.line("")
            self.head(f"class {attribute}", name)
            self._types(side, attribute, id, others)
            self.end()
            if side is Side.IMPORTS and self.resolve.interfaces[id].functions:
                self.line("")
                self.line(f"{_protocol(attribute)} = _make.protocol()")
        self.end()
        return others

    def _types(self, side: Side, attribute: str, id: InterfaceId | None, others: list[str]) -> None:
        scope = f"{side}.{attribute}" if attribute else f"{side}"
        for named in self.own_types(side, attribute, id):
            if self.is_own(named):
                kind = self.resolve.types[self.world.definition(named.type)].kind
                self.line(f"{named.name} = {self._make(kind, named.name, side, scope)}")
            else:
                source = Hints(self.world, frozenset()).class_of(named.type, side)
                others.append(f"{scope}.{named.name} = {source}")

    def _make(self, kind: Kind, name: str, side: Side, scope: str) -> str:
        where = f"module=__name__, scope={_text(scope)}"
        match kind:
            case Record(fields):
                names = _texts(snake(field.name) for field in fields)
                return f"_make.record({_text(name)}, {names}, {where})"
            case Variant(cases):
                rows = [f"({_text(pascal(c.name))}, {c.type is not None})" for c in cases]
                return f"_make.variant({_text(name)}, [{', '.join(rows)}], {where})"
            case Enum(labels):
                names = _texts(upper(label.name) for label in labels)
                return f"_make.enumeration({_text(name)}, {names}, {where})"
            case Flags(labels):
                names = _texts(upper(label.name) for label in labels)
                return f"_make.flags({_text(name)}, {names}, {where})"
        if side is Side.IMPORTS:
            return "_make.protocol()"
        return f"_make.resource({_text(name)}, {where})"

    def _classes(self) -> None:
        self.line("\n")
        for name in (self.world_name, "Imports"):
            self.line(f"{name} = _make.protocol()")
        self.line("_TYPES = _make.table(")
        self.line('    ("imports", "", imports),')
        for side in Side:
            for attribute, (name, _) in self.world.interfaces(side).items():
                self.line(f"    ({_text(side)}, {_text(name)}, {side}.{attribute}),")
        self.line(")")
        self.line("\n")


@final
class _Stub(_Writer):
    """Writes the stub."""

    def __init__(self, world: World) -> None:
        super().__init__(world)
        self._taken: Final = _taken(world)
        self._hints: Final = Hints(world, self._taken)

    def text(self) -> str:
        """All of it."""
        self.docs(self.world_docs)
        self.line("")
        self.lines.extend(_STUB_HEAD.splitlines())
        self._imports()
        self._exports()
        for side in Side:
            if side in self._taken:
                self.line(f"_{side} = {side}")
        self._everything()
        self._world()
        self._instantiate()
        return "".join(f"{line}\n" for line in self.lines)

    # Sides

    def _imports(self) -> None:
        side = Side.IMPORTS
        self.line("")
        self.head(f"class {side}", "What the world imports.")
        self._types(side, "", None, self.world.functions(side).values())
        for attribute, (name, id) in self.world.interfaces(Side.IMPORTS).items():
            interface = self.resolve.interfaces[id]
            self.head(f"class {attribute}", _with_docs(name, interface.docs))
            self._types(side, attribute, id, interface.functions.values())
            self.end()
            if interface.functions:
                self.head(f"class {_protocol(attribute)}(_typing.Protocol)", f"A host's {name}.")
                self._host_members(interface.functions.values())
                self.end()
        self.end()

    def _host_members(self, functions: Iterable[Function]) -> None:
        """What the host's object for an interface must have: functions, and the classes of
        resources that are constructed or have static functions."""
        for function in functions:
            if function.role == "free":
                self._host_function(snake(function.item_name), function, function.params)
        for id in dict.fromkeys(f.resource for f in functions if _is_of_class(f)):
            assert id is not None, "a constructor or static function has a resource"
            name = pascal(self.resolve.types[id].name or "")
            self._property(name, f"{self._hints.class_of(id, Side.IMPORTS)}_type")

    def _exports(self) -> None:
        side = Side.EXPORTS
        self.line("")
        self.head(f"class {side}", "What the world exports.")
        for attribute, (name, id) in self.world.interfaces(Side.EXPORTS).items():
            interface = self.resolve.interfaces[id]
            self.head(f"class {attribute}", _with_docs(name, interface.docs))
            self._types(side, attribute, id, interface.functions.values())
            for function in interface.functions.values():
                if function.role == "free":
                    self._guest_function(snake(function.name), function, function.params, "static")
            self.end()
        self.end()

    def _everything(self) -> None:
        self.line("")
        self.head("class Imports(_typing.Protocol)", "All that the component imports.")
        for attribute, (name, id) in self.world.interfaces(Side.IMPORTS).items():
            if self.resolve.interfaces[id].functions and not name.startswith(_WASI):
                self._property(attribute, self._hints.place(Side.IMPORTS, _protocol(attribute)))
        functions = self.world.functions(Side.IMPORTS).values()
        for function in functions:
            if function.role == "free":
                self._host_function(snake(function.name), function, function.params)
        self._host_members([f for f in functions if f.role != "free"])
        self.end()

    def _world(self) -> None:
        self.line("")
        self.head(f"class {self.world_name}", "An instance of a component that has the world.")
        for named in self.own_types(Side.IMPORTS, "", None):
            self.line(f"{named.name} = {self._hints.class_of(named.type, Side.IMPORTS)}")
        for attribute in self.world.interfaces(Side.EXPORTS):
            of = f"{self._hints.builtin('type')}[{self._hints.place(Side.EXPORTS, attribute)}]"
            self._property(attribute, of)
        functions = self.world.functions(Side.EXPORTS)
        for name, function in functions.items():
            self._guest_function(snake(name), function, function.params, "method")
        if not {"close"} & {*map(snake, functions), *self.world.interfaces(Side.EXPORTS)}:
            self.line("def close(self) -> None: ...")
        self.line("def __enter__(self) -> _typing.Self: ...")
        self.line(f"def __exit__(self, *error: {self._hints.builtin('object')}) -> None: ...")
        self.end()

    def _instantiate(self) -> None:
        any_object = self._hints.builtin("object")
        mapping = f"_abc.Mapping[{self._hints.builtin('str')}, {any_object}]"
        self.line("")
        self.line("def instantiate(")
        for line in (
            "component: _wadjet.Component,",
            f"imports: Imports | {mapping} | None = None,",
            "*,",
            f"wasi: {any_object} = None,",
            "store: _wadjet.Store | None = None,",
            "limits: _wadjet.Limits | None = None,",
            f'tier: {self._hints.builtin("str")} = "auto",',
        ):
            self.line(f"    {line}")
        self.line(f") -> {self.world_name}: ...")

    # Types

    def _types(
        self, side: Side, attribute: str, id: InterfaceId | None, functions: Iterable[Function]
    ) -> None:
        members: dict[TypeId, list[Function]] = {}
        for function in functions:
            if function.resource is not None:
                members.setdefault(function.resource, []).append(function)
        for named in self.own_types(side, attribute, id):
            if self.is_own(named):
                self._type(side, attribute, named, members.get(named.type, []))
            else:
                self.line(f"{named.name} = {self._hints.class_of(named.type, side)}")

    def _type(self, side: Side, attribute: str, named: _Named, members: list[Function]) -> None:
        definition = self.resolve.types[self.world.definition(named.type)]
        docs = definition.docs or definition.name or ""
        match definition.kind:
            case Record(fields):
                self.line("@_typing.final")
                self.line("@_dataclasses.dataclass(frozen=True)")
                self.head(f"class {named.name}(_wadjet.Record)", docs)
                for field in fields:
                    hint = self._hints.type(field.type, side, exact=False)
                    self.line(f"{snake(field.name)}: {hint}")
                self.end()
            case Variant():
                self._variant(side, attribute, named.name, definition.kind, docs)
            case Enum(labels):
                self._members(named.name, "_enum.Enum", [c.name for c in labels], docs)
            case Flags(labels):
                self._members(named.name, "_enum.Flag", [c.name for c in labels], docs)
            case Resource() if side is Side.EXPORTS:
                self._guest_resource(named.name, members, docs)
            case Resource():
                self._host_resource(attribute, named.name, members, docs)

    def _members(self, name: str, base: str, labels: list[str], docs: str) -> None:
        self.head(f"class {name}({base})", docs)
        for index, label in enumerate(labels):
            self.line(f"{upper(label)} = {1 << index if base == '_enum.Flag' else index}")
        self.end()

    def _variant(self, side: Side, attribute: str, name: str, kind: Variant, docs: str) -> None:
        base = self._hints.place(side, attribute, name)
        nothing = self._hints.builtin("tuple")
        self.head(f"class {name}(_wadjet.Variant)", docs)
        for case in kind.cases:
            self.line("@_typing.final")
            self.head(f"class {pascal(case.name)}({base})")
            if case.docs:
                self.docs(case.docs)
            if case.type is None:
                self.line(f"__match_args__: _typing.ClassVar[{nothing}[()]]")
                self.line("def __init__(self) -> None: ...")
            else:
                hint = self._hints.type(case.type, side, exact=False)
                self.line('__match_args__ = ("value",)')
                self.line(f"def __init__(self, value: {hint}) -> None: ...")
                self._property("value", hint)
            self.end()
        self.end()

    def _guest_resource(self, name: str, members: list[Function], docs: str) -> None:
        self.line("@_typing.final")
        self.head(f"class {name}(_wadjet.Resource)", docs)
        if not any(f.role == "constructor" for f in members):
            self.line("def __init__(self, no_constructor: _typing.Never) -> None: ...")
        for function in members:
            name = member(function.item_name)
            match function.role:
                case "constructor":
                    params = self._params(function.params, Side.EXPORTS, exact=False)
                    receiver = _receiver(function.params)
                    self.line(f"def __init__({', '.join([receiver, *params])}) -> None: ...")
                case "method":
                    self._guest_function(name, function, function.params[1:], "method")
                case _:
                    self._guest_function(name, function, function.params, "static")
        self.end()

    def _host_resource(self, attribute: str, name: str, members: list[Function], docs: str) -> None:
        self.head(f"class {name}(_typing.Protocol)", docs)
        for function in members:
            if function.role == "method":
                self._host_function(member(function.item_name), function, function.params[1:])
        self.end()
        if not any(map(_is_of_class, members)):
            return
        self.head(f"class {name}_type(_typing.Protocol)", f"The class of a host's {name}.")
        for function in members:
            if _is_of_class(function):
                call = function.role == "constructor"
                own = "__call__" if call else member(function.item_name)
                self._host_function(own, function, function.params)
        self.end()

    # Functions

    def _property(self, name: str, hint: str) -> None:
        self.line(f"@{self._hints.builtin('property')}")
        self.line(f"def {name}(self) -> {hint}: ...")

    def _params(self, params: list[Param], side: Side, *, exact: bool) -> list[str]:
        return [f"{snake(p.name)}: {self._hints.type(p.type, side, exact=exact)}" for p in params]

    def _guest_function(
        self, name: str, function: Function, params: list[Param], kind: str
    ) -> None:
        """A function that Python calls."""
        texts = self._params(params, Side.EXPORTS, exact=False)
        if kind == "static":
            self.line(f"@{self._hints.builtin('staticmethod')}")
        else:
            texts.insert(0, _receiver(params))
        result = self._hints.result(function.result, Side.EXPORTS, exact=True)
        word = "async def" if function.is_async else "def"
        self._function(f"{word} {name}({', '.join(texts)}) -> {result}", function)

    def _host_function(self, name: str, function: Function, params: list[Param]) -> None:
        """A function that the component calls, with its arguments in order."""
        texts = self._params(params, Side.IMPORTS, exact=True)
        receiver = _receiver(params)
        marks = [receiver, *texts, "/"]
        result = self._hints.result(function.result, Side.IMPORTS, exact=False)
        if function.is_async:
            result = f"_abc.Awaitable[{result}] | {result}"
        self._function(f"def {name}({', '.join(marks)}) -> {result}", function)

    def _function(self, head: str, function: Function) -> None:
        if function.docs:
            self.head(head, function.docs)
            self.end()
        else:
            self.line(f"{head}: ...")


def _receiver(params: list[Param]) -> str:
    return "self_" if any(snake(p.name) == "self" for p in params) else "self"


def _is_of_class(function: Function) -> bool:
    """Whether a function belongs to the class of a resource, and not to its objects."""
    return function.role in ("constructor", "static")


def _protocol(attribute: str) -> str:
    """The name of the protocol of an interface that goes by an attribute."""
    return pascal(attribute.strip("_").replace("_", "-"))


def _with_docs(name: str, docs: str | None) -> str:
    return f"{name}\n\n{docs}" if docs else name


def _text(text: str) -> str:
    """A string of Python."""
    return json.dumps(text)


def _texts(texts: Iterable[str]) -> str:
    """A list of strings."""
    return json.dumps(list(texts))
