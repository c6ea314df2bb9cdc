"""The world that a core module was written for, as it is noted in the module.

Custom sections whose name begins with `component-type` hold a world in binary form, and beside it
how strings are encoded. This is a convention of bindings generators; a module that was linked of
several parts has several of them.
"""

from typing import Final

from wadjet.base.errors import Malformed
from wadjet.base.leb128 import read_u32, unsigned
from wadjet.component.binary import decode, encode
from wadjet.component.builtins import ENCODINGS
from wadjet.component.component import Component, Custom
from wadjet.component.features import ALL
from wadjet.component.wit_bridge import encode_world
from wadjet.core.module import Module
from wadjet.wit.model import Resolve, WorldId

PREFIX: Final = "component-type"
#: where a world says how strings are encoded
ENCODING: Final = "wit-component-encoding"
_VERSION: Final = 4


def embed(module: bytes, resolve: Resolve, world: WorldId, encoding: str = "utf8") -> bytes:
    """A core module with a world noted in it, after those that are there already."""
    made = encode_world(resolve, world)
    noted = bytes([_VERSION, ENCODINGS.index(encoding)])
    made.definitions.insert(0, Custom(ENCODING, noted))
    name, data = PREFIX.encode(), encode(made)
    content = unsigned(len(name)) + name + data
    return module + b"\0" + unsigned(len(content)) + content


def worlds_of(module: Module) -> tuple[list[Component], str]:
    """The worlds noted in a module, and how strings are encoded. Raises Malformed."""
    worlds, encodings = [], set[str]()
    for custom in module.customs:
        if custom.name.startswith(PREFIX):
            component = decode(custom.data, ALL)
            worlds.append(component)
            encodings.add(_encoding(component, custom.name))
    if len(encodings) > 1:
        raise Malformed(f"the module's worlds encode strings differently: {sorted(encodings)}")
    return worlds, encodings.pop() if encodings else "utf8"


def _encoding(component: Component, name: str) -> str:
    for d in component.definitions:
        if isinstance(d, Custom) and d.name == ENCODING:
            if len(d.data) != 2 or d.data[0] != _VERSION or d.data[1] >= len(ENCODINGS):
                raise Malformed(f"the section {name} is of an unknown version")
            return ENCODINGS[d.data[1]]
    raise Malformed(f"the section {name} does not say how strings are encoded")


def without_worlds(data: bytes, module: Module) -> bytes:
    """The bytes of a module without the worlds noted in it. `module` was read from them."""
    made, at = [data[:8]], 8
    while at < len(data):
        start = at
        id, at = data[at], at + 1
        size, at = read_u32(data, at)
        end = at + size
        if id == 0:
            length, name_at = read_u32(data, at)
            name = data[name_at : name_at + length]
            if name.startswith(PREFIX.encode()):
                at = end
                continue
        made.append(data[start:end])
        at = end
    return b"".join(made)
