"""Where the requests of a guest go: to the network, or to a Python application."""

from wadjet.wasi.host.capabilities import Capabilities
from wadjet.wasi.http.message import Handler


def handler(wasi: Capabilities) -> Handler:
    """What answers the requests of the guests that are granted this. They share connections."""
    if wasi.outgoing is None:
        wasi.outgoing = _made(wasi)
    return wasi.outgoing


def _made(wasi: Capabilities) -> Handler:
    if wasi.http is not None:
        from wadjet.wasi.http.asgi import outgoing

        return outgoing(wasi.http)
    from wadjet.wasi.http.client import Client

    return Client(wasi.network, wasi.tls).send
