"""ASGI, both ways: an application that answers a guest's requests, and a handler as application."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, MutableMapping
from contextlib import suppress
from typing import Any, Final, final
from urllib.parse import unquote

from wadjet.wasi.http.client import split_authority
from wadjet.wasi.http.errors import HttpError, http_error, internal, status_of
from wadjet.wasi.http.fields import Entries
from wadjet.wasi.http.message import Body, Handler, Request, Response, whole_body

Event = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Event]]
Send = Callable[[Event], Awaitable[None]]
Application = Callable[[Event, Receive, Send], Awaitable[None]]


def _lower(entries: Entries) -> list[tuple[bytes, bytes]]:
    return [(name.lower().encode("latin-1"), value) for name, value in entries]


def _decoded(headers: Any) -> Entries:
    return [(bytes(name).decode("latin-1"), bytes(value)) for name, value in headers]


def scope_of(request: Request) -> Event:
    """What ASGI says of a request."""
    path, _, query = (request.target or "/").partition("?")
    scheme = request.scheme or "https"
    authority = request.authority or ""
    headers = _lower(request.headers)
    if authority:
        headers.insert(0, (b"host", authority.encode("latin-1")))
    return {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.4"},
        "http_version": "1.1",
        "method": request.method,
        "scheme": scheme,
        "path": unquote(path),
        "raw_path": path.encode(),
        "query_string": query.encode(),
        "root_path": "",
        "headers": headers,
        "client": None,
        "server": split_authority(authority, scheme) if authority else None,
    }


def outgoing(application: Application) -> Handler:
    """A handler that asks an application."""

    async def send(request: Request) -> Response:
        return await _Exchange(application, request).run()

    return send


@final
class _Exchange:
    """One request to an application; pieces of the response are passed on one at a time."""

    def __init__(self, application: Application, request: Request) -> None:
        self._application: Final = application
        self._request: Final = request
        self._events: Final[asyncio.Queue[Event | None]] = asyncio.Queue(1)
        self._pieces: AsyncIterator[bytes] | None = aiter(request.body)
        self._gone = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    async def run(self) -> Response:
        """The response, once its head is there."""
        self._task = asyncio.ensure_future(self._run())
        try:
            start = await self._events.get()
            if start is None or start["type"] != "http.response.start":
                raise internal("the application gave no response")
        except BaseException:
            await self._close()
            raise
        body = Body(self._body(), close=self._close)
        return Response(start["status"], _decoded(start.get("headers", ())), body)

    async def _run(self) -> None:
        body = self._request.body
        try:
            await self._application(scope_of(self._request), self._receive, self._events.put)
            body.settle(None)
        except (HttpError, OSError) as error:
            body.settle(http_error(error))
        finally:
            await body.close()
            await self._events.put(None)

    async def _receive(self) -> Event:
        if self._pieces is None:
            await self._gone.wait()
            return {"type": "http.disconnect"}
        piece = await anext(self._pieces, None)
        if piece is None:
            self._pieces = None
        return {"type": "http.request", "body": piece or b"", "more_body": piece is not None}

    async def _body(self) -> AsyncIterator[bytes]:
        while True:
            event = await self._events.get()
            if event is None:
                raise HttpError.of("HTTP-response-incomplete")
            if event["type"] == "http.response.body":
                if event.get("body"):
                    yield bytes(event["body"])
                if not event.get("more_body"):
                    return

    async def _close(self) -> None:
        self._gone.set()
        if self._task is not None:
            self._task.cancel()
            with suppress(asyncio.CancelledError):
                await self._task


@final
class Incoming:
    """A request that an ASGI server brings, for a handler."""

    def __init__(self, scope: Event, receive: Receive, send: Send) -> None:
        self._scope: Final = scope
        self._receive: Final = receive
        self._send: Final = send

    def request(self) -> Request:
        """The request."""
        scope = self._scope
        raw = scope.get("raw_path") or scope["path"].encode()
        query = scope.get("query_string") or b""
        target = raw.decode("latin-1") + (f"?{query.decode('latin-1')}" if query else "")
        headers = _decoded(scope["headers"])
        authority = next((v.decode("latin-1") for n, v in headers if n.lower() == "host"), None)
        return Request(
            scope["method"], scope.get("scheme"), authority, target, headers, Body(self._pieces())
        )

    async def _pieces(self) -> AsyncIterator[bytes]:
        while True:
            event = await self._receive()
            if event["type"] == "http.disconnect":
                raise HttpError.of("connection-terminated")
            if event.get("body"):
                yield event["body"]
            if not event.get("more_body"):
                return

    async def answer(self, handler: Handler) -> None:
        """Have a handler answer it."""
        try:
            response = await handler(self.request())
        except HttpError as error:
            message = f"{error}\n".encode()
            response = Response(
                status_of(error.code), [("content-type", b"text/plain")], whole_body(message)
            )
        await self._respond(response)

    async def _respond(self, response: Response) -> None:
        body = response.body
        headers = _lower(response.headers)
        if body.length is not None and not any(name == b"content-length" for name, _ in headers):
            headers.append((b"content-length", str(body.length).encode()))
        start = {"type": "http.response.start", "status": response.status, "headers": headers}
        try:
            await self._send(start)
            async for piece in body:
                await self._send({"type": "http.response.body", "body": piece, "more_body": True})
            await body.trailers()
            await self._send({"type": "http.response.body", "body": b"", "more_body": False})
        except (HttpError, OSError) as error:
            body.settle(http_error(error))
            raise
        else:
            body.settle(None)
        finally:
            await body.close()
