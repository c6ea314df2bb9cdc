"""A server's connections, with the versions of HTTP that there are."""

from wadjet.wasi.http.connection import Connections, ServerOptions
from wadjet.wasi.http.http1 import Http1
from wadjet.wasi.http.message import Handler


def connections(handler: Handler, options: ServerOptions) -> Connections:
    """Connections whose requests a handler answers."""
    return Connections(handler, options, {"http/1.1": Http1})
