"""Components in scripts: they are read and validated."""

from wadjet.component import text
from wadjet.component.binary import decode
from wadjet.component.validate import ValidComponent, validate
from wadjet.core.features import Features
from wadjet.script.ast import Source


def check(source: Source, features: Features) -> ValidComponent:
    """Read and validate a component. Raises Malformed or Invalid."""
    if source.form == "binary":
        component = decode(source.data, features)
    elif source.form == "quote":
        component = text.parse(source.data, features)
    else:
        component, _ = text.parse_at(source.tokens, source.at, features)
    return validate(component, features)
