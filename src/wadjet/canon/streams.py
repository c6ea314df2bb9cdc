"""Streams and futures (CanonicalABI.md, "Buffer State", "Stream State", "Future State").

Both ends meet in a `Shared`. A read and a write that meet copy as much as both have room for. What
one side holds out is a buffer: guests' lie in their memories, the host's are those of `ends`.
Guests copy from memory to memory; where one side is the host its `View` says what the values are
to Python.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final, final

from wadjet.canon.strings import MAX_BYTES
from wadjet.canon.explain import FAULTS, explain
from wadjet.canon.traps import CONCURRENT, LIST_BOUNDS, UNALIGNED, trap
from wadjet.canon.waitables import Waitable
from wadjet.component.abi import alignment, elem_size
from wadjet.component.types import (
    F32, F64, S8, S16, S32, S64, U8, U16, U32, U64, Defined, Prim,
)  # fmt: skip
from wadjet.core.types import NumType

if TYPE_CHECKING:
    from wadjet.canon.context import Context
    from wadjet.canon.instance import ComponentInstance

#: Elements of one buffer.
MAX_LENGTH: Final = (1 << 28) - 1
#: types that may pass between two ends in one instance
_NUMBERS: Final = frozenset((None, S8, U8, S16, U16, S32, U32, S64, U64, F32, F64))

# results of copies
COMPLETED: Final = 0
DROPPED: Final = 1
CANCELLED: Final = 2

Element = Prim | Defined | None
Reclaim = Callable[[], None]
OnCopy = Callable[[Reclaim], None]
OnDone = Callable[[int], None]


@final
class View:
    """How the host sees the elements of a stream or future: as elements of a type of a component
    of which `inst` is an instance."""

    __slots__ = ("element", "inst")

    def __init__(self, inst: "ComponentInstance", element: Element) -> None:
        self.inst: Final = inst
        self.element: Final = element


class Buffer(ABC):
    """Room for elements, or elements. `view` is None for a guest's."""

    view: View | None = None
    inst: "ComponentInstance | None" = None

    @property
    @abstractmethod
    def remain(self) -> int:
        """Elements that are still to be copied."""

    @property
    @abstractmethod
    def empty(self) -> bool:
        """Whether it was made for no elements at all."""

    def most(self) -> int:
        """How many elements may be copied at once."""
        return self.remain

    @abstractmethod
    def read(self, count: int, view: View | None) -> Any:
        """Take elements out, as whoever gets them sees them."""

    @abstractmethod
    def write(self, values: Any, count: int, view: View | None) -> None:
        """Put elements in, as whoever gives them sees them."""


#: What copies elements from one address to another, so many.
ElementCopier = Callable[[int, int, int], object]


@final
class Window:
    """Where the buffers of one built-in lie: in which memory, elements of which type."""

    __slots__ = ("_copiers", "cx", "element", "encoding", "ptr", "size")

    def __init__(self, cx: "Context", element: Element, ptr: NumType, encoding: str) -> None:
        self.cx: Final = cx
        self.element: Final = element
        self.ptr: Final = ptr
        self.encoding: Final = encoding
        self.size: Final = 0 if element is None else elem_size(element, ptr)
        self._copiers: Final[dict[Window, ElementCopier]] = {}

    def copier(self, source: "Window") -> ElementCopier:
        """What copies elements from the window of another guest, or of the same."""
        found = self._copiers.get(source)
        if found is None:
            from wadjet.canon.fused import element_copy

            found = self._copiers[source] = element_copy(source, self)
        return found


