"""What one guest does to others of its event loop, and of its instance."""

import asyncio
import time
from typing import Any

import pytest

from tests.serve import guest, guest3
from wadjet import asgi
from wadjet.wasi import Wasi
from wadjet.wasi.http.errors import HttpError, status_of
from wadjet.wasi.http.message import Request, read_all, whole_body
from wadjet.wasi.service import Service, ServiceLimits


def service(of: Any = guest, **limits: Any) -> Service:
    limit = ServiceLimits(**{"seconds": 20.0, "slice": 0.5, **limits})
    return Service(of.component(), Wasi(stdin=None), limit)


async def ask(service: Service, path: str, method: str = "GET") -> int:
    """The status of an answer; it has a body if it is 200. 403 stands for what `guest3` says."""
    try:
        response = await service.handle(Request(method, "http", "x", path, body=whole_body(b"")))
    except HttpError as error:
        return 403 if "denied" in str(error).lower() else status_of(error.code)
    assert await read_all(response.body, 100) == b"hello"
    await response.body.close()
    return response.status


# --- instances of one loop ------------------------------------------------------------------------


def test_others_are_answered_while_some_compute() -> None:
    async def main() -> None:
        served = service()
        assert await ask(served, "/") == 200
        begun = time.monotonic()
        late = [asyncio.ensure_future(ask(served, "/spin")) for _ in range(3)]
        times = []
        while not all(each.done() for each in late):
            begin = time.monotonic()
            assert await ask(served, "/") == 200
            times.append(time.monotonic() - begin)
            await asyncio.sleep(0.005)
        assert await asyncio.gather(*late) == [504] * 3
        assert time.monotonic() - begun >= 1.4  # one after the other, a few milliseconds each time
        assert len(times) > 30
        assert sorted(times)[len(times) * 3 // 4] < 0.1
        assert served.counters.timeouts == 3
        await served.close()

    asyncio.run(main())


def test_an_application_goes_on_while_a_guest_computes() -> None:
    """In somebody else's server, too."""

    async def main() -> None:
        app = asgi.Component(guest.component(), limits=ServiceLimits(slice=0.3))

        async def status(path: str) -> int:
            sent: list[Any] = []

            async def receive() -> Any:
                return {"type": "http.request", "body": b"", "more_body": False}

            async def send(event: Any) -> None:
                sent.append(event)

            scope = {"type": "http", "method": "GET", "path": path, "headers": [], "scheme": "http"}
            await app(scope, receive, send)
            found: int = sent[0]["status"]
            return found

        late, count = asyncio.ensure_future(status("/spin")), 0
        while not late.done():
            assert await status("/") == 200
            await asyncio.sleep(0.005)
            count += 1
        assert await late == 504
        assert count > 10
        await app.close()

    asyncio.run(main())


def test_a_stop_need_not_wait_for_who_computes() -> None:
    async def main() -> None:
        served = service(slice=60.0)
        late = asyncio.ensure_future(ask(served, "/spin"))
        await asyncio.sleep(0.1)
        begun = time.monotonic()
        await served.drain(0.1)
        await served.close()
        assert await late == 502
        assert time.monotonic() - begun < 5

    asyncio.run(main())


# --- requests of one instance ---------------------------------------------------------------------


def test_a_trap_costs_its_own_request_where_others_may_be_asked_again() -> None:
    async def main() -> None:
        served = service(guest3, concurrency=8)
        waiting = [asyncio.ensure_future(ask(served, "/n")) for _ in range(4)]
        once = asyncio.ensure_future(ask(served, "/n", "POST"))
        await asyncio.sleep(0.05)
        assert served.counters.instances_made == 1
        assert await ask(served, "/tr") == 502
        assert await asyncio.gather(*waiting) == [403] * 4
        assert await once == 502
        assert await ask(served, "/") == 403
        assert served.counters.traps == 1
        assert not served.under_way
        await served.close()

    asyncio.run(main())


def test_who_computes_in_an_instance_costs_its_own_request() -> None:
    """Those inside are asked again in the end, those that come later go elsewhere at once."""

    async def main() -> None:
        served = service(guest3, concurrency=8, slice=1.5)
        assert await ask(served, "/n") == 403
        inside = [asyncio.ensure_future(ask(served, "/n")) for _ in range(3)]
        await asyncio.sleep(0.01)
        late = asyncio.ensure_future(ask(served, "/spin"))
        await asyncio.sleep(0.01)
        # what comes now has not begun, and can go elsewhere whatever it is
        early = asyncio.ensure_future(ask(served, "/", "POST"))
        assert await early == 403
        assert not late.done()
        assert await ask(served, "/") == 403
        assert not late.done()
        assert await late == 504
        assert await asyncio.gather(*inside) == [403] * 3
        assert served.counters.timeouts == 1
        assert not served.under_way
        await served.close()

    asyncio.run(main())


@pytest.mark.parametrize("of", [guest, guest3])
def test_what_computes_is_forgotten_when_its_client_leaves(of: Any) -> None:
    async def main() -> None:
        served = service(of, slice=60.0)
        late = asyncio.ensure_future(ask(served, "/spin"))
        await asyncio.sleep(0.2)
        late.cancel()
        await asyncio.wait([late])
        assert not served.under_way
        begun = time.thread_time()
        await asyncio.sleep(0.2)
        assert time.thread_time() - begun < 0.15
        await served.close()

    asyncio.run(main())
