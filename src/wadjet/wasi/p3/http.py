"""`wasi:http` 0.3: requests and responses, whose bodies are streams."""

from collections.abc import AsyncIterator, Awaitable
from typing import Any, Final, final

from wadjet.wasi.common.forms import Err, Ok, ResultError, Variant, case, is_ok
from wadjet.wasi.http.resources import FieldsBase, Target, Timeouts, to_method, to_scheme
from wadjet.wasi.http.errors import HttpError, http_error, internal
from wadjet.wasi.http.fields import Entries, FieldList, content_length, without_forbidden
from wadjet.wasi.http.message import Body, Handler, Request, Response
from wadjet.wasi.p3.streams import Outcome, begin, release


@final
class Fields(FieldsBase):
    """`fields`."""

    def get_and_delete(self, name: str) -> list[bytes]:
        """Remove all values of a name, and give them."""
        return self.remove(name)

    def copy_all(self) -> Entries:
        """All names and values."""
        return self.entries()


def _over(fields: FieldList) -> Fields:
    made: Fields = Fields.over(fields)
    return made


class _Message:
    """What requests and responses have in common: fields, a body, and how sending it went.

    The body is a guest's own (`contents`, `trailers`) or one that came in (`body`).
    """

    def __init__(self, headers: FieldList, body: Body, sent: Outcome) -> None:
        self._headers: Final = headers
        self._body: Final = body
        self._sent: Final = sent
        #: whether somebody has the body
        self._taken = False

    def get_headers(self) -> Fields:
        """The fields, which cannot be changed."""
        return _over(self._headers)

    def take(self) -> Body:
        """The body, for whoever sends it."""
        self._taken = True
        return self._body

    def close(self) -> None:
        """The guest is done with it. What was not sent by then never will be."""
        if not self._taken:
            self._sent.settle(Err(case("internal-error", "it was not sent")))
            begin(self._body.close())

    def consume(self, res: Awaitable[Any]) -> tuple[AsyncIterator[bytes], Outcome]:
        """The body, for a guest; `res` will say how that went."""
        body = self.take()
        trailers = Outcome()
        begin(_report(body, res))
        return _Incoming(body, trailers), trailers


async def _report(body: Body, res: Awaitable[Any]) -> None:
    """Tell who sends a body how the guest that takes it fared."""
    try:
        result = await res
    except Exception as error:  # noqa: BLE001 (the guest may drop the future in any way)
        body.settle(internal(str(error)))
    else:
        body.settle(None if is_ok(result) or result is None else HttpError(result.value))


@final
class _Incoming:
    """The pieces of a body as a stream for a guest; `trailers` is settled when they are over."""

    def __init__(self, body: Body, trailers: Outcome) -> None:
        self._body: Final = body
        self._pieces: Final = aiter(body)
        self._trailers: Final = trailers

    def __aiter__(self) -> "_Incoming":
        return self

    async def __anext__(self) -> bytes:
        try:
            return await anext(self._pieces)
        except StopAsyncIteration:
            await self._finish()
            raise
        except (HttpError, OSError) as error:
            self._trailers.settle(Err(http_error(error).code))
            raise StopAsyncIteration from None

    async def _finish(self) -> None:
        try:
            entries = await self._body.trailers()
        except (HttpError, OSError) as error:
            self._trailers.settle(Err(http_error(error).code))
        else:
            fields = None if entries is None else without_forbidden(entries)
            self._trailers.settle(Ok(None if fields is None else _over(FieldList.of(fields))))

    async def aclose(self) -> None:
        """The guest wants no more."""
        if not self._trailers.settled:
            self._trailers.settle(Ok(None))
            await self._body.close()


def _own_body(headers: FieldList, contents: Any, trailers: Awaitable[Any]) -> tuple[Body, Outcome]:
    """The body that a guest makes, and how sending it went."""
    sent = Outcome()
    try:
        length = content_length(headers.entries())
    except ValueError:
        length = None
    if contents is None and length is None:
        length = 0

    def settle(error: HttpError | None) -> None:
        sent.settle(Ok() if error is None else Err(error.code))

    async def fields() -> Entries | None:
        result = await trailers
        if not is_ok(result):
            raise HttpError(result.value)
        return None if result.value is None else result.value.entries()

    pieces = _counted(contents, length)
    return Body(pieces, fields, length=length, settle=settle), sent


async def _counted(contents: Any, length: int | None) -> AsyncIterator[bytes]:
    """What a guest writes, which must be as long as it said."""
    left = length
    try:
        if contents is not None:
            async for piece in contents:
                if left is not None:
                    left -= len(piece)
                    if left < 0:
                        raise HttpError.of("HTTP-request-body-size", length - left)  # type: ignore[operator]
                yield bytes(piece)
    finally:
        if contents is not None:
            await release(contents)
    if left:
        raise HttpError.of("HTTP-request-body-size", length - left)  # type: ignore[operator]


