"""The host that generated programs run in: functions that compute, remember, fail and call back."""

from collections.abc import Callable
from typing import Any, Final, final

from wadjet.base.errors import Exhaustion, Trap, WasmException
from wadjet.engine.runtime.func import Function

#: How deep the host lets guests call themselves through it.
_DEPTH: Final = 3


class HostFailure(Exception):
    """What the host's `fail` raises."""


@final
class HostObject:
    """Something that only the host knows."""

    def __init__(self, number: int) -> None:
        self.number: Final = number


OBJECTS: Final = (None, HostObject(1), HostObject(2), HostObject(3))


@final
class Host:
    """One run's host. `trace` holds what was passed to it; `reenter` calls the guest's n-th
    call again, and gives a number for how that ended."""

    def __init__(self) -> None:
        self.trace: Final[list[tuple[object, ...]]] = []
        self.reenter: Callable[[int], int] = lambda n: 0
        self._depth = 0

    def functions(self) -> dict[str, Callable[..., Any]]:
        """Name → function, as in `wadjet.testing.generate.sections`."""
        return {
            "note": self.note, "mix": self.mix, "pair": self.pair, "fail": self.fail,
            "object": self.object, "floats": self.floats, "again": self.again,
            "identify": self.identify, "call": self.call,
        }  # fmt: skip

    def note(self, value: int) -> None:
        """Remembers."""
        self.trace.append(("note", value))

    def mix(self, a: int, b: int) -> int:
        """Computes."""
        self.trace.append(("mix", a, b))
        return _signed(a * 0x1_0001 ^ b + 7, 64)

    def pair(self, a: int) -> tuple[int, int]:
        """Gives two results."""
        return _signed(a >> 7, 32), _signed(a * 3, 64)

    def fail(self) -> None:
        """Fails."""
        raise HostFailure

    def object(self, n: int) -> object:
        """Gives null or an object."""
        return OBJECTS[n & 3]

    def floats(self, a: float, b: float) -> tuple[float, float]:
        """Converts both ways; NaNs, whose bits Python does not keep, become zero."""
        a, b = (0.0 if x != x else x for x in (a, b))
        self.trace.append(("floats", a, b))
        return a, b

    def identify(self, value: Any) -> int:
        """Tells whether something is the host's."""
        return int(value.number) if isinstance(value, HostObject) else -2

    def again(self, n: int) -> int:
        """Calls back."""
        return self._nested(lambda: self.reenter(n))

    def call(self, function: Any) -> int:
        """Calls what it is given, if that needs nothing."""
        if function is None:
            return -3
        type_ = Function.of(function).type
        if type_.params:
            return len(type_.params)
        return self._nested(lambda: _summary(function))

    def _nested(self, run: Callable[[], int]) -> int:
        if self._depth >= _DEPTH:
            return -4
        self._depth += 1
        try:
            return run()
        finally:
            self._depth -= 1


def _summary(function: Callable[[], object]) -> int:
    """How a call without arguments ends."""
    try:
        function()
    except (Trap, Exhaustion, WasmException, HostFailure) as error:
        return len(type(error).__name__)
    return 1


def _signed(value: int, bits: int) -> int:
    value &= (1 << bits) - 1
    return value - (1 << bits) if value >> bits - 1 else value
