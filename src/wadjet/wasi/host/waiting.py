"""Waiting in an event loop: for descriptors, for time, for whatever comes first.

What blocks in a run by itself is awaited where many guests share one thread. Several may wait for
one descriptor: the loop knows one watcher for each, and this room shares it out.
"""

import asyncio
from collections.abc import Awaitable, Iterable
from weakref import WeakKeyDictionary

from wadjet.wasi.host.clocks import Clocks

#: Who waits for a descriptor (its number, and whether to write), by event loop.
_Waiters = dict[tuple[int, bool], set["asyncio.Future[None]"]]
_loops: "WeakKeyDictionary[asyncio.AbstractEventLoop, _Waiters]" = WeakKeyDictionary()


async def ready(number: int, *, writing: bool) -> None:
    """Wait until a descriptor can be read or written, or is closed by `forget`."""
    loop = asyncio.get_running_loop()
    waiters = _loops.setdefault(loop, {})
    key = number, writing
    here = waiters.get(key)
    if here is None:
        try:
            (loop.add_writer if writing else loop.add_reader)(number, _wake, loop, key)
        except PermissionError:
            return  # a regular file: always ready
        here = waiters[key] = set()
    future = loop.create_future()
    here.add(future)
    try:
        await future
    finally:
        here.discard(future)
        if not here and waiters.get(key) is here:
            _stop(loop, key)


def _wake(loop: asyncio.AbstractEventLoop, key: tuple[int, bool]) -> None:
    here = _loops[loop].get(key, ())
    _stop(loop, key)
    for future in here:
        if not future.done():
            future.set_result(None)


def _stop(loop: asyncio.AbstractEventLoop, key: tuple[int, bool]) -> None:
    if _loops[loop].pop(key, None) is not None:
        number, writing = key
        (loop.remove_writer if writing else loop.remove_reader)(number)


def forget(number: int) -> None:
    """A descriptor is about to be closed: whoever waits for it goes on, and sees."""
    for loop, waiters in list(_loops.items()):
        for key in [key for key in waiters if key[0] == number]:
            if not loop.is_closed():
                _wake(loop, key)


async def elapse(clocks: Clocks, nanoseconds: int) -> None:
    """Let time pass, by the guest's clocks."""
    left = clocks.elapse(max(nanoseconds, 0))
    await asyncio.sleep(left / 1e9)


async def first(waits: Iterable[Awaitable[object]]) -> None:
    """Wait until one of them is over; the others are given up."""
    tasks = [asyncio.ensure_future(wait) for wait in waits]
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def is_running() -> bool:
    """Whether this is called from within an event loop."""
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True
