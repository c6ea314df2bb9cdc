"""What of the network is reached: rules, ways to write an address, names that lead elsewhere."""

import asyncio
import socket
from contextlib import suppress
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import Any

import pytest

from wadjet.wasi.host import lookup
from wadjet.wasi.host.errors import Code, HostError
from wadjet.wasi.host.inet import Family
from wadjet.wasi.host.network import Address, Network, Use
from wadjet.wasi.host.tcp import Tcp
from wadjet.wasi.host.udp import Udp

#: rule, use, address, port → allowed
ALLOWED: list[tuple[str, Use, str, int, bool]] = [
    ("127.0.0.1:80", Use.TCP, "127.0.0.1", 80, True),
    ("127.0.0.1:80", Use.UDP, "127.0.0.1", 80, True),
    ("127.0.0.1:80", Use.TCP, "127.0.0.1", 81, False),
    ("127.0.0.1:80", Use.LISTEN, "127.0.0.1", 80, False),
    ("127.0.0.1:80", Use.TCP, "127.0.0.2", 80, False),
    ("127.0.0.1:80", Use.TCP, "::ffff:127.0.0.1", 80, True),
    ("127.0.0.1:80", Use.TCP, "::127.0.0.1", 80, False),
    ("127.0.0.1:80", Use.TCP, "64:ff9b::127.0.0.1", 80, False),
    ("127.0.0.1:80", Use.TCP, "2002:7f00:1::", 80, False),
    ("127.0.0.1:80", Use.TCP, "::1", 80, False),
    ("[::1]:80", Use.TCP, "127.0.0.1", 80, False),
    ("[::1]:80", Use.TCP, "::1%lo", 80, True),
    ("[fe80::1]", Use.TCP, "fe80::1%2", 1, True),
    ("[fe80::1]", Use.TCP, "fe80::2%1", 1, False),
    ("[::]/0", Use.TCP, "10.0.0.1", 80, False),
    ("[::]/0", Use.TCP, "::ffff:10.0.0.1", 80, False),
    ("0.0.0.0/0", Use.TCP, "10.0.0.1", 80, True),
    ("0.0.0.0/0", Use.TCP, "2001:db8::1", 80, False),
    ("0.0.0.0", Use.TCP, "127.0.0.1", 80, False),
    ("10.0.0.0/8:80-443", Use.TCP, "10.255.255.255", 443, True),
    ("10.0.0.0/8:80-443", Use.TCP, "10.0.0.1", 444, False),
    ("10.0.0.0/8:80-443", Use.TCP, "11.0.0.0", 80, False),
    ("10.1.2.3/8", Use.TCP, "10.9.9.9", 0, True),
    ("tcp:10.0.0.1", Use.UDP, "10.0.0.1", 53, False),
    ("udp:10.0.0.1:53", Use.UDP, "10.0.0.1", 53, True),
    ("udp:10.0.0.1:53", Use.TCP, "10.0.0.1", 53, False),
    ("listen:0.0.0.0:80", Use.LISTEN, "0.0.0.0", 80, True),
    ("listen:0.0.0.0:80", Use.LISTEN, "127.0.0.1", 80, False),
    ("listen:127.0.0.1", Use.LISTEN, "0.0.0.0", 80, False),
    ("listen:*:80", Use.LISTEN, "::", 80, True),
    ("listen:*", Use.TCP, "10.0.0.1", 80, False),
    ("*", Use.TCP, "10.0.0.1", 80, True),
    ("*", Use.LISTEN, "10.0.0.1", 80, False),
    ("*:443", Use.TCP, "10.0.0.1", 80, False),
    ("example.com", Use.TCP, "10.0.0.1", 80, False),
    ("255.255.255.255", Use.UDP, "255.255.255.255", 9, True),
    ("10.0.0.0/8", Use.UDP, "255.255.255.255", 9, False),
    ("10.0.0.0/8", Use.UDP, "224.0.0.251", 5353, False),
]  # fmt: skip


