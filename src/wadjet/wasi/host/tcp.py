"""TCP sockets that a guest makes: one state machine for all editions that have them."""

import errno
import os
import socket
from enum import Enum
from typing import Final, final

from wadjet.wasi.host.errors import Code, HostError
from wadjet.wasi.host.inet import (
    Endpoint, Family, bare, check_family, is_unicast, make_system, of_system, to_system,
)  # fmt: skip
from wadjet.wasi.host.network import Address, Network, Use

#: The longest queue of connections nobody has accepted yet.
BACKLOG: Final = 128
_MAX_BACKLOG: Final = 4096
_MAX_SECONDS: Final = 32767
_MAX_COUNT: Final = 127
#: What Linux's accept tells of the new connection, not of the listener.
_TRANSIENT: Final = (
    errno.ENETDOWN, errno.EPROTO, errno.ENOPROTOOPT, errno.EHOSTDOWN,
    errno.EHOSTUNREACH, errno.EOPNOTSUPP, errno.ENETUNREACH, errno.ECONNABORTED,
)  # fmt: skip
_KEEP_IDLE: Final[int] = getattr(socket, "TCP_KEEPIDLE", getattr(socket, "TCP_KEEPALIVE", 0))


class State(Enum):
    """How far a socket has come."""

    UNBOUND = "unbound"
    BOUND = "bound"
    LISTENING = "listening"
    CONNECTING = "connecting"
    CONNECTED = "connected"
    CLOSED = "closed"


