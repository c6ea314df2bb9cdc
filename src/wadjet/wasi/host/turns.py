"""Turns: how the threads of one guest share what is not made for several."""

import socket
import threading
from collections.abc import Sequence
from typing import Final, final

from wadjet.base.errors import Interrupted
from wadjet.wasi.host.handles import FileType, Handle, Stat
from wadjet.wasi.host.polling import Interest, Ready, look


@final
class _Bell(Handle):
    """Ready as soon as somebody rings."""

    __slots__ = ("_ear", "_rope")

    def __init__(self) -> None:
        super().__init__()
        # sockets, since some systems cannot wait for anything else
        self._ear, self._rope = socket.socketpair()

    def stat(self) -> Stat:
        """A socket's."""
        return Stat(FileType.SOCKET_STREAM)

    def poll_number(self) -> int:
        """Where to listen."""
        return self._ear.fileno()

    def ring(self) -> None:
        """Wake everybody who waits, now and later."""
        self._rope.send(b"!")

    def close(self) -> None:
        """Give both ends back."""
        self._ear.close()
        self._rope.close()


@final
class Turns:
    """A lock that is held while a call of the host works, and let go while it waits.

        with turns: …                       # a call; `turns.look` is how it waits

    `end` ends all waits, now and later, with `wadjet.Interrupted`.
    """

    __slots__ = ("_bell", "_ended", "_lock")

    def __init__(self) -> None:
        self._lock: Final = threading.Lock()
        self._bell: Final = _Bell()
        self._ended = False

    def __enter__(self) -> None:
        self._lock.acquire()

    def __exit__(self, *_: object) -> None:
        self._lock.release()

    def look(self, interests: Sequence[Interest], timeout: int) -> list[Ready]:
        """Let others have their turns until a handle may be ready or the time is over; then see
        which still is, in this turn."""
        self._lock.release()
        try:
            look([*interests, Interest(self._bell, False)], timeout)
        finally:
            self._lock.acquire()
        if self._ended:
            raise Interrupted("interrupted")
        return look(interests)

    def end(self) -> None:
        """Nobody waits any more."""
        if not self._ended:
            self._ended = True
            self._bell.ring()

    def close(self) -> None:
        """Give back what waiting takes. Nobody may be waiting."""
        self._bell.close()
