"""Run a component that is a command: `wasi:cli/run`, of WASI 0.2 or 0.3."""

import asyncio
from collections.abc import Callable, Coroutine
from contextlib import AbstractContextManager
from typing import Any, Final, final

from wadjet.api.component import Component
from wadjet.api.component_instance import ComponentInstance
from wadjet.api.runtime import Limits
from wadjet.base.errors import Error, Exit, Timeout
from wadjet.canon.naming import matches
from wadjet.wasi.common.forms import ResultError
from wadjet.wasi.world import Wasi, World

#: what commands export; where there are both, the later edition is meant
_RUN: Final = ("wasi:cli/run@0.3.0", "wasi:cli/run@0.2.0")


@final
class ComponentProgram(AbstractContextManager["ComponentProgram"]):
    """A component brought to life with what a `Wasi` grants.

        with ComponentProgram(component, wasi) as program:
            code = program.start()
            program.invoke(lambda instance: instance.add(1, 2))

    Leaving the `with` block ends its tasks and closes what it had open. Raises `Unlinkable`, and
    OSError for a directory that is not there.
    """

    def __init__(
        self,
        component: Component,
        wasi: Wasi,
        *,
        limits: Limits | None = None,
        tier: str = "auto",
    ) -> None:
        self._component: Final = component
        self._world: Final = World(wasi)
        self._limits: Final = limits
        self._tier: Final = tier
        self._runner: asyncio.Runner | None = None
        self._instance: ComponentInstance | None = None
        names = [item.name for item in component.exports]
        self._export: Final = next(
            (name for run in _RUN for name in names if matches(run, name)), None
        )

    def start(self) -> int:
        """Run the command to its end; its exit status. Raises `Error` if it is no command."""
        export = self._export
        if export is None:
            raise Error("not a command: the component exports no wasi:cli/run")
        try:
            self._call(lambda instance: instance[export].run())
        except Exit as end:
            return end.code
        except ResultError:
            return 1
        return 0

    @property
    def is_command(self) -> bool:
        """Whether there is something to `start`."""
        return self._export is not None

    def invoke(self, function: Callable[[ComponentInstance], Coroutine[Any, Any, Any]]) -> Any:
        """What a function gives that is called with the instance: `lambda i: i.add(1, 2)`."""
        return self._call(function)

    def _call(self, call: Callable[[ComponentInstance], Coroutine[Any, Any, Any]]) -> Any:
        """Call a function within an event loop, and within the limit of time."""
        if self._runner is None:
            self._runner = asyncio.Runner()
        return self._runner.run(self._in_time(call))

    async def _in_time(self, call: Callable[[ComponentInstance], Coroutine[Any, Any, Any]]) -> Any:
        seconds = None if self._limits is None else self._limits.seconds
        task = asyncio.ensure_future(call(self._made()))
        done, _ = await asyncio.wait([task], timeout=seconds)
        if not done:
            task.cancel()
            await asyncio.wait([task], timeout=1)
            raise Timeout("the guest ran out of time while waiting")
        return task.result()

    def _made(self) -> ComponentInstance:
        if self._instance is None:
            self._instance = self._component.instantiate(
                wasi=self._world, limits=self._limits, tier=self._tier, awaitable=True
            )
        return self._instance

    def close(self) -> None:
        """End what still runs, and close what is open."""
        if self._instance is not None:
            self._instance.close()
        if self._runner is not None:
            self._runner.close()
        self._world.close()

    def __exit__(self, *_: object) -> None:
        self.close()
