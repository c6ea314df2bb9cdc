"""Sockets: connections and listeners of the machine that a guest was given."""

import socket
from typing import final

from wadjet.wasi.host.errors import Code, HostError
from wadjet.wasi.host.handles import (
    MAX_BUFFERS,
    NONBLOCK,
    Buffers,
    FileType,
    Handle,
    Stat,
    gather,
    room,
    scatter,
)

_HOW = {
    (True, False): socket.SHUT_RD,
    (False, True): socket.SHUT_WR,
    (True, True): socket.SHUT_RDWR,
}


@final
class Socket(Handle):
    """A socket of the machine, which it closes if it is `owned`."""

    __slots__ = ("_owned", "_socket")

    def __init__(self, system: socket.socket, *, owned: bool, nonblocking: bool = False) -> None:
        super().__init__(NONBLOCK if nonblocking else 0)
        self._socket = system
        self._owned = owned
        system.setblocking(not nonblocking)

    def close(self) -> None:
        """Close the socket, unless it is somebody else's."""
        if self._owned:
            self._socket.close()

    def stat(self) -> Stat:
        """Of a socket only the type is known."""
        is_stream = self._socket.type == socket.SOCK_STREAM
        return Stat(FileType.SOCKET_STREAM if is_stream else FileType.SOCKET_DATAGRAM)

    def set_flags(self, flags: int) -> None:
        """Non-blocking mode can be changed."""
        super().set_flags(flags)
        self._socket.setblocking(not flags & NONBLOCK)

    def poll_number(self) -> int | None:
        """The socket's descriptor."""
        return self._socket.fileno()

    def accept(self, *, nonblocking: bool) -> "Socket":
        """The next connection to this listener."""
        connection, _ = self._socket.accept()
        return Socket(connection, owned=True, nonblocking=nonblocking)

    def read(self, buffers: Buffers) -> int:
        """Receive."""
        return self.receive(buffers)[0]

    def write(self, buffers: Buffers) -> int:
        """Send."""
        if not hasattr(self._socket, "sendmsg"):
            return self._socket.send(gather(buffers))
        return self._socket.sendmsg(buffers[:MAX_BUFFERS])

    def receive(
        self, buffers: Buffers, *, peek: bool = False, wait_all: bool = False
    ) -> tuple[int, bool]:
        """Receive."""
        if not room(buffers):
            return 0, False
        flags = (socket.MSG_PEEK if peek else 0) | (socket.MSG_WAITALL if wait_all else 0)
        if not hasattr(self._socket, "recvmsg_into"):
            return scatter(self._socket.recv(room(buffers), flags), buffers), False
        count, _, result, _ = self._socket.recvmsg_into(buffers[:MAX_BUFFERS], 0, flags)
        return count, bool(result & socket.MSG_TRUNC)

    def shutdown(self, *, reading: bool, writing: bool) -> None:
        """End one or both directions."""
        if not (reading or writing):
            raise HostError(Code.INVALID)
        self._socket.shutdown(_HOW[reading, writing])