@final
class Tcp(Endpoint):
    """A TCP socket. Raises `HostError` (ACCESS for what the network's rules do not allow), OSError.

    A state that does not allow a call is IS_CONNECTED, NOT_CONNECTED or ALREADY. What would block
    raises `BlockingIOError`.
    """

    __slots__ = ("_backlog", "state")

    def __init__(
        self, network: Network, family: Family, accepted: socket.socket | None = None
    ) -> None:
        system = accepted or make_system(family, socket.SOCK_STREAM)
        super().__init__(network, family, system)
        self.state = State.UNBOUND if accepted is None else State.CONNECTED
        self._backlog = BACKLOG

    def close(self) -> None:
        """Close it, whoever still holds it."""
        super().close()
        self.state = State.CLOSED

    # -- Becoming connected -----------------------------------------------------------------------

    def bind(self, address: Address) -> None:
        """Take a local address. ALREADY bound is IS_CONNECTED."""
        check_family(self.family, address)
        if not is_unicast(address):
            raise HostError(Code.INVALID)
        if self.state is not State.UNBOUND:
            raise HostError(Code.IS_CONNECTED)
        self._network.check(Use.LISTEN, address)
        if os.name == "posix":
            self._system.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self._system.bind(to_system(address))
        self.state = State.BOUND

    def start_connect(self, address: Address) -> None:
        """Begin to connect; `finish_connect` tells how it went."""
        check_family(self.family, address)
        if bare(address) or not is_unicast(address):
            raise HostError(Code.INVALID)
        if self.state is State.CONNECTING:
            raise HostError(Code.ALREADY)
        if self.state not in (State.UNBOUND, State.BOUND):
            raise HostError(Code.IS_CONNECTED)
        self._network.check(Use.TCP, address)
        self.state = State.CONNECTING
        try:
            self._system.connect(to_system(address))
        except BlockingIOError:
            pass
        except OSError:
            self.state = State.CLOSED
            raise

    def finish_connect(self) -> None:
        """Whether the connection stands: BlockingIOError as long as nobody knows."""
        if self.state is not State.CONNECTING:
            raise HostError(Code.NOT_CONNECTED)
        error = self._system.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        if not error:
            try:
                self._system.getpeername()
            except OSError:
                raise BlockingIOError from None
            self.state = State.CONNECTED
            return
        self.state = State.CLOSED
        raise OSError(error, os.strerror(error))

    def listen(self) -> None:
        """Take connections from now on; an unbound socket gets a free port."""
        if self.state is State.UNBOUND:
            any_address = Address(self.family.any(), 0)
            self._network.check(Use.LISTEN, any_address)
        elif self.state is not State.BOUND:
            raise HostError(Code.ALREADY if self.state is State.CONNECTING else Code.IS_CONNECTED)
        self._system.listen(self._backlog)
        self.state = State.LISTENING

    def accept(self, *, nonblocking: bool = True) -> "Tcp":
        """The next connection; errors that are only that connection's are passed over."""
        if self.state is not State.LISTENING:
            raise HostError(Code.NOT_CONNECTED)
        while True:
            try:
                system, _ = self._system.accept()
            except OSError as error:
                if error.errno not in _TRANSIENT:
                    raise
            else:
                made = Tcp(self._network, self.family, system)
                made._options = dict(self._options)
                return made

    # -- Data -------------------------------------------------------------------------------------

    def receive_some(self, count: int) -> bytes:
        """At most so many bytes; none when the other side is done."""
        self._expect(State.CONNECTED)
        return self._system.recv(count)

    def send(self, data: bytes | memoryview) -> int:
        """Send a beginning of the data; how much of it."""
        self._expect(State.CONNECTED)
        return self._system.send(data)

    def shutdown(self, *, reading: bool, writing: bool) -> None:
        """End one or both directions; one that is over already is left alone."""
        self._expect(State.CONNECTED)
        how = (socket.SHUT_RDWR if writing else socket.SHUT_RD) if reading else socket.SHUT_WR
        try:
            self._system.shutdown(how)
        except OSError as error:
            if error.errno != errno.ENOTCONN:
                raise

    def _expect(self, state: State) -> None:
        if self.state is not state:
            raise HostError(Code.NOT_CONNECTED)

    # -- What is known of it ----------------------------------------------------------------------

    def local_address(self) -> Address:
        """Where it is bound."""
        if self.state in (State.UNBOUND, State.CLOSED):
            raise HostError(Code.NOT_CONNECTED)
        return of_system(self._system.getsockname())

    def remote_address(self) -> Address:
        """What it is connected to."""
        self._expect(State.CONNECTED)
        return of_system(self._system.getpeername())

    def set_backlog(self, size: int) -> None:
        """How many connections may wait to be accepted."""
        if size == 0:
            raise HostError(Code.INVALID)
        if self.state in (State.CONNECTING, State.CONNECTED, State.CLOSED):
            raise HostError(Code.IS_CONNECTED)
        self._backlog = min(size, _MAX_BACKLOG)
        if self.state is State.LISTENING:
            self._system.listen(self._backlog)

    def keep_alive(self) -> bool:
        """Whether silence is broken now and then."""
        return bool(self._option(socket.SOL_SOCKET, socket.SO_KEEPALIVE))

    def set_keep_alive(self, value: bool) -> None:
        """Whether silence shall be broken."""
        self._set_option(socket.SOL_SOCKET, socket.SO_KEEPALIVE, int(value))

    def keep_idle(self) -> int:
        """After how many nanoseconds of silence."""
        return self._duration("idle", _KEEP_IDLE)

    def set_keep_idle(self, value: int) -> None:
        """After how many nanoseconds of silence; rounded to seconds."""
        self._set_duration("idle", _KEEP_IDLE, value)

    def keep_interval(self) -> int:
        """How often then, in nanoseconds."""
        return self._duration("interval", socket.TCP_KEEPINTVL)

    def set_keep_interval(self, value: int) -> None:
        """How often then, in nanoseconds; rounded to seconds."""
        self._set_duration("interval", socket.TCP_KEEPINTVL, value)

    def keep_count(self) -> int:
        """How many times without an answer."""
        return self._option(socket.IPPROTO_TCP, socket.TCP_KEEPCNT)

    def set_keep_count(self, value: int) -> None:
        """How many times without an answer."""
        if value == 0:
            raise HostError(Code.INVALID)
        self._set_option(socket.IPPROTO_TCP, socket.TCP_KEEPCNT, min(value, _MAX_COUNT))

    def _duration(self, key: str, name: int) -> int:
        real = self._option(socket.IPPROTO_TCP, name)
        return self._options.get(key, real * 10**9)

    def _set_duration(self, key: str, name: int, value: int) -> None:
        if value == 0:
            raise HostError(Code.INVALID)
        seconds = min(max(-(-value // 10**9), 1), _MAX_SECONDS)
        self._set_option(socket.IPPROTO_TCP, name, seconds)
        self._options[key] = seconds * 10**9
