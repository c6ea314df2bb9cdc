"""What values pass through: the memory, the allocator and the handles of one canonical definition
(CanonicalABI.md, "Lifting and Lowering Context")."""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Final, final

from wadjet.base.errors import Exhaustion
from wadjet.canon.resources import (
    ResourceHandle, RuntimeResource, rep_of_borrow, rep_of_own, to_host,
)  # fmt: skip
from wadjet.canon.traps import LIST_BOUNDS, REALLOC_ALIGN, REALLOC_BOUNDS, UNALIGNED, trap
from wadjet.component.types import Resource
from wadjet.engine.runtime.memory import Memory

if TYPE_CHECKING:
    from wadjet.canon.instance import ComponentInstance
    from wadjet.canon.tasks import Task
    from wadjet.canon.waitables import Subtask

#: The most bytes that a list may have.
MAX_BYTES: Final = (1 << 28) - 1
#: Bytes of strings and lists that may be read for one call. Lists may overlap, so that a small
#: memory can describe any amount.
FUEL: Final = 1 << 30


@final
class Context:
    """Where values are read from and written to. For the values that pass at the moment, `task` is
    what borrowed handles are lent to, `lender` keeps account of those that the guest lends."""

    __slots__ = (
        "fuel", "handles", "inst", "lender", "mask", "memory", "realloc", "resources", "tag",
        "task",
    )  # fmt: skip

    def __init__(
        self,
        inst: "ComponentInstance",
        memory: Memory | None,
        realloc: Callable[..., int] | None,
        resources: Mapping[Resource, RuntimeResource],
        address_bytes: int = 4,
    ) -> None:
        """`resources` are what the types that are read and written mean by resources."""
        self.inst: Final = inst
        self.handles: Final = inst.handles
        self.resources: Final = resources
        self.memory: Final[Memory] = memory  # type: ignore[assignment]  # valid: none is used
        self.realloc: Final = realloc
        self.tag: Final = 1 << 8 * address_bytes - 1
        self.mask: Final = (1 << 8 * address_bytes) - 1
        self.task: Task | None = None
        self.lender: Subtask | None = None
        self.fuel = FUEL

    def spend(self, count: int) -> None:
        """Count bytes that are read."""
        self.fuel -= count
        if self.fuel < 0:
            raise Exhaustion(f"strings and lists of one call exceed {FUEL} bytes")

    # --- memory -----------------------------------------------------------------------------------

    def span(self, p: int, length: int, size: int, align: int) -> memoryview:
        """The memory of a list of `length` elements."""
        memory, count = self.memory.view, length * size
        if count > MAX_BYTES:
            trap(f"{LIST_BOUNDS}: {count} bytes are too many")
        if p & align - 1:
            trap(UNALIGNED)
        if p + count > len(memory):
            trap(LIST_BOUNDS)
        self.spend(count)
        return memory[p : p + count]

    def reallocate(self, old: int, old_size: int, align: int, size: int) -> int:
        """Room for values, by the guest's own allocator."""
        assert self.realloc is not None, "valid: there is one where values need it"
        if size > self.mask:
            trap(f"{REALLOC_BOUNDS}: {size} bytes are too many")
        p: int = self.inst.unleaving(self.realloc, (old, old_size, align, size)) & self.mask
        if p & align - 1:
            trap(REALLOC_ALIGN)
        if p + size > len(self.memory.view):
            trap(REALLOC_BOUNDS)
        return p

    def allocate(self, align: int, size: int) -> int:
        """New room for values."""
        return self.reallocate(0, 0, align, size)

    def copy(self, data: "bytes | memoryview", align: int) -> int:
        """New room with these bytes in it."""
        size = len(data)
        p = self.reallocate(0, 0, align, size)
        self.memory.view[p : p + size] = data
        return p

    # --- handles ----------------------------------------------------------------------------------

    def lift_own(self, index: int, resource: Resource) -> Any:
        """Take a resource from the guest: what represents it."""
        type_ = self.resources[resource]
        handle = self._handle(index, type_)
        if handle.lends:
            trap("cannot remove owned resource while borrowed")
        if not handle.own:
            trap("cannot lift own resource from a borrow")
        self.handles.remove(index)
        return handle.rep

    def lift_borrow(self, index: int, resource: Resource) -> Any:
        """Borrow a resource from the guest: what represents it."""
        handle = self._handle(index, self.resources[resource])
        if self.lender is not None:
            self.lender.lend(handle)
        return handle.rep

    def lower_own(self, rep: Any, resource: Resource) -> int:
        """Give a resource to the guest."""
        return self.handles.add(ResourceHandle(self.resources[resource], rep, True))

    def lower_borrow(self, rep: Any, resource: Resource) -> int:
        """Lend a resource to the guest. It gets its own resources as what represents them."""
        type_, task = self.resources[resource], self.task
        if type_.impl is self.inst:
            number: int = rep
            return number
        assert task is not None, "borrowed handles are lowered for a task"
        task.borrows += 1
        return self.handles.add(ResourceHandle(type_, rep, False, task))

    def _handle(self, index: int, type_: RuntimeResource) -> ResourceHandle:
        return self.inst.resource(index, type_)

    # --- handles in the hands of the host ---------------------------------------------------------

    def lift_own_to_host(self, index: int, resource: Resource) -> Any:
        """A resource that the guest gives to the host."""
        return to_host(self.resources[resource], self.lift_own(index, resource), True)

    def lift_borrow_to_host(self, index: int, resource: Resource) -> Any:
        """A resource that the guest lends to the host."""
        return to_host(self.resources[resource], self.lift_borrow(index, resource), False)

    def lower_own_of_host(self, value: Any, resource: Resource) -> int:
        """A resource that the host gives to the guest."""
        return self.lower_own(rep_of_own(self.resources[resource], value), resource)

    def lower_borrow_of_host(self, value: Any, resource: Resource) -> int:
        """A resource that the host lends to the guest."""
        return self.lower_borrow(rep_of_borrow(self.resources[resource], value), resource)
