"""`wasi:http` 0.2: requests, responses and their bodies as resources."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from typing import Any, Final, final

from wadjet.base.errors import Error
from wadjet.wasi.common.forms import Err, Ok, ResultError, Variant, case, is_ok
from wadjet.wasi.http.resources import FieldsBase, Target, Timeouts, to_method, to_scheme
from wadjet.wasi.host.waiting import is_running
from wadjet.wasi.http.errors import HttpError, http_error, internal
from wadjet.wasi.http.fields import (
    Entries, FieldError, FieldList, content_length, without_forbidden,
)  # fmt: skip
from wadjet.wasi.http.message import Body, Handler, Request, Response, empty_body
from wadjet.wasi.p2.io import CHUNK, InputStream, OutputStream, Pollable, When, closed, failed
from wadjet.wasi.p2.io import Error as IoError
from wadjet.wasi.host.errors import Code


@final
class Fields(FieldsBase):
    """`fields`."""

    @staticmethod
    def refused(error: FieldError) -> Error:
        """What a guest is told: this edition has no word for too much."""
        label = "invalid-syntax" if error.label == "size-exceeded" else error.label
        return ResultError(case(label))


def _frozen(entries: Entries) -> Fields:
    made: Fields = Fields.over(FieldList.of(without_forbidden(entries)))
    return made


@final
class BodyInput(InputStream):
    """The stream of a body that comes in. The next piece is asked for before it is wanted."""

    def __init__(self, body: Body) -> None:
        self._pieces: Final = aiter(body)
        self._task: asyncio.Task[bytes | None] | None = None
        self._left = memoryview(b"")
        self._over = False

    def _is_ready(self) -> bool:
        if self._left or self._over:
            return True
        if self._task is None and is_running():
            self._task = asyncio.ensure_future(self._next())
        return self._task is not None and self._task.done()

    async def _next(self) -> bytes | None:
        async for piece in self._pieces:
            if piece:
                return piece
        return None

    def _take(self, limit: int) -> bytes | None:
        if not self._is_ready():
            return None
        if not self._left and not self._over:
            assert self._task is not None
            task, self._task = self._task, None
            try:
                piece = task.result()
            except HttpError as error:
                self._over = True
                raise failed(Code.IO, error.code) from None
            self._over = piece is None
            self._left = memoryview(piece or b"")
        data, self._left = self._left[:limit], self._left[limit:]
        return bytes(data)

    async def _wait(self) -> None:
        if not self._is_ready():
            assert self._task is not None
            await asyncio.wait([self._task])

    def stop(self) -> None:
        """Ask for no more."""
        self._over = True
        if self._task is not None:
            self._task.cancel()
            self._task = None


@final
class IncomingBody:
    """`incoming-body`."""

    def __init__(self, body: Body) -> None:
        self.body: Final = body
        self._stream: BodyInput | None = None

    def stream(self) -> BodyInput:
        """The pieces. Once only."""
        if self._stream is not None:
            raise ResultError
        self._stream = BodyInput(self.body)
        return self._stream

    @staticmethod
    def finish(this: "IncomingBody") -> "FutureTrailers":
        """No more pieces are wanted: the fields at the end."""
        return FutureTrailers(this)

    def close(self) -> None:
        """The guest is done with it."""
        if self._stream is not None:
            self._stream.stop()


class _Future:
    """Something to come, which can be got once. It is begun at once, or where no event loop runs
    yet, when it is waited for."""

    def __init__(self, work: Coroutine[Any, Any, object]) -> None:
        self._work: Final = work
        self._task: asyncio.Task[object] | None = None
        self._taken = False
        if is_running():
            self._task = asyncio.ensure_future(work)

    def subscribe(self) -> Pollable:
        """Ready when it is there."""
        return When(self._is_ready, self._wait)

    def _is_ready(self) -> bool:
        return self._task is not None and self._task.done()

    async def _wait(self) -> None:
        if self._task is None:
            self._task = asyncio.ensure_future(self._work)
        await asyncio.wait([self._task])

    def get(self) -> object:
        """None if it is not there yet; else, once, the result; then an error."""
        if self._task is None or not self._task.done():
            return None
        if self._taken:
            return Err()
        self._taken = True
        try:
            return Ok(Ok(self._task.result()))
        except HttpError as error:
            return Ok(Err(error.code))

    def close(self) -> None:
        """The guest is done with it."""
        if self._task is None:
            self._work.close()
            return
        self._task.cancel()
        if self._task.done() and not self._task.cancelled():
            self._task.exception()  # nobody will ask any more


@final
class FutureTrailers(_Future):
    """`future-trailers`."""

    def __init__(self, incoming: IncomingBody) -> None:
        super().__init__(self._trailers(incoming))

    async def _trailers(self, incoming: IncomingBody) -> Fields | None:
        async for _ in incoming.body:
            pass  # what nobody read
        entries = await incoming.body.trailers()
        return None if entries is None else _frozen(entries)


@final
class BodyOutput(OutputStream):
    """The stream of a body that goes out: what the other side has not taken yet, up to `CHUNK`."""

    def __init__(self, length: int | None) -> None:
        super().__init__()
        self._left = length
        self._held = bytearray()
        #: whoever waits for a piece, or for room
        self._waiting: list[asyncio.Future[None]] = []
        self.ended = False
        self.failure: HttpError | None = None

    def _room(self) -> int:
        if self.ended:
            raise closed()
        return CHUNK - len(self._held)

    def _put(self, data: bytes) -> None:
        if self._left is not None:
            self._left -= len(data)
            if self._left < 0:
                self.failure = HttpError.of("HTTP-request-body-size", None)
                self.end()
                raise failed(Code.IO, self.failure.code)
        self._held += data
        self._announce()

    def complete(self) -> bool:
        """Whether all that was promised was written."""
        return not self._left

    def _announce(self) -> None:
        waiting, self._waiting = self._waiting, []
        for each in waiting:
            if not each.done():
                each.set_result(None)

    async def _change(self) -> None:
        change: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append(change)
        await change

    async def _wait(self) -> None:
        if len(self._held) >= CHUNK and not self.ended:
            await self._change()

    def end(self) -> None:
        """Nothing more will be written, or taken."""
        self.ended = True
        self._announce()

    def rest(self) -> bytes | None:
        """All that there is still to take, once no more comes."""
        return bytes(self._held) if self.ended and self.failure is None else None

    async def pieces(self) -> AsyncIterator[bytes]:
        """What was written, as fast as it is taken. Raises HttpError."""
        try:
            while True:
                if self._held:
                    piece = bytes(self._held)
                    self._held.clear()
                    self._announce()
                    yield piece
                elif self.ended:
                    break
                else:
                    await self._change()
        finally:
            self.end()
        if self.failure is not None:
            raise self.failure


@final
class OutgoingBody:
    """`outgoing-body`: a stream, then trailers. Left without `finish`, it is cut off."""

    def __init__(self, headers: FieldList) -> None:
        try:
            length = content_length(headers.entries())
        except ValueError:
            length = None
        self._output: Final = BodyOutput(length)
        self._given = False
        self._trailers: Entries | None = None
        self._finished = False
        self.body: Final = Body(
            self._output.pieces(),
            self._fields,
            length=length,
            close=self._refuse,
            whole=self._whole,
        )

    async def _fields(self) -> Entries | None:
        return self._trailers

    async def _refuse(self) -> None:
        self._output.end()

    def _whole(self) -> bytes | None:
        return self._output.rest() if self._finished and self._trailers is None else None

    def write(self) -> BodyOutput:
        """The stream. Once only."""
        if self._given:
            raise ResultError
        self._given = True
        return self._output

    @staticmethod
    def finish(this: "OutgoingBody", trailers: Fields | None) -> None:
        """This is all."""
        this._finished = True
        if not this._output.complete():
            this._output.failure = HttpError.of("HTTP-request-body-size", None)
        this._trailers = None if trailers is None else trailers.entries()
        this._output.end()
        if this._output.failure is not None:
            raise ResultError(this._output.failure.code)

    def close(self) -> None:
        """The guest is done with it."""
        if not self._finished:
            self._output.failure = internal("the body was not finished")
            self._output.end()


@final
class IncomingRequest:
    """`incoming-request`."""

    def __init__(self, request: Request) -> None:
        self._request: Final = request
        self._consumed = False

    def method(self) -> Variant:
        """The method."""
        return to_method(self._request.method)

    def path_with_query(self) -> str | None:
        """Path and query."""
        return self._request.target

    def scheme(self) -> Variant | None:
        """The scheme."""
        return to_scheme(self._request.scheme)

    def authority(self) -> str | None:
        """Host and port."""
        return self._request.authority

    def headers(self) -> Fields:
        """The fields, which cannot be changed."""
        return _frozen(self._request.headers)

    def consume(self) -> IncomingBody:
        """The body. Once only."""
        if self._consumed:
            raise ResultError
        self._consumed = True
        return IncomingBody(self._request.body)


@final
class OutgoingRequest(Target):
    """`outgoing-request`."""

    def __init__(self, headers: Fields) -> None:
        super().__init__()
        headers.list.frozen = True
        self._headers: Final = headers.list
        self._body: OutgoingBody | None = None

    def body(self) -> OutgoingBody:
        """The body. Once only."""
        if self._body is not None:
            raise ResultError
        self._body = OutgoingBody(self._headers)
        return self._body

    def method(self) -> Variant:
        """The method."""
        return to_method(self.method_name)

    def path_with_query(self) -> str | None:
        """Path and query."""
        return self.target

    def scheme(self) -> Variant | None:
        """The scheme."""
        return to_scheme(self.scheme_name)

    def authority(self) -> str | None:
        """Host and port."""
        return self.authority_name

    def headers(self) -> Fields:
        """The fields, which cannot be changed."""
        made: Fields = Fields.over(self._headers)
        return made

    def request(self, options: "RequestOptions | None") -> Request:
        """What is to be sent."""
        request = Request(
            self.method_name,
            self.scheme_name,
            self.authority_name,
            self.target,
            self._headers.entries(),
            empty_body() if self._body is None else self._body.body,
        )
        if options is not None:
            request.connect_timeout = options.connect
            request.first_byte_timeout = options.first_byte
            request.between_bytes_timeout = options.between_bytes
        return request


@final
class RequestOptions(Timeouts):
    """`request-options`."""

    def connect_timeout(self) -> int | None:
        """How long connecting may take."""
        return self.connect

    def set_connect_timeout(self, duration: int | None) -> None:
        """How long connecting may take."""
        self.connect = duration

    def first_byte_timeout(self) -> int | None:
        """How long until the first byte of the response."""
        return self.first_byte

    def set_first_byte_timeout(self, duration: int | None) -> None:
        """How long until the first byte of the response."""
        self.first_byte = duration

    def between_bytes_timeout(self) -> int | None:
        """How long between pieces of the response."""
        return self.between_bytes

    def set_between_bytes_timeout(self, duration: int | None) -> None:
        """How long between pieces of the response."""
        self.between_bytes = duration


@final
class OutgoingResponse:
    """`outgoing-response`."""

    def __init__(self, headers: Fields) -> None:
        headers.list.frozen = True
        self._headers: Final = headers.list
        self._status = 200
        self._body: OutgoingBody | None = None

    def status_code(self) -> int:
        """The status."""
        return self._status

    def set_status_code(self, status_code: int) -> None:
        """Choose the status."""
        if not 100 <= status_code <= 599:
            raise ResultError
        self._status = status_code

    def headers(self) -> Fields:
        """The fields, which cannot be changed."""
        made: Fields = Fields.over(self._headers)
        return made

    def body(self) -> OutgoingBody:
        """The body. Once only."""
        if self._body is not None:
            raise ResultError
        self._body = OutgoingBody(self._headers)
        return self._body

    def response(self) -> Response:
        """What is to be sent."""
        body = empty_body() if self._body is None else self._body.body
        return Response(self._status, self._headers.entries(), body)


@final
class ResponseOutparam:
    """`response-outparam`: where the answer to a request goes, once.

    `set` calls `answer` with a response or an error; dropping it unset does so too. `inform` tells
    the client something before that, if it can be told.
    """

    def __init__(
        self,
        answer: Callable[[Response | HttpError], None],
        inform: Callable[[int, Entries], None] | None = None,
    ) -> None:
        self._answer: Final = answer
        self._inform: Final = inform
        self._set = False

    def send_informational(self, status: int, headers: Fields) -> None:
        """Tell something before the answer."""
        if not 100 <= status <= 199:
            raise ResultError(case("HTTP-protocol-error"))
        if status == 101:
            raise ResultError(case("internal-error", "it would end HTTP"))
        if self._inform is not None:
            self._inform(status, headers.entries())

    @staticmethod
    def set(param: "ResponseOutparam", response: Any) -> None:
        """This is the answer."""
        param._set = True
        good = is_ok(response)
        param._answer(response.value.response() if good else HttpError(response.value))

    def close(self) -> None:
        """The guest is done with it."""
        if not self._set:
            self._answer(internal("the guest gave no answer"))


@final
class IncomingResponse:
    """`incoming-response`."""

    def __init__(self, response: Response) -> None:
        self._response: Final = response
        self._consumed = False

    def status(self) -> int:
        """The status."""
        return self._response.status

    def headers(self) -> Fields:
        """The fields, which cannot be changed."""
        return _frozen(self._response.headers)

    def consume(self) -> IncomingBody:
        """The body. Once only."""
        if self._consumed:
            raise ResultError
        self._consumed = True
        return IncomingBody(self._response.body)


@final
class FutureIncomingResponse(_Future):
    """`future-incoming-response`."""

    def __init__(self, work: Awaitable[Response]) -> None:
        super().__init__(self._response(work))

    async def _response(self, work: Awaitable[Response]) -> IncomingResponse:
        try:
            return IncomingResponse(await work)
        except OSError as error:
            raise http_error(error) from None


@final
class Types:
    """`wasi:http/types`."""

    Fields = Fields
    IncomingRequest = IncomingRequest
    OutgoingRequest = OutgoingRequest
    RequestOptions = RequestOptions
    ResponseOutparam = ResponseOutparam
    IncomingResponse = IncomingResponse
    IncomingBody = IncomingBody
    FutureTrailers = FutureTrailers
    OutgoingResponse = OutgoingResponse
    OutgoingBody = OutgoingBody
    FutureIncomingResponse = FutureIncomingResponse

    def http_error_code(self, err: IoError) -> object:
        """Why a stream of a body failed."""
        return err.cause


@final
class OutgoingHandler:
    """`wasi:http/outgoing-handler`: requests go to `send`."""

    def __init__(self, send: Handler) -> None:
        self._send: Final = send

    def handle(
        self, request: OutgoingRequest, options: RequestOptions | None
    ) -> FutureIncomingResponse:
        """Begin to send a request."""
        given = request.request(options)
        if given.authority is None:
            raise ResultError(case("HTTP-request-URI-invalid"))
        return FutureIncomingResponse(self._send(given))
