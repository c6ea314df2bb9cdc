"""The native stacks of continuations: address space for them, and how much of it is kept.

A stack is a reservation of its own, with a VMStack at its very top (see `contract.continuations`)
and a guard page at its end. Pages come into being as they are touched. Machine code takes stacks
from the heap's pool and puts them back; what nobody uses is unmapped after a collection.
"""

from collections.abc import Iterable
from typing import Final, final

from wadjet.engine.contract.continuations import RESERVE, VM_STACK
from wadjet.engine.contract.heap import VM_HEAP
from wadjet.engine.contract.layout import VM_STORE, WORD
from wadjet.engine.contract.machine import ACTIVATION_BASE, VM_ACTIVATION
from wadjet.engine.runtime.budget import Budget
from wadjet.engine.runtime.pages import PAGE, Region, reserve, round_up

#: Bytes of a stack where memory is limited: all of it counts.
_SMALL: Final = 256 << 10
#: So many are made at least between two collections, and so many may lie idle after one.
_PATIENCE: Final = 1024
_IDLE: Final = 64
_ALIGN: Final = 64


@final
class Stacks:
    """The stacks of one heap (the address of a VMHeap)."""

    def __init__(self, heap: int, budget: Budget, limit: int) -> None:
        """`limit` is Limits.stack: no stack needs to be larger, and most may well be smaller."""
        self._heap: Final = heap
        self._budget: Final = budget
        size = min(limit, _SMALL)
        if budget.limit is None:
            size = max(size, limit // 4)
        #: bytes of each reservation
        self._size: Final = round_up(max(size, PAGE)) + RESERVE + PAGE
        self._regions: dict[int, Region] = {}
        #: how many were made since the last collection, and how many stayed then
        self._fresh = self._stayed = 0

    @property
    def wants_collection(self) -> bool:
        """Have so many been made that it is time to look for those that nobody can resume?"""
        return self._fresh >= max(_PATIENCE, self._stayed)

    @property
    def waiting(self) -> bool:
        """Does any wait to go on?"""
        return any(VM_STACK.read(stack, "owner") for stack in self._regions)

    def add(self) -> bool:
        """Put a new stack into the pool; False where there is no room."""
        if not self._budget.take(self._size):
            return False
        region = reserve(self._size)
        if region is None or not region.open(PAGE):
            self._budget.give(self._size)
            return False
        stack = (region.base + self._size - VM_STACK.size) // _ALIGN * _ALIGN
        VM_STACK.write(stack, "low", region.base + PAGE + RESERVE)
        VM_STACK.write(stack, "heap", self._heap)
        self._regions[stack] = region
        self._fresh += 1
        self._push("stacks", stack, "next")
        self._push("pool", stack, "free")
        VM_HEAP.write(self._heap, "pooled", VM_HEAP.read(self._heap, "pooled") + 1)
        return True

    def trim(self) -> None:
        """After a collection: unmap idle stacks, all but a few."""
        idle = VM_HEAP.read(self._heap, "pool")
        keep: list[int] = []
        while idle:
            stack, idle = idle, VM_STACK.read(idle, "free")
            if len(keep) < _IDLE:
                keep.append(stack)
            else:
                del self._regions[stack]
                self._budget.give(self._size)
        self._chain("pool", keep, "free")
        VM_HEAP.write(self._heap, "pooled", len(keep))
        self._chain("stacks", self._regions, "next")
        self._fresh, self._stayed = 0, len(self._regions)

    def _push(self, head: str, stack: int, link: str) -> None:
        VM_STACK.write(stack, link, VM_HEAP.read(self._heap, head))
        VM_HEAP.write(self._heap, head, stack)

    def _chain(self, head: str, stacks: Iterable[int], link: str) -> None:
        VM_HEAP.write(self._heap, head, 0)
        for stack in stacks:
            self._push(head, stack, link)


def ranges(runs: list[int]) -> list[tuple[int, int]]:
    """What these activations use of the stacks of continuations: address and number of words."""
    heads = {VM_STORE.read(VM_ACTIVATION.read(run, "store"), "stack") for run in runs}
    heads |= {VM_ACTIVATION.read(run, "stack") for run in runs}
    bases = {run + ACTIVATION_BASE for run in runs}
    found = []
    for stack in heads - {0}:
        while stack not in bases:
            start = VM_STACK.read(stack, "sp")
            found.append((start, (stack - start) // WORD))
            stack = VM_STACK.read(stack, "parent")
    return found
