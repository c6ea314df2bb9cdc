"""Taking a component's imports away: a component is made that answers in the world's place.

Each function of an interface that is taken away gives the same answer every time. Whoever is denied
something gets the error that the interface has for that, and traps where it has none; a stub
answers with zeros and empty lists; constants are what one likes, in WAVE. Only files that are
embedded have functions that do more (`files`).
"""

from collections.abc import Mapping, Sequence
from typing import Final, final

from wadjet.base.errors import Invalid
from wadjet.base.records import dataclass, field
from wadjet.component.abi import elem_size, flatten, flatten_functype
from wadjet.component.binary import decode as decode_binary
from wadjet.component.binary import encode as encode_binary
from wadjet.component.build.metadata import embed
from wadjet.component.build.new import new
from wadjet.component.closed import closed
from wadjet.component.component import Component
from wadjet.component.compose.files import (
    ANSWERS, CLOCK, PREOPENS, STDIO, STREAMED, STREAMS, TYPES, Tree, file_system, written,
)  # fmt: skip
from wadjet.component.compose.image import Image, Plain, refusal
from wadjet.component.features import ALL
from wadjet.component.types import Borrow, Defined, FuncType, List, Map, Option, Own, Prim, parts
from wadjet.component.wave import parse_value
from wadjet.component.wit_bridge import decode
from wadjet.component.wit_bridge.closing import Closing
from wadjet.core.binary import encode
from wadjet.core.text import parse
from wadjet.core.text.notation import data_string
from wadjet.core.types import I32, ValType
from wadjet.wit import dependencies, print_package, resolve, select_world
from wadjet.wit.model import Function, InterfaceId, InterfaceItem, Resolve

#: the interface that tells a program its environment, without its version
ENVIRONMENT: Final = "wasi:cli/environment"
_PACKAGE: Final = "wadjet:virtual"
#: where answers begin: address 0 is left alone, as guests take it for nothing
_BASE: Final = 1024


@dataclass(slots=True)
class Wishes:
    """What is to become of a component's imports. Interfaces and packages go by their names, with
    or without a version; constants by `interface#function`. `environment` and `arguments` are what
    a program of `wasi:cli` finds there, if it asks; `files` is all that it finds in files."""

    deny: Sequence[str] = ()
    stub: Sequence[str] = ()
    constants: Mapping[str, str] = field(default_factory=dict)
    environment: Mapping[str, str] | None = None
    arguments: Sequence[str] | None = None
    files: Tree | None = None


def virtualization(component: Component, wishes: Wishes) -> Component:
    """The component that answers in place of the world. Raises Invalid for what is not imported.

    It exports the interfaces that are taken away, and imports others as far as their types are
    mentioned there. `plug` gives it to the component.
    """
    world = _World(component)
    plans = _plans(world, wishes)
    exports = "".join(f"  export {name};\n" for name in plans)
    hosts = _hosts(world, plans)
    exports += "".join(f"  import {name};\n" for name in hosts.values())
    source = f"package {_PACKAGE};\nworld virtual {{\n{exports}}}\n"
    made = resolve({"virtual.wit": source, "deps/world.wit": world.text}, all_features=True)
    id = select_world(made, "virtual")
    builder = _Answers(made, wishes.files, hosts)
    for item in made.worlds[id].exports.values():
        assert isinstance(item, InterfaceItem), "interfaces alone are exported"
        builder.interface(item.id, plans[str(made.full_name(item.id))])
    module = encode(parse(builder.text(), ALL))
    return decode_binary(encode_binary(new(embed(module, made, id))), ALL)


def _hosts(world: "_World", plans: Mapping[str, "_Plan"]) -> dict[str, str]:
    """The interfaces that streams are taken from, by their names without version."""
    if all(plan.files != STREAMS for plan in plans.values()):
        return {}
    names = {name.partition("@")[0]: name for name in world.names}
    return {plain: names[plain] for plain in (STREAMS, CLOCK, *STDIO) if plain in names}


def _environment(wishes: Wishes) -> dict[str, str]:
    """What the functions of the environment answer, as far as that is fixed."""
    made = {}
    if wishes.environment is not None:
        pairs = [f"({_text(k)}, {_text(v)})" for k, v in wishes.environment.items()]
        made["get-environment"] = f"[{', '.join(pairs)}]"
    if wishes.arguments is not None:
        made["get-arguments"] = f"[{', '.join(map(_text, wishes.arguments))}]"
    return made


def _text(text: str) -> str:
    """A string in WAVE."""
    return '"' + "".join(_ESCAPES.get(c, c) for c in text) + '"'


