"""WIT wherever it is kept: in texts, and in packages that are in binary form."""

from collections.abc import Collection

from wadjet.component import binary, text
from wadjet.component.component import Component
from wadjet.component.features import ALL
from wadjet.component.wit_bridge.decode import decode
from wadjet.wit import Resolve, dependencies, print_package, resolve
from wadjet.wit.sources import Where


def read(where: Where, features: Collection[str] = (), *, all_features: bool = False) -> Resolve:
    """As `wadjet.wit.resolve`, and packages may be in binary form (`.wasm`, or `.wat` for the text
    of that)."""
    return resolve(where, features, all_features=all_features, translate=to_text)


def to_text(name: str, data: bytes) -> str:
    """The WIT of a package in binary form, with all that it refers to. `name` ends in `.wat` if the
    bytes are the text of a component. Raises Malformed and Invalid."""
    component: Component
    component = text.parse(data, ALL) if name.endswith(".wat") else binary.decode(data, ALL)
    resolved, _ = decode(component)
    return print_package(resolved, resolved.main, dependencies(resolved, resolved.main))