@pytest.mark.parametrize(("rule", "use", "ip", "port", "allowed"), ALLOWED)
def test_a_rule_allows_what_it_says(rule: str, use: Use, ip: str, port: int, allowed: bool) -> None:
    assert Network.of(rule).allows(use, Address(ip_address(ip), port)) is allowed


@pytest.mark.parametrize(
    "line",
    ["", ":80", "1.2.3.4:99999", "1.2.3.4:80-", "1.2.3.4:-80", "1.2.3.4:x", "300.1.1.1", "1.2.3",
     "10.0.0.0/33", "listen:example.com", "a b", "exa$mple.com", "-x.com", "127.1", "2130706433",
     "a/8", "http://example.com", "::1]:80", "user@example.com"],
)  # fmt: skip
def test_what_is_no_rule_is_told(line: str) -> None:
    with pytest.raises(ValueError, match=r"no rule|listens at an address"):
        Network.of([line])


#: ways to write 127.0.0.1 and its like that some resolver takes for an address
DISGUISED = (
    "127.1", "127.0.1", "2130706433", "0x7f000001", "0x7f.0.0.1", "0177.0.0.1", "017700000001",
    "127.0.0.1.", "127.000.000.001", "[::ffff:127.0.0.1]", "localhost.", "LOCALHOST", "ｌocalhost",
    "127。0。0。1", "①27.0.0.1", "0", "0.0.0.0", "::", "ip6-localhost", "localhost.localdomain",
)  # fmt: skip


@pytest.mark.parametrize("name", DISGUISED)
def test_an_address_in_disguise_is_not_what_was_granted(name: str) -> None:
    """Rules of other names and addresses let none of these be looked up and reached."""
    network = Network.of(["example.com:80", "*.example.org", "10.0.0.0/8"])
    found = []
    with suppress(HostError):
        found = asyncio.run(lookup.resolve(network, name))
    assert not any(network.allows(Use.TCP, Address(ip, 80)) for ip in found)


@pytest.mark.parametrize(
    ("name", "allowed"),
    [("example.com", True), ("EXAMPLE.com.", True), ("ｅxample.com", True),
     ("a.b.example.org", True),
     ("example.org", False), ("notexample.com", False), ("example.com.evil.net", False),
     ("evil-example.org", False), (".example.org", None), ("a..example.org", None),
     ("example.com:80", None), ("example.com/", None), ("example.com\0.org", None), ("", None),
     ("a" * 64 + ".example.org", None), ("a." * 130 + "example.org", None),
     ("user@example.com", None),
     ("example.com#.example.org", None), ("example.com%00", None), ("*.example.org", None),
     (" example.com", None), ("example.com\n", None)],
)  # fmt: skip
def test_names_that_may_be_looked_up(name: str, allowed: bool | None) -> None:
    """True: it may; False: it may not; None: it is no name at all."""
    network = Network.of(["example.com", "*.example.org"])
    if allowed:
        assert lookup.check(network, name)
        return
    with pytest.raises(HostError) as caught:
        lookup.check(network, name)
    assert caught.value.code is (Code.INVALID if allowed is None else Code.ACCESS)


def _answering(monkeypatch: pytest.MonkeyPatch, answers: list[str]) -> None:
    """A resolver that somebody else owns: every name has these addresses, one after the other."""

    async def getaddrinfo(self: Any, host: str, *_: Any, **__: Any) -> Any:
        ip = answers.pop(0)
        family = socket.AF_INET6 if ":" in ip else socket.AF_INET
        return [(family, socket.SOCK_STREAM, 6, "", (ip, 0))]

    monkeypatch.setattr(asyncio.BaseEventLoop, "getaddrinfo", getaddrinfo)


