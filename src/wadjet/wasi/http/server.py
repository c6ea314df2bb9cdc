"""A server's connections, with the versions of HTTP that there are."""

from wadjet.wasi.http.connection import Connections, ServerOptions
from wadjet.wasi.http.extras import find_h2
from wadjet.wasi.http.http1 import Http1
from wadjet.wasi.http.http2 import Http2
from wadjet.wasi.http.message import Handler


def connections(handler: Handler, options: ServerOptions) -> Connections:
    """Connections whose requests a handler answers."""
    both = {"http/1.1": Http1, "h2": Http2}
    return Connections(handler, options, both if find_h2() is not None else {"http/1.1": Http1})
