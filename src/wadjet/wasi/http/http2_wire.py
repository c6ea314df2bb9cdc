"""HTTP/2, whichever end this is: frames, streams and flow control.

The library h2 keeps the protocol. It gets one frame at a time, so that what came before a wrong one
still counts, and what a frame costs can be seen before it is read. It never sees a GOAWAY: to the
library that is the end, while the standard lets the streams under way finish
(RFC 9113, section 6.8).
"""

import asyncio
import time
from collections.abc import Iterable
from typing import Any, Final, Protocol, final

from wadjet.wasi.http.errors import HttpError
from wadjet.wasi.http.extras import find_h2
from wadjet.wasi.http.fields import Entries, without_forbidden
from wadjet.wasi.http.inflow import Inflow

#: Names and values as they are on the wire.
Block = list[tuple[bytes, bytes]]

#: How many streams the other end may have open at a time.
MOST_STREAMS: Final = 100
#: The most bytes that the fields of one message may have.
_MOST_FIELDS: Final = 1 << 16
_FRAME_HEAD: Final = 9
_MOST_FRAME: Final = 1 << 14
_PREFACE_SIZE: Final = 24
#: How many frames that cost more than they bring may come at once, and how many a second.
_BURST: Final = 200
_RATE: Final = 50

# Types of frames (RFC 9113, section 6) and error codes (section 7).
_DATA: Final = 0
_HEADERS: Final = 1
_GOAWAY: Final = 7
_WINDOW_UPDATE: Final = 8
_CONTINUATION: Final = 9
_END_STREAM: Final = 1
NO_ERROR: Final = 0
PROTOCOL_ERROR: Final = 1
INTERNAL_ERROR: Final = 2
_FRAME_SIZE_ERROR: Final = 6
REFUSED_STREAM: Final = 7
CANCEL: Final = 8
_ENHANCE_YOUR_CALM: Final = 11


class Owner(Protocol):
    """The connection that a wire is part of."""

    def write(self, data: bytes) -> None:
        """Send bytes."""

    @property
    def is_full(self) -> bool:
        """Whether the other end has yet to take what was sent."""

    def on_head(self, number: int, fields: Block) -> None:
        """A request came, or a response, or what precedes one."""

    def on_end(self, stream: "Stream") -> None:
        """A stream is over, well or not."""

    def on_goaway(self, last: int, code: int) -> None:
        """The other end will not work on streams after this one."""

    def on_violation(self) -> None:
        """The other end broke the rules, and was told so."""


@final
class _Allowance:
    """So much at once, and so much a second."""

    def __init__(self) -> None:
        self._left = float(_BURST)
        self._then = time.monotonic()

    def spend(self) -> bool:
        """Whether there was something left."""
        now = time.monotonic()
        self._left = min(_BURST, self._left + (now - self._then) * _RATE) - 1
        self._then = now
        return self._left >= 0


