"""What commands share that take components as well as modules."""

import re
from typing import TYPE_CHECKING, Final

from wadjet.base.errors import Error, Invalid, Malformed
from wadjet.cli.common import BAD_USAGE, Failure, explain, read_input

if TYPE_CHECKING:
    from argparse import Namespace

    from wadjet.component.component import Component
    from wadjet.core.features import Features

_MAGIC: Final = b"\0asm"
_LAYER: Final = b"\1\0"
#: what may stand before the first parenthesis of a text, and then the word that says what it is
_HEAD: Final = re.compile(rb"(?:\s+|;;[^\n]*|\(;.*?;\))*\(\s*component\b", re.DOTALL)


def is_component(data: bytes) -> bool:
    """Whether a file has a component, binary or text, as far as its beginning tells."""
    if data.startswith(_MAGIC):
        return data[6:8] == _LAYER
    return _HEAD.match(data) is not None


def component_features(args: "Namespace") -> "Features":
    """The features that the option names, those of components among them."""
    from wadjet.component.features import parse_features

    try:
        return parse_features(args.features)
    except Error as error:
        raise Failure(str(error), BAD_USAGE) from None


def decode_or_parse(data: bytes, features: "Features", *, lazy: bool = False) -> "Component":
    """Read a component, binary or text. Raises Malformed."""
    if data.startswith(_MAGIC):
        from wadjet.component.binary import decode

        return decode(data, features, lazy=lazy)
    from wadjet.component.text import parse

    return parse(data, features)


def read_component(name: str, features: "Features | None" = None) -> "Component":
    """The component in a file; Failure, with the name, where it has none."""
    from wadjet.component.features import ALL

    try:
        return decode_or_parse(read_input(name), ALL if features is None else features, lazy=True)
    except (Malformed, Invalid) as error:
        raise Failure(explain(name, error)) from None
