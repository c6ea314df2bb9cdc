"""Instances of one component, which are made when they are needed and used again."""

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Any, Final, final

from wadjet.canon.root import Func

#: Seconds of computing for which others wait for an instance; then they go to another.
_LONG: Final = 0.25


@final
class Worker:
    """One instance, the function that answers requests, and how much it has done."""

    __slots__ = (
        "_scheduler", "active", "broken", "func", "instance", "listed", "served", "users",
    )  # fmt: skip

    def __init__(self, instance: Any, func: Func) -> None:
        self.instance: Final = instance
        self.func: Final = func
        self._scheduler: Final = func.inst.scheduler
        self.served = 0
        self.active = 0
        #: it takes no more requests
        self.broken = False
        #: it is among those that have room
        self.listed = False
        #: who uses it, and what to tell them if it fails
        self.users: Final[dict[object, Callable[[BaseException], None]]] = {}

    @property
    def computes(self) -> bool:
        """Whether a request in it computes for so long that others had better not wait for it."""
        scheduler = self._scheduler
        return scheduler.turned is not None and scheduler.computing > _LONG

    def fail(self, error: BaseException) -> None:
        """It has trapped, or taken too much: whatever it does has failed."""
        self.broken = True
        for tell in list(self.users.values()):
            tell(error)


@final
class Pool:
    """At most `most` instances, each for `reuse` requests (which may be changed), `concurrency` of
    them at a time."""

    def __init__(
        self,
        make: Callable[[], Worker],
        ended: Callable[[], object] | None,
        *,
        most: int,
        reuse: int,
        concurrency: int,
    ) -> None:
        """`ended` is called whenever an instance has ended."""
        self._make: Final = make
        self._ended: Final = ended
        self._most: Final = most
        self.reuse = reuse
        self._concurrency: Final = concurrency
        self._all: Final[set[Worker]] = set()
        #: those that have room, the last used last
        self._idle: Final[list[Worker]] = []
        self._queue: Final[deque[asyncio.Future[None]]] = deque()

    def __len__(self) -> int:
        return len(self._all)

    async def turn(self) -> None:
        """Wait until there may be room for one more request."""
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._queue.append(turn)
        try:
            await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled():
                self._wake()
            raise

    def find(self) -> Worker | None:
        """An instance for one request: one that has room, or a new one; None if there are too
        many. Raises what instantiation raises."""
        worker = self._idle[-1] if self._idle else None
        if worker is not None and (worker.broken or worker.computes):
            worker = self._ready()
        if worker is None:
            if len(self._all) >= self._most:
                return None
            worker = self._make()
            self._all.add(worker)
            self._list(worker)
        worker.active += 1
        worker.served += 1
        if worker.active >= self._concurrency or worker.served >= self.reuse:
            self._unlist(worker)
        return worker

    def _ready(self) -> Worker | None:
        """The one with room that was used last, and can begin at once."""
        at = len(self._idle)
        while at:
            at -= 1
            worker = self._idle[at]
            if worker.broken:
                self._unlist(worker)
            elif not worker.computes:
                return worker
        return None

    def _unlist(self, worker: Worker) -> None:
        worker.listed = False
        if self._idle[-1] is worker:
            self._idle.pop()
        else:
            self._idle.remove(worker)

    def give(self, worker: Worker) -> None:
        """A request is over: the instance has room again, or has done its work."""
        worker.active -= 1
        if not worker.broken and worker.served < self.reuse:
            if not worker.listed:
                self._list(worker)
        elif worker.active == 0 and worker in self._all:
            self._all.discard(worker)
            worker.instance.close()
            if self._ended is not None:
                self._ended()
        self._wake()

    def _list(self, worker: Worker) -> None:
        worker.listed = True
        self._idle.append(worker)

    def _wake(self) -> None:
        while self._queue:
            turn = self._queue.popleft()
            if not turn.done():
                turn.set_result(None)
                return

    def close(self) -> None:
        """End all instances, whatever they do."""
        for worker in self._all:
            worker.instance.close()
        self._all.clear()
        self._idle.clear()