@final
class GuestBuffer(Buffer):
    """A buffer in the memory of a guest."""

    __slots__ = ("_length", "_p", "_window", "progress")

    def __init__(self, window: Window, p: int, length: int) -> None:
        cx, element = window.cx, window.element
        if length > MAX_LENGTH:
            trap(f"{LIST_BOUNDS}: a buffer has at most {MAX_LENGTH} elements")
        if element is not None and length > 0:
            if p & alignment(element, window.ptr) - 1:
                trap(UNALIGNED)
            if p + length * window.size > len(cx.memory.view):
                trap(f"stream pointer/length out of bounds of memory: {LIST_BOUNDS}")
        self.inst = cx.inst
        self._window: Final = window
        self._p = p
        self._length: Final = length
        self.progress = 0

    @property
    def remain(self) -> int:
        """Elements that are still to be copied."""
        return self._length - self.progress

    @property
    def empty(self) -> bool:
        """Whether it was made for no elements at all."""
        return self._length == 0

    def most(self) -> int:
        """How many elements may be copied at once."""
        size = self._window.size
        return self.remain if not size else min(self.remain, MAX_BYTES // size)

    def _seen_by(self, view: View | None) -> "tuple[Any, Context, Any]":
        """What writes code for the elements, the context for it, and their type."""
        assert view is not None, "guests copy from each other by `take`"
        window, cx = self._window, self._window.cx
        coder = view.inst.program.coder(window.ptr, window.encoding)
        seen = type(cx)(cx.inst, cx.memory, cx.realloc, view.inst, window.ptr.size)
        return coder, seen, view.element

    def _pass(self, count: int) -> None:
        self.progress += count
        self._p += count * self._window.size

    def read(self, count: int, view: View | None) -> Any:
        """Load elements."""
        if self._window.element is None:
            self._pass(count)
            return [None] * count
        coder, cx, element = self._seen_by(view)
        load = coder.codec.namespace[coder.lifting.list_loader(element)]
        p = self._p
        self._pass(count)
        return load(cx, p, count)

    def write(self, values: Any, count: int, view: View | None) -> None:
        """Store elements."""
        if self._window.element is not None:
            coder, cx, element = self._seen_by(view)
            store = coder.codec.namespace[coder.lowering.range_storer(element)]
            try:
                store(cx, values, self._p)
            except FAULTS as fault:
                parts = [(f"element {i}", element, v) for i, v in enumerate(values)]
                raise explain(fault, parts) from None
        self._pass(count)

    def take(self, source: "GuestBuffer", count: int) -> None:
        """Copy elements of another guest."""
        if self._window.element is not None:
            self._window.copier(source._window)(source._p, self._p, count)
        source._pass(count)
        self._pass(count)


class Shared:
    """What the two ends of a stream or future have in common. `key` tells types apart, `element`
    is what its maker calls its type; `noun` is "stream" or "future". `on_drop` is told of a dropped
    end by whoever wants to know that without holding a buffer out."""

    __slots__ = ("_buffer", "_done", "_on_copy", "dropped", "element", "key", "noun", "on_drop")

    def __init__(self, noun: str, key: int, element: Element) -> None:
        self.noun: Final = noun
        self.key: Final = key
        self.element: Final = element
        self.dropped = False
        self.on_drop: Callable[[], object] | None = None
        self._buffer: Buffer | None = None
        self._on_copy: OnCopy | None = None
        self._done: OnDone | None = None

    def _hold(self, buffer: Buffer, on_copy: OnCopy | None, done: OnDone) -> None:
        self._buffer, self._on_copy, self._done = buffer, on_copy, done

    def _release(self) -> None:
        self._buffer = self._on_copy = self._done = None

    def _notify(self, result: int) -> None:
        done = self._done
        self._release()
        assert done is not None, "somebody holds a buffer out"
        done(result)

    def cancel(self) -> None:
        """Whoever holds a buffer out takes it back."""
        self._notify(CANCELLED)

    def drop(self) -> None:
        """One end is gone."""
        if not self.dropped:
            self.dropped = True
            if self._buffer is not None:
                self._notify(DROPPED)
            elif self.on_drop is not None:
                self.on_drop()

    @property
    def waits(self) -> bool:
        """Whether a buffer is held out."""
        return self._buffer is not None

    def _copy(self, source: Buffer, target: Buffer, count: int) -> None:
        inst = target.inst
        if inst is not None and inst is source.inst and self.element not in _NUMBERS:
            trap(f"cannot read from and write to intra-component {self.noun}")
        if isinstance(source, GuestBuffer) and isinstance(target, GuestBuffer):
            target.take(source, count)
        else:
            target.write(source.read(count, target.view), count, source.view)


@final
class Stream(Shared):
    """Any number of elements, one after the other."""

    __slots__ = ()

    def __init__(self, key: int, element: Element) -> None:
        super().__init__("stream", key, element)

    def read(self, buffer: Buffer, on_copy: OnCopy, done: OnDone) -> None:
        """Hold out room for elements."""
        self._meet(buffer, on_copy, done, reads=True)

    def write(self, buffer: Buffer, on_copy: OnCopy, done: OnDone) -> None:
        """Hold out elements."""
        self._meet(buffer, on_copy, done, reads=False)

    def _meet(self, buffer: Buffer, on_copy: OnCopy, done: OnDone, *, reads: bool) -> None:
        other = self._buffer
        if self.dropped:
            done(DROPPED)
        elif other is None:
            self._hold(buffer, on_copy, done)
        elif other.remain > 0:
            count = min(other.most(), buffer.most())
            if count > 0:
                self._copy(*((other, buffer) if reads else (buffer, other)), count)
                assert self._on_copy is not None
                self._on_copy(self._release)
            done(COMPLETED)
        elif not reads and buffer.empty and other.empty:
            done(COMPLETED)
        else:
            notified = self._done
            self._hold(buffer, on_copy, done)
            assert notified is not None
            notified(COMPLETED)


@final
class Future(Shared):
    """One element."""

    __slots__ = ()

    def __init__(self, key: int, element: Element) -> None:
        super().__init__("future", key, element)

    def read(self, buffer: Buffer, done: OnDone) -> None:
        """Hold out room for the element."""
        self._meet(buffer, done, reads=True)

    def write(self, buffer: Buffer, done: OnDone) -> None:
        """Hold out the element."""
        self._meet(buffer, done, reads=False)

    def _meet(self, buffer: Buffer, done: OnDone, *, reads: bool) -> None:
        other = self._buffer
        if self.dropped:
            done(DROPPED)
        elif other is None:
            self._hold(buffer, None, done)
        else:
            self._copy(*((other, buffer) if reads else (buffer, other)), 1)
            self._notify(COMPLETED)
            done(COMPLETED)


# states of ends
IDLE: Final = 1
COPYING: Final = 2
CANCELLING: Final = 3
DONE: Final = 4


@final
class CopyEnd(Waitable):
    """An end of a stream or future in a table of handles."""

    __slots__ = ("partial", "readable", "shared", "state")

    def __init__(self, shared: Stream | Future, readable: bool) -> None:
        super().__init__()
        self.shared: Final = shared
        self.readable: Final = readable
        self.state = IDLE
        #: whether some was copied, and the buffer is still held out for more
        self.partial = False

    @property
    def copying(self) -> bool:
        """Whether a copy is under way."""
        return self.state in (COPYING, CANCELLING)

    def check_idle(self, verb: str) -> None:
        """Trap unless it may be used for something new."""
        noun = self.shared.noun
        if self.copying:
            trap(f"cannot {verb} busy {noun}: {CONCURRENT}")
        if self.state == DONE:
            trap(f"cannot {verb} {noun} after {self._why_done()}")

    def _why_done(self) -> str:
        if self.shared.noun == "stream":
            other = "writable" if self.readable else "readable"
            return f"being notified that the {other} end dropped"
        if self.readable:
            return "previous read succeeded"
        return "previous write succeeded or readable end dropped"

    def drop(self) -> None:
        """`stream.drop-readable` and its kin."""
        noun = self.shared.noun
        if self.copying:
            trap(f"cannot drop busy {noun}: cannot remove busy {noun}")
        if noun == "future" and not self.readable and self.state != DONE:
            trap("cannot drop future write end without first writing a value")
        self.shared.drop()
        self.leave_sets()
