"""What values pass through: the memory, the allocator and the handles of one canonical definition
(CanonicalABI.md, "Lifting and Lowering Context")."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final, final

from wadjet.base.errors import Exhaustion
from wadjet.canon.strings import MAX_BYTES
from wadjet.canon.resources import (
    ResourceHandle, rep_of_borrow, rep_of_own, to_host,
)  # fmt: skip
from wadjet.canon.instance import MAY_LEAVE
from wadjet.canon.ends import FutureEnd, StreamEnd, future_of, stream_of
from wadjet.canon.streams import CopyEnd, Future, Stream, View
from wadjet.canon.values import ErrorContext
from wadjet.canon.traps import LIST_BOUNDS, REALLOC_ALIGN, REALLOC_BOUNDS, UNALIGNED, trap
from wadjet.component.closed import closed
from wadjet.component.types import Defined, Resource
from wadjet.component.types import Future as FutureShape
from wadjet.component.types import Stream as StreamShape
from wadjet.engine.runtime.memory import Memory

if TYPE_CHECKING:
    from wadjet.canon.instance import ComponentInstance
    from wadjet.canon.tasks import Task
    from wadjet.canon.waitables import Subtask

#: Bytes of strings and lists that may be read for one call. Lists may overlap, so that a small
#: memory can describe any amount.
FUEL: Final = 1 << 30


@final
class Context:
    """Where values are read from and written to. For the values that pass at the moment, `task` is
    what borrowed handles are lent to, `lender` keeps account of those that the guest lends."""

    __slots__ = (
        "fuel", "handles", "inst", "lender", "mask", "memory", "realloc", "reallocate",
        "resources", "tag",
        "task", "view",
    )  # fmt: skip

    def __init__(
        self,
        inst: "ComponentInstance",
        memory: Memory | None,
        realloc: Callable[..., int] | None,
        view: "ComponentInstance",
        address_bytes: int = 4,
    ) -> None:
        """`view` is an instance of the component whose types are read and written."""
        self.inst: Final = inst
        self.handles: Final = inst.handles
        self.view: Final = view
        self.resources: Final = view.resources
        self.memory: Final[Memory] = memory  # type: ignore[assignment]  # valid: none is used
        self.realloc: Final = realloc
        self.tag: Final = 1 << 8 * address_bytes - 1
        self.mask: Final = (1 << 8 * address_bytes) - 1
        #: makes room, with the guest's own allocator: old address and size, alignment, size
        self.reallocate: Final = _allocator(inst, memory, realloc, self.mask)
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
        handle = self.inst.resource(index, self.resources[resource])
        if handle.lends:
            trap("cannot remove owned resource while borrowed")
        if not handle.own:
            trap("cannot lift own resource from a borrow")
        self.handles.free(index)
        return handle.rep

    def lift_borrow(self, index: int, resource: Resource) -> Any:
        """Borrow a resource from the guest: what represents it."""
        handle = self.inst.resource(index, self.resources[resource])
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

    def lift_stream(self, index: int, t: Defined) -> Stream:
        """Take the readable end of a stream from the guest."""
        shared = self._lift_end(index, t).shared
        assert isinstance(shared, Stream)
        return shared

    def lift_future(self, index: int, t: Defined) -> Future:
        """Take the readable end of a future from the guest."""
        shared = self._lift_end(index, t).shared
        assert isinstance(shared, Future)
        return shared

    def _lift_end(self, index: int, t: Defined) -> CopyEnd:
        noun = "stream" if isinstance(t.shape, StreamShape) else "future"
        end = self.inst.end(index, noun, self.view.key(t), readable=True)
        end.check_idle("lift")
        if end.set is not None:
            trap(f"cannot lift {noun} while it's in a waitable set")
        self.handles.remove(index)
        return end

    def lower_stream(self, shared: Stream, t: Defined) -> int:
        """Give the readable end of a stream to the guest."""
        return self.handles.add(CopyEnd(shared, True))

    def lower_future(self, shared: Future, t: Defined) -> int:
        """Give the readable end of a future to the guest."""
        return self.handles.add(CopyEnd(shared, True))

    def lift_error_context(self, index: int) -> ErrorContext:
        """An error context, of which the guest keeps its own."""
        return self.inst.error_context(index)

    def lower_error_context(self, context: ErrorContext) -> int:
        """Give an error context to the guest."""
        if not isinstance(context, ErrorContext):
            raise TypeError(f"an ErrorContext is wanted, not {type(context).__name__}")
        return self.handles.add(context)

    # --- handles in the hands of the host ---------------------------------------------------------

    def lift_own_to_host(self, index: int, resource: Resource) -> Any:
        """A resource that the guest gives to the host."""
        type_, rep = self.resources[resource], self.lift_own(index, resource)
        return rep if type_.impl is None else to_host(type_, rep, True)

    def lift_borrow_to_host(self, index: int, resource: Resource) -> Any:
        """A resource that the guest lends to the host."""
        type_, rep = self.resources[resource], self.lift_borrow(index, resource)
        return rep if type_.impl is None else to_host(type_, rep, False)

    def lower_own_of_host(self, value: Any, resource: Resource) -> int:
        """A resource that the host gives to the guest."""
        type_ = self.resources[resource]
        rep = value if type_.impl is None else rep_of_own(type_, value)
        return self.handles.add(ResourceHandle(type_, rep, True))

    def lift_stream_to_host(self, index: int, t: Defined) -> Any:
        """What the host gets of a stream."""
        end = StreamEnd(self.lift_stream(index, t), self._seen(t))
        return self.inst.scheduler.host.reader(end)

    def lift_future_to_host(self, index: int, t: Defined) -> Any:
        """What the host gets of a future."""
        end = FutureEnd(self.lift_future(index, t), self._seen(t))
        return self.inst.scheduler.host.future(end)

    def lower_stream_of_host(self, value: Any, t: Defined) -> int:
        """Give the guest a stream of what the host offers."""
        return self.lower_stream(stream_of(value, self._seen(t), self.view.key(t)), t)

    def lower_future_of_host(self, value: Any, t: Defined) -> int:
        """Give the guest a future of what the host offers."""
        return self.lower_future(future_of(value, self._seen(t), self.view.key(t)), t)

    def _seen(self, t: Defined) -> View:
        assert isinstance(t.shape, StreamShape | FutureShape)
        element = t.shape.element
        return View(self.view, None if element is None else closed(element))

    def lower_borrow_of_host(self, value: Any, resource: Resource) -> int:
        """A resource that the host lends to the guest."""
        return self.lower_borrow(rep_of_borrow(self.resources[resource], value), resource)


def _allocator(
    inst: "ComponentInstance",
    memory: Memory | None,
    realloc: Callable[..., int] | None,
    mask: int,
) -> Callable[[int, int, int, int], int]:
    """The function that makes room in a guest. It runs for each string, hence what it needs is at
    hand and nothing is looked up."""
    flags, waits = inst.flags, inst.program.plan.waits

    def reallocate(old: int, old_size: int, align: int, size: int) -> int:
        assert realloc is not None, "valid: there is one where values need it"
        assert memory is not None, "valid: there is one where values need it"
        if size > mask:
            trap(f"{REALLOC_BOUNDS}: {size} bytes are too many")
        if waits:
            p: int = inst.unleaving(realloc, (old, old_size, align, size)) & mask
        else:
            flags[0] &= ~MAY_LEAVE
            p = realloc(old, old_size, align, size) & mask
            flags[0] |= MAY_LEAVE
        if p & align - 1:
            trap(REALLOC_ALIGN)
        if p + size > len(memory.view):
            trap(REALLOC_BOUNDS)
        return p

    return reallocate
