"""Who waits for the awaitables of host functions: asyncio, which is imported when there are any."""

from collections.abc import Awaitable, Callable
from functools import cached_property
from typing import TYPE_CHECKING, Any, final

from wadjet.canon.host import Done, Host

if TYPE_CHECKING:
    from wadjet.api.aio import AsyncHost
    from wadjet.canon.ends import FutureEnd, StreamEnd
    from wadjet.canon.tasks import Scheduler


@final
class LazyHost(Host):
    """An `AsyncHost` that is made when it is needed. `scheduler` is set when there are guests."""

    def __init__(self) -> None:
        self.scheduler: Scheduler | None = None

    @cached_property
    def real(self) -> "AsyncHost":
        """The host that knows asyncio."""
        from wadjet.api.aio import AsyncHost

        return AsyncHost(self)

    def run(self, awaitable: Awaitable[Any]) -> Any:
        """Wait here and now."""
        return self.real.run(awaitable)

    def start(self, awaitable: Awaitable[Any], done: Done) -> Callable[[], object]:
        """Begin to wait."""
        return self.real.start(awaitable, done)

    def wait(self) -> bool:
        """Wait until something is over."""
        return "real" in self.__dict__ and self.real.wait()

    def later(self, step: Callable[[], None]) -> None:
        """Call it when others have had their turn."""
        self.real.later(step)

    def reader(self, end: "StreamEnd") -> object:
        """What Python gets of a stream."""
        return self.real.reader(end)

    def future(self, end: "FutureEnd") -> object:
        """What Python gets of a future."""
        return self.real.future(end)

    def close(self) -> None:
        """Stop all that waits."""
        if "real" in self.__dict__:
            self.real.close()
