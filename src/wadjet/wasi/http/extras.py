"""The libraries that keep the protocols, imported when first needed."""

from types import ModuleType

from wadjet.base.errors import Error


def require_h11() -> ModuleType:
    """The library of HTTP/1.1. Raises `wadjet.Error` where it is not installed."""
    try:
        import h11
    except ImportError:
        raise Error("HTTP needs the package h11: pip install wadjet[http]") from None
    return h11


def find_h2() -> ModuleType | None:
    """The library of HTTP/2, if it is installed."""
    try:
        import h2
        import h2.config
        import h2.connection
        import h2.events
        import h2.exceptions
        import h2.settings
    except ImportError:
        return None
    found: ModuleType = h2
    return found


def find_httptools() -> ModuleType | None:
    """The fast reader of HTTP/1.1, if it is installed."""
    try:
        import httptools
    except ImportError:
        return None
    found: ModuleType = httptools
    return found
