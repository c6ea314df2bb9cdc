"""What HTTP/1.1 requests say: the bytes of a connection, told as heads, pieces of bodies and ends.

llhttp (by httptools) is some twenty times as fast as h11, and is taken where it is installed. It
knows the registered methods only: requests with another one are read by h11.
"""

from dataclasses import dataclass
from types import ModuleType
from typing import Any, Final, Protocol, final

from wadjet.wasi.http.extras import find_httptools, require_h11
from wadjet.wasi.http.fields import Entries

#: The most bytes a head may have, and the fields at the end of a body.
MAX_HEAD: Final = 1 << 16

_BAD_REQUEST: Final = 400
_TOO_LARGE: Final = 431
_NOT_IMPLEMENTED: Final = 501


class BadRequest(Exception):
    """What came is no request that can be answered; `status` says why."""

    def __init__(self, status: int = _BAD_REQUEST) -> None:
        super().__init__(status)
        self.status: Final = status


@dataclass(slots=True)
class Head:
    """The head of a request. `authority` is its only field `host`."""

    method: str
    target: str
    headers: Entries
    authority: str | None
    #: whether it is of HTTP/1.0
    is_old: bool
    #: whether the client wants to send more after this one
    keep_alive: bool
    #: whether the client waits to be told to send the body
    expects: bool


class Sink(Protocol):
    """Who is told."""

    def on_request(self, head: Head) -> None:
        """A request begins."""
        ...

    def on_data(self, data: bytes) -> None:
        """A piece of its body."""
        ...

    def on_end(self, trailers: Entries | None) -> None:
        """It is over."""
        ...


class Parser(Protocol):
    """A reader of the bytes of one connection."""

    def feed(self, data: bytes) -> None:
        """Take bytes, and tell what they say. Raises BadRequest."""
        ...


def parser(sink: Sink) -> Parser:
    """The fastest that there is. Raises `wadjet.Error` where there is none."""
    httptools = find_httptools()
    return H11Parser(sink, require_h11()) if httptools is None else Llhttp(sink, httptools)


def _head(method: str, target: str, headers: Entries, is_old: bool, keep_alive: bool) -> Head:
    """A head, once it is seen that it has what it must. Raises BadRequest."""
    hosts = [value for name, value in headers if name.lower() == "host"]
    if len(hosts) > 1 or (not hosts and not is_old):
        raise BadRequest
    expects = not is_old and any(
        name.lower() == "expect" and value.lower() == b"100-continue" for name, value in headers
    )
    authority = hosts[0].decode("latin-1") if hosts else None
    return Head(method, target, headers, authority, is_old, keep_alive, expects)


