"""What a guest may have: limits, and how much memory is left of them."""

from wadjet.base.records import dataclass
from typing import Final, final

from wadjet.engine.runtime.locks import new_lock


@dataclass(frozen=True, slots=True)
class Limits:
    """What the guests of one store may use. None means no limit but the machine's.

    seconds   wall-clock time of each outermost call; then `Timeout`
    memory    bytes of all linear memories, tables, collected objects and continuations' stacks
              together; growing beyond it fails as the standard lets it fail (-1), creating beyond
              it is `Exhaustion`
    stack     bytes of native stack, on all stacks that run together; then `Exhaustion`
    fuel      units of work over the life of the store; then `Exhaustion`. Only the interpreter
              counts: `auto` chooses it then
    """

    seconds: float | None = None
    memory: int | None = None
    stack: int = 6 << 20
    fuel: int | None = None

    def __post_init__(self) -> None:
        for name in ("seconds", "memory", "stack", "fuel"):
            value = getattr(self, name)
            if value is not None and value < 0:
                raise ValueError(f"Limits.{name} must not be negative, got {value}")


_lock: Final = new_lock()  # one for all: it is held for an addition


@final
class Budget:
    """Bytes that may be allocated: what the memories and tables of one store draw on."""

    __slots__ = ("limit", "used")

    def __init__(self, limit: int | None = None) -> None:
        self.limit: Final = limit
        self.used = 0

    def take(self, count: int) -> bool:
        """Draw bytes; False, and nothing drawn, where that would exceed the limit."""
        with _lock:
            if self.limit is not None and self.used + count > self.limit:
                return False
            self.used += count
            return True

    def give(self, count: int) -> None:
        """Return bytes drawn before."""
        with _lock:
            self.used -= count
