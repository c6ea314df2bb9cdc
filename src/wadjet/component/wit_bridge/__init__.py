"""WIT ⇄ component types: what interfaces and worlds are to components (WIT.md, "Package Format").

encode_package(resolve, id)   a WIT package → its binary form, which is a component
encode_world(resolve, id)     one world → the same form, as encode_interface does for interfaces
decode(component)             such a form, or any component → WIT
read(where)                   WIT in text or binary form, wherever it is kept → `Resolve`
"""

from wadjet.component.wit_bridge.decode import (
    decode, decode_worlds, is_package, merge_imports, world_scope,
)  # fmt: skip
from wadjet.component.wit_bridge.encode import encode_interface, encode_package, encode_world
from wadjet.component.wit_bridge.outline import outline
from wadjet.component.wit_bridge.read import read, to_text

__all__ = [
    "decode",
    "decode_worlds",
    "encode_interface",
    "encode_package",
    "encode_world",
    "is_package",
    "merge_imports",
    "outline",
    "read",
    "to_text",
    "world_scope",
]
