"""The body of a message as it arrives."""

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Final, final

from wadjet.wasi.http.errors import HttpError
from wadjet.wasi.http.fields import Entries


def _ignore(size: int) -> None:
    """Nothing is done about it."""


@final
class Inflow:
    """Pieces, then fields or a failure: one side puts them in, one reader takes them out.

    `taken` is told how many bytes the reader has taken or does not want: so much more may come.
    """

    __slots__ = (
        "_abandoned", "_failure", "_pieces", "_taken", "_waiter", "held", "over", "trailers",
    )  # fmt: skip

    def __init__(self, taken: Callable[[int], None] = _ignore) -> None:
        self._pieces: Final[deque[bytes]] = deque()
        self._taken: Final = taken
        self._failure: HttpError | None = None
        self._waiter: asyncio.Future[None] | None = None
        self._abandoned = False
        #: how many bytes wait for the reader
        self.held = 0
        #: nothing more will come
        self.over = False
        self.trailers: Entries | None = None

    @property
    def is_awaited(self) -> bool:
        """Whether the reader waits for more to come."""
        return self._waiter is not None

    @property
    def is_complete(self) -> bool:
        """Whether all has come."""
        return self.over and self._failure is None

    @property
    def is_empty(self) -> bool:
        """Whether all has come, and there is nothing to be read of it."""
        return self.is_complete and not self.held and self.trailers is None

    def put(self, piece: bytes) -> None:
        """A piece came."""
        if self._abandoned or self.over:
            self._taken(len(piece))
        elif piece:
            self._pieces.append(piece)
            self.held += len(piece)
            self._wake()

    def end(self, trailers: Entries | None = None) -> None:
        """That was all."""
        if not self.over:
            self.trailers = trailers
            self.over = True
            self._wake()

    def fail(self, error: HttpError) -> None:
        """No more can come. Nothing happens if all has come."""
        if not self.over:
            self._failure = error
            self.over = True
            self._wake()

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    async def next(self) -> bytes | None:
        """The next piece, None after the last one. Raises HttpError."""
        while not self._pieces:
            if self._failure is not None:
                raise self._failure
            if self.over:
                return None
            await self._wait()
        piece = self._pieces.popleft()
        self.held -= len(piece)
        self._taken(len(piece))
        return piece

    async def _wait(self) -> None:
        """Until something has come. A reader that was left waiting gives way to the next."""
        if self._waiter is not None:
            self._waiter.cancel()
        waiter = self._waiter = asyncio.get_running_loop().create_future()
        try:
            await waiter
        finally:
            if self._waiter is waiter:
                self._waiter = None

    def abandon(self) -> None:
        """The reader wants no more."""
        self._abandoned = True
        self._pieces.clear()
        held, self.held = self.held, 0
        if held:
            self._taken(held)
