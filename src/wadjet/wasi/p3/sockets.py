"""`wasi:sockets` 0.3: TCP, UDP and names."""

from collections.abc import AsyncIterator
from contextlib import suppress
from typing import Any, Final, TypeVar, final

from wadjet.wasi.common.forms import Err, Member, ResultError, Variant, answering, answers, case
from wadjet.wasi.common.inet import (
    of_family, of_socket_address, to_ip_address, to_socket_address,
)  # fmt: skip
from wadjet.wasi.host.errors import Code, HostError, code_of
from wadjet.wasi.host.inet import Endpoint
from wadjet.wasi.host.lookup import resolve
from wadjet.wasi.host.network import Network
from wadjet.wasi.host.tcp import State, Tcp
from wadjet.wasi.host.udp import Udp
from wadjet.wasi.host.waiting import ready
from wadjet.wasi.p3.streams import CHUNK, Outcome, Source, begin, drain, refused, release

E = TypeVar("E", Tcp, Udp)

_CODES: Final = {
    Code.ACCESS: "access-denied",
    Code.NOT_PERMITTED: "access-denied",
    Code.UNSUPPORTED: "not-supported",
    Code.NO_PROTOCOL_OPTION: "not-supported",
    Code.PROTOCOL_UNSUPPORTED: "not-supported",
    Code.INVALID: "invalid-argument",
    Code.ADDRESS_FAMILY: "invalid-argument",
    Code.DESTINATION_REQUIRED: "invalid-argument",
    Code.INSUFFICIENT_MEMORY: "out-of-memory",
    Code.NO_BUFFER_SPACE: "out-of-memory",
    Code.TIMED_OUT: "timeout",
    Code.ALREADY: "invalid-state",
    Code.NOT_CONNECTED: "invalid-state",
    Code.IS_CONNECTED: "invalid-state",
    Code.ADDRESS_NOT_BINDABLE: "address-not-bindable",
    Code.ADDRESS_IN_USE: "address-in-use",
    Code.HOST_UNREACHABLE: "remote-unreachable",
    Code.NETWORK_UNREACHABLE: "remote-unreachable",
    Code.NETWORK_DOWN: "remote-unreachable",
    Code.CONNECTION_REFUSED: "connection-refused",
    Code.PIPE: "connection-broken",
    Code.CONNECTION_RESET: "connection-reset",
    Code.CONNECTION_ABORTED: "connection-aborted",
    Code.MESSAGE_SIZE: "datagram-too-large",
}
_LOOKUP_CODES: Final = {
    Code.ACCESS: "access-denied",
    Code.INVALID: "invalid-argument",
    Code.NO_ENTRY: "name-unresolvable",
    Code.WOULD_BLOCK: "temporary-resolver-failure",
    Code.NOT_RECOVERABLE: "permanent-resolver-failure",
}


def error_code(code: Code) -> Variant:
    """The `error-code` of a refusal."""
    label = _CODES.get(code)
    return case("other", code.name.lower().replace("_", "-")) if label is None else case(label)


async def _until(endpoint: Endpoint, writing: bool, attempt: Any, *args: Any) -> Any:
    """What the attempt gives, once it does not have to wait any more."""
    while True:
        try:
            return attempt(*args)
        except BlockingIOError:
            await ready(endpoint.poll_number(), writing=writing)


class _Socket:
    """What sockets have in common. The endpoint stays as long as a stream uses it."""

    def __init__(self, endpoint: Any) -> None:
        self.endpoint: Final = endpoint

    @staticmethod
    def refusal(code: Code) -> object:
        """The `error-code`."""
        return error_code(code)

    def close(self) -> None:
        """The guest is done with it."""
        self.endpoint.release()

    @answers
    def bind(self, local_address: object) -> None:
        """Take a local address."""
        self.endpoint.bind(of_socket_address(local_address))

    @answers
    def get_local_address(self) -> Variant:
        """Where it is bound."""
        return to_socket_address(self.endpoint.local_address())

    @answers
    def get_remote_address(self) -> Variant:
        """What it is connected to."""
        return to_socket_address(self.endpoint.remote_address())

    def get_address_family(self) -> Member:
        """IPv4 or IPv6."""
        return Member(self.endpoint.family.name)

    @answers
    def get_receive_buffer_size(self) -> int:
        """How much the machine keeps of what came."""
        size: int = self.endpoint.receive_buffer()
        return size

    @answers
    def set_receive_buffer_size(self, value: int) -> None:
        """How much the machine shall keep of what came."""
        self.endpoint.set_receive_buffer(value)

    @answers
    def get_send_buffer_size(self) -> int:
        """How much the machine keeps of what goes."""
        size: int = self.endpoint.send_buffer()
        return size

    @answers
    def set_send_buffer_size(self, value: int) -> None:
        """How much the machine shall keep of what goes."""
        self.endpoint.set_send_buffer(value)


def _made(kind: type[E], network: Network, family: object) -> E:
    """A new endpoint."""
    try:
        return kind(network, of_family(family))
    except (HostError, OSError) as error:
        raise ResultError(error_code(code_of(error))) from None


