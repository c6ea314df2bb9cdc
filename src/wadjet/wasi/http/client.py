"""Requests that guests send, over HTTP/1.1, within the rules of a network."""

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import suppress
from typing import Any, Final, final

from wadjet.wasi.host.errors import HostError
from wadjet.wasi.host.lookup import resolve
from wadjet.wasi.host.network import Address, IpAddress, Network, Use
from wadjet.wasi.http.errors import DnsErrorPayload, HttpError, http_error
from wadjet.wasi.http.extras import require_h11
from wadjet.wasi.http.fields import Entries
from wadjet.wasi.http.message import Body, Request, Response

_CHUNK: Final = 1 << 16
#: How long connecting, the first byte and each next one may take if a guest says nothing.
_TIMEOUT: Final = 600 * 10**9
_PORTS: Final = {"http": 80, "https": 443}


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
    """Sends requests; `send` is a `Handler`. Each request has a connection of its own."""

    def __init__(self, network: Network) -> None:
        self._network: Final = network

    async def send(self, request: Request) -> Response:
        """Send a request; the response, whose body comes as it is asked for. Raises HttpError."""
        try:
            scheme = request.scheme or "https"
            if scheme not in _PORTS:
                raise HttpError.of("HTTP-protocol-error")
            host, port = split_authority(request.authority or "", scheme)
            reader, writer = await _within(
                request.connect_timeout, "connection-timeout", self._connect(host, port, scheme)
            )
        except BaseException as error:
            await request.body.close()
            if isinstance(error, HttpError | OSError):
                raise _settled(request.body, error) from None
            raise
        return await _Exchange(request, reader, writer).run()

    async def _connect(
        self, host: str, port: int, scheme: str
    ) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """A connection to the first address of a host that takes one."""
        context = ssl.create_default_context() if scheme == "https" else None
        error: Exception = HttpError.of("destination-not-found")
        for ip in await self._addresses(host):
            try:
                self._network.check(Use.TCP, Address(ip, port))
                return await asyncio.open_connection(
                    str(ip), port, ssl=context, server_hostname=host if context else None
                )
            except (HostError, OSError) as failure:
                error = failure
        raise http_error(error)

    async def _addresses(self, host: str) -> list[IpAddress]:
        try:
            return await resolve(self._network, host)
        except HostError as error:
            if error.code.name == "ACCESS":
                raise HttpError.of("HTTP-request-denied") from None
            raise HttpError.of("DNS-error", DnsErrorPayload(error.code.name)) from None


async def _within(limit: int | None, label: str, work: Any) -> Any:
    """What the work gives within so many nanoseconds. Raises HttpError."""
    try:
        return await asyncio.wait_for(work, (_TIMEOUT if limit is None else limit) / 1e9)
    except TimeoutError:
        raise HttpError.of(label) from None


def _settled(body: Body, error: Exception) -> HttpError:
    """The failure, of which whoever made the body hears as well."""
    failure = http_error(error)
    body.settle(failure)
    return failure


@final
class _Exchange:
    """One request and its response over one connection."""

    def __init__(
        self, request: Request, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        self._h11: Final = require_h11()
        self._request: Final = request
        self._reader: Final = reader
        self._writer: Final = writer
        self._wire: Final = self._h11.Connection(our_role=self._h11.CLIENT)
        self._sending: asyncio.Task[None] | None = None
        self._trailers: Entries | None = None
        self._over = False

    async def run(self) -> Response:
        """Send the request, and wait for the head of the response."""
        try:
            await self._write(self._head())
            self._sending = asyncio.ensure_future(self._send_body())
            event = await self._response()
        except BaseException as error:
            await self._close()
            if isinstance(error, HttpError | OSError | self._h11.ProtocolError):
                raise self._failure(error) from None
            raise
        headers = _entries(event.headers)
        length = None if self._request.method != "HEAD" else 0
        body = Body(self._pieces(), self._fields, length=length, close=self._close)
        return Response(event.status_code, headers, body)

    def _head(self) -> Any:
        request = self._request
        headers = list(request.headers)
        headers.insert(0, ("host", (request.authority or "").rpartition("@")[2].encode()))
        names = {name.lower() for name, _ in headers}
        if request.body.length is None:
            headers.append(("transfer-encoding", b"chunked"))
        elif "content-length" not in names and (
            request.body.length or request.method in ("POST", "PUT", "PATCH")
        ):
            headers.append(("content-length", str(request.body.length).encode()))
        headers.append(("connection", b"close"))
        target = request.target or "/"
        if target.startswith("?"):
            target = f"/{target}"
        try:
            return self._h11.Request(
                method=request.method.encode(), target=target.encode(), headers=headers
            )
        except (self._h11.LocalProtocolError, UnicodeEncodeError):
            raise HttpError.of("HTTP-request-URI-invalid") from None

    async def _send_body(self) -> None:
        """Send what the request has, and tell its maker how that went."""
        body = self._request.body
        try:
            async for piece in body:
                if piece:
                    await self._write(self._h11.Data(data=piece))
            trailers = await body.trailers()
            chunked = body.length is None
            end = self._h11.EndOfMessage(headers=(trailers or []) if chunked else [])
            await self._write(end)
        except (HttpError, OSError, self._h11.ProtocolError) as error:
            self._writer.close()
            raise _settled(body, error) from None
        finally:
            await body.close()
        body.settle(None)

    async def _write(self, event: Any) -> None:
        data = self._wire.send(event)
        if data:
            self._writer.write(data)
            await self._writer.drain()

    async def _response(self) -> Any:
        limit = self._request.first_byte_timeout
        return await _within(limit, "HTTP-response-timeout", self._final_response())

    async def _final_response(self) -> Any:
        while True:
            event = await self._event()
            if isinstance(event, self._h11.Response):
                return event
            if not isinstance(event, self._h11.InformationalResponse):
                raise HttpError.of("HTTP-response-incomplete")

    async def _event(self) -> Any:
        while True:
            event = self._wire.next_event()
            if event is not self._h11.NEED_DATA:
                return event
            self._wire.receive_data(await self._reader.read(_CHUNK))

    def _failure(self, error: Exception) -> HttpError:
        """What went wrong: what ended the request's own body counts more than what came of it."""
        if self._sending is not None and self._sending.done() and not self._sending.cancelled():
            cause = self._sending.exception()
            if isinstance(cause, HttpError):
                return cause
        if isinstance(error, self._h11.RemoteProtocolError):
            return HttpError.of("HTTP-protocol-error")
        return http_error(error)

    async def _pieces(self) -> AsyncIterator[bytes]:
        limit = self._request.between_bytes_timeout
        try:
            while not self._over:
                event = await _within(limit, "connection-read-timeout", self._event())
                if isinstance(event, self._h11.Data):
                    yield bytes(event.data)
                elif isinstance(event, self._h11.EndOfMessage):
                    self._trailers = _entries(event.headers) or None
                    self._over = True
                else:
                    raise HttpError.of("HTTP-response-incomplete")
        except (OSError, self._h11.ProtocolError) as error:
            raise self._failure(error) from None
        finally:
            await self._close()

    async def _fields(self) -> Entries | None:
        return self._trailers

    async def _close(self) -> None:
        self._over = True
        if self._sending is not None:
            self._sending.cancel()
            await asyncio.wait([self._sending])
            if not self._sending.cancelled():
                self._sending.exception()  # its maker has heard of it
        self._writer.close()
        with suppress(OSError):
            await self._writer.wait_closed()


def _entries(headers: Any) -> Entries:
    return [(name.decode("latin-1"), bytes(value)) for name, value in headers.raw_items()]
