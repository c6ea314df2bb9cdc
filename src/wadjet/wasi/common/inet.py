"""Addresses of `wasi:sockets`, which are written alike in every edition."""

from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address
from typing import Any

from wadjet.wasi.common.forms import Variant, case, name
from wadjet.wasi.host.inet import Family
from wadjet.wasi.host.network import Address, IpAddress


@dataclass(frozen=True, slots=True)
class Ipv4SocketAddress:
    """`ipv4-socket-address`."""

    port: int
    address: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Ipv6SocketAddress:
    """`ipv6-socket-address`."""

    port: int
    flow_info: int
    address: tuple[int, ...]
    scope_id: int


def _groups(ip: IpAddress) -> tuple[int, ...]:
    packed = ip.packed
    if len(packed) == 4:
        return tuple(packed)
    return tuple(int.from_bytes(packed[at : at + 2], "big") for at in range(0, 16, 2))


def to_ip_address(ip: IpAddress) -> Variant:
    """An `ip-address`."""
    return case(f"ipv{ip.version}", _groups(ip))


def to_socket_address(address: Address) -> Variant:
    """An `ip-socket-address`."""
    groups = _groups(address.ip)
    if address.ip.version == 4:
        return case("ipv4", Ipv4SocketAddress(address.port, groups))
    return case("ipv6", Ipv6SocketAddress(address.port, address.flow, groups, address.scope))


def of_socket_address(given: Any) -> Address:
    """What an `ip-socket-address` of a guest says."""
    value = given.value
    if name(given) == "Ipv4":
        return Address(IPv4Address(bytes(value.address)), value.port)
    packed = b"".join(group.to_bytes(2, "big") for group in value.address)
    return Address(IPv6Address(packed), value.port, value.flow_info, value.scope_id)


def of_family(given: object) -> Family:
    """What an `ip-address-family` of a guest says."""
    return Family[name(given)]
