"""Waiting: for handles to be ready, for time to pass, never by looking again and again."""

import select
import time
from collections.abc import Callable, Sequence
from typing import NamedTuple, TypeAlias

from wadjet.base.errors import Timeout
from wadjet.wasi.host.clocks import Clocks
from wadjet.wasi.host.handles import Handle

#: The longest single look, in nanoseconds: longer waits are made of these.
FOREVER = 3600 * 10**9


class Interest(NamedTuple):
    """One handle somebody waits for: until it can be read, or written."""

    handle: Handle
    writing: bool


class Ready(NamedTuple):
    """What became of an interest: whether it is ready, and whether the other side is gone."""

    ready: bool
    hangup: bool = False


_NOT_READY, _READY = Ready(False), Ready(True)

#: What `look` is: something that answers who is ready, after at most so many nanoseconds.
Look: TypeAlias = Callable[[Sequence[Interest], int], list[Ready]]


def wait(
    interests: Sequence[Interest],
    timeout: int | None,
    clocks: Clocks,
    deadline: int | None = None,
    pause: Look | None = None,
) -> list[Ready]:
    """Wait until one of `interests` is ready or `timeout` nanoseconds have passed.

    The answer has one `Ready` for each interest, in order. No timeout means forever. `deadline`,
    a reading of the machine's monotonic clock in nanoseconds, ends any wait with
    `wadjet.Timeout`. `pause` takes the place of `look` where that blocks.
    """
    answer = look(interests)
    if timeout == 0 or any(one.ready for one in answer):
        return answer
    left = None if timeout is None else clocks.elapse(timeout)
    end = None if left is None else time.monotonic_ns() + left
    while not any(one.ready for one in answer):
        now = time.monotonic_ns()
        if end is not None and now >= end:
            break
        if deadline is not None and now >= deadline:
            raise Timeout("the guest ran out of time while waiting")
        limits = [limit - now for limit in (end, deadline) if limit is not None]
        answer = (pause or look)(interests, min(limits, default=FOREVER))
    return answer


def wait_for(
    handle: Handle, writing: bool, clocks: Clocks, deadline: int, pause: Look | None = None
) -> None:
    """Wait until `handle` is ready, but not beyond `deadline` (see `wait`)."""
    wait([Interest(handle, writing)], None, clocks, deadline, pause)


def look(interests: Sequence[Interest], timeout: int = 0) -> list[Ready]:
    """See who is ready; if nobody is, keep looking for at most `timeout` nanoseconds."""
    numbers = [interest.handle.poll_number() for interest in interests]
    if None in numbers:
        timeout = 0
    timeout = min(timeout, FOREVER)
    waiting = [(number, interest.writing) for number, interest in zip(numbers, interests)]
    pollable = [(number, writing) for number, writing in waiting if number is not None]
    if not pollable:
        if timeout > 0 and not interests:
            time.sleep(timeout / 1e9)
        return [_READY for _ in interests]
    found = _select(pollable, timeout)
    return [
        _READY if number is None else found.get((number, writing), _NOT_READY)
        for number, writing in waiting
    ]


if hasattr(select, "poll"):

    def _select(
        pollable: Sequence[tuple[int, bool]], timeout: int
    ) -> dict[tuple[int, bool], Ready]:
        """Ask `poll`. An error or a hangup makes both directions ready: reading tells which."""
        events: dict[int, int] = {}
        for number, writing in pollable:
            wanted = select.POLLOUT if writing else select.POLLIN
            events[number] = events.get(number, 0) | wanted
        poller = select.poll()
        for number, mask in events.items():
            poller.register(number, mask)
        found = {}
        for number, mask in poller.poll(-(-timeout // 10**6)):
            gone = bool(mask & (select.POLLHUP | select.POLLERR | select.POLLNVAL))
            if gone or mask & select.POLLIN:
                found[number, False] = Ready(True, gone)
            if gone or mask & select.POLLOUT:
                found[number, True] = Ready(True, gone)
        return found

else:

    def _select(
        pollable: Sequence[tuple[int, bool]], timeout: int
    ) -> dict[tuple[int, bool], Ready]:
        """Ask `select`, which on Windows knows sockets only: anything else counts as ready."""
        reading = [number for number, writing in pollable if not writing]
        writers = [number for number, writing in pollable if writing]
        try:
            readable, writable, _ = select.select(reading, writers, [], timeout / 1e9)
        except OSError:
            return dict.fromkeys(pollable, _READY)
        found = {(number, False): _READY for number in readable}
        return found | {(number, True): _READY for number in writable}
