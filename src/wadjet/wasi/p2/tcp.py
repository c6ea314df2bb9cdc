"""`wasi:sockets/tcp` 0.2, and the making of such sockets."""

from collections.abc import Callable
from typing import Final, final

from wadjet.wasi.common.forms import Variant, Member, answers, name
from wadjet.wasi.common.inet import of_family, of_socket_address, to_socket_address
from wadjet.wasi.host.errors import Code, HostError
from wadjet.wasi.host.network import Address
from wadjet.wasi.host.network import Network as Rules
from wadjet.wasi.host.tcp import State, Tcp
from wadjet.wasi.host.waiting import ready
from wadjet.wasi.p2.io import CHUNK, InputStream, OutputStream, Pollable, When
from wadjet.wasi.p2.network import Network, Speaker, not_in_progress


@final
class TcpInput(InputStream):
    """What comes from the other side."""

    def __init__(self, tcp: Tcp) -> None:
        self._tcp: Final = tcp.hold()

    cause = "network"

    def _is_ready(self) -> bool:
        return self._tcp.is_ready(writing=False)

    def _take(self, limit: int) -> bytes:
        return self._tcp.receive_some(limit)

    async def _wait(self) -> None:
        await ready(self._tcp.poll_number(), writing=False)

    def close(self) -> None:
        """The guest is done with it."""
        self._tcp.release()


@final
class TcpOutput(OutputStream):
    """What goes to the other side; what the machine has no room for is kept here."""

    cause = "network"

    def __init__(self, tcp: Tcp) -> None:
        super().__init__()
        self._tcp: Final = tcp.hold()
        self._left = memoryview(b"")

    def _room(self) -> int:
        self._push()
        return 0 if self._left or not self._tcp.is_ready(writing=True) else CHUNK

    def _put(self, data: bytes) -> None:
        self._left = memoryview(data)
        self._push()

    def _push(self) -> None:
        try:
            while self._left:
                self._left = self._left[self._tcp.send(self._left) :]
        except BlockingIOError:
            pass

    async def _wait(self) -> None:
        await ready(self._tcp.poll_number(), writing=True)

    def close(self) -> None:
        """The guest is done with it: what cannot be sent at once is lost."""
        self._tcp.release()


