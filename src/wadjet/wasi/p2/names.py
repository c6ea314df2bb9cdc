"""`wasi:sockets/ip-name-lookup` 0.2: names to addresses."""

import asyncio
from collections.abc import Iterator
from typing import TypeAlias, final

from wadjet.wasi.common.forms import Variant, answers
from wadjet.wasi.common.inet import to_ip_address
from wadjet.wasi.host.errors import Code, HostError
from wadjet.wasi.host.lookup import check, resolve
from wadjet.wasi.host.network import IpAddress
from wadjet.wasi.p2.io import Pollable, When
from wadjet.wasi.p2.network import Network, lookup_code


@final
class ResolveAddressStream:
    """`resolve-address-stream`: a look-up, begun when somebody waits for it, then its answers."""

    def __init__(self, network: Network, name: str) -> None:
        self._network = network
        self._name = name
        self._task: asyncio.Task[list[IpAddress]] | None = None
        self._left: Iterator[IpAddress] | None = None

    def refusal(self, code: Code) -> object:
        """The `error-code`."""
        return lookup_code(code)

    def close(self) -> None:
        """The guest is done with it."""
        if self._task is not None:
            self._task.cancel()

    @answers
    def resolve_next_address(self) -> Variant | None:
        """The next address; None at the end."""
        if self._left is None:
            if self._task is None or not self._task.done():
                raise HostError(Code.IN_PROGRESS)
            self._left = iter(self._task.result())
        ip = next(self._left, None)
        return None if ip is None else to_ip_address(ip)

    def subscribe(self) -> Pollable:
        """Ready when there is an answer."""
        return When(lambda: self._task is not None and self._task.done(), self._wait)

    async def _wait(self) -> None:
        if self._task is None:
            self._task = asyncio.ensure_future(resolve(self._network.rules, self._name))
        await asyncio.wait([self._task])


#: What a look-up gives.
Answers: TypeAlias = ResolveAddressStream


@final
class NameLookup:
    """`wasi:sockets/ip-name-lookup`."""

    ResolveAddressStream = ResolveAddressStream

    def refusal(self, code: Code) -> object:
        """The `error-code`."""
        return lookup_code(code)

    @answers
    def resolve_addresses(self, network: Network, name: str) -> Answers:
        """Begin to look a name up."""
        check(network.rules, name)
        return ResolveAddressStream(network, name)
