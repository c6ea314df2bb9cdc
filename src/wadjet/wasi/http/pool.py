"""Connections to servers, kept for later requests."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from typing import Final, NamedTuple, final

from wadjet.wasi.http.errors import HttpError
from wadjet.wasi.http.exchange import Link

#: What is told when a connection has changed: it is free, or gone.
Changed = Callable[[Link], None]
#: What makes a connection to an origin.
Connect = Callable[["Origin", Changed], Awaitable[Link]]
#: How many origins are known by the version of HTTP they speak.
_MOST_KNOWN: Final = 1024


class Origin(NamedTuple):
    """Where requests go (RFC 6454)."""

    scheme: str
    host: str
    port: int


@dataclass(frozen=True, slots=True)
class PoolLimits:
    """How many connections there may be at a time, how many of them idle, to one origin, and for
    how many seconds."""

    connections: int = 512
    idle: int = 16
    seconds: float = 15.0


@final
class Pool:
    """The connections of one event loop. All are closed when that loop ends."""

    def __init__(self, connect: Connect, limits: PoolLimits) -> None:
        self._connect: Final = connect
        self._limits: Final = limits
        self._links: Final[dict[Origin, list[Link]]] = {}
        self._count = 0
        self._emptied: Final = asyncio.Event()
        #: connections on their way to servers that may speak HTTP/2: others wait for these
        self._opening: Final[dict[Origin, asyncio.Future[None]]] = {}
        #: the origins that were found to speak HTTP/1.1 only
        self._plain: Final[set[Origin]] = set()
        self._timers: Final[dict[Link, asyncio.TimerHandle]] = {}
        self._keeper: AsyncIterator[None] | None = None

    async def take(self, origin: Origin, *, fresh: bool = False) -> tuple[Link, bool]:
        """A connection that has room, and whether it was used before. Raises HttpError, OSError.

        The caller must open an exchange on it before it lets the event loop go on.
        """
        while not fresh:
            link = self._free(origin)
            if link is not None:
                return link, True
            if origin not in self._opening:
                break
            await asyncio.wait([self._opening[origin]])
        if self._count >= self._limits.connections:
            raise HttpError.of("connection-limit-reached")
        return await self._made(origin), False

    def _free(self, origin: Origin) -> Link | None:
        for link in reversed(self._links.get(origin, ())):
            if link.has_room:
                self._cancel_timer(link)
                return link
        return None

    async def _made(self, origin: Origin) -> Link:
        await self._keep()
        self._count += 1
        opening = None
        if origin.scheme == "https" and origin not in self._plain and origin not in self._opening:
            opening = self._opening[origin] = asyncio.get_running_loop().create_future()
        try:
            link = await self._connect(origin, lambda link: self._changed(origin, link))
            if link.is_gone:
                raise HttpError.of("connection-terminated")
        except BaseException:
            self._count -= 1
            raise
        finally:
            if opening is not None:
                del self._opening[origin]
                opening.set_result(None)
        if not link.is_http2 and len(self._plain) < _MOST_KNOWN:
            self._plain.add(origin)
        self._links.setdefault(origin, []).append(link)
        return link

    # -- What becomes of them ---------------------------------------------------------------------

    def _changed(self, origin: Origin, link: Link) -> None:
        """A connection is free, or gone."""
        links = self._links.get(origin, [])
        if link not in links:
            return
        if link.is_gone:
            links.remove(link)
            if not links:
                del self._links[origin]
            if not self._links:
                self._emptied.set()
            self._cancel_timer(link)
            self._count -= 1
        elif link.active == 0:
            if sum(each.active == 0 for each in links) > self._limits.idle:
                link.abort()
            elif link not in self._timers:
                loop = asyncio.get_running_loop()
                self._timers[link] = loop.call_later(self._limits.seconds, link.abort)

    def _cancel_timer(self, link: Link) -> None:
        timer = self._timers.pop(link, None)
        if timer is not None:
            timer.cancel()

    async def _keep(self) -> None:
        """See to it that the loop closes what is left: it ends its asynchronous generators."""
        if self._keeper is None:
            self._keeper = self._until_the_end()
            await anext(self._keeper)

    async def _until_the_end(self) -> AsyncIterator[None]:
        try:
            yield
        finally:
            await self.close()

    def links(self) -> list[Link]:
        """All connections."""
        return [link for links in self._links.values() for link in links]

    async def close(self) -> None:
        """Close all connections, whatever they carry."""
        for link in self.links():
            link.abort()
        while self._links:
            self._emptied.clear()
            await self._emptied.wait()
