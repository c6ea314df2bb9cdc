"""What of the network a guest may reach: rules by use, address, port and name.

Nothing is reached unless a rule says so. A rule is a line such as

    *                        everything
    example.com:443          connections and datagrams to what this name leads to, to one port
    *.example.com            all names below a name, any port
    10.0.0.0/8:80-443        a range of addresses, a range of ports
    tcp:[::1]:8080           connections only; `udp:` means datagrams only
    listen:127.0.0.1:8080    take connections and datagrams at an address of the machine

A name's addresses are allowed once the guest has looked the name up, and for the rule's ports only.
Whoever answers for a name could lead a guest to the machine itself or its next neighbours, so no
name but `localhost` allows addresses that are loopback, link-local, multicast or unspecified.
"""

import re
from collections.abc import Iterable, Sequence
from wadjet.base.records import dataclass, field
from enum import Enum
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Final, NamedTuple, TypeAlias, final

from wadjet.wasi.host.errors import Code, HostError

IpAddress: TypeAlias = IPv4Address | IPv6Address
IpNetwork: TypeAlias = IPv4Network | IPv6Network

#: How many addresses are remembered as belonging to names: more than any program looks up.
MAX_LEARNED: Final = 1 << 16
_NAME = re.compile(r"(\*\.)?[a-z0-9_]([a-z0-9_.-]*[a-z0-9_])?\.?", re.IGNORECASE)
_PORTS = re.compile(r"(\d{1,5})(?:-(\d{1,5}))?")


class Address(NamedTuple):
    """One end of a connection. `flow` and `scope` are IPv6's."""

    ip: IpAddress
    port: int
    flow: int = 0
    scope: int = 0


class Use(Enum):
    """What a guest would do with an address."""

    TCP = "tcp"
    UDP = "udp"
    LISTEN = "listen"


@final
@dataclass(frozen=True, slots=True)
class Rule:
    """One line: where may be reached, and what for. A `network`, a `name`, or everything."""

    uses: frozenset[Use]
    ports: range
    network: IpNetwork | None = None
    name: str | None = None

    def allows_address(self, use: Use, ip: IpAddress, port: int) -> bool:
        """Whether this is an address of the rule's own, names aside."""
        if use not in self.uses or port not in self.ports or self.name is not None:
            return False
        return self.network is None or ip in self.network

    def allows_name(self, name: str) -> bool:
        """Whether a name may be looked up. A rule of everything allows all of them."""
        if self.name is None:
            return self.network is None and self.uses != {Use.LISTEN}
        if self.name.startswith("*."):
            return name.endswith(self.name[1:])
        return name == self.name


@final
@dataclass(slots=True)
class Network:
    """The rules, and what addresses the names in them were found to have."""

    rules: Sequence[Rule] = ()
    _learned: dict[IpAddress, list[Rule]] = field(default_factory=dict)

    @classmethod
    def of(cls, rules: "Network | str | Iterable[str] | bool | None") -> "Network":
        """A network of lines, of one line, of everything (True) or of nothing (None, False).

        Raises ValueError for a line that is no rule.
        """
        if isinstance(rules, Network):
            return rules
        if isinstance(rules, bool) or rules is None:
            rules = ("*", "listen:*") if rules else ()
        lines = [rules] if isinstance(rules, str) else rules
        return cls(tuple(map(parse_rule, lines)))

    def check(self, use: Use, address: Address) -> None:
        """Refuse (ACCESS) an address that no rule allows."""
        if not self.allows(use, address):
            raise HostError(Code.ACCESS)

    def allows(self, use: Use, address: Address) -> bool:
        """Whether a guest may do this with this address."""
        ip, port = plain(address.ip), address.port
        learned = self._learned.get(ip, ())
        return any(rule.allows_address(use, ip, port) for rule in self.rules) or any(
            use in rule.uses and port in rule.ports for rule in learned
        )

    def check_name(self, name: str) -> None:
        """Refuse (ACCESS) a name that may not be looked up."""
        if not any(rule.allows_name(fold(name)) for rule in self.rules):
            raise HostError(Code.ACCESS)

    def learn(self, name: str, addresses: Iterable[IpAddress]) -> None:
        """These are the addresses of a name: rules that allow the name allow them from now on."""
        rules = [r for r in self.rules if r.name is not None and r.allows_name(fold(name))]
        local = fold(name).rpartition(".")[2] == "localhost"
        for ip in map(plain, addresses):
            if not rules or not (local or _is_elsewhere(ip)):
                continue
            if len(self._learned) >= MAX_LEARNED:
                self._learned.clear()
            known = self._learned.setdefault(ip, [])
            known += [rule for rule in rules if rule not in known]


def _is_elsewhere(ip: IpAddress) -> bool:
    """Whether a name may lead here: to some machine of the network, not to this one."""
    return not (ip.is_loopback or ip.is_link_local or ip.is_multicast or ip.is_unspecified)


def plain(ip: IpAddress) -> IpAddress:
    """An address without disguise: IPv4 in IPv6's clothes is IPv4; a zone is left out."""
    if isinstance(ip, IPv6Address):
        return ip.ipv4_mapped or IPv6Address(int(ip))
    return ip


def fold(name: str) -> str:
    """A name as names are compared."""
    return name.rstrip(".").lower()


def parse_rule(line: str) -> Rule:
    """Read one line. Raises ValueError for what is none."""
    use, found, rest = line.partition(":")
    if found and use in [each.value for each in Use]:
        uses = frozenset({Use(use)})
    else:
        uses, rest = frozenset({Use.TCP, Use.UDP}), line
    host, ports = _split(rest, line)
    if host == "*":
        return Rule(uses, ports)
    try:
        return Rule(uses, ports, network=ip_network(host, strict=False))
    except ValueError:
        if not _NAME.fullmatch(host) or host.replace(".", "").isdigit():
            raise ValueError(f"no rule for the network: {line!r}") from None
    if Use.LISTEN in uses:
        raise ValueError(f"a guest listens at an address, not at a name: {line!r}")
    return Rule(uses, ports, name=fold(host))


def _split(rest: str, line: str) -> tuple[str, range]:
    """The host and the ports of a rule."""
    if rest.startswith("["):
        host, _, tail = rest[1:].partition("]")
        prefix, _, ports = tail.partition(":")
        rest = host + prefix
    elif rest.count(":") == 1:
        rest, _, ports = rest.partition(":")
    else:
        ports = ""
    if not ports:
        return rest, range(1 << 16)
    match = _PORTS.fullmatch(ports)
    if match is None or int(match[2] or match[1]) > 0xFFFF:
        raise ValueError(f"no rule for the network: {line!r}")
    return rest, range(int(match[1]), int(match[2] or match[1]) + 1)


def parse_ip(text: str) -> IpAddress | None:
    """An address written out; None for what is none (a name)."""
    try:
        return ip_address(text)
    except ValueError:
        return None
