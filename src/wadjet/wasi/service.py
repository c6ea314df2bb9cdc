"""Components that answer HTTP requests: `wasi:http` worlds `proxy` (0.2), `service` and
`middleware` (0.3)."""

import asyncio
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Final, final

from wadjet.api.aio import begin
from wadjet.api.component import Component
from wadjet.api.runtime import Limits
from wadjet.base.errors import Error, Timeout
from wadjet.canon.naming import matches
from wadjet.canon.root import Call, Func
from wadjet.wasi.common.forms import ResultError
from wadjet.wasi.http.errors import HttpError, internal, status_of
from wadjet.wasi.http.message import Body, Request, Response
from wadjet.wasi.patience import Patience, Within
from wadjet.wasi.pool import Pool, Worker
from wadjet.wasi.tally import Counters
from wadjet.wasi.world import Wasi

_PROXY: Final = "wasi:http/incoming-handler@0.2.0"
_SERVICE: Final = "wasi:http/handler@0.3.0"
#: What is counted for a request whose client has gone before the head of the response.
_GONE: Final = 499
#: The methods that a guest may be asked twice.
_SAFE: Final = frozenset(("GET", "HEAD", "OPTIONS", "TRACE"))
#: In so many instances a request may meet others that fail.
_TRIES: Final = 3
#: Seconds between two looks at an instance in which a request cannot begin.
_PAUSE: Final = 0.05


@dataclass(frozen=True, slots=True)
class ServiceLimits:
    """What one request may cost.

    `seconds` from its head to the head of the response, and then between pieces of the body, not
    counting time in which the loop could do nothing; `slice` seconds of computing without waiting;
    `memory` bytes of an instance. An instance serves `reuse` requests, at most `concurrency` at a
    time (0.3 only): a trap ends all of these, and those that may be asked again are. There are at
    most so many `instances`.
    """

    seconds: float = 30.0
    slice: float = 5.0
    memory: int | None = 1 << 30
    reuse: int = 1000
    concurrency: int = 1
    instances: int = 1000


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
        report: Callable[[str], object] | None = None,
        ended: Callable[[], object] | None = None,
    ) -> None:
        """`report` is told in words what went wrong with guests, `ended` that an instance has
        ended, which may be garbage soon."""
        names = [item.name for item in component.exports]
        export = next((n for n in names if matches(_PROXY, n) or matches(_SERVICE, n)), None)
        if export is None:
            raise Error(f"no HTTP component: it exports neither {_SERVICE} nor {_PROXY}")
        self._export: Final = export
        self._component: Final = component
        self._wasi: Final = wasi
        self._tier: Final = tier
        self._report: Final = report
        is_proxy = matches(_PROXY, export)
        self.limits: Final = limits or ServiceLimits()
        self.counters = Counters()
        self._exchange: Final = _ProxyExchange if is_proxy else _ServiceExchange
        self.pool: Final = Pool(
            self._make,
            ended,
            most=self.limits.instances,
            reuse=self.limits.reuse,
            concurrency=1 if is_proxy else self.limits.concurrency,
        )
        self.patience: Final = Patience()
        #: what is not over yet
        self.under_way: Final[set[_Exchange]] = set()
        self._quiet: asyncio.Event | None = None

    def _make(self) -> Worker:
        limits = Limits(seconds=self.limits.slice, memory=self.limits.memory)
        instance = self._component.instantiate(
            wasi=self._wasi, limits=limits, tier=self._tier, awaitable=True
        )
        self.counters.instances_made += 1
        func: Func = instance[self._export].__wadjet__.exports["handle"]
        func.inst.scheduler.store.current().takes_turns = True
        return Worker(instance, func)

    async def handle(self, request: Request) -> Response:
        """Have the component answer. Raises HttpError."""
        counters = self.counters
        counters.requests += 1
        status = _GONE
        try:
            response = await self._answer(request)
            status = response.status
        except HttpError as error:
            status = status_of(error.code)
            raise
        finally:
            counters.by_status[status] = counters.by_status.get(status, 0) + 1
        return response

    async def _answer(self, request: Request) -> Response:
        """Have an instance answer. Raises HttpError.

        A request that fails because of another one in its instance is given to the next instance,
        if it may be asked again.

        Some guests are made for one request: they answer none after it. That is seen when one of
        them is used again and a new instance can do what it could not.
        """
        for _ in range(_TRIES):
            worker = self._free() or await self._freed()
            exchange = self._exchange(self, worker)
            exchange.begin(request)
            try:
                return exchange.response() or await exchange.wait()
            except HttpError as error:
                failure = error
            again = request.method in _SAFE and request.body.whole() is not None
            if not (exchange.innocent and (again or not exchange.begun)):
                break
        if not (exchange.silent and worker.served == 2 and again):
            raise failure
        return await self._answer_fresh(request)

    async def _answer_fresh(self, request: Request) -> Response:
        """Have a fresh instance answer; if it does, instances are not used again."""
        usual, self.pool.reuse = self.pool.reuse, 1
        try:
            fresh = self._exchange(self, self._free() or await self._freed())
            fresh.begin(request)
            response = fresh.response() or await fresh.wait()
        except HttpError:
            self.pool.reuse = usual
            raise
        self._tell("the guest's instances answer one request each: they are not used again")
        return response

    def _free(self) -> Worker | None:
        """An instance, if there is one. Raises HttpError where none can be made."""
        try:
            return self.pool.find()
        except Timeout as error:
            raise self.late(f"the guest cannot start: {error}") from None
        except Error as error:
            raise self.failed(f"the guest cannot start: {error}") from None

    async def _freed(self) -> Worker:
        """An instance, when there is one."""
        try:
            async with self.patience.within(self.limits.seconds):
                while True:
                    await self.pool.turn()
                    worker = self._free()
                    if worker is not None:
                        return worker
        except TimeoutError:
            raise self.late("no instance became free") from None

    def failed(self, what: str) -> HttpError:
        """Count a failure of a guest; what is answered."""
        self.counters.traps += 1
        self._tell(what)
        return internal(what)

    def late(self, what: str) -> HttpError:
        """Count what took too long; what is answered."""
        self.counters.timeouts += 1
        self._tell(what)
        return HttpError.of("HTTP-response-timeout")

    def _tell(self, what: str) -> None:
        if self._report is not None:
            self._report(what)

    def over(self, exchange: "_Exchange") -> None:
        """An exchange has ended, for the client and for the guest."""
        self.under_way.discard(exchange)
        self.counters.in_flight -= 1
        if self._quiet is not None and not self.under_way:
            self._quiet.set()

    async def drain(self, seconds: float) -> None:
        """Wait until nothing is under way, but not longer than this."""
        if self.under_way:
            self._quiet = asyncio.Event()
            with suppress(TimeoutError):
                await asyncio.wait_for(self._quiet.wait(), seconds)

    async def close(self) -> None:
        """End all instances, whatever they do."""
        for exchange in list(self.under_way):
            exchange.abandon(internal("the server stops"))
        self.pool.close()
        await asyncio.sleep(0)  # whatever was cancelled ends


