"""What the sockets a guest makes have in common: addresses, ownership, options."""

import socket
from enum import Enum
from ipaddress import IPv4Address, IPv6Address
from typing import Any, Final, Self

from wadjet.wasi.host.errors import Code, HostError
from wadjet.wasi.host.handles import FileType, Handle, Stat
from wadjet.wasi.host.network import Address, IpAddress, Network
from wadjet.wasi.host.polling import Interest, look
from wadjet.wasi.host.waiting import forget

#: The largest buffer the machine is asked for.
_MAX_BUFFER: Final = (1 << 31) - 1


class Family(Enum):
    """IPv4 or IPv6."""

    IPV4 = socket.AF_INET
    IPV6 = socket.AF_INET6

    @property
    def hops(self) -> tuple[int, int]:
        """The socket option that limits how far a packet goes."""
        if self is Family.IPV4:
            return socket.IPPROTO_IP, socket.IP_TTL
        return socket.IPPROTO_IPV6, socket.IPV6_UNICAST_HOPS

    def any(self) -> IpAddress:
        """The address that means all of the machine's."""
        return IPv4Address(0) if self is Family.IPV4 else IPv6Address(0)


def of_system(address: tuple[Any, ...]) -> Address:
    """An address as the socket module writes it."""
    host, port, *more = address
    if len(more) == 2:
        return Address(IPv6Address(host.partition("%")[0]), port, *more)
    return Address(IPv4Address(host), port)


def to_system(address: Address) -> tuple[Any, ...]:
    """An address as the socket module reads it."""
    if address.ip.version == 6:
        return str(address.ip), address.port, address.flow & 0xFFFFF, address.scope
    return str(address.ip), address.port


def check_family(family: Family, address: Address) -> None:
    """Refuse an address of the other family."""
    if (address.ip.version == 4) != (family is Family.IPV4):
        raise HostError(Code.INVALID)


def bare(address: Address) -> bool:
    """Whether an address names nobody: no host or no port."""
    return int(address.ip) == 0 or address.port == 0


def is_unicast(address: Address) -> bool:
    """Whether an address means one machine, and is not IPv4 in IPv6's clothes, which no socket
    here takes."""
    ip = address.ip
    if ip.version == 6:
        return not ip.is_multicast and ip.ipv4_mapped is None
    return not ip.is_multicast and int(ip) != 0xFFFF_FFFF


class Endpoint(Handle):
    """A socket of the machine, made for a guest within the `network`'s rules. It never blocks.

    It and the streams made of it share one descriptor, which closes with the last of them.
    """

    __slots__ = ("_holders", "_network", "_options", "_system", "family")

    def __init__(self, network: Network, family: Family, system: socket.socket) -> None:
        super().__init__()
        self.family: Final = family
        self._network: Final = network
        self._system = system
        self._holders = 1
        #: what was set, as it was set: the machine rounds
        self._options: dict[str, int] = {}
        system.setblocking(False)

    def hold(self) -> Self:
        """One more who uses the socket."""
        self._holders += 1
        return self

    def release(self) -> None:
        """One less; the last one closes it."""
        self._holders -= 1
        if self._holders == 0:
            self.close()

    def close(self) -> None:
        """Close it, whoever still holds it."""
        if self._system.fileno() >= 0:
            forget(self._system.fileno())
        self._system.close()

    def __del__(self) -> None:
        system = getattr(self, "_system", None)  # there is none if the machine had none to give
        if system is not None:
            system.close()  # a guest may end without giving anything back

    def stat(self) -> Stat:
        """Of a socket only the type is known."""
        is_stream = self._system.type == socket.SOCK_STREAM
        return Stat(FileType.SOCKET_STREAM if is_stream else FileType.SOCKET_DATAGRAM)

    def poll_number(self) -> int:
        """The descriptor to wait for."""
        return self._system.fileno()

    def is_ready(self, *, writing: bool) -> bool:
        """Whether it can be read, or written, or has something to say about that."""
        return self._system.fileno() < 0 or look([Interest(self, writing)])[0].ready

    def hop_limit(self) -> int:
        """Through how many routers at most."""
        return self._option(*self.family.hops)

    def set_hop_limit(self, value: int) -> None:
        """Through how many routers at most."""
        if value == 0:
            raise HostError(Code.INVALID)
        self._set_option(*self.family.hops, value)

    def receive_buffer(self) -> int:
        """How much the machine keeps of what came."""
        return self._buffer("receive", socket.SO_RCVBUF)

    def set_receive_buffer(self, value: int) -> None:
        """How much the machine shall keep of what came."""
        self._set_buffer("receive", socket.SO_RCVBUF, value)

    def send_buffer(self) -> int:
        """How much the machine keeps of what goes."""
        return self._buffer("send", socket.SO_SNDBUF)

    def set_send_buffer(self, value: int) -> None:
        """How much the machine shall keep of what goes."""
        self._set_buffer("send", socket.SO_SNDBUF, value)

    def _option(self, level: int, name: int) -> int:
        if self._system.fileno() < 0:
            raise HostError(Code.NOT_CONNECTED)
        return self._system.getsockopt(level, name)

    def _set_option(self, level: int, name: int, value: int) -> None:
        if self._system.fileno() < 0:
            raise HostError(Code.NOT_CONNECTED)
        self._system.setsockopt(level, name, value)

    def _buffer(self, key: str, name: int) -> int:
        real = self._option(socket.SOL_SOCKET, name)
        return self._options.get(key, real)

    def _set_buffer(self, key: str, name: int, value: int) -> None:
        if value == 0:
            raise HostError(Code.INVALID)
        self._set_option(socket.SOL_SOCKET, name, min(value, _MAX_BUFFER))
        self._options[key] = min(value, _MAX_BUFFER)


def make_system(family: Family, kind: socket.SocketKind) -> socket.socket:
    """A new socket of the machine: by itself it reaches nothing."""
    system = socket.socket(family.value, kind)
    if family is Family.IPV6:
        system.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
    return system
