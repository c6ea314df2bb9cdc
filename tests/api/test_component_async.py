"""Components and asyncio: functions that are awaited, host functions that wait, streams, futures,
cancellation."""

import asyncio
import gc
import warnings
import weakref
from collections.abc import AsyncIterator, Callable, Coroutine
from typing import Any

import pytest

import wadjet
from tests.api.guests import ASYNC, calc
from tests.api.test_component import Store
from wadjet.component.features import ALL

TIERS = ("interpreter", "auto")


@pytest.fixture(scope="module")
def component() -> wadjet.Component:
    return wadjet.Component.from_text(ASYNC, features=ALL)


@pytest.fixture(params=TIERS)
def guest(request: pytest.FixtureRequest, component: wadjet.Component) -> Any:
    async def sleep(ms: int) -> None:
        await asyncio.sleep(ms / 1000)

    return component.instantiate({"sleep": sleep}, tier=request.param)


def run(main: Coroutine[Any, Any, Any]) -> Any:
    """Run a coroutine, with nothing left behind."""

    async def whole() -> Any:
        result = await asyncio.wait_for(main, 5)
        await asyncio.sleep(0)
        assert asyncio.all_tasks() == {asyncio.current_task()}
        return result

    return asyncio.run(whole())


# --- functions ------------------------------------------------------------------------------------


def test_async_functions_are_coroutine_functions(guest: Any) -> None:
    assert asyncio.iscoroutinefunction(guest.nap)
    assert not asyncio.iscoroutinefunction(guest.stopped)
    assert run(guest.nap(1)) is None
    assert run(guest.nap(ms=1)) is None
    assert guest.nap.__doc__ == "nap: async func(ms: u32)"


@pytest.mark.filterwarnings("error")
def test_what_is_stopped_before_it_begins_is_no_mistake(component: wadjet.Component) -> None:
    async def sleep(ms: int) -> None:
        raise AssertionError("it has not begun")

    async def main() -> None:
        instance: Any = component.instantiate({"sleep": sleep})
        nap = asyncio.ensure_future(instance.nap(1))
        await asyncio.sleep(0)  # the guest has called, and the loop had no turn since
        instance.close()
        with pytest.raises(wadjet.Error, match="closed"):
            await nap

    with warnings.catch_warnings(record=True) as told:
        run(main())
        gc.collect()
    assert not told


def test_a_host_function_need_not_wait(component: wadjet.Component) -> None:
    seen: list[int] = []
    instance = component.instantiate({"sleep": seen.append})
    run(instance.nap(7))
    assert seen == [7]


def test_many_guests_wait_at_the_same_time(component: wadjet.Component) -> None:
    inside = peak = 0

    async def sleep(ms: int) -> None:
        nonlocal inside, peak
        inside += 1
        peak = max(peak, inside)
        await asyncio.sleep(ms / 1000)
        inside -= 1

    async def main() -> None:
        guests = [component.instantiate({"sleep": sleep}) for _ in range(20)]
        await asyncio.gather(*(guest.nap(20) for guest in guests))

    run(main())
    assert (inside, peak) == (0, 20)


def test_functions_that_are_not_async_are_awaited_by_choice() -> None:
    async def log(text: str, level: int) -> None:
        await asyncio.sleep(0.01)

    async def main() -> None:
        guests = [component.instantiate(imports, awaitable=True) for _ in range(5)]
        assert await asyncio.gather(*(g.ops.echo("x") for g in guests)) == ["x"] * 5
        assert await guests[0].ops.add(a=1, b=2) == 3
        with pytest.raises(wadjet.ResultError, match="division by zero"):
            await guests[0].ops.divide(1, 0)
        with pytest.raises(OverflowError):
            await guests[0].ops.add(-1, 2)
        assert await guests[0].twice(4) == 8

    component, imports = wadjet.Component(calc()), {"store": Store(), "log": log}
    run(main())


def test_without_await_the_thread_waits() -> None:
    waited = []

    async def log(text: str, level: int) -> None:
        await asyncio.sleep(0.01)
        waited.append(text)

    ops = wadjet.Component(calc()).instantiate({"store": Store(), "log": log}).ops
    assert ops.echo("outside of a loop") == "outside of a loop"

    async def main() -> None:
        assert ops.echo("inside of one") == "inside of one"

    run(main())
    assert waited == ["outside of a loop", "inside of one"]


def test_exceptions_of_coroutines(component: wadjet.Component) -> None:
    async def sleep(ms: int) -> None:
        await asyncio.sleep(0)
        raise LookupError("no bed")

    with pytest.raises(LookupError, match="no bed"):
        run(component.instantiate({"sleep": sleep}).nap(1))


def test_what_is_waited_for_may_be_cancelled(component: wadjet.Component) -> None:
    async def sleep(ms: int) -> None:
        future = asyncio.get_running_loop().create_future()
        future.cancel()
        await future

    with pytest.raises(wadjet.Error, match="was cancelled"):
        run(component.instantiate({"sleep": sleep}).nap(1))


# --- cancellation ---------------------------------------------------------------------------------


def test_cancelling_the_python_task_cancels_the_guests(guest: Any) -> None:
    async def main() -> None:
        task = asyncio.create_task(guest.nap(60_000))
        await asyncio.sleep(0.01)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert guest.stopped() == 1
        await guest.nap(1)
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(guest.nap(60_000), 0.01)
        assert guest.stopped() == 2

    run(main())