@pytest.mark.parametrize(
    "ip",
    ["127.0.0.1", "127.8.8.8", "::1", "0.0.0.0", "::", "169.254.169.254", "fe80::1%eth0",
     "::ffff:127.0.0.1", "::ffff:169.254.169.254", "224.0.0.1", "ff02::1"],
)  # fmt: skip
def test_a_name_does_not_lead_to_this_machine(monkeypatch: pytest.MonkeyPatch, ip: str) -> None:
    network = Network.of(["example.com:80", "*.localhost"])
    _answering(monkeypatch, ["93.184.216.34", ip])
    for _ in range(2):
        asyncio.run(lookup.resolve(network, "example.com"))
    assert network.allows(Use.TCP, Address(ip_address("93.184.216.34"), 80))
    assert not network.allows(Use.TCP, Address(ip_address(ip), 80))


def test_a_name_grants_its_own_ports_and_uses_only(monkeypatch: pytest.MonkeyPatch) -> None:
    network = Network.of(["tcp:example.com:80-81", "udp:other.example"])
    _answering(monkeypatch, ["192.0.2.1", "192.0.2.1"])
    here = IPv4Address("192.0.2.1")
    assert not network.allows(Use.TCP, Address(here, 80))
    asyncio.run(lookup.resolve(network, "example.com"))
    assert [network.allows(Use.TCP, Address(here, port)) for port in (79, 80, 81, 82)] == [
        False, True, True, False,
    ]  # fmt: skip
    assert not network.allows(Use.UDP, Address(here, 80))
    assert not network.allows(Use.LISTEN, Address(here, 80))
    with pytest.raises(HostError):
        asyncio.run(lookup.resolve(network, "elsewhere.example"))


def test_localhost_is_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    network = Network.of("localhost:80")
    _answering(monkeypatch, ["127.0.0.1"])
    asyncio.run(lookup.resolve(network, "localhost"))
    assert network.allows(Use.TCP, Address(IPv4Address("127.0.0.1"), 80))
    assert not network.allows(Use.TCP, Address(IPv6Address("::1"), 80))


_REFUSED = (HostError, OSError)


@pytest.mark.parametrize(
    "ip",
    ["127.0.0.1", "0.0.0.0", "255.255.255.255", "224.0.0.1", "169.254.169.254", "10.0.0.1", "::1",
     "::", "::ffff:127.0.0.1", "::127.0.0.1", "ff02::1", "fe80::1", "64:ff9b::7f00:1"],
)  # fmt: skip
def test_sockets_reach_nothing_without_a_rule(ip: str) -> None:
    for rules in (None, "192.0.2.0/24", "listen:*", "example.com"):
        network, address = Network.of(rules), Address(ip_address(ip), 9)
        family = Family.IPV4 if address.ip.version == 4 else Family.IPV6
        tcp, udp = Tcp(network, family), Udp(network, family)
        try:
            with pytest.raises(_REFUSED):
                tcp.start_connect(address)
            with pytest.raises(_REFUSED):
                udp.connect(address)
            with pytest.raises(_REFUSED):
                udp.send(b"x", address)
            if rules != "listen:*":
                with pytest.raises(_REFUSED):
                    tcp.bind(address)
                with pytest.raises(_REFUSED):
                    udp.bind(address)
                with pytest.raises(_REFUSED):
                    tcp.listen()
        finally:
            tcp.close()
            udp.close()


def test_a_datagram_of_a_stranger_is_not_heard() -> None:
    friend, stranger = (socket.socket(type=socket.SOCK_DGRAM) for _ in range(2))
    with friend, stranger:
        for each in (friend, stranger):
            each.bind(("127.0.0.1", 0))
        udp = Udp(Network.of(f"127.0.0.1:{friend.getsockname()[1]}"), Family.IPV4)
        udp.bind(Address(Family.IPV4.any(), 0))
        port = udp.local_address().port
        for sender, text in ((stranger, b"strange"), (friend, b"known")):
            sender.sendto(text, ("127.0.0.1", port))
        assert udp.receive_from()[0] == b"known"
        with pytest.raises(BlockingIOError):
            udp.receive_from()
        udp.close()
