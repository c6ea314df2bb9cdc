"""`wasi:sockets/udp` 0.2, and the making of such sockets."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, final

from wadjet.base.errors import Trap
from wadjet.wasi.common.forms import Variant, Member, ResultError, answers
from wadjet.wasi.common.inet import of_family, of_socket_address, to_socket_address
from wadjet.wasi.host.errors import Code, HostError, code_of
from wadjet.wasi.host.network import Network as Rules
from wadjet.wasi.host.udp import Udp
from wadjet.wasi.host.waiting import ready
from wadjet.wasi.p2.io import Pollable, When
from wadjet.wasi.p2.network import Network, Speaker, not_in_progress

#: The most datagrams one call takes or gives.
_BATCH: Final = 16


@dataclass(frozen=True, slots=True)
class IncomingDatagram:
    """`incoming-datagram`."""

    data: bytes
    remote_address: Variant


class _DatagramStream(Speaker):
    """One direction of a socket. `generation` says for which association it was made."""

    writing: bool

    def __init__(self, udp: Udp) -> None:
        self.udp: Final = udp.hold()

    def close(self) -> None:
        """The guest is done with it."""
        self.udp.release()

    def subscribe(self) -> Pollable:
        """Ready when there is something to receive, or room to send."""
        return When(
            lambda: self.udp.is_ready(writing=self.writing),
            lambda: ready(self.udp.poll_number(), writing=self.writing),
        )


@final
class IncomingDatagramStream(_DatagramStream):
    """`incoming-datagram-stream`."""

    writing = False

    @answers
    def receive(self, max_results: int) -> list[IncomingDatagram]:
        """What has come, at most so many datagrams."""
        found: list[IncomingDatagram] = []
        while len(found) < min(max_results, _BATCH):
            try:
                data, sender = self.udp.receive_from()
            except BlockingIOError:
                break
            found.append(IncomingDatagram(data, to_socket_address(sender)))
        return found


@final
class OutgoingDatagramStream(_DatagramStream):
    """`outgoing-datagram-stream`."""

    writing = True

    def __init__(self, udp: Udp) -> None:
        super().__init__(udp)
        self._permit = 0

    @answers
    def check_send(self) -> int:
        """How many datagrams the next send may have."""
        self._permit = _BATCH if self.udp.is_ready(writing=True) else 0
        return self._permit

    @answers
    def send(self, datagrams: Sequence[Any]) -> int:
        """Send what `check_send` permitted; how many were sent before one could not be."""
        if len(datagrams) > self._permit:
            raise Trap("wasi:sockets/udp: more datagrams than check-send permits")
        self._permit = 0
        for count, datagram in enumerate(datagrams):
            given = datagram.remote_address
            address = None if given is None else of_socket_address(given)
            try:
                self.udp.send(bytes(datagram.data), address)
            except BlockingIOError:
                return count
            except (HostError, OSError) as error:
                if count:
                    return count
                raise ResultError(self.refusal(code_of(error))) from None
        return len(datagrams)


@final
class UdpSocket(Speaker):
    """`udp-socket`."""

    def __init__(self, udp: Udp) -> None:
        self._udp: Final = udp
        self._binding = False

    def close(self) -> None:
        """The guest is done with it."""
        self._udp.release()

    @answers
    def start_bind(self, network: Network, local_address: object) -> None:
        """Take a local address."""
        if self._binding:
            raise HostError(Code.ALREADY)
        self._udp.bind(of_socket_address(local_address))
        self._binding = True

    @answers
    def finish_bind(self) -> None:
        """Whether it was taken."""
        if not self._binding:
            raise not_in_progress()
        self._binding = False

    @answers
    def stream(
        self, remote_address: object
    ) -> tuple[IncomingDatagramStream, OutgoingDatagramStream]:
        """The two directions, to and from one peer or everybody."""
        if self._binding or not self._udp.bound():
            raise HostError(Code.NOT_CONNECTED)
        if self._udp.remote is not None:
            self._udp.disconnect()
        if remote_address is not None:
            self._udp.connect(of_socket_address(remote_address))
        return IncomingDatagramStream(self._udp), OutgoingDatagramStream(self._udp)

    @answers
    def local_address(self) -> Variant:
        """Where it is bound."""
        if self._binding:
            raise HostError(Code.NOT_CONNECTED)
        return to_socket_address(self._udp.local_address())

    @answers
    def remote_address(self) -> Variant:
        """The peer it is limited to."""
        return to_socket_address(self._udp.remote_address())

    def address_family(self) -> Member:
        """IPv4 or IPv6."""
        return Member(self._udp.family.name)

    @answers
    def unicast_hop_limit(self) -> int:
        """Through how many routers at most."""
        return self._udp.hop_limit()

    @answers
    def set_unicast_hop_limit(self, value: int) -> None:
        """Through how many routers at most."""
        self._udp.set_hop_limit(value)

    @answers
    def receive_buffer_size(self) -> int:
        """How much the machine keeps of what came."""
        return self._udp.receive_buffer()

    @answers
    def set_receive_buffer_size(self, value: int) -> None:
        """How much the machine shall keep of what came."""
        self._udp.set_receive_buffer(value)

    @answers
    def send_buffer_size(self) -> int:
        """How much the machine keeps of what goes."""
        return self._udp.send_buffer()

    @answers
    def set_send_buffer_size(self, value: int) -> None:
        """How much the machine shall keep of what goes."""
        self._udp.set_send_buffer(value)

    def subscribe(self) -> Pollable:
        """Always ready: binding never waits."""
        return Pollable()


@final
class UdpSockets:
    """`wasi:sockets/udp`."""

    UdpSocket = UdpSocket
    IncomingDatagramStream = IncomingDatagramStream
    OutgoingDatagramStream = OutgoingDatagramStream


@final
class UdpCreateSocket(Speaker):
    """`wasi:sockets/udp-create-socket`."""

    def __init__(self, rules: Rules) -> None:
        self._rules: Final = rules

    @answers
    def create_udp_socket(self, address_family: object) -> UdpSocket:
        """A new socket."""
        return UdpSocket(Udp(self._rules, of_family(address_family)))
