"""Requests that guests send, within the rules of a network."""

import asyncio
import ssl
from typing import Any, Final, final
from weakref import WeakKeyDictionary

from wadjet.wasi.host.errors import HostError
from wadjet.wasi.host.lookup import resolve
from wadjet.wasi.host.network import Address, IpAddress, Network, Use
from wadjet.wasi.http.errors import DnsErrorPayload, HttpError, http_error
from wadjet.wasi.http.exchange import Channel, Exchange, Link, within
from wadjet.wasi.http.http1_client import Http1Client
from wadjet.wasi.http.http2_client import Http2Client
from wadjet.wasi.http.message import Request, Response
from wadjet.wasi.http.pool import Changed, Origin, Pool, PoolLimits
from wadjet.wasi.http.tls import Trust, client_context, is_http2

_PORTS: Final = {"http": 80, "https": 443}
#: Methods that may be repeated without being asked (RFC 9110, section 9.2.2).
_IDEMPOTENT: Final = frozenset("GET HEAD OPTIONS TRACE PUT DELETE".split())


def split_authority(authority: str, scheme: str) -> tuple[str, int]:
    """Host and port of an authority. Raises HttpError."""
    host, colon, port = authority.rpartition("@")[2].rpartition(":")
    if not colon or "]" in port:
        host, port = authority.rpartition("@")[2], ""
    if not host or (port and not port.isdecimal()):
        raise HttpError.of("HTTP-request-URI-invalid")
    return host.removeprefix("[").removesuffix("]"), int(port or _PORTS[scheme])


@final
class Client:
    """Sends requests; `send` is a `Handler`. Connections are kept for a while and used again.

    `trust` says whose certificates are taken (see `wadjet.wasi.http.tls`).
    """

    def __init__(
        self, network: Network, trust: Trust = None, limits: PoolLimits | None = None
    ) -> None:
        self._network: Final = network
        self._trust: Final = trust
        self._limits: Final = limits or PoolLimits()
        self._context: ssl.SSLContext | None = None
        self._pools: Final[WeakKeyDictionary[asyncio.AbstractEventLoop, Pool]] = WeakKeyDictionary()

    async def send(self, request: Request) -> Response:
        """Send a request; the response, whose body comes as it is asked for. Raises HttpError."""
        body = request.body
        try:
            return await self._exchange(request, _origin(request))
        except (HttpError, OSError) as error:
            failure = http_error(error)
            body.settle(failure)
            await body.close()
            raise failure from None
        except asyncio.CancelledError:
            await body.close()
            raise

    async def _exchange(self, request: Request, origin: Origin) -> Response:
        pool = self._pool()
        async with within(request.connect_timeout, "connection-timeout"):
            link, used = await pool.take(origin)
        channel = link.open(request)
        try:
            return await Exchange(channel).run()
        except HttpError:
            if not used or not _may_repeat(channel):
                raise
        async with within(request.connect_timeout, "connection-timeout"):
            link, _ = await pool.take(origin, fresh=True)
        return await Exchange(link.open(request)).run()

    def _pool(self) -> Pool:
        loop = asyncio.get_running_loop()
        pool = self._pools.get(loop)
        if pool is None:
            pool = self._pools[loop] = Pool(self._connect, self._limits)
        return pool

    async def _connect(self, origin: Origin, changed: Changed) -> Link:
        """A connection to the first address of a host that takes one."""
        _, host, port = origin
        error: Exception = HttpError.of("destination-not-found")
        for ip in await self._addresses(host):
            try:
                self._network.check(Use.TCP, Address(ip, port))
                return await self._connect_to(ip, origin, changed)
            except (HostError, OSError) as failure:
                error = failure
        raise http_error(error)

    async def _connect_to(self, ip: IpAddress, origin: Origin, changed: Changed) -> Link:
        tls = self._tls() if origin.scheme == "https" else None
        _, beginning = await asyncio.get_running_loop().create_connection(
            lambda: _Beginning(changed),
            str(ip),
            origin.port,
            ssl=tls,
            server_hostname=None if tls is None else origin.host.rstrip("."),
        )
        assert beginning.link is not None, "a connection was made"
        return beginning.link

    def _tls(self) -> ssl.SSLContext:
        if self._context is None:
            try:
                self._context = client_context(self._trust)
            except OSError as error:
                raise HttpError.of("configuration-error") from error
        return self._context

    async def _addresses(self, host: str) -> list[IpAddress]:
        try:
            return await resolve(self._network, host)
        except HostError as error:
            if error.code.name == "ACCESS":
                raise HttpError.of("HTTP-request-denied") from None
            raise HttpError.of("DNS-error", DnsErrorPayload(error.code.name)) from None

    def links(self) -> list[Link]:
        """The connections of this event loop."""
        pool = self._pools.get(asyncio.get_running_loop())
        return [] if pool is None else pool.links()

    async def close(self) -> None:
        """Close the connections of this event loop, whatever they carry."""
        pool = self._pools.get(asyncio.get_running_loop())
        if pool is not None:
            await pool.close()


@final
class _Beginning(asyncio.Protocol):
    """A connection of which it is not known yet what version of HTTP it will speak."""

    def __init__(self, changed: Changed) -> None:
        self._changed: Final = changed
        self.link: Link | None = None

    def connection_made(self, transport: Any) -> None:
        """It is known now."""
        made = (Http2Client if is_http2(transport) else Http1Client)(self._changed)
        self.link = made
        transport.set_protocol(made)
        made.connection_made(transport)


def _origin(request: Request) -> Origin:
    """Where a request goes. Raises HttpError."""
    scheme = request.scheme or "https"
    if scheme not in _PORTS:
        raise HttpError.of("HTTP-protocol-error")
    if request.method == "CONNECT":
        raise HttpError.of("HTTP-request-method-invalid")
    host, port = split_authority(request.authority or "", scheme)
    return Origin(scheme, host.lower(), port)


def _may_repeat(channel: Channel) -> bool:
    """Whether a request that failed may be sent again: the server refused to begin with it, or
    ended an idle connection just when it was sent (RFC 9110, section 9.2.2)."""
    stale = channel.is_lost and channel.request.method in _IDEMPOTENT
    return channel.is_sent and (stale or channel.is_refused)
