"""`wasi:io` 0.2: errors, pollables, and streams of bytes that never wait unless asked to."""

from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Final, TypeAlias, TypeVar, final

from wadjet.base.errors import Trap
from wadjet.wasi.common.forms import ResultError, case
from wadjet.wasi.host.clocks import Clocks
from wadjet.wasi.host.errors import Code, HostError, code_of
from wadjet.wasi.host.handles import Handle, write_all
from wadjet.wasi.host.polling import Interest, look
from wadjet.wasi.host.waiting import elapse, first, ready

T = TypeVar("T")
#: `len`, where the interface calls something else so
size: Final = len

#: The most one read gives and one write takes.
CHUNK: Final = 1 << 16
#: The most that `blocking-write-and-flush` takes, by the interface.
BLOCKING_CHUNK: Final = 4096


@final
class Error:
    """`error`: why a stream failed. `code` is the host's, `cause` an edition's own value."""

    def __init__(self, code: Code, cause: object = None) -> None:
        self.code: Final = code
        self.cause: Final = cause

    def to_debug_string(self) -> str:
        """For a person to read."""
        return self.code.name.lower().replace("_", "-")


class Pollable:
    """`pollable`: something that may be waited for. The base is always ready."""

    def ready(self) -> bool:
        """Whether waiting would return at once."""
        return True

    async def wait(self) -> None:
        """Return when it is ready, perhaps sooner."""

    def block(self) -> Awaitable[None] | None:
        """Wait until it is ready."""
        return None if self.ready() else self._block()

    async def _block(self) -> None:
        while not self.ready():
            await self.wait()


@final
class When(Pollable):
    """Ready as soon as `is_ready` says so; `wait` returns when it may have become so."""

    def __init__(self, is_ready: Callable[[], bool], wait: Callable[[], Awaitable[object]]) -> None:
        self._is_ready: Final = is_ready
        self._wait: Final = wait

    def ready(self) -> bool:
        """Ask."""
        return self._is_ready()

    async def wait(self) -> None:
        """Wait."""
        await self._wait()


@final
class Alarm(Pollable):
    """Ready from a reading of the guest's monotonic clock on."""

    def __init__(self, clocks: Clocks, when: int) -> None:
        self._clocks: Final = clocks
        self.when: Final = when

    def ready(self) -> bool:
        """Look at the clock."""
        return self._clocks.monotonic.now() >= self.when

    async def wait(self) -> None:
        """Let the time pass."""
        await elapse(self._clocks, self.when - self._clocks.monotonic.now())


#: What `poll` takes, and gives when it need not wait, or else later.
Pollables: TypeAlias = Sequence[Pollable]
Places: TypeAlias = list[int] | Awaitable[list[int]]


@final
class Poll:
    """`wasi:io/poll`."""

    Pollable = Pollable

    def poll(self, pollables: Pollables) -> Places:
        """The places in the list of those that are ready; waits until there is one."""
        if not pollables:
            raise Trap("wasi:io/poll: nothing to wait for")
        return _ready(pollables) or _poll(pollables)


def _ready(pollables: Pollables) -> list[int]:
    return [place for place, each in enumerate(pollables) if each.ready()]


async def _poll(pollables: Pollables) -> list[int]:
    alarms = [each for each in pollables if isinstance(each, Alarm)]
    waits = [each for each in pollables if not isinstance(each, Alarm)]
    if alarms:  # only the first can be the first
        waits.append(min(alarms, key=lambda alarm: alarm.when))
    while True:
        await first(each.wait() for each in waits)
        found = _ready(pollables)
        if found:
            return found


def closed() -> ResultError:
    """What a stream says that is over."""
    return ResultError(case("closed"))


def failed(code: Code, cause: object = None) -> ResultError:
    """What a stream says whose operation failed."""
    return ResultError(case("last-operation-failed", Error(code, cause)))


