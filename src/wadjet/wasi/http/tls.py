"""TLS, by the standard library: whom to trust, and which versions of HTTP are offered."""

import os
import ssl
from typing import Any

from wadjet.wasi.http.extras import find_h2

#: What a guest's requests trust: the system's authorities (None), those of a file or directory,
#: or whatever a context says.
Trust = ssl.SSLContext | str | os.PathLike[str] | None


def client_context(trust: Trust) -> ssl.SSLContext:
    """How a guest's requests speak TLS. Certificates and names are checked. A context that is
    given is used as it is. Raises OSError (`ssl.SSLError` is one) for files that are none."""
    if isinstance(trust, ssl.SSLContext):
        return trust
    if trust is None:
        context = ssl.create_default_context()
    elif os.path.isdir(trust):
        context = ssl.create_default_context(capath=os.fspath(trust))
    else:
        context = ssl.create_default_context(cafile=os.fspath(trust))
    offer(context)
    return context


def server_context(
    certificate: str | os.PathLike[str], key: str | os.PathLike[str] | None = None
) -> ssl.SSLContext:
    """How a server speaks TLS, with a certificate and its key. Raises OSError."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate, key)
    offer(context)
    return context


def offer(context: ssl.SSLContext) -> None:
    """Offer all versions of HTTP that there are (ALPN)."""
    context.set_alpn_protocols(["http/1.1"] if find_h2() is None else ["h2", "http/1.1"])


def is_http2(transport: Any) -> bool:
    """Whether both ends of a connection agreed upon HTTP/2."""
    tls = transport.get_extra_info("ssl_object")
    return tls is not None and tls.selected_alpn_protocol() == "h2"