def test_cancelling_may_be_repeated(guest: Any) -> None:
    """As structured concurrency does it, until the task has ended."""
    lost: list[Any] = []

    async def main() -> None:
        asyncio.get_running_loop().set_exception_handler(lambda loop, about: lost.append(about))
        task = asyncio.create_task(guest.nap(60_000))
        await asyncio.sleep(0.01)
        for _ in range(3):
            task.cancel()
            await asyncio.sleep(0)
        with pytest.raises(asyncio.CancelledError):
            await task
        del task
        gc.collect()
        await guest.nap(1)

    run(main())
    assert lost == []


def test_a_guest_that_cannot_be_asked_is_left() -> None:
    async def log(text: str, level: int) -> None:
        await asyncio.sleep(60)

    async def main() -> None:
        with component.instantiate({"store": Store(), "log": log}, awaitable=True) as guest:
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(guest.ops.echo("x"), 0.01)
            with pytest.raises(wadjet.Trap, match="cannot enter"):
                await guest.ops.add(1, 2)
        await asyncio.sleep(0.01)

    component = wadjet.Component(calc())
    run(main())


# --- streams --------------------------------------------------------------------------------------


async def _pieces(*parts: bytes) -> AsyncIterator[bytes]:
    for part in parts:
        await asyncio.sleep(0)
        yield part


@pytest.mark.parametrize(
    "given",
    [
        lambda: b"x" * 1000,
        lambda: [1, 2, 3] * 100,
        lambda: _pieces(b"one", b"", b"three" * 100),
        lambda: b"",
    ],
    ids=["bytes", "list", "async generator", "nothing"],
)
def test_a_guest_reads(guest: Any, given: Callable[[], Any]) -> None:
    lengths = {"bytes": 1000}
    assert lengths
    expected = {bytes: len, list: len}.get(type(given()), lambda _: 503)(given())
    assert run(guest.total(given())) == expected


def test_a_guest_writes(guest: Any) -> None:
    async def main() -> bytes:
        stream = await guest.produce(100)
        assert isinstance(stream, wadjet.StreamReader)
        parts = [part async for part in stream]
        assert all(type(part) is bytes for part in parts)
        assert await stream.read() == b""
        return b"".join(parts)

    assert run(main()) == (b"abcdefghijklmnop" * 7)[:100][:96] + b"abcd"


def test_reading_a_little_at_a_time(guest: Any) -> None:
    async def main() -> list[bytes]:
        stream = await guest.produce(20)
        first = await stream.read(3)
        rest = [part async for part in stream]
        return [first, b"".join(rest)]

    assert run(main()) == [b"abc", b"abcdefghijklmnopa"]


def test_a_read_may_be_given_up(guest: Any) -> None:
    """Nothing is lost by it."""
    gate = asyncio.Event()

    async def pieces() -> AsyncIterator[bytes]:
        await gate.wait()
        yield b"after all"

    async def main() -> None:
        stream = await guest.pass_(pieces())
        for _ in range(3):
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(stream.read(), 0.01)
        gate.set()
        assert await stream.read() == b"after all"
        assert await stream.read() == b""

    run(main())


def test_a_reader_may_leave(guest: Any) -> None:
    async def main() -> None:
        stream = await guest.produce(1_000_000)
        await stream.read(10)
        stream.close()
        assert await stream.read() == b""
        assert await guest.total(b"abc") == 3

    run(main())


def test_streams_pass_through(guest: Any, component: wadjet.Component) -> None:
    """Through a guest back to the host, and from one guest to another."""
    other = component.instantiate({"sleep": print})

    async def main() -> None:
        stream = await other.produce(100)
        assert await guest.total(await guest.pass_(await guest.pass_(stream))) == 100
        mine = await guest.pass_(b"mine")
        assert await guest.total(mine) == 4
        assert await guest.plus_one(await other.later(9)) == 10

    run(main())


def test_a_writer(guest: Any) -> None:
    async def main() -> int:
        writer = wadjet.StreamWriter[bytes]()
        total = asyncio.create_task(guest.total(writer))
        for part in (b"abc", b"defg"):
            await writer.write(part)
        await writer.close()
        with pytest.raises(BrokenPipeError):
            await writer.write(b"late")
        return await total

    assert run(main()) == 7


def test_blocking_iteration(guest: Any) -> None:
    stream = asyncio.run(guest.produce(40))
    assert b"".join(stream) == (b"abcdefghijklmnop" * 3)[:40]


# --- futures --------------------------------------------------------------------------------------


def test_futures(guest: Any) -> None:
    async def value() -> int:
        await asyncio.sleep(0.01)
        return 41

    async def main() -> None:
        future = await guest.later(7)
        assert isinstance(future, wadjet.FutureReader)
        assert await future == 7
        assert await guest.plus_one(1) == 2
        assert await guest.plus_one(value()) == 42

    run(main())


def test_closing_ends_what_waits(guest: Any) -> None:
    async def main() -> None:
        task = asyncio.create_task(guest.nap(60_000))
        await asyncio.sleep(0.01)
        guest.close()
        task.cancel()
        await asyncio.wait([task])

    run(main())


def test_what_a_call_was_given_is_gone_after_it() -> None:
    class Given:
        pass

    component = wadjet.Component.from_text("""
        (component
          (import "thing" (type $t (sub resource)))
          (core func $drop (canon resource.drop $t))
          (core module $m
            (import "" "drop" (func $drop (param i32)))
            (func (export "take") (param i32) (call $drop (local.get 0))))
          (core instance $i (instantiate $m (with "" (instance (export "drop" (func $drop))))))
          (func (export "take") (param "t" (own $t)) (canon lift (core func $i "take"))))
    """)

    async def main() -> None:
        with component.instantiate({"thing": Given}, awaitable=True) as instance:
            given = Given()
            gone = weakref.ref(given)
            await instance.take(given)
            del given
            gc.collect()
            assert gone() is None

    asyncio.run(main())