_ESCAPES: Final = {"\\": "\\\\", '"': '\\"', "\n": "\\n", "\r": "\\r", "\t": "\\t"}


@final
class _World:
    """What a component imports, and its WIT."""

    def __init__(self, component: Component) -> None:
        made, world = decode(component)
        if world is None:
            raise Invalid("this is a WIT package, not a component")
        imported = {
            made.key_name(key): made.interfaces[key]
            for key in made.worlds[world].imports
            if not isinstance(key, str)
        }
        #: imported interfaces → their functions
        self.names: Final = {name: list(each.functions) for name, each in imported.items()}
        #: those that have to do with streams
        self.streaming: Final = [
            name
            for name, each in imported.items()
            if "input-stream" in each.types or "output-stream" in each.types
        ]
        others = dependencies(made, made.main)
        self.text: Final = "package root:none;\n" + "".join(
            print_package(made, made.main, others).partition("\n}\n")[2]
        )


@dataclass(slots=True)
class _Plan:
    """What becomes of one interface: "deny" or "stub", and what else single functions answer.
    `files` is its name without version if it is one for files."""

    otherwise: str
    constants: dict[str, str] = field(default_factory=dict)
    files: str | None = None


def _plans(world: _World, wishes: Wishes) -> dict[str, _Plan]:
    plans: dict[str, _Plan] = {}
    for kind, patterns in (("deny", wishes.deny), ("stub", wishes.stub)):
        for pattern in patterns:
            for name in _matching(world, pattern):
                plans[name] = _Plan(kind)
    for key, text in wishes.constants.items():
        pattern, _, function = key.rpartition("#")
        for name in _matching(world, pattern):
            plans.setdefault(name, _Plan("stub")).constants[function] = text
    for function, text in _environment(wishes).items():
        for name, functions in world.names.items():
            if name.partition("@")[0] == ENVIRONMENT and function in functions:
                plans.setdefault(name, _Plan("stub")).constants[function] = text
    if wishes.files is not None:
        plans = {**_file_plans(world), **plans}
    return plans


def _file_plans(world: "_World") -> dict[str, _Plan]:
    """What becomes of the interfaces for files."""
    plans: dict[str, _Plan] = {}
    for plain in (TYPES, PREOPENS):
        name, *others = _matching(world, plain)
        if others or not name.startswith(f"{plain}@0.2."):
            raise Invalid(f"files can be embedded for one version of `{plain}`, of WASI 0.2")
        there = world.names[name]
        if STREAMED in there:
            plans |= _stream_plans(world)
        constants = {f: text for f, text in ANSWERS.items() if plain == TYPES and f in there}
        plans[name] = _Plan("stub", constants, plain)
    return plans


def _stream_plans(world: "_World") -> dict[str, _Plan]:
    """What becomes of the interfaces that streams come from. Raises Invalid for others of them, and
    for what needs more than one stream."""
    known, plans = written(), {}
    for name in world.streaming:
        plain = name.partition("@")[0]
        if plain in (TYPES, PREOPENS):
            continue
        for function in world.names[name]:
            if f"{plain}#{function}" not in known:
                raise Invalid(f"files cannot be embedded beside `{function}` of `{name}`")
        plans[name] = _Plan("stub", files=plain)
    waits = any("[method]input-stream.subscribe" in world.names[name] for name in plans)
    if waits and not any(
        "subscribe-duration" in functions
        for name, functions in world.names.items()
        if name.partition("@")[0] == CLOCK
    ):
        raise Invalid(f"files cannot be embedded: `subscribe-duration` of `{CLOCK}` is missing")
    return plans


def _matching(world: _World, pattern: str) -> list[str]:
    """The imported interfaces that a pattern names."""
    found = [
        name
        for name in world.names
        if pattern in (name, name.partition("@")[0], name.partition("/")[0])
    ]
    if not found:
        there = ", ".join(f"`{name}`" for name in world.names) or "no interfaces"
        raise Invalid(f"the component does not import `{pattern}`: there are {there}")
    return found


