"""Components that answer HTTP requests: `wasi:http` worlds `proxy` (0.2), `service` and
`middleware` (0.3)."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Final, final

from wadjet.api.component import Component
from wadjet.api.runtime import Limits
from wadjet.base.errors import Error, Timeout
from wadjet.canon.naming import matches
from wadjet.wasi.common.forms import ResultError
from wadjet.wasi.http.errors import HttpError, internal
from wadjet.wasi.http.fields import Entries
from wadjet.wasi.http.message import Body, Request, Response
from wadjet.wasi.world import Wasi

_PROXY: Final = "wasi:http/incoming-handler@0.2.0"
_SERVICE: Final = "wasi:http/handler@0.3.0"


@dataclass(frozen=True, slots=True)
class ServiceLimits:
    """What one request may cost.

    `seconds` from its head to the head of the response, and then between pieces of the body;
    `slice` seconds of computing without waiting; `memory` bytes of an instance. An instance serves
    `reuse` requests, at most `concurrency` at a time (0.3 only): a trap ends all of these.
    """

    seconds: float = 30.0
    slice: float = 5.0
    memory: int | None = 1 << 30
    reuse: int = 1000
    concurrency: int = 1
    instances: int = 1000


@dataclass(slots=True)
class Counters:
    """What happened so far."""

    requests: int = 0
    in_flight: int = 0
    traps: int = 0
    timeouts: int = 0
    instances_made: int = 0
    by_status: dict[int, int] = field(default_factory=dict)


@final
class _Worker:
    """One instance, and how much it has done."""

    __slots__ = ("active", "broken", "call", "instance", "served")

    def __init__(self, instance: Any, call: Any) -> None:
        self.instance: Final = instance
        self.call: Final = call
        self.served = 0
        self.active = 0
        self.broken = False


@final
class Service:
    """A component that answers requests; `handle` is a `Handler`.

    Instances are made when there is none free, and kept for later requests. What traps, takes too
    long or too much is thrown away, and its request fails with 502 or 504.
    """

    def __init__(
        self,
        component: Component,
        wasi: Wasi,
        limits: ServiceLimits | None = None,
        *,
        tier: str = "auto",
    ) -> None:
        names = [item.name for item in component.exports]
        self._export: Final = next(
            (n for n in names if matches(_PROXY, n) or matches(_SERVICE, n)), None
        )
        if self._export is None:
            raise Error(f"no HTTP component: it exports neither {_SERVICE} nor {_PROXY}")
        self._is_proxy: Final = matches(_PROXY, self._export)
        self._component: Final = component
        self._wasi: Final = wasi
        self.limits: Final = limits or ServiceLimits()
        self._tier: Final = tier
        self._idle: Final[list[_Worker]] = []
        self._all: Final[set[_Worker]] = set()
        self._room: Final = asyncio.Semaphore(self.limits.instances)
        self._tasks: Final[set[asyncio.Task[None]]] = set()
        self.counters: Final = Counters()

    # -- Instances --------------------------------------------------------------------------------

    async def _take(self) -> _Worker:
        """An instance for one request: one that has room, or a new one."""
        await self._room.acquire()
        try:
            while self._idle:
                worker = self._idle[-1]
                if worker.broken:
                    self._idle.pop()
                    continue
                worker.active += 1
                worker.served += 1
                if worker.active >= self._concurrency or worker.served >= self.limits.reuse:
                    self._idle.pop()
                return worker
            worker = self._make()
        except BaseException:
            self._room.release()
            raise
        worker.active = worker.served = 1
        if worker.active < self._concurrency and worker.served < self.limits.reuse:
            self._idle.append(worker)
        return worker

    @property
    def _concurrency(self) -> int:
        return 1 if self._is_proxy else self.limits.concurrency

    def _make(self) -> _Worker:
        limits = Limits(seconds=self.limits.slice, memory=self.limits.memory)
        instance = self._component.instantiate(
            wasi=self._wasi, limits=limits, tier=self._tier, awaitable=True
        )
        self.counters.instances_made += 1
        assert self._export is not None
        worker = _Worker(instance, instance[self._export].handle)
        self._all.add(worker)
        return worker

    def _give(self, worker: _Worker) -> None:
        """A request is over: the instance has room again, or has done its work."""
        worker.active -= 1
        self._room.release()
        spent = worker.broken or worker.served >= self.limits.reuse
        if spent:
            if worker.active == 0 and worker in self._all:
                self._all.discard(worker)
                worker.instance.close()
        elif worker not in self._idle:
            self._idle.append(worker)

    # -- Requests ---------------------------------------------------------------------------------

    async def handle(self, request: Request) -> Response:
        """Have the component answer. Raises HttpError."""
        counters = self.counters
        counters.requests += 1
        counters.in_flight += 1
        try:
            response = await self._handle(request)
        except BaseException as error:
            counters.in_flight -= 1
            status = 504 if isinstance(error, HttpError) and "Timeout" in str(error) else 502
            counters.by_status[status] = counters.by_status.get(status, 0) + 1
            raise
        counters.by_status[response.status] = counters.by_status.get(response.status, 0) + 1
        return response

    async def _handle(self, request: Request) -> Response:
        exchange = _Exchange(self, request)
        try:
            return await asyncio.wait_for(exchange.head(), self.limits.seconds)
        except TimeoutError:
            self.counters.timeouts += 1
            await exchange.end(broken=True)
            raise HttpError.of("HTTP-response-timeout") from None
        except BaseException:
            await exchange.end(broken=True)
            raise

    async def drain(self, seconds: float) -> None:
        """Wait until nothing is under way, but not longer than this."""
        if self._tasks:
            await asyncio.wait(list(self._tasks), timeout=seconds)

    async def close(self) -> None:
        """End all instances, whatever they do."""
        for task in list(self._tasks):
            task.cancel()
        if self._tasks:
            await asyncio.wait(list(self._tasks))
        for worker in self._all:
            worker.instance.close()
        self._all.clear()
        self._idle.clear()


@final
class _Exchange:
    """One request at one instance, from its arrival until the last piece of the response."""

    def __init__(self, service: Service, request: Request) -> None:
        self._service: Final = service
        self._request: Final = request
        self._worker: _Worker | None = None
        self._task: asyncio.Task[None] | None = None
        self._answer: asyncio.Future[Response] = asyncio.get_running_loop().create_future()

    async def head(self) -> Response:
        """The response, whose body is passed on under the same limits."""
        service = self._service
        self._worker = await service._take()
        run = self._run_proxy if service._is_proxy else self._run_service
        self._task = asyncio.ensure_future(run(self._worker.call))
        service._tasks.add(self._task)
        self._task.add_done_callback(service._tasks.discard)
        response = await self._answer
        body = response.body
        return Response(
            response.status,
            response.headers,
            Body(
                self._pieces(body),
                lambda: self._trailers(body),
                length=body.length,
                settle=body.settle,
                close=self.end,
            ),
        )

    async def _run_proxy(self, call: Any) -> None:
        from wadjet.wasi.p2.http import IncomingRequest, ResponseOutparam

        await self._guarded(call(IncomingRequest(self._request), ResponseOutparam(self._settle)))

    async def _run_service(self, call: Any) -> None:
        from wadjet.wasi.p3.http import HttpRequest

        made = await self._guarded(call(HttpRequest.of(self._request)))
        if made is not None:
            self._settle(made.response())

    async def _guarded(self, work: Any) -> Any:
        """What the guest's call gives; what it ends with otherwise fails the request."""
        try:
            return await work
        except ResultError as error:
            self._settle(HttpError(error.value))
        except Timeout:
            self._service.counters.timeouts += 1
            self._broken(HttpError.of("HTTP-response-timeout"))
        except Error as error:
            self._service.counters.traps += 1
            self._broken(internal(f"the guest failed: {error}"))
        return None

    def _broken(self, error: HttpError) -> None:
        if self._worker is not None:
            self._worker.broken = True
        self._settle(error)

    def _settle(self, answer: Response | HttpError) -> None:
        if self._answer.done():
            return
        if isinstance(answer, HttpError):
            self._answer.set_exception(answer)
        else:
            self._answer.set_result(answer)

    async def _pieces(self, body: Body) -> AsyncIterator[bytes]:
        pieces = aiter(body)
        while True:
            piece = await self._in_time(anext(pieces, None))
            if piece is None:
                return
            yield piece

    async def _trailers(self, body: Body) -> Entries | None:
        found: Entries | None = await self._in_time(body.trailers())
        return found

    async def _in_time(self, work: Any) -> Any:
        try:
            return await asyncio.wait_for(work, self._service.limits.seconds)
        except TimeoutError:
            self._service.counters.timeouts += 1
            if self._worker is not None:
                self._worker.broken = True
            raise HttpError.of("HTTP-response-timeout") from None

    async def end(self, *, broken: bool = False) -> None:
        """The request is over: what the guest still does for it is waited for, but not long."""
        worker, self._worker = self._worker, None
        if worker is None:
            return
        self._service.counters.in_flight -= 0 if broken else 1
        worker.broken = worker.broken or broken
        if self._task is not None and not self._task.done():
            limit = 0 if worker.broken else self._service.limits.seconds
            _, late = await asyncio.wait([self._task], timeout=limit)
            if late:
                worker.broken = True
                self._task.cancel()
                with suppress(asyncio.CancelledError):
                    await self._task
        if self._answer.done() and not self._answer.cancelled():
            self._answer.exception()  # whoever waited for it has gone
        self._service._give(worker)
