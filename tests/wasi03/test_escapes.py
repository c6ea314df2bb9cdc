"""Nothing leads out of what WASI 0.3 was granted: every known path, every form of an address.

Here the host's own classes are called; guests call them in the official suite.
"""

import asyncio
import inspect
import os
from pathlib import Path
from typing import Any

import pytest

from tests.wasi.ways_out import PATHS, SELF, attempts, build, inodes, snapshot
from wadjet.wasi import Wasi
from wadjet.wasi.common.filesystem import DescriptorBase
from wadjet.wasi.common.forms import Member, ResultError, case, name
from wadjet.wasi.common.inet import Ipv4SocketAddress, Ipv6SocketAddress
from wadjet.wasi.world import World


def _provided(interface: str, **grants: Any) -> Any:
    given = {"stdin": None, "stdout": None, "stderr": None} | grants
    full = f"wasi:{interface}@0.3.0"
    return World(Wasi(**given)).interfaces([full])[full]


def _call(function: Any, *args: object) -> Any:
    """What a function gives, whether or not it has to wait."""

    async def main() -> Any:
        made = function(*args)
        return await made if inspect.isawaitable(made) else made

    return asyncio.run(main())


def _refusal(function: Any, *args: object) -> str:
    with pytest.raises(ResultError) as caught:
        _call(function, *args)
    return name(caught.value.value)


def _root(folder: Path) -> DescriptorBase:
    ((root, _),) = _provided("filesystem/preopens", dirs={"/": folder}).get_directories()
    assert isinstance(root, DescriptorBase)
    return root


@pytest.mark.parametrize("path", PATHS)
def test_no_path_leads_out(tmp_path: Path, path: str) -> None:
    world = build(tmp_path)
    outside, root = world / "outside", _root(world / "inside")
    status = world.stat()
    before, forbidden = snapshot(outside), inodes(outside) | {(status.st_dev, status.st_ino)}
    for function, arguments in attempts(path.replace("{outside}", str(outside)), case("now")):
        given = [root if each is SELF else each for each in arguments]
        try:
            made = getattr(root, function)(*given)
        except ResultError:
            continue
        if isinstance(made, DescriptorBase):
            stat = made.handle.stat()
            assert (stat.device, stat.inode) not in forbidden, (function, arguments)
            made.close()
    root.close()
    assert snapshot(outside) == before
    assert sorted(os.listdir(world)) == ["inside", "outside"]


@pytest.mark.parametrize(
    ("path", "code"),
    [("", "NoEntry"), ("x" * 256, "NameTooLong"), ("x/" * 3000, "NameTooLong"),
     ("a\0b", "Invalid"), ("file/x", "NotDirectory"), ("loop", "Loop"), ("FILE", "NoEntry"),
     ("file/", "NotDirectory"), ("..", "NotPermitted"), ("/", "NotPermitted"),
     ("file_out", "NotPermitted"), ("fd", "NotPermitted")],
)  # fmt: skip
def test_names_that_are_refused(tmp_path: Path, path: str, code: str) -> None:
    root = _root(build(tmp_path) / "inside")
    assert _refusal(root.stat_at, 1, path) == code
    assert _refusal(getattr(root, "open_at"), 1, path, 0, 1) == code  # noqa: B009 (an edition's)
    root.close()


def _address(family: str, port: int, *groups: int) -> Any:
    if family == "ipv4":
        return case("ipv4", Ipv4SocketAddress(port, groups))
    return case("ipv6", Ipv6SocketAddress(port, 0, groups, 0))


DENIED, INVALID = "AccessDenied", "InvalidArgument"
ADDRESSES = [
    (_address("ipv4", 80, 127, 0, 0, 2), DENIED), (_address("ipv4", 80, 10, 0, 0, 1), DENIED),
    (_address("ipv4", 80, 169, 254, 169, 254), DENIED), (_address("ipv4", 80, 0, 0, 0, 0), INVALID),
    (_address("ipv4", 0, 127, 0, 0, 1), INVALID), (_address("ipv4", 80, 224, 0, 0, 1), INVALID),
    (_address("ipv4", 80, 255, 255, 255, 255), INVALID),
    (_address("ipv6", 80, 0, 0, 0, 0, 0, 0xFFFF, 0x7F00, 1), INVALID),
    (_address("ipv6", 80, 0, 0, 0, 0, 0, 0, 0x7F00, 1), DENIED),
    (_address("ipv6", 80, 0x64, 0xFF9B, 0, 0, 0, 0, 0x7F00, 1), DENIED),
    (_address("ipv6", 80, 0xFE80, 0, 0, 0, 0, 0, 0, 1), DENIED),
    (_address("ipv6", 80, 0, 0, 0, 0, 0, 0, 0, 0), INVALID),
    (_address("ipv6", 80, 0xFF02, 0, 0, 0, 0, 0, 0, 1), INVALID),
]  # fmt: skip


@pytest.mark.parametrize(("address", "code"), ADDRESSES)
def test_no_address_is_reached_that_is_not_granted(address: Any, code: str) -> None:
    sockets = _provided("sockets/types", network=["127.0.0.1", "[::1]", "listen:127.0.0.1"])
    family = Member(name(address).upper())
    tcp, udp = sockets.TcpSocket.create(family), sockets.UdpSocket.create(family)
    assert _refusal(tcp.connect, address) == code
    # a datagram may go to a group of receivers, which is granted like any other address
    several = address.value.address[0] in (224, 255, 0xFF02) and DENIED
    assert _refusal(udp.connect, address) == (several or code)
    assert _refusal(udp.send, b"x", address) == (several or code)
    for each in (tcp, udp):
        if address.value.port:  # a free port of the address that is granted is no escape
            assert _refusal(each.bind, address) in (DENIED, INVALID)
        each.close()


def test_nothing_is_reached_without_a_grant() -> None:
    sockets, names = _provided("sockets/types"), _provided("sockets/ip-name-lookup")
    tcp = sockets.TcpSocket.create(Member("IPV4"))
    here = _address("ipv4", 9, 127, 0, 0, 1)
    assert _refusal(tcp.connect, here) == DENIED
    assert _refusal(tcp.bind, here) == DENIED
    assert _refusal(tcp.listen) == DENIED
    for text in ("localhost", "127.0.0.1", "example.com", "[::1]"):
        assert _refusal(names.resolve_addresses, text) == DENIED
    assert _refusal(names.resolve_addresses, "not a name") == INVALID
    tcp.close()
