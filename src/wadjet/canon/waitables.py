"""What can be waited for (CanonicalABI.md, "Waitable State", "Subtask State")."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Final, final

from wadjet.canon.resources import ResourceHandle
from wadjet.canon.traps import trap

if TYPE_CHECKING:
    from wadjet.canon.instance import ComponentInstance

# event codes
NONE: Final = 0
SUBTASK: Final = 1
STREAM_READ: Final = 2
STREAM_WRITE: Final = 3
FUTURE_READ: Final = 4
FUTURE_WRITE: Final = 5
TASK_CANCELLED: Final = 6

#: code, index of the waitable, payload
Event = tuple[int, int, int]
NOTHING: Final[Event] = (NONE, 0, 0)
CANCELLED: Final[Event] = (TASK_CANCELLED, 0, 0)


class Waitable:
    """Something that has events, one at a time."""

    __slots__ = ("event", "set", "sync_waiter")

    def __init__(self) -> None:
        #: makes the event that is pending
        self.event: Callable[[], Event] | None = None
        self.set: WaitableSet | None = None
        self.sync_waiter = False

    def has_event(self) -> bool:
        """Whether an event is pending."""
        return self.event is not None

    def take_event(self) -> Event:
        """The pending event, which is then no more."""
        event, self.event = self.event, None
        assert event is not None, "asked only when there is one"
        return event()

    def join(self, joined: "WaitableSet | None") -> None:
        """Be in this set and no other."""
        if self.set is not None:
            self.set.elements.remove(self)
        self.set = joined
        if joined is not None:
            joined.elements.append(self)

    def leave_sets(self) -> None:
        """What must be when it is dropped."""
        self.event = None
        self.join(None)


@final
class WaitableSet:
    """Waitables that are waited for together."""

    __slots__ = ("elements", "waiting")

    def __init__(self) -> None:
        self.elements: Final[list[Waitable]] = []
        #: threads that wait for it
        self.waiting = 0

    def has_event(self) -> bool:
        """Whether an event is pending in any."""
        return any(w.event is not None for w in self.elements)

    def take_event(self) -> Event:
        """A pending event. Whose it was goes to the end, so that all have their turn."""
        for waitable in self.elements:
            if waitable.event is not None:
                self.elements.remove(waitable)
                self.elements.append(waitable)
                return waitable.take_event()
        raise AssertionError("asked only when there is one")

    def drop(self) -> None:
        """`waitable-set.drop`."""
        if self.elements:
            trap("cannot drop waitable set with elements in it")
        if self.waiting:
            trap("cannot drop waitable set with waiters")


# states of subtasks
STARTING: Final = 0
STARTED: Final = 1
RETURNED: Final = 2
CANCELLED_BEFORE_STARTED: Final = 3
CANCELLED_BEFORE_RETURNED: Final = 4


@final
class Subtask(Waitable):
    """A call of another component, or of the host, as its caller sees it."""

    __slots__ = ("cancel_requested", "lenders", "on_cancel", "results", "state")

    def __init__(self) -> None:
        super().__init__()
        self.state = STARTING
        self.on_cancel: Callable[[ComponentInstance | None], None] | None = None
        #: handles that are lent for it; None once the caller knows that it is over
        self.lenders: list[ResourceHandle] | None = []
        self.cancel_requested = False
        self.results: tuple[int | float, ...] = ()

    def resolved(self) -> bool:
        """Whether it is over."""
        return self.state >= RETURNED

    def lend(self, handle: ResourceHandle) -> None:
        """Keep a handle from being dropped as long as it is lent."""
        assert self.lenders is not None
        handle.lends += 1
        self.lenders.append(handle)

    def deliver(self) -> None:
        """The caller learns that it is over."""
        assert self.lenders is not None
        assert self.resolved()
        for handle in self.lenders:
            handle.lends -= 1
        self.lenders = None

    @property
    def delivered(self) -> bool:
        """Whether the caller knows that it is over."""
        return self.lenders is None

    def drop(self) -> None:
        """`subtask.drop`."""
        if not self.delivered:
            trap("cannot drop a subtask which has not yet resolved")
        self.leave_sets()