class InputStream(ABC):
    """`input-stream`. A kind of stream says how to `_take`, and how to wait."""

    #: what failures of this stream are marked with
    cause: object = None
    #: whether it has failed: then it is over
    _broken = False

    @abstractmethod
    def _take(self, limit: int) -> bytes | None:
        """At most so many bytes; none at the end, None if nothing has come yet."""

    def _is_ready(self) -> bool:
        """Whether `_take` would not say None."""
        return True

    async def _wait(self) -> None:  # noqa: B027 (most never have to)
        """Return when there may be something."""

    def close(self) -> None:  # noqa: B027 (most hold nothing to give back)
        """The guest is done with it."""

    def _read(self, limit: int) -> bytes | None:
        if limit == 0:
            return b""
        if self._broken:
            raise closed()
        try:
            data = self._take(min(limit, CHUNK))
        except BlockingIOError:
            return None
        except (HostError, OSError) as error:
            code = code_of(error)
            if code is Code.WOULD_BLOCK:
                return None
            self._broken = True
            raise failed(code, self.cause) from None
        if data == b"":
            raise closed()
        return data

    def read(self, len: int) -> bytes:
        """What has come, at most so many bytes, perhaps none."""
        return self._read(len) or b""

    def blocking_read(self, len: int) -> "bytes | Awaitable[bytes]":
        """As `read`, but waits for something to come."""
        data = self._read(len)
        return self._blocking_read(len) if data is None else data

    async def _blocking_read(self, limit: int) -> bytes:
        while True:
            await self._wait()
            data = self._read(limit)
            if data is not None:
                return data

    def skip(self, len: int) -> int:
        """Read without looking; how many bytes."""
        return size(self.read(len))

    def blocking_skip(self, len: int) -> "int | Awaitable[int]":
        """As `skip`, but waits for something to come."""
        data = self._read(len)
        return self._blocking_skip(len) if data is None else size(data)

    async def _blocking_skip(self, limit: int) -> int:
        return size(await self._blocking_read(limit))

    def subscribe(self) -> Pollable:
        """Ready when there is something to read, or the end."""
        return When(self._is_ready, self._wait)


class OutputStream(ABC):
    """`output-stream`. A kind of stream says how much it has room for, how to `_put`, and how to
    wait for room."""

    #: what failures of this stream are marked with
    cause: object = None

    def __init__(self) -> None:
        #: what the guest may write without asking again
        self._permit = 0
        #: whether it has failed: then it is over
        self._broken = False

    def _room(self) -> int:
        """How many bytes would be taken now. 0 also as long as a flush is not over."""
        return CHUNK

    @abstractmethod
    def _put(self, data: bytes) -> None:
        """Take all of it."""

    def _flush(self) -> None:  # noqa: B027 (most keep nothing back)
        """Begin to pass on what was kept back; `_room` is 0 until that is done."""

    async def _wait(self) -> None:  # noqa: B027 (most never have to)
        """Return when there may be room."""

    def close(self) -> None:  # noqa: B027 (most hold nothing to give back)
        """The guest is done with it."""

    def check_write(self) -> int:
        """How many bytes the next write may have."""
        self._permit = self._guarded(self._room)
        return self._permit

    def write(self, contents: bytes) -> None:
        """Write what `check_write` permitted."""
        count = size(contents)
        if count > self._permit:
            raise Trap("wasi:io/streams: a write of more than check-write permits")
        self._permit -= count
        if count:
            self._guarded(self._put, bytes(contents))

    def blocking_write_and_flush(self, contents: bytes) -> Awaitable[None] | None:
        """Write at most 4096 bytes, and wait until they are gone."""
        data = bytes(contents)
        if len(data) > BLOCKING_CHUNK:
            raise Trap("wasi:io/streams: a blocking write of more than 4096 bytes")
        if self._guarded(self._room) < len(data):
            return self._write_all(data)
        if data:
            self._guarded(self._put, data)
        return self.blocking_flush()

    async def _write_all(self, data: bytes) -> None:
        while data:
            count = self._guarded(self._room)
            if count:
                self._guarded(self._put, data[:count])
                data = data[count:]
            else:
                await self._wait()
        await self._blocking_flush()

    def flush(self) -> None:
        """Begin to pass on what was written."""
        self._guarded(self._flush)

    def blocking_flush(self) -> Awaitable[None] | None:
        """Wait until everything written is gone."""
        self._guarded(self._flush)
        return None if self._guarded(self._room) else self._blocking_flush()

    async def _blocking_flush(self) -> None:
        self._guarded(self._flush)
        while not self._guarded(self._room):
            await self._wait()

    def subscribe(self) -> Pollable:
        """Ready when `check_write` has something to tell."""
        return When(self._is_ready, self._wait)

    def _is_ready(self) -> bool:
        if self._broken:
            return True
        try:
            return self._room() > 0
        except (HostError, OSError, ResultError):
            return True

    def write_zeroes(self, len: int) -> None:
        """As `write`, of so many zeros."""
        if len > self._permit:
            raise Trap("wasi:io/streams: a write of more than check-write permits")
        self.write(bytes(len))

    def blocking_write_zeroes_and_flush(self, len: int) -> Awaitable[None] | None:
        """As `blocking_write_and_flush`, of so many zeros."""
        if len > BLOCKING_CHUNK:
            raise Trap("wasi:io/streams: a blocking write of more than 4096 bytes")
        return self.blocking_write_and_flush(bytes(len))

    def splice(self, src: InputStream, len: int) -> int:
        """Pass on what has come from another stream; how many bytes."""
        count = min(self.check_write(), len)
        data = src.read(count) if count else b""
        self.write(data)
        return size(data)

    def blocking_splice(self, src: InputStream, len: int) -> "int | Awaitable[int]":
        """As `splice`, but waits for something to come, and for room."""
        if len == 0:
            return 0
        return self.splice(src, len) or self._blocking_splice(src, len)

    def _guarded(self, function: Callable[..., T], *args: Any) -> T:
        """What the function returns; what it refuses, as a stream's error, after which the stream
        is closed."""
        if self._broken:
            raise closed()
        try:
            return function(*args)
        except (HostError, OSError) as error:
            code = code_of(error)
            self._broken = code is not Code.WOULD_BLOCK
            raise (closed() if code is Code.PIPE else failed(code, self.cause)) from None

    async def _blocking_splice(self, src: InputStream, limit: int) -> int:
        while True:
            if not self._is_ready():
                await self._wait()
            elif not src._is_ready():
                await src._wait()
            count = self.splice(src, limit)
            if count:
                return count


