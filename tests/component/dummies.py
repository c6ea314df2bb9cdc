"""Components of which only the world matters: asked for anything, they trap."""

from collections.abc import Iterator

from wadjet.component.abi import flatten_functype
from wadjet.component.binary import decode, encode
from wadjet.component.build.mangling import core_exports
from wadjet.component.build.metadata import embed
from wadjet.component.build.new import new
from wadjet.component.component import Component
from wadjet.component.features import ALL
from wadjet.component.types import FuncType
from wadjet.component.wit_bridge.closing import Closing
from wadjet.core.binary import encode as encode_module
from wadjet.core.text import parse
from wadjet.core.types import I32
from wadjet.wit.model import Function, InterfaceId, InterfaceItem, Resolve, WorldId, WorldItem


def dummy(resolve: Resolve, world: WorldId) -> Component:
    """A component that imports and exports all that a world does."""
    closing, lines = Closing(resolve), []
    for key, item in resolve.worlds[world].imports.items():
        module = resolve.key_name(key) if isinstance(item, InterfaceItem) else "$root"
        for _, function in functions(resolve, item):
            signature = core(closing.func(function), lift=False)
            lines.append(f'(import "{module}" "{function.name}" (func {signature}))')
    for key, item in resolve.worlds[world].exports.items():
        for id, function in functions(resolve, item):
            name, _ = next(core_exports(resolve, key, id, function))
            signature = core(closing.func(function), lift=True)
            lines.append(f'(func (export "{name}") {signature} unreachable)')
    memory = '(memory (export "memory") 1)'
    realloc = '(func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32) unreachable)'
    module_text = "\n".join(["(module", *lines, memory, realloc, ")"])
    made = new(embed(encode_module(parse(module_text, ALL)), resolve, world))
    return decode(encode(made), ALL)


def functions(resolve: Resolve, item: WorldItem) -> Iterator[tuple[InterfaceId | None, Function]]:
    """The functions of an import or export, with the interface that they are of."""
    if isinstance(item, Function):
        yield None, item
    elif isinstance(item, InterfaceItem):
        for function in resolve.interfaces[item.id].functions.values():
            yield item.id, function


def core(type_: FuncType, *, lift: bool) -> str:
    """The type of the core function, in text."""
    made = flatten_functype(type_, I32, "lift" if lift else "lower")
    params, results = (" ".join(map(str, ts)) for ts in (made.params, made.results))
    return f"(param {params}) (result {results})"