@final
class TcpSocket(Speaker):
    """`tcp-socket`. What is `start`ed is checked and done at once where nothing has to come from
    outside; `finish` tells how it went."""

    def __init__(self, tcp: Tcp) -> None:
        self._tcp: Final = tcp
        #: what was started and not finished: "bind", "connect", "listen"
        self._pending: str | None = None

    def close(self) -> None:
        """The guest is done with it."""
        self._tcp.release()

    def _finish(self, what: str) -> None:
        if self._pending != what:
            raise not_in_progress()
        self._pending = None

    def _start_with(self, what: str, begin: Callable[[Address], None], address: Address) -> None:
        if self._pending is not None:
            raise HostError(Code.ALREADY)
        begin(address)
        self._pending = what

    @answers
    def start_bind(self, network: Network, local_address: object) -> None:
        """Take a local address."""
        self._start_with("bind", self._tcp.bind, of_socket_address(local_address))

    @answers
    def finish_bind(self) -> None:
        """Whether it was taken."""
        self._finish("bind")

    @answers
    def start_connect(self, network: Network, remote_address: object) -> None:
        """Begin to connect."""
        self._start_with("connect", self._tcp.start_connect, of_socket_address(remote_address))

    @answers
    def finish_connect(self) -> tuple[TcpInput, TcpOutput]:
        """The two directions of the connection, once it stands."""
        if self._pending != "connect":
            raise not_in_progress()
        try:
            self._tcp.finish_connect()
        except BlockingIOError:
            raise HostError(Code.WOULD_BLOCK) from None
        except OSError:
            self._pending = None
            raise
        self._pending = None
        return TcpInput(self._tcp), TcpOutput(self._tcp)

    @answers
    def start_listen(self) -> None:
        """Take connections from now on."""
        if self._pending is not None:
            raise HostError(Code.ALREADY)
        if self._tcp.state is not State.BOUND:
            raise HostError(Code.NOT_CONNECTED)
        self._tcp.listen()
        self._pending = "listen"

    @answers
    def finish_listen(self) -> None:
        """Whether connections are taken."""
        self._finish("listen")

    @answers
    def accept(self) -> "tuple[TcpSocket, TcpInput, TcpOutput]":
        """The next connection, and its two directions."""
        made = self._tcp.accept()
        return TcpSocket(made), TcpInput(made), TcpOutput(made)

    @answers
    def local_address(self) -> Variant:
        """Where it is bound."""
        if self._pending == "bind":
            raise HostError(Code.NOT_CONNECTED)
        return to_socket_address(self._tcp.local_address())

    @answers
    def remote_address(self) -> Variant:
        """What it is connected to."""
        return to_socket_address(self._tcp.remote_address())

    def is_listening(self) -> bool:
        """Whether it takes connections."""
        return self._tcp.state is State.LISTENING and self._pending is None

    def address_family(self) -> Member:
        """IPv4 or IPv6."""
        return Member(self._tcp.family.name)

    @answers
    def set_listen_backlog_size(self, value: int) -> None:
        """How many connections may wait."""
        self._tcp.set_backlog(value)

    @answers
    def keep_alive_enabled(self) -> bool:
        """Whether silence is broken now and then."""
        return self._tcp.keep_alive()

    @answers
    def set_keep_alive_enabled(self, value: bool) -> None:
        """Whether silence shall be broken."""
        self._tcp.set_keep_alive(value)

    @answers
    def keep_alive_idle_time(self) -> int:
        """After how many nanoseconds."""
        return self._tcp.keep_idle()

    @answers
    def set_keep_alive_idle_time(self, value: int) -> None:
        """After how many nanoseconds."""
        self._tcp.set_keep_idle(value)

    @answers
    def keep_alive_interval(self) -> int:
        """How often then, in nanoseconds."""
        return self._tcp.keep_interval()

    @answers
    def set_keep_alive_interval(self, value: int) -> None:
        """How often then, in nanoseconds."""
        self._tcp.set_keep_interval(value)

    @answers
    def keep_alive_count(self) -> int:
        """How many times without an answer."""
        return self._tcp.keep_count()

    @answers
    def set_keep_alive_count(self, value: int) -> None:
        """How many times without an answer."""
        self._tcp.set_keep_count(value)

    @answers
    def hop_limit(self) -> int:
        """Through how many routers at most."""
        return self._tcp.hop_limit()

    @answers
    def set_hop_limit(self, value: int) -> None:
        """Through how many routers at most."""
        self._tcp.set_hop_limit(value)

    @answers
    def receive_buffer_size(self) -> int:
        """How much the machine keeps of what came."""
        return self._tcp.receive_buffer()

    @answers
    def set_receive_buffer_size(self, value: int) -> None:
        """How much the machine shall keep of what came."""
        self._tcp.set_receive_buffer(value)

    @answers
    def send_buffer_size(self) -> int:
        """How much the machine keeps of what goes."""
        return self._tcp.send_buffer()

    @answers
    def set_send_buffer_size(self, value: int) -> None:
        """How much the machine shall keep of what goes."""
        self._tcp.set_send_buffer(value)

    def subscribe(self) -> Pollable:
        """Ready when what is pending can be finished, or a connection be accepted."""
        return When(self._is_ready, self._wait)

    def _waits_to_write(self) -> bool | None:
        """What there is to wait for: writing, reading, or nothing."""
        state = self._tcp.state
        if state is State.CONNECTING:
            return True
        return False if state is State.LISTENING and self._pending is None else None

    def _is_ready(self) -> bool:
        writing = self._waits_to_write()
        return writing is None or self._tcp.is_ready(writing=writing)

    async def _wait(self) -> None:
        writing = self._waits_to_write()
        if writing is not None:
            await ready(self._tcp.poll_number(), writing=writing)

    @answers
    def shutdown(self, shutdown_type: object) -> None:
        """End one or both directions."""
        how = name(shutdown_type)
        self._tcp.shutdown(reading=how != "SEND", writing=how != "RECEIVE")


@final
class TcpSockets:
    """`wasi:sockets/tcp`."""

    TcpSocket = TcpSocket


@final
class TcpCreateSocket(Speaker):
    """`wasi:sockets/tcp-create-socket`."""

    def __init__(self, rules: Rules) -> None:
        self._rules: Final = rules

    @answers
    def create_tcp_socket(self, address_family: object) -> TcpSocket:
        """A new socket."""
        return TcpSocket(Tcp(self._rules, of_family(address_family)))