@final
class Wire:
    """One connection without its transport. `window` is how many bytes of a stream are kept here
    before the other end is made to wait."""

    def __init__(self, owner: Owner, *, is_client: bool, window: int) -> None:
        self._owner: Final = owner
        h2: Any = find_h2()
        events = h2.events
        self._acts: Final = {
            events.RequestReceived: self._head,
            events.ResponseReceived: self._head,
            events.InformationalResponseReceived: self._head,
            events.DataReceived: self._data,
            events.TrailersReceived: self._trailers,
            events.StreamEnded: self._ended,
            events.StreamReset: self._reset,
            events.WindowUpdated: self._room,
            events.RemoteSettingsChanged: self._room,
        }
        self.errors: Final = h2.exceptions
        config = h2.config.H2Configuration(client_side=is_client, header_encoding=None)
        self.h2: Final = h2.connection.H2Connection(config)
        codes = h2.settings.SettingCodes
        settings = {
            codes.MAX_CONCURRENT_STREAMS: MOST_STREAMS,
            codes.MAX_HEADER_LIST_SIZE: _MOST_FIELDS,
            codes.INITIAL_WINDOW_SIZE: window,
        }
        if is_client:
            settings[codes.ENABLE_PUSH] = 0
        self.h2.local_settings = h2.settings.Settings(client=is_client, initial_values=settings)
        self._window: Final = window
        self._preface_left = 0 if is_client else _PREFACE_SIZE
        self._buffer: Final = bytearray()
        self._allowance: Final = _Allowance()
        self.streams: Final[dict[int, Stream]] = {}
        #: how many streams cannot send, as the other end does not let them
        self.blocked = 0
        self._change: asyncio.Future[None] | None = None
        self._is_over = False
        self._is_flushing = False
        self._loop: Final = asyncio.get_running_loop()

    def start(self) -> None:
        """Send what a connection begins with."""
        self.h2.initiate_connection()
        # One stream that nobody reads must not keep the others from getting what is theirs.
        self.h2.increment_flow_control_window(self._window * MOST_STREAMS - (1 << 16) + 1)
        self.flush()

    def flush(self) -> None:
        """Send what there is to be sent."""
        self._is_flushing = False
        data = b"" if self._is_over else self.h2.data_to_send()
        if data:
            self._owner.write(data)

    def flush_soon(self) -> None:
        """Send it together with what others have to send in this turn of the loop."""
        if not self._is_flushing:
            self._is_flushing = True
            self._loop.call_soon(self.flush)

    # -- What comes -------------------------------------------------------------------------------

    def receive(self, data: bytes) -> None:
        """Bytes came."""
        if self._is_over:
            return
        self._buffer.extend(data)
        position = 0
        while not self._is_over:
            size = self._next_size(position)
            if size > _FRAME_HEAD + _MOST_FRAME:
                self._violated(_FRAME_SIZE_ERROR)
                break
            if position + size > len(self._buffer):
                break
            self._take(bytes(self._buffer[position : position + size]))
            position += size
        del self._buffer[:position]
        if not self._is_over:
            self.flush()

    def _next_size(self, position: int) -> int:
        """How long the next frame is, as far as can be told."""
        if self._preface_left:
            return self._preface_left
        return _FRAME_HEAD + int.from_bytes(self._buffer[position : position + 3])

    def _take(self, frame: bytes) -> None:
        if self._preface_left:
            self._preface_left = 0
        else:
            kind, flags = frame[3], frame[4]
            if self._is_costly(kind, flags, len(frame) - _FRAME_HEAD):
                self.charge()
            if kind == _GOAWAY:
                self._goaway(frame)
            if kind == _GOAWAY or self._is_over:
                return
        try:
            events = self.h2.receive_data(frame)
        except self.errors.ProtocolError as error:
            self._violated(int(error.error_code))
            return
        for event in events:
            if not self._is_over:
                self._dispatch(event)

    def charge(self) -> None:
        """The other end has made work in vain. It may do so now and then."""
        if not self._allowance.spend():
            self._violated(_ENHANCE_YOUR_CALM)

    @staticmethod
    def _is_costly(kind: int, flags: int, size: int) -> bool:
        """Whether a frame makes work and brings nothing: resets, pings, settings, priorities,
        empty pieces, and what nobody knows."""
        if kind == _DATA:
            return size == 0 and not flags & _END_STREAM
        return kind not in (_HEADERS, _WINDOW_UPDATE, _CONTINUATION)

    def _dispatch(self, event: Any) -> None:
        act = self._acts.get(type(event))
        if act is not None:
            act(event)

    def _head(self, event: Any) -> None:
        self._owner.on_head(event.stream_id, event.headers)

    def _trailers(self, event: Any) -> None:
        stream = self.streams.get(event.stream_id)
        if stream is not None:
            stream.arrived_trailers(event.headers)

    def _ended(self, event: Any) -> None:
        stream = self.streams.get(event.stream_id)
        if stream is not None:
            stream.arrived_end()

    def _reset(self, event: Any) -> None:
        stream = self.streams.get(event.stream_id)
        if stream is not None:
            stream.fail(int(event.error_code))

    def _room(self, event: Any) -> None:
        self.wake()

    def _data(self, event: Any) -> None:
        stream = self.streams.get(event.stream_id)
        padding = event.flow_controlled_length
        if stream is not None:
            padding -= len(event.data)
            stream.inflow.put(bytes(event.data))
        if padding:
            self.acknowledge(event.stream_id, padding)

    def acknowledge(self, number: int, size: int) -> None:
        """So much of what came was taken: as much more may come."""
        if not self._is_over:
            self.h2.acknowledge_received_data(size, number)
            self.flush()

    def _goaway(self, frame: bytes) -> None:
        if len(frame) < _FRAME_HEAD + 8:
            self._violated(_FRAME_SIZE_ERROR)
            return
        last = int.from_bytes(frame[9:13]) & 0x7FFF_FFFF
        self._owner.on_goaway(last, int.from_bytes(frame[13:17]))

    def _violated(self, code: int) -> None:
        """The other end broke the rules."""
        if self._is_over:
            return
        self.h2.clear_outbound_data_buffer()
        self.goaway(code)
        self._is_over = True
        self._owner.on_violation()

    def goaway(self, code: int = NO_ERROR) -> None:
        """Tell the other end that no more of its streams will be worked on."""
        self.flush()
        last = self.h2.highest_inbound_stream_id
        self._owner.write(
            b"\0\0\x08\x07\0\0\0\0\0" + last.to_bytes(4, "big") + code.to_bytes(4, "big")
        )

    def end(self, error: HttpError) -> None:
        """The connection is gone: so is what it carried."""
        self._is_over = True
        for stream in list(self.streams.values()):
            stream.cut(error)
        self.wake()

    # -- What goes --------------------------------------------------------------------------------

    def add(self, number: int) -> "Stream":
        """A stream begins."""
        made = self.streams[number] = Stream(self, number)
        return made

    def remove(self, stream: "Stream") -> None:
        """It is over."""
        if self.streams.pop(stream.number, None) is not None:
            self._owner.on_end(stream)

    def wake(self) -> None:
        """Whoever waits to send shall look again."""
        change, self._change = self._change, None
        if change is not None:
            change.set_result(None)

    async def change(self) -> None:
        """Wait until it may be possible to send."""
        if self._change is None:
            self._change = self._loop.create_future()
        self.blocked += 1
        try:
            await asyncio.shield(self._change)
        finally:
            self.blocked -= 1

    def window(self, number: int) -> int:
        """How many bytes a stream may send now, in one frame."""
        if self._owner.is_full:
            return 0
        left: int = self.h2.local_flow_control_window(number)
        most: int = self.h2.max_outbound_frame_size
        return min(left, most)


