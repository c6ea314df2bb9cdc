"""UDP sockets that a guest makes."""

import socket
from typing import Final, final

from wadjet.wasi.host.errors import Code, HostError
from wadjet.wasi.host.inet import (
    Endpoint, Family, bare, check_family, make_system, of_system, to_system,
)  # fmt: skip
from wadjet.wasi.host.network import Address, Network, Use
from wadjet.wasi.host.waiting import forget

#: The longest datagram.
MAX_DATAGRAM: Final = 1 << 16


@final
class Udp(Endpoint):
    """A UDP socket. Raises `HostError` (ACCESS for what the network's rules do not allow), OSError;
    what would block, `BlockingIOError`.

    `remote` is the peer it is limited to, if any.
    """

    __slots__ = ("_bound", "_chosen", "_listening", "remote")

    def __init__(self, network: Network, family: Family) -> None:
        super().__init__(network, family, make_system(family, socket.SOCK_DGRAM))
        self._bound = False
        #: whether the guest chose the local address
        self._chosen = False
        self._listening = False
        self.remote: Address | None = None

    def bind(self, address: Address) -> None:
        """Take a local address. Who may listen there hears everybody; else only who may be sent to
        is heard, and no port can be chosen."""
        check_family(self.family, address)
        if address.ip.version == 6 and address.ip.ipv4_mapped is not None:
            raise HostError(Code.INVALID)
        if self._bound:
            raise HostError(Code.IS_CONNECTED)
        self._listening = self._network.allows(Use.LISTEN, address)
        if not self._listening and (address.port or int(address.ip)):
            raise HostError(Code.ACCESS)
        self._system.bind(to_system(address))
        self._bound = self._chosen = True

    def connect(self, address: Address) -> None:
        """Limit the socket to one peer."""
        self._check_peer(address)
        self._network.check(Use.UDP, address)
        if self.remote is not None:
            self.disconnect()
        self._system.connect(to_system(address))
        self.remote = address
        self._bound = True

    def disconnect(self) -> None:
        """Be free to talk to anybody again. Python cannot dissociate a socket of the machine, so
        another takes its place, port and options."""
        if self.remote is None:
            raise HostError(Code.NOT_CONNECTED)
        local = of_system(self._system.getsockname())
        fresh = make_system(self.family, socket.SOCK_DGRAM)
        for level, name in ((socket.SOL_SOCKET, socket.SO_RCVBUF), self.family.hops):
            fresh.setsockopt(level, name, self._system.getsockopt(level, name))
        fresh.setblocking(False)
        forget(self._system.fileno())
        self._system.close()
        self._system = fresh
        self.remote = None
        fresh.bind(to_system(local if self._chosen else Address(self.family.any(), local.port)))

    def _bind_anywhere(self) -> None:
        if not self._bound:
            self._system.bind(to_system(Address(self.family.any(), 0)))
            self._bound = True

    def send(self, data: bytes, address: Address | None) -> None:
        """Send one datagram, to the peer if nothing else is said."""
        if address is not None:
            self._check_peer(address)
        if self.remote is not None:
            if address is not None and address != self.remote:
                raise HostError(Code.INVALID)
            self._system.send(data)
            return
        if address is None:
            raise HostError(Code.INVALID)
        self._network.check(Use.UDP, address)
        self._bind_anywhere()
        self._system.sendto(data, to_system(address))

    def receive_from(self) -> tuple[bytes, Address]:
        """The next datagram from somebody whom the guest may hear."""
        if not self._bound:
            raise HostError(Code.NOT_CONNECTED)
        while True:
            data, system = self._system.recvfrom(MAX_DATAGRAM)
            sender = of_system(system)
            if self.remote is not None or self._listening:
                return data, sender
            if self._network.allows(Use.UDP, sender):
                return data, sender

    def _check_peer(self, address: Address) -> None:
        check_family(self.family, address)
        mapped = address.ip.version == 6 and address.ip.ipv4_mapped is not None
        if bare(address) or mapped:
            raise HostError(Code.INVALID)

    def bound(self) -> bool:
        """Whether it has a local address."""
        return self._bound

    def local_address(self) -> Address:
        """Where it is bound."""
        if not self._bound:
            raise HostError(Code.NOT_CONNECTED)
        return of_system(self._system.getsockname())

    def remote_address(self) -> Address:
        """The peer it is limited to."""
        if self.remote is None:
            raise HostError(Code.NOT_CONNECTED)
        return self.remote