class TcpSocket(_Socket):
    """`tcp-socket`. The sockets that one guest may create are of a class derived from this."""

    #: what the guest may reach
    network: Network

    def __init__(self, endpoint: Tcp) -> None:
        super().__init__(endpoint)
        self._tcp: Final = endpoint
        self._sending = False
        self._receiving = False

    @classmethod
    def create(cls, address_family: object) -> "TcpSocket":
        """A new socket."""
        return cls(_made(Tcp, cls.network, address_family))

    @answering
    async def connect(self, remote_address: object) -> None:
        """Connect."""
        self._tcp.start_connect(of_socket_address(remote_address))
        while self._tcp.state is State.CONNECTING:
            await ready(self._tcp.poll_number(), writing=True)
            with suppress(BlockingIOError):
                self._tcp.finish_connect()

    @answers
    def listen(self) -> "AsyncIterator[list[TcpSocket]]":
        """The connections that come in, from now on."""
        self._tcp.listen()
        tcp = self._tcp.hold()

        async def pull() -> list[TcpSocket]:
            made = await _until(tcp, False, tcp.accept)
            return [type(self)(made)]

        return Source(pull, error_code, tcp.release)

    async def send(self, data: Any) -> Outcome:
        """Send what comes, then say that there is no more; how it ended."""
        return begin(self._send(data))

    async def _send(self, data: Any) -> object:
        if self._sending or self._tcp.state is not State.CONNECTED:
            await release(data)
            return Err(error_code(Code.NOT_CONNECTED))
        self._sending = True
        tcp = self._tcp.hold()

        async def put(piece: bytes) -> None:
            left = memoryview(piece)
            while left:
                left = left[await _until(tcp, True, tcp.send, left) :]

        try:
            result = await drain(data, put, error_code)
            tcp.shutdown(reading=False, writing=True)
        except (HostError, OSError) as error:
            return Err(error_code(code_of(error)))
        else:
            return result
        finally:
            tcp.release()

    def receive(self) -> tuple[AsyncIterator[bytes], Outcome]:
        """What comes, and how it ended."""
        if self._receiving or self._tcp.state is not State.CONNECTED:
            return refused(error_code(Code.NOT_CONNECTED))
        self._receiving = True
        tcp = self._tcp.hold()

        async def pull() -> Any:
            return await _until(tcp, False, tcp.receive_some, CHUNK)

        source = Source(pull, error_code, tcp.release)
        return source, source.outcome

    def get_is_listening(self) -> bool:
        """Whether it takes connections."""
        return self._tcp.state is State.LISTENING

    @answers
    def set_listen_backlog_size(self, value: int) -> None:
        """How many connections may wait."""
        self._tcp.set_backlog(value)

    @answers
    def get_keep_alive_enabled(self) -> bool:
        """Whether silence is broken now and then."""
        return self._tcp.keep_alive()

    @answers
    def set_keep_alive_enabled(self, value: bool) -> None:
        """Whether silence shall be broken."""
        self._tcp.set_keep_alive(value)

    @answers
    def get_keep_alive_idle_time(self) -> int:
        """After how many nanoseconds."""
        return self._tcp.keep_idle()

    @answers
    def set_keep_alive_idle_time(self, value: int) -> None:
        """After how many nanoseconds."""
        self._tcp.set_keep_idle(value)

    @answers
    def get_keep_alive_interval(self) -> int:
        """How often then, in nanoseconds."""
        return self._tcp.keep_interval()

    @answers
    def set_keep_alive_interval(self, value: int) -> None:
        """How often then, in nanoseconds."""
        self._tcp.set_keep_interval(value)

    @answers
    def get_keep_alive_count(self) -> int:
        """How many times without an answer."""
        return self._tcp.keep_count()

    @answers
    def set_keep_alive_count(self, value: int) -> None:
        """How many times without an answer."""
        self._tcp.set_keep_count(value)

    @answers
    def get_hop_limit(self) -> int:
        """Through how many routers at most."""
        return self._tcp.hop_limit()

    @answers
    def set_hop_limit(self, value: int) -> None:
        """Through how many routers at most."""
        self._tcp.set_hop_limit(value)


class UdpSocket(_Socket):
    """`udp-socket`. The sockets that one guest may create are of a class derived from this."""

    #: what the guest may reach
    network: Network

    def __init__(self, endpoint: Udp) -> None:
        super().__init__(endpoint)
        self._udp: Final = endpoint

    @classmethod
    def create(cls, address_family: object) -> "UdpSocket":
        """A new socket."""
        return cls(_made(Udp, cls.network, address_family))

    @answers
    def connect(self, remote_address: object) -> None:
        """Be limited to one peer."""
        self._udp.connect(of_socket_address(remote_address))

    @answers
    def disconnect(self) -> None:
        """Be free again."""
        self._udp.disconnect()

    @answering
    async def send(self, data: bytes, remote_address: object) -> None:
        """Send one datagram."""
        address = None if remote_address is None else of_socket_address(remote_address)
        await _until(self._udp, True, self._udp.send, bytes(data), address)

    @answering
    async def receive(self) -> tuple[bytes, Variant]:
        """The next datagram, and who sent it."""
        data, sender = await _until(self._udp, False, self._udp.receive_from)
        return data, to_socket_address(sender)

    @answers
    def get_unicast_hop_limit(self) -> int:
        """Through how many routers at most."""
        return self._udp.hop_limit()

    @answers
    def set_unicast_hop_limit(self, value: int) -> None:
        """Through how many routers at most."""
        self._udp.set_hop_limit(value)


@final
class Sockets:
    """`wasi:sockets/types`, within the rules of one network."""

    def __init__(self, network: Network) -> None:
        granted = {"network": network}
        self.TcpSocket: Final = type("TcpSocket", (TcpSocket,), granted)
        self.UdpSocket: Final = type("UdpSocket", (UdpSocket,), granted)


@final
class NameLookup:
    """`wasi:sockets/ip-name-lookup`."""

    def __init__(self, network: Network) -> None:
        self._network: Final = network

    def refusal(self, code: Code) -> object:
        """The `error-code`."""
        label = _LOOKUP_CODES.get(code)
        return case("other", None) if label is None else case(label)

    @answering
    async def resolve_addresses(self, name: str) -> list[Variant]:
        """The addresses of a name."""
        return [to_ip_address(ip) for ip in await resolve(self._network, name)]
