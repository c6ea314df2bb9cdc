"""What an adapter joins: the canonical options of its two sides, and what it must be given."""

from dataclasses import dataclass
from typing import Final, Literal, final

from wadjet.canon.adapters.assemble import Unit
from wadjet.component.types import Defined, Prim
from wadjet.core.types import (
    I32, FuncType, GlobalType, Limits, MemoryType, NumType,
)  # fmt: skip

#: `lower` is the caller, `lift` the callee (CanonicalABI.md, "canon lift" and "canon lower")
SideName = Literal["lower", "lift"]

#: Bits of the `flags` of a component instance.
MAY_ENTER: Final = 1
MAY_LEAVE: Final = 2
#: those of an instance in which nothing runs
READY: Final = MAY_ENTER | MAY_LEAVE


@dataclass(frozen=True, slots=True)
class Side:
    """The canonical options of one side. Of the type of its memory, the addresses, the size of
    pages and whether it is shared matter. `task` says that the callee may ask for the task that it
    is part of."""

    memory: MemoryType | None = None
    encoding: str = "utf8"
    realloc: bool = False
    post_return: bool = False
    is_async: bool = False
    callback: bool = False
    task: bool = False

    @property
    def ptr(self) -> NumType:
        """The type of addresses."""
        return I32 if self.memory is None else self.memory.limits.addr


@dataclass(frozen=True, slots=True)
class Need:
    """One import of an adapter: what it must be.

    callee, realloc, post-return, memory   of the `side`, as its options name them
    flags     the flags of an instance, a mutable i32 (`MAY_ENTER`, `MAY_LEAVE`): the side's own,
              or, with `index`, another instance that is entered together with the callee's
    trap      a function that never returns: [i32] -> [], given a code of `REASONS`
    enter     [] -> []: a task begins that the callee may ask for; before parameters are lifted
    exit      [] -> []: when the callee has returned, before its results are lifted, if it had a
              task or handles were lent to it
    leave     [] -> []: the end of a task that the callee may ask for, after post-return
    own, borrow, stream, future, error-context
              [i32] -> [i32]: lifts a handle of this `type` from `side`, lowers it to the other
    """

    kind: str
    side: SideName | None = None
    index: int = 0
    type: Prim | Defined | None = None


@final
class Imports:
    """The imports of an adapter, each made when it is first named."""

    __slots__ = ("_names", "_sides", "_unit", "needs")

    def __init__(self, unit: Unit, lower: Side, lift: Side) -> None:
        self._unit: Final = unit
        self._sides: Final[dict[SideName, Side]] = {"lower": lower, "lift": lift}
        self._names: Final[set[str]] = set()
        self.needs: Final[list[Need]] = []

    def func(self, kind: str, side: SideName, t: FuncType) -> str:
        """The function of this kind of a side."""
        name = f"{side}.{kind}"
        if self._new(name, Need(kind, side)):
            self._unit.import_func(name, t.params, t.results)
        return name

    def realloc(self, side: SideName) -> str:
        """The function that allocates in the memory of a side."""
        ptr = self._sides[side].ptr
        return self.func("realloc", side, FuncType((ptr,) * 4, (ptr,)))

    def hook(self, kind: str) -> str:
        """The host's `enter`, `exit` or `leave`."""
        name = f"host.{kind}"
        if self._new(name, Need(kind)):
            self._unit.import_func(name, (), ())
        return name

    def trap(self) -> str:
        """The function that ends the call."""
        if self._new("host.trap", Need("trap")):
            self._unit.import_func("host.trap", (I32,), ())
        return "host.trap"

    def handle(self, kind: str, side: SideName, t: Prim | Defined, number: int) -> str:
        """The function that takes a handle over from a side. `number` tells types apart."""
        name = f"{side}.{kind}-{number}"
        if self._new(name, Need(kind, side, number, t)):
            self._unit.import_func(name, (I32,), (I32,))
        return name

    def flags(self, side: SideName, index: int = 0) -> str:
        """The flags of an instance."""
        name = f"{side}.flags-{index}"
        if self._new(name, Need("flags", side, index)):
            self._unit.import_global(name, GlobalType(I32, True))
        return name

    def memory(self, side: SideName) -> str:
        """The memory of a side, which must have one."""
        given = self._sides[side].memory
        assert given is not None, f"a {side} without memory"
        name = f"{side}.memory"
        if self._new(name, Need("memory", side)):
            most = given.limits.max if given.shared else None
            limits = Limits(0, most, given.limits.addr)
            self._unit.import_memory(name, MemoryType(limits, given.shared, given.page_log2))
        return name

    def _new(self, name: str, need: Need) -> bool:
        """Whether this is the first time that somebody names it."""
        if name in self._names:
            return False
        self._names.add(name)
        self.needs.append(need)
        return True