@final
class _Answers:
    """The core module of a virtual world, as text."""

    def __init__(self, resolve_: Resolve, files: Tree | None, hosts: dict[str, str]) -> None:
        self._resolve: Final = resolve_
        self._files: Final = files
        #: the interfaces for files, with their versions, and what is asked of them
        self._versions: Final = {**hosts}
        self._asked: Final = set[str]()
        self._written: Final = written()
        self._closing: Final = Closing(resolve_)
        self._image: Final = Image(_BASE)
        self._imports: Final[dict[str, str]] = {}
        self._funcs: Final[list[str]] = []

    def interface(self, id: InterfaceId, plan: _Plan) -> None:
        """All functions of an interface."""
        functions = self._resolve.interfaces[id].functions
        for name in plan.constants:
            if name not in functions:
                raise Invalid(f"`{self._resolve.full_name(id)}` has no function `{name}`")
        if plan.files is not None:
            self._versions[plan.files] = str(self._resolve.full_name(id))
        for function in functions.values():
            if plan.files is not None and f"{plan.files}#{function.name}" in self._written:
                self._asked.add(f"{plan.files}#{function.name}")
                continue
            ft = self._closing.func(function)
            body = self._body(id, function, ft, plan)
            core = flatten_functype(ft, I32, "lift")
            params = f"(param {_words(core.params)}) (result {_words(core.results)})"
            name = f"{self._resolve.full_name(id)}#{function.name}"
            self._funcs.append(f'(func (export "{name}") {params} {body})')

    def _body(self, id: InterfaceId, function: Function, ft: FuncType, plan: _Plan) -> str:
        result = None if ft.result is None else closed(ft.result)
        given = plan.constants.get(function.name)
        if given is not None:
            if result is None:
                raise Invalid(f"`{function.name}` has no result")
            return self._constant(result, parse_value(given, result, Plain()))
        if plan.otherwise == "deny":
            value = refusal(result)
            return (
                "unreachable" if result is None or value is None else self._constant(result, value)
            )
        if result is None:
            return ""
        if isinstance(result, Defined) and isinstance(result.shape, Own):
            return self._new_resource(id, function)
        if _has_handles(result):
            return "unreachable"
        return self._constant(result, None)

    def _constant(self, t: Prim | Defined, value: object) -> str:
        """Give a value, or for None zeros."""
        if value is None:
            address = self._image.take(elem_size(t, I32), 8)
        else:
            address = self._image.place(t, value)
        flat = flatten(t, I32)
        if flat is not None and len(flat) <= 1:
            return "".join(self._flat(flat[0], t, address)) if flat else ""
        return f"(i32.const {address})"

    def _flat(self, core: ValType, t: Prim | Defined, address: int) -> str:
        """Read a value that is returned by itself from where it is."""
        size = elem_size(t, I32)
        load = {1: f"{core}.load8_u", 2: f"{core}.load16_u"}.get(size, f"{core}.load")
        return f"({load} (i32.const {address}))"

    def _new_resource(self, id: InterfaceId, function: Function) -> str:
        """A resource of the interface itself, about which nothing is known."""
        if function.role != "constructor" or function.resource is None:
            return "unreachable"
        name = self._resolve.types[function.resource].name
        module = f"[export]{self._resolve.full_name(id)}"
        called = f"$new-{len(self._imports)}"
        where = f'"{module}" "[resource-new]{name}"'
        called = self._imports.setdefault(where, called)
        return f"(call {called} (i32.const 1))"

    def text(self) -> str:
        """The whole module."""
        imports = [
            f"(import {where} (func {called} (param i32) (result i32)))"
            for where, called in self._imports.items()
        ]
        files = ""
        if self._files is not None:
            files = file_system(self._image, self._files, self._versions, self._asked)
        pages = (_BASE + len(self._image.data) >> 16) + 1
        data = data_string(bytes(self._image.data))
        memory = f'(memory (export "memory") {pages}) (data (i32.const {_BASE}) {data})'
        room = _REALLOC.replace("ROOM", str(pages))
        return f"(module {' '.join(imports)} {files} {memory} {' '.join(self._funcs)} {room})"


def _words(types: Sequence[ValType]) -> str:
    return " ".join(map(repr, types))


def _has_handles(t: Prim | Defined) -> bool:
    """Whether a handle would have to be made. An empty list or option has none."""
    if not isinstance(t, Defined) or not t.handles or isinstance(t.shape, List | Map | Option):
        return False
    inside = any(_has_handles(closed(part)) for part in parts(t.shape))
    return inside or isinstance(t.shape, Own | Borrow)


#: room for arguments, one at a time: all of them at one place, after everything else
_REALLOC: Final = """
    (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32) (local $more i32)
        (local.set $more (i32.sub
            (i32.add (i32.const ROOM)
                (i32.shr_u (i32.add (local.get 3) (i32.const 65535)) (i32.const 16)))
            (memory.size)))
        (if (i32.gt_s (local.get $more) (i32.const 0))
            (then
                (if (i32.eq (memory.grow (local.get $more)) (i32.const -1))
                    (then unreachable))))
        (i32.shl (i32.const ROOM) (i32.const 16)))
"""