@final
class Llhttp:
    """Requests as llhttp reads them. The methods `on_…` are its callbacks."""

    def __init__(self, sink: Sink, httptools: ModuleType) -> None:
        self._sink: Final = sink
        self._lib: Final = httptools
        self._wire: Any = httptools.HttpRequestParser(self)
        self._target = b""
        self._fields: Entries = []
        #: bytes of the head, or of the fields at the end, so far
        self._size = 0
        #: bytes that came since llhttp told anything
        self._silent = 0
        #: whether a message has begun, and not ended
        self._within = False
        #: whether one has ended while bytes were taken
        self._ended = False
        #: what reads on where llhttp cannot
        self._other: H11Parser | None = None

    def feed(self, data: bytes) -> None:
        """Take bytes, and tell what they say. Raises BadRequest."""
        if self._other is not None:
            self._other.feed(data)
            return
        self._silent += len(data)
        within, self._ended = self._within, False
        try:
            self._wire.feed_data(data)
        except self._lib.HttpParserUpgrade as offer:
            self._decline(data[offer.args[0] :])
        except self._lib.HttpParserCallbackError as error:
            cause = error.__context__
            raise cause if isinstance(cause, BadRequest) else error from None
        except self._lib.HttpParserInvalidMethodError:
            if within or self._ended:  # the request begins somewhere in the middle
                raise BadRequest from None
            self._other = H11Parser(self._sink, require_h11())
            self._other.feed(data)
        except self._lib.HttpParserError:
            raise BadRequest from None
        if self._silent > MAX_HEAD + len(data):
            raise BadRequest(_TOO_LARGE)

    def _decline(self, rest: bytes) -> None:
        """The client offers to speak something else from here on; we go on with HTTP."""
        self._wire = self._lib.HttpRequestParser(self)
        if rest:
            self.feed(rest)

    def on_message_begin(self) -> None:
        """A request begins."""
        self._within = True

    def on_url(self, url: bytes) -> None:
        """A part of the target."""
        self._count(len(url))
        self._target += url

    def on_header(self, name: bytes, value: bytes) -> None:
        """A field of the head, or at the end."""
        self._count(len(name) + len(value))
        self._fields.append((name.decode("latin-1"), value.rstrip(b" \t")))

    def _count(self, size: int) -> None:
        self._silent = 0
        self._size += size
        if self._size > MAX_HEAD:
            raise BadRequest(_TOO_LARGE)

    def on_headers_complete(self) -> None:
        """The head is there."""
        wire, headers = self._wire, self._fields
        method = wire.get_method().decode()
        is_old = wire.get_http_version() == "1.0"
        keep_alive = wire.should_keep_alive()
        if wire.should_upgrade():
            keep_alive = keep_alive and method != "CONNECT"
            if any(n.lower() in ("content-length", "transfer-encoding") for n, _ in headers):
                raise BadRequest(_NOT_IMPLEMENTED)  # llhttp does not read such a body
        head = _head(method, self._target.decode("latin-1"), headers, is_old, keep_alive)
        self._target, self._fields, self._size, self._silent = b"", [], 0, 0
        self._sink.on_request(head)

    def on_body(self, data: bytes) -> None:
        """A piece of the body."""
        self._silent = 0
        self._sink.on_data(data)

    def on_message_complete(self) -> None:
        """The end."""
        self._within, self._ended = False, True
        trailers, self._fields = self._fields, []
        self._size = self._silent = 0
        self._sink.on_end(trailers or None)


@final
class H11Parser:
    """Requests as h11 reads them: one of its connections for each."""

    def __init__(self, sink: Sink, h11: ModuleType) -> None:
        self._sink: Final = sink
        self._h11: Final = h11
        self._wire: Any = self._fresh()
        #: whether another request may come after this one
        self._goes_on = True
        self._over = False

    def _fresh(self) -> Any:
        return self._h11.Connection(self._h11.SERVER, max_incomplete_event_size=MAX_HEAD)

    def feed(self, data: bytes) -> None:
        """Take bytes, and tell what they say. Raises BadRequest."""
        if self._over:
            return
        self._wire.receive_data(data)
        try:
            while self._step():
                pass
        except self._h11.RemoteProtocolError as error:
            raise BadRequest(error.error_status_hint) from None

    def _step(self) -> bool:
        """Tell one thing; whether there may be more."""
        h11, event = self._h11, self._wire.next_event()
        if isinstance(event, h11.Request):
            self._sink.on_request(self._request(event))
        elif isinstance(event, h11.Data):
            self._sink.on_data(bytes(event.data))
        elif isinstance(event, h11.EndOfMessage):
            self._sink.on_end(_entries(event.headers) or None)
            rest, _ = self._wire.trailing_data
            self._wire = self._fresh()
            self._over = not self._goes_on
            if self._over:
                return False
            if rest:
                self._wire.receive_data(rest)
        else:
            return False
        return True

    def _request(self, event: Any) -> Head:
        headers = _entries(event.headers)
        is_old = event.http_version < b"1.1"
        tokens = b",".join(v for n, v in headers if n.lower() == "connection").lower().split(b",")
        stays = b"keep-alive" if is_old else b"close"
        keep_alive = is_old == any(token.strip() == stays for token in tokens)
        method = event.method.decode()
        self._goes_on = keep_alive = keep_alive and method != "CONNECT"
        return _head(method, event.target.decode("latin-1"), headers, is_old, keep_alive)


def _entries(headers: Any) -> Entries:
    return [(name.decode("latin-1"), bytes(value)) for name, value in headers.raw_items()]