@final
class RequestOptions(Timeouts):
    """`request-options`."""

    def __init__(self) -> None:
        super().__init__()
        self._frozen = False

    def get_connect_timeout(self) -> int | None:
        """How long connecting may take."""
        return self.connect

    def set_connect_timeout(self, duration: int | None) -> None:
        """How long connecting may take."""
        self._expect_mutable()
        self.connect = duration

    def get_first_byte_timeout(self) -> int | None:
        """How long until the first byte of the response."""
        return self.first_byte

    def set_first_byte_timeout(self, duration: int | None) -> None:
        """How long until the first byte of the response."""
        self._expect_mutable()
        self.first_byte = duration

    def get_between_bytes_timeout(self) -> int | None:
        """How long between pieces of the response."""
        return self.between_bytes

    def set_between_bytes_timeout(self, duration: int | None) -> None:
        """How long between pieces of the response."""
        self._expect_mutable()
        self.between_bytes = duration

    def _expect_mutable(self) -> None:
        if self._frozen:
            raise ResultError(case("immutable"))

    def clone(self) -> "RequestOptions":
        """The same, which can be changed."""
        made = RequestOptions()
        made.connect, made.first_byte = self.connect, self.first_byte
        made.between_bytes = self.between_bytes
        return made

    def freeze(self) -> "RequestOptions":
        """Never to be changed again."""
        self._frozen = True
        return self


@final
class HttpRequest(_Message, Target):
    """`request`."""

    def __init__(
        self,
        headers: FieldList,
        body: Body,
        sent: Outcome,
        options: RequestOptions | None = None,
    ) -> None:
        _Message.__init__(self, headers, body, sent)
        Target.__init__(self)
        self._options: Final = options

    @staticmethod
    def new(
        headers: Fields,
        contents: Any,
        trailers: Awaitable[Any],
        options: RequestOptions | None,
    ) -> "tuple[HttpRequest, Outcome]":
        """A request, and how sending it went."""
        headers.list.frozen = True
        body, sent = _own_body(headers.list, contents, trailers)
        frozen = None if options is None else options.freeze()
        return HttpRequest(headers.list, body, sent, frozen), sent

    @classmethod
    def of(cls, request: Request) -> "HttpRequest":
        """A request that came in."""
        headers = FieldList.of(without_forbidden(request.headers))
        made = cls(headers, request.body, Outcome())
        made.method_name, made.target = request.method, request.target
        made.scheme_name, made.authority_name = request.scheme, request.authority
        return made

    def get_method(self) -> Variant:
        """The method."""
        return to_method(self.method_name)

    def get_path_with_query(self) -> str | None:
        """Path and query."""
        return self.target

    def get_scheme(self) -> Variant | None:
        """The scheme."""
        return to_scheme(self.scheme_name)

    def get_authority(self) -> str | None:
        """Host and port."""
        return self.authority_name

    def get_options(self) -> RequestOptions | None:
        """The options, which cannot be changed."""
        return self._options

    @staticmethod
    def consume_body(
        this: "HttpRequest", res: Awaitable[Any]
    ) -> tuple[AsyncIterator[bytes], Outcome]:
        """The pieces of the body, and the fields at its end."""
        return this.consume(res)

    def request(self) -> Request:
        """What is to be sent."""
        options = self._options or RequestOptions()
        return Request(
            self.method_name,
            self.scheme_name,
            self.authority_name,
            self.target,
            self._headers.entries(),
            self.take(),
            options.connect,
            options.first_byte,
            options.between_bytes,
        )


@final
class HttpResponse(_Message):
    """`response`."""

    def __init__(self, headers: FieldList, body: Body, sent: Outcome) -> None:
        super().__init__(headers, body, sent)
        self._status = 200

    @staticmethod
    def new(
        headers: Fields, contents: Any, trailers: Awaitable[Any]
    ) -> "tuple[HttpResponse, Outcome]":
        """A response, and how sending it went."""
        headers.list.frozen = True
        body, sent = _own_body(headers.list, contents, trailers)
        return HttpResponse(headers.list, body, sent), sent

    @classmethod
    def of(cls, response: Response) -> "HttpResponse":
        """A response that came in."""
        headers = FieldList.of(without_forbidden(response.headers))
        made = cls(headers, response.body, Outcome())
        made._status = response.status
        return made

    def get_status_code(self) -> int:
        """The status."""
        return self._status

    def set_status_code(self, status_code: int) -> None:
        """Choose the status."""
        if not 100 <= status_code <= 599:
            raise ResultError
        self._status = status_code

    @staticmethod
    def consume_body(
        this: "HttpResponse", res: Awaitable[Any]
    ) -> tuple[AsyncIterator[bytes], Outcome]:
        """The pieces of the body, and the fields at its end."""
        return this.consume(res)

    def response(self) -> Response:
        """What is to be sent."""
        return Response(self._status, self._headers.entries(), self.take())


@final
class Types:
    """`wasi:http/types`."""

    Fields = Fields
    Request = HttpRequest
    RequestOptions = RequestOptions
    Response = HttpResponse


class _Sender:
    def __init__(self, send: Handler) -> None:
        self._handler: Final = send

    async def _exchange(self, request: HttpRequest) -> HttpResponse:
        try:
            return HttpResponse.of(await self._handler(request.request()))
        except (HttpError, OSError) as error:
            raise ResultError(http_error(error).code) from None


@final
class Client(_Sender):
    """`wasi:http/client`: requests go to `send`."""

    async def send(self, request: HttpRequest) -> HttpResponse:
        """Send a request."""
        return await self._exchange(request)


@final
class Upstream(_Sender):
    """`wasi:http/handler`, as a middleware imports it: the next handler in the chain."""

    async def handle(self, request: HttpRequest) -> HttpResponse:
        """Pass a request on."""
        return await self._exchange(request)
