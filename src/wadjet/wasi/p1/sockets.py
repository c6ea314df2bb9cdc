"""The functions of WASI 0.1 that work on a socket the guest was given: `sock_…`."""

from wadjet.wasi.host.errors import Code, HostError
from wadjet.wasi.host.handles import NONBLOCK
from wadjet.wasi.p1.abi import (
    HALF,
    RECV_DATA_TRUNCATED,
    RECV_PEEK,
    RECV_WAITALL,
    SHUT_RD,
    SHUT_WR,
    SIZE,
    SOCKET_RIGHTS,
    SUCCESS,
    Right,
)
from wadjet.wasi.p1.state import Descriptor, State


class SocketFunctions(State):
    """`sock_…`."""

    def sock_accept(self, fd: int, flags: int, result: int) -> int:
        """The next connection to a listener."""
        if flags & ~NONBLOCK:
            raise HostError(Code.INVALID)
        listener = self.socket(fd, Right.SOCK_ACCEPT)
        if not listener.flags & NONBLOCK:
            self.await_ready(listener, writing=False)
        connection = listener.accept(nonblocking=bool(flags & NONBLOCK))
        self.store(SIZE, result, self.insert(Descriptor(connection, SOCKET_RIGHTS)))
        return SUCCESS

    def sock_recv(
        self, fd: int, iovs: int, count: int, flags: int, size: int, out_flags: int
    ) -> int:
        """Receive."""
        if flags & ~(RECV_PEEK | RECV_WAITALL):
            raise HostError(Code.INVALID)
        socket = self.socket(fd, Right.FD_READ)
        regions = self.buffers(iovs, count)
        if not socket.flags & NONBLOCK:
            self.await_ready(socket, writing=False)
        received, truncated = socket.receive(
            regions, peek=bool(flags & RECV_PEEK), wait_all=bool(flags & RECV_WAITALL)
        )
        self.store(SIZE, size, received)
        self.store(HALF, out_flags, RECV_DATA_TRUNCATED if truncated else 0)
        return SUCCESS

    def sock_send(self, fd: int, iovs: int, count: int, flags: int, size: int) -> int:
        """Send."""
        if flags:
            raise HostError(Code.INVALID)
        socket = self.socket(fd, Right.FD_WRITE)
        regions = self.buffers(iovs, count)
        if not socket.flags & NONBLOCK:
            self.await_ready(socket, writing=True)
        self.store(SIZE, size, socket.write(regions))
        return SUCCESS

    def sock_shutdown(self, fd: int, how: int) -> int:
        """End one or both directions."""
        if how & ~(SHUT_RD | SHUT_WR):
            raise HostError(Code.INVALID)
        socket = self.socket(fd, Right.SOCK_SHUTDOWN)
        socket.shutdown(reading=bool(how & SHUT_RD), writing=bool(how & SHUT_WR))
        return SUCCESS
