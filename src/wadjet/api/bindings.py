"""What modules made by `wadjet bindgen` are made of."""

from typing import Any

from wadjet.canon.resources import Resource
from wadjet.canon.values import enumeration, flags, record, variant

__all__ = ["enumeration", "flags", "protocol", "record", "resource", "table", "variant"]


def resource(name: str, *, module: str, scope: str) -> type[Resource]:
    """The class that all instances' classes of a guest's resource are derived from."""
    body = {"__slots__": (), "__module__": module, "__qualname__": f"{scope}.{name}"}
    return type(name, (Resource,), body)


def protocol() -> type:
    """A class without anything, for host objects to be derived from: what they must be able to do
    is for type checkers to know, and must not be inherited."""
    return type("Protocol", (), {})


def table(*rows: tuple[str, str, type]) -> dict[tuple[str, str, str], type]:
    """Classes by the side of the world, the full name of the interface and their own name; rows
    give for each interface the class that they are attributes of."""
    found: dict[tuple[str, str, str], type] = {}
    for side, interface, scope in rows:
        every: dict[str, Any] = dict(vars(scope))
        for name, each in every.items():
            if isinstance(each, type) and name[0].isupper():
                found[side, interface, name] = each
    return found
