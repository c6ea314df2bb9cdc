"""Names to addresses."""

import asyncio
import socket
from ipaddress import ip_address
from typing import Any

from wadjet.wasi.host.errors import Code, HostError
from wadjet.wasi.host.network import IpAddress, Network, parse_ip

#: The longest name there can be.
_MAX_NAME = 253
_PERMANENT = (socket.EAI_FAIL,)
_TEMPORARY = (socket.EAI_AGAIN,)


def check(network: Network, name: str) -> str | IpAddress:
    """The name as it goes over the wire, or the address that it is.

    Raises HostError: INVALID for what is neither, ACCESS for what the guest may not look up.
    """
    literal = parse_ip(name.removeprefix("[").removesuffix("]"))
    if literal is not None:
        if not network.rules:
            raise HostError(Code.ACCESS)
        return literal
    ascii_name = _ascii(name)
    network.check_name(ascii_name)
    return ascii_name


async def resolve(network: Network, name: str) -> list[IpAddress]:
    """The addresses of a name, best first; of an address, itself.

    Raises HostError: as `check`, and NO_ENTRY if there is none, WOULD_BLOCK if it may be found
    later, NOT_RECOVERABLE if never.
    """
    wanted = check(network, name)
    if not isinstance(wanted, str):
        return [wanted]
    loop = asyncio.get_running_loop()
    try:
        # The system offers no other way than a thread; the loop keeps a few for all.
        found = await loop.getaddrinfo(wanted, None, type=socket.SOCK_STREAM)
    except socket.gaierror as error:
        raise HostError(_code(error)) from None
    addresses = list(dict.fromkeys(_ip(entry[4]) for entry in found))
    network.learn(wanted, addresses)
    return addresses


def _ascii(name: str) -> str:
    """A name as it goes over the wire."""
    try:
        encoded = name.encode("ascii" if name.isascii() else "idna").decode("ascii")
    except UnicodeError:
        raise HostError(Code.INVALID) from None
    labels = encoded.removesuffix(".").split(".")
    plain = all(label and len(label) <= 63 and _is_label(label) for label in labels)
    if not plain or len(encoded) > _MAX_NAME:
        raise HostError(Code.INVALID)
    return encoded


def _is_label(label: str) -> bool:
    return label.replace("-", "").replace("_", "").isalnum()


def _ip(address: Any) -> IpAddress:
    return ip_address(str(address[0]).partition("%")[0])


def _code(error: socket.gaierror) -> Code:
    if error.errno in _TEMPORARY:
        return Code.WOULD_BLOCK
    return Code.NOT_RECOVERABLE if error.errno in _PERMANENT else Code.NO_ENTRY