@final
class Stream:
    """One stream: what one request and its response have to themselves."""

    __slots__ = ("_begun", "_trailers", "_wire", "code", "failure", "inflow", "number", "sent")

    def __init__(self, wire: Wire, number: int) -> None:
        self._wire: Final = wire
        self.number: Final = number
        self.inflow: Final = Inflow(self._taken)
        self._trailers: Entries | None = None
        #: the head of the message was sent
        self._begun = False
        #: nothing more will be sent
        self.sent = False
        #: why nothing more can be sent
        self.failure: HttpError | None = None
        #: the error code with which the other end gave it up
        self.code: int | None = None

    def _taken(self, size: int) -> None:
        self._wire.acknowledge(self.number, size)

    # -- What comes -------------------------------------------------------------------------------

    def arrived_trailers(self, fields: Block) -> None:
        """The fields at the end."""
        self._trailers = entries(fields)

    def arrived_end(self) -> None:
        """The other end has sent all."""
        self.inflow.end(self._trailers)
        self._settle()

    def fail(self, code: int) -> None:
        """The other end gave it up."""
        self.code = code
        self.cut(HttpError.of(_MEANING.get(code, "connection-terminated")))

    def cut(self, error: HttpError) -> None:
        """Nothing more comes or goes."""
        self.failure = self.failure or error
        self._wire.remove(self)
        self.inflow.fail(error)
        self._wire.wake()

    # -- What goes --------------------------------------------------------------------------------

    def inform(self, fields: Block) -> None:
        """Send what precedes a response, unless that has begun."""
        if not self._begun and self.failure is None:
            self._send_fields(fields, False)
            self._sent(False)

    def send_head(self, fields: Block, *, end: bool = False) -> None:
        """Send the head of a message, perhaps without a body. Raises HttpError."""
        self._check()
        self._begun = True
        self._send_fields(fields, end)
        self._sent(end)

    def _send_fields(self, fields: Block, end: bool) -> None:
        try:
            self._wire.h2.send_headers(self.number, fields, end_stream=end)
        except self._wire.errors.ProtocolError:
            error = HttpError.of("HTTP-protocol-error")
            self.cut(error)
            raise error from None

    def send_whole(self, fields: Block, data: bytes) -> bool:
        """Send a message at once, if that is possible. Raises HttpError."""
        self._check()
        if not 0 < len(data) <= self._wire.window(self.number):
            return False
        self._begun = True
        self._send_fields(fields, False)
        self._wire.h2.send_data(self.number, data, end_stream=True)
        self._sent(True)
        return True

    async def send(self, piece: bytes) -> None:
        """Send a piece of a body, as fast as it is taken. Raises HttpError."""
        view = memoryview(piece)
        while view:
            self._check()
            room = self._wire.window(self.number)
            if room > 0:
                self._wire.h2.send_data(self.number, bytes(view[:room]))
                self._wire.flush()
                view = view[room:]
            else:
                await self._wire.change()

    def send_end(self, trailers: Entries | None = None) -> None:
        """That was all. Raises HttpError."""
        self._check()
        fields = block(trailers or ())
        if fields:
            self._send_fields(fields, True)
        else:
            self._wire.h2.end_stream(self.number)
        self._sent(True)

    def _sent(self, end: bool) -> None:
        self._wire.flush_soon()
        self.sent = self.sent or end
        self._settle()

    def _check(self) -> None:
        if self.failure is not None:
            raise self.failure

    def _settle(self) -> None:
        if self.sent and self.inflow.over:
            self._wire.remove(self)

    def reset(self, code: int) -> None:
        """Give it up, if it is not complete."""
        self.inflow.abandon()
        if self.failure is None and not (self.sent and self.inflow.over):
            self._wire.h2.reset_stream(self.number, code)
            self._wire.flush()
            self.cut(HttpError.of("connection-terminated"))


#: What the error code of a stream means to who waits for it.
_MEANING: Final = {
    PROTOCOL_ERROR: "HTTP-protocol-error",
    REFUSED_STREAM: "destination-unavailable",
    _ENHANCE_YOUR_CALM: "connection-limit-reached",
}


def block(fields: Iterable[tuple[str, bytes]]) -> Block:
    """Fields as they go over the wire: without what HTTP/2 says in other ways."""
    return [
        (name.lower().encode("latin-1"), value.strip(b" \t"))
        for name, value in without_forbidden(fields)
        if name.lower() != "te" or value.strip().lower() == b"trailers"
    ]


def entries(fields: Block) -> Entries:
    """Fields from the wire."""
    return [(name.decode("latin-1"), bytes(value)) for name, value in fields if name[:1] != b":"]