@final
class Streams:
    """`wasi:io/streams`."""

    InputStream = InputStream
    OutputStream = OutputStream


@final
class Errors:
    """`wasi:io/error`."""

    Error = Error


@final
class HandleInput(InputStream):
    """A stream from a handle's own position: standard input. The handle stays open."""

    def __init__(self, handle: Handle) -> None:
        self._handle: Final = handle

    def _is_ready(self) -> bool:
        return look([Interest(self._handle, False)])[0].ready

    def _take(self, limit: int) -> bytes | None:
        if not self._is_ready():
            return None
        buffer = bytearray(limit)
        count = self._handle.read([memoryview(buffer)])
        return bytes(buffer[:count])

    async def _wait(self) -> None:
        number = self._handle.poll_number()
        if number is not None:
            await ready(number, writing=False)


@final
class HandleOutput(OutputStream):
    """A stream to a handle's own position: standard output and error. The handle stays open."""

    def __init__(self, handle: Handle) -> None:
        super().__init__()
        self._handle: Final = handle

    def _room(self) -> int:
        if self._handle.poll_number() is None:
            return CHUNK
        # A pipe that is ready has room for this much without blocking.
        return BLOCKING_CHUNK if look([Interest(self._handle, True)])[0].ready else 0

    def _put(self, data: bytes) -> None:
        left = memoryview(data)
        while left:
            left = left[self._handle.write([left]) :]

    async def _wait(self) -> None:
        number = self._handle.poll_number()
        if number is not None:
            await ready(number, writing=True)


@final
class FileInput(InputStream):
    """A stream from a place in a file on. It shares the file with the descriptor."""

    def __init__(self, handle: Handle, offset: int) -> None:
        self._handle: Final = handle
        self._offset = offset

    def _take(self, limit: int) -> bytes:
        buffer = bytearray(limit)
        count = self._handle.read_at([memoryview(buffer)], self._offset)
        self._offset += count
        return bytes(buffer[:count])


@final
class FileOutput(OutputStream):
    """A stream to a place in a file, or (None) to its end."""

    def __init__(self, handle: Handle, offset: int | None) -> None:
        super().__init__()
        self._handle: Final = handle
        self._offset = offset

    def _put(self, data: bytes) -> None:
        write_all(self._handle, data, self._offset)
        if self._offset is not None:
            self._offset += len(data)
