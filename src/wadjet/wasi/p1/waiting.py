"""`poll_oneoff` of WASI 0.1: wait for the first of several events."""

from typing import NamedTuple

from wadjet.base.errors import Trap
from wadjet.wasi.host.directory import Directory
from wadjet.wasi.host.errors import Code, HostError
from wadjet.wasi.host.polling import Interest, Ready, wait
from wadjet.wasi.p1.abi import (
    ABSTIME,
    CLOCK,
    CLOCK_AT,
    ERRNO,
    EVENT,
    EVENT_CLOCK,
    EVENT_FD_READ,
    EVENT_FD_WRITE,
    FD_READWRITE_HANGUP,
    SIZE,
    SUBSCRIPTION,
    SUBSCRIPTION_SIZE,
    SUCCESS,
    Right,
)
from wadjet.wasi.p1.process import ProcessFunctions

#: The most subscriptions one call may have.
MAX_SUBSCRIPTIONS = 1 << 14


class Event(NamedTuple):
    """An `$event`, field by field."""

    userdata: int
    error: int
    type: int
    bytes: int = 0
    flags: int = 0


class _Alarm(NamedTuple):
    """A subscription to a clock: due when `left` nanoseconds have passed."""

    event: Event
    left: int


class _Watch(NamedTuple):
    """A subscription to a descriptor."""

    event: Event
    interest: Interest


class WaitingFunctions(ProcessFunctions):
    """`poll_oneoff`."""

    clock_at = CLOCK_AT
    subscription_size = SUBSCRIPTION_SIZE

    def poll_oneoff(self, subscriptions: int, events: int, count: int, result: int) -> int:
        """Wait until at least one of `count` subscriptions has something to tell."""
        if count == 0 or count > MAX_SUBSCRIPTIONS:
            raise HostError(Code.INVALID)
        if (subscriptions | events) & 7:
            raise Trap("misaligned pointer")
        size = self.subscription_size
        view = self.bytes_at(subscriptions, count * size)
        found: list[Event] = []
        alarms: list[_Alarm] = []
        watches: list[_Watch] = []
        for start in range(0, count * size, size):
            self._subscribe(view[start : start + size], found, alarms, watches)
        found += self._wait(alarms, watches, at_once=bool(found))
        for event in found:
            self.store(EVENT, events, *event)
            events += EVENT.size
        self.store(SIZE, result, len(found))
        return SUCCESS

    def _subscribe(
        self,
        record: memoryview,
        found: list[Event],
        alarms: list[_Alarm],
        watches: list[_Watch],
    ) -> None:
        """Sort one subscription in; one that cannot be has an event already, its error."""
        userdata, kind, fd = SUBSCRIPTION.unpack_from(record)
        if kind not in (EVENT_CLOCK, EVENT_FD_READ, EVENT_FD_WRITE):
            raise HostError(Code.INVALID)
        event = Event(userdata, SUCCESS, kind)
        try:
            if kind == EVENT_CLOCK:
                alarms.append(_Alarm(event, self._time_left(record)))
            else:
                watches.append(_Watch(event, self._interest(fd, kind == EVENT_FD_WRITE)))
        except HostError as error:
            found.append(event._replace(error=ERRNO[error.code]))

    def _time_left(self, record: memoryview) -> int:
        """How long until a clock reaches what was asked for."""
        number, timeout, _, flags = CLOCK.unpack_from(record, self.clock_at)
        if number not in (0, 1) or flags & ~ABSTIME:
            raise HostError(Code.INVALID)
        if flags & ABSTIME:
            timeout -= self.clock(number).now()
        left: int = timeout
        return max(left, 0)

    def _interest(self, fd: int, writing: bool) -> Interest:
        right = Right.FD_WRITE if writing else Right.FD_READ
        handle = self.descriptor(fd).handle
        if isinstance(handle, Directory):
            raise HostError(Code.BAD_DESCRIPTOR)
        self.descriptor(fd, right | Right.POLL_FD_READWRITE)
        return Interest(handle, writing)

    def _wait(self, alarms: list[_Alarm], watches: list[_Watch], *, at_once: bool) -> list[Event]:
        """Wait, unless something is there at once; what there is then."""
        timeout = min((alarm.left for alarm in alarms), default=None)
        ready = wait(
            [watch.interest for watch in watches],
            0 if at_once else timeout,
            self.wasi.clocks,
            self.deadline,
            self.pause,
        )
        events = [
            _ready_event(watch, state)
            for watch, state in zip(watches, ready, strict=True)
            if state.ready
        ]
        if timeout is not None and (timeout == 0 or not (events or at_once)):
            events += [alarm.event for alarm in alarms if alarm.left == timeout]
        return events


def _ready_event(watch: _Watch, state: Ready) -> Event:
    handle, writing = watch.interest
    count = 1 if writing else handle.available()
    return watch.event._replace(bytes=count, flags=FD_READWRITE_HANGUP if state.hangup else 0)