class _Exchange(ABC):
    """One request at one instance: until the client has the last piece of the response, and the
    guest is done with it."""

    __slots__ = (
        "_answer", "_body", "_call", "_clock", "_delivered", "_failure", "_late", "_look",
        "_returned", "_service", "_waiter", "_worker", "innocent", "silent",
    )  # fmt: skip

    def __init__(self, service: Service, worker: Worker) -> None:
        self._service: Final = service
        self._worker: Final = worker
        self._answer: Response | HttpError | None = None
        self._call: Call | None = None
        #: whether the guest's call is over, and whether the client has all it gets
        self._returned = self._delivered = False
        #: whether the guest has returned without a word
        self.silent = False
        #: whether it failed because of another one in the instance
        self.innocent = False
        #: what ended the body before its end
        self._failure: HttpError | None = None
        self._waiter: asyncio.Future[None] | None = None
        self._clock: Within | None = None
        self._late: asyncio.TimerHandle | None = None
        self._look: asyncio.TimerHandle | None = None

    # -- The guest's side -------------------------------------------------------------------------

    @abstractmethod
    def _arguments(self, request: Request) -> tuple[Any, ...]:
        """What the guest is called with."""

    @abstractmethod
    def _result(self, value: Any) -> Response | HttpError:
        """The answer, if it was not given before the guest returned this."""

    def begin(self, request: Request) -> None:
        """Call the guest, and let it run until it waits."""
        service, worker = self._service, self._worker
        service.counters.in_flight += 1
        service.under_way.add(self)
        worker.users[self] = self._broke
        worker.func.inst.scheduler.calls[self] = worker.fail
        self._call = call = begin(worker.func, self._arguments(request), self._ended)
        if not call.begun:
            self._wait_to_begin()

    @property
    def begun(self) -> bool:
        """Whether the guest knows of the request."""
        return self._call is None or self._call.begun

    def _wait_to_begin(self) -> None:
        """Another request computes in the instance: leave it alone if that takes long."""
        if self.begun or self._returned:
            return
        if self._worker.computes:
            self.innocent = True
            self._leave(internal("the instance is busy"))
        else:
            loop = asyncio.get_running_loop()
            self._look = loop.call_later(_PAUSE, self._wait_to_begin)

    def _ended(self, value: Any, error: BaseException | None) -> None:
        """The guest has returned, or failed."""
        self._returned = True
        if error is None:
            if self._answer is None:
                self._settle(self._result(value))
        elif isinstance(error, ResultError):
            self._settle(HttpError(error.value))
        else:
            self._worker.fail(error)
        if self._delivered:
            self._release()

    def _broke(self, error: BaseException) -> None:
        """The instance has failed, and with it whatever it does."""
        if self._failure is not None:
            return
        self._returned = True
        culprit = self._worker.func.inst.scheduler.culprit
        if culprit is not None and self._call is not None and not self._call.runs(culprit):
            self.innocent = True
            self.fail(internal(f"another request ended the instance: {error}"))
            return
        tell = self._service.late if isinstance(error, Timeout) else self._service.failed
        self.fail(tell(f"the guest failed: {error}"))

    def _settle(self, answer: Response | HttpError) -> None:
        if self._answer is not None:
            return
        self._answer = answer
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    def fail(self, error: HttpError) -> None:
        """There will be no response, or no more of it."""
        self._settle(error)
        self._failure = error
        if self._clock is not None:
            self._clock.end()

    # -- The client's side ------------------------------------------------------------------------

    def response(self) -> Response | None:
        """The response, if it is there: under the same limits, and as a whole if it is there as a
        whole. Raises HttpError."""
        answer = self._answer
        if answer is None:
            return None
        if isinstance(answer, HttpError):
            self._deliver()
            raise answer
        body = answer.body
        if self._returned and body.whole() is not None:
            self._deliver()
            return answer
        passed = Body(
            self._pieces(body),
            lambda: self._in_time(body.trailers),
            length=body.length,
            settle=body.settle,
            close=lambda: self._close(body),
        )
        return Response(answer.status, answer.headers, passed)

    async def wait(self) -> Response:
        """The response, when it is there. Raises HttpError."""
        self._waiter = asyncio.get_running_loop().create_future()
        try:
            async with self._within():
                await self._waiter
        except TimeoutError:
            late = self._service.late("the guest gave no answer in time")
            self.abandon(late)
            raise late from None
        except asyncio.CancelledError:
            self.abandon(HttpError.of("connection-terminated"))
            raise
        found = self.response()
        assert found is not None, "it was waited for"
        return found

    def _within(self) -> Within:
        return self._service.patience.within(self._service.limits.seconds)

    async def _pieces(self, body: Body) -> AsyncIterator[bytes]:
        pieces = aiter(body)

        async def following() -> bytes | None:
            return await anext(pieces, None)

        while True:
            piece = await self._in_time(following)
            if piece is None:
                return
            yield piece

    async def _in_time(self, work: Callable[[], Any]) -> Any:
        """What the work gives, unless that takes too long or the guest fails."""
        try:
            if self._failure is None:
                async with self._within() as self._clock:
                    return await work()
        except TimeoutError:
            if self._failure is None:
                self._worker.broken = True
                self._failure = self._service.late("the rest of the response did not come in time")
        finally:
            self._clock = None
        assert self._failure is not None, "something ended the work"
        raise self._failure

    async def _close(self, body: Body) -> None:
        """The client wants no more."""
        await body.close()
        self._deliver()

    # -- The end ----------------------------------------------------------------------------------

    def _deliver(self) -> None:
        """The client has all it gets; what the guest still does is waited for, but not long."""
        if self._delivered:
            return
        self._delivered = True
        if self._returned:
            self._release()
        elif self._worker.broken:
            self.abandon(None)
        else:
            loop = asyncio.get_running_loop()
            self._late = loop.call_later(self._service.limits.seconds, self.abandon, None)

    def abandon(self, error: HttpError | None) -> None:
        """Do not wait for the guest any longer: its instance is used no more."""
        if error is not None:
            self.fail(error)
        if not self._returned:
            self._worker.broken |= self.begun
        self._leave(None)

    def _leave(self, error: HttpError | None) -> None:
        """Have nothing to do with the instance any more."""
        if error is not None:
            self.fail(error)
        if self._call is not None and not self._returned:
            self._returned = True
            self._call.abandon()
        self._delivered = True
        self._release()

    def _release(self) -> None:
        """Give the instance back."""
        worker = self._worker
        if worker.users.pop(self, None) is None:
            return
        for timer in (self._late, self._look):
            if timer is not None:
                timer.cancel()
        worker.func.inst.scheduler.calls.pop(self, None)
        self._service.pool.give(worker)
        self._service.over(self)


@final
class _ProxyExchange(_Exchange):
    """A request of `wasi:http/incoming-handler`, of WASI 0.2."""

    __slots__ = ()

    def _arguments(self, request: Request) -> tuple[Any, ...]:
        from wadjet.wasi.p2.http import IncomingRequest, ResponseOutparam

        return IncomingRequest(request), ResponseOutparam(self._settle, request.inform)

    def _result(self, value: Any) -> Response | HttpError:
        self.silent = self._worker.broken = True
        return internal("the guest gave no answer")


@final
class _ServiceExchange(_Exchange):
    """A request of `wasi:http/handler`, of WASI 0.3."""

    __slots__ = ()

    def _arguments(self, request: Request) -> tuple[Any, ...]:
        from wadjet.wasi.p3.http import HttpRequest

        return (HttpRequest.of(request),)

    def _result(self, value: Any) -> Response | HttpError:
        answer: Response = value.response()
        return answer
